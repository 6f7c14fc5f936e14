//! Orders, cancels, the dead-man switch.

use crate::client::{Trader, fetch, still_venue, venue};
use serde_json::{Value, json};

#[tokio::test]
async fn a_signed_order_rests_under_its_hash_and_is_cancelled_by_it() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let post = trader.order(true, "BUY", 40, 10);
    let id = trader.id_of(&post);
    let expected = json!({"errorMsg": "", "orderID": id, "takingAmount": "", "makingAmount": "", "status": "live", "success": true});
    assert_eq!(trader.call("POST", "/order", &post).await, (200, expected));
    assert_eq!(trader.open_orders().await, std::slice::from_ref(&id));

    let (_, order) = trader.call("GET", &format!("/data/order/{id}"), &Value::Null).await;
    for (key, value) in
        [("status", "LIVE"), ("price", "0.4"), ("original_size", "10"), ("size_matched", "0"), ("side", "BUY")]
    {
        assert_eq!(order[key], json!(value), "{order}");
    }
    let again = trader.call("POST", "/order", &post).await;
    assert_eq!(again, (400, json!({"error": format!("order {id} is invalid. Duplicated.")})));

    let cancelled = trader.call("DELETE", "/order", &json!({"orderID": id})).await;
    assert_eq!(cancelled, (200, json!({"canceled": [id], "not_canceled": {}})));
    let (_, order) = trader.call("GET", &format!("/data/order/{id}"), &Value::Null).await;
    assert_eq!(order["status"], json!("CANCELED"));
    let (_, twice) = trader.call("DELETE", "/order", &json!({"orderID": id})).await;
    assert_eq!(twice["canceled"], json!([]));
    assert!(twice["not_canceled"][&id].is_string(), "{twice}");
    assert_eq!(trader.call("POST", "/order", &post).await, again, "a cancelled order is a duplicate too");
    running.stop().await;
}

#[tokio::test]
async fn batches_are_judged_order_by_order_and_cancelled_in_every_way() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let market = running.ready.markets[0].clone();

    let mut spoilt = trader.order(true, "BUY", 38, 10);
    spoilt["order"]["salt"] = json!(99);
    let batch = json!([trader.order(true, "BUY", 39, 10), spoilt, {"order": 7}, trader.order(false, "BUY", 39, 10)]);
    let (status, replies) = trader.call("POST", "/orders", &batch).await;
    let texts: Vec<&str> =
        replies.as_array().expect("a list").iter().map(|r| r["errorMsg"].as_str().expect("text")).collect();
    assert_eq!((status, texts), (200, vec!["", "invalid signature", "Invalid order payload", ""]));
    assert_eq!(replies[1]["orderID"], json!(""));
    assert_eq!(trader.open_orders().await.len(), 2);

    let by_token = trader.call("DELETE", "/cancel-market-orders", &json!({"market": "", "asset_id": market.no})).await;
    assert_eq!(by_token.1["canceled"], json!([replies[3]["orderID"]]));
    let by_market =
        trader.call("DELETE", "/cancel-market-orders", &json!({"market": market.condition, "asset_id": null})).await;
    assert_eq!(by_market.1["canceled"], json!([replies[0]["orderID"]]));

    let sixteen = Value::Array((0..16).map(|_| trader.order(true, "BUY", 30, 10)).collect());
    let too_many = json!({"error": "Too many orders in payload: 16, max allowed: 15"});
    assert_eq!(trader.call("POST", "/orders", &sixteen).await, (400, too_many));
    let fifteen = Value::Array((0..15).map(|_| trader.order(true, "BUY", 30, 10)).collect());
    assert_eq!(trader.call("POST", "/orders", &fifteen).await.0, 200);
    let open = trader.open_orders().await;
    assert_eq!(open.len(), 15);
    let some = json!([open[0], open[1], open[0], format!("0x{}", "0".repeat(64))]);
    let (_, cancelled) = trader.call("DELETE", "/orders", &some).await;
    assert_eq!(cancelled["canceled"].as_array().map(Vec::len), Some(2), "{cancelled}");
    assert_eq!(cancelled["not_canceled"].as_object().map(serde_json::Map::len), Some(1), "{cancelled}");
    let (_, all) = trader.call("DELETE", "/cancel-all", &Value::Null).await;
    assert_eq!(all["canceled"].as_array().map(Vec::len), Some(13), "{all}");
    assert!(trader.open_orders().await.is_empty());
    assert_eq!(trader.call("DELETE", "/cancel-all", &Value::Null).await.1, json!({"canceled": [], "not_canceled": {}}));
    running.stop().await;
}

