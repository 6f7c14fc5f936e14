//! M5: who may call the venue when there are too few calls for all.

mod address;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use executor::desk::Op;
use executor::rehearsal::{Rehearsal, order, policy_with, setup, standard_limits, wide_policy};
use mm_core::domain::{Outcome, Side, Timestamp};
use mm_core::protocol::{FromExecutor, Gate, Shut};
use std::collections::BTreeSet;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "cancels-are-never-starved",
        milestone: 5,
        claim: "Under a flood of places and cancels at ten times the signer's budget every cancel-all leaves in the turn it is wanted in, \
                the dead-man switch is fed, places stay within their share, and a market that asks now and then gets most of its orders \
                out.",
        quick: true,
        min_cases: 20,
        run: |bench| starved(bench, false),
        sabotage_claim: "one bucket for all calls",
        sabotage: Some(|bench| starved(bench, true)),
    },
    address::PROOF,
];

/// Ten times the 24 places a second of the lowest tier's share, in ticks of 25 ms.
const TICK_MS: u64 = 25;
const PLACES_A_TICK: u64 = 6;
/// A quiet market asks every this many ticks.
const QUIET_EVERY: u64 = 10;
/// Places of any second: 60 % of 40, and of the burst of 60.
const SECOND_MAX: usize = 24 + 36;

fn starved(bench: &mut Bench, one_bucket: bool) -> Verdict {
    let mut stage = Rehearsal::armed(setup(policy_with(*wide_policy().caps(), 2), false), 2);
    (stage.limits, stage.one_bucket) = (standard_limits(), one_bucket);
    // how it was armed is another story
    stage.told.clear();
    let rounds = bench.depth.pick(20, 60, 2000);
    let (mut next, mut late, mut beats_lost, mut asked, mut got) = (1, 0, 0, 0, 0);
    let mut quiet = BTreeSet::new();
    let mut most = 0;
    for round in 0..rounds {
        for tick in 0..40 + round % 7 {
            for _ in 0..PLACES_A_TICK {
                stage.place(next, order(0, Outcome::Yes, Side::Buy, 40, 10));
                next += 1;
            }
            if tick % QUIET_EVERY == 0 {
                stage.place(next, order(1, Outcome::Yes, Side::Buy, 40, 10));
                quiet.insert(next);
                next += 1;
                asked += 1;
            }
            stage.run_ms(TICK_MS);
            for message in std::mem::take(&mut stage.told) {
                match message {
                    FromExecutor::Accepted { id, .. } => {
                        got += u64::from(quiet.contains(&id.0));
                        stage.cancel(id.0);
                    }
                    FromExecutor::Gate(Gate::Shut(Shut::HeartbeatLost)) => beats_lost += 1,
                    _ => {}
                }
            }
        }
        most = most.max(busiest_second(&stage));
        stage.venue.posts.clear();
        let before = stage.venue.cancel_alls;
        stage.operate(Op::CancelAll);
        stage.run_ms(1);
        late += u64::from(stage.venue.cancel_alls == before);
        for _ in 0..100 {
            stage.run_ms(100);
            if stage.is_open() {
                break;
            }
        }
    }
    let mut evidence = Evidence { cases: rounds, ..Evidence::default() };
    evidence.fact("cancel-alls that did not leave at once", late);
    evidence.fact("times the heartbeat was lost", beats_lost);
    evidence.fact("places of the busiest second", format!("{most} of {SECOND_MAX}"));
    evidence.fact("orders of the quiet market: asked, placed", format!("{asked}, {got}"));
    evidence.fact("orders of the loud market: asked", next - 1 - asked);
    let held = late == 0 && beats_lost == 0 && most <= SECOND_MAX && got * 2 >= asked;
    if held { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

fn busiest_second(stage: &Rehearsal) -> usize {
    let posts: Vec<Timestamp> = stage.venue.posts.iter().map(|(at, _)| *at).collect();
    let within =
        |(n, at): (usize, &Timestamp)| posts[n..].iter().take_while(|other| other.since(*at).ms() < 1000).count();
    posts.iter().enumerate().map(within).max().unwrap_or(0)
}
