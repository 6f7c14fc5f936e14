//! `results.json` is the data; `report.md` is rendered from it and from nothing else. No durations: two runs of one
//! commit give the same bytes, so a diff shows what changed.

use crate::promises::{Promise, Promises, State};
use crate::proof::{Depth, Evidence, Proof, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Schema of `results.json`.
pub(crate) const SCHEMA: u32 = 2;

/// One run of the proofs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// Git commit, or `unknown`.
    pub(crate) commit: String,
    /// The work tree had changes on top of the commit.
    pub(crate) dirty: bool,
    /// What was asked for: `all`, `quick`, `m3`, a proof's id.
    pub(crate) selection: String,
    /// How many cases were asked for.
    pub(crate) depth: Depth,
    /// Seed of everything random.
    pub(crate) seed: u64,
    /// Gaps count as failures.
    pub(crate) strict: bool,
    /// In registry order.
    pub(crate) proofs: Vec<ProofResult>,
    /// What the key holder promises; judged by `proofs`.
    pub(crate) promises: Promises,
}

/// One proof's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProofResult {
    /// The proof's id.
    pub(crate) id: String,
    /// Its milestone.
    pub(crate) milestone: u8,
    /// Its claim.
    pub(crate) claim: String,
    /// The judgement over run and sabotage together.
    pub(crate) outcome: Outcome,
    /// Why, when it is not proved.
    pub(crate) why: String,
    /// What the run found.
    pub(crate) evidence: Evidence,
    /// What the sabotage broke, and what it found.
    pub(crate) sabotage: Option<SabotageResult>,
}

/// A sabotage's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SabotageResult {
    /// What was broken.
    pub(crate) broke: String,
    /// The broken run was refuted, as it must be.
    pub(crate) refuted: bool,
    /// What it found.
    pub(crate) evidence: Evidence,
}

/// The judgement on a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// The run held and the sabotage was refuted.
    Proved,
    /// The run was refuted.
    Refuted,
    /// The sabotage was not refuted, or too few cases ran: the proof shows nothing.
    Vacuous,
    /// It could not be tried.
    NotRun,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Refuted => "REFUTED",
            Self::Vacuous => "VACUOUS",
            Self::NotRun => "not run",
        }
    }
}

/// Name of the fact that tells why a stage broke.
const BROKE: &str = "the stage broke";

/// Evidence of one fact.
fn only(name: &str, why: String) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.fact(name, why);
    evidence
}

fn not_refuted(sabotage: &SabotageResult) -> String {
    match sabotage.evidence.facts.first() {
        Some((name, why)) if name == BROKE => format!("the sabotage was not refuted: {name}: {why}"),
        _ => "the sabotage was not refuted".to_owned(),
    }
}

/// Joins what the run and the sabotage found into one judgement.
pub(crate) fn judge(proof: &Proof, run: Verdict, sabotage: Option<Verdict>) -> ProofResult {
    let sabotage = sabotage.map(|verdict| {
        let (refuted, evidence) = match verdict {
            Verdict::Refuted(evidence) => (true, evidence),
            Verdict::Proved(evidence) => (false, evidence),
            Verdict::NotRun(why) => (false, only("not run", why)),
            Verdict::Broken(why) => (false, only(BROKE, why)),
        };
        SabotageResult { broke: proof.sabotage_claim.to_owned(), refuted, evidence }
    });
    let (outcome, why, evidence) = match run {
        Verdict::NotRun(why) => (Outcome::NotRun, why, Evidence::default()),
        Verdict::Refuted(evidence) => (Outcome::Refuted, "the run refuted the claim".to_owned(), evidence),
        Verdict::Broken(why) => (Outcome::Refuted, "the run broke off".to_owned(), only(BROKE, why)),
        Verdict::Proved(evidence) if evidence.cases < proof.min_cases => (
            Outcome::Vacuous,
            format!("{} cases ran, at least {} are needed", evidence.cases, proof.min_cases),
            evidence,
        ),
        Verdict::Proved(evidence) => match &sabotage {
            Some(s) if !s.refuted => (Outcome::Vacuous, not_refuted(s), evidence),
            _ => (Outcome::Proved, String::new(), evidence),
        },
    };
    ProofResult {
        id: proof.id.to_owned(),
        milestone: proof.milestone,
        claim: proof.claim.to_owned(),
        outcome,
        why,
        evidence,
        sabotage,
    }
}

