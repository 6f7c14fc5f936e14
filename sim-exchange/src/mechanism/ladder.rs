//! One side of a book: dense levels by rank, a bit for each level that holds something, the best one remembered.
//!
//! Rank 0 is the best price a side could ever have: 1.00 for bids, 0.00 for asks. So "better" is "lower" on both sides, and
//! finding the next best level is one scan for a set bit. A level is 16 bytes; a market with a tick of 0.01 keeps both sides in
//! 3.2 kB.

use mm_core::domain::{Price, Qty, Side};

/// No level.
pub(super) const NONE: u32 = u32::MAX;

/// No slot. The first slot of a book is never given to an order: links to nowhere lead there, so following one needs no decision.
pub(super) const NIL: u32 = 0;

/// What waits at one price: a queue of slots and the sum of their sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) qty: Qty,
}

impl Level {
    const EMPTY: Self = Self { head: NIL, tail: NIL, qty: Qty::ZERO };

    pub(super) const fn is_empty(self) -> bool {
        self.head == NIL
    }
}

/// One side.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    side: Side,
    /// Ten-thousandths between two ranks; divides 10,000.
    step: u16,
    /// 2^32 / step, rounded up: a multiplication and a shift instead of a division, exact for every price.
    inverse: u64,
    levels: Vec<Level>,
    bits: Vec<u64>,
    /// Lowest occupied rank, or `NONE`.
    best: u32,
    /// Its price.
    best_price: Option<Price>,
}

impl Ladder {
    pub(super) fn new(side: Side, step: u16) -> Self {
        assert!(step > 0 && 10_000 % step == 0, "a grid of {step} ten-thousandths does not divide a dollar");
        let ranks = usize::from(10_000 / step) + 1;
        let inverse = (1u64 << 32).div_ceil(u64::from(step));
        Self {
            side,
            step,
            inverse,
            levels: vec![Level::EMPTY; ranks],
            bits: vec![0; ranks.div_ceil(64)],
            best: NONE,
            best_price: None,
        }
    }

    /// The rank of a price. One between two ranks gives the better of them, so "at or better than this limit" is a comparison.
    #[inline]
    pub(super) fn rank(&self, price: Price) -> u32 {
        self.split(price).0
    }

    /// The rank of a price that has one of its own.
    #[inline]
    pub(super) fn exact(&self, price: Price) -> Option<u32> {
        let (rank, away) = self.split(price);
        (rank * u32::from(self.step) == away).then_some(rank)
    }

    /// The rank, and how far the price is from rank 0.
    #[inline]
    fn split(&self, price: Price) -> (u32, u32) {
        let (up, down) = (price.ten_thousandths(), price.complement().ten_thousandths());
        let away = if self.side == Side::Buy { down } else { up };
        // below 2^14 × (2^32 + 1): the shift leaves 32 bits
        let rank = (u64::from(away) * self.inverse) >> 32;
        (u32::try_from(rank).expect("ranks are at most ten thousand"), u32::from(away))
    }

    #[inline]
    pub(super) fn price(&self, rank: u32) -> Price {
        let up = rank * u32::from(self.step);
        let down = 10_000 - up;
        let n = if self.side == Side::Buy { down } else { up };
        u16::try_from(n).ok().and_then(Price::from_ten_thousandths).expect("ranks go from 0.00 to 1.00")
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
        if rank < self.best {
            self.lead(rank);
        }
    }

    /// A level has lost its last order.
    #[inline]
    pub(super) fn vacate(&mut self, rank: u32) {
        self.bits[rank as usize / 64] &= !(1 << (rank % 64));
        if self.best == rank {
            self.lead(self.next(rank));
        }
    }

    /// Another rank is the best, or none. It changes far less often than it is asked for.
    fn lead(&mut self, rank: u32) {
        self.best = rank;
        self.best_price = (rank != NONE).then(|| self.price(rank));
    }

    /// Price of the lowest occupied rank.
    #[inline]
    pub(super) const fn best_price(&self) -> Option<Price> {
        self.best_price
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
