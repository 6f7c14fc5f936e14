//! How deep a decision looked into a book. A change below that cannot change the decision, so it need not be taken again.

use crate::book::Book;
use crate::domain::{Price, Qty, Side, Usdc};
use crate::quote::Basis;
use crate::rewards::Depth;
use std::cell::Cell;

/// The worst price of each side that was read, in ten-thousandths of YES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Horizon {
    /// Bids at or above it were read.
    bid: u16,
    /// Asks at or below it were read.
    ask: u16,
}

impl Horizon {
    /// Nothing was read.
    pub(super) const NOTHING: Self = Self { bid: u16::MAX, ask: 0 };

    fn read(&mut self, side: Side, level: Option<Price>) {
        // the end of a side lies behind every price
        match side {
            Side::Buy => self.bid = self.bid.min(level.map_or(0, Price::ten_thousandths)),
            Side::Sell => self.ask = self.ask.max(level.map_or(u16::MAX, Price::ten_thousandths)),
        }
    }

    /// Everything that either of two has read.
    pub(super) fn and(self, other: Self) -> Self {
        Self { bid: self.bid.min(other.bid), ask: self.ask.max(other.ask) }
    }

    /// Whether a change of this level is out of sight.
    pub(super) const fn is_beyond(self, side: Side, price: Price) -> bool {
        match side {
            Side::Buy => price.ten_thousandths() < self.bid,
            Side::Sell => price.ten_thousandths() > self.ask,
        }
    }
}

/// A book that remembers how deep it was read.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    book: &'a Book,
    horizon: Cell<Horizon>,
}

impl<'a> Watched<'a> {
    /// The best prices count as read: the value of holdings follows them.
    pub(super) fn new(book: &'a Book) -> Self {
        let mut horizon = Horizon::NOTHING;
        for side in [Side::Buy, Side::Sell] {
            horizon.read(side, book.best(side).map(|(price, _)| price));
        }
        Self { book, horizon: Cell::new(horizon) }
    }

    pub(super) const fn horizon(&self) -> Horizon {
        self.horizon.get()
    }

    /// What rests at one price.
    pub(super) fn size_at(&self, side: Side, price: Price) -> Qty {
        let mut horizon = self.horizon.get();
        horizon.read(side, Some(price));
        self.horizon.set(horizon);
        self.book.size_at(side, price)
    }
}

impl Depth for Watched<'_> {
    fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        let mut levels = self.book.levels(side);
        std::iter::from_fn(move || {
            let level = levels.next();
            let mut horizon = self.horizon.get();
            horizon.read(side, level.map(|(price, _)| price));
            self.horizon.set(horizon);
            level
        })
    }
}

/// A decision that wanted nothing done, and how long it stands: until something within its horizon, of its own orders or holdings, or
/// in its limits changes. Its own wake-ups are planned apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quiet {
    pub(super) horizon: Horizon,
    /// Most that may stand elsewhere.
    pub(super) room: Usdc,
    /// What its buys cost: free dollars must pay for them beside the buys elsewhere.
    pub(super) buys: Usdc,
    /// What its quotes were found from, if sizes within the horizon may change without the rest of the decision.
    pub(super) basis: Option<Basis>,
    /// They have changed since.
    pub(super) resized: bool,
    /// So many shares have left them; what came is not set off.
    pub(super) gone: Qty,
}
