//! What a desk believes of an order that is said to be gone, and what a start finds of those that went before it.

use super::tests::{check, hash, heard};
use super::tests_evidence::rests_after_all;
use super::tests_stream::{order_event, says};
use super::tests_truth::{cost, covers_the_truth, shares};
use super::{DeskInput, Op};
use crate::rehearsal::{Acts, CallKind, Mishap, OnPost, Rehearsal, Seen, policy, setup};
use mm_core::domain::{Nanos, Price};
use mm_core::protocol::FromExecutor;

/// Runs on in steps of ten milliseconds; at none of them is more at risk than is counted.
fn runs_covered(stage: &mut Rehearsal, ms: u64) {
    for _ in 0..ms / 10 {
        stage.run_ms(10);
        covers_the_truth(stage);
    }
}

#[test]
fn two_words_on_the_order_are_none_on_its_trades() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    stage.fill(id, shares(10));
    (stage.venue.mute, stage.venue.size_lags) = (false, true);
    // the stream and the look-up lag behind the fill together
    stage.cancel(1);
    says(&mut stage, &order_event("CANCELLATION", id, "0"));
    runs_covered(&mut stage, 3_000);
    assert_eq!(stage.desk.exposure().open_orders(), 0, "{:?}", heard(&stage, 1));
    assert_eq!(cost(&stage).to_string(), "4", "{:?}", heard(&stage, 1));
}

#[test]
fn an_old_order_that_nobody_knows_for_a_moment_is_not_gone() {
    let mut stage = check(OnPost::Accept, 140_000, &["accepted"]);
    (stage.venue.forgetful, stage.venue.lists_no_orders) = (true, true);
    (stage.venue.refuses_cancels, stage.venue.mute) = (true, true);
    runs_covered(&mut stage, 20_000);
    assert_eq!(heard(&stage, 1), ["accepted"], "it rests");
    (stage.venue.forgetful, stage.venue.lists_no_orders, stage.venue.refuses_cancels) = (false, false, false);
    runs_covered(&mut stage, 20_000);
    assert_eq!(stage.resting(), 0, "what nobody knew was to be cancelled");
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
}

#[test]
fn an_old_order_that_nobody_knows_for_long_enough_is_gone_and_looked_for_a_while() {
    let mut stage = check(OnPost::Accept, 140_000, &["accepted"]);
    (stage.venue.forgetful, stage.venue.lists_no_orders) = (true, true);
    (stage.venue.refuses_cancels, stage.venue.mute) = (true, true);
    runs_covered(&mut stage, 115_000);
    stage.run_ms(20_000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    (stage.venue.forgetful, stage.venue.lists_no_orders, stage.venue.refuses_cancels) = (false, false, false);
    stage.run_ms(20_000);
    assert_eq!(stage.resting(), 0, "{:?}", stage.alerts);
}

#[test]
fn a_start_reads_the_trades_of_what_ended_before_it() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    (stage.venue.mute, stage.venue.size_lags, stage.venue.lists_no_trades) = (true, true, true);
    stage.fill(id, shares(10));
    stage.operate(Op::Drain);
    stage.run_ms(5_000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"], "by every word there was");
    stage.run_ms(300_000);
    stage.restart(setup(policy(2), false));
    stage.venue.lists_no_trades = false;
    stage.run_ms(10_000);
    assert_eq!(cost(&stage).to_string(), "4");
}

#[test]
fn a_start_is_not_ready_before_it_has_read_trades() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.operate(Op::Drain);
    stage.run_ms(5_000);
    stage.restart(setup(policy(2), false));
    stage.venue.trades_fail = 100;
    stage.run_ms(10_000);
    assert!(!stage.desk.status().flat);
    stage.venue.trades_fail = 0;
    stage.run_ms(2_000);
    assert!(stage.desk.status().flat, "{:?}", stage.desk.status());
}

#[test]
fn a_trade_beyond_the_size_an_order_ended_with_has_it_cancelled() {
    let (mut stage, id) = rests_after_all();
    stage.fill(id, shares(3));
    stage.run_ms(5_000);
    assert_eq!(stage.resting(), 0, "{:?}", stage.alerts);
    assert!(stage.alerts.iter().any(|alert| alert.contains("rests after it was given up")), "{:?}", stage.alerts);
    covers_the_truth(&stage);
}

#[test]
fn a_far_back_reading_that_fails_stands_in_the_way_of_no_younger_one() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    stage.fill(id, shares(5));
    stage.run_ms(3_600_000);
    // the server cannot go that far back any more
    stage.venue.trades_reach = Some(Nanos::from_secs(1_000));
    stage.run_ms(120_000);
    stage.cancel(1);
    stage.run_ms(10_000);
    assert_eq!(heard(&stage, 1).last().map(String::as_str), Some("canceled 5"));
    assert!(stage.alerts.iter().any(|alert| alert.contains("trades cannot be read")), "{:?}", stage.alerts);
}

#[test]
fn one_trade_that_cannot_be_read_hides_no_other() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    stage.venue.strange_trade =
        Some(r#"{"id":"strange","status":"MATCHED","maker_orders":null,"size":"1.23456789"}"#.into());
    stage.fill(id, shares(5));
    stage.run_ms(10_000);
    assert!(heard(&stage, 1).contains(&"fill 5 Matched".to_owned()), "{:?}", heard(&stage, 1));
    assert!(stage.alerts.iter().any(|alert| alert.contains("cannot be read")), "{:?}", stage.alerts);
    assert_eq!(stage.desk.status().halted, None);
}

