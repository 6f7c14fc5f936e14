//! Maker rebates: a share of a market's taker fees of one UTC day, split by what the makers' fills were worth in fees.

use super::Maker;
use super::amount::Sum;
use mm_core::domain::Usdc;
use mm_core::rewards::{Fixed12, Ratio};

/// One market's day of fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeDay {
    pool: Fixed12,
    /// What takers would pay for each maker's fills, dollars.
    parts: Vec<(Maker, Ratio)>,
    /// Sum over all of them, above zero.
    all: Ratio,
}

impl FeeDay {
    /// A day on which `pool` goes back to makers. `None` when nothing was filled, or when the exact sum does not fit 128 bits:
    /// then there are no rebates that day.
    #[must_use]
    pub fn new(pool: Fixed12, parts: Vec<(Maker, Ratio)>) -> Option<Self> {
        let all = parts.iter().try_fold(Ratio::ZERO, |sum, (_, part)| sum.checked_add(*part))?;
        (!all.is_zero()).then_some(Self { pool, parts, all })
    }

    /// What goes back of the fees of a day. Exact: a share in millionths of dollars in millionths has twelve decimals.
    #[must_use]
    pub const fn pool_of(fees: Usdc, share_micro: u64) -> Fixed12 {
        Fixed12::from_units(fees.micro() as u128 * share_micro as u128)
    }

    /// What goes back altogether.
    #[must_use]
    pub const fn pool(&self) -> Fixed12 {
        self.pool
    }

    /// What takers would pay for all fills, dollars.
    #[must_use]
    pub const fn total_fee_equivalent(&self) -> Ratio {
        self.all
    }

    /// Each maker's part of the pool, half to even. Where every taker was charged it is the rebate share of its own fills.
    pub fn rebates(&self) -> impl Iterator<Item = (Maker, Fixed12)> {
        self.parts.iter().filter_map(|(maker, part)| {
            let part = part.checked_div(self.all)?;
            let mut sum = Sum::new(part.den());
            sum.add(self.pool.units(), part.num());
            Some((*maker, sum.half_even()))
        })
    }

    /// One maker's part.
    #[must_use]
    pub fn rebate(&self, maker: Maker) -> Fixed12 {
        self.rebates().find(|(who, _)| *who == maker).map_or(Fixed12::ZERO, |(_, amount)| amount)
    }
}
