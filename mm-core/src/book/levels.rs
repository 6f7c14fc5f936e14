//! One side of a book: a dense array of sizes indexed by price, an occupancy bitmap, the best index cached.
//!
//! The index is `price / step`, where `step` is the grid of the book and divides every price in it. A finer grid is
//! built by moving each size to its new index, so a tick change never shifts the meaning of a stored level.

use super::digest::{LevelDigest, PlaceDigest};
use crate::domain::{Price, Qty, Side};

/// Most levels of a side: every price of the finest grid. What names another price is refused whole.
pub const LEVELS_MAX: usize = Price::ONE.ten_thousandths() as usize - 1;

const WORD: usize = 64;

/// Sizes of one side in YES terms.
#[derive(Clone, Debug)]
pub(super) struct SideLevels {
    side: Side,
    step: u16,
    /// `2³² / step`, rounded up: a price is looked up with a product instead of a division.
    inverse: u64,
    sizes: Vec<Qty>,
    occupied: Vec<u64>,
    best: Option<usize>,
    count: usize,
    digest: LevelDigest,
}

impl SideLevels {
    pub(super) fn new(side: Side, step: u16) -> Self {
        let len = usize::from(Price::ONE.ten_thousandths() / step) + 1;
        Self {
            side,
            step,
            inverse: (1u64 << 32).div_ceil(u64::from(step)),
            sizes: vec![Qty::ZERO; len],
            occupied: vec![0; len.div_ceil(WORD)],
            best: None,
            count: 0,
            digest: LevelDigest::default(),
        }
    }

    /// Where a price stands; `None` off the grid.
    #[inline]
    fn index(&self, price: Price) -> Option<usize> {
        let n = price.ten_thousandths();
        // exact: what rounding up adds stays below 10_000 / 2³², less than the distance of a quotient to the next whole number
        let index = (u64::from(n) * self.inverse) >> 32;
        let index = usize::try_from(index).ok()?;
        (index * usize::from(self.step) == usize::from(n)).then_some(index)
    }

    /// Whether a price is on the grid.
    #[inline]
    pub(super) fn has(&self, price: Price) -> bool {
        self.index(price).is_some()
    }

    fn price(&self, index: usize) -> Price {
        u16::try_from(index)
            .ok()
            .and_then(|index| index.checked_mul(self.step))
            .and_then(Price::from_ten_thousandths)
            .expect("an index of the grid is a price")
    }

    /// The size at a price; zero where nothing rests, on or off the grid.
    pub(super) fn get(&self, price: Price) -> Qty {
        self.index(price).map_or(Qty::ZERO, |index| self.sizes[index])
    }

    /// Writes a level; zero removes it. The price must be on the grid.
    pub(super) fn set(&mut self, price: Price, qty: Qty) {
        let index = self.index(price).expect("the book moves to a grid that has every price before it sets one");
        let old = std::mem::replace(&mut self.sizes[index], qty);
        if old == qty {
            return;
        }
        let at = PlaceDigest::of(self.side, price);
        if !old.is_zero() {
            self.digest.remove(at.with(old));
        }
        if !qty.is_zero() {
            self.digest.add(at.with(qty));
        }
        let (word, bit) = (index / WORD, 1u64 << (index % WORD));
        if old.is_zero() {
            self.count += 1;
            self.occupied[word] |= bit;
            if self.best.is_none_or(|best| self.is_better(index, best)) {
                self.best = Some(index);
            }
        } else if qty.is_zero() {
            self.count -= 1;
            self.occupied[word] &= !bit;
            if self.best == Some(index) {
                self.best = self.next_worse(index);
            }
        }
    }

    const fn is_better(&self, index: usize, than: usize) -> bool {
        match self.side {
            Side::Buy => index > than,
            Side::Sell => index < than,
        }
    }

    /// The next occupied index behind `index`, away from the best.
    fn next_worse(&self, index: usize) -> Option<usize> {
        let (mut word, bit) = (index / WORD, index % WORD);
        match self.side {
            Side::Buy => {
                let mut bits = self.occupied[word] & ((1u64 << bit) - 1);
                while bits == 0 {
                    word = word.checked_sub(1)?;
                    bits = self.occupied[word];
                }
                Some(word * WORD + (WORD - 1 - bits.leading_zeros() as usize))
            }
            Side::Sell => {
                let mut bits = self.occupied[word] & !((1u64 << bit) - 1) & !(1u64 << bit);
                while bits == 0 {
                    word += 1;
                    bits = *self.occupied.get(word)?;
                }
                Some(word * WORD + bits.trailing_zeros() as usize)
            }
        }
    }

    pub(super) fn best(&self) -> Option<(Price, Qty)> {
        self.best.map(|index| (self.price(index), self.sizes[index]))
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) const fn digest(&self) -> LevelDigest {
        self.digest
    }

    /// All levels, best first.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (Price, Qty)> {
        // nothing is better than the best: all bits of its word are its own or behind it
        let mut word =
            self.best.map_or(if self.side == Side::Buy { 0 } else { self.occupied.len() }, |best| best / WORD);
        let mut bits = self.best.map_or(0, |_| self.occupied[word]);
        std::iter::from_fn(move || {
            while bits == 0 {
                word = match self.side {
                    Side::Buy => word.checked_sub(1)?,
                    Side::Sell => word + 1,
                };
                bits = *self.occupied.get(word)?;
            }
            let bit = match self.side {
                Side::Buy => WORD - 1 - bits.leading_zeros() as usize,
                Side::Sell => bits.trailing_zeros() as usize,
            };
            bits &= !(1u64 << bit);
            let index = word * WORD + bit;
            Some((self.price(index), self.sizes[index]))
        })
    }

    pub(super) fn clear(&mut self) {
        self.sizes.fill(Qty::ZERO);
        self.occupied.fill(0);
        self.best = None;
        self.count = 0;
        self.digest = LevelDigest::default();
    }

    /// The same levels on a finer grid: `step` must divide the present one.
    pub(super) fn regrid(&mut self, step: u16) {
        assert!(self.step.is_multiple_of(step), "{step} does not divide the grid of {}", self.step);
        let mut finer = Self::new(self.side, step);
        for (price, qty) in self.iter() {
            finer.set(price, qty);
        }
        *self = finer;
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.sizes.capacity() * size_of::<Qty>() + self.occupied.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TickSize;

    #[test]
    fn every_price_of_every_grid_is_where_a_division_puts_it() {
        for tick in TickSize::ALL {
            let levels = SideLevels::new(Side::Buy, tick.ten_thousandths());
            for n in 0..=10_000 {
                let price = Price::from_ten_thousandths(n).expect("at most a dollar");
                let index = n.is_multiple_of(tick.ten_thousandths()).then_some(n / tick.ten_thousandths());
                assert_eq!(levels.index(price), index.map(usize::from), "{price} on {tick}");
            }
        }
    }
}
