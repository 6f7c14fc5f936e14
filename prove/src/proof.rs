//! What a proof is: a claim, a run that can refute it, and a sabotage that must.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One claim about the product and how it is tried.
pub(crate) struct Proof {
    /// Stable, kebab-case, cited in `config/milestones.toml`.
    pub(crate) id: &'static str,
    /// 0 to 8.
    pub(crate) milestone: u8,
    /// One sentence a stranger can judge.
    pub(crate) claim: &'static str,
    /// Part of `prove quick`.
    pub(crate) quick: bool,
    /// Fewest cases that make the claim more than a gesture; fewer is a failure.
    pub(crate) min_cases: u64,
    /// Tries the claim.
    pub(crate) run: fn(&mut Bench) -> Verdict,
    /// What `sabotage` breaks, in a few words.
    pub(crate) sabotage_claim: &'static str,
    /// The same run with one thing broken: must come back refuted, or the proof is vacuous.
    pub(crate) sabotage: Option<fn(&mut Bench) -> Verdict>,
}

/// What a run found.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The claim held in every case.
    Proved(Evidence),
    /// It did not: the facts say where.
    Refuted(Evidence),
    /// It could not be tried; shown as a gap, never as a pass.
    NotRun(String),
    /// The stage broke before it showed anything: red as a run, and no proof that a sabotage is seen.
    Broken(String),
}

/// What stands behind a verdict. No durations, no names that are drawn: two runs of one commit must be comparable. What real processes
/// did within a time (orders, lives, attempts) may be another number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// Things tried.
    pub(crate) cases: u64,
    /// Name and value, in order of importance.
    pub(crate) facts: Vec<(String, String)>,
    /// Files written below the evidence folder.
    pub(crate) files: Vec<PathBuf>,
}

impl Evidence {
    /// Adds a fact.
    pub(crate) fn fact(&mut self, name: &str, value: impl std::fmt::Display) {
        self.facts.push((name.to_owned(), value.to_string()));
    }
}

/// How many cases a proof should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Depth {
    /// `prove quick`: minutes for everything.
    Quick,
    /// `prove`: the default.
    Default,
    /// `--full`: the counts an issue names.
    Full,
}

impl Depth {
    /// One of three counts.
    #[must_use]
    pub(crate) const fn pick(self, quick: u64, default: u64, full: u64) -> u64 {
        match self {
            Self::Quick => quick,
            Self::Default => default,
            Self::Full => full,
        }
    }
}

/// What a proof may use.
pub(crate) struct Bench {
    /// The repository.
    pub(crate) root: PathBuf,
    /// A folder of this proof's own, made before it runs.
    pub(crate) evidence: PathBuf,
    /// Seed of everything random; printed in the report.
    pub(crate) seed: u64,
    /// How deep to go.
    pub(crate) depth: Depth,
    /// The profile's folder with the built binaries.
    pub(crate) bin_dir: PathBuf,
}

impl Bench {
    /// A built binary of this workspace.
    #[must_use]
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}
