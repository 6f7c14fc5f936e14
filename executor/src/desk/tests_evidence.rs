//! What is evidence that an order can trade no more, and what is not: one that rested for long, one that was given up, words that
//! come too early.

use super::DeskInput;
use super::tests::{bid, check, hash, heard};
use super::tests_stream::{order_event, says};
use super::tests_truth::{cost, covers_the_truth, shares};
use crate::rehearsal::{Acts, CallKind, Mishap, OnPost, Rehearsal, Seen, policy, setup};
use mm_core::domain::{Nanos, OrderId};

/// An order that has rested for longer than a late one takes to land.
fn old() -> Rehearsal {
    let mut stage = check(OnPost::Accept, 140_000, &["accepted"]);
    stage.venue.mute = true;
    stage
}

#[test]
fn an_old_order_that_is_missed_is_no_end_before_trades_were_read_since() {
    let mut stage = old();
    // the venue's look-ups do not know what filled, and trades cannot be read for a while
    (stage.venue.forgetful, stage.venue.trades_fail) = (true, 20);
    let id = hash(&stage, 1);
    stage.fill(id, shares(20));
    for _ in 0..1500 {
        stage.run_ms(10);
        covers_the_truth(&stage);
    }
    assert_eq!(heard(&stage, 1), ["accepted", "fill 20 Matched"]);
    assert_eq!(cost(&stage).to_string(), "8");
}

#[test]
fn one_that_is_seen_again_has_not_been_missed() {
    let mut stage = old();
    stage.venue.forgetful = true;
    // missed by a look-up, shown by the lists after it
    stage.venue.refuses_cancels = true;
    stage.cancel(1);
    stage.run_ms(20_000);
    let id = hash(&stage, 1);
    stage.venue.trades_fail = 20;
    stage.fill(id, shares(20));
    for _ in 0..1500 {
        stage.run_ms(10);
        covers_the_truth(&stage);
    }
    assert_eq!(cost(&stage).to_string(), "8");
}

#[test]
fn a_stream_that_repeats_an_old_size_after_the_answer_frees_nothing() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.mute = true;
    let id = hash(&stage, 1);
    stage.fill(id, shares(10));
    stage.cancel(1);
    // the answer to the cancel is there
    stage.run_ms(50);
    for _ in 0..3 {
        says(&mut stage, &order_event("CANCELLATION", id, "0"));
        covers_the_truth(&stage);
    }
    for _ in 0..300 {
        stage.run_ms(10);
        covers_the_truth(&stage);
    }
    assert_eq!(stage.desk.exposure().open_orders(), 0, "{:?}", heard(&stage, 1));
    assert_eq!(cost(&stage).to_string(), "4", "{:?}", heard(&stage, 1));
}

/// Five of twenty shares were bought, and then the order was cancelled; and it rests after all.
pub(super) fn rests_after_all() -> (Rehearsal, OrderId) {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.fill(id, shares(5));
    stage.run_ms(4_000);
    stage.cancel(1);
    stage.run_ms(1_000);
    assert_eq!(heard(&stage, 1), ["accepted", "fill 5 Matched", "fill 5 Confirmed", "canceled 5"]);
    stage.venue.orders.entry(id).and_modify(|resting| resting.live = true);
    (stage, id)
}

#[test]
fn one_that_has_traded_and_rests_although_it_was_said_to_have_ended_is_cancelled() {
    let (mut stage, id) = rests_after_all();
    // a word of the stream is no evidence: it may be old
    says(&mut stage, &order_event("UPDATE", id, "5"));
    assert_eq!(heard(&stage, 1).len(), 4);
    stage.place(2, super::tests::bid(39));
    stage.run_ms(8_000);
    assert!(!stage.venue.orders[&id].live, "{:?}", stage.alerts);
    assert!(stage.alerts.iter().any(|alert| alert.contains("rests after it was given up")), "{:?}", stage.alerts);
    assert_eq!(heard(&stage, 1).last().map(String::as_str), Some("canceled 5"));
    covers_the_truth(&stage);
}

