use super::*;
use crate::log::verify;
use crate::scenario::Scenario;
use mm_core::domain::{Nanos, Qty, Side};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

mod fair;

/// A file in memory that outlives its writer.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("one thread").clone()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim")
}

/// Three restless markets with everybody in them: makers, noise, an informed trader, snipers, jumps, and the bot.
fn busy(seed: u64, seconds: u64) -> Scenario {
    let mut scenario = Scenario::load(&folder().join("busy.toml")).expect("a scenario of the repository");
    scenario.seed = seed;
    scenario.duration = Nanos::from_secs(seconds);
    scenario
}

fn watched() -> Options {
    Options { depth: Depth::Every, ..Options::default() }
}

fn logged(scenario: &Scenario) -> (Vec<u8>, mm_core::domain::Digest) {
    let memory = Memory::default();
    let options = Options { log: Some(Box::new(memory.clone())), ..Options::default() };
    let (_, hash) = one(scenario, options).expect("a world");
    (memory.bytes(), hash)
}

#[test]
fn the_same_world_and_seed_are_the_same_run() {
    let scenario = busy(1, 120);
    let (summary, hash) = one(&scenario, watched()).expect("a world");
    assert!(summary.trades > 20 && summary.looked > summary.events / 2, "{summary:?}");
    let again = one(&scenario, Options::default()).expect("a world");
    assert_eq!(again.1, hash, "how closely it is watched changes nothing");
    assert_eq!(logged(&scenario).1, hash, "nor does the log");
    assert_ne!(one(&busy(2, 120), Options::default()).expect("a world").1, hash, "another seed is another run");
}

#[test]
fn a_run_is_a_run_however_it_is_cut() {
    let scenario = busy(3, 60);
    let whole = one(&scenario, Options::default()).expect("a world").1;
    let mut world = World::new(&scenario, scenario.start_utc, Options::default()).expect("a world");
    for ms in (0..60_000).step_by(7) {
        world.advance(scenario.start_utc.plus(Nanos::from_ms(ms))).expect("no violation");
    }
    world.advance(scenario.start_utc.plus(scenario.duration)).expect("no violation");
    assert_eq!(world.finish().expect("no violation"), whole);
}

#[test]
fn threads_change_nothing() {
    let scenario = busy(1, 20);
    let hashes = |threads| -> Vec<_> {
        let runs = many(&scenario, 6, threads, Options::default);
        runs.into_iter().map(|run| run.expect("a world").1).collect()
    };
    let alone = hashes(1);
    assert_eq!(alone, hashes(4));
    let different: std::collections::BTreeSet<_> = alone.iter().map(|hash| hash.0).collect();
    assert_eq!(different.len(), 6, "each run has a seed of its own");
}

#[test]
fn steps_in_which_a_world_is_let_live_are_no_part_of_its_run() {
    let scenario = busy(4, 400);
    let run = |step: Nanos| {
        let mut world = World::new(&scenario, scenario.start_utc, Options::default()).expect("a world");
        let end = scenario.start_utc.plus(scenario.duration);
        let mut at = scenario.start_utc;
        while at < end {
            at = at.plus(step).min(end);
            world.advance(at).expect("no violation");
        }
        (world.finish().expect("no violation"), world.crowd().events())
    };
    let (whole, events) = run(scenario.duration);
    assert!(events > 10_000, "a state must be noted on the way, there were {events} events");
    // a step ends between almost any two events: a clock that is moved by it would show in the noted states
    assert_eq!(run(Nanos::from_ms(1)), (whole, events));
}

#[test]
fn a_log_done_again_in_an_empty_venue_has_the_same_queues() {
    let scenario = busy(4, 120);
    let memory = Memory::default();
    let options = Options { log: Some(Box::new(memory.clone())), ..Options::default() };
    let mut world = World::new(&scenario, scenario.start_utc, options).expect("a world");
    world.advance(scenario.start_utc.plus(scenario.duration)).expect("no violation");
    world.finish().expect("no violation");
    let log = memory.bytes();
    let replayed = replay(&log[..], &scenario, None).expect("it happened once");
    assert!(replayed.entries > 3_000 && replayed.states >= 1, "{} entries", replayed.entries);
    for market in (0u16..3).map(mm_core::domain::MarketIx) {
        for side in [Side::Buy, Side::Sell] {
            let queue = world.exchange().queue(market, side);
            assert!(!queue.is_empty());
            assert_eq!(replayed.exchange.queue(market, side), queue, "{market:?} {side}");
        }
    }
    assert_eq!(replayed.exchange.state_hash(), world.exchange().state_hash());
    // of another seed nothing is done
    assert!(matches!(replay(&log[..], &busy(5, 120), None), Err(ReplayError::Other { what: "seed", .. })));
}

#[test]
fn a_changed_consequence_is_found_where_it_is() {
    let scenario = busy(4, 30);
    let (log, _) = logged(&scenario);
    let text = String::from_utf8(log).expect("text");
    // an order of another size, with hashes that fit: only doing it again shows that its facts do not
    let lines: Vec<&str> = text.lines().collect();
    let changed = lines.iter().position(|line| line.contains("\"submit\"")).expect("somebody traded");
    let mut forged = String::new();
    let mut chain: Option<crate::log::Chain> = None;
    for (n, line) in lines.iter().enumerate() {
        let (_, entry) = line.split_once(' ').expect("hash and entry");
        let mut entry = entry.to_owned();
        if n == changed {
            let qty = entry.split(',').nth(8).expect("a size").to_owned();
            entry = entry.replacen(&format!(",{qty},"), ",7000000,", 1);
        }
        match &mut chain {
            None => chain = Some(crate::log::Chain::new(entry.as_bytes())),
            Some(chain) => chain.absorb(entry.as_bytes()),
        }
        let hash = chain.as_ref().expect("begun").digest();
        forged.push_str(&format!("{hash} {entry}\n"));
    }
    assert_eq!(verify(forged.as_bytes()).expect("the hashes fit").entries, lines.len() as u64 - 1);
    match replay(forged.as_bytes(), &scenario, None) {
        Err(ReplayError::Log(crate::log::LogError::Entry { index, .. })) => assert_eq!(index, changed as u64),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("an order of another size has the same consequences"),
    }
}

