use super::{DeskInput, Op};
use crate::exposure::Phase;
use crate::reasons::Author;
use crate::rehearsal::{OnGeo, OnPost, Rehearsal, START, Venue, condition, order, policy, setup};
use crate::rows::LedgerRow;
use mm_core::domain::Outcome::{No, Yes};
use mm_core::domain::Side::{Buy, Sell};
use mm_core::domain::{ClientOrderId, Nanos, NewOrder, OrderId, Qty, Timestamp};
use mm_core::protocol::{FromExecutor, Gate, Held, Refusal, Shut, Stage};

pub(super) fn armed() -> Rehearsal {
    let stage = Rehearsal::armed(setup(policy(2), false), 2);
    assert!(stage.is_open(), "{:?} {:?} {:?}", stage.gate(), stage.desk.status(), stage.answers);
    stage
}

pub(super) fn bid(cents: u16) -> NewOrder {
    order(0, Yes, Buy, cents, 20)
}

/// What the core heard of one order, in words.
pub(super) fn heard(stage: &Rehearsal, id: u64) -> Vec<String> {
    let id = ClientOrderId(id);
    let words = stage.told.iter().filter_map(|message| match message {
        FromExecutor::Accepted { id: of, .. } if *of == id => Some("accepted".to_owned()),
        FromExecutor::Rejected { id: of, .. } if *of == id => Some("rejected".to_owned()),
        FromExecutor::Refused { id: of, why } if *of == id => Some(format!("refused {}", why.len())),
        FromExecutor::Unknown { id: of } if *of == id => Some("unknown".to_owned()),
        FromExecutor::Canceled { id: of, matched } if *of == id => Some(format!("canceled {matched}")),
        FromExecutor::CancelFailed { id: of, .. } if *of == id => Some("cancel failed".to_owned()),
        FromExecutor::Fill { id: of, qty, stage, .. } if *of == id => Some(format!("fill {qty} {stage:?}")),
        _ => None,
    });
    words.collect()
}

pub(super) fn hash(stage: &Rehearsal, id: u64) -> OrderId {
    stage.desk.exposure().intent(1, ClientOrderId(id)).expect("it was recorded").row.order
}

/// Places one order under a treatment of posts and says what the core heard in the next `ms` milliseconds.
pub(super) fn check(on_post: OnPost, ms: u64, expect: &[&str]) -> Rehearsal {
    let mut stage = armed();
    stage.venue.on_post = on_post;
    stage.place(1, bid(40));
    stage.run_ms(ms);
    assert_eq!(heard(&stage, 1), expect, "{on_post:?} {:?}", stage.alerts);
    stage
}

#[test]
fn starts_halted_and_says_what_arming_needs() {
    let mut stage = Rehearsal::new(setup(policy(1), false));
    stage.venue.on_geo = OnGeo::Silent;
    stage.connect(1, 1);
    stage.run_ms(1500);
    assert_eq!(stage.gate(), Gate::Shut(Shut::Halted));
    assert!(stage.desk.status().flat, "two readings without orders");
    stage.arm();
    stage.place(1, bid(40));
    stage.run_ms(100);
    let blockers = stage.answers[0].clone().expect_err("the place is not known to be clear");
    assert!(blockers.iter().any(|why| why.contains("geoblock")), "{blockers:?}");
    assert!(stage.venue.posts.is_empty());
    assert!(heard(&stage, 1)[0].starts_with("refused"));
}

#[test]
fn an_accepted_order_rests_is_cancelled_and_released() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    assert_eq!(stage.desk.exposure().total().open.to_string(), "8");
    stage.cancel(1);
    stage.run_ms(500);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    assert!(stage.desk.exposure().total().open.is_zero());
    assert_eq!(stage.resting(), 0);
    // The same request again gets the stored answer; another under the same number does not pass.
    stage.place(1, bid(40));
    stage.place(1, bid(41));
    stage.run_ms(100);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0", "canceled 0", "refused 1"]);
    assert_eq!(stage.venue.posts.len(), 1);
}

