//! How much a client may ask, and what the engine takes.

use crate::client::{Hands, Trader, fetch, still_venue};
use mm_core::domain::{Nanos, Timestamp};
use serde_json::{Value, json};
use sim_exchange::mode::Mode;
use sim_exchange::server::Standing;

const TOO_MANY: &str = "Too Many Requests";

#[tokio::test]
async fn a_signer_has_two_buckets_and_is_told_their_levels() {
    let (running, hands) = still_venue("limits = \"standard\"").await;
    let trader = Trader::login(&running.ready, 0).await;
    let reset = |seconds: u64| Hands::START_MS / 1000 + seconds;

    let post = trader.order(true, "BUY", 40, 10);
    let (status, headers, _) = trader.limited("POST", "/order", &post).await;
    assert_eq!((status, headers), (200, format!("59 {} standard - -", reset(1))));
    // a refused order costs as much
    let (status, headers, _) = trader.limited("POST", "/order", &post).await;
    assert_eq!((status, headers), (400, format!("58 {} standard - -", reset(1))));
    let batch = |n: usize| Value::Array((0..n).map(|_| trader.order(true, "BUY", 30, 10)).collect());
    for left in [43, 28, 13] {
        let (status, headers, _) = trader.limited("POST", "/orders", &batch(15)).await;
        assert_eq!((status, headers.starts_with(&format!("{left} "))), (200, true), "{headers}");
    }
    let (status, headers, body) = trader.limited("POST", "/orders", &batch(14)).await;
    assert_eq!((status, body), (429, json!({"error": TOO_MANY})));
    assert_eq!(headers, format!("13 {} standard - 1", reset(2)), "all or nothing");
    assert_eq!(trader.limited("POST", "/orders", &batch(13)).await.0, 200);
    assert_eq!(trader.limited("POST", "/order", &batch(1)[0]).await.0, 429);

    // cancels are another bucket: 59 orders rest, one was paid before
    let (status, headers, body) = trader.limited("DELETE", "/cancel-all", &Value::Null).await;
    assert_eq!((status, body["canceled"].as_array().map(Vec::len)), (200, Some(59)));
    assert_eq!(headers, format!("60 {} standard - -", reset(1)));
    hands.advance_ms(25);
    assert_eq!(trader.limited("POST", "/order", &batch(1)[0]).await.0, 200, "forty a second: one every 25 ms");
    running.stop().await;
}

#[tokio::test]
async fn a_large_cancel_all_blocks_single_cancels_until_it_is_repaid() {
    let (running, hands) = still_venue("limits = \"standard\"").await;
    let trader = Trader::login(&running.ready, 0).await;
    for _ in 0..20 {
        let batch = Value::Array((0..10).map(|_| trader.order(true, "BUY", 30, 10)).collect());
        assert_eq!(trader.limited("POST", "/orders", &batch).await.0, 200);
        hands.advance_ms(250);
    }
    let (status, headers, _) = trader.limited("DELETE", "/cancel-all", &Value::Null).await;
    assert_eq!((status, headers.split(' ').next()), (200, Some("-81")), "{headers}");
    let one = json!({"orderID": format!("0x{}", "1".repeat(64))});
    let (status, headers, body) = trader.limited("DELETE", "/order", &one).await;
    assert_eq!((status, body), (429, json!({"error": TOO_MANY})));
    assert!(headers.starts_with("-81 ") && headers.ends_with(" standard - 2"), "{headers}");
    hands.advance_ms(1_025);
    assert_eq!(trader.limited("DELETE", "/order", &one).await.0, 200, "82 tokens at 80 a second");
    running.stop().await;
}

