//! What an account may ask about itself.

use crate::client::{Hands, Trader, fetch, still_venue};
use serde_json::{Value, json};

/// A taker's buy of ten at up to 60 cents, and its answer.
async fn take(trader: &Trader) -> Value {
    let mut order = trader.order(true, "BUY", 60, 10);
    order["postOnly"] = json!(false);
    let (status, reply) = trader.call("POST", "/order", &order).await;
    assert_eq!((status, &reply["status"]), (200, &json!("matched")), "{reply}");
    reply
}

fn rows(page: &Value) -> &Vec<Value> {
    page["data"].as_array().expect("rows")
}

#[tokio::test]
async fn an_order_is_found_by_its_id_in_any_state() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let reply = take(&trader).await;
    let id = reply["orderID"].as_str().expect("an id");
    assert_eq!(reply["makingAmount"].as_str().map(|text| text.contains('.')), Some(true), "human units: {reply}");

    assert!(trader.open_orders().await.is_empty(), "the list holds what rests");
    let (status, page) = trader.get("/data/orders", &format!("?id={id}")).await;
    assert_eq!((status, rows(&page).len(), &rows(&page)[0]["status"]), (200, 1, &json!("MATCHED")), "{page}");
    let (_, order) = trader.get(&format!("/data/order/{id}"), "").await;
    assert_eq!((&order["size_matched"], &order["associate_trades"]), (&json!("10"), &reply["tradeIDs"]));
    assert!(order["created_at"].is_u64() && order["expiration"] == "0", "{order}");

    let market = &running.ready.markets[0];
    let resting = trader.order(false, "BUY", 40, 10);
    trader.call("POST", "/order", &resting).await;
    for (query, count) in [
        (format!("?market={}", market.condition), 1),
        (format!("?asset_id={}", market.no), 1),
        (format!("?asset_id={}", market.yes), 0),
        (format!("?market=0x{}", "0".repeat(64)), 0),
        ("?market=&asset_id=".to_owned(), 1),
    ] {
        assert_eq!(trader.get("/data/orders", &query).await.1["count"], json!(count), "{query}");
    }
    assert_eq!(trader.get("/data/pre-migration-orders", "").await.1["data"], json!([]));
    running.stop().await;
}

#[tokio::test]
async fn trades_are_filtered_by_everything_the_clients_name() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let trade = take(&trader).await["tradeIDs"][0].as_str().expect("a trade").to_owned();
    let at = Hands::START_MS / 1000;
    let (market, own) = (&running.ready.markets[0], trader.address());
    let stranger = format!("0x{}", "1".repeat(40));
    for (query, found) in [
        (String::new(), true),
        (format!("?id={trade}"), true),
        ("?id=nothing".to_owned(), false),
        (format!("?maker_address={own}"), true),
        (format!("?maker={}", own.to_lowercase()), true),
        (format!("?maker_address={stranger}"), false),
        (format!("?taker={own}"), true),
        (format!("?taker={stranger}"), false),
        (format!("?market={}&asset_id={}", market.condition, market.yes), true),
        (format!("?asset_id={}", market.no), false),
        (format!("?after={at}&before={at}"), true),
        (format!("?after={}", at + 1), false),
        (format!("?before={}", at - 1), false),
    ] {
        let (status, page) = trader.get("/data/trades", &query).await;
        assert_eq!((status, rows(&page).is_empty()), (200, !found), "{query}: {page}");
    }
    assert_eq!(
        trader.get("/data/trades", "?before=soon").await,
        (400, json!({"error": "Invalid trade params payload"}))
    );
    let status_and_hash = async || {
        let (_, page) = trader.get("/data/trades", "").await;
        let row = rows(&page)[0].clone();
        (row["status"].clone(), row["transaction_hash"].as_str().map(str::len))
    };
    assert_eq!(status_and_hash().await, (json!("MATCHED"), Some(0)));
    hands.advance_ms(2_000);
    assert_eq!(status_and_hash().await, (json!("MINED"), Some(66)));
    hands.advance_ms(13_000);
    assert_eq!(status_and_hash().await, (json!("CONFIRMED"), Some(66)));
    running.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_that_end() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    for _ in 0..14 {
        let batch = Value::Array((0..15).map(|_| trader.order(true, "BUY", 10, 10)).collect());
        assert_eq!(trader.call("POST", "/orders", &batch).await.0, 200);
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut cursors = vec!["MA==".to_owned()];
    while let Some(cursor) = cursors.last().filter(|cursor| *cursor != "LTE=") {
        let (status, page) = trader.get("/data/orders", &format!("?next_cursor={}", cursor.replace('=', "%3D"))).await;
        assert_eq!((status, &page["limit"]), (200, &json!(100)));
        assert_eq!(page["count"], json!(rows(&page).len()));
        seen.extend(rows(&page).iter().map(|row| row["id"].to_string()));
        cursors.push(page["next_cursor"].as_str().expect("a cursor").to_owned());
    }
    assert_eq!((seen.len(), cursors.join(" ").as_str()), (210, "MA== MTAw MjAw LTE="));
    assert_eq!(trader.get("/data/orders", "?next_cursor=x").await, (400, json!({"error": "Invalid next_cursor"})));
    running.stop().await;
}

