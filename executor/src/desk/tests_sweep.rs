//! How soon a cancel-all, and an order nobody knows of, come to their end.

use super::Op;
use super::tests::{armed, bid, check, hash, heard};
use crate::rehearsal::{OnPost, Rehearsal};
use mm_core::domain::Nanos;

/// Milliseconds from a cancel-all to flat, where another was wanted so long before, and how many left since.
fn flat_after(before: Option<u64>) -> (usize, u32) {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    if let Some(ms) = before {
        stage.operate(Op::CancelAll);
        stage.run_ms(ms);
    }
    let left = stage.venue.cancel_alls;
    stage.operate(Op::CancelAll);
    let flat = (1..5000).find(|_| {
        stage.run_ms(1);
        stage.desk.status().flat
    });
    (flat.expect("it ends"), stage.venue.cancel_alls - left)
}

#[test]
fn a_cancel_all_wanted_while_one_is_under_way_leaves_too_and_no_older_list_counts_for_it() {
    let (alone, _) = flat_after(None);
    // lists may follow the answer to the first one, which takes 40 ms
    let least = alone - 40;
    for ms in 1..alone as u64 {
        let (flat, left) = flat_after(Some(ms));
        assert!(flat >= least, "wanted again {ms} ms after the first: flat after {flat} ms of {least}");
        assert!(left > 0, "wanted again {ms} ms after the first: none left");
    }
}

/// An order, cancelled so much later: lists are long under way then, and the cancel is not.
fn cancelled(ms: u64) -> Rehearsal {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.latency = Nanos::from_ms(400);
    stage.run_ms(ms);
    stage.latency = Nanos::from_ms(40);
    stage.cancel(1);
    stage
}

#[test]
fn a_list_that_is_older_than_an_orders_end_revives_nobody() {
    for ms in (0..6_000).step_by(50) {
        let mut stage = cancelled(ms);
        for _ in 0..30 {
            stage.run_ms(100);
            assert_eq!(stage.desk.may_land_for(), None, "it was not given up: cancelled {ms} ms later");
        }
        assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"], "cancelled {ms} ms later");
        let given_up = stage.alerts.iter().find(|told| told.contains("given up"));
        assert_eq!(given_up, None, "cancelled {ms} ms later");
    }
}

#[test]
fn one_that_rests_although_it_was_said_to_have_ended_is_found_by_the_next_list() {
    for ms in (0..6_000).step_by(50) {
        let mut stage = cancelled(ms);
        let order = hash(&stage, 1);
        // trades are read for it, after a reading that may be under way
        for _ in 0..10 {
            stage.run_ms(100);
            if heard(&stage, 1).len() > 1 {
                break;
            }
        }
        assert_eq!(heard(&stage, 1), ["accepted", "canceled 0"], "cancelled {ms} ms later");
        stage.venue.orders.entry(order).and_modify(|resting| resting.live = true);
        // another order keeps the readings going, as where nothing rests they end
        stage.place(2, bid(39));
        stage.run_ms(8_000);
        assert!(stage.venue.orders.get(&order).is_none_or(|resting| !resting.live), "cancelled {ms} ms later");
    }
}

#[test]
fn an_order_that_never_landed_is_let_go_soon_after_the_horizon_whenever_readings_fall_due() {
    for ms in (0..5000).step_by(310) {
        let mut stage = armed();
        stage.run_ms(ms);
        stage.venue.on_post = OnPost::DropAndLose;
        stage.place(1, bid(40));
        stage.run_ms(119_900);
        assert_eq!(heard(&stage, 1), ["unknown"], "placed {ms} ms later");
        stage.run_ms(1_500);
        assert_eq!(heard(&stage, 1), ["unknown", "canceled 0"], "placed {ms} ms later");
    }
}
