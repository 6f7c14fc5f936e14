//! Takes inputs into state: frames, REST books, links, metadata, the executor's messages, a person's wishes.

use super::earnings::Told;
use super::links::{LinkState, PROBE_MARKETS};
use super::market::{MarketState, Verdict};
use super::places::is_arriving;
use super::{Engine, alert, yes};
use crate::book::{BookError, Sync};
use crate::domain::{Market, MarketIx, UniverseError};
use crate::event::{Action, Alert, Command, Input, LinkIx, MarketEvent};
use crate::protocol::{FromExecutor, Gate};
use crate::rewards::Interval;
use crate::venue::market_ws::{BadFrame, Read, Road, read};

/// An event whose venue time is further ahead of us than this is a bad one. No clock is that wrong for long (the executor pauses at three
/// seconds and halts at thirty), and a book that believed it would take every later event for an old one.
pub(super) const AHEAD_MAX_MS: u64 = 60_000;

impl Engine {
    pub(super) fn absorb(&mut self, input: &Input, out: &mut Vec<Action>) {
        match input {
            Input::MarketFrame { link, text, .. } => self.frame(*link, text, out),
            Input::RestBook { token, text, .. } => self.rest_book(*token, text, out),
            Input::Market(event) => {
                self.heard(self.link_of(event.market()));
                self.market_event(event, out);
                self.remember(event.market());
            }
            Input::Link { link, up } => self.link(*link, *up, out),
            Input::Universe(markets) => {
                if let Err(why) = self.learn(markets.clone(), out) {
                    alert(Alert::LimitHit(format!("universe refused: {why}").into()), out);
                }
            }
            Input::Executor(message) => self.executor(message, out),
            Input::ExecutorLost => {
                (self.welcomed, self.balanced) = (false, false);
                self.gate = Gate::Unchecked;
                self.orders.lose(self.at);
                self.touch_all();
            }
            Input::Operator(Command::Pause) => {
                self.paused = true;
                self.touch_all();
            }
            Input::Operator(Command::Resume) => {
                self.paused = false;
                self.touch_all();
            }
        }
    }

    pub(super) fn touch_all(&mut self) {
        for (ix, _) in self.universe.iter() {
            self.dirty.insert(ix);
        }
    }

    /// Takes a newer picture of the catalogue. On error nothing changes.
    pub(super) fn learn(&mut self, markets: Vec<Market>, out: &mut Vec<Action>) -> Result<(), UniverseError> {
        self.universe.update(markets)?;
        let mut ticks: Vec<MarketEvent> = Vec::new();
        for (ix, market) in self.universe.iter() {
            match self.markets.get_mut(ix.index()) {
                None => {
                    let known = self.config.markets.iter().find(|m| m.condition == market.condition);
                    self.params.push(known.map(|m| m.quote.clone()));
                    self.markets.push(MarketState::new(market.clone(), self.config.feed.suspect_after));
                }
                Some(state) => {
                    if market.tick != state.catalogue_tick {
                        state.catalogue_tick = market.tick;
                        ticks.push(MarketEvent::TickSize { token: yes(ix), tick: market.tick });
                    }
                    state.minutes.note_terms(state.facts.rewards.as_ref(), market.rewards.as_ref());
                    if state.facts.rewards != market.rewards {
                        // a share of scores by other terms
                        state.told = Told::default();
                    }
                    state.facts = market.clone();
                    state.quoted = market.clone();
                }
            }
        }
        // Whoever tells of a tick first, the book on the old one is void and a new one is asked for.
        for event in &ticks {
            self.take_event(event, out);
        }
        self.link_events();
        self.ration.due = true;
        self.touch_all();
        Ok(())
    }

    fn frame(&mut self, link: LinkIx, text: &str, out: &mut Vec<Action>) {
        self.totals.frames += 1;
        let mut events = std::mem::take(&mut self.events);
        match read(&self.universe, text, &mut events) {
            Ok(Read::Text) => {}
            Ok(Read::Events { road, unknown, strangers }) => {
                self.totals.slow_road += u64::from(road == Road::Tolerant);
                self.totals.unknown_events += unknown;
                self.totals.foreign_events += strangers as u64;
                self.heard(link);
                self.market_events(&events, out);
            }
            Err(why) => self.bad_frame(link, text, &why, out),
        }
        events.clear();
        self.events = events;
    }

    /// The events of one frame; the state it leads each market to is noted at its end.
    fn market_events(&mut self, events: &[MarketEvent], out: &mut Vec<Action>) {
        let mut touched = std::mem::take(&mut self.touched);
        for event in events {
            self.market_event(event, out);
            if !touched.contains(&event.market()) {
                touched.push(event.market());
            }
        }
        touched.drain(..).for_each(|ix| self.remember(ix));
        self.touched = touched;
    }