#[tokio::test]
async fn notes_tell_of_fills_and_ends_and_can_be_dropped() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let filled = take(&trader).await["orderID"].clone();
    let post = trader.order(true, "BUY", 40, 10);
    trader.call("POST", "/order", &post).await;
    trader.call("DELETE", "/cancel-all", &Value::Null).await;
    let (status, notes) = trader.get("/notifications", "?signature_type=0").await;
    let notes = notes.as_array().expect("a list").clone();
    let shown: Vec<_> = notes.iter().map(|n| (n["type"].clone(), n["payload"]["order_id"].clone())).collect();
    assert_eq!((status, shown), (200, vec![(json!(2), filled), (json!(1), json!(trader.id_of(&post)))]));
    assert_eq!(trader.get("/notifications", "?signature_type=1").await.1, json!([]), "no such wallet");
    let query = format!("?ids={}&signature_type=0", notes[0]["id"]);
    assert_eq!(trader.send(trader.request("DELETE", "/notifications", &query, "")).await, (200, json!("OK")));
    assert_eq!(trader.get("/notifications", "").await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(trader.send(trader.request("DELETE", "/notifications", "?ids=x", "")).await.0, 400);
    running.stop().await;
}

#[tokio::test]
async fn a_builder_code_is_known_once_an_order_carried_it() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let code = format!("0x{}", "ab".repeat(32));
    let public = async |path: String| fetch(trader.http.get(format!("{}{path}", running.ready.clob))).await;
    assert_eq!(public(format!("/fees/builder-fees/{code}")).await.0, 404);
    let mut order = trader.order_with(true, "BUY", 60, 10, &code);
    order["postOnly"] = json!(false);
    assert_eq!(trader.call("POST", "/order", &order).await.0, 200);
    let fees = json!({"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0});
    assert_eq!(public(format!("/fees/builder-fees/{code}")).await, (200, fees));
    let (status, page) = public(format!("/builder/trades?builder_code={code}")).await;
    let row = &rows(&page)[0];
    assert_eq!((status, &row["tradeType"], &row["builderCode"]), (200, &json!("TAKER"), &json!(code)), "{page}");
    assert_eq!((&row["size"], &row["takerOrderHash"]), (&json!("10"), &json!(trader.id_of(&order))));
    for bad in ["", "?builder_code=0x12", &format!("?builder_code=0x{}", "0".repeat(64))] {
        assert_eq!(public(format!("/builder/trades{bad}")).await.0, 400, "{bad}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_read_only_key_reads_and_does_nothing_else() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    let (status, made) = trader.call("POST", "/auth/readonly-api-key", &Value::Null).await;
    let key = made["apiKey"].as_str().expect("a key").to_owned();
    assert_eq!((status, made.as_object().map(serde_json::Map::len)), (200, Some(1)), "no secret is handed out");
    let list = json!({"readonlyApiKeys": [key]});
    assert_eq!(trader.get("/auth/readonly-api-keys", "").await, (200, list));
    assert_eq!(trader.get("/auth/api-keys", "").await.1, json!({"apiKeys": [trader.api_key]}));

    let read = async |method: &str, path: &str| {
        let request = trader.http.request(method.parse().expect("a method"), format!("{}{path}", running.ready.clob));
        fetch(request.header("POLY_ADDRESS", trader.address()).header("POLY_READONLY_API_KEY", &key)).await
    };
    assert_eq!(read("GET", "/data/orders").await.1["count"], json!(1));
    assert_eq!(read("GET", "/balance-allowance?asset_type=COLLATERAL").await.0, 200);
    for (method, path) in [("DELETE", "/cancel-all"), ("POST", "/order"), ("DELETE", "/notifications")] {
        assert_eq!(read(method, path).await.0, 401, "{method} {path}");
    }
    let (status, _) = trader.call("DELETE", "/auth/readonly-api-key", &json!({"key": key})).await;
    assert_eq!(status, 200);
    assert_eq!(read("GET", "/data/orders").await.0, 401);
    assert_eq!(trader.call("DELETE", "/auth/readonly-api-key", &json!({"key": key})).await.0, 404);
    running.stop().await;
}

#[tokio::test]
async fn the_old_heartbeat_keeps_the_same_switch_open() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await;
    let beat = async |id: &Value| trader.call("POST", "/v1/heartbeats", &json!({"heartbeat_id": id})).await;
    let (_, first) = beat(&Value::Null).await;
    for _ in 0..4 {
        hands.advance_ms(8_000);
        assert_eq!(trader.call("POST", "/heartbeats", &Value::Null).await, (200, json!({"status": "ok"})));
    }
    assert_eq!(trader.open_orders().await.len(), 1);
    let (status, told) = beat(&first["heartbeat_id"]).await;
    assert_eq!((status, &told["error_msg"]), (400, &json!("Invalid Heartbeat ID")));
    assert_eq!(beat(&told["heartbeat_id"]).await.0, 200, "the chain goes on with the id it was told");
    hands.advance_ms(15_000);
    assert!(trader.open_orders().await.is_empty(), "silence cancels");
    running.stop().await;
}
