//! The other hosts, and prices over time.

use crate::client::{Trader, fetch, still_venue};
use serde_json::{Value, json};

#[tokio::test]
async fn the_catalogue_lists_markets_and_events_by_offset_and_by_cursor() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let (gamma, market) = (running.ready.gamma.clone(), running.ready.markets[0].clone());
    let get = async |path: &str| fetch(trader.http.get(format!("{gamma}{path}"))).await;
    let (status, rows) = get("/markets").await;
    let row = &rows[0];
    assert_eq!(status, 200);
    for (key, value) in [
        ("conditionId", json!(market.condition)),
        ("clobTokenIds", json!(format!("[\"{}\",\"{}\"]", market.yes, market.no))),
        ("outcomes", json!("[\"Yes\",\"No\"]")),
        ("outcomePrices", json!("[\"0.5\",\"0.5\"]")),
        ("orderPriceMinTickSize", json!(0.01)),
        ("orderMinSize", json!(5)),
        ("bestBid", json!(0.49)),
        ("bestAsk", json!(0.51)),
        ("spread", json!(0.02)),
        ("acceptingOrders", json!(true)),
        ("feesEnabled", json!(false)),
        ("version", json!("v1")),
    ] {
        assert_eq!(row[key], value, "{key}");
    }
    let found = async |query: String| get(&format!("/markets{query}")).await.1.as_array().map(Vec::len);
    assert_eq!(found(format!("?condition_ids={}", market.condition)).await, Some(1));
    assert_eq!(found(format!("?clob_token_ids=1&clob_token_ids={}", market.no)).await, Some(1), "repeated");
    assert_eq!(found(format!("?slug=other,{}", market.slug)).await, Some(1), "listed");
    assert_eq!(found("?slug=other".to_owned()).await, Some(0));
    assert_eq!(found("?closed=true".to_owned()).await, Some(0));
    assert_eq!(found("?offset=1".to_owned()).await, Some(0));
    assert_eq!(get("/markets?limit=many").await.0, 422);
    assert_eq!(get("/markets/1").await.1["slug"], json!(market.slug));
    assert_eq!(get("/markets/2").await.0, 404);
    assert_eq!(get(&format!("/markets/slug/{}", market.slug)).await.1["id"], json!("1"));
    let (_, page) = get("/markets/keyset?limit=1").await;
    assert_eq!((page["markets"].as_array().map(Vec::len), &page["next_cursor"]), (Some(1), &Value::Null));
    let (_, events) = get("/events").await;
    assert_eq!(events[0]["markets"][0]["conditionId"], json!(market.condition));
    assert_eq!(row["events"][0]["id"], events[0]["id"]);
    let id = events[0]["id"].as_str().expect("an id");
    assert_eq!(get(&format!("/events/{id}")).await.1["slug"], json!(market.slug));
    assert_eq!(get(&format!("/events/slug/{}", market.slug)).await.1["id"], json!(id));
    assert_eq!(get("/events/keyset").await.1["events"].as_array().map(Vec::len), Some(1));
    running.stop().await;
}

#[tokio::test]
async fn positions_follow_confirmed_trades_at_their_average_cost() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let data = running.ready.data.clone();
    let user = trader.address();
    let get = async |path: &str| fetch(trader.http.get(format!("{data}{path}"))).await;
    let empty = json!({"data": [], "pagination": {"has_more": false, "next_cursor": null}});
    assert_eq!(get(&format!("/v2/positions?user={user}")).await, (200, empty.clone()));
    let mut order = trader.order(true, "BUY", 51, 10);
    order["postOnly"] = json!(false);
    trader.call("POST", "/order", &order).await;
    hands.advance_ms(15_000);
    let (status, page) = get(&format!("/v2/positions?user={}&status=OPEN", user.to_lowercase())).await;
    let row = &page["data"][0];
    assert_eq!(status, 200);
    for (key, value) in [
        ("token_id", json!(running.ready.markets[0].yes)),
        ("current_size", json!("10")),
        ("avg_price", json!("0.51")),
        ("total_cost_usdc", json!("5.1")),
        ("status", json!("OPEN")),
        ("outcome", json!("Yes")),
        ("realized_pnl", json!("0")),
    ] {
        assert_eq!(row[key], value, "{key}: {row}");
    }
    assert_eq!(get(&format!("/v2/positions?user={user}&status=CLOSED")).await, (200, empty));
    let (_, page) = get(&format!("/v2/trades?user={user}&limit=1")).await;
    assert_eq!((&page["data"][0]["size"], &page["data"][0]["side"]), (&json!("10"), &json!("BUY")), "{page}");
    assert_eq!(get(&format!("/v2/activity?user={user}")).await.1["data"][0]["type"], json!("TRADE"));
    assert_eq!(get(&format!("/v2/approvals?user={user}")).await.1["data"].as_array().map(Vec::len), Some(2));
    for bad in ["/v2/positions", "/v2/positions?user=0x12", "/v2/trades?user=me"] {
        assert_eq!(get(bad).await, (400, json!({"error": "Invalid user"})), "{bad}");
    }
    for bad in ["limit=0", "limit=1001", "cursor=x", "status=LOST"] {
        assert_eq!(get(&format!("/v2/positions?user={user}&{bad}")).await.0, 400, "{bad}");
    }
    running.stop().await;
}

#[tokio::test]
async fn prices_are_kept_by_the_minute() {
    let (running, hands) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    let yes = running.ready.markets[0].yes.clone();
    let get = async |query: &str| fetch(trader.http.get(format!("{}/prices-history{query}", running.ready.clob))).await;
    for cents in [45, 46] {
        trader.call("POST", "/order", &trader.order(true, "BUY", cents, 10)).await;
        hands.advance_ms(60_000);
    }
    let (status, body) = get(&format!("?market={yes}&interval=1h")).await;
    let points = body["history"].as_array().expect("points").clone();
    assert_eq!(status, 200);
    assert!(points.len() >= 2 && points.iter().all(|p| p["t"].is_u64() && p["p"].is_number()), "{body}");
    let hours = get(&format!("?market={yes}&interval=max&fidelity=60")).await.1;
    assert!(hours["history"].as_array().is_some_and(|points| points.len() <= 2), "{hours}");
    let now = points[0]["t"].as_u64().expect("seconds");
    assert_eq!(
        get(&format!("?market={yes}&startTs={now}&endTs={now}")).await.1["history"].as_array().map(Vec::len),
        Some(1)
    );
    for (query, status) in [
        ("", 400),
        ("?market=x&interval=1d", 400),
        ("?market=123&interval=1d", 404),
        (&format!("?market={yes}"), 400),
        (&format!("?market={yes}&interval=2d"), 400),
        (&format!("?market={yes}&startTs=9&endTs=8"), 400),
        (&format!("?market={yes}&interval=1d&fidelity=x"), 400),
    ] {
        assert_eq!(get(query).await.0, status, "{query}");
    }
    running.stop().await;
}
