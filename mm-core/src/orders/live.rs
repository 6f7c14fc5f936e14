//! Orders that may rest, lying side by side for each market: a decision reads all of one market's and no other.

use super::state::Tracked;
use crate::domain::{ClientOrderId, MarketIx};
use std::collections::BTreeMap;

/// One order under its number.
pub(super) type Numbered = (ClientOrderId, Tracked);

/// Live orders by market row, each row in the order of their numbers.
#[derive(Clone, Debug)]
pub(super) struct Live {
    rows: Vec<Vec<Numbered>>,
    /// The row of each.
    row_of: BTreeMap<ClientOrderId, MarketIx>,
}

impl Live {
    pub(super) const fn new() -> Self {
        Self { rows: Vec::new(), row_of: BTreeMap::new() }
    }

    /// Those of one market.
    pub(super) fn row(&self, market: MarketIx) -> &[Numbered] {
        self.rows.get(market.index()).map_or(&[], Vec::as_slice)
    }

    /// All in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ClientOrderId, &Tracked)> {
        self.row_of.iter().filter_map(|(id, market)| {
            let (row, place) = (self.row(*market), self.place(*id, *market)?);
            Some((*id, &row[place].1))
        })
    }

    /// All, market by market.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tracked> {
        self.rows.iter_mut().flatten().map(|(_, tracked)| tracked)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ClientOrderId> {
        self.row_of.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.row_of.len()
    }

    pub(super) fn get(&self, id: ClientOrderId) -> Option<&Tracked> {
        let market = *self.row_of.get(&id)?;
        let place = self.place(id, market)?;
        Some(&self.rows[market.index()][place].1)
    }

    pub(super) fn get_mut(&mut self, id: ClientOrderId) -> Option<&mut Tracked> {
        let market = *self.row_of.get(&id)?;
        let place = self.place(id, market)?;
        Some(&mut self.rows[market.index()][place].1)
    }

    /// Takes in an order that is not live yet.
    pub(super) fn insert(&mut self, id: ClientOrderId, tracked: Tracked) {
        let market = tracked.order.token.market;
        if self.rows.len() <= market.index() {
            self.rows.resize_with(market.index() + 1, Vec::new);
        }
        let row = &mut self.rows[market.index()];
        let place = row.partition_point(|(other, _)| *other < id);
        let known = self.row_of.insert(id, market);
        assert!(known.is_none(), "order {id} is live twice");
        row.insert(place, (id, tracked));
    }

    pub(super) fn remove(&mut self, id: ClientOrderId) -> Option<Tracked> {
        let market = self.row_of.remove(&id)?;
        let place = self.place(id, market)?;
        Some(self.rows[market.index()].remove(place).1)
    }

    fn place(&self, id: ClientOrderId, market: MarketIx) -> Option<usize> {
        self.row(market).iter().position(|(other, _)| *other == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token};
    use crate::orders::PlaceWhy;
    use proptest::prelude::*;
    use std::collections::btree_map::Entry;

    fn tracked(market: u16, n: u64) -> Tracked {
        let order = NewOrder {
            token: Token { market: MarketIx(market), outcome: Outcome::Yes },
            side: Side::Buy,
            price: Price::ONE,
            qty: Qty::from_micro(n),
            post_only: true,
            tif: TimeInForce::Gtc,
        };
        Tracked::new(Timestamp::EPOCH, order, PlaceWhy::New)
    }

    proptest! {
        #[test]
        fn rows_are_an_ordered_map_cut_by_market(steps in prop::collection::vec((0u64..12, 0u16..3, any::<bool>()), 0..60)) {
            let (mut live, mut model) = (Live::new(), BTreeMap::new());
            for (id, market, comes) in steps {
                let id = ClientOrderId(id);
                if !comes {
                    prop_assert_eq!(live.remove(id).map(|t| t.order), model.remove(&id));
                } else if let Entry::Vacant(place) = model.entry(id) {
                    let order = tracked(market, id.0);
                    place.insert(order.order);
                    live.insert(id, order);
                }
                prop_assert!(live.iter().map(|(id, t)| (id, t.order)).eq(model.iter().map(|(id, o)| (*id, *o))));
                prop_assert!(live.ids().eq(model.keys().copied()));
                prop_assert_eq!(live.len(), model.len());
                prop_assert_eq!(live.get(id).map(|t| t.order), model.get(&id).copied());
                prop_assert_eq!(live.get_mut(id).map(|t| t.order), model.get(&id).copied());
                for row in (0..4).map(MarketIx) {
                    let here = model.iter().filter(|(_, order)| order.token.market == row).map(|(id, _)| *id);
                    prop_assert!(live.row(row).iter().map(|(id, _)| *id).eq(here));
                }
            }
        }
    }
}
