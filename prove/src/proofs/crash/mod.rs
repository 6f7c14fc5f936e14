//! Executors that are killed wherever it could hurt, and what the next one makes of it (executor.md 3.18).
//!
//! Real processes against a running venue. Each life is ended by SIGKILL at one registered place; the next one starts on what is
//! left. What counts is the venue's own list: no order and no fill that the ledger does not know, no order twice, no cap passed.

mod calls;
mod core;
mod disk;
mod house;
mod panic;
mod power;
mod truth;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::{Draws, verdict};
use crate::proofs::in_runtime;
use crate::shell;
use crate::stack::{Options, Stack, StackError};
use house::{CAP_USDC, End, House};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use truth::Complaints;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[KILLED, panic::PROOF, disk::PROOF, calls::PROOF, power::PROOF];

const KILLED: Proof = Proof {
    id: "killed-anywhere-nothing-is-lost",
    milestone: 5,
    claim: "The executor is killed at every registered place, again and again on one ledger: whatever the venue has taken or filled is in \
            the ledger, no order is there twice, what rests and what filled stays inside the caps, and all ends flat.",
    quick: false,
    min_cases: 70,
    run: |bench| {
        let kills = bench.depth.pick(0, 0, 1_500);
        in_runtime(killed(bench, kills, Sabotage::None))
    },
    sabotage_claim: "rows count as durable a commit too early; and a core that asks again under a new number (each must be found)",
    sabotage: Some(|bench| {
        // each must be found by what it breaks
        let late = in_runtime(killed(bench, 12, Sabotage::LateRows));
        let anew = in_runtime(killed(bench, 12, Sabotage::AsksAnew));
        match (late, anew) {
            (Verdict::Refuted(late), Verdict::Refuted(anew)) => Verdict::Refuted(Evidence {
                cases: late.cases + anew.cases,
                facts: late.facts.into_iter().chain(anew.facts).collect(),
                files: Vec::new(),
            }),
            (Verdict::Refuted(_), other) | (other, _) => other,
        }
    }),
};

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sabotage {
    None,
    /// The executor takes rows for durable before they are.
    LateRows,
    /// After a restart the core asks for what was on its way under a new number.
    AsksAnew,
}

/// Executors that run at a time: most of a life is waiting.
const HOUSES: usize = 6;
/// Lives on one ledger.
const LIVES_MAX: u64 = 40;
/// How often a place is tried anew before it counts as one that no life reaches.
const TRIES_MAX: u8 = 7;
/// Latest pass of a place at which a life is ended.
const NTH_MAX: u64 = 6;

/// Does the same to many, some at a time; what came of each, in no order.
async fn side_by_side<T: Send + 'static, R: Send + 'static, F: Future<Output = R> + Send + 'static>(
    them: Vec<T>,
    each: impl Fn(T) -> F,
) -> Result<Vec<R>, StackError> {
    let (mut left, mut running, mut done) = (them.into_iter(), tokio::task::JoinSet::new(), Vec::new());
    loop {
        while running.len() < HOUSES
            && let Some(next) = left.next()
        {
            running.spawn(each(next));
        }
        match running.join_next().await {
            Some(came) => done.push(came.map_err(|why| StackError(why.to_string()))?),
            None => return Ok(done),
        }
    }
}

/// A library to preload into an executor, built from the file of this name beside this one by the compiler that builds SQLite.
fn library(bench: &Bench, name: &str) -> Result<PathBuf, StackError> {
    let source = bench.root.join(format!("prove/src/proofs/crash/{name}.c"));
    let built = bench.evidence.join(format!("{name}.so"));
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&built).arg(source).arg("-ldl");
    let output = shell::run(&mut command, Duration::from_secs(60))?;
    if output.ok { Ok(built) } else { Err(StackError(output.text)) }
}

/// A place to kill at.
#[derive(Clone)]
struct Job {
    place: String,
    nth: u64,
    tries: u8,
}

