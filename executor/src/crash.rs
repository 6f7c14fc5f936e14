//! Places where a proof kills the process as a power cut would, to see what the next start makes of it (executor.md 3.18).
//!
//! Without the feature `crash-points`, which no release has, every one of them compiles to nothing.

use crate::outcome::VenueCall;
use crate::rows::LedgerRow;

/// Every place, in the order of a life. A name that is not here does not compile; one that no life reaches is found by the proof.
pub const POINTS: &[&str] = &[
    "start.opened",
    "epoch-file.before",
    "file.written",
    "file.renamed",
    "epoch-file.after",
    "start.recovered",
    "start.ready",
    "start.told",
    "ledger.epoch.before",
    "ledger.epoch.inside",
    "ledger.epoch.after",
    "ledger.run.before",
    "ledger.run.inside",
    "ledger.run.after",
    "ledger.intent.before",
    "ledger.intent.inside",
    "ledger.intent.after",
    "ledger.refused.before",
    "ledger.refused.inside",
    "ledger.refused.after",
    "ledger.outcome.before",
    "ledger.outcome.inside",
    "ledger.outcome.after",
    "ledger.fill.before",
    "ledger.fill.inside",
    "ledger.fill.after",
    "ledger.day.before",
    "ledger.day.inside",
    "ledger.day.after",
    "ledger.halt.before",
    "ledger.halt.inside",
    "ledger.halt.after",
    "ledger.arm.before",
    "ledger.arm.inside",
    "ledger.arm.after",
    "checkpoint.before",
    "checkpoint.after",
    "mirror.before",
    "mirror.half",
    "mirror.after",
    "turn.decided",
    "turn.performed",
    "post.signed",
    "post.before",
    "post.body",
    "post.sent",
    "post.answered",
    "post.told",
    "cancel.before",
    "cancel.answered",
    "cancel-all.before",
    "cancel-all.answered",
    "open-orders.before",
    "open-orders.answered",
    "look.before",
    "look.answered",
    "trades.before",
    "trades.answered",
    "heartbeat.before",
    "heartbeat.answered",
    "balance.before",
    "balance.answered",
    "geoblock.before",
    "geoblock.answered",
    "closed-only.before",
    "closed-only.answered",
    "clock.before",
    "clock.answered",
    "login.before",
    "login.after",
    "marker.put.before",
    "marker.put.filled",
    "marker.put.renamed",
    "marker.put.after",
    "marker.take.before",
    "marker.take.after",
    "deposit.before",
    "deposit.after",
    "end.before",
    "end.written",
];

/// The number of a place.
///
/// # Panics
/// For a name that is not in [`POINTS`]: at compile time, where [`crash_point`](crate::crash_point) asks.
#[must_use]
pub const fn number(name: &str) -> usize {
    let mut n = 0;
    while n < POINTS.len() {
        let (a, b) = (POINTS[n].as_bytes(), name.as_bytes());
        let mut same = 0;
        while same < a.len() && same < b.len() && a[same] == b[same] {
            same += 1;
        }
        if same == a.len() && same == b.len() {
            return n;
        }
        n += 1;
    }
    panic!("not in POINTS")
}

/// A place where a proof may kill the process.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {{
        const _: usize = $crate::crash::number($name);
        #[cfg(feature = "crash-points")]
        $crate::crash::reached(const { $crate::crash::number($name) });
    }};
}

/// Where in a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    Before,
    /// Written, not committed.
    Inside,
    After,
}

/// The places around the commit of these rows, by kind. Kinds that only people or the years bring have none: the code is the same.
pub(crate) fn at_commit(rows: &[LedgerRow], side: Commit) {
    macro_rules! at {
        ($side:ident, $before:literal, $inside:literal, $after:literal) => {
            match $side {
                Commit::Before => crash_point!($before),
                Commit::Inside => crash_point!($inside),
                Commit::After => crash_point!($after),
            }
        };
    }
    for row in rows {
        match row.kind() {
            "epoch" => at!(side, "ledger.epoch.before", "ledger.epoch.inside", "ledger.epoch.after"),
            "run" => at!(side, "ledger.run.before", "ledger.run.inside", "ledger.run.after"),
            "intent" => at!(side, "ledger.intent.before", "ledger.intent.inside", "ledger.intent.after"),
            "refused" => at!(side, "ledger.refused.before", "ledger.refused.inside", "ledger.refused.after"),
            "outcome" => at!(side, "ledger.outcome.before", "ledger.outcome.inside", "ledger.outcome.after"),
            "fill" => at!(side, "ledger.fill.before", "ledger.fill.inside", "ledger.fill.after"),
            "day" => at!(side, "ledger.day.before", "ledger.day.inside", "ledger.day.after"),
            "halt" => at!(side, "ledger.halt.before", "ledger.halt.inside", "ledger.halt.after"),
            "arm" => at!(side, "ledger.arm.before", "ledger.arm.inside", "ledger.arm.after"),
            _ => {}
        }
    }
}

/// Where in a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Before,
    /// Its reply has come and nobody has heard of it.
    Answered,
}

