//! Whatever a client sends: the venue's status, a JSON error, no panic and no trace.
//!
//! Thousands of requests, each a good one with something broken or plain noise, are thrown at the served venue while its clock
//! stands still, so that every difference in its state would be a request's doing.

use crate::client::{Request, Trader, still_venue};
use mm_core::venue::order::PostOrder;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sim_exchange::exchange::{AccountIx, Exchange, Filter};
use std::fmt::Write as _;

/// Requests of one run.
const REQUESTS: usize = 4_000;

/// Everything the exchange would tell anybody, hashed.
fn fingerprint(exchange: &Exchange) -> String {
    let mut text = String::new();
    let status = exchange.status();
    write!(text, "{status:?} {:?}", exchange.accepted()).expect("a string takes it");
    for info in exchange.markets() {
        for token in [&info.market.yes, &info.market.no] {
            write!(text, "{info:?} {:?}", exchange.book(token)).expect("a string takes it");
        }
    }
    let accounts = u32::try_from(status.accounts.len()).expect("few accounts");
    for account in (0..accounts).map(AccountIx) {
        let all = Filter::default();
        let (orders, trades) = (exchange.open_orders(account, &all), exchange.trades(account, &all));
        write!(text, "{orders:?} {trades:?} {}", exchange.balance(account, None)).expect("a string takes it");
    }
    alloy_primitives::hex::encode(Sha256::digest(text))
}

/// A value of a kind no field expects, or an absurd one of the right kind.
fn absurd() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        Just(String::new()),
        Just("-1".to_owned()),
        Just("1e309".to_owned()),
        Just("0x".to_owned()),
        Just("NaN".to_owned()),
        Just("999999999999999999999999999999999999999999999999999999999999999999999999999999999".to_owned()),
        Just("\u{0}\u{1}\u{2028}\u{1F4A5}".to_owned()),
        Just("'; DROP TABLE orders; --".to_owned()),
        "[ -~]{0,40}",
        "[0-9a-f]{64}".prop_map(|hex| format!("0x{hex}")),
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[[[]]]]])),
    ]
}

/// What is done to a good request.
#[derive(Clone, Debug)]
enum Harm {
    /// A field of the order, or of what surrounds it, becomes something else.
    Field(prop::sample::Index, Value),
    /// A field goes away.
    Missing(prop::sample::Index),
    /// One byte of the body is another.
    Byte(prop::sample::Index, u8),
    /// The body ends too early.
    Cut(prop::sample::Index),
    /// A header becomes something else.
    Header(prop::sample::Index, String),
    /// A header goes away.
    NoHeader(prop::sample::Index),
    /// The body is noise.
    Noise(Vec<u8>),
    /// The route is another one.
    Elsewhere(prop::sample::Index, String),
    /// The query is noise.
    Query(String),
}

fn harm() -> impl Strategy<Value = Harm> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (index(), absurd()).prop_map(|(at, value)| Harm::Field(at, value)),
        2 => index().prop_map(Harm::Missing),
        2 => (index(), any::<u8>()).prop_map(|(at, byte)| Harm::Byte(at, byte)),
        1 => index().prop_map(Harm::Cut),
        1 => (index(), "[ -~]{0,80}").prop_map(|(at, text)| Harm::Header(at, text)),
        1 => index().prop_map(Harm::NoHeader),
        1 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(Harm::Noise),
        2 => (index(), "[a-zA-Z0-9%/.]{0,20}").prop_map(|(at, text)| Harm::Elsewhere(at, text)),
        1 => "[a-z_]{0,12}=[ -~&&[^#\"<>`{}|\\\\^]]{0,40}".prop_map(Harm::Query),
    ]
}

/// Routes that take something; the last part of some is replaced by noise.
const ROUTES: [(&str, &str); 30] = [
    ("POST", "/order"),
    ("DELETE", "/order"),
    ("POST", "/orders"),
    ("DELETE", "/orders"),
    ("DELETE", "/cancel-market-orders"),
    ("GET", "/data/order/"),
    ("GET", "/data/orders"),
    ("GET", "/data/trades"),
    ("POST", "/v1/heartbeats"),
    ("GET", "/balance-allowance"),
    ("GET", "/balance-allowance/update"),
    ("GET", "/order-scoring"),
    ("POST", "/orders-scoring"),
    ("DELETE", "/notifications"),
    ("DELETE", "/auth/readonly-api-key"),
    ("GET", "/book"),
    ("POST", "/books"),
    ("GET", "/price"),
    ("POST", "/prices"),
    ("POST", "/midpoints"),
    ("POST", "/spreads"),
    ("GET", "/last-trades-prices"),
    ("GET", "/prices-history"),
    ("GET", "/markets/"),
    ("GET", "/clob-markets/"),
    ("GET", "/markets-by-token/"),
    ("GET", "/fees/builder-fees/"),
    ("GET", "/builder/trades"),
    ("GET", "/rewards/markets/"),
    ("PATCH", "/order"),
];

