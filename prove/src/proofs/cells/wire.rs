//! The faults that are made of bytes, through the real client against a raw listener on loopback: what the matrix takes as data about
//! each transport error is seen here. Name look-up and TLS are not: both end in the same "no connection" before a byte is sent.

use crate::proof::{Evidence, Proof, Verdict};
use crate::proofs::executor::verdict;
use crate::proofs::in_runtime;
use crate::proofs::last_metre::signed;
use executor::clob::{Clob, Endpoints, Login};
use executor::eip712::Chain;
use executor::key::Key;
use executor::outcome::{Lost, VenueCall, VenueReply};
use executor::sign::Account;
use executor::way_out::WayOut;
use mm_core::domain::{Nanos, OrderId};
use mm_core::io::clock::Clock;
use mm_core::venue::order::SignatureType;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) const PROOF: Proof = Proof {
    id: "bytes-prove-what-the-matrix-says",
    milestone: 5,
    claim: "Connections refused, reset, cut, slow, endless, too large, compressed, redirected or in another protocol, at an order, a \
            batch, a cancel and a read: the client sends once and sees what the fault matrix takes for granted.",
    quick: true,
    min_cases: 80,
    run: |_| in_runtime(through_the_wire(false)),
    sabotage_claim: "the listener answers well instead",
    sabotage: Some(|_| in_runtime(through_the_wire(true))),
};

/// What the client must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    NotSent,
    Lost(Lost),
    /// A whole answer with this status, its body untouched.
    Answer(u16),
}

/// How the listener ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// With an orderly end of the stream.
    Ends,
    Resets,
    /// Never: nothing more comes.
    Waits,
    /// The last part comes again and again, every so often.
    Repeats(Duration),
}

/// A fault of bytes: what is answered, and how that ends.
struct Bytes {
    name: &'static str,
    says: &'static [&'static [u8]],
    then: Then,
    sees: Sees,
}

