//! Books against the venue's hash: what proves, what disproves, and what does neither.

use super::Engine;
use super::tests_support::{config_for, market};
use crate::book::in_yes_terms;
use crate::domain::{MarketIx, Outcome, Price, Qty, Side, TickSize, Timestamp, Token, Usdc};
use crate::event::{Action, Alert, BookHash, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate};
use crate::venue::book_hash::{HashInputs, book_hash};
use crate::venue::market_ws::{BookMessage, encode_rest_book};
use std::collections::BTreeMap;

const MARKETS: u16 = 4;

/// A venue that hashes its books, and the engine that follows it.
struct Stage {
    engine: Engine,
    ms: u64,
    seq: u64,
    books: Vec<BTreeMap<(Side, Price), Qty>>,
    last_trade: String,
    /// The venue hashes by another rule.
    changed_rule: bool,
    told: Vec<Action>,
}

impl Stage {
    /// Four welcomed markets with proven books 0.48 / 0.52.
    fn new() -> Self {
        let mut stage = Self::unfed();
        let inputs = (0..MARKETS).flat_map(|row| stage.dump(row)).collect();
        stage.turn(inputs);
        stage
    }

    fn unfed() -> Self {
        let level = |side, cents: u16, qty| ((side, Price::from_ten_thousandths(cents * 100).expect("a price")), qty);
        let qty = Qty::from_whole(500).expect("small");
        let book = [48, 47, 40, 30].map(|cents| level(Side::Buy, cents, qty)).into_iter();
        let book: BTreeMap<_, _> = book.chain([52, 53, 60, 70].map(|cents| level(Side::Sell, cents, qty))).collect();
        let engine = Engine::new(config_for(&[1, 2, 3, 4], "200"), Vec::new());
        let mut stage = Self {
            engine,
            ms: 1_780_000_000_000,
            seq: 0,
            books: vec![book; usize::from(MARKETS)],
            last_trade: "0.500".to_owned(),
            changed_rule: false,
            told: Vec::new(),
        };
        let cap = Usdc::from_micro(1_000_000_000);
        let caps = Caps { order: cap, market: cap, total: cap };
        let gate = Gate::Open { until: Timestamp::MAX };
        stage.turn(vec![
            Input::Universe((1..=u64::from(MARKETS)).map(market).collect()),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome { open: Vec::new(), gate, caps }),
        ]);
        stage
    }

    /// Levels of one token, worst first, as the venue hashes them.
    fn wire(&self, token: Token, side: Side) -> Vec<(Price, Qty)> {
        let (yes_side, _) = in_yes_terms(token.outcome, side, Price::ZERO);
        let book = self.books[token.market.index()].iter().filter(|((s, _), _)| *s == yes_side);
        let mut levels: Vec<_> = book.map(|((s, p), q)| (in_yes_terms(token.outcome, *s, *p).1, *q)).collect();
        levels.sort();
        if side == Side::Sell {
            levels.reverse();
        }
        levels
    }

    fn hash(&self, token: Token) -> BookHash {
        let facts = market(u64::from(token.market.0) + 1);
        let inputs = HashInputs {
            market: facts.condition.as_str(),
            token: facts.token_id(token.outcome).as_str(),
            venue_ms: self.ms,
            min_order: facts.min_order,
            tick: facts.tick,
            neg_risk: facts.neg_risk != self.changed_rule,
        };
        book_hash(&inputs, self.wire(token, Side::Buy), self.wire(token, Side::Sell), &self.last_trade)
    }

    /// The answer to a subscription.
    fn dump(&self, row: u16) -> Vec<Input> {
        let of = |outcome| {
            let token = Token { market: MarketIx(row), outcome };
            let best_first = |side| self.wire(token, side).into_iter().rev().collect();
            Input::Market(MarketEvent::Snapshot {
                token,
                bids: best_first(Side::Buy),
                asks: best_first(Side::Sell),
                tick: Some(TickSize::CENT),
                last_trade: Some(self.last_trade.as_str().into()),
                hash: Some(self.hash(token)),
                venue_ms: self.ms,
            })
        };
        [Outcome::Yes, Outcome::No].map(of).into()
    }

    /// Changes a level at the venue; what is told of it.
    fn level(&mut self, row: u16, side: Side, cents: u16, shares: u64) -> Vec<Input> {
        let price = Price::from_ten_thousandths(cents * 100).expect("a price");
        let qty = Qty::from_whole(shares).expect("small");
        let book = &mut self.books[usize::from(row)];
        if shares == 0 {
            book.remove(&(side, price))
        } else {
            book.insert((side, price), qty)
        };
        let of = |outcome| {
            let token = Token { market: MarketIx(row), outcome };
            let (side, price) = in_yes_terms(outcome, side, price);
            Input::Market(MarketEvent::Delta {
                token,
                side,
                price,
                qty,
                top: None,
                hash: Some(self.hash(token)),
                venue_ms: self.ms,
            })
        };
        [Outcome::Yes, Outcome::No].map(of).into()
    }

    fn rest(&self, row: u16, spoilt: bool) -> Input {
        let token = Token { market: MarketIx(row), outcome: Outcome::Yes };
        let facts = market(u64::from(row) + 1);
        let mut bids = self.wire(token, Side::Buy);
        let hash = self.hash(token);
        if spoilt {
            bids.remove(0);
        }
        let body = BookMessage {
            market: facts.condition,
            token: facts.yes,
            bids,
            asks: self.wire(token, Side::Sell),
            venue_ms: self.ms,
            hash: Some(hash),
            tick: Some(facts.tick),
            min_order: Some(facts.min_order),
            neg_risk: Some(facts.neg_risk),
            last_trade: Some(self.last_trade.as_str().into()),
        };
        Input::RestBook { token, received: Timestamp::from_ms(self.ms), text: encode_rest_book(&body) }
    }

    fn turn(&mut self, inputs: Vec<Input>) {
        self.seq += 1;
        let turn = Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs };
        self.engine.turn(&turn, &mut self.told);
    }

    /// Lets time pass with the turns the engine asks for.
    fn wait(&mut self, ms: u64) {
        let end = self.ms + ms;
        while let Some(due) = self.engine.next_deadline().filter(|due| due.ms() < end) {
            self.ms = self.ms.max(due.ms() + u64::from(!due.nanos().is_multiple_of(1_000_000)));
            self.turn(Vec::new());
        }
        self.ms = end;
        self.turn(Vec::new());
    }

    /// Proven, unproven, contradicted.
    fn counts(&self) -> [u64; 3] {
        let totals = self.engine.snapshot().totals;
        [totals.hashes_proven, totals.hashes_unproven, totals.hashes_contradicted]
    }

    fn syncs(&self) -> String {
        self.engine.snapshot().markets.iter().map(|m| m.sync.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn alerts(&self) -> Vec<&Alert> {
        let alert = |action| if let &Action::Alert(ref alert) = action { Some(alert) } else { None };
        self.told.iter().filter_map(alert).collect()
    }
}

#[test]
fn a_lost_change_deep_in_the_book_is_found_out() {
    let mut stage = Stage::new();
    stage.wait(2_000);
    assert_eq!(stage.counts(), [4, 0, 0], "the first book of each market; the other token's has the same levels");
    stage.level(0, Side::Buy, 30, 0);
    stage.ms += 10;
    let seen = stage.level(0, Side::Sell, 60, 20);
    stage.turn(seen);
    stage.wait(2_400);
    assert_eq!(stage.syncs(), "synced synced synced synced", "{:?}", stage.told);
    stage.told.clear();
    stage.wait(400);
    assert_eq!(stage.syncs(), "suspect synced synced synced");
    assert_eq!(stage.counts(), [4, 0, 1]);
    let token = Token { market: MarketIx(0), outcome: Outcome::Yes };
    assert!(stage.told.contains(&Action::Resync { link: LinkIx(0), token }), "{:?}", stage.told);
    // only a book that its hash proves is trusted again
    stage.ms += 10;
    let mut spoilt = stage.dump(0);
    let Some(Input::Market(MarketEvent::Snapshot { bids, .. })) = spoilt.first_mut() else { panic!("a snapshot") };
    bids.pop();
    stage.turn(vec![spoilt.remove(0)]);
    assert_eq!(stage.syncs(), "suspect synced synced synced");
    let true_book = stage.dump(0);
    stage.turn(true_book);
    assert_eq!(stage.syncs(), "synced synced synced synced");
}

#[test]
fn a_trade_that_is_told_late_is_no_loss() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    let [proven, ..] = stage.counts();
    stage.last_trade = "0.480".to_owned();
    let taken = stage.level(0, Side::Buy, 48, 400);
    stage.turn(taken);
    stage.wait(290);
    assert_eq!(stage.counts(), [proven, 0, 0]);
    stage.turn(vec![Input::Market(MarketEvent::Trade {
        token: Token { market: MarketIx(0), outcome: Outcome::No },
        side: Side::Buy,
        price: Price::parse("0.52").expect("a price"),
        qty: Qty::from_whole(100).expect("small"),
        venue_ms: stage.ms - 280,
    })]);
    assert_eq!(stage.counts(), [proven + 1, 0, 0], "the complement of the print");
    stage.wait(10_000);
    assert_eq!((stage.counts(), stage.syncs().contains("suspect")), ([proven + 1, 0, 0], false));
}