#[test]
fn fills_are_told_once_a_stage_and_settled_shares_may_be_sold() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.place(2, order(0, Yes, Sell, 45, 10));
    stage.run_ms(50);
    assert!(stage.told.iter().any(|m| matches!(m, FromExecutor::Refused { why, .. }
        if matches!(why[..], [Refusal::NotHeld { .. }]))));
    stage.fill(id, Qty::from_whole(20).expect("small"));
    stage.run_ms(200);
    stage.place(3, order(0, Yes, Sell, 45, 10));
    stage.run_ms(4000);
    assert_eq!(heard(&stage, 1), ["accepted", "fill 20 Matched", "fill 20 Confirmed"]);
    assert_eq!(heard(&stage, 3), ["refused 1"], "matched is not confirmed");
    let held = stage.desk.exposure().held(&crate::rehearsal::token_id(0, Yes));
    let twenty = Qty::from_whole(20).expect("small");
    assert_eq!(held, Held { matched: twenty, confirmed: twenty });
    assert_eq!(stage.desk.exposure().total().cost.to_string(), "8");
    stage.place(4, order(0, Yes, Sell, 45, 15));
    stage.place(5, order(0, Yes, Sell, 45, 10));
    stage.run_ms(200);
    assert_eq!(heard(&stage, 4), ["accepted"]);
    assert_eq!(heard(&stage, 5), ["refused 1"], "5 of 20 are free");
    assert!(stage.told.iter().any(|m| matches!(m, FromExecutor::Balance { tokens, .. } if !tokens.is_empty())));
    let stages: Vec<Stage> = stage
        .told
        .iter()
        .filter_map(|m| match m {
            FromExecutor::Fill { stage, .. } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(stages, [Stage::Matched, Stage::Confirmed]);
}

#[test]
fn an_order_that_rests_for_long_asks_for_no_long_list_of_trades() {
    let mut stage = check(OnPost::Accept, 600_000, &["accepted"]);
    let end = stage.at;
    assert!(stage.venue.trades_since.iter().all(|since| *since >= START.minus(Nanos::from_secs(61))));
    let last = *stage.venue.trades_since.last().expect("trades are read while an order rests");
    assert!(end.since(last) < Nanos::from_secs(70), "{last} at {end}");
    // A trade that may still fail is read for until it is settled, and no longer.
    stage.venue.trades_since.clear();
    for _ in 0..5 {
        // seven seconds against the five of the readings: some fall between a match and its settlement
        stage.fill(hash(&stage, 1), Qty::from_whole(1).expect("small"));
        stage.run_ms(7_000);
    }
    assert_eq!(heard(&stage, 1).len(), 11, "{:?}", heard(&stage, 1));
    let farthest = *stage.venue.trades_since.iter().min().expect("trades are read on");
    assert!(end.since(farthest) < Nanos::from_secs(70), "{farthest}, though the first trade is of {end}");
}

#[test]
fn a_reading_that_failed_is_made_again_as_far_back() {
    let mut stage = check(OnPost::Accept, 600_000, &["accepted"]);
    let made = stage.desk.exposure().order(&hash(&stage, 1)).expect("it rests").row.at;
    // the stream is silent: that five shares matched is seen in the list of orders, and their trade must be read for
    (stage.venue.mute, stage.venue.trades_fail) = (true, 3);
    let before = stage.venue.trades_since.len();
    stage.fill(hash(&stage, 1), Qty::from_whole(5).expect("small"));
    stage.run_ms(7_000);
    let far = |since: &&Timestamp| **since <= made;
    let reached: Vec<_> = stage.venue.trades_since[before..].iter().filter(far).collect();
    assert!(reached.len() > 3, "three failed and one more: {reached:?}");
    assert_eq!(stage.venue.trades_fail, 0);
    assert!(heard(&stage, 1).iter().any(|word| word.starts_with("fill 5")), "{:?}", heard(&stage, 1));
}

#[test]
fn a_trade_the_lists_hid_for_minutes_is_found_by_what_the_order_says_has_matched() {
    let mut stage = check(OnPost::Accept, 10_000, &["accepted"]);
    (stage.venue.mute, stage.venue.lists_no_trades) = (true, true);
    stage.fill(hash(&stage, 1), Qty::from_whole(5).expect("small"));
    stage.run_ms(180_000);
    assert_eq!(heard(&stage, 1), ["accepted"], "no trade was told yet");
    stage.venue.lists_no_trades = false;
    stage.run_ms(10_000);
    assert!(heard(&stage, 1).iter().any(|word| word.starts_with("fill 5")), "{:?}", heard(&stage, 1));
}

#[test]
fn a_lost_answer_is_unknown_then_found_and_cancelled_and_never_sent_again() {
    let stage = check(OnPost::TakeAndLose, 8000, &["unknown", "canceled 0"]);
    assert_eq!(stage.venue.posts.len(), 1);
    assert_eq!(stage.desk.exposure().open_orders(), 0);
}

#[test]
fn an_order_that_never_landed_holds_its_reservation_for_the_whole_horizon() {
    let mut stage = check(OnPost::DropAndLose, 110_000, &["unknown"]);
    assert_eq!(stage.desk.exposure().total().open.to_string(), "8");
    stage.run_ms(30_000);
    assert_eq!(heard(&stage, 1), ["unknown", "canceled 0"]);
    assert!(stage.desk.exposure().total().open.is_zero());
    assert_eq!(stage.venue.posts.len(), 1);
}

#[test]
fn an_order_that_lands_late_is_found_and_cancelled() {
    let mut stage = check(OnPost::TakeLate(mm_core::domain::Nanos::from_secs(60)), 50_000, &["unknown"]);
    stage.run_ms(30_000);
    // Whether it is seen resting before the next cancel meets it is chance.
    assert_eq!(heard(&stage, 1).last().map(String::as_str), Some("canceled 0"), "{:?}", heard(&stage, 1));
    assert_eq!(stage.resting(), 0);
}

#[test]
fn answers_that_mean_no() {
    check(OnPost::Reject, 500, &["rejected"]);
    check(OnPost::NotSent, 500, &["rejected"]);
    // Very likely not taken: one clean look at everything settles it.
    check(OnPost::Status(503), 2000, &["unknown", "canceled 0"]);
    check(OnPost::Status(401), 2000, &["unknown", "canceled 0"]);
    // Anybody's: as good as no answer.
    check(OnPost::Status(429), 100_000, &["unknown"]);
}

#[test]
fn another_orders_id_halts() {
    let mut stage = check(OnPost::OtherId, 3000, &["unknown", "canceled 0"]);
    assert_eq!(stage.gate(), Gate::Shut(Shut::Halted));
    stage.place(2, bid(30));
    stage.run_ms(1000);
    assert_eq!(stage.venue.posts.len(), 1);
}

#[test]
fn a_silent_core_shuts_the_gate_cancels_and_may_come_back() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.alive = false;
    stage.run_ms(3000);
    assert_eq!(stage.gate(), Gate::Shut(Shut::CoreSilent));
    assert_eq!(stage.resting(), 0);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    stage.input(DeskInput::CoreLost);
    stage.alive = true;
    stage.connect(1, 2);
    stage.run_ms(3000);
    assert!(stage.is_open(), "{:?}", stage.desk.status());
}

