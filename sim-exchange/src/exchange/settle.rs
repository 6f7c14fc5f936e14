//! The ladder of a trade: matched, mined, confirmed; or sent again; or failed, and undone.

use super::Exchange;
use super::fact::{Fact, Stage, TradeIx};
use super::trades::TradeRow;
use mm_core::domain::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::select_unpredictable;

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
    /// To be mined, and to be confirmed: time and trade.
    plain: [VecDeque<(Timestamp, u64)>; 2],
    #[serde(with = "steps")]
    chosen: BinaryHeap<Reverse<Step>>,
}

impl Ladder {
    /// When the next step is due; the end of time when there is none.
    #[inline]
    pub(super) fn next_due(&self) -> Timestamp {
        let chosen = self.chosen.peek().map_or(Timestamp::MAX, |Reverse(step)| step.0);
        self.front(0).0.min(self.front(1).0).min(chosen)
    }

    /// What one of the queues has next; behind everything when it is empty.
    #[inline]
    fn front(&self, queue: usize) -> (Timestamp, u64) {
        self.plain[queue].front().copied().unwrap_or((Timestamp::MAX, u64::MAX))
    }

    #[inline]
    fn pop(&mut self) -> Option<Step> {
        let (mined, confirmed) = (self.front(0), self.front(1));
        // of one trade and instant, mined goes first
        let confirms = confirmed < mined;
        let (at, trade) = select_unpredictable(confirms, confirmed, mined);
        let (place, stage) = if confirms { (1, Stage::Confirmed) } else { (0, Stage::Mined) };
        let step = (at, trade, 0, place, stage);
        if !self.chosen.is_empty()
            && let Some(chosen) = self.pop_chosen_before(step)
        {
            return Some(chosen);
        }
        self.plain[usize::from(confirms)].pop_front().map(|_| step)
    }

    #[cold]
    fn pop_chosen_before(&mut self, step: Step) -> Option<Step> {
        let Reverse(chosen) = self.chosen.peek().copied()?;
        (chosen < step).then(|| self.chosen.pop()).map(|_| chosen)
    }

    pub(super) fn len(&self) -> usize {
        self.plain[0].len() + self.plain[1].len() + self.chosen.len()
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
            self.wake = self.wake.min(due);
        }
        true
    }

    /// The trade's way to the chain begins.
    #[inline]
    pub(super) fn plan_settlement(&mut self, trade: TradeIx) {
        let (mined, confirmed) =
            (self.now.plus(self.scenario.venue.mined), self.now.plus(self.scenario.venue.confirmed));
        self.ladder.plain[0].push_back((mined, trade.0));
        self.ladder.plain[1].push_back((confirmed, trade.0));
        self.wake = self.wake.min(mined);
    }

    /// Takes back what a trade has moved, and what it promised if it failed for good. `false`, and nothing is done, when tokens have
    /// moved on and cannot come back: then the trade stands.
    fn undo(&mut self, trade: &TradeRow, stage: Stage) -> bool {
        let legs: Vec<_> = self.trades.legs(trade).map(|leg| trade.settlement(leg)).collect();
        if trade.stage == Stage::Mined {
            for (n, leg) in legs.iter().enumerate() {
                if !self.accounts.can_unsettle(leg) {
                    // one wallet may be in several matches: what was undone so far is done again
                    legs[..n].iter().rev().for_each(|leg| self.accounts.settle(leg));
                    return false;
                }
                self.accounts.unsettle(leg);
            }
        }
        if stage == Stage::Failed {
            legs.iter().for_each(|leg| self.accounts.unpromise(leg));
            self.rebates.undo(&self.markets, &self.trades, trade);
        }
        true
    }

    /// Does the next due step, unless another fate has been chosen since or the step has become impossible.
    pub(super) fn settle_next(&mut self) {
        let Some((_, number, plan, _, stage)) = self.ladder.pop() else { return };
        let ix = TradeIx(number);
        let Some(row) = self.trades.get_mut(ix).filter(|row| row.plan == plan) else { return };
        row.pending -= 1;
        if !follows(row.stage, stage) {
            return;
        }
        let undone = matches!(stage, Stage::Retrying | Stage::Failed);
        if undone {
            let trade = *row;
            if !self.undo(&trade, stage) {
                return;
            }
        }
        let now = self.now;
        let Some(row) = self.trades.get_mut(ix) else { return };
        row.stage = stage;
        row.updated = now;
        if stage == Stage::Mined {
            row.sent += 1;
            if let Some(row) = self.trades.get(ix) {
                for leg in self.trades.legs(row) {
                    self.accounts.settle(&row.settlement(leg));
                }
            }
        }
        self.emit(Fact::Trade { trade: ix, stage });
        if undone {
            let accounts = self.trades.get(ix).map(|trade| self.trades.accounts(trade)).unwrap_or_default();
            for account in accounts {
                self.cover(account);
            }
        }
    }
}
