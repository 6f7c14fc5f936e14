//! What the ledger holds. Every row is written before the thing it allows; the rows alone rebuild [`crate::exposure`].

use crate::policy::Reference;
use mm_core::domain::{
    ClientOrderId, ConditionId, Digest, OrderId, Outcome, Price, Qty, Side, TimeInForce, Timestamp, TokenId, TradeId,
    Usdc,
};
use mm_core::protocol::{Gate, Refusal, Stage};
use serde::{Deserialize, Serialize};

/// Version of everything a replay of the rows rests on: the fold, its digest, the policy's rules. Raised with each change after
/// which a replay of rows written before it could tell something else than what was true then.
pub const RULES: u32 = 5;

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum LedgerRow {
    /// The executor started.
    Epoch {
        /// When.
        at: Timestamp,
        /// Counts starts of this ledger from 1.
        epoch: u64,
        /// Digest of the policy in force.
        policy: Digest,
    },
    /// The contents of the policy in force, so that whoever reads the ledger can judge by it. Follows each [`Self::Epoch`] and
    /// [`Self::Tightened`], which name its digest.
    Policy {
        /// When.
        at: Timestamp,
        /// [`RULES`] of the program that wrote what follows.
        rules: u32,
        /// [`crate::policy::Policy::text`].
        text: Box<str>,
    },
    /// A core introduced itself with a new run.
    Run {
        /// When.
        at: Timestamp,
        /// The core's run.
        run: u64,
        /// Digest of the core's configuration.
        config: Digest,
    },
    /// An order policy approved. Durable before its signature exists.
    Intent(Box<IntentRow>),
    /// An order policy refused.
    Refused(Box<RefusedRow>),
    /// What became of an order.
    Outcome {
        /// When it was learnt.
        at: Timestamp,
        /// Which order.
        order: OrderId,
        /// What is known now.
        became: Became,
    },
    /// Some of an order traded, or the trade's settlement moved on.
    Fill {
        /// When it was learnt.
        at: Timestamp,
        /// Which order.
        order: OrderId,
        /// The venue's trade.
        trade: TradeId,
        /// Price of the order's token.
        price: Price,
        /// Shares.
        qty: Qty,
        /// How far settlement is.
        stage: Stage,
        /// When it matched, by the venue's clock; `None` when the venue did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matched: Option<Timestamp>,
    },
    /// Settled shares are taken to be this many from now on: more than our trades tell came by a deposit or a split, fewer
    /// left by a merge, a redemption or a transfer and take their cost along.
    Holding {
        /// When it was learnt.
        at: Timestamp,
        /// Which token.
        token: TokenId,
        /// Its market.
        market: ConditionId,
        /// Shares settled.
        confirmed: Qty,
    },
    /// The venue's word on a token's settled shares, where it differs from our trades or no longer does. It bounds what may be
    /// sold and changes nothing else.
    Balance {
        /// When it was learnt.
        at: Timestamp,
        /// Which token.
        token: TokenId,
        /// Shares by the venue's word.
        shares: Qty,
    },
    /// The venue's clock and ours agree that this UTC day has begun. Once a ledger holds one, nothing else begins a day.
    Day {
        /// When it was noticed: some seconds into the day.
        at: Timestamp,
    },
    /// The counters of the day must count as spent, whichever day the next [`Self::Day`] says it is: the ledger cannot vouch
    /// for them, and nobody has compared our clock yet.
    DaySpent {
        /// When.
        at: Timestamp,
    },
    /// The policy was tightened.
    Tightened {
        /// When.
        at: Timestamp,
        /// Digest of the new policy.
        policy: Digest,
    },
    /// Latched, or a further reason to be: each has a row, up to a bound.
    Halt {
        /// When.
        at: Timestamp,
        /// Why.
        why: Box<str>,
    },
    /// The latch was opened.
    Arm {
        /// When.
        at: Timestamp,
        /// By the configuration after a clean start, not by a person.
        auto: bool,
    },
}

/// Room for the text of an intent, the longest of the usual rows, without growing.
const TEXT_BYTES: usize = 1024;

impl LedgerRow {
    /// The row as the ledger keeps it: JSON.
    ///
    /// # Errors
    /// For a number or a time that JSON has no word for.
    pub fn text(&self) -> serde_json::Result<String> {
        let mut text = Vec::with_capacity(TEXT_BYTES);
        serde_json::to_writer(&mut text, self)?;
        Ok(String::from_utf8(text).expect("JSON is UTF-8"))
    }