/// Applies a harm to a signed order; what comes out is signed with the HMAC of its new bytes, unless that is what is broken.
fn harmed(trader: &Trader, base: &Value, harm: &Harm) -> Request {
    const ORDER: [&str; 13] = [
        "salt",
        "maker",
        "signer",
        "tokenId",
        "makerAmount",
        "takerAmount",
        "side",
        "expiration",
        "signatureType",
        "timestamp",
        "metadata",
        "builder",
        "signature",
    ];
    const AROUND: [&str; 3] = ["order", "owner", "orderType"];
    let mut post = base.clone();
    let text = base.to_string();
    let place = |body: &str| trader.request("POST", "/order", "", body);
    match harm {
        Harm::Field(at, value) => {
            let n = at.index(ORDER.len() + AROUND.len());
            match ORDER.get(n) {
                Some(field) => post["order"][*field] = value.clone(),
                None => post[AROUND[n - ORDER.len()]] = value.clone(),
            }
            place(&post.to_string())
        }
        Harm::Missing(at) => {
            post["order"].as_object_mut().expect("an object").remove(ORDER[at.index(ORDER.len())]);
            place(&post.to_string())
        }
        Harm::Byte(at, byte) => {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= byte | 1;
            place(&String::from_utf8_lossy(&bytes))
        }
        Harm::Cut(at) => place(&text[..at.index(text.len())]),
        Harm::Header(at, value) => {
            let mut request = place(&text);
            let at = at.index(request.headers.len());
            request.headers[at].1.clone_from(value);
            request
        }
        Harm::NoHeader(at) => {
            let mut request = place(&text);
            request.headers.remove(at.index(request.headers.len()));
            request
        }
        Harm::Noise(bytes) => place(&String::from_utf8_lossy(bytes)),
        Harm::Elsewhere(at, tail) => {
            let (method, path) = ROUTES[at.index(ROUTES.len())];
            let path = if path.ends_with('/') { format!("{path}{tail}") } else { path.to_owned() };
            let body = if method == "GET" { String::new() } else { format!("{{\"{tail}\":[]}}") };
            trader.request(method, &path, "", &body)
        }
        Harm::Query(query) => trader.request("GET", "/data/orders", &format!("?{}", query.replace(' ', "+")), ""),
    }
}

/// Whether a body still means the order it was made from.
fn says_the_same(body: &str, base: &Value) -> bool {
    let plain = |mut post: PostOrder| {
        let order = &mut post.order;
        for text in [&mut order.maker, &mut order.signer, &mut order.metadata, &mut order.builder, &mut order.signature]
        {
            text.make_ascii_lowercase();
        }
        post.owner.make_ascii_lowercase();
        (post.order, post.owner, post.order_type)
    };
    let base: PostOrder = serde_json::from_value(base.clone()).expect("an order");
    serde_json::from_str::<PostOrder>(body).is_ok_and(|post| plain(post) == plain(base))
}

