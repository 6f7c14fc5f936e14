//! Selects proofs, runs each with its sabotage, writes both artifacts.

use crate::promises::{self, State};
use crate::proof::{Bench, Depth, Proof, Verdict};
use crate::registry;
use crate::report::{self, Outcome, ProofResult, Results};
use crate::shell;
use std::io::{self, IsTerminal as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Why proofs could not be run at all.
#[derive(Debug)]
pub(crate) enum RunError {
    /// No proof has this name.
    Unknown(String),
    /// Files could not be written.
    Io(PathBuf, io::Error),
    /// The binaries could not be built.
    Build(String),
    /// The list of promises does not read.
    Promises(String),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "no milestone or proof is called {name:?}; `prove list` shows them all")
            }
            Self::Io(path, why) => write!(f, "{}: {why}", path.display()),
            Self::Build(why) => write!(f, "the binaries do not build: {why}"),
            Self::Promises(why) => f.write_str(why),
        }
    }
}

/// Runs the selected proofs; `Ok(true)` when all of them hold.
pub(crate) fn prove(selection: &str, depth: Depth, seed: u64, strict: bool) -> Result<bool, RunError> {
    let proofs = select(selection)?;
    let root = shell::repo_root();
    let latest = root.join("artifacts/proofs/latest");
    let evidence = latest.join("evidence");
    if evidence.exists() {
        std::fs::remove_dir_all(&evidence).map_err(|e| RunError::Io(evidence.clone(), e))?;
    }
    std::fs::create_dir_all(&evidence).map_err(|e| RunError::Io(evidence.clone(), e))?;
    let bin_dir = shell::build_binaries(&root).map_err(RunError::Build)?;

    let mut results = Results {
        schema: report::SCHEMA,
        commit: shell::git_commit(&root),
        dirty: shell::git_dirty(&root),
        selection: selection.to_owned(),
        depth,
        seed,
        strict,
        proofs: Vec::new(),
        promises: promises::read(&root).map_err(RunError::Promises)?,
    };
    for (nth, proof) in proofs.iter().enumerate() {
        announce(nth, proofs.len(), proof);
        let started = Instant::now();
        let result = run_one(proof, &root, &evidence, &bin_dir, seed, depth)?;
        println!("{}  {:>6.1} s", verdict_line(&result), started.elapsed().as_secs_f64());
        results.proofs.push(result);
        // Written after every proof: an interrupted run leaves what it has found.
        write_artifacts(&latest, &results)?;
    }
    summarize(&results, &latest);
    Ok(results.passed())
}

fn select(selection: &str) -> Result<Vec<&'static Proof>, RunError> {
    let all = registry::all();
    let chosen: Vec<&'static Proof> = match selection {
        "all" => all,
        "quick" => all.into_iter().filter(|p| p.quick).collect(),
        name => {
            let milestone = name.strip_prefix('m').and_then(|n| n.parse::<u8>().ok());
            all.into_iter().filter(|p| Some(p.milestone) == milestone || p.id == name).collect()
        }
    };
    if chosen.is_empty() { Err(RunError::Unknown(selection.to_owned())) } else { Ok(chosen) }
}

fn run_one(
    proof: &Proof,
    root: &Path,
    evidence: &Path,
    bin_dir: &Path,
    seed: u64,
    depth: Depth,
) -> Result<ProofResult, RunError> {
    let bench = |folder: &str| {
        let evidence = evidence.join(proof.id).join(folder);
        std::fs::create_dir_all(&evidence).map_err(|e| RunError::Io(evidence.clone(), e))?;
        Ok(Bench { root: root.to_owned(), evidence, seed, depth, bin_dir: bin_dir.to_owned() })
    };
    let run = guarded(proof.run, &mut bench("")?);
    let sabotage = match proof.sabotage {
        Some(sabotage) => Some(guarded(sabotage, &mut bench("sabotage")?)),
        None => None,
    };
    Ok(report::judge(proof, run, sabotage))
}

/// A panic inside a proof breaks its stage, with its message; it is not the end of the run.
fn guarded(run: fn(&mut Bench) -> Verdict, bench: &mut Bench) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| run(bench))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Verdict::Broken(format!("panicked: {text}"))
    })
}

fn announce(nth: usize, of: usize, proof: &Proof) {
    print!("[{:>2}/{of}] M{} {:<36} ", nth + 1, proof.milestone, proof.id);
    if io::stdout().is_terminal() {
        io::stdout().flush().ok();
    }
}

fn verdict_line(result: &ProofResult) -> String {
    match result.outcome {
        Outcome::Proved => format!("proved   {:>9} cases", result.evidence.cases),
        Outcome::Refuted => format!("REFUTED  {}", first_fact(result)),
        Outcome::Vacuous => format!("VACUOUS  {}", result.why),
        Outcome::NotRun => format!("not run  {}", result.why),
    }
}

fn first_fact(result: &ProofResult) -> String {
    result.evidence.facts.first().map_or_else(String::new, |(name, value)| {
        let short: String = value.chars().take(200).collect();
        format!("{name}: {short}")
    })
}

fn write_artifacts(latest: &Path, results: &Results) -> Result<(), RunError> {
    let json = latest.join("results.json");
    let text = serde_json::to_string_pretty(results).expect("results are strings, numbers and lists");
    std::fs::write(&json, text + "\n").map_err(|e| RunError::Io(json, e))?;
    let report = latest.join("report.md");
    std::fs::write(&report, report::render(results)).map_err(|e| RunError::Io(report, e))
}

fn summarize(results: &Results, latest: &Path) {
    let passed = results.count(Outcome::Proved);
    let failed = results.count(Outcome::Refuted) + results.count(Outcome::Vacuous);
    let gaps = results.count(Outcome::NotRun);
    tell_promises(results);
    println!("report: {}", latest.join("report.md").display());
    if gaps > 0 {
        println!(
            "{gaps} not run: a gap, not a pass{}",
            if results.strict { "; --strict makes it a failure" } else { "" }
        );
    }
    let (failed, skipped) = if results.strict { (failed + gaps, 0) } else { (failed, gaps) };
    println!("proofs: {passed} passed, {failed} failed, {skipped} skipped");
}

/// Which promises of the key holder this run does not show held, and why. Only runs of all its proofs can say.
fn tell_promises(results: &Results) {
    let promised = results.promised();
    if results.selection != "all" && results.selection != "m5" || promised.is_empty() {
        return;
    }
    let held = promised.iter().filter(|(.., state)| *state == State::Held).count();
    println!("promises of the key holder: {held} of {} held", promised.len());
    for (id, promise, state) in promised.iter().filter(|(.., state)| *state != State::Held) {
        let why = if promise.missing.is_empty() { "see its proofs" } else { &promise.missing };
        println!("  {id} {:<14} {} ({why})", state.word(), promise.promise);
    }
}

/// `prove list`.
pub(crate) fn list() {
    for proof in registry::all() {
        let quick = if proof.quick { ", in quick" } else { "" };
        println!("M{} {} (at least {} cases{quick})", proof.milestone, proof.id, proof.min_cases);
        println!("   claim:    {}", proof.claim);
        match proof.sabotage {
            Some(_) => println!("   sabotage: {}", proof.sabotage_claim),
            None => println!("   sabotage: none ({})", proof.sabotage_claim),
        }
    }
}
