//! M4: orders under noise, and the core's half of "stale data or a lost executor cancels everything".

use crate::noise::{MARKETS, Rules, STRICT, Step, World};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{ClientOrderId, MarketIx, Outcome, Qty, Timestamp, Token};
use mm_core::event::{Action, Input};
use mm_core::protocol::{FromExecutor, Gate, Shut};
use std::collections::{BTreeMap, BTreeSet};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "one-order-a-slot",
        milestone: 4,
        claim: "In a noisy hour of late, repeated, lost and unknown answers never more than one order of ours rests for \
                one wanted quote, and when the noise ends exactly the wanted quotes rest.",
        quick: true,
        min_cases: 5_000,
        run: |bench| noisy_hour(bench, STRICT, one_a_slot()),
        sabotage_claim: "the venue confirms each cancel at once and lets the order rest on",
        sabotage: Some(|bench| noisy_hour(bench, Rules { venue_lies_about_cancels: true, ..STRICT }, one_a_slot())),
    },
    Proof {
        id: "edits-keep-their-floors",
        milestone: 4,
        claim: "No market is edited twice within the minimum edit time, and no order is replaced that is within a cent \
                and a quarter of the size of what is wanted, unless it stands at or through the midpoint.",
        quick: true,
        min_cases: 5_000,
        run: |bench| noisy_hour(bench, STRICT, floors_hold()),
        sabotage_claim: "an engine without floors",
        sabotage: Some(|bench| {
            noisy_hour(bench, Rules { min_edit_ms: 0, do_nothing_cents: "0", ..STRICT }, floors_hold())
        }),
    },
    Proof {
        id: "calls-stay-in-budget",
        milestone: 4,
        claim: "Placements and cancels of a noisy hour never exceed the call budget by more than the orders that had to \
                go at once, and that debt is paid before anything else leaves.",
        quick: true,
        min_cases: 5_000,
        run: |bench| noisy_hour(bench, Rules { calls_per_second: 1, ..STRICT }, in_budget(1, 8)),
        sabotage_claim: "an engine that believes in three times the budget",
        sabotage: Some(|bench| noisy_hour(bench, Rules { calls_per_second: 3, burst: 24, ..STRICT }, in_budget(1, 8))),
    },
    Proof {
        id: "silent-feed-withdraws",
        milestone: 4,
        claim: "When neither the feed nor REST has said anything for the limit, every order is cancelled and none is \
                placed until the feed is back.",
        quick: true,
        min_cases: 20,
        run: |bench| silence(bench, STRICT),
        sabotage_claim: "an engine that waits an hour before it calls a feed dead",
        sabotage: Some(|bench| silence(bench, Rules { dead_after_ms: 3_600_000, ..STRICT })),
    },
    Proof {
        id: "suspect-book-withdraws",
        milestone: 4,
        claim: "A book that stays crossed is given up after its grace: its orders are cancelled, a new one is asked for, \
                and nothing is placed in that market until it has come.",
        quick: true,
        min_cases: 20,
        run: |bench| crossed(bench, true),
        sabotage_claim: "the book does not stay crossed",
        sabotage: Some(|bench| crossed(bench, false)),
    },
    Proof {
        id: "shut-gate-withdraws",
        milestone: 4,
        claim: "A shut gate cancels everything with one action, and nothing is placed until it is open and the cool-down \
                has passed.",
        quick: true,
        min_cases: 20,
        run: |bench| shut_gate(bench, true),
        sabotage_claim: "the news of the gate is lost on its way",
        sabotage: Some(|bench| shut_gate(bench, false)),
    },
];

