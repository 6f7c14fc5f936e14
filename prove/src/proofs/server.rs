//! M1: the simulated venue over real sockets: it lets in who it must and nobody else, and its stream is its book.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use executor::auth::Credentials;
use mm_core::domain::{Price, Qty, Side, TokenId};
use mm_core::event::{BookHash, LinkIx};
use mm_core::io::backoff::Backoff;
use mm_core::io::clock::Clock;
use mm_core::io::http::{self, Timeouts};
use mm_core::io::ws::{self, MESSAGE_MAX, MarketTokens, WsConfig, WsEvent, inbox};
use mm_core::venue::market_ws::{MarketFrame, WireEvent, decode, decode_rest_book};
use mm_core::venue::rest::ApiKeyBody;
use serde_json::{Value, json};
use sim_exchange::exchange::Exchange;
use sim_exchange::scenario::Scenario;
use sim_exchange::server::{self, Listen, ReadyLine};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "venue-checks-who-is-calling",
        milestone: 1,
        claim: "Published orders of every signature type are accepted under their published ids; with one sign of the HMAC or \
                the signature changed, another's owner or another's credentials, each is refused in the venue's words.",
        quick: true,
        min_cases: 50,
        run: |bench| verdict(identity(&bench.root, true)),
        sabotage_claim: "the changes are not made: what must be refused is a good request",
        sabotage: Some(|bench| verdict(identity(&bench.root, false))),
    },
    Proof {
        id: "subscriber-rebuilds-the-venues-book",
        milestone: 1,
        claim: "A subscriber of the recorded market's stream ends with the books and hashes that REST shows.",
        quick: true,
        min_cases: 4,
        run: |bench| verdict(rebuilt(bench, true)),
        sabotage_claim: "the subscriber does not take out levels that went to zero",
        sabotage: Some(|bench| verdict(rebuilt(bench, false))),
    },
];

/// What was tried: how often, what was found, what was wrong.
struct Tried {
    evidence: Evidence,
    wrong: Vec<String>,
}

type Attempt = Result<Tried, Box<dyn std::error::Error>>;

/// Runs an attempt to its end.
fn verdict(attempt: impl Future<Output = Attempt>) -> Verdict {
    in_runtime(async {
        let Tried { mut evidence, wrong } = attempt.await?;
        evidence.fact("wrong", wrong.len());
        Ok::<_, Box<dyn std::error::Error>>(judged(evidence, &wrong))
    })
}

fn client() -> Result<reqwest::Client, http::HttpError> {
    http::client(Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(20) })
}

async fn ask(request: reqwest::RequestBuilder) -> Result<(u16, Value), Box<dyn std::error::Error>> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_str(&answer.text().await?)?))
}

const LISTEN: &str = "127.0.0.1:0";

/// The two tokens of the published orders as one market, on the finest tick so that every price is on the grid.
fn world(neg_risk: bool) -> String {
    format!(
        r#"schema = 1
seed = 7
duration_s = 60
start_utc = "2026-06-07T01:30:00Z"
[venue]
limits = "off"
self_trade = "allow"
heartbeat_timeout_ms = 10000
heartbeat_check_ms = 5000
wallet_usdc = "1000000"
settle = {{ mined_ms = 2000, confirmed_ms = 15000 }}
[defaults]
tick = "0.0001"
min_order_shares = "5"
neg_risk = {neg_risk}
[[market]]
slug = "published"
yes = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
no = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
fair = {{ start = "0.50" }}
"#
    )
}

/// One logged-in key. Its headers are made by the product's own code.
struct Session {
    address: String,
    credentials: Credentials,
}

async fn identity(root: &Path, spoil: bool) -> Attempt {
    let folder = root.join("sim-exchange/testdata");
    let read = |name: &str| -> Result<Vec<Value>, Box<dyn std::error::Error>> {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(folder.join(name))?)?;
        Ok(file["vectors"].as_array().cloned().unwrap_or_default())
    };
    let (logins, orders) = (read("l1.json")?, read("orders.json")?);
    let mut tried = Tried { evidence: Evidence::default(), wrong: Vec::new() };
    for neg_risk in [false, true] {
        let scenario = Scenario::parse(&world(neg_risk), root)?;
        let clock = Clock::new();
        let mut exchange = Exchange::new(&scenario, clock.now())?;
        let usable = |v: &&Value| {
            let amount = |key: &str| v["post"]["order"][key].as_str().and_then(|text| text.parse::<u64>().ok());
            // below one dollar an order that crosses is refused for its size
            let large = amount("makerAmount").min(amount("takerAmount")) >= Some(1_000_000);
            v["chain"] == 137 && v["version"] == "2" && v["neg_risk"] == neg_risk && large
        };
        let orders: Vec<&Value> = orders.iter().filter(usable).collect();
        for vector in &orders {
            let order = &vector["post"]["order"];
            let token = TokenId::parse(order["tokenId"].as_str().unwrap_or_default())?;
            let account = exchange.open_account(clock.now(), order["maker"].as_str().unwrap_or_default());
            exchange.grant(clock.now(), account, &token, Qty::parse("10000")?);
        }
        let running = server::start(exchange, scenario.seed, Listen { clob: LISTEN.parse()?, admin: None }).await?;
        judge_orders(&running.ready, &logins, &orders, spoil, &mut tried).await?;
        running.stop().await;
    }
    let accepted = tried.evidence.cases / 6;
    tried.evidence.fact("published orders", accepted);
    Ok(tried)
}

