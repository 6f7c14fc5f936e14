use super::*;
use crate::domain::{TickSize, TokenId};
use crate::io::http::Timeouts;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use std::time::Duration;

const CONDITION: &str = "0x4c27acaa00000000000000000000000000000000000000000000000000000000";

/// The documented body with whole ids.
const TERMS: &str = r#"{"c":"0x4c27acaa00000000000000000000000000000000000000000000000000000000",
 "t":[{"t":"58932827","o":"Team Falcons"},{"t":"40344658","o":"Spirit"}],
 "mts":0.001,"mos":5,"nr":false,"sd":3,"itode":true,"cbos":true,"ibce":true,"rfqe":false,"ao":true,
 "gst":"2026-04-18T15:00:00Z","aot":"2026-04-17T21:01:26Z","mbf":1000,"tbf":1000,
 "fd":{"r":0.03,"e":1,"to":true},"r":{"mi":50,"ma":3.5,"e":true,"smoa":false,"moas":4}}"#;

const POOL: &str = r#"{"limit":500,"count":1,"next_cursor":"LTE=","data":[{"question":"?",
 "condition_id":"0x4c27acaa00000000000000000000000000000000000000000000000000000000","rewards_max_spread":3.5,
 "rewards_min_size":50,"rewards_config":[{"id":0,"asset_address":"0xC011","start_date":"2026-04-01",
 "end_date":"2500-12-31","rate_per_day":25,"total_rewards":0},{"asset_address":"0x2791","rate_per_day":"2.5"}]}]}"#;

const ROW: &str = r#"{"active":true,"closed":false,"accepting_orders":true,"end_date_iso":"2026-04-20T00:00:00Z"}"#;

fn condition() -> ConditionId {
    ConditionId::parse(CONDITION).expect("good")
}

/// Fetches from a venue that answers with these statuses and bodies.
fn fetch(terms: (u16, String), pool: (u16, String), row: (u16, String)) -> Result<Vec<Market>, String> {
    fetch_with(terms, pool, row, None)
}

/// The same, asking Gamma too if it answers anything.
fn fetch_with(
    terms: (u16, String),
    pool: (u16, String),
    row: (u16, String),
    gamma: Option<(u16, String)>,
) -> Result<Vec<Market>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let answer = |(status, body): (u16, String)| {
            let status = StatusCode::from_u16(status).expect("a status");
            get(move || async move { (status, body) })
        };
        let asked = gamma.is_some();
        let router = Router::new()
            .route("/markets", answer(gamma.unwrap_or_else(none)))
            .route("/clob-markets/{condition}", answer(terms))
            .route("/rewards/markets/{condition}", answer(pool))
            .route("/markets/{condition}", answer(row));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}/", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let timeouts = Timeouts { connect: Duration::from_secs(20), total: Duration::from_secs(20) };
        let client = http::client(timeouts).expect("a client");
        let noon = || Timestamp::from_ms(1_776_513_600_000);
        let catalog = Catalog::new(client, &base, vec![condition()]).at(noon);
        let catalog = if asked { catalog.with_gamma(&base) } else { catalog };
        let markets = catalog.fetch().await;
        server.abort();
        markets.map_err(|why| why.to_string())
    })
}

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

