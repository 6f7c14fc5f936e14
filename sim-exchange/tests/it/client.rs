//! A stranger's client: raw HTTP and sockets, its own HMAC and signatures, well-known public development keys.

use alloy_primitives::B256;
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use futures_util::{SinkExt as _, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mm_core::domain::Timestamp;
use mm_core::io::clock::Clock;
use mm_core::io::http::Timeouts;
use mm_core::venue::order::SignedOrderBody;
use serde_json::{Value, json};
use sha2::Sha256;
use sim_exchange::auth::{Domain, order_id};
use sim_exchange::exchange::Exchange;
use sim_exchange::scenario::Scenario;
use sim_exchange::server::{self, Listen, ReadyLine, Running};
use sim_exchange::world::World;
use std::path::Path;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// Public development keys number 0 and 1: never fund them.
pub(crate) const KEYS: [&str; 2] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
];

/// Nothing on loopback takes this long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts the venue of `config/sim/basic.toml` on free ports.
pub(crate) async fn venue() -> Running {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/sim/basic.toml");
    let scenario = Scenario::load(&config).expect("the shipped scenario is valid");
    let world = World::served(&scenario, None, Clock::new().now()).expect("and can be played");
    let any = "127.0.0.1:0".parse().expect("an address");
    server::start(world, scenario.seed, Listen { clob: any, admin: Some(any) }).await.expect("free ports")
}

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
pub(crate) struct Hands(std::sync::Arc<std::sync::atomic::AtomicU64>);

impl Hands {
    /// Some day.
    pub(crate) const START_MS: u64 = 1_795_219_200_000;

