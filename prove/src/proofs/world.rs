//! M1: the world. Our own engine and desk among makers, noise, informed traders and snipers, in virtual time.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{MarketIx, Nanos, Outcome, Timestamp};
use sim_exchange::exchange::Filter;
use sim_exchange::log;
use sim_exchange::scenario::{BotSpec, Scenario};
use sim_exchange::world::{self, Control, Depth, Kind, Options, World};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use toml::{Table, Value};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "world-invariants-hold",
        milestone: 1,
        claim: "Ten accelerated minutes of three restless markets with the bot in them break no invariant after any event, and in the \
                end the bot's wallet is what its fills say.",
        quick: true,
        min_cases: 10_000,
        run: |bench| invariants(bench, 0),
        sabotage_claim: "a millionth of a dollar more is in the bot's wallet",
        sabotage: Some(|bench| invariants(bench, 1)),
    },
    Proof {
        id: "world-bot-in-bounds",
        milestone: 1,
        claim: "In ten accelerated minutes the bot's inventory stays inside its limit in every market at every second, it sends no \
                more orders than its limits allow, and it is filled.",
        quick: true,
        min_cases: 600,
        run: |bench| bounds(bench, false),
        sabotage_claim: "the bot's own limits on inventory and edits are lifted",
        sabotage: Some(|bench| bounds(bench, true)),
    },
    Proof {
        id: "world-stale-feed-cancels",
        milestone: 1,
        claim: "When the bot's feed falls silent, its orders are gone 35 seconds later and stay away, and it quotes again when the \
                feed speaks; the others trade on.",
        quick: true,
        min_cases: 3,
        run: |bench| stale_feed(bench, false),
        sabotage_claim: "core and executor believe in a silent feed for an hour",
        sabotage: Some(|bench| stale_feed(bench, true)),
    },
    Proof {
        id: "world-same-seed-same-run",
        milestone: 1,
        claim: "The same world and seed give the same hash twice, watched or not, logged or not, on one thread and on four.",
        quick: true,
        min_cases: 50_000,
        run: |bench| same_run(bench, 0),
        sabotage_claim: "the second run has another seed",
        sabotage: Some(|bench| same_run(bench, 1)),
    },
    Proof {
        id: "world-log-is-evidence",
        milestone: 1,
        claim: "A run's log, done again in an empty venue, has the same facts and queues, and a changed byte is found at its entry.",
        quick: true,
        min_cases: 100,
        run: |bench| evidence_of_log(bench, false),
        sabotage_claim: "whoever changes the byte also makes every later hash fit",
        sabotage: Some(|bench| evidence_of_log(bench, true)),
    },
];

fn refuted(mut evidence: Evidence, why: impl std::fmt::Display) -> Verdict {
    evidence.fact("why", why);
    Verdict::Refuted(evidence)
}

fn busy(bench: &Bench) -> Result<Scenario, String> {
    let mut scenario = Scenario::load(&bench.root.join("config/sim/busy.toml")).map_err(|why| why.to_string())?;
    scenario.seed = bench.seed;
    Ok(scenario)
}

/// Writes over keys of one of the bot's two configurations.
fn over(text: &mut String, section: &str, keys: &[(&str, Value)]) -> Result<(), String> {
    let mut table: Table = text.parse().map_err(|why: toml::de::Error| why.to_string())?;
    let inner = table.get_mut(section).and_then(Value::as_table_mut).ok_or_else(|| format!("no [{section}]"))?;
    for (key, value) in keys {
        inner.insert((*key).to_owned(), value.clone());
    }
    *text = table.to_string();
    Ok(())
}

fn bot_of(scenario: &mut Scenario) -> Result<&mut BotSpec, String> {
    scenario.bot.as_mut().ok_or_else(|| "the world has no bot".to_owned())
}

