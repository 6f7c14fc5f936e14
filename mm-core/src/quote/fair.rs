//! What a share is worth as far as the book tells before its midpoint moves (`strategy.md` section 5). Quotes are placed around it, and
//! orders at or through it are dangerous; scores know nothing of it.
//!
//! Two signs, each configured by itself. The *micro-price*: the midpoint of the best levels that count, each weighed with the size of the
//! other one (Stoikov 2018; his price is a martingale, of which this is the first step, so that only a part of the way is gone). The *flow*:
//! what came to the best bid and left the best ask, less the contrary, faded with time (Cont, Kukanov and Stoikov 2014: price changes
//! are linear in it). Whatever they say, the fair value stays between the two best levels.
//!
//! Whole numbers only, rounded towards the midpoint: a book and its mirror image have fair values that mirror each other.

use super::near::Level;
use super::params::ParamError;
use crate::domain::{Nanos, Price, Qty, TickSize, parse_decimal};
use crate::rewards::Midpoint;
use serde::Serialize;
use std::fmt;

/// Millionths of a share in a thousand shares.
const THOUSAND_SHARES: i128 = 1_000_000_000;

/// Checked keys. The default is the midpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FairRule {
    /// How far of the way from the midpoint to the micro-price, percent, 0 to 100.
    pub micro_percent: u8,
    /// What flow is worth; `None`: nothing.
    pub flow: Option<FlowRule>,
}

/// What flow to the best levels says of the price to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FlowRule {
    /// For a thousand shares.
    per_thousand: Price,
    /// Half of it is forgotten after this.
    pub half_life: Nanos,
    /// Never more than this.
    most: Price,
}

impl FairRule {
    /// The keys as written; an empty `flow` is none.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub fn read(micro_percent: u64, flow: &str, half_life_s: u64, most: &str) -> Result<Self, ParamError> {
        let bad = |key, value: &str, allowed| ParamError::Value { key, value: value.to_owned(), allowed };
        let cents = |key, text: &str| {
            let read = parse_decimal(text, 2).ok().filter(|n| (1..=5_000).contains(n));
            let price = read.and_then(|n| u16::try_from(n).ok()).and_then(Price::from_ten_thousandths);
            price.ok_or_else(|| bad(key, text, "cents from 0.01 to 50 with at most 2 decimals, like \"0.5\""))
        };
        let percent = u8::try_from(micro_percent).ok().filter(|n| *n <= 100);
        let micro_percent =
            percent.ok_or_else(|| bad("micro_price_percent", &micro_percent.to_string(), "0 to 100"))?;
        if flow.is_empty() {
            return Ok(Self { micro_percent, flow: None });
        }
        if !(1..=3_600).contains(&half_life_s) {
            return Err(bad("flow_half_life_s", &half_life_s.to_string(), "1 to 3600"));
        }
        let flow = FlowRule {
            per_thousand: cents("flow_cents_per_1000_shares", flow)?,
            half_life: Nanos::from_secs(half_life_s),
            most: cents("flow_max_cents", most)?,
        };
        Ok(Self { micro_percent, flow: Some(flow) })
    }

    /// Whether the value depends on how much rests at the best levels.
    #[must_use]
    pub const fn follows_sizes(&self) -> bool {
        self.micro_percent != 0 || self.flow.is_some()
    }
}

impl FlowRule {
    /// By how much the fair value moves for so many millionths of a share of flow: half ten-thousandths, in steps of half a tick, which
    /// is the least a midpoint moves by.
    #[must_use]
    pub fn halves(&self, flow: i128, tick: TickSize) -> i16 {
        let doubled = |price: Price| 2 * i128::from(price.ten_thousandths());
        let most = doubled(self.most);
        let halves = flow.saturating_mul(doubled(self.per_thousand)) / THOUSAND_SHARES;
        let half_tick = i128::from(tick.ten_thousandths());
        i16::try_from(halves.clamp(-most, most) / half_tick * half_tick).expect("at most half a dollar")
    }
}

/// The best levels that count: with the scoring size or more, our own orders left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// The size that counts.
    pub min_size: Qty,
    /// Bids.
    pub bid: Level,
    /// Asks.
    pub ask: Level,
}

impl Best {
    /// Between the two.
    #[must_use]
    pub const fn midpoint(&self) -> Midpoint {
        Midpoint::between(self.bid.0, self.ask.0)
    }
}

/// A fair value and what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fair {
    /// The value; never beyond the best levels that count.
    pub value: Midpoint,
    /// What the sizes there say, half ten-thousandths off the midpoint.
    pub sizes: i16,
    /// What flow says, the same.
    pub flow: i16,
}

impl Fair {
    /// The value between two best levels, the lower one first.
    pub(super) fn new(rule: FairRule, [bid, ask]: [Level; 2], flow: i16) -> Self {
        let midpoint = Midpoint::between(bid.0, ask.0);
        // half of what lies between, in half ten-thousandths
        let reach = i32::from(bid.0.distance(ask.0));
        let sizes = if rule.micro_percent == 0 {
            0
        } else {
            let [bid, ask] = [bid, ask].map(|(_, qty)| i128::from(qty.micro()));
            let way = i128::from(reach) * i128::from(rule.micro_percent) * (bid - ask) / (100 * (bid + ask)).max(1);
            i16::try_from(way).expect("less than the distance of two prices")
        };
        let moved = (i32::from(sizes) + i32::from(flow)).clamp(-reach, reach);
        let value = u16::try_from(i32::from(midpoint.halves()) + moved).expect("between two prices");
        Self { value: Midpoint::of_halves(value), sizes, flow }
    }

    /// Whether anything speaks for another value than the midpoint.
    #[must_use]
    pub const fn is_moved(&self) -> bool {
        self.sizes != 0 || self.flow != 0
    }
}

/// Half ten-thousandths as signed dollars.
struct Signed(i16);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", Midpoint::of_halves(self.0.unsigned_abs()))
    }
}

impl fmt::Display for Fair {
    /// The value and its parts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (sizes {}, flow {})", self.value, Signed(self.sizes), Signed(self.flow))
    }
}
