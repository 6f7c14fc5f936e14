//! What happened lately in a market and matters to its quotes: looked at before each decision, told to it in few numbers.

use super::Engine;
use super::decide::Situation;
use super::horizon::{Horizon, Watched};
use super::jumps::Rule;
use crate::domain::MarketIx;
use crate::quote::{Recent, Scratch, reference_best};

impl Engine {
    /// What our fills and the last midpoints say.
    pub(super) fn recent(&self, ix: MarketIx) -> Recent {
        let state = &self.markets[ix.index()];
        let Some(params) = &self.params[ix.index()] else { return Recent::default() };
        Recent {
            extra_cost: params.learn.map_or(0, |prior| state.markouts.extra_cost(prior)),
            // two orders' worth: one fill alone is chance
            markout: state.markouts.deciding(params.size.saturating_add(params.size)),
            jumped: state.jumps.jumped,
            flow: params.fair.flow.map_or(0, |rule| state.flow.halves(self.at, &rule, state.book.tick())),
        }
    }

    /// Looks where the best levels that count stand, where a far move is news or what flows to them moves the fair value; and tells how
    /// deep it looked.
    pub(super) fn watch_best(&mut self, ix: MarketIx, situation: Situation<'_>, scratch: &mut Scratch) -> Horizon {
        let Some((news, fair)) = self.params[ix.index()].as_ref().map(|params| (params.news, params.fair)) else {
            return Horizon::NOTHING;
        };
        if news.is_none() && fair.flow.is_none() {
            return Horizon::NOTHING;
        }
        let at = self.at;
        let state = &self.markets[ix.index()];
        let (book, tick, epoch) = (Watched::new(&state.book), state.book.tick(), state.book.epoch());
        // one clear picture after the other: not a book in the middle of a timestamp
        let clear = state.book.doubt().is_none();
        let view = self.view(ix, &book, situation).filter(|view| view.book_trusted && clear);
        let best = view.and_then(|view| reference_best(&view, scratch));
        let horizon = book.horizon();
        let state = &mut self.markets[ix.index()];
        if let (Some(rule), Some(best)) = (news, best) {
            let rule = Rule { halves: 2 * rule.distance.ten_thousandths(), window: rule.window, pause: rule.pause };
            state.jumps.look(at, best.midpoint().halves(), rule);
        }
        if let Some(rule) = &fair.flow {
            state.flow.look(at, rule, epoch, best);
        }
        let jumped = state.jumps.jumped.filter(|_| news.is_some() && best.is_some()).map(|jumped| jumped.until);
        let turns = fair.flow.and_then(|rule| state.flow.turns(at, &rule, tick));
        for due in [jumped, turns].into_iter().flatten() {
            self.wake(ix, due);
        }
        horizon
    }
}