#[test]
fn a_restart_knows_that_an_order_that_was_given_up_may_yet_land() {
    let mut stage = check(OnPost::StatusThenTake(401, Nanos::from_secs(60)), 3_000, &["unknown", "canceled 0"]);
    stage.restart(setup(policy(2), false));
    stage.run_ms(3_000);
    assert!(stage.desk.status().flat, "{:?}", stage.desk.status());
    assert!(stage.desk.may_land_for().is_some(), "as before the restart");
    stage.arm();
    stage.run_ms(1);
    assert!(stage.answers.last().is_some_and(Result::is_err), "{:?}", stage.answers);
    stage.run_ms(70_000);
    assert_eq!(stage.resting(), 0, "it was found: {:?}", stage.alerts);
    assert!(stage.alerts.iter().any(|alert| alert.contains("rests after it was given up")), "{:?}", stage.alerts);
}

#[test]
fn a_restart_waits_for_no_order_that_was_cancelled_or_refused() {
    let mut stage = check(OnPost::Reject, 500, &["rejected"]);
    stage.venue.on_post = OnPost::Accept;
    stage.place(2, super::tests::bid(39));
    stage.run_ms(500);
    stage.cancel(2);
    stage.run_ms(500);
    stage.restart(setup(policy(2), false));
    stage.run_ms(3_000);
    assert_eq!(stage.desk.may_land_for(), None);
}

#[test]
fn a_desk_without_a_stream_comes_to_rest_when_rest_told_a_fill_first() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.mute = true;
    stage.input(DeskInput::UserLink { up: false });
    let id = hash(&stage, 1);
    stage.fill(id, shares(5));
    stage.run_ms(20_000);
    assert!(heard(&stage, 1).contains(&"fill 5 Matched".to_owned()), "{:?}", heard(&stage, 1));
    let turns = stage.turns;
    stage.run_ms(10_000);
    assert!(stage.turns - turns < 500, "{} turns in ten seconds", stage.turns - turns);
}

#[test]
fn an_old_order_that_fills_whole_asks_for_no_long_list_of_trades() {
    let mut stage = check(OnPost::Accept, 1_200_000, &["accepted"]);
    stage.venue.trades_since.clear();
    let filled = stage.at;
    let id = hash(&stage, 1);
    stage.fill(id, shares(20));
    stage.run_ms(10_000);
    assert_eq!(heard(&stage, 1), ["accepted", "fill 20 Matched", "fill 20 Confirmed"]);
    let farthest = stage.venue.trades_since.iter().min().expect("trades are read on");
    assert!(filled.since(*farthest) < Nanos::from_secs(70), "{farthest}, though every trade is known");
}

#[test]
fn a_list_of_trades_without_an_end_is_told_and_stands_in_the_way_of_nothing() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.endless_trades = true;
    stage.run_ms(120_000);
    assert!(stage.alerts.iter().any(|alert| alert.contains("trades since")), "{:?}", stage.alerts);
    stage.venue.endless_trades = false;
    stage.cancel(1);
    stage.run_ms(70_000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
}

/// One trade of an hour ago that has never settled has everything since read now and then, not all the time.
#[test]
fn a_trade_that_never_settles_is_read_for_once_a_minute() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    stage.fill(id, shares(5));
    stage.run_ms(3_600_000);
    stage.venue.trades_since.clear();
    let now = stage.at;
    stage.run_ms(600_000);
    let all = stage.venue.trades_since.len();
    let far = stage.venue.trades_since.iter().filter(|since| now.since(**since) > Nanos::from_secs(1_000)).count();
    assert!((9..=11).contains(&far) && all > 100, "{far} of {all}");
    stage.venue.lists_settled = true;
    stage.run_ms(70_000);
    assert_eq!(heard(&stage, 1).last().map(String::as_str), Some("fill 5 Confirmed"));
}