    /// Market data came over a link. One that was given up is believed again, and its books are asked for.
    fn heard(&mut self, link: LinkIx) {
        let at = self.at;
        let state = self.link_mut(link);
        state.heard = Some(at);
        if std::mem::take(&mut state.dead) {
            self.await_snapshots(link);
        }
    }

    /// Books that a malformed event names are lost; if it names none of ours, or is not JSON at all, all of the link's.
    fn bad_frame(&mut self, link: LinkIx, text: &str, why: &BadFrame, out: &mut Vec<Action>) {
        self.totals.bad_frames += 1;
        alert(Alert::BadFrame(link), out);
        let rows = self.rows_of(link);
        let is_named = |ix: &MarketIx| {
            self.universe.get(*ix).is_some_and(|m| {
                [m.yes.as_str(), m.no.as_str(), m.condition.as_str()].iter().any(|id| text.contains(id))
            })
        };
        let named: Vec<MarketIx> = match why {
            BadFrame::Event { .. } => rows.iter().copied().filter(is_named).collect(),
            BadFrame::Json { .. } => Vec::new(),
        };
        for ix in if named.is_empty() { rows } else { named } {
            self.lose_book(ix, out);
        }
    }

    /// The stream has told something about a market.
    fn remember(&mut self, ix: MarketIx) {
        let at = self.at;
        if let Some(state) = self.markets.get_mut(ix.index()) {
            state.sources.hear(at);
            state.remember();
        }
    }

    pub(super) fn market_event(&mut self, event: &MarketEvent, out: &mut Vec<Action>) {
        let ix = event.market();
        if self.is_far_ahead(event) {
            return self.bad_event(ix, out);
        }
        let was_synced = self.markets.get(ix.index()).is_some_and(|state| state.book.is_synced());
        let Some(proven) = (if was_synced { Some(false) } else { self.vouch(event, out) }) else { return };
        self.take_event(event, out);
        if proven {
            self.anchor(ix);
        }
    }

    fn is_far_ahead(&self, event: &MarketEvent) -> bool {
        event.venue_ms().is_some_and(|ms| ms > self.at.ms().saturating_add(AHEAD_MAX_MS))
    }

    /// An event that cannot be taken: the book may lack what it says, or have something that it takes back.
    fn bad_event(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        self.totals.bad_frames += 1;
        alert(Alert::BadFrame(self.link_of(ix)), out);
        self.lose_book(ix, out);
    }

    /// Takes an event of which nobody need vouch any more.
    pub(super) fn take_event(&mut self, event: &MarketEvent, out: &mut Vec<Action>) {
        self.check_before(event);
        let (at, ix) = (self.at, event.market());
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        if let MarketEvent::Resolved { .. } = event {
            state.resolved = true;
        }
        let was_synced = state.book.is_synced();
        let had = state.rests_at(event);
        let result = state.book.apply(at, event);
        if !state.places.is_empty() {
            let orders = &self.orders;
            state.places.follow(&state.book, |id| orders.get(id).is_some_and(|tracked| is_arriving(tracked, at)));
        }
        if was_synced && result.is_ok() && state.stands(event, had) {
            self.stirred.insert(ix);
        } else {
            self.dirty.insert(ix);
        }
        match result {
            Ok(()) if state.book.is_synced() => {
                state.waiting_since = None;
                // once for many books that come one by one; for one that never comes, the next sample asks
                self.ration.due |= !was_synced && self.markets.iter().all(|state| state.waiting_since.is_none());
            }
            // A tick change or a resolution: only the first asks for a new book.
            Ok(()) if was_synced && !state.resolved => {
                state.witness.forget();
                self.resync(ix, out);
            }
            Ok(()) | Err(BookError::NoSnapshot | BookError::StaleSnapshot { .. }) => {}
            Err(_) if was_synced => self.broken(ix, out),
            Err(_) => {}
        }
        self.note_hash(event);
    }

    /// The book has just been judged suspect.
    pub(super) fn broken(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        self.totals.books_broken += 1;
        alert(Alert::BookBroken(yes(ix)), out);
        if let Some(state) = self.markets.get_mut(ix.index()) {
            state.witness.forget();
        }
        self.resync(ix, out);
    }

