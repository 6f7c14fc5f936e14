//! What a fault does, typed: one variant for each way a venue misbehaves, with the numbers drawn for this occurrence.

use crate::exchange::{Fate, Stage, Stale};
use mm_core::domain::Nanos;

/// One fault as it happens: kind and drawn parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What happens to whole connections.
    Link(Channels, LinkFault),
    /// What happens to some of the frames.
    Frames(Channels, Percent, FrameFault),
    /// What REST says of the books.
    Book(BookFault),
    /// What happens to some of the calls.
    Call(Calls, Percent, CallFault),
    /// What the matching engine is up to.
    Engine(EngineFault),
    /// How the user channel tells orders and trades.
    User(Percent, UserFault),
    /// What becomes of some of the trades.
    Trade(Percent, TradeFault),
    /// What happens to accounts.
    Account(AccountFault),
    /// What happens to one market; the number picks it, modulo how many there are.
    Market(u64, MarketFault),
    /// Where the venue thinks we are.
    Place(PlaceFault),
    /// The venue's clock is off: every stamp and `/time`.
    Clock(Skew),
}

/// How many of a hundred are hit; 100 = all, without a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u8);

/// Which WebSocket channels a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Books.
    Market,
    /// Own orders and trades.
    User,
    /// Both.
    Both,
}

/// One channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Books.
    Market,
    /// Own orders and trades.
    User,
}

impl Channels {
    /// Whether the fault concerns this one.
    #[must_use]
    pub const fn includes(self, channel: Channel) -> bool {
        matches!((self, channel), (Self::Both, _) | (Self::Market, Channel::Market) | (Self::User, Channel::User))
    }
}

/// Whole connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// Open, PONG answered, no data.
    Zombie {
        /// Only so many tokens are dead, on every connection the same; 0 = all data.
        tokens: u64,
        /// Connections opened during the fault are dead as well. Dead tokens are dead on those too, whatever this says.
        fresh_too: bool,
    },
    /// Nothing arrives, PONG included; all of it arrives at once when the fault ends.
    Frozen,
    /// TCP ends without a close frame.
    Cut,
    /// The venue neither reads nor writes any more and never says so; new connections work.
    HalfOpen,
    /// The connection is closed in the middle of a burst.
    CloseMidBurst {
        /// Frames that still arrive.
        after: u64,
    },
    /// Every connection is closed soon after it opens.
    Storm {
        /// How long one lives.
        lives: Nanos,
    },
    /// Subscriptions are answered without books; changes flow.
    NoSnapshot,
}

/// Single frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// Never arrives.
    Lost,
    /// Arrives twice.
    Duplicated,
    /// Arrives behind the next one.
    Reordered,
    /// Arrives late; others overtake it.
    Late {
        /// By how much.
        by: Nanos,
    },
    /// Of a change only the entries of the second token are sent.
    SiblingOnly,
    /// Before a change the book is crossed for a moment, inside one timestamp.
    Crossed,
    /// Another format than the documented one.
    Drift(Drift),
}

/// Format drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The `changes` form of 2025, one frame for each token.
    OldChanges,
    /// An event nobody has heard of comes before the frame.
    UnknownEvent,
    /// Objects carry fields nobody has heard of.
    UnknownFields,
    /// Numbers and times are JSON numbers.
    BareNumbers,
    /// Optional values are empty strings.
    EmptyStrings,
}

/// REST books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookFault {
    /// As they were when the fault began.
    Stale,
    /// One level at each end, 0.01 and 0.99, while the stream is right.
    Ghost,
}

/// Which calls a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Placing.
    Orders,
    /// Cancelling.
    Cancels,
    /// Placing and cancelling.
    Trading,
    /// Authenticated reads.
    Reads,
    /// The dead-man switch.
    Heartbeats,
    /// Everything on the CLOB host.
    All,
}

/// Single calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// Applied; the answer never arrives.
    LostAnswer,
    /// Applied long after the client gave up; no answer.
    AppliedLate {
        /// When, after the call.
        after: Nanos,
    },
    /// Applied twice; the second answer is the one that arrives.
    AppliedTwice,
    /// Applied, then a 5xx.
    ErrorAfterEffect {
        /// 500, 502, 503 or 504.
        status: u16,
    },
    /// Applied; the connection ends in the middle of the body.
    Truncated,
    /// Applied; the body is no JSON.
    Malformed,
    /// Applied; success, with an empty order id.
    EmptyId,
    /// Applied; success, with the id of another order.
    OtherId,
    /// Entries of a batch that were refused call themselves a success beside their error.
    SuccessWithError {
        /// Their status.
        status: Told,
    },
    /// Applied; an HTML page.
    Html {
        /// 200, 502 or 503.
        status: u16,
    },
    /// Held back before it is looked at, as the IP limiter does.
    Held {
        /// By how much.
        by: Nanos,
    },
    /// 429 of the signer limiter, with its headers; not processed.
    SignerLimit {
        /// Below zero for cancels of a maker in debt.
        remaining: i64,
    },
    /// 429 without headers; processed or not, nobody can tell.
    BareLimit {
        /// Processed all the same.
        applied: bool,
    },
    /// Refused; the answer repeats the request with its headers, as some gateways do. A user channel gets its first frame back.
    Echo {
        /// 400, 401, 500 or 502.
        status: u16,
    },
    /// The heartbeat chain is elsewhere: 400 with another id, nothing refreshed.
    OtherBeat,
}

