//! Many runs of one world: each from a seed of its own, on as many threads as wanted. Threads never share a run, and results are in
//! the order of the runs, so their number changes nothing but the time it takes.

use super::checks::Violation;
use super::{Options, Summary, World, WorldError};
use crate::scenario::Scenario;
use mm_core::domain::Digest;
use sha2::{Digest as _, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};

/// The seed of run `n` of an experiment: the first eight bytes of SHA-256 of both numbers, without the highest bit.
#[must_use]
pub fn run_seed(seed: u64, n: u64) -> u64 {
    let hash: [u8; 32] = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(n.to_le_bytes()).finalize().into();
    let (first, _) = hash.split_first_chunk::<8>().expect("32 bytes are more than 8");
    u64::from_le_bytes(*first) >> 1
}

/// Why a run came to no end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The world cannot be made.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Something that must never be.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Runs a world from its first moment to its last.
///
/// # Errors
/// [`RunError`].
pub fn one(scenario: &Scenario, options: Options) -> Result<(Summary, Digest), RunError> {
    let start = scenario.start_utc;
    let mut world = World::new(scenario, start, options)?;
    world.advance(start.plus(scenario.duration))?;
    let hash = world.finish()?;
    Ok((world.summary(), hash))
}

/// Runs 0 to `runs` of a world on `threads` threads; the results in the order of the runs.
pub fn many(
    scenario: &Scenario,
    runs: u64,
    threads: usize,
    options: impl Fn() -> Options + Sync,
) -> Vec<Result<(Summary, Digest), RunError>> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= runs {
                return done;
            }
            let seeded = Scenario { seed: run_seed(scenario.seed, n), ..scenario.clone() };
            done.push((n, one(&seeded, options())));
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a run does not panic")).collect()
    });
    all.sort_by_key(|(n, _)| *n);
    all.into_iter().map(|(_, result)| result).collect()
}