#[test]
fn a_reconnect_lists_what_rests_and_a_new_run_finds_nothing() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.connect(1, 2);
    stage.run_ms(1);
    let open = |stage: &Rehearsal| {
        let last = stage.told.iter().rev().find_map(|m| match m {
            FromExecutor::Welcome { open, .. } => Some(open.len()),
            _ => None,
        });
        last.expect("every Hello is answered")
    };
    assert_eq!(open(&stage), 1);
    stage.input(DeskInput::CoreLost);
    stage.connect(2, 2);
    stage.run_ms(2000);
    assert_eq!(open(&stage), 0);
    assert_eq!(stage.resting(), 0);
}

#[test]
fn halt_is_final_until_armed() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
    stage.run_ms(2000);
    assert_eq!(stage.resting(), 0);
    assert!(stage.desk.status().flat);
    stage.place(2, bid(40));
    stage.run_ms(60_000);
    assert_eq!(stage.gate(), Gate::Shut(Shut::Halted));
    assert_eq!(stage.venue.posts.len(), 1);
    stage.arm();
    stage.run_ms(500);
    stage.place(3, bid(40));
    stage.run_ms(500);
    assert_eq!(heard(&stage, 3), ["accepted"]);
}

#[test]
fn a_halt_in_the_turn_of_the_commit_keeps_the_order_in() {
    let mut stage = armed();
    stage.place(1, bid(40));
    stage.run_ms(1);
    // The row is being written; the halt arrives together with its proof.
    stage.at = stage.at.plus(mm_core::domain::Nanos::from_ms(2));
    stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
    stage.run_ms(500);
    assert_eq!(heard(&stage, 1), ["refused 1"]);
    assert!(stage.venue.posts.is_empty());
}