/// Ten minutes, then a minute in which the bot may not trade and everything settles.
fn invariants(bench: &Bench, gift_micro: u64) -> Verdict {
    let attempt = || -> Result<Evidence, (Evidence, String)> {
        let mut evidence = Evidence::default();
        let none = |why: String| (Evidence::default(), why);
        let scenario = busy(bench).map_err(none)?;
        let start = scenario.start_utc;
        let watched = Options { depth: Depth::Every, ..Options::default() };
        let mut world = World::new(&scenario, start, watched).map_err(|why| none(why.to_string()))?;
        let end = start.plus(scenario.duration);
        world.crowd_mut().schedule(end, Control::Geoblocked(true));
        let last = end.plus(Nanos::from_secs(120));
        let lived = world.advance(last).and_then(|()| world.finish());
        let summary = world.summary();
        evidence.cases = summary.events;
        evidence.fact("times all invariants were looked at", summary.looked);
        evidence.fact("trades", summary.trades);
        lived.map_err(|violation| (evidence.clone(), violation.to_string()))?;
        let tally = world.crowd().tally();
        let counts = tally.counts(Kind::Bot);
        evidence.fact("fills of the bot", counts.fills);
        let Some(account) = world.crowd().bot().map(world::Bot::account) else {
            return Err((evidence, "the world has no bot".to_owned()));
        };
        let funds = i128::from(scenario.venue.wallet_usdc.micro());
        // rewards and rebates are paid at midnight, which is not among these minutes
        let told = funds + i128::from(tally.cash(Kind::Bot)) - i128::from(counts.fees);
        let held = i128::from(world.exchange().balance(account, None)) + i128::from(gift_micro);
        evidence.fact("dollars by its fills, millionths", told);
        evidence.fact("dollars in its wallet, millionths", held);
        if counts.fills == 0 || summary.trades < 100 {
            return Err((evidence, "too little happened to show anything".to_owned()));
        }
        for (row, info) in (0u16..).zip(world.exchange().markets()) {
            let shares = |outcome| {
                let of = world.exchange().balance(account, Some(info.market.token_id(outcome)));
                i64::try_from(of).unwrap_or(i64::MAX)
            };
            let net = shares(Outcome::Yes) - shares(Outcome::No);
            if net != tally.net_yes(Kind::Bot, MarketIx(row)) {
                return Err((evidence, format!("market {row}: the wallet holds a net {net} millionths of YES")));
            }
        }
        if told == held { Ok(evidence) } else { Err((evidence, "the wallet differs from what was told".to_owned())) }
    };
    match attempt() {
        Ok(evidence) => Verdict::Proved(evidence),
        Err((evidence, why)) => refuted(evidence, why),
    }
}

/// Shares the bot may hold in one market by its configuration, one more order included.
const HELD_MAX_SHARES: i64 = 220;
/// Orders a minute: two slots in each of three markets, edited once in two seconds at most.
const ORDERS_PER_MINUTE_MAX: u64 = 180;

fn bounds(bench: &Bench, lifted: bool) -> Verdict {
    let attempt = || -> Result<(Evidence, bool), String> {
        let mut scenario = busy(bench)?;
        let bot = bot_of(&mut scenario)?;
        // one side is hit again and again: only the bot's own limits keep it from filling up
        if lifted {
            let text = |text: &str| Value::from(text);
            over(
                &mut bot.mm_core,
                "quote",
                &[
                    ("max_held_shares", text("100000")),
                    ("size_shares", text("400")),
                    ("max_size_shares", text("400")),
                    ("skew_cents_per_100_shares", text("0")),
                ],
            )?;
            over(&mut bot.mm_core, "risk", &[("max_market_usdc", text("9000")), ("max_total_usdc", text("9500"))])?;
            over(
                &mut bot.mm_core,
                "orders",
                &[
                    ("min_edit_interval_ms", Value::Integer(0)),
                    ("do_nothing_cents", text("0")),
                    ("calls_per_second", Value::Integer(1000)),
                    ("calls_burst", Value::Integer(1000)),
                ],
            )?;
            over(
                &mut bot.executor,
                "policy",
                &[
                    ("max_order_shares", text("1000")),
                    ("max_order_usdc", text("1000")),
                    ("max_market_usdc", text("9500")),
                    ("max_total_usdc", text("9900")),
                    ("max_market_loss_usdc", text("9500")),
                    ("max_event_loss_usdc", text("9900")),
                    ("max_total_loss_usdc", text("9900")),
                    ("max_token_resting_usdc", text("9500")),
                    ("max_market_resting_usdc", text("9500")),
                    ("max_event_resting_usdc", text("9900")),
                    ("max_orders_per_minute", Value::Integer(60_000)),
                    ("max_token_fills_per_minute", Value::Integer(60_000)),
                    ("max_day_bought_usdc", text("1000000")),
                    ("max_day_outflow_usdc", text("1000000")),
                    ("max_day_placed_usdc", text("100000000")),
                ],
            )?;
        }
        let start = scenario.start_utc;
        let mut world = World::new(&scenario, start, Options::default()).map_err(|why| why.to_string())?;
        let mut evidence = Evidence::default();
        let (mut held_max, mut minute_max, mut before) = (0i64, 0u64, 0u64);
        for second in 1..=600u64 {
            world.advance(start.plus(Nanos::from_secs(second))).map_err(|why| why.to_string())?;
            evidence.cases += 1;
            let tally = world.crowd().tally();
            for market in (0..3).map(MarketIx) {
                held_max = held_max.max(tally.net_yes(Kind::Bot, market).abs());
            }
            if second.is_multiple_of(60) {
                let placed = tally.counts(Kind::Bot).placed;
                minute_max = minute_max.max(placed - before);
                before = placed;
            }
        }
        let counts = world.crowd().tally().counts(Kind::Bot);
        evidence.fact("largest net position, shares", held_max / 1_000_000);
        evidence.fact("most orders in a minute", minute_max);
        evidence.fact("orders", counts.placed);
        evidence.fact("fills", counts.fills);
        let churn = counts.placed.checked_div(counts.maker_fills).unwrap_or(u64::MAX);
        evidence.fact("orders for each fill", churn);
        let within = held_max <= HELD_MAX_SHARES * 1_000_000 && minute_max <= ORDERS_PER_MINUTE_MAX;
        Ok((evidence, within && counts.fills > 0))
    };
    match attempt() {
        Ok((evidence, true)) => Verdict::Proved(evidence),
        Ok((evidence, false)) => Verdict::Refuted(evidence),
        Err(why) => Verdict::Broken(why),
    }
}

