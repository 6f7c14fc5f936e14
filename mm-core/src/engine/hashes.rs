//! The venue's hash as proof of a book (`clob-streams.md` sections 5 and 7): at most one a market and `hash_every`.
//!
//! A hash names the state that a whole batch leads to, so it is compared when the next batch is about to open, or when nothing has
//! come for a while. A match proves the book. A mismatch does not disprove it: the last trade price is part of the hash and its
//! string may run ahead of its event, so each check is kept open for the candidates that are still to come. Only a doubt that
//! outlives the grace, in a market whose hash matched since its last snapshot, makes the book suspect.
//!
//! The algorithm is the venue's and has changed before. Whole books that contradict themselves, market after market with no match in
//! between, say that it has changed again: the check is switched off then. That never makes a suspect book good.

use super::wakes::Wakes;
use super::{Engine, alert};
use crate::book::Book;
use crate::domain::{Market, MarketIx, Nanos, Outcome, Price, Qty, Side, Timestamp, Token};
use crate::event::{Action, Alert, BookHash, MarketEvent};
use crate::venue::book_hash::{HashInputs, OpenHash, last_trade_text};
use crate::venue::market_ws::BookMessage;
use std::collections::BTreeSet;

/// Nothing more of a batch comes after it has been quiet for this long.
const BATCH_OVER: Nanos = Nanos::from_ms(100);
/// A trade's own event comes at most this long after a book that already contains it (67 to 290 ms measured).
const TRADE_LATE: Nanos = Nanos::from_ms(500);
/// Checks of quiet markets are gathered at whole multiples of this, so that they share their turns.
const GATHER_MS: u64 = 100;
/// Whole books in a row, of as many markets if there are as many, after which the check itself is doubted.
const WHOLE_BOOKS: usize = 3;

/// What the engine keeps for all markets.
#[derive(Clone, Debug)]
pub(super) struct Hashes {
    /// When a market is looked at though nothing arrives.
    wakes: Wakes,
    /// The algorithm is not the one we know.
    off: bool,
    /// Whole books in a row that speak against the present state of the switch, and their markets.
    against: usize,
    against_in: BTreeSet<MarketIx>,
    /// Used again by every check.
    levels: [Vec<(Price, Qty)>; 2],
}

impl Hashes {
    pub(super) const fn new() -> Self {
        Self {
            wakes: Wakes::new(),
            off: false,
            against: 0,
            against_in: BTreeSet::new(),
            levels: [Vec::new(), Vec::new()],
        }
    }

    pub(super) fn first(&self) -> Option<Timestamp> {
        self.wakes.first()
    }

    pub(super) const fn is_off(&self) -> bool {
        self.off
    }

    /// Notes a hash that was compared, and whether the book was whole and brought everything its hash is made of. Returns whether
    /// the switch was just turned.
    fn note(&mut self, ix: MarketIx, agrees: bool, markets: usize) -> bool {
        if agrees != self.off {
            self.against = 0;
            self.against_in.clear();
            return false;
        }
        self.against += 1;
        self.against_in.insert(ix);
        let turned = self.against >= WHOLE_BOOKS && self.against_in.len() >= WHOLE_BOOKS.min(markets);
        if turned {
            self.off = !self.off;
            self.against = 0;
            self.against_in.clear();
        }
        turned
    }
}

/// What is kept for one market.
#[derive(Clone, Debug)]
pub(super) struct HashRow {
    /// No check before this.
    due: Timestamp,
    /// When a hash was last told.
    changed: Timestamp,
    /// A wake-up is planned.
    planned: bool,
    /// Whose hash is taken next.
    next: Outcome,
    /// Venue time of the hash that was compared last, and the digest of the levels it was compared with.
    checked: Option<(u64, u64)>,
    /// Epoch of the book in which a hash matched.
    anchor: Option<u64>,
    /// A hash of this market matched in this run: it can be computed.
    known: bool,
    doubt: Option<Doubt>,
}

/// A check that did not match, of a book that was proven before.
#[derive(Clone, Debug)]
struct Doubt {
    /// When the first hash that did not match was told.
    since: Timestamp,
    /// The last of them, open for another last trade price.
    open: OpenHash,
    hash: BookHash,
}