#[test]
fn what_is_seen_to_rest_does_not_wait_for_the_next_cancel_all() {
    let mut stage = armed();
    stage.place(1, bid(40));
    stage.run_ms(500);
    stage.venue.cancels_fail = 12;
    stage.operate(Op::CancelAll);
    stage.run_ms(2000);
    assert_eq!((stage.venue.cancels_fail, stage.resting()), (0, 0));
}

#[test]
fn cancel_all_goes_on_through_failures() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.cancels_fail = 9;
    stage.operate(Op::CancelAll);
    stage.run_ms(1000);
    assert!(!stage.desk.status().flat, "still cancelling");
    assert!(!stage.is_open());
    stage.run_ms(9000);
    assert_eq!(stage.resting(), 0);
    assert!(stage.is_open(), "a cancel-all is no halt: {:?}", stage.desk.status());
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
}

#[test]
fn a_block_halts_and_cancels_and_doubt_shuts_once_the_last_answer_is_old() {
    for (on_geo, ms) in
        [(OnGeo::Blocked, 61_000), (OnGeo::Html, 185_000), (OnGeo::NoField, 185_000), (OnGeo::Silent, 185_000)]
    {
        let mut stage = check(OnPost::Accept, 500, &["accepted"]);
        stage.venue.on_geo = on_geo;
        stage.run_ms(ms);
        assert_eq!(stage.resting(), 0, "{on_geo:?}");
        stage.place(2, bid(30));
        stage.run_ms(200);
        assert_eq!(stage.venue.posts.len(), 1, "{on_geo:?}");
        let halted = stage.desk.status().halted.is_some();
        assert_eq!(halted, on_geo == OnGeo::Blocked, "{on_geo:?}");
    }
}

#[test]
fn a_ledger_that_fails_stops_placing_and_not_cancelling() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.ledger.fail_after(0);
    stage.place(2, bid(30));
    stage.run_ms(2000);
    assert_eq!(heard(&stage, 2), ["rejected"]);
    assert_eq!(stage.venue.posts.len(), 1);
    assert_eq!(stage.resting(), 0);
    stage.arm();
    stage.run_ms(100);
    assert!(stage.answers.last().is_some_and(Result::is_err));
}

