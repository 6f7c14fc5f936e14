//! Selects proofs, runs each with its sabotage, writes both artifacts.

use crate::promises::{self, State};
use crate::proof::{Bench, Depth, Proof, Verdict};
use crate::registry;
use crate::report::{self, Outcome, ProofResult, Results};
use crate::shell;
use std::io::{self, IsTerminal as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many of the proofs that mostly wait run at a time.
const ABREAST: usize = 4;
/// What a main thread has: proofs know no smaller one.
const STACK_BYTES: usize = 8 << 20;

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

    let results = Results {
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
    let stage = Stage { root: &root, latest: &latest, evidence: &evidence, bin_dir: &bin_dir, order: &proofs };
    let results = Mutex::new(results);
    let (alone, waiting) = registry::part(&proofs);
    for proof in alone {
        stage.run(proof, &results)?;
    }
    stage.run_abreast(waiting, &results)?;
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    summarize(&results, &latest);
    Ok(results.passed())
}

/// Where proofs run and what they leave.
struct Stage<'a> {
    root: &'a Path,
    latest: &'a Path,
    evidence: &'a Path,
    bin_dir: &'a Path,
    /// The order of the report.
    order: &'a [&'static Proof],
}

impl Stage<'_> {
    /// Runs one proof, says what came of it and writes it down: an interrupted run leaves what it has found.
    fn run(&self, proof: &'static Proof, results: &Mutex<Results>) -> Result<(), RunError> {
        let (seed, depth) = {
            let results = results.lock().unwrap_or_else(PoisonError::into_inner);
            announce(results.proofs.len() + 1, self.order.len(), proof);
            (results.seed, results.depth)
        };
        let started = Instant::now();
        let result = run_one(proof, self.root, self.evidence, self.bin_dir, seed, depth)?;
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        let line = verdict_line(&result);
        let (nth, of) = (results.proofs.len() + 1, self.order.len());
        let (milestone, id, secs) = (proof.milestone, proof.id, started.elapsed().as_secs_f64());
        println!("[{nth:>2}/{of}] M{milestone} {id:<36} {line}  {secs:>6.1} s");
        results.proofs.push(result);
        results.proofs.sort_by_key(|result| self.order.iter().position(|proof| proof.id == result.id));
        write_artifacts(self.latest, &results)
    }

    /// Runs some at a time.
    fn run_abreast(&self, proofs: Vec<&'static Proof>, results: &Mutex<Results>) -> Result<(), RunError> {
        let abreast = ABREAST.min(proofs.len());
        let next = Mutex::new(proofs.into_iter());
        let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::thread::scope(|scope| {
            let run = || {
                while let Some(proof) = take() {
                    self.run(proof, results)?;
                }
                Ok(())
            };
            let spawn = |nth| {
                let thread = std::thread::Builder::new().name(format!("proofs-{nth}")).stack_size(STACK_BYTES);
                thread.spawn_scoped(scope, run).map_err(|why| RunError::Io("a thread".into(), why))
            };
            let threads: Vec<_> = (0..abreast).map(spawn).collect();
            threads.into_iter().try_for_each(|thread| thread?.join().expect("a proof's panic is caught"))
        })
    }
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

/// A terminal is told which proof the machine has been given to.
fn announce(nth: usize, of: usize, proof: &Proof) {
    if io::stdout().is_terminal() {
        print!("[{nth:>2}/{of}] M{} {:<36} \r", proof.milestone, proof.id);
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
