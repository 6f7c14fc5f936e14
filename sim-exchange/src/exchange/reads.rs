//! What the wire front reads beside the public calls. Nothing here changes anything.

use super::Exchange;
use crate::accounts::Answer;
use crate::scenario::{MarketRules, Scenario};
use mm_core::domain::{ConditionId, Outcome};

/// Where a market stands in its life.
#[derive(Clone, Copy, Debug)]
pub struct Life<'e> {
    /// Its delays, its game, its event.
    pub rules: &'e MarketRules,
    /// The answer to its question, once known.
    pub answer: Option<Answer>,
}

impl Life<'_> {
    /// Trading is over for good.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.answer.is_some()
    }

    /// What one token pays, in whole cents; `None` while nobody knows.
    #[must_use]
    pub fn pays_cents(&self, outcome: Outcome) -> Option<u64> {
        self.answer.map(|answer| match answer {
            Answer::Winner(winner) if winner == outcome => 100,
            Answer::Winner(_) => 0,
            Answer::Half => 50,
        })
    }
}

impl Exchange {
    /// The world this venue was made from.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Where a market stands; `None` for one nobody lists.
    #[must_use]
    pub fn life(&self, condition: &ConditionId) -> Option<Life<'_>> {
        let row = self.universe.row(condition)?;
        Some(Life { rules: &self.markets[row.index()].rules, answer: self.answered(row) })
    }
}
