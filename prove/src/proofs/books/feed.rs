//! A venue in virtual time that tells of its books as the real one does, a line that may spoil what it tells, and the whole engine
//! behind it. Truth is the venue's own maps.

use crate::noise::{self, Draws, MARKETS, STRICT};
use mm_core::book::Book;
use mm_core::domain::{ClientOrderId, Market, MarketIx, OrderId, Outcome, Price, Qty, Side, TickSize, Timestamp, Usdc};
use mm_core::engine::Engine;
use mm_core::event::{Action, BookHash, Input, LinkIx, Top, Turn};
use mm_core::protocol::{Caps, FromExecutor, Gate};
use mm_core::venue::book_hash::{HashInputs, book_hash, last_trade_text};
use mm_core::venue::market_ws::{
    BookMessage, LevelChange, PriceChange, WireEvent, encode, encode_all, encode_rest_book,
};
use std::collections::{BTreeMap, BTreeSet};

const START_MS: u64 = 1_780_000_000_000;
/// From a question to its answer, milliseconds: subscription, REST, executor.
const ANSWER_MS: u64 = 60;
/// A level that nothing but an injection ever changes, in cents from the middle of the dollar.
pub(super) const WALL: u16 = 42;

/// What the venue sends beside its books, and what it leaves out.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// No hash in any message.
    pub(super) no_hashes: bool,
    /// No best prices in any message.
    pub(super) no_tops: bool,
}

/// One market at the venue.
#[derive(Clone)]
struct Truth {
    facts: Market,
    /// Levels in YES terms.
    levels: BTreeMap<(Side, Price), Qty>,
    last_trade: String,
}

fn cents(n: u16) -> Price {
    Price::from_ten_thousandths(n * 100).expect("below a dollar")
}

fn shares(n: u64) -> Qty {
    Qty::from_micro(n * 1_000_000)
}

/// A level of one token's book as another token's.
fn seen_from(outcome: Outcome, side: Side, price: Price) -> (Side, Price) {
    match outcome {
        Outcome::Yes => (side, price),
        Outcome::No => (side.other(), price.complement()),
    }
}

impl Truth {
    fn new(row: u16) -> Self {
        let middle = 40 + 10 * row;
        let mut levels = BTreeMap::new();
        for away in 2..12 {
            levels.insert((Side::Buy, cents(middle - away)), shares(100 + u64::from(away)));
            levels.insert((Side::Sell, cents(middle + away)), shares(200 + u64::from(away)));
        }
        levels.insert((Side::Buy, cents(50 - WALL)), shares(5_000));
        levels.insert((Side::Sell, cents(50 + WALL)), shares(5_000));
        Self { facts: noise::market(row), levels, last_trade: "0.500".to_owned() }
    }

    fn best(&self, side: Side) -> Price {
        let mut prices = self.levels.keys().filter(|(s, _)| *s == side).map(|(_, price)| *price);
        let best = if side == Side::Buy { prices.next_back() } else { prices.next() };
        best.expect("walls always stand")
    }

    /// Levels of one token, worst first, as the wire has them.
    fn wire(&self, outcome: Outcome, side: Side) -> Vec<(Price, Qty)> {
        let (yes_side, _) = seen_from(outcome, side, Price::ZERO);
        let here = self.levels.iter().filter(|((s, _), _)| *s == yes_side);
        let mut levels: Vec<_> = here.map(|((s, p), q)| (seen_from(outcome, *s, *p).1, *q)).collect();
        levels.sort();
        if side == Side::Sell {
            levels.reverse();
        }
        levels
    }

    fn top(&self, outcome: Outcome) -> Top {
        let top = Top { bid: Some(self.best(Side::Buy)), ask: Some(self.best(Side::Sell)) };
        if outcome == Outcome::Yes { top } else { top.mirrored() }
    }

    fn hash(&self, outcome: Outcome, venue_ms: u64) -> BookHash {
        let inputs = HashInputs {
            market: self.facts.condition.as_str(),
            token: self.facts.token_id(outcome).as_str(),
            venue_ms,
            min_order: self.facts.min_order,
            tick: TickSize::CENT,
            neg_risk: self.facts.neg_risk,
        };
        book_hash(&inputs, self.wire(outcome, Side::Buy), self.wire(outcome, Side::Sell), &self.last_trade)
    }

