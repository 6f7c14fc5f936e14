//! One market's order book in YES terms, and whether it can be trusted.
//!
//! The NO side is the exact mirror of the YES side (price `1 − p`, same size): its messages are checked against the book
//! and never kept twice. The stream has no sequence numbers, so trust comes from what messages say about the state
//! they lead to: announced tops, the mirror, whole books. Such a statement is true only after the last message of its
//! timestamp; a doubt therefore breaks the book only if it outlives a grace period ([`Book::judge`]).
//!
//! Never fetches: a broken book asks for a snapshot through its state. Never reads a clock.

mod digest;
mod levels;
mod recent;

pub use digest::LevelDigest;
pub use levels::LEVELS_MAX;

use crate::domain::{Nanos, Outcome, Price, Qty, Side, TickSize, Timestamp};
use crate::event::{BookHash, MarketEvent, Top};
use levels::SideLevels;
use recent::{Change, Recent};
use serde::{Deserialize, Serialize};

/// How long a doubt may last before the book is [`Sync::Suspect`] (`clob-streams.md` section 7).
pub const SUSPECT_AFTER: Nanos = Nanos::from_ms(1000);
/// NO levels that may wait for their YES counterpart. More than this and the two are not mirrors.
const UNMATCHED_MAX: usize = 128;

/// Whether a book may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sync {
    /// No snapshot since the start, or since continuity was lost.
    Unsynced,
    /// A snapshot and every change since.
    Synced {
        /// When the snapshot was applied.
        since: Timestamp,
    },
    /// A check failed for longer than the grace period: not quoted on, and only a snapshot mends it.
    Suspect {
        /// When it was judged.
        since: Timestamp,
        /// Which check.
        why: BookError,
    },
}

impl Sync {
    /// `unsynced`, `synced` or `suspect`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unsynced => "unsynced",
            Self::Synced { .. } => "synced",
            Self::Suspect { .. } => "suspect",
        }
    }
}

/// Why a book is doubted, or an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum BookError {
    /// A change while unsynced: it is remembered for the snapshot that follows, the state stays.
    #[error("change arrived before any snapshot")]
    NoSnapshot,
    /// A snapshot older than what is known, with no way to complete it: nothing changed.
    #[error("snapshot of {snapshot_ms} ms is too old: changes of {needed_ms} ms and later would be missing")]
    StaleSnapshot {
        /// The snapshot's venue time.
        snapshot_ms: u64,
        /// The oldest venue time a snapshot must have.
        needed_ms: u64,
    },
    /// The sides meet.
    #[error("best bid {bid} is not below best ask {ask}")]
    Crossed {
        /// Best bid.
        bid: Price,
        /// Best ask.
        ask: Price,
    },
    /// The best prices are not those the venue announced, in YES terms.
    #[error("top is {ours:?}, announced was {announced:?}")]
    AnnouncedTop {
        /// Ours.
        ours: Top,
        /// The venue's.
        announced: Top,
    },
    /// The venue's hash names another book.
    #[error("the venue's hash is not that of the book")]
    Hash,
    /// YES and NO tell different books.
    #[error("the NO side is not the mirror of the YES side")]
    Mirror,
    /// A level at nothing or at one dollar: no order can rest there.
    #[error("a level at {price} is outside the book")]
    OutsideBook {
        /// The level.
        price: Price,
    },
}

/// What the venue last said about the top, in YES terms.
#[derive(Clone, Copy, Debug)]
struct Announced {
    venue_ms: u64,
    top: Top,
}

/// A NO level that differs from the book, in YES terms.
#[derive(Clone, Copy, Debug)]
struct Unmatched {
    side: Side,
    price: Price,
    qty: Qty,
    since: Timestamp,
}

/// A whole NO book of a state the YES side has not reached yet.
#[derive(Clone, Copy, Debug)]
struct Witness {
    digest: LevelDigest,
    since: Timestamp,
}

/// One market, in YES terms.
#[derive(Clone, Debug)]
pub struct Book {
    bids: SideLevels,
    asks: SideLevels,
    /// Grid of both sides in ten-thousandths: divides every price in the book.
    step: u16,
    tick: TickSize,
    suspect_after: Nanos,
    sync: Sync,
    epoch: u64,
    /// Venue time of the snapshot the book stands on.
    snapshot_ms: u64,
    /// Newest venue time of a snapshot or an applied change.
    venue_ms: u64,
    /// Venue time of the messages that are arriving.
    batch_ms: u64,
    recent: Recent,
    announced: Option<Announced>,
    /// Crossed, or another top than announced, at the end of a timestamp and ever since.
    wrong_since: Option<Timestamp>,
    unmatched: Vec<Unmatched>,
    witness: Option<Witness>,
    hashes: [Option<(u64, BookHash)>; 2],
    last_trade: Option<Box<str>>,
    last_print: Option<(Outcome, Price)>,
}