fn stale_feed(bench: &Bench, believed: bool) -> Verdict {
    let attempt = || -> Result<Result<Evidence, (Evidence, String)>, String> {
        let mut scenario = busy(bench)?;
        if believed {
            let hour = Value::Integer(3_600_000);
            let bot = bot_of(&mut scenario)?;
            over(
                &mut bot.mm_core,
                "feed",
                &[
                    ("dead_after_ms", hour),
                    ("probe_after_ms", Value::Integer(600_000)),
                    ("witness_every_ms", Value::Integer(3_600_000)),
                ],
            )?;
            over(&mut bot.executor, "gate", &[("feed_max_age_ms", Value::Integer(600_000))])?;
        }
        let start = scenario.start_utc;
        let second = |n: u64| start.plus(Nanos::from_secs(n));
        let mut world = World::new(&scenario, start, Options::default()).map_err(|why| why.to_string())?;
        world.crowd_mut().schedule(second(120), Control::Feed { speaks: false });
        world.crowd_mut().schedule(second(240), Control::Feed { speaks: true });
        let mut evidence = Evidence::default();
        let resting = |world: &mut World, at: Timestamp| -> Result<usize, String> {
            world.advance(at).map_err(|why| why.to_string())?;
            let account = world.crowd().bot().map(world::Bot::account).ok_or("the world has no bot")?;
            Ok(world.exchange().open_orders(account, &Filter::default()).len())
        };
        let before = (100..=119).map(|n| resting(&mut world, second(n))).collect::<Result<Vec<_>, _>>()?;
        let trades = world.crowd().tally().trades();
        let during = (155..=239).map(|n| resting(&mut world, second(n))).collect::<Result<Vec<_>, _>>()?;
        let others = world.crowd().tally().trades() - trades;
        let after = (241..=330).map(|n| resting(&mut world, second(n))).collect::<Result<Vec<_>, _>>()?;
        let most = |seen: &[usize]| seen.iter().copied().max().unwrap_or(0);
        evidence.cases = 3;
        evidence.fact("most orders resting before", most(&before));
        evidence.fact("most orders resting from 35 s of silence on", most(&during));
        evidence.fact("most orders resting when the feed speaks again", most(&after));
        evidence.fact("trades of the others in that time", others);
        let holds = most(&before) > 0 && most(&during) == 0 && most(&after) > 0 && others > 0;
        Ok(if holds { Ok(evidence) } else { Err((evidence, "see above".to_owned())) })
    };
    match attempt() {
        Ok(Ok(evidence)) => Verdict::Proved(evidence),
        Ok(Err((evidence, why))) => refuted(evidence, why),
        Err(why) => Verdict::Broken(why),
    }
}

