//! The kinds of faults as cases. The first of each group stand for it by default; `--full` runs all.

use std::time::Duration;

/// One fault and what must hold while it acts.
pub(super) struct Case {
    /// Kind in the venue's table.
    pub(super) kind: &'static str,
    /// Its parameters as JSON.
    pub(super) with: &'static str,
    /// A kind that acts at the same time: without it this one finds nothing to change.
    pub(super) beside: Option<&'static str>,
    /// How long it acts, milliseconds.
    acts_ms: u64,
    /// What must happen meanwhile.
    pub(super) during: During,
    /// The executor may halt, and then a person is needed afterwards: an order that was on its way was refused for our region.
    pub(super) may_halt: bool,
    /// Part of the default depth.
    pub(super) default: bool,
}

/// What must happen while a fault acts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum During {
    /// No order rests any more before it ends.
    Withdraws,
    /// No order rests in the first market any more before it ends, for an answer to its question alone.
    LeavesFirst,
    /// Quoting or not: both are right.
    Anything,
    /// The bot is healthy again before the fault ends.
    Heals,
    /// Our orders are filled a few times.
    Filled,
    /// Orders are filled; the executor shuts its gate for its user stream, and nothing rests.
    Distrusts,
    /// Orders are filled, and what that brought is offered for sale.
    Sells,
    /// The executor halts with nothing resting, and quotes again only when a person has armed it.
    Halts,
}

impl Case {
    pub(super) fn name(&self) -> String {
        format!("{} {}{}", self.kind, self.with, self.beside.map(|kind| format!(" beside {kind}")).unwrap_or_default())
    }

    /// How long it acts.
    pub(super) const fn acts(&self) -> Duration {
        Duration::from_millis(self.acts_ms)
    }

    const fn new(kind: &'static str, with: &'static str, acts_ms: u64, during: During) -> Self {
        Self { kind, with, beside: None, acts_ms, during, may_halt: false, default: false }
    }

    const fn may_halt(self) -> Self {
        Self { may_halt: true, ..self }
    }

    const fn beside(self, kind: &'static str) -> Self {
        Self { beside: Some(kind), ..self }
    }

    const fn default(self) -> Self {
        Self { default: true, ..self }
    }
}

use During::{Anything, Distrusts, Filled, Halts, Heals, LeavesFirst, Sells, Withdraws};

