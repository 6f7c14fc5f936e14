//! From an intent to the bytes of its request: `cargo bench -p executor --bench wire`.
//!
//! A house of fifty markets with two orders resting in each. A place is counted from the core's message to a signed request that
//! is ready: policy, hash, row, the turn after its commit, signature, body, headers. A cancel likewise. Time is CPU time of the
//! thread; the commit between the two turns of a place is reported apart, by the wall clock, since the disk is what it waits for.
//!
//! Everything is told twice. *Back to back*: an intent that follows others at once, as in a burst. *After a pause*: the thread slept
//! before the intent and slept again for the durable commit of its row, as when little happens; its caches then hold what others
//! left there.
//! What asking the clock takes itself, the median of an empty measurement, is taken off each time.
//! CPU time still counts what others on the machine do to a thread that runs: interrupts, a hypervisor that takes the core away, a
//! neighbour on the same core. Three peers, measured in between under the same conditions, tell how much that is: a bare signature of
//! libsecp256k1, which no place can be faster than; arithmetic in registers that takes as long as a place takes on a quiet core, and
//! needs no memory and guesses no branch, so that its 99th percentile is what the machine makes of any code of that length; and an
//! empty measurement, which is what is left of nothing.
//!
//! The run is made of rounds. A figure is the median of what the rounds say, with the best and the worst of them beside it, so that
//! one bad second of the machine spoils a round and not the run.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures: nobody else is there to do it")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and sleeps")]

use executor::auth::Credentials;
use executor::clob::{Ready, Request};
use executor::desk::{DeskInput, Effect, Setup};
use executor::eip712::Chain;
use executor::key::Key;
use executor::ledger::{Ledger as _, SqliteLedger};
use executor::policy::Policy;
use executor::rehearsal::{self, Rehearsal};
use executor::rows::LedgerRow;
use executor::sign::{Account, sign};
use mm_core::domain::{ClientOrderId, NewOrder, OrderId, Outcome, Side};
use mm_core::protocol::ToExecutor;
use mm_core::venue::order::SignatureType;
use mm_core::venue::rest::ApiKeyBody;
use secp256k1::{Message, SECP256K1, SecretKey};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What is promised of 99 in 100.
const PLACE: Duration = Duration::from_micros(60);
const CANCEL: Duration = Duration::from_micros(5);

const MARKETS: u16 = 50;
const REST: &str = "http://127.0.0.1:1";
/// What a place takes on a quiet core, about.
const QUIET: Duration = Duration::from_micros(35);

