//! A market's life: opening, closing, a new tick, the start of the game, the answer.

use super::Exchange;
use super::fact::{Ended, Fact};
use super::orders::Status;
use crate::accounts::{Answer, Refused};
use crate::mechanism::Mechanism;
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Outcome, Price, TickSize, Timestamp};
use serde::{Deserialize, Serialize};

/// The finer tick of the 0.96 / 0.04 rule, in ten-thousandths.
const FINE: u16 = 10;
/// Beyond these prices of YES the tick becomes fine.
const HIGH: u16 = 9_600;
const LOW: u16 = 400;

/// Something that will happen to a market by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Planned {
    /// A new price step.
    Tick(MarketIx, TickSize),
    /// The game starts: open orders are cancelled unless the market keeps its book.
    GameStart(MarketIx),
    /// The question is answered.
    Resolve(MarketIx, Answer),
    /// No orders are taken any more.
    Close(MarketIx),
}

impl Exchange {
    /// Writes a change into the venue's agenda. What is planned for one instant happens in the order of planning, before anything
    /// else of that instant.
    pub fn plan(&mut self, at: Timestamp, planned: Planned) {
        let seq = self.planned;
        self.planned += 1;
        self.agenda.insert((at, seq), planned);
        self.wake_by(at);
    }

    /// Moves a planned game start; `false` if none is planned.
    pub fn move_game_start(&mut self, market: MarketIx, to: Timestamp) -> bool {
        let found = self.agenda.iter().find(|(_, what)| **what == Planned::GameStart(market)).map(|(key, _)| *key);
        let Some(key) = found else { return false };
        self.agenda.remove(&key);
        self.plan(to, Planned::GameStart(market));
        self.markets[market.index()].facts.starts = Some(to);
        true
    }

    /// Does the next thing of the agenda. One that has become impossible, an answer to an answered question, does nothing.
    pub(super) fn keep_agenda(&mut self) {
        match self.agenda.pop_first() {
            Some((_, Planned::Tick(market, tick))) => self.change_tick(market, tick),
            Some((_, Planned::GameStart(market))) => self.start_game(market),
            Some((_, Planned::Close(market))) => self.close(market),
            Some((_, Planned::Resolve(market, answer))) => {
                // a contradiction can only come from a second answer, and the first one stands
                let _ = self.answer(market, answer);
            }
            None => {}
        }
    }

    /// The market takes orders from now on, and shows both of its books.
    pub(super) fn open(&mut self, market: MarketIx) {
        let shown_ms = self.shown_ms();
        let state = &mut self.markets[market.index()];
        if state.notes_open(true) {
            return;
        }
        state.open = true;
        state.facts.ready = true;
        state.changed_ms = shown_ms;
        self.emit(Fact::Opened { market });
        for outcome in [Outcome::Yes, Outcome::No] {
            self.emit(Fact::Whole { market, outcome });
        }
    }

    /// The market takes no orders any more; what rests is cancelled.
    pub(super) fn close(&mut self, market: MarketIx) {
        if self.markets[market.index()].notes_open(false) {
            return;
        }
        self.clear(market, Ended::MarketClosed);
        self.shut(market);
        self.emit(Fact::Closed { market });
    }

    fn shut(&mut self, market: MarketIx) {
        let state = &mut self.markets[market.index()];
        state.notes_open(false);
        state.open = false;
        state.facts.ready = false;
    }

    /// Cancels every order of a market, held ones too.
    pub(super) fn clear(&mut self, market: MarketIx, why: Ended) {
        for (_, _, resting) in self.markets[market.index()].book.orders() {
            self.withdraw(resting.order, why);
        }
        let held: Vec<_> =
            self.held.iter().filter(|(_, ix)| self.orders.row(**ix).market == market).map(|(key, _)| *key).collect();
        for key in held {
            if let Some(ix) = self.held.remove(&key) {
                self.orders.row_mut(ix).status = Status::Live;
                self.finish(ix, why);
            }
        }
    }

    fn start_game(&mut self, market: MarketIx) {
        if !self.markets[market.index()].rules.keep_book_on_start {
            self.clear(market, Ended::Canceled);
        }
    }

    /// Changes a market's price step. Resting orders keep their prices; new ones must be on the new grid.
    pub fn set_tick(&mut self, at: Timestamp, market: MarketIx, tick: TickSize) {
        self.tick(at);
        self.change_tick(market, tick);
    }

    pub(super) fn change_tick(&mut self, market: MarketIx, new: TickSize) {
        let state = &mut self.markets[market.index()];
        let old = std::mem::replace(&mut state.facts.tick, new);
        state.book.admit(new);
        if old != new && state.open {
            self.emit(Fact::Tick { market, old, new });
        }
    }

    /// The venue's own rule: near zero and near one the tick becomes finer, and stays so.
    pub(super) fn refine_tick(&mut self, market: MarketIx) {
        let state = &self.markets[market.index()];
        let Some((outcome, price, _)) = state.last_print.filter(|_| state.rules.tick_rule) else { return };
        let yes = in_yes_terms(outcome, mm_core::domain::Side::Buy, price).1;
        if beyond(yes) && state.facts.tick.ten_thousandths() > FINE {
            let fine = TickSize::try_from(FINE).expect("0.001 is a tick");
            self.change_tick(market, fine);
        }
    }

    /// The market's question has an answer: what rests is cancelled, nothing is taken any more, tokens can be redeemed. In a
    /// neg-risk event YES for one market is NO for all others.
    ///
    /// # Errors
    /// It is answered already, or the event would be left without exactly one YES. Nothing has changed then.
    pub fn resolve(&mut self, at: Timestamp, market: MarketIx, answer: Answer) -> Result<(), Refused> {
        self.tick(at);
        self.answer(market, answer)
    }

    fn answer(&mut self, market: MarketIx, answer: Answer) -> Result<(), Refused> {
        for (row, answer) in self.accounts.answer(market.index(), answer)? {
            let market = MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"));
            self.clear(market, Ended::MarketResolved);
            self.shut(market);
            let winner = match answer {
                Answer::Winner(outcome) => Some(outcome),
                Answer::Half => None,
            };
            self.emit(Fact::Resolved { market, winner });
        }
        Ok(())
    }

    /// The answer to a market's question, once known.
    #[must_use]
    pub fn answered(&self, market: MarketIx) -> Option<Answer> {
        self.accounts.answered(market.index())
    }

    /// Opens the markets that no recording opens, and writes what the scenario plans into the agenda.
    pub(super) fn begin(&mut self) {
        let start = self.now;
        for row in 0..self.markets.len() {
            let market = MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"));
            let rules = self.markets[row].rules.clone();
            for (after, tick) in rules.tick_changes {
                self.plan(start.plus(after), Planned::Tick(market, tick));
            }
            if let Some(after) = rules.game_start {
                self.plan(start.plus(after), Planned::GameStart(market));
                self.markets[row].facts.starts = Some(start.plus(after));
            }
            if let Some((after, answer)) = rules.resolve {
                self.plan(start.plus(after), Planned::Resolve(market, answer));
            }
            if matches!(self.markets[row].book, Mechanism::Continuous(_)) {
                self.open(market);
            }
        }
    }
}

const fn beyond(yes: Price) -> bool {
    yes.ten_thousandths() > HIGH || yes.ten_thousandths() < LOW
}
