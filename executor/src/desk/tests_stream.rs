//! A user stream that tells what is not so (executor.md 2.4).

use super::DeskInput;
use super::tests::{check, hash, heard};
use crate::rehearsal::{OnPost, Rehearsal, condition, token_id};
use mm_core::domain::{OrderId, Outcome, Qty};
use mm_core::protocol::Held;
use mm_core::venue::user_ws::{self, UserFrame};
use serde_json::{Value, json};

/// The stream says this now.
pub(super) fn says(stage: &mut Rehearsal, event: &Value) {
    let Ok(UserFrame::Events(events)) = user_ws::decode(&event.to_string()) else { panic!("our own frame: {event}") };
    for event in events {
        stage.input(DeskInput::User(Box::new(event)));
    }
    stage.run_ms(10);
}

fn trade(status: &str, order: OrderId, shares: u64) -> Value {
    let token = token_id(0, Outcome::Yes);
    json!({ "event_type": "trade", "id": "trade-0", "status": status, "market": condition(0), "asset_id": token, "side": "SELL",
            "taker_order_id": OrderId::from_bytes([0xdd; 32]).to_string(), "price": "0.4", "size": shares.to_string(),
            "maker_orders": [{ "order_id": order.to_string(), "matched_amount": shares.to_string(), "price": "0.4",
                               "asset_id": token, "side": "BUY" }] })
}

pub(super) fn order_event(kind: &str, order: OrderId, matched: &str) -> Value {
    json!({ "event_type": "order", "type": kind, "id": order.to_string(), "market": condition(0),
            "asset_id": token_id(0, Outcome::Yes), "side": "BUY", "price": "0.4", "original_size": "20",
            "size_matched": matched, "status": "LIVE" })
}

fn held(stage: &Rehearsal) -> Held {
    stage.desk.exposure().held(&token_id(0, Outcome::Yes))
}

fn shares(n: u64) -> Qty {
    Qty::from_whole(n).expect("small")
}

#[test]
fn an_order_nobody_here_placed_halts_and_a_trade_between_others_means_nothing() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    says(&mut stage, &trade("MATCHED", OrderId::from_bytes([7; 32]), 5));
    assert!(stage.is_open(), "other people trade too");
    assert_eq!(held(&stage), Held::default());
    says(&mut stage, &order_event("PLACEMENT", OrderId::from_bytes([7; 32]), "0"));
    stage.run_ms(3000);
    assert!(stage.desk.status().halted.is_some_and(|why| why.contains("not in the ledger")));
    assert_eq!(stage.resting(), 0);
}

#[test]
fn a_settlement_that_goes_back_changes_nothing() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    stage.fill(id, shares(5));
    stage.run_ms(4000);
    let settled = Held { matched: shares(5), confirmed: shares(5) };
    assert_eq!(held(&stage), settled);
    let told = heard(&stage, 1);
    for status in ["MATCHED", "MINED", "RETRYING", "MATCHED"] {
        says(&mut stage, &trade(status, id, 5));
        assert_eq!(held(&stage), settled, "{status}");
    }
    assert_eq!(heard(&stage, 1), told);
}

#[test]
fn a_match_that_fails_gives_its_shares_back_once() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    says(&mut stage, &trade("MATCHED", id, 5));
    assert_eq!(held(&stage).matched, shares(5));
    for _ in 0..2 {
        says(&mut stage, &trade("FAILED", id, 5));
        assert_eq!(held(&stage), Held::default());
    }
    says(&mut stage, &trade("CONFIRMED", id, 5));
    assert_eq!(heard(&stage, 1).iter().filter(|what| what.contains("Failed")).count(), 1);
}

#[test]
fn more_matched_than_was_ordered_frees_nothing_and_is_no_fill() {
    let mut stage = check(OnPost::Accept, 500, &["accepted"]);
    let id = hash(&stage, 1);
    let open = stage.desk.exposure().total().open;
    says(&mut stage, &order_event("UPDATE", id, "1000"));
    stage.run_ms(2000);
    assert_eq!(held(&stage), Held::default(), "a size is no trade");
    assert_eq!(stage.desk.exposure().total().open, open);
    // A trade larger than its order is counted in full, and a person has to look.
    says(&mut stage, &trade("MATCHED", id, 1000));
    stage.run_ms(3000);
    assert!(stage.desk.status().halted.is_some_and(|why| why.contains("traded 1000 shares of 20")));
    assert_eq!(held(&stage).matched, shares(1000));
    assert_eq!(stage.resting(), 0);
}
