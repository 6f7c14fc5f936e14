//! Reward endpoints over the wire, on a clock the test moves: what they tell is what the programme found and paid.

use crate::client::{Trader, fetch, http};
use mm_core::domain::{Nanos, Timestamp, Usdc};
use serde_json::{Value, json};
use sim_exchange::exchange::Exchange;
use sim_exchange::scenario::Scenario;
use sim_exchange::server::{self, Listen, Running};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Two markets of accounts alone; the second has a sponsor as well. Ages are looked at, fees are charged.
const WORLD: &str = r#"
schema = 1
seed = 5
start_utc = "2026-06-06T22:00:00Z"
[defaults]
fee = { rate = "0.07", exponent = 1, rebate_share = "0.2" }
rewards = { max_spread_cents = "3", min_size_shares = "20", min_age_ms = 4000, rate_usdc_per_day = "1440" }
[[market]]
slug = "alpha"
built_in_book = false
[[market]]
slug = "beta"
built_in_book = false
rewards = { rate_usdc_per_day = "720", sponsored = [{ rate_usdc_per_day = "144", lasts_s = 86400, currency = "usdc.e" }] }
"#;

/// A served world whose time stands still until it is told otherwise.
struct World {
    running: Running,
    now: Arc<AtomicU64>,
}

impl World {
    async fn start() -> Self {
        let scenario = Scenario::parse(WORLD, Path::new(".")).expect("the scenario is sound");
        let start = scenario.start_utc;
        let exchange = Exchange::new(&scenario, start).expect("the world begins");
        let now = Arc::new(AtomicU64::new(start.nanos()));
        let clock = Arc::clone(&now);
        let any = "127.0.0.1:0".parse().expect("an address");
        let time = Box::new(move || Timestamp::from_nanos(clock.load(Ordering::SeqCst)));
        let running = server::start_at(exchange, 5, Listen { clob: any, admin: None }, time).await.expect("free ports");
        Self { running, now }
    }

    fn pass(&self, ms: u64) {
        self.now.fetch_add(Nanos::from_ms(ms).nanos(), Ordering::SeqCst);
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        fetch(http().get(format!("{}{path}", self.running.ready.clob))).await
    }
}

async fn ask(trader: &Trader, path: &str, query: &str) -> Value {
    let (status, body) = trader.send(trader.request("GET", path, query, "")).await;
    assert_eq!(status, 200, "{path}{query}: {body}");
    body
}

/// YES and NO at 0.49, a cent from the middle each; the ids.
async fn quote(trader: &Trader, shares: u64) -> [String; 2] {
    let mut ids = [String::new(), String::new()];
    for (id, yes) in ids.iter_mut().zip([true, false]) {
        let post = trader.order(yes, "BUY", 49, shares);
        let (status, answer) = trader.call("POST", "/order", &post).await;
        assert_eq!((status, &answer["status"]), (200, &json!("live")), "{answer}");
        *id = trader.id_of(&post);
    }
    ids
}

const MINUTE: u64 = 60_000;