/// Until just after the next reading of trades that goes far back.
fn far_back(stage: &mut Rehearsal) {
    let (now, before) = (stage.at, stage.venue.trades_since.len());
    let far = |stage: &Rehearsal| {
        let mut since = stage.venue.trades_since[before..].iter();
        since.any(|since| now.since(*since) > Nanos::from_secs(1_000))
    };
    for _ in 0..700 {
        stage.run_ms(100);
        if far(stage) {
            return;
        }
    }
    panic!("one a minute");
}

#[test]
fn a_trade_that_never_settles_hides_no_younger_one() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.mute = true;
    let old = hash(&stage, 1);
    stage.fill(old, shares(5));
    stage.run_ms(3_600_000);
    stage.venue.mute = false;
    stage.input(DeskInput::UserLink { up: true });
    stage.arm();
    stage.run_ms(5_000);
    stage.place(2, super::tests::bid(39));
    stage.run_ms(500);
    let young = hash(&stage, 2);
    stage.venue.mute = true;
    far_back(&mut stage);
    stage.fill(young, shares(20));
    stage.run_ms(120_000);
    assert_eq!(heard(&stage, 2), ["accepted", "fill 20 Matched"], "{:?}", stage.desk.status());
    far_back(&mut stage);
    stage.venue.lists_settled = true;
    stage.run_ms(12_000);
    assert_eq!(heard(&stage, 2).last().map(String::as_str), Some("fill 20 Confirmed"));
    assert!(!heard(&stage, 1).contains(&"fill 5 Confirmed".to_owned()), "nobody has looked that far back yet");
}

/// A check of the place that was asked for before the venue said 403 does not answer for what came after it.
#[test]
fn a_clear_place_from_before_a_403_opens_nothing() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    // the next geoblock question is under way for long: everything is
    let lost = Mishap { call: CallKind::Geoblock, acts: Acts::Not, seen: Seen::Right, times: 1 };
    stage.latency = Nanos::from_ms(400);
    stage.mishaps.push(lost);
    while stage.mishaps[0].times > 0 {
        stage.run_ms(1);
    }
    let asked = stage.at;
    stage.latency = Nanos::from_ms(40);
    let forbidden = Mishap {
        call: CallKind::OpenOrders,
        acts: Acts::Not,
        seen: Seen::Says(403, r#"{"error":"Forbidden"}"#),
        times: 1,
    };
    stage.mishaps.push(forbidden);
    stage.venue.on_geo = crate::rehearsal::OnGeo::Silent;
    stage.input(DeskInput::UserLink { up: true });
    stage.run_ms(200);
    assert!(stage.at < asked.plus(Nanos::from_ms(400)));
    assert!(!stage.is_open(), "a 403 shuts");
    stage.run_ms(2_000);
    assert!(!stage.is_open(), "the answer is to a question from before");
    stage.venue.on_geo = crate::rehearsal::OnGeo::Clear;
    stage.run_ms(30_000);
    assert!(stage.is_open(), "{:?}", stage.desk.status());
}

#[test]
fn a_check_of_the_place_that_is_refused_lets_nothing_out_until_one_is_clear() {
    for status in [403, 451] {
        let mut stage = check(OnPost::Accept, 500, &["accepted"]);
        stage.venue.on_geo = crate::rehearsal::OnGeo::Status(status);
        stage.run_ms(61_000);
        stage.place(2, bid(30));
        stage.run_ms(200);
        assert_eq!((stage.venue.posts.len(), stage.is_open()), (1, false), "{status}: {:?}", stage.desk.status());
        stage.run_ms(10_000);
        assert_eq!((stage.resting(), stage.is_open()), (0, false), "{status}");
        assert!(stage.desk.status().halted.is_none(), "{status}: it may have been a gateway");
        stage.venue.on_geo = crate::rehearsal::OnGeo::Clear;
        stage.run_ms(10_000);
        assert!(stage.is_open(), "{status}: {:?}", stage.desk.status());
    }
}
