//! Frames in file order: books are rebuilt and every later word of the venue about them is compared.
//!
//! Two rebuilds run side by side: the product's [`Book`], one a market, and a plain map for each token, too simple to be
//! wrong. Hashes, tops and later snapshots judge the maps; the book must equal them at the end of every timestamp.

use super::{FileReport, decode, each_frame};
use mm_core::book::Book;
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, TickSize, Timestamp, Token};
use mm_core::event::{BookHash, MarketEvent, Top};
use mm_core::io::frames::Frame;
use mm_core::io::recorded::{Recorded, Search};
use mm_core::venue::market_ws::{self, BookMessage, WireEvent, WireLevels};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn read(path: &Path) -> FileReport {
    let mut report = FileReport::default();
    let mut replay = Replay::default();
    each_frame(path, &mut report, |frame, report| {
        let events = decode(frame, report);
        replay.frame(frame, &events, report);
    });
    replay.finish(&mut report);
    report
}

/// Levels of one token, last write wins.
#[derive(Clone, Debug, Default)]
struct TokenBook {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
    /// Venue time of its snapshot; `None` before there is one.
    snapshot_ms: Option<u64>,
    /// The snapshot's hash was reproduced.
    proven: bool,
    /// Newest venue time of the snapshot or a change.
    newest_ms: u64,
    /// The state the last change leads to, once it is complete.
    state: Option<(u64, BookHash)>,
    /// Announced for the timestamp that is arriving.
    announced: Option<(u64, Top)>,
    /// Announced by a `best_bid_ask`. Its time is when it was sent: the change it tells of may be stamped earlier and
    /// arrive later, so it is judged when a change from beyond its time arrives.
    ahead: Option<(u64, Top)>,
}

impl TokenBook {
    fn wire(&self) -> (WireLevels, WireLevels) {
        let bids = self.bids.iter().map(|(p, q)| (*p, *q)).collect();
        let asks = self.asks.iter().rev().map(|(p, q)| (*p, *q)).collect();
        (bids, asks)
    }

    fn replace(&mut self, bids: &[(Price, Qty)], asks: &[(Price, Qty)]) {
        self.bids = bids.iter().copied().collect();
        self.asks = asks.iter().copied().collect();
    }

    fn set(&mut self, side: Side, price: Price, qty: Qty) {
        let levels = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if qty.is_zero() {
            levels.remove(&price)
        } else {
            levels.insert(price, qty)
        };
    }

    fn top(&self) -> Top {
        Top { bid: self.bids.last_key_value().map(|(p, _)| *p), ask: self.asks.first_key_value().map(|(p, _)| *p) }
    }

    fn mirror(&self) -> Self {
        let turn = |levels: &BTreeMap<Price, Qty>| levels.iter().map(|(p, q)| (p.complement(), *q)).collect();
        Self { bids: turn(&self.asks), asks: turn(&self.bids), state: None, announced: None, ahead: None, ..*self }
    }
}

#[derive(Default)]
struct Replay {
    recorded: Recorded,
    /// By row and outcome.
    tokens: Vec<[TokenBook; 2]>,
    /// By row.
    books: Vec<Book>,
    /// Venue time of the messages arriving, by row.
    batch_ms: Vec<u64>,
    at: Timestamp,
}

impl Replay {
    fn frame(&mut self, frame: &Frame, events: &[WireEvent], report: &mut FileReport) {
        let mut typed = Vec::new();
        for event in events {
            self.recorded.learn(event);
            let rows = self.recorded.universe().len();
            self.tokens.resize_with(rows, Default::default);
            self.books.resize_with(rows, || Book::new(TickSize::CENT));
            self.batch_ms.resize(rows, 0);
            typed.clear();
            market_ws::to_market_events(self.recorded.universe(), event, &mut typed);
            for typed in &typed {
                if let MarketEvent::Snapshot { token, venue_ms, .. } | MarketEvent::Delta { token, venue_ms, .. } =
                    typed
                {
                    self.begin(frame.line, token.market, *venue_ms, report);
                }
                self.apply(frame.line, event, typed, report);
            }
        }
    }

    fn finish(&mut self, report: &mut FileReport) {
        for row in 0..self.tokens.len() {
            self.end(0, MarketIx(u16::try_from(row).unwrap_or(u16::MAX)), report);
        }
    }

    /// A message of `venue_ms` opens a new timestamp of its market: the one before is complete.
    fn begin(&mut self, line: u64, market: MarketIx, venue_ms: u64, report: &mut FileReport) {
        if self.batch_ms[market.index()] != venue_ms {
            self.end(line, market, report);
            self.batch_ms[market.index()] = venue_ms;
        }
        let judged = self.judged(market);
        for book in &mut self.tokens[market.index()] {
            if let Some((ms, announced)) = book.ahead
                && venue_ms > ms
            {
                book.ahead = None;
                compare_top(line, book, ms, announced, judged, report);
            }
        }
        self.at = self.at.max(Timestamp::from_ms(venue_ms));
    }