#[tokio::test]
async fn a_day_on_the_wire() {
    let world = World::start().await;
    let (one, two) = (Trader::login(&world.running.ready, 0).await, Trader::login(&world.running.ready, 1).await);
    let condition = world.running.ready.markets[0].condition.clone();
    let [bid, ask_id] = quote(&one, 100).await;
    quote(&two, 300).await;

    // scoring: too young, then old enough; of somebody else, never
    let scoring = ask(&one, "/order-scoring", &format!("?order_id={bid}")).await;
    assert_eq!(scoring, json!({"scoring": false}), "younger than 4 s");
    world.pass(4_000);
    assert_eq!(ask(&one, "/order-scoring", &format!("?order_id={bid}")).await, json!({"scoring": true}));
    let both = json!({bid.clone(): true, ask_id.clone(): true});
    assert_eq!(one.call("POST", "/orders-scoring", &json!([bid, ask_id])).await, (200, both.clone()));
    assert_eq!(ask(&one, "/orders-scoring", &format!("?order_ids={bid},{ask_id}")).await, both, "the older call");
    assert_eq!(ask(&two, "/order-scoring", &format!("?order_id={bid}")).await, json!({"scoring": false}));

    // percentages and competition: 100 against 300 at the same distance
    assert_eq!(ask(&one, "/rewards/user/percentages", "").await, json!({condition.clone(): 25}));
    let (_, row) = world.get(&format!("/rewards/markets/{condition}")).await;
    let row = &row["data"][0];
    // ((3 − 1)/3)² × 400
    assert_eq!(row["market_competitiveness"], json!(177.777777777778));
    assert_eq!(row["tokens"][0]["price"], json!(0.5));

    // an hour later, of today so far
    world.pass(60 * MINUTE);
    let total = ask(&one, "/rewards/user/total", "?date=2026-06-06").await;
    let earned = total[0]["earnings"].as_f64().expect("a number");
    assert!((14.75..=15.25).contains(&earned), "a quarter of a dollar a minute: {total}");
    let rows = ask(&one, "/rewards/user", "?date=2026-06-06&next_cursor=MA==").await;
    assert_eq!(rows["data"][0]["condition_id"], json!(condition));
    assert_eq!(rows["data"][0]["earnings"], total[0]["earnings"]);
    assert_eq!((&rows["count"], &rows["next_cursor"]), (&json!(1), &json!("LTE=")));

    // over midnight: paid, and told as it was
    world.pass(60 * MINUTE);
    let balance = |body: &Value| body["balance"].as_str().and_then(|text| text.parse::<u64>().ok()).expect("a balance");
    let before = 10_000_000_000;
    let paid = balance(&ask(&one, "/balance-allowance", "?asset_type=COLLATERAL&signature_type=0").await) - before;
    let told = ask(&one, "/rewards/user/total", "?date=2026-06-06&signature_type=0").await;
    let cents = paid / 10_000;
    assert_eq!(told[0]["earnings"].to_string(), Usdc::from_micro(paid).to_string());
    assert!((2_950..=3_000).contains(&cents), "120 quarters, less those of the first seconds: {cents}");
    assert_eq!(ask(&one, "/rewards/user/total", "?date=2026-06-05").await, json!([]));
    let old = ask(&one, "/rewards/user/markets", "?date=2026-06-06&order_by=earnings&position=DESC").await;
    assert_eq!((&old["total_count"], &old["data"][0]["earning_percentage"]), (&json!(2), &json!(25)));
    assert_eq!(old["data"][0]["earnings"][0]["earnings"], told[0]["earnings"]);

    let activity =
        format!("{}/v2/activity?user={}", world.running.ready.data, told[0]["maker_address"].as_str().expect("text"));
    let (_, activity) = fetch(http().get(activity)).await;
    let receipt = &activity["data"][0];
    assert_eq!((&receipt["type"], &receipt["timestamp"]), (&json!("REWARD"), &json!(1_780_790_400)), "{activity}");
    let micro = mm_core::domain::parse_decimal(receipt["usdc_size"].as_str().expect("text"), 6);
    assert_eq!(micro, Ok(paid));
    world.running.stop().await;
}

