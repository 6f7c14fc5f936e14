//! One order as the ledger knows it.

use super::Losses;
use crate::rows::{Became, IntentRow};
use mm_core::domain::{Outcome, Price, Qty, Side, TradeId, Usdc, cost_ceil};
use mm_core::protocol::Stage;
use std::collections::BTreeMap;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Recorded; perhaps on its way, no answer yet.
    InFlight,
    /// The venue has it.
    Open,
    /// Sent, and nothing proves what became of it: counts as resting.
    Unknown {
        /// One clean look at everything settles it.
        likely_rejected: bool,
    },
    /// It can no longer rest or land.
    Ended {
        /// How much had matched, by the venue's last word.
        matched: Qty,
    },
}

/// An order of ours, from its intent row on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tracked {
    /// What was recorded before it was sent.
    pub row: IntentRow,
    /// Where it stands.
    pub phase: Phase,
    /// Its trades: price, shares and how far settlement is.
    pub fills: BTreeMap<TradeId, (Price, Qty, Stage)>,
    /// It was given up: what was asked for as long as it could be asked for, and never seen.
    pub(super) given_up: bool,
    /// The day among whose placements it counts; `None` when it provably never left, and counts as none.
    pub(super) counted: Option<u64>,
}

impl Tracked {
    /// Whether what became of it proves that it never left. What rests or has traded did, whoever says otherwise.
    pub(super) fn never_left(&self, became: &Became) -> bool {
        let may_be = matches!(self.phase, Phase::InFlight | Phase::Unknown { .. }) && self.fills.is_empty();
        may_be && matches!(became, Became::NotSent { .. })
    }

    /// Whether it rests, may rest or may yet land.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Ended { .. })
    }

    /// Shares of all its trades, failed ones included: a failed trade does not come back to the book.
    #[must_use]
    pub fn traded(&self) -> Qty {
        self.fills.values().fold(Qty::ZERO, |sum, (_, qty, _)| sum.saturating_add(*qty))
    }

    /// Shares of its trades that did not fail.
    fn stands(&self) -> Qty {
        let stand = self.fills.values().filter(|(_, _, stage)| *stage != Stage::Failed);
        stand.fold(Qty::ZERO, |sum, (_, qty, _)| sum.saturating_add(*qty))
    }

    /// Shares that may still trade, or have by the venue's word and no trade was seen yet.
    #[must_use]
    pub fn open_qty(&self) -> Qty {
        let most = match self.phase {
            Phase::Ended { matched } => matched,
            _ => self.row.qty,
        };
        most.saturating_sub(self.traded())
    }

    /// Its trades that may still settle or fail.
    pub fn unsettled_trades(&self) -> impl Iterator<Item = &TradeId> {
        self.fills.iter().filter(|(_, (_, _, stage))| !is_settled(*stage)).map(|(trade, _)| trade)
    }

    /// Whether it ended with a matched part that no trade was seen for.
    #[must_use]
    pub fn is_short_of_trades(&self) -> bool {
        !self.is_live() && !self.open_qty().is_zero()
    }

    /// Whether a trade of it is still to be seen, or to settle or fail.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.is_short_of_trades() || self.unsettled_trades().next().is_some()
    }

    /// Dollars of all of it, rounded up.
    pub(super) fn notional(&self) -> Usdc {
        cost_ceil(self.row.price, self.row.qty)
    }

    /// Dollars its open part could take.
    #[must_use]
    pub fn open_cost(&self) -> Usdc {
        match self.row.side {
            Side::Buy => cost_ceil(self.row.price, self.open_qty()),
            Side::Sell => Usdc::ZERO,
        }
    }

    /// Shares its open part could give.
    #[must_use]
    pub fn open_shares(&self) -> Qty {
        match self.row.side {
            Side::Buy => Qty::ZERO,
            Side::Sell => self.open_qty(),
        }
    }

    /// What its open part adds to the endings of its market.
    #[must_use]
    pub fn open_losses(&self) -> Losses {
        Losses::of_open(self.row.outcome, self.row.side, self.row.price, self.open_qty())
    }

    /// Whether it ended and some of it had matched, by a trade or by the venue's word.
    #[must_use]
    pub fn ended_after_a_match(&self) -> bool {
        match self.phase {
            Phase::Ended { matched } => !matched.is_zero() || !self.fills.is_empty(),
            _ => false,
        }
    }

    /// The phase after a row, or `None` when the row says nothing new. An ended order stays ended, unless it turns out to rest.
    pub(crate) fn after(&self, became: &Became) -> Option<Phase> {
        let next = match (self.phase, became) {
            (Phase::Ended { matched }, Became::Ended { matched: later }) if *later > matched => {
                Phase::Ended { matched: *later }
            }
            // the trades that failed may have come back to the book
            (Phase::Ended { .. }, Became::Accepted) if self.stands() < self.row.qty => Phase::Open,
            (Phase::Ended { .. }, _) | (Phase::Open, Became::Unknown { .. }) => return None,
            (_, Became::Accepted) => Phase::Open,
            (_, Became::Unknown { likely_rejected, .. }) => Phase::Unknown { likely_rejected: *likely_rejected },
            (_, Became::Ended { matched }) => Phase::Ended { matched: *matched },
            (_, Became::NotSent { .. } | Became::Rejected { .. } | Became::NeverLanded) => {
                Phase::Ended { matched: Qty::ZERO }
            }
        };
        (next != self.phase).then_some(next)
    }
}

impl Tracked {
    /// Side and price in YES terms.
    #[must_use]
    pub(crate) fn in_yes_terms(&self) -> (Side, Price) {
        match self.row.outcome {
            Outcome::Yes => (self.row.side, self.row.price),
            Outcome::No => (self.row.side.other(), self.row.price.complement()),
        }
    }

    /// Whether a trade at this stage is news.
    #[must_use]
    pub fn would_progress(&self, trade: &TradeId, stage: Stage) -> bool {
        progresses(self.fills.get(trade).map(|(_, _, known)| *known), stage)
    }
}

/// Whether a trade at this stage is final.
#[must_use]
pub const fn is_settled(stage: Stage) -> bool {
    matches!(stage, Stage::Confirmed | Stage::Failed)
}

/// Whether a trade's settlement moves forward: final stages are final, a late lower one is ignored.
pub(super) fn progresses(from: Option<Stage>, to: Stage) -> bool {
    match from {
        None => true,
        Some(Stage::Confirmed | Stage::Failed) => false,
        Some(known) => known != to && to != Stage::Matched,
    }
}

/// The price a trade is counted at: a resting order trades at its own, and a better one in the venue's word earns no room.
pub(super) fn counted(row: &IntentRow, told: Price) -> Price {
    match row.side {
        Side::Buy => told.max(row.price),
        Side::Sell => told.min(row.price),
    }
}

/// What a trade of an order changes once it is final, and what it adds while it may yet fail.
pub(super) fn losses(row: &IntentRow, price: Price, qty: Qty) -> (Losses, Losses) {
    (Losses::of_settled(row.outcome, row.side, price, qty), Losses::of_open(row.outcome, row.side, price, qty))
}
