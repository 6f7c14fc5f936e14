//! What a resting share costs a day at a distance from the fair price (`strategy.md` section 3).
//!
//! `m(s) = λ(s)·(α − s − rebate) + λ_J·E[(|J| − s)⁺] + resolution hazard + capital cost`: fills that come with the usual flow and go
//! against us by `α`, less the distance they pay us; jumps of the fair price that reach us before we cancel; the event being decided
//! while we rest; money that could lie elsewhere. Arrival falls by `e^(−ks)`, jumps are exponential. Negative where the spread pays
//! for everything.
//!
//! The part that depends on the distance alone is tabulated when the configuration is read, in whole nano-dollars: the quoting loop
//! only looks up. `exp` is `libm`'s, so that the table is the same on every machine.

use super::MoneyPrice;
use super::params::ParamError;
use crate::domain::parse_decimal;
use crate::rewards::Midpoint;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Half ten-thousandths in a dollar.
const HALVES: f64 = 20_000.0;
/// Distances of the table: ten cents, wider than any reward band seen. Beyond it the last value holds.
const TABLE_HALVES: u16 = 2_000;
/// Decimals of every key.
const DECIMALS: u32 = 6;
/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;
const DAYS_PER_YEAR: f64 = 365.0;

/// The keys as written: decimal strings; an empty one is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostKeys<'a> {
    /// Times a day a share resting at the fair price would be filled.
    pub fills_per_day: &'a str,
    /// By which power of e that falls with each cent of distance.
    pub fill_decay_per_cent: &'a str,
    /// How far the fair price goes against such a fill, cents.
    pub markout_cents: &'a str,
    /// Jumps of the fair price a day, up and down together, that are faster than our cancels.
    pub jumps_per_day: &'a str,
    /// Their mean size, cents.
    pub jump_cents: &'a str,
    /// What the venue pays back for a filled share, cents.
    pub rebate_cents: &'a str,
    /// How often a day the event could be decided while we rest.
    pub resolutions_per_day: &'a str,
    /// What the money could earn elsewhere, percent a year.
    pub capital_percent_per_year: &'a str,
}

/// A checked cost model.
#[derive(Clone, Serialize)]
pub struct CostModel {
    /// In the order of [`CostKeys`], millionths.
    keys: [u64; 8],
    /// Dollars a share and day by half ten-thousandths of distance, each a whole number of nano-dollars.
    #[serde(skip)]
    table: Arc<[f64]>,
}

impl PartialEq for CostModel {
    /// The table follows from the keys.
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys
    }
}

impl Eq for CostModel {}

impl fmt::Debug for CostModel {
    /// The keys, without the table made from them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CostModel").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl CostModel {
    /// Checks the keys and tabulates the model; `None` when none of the first five is given.
    ///
    /// # Errors
    /// A key that is missing beside others, not a decimal, or out of its range.
    pub fn read(keys: &CostKeys<'_>) -> Result<Option<Self>, ParamError> {
        const NUMBER: &str = "a decimal with at most 6 decimals, at most 1000000";
        let needed = [
            ("fills_per_day", keys.fills_per_day),
            ("fill_decay_per_cent", keys.fill_decay_per_cent),
            ("markout_cents", keys.markout_cents),
            ("jumps_per_day", keys.jumps_per_day),
            ("jump_cents", keys.jump_cents),
        ];
        if needed.iter().all(|(_, text)| text.is_empty()) {
            return Ok(None);
        }
        let bad = |key, value: &str, allowed| ParamError::Value { key, value: value.to_owned(), allowed };
        let mut read = [0; 8];
        let rest = [
            ("rebate_cents", keys.rebate_cents),
            ("resolutions_per_day", keys.resolutions_per_day),
            ("capital_percent_per_year", keys.capital_percent_per_year),
        ];
        let all = needed.iter().chain(&rest);
        for (n, (to, (key, text))) in read.iter_mut().zip(all).enumerate() {
            if text.is_empty() {
                if n < needed.len() {
                    return Err(bad(key, text, "given, as the other keys of the cost model are"));
                }
                continue;
            }
            *to = parse_decimal(text, DECIMALS)
                .ok()
                .filter(|n| *n <= 1_000_000_000_000)
                .ok_or_else(|| bad(key, text, NUMBER))?;
        }
        Ok(Some(Self::of(read)))
    }

