//! The proofs, one file for each area. Each exports a slice; [`crate::registry`] joins them by hand.

pub(crate) mod arm;
pub(crate) mod attacks;
pub(crate) mod audit;
pub(crate) mod books;
pub(crate) mod cells;
pub(crate) mod clients;
pub(crate) mod crash;
pub(crate) mod earnings;
pub(crate) mod edits;
pub(crate) mod executor;
pub(crate) mod faults;
pub(crate) mod flood;
pub(crate) mod history;
pub(crate) mod hosts;
pub(crate) mod house;
pub(crate) mod keys;
pub(crate) mod last_metre;
pub(crate) mod orders;
pub(crate) mod placement;
pub(crate) mod policy;
pub(crate) mod policy_model;
pub(crate) mod policy_random;
pub(crate) mod policy_walks;
pub(crate) mod process;
pub(crate) mod profiles;
pub(crate) mod quotes;
pub(crate) mod replay;
pub(crate) mod rewards;
pub(crate) mod roads;
pub(crate) mod scan;
pub(crate) mod scoring;
pub(crate) mod server;
pub(crate) mod speed;
pub(crate) mod start;
pub(crate) mod starve;
pub(crate) mod storage;
pub(crate) mod theory;
pub(crate) mod time;
pub(crate) mod truth;
pub(crate) mod venue;
pub(crate) mod world;

use crate::proof::{Evidence, Verdict};
use std::fmt::Display;

/// Most failures that are told.
const TOLD: usize = 10;

/// Runs a stage on a runtime of its own.
pub(crate) fn in_runtime<E: Display>(work: impl Future<Output = Result<Verdict, E>>) -> Verdict {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => unless_broken(runtime.block_on(work)),
        Err(why) => Verdict::Broken(why.to_string()),
    }
}

/// The verdict of a stage that may have broken off; then it has shown nothing.
pub(crate) fn unless_broken<E: Display>(done: Result<Verdict, E>) -> Verdict {
    done.unwrap_or_else(|why| Verdict::Broken(why.to_string()))
}

/// Proved unless something failed; what did comes before all other facts.
pub(crate) fn judged(mut evidence: Evidence, failures: &[String]) -> Verdict {
    let told = failures.iter().take(TOLD).map(|what| ("failure".to_owned(), what.clone()));
    evidence.facts.splice(0..0, told);
    if failures.is_empty() { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}
