//! Samples of the reward ledger: taken once for each whole sampling interval, for every market.

use super::earnings::Day;
use super::minutes::{Minute, Rested, Scene};
use super::{Engine, Kept, alert};
use crate::domain::{MarketIx, NewOrder, Timestamp};
use crate::event::{Action, Alert};
use crate::orders::{OrderState, Tracked};
use crate::rewards::{Fixed12, Interval, Own, ScoreBreakdown, score};

impl Engine {
    /// Books the reward of every market once for each whole sampling interval, and does what its minutes ask for.
    pub(super) fn sample(&mut self, out: &mut Vec<Action>) {
        let n = self.at.nanos() / self.config.rewards.sample_every.nanos().max(1);
        if self.sampled == Some(n) {
            return;
        }
        let first = self.sampled.replace(n).is_none();
        if first {
            return;
        }
        let rules = self.config.rewards.rules;
        let mut sums = [Fixed12::ZERO; 3];
        for ix in (0u16..).map(MarketIx).take(self.markets.len()) {
            let scored = self.score(ix);
            let minute = self.params[ix.index()].is_some().then(|| self.minute(ix, scored.as_ref()));
            self.compare_costs(ix);
            let state = &mut self.markets[ix.index()];
            if let Some(scored) = scored {
                let Interval { low, high } = Interval::of(&scored);
                let rewards = [scored.minute_reward, low.minute_reward, high.minute_reward];
                let [least, most] = &mut state.expected_between;
                let kept = [&mut state.expected, least, most];
                for ((kept, sum), reward) in kept.into_iter().zip(&mut sums).zip(rewards) {
                    *kept = kept.saturating_add(reward);
                    *sum = sum.saturating_add(reward);
                }
            }
            if minute.is_some_and(|minute| state.minutes.take(minute, &rules).is_some()) {
                alert(Alert::NotScoring(ix), out);
            }
        }
        self.ration.due = true;
        let [expected, least, most] = sums;
        self.days.sample(self.at, expected, [least, most]);
        // Conditions of time alone (start, end) and of minutes (adjusted, left) are looked at no less often than this.
        self.touch_all();
    }

    /// Sets what rested since the last sample beside what the cost model says of it, and lets old evidence fade.
    fn compare_costs(&mut self, ix: MarketIx) {
        let every = self.config.rewards.sample_every;
        let cost = self.params[ix.index()].as_ref().and_then(|params| params.cost.as_ref());
        let fair = match self.markets[ix.index()].decision {
            Some(Ok(why)) => Some(why.fair.value),
            _ => None,
        };
        let rested: Vec<_> = cost
            .zip(fair)
            .map(|(cost, fair)| {
                let said = |price: crate::domain::Price| cost.nano_at_distance(fair.distance_halves(price));
                self.resting(ix).map(|(_, t)| (t.remaining(), said(t.order.in_yes_terms().1))).collect()
            })
            .unwrap_or_default();
        let state = &mut self.markets[ix.index()];
        state.markouts.fade(self.evidence_kept);
        for (qty, said) in rested {
            state.markouts.rest(qty, every, said);
        }
    }

    /// The sample of a quoted market as of now.
    fn minute(&self, ix: MarketIx, score: Option<&ScoreBreakdown>) -> Minute {
        let state = &self.markets[ix.index()];
        let since = state.minutes.since();
        let terms = state.facts.rewards.as_ref();
        let scores = score.map(|s| s.orders.as_slice()).unwrap_or_default();
        let rested: Vec<Rested> = self
            .resting(ix)
            .enumerate()
            .map(|(n, (id, tracked))| {
                let age = self.at.since(tracked.placed);
                let min_age = terms.map(|t| t.min_age).unwrap_or_default();
                Rested {
                    id,
                    side: tracked.order.in_yes_terms().0,
                    age,
                    expected: scores.get(n).is_some_and(|order| order.scoring),
                    large: terms.is_none_or(|t| tracked.remaining() >= t.min_size),
                    old: age >= min_age,
                    told: told(tracked, since, tracked.placed.plus(min_age)),
                }
            })
            .collect();
        Minute::of(&Scene {
            at: self.at,
            funded: terms.is_some_and(|t| !t.rate_per_day.is_zero()),
            trusted: state.book.is_synced() && state.book.doubt().is_none(),
            quoting: state.is_quoting(),
            score,
            narrowed: score.map(|score| self.narrowed(ix, score)),
            earning: state.told.share_since(since),
            rested: &rested,
        })
    }

    /// What a score may bring, by the book and by what the venue said of our part since the last sample.
    fn narrowed(&self, ix: MarketIx, score: &ScoreBreakdown) -> Interval {
        let state = &self.markets[ix.index()];
        let rate = state.facts.rewards.as_ref().map(|terms| terms.rate_per_day).unwrap_or_default();
        state.told.narrow(Interval::of(score), state.minutes.since(), score.q_min, rate)
    }

    /// Our orders that the venue holds, as far as we know.
    fn resting(&self, ix: MarketIx) -> impl Iterator<Item = (crate::domain::ClientOrderId, &Tracked)> {
        let rests = |state| matches!(state, OrderState::Open(_) | OrderState::PendingCancel(Some(_)));
        self.orders.live_in(ix).filter(move |(_, t)| rests(t.state))
    }

    /// What our orders score now; `None` where nothing is paid or the book is not trusted.
    pub(super) fn score(&self, ix: MarketIx) -> Option<ScoreBreakdown> {
        let state = self.markets.get(ix.index())?;
        let terms = state.facts.rewards.as_ref().filter(|_| state.book.is_synced())?;
        let own: Vec<Own> = self
            .resting(ix)
            .map(|(_, t)| Own { order: NewOrder { qty: t.remaining(), ..t.order }, age: self.at.since(t.placed) })
            .collect();
        Some(score(&state.book, &own, terms))
    }

    /// Why the last decision of a market left what rests though something better was wanted, if it did.
    #[must_use]
    pub fn kept(&self, ix: MarketIx) -> Option<Kept> {
        self.markets.get(ix.index())?.kept
    }

    /// What the last days let expect, and what the venue says they earned; oldest first.
    pub fn days(&self) -> impl Iterator<Item = &Day> {
        self.days.iter()
    }

    /// The minutes of a market at hand, oldest first.
    pub fn minutes(&self, ix: MarketIx) -> impl Iterator<Item = &Minute> {
        self.markets.get(ix.index()).into_iter().flat_map(|state| state.minutes.kept())
    }
}

/// What the venue said of an order after `since`; a no about an order younger than the minimum age says nothing.
fn told(tracked: &Tracked, since: Timestamp, of_age: Timestamp) -> Option<bool> {
    let answer = tracked.scoring.filter(|answer| answer.at > since)?;
    answer.scoring.filter(|yes| *yes || answer.at >= of_age)
}