/// A file in memory that outlives its writer.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().map(|bytes| bytes.clone()).unwrap_or_default()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::Error::other("a writer panicked"))?.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn same_run(bench: &Bench, other_seed: u64) -> Verdict {
    let attempt = || -> Result<(Evidence, bool), String> {
        let mut scenario = busy(bench)?;
        scenario.duration = Nanos::from_secs(bench.depth.pick(300, 600, 3600));
        let run = |scenario: &Scenario, options: Options| world::one(scenario, options).map_err(|why| why.to_string());
        let (summary, first) = run(&scenario, Options::default())?;
        let second = Scenario { seed: scenario.seed.wrapping_add(other_seed), ..scenario.clone() };
        let memory = Memory::default();
        let logged = Options { log: Some(Box::new(memory)), depth: Depth::Every, ..Options::default() };
        let (_, again) = run(&second, logged)?;
        scenario.duration = Nanos::from_secs(30);
        let many = |threads| -> Result<Vec<_>, String> {
            let runs = world::many(&scenario, 8, threads, Options::default);
            runs.into_iter().map(|run| run.map(|(_, hash)| hash).map_err(|why| why.to_string())).collect()
        };
        let (alone, together) = (many(1)?, many(4)?);
        let mut evidence = Evidence { cases: 2 * summary.events, ..Evidence::default() };
        evidence.fact("first hash", first);
        evidence.fact("second hash, watched and logged", again);
        evidence.fact("eight runs on one thread and on four", if alone == together { "equal" } else { "differ" });
        Ok((evidence, first == again && alone == together))
    };
    match attempt() {
        Ok((evidence, true)) => Verdict::Proved(evidence),
        Ok((evidence, false)) => Verdict::Refuted(evidence),
        Err(why) => Verdict::Broken(why),
    }
}

fn evidence_of_log(bench: &Bench, refitted: bool) -> Verdict {
    let attempt = || -> Result<(Evidence, Option<String>), String> {
        let mut scenario = busy(bench)?;
        scenario.duration = Nanos::from_secs(120);
        let memory = Memory::default();
        let options = Options { log: Some(Box::new(memory.clone())), ..Options::default() };
        let mut world = World::new(&scenario, scenario.start_utc, options).map_err(|why| why.to_string())?;
        let end = scenario.start_utc.plus(scenario.duration);
        world.advance(end).and_then(|()| world.finish()).map_err(|why| why.to_string())?;
        let good = memory.bytes();
        let replayed = world::replay(&good[..], &scenario, None).map_err(|why| why.to_string())?;
        let mut evidence = Evidence::default();
        evidence.fact("entries done again", replayed.entries);
        evidence.fact("states compared", replayed.states);
        if replayed.exchange.state_hash() != world.exchange().state_hash() {
            return Ok((evidence, Some("the venue that did it again is another".to_owned())));
        }
        let tries = usize::try_from(bench.depth.pick(120, 400, 4_000)).unwrap_or(usize::MAX);
        for n in 0..tries {
            // spread over the whole log, header and hashes included
            let place = n * (good.len() - 1) / tries;
            let mut bad = good.clone();
            bad[place] ^= 1;
            let line = good[..place].iter().filter(|byte| **byte == b'\n').count();
            if refitted {
                bad = refit(&bad).unwrap_or(bad);
            }
            evidence.cases += 1;
            match log::verify(&bad[..]) {
                Err(log::LogError::Entry { index, .. }) if usize::try_from(index) == Ok(line) => {}
                Err(other) => return Ok((evidence, Some(format!("byte {place} of line {line}: {other}")))),
                Ok(_) => {
                    return Ok((evidence, Some(format!("byte {place} of line {line} is changed and nobody sees it"))));
                }
            }
        }
        Ok((evidence, None))
    };
    match attempt() {
        Ok((evidence, None)) => Verdict::Proved(evidence),
        Ok((evidence, Some(why))) => refuted(evidence, why),
        Err(why) => Verdict::Broken(why),
    }
}

/// The same entries with hashes that fit them.
fn refit(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut chain: Option<log::Chain> = None;
    for line in bytes.strip_suffix(b"\n")?.split(|byte| *byte == b'\n') {
        let entry = line.get(65..)?;
        match &mut chain {
            None => chain = Some(log::Chain::new(entry)),
            Some(chain) => chain.absorb(entry),
        }
        out.extend_from_slice(chain.as_ref()?.digest().to_string().as_bytes());
        out.push(b' ');
        out.extend_from_slice(entry);
        out.push(b'\n');
    }
    Some(out)
}
