//! `strategy = "avellaneda-stoikov"`: quotes for the spread alone, in log-odds, with no thought of rewards. The textbook others are
//! measured against.
//!
//! The stationary quotes of Guéant, Lehalle and Fernandez-Tapia (2013) for a price `x = logit p` with volatility `σ`, fills that come at
//! `A·e^(−kδ)` and utility `−e^(−γ·wealth)`, holding `q` lots:
//! `δ_bid = ln(1 + γ/k)/γ + (2q + 1)/2·√(σ²γ/(2kA)·(1 + γ/k)^(1 + k/γ))`, and `δ_ask` the same with `−q`. A lot is one order; `A` and
//! `k` are those of the cost model, `k` turned from cents to log-odds at the fair value (`dp = p(1 − p)·dx`). Outcomes of one event share
//! an inventory: `q` is what all that is held of it comes to in this one ([`super::skew::inventory`]).

use super::ladder::{Leg, Pair, Target, ceil_tick, floor_tick};
use super::params::ParamError;
use super::rivals::shares;
use super::{CostModel, View, skew};
use crate::domain::{Qty, parse_decimal};
use crate::rewards::Midpoint;
use serde::Serialize;

/// Decimals of both keys.
const DECIMALS: u32 = 6;
const HALVES: f64 = 20_000.0;
const HOURS_PER_DAY: f64 = 24.0;

/// Checked keys of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InventoryModel {
    /// `γ` for a lot and a unit of log-odds, millionths, above zero.
    risk_aversion: u64,
    /// `σ` of the log-odds for the square root of an hour, millionths.
    volatility: u64,
}

impl InventoryModel {
    /// Both keys; `None` when neither is given.
    ///
    /// # Errors
    /// One without the other, or no decimal in its range.
    pub fn read(risk_aversion: &str, volatility_per_sqrt_h: &str) -> Result<Option<Self>, ParamError> {
        if risk_aversion.is_empty() && volatility_per_sqrt_h.is_empty() {
            return Ok(None);
        }
        let key = |key, text: &str, least: u64, allowed| {
            let read = parse_decimal(text, DECIMALS).ok().filter(|n| (least..=100_000_000).contains(n));
            read.ok_or_else(|| ParamError::Value { key, value: text.to_owned(), allowed })
        };
        let risk = key("risk_aversion", risk_aversion, 1, "a decimal above 0, at most 100, with at most 6 decimals")?;
        let allowed = "a decimal from 0 to 100 with at most 6 decimals";
        let volatility = key("volatility_per_sqrt_h", volatility_per_sqrt_h, 0, allowed)?;
        Ok(Some(Self { risk_aversion: risk, volatility }))
    }

    /// The quotes for what is held, rounded away from the midpoint to the tick.
    pub(super) fn plan<B>(&self, view: &View<'_, B>, cost: &CostModel, fair: Midpoint, lot: Qty) -> Pair {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^8")]
        let [gamma, sigma] = [self.risk_aversion, self.volatility].map(|n| n as f64 / 1e6);
        let p = (f64::from(fair.halves()) / HALVES).clamp(1e-4, 1.0 - 1e-4);
        let (arrivals, decay_per_cent) = cost.flow();
        // a flow of nothing, or one that does not thin out, has no best distance: the smallest there is keeps the formulas defined
        let k = (100.0 * decay_per_cent * p * (1.0 - p)).max(1e-6);
        let arrivals = arrivals.max(1e-6);
        let hundred = 100.0 / shares(lot);
        let lots = skew::inventory(view, fair, gamma * hundred) * hundred;
        let base = libm::log1p(gamma / k) / gamma;
        let growth = libm::exp(libm::log1p(gamma / k) * (1.0 + k / gamma));
        let slope = (sigma * sigma * HOURS_PER_DAY * gamma / (2.0 * k * arrivals) * growth).sqrt();
        let x = libm::log(p / (1.0 - p));
        let price = |x: f64| HALVES / (1.0 + libm::exp(-x));
        let bid = price(x - base - (2.0 * lots + 1.0) / 2.0 * slope);
        let ask = price(x + base + (1.0 - 2.0 * lots) / 2.0 * slope);
        let tick = view.market.tick;
        Pair {
            bid: Some(Target { leg: Leg::BUY_YES, price: floor_tick(whole(libm::floor(bid)), tick), qty: lot }),
            ask: Some(Target { leg: Leg::BUY_NO, price: ceil_tick(whole(libm::ceil(ask)), tick), qty: lot }),
        }
    }
}

/// Half ten-thousandths.
fn whole(halves: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "between zero and twenty thousand")]
    let whole = halves as i32;
    whole
}