#[tokio::test]
async fn a_limiter_that_only_warns_refuses_nothing() {
    let (running, _) = still_venue("limits = \"standard\"\nlimits_warn_only = true").await;
    let trader = Trader::login(&running.ready, 0).await;
    for n in 0..5 {
        let batch = Value::Array((0..15).map(|_| trader.order(true, "BUY", 30, 10)).collect());
        let (status, headers, _) = trader.limited("POST", "/orders", &batch).await;
        assert_eq!((status, headers.contains(" true ")), (200, n == 4), "batch {n}: {headers}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_address_over_its_limit_is_refused_without_the_signers_headers() {
    let (running, hands) = still_venue("limits = \"elite\"").await;
    let trader = Trader::login(&running.ready, 0).await;
    let query = "?asset_type=COLLATERAL&signature_type=0";
    for n in 0..50 {
        assert_eq!(trader.get("/balance-allowance/update", query).await.0, 200, "request {n}");
    }
    let refused = trader.get("/balance-allowance/update", query).await;
    assert_eq!(refused, (429, json!({"error": TOO_MANY})));
    assert_eq!(trader.get("/balance-allowance", query).await.0, 200, "another group");
    hands.advance_ms(10_000);
    assert_eq!(trader.get("/balance-allowance/update", query).await.0, 200);
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_counted_while_limits_are_off() {
    let (running, _) = still_venue("limits = \"off\"").await;
    let trader = Trader::login(&running.ready, 0).await;
    let (status, headers, _) = trader.limited("DELETE", "/cancel-all", &Value::Null).await;
    assert_eq!((status, headers.as_str()), (200, "- - - - -"));
    for _ in 0..120 {
        assert_eq!(fetch(trader.http.get(format!("{}/ok", running.ready.clob))).await.0, 200);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_restart_is_followed_by_two_minutes_of_post_only() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let resting = trader.order(true, "BUY", 40, 10);
    assert_eq!(trader.call("POST", "/order", &resting).await.0, 200);
    let until = Timestamp::from_ms(Hands::START_MS).plus(Nanos::from_secs(90));
    running.set_mode(Mode::Restarting { until });

    let post = trader.order(true, "BUY", 40, 10);
    let (status, headers, _) = trader.limited("POST", "/order", &post).await;
    assert_eq!((status, headers.as_str()), (425, "- - - - 90"));
    let beat = json!({"heartbeat_id": ""});
    for (method, path, body) in [
        ("POST", "/orders", json!([post])),
        ("DELETE", "/order", json!({"orderID": trader.id_of(&resting)})),
        ("DELETE", "/orders", json!([trader.id_of(&resting)])),
        ("DELETE", "/cancel-all", Value::Null),
        ("DELETE", "/cancel-market-orders", json!({"asset_id": running.ready.markets[0].yes})),
        ("POST", "/v1/heartbeats", beat.clone()),
    ] {
        assert_eq!(trader.call(method, path, &body).await.0, 425, "{method} {path}");
    }
    assert_eq!(trader.open_orders().await.len(), 1, "reads work, and what rested still rests");

    hands.advance_ms(90_000 + 41_000);
    let crossing = {
        let mut order = trader.order(true, "BUY", 60, 10);
        order["postOnly"] = json!(false);
        order
    };
    let told = json!({
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 79,
    });
    let (status, headers, body) = trader.limited("POST", "/order", &crossing).await;
    assert_eq!((status, headers.as_str(), &body), (503, "- - - - 79", &told));
    // in a batch it is the entry's affair
    let (status, replies) = trader.call("POST", "/orders", &json!([crossing, post])).await;
    assert_eq!((status, &replies[0]["errorMsg"], &replies[0]["orderID"]), (200, &told["error"], &json!("")));
    // and the trap in it: the entry calls itself a success
    assert_eq!((&replies[0]["success"], &replies[0]["status"]), (&json!(true), &json!("")));
    assert_eq!((&replies[1]["errorMsg"], &replies[1]["success"]), (&json!(""), &json!(true)));
    assert_eq!(trader.call("POST", "/v1/heartbeats", &beat).await.0, 200);
    assert_eq!(
        trader.call("DELETE", "/cancel-all", &Value::Null).await.1["canceled"].as_array().map(Vec::len),
        Some(2)
    );

    hands.advance_ms(79_000);
    let (status, body) = trader.call("POST", "/order", &crossing).await;
    assert_eq!((status, &body["status"]), (200, &json!("matched")), "{body}");
    running.stop().await;
}

#[tokio::test]
async fn cancel_only_and_disabled_last_until_they_are_switched() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    assert_eq!(trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await.0, 200);
    running.set_mode(Mode::CancelOnly);
    hands.advance_ms(3_600_000);
    let post = trader.order(true, "BUY", 40, 10);
    let no_orders =
        json!({"error": "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."});
    for (path, body) in [("/order", post.clone()), ("/orders", json!([post]))] {
        assert_eq!(trader.call("POST", path, &body).await, (503, no_orders.clone()));
    }
    assert_eq!(
        trader.call("DELETE", "/cancel-all", &Value::Null).await.1["canceled"].as_array().map(Vec::len),
        Some(1)
    );

    running.set_mode(Mode::Disabled);
    let nothing = json!({"error": "Trading is currently disabled. Check polymarket.com for updates"});
    assert_eq!(trader.call("POST", "/order", &post).await, (503, nothing.clone()));
    assert_eq!(trader.call("DELETE", "/cancel-all", &Value::Null).await, (503, nothing));
    running.set_mode(Mode::Normal);
    assert_eq!(trader.call("POST", "/order", &post).await.0, 200);
    running.stop().await;
}

#[tokio::test]
async fn a_closed_only_account_may_sell_and_nothing_else() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let address = trader.address();
    assert!(running.set_standing(&address, Standing::ClosedOnly));
    assert_eq!(trader.get("/auth/ban-status/closed-only", "").await, (200, json!({"closed_only": true})));
    let (status, body) = trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    assert_eq!((status, body), (400, json!({"error": format!("'{address}' address in closed only mode")})));
    let (status, body) = trader.call("POST", "/order", &trader.order(true, "SELL", 60, 10)).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().is_some_and(|text| text.starts_with("not enough balance")), "{body}");

    assert!(running.set_standing(&address, Standing::Banned));
    let (status, body) = trader.call("POST", "/order", &trader.order(true, "SELL", 60, 10)).await;
    assert_eq!((status, body), (400, json!({"error": format!("'{address}' address banned")})));
    assert!(!running.set_standing("nobody", Standing::Good));
    running.stop().await;
}
