//! Grows a book per market from recorded frames and says what the recording is worth.
//!
//! The rules: at the end of each timestamp of a market, levels beyond the announced top are deleted (after opening that is
//! a *repair*); a market opens once its tops have agreed for two seconds of tape time, at once when the recording holds its
//! whole book, and closes when an announced level is unknown. Everything is kept in YES terms: the mirrored entry of the
//! other token says the same thing twice. Never sorts: events are taken in the order of the recording.

use mm_core::domain::{ConditionId, Outcome, Price, Qty, Side, TickSize, TokenId};
use mm_core::event::Top;
use mm_core::venue::market_ws::{BookMessage, PriceChange, WireEvent};
use std::collections::BTreeMap;

/// How long a market's tops must have agreed before it opens, milliseconds of tape time.
pub const AGREEMENT_MS: u64 = 2_000;

/// One change of the recorded world, in YES terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A level has a new total size; zero removes it.
    Level {
        /// Buy: a bid level.
        side: Side,
        /// Of YES.
        price: Price,
        /// Its new size.
        qty: Qty,
    },
    /// A recorded trade, as recorded: of one token, with the taker's side.
    Print {
        /// Which token.
        outcome: Outcome,
        /// The taker's.
        side: Side,
        /// Of that token.
        price: Price,
        /// Shares.
        qty: Qty,
    },
    /// The recording holds the whole book of this token here; the levels before this said what is in it.
    Whole(Outcome),
    /// The tick changed.
    Tick(TickSize),
    /// The market may be shown and traded.
    Open,
    /// It may not any more: the recording lost too much, or the market was resolved.
    Close,
}

/// All changes of one market at one of its timestamps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// When it is due, milliseconds of tape time: the latest timestamp seen up to its last event.
    pub due_ms: u64,
    /// Row of the market, in order of appearance.
    pub market: usize,
    /// In order.
    pub ops: Vec<Op>,
    /// Number of its last event: the order of the recording.
    order: u64,
}

/// What is known of a recorded market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrownMarket {
    /// Its id.
    pub condition: ConditionId,
    /// Its tokens; the first to appear is YES. A market of which only one token appeared cannot be played.
    pub tokens: Vec<TokenId>,
    /// What the recording itself says of the tick.
    pub tick: Option<TickSize>,
    /// Coarsest of 0.01, 0.001, 0.0001 that divides every price seen.
    pub auto_tick: TickSize,
    /// Last trade price told by the first whole book, as the venue wrote it.
    pub first_last_trade: Option<Box<str>>,
    /// What the rules found.
    pub report: MarketReport,
}

/// What the tape rules found in one market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketReport {
    /// Batches of changes with one timestamp.
    pub timestamps: u64,
    /// Trades.
    pub prints: u64,
    /// When it first opened, milliseconds since 1970.
    pub opened_ms: Option<u64>,
    /// Timestamps, after opening, at which a level beyond the announced top had to go.
    pub repairs: u64,
    /// Levels that went.
    pub repaired_levels: u64,
    /// Times it closed because an announced level was unknown.
    pub closed: u64,
    /// Announced tops compared after opening.
    pub tops_compared: u64,
    /// Of those, how many differed before any repair.
    pub differences: u64,
}

/// What the tape rules found in a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events taken.
    pub events: u64,
    /// First timestamp.
    pub start_ms: u64,
    /// Latest timestamp.
    pub end_ms: u64,
    /// One row a market, in order of appearance.
    pub markets: Vec<(ConditionId, MarketReport)>,
}

