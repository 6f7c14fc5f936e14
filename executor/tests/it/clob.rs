//! Every call is sent once, signed over the bytes that are sent, and what came is handed back unjudged.

use executor::clob::{Clob, Endpoints, Login};
use executor::exposure::Exposure;
use executor::key::Key;
use executor::ledger::{Ledger as _, MemoryLedger};
use executor::outcome::{Answer, Lost, VenueCall, VenueReply};
use executor::policy::{AllowedMarket, Approved, Ask, Policy, PolicyCaps, Reference, decide};
use executor::recorded::Recorded;
use executor::rows::{IntentRow, LedgerRow};
use executor::sign::{Account, SignedOrder, order_id, sign};
use executor::way_out::{Leave, WayOut};
use executor::{eip712::Chain, vectors};
use mm_core::domain::{
    ClientOrderId, ConditionId, Digest, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize,
    TimeInForce, Timestamp, Token, TokenId, Usdc,
};
use mm_core::io::clock::Clock;
use mm_core::protocol::Gate;
use mm_core::venue::order::SignatureType;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const TOKEN: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
const OTHER: &str = "52114319501245915516055106046884209969926127482827954674443846427813813222426";
/// Made up for these tests: the base64 of 32 bytes of 7.
const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

struct Bench {
    server: MockServer,
    clob: Clob,
    key: Arc<Key>,
    login: Arc<Login>,
    account: Account,
    way: WayOut,
}

impl Bench {
    /// A venue that gives out credentials, and a client that has them.
    async fn logged_in() -> Self {
        let bench = Self::new().await;
        bench.answer("GET", "/auth/derive-api-key", ResponseTemplate::new(200).set_body_json(credentials())).await;
        assert_eq!(
            bench.clob.call(&VenueCall::RenewCredentials).await,
            VenueReply::Answer(Answer::new(200, Vec::new()))
        );
        bench
    }

    async fn post(&self, order: SignedOrder, leave: Leave) -> VenueReply {
        self.clob.post(vec![order], leave).await.pop().expect("one for each")
    }

    async fn new() -> Self {
        let server = MockServer::start().await;
        let key = Arc::new(Key::throw_away().expect("random bytes"));
        let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).expect("an EOA");
        let login = Arc::new(Login::new(Arc::clone(&key), Chain::Polygon));
        let endpoints = Endpoints { rest: server.uri(), geoblock: format!("{}/api/geoblock", server.uri()) };
        let short = Duration::from_millis(300);
        let clob = Clob::new(endpoints, Arc::clone(&login), account, Clock::new(), short, short).expect("a client");
        Self { server, clob, key, login, account, way: WayOut::new(Clock::new()) }
    }

    async fn answer(&self, verb: &str, at: &str, with: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(with).mount(&self.server).await;
    }

    /// Requests the venue saw, logins left out.
    async fn seen(&self) -> Vec<Request> {
        let all = self.server.received_requests().await.expect("recording is on");
        all.into_iter().filter(|r| !r.url.path().starts_with("/auth/")).collect()
    }

    async fn logins(&self) -> usize {
        let all = self.server.received_requests().await.expect("recording is on");
        all.iter().filter(|r| r.url.path().starts_with("/auth/")).count()
    }

    fn order(&self) -> SignedOrder {
        self.salted(42)
    }

    fn salted(&self, salt: u64) -> SignedOrder {
        let (approved, row) = approved(&self.account, salt);
        sign(&self.key, &self.account, approved, row)
    }

    /// Leave for a minute.
    fn leave(&self) -> Leave {
        self.way.leave(Clock::new().now().plus(Nanos::from_secs(60)))
    }
}

fn credentials() -> Value {
    json!({ "apiKey": "11111111-2222-3333-4444-555555555555", "secret": SECRET, "passphrase": "ab".repeat(32) })
}

