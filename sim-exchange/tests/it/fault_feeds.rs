//! Faults of sockets, frames and REST books, seen from outside: each happens on the wire as it says, and without it does not.

use crate::client::{Admin, Stream, Trader, fetch, http, quiet_venue};
use serde_json::{Value, json};
use sim_exchange::server::Running;

/// A quiet venue, a trader in it, and a market stream that has had its books.
struct Stage {
    running: Running,
    trader: Trader,
    admin: Admin,
    stream: Stream,
}

impl Stage {
    async fn set() -> Self {
        let running = quiet_venue("").await;
        let (trader, admin) = (Trader::login(&running.ready, 0).await, Admin::of(&running));
        let mut stage = Self { stream: Self::open(&running).await, running, trader, admin };
        assert_eq!(stage.stream.so_far().await.len(), 1, "the books, in one frame");
        stage
    }

    async fn open(running: &Running) -> Stream {
        let market = &running.ready.markets[0];
        let tokens = [&market.yes, &market.no];
        Stream::open(&running.ready, "market", &json!({"assets_ids": tokens, "type": "market"})).await
    }

    /// A bid at so many cents rests: one frame of changes.
    async fn bid(&self, cents: u64) {
        let (status, reply) = self.trader.call("POST", "/order", &self.trader.order(true, "BUY", cents, 10)).await;
        assert_eq!(status, 200, "{reply}");
    }

    /// What a bid is told as.
    async fn told(&mut self, cents: u64) -> Vec<Value> {
        self.bid(cents).await;
        let frames = self.stream.so_far().await;
        frames.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
    }

    async fn end(self) {
        self.running.stop().await;
    }
}

/// Price and size of a frame's first entry.
fn entry(frame: &Value) -> (Value, Value) {
    (frame["price_changes"][0]["price"].clone(), frame["price_changes"][0]["size"].clone())
}

