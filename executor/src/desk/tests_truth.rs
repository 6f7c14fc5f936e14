//! What one answer of the venue may not do: free a cap, end an order, hide one.

use super::tests::{armed, bid, check, hash, heard};
use super::{DeskInput, Op};
use crate::reasons::Author;
use crate::rehearsal::{OnPost, Rehearsal, START, order, policy, setup, standard_limits, token_id, wide_policy};
use crate::rows::LedgerRow;
use mm_core::domain::Outcome::Yes;
use mm_core::domain::Side::{Buy, Sell};
use mm_core::domain::{Nanos, Qty, Timestamp, Usdc};
use mm_core::protocol::{FromExecutor, Held};

pub(super) fn shares(n: u64) -> Qty {
    Qty::from_whole(n).expect("small")
}

pub(super) fn cost(stage: &Rehearsal) -> Usdc {
    stage.desk.exposure().total().cost
}

/// What the desk counts as at risk is at least what the venue's own books say.
pub(super) fn covers_the_truth(stage: &Rehearsal) {
    let counted = u128::from(stage.desk.exposure().total().worst_case().micro());
    let truth = stage.venue.worst_case(None);
    assert!(counted >= truth, "{counted} counted, {truth} at risk at {}; {:?}", stage.at, heard(stage, 1));
}

/// Twenty shares bought at 0.40 and settled, nothing resting; the balance endpoint says `says`.
fn bought(says: Option<u64>) -> Rehearsal {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.balance_says = says.map(shares);
    let id = hash(&stage, 1);
    stage.fill(id, shares(20));
    stage.run_ms(6000);
    assert_eq!(heard(&stage, 1), ["accepted", "fill 20 Matched", "fill 20 Confirmed"]);
    stage
}

#[test]
fn a_balance_that_lags_frees_no_cap() {
    let mut stage = bought(Some(0));
    assert_eq!(cost(&stage).to_string(), "8");
    // It says what may be sold, at once.
    let held = stage.desk.exposure().held(&token_id(0, Yes));
    assert_eq!(held, Held { matched: shares(20), confirmed: shares(0) });
    stage.place(2, order(0, Yes, Sell, 45, 10));
    stage.run_ms(200);
    assert_eq!(heard(&stage, 2), ["refused 1"]);
    // The cache catches up: everything is as it was.
    stage.venue.balance_says = None;
    stage.run_ms(61_000);
    let held = stage.desk.exposure().held(&token_id(0, Yes));
    assert_eq!(held, Held { matched: shares(20), confirmed: shares(20) });
    assert!(stage.desk.status().apart.is_empty());
    assert_eq!(cost(&stage).to_string(), "8");
}

#[test]
fn a_word_that_was_too_low_is_taken_back_while_an_order_rests() {
    let mut stage = bought(Some(0));
    stage.place(2, order(0, Yes, Buy, 38, 10));
    stage.run_ms(500);
    stage.venue.balance_says = None;
    stage.run_ms(61_000);
    assert_eq!(stage.resting(), 1, "the bid is still there");
    assert_eq!(stage.desk.exposure().free_shares(&token_id(0, Yes)), shares(20));
    assert_eq!(cost(&stage).to_string(), "8");
    // a low word is only heard in quiet
    stage.venue.balance_says = Some(shares(0));
    stage.run_ms(61_000);
    assert_eq!(stage.desk.exposure().free_shares(&token_id(0, Yes)), shares(20));
}

#[test]
fn shares_that_left_take_their_cost_along_when_a_person_says_so_after_minutes() {
    let mut stage = bought(Some(5));
    stage.operate(Op::AcceptBalances);
    stage.run_ms(1);
    assert!(stage.answers.last().is_some_and(Result::is_err), "one reading is no proof: {:?}", stage.answers);
    stage.run_ms(300_000);
    assert_eq!(cost(&stage).to_string(), "8", "nobody said so yet");
    assert!(stage.alerts.iter().any(|alert| alert.contains("an operator accepts")), "{:?}", stage.alerts);
    stage.operate(Op::AcceptBalances);
    stage.run_ms(1);
    assert!(stage.answers.last().is_some_and(Result::is_ok), "{:?}", stage.answers);
    assert_eq!(cost(&stage).to_string(), "2");
    assert_eq!(stage.desk.exposure().held(&token_id(0, Yes)), Held { matched: shares(5), confirmed: shares(5) });
}

