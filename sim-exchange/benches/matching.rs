//! Orders and cancels a second through the venue's engine, beside the crate `orderbook-rs` on the same script in the same process.
//!
//! `cargo bench -p sim-exchange --bench matching`. The script: 48 % cancels (some come too late, as in life: that is what keeps the
//! book steady), 10 % marketable orders, the rest orders that wait; a few hundred wait at any time. The venue does all it does:
//! balances, reservations, direct matches, mints and merges over both tokens, fees, the settlement ladder, facts, forgetting. The
//! peer keeps a book of the YES token and calls its trade and level listeners. Between the two stands the venue's book alone, with
//! levels and fills told as facts: like for like, for the peer has no accounts either. All read their best prices after every operation;
//! these are compared one by one in a first pass, and by a running digest in every timed round. Time is CPU time of the thread.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures: nobody else is there to do it")]

use mm_core::domain::{MarketIx, NewOrder, Outcome, Price, Qty, Side, TickSize, TimeInForce, Timestamp, Token, Usdc};
use orderbook_rs::{Id, OrderBook, Side as PeerSide, TimeInForce as PeerTif};
use sim_exchange::draws::Draws;
use sim_exchange::exchange::{AccountIx, Exchange, Fact, OrderIx, TradeIx};
use sim_exchange::mechanism::{Book, Maker, Match, Slot, crosses};
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
/// Time between two operations: a hundred a second, a very busy market; trades settle and are forgotten on the way.
const GAP_NS: u64 = 10_000_000;
/// Finished orders and trades that are remembered.
const KEPT: usize = 64;
/// The promise, and where to go next.
const LEAST: f64 = 10.0;
const AIM: f64 = 25.0;
/// With accounts, reservations, fees and settlement, which the peer does not have.
const VENUE_LEAST: f64 = 10.0;

/// One operation, for both.
#[derive(Clone, Copy)]
enum Op {
    /// A limit order in YES terms: `cents` of YES, and the token it names.
    Place { account: u32, outcome: Outcome, buys_yes: bool, price: Price, qty: Qty },
    /// The order of that placement, which may have gone: its number for the peer, its row for the venue.
    Cancel { nth: u32, account: u32, row: OrderIx },
}

/// What has come of a script: enough to see that two runs saw the same tops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    tops: u64,
    shares: u64,
}

