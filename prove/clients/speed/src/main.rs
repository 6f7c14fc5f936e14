//! Parse and apply of market-channel frames: ours beside the official SDK's client path and beside `sonic-rs`, in one process on
//! the same frames.
//!
//! Signing of orders beside the SDK's likewise ([`sign`]).
//!
//! usage: speed [RECORDING.jsonl.zst] [ours | turns | sign]   (default: the recording that ships with the simulator; `ours` and
//! `turns` run nothing but our checked road, or our engine's turns: for a profiler; `sign` nothing but the signing)
//!
//! Time is CPU time of the thread, rounds are interleaved, every round is shown, and every round's final books must be the same
//! level by level. Exit code 1 if they are not, if a promise is missed, or if a `price_change` frame allocates after warm-up.

mod ours;
mod sdk;
mod sign;
mod sonic;
mod stream;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use stream::Stream;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 7;
/// The promises, and where to go next: how many times as fast as the SDK's client path, and as `sonic-rs`.
const LEAST: [f64; 2] = [15.0, 3.0];
const AIM: [f64; 2] = [25.0, 4.0];
/// Frames before the allocations of a `price_change` frame are counted: rings and buffers have their size by then.
const WARM_UP: f64 = 0.5;

/// Final books by token, as the venue shows them: size in millionths by side (bids first) and price in ten-thousandths.
type Books = Vec<BTreeMap<(bool, u16), u64>>;

/// Somebody who reads frames and keeps books.
trait Peer {
    const NAME: &'static str;
    fn new(stream: &Stream) -> Self;
    fn frame(&mut self, nth: usize, at_ms: u64, text: &str);
    /// Final books, and remarks on what the checks found.
    fn end(&self, stream: &Stream) -> (Books, String);
}

struct Run {
    took: Duration,
    /// Allocations in a `price_change` frame, after warm-up.
    allocations: f64,
    books: Books,
    remarks: String,
}

fn run<P: Peer>(stream: &Stream) -> Run {
    let mut peer = P::new(stream);
    let begin = cpu();
    for (nth, frame) in stream.frames.iter().enumerate() {
        peer.frame(nth, frame.at_ms, &frame.text);
    }
    let took = cpu() - begin;
    let (books, remarks) = peer.end(stream);
    Run { took, allocations: allocations::<P>(stream), books, remarks }
}

/// A pass of its own, so that counting costs the timed one nothing.
fn allocations<P: Peer>(stream: &Stream) -> f64 {
    let mut peer = P::new(stream);
    let warm = (stream.frames.len() as f64 * WARM_UP) as usize;
    let (mut frames, mut count) = (0usize, 0usize);
    for (nth, frame) in stream.frames.iter().enumerate().take(warm + 10_000) {
        let region = Region::new(ALLOCATOR);
        peer.frame(nth, frame.at_ms, &frame.text);
        if nth >= warm && frame.is_change {
            let change = region.change();
            count += change.allocations + change.reallocations;
            frames += 1;
        }
    }
    count as f64 / frames.max(1) as f64
}

/// CPU time of this thread: what else runs on the machine does not count.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn main() -> ExitCode {
    let default = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../sim-exchange/testdata/tape/nhl-20260607.jsonl.zst"
    ));
    let words = ["ours", "turns", "sign"];
    if std::env::args().any(|arg| arg == "sign") {
        return if sign::compare() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let path = std::env::args_os().skip(1).find(|arg| words.iter().all(|word| arg != word)).map_or(default, PathBuf::from);
    let recorded = match Stream::recorded(&path) {
        Ok(stream) => stream,
        Err(why) => {
            println!("{}: {why}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let alone = ["ours", "turns"].map(|word| std::env::args().any(|arg| arg == word));
    if alone != [false; 2] {
        for stream in [Stream::generated(7, 200_000), recorded] {
            for _ in 0..2 * ROUNDS {
                let run = if alone[0] { run::<ours::Checked>(&stream) } else { run::<ours::Whole>(&stream) };
                let each = run.took / u32::try_from(stream.frames.len()).unwrap_or(u32::MAX);
                println!("{}: {each:?} a frame, {:.2} allocations", stream.name, run.allocations);
            }
        }
        return ExitCode::SUCCESS;
    }
    let held = [Stream::generated(7, 200_000), recorded].map(|stream| compare(&stream));
    if sign::compare() && held == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All rounds over one stream; whether everything promised held.
fn compare(stream: &Stream) -> bool {
    println!("{}", stream.words());
    let names = [ours::Checked::NAME, ours::Whole::NAME, sonic::Sonic::NAME, sonic::SonicBook::NAME, sdk::Sdk::NAME];
    let mut times: [Vec<f64>; 5] = Default::default();
    let mut last = None;
    let mut held = true;
    for round in 1..=ROUNDS {
        let runs = [
            run::<ours::Checked>(stream),
            run::<ours::Whole>(stream),
            run::<sonic::Sonic>(stream),
            run::<sonic::SonicBook>(stream),
            run::<sdk::Sdk>(stream),
        ];
        let ns = |run: &Run| run.took.as_nanos() as f64 / stream.frames.len() as f64;
        let line: Vec<String> = runs.iter().map(|run| format!("{:>6.0}", ns(run))).collect();
        println!("  round {round}: {} ns a frame", line.join(" "));
        for (run, times) in runs.iter().zip(&mut times) {
            times.push(ns(run));
        }
        for (run, name) in runs.iter().zip(names).skip(1) {
            if run.books != runs[0].books {
                println!("  {name} ends with other books");
                held = false;
            }
        }
        last = Some(runs);
    }
    let Some(runs) = last else { return false };
    let levels: usize = runs[0].books.iter().map(BTreeMap::len).sum();
    println!("  medians of {ROUNDS} interleaved rounds; the final books of all are equal: {held}, {levels} levels");
    let medians = times.map(|mut rounds| median(&mut rounds));
    for ((name, ns), run) in names.iter().zip(medians).zip(&runs) {
        println!(
            "  {name:<34} {ns:>6.0} ns {:>6.2} M frames/s {:>6.1} × SDK, {:.4} allocations a change{}",
            1e3 / ns,
            medians[4] / ns,
            run.allocations,
            run.remarks
        );
    }
    for (name, peer, least, aim) in [("SDK", 4, LEAST[0], AIM[0]), ("sonic-rs", 2, LEAST[1], AIM[1])] {
        let ratio = medians[peer] / medians[0];
        println!("  {ratio:.1} times {name} (promise {least}, aim {aim})");
        held &= ratio >= least;
    }
    held && runs[0].allocations == 0.0
}
