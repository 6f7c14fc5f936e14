//! M5: the worst case, judged by the venue's own state.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::{Draws, verdict};
use executor::policy::PolicyCaps;
use executor::rehearsal::{OnPost, Rehearsal, one_event, order, policy_with, setup, wide_policy};
use mm_core::domain::{MarketIx, OrderId, Outcome, Qty, Side, Token, Usdc};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "worst-case-holds-at-the-venue",
        milestone: 5,
        claim: "Buys and sells over three markets of which at most one ends YES, fills and cancels in between, answers lost: in no \
            ending, whatever rests filling as it hurts most, is more lost than the cap; and buying goes on where full sets offset.",
        quick: true,
        min_cases: 1000,
        run: |bench| loses_at_most(bench, false),
        sabotage_claim: "the executor's loss caps are twice the one it is judged by",
        sabotage: Some(|bench| loses_at_most(bench, true)),
    },
    Proof {
        id: "places-hold-at-the-venue",
        milestone: 5,
        claim: "Whatever the core asks for, no token, market or event has more orders or dollars resting at the venue than its caps \
                say, also while answers are lost.",
        quick: true,
        min_cases: 1000,
        run: |bench| rests_at_most(bench, false),
        sabotage_claim: "the executor's caps are twice the ones it is judged by",
        sabotage: Some(|bench| rests_at_most(bench, true)),
    },
];

const MARKETS: u16 = 3;

fn loses_at_most(bench: &mut Bench, widened: bool) -> Verdict {
    let cap = Usdc::from_whole(60).unwrap_or(Usdc::ZERO);
    let given = if widened { cap.saturating_add(cap) } else { cap };
    // Only the exact worst case stands in the way: the plain sums are as wide as they get.
    let caps = PolicyCaps {
        max_market_loss_usdc: given,
        max_event_loss_usdc: given,
        max_total_loss_usdc: given,
        ..*wide_policy().caps()
    };
    let mut evidence = Evidence::default();
    let (mut worst, mut breaches, mut hidden, mut sells, mut paid_most) = (0i128, 0, 0, 0, 0u64);
    for world in 0..bench.depth.pick(6, 20, 200) {
        let mut draws = Draws::new(bench.seed.wrapping_add(world));
        let policy = one_event(&policy_with(caps, MARKETS));
        let mut stage = Rehearsal::armed(setup(policy.clone(), false), MARKETS);
        for id in 1..=200u64 {
            stage.venue.on_post = match draws.below(10) {
                0 => OnPost::TakeAndLose,
                1 => OnPost::DropAndLose,
                _ => OnPost::Accept,
            };
            let market = u16::try_from(draws.below(u64::from(MARKETS))).unwrap_or(0);
            let side = if draws.below(3) == 0 { Side::Sell } else { Side::Buy };
            let cents = 5 + u16::try_from(draws.below(90)).unwrap_or(0);
            stage.place(id, order(market, draws.outcome(), side, cents, 5 + draws.below(60)));
            stage.run_ms(200 + draws.below(1500));
            let nth = usize::try_from(draws.below(4)).unwrap_or(0);
            let live: Vec<OrderId> = stage.venue.orders.iter().filter(|(_, r)| r.live).map(|(id, _)| *id).collect();
            if let Some(hash) = live.get(nth) {
                stage.fill(*hash, Qty::from_whole(1 + draws.below(40)).unwrap_or(Qty::ZERO));
            }
            if draws.below(4) == 0 {
                stage.cancel(1 + draws.below(id));
            }
            for _ in 0..5 {
                stage.run_ms(20);
                let lost = stage.venue.worst_loss(MARKETS);
                worst = worst.max(lost);
                breaches += u64::from(lost > i128::from(cap.micro()));
                let markets = policy.markets();
                let counted =
                    policy.worst(stage.desk.exposure(), &markets[0].condition, executor::exposure::Losses::default());
                // A millionth for each part an order fills in.
                hidden += u64::from(i128::from(counted.event.micro()) + 1000 < lost);
            }
            paid_most = paid_most.max(stage.desk.exposure().total().cost.micro());
            evidence.cases += 1;
        }
        sells += stage.venue.orders.values().filter(|r| r.order.side == Side::Sell && !r.matched.is_zero()).count();
    }
    evidence.fact("sales", sells);
    evidence.fact("worst case at the venue, micro-dollars", worst);
    evidence.fact("cap, micro-dollars", cap.micro());
    evidence.fact("most paid for what was held at one time, micro-dollars", paid_most);
    evidence.fact("moments outside the cap", breaches);
    evidence.fact("moments with more to lose than was counted", hidden);
    verdict(evidence, breaches == 0 && hidden == 0 && sells > 0 && paid_most > cap.micro())
}