/// An order through the real policy and a real ledger.
fn approved(account: &Account, salt: u64) -> (Approved, Recorded) {
    let token = |text: &str| TokenId::parse(text).expect("a token");
    let condition = ConditionId::parse(&format!("0x{}", "ab".repeat(32))).expect("a condition");
    let usdc = |n| Usdc::from_whole(n).expect("small");
    let caps = PolicyCaps {
        max_order_shares: Qty::from_whole(100).expect("small"),
        max_order_usdc: usdc(100),
        max_market_usdc: usdc(100),
        max_total_usdc: usdc(100),
        max_market_loss_usdc: usdc(100),
        max_event_loss_usdc: usdc(100),
        max_total_loss_usdc: usdc(100),
        max_token_orders: 10,
        max_market_orders: 10,
        max_event_orders: 10,
        max_token_resting_usdc: usdc(100),
        max_market_resting_usdc: usdc(100),
        max_event_resting_usdc: usdc(100),
        max_open_orders: 10,
        max_orders_per_minute: 10,
        max_token_fills_per_minute: 10,
        max_rejects_in_a_row: 10,
        max_day_bought_usdc: usdc(100),
        max_day_outflow_usdc: usdc(100),
        max_day_placed_usdc: usdc(100),
        min_price: Price::parse("0.01").expect("a price"),
        max_price: Price::parse("0.99").expect("a price"),
        reference_band: Price::parse("0.1").expect("a price"),
        reference_max_age_ms: 10_000,
        intent_max_age_ms: 2000,
    };
    let market = AllowedMarket {
        slug: "test".into(),
        condition: condition.clone(),
        event: None,
        yes: token(TOKEN),
        no: token(OTHER),
        neg_risk: false,
        tick: TickSize::CENT,
        min_order: Qty::from_whole(5).expect("small"),
    };
    let policy = Policy::new(caps, vec![market]).expect("a policy");
    let order = NewOrder {
        token: Token { market: MarketIx(0), outcome: Outcome::Yes },
        side: Side::Buy,
        price: Price::parse("0.4").expect("a price"),
        qty: Qty::from_whole(10).expect("small"),
        post_only: true,
        tif: TimeInForce::Gtc,
    };
    let at = Timestamp::from_ms(1_795_219_200_000);
    let yes = token(TOKEN);
    let cents = |n: u16| Price::from_ten_thousandths(n * 100).expect("below one");
    let reference = Reference::new(cents(39), cents(41), at);
    let ask = Ask { id: ClientOrderId(1), decided: at, token: Some(&yes), order, reference };
    let gate = Gate::Open { until: at.plus(Nanos::from_secs(1)) };
    let approved = decide(&policy, &Exposure::default(), gate, at, &ask).expect("approved");
    let at_ms = at.ms();
    let id = order_id(account, approved.token(), &order, salt, at_ms);
    let row = IntentRow {
        at,
        epoch: 1,
        run: 1,
        id: ClientOrderId(1),
        payload: Digest([0; 32]),
        order: id,
        salt,
        at_ms,
        market: condition,
        outcome: Outcome::Yes,
        token: yes.clone(),
        neg_risk: false,
        side: order.side,
        price: order.price,
        qty: order.qty,
        tif: order.tif,
        reserve: order.notional(),
        gate,
        policy: policy.digest(),
        exposure: Digest([0; 32]),
        reference: None,
    };
    let proofs = MemoryLedger::new().append(&[LedgerRow::Intent(Box::new(row))]).expect("recorded");
    (approved, proofs.into_iter().next().expect("one intent").row)
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_else(|| panic!("{name} is missing"))
}

#[tokio::test]
async fn a_post_carries_the_recorded_order_and_signs_the_bytes_it_sends() {
    let bench = Bench::logged_in().await;
    bench.answer("POST", "/order", ResponseTemplate::new(200).set_body_string("{}")).await;
    let order = bench.order();
    let id = order.id();
    assert_eq!(bench.post(order, bench.leave()).await, VenueReply::Answer(Answer::new(200, "{}")));

    let seen = bench.seen().await;
    let [request] = &seen[..] else { panic!("{} requests", seen.len()) };
    let body = std::str::from_utf8(&request.body).expect("text");
    let signature = vectors::request_signature(SECRET, header(request, "poly_timestamp"), "POST", "/order", body);
    assert_eq!(header(request, "poly_signature"), signature.expect("base64"));
    assert_eq!(header(request, "poly_address"), bench.key.address().to_string());
    assert!(header(request, "user-agent").starts_with("proofmaker/"));
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["owner"], "11111111-2222-3333-4444-555555555555");
    assert_eq!((&body["postOnly"], &body["orderType"]), (&json!(true), &json!("GTC")));
    assert_eq!((&body["order"]["makerAmount"], &body["order"]["takerAmount"]), (&json!("4000000"), &json!("10000000")));
    assert_eq!(body["order"]["salt"], json!(42));
    assert_eq!(id.to_string().len(), 66);
}