impl HashRow {
    pub(super) const fn new() -> Self {
        Self {
            due: Timestamp::EPOCH,
            changed: Timestamp::EPOCH,
            planned: false,
            next: Outcome::Yes,
            checked: None,
            anchor: None,
            known: false,
            doubt: None,
        }
    }

    /// Whether a comparison was made already. A change that comes late makes other levels of the same moment.
    fn is_settled(&self, venue_ms: u64, levels: u64) -> bool {
        self.checked == Some((venue_ms, levels))
    }

    /// What goes into the digest of all state.
    pub(super) fn numbers(&self) -> [u64; 4] {
        let doubt = self.doubt.as_ref().map_or(0, |doubt| doubt.since.nanos());
        let flags = u64::from(self.known) | u64::from(self.planned) << 1 | (self.next as u64) << 2;
        [self.due.nanos(), self.anchor.map_or(0, |epoch| epoch + 1), doubt, flags]
    }
}

/// What a whole book's own hash says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Proves,
    Contradicts,
    /// It has none, or not everything it is made of is known.
    Silent,
}

impl Engine {
    /// An event is about to be taken: if it opens another batch, the book is what the last hash names, and may be checked.
    pub(super) fn check_before(&mut self, event: &MarketEvent) {
        let Some(state) = self.markets.get(event.market().index()) else { return };
        if self.at >= state.hash.due && opens_another(&state.book, event) {
            self.check_hash(event.market());
        }
    }

    /// An event was taken: what it told about hashes is noted.
    pub(super) fn note_hash(&mut self, event: &MarketEvent) {
        match event {
            MarketEvent::Snapshot { token, hash: Some(_), .. } | MarketEvent::Delta { token, hash: Some(_), .. } => {
                let at = self.at;
                let Some(state) = self.markets.get_mut(token.market.index()) else { return };
                state.hash.changed = at;
                if !std::mem::replace(&mut state.hash.planned, true) {
                    let when = at.plus(BATCH_OVER).max(state.hash.due);
                    self.hashes.wakes.plan(token.market, gathered(when));
                }
            }
            MarketEvent::Trade { token, .. } => self.told_trade(token.market),
            _ => {}
        }
    }

    /// A trade came: it may be the one an open check lacked.
    fn told_trade(&mut self, ix: MarketIx) {
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        let Some(doubt) = &state.hash.doubt else { return };
        if let Some(text) = fits(&doubt.open, doubt.hash, &state.book) {
            state.book.set_last_trade(&text);
            self.proven(ix);
        }
    }

    /// Compares the newest hash of one of the two tokens with the book, which must be at the end of a batch.
    fn check_hash(&mut self, ix: MarketIx) {
        let (at, every) = (self.at, self.config.feed.hash_every);
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        if self.hashes.off || !state.book.is_synced() {
            return;
        }
        let Some((outcome, venue_ms, hash)) = newest(&state.book, state.hash.next) else { return };
        let digest = state.book.level_digest().short();
        if state.hash.is_settled(venue_ms, digest) {
            return;
        }
        state.hash.checked = Some((venue_ms, digest));
        state.hash.due = at.plus(every);
        state.hash.next = outcome.other();
        let inputs = inputs(&state.facts, outcome, venue_ms, state.book.tick());
        let [bids, asks] = &mut self.hashes.levels;
        for (side, levels) in [(Side::Buy, &mut *bids), (Side::Sell, &mut *asks)] {
            levels.clear();
            levels.extend(state.book.levels_of(outcome, side));
            levels.reverse();
        }
        let open = OpenHash::new(&inputs, bids.iter().copied(), asks.iter().copied());
        if let Some(text) = fits(&open, hash, &state.book) {
            if state.book.last_trade() != Some(&*text) {
                state.book.set_last_trade(&text);
            }
            self.proven(ix);
        } else if state.hash.anchor == Some(state.book.epoch()) {
            // Not when it was compared: a busy market waits for its turn, and what comes late was late meanwhile.
            let (told, grace) = (state.hash.changed, self.config.feed.hash_grace);
            let since = state.hash.doubt.as_ref().map_or(told, |doubt| doubt.since);
            // One that comes too late to be judged within the grace may end a doubt, but does not prolong it.
            if state.hash.doubt.is_none() || told.plus(TRADE_LATE) <= since.plus(grace) {
                state.hash.doubt = Some(Doubt { since, open, hash });
            }
            self.hashes.wakes.plan(ix, gathered(since.plus(grace)));
        } else {
            self.totals.hashes_unproven += 1;
        }
    }

