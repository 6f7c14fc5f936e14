//! Markets that hold orders back, start games, and end.

use crate::client::{Trader, fetch, moving_market, still_market};
use serde_json::{Value, json};

/// A buy at up to 60 cents that is not post-only.
fn taking(trader: &Trader, kind: &str) -> Value {
    let mut order = trader.order(true, "BUY", 60, 10);
    order["postOnly"] = json!(false);
    order["orderType"] = json!(kind);
    order
}

#[tokio::test]
async fn a_short_hold_is_waited_out_by_the_answer() {
    let running = moving_market("taker_delay_ms = 50").await;
    let trader = Trader::login(&running.ready, 0).await;
    let condition = running.ready.markets[0].condition.clone();
    let (_, told) = fetch(trader.http.get(format!("{}/clob-markets/{condition}", running.ready.clob))).await;
    assert_eq!((&told["itode"], &told["sd"]), (&json!(true), &Value::Null));
    let (status, reply) = trader.call("POST", "/order", &taking(&trader, "FAK")).await;
    assert_eq!((status, &reply["status"], &reply["takingAmount"]), (200, &json!("matched"), &json!("10")), "{reply}");
    let batch = json!([taking(&trader, "GTC"), trader.order(true, "BUY", 40, 10), taking(&trader, "FOK")]);
    let (_, replies) = trader.call("POST", "/orders", &batch).await;
    let statuses: Vec<_> = replies.as_array().expect("a list").iter().map(|reply| reply["status"].clone()).collect();
    assert_eq!(statuses, ["matched", "live", "matched"], "{replies}");
    running.stop().await;
}

#[tokio::test]
async fn a_long_hold_is_answered_at_once_and_cannot_be_cancelled() {
    let (running, hands) = still_market("seconds_delay = 3").await;
    let trader = Trader::login(&running.ready, 0).await;
    let condition = running.ready.markets[0].condition.clone();
    let (_, told) = fetch(trader.http.get(format!("{}/clob-markets/{condition}", running.ready.clob))).await;
    assert_eq!((&told["itode"], &told["sd"]), (&Value::Null, &json!(3)));
    let (status, reply) = trader.call("POST", "/order", &taking(&trader, "GTC")).await;
    assert_eq!((status, &reply["status"], &reply["makingAmount"]), (200, &json!("delayed"), &json!("0")), "{reply}");
    let id = reply["orderID"].as_str().expect("an id");
    let (_, cancelled) = trader.call("DELETE", "/order", &json!({"orderID": id})).await;
    assert_eq!(cancelled["canceled"], json!([]), "{cancelled}");
    let status_now = async || trader.get(&format!("/data/order/{id}"), "").await.1["status"].clone();
    assert_eq!(status_now().await, json!("DELAYED"));
    hands.advance_ms(3_000);
    assert_eq!(status_now().await, json!("MATCHED"));
    running.stop().await;
}

#[tokio::test]
async fn a_game_start_is_told_and_clears_the_book() {
    let (running, hands) = still_market("game_start_s = 60").await;
    let trader = Trader::login(&running.ready, 0).await;
    let condition = running.ready.markets[0].condition.clone();
    let (_, told) = fetch(trader.http.get(format!("{}/clob-markets/{condition}", running.ready.clob))).await;
    assert_eq!(told["cbos"], json!(true));
    assert!(told["gst"].as_str().is_some_and(|text| text.starts_with("2026-11-21T") && text.ends_with('Z')), "{told}");
    let (_, rows) = fetch(trader.http.get(format!("{}/markets", running.ready.gamma))).await;
    assert_eq!((&rows[0]["clearBookOnStart"], &rows[0]["gameStartTime"]), (&json!(true), &told["gst"]));
    trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    hands.advance_ms(60_000);
    assert!(trader.open_orders().await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn an_answered_market_is_closed_everywhere() {
    let (running, hands) = still_market("resolve = { at_s = 600, winner = \"yes\" }").await;
    let trader = Trader::login(&running.ready, 0).await;
    let (ready, market) = (running.ready.clone(), running.ready.markets[0].clone());
    trader.call("POST", "/order", &taking(&trader, "FAK")).await;
    trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    hands.advance_ms(600_000);
    let get = async |url: String| fetch(trader.http.get(url)).await;

    let (_, row) = get(format!("{}/markets/{}", ready.clob, market.condition)).await;
    assert_eq!((&row["closed"], &row["accepting_orders"]), (&json!(true), &json!(false)));
    let tokens: Vec<_> = [0, 1].map(|n| (row["tokens"][n]["price"].clone(), row["tokens"][n]["winner"].clone())).into();
    assert_eq!(tokens, [(json!(1), json!(true)), (json!(0), json!(false))]);
    assert_eq!(get(format!("{}/markets", ready.gamma)).await.1, json!([]), "hidden unless asked for");
    let (_, closed) = get(format!("{}/markets?closed=true", ready.gamma)).await;
    assert_eq!(
        (&closed[0]["umaResolutionStatus"], &closed[0]["outcomePrices"]),
        (&json!("resolved"), &json!("[\"1\",\"0\"]"))
    );
    assert_eq!(get(format!("{}/book?token_id={}", ready.clob, market.yes)).await.0, 404);

    let (status, body) = trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    assert_eq!((status, body), (400, json!({"error": "the market is not yet ready to process new orders"})));
    assert!(trader.open_orders().await.is_empty());
    let user = trader.address();
    let (_, page) = get(format!("{}/v2/positions?user={user}&status=REDEEMABLE", ready.data)).await;
    assert_eq!(
        (&page["data"][0]["current_price"], &page["data"][0]["redeemable"]),
        (&json!("1"), &json!(true)),
        "{page}"
    );
    assert_eq!(get(format!("{}/v2/positions?user={user}&status=OPEN", ready.data)).await.1["data"], json!([]));
    running.stop().await;
}
