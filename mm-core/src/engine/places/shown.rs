//! How much of each level is ours, as far as the market channel has told.
//!
//! The executor tells of an order at one moment and the book at another. What is taken out of a level is therefore what has been seen to
//! come to it since the order was sent: an order that is not in the book yet has nothing there to be taken out.

use super::{Place, Places, TOLD_LATE};
use crate::book::Book;
use crate::domain::{ClientOrderId, MarketIx, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token};
use crate::orders::{OrderState, Tracked};

impl Places {
    /// The executor has told something of an order. One that was not heard of before is taken to be in the book.
    pub(in super::super) fn hear(&mut self, at: Timestamp, id: ClientOrderId, tracked: &Tracked, book: &Book) {
        let left = if tracked.state.is_live() { tracked.remaining() } else { Qty::ZERO };
        if left.is_zero() {
            return self.places.retain(|place| place.id != id);
        }
        let Some(place) = self.places.iter_mut().find(|place| place.id == id) else {
            self.join(id, &NewOrder { qty: left, ..tracked.order }, book);
            let place = self.places.last_mut().expect("just taken in");
            // nothing is known of its queue
            [place.least, place.most] = [Qty::ZERO, Qty::MAX];
            place.arrived = true;
            return;
        };
        place.left = left;
        let rests = matches!(tracked.state, OrderState::Open(_) | OrderState::PendingCancel(Some(_)));
        if rests || !tracked.matched_so_far().is_zero() {
            place.due = place.due.min(at.plus(TOLD_LATE));
        }
    }