    fn of(keys: [u64; 8]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^12, far below 2^52")]
        let [fills, decay, markout, jumps, jump, rebate, _, _] = keys.map(|key| key as f64 / 1e6);
        let cent = |cents: f64| cents / 100.0;
        let at = |halves: u16| {
            let s = f64::from(halves) / HALVES;
            let flow = fills * libm::exp(-decay * 100.0 * s) * (cent(markout) - s - cent(rebate));
            // one side is reached by half of the jumps; E[(|J| − s)⁺] of an exponential is its mean times e^(−s/mean)
            let leap = if jump > 0.0 { jumps / 2.0 * cent(jump) * libm::exp(-s / cent(jump)) } else { 0.0 };
            whole_nano(flow + leap) / NANO
        };
        Self { keys, table: (0..=TABLE_HALVES).map(at).collect() }
    }

    /// Dollars a share and day at `halves` half ten-thousandths from the fair price, on either side, without what depends on the price.
    #[must_use]
    #[inline]
    pub fn at_distance(&self, halves: u16) -> f64 {
        self.table[usize::from(halves.min(TABLE_HALVES))]
    }

    /// The same in whole nano-dollars.
    #[must_use]
    pub fn nano_at_distance(&self, halves: u16) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "it was rounded from a number that fits; `as` saturates")]
        let nano = whole_nano(self.at_distance(halves)) as i64;
        nano
    }

    /// What does not depend on the distance, at one fair price.
    #[must_use]
    pub fn around(&self, fair: Midpoint) -> PriceCost {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^12, far below 2^52")]
        let [.., resolutions, capital] = self.keys.map(|key| key as f64 / 1e6);
        let p = f64::from(fair.halves()) / HALVES;
        PriceCost { decided: resolutions * p * (1.0 - p), tied_up: capital / 100.0 / DAYS_PER_YEAR }
    }

    /// How often a day a share at the midpoint is filled, and by which power of e that falls with each cent.
    pub(super) fn flow(&self) -> (f64, f64) {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^12, far below 2^52")]
        let [fills, decay, ..] = self.keys.map(|key| key as f64 / 1e6);
        (fills, decay)
    }

    /// How often a day a share at `halves` half ten-thousandths from the fair price is filled, and the dollars that such a fill brings: what is
    /// paid back, and the distance less the mark-out, or in place of these the cents that were `measured`.
    pub(super) fn fill_at(&self, halves: u16, measured: Option<f64>) -> (f64, f64) {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^12, far below 2^52")]
        let [fills, decay, markout, _, _, rebate, _, _] = self.keys.map(|key| key as f64 / 1e6);
        let cents = 100.0 * f64::from(halves) / HALVES;
        (fills * libm::exp(-decay * cents), (measured.unwrap_or(cents - markout) + rebate) / 100.0)
    }

    /// The same table is kept once: a market's own copy is given up for an equal one.
    pub fn share(&mut self, known: &Self) {
        if self.keys == known.keys {
            self.table = Arc::clone(&known.table);
        }
    }

    #[cfg(test)]
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
    }
}

/// What a share costs that does not depend on its distance from the fair price.
#[derive(Clone, Copy, Debug)]
pub struct PriceCost {
    /// Dollars a share and day: the event decided against us. The share is worth nothing or a dollar then; flow against the losing side
    /// is sure to come.
    decided: f64,
    /// For each dollar tied up and day.
    tied_up: f64,
}

impl PriceCost {
    /// The same where each dollar tied up must bring this much more a day.
    #[must_use]
    pub fn with_money_at(self, price: MoneyPrice) -> Self {
        Self { tied_up: self.tied_up + dollars_of(price), ..self }
    }

    /// Dollars a share and day, for a share paid with `price` dollars.
    #[must_use]
    #[inline]
    pub fn at_price(self, price: f64) -> f64 {
        self.decided + self.tied_up * price
    }
}

/// A price of money in dollars for each dollar and day.
pub(super) fn dollars_of(price: MoneyPrice) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 2^50")]
    let nano = price as f64;
    nano / NANO
}

/// Dollars to whole nano-dollars.
fn whole_nano(dollars: f64) -> f64 {
    libm::round(dollars * NANO)
}
