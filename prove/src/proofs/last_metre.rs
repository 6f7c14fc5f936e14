//! M5: what is between the decision to post and the first byte, and between a halt and its cancel.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::verdict;
use crate::proofs::in_runtime;
use executor::clob::{Clob, Endpoints, Login};
use executor::desk::Effect;
use executor::eip712::Chain;
use executor::exposure::Exposure;
use executor::key::Key;
use executor::latch::{Latch, Marker};
use executor::ledger::{Ledger as _, MemoryLedger};
use executor::outcome::{VenueCall, VenueReply};
use executor::policy::{Ask, Reference, decide};
use executor::reasons::Author;
use executor::rehearsal::{Rehearsal, START, order, policy, setup, token_id};
use executor::rows::{IntentRow, LedgerRow};
use executor::sign::{Account, SignedOrder, order_id, sign};
use executor::way_out::WayOut;
use mm_core::domain::{ClientOrderId, Digest, Nanos, Outcome, Side};
use mm_core::io::clock::Clock;
use mm_core::protocol::Gate;
use mm_core::venue::order::SignatureType;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "halt-while-connecting-keeps-it-in",
        milestone: 5,
        claim: "An order whose connection does not stand yet when the gate shuts, or when its time is over, never reaches the venue, and \
                is known not to have been sent.",
        quick: true,
        min_cases: 2,
        run: |bench| in_runtime(while_connecting(bench, true)),
        sabotage_claim: "nobody takes the leave back, and it has no end",
        sabotage: Some(|bench| in_runtime(while_connecting(bench, false))),
    },
    Proof {
        id: "slow-latch-delays-no-cancel",
        milestone: 5,
        claim: "A disk that never answers the latch's marker delays neither the cancel-all of a halt nor the end of the process.",
        quick: true,
        min_cases: 1,
        run: |bench| slow_latch(bench, false),
        sabotage_claim: "the marker is written where the decisions are made",
        sabotage: Some(|bench| slow_latch(bench, true)),
    },
];

/// How long the kernel waits before it asks a full listener again, with room to spare.
const ASKED_AGAIN: Duration = Duration::from_millis(1600);
/// Long enough for a request on loopback to be handed to the kernel.
const HANDED_ON: Duration = Duration::from_millis(100);

/// A venue whose door can be closed: connections then wait in the kernel, half open.
struct Venue {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    posts: Arc<Mutex<Vec<String>>>,
}

impl Venue {
    fn open() -> std::io::Result<Self> {
        use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
        // Room for one connection that nobody has taken.
        listen(&listener, 0)?;
        let listener = TcpListener::from(listener);
        let address = listener.local_addr()?;
        let (closed, posts) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (door, seen) = (Arc::clone(&closed), Arc::clone(&posts));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                while door.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Ok(Self { address, closed, posts })
    }

    /// Takes nobody in any more. What it holds until then fills the listener.
    fn close(&self) -> std::io::Result<Vec<TcpStream>> {
        self.closed.store(true, Ordering::Release);
        // one for the thread that has it and waits at the door, one for the queue
        (0..2).map(|_| TcpStream::connect(self.address)).collect()
    }

    fn posts(&self) -> usize {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Answers requests of one connection until it ends.
fn serve(stream: TcpStream, posts: &Mutex<Vec<String>>) {
    let Ok(reading) = stream.try_clone() else { return };
    let (mut reader, mut writer) = (BufReader::new(reading), stream);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(n) if n > 0 => {}
                _ => return,
            }
            if first.is_empty() {
                first.clone_from(&line);
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let answer = if first.starts_with("POST /order ") {
            posts.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(&body).into_owned());
            "{}"
        } else {
            r#"{"apiKey":"11111111-2222-3333-4444-555555555555","secret":"BwcHBw==","passphrase":"ab"}"#
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(answer.as_bytes())).is_err() {
            return;
        }
    }
}

/// An order through the real policy and a real ledger.
pub(crate) fn signed(key: &Key, account: &Account, salt: u64) -> Option<SignedOrder> {
    let (policy, wanted) = (policy(1), order(0, Outcome::Yes, Side::Buy, 40, 10));
    let token = token_id(0, Outcome::Yes);
    let reference = Reference::new(wanted.price, wanted.price.complement(), START);
    let ask = Ask { id: ClientOrderId(salt), decided: START, token: Some(&token), order: wanted, reference };
    let gate = Gate::Open { until: START.plus(Nanos::from_secs(1)) };
    let approved = decide(&policy, &Exposure::default(), gate, START, &ask).ok()?;
    let row = IntentRow {
        at: START,
        epoch: 1,
        run: 1,
        id: ask.id,
        payload: Digest([0; 32]),
        order: order_id(account, approved.token(), &wanted, salt, START.ms()),
        salt,
        at_ms: START.ms(),
        market: approved.market().clone(),
        outcome: Outcome::Yes,
        token: token.clone(),
        neg_risk: false,
        side: wanted.side,
        price: wanted.price,
        qty: wanted.qty,
        tif: wanted.tif,
        reserve: approved.reserve(),
        gate,
        policy: policy.digest(),
        exposure: Digest([0; 32]),
        reference: None,
    };
    let durable = MemoryLedger::new().append(&[LedgerRow::Intent(Box::new(row))]).ok()?;
    durable.into_iter().next().map(|intent| sign(key, account, approved, intent.row))
}