impl Report {
    /// Markets that opened.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.markets.iter().filter(|(_, m)| m.opened_ms.is_some()).count()
    }

    /// Sum of all markets' repairs.
    #[must_use]
    pub fn repairs(&self) -> u64 {
        self.markets.iter().map(|(_, m)| m.repairs).sum()
    }

    /// Sum of all markets' closings.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.markets.iter().map(|(_, m)| m.closed).sum()
    }

    /// What breaks the rules of a usable recording: more than one repair per started 1,000 timestamps of a market, or a
    /// market that closed again. Empty when it is usable.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut out = Vec::new();
        for (condition, m) in &self.markets {
            let allowed = m.timestamps.div_ceil(1_000);
            if m.repairs > allowed {
                out.push(format!(
                    "{condition}: {} repairs, {allowed} allowed for {} timestamps",
                    m.repairs, m.timestamps
                ));
            }
            if m.closed > 0 {
                out.push(format!("{condition}: closed {} times because an announced level was unknown", m.closed));
            }
        }
        out
    }
}

/// One market while it grows.
struct Growing {
    facts: GrownMarket,
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
    open: bool,
    agreed_since: Option<u64>,
    /// Timestamp of the newest whole book: older changes are in it already.
    snapshot_ms: Option<u64>,
    /// The batch being collected.
    batch: Option<Pending>,
}

/// A batch that has not ended.
struct Pending {
    ms: u64,
    announced: Option<Top>,
    whole: bool,
    ops: Vec<Op>,
    due_ms: u64,
    order: u64,
}

/// Grows books from events in the order of the recording.
#[derive(Default)]
pub struct Grower {
    markets: Vec<Growing>,
    rows: BTreeMap<ConditionId, usize>,
    batches: Vec<Batch>,
    events: u64,
    start_ms: Option<u64>,
    latest_ms: u64,
}

/// What a recording grew into.
#[derive(Debug)]
pub struct Grown {
    /// Markets in order of appearance.
    pub markets: Vec<GrownMarket>,
    /// Changes in order of the recording; `due_ms` never falls.
    pub batches: Vec<Batch>,
    /// What the rules found.
    pub report: Report,
}

impl Grower {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of the recording. Events without a book in them are counted and change nothing.
    pub fn push(&mut self, event: &WireEvent) {
        self.events += 1;
        match event {
            WireEvent::PriceChange(change) => self.change(change),
            WireEvent::Book(book) => self.whole(book),
            WireEvent::LastTradePrice { market, token, price, qty, side, venue_ms } => {
                self.see(*venue_ms);
                let row = self.row(market);
                let outcome = self.markets[row].outcome(token);
                if let Some(outcome) = outcome {
                    self.markets[row].facts.report.prints += 1;
                    self.alone(row, Op::Print { outcome, side: *side, price: *price, qty: *qty });
                }
            }
            WireEvent::TickSizeChange { market, new, venue_ms, .. } => {
                self.see(*venue_ms);
                let row = self.row(market);
                self.end_batch(row);
                self.alone(row, Op::Tick(*new));
            }
            WireEvent::MarketResolved { market, venue_ms, .. } => {
                self.see(*venue_ms);
                let row = self.row(market);
                self.end_batch(row);
                if std::mem::replace(&mut self.markets[row].open, false) {
                    self.alone(row, Op::Close);
                }
            }
            WireEvent::BestBidAsk { .. } | WireEvent::NewMarket { .. } | WireEvent::Unknown { .. } => {}
        }
    }

    /// Ends every batch that is still open. Call once, after the last event; more events may follow only in a test.
    pub fn finish(&mut self) {
        for row in 0..self.markets.len() {
            self.end_batch(row);
        }
    }

