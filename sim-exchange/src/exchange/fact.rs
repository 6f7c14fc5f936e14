//! What happened, in plain numbers: small, `Copy`, without a string or a hash. A world without a wire reads facts as they are;
//! `feed` renders them into the venue's words where somebody listens.
//!
//! Facts come in the order in which things happen. Public ones describe the public book in YES terms after the step that made
//! them: the last [`Fact::Level`] about a price is its size.

use super::AccountIx;
use crate::rewards::PaymentKind;
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, TickSize, Usdc};
use serde::{Deserialize, Serialize};

/// An order's row at the venue, from 1. Given again to a new order once its last holder has been forgotten (`Exchange::keep`), so it names
/// an order as long as that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderIx(pub u32);

impl OrderIx {
    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A trade's number at the venue, counted from 0 and never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TradeIx(pub u64);

/// How far a trade has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Matched, not on the chain yet.
    Matched,
    /// On the chain: balances have moved.
    Mined,
    /// Final.
    Confirmed,
    /// Reverted or re-organised, being sent again.
    Retrying,
    /// Final: the fill is undone.
    Failed,
}

impl Stage {
    /// The venue's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Matched => "MATCHED",
            Self::Mined => "MINED",
            Self::Confirmed => "CONFIRMED",
            Self::Retrying => "RETRYING",
            Self::Failed => "FAILED",
        }
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed)
    }
}

/// Why an order ended with something left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ended {
    /// By its owner, by the dead-man's switch, by the self-trade rule, or the rest of a FAK.
    Canceled,
    /// Its GTD time came.
    Expired,
    /// Its market closed.
    MarketClosed,
    /// Its market was resolved.
    MarketResolved,
    /// The balance no longer covered it.
    NotEnoughBalance,
    /// A held FOK that the book could no longer fill.
    NotFillable,
    /// A held FAK that found nothing to match any more.
    NothingToMatch,
}

impl Ended {
    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::MarketClosed => "market-closed",
            Self::MarketResolved => "market-resolved",
            Self::NotEnoughBalance => "not-enough-balance",
            Self::NotFillable => "not-fillable",
            Self::NothingToMatch => "nothing-to-match",
        }
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OrderChange {
    /// Accepted.
    Placed,
    /// Matched in part, or wholly when nothing is left; also a delayed order that is no longer held.
    Updated,
    /// Gone with something left.
    Ended(Ended),
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// A level of the public book has a new size, zero when it is gone.
    Level {
        /// Where.
        market: MarketIx,
        /// Side of the YES book.
        side: Side,
        /// Price of YES.
        price: Price,
        /// Size now.
        qty: Qty,
        /// The token that is named first on the wire.
        first: Outcome,
    },
    /// The newest trade at one price.
    Print {
        /// Where.
        market: MarketIx,
        /// The taker's token.
        outcome: Outcome,
        /// The taker's side.
        side: Side,
        /// Price of the taker's token.
        price: Price,
        /// Shares.
        qty: Qty,
    },
    /// The book of one token is told whole.
    Whole {
        /// Where.
        market: MarketIx,
        /// Whose book.
        outcome: Outcome,
    },
    /// The price step changed.
    Tick {
        /// Where.
        market: MarketIx,
        /// Until now.
        old: TickSize,
        /// From now on.
        new: TickSize,
    },
    /// The market takes orders from now on.
    Opened {
        /// Which.
        market: MarketIx,
    },
    /// The market takes no orders any more.
    Closed {
        /// Which.
        market: MarketIx,
    },
    /// The market's question has an answer.
    Resolved {
        /// Which.
        market: MarketIx,
        /// The token that pays a dollar; `None`: both pay half a dollar.
        winner: Option<Outcome>,
    },
    /// What became of an order.
    Order {
        /// Whose.
        account: AccountIx,
        /// Which.
        order: OrderIx,
        /// What.
        change: OrderChange,
        /// Shares matched so far.
        matched: Qty,
        /// Shares left; of an ended order, what was never matched.
        left: Qty,
    },
    /// One order's part in a trade.
    Fill {
        /// Whose.
        account: AccountIx,
        /// Which.
        order: OrderIx,
        /// In which trade.
        trade: TradeIx,
        /// Where.
        market: MarketIx,
        /// The order's token.
        outcome: Outcome,
        /// The order's side.
        side: Side,
        /// Price of the order's token.
        price: Price,
        /// Shares.
        qty: Qty,
        /// What the venue takes of it: on top of what a buy pays, out of what a sell gets.
        fee: Usdc,
        /// Whether it arrived, rather than rested.
        taker: bool,
    },
    /// A reward or a rebate was paid at the end of a UTC day.
    Paid {
        /// To whom.
        account: AccountIx,
        /// Why.
        kind: PaymentKind,
        /// Dollars.
        amount: Usdc,
    },
    /// A trade has reached a stage.
    Trade {
        /// Which.
        trade: TradeIx,
        /// How far it is.
        stage: Stage,
    },
}
