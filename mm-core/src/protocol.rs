//! The words between core and executor. One message is one JSON value in one length-prefixed frame (`io::uds`).
//!
//! The core is trusted for nothing: every type here refuses unknown fields and out-of-range numbers when it is decoded.

use crate::domain::{
    ClientOrderId, Digest, MarketIx, Nanos, NewOrder, OrderId, Price, Qty, Share, Timestamp, Token, TokenId, TradeId,
    Usdc,
};
use serde::{Deserialize, Serialize};

/// Version of everything in this module. Both sides must have the same.
pub const PROTOCOL_VERSION: u16 = 3;

/// Largest frame either side may send, in bytes (architecture, section 12 point 13).
pub const FRAME_MAX: usize = 256 * 1024;

/// Core to executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ToExecutor {
    /// The first message of a connection, and again when the universe grows.
    Hello {
        /// [`PROTOCOL_VERSION`].
        version: u16,
        /// The run: its start in milliseconds since 1970.
        run: u64,
        /// Digest of the core's configuration, recorded for the audit.
        config: Digest,
        /// Which venue token each [`Token`] of this connection means.
        tokens: Vec<(Token, TokenId)>,
    },
    /// The lease: every 500 ms. 2 s of silence shuts the gate and cancels.
    Alive {
        /// Age of the oldest feed that is quoted on.
        oldest_feed: Nanos,
    },
    /// Place one order.
    Place {
        /// Our number for it.
        id: ClientOrderId,
        /// When it was decided; older than the limit is refused.
        at: Timestamp,
        /// The order.
        order: NewOrder,
    },
    /// Cancel one order.
    Cancel {
        /// Our number for it.
        id: ClientOrderId,
    },
    /// Cancel everything, in one market or in all.
    CancelAll {
        /// One market, or all.
        market: Option<MarketIx>,
    },
}

/// Executor to core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum FromExecutor {
    /// Answers every `Hello`.
    Welcome {
        /// What rests of this run: number, venue id, order, matched so far.
        open: Vec<(ClientOrderId, OrderId, NewOrder, Qty)>,
        /// The gate as it stands.
        gate: Gate,
        /// The executor's caps, so that the core can stay inside them.
        caps: Caps,
    },
    /// The connection is refused and will be closed.
    Goodbye {
        /// Why.
        why: SessionError,
    },
    /// The gate changed.
    Gate(Gate),
    /// Our policy said no: it never left the house.
    Refused {
        /// Which order.
        id: ClientOrderId,
        /// Every reason, not the first.
        why: Vec<Refusal>,
    },
    /// The venue said no, or provably nothing was sent.
    Rejected {
        /// Which order.
        id: ClientOrderId,
        /// The venue's words, shortened.
        why: Box<str>,
    },
    /// It rests at the venue.
    Accepted {
        /// Which order.
        id: ClientOrderId,
        /// The venue's id for it.
        order: OrderId,
    },
    /// Sent, and no answer that proves anything. A later message resolves it.
    Unknown {
        /// Which order.
        id: ClientOrderId,
    },
    /// Some of it traded. The same trade comes once per stage.
    Fill {
        /// Which order.
        id: ClientOrderId,
        /// The venue's trade.
        trade: TradeId,
        /// Price of our token.
        price: Price,
        /// Shares of this trade on this order.
        qty: Qty,
        /// How far settlement is.
        stage: Stage,
    },
    /// Cancelled, expired or never landed. Fills up to `matched` may still follow.
    Canceled {
        /// Which order.
        id: ClientOrderId,
        /// The venue's last word on how much had matched.
        matched: Qty,
    },
    /// The cancel was refused or its answer proves nothing.
    CancelFailed {
        /// Which order.
        id: ClientOrderId,
        /// Why.
        why: Box<str>,
    },
    /// Holdings as the venue tells them, all of them: of a token of the session that is not named, nothing is held.
    Balance {
        /// Free dollars.
        usdc: Usdc,
        /// Shares by token.
        tokens: Vec<(Token, Held)>,
    },
    /// Whether an order scores, as the venue says; asked once a minute in batch.
    Scoring {
        /// Which order.
        id: ClientOrderId,
        /// `None`: no answer, never a yes.
        scoring: Option<bool>,
    },
    /// Our part of a market's rewards as of now, as the venue says; asked once a minute for all.
    Share {
        /// Which market.
        market: MarketIx,
        /// `None`: no answer, never nothing.
        share: Option<Share>,
    },
    /// What all our orders earned on a UTC day, as the venue says: so far, or in all once it is over. It is paid out around midnight, from
    /// one dollar upwards. Without an answer there is no message.
    Earned {
        /// The day, counted since 1970.
        day: u32,
        /// Dollars, rounded down.
        amount: Usdc,
    },
}

