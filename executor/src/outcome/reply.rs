//! Calls to the venue and the raw replies to them, as plain data.

use mm_core::domain::{ConditionId, OrderId, Timestamp, TokenId};

/// A call the desk wants made. The shell adds authentication, sends it once and hands back what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VenueCall {
    /// `DELETE /orders` (or `/order` for one), at most [`VenueCall::CANCEL_MAX`] ids. Cancel pool.
    Cancel(Vec<OrderId>),
    /// `DELETE /cancel-all`. Cancel pool.
    CancelAll,
    /// `DELETE /cancel-market-orders`. Cancel pool.
    CancelMarket(ConditionId),
    /// One page of `GET /data/orders`; the first page has no cursor.
    OpenOrders {
        /// `next_cursor` of the page before.
        cursor: Option<Box<str>>,
    },
    /// `GET /data/order/{id}`.
    Order(OrderId),
    /// One page of `GET /data/trades`.
    Trades {
        /// Trades matched after this moment (whole seconds).
        since: Timestamp,
        /// `next_cursor` of the page before.
        cursor: Option<Box<str>>,
    },
    /// `POST /v1/heartbeats` with the id of the previous answer; empty on the first call.
    Heartbeat {
        /// The chain's last id.
        id: Box<str>,
    },
    /// `POST /orders-scoring`.
    Scoring(Vec<OrderId>),
    /// `GET /rewards/user/percentages`.
    Shares,
    /// `GET /rewards/user/total` of a UTC day, counted since 1970, sponsored pools and all.
    Earned(u32),
    /// `GET /balance-allowance`: dollars, or one token's shares.
    Balance(Option<TokenId>),
    /// `GET /balance-allowance/update`: has the venue look at dollars or one token's shares anew (`clob-rest.md` section 10).
    RefreshBalance(Option<TokenId>),
    /// `POST /books` of at most [`VenueCall::BOOKS_MAX`] tokens; no authentication.
    Books(Vec<TokenId>),
    /// The geoblock endpoint; no authentication.
    Geoblock,
    /// `GET /auth/ban-status/closed-only`.
    ClosedOnly,
    /// `GET /time`; no authentication.
    Time,
    /// Derive the API credentials again after a 401. The reply carries the status only, never the body.
    RenewCredentials,
}

impl VenueCall {
    /// Most orders in one `POST /orders` (`clob-rest.md` section 6).
    pub const PLACE_MAX: usize = 15;
    /// Most ids in one cancel call. The venue takes 1,000, and refuses a call whole that costs more than the signer's bucket
    /// holds (`clob-rest.md` sections 7 and 16): this many the lowest tier refills in half a second.
    pub const CANCEL_MAX: usize = 30;

    /// Most books in one call: what the shell reads of an answer is capped, and the deciding loop parses it.
    pub const BOOKS_MAX: usize = 10;

    /// Whether the call belongs to the cancel pool: its own connections, rate bucket and short timeout.
    #[must_use]
    pub const fn is_cancel(&self) -> bool {
        matches!(self, Self::Cancel(_) | Self::CancelAll | Self::CancelMarket(_))
    }

    /// Whether the call needs API credentials.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        !matches!(self, Self::Books(_) | Self::Geoblock | Self::Time)
    }
}

/// What came of a call, unjudged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VenueReply {
    /// A complete HTTP answer, whatever it says.
    Answer(Answer),
    /// Provably not one byte of the request left: name look-up, connect or TLS failed, or the stream was refused.
    NotSent(Box<str>),
    /// Some of the request may have left, and no complete answer came.
    Lost(Lost),
}

/// A complete HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as it came, capped by the shell.
    pub body: Vec<u8>,
    /// `Retry-After` in seconds, if it was a number.
    pub retry_after_s: Option<u64>,
    /// The signer's limiter left its headers: with a 429 the request was provably not processed.
    pub limiter: bool,
    /// It is about several orders at once.
    pub for_many: bool,
}

impl Answer {
    /// An answer without special headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }
}

/// How an answer got lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// None within the time limit.
    Timeout,
    /// The connection broke.
    Reset,
    /// The answer ended early.
    Truncated,
    /// The answer is larger than the shell reads.
    TooLarge,
    /// Anything else.
    Other,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no answer in time",
            Self::Reset => "connection broke",
            Self::Truncated => "answer ended early",
            Self::TooLarge => "answer too large",
            Self::Other => "answer lost",
        })
    }
}