#[test]
fn a_trade_of_ours_that_cannot_be_read_halts() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    let row = format!(r#"{{"id":"strange","status":"MATCHED","taker_order_id":"{id}","size":"much"}}"#);
    stage.venue.strange_trade = Some(row.into());
    stage.run_ms(10_000);
    assert!(stage.desk.status().halted.is_some_and(|why| why.contains("cannot be read")));
    assert_eq!(stage.resting(), 0);
}

#[test]
fn trades_that_cannot_be_read_for_long_shut_the_gate_of_a_silent_stream() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    (stage.venue.mute, stage.venue.trades_fail) = (true, u32::MAX);
    // lists count as the stream's witness for as long as trades were read not long ago
    stage.run_ms(75_000);
    assert_eq!(stage.resting(), 0, "{:?}", stage.gate());
    assert!(!stage.is_open());
}

#[test]
fn an_order_that_is_seen_after_it_was_said_to_be_gone_is_cancelled_on() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.mute = true;
    // the cancel is answered with its id and does nothing
    let id = hash(&stage, 1);
    let said = Seen::Says(200, Box::leak(format!(r#"{{"canceled":["{id}"],"not_canceled":{{}}}}"#).into_boxed_str()));
    stage.mishaps.push(Mishap { call: CallKind::CancelOne, acts: Acts::Not, seen: said, times: 1 });
    stage.venue.lists_no_orders = true;
    stage.venue.trades_fail = 60;
    stage.cancel(1);
    stage.run_ms(6_000);
    stage.venue.lists_no_orders = false;
    runs_covered(&mut stage, 30_000);
    assert_eq!(stage.resting(), 0, "{:?}", heard(&stage, 1));
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
}

/// An order that nobody filled is cancelled, and the stream alone says that so much of it had matched.
fn cancelled_with(matched: &str) -> Rehearsal {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    stage.cancel(1);
    stage.run_ms(20);
    says(&mut stage, &order_event("CANCELLATION", id, matched));
    stage
}

#[test]
fn a_size_above_the_order_s_own_is_none() {
    let mut stage = cancelled_with("2500000");
    stage.run_ms(5_000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    assert!(cost(&stage).is_zero());
    assert!(stage.desk.exposure().total().worst_case().is_zero(), "{}", stage.desk.exposure().total().worst_case());
}

#[test]
fn trades_that_never_come_are_told_of_once() {
    let mut stage = cancelled_with("5");
    stage.run_ms(300_000);
    let told = |stage: &Rehearsal| stage.alerts.iter().filter(|alert| alert.contains("they stay reserved")).count();
    assert_eq!((heard(&stage, 1).last().map(String::as_str), told(&stage)), (Some("canceled 5"), 0));
    stage.run_ms(1_000_000);
    assert_eq!(told(&stage), 1, "{:?}", stage.alerts);
}

#[test]
fn a_status_nobody_knows_holds_no_order_for_ever() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    (stage.venue.mute, stage.venue.lists_no_orders, stage.venue.refuses_cancels) = (true, true, true);
    stage.venue.status_word = Some("RETIRED");
    stage.run_ms(150_000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    let told = stage.alerts.iter().filter(|alert| alert.contains("RETIRED")).count();
    assert_eq!(told, 1, "{:?}", stage.alerts);
}

#[test]
fn a_fill_in_a_gap_of_the_stream_makes_the_next_stream_no_mute_one() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    // trades cannot be read before the stream is back
    stage.venue.trades_fail = 14;
    stage.input(DeskInput::UserLink { up: false });
    stage.fill(id, shares(5));
    stage.run_ms(2_500);
    stage.venue.mute = false;
    stage.input(DeskInput::UserLink { up: true });
    stage.run_ms(10_000);
    assert!(!stage.alerts.iter().any(|alert| alert.contains("does not tell")), "{:?}", stage.alerts);
    assert!(heard(&stage, 1).contains(&"fill 5 Matched".to_owned()), "{:?}", heard(&stage, 1));
}

#[test]
fn a_core_that_is_back_hears_of_the_trades_it_missed_before_the_balance() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.fill(id, shares(5));
    stage.run_ms(1_000);
    stage.input(DeskInput::CoreLost);
    stage.fill(id, shares(3));
    stage.run_ms(100);
    let before = stage.told.len();
    stage.connect(1, 2);
    stage.run_ms(2_000);
    let told = &stage.told[before..];
    let at = |what: &dyn Fn(&FromExecutor) -> bool| told.iter().position(what);
    let welcome = at(&|m| matches!(m, FromExecutor::Welcome { .. })).expect("every Hello is answered");
    let balance = at(&|m| matches!(m, FromExecutor::Balance { .. })).expect("holdings follow");
    let fills: Vec<_> = told[welcome..balance]
        .iter()
        .filter_map(|m| match m {
            FromExecutor::Fill { qty, .. } => Some(qty.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(fills, ["5", "3"]);
}

#[test]
fn a_trade_is_told_in_the_same_words_however_often() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    // a better price than the order's own, which is what it counts at
    stage.venue.trades_at = Some(Price::from_ten_thousandths(3_900).expect("below one"));
    stage.fill(id, shares(5));
    stage.run_ms(7_000);
    stage.input(DeskInput::CoreLost);
    stage.connect(1, 2);
    stage.run_ms(200);
    let prices: Vec<String> = stage
        .told
        .iter()
        .filter_map(|message| match message {
            FromExecutor::Fill { price, .. } => Some(price.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(prices, ["0.4", "0.4"]);
}