    /// Continuity of this book is lost.
    pub(super) fn lose_book(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        let was = state.book.sync();
        state.book.unsync();
        state.witness.forget();
        self.dirty.insert(ix);
        if matches!(was, Sync::Synced { .. }) {
            self.totals.books_broken += 1;
            alert(Alert::BookBroken(yes(ix)), out);
        }
        self.resync(ix, out);
    }

    /// Subscribes anew, at most once in the time a snapshot may take.
    fn resync(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        let (at, wait, link) = (self.at, self.config.feed.snapshot_wait, self.link_of(ix));
        let down = self.links.get(&link).is_some_and(|l| l.up == Some(false));
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        state.waiting_since = Some(at);
        self.dirty.insert(ix);
        if !down && state.resync_sent.is_none_or(|t| at.since(t) >= wait) {
            state.resync_sent = Some(at);
            out.push(Action::Resync { link, token: yes(ix) });
        }
        self.wake(ix, at.plus(wait));
    }

    /// A snapshot that was asked for has not come, or the book was lost again so soon that nobody asked: asks. REST cannot mend a market
    /// of which the stream says nothing any more.
    fn subscribe_again(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        let (at, wait, link) = (self.at, self.config.feed.snapshot_wait, self.link_of(ix));
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        if state.resync_sent.is_some_and(|sent| at.since(sent) >= wait) {
            state.resync_sent = Some(at);
            out.push(Action::Resync { link, token: yes(ix) });
        }
    }

    fn await_snapshots(&mut self, link: LinkIx) {
        let (at, wait) = (self.at, self.config.feed.snapshot_wait);
        for ix in self.rows_of(link) {
            if let Some(state) = self.markets.get_mut(ix.index())
                && !state.book.is_synced()
            {
                state.waiting_since = Some(at);
                self.wake(ix, at.plus(wait));
            }
        }
    }

    fn link(&mut self, link: LinkIx, up: bool, out: &mut Vec<Action>) {
        let at = self.at;
        let state = self.link_mut(link);
        state.up = Some(up);
        state.dead = false;
        state.heard = up.then_some(at);
        (state.answered, state.probed) = (None, None);
        for ix in self.rows_of(link) {
            let Some(state) = self.markets.get_mut(ix.index()) else { continue };
            let was_synced = state.book.is_synced();
            state.book.unsync();
            state.witness.forget();
            (state.waiting_since, state.fetch_sent, state.resync_sent) = (None, None, None);
            self.dirty.insert(ix);
            if was_synced {
                self.totals.books_broken += 1;
                alert(Alert::BookBroken(yes(ix)), out);
            }
        }
        if up {
            self.await_snapshots(link);
        }
    }

    /// What one touched market needs besides a decision: doubts judged, witnesses heard, missing snapshots asked for.
    pub(super) fn tend(&mut self, ix: MarketIx, out: &mut Vec<Action>) {
        let (at, grace, wait) = (self.at, self.config.feed.suspect_after, self.config.feed.snapshot_wait);
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        state.places.settle(at);
        if state.book.judge(at).is_err() {
            self.broken(ix, out);
        }
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        let midpoint = state.book.midpoint2x().filter(|_| state.book.is_synced());
        state.markouts.judge(at, midpoint.and_then(|halves| u16::try_from(halves).ok()));
        let verdict = state.witness.judge(at, grace);
        if verdict.is_some() {
            state.sources.compare(at);
        }
        if verdict == Some(Verdict::Differs) {
            alert(Alert::WitnessDiffers(yes(ix)), out);
            self.lose_book(ix, out);
        }
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        let mut wakes =
            [state.book.next_judgement(), state.witness.due(grace), None, state.markouts.due(), state.places.due()];
        let mut fetch = false;
        if let Some(since) = state.waiting_since.filter(|_| !state.book.is_synced() && !state.resolved) {
            let due = state.fetch_sent.map_or(since, |sent| sent.max(since)).plus(wait);
            fetch = at >= due;
            if fetch {
                state.fetch_sent = Some(at);
            }
            wakes[2] = Some(if fetch { at.plus(wait) } else { due });
        }
        for wake in wakes.into_iter().flatten().filter(|t| *t > at) {
            self.wake(ix, wake);
        }
        let down = self.links.get(&self.link_of(ix)).is_some_and(|l| l.up == Some(false));
        if fetch && !down {
            self.subscribe_again(ix, out);
            self.fetch(yes(ix), out);
        }
    }

