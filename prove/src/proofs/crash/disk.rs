//! A disk that takes no more (executor.md 2.6, P-17): real executors whose ledger cannot grow, from some byte on or because the
//! file system is full.

use super::Sabotage;
use super::house::{Finish, House, PATIENCE};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::verdict;
use crate::proofs::in_runtime;
use crate::shell;
use crate::stack::{Options, Stack, StackError};
use rustix::process::{Resource, Rlimit, prlimit};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

pub(super) const PROOF: Proof = Proof {
    id: "full-disk-cancels-and-places-nothing",
    milestone: 5,
    claim: "The ledger can grow no more, at any byte of a commit or because the file system is full: from then on no order reaches the venue, \
            everything that rests is cancelled, the latch is down, and the process ends saying that its ledger failed.",
    quick: false,
    min_cases: 4,
    run: |bench| in_runtime(starved(bench, true)),
    sabotage_claim: "the disk takes everything",
    sabotage: Some(|bench| in_runtime(starved(bench, false))),
};

/// How the disk comes to its end.
#[derive(Clone, Copy, Debug)]
enum Starve {
    /// No file may grow beyond what the log has now and so many bytes more.
    NoByteAfter(u64),
    /// The file system is full.
    Full,
    /// It does not.
    Never,
}

/// Exit code of an executor whose ledger failed.
pub(super) const LEDGER_FAILED: i32 = 4;
/// Size of the file system that is filled.
const SMALL: &str = "size=2m";

async fn starved(bench: &Bench, starve: bool) -> Result<Verdict, StackError> {
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), bench.evidence.clone());
    options.scenario = bench.root.join("config/sim/basic.toml");
    let stack = Arc::new(Stack::venue(options).await?);
    let mut cases: Vec<Starve> = (0..bench.depth.pick(3, 3, 40)).map(|n| Starve::NoByteAfter(n * 701)).collect();
    cases.push(Starve::Full);
    if !starve {
        cases = vec![Starve::Never];
    }
    let mut evidence = Evidence::default();
    let (mut wrong, mut not_full, mut rested) = (Vec::new(), None, 0);
    for (nth, how) in cases.into_iter().enumerate() {
        let number = 1 + nth as u64;
        let mount = match how {
            Starve::Full => match Mount::new(&bench.evidence.join(format!("house-{number}/executor"))) {
                Ok(mount) => Some(mount),
                Err(why) => {
                    not_full = Some(why);
                    continue;
                }
            },
            Starve::NoByteAfter(_) | Starve::Never => None,
        };
        let binary = bench.binary("executor");
        let mut house = House::new(bench, Arc::clone(&stack), binary, number, Sabotage::None).await?;
        match life(&mut house, how).await? {
            Ok(before) => rested += before,
            Err(why) => wrong.push(format!("{how:?}: {why}")),
        }
        drop(mount);
        evidence.cases += 1;
    }
    if let Some(stack) = Arc::into_inner(stack) {
        stack.stop().await;
    }
    for what in wrong.iter().take(4) {
        evidence.fact("wrong", what);
    }
    evidence.fact("orders that rested when the disk ended", rested);
    Ok(match not_full {
        Some(why) if wrong.is_empty() => Verdict::NotRun(format!("a full file system could not be had: {why}")),
        _ => verdict(evidence, wrong.is_empty() && rested > 0),
    })
}

/// A life in which the disk takes no more while orders rest; how many did, or what was not as it must be.
async fn life(house: &mut House, how: Starve) -> Result<Result<u64, String>, StackError> {
    let command = house.command();
    let state = house.state_dir();
    let struck = house
        .struck(command, PATIENCE, |process| match how {
            Starve::Never => Ok(()),
            Starve::Full => Ok(fill(&state)?),
            Starve::NoByteAfter(more) => {
                let log = std::fs::metadata(state.join("ledger.sqlite-wal"))?;
                let most = Some(log.len() + more);
                let limit = Rlimit { current: most, maximum: most };
                Ok(prlimit(process.pid(), Resource::Fsize, limit).map(drop).map_err(std::io::Error::from)?)
            }
        })
        .await?;
    house.leave();
    // what a commit that went well has let out is no fault: it has its row
    let may_leave = matches!(how, Starve::NoByteAfter(more) if more > 0);
    let failed = matches!(struck.end, Finish::Ended(status) if status.code() == Some(LEDGER_FAILED));
    let (taken, rest) = (struck.taken(), struck.after.resting());
    Ok(match failed && struck.marked && struck.lost == 0 && rest == 0 && (taken == 0 || may_leave) {
        true => Ok(struck.before.resting()),
        false => Err(format!(
            "{:?}, marker {}, {taken} orders afterwards, {} without a row, {rest} rest: {}",
            struck.end, struck.marked, struck.lost, struck.last_words
        )),
    })
}

/// A small file system of its own; gone when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).map_err(|why| why.to_string())?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SMALL]).arg("tmpfs").arg(at);
        let done = shell::run(&mut mount, Duration::from_secs(10))?;
        if !done.ok {
            return Err(done.text.trim().to_owned());
        }
        let mount = Self(at.to_owned());
        let ours_alone = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(at, ours_alone).map_err(|why| why.to_string())?;
        Ok(mount)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = shell::run(Command::new("umount").arg("-l").arg(&self.0), Duration::from_secs(10));
    }
}

/// Writes until nothing more is taken.
fn fill(folder: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::create(folder.join("filler"))?;
    for size in [65_536, 4096, 1] {
        let block = vec![b'x'; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}
