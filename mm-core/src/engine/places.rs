//! Where our orders stand in their queues, as far as a book of levels can tell.
//!
//! Whoever rested at the price when an order was sent stands in front of it, whoever comes after it was accepted behind. What leaves the
//! level may have stood in front or behind: so many stand in front at least and so many at most. A gap in what is told, and a whole book,
//! leave the upper bound only. How much of the level is ours at all is told in [`shown`].

mod shown;

use crate::book::Book;
use crate::domain::{ClientOrderId, Nanos, NewOrder, Price, Qty, Side, Timestamp};
use crate::orders::{OrderState, Tracked};

/// The book may tell of what came before an order so long after the executor has told that it was accepted.
const TOLD_LATE: Nanos = Nanos::from_ms(1_000);

/// Whether what is told of a book now may have come before the order.
pub(super) fn is_arriving(tracked: &Tracked, at: Timestamp) -> bool {
    match tracked.state {
        OrderState::Open(_) | OrderState::PendingCancel(Some(_)) => at.since(tracked.since) < TOLD_LATE,
        // as far as we know it is not there yet
        OrderState::PendingNew | OrderState::PendingCancel(None) | OrderState::Unknown | OrderState::Done(_) => true,
    }
}

/// One order's place.
#[derive(Clone, Copy, Debug)]
struct Place {
    id: ClientOrderId,
    /// In YES terms.
    side: Side,
    price: Price,
    /// The level when it was last looked at, ours in it as far as the venue had told.
    seen: Qty,
    /// Of others in front.
    least: Qty,
    most: Qty,
    /// What rests of it, by the executor's word.
    left: Qty,
    /// The part of the level that is none of our orders that are still to arrive.
    base: Qty,
    /// It was seen in the book, or is known of for so long that it must be there.
    arrived: bool,
    /// When it must be there; [`Timestamp::MAX`] while nobody has said that the venue has it.
    due: Timestamp,
}

impl Place {
    /// Its level.
    const fn spot(&self) -> (Side, Price) {
        (self.side, self.price)
    }
}