impl Results {
    /// How many proofs came to `outcome`.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        self.proofs.iter().filter(|p| p.outcome == outcome).count()
    }

    /// The promises with what this run says of each; empty when no proof of the executor ran.
    pub(crate) fn promised(&self) -> Vec<(&str, &Promise, State)> {
        if self.proofs.iter().all(|p| p.milestone != EXECUTOR) {
            return Vec::new();
        }
        self.promises.iter().map(|(id, promise)| (id.as_str(), promise, promise.state(&self.proofs))).collect()
    }

    /// The exit code's question.
    pub(crate) fn passed(&self) -> bool {
        let bad = self.count(Outcome::Refuted) + self.count(Outcome::Vacuous);
        let gaps = if self.strict { self.count(Outcome::NotRun) } else { 0 };
        !self.proofs.is_empty() && bad + gaps == 0
    }
}

/// The milestone whose proofs the promises are about.
const EXECUTOR: u8 = 5;

/// What each milestone stands for (architecture, section 7).
pub(crate) const MILESTONES: [&str; 9] = [
    "one command checks format, lints, types, tests and proofs and writes both artifacts",
    "the simulator: feed, matching, fills, user events",
    "books: snapshots, changes, gaps, reconnects; never quoted on when wrong",
    "quotes: pure, inside tick, spread, size and inventory bounds",
    "orders: minimal diff, minimum edit time, do-nothing zone, call budget",
    "executor: keys only there, caps, bands, geoblock, halt, cancel-all, no secret in any output",
    "scoring answers checked and acted on",
    "shadow: an hour with reconnects, no drift, flat memory",
    "tiny live: allow-list, tiny caps, 24 hours, drill",
];

/// Renders the report from the results alone.
pub(crate) fn render(results: &Results) -> String {
    let mut out = String::new();
    render_into(results, &mut out).expect("writing to a String cannot fail");
    out
}

fn render_into(results: &Results, out: &mut String) -> std::fmt::Result {
    let verdict = if results.passed() { "PASSED" } else { "FAILED" };
    writeln!(out, "# Proofs: {verdict}\n")?;
    writeln!(
        out,
        "{} proved, {} refuted, {} vacuous, {} not run.\n",
        results.count(Outcome::Proved),
        results.count(Outcome::Refuted),
        results.count(Outcome::Vacuous),
        results.count(Outcome::NotRun)
    )?;
    let dirty = if results.dirty { ", with changes on top" } else { "" };
    writeln!(out, "| what | value |\n| --- | --- |")?;
    writeln!(out, "| commit | `{}`{dirty} |", results.commit)?;
    writeln!(out, "| selection | {} |", results.selection)?;
    writeln!(out, "| depth | {} |", depth_word(results.depth))?;
    writeln!(out, "| seed | {} |", results.seed)?;
    writeln!(out, "| gaps count as failures | {} |\n", if results.strict { "yes (--strict)" } else { "no" })?;
    for (milestone, words) in (0u8..).zip(MILESTONES) {
        let proofs: Vec<&ProofResult> = results.proofs.iter().filter(|p| p.milestone == milestone).collect();
        if proofs.is_empty() {
            continue;
        }
        writeln!(out, "## M{milestone}: {words}\n")?;
        writeln!(out, "| proof | claim | outcome | cases | sabotage |\n| --- | --- | --- | ---: | --- |")?;
        for proof in &proofs {
            writeln!(
                out,
                "| `{}` | {} | {} | {} | {} |",
                proof.id,
                cell(&proof.claim),
                proof.outcome.word(),
                proof.evidence.cases,
                sabotage_cell(proof.sabotage.as_ref())
            )?;
        }
        writeln!(out)?;
        if milestone == EXECUTOR {
            render_promises(results, out)?;
        }
        for proof in &proofs {
            render_facts(proof, out)?;
        }
    }
    Ok(())
}