impl Seen {
    /// Best prices in ten-thousandths, 0 for none.
    #[inline]
    fn note(&mut self, bid: u64, ask: u64) {
        self.tops = (self.tops ^ (bid << 16 | ask)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
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
    let (mut ours, mut alone, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (a, seen_a, facts) = run_venue(&script.ops);
        let (c, seen_c, _) = run_book(&script.ops);
        let (b, seen_b, events) = run_peer(&script.ops);
        assert_eq!(seen_a, seen_b, "the two saw different tops or matched different sizes");
        assert_eq!(seen_a, seen_c, "the venue and its own book differ");
        alone.push(c);
        println!("  venue {:>9.0} ops/s, {facts} facts    peer {:>9.0} ops/s, {events} events", rate(a), rate(b));
        ours.push(a);
        theirs.push(b);
    }
    let (venue, book, peer) = (rate(median(&mut ours)), rate(median(&mut alone)), rate(median(&mut theirs)));
    println!("medians of {ROUNDS} interleaved rounds:");
    for (name, rate) in [("venue, all of it", venue), ("its book alone", book), ("orderbook-rs", peer)] {
        println!("  {name:<16} {rate:>10.0} ops/s, {:>4.0} ns an operation, {:>5.1} × peer", 1e9 / rate, rate / peer);
    }
    let ratio = book / peer;
    println!("matching with facts: {ratio:.1} times its peer (promise {LEAST}, aim {AIM})");
    assert!(ratio >= LEAST, "matching must be at least {LEAST} times as fast as its peer");
    assert!(venue / peer >= VENUE_LEAST, "with all its money the venue must still be {VENUE_LEAST} times as fast");
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
        let mut waiting: Vec<(u32, u32)> = Vec::new();
        let mut gone: Vec<(u32, u32)> = Vec::new();
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
                    gone[gone.len() - 1 - pick(1, gone.len().min(16))]
                } else {
                    waiting.swap_remove(pick(1, waiting.len()))
                };
                Op::Cancel { nth, account, row: venue.handles[nth as usize] }
            } else {
                let account = u32::try_from(pick(1, ACCOUNTS as usize)).expect("small");
                let buys_yes = pick(2, 2) == 0;
                let outcome = if pick(3, 2) == 0 { Outcome::Yes } else { Outcome::No };
                let (bid, ask) = venue.tops();
                let (bid, ask) = (if bid == 0 { 49 } else { bid / 100 }, if ask == 0 { 51 } else { ask / 100 });
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
                    price: u16::try_from(cents * 100)
                        .ok()
                        .and_then(Price::from_ten_thousandths)
                        .expect("below a dollar"),
                    qty: Qty::from_whole(u64::try_from(shares).expect("small")).expect("small"),
                }
            };
            venue.apply(k, op);
            if let Op::Place { .. } = op {
                venue.handles.push(venue.newest);
            }
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
    /// Row of each placement; kept while the script is made.
    handles: Vec<OrderIx>,
    newest: OrderIx,
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
        Self { exchange, handles: Vec::new(), newest: OrderIx(0), seen: Seen::default(), facts: 0, start }
    }

    fn tops(&self) -> (u64, u64) {
        let top = self.exchange.top(MarketIx(0));
        let units = |p: Option<Price>| p.map_or(0, |p| u64::from(p.ten_thousandths()));
        (units(top.bid), units(top.ask))
    }

    #[inline]
    fn apply(&mut self, k: usize, op: Op) {
        let at = self.start.plus(mm_core::domain::Nanos::from_nanos(GAP_NS * k as u64));
        match op {
            Op::Place { account, outcome, buys_yes, price, qty } => {
                let yes = outcome == Outcome::Yes;
                // chosen without a branch: which token an order names follows no pattern, and that is not the venue's fault
                let seen_from = [price, price.complement()];
                let order = NewOrder {
                    token: Token { market: MarketIx(0), outcome },
                    side: if buys_yes == yes { Side::Buy } else { Side::Sell },
                    price: seen_from[usize::from(!yes)],
                    qty,
                    post_only: false,
                    tif: TimeInForce::Gtc,
                };
                let accepted = self.exchange.submit(at, AccountIx(account), &order).expect("everybody is rich");
                self.seen.shares += accepted.matched.micro();
                self.newest = accepted.order;
            }
            Op::Cancel { account, row, .. } => {
                self.exchange.withdraw_order(at, AccountIx(account), row);
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
        venue.facts += venue.exchange.pending_facts().len() as u64;
        venue.exchange.clear_facts();
    }
    let took = cpu() - began;
    venue.exchange.check().expect("every promise holds");
    (took, venue.seen, venue.facts)
}

/// The venue's book without the venue: facts of levels and fills, no accounts, no money.
fn run_book(ops: &[Op]) -> (Duration, Seen, u64) {
    let mut book = Book::new(TickSize::CENT);
    let mut slots: Vec<Option<Slot>> = vec![None; ops.len()];
    let (mut facts, mut matches): (Vec<Fact>, Vec<Match>) = (Vec::new(), Vec::new());
    let (mut seen, mut told, mut placed) = (Seen::default(), 0u64, 0u32);
    let market = MarketIx(0);
    let began = cpu();
    for op in ops {
        match *op {
            Op::Place { account, outcome, buys_yes, price, qty } => {
                let side = if buys_yes { Side::Buy } else { Side::Sell };
                let (order, account) = (OrderIx(placed), AccountIx(account));
                placed += 1;
                let mut left = qty;
                if book.best(side.other()).is_some_and(|best| crosses(side, price, best)) {
                    book.take(side, price, qty, None, &mut matches);
                    for m in matches.drain(..) {
                        let Maker::Order { order: maker, left: rest } = m.maker else { continue };
                        left = left.saturating_sub(m.qty);
                        if rest.is_zero() {
                            slots[maker.0 as usize] = None;
                        }
                        let (price, qty, trade) = (m.price, m.qty, TradeIx(u64::from(placed)));
                        let side = side.other();
                        facts.push(Fact::Fill {
                            account,
                            order: maker,
                            trade,
                            market,
                            outcome,
                            side,
                            price,
                            qty,
                            fee: Usdc::ZERO,
                            taker: false,
                        });
                        let qty = book.public(side, price);
                        facts.push(Fact::Level { market, side, price, qty, first: outcome });
                    }
                }
                seen.shares += qty.saturating_sub(left).micro();
                if !left.is_zero() {
                    let (slot, qty) = book.rest(side, price, order, account, left);
                    slots[order.0 as usize] = Some(slot);
                    facts.push(Fact::Level { market, side, price, qty, first: outcome });
                }
            }
            Op::Cancel { nth, .. } => {
                if let Some(slot) = slots[nth as usize].take() {
                    let (side, price) = book.place_of(slot);
                    let (_, qty) = book.remove(slot);
                    facts.push(Fact::Level { market, side, price, qty, first: Outcome::Yes });
                }
            }
        }
        told += facts.len() as u64;
        facts.clear();
        let units = |p: Option<Price>| p.map_or(0, |p| u64::from(p.ten_thousandths()));
        seen.note(units(book.best(Side::Buy)), units(book.best(Side::Sell)));
    }
    let took = cpu() - began;
    book.check().expect("every promise holds");
    (took, seen, told)
}

/// The peer: ids are placement numbers, prices ten-thousandths, sizes millionths.
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
        let units = |p: Option<u128>| p.map_or(0, |p| u64::try_from(p).expect("a price"));
        (units(self.book.best_bid()), units(self.book.best_ask()))
    }

    #[inline]
    fn apply(&mut self, op: Op) {
        match op {
            Op::Place { buys_yes, price, qty, .. } => {
                let side = if buys_yes { PeerSide::Buy } else { PeerSide::Sell };
                let id = Id::from_u64(self.placed);
                self.placed += 1;
                self.book
                    .add_limit_order(id, u128::from(price.ten_thousandths()), qty.micro(), side, PeerTif::Gtc, None)
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