type Judge = Box<dyn FnMut(&Step<'_>) -> Result<(), String>>;

/// An hour of noise under one judge; then quiet, after which exactly what is wanted must rest.
fn noisy_hour(bench: &Bench, rules: Rules, mut judge: Judge) -> Verdict {
    let mut evidence = Evidence::default();
    let minutes = bench.depth.pick(60, 60, 600);
    let mut world = World::new(bench.seed, rules);
    let end = world.now() + minutes * 60_000;
    let mut failure = None;
    while failure.is_none() && world.now() < end {
        failure = world.step(&mut *judge).err();
    }
    if failure.is_none() {
        failure = world.settle().err().or_else(|| wanted_rests(&world).err());
    }
    let totals = world.engine.snapshot().totals;
    evidence.cases = world.turns;
    evidence.fact("virtual minutes", minutes);
    evidence.fact("placed", totals.placed);
    evidence.fact("cancelled", totals.canceled);
    evidence.fact("fills", totals.fills);
    evidence.fact("rejected", totals.rejected);
    finish(evidence, failure)
}

fn finish(mut evidence: Evidence, failure: Option<String>) -> Verdict {
    match failure {
        None => Verdict::Proved(evidence),
        Some(why) => {
            evidence.fact("failed", why);
            Verdict::Refuted(evidence)
        }
    }
}

fn tokens() -> impl Iterator<Item = Token> {
    let token = |n, outcome| Token { market: MarketIx(n), outcome };
    (0..MARKETS).flat_map(move |n| [token(n, Outcome::Yes), token(n, Outcome::No)])
}

/// After the noise: one order for each wanted quote, near it.
fn wanted_rests(world: &World) -> Result<(), String> {
    for token in tokens() {
        let resting: Vec<_> = world.orders.values().filter(|o| o.rests && o.order.token == token).collect();
        let want = world.ruler(token);
        match resting.as_slice() {
            [one] if one.order.price.distance(want) < 100 => {}
            other => {
                let prices: Vec<_> = other.iter().map(|o| o.order.price).collect();
                return Err(format!("{token:?}: {prices:?} rest at the end, {want} is wanted"));
            }
        }
    }
    Ok(())
}

fn one_a_slot() -> Judge {
    Box::new(|step| {
        for token in tokens() {
            let resting = step.world.orders.values().filter(|o| o.rests && o.order.token == token).count();
            if resting > 1 {
                return Err(format!("{resting} orders rest for {token:?} at {}", step.at_ms));
            }
        }
        Ok(())
    })
}

/// Minimum edit time and do-nothing zone, told apart from danger by the book alone.
fn floors_hold() -> Judge {
    let mut last: BTreeMap<MarketIx, u64> = BTreeMap::new();
    let mut asked: BTreeSet<ClientOrderId> = BTreeSet::new();
    Box::new(move |step| {
        let mut edited: Vec<MarketIx> = Vec::new();
        for action in step.actions {
            let Action::Cancel { id } = action else { continue };
            let order = step.before.get(id).ok_or("a cancel of an order that was never placed")?;
            let token = order.order.token;
            // A cancel without an answer, or with a bad one, is sent again: that is no new edit.
            if !asked.insert(*id) {
                continue;
            }
            let own_mid2x = match token.outcome {
                Outcome::Yes => step.world.midpoint2x(token.market),
                Outcome::No => 20_000 - step.world.midpoint2x(token.market),
            };
            if 2 * order.order.price.ten_thousandths() >= own_mid2x {
                edited.push(token.market);
                continue;
            }
            let since = last.get(&token.market).map_or(u64::MAX, |t| step.at_ms - t);
            if since < STRICT.min_edit_ms {
                return Err(format!("{token:?} edited {since} ms after its market's last edit"));
            }
            edited.push(token.market);
            let want = step.world.ruler(token);
            let left = order.order.qty.saturating_sub(order.matched);
            let moved = order.order.price.distance(want) >= 100;
            let resized = left.micro() * 100 <= 75 * 30_000_000 || left < Qty::from_micro(20_000_000);
            if !moved && !resized {
                return Err(format!("{token:?} at {} x {left} replaced although {want} is wanted", order.order.price));
            }
        }
        last.extend(edited.into_iter().map(|market| (market, step.at_ms)));
        Ok(())
    })
}

/// A bucket kept with a ruler: refilled evenly, and never deeper in debt than every order that can rest at once.
fn in_budget(per_second: i64, burst: i64) -> Judge {
    let most_at_once = 2 * i64::from(MARKETS);
    let (mut level, mut seen) = (burst * 1_000, None::<u64>);
    Box::new(move |step| {
        let gained = seen.map_or(0, |t| i64::try_from(step.at_ms - t).unwrap_or(i64::MAX).saturating_mul(per_second));
        level = (level + gained).min(burst * 1_000);
        seen = Some(step.at_ms);
        for action in step.actions {
            match action {
                Action::Place { .. } if level < 1_000 => {
                    return Err(format!("placed with {level} thousandths of a call left at {}", step.at_ms));
                }
                Action::Place { .. } | Action::Cancel { .. } | Action::CancelAll { .. } => level -= 1_000,
                Action::Resync { .. } | Action::FetchBook { .. } | Action::Alert(_) => {}
            }
        }
        if level < -most_at_once * 1_000 {
            Err(format!("{level} thousandths of a call at {}", step.at_ms))
        } else {
            Ok(())
        }
    })
}

fn resting(world: &World) -> usize {
    world.orders.values().filter(|o| o.rests).count()
}

fn no_places(step: &Step<'_>) -> Result<(), String> {
    match step.actions.iter().any(|action| matches!(action, Action::Place { .. })) {
        true => Err(format!("an order was placed at {}", step.at_ms)),
        false => Ok(()),
    }
}

/// A calm world in which both quotes of every market rest.
fn calm(seed: u64, rules: Rules) -> Result<World, String> {
    let mut world = World::new(seed, Rules { calm: true, calls_per_second: 20, burst: 40, ..rules });
    for _ in 0..20 {
        world.step(&mut |_| Ok(()))?;
    }
    match resting(&world) {
        n if n == 2 * usize::from(MARKETS) => Ok(world),
        n => Err(format!("{n} orders rest before the scene begins")),
    }
}

/// Runs one scene for many seeds.
fn scenes(bench: &Bench, scene: impl Fn(u64) -> Result<(), String>) -> Verdict {
    let mut evidence = Evidence::default();
    for n in 0..bench.depth.pick(20, 20, 200) {
        evidence.cases += 1;
        if let Err(why) = scene(bench.seed.wrapping_add(n)) {
            return finish(evidence, Some(format!("scene {n}: {why}")));
        }
    }
    finish(evidence, None)
}

fn silence(bench: &Bench, rules: Rules) -> Verdict {
    scenes(bench, |seed| {
        let mut world = calm(seed, rules)?;
        let limit = world.now() + STRICT.dead_after_ms + 2_000;
        while world.now() < limit {
            world.step(&mut no_places)?;
        }
        if resting(&world) > 0 {
            return Err(format!("{} orders rest on a dead feed", resting(&world)));
        }
        for _ in 0..50 {
            world.step(&mut no_places)?;
        }
        // The feed is back: so are the quotes.
        for _ in 0..30 {
            let books = (0..MARKETS).map(|ix| world.book(ix)).collect();
            world.turn(books, &mut |_| Ok(()))?;
            world.step(&mut |_| Ok(()))?;
        }
        wanted_rests(&world)
    })
}

fn crossed(bench: &Bench, stays: bool) -> Verdict {
    scenes(bench, |seed| {
        let mut world = calm(seed, STRICT)?;
        let market = MarketIx(u16::try_from(seed % u64::from(MARKETS)).expect("below three"));
        let good = world.book(market.0);
        let Input::MarketFrame { link, received, text } = good.clone() else { return Err("not a frame".to_owned()) };
        let bad = serde_json::from_str::<serde_json::Value>(&text).map_err(|why| why.to_string())?;
        let mut bad = bad.as_array().and_then(|a| a.first()).cloned().unwrap_or(bad);
        let asks = bad["asks"].clone();
        bad["bids"] = asks;
        let frame = Input::MarketFrame { link, received, text: bad.to_string() };
        let mut seen = world.turn(vec![frame], &mut no_places)?;
        if !stays {
            let mended = world.book(market.0);
            world.turn(vec![mended], &mut |_| Ok(()))?;
        }
        let limit = world.now() + 2_500;
        while world.now() < limit {
            world.step(&mut |step: &Step<'_>| {
                seen.extend(step.actions.iter().cloned());
                no_places(step)
            })?;
        }
        let here = world.orders.values().filter(|o| o.rests && o.order.token.market == market).count();
        let others = resting(&world) - here;
        if here > 0 {
            return Err(format!("{here} orders rest on a crossed book"));
        }
        if others != 2 * usize::from(MARKETS - 1) {
            return Err(format!("{others} orders of the healthy markets are left"));
        }
        match seen.iter().any(|action| matches!(action, Action::Resync { token, .. } if token.market == market)) {
            true => Ok(()),
            false => Err("no new book was asked for".to_owned()),
        }
    })
}

