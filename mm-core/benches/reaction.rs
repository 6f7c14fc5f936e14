//! From news to intents: `cargo bench -p mm-core --bench reaction`.
//!
//! Three figures for each strategy there is: a decision (quote and diff) of one changed market; the way from a read that has
//! returned to intent bytes that the kernel has taken, with the WebSocket's framing and without the journal, which is written
//! after; a burst of a thousand frames over fifty markets as one turn. Time is CPU time of the thread: what else runs on the
//! machine does not count. The venue answers between the measurements.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures: nobody else is there to do it")]

mod stage;

use mm_core::event::{Action, Turn};
use mm_core::io::uds;
use mm_core::journal::Recorder;
use mm_core::protocol::ToExecutor;
use stage::{Change, Feed, Stage};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

/// What is promised: the median of a decision; median and p99 of a reaction; a whole burst.
const DECISION: Duration = Duration::from_nanos(500);
const REACTION: [Duration; 2] = [Duration::from_micros(5), Duration::from_micros(25)];
const BURST: Duration = Duration::from_millis(2);

const STRATEGIES: [&str; 3] = ["fixed", "reward", "avellaneda-stoikov"];
const BURST_MARKETS: u16 = 50;
const BURST_FRAMES: usize = 1000;

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it starts
    let rounds = if std::env::args().any(|arg| arg == "--test") { 3 } else { 2000 };
    let mut held = true;
    for strategy in STRATEGIES {
        let Some(stage) = Stage::new(strategy, 1) else {
            println!("{strategy}: not a strategy of this version");
            continue;
        };
        println!("{strategy}:");
        held &= decision(stage, rounds);
        held &= Stage::new(strategy, 1).is_some_and(|stage| reaction(stage, rounds));
        held &= Stage::new(strategy, BURST_MARKETS).is_some_and(|stage| burst(stage, rounds.min(50)));
    }
    // a few rounds say nothing about speed
    if held || rounds < 50 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let secs = u64::try_from(now.tv_sec).expect("time does not run backwards");
    Duration::new(secs, u32::try_from(now.tv_nsec).expect("below a second"))
}

