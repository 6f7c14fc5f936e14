//! The direct front answers what the wire answers.

use super::*;
use crate::scenario::Scenario;
use mm_core::domain::{Nanos, Side, TimeInForce, TokenId};
use std::path::Path;

const WORLD: &str = r#"
schema = 1
seed = 3
start_utc = "2026-06-06T12:00:00Z"
[[market]]
slug = "one"
built_in_book = false
rewards = { max_spread_cents = "3", min_size_shares = "20", min_age_ms = 4000, rate_usdc_per_day = "1440", change = [{ at_s = 60, rate_usdc_per_day = "0" }] }
"#;

/// A venue, the caller, and what it asks for.
fn scene() -> (Exchange, Caller, [TokenId; 2]) {
    let scenario = Scenario::parse(WORLD, Path::new("")).expect("a sound world");
    let mut exchange = Exchange::new(&scenario, scenario.start_utc).expect("it begins");
    let account = exchange.open_account(scenario.start_utc, "0xAb");
    let market = exchange.markets()[0].market.clone();
    (exchange, Caller { account, owner: "key".to_owned() }, [market.yes, market.no])
}

fn bid(n: u8, token: &TokenId, side: Side) -> PlaceRequest {
    PlaceRequest {
        id: OrderId::from_bytes([n; 32]),
        token: token.clone(),
        side,
        price: Price::parse("0.49").expect("a price"),
        qty: Qty::from_whole(100).expect("small"),
        tif: TimeInForce::Gtc,
        post_only: true,
        owner: "key".to_owned(),
    }
}

fn said(reply: VenueReply) -> (u16, String) {
    let VenueReply::Answer(answer) = reply else { panic!("no answer: {reply:?}") };
    (answer.status, String::from_utf8(answer.body).expect("text"))
}

#[test]
fn an_order_scores_by_the_sample_that_would_be_taken_and_only_while_a_pool_pays() {
    let (mut exchange, caller, tokens) = scene();
    let start = exchange.now();
    let at = |secs| start.plus(Nanos::from_secs(secs));
    for (n, token) in (1..).zip(&tokens) {
        let (status, text) = said(place(&mut exchange, at(0), &caller, Switches::default(), bid(n, token, Side::Buy)));
        assert_eq!(status, 200, "{text}");
    }
    let ids = [OrderId::from_bytes([1; 32]), OrderId::from_bytes([9; 32])];
    for (secs, scores) in [(3, false), (5, true), (59, true), (60, false)] {
        let call = VenueCall::Scoring(ids.to_vec());
        let (status, text) = said(answer(&mut exchange, at(secs), &caller, Switches::default(), &call));
        let told: BTreeMap<OrderId, bool> = serde_json::from_str(&text).expect("a map");
        let wire = exchange.scoring(at(secs), caller.account, &ids);
        assert_eq!((status, told[&ids[0]], told[&ids[1]]), (200, scores, false), "after {secs} s");
        assert_eq!(wire, [scores, false], "after {secs} s");
    }
}

#[test]
fn a_closed_only_account_may_sell_and_nothing_else() {
    let (mut exchange, caller, [yes, _]) = scene();
    let at = exchange.now();
    let switches = Switches { closed_only: true, ..Switches::default() };
    let (status, text) = said(place(&mut exchange, at, &caller, switches, bid(1, &yes, Side::Buy)));
    assert_eq!((status, text.as_str()), (400, r#"{"error":"'0xAb' address in closed only mode"}"#));
    let (status, text) = said(place(&mut exchange, at, &caller, switches, bid(1, &yes, Side::Sell)));
    assert!(status == 400 && text.contains("not enough balance"), "a sale is looked at: {text}");
    let (status, text) = said(place(&mut exchange, at, &caller, Switches::default(), bid(1, &yes, Side::Buy)));
    assert_eq!(status, 200, "{text}");
}
