//! M5: what arms and what does not, and what happens to two that are armed with one key on two hosts.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::Draws;
use crate::proofs::judged;
use executor::desk::Op;
use executor::ledger::MemoryLedger;
use executor::reasons::Author;
use executor::rehearsal::{OnGeo, Rehearsal, Venue, order, policy, setup};
use mm_core::domain::{Outcome, Side, Timestamp};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "no-word-arms-alone",
        milestone: 5,
        claim: "A halted executor arms only by the code it gave last, once, within a minute to the millisecond, asked for once it was flat, \
                with nothing new to be halted for and every precondition still holding: at drawn moments no other word does.",
        quick: true,
        min_cases: 400,
        run: |bench| words(bench, true),
        sabotage_claim: "a code is good until the next one, whatever happens",
        sabotage: Some(|bench| words(bench, false)),
    },
    Proof {
        id: "two-hosts-one-key-both-halt",
        milestone: 5,
        claim: "Two executors on two hosts trade with one key: the venue's heartbeat chain tells both, both halt, nothing rests.",
        quick: true,
        min_cases: 12,
        run: |bench| two_hosts(bench, true),
        sabotage_claim: "each has an account of its own",
        sabotage: Some(|bench| two_hosts(bench, false)),
    },
];

/// What a code may be tried after.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// Nothing: it must arm.
    Nothing,
    /// No code was asked for.
    NotAsked,
    /// It was asked for before it was confirmed that nothing rests, when none is given.
    NotFlat,
    /// Another number.
    Guess,
    /// A guess came first.
    AfterGuess,
    /// It is of a minute ago.
    Late,
    /// A halt came in between.
    Halted,
    /// The place is blocked by now.
    Blocked,
    /// Another code was given since.
    Older,
    /// It has armed once already.
    Used,
}

const BEFORE: [Before; 10] = [
    Before::Nothing,
    Before::NotAsked,
    Before::NotFlat,
    Before::Guess,
    Before::AfterGuess,
    Before::Late,
    Before::Halted,
    Before::Blocked,
    Before::Older,
    Before::Used,
];

fn words(bench: &Bench, heeded: bool) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let rounds = bench.depth.pick(50, 100, 1_000);
    let mut draws = Draws::new(bench.seed);
    for round in 0..rounds {
        for before in BEFORE {
            let moments = Moments::drawn(round, &mut draws);
            let must = matches!(before, Before::Nothing);
            if arms(before, moments, heeded) != must {
                let does = if must { "does not arm" } else { "arms" };
                failures.push(format!("round {round}, {before:?}, {moments:?}: {does}"));
            }
            evidence.cases += 1;
        }
    }
    judged(evidence, &failures)
}

/// Milliseconds a code is good for.
const LIFE_MS: u64 = 60_000;
/// Before this moment of a start nothing is confirmed: two empty lists are 200 ms apart, and each takes 40 ms.
const FLAT_MS: u64 = 240;

/// When what happens.
#[derive(Clone, Copy, Debug)]
struct Moments {
    code: u64,
    /// From the start to the question, where it may be flat and where it cannot be.
    flat: u64,
    not_flat: u64,
    /// From the question to the word, in time and too late.
    in_time: u64,
    late: u64,
}

impl Moments {
    /// The first rounds are at the edges.
    fn drawn(round: u64, draws: &mut Draws) -> Self {
        let (in_time, late) = match round {
            0 => (LIFE_MS, 1),
            1 => (0, 2),
            _ => (draws.below(LIFE_MS + 1), 1 + draws.below(LIFE_MS)),
        };
        let (flat, not_flat) = (2_000 + draws.below(3_000), draws.below(FLAT_MS));
        Self { code: draws.below(999_999), flat, not_flat, in_time, late: LIFE_MS + late }
    }
}