    /// Who is followed.
    pub(in super::super) fn ids(&self) -> impl Iterator<Item = ClientOrderId> + '_ {
        self.places.iter().map(|place| place.id)
    }

    /// Time has passed: whoever must be in the book by now is.
    pub(in super::super) fn settle(&mut self, at: Timestamp) {
        self.land(|_, place| place.due <= at);
    }

    /// When [`Self::settle`] must be asked again.
    pub(in super::super) fn due(&self) -> Option<Timestamp> {
        let due = self.places.iter().filter(|place| !place.arrived).map(|place| place.due).min();
        due.filter(|due| *due < Timestamp::MAX)
    }

    /// Whoever is there in full has arrived.
    pub(super) fn land_seen(&mut self) {
        self.land(|visible, place| visible == place.left);
    }

    /// From now on those count as arrived of whom it is true, by what is seen of them.
    fn land(&mut self, has: impl Fn(Qty, &Place) -> bool) {
        for n in 0..self.places.len() {
            let place = self.places[n];
            if place.arrived || !has(self.visible(n), &place) {
                continue;
            }
            self.places[n].arrived = true;
            for other in self.places.iter_mut().filter(|other| other.spot() == place.spot()) {
                other.base = other.base.saturating_add(place.left).min(other.seen);
            }
        }
    }

    /// How much of the `n`th order is in its level.
    fn visible(&self, n: usize) -> Qty {
        let place = &self.places[n];
        if place.arrived {
            return place.left;
        }
        let before = self.places[..n].iter().filter(|other| !other.arrived && other.spot() == place.spot());
        before
            .fold(place.seen.saturating_sub(place.base), |came, other| came.saturating_sub(other.left))
            .min(place.left)
    }

    /// What of each level is ours; a level may be told more than once.
    fn parts(&self) -> impl Iterator<Item = ((Side, Price), Qty)> + '_ {
        let parts = (0..self.places.len()).map(|n| (self.places[n].spot(), self.visible(n)));
        parts.filter(|(_, qty)| !qty.is_zero())
    }

    /// What of the book is ours, as orders of that size for YES.
    pub(in super::super) fn in_book(&self, market: MarketIx) -> impl Iterator<Item = NewOrder> + '_ {
        let token = Token { market, outcome: Outcome::Yes };
        self.parts().map(move |((side, price), qty)| NewOrder {
            token,
            side,
            price,
            qty,
            post_only: true,
            tif: TimeInForce::Gtc,
        })
    }

    /// What of one level is ours.
    pub(in super::super) fn at_level(&self, side: Side, price: Price) -> Qty {
        let here = self.parts().filter(|(spot, _)| *spot == (side, price));
        here.fold(Qty::ZERO, |sum, (_, qty)| sum.saturating_add(qty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Nanos, OrderId, TickSize};
    use crate::event::MarketEvent;
    use crate::orders::PlaceWhy;

    fn price(cents: u16) -> Price {
        Price::from_ten_thousandths(100 * cents).expect("a price")
    }

    fn shares(n: u64) -> Qty {
        Qty::from_whole(n).expect("few")
    }

    fn token(outcome: Outcome) -> Token {
        Token { market: MarketIx(0), outcome }
    }

    /// Twenty shares that are bid at 0.48 of YES, or sold at 0.52 of NO: the same level.
    fn order(outcome: Outcome) -> NewOrder {
        let (side, cents) = if outcome == Outcome::Yes { (Side::Buy, 48) } else { (Side::Sell, 52) };
        let (token, price, qty) = (token(outcome), price(cents), shares(20));
        NewOrder { token, side, price, qty, post_only: true, tif: TimeInForce::Gtc }
    }

    /// One level, the orders in it and what is told of both.
    struct Level {
        book: Book,
        places: Places,
        at: Timestamp,
        orders: Vec<Tracked>,
    }

    impl Level {
        fn of(others: u64) -> Self {
            let (book, at) = (Book::new(TickSize::CENT), Timestamp::from_ms(1_000_000));
            let mut level = Self { book, places: Places::default(), at, orders: Vec::new() };
            level.whole(others);
            level
        }

        fn place(&mut self, outcome: Outcome) {
            self.orders.push(Tracked::new(self.at, order(outcome), PlaceWhy::New));
            self.places.join(ClientOrderId(self.orders.len() as u64), &order(outcome), &self.book);
        }

        fn whole(&mut self, size: u64) {
            let bids = vec![(price(48), shares(size))];
            let (token, asks) = (token(Outcome::Yes), Vec::new());
            self.tell(&MarketEvent::Snapshot {
                token,
                bids,
                asks,
                tick: None,
                last_trade: None,
                hash: None,
                venue_ms: 1,
            });
        }

        fn delta(&mut self, size: u64) -> [u64; 2] {
            let (token, side, price, qty) = (token(Outcome::Yes), Side::Buy, price(48), shares(size));
            self.tell(&MarketEvent::Delta { token, side, price, qty, top: None, hash: None, venue_ms: 1 });
            self.parts()
        }

        fn tell(&mut self, event: &MarketEvent) {
            self.book.apply(self.at, event).expect("a clear book");
            self.follow();
        }

        fn follow(&mut self) {
            self.places.follow(&self.book, |_| true);
        }

        /// The executor tells of the `n`th order.
        fn hear(&mut self, n: usize, change: impl FnOnce(&mut Tracked)) -> [u64; 2] {
            change(&mut self.orders[n]);
            self.places.hear(self.at, ClientOrderId(n as u64 + 1), &self.orders[n], &self.book);
            self.parts()
        }

        fn wait(&mut self, ms: u64) -> [u64; 2] {
            self.at = self.at.plus(Nanos::from_ms(ms));
            self.places.settle(self.at);
            self.parts()
        }

        /// Whole shares of others and of ours.
        fn parts(&self) -> [u64; 2] {
            let ours = self.places.at_level(Side::Buy, price(48));
            [self.book.size_at(Side::Buy, price(48)).saturating_sub(ours), ours].map(|qty| qty.micro() / 1_000_000)
        }
    }

    fn rests(tracked: &mut Tracked) {
        tracked.state = OrderState::Open(OrderId::from_bytes([1; 32]));
    }

    #[test]
    fn only_what_has_come_since_it_was_sent_is_ours() {
        let mut level = Level::of(30);
        level.place(Outcome::Yes);
        assert_eq!(level.parts(), [30, 0]);
        assert_eq!(level.delta(45), [30, 15], "ours may be among them");
        assert_eq!(level.delta(30), [30, 0], "it was not");
        assert_eq!(level.delta(25), [25, 0]);
        assert_eq!(level.delta(45), [25, 20], "there it is");
        assert_eq!(level.delta(35), [15, 20], "and stays while others leave");
        assert_eq!(level.delta(60), [40, 20]);
        assert_eq!(level.hear(0, |tracked| tracked.matched = shares(5)), [45, 15]);
    }

    #[test]
    fn what_comes_to_a_level_of_two_orders_is_one_after_the_other() {
        let mut level = Level::of(30);
        level.place(Outcome::Yes);
        level.place(Outcome::No);
        assert_eq!(level.delta(40), [30, 10]);
        assert_eq!(level.delta(50), [30, 20]);
        assert_eq!(level.delta(45), [25, 20], "the first is there, the second is not");
        assert_eq!(level.delta(65), [25, 40]);
        // one after the other
        let mut level = Level::of(30);
        level.place(Outcome::Yes);
        assert_eq!(level.delta(50), [30, 20]);
        level.place(Outcome::No);
        assert_eq!(level.parts(), [30, 20]);
        assert_eq!(level.delta(70), [30, 40]);
        assert_eq!(level.hear(0, |tracked| tracked.state = OrderState::Done(crate::orders::Done::Rejected)), [50, 20]);
    }

    #[test]
    fn after_a_gap_the_whole_book_is_compared_with_the_last_one_that_was_believed() {
        for (size, parts) in [(30, [30, 0]), (50, [30, 20]), (10, [10, 0]), (40, [30, 10])] {
            let mut level = Level::of(30);
            level.place(Outcome::Yes);
            level.book.unsync();
            level.follow();
            level.whole(size);
            assert_eq!(level.parts(), parts, "{size}");
        }
    }

    #[test]
    fn an_order_that_must_be_there_is_and_one_that_nobody_knows_of_is_not() {
        let mut level = Level::of(30);
        level.place(Outcome::Yes);
        level.hear(0, |tracked| tracked.state = OrderState::Unknown);
        assert_eq!(level.wait(600_000), [30, 0]);
        assert_eq!(level.places.due(), None);
        level.hear(0, rests);
        assert_eq!(level.places.due(), Some(level.at.plus(TOLD_LATE)));
        assert_eq!(level.wait(999), [30, 0]);
        assert_eq!(level.wait(1), [10, 20]);
        assert_eq!(level.places.due(), None);
        // a cancel that is on its way takes nothing back
        level.hear(0, |tracked| tracked.state = OrderState::PendingCancel(None));
        assert_eq!(level.parts(), [10, 20]);
        level.place(Outcome::No);
        assert_eq!(level.delta(50), [10, 40]);
    }

    #[test]
    fn an_order_that_was_not_heard_of_before_is_in_the_book() {
        let mut level = Level::of(30);
        level.orders.push(Tracked::new(level.at, order(Outcome::Yes), PlaceWhy::Adopted));
        assert_eq!(level.hear(0, rests), [10, 20]);
        level.hear(0, |tracked| tracked.state = OrderState::Done(crate::orders::Done::Expired));
        assert!(level.places.is_empty());
    }
}
