//! M1: the same run from two builds, one with the optimiser's and one with the debugger's settings.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::shell;
use mm_core::domain::Nanos;
use sim_exchange::scenario::Scenario;
use sim_exchange::world::{self, Options};
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "world-same-run-debug-and-release",
    milestone: 1,
    claim: "A world with the bot in it ends with the same hash in a debug build and in a release build.",
    quick: false,
    min_cases: 10_000,
    run: |bench| same_run(bench, 0),
    sabotage_claim: "the other build has another seed",
    sabotage: Some(|bench| same_run(bench, 1)),
}];

/// The build this process is not, and how cargo is told.
const OTHER: (&str, &[&str]) = if cfg!(debug_assertions) { ("release", &["--release"]) } else { ("debug", &[]) };
const WORLD: &str = "config/sim/busy.toml";

fn same_run(bench: &Bench, other_seed: u64) -> Verdict {
    match attempt(bench, other_seed) {
        Ok((evidence, true)) => Verdict::Proved(evidence),
        Ok((evidence, false)) => Verdict::Refuted(evidence),
        Err(why) => Verdict::NotRun(why),
    }
}

fn attempt(bench: &Bench, other_seed: u64) -> Result<(Evidence, bool), String> {
    let mut scenario = Scenario::load(&bench.root.join(WORLD)).map_err(|why| why.to_string())?;
    scenario.seed = bench.seed;
    let seconds = bench.depth.pick(300, 300, 3600);
    scenario.duration = Nanos::from_secs(seconds);
    let (summary, ours) = world::one(&scenario, Options::default()).map_err(|why| why.to_string())?;
    let (name, profile) = OTHER;
    let seed = bench.seed.wrapping_add(other_seed).to_string();
    let duration = seconds.to_string();
    let mut args = vec!["run", "--quiet"];
    args.extend(profile);
    args.extend(["-p", "sim-exchange", "--bin", "sim-exchange", "--", "run", WORLD]);
    args.extend(["--seed", &seed, "--duration-s", &duration]);
    // on a bare machine every dependency is compiled for this
    let output = shell::run(&mut shell::cargo(&bench.root, &args), Duration::from_secs(2400))?;
    let told = output.text.lines().find_map(|line| line.strip_prefix("hash ")).map(str::to_owned);
    let theirs = told.ok_or_else(|| format!("the {name} build told no hash: {}", output.text))?;
    let mut evidence = Evidence { cases: 2 * summary.events, ..Evidence::default() };
    evidence.fact("hash of this build", ours);
    evidence.fact(&format!("hash of the {name} build"), &theirs);
    Ok((evidence, ours.to_string() == theirs))
}
