//! Faults of the user stream, settlement, balances, markets, place and clock, seen from outside.

use crate::client::{Admin, Hands, Stream, Trader, fetch, http, quiet_venue, served};
use mm_core::domain::MarketIx;
use mm_core::io::clock::Clock;
use serde_json::{Value, json};
use sim_exchange::exchange::{AccountIx, Exchange};
use sim_exchange::scenario::Scenario;
use sim_exchange::server::Running;
use sim_exchange::world::World;
use std::path::Path;
use std::time::Duration;

/// A quiet venue, a maker with a user stream, and a taker.
struct Stage {
    running: Running,
    maker: Trader,
    taker: Trader,
    admin: Admin,
    user: Stream,
}

impl Stage {
    async fn set() -> Self {
        Self::set_with("").await
    }

    /// The same with keys or tables of the scenario.
    async fn set_with(more: &str) -> Self {
        let running = quiet_venue(more).await;
        let (maker, taker) = (Trader::login(&running.ready, 0).await, Trader::login(&running.ready, 1).await);
        let auth = json!({"apiKey": maker.api_key, "secret": maker.secret, "passphrase": maker.passphrase});
        let first = json!({"auth": auth, "type": "user", "markets": []});
        let mut user = Stream::open(&running.ready, "user", &first).await;
        assert!(user.so_far().await.is_empty());
        Self { admin: Admin::of(&running), running, maker, taker, user }
    }

    /// A bid of ten at so many cents rests; its id.
    async fn bid(&self, cents: u64) -> String {
        let order = self.maker.order(true, "BUY", cents, 10);
        let (status, reply) = self.maker.call("POST", "/order", &order).await;
        assert_eq!(status, 200, "{reply}");
        self.maker.id_of(&order)
    }

    /// The taker buys NO against a bid at so many cents: the two are minted.
    async fn hit(&self, cents: u64) {
        let mut order = self.taker.order(false, "BUY", 100 - cents, 10);
        order["postOnly"] = json!(false);
        let (status, reply) = self.taker.call("POST", "/order", &order).await;
        assert_eq!((status, &reply["status"]), (200, &json!("matched")), "{reply}");
    }

    /// The next event, in short: type or status, and the size that goes with it.
    async fn event(&mut self) -> String {
        let event = self.user.find(|event| event["event_type"].is_string()).await;
        let text = |key: &str| event[key].as_str().unwrap_or("-").to_owned();
        match event["event_type"].as_str() {
            Some("order") => format!("{} {}", text("type"), text("size_matched")),
            _ => format!("{} {}", text("status"), text("size")),
        }
    }

    async fn events(&mut self, count: usize) -> Vec<String> {
        let mut out = Vec::new();
        while out.len() < count {
            out.push(self.event().await);
        }
        out
    }

    async fn cancel(&self, id: &str) -> Value {
        self.maker.call("DELETE", "/order", &json!({"orderID": id})).await.1
    }

    async fn clob(&self, path: &str) -> Value {
        fetch(http().get(format!("{}{path}", self.running.ready.clob))).await.1
    }

    async fn end(self) {
        self.running.stop().await;
    }
}

#[tokio::test]
async fn fills_are_told_behind_the_cancel_in_the_recorded_order() {
    let mut stage = Stage::set().await;
    let id = stage.bid(40).await;
    stage.admin.on("fills-after-cancel", Value::Null).await;
    let reply = stage.cancel(&id).await;
    assert_eq!(reply["canceled"], json!([id]), "the answer knows nothing of it: {reply}");
    let recorded = [
        "PLACEMENT 0",
        "CANCELLATION 0",
        "MATCHED 1.219511",
        "CANCELLATION 1.219511",
        "CANCELLATION 2.560972",
        "MATCHED 1.341461",
    ];
    assert_eq!(stage.events(6).await, recorded);
    let (_, order) = stage.maker.call("GET", &format!("/data/order/{id}"), &Value::Null).await;
    assert_eq!((&order["status"], &order["size_matched"]), (&json!("CANCELED"), &json!("2.560972")));
    stage.admin.off("fills-after-cancel").await;
    // the two trades settle
    assert_eq!(stage.events(4).await.iter().filter(|event| event.starts_with("CONFIRMED")).count(), 2);
    let id = stage.bid(41).await;
    stage.cancel(&id).await;
    assert_eq!(stage.events(2).await, ["PLACEMENT 0", "CANCELLATION 0"]);
    stage.end().await;
}