/// The places around a call.
pub(crate) fn at_call(call: &VenueCall, side: Call) {
    macro_rules! at {
        ($before:literal, $answered:literal) => {
            match side {
                Call::Before => crash_point!($before),
                Call::Answered => crash_point!($answered),
            }
        };
    }
    match call {
        VenueCall::Cancel(_) => at!("cancel.before", "cancel.answered"),
        VenueCall::CancelAll => at!("cancel-all.before", "cancel-all.answered"),
        VenueCall::OpenOrders { .. } => at!("open-orders.before", "open-orders.answered"),
        VenueCall::Order(_) => at!("look.before", "look.answered"),
        VenueCall::Trades { .. } => at!("trades.before", "trades.answered"),
        VenueCall::Heartbeat { .. } => at!("heartbeat.before", "heartbeat.answered"),
        VenueCall::Balance(_) => at!("balance.before", "balance.answered"),
        VenueCall::Geoblock => at!("geoblock.before", "geoblock.answered"),
        VenueCall::ClosedOnly => at!("closed-only.before", "closed-only.answered"),
        VenueCall::Time => at!("clock.before", "clock.answered"),
        VenueCall::CancelMarket(_)
        | VenueCall::RefreshBalance(_)
        | VenueCall::Books(_)
        | VenueCall::Scoring(_)
        | VenueCall::Shares
        | VenueCall::Earned(_)
        | VenueCall::RenewCredentials => {}
    }
}

#[cfg(feature = "crash-points")]
pub use armed::{from_environment, reached, sabotaged, watched};

#[cfg(feature = "crash-points")]
mod armed {
    use super::{POINTS, number};
    use crate::ledger::{DurableIntent, Head, Ledger, LedgerFailed, proofs};
    use crate::rows::LedgerRow;
    use crate::way_out::Leave;
    use rustix::process::{Signal, getpid, kill_process};
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// `NAME:N`: die when the place is reached for the Nth time. `NAME@FILE`: panic there once that file is there, with its content in the payload. `list`: print the places.
    const VARIABLE: &str = "EXECUTOR_CRASH";
    /// Set: rows count as durable before they are.
    const SABOTAGE: &str = "EXECUTOR_CRASH_LATE_ROWS";

    /// The place, and what happens there.
    static PLAN: OnceLock<(usize, Plan)> = OnceLock::new();

    enum Plan {
        /// The process is killed when the place was passed so many times more.
        Dies(AtomicU64),
        /// The thread panics once this file is there.
        Panics(PathBuf),
    }

    /// Follows the environment; what to print instead of running, or nothing.
    #[must_use]
    pub fn from_environment() -> Option<Result<String, String>> {
        let (_, value) = std::env::vars_os().find(|(name, _)| name == VARIABLE)?;
        let text = value.to_string_lossy().into_owned();
        if text == "list" {
            return Some(Ok(POINTS.join("\n")));
        }
        let plan = match (text.split_once(':'), text.split_once('@')) {
            (_, Some((name, file))) => Some((name, Plan::Panics(file.into()))),
            (Some((name, nth)), None) => nth.parse().ok().map(|nth| (name, Plan::Dies(AtomicU64::new(nth)))),
            (None, None) => None,
        };
        let plan = plan.and_then(|(name, plan)| Some((POINTS.iter().position(|point| *point == name)?, plan)));
        match plan {
            Some(plan) => {
                PLAN.set(plan).ok();
                None
            }
            None => Some(Err(format!("{VARIABLE}: {text} names no place"))),
        }
    }

    /// A place is passed; the process may end here.
    ///
    /// # Panics
    /// When that is the plan.
    #[expect(clippy::disallowed_methods, reason = "the signal is a file, and its content the payload")]
    pub fn reached(point: usize) {
        match PLAN.get() {
            Some((planned, Plan::Dies(left))) if *planned == point && left.fetch_sub(1, Ordering::AcqRel) == 1 => {
                // Not abort(): nothing of ours may run any more, no hook and no handler.
                let _ = kill_process(getpid(), Signal::KILL);
                loop {
                    std::thread::park();
                }
            }
            Some((planned, Plan::Panics(file))) if *planned == point => {
                if let Ok(payload) = std::fs::read_to_string(file) {
                    panic!("{payload}");
                }
            }
            _ => {}
        }
    }

    /// The same future; once its order has left, and the connection had time to write, the process may end.
    pub async fn watched<T>(sending: impl Future<Output = T>, leave: Leave) -> T {
        let sent = async {
            while !leave.is_used() {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            reached(const { number("post.sent") });
            std::future::pending::<T>().await
        };
        tokio::select! {
            biased;
            done = sending => done,
            never = sent => never,
        }
    }

    /// The ledger, or with the sabotage one that says "durable" a commit too early.
    pub fn sabotaged(ledger: impl Ledger + 'static) -> impl Ledger + 'static {
        let late = std::env::vars_os().any(|(name, _)| name == SABOTAGE);
        Late { ledger, late, held: Vec::new() }
    }

    struct Late<L> {
        ledger: L,
        late: bool,
        held: Vec<LedgerRow>,
    }

    impl<L: Ledger> Ledger for Late<L> {
        fn append(&mut self, rows: &[LedgerRow]) -> Result<Vec<DurableIntent>, LedgerFailed> {
            if !self.late {
                return self.ledger.append(rows);
            }
            if !self.held.is_empty() {
                self.ledger.append(&std::mem::take(&mut self.held))?;
            }
            self.held.extend_from_slice(rows);
            Ok(proofs(rows))
        }

        fn read(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed> {
            self.ledger.read(each)
        }

        fn head(&self) -> Head {
            self.ledger.head()
        }

        fn tidy(&mut self) -> Result<bool, LedgerFailed> {
            self.ledger.tidy()
        }

        fn close(&mut self) -> Result<(), LedgerFailed> {
            self.ledger.close()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_one_number() {
        for (n, name) in POINTS.iter().enumerate() {
            assert_eq!(number(name), n, "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "not in POINTS")]
    fn a_name_that_is_not_there_is_refused() {
        let _ = number("post");
    }
}