    fn message(&self, outcome: Outcome, venue_ms: u64, told: Told) -> BookMessage {
        BookMessage {
            market: self.facts.condition.clone(),
            token: self.facts.token_id(outcome).clone(),
            bids: self.wire(outcome, Side::Buy),
            asks: self.wire(outcome, Side::Sell),
            venue_ms,
            hash: (!told.no_hashes).then(|| self.hash(outcome, venue_ms)),
            tick: Some(TickSize::CENT),
            min_order: None,
            neg_risk: None,
            last_trade: Some(self.last_trade.as_str().into()),
        }
    }
}

/// A frame on its way, and what it is about.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) market: u16,
    pub(super) event: WireEvent,
}

impl Sent {
    pub(super) fn text(&self) -> String {
        encode(&self.event).expect("a known event")
    }

    /// Its entries of one token alone; `None` where none is left.
    pub(super) fn only(&self, facts: &Market, outcome: Outcome) -> Option<Self> {
        let WireEvent::PriceChange(change) = &self.event else { return Some(self.clone()) };
        let token = facts.token_id(outcome);
        let changes: Vec<LevelChange> = change.changes.iter().filter(|c| c.token == *token).cloned().collect();
        let event = WireEvent::PriceChange(PriceChange { changes, ..change.clone() });
        Some(Self { market: self.market, event })
    }
}

/// Venue, line and engine.
pub(super) struct Feed {
    pub(super) engine: Engine,
    pub(super) ms: u64,
    pub(super) draws: Draws,
    pub(super) told: Told,
    /// Markets whose content is dead on the stream.
    pub(super) dead: BTreeSet<u16>,
    /// Longest a book that is believed has differed from the venue's, by market, milliseconds.
    pub(super) worst_ms: u64,
    /// Subscriptions asked for anew.
    pub(super) resyncs: u64,
    /// REST books asked for.
    pub(super) fetches: u64,
    truths: Vec<Truth>,
    wrong_since: Vec<Option<u64>>,
    allowed_ms: u64,
    orders: BTreeMap<ClientOrderId, MarketIx>,
    answers: BTreeMap<(u64, u64), Input>,
    answered: u64,
    seq: u64,
}

impl Feed {
    /// Three markets that are told and quoted. A believed book may differ from the venue's for `allowed_ms` at most.
    pub(super) fn new(seed: u64, allowed_ms: u64, change: impl FnOnce(&mut mm_core::config::Config)) -> Self {
        let mut config = noise::config(STRICT);
        change(&mut config);
        Self {
            engine: Engine::new(config, Vec::new()),
            ms: START_MS,
            draws: Draws(seed),
            told: Told::default(),
            dead: BTreeSet::new(),
            worst_ms: 0,
            resyncs: 0,
            fetches: 0,
            truths: (0..MARKETS).map(Truth::new).collect(),
            wrong_since: vec![None; usize::from(MARKETS)],
            allowed_ms,
            orders: BTreeMap::new(),
            answers: BTreeMap::new(),
            answered: 0,
            seq: 0,
        }
    }