#[tokio::test]
async fn trades_come_before_orders_and_twice() {
    let mut stage = Stage::set().await;
    stage.admin.on("trade-before-order", json!({"by_ms": 300})).await;
    stage.bid(40).await;
    stage.hit(40).await;
    assert_eq!(stage.event().await, "MATCHED 10", "before the order's own placement");
    let mut rest = stage.events(4).await;
    assert_eq!(rest.pop().as_deref(), Some("UPDATE 10"), "late events keep their order: {rest:?}");
    stage.admin.off("trade-before-order").await;

    stage.admin.on("duplicate-trades", Value::Null).await;
    stage.bid(41).await;
    stage.hit(41).await;
    assert_eq!(stage.events(4).await, ["PLACEMENT 0", "MATCHED 10", "MATCHED 10", "UPDATE 10"]);
    assert_eq!(stage.events(4).await, ["MINED 10", "MINED 10", "CONFIRMED 10", "CONFIRMED 10"]);
    stage.admin.off("duplicate-trades").await;
    stage.bid(42).await;
    stage.hit(42).await;
    assert_eq!(stage.events(3).await, ["PLACEMENT 0", "MATCHED 10", "UPDATE 10"]);
    stage.end().await;
}

#[tokio::test]
async fn one_trade_holds_several_orders_of_a_wallet() {
    let mut stage = Stage::set().await;
    let ids = [stage.bid(40).await, stage.bid(39).await];
    stage.admin.on("several-orders", Value::Null).await;
    let trade = stage.user.find(|event| event["event_type"] == "trade").await;
    let makers = trade["maker_orders"].as_array().expect("a list");
    let told: Vec<(&Value, &Value)> = makers.iter().map(|m| (&m["order_id"], &m["price"])).collect();
    assert_eq!(told, [(&json!(ids[0]), &json!("0.4")), (&json!(ids[1]), &json!("0.39"))]);
    assert_eq!(trade["size"], json!("20"));
    assert!(stage.maker.open_orders().await.is_empty());
    stage.end().await;
}

#[tokio::test]
async fn trades_fail_hang_are_retried_or_go_backwards() {
    let mut stage = Stage::set().await;
    let mut cents = 30;
    let yes = stage.running.ready.markets[0].yes.clone();
    let held = async |stage: &Stage| {
        let query = format!("?asset_type=CONDITIONAL&token_id={yes}&signature_type=0");
        stage.maker.send(stage.maker.request("GET", "/balance-allowance", &query, "")).await.1["balance"].clone()
    };
    for (kind, parameters, ladder, shares) in [
        ("", json!({}), &["MATCHED 10", "UPDATE 10", "MINED 10", "CONFIRMED 10"] as &[&str], "10000000"),
        ("ghost-fill", json!({"after_ms": 80}), &["MATCHED 10", "UPDATE 10", "FAILED 10"], "10000000"),
        (
            "retried-fill",
            json!({"after_ms": 30}),
            &["MATCHED 10", "UPDATE 10", "RETRYING 10", "MINED 10", "CONFIRMED 10"],
            "20000000",
        ),
        (
            "status-backwards",
            json!({}),
            &["MATCHED 10", "UPDATE 10", "MINED 10", "MATCHED 10", "CONFIRMED 10", "MATCHED 10"],
            "30000000",
        ),
    ] {
        if !kind.is_empty() {
            stage.admin.on(kind, parameters).await;
        }
        stage.bid(cents).await;
        stage.hit(cents).await;
        assert_eq!(stage.event().await, "PLACEMENT 0");
        assert_eq!(stage.events(ladder.len()).await, ladder, "{kind}");
        assert_eq!(held(&stage).await, json!(shares), "{kind}");
        if !kind.is_empty() {
            stage.admin.off(kind).await;
        }
        cents += 1;
    }
    stage.admin.on("unconfirmed-fill", Value::Null).await;
    stage.bid(cents).await;
    stage.hit(cents).await;
    assert_eq!(stage.events(3).await, ["PLACEMENT 0", "MATCHED 10", "UPDATE 10"]);
    stage.admin.off("unconfirmed-fill").await;
    stage.bid(cents + 1).await;
    stage.hit(cents + 1).await;
    // the next trade is confirmed and the one before it never was
    assert_eq!(stage.events(5).await, ["PLACEMENT 0", "MATCHED 10", "UPDATE 10", "MINED 10", "CONFIRMED 10"]);
    stage.end().await;
}

