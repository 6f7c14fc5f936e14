//! The public book without our own orders, read once and only as deep as a quote asks.

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
    /// What of it is in the book.
    shown: &'s [Level],
    /// How many levels before the first of at least some size, when that was asked.
    dust: Option<(Qty, usize)>,
}

impl<I: Iterator<Item = Level>> Reader<'_, I> {
    /// Reads one level more, empty ones left out.
    #[inline]
    fn pull(&mut self) -> Option<Level> {
        for (price, published) in self.rest.by_ref() {
            let left = published.saturating_sub(total_at(self.shown, price));
            if !left.is_zero() {
                self.read.push((price, left));
                return Some((price, left));
            }
        }
        None
    }

    /// How many levels come before the first of at least `min_size`.
    #[inline]
    fn dust(&mut self, min_size: Qty) -> usize {
        match self.dust {
            Some((of, dust)) if of == min_size => dust,
            _ => {
                let dust = self.until(|(_, qty)| qty >= min_size).len();
                self.dust = Some((min_size, dust));
                dust
            }
        }
    }

    /// The levels before the first that `stops` is true of. That one is read too.
    #[inline]
    fn until(&mut self, stops: impl Fn(Level) -> bool) -> &[Level] {
        let known = self.read.iter().position(|level| stops(*level));
        let end = known.unwrap_or_else(|| {
            let mut end = self.read.len();
            while self.pull().is_some_and(|level| !stops(level)) {
                end += 1;
            }
            end
        });
        &self.read[..end]
    }
}

/// All that `levels` have at one price.
#[inline]
fn total_at(levels: &[Level], at: Price) -> Qty {
    levels.iter().filter(|(price, _)| *price == at).fold(Qty::ZERO, |sum, (_, qty)| sum.saturating_add(*qty))
}

/// Orders of one side as levels, in YES terms.
pub(super) fn levels_of(orders: &[NewOrder], side: Side) -> impl Iterator<Item = Level> {
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
    shown: [Vec<Level>; 2],
}

/// Begins to read a book that has `shown` of our `own` orders in it; that is left out.
pub(super) fn read<'s, B: Depth>(
    book: &'s B,
    [own, shown]: [&[NewOrder]; 2],
    buffers: &'s mut Buffers,
) -> Near<'s, impl Iterator<Item = Level> + use<'s, B>> {
    let Buffers { read: [bids, asks], own: [own_bids, own_asks], shown: [shown_bids, shown_asks] } = buffers;
    let side = |side, read: &'s mut Vec<Level>, [ours, seen]: [&'s mut Vec<Level>; 2]| {
        read.clear();
        for (levels, orders) in [(&mut *ours, own), (&mut *seen, shown)] {
            levels.clear();
            levels.extend(levels_of(orders, side));
        }
        Reader { read, own: ours, shown: seen, rest: book.levels(side), dust: None }
    };
    Near { sides: [side(Side::Buy, bids, [own_bids, shown_bids]), side(Side::Sell, asks, [own_asks, shown_asks])] }
}