#[tokio::test]
async fn pools_are_listed_filtered_and_put_in_order() {
    let world = World::start().await;
    let (_, page) = world.get("/rewards/markets/current").await;
    assert_eq!((&page["limit"], &page["count"], &page["next_cursor"]), (&json!(500), &json!(2), &json!("LTE=")));
    let beta = &page["data"][1];
    assert_eq!(
        json!([
            beta["native_daily_rate"],
            beta["sponsored_daily_rate"],
            beta["total_daily_rate"],
            beta["sponsors_count"]
        ]),
        json!([720, 144, 864, 1])
    );
    assert_eq!(
        beta["rewards_config"],
        json!([
            {"id": 0, "asset_address": "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB", "start_date": "2026-06-06",
             "end_date": "2500-12-31", "rate_per_day": 720, "total_rewards": 0, "total_days": 173333},
            {"id": 1, "asset_address": "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174", "start_date": "2026-06-06",
             "end_date": "2026-06-07", "rate_per_day": 144, "total_rewards": 144, "total_days": 1},
        ])
    );
    let slugs = async |query: &str| {
        let (status, page) = world.get(&format!("/rewards/markets/multi?{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        let rows = page["data"].as_array().expect("rows").clone();
        rows.iter().map(|row| row["market_slug"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(slugs("").await, ["alpha", "beta"]);
    assert_eq!(slugs("order_by=rate_per_day&position=ASC").await, ["beta", "alpha"]);
    assert_eq!(slugs("order_by=question&position=desc").await, ["beta", "alpha"]);
    assert_eq!(slugs("q=LPH").await, ["alpha"]);
    assert_eq!(slugs("market_id=2").await, ["beta"]);
    assert_eq!(slugs("tag_slug=sport").await, Vec::<String>::new());
    assert_eq!(slugs("min_price=0&max_price=0").await.len(), 2, "zero switches a bound off");
    assert_eq!(slugs("min_price=0.1").await.len(), 0, "no book, no price");
    let (_, first) = world.get("/rewards/markets/multi?page_size=1").await;
    let cursor = first["next_cursor"].as_str().expect("text").to_owned();
    assert_eq!(slugs(&format!("page_size=1&next_cursor={cursor}")).await, ["beta"]);

    let sponsored = world.get("/rewards/markets/current?sponsored=true").await.1;
    assert_eq!((&sponsored["count"], &sponsored["data"][0]["sponsors_count"]), (&json!(1), &json!(1)));
    let native = world.get("/rewards/markets/current?sponsored=false").await.1;
    assert_eq!(native["data"][1]["total_daily_rate"], json!(720));
    let condition = &world.running.ready.markets[1].condition;
    let rates = world.get(&format!("/markets/{condition}")).await.1["rewards"]["rates"].clone();
    assert_eq!(rates.as_array().map(Vec::len), Some(2), "one row a currency: {rates}");
    world.running.stop().await;
}

#[tokio::test]
async fn rebates_and_refusals() {
    let world = World::start().await;
    let (maker, taker) = (Trader::login(&world.running.ready, 0).await, Trader::login(&world.running.ready, 1).await);
    maker.call("POST", "/order", &maker.order(true, "BUY", 50, 400)).await;
    let mut post = taker.order(false, "BUY", 50, 400);
    post["postOnly"] = json!(false);
    let (status, answer) = taker.call("POST", "/order", &post).await;
    assert_eq!((status, &answer["status"]), (200, &json!("matched")), "{answer}");
    world.pass(MINUTE);
    let address = maker.order(true, "BUY", 50, 400)["order"]["maker"].as_str().expect("text").to_owned();
    let (_, rebates) = world.get(&format!("/rebates/current?date=2026-06-06&maker_address={address}")).await;
    assert_eq!(rebates.as_array().map(Vec::len), Some(1), "{rebates}");
    // a fifth of 400 × 0.07 × 0.25
    assert_eq!(rebates[0]["rebated_fees_usdc"], json!("1.4"));

    let refused = async |path: &str, words: &str| {
        let (status, body) = if path.starts_with("/rewards/user") {
            let (path, query) = path.split_once('?').map_or((path, String::new()), |(path, q)| (path, format!("?{q}")));
            maker.send(maker.request("GET", path, &query, "")).await
        } else {
            world.get(path).await
        };
        assert_eq!((status, &body["error"]), (400, &json!(words)), "{path}");
    };
    let date = "Invalid date (format: YYYY-MM-DD)";
    for text in ["", "?date=", "?date=2026-13-01", "?date=06-06-2026", "?date=2026-06-06T00:00:00Z", "?date=20260606"] {
        refused(&format!("/rewards/user{text}"), date).await;
        refused(&format!("/rewards/user/total{text}"), date).await;
        let more = if text.is_empty() { "?" } else { "&" };
        refused(&format!("/rebates/current{text}{more}maker_address={address}"), date).await;
    }
    refused("/rewards/user?date=2026-06-06&signature_type=7", "Invalid signature_type").await;
    refused("/rewards/user?date=2026-06-06&maker_address=me", "Invalid maker_address").await;
    refused("/rebates/current?date=2026-06-06", "Invalid maker_address").await;
    refused("/rebates/current?date=2026-06-06&maker_address=0x12", "Invalid maker_address").await;
    refused("/rewards/markets/current?sponsored=perhaps", "Invalid sponsored").await;
    refused("/rewards/markets/current?next_cursor=x", "Invalid next_cursor").await;
    for (query, words) in [
        ("order_by=luck", "Invalid order_by"),
        ("position=UP", "Invalid position"),
        ("page_size=0", "Invalid page_size"),
        ("page_size=501", "Invalid page_size"),
        ("min_spread=wide", "Invalid min_spread"),
    ] {
        refused(&format!("/rewards/markets/multi?{query}"), words).await;
    }
    for path in ["/rewards/user?date=2026-06-06", "/rewards/user/percentages", "/order-scoring?order_id=0x1"] {
        assert_eq!(world.get(path).await.0, 401, "{path}: never without credentials");
    }
    let none = "0x000000000000000000000000000000000000beef";
    assert_eq!(world.get(&format!("/rebates/current?date=2026-06-06&maker_address={none}")).await, (200, json!([])));
    world.running.stop().await;
}
