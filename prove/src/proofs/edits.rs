//! M4: from what rests to what is wanted with the fewest calls, whatever order the answers come in.

use crate::noise::{Draws, MARKETS, Rules, STRICT, World};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{
    ClientOrderId, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize, TimeInForce, Timestamp,
    Token,
};
use mm_core::event::Action;
use mm_core::orders::{EditRules, OrderManager, OrderState, Wish};
use mm_core::protocol::{Caps, FromExecutor, Gate};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "fewest-edits",
        milestone: 4,
        claim: "From any few resting orders to any few wanted ones the order manager makes as many calls as the best of \
                all ways to keep, cancel and place, tried one by one; then it wants nothing more.",
        quick: true,
        min_cases: 20_000,
        run: |bench| fewest(bench, 0),
        sabotage_claim: "the best way may keep orders that are a tenth of a cent farther away",
        sabotage: Some(|bench| fewest(bench, 10)),
    },
    Proof {
        id: "every-order-of-answers-converges",
        milestone: 4,
        claim: "Whatever order acceptances, cancels, failures and unknowns are answered in, tried exhaustively, never two \
                orders rest for one wanted quote that was free, and exactly what is wanted rests in the end.",
        quick: true,
        min_cases: 20_000,
        run: |bench| converges(bench, false),
        sabotage_claim: "the venue takes an order and tells of it as rejected",
        sabotage: Some(|bench| converges(bench, true)),
    },
    Proof {
        id: "budget-keeps-the-score",
        milestone: 4,
        claim: "In 60 minutes of a noisy midpoint, with one call a second for three markets, the calls stay in the budget and \
                the reward is at least nine tenths of what the same hour brings with calls without end.",
        quick: true,
        min_cases: 3 * 3_000,
        run: |bench| keeps_the_score(bench, NOISY),
        sabotage_claim: "a midpoint that moves at every step: more than the budget can follow",
        sabotage: Some(|bench| keeps_the_score(bench, Rules { moves_percent: 100, ..NOISY })),
    },
];

const MARKET: MarketIx = MarketIx(0);
const ZONE: u16 = 100;
const SIZE_ZONE_PERCENT: u64 = 25;

fn manager() -> OrderManager {
    OrderManager::new(EditRules {
        min_edit_interval: Nanos::from_ms(2_000),
        do_nothing_price: ZONE,
        do_nothing_size_percent: 25,
        no_wait: Nanos::from_ms(1_000),
    })
}

fn order(draws: &mut Draws) -> NewOrder {
    let (outcome, side) = match draws.below(4) {
        0 | 1 => (Outcome::Yes, Side::Buy),
        2 => (Outcome::No, Side::Buy),
        _ => (Outcome::Yes, Side::Sell),
    };
    // half a zone apart, and a little beside: all ways to be near, just near and far
    let price =
        4_000 + 50 * u16::try_from(draws.below(6)).expect("below six") + u16::try_from(draws.below(2)).expect("a bit");
    NewOrder {
        token: Token { market: MARKET, outcome },
        side,
        price: Price::from_ten_thousandths(price).expect("below a dollar"),
        qty: Qty::from_whole([20, 22, 30][usize::try_from(draws.below(3)).expect("below three")]).expect("small"),
        post_only: true,
        tif: TimeInForce::Gtc,
    }
}

fn orders(draws: &mut Draws, most: u64) -> Vec<NewOrder> {
    (0..draws.below(most + 1)).map(|_| order(draws)).collect()
}

fn wish(want: &[NewOrder]) -> Wish<'_> {
    let tick = TickSize::parse("0.0001").expect("a tick");
    Wish { want, refused: None, cut: None, reservation2x: None, most: [Qty::MAX; 2], band: None, tick }
}

fn hash(id: ClientOrderId) -> OrderId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&id.0.to_le_bytes());
    OrderId::from_bytes(bytes)
}

/// These orders rest, as after a reconnect.
fn resting(live: &[NewOrder]) -> OrderManager {
    let mut manager = manager();
    let open = (1..).map(ClientOrderId).zip(live).map(|(id, order)| (id, hash(id), *order, Qty::ZERO)).collect();
    let welcome = FromExecutor::Welcome { open, gate: Gate::Unchecked, caps: Caps::default() };
    manager.apply(Timestamp::EPOCH, &welcome).expect("a welcome is always possible");
    manager
}

/// Whether an order may stay for a wanted one, said again.
fn may_stay(have: &NewOrder, want: &NewOrder, slack: u16) -> bool {
    let gap = have.qty.micro().abs_diff(want.qty.micro()) * 100;
    (have.token, have.side) == (want.token, want.side)
        && (have.price == want.price || have.price.distance(want.price) < ZONE + slack)
        && (have.qty == want.qty || gap < want.qty.micro() * SIZE_ZONE_PERCENT)
}

/// The most orders that may stay, over all ways to give each wanted one a live one or none.
fn most_kept(live: &[NewOrder], want: &[NewOrder], slack: u16) -> usize {
    let Some((first, rest)) = want.split_first() else { return 0 };
    let without = most_kept(live, rest, slack);
    let with = live.iter().enumerate().filter(|(_, have)| may_stay(have, first, slack)).map(|(ix, _)| {
        let mut others = live.to_vec();
        others.remove(ix);
        1 + most_kept(&others, rest, slack)
    });
    with.max().unwrap_or(0).max(without)
}