    /// Connects and subscribes.
    pub(super) fn open(&mut self) -> Result<(), String> {
        let cap = Usdc::from_micro(1_000_000_000_000);
        let gate = Gate::Open { until: Timestamp::MAX };
        let caps = Caps { order: cap, market: cap, total: cap };
        let mut inputs = vec![
            Input::Universe(self.truths.iter().map(|truth| truth.facts.clone()).collect()),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome { open: Vec::new(), gate, caps }),
            Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
        ];
        inputs.extend((0..MARKETS).map(|row| self.dump(row)));
        self.turn(inputs)
    }

    pub(super) fn facts(&self, row: u16) -> &Market {
        &self.truths[usize::from(row)].facts
    }

    pub(super) fn frame(&self, text: String) -> Input {
        Input::MarketFrame { link: LinkIx(0), received: Timestamp::from_ms(self.ms), text }
    }

    /// The answer to a subscription.
    fn dump(&self, row: u16) -> Input {
        let truth = &self.truths[usize::from(row)];
        let book = |outcome| WireEvent::Book(truth.message(outcome, self.ms, self.told));
        self.frame(encode_all(&[book(Outcome::Yes), book(Outcome::No)]))
    }

    /// A level becomes this size at the venue; what is told of it.
    pub(super) fn set(&mut self, row: u16, side: Side, price: Price, qty: Qty) -> Sent {
        let truth = &mut self.truths[usize::from(row)];
        if qty.is_zero() {
            truth.levels.remove(&(side, price))
        } else {
            truth.levels.insert((side, price), qty)
        };
        let change = |outcome: Outcome| {
            let (side, price) = seen_from(outcome, side, price);
            LevelChange {
                token: truth.facts.token_id(outcome).clone(),
                price,
                qty,
                side,
                hash: (!self.told.no_hashes).then(|| truth.hash(outcome, self.ms)),
                top: (!self.told.no_tops).then(|| truth.top(outcome)),
            }
        };
        let changes = [Outcome::Yes, Outcome::No].map(change).into();
        let market = truth.facts.condition.clone();
        let event = WireEvent::PriceChange(PriceChange { market, changes, venue_ms: self.ms });
        Sent { market: row, event }
    }

    /// Something ordinary happens in a market: what is told of it, in order; the last may be told later.
    pub(super) fn happens(&mut self, row: u16) -> (Sent, Option<Sent>) {
        let side = if self.draws.below(2) == 0 { Side::Buy } else { Side::Sell };
        let truth = &self.truths[usize::from(row)];
        let (best, other) = (truth.best(side), truth.best(side.other()));
        let (best, other) = (best.ten_thousandths() / 100, other.ten_thousandths() / 100);
        let behind = |n: u16| if side == Side::Buy { best.saturating_sub(n) } else { best + n };
        let room = if side == Side::Buy { other - best } else { best - other };
        let size = shares(1 + self.draws.below(400));
        match self.draws.below(10) {
            // the best price improves
            0 if room > 2 => {
                let price = if side == Side::Buy { best + 1 } else { best - 1 };
                (self.set(row, side, cents(price), size), None)
            }
            // it is taken, and the trade told later
            1 if (20..80).contains(&best) && room < 6 => {
                let price = cents(best);
                let truth = &mut self.truths[usize::from(row)];
                truth.last_trade = last_trade_text(price);
                let trade = WireEvent::LastTradePrice {
                    market: truth.facts.condition.clone(),
                    token: truth.facts.yes.clone(),
                    price,
                    qty: size,
                    side: side.other(),
                    venue_ms: self.ms,
                };
                let taken = self.set(row, side, price, Qty::ZERO);
                (taken, Some(Sent { market: row, event: trade }))
            }
            n => {
                let away = u16::try_from(self.draws.below(8)).expect("small");
                let price = behind(away).clamp(50 - WALL + 1, 50 + WALL - 1);
                let qty = if n == 9 && away > 1 { Qty::ZERO } else { size };
                (self.set(row, side, cents(price), qty), None)
            }
        }
    }

    /// What brings a market's best prices within four cents of each other, in sizes that count, so that it can be quoted.
    pub(super) fn narrow(&mut self, row: u16) -> Vec<Sent> {
        let best = |side| self.truths[usize::from(row)].best(side);
        let [bid, ask] = [best(Side::Buy), best(Side::Sell)];
        let mut sent = vec![self.set(row, Side::Buy, bid, shares(100)), self.set(row, Side::Sell, ask, shares(100))];
        loop {
            let truth = &self.truths[usize::from(row)];
            let bid = truth.best(Side::Buy).ten_thousandths() / 100;
            if truth.best(Side::Sell).ten_thousandths() / 100 - bid <= 4 {
                return sent;
            }
            sent.push(self.set(row, Side::Buy, cents(bid + 1), shares(100)));
        }
    }

    /// Hands the engine what is due, and `inputs` behind it; holds it to its promises.
    pub(super) fn turn(&mut self, inputs: Vec<Input>) -> Result<(), String> {
        let mut all = Vec::new();
        while let Some(entry) = self.answers.first_entry().filter(|entry| entry.key().0 <= self.ms) {
            all.push(entry.remove());
        }
        all.extend(inputs);
        self.seq += 1;
        let turn = Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs: all };
        let mut actions = Vec::new();
        self.engine.turn(&turn, &mut actions);
        self.compare()?;
        for action in actions {
            self.venue(action)?;
        }
        Ok(())
    }

    /// Lets time pass with the turns the engine asks for.
    pub(super) fn wait(&mut self, ms: u64) -> Result<(), String> {
        let end = self.ms + ms;
        loop {
            let due = self.engine.next_deadline().map_or(end, |due| due.ms() + 1);
            let answer = self.answers.first_key_value().map_or(end, |((ms, _), _)| *ms);
            let next = due.min(answer).max(self.ms + 1);
            if next >= end {
                break;
            }
            self.ms = next;
            self.turn(Vec::new())?;
        }
        self.ms = end;
        self.turn(Vec::new())
    }

    fn later(&mut self, after_ms: u64, input: Input) {
        self.answered += 1;
        self.answers.insert((self.ms + after_ms, self.answered), input);
    }

    fn venue(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Place { id, order } => {
                let row = order.token.market;
                let synced = self.engine.book(row).is_some_and(Book::is_synced);
                if !synced {
                    return Err(format!("an order was placed in market {} whose book is not believed", row.0));
                }
                self.orders.insert(id, row);
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&id.0.to_le_bytes());
                self.later(ANSWER_MS, Input::Executor(FromExecutor::Accepted { id, order: OrderId::from_bytes(hash) }));
            }
            Action::Cancel { id } => self.cancel(id),
            Action::CancelAll { .. } => {
                let ids: Vec<ClientOrderId> = self.orders.keys().copied().collect();
                ids.into_iter().for_each(|id| self.cancel(id));
            }
            Action::Resync { token, .. } => {
                self.resyncs += 1;
                if !self.dead.contains(&token.market.0) {
                    // the books are those of the moment the subscription arrives
                    let book = self.dump(token.market.0);
                    self.later(ANSWER_MS, book);
                }
            }
            Action::FetchBook { token } => {
                self.fetches += 1;
                let truth = &self.truths[token.market.index()];
                let body = BookMessage {
                    min_order: Some(truth.facts.min_order),
                    neg_risk: Some(truth.facts.neg_risk),
                    ..truth.message(token.outcome, self.ms, self.told)
                };
                let (received, text) = (Timestamp::from_ms(self.ms + ANSWER_MS), encode_rest_book(&body));
                self.later(ANSWER_MS, Input::RestBook { token, received, text });
            }
            Action::Alert(_) => {}
        }
        Ok(())
    }

    fn cancel(&mut self, id: ClientOrderId) {
        if self.orders.remove(&id).is_some() {
            self.later(ANSWER_MS, Input::Executor(FromExecutor::Canceled { id, matched: Qty::ZERO }));
        }
    }

    /// Whether the engine's book of a market is the venue's.
    pub(super) fn is_true(&self, row: u16) -> bool {
        let truth = &self.truths[usize::from(row)];
        let [bids, asks] = [Side::Buy, Side::Sell].map(|side| truth.wire(Outcome::Yes, side));
        self.engine.book(MarketIx(row)).map(Book::level_digest) == Some(Book::digest_of(Outcome::Yes, &bids, &asks))
    }

    /// Whether a market's book is believed.
    pub(super) fn is_synced(&self, row: u16) -> bool {
        self.engine.book(MarketIx(row)).is_some_and(Book::is_synced)
    }

    fn compare(&mut self) -> Result<(), String> {
        for row in 0..MARKETS {
            let wrong = self.is_synced(row) && !self.is_true(row);
            let since = &mut self.wrong_since[usize::from(row)];
            if !wrong {
                *since = None;
                continue;
            }
            let lasted = self.ms - *since.get_or_insert(self.ms);
            self.worst_ms = self.worst_ms.max(lasted);
            if lasted > self.allowed_ms {
                return Err(format!("market {row}: another book than the venue's was believed for {lasted} ms"));
            }
        }
        Ok(())
    }

    /// Every book is the venue's, believed, and quoted on.
    pub(super) fn is_whole(&self) -> Result<(), String> {
        for row in 0..MARKETS {
            let quoted = self.orders.values().any(|market| market.0 == row);
            if !self.is_synced(row) || !self.is_true(row) || !quoted {
                let market = &self.engine.snapshot().markets[usize::from(row)];
                return Err(format!(
                    "at the end market {row} is {}, the venue's {}, quoted {quoted}: {:?}",
                    market.sync,
                    self.is_true(row),
                    market
                ));
            }
        }
        Ok(())
    }
}
