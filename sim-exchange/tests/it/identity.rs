//! Who may do what.

use crate::client::{Request, Trader, fetch, http, venue};
use serde_json::{Value, json};

const UNAUTHORIZED: &str = "Unauthorized/Invalid api key";

#[tokio::test]
async fn one_flipped_byte_of_anything_signed_is_refused() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let body = trader.order(true, "BUY", 40, 10).to_string();
    let good = trader.request("POST", "/order", "", &body);

    let spoil_header = |name: &str| {
        let mut request = good.clone();
        for (known, value) in &mut request.headers {
            if known.eq_ignore_ascii_case(name) {
                let last = value.pop().expect("not empty");
                value.push(if last == '1' { '2' } else { '1' });
            }
        }
        request
    };
    let mut spoilt: Vec<Request> =
        ["POLY_ADDRESS", "POLY_API_KEY", "POLY_PASSPHRASE", "POLY_TIMESTAMP"].into_iter().map(spoil_header).collect();
    // the last sign of the base64 is padding: flip the first
    let mut signature = good.clone();
    let value = &mut signature.headers[3].1;
    let flipped = if value.starts_with('A') { "B" } else { "A" };
    value.replace_range(0..1, flipped);
    spoilt.push(signature);
    // one space more: the same JSON, other bytes
    spoilt.push(Request { body: format!("{body} "), ..good.clone() });
    // a request signed for another path or method
    spoilt.push(Request { path: "/orders".into(), ..good.clone() });
    for missing in 0..5 {
        let mut request = good.clone();
        request.headers.remove(missing);
        spoilt.push(request);
    }
    for (n, request) in spoilt.into_iter().enumerate() {
        assert_eq!(trader.send(request).await, (401, json!({"error": UNAUTHORIZED})), "spoilt {n}");
    }
    assert!(trader.open_orders().await.is_empty());
    // the query string is not signed
    let (status, _) = trader.send(trader.request("GET", "/data/orders", "?market=&next_cursor=MA%3D%3D", "")).await;
    assert_eq!(status, 200);
    assert_eq!(trader.send(good).await.0, 200, "the untouched request is fine");
    running.stop().await;
}

#[tokio::test]
async fn orders_need_their_own_owner_signer_and_signature() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let other = Trader::login(&running.ready, 1).await;
    let refuse = async |post: Value, text: &str| {
        assert_eq!(trader.call("POST", "/order", &post).await, (400, json!({"error": text})));
    };
    let mut post = trader.order(true, "BUY", 40, 10);
    post["owner"] = json!(other.api_key);
    refuse(post, "the order owner has to be the owner of the API KEY").await;

    let mut post = other.order(true, "BUY", 40, 10);
    post["owner"] = json!(trader.api_key);
    refuse(post, "the order signer address has to be the address of the API KEY").await;

    let mut post = trader.order(true, "BUY", 40, 10);
    post["order"]["salt"] = json!(77);
    refuse(post, "invalid signature").await;

    let mut post = trader.order(true, "BUY", 40, 10);
    post["order"]["maker"] = json!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    refuse(post, "invalid signature").await;

    assert!(trader.open_orders().await.is_empty());
    running.stop().await;
}

#[tokio::test]
async fn another_accounts_orders_do_not_exist() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let other = Trader::login(&running.ready, 1).await;
    let post = trader.order(true, "BUY", 40, 10);
    let id = trader.id_of(&post);
    assert_eq!(trader.call("POST", "/order", &post).await.0, 200);

    assert_eq!(other.call("GET", &format!("/data/order/{id}"), &Value::Null).await, (200, Value::Null));
    let (_, reply) = other.call("DELETE", "/order", &json!({"orderID": id})).await;
    assert_eq!(reply["canceled"], json!([]), "{reply}");
    assert_eq!(other.call("DELETE", "/cancel-all", &Value::Null).await.1["canceled"], json!([]));
    assert_eq!(trader.open_orders().await, [id]);
    running.stop().await;
}

#[tokio::test]
async fn keys_are_created_once_derived_ever_after_and_end_when_revoked() {
    let running = venue().await;
    let file: Value = serde_json::from_str(include_str!("../../testdata/l1.json")).expect("vectors");
    let l1 = async |method: &str, path: &str, spoil: bool| {
        let url = format!("{}{path}", running.ready.clob);
        let mut request = http().request(method.parse().expect("a method"), url);
        for (name, value) in file["vectors"][0]["headers"].as_object().expect("headers") {
            let value = value.as_str().expect("text");
            let value = if spoil && name == "POLY_NONCE" { "5" } else { value };
            request = request.header(name.to_ascii_lowercase(), value);
        }
        fetch(request).await
    };
    assert_eq!(l1("GET", "/auth/derive-api-key", false).await, (400, json!({"error": "Could not derive api key!"})));
    let (status, made) = l1("POST", "/auth/api-key", false).await;
    assert_eq!(status, 200);
    assert_eq!(l1("POST", "/auth/api-key", false).await, (400, json!({"error": "Could not create api key"})));
    assert_eq!(l1("GET", "/auth/derive-api-key", false).await, (200, made));
    assert_eq!(l1("POST", "/auth/api-key", true).await, (401, json!({"error": "Invalid L1 Request headers"})));
    running.stop().await;

    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let (_, keys) = trader.call("GET", "/auth/api-keys", &Value::Null).await;
    assert_eq!(keys, json!({"apiKeys": [trader.api_key]}));
    let closed_only = trader.call("GET", "/auth/ban-status/closed-only", &Value::Null).await;
    assert_eq!(closed_only, (200, json!({"closed_only": false})));
    assert_eq!(trader.call("DELETE", "/auth/api-key", &Value::Null).await, (200, json!("OK")));
    assert_eq!(trader.call("GET", "/auth/api-keys", &Value::Null).await.0, 401);
    running.stop().await;
}

#[tokio::test]
async fn a_blocked_region_is_told_before_credentials_are_looked_at() {
    let running = venue().await;
    let trader = Trader::login(&running.ready, 0).await;
    let admin = running.ready.admin.clone().expect("asked for");
    let switch = |blocked: bool| {
        fetch(trader.http.post(format!("{admin}/geoblock")).body(json!({"blocked": blocked}).to_string()))
    };
    assert_eq!(fetch(trader.http.get(&running.ready.geoblock)).await.1["blocked"], json!(false));
    assert_eq!(switch(true).await, (200, json!({"blocked": true})));
    assert_eq!(fetch(trader.http.get(&running.ready.geoblock)).await.1["blocked"], json!(true));
    for path in ["/order", "/orders"] {
        let (status, body) = fetch(trader.http.post(format!("{}{path}", running.ready.clob))).await;
        assert_eq!(status, 403);
        assert!(body["error"].as_str().expect("a text").starts_with("Trading restricted in your region"), "{body}");
    }
    // cancels still work
    assert_eq!(trader.call("DELETE", "/cancel-all", &Value::Null).await.0, 200);
    switch(false).await;
    assert_eq!(trader.call("POST", "/order", &trader.order(true, "BUY", 40, 10)).await.0, 200);
    let (_, status) = fetch(trader.http.get(format!("{admin}/status"))).await;
    // who lives in the world has accounts too
    let own = status["accounts"].as_array().and_then(|all| all.last()).expect("the trader's is the newest");
    assert_eq!(own["open_orders"], json!(1), "{status}");
    running.stop().await;
}
