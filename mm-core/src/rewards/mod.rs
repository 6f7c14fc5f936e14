//! The venue's liquidity-reward score, exact (`S = ((v − s)/v)² · b · size`).
//!
//! Everything is an integer or an exact fraction; a number is rounded once, to twelve decimals, when it leaves. Three
//! readings of the formula are known to be wrong and stay here by name ([`Rule`]) so that tests can show the vectors
//! refute them. Never decides anything: it measures what a set of orders earns.
//!
//! All scores of one book are whole multiples of one small unit, `1 / ((2v)² · 10⁶)` (times the multiplier's
//! denominator): prices and midpoints count half ten-thousandths, sizes millionths. With the venue's own rules
//! (multiplier 1, divisor 3) a score needs at most 29 + 64 bits; 2¹⁸ orders of the largest size (a book has 2 × 10,001
//! levels) with the divisor, the quarters of what others may score and the day's minutes stay below 2¹²⁷, so [`score`] needs no error. Inputs from files may
//! ask for more: there every step is checked.

mod case;
mod epoch;
mod exact;
mod interval;
mod ours;
mod rebate;

pub use case::{Case, CaseError, CaseOrder, CaseScore, MakerScore, OthersMode, read_cases};
pub use epoch::{EpochCase, EpochScore};
pub use exact::{Fixed12, Ratio, mul_div};
pub use interval::Interval;
pub use ours::{
    Depth, Ladder, OrderScore, Outlook, Own, ScoreBreakdown, best_level, book_midpoint, rest_of, score, spread_cents,
};
pub use rebate::{Fee5, FillFee, RebateCase, RebateScore, fee_equivalent};

use crate::domain::{Price, Qty, format_decimal};
use std::fmt;

#[cfg(test)]
mod tests;

/// A midpoint of two prices in half ten-thousandths of a dollar, `0..=20_000`: never rounded to a tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Midpoint(u16);

impl Midpoint {
    /// The mean of two prices.
    #[must_use]
    pub const fn between(a: Price, b: Price) -> Self {
        Self(a.ten_thousandths() + b.ten_thousandths())
    }

    /// A distance or a midpoint given in half ten-thousandths of a dollar, to be shown in dollars; at most one dollar.
    #[must_use]
    pub const fn of_halves(halves: u16) -> Self {
        Self(if halves > 20_000 { 20_000 } else { halves })
    }

    /// In half ten-thousandths of a dollar.
    #[must_use]
    pub const fn halves(self) -> u16 {
        self.0
    }

    /// Distance of a price, in half ten-thousandths.
    #[must_use]
    pub const fn distance_halves(self, price: Price) -> u16 {
        self.0.abs_diff(2 * price.ten_thousandths())
    }

    /// Whether one side alone scores: the venue's closed range 0.10 to 0.90.
    #[must_use]
    pub const fn allows_single_sided(self) -> bool {
        self.0 >= 2_000 && self.0 <= 18_000
    }

    /// Strictly below `price`.
    #[must_use]
    pub const fn is_below(self, price: Price) -> bool {
        self.0 < 2 * price.ten_thousandths()
    }

    /// Strictly above `price`.
    #[must_use]
    pub const fn is_above(self, price: Price) -> bool {
        self.0 > 2 * price.ten_thousandths()
    }

    /// As an exact number of dollars with twelve decimals.
    #[must_use]
    pub const fn fixed12(self) -> Fixed12 {
        Fixed12::from_units(self.0 as u128 * 50_000_000)
    }
}

impl fmt::Display for Midpoint {
    /// Dollars, up to five decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format_decimal(f, u64::from(self.0) * 5, 5)
    }
}

impl fmt::Debug for Midpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What may form the scoring midpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MidpointMode {
    /// Levels whose total size reaches the minimum: the default, and what a public book can tell.
    #[default]
    Level,
    /// Levels where one single order reaches the minimum.
    Order,
    /// Every level.
    Raw,
}

/// How the two sides become one number. All but the first are mistakes met in the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The venue's: the smaller side, or a part of the larger one where one side alone scores.
    #[default]
    Published,
    /// Wrong: the mean of both sides.
    SidesAveraged,
    /// Wrong: the sum of both sides.
    SidesAdded,
    /// Wrong: an order exactly at the maximum spread counts as scoring.
    EdgeScores,
}

/// The formula at one midpoint. Scores are whole multiples of [`Formula::unit`], so that they add up without rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formula {
    /// What distances are measured from.
    pub midpoint: Midpoint,
    /// Maximum spread `v`.
    pub max_spread: Price,
    /// In-game multiplier `b`.
    pub multiplier: Ratio,
    /// Single-side divisor `c`, above zero.
    pub divisor: Ratio,
    /// How the two sides become one number.
    pub rule: Rule,
}

impl Formula {
    /// The venue's rules of today: multiplier 1 (its in-game value is published nowhere), divisor 3.
    #[must_use]
    pub const fn venue(midpoint: Midpoint, max_spread: Price) -> Self {
        Self { midpoint, max_spread, multiplier: Ratio::ONE, divisor: Ratio::whole(3), rule: Rule::Published }
    }

    /// Within the maximum spread, its edge included (the edge scores nothing).
    #[must_use]
    pub const fn reaches(&self, price: Price) -> bool {
        self.midpoint.distance_halves(price) <= 2 * self.max_spread.ten_thousandths()
    }

    /// An order's score in this formula's unit; `None` when it does not fit.
    #[must_use]
    pub fn points(&self, price: Price, qty: Qty) -> Option<u128> {
        let inside = (2 * self.max_spread.ten_thousandths()).saturating_sub(self.midpoint.distance_halves(price));
        let weight = u128::from(inside).pow(2) * u128::from(qty.micro());
        weight.checked_mul(self.multiplier.num())
    }

    /// How many of the units of [`Formula::points`] make a score of one; `None` when that does not fit.
    #[must_use]
    pub fn unit(&self) -> Option<u128> {
        // a maximum spread of zero scores nothing: any unit will do, as long as it can be divided by
        let v = u128::from(self.max_spread.ten_thousandths().max(1)) * 2;
        (v * v * 1_000_000).checked_mul(self.multiplier.den())
    }

    /// Both sides as one number, in units of `unit() × divisor.num() × 2`; `None` when it does not fit.
    #[must_use]
    pub fn q_min(&self, one: u128, two: u128) -> Option<u128> {
        let (low, high) = (one.min(two), one.max(two));
        let n = self.divisor.num();
        match self.rule {
            Rule::SidesAveraged => one.checked_add(two)?.checked_mul(n),
            Rule::SidesAdded => one.checked_add(two)?.checked_mul(n)?.checked_mul(2),
            Rule::Published | Rule::EdgeScores => {
                let both = low.checked_mul(n)?;
                let alone = if self.midpoint.allows_single_sided() { high.checked_mul(self.divisor.den())? } else { 0 };
                both.max(alone).checked_mul(2)
            }
        }
    }

    /// How many of the units of [`Formula::q_min`] make a score of one; `None` when that does not fit.
    #[must_use]
    pub fn q_min_unit(&self) -> Option<u128> {
        self.unit()?.checked_mul(self.divisor.num())?.checked_mul(2)
    }
}
