//! M5: the policy model (executor.md 2.7). The fold over the ledger's rows and the decision, as they run in production, against
//! everything that can happen to a few small orders: every state is visited, and judged by plain sums over what is true at the venue.

mod house;
mod state;
mod truth;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::verdict;
use house::{RULES, Wrong, looser, policies};
use state::{Scope, State};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "policy-model-is-exhausted",
    milestone: 5,
    claim: "Two tokens, two prices, sizes of one and two, a few intents; every answer and every lost one, landings that come late, trades \
            in parts and heard of late, cancels, restarts, tighter policies, midnights and clocks set wrong: in no reachable state \
            is a limit passed by what is true, a reservation released without proof or a day begun early; and of every rule and \
            every step, one done wrong is found.",
    quick: true,
    min_cases: 100_000,
    run: |bench| exhaust(bench, false),
    sabotage_claim: "an order counts as ended when a cancel of it is acknowledged",
    sabotage: Some(|bench| exhaust(bench, true)),
}];

/// What a search found.
struct Found {
    states: u64,
    steps: BTreeMap<&'static str, u64>,
    broken: Option<String>,
}

/// Most states of one search; more is a mistake in the model.
const STATES_MAX: u64 = 30_000_000;

fn key(state: &State) -> (u64, u64) {
    let of = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        state.hash(&mut hasher);
        hasher.finish()
    };
    (of(1), of(2))
}

/// Visits every state within the scope, until one is broken or none is left.
fn search(scope: Scope) -> Found {
    let [first, tighter] = policies();
    let reloads = [tighter, looser()];
    let start = State::first(first.clone(), scope.mishaps);
    let mut found = Found { states: 1, steps: BTreeMap::new(), broken: None };
    let mut seen = BTreeSet::from([key(&start)]);
    let mut queue = VecDeque::from([(key(&start).0, start)]);
    while let Some((hash, state)) = queue.pop_front() {
        // What no state may approve is asked in one of sixteen.
        if found.states < 16 || hash.is_multiple_of(16) {
            found.broken = state.wrongly_approved(&first, scope.wrong);
        }
        state.each_next(scope, &reloads, |step, next| {
            *found.steps.entry(step).or_default() += 1;
            if found.broken.is_none() {
                found.broken = next.broken(&first, Some((step, &state))).map(|why| format!("{why} after {step}"));
            }
            let key = key(&next);
            if seen.insert(key) {
                found.states += 1;
                queue.push_back((key.0, next));
            }
        });
        if found.states > STATES_MAX {
            found.broken = Some("the model has no end".to_owned());
        }
        if found.broken.is_some() {
            break;
        }
    }
    found
}

fn exhaust(bench: &mut Bench, released_at_ack: bool) -> Verdict {
    let wrong = released_at_ack.then_some(Wrong::ReleasesAtAck);
    let mut evidence = Evidence::default();
    let scopes: &[(usize, u8)] = match bench.depth.pick(0, 1, 2) {
        0 => &[(2, 1)],
        1 => &[(2, 1), (3, 0)],
        _ => &[(2, 3), (3, 1)],
    };
    let mut holds = true;
    for &(intents, mishaps) in scopes {
        let found = search(Scope { intents, mishaps, wrong });
        evidence.cases += found.states;
        let steps: u64 = found.steps.values().sum();
        let ended = found.broken.clone().unwrap_or_else(|| "none left".to_owned());
        evidence.fact(
            &format!("states with {intents} intents and {mishaps} mishaps"),
            format!("{} over {steps} steps, {ended}", found.states),
        );
        holds &= found.broken.is_none();
        if found.broken.is_none() && mishaps > 0 {
            let missing = STEPS.iter().find(|step| !found.steps.contains_key(**step));
            holds &= missing.is_none();
            if let Some(step) = missing {
                evidence.fact("never taken", step);
            }
        }
    }
    if wrong.is_none() {
        let wrongs = WRONGS.iter().copied().chain(RULES.into_iter().map(Wrong::Heeds));
        let mut caught = Vec::new();
        for wrong in wrongs {
            let tries = [(2, 1), (3, 0)].into_iter();
            let mut found = tries.map(|(intents, mishaps)| search(Scope { intents, mishaps, wrong: Some(wrong) }));
            let first = found.find_map(|found| Some((found.broken?, found.states)));
            holds &= first.is_some();
            let (why, states) = first.unwrap_or_else(|| ("NOT FOUND".to_owned(), 0));
            caught.push(format!("{wrong:?}: {why} ({states} states)"));
        }
        evidence.fact("done wrong and found", caught.len());
        for line in caught {
            evidence.fact("wrong", line);
        }
    }
    verdict(evidence, holds)
}

const WRONGS: [Wrong; 7] = [
    Wrong::ReleasesAtAck,
    Wrong::ForgetsUnknown,
    Wrong::TakesANoForKeptIn,
    Wrong::RollsByOwnClock,
    Wrong::LosesInFlight,
    Wrong::SettlesAtMatch,
    Wrong::TakesAnyPolicy,
];

/// Steps that every search with a mishap must have taken.
const STEPS: [&str; 19] = [
    "accept",
    "answer lost",
    "cancel",
    "clock right",
    "clock wrong",
    "crash",
    "end is heard of",
    "failed",
    "found resting",
    "given up",
    "kept in",
    "late landing",
    "midnight",
    "place",
    "reject",
    "reload",
    "settled",
    "trade",
    "trade is heard of",
];
