//! The promises of the key holder (`config/promises.toml`): which proofs stand for each, and what none shows yet.

use crate::report::{Outcome, ProofResult};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Where they are written, relative to the repository.
pub(crate) const PATH: &str = "config/promises.toml";

/// How many there are: `P-01` to `P-24`.
const COUNT: usize = 24;

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promise {
    /// In one line.
    pub(crate) promise: String,
    /// Ids of the proofs that could refute it.
    pub(crate) proofs: Vec<String>,
    /// What no proof shows yet; empty when nothing is missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) missing: String,
}

/// By id.
pub(crate) type Promises = BTreeMap<String, Promise>;

/// What one run says about a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// All its proofs hold in this run, and nothing is missing.
    Held,
    /// All its proofs hold in this run; something is missing.
    Partly,
    /// It has no proof.
    Open,
    /// A proof of it was not part of this run, or could not be tried.
    NotTried,
    /// A proof of it failed in this run.
    Broken,
}

impl State {
    /// For a table.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Partly => "partly",
            Self::Open => "not yet",
            Self::NotTried => "not tried here",
            Self::Broken => "BROKEN",
        }
    }
}

impl Promise {
    /// Judged by the proofs of one run.
    pub(crate) fn state(&self, results: &[ProofResult]) -> State {
        let outcome = |id: &String| results.iter().find(|p| &p.id == id).map(|p| p.outcome);
        let outcomes: Vec<Option<Outcome>> = self.proofs.iter().map(outcome).collect();
        if outcomes.iter().any(|o| matches!(o, Some(Outcome::Refuted | Outcome::Vacuous))) {
            State::Broken
        } else if outcomes.is_empty() {
            State::Open
        } else if outcomes.iter().any(|o| *o != Some(Outcome::Proved)) {
            State::NotTried
        } else if self.missing.is_empty() {
            State::Held
        } else {
            State::Partly
        }
    }
}

/// Reads [`PATH`].
///
/// # Errors
/// The file cannot be read, or its text is not [`parse`]d.
pub(crate) fn read(root: &Path) -> Result<Promises, String> {
    let text = std::fs::read_to_string(root.join(PATH)).map_err(|e| format!("{PATH}: {e}"))?;
    parse(&text)
}

/// All promises, each once.
///
/// # Errors
/// Not TOML of this shape, a number missing or unknown, or a promise with neither a proof nor a word on what is missing.
pub(crate) fn parse(text: &str) -> Result<Promises, String> {
    let promises: Promises = toml::from_str(text).map_err(|e| format!("{PATH}: {e}"))?;
    let wanted: Vec<String> = (1..=COUNT).map(|n| format!("P-{n:02}")).collect();
    if !promises.keys().eq(wanted.iter()) {
        return Err(format!("{PATH}: names {:?}, not P-01 to P-{COUNT}", promises.keys().collect::<Vec<_>>()));
    }
    match promises.iter().find(|(_, p)| p.proofs.is_empty() && p.missing.is_empty()) {
        Some((id, _)) => Err(format!("{PATH}: {id} has no proof and does not say what is missing")),
        None => Ok(promises),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Evidence;

    fn ran(id: &str, outcome: Outcome) -> ProofResult {
        ProofResult {
            id: id.to_owned(),
            milestone: 5,
            claim: String::new(),
            outcome,
            why: String::new(),
            evidence: Evidence::default(),
            sabotage: None,
        }
    }

    #[test]
    fn a_promise_is_held_only_by_proofs_of_this_very_run() {
        let promise = |proofs: &[&str], missing: &str| Promise {
            promise: "it holds".to_owned(),
            proofs: proofs.iter().map(|&p| p.to_owned()).collect(),
            missing: missing.to_owned(),
        };
        let both = [ran("one", Outcome::Proved), ran("two", Outcome::Proved)];
        assert_eq!(promise(&["one", "two"], "").state(&both), State::Held);
        assert_eq!(promise(&["one"], "the rest").state(&both), State::Partly);
        assert_eq!(promise(&[], "all of it").state(&both), State::Open);
        assert_eq!(promise(&["one", "three"], "").state(&both), State::NotTried);
        for (outcome, state) in
            [(Outcome::NotRun, State::NotTried), (Outcome::Vacuous, State::Broken), (Outcome::Refuted, State::Broken)]
        {
            assert_eq!(promise(&["one", "two"], "").state(&[ran("one", Outcome::Proved), ran("two", outcome)]), state);
        }
    }

    #[test]
    fn a_list_with_a_hole_is_refused() {
        let list = |skip: usize, missing: &str| -> String {
            (1..=COUNT)
                .filter(|n| *n != skip)
                .map(|n| format!("[P-{n:02}]\npromise = \"it holds\"\nproofs = []\nmissing = \"{missing}\"\n"))
                .collect()
        };
        assert_eq!(parse(&list(0, "all of it")).expect("all of them").len(), COUNT);
        assert!(parse(&list(7, "all of it")).expect_err("P-07 is missing").contains("not P-01 to P-24"));
        assert!(parse(&list(0, "")).expect_err("nothing is said").contains("P-01 has no proof"));
    }
}