#[test]
fn a_change_that_comes_late_is_no_loss() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    let late = stage.level(0, Side::Buy, 47, 0);
    stage.ms += 10;
    let seen = stage.level(0, Side::Sell, 60, 20);
    stage.turn(seen);
    stage.wait(2_200);
    stage.turn(late);
    stage.wait(5_000);
    assert_eq!(stage.syncs(), "synced synced synced synced");
    assert_eq!(stage.counts()[2], 0);
}

#[test]
fn a_batch_is_judged_when_it_is_over_and_once_a_second() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    let [proven, ..] = stage.counts();
    // two messages of one state, the second after the first was looked at
    let first = stage.level(0, Side::Buy, 47, 0);
    let whole = stage.level(0, Side::Buy, 40, 0);
    let hash_of = |input: &Input| match input {
        Input::Market(MarketEvent::Delta { hash, .. }) => *hash,
        _ => None,
    };
    let mut first = first;
    for (input, other) in first.iter_mut().zip(&whole) {
        if let Input::Market(MarketEvent::Delta { hash, .. }) = input {
            *hash = hash_of(other);
        }
    }
    stage.turn(first);
    stage.wait(300);
    stage.turn(whole);
    stage.wait(3_000);
    assert_eq!(stage.counts(), [proven + 1, 0, 0]);
    // a hundred states in a second
    for n in 1..=100 {
        stage.ms += 10;
        let change = stage.level(1, Side::Sell, 60, n);
        stage.turn(change);
    }
    let [now, ..] = stage.counts();
    assert!((2..=3).contains(&(now - proven)), "{} checks in a second", now - proven - 1);
}

