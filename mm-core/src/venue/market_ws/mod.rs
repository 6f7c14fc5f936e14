//! Frames of the market channel (`clob-streams.md` sections 2 to 4), both ways.
//!
//! Decoding has two roads with one meaning: a scanner for the venue's usual shapes, and [`decode_tolerant`] for everything
//! else. [`read`] takes them to events of our own markets, [`decode`] to the venue's events with its ids. A malformed event of a known type refuses its whole frame, because a change that is
//! skipped silently spoils a book; an unknown type is kept by name and survived.

mod encode;
mod events;
mod fast;
mod tolerant;
mod wire;

pub use encode::{encode, encode_all, encode_rest_book};
pub use events::{Read, read, to_market_events};
pub use tolerant::{decode_rest_book, decode_rest_levels, decode_tolerant};

use crate::domain::{ConditionId, Price, Qty, Side, TickSize, TokenId};
use crate::event::{BookHash, Top};

/// One side of a book as the wire has it.
pub type WireLevels = Vec<(Price, Qty)>;

/// Which decoder read a frame. The share of [`Road::Tolerant`] is a metric: a jump means the venue changed its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// The scanner for the usual shapes.
    Fast,
    /// Serde, for everything else.
    Tolerant,
}

/// Why a frame was refused as a whole. The books it may have been about cannot be trusted any longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// It begins like JSON and is not an event or a list of events.
    #[error("frame is neither an event nor a list of events: {what}")]
    Json {
        /// The parser's words, with line and column.
        what: Box<str>,
    },
    /// An event of a known type does not say what its type must say.
    #[error("malformed {event_type}: {what}")]
    Event {
        /// The type, or `rest book`.
        event_type: &'static str,
        /// What is wrong, with line and column where known.
        what: Box<str>,
    },
}

/// Decodes one text frame and tells which road it took.
///
/// # Errors
/// [`BadFrame`], exactly when [`decode_tolerant`] refuses the text.
pub fn decode(text: &str) -> Result<(MarketFrame, Road), BadFrame> {
    match wire::decode(text) {
        Some(events) => Ok((MarketFrame::Events(events), Road::Fast)),
        None => decode_tolerant(text).map(|frame| (frame, Road::Tolerant)),
    }
}

/// What a text frame of the market channel holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarketFrame {
    /// One event, or an array of them; the answer to an unknown token is an empty array.
    Events(Vec<WireEvent>),
    /// `PONG`, `NO NEW ASSETS` or other plain text.
    Text,
}

/// One event in the venue's terms: its ids, our units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireEvent {
    /// `book`: the whole book of a token.
    Book(BookMessage),
    /// `price_change`, current and older forms.
    PriceChange(PriceChange),
    /// `tick_size_change`.
    TickSizeChange {
        /// Condition id.
        market: ConditionId,
        /// Token.
        token: TokenId,
        /// Before.
        old: Option<TickSize>,
        /// After.
        new: TickSize,
        /// Milliseconds since 1970.
        venue_ms: u64,
    },
    /// `last_trade_price`: one match; `side` is the taker's.
    LastTradePrice {
        /// Condition id.
        market: ConditionId,
        /// Token.
        token: TokenId,
        /// Price.
        price: Price,
        /// Shares.
        qty: Qty,
        /// The taker's side.
        side: Side,
        /// Milliseconds since 1970.
        venue_ms: u64,
    },
    /// `best_bid_ask`.
    BestBidAsk {
        /// Condition id.
        market: ConditionId,
        /// Token.
        token: TokenId,
        /// Best prices.
        top: Top,
        /// Milliseconds since 1970.
        venue_ms: u64,
    },
    /// `new_market`: arrives for all markets of the venue.
    NewMarket {
        /// Condition id.
        condition: ConditionId,
        /// Tokens, the first is YES.
        tokens: Vec<TokenId>,
        /// Milliseconds since 1970.
        venue_ms: u64,
    },
    /// `market_resolved`.
    MarketResolved {
        /// Condition id.
        market: ConditionId,
        /// Tokens, the first is YES.
        tokens: Vec<TokenId>,
        /// The winner, if told.
        winner: Option<TokenId>,
        /// Milliseconds since 1970.
        venue_ms: u64,
    },
    /// A type we do not know: counted and survived.
    Unknown {
        /// Its `event_type`, or empty.
        event_type: Box<str>,
    },
}

/// `book`, and the body of REST `GET /book`, which has the same keys and a few more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookMessage {
    /// Condition id.
    pub market: ConditionId,
    /// Token.
    pub token: TokenId,
    /// Bids, lowest first as on the wire.
    pub bids: Vec<(Price, Qty)>,
    /// Asks, highest first as on the wire.
    pub asks: Vec<(Price, Qty)>,
    /// Milliseconds since 1970.
    pub venue_ms: u64,
    /// Hash; `None` when empty or missing.
    pub hash: Option<BookHash>,
    /// REST, and the stream's answer to a subscription.
    pub tick: Option<TickSize>,
    /// REST only.
    pub min_order: Option<Qty>,
    /// REST only.
    pub neg_risk: Option<bool>,
    /// The venue's own string; `""` for a market that never traded.
    pub last_trade: Option<Box<str>>,
}

/// `price_change`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// Condition id.
    pub market: ConditionId,
    /// Levels, in order.
    pub changes: Vec<LevelChange>,
    /// Milliseconds since 1970.
    pub venue_ms: u64,
}

/// One entry of a `price_change`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// Token.
    pub token: TokenId,
    /// The level.
    pub price: Price,
    /// Its new total size; zero removes it.
    pub qty: Qty,
    /// Buy: a bid level; sell: an ask level.
    pub side: Side,
    /// Hash of the token's book after the whole batch; `None` when empty or missing.
    pub hash: Option<BookHash>,
    /// Announced best prices after the whole batch; `None` in older forms.
    pub top: Option<Top>,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_roads;
