//! Orders and cancels a second through the venue's engine, beside the crate `orderbook-rs` on the same script in the same process.
//!
//! `cargo bench -p sim-exchange --bench matching`. The script: 48 % cancels (some come too late, as in life: that is what keeps the
//! book steady), 10 % marketable orders, the rest orders that wait; a few hundred wait at any time. The venue does all it does:
//! balances, reservations, direct matches, mints and merges over both tokens, fees, the settlement ladder, facts, forgetting. The
//! peer keeps a book of the YES token and calls its trade and level listeners. Both read their best prices after every operation;
//! these are compared one by one in a first pass, and by a running digest in every timed round. Time is CPU time of the thread.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures: nobody else is there to do it")]

use mm_core::domain::{MarketIx, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token};
use orderbook_rs::{Id, OrderBook, Side as PeerSide, TimeInForce as PeerTif};
use sim_exchange::draws::Draws;
use sim_exchange::exchange::{AccountIx, Exchange, Fact, OrderIx};
use sim_exchange::scenario::Scenario;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const OPS: usize = 400_000;
const ROUNDS: usize = 7;
/// Orders waiting in the steady state.
const LIVE: usize = 300;
const ACCOUNTS: u32 = 50;
/// Time between two operations: five hundred a second, a very busy market, so that trades settle and are forgotten on the way.
const GAP_NS: u64 = 2_000_000;
/// Finished orders and trades that are remembered.
const KEPT: usize = 1_024;
/// The promise, and where to go next.
const LEAST: f64 = 10.0;
const AIM: f64 = 25.0;

/// One operation, for both.
#[derive(Clone, Copy)]
enum Op {
    /// A limit order in YES terms: `cents` of YES, and the token it names.
    Place { account: u32, outcome: Outcome, buys_yes: bool, cents: u8, shares: u16 },
    /// The order of that placement, which may have gone.
    Cancel { nth: u32, account: u32 },
}

/// What has come of a script: enough to see that two runs saw the same tops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    tops: u64,
    shares: u64,
}

impl Seen {
    /// Best prices in cents, 0 for none.
    fn note(&mut self, bid: u64, ask: u64) {
        self.tops = (self.tops ^ (bid << 8 | ask)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }
}

fn main() {
    let script = Script::new(OPS);
    println!("{}", script.words());
    if std::env::args().any(|arg| arg == "venue") {
        // for a profiler: nothing but the venue
        for _ in 0..4 * ROUNDS {
            println!("  venue {:>9.0} ops/s", rate(run_venue(&script.ops).0));
        }
        return;
    }
    let compared = lockstep(&script.ops);
    println!("best prices equal after each of {compared} operations");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (a, seen_a, facts) = run_venue(&script.ops);
        let (b, seen_b, events) = run_peer(&script.ops);
        assert_eq!(seen_a, seen_b, "the two saw different tops or matched different sizes");
        println!("  venue {:>9.0} ops/s, {facts} facts    peer {:>9.0} ops/s, {events} events", rate(a), rate(b));
        ours.push(a);
        theirs.push(b);
    }
    let (a, b) = (rate(median(&mut ours)), rate(median(&mut theirs)));
    let verdict = if a / b >= AIM {
        "above the aim"
    } else if a / b >= LEAST {
        "above the promise"
    } else {
        "BELOW THE PROMISE"
    };
    println!("venue        {a:>10.0} ops/s ({:.0} ns an operation)", 1e9 / a);
    println!("orderbook-rs {b:>10.0} ops/s ({:.0} ns an operation)", 1e9 / b);
    println!(
        "ratio        {:>10.1} (medians of {ROUNDS} interleaved rounds; promise {LEAST}, aim {AIM}: {verdict})",
        a / b
    );
    assert!(a / b >= LEAST, "the venue must be at least {LEAST} times as fast as its peer");
}

/// CPU time of this thread: what else runs on the machine does not count. Both engines work on this thread alone.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let secs = u64::try_from(now.tv_sec).expect("time does not run backwards");
    Duration::new(secs, u32::try_from(now.tv_nsec).expect("below a second"))
}

fn rate(took: Duration) -> f64 {
    OPS as f64 / took.as_secs_f64()
}

fn median(rounds: &mut [Duration]) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

/// The operations, made beforehand with the help of a venue that plays along.
struct Script {
    ops: Vec<Op>,
    late: usize,
    marketable: usize,
    cancels: usize,
    live: usize,
}