#[test]
fn shares_that_left_a_market_that_is_no_longer_traded_take_their_cost_along_too() {
    let mut stage = armed();
    stage.place(1, order(1, Yes, Buy, 40, 20));
    stage.run_ms(500);
    let id = hash(&stage, 1);
    stage.fill(id, shares(20));
    stage.run_ms(6000);
    assert_eq!(cost(&stage).to_string(), "8");
    // the market is over, is taken off the list, and its shares are redeemed
    stage.restart(setup(policy(1), false));
    stage.connect(2, 1);
    stage.venue.balance_says = Some(shares(0));
    stage.run_ms(400_000);
    assert!(stage.alerts.iter().any(|alert| alert.contains("an operator accepts")), "{:?}", stage.alerts);
    assert_eq!(cost(&stage).to_string(), "8", "nobody said so yet");
    stage.operate(Op::AcceptBalances);
    stage.run_ms(1);
    assert!(stage.answers.last().is_some_and(Result::is_ok), "{:?}", stage.answers);
    assert!(cost(&stage).is_zero());
}

#[test]
fn shares_that_came_count_once_they_have_been_there_for_minutes() {
    let mut stage = bought(Some(50));
    assert_eq!(stage.desk.exposure().free_shares(&token_id(0, Yes)), shares(20), "one answer may be wrong");
    stage.run_ms(180_000);
    assert_eq!(stage.desk.exposure().held(&token_id(0, Yes)), Held { matched: shares(50), confirmed: shares(50) });
    assert_eq!(cost(&stage).to_string(), "8", "what came cost nothing, what was bought still does");
    let rows = stage.ledger.rows();
    assert_eq!(rows.iter().filter(|row| matches!(row, LedgerRow::Holding { .. })).count(), 1);
}

#[test]
fn an_order_that_lands_when_all_is_flat_is_found_and_cancelled() {
    let mut stage = check(OnPost::StatusThenTake(401, Nanos::from_secs(5)), 2000, &["unknown", "canceled 0"]);
    stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
    stage.run_ms(2000);
    assert!(stage.desk.status().flat, "{:?}", stage.desk.status());
    stage.arm();
    stage.run_ms(1);
    assert!(stage.answers.last().is_some_and(Result::is_err), "it may still land: {:?}", stage.answers);
    let landed = (0..800).filter(|_| {
        stage.run_ms(10);
        stage.resting() == 1 && stage.desk.status().flat
    });
    assert!(landed.count() > 0, "there was a time when only the venue knew");
    assert_eq!(stage.resting(), 0, "{:?}", stage.alerts);
    assert_eq!(heard(&stage, 1), ["unknown", "canceled 0", "accepted", "canceled 0"]);
    assert!(stage.desk.status().flat, "confirmed anew: {:?}", stage.desk.status());
    stage.run_ms(120_000);
    stage.arm();
    stage.run_ms(1);
    assert!(stage.answers.last().is_some_and(Result::is_ok), "{:?}", stage.answers);
}

#[test]
fn a_look_up_that_knows_nothing_frees_nothing_alone() {
    let mut stage = armed();
    (stage.venue.on_post, stage.venue.forgetful, stage.venue.mute) = (OnPost::StatusAfterFill(401), true, true);
    stage.place(1, bid(40));
    for _ in 0..800 {
        stage.run_ms(10);
        covers_the_truth(&stage);
    }
    assert!(heard(&stage, 1).starts_with(&["unknown".to_owned()]));
    assert!(heard(&stage, 1).contains(&"fill 20 Matched".to_owned()), "{:?}", heard(&stage, 1));
    assert_eq!(cost(&stage).to_string(), "8");
}

