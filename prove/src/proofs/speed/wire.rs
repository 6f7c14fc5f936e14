//! The wire between executor and venue: notes when cancel-alls and lists of what rests pass, takes its time, and breaks.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Two lists so far apart, and none between or since the trigger with an order in it, confirm that nothing rests. The executor starts
/// them a second apart; their answers may come a little closer.
const APART: Duration = Duration::from_millis(900);

/// What the wire does to requests, which may change while it runs, and what it saw.
#[derive(Default)]
pub(super) struct Habits {
    /// Every request and every answer takes this long.
    pub(super) one_way_ms: AtomicU64,
    /// Placements are held this much longer: how the venue throttles.
    pub(super) place_ms: AtomicU64,
    /// Cancels too: a sabotage.
    pub(super) cancel_ms: AtomicU64,
    /// Of a hundred requests this many meet a fault: cut before the venue sees them, cut before its answer, or answered 503.
    pub(super) faults_percent: AtomicU32,
    /// When each request to cancel everything came by.
    cancels: Mutex<Vec<Instant>>,
    /// When each list of open orders was asked for, when it came by, and whether it was empty.
    lists: Mutex<Vec<(Instant, Instant, bool)>>,
    requests: AtomicU64,
}

fn locked<T>(list: &Mutex<Vec<T>>) -> std::sync::MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Habits {
    /// The first cancel-all since `since`.
    pub(super) fn first_cancel(&self, since: Instant) -> Option<Instant> {
        locked(&self.cancels).iter().find(|at| **at >= since).copied()
    }

    /// When lists that were asked for since `since` had confirmed that nothing rests.
    pub(super) fn flat(&self, since: Instant) -> Option<Instant> {
        let mut first = None;
        for (_, came, empty) in locked(&self.lists).iter().filter(|(asked, _, _)| *asked >= since) {
            match (*empty, first) {
                (false, _) => first = None,
                (true, None) => first = Some(*came),
                (true, Some(first)) if *came >= first + APART => return Some(*came),
                (true, Some(_)) => {}
            }
        }
        None
    }

    /// Whether this request meets a fault, and which: spread evenly, the same in every run.
    fn fault(&self) -> Option<u64> {
        let nth = self.requests.fetch_add(1, Ordering::Relaxed);
        // a step without a common factor with a hundred visits every residue
        let hit = nth * 37 % 100 < self.faults_percent.load(Ordering::Relaxed).into();
        hit.then_some(nth % 3)
    }

    fn one_way(&self) -> Duration {
        Duration::from_millis(self.one_way_ms.load(Ordering::Relaxed))
    }
}

/// Takes connections for the venue at `venue`; returns where, and its habits.
pub(super) async fn open(venue: &str) -> std::io::Result<(SocketAddr, Arc<Habits>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (habits, venue) = (Arc::new(Habits::default()), venue.trim_start_matches("http://").to_owned());
    let ours = Arc::clone(&habits);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (habits, venue) = (Arc::clone(&ours), venue.clone());
            tokio::spawn(async move {
                if let Ok(onward) = TcpStream::connect(venue).await {
                    // Whichever side ends it ends both.
                    let _ = carry(stream, onward, &habits).await;
                }
            });
        }
    });
    Ok((address, habits))
}

/// What a 503 says so that the executor asks again soon.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// One connection: a request, its answer, and again. The executor never sends a request before it has the answer to the last.
async fn carry(mut ours: TcpStream, mut venue: TcpStream, habits: &Habits) -> std::io::Result<()> {
    ours.set_nodelay(true)?;
    venue.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut lose_answer = false;
    let mut listing: Option<(Instant, Vec<u8>)> = None;
    loop {
        tokio::select! {
            n = ours.read(&mut up) => {
                let bytes = &up[..n?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let mut wait = habits.one_way();
                if bytes.starts_with(b"DELETE ") {
                    tokio::time::sleep(Duration::from_millis(habits.cancel_ms.load(Ordering::Relaxed))).await;
                    if bytes.starts_with(b"DELETE /cancel-all ") {
                        locked(&habits.cancels).push(Instant::now());
                    }
                } else if bytes.starts_with(b"POST /order") {
                    wait += Duration::from_millis(habits.place_ms.load(Ordering::Relaxed));
                }
                let mut refuse = false;
                if [&b"DELETE "[..], b"GET ", b"POST "].iter().any(|word| bytes.starts_with(word)) {
                    match habits.fault() {
                        Some(0) => return Ok(()),
                        Some(1) => lose_answer = true,
                        Some(_) => refuse = true,
                        None => {}
                    }
                    listing = bytes.starts_with(b"GET /data/orders").then(|| (Instant::now(), Vec::new()));
                }
                tokio::time::sleep(wait).await;
                if refuse {
                    ours.write_all(REFUSAL).await?;
                    return Ok(());
                }
                venue.write_all(bytes).await?;
            }
            n = venue.read(&mut down) => {
                let bytes = &down[..n?];
                if bytes.is_empty() || lose_answer {
                    return Ok(());
                }
                tokio::time::sleep(habits.one_way()).await;
                ours.write_all(bytes).await?;
                if let Some((asked, mut text)) = listing.take() {
                    text.extend_from_slice(bytes);
                    match is_empty(&text) {
                        Some(empty) => locked(&habits.lists).push((asked, Instant::now(), empty)),
                        None => listing = Some((asked, text)),
                    }
                }
            }
        }
    }
}

/// Whether a page lists nothing; `None` before that can be told.
fn is_empty(answer: &[u8]) -> Option<bool> {
    const DATA: &[u8] = br#""data":["#;
    let at = answer.windows(DATA.len()).position(|window| window == DATA)?;
    answer.get(at + DATA.len()).map(|next| *next == b']')
}