/// Whether the last word arms.
fn arms(before: Before, moments: Moments, heeded: bool) -> bool {
    let mut stage = Rehearsal::new(setup(policy(1), false));
    stage.connect(1, 1);
    stage.run_ms(if matches!(before, Before::NotFlat) { moments.not_flat } else { moments.flat });
    let (code, other) = (format!("{:06}", moments.code), format!("{:06}", moments.code + 1));
    let ask = |stage: &mut Rehearsal, code: &str| stage.operate(Op::AskArm { code: code.into() });
    let say = |stage: &mut Rehearsal, code: &str| {
        stage.operate(Op::Arm { code: code.into() });
        stage.run_ms(1);
    };
    match before {
        Before::NotAsked => {}
        _ => ask(&mut stage, &code),
    }
    match before {
        Before::Nothing | Before::NotAsked | Before::Guess => stage.run_ms(moments.in_time),
        Before::NotFlat => stage.run_ms(moments.flat),
        Before::AfterGuess => say(&mut stage, &other),
        Before::Late => stage.run_ms(moments.late),
        Before::Halted => {
            stage.operate(Op::Halt { by: Author::Operator(0), why: "something new".into() });
            stage.run_ms(3_000);
        }
        Before::Blocked => {
            stage.venue.on_geo = OnGeo::Blocked;
            stage.run_ms(59_000);
        }
        Before::Older => ask(&mut stage, &other),
        Before::Used => {
            say(&mut stage, &code);
            stage.operate(Op::Halt { by: Author::Operator(0), why: "something new".into() });
            stage.run_ms(3_000);
        }
    }
    if !heeded {
        ask(&mut stage, &code);
    }
    say(&mut stage, if matches!(before, Before::Guess) { &other } else { &code });
    stage.desk.status().halted.is_none()
}

/// How long two may go on until both have halted: each beats every five seconds.
const BOTH_HALTED_MS: u64 = 15_000;

fn two_hosts(bench: &Bench, one_account: bool) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let mut longest = 0;
    for case in 0..bench.depth.pick(12, 25, 500) {
        match meet(case, one_account) {
            Ok(ms) => longest = longest.max(ms),
            Err(why) => failures.push(format!("the second is armed {} ms after the first: {why}", case * 397)),
        }
        evidence.cases += 1;
    }
    evidence.fact("most milliseconds from the second's arm to the last halt, in virtual time", longest);
    judged(evidence, &failures)
}

/// The first trades, the second is armed at some moment of its beat; how long until both are halted.
fn meet(case: u64, one_account: bool) -> Result<u64, String> {
    let venue = || {
        let mut venue = Venue::default();
        (venue.usdc, venue.chains_beats) = (1_000_000_000, true);
        venue
    };
    let start = |venue: Venue, at: Timestamp, run: u64| {
        let mut stage = Rehearsal::restarted(setup(policy(2), false), MemoryLedger::new(), venue, at);
        stage.connect(run, 2);
        stage
    };
    let mut first = start(venue(), executor::rehearsal::START, 1);
    let mut second = start(venue(), executor::rehearsal::START, 2);
    // Both look at the account while nothing rests: neither sees the other's orders before it trades.
    let both = |first: &mut Rehearsal, second: &mut Rehearsal, ms: u64| {
        for _ in 0..ms / 10 {
            first.run_ms(10);
            if one_account {
                std::mem::swap(&mut first.venue, &mut second.venue);
            }
            second.run_ms(10);
            if one_account {
                std::mem::swap(&mut first.venue, &mut second.venue);
            }
        }
    };
    both(&mut first, &mut second, 3_000);
    first.arm();
    both(&mut first, &mut second, 1_000 + case * 397);
    if !first.is_open() {
        return Err(format!("the first does not trade: {:?}", first.desk.status().reasons));
    }
    second.arm();
    let armed_at = second.at;
    both(&mut first, &mut second, 10);
    if second.desk.status().halted.is_some() {
        return Err(format!("the second is not armed: {:?}", second.answers));
    }
    let mut halted_after = None;
    for n in 0..BOTH_HALTED_MS / 100 {
        if n == 12 && first.is_open() {
            first.place(n, order(0, Outcome::Yes, Side::Buy, 40, 5));
        }
        both(&mut first, &mut second, 100);
        let halted = [&first, &second].map(|stage| stage.desk.status().halted.is_some());
        if halted == [true, true] {
            halted_after = Some(second.at.since(armed_at).ms());
            break;
        }
    }
    let Some(ms) = halted_after else {
        let [one, two] = [&first, &second].map(|stage| stage.desk.status().halted);
        return Err(format!("not both are halted: {one:?}, {two:?}"));
    };
    both(&mut first, &mut second, 3_000);
    match first.resting() {
        0 => Ok(ms),
        rest => Err(format!("{rest} orders rest")),
    }
}