    /// When the row was made.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Intent(row) => row.at,
            Self::Refused(row) => row.at,
            Self::Epoch { at, .. }
            | Self::Policy { at, .. }
            | Self::Run { at, .. }
            | Self::Outcome { at, .. }
            | Self::Fill { at, .. }
            | Self::Holding { at, .. }
            | Self::Balance { at, .. }
            | Self::Day { at }
            | Self::DaySpent { at }
            | Self::Tightened { at, .. }
            | Self::Halt { at, .. }
            | Self::Arm { at, .. } => *at,
        }
    }

    /// A short stable name of the kind, for tables and logs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Epoch { .. } => "epoch",
            Self::Policy { .. } => "policy",
            Self::Run { .. } => "run",
            Self::Intent(_) => "intent",
            Self::Refused(_) => "refused",
            Self::Outcome { .. } => "outcome",
            Self::Fill { .. } => "fill",
            Self::Holding { .. } => "holding",
            Self::Balance { .. } => "balance",
            Self::Day { .. } => "day",
            Self::DaySpent { .. } => "day-spent",
            Self::Tightened { .. } => "tightened",
            Self::Halt { .. } => "halt",
            Self::Arm { .. } => "arm",
        }
    }
}

/// An approved order with everything that is needed to look for it later.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntentRow {
    /// When it was approved.
    pub at: Timestamp,
    /// The executor's start it belongs to; part of the salt.
    pub epoch: u64,
    /// The core's run.
    pub run: u64,
    /// The core's number for it.
    pub id: ClientOrderId,
    /// Digest of the order as the core asked for it: a repeated id must carry the same.
    pub payload: Digest,
    /// The order's hash: the venue's id for it, unique for ever.
    pub order: OrderId,
    /// Salt of the order.
    pub salt: u64,
    /// The order's timestamp, milliseconds since 1970.
    pub at_ms: u64,
    /// Market.
    pub market: ConditionId,
    /// Which of the market's outcomes.
    pub outcome: Outcome,
    /// The venue's token.
    pub token: TokenId,
    /// Signed for the neg-risk exchange.
    pub neg_risk: bool,
    /// Which way.
    pub side: Side,
    /// Limit price.
    pub price: Price,
    /// Shares.
    pub qty: Qty,
    /// How long it lives.
    pub tif: TimeInForce,
    /// Dollars a full fill takes: price × size for a buy, nothing for a sell.
    pub reserve: Usdc,
    /// The gate as policy saw it.
    pub gate: Gate,
    /// Digest of the policy that approved it.
    pub policy: Digest,
    /// Digest of the exposure it was judged against.
    pub exposure: Digest,
    /// The executor's own price it was judged by.
    pub reference: Option<Reference>,
}

/// A refused order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedRow {
    /// When.
    pub at: Timestamp,
    /// The core's run.
    pub run: u64,
    /// The core's number for it.
    pub id: ClientOrderId,
    /// Digest of the order as the core asked for it.
    pub payload: Digest,
    /// The venue's token, if the core's number for it is known.
    pub token: Option<TokenId>,
    /// Every reason.
    pub why: Vec<Refusal>,
    /// Digest of the policy that refused it.
    pub policy: Digest,
    /// Digest of the exposure it was judged against.
    pub exposure: Digest,
    /// Refusals since the last one that was written, which were counted and not written.
    #[serde(default)]
    pub unwritten: u64,
}

/// What is known of an order after it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Became {
    /// Provably never sent.
    NotSent {
        /// Why.
        why: Box<str>,
    },
    /// It rests, or did.
    Accepted,
    /// The venue said no with a reason it documents.
    Rejected {
        /// The venue's words, shortened.
        why: Box<str>,
    },
    /// Sent, and nothing proves what became of it.
    Unknown {
        /// What was heard instead.
        why: Box<str>,
        /// One clean look at everything settles it (executor.md 3.7, `RejectedUnconfirmed`).
        likely_rejected: bool,
    },
    /// Absent everywhere for the whole late-landing horizon.
    NeverLanded,
    /// Cancelled, expired or matched whole.
    Ended {
        /// The venue's last word on how much had matched.
        matched: Qty,
    },
}

impl Became {
    /// Whether the order can no longer rest or land.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::Rejected { .. } | Self::NeverLanded | Self::Ended { .. })
    }
}
