//! Matching mechanisms: the continuous price-time book of orders, and the book that a recording drives.

pub mod book;
mod ladder;
pub mod taped;

pub use book::{Book, Slot};
pub use taped::{Levels, TapeBook};

use crate::exchange::{AccountIx, OrderIx};
use mm_core::domain::{Price, Qty, Side, TickSize};
use serde::{Deserialize, Serialize};
use std::hint::select_unpredictable;

/// An account's order in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Which.
    pub order: OrderIx,
    /// Whose.
    pub account: AccountIx,
    /// Shares left.
    pub remaining: Qty,
}

/// Who stood on the other side of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// An account's order, with what it has left.
    Order {
        /// Which.
        order: OrderIx,
        /// Shares left after the match.
        left: Qty,
    },
    /// An order of the taker's own account, which has left the book instead of matching.
    Own {
        /// Which.
        order: OrderIx,
    },
    /// Recorded size.
    Recorded,
}

/// One match, in YES terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Who rested.
    pub maker: Maker,
    /// The maker's price, of YES.
    pub price: Price,
    /// Shares; zero for [`Maker::Own`].
    pub qty: Qty,
}

/// Whether an order on `side` at `limit` would meet a resting price on the other side.
#[inline]
#[must_use]
pub fn crosses(side: Side, limit: Price, resting: Price) -> bool {
    let (below, above) = (resting <= limit, resting >= limit);
    select_unpredictable(side == Side::Buy, below, above)
}

/// How one market matches. A market of accounts alone pays nothing for what a recording needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Mechanism {
    /// Orders of accounts, nothing else.
    Continuous(Box<Book>),
    /// Recorded or built-in size, with orders of accounts waiting in it.
    Recorded(Box<TapeBook>),
}

/// The same call to whichever book is there.
macro_rules! either {
    ($self:expr, $book:ident => $call:expr) => {
        match $self {
            Mechanism::Continuous($book) => $call,
            Mechanism::Recorded($book) => $call,
        }
    };
}

impl Mechanism {
    /// Highest public bid or lowest public ask.
    #[inline(always)]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Price> {
        either!(self, book => book.best(side))
    }

    /// The public size at a price.
    #[inline]
    #[must_use]
    pub fn public(&self, side: Side, price: Price) -> Qty {
        either!(self, book => book.public(side, price))
    }

    /// Whether an order would meet the other side.
    #[inline(always)]
    #[must_use]
    pub fn meets(&self, side: Side, limit: Price) -> bool {
        self.best(side.other()).is_some_and(|best| crosses(side, limit, best))
    }

    /// Orders of accounts that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        match self {
            Self::Continuous(book) => book.len(),
            Self::Recorded(book) => book.orders().count(),
        }
    }

    /// Puts an order at the end of its queue: where it waits, and the public size there now. Only the continuous book has slots; the
    /// other finds orders by price.
    #[inline(always)]
    pub fn rest(&mut self, side: Side, price: Price, order: OrderIx, account: AccountIx, qty: Qty) -> (Slot, Qty) {
        match self {
            Self::Continuous(book) => book.rest(side, price, order, account, qty),
            Self::Recorded(book) => {
                book.rest(side, price, order, account, qty);
                (Slot(0), book.public(side, price))
            }
        }
    }

    /// Takes an order out; the public size that is left at its price.
    #[inline(always)]
    pub fn remove(&mut self, side: Side, price: Price, order: OrderIx, slot: Slot) -> Qty {
        match self {
            Self::Continuous(book) => book.remove(slot).1,
            Self::Recorded(book) => {
                book.remove(side, price, order).expect("a live order rests in its book");
                book.public(side, price)
            }
        }
    }

    /// Makes an order smaller in its place.
    pub fn reduce(&mut self, side: Side, price: Price, order: OrderIx, slot: Slot, by: Qty) {
        match self {
            Self::Continuous(book) => book.reduce(slot, by),
            Self::Recorded(book) => book.reduce(side, price, order, by),
        }
    }

    /// A taker walks the other side up to its limit; orders of `except` in its way leave the book unfilled.
    #[inline]
    pub fn take(&mut self, side: Side, limit: Price, qty: Qty, except: Option<AccountIx>, out: &mut Vec<Match>) {
        either!(self, book => book.take(side, limit, qty, except, out));
    }

    /// Shares a taker could get up to its limit, without `except`'s own orders; counting may stop at `enough`.
    #[must_use]
    pub fn reachable(&self, side: Side, limit: Price, except: Option<AccountIx>, enough: Qty) -> Qty {
        match self {
            Self::Continuous(book) => book.reachable(side, limit, except, enough),
            Self::Recorded(book) => book.reachable(side, limit, except),
        }
    }

    /// The public book of a side, best price first.
    #[must_use]
    pub fn depth(&self, side: Side) -> Vec<(Price, Qty)> {
        match self {
            Self::Continuous(book) => book.depth(side).collect(),
            Self::Recorded(book) => {
                let mut levels = book.levels(side);
                if side == Side::Buy {
                    levels.reverse();
                }
                levels
            }
        }
    }

    /// Every account's order: bids, then asks, each by rising price and arrival.
    #[must_use]
    pub fn orders(&self) -> Vec<(Side, Price, Resting)> {
        match self {
            Self::Continuous(book) => {
                // best first is falling for bids; a stable sort turns the prices and keeps the queues
                let mut bids: Vec<_> = book.queue_of(Side::Buy).map(|(p, o)| (Side::Buy, p, o)).collect();
                bids.sort_by_key(|(_, price, _)| *price);
                bids.extend(book.queue_of(Side::Sell).map(|(p, o)| (Side::Sell, p, o)));
                bids
            }
            Self::Recorded(book) => book.orders().collect(),
        }
    }

    /// Hands over every account's order, in no order that matters: what a sample needs, without a list of them.
    pub fn each_order(&self, mut see: impl FnMut(Side, Price, Resting)) {
        match self {
            Self::Continuous(book) => {
                for side in [Side::Buy, Side::Sell] {
                    book.queue_of(side).for_each(|(price, order)| see(side, price, order));
                }
            }
            Self::Recorded(book) => book.orders().for_each(|(side, price, order)| see(side, price, order)),
        }
    }

    /// Recorded or built-in size by level, bids first, in no order that matters.
    #[must_use]
    pub fn recorded(&self) -> Vec<(Side, Price, Qty)> {
        let Self::Recorded(book) = self else { return Vec::new() };
        let of = |side| book.recorded.side(side).iter().map(move |(price, qty)| (side, *price, *qty));
        of(Side::Buy).chain(of(Side::Sell)).collect()
    }

    /// The recorded side of a recorded book.
    #[must_use]
    pub fn taped(&mut self) -> Option<&mut TapeBook> {
        match self {
            Self::Continuous(_) => None,
            Self::Recorded(book) => Some(book),
        }
    }

    /// Makes room for prices of another tick.
    pub fn admit(&mut self, tick: TickSize) {
        if let Self::Continuous(book) = self {
            book.admit(tick);
        }
    }

    /// Checks what must always hold in a book.
    ///
    /// # Errors
    /// Which promise is broken, and where.
    pub fn check(&self) -> Result<(), String> {
        either!(self, book => book.check())
    }
}
