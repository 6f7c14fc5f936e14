//! Virtual days: how many events a second a whole world does, our bot in the loop.
//!
//! `cargo bench -p sim-exchange --bench world`. The world is `config/sim/day.toml`: twenty markets, makers, noise, informed traders and
//! snipers, latencies, the venue with money and settlement, the user stream, the real engine and the real desk; the log is off, the state is
//! hashed every 10,000 events. First the run is shown to be the run: a piece of it with every invariant after every event, one with every
//! market decided anew at every touch, and one with the log on must all end with the same hash. Then three things are timed, each on one
//! core, in CPU time of the thread: an hour of the same world at a rush hour's pace (events a second), the same with its log on, and
//! the whole day. Beside the kernel's queue stands the standard library's heap, on the same times.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures: nobody else is there to do it")]

use mm_core::domain::{Digest, Nanos, Timestamp};
use sim_exchange::draws::Draws;
use sim_exchange::kernel::{Class, Kernel, Party, SameInstant, Ties};
use sim_exchange::scenario::{AgentKind, Scenario};
use sim_exchange::world::{Depth, Options, World};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::time::Duration;

/// The promises, and where to go next.
const RATE_LEAST: f64 = 2e6;
const RATE_AIM: f64 = 6e6;
const DAY_MOST: Duration = Duration::from_secs(15);
const DAY_AIM: Duration = Duration::from_secs(3);

const PIECE: Nanos = Nanos::from_secs(600);
const HOUR: Nanos = Nanos::from_secs(3600);
const HOURS: u64 = 24;
const ROUNDS: usize = 7;
/// How much more often makers look in the lively world: some sixty events a second in each market, a rush hour.
const LIVELY: u64 = 6;

fn main() {
    let day = Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim/day.toml"))
        .expect("a sound scenario");
    if std::env::args().any(|arg| arg == "day") {
        // for a profiler: nothing but the day
        whole_day(&day);
        return;
    }
    same_run(&day);
    queue();
    let lively = lively(&day);
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| hour(&lively, false)).collect();
    rounds.sort_unstable_by(f64::total_cmp);
    let shown: Vec<String> = rounds.iter().map(|rate| format!("{:.2}", rate / 1e6)).collect();
    println!("rounds, slowest first: {} M events/s", shown.join(", "));
    // the same work each time: what a shared machine takes away says nothing of the code
    let rate = rounds[ROUNDS - 1];
    println!(
        "an hour of a lively world, log off: {:.2} M events/s (at least {:.0}, aim {:.0})",
        rate / 1e6,
        RATE_LEAST / 1e6,
        RATE_AIM / 1e6
    );
    println!("the same with its log on: {:.2} M events/s", hour(&lively, true) / 1e6);
    let took = whole_day(&day);
    assert!(rate >= RATE_LEAST, "{rate:.0} events a second, at least {RATE_LEAST:.0} were promised");
    assert!(took <= DAY_MOST, "a day took {took:?}, at most {DAY_MOST:?} were promised");
}

/// The same piece of the day in four ways.
fn same_run(day: &Scenario) {
    let piece = |options: Options, thorough: bool| {
        let mut world = world(day, options);
        world.crowd_mut().bot_mut().expect("the day has a bot").set_thorough(thorough);
        advance(&mut world, day, PIECE);
        let events = world.crowd().events();
        (world.finish().expect("no invariant is broken"), events)
    };
    let plain = piece(Options::default(), false);
    let watched = piece(Options { depth: Depth::Every, ..Options::default() }, false);
    let thorough = piece(Options::default(), true);
    let logged = piece(Options { log: Some(Box::new(std::io::sink())), ..Options::default() }, false);
    assert_eq!(plain, watched, "a close watch changes the run");
    assert_eq!(plain, thorough, "a decision that was left out was not the same");
    assert_eq!(plain, logged, "the log changes the run");
    println!("{} events the same with every invariant watched, with every decision taken anew, and logged", plain.1);
}

/// Events a second of CPU time over an hour.
fn hour(scenario: &Scenario, logged: bool) -> f64 {
    let log: Option<Box<dyn std::io::Write + Send>> = if logged { Some(Box::new(std::io::sink())) } else { None };
    let mut world = world(scenario, Options { log, ..Options::default() });
    let (before, began) = (world.crowd().events(), cpu());
    advance(&mut world, scenario, HOUR);
    let took = cpu() - began;
    (world.crowd().events() - before) as f64 / took.as_secs_f64()
}