#[tokio::test]
async fn balances_are_stuck_and_orders_are_cancelled_for_them() {
    let mut stage = Stage::set().await;
    let ids = [stage.bid(30).await, stage.bid(31).await];
    stage.admin.on("stuck-balance", Value::Null).await;
    let (status, reply) = stage.maker.call("POST", "/order", &stage.maker.order(true, "BUY", 32, 10)).await;
    let error = reply["error"].as_str().unwrap_or_default();
    assert!(status == 400 && error.starts_with("not enough balance / allowance: the balance is not enough"), "{reply}");
    assert_eq!(stage.maker.open_orders().await, ids, "what rests stays");
    stage.admin.off("stuck-balance").await;
    stage.bid(32).await;
    stage.admin.on("cancelled-for-balance", json!({"orders": 1})).await;
    let told = stage.user.find(|event| event["type"] == "CANCELLATION").await;
    assert_eq!((&told["id"], &told["status"]), (&json!(ids[0]), &json!("CANCELED_NOT_ENOUGH_BALANCE")));
    assert_eq!(stage.maker.open_orders().await.len(), 2);
    stage.end().await;
}

#[tokio::test]
async fn markets_change_in_mid_session() {
    let stage = Stage::set().await;
    let market = stage.running.ready.markets[0].clone();
    let first = json!({"assets_ids": [market.yes], "type": "market", "custom_feature_enabled": true});
    let mut stream = Stream::open(&stage.running.ready, "market", &first).await;
    stream.so_far().await;
    let of_tick = format!("/tick-size?token_id={}", market.yes);
    let of_market = format!("/clob-markets/{}", market.condition);

    stage.admin.on("tick-change", json!({"market": 0, "to": "finer"})).await;
    let told = stream.find(|event| event["event_type"] == "tick_size_change").await;
    assert_eq!((&told["old_tick_size"], &told["new_tick_size"]), (&json!("0.01"), &json!("0.005")));
    assert_eq!(stage.clob(&of_tick).await, json!({"minimum_tick_size": 0.005}));
    stage.admin.on("tick-change", json!({"market": 0, "to": "coarser"})).await;
    assert_eq!(stage.clob(&of_tick).await, json!({"minimum_tick_size": 0.01}));

    let before = stage.clob(&of_market).await["r"].clone();
    stage.admin.on("reward-terms", json!({"market": 0, "min_size_percent": 200, "max_spread_percent": 100})).await;
    assert_eq!(stage.clob(&of_market).await["r"]["mi"], json!(40));
    stage.admin.off("reward-terms").await;
    assert_eq!(stage.clob(&of_market).await["r"], before);
    stage.admin.on("pool-gone", json!({"market": 0})).await;
    assert_ne!(stage.clob(&of_market).await["r"]["e"], json!(true));
    stage.admin.off("pool-gone").await;
    assert_eq!(stage.clob(&of_market).await["r"], before);

    let gamma = format!("{}/markets?condition_ids={}", stage.running.ready.gamma, market.condition);
    let answer = async || fetch(http().get(&gamma)).await.1[0]["umaResolutionStatus"].clone();
    stage.admin.on("answer-proposed", json!({"market": 0})).await;
    assert_eq!(answer().await, json!("proposed"));
    assert_eq!(stage.clob(&of_market).await["ao"], json!(true), "trading goes on");
    stage.admin.off("answer-proposed").await;
    assert_eq!(answer().await, Value::Null);

    stage.bid(40).await;
    stage.admin.on("game-start", json!({"market": 0})).await;
    assert!(stage.maker.open_orders().await.is_empty());
    stage.bid(40).await;
    stage.admin.on("market-closed", json!({"market": 0})).await;
    assert!(stage.maker.open_orders().await.is_empty());
    assert_eq!(stage.maker.call("POST", "/order", &stage.maker.order(true, "BUY", 40, 10)).await.0, 400);
    assert_eq!(stage.clob(&of_market).await["ao"], json!(false));
    stage.admin.off("market-closed").await;
    stage.bid(40).await;

    stream.so_far().await;
    stage.admin.on("silent-resolution", json!({"market": 0})).await;
    let told = stream.so_far().await;
    assert!(told.iter().all(|text| !text.contains("market_resolved")), "{told:?}");
    assert!(stage.maker.open_orders().await.is_empty());
    assert_eq!(stage.maker.call("POST", "/order", &stage.maker.order(true, "BUY", 40, 10)).await.0, 400);
    stage.end().await;
}