#[tokio::test]
async fn malformed_bodies_get_the_venues_words_and_change_nothing() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let order = trader.order(true, "BUY", 40, 10);
    let with = |change: fn(&mut Value)| {
        let mut order = order.clone();
        change(&mut order);
        order.to_string()
    };
    let deep = "[".repeat(100_000);
    let ids = Value::Array(vec![json!(format!("0x{}", "1".repeat(64))); 1001]).to_string();
    let big = "x".repeat(300 * 1024);
    let cases: Vec<(&str, &str, String, u16, &str)> = vec![
        ("POST", "/order", String::new(), 400, "Invalid order payload"),
        ("POST", "/order", "{".into(), 400, "Invalid order payload"),
        ("POST", "/order", "\u{1}\u{2}".into(), 400, "Invalid order payload"),
        ("POST", "/order", deep.clone(), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["salt"] = json!("1")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["salt"] = json!(-1)), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["makerAmount"] = json!("-5")), 400, "Invalid order payload"),
        (
            "POST",
            "/order",
            with(|o| o["order"]["makerAmount"] = json!("99999999999999999999999")),
            400,
            "Invalid order payload",
        ),
        ("POST", "/order", with(|o| o["order"]["tokenId"] = json!("12x")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["tokenId"] = json!("1")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["side"] = json!("HOLD")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["signature"] = json!("0xzz")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["orderType"] = json!("DAY")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["orderType"] = json!("FOK")), 400, "Invalid order payload"),
        ("POST", "/order", with(|o| o["order"]["expiration"] = json!("5")), 400, "invalid expiration"),
        ("POST", "/order", with(|o| o["orderType"] = json!("GTD")), 400, "invalid expiration"),
        ("POST", "/orders", "[]".into(), 400, "Invalid order payload"),
        ("POST", "/orders", "{}".into(), 400, "Invalid order payload"),
        ("DELETE", "/order", "{}".into(), 400, "Invalid order payload"),
        ("DELETE", "/order", json!({"orderID": "0x12"}).to_string(), 400, "Invalid orderID"),
        ("DELETE", "/orders", "[1]".into(), 400, "Invalid order payload"),
        ("DELETE", "/orders", ids, 400, "Too many orders in payload, max allowed: 1000"),
        ("DELETE", "/cancel-market-orders", "{}".into(), 400, "invalid order params payload"),
        ("DELETE", "/cancel-market-orders", json!({"market": "x"}).to_string(), 400, "invalid order params payload"),
        ("POST", "/v1/heartbeats", "[".into(), 400, "Invalid payload"),
        ("POST", "/orders-scoring", "{}".into(), 400, "Invalid payload"),
        ("GET", "/data/order/12", String::new(), 400, "Invalid orderID"),
        ("POST", "/order", big, 413, "Payload exceeds the limit"),
    ];
    for (method, path, body, status, error) in cases {
        let shown: String = body.chars().take(80).collect();
        let got = trader.send(trader.request(method, path, "", &body)).await;
        assert_eq!(got, (status, json!({"error": error})), "{method} {path} {shown}");
    }
    assert!(trader.open_orders().await.is_empty());
    assert_eq!(trader.call("POST", "/order", &order).await.0, 200, "the order itself was never used up");
    running.stop().await;
}

#[tokio::test]
async fn prices_off_the_grid_and_sizes_below_the_minimum_are_named() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let mut half_cent = trader.order(true, "BUY", 40, 4);
    let id = trader.id_of(&half_cent);
    let small = json!({"error": format!("order {id} is invalid. Size (4) lower than the minimum: 5")});
    assert_eq!(trader.call("POST", "/order", &half_cent).await, (400, small));

    half_cent["postOnly"] = json!(true);
    let crossing = trader.call("POST", "/order", &trader.order(true, "BUY", 99, 10)).await;
    assert_eq!(crossing, (400, json!({"error": "invalid post-only order: order crosses book"})));
    let (status, body) = trader.call("POST", "/order", &trader.order(true, "BUY", 40, 1_000_000)).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().expect("text").starts_with("not enough balance / allowance"), "{body}");
    running.stop().await;
}