    pub(crate) fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_ms(Self::START_MS + self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

/// A world of one market; the keys go into its `[venue]` and its `[[market]]`.
fn world(venue_keys: &str, market_keys: &str) -> Scenario {
    let text = format!(
        "schema = 1\nseed = 7\nstart_utc = \"2026-06-07T01:30:00Z\"\n[venue]\n{venue_keys}\n\
         [[market]]\nslug = \"still\"\nfair = {{ start = \"0.50\" }}\n{market_keys}\n"
    );
    Scenario::parse(&text, Path::new("")).expect("a valid world")
}

/// Starts such a world on the system's clock.
pub(crate) async fn moving_market(market_keys: &str) -> Running {
    let scenario = world("", market_keys);
    let exchange = Exchange::new(&scenario, Clock::new().now()).expect("and can be played");
    let any = "127.0.0.1:0".parse().expect("an address");
    server::start(exchange, scenario.seed, Listen { clob: any, admin: None }).await.expect("free ports")
}

/// Starts a world of one market on a clock of ours; `venue_keys` go into its `[venue]`.
pub(crate) async fn still_venue(venue_keys: &str) -> (Running, Hands) {
    still(&world(venue_keys, "")).await
}

/// The same with keys of its `[[market]]`.
pub(crate) async fn still_market(market_keys: &str) -> (Running, Hands) {
    still(&world("", market_keys)).await
}

async fn still(scenario: &Scenario) -> (Running, Hands) {
    let hands = Hands::default();
    let exchange = Exchange::new(scenario, hands.now()).expect("and can be played");
    let any = "127.0.0.1:0".parse().expect("an address");
    let clock = hands.clone();
    let now = Box::new(move || clock.now());
    let listen = Listen { clob: any, admin: None };
    (server::start_at(exchange, scenario.seed, listen, now).await.expect("free ports"), hands)
}

/// A venue with one market whose book holds only what traders put there: nothing happens unless a test does it.
pub(crate) async fn quiet_venue(venue_keys: &str) -> Running {
    let head = "schema = 1\nseed = 7\nstart_utc = \"2026-06-07T01:30:00Z\"\n[venue]\n\
        settle = { mined_ms = 60, confirmed_ms = 120 }\n";
    let tail = "\n[defaults]\n\
        rewards = { max_spread_cents = \"3.5\", min_size_shares = \"20\", min_age_ms = 4000, rate_usdc_per_day = \"50\" }\n\
        [[market]]\nslug = \"quiet\"\nbuilt_in_book = false\n";
    let text = format!("{head}{venue_keys}{tail}");
    let scenario = Scenario::parse(&text, Path::new("")).expect("a small world");
    let exchange = Exchange::new(&scenario, Clock::new().now()).expect("and can be played");
    let any = "127.0.0.1:0".parse().expect("an address");
    server::start(exchange, scenario.seed, Listen { clob: any, admin: Some(any) }).await.expect("free ports")
}

/// Serves a world on a clock of ours.
pub(crate) async fn served(world: World, seed: u64, hands: &Hands) -> Running {
    let any = "127.0.0.1:0".parse().expect("an address");
    let clock = hands.clone();
    let listen = Listen { clob: any, admin: Some(any) };
    server::start_at(world, seed, listen, Box::new(move || clock.now())).await.expect("free ports")
}

/// The operator of a venue.
pub(crate) struct Admin {
    http: reqwest::Client,
    url: String,
}

impl Admin {
    pub(crate) fn of(running: &Running) -> Self {
        Self { http: http(), url: running.ready.admin.clone().expect("asked for") }
    }

    /// Switches a fault on with these parameters.
    pub(crate) async fn on(&self, kind: &str, mut parameters: Value) {
        if parameters.is_null() {
            parameters = json!({});
        }
        parameters["kind"] = json!(kind);
        let (status, body) = self.post("faults", &parameters).await;
        assert_eq!(status, 200, "{kind}: {body}");
    }

    /// Switches a fault off.
    pub(crate) async fn off(&self, kind: &str) {
        let (status, body) = self.post("faults", &json!({"kind": kind, "on": false})).await;
        assert_eq!(status, 200, "{kind}: {body}");
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        fetch(self.http.post(format!("{}/{path}", self.url)).body(body.to_string())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = fetch(self.http.get(format!("{}/{path}", self.url))).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

/// An HTTP client for loopback.
pub(crate) fn http() -> reqwest::Client {
    mm_core::io::http::client(Timeouts { connect: PATIENCE, total: PATIENCE }).expect("a client")
}

/// Status and body of a plain request.
pub(crate) async fn fetch(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("the venue answers");
    let (status, kind) = (response.status().as_u16(), response.headers().get("content-type").cloned());
    let text = response.text().await.expect("a whole body");
    assert_eq!(
        kind.and_then(|kind| kind.to_str().ok().map(str::to_owned)).as_deref(),
        Some("application/json"),
        "{text}"
    );
    (status, serde_json::from_str(&text).unwrap_or_else(|why| panic!("{text:?} is not JSON: {why}")))
}

/// One L2 request before it is sent: tests spoil it.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// One account of the venue.
pub(crate) struct Trader {
    pub(crate) http: reqwest::Client,
    pub(crate) ready: ReadyLine,
    key: PrivateKeySigner,
    pub(crate) api_key: String,
    pub(crate) secret: String,
    pub(crate) passphrase: String,
    salt: std::cell::Cell<u64>,
}

impl Trader {
    /// Logs in with published L1 headers of public key number `n`.
    pub(crate) async fn login(ready: &ReadyLine, n: usize) -> Self {
        Self::login_with(ready, n, "0").await
    }

    /// The same with another nonce: another API key of the same wallet. Only key number 0 has one published, nonce 1.
    pub(crate) async fn login_with(ready: &ReadyLine, n: usize, nonce: &str) -> Self {
        let key: PrivateKeySigner = KEYS[n].parse().expect("a key");
        let file: Value = serde_json::from_str(include_str!("../../testdata/l1.json")).expect("vectors");
        let of_key = |v: &&Value| {
            let headers = &v["headers"];
            let address = headers["POLY_ADDRESS"].as_str().expect("there");
            v["chain"] == 137
                && headers["POLY_NONCE"] == nonce
                && address.eq_ignore_ascii_case(&key.address().to_string())
        };
        let vector = file["vectors"].as_array().expect("a list").iter().find(of_key).expect("a vector of the key");
        let http = http();
        let mut request = http.post(format!("{}/auth/api-key", ready.clob));
        for (name, value) in vector["headers"].as_object().expect("headers") {
            request = request.header(name, value.as_str().expect("text"));
        }
        let (status, body) = fetch(request).await;
        assert_eq!(status, 200, "{body}");
        let text = |name: &str| body[name].as_str().expect("a credential").to_owned();
        let (api_key, secret, passphrase) = (text("apiKey"), text("secret"), text("passphrase"));
        Self { http, ready: ready.clone(), key, api_key, secret, passphrase, salt: std::cell::Cell::new(1) }
    }

    /// A correctly authenticated request.
    pub(crate) fn request(&self, method: &'static str, path: &str, query: &str, body: &str) -> Request {
        let timestamp = Clock::new().now().secs().to_string();
        let key = URL_SAFE.decode(&self.secret).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
        mac.update(format!("{timestamp}{method}{path}{body}").as_bytes());
        let signature = URL_SAFE.encode(mac.finalize().into_bytes());
        let headers = vec![
            ("POLY_ADDRESS", self.key.address().to_string()),
            ("poly_api_key", self.api_key.clone()),
            ("Poly_Passphrase", self.passphrase.clone()),
            ("POLY_SIGNATURE", signature),
            ("POLY_TIMESTAMP", timestamp),
        ];
        Request { method, path: path.to_owned(), query: query.to_owned(), body: body.to_owned(), headers }
    }

    pub(crate) async fn send(&self, request: Request) -> (u16, Value) {
        fetch(self.build(request)).await
    }

    fn build(&self, request: Request) -> reqwest::RequestBuilder {
        let method = request.method.parse().expect("a method");
        let url = format!("{}{}{}", self.ready.clob, request.path, request.query);
        let mut builder = self.http.request(method, url).body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        builder
    }

    /// Status, the limiter's headers as `remaining reset tier warning retry-after`, and the body.
    pub(crate) async fn limited(&self, method: &'static str, path: &str, body: &Value) -> (u16, String, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.build(self.request(method, path, "", &body)).send().await.expect("the venue answers");
        let shown = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or("-").to_owned()
        };
        let names = ["remaining", "reset", "tier", "warning"].map(|name| shown(&format!("poly-ratelimit-{name}")));
        let (status, headers) = (response.status().as_u16(), format!("{} {}", names.join(" "), shown("retry-after")));
        (status, headers, serde_json::from_str(&response.text().await.expect("a body")).expect("JSON"))
    }

    /// A read with a query.
    pub(crate) async fn get(&self, path: &str, query: &str) -> (u16, Value) {
        self.send(self.request("GET", path, query, "")).await
    }

    pub(crate) async fn call(&self, method: &'static str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(self.request(method, path, "", &body)).await
    }

    /// The key's address, checksummed.
    pub(crate) fn address(&self) -> String {
        self.key.address().to_string()
    }

    /// A signed order body. `cents` of YES in the first market, or of NO.
    pub(crate) fn order(&self, yes: bool, side: &str, cents: u64, shares: u64) -> Value {
        self.order_with(yes, side, cents, shares, &format!("0x{}", "0".repeat(64)))
    }

    /// The same with a builder's code.
    pub(crate) fn order_with(&self, yes: bool, side: &str, cents: u64, shares: u64, builder: &str) -> Value {
        let (dollars, shares) = (cents * shares * 10_000, shares * 1_000_000);
        let (maker_amount, taker_amount) = if side == "BUY" { (dollars, shares) } else { (shares, dollars) };
        self.sign(yes, side, (maker_amount, taker_amount), builder)
    }

    /// A signed order for YES with any amounts, in millionths.
    pub(crate) fn order_of(&self, side: &str, maker_amount: u64, taker_amount: u64) -> Value {
        self.sign(true, side, (maker_amount, taker_amount), &format!("0x{}", "0".repeat(64)))
    }

    fn sign(&self, yes: bool, side: &str, (maker_amount, taker_amount): (u64, u64), builder: &str) -> Value {
        self.salt.set(self.salt.get() + 1);
        let market = &self.ready.markets[0];
        let address = self.key.address().to_string();
        let token = if yes { &market.yes } else { &market.no };
        let mut order = SignedOrderBody {
            salt: self.salt.get(),
            maker: address.clone(),
            signer: address,
            token_id: mm_core::domain::TokenId::parse(token).expect("a token"),
            maker_amount,
            taker_amount,
            side: side.to_owned(),
            expiration: 0,
            signature_type: 0,
            timestamp: Clock::new().now().ms(),
            metadata: format!("0x{}", "0".repeat(64)),
            builder: builder.to_owned(),
            signature: String::new(),
        };
        let digest = order_id(&order, Domain::new(137).exchange(market.neg_risk)).expect("well-formed");
        let signature = self.key.sign_hash_sync(&B256::from(*digest.bytes())).expect("a key signs");
        order.signature = format!("0x{}", alloy_primitives::hex::encode(signature.as_bytes()));
        json!({"order": order, "owner": self.api_key, "orderType": "GTC", "postOnly": true, "deferExec": false})
    }

    /// Hash of an order body, computed from its fields.
    pub(crate) fn id_of(&self, post: &Value) -> String {
        let order: SignedOrderBody = serde_json::from_value(post["order"].clone()).expect("an order");
        let exchange = Domain::new(137).exchange(self.ready.markets[0].neg_risk);
        order_id(&order, exchange).expect("well-formed").to_string()
    }

    /// Ids of resting orders.
    pub(crate) async fn open_orders(&self) -> Vec<String> {
        let (status, page) = self.call("GET", "/data/orders", &Value::Null).await;
        assert_eq!((status, &page["next_cursor"]), (200, &json!("LTE=")), "{page}");
        page["data"].as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// One WebSocket.
pub(crate) struct Stream {
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
}

impl Stream {
    /// Opens a channel of the venue and sends the first frame.
    pub(crate) async fn open(ready: &ReadyLine, channel: &str, first: &Value) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(format!("{}/{channel}", ready.ws)).await.expect("upgrades");
        let mut stream = Self { socket };
        stream.say(&first.to_string()).await;
        stream
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the venue listens");
    }

    /// The next text frame; `None` when the venue has closed.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a frame in time");
            match next {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// How the stream ends, whatever comes before: with a close code, or cut.
    pub(crate) async fn ending(&mut self) -> String {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => return format!("close {}", u16::from(frame.code)),
                Some(Ok(Message::Close(None))) => return "close".to_owned(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return "cut".to_owned(),
            }
        }
    }

    /// Whether nothing at all comes for a fifth of a second: long on loopback.
    pub(crate) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(200), self.socket.next()).await.is_err()
    }

    /// Every text frame up to the answer to a PING sent now, which is left out.
    pub(crate) async fn so_far(&mut self) -> Vec<String> {
        self.say("PING").await;
        let mut frames = Vec::new();
        loop {
            match self.next().await.expect("the stream goes on") {
                text if text == "PONG" => return frames,
                text => frames.push(text),
            }
        }
    }

    /// The next JSON frame for which `pick` holds.
    pub(crate) async fn find(&mut self, pick: impl Fn(&Value) -> bool) -> Value {
        loop {
            let text = self.next().await.expect("the stream goes on");
            if let Ok(value) = serde_json::from_str::<Value>(&text)
                && pick(&value)
            {
                return value;
            }
        }
    }
}
