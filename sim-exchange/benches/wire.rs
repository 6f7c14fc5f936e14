//! Signed orders a second over loopback: `cargo bench -p sim-exchange --bench wire`.
//!
//! The venue runs as its own process on one core, limits off, every HMAC and every signature verified; the client runs on
//! another core with its orders signed beforehand, over keep-alive connections with one request in flight each. An order counts
//! when the venue says that it rests. The peer in the same run is the same HTTP server (axum) on the same core, answering a
//! constant: what is below its rate is our work, not the wire's.
#![expect(clippy::print_stdout, reason = "a benchmark speaks on stdout")]

use alloy_primitives::B256;
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mm_core::domain::TokenId;
use mm_core::venue::order::SignedOrderBody;
use serde_json::{Value, json};
use sha2::Sha256;
use sim_exchange::auth::{Domain, Keyring, order_id, prove_order};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Done<T> = Result<T, Box<dyn std::error::Error>>;

/// Accepted orders a second that must be reached.
const LEAST: f64 = 2_000.0;
/// Orders of one round, and rounds: the middle one counts.
const ORDERS: usize = 8_000;
const ROUNDS: usize = 3;
/// Connections at once.
const CONNECTIONS: usize = 8;

/// A public development key: never fund it.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

const WORLD: &str = r#"
schema = 1
seed = 7
start_utc = "2026-06-07T01:30:00Z"
[venue]
limits = "off"
wallet_usdc = "10000000"
[[market]]
slug = "bench"
fair = { start = "0.50" }
"#;

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it starts
    let short = std::env::args().any(|arg| arg == "--test");
    if std::env::var_os("WIRE_PEER").is_some() {
        return finish(peer());
    }
    finish(run(if short { 40 } else { ORDERS }, if short { 1 } else { ROUNDS }))
}

fn finish(done: Done<bool>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("wire: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(orders: usize, rounds: usize) -> Done<bool> {
    let cores = std::thread::available_parallelism()?.get();
    let folder = tempfile::tempdir()?;
    let world = folder.path().join("bench.toml");
    std::fs::write(&world, WORLD)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim-exchange"));
    command.arg("serve").arg("--config").arg(&world).args(["--listen", "127.0.0.1:0"]);
    let (mut venue, line) = start(command)?;
    let ready: Value = serde_json::from_str(&line)?;
    pin(None, cores - 1)?;

    let (address, trader) = (socket(&ready["clob"])?, Trader::login(&ready)?);
    let per_second = verifications(&trader, &ready)?;
    println!("verifying a signature: {per_second:.0} a second on one core");

    let mut rates = Vec::new();
    for round in 0..rounds {
        let requests = trader.orders(&ready, round * orders, orders)?;
        let measured = measure(address, &requests, r#""status":"live","success":true"#)?;
        measured.print(&format!("signed orders accepted, round {}", round + 1));
        rates.push(measured.rate());
        let mut connection = TcpStream::connect(address)?;
        ask(&mut connection, &trader.request("DELETE", "/cancel-all", ""), &mut Vec::new())?;
    }
    venue.kill()?;
    venue.wait()?;

    let mut command = Command::new(std::env::current_exe()?);
    command.env("WIRE_PEER", "1");
    let (mut peer, line) = start(command)?;
    let requests = trader.orders(&ready, rounds * orders, orders)?;
    measure(line.trim().parse()?, &requests, "true")?.print("peer: axum answering a constant");
    peer.kill()?;
    peer.wait()?;

    rates.sort_by(f64::total_cmp);
    let middle = rates[rates.len() / 2];
    let met = middle >= LEAST;
    println!("middle round: {middle:.0}/s; at least {LEAST:.0}/s: {}", if met { "met" } else { "NOT met" });
    // a run of a few orders says nothing about speed
    Ok(met || orders < ORDERS)
}

/// Starts a program on the first core and returns its first line.
fn start(mut command: Command) -> Done<(Child, String)> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    pin(Some(child.id()), 0)?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    if line.is_empty() {
        child.kill().ok();
        return Err("it said nothing".into());
    }
    Ok((child, line))
}

/// Keeps a process, or us, on one core. On a machine with a single one both share it.
fn pin(process: Option<u32>, core: usize) -> Done<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    let process = process.map(i32::try_from).transpose()?.and_then(rustix::process::Pid::from_raw);
    rustix::thread::sched_setaffinity(process, &cores)?;
    Ok(())
}

