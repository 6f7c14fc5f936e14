//! One order as the venue remembers it: its row, what it is made of, and the papers of one that came over the wire.

use crate::exchange::AccountIx;
use crate::exchange::fact::{Ended, TradeIx};
use crate::mechanism::Slot;
use mm_core::domain::{MarketIx, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp};
use serde::{Deserialize, Serialize};

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::exchange) enum Status {
    /// It rests, or is on its way through matching.
    Live,
    /// Its market holds it back for a moment.
    Delayed,
    /// It was held back, found nothing to match, and rests.
    Unmatched,
    /// Filled.
    Matched,
    /// Gone with something left.
    Ended(Ended),
}

impl Status {
    /// The venue's word.
    pub(in crate::exchange) const fn word(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Delayed => "DELAYED",
            Self::Unmatched => "UNMATCHED",
            Self::Matched => "MATCHED",
            Self::Ended(Ended::Canceled) => "CANCELED",
            Self::Ended(Ended::Expired) => "CANCELED_EXPIRED_ORDER",
            Self::Ended(Ended::MarketClosed) => "CANCELED_MARKET_NOT_FOUND",
            Self::Ended(Ended::MarketResolved) => "CANCELED_MARKET_RESOLVED",
            Self::Ended(Ended::NotEnoughBalance) => "CANCELED_NOT_ENOUGH_BALANCE",
            Self::Ended(Ended::NotFillable) => {
                "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed."
            }
            Self::Ended(Ended::NothingToMatch) => {
                "CANCELED_no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
            }
        }
    }
}

/// One order; aligned, so that it lies in one cache line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(align(64))]
pub(in crate::exchange) struct OrderRow {
    pub(in crate::exchange) account: AccountIx,
    pub(in crate::exchange) market: MarketIx,
    pub(in crate::exchange) outcome: Outcome,
    pub(in crate::exchange) side: Side,
    pub(in crate::exchange) price: Price,
    pub(in crate::exchange) status: Status,
    pub(in crate::exchange) qty: Qty,
    pub(in crate::exchange) matched: Qty,
    pub(in crate::exchange) tif: TimeInForce,
    pub(in crate::exchange) at: Timestamp,
    /// Position in the order of acceptance, from 1.
    pub(in crate::exchange) number: u64,
    /// Where it waits in its book; a restored book tells it anew.
    #[serde(skip)]
    pub(in crate::exchange) slot: Slot,
    pub(super) rests: bool,
}

impl OrderRow {
    pub(super) const BLANK: Self = Self {
        account: AccountIx(0),
        market: MarketIx(0),
        outcome: Outcome::Yes,
        side: Side::Buy,
        price: Price::ZERO,
        status: Status::Live,
        qty: Qty::ZERO,
        matched: Qty::ZERO,
        tif: TimeInForce::Gtc,
        at: Timestamp::EPOCH,
        number: 0,
        slot: Slot(0),
        rests: false,
    };

    pub(in crate::exchange) const fn left(&self) -> Qty {
        self.qty.saturating_sub(self.matched)
    }

    /// Whether it waits in a book.
    pub(in crate::exchange) const fn rests(&self) -> bool {
        self.rests
    }
}

/// What an order is made of at its acceptance.
pub(in crate::exchange) struct Fresh {
    pub(in crate::exchange) account: AccountIx,
    pub(in crate::exchange) market: MarketIx,
    pub(in crate::exchange) outcome: Outcome,
    pub(in crate::exchange) side: Side,
    pub(in crate::exchange) price: Price,
    pub(in crate::exchange) qty: Qty,
    pub(in crate::exchange) tif: TimeInForce,
    pub(in crate::exchange) at: Timestamp,
}

/// What only the wire needs of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::exchange) struct Paper {
    /// Its hash; `None` for an order that came without one.
    pub(in crate::exchange) id: Option<OrderId>,
    /// API key it was placed with.
    pub(in crate::exchange) owner: String,
    /// Trades it took part in.
    pub(in crate::exchange) trades: Vec<TradeIx>,
}