#[tokio::test]
async fn an_order_that_was_taken_without_an_answer_is_lost_and_sent_once() {
    let bench = Bench::logged_in().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(20)).set_body_string("{}");
    bench.answer("POST", "/order", late).await;
    assert_eq!(bench.post(bench.order(), bench.leave()).await, VenueReply::Lost(Lost::Timeout));
    assert_eq!(bench.seen().await.len(), 1);
}

#[tokio::test]
async fn an_order_without_leave_does_not_leave() {
    let bench = Bench::logged_in().await;
    bench.answer("POST", "/order", ResponseTemplate::new(200).set_body_string("{}")).await;
    let shut = bench.leave();
    bench.way.shut();
    let late = bench.way.leave(Clock::new().now());
    for leave in [shut, late] {
        assert!(matches!(bench.post(bench.order(), leave).await, VenueReply::NotSent(_)));
    }
    // and with a connection that stands, too
    assert_eq!(bench.post(bench.order(), bench.leave()).await, VenueReply::Answer(Answer::new(200, "{}")));
    let late = bench.way.leave(Clock::new().now());
    assert!(matches!(bench.post(bench.order(), late).await, VenueReply::NotSent(_)));
    assert_eq!(bench.seen().await.len(), 1);
}

#[tokio::test]
async fn an_order_is_held_back_while_its_connection_does_not_stand() {
    let bench = Bench::logged_in().await;
    // TCP stands, TLS never will: what the server sees is the client's first words and the end.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = Endpoints {
        rest: format!("https://{}", listener.local_addr().expect("an address")),
        geoblock: "http://127.0.0.1:9".into(),
    };
    let wait = Duration::from_secs(60);
    let clob = Clob::new(silent, Arc::clone(&bench.login), bench.account, Clock::new(), wait, wait).expect("a client");
    let post = clob.post(vec![bench.order()], bench.leave());
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut seen = vec![0; 1];
        stream.read_exact(&mut seen).await.expect("the first word");
        bench.way.shut();
        stream.read_to_end(&mut seen).await.expect("the end");
        seen
    };
    let (reply, seen) = tokio::join!(post, server);
    assert!(matches!(reply[..], [VenueReply::NotSent(_)]), "{reply:?}");
    assert_eq!(seen[0], 22, "a TLS handshake record");
}

