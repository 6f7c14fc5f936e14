//! Markets whose stream may be dead behind a socket that lives: asked about over REST in time, and given up if nobody answers.
//!
//! Three reasons to ask, the most urgent first: a market that is to be quoted has been silent for `market_probe`; one where our orders
//! rest was compared longer ago than it should; a turn of the rotation over all others. A silent market therefore costs
//! `60 s / market_probe` calls a minute, one that speaks `60 s / (3/4 × witness_quoted)`, the rotation `60 s / witness_every`; all
//! of them together, with what mends broken books, at most `rest_calls_per_second` and one second's burst.

use super::{Budget, Call, Engine, alert, yes};
use crate::book::Sync;
use crate::domain::{MarketIx, Nanos, Outcome, Timestamp, Token};
use crate::event::{Action, Alert};

/// Orders placed since the last look are noticed after this at the latest.
const LOOK_EVERY: Nanos = Nanos::from_secs(5);

/// When each of a market's two sources last said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sources {
    /// The stream, about this market.
    heard: Option<Timestamp>,
    /// REST, with a body that could be believed.
    answered: Option<Timestamp>,
    /// When REST was last asked to compare.
    asked: Option<Timestamp>,
    /// When a REST book was last held against ours, with a verdict.
    compared: Option<Timestamp>,
    /// Whose book is asked for next.
    next: Outcome,
}

impl Sources {
    pub(super) const fn new() -> Self {
        Self { heard: None, answered: None, asked: None, compared: None, next: Outcome::Yes }
    }

    pub(super) const fn hear(&mut self, at: Timestamp) {
        self.heard = Some(at);
    }

    pub(super) const fn answer(&mut self, at: Timestamp) {
        self.answered = Some(at);
    }

    pub(super) const fn compare(&mut self, at: Timestamp) {
        self.compared = Some(at);
    }

    /// Whether the stream has told anything since a book is missing.
    pub(super) fn has_heard_since(&self, missing: Option<Timestamp>) -> bool {
        missing.zip(self.heard).is_some_and(|(missing, heard)| heard > missing)
    }

    /// What goes into the digest of all state.
    pub(super) fn numbers(&self) -> [u64; 5] {
        let nanos = |at: Option<Timestamp>| at.map_or(0, Timestamp::nanos);
        [nanos(self.heard), nanos(self.answered), nanos(self.asked), nanos(self.compared), self.next as u64]
    }

    /// When either source last spoke of a book that has been in sync since `since`.
    fn spoke(&self, since: Timestamp) -> Timestamp {
        since.max(self.heard.unwrap_or(since)).max(self.answered.unwrap_or(since))
    }

    /// Since when nothing has confirmed a book that has been in sync since `since`: its snapshot or the last comparison.
    pub(super) fn compared(&self, since: Timestamp) -> Timestamp {
        since.max(self.compared.unwrap_or(since))
    }
}

/// What the engine keeps for all markets.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// The next look.
    at: Option<Timestamp>,
    /// The rotation's next turn.
    rotates: Option<Timestamp>,
    calls: Budget,
}

impl Watch {
    /// `per_second` calls, as many at once.
    pub(super) fn new(per_second: u32) -> Self {
        Self { at: None, rotates: None, calls: Budget::new(per_second, per_second) }
    }

    pub(super) const fn next(&self) -> Option<Timestamp> {
        self.at
    }

    /// Calls left, for the digest of all state.
    pub(super) fn level(&self) -> i128 {
        self.calls.level()
    }
}

impl Engine {
    /// Asks for a book that is needed whatever the budget says; what only compares waits for it.
    pub(super) fn fetch(&mut self, token: Token, out: &mut Vec<Action>) {
        self.watch.calls.refill(self.at);
        let _ = self.watch.calls.take(Call::Dangerous);
        out.push(Action::FetchBook { token });
    }

    /// Gives up markets of which nobody says anything, asks about those that have been silent, or unwitnessed, for too long.
    pub(super) fn look(&mut self, out: &mut Vec<Action>) {
        let at = self.at;
        if self.watch.at.is_some_and(|due| at < due) {
            return;
        }
        let feed = &self.config.feed;
        let (probe, dead_after, bound, retry) =
            (feed.market_probe, feed.dead_after, feed.witness_quoted, feed.snapshot_wait);
        let mut next = at.plus(LOOK_EVERY.min(probe));
        let (mut silent, mut asks) = (Vec::new(), Vec::new());
        for (ix, state) in (0u16..).map(MarketIx).zip(&self.markets) {
            let Sync::Synced { since } = state.book.sync() else { continue };
            if self.params[ix.index()].is_none() || state.resolved {
                continue;
            }
            let gone = state.sources.spoke(since).plus(dead_after);
            if at >= gone {
                silent.push(ix);
                continue;
            }
            let rests = self.orders.live_in(ix).next().is_some();
            let too_old = if rests { state.sources.compared(since).plus(bound) } else { Timestamp::MAX };
            // a quarter of the time is left for the answer, and for asking again
            let ahead = Nanos::from_nanos(bound.nanos() / 4);
            let due = state.sources.spoke(since).plus(probe).min(too_old.minus(ahead));
            let due = state.sources.asked.map_or(due, |asked| due.max(asked.plus(retry)));
            if at >= due {
                asks.push((!rests, gone.min(too_old), ix));
                next = next.min(at.plus(retry));
            } else {
                next = next.min(due);
            }
            next = next.min(gone);
        }
        for ix in silent {
            alert(Alert::MarketSilent(yes(ix)), out);
            self.lose_book(ix, out);
        }
        asks.sort_unstable();
        self.watch.calls.refill(at);
        for (_, _, ix) in asks {
            if !self.ask(ix, out) {
                next = next.min(self.watch.calls.next(Call::Fetch));
                break;
            }
        }
        self.rotate(out);
        self.watch.at = Some(next.min(self.watch.rotates.unwrap_or(next)).max(at.plus(Nanos::from_ms(1))));
    }

    /// The rotation: whichever book has gone unwitnessed and unasked the longest.
    fn rotate(&mut self, out: &mut Vec<Action>) {
        let (at, every) = (self.at, self.config.feed.witness_every);
        if self.watch.rotates.is_none_or(|due| at < due) {
            self.watch.rotates.get_or_insert(at.plus(every));
            return;
        }
        self.watch.rotates = Some(at.plus(every));
        let oldest = (0u16..).map(MarketIx).zip(&self.markets).filter_map(|(ix, state)| match state.book.sync() {
            Sync::Synced { since } => {
                Some((state.sources.compared(since).max(state.sources.asked.unwrap_or(since)), ix))
            }
            _ => None,
        });
        if let Some((_, ix)) = oldest.min() {
            self.ask(ix, out);
        }
    }

    /// Asks for one of a market's two books in turn. `false` when there is no call left.
    fn ask(&mut self, ix: MarketIx, out: &mut Vec<Action>) -> bool {
        let may = self.watch.calls.take(Call::Fetch);
        if may && let Some(state) = self.markets.get_mut(ix.index()) {
            state.sources.asked = Some(self.at);
            let outcome = state.sources.next;
            state.sources.next = outcome.other();
            out.push(Action::FetchBook { token: Token { market: ix, outcome } });
        }
        may
    }
}
