//! Maker rebates: a share of a market's taker fees of one UTC day, split by what the makers' fills were worth in fees.

use super::Maker;
use super::amount::Sum;
use super::epoch::see_wide;
use crate::scenario::Fee;
use mm_core::domain::{Price, Qty};
use mm_core::rewards::{Fixed12, Ratio, fee_weight, mul_div};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fills of one market and day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillDay {
    /// Weights ([`fee_weight`]) of each maker's fills.
    weights: BTreeMap<Maker, u128>,
    /// Sum over all of them.
    all: u128,
    /// Sum over those whose taker was charged.
    charged: u128,
}

/// Why weights fit: a fill is at most 2^50 millionths of a share and its curve at most 2^50, so that 2^27 of them fit.
const FITS: &str = "the fills of one day stay below 2^127";

impl FillDay {
    /// A maker was filled; `charged` says whether its taker paid the fee.
    pub fn add(&mut self, maker: Maker, qty: Qty, price: Price, exponent: u32, charged: bool) {
        let weight = fee_weight(qty, price, exponent).expect(FITS);
        let sum = self.weights.entry(maker).or_insert(0);
        *sum = sum.checked_add(weight).expect(FITS);
        self.all = self.all.checked_add(weight).expect(FITS);
        self.charged += if charged { weight } else { 0 };
    }

    /// Whether nothing was filled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// Makers that were filled, in order.
    pub fn makers(&self) -> impl Iterator<Item = Maker> {
        self.weights.keys().copied()
    }

    /// Hands every number that decides what is owed to `see`, in a fixed order.
    pub(super) fn visit(&self, see: &mut impl FnMut(u64)) {
        for (maker, weight) in &self.weights {
            see(u64::from(u32::from(*maker)));
            see_wide(*weight, see);
        }
        see_wide(self.charged, see);
    }

    /// What takers would pay for a maker's fills, in dollars; `None` when it does not fit.
    #[must_use]
    pub fn fee_equivalent(&self, maker: Maker, fee: Fee) -> Option<Ratio> {
        dollars(self.weights.get(&maker).copied().unwrap_or(0), fee)
    }

    /// The same over all makers.
    #[must_use]
    pub fn total_fee_equivalent(&self, fee: Fee) -> Option<Ratio> {
        dollars(self.all, fee)
    }

    /// What makers get back altogether, half to even: the rebate share of the fees that were charged, before their rounding
    /// to five decimals.
    #[must_use]
    pub fn pool(&self, fee: Fee) -> Fixed12 {
        rebate_of(self.charged, fee)
    }

    /// A maker's part of it, half to even. Where every taker was charged this is exactly the rebate share of its own fills.
    #[must_use]
    pub fn rebate(&self, maker: Maker, fee: Fee) -> Fixed12 {
        let own = self.weights.get(&maker).copied().unwrap_or(0);
        // down by less than a weight's unit, 10^-14 dollar at most, and not at all where every taker was charged
        let (part, _) = mul_div(own, self.charged, self.all.max(1)).expect(FITS);
        rebate_of(part, fee)
    }
}

fn unit(fee: Fee) -> u128 {
    1_000_000 * 100_000_000u128.pow(fee.exponent)
}

fn dollars(weight: u128, fee: Fee) -> Option<Ratio> {
    Ratio::new(weight, unit(fee))?.checked_mul(Ratio::new(u128::from(fee.rate_micro), 1_000_000)?)
}

fn rebate_of(weight: u128, fee: Fee) -> Fixed12 {
    // two rates in millionths are twelve decimals, the unit of the sum
    let mut sum = Sum::new(unit(fee));
    sum.add(weight, u128::from(fee.rate_micro) * u128::from(fee.rebate_micro));
    sum.half_even()
}