#[test]
fn after_a_crash_nothing_is_sent_and_everything_is_found() {
    let mut stage = armed();
    stage.place(1, bid(40));
    stage.run_ms(100);
    stage.place(2, bid(30));
    stage.run_ms(1); // recorded; the process dies before anything else
    let venue = std::mem::take(&mut stage.venue);
    let ledger = std::mem::take(&mut stage.ledger);
    let mut again = Rehearsal::restarted(setup(policy(2), false), ledger, venue, stage.at);
    for id in [1, 2] {
        let tracked = again.desk.exposure().intent(1, ClientOrderId(id)).expect("recorded");
        assert!(matches!(tracked.phase, Phase::Unknown { .. }));
    }
    again.connect(1, 2);
    again.run_ms(5000);
    assert_eq!(again.resting(), 0);
    assert_eq!(again.venue.posts.len(), 1, "there is no way from the ledger to a POST");
    assert!(!again.desk.status().flat, "the second may still land");
    again.run_ms(140_000);
    assert!(again.desk.status().flat, "{:?}", again.desk.status());
    // A repeated request after the restart gets the recorded answer.
    again.place(1, bid(40));
    again.run_ms(100);
    assert_eq!(heard(&again, 1).last().map(String::as_str), Some("canceled 0"));
    assert_eq!(again.venue.posts.len(), 1);
}

#[test]
fn withholding_does_everything_but_leave() {
    let mut set_up = setup(policy(2), true);
    set_up.auto_arm = true;
    let mut stage = Rehearsal::new(set_up);
    stage.connect(1, 2);
    stage.run_ms(1000);
    assert!(stage.is_open(), "{:?}", stage.desk.status());
    stage.place(1, bid(40));
    stage.run_ms(100);
    assert_eq!(heard(&stage, 1), ["accepted"]);
    stage.cancel(1);
    stage.run_ms(100);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    assert!(stage.venue.posts.is_empty());
    assert_eq!(stage.venue.cancel_alls, 0, "no authenticated call either");
    assert!(stage.ledger.rows().iter().any(|row| matches!(row, LedgerRow::Intent(_))));
    stage.place(2, bid(30));
    stage.alive = false;
    stage.run_ms(3000);
    assert_eq!(heard(&stage, 2), ["accepted", "canceled 0"]);
}

#[test]
fn no_auto_arm_after_a_halt() {
    let mut set_up = setup(policy(1), true);
    set_up.auto_arm = true;
    let mut stage = Rehearsal::new(set_up.clone());
    stage.run_ms(1000);
    stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
    stage.run_ms(100);
    let ledger = std::mem::take(&mut stage.ledger);
    let mut again = Rehearsal::restarted(set_up, ledger, Venue::default(), stage.at);
    again.connect(2, 1);
    again.run_ms(5000);
    assert_eq!(again.gate(), Gate::Shut(Shut::Halted));
    assert_eq!(again.desk.status().halted.as_deref(), Some("operator (uid 0): drill"));
}

#[test]
fn a_stream_that_hides_a_trade_shuts_the_gate() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.mute = true;
    let id = hash(&stage, 1);
    stage.fill(id, Qty::from_whole(5).expect("small"));
    stage.run_ms(8000);
    assert!(heard(&stage, 1).contains(&"fill 5 Matched".to_owned()), "REST told: {:?}", heard(&stage, 1));
    assert!(stage.alerts.iter().any(|alert| alert.contains("does not tell")), "{:?}", stage.alerts);
    stage.run_ms(3000);
    assert_eq!(stage.resting(), 0);
}

#[test]
fn a_foreign_order_halts() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let resting = stage.venue.orders[&hash(&stage, 1)];
    stage.venue.orders.insert(OrderId::from_bytes([9; 32]), resting);
    // cancelled, and back: one that every list shows is told of once
    for _ in 0..60 {
        stage.run_ms(100);
        stage.venue.orders.insert(OrderId::from_bytes([9; 32]), resting);
    }
    assert_eq!(stage.alerts.iter().filter(|told| told.contains("not in the ledger")).count(), 1, "{:?}", stage.alerts);
    stage.run_ms(6000);
    assert!(stage.desk.status().halted.is_some_and(|why| why.contains("not in the ledger")));
    assert_eq!(stage.resting(), 0);
}