fn finish(mut evidence: Evidence, result: Result<(), String>) -> Verdict {
    match result {
        Ok(()) => Verdict::Proved(evidence),
        Err(why) => {
            evidence.facts.insert(0, ("failed".to_owned(), why.chars().take(900).collect()));
            Verdict::Refuted(evidence)
        }
    }
}

fn fewest(bench: &Bench, slack: u16) -> Verdict {
    let mut evidence = Evidence::default();
    let mut draws = Draws(bench.seed);
    let (mut calls, mut kept) = (0, 0);
    let result = (0..bench.depth.pick(20_000, 100_000, 1_000_000)).try_for_each(|_| {
        let (live, want) = (orders(&mut draws, 4), orders(&mut draws, 4));
        let stay = most_kept(&live, &want, slack);
        let least = (live.len() - stay) + (want.len() - stay);
        let (made, mut manager) = run_to_rest(&live, &want)?;
        evidence.cases += 1;
        (calls, kept) = (calls + made, kept + stay);
        if made != least {
            return Err(format!("{made} calls, {least} are enough, from {live:?} to {want:?}"));
        }
        let at = Timestamp::from_ms(10_000_000);
        let plan = manager.plan(at, MARKET, &wish(&want));
        let again = manager.plan(at, MARKET, &wish(&want));
        if plan != again || !plan.cancels.is_empty() || !plan.places.is_empty() {
            return Err(format!("{plan:?} although {want:?} rests"));
        }
        // and asked for again what rests now, nothing is done either
        let rests: Vec<NewOrder> = manager.live().map(|(_, t)| t.order).collect();
        manager.lose(at);
        let open = manager.live().map(|(id, t)| (id, hash(id), t.order, Qty::ZERO)).collect();
        let welcome = FromExecutor::Welcome { open, gate: Gate::Unchecked, caps: Caps::default() };
        manager.apply(at, &welcome).map_err(|why| why.to_string())?;
        let plan = manager.plan(at, MARKET, &wish(&rests));
        if plan.cancels.is_empty() && plan.places.is_empty() { Ok(()) } else { Err(format!("{plan:?} for {rests:?}")) }
    });
    evidence.fact("calls made", calls);
    evidence.fact("orders kept", kept);
    finish(evidence, result)
}

/// Plans and answers until nothing is left to do. The calls it took.
fn run_to_rest(live: &[NewOrder], want: &[NewOrder]) -> Result<(usize, OrderManager), String> {
    let mut manager = resting(live);
    let mut calls = 0;
    for n in 1..=12 {
        let at = Timestamp::from_ms(10_000 * n);
        let mut out = Vec::new();
        carry_out(&mut manager, at, want, &mut out);
        if out.is_empty() {
            return Ok((calls, manager));
        }
        calls += out.len();
        for action in &out {
            manager.apply(at, &answer(action)).map_err(|why| why.to_string())?;
        }
    }
    Err(format!("no rest from {live:?} to {want:?}"))
}

fn carry_out(manager: &mut OrderManager, at: Timestamp, want: &[NewOrder], out: &mut Vec<Action>) {
    let plan = manager.plan(at, MARKET, &wish(want));
    for edit in &plan.cancels {
        manager.cancel(at, *edit, out);
    }
    for order in &plan.places {
        manager.place(at, *order, out);
    }
}

fn answer(action: &Action) -> FromExecutor {
    match action {
        Action::Place { id, .. } => FromExecutor::Accepted { id: *id, order: hash(*id) },
        Action::Cancel { id } => FromExecutor::Canceled { id: *id, matched: Qty::ZERO },
        other => unreachable!("an order manager only places and cancels: {other:?}"),
    }
}

/// The venue's side of one order, and the answers that are on their way, each order's in their own order.
#[derive(Clone)]
struct Venue {
    resting: Vec<(ClientOrderId, NewOrder)>,
    pending: Vec<Vec<FromExecutor>>,
    mishaps: u32,
    lies: bool,
}