/// Half of an order matched and its trade was not told yet; then the order is cancelled.
fn cancelled_behind_a_fill(prepare: impl Fn(&mut Rehearsal)) -> Rehearsal {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.mute = true;
    let id = hash(&stage, 1);
    stage.fill(id, shares(10));
    stage.venue.mute = false;
    prepare(&mut stage);
    stage.cancel(1);
    for _ in 0..300 {
        stage.run_ms(10);
        covers_the_truth(&stage);
    }
    assert_eq!(stage.desk.exposure().open_orders(), 0, "{:?}", heard(&stage, 1));
    assert_eq!(cost(&stage).to_string(), "4", "{:?}", heard(&stage, 1));
    stage
}

#[test]
fn a_size_that_lags_behind_a_fill_frees_nothing() {
    cancelled_behind_a_fill(|stage| (stage.venue.mute, stage.venue.size_lags) = (true, true));
}

#[test]
fn a_cancellation_without_a_size_is_no_word_on_it() {
    cancelled_behind_a_fill(|stage| stage.venue.sizeless = true);
}

#[test]
fn a_restart_among_a_thousand_orders_ends_flat_within_the_budget_of_the_lowest_tier() {
    let mut stage = Rehearsal::armed(setup(wide_policy(), false), 2);
    for id in 1..=1050u64 {
        stage.run_ms(if id == 1001 { 50 } else { 0 });
        stage.venue.on_post = if id > 1000 { OnPost::DropAndLose } else { OnPost::Accept };
        stage.place(id, order(u16::from(id % 2 == 0), Yes, Buy, 40, 5));
        stage.run_ms(1);
    }
    stage.run_ms(100);
    assert_eq!(stage.resting(), 1000, "{:?}", stage.alerts);
    let nth = stage.venue.orders.keys().next().copied().expect("they rest");
    stage.fill(nth, shares(2));
    let (venue, ledger) = (std::mem::take(&mut stage.venue), std::mem::take(&mut stage.ledger));
    let mut again = Rehearsal::restarted(setup(wide_policy(), false), ledger, venue, stage.at);
    again.limits = standard_limits();
    again.run_ms(3000);
    let status = again.desk.status();
    assert_eq!((again.resting(), status.open_orders, status.flat), (0, 50, false), "those that may yet land");
    assert!(cost(&again) > Usdc::ZERO, "the fill was found");
    assert!(status.reasons.iter().all(|reason| !reason.why.contains("geoblock")), "{:?}", status.reasons);
    again.run_ms(130_000);
    let status = again.desk.status();
    assert_eq!((status.open_orders, status.flat), (0, true), "{:?} {:?}", status.reasons, again.alerts);
    assert!(status.reasons.iter().all(|reason| !reason.why.contains("geoblock")), "{:?}", status.reasons);
}

#[test]
fn a_core_whose_line_broke_and_came_back_in_one_turn_finds_its_orders_cancelled() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.input(DeskInput::CoreLost);
    stage.connect(1, 2);
    stage.run_ms(2000);
    assert_eq!(stage.resting(), 0);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
    assert!(stage.is_open(), "{:?}", stage.desk.status());
}

#[test]
fn refusals_are_counted_and_written_a_few_a_second() {
    let mut stage = armed();
    let rows = |stage: &Rehearsal| -> Vec<u64> {
        let refused = stage.ledger.rows().iter().filter_map(|row| match row {
            LedgerRow::Refused(row) => Some(row.unwritten),
            _ => None,
        });
        refused.collect()
    };
    for id in 1..=2000 {
        stage.place(id, order(7, Yes, Buy, 40, 20));
    }
    stage.run_ms(1);
    assert_eq!(rows(&stage).len(), 32);
    assert_eq!(stage.told.iter().filter(|m| matches!(m, FromExecutor::Refused { .. })).count(), 2000, "each is told");
    stage.run_ms(1000);
    stage.place(2001, order(7, Yes, Buy, 40, 20));
    stage.run_ms(1);
    assert_eq!(rows(&stage).last(), Some(&(2000 - 32)));
}