#[test]
fn two_sides_of_one_market_may_not_meet() {
    let mut stage = armed();
    stage.place(1, order(0, Yes, Buy, 40, 20));
    stage.place(2, order(0, No, Buy, 60, 20));
    stage.place(3, order(0, No, Buy, 59, 20));
    stage.run_ms(500);
    assert_eq!(heard(&stage, 1), ["accepted"]);
    assert_eq!(heard(&stage, 2), ["refused 1"]);
    assert_eq!(heard(&stage, 3), ["accepted"]);
}

#[test]
fn the_same_inputs_give_the_same_effects() {
    let run = || {
        let mut stage = armed();
        for id in 1..20u64 {
            stage.venue.on_post = if id % 3 == 0 { OnPost::TakeAndLose } else { OnPost::Accept };
            stage.place(id, order(u16::from(id % 2 == 0), Yes, Buy, 30, 6));
            stage.run_ms(700);
        }
        stage.run_ms(5000);
        (stage.ledger.rows().to_vec(), stage.told, stage.at > START)
    };
    assert_eq!(run(), run());
}

#[test]
fn an_order_whose_row_came_late_stays() {
    for (commit, expect) in [(1900, "accepted"), (2100, "refused 1")] {
        let mut stage = armed();
        stage.commit = Nanos::from_ms(commit);
        stage.place(1, bid(40));
        stage.run_ms(3000);
        assert_eq!(heard(&stage, 1), [expect], "{commit} ms: {:?}", stage.alerts);
        assert_eq!(stage.venue.posts.len(), usize::from(expect == "accepted"));
        assert_eq!(stage.desk.exposure().total().open.is_zero(), expect != "accepted");
    }
}

#[test]
fn an_order_approved_under_an_older_policy_stays() {
    let mut stage = armed();
    stage.commit = Nanos::from_ms(500);
    stage.place(1, bid(40));
    stage.run_ms(100);
    let mut caps = *policy(2).caps();
    caps.max_open_orders -= 1;
    stage.operate(Op::Tighten(Box::new(crate::rehearsal::policy_with(caps, 2))));
    stage.place(2, bid(40));
    stage.run_ms(1500);
    assert_eq!(heard(&stage, 1), ["refused 1"]);
    assert_eq!(heard(&stage, 2), ["accepted"]);
}

/// Our own limit is no rule of the venue's: the core hears that it is of the moment, and nothing counts as a reject.
#[test]
fn what_our_own_limit_keeps_in_is_refused_for_the_moment() {
    let mut stage = armed();
    stage.limits = crate::rehearsal::standard_limits();
    while stage.limits.take(stage.at, crate::limits::Class::Place, 1).is_ok() {}
    stage.place(1, bid(40));
    stage.run_ms(20);
    let refused = |message: &FromExecutor| match message {
        FromExecutor::Refused { why, .. } => why.iter().all(Refusal::is_of_the_moment),
        _ => false,
    };
    assert_eq!(
        (heard(&stage, 1), stage.told.iter().filter(|told| refused(told)).count()),
        (vec!["refused 1".to_owned()], 1)
    );
    assert_eq!((stage.venue.posts.len(), stage.desk.exposure().open_orders()), (0, 0));
    assert_eq!(stage.desk.exposure().rejected_in_a_row(), 0);
    // It never left: the caps of the minute and of the day are as they were.
    assert_eq!(stage.desk.exposure().placed_last_minute(stage.at), 0);
    assert!(stage.desk.exposure().day().placed.is_zero());
    stage.run_ms(1000);
    stage.place(2, bid(40));
    stage.run_ms(300);
    assert_eq!(heard(&stage, 2), ["accepted"]);
}

