//! M5: hostile frames by the million, over the real decoder, session and desk.

mod frames;
mod json;
mod plain;
mod world;

use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use world::{Planted, flood};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "hostile-frames-have-no-effect",
    milestone: 5,
    claim: "Whatever bytes arrive on the sockets, in whatever pieces: no panic, no buffer beyond the limit, and no row with an order and \
            no POST but for an intent that a second, plain reading finds valid, allowed and in sequence.",
    quick: true,
    min_cases: 20_000,
    run: hostile_frames,
    sabotage_claim: "of a field that comes twice the last counts",
    sabotage: Some(|bench| judge(bench, Planted::FieldTwice)),
}];

fn hostile_frames(bench: &mut Bench) -> Verdict {
    match judge(bench, Planted::Nothing) {
        Verdict::Proved(mut evidence) => {
            // What the flood would find.
            for planted in Planted::ALL {
                let found = flood(bench.seed, PLANT_BUDGET, planted);
                let name = format!("planted: {planted:?}");
                let Some(wrong) = found.wrong.first() else {
                    evidence.fact(&name, format!("NOT found in {PLANT_BUDGET} frames"));
                    return Verdict::Refuted(evidence);
                };
                let what: String = wrong.chars().take(120).collect();
                evidence.fact(&name, format!("found after {} frames: {what}", found.frames));
            }
            Verdict::Proved(evidence)
        }
        other => other,
    }
}

/// Frames in which a planted bug must be found.
const PLANT_BUDGET: u64 = 100_000;

fn judge(bench: &Bench, planted: Planted) -> Verdict {
    let frames = bench.depth.pick(20_000, 200_000, 5_000_000);
    // As in an operating system's report: the most memory this process has had since it was told to forget.
    let before = forget_peak().ok();
    let found = flood(bench.seed, frames, planted);
    let grown = before.and_then(|before| Some(peak()?.saturating_sub(before)));
    let mut evidence = Evidence { cases: found.frames, ..Evidence::default() };
    for wrong in found.wrong.iter().take(5) {
        evidence.fact("wrong", wrong);
    }
    evidence.fact("frames that reached a desk", found.heard);
    evidence.fact("orders rightly taken", found.taken);
    evidence.fact("orders that reached the venue", found.posts);
    evidence
        .fact("answers rightly repeated, conflicts rightly told", format!("{}, {}", found.repeated, found.conflicts));
    evidence.fact("connections ended", found.ended);
    evidence.fact("words on the other sockets", found.words);
    evidence.fact("most bytes a decoder set aside", found.buffer);
    for (class, frames) in frames::CLASSES.iter().zip(found.classes) {
        evidence.fact(class, frames);
    }
    // Every desk is dropped before the next: what is left of memory's growth is what one needs at once.
    let bounded = grown.is_none_or(|grown| grown < MEMORY_MAX);
    evidence.fact("process memory stayed within its bound", bounded);
    let vacuous = planted == Planted::Nothing
        && (found.taken == 0
            || found.posts == 0
            || found.repeated == 0
            || found.conflicts == 0
            || found.classes.contains(&0));
    let holds = found.wrong.is_empty() && bounded && !vacuous && (bench.depth != Depth::Full || found.frames >= frames);
    if holds { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

/// Bytes by which the process may grow during a flood: one desk with its rows, and a few of the largest frames.
const MEMORY_MAX: u64 = 256 << 20;

/// Starts the peak anew; bytes in use now.
fn forget_peak() -> std::io::Result<u64> {
    std::fs::write("/proc/self/clear_refs", "5")?;
    peak().ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

/// Most bytes this process has had resident.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}
