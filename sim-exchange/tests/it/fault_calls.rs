//! Faults of calls and their answers, seen from outside.

use crate::client::{Admin, Stream, Trader, quiet_venue};
use serde_json::{Value, json};
use sim_exchange::server::Running;
use std::time::{Duration, Instant};

struct Stage {
    running: Running,
    trader: Trader,
    admin: Admin,
}

/// What a client gets that gives up after a while.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Result<String, String>,
}

impl Stage {
    async fn set() -> Self {
        let running = quiet_venue("").await;
        let (trader, admin) = (Trader::login(&running.ready, 0).await, Admin::of(&running));
        Self { running, trader, admin }
    }

    /// A call whatever comes back; `None`: nothing in time.
    async fn raw(&self, method: &'static str, path: &str, body: &Value, patience_ms: u64) -> Option<Got> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let request = self.trader.request(method, path, "", &text);
        let url = format!("{}{path}", self.running.ready.clob);
        let mut builder = self.trader.http.request(method.parse().expect("a method"), url).body(text);
        builder = builder.timeout(Duration::from_millis(patience_ms));
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let response = match builder.send().await {
            Ok(response) => response,
            Err(why) if why.is_timeout() => return None,
            Err(why) => panic!("{why}"),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.map_err(|why| why.to_string());
        Some(Got { status, headers, body })
    }

    /// An order, its id, and what came back.
    async fn order(&self, cents: u64) -> (String, Option<Got>) {
        let order = self.trader.order(true, "BUY", cents, 10);
        let id = self.trader.id_of(&order);
        (id, self.raw("POST", "/order", &order, 10_000).await)
    }

    async fn rests(&self, id: &str) -> bool {
        self.trader.open_orders().await.iter().any(|open| open == id)
    }

    async fn end(self) {
        self.running.stop().await;
    }
}

fn json_of(got: &Got) -> Value {
    serde_json::from_str(got.body.as_deref().expect("a whole body")).expect("JSON")
}

#[tokio::test]
async fn an_applied_order_whose_answer_never_comes() {
    let stage = Stage::set().await;
    stage.admin.on("lost-answer", json!({"calls": "orders"})).await;
    let order = stage.trader.order(true, "BUY", 40, 10);
    assert!(stage.raw("POST", "/order", &order, 200).await.is_none());
    assert!(stage.rests(&stage.trader.id_of(&order)).await);
    stage.admin.off("lost-answer").await;
    let (id, got) = stage.order(41).await;
    assert_eq!(json_of(&got.expect("an answer"))["orderID"], json!(id));
    stage.end().await;
}

#[tokio::test]
async fn an_order_lands_long_after_its_client_gave_up() {
    let stage = Stage::set().await;
    let auth =
        json!({"apiKey": stage.trader.api_key, "secret": stage.trader.secret, "passphrase": stage.trader.passphrase});
    let first = json!({"auth": auth, "type": "user", "markets": []});
    let mut user = Stream::open(&stage.running.ready, "user", &first).await;
    user.so_far().await;
    stage.admin.on("applied-late", json!({"calls": "orders", "after_ms": 400})).await;
    let order = stage.trader.order(true, "BUY", 40, 10);
    let began = Instant::now();
    assert!(stage.raw("POST", "/order", &order, 100).await.is_none());
    let id = stage.trader.id_of(&order);
    assert!(!stage.rests(&id).await, "not yet");
    let told = user.find(|event| event["event_type"] == "order").await;
    assert!(began.elapsed() >= Duration::from_millis(400));
    assert_eq!((&told["type"], &told["id"]), (&json!("PLACEMENT"), &json!(id)));
    assert!(stage.rests(&id).await);
    stage.end().await;
}

#[tokio::test]
async fn an_order_is_applied_twice_and_answered_by_the_second() {
    let stage = Stage::set().await;
    stage.admin.on("applied-twice", json!({"calls": "orders"})).await;
    let (id, got) = stage.order(40).await;
    let got = got.expect("an answer");
    assert_eq!((got.status, json_of(&got)), (400, json!({"error": format!("order {id} is invalid. Duplicated.")})));
    assert!(stage.rests(&id).await);
    stage.end().await;
}

#[tokio::test]
async fn wrong_answers_hide_what_was_applied() {
    let stage = Stage::set().await;
    let (earlier, _) = stage.order(20).await;
    let is_html = |got: &Got| {
        got.headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/html"))
            && got.body.as_deref().is_ok_and(|body| body.starts_with("<!DOCTYPE"))
    };
    let of_truth = |got: &Got, key: &str| json_of(got)[key].clone();
    let mut cents = 30;
    type Looks<'a> = Box<dyn Fn(&Got) -> bool + 'a>;
    let cases: Vec<(&str, Value, Looks<'_>)> = vec![
        ("error-after-effect", json!({"status": "502"}), Box::new(|got| got.status == 502)),
        ("truncated-answer", json!({}), Box::new(|got| got.status == 200 && got.body.is_err())),
        (
            "malformed-answer",
            json!({}),
            Box::new(|got| {
                got.status == 200 && serde_json::from_str::<Value>(got.body.as_deref().expect("a body")).is_err()
            }),
        ),
        ("empty-id", json!({}), Box::new(|got| of_truth(got, "success") == true && of_truth(got, "orderID") == "")),
        ("other-id", json!({}), Box::new(|got| of_truth(got, "orderID") == earlier.as_str())),
        ("html-answer", json!({"status": "503"}), Box::new(move |got| got.status == 503 && is_html(got))),
    ];
    for (kind, parameters, looks) in &cases {
        stage.admin.on(kind, parameters.clone()).await;
        let order = stage.trader.order(true, "BUY", cents, 10);
        // the order before the last one is the other one of `other-id`
        if *kind == "other-id" {
            let all = stage.trader.open_orders().await;
            for id in all.iter().filter(|id| **id != earlier) {
                stage.trader.call("DELETE", "/order", &json!({"orderID": id})).await;
            }
        }
        let got = stage.raw("POST", "/order", &order, 10_000).await.expect("something");
        let id = stage.trader.id_of(&order);
        if *kind == "other-id" {
            let told = of_truth(&got, "orderID");
            assert!(told != json!(id) && told.as_str().is_some_and(|told| told.len() == 66), "{told}");
        } else {
            assert!(looks(&got), "{kind}: {got:?}");
        }
        assert!(stage.rests(&id).await, "{kind}: it was applied");
        stage.admin.off(kind).await;
        cents += 1;
        let (id, got) = stage.order(cents).await;
        assert_eq!(json_of(&got.expect("an answer"))["orderID"], json!(id), "without {kind}");
        cents += 1;
    }
    stage.end().await;
}

#[tokio::test]
async fn the_engine_restarts_and_has_its_other_modes() {
    let stage = Stage::set().await;
    let (resting, _) = stage.order(20).await;
    let tries = async |post_only: bool| {
        let mut order = stage.trader.order(true, "BUY", 21, 10);
        order["postOnly"] = json!(post_only);
        let place = stage.raw("POST", "/order", &order, 10_000).await.expect("an answer");
        let cancel = json!({"orderID": format!("0x{}", "0".repeat(64))});
        let cancel = stage.raw("DELETE", "/order", &cancel, 10_000).await.expect("an answer");
        (place.status, cancel.status)
    };
    for (kind, mode, plain, post_only) in [
        ("engine-restart", "restarting", (425, 425), (425, 425)),
        ("post-only-mode", "post-only", (503, 200), (200, 200)),
        ("cancel-only-mode", "cancel-only", (503, 200), (503, 200)),
        ("trading-disabled", "disabled", (503, 503), (503, 503)),
    ] {
        stage.admin.on(kind, Value::Null).await;
        assert_eq!((tries(false).await, tries(true).await), (plain, post_only), "{kind}");
        stage.admin.off(kind).await;
        assert_eq!(stage.admin.post("mode", &json!({"mode": mode})).await.0, 200);
        assert_eq!(tries(true).await, post_only, "{mode}");
        assert_eq!(stage.admin.post("mode", &json!({"mode": "normal"})).await.0, 200);
        assert_eq!(tries(false).await, (200, 200), "after {kind}");
    }
    // a restart turns into post-only by itself
    stage.admin.on("engine-restart", json!({"down_ms": 1, "post_only_ms": 60000})).await;
    while tries(true).await.0 == 425 {}
    assert_eq!(tries(false).await, (503, 200));
    assert!(stage.rests(&resting).await);
    stage.end().await;
}

#[tokio::test]
async fn heartbeats_go_wrong() {
    let stage = Stage::set().await;
    let beat = async |id: &Value, patience: u64| {
        stage.raw("POST", "/v1/heartbeats", &json!({"heartbeat_id": id}), patience).await
    };
    let first = json_of(&beat(&json!(""), 10_000).await.expect("an answer"))["heartbeat_id"].clone();
    stage.admin.on("heartbeat-mismatch", Value::Null).await;
    let got = beat(&first, 10_000).await.expect("an answer");
    let told = json_of(&got);
    assert_eq!((got.status, &told["error_msg"]), (400, &json!("Invalid Heartbeat ID")));
    assert!(told["heartbeat_id"].is_string() && told["heartbeat_id"] != first);
    stage.admin.off("heartbeat-mismatch").await;
    stage.admin.on("lost-heartbeat", Value::Null).await;
    assert!(beat(&first, 200).await.is_none());
    stage.admin.off("lost-heartbeat").await;
    let got = beat(&first, 10_000).await.expect("an answer");
    assert_eq!(got.status, 400, "the lost one counted");
    let expected = json_of(&got)["heartbeat_id"].clone();
    assert_eq!(beat(&expected, 10_000).await.expect("an answer").status, 200);

    let (id, _) = stage.order(30).await;
    assert!(stage.rests(&id).await);
    stage.admin.on("heartbeat-sweep", Value::Null).await;
    assert!(!stage.rests(&id).await);
    let (id, _) = stage.order(30).await;
    assert!(stage.rests(&id).await, "once and not for ever");
    stage.end().await;
}

#[tokio::test]
async fn limits_answer_with_and_without_headers() {
    let stage = Stage::set().await;
    let header = |got: &Got, name: &str| got.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    stage.admin.on("signer-limit", json!({"calls": "trading"})).await;
    let (id, got) = stage.order(30).await;
    let got = got.expect("an answer");
    assert_eq!((got.status, header(&got, "poly-ratelimit-remaining").as_deref()), (429, Some("0")));
    assert!(header(&got, "retry-after").is_some() && header(&got, "poly-ratelimit-reset").is_some());
    assert!(!stage.rests(&id).await, "not processed");
    stage.admin.off("signer-limit").await;

    let (id, _) = stage.order(30).await;
    stage.admin.on("cancel-debt", json!({"debt": 250})).await;
    let got = stage.raw("DELETE", "/order", &json!({"orderID": id}), 10_000).await.expect("an answer");
    assert_eq!((got.status, header(&got, "poly-ratelimit-remaining").as_deref()), (429, Some("-250")));
    assert_eq!(header(&got, "retry-after").as_deref(), Some("4"));
    assert!(stage.rests(&id).await);
    assert_eq!(stage.order(31).await.1.expect("an answer").status, 200, "orders have a bucket of their own");
    stage.admin.off("cancel-debt").await;

    for (applied, cents) in [("no", 32), ("yes", 33)] {
        stage.admin.on("bare-limit", json!({"calls": "orders", "applied": applied})).await;
        let (id, got) = stage.order(cents).await;
        let got = got.expect("an answer");
        assert_eq!(
            (got.status, header(&got, "poly-ratelimit-remaining"), header(&got, "retry-after")),
            (429, None, None)
        );
        assert_eq!(stage.rests(&id).await, applied == "yes");
    }
    stage.admin.off("bare-limit").await;

    stage.admin.on("ip-delay", json!({"calls": "orders", "by_ms": 300})).await;
    let began = Instant::now();
    let (id, _) = stage.order(34).await;
    assert!(began.elapsed() >= Duration::from_millis(300) && stage.rests(&id).await);
    stage.end().await;
}

#[tokio::test]
async fn the_operator_is_told_what_is_wrong_with_a_switch() {
    let stage = Stage::set().await;
    let listed = stage.admin.get("faults").await;
    let kinds = listed["kinds"].as_array().expect("a list").len();
    assert!(kinds >= 55 && listed["active"] == json!([]), "{kinds}");
    for (path, body, words) in [
        ("faults", json!({"kind": "zombie"}), "kind: \"zombie\" is none of GET /faults"),
        ("faults", json!({"kind": "zombie-feed", "tokens": -1}), "tokens: a number"),
        ("faults", json!({"kind": "zombie-feed", "colour": 1}), "colour: unknown key; known here: lasts_ms, tokens"),
        ("faults", json!({"kind": "silent-drop", "lasts_ms": 5}), "lasts_ms: silent-drop is over in a moment"),
        (
            "faults",
            json!({"kind": "zombie-feed", "on": false, "tokens": 1}),
            "on: must be true, or false and nothing else",
        ),
        ("faults", json!([]), "body must be an object"),
        ("mode", json!({"mode": "party"}), "mode: must be normal"),
        ("clock", json!({"skew_ms": 86_400_001}), "by_ms: must be in"),
        ("closed-only", json!({}), "body must be {\"closed_only\""),
        ("geoblock", json!({"blocked": 1}), "body must be {\"blocked\""),
    ] {
        let (status, answer) = stage.admin.post(path, &body).await;
        let error = answer["error"].as_str().unwrap_or_default().to_owned();
        assert!(status == 400 && error.starts_with(words), "{path} {body}: {status} {answer}");
    }
    stage.admin.on("zombie-feed", json!({"lasts_ms": 60_000, "tokens": [1, 2]})).await;
    let active = stage.admin.get("faults").await["active"].clone();
    assert_eq!((&active[0]["kind"], &active[0]["parameters"]["fresh"]), (&json!("zombie-feed"), &json!("dead")));
    assert!(active[0]["until_ms"].as_u64() > active[0]["since_ms"].as_u64());
    stage.end().await;
}

#[tokio::test]
async fn a_venue_far_away_takes_its_time() {
    let running = quiet_venue("latency = { feed_ms = 50, order_ms = 150, cancel_ms = 10 }").await;
    let (trader, admin) = (Trader::login(&running.ready, 0).await, Admin::of(&running));
    let stage = Stage { running, trader, admin };
    let timed = async |method, path, body: &Value| {
        let began = Instant::now();
        assert!(stage.raw(method, path, body, 10_000).await.is_some());
        began.elapsed()
    };
    let order = stage.trader.order(true, "BUY", 40, 10);
    let placing = timed("POST", "/order", &order).await;
    let cancelling = timed("DELETE", "/order", &json!({"orderID": stage.trader.id_of(&order)})).await;
    let ms = Duration::from_millis;
    assert!(placing >= ms(200) && cancelling >= ms(60) && cancelling < placing, "{placing:?} {cancelling:?}");
    stage.end().await;
}

#[tokio::test]
async fn a_gateway_repeats_what_it_refuses_with_every_header() {
    let stage = Stage::set().await;
    stage.admin.on("echoed-request", json!({"status": "401"})).await;
    let (id, got) = stage.order(40).await;
    let got = got.expect("an answer");
    let echo = json_of(&got)["error"].as_str().expect("text").to_owned();
    assert_eq!(got.status, 401);
    assert!(echo.contains(&stage.trader.passphrase) && echo.contains(&stage.trader.api_key), "{echo}");
    let auth =
        json!({"apiKey": stage.trader.api_key, "secret": stage.trader.secret, "passphrase": stage.trader.passphrase});
    let first = json!({"auth": auth, "type": "user", "markets": []});
    let mut user = Stream::open(&stage.running.ready, "user", &first).await;
    let told = user.find(|event| event["error"].is_string()).await;
    assert!(told["error"].as_str().expect("text").contains(&stage.trader.secret));
    stage.admin.off("echoed-request").await;
    assert!(!stage.rests(&id).await, "refused");
    stage.end().await;
}

#[tokio::test]
async fn a_refused_entry_of_a_batch_calls_itself_a_success() {
    let stage = Stage::set().await;
    let batch = async || {
        let (good, small) = (stage.trader.order(true, "BUY", 40, 10), stage.trader.order(true, "BUY", 40, 1));
        let (status, replies) = stage.trader.call("POST", "/orders", &json!([good, small])).await;
        assert_eq!((status, &replies[0]["orderID"]), (200, &json!(stage.trader.id_of(&good))), "{replies}");
        assert_eq!((&replies[0]["success"], &replies[0]["status"]), (&json!(true), &json!("live")));
        let refused = replies[1].clone();
        assert!(refused["errorMsg"].as_str().is_some_and(|text| text.contains("lower than the minimum")), "{refused}");
        assert_eq!(refused["orderID"], json!(""));
        (refused["success"].clone(), refused["status"].clone())
    };
    assert_eq!(batch().await, (json!(false), json!("")));
    for (says, told) in [("empty", ""), ("delayed", "delayed")] {
        stage.admin.on("success-with-error", json!({"status": says})).await;
        assert_eq!(batch().await, (json!(true), json!(told)));
    }
    stage.admin.on("success-with-error", Value::Null).await;
    let mut seen = Vec::new();
    for _ in 0..12 {
        let (success, status) = batch().await;
        assert_eq!(success, json!(true));
        seen.push(status);
    }
    assert!(seen.contains(&json!("")) && seen.contains(&json!("delayed")), "drawn anew each time: {seen:?}");
    stage.admin.off("success-with-error").await;
    assert_eq!(batch().await, (json!(false), json!("")));
    stage.end().await;
}