fn socket(url: &Value) -> Done<SocketAddr> {
    Ok(url.as_str().and_then(|url| url.strip_prefix("http://")).ok_or("no address")?.parse()?)
}

/// The peer: the same server, no work.
fn peer() -> Done<bool> {
    use axum::serve::ListenerExt as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let route = axum::routing::post(async |body: axum::body::Bytes| (body.len() > 100).to_string());
        let routes = axum::Router::new().route("/order", route);
        axum::serve(listener.tap_io(|stream| drop(stream.set_nodelay(true))), routes).await?;
        Ok(true)
    })
}

/// One account.
struct Trader {
    key: PrivateKeySigner,
    api_key: String,
    secret: Vec<u8>,
    passphrase: String,
}

impl Trader {
    /// The key the venue will make is a function of its seed and the address: no L1 request has to be signed.
    fn login(ready: &Value) -> Done<Self> {
        let key: PrivateKeySigner = KEY.parse()?;
        let file: Value = serde_json::from_str(include_str!("../testdata/l1.json"))?;
        let address = key.address().to_string();
        let vectors = file["vectors"].as_array().ok_or("no vectors")?;
        let of_key = |v: &&Value| {
            let headers = &v["headers"];
            let named = headers["POLY_ADDRESS"].as_str().unwrap_or_default();
            v["chain"] == 137 && headers["POLY_NONCE"] == "0" && named.eq_ignore_ascii_case(&address)
        };
        let vector = vectors.iter().find(of_key).ok_or("no published L1 headers of the key")?;
        let mut request = "POST /auth/api-key HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n".to_owned();
        for (name, value) in vector["headers"].as_object().ok_or("no headers")? {
            request += &format!("{name}: {}\r\n", value.as_str().unwrap_or_default());
        }
        request += "\r\n";
        let mut connection = TcpStream::connect(socket(&ready["clob"])?)?;
        let mut answer = Vec::new();
        ask(&mut connection, request.as_bytes(), &mut answer)?;
        let body: Value = serde_json::from_slice(&answer)?;
        let text = |name: &str| body[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {body}"));
        let secret = URL_SAFE.decode(text("secret")?)?;
        Ok(Self { key, api_key: text("apiKey")?, secret, passphrase: text("passphrase")? })
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let timestamp = "1795219201";
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("any length");
        mac.update(format!("{timestamp}{method}{path}{body}").as_bytes());
        let signature = URL_SAFE.encode(mac.finalize().into_bytes());
        format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\npoly_address: {}\r\n\
             poly_api_key: {}\r\npoly_passphrase: {}\r\npoly_signature: {signature}\r\npoly_timestamp: {timestamp}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.key.address(),
            self.api_key,
            self.passphrase,
            body.len(),
        )
        .into_bytes()
    }

    fn order(&self, token: &TokenId, salt: usize) -> Done<Value> {
        let address = self.key.address().to_string();
        // small buys well below the market, over thirty prices
        let cents = 5 + u64::try_from(salt % 30)?;
        let mut order = SignedOrderBody {
            salt: u64::try_from(salt)?,
            maker: address.clone(),
            signer: address,
            token_id: token.clone(),
            maker_amount: cents * 10_000 * 5,
            taker_amount: 5_000_000,
            side: "BUY".to_owned(),
            expiration: 0,
            signature_type: 0,
            timestamp: 1_795_219_201_124,
            metadata: format!("0x{}", "0".repeat(64)),
            builder: format!("0x{}", "0".repeat(64)),
            signature: String::new(),
        };
        let digest = order_id(&order, Domain::new(137).exchange(false)).ok_or("a malformed order")?;
        let signature = self.key.sign_hash_sync(&B256::from(*digest.bytes()))?;
        order.signature = format!("0x{}", alloy_primitives::hex::encode(signature.as_bytes()));
        Ok(json!({"order": order, "owner": self.api_key, "orderType": "GTC", "postOnly": true}))
    }

