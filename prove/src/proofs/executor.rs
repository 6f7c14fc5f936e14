//! M5: the key holder's promises, tried on the real desk, policy and ledger against a plain venue that keeps the truth.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use executor::desk::Op;
use executor::reasons::Author;
use executor::rehearsal::{OnGeo, OnPost, Rehearsal, order, policy, policy_with, setup};
use mm_core::domain::{Outcome, Qty, Side, Usdc};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "caps-hold-at-the-venue",
        milestone: 5,
        claim: "Whatever the core asks for and the venue answers, what rests and what filled at the venue stays inside the caps.",
        quick: true,
        min_cases: 1000,
        run: |bench| caps_hold(bench, false),
        sabotage_claim: "the executor's caps are twice the ones it is judged by",
        sabotage: Some(|bench| caps_hold(bench, true)),
    },
    Proof {
        id: "no-post-without-a-row",
        milestone: 5,
        claim: "No order leaves before the row with its hash is in the ledger, also when the ledger fails at any append.",
        quick: true,
        min_cases: 20,
        run: |bench| rows_first(bench, false),
        sabotage_claim: "a ledger that says it wrote and did not",
        sabotage: Some(|bench| rows_first(bench, true)),
    },
    Proof {
        id: "unknown-gate-refuses",
        milestone: 5,
        claim: "A desk whose geoblock question was never answered clearly cannot be armed, and nothing leaves.",
        quick: true,
        min_cases: 4,
        run: |_| unknown_gate(&[OnGeo::Silent, OnGeo::Html, OnGeo::NoField, OnGeo::Blocked]),
        sabotage_claim: "the answer is clear",
        sabotage: Some(|_| unknown_gate(&[OnGeo::Silent, OnGeo::Html, OnGeo::NoField, OnGeo::Clear])),
    },
    Proof {
        id: "geoblock-stops-and-cancels",
        milestone: 5,
        claim: "Blocked, malformed or silent geoblock answers while armed: no order leaves any more and nothing keeps resting.",
        quick: true,
        min_cases: 4,
        run: |_| geoblock_stops(&[OnGeo::Silent, OnGeo::Html, OnGeo::NoField, OnGeo::Blocked]),
        sabotage_claim: "the answers stay clear",
        sabotage: Some(|_| geoblock_stops(&[OnGeo::Clear])),
    },
    Proof {
        id: "halt-is-final",
        milestone: 5,
        claim: "After a halt not one order leaves, whenever it falls, until an operator arms.",
        quick: true,
        min_cases: 40,
        run: |bench| halt_is_final(bench, false),
        sabotage_claim: "somebody arms in between",
        sabotage: Some(|bench| halt_is_final(bench, true)),
    },
    Proof {
        id: "unknown-is-never-sent-again",
        milestone: 5,
        claim: "An order without an answer reaches the venue at most once, however often the core repeats itself.",
        quick: true,
        min_cases: 40,
        run: |bench| never_twice(bench, false),
        sabotage_claim: "a shell that sends a lost order once more",
        sabotage: Some(|bench| never_twice(bench, true)),
    },
    Proof {
        id: "withhold-posts-nothing",
        milestone: 5,
        claim: "With submit = \"withhold\" orders are judged, recorded and accepted, and nothing reaches the venue.",
        quick: true,
        min_cases: 20,
        run: |_| withholds(true),
        sabotage_claim: "the same with submit = \"post\"",
        sabotage: Some(|_| withholds(false)),
    },
];

/// A named, seeded sequence of draws: the same on every machine.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    pub(crate) fn market(&mut self) -> u16 {
        u16::from(self.below(2) == 1)
    }

    pub(crate) fn outcome(&mut self) -> Outcome {
        if self.below(2) == 0 { Outcome::Yes } else { Outcome::No }
    }

    fn on_post(&mut self) -> OnPost {
        match self.below(10) {
            0 => OnPost::TakeAndLose,
            1 => OnPost::DropAndLose,
            2 => OnPost::TakeLate(mm_core::domain::Nanos::from_ms(500)),
            3 => OnPost::Reject,
            4 => OnPost::Status(500),
            _ => OnPost::Accept,
        }
    }
}

