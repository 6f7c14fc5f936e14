//! One side of a book: dense levels by rank, a bit for each level that holds something, the best one remembered.
//!
//! Rank 0 is the best price a side could ever have: 1.00 for bids, 0.00 for asks. So "better" is "lower" on both sides, and
//! finding the next best level is one scan for a set bit. A level is 16 bytes; a market with a tick of 0.01 keeps both sides in
//! 3.2 kB.

use mm_core::domain::{Price, Qty, Side};

/// No slot, no level.
pub(super) const NONE: u32 = u32::MAX;

/// What waits at one price: a queue of slots and the sum of their sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) qty: Qty,
}

impl Level {
    const EMPTY: Self = Self { head: NONE, tail: NONE, qty: Qty::ZERO };

    pub(super) const fn is_empty(self) -> bool {
        self.head == NONE
    }
}

/// One side.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    side: Side,
    /// Ten-thousandths between two ranks; divides 10,000.
    step: u16,
    levels: Vec<Level>,
    bits: Vec<u64>,
    /// Lowest occupied rank, or `NONE`.
    best: u32,
}

impl Ladder {
    pub(super) fn new(side: Side, step: u16) -> Self {
        assert!(step > 0 && 10_000 % step == 0, "a grid of {step} ten-thousandths does not divide a dollar");
        let ranks = usize::from(10_000 / step) + 1;
        Self { side, step, levels: vec![Level::EMPTY; ranks], bits: vec![0; ranks.div_ceil(64)], best: NONE }
    }

    /// The rank of a price. One between two ranks gives the better of them, so "at or better than this limit" is a comparison.
    #[inline]
    pub(super) fn rank(&self, price: Price) -> u32 {
        let away = match self.side {
            Side::Buy => 10_000 - price.ten_thousandths(),
            Side::Sell => price.ten_thousandths(),
        };
        u32::from(away / self.step)
    }

    pub(super) const fn holds(&self, price: Price) -> bool {
        price.ten_thousandths().is_multiple_of(self.step)
    }

    #[inline]
    pub(super) fn price(&self, rank: u32) -> Price {
        let away = u16::try_from(rank).unwrap_or(u16::MAX).saturating_mul(self.step);
        let n = match self.side {
            Side::Buy => 10_000u16.saturating_sub(away),
            Side::Sell => away,
        };
        Price::from_ten_thousandths(n).expect("ranks go from 0.00 to 1.00")
    }

    #[inline]
    pub(super) const fn best(&self) -> u32 {
        self.best
    }

    #[inline]
    pub(super) fn level(&self, rank: u32) -> Level {
        self.levels[rank as usize]
    }

    #[inline]
    pub(super) fn level_mut(&mut self, rank: u32) -> &mut Level {
        &mut self.levels[rank as usize]
    }

    /// A level has got its first order.
    #[inline]
    pub(super) fn occupy(&mut self, rank: u32) {
        self.bits[rank as usize / 64] |= 1 << (rank % 64);
        self.best = self.best.min(rank);
    }

    /// A level has lost its last order.
    #[inline]
    pub(super) fn vacate(&mut self, rank: u32) {
        self.bits[rank as usize / 64] &= !(1 << (rank % 64));
        if self.best == rank {
            self.best = self.next(rank);
        }
    }

    /// The lowest occupied rank at or above `from`.
    #[inline]
    pub(super) fn next(&self, from: u32) -> u32 {
        let mut word = from as usize / 64;
        let Some(first) = self.bits.get(word) else { return NONE };
        let mut bits = first & (u64::MAX << (from % 64));
        loop {
            if bits != 0 {
                return u32::try_from(word * 64).unwrap_or(NONE) + bits.trailing_zeros();
            }
            word += 1;
            match self.bits.get(word) {
                Some(more) => bits = *more,
                None => return NONE,
            }
        }
    }

    /// Occupied ranks, best first.
    pub(super) fn occupied(&self) -> impl Iterator<Item = u32> {
        let mut at = self.best;
        std::iter::from_fn(move || {
            if at == NONE {
                return None;
            }
            let here = at;
            at = self.next(here + 1);
            Some(here)
        })
    }
}