    /// A hash matched.
    fn proven(&mut self, ix: MarketIx) {
        self.totals.hashes_proven += 1;
        let markets = self.markets.len();
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        state.hash.anchor = Some(state.book.epoch());
        state.hash.known = true;
        state.hash.doubt = None;
        if !self.hashes.off {
            let _ = self.hashes.note(ix, true, markets);
        }
    }

    /// Looks at markets whose last batch is over, and ends the grace of doubts.
    pub(super) fn judge_hashes(&mut self, out: &mut Vec<Action>) {
        let at = self.at;
        if self.hashes.wakes.first().is_none_or(|first| first > at) {
            return;
        }
        let mut due = Vec::new();
        self.hashes.wakes.take_due(at, |ix| due.push(ix));
        for ix in due {
            self.judge_hash(ix, out);
        }
    }

    fn judge_hash(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        let (at, grace) = (self.at, self.config.feed.hash_grace);
        let Some(row) = self.markets.get_mut(ix.index()).map(|state| &mut state.hash) else { return };
        row.planned = false;
        let ready = row.changed.plus(BATCH_OVER).max(row.due);
        if at >= ready {
            self.check_hash(ix);
        }
        let off = self.hashes.off;
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        // a doubt about a book that was replaced or lost meanwhile is about nothing
        if off || !state.book.is_synced() || state.hash.anchor != Some(state.book.epoch()) {
            state.hash.doubt = None;
        }
        let row = &mut state.hash;
        if let Some(until) = row.doubt.as_ref().map(|doubt| doubt.since.plus(grace)) {
            if at >= until {
                row.doubt = None;
                state.book.contradict(at);
                self.totals.hashes_contradicted += 1;
                alert(Alert::HashContradicts(super::yes(ix)), out);
                return self.broken(ix, out);
            }
            self.hashes.wakes.plan(ix, gathered(until));
        }
        let digest = state.book.level_digest().short();
        let unchecked = !off && newest(&state.book, row.next).is_some_and(|(_, ms, _)| !row.is_settled(ms, digest));
        if unchecked && at < ready {
            row.planned = true;
            self.hashes.wakes.plan(ix, gathered(ready));
        }
    }

    /// Whether a snapshot may be taken, and whether its hash proves it. One for a book that is out of sync must be proven by its own
    /// hash, in a market where that was possible before and as far as it says what its hash is made of.
    pub(super) fn vouch(&mut self, event: &MarketEvent, out: &mut Vec<Action>) -> Option<bool> {
        let MarketEvent::Snapshot { token, bids, asks, tick, last_trade, hash, venue_ms } = event else {
            return Some(false);
        };
        let state = self.markets.get(token.market.index())?;
        let known = state.hash.known;
        let own = hash.map_or(Own::Silent, |hash| {
            let inputs = inputs(&state.facts, token.outcome, *venue_ms, tick.unwrap_or(state.book.tick()));
            let open = OpenHash::new(&inputs, bids.iter().rev().copied(), asks.iter().rev().copied());
            match last_trade {
                Some(text) if open.close(text) == hash => Own::Proves,
                Some(_) => Own::Contradicts,
                // without it only a match says something
                None if fits(&open, hash, &state.book).is_some() => Own::Proves,
                None => Own::Silent,
            }
        });
        self.judge_whole(*token, own, known, out)
    }

    /// Whether a REST body may be believed, and whether its hash proves it: one that says what its hash is made of must have it.
    pub(super) fn vouch_rest(&mut self, token: Token, body: &BookMessage, out: &mut Vec<Action>) -> Option<bool> {
        let own = match (body.hash, body.min_order, body.tick, body.neg_risk, body.last_trade.as_deref()) {
            (Some(hash), Some(min_order), Some(tick), Some(neg_risk), Some(last_trade)) => {
                let (market, token) = (body.market.as_str(), body.token.as_str());
                let inputs = HashInputs { market, token, venue_ms: body.venue_ms, min_order, tick, neg_risk };
                let open = OpenHash::new(&inputs, body.bids.iter().copied(), body.asks.iter().copied());
                if open.close(last_trade) == hash { Own::Proves } else { Own::Contradicts }
            }
            _ => Own::Silent,
        };
        self.judge_whole(token, own, true, out)
    }

