//! Why something or nothing should rest, with the numbers behind it.

use super::{Fair, Strategy, Value};
use crate::domain::{Price, Qty, SignedUsdc, Timestamp, Usdc};
use crate::rewards::Midpoint;
use serde::Serialize;
use std::fmt;

/// The numbers behind quotes that rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// How they were found.
    pub strategy: Strategy,
    /// The midpoint of the public book without our own orders.
    pub reference: Midpoint,
    /// What they are placed around: the midpoint, or what is made of it.
    pub fair: Fair,
    /// How many ticks both are moved for what is held; down is negative.
    pub lean_ticks: i32,
    /// What they are expected to bring; `None` where no pool is funded.
    pub value: Option<Value>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { strategy, reference, fair, lean_ticks, value } = self;
        write!(f, "{strategy}: midpoint {reference}, ")?;
        if fair.is_moved() {
            write!(f, "fair {fair}, ")?;
        }
        write!(f, "lean {lean_ticks} ticks")?;
        let Some(value) = value else { return Ok(()) };
        let (score, rivals) = (Qty::from_micro(value.score), Qty::from_micro(value.rivals));
        write!(
            f,
            ", score {score} beside at most {rivals} around {}; a day: reward {}, cost {}, net {}",
            value.scoring,
            value.reward_per_day,
            value.cost_per_day,
            value.net_per_day()
        )?;
        if value.money_per_day.is_zero() {
            return Ok(());
        }
        write!(f, " after {} that the money must bring", value.money_per_day)
    }
}

/// Why nothing should rest. A decision, not a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum NoQuote {
    /// An operator paused quoting.
    #[error("paused by an operator")]
    Paused,
    /// The executor's gate is not open.
    #[error("the executor's gate is not open")]
    GateShut,
    /// Closed, not accepting orders, or resolved.
    #[error("the market does not accept orders")]
    NotReady,
    /// An answer to its question is proposed, disputed or given.
    #[error("an answer to its question is proposed")]
    Resolving,
    /// The book is not in sync, suspect, or crossed.
    #[error("the book is not trusted")]
    BookBroken,
    /// The feed is silent.
    #[error("the feed is stale")]
    Stale,
    /// Too close to the start or the end.
    #[error("{left_s} s from the market's start or end, limit is {limit_s} s")]
    EndsSoon {
        /// Seconds between now and it; 0 once the end has passed.
        left_s: u64,
        /// The configured distance.
        limit_s: u64,
    },
    /// No funded pool, and quotes are for pools only.
    #[error("no reward pool is funded")]
    NoRewards,
    /// One side has no level of the size that counts, our own orders left out.
    #[error("a side of the book has no level of {min_size} shares or more")]
    OneSided {
        /// The size that counts.
        min_size: Qty,
    },
    /// The book, our own orders left out, is wider than allowed.
    #[error("the book is {spread} wide, limit is {limit}")]
    TooWide {
        /// Its width.
        spread: Price,
        /// The limit.
        limit: Price,
    },
    /// The reference midpoint is outside the configured range.
    #[error("midpoint {midpoint} is outside {low}..={high}")]
    OutsideMidpoints {
        /// The reference midpoint.
        midpoint: Midpoint,
        /// Lowest allowed.
        low: Price,
        /// Highest allowed.
        high: Price,
    },
    /// The largest order allowed is smaller than the smallest that counts.
    #[error("largest order is {size} shares, {needed} are needed")]
    BelowMinimum {
        /// Largest allowed.
        size: Qty,
        /// Venue or reward minimum.
        needed: Qty,
    },
    /// Orders at the configured distance would score nothing.
    #[error("orders {distance} from the midpoint score nothing in a band of {max_spread}")]
    BeyondBand {
        /// The configured distance.
        distance: Price,
        /// The reward band, whose edge scores nothing.
        max_spread: Price,
    },
    /// Inventory bounds leave no side, or one where both are needed.
    #[error("{yes} YES and {no} NO are held, with {size} more the limit is {limit}")]
    HoldingsFull {
        /// Held of the first outcome.
        yes: Qty,
        /// Held of the second outcome.
        no: Qty,
        /// Size of one more order.
        size: Qty,
        /// Most of one outcome.
        limit: Qty,
    },
    /// Resting buys cost more than the caps leave beside what is held.
    #[error("{left} USD are left for this market, {needed} are needed")]
    CapReached {
        /// Dollars left.
        left: Usdc,
        /// Dollars the smallest orders cost.
        needed: Usdc,
    },
    /// News: the reference midpoint has just moved far.
    #[error("the midpoint moved by {} dollars at once, {left_ms} ms are left to wait", Midpoint::of_halves(*moved_halves))]
    Jumped {
        /// How far, half ten-thousandths of a dollar.
        moved_halves: u16,
        /// Until quotes may return.
        left_ms: u64,
    },
    /// Recent fills went against us.
    #[error("the last {shares} shares lost {}.{:02} cents each within a minute, limit is {limit} dollars", lost / 100, lost % 100)]
    Toxic {
        /// Hundredths of a cent a share.
        lost: u64,
        /// Shares that say so.
        shares: Qty,
        /// The configured limit, dollars.
        limit: Price,
    },
    /// The best placement costs at least what it earns.
    #[error("the best placement is worth {value_per_day} USD a day, of a pool of {rate_per_day}")]
    Unprofitable {
        /// Its reward less its cost.
        value_per_day: SignedUsdc,
        /// The pool.
        rate_per_day: Usdc,
    },
    /// No price on the tick is inside the reward band without crossing, on a side that is needed.
    #[error("no price on the tick {tick} is inside {max_spread} of midpoint {midpoint} without crossing")]
    NoRoom {
        /// The scoring midpoint.
        midpoint: Midpoint,
        /// The reward band.
        max_spread: Price,
        /// The tick, in dollars.
        tick: Price,
    },
    /// Quotes here did not score: the market is left for a while.
    #[error("quotes did not score, left until {until}")]
    NotScoring {
        /// When it is quoted again.
        until: Timestamp,
    },
}

impl NoQuote {
    /// A short stable name for metrics and screens.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::GateShut => "gate-shut",
            Self::NotReady => "not-ready",
            Self::Resolving => "resolving",
            Self::BookBroken => "book-broken",
            Self::Stale => "stale",
            Self::EndsSoon { .. } => "ends-soon",
            Self::NoRewards => "no-rewards",
            Self::OneSided { .. } => "one-sided",
            Self::TooWide { .. } => "too-wide",
            Self::OutsideMidpoints { .. } => "outside-midpoints",
            Self::BelowMinimum { .. } => "below-minimum",
            Self::BeyondBand { .. } => "beyond-band",
            Self::HoldingsFull { .. } => "holdings-full",
            Self::CapReached { .. } => "cap-reached",
            Self::Jumped { .. } => "news",
            Self::Toxic { .. } => "toxic",
            Self::Unprofitable { .. } => "unprofitable",
            Self::NoRoom { .. } => "no-room",
            Self::NotScoring { .. } => "not-scoring",
        }
    }
}
