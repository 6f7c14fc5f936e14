//! M5: what the venue says is not what is: caps, cancels and restarts against answers that lag, lie or say nothing.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::{Draws, verdict};
use executor::desk::Op;
use executor::reasons::Author;
use executor::rehearsal::{OnPost, Rehearsal, order, policy, setup, standard_limits, wide_policy};
use mm_core::domain::{Nanos, OrderId, Outcome, Qty, Side};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "caps-hold-through-lies",
        milestone: 5,
        claim: "Balances that lag, look-ups that know nothing, sizes that lag behind fills, a silent stream, refusals after the effect: \
                what rests and what filled stays inside the caps, and what is counted is never less.",
        quick: true,
        min_cases: 1000,
        run: |bench| through_lies(bench, false),
        sabotage_claim: "the list of trades is empty, as if nobody read it",
        sabotage: Some(|bench| through_lies(bench, true)),
    },
    Proof {
        id: "late-landing-after-flat-is-cancelled",
        milestone: 5,
        claim: "An order the venue refused and takes later, when all is flat and halted, is found and cancelled within seconds, \
                takes the word flat back until then, and nobody can arm while it may come.",
        quick: true,
        min_cases: 40,
        run: |bench| lands_late(bench, false),
        sabotage_claim: "the list of open orders is empty, as if nobody read it",
        sabotage: Some(|bench| lands_late(bench, true)),
    },
    Proof {
        id: "restart-among-a-thousand-ends-flat",
        milestone: 5,
        claim: "A restart with 1,000 open and 50 unknown orders, in the lowest tier's budget: within 3 s only the unknown hold their \
                place, after the late-landing horizon all is confirmed flat, and no check grew old behind look-ups.",
        quick: true,
        min_cases: 1,
        run: |_| restarts(false),
        sabotage_claim: "neither the stream nor answers to cancels name an order, so that each must be looked up",
        sabotage: Some(|_| restarts(true)),
    },
];

fn through_lies(bench: &mut Bench, unread: bool) -> Verdict {
    let judged = *policy(2).caps();
    let cap = |usdc: mm_core::domain::Usdc| u128::from(usdc.micro());
    let mut evidence = Evidence::default();
    let (mut worst, mut posts, mut fills, mut breaches, mut hidden) = (0u128, 0, 0, 0, 0);
    for world in 0..bench.depth.pick(6, 20, 200) {
        let mut draws = Draws::new(bench.seed.wrapping_add(world));
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        stage.venue.lists_no_trades = unread;
        for id in 1..=200u64 {
            stage.venue.on_post = match draws.below(10) {
                0 => OnPost::TakeAndLose,
                1 => OnPost::DropAndLose,
                2 => OnPost::StatusAfterFill(401),
                3 => OnPost::StatusThenTake(429, Nanos::from_ms(3000)),
                _ => OnPost::Accept,
            };
            let mut one_in = |n| draws.below(n) == 0;
            (stage.venue.mute, stage.venue.forgetful) = (one_in(3), one_in(4));
            (stage.venue.size_lags, stage.venue.sizeless) = (one_in(3), one_in(3));
            stage.venue.balance_says = one_in(3).then_some(Qty::ZERO);
            // Pauses add up to a halt; a person looks and goes on.
            stage.arm();
            let cents = 5 + u16::try_from(draws.below(60)).unwrap_or(0);
            stage.place(id, order(draws.market(), draws.outcome(), Side::Buy, cents, 5 + draws.below(60)));
            stage.run_ms(20 + draws.below(400));
            let nth = usize::try_from(draws.below(4)).unwrap_or(0);
            let live: Vec<OrderId> = stage.venue.orders.iter().filter(|(_, r)| r.live).map(|(id, _)| *id).collect();
            if let Some(hash) = live.get(nth) {
                stage.fill(*hash, Qty::from_whole(1 + draws.below(30)).unwrap_or(Qty::ZERO));
                fills += 1;
            }
            // A cancel may well meet an order that has just been filled.
            stage.cancel(1 + draws.below(id));
            for _ in 0..8 {
                stage.run_ms(10);
                let total = stage.venue.worst_case(None);
                worst = worst.max(total);
                let markets = (0..2).all(|n| stage.venue.worst_case(Some(n)) <= cap(judged.max_market_usdc));
                breaches += u64::from(!markets || total > cap(judged.max_total_usdc));
                hidden += u64::from(cap(stage.desk.exposure().total().worst_case()) < total);
            }
            if draws.below(12) == 0 {
                stage.run_ms(10_000);
            }
            evidence.cases += 1;
        }
        posts += stage.venue.posts.len();
    }
    evidence.fact("orders that reached the venue", posts);
    evidence.fact("fills", fills);
    evidence.fact("worst case at the venue, micro-dollars", worst);
    evidence.fact("cap, micro-dollars", judged.max_total_usdc.micro());
    evidence.fact("moments outside the caps", breaches);
    evidence.fact("moments with more at risk than was counted", hidden);
    verdict(evidence, breaches == 0 && hidden == 0 && posts > 0 && fills > 0)
}