/// Shares held of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Matched so far: bounds risk.
    pub matched: Qty,
    /// Settled: may be sold.
    pub confirmed: Qty,
}

/// The executor's caps on dollars at risk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// One order.
    pub order: Usdc,
    /// One market.
    pub market: Usdc,
    /// All markets.
    pub total: Usdc,
}

/// How far a trade's settlement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// Matched off-chain: counts as spent.
    Matched,
    /// In a block, not final.
    Mined,
    /// Final: shares may be sold.
    Confirmed,
    /// Reverted and being tried again.
    Retrying,
    /// Final: it did not happen.
    Failed,
}

/// Whether orders may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Gate {
    /// Nothing has been checked yet: refuses.
    Unchecked,
    /// Orders may leave until this moment.
    Open {
        /// The earliest moment a check expires.
        until: Timestamp,
    },
    /// Orders may not leave.
    Shut(Shut),
}

impl Gate {
    /// Whether an order may leave at `at`.
    #[must_use]
    pub fn is_open(self, at: Timestamp) -> bool {
        matches!(self, Self::Open { until } if at < until)
    }
}

/// Why the gate is shut. `Halted` is latched until an operator arms; every other reason ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Shut {
    /// The venue says this place may not trade.
    Geoblocked,
    /// A check has no fresh answer.
    CheckFailed,
    /// The account may only close positions: counts as shut, without exception.
    ClosedOnly,
    /// The venue is restarting, cancel-only or disabled.
    Venue,
    /// The venue's dead-man switch is not being fed.
    HeartbeatLost,
    /// The user stream cannot be trusted.
    UserStream,
    /// The core is silent.
    CoreSilent,
    /// The ledger cannot be written.
    Ledger,
    /// Our clock and the venue's disagree.
    Clock,
    /// Latched.
    Halted,
}