#[test]
fn orders_refused_in_a_row_halt_and_one_taken_in_between_counts_afresh() {
    for (taken_in_between, halts) in [(false, true), (true, false)] {
        let caps = crate::policy::PolicyCaps { max_rejects_in_a_row: 3, ..*policy(2).caps() };
        let mut stage = Rehearsal::armed(setup(crate::rehearsal::policy_with(caps, 2), false), 2);
        for id in 1..=5 {
            let takes = taken_in_between && id == 3;
            stage.venue.on_post = if takes { OnPost::Accept } else { OnPost::Reject };
            stage.place(id, bid(40));
            stage.run_ms(300);
        }
        assert_eq!(stage.desk.status().halted.is_some(), halts, "{:?}", stage.alerts);
        assert_eq!(stage.venue.posts.len(), if halts { 3 } else { 5 });
    }
}

#[test]
fn a_token_that_is_filled_again_and_again_rests_for_a_minute() {
    let caps = crate::policy::PolicyCaps { max_token_fills_per_minute: 2, ..*policy(2).caps() };
    let mut stage = Rehearsal::armed(setup(crate::rehearsal::policy_with(caps, 2), false), 2);
    stage.place(1, bid(40));
    stage.run_ms(500);
    let hash = stage.venue.posts[0].1;
    for _ in 0..2 {
        stage.fill(hash, Qty::from_whole(1).expect("small"));
        stage.run_ms(4000);
    }
    stage.place(2, bid(40));
    stage.place(3, order(1, Yes, Buy, 40, 10));
    stage.run_ms(500);
    assert_eq!((heard(&stage, 2), heard(&stage, 3)), (vec!["refused 1".to_owned()], vec!["accepted".to_owned()]));
    stage.run_ms(60_000);
    stage.place(4, bid(40));
    stage.run_ms(500);
    assert_eq!(heard(&stage, 4), ["accepted"]);
}

#[test]
fn after_a_sleep_everything_is_cancelled_and_the_gate_opens_again() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.input(DeskInput::Slept(Nanos::from_ms(1500)));
    stage.run_ms(1000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    assert!(stage.is_open(), "{:?}", stage.gate());
    for _ in 0..3 {
        stage.input(DeskInput::Slept(Nanos::from_ms(1500)));
        stage.run_ms(1000);
    }
    assert_eq!(stage.gate(), Gate::Shut(Shut::Halted), "a machine that keeps sleeping is for a person to look at");
}

#[test]
fn a_clock_that_was_set_halts() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.input(DeskInput::ClockSet(Nanos::from_secs(7200)));
    stage.run_ms(1000);
    assert_eq!(stage.gate(), Gate::Shut(Shut::Halted));
    assert_eq!(stage.resting(), 0);
    assert!(stage.desk.status().halted.is_some_and(|why| why.contains("7200 s")));
}

/// What the core heard of shares and days.
fn heard_of_earnings(stage: &Rehearsal) -> Vec<String> {
    let words = stage.told.iter().filter_map(|message| match message {
        FromExecutor::Share { market, share } => {
            Some(format!("{} {}", market.0, share.map_or("?".to_owned(), |share| share.to_string())))
        }
        FromExecutor::Earned { day, amount } => Some(format!("day {day} {amount}")),
        _ => None,
    });
    words.collect()
}