fn lands_late(bench: &mut Bench, unread: bool) -> Verdict {
    /// Two readings apart, one cancel and its confirmation.
    const FOUND_WITHIN_MS: u64 = 7000;
    let mut evidence = Evidence::default();
    let (mut rested, mut armed_too_soon, mut never_flat, mut longest_ms) = (0, 0, 0, 0);
    for n in 0..bench.depth.pick(40, 80, 500) {
        let mut draws = Draws::new(bench.seed ^ n);
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        let status = if draws.below(2) == 0 { 401 } else { 503 };
        let lands_ms = 6000 + draws.below(100_000);
        stage.venue.on_post = OnPost::StatusThenTake(status, Nanos::from_ms(lands_ms));
        stage.place(1, order(draws.market(), Outcome::Yes, Side::Buy, 40, 10));
        stage.run_ms(1500);
        stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
        stage.run_ms(4000);
        let flat_before = stage.desk.status().flat;
        stage.venue.lists_no_orders = unread;
        stage.arm();
        stage.run_ms(1);
        armed_too_soon += u64::from(stage.answers.last().is_some_and(Result::is_ok));
        let mut resting_ms = 0;
        for _ in 0..(lands_ms + FOUND_WITHIN_MS + 1000) / 50 {
            stage.run_ms(50);
            resting_ms += 50 * u64::from(stage.resting() > 0);
        }
        longest_ms = longest_ms.max(resting_ms);
        rested += u64::from(stage.resting() > 0 || resting_ms == 0 || resting_ms > FOUND_WITHIN_MS);
        never_flat += u64::from(!flat_before || !stage.desk.status().flat);
        evidence.cases += 1;
    }
    evidence.fact("longest time one rested, milliseconds", longest_ms);
    evidence.fact("orders that rested for longer, or never landed", rested);
    evidence.fact("arms while one might come", armed_too_soon);
    evidence.fact("not flat before, or not flat again", never_flat);
    verdict(evidence, rested == 0 && armed_too_soon == 0 && never_flat == 0)
}

fn restarts(unnamed: bool) -> Verdict {
    let mut stage = Rehearsal::armed(setup(wide_policy(), false), 2);
    for id in 1..=1050u64 {
        stage.run_ms(if id == 1001 { 50 } else { 0 });
        stage.venue.on_post = if id > 1000 { OnPost::DropAndLose } else { OnPost::Accept };
        stage.place(id, order(u16::from(id % 2 == 0), Outcome::Yes, Side::Buy, 40, 5));
        stage.run_ms(1);
    }
    stage.run_ms(100);
    let rested = stage.resting();
    let (venue, ledger) = (std::mem::take(&mut stage.venue), std::mem::take(&mut stage.ledger));
    let mut again = Rehearsal::restarted(setup(wide_policy(), false), ledger, venue, stage.at);
    again.limits = standard_limits();
    (again.venue.names_no_canceled, again.venue.mute) = (unnamed, unnamed);
    let old = |stage: &Rehearsal| stage.desk.status().reasons.iter().any(|reason| reason.why.contains("geoblock"));
    again.run_ms(3000);
    let (resting, held) = (again.resting(), again.desk.status().open_orders);
    let mut unchecked = 0;
    let mut flat_ms = None;
    for second in 3..180u64 {
        unchecked += u64::from(old(&again));
        if again.desk.status().flat {
            flat_ms = flat_ms.or(Some(second * 1000));
        }
        again.run_ms(1000);
    }
    let mut evidence = Evidence { cases: 1, ..Evidence::default() };
    evidence.fact("orders that rested before", rested);
    evidence.fact("resting after 3 s", resting);
    evidence.fact("holding their place after 3 s", held);
    evidence
        .fact("confirmed flat after, milliseconds", flat_ms.map_or_else(|| "never".to_owned(), |ms| ms.to_string()));
    evidence.fact("seconds without a fresh geoblock answer", unchecked);
    let horizon_ms = executor::rehearsal::times().late_landing.ms() + 12_000;
    verdict(
        evidence,
        rested == 1000 && resting == 0 && held == 50 && unchecked == 0 && flat_ms.is_some_and(|ms| ms <= horizon_ms),
    )
}