    /// Counts what a whole book's hash says, turns the switch if need be. `demanded`: a book that contradicts itself is refused.
    fn judge_whole(&mut self, token: Token, own: Own, demanded: bool, out: &mut Vec<Action>) -> Option<bool> {
        let agrees = match own {
            Own::Silent => return Some(false),
            Own::Proves => true,
            Own::Contradicts => false,
        };
        if agrees {
            self.totals.hashes_proven += 1;
        } else if demanded {
            self.totals.hashes_contradicted += 1;
            alert(Alert::HashContradicts(token), out);
        } else {
            self.totals.hashes_unproven += 1;
        }
        if self.hashes.note(token.market, agrees, self.markets.len()) {
            alert(Alert::HashChecks { on: !self.hashes.off }, out);
        }
        (agrees || !demanded || self.hashes.off).then_some(agrees)
    }

    /// A whole book was taken that has the hash our own facts give it.
    pub(super) fn anchor(&mut self, ix: MarketIx) {
        if let Some(state) = self.markets.get_mut(ix.index()) {
            state.hash.anchor = state.book.is_synced().then(|| state.book.epoch());
            // the other token's book of the same moment would only say it again
            let levels = state.book.level_digest().short();
            state.hash.checked = newest(&state.book, state.hash.next).map(|(_, venue_ms, _)| (venue_ms, levels));
            state.hash.known = true;
        }
    }
}

/// The next moment at which checks of quiet markets are made.
fn gathered(at: Timestamp) -> Timestamp {
    let step = Nanos::from_ms(GATHER_MS).nanos();
    Timestamp::EPOCH.plus(Nanos::from_nanos(at.nanos().div_ceil(step).saturating_mul(step)))
}

/// The state that the newest hash names, if the book has not moved past it: of `prefer`'s book if both tokens are told.
fn newest(book: &Book, prefer: Outcome) -> Option<(Outcome, u64, BookHash)> {
    let told = |outcome| book.announced_hash(outcome).map(|(ms, hash)| (outcome, ms, hash));
    let (first, second) = (told(prefer), told(prefer.other()));
    let ms = |state: Option<(Outcome, u64, BookHash)>| state.map_or(0, |(_, ms, _)| ms);
    let newest = if ms(second) > ms(first) { second } else { first };
    newest.filter(|(_, ms, _)| *ms >= book.venue_ms())
}

/// Whether an event belongs to another batch than the newest hash: another timestamp, or another hash of the same token.
fn opens_another(book: &Book, event: &MarketEvent) -> bool {
    let (MarketEvent::Snapshot { token, hash, venue_ms, .. } | MarketEvent::Delta { token, hash, venue_ms, .. }) =
        event
    else {
        return false;
    };
    let told = |outcome| book.announced_hash(outcome).filter(|(ms, _)| ms == venue_ms);
    match told(token.outcome) {
        Some((_, known)) => Some(known) != *hash,
        None => told(token.outcome.other()).is_none(),
    }
}

fn inputs(facts: &Market, outcome: Outcome, venue_ms: u64, tick: crate::domain::TickSize) -> HashInputs<'_> {
    HashInputs {
        market: facts.condition.as_str(),
        token: facts.token_id(outcome).as_str(),
        venue_ms,
        min_order: facts.min_order,
        tick,
        neg_risk: facts.neg_risk,
    }
}

/// The last trade price with which an open hash is `hash`: the one known, the newest print or its complement, each also in the
/// shortest form (the venue writes `0.850`, and has written `0.95`).
fn fits(open: &OpenHash, hash: BookHash, book: &Book) -> Option<Box<str>> {
    let known = book.last_trade().unwrap_or_default();
    if open.close(known) == hash {
        return Some(known.into());
    }
    let (_, price) = book.last_print()?;
    [price, price.complement()]
        .into_iter()
        .flat_map(|price| [last_trade_text(price), price.to_string()])
        .find(|text| open.close(text) == hash)
        .map(String::into_boxed_str)
}