fn shut_gate(bench: &Bench, told: bool) -> Verdict {
    scenes(bench, |seed| {
        let mut world = calm(seed, STRICT)?;
        let gate = |gate| Input::Executor(FromExecutor::Gate(gate));
        let news = if told { vec![gate(Gate::Shut(Shut::HeartbeatLost))] } else { Vec::new() };
        let mut all = world.turn(news, &mut no_places)?;
        let limit = world.now() + 3_000;
        while world.now() < limit {
            world.step(&mut |step: &Step<'_>| {
                all.extend(step.actions.iter().cloned());
                no_places(step)
            })?;
        }
        let sweeps = all.iter().filter(|action| matches!(action, Action::CancelAll { market: None })).count();
        if sweeps != 1 || resting(&world) != 0 {
            return Err(format!("{sweeps} cancel-alls, {} orders rest", resting(&world)));
        }
        world.turn(vec![gate(Gate::Open { until: Timestamp::MAX })], &mut no_places)?;
        let cool = world.now() + 900;
        let books: Vec<_> = (0..MARKETS).map(|ix| world.book(ix)).collect();
        world.turn(books, &mut no_places)?;
        while world.now() < cool {
            world.step(&mut |step: &Step<'_>| if step.at_ms < cool { no_places(step) } else { Ok(()) })?;
        }
        for _ in 0..30 {
            world.step(&mut |_| Ok(()))?;
        }
        wanted_rests(&world)
    })
}
