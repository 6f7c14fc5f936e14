//! The public book without our own orders, read once and only as deep as a quote asks.

use super::View;
use crate::domain::{NewOrder, Price, Qty, Side};
use crate::rewards::{Depth, Midpoint};

/// A price and what rests there.
pub(super) type Level = (Price, Qty);

/// What was read of each side, best first.
pub(super) struct Near<'s, I> {
    sides: [Reader<'s, I>; 2],
}

struct Reader<'s, I> {
    read: &'s mut Vec<Level>,
    /// What lies behind that, with ours in it.
    rest: I,
    /// Ours of this side.
    own: &'s [Level],
}

impl<I: Iterator<Item = Level>> Reader<'_, I> {
    /// The level that is `n`th from the best, empty ones left out.
    fn level(&mut self, n: usize) -> Option<Level> {
        while n >= self.read.len() {
            let (price, published) = self.rest.next()?;
            let left = published.saturating_sub(total_at(self.own.iter().copied(), price));
            if !left.is_zero() {
                self.read.push((price, left));
            }
        }
        Some(self.read[n])
    }
}

/// All that `levels` have at one price.
fn total_at(levels: impl Iterator<Item = Level>, at: Price) -> Qty {
    levels.filter(|(price, _)| *price == at).fold(Qty::ZERO, |sum, (_, qty)| sum.saturating_add(qty))
}

/// Orders of one side as levels, in YES terms.
fn levels_of(orders: &[NewOrder], side: Side) -> impl Iterator<Item = Level> {
    orders
        .iter()
        .map(|order| (order.in_yes_terms(), order.qty))
        .filter(move |((s, _), _)| *s == side)
        .map(|((_, price), qty)| (price, qty))
}

/// Memory of reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    read: [Vec<Level>; 2],
    own: [Vec<Level>; 2],
}

/// Begins to read the book of a view.
pub(super) fn read<'s, B: Depth>(
    view: &View<'s, B>,
    buffers: &'s mut Buffers,
) -> Near<'s, impl Iterator<Item = Level>> {
    let Buffers { read: [bids, asks], own: [own_bids, own_asks] } = buffers;
    let side = |side, read: &'s mut Vec<Level>, own: &'s mut Vec<Level>| {
        read.clear();
        own.clear();
        own.extend(levels_of(view.own, side));
        Reader { read, own, rest: view.book.levels(side) }
    };
    Near { sides: [side(Side::Buy, bids, own_bids), side(Side::Sell, asks, own_asks)] }
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

    /// The best price of a side at which at least `min_size` rests once `plus` is put in: what [`best_level`] says of the whole book.
    ///
    /// [`best_level`]: crate::rewards::best_level
    pub(super) fn best(&mut self, side: Side, plus: &[NewOrder], min_size: Qty) -> Option<Price> {
        let enough = |qty: Qty| qty >= min_size && !qty.is_zero();
        let reader = &mut self.sides[usize::from(side == Side::Sell)];
        let mut dust = 0;
        let mut best = loop {
            match reader.level(dust) {
                Some((_, qty)) if !enough(qty) => dust += 1,
                level => break level.map(|(price, _)| price),
            }
        };
        // only an order nearer than that can change it: alone, or with what is too little there
        for (price, _) in levels_of(plus, side) {
            let nearer = best.is_none_or(|best| if side == Side::Buy { price > best } else { price < best });
            if nearer {
                let there = total_at(reader.read[..dust].iter().copied(), price);
                if enough(there.saturating_add(total_at(levels_of(plus, side), price))) {
                    best = Some(price);
                }
            }
        }
        best
    }

    /// The midpoint of these prices; `None` when a side has none.
    pub(super) fn midpoint(&mut self, plus: &[NewOrder], min_size: Qty) -> Option<Midpoint> {
        let (bid, ask) = (self.best(Side::Buy, plus, min_size)?, self.best(Side::Sell, plus, min_size)?);
        Some(Midpoint::between(bid, ask))
    }
}
