//! From an intent to the bytes of its request: `cargo bench -p executor --bench wire`.
//!
//! A house of fifty markets with two orders resting in each. A place is counted from the core's message to a signed request that
//! is ready: policy, hash, row, the turn after its commit, signature, body, headers. A cancel likewise. Time is CPU time of the
//! thread: what else runs on the machine does not count. The commit between the two turns of a place is reported apart, by the
//! wall clock, since the disk is what it waits for. The venue answers between the measurements.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures: nobody else is there to do it")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use executor::auth::Credentials;
use executor::clob::Request;
use executor::desk::{DeskInput, Effect, Setup};
use executor::eip712::Chain;
use executor::key::Key;
use executor::ledger::{Ledger as _, SqliteLedger};
use executor::policy::Policy;
use executor::rehearsal::{self, Rehearsal};
use executor::rows::LedgerRow;
use executor::sign::{Account, sign};
use mm_core::domain::{ClientOrderId, Outcome, Side};
use mm_core::protocol::ToExecutor;
use mm_core::venue::order::SignatureType;
use mm_core::venue::rest::ApiKeyBody;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What is promised of 99 in 100.
const PLACE: Duration = Duration::from_micros(60);
const CANCEL: Duration = Duration::from_micros(5);

const MARKETS: u16 = 50;
const REST: &str = "http://127.0.0.1:1";

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it starts
    let rounds = if std::env::args().any(|arg| arg == "--test") { 3 } else { 3000 };
    let mut house = House::new();
    for n in 0..rounds / 10 {
        house.round(n);
    }
    let (mut places, mut cancels) = (Vec::new(), Vec::new());
    let mut parts: [Vec<Duration>; 5] = Default::default();
    for n in 0..rounds {
        let (place, cancel) = house.round(n);
        places.push(place.iter().sum());
        parts.iter_mut().zip(place).for_each(|(times, took)| times.push(took));
        cancels.push(cancel);
    }
    let mut held = report("place: intent to signed request", &mut places, Some(PLACE));
    for (what, times) in
        ["policy and hash", "row", "turn after its commit", "signature", "request"].iter().zip(&mut parts)
    {
        report(&format!("  {what}"), times, None);
    }
    held &= report("cancel: intent to signed request", &mut cancels, Some(CANCEL));
    commits(&house.rows, rounds.min(300));
    // a few rounds say nothing about speed
    if held || rounds < 50 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let secs = u64::try_from(now.tv_sec).expect("time does not run backwards");
    Duration::new(secs, u32::try_from(now.tv_nsec).expect("below a second"))
}

fn report(what: &str, times: &mut [Duration], promise: Option<Duration>) -> bool {
    times.sort_unstable();
    let of = |percent: usize| times[(times.len() - 1) * percent / 100];
    let (p50, p99, max) = (of(50), of(99), of(100));
    let promised = promise.map_or_else(String::new, |promise| format!(" (promise {promise:?})"));
    println!("  {what:<34} median {p50:?}, p99 {p99:?}{promised}, max {max:?}");
    promise.is_none_or(|promise| p99 <= promise)
}

/// A desk with orders resting, and what signs for it.
struct House {
    stage: Rehearsal,
    key: Key,
    account: Account,
    credentials: Credentials,
    next: u64,
    /// Rows as they were written, for the ledger's own figure.
    rows: Vec<LedgerRow>,
}