/// What asking for that time costs, which is a system call and lies within what is measured by asking twice.
fn clock() -> Duration {
    let mut times: Vec<Duration> = (0..1000).map(|_| cpu()).map(|begin| cpu() - begin).collect();
    percentile(&mut times, 50)
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

/// Turns with a change in sight, less turns with one out of sight, which is applied and decides nothing. In sight the size of the best bid
/// changes, or a level at the edge of the band goes or comes. Sixteen at a time: the clock itself costs as much as one.
fn decision(mut stage: Stage, rounds: usize) -> bool {
    const BATCH: usize = 16;
    let mut actions = Vec::new();
    let kinds = [Change::Size, Change::Level, Change::OutOfSight];
    let mut times = kinds.map(|_| Vec::new());
    for round in 0..rounds {
        for (kind, times) in kinds.into_iter().zip(&mut times) {
            let turns: Vec<Turn> = (0..BATCH).map(|n| stage.small_change(kind, round * BATCH + n)).collect();
            let left_out = stage.engine.decisions_left_out();
            let begin = cpu();
            for turn in &turns {
                stage.engine.turn(turn, &mut actions);
            }
            times.push((cpu() - begin) / 16);
            // books are fetched now and then, and nobody answers that here
            actions.retain(|action| !matches!(action, Action::FetchBook { .. }));
            assert!(actions.is_empty(), "nothing is to be done: {actions:?}");
            let stood = stage.engine.decisions_left_out() - left_out;
            assert_eq!(stood, if kind == Change::OutOfSight { 16 } else { 0 }, "decisions that stood");
        }
    }
    let [size, level, stood] = times.map(|mut times| (percentile(&mut times, 50), percentile(&mut times, 99)));
    let took = size.0.saturating_sub(stood.0);
    println!(
        "  decision (quote and diff)   median {took:?} (promise {DECISION:?}) where a size changes, {:?} where a level goes or comes; turns \
         with them {:?} and {:?}, p99 {:?} and {:?}, without {:?}, p99 {:?}",
        level.0.saturating_sub(stood.0),
        size.0,
        level.0,
        size.1,
        level.1,
        stood.0,
        stood.1
    );
    took <= DECISION
}

fn intents(turn: &Turn, actions: &[Action], out: &mut Vec<u8>) {
    for action in actions {
        let message = match *action {
            Action::Place { id, order } => ToExecutor::Place { id, at: turn.at, order },
            Action::Cancel { id } => ToExecutor::Cancel { id },
            Action::CancelAll { market } => ToExecutor::CancelAll { market },
            _ => continue,
        };
        uds::encode_message(&message, out).expect("a short message");
    }
}

/// A frame that moves the market, from the bytes a read has brought to the write of the intents.
fn reaction(mut stage: Stage, rounds: usize) -> bool {
    let (mut ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut feed = Feed::new();
    let mut recorder = Recorder::new();
    let (mut actions, mut bytes, mut lines) = (Vec::new(), Vec::new(), String::new());
    let (mut times, mut after, mut count) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        stage.rest(round);
        let text = stage.shift(0, round);
        feed.arrives(&text);
        let (seq, at) = stage.next_turn();
        actions.clear();
        bytes.clear();
        lines.clear();
        let begin = cpu();
        let turn = Turn { seq, at, inputs: vec![feed.read(at)] };
        stage.engine.turn(&turn, &mut actions);
        intents(&turn, &actions, &mut bytes);
        ours.write_all(&bytes).expect("room in the socket");
        let gone = cpu();
        recorder.turn(&turn, &mut lines);
        recorder.did(seq, &actions, &stage.engine, &mut lines);
        after.push(cpu() - gone);
        assert!(!bytes.is_empty(), "a market that moved is answered: {:?}", stage.engine.snapshot().markets.first());
        times.push(gone - begin);
        count += actions.len();
        let mut taken = vec![0; bytes.len()];
        theirs.read_exact(&mut taken).expect("what was written");
        stage.settle(&actions);
    }
    let clock = clock();
    let [p50, p99] = [50, 99].map(|percent| percentile(&mut times, percent).saturating_sub(clock));
    println!(
        "  read to intents written     median {p50:?}, p99 {p99:?} (promise {:?}, {:?}), less {clock:?} of the clock's own, {:.1} intents; the \
         journal's lines after it {:?}",
        REACTION[0],
        REACTION[1],
        count as f64 / rounds as f64,
        percentile(&mut after, 50).saturating_sub(clock)
    );
    p50 <= REACTION[0] && p99 <= REACTION[1]
}

/// A thousand frames that came at once: one turn.
fn burst(mut stage: Stage, rounds: usize) -> bool {
    let (mut ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut feed = Feed::new();
    let (mut actions, mut bytes) = (Vec::new(), Vec::new());
    let (mut times, mut most, mut count) = (Vec::new(), 0, 0);
    for round in 0..rounds {
        let frames: Vec<String> = (0..BURST_FRAMES)
            .map(|n| {
                let market = u16::try_from(n % usize::from(BURST_MARKETS)).expect("below fifty");
                // the market moves to and fro and ends elsewhere
                stage.shift(market, n / usize::from(BURST_MARKETS) + round + 1)
            })
            .collect();
        frames.iter().for_each(|text| feed.arrives(text));
        let (seq, at) = stage.next_turn();
        actions.clear();
        bytes.clear();
        let begin = cpu();
        let inputs = frames.iter().map(|_| feed.read(at)).collect();
        let turn = Turn { seq, at, inputs };
        stage.engine.turn(&turn, &mut actions);
        intents(&turn, &actions, &mut bytes);
        ours.write_all(&bytes).expect("room in the socket");
        times.push(cpu() - begin);
        let mut taken = vec![0; bytes.len()];
        theirs.read_exact(&mut taken).expect("what was written");
        let mut each: BTreeMap<_, usize> = BTreeMap::new();
        for action in &actions {
            if let Action::Cancel { id } = action {
                *each.entry(stage.market_of(*id)).or_default() += 1;
            }
        }
        most = most.max(each.values().copied().max().unwrap_or(0));
        count += actions.len();
        stage.settle(&actions);
    }
    let p99 = percentile(&mut times, 99);
    println!(
        "  {BURST_FRAMES} frames, {BURST_MARKETS} markets    median {:?}, p99 {p99:?} from the first read to the last intent (promise {BURST:?} after the \
         last frame), {:.1} intents, at most {most} cancels a market",
        percentile(&mut times, 50),
        count as f64 / rounds as f64
    );
    p99 <= BURST && most <= 2
}
