//! A market's life: ticks, the start of the game, answers, events, redemption.

use super::arena::{arena, shares, told, two, wants};
use super::*;
use crate::accounts::{Answer, Asset, Refused};
use mm_core::domain::{MarketIx, Outcome, TickSize};

const YES_WINS: Answer = Answer::Winner(Outcome::Yes);
const NO_WINS: Answer = Answer::Winner(Outcome::No);

#[test]
fn a_tick_that_changes_by_plan_is_told_for_both_tokens_and_moves_nothing() {
    let mut exchange =
        arena("", "", &["tick_changes = [{ at_s = 10, tick = \"0.001\" }, { at_s = 20, tick = \"0.1\" }]"]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes buy 0.45 10")).expect("rests");
    exchange.submit(at(9_999), a, &wants("yes buy 0.455 10")).expect_err("off the grid");
    exchange.drain();
    exchange.tick(at(10_000));
    expect![[r#"
        TickSizeChange 0.01 -> 0.001
        TickSizeChange 0.01 -> 0.001
    "#]]
    .assert_eq(&ticks(&mut exchange));
    exchange.submit(at(10_000), a, &wants("yes buy 0.455 10")).expect("on the finer grid");
    exchange.tick(at(20_000));
    exchange.submit(at(20_000), a, &wants("yes buy 0.45 10")).expect_err("off the coarse grid");
    assert_eq!(exchange.depth(MarketIx(0), Side::Buy).len(), 2, "resting orders keep their prices");
    let taken = exchange.submit(at(20_000), b, &wants("yes sell 0.4 20")).expect("meets both");
    assert_eq!((taken.matched, taken.trades, taken.notional.micro()), (shares(20), 2, 9_050_000));
    exchange.check().expect("every promise holds");
}

fn ticks(exchange: &mut Exchange) -> String {
    let mut out = String::new();
    for notice in exchange.drain() {
        if let Notice::Market(WireEvent::TickSizeChange { old, new, .. }) = notice {
            writeln!(out, "TickSizeChange {} -> {new}", old.expect("it is told")).expect("a string takes everything");
        }
    }
    out
}

#[test]
fn near_the_ends_the_tick_becomes_fine_by_itself_where_the_rule_is_on() {
    for (rule, price, fine) in [
        ("tick_rule = true", "yes 0.97", true),
        ("tick_rule = true", "no 0.97", true),
        ("tick_rule = true", "yes 0.96", false),
        ("tick_rule = true", "yes 0.03", true),
        ("tick_rule = true", "yes 0.04", false),
        ("", "yes 0.97", false),
    ] {
        let mut exchange = arena("", "", &[rule]);
        let (a, b) = two(&mut exchange);
        let (outcome, price) = price.split_once(' ').expect("two words");
        exchange.submit(at(0), a, &wants(&format!("{outcome} sell {price} 50"))).expect("rests");
        exchange.submit(at(0), b, &wants(&format!("{outcome} buy {price} 50"))).expect("meets");
        let tick = exchange.markets()[0].market.tick;
        assert_eq!(tick.ten_thousandths() == 10, fine, "{rule} {outcome} {price}");
    }
}

#[test]
fn the_game_starts_and_the_book_is_empty_unless_it_is_kept() {
    for (keys, left) in [("game_start_s = 60", 0), ("game_start_s = 60\nclear_book_on_start = false", 1)] {
        let mut exchange = arena("", "", &[&format!("{keys}\nseconds_delay = 30")]);
        let (a, b) = two(&mut exchange);
        exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests");
        assert!(exchange.move_game_start(MarketIx(0), at(90_000)));
        exchange.submit(at(65_000), b, &wants("yes buy 0.49 10")).expect("the start has moved");
        let held = exchange.submit(at(70_000), b, &wants("yes buy 0.50 5")).expect("held");
        assert_eq!(held.status, PlacedStatus::Delayed);
        exchange.tick(at(90_000));
        assert_eq!(exchange.depth(MarketIx(0), Side::Sell).len(), left, "{keys}");
        exchange.check().expect("every promise holds");
        exchange.submit(at(90_001), b, &wants("yes buy 0.40 10")).expect("trading goes on");
        exchange.tick(at(200_000));
        exchange.check().expect("every promise holds");
    }
}

#[test]
fn an_answer_cancels_what_rests_and_pays_the_winner() {
    let mut exchange = arena("", "", &["resolve = { at_s = 60, winner = \"no\" }"]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes buy 0.45 10")).expect("rests");
    exchange.submit(at(0), b, &wants("yes sell 0.45 30")).expect("ten match, twenty rest");
    assert_eq!(exchange.redeem(at(59_000), a, MarketIx(0)), Err(Refused::NotResolved));
    told(&mut exchange);
    exchange.tick(at(60_000));
    expect![[r#"
        a1 order 2 Ended(MarketResolved) matched 10 left 20
        level SELL 0.45 x 0
        resolved 0 Some(No)
    "#]]
    .assert_eq(&told(&mut exchange));
    assert_eq!(exchange.submit(at(60_000), a, &wants("yes buy 0.45 10")), Err(RejectWhy::NotReady));
    assert_eq!(exchange.split(at(60_000), a, MarketIx(0), shares(1)), Err(Refused::Resolved));
    // both hold 100 NO; a has 110 YES, b 90: worth nothing now
    for account in [a, b] {
        assert_eq!(exchange.redeem(at(61_000), account, MarketIx(0)).map(|paid| paid.micro()), Ok(100_000_000));
        assert_eq!(exchange.accounts().balance(account, Asset::Share(0, Outcome::Yes)), 0);
        exchange.check().expect("every promise holds");
    }
    assert_eq!(exchange.redeem(at(61_000), a, MarketIx(0)).map(|paid| paid.micro()), Ok(0));
    assert_eq!(exchange.resolve(at(61_000), MarketIx(0), YES_WINS), Err(Refused::Resolved));
    let total: u64 = [a, b].iter().map(|x| exchange.accounts().balance(*x, Asset::Usdc)).sum();
    assert_eq!(total, 2_000_000_000);
}

#[test]
fn an_answer_is_told_on_the_market_channel() {
    let mut exchange = arena("", "", &[""]);
    exchange.drain();
    exchange.resolve(at(5), MarketIx(0), Answer::Half).expect("open");
    let told = exchange.drain();
    let [Notice::Market(WireEvent::MarketResolved { tokens, winner, venue_ms, .. })] = told.as_slice() else {
        panic!("one frame: {told:?}");
    };
    assert_eq!((tokens.len(), winner.as_ref(), *venue_ms), (2, None, at(5).ms()));
}

#[test]
fn an_undecided_answer_pays_half_a_dollar_each() {
    let mut exchange = arena("", "", &[""]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes buy 0.30 10")).expect("rests");
    exchange.submit(at(0), b, &wants("yes sell 0.30 10")).expect("meets");
    exchange.resolve(at(1_000), MarketIx(0), Answer::Half).expect("open");
    // the trade is mined after the answer: the tokens move all the same
    exchange.tick(at(20_000));
    exchange.check().expect("every promise holds");
    assert_eq!(exchange.redeem(at(20_000), a, MarketIx(0)).map(|paid| paid.micro()), Ok(105_000_000));
    exchange.check().expect("every promise holds");
    assert_eq!(exchange.redeem(at(20_000), b, MarketIx(0)).map(|paid| paid.micro()), Ok(95_000_000));
    exchange.check().expect("every promise holds");
}

#[test]
fn no_of_some_becomes_dollars_and_yes_of_the_others() {
    let event = "event = \"race\"\nneg_risk = true";
    for winner in 0..4u16 {
        let mut exchange = arena("", "", &[event, event, event, event, "event = \"other\""]);
        let (a, _) = two(&mut exchange);
        let before = exchange.accounts().balance(a, Asset::Usdc);
        let two_of_four = [MarketIx(0), MarketIx(2)];
        assert_eq!(exchange.convert(at(0), a, &[MarketIx(0), MarketIx(4)], shares(1)), Err(Refused::NotOneEvent));
        assert_eq!(exchange.convert(at(0), a, &[MarketIx(4)], shares(1)), Err(Refused::NotOneEvent));
        assert_eq!(exchange.convert(at(0), a, &[MarketIx(0); 2], shares(1)), Err(Refused::NotOneEvent));
        let beyond = exchange.convert(at(0), a, &two_of_four, shares(101));
        assert!(matches!(beyond, Err(Refused::NotEnough { .. })), "{beyond:?}");
        exchange.convert(at(0), a, &two_of_four, shares(60)).expect("it has 100 of each");
        exchange.check().expect("every promise holds");
        let has = |exchange: &Exchange, market: usize, outcome| {
            exchange.accounts().balance(a, Asset::Share(market, outcome)) / 1_000_000
        };
        let all: Vec<(u64, u64)> =
            (0..4).map(|m| (has(&exchange, m, Outcome::Yes), has(&exchange, m, Outcome::No))).collect();
        assert_eq!(all, [(100, 40), (160, 100), (100, 40), (160, 100)]);
        assert_eq!(exchange.accounts().balance(a, Asset::Usdc) - before, 60_000_000);
        // whoever wins, the wallet is worth what it was: converting neither makes nor loses money
        exchange.resolve(at(1), MarketIx(winner), YES_WINS).expect("open");
        exchange.check().expect("every promise holds");
        assert_eq!(exchange.answered(MarketIx((winner + 1) % 4)), Some(NO_WINS));
        assert_eq!(exchange.convert(at(2), a, &[MarketIx(1)], shares(1)), Err(Refused::NotOneEvent));
        for market in 0..4 {
            exchange.redeem(at(2), a, MarketIx(market)).expect("answered");
            exchange.check().expect("every promise holds");
        }
        assert_eq!(exchange.accounts().balance(a, Asset::Usdc) - before, 400_000_000, "winner {winner}");
    }
}

#[test]
fn an_event_has_exactly_one_yes() {
    let event = "event = \"race\"\nneg_risk = true";
    let mut exchange = arena("", "", &[event, event, event]);
    assert_eq!(exchange.resolve(at(0), MarketIx(0), Answer::Half), Err(Refused::Contradiction));
    exchange.resolve(at(0), MarketIx(0), NO_WINS).expect("two are left");
    exchange.resolve(at(0), MarketIx(1), NO_WINS).expect("one is left");
    assert_eq!(exchange.resolve(at(0), MarketIx(2), NO_WINS), Err(Refused::Contradiction));
    exchange.resolve(at(0), MarketIx(2), YES_WINS).expect("the only one left");
    exchange.check().expect("every promise holds");
}

#[test]
fn converted_sets_pay_back_when_the_answers_come_one_by_one() {
    let event = "event = \"race\"\nneg_risk = true";
    let mut exchange = arena("", "", &[event, event, event]);
    let (a, b) = two(&mut exchange);
    exchange.convert(at(0), a, &[MarketIx(0)], shares(100)).expect("NO of one becomes YES of two");
    exchange.convert(at(0), b, &[MarketIx(0), MarketIx(1), MarketIx(2)], shares(50)).expect("all NO is two dollars");
    for (market, answer) in [(1, NO_WINS), (0, NO_WINS), (2, YES_WINS)] {
        exchange.resolve(at(1), MarketIx(market), answer).expect("open");
        exchange.check().expect("every promise holds");
    }
    for account in [a, b] {
        for market in 0..3 {
            exchange.redeem(at(2), account, MarketIx(market)).expect("answered");
        }
        assert_eq!(exchange.accounts().balance(account, Asset::Usdc), 1_000_000_000);
    }
    exchange.check().expect("every promise holds");
}

#[test]
fn every_tick_has_its_grid() {
    for tick in TickSize::ALL {
        let mut exchange = arena("", &format!("tick = \"{tick}\""), &[""]);
        let (a, b) = two(&mut exchange);
        let lowest = Price::from_ten_thousandths(tick.ten_thousandths()).expect("a tick is a price");
        for price in [lowest, lowest.complement()] {
            let rests = exchange.submit(at(0), a, &wants(&format!("yes buy {price} 5"))).expect("on the grid");
            assert_eq!(exchange.top(MarketIx(0)).bid, Some(price));
            let met = exchange.submit(at(0), b, &wants(&format!("yes sell {price} 5"))).expect("meets");
            assert_eq!((met.matched, rests.matched), (shares(5), Qty::ZERO));
        }
        exchange.check().expect("every promise holds");
    }
}