/// The day, with the memory of the process after its first and its last hour.
fn whole_day(day: &Scenario) -> Duration {
    let began = cpu();
    let mut world = world(day, Options::default());
    let mut memory = Vec::new();
    for hour in 1..=HOURS {
        advance(&mut world, day, Nanos::from_nanos(HOUR.nanos() * hour));
        memory.extend(resident().filter(|_| hour == 1 || hour == HOURS));
    }
    let hash: Digest = world.finish().expect("no invariant is broken");
    let took = cpu() - began;
    let events = world.crowd().events();
    let (secs, rate) = (took.as_secs_f64(), events as f64 / took.as_secs_f64());
    println!(
        "24 hours of 20 markets, {events} events: {secs:.1} s (at most {:.0}, aim {:.0}), {:.2} M events/s, {:.0} times real time",
        DAY_MOST.as_secs_f64(),
        DAY_AIM.as_secs_f64(),
        rate / 1e6,
        24.0 * 3600.0 / secs
    );
    if let [first, last] = memory[..] {
        println!("memory after hour 1: {first:.1} MB, after hour 24: {last:.1} MB");
    }
    println!("hash {hash}");
    took
}

/// The kernel's queue beside the standard heap: the same gaps, five hundred waiting, each taken event queues one.
fn queue() {
    const WAITING: u64 = 500;
    const STEPS: u64 = 3_000_000;
    struct Nobody;
    impl Ties for Nobody {
        fn draw(&self, at: Timestamp, party: Party) -> u64 {
            at.nanos() ^ u64::from(party.0)
        }
    }
    let gaps = Draws::new(1).stream("bench", "gaps");
    let gaps: Vec<u64> =
        (0..4096).map(|k| gaps.below(k, if k % 3 == 0 { 5_000_000_000 } else { 25_000_000 })).collect();
    let gap = |n: u64| gaps[usize::try_from(n % 4096).unwrap_or(0)];
    let mut kernel = Kernel::new(Nobody, SameInstant::CancelsFirst);
    let mut heap = BinaryHeap::new();
    for n in 0..WAITING {
        kernel.push(Timestamp::from_nanos(gap(n)), Class::Timer, Party(0), n);
        heap.push(Reverse((gap(n), Class::Timer, n, n)));
    }
    let (mut ours, mut theirs) = (0u64, 0u64);
    let began = cpu();
    for n in WAITING..STEPS {
        let (key, event) = kernel.pop().expect("as many as before");
        ours = (ours ^ event).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        kernel.push(key.at.plus(Nanos::from_nanos(gap(n))), Class::Timer, Party(0), n);
    }
    let kernel_took = cpu() - began;
    let began = cpu();
    for n in WAITING..STEPS {
        let Reverse((at, _, _, event)) = heap.pop().expect("as many as before");
        theirs = (theirs ^ event).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        heap.push(Reverse((at + gap(n), Class::Timer, n, n)));
    }
    let heap_took = cpu() - began;
    assert_eq!(ours, theirs, "the two queues differ in their order");
    let rate = |took: Duration| (STEPS - WAITING) as f64 / took.as_secs_f64() / 1e6;
    println!(
        "queue alone: {:.1} M events/s, std::collections::BinaryHeap {:.1} M, the same order",
        rate(kernel_took),
        rate(heap_took)
    );
}

/// The day with makers who look more often: the load of a busy evening.
fn lively(day: &Scenario) -> Scenario {
    let mut scenario = day.clone();
    for agent in &mut scenario.agents {
        let faster = |nanos: Nanos| Nanos::from_nanos(nanos.nanos() / LIVELY);
        if let AgentKind::Maker { look_every, .. } = &mut agent.kind {
            *look_every = faster(*look_every);
            if let Some(signal) = &mut agent.signal {
                signal.refresh = faster(signal.refresh);
            }
        }
    }
    scenario
}

fn world(scenario: &Scenario, options: Options) -> World {
    World::new(scenario, start(scenario), options).expect("a sound world")
}

fn start(scenario: &Scenario) -> Timestamp {
    scenario.start_utc
}

fn advance(world: &mut World, scenario: &Scenario, to: Nanos) {
    world.advance(start(scenario).plus(to)).expect("no invariant is broken");
}

fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let secs = u64::try_from(now.tv_sec).expect("time does not run backwards");
    Duration::new(secs, u32::try_from(now.tv_nsec).expect("below a second"))
}

/// Memory of the process in megabytes, where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}