#[test]
fn earnings_are_asked_for_now_and_then_and_silence_is_told_as_silence() {
    let mut stage = armed();
    let today = u32::try_from(START.day()).expect("a day");
    assert_eq!(stage.venue.days_asked, [today, today - 1], "asked for as soon as somebody listens");
    assert!(heard_of_earnings(&stage).is_empty(), "no answer is no amount");
    // only what rests can have a share
    stage.place(1, bid(40));
    stage.run_ms(1_000);
    stage.venue.shares = Some(serde_json::json!({ condition(1).to_string(): 12.5, "0xstrange": 3 }));
    stage.venue.earned = Some(serde_json::json!([{ "earnings": "1.5", "asset_rate": 1 }]));
    stage.run_ms(15_000);
    stage.told.clear();
    stage.run_ms(60_000);
    assert_eq!(heard_of_earnings(&stage), ["0 ?", "1 12.5"], "once a minute, and a market left out is not known");
    stage.venue.shares = Some(serde_json::json!([]));
    stage.told.clear();
    stage.run_ms(240_000);
    let heard = heard_of_earnings(&stage);
    assert_eq!(
        heard.iter().filter(|words| *words == "1 ?").count(),
        4,
        "an answer of another shape says nothing: {heard:?}"
    );
    assert!(
        heard.contains(&format!("day {today} 1.5")) && heard.contains(&format!("day {} 1.5", today - 1)),
        "{heard:?}"
    );
    assert_eq!(stage.venue.days_asked.len(), 4, "two days every five minutes");
    assert!(stage.is_open(), "none of this shuts anything");
}

#[test]
fn arming_takes_two_steps_and_a_code_is_good_once_for_a_minute() {
    let ask = |stage: &mut Rehearsal, code: &str| {
        stage.operate(Op::AskArm { code: code.into() });
        stage.run_ms(1);
        stage.answers.pop().expect("an answer")
    };
    let confirm = |stage: &mut Rehearsal, code: &str| {
        stage.operate(Op::Arm { code: code.into() });
        stage.run_ms(1);
        stage.answers.pop().expect("an answer")
    };
    let mut stage = Rehearsal::new(setup(policy(1), false));
    stage.connect(1, 1);
    assert!(ask(&mut stage, "111111").is_err(), "the preconditions hold at the first step");
    stage.run_ms(2000);
    assert!(confirm(&mut stage, "111111").is_err(), "no code was given");
    let told = ask(&mut stage, "222222").expect("a code");
    assert!(told.contains("started and not yet armed") && told.contains("code 222222"), "{told}");
    assert!(confirm(&mut stage, "222223").is_err(), "another code");
    assert!(confirm(&mut stage, "222222").is_err(), "one attempt for each code");
    ask(&mut stage, "333333").expect("a code");
    stage.run_ms(61_000);
    let why = confirm(&mut stage, "333333").expect_err("a minute is over");
    assert!(why[0].contains("too old"), "{why:?}");
    ask(&mut stage, "444444").expect("a code");
    stage.operate(Op::Halt { by: Author::Operator(0), why: "a new reason".into() });
    stage.run_ms(3000);
    assert!(confirm(&mut stage, "444444").is_err(), "what was not known then");
    let told = ask(&mut stage, "555555").expect("a code");
    assert!(told.contains("not yet armed") && told.contains("a new reason"), "{told}");
    (0..20).for_each(|n| stage.operate(Op::Halt { by: Author::Operator(0), why: format!("word {n}").into() }));
    stage.operate(Op::Halt { by: Author::Operator(0), why: "word 19".into() });
    stage.run_ms(3000);
    let halts = stage.desk.status().halts;
    assert_eq!(halts.len(), 9, "eight, and how many more: {halts:?}");
    assert!(halts[0].contains("not yet armed"), "people's words hide nothing: {halts:?}");
    assert!(halts[7].contains("word 19") && halts[6].contains("word 18") && *halts[8] == *"and 14 more", "{halts:?}");
    stage.venue.on_geo = crate::rehearsal::OnGeo::Blocked;
    stage.run_ms(70_000);
    assert!(confirm(&mut stage, "555555").is_err(), "the preconditions hold at the second step");
    stage.venue.on_geo = crate::rehearsal::OnGeo::Clear;
    stage.run_ms(70_000);
    ask(&mut stage, "666666").expect("a code");
    assert_eq!(confirm(&mut stage, "666666"), Ok("armed".into()));
    assert_eq!(stage.desk.status().halts, []);
    assert!(ask(&mut stage, "777777").is_err(), "there is nothing to arm");
}