/// Connections.
pub(super) const FEEDS: [Case; 9] = [
    Case::new("zombie-feed", r#"{"fresh":"dead"}"#, 12_000, Withdraws).default(),
    Case::new("frozen-feed", "{}", 12_000, Withdraws).default(),
    Case::new("reconnect-storm", r#"{"lives_ms":300}"#, 5_000, Anything).default(),
    Case::new("half-open", "{}", 6_000, Heals),
    Case::new("silent-drop", "{}", 1_500, Anything),
    Case::new("close-mid-burst", r#"{"after_frames":3}"#, 2_000, Anything),
    Case::new("no-snapshot", "{}", 4_000, Anything),
    Case::new("zombie-feed", r#"{"fresh":"alive"}"#, 6_000, Heals),
    Case::new("zombie-feed", r#"{"tokens":1}"#, 6_000, Anything),
];

/// The executor's own connection.
pub(super) const USER: [Case; 5] = [
    Case::new("zombie-feed", r#"{"channel":"user","fresh":"dead"}"#, 12_000, Distrusts).default(),
    Case::new("half-open", r#"{"channel":"user"}"#, 12_000, Distrusts).default(),
    Case::new("frozen-feed", r#"{"channel":"user"}"#, 12_000, Distrusts),
    Case::new("silent-drop", r#"{"channel":"user"}"#, 12_000, Distrusts),
    Case::new("reconnect-storm", r#"{"channel":"user","lives_ms":300}"#, 12_000, Distrusts),
];

/// Frames and REST books.
pub(super) const FRAMES: [Case; 13] = [
    Case::new("lost-frames", r#"{"percent":100}"#, 3_000, Anything).default(),
    Case::new("reordered-frames", r#"{"percent":30}"#, 4_000, Anything).default(),
    Case::new("ghost-rest-book", "{}", 4_000, Anything).default(),
    Case::new("lost-frames", r#"{"percent":20}"#, 5_000, Anything),
    Case::new("duplicated-frames", r#"{"percent":50}"#, 4_000, Anything),
    Case::new("late-frames", r#"{"percent":20,"by_ms":2200}"#, 5_000, Anything),
    Case::new("sibling-only", r#"{"percent":50}"#, 4_000, Anything),
    Case::new("crossed-moment", r#"{"percent":50}"#, 4_000, Anything),
    Case::new("drift-old-changes", "{}", 4_000, Anything),
    Case::new("drift-unknown-event", "{}", 3_000, Anything),
    Case::new("drift-bare-numbers", "{}", 4_000, Anything),
    Case::new("drift-empty-strings", "{}", 4_000, Anything),
    Case::new("stale-rest-book", "{}", 4_000, Anything),
];

/// Calls. Whoever rests well posts nothing and meets no fault of posts: orders are filled where one is to be met.
pub(super) const ANSWERS: [Case; 20] = [
    Case::new("bare-limit", r#"{"calls":"trading","applied":"no"}"#, 3_000, Filled).default(),
    Case::new("lost-answer", r#"{"calls":"orders"}"#, 4_000, Filled).default(),
    Case::new("applied-late", r#"{"calls":"orders","after_ms":5000}"#, 2_500, Filled).default(),
    Case::new("other-id", "{}", 10_000, Halts).default(),
    Case::new("success-with-error", "{}", 4_000, Filled).beside("stuck-balance").default(),
    Case::new("lost-answer", r#"{"calls":"cancels"}"#, 3_000, Anything),
    Case::new("applied-twice", r#"{"calls":"trading"}"#, 4_000, Filled),
    Case::new("error-after-effect", r#"{"calls":"orders","status":"502"}"#, 4_000, Filled),
    Case::new("error-after-effect", r#"{"calls":"cancels","status":"500"}"#, 3_000, Anything),
    Case::new("truncated-answer", r#"{"calls":"trading"}"#, 4_000, Filled),
    Case::new("malformed-answer", r#"{"calls":"all"}"#, 4_000, Filled),
    Case::new("empty-id", "{}", 4_000, Filled),
    Case::new("html-answer", r#"{"calls":"all","status":"200"}"#, 4_000, Filled),
    Case::new("bare-limit", r#"{"calls":"trading","applied":"yes"}"#, 3_000, Filled),
    Case::new("signer-limit", r#"{"calls":"trading"}"#, 3_000, Filled),
    Case::new("cancel-debt", r#"{"debt":200}"#, 3_000, Anything),
    Case::new("ip-delay", r#"{"by_ms":700}"#, 4_000, Filled),
    Case::new("lost-heartbeat", "{}", 4_000, Anything),
    Case::new("heartbeat-mismatch", "{}", 4_000, Anything).may_halt(),
    Case::new("heartbeat-sweep", "{}", 1_000, Anything),
];

/// Fills.
pub(super) const FILLS: [Case; 7] = [
    Case::new("duplicate-trades", "{}", 3_000, Filled).default(),
    Case::new("ghost-fill", r#"{"after_ms":1500}"#, 4_000, Filled).default(),
    Case::new("fills-after-cancel", "{}", 5_000, Anything).default(),
    Case::new("trade-before-order", r#"{"by_ms":800}"#, 3_000, Filled),
    Case::new("status-backwards", "{}", 3_000, Filled),
    Case::new("retried-fill", r#"{"after_ms":500}"#, 3_000, Filled),
    Case::new("lost-frames", r#"{"channel":"user","percent":50}"#, 3_000, Filled),
];

/// The venue's balance cache.
pub(super) const BALANCES: [Case; 1] = [Case::new("stale-balance", "{}", 25_000, Sells).default()];

/// Everything else.
pub(super) const WORLDS: [Case; 16] = [
    Case::new("geoblock", "{}", 8_000, Withdraws).may_halt().default(),
    Case::new("engine-restart", r#"{"down_ms":2000,"post_only_ms":1000}"#, 3_500, Anything).default(),
    Case::new("tick-change", r#"{"market":0,"to":"finer"}"#, 1_000, Anything).default(),
    Case::new("tick-change", r#"{"market":0,"to":"coarser"}"#, 1_000, Anything).default(),
    Case::new("answer-proposed", r#"{"market":0}"#, 8_000, LeavesFirst).default(),
    Case::new("closed-only", "{}", 8_000, Withdraws).may_halt(),
    Case::new("forbidden-orders", "{}", 8_000, Anything).may_halt(),
    Case::new("cancel-only-mode", "{}", 3_000, Anything),
    Case::new("trading-disabled", "{}", 3_000, Anything),
    Case::new("pool-gone", r#"{"market":0}"#, 4_000, Anything),
    Case::new("reward-terms", r#"{"market":1,"min_size_percent":200,"max_spread_percent":70}"#, 4_000, Anything),
    Case::new("market-closed", r#"{"market":0}"#, 4_000, Anything),
    Case::new("game-start", r#"{"market":1}"#, 1_000, Anything),
    Case::new("stuck-balance", "{}", 4_000, Anything),
    Case::new("cancelled-for-balance", r#"{"orders":2}"#, 1_000, Anything),
    Case::new("clock-skew", r#"{"by_ms":5000,"to":"behind"}"#, 5_000, Withdraws),
];
