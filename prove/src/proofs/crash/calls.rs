//! Every call to the disk failing in turn (executor.md P-17): real executors under a library that lets the nth call fail.

use super::house::{Finish, House};
use super::panic::appears;
use super::truth::Complaints;
use super::{Sabotage, library, side_by_side};
use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::shell;
use crate::stack::{Options, Stack, StackError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

pub(super) const PROOF: Proof = Proof {
    id: "any-disk-call-may-fail",
    milestone: 5,
    claim: "One call to the disk fails, or it and all after it, at the start, while orders rest or at the end: no order is at the venue without a row, the \
            executor ends with a reason or goes on, and never after a sync of the ledger; nothing rests when it is over, and the next start \
            on a healthy disk reconciles.",
    quick: false,
    min_cases: 10,
    run: |bench| in_runtime(failing(bench, Sabotage::None)),
    sabotage_claim: "rows count as durable a commit too early",
    sabotage: Some(|bench| in_runtime(failing(bench, Sabotage::LateRows))),
};

/// How long an executor may take to end that a failed call ends.
const GOES_ON: Duration = Duration::from_millis(3_000);

/// Calls of an end that are tried at any depth.
const ENDING: [u64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// Which call fails.
#[derive(Clone, Copy, Debug)]
struct Case {
    nth: u64,
    /// And all after it.
    on: bool,
    since: Since,
}

/// From when on calls are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Start,
    /// When orders rest.
    Rests,
    /// When it is asked to end.
    End,
}

fn cases(depth: Depth) -> Vec<Case> {
    let swept = |resting: &[u64], start: &[u64], end: &[u64], both: bool| {
        let places = [(Since::Rests, resting), (Since::Start, start), (Since::End, end)];
        let places = places.into_iter().flat_map(|(since, calls)| calls.iter().map(move |nth| (*nth, since)));
        places
            .enumerate()
            .flat_map(|(n, (nth, since))| {
                let case = |on| Case { nth, on, since };
                [n % 2 == 1, n % 2 == 0].map(case).into_iter().take(if both { 2 } else { 1 })
            })
            .collect()
    };
    match depth {
        Depth::Full => {
            let all: Vec<u64> = (1..=90).collect();
            swept(&all, &all[..60], &all[..30], true)
        }
        Depth::Quick | Depth::Default => swept(&[1, 2, 3, 4, 6, 9, 14, 20], &[3, 12, 25, 34], &ENDING, false),
    }
}

/// Whether a sync of the ledger or its log failed: what it did not keep a second one may call kept.
fn lost_a_sync(failed: &[String]) -> bool {
    failed.iter().filter_map(|call| call.split_once(' ')).any(|(call, file)| {
        matches!(call, "fsync" | "fdatasync") && matches!(file, "ledger.sqlite" | "ledger.sqlite-wal")
    })
}

/// What came of a case.
struct Came {
    case: Case,
    /// The calls that failed, each with its file.
    failed: Vec<String>,
    rested: u64,
    wrong: Option<String>,
    end: String,
}

async fn failing(bench: &Bench, sabotage: Sabotage) -> Result<Verdict, StackError> {
    let binary = shell::build_crash_executor(&bench.root)?;
    let library = library(bench, "failing_disk")?;
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.scenario = bench.root.join("config/sim/basic.toml");
    let stack = Arc::new(Stack::venue(options).await?);
    let cases = match sabotage {
        Sabotage::None => cases(bench.depth),
        // what is lost is what the call before would have kept: an order whose row failed when its answer was there
        _ => [3, 5, 7, 8, 9, 11, 12, 14, 16, 18].map(|nth| Case { nth, on: true, since: Since::Rests }).to_vec(),
    };
    let mut houses = Vec::new();
    for (nth, case) in cases.into_iter().enumerate() {
        let number = 1 + nth as u64;
        let mut house = House::new(bench, Arc::clone(&stack), binary.clone(), number, sabotage).await?;
        house.one_by_one = sabotage != Sabotage::None || number % 4 < 2;
        houses.push((house, case, library.clone()));
    }
    let mut evidence = Evidence::default();
    let (mut wrong, mut rested, mut untouched) = (Vec::new(), 0, 0);
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for came in side_by_side(houses, |(house, case, library)| life(house, case, library)).await? {
        let came = came?;
        wrong.extend(came.wrong.map(|why| format!("{:?}: {why}", came.case)));
        rested += came.rested;
        match came.failed.first() {
            Some(first) => {
                evidence.cases += 1;
                *calls.entry(format!("{first}: {}", came.end)).or_default() += 1;
            }
            None => untouched += 1,
        }
    }
    if let Some(stack) = Arc::into_inner(stack) {
        stack.stop().await;
    }
    if rested == 0 && wrong.is_empty() {
        wrong.push("no order rested".to_owned());
    }
    // which call is the nth is a matter of moments
    let list: String = calls.iter().map(|(call, times)| format!("{times} {call}\n")).collect();
    std::fs::write(bench.evidence.join("failed-first.txt"), format!("{list}{untouched} lives made fewer calls\n"))?;
    evidence.files.push(PathBuf::from("failed-first.txt"));
    evidence.fact("what failed first", "failed-first.txt");
    Ok(judged(evidence, &wrong))
}

/// One life with a failing disk, and one without.
async fn life(mut house: House, case: Case, library: PathBuf) -> Result<Came, StackError> {
    let state = house.state_dir();
    let (switch, failed) = (state.join("disk-fails"), state.join("disk-failed"));
    let mut command = house.command();
    command.env("LD_PRELOAD", &library).env("DISK_FOLDER", &state).env("DISK_NTH", case.nth.to_string());
    let errno = if case.nth.is_multiple_of(3) { rustix::io::Errno::NOSPC } else { rustix::io::Errno::IO };
    command.env("DISK_ERRNO", errno.raw_os_error().to_string());
    if case.on {
        command.env("DISK_ON", "1");
    }
    let mut came = Came { case, failed: Vec::new(), rested: 0, wrong: None, end: String::new() };
    let read = |file: &Path| std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect();
    if case.since != Since::Rests {
        let (status, last_words) = if case.since == Since::Start {
            house.settle().await?;
            appears(&switch)?;
            house.begins(command).await?
        } else {
            house.finishes(command, || appears(&switch)).await?
        };
        came.failed = read(&failed);
        came.end = told(status);
        let told = status.code().is_some_and(|code| code == 0 || !last_words.is_empty());
        if !told || (status.success() && lost_a_sync(&came.failed)) {
            came.wrong = Some(format!("{:?} failed: ended with {status}: {last_words}", came.failed.first()));
        }
    } else {
        let struck = house.struck(command, GOES_ON, |_| appears(&switch)).await?;
        came.failed = read(&failed);
        came.rested = struck.before.resting();
        let code = match struck.end {
            Finish::Ended(status) | Finish::Asked(status) => {
                came.end = told(status);
                status.code()
            }
            Finish::Hangs => None,
        };
        let latched = struck.marked || struck.log.contains("marker-failed");
        let ends_well = match (&struck.end, code) {
            (Finish::Ended(_), Some(super::disk::LEDGER_FAILED)) => latched,
            (Finish::Asked(_), Some(0)) => !lost_a_sync(&came.failed),
            (Finish::Asked(_), Some(super::disk::LEDGER_FAILED)) => true,
            _ => false,
        };
        if !ends_well || struck.lost > 0 || struck.after.resting() > 0 {
            came.wrong = Some(format!(
                "{:?} failed: {:?}, latched {latched}, {} rest, {} without a row: {}",
                came.failed.first(),
                struck.end,
                struck.after.resting(),
                struck.lost,
                struck.last_words
            ));
        }
    }
    std::fs::remove_file(&switch)?;
    if came.wrong.is_none() {
        let (_, complaints) = house.audit().await?;
        if complaints != Complaints::default() {
            came.wrong = Some(format!("{:?} failed: afterwards {complaints:?}", came.failed.first()));
        }
    }
    Ok(came)
}

fn told(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => "goes on".to_owned(),
        Some(code) => format!("ends with {code}"),
        None => status.to_string(),
    }
}
