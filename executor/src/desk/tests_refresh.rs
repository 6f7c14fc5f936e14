//! The venue's balances are a cache: it is refreshed before its word is taken.

use super::tests::{check, hash, heard};
use super::tests_truth::shares;
use crate::outcome::Lost;
use crate::rehearsal::{Acts, CallKind, Mishap, OnPost, Rehearsal, Seen, order, token_id};
use mm_core::domain::Outcome::Yes;
use mm_core::domain::Qty;
use mm_core::domain::Side::Sell;

fn free(stage: &Rehearsal) -> Qty {
    stage.desk.exposure().free_shares(&token_id(0, Yes))
}

/// Twenty shares bought and settled, of which the venue's cache knows nothing.
fn bought() -> Rehearsal {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.caches_balances = true;
    let id = hash(&stage, 1);
    stage.fill(id, shares(20));
    stage.run_ms(6_000);
    stage
}

#[test]
fn what_was_bought_is_refreshed_and_can_be_sold() {
    let mut stage = bought();
    assert_eq!(free(&stage), shares(20), "what the venue's cache does not know cannot be sold");
    stage.place(2, order(0, Yes, Sell, 45, 10));
    stage.run_ms(500);
    assert_eq!(heard(&stage, 2), ["accepted"]);
}

#[test]
fn a_refresh_that_fails_is_made_again_and_keeps_no_balance_from_being_read() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.venue.caches_balances = true;
    let seen = Seen::Lost(Lost::Timeout);
    stage.mishaps.push(Mishap { call: CallKind::Refresh, acts: Acts::Not, seen, times: 8 });
    let id = hash(&stage, 1);
    stage.fill(id, shares(20));
    stage.run_ms(40_000);
    assert_eq!(free(&stage), shares(0), "by the cache's word");
    stage.run_ms(600_000);
    assert_eq!(free(&stage), shares(20));
    assert!(stage.desk.status().apart.is_empty());
}

#[test]
fn a_start_refreshes_what_is_held() {
    let mut stage = bought();
    stage.venue.refreshed.clear();
    stage.restart(crate::rehearsal::setup(crate::rehearsal::policy(2), false));
    stage.connect(2, 2);
    stage.run_ms(6_000);
    assert_eq!(free(&stage), shares(20));
}

#[test]
fn a_token_that_is_not_held_costs_no_refresh() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    stage.run_ms(60_000);
    assert_eq!(stage.venue.refreshes, 1, "dollars, once");
}

#[test]
fn a_sale_refused_for_shares_that_are_there_has_them_refreshed() {
    let mut stage = bought();
    stage.venue.refreshed.clear();
    stage.venue.on_post = OnPost::Reject;
    stage.place(2, order(0, Yes, Sell, 45, 10));
    stage.run_ms(3_000);
    assert_eq!(heard(&stage, 2), ["rejected"]);
    assert_eq!(stage.venue.refreshed.len(), 1, "of the token that was to be sold");
}
