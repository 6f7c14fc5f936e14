//! M2: the journal explains a run completely, and notices when it was touched.

use crate::noise::{Draws, STRICT, World};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::journal::{ReplayReport, replay};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "replay-is-identical",
        milestone: 2,
        claim: "The recorded turns of a noisy hour, fed to a fresh engine, give the same actions and the same state digests.",
        quick: true,
        min_cases: 5_000,
        run: |bench| identical(bench, |journal| journal),
        sabotage_claim: "one placement in the journal at another price",
        sabotage: Some(|bench| {
            identical(bench, |journal| {
                let at = journal.rfind("\"price\":").expect("something was placed") + "\"price\":".len();
                let digit = if journal.as_bytes()[at] == b'9' { "8" } else { "9" };
                format!("{}{digit}{}", &journal[..at], &journal[at + 1..])
            })
        }),
    },
    Proof {
        id: "replay-names-a-changed-price",
        milestone: 2,
        claim: "One changed digit of one price of one recorded frame is named: the first turn or check that differs.",
        quick: true,
        min_cases: 20,
        run: |bench| changes_are_named(bench, true),
        sabotage_claim: "the digit is replaced by itself",
        sabotage: Some(|bench| changes_are_named(bench, false)),
    },
];

/// A recorded stretch of noise.
fn record(bench: &Bench, minutes: u64) -> Result<World, String> {
    let mut world = World::new(bench.seed, STRICT);
    let end = world.now() + minutes * 60_000;
    while world.now() < end {
        world.step(&mut |_| Ok(()))?;
    }
    world.close();
    Ok(world)
}

fn identical(bench: &Bench, touch: fn(String) -> String) -> Verdict {
    let mut evidence = Evidence::default();
    let world = match record(bench, 60) {
        Ok(world) => world,
        Err(why) => {
            evidence.fact("failed", why);
            return Verdict::Refuted(evidence);
        }
    };
    evidence.cases = world.turns;
    let recorded = world.engine.digest();
    let journal = touch(world.journal);
    match replay(journal.lines(), world.config, Vec::new(), None) {
        Ok(ReplayReport::Identical { turns, digest, unchecked: 0, torn: None })
            if turns == world.turns && digest == recorded =>
        {
            evidence.fact("turns", turns);
            evidence.fact("digest", digest);
            Verdict::Proved(evidence)
        }
        other => {
            evidence.fact("found", first_words(&other));
            Verdict::Refuted(evidence)
        }
    }
}

fn changes_are_named(bench: &Bench, really: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let world = match record(bench, 2) {
        Ok(world) => world,
        Err(why) => {
            evidence.fact("failed", why);
            return Verdict::Refuted(evidence);
        }
    };
    // Prices inside recorded frames: their quotes are escaped in the journal.
    const PRICE: &str = "\\\"price\\\":\\\"0.";
    let places: Vec<usize> = world.journal.match_indices(PRICE).map(|(at, _)| at + PRICE.len()).collect();
    let mut draws = Draws(bench.seed);
    for _ in 0..bench.depth.pick(20, 40, 400) {
        let pick = usize::try_from(draws.below(places.len() as u64)).expect("an index");
        let at = places[pick];
        let was = world.journal.as_bytes()[at];
        let digit = if really { char::from(if was == b'9' { b'1' } else { was + 1 }) } else { char::from(was) };
        let changed = format!("{}{digit}{}", &world.journal[..at], &world.journal[at + 1..]);
        let turn = 1 + world.journal[..at].matches("{\"did\"").count() as u64;
        evidence.cases += 1;
        let named = match replay(changed.lines(), world.config.clone(), Vec::new(), None) {
            Ok(ReplayReport::FirstDifference { seq, .. } | ReplayReport::CheckDiffers { seq, .. }) => seq >= turn,
            Ok(ReplayReport::Identical { .. }) | Err(_) => false,
        };
        if !named {
            evidence.fact("not named", format!("a price in turn {turn}"));
            return Verdict::Refuted(evidence);
        }
    }
    evidence.fact("turns", world.turns);
    Verdict::Proved(evidence)
}

/// The beginning of a long answer.
fn first_words(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take(300).collect()
}