fn rests_at_most(bench: &mut Bench, widened: bool) -> Verdict {
    /// Orders and dollars on a token, in a market, in the event.
    const CAPS: [(u32, u64); 3] = [(2, 15), (3, 20), (5, 32)];
    let times = if widened { 2 } else { 1 };
    let orders = CAPS.map(|(orders, _)| orders * times);
    let usdc = CAPS.map(|(_, whole)| Usdc::from_micro(whole * u64::from(times) * 1_000_000));
    let caps = PolicyCaps {
        max_token_orders: orders[0],
        max_market_orders: orders[1],
        max_event_orders: orders[2],
        max_token_resting_usdc: usdc[0],
        max_market_resting_usdc: usdc[1],
        max_event_resting_usdc: usdc[2],
        ..*wide_policy().caps()
    };
    let mut evidence = Evidence::default();
    let (mut most, mut breaches) = ([(0, 0); 3], 0);
    for world in 0..bench.depth.pick(6, 20, 200) {
        let mut draws = Draws::new(bench.seed.wrapping_add(world));
        let mut stage = Rehearsal::armed(setup(one_event(&policy_with(caps, MARKETS)), false), MARKETS);
        for id in 1..=200u64 {
            stage.venue.on_post = match draws.below(10) {
                0 => OnPost::TakeAndLose,
                1 => OnPost::DropAndLose,
                _ => OnPost::Accept,
            };
            let market = u16::try_from(draws.below(u64::from(MARKETS))).unwrap_or(0);
            let cents = 5 + u16::try_from(draws.below(40)).unwrap_or(0);
            stage.place(id, order(market, draws.outcome(), Side::Buy, cents, 5 + draws.below(20)));
            stage.run_ms(20 + draws.below(400));
            if draws.below(2) == 0 {
                stage.cancel(1 + draws.below(id));
            }
            let resting = || stage.venue.orders.values().filter(|resting| resting.live).map(|resting| resting.order);
            let of = |orders: Vec<mm_core::domain::NewOrder>| {
                let micro: u64 = orders.iter().map(|order| order.notional().micro()).sum();
                (u32::try_from(orders.len()).unwrap_or(u32::MAX), micro)
            };
            let mut places = vec![(2, of(resting().collect()))];
            for n in 0..MARKETS {
                places.push((1, of(resting().filter(|order| order.token.market.0 == n).collect())));
                for outcome in [Outcome::Yes, Outcome::No] {
                    let token = Token { market: MarketIx(n), outcome };
                    places.push((0, of(resting().filter(|order| order.token == token).collect())));
                }
            }
            for (place, (open, micro)) in places {
                breaches += u64::from(open > CAPS[place].0 || micro > CAPS[place].1 * 1_000_000);
                most[place] = (most[place].0.max(open), most[place].1.max(micro));
            }
            evidence.cases += 1;
        }
    }
    for ((name, most), (orders, usdc)) in ["token", "market", "event"].into_iter().zip(most).zip(CAPS) {
        evidence.fact(name, format!("{} of {orders} orders, {} of {} micro-dollars", most.0, most.1, usdc * 1_000_000));
    }
    evidence.fact("moments outside the caps", breaches);
    verdict(evidence, breaches == 0 && most.iter().zip(CAPS).all(|(most, cap)| most.0 == cap.0))
}