#[tokio::test]
async fn a_zombie_answers_pings_and_tells_nothing() {
    let mut stage = Stage::set().await;
    stage.admin.on("zombie-feed", json!({"fresh": "dead"})).await;
    assert_eq!(stage.told(40).await, Vec::<Value>::new());
    let mut fresh = Stage::open(&stage.running).await;
    assert_eq!(fresh.so_far().await.len(), 0, "new connections are equally dead");
    stage.admin.on("zombie-feed", json!({"fresh": "alive"})).await;
    let mut fresh = Stage::open(&stage.running).await;
    assert_eq!(fresh.so_far().await.len(), 1);
    stage.admin.off("zombie-feed").await;
    assert_eq!(stage.told(41).await.len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_zombie_of_one_token_still_tells_the_other() {
    let mut stage = Stage::set().await;
    stage.admin.on("zombie-feed", json!({"tokens": 1})).await;
    let told = stage.told(40).await;
    assert_eq!(told[0]["price_changes"].as_array().map(Vec::len), Some(1), "{told:?}");
    let mut fresh = Stage::open(&stage.running).await;
    let answer: Value = serde_json::from_str(&fresh.so_far().await[0]).expect("JSON");
    assert_eq!(answer.as_array().map(Vec::len), Some(1), "a dead token has no book: {answer}");
    stage.admin.off("zombie-feed").await;
    assert_eq!(stage.told(41).await[0]["price_changes"].as_array().map(Vec::len), Some(2));
    stage.end().await;
}

#[tokio::test]
async fn a_frozen_feed_comes_all_at_once() {
    let mut stage = Stage::set().await;
    stage.admin.on("frozen-feed", Value::Null).await;
    stage.stream.say("PING").await;
    stage.bid(40).await;
    assert!(stage.stream.is_silent().await);
    stage.admin.off("frozen-feed").await;
    let mut got = Vec::new();
    while got.len() < 2 {
        got.push(stage.stream.next().await.expect("goes on"));
    }
    assert!(got.contains(&"PONG".to_owned()), "{got:?}");
    assert_eq!(stage.told(41).await.len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn connections_end_in_every_bad_way() {
    let mut stage = Stage::set().await;
    stage.admin.on("silent-drop", Value::Null).await;
    assert_eq!(stage.stream.ending().await, "cut");

    stage.stream = Stage::open(&stage.running).await;
    stage.stream.so_far().await;
    stage.admin.on("close-mid-burst", json!({"after_frames": 2})).await;
    for cents in [30, 31, 32] {
        stage.bid(cents).await;
    }
    let frames = [stage.stream.next().await.is_some(), stage.stream.next().await.is_some()];
    assert_eq!((frames, stage.stream.ending().await.as_str()), ([true, true], "close 1012"));

    stage.admin.on("reconnect-storm", json!({"lives_ms": 20})).await;
    for _ in 0..3 {
        let mut short = Stage::open(&stage.running).await;
        assert_eq!(short.ending().await, "close 1012");
    }
    stage.admin.off("reconnect-storm").await;

    stage.stream = Stage::open(&stage.running).await;
    assert_eq!(stage.stream.so_far().await.len(), 1);
    stage.admin.on("half-open", Value::Null).await;
    stage.bid(33).await;
    stage.stream.say("PING").await;
    assert!(stage.stream.is_silent().await, "neither data nor PONG nor an end");
    let mut fresh = Stage::open(&stage.running).await;
    assert_eq!(fresh.so_far().await.len(), 1, "a new connection works");
    stage.end().await;
}

#[tokio::test]
async fn a_subscription_without_books_is_still_told_changes() {
    let mut stage = Stage::set().await;
    stage.admin.on("no-snapshot", Value::Null).await;
    stage.stream = Stage::open(&stage.running).await;
    assert_eq!(stage.stream.so_far().await, Vec::<String>::new());
    assert_eq!(stage.told(40).await[0]["event_type"], "price_change");
    stage.end().await;
}

#[tokio::test]
async fn frames_are_lost_doubled_late_and_out_of_order() {
    let mut stage = Stage::set().await;
    stage.admin.on("lost-frames", json!({"percent": 100})).await;
    assert_eq!(stage.told(40).await, Vec::<Value>::new());
    stage.admin.off("lost-frames").await;

    stage.admin.on("duplicated-frames", json!({"percent": 100})).await;
    let told = stage.told(41).await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
    stage.admin.off("duplicated-frames").await;

    stage.admin.on("reordered-frames", json!({"percent": 100})).await;
    stage.bid(42).await;
    let told = stage.told(43).await;
    let prices: Vec<Value> = told.iter().map(|frame| entry(frame).0).collect();
    assert_eq!(prices, [json!("0.43"), json!("0.42")]);
    stage.admin.off("reordered-frames").await;

    stage.admin.on("late-frames", json!({"percent": 100, "by_ms": 150})).await;
    assert_eq!(stage.told(44).await, Vec::<Value>::new(), "the PONG overtakes it");
    stage.admin.off("late-frames").await;
    stage.bid(45).await;
    let next = async |stage: &mut Stage| {
        let frame: Value = serde_json::from_str(&stage.stream.next().await.expect("goes on")).expect("JSON");
        entry(&frame).0
    };
    let mut prices = [next(&mut stage).await, next(&mut stage).await];
    prices.sort_by_key(Value::to_string);
    assert_eq!(prices, [json!("0.44"), json!("0.45")], "late is not lost");
    assert_eq!(stage.told(46).await.len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn changes_name_only_the_sibling_or_cross_for_a_moment() {
    let mut stage = Stage::set().await;
    // both sides of the book, so that there is something to cross
    let ask = stage.trader.order(false, "BUY", 40, 10);
    stage.trader.call("POST", "/order", &ask).await;
    stage.stream.so_far().await;
    stage.admin.on("sibling-only", json!({"percent": 100})).await;
    let told = stage.told(40).await;
    let tokens: Vec<&Value> =
        told[0]["price_changes"].as_array().expect("entries").iter().map(|entry| &entry["asset_id"]).collect();
    assert_eq!(tokens, [&json!(stage.running.ready.markets[0].no)]);
    stage.admin.off("sibling-only").await;

    stage.admin.on("crossed-moment", json!({"percent": 100})).await;
    let told = stage.told(41).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(entry(&told[0]), (json!("0.6"), json!("25")), "a bid at the best ask");
    assert_eq!(entry(&told[1]), (json!("0.6"), json!("0")));
    assert_eq!(entry(&told[2]), (json!("0.41"), json!("10")));
    for key in ["timestamp", "market"] {
        assert!(told.iter().all(|frame| frame[key] == told[0][key]));
    }
    stage.admin.off("crossed-moment").await;
    assert_eq!(stage.told(42).await.len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn the_format_drifts() {
    let mut stage = Stage::set().await;
    let mut cents = 20;
    for (kind, changed) in [
        (
            "drift-old-changes",
            (|f: &[Value]| f.len() == 2 && f.iter().all(|f| f["changes"].is_array())) as fn(&[Value]) -> bool,
        ),
        ("drift-unknown-event", |f| f.len() == 2 && f[0]["event_type"] == "liquidity_pulse"),
        ("drift-unknown-fields", |f| {
            f.len() == 1 && f[0]["schema_rev"].is_number() && f[0]["price_changes"][0]["meta"].is_object()
        }),
        ("drift-bare-numbers", |f| {
            f.len() == 1 && f[0]["price_changes"][0]["size"].is_number() && f[0]["timestamp"].is_number()
        }),
        ("drift-empty-strings", |f| f.len() == 1 && f[0]["price_changes"][0]["hash"] == ""),
    ] {
        cents += 1;
        let plain = stage.told(cents).await;
        assert!(!changed(&plain), "{kind} without the fault: {plain:?}");
        stage.admin.on(kind, Value::Null).await;
        cents += 1;
        let told = stage.told(cents).await;
        assert!(changed(&told), "{kind}: {told:?}");
        stage.admin.off(kind).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn rest_books_are_stale_or_ghosts_while_the_stream_is_right() {
    let mut stage = Stage::set().await;
    let yes = stage.running.ready.markets[0].yes.clone();
    let book = async |stage: &Stage, path: &str| {
        let url = format!("{}{path}", stage.running.ready.clob);
        let request = match path {
            "/books" => http().post(url).body(json!([{"token_id": yes}]).to_string()),
            _ => http().get(format!("{url}?token_id={yes}")),
        };
        let (status, body) = fetch(request).await;
        assert_eq!(status, 200, "{body}");
        let book = if path == "/books" { body[0].clone() } else { body };
        (book["bids"].clone(), book["asks"].clone())
    };
    stage.bid(40).await;
    stage.admin.on("stale-rest-book", Value::Null).await;
    stage.bid(41).await;
    assert_eq!(stage.stream.so_far().await.len(), 2, "the stream tells both");
    let stale = (json!([{"price": "0.4", "size": "10"}]), json!([]));
    assert_eq!((book(&stage, "/book").await, book(&stage, "/books").await), (stale.clone(), stale));
    stage.admin.on("ghost-rest-book", Value::Null).await;
    let ghost = (json!([{"price": "0.01", "size": "100"}]), json!([{"price": "0.99", "size": "100"}]));
    assert_eq!((book(&stage, "/book").await, book(&stage, "/books").await), (ghost.clone(), ghost));
    let (_, price) = fetch(http().get(format!("{}/price?token_id={yes}&side=BUY", stage.running.ready.clob))).await;
    assert_eq!(price, json!({"price": "0.41"}), "other endpoints tell the truth");
    stage.admin.off("ghost-rest-book").await;
    stage.admin.off("stale-rest-book").await;
    assert_eq!(book(&stage, "/book").await.0.as_array().map(Vec::len), Some(2));
    stage.end().await;
}