#[tokio::test]
async fn thousands_of_broken_requests_leave_no_trace() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    // something worth spoiling: a fill, resting orders of two accounts, an armed switch
    let other = Trader::login(&running.ready, 1).await;
    let mut taken = trader.order(true, "BUY", 60, 10);
    taken["postOnly"] = json!(false);
    for (who, post) in
        [(&trader, taken), (&trader, trader.order(false, "BUY", 30, 10)), (&other, other.order(true, "BUY", 31, 10))]
    {
        assert_eq!(who.call("POST", "/order", &post).await.0, 200);
    }
    let before = running.inspect(fingerprint);
    let base = trader.order(true, "BUY", 40, 10);

    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut refused = std::collections::BTreeMap::new();
    for n in 0..REQUESTS {
        let harm = harm().new_tree(&mut runner).expect("a harm").current();
        let request = harmed(&trader, &base, &harm);
        // a header value that is none cannot be sent at all
        if request.headers.iter().any(|(_, value)| reqwest::header::HeaderValue::from_str(value).is_err()) {
            continue;
        }
        // some harm is none: letter case of hex, a name nobody reads, a flag that is not signed
        let intact = !matches!(harm, Harm::Header(..) | Harm::NoHeader(_));
        if request.method == "POST" && intact && says_the_same(&request.body, &base) {
            continue;
        }
        let shown = format!("request {n}, {harm:?}");
        let (status, body) = trader.send(request).await;
        match status {
            // a query that means nothing, a cancel of nothing
            200 => assert!(body["orderID"].is_null() && body["success"].is_null(), "{shown}: {body}"),
            400..=405 | 413 | 422 => {
                let error = body["error"].as_str().or(body["error_msg"].as_str());
                assert!(error.is_some_and(|text| !text.is_empty()), "{shown}: {status} {body}");
            }
            _ => panic!("{shown}: {status} {body}"),
        }
        *refused.entry(status).or_insert(0usize) += 1;
        if n % 200 == 0 {
            assert_eq!(running.inspect(fingerprint), before, "after {shown}");
        }
    }
    assert_eq!(running.inspect(fingerprint), before);
    assert_eq!(running.inspect(Exchange::check), Ok(()));
    assert!(refused.get(&400).copied().unwrap_or(0) > REQUESTS / 2, "{refused:?}");
    assert_eq!(trader.call("POST", "/order", &base).await.0, 200, "the order itself was never used up");
    assert_ne!(running.inspect(fingerprint), before, "and a good request leaves one");
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_http_a_client_library_would_send_is_survived() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (running, _) = still_venue("").await;
    let address = running.ready.clob.trim_start_matches("http://").to_owned();
    let endless = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(200_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(2_000));
    // what is HTTP at all is answered in the venue's form, whichever layer refuses it
    let cases: [(&[u8], bool); 9] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", false),
        (b"GET\r\n\r\n", false),
        (b"POST /order HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", false),
        (b"POST /order HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", true),
        (b"POST /order HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999999\r\n\r\n{", true),
        (b"GET /markets/%FF%FE HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", true),
        (b"GET /ws/market HTTP/1.1\r\nhost: x\r\nupgrade: nonsense\r\nconnection: close\r\n\r\n", true),
        (endless.as_bytes(), false),
        (many_headers.as_bytes(), false),
    ];
    for (bytes, is_http) in cases {
        let mut socket = tokio::net::TcpStream::connect(&address).await.expect("the venue listens");
        // the venue may hang up while we are still talking
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(std::time::Duration::from_secs(20), socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "it hung on {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
        assert!(!is_http || text.contains("{\"error\":\""), "{:?}: {text}", String::from_utf8_lossy(bytes));
    }
    let trader = Trader::login(&running.ready, 0).await;
    assert_eq!(trader.get("/data/orders", "").await.0, 200, "and others are served");
    running.stop().await;
}

#[tokio::test]
async fn absurd_numbers_are_refused_with_the_venues_words() {
    let (running, _) = still_venue("").await;
    let trader = Trader::login(&running.ready, 0).await;
    // correctly signed, and impossible
    for (maker, taker, words) in [
        (0, 0, "breaks minimum tick size rule"),
        (0, 10_000_000, "breaks minimum tick size rule"),
        (10_000_000, 0, "breaks minimum tick size rule"),
        (u64::MAX, u64::MAX, "breaks minimum tick size rule"),
        (u64::MAX, 1, "breaks minimum tick size rule"),
        (1, u64::MAX, "breaks minimum tick size rule"),
        (9_223_372_036_854_775_000, 18_446_744_073_709_550_000, "Invalid order payload"),
        (4_000_002, 10_000_005, "Invalid order payload"),
        (5_050_000, 10_000_000, "breaks minimum tick size rule: 0.01"),
        (400, 1_000, "lower than the minimum: 5"),
        (400_000_000_000_000, 1_000_000_000_000_000, "not enough balance / allowance"),
    ] {
        let post = trader.order_of("BUY", maker, taker);
        let (status, body) = trader.call("POST", "/order", &post).await;
        let text = body["error"].as_str().unwrap_or_default();
        assert!(status == 400 && text.contains(words), "{maker} for {taker}: {status} {body}");
    }
    running.stop().await;
}