#[tokio::test]
async fn places_are_blocked_and_accounts_only_reduce() {
    let stage = Stage::set().await;
    let place = async || stage.maker.call("POST", "/order", &stage.maker.order(true, "BUY", 40, 10)).await;
    let blocked = async || fetch(http().get(&stage.running.ready.geoblock)).await.1["blocked"].clone();
    for (kind, says) in [("geoblock", true), ("forbidden-orders", false)] {
        stage.admin.on(kind, Value::Null).await;
        let (status, reply) = place().await;
        let error = reply["error"].as_str().unwrap_or_default();
        assert!(status == 403 && error.starts_with("Trading restricted in your region"), "{kind}: {reply}");
        assert_eq!(blocked().await, json!(says), "{kind}");
        stage.admin.off(kind).await;
        assert_eq!((place().await.0, blocked().await), (200, json!(false)));
    }
    let closed_only =
        async || stage.maker.call("GET", "/auth/ban-status/closed-only", &Value::Null).await.1["closed_only"].clone();
    assert_eq!(closed_only().await, json!(false));
    assert_eq!(stage.admin.post("closed-only", &json!({"closed_only": true})).await.0, 200);
    let (status, reply) = place().await;
    assert!(
        status == 400 && reply["error"].as_str().is_some_and(|e| e.ends_with("address in closed only mode")),
        "{reply}"
    );
    assert_eq!(closed_only().await, json!(true));
    stage.admin.off("closed-only").await;
    assert_eq!((place().await.0, closed_only().await), (200, json!(false)));
    stage.end().await;
}

#[tokio::test]
async fn the_venues_clock_is_off() {
    let stage = Stage::set().await;
    let market = stage.running.ready.markets[0].clone();
    let mut stream =
        Stream::open(&stage.running.ready, "market", &json!({"assets_ids": [market.yes], "type": "market"})).await;
    stream.so_far().await;
    for (skew_ms, cents) in [(0i64, 30), (-7_200_000, 31), (90_000, 32), (0, 33)] {
        assert_eq!(stage.admin.post("clock", &json!({"skew_ms": skew_ms})).await.0, 200);
        let now = i64::try_from(Clock::new().now().ms()).expect("this century");
        let off = |stamp_ms: i64| (stamp_ms - now - skew_ms).abs() < 30_000;
        let time = stage.clob("/time").await.as_i64().expect("seconds");
        assert!(off(time * 1000), "{time} at {skew_ms}");
        let id = stage.bid(cents).await;
        let told = stream.find(|event| event["event_type"] == "price_change").await;
        let stamp: i64 = told["timestamp"].as_str().expect("text").parse().expect("milliseconds");
        assert!(off(stamp), "{stamp} at {skew_ms}");
        let book = stage.clob(&format!("/book?token_id={}", market.yes)).await;
        assert_eq!(book["hash"], told["price_changes"][0]["hash"], "the stamp is hashed as it is shown");
        stage.cancel(&id).await;
        stream.find(|event| event["event_type"] == "price_change").await;
    }
    stage.end().await;
}