/// The status of a refused entry that calls itself a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// None.
    Empty,
    /// `delayed`.
    Delayed,
    /// One of the two, drawn for each call.
    Drawn,
}

/// The matching engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineFault {
    /// 425 on order endpoints; afterwards post-only.
    Restart {
        /// How long 425.
        down: Nanos,
        /// How long post-only after that.
        post_only: Nanos,
    },
    /// 503 with `code`; post-only orders and cancels pass.
    PostOnly,
    /// 503 for orders; cancels pass.
    CancelOnly,
    /// 503 for everything.
    Disabled,
}

/// The user channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFault {
    /// A cancelled order had been filled before; the cancellations and the fills are told in the recorded, mixed-up order.
    FillsAfterCancel,
    /// Order events come late, behind the trades they belong to.
    TradeBeforeOrder {
        /// By how much.
        by: Nanos,
    },
    /// Every trade event twice.
    DuplicateTrades,
    /// One taker takes all resting orders of one side of a wallet in one trade.
    SeveralOrders,
    /// Behind a status comes an earlier one again.
    StatusBackwards,
}

/// Trades that do not settle as they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradeFault {
    /// MATCHED, then FAILED.
    Failed {
        /// From match to failure.
        after: Nanos,
    },
    /// MATCHED and never anything else.
    Unconfirmed,
    /// MATCHED, RETRYING, then MINED and CONFIRMED.
    Retried {
        /// From match to `RETRYING`.
        after: Nanos,
    },
}

impl TradeFault {
    /// The stages the trade will pass, instead of being mined and confirmed so long after the match.
    #[must_use]
    pub fn fate(self, mined: Nanos, confirmed: Nanos) -> Fate {
        let plus = |a: Nanos, b: Nanos| Nanos::from_nanos(a.nanos().saturating_add(b.nanos()));
        let steps = match self {
            Self::Failed { after } => vec![(after, Stage::Failed)],
            Self::Unconfirmed => Vec::new(),
            Self::Retried { after } => vec![
                (after, Stage::Retrying),
                (plus(after, mined), Stage::Mined),
                (plus(after, confirmed), Stage::Confirmed),
            ],
        };
        Fate::new(&steps).expect("mined is never after confirmed, and each of these is a way through the ladder")
    }
}

/// Accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountFault {
    /// The venue's balance cache is stuck: orders are refused for balance that is there.
    StuckBalance,
    /// The venue's balance cache looks nothing up by itself: what it holds is as old as the last refresh.
    StaleBalance {
        /// Whose: 0 = of every account that a key acts for, 1 = of the first of these, and so on.
        account: u64,
        /// What it does not look up.
        how: Stale,
    },
    /// The venue cancels resting orders for a balance that is there.
    CancelledForBalance {
        /// At most so many.
        orders: u64,
    },
    /// The dead-man's switch fires although every beat was in time.
    Sweep,
    /// Closed-only: only reducing orders.
    ClosedOnly,
}

/// Markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketFault {
    /// The tick goes one step finer, or one coarser.
    Tick {
        /// Which way.
        finer: bool,
    },
    /// Other reward terms: minimum size and maximum spread change.
    RewardTerms {
        /// Percent of the minimum size there was.
        min_size: u64,
        /// Percent of the maximum spread there was.
        max_spread: u64,
    },
    /// The reward pool is gone.
    PoolGone,
    /// The market takes no orders; its resting ones are cancelled.
    Closed,
    /// Game start: every resting order is cancelled.
    GameStart,
    /// Resolved, and nobody is told.
    SilentResolution,
    /// An answer is proposed; trading goes on.
    AnswerProposed,
}

/// Place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceFault {
    /// The endpoint says blocked and orders get 403.
    Blocked,
    /// Orders get 403 while the endpoint says that all is well.
    Forbidden,
}

/// How far the venue's clock is from the right time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// How far.
    pub by: Nanos,
    /// Ahead of us, or behind.
    pub ahead: bool,
}

impl Skew {
    /// Signed milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        let ms = i64::try_from(self.by.nanos() / 1_000_000).unwrap_or(i64::MAX);
        if self.ahead { ms } else { -ms }
    }
}