fn render_promises(results: &Results, out: &mut String) -> std::fmt::Result {
    writeln!(out, "### What the key holder promises\n")?;
    writeln!(out, "| promise | | state | proofs | not shown yet |\n| --- | --- | --- | --- | --- |")?;
    for (id, promise, state) in results.promised() {
        let proofs: Vec<String> = promise.proofs.iter().map(|p| format!("`{p}`")).collect();
        writeln!(
            out,
            "| {id} | {} | {} | {} | {} |",
            cell(&promise.promise),
            state.word(),
            proofs.join(", "),
            cell(&promise.missing)
        )?;
    }
    writeln!(out)
}

fn render_facts(proof: &ProofResult, out: &mut String) -> std::fmt::Result {
    let quiet = proof.why.is_empty() && proof.evidence.facts.is_empty() && proof.evidence.files.is_empty();
    if quiet {
        return Ok(());
    }
    writeln!(out, "### `{}`\n", proof.id)?;
    if !proof.why.is_empty() {
        writeln!(out, "* **{}**: {}", proof.outcome.word(), proof.why)?;
    }
    for (name, value) in &proof.evidence.facts {
        writeln!(out, "* {name}: {value}")?;
    }
    for file in &proof.evidence.files {
        writeln!(out, "* evidence: `evidence/{}/{}`", proof.id, file.display())?;
    }
    if let Some(sabotage) = &proof.sabotage
        && let Some((name, value)) = sabotage.evidence.facts.first()
    {
        writeln!(out, "* sabotage found: {name}: {value}")?;
    }
    writeln!(out)
}

const fn depth_word(depth: Depth) -> &'static str {
    match depth {
        Depth::Quick => "quick",
        Depth::Default => "default",
        Depth::Full => "full",
    }
}

fn sabotage_cell(sabotage: Option<&SabotageResult>) -> String {
    match sabotage {
        None => "none".to_owned(),
        Some(s) if s.refuted => format!("{}: refuted", cell(&s.broke)),
        Some(s) => format!("{}: **NOT refuted**", cell(&s.broke)),
    }
}

/// Text that cannot break a table row.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROOF: Proof = Proof {
        id: "a-claim",
        milestone: 0,
        claim: "",
        quick: false,
        min_cases: 1,
        run: |_| Verdict::NotRun(String::new()),
        sabotage_claim: "",
        sabotage: None,
    };

    fn tried() -> Evidence {
        Evidence { cases: 1, ..Evidence::default() }
    }

    #[test]
    fn a_sabotage_is_seen_only_where_it_is_refuted() {
        let outcome = |sabotage| judge(&PROOF, Verdict::Proved(tried()), Some(sabotage));
        assert_eq!(outcome(Verdict::Refuted(tried())).outcome, Outcome::Proved);
        for sabotage in
            [Verdict::Broken("no binary".to_owned()), Verdict::NotRun("no root".to_owned()), Verdict::Proved(tried())]
        {
            assert_eq!(outcome(sabotage).outcome, Outcome::Vacuous);
        }
        assert!(outcome(Verdict::Broken("no binary".to_owned())).why.ends_with("the stage broke: no binary"));
    }

    #[test]
    fn a_run_that_broke_is_red_and_says_why() {
        let result = judge(&PROOF, Verdict::Broken("no binary".to_owned()), Some(Verdict::Refuted(tried())));
        assert_eq!(result.outcome, Outcome::Refuted);
        assert_eq!(result.evidence.facts, [(BROKE.to_owned(), "no binary".to_owned())]);
    }
}