pub(crate) fn verdict(evidence: Evidence, holds: bool) -> Verdict {
    if holds { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

fn caps_hold(bench: &mut Bench, widened: bool) -> Verdict {
    let judged = *policy(2).caps();
    let mut caps = judged;
    if widened {
        let twice = |usdc: Usdc| usdc.saturating_add(usdc);
        (caps.max_market_usdc, caps.max_total_usdc) = (twice(caps.max_market_usdc), twice(caps.max_total_usdc));
        caps.max_open_orders *= 2;
    }
    let mut evidence = Evidence::default();
    let (mut worst, mut posts) = (0u128, 0);
    let mut holds = true;
    for world in 0..bench.depth.pick(6, 20, 200) {
        let mut draws = Draws(bench.seed.wrapping_add(world));
        let mut stage = Rehearsal::armed(setup(policy_with(caps, 2), false), 2);
        for id in 1..=200u64 {
            stage.venue.on_post = draws.on_post();
            let cents = 5 + u16::try_from(draws.below(60)).unwrap_or(0);
            let wanted = order(draws.market(), draws.outcome(), Side::Buy, cents, 5 + draws.below(60));
            stage.place(id, wanted);
            stage.run_ms(20 + draws.below(400));
            match draws.below(6) {
                0 => stage.cancel(1 + draws.below(id)),
                1 => {
                    let nth = usize::try_from(draws.below(8)).unwrap_or(0);
                    let live: Vec<_> = stage.venue.orders.iter().filter(|(_, r)| r.live).map(|(id, _)| *id).collect();
                    if let Some(hash) = live.get(nth) {
                        stage.fill(*hash, Qty::from_whole(1 + draws.below(30)).unwrap_or(Qty::ZERO));
                    }
                }
                _ => {}
            }
            let total = stage.venue.worst_case(None);
            worst = worst.max(total);
            let markets = (0..2).all(|n| stage.venue.worst_case(Some(n)) <= u128::from(judged.max_market_usdc.micro()));
            let open = u32::try_from(stage.resting()).unwrap_or(u32::MAX);
            holds &= markets && total <= u128::from(judged.max_total_usdc.micro()) && open <= judged.max_open_orders;
            evidence.cases += 1;
        }
        posts += stage.venue.posts.len();
    }
    evidence.fact("orders that reached the venue", posts);
    evidence.fact("worst case at the venue, micro-dollars", worst);
    evidence.fact("cap, micro-dollars", judged.max_total_usdc.micro());
    verdict(evidence, holds && posts > 0)
}

fn rows_first(bench: &mut Bench, lies: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut unrecorded, mut posts) = (0, 0);
    for fails_after in 0..bench.depth.pick(30, 60, 300) {
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        stage.ledger_lies = lies;
        stage.ledger.fail_after(fails_after);
        for id in 1..=8 {
            stage.place(id, order(0, Outcome::Yes, Side::Buy, 20, 5));
            stage.run_ms(100);
        }
        unrecorded += stage.unrecorded;
        posts += stage.venue.posts.len();
        evidence.cases += 1;
    }
    evidence.fact("orders that reached the venue", posts);
    evidence.fact("of those, without a row", unrecorded);
    verdict(evidence, unrecorded == 0 && posts > 0)
}

fn unknown_gate(answers: &[OnGeo]) -> Verdict {
    let mut evidence = Evidence::default();
    let mut posts = 0;
    for on_geo in answers {
        let mut stage = Rehearsal::new(setup(policy(1), false));
        stage.venue.on_geo = *on_geo;
        stage.connect(1, 1);
        for id in 1..=10 {
            stage.run_ms(1000);
            stage.arm();
            stage.place(id, order(0, Outcome::Yes, Side::Buy, 40, 10));
            stage.run_ms(100);
        }
        posts += stage.venue.posts.len();
        evidence.cases += 1;
    }
    evidence.fact("orders that left", posts);
    verdict(evidence, posts == 0)
}

fn geoblock_stops(answers: &[OnGeo]) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut left, mut resting) = (0, 0);
    for on_geo in answers {
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        stage.place(1, order(0, Outcome::Yes, Side::Buy, 40, 10));
        stage.run_ms(500);
        let before = stage.venue.posts.len();
        if before != 1 {
            evidence.fact("no order left before the answer changed", format!("{on_geo:?}"));
            return Verdict::Refuted(evidence);
        }
        stage.venue.on_geo = *on_geo;
        stage.run_ms(185_000);
        stage.place(2, order(1, Outcome::Yes, Side::Buy, 40, 10));
        stage.run_ms(1000);
        left += stage.venue.posts.len() - before;
        resting += stage.resting();
        evidence.cases += 1;
    }
    evidence.fact("orders that left afterwards", left);
    evidence.fact("orders that kept resting", resting);
    verdict(evidence, left == 0 && resting == 0)
}