impl Venue {
    fn take(&mut self, actions: &[Action], draws: &mut Draws) {
        for action in actions {
            match action {
                Action::Place { id, order } => {
                    self.resting.push((*id, *order));
                    let mut answers = vec![answer(action)];
                    if self.mishaps > 0 && draws.below(3) == 0 {
                        self.mishaps -= 1;
                        answers.insert(0, FromExecutor::Unknown { id: *id });
                    } else if self.lies {
                        answers = vec![FromExecutor::Rejected { id: *id, why: "no".into() }];
                    }
                    self.pending.push(answers);
                }
                Action::Cancel { id } => {
                    if self.mishaps > 0 && draws.below(3) == 0 {
                        self.mishaps -= 1;
                        self.pending.push(vec![FromExecutor::CancelFailed { id: *id, why: "try again".into() }]);
                    } else {
                        self.resting.retain(|(other, _)| other != id);
                        self.pending.push(vec![answer(action)]);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Delivers every pending answer as the next one, each in a world of its own.
fn explore(
    manager: &OrderManager,
    venue: &Venue,
    at: Timestamp,
    want: &[NewOrder],
    draws: &Draws,
    ends: &mut u64,
) -> Result<(), String> {
    let (mut manager, mut venue) = (manager.clone(), venue.clone());
    let mut draws = Draws(draws.0);
    let mut out = Vec::new();
    carry_out(&mut manager, at, want, &mut out);
    venue.take(&out, &mut draws);
    let slots = |order: &NewOrder| (order.token, order.side);
    for one in want {
        let wanted = want.iter().filter(|w| slots(w) == slots(one)).count();
        let rests = venue.resting.iter().filter(|(_, o)| slots(o) == slots(one)).count();
        if rests > wanted.max(START_MAX) {
            return Err(format!("{rests} orders rest for {wanted} like {one:?}"));
        }
    }
    if venue.pending.is_empty() {
        if at > Timestamp::from_ms(1_000_000) {
            return Err(format!("no rest for {want:?}: {:?}", venue.resting));
        }
        let waits = manager.plan(at, MARKET, &wish(want)).again.is_some();
        if waits || manager.live().any(|(_, t)| !matches!(t.state, OrderState::Open(_))) {
            // the floors pass only when nothing is on its way
            return explore(&manager, &venue, at.plus(Nanos::from_ms(10_000)), want, &draws, ends);
        }
        *ends += 1;
        let rests: Vec<NewOrder> = venue.resting.iter().map(|(_, order)| *order).collect();
        let fits = rests.len() == want.len() && most_kept(&rests, want, 0) == want.len();
        return if fits { Ok(()) } else { Err(format!("{rests:?} rest, {want:?} was wanted")) };
    }
    for n in 0..venue.pending.len() {
        let (mut next, mut rest) = (manager.clone(), venue.clone());
        let message = rest.pending[n].remove(0);
        if rest.pending[n].is_empty() {
            rest.pending.remove(n);
        }
        next.apply(at, &message).map_err(|why| why.to_string())?;
        explore(&next, &rest, at.plus(Nanos::from_ms(1)), want, &draws, ends)?;
    }
    Ok(())
}

/// Most orders that rest when a case begins.
const START_MAX: usize = 2;

fn converges(bench: &Bench, lies: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let mut draws = Draws(bench.seed);
    let result = (0..bench.depth.pick(8_000, 20_000, 100_000)).try_for_each(|_| {
        let (live, want) = (orders(&mut draws, START_MAX as u64), orders(&mut draws, 2));
        let resting_now = (1..).map(ClientOrderId).zip(live.iter().copied()).collect();
        let venue = Venue { resting: resting_now, pending: Vec::new(), mishaps: 1, lies };
        let luck = Draws(draws.below(u64::MAX));
        explore(&resting(&live), &venue, Timestamp::from_ms(10_000), &want, &luck, &mut evidence.cases)
    });
    finish(evidence, result)
}

/// An hour in which a book moves by a cent every five seconds or so, sampled every second.
const NOISY: Rules = Rules { calls_per_second: 1, burst: 8, moves_percent: 4, sample_ms: 1_000, ..STRICT };

/// Dollars of an hour, the calls made, and the calls there was room for.
fn hour(seed: u64, rules: Rules) -> Result<(f64, u64), String> {
    let mut world = World::new(seed, rules);
    let end = world.now() + 60 * 60_000;
    while world.now() < end {
        world.step(&mut |_| Ok(()))?;
    }
    let snapshot = world.engine.snapshot();
    let dollars =
        |m: &mm_core::engine::MarketSnapshot| m.expected_rewards.parse::<f64>().map_err(|why| why.to_string());
    let sum = snapshot.markets.iter().map(dollars).sum::<Result<f64, String>>()?;
    Ok((sum, snapshot.totals.placed + snapshot.totals.canceled))
}

fn keeps_the_score(bench: &Bench, rules: Rules) -> Verdict {
    let mut evidence = Evidence::default();
    let mut lines = Vec::new();
    let result = (0..bench.depth.pick(1, 3, 20)).try_for_each(|n| {
        let seed = bench.seed.wrapping_add(n);
        let (limited, calls) = hour(seed, rules)?;
        let endless = Rules { calls_per_second: 1_000, burst: 4_000, ..rules };
        let (free, free_calls) = hour(seed, endless)?;
        evidence.cases += u64::from(MARKETS) * 3_600;
        let share = 100.0 * limited / free;
        lines.push(format!("{share:.1} % of the reward with {calls} calls, {free_calls} without a limit"));
        // what had to go at once may have put it into debt by every order there is
        let most = 3_600 * u64::from(rules.calls_per_second) + u64::from(rules.burst) + 2 * u64::from(MARKETS);
        if calls > most {
            return Err(format!("{calls} calls in an hour, {most} are the most"));
        }
        if share < 90.0 { Err(format!("only {share:.1} % of the reward is left")) } else { Ok(()) }
    });
    for line in lines {
        evidence.fact("hour", line);
    }
    finish(evidence, result)
}