/// One rule that said no, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
pub enum Refusal {
    /// The gate.
    #[error("gate is {0:?}")]
    Gate(Gate),
    /// Not on the allow-list.
    #[error("token is not on the allow-list")]
    TokenNotAllowed,
    /// Price or size is not on the venue's grid, or below its minimum.
    #[error("{0}")]
    OffGrid(Box<str>),
    /// Outside the configured band.
    #[error("price {price} is outside {lo}..={hi}")]
    PriceBand {
        /// The order's price.
        price: Price,
        /// Lowest allowed.
        lo: Price,
        /// Highest allowed.
        hi: Price,
    },
    /// Larger than one order may be.
    #[error("order of {qty} shares, cap is {cap}")]
    SizeCap {
        /// The order's size.
        qty: Qty,
        /// Largest allowed.
        cap: Qty,
    },
    /// Costs more than one order may.
    #[error("order could cost {cost}, cap is {cap}")]
    OrderCap {
        /// Worst cost.
        cost: Usdc,
        /// Largest allowed.
        cap: Usdc,
    },
    /// Its market would hold too much.
    #[error("market would stand at {would_be}, cap is {cap}")]
    MarketCap {
        /// Open notional with this order.
        would_be: Usdc,
        /// Largest allowed.
        cap: Usdc,
    },
    /// All markets together would hold too much.
    #[error("all markets would stand at {would_be}, cap is {cap}")]
    TotalCap {
        /// Open notional with this order.
        would_be: Usdc,
        /// Largest allowed.
        cap: Usdc,
    },
    /// The worst ending, with whatever is open filling as it hurts most, would lose too much.
    #[error("the {of} could lose {would_be}, cap is {cap}")]
    WorstCase {
        /// "market", "event" or "house".
        of: Box<str>,
        /// Lost in the worst ending, this order included.
        would_be: Usdc,
        /// Largest allowed.
        cap: Usdc,
    },
    /// Too much would rest in one place.
    #[error("{would_be} would rest on the {of}, cap is {cap}")]
    Resting {
        /// "token", "market" or "event".
        of: Box<str>,
        /// Price × size of what is open there, this order included.
        would_be: Usdc,
        /// Largest allowed.
        cap: Usdc,
    },
    /// Too many orders are open in one place.
    #[error("{open} orders are open on the {of}, cap is {cap}")]
    OpenOn {
        /// "token", "market" or "event".
        of: Box<str>,
        /// Open now.
        open: u32,
        /// Largest allowed.
        cap: u32,
    },
    /// The executor knows no fresh price of its own to judge this one by.
    #[error("no reference price: {0}")]
    NoReference(Box<str>),
    /// Too far from the executor's own reference, towards the side that gives money away.
    #[error("price {price} is worse than {limit}, the reference's edge")]
    OffReference {
        /// The order's price.
        price: Price,
        /// The last price that would pass.
        limit: Price,
    },
    /// Placing is held back for a while after something suspicious.
    #[error("held back: {0}")]
    Throttled(Box<str>),
    /// A cap of the UTC day is used up.
    #[error("{0} cap of the day is used up")]
    DayCap(Box<str>),
    /// Not a post-only GTC or GTD order.
    #[error("order is not post-only GTC or GTD")]
    NotPostOnly,
    /// It would meet our own resting order.
    #[error("order would cross our own order at {0}")]
    SelfCross(Price),
    /// A sell of shares that are not confirmed and free.
    #[error("sells {qty} shares, {free} are confirmed and free")]
    NotHeld {
        /// The order's size.
        qty: Qty,
        /// What may be sold.
        free: Qty,
    },
    /// Decided too long ago.
    #[error("intent is {age_ms} ms old")]
    Stale {
        /// Its age.
        age_ms: u64,
    },
    /// Too many orders this minute.
    #[error("too many orders this minute")]
    Rate,
    /// It passed the policy, and the executor had no call left for it: it has not left and never will.
    #[error("kept in: {0}")]
    KeptIn(Box<str>),
    /// Too many orders are open.
    #[error("{open} orders are open, cap is {cap}")]
    OpenOrders {
        /// Open now.
        open: u32,
        /// Largest allowed.
        cap: u32,
    },
    /// The number was used before with a different order.
    #[error("id was used before with a different order")]
    IdReused,
}

impl Refusal {
    /// Whether it speaks of a moment, so that the same order may pass in the next, and not of a rule.
    #[must_use]
    pub const fn is_of_the_moment(&self) -> bool {
        matches!(self, Self::NoReference(_) | Self::Stale { .. } | Self::KeptIn(_))
    }
}

/// Why a connection was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
pub enum SessionError {
    /// Another version of this protocol.
    #[error("protocol version {theirs}, ours is {ours}")]
    Version {
        /// What the peer speaks.
        theirs: u16,
        /// What we speak.
        ours: u16,
    },
    /// A frame above [`FRAME_MAX`].
    #[error("frame of {size} bytes, limit is {limit}")]
    FrameTooLarge {
        /// The announced size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A frame that is not one message of this protocol.
    #[error("frame is not a message: {0}")]
    Garbage(Box<str>),
    /// Anything before `Hello`.
    #[error("the first message must be Hello")]
    HelloFirst,
    /// Another core is connected.
    #[error("another core is connected")]
    Busy,
    /// The peer's user id is not allowed here.
    #[error("peer uid {0} may not connect")]
    Peer(u32),
    /// The connection did not introduce itself in time.
    #[error("no Hello in time")]
    HelloLate,
    /// The token table names a token twice, or renames one.
    #[error("token table: {0}")]
    Tokens(Box<str>),
}