/// One market's.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    /// Of the book they were last compared with.
    epoch: u64,
}

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// An order is sent off.
    pub(super) fn join(&mut self, id: ClientOrderId, order: &NewOrder, book: &Book) {
        let (side, price) = order.in_yes_terms();
        let there = book.size_at(side, price);
        // until now every message was followed, or there was nothing to follow
        self.epoch = book.epoch();
        let base = self.places.iter().find(|place| place.spot() == (side, price)).map_or(there, |place| place.base);
        let (left, due) = (order.qty, Timestamp::MAX);
        let [seen, least, most] = [there; 3];
        self.places.push(Place { id, side, price, seen, least, most, left, base, arrived: false, due });
    }

    /// Takes the levels as they are after a message. `is_arriving`: what comes to the level of such an order may be in front of it.
    pub(super) fn follow(&mut self, book: &Book, is_arriving: impl Fn(ClientOrderId) -> bool) {
        let mut moved = false;
        let gap = std::mem::replace(&mut self.epoch, book.epoch()) != book.epoch();
        for place in &mut self.places {
            let now = book.size_at(place.side, place.price);
            if gap {
                place.least = Qty::ZERO;
            }
            if now == place.seen {
                continue;
            }
            place.least = place.least.saturating_sub(place.seen.saturating_sub(now));
            if is_arriving(place.id) {
                place.most = place.most.saturating_add(now.saturating_sub(place.seen));
            }
            place.most = place.most.min(now);
            place.seen = now;
            // what is less than the others had is theirs, before ours has come; a book that is lost says nothing
            if book.is_synced() {
                place.base = place.base.min(now);
            }
            moved = true;
        }
        if moved && book.is_synced() {
            self.land_seen();
        }
    }

    /// The fewest and the most in front of an order, of `others` at its price; of one that is not followed nothing is known.
    pub(super) fn ahead(&self, id: ClientOrderId, others: Qty) -> [Qty; 2] {
        let place = self.places.iter().find(|place| place.id == id);
        let [least, most] = place.map_or([Qty::ZERO, others], |place| [place.least, place.most]);
        [least.min(others), most.min(others)]
    }

    /// Everything that tells one state from another, as numbers for a hash.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i128> + '_ {
        let place = |p: &Place| {
            let sizes = [p.seen, p.least, p.most, p.left, p.base].map(|qty| i128::from(qty.micro()));
            let rest = [p.id.0, u64::from(p.arrived), p.due.nanos()].map(i128::from);
            sizes.into_iter().chain(rest)
        };
        std::iter::once(i128::from(self.epoch)).chain(self.places.iter().flat_map(place))
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) const fn heap_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MarketIx, Outcome, TickSize, TimeInForce, Timestamp, Token};
    use crate::event::MarketEvent;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const YES: Token = Token { market: MarketIx(0), outcome: Outcome::Yes };
    const ID: ClientOrderId = ClientOrderId(1);
    const OURS: u64 = 20;

    fn price() -> Price {
        Price::from_ten_thousandths(4_800).expect("a price")
    }

    fn shares(n: u64) -> Qty {
        Qty::from_whole(n).expect("few")
    }

    fn tell(book: &mut Book, event: &MarketEvent) {
        book.apply(Timestamp::from_ms(1), event).expect("a clear book");
    }

    fn delta(size: u64) -> MarketEvent {
        let (side, price, qty) = (Side::Buy, price(), shares(size));
        MarketEvent::Delta { token: YES, side, price, qty, top: None, hash: None, venue_ms: 1 }
    }

    fn whole(size: u64) -> MarketEvent {
        MarketEvent::Snapshot {
            token: YES,
            bids: if size == 0 { Vec::new() } else { vec![(price(), shares(size))] },
            asks: Vec::new(),
            tick: None,
            last_trade: None,
            hash: None,
            venue_ms: 1,
        }
    }

    fn order() -> NewOrder {
        NewOrder {
            token: YES,
            side: Side::Buy,
            price: price(),
            qty: shares(OURS),
            post_only: true,
            tif: TimeInForce::Gtc,
        }
    }

    #[test]
    fn what_leaves_may_have_been_in_front_or_behind() {
        let mut book = Book::new(TickSize::CENT);
        tell(&mut book, &whole(100));
        let mut places = Places::default();
        places.join(ID, &order(), &book);
        let mut step = |event: &MarketEvent, arriving: bool, others: u64| {
            tell(&mut book, event);
            places.follow(&book, |_| arriving);
            places.ahead(ID, shares(others)).map(|qty| qty.micro() / 1_000_000)
        };
        assert_eq!(step(&delta(130), true, 110), [100, 110], "ours, and ten that may have come before it");
        assert_eq!(step(&delta(170), false, 150), [100, 130], "forty behind");
        assert_eq!(step(&delta(150), false, 130), [80, 130], "twenty of them or of those in front");
        assert_eq!(step(&whole(150), false, 130), [0, 130], "what happened in between is not told");
        assert_eq!(step(&delta(60), false, 40), [0, 40]);
        assert_eq!(step(&delta(500), false, 480), [0, 60], "ours may be among them, as far as the level tells");
        assert_eq!(places.ahead(ClientOrderId(9), shares(70)), [Qty::ZERO, shares(70)], "not followed");
    }

    /// Something that happens at the venue.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Come(u64),
        Leave(prop::sample::Index),
        Trade(u64),
        Whole,
        /// The feed tells the next thing it has not told.
        Tell,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (1u64..60).prop_map(Step::Come),
            3 => any::<prop::sample::Index>().prop_map(Step::Leave),
            2 => (1u64..80).prop_map(Step::Trade),
            1 => Just(Step::Whole),
            6 => Just(Step::Tell),
        ];
        prop::collection::vec(step, 1..60)
    }

    #[test]
    fn what_comes_before_an_order_is_known_to_be_there_may_be_in_front_of_it() {
        let mut tracked = Tracked::new(Timestamp::from_ms(0), order(), crate::orders::PlaceWhy::New);
        let at = Timestamp::from_ms(10_000);
        for (state, arrives) in [
            (OrderState::PendingNew, true),
            (OrderState::Unknown, true),
            (OrderState::PendingCancel(None), true),
            (OrderState::Open(crate::domain::OrderId::from_bytes([1; 32])), false),
            (OrderState::PendingCancel(Some(crate::domain::OrderId::from_bytes([1; 32]))), false),
        ] {
            tracked.state = state;
            tracked.since = Timestamp::from_ms(0);
            assert_eq!(is_arriving(&tracked, at), arrives, "{state:?}");
            tracked.since = Timestamp::from_ms(9_500);
            assert!(is_arriving(&tracked, at), "the book may tell of it late: {state:?}");
        }
    }

    proptest! {
        #[test]
        fn the_bounds_hold_whoever_leaves(
            before in prop::collection::vec(1u64..60, 0..5),
            (sent, arrives) in (steps(), 0usize..8),
            later in steps(),
        ) {
            // one level, first come first served; ours is told apart
            let mut queue: VecDeque<(bool, u64)> = before.iter().map(|n| (false, *n)).collect();
            let total = |queue: &VecDeque<(bool, u64)>| queue.iter().map(|(_, n)| n).sum::<u64>();
            let mut book = Book::new(TickSize::CENT);
            tell(&mut book, &whole(total(&queue)));
            let mut places = Places::default();
            places.join(ID, &order(), &book);
            let mut untold: VecDeque<(bool, VecDeque<(bool, u64)>)> = VecDeque::new();
            let mut ours_told = false;
            for (n, step) in sent.iter().take(arrives).chain([&Step::Come(0)]).chain(&later).enumerate() {
                let ours_comes = n == arrives.min(sent.len());
                match *step {
                    _ if ours_comes => queue.push_back((true, OURS)),
                    Step::Come(n) => queue.push_back((false, n)),
                    Step::Leave(which) => {
                        let others: Vec<usize> = (0..queue.len()).filter(|ix| !queue[*ix].0).collect();
                        if !others.is_empty() {
                            queue.remove(*which.get(&others));
                        }
                    }
                    Step::Trade(mut left) => {
                        while let Some((_, first)) = queue.front_mut().filter(|_| left > 0) {
                            let taken = left.min(*first);
                            (*first, left) = (*first - taken, left - taken);
                            if *first == 0 {
                                queue.pop_front();
                            }
                        }
                    }
                    Step::Whole | Step::Tell => {}
                }
                if !matches!(step, Step::Tell) {
                    untold.push_back((matches!(step, Step::Whole), queue.clone()));
                    continue;
                }
                let Some((is_whole, told)) = untold.pop_front() else { continue };
                let size = total(&told);
                tell(&mut book, &if is_whole { whole(size) } else { delta(size) });
                places.follow(&book, |_| !ours_told);
                if let Some(place) = told.iter().position(|(ours, _)| *ours) {
                    ours_told = true;
                    let ahead: u64 = told.iter().take(place).map(|(_, n)| n).sum();
                    let [least, most] = places.ahead(ID, shares(size - told[place].1));
                    prop_assert!(least <= shares(ahead) && shares(ahead) <= most, "{least} to {most} of {ahead}: {told:?}");
                }
            }
        }
    }
}