impl House {
    fn new() -> Self {
        let key = Key::throw_away().expect("the system's random bytes");
        let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).expect("an EOA");
        let body = ApiKeyBody {
            api_key: "11111111-2222-3333-4444-555555555555".to_owned(),
            secret: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned(),
            passphrase: "ab".repeat(32),
        };
        let credentials = Credentials::new(key.address(), body).expect("well formed");
        let policy: Policy = rehearsal::policy_with(*rehearsal::wide_policy().caps(), MARKETS);
        let setup = Setup { account, ..rehearsal::setup(policy, false) };
        let mut stage = Rehearsal::armed(setup, MARKETS);
        let mut next = 1;
        for market in 0..MARKETS {
            for cents in [40, 41] {
                stage.place(next, rehearsal::order(market, Outcome::Yes, Side::Buy, cents, 10));
                next += 1;
            }
        }
        stage.run_ms(1000);
        assert_eq!(stage.resting(), usize::from(MARKETS) * 2, "all rest");
        Self { stage, key, account, credentials, next, rows: Vec::new() }
    }

    /// One order placed and cancelled: what each took.
    fn round(&mut self, n: u16) -> ([Duration; 5], Duration) {
        let id = ClientOrderId(self.next);
        self.next += 1;
        let took = (self.place(id, n % MARKETS), self.cancel(id));
        self.stage.run_ms(200);
        assert_eq!(self.stage.resting(), usize::from(MARKETS) * 2, "as before");
        took
    }

    fn place(&mut self, id: ClientOrderId, market: u16) -> [Duration; 5] {
        let stage = &mut self.stage;
        let order = rehearsal::order(market, Outcome::No, Side::Buy, 42, 10);
        let intent = DeskInput::Core(ToExecutor::Place { id, at: stage.at, order });
        let mut effects = Vec::new();
        let begin = cpu();
        stage.desk.turn(stage.at, vec![intent], &mut effects);
        let decided = cpu();
        let row = effects.iter().find_map(|effect| match effect {
            Effect::Record(row @ LedgerRow::Intent(_)) => Some(row),
            _ => None,
        });
        let text = row.map(|row| serde_json::to_string(row).expect("a row is text"));
        let written = cpu();
        let mut took = [decided - begin, written - decided, Duration::ZERO, Duration::ZERO, Duration::ZERO];
        assert!(text.is_some_and(|text| text.len() > 500), "policy let it pass");
        let mut durable = None;
        for effect in effects.drain(..) {
            match effect {
                Effect::Record(row) => {
                    durable =
                        stage.ledger.append(std::slice::from_ref(&row)).expect("memory holds it").pop().or(durable);
                    self.rows.push(row);
                }
                other => stage.perform(other),
            }
        }
        let durable = durable.expect("the intent is durable");
        let recorded = DeskInput::Recorded(durable.id, durable.row);
        let begin = cpu();
        stage.desk.turn(stage.at, vec![recorded], &mut effects);
        took[2] = cpu() - begin;
        let mut sent = None;
        for effect in effects {
            match effect {
                Effect::Post { call, approved, row, .. } => {
                    let hash = row.order();
                    let begin = cpu();
                    let order = sign(&self.key, &self.account, approved, row);
                    let signed = cpu();
                    let ready =
                        Request::place(vec![order], &self.credentials).ready(REST, &self.credentials, stage.at.secs());
                    (took[3], took[4]) = (signed - begin, cpu() - signed);
                    sent = Some((call, hash, ready));
                }
                other => stage.perform(other),
            }
        }
        let (call, hash, ready) = sent.expect("it leaves");
        assert!(ready.body_len() > 500, "a whole order");
        stage.post(&[(call, hash, order)]);
        stage.run_ms(100);
        took
    }

    fn cancel(&mut self, id: ClientOrderId) -> Duration {
        let stage = &mut self.stage;
        let mut effects = Vec::new();
        let begin = cpu();
        stage.desk.turn(stage.at, vec![DeskInput::Core(ToExecutor::Cancel { id })], &mut effects);
        let call = effects.iter().find_map(|effect| match effect {
            Effect::Call { request, .. } if request.is_cancel() => Some(request),
            _ => None,
        });
        let ready =
            call.map(|call| Request::of(call, SignatureType::Eoa).ready(REST, &self.credentials, stage.at.secs()));
        let took = cpu() - begin;
        assert!(ready.is_some_and(|ready| ready.body_len() > 66), "its hash is in it");
        effects.into_iter().for_each(|effect| stage.perform(effect));
        took
    }
}

/// What the disk takes, alone and in company.
fn commits(rows: &[LedgerRow], rounds: u16) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = folder.path().join("ledger.db");
    SqliteLedger::init(&path).expect("a ledger");
    let mut ledger = SqliteLedger::open(&path).expect("the ledger");
    let mut rows = rows.iter();
    for (what, size) in [("durable commit of one row", 1), ("durable commit of eight rows", 8)] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let group: Vec<LedgerRow> = rows.by_ref().take(size).cloned().collect();
            if group.len() < size {
                break;
            }
            let begin = Instant::now();
            ledger.append(&group).expect("the disk takes it");
            times.push(begin.elapsed());
            ledger.tidy().expect("the disk takes it");
        }
        if !times.is_empty() {
            report(what, &mut times, None);
        }
    }
}