async fn judge_orders(
    ready: &ReadyLine,
    logins: &[Value],
    orders: &[&Value],
    spoil: bool,
    tried: &mut Tried,
) -> Result<(), Box<dyn std::error::Error>> {
    let http = client()?;
    let mut sessions = Vec::new();
    for vector in logins.iter().filter(|v| v["chain"] == 137 && v["headers"]["POLY_NONCE"] == "0") {
        let mut request = http.post(format!("{}/auth/api-key", ready.clob));
        for (name, value) in vector["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        let (_, body) = ask(request).await?;
        let body: ApiKeyBody = serde_json::from_value(body)?;
        let address = vector["headers"]["POLY_ADDRESS"].as_str().unwrap_or_default().to_owned();
        sessions.push(Session { credentials: Credentials::new(address.parse()?, body)?, address });
    }
    let post = async |session: &Session, body: &Value, flip_hmac: bool| {
        let body = body.to_string();
        let seconds = Clock::new().now().secs();
        let mut request = http.post(format!("{}/order", ready.clob));
        for (name, value) in &session.credentials.request_headers(seconds, "POST", "/order", body.as_bytes()) {
            request = match value.to_str() {
                Ok(text) if flip_hmac && name == "poly_signature" => request.header(name, flipped(text, 0)),
                _ => request.header(name, value),
            };
        }
        ask(request.body(body)).await
    };
    let refusal = |status: u16, text: &str| (status, json!({"error": text}));
    for vector in orders {
        let is_own = |session: &&Session| Some(session.address.as_str()) == vector["key"].as_str();
        let own = sessions.iter().find(is_own).ok_or("no login of this key is published")?;
        let other = sessions.iter().find(|session| !is_own(session)).ok_or("only one login is published")?;
        let mut good = vector["post"].clone();
        good["owner"] = json!(own.credentials.owner());
        good["postOnly"] = json!(false);
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut body = good.clone();
            if spoil {
                change(&mut body);
            }
            body
        };
        let bad_signature = changed(&|body| {
            let text = body["order"]["signature"].as_str().unwrap_or_default().to_owned();
            body["order"]["signature"] = json!(flipped(&text, 10));
        });
        let foreign_owner = changed(&|body| body["owner"] = json!(other.credentials.owner()));
        // a contract wallet is its own signer: there only the signature tells whose it is
        let wallet_signs = vector["post"]["order"]["signatureType"] == 3;
        let not_signer = "the order signer address has to be the address of the API KEY";
        let foreign_caller = if wallet_signs { "invalid signature" } else { not_signer };
        let caller = if spoil { other } else { own };
        let attempts = [
            (post(own, &good, spoil).await?, refusal(401, "Unauthorized/Invalid api key")),
            (post(own, &bad_signature, false).await?, refusal(400, "invalid signature")),
            (
                post(own, &foreign_owner, false).await?,
                refusal(400, "the order owner has to be the owner of the API KEY"),
            ),
            (post(caller, &foreign_owner, false).await?, refusal(400, foreign_caller)),
        ];
        let id = &vector["id"];
        for (n, (got, expected)) in attempts.into_iter().enumerate() {
            tried.expect(got == expected, || format!("{id}, refusal {n}: {} {}", got.0, got.1));
        }
        let (status, reply) = post(own, &good, false).await?;
        tried.expect(status == 200, || format!("{id}: {status} {reply}"));
        tried.expect(reply["orderID"] == vector["order_id"], || format!("{id}: id {}", reply["orderID"]));
    }
    Ok(())
}

impl Tried {
    fn expect(&mut self, held: bool, what: impl FnOnce() -> String) {
        self.evidence.cases += 1;
        if !held {
            self.wrong.push(what());
        }
    }
}

/// The text with the sign at `at` made another of the same alphabet.
fn flipped(text: &str, at: usize) -> String {
    let mut text = text.to_owned();
    if text.is_char_boundary(at) && at < text.len() {
        let other = if text[at..].starts_with('1') { "2" } else { "1" };
        text.replace_range(at..=at, other);
    }
    text
}