#[test]
fn a_snapshot_and_the_tail_of_the_log_lead_to_the_same_venue() {
    let scenario = busy(6, 60);
    let memory = Memory::default();
    let options = Options { log: Some(Box::new(memory.clone())), ..Options::default() };
    let mut world = World::new(&scenario, scenario.start_utc, options).expect("a world");
    world.advance(scenario.start_utc.plus(Nanos::from_secs(25))).expect("no violation");
    let kept = serde_json::to_string(&world.exchange().snapshot()).expect("data");
    let after = world.crowd().events();
    world.advance(scenario.start_utc.plus(scenario.duration)).expect("no violation");
    world.finish().expect("no violation");
    let kept = serde_json::from_str(&kept).expect("data");
    let exchange = Exchange::restore(&scenario, None, kept).expect("it is of this world");
    let tail = replay_tail(&memory.bytes()[..], &scenario, exchange, after).expect("it happened once");
    assert!(tail.entries > 500, "{}", tail.entries);
    assert_eq!(tail.exchange.state_hash(), world.exchange().state_hash());
}

#[test]
fn nobody_hears_of_anything_before_its_latency() {
    // what a party is told is queued with its latency: the log has both moments
    let scenario = busy(7, 30);
    let least = scenario.venue.latency.feed;
    let (log, _) = logged(&scenario);
    let mut told: std::collections::BTreeMap<u64, u64> = std::collections::BTreeMap::new();
    let (mut heard, mut reader) = (0, crate::log::LogReader::new(&log[..]).expect("a log"));
    while let Some(entry) = reader.next_entry().expect("in order") {
        let Some(at) = entry["at"].as_u64() else { continue };
        for fact in entry["facts"].as_array().expect("facts") {
            if fact[0] == "placed" {
                told.insert(fact[2].as_u64().expect("an order"), at);
            }
        }
        if entry["do"][0] == "hear" && entry["do"][2] == "accepted" {
            let order = entry["do"][4].as_u64().expect("an order");
            assert!(at >= told[&order] + least.nanos(), "order {order} is known too early");
            heard += 1;
        }
    }
    assert!(heard > 100, "{heard}");
}

#[test]
fn profits_of_all_add_up_and_every_kind_takes_part() {
    let (summary, _) = one(&busy(8, 600), Options::default()).expect("a world");
    let rows: Vec<Kind> = summary.kinds.iter().map(|row| row.kind).collect();
    for kind in [Kind::Bot, Kind::Maker, Kind::Noise, Kind::Informed, Kind::Sniper] {
        assert!(rows.contains(&kind), "{kind:?} is not among {rows:?}");
    }
    let trading: i64 = summary.kinds.iter().flat_map(|row| &row.from).map(|(_, profit)| profit.micro).sum();
    assert!(trading.abs() < 100, "trading alone makes no money: {trading}");
}

#[test]
fn a_call_from_outside_is_heard_inside() {
    let scenario = busy(9, 30);
    let mut world = World::new(&scenario, scenario.start_utc, watched()).expect("a world");
    let at = scenario.start_utc.plus(Nanos::from_secs(10));
    world.advance(at).expect("no violation");
    let top = world.exchange().top(mm_core::domain::MarketIx(0));
    let order = mm_core::domain::NewOrder {
        token: mm_core::domain::Token { market: mm_core::domain::MarketIx(0), outcome: mm_core::domain::Outcome::Yes },
        side: Side::Buy,
        price: top.ask.expect("makers"),
        qty: Qty::from_whole(5).expect("small"),
        post_only: false,
        tif: mm_core::domain::TimeInForce::Fak,
    };
    let accepted = world
        .call(|exchange| {
            let account = exchange.open_account(at, "0x00000000000000000000000000000000000000aa");
            exchange.submit(at, account, &order)
        })
        .expect("no violation")
        .expect("it meets an offer");
    assert_eq!(accepted.matched, order.qty);
    assert!(world.crowd().tally().counts(Kind::Client).fills > 0);
    world.advance(at.plus(Nanos::from_secs(5))).expect("no violation");
}

#[test]
fn faults_are_no_part_of_virtual_time_and_a_world_that_plans_some_is_refused() {
    use crate::faults::{Kind, Spec, When};
    let mut scenario = busy(1, 10);
    let kind = |name| Kind::named(name).expect("a kind");
    scenario.faults.rows = ["pool-gone", "ghost-fill"]
        .map(|name| Spec::usual(kind(name), When::PerHour { millionths: 1_000_000 }))
        .to_vec();
    let refused = World::new(&scenario, scenario.start_utc, Options::default()).map(|_| ());
    let why = refused.expect_err("nobody would make them happen").to_string();
    for word in ["pool-gone", "ghost-fill", "serve"] {
        assert!(why.contains(word), "{why:?} does not say {word}");
    }
    assert!(one(&scenario, Options::default()).is_err(), "nor does a run");
    World::served(&scenario, None, scenario.start_utc).expect("a server makes them happen");
}