#[derive(Default)]
struct Tally {
    jobs: VecDeque<Job>,
    houses: u64,
    kills: BTreeMap<String, u64>,
    lives: u64,
    orders: u64,
    filled: u64,
    told: u64,
    most_at_risk: u128,
    breaches: u64,
    complaints: Complaints,
    failures: Vec<String>,
    unreached: Vec<String>,
}

/// Every place once, then more at random until there are `kills`. A sabotage tries only where it shows.
fn jobs(places: &[String], kills: u64, seed: u64, sabotage: Sabotage) -> VecDeque<Job> {
    const TELLING: [&str; 6] = [
        "ledger.intent.inside",
        "post.sent",
        "post.answered",
        "ledger.outcome.before",
        "ledger.outcome.inside",
        "post.told",
    ];
    let chosen: Vec<&String> = match sabotage {
        Sabotage::None => places.iter().collect(),
        _ => places.iter().filter(|place| TELLING.contains(&place.as_str())).collect(),
    };
    let mut draws = Draws::new(seed);
    let mut jobs: Vec<Job> = chosen.iter().map(|place| Job { place: (*place).clone(), nth: 1, tries: 0 }).collect();
    while (jobs.len() as u64) < kills {
        let nth = 1 + draws.below(NTH_MAX);
        let place = usize::try_from(draws.below(chosen.len() as u64)).unwrap_or(0);
        jobs.push(Job { place: chosen[place].clone(), nth, tries: 0 });
    }
    // so that one ledger sees all kinds
    for n in (1..jobs.len()).rev() {
        jobs.swap(n, usize::try_from(draws.below(n as u64 + 1)).unwrap_or(0));
    }
    jobs.into()
}

async fn killed(bench: &Bench, kills: u64, sabotage: Sabotage) -> Result<Verdict, StackError> {
    let binary = shell::build_crash_executor(&bench.root)?;
    let listed = shell::run(Command::new(&binary).env("EXECUTOR_CRASH", "list"), Duration::from_secs(30))?;
    if !listed.ok {
        return Err(StackError(listed.text));
    }
    let places: Vec<String> = listed.text.lines().map(str::to_owned).collect();
    let evidence = bench.evidence.join(format!("{sabotage:?}"));
    let tally = Tally { jobs: jobs(&places, kills, bench.seed, sabotage), ..Tally::default() };
    let tally = Arc::new(Mutex::new(tally));
    // what was found until it broke off is judged too
    let done = async {
        let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), evidence.clone());
        options.scenario = bench.root.join("config/sim/basic.toml");
        let stack = Arc::new(Stack::venue(options).await?);
        let street = (0..HOUSES).map(|_| {
            let bench = Bench {
                root: bench.root.clone(),
                evidence: evidence.clone(),
                bin_dir: bench.bin_dir.clone(),
                ..*bench
            };
            let (stack, binary, tally) = (Arc::clone(&stack), binary.clone(), Arc::clone(&tally));
            tokio::spawn(async move { live(&bench, &stack, &binary, &tally, sabotage).await })
        });
        for house in street.collect::<Vec<_>>() {
            house.await.map_err(|why| StackError(why.to_string()))??;
        }
        if let Some(stack) = Arc::into_inner(stack) {
            stack.stop().await;
        }
        Ok::<(), StackError>(())
    }
    .await;
    let mut tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
    if let Err(why) = done {
        tally.failures.push(why.to_string());
    }
    Ok(tally.judge(&places, sabotage))
}