    /// What the rules found so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            events: self.events,
            start_ms: self.start_ms.unwrap_or(0),
            end_ms: self.latest_ms,
            markets: self.markets.iter().map(|m| (m.facts.condition.clone(), m.facts.report.clone())).collect(),
        }
    }

    /// Everything: markets, changes, findings.
    #[must_use]
    pub fn into_grown(mut self) -> Grown {
        self.finish();
        let report = self.report();
        // A batch is known to have ended only when a later one begins; it is played where it stood.
        self.batches.sort_by_key(|batch| batch.order);
        Grown { markets: self.markets.into_iter().map(|m| m.facts).collect(), batches: self.batches, report }
    }

    fn see(&mut self, ms: u64) {
        self.start_ms.get_or_insert(ms);
        self.latest_ms = self.latest_ms.max(ms);
    }

    fn row(&mut self, condition: &ConditionId) -> usize {
        if let Some(row) = self.rows.get(condition) {
            return *row;
        }
        let row = self.markets.len();
        self.rows.insert(condition.clone(), row);
        self.markets.push(Growing {
            facts: GrownMarket {
                condition: condition.clone(),
                tokens: Vec::new(),
                tick: None,
                auto_tick: TickSize::CENT,
                first_last_trade: None,
                report: MarketReport::default(),
            },
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            open: false,
            agreed_since: None,
            snapshot_ms: None,
            batch: None,
        });
        row
    }

    /// A batch of one op.
    fn alone(&mut self, row: usize, op: Op) {
        self.batches.push(Batch { due_ms: self.latest_ms, market: row, ops: vec![op], order: self.events });
    }

    /// The market's batch for `ms`, ending an earlier one.
    fn batch(&mut self, row: usize, ms: u64) -> (&mut Growing, u64, u64) {
        if self.markets[row].batch.as_ref().is_some_and(|batch| batch.ms != ms) {
            self.end_batch(row);
        }
        (&mut self.markets[row], self.latest_ms, self.events)
    }

    fn change(&mut self, change: &PriceChange) {
        self.see(change.venue_ms);
        let row = self.row(&change.market);
        if self.markets[row].snapshot_ms.is_some_and(|ms| change.venue_ms < ms) {
            return;
        }
        let (market, due_ms, order) = self.batch(row, change.venue_ms);
        let mut batch = market.batch.take().unwrap_or_else(|| Pending::new(change.venue_ms));
        (batch.due_ms, batch.order) = (due_ms, order);
        for entry in &change.changes {
            let Some(outcome) = market.outcome(&entry.token) else { continue };
            market.see_price(entry.price);
            let (side, price) = in_yes_terms(outcome, entry.side, entry.price);
            market.set(side, price, entry.qty, &mut batch.ops);
            if let Some(top) = entry.top {
                batch.announced = Some(top.in_yes_terms(outcome));
            }
        }
        market.batch = Some(batch);
    }

    fn whole(&mut self, book: &BookMessage) {
        self.see(book.venue_ms);
        let row = self.row(&book.market);
        let (market, due_ms, order) = self.batch(row, book.venue_ms);
        let Some(outcome) = market.outcome(&book.token) else { return };
        let mut batch = market.batch.take().unwrap_or_else(|| Pending::new(book.venue_ms));
        (batch.due_ms, batch.order) = (due_ms, order);
        for (side, levels) in [(Side::Buy, &book.bids), (Side::Sell, &book.asks)] {
            let mut want = BTreeMap::new();
            for (price, qty) in levels {
                market.see_price(*price);
                want.insert(in_yes_terms(outcome, side, *price).1, *qty);
            }
            let side = in_yes_terms(outcome, side, Price::ZERO).0;
            let gone: Vec<Price> = market.side(side).keys().copied().filter(|p| !want.contains_key(p)).collect();
            for price in gone {
                market.set(side, price, Qty::ZERO, &mut batch.ops);
            }
            for (price, qty) in want {
                market.set(side, price, qty, &mut batch.ops);
            }
        }
        batch.ops.push(Op::Whole(outcome));
        batch.whole = true;
        // A whole book is the venue's own word: what was announced before it no longer counts.
        batch.announced = None;
        market.snapshot_ms = Some(book.venue_ms);
        market.facts.tick = book.tick.or(market.facts.tick);
        if market.facts.first_last_trade.is_none() {
            market.facts.first_last_trade.clone_from(&book.last_trade);
        }
        market.batch = Some(batch);
    }

    /// The end of a timestamp: repair, compare, open or close.
    fn end_batch(&mut self, row: usize) {
        let market = &mut self.markets[row];
        let Some(mut batch) = market.batch.take() else { return };
        market.facts.report.timestamps += 1;
        market.judge(&mut batch);
        self.batches.push(Batch { due_ms: batch.due_ms, market: row, ops: batch.ops, order: batch.order });
    }
}