const fn bytes_of(name: &'static str, says: &'static [&'static [u8]], then: Then, sees: Sees) -> Bytes {
    Bytes { name, says, then, sees }
}

const SLOWLY: Duration = Duration::from_millis(25);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

const FAULTS: [Bytes; 23] = [
    bytes_of("reset-after-request", &[], Then::Resets, Sees::Lost(Lost::Reset)),
    bytes_of("end-after-request", &[], Then::Ends, Sees::Lost(Lost::Reset)),
    bytes_of("reset-in-headers", &[b"HTTP/1.1 200 OK\r\nconte"], Then::Resets, Sees::Lost(Lost::Reset)),
    bytes_of("end-in-headers", &[b"HTTP/1.1 200 OK\r\nconte"], Then::Ends, Sees::Lost(Lost::Reset)),
    bytes_of("reset-in-body", &[HEAD, b"{\"success\":true"], Then::Resets, Sees::Lost(Lost::Truncated)),
    bytes_of("truncated-length", &[HEAD, b"{\"success\":true"], Then::Ends, Sees::Lost(Lost::Truncated)),
    bytes_of("truncated-chunks", &[CHUNKED, b"5\r\n{\"suc\r\n"], Then::Ends, Sees::Lost(Lost::Truncated)),
    bytes_of("malformed-chunk", &[CHUNKED, b"zz\r\n"], Then::Waits, Sees::Lost(Lost::Truncated)),
    bytes_of("silence", &[], Then::Waits, Sees::Lost(Lost::Timeout)),
    bytes_of("continue-and-silence", &[b"HTTP/1.1 100 Continue\r\n\r\n"], Then::Waits, Sees::Lost(Lost::Timeout)),
    bytes_of("slow-headers", &[b"HTTP/1.1 200 OK\r\nx: ", b"y"], Then::Repeats(SLOWLY), Sees::Lost(Lost::Timeout)),
    bytes_of("slow-body", &[HEAD, b" "], Then::Repeats(SLOWLY), Sees::Lost(Lost::Timeout)),
    bytes_of("silence-in-body", &[HEAD, b"{"], Then::Waits, Sees::Lost(Lost::Timeout)),
    bytes_of(
        "100-mb-body",
        &[b"HTTP/1.1 200 OK\r\ncontent-length: 104857600\r\n\r\n", &[b' '; 65_536]],
        Then::Repeats(Duration::ZERO),
        Sees::Lost(Lost::TooLarge),
    ),
    bytes_of(
        "endless-chunks",
        &[CHUNKED, b"1000\r\n", &[b' '; 4096], b"\r\n1000\r\n                "],
        Then::Ends,
        Sees::Lost(Lost::Truncated),
    ),
    bytes_of(
        "endless-headers",
        &[b"HTTP/1.1 200 OK\r\n", b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"],
        Then::Repeats(Duration::ZERO),
        Sees::Lost(Lost::Reset),
    ),
    bytes_of(
        "compressed",
        &[b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\ncontent-length: 10\r\n\r\n", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"],
        Then::Ends,
        Sees::Answer(200),
    ),
    bytes_of(
        "no-text",
        &[b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n", b"\xff\xfe\x80\0"],
        Then::Ends,
        Sees::Answer(200),
    ),
    bytes_of(
        "redirect",
        &[b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/elsewhere\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"],
        Then::Ends,
        Sees::Answer(307),
    ),
    bytes_of("no-http", &[b"SSH-2.0-OpenSSH_9.2\r\n"], Then::Ends, Sees::Lost(Lost::Reset)),
    bytes_of("h2-goaway", &[b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"], Then::Ends, Sees::Lost(Lost::Reset)),
    bytes_of("until-the-end", &[b"HTTP/1.1 200 OK\r\n\r\n{\"success\":true"], Then::Ends, Sees::Answer(200)),
    bytes_of(
        "500-and-end",
        &[b"HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"],
        Then::Ends,
        Sees::Answer(500),
    ),
];

/// How often each kind of request came.
type Asked = [AtomicUsize; 4];

/// A listener that gives out credentials well and answers everything else as it is told.
struct Listener {
    address: SocketAddr,
    fault: Arc<Mutex<Option<usize>>>,
    asked: Arc<Asked>,
    ended: Arc<AtomicBool>,
}

impl Listener {
    fn open() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (fault, asked) = (Arc::new(Mutex::new(None)), Arc::new(Asked::default()));
        let (told, counted) = (Arc::clone(&fault), Arc::clone(&asked));
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !over.load(Ordering::Acquire)) {
                let (told, counted) = (Arc::clone(&told), Arc::clone(&counted));
                // a client that has gone is what is wanted of it
                std::thread::spawn(move || serve(stream, &told, &counted).ok());
            }
        });
        Ok(Self { address, fault, asked, ended })
    }

    fn plays(&self, fault: Option<usize>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        for asked in self.asked.iter() {
            asked.store(0, Ordering::Release);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // its thread waits for one more
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, fault: &Mutex<Option<usize>>, asked: &Asked) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
    loop {
        let Some(first) = request(&mut reader)? else { return Ok(()) };
        let login = first.contains(" /auth/");
        let playing = *fault.lock().unwrap_or_else(PoisonError::into_inner);
        if !login {
            let kind = if first.starts_with("POST /orders ") {
                Asks::Batch
            } else if first.starts_with("POST ") {
                Asks::Order
            } else if first.starts_with("DELETE ") {
                Asks::Cancel
            } else {
                Asks::Read
            };
            asked[kind as usize].fetch_add(1, Ordering::AcqRel);
        }
        let Some(fault) = playing.filter(|_| !login).map(|nth| &FAULTS[nth]) else {
            let body = r#"{"apiKey":"11111111-2222-3333-4444-555555555555","secret":"BwcHBw==","passphrase":"ab"}"#;
            writer.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
            continue;
        };
        for part in fault.says {
            writer.write_all(part)?;
        }
        match fault.then {
            Then::Ends => return Ok(()),
            Then::Resets => {
                // what was said must arrive before the reset does
                std::thread::sleep(SLOWLY);
                return rustix::net::sockopt::set_socket_linger(&writer, Some(Duration::ZERO)).map_err(io::Error::from);
            }
            Then::Waits => {
                // until the client gives up
                let mut rest = Vec::new();
                return reader.read_to_end(&mut rest).map(drop);
            }
            Then::Repeats(wait) => loop {
                std::thread::sleep(wait);
                writer.write_all(fault.says.last().copied().unwrap_or(b" "))?;
            },
        }
    }
}

/// Reads one whole request; its first line, or `None` at the end of the stream.
fn request(reader: &mut impl io::BufRead) -> io::Result<Option<String>> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(first))
}

#[derive(Clone, Copy, Debug)]
enum Asks {
    Order,
    /// Two orders in one request.
    Batch,
    Cancel,
    Read,
}

/// The client and its listener.
struct Wire {
    listener: Listener,
    key: Arc<Key>,
    account: Account,
    patient: Clob,
    hasty: Clob,
}

impl Wire {
    fn new() -> Result<Self, String> {
        let listener = Listener::open().map_err(|why| why.to_string())?;
        let key = Arc::new(Key::throw_away().map_err(|why| why.to_string())?);
        let account =
            Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).map_err(|why| why.to_string())?;
        let rest = format!("http://{}", listener.address);
        let endpoints = Endpoints { geoblock: format!("{rest}/geoblock"), rest };
        let client = |limit| {
            let login = Arc::new(Login::new(Arc::clone(&key), Chain::Polygon));
            Clob::new(endpoints.clone(), login, account, Clock::new(), limit, limit).map_err(|why| why.to_string())
        };
        // only what never ends is worth a short wait, which still holds a connection on a loaded machine
        let (patient, hasty) = (client(Duration::from_secs(20))?, client(Duration::from_secs(2))?);
        Ok(Self { listener, key, account, patient, hasty })
    }

    /// What is seen of a call; of a batch by every order.
    async fn ask(&self, asks: Asks, fault: &Bytes, salt: u64) -> Result<VenueReply, String> {
        let clob = if fault.sees == Sees::Lost(Lost::Timeout) { &self.hasty } else { &self.patient };
        Ok(match asks {
            Asks::Order | Asks::Batch => {
                let salts = if matches!(asks, Asks::Batch) { vec![salt, salt + 1_000] } else { vec![salt] };
                let orders = salts.into_iter().map(|salt| signed(&self.key, &self.account, salt));
                let orders = orders.collect::<Option<Vec<_>>>().ok_or("no order")?;
                let (later, asked) = (Clock::new().now().plus(Nanos::from_secs(60)), orders.len());
                let replies = clob.post(orders, WayOut::new(Clock::new()).leave(later)).await;
                match replies.split_first() {
                    Some((first, rest)) if replies.len() == asked && rest.iter().all(|reply| reply == first) => {
                        first.clone()
                    }
                    _ => return Err(format!("{asked} orders, replies {replies:?}")),
                }
            }
            Asks::Cancel => clob.call(&VenueCall::Cancel(vec![OrderId::from_bytes([7; 32])])).await,
            Asks::Read => clob.call(&VenueCall::OpenOrders { cursor: None }).await,
        })
    }
}