#[test]
fn another_algorithm_ends_the_checks_and_mends_nothing_by_itself() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    stage.changed_rule = true;
    for row in 0..MARKETS {
        stage.ms += 10;
        let change = stage.level(row, Side::Buy, 47, 20);
        stage.turn(change);
    }
    stage.wait(3_000);
    assert_eq!(stage.syncs(), "suspect suspect suspect suspect", "changes alone do not tell a loss from another rule");
    for row in 0..2 {
        let books = stage.dump(row);
        stage.turn(books);
    }
    assert_eq!(stage.syncs(), "suspect suspect suspect suspect");
    assert!(!stage.alerts().contains(&&Alert::HashChecks { on: false }));
    let books = stage.dump(2);
    stage.turn(books);
    assert!(stage.alerts().contains(&&Alert::HashChecks { on: false }), "{:?}", stage.alerts());
    assert!(stage.engine.snapshot().hash_checks_off);
    assert_eq!(stage.syncs(), "suspect suspect synced suspect");
    let books = stage.dump(0);
    stage.turn(books);
    let contradicted = stage.counts()[2];
    let change = stage.level(0, Side::Buy, 47, 30);
    stage.turn(change);
    stage.wait(5_000);
    assert_eq!((stage.counts()[2], stage.syncs().as_str()), (contradicted, "synced suspect synced suspect"));
    // the known one is back
    stage.changed_rule = false;
    for row in [1, 3, 0] {
        let rest = stage.rest(row, false);
        stage.turn(vec![rest]);
    }
    assert!(!stage.engine.snapshot().hash_checks_off);
}

#[test]
fn a_rest_book_that_contradicts_itself_neither_mends_nor_bears_witness() {
    let mut stage = Stage::unfed();
    let spoilt = stage.rest(0, true);
    stage.turn(vec![spoilt.clone()]);
    assert_eq!(stage.syncs(), "unsynced unsynced unsynced unsynced");
    let good = stage.rest(0, false);
    stage.turn(vec![good]);
    assert_eq!(stage.syncs(), "synced unsynced unsynced unsynced");
    stage.ms += 1;
    let spoilt = stage.rest(0, true);
    stage.turn(vec![spoilt]);
    stage.wait(2_000);
    let snapshot = stage.engine.snapshot();
    assert_eq!((snapshot.markets[0].witness_differs, snapshot.markets[0].sync.as_str()), (0, "synced"));
    assert_eq!(stage.counts(), [1, 0, 2]);
    let foreign = Input::RestBook {
        token: Token { market: MarketIx(1), outcome: Outcome::Yes },
        received: Timestamp::EPOCH,
        text: "{}".to_owned(),
    };
    stage.turn(vec![foreign]);
    assert_eq!(stage.engine.snapshot().totals.bad_rest, 1);
}