impl Pending {
    const fn new(ms: u64) -> Self {
        Self { ms, announced: None, whole: false, ops: Vec::new(), due_ms: 0, order: 0 }
    }
}

impl Growing {
    /// Which of the market's tokens this is; the first two to appear are its tokens, a third is none.
    fn outcome(&mut self, token: &TokenId) -> Option<Outcome> {
        let tokens = &mut self.facts.tokens;
        let at = tokens.iter().position(|known| known == token).or_else(|| {
            tokens.push(token.clone());
            Some(tokens.len() - 1)
        });
        match at {
            Some(0) => Some(Outcome::Yes),
            Some(1) => Some(Outcome::No),
            _ => {
                tokens.truncate(2);
                None
            }
        }
    }

    fn see_price(&mut self, price: Price) {
        // 0.01, 0.001, 0.0001: coarsest first; a price that does not divide moves to the next finer one
        for n in [10u16, 1] {
            if !price.is_on(self.facts.auto_tick) {
                self.facts.auto_tick = TickSize::try_from(n).unwrap_or(self.facts.auto_tick);
            }
        }
    }

    const fn side(&mut self, side: Side) -> &mut BTreeMap<Price, Qty> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Sets a level and notes it, unless it says what is known already.
    fn set(&mut self, side: Side, price: Price, qty: Qty, ops: &mut Vec<Op>) {
        let levels = self.side(side);
        let was = if qty.is_zero() { levels.remove(&price) } else { levels.insert(price, qty) };
        if was.unwrap_or(Qty::ZERO) != qty {
            ops.push(Op::Level { side, price, qty });
        }
    }

    fn judge(&mut self, batch: &mut Pending) {
        let agreed = match batch.announced {
            None => batch.whole,
            Some(top) => {
                let beyond: Vec<(Side, Price)> = (self.bids.keys())
                    .filter(|p| top.bid.is_none_or(|bid| **p > bid))
                    .map(|p| (Side::Buy, *p))
                    .chain(self.asks.keys().filter(|p| top.ask.is_none_or(|ask| **p < ask)).map(|p| (Side::Sell, *p)))
                    .collect();
                let known = top.bid.is_none_or(|p| self.bids.contains_key(&p))
                    && top.ask.is_none_or(|p| self.asks.contains_key(&p));
                if self.open {
                    let report = &mut self.facts.report;
                    report.tops_compared += 1;
                    report.differences += u64::from(!known || !beyond.is_empty());
                    report.repairs += u64::from(!beyond.is_empty());
                    report.repaired_levels += u64::try_from(beyond.len()).unwrap_or(u64::MAX);
                }
                for (side, price) in beyond {
                    self.set(side, price, Qty::ZERO, &mut batch.ops);
                }
                known
            }
        };
        if self.open {
            if batch.announced.is_some() && !agreed {
                self.open = false;
                self.agreed_since = None;
                self.facts.report.closed += 1;
                batch.ops.push(Op::Close);
            }
            return;
        }
        if !agreed {
            // Without an announced top there is nothing to disagree with.
            if batch.announced.is_some() {
                self.agreed_since = None;
            }
            return;
        }
        let since = *self.agreed_since.get_or_insert(batch.ms);
        if batch.whole || batch.ms.saturating_sub(since) >= AGREEMENT_MS {
            self.open = true;
            self.facts.report.opened_ms.get_or_insert(batch.ms);
            batch.ops.push(Op::Open);
        }
    }
}

/// Side and price of a level of one token, seen from YES.
#[inline]
#[must_use]
pub const fn in_yes_terms(outcome: Outcome, side: Side, price: Price) -> (Side, Price) {
    // both are computed and one is chosen: the outcomes of orders follow no pattern that a branch could learn
    let mirrored = (side.other(), price.complement());
    match outcome {
        Outcome::Yes => (side, price),
        Outcome::No => mirrored,
    }
}