fn halt_is_final(bench: &mut Bench, armed_between: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut before, mut after, mut resting) = (0, 0, 0);
    for n in 0..bench.depth.pick(60, 120, 1000) {
        let mut draws = Draws(bench.seed ^ n);
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        for id in 1..=4 {
            stage.place(id, order(draws.market(), Outcome::Yes, Side::Buy, 20, 5));
        }
        // The halt falls anywhere between the request and its answer.
        stage.run_ms(draws.below(60));
        stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
        stage.run_ms(0);
        let at_halt = stage.venue.posts.len();
        for id in 5..=20 {
            stage.place(id, order(draws.market(), Outcome::Yes, Side::Buy, 20, 5));
            stage.run_ms(500);
            if armed_between {
                stage.arm();
            }
        }
        before += at_halt;
        after += stage.venue.posts.len() - at_halt;
        resting += stage.resting();
        evidence.cases += 1;
    }
    evidence.fact("orders that left before the halts", before);
    evidence.fact("orders that left after them", after);
    evidence.fact("orders that kept resting", resting);
    verdict(evidence, after == 0 && resting == 0 && before > 0)
}

fn never_twice(bench: &mut Bench, resends: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut lost, mut twice) = (0, 0);
    for n in 0..bench.depth.pick(50, 100, 1000) {
        let mut draws = Draws(bench.seed ^ n);
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        stage.shell_resends = resends;
        stage.venue.on_post = if draws.below(2) == 0 { OnPost::TakeAndLose } else { OnPost::DropAndLose };
        for _ in 0..6 {
            stage.place(1, order(0, Outcome::Yes, Side::Buy, 40, 10));
            stage.run_ms(draws.below(3000));
        }
        stage.run_ms(130_000);
        lost += 1;
        let mut hashes: Vec<_> = stage.venue.posts.iter().map(|(_, hash)| *hash).collect();
        hashes.sort_unstable();
        twice += stage.venue.posts.len().saturating_sub(1);
        evidence.cases += 1;
    }
    evidence.fact("orders whose answer was lost", lost);
    evidence.fact("posts beyond the first", twice);
    verdict(evidence, twice == 0)
}

fn withholds(withhold: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let mut stage = Rehearsal::armed(setup(policy(2), withhold), 2);
    for id in 1..=30u64 {
        stage.place(id, order(u16::from(id % 2 == 0), Outcome::Yes, Side::Buy, 20, 5));
        stage.run_ms(300);
        stage.cancel(id);
        stage.run_ms(1500);
        evidence.cases += 1;
    }
    let accepted = stage.told.iter().filter(|m| matches!(m, mm_core::protocol::FromExecutor::Accepted { .. })).count();
    evidence.fact("orders told as accepted", accepted);
    evidence.fact("orders that reached the venue", stage.venue.posts.len());
    verdict(evidence, accepted == 30 && stage.venue.posts.is_empty())
}