impl Script {
    fn new(count: usize) -> Self {
        let draws = Draws::new(1);
        let mut venue = Venue::new();
        let mut script = Self { ops: Vec::with_capacity(count), late: 0, marketable: 0, cancels: 0, live: 0 };
        // placements that still wait, and those that have gone, each with its account
        let (mut waiting, mut gone) = (Vec::<(u32, u32)>::new(), Vec::<(u32, u32)>::new());
        for k in 0..count {
            let word = draws.bytes32("bench", "script", u64::try_from(k).expect("small"));
            let pick = |n: usize, below: usize| {
                usize::from(u16::from_le_bytes([word[2 * n], word[2 * n + 1]])) * below / 65_536
            };
            let kind = pick(0, 100);
            let op = if (52..100).contains(&kind) && !gone.is_empty() {
                script.cancels += 1;
                let late = waiting.len() <= LIVE;
                script.late += usize::from(late);
                let (nth, account) = if late {
                    gone[gone.len() - 1 - pick(1, gone.len().min(64))]
                } else {
                    waiting.swap_remove(pick(1, waiting.len()))
                };
                Op::Cancel { nth, account }
            } else {
                let account = u32::try_from(pick(1, ACCOUNTS as usize)).expect("small");
                let buys_yes = pick(2, 2) == 0;
                let outcome = if pick(3, 2) == 0 { Outcome::Yes } else { Outcome::No };
                let (bid, ask) = venue.tops();
                let (bid, ask) = (if bid == 0 { 49 } else { bid }, if ask == 0 { 51 } else { ask });
                let cents = if kind < 10 {
                    script.marketable += 1;
                    if buys_yes { ask } else { bid }
                } else {
                    // close to the top more often than far away, never through it, and the middle pulls back
                    let away = u64::try_from(pick(4, 20) * pick(5, 20) / 20).expect("small");
                    let inside = u64::from(pick(6, 8) == 0);
                    if buys_yes {
                        (bid + inside).min(ask - 1).min(60).saturating_sub(away).max(20)
                    } else {
                        ((ask - inside).max(bid + 1).max(40) + away).min(80)
                    }
                };
                let shares = if kind < 10 { 5 + pick(7, 30) } else { 5 + pick(7, 200) };
                Op::Place {
                    account,
                    outcome,
                    buys_yes,
                    cents: u8::try_from(cents).expect("below a hundred"),
                    shares: u16::try_from(shares).expect("small"),
                }
            };
            venue.apply(k, op);
            // learn from the facts who waits now
            for (nth, account, waits) in venue.changes() {
                waiting.retain(|(n, _)| *n != nth);
                if waits {
                    waiting.push((nth, account));
                } else {
                    gone.push((nth, account));
                }
            }
            script.ops.push(op);
        }
        script.live = waiting.len();
        script
    }

    fn words(&self) -> String {
        let share = |n: usize| 100.0 * n as f64 / self.ops.len() as f64;
        format!(
            "{} operations: {:.1} % cancels ({:.1} % too late), {:.1} % marketable; {} orders wait at the end",
            self.ops.len(),
            share(self.cancels),
            share(self.late),
            share(self.marketable),
            self.live
        )
    }
}

/// The venue with its handles.
struct Venue {
    exchange: Exchange,
    handles: Vec<OrderIx>,
    seen: Seen,
    facts: u64,
    start: Timestamp,
}

const WORLD: &str = r#"
schema = 1
seed = 1
start_utc = "2026-01-01T00:00:00Z"
[venue]
wallet_usdc = "100000000"
[defaults]
fee = { rate = "0.05", exponent = 1 }
[[market]]
slug = "bench"
built_in_book = false
"#;

impl Venue {
    fn new() -> Self {
        let scenario = Scenario::parse(WORLD, Path::new(".")).expect("a sound scenario");
        let start = scenario.start_utc;
        let mut exchange = Exchange::new(&scenario, start).expect("a world");
        exchange.set_rendering(false);
        exchange.keep(KEPT, KEPT);
        for n in 0..ACCOUNTS {
            let account = exchange.open_account(start, &format!("0x{n:040x}"));
            let qty = Qty::from_whole(50_000_000).expect("fits");
            exchange.split(start, account, MarketIx(0), qty).expect("rich enough");
        }
        exchange.facts().for_each(drop);
        Self { exchange, handles: Vec::with_capacity(OPS), seen: Seen::default(), facts: 0, start }
    }

    fn tops(&self) -> (u64, u64) {
        let top = self.exchange.top(MarketIx(0));
        let cents = |p: Option<Price>| p.map_or(0, |p| u64::from(p.ten_thousandths()) / 100);
        (cents(top.bid), cents(top.ask))
    }

