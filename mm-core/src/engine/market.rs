//! State of one market: its book, the witness, the reward ledger.

use crate::book::{Book, LevelDigest, in_yes_terms};
use crate::domain::{Market, Nanos, Timestamp, Usdc};
use crate::event::MarketEvent;
use crate::quote::{NoQuote, Why};
use crate::rewards::Fixed12;
use std::collections::VecDeque;

/// States of the book that REST may still be compared with.
const RING_MAX: usize = 512;

/// One market.
#[derive(Clone, Debug)]
pub(super) struct MarketState {
    pub(super) facts: Market,
    /// The facts as they are quoted on: with the tick of the book, and not ready once resolved.
    pub(super) quoted: Market,
    /// The last decision, if it stands.
    pub(super) quiet: Option<super::horizon::Quiet>,
    /// The tick the catalogue last told: a new one is news, the same one is not.
    pub(super) catalogue_tick: crate::domain::TickSize,
    pub(super) book: Book,
    pub(super) resolved: bool,
    /// What was decided last, and why; `None` before the first time.
    pub(super) decision: Option<Result<Why, NoQuote>>,
    /// Since when a snapshot is missing.
    pub(super) waiting_since: Option<Timestamp>,
    pub(super) fetch_sent: Option<Timestamp>,
    pub(super) resync_sent: Option<Timestamp>,
    pub(super) witness: Witness,
    pub(super) expected: Fixed12,
    /// Holdings valued at the midpoint of the last decision.
    pub(super) held_value: Usdc,
}

impl MarketState {
    pub(super) fn new(facts: Market, suspect_after: Nanos) -> Self {
        Self {
            book: Book::new(facts.tick).with_grace(suspect_after),
            catalogue_tick: facts.tick,
            quoted: facts.clone(),
            quiet: None,
            facts,
            resolved: false,
            decision: None,
            waiting_since: None,
            fetch_sent: None,
            resync_sent: None,
            witness: Witness::default(),
            expected: Fixed12::ZERO,
            held_value: Usdc::ZERO,
        }
    }

    /// Whether the last decision stands after an event that the book has just taken: it is out of sight, and nothing is doubted.
    pub(super) fn stands(&self, event: &MarketEvent) -> bool {
        let Some(quiet) = self.quiet else { return false };
        let out_of_sight = match event {
            MarketEvent::Delta { token, side, price, .. } => {
                let (side, price) = in_yes_terms(token.outcome, *side, *price);
                quiet.horizon.is_beyond(side, price)
            }
            // only remembered
            MarketEvent::Trade { .. } => true,
            _ => false,
        };
        out_of_sight && self.book.is_calm() && !self.witness.is_pending()
    }

    /// Notes the state the book is in after a message, for later comparison with REST.
    pub(super) fn remember(&mut self) {
        if self.book.is_synced() {
            self.witness.remember(self.book.venue_ms(), self.book.level_digest());
        } else {
            self.witness.forget();
        }
    }
}

/// What a comparison said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Equal,
    Differs,
}

/// A REST book that our own had not reached when it came, or did not equal yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    venue_ms: u64,
    digest: LevelDigest,
    since: Timestamp,
}

/// Compares REST books with the states the stream led to, at equal venue time.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    recent: VecDeque<(u64, LevelDigest)>,
    pending: Option<Pending>,
    pub(super) equal: u64,
    pub(super) differs: u64,
}

impl Witness {
    fn remember(&mut self, venue_ms: u64, digest: LevelDigest) {
        if self.recent.back() == Some(&(venue_ms, digest)) {
            return;
        }
        if self.recent.len() == RING_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((venue_ms, digest));
    }

    /// Continuity is lost: nothing can be compared across it.
    pub(super) fn forget(&mut self) {
        self.recent.clear();
        self.pending = None;
    }

    /// Whether a REST book waits for its verdict.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes a REST book of a synced market. One that has not been judged yet stays: were it replaced, answers that come more
    /// often than the grace would put off every judgement for ever.
    pub(super) fn take(&mut self, at: Timestamp, venue_ms: u64, digest: LevelDigest) {
        self.pending.get_or_insert(Pending { venue_ms, digest, since: at });
    }

    /// Judges the REST book at hand, if that is possible by now. Before `grace` has passed a state of the same
    /// millisecond may still be on its way.
    pub(super) fn judge(&mut self, at: Timestamp, grace: Nanos) -> Option<Verdict> {
        let Pending { venue_ms, digest, since } = self.pending?;
        let (newest, now) = *self.recent.back()?;
        let late = at.since(since) >= grace;
        let verdict = if self.recent.iter().any(|state| *state == (venue_ms, digest)) {
            Some(Verdict::Equal)
        } else if newest > venue_ms || (newest == venue_ms && late) {
            if self.recent.iter().any(|(ms, _)| *ms == venue_ms) {
                Some(Verdict::Differs)
            } else {
                // Our stream knows no state of that millisecond: equal to the one before, or not comparable.
                let before = self.recent.iter().rev().find(|(ms, _)| *ms < venue_ms);
                if before.is_some_and(|(_, d)| *d == digest) {
                    Some(Verdict::Equal)
                } else {
                    self.pending = None;
                    None
                }
            }
        } else if late {
            // REST knows a newer state that the stream has not told in time, unless only its stamp is newer.
            Some(if now == digest { Verdict::Equal } else { Verdict::Differs })
        } else {
            None
        };
        match verdict {
            Some(Verdict::Equal) => self.equal += 1,
            Some(Verdict::Differs) => self.differs += 1,
            None => return None,
        }
        self.pending = None;
        verdict
    }

    /// When [`Self::judge`] must be asked again.
    pub(super) fn due(&self, grace: Nanos) -> Option<Timestamp> {
        self.pending.map(|p| p.since.plus(grace))
    }
}
