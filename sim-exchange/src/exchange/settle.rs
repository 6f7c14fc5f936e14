//! The ladder of a trade: matched, mined, confirmed; or sent again; or failed, and undone.

use super::Exchange;
use super::fact::{Fact, Stage, TradeIx};
use mm_core::domain::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Most steps of a fate.
pub const FATE_MAX: usize = 16;

/// What will become of a matched trade: stages, each with its time after the match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate(Vec<(Nanos, Stage)>);

/// A fate the venue does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFate {
    /// A stage that cannot follow the one before.
    #[error("{after:?} cannot follow {before:?}")]
    Order {
        /// What came first.
        before: Stage,
        /// What was to follow.
        after: Stage,
    },
    /// A time before the step before it.
    #[error("step {0} lies before the step before it")]
    Time(usize),
    /// Too many steps.
    #[error("more than {FATE_MAX} steps")]
    TooLong,
}

impl Fate {
    /// A checked fate. It may end anywhere: a trade that stays matched for ever is one of the faults seen.
    ///
    /// # Errors
    /// [`BadFate`] when the steps are not a way through the ladder.
    pub fn new(steps: &[(Nanos, Stage)]) -> Result<Self, BadFate> {
        if steps.len() > FATE_MAX {
            return Err(BadFate::TooLong);
        }
        let (mut before, mut last) = (Stage::Matched, Nanos::ZERO);
        for (n, (after, stage)) in steps.iter().enumerate() {
            if !follows(before, *stage) {
                return Err(BadFate::Order { before, after: *stage });
            }
            if *after < last {
                return Err(BadFate::Time(n));
            }
            (before, last) = (*stage, *after);
        }
        Ok(Self(steps.to_vec()))
    }
}

/// `MATCHED → MINED → CONFIRMED`, `MATCHED or MINED → RETRYING → MINED`, and `FAILED` from anywhere before the end.
const fn follows(before: Stage, after: Stage) -> bool {
    matches!(
        (before, after),
        (Stage::Matched | Stage::Retrying, Stage::Mined)
            | (Stage::Mined, Stage::Confirmed)
            | (Stage::Matched | Stage::Mined, Stage::Retrying)
            | (Stage::Matched | Stage::Mined | Stage::Retrying, Stage::Failed)
    )
}

/// One step that is due: time, trade, which of the trade's plans it belongs to, place in that plan, what happens. Steps of one
/// instant happen in this order.
type Step = (Timestamp, u64, u32, u8, Stage);

/// Steps to come. Those of the scenario's own ladder keep the order in which trades were made and wait in queues; only chosen fates
/// need sorting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Ladder {
    mined: VecDeque<(Timestamp, u64)>,
    confirmed: VecDeque<(Timestamp, u64)>,
    #[serde(with = "steps")]
    chosen: BinaryHeap<Reverse<Step>>,
}

impl Ladder {
    #[inline]
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let chosen = self.chosen.peek().map(|Reverse(step)| step.0);
        let front = |queue: &VecDeque<(Timestamp, u64)>| queue.front().map(|(at, _)| *at);
        [front(&self.mined), front(&self.confirmed), chosen].into_iter().flatten().min()
    }

    fn next(&self) -> Option<(Step, usize)> {
        let mined = self.mined.front().map(|(at, trade)| ((*at, *trade, 0, 0, Stage::Mined), 0));
        let confirmed = self.confirmed.front().map(|(at, trade)| ((*at, *trade, 0, 1, Stage::Confirmed), 1));
        let chosen = self.chosen.peek().map(|Reverse(step)| (*step, 2));
        [mined, confirmed, chosen].into_iter().flatten().min()
    }

    fn pop(&mut self) -> Option<Step> {
        let (step, from) = self.next()?;
        match from {
            0 => drop(self.mined.pop_front()),
            1 => drop(self.confirmed.pop_front()),
            _ => drop(self.chosen.pop()),
        }
        Some(step)
    }

    pub(super) fn len(&self) -> usize {
        self.mined.len() + self.confirmed.len() + self.chosen.len()
    }
}

/// A heap as the sorted list of what is in it.
mod steps {
    use super::{BinaryHeap, Reverse, Step};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(heap: &BinaryHeap<Reverse<Step>>, to: S) -> Result<S::Ok, S::Error> {
        let mut all: Vec<Step> = heap.iter().map(|Reverse(step)| *step).collect();
        all.sort_unstable();
        to.collect_seq(all)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BinaryHeap<Reverse<Step>>, D::Error> {
        Ok(Vec::<Step>::deserialize(from)?.into_iter().map(Reverse).collect())
    }
}

impl Exchange {
    /// Chooses what becomes of a trade that has just been matched, instead of the scenario's ladder. `false` if the trade is
    /// unknown or has left the first stage.
    pub fn set_fate(&mut self, trade: TradeIx, fate: &Fate) -> bool {
        let Some(row) = self.trades.get_mut(trade).filter(|row| row.stage == Stage::Matched && row.sent == 0) else {
            return false;
        };
        row.plan += 1;
        row.pending = u8::try_from(fate.0.len()).expect("a fate is short");
        let (at, plan) = (row.at, row.plan);
        for (n, (after, stage)) in (0u8..).zip(&fate.0) {
            // a step chosen too late happens as soon as it can
            let due = at.plus(*after).max(self.now);
            self.ladder.chosen.push(Reverse((due, trade.0, plan, n, *stage)));
            self.wake_by(due);
        }
        true
    }

    /// The trade's way to the chain begins.
    #[inline]
    pub(super) fn plan_settlement(&mut self, trade: TradeIx) {
        let (mined, confirmed) =
            (self.now.plus(self.scenario.venue.mined), self.now.plus(self.scenario.venue.confirmed));
        self.ladder.mined.push_back((mined, trade.0));
        self.ladder.confirmed.push_back((confirmed, trade.0));
        self.wake_by(mined);
    }

    /// Does the next due step, unless another fate has been chosen since or the step has become impossible.
    pub(super) fn settle_next(&mut self) {
        let Some((_, number, plan, _, stage)) = self.ladder.pop() else { return };
        let ix = TradeIx(number);
        let Some(row) = self.trades.get_mut(ix).filter(|row| row.plan == plan) else { return };
        row.pending -= 1;
        let trade = *row;
        if !follows(trade.stage, stage) {
            return;
        }
        let legs: Vec<_> = self.trades.legs(&trade).map(|leg| trade.settlement(leg)).collect();
        match (trade.stage, stage) {
            (_, Stage::Mined) => legs.iter().for_each(|leg| self.accounts.settle(leg)),
            (Stage::Mined, Stage::Retrying | Stage::Failed) => {
                // tokens that have moved on cannot come back: then the trade stands
                if !legs.iter().all(|leg| self.accounts.can_unsettle(leg)) {
                    return;
                }
                for leg in &legs {
                    self.accounts.unsettle(leg);
                }
            }
            _ => {}
        }
        if stage == Stage::Failed {
            legs.iter().for_each(|leg| self.accounts.unpromise(leg));
            self.rebates.undo(&self.markets, &self.trades, &trade);
        }
        let now = self.now;
        if let Some(row) = self.trades.get_mut(ix) {
            row.stage = stage;
            row.updated = now;
            row.sent += u32::from(stage == Stage::Mined);
        }
        self.emit(Fact::Trade { trade: ix, stage });
        if matches!(stage, Stage::Retrying | Stage::Failed) {
            for account in self.trades.accounts(&trade) {
                self.cover(account);
            }
        }
    }
}
