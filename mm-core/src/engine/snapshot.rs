//! A plain-data picture of the engine for metrics, the live table and screens. Never read back by the engine.

use super::earnings::Day;
use super::minutes::{Counts, Gap, Verdict};
use crate::domain::{ClientOrderId, ConditionId, MarketIx, Outcome, Price, Qty, Share, Side, Timestamp, Usdc};
use crate::protocol::{Gate, Held};
use crate::quote::Adjust;
use crate::rewards::Interval;
use serde::{Deserialize, Serialize};

/// The whole engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Turns absorbed.
    pub seq: u64,
    /// Time of the last turn.
    pub at: Timestamp,
    /// The executor's gate as last told; `Unchecked` while it is not connected.
    pub gate: Gate,
    /// An operator paused quoting.
    pub paused: bool,
    /// Why nothing is quoted anywhere, if so (kill condition or cool-down).
    pub halted_by: Option<String>,
    /// Books are not compared with the venue's hash: its algorithm is not the one we know.
    #[serde(default)]
    pub hash_checks_off: bool,
    /// One row a market.
    pub markets: Vec<MarketSnapshot>,
    /// What a dollar at work must bring a day for all wishes to fit under the limits, nano-dollars; zero: they do.
    #[serde(default)]
    pub money_price: u64,
    /// The last days, oldest first.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Running totals.
    pub totals: Totals,
}

/// One market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSnapshot {
    /// Its row.
    pub market: MarketIx,
    /// The venue's id.
    pub condition: ConditionId,
    /// `synced`, `unsynced` or `suspect`.
    pub sync: String,
    /// Best bid of YES.
    pub bid: Option<Price>,
    /// Best ask of YES.
    pub ask: Option<Price>,
    /// Reference midpoint (our own orders left out), dollars, up to five decimals.
    pub midpoint: Option<String>,
    /// What quotes were placed around in the last decision, dollars; absent where nothing was quoted.
    #[serde(default)]
    pub fair: Option<String>,
    /// Live orders.
    pub orders: Vec<OrderSnapshot>,
    /// Why nothing is quoted here, if so: the name of the `NoQuote`.
    pub no_quote: Option<String>,
    /// What the last decision rests on, in words and numbers: the midpoint, scores and dollars behind quotes, or the reason for none.
    #[serde(default)]
    pub why: Option<String>,
    /// Reward score (Q_min) of our orders as they rest now, decimal.
    pub q_min: String,
    /// Our share of the market's total score now, against the book as one other maker, in percent with two decimals.
    pub share_percent: String,
    /// The least it may be: against the most that the book's other makers may score.
    #[serde(default)]
    pub worst_share_percent: String,
    /// The most it may be.
    #[serde(default)]
    pub best_share_percent: String,
    /// Sum of `rate_per_day / 1440 × share` over the minutes sampled so far, decimal dollars.
    pub expected_rewards: String,
    /// The same sum against the most and against the least that all others may score.
    #[serde(default)]
    pub expected_rewards_between: [String; 2],
    /// How our recent fills turned out 1, 10, 60 and 300 seconds later, older ones fading.
    #[serde(default)]
    pub markouts: [Option<crate::quote::Markout>; 4],
    /// Why what rests was left though something better was wanted.
    #[serde(default)]
    pub kept: Option<String>,
    /// Whether it scores: the book's word and the venue's, sample by sample.
    #[serde(default)]
    pub scoring: ScoringSnapshot,
    /// Shares held.
    pub yes: Held,
    /// Shares held.
    pub no: Held,
    /// Witness comparisons with REST that were equal.
    pub witness_equal: u64,
    /// Witness comparisons that differed.
    pub witness_differs: u64,
    /// Since the snapshot or the last comparison; `None` while out of sync.
    #[serde(default)]
    pub unwitnessed_ms: Option<u64>,
    /// Times the book was replaced or lost.
    pub epoch: u64,
}

/// The minute ledger of a market.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoringSnapshot {
    /// Samples and answers counted.
    pub counts: Counts,
    /// What the last sample came to.
    pub last: Option<Verdict>,
    /// Why it scored nothing, or less than it could.
    pub gap: Option<Gap>,
    /// Whether the last sample should have scored, by the book.
    pub expected: Option<bool>,
    /// What the venue said of its orders.
    pub told: Option<bool>,
    /// Share and reward of the last sample, against the most and the least that all others may score.
    #[serde(default)]
    pub range: Option<Interval>,
    /// The same, narrowed by what the venue last said of our part.
    #[serde(default)]
    pub narrowed: Option<Interval>,
    /// What the venue said our part is; absent: nothing.
    #[serde(default)]
    pub earning: Option<Share>,
    /// Unscored samples since something was last done about them.
    pub unscored: u32,
    /// How quotes differ from the configured ones.
    pub adjust: Adjust,
    /// Nothing is quoted here before this.
    pub left_until: Option<Timestamp>,
}

/// One live order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSnapshot {
    /// Our number.
    pub id: ClientOrderId,
    /// Token.
    pub outcome: Outcome,
    /// Side.
    pub side: Side,
    /// Limit price of that token.
    pub price: Price,
    /// Size.
    pub qty: Qty,
    /// Filled so far.
    pub filled: Qty,
    /// `pending-new`, `open`, `pending-cancel` or `unknown`.
    pub state: String,
    /// Why it was placed.
    pub place_why: String,
    /// What the venue last said about its scoring; absent: not asked, or no answer.
    pub scores: Option<bool>,
    /// Why it is being cancelled, if it is or was tried.
    pub cancel_why: Option<String>,
}

/// Totals since the run began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Market-channel frames absorbed.
    pub frames: u64,
    /// Frames decoded on the tolerant road.
    pub slow_road: u64,
    /// Events of unknown type.
    pub unknown_events: u64,
    /// Frames of a known type that did not decode.
    pub bad_frames: u64,
    /// `Place` actions.
    pub placed: u64,
    /// `Cancel` actions.
    pub canceled: u64,
    /// `CancelAll` actions.
    pub cancel_all: u64,
    /// Orders the venue accepted.
    pub accepted: u64,
    /// Orders refused by policy.
    pub refused: u64,
    /// Orders rejected by the venue.
    pub rejected: u64,
    /// Distinct (trade, order) fills.
    pub fills: u64,
    /// Dollars paid for fills that stand.
    pub bought: Usdc,
    /// Books that lost their sync.
    pub books_broken: u64,
    /// Events about tokens and markets that are none of ours.
    pub foreign_events: u64,
    /// REST books that did not decode or were not of the token asked for.
    pub bad_rest: u64,
    /// Books compared with the venue's hash that had it.
    pub hashes_proven: u64,
    /// Compared and not equal, where the hash never matched since the last snapshot: it says nothing.
    pub hashes_unproven: u64,
    /// Not equal though it matched before: the book was given up, or the one sent not taken.
    pub hashes_contradicted: u64,
}