async fn through_the_wire(well: bool) -> Result<Verdict, String> {
    let wire = Wire::new()?;
    for clob in [&wire.patient, &wire.hasty] {
        clob.call(&VenueCall::RenewCredentials).await;
    }
    let (mut evidence, mut wrong) = (Evidence::default(), Vec::new());
    for (nth, fault) in FAULTS.iter().enumerate() {
        wire.listener.plays((!well).then_some(nth));
        let ask = |asks| wire.ask(asks, fault, nth as u64 + 1);
        let replies = tokio::join!(ask(Asks::Order), ask(Asks::Batch), ask(Asks::Cancel), ask(Asks::Read));
        let asked = [Asks::Order, Asks::Batch, Asks::Cancel, Asks::Read];
        for (asks, reply) in asked.into_iter().zip([replies.0, replies.1, replies.2, replies.3]) {
            let reply = reply?;
            let asked = wire.listener.asked[asks as usize].load(Ordering::Acquire);
            let seen = match &reply {
                VenueReply::NotSent(_) => Sees::NotSent,
                VenueReply::Lost(lost) => Sees::Lost(*lost),
                VenueReply::Answer(answer) => Sees::Answer(answer.status),
            };
            if seen != fault.sees || asked != 1 {
                wrong.push(format!(
                    "{asks:?} × {}: {seen:?}, expected {:?}; asked {asked} times",
                    fault.name, fault.sees
                ));
            }
            evidence.cases += 1;
        }
    }
    // a door that is shut
    wire.listener.plays(None);
    let nowhere = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|why| why.to_string())?;
    let rest = format!("http://{nowhere}");
    let login = Arc::new(Login::new(Arc::clone(&wire.key), Chain::Polygon));
    let limit = Duration::from_secs(20);
    let endpoints = Endpoints { geoblock: rest.clone(), rest };
    let shut = Clob::new(endpoints, login, wire.account, Clock::new(), limit, limit).map_err(|why| why.to_string())?;
    for call in [VenueCall::Geoblock, VenueCall::CancelAll, VenueCall::OpenOrders { cursor: None }] {
        let reply = shut.call(&call).await;
        if !matches!(reply, VenueReply::NotSent(_)) {
            wrong.push(format!("a shut door × {call:?}: {reply:?}"));
        }
        evidence.cases += 1;
    }
    for what in wrong.iter().take(8) {
        evidence.fact("wrong", what);
    }
    evidence.fact("wrong in all", wrong.len());
    evidence.fact("faults of bytes", FAULTS.len());
    Ok(verdict(evidence, wrong.is_empty()))
}