    fn orders(&self, ready: &Value, from: usize, count: usize) -> Done<Vec<Vec<u8>>> {
        let token = TokenId::parse(ready["markets"][0]["yes"].as_str().unwrap_or_default())?;
        let one = |n| Ok(self.request("POST", "/order", &self.order(&token, n)?.to_string()));
        (from..from + count).map(one).collect()
    }
}

/// How many orders one core verifies in a second, without any wire.
fn verifications(trader: &Trader, ready: &Value) -> Done<f64> {
    let token = TokenId::parse(ready["markets"][0]["yes"].as_str().unwrap_or_default())?;
    let mut keyring = Keyring::new(7);
    let api_key = keyring.create(trader.key.address(), 0).map_err(|why| why.to_string())?.api_key;
    let mut post: mm_core::venue::order::PostOrder = serde_json::from_value(trader.order(&token, 1)?)?;
    post.owner.clone_from(&api_key);
    let poster = keyring.get(&api_key).ok_or("just made")?.poster();
    let domain = Domain::new(137);
    let (count, from) = (2_000u32, Instant::now());
    for _ in 0..count {
        std::hint::black_box(prove_order(std::hint::black_box(&post), poster, &domain, false))
            .map_err(|why| why.to_string())?;
    }
    Ok(f64::from(count) / from.elapsed().as_secs_f64())
}

/// Times of answers.
struct Measured {
    took: Duration,
    each: Vec<Duration>,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "a count of thousands in a figure for people")]
    fn rate(&self) -> f64 {
        self.each.len() as f64 / self.took.as_secs_f64()
    }

    fn print(&self, what: &str) {
        let mut each = self.each.clone();
        each.sort_unstable();
        let at = |percent: usize| each[(each.len() - 1) * percent / 100].as_micros();
        println!("{what}: {:.0}/s, p50 {} us, p99 {} us, {CONNECTIONS} connections", self.rate(), at(50), at(99));
    }
}

/// Sends all requests over several connections, and checks every answer.
fn measure(address: SocketAddr, requests: &[Vec<u8>], expected: &str) -> Done<Measured> {
    let share = requests.len().div_ceil(CONNECTIONS);
    let started = Instant::now();
    let each: Vec<Result<Vec<Duration>, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = requests
            .chunks(share)
            .map(|chunk| scope.spawn(move || send(address, chunk, expected).map_err(|why| why.to_string())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a client panicked".into()))).collect()
    });
    let took = started.elapsed();
    let each: Vec<Vec<Duration>> = each.into_iter().collect::<Result<_, _>>()?;
    Ok(Measured { took, each: each.concat() })
}

fn send(address: SocketAddr, requests: &[Vec<u8>], expected: &str) -> Done<Vec<Duration>> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let (mut each, mut answer) = (Vec::with_capacity(requests.len()), Vec::new());
    for request in requests {
        let from = Instant::now();
        ask(&mut connection, request, &mut answer)?;
        each.push(from.elapsed());
        let text = String::from_utf8_lossy(&answer);
        if !text.contains(expected) {
            return Err(format!("answered {text}").into());
        }
    }
    Ok(each)
}

/// One request, one answer's body: enough HTTP for a server we know.
fn ask(connection: &mut TcpStream, request: &[u8], body: &mut Vec<u8>) -> Done<()> {
    connection.write_all(request)?;
    let mut buffer = Vec::with_capacity(1024);
    let mut piece = [0u8; 4096];
    loop {
        let read = connection.read(&mut piece)?;
        if read == 0 {
            return Err("the connection was closed".into());
        }
        buffer.extend_from_slice(&piece[..read]);
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let length = length.ok_or("an answer without a length")?;
        if buffer.len() >= end + 4 + length {
            body.clear();
            body.extend_from_slice(&buffer[end + 4..end + 4 + length]);
            return Ok(());
        }
    }
}