/// Intents of a burst.
const BURST: u16 = 25;
/// Bursts of a round: with them 99 in 100 leave out nine.
const BURSTS: u16 = 40;
const ROUNDS: u16 = 15;
/// How long nothing happens before an intent that comes alone.
const PAUSE: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    // `cargo test --benches` only wants to know that it starts
    let (rounds, bursts) = if std::env::args().any(|arg| arg == "--test") { (1, 1) } else { (ROUNDS, BURSTS) };
    let mut house = House::new();
    for n in 0..bursts {
        house.burst(n, BURST, false, &mut Times::default());
    }
    let [mut back_to_back, mut after_pauses] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let [mut burst, mut alone] = [Times::default(), Times::default()];
        let first = round * bursts;
        for n in first..first + bursts {
            house.burst(n, BURST, false, &mut burst);
        }
        for n in first * 3..(first + bursts) * 3 {
            house.burst(n, 1, true, &mut alone);
        }
        back_to_back.push(burst);
        after_pauses.push(alone);
    }
    let mut held = true;
    for (when, mut rounds) in [("back to back", back_to_back), ("after a pause", after_pauses)] {
        println!("{when}, {} rounds of {} each", rounds.len(), rounds[0].cancels.len());
        held &= report("place: intent to signed request", &mut rounds, |times| &mut times.places, Some(PLACE));
        for (nth, what) in PARTS.iter().enumerate() {
            report(&format!("  {what}"), &mut rounds, |times| &mut times.parts[nth], None);
        }
        held &= report("cancel: intent to signed request", &mut rounds, |times| &mut times.cancels, Some(CANCEL));
        report("a bare signature of libsecp256k1", &mut rounds, |times| &mut times.bare, None);
        report("35 µs of arithmetic in registers", &mut rounds, |times| &mut times.arithmetic, None);
        report("an empty measurement", &mut rounds, |times| &mut times.empty, None);
    }
    println!("by the wall clock");
    report("durable commit of one row", &mut [std::mem::take(&mut house.commits)], |times| times, None);
    report("durable commit of eight rows", &mut [house.eight_together(bursts)], |times| times, None);
    // a few bursts say nothing about speed
    if held || bursts < BURSTS { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const PARTS: [&str; 5] = ["policy and hash", "row", "turn after its commit", "signature", "request"];

#[derive(Default)]
struct Times {
    places: Vec<Duration>,
    parts: [Vec<Duration>; 5],
    cancels: Vec<Duration>,
    bare: Vec<Duration>,
    arithmetic: Vec<Duration>,
    empty: Vec<Duration>,
}

/// Steps of a generator, each of which needs the one before.
#[derive(Clone, Copy)]
struct Arithmetic {
    steps: u32,
}

impl Arithmetic {
    fn as_long_as(time: Duration) -> Self {
        let tried = Self { steps: 10_000 };
        let mut times: Vec<Duration> = (0..1_001).map(|_| cpu()).map(|begin| (tried.run(), cpu() - begin).1).collect();
        let steps = time.as_nanos() * u128::from(tried.steps) / of(&mut times, 50).as_nanos().max(1);
        Self { steps: u32::try_from(steps).expect("microseconds") }
    }

    fn run(self) {
        let mut state = std::hint::black_box(0x9e37_79b9_7f4a_7c15_u64);
        for _ in 0..self.steps {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        std::hint::black_box(state);
    }
}

/// The median of empty measurements.
fn empty() -> Duration {
    let mut times: Vec<Duration> = (0..10_001).map(|_| cpu()).map(|begin| cpu() - begin).collect();
    of(&mut times, 50)
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let secs = u64::try_from(now.tv_sec).expect("time does not run backwards");
    Duration::new(secs, u32::try_from(now.tv_nsec).expect("below a second"))
}

fn of(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

/// The median over the rounds of each round's median and 99th percentile; the latter's best and worst round.
fn report<T>(
    what: &str,
    rounds: &mut [T],
    times: impl Fn(&mut T) -> &mut Vec<Duration>,
    promise: Option<Duration>,
) -> bool {
    let [mut p50s, mut p99s] =
        [50, 99].map(|percent| rounds.iter_mut().map(|round| of(times(round), percent)).collect::<Vec<_>>());
    let [median, p99, best, worst] = [of(&mut p50s, 50), of(&mut p99s, 50), of(&mut p99s, 0), of(&mut p99s, 100)];
    let promised = promise.map_or_else(String::new, |promise| format!(" (promise {promise:?})"));
    println!("  {what:<34} median {median:.1?}, p99 {p99:.1?}{promised}, of rounds {best:.1?} to {worst:.1?}");
    promise.is_none_or(|promise| p99 <= promise)
}

/// A desk with orders resting, what signs for it, and a ledger on the disk.
struct House {
    stage: Rehearsal,
    key: Key,
    /// Signs nothing but what is thrown away.
    bare: SecretKey,
    account: Account,
    credentials: Credentials,
    arithmetic: Arithmetic,
    /// What a measurement takes itself.
    clock: Duration,
    next: u64,
    disk: SqliteLedger,
    _folder: tempfile::TempDir,
    /// What the commits of single rows took.
    commits: Vec<Duration>,
    /// Rows that the disk has not seen.
    rows: Vec<LedgerRow>,
    /// What is done about effects once nothing is measured.
    later: Vec<Effect>,
    sent: Vec<(u64, OrderId, NewOrder)>,
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
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let path = folder.path().join("ledger.db");
        SqliteLedger::init(&path).expect("a ledger");
        Self {
            stage,
            key,
            bare: SecretKey::from_byte_array([7; 32]).expect("a scalar"),
            account,
            credentials,
            arithmetic: Arithmetic::as_long_as(QUIET),
            clock: empty(),
            next,
            disk: SqliteLedger::open(&path).expect("the ledger"),
            _folder: folder,
            commits: Vec::new(),
            rows: Vec::new(),
            later: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Some orders placed, then cancelled, and what else is measured with them; `pauses`: with a sleep before each step.
    fn burst(&mut self, n: u16, orders: u16, pauses: bool, times: &mut Times) {
        let first = self.next;
        // The first of a burst follows nothing: it is neither the one nor the other.
        let counted = |nth: u16| pauses || nth > 0;
        for nth in 0..orders {
            let place = self.place((n * orders + nth) % MARKETS, pauses);
            if !counted(nth) {
                continue;
            }
            times.places.push(place.iter().sum());
            times.parts.iter_mut().zip(place).for_each(|(times, took)| times.push(took));
        }
        self.settle();
        for (nth, id) in (0..).zip(first..self.next) {
            let took = self.cancel(ClientOrderId(id), pauses);
            if counted(nth) {
                times.cancels.push(took);
            }
        }
        self.settle();
        assert_eq!(self.stage.resting(), usize::from(MARKETS) * 2, "as before");
        for nth in 0..orders {
            times.bare.push(self.bare(u8::try_from(nth).unwrap_or(u8::MAX), pauses));
            times.arithmetic.push(self.arithmetic(pauses));
            let begin = cpu();
            times.empty.push(self.since(begin));
        }
    }

    /// The venue hears of what was done, and answers.
    fn settle(&mut self) {
        for effect in std::mem::take(&mut self.later) {
            self.stage.perform(effect);
        }
        for (call, hash, order) in std::mem::take(&mut self.sent) {
            self.stage.post(&[(call, hash, order)]);
        }
        self.stage.run_ms(200);
        // A venue that walks all it ever took would leave nothing of ours in the caches.
        self.stage.venue.orders.retain(|_, resting| resting.live);
    }

    /// CPU time since, less what asking for it takes.
    fn since(&self, begin: Duration) -> Duration {
        (cpu() - begin).saturating_sub(self.clock)
    }

    fn place(&mut self, market: u16, pauses: bool) -> [Duration; 5] {
        let id = ClientOrderId(self.next);
        self.next += 1;
        let order = rehearsal::order(market, Outcome::No, Side::Buy, 42, 10);
        let stage = &mut self.stage;
        let intent = DeskInput::Core(ToExecutor::Place { id, at: stage.at, order });
        let mut effects = Vec::new();
        if pauses {
            std::thread::sleep(PAUSE);
        }
        let begin = cpu();
        stage.desk.turn(stage.at, vec![intent], &mut effects);
        let decided = cpu() - begin;
        let begin = cpu();
        let row = effects.iter().find_map(|effect| match effect {
            Effect::Record(row @ LedgerRow::Intent(_)) => Some(row),
            _ => None,
        });
        let text = row.map(|row| row.text().expect("a row is text"));
        let mut took = [decided, cpu() - begin, Duration::ZERO, Duration::ZERO, Duration::ZERO];
        assert!(text.is_some_and(|text| text.len() > 500), "policy let it pass");
        let mut durable = None;
        for effect in effects.drain(..) {
            let Effect::Record(row) = effect else {
                self.later.push(effect);
                continue;
            };
            let rows = std::slice::from_ref(&row);
            durable = stage.ledger.append(rows).expect("memory holds it").pop().or(durable);
            if pauses {
                let begin = Instant::now();
                self.disk.append(rows).expect("the disk takes it");
                self.commits.push(begin.elapsed());
                self.disk.tidy().expect("the disk takes it");
            } else {
                self.rows.push(row);
            }
        }
        let durable = durable.expect("the intent is durable");
        let recorded = DeskInput::Recorded(durable.id, durable.row);
        let begin = cpu();
        stage.desk.turn(stage.at, vec![recorded], &mut effects);
        took[2] = cpu() - begin;
        let mut ready: Option<Ready> = None;
        for effect in effects {
            let Effect::Post { call, approved, row, .. } = effect else {
                self.later.push(effect);
                continue;
            };
            let hash = row.order();
            let begin = cpu();
            let signed = sign(&self.key, &self.account, approved, row);
            took[3] = cpu() - begin;
            let begin = cpu();
            let request = Request::place(vec![signed], &self.credentials);
            ready = Some(request.ready(REST, &self.credentials, stage.at.secs()));
            took[4] = cpu() - begin;
            self.sent.push((call, hash, order));
        }
        assert!(ready.is_some_and(|ready| ready.body_len() > 500), "a whole order leaves");
        took.map(|took| took.saturating_sub(self.clock))
    }

    fn cancel(&mut self, id: ClientOrderId, pauses: bool) -> Duration {
        let stage = &mut self.stage;
        let mut effects = Vec::new();
        if pauses {
            std::thread::sleep(PAUSE);
        }
        let begin = cpu();
        stage.desk.turn(stage.at, vec![DeskInput::Core(ToExecutor::Cancel { id })], &mut effects);
        let call = effects.iter().find_map(|effect| match effect {
            Effect::Call { request, .. } if request.is_cancel() => Some(request),
            _ => None,
        });
        let ready =
            call.map(|call| Request::of(call, SignatureType::Eoa).ready(REST, &self.credentials, stage.at.secs()));
        let took = self.since(begin);
        assert!(ready.is_some_and(|ready| ready.body_len() > 66), "its hash is in it");
        self.later.extend(effects);
        took
    }

    /// The least that any signature takes here.
    fn bare(&self, nth: u8, pauses: bool) -> Duration {
        if pauses {
            std::thread::sleep(PAUSE);
        }
        let message = Message::from_digest([nth; 32]);
        let begin = cpu();
        std::hint::black_box(SECP256K1.sign_ecdsa_recoverable(message, &self.bare));
        self.since(begin)
    }

    /// What the machine does to any code as long as a place.
    fn arithmetic(&self, pauses: bool) -> Duration {
        if pauses {
            std::thread::sleep(PAUSE);
        }
        let begin = cpu();
        self.arithmetic.run();
        self.since(begin)
    }

    /// What the disk takes in company.
    fn eight_together(&mut self, rounds: u16) -> Vec<Duration> {
        let mut times = Vec::new();
        for group in self.rows.chunks_exact(8).take(usize::from(rounds)) {
            let begin = Instant::now();
            self.disk.append(group).expect("the disk takes it");
            times.push(begin.elapsed());
            self.disk.tidy().expect("the disk takes it");
        }
        times
    }
}
