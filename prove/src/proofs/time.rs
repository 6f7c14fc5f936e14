//! M5: the machine's clock is somebody else's to set.

use crate::proof::{Evidence, Proof, Verdict};
use executor::desk::Op;
use executor::reasons::Author;
use executor::rehearsal::{OnGeo, Rehearsal, START, order, policy, setup};
use mm_core::domain::{Nanos, Outcome, Side, Timestamp};
use mm_core::io::clock::{Clock, Reading};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "clock-set-back-changes-nothing",
    milestone: 5,
    claim: "The machine's clock is set back or ahead while orders rest: whatever goes wrong then is noticed and cancelled to the \
            millisecond when it would have been.",
    quick: true,
    min_cases: 18,
    run: |_| setting_changes_nothing(&COUNTED),
    sabotage_claim: "a clock that follows the machine's and only refuses to go back",
    sabotage: Some(|_| setting_changes_nothing(&CLAMPED)),
}];

/// When the clock is set: orders rest by then.
const SET_AT: Timestamp = START.plus(Nanos::from_ms(4000));
/// By how much, and in which direction.
const SETS: [(Nanos, bool); 6] = [
    (Nanos::from_secs(2), false),
    (Nanos::from_secs(60), false),
    (Nanos::from_secs(600), false),
    (Nanos::from_secs(86_400), false),
    (Nanos::from_secs(10), true),
    (Nanos::from_secs(86_400), true),
];

/// What a clock shows at a moment when the machine's was set: one for each of [`SETS`].
type Shown = [fn(Timestamp) -> Timestamp; 6];

const COUNTED: Shown = [counted::<0>, counted::<1>, counted::<2>, counted::<3>, counted::<4>, counted::<5>];
const CLAMPED: Shown = [clamped::<0>, clamped::<1>, clamped::<2>, clamped::<3>, clamped::<4>, clamped::<5>];

/// What the machine's clocks say at a moment: its time of day is set at [`SET_AT`].
fn reading<const N: usize>(at: Timestamp) -> Reading {
    let (by, ahead) = SETS[N];
    let wall = match (at < SET_AT, ahead) {
        (true, _) => at,
        (false, true) => at.plus(by),
        (false, false) => at.minus(by),
    };
    let running = at.since(START);
    Reading { wall: wall.since(Timestamp::EPOCH), running, awake: running }
}

/// The house's clock.
fn counted<const N: usize>(at: Timestamp) -> Timestamp {
    Clock::since(reading::<N>(START)).at(reading::<N>(at))
}

/// The sabotage: the time of day, never before an earlier answer.
fn clamped<const N: usize>(at: Timestamp) -> Timestamp {
    let wall = Timestamp::EPOCH.plus(reading::<N>(at).wall);
    if at < SET_AT { wall } else { wall.max(SET_AT) }
}

/// What goes wrong right after the clock was set.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    CoreDies,
    GeoblockFallsSilent,
    OperatorHalts,
}

/// When nothing rested any more and was known not to, and what was told on the way.
fn played(trouble: Trouble, clock: Option<fn(Timestamp) -> Timestamp>) -> (bool, String) {
    let mut stage = Rehearsal::new(setup(policy(2), false));
    stage.clock = clock;
    stage.connect(1, 2);
    stage.run_ms(2000);
    stage.arm();
    stage.run_ms(500);
    for (id, market) in [(1, 0), (2, 1)] {
        stage.place(id, order(market, Outcome::Yes, Side::Buy, 40, 10));
    }
    stage.run_ms(SET_AT.since(stage.at).ms());
    let rested = stage.resting();
    match trouble {
        Trouble::CoreDies => stage.alive = false,
        Trouble::GeoblockFallsSilent => stage.venue.on_geo = OnGeo::Silent,
        Trouble::OperatorHalts => stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() }),
    }
    let mut flat_at = None;
    // a clear geoblock answer lives for three minutes
    for ms in 0..200_000u32 {
        if stage.resting() == 0 && stage.desk.status().flat {
            flat_at = Some(ms);
            break;
        }
        stage.run_ms(1);
    }
    let told = format!("flat after {flat_at:?} ms, {} posts, alerts {:?}", stage.venue.posts.len(), stage.alerts);
    (rested == 2 && flat_at.is_some(), told)
}

fn setting_changes_nothing(clocks: &Shown) -> Verdict {
    let mut evidence = Evidence::default();
    let mut holds = true;
    for trouble in [Trouble::CoreDies, Trouble::GeoblockFallsSilent, Trouble::OperatorHalts] {
        let (flat, unset) = played(trouble, None);
        holds &= flat;
        for ((by, ahead), clock) in SETS.iter().zip(clocks) {
            let (_, set) = played(trouble, Some(*clock));
            evidence.cases += 1;
            if set != unset {
                holds = false;
                let to = if *ahead { "ahead" } else { "back" };
                evidence.fact(&format!("{trouble:?}, set {to} by {} s", by.nanos() / 1_000_000_000), set);
            }
        }
        evidence.fact(&format!("{trouble:?}, not set"), unset);
    }
    if holds { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}
