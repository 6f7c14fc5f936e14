//! Cancels everything without the executor: what `executor-kill` does.
//!
//! It has the API credentials and never the key, and shares with the executor how a request is signed and sent, nothing else: no desk, no
//! ledger, no configuration, no socket. So it works while the executor hangs, and a fault of one is no fault of both.

pub mod deposit;

use crate::clob::wire::{self, Body};
use crate::clob::{Ready, Request};
use crate::outcome::{Answer, VenueCall, VenueReply};
use deposit::{Deposit, DepositError};
use mm_core::io::http::{self, HttpError, Timeouts};
use mm_core::venue::rest::{FIRST_CURSOR, LAST_CURSOR};
use reqwest::{Client, Method};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A cancel that got no answer is sent again soon.
const CANCEL: Timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(2) };
/// A page of orders may take longer.
const READ: Timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
/// Between the two readings that prove an account flat.
const ZERO_GAP: Duration = Duration::from_secs(1);
/// Between two attempts, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];
/// Pages of one reading; more is a list that does not end.
const PAGES_MAX: usize = 200;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The venue took a cancel-all, and two complete readings after it, and all until the watch ended, showed no order.
    Flat,
    /// That did not happen in time.
    NotFlat,
    /// It did not, and the venue refuses the credentials.
    Refused,
}

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// No credentials.
    #[error(transparent)]
    Deposit(#[from] DepositError),
    /// No HTTP client.
    #[error("no HTTP client: {0}")]
    Client(#[from] HttpError),
}

/// Cancels and reads for at most `limit`, or until the account is flat; then reads on for `watch`, and what appears is cancelled within
/// `limit` again: the venue may hold what was sent before a death for a while before it rests. `say` gets a line whenever there is
/// something new to tell.
///
/// # Errors
/// [`KillError`]: then nothing was sent.
pub async fn kill(
    state_dir: &Path,
    limit: Duration,
    watch: Duration,
    mut say: impl FnMut(&str),
) -> Result<End, KillError> {
    let (mut until, mut told) = (Instant::now() + limit, String::new());
    let mut tell = |line: String| {
        if line != told {
            say(&line);
            told = line;
        }
    };
    let deposit = deposit::read(state_dir)?;
    tell(format!("cancelling everything of {} at {}", deposit.credentials.address(), deposit.rest));
    let mut venue = Venue::new(deposit)?;
    // zeros: readings without an order since the venue took a cancel-all
    let (mut taken, mut zeros, mut pause) = (false, 0, AGAIN[0]);
    // When it may end; nothing before it was flat for the first time.
    let mut watched = None;
    loop {
        if !taken {
            match venue.cancel_all().await {
                Ok(()) => {
                    taken = true;
                    tell("cancel-all was taken".to_owned());
                }
                Err(why) => {
                    tell(format!("cancel-all was NOT taken: {why}"));
                    venue.renew(state_dir);
                }
            }
        }
        match venue.open_orders(until).await {
            Ok(open) if open.is_empty() => {
                if zeros < 2 {
                    tell("no order rests".to_owned());
                }
                zeros += u32::from(taken);
            }
            Ok(open) => {
                tell(format!("{} orders rest", open.len()));
                venue.cancel_named(&open).await;
                (taken, zeros) = (false, 0);
            }
            Err(why) => {
                tell(format!("open orders could NOT be read: {why}"));
                // What the cancel-all left, or what came after it, is not known: it is sent again, with the newest credentials.
                (taken, zeros) = (false, 0);
                venue.renew(state_dir);
            }
        }
        let now = Instant::now();
        let wait = if zeros >= 2 {
            let end = *watched.get_or_insert_with(|| {
                tell("no order rests, read twice".to_owned());
                if !watch.is_zero() {
                    let left = watch.as_secs();
                    tell(format!("flat now; an order sent just before may still land: watching for {left} s"));
                }
                now + watch
            });
            if now >= end {
                return Ok(End::Flat);
            }
            // What lands from now on has the whole limit.
            (until, pause) = (now + limit, AGAIN[0]);
            AGAIN[1].min(end - now)
        } else if now >= until {
            return Ok(if venue.refused { End::Refused } else { End::NotFlat });
        } else if zeros == 1 {
            ZERO_GAP
        } else {
            let longer = (pause * 2).min(AGAIN[1]);
            std::mem::replace(&mut pause, longer)
        };
        tokio::time::sleep(wait).await;
    }
}

/// One page of open orders: the ids, and where it goes on.
#[derive(Deserialize)]
struct Page {
    data: Vec<Row>,
    next_cursor: String,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

struct Venue {
    deposit: Deposit,
    cancel: Client,
    read: Client,
    /// Seconds the venue's clock is ahead of ours; nothing before it was asked.
    ahead: i64,
    /// Whether the last authenticated answer was 401.
    refused: bool,
}

impl Venue {
    fn new(deposit: Deposit) -> Result<Self, HttpError> {
        Ok(Self { deposit, cancel: http::client(CANCEL)?, read: http::client(READ)?, ahead: 0, refused: false })
    }

    /// Takes the credentials that lie there now: the executor may have renewed them meanwhile.
    fn renew(&mut self, state_dir: &Path) {
        if let Ok(newer) = deposit::read(state_dir) {
            self.deposit = newer;
        }
    }

    async fn cancel_all(&mut self) -> Result<(), String> {
        let client = self.cancel.clone();
        self.ask(&client, Method::DELETE, "/cancel-all", "", &[]).await.map(drop)
    }

    /// A second road to the same end; what it brings shows in the next reading.
    async fn cancel_named(&mut self, ids: &[String]) {
        let client = self.cancel.clone();
        for ids in ids.chunks(VenueCall::CANCEL_MAX) {
            let body = serde_json::to_vec(ids).expect("strings always serialize");
            let _ = self.ask(&client, Method::DELETE, "/orders", "", &body).await;
        }
    }

    /// All pages, or nothing: no further page is asked for once it is `until`.
    async fn open_orders(&mut self, until: Instant) -> Result<Vec<String>, String> {
        let (client, mut open, mut cursor) = (self.read.clone(), Vec::new(), FIRST_CURSOR.to_owned());
        let mut asked = BTreeSet::new();
        for nth in 0..PAGES_MAX {
            if nth > 0 && Instant::now() >= until {
                return Err(format!("the time is up after {nth} pages"));
            }
            let query = format!("?next_cursor={}", wire::percent(&cursor));
            let body = self.ask(&client, Method::GET, "/data/orders", &query, &[]).await?;
            let page: Page = serde_json::from_slice(&body).map_err(|_| "the answer is no page of orders".to_owned())?;
            open.extend(page.data.into_iter().map(|row| row.id));
            if page.next_cursor.is_empty() || page.next_cursor == LAST_CURSOR {
                return Ok(open);
            }
            asked.insert(std::mem::replace(&mut cursor, page.next_cursor));
            if !is_cursor(&cursor) || asked.contains(&cursor) {
                return Err("the list of orders does not go on as it should".to_owned());
            }
        }
        Err("the list of orders does not end".to_owned())
    }

    /// One authenticated request. Refused credentials may only be dated wrongly: then the venue's clock is asked, and once more the venue.
    async fn ask(
        &mut self,
        client: &Client,
        method: Method,
        path: &'static str,
        query: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, String> {
        let mut reply = self.send(client, &method, path, query, body).await;
        if matches!(&reply, VenueReply::Answer(answer) if answer.status == 401) && self.read_clock().await {
            reply = self.send(client, &method, path, query, body).await;
        }
        let VenueReply::Answer(Answer { status, body, .. }) = reply else {
            return Err(match reply {
                VenueReply::NotSent(why) => why.into(),
                VenueReply::Lost(lost) => lost.to_string(),
                VenueReply::Answer(_) => unreachable!("matched above"),
            });
        };
        self.refused = status == 401;
        match status {
            200 => Ok(body),
            401 => Err("401, the credentials are refused".to_owned()),
            // Never the venue's words: they may echo what we sent.
            _ => Err(format!("status {status}")),
        }
    }

    async fn send(&self, client: &Client, method: &Method, path: &'static str, query: &str, body: &[u8]) -> VenueReply {
        let Deposit { rest, credentials, .. } = &self.deposit;
        let unix_s = now_s().saturating_add_signed(self.ahead);
        let request = Request::new(method.clone(), path).query(query.to_owned()).body(body.to_vec());
        wire::send(client, request.ready(rest, credentials, unix_s), Body::Plain).await
    }

    /// Whether the venue's clock is not what requests were dated by so far.
    async fn read_clock(&mut self) -> bool {
        let url = format!("{}/time", self.deposit.rest);
        let reply = wire::send(&self.read, Ready::get(url), Body::Plain).await;
        let VenueReply::Answer(Answer { status: 200, body, .. }) = reply else { return false };
        let theirs = std::str::from_utf8(&body).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let Some(ahead) = theirs.and_then(|theirs| theirs.checked_signed_diff(now_s())) else { return false };
        std::mem::replace(&mut self.ahead, ahead) != ahead
    }
}

fn is_cursor(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