#[tokio::test]
async fn a_balance_nobody_refreshed_cannot_be_sold() {
    let mut stage = Stage::set().await;
    let yes = stage.running.ready.markets[0].yes.clone();
    let of_yes = format!("?asset_type=CONDITIONAL&token_id={yes}&signature_type=0");
    let of_dollars = "?asset_type=COLLATERAL&signature_type=0";
    let held = async |stage: &Stage| stage.maker.get("/balance-allowance", &of_yes).await.1["balance"].clone();
    let refresh = async |stage: &Stage, query: &str| {
        let done = stage.maker.get("/balance-allowance/update", query).await;
        assert_eq!(done, (200, Value::Null));
    };
    let is_short = |(status, reply): &(u16, Value)| {
        let error = reply["error"].as_str().unwrap_or_default();
        *status == 400 && error.starts_with("not enough balance / allowance: the balance is not enough")
    };
    stage.admin.on("stale-balance", Value::Null).await;
    stage.bid(40).await;
    stage.hit(40).await;
    stage.user.find(|event| event["status"] == "CONFIRMED").await;
    assert_eq!(held(&stage).await, json!("0"), "nobody has refreshed it");
    let sale = stage.maker.order(true, "SELL", 60, 10);
    let refused = stage.maker.call("POST", "/order", &sale).await;
    assert!(is_short(&refused), "{refused:?}");
    assert!(refused.1["error"].as_str().is_some_and(|text| text.contains("balance: 0, ")), "{refused:?}");
    refresh(&stage, of_dollars).await;
    assert!(is_short(&stage.maker.call("POST", "/order", &sale).await), "another asset was refreshed");
    refresh(&stage, &of_yes).await;
    assert_eq!(held(&stage).await, json!("10000000"));
    assert_eq!(stage.maker.call("POST", "/order", &sale).await.0, 200);
    // what comes in later is unknown again, what was refreshed stays
    stage.bid(39).await;
    stage.hit(39).await;
    stage.user.find(|event| event["status"] == "CONFIRMED").await;
    assert_eq!(held(&stage).await, json!("10000000"));
    let more = stage.maker.order(true, "SELL", 61, 10);
    assert!(is_short(&stage.maker.call("POST", "/order", &more).await), "the ten are in the other order");
    stage.admin.off("stale-balance").await;
    assert_eq!(held(&stage).await, json!("20000000"));
    assert_eq!(stage.maker.call("POST", "/order", &more).await.0, 200);
    // a refresh that finds nothing new
    stage.admin.on("stale-balance", json!({"update": "ignored"})).await;
    stage.bid(38).await;
    stage.hit(38).await;
    stage.user.find(|event| event["status"] == "CONFIRMED").await;
    refresh(&stage, &of_yes).await;
    assert_eq!(held(&stage).await, json!("10000000"), "as it was refreshed last");
    stage.admin.off("stale-balance").await;
    assert_eq!(held(&stage).await, json!("30000000"));
    // dollars are cached as well when it says so, for the second account alone
    stage.admin.on("stale-balance", json!({"collateral": "cached", "account": 2})).await;
    stage.bid(30).await;
    let bid = stage.taker.order(true, "BUY", 20, 10);
    assert!(is_short(&stage.taker.call("POST", "/order", &bid).await));
    assert_eq!(stage.taker.get("/balance-allowance/update", of_dollars).await.0, 200);
    assert_eq!(stage.taker.call("POST", "/order", &bid).await.0, 200);
    stage.end().await;
}

/// Free dollars of every account but one.
fn free_of_others(exchange: &Exchange, own: &str) -> Vec<(AccountIx, u64)> {
    let others = exchange.status().accounts.into_iter().filter(|row| row.address != own);
    others.map(|row| (row.account, exchange.free(row.account, MarketIx(0)).0.micro())).collect()
}

#[tokio::test]
async fn what_happens_to_accounts_spares_those_who_live_in_the_venue() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim/busy.toml");
    let mut scenario = Scenario::load(&config).expect("a scenario of the repository");
    scenario.bot = None;
    let hands = Hands::default();
    let world = World::served(&scenario, None, hands.now()).expect("a world");
    let running = served(world, scenario.seed, &hands).await;
    let (trader, admin) = (Trader::login(&running.ready, 0).await, Admin::of(&running));
    let market = running.ready.markets[0].clone();
    let book = async || {
        let (_, book) = fetch(http().get(format!("{}/book?token_id={}", running.ready.clob, market.yes))).await;
        (book["bids"].clone(), book["asks"].clone())
    };
    let before = book().await;
    assert!(before.0.as_array().is_some_and(|bids| !bids.is_empty()), "nobody lives here: {before:?}");
    for (kind, with) in [
        ("heartbeat-sweep", json!({})),
        ("cancelled-for-balance", json!({"orders": 1000})),
        ("several-orders", json!({})),
    ] {
        let mut order = trader.order(true, "BUY", 5, 10);
        order["postOnly"] = json!(true);
        let (status, reply) = trader.call("POST", "/order", &order).await;
        assert_eq!(status, 200, "{reply}");
        admin.on(kind, with).await;
        assert!(trader.open_orders().await.is_empty(), "{kind}");
        assert_eq!(book().await, before, "{kind}: the others' orders are their own affair");
    }
    let own = trader.address();
    let free = running.inspect(|exchange| free_of_others(exchange, &own));
    admin.on("stuck-balance", Value::Null).await;
    assert_eq!(running.inspect(|exchange| free_of_others(exchange, &own)), free);
    running.stop().await;
}

