//! Everything a client may ask without credentials.

use crate::client::{fetch, http, venue};
use mm_core::venue::market_ws::decode_rest_book;
use mm_core::venue::rest::{ClobMarket, Page, RewardMarket};
use serde_json::{Value, json};

#[tokio::test]
async fn every_public_route_answers_200_json() {
    let running = venue().await;
    let ready = &running.ready;
    let http = http();
    let (market, clob) = (&ready.markets[0], &ready.clob);
    let (yes, condition) = (&market.yes, &market.condition);
    let get = async |path: String| {
        let (status, body) = fetch(http.get(format!("{clob}{path}"))).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    for path in ["/", "/ok"] {
        assert_eq!(get(path.into()).await, json!("OK"));
    }
    assert!(get("/time".into()).await.as_u64().is_some_and(|secs| secs > 1_700_000_000));
    assert_eq!(get("/version".into()).await, json!({"version": 2}));
    assert_eq!(get(format!("/tick-size?token_id={yes}")).await, json!({"minimum_tick_size": 0.01}));
    assert_eq!(get(format!("/neg-risk?token_id={yes}")).await, json!({"neg_risk": false}));
    assert_eq!(get(format!("/fee-rate?token_id={yes}")).await, json!({"base_fee": 0}));
    let by_token = get(format!("/markets-by-token/{yes}")).await;
    assert_eq!(by_token, json!({"condition_id": condition, "primary_token_id": yes, "secondary_token_id": market.no}));

    let parameters: ClobMarket =
        serde_json::from_value(get(format!("/clob-markets/{condition}")).await).expect("our own type");
    assert_eq!((parameters.t[0].t.as_str(), parameters.ao), (yes.as_str(), true));
    let rewards = parameters.r.expect("in the programme");
    assert_eq!((rewards.mi.as_deref(), rewards.ma.as_deref(), rewards.moas), (Some("20"), Some("3.5"), Some(4)));
    let row = get(format!("/markets/{condition}")).await;
    assert_eq!(
        (&row["minimum_tick_size"], &row["rewards"]["rates"][0]["rewards_daily_rate"]),
        (&json!(0.01), &json!(50))
    );
    for list in ["/markets", "/sampling-markets", "/simplified-markets", "/sampling-simplified-markets"] {
        let page = get(format!("{list}?next_cursor=MA%3D%3D")).await;
        assert_eq!((&page["count"], &page["next_cursor"]), (&json!(1), &json!("LTE=")), "{list}");
        assert_eq!(&page["data"][0]["condition_id"], condition);
    }
    for path in ["/rewards/markets/current".to_owned(), format!("/rewards/markets/{condition}")] {
        let page: Page<RewardMarket> = serde_json::from_value(get(path).await).expect("our own type");
        assert_eq!(page.data[0].rewards_config[0].rate_per_day.as_deref(), Some("50"));
    }
    let book = fetch(http.get(format!("{clob}/book?token_id={yes}"))).await.1;
    let decoded = decode_rest_book(&book.to_string()).expect("a book");
    assert!(!decoded.bids.is_empty() && !decoded.asks.is_empty());
    for path in ["/midpoint", "/spread", "/last-trade-price", "/price?side=BUY", "/price?side=sell"] {
        let mark = if path.contains('?') { '&' } else { '?' };
        get(format!("{path}{mark}token_id={yes}")).await;
    }
    for path in ["/books", "/midpoints", "/spreads", "/prices", "/last-trades-prices"] {
        let body = json!([{"token_id": yes, "side": "BUY"}, {"token_id": "123", "side": "SELL"}]).to_string();
        let (status, body) = fetch(http.post(format!("{clob}{path}")).body(body)).await;
        assert_eq!(status, 200, "{path}: {body}");
        let one = body.as_array().map(Vec::len).or_else(|| body.as_object().map(serde_json::Map::len));
        assert_eq!(one, Some(1), "{path}: {body}");
    }
    let gamma = fetch(http.get(format!("{}/markets?slug={}", ready.gamma, market.slug))).await.1;
    assert_eq!(&gamma[0]["conditionId"], condition);
    let tokens: Vec<String> =
        serde_json::from_str(gamma[0]["clobTokenIds"].as_str().expect("text")).expect("a list in text");
    assert_eq!(tokens, [yes.clone(), market.no.clone()]);
    let user = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    let positions = fetch(http.get(format!("{}/v2/positions?user={user}", ready.data))).await;
    assert_eq!(positions, (200, json!({"data": [], "pagination": {"has_more": false, "next_cursor": null}})));
    running.stop().await;
}

#[tokio::test]
async fn strangers_and_mistakes_are_answered_in_json() {
    let running = venue().await;
    let http = http();
    let clob = &running.ready.clob;
    let yes = &running.ready.markets[0].yes;
    let no_book = "No orderbook exists for the requested token id";
    let cases: Vec<(String, u16, &str)> = vec![
        ("/nothing/here".into(), 404, "not found"),
        ("/book".into(), 400, "Invalid token id"),
        ("/book?token_id=abc".into(), 400, "Invalid token id"),
        ("/book?token_id=5".into(), 404, no_book),
        ("/tick-size?token_id=5".into(), 404, no_book),
        (format!("/price?token_id={yes}&side=UP"), 400, "Invalid side"),
        ("/clob-markets/0x12".into(), 400, "Invalid market"),
        (format!("/clob-markets/0x{}", "0".repeat(64)), 404, "market not found"),
        ("/markets?next_cursor=%21".into(), 400, "Invalid next_cursor"),
        ("/order".into(), 405, "method not allowed"),
    ];
    for (path, status, error) in cases {
        let got = fetch(http.get(format!("{clob}{path}"))).await;
        assert_eq!(got, (status, json!({"error": error})), "{path}");
    }
    let bad: Vec<(&str, Value)> = vec![("Invalid payload", json!({})), ("Invalid payload", json!([{"token_id": "x"}]))];
    for (error, body) in bad {
        let got = fetch(http.post(format!("{clob}/books")).body(body.to_string())).await;
        assert_eq!(got, (400, json!({"error": error})));
    }
    let many = Value::Array(vec![json!({"token_id": "5"}); 501]).to_string();
    let got = fetch(http.post(format!("{clob}/books")).body(many)).await;
    assert_eq!(got, (400, json!({"error": "Payload exceeds the limit"})));
    running.stop().await;
}

#[tokio::test]
async fn the_ready_line_has_the_agreed_keys_in_order() {
    let running = venue().await;
    let line = serde_json::to_string(&running.ready).expect("serializes");
    let mut from = 0;
    for key in [
        "clob",
        "ws",
        "gamma",
        "data",
        "geoblock",
        "admin",
        "chain_id",
        "markets",
        "yes",
        "no",
        "condition",
        "slug",
        "tick",
        "neg_risk",
    ] {
        let at = line[from..]
            .find(&format!("\"{key}\":"))
            .unwrap_or_else(|| panic!("{key} is missing or out of order in {line}"));
        from += at;
    }
    assert!(line.contains("\"tick\":\"0.01\""), "{line}");
    running.stop().await;
}