impl<I: Iterator<Item = Level>> Near<'_, I> {
    /// Levels of a side from the best to the last one before `stops`, none of them empty.
    pub(super) fn until(&mut self, side: Side, stops: impl Fn(Level) -> bool) -> &[Level] {
        self.sides[usize::from(side == Side::Sell)].until(stops)
    }

    /// The best price of a side, whatever its size.
    pub(super) fn first(&mut self, side: Side) -> Option<Price> {
        let reader = &mut self.sides[usize::from(side == Side::Sell)];
        reader.read.first().copied().or_else(|| reader.pull()).map(|(price, _)| price)
    }

    /// The best level of a side with at least `min_size`.
    pub(super) fn best_level(&mut self, side: Side, min_size: Qty) -> Option<Level> {
        let reader = &mut self.sides[usize::from(side == Side::Sell)];
        let dust = reader.dust(min_size);
        reader.read.get(dust).copied()
    }

    /// The best price of a side at which at least `min_size` rests once `plus` is put in: what [`best_level`] says of the whole book.
    ///
    /// [`best_level`]: crate::rewards::best_level
    #[inline]
    pub(super) fn best(&mut self, side: Side, plus: &[Level], min_size: Qty) -> Option<Price> {
        let enough = |qty: Qty| qty >= min_size && !qty.is_zero();
        let reader = &mut self.sides[usize::from(side == Side::Sell)];
        let dust = reader.dust(min_size);
        let mut best = reader.read.get(dust).map(|(price, _)| *price);
        // only an order nearer than that can change it: alone, or with what is too little there
        for (price, _) in plus {
            let nearer = best.is_none_or(|best| if side == Side::Buy { *price > best } else { *price < best });
            if nearer {
                let there = total_at(&reader.read[..dust], *price);
                if enough(there.saturating_add(total_at(plus, *price))) {
                    best = Some(*price);
                }
            }
        }
        best
    }

    /// The midpoint of these prices, with bids and asks put in; `None` when a side has none.
    pub(super) fn midpoint(&mut self, [bids, asks]: [&[Level]; 2], min_size: Qty) -> Option<Midpoint> {
        let (bid, ask) = (self.best(Side::Buy, bids, min_size)?, self.best(Side::Sell, asks, min_size)?);
        Some(Midpoint::between(bid, ask))
    }

    /// The midpoint with our own orders as they rest.
    pub(super) fn midpoint_now(&mut self, min_size: Qty) -> Option<Midpoint> {
        let own = [self.sides[0].own, self.sides[1].own];
        self.midpoint(own, min_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MarketIx, Outcome, TimeInForce, Token};
    use crate::rewards::{Ladder, best_level, rest_of};
    use proptest::prelude::*;

    fn price(n: u16) -> Price {
        Price::from_ten_thousandths(n).expect("below a dollar")
    }

    prop_compose! {
        fn orders()(drawn in prop::collection::vec((any::<bool>(), any::<bool>(), 40u16..60, 1u64..30), 0..4)) -> Vec<NewOrder> {
            let order = |(yes, buy, cents, n): (bool, bool, u16, u64)| NewOrder {
                token: Token { market: MarketIx(0), outcome: if yes { Outcome::Yes } else { Outcome::No } },
                side: if buy { Side::Buy } else { Side::Sell },
                price: price(100 * cents),
                qty: Qty::from_whole(n).expect("few"),
                post_only: true,
                tif: TimeInForce::Gtc,
            };
            drawn.into_iter().map(order).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn what_was_read_tells_what_the_book_does(
            sizes in prop::collection::vec(0u64..30, 20),
            (own, plus, more) in (orders(), orders(), orders()),
            (one, two) in (0u64..40, 0u64..40),
        ) {
            let level = |(cents, n): (u16, &u64)| (price(100 * cents), Qty::from_whole(*n).expect("few"));
            let all: Vec<Level> = (40u16..).zip(&sizes).map(level).filter(|(_, qty)| !qty.is_zero()).collect();
            let (bids, asks): (Vec<Level>, Vec<Level>) = all.into_iter().partition(|(p, _)| *p < price(5_000));
            let book = Ladder { bids: bids.into_iter().rev().collect(), asks };
            let mut buffers = Buffers::default();
            // whatever was asked before
            for _ in 0..2 {
                let mut near = read(&book, [&own; 2], &mut buffers);
                for (side, plus, min) in [Side::Buy, Side::Sell].into_iter().flat_map(|side| [(side, &plus, one), (side, &more, two)]) {
                    let min = Qty::from_whole(min).expect("few");
                    let levels: Vec<Level> = levels_of(plus, side).collect();
                    prop_assert_eq!(near.best(side, &levels, min), best_level(&book, side, &own, plus, min));
                }
                for side in [Side::Buy, Side::Sell] {
                    prop_assert!(near.until(side, |_| false).iter().copied().eq(rest_of(&book, side, &own)));
                    prop_assert_eq!(near.first(side), rest_of(&book, side, &own).next().map(|(price, _)| price));
                }
            }
        }
    }
}