#[tokio::test]
async fn terms_of_two_faults_go_back_to_what_they_were() {
    let stage = Stage::set().await;
    let of_market = format!("/clob-markets/{}", stage.running.ready.markets[0].condition);
    let before = stage.clob(&of_market).await["r"].clone();
    let bigger = json!({"market": 0, "min_size_percent": 200, "max_spread_percent": 100});
    stage.admin.on("reward-terms", bigger.clone()).await;
    stage.admin.on("pool-gone", json!({"market": 0})).await;
    stage.admin.off("reward-terms").await;
    assert_ne!(stage.clob(&of_market).await["r"]["e"], json!(true), "the pool is still gone");
    stage.admin.off("pool-gone").await;
    assert_eq!(stage.clob(&of_market).await["r"], before);
    stage.admin.on("pool-gone", json!({"market": 0})).await;
    stage.admin.on("reward-terms", bigger).await;
    stage.admin.off("pool-gone").await;
    assert_eq!(stage.clob(&of_market).await["r"]["mi"], json!(40));
    stage.admin.off("reward-terms").await;
    assert_eq!(stage.clob(&of_market).await["r"], before);
    stage.end().await;
}

/// A row that begins with the world's event of this number and lasts five minutes; the first two are the market's books.
fn at_event(n: u64, kind: &str, more: &str) -> String {
    format!("[[fault]]\nkind = \"{kind}\"\nat_event = {n}\nlasts_ms = 300000\n{more}\n")
}

/// The short fault is over and the long one is not.
async fn past_the_short_one(stage: &Stage) {
    let left = async || stage.admin.get("faults").await["active"].as_array().map(Vec::len);
    let over = async { while left().await != Some(1) {} };
    tokio::time::timeout(Duration::from_secs(5), over).await.expect("one fault of two is over");
}

#[tokio::test]
async fn a_market_closed_twice_opens_when_both_are_over() {
    let stage = Stage::set_with(&at_event(1, "market-closed", "market = 0")).await;
    let of_market = format!("/clob-markets/{}", stage.running.ready.markets[0].condition);
    stage.admin.on("market-closed", json!({"market": 0, "lasts_ms": 100})).await;
    past_the_short_one(&stage).await;
    assert_eq!(stage.clob(&of_market).await["ao"], json!(false));
    stage.admin.off("market-closed").await;
    assert_eq!(stage.clob(&of_market).await["ao"], json!(true));
    stage.bid(40).await;
    stage.end().await;
}

#[tokio::test]
async fn a_balance_stuck_twice_is_free_when_both_are_over() {
    let stage = Stage::set_with(&at_event(1, "stuck-balance", "")).await;
    stage.admin.on("stuck-balance", json!({"lasts_ms": 100})).await;
    past_the_short_one(&stage).await;
    assert_eq!(stage.maker.call("POST", "/order", &stage.maker.order(true, "BUY", 32, 10)).await.0, 400);
    stage.admin.off("stuck-balance").await;
    stage.bid(32).await;
    stage.end().await;
}

#[tokio::test]
async fn a_feed_frozen_twice_thaws_when_both_are_over() {
    let mut stage = Stage::set_with(&at_event(3, "frozen-feed", "channel = \"user\"")).await;
    stage.bid(40).await;
    stage.admin.on("frozen-feed", json!({"channel": "both", "lasts_ms": 100})).await;
    stage.bid(39).await;
    past_the_short_one(&stage).await;
    // what had left before the third event may arrive
    while let Ok(told) = tokio::time::timeout(Duration::from_millis(200), stage.user.next()).await {
        let told = told.expect("the stream goes on");
        assert!(!told.contains("0.39"), "{told}");
    }
    stage.admin.off("frozen-feed").await;
    stage.user.find(|event| event["price"] == "0.39").await;
    stage.end().await;
}

#[tokio::test]
async fn nobody_hears_that_the_siblings_of_a_silent_market_are_resolved() {
    let of_event = |slug: &str| {
        format!("[[market]]\nslug = \"{slug}\"\nbuilt_in_book = false\nevent = \"race\"\nneg_risk = true\n")
    };
    let stage = Stage::set_with(&format!("{}{}", of_event("first"), of_event("second"))).await;
    let markets = stage.running.ready.markets.clone();
    assert_eq!(markets[1].slug, "second");
    let tokens: Vec<&str> = markets.iter().map(|market| market.yes.as_str()).collect();
    let first = json!({"assets_ids": tokens, "type": "market", "custom_feature_enabled": true});
    let mut stream = Stream::open(&stage.running.ready, "market", &first).await;
    stream.so_far().await;
    stage.admin.on("silent-resolution", json!({"market": 0})).await;
    let told = stream.so_far().await;
    assert!(told.iter().all(|text| !text.contains("market_resolved")), "{told:?}");
    for market in &markets[..2] {
        assert_eq!(stage.clob(&format!("/clob-markets/{}", market.condition)).await["ao"], json!(false));
    }
    stage.end().await;
}