/// House after house until there is no place left to die at.
async fn live(
    bench: &Bench,
    stack: &Arc<Stack>,
    binary: &std::path::Path,
    shared: &Mutex<Tally>,
    sabotage: Sabotage,
) -> Result<(), StackError> {
    let tally = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let number = {
            let mut tally = tally();
            if tally.jobs.is_empty() {
                return Ok(());
            }
            tally.houses += 1;
            tally.houses
        };
        let mut house = House::new(bench, Arc::clone(stack), binary.to_owned(), number, sabotage).await?;
        while house.lives < LIVES_MAX {
            let Some(mut job) = tally().next(house.lives == 0) else { break };
            let end = house.life(Some((&job.place, job.nth)), house.lives % 2 == 1).await;
            let truth = house.look().await?;
            let mut tally = tally();
            tally.most_at_risk = tally.most_at_risk.max(truth.at_risk());
            tally.breaches += u64::from(truth.at_risk() > u128::from(CAP_USDC) * 1_000_000);
            match end {
                Ok(End::Killed) => *tally.kills.entry(job.place).or_default() += 1,
                Ok(End::Lived) if job.tries == TRIES_MAX => tally.unreached.push(format!("{}:{}", job.place, job.nth)),
                Ok(End::Lived) => {
                    (job.tries, job.nth) = (job.tries + 1, (job.nth / 2).max(1));
                    tally.jobs.push_back(job);
                }
                Err(why) => {
                    tally.failures.push(format!("{}:{}: {why}", job.place, job.nth));
                    return Ok(());
                }
            }
        }
        let audited = house.audit().await;
        let mut tally = tally();
        (tally.lives, tally.told) = (tally.lives + house.lives, tally.told + house.told);
        match audited {
            Ok((truth, found)) => tally.add(&truth, found),
            Err(why) => {
                tally.failures.push(why.to_string());
                return Ok(());
            }
        }
    }
}

impl Tally {
    /// The next place; what was missed once is tried on a new ledger too.
    fn next(&mut self, fresh: bool) -> Option<Job> {
        let at = self.jobs.iter().position(|job| fresh || job.nth > 1 || job.tries % 2 == 0)?;
        self.jobs.remove(at)
    }

    fn add(&mut self, truth: &truth::Truth, found: Complaints) {
        self.orders += truth.orders();
        self.filled += truth.filled();
        self.complaints.lost += found.lost;
        self.complaints.fills += found.fills;
        self.complaints.doubled += found.doubled;
        self.complaints.resting += found.resting;
        self.complaints.heads += found.heads;
        self.complaints.mirrors += found.mirrors;
    }

    fn judge(self, places: &[String], sabotage: Sabotage) -> Verdict {
        let kills: u64 = self.kills.values().sum();
        let Complaints { lost, fills, doubled, resting, heads, mirrors } = self.complaints;
        let silent = self.orders.saturating_sub(self.told);
        let mut evidence = Evidence { cases: kills, ..Evidence::default() };
        for failure in self.failures.iter().take(5) {
            evidence.fact("failure", failure);
        }
        evidence.fact("kills", kills);
        evidence.fact("places", format!("{} of {}", self.kills.len(), places.len()));
        evidence.fact("lives", self.lives);
        evidence.fact("ledgers", self.houses);
        evidence.fact("orders the venue took", self.orders);
        evidence.fact("of those, taken without a word to the core", silent);
        evidence.fact("of those, filled in part", self.filled);
        evidence.fact("orders without a row", lost);
        evidence.fact("orders whose fills the ledger has otherwise", fills);
        evidence.fact("orders that are there twice", doubled);
        evidence.fact("orders that rest at the end", resting);
        evidence.fact("ledgers that their head file does not know", heads);
        evidence.fact("ledgers whose mirror tells something else", mirrors);
        evidence.fact("most at risk at the venue, micro-dollars", self.most_at_risk);
        evidence.fact("deaths with more than the cap at risk", self.breaches);
        let missed: Vec<&String> = places.iter().filter(|place| !self.kills.contains_key(*place)).collect();
        if sabotage == Sabotage::None && !missed.is_empty() {
            evidence.fact("places no life reached", format!("{missed:?}"));
        }
        evidence.fact("passes no life reached", self.unreached.len());
        match sabotage {
            Sabotage::None => {}
            Sabotage::LateRows if lost > 0 => return Verdict::Refuted(evidence),
            Sabotage::AsksAnew if doubled > 0 => return Verdict::Refuted(evidence),
            Sabotage::LateRows | Sabotage::AsksAnew => return Verdict::Proved(evidence),
        }
        let clean = self.failures.is_empty() && lost + fills + doubled + resting + heads + mirrors + self.breaches == 0;
        verdict(evidence, clean && missed.is_empty() && self.filled > 0 && silent > 0)
    }
}