fn none() -> (u16, String) {
    (404, r#"{"error":"market not found"}"#.to_owned())
}

#[test]
fn the_documented_answers_make_a_market() {
    let markets = fetch(ok(TERMS), ok(POOL), ok(ROW)).expect("good answers");
    let expected = Market {
        condition: condition(),
        event: None,
        yes: TokenId::parse("58932827").expect("good"),
        no: TokenId::parse("40344658").expect("good"),
        tick: TickSize::parse("0.001").expect("good"),
        min_order: Qty::parse("5").expect("good"),
        neg_risk: false,
        ready: true,
        rewards: Some(RewardTerms {
            max_spread: Price::parse("0.035").expect("good"),
            min_size: Qty::parse("50").expect("good"),
            min_age: Nanos::from_secs(4),
            rate_per_day: Usdc::parse("27.5").expect("good"),
        }),
        resolving: false,
        starts: Timestamp::parse_iso("2026-04-18T15:00:00Z"),
        ends: Timestamp::parse_iso("2026-04-20"),
    };
    assert_eq!(markets, [expected]);
}

#[test]
fn the_markets_of_a_neg_risk_event_share_its_id() {
    let row = |id: &str| ROW.replace('{', &format!("{{\"neg_risk_market_id\":{id},"));
    let event = |terms: &str, id: &str| fetch(ok(terms), none(), ok(&row(id))).map(|markets| markets[0].event.clone());
    let neg_risk = TERMS.replace("\"nr\":false", "\"nr\":true");
    let id = "\"0xe3b1bc389210504ebcb9cffe4b0ed06ccac50561e0f24abb6379984cec030f00\"";
    assert_eq!(event(&neg_risk, id), Ok(EventId::parse(id.trim_matches('"')).ok()));
    assert_eq!(event(TERMS, id), Ok(None));
    assert_eq!(event(&neg_risk, "\"\""), Ok(None));
    assert_eq!(event(&neg_risk, "null"), Ok(None));
    assert!(event(&neg_risk, "\"a b\"").is_err_and(|why| why.contains("neg_risk_market_id")));
}

#[test]
fn pages_that_do_not_exist_mean_no_rewards_and_no_end() {
    let markets = fetch(ok(TERMS), none(), none()).expect("the rest is optional");
    assert_eq!((&markets[0].rewards, markets[0].ends, markets[0].ready), (&None, None, true));
}

#[test]
fn the_last_page_may_end_in_nothing() {
    for end in [r#""next_cursor":null,"#, ""] {
        let markets = fetch(ok(TERMS), ok(&POOL.replace(r#""next_cursor":"LTE=","#, end)), ok(ROW)).expect(end);
        assert!(markets[0].rewards.is_some(), "{end}");
    }
}

#[test]
fn a_pool_is_told_finer_than_it_is_kept() {
    let pool = POOL.replace(r#""rate_per_day":25,"#, r#""rate_per_day":"25.00000099","#);
    let markets = fetch(ok(TERMS), ok(&pool), ok(ROW)).expect("rounded down");
    assert_eq!(markets[0].rewards.as_ref().map(|terms| terms.rate_per_day), Usdc::parse("27.5").ok());
}

#[test]
fn pools_pay_from_their_first_day_to_the_end_of_their_last() {
    // it is noon of 18 April 2026
    for (start, end, pays) in [
        ("null", "null", true),
        (r#""2026-04-18""#, r#""2026-04-18""#, true),
        (r#""2026-04-19""#, "null", false),
        ("null", r#""2026-04-17""#, false),
        (r#""2026-04-18T11:59:59Z""#, r#""2026-04-18T12:00:01Z""#, true),
        (r#""2026-04-18T12:00:01Z""#, "null", false),
        ("null", r#""2026-04-18T11:59:59Z""#, false),
        ("1776513599000", r#""1776513601000""#, true),
        (r#""1776513601000""#, "null", false),
        ("null", "1776513599000", false),
        ("null", r#""9999-12-31T00:00:00Z""#, true),
        (r#""9999-12-31""#, "null", false),
    ] {
        let dates = format!(r#""start_date":{start},"end_date":{end},"rate_per_day":25"#);
        let first = POOL.find(r#""start_date""#).expect("there");
        let last = POOL.find(r#","total_rewards""#).expect("there");
        let pool = format!("{}{dates}{}", &POOL[..first], &POOL[last..]);
        let markets = fetch(ok(TERMS), ok(&pool), ok(ROW)).expect(&dates);
        let rate = if pays { "27.5" } else { "2.5" };
        assert_eq!(markets[0].rewards.as_ref().map(|t| t.rate_per_day), Usdc::parse(rate).ok(), "{dates}");
    }
    let pool = POOL.replace(r#""2500-12-31""#, r#""for ever""#);
    let why = fetch(ok(TERMS), ok(&pool), ok(ROW)).expect_err("no date");
    assert!(why.contains(r#"end_date: "for ever" is not a time"#), "{why}");
}

#[test]
fn partial_or_disabled_terms_pay_nothing() {
    for r in ["null", r#"{"e":false,"mi":50,"ma":3.5}"#, r#"{"e":true,"mi":50}"#, r#"{"e":true,"ma":3.5}"#] {
        let start = TERMS.find(r#""r":{"mi""#).expect("there");
        let terms = format!("{}\"r\":{r}}}", &TERMS[..start]);
        let markets = fetch(ok(&terms), ok(POOL), none()).expect(r);
        assert_eq!(markets[0].rewards, None, "{r}");
    }
}

#[test]
fn a_market_that_takes_no_orders_is_not_ready() {
    let closed = ROW.replace(r#""closed":false"#, r#""closed":true"#);
    assert!(!fetch(ok(TERMS), none(), ok(&closed)).expect("good")[0].ready);
    let inactive = ROW.replace(r#""active":true"#, r#""active":false"#);
    assert!(!fetch(ok(TERMS), none(), ok(&inactive)).expect("good")[0].ready);
    let bookless = ROW.replace(r#""active":true"#, r#""active":true,"enable_order_book":false"#);
    assert!(!fetch(ok(TERMS), none(), ok(&bookless)).expect("good")[0].ready);
    let paused = TERMS.replace(r#""ao":true"#, r#""ao":false"#);
    assert!(!fetch(ok(&paused), none(), ok(ROW)).expect("good")[0].ready);
}

#[test]
fn a_market_with_an_answer_is_resolving() {
    let told = |gamma: &str| fetch_with(ok(TERMS), none(), ok(ROW), Some(ok(gamma)));
    let status = |word: &str| {
        let row = format!(r#"[{{"id":"7","conditionId":"{CONDITION}","umaResolutionStatus":{word}}}]"#);
        told(&row).expect("good")[0].resolving
    };
    for word in ["\"proposed\"", "\"disputed\"", "\"resolved\"", "\"settled\"", "\"a word of tomorrow\""] {
        assert!(status(word), "{word}");
    }
    for word in ["null", "\"\"", "\"requested\""] {
        assert!(!status(word), "{word}");
    }
    let is_resolving = |gamma: &str| told(gamma).expect("good")[0].resolving;
    assert!(!is_resolving(&format!(r#"[{{"conditionId":"{CONDITION}"}}]"#)), "nothing is told");
    let other = CONDITION.replace("4c", "5c");
    assert!(!is_resolving(&format!(r#"[{{"conditionId":"{other}","umaResolutionStatus":"proposed"}}]"#)), "another");
    assert!(!is_resolving("[]"), "a market too new, or closed: its host tells that");
    assert!(!fetch(ok(TERMS), none(), ok(ROW)).expect("good")[0].resolving, "nobody was asked");
    let gone = fetch_with(ok(TERMS), none(), ok(ROW), Some((503, String::new()))).expect_err("not known");
    assert!(gone.contains("/markets?condition_ids=0x4c27") && gone.contains("503"), "{gone}");
}

#[test]
fn errors_name_the_market_and_what_is_missing() {
    let wrong = |from: &str, to: &str| fetch(ok(&TERMS.replace(from, to)), none(), none()).expect_err(from);
    let cases = [
        (fetch(none(), none(), none()).expect_err("404"), "status 404: {\"error\":\"market not found\"}"),
        (fetch(ok("{}"), none(), none()).expect_err("empty"), "missing field `c`"),
        (fetch(ok(TERMS), (500, "oops".to_owned()), none()).expect_err("500"), "/rewards/markets/"),
        (wrong(r#""mts":0.001,"#, ""), "missing field `mts`"),
        (wrong(r#""mts":0.001"#, r#""mts":0.003"#), "0.003"),
        (wrong(r#",{"t":"40344658","o":"Spirit"}"#, ""), "1 tokens where 2 are expected"),
        (wrong("40344658", "58932827"), "stands for both outcomes"),
        (wrong(r#""c":"0x4c27acaa0"#, r#""c":"0x4c27acaa1"#), "the answer is about market 0x4c27acaa1"),
        (wrong("2026-04-18T15:00:00Z", "tomorrow"), "gst: \"tomorrow\" is not a time"),
    ];
    for (error, part) in cases {
        assert!(error.contains(part) && error.contains(CONDITION), "{error:?} does not say {part:?}");
    }
}