#[test]
fn a_day_begins_when_the_venues_clock_says_so_too() {
    // A host that is a day ahead: it settles what it finds, and nothing of it belongs to tomorrow.
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let day = stage.desk.exposure().day();
    assert_eq!(day.day, START.day());
    let id = hash(&stage, 1);
    stage.venue.mute = true;
    stage.fill(id, shares(20));
    let (venue, ledger) = (std::mem::take(&mut stage.venue), std::mem::take(&mut stage.ledger));
    let ahead = Nanos::from_secs(86_400);
    let mut again = Rehearsal::restarted(setup(policy(2), false), ledger, venue, stage.at.plus(ahead));
    again.venue.clock_behind = ahead;
    again.run_ms(5000);
    assert_eq!(cost(&again).to_string(), "8", "the fill was found");
    assert_eq!(again.desk.exposure().day().day, day.day, "our clock alone begins no day");
    assert!(again.desk.exposure().day().bought > day.bought);
    // At midnight it begins some seconds late, never early.
    let mut stage = armed();
    let midnight = Timestamp::from_ms((START.day() + 1) * 86_400_000);
    stage.run_ms(midnight.since(stage.at).ms() + 2000);
    assert_eq!(stage.desk.exposure().day().day, START.day());
    stage.run_ms(6000);
    assert_eq!(stage.desk.exposure().day().day, START.day() + 1);
    let days = stage.ledger.rows().iter().filter(|row| matches!(row, LedgerRow::Day { .. })).count();
    assert_eq!(days, 2);
}

#[test]
fn an_order_that_a_list_shows_is_not_gone_because_a_look_up_does_not_know_it() {
    let mut stage = check(OnPost::Accept, 130_000, &["accepted"]);
    (stage.venue.forgetful, stage.venue.refuses_cancels) = (true, true);
    stage.cancel(1);
    for _ in 0..1000 {
        stage.run_ms(10);
        covers_the_truth(&stage);
    }
    stage.venue.refuses_cancels = false;
    stage.run_ms(10_000);
    assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"]);
}

/// However often a core asks while there is no token, the caps of the minute and of the day are there for what leaves; but it does
/// not fill the disk.
#[test]
fn asking_without_a_token_uses_up_no_cap() {
    let mut stage = armed();
    let most = u64::from(stage.desk.policy().caps().max_orders_per_minute);
    let seldom = crate::config::Buckets { orders: 1, orders_burst: 10, cancels: 80, cancels_burst: 120 };
    stage.limits = crate::limits::Limits::new(Some(seldom));
    while stage.limits.take(stage.at, crate::limits::Class::Place, 1).is_ok() {}
    for n in 1..=most + 5 {
        stage.place(n, bid(40));
        stage.run_ms(8);
    }
    assert!(stage.venue.posts.is_empty());
    stage.limits = crate::rehearsal::standard_limits();
    stage.place(most + 6, bid(40));
    stage.run_ms(300);
    assert_eq!(heard(&stage, most + 6), ["accepted"]);
    stage.limits = crate::limits::Limits::new(Some(seldom));
    while stage.limits.take(stage.at, crate::limits::Class::Place, 1).is_ok() {}
    for n in most + 7..=most * 12 {
        stage.place(n, bid(40));
        stage.run_ms(1);
    }
    stage.run_ms(1_000);
    let intents = stage.ledger.rows().iter().filter(|row| matches!(row, LedgerRow::Intent(_))).count();
    assert_eq!(intents as u64, most * u64::from(crate::policy::RECORDED_FOR_EACH));
    let audited = stage.ledger.rows().iter().fold(crate::audit::Audit::default(), |mut audit, row| {
        audit.row(row);
        audit
    });
    assert_eq!(audited.end().findings, []);
}