impl Book {
    /// An unsynced, empty book.
    #[must_use]
    pub fn new(tick: TickSize) -> Self {
        let step = tick.ten_thousandths();
        Self {
            bids: SideLevels::new(Side::Buy, step),
            asks: SideLevels::new(Side::Sell, step),
            step,
            tick,
            suspect_after: SUSPECT_AFTER,
            sync: Sync::Unsynced,
            epoch: 0,
            snapshot_ms: 0,
            venue_ms: 0,
            batch_ms: 0,
            recent: Recent::default(),
            announced: None,
            wrong_since: None,
            unmatched: Vec::new(),
            witness: None,
            hashes: [None; 2],
            last_trade: None,
            last_print: None,
        }
    }

    /// The same with another grace period.
    #[must_use]
    pub const fn with_grace(mut self, suspect_after: Nanos) -> Self {
        self.suspect_after = suspect_after;
        self
    }

    /// Applies one event of this market.
    ///
    /// # Errors
    /// [`BookError::NoSnapshot`] and [`BookError::StaleSnapshot`]: the event was not taken, the state is as before. Every
    /// other error: the book is now [`Sync::Suspect`].
    pub fn apply(&mut self, at: Timestamp, event: &MarketEvent) -> Result<(), BookError> {
        match event {
            MarketEvent::Snapshot { token, bids, asks, tick, last_trade, hash, venue_ms } => {
                if let Some(price) = bids.iter().chain(asks).map(|(price, _)| *price).find(|price| !rests(*price)) {
                    return Err(self.suspect(at, BookError::OutsideBook { price }));
                }
                self.snapshot(at, token.outcome, bids, asks, *venue_ms)?;
                if let Some(tick) = tick {
                    self.tick = *tick;
                }
                if last_trade.is_some() {
                    self.last_trade.clone_from(last_trade);
                }
                self.note_hash(token.outcome, *venue_ms, *hash);
                Ok(())
            }
            MarketEvent::Delta { token, side, price, qty, top, hash, venue_ms } => {
                if !rests(*price) {
                    return Err(self.suspect(at, BookError::OutsideBook { price: *price }));
                }
                let (side, price) = in_yes_terms(token.outcome, *side, *price);
                let change = Change { venue_ms: *venue_ms, side, price, qty: *qty };
                self.change(at, token.outcome, change, top.map(|top| top.in_yes_terms(token.outcome)))?;
                self.note_hash(token.outcome, *venue_ms, *hash);
                Ok(())
            }
            MarketEvent::Top { token, top, venue_ms } => {
                if self.sync != Sync::Unsynced && *venue_ms >= self.snapshot_ms {
                    self.begin(at, *venue_ms);
                    self.announce(*venue_ms, Some(top.in_yes_terms(token.outcome)));
                }
                Ok(())
            }
            MarketEvent::Trade { token, price, .. } => {
                self.last_print = Some((token.outcome, *price));
                Ok(())
            }
            MarketEvent::TickSize { tick, .. } => {
                // It comes once for each token; the second must not throw away the snapshot that came in between.
                if *tick != self.tick {
                    self.tick = *tick;
                    self.unsync();
                }
                Ok(())
            }
            MarketEvent::Resolved { .. } => {
                self.unsync();
                Ok(())
            }
        }
    }

    /// Ends the grace of doubts that are too old. Call it at the end of a turn and at [`Self::next_judgement`].
    ///
    /// # Errors
    /// Why the book has just become [`Sync::Suspect`]; told once.
    pub fn judge(&mut self, at: Timestamp) -> Result<(), BookError> {
        if !self.is_synced() {
            return Ok(());
        }
        self.settle(at);
        match self.oldest_doubt() {
            Some((since, why)) if at.since(since) >= self.suspect_after => Err(self.suspect(at, why)),
            _ => Ok(()),
        }
    }