/// How an order's leave ends while its connection does not stand.
#[derive(Clone, Copy, Debug)]
enum End {
    GateShuts,
    TimeIsOver,
}

async fn while_connecting(bench: &Bench, heeded: bool) -> Result<Verdict, String> {
    let mut evidence = Evidence::default();
    let (mut reached, mut unsure) = (0, 0);
    for round in 0..bench.depth.pick(1, 1, 5) {
        for end in [End::GateShuts, End::TimeIsOver] {
            let (posts, reply) = held_up(end, round + 1, heeded).await?;
            reached += posts;
            unsure += usize::from(!matches!(reply, VenueReply::NotSent(_)));
            evidence.cases += 1;
        }
    }
    evidence.fact("orders that reached the venue", reached);
    evidence.fact("orders not known to have stayed", unsure);
    Ok(verdict(evidence, reached == 0 && unsure == 0))
}

/// Posts one order while the venue's door is closed, ends its leave, opens the door; what the venue saw and what we were told.
async fn held_up(end: End, salt: u64, heeded: bool) -> Result<(usize, VenueReply), String> {
    let text = |why: &dyn std::fmt::Display| why.to_string();
    let venue = Venue::open().map_err(|why| text(&why))?;
    let key = Arc::new(Key::throw_away().map_err(|why| text(&why))?);
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).map_err(|why| text(&why))?;
    let login = Arc::new(Login::new(Arc::clone(&key), Chain::Polygon));
    let rest = format!("http://{}", venue.address);
    let endpoints = Endpoints { geoblock: rest.clone(), rest };
    let (clock, wait) = (Clock::new(), Duration::from_secs(5));
    let clob = Clob::new(endpoints, login, account, clock.clone(), wait, wait).map_err(|why| text(&why))?;
    // Another pool than the order's: its first connection is still to be made.
    clob.call(&VenueCall::RenewCredentials).await;
    let order = signed(&key, &account, salt).ok_or("the order was refused")?;

    let way = WayOut::new(clock.clone());
    let short = matches!(end, End::TimeIsOver) && heeded;
    let leave = way.leave(clock.now().plus(if short { Nanos::from_ms(300) } else { Nanos::from_secs(3600) }));
    let crowd = venue.close().map_err(|why| text(&why))?;
    let post = tokio::spawn(async move { clob.post(vec![order], leave).await });
    tokio::time::sleep(HANDED_ON).await;
    if heeded && matches!(end, End::GateShuts) {
        way.shut();
    }
    venue.closed.store(false, Ordering::Release);
    drop(crowd);
    tokio::time::sleep(ASKED_AGAIN).await;
    let reply = post.await.map_err(|why| text(&why))?.pop().ok_or("no reply")?;
    Ok((venue.posts(), reply))
}

/// How long a disk that never answers is waited for before the verdict falls.
const STALLED: Duration = Duration::from_secs(5);

fn slow_latch(bench: &mut Bench, on_the_spot: bool) -> Verdict {
    let mut evidence = Evidence { cases: 1, ..Evidence::default() };
    let folder = bench.evidence.clone();
    // A marker on a disk that hangs: to open a pipe that nobody reads takes for ever.
    if let Err(why) = pipe(&folder.join("HALTED.reserve")) {
        return Verdict::NotRun(why.to_string());
    }
    let mut stage = Rehearsal::armed(setup(policy(1), false), 1);
    stage.place(1, order(0, Outcome::Yes, Side::Buy, 40, 10));
    stage.run_ms(500);
    let mut effects = Vec::new();
    let halt = executor::desk::Op::Halt { by: Author::Operator(0), why: "drill".into() };
    stage.desk.turn(stage.at, vec![executor::desk::DeskInput::Operator { ticket: 1, op: halt }], &mut effects);
    let latched = effects.iter().any(|effect| matches!(effect, Effect::Latch { .. }));

    let (tell, told) = channel();
    std::thread::spawn(move || {
        let marker = Marker::of(&folder);
        let latch = match Latch::start(marker.clone(), |_| ()) {
            Ok(latch) => latch,
            Err(_) => return,
        };
        for effect in effects {
            match effect {
                Effect::Latch { why } if on_the_spot => drop(marker.put(&why)),
                Effect::Latch { why } => latch.put(why),
                // Whoever listens may have given up.
                Effect::Call { request: VenueCall::CancelAll, .. } => {
                    let _ = tell.send("cancel-all");
                }
                _ => {}
            }
        }
        let _ = latch.close();
        let _ = tell.send("end");
    });
    let mut heard = Vec::new();
    while let Ok(word) = told.recv_timeout(STALLED) {
        heard.push(word);
    }
    evidence.fact("the halt put the latch down", latched);
    evidence.fact("done while the disk was silent", heard.join(", "));
    if latched && heard == ["cancel-all", "end"] { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}

fn pipe(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    std::fs::remove_file(path).ok();
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}