    #[inline]
    fn apply(&mut self, k: usize, op: Op) {
        let at = self.start.plus(mm_core::domain::Nanos::from_nanos(GAP_NS * k as u64));
        match op {
            Op::Place { account, outcome, buys_yes, cents, shares } => {
                let yes = outcome == Outcome::Yes;
                let cents = if yes { u16::from(cents) } else { 100 - u16::from(cents) };
                let order = NewOrder {
                    token: Token { market: MarketIx(0), outcome },
                    side: if buys_yes == yes { Side::Buy } else { Side::Sell },
                    price: Price::from_ten_thousandths(cents * 100).expect("below a dollar"),
                    qty: Qty::from_micro(u64::from(shares) * 1_000_000),
                    post_only: false,
                    tif: TimeInForce::Gtc,
                };
                let accepted = self.exchange.submit(at, AccountIx(account), &order).expect("everybody is rich");
                self.seen.shares += accepted.matched.micro() / 1_000_000;
                self.handles.push(accepted.order);
            }
            Op::Cancel { nth, account } => {
                self.exchange.withdraw_order(at, AccountIx(account), self.handles[nth as usize]);
            }
        }
        let (bid, ask) = self.tops();
        self.seen.note(bid, ask);
    }

    /// Placements that began or ceased to wait.
    fn changes(&mut self) -> Vec<(u32, u32, bool)> {
        let mut out: Vec<(OrderIx, u32, bool)> = Vec::new();
        for fact in self.exchange.facts() {
            if let Fact::Order { account, order, left, change, .. } = fact {
                let ended = matches!(change, sim_exchange::exchange::OrderChange::Ended(_));
                out.retain(|(o, _, _)| *o != order);
                out.push((order, account.0, !ended && left > Qty::ZERO));
            }
        }
        // rows are used again: the newest placement of a row is the one meant
        let nth = |order: OrderIx| self.handles.iter().rposition(|h| *h == order).expect("it was placed");
        out.into_iter().map(|(o, a, waits)| (u32::try_from(nth(o)).expect("small"), a, waits)).collect()
    }
}

fn run_venue(ops: &[Op]) -> (Duration, Seen, u64) {
    let mut venue = Venue::new();
    let began = cpu();
    for (k, op) in ops.iter().enumerate() {
        venue.apply(k, *op);
        for fact in venue.exchange.facts() {
            venue.facts += u64::from(!matches!(fact, Fact::Closed { .. }));
        }
    }
    let took = cpu() - began;
    venue.exchange.check().expect("every promise holds");
    (took, venue.seen, venue.facts)
}

/// The peer: ids are placement numbers, prices cents, sizes shares.
struct Peer {
    book: OrderBook<()>,
    events: Arc<AtomicU64>,
    shares: Arc<AtomicU64>,
    placed: u64,
    seen: Seen,
}

impl Peer {
    fn new() -> Self {
        let mut book = OrderBook::new("bench");
        let (events, shares) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, sum) = (Arc::clone(&events), Arc::clone(&shares));
        book.set_trade_listener(Arc::new(move |trade| {
            count.fetch_add(1, Ordering::Relaxed);
            let matched = trade.match_result.executed_quantity().map_or(0, |q| q.as_u64());
            sum.fetch_add(matched, Ordering::Relaxed);
        }));
        let count = Arc::clone(&events);
        book.set_price_level_listener(Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        Self { book, events, shares, placed: 0, seen: Seen::default() }
    }

    fn tops(&self) -> (u64, u64) {
        let cents = |p: Option<u128>| p.map_or(0, |p| u64::try_from(p).expect("below a hundred"));
        (cents(self.book.best_bid()), cents(self.book.best_ask()))
    }

    #[inline]
    fn apply(&mut self, op: Op) {
        match op {
            Op::Place { buys_yes, cents, shares, .. } => {
                let side = if buys_yes { PeerSide::Buy } else { PeerSide::Sell };
                let id = Id::from_u64(self.placed);
                self.placed += 1;
                self.book
                    .add_limit_order(id, u128::from(cents), u64::from(shares), side, PeerTif::Gtc, None)
                    .expect("a plain order");
            }
            Op::Cancel { nth, .. } => {
                self.book.cancel_order(Id::from_u64(u64::from(nth))).expect("gone or cancelled");
            }
        }
        let (bid, ask) = self.tops();
        self.seen.note(bid, ask);
    }
}

fn run_peer(ops: &[Op]) -> (Duration, Seen, u64) {
    let mut peer = Peer::new();
    let began = cpu();
    for op in ops {
        peer.apply(*op);
    }
    let took = cpu() - began;
    peer.seen.shares = peer.shares.load(Ordering::Relaxed);
    (took, peer.seen, peer.events.load(Ordering::Relaxed))
}

/// Both in step, tops compared one by one.
fn lockstep(ops: &[Op]) -> usize {
    let (mut venue, mut peer) = (Venue::new(), Peer::new());
    for (k, op) in ops.iter().enumerate() {
        venue.apply(k, *op);
        venue.exchange.facts().for_each(drop);
        peer.apply(*op);
        assert_eq!(venue.tops(), peer.tops(), "after operation {k}");
    }
    ops.len()
}