    /// When [`Self::judge`] will have something to say if nothing arrives.
    #[must_use]
    pub fn next_judgement(&self) -> Option<Timestamp> {
        if !self.is_synced() {
            return None;
        }
        self.oldest_doubt().map(|(since, _)| since.plus(self.suspect_after))
    }

    /// A check that fails right now, judged or not. A book in doubt may be in the middle of a timestamp: wait before
    /// deciding on it.
    #[must_use]
    pub fn doubt(&self) -> Option<BookError> {
        match self.sync {
            Sync::Suspect { why, .. } => Some(why),
            Sync::Unsynced => None,
            Sync::Synced { .. } => self.mismatch().or_else(|| self.oldest_doubt().map(|(_, why)| why)),
        }
    }

    /// In sync, nothing doubted now and nothing that was doubted before: [`Self::judge`] would change nothing.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.is_synced()
            && self.wrong_since.is_none()
            && self.unmatched.is_empty()
            && self.witness.is_none()
            && self.mismatch().is_none()
    }

    /// Continuity is lost: reconnect, resubscription, missing frame.
    pub fn unsync(&mut self) {
        if self.sync != Sync::Unsynced {
            self.epoch += 1;
        }
        self.sync = Sync::Unsynced;
        self.recent.clear();
        self.forget_doubts();
    }

    /// The venue's hash has disproved the book.
    pub fn contradict(&mut self, at: Timestamp) {
        self.suspect(at, BookError::Hash);
    }

    /// The state.
    #[must_use]
    pub const fn sync(&self) -> Sync {
        self.sync
    }

    /// Whether the state is [`Sync::Synced`].
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        matches!(self.sync, Sync::Synced { .. })
    }

    /// Counts how often the book was replaced or lost.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Best level of a side, in YES terms.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<(Price, Qty)> {
        self.side(side).best()
    }

    /// Best prices, in YES terms.
    #[must_use]
    pub fn top(&self) -> Top {
        let price = |side| self.best(side).map(|(price, _)| price);
        Top { bid: price(Side::Buy), ask: price(Side::Sell) }
    }

    /// Twice the midpoint in ten-thousandths, so that it is exact; `None` unless both sides have orders.
    #[must_use]
    pub fn midpoint2x(&self) -> Option<u32> {
        let Top { bid, ask } = self.top();
        Some(u32::from(bid?.ten_thousandths()) + u32::from(ask?.ten_thousandths()))
    }

    /// Levels of a side in YES terms, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        self.side(side).iter()
    }

    /// Levels of one token's book, best first: NO bids are the mirror of YES asks.
    pub fn levels_of(&self, outcome: Outcome, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        let yes_side = if outcome == Outcome::Yes { side } else { side.other() };
        self.levels(yes_side).map(move |(price, qty)| (in_yes_terms(outcome, side, price).1, qty))
    }

    /// Best level of one token's book.
    #[must_use]
    pub fn best_of(&self, outcome: Outcome, side: Side) -> Option<(Price, Qty)> {
        self.levels_of(outcome, side).next()
    }

    /// Number of levels of a side.
    #[must_use]
    pub const fn level_count(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.count(),
            Side::Sell => self.asks.count(),
        }
    }

    /// Size resting at one price, in YES terms.
    #[must_use]
    pub fn size_at(&self, side: Side, price: Price) -> Qty {
        self.side(side).get(price)
    }

    /// Size resting at `price` and better, in YES terms.
    #[must_use]
    pub fn depth(&self, side: Side, price: Price) -> Qty {
        self.levels(side)
            .take_while(|(level, _)| if side == Side::Buy { *level >= price } else { *level <= price })
            .fold(Qty::ZERO, |sum, (_, qty)| sum.saturating_add(qty))
    }

    /// Digest of all levels, kept up with each change.
    #[must_use]
    pub const fn level_digest(&self) -> LevelDigest {
        let mut sum = self.bids.digest();
        sum.add(self.asks.digest());
        sum
    }

    /// What [`Self::level_digest`] would be with these levels of `outcome`'s book, in any order: how a REST book is
    /// compared without building one. Levels without size are left out.
    pub fn digest_of(outcome: Outcome, bids: &[(Price, Qty)], asks: &[(Price, Qty)]) -> LevelDigest {
        let mut sum = LevelDigest::default();
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for (price, qty) in levels.iter().filter(|(_, qty)| !qty.is_zero()) {
                let (side, price) = in_yes_terms(outcome, side, *price);
                sum.add(digest::PlaceDigest::of(side, price).with(*qty));
            }
        }
        sum
    }

    /// The venue's string of the market's last trade price, from the last snapshot that carried one.
    #[must_use]
    pub fn last_trade(&self) -> Option<&str> {
        self.last_trade.as_deref()
    }

    /// Takes over a string that a hash has just proven.
    pub fn set_last_trade(&mut self, proven: &str) {
        self.last_trade = Some(proven.into());
    }

    /// The newest trade seen: which token, and at which price of that token.
    #[must_use]
    pub const fn last_print(&self) -> Option<(Outcome, Price)> {
        self.last_print
    }

    /// The newest hash of one token's book and its venue time: true once its timestamp is over.
    #[must_use]
    pub const fn announced_hash(&self, outcome: Outcome) -> Option<(u64, BookHash)> {
        self.hashes[outcome as usize]
    }

    /// Newest venue time of the snapshot or an applied change, milliseconds since 1970.
    #[must_use]
    pub const fn venue_ms(&self) -> u64 {
        self.venue_ms
    }

    /// Venue time of the snapshot the book stands on, milliseconds since 1970.
    #[must_use]
    pub const fn snapshot_ms(&self) -> u64 {
        self.snapshot_ms
    }

    /// The market's tick as last told.
    #[must_use]
    pub const fn tick(&self) -> TickSize {
        self.tick
    }

    /// Bytes this book takes, heap included.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.bids.heap()
            + self.asks.heap()
            + self.recent.heap()
            + self.unmatched.capacity() * size_of::<Unmatched>()
            + self.last_trade.as_deref().map_or(0, str::len)
    }

    const fn side(&self, side: Side) -> &SideLevels {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn snapshot(
        &mut self,
        at: Timestamp,
        outcome: Outcome,
        bids: &[(Price, Qty)],
        asks: &[(Price, Qty)],
        venue_ms: u64,
    ) -> Result<(), BookError> {
        if outcome == Outcome::No && self.is_synced() {
            // A state the YES side has left behind says nothing; one it has not reached yet must be reached.
            if venue_ms >= self.venue_ms {
                self.begin(at, venue_ms);
                self.witness = Some(Witness { digest: Self::digest_of(outcome, bids, asks), since: at });
                self.meet_witness();
            }
            return Ok(());
        }
        if self.is_synced() && venue_ms < self.snapshot_ms {
            return Err(BookError::StaleSnapshot { snapshot_ms: venue_ms, needed_ms: self.snapshot_ms });
        }
        if let Err(needed_ms) = self.recent.completes(venue_ms) {
            return Err(BookError::StaleSnapshot { snapshot_ms: venue_ms, needed_ms });
        }
        self.bids.clear();
        self.asks.clear();
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for (price, qty) in levels {
                let (side, price) = in_yes_terms(outcome, side, *price);
                self.write(side, price, *qty);
            }
        }
        self.recent.restart(venue_ms);
        self.snapshot_ms = venue_ms;
        self.venue_ms = venue_ms;
        self.batch_ms = venue_ms;
        let missing: Vec<Change> = self.recent.since(venue_ms).collect();
        for change in missing {
            self.write(change.side, change.price, change.qty);
            self.venue_ms = self.venue_ms.max(change.venue_ms);
        }
        self.forget_doubts();
        self.sync = Sync::Synced { since: at };
        self.epoch += 1;
        Ok(())
    }

    fn change(&mut self, at: Timestamp, outcome: Outcome, change: Change, top: Option<Top>) -> Result<(), BookError> {
        let Change { venue_ms, side, price, qty } = change;
        if self.sync == Sync::Unsynced {
            // NO entries of the same message say the same again.
            if outcome == Outcome::Yes {
                self.recent.push(change, true);
            }
            return Err(BookError::NoSnapshot);
        }
        if venue_ms < self.snapshot_ms {
            return Ok(());
        }
        self.begin(at, venue_ms);
        self.announce(venue_ms, top);
        if !self.unmatched.is_empty() {
            self.unmatched.retain(|u| (u.side, u.price) != (side, price) || (outcome == Outcome::Yes && u.qty != qty));
        }
        match outcome {
            Outcome::Yes => {
                self.recent.push(change, false);
                self.write(side, price, qty);
                self.venue_ms = self.venue_ms.max(venue_ms);
                self.meet_witness();
            }
            Outcome::No if self.side(side).get(price) != qty => {
                if self.unmatched.len() == UNMATCHED_MAX {
                    return Err(self.suspect(at, BookError::Mirror));
                }
                self.unmatched.push(Unmatched { side, price, qty, since: at });
            }
            Outcome::No => {}
        }
        Ok(())
    }

    /// Sets a level, on a finer grid if the price needs one.
    fn write(&mut self, side: Side, price: Price, qty: Qty) {
        if !self.side(side).has(price) {
            let n = price.ten_thousandths();
            self.step = TickSize::ALL
                .into_iter()
                .map(TickSize::ten_thousandths)
                .find(|tick| self.step.is_multiple_of(*tick) && n.is_multiple_of(*tick))
                .expect("the finest tick divides everything");
            self.bids.regrid(self.step);
            self.asks.regrid(self.step);
        }
        match side {
            Side::Buy => self.bids.set(price, qty),
            Side::Sell => self.asks.set(price, qty),
        }
    }

    /// A message of `venue_ms` is about to be taken: if it opens another timestamp, the one before is over and what was
    /// announced for it must hold.
    fn begin(&mut self, at: Timestamp, venue_ms: u64) {
        if venue_ms != self.batch_ms {
            self.settle(at);
            self.batch_ms = venue_ms;
        }
    }

    /// Remembers the newest announcement. One of an older state than the newest says nothing about the book now.
    fn announce(&mut self, venue_ms: u64, top: Option<Top>) {
        if self.announced.is_none_or(|last| venue_ms >= last.venue_ms) {
            match top {
                Some(top) => self.announced = Some(Announced { venue_ms, top }),
                None if self.announced.is_some_and(|last| venue_ms > last.venue_ms) => self.announced = None,
                None => {}
            }
        }
    }

    /// Compares the book with what it should be by now; a doubt that is gone loses its age.
    fn settle(&mut self, at: Timestamp) {
        match self.mismatch() {
            Some(_) => {
                self.wrong_since.get_or_insert(at);
            }
            None => self.wrong_since = None,
        }
    }

    fn mismatch(&self) -> Option<BookError> {
        let ours = self.top();
        if let Top { bid: Some(bid), ask: Some(ask) } = ours
            && bid >= ask
        {
            return Some(BookError::Crossed { bid, ask });
        }
        match self.announced {
            Some(Announced { top: announced, .. }) if announced != ours => {
                Some(BookError::AnnouncedTop { ours, announced })
            }
            _ => None,
        }
    }

    fn oldest_doubt(&self) -> Option<(Timestamp, BookError)> {
        let wrong = self.wrong_since.and_then(|since| self.mismatch().map(|why| (since, why)));
        let mirror = self.unmatched.iter().map(|u| u.since).chain(self.witness.map(|w| w.since)).min();
        match (wrong, mirror) {
            (Some((since, why)), Some(other)) if since <= other => Some((since, why)),
            (_, Some(since)) => Some((since, BookError::Mirror)),
            (wrong, None) => wrong,
        }
    }

    fn meet_witness(&mut self) {
        if self.witness.is_some_and(|witness| witness.digest == self.level_digest()) {
            self.witness = None;
        }
    }

    fn forget_doubts(&mut self) {
        self.announced = None;
        self.wrong_since = None;
        self.unmatched.clear();
        self.witness = None;
        self.hashes = [None; 2];
    }

    fn note_hash(&mut self, outcome: Outcome, venue_ms: u64, hash: Option<BookHash>) {
        let known = &mut self.hashes[outcome as usize];
        if known.is_none_or(|(ms, _)| venue_ms >= ms) {
            *known = hash.map(|hash| (venue_ms, hash));
        }
    }

    fn suspect(&mut self, at: Timestamp, why: BookError) -> BookError {
        self.sync = match self.sync {
            Sync::Unsynced => Sync::Unsynced,
            Sync::Synced { .. } => {
                self.epoch += 1;
                Sync::Suspect { since: at, why }
            }
            known @ Sync::Suspect { .. } => known,
        };
        why
    }
}

/// Whether an order can rest at a price.
fn rests(price: Price) -> bool {
    price != Price::ZERO && price != Price::ONE
}

/// A level of `outcome`'s book in YES terms (and back: the mirror of the mirror is the thing itself).
pub(crate) const fn in_yes_terms(outcome: Outcome, side: Side, price: Price) -> (Side, Price) {
    match outcome {
        Outcome::Yes => (side, price),
        Outcome::No => (side.other(), price.complement()),
    }
}

#[cfg(test)]
mod tests;
