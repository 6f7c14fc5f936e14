//! Worlds of linked markets that end.

use super::*;
use crate::accounts::Answer;
use mm_core::domain::{MarketIx, Outcome};

fn linked(seed: u64) -> Scenario {
    let mut scenario = Scenario::load(&folder().join("linked.toml")).expect("a scenario of the repository");
    scenario.seed = seed;
    scenario
}

const RED: MarketIx = MarketIx(2);
const BLUE: MarketIx = MarketIx(3);

#[test]
fn of_two_exclusive_outcomes_one_wins_when_the_oracle_speaks() {
    let (mut red, mut trades_after) = (0, 0);
    for seed in 0..8 {
        let scenario = linked(seed);
        let start = scenario.start_utc;
        let mut world = World::new(&scenario, start, Options::default()).expect("a world");
        world.advance(start.plus(Nanos::from_secs(3_299))).expect("no violation");
        assert_eq!(
            (world.exchange().answered(RED), world.exchange().answered(BLUE)),
            (None, None),
            "decided, not said"
        );
        world.advance(start.plus(Nanos::from_secs(3_300))).expect("no violation");
        let answers = [RED, BLUE].map(|market| world.exchange().answered(market));
        let (yes, no) = (Some(Answer::Winner(Outcome::Yes)), Some(Answer::Winner(Outcome::No)));
        assert!(answers == [yes, no] || answers == [no, yes], "{answers:?}");
        red += u32::from(answers[0] == yes);
        let trades = world.crowd().tally().trades();
        world.advance(start.plus(scenario.duration)).expect("no violation");
        trades_after += world.crowd().tally().trades() - trades;
        let kinds = world.summary().kinds;
        let all: i64 = kinds.iter().flat_map(|row| &row.from).map(|(_, profit)| profit.micro).sum();
        assert!(all.abs() < 100, "what is paid in the end is paid by somebody: {all}");
        world.finish().expect("no violation");
    }
    assert!((1..=6).contains(&red), "three in ten, {red} of 8");
    assert!(trades_after > 0, "the other two trade on");
}

#[test]
fn a_world_that_ends_can_be_done_again_from_its_log() {
    let scenario = Scenario { duration: Nanos::from_secs(3_400), ..linked(3) };
    let memory = Memory::default();
    let options = Options { log: Some(Box::new(memory.clone())), ..Options::default() };
    let mut world = World::new(&scenario, scenario.start_utc, options).expect("a world");
    // moved in steps that end between events, and without a bot whose beats would fall on whole seconds
    for step in 1..=400 {
        world.advance(scenario.start_utc.plus(Nanos::from_ms(8_500 * step))).expect("no violation");
    }
    world.finish().expect("no violation");
    let replayed = replay(&memory.bytes()[..], &scenario, None).expect("it happened once");
    assert!(replayed.states > 3, "{}", replayed.states);
    let (yes, no) = (Answer::Winner(Outcome::Yes), Answer::Winner(Outcome::No));
    let answers = [RED, BLUE].map(|market| replayed.exchange.answered(market));
    assert!(answers == [Some(yes), Some(no)] || answers == [Some(no), Some(yes)], "{answers:?}");
}

#[test]
fn shares_are_marked_at_what_they_paid() {
    let scenario = Scenario::load(&folder().join("theory-glosten-milgrom.toml")).expect("a scenario of the repository");
    let (summary, _) = one(&scenario, watched()).expect("a world");
    let dealer = summary.kinds.iter().find(|row| row.kind == Kind::Dealer).expect("it trades");
    // who knew bought at 0.60 what pays 1, or sold at 0.40 what pays nothing
    let (_, from) = dealer.from.iter().find(|(with, _)| *with == Kind::Informed).expect("insiders");
    let fills = i64::try_from(from.fills).expect("few");
    assert_eq!(from.micro, -4_000 * 1_000_000 * fills);
    assert!(fills > 3, "{fills}");
}
