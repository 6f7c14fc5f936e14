//! The public book without our own orders, read once and only as deep as a quote asks.

use super::View;
use crate::domain::{NewOrder, Price, Qty, Side};
use crate::rewards::{Depth, Midpoint, best_of, rest_of};

/// A price and what rests there.
pub(super) type Level = (Price, Qty);

/// What was read of each side, best first.
pub(super) struct Near<'s, I> {
    sides: [Reader<'s, I>; 2],
}

struct Reader<'s, I> {
    read: &'s mut Vec<Level>,
    /// What lies behind that.
    rest: I,
}

impl<I: Iterator<Item = Level>> Reader<'_, I> {
    fn level(&mut self, n: usize) -> Option<Level> {
        if n == self.read.len() {
            self.read.push(self.rest.next()?);
        }
        Some(self.read[n])
    }
}

/// Begins to read the book of a view; the buffers are emptied first.
pub(super) fn read<'s, B: Depth>(
    view: &View<'s, B>,
    [bids, asks]: &'s mut [Vec<Level>; 2],
) -> Near<'s, impl Iterator<Item = Level>> {
    let side = |side, read: &'s mut Vec<Level>| {
        read.clear();
        Reader { read, rest: rest_of(view.book, side, view.own) }
    };
    Near { sides: [side(Side::Buy, bids), side(Side::Sell, asks)] }
}

impl<I: Iterator<Item = Level>> Near<'_, I> {
    /// Levels of a side, best first, none of them empty.
    pub(super) fn levels(&mut self, side: Side) -> impl Iterator<Item = Level> {
        let reader = &mut self.sides[usize::from(side == Side::Sell)];
        let mut n = 0;
        std::iter::from_fn(move || {
            let level = reader.level(n);
            n += 1;
            level
        })
    }

    /// The best price of a side at which at least `min_size` rests once `plus` is put in.
    pub(super) fn best(&mut self, side: Side, plus: &[NewOrder], min_size: Qty) -> Option<Price> {
        best_of(self.levels(side), side, plus, min_size)
    }

    /// The midpoint of these prices; `None` when a side has none.
    pub(super) fn midpoint(&mut self, plus: &[NewOrder], min_size: Qty) -> Option<Midpoint> {
        let (bid, ask) = (self.best(Side::Buy, plus, min_size)?, self.best(Side::Sell, plus, min_size)?);
        Some(Midpoint::between(bid, ask))
    }
}
