//! What goes into a turn and what comes out of it.

use crate::domain::{
    ClientOrderId, Market, MarketIx, NewOrder, Outcome, Price, Qty, Side, TickSize, Timestamp, Token, read_hex,
};
use crate::protocol::FromExecutor;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One step of the engine: everything that had arrived, and the time it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Counts from 1, without gaps.
    pub seq: u64,
    /// The one reading of the clock this turn knows. Never before the previous turn's.
    pub at: Timestamp,
    /// In order of arrival.
    pub inputs: Vec<Input>,
}

/// Something that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A text frame of the market channel, undecoded, exactly as received.
    MarketFrame {
        /// Which link brought it.
        link: LinkIx,
        /// When the shell read it.
        received: Timestamp,
        /// The frame.
        text: String,
    },
    /// The body of a REST `/book` answer: asked for by [`Action::FetchBook`].
    RestBook {
        /// The token asked for.
        token: Token,
        /// When the answer was read.
        received: Timestamp,
        /// The body, undecoded.
        text: String,
    },
    /// Already typed: the in-process simulator's short cut past the decoder.
    Market(MarketEvent),
    /// A link of the market channel came up or went down.
    Link {
        /// Which link.
        link: LinkIx,
        /// Whether it is connected now.
        up: bool,
    },
    /// Metadata of all markets. Rows never move or vanish in a run.
    Universe(Vec<Market>),
    /// A message of the executor.
    Executor(FromExecutor),
    /// The connection to the executor is gone: nothing is known of our orders until the next `Welcome`.
    ExecutorLost,
    /// A person's wish.
    Operator(Command),
}

/// One market-channel connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkIx(pub u8);

/// What the market channel tells, in our units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarketEvent {
    /// The whole book of one token.
    Snapshot {
        /// Whose book.
        token: Token,
        /// Bids of that token, best first.
        bids: Vec<(Price, Qty)>,
        /// Asks of that token, best first.
        asks: Vec<(Price, Qty)>,
        /// Only in the answer to a subscription and over REST.
        tick: Option<TickSize>,
        /// The venue's own string of the market's last trade price: it is hashed as it is.
        last_trade: Option<Box<str>>,
        /// Hash of the book, if one was sent.
        hash: Option<BookHash>,
        /// The venue's clock, milliseconds since 1970.
        venue_ms: u64,
    },
    /// One level of one token has a new size; zero removes it.
    Delta {
        /// Whose book.
        token: Token,
        /// Buy: a bid level; sell: an ask level.
        side: Side,
        /// The level.
        price: Price,
        /// Its new total size.
        qty: Qty,
        /// Announced best prices after the whole batch.
        top: Option<Top>,
        /// Hash of the book after the whole batch.
        hash: Option<BookHash>,
        /// The venue's clock, milliseconds since 1970.
        venue_ms: u64,
    },
    /// Best prices alone (`best_bid_ask`).
    Top {
        /// Whose book.
        token: Token,
        /// Its best prices.
        top: Top,
        /// The venue's clock, milliseconds since 1970.
        venue_ms: u64,
    },
    /// A trade on one token; `side` is the taker's.
    Trade {
        /// What traded.
        token: Token,
        /// The taker's side.
        side: Side,
        /// At which price.
        price: Price,
        /// How much.
        qty: Qty,
        /// The venue's clock, milliseconds since 1970.
        venue_ms: u64,
    },
    /// The market's tick changed: the book must be fetched anew.
    TickSize {
        /// Whose tick.
        token: Token,
        /// The new tick.
        tick: TickSize,
    },
    /// The market is decided.
    Resolved {
        /// Which market.
        market: MarketIx,
    },
}

impl MarketEvent {
    /// The market this event is about.
    #[must_use]
    pub const fn market(&self) -> MarketIx {
        match self {
            Self::Snapshot { token, .. }
            | Self::Delta { token, .. }
            | Self::Top { token, .. }
            | Self::Trade { token, .. }
            | Self::TickSize { token, .. } => token.market,
            Self::Resolved { market } => *market,
        }
    }

    /// The venue's clock, milliseconds since 1970, where the event tells it.
    #[must_use]
    pub const fn venue_ms(&self) -> Option<u64> {
        match self {
            Self::Snapshot { venue_ms, .. }
            | Self::Delta { venue_ms, .. }
            | Self::Top { venue_ms, .. }
            | Self::Trade { venue_ms, .. } => Some(*venue_ms),
            Self::TickSize { .. } | Self::Resolved { .. } => None,
        }
    }
}

/// Best prices of one token; a side without orders is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// Highest bid.
    pub bid: Option<Price>,
    /// Lowest ask.
    pub ask: Option<Price>,
}

impl Top {
    /// The same book seen from the other outcome.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self { bid: self.ask.map(Price::complement), ask: self.bid.map(Price::complement) }
    }

    /// The same top in YES terms, given whose it is.
    #[must_use]
    pub fn in_yes_terms(self, outcome: Outcome) -> Self {
        match outcome {
            Outcome::Yes => self,
            Outcome::No => self.mirrored(),
        }
    }
}

/// The venue's SHA-1 of a book (`clob-streams.md` section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BookHash(pub [u8; 20]);

impl BookHash {
    /// Reads 40 hex digits in any letter case; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        read_hex(text.as_bytes()).map(Self)
    }

    /// As [`Self::parse`], for a text whose length is known.
    #[inline]
    pub(crate) fn from_hex(text: &[u8; 40]) -> Option<Self> {
        read_hex(text).map(Self)
    }
}

impl fmt::Display for BookHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BookHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for BookHash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BookHash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a book hash is 40 hex digits"))
    }
}

/// A person's wish. Halting is the executor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Withdraw all quotes and place none.
    Pause,
    /// Quote again.
    Resume,
}

/// What the engine wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Place an order.
    Place {
        /// Our number for it.
        id: ClientOrderId,
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
    /// "I no longer trust this book": subscribe the token anew.
    Resync {
        /// On which link.
        link: LinkIx,
        /// Which token.
        token: Token,
    },
    /// Ask REST for a book: no snapshot came, the feed is quiet, or it is the witness's turn.
    FetchBook {
        /// Whose book.
        token: Token,
    },
    /// Tell people. The shell logs and counts; the core never prints.
    Alert(Alert),
}

/// What people should hear of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alert {
    /// A frame of a known type did not decode, or tells a time far ahead of ours.
    BadFrame(LinkIx),
    /// A book lost its sync.
    BookBroken(Token),
    /// REST and the stream disagree on a book.
    WitnessDiffers(Token),
    /// The venue's hash is not that of the book: of ours, or of a whole one that was sent.
    HashContradicts(Token),
    /// The venue's algorithm is not the one we know (`on: false`), or is again.
    HashChecks {
        /// Whether books are compared with hashes from now on.
        on: bool,
    },
    /// Neither the stream nor REST says anything about a market: its book is given up.
    MarketSilent(Token),
    /// A link is silent for too long.
    LinkStale(LinkIx),
    /// An order's outcome is unknown.
    OrderUnknown(ClientOrderId),
    /// An executor message makes no sense for the order it names.
    ImpossibleOrder(ClientOrderId),
    /// Samples of a market do not score: its quotes were adjusted, or it is left for a while.
    NotScoring(MarketIx),
    /// A limit of the core was reached.
    LimitHit(Box<str>),
}