#[tokio::test]
async fn heartbeats_are_a_chain() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let beat = async |id: Value| trader.call("POST", "/v1/heartbeats", &json!({"heartbeat_id": id})).await;
    let (status, first) = beat(Value::Null).await;
    assert_eq!(status, 200, "{first}");
    let (status, second) = beat(first["heartbeat_id"].clone()).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(first, second);
    let stale = json!({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second["heartbeat_id"]});
    assert_eq!(beat(first["heartbeat_id"].clone()).await, (400, stale.clone()));
    assert_eq!(beat(json!("")).await, (400, stale), "a restart with a live chain");
    assert_eq!(beat(second["heartbeat_id"].clone()).await.0, 200, "a refused beat does not move the chain");
    running.stop().await;
}

#[tokio::test]
async fn balances_and_scoring_answer() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let get = async |path: &str, query: &str| trader.send(trader.request("GET", path, query, "")).await;
    let (status, balance) = get("/balance-allowance", "?asset_type=COLLATERAL&signature_type=0").await;
    assert_eq!((status, &balance["balance"]), (200, &json!("10000000000")), "{balance}");
    assert_eq!(balance["allowances"].as_object().map(serde_json::Map::len), Some(2));
    let token = format!("?asset_type=CONDITIONAL&token_id={}&signature_type=0", running.ready.markets[0].yes);
    assert_eq!(get("/balance-allowance", &token).await.1["balance"], json!("0"));
    assert_eq!(get("/balance-allowance/update", &token).await, (200, Value::Null));
    assert_eq!(get("/balance-allowance", "?asset_type=GOLD").await, (400, json!({"error": "Invalid asset type"})));
    let bad_type = get("/balance-allowance", "?asset_type=COLLATERAL&signature_type=9").await;
    assert_eq!(bad_type, (400, json!({"error": "Invalid signature_type"})));

    let post = trader.order(true, "BUY", 40, 10);
    trader.call("POST", "/order", &post).await;
    let id = trader.id_of(&post);
    let scoring = get("/order-scoring", &format!("?order_id={id}")).await;
    assert_eq!(scoring, (200, json!({"scoring": false})), "ten cents away is outside the band");
    assert_eq!(trader.call("POST", "/orders-scoring", &json!([id])).await, (200, json!({id: false})));
    let (status, trades) = get("/data/trades", "?after=0&next_cursor=MA==").await;
    assert_eq!((status, &trades["next_cursor"]), (200, &json!("LTE=")));
    assert!(trades["data"].is_array());
    let (status, _) = fetch(trader.http.get(format!("{}/data/orders", running.ready.clob))).await;
    assert_eq!(status, 401, "never without credentials");
    running.stop().await;
}

#[tokio::test]
async fn the_dead_mans_switch_is_the_keys_and_not_the_wallets() {
    let (running, hands) = still_venue("").await;
    let keys = [Trader::login(&running.ready, 0).await, Trader::login_with(&running.ready, 0, "1").await];
    assert_eq!(keys[0].address(), keys[1].address());
    assert_ne!(keys[0].api_key, keys[1].api_key);
    let beat = async |key: &Trader, id: &Value| key.call("POST", "/v1/heartbeats", &json!({"heartbeat_id": id})).await;
    let mut next = Vec::new();
    for key in &keys {
        let (status, body) = beat(key, &json!("")).await;
        assert_eq!(status, 200, "each key begins a chain of its own: {body}");
        next.push(body["heartbeat_id"].clone());
    }
    let orders = [keys[0].order(true, "BUY", 40, 10), keys[1].order(true, "BUY", 39, 10)];
    for (key, order) in keys.iter().zip(&orders) {
        assert_eq!(key.call("POST", "/order", order).await.0, 200);
    }
    for _ in 0..3 {
        hands.advance_ms(5_000);
        let (status, body) = beat(&keys[1], &next[1]).await;
        assert_eq!(status, 200, "{body}");
        next[1] = body["heartbeat_id"].clone();
    }
    assert_eq!(keys[0].open_orders().await, [""; 0], "silent for 15 s");
    assert_eq!(keys[1].open_orders().await, [keys[1].id_of(&orders[1])]);
    assert_eq!(beat(&keys[0], &next[0]).await.0, 400, "its chain begins anew");
    assert_eq!(beat(&keys[0], &json!("")).await.0, 200);
    running.stop().await;
}