#[tokio::test]
async fn several_orders_leave_in_one_request_and_share_one_leave() {
    let bench = Bench::logged_in().await;
    let orders = || vec![bench.salted(1), bench.salted(2)];
    let ids: Vec<String> = orders().iter().map(|order| order.id().to_string()).collect();
    let entry = |id: &String| json!({ "errorMsg": "", "orderID": id, "success": true, "status": "live" });
    let answer = ResponseTemplate::new(200).set_body_json(json!([entry(&ids[1]), entry(&ids[0])]));
    bench.answer("POST", "/orders", answer).await;
    let shut = bench.leave();
    bench.way.shut();
    let kept_in = bench.clob.post(orders(), shut).await;
    assert!(matches!(kept_in[..], [VenueReply::NotSent(_), VenueReply::NotSent(_)]), "{kept_in:?}");

    let replies = bench.clob.post(orders(), bench.leave()).await;
    for (id, reply) in ids.iter().zip(&replies) {
        let VenueReply::Answer(answer) = reply else { panic!("{reply:?}") };
        let body: Value = serde_json::from_slice(&answer.body).expect("an entry");
        assert_eq!(body["orderID"], json!(id), "each its own");
    }
    let requests = bench.server.received_requests().await.expect("recorded");
    let bodies: Vec<Value> = requests
        .iter()
        .filter(|request| request.url.path() == "/orders")
        .map(|request| serde_json::from_slice(&request.body).expect("JSON"))
        .collect();
    assert_eq!(bodies.len(), 1, "once");
    assert_eq!(bodies[0].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn requests_are_dated_by_the_venue_when_our_clock_is_off() {
    let bench = Bench::logged_in().await;
    bench.answer("DELETE", "/cancel-all", ResponseTemplate::new(200)).await;
    let ours = Clock::new().now().secs();
    let mut dates = Vec::new();
    for venue in [ours, ours + 600, ours - 600] {
        Mock::given(method("GET"))
            .and(path("/time"))
            .respond_with(ResponseTemplate::new(200).set_body_string(venue.to_string()))
            .up_to_n_times(1)
            .mount(&bench.server)
            .await;
        bench.clob.call(&VenueCall::Time).await;
        bench.clob.call(&VenueCall::CancelAll).await;
        let seen = bench.seen().await;
        dates.push(header(seen.last().expect("the cancel"), "poly_timestamp").parse::<u64>().expect("seconds"));
    }
    for (dated, venue) in dates.into_iter().zip([ours, ours + 600, ours - 600]) {
        assert!(dated.abs_diff(venue) <= 30, "{dated} when the venue says {venue}");
    }
}

/// Takes what is dated by the right clock, as the venue does.
struct Dated(u64);

impl wiremock::Respond for Dated {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let dated = request.headers.get("poly_timestamp").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        match dated {
            Some(dated) if dated.abs_diff(self.0) <= 30 => ResponseTemplate::new(200).set_body_json(credentials()),
            _ => ResponseTemplate::new(401),
        }
    }
}

#[tokio::test]
async fn a_login_that_fails_for_another_reason_does_not_unlearn_the_venues_time() {
    let bench = Bench::logged_in().await;
    let theirs = Clock::new().now().secs() + 600;
    let refused = |road: &str, answer: u16| {
        Mock::given(path(road.to_owned())).respond_with(ResponseTemplate::new(answer)).up_to_n_times(1)
    };
    for answer in [500, 401] {
        bench.server.reset().await;
        bench.answer("GET", "/time", ResponseTemplate::new(200).set_body_string(theirs.to_string())).await;
        bench.clob.call(&VenueCall::Time).await;
        // once what is true of stale credentials, and a login that does not come about
        refused("/cancel-all", 401).mount(&bench.server).await;
        refused("/auth/derive-api-key", answer).mount(&bench.server).await;
        for road in ["/cancel-all", "/auth/derive-api-key"] {
            Mock::given(path(road)).respond_with(Dated(theirs)).mount(&bench.server).await;
        }
        for _ in 0..2 {
            let reply = bench.clob.call(&VenueCall::CancelAll).await;
            assert!(matches!(reply, VenueReply::Answer(Answer { status: 200, .. })), "{answer}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn one_wrong_answer_about_the_time_keeps_no_cancel_in() {
    let bench = Bench::logged_in().await;
    let now = Clock::new().now().secs();
    bench.server.reset().await;
    for (verb, road) in [("DELETE", "/cancel-all"), ("GET", "/auth/derive-api-key")] {
        Mock::given(method(verb)).and(path(road)).respond_with(Dated(now)).mount(&bench.server).await;
    }
    bench.answer("GET", "/time", ResponseTemplate::new(200).set_body_string("86400")).await;
    bench.clob.call(&VenueCall::Time).await;
    let reply = bench.clob.call(&VenueCall::CancelAll).await;
    assert!(matches!(reply, VenueReply::Answer(Answer { status: 200, .. })), "{reply:?}");
}

#[tokio::test]
async fn many_cancels_with_old_credentials_make_one_login_on_their_own_road() {
    let bench = Bench::logged_in().await;
    let logins = bench.logins().await;
    let stale = ResponseTemplate::new(401).set_delay(Duration::from_millis(100));
    Mock::given(method("DELETE"))
        .and(path("/cancel-all"))
        .respond_with(stale)
        .up_to_n_times(8)
        .mount(&bench.server)
        .await;
    bench.answer("DELETE", "/cancel-all", ResponseTemplate::new(200).set_body_string("{}")).await;
    let calls = (0..8).map(|_| bench.clob.call(&VenueCall::CancelAll));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply, VenueReply::Answer(Answer::new(200, "{}")));
    }
    assert_eq!(bench.logins().await, logins + 1);
}

#[tokio::test]
async fn answers_come_back_as_they_came() {
    for (status, body) in [
        (200, "not json"),
        (200, ""),
        (400, r#"{"error":"'0x..' address in closed only mode"}"#),
        (403, "<html>Trading restricted in your region</html>"),
        (425, ""),
        (500, r#"{"error":"could not insert order"}"#),
        (503, r#"{"error":"trading is disabled"}"#),
    ] {
        let bench = Bench::logged_in().await;
        bench.answer("POST", "/order", ResponseTemplate::new(status).set_body_string(body)).await;
        assert_eq!(
            bench.post(bench.order(), bench.leave()).await,
            VenueReply::Answer(Answer::new(status, body)),
            "{status}"
        );
        assert_eq!(bench.seen().await.len(), 1, "{status} is not sent again");
    }
}

#[tokio::test]
async fn a_429_tells_how_long_and_who() {
    let bench = Bench::logged_in().await;
    let limited = ResponseTemplate::new(429)
        .insert_header("retry-after", "7")
        .insert_header("poly-ratelimit-remaining", "-3")
        .set_body_string("{}");
    bench.answer("POST", "/order", limited).await;
    let expected = Answer { retry_after_s: Some(7), limiter: true, ..Answer::new(429, "{}") };
    assert_eq!(bench.post(bench.order(), bench.leave()).await, VenueReply::Answer(expected));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let bench = Bench::logged_in().await;
    let elsewhere = ResponseTemplate::new(307).insert_header("location", format!("{}/elsewhere", bench.server.uri()));
    bench.answer("POST", "/order", elsewhere).await;
    assert!(matches!(bench.post(bench.order(), bench.leave()).await, VenueReply::Answer(Answer { status: 307, .. })));
    assert!(bench.seen().await.iter().all(|r| r.url.path() == "/order"));
}

#[tokio::test]
async fn a_venue_that_cannot_be_reached_provably_got_nothing() {
    let bench = Bench::logged_in().await;
    let gone = Bench { server: MockServer::start().await, ..bench };
    // The client still points at the first server, which ends here.
    drop(gone.server);
    let unreachable = Clob::new(
        Endpoints { rest: "http://127.0.0.1:9".into(), geoblock: "http://127.0.0.1:9".into() },
        Arc::new(Login::new(Arc::clone(&gone.key), Chain::Polygon)),
        gone.account,
        Clock::new(),
        Duration::from_millis(300),
        Duration::from_millis(300),
    )
    .expect("a client");
    assert!(matches!(unreachable.call(&VenueCall::Time).await, VenueReply::NotSent(_)));
}

#[tokio::test]
async fn without_credentials_nothing_leaves_but_the_login() {
    let bench = Bench::new().await;
    for call in [VenueCall::CancelAll, VenueCall::OpenOrders { cursor: None }, VenueCall::ClosedOnly] {
        assert!(matches!(bench.clob.call(&call).await, VenueReply::NotSent(_)), "{call:?}");
    }
    assert!(bench.seen().await.is_empty());
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let bench = Bench::logged_in().await;
    let big = vec![b' '; executor::clob::BODY_MAX + 1];
    bench.answer("GET", "/data/orders", ResponseTemplate::new(200).set_body_bytes(big)).await;
    assert_eq!(bench.clob.call(&VenueCall::OpenOrders { cursor: None }).await, VenueReply::Lost(Lost::TooLarge));
}

#[tokio::test]
async fn a_cancel_refused_for_old_credentials_is_sent_again_with_new_ones() {
    let bench = Bench::logged_in().await;
    let stale = ResponseTemplate::new(401).set_body_string(r#"{"error":"Unauthorized/Invalid api key"}"#);
    Mock::given(method("DELETE"))
        .and(path("/cancel-all"))
        .respond_with(stale)
        .up_to_n_times(1)
        .mount(&bench.server)
        .await;
    let done = r#"{"canceled":[],"not_canceled":{}}"#;
    bench.answer("DELETE", "/cancel-all", ResponseTemplate::new(200).set_body_string(done)).await;
    let logins = bench.logins().await;
    assert_eq!(bench.clob.call(&VenueCall::CancelAll).await, VenueReply::Answer(Answer::new(200, done)));
    assert_eq!(bench.seen().await.len(), 2);
    assert_eq!(bench.logins().await, logins + 1);
}

#[tokio::test]
async fn a_post_refused_for_old_credentials_is_not_sent_again() {
    let bench = Bench::logged_in().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&bench.server).await;
    assert_eq!(bench.post(bench.order(), bench.leave()).await, VenueReply::Answer(Answer::new(401, Vec::new())));
    assert_eq!(bench.seen().await.len(), 1);
}

#[tokio::test]
async fn credentials_are_created_when_there_are_none_to_derive() {
    for status in [400, 404] {
        let bench = Bench::new().await;
        bench.answer("GET", "/auth/derive-api-key", ResponseTemplate::new(status)).await;
        bench.answer("POST", "/auth/api-key", ResponseTemplate::new(200).set_body_json(credentials())).await;
        // The reply carries the status alone: no part of the credentials comes back.
        assert_eq!(
            bench.clob.call(&VenueCall::RenewCredentials).await,
            VenueReply::Answer(Answer::new(200, Vec::new()))
        );
        assert_eq!(bench.logins().await, 2);
    }
    let bench = Bench::new().await;
    bench.answer("GET", "/auth/derive-api-key", ResponseTemplate::new(500).set_body_json(credentials())).await;
    assert_eq!(bench.clob.call(&VenueCall::RenewCredentials).await, VenueReply::Answer(Answer::new(500, Vec::new())));
    assert_eq!(bench.logins().await, 1, "a server error is no reason to create");
}

#[tokio::test]
async fn calls_have_the_documented_shape() {
    let bench = Bench::logged_in().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&bench.server).await;
    let id = |n: u8| OrderId::from_bytes([n; 32]);
    let condition = ConditionId::parse(&format!("0x{}", "cd".repeat(32))).expect("a condition");
    let cases = [
        (VenueCall::Cancel(vec![id(1)]), format!("DELETE /order {{\"orderID\":\"{}\"}}", id(1))),
        (VenueCall::Cancel(vec![id(1), id(2)]), format!("DELETE /orders [\"{}\",\"{}\"]", id(1), id(2))),
        (VenueCall::CancelAll, "DELETE /cancel-all ".into()),
        (
            VenueCall::CancelMarket(condition.clone()),
            format!("DELETE /cancel-market-orders {{\"market\":\"{condition}\"}}"),
        ),
        (VenueCall::OpenOrders { cursor: None }, "GET /data/orders?next_cursor=MA%3D%3D ".into()),
        (VenueCall::OpenOrders { cursor: Some("MTAw".into()) }, "GET /data/orders?next_cursor=MTAw ".into()),
        (VenueCall::Order(id(3)), format!("GET /data/order/{} ", id(3))),
        (
            VenueCall::Trades { since: Timestamp::from_ms(1_795_219_200_999), cursor: None },
            "GET /data/trades?after=1795219200&next_cursor=MA%3D%3D ".into(),
        ),
        (VenueCall::Heartbeat { id: "".into() }, "POST /v1/heartbeats {\"heartbeat_id\":\"\"}".into()),
        (VenueCall::Scoring(vec![id(4)]), format!("POST /orders-scoring [\"{}\"]", id(4))),
        (VenueCall::Shares, "GET /rewards/user/percentages?signature_type=0 ".into()),
        (VenueCall::Earned(20_610), "GET /rewards/user/total?date=2026-06-06&signature_type=0&sponsored=true ".into()),
        (VenueCall::Balance(None), "GET /balance-allowance?asset_type=COLLATERAL&signature_type=0 ".into()),
        (
            VenueCall::Balance(Some(TokenId::parse("123").expect("a token"))),
            "GET /balance-allowance?asset_type=CONDITIONAL&token_id=123&signature_type=0 ".into(),
        ),
        (
            VenueCall::RefreshBalance(None),
            "GET /balance-allowance/update?asset_type=COLLATERAL&signature_type=0 ".into(),
        ),
        (
            VenueCall::RefreshBalance(Some(TokenId::parse("123").expect("a token"))),
            "GET /balance-allowance/update?asset_type=CONDITIONAL&token_id=123&signature_type=0 ".into(),
        ),
        (
            VenueCall::Books(vec![TokenId::parse("123").expect("a token"), TokenId::parse("45").expect("a token")]),
            "POST /books [{\"token_id\":\"123\"},{\"token_id\":\"45\"}]".into(),
        ),
        (VenueCall::ClosedOnly, "GET /auth/ban-status/closed-only ".into()),
        (VenueCall::Time, "GET /time ".into()),
        (VenueCall::Geoblock, "GET /api/geoblock ".into()),
    ];
    for (call, expected) in cases {
        bench.server.reset().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&bench.server).await;
        assert!(matches!(bench.clob.call(&call).await, VenueReply::Answer(_)), "{call:?}");
        let all = bench.server.received_requests().await.expect("recording is on");
        let [request] = &all[..] else { panic!("{} requests for {call:?}", all.len()) };
        let query = request.url.query().map(|q| format!("?{q}")).unwrap_or_default();
        let body = std::str::from_utf8(&request.body).expect("text");
        assert_eq!(format!("{} {}{query} {body}", request.method, request.url.path()), expected);
        assert_eq!(request.headers.get("poly_signature").is_some(), call.is_private(), "{call:?}");
        if call.is_private() {
            let timestamp = header(request, "poly_timestamp");
            let path = request.url.path();
            let ours = vectors::request_signature(SECRET, timestamp, request.method.as_str(), path, body);
            assert_eq!(header(request, "poly_signature"), ours.expect("base64"), "the query is not signed");
        }
    }
}