    /// Probes quiet links, gives up dead ones.
    pub(super) fn watch_links(&mut self, out: &mut Vec<Action>) {
        let (at, feed) = (self.at, (self.config.feed.probe_after, self.config.feed.dead_after));
        let due =
            |state: &LinkState| [state.probe_at(feed.0), state.dies_at(feed.1)].into_iter().flatten().any(|t| at >= t);
        if !self.links.values().any(due) {
            return;
        }
        let links: Vec<LinkIx> = self.links.keys().copied().collect();
        for link in links {
            let state = self.link_mut(link);
            if state.dies_at(feed.1).is_some_and(|t| at >= t) {
                state.dead = true;
                alert(Alert::LinkStale(link), out);
                for ix in self.rows_of(link) {
                    self.lose_book(ix, out);
                }
            }
            let state = self.link_mut(link);
            if state.probe_at(feed.0).is_some_and(|t| at >= t) {
                state.probed = Some(at);
                let from = state.probe_from;
                state.probe_from = from.wrapping_add(PROBE_MARKETS);
                let rows = self.rows_of(link);
                for n in 0..rows.len().min(PROBE_MARKETS) {
                    self.fetch(yes(rows[(from + n) % rows.len()]), out);
                }
            }
        }
    }

    fn executor(&mut self, message: &FromExecutor, out: &mut Vec<Action>) {
        let at = self.at;
        if let Err(impossible) = self.orders.apply(at, message) {
            // An order long forgotten may still get an answer about scoring, which moves no money, and a late stage of a trade: what
            // that moves, the next balance tells.
            let forgotten = impossible.state.is_none()
                && matches!(message, FromExecutor::Fill { .. })
                && self.orders.was_placed(impossible.id);
            if !forgotten && !matches!(message, FromExecutor::Scoring { .. }) {
                self.impossible = Some(impossible.id);
            }
            alert(Alert::ImpossibleOrder(impossible.id), out);
        }
        let id = match message {
            FromExecutor::Welcome { gate, caps, .. } => {
                self.welcomed = true;
                self.flattened = false;
                // what is live and how much of it is now as the executor says
                self.impossible = None;
                self.gate = *gate;
                self.caps = Some(*caps);
                self.ration.due = true;
                self.hear_all();
                return self.touch_all();
            }
            FromExecutor::Goodbye { .. } => return,
            FromExecutor::Gate(gate) => {
                let was = std::mem::replace(&mut self.gate, *gate);
                if was.is_open(at) != gate.is_open(at) {
                    self.touch_all();
                }
                return;
            }
            FromExecutor::Balance { usdc, tokens } => {
                self.balanced = true;
                self.ration.due = true;
                // with other dollars than before there is room elsewhere, or what rests anywhere is not paid for any more
                if self.ration.told.replace(*usdc) != Some(*usdc) || self.inventory.usdc_free() != *usdc {
                    self.touch_all();
                }
                for market in self.inventory.set_balance(*usdc, tokens) {
                    self.dirty.insert(market);
                }
                return;
            }
            FromExecutor::Refused { id, .. } => {
                self.totals.refused += 1;
                *id
            }
            FromExecutor::Rejected { id, .. } => {
                self.totals.rejected += 1;
                *id
            }
            FromExecutor::Accepted { id, .. } => {
                self.totals.accepted += 1;
                *id
            }
            FromExecutor::Unknown { id } => {
                alert(Alert::OrderUnknown(*id), out);
                *id
            }
            FromExecutor::Fill { id, .. } => {
                self.fill(message, out);
                *id
            }
            FromExecutor::Canceled { id, .. } | FromExecutor::CancelFailed { id, .. } => *id,
            FromExecutor::Scoring { .. } => return,
            FromExecutor::Share { market, share } => {
                let scored = share.and_then(|_| self.score(*market)).map(|score| (score.q_min, Interval::of(&score)));
                if let Some(state) = self.markets.get_mut(market.index()) {
                    state.told = Told::new(at, *share, scored);
                }
                return;
            }
            FromExecutor::Earned { day, amount } => return self.days.earned(at, *day, *amount),
        };
        if let Some(tracked) = self.orders.get(id) {
            let ix = tracked.order.token.market;
            if let Some(state) = self.markets.get_mut(ix.index()) {
                state.places.hear(at, id, tracked, &state.book);
            }
            self.dirty.insert(ix);
        }
    }

    /// The executor has listed what rests: of every other order it is told that it has ended.
    fn hear_all(&mut self) {
        for (ix, state) in (0u16..).map(MarketIx).zip(&mut self.markets) {
            let known: Vec<_> = state.places.ids().filter_map(|id| Some((id, self.orders.get(id)?))).collect();
            for (id, tracked) in known.into_iter().chain(self.orders.live_in(ix)) {
                state.places.hear(self.at, id, tracked, &state.book);
            }
        }
    }
}