    fn apply(&mut self, line: u64, wire: &WireEvent, event: &MarketEvent, report: &mut FileReport) {
        let row = event.market().index();
        match event {
            MarketEvent::Snapshot { token, .. } => {
                if let WireEvent::Book(message) = wire {
                    self.snapshot(line, *token, message, report);
                }
            }
            MarketEvent::Delta { token, side, price, qty, top, hash, venue_ms } => {
                self.change(line, *token, *venue_ms, *hash, report);
                let book = &mut self.tokens[row][token.outcome as usize];
                if book.snapshot_ms.is_some_and(|ms| *venue_ms >= ms) {
                    book.set(*side, *price, *qty);
                    book.newest_ms = book.newest_ms.max(*venue_ms);
                    book.state = hash.map(|hash| (*venue_ms, hash));
                    if let Some(top) = top {
                        book.announced = Some((*venue_ms, *top));
                    }
                }
            }
            MarketEvent::Top { token, top, venue_ms } => {
                let book = &mut self.tokens[row][token.outcome as usize];
                if book.snapshot_ms.is_some_and(|ms| *venue_ms >= ms) && *venue_ms >= book.newest_ms {
                    book.ahead = Some((*venue_ms, *top));
                }
            }
            MarketEvent::Trade { .. } | MarketEvent::TickSize { .. } | MarketEvent::Resolved { .. } => {}
        }
        if let Err(why) = self.books[row].apply(self.at, event)
            && why != mm_core::book::BookError::NoSnapshot
        {
            report.differ(self.judged(event.market()), format!("line {line}: {why}"));
        }
    }

    /// Whether differences in this market are judged: a proven snapshot stands behind its books.
    fn judged(&self, market: MarketIx) -> bool {
        self.tokens[market.index()].iter().any(|book| book.proven)
    }

    fn snapshot(&mut self, line: u64, token: Token, message: &BookMessage, report: &mut FileReport) {
        let row = token.market.index();
        self.prove_state(line, token, report);
        let known = &self.tokens[row][token.outcome as usize];
        // A snapshot of an earlier state than ours cannot be compared: its time is gone.
        if known.snapshot_ms.is_some() && message.venue_ms >= known.newest_ms {
            report.snapshots += 1;
            if known.wire() != (message.bids.clone(), message.asks.clone()) {
                report
                    .differ(known.proven, format!("line {line}: the book is not the rebuilt one of {}", message.token));
            }
        }
        let proven = match self.recorded.prove_book(message, Search::Every) {
            Some(true) => {
                report.proven += 1;
                true
            }
            Some(false) | None => {
                report.unproven += 1;
                report.notes.push(format!("line {line}: snapshot of {} is unproven", message.token));
                false
            }
        };
        let book = &mut self.tokens[row][token.outcome as usize];
        book.replace(&message.bids, &message.asks);
        book.snapshot_ms = Some(message.venue_ms);
        book.newest_ms = message.venue_ms;
        book.proven = proven;
        (book.state, book.announced, book.ahead) = (None, None, None);
        // The other token's book is its mirror until it says otherwise: its hashes then prove the mirror.
        let mirror = book.mirror();
        let other = &mut self.tokens[row][token.outcome.other() as usize];
        if other.snapshot_ms.is_none() || other.newest_ms < message.venue_ms {
            *other = mirror;
        }
    }

    /// Before a change of `token` is applied: if it leads to another state than the one before, that one is complete.
    fn change(&mut self, line: u64, token: Token, venue_ms: u64, hash: Option<BookHash>, report: &mut FileReport) {
        let state = self.tokens[token.market.index()][token.outcome as usize].state;
        if state.is_some_and(|state| Some(state) != hash.map(|hash| (venue_ms, hash))) {
            self.prove_state(line, token, report);
        }
    }

    fn prove_state(&mut self, line: u64, token: Token, report: &mut FileReport) {
        let book = &mut self.tokens[token.market.index()][token.outcome as usize];
        let Some((venue_ms, hash)) = book.state.take() else { return };
        let (bids, asks) = book.wire();
        let proven = book.proven;
        if self.recorded.prove(token, venue_ms, &bids, &asks, hash, Search::Every) {
            report.proven += 1;
        } else if proven {
            report.contradicted += 1;
            report.differ(true, format!("before line {line}: hash {hash} at {venue_ms} is not that of the book"));
        } else {
            report.unproven += 1;
        }
    }

    /// The end of a timestamp of one market.
    fn end(&mut self, line: u64, market: MarketIx, report: &mut FileReport) {
        let row = market.index();
        for outcome in [Outcome::Yes, Outcome::No] {
            self.prove_state(line, Token { market, outcome }, report);
        }
        let judged = self.judged(market);
        for book in &mut self.tokens[row] {
            if let Some((venue_ms, announced)) = book.announced.take() {
                compare_top(line, book, venue_ms, announced, judged, report);
            }
        }
        let [yes, no] = &self.tokens[row];
        if yes.snapshot_ms.is_none() {
            return;
        }
        report.mirrors += 1;
        let mirror = no.mirror();
        if (&mirror.bids, &mirror.asks) != (&yes.bids, &yes.asks) {
            report.differ(judged, format!("before line {line}: NO is not the mirror of YES in row {row}"));
        }
        let book = &mut self.books[row];
        let same = book.levels(Side::Buy).eq(yes.bids.iter().rev().map(|(p, q)| (*p, *q)))
            && book.levels(Side::Sell).eq(yes.asks.iter().map(|(p, q)| (*p, *q)));
        if book.is_synced() && !same {
            report.differ(judged, format!("before line {line}: the book differs from last write wins in row {row}"));
        }
        if let Err(why) = book.judge(self.at) {
            report.differ(judged, format!("before line {line}: the book became suspect: {why}"));
        }
    }
}

fn compare_top(line: u64, book: &TokenBook, venue_ms: u64, announced: Top, judged: bool, report: &mut FileReport) {
    report.tops += 1;
    let ours = book.top();
    if ours != announced {
        report.differ(judged, format!("before line {line}: top at {venue_ms} is {ours:?}, announced {announced:?}"));
    }
}
