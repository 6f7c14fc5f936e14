//! State of one market: its book, the witness, the reward ledger.

use super::hashes::HashRow;
use super::watch::Sources;
use crate::book::{Book, LevelDigest, in_yes_terms};
use crate::domain::{Market, Nanos, Price, Qty, Side, Timestamp, Usdc};
use crate::event::MarketEvent;
use crate::quote::{NoQuote, Why};
use crate::rewards::Fixed12;
use std::collections::VecDeque;

/// States of the book that REST may still be compared with: a second of 168 frames, and REST answers sooner.
const RING_MAX: usize = 168;

/// One market.
#[derive(Clone, Debug)]
pub(super) struct MarketState {
    pub(super) facts: Market,
    /// The facts as they are quoted on: with the tick of the book, and not ready once resolved.
    pub(super) quoted: Market,
    /// The other markets of its event.
    pub(super) coupling: super::coupling::Coupling,
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
    pub(super) hash: HashRow,
    pub(super) sources: Sources,
    pub(super) expected: Fixed12,
    /// The same against the most and the least that the rest of the book may score.
    pub(super) expected_between: [Fixed12; 2],
    pub(super) minutes: super::minutes::Minutes,
    /// What the venue last said of our part.
    pub(super) told: super::earnings::Told,
    /// How our fills turned out.
    pub(super) markouts: super::markouts::Markouts,
    /// Where the reference midpoint was lately.
    pub(super) jumps: super::jumps::Jumps,
    /// What flowed to its best levels lately.
    pub(super) flow: super::flow::Flow,
    /// Where our orders stand in their queues, and how much of the book they are.
    pub(super) places: super::places::Places,
    /// Why the last decision left what rests though something better was wanted.
    pub(super) kept: Option<super::Kept>,
    /// Holdings valued at the midpoint of the last decision.
    pub(super) held_value: Usdc,
}

impl MarketState {
    pub(super) fn new(facts: Market, suspect_after: Nanos) -> Self {
        Self {
            book: Book::new(facts.tick).with_grace(suspect_after),
            catalogue_tick: facts.tick,
            quoted: facts.clone(),
            coupling: super::coupling::Coupling::default(),
            quiet: None,
            facts,
            resolved: false,
            decision: None,
            waiting_since: None,
            fetch_sent: None,
            resync_sent: None,
            witness: Witness::default(),
            hash: HashRow::new(),
            sources: Sources::new(),
            expected: Fixed12::ZERO,
            expected_between: [Fixed12::ZERO; 2],
            minutes: super::minutes::Minutes::default(),
            told: super::earnings::Told::default(),
            markouts: super::markouts::Markouts::default(),
            jumps: super::jumps::Jumps::default(),
            flow: super::flow::Flow::default(),
            places: super::places::Places::default(),
            kept: None,
            held_value: Usdc::ZERO,
        }
    }

    /// Whether the last decision wanted quotes.
    pub(super) const fn is_quoting(&self) -> bool {
        matches!(self.decision, Some(Ok(_)))
    }

    /// What rests at the level that an event changes and how much of that is ours, if the last decision may outlive that.
    pub(super) fn rests_at(&self, event: &MarketEvent) -> Option<(Side, Price, [Qty; 2])> {
        match event {
            MarketEvent::Delta { token, side, price, .. } if self.quiet.is_some() => {
                let (side, price) = in_yes_terms(token.outcome, *side, *price);
                Some((side, price, [self.book.size_at(side, price), self.places.at_level(side, price)]))
            }
            _ => None,
        }
    }

    /// Whether the last decision stands after an event that the book has just taken, or but for what sizes decide: the event is out of
    /// sight or changed a size only, and nothing is doubted. `had`: what [`Self::rests_at`] told before.
    pub(super) fn stands(&mut self, event: &MarketEvent, had: Option<(Side, Price, [Qty; 2])>) -> bool {
        let Some(quiet) = &mut self.quiet else { return false };
        let keeps = match (event, had) {
            (MarketEvent::Delta { .. }, Some((side, price, [had, had_ours]))) => {
                let is = self.book.size_at(side, price);
                let out_of_sight = quiet.horizon.is_beyond(side, price);
                let least = self.quoted.rewards.as_ref().map_or(Qty::ZERO, |terms| terms.min_size);
                let counts = |qty: Qty, ours: Qty| qty > ours && qty.saturating_sub(ours) >= least;
                let resized = !out_of_sight && quiet.basis.is_some() && {
                    counts(had, had_ours) && counts(is, self.places.at_level(side, price))
                };
                if resized && is != had {
                    quiet.resized = true;
                    quiet.gone = quiet.gone.saturating_add(had.saturating_sub(is));
                }
                out_of_sight || resized
            }
            // only remembered
            (MarketEvent::Trade { .. }, _) => true,
            _ => false,
        };
        keeps && self.book.is_calm() && !self.witness.is_pending()
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
    digest: u64,
    since: Timestamp,
}

/// Compares REST books with the states the stream led to, at equal venue time.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// Venue time and digest of each state, oldest first.
    recent: VecDeque<(u64, u64)>,
    pending: Option<Pending>,
    pub(super) equal: u64,
    pub(super) differs: u64,
}

