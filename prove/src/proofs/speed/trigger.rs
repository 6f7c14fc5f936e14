//! M5: from the wish to cancel everything to its first byte on the wire, and to the second look that shows nothing.

use super::driver::Driver;
use super::wire::{self, Habits};
use super::{OPENS, drive, percentiles, venue};
use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::in_runtime;
use crate::stack::StackError;
use mm_core::protocol::ToExecutor;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(super) const PROOF: Proof = Proof {
    id: "cancel-all-waits-for-no-place",
    milestone: 5,
    claim: "In a flood of placements a cancel-all is on the wire at once, also where the venue holds placements back; two lists a second \
            apart then show nothing, also where three requests in ten meet a fault.",
    quick: false,
    min_cases: 6,
    run: |bench| in_runtime(triggers(bench, 0)),
    sabotage_claim: "on the way to the venue cancels are held back",
    sabotage: Some(|bench| in_runtime(triggers(bench, 1200))),
};

/// What is promised of 99 in 100 (executor.md, G16 and G17); asserted at full depth, on a machine that does nothing else.
const FIRST_CANCEL: Duration = Duration::from_millis(20);
const FLAT: Duration = Duration::from_millis(1500);
const FLAT_FAULTY: Duration = Duration::from_secs(5);
/// What is asserted of every one at any depth: a machine may be busy.
const FIRST_CANCEL_BUSY: Duration = Duration::from_secs(1);
const FLAT_BUSY: Duration = Duration::from_secs(20);

/// Half the way there and back.
const ONE_WAY_MS: u64 = 25;
/// The flood: as many in each tick of five milliseconds, for as long.
const EACH_TICK: u64 = 2;
const FLOOD: Duration = Duration::from_millis(400);

/// How the venue is when the trigger is pulled, and what is promised then.
struct Stage {
    name: &'static str,
    /// Placements are held back for so long. More than half a second, and the executor takes it for throttling and stops by itself.
    place_ms: u64,
    faults_percent: u32,
    first: Option<Duration>,
    flat: Option<Duration>,
}

const STAGES: [Stage; 3] = [
    Stage { name: "healthy", place_ms: 0, faults_percent: 0, first: Some(FIRST_CANCEL), flat: Some(FLAT) },
    Stage { name: "placements held back", place_ms: 400, faults_percent: 0, first: Some(FIRST_CANCEL), flat: None },
    Stage { name: "30 % faults", place_ms: 0, faults_percent: 30, first: None, flat: Some(FLAT_FAULTY) },
];

async fn triggers(bench: &mut Bench, cancels_held_ms: u64) -> Result<Verdict, StackError> {
    let mut evidence = Evidence::default();
    let mut stack = venue(bench).await?;
    // as in production, where the stacks of other proofs do not wait as long
    stack.set_executor("gate", "zero_gap_ms", 1000);
    // an order whose request was cut stays unknown for that long, and until then the next trigger cannot be pulled
    stack.set_executor("gate", "late_landing_ms", 2000);
    let (address, habits) = wire::open(&stack.ready.clob).await.map_err(|why| StackError(format!("no wire: {why}")))?;
    stack.set_executor("venue", "rest_url", format!("http://{address}"));
    stack.start_executor().await?;
    let mut driver = drive(&stack).await?;
    habits.one_way_ms.store(ONE_WAY_MS, Ordering::Relaxed);
    habits.cancel_ms.store(cancels_held_ms, Ordering::Relaxed);
    let (times, stages) = match cancels_held_ms {
        0 => (bench.depth.pick(1, 2, 100), &STAGES[..]),
        _ => (1, &STAGES[..1]),
    };
    let mut good = true;
    for stage in stages {
        let [mut first, mut flat] = pulled(&mut driver, &habits, stage, times).await?;
        evidence.cases += times;
        let told = [percentiles(&mut first), percentiles(&mut flat)];
        let most = |times: &[Duration]| times.last().copied().unwrap_or(Duration::MAX);
        let mut held = most(&first) <= FIRST_CANCEL_BUSY && most(&flat) <= FLAT_BUSY;
        if bench.depth == Depth::Full {
            let within = |times: &[Duration], promise: Option<Duration>| {
                promise.is_none_or(|promise| times[(times.len() - 1) * 99 / 100] <= promise)
            };
            held &= within(&first, stage.first) && within(&flat, stage.flat);
        }
        if bench.depth == Depth::Full || !held {
            evidence.fact(&format!("{}: trigger to first cancel byte", stage.name), &told[0]);
            evidence.fact(&format!("{}: trigger to confirmed flat", stage.name), &told[1]);
        }
        good &= held;
    }
    habits.cancel_ms.store(0, Ordering::Relaxed);
    let complaints = stack.stop().await;
    for complaint in &complaints {
        evidence.fact("at the end", complaint);
    }
    Ok(if good && complaints.is_empty() { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) })
}

/// Pulls the trigger `times` times in the middle of a flood: how long until the first cancel-all passes, and until flat.
async fn pulled(
    driver: &mut Driver,
    habits: &Habits,
    stage: &Stage,
    times: u64,
) -> Result<[Vec<Duration>; 2], StackError> {
    let [mut first, mut flat] = [Vec::new(), Vec::new()];
    for nth in 0..times {
        driver.opened(OPENS).await?;
        habits.place_ms.store(stage.place_ms, Ordering::Relaxed);
        // An order that is told 503 has everything cancelled at once: every other time faults begin with the trigger, when all rests.
        let from_the_first = nth % 2 == 1;
        habits.faults_percent.store(if from_the_first { stage.faults_percent } else { 0 }, Ordering::Relaxed);
        let begin = Instant::now();
        while begin.elapsed() < FLOOD {
            driver.tick(EACH_TICK, false).await?;
        }
        habits.faults_percent.store(stage.faults_percent, Ordering::Relaxed);
        let pulled = Instant::now();
        driver.say(&ToExecutor::CancelAll { market: None }).await?;
        // The flood goes on: whoever places has not heard of it.
        while habits.flat(pulled).is_none() && pulled.elapsed() <= FLAT_BUSY {
            driver.tick(EACH_TICK, false).await?;
        }
        habits.place_ms.store(0, Ordering::Relaxed);
        habits.faults_percent.store(0, Ordering::Relaxed);
        first.push(habits.first_cancel(pulled).map_or(Duration::MAX, |at| at - pulled));
        flat.push(habits.flat(pulled).map_or(Duration::MAX, |at| at - pulled));
    }
    Ok([first, flat])
}