/// One token's book as a plain subscriber keeps it.
#[derive(Default)]
struct Plain {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
    hash: Option<BookHash>,
}

/// All books of a subscriber.
struct Subscriber {
    books: BTreeMap<TokenId, Plain>,
    remove_empty: bool,
    frames: u64,
}

impl Subscriber {
    fn absorb(&mut self, text: &str) -> Result<(), Box<dyn std::error::Error>> {
        self.frames += 1;
        let MarketFrame::Events(events) = decode(text)?.0 else { return Ok(()) };
        for event in events {
            match event {
                WireEvent::Book(book) => {
                    let plain = Plain {
                        bids: book.bids.into_iter().collect(),
                        asks: book.asks.into_iter().collect(),
                        hash: book.hash,
                    };
                    self.books.insert(book.token, plain);
                }
                WireEvent::PriceChange(change) => {
                    for entry in change.changes {
                        let Some(book) = self.books.get_mut(&entry.token) else { continue };
                        let levels = if entry.side == Side::Buy { &mut book.bids } else { &mut book.asks };
                        if !entry.qty.is_zero() {
                            levels.insert(entry.price, entry.qty);
                        } else if self.remove_empty {
                            levels.remove(&entry.price);
                        }
                        book.hash = entry.hash;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

async fn rebuilt(bench: &Bench, remove_empty: bool) -> Attempt {
    let mut scenario = Scenario::load(&bench.root.join("config/sim/tape.toml"))?;
    let few = usize::try_from(bench.depth.pick(2, 2, 100))?;
    let slugs = scenario.markets.iter().take(few).map(|market| market.slug.clone()).collect();
    if let Some(tape) = &mut scenario.tape {
        // 14 minutes in 14 seconds for two markets, in 42 for all
        tape.speed_milli = bench.depth.pick(60_000, 60_000, 20_000);
        tape.markets = Some(slugs);
    }
    let clock = Clock::new();
    let exchange = Exchange::new(&scenario, clock.now())?;
    let address = LISTEN.parse()?;
    let running = server::start(exchange, scenario.seed, Listen { clob: address, admin: Some(address) }).await?;
    let ready = &running.ready;
    let tokens = ready.markets.iter().flat_map(|market| [&market.yes, &market.no]);
    let tokens: Vec<TokenId> = tokens.map(|text| TokenId::parse(text)).collect::<Result<_, _>>()?;
    let config = WsConfig {
        url: format!("{}/market", ready.ws),
        message_max: MESSAGE_MAX,
        ping_every: Duration::from_secs(10),
        pong_timeout: Duration::from_secs(30),
        backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(1), bench.seed),
        renew_every: None,
    };
    let (sender, mut inbox) = inbox(65_536, 256 << 20);
    let _link = ws::start(LinkIx(0), config, MarketTokens::new(tokens.iter().cloned()), sender, clock)?;
    let mut subscriber = Subscriber { books: BTreeMap::new(), remove_empty, frames: 0 };
    let http = client()?;
    let status_url = format!("{}/status", ready.admin.as_deref().unwrap_or_default());
    loop {
        match tokio::time::timeout(Duration::from_millis(300), inbox.recv()).await {
            Ok(Some(event)) => match event.what {
                WsEvent::Text(text) => subscriber.absorb(&text)?,
                WsEvent::Up => {}
                WsEvent::Down { why } => return Err(format!("the link went down: {why}").into()),
            },
            Ok(None) => return Err("the link ended".into()),
            Err(_quiet) => {
                let (_, status) = ask(http.get(&status_url)).await?;
                if status["tape_ms"] == status["tape_end_ms"] {
                    break;
                }
            }
        }
    }
    let mut tried = Tried { evidence: Evidence::default(), wrong: Vec::new() };
    let mut levels = 0;
    for token in &tokens {
        let (status, body) =
            http::get_text(&http, &format!("{}/book?token_id={token}", ready.clob), http::BODY_MAX).await?;
        let Some(own) = subscriber.books.remove(token) else {
            // a market that never opened has no book on either road
            tried.expect(status == 404, || format!("{token}: REST has a book, the stream sent none"));
            continue;
        };
        let rest = decode_rest_book(&body)?;
        levels += rest.bids.len() + rest.asks.len();
        let same = own.bids.into_iter().eq(rest.bids) && own.asks.into_iter().rev().eq(rest.asks);
        tried.expect(same, || format!("{token}: levels differ"));
        tried.expect(own.hash == rest.hash, || format!("{token}: hash {:?}, REST {:?}", own.hash, rest.hash));
    }
    tried.evidence.fact("tokens", tokens.len());
    tried.evidence.fact("levels compared", levels);
    tried.evidence.fact("frames taken", if subscriber.frames > 1_000 { "more than 1,000" } else { "fewer than 1,000" });
    running.stop().await;
    Ok(tried)
}