impl Witness {
    fn remember(&mut self, venue_ms: u64, digest: LevelDigest) {
        let state = (venue_ms, digest.short());
        if self.recent.back() == Some(&state) {
            return;
        }
        if self.recent.capacity() == 0 {
            // growing by doubling would end beyond what is used
            self.recent.reserve_exact(RING_MAX);
        }
        if self.recent.len() == RING_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(state);
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
        self.pending.get_or_insert(Pending { venue_ms, digest: digest.short(), since: at });
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

#[cfg(test)]
mod tests {
    use super::super::tests_support::market;
    use super::*;
    use crate::domain::{MarketIx, Outcome, Price, Qty, Side, TickSize, Token};

    /// Bytes of one market, heap included. Every field is named, so that a new one is weighed too.
    fn memory(state: &MarketState) -> usize {
        let MarketState {
            facts,
            quoted,
            book,
            witness: Witness { recent, pending: _, equal: _, differs: _ },
            hash: _,
            sources: _,
            coupling,
            quiet: _,
            catalogue_tick: _,
            resolved: _,
            decision: _,
            waiting_since: _,
            fetch_sent: _,
            resync_sent: _,
            expected: _,
            expected_between: _,
            minutes: _,
            told: _,
            markouts,
            jumps,
            flow: _,
            places,
            kept: _,
            held_value: _,
        } = state;
        let texts = |m: &Market| {
            let event = m.event.as_ref().map_or(0, |event| event.as_str().len());
            m.condition.as_str().len() + m.yes.as_str().len() + m.no.as_str().len() + event
        };
        size_of::<MarketState>() - size_of::<Book>()
            + book.memory()
            + texts(facts)
            + texts(quoted)
            + recent.capacity() * size_of::<(u64, u64)>()
            + coupling.memory()
            + super::super::minutes::Minutes::memory()
            + markouts.heap_bytes()
            + jumps.heap_bytes()
            + places.heap_bytes()
    }

    #[test]
    fn a_market_on_a_fine_tick_that_has_seen_everything_takes_at_most_32_kib() {
        let tick = TickSize::parse("0.001").expect("a tick");
        let id = |digit: &str, n: usize| digit.repeat(n);
        let facts = Market {
            condition: crate::domain::ConditionId::parse(&format!("0x{}", id("a", 64))).expect("an id"),
            yes: crate::domain::TokenId::parse(&id("7", 77)).expect("an id"),
            no: crate::domain::TokenId::parse(&id("8", 77)).expect("an id"),
            tick,
            ..market(1)
        };
        let mut state = MarketState::new(facts, Nanos::from_ms(1000));
        let at = Timestamp::from_ms(1);
        let level = |n: u16, qty: u64| (Price::from_ten_thousandths(10 * n).expect("a price"), Qty::from_micro(qty));
        let token = |outcome| Token { market: MarketIx(0), outcome };
        let snapshot = MarketEvent::Snapshot {
            token: token(Outcome::Yes),
            bids: (1..500).rev().map(|n| level(n, 1_000_000)).collect(),
            asks: (501..1000).map(|n| level(n, 1_000_000)).collect(),
            tick: Some(tick),
            last_trade: Some("0.500".into()),
            hash: None,
            venue_ms: 1,
        };
        state.book.apply(at, &snapshot).expect("a whole book");
        let rule = super::super::jumps::Rule { halves: u16::MAX, window: Nanos::from_secs(1), pause: Nanos::ZERO };
        for n in 0..64 {
            state.markouts.fill(at, Side::Buy, n, Qty::from_micro(1));
            state.jumps.look(at, n, rule);
        }
        let order = |outcome, side| crate::domain::NewOrder {
            token: token(outcome),
            side,
            price: level(1, 0).0,
            qty: Qty::from_micro(1),
            post_only: true,
            tif: crate::domain::TimeInForce::Gtc,
        };
        for (n, (outcome, side)) in (1..).zip([
            (Outcome::Yes, Side::Buy),
            (Outcome::Yes, Side::Sell),
            (Outcome::No, Side::Buy),
            (Outcome::No, Side::Sell),
        ]) {
            let (id, order) = (crate::domain::ClientOrderId(n), order(outcome, side));
            state.places.join(id, &order, &state.book);
        }
        let mut change = |outcome, n: u16, qty, venue_ms| {
            let (side, (price, qty)) = (Side::Buy, level(n, qty));
            let event = MarketEvent::Delta { token: token(outcome), side, price, qty, top: None, hash: None, venue_ms };
            state.book.apply(at, &event).expect("a change of a synced book");
            state.remember();
        };
        for n in 0..2_000u16 {
            change(Outcome::Yes, 1 + n % 499, 2_000_000 + u64::from(n), 2 + u64::from(n));
        }
        // as many levels of NO as may wait for their mirror
        for n in 1..=128 {
            change(Outcome::No, n, 5_000_000, 3_000);
        }
        assert_eq!(state.book.level_count(Side::Buy) + state.book.level_count(Side::Sell), 998);
        assert_eq!(state.witness.recent.len(), RING_MAX);
        let bytes = memory(&state);
        assert!(bytes <= 32 * 1024, "{bytes} bytes");
    }
}
