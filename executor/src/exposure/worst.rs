//! The worst case, exactly: what each ending of a market loses when whatever is open fills as it hurts most.
//!
//! A fill that may or may not happen adds to an ending what it loses there, and nothing where it gains: so the sum is what
//! the worst subset of fills loses, and no subset need be tried. It is linear in orders, so it is kept running.
//! Between the endings (a venue that pays half to each side) nothing is worse than at one of them: the loss is convex.

use mm_core::domain::{Outcome, Price, Qty, Side, Usdc, cost_ceil, cost_floor};

/// Lost if a market ends one way or the other, in millionths of a dollar; below zero it is won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Losses {
    /// It ends YES.
    pub yes: i128,
    /// It ends NO.
    pub no: i128,
}

impl Losses {
    /// What an order, or a trade that may yet fail, adds: its loss in each ending, never its gain. Rounded against us.
    #[must_use]
    pub fn of_open(outcome: Outcome, side: Side, price: Price, qty: Qty) -> Self {
        match side {
            // A share bought pays a dollar in its own ending: only in the other is its price lost.
            Side::Buy => Self::in_other(outcome, micro(cost_ceil(price, qty))),
            // A share sold would have paid a dollar in its own ending.
            Side::Sell => Self::in_own(outcome, shares(qty) - micro(cost_floor(price, qty))),
        }
    }

    /// What a trade that is final changes.
    pub(super) fn of_settled(outcome: Outcome, side: Side, price: Price, qty: Qty) -> Self {
        let (paid, came) = match side {
            Side::Buy => (micro(cost_ceil(price, qty)), shares(qty)),
            Side::Sell => (-micro(cost_floor(price, qty)), -shares(qty)),
        };
        Self { yes: paid, no: paid }.minus(Self::in_own(outcome, came))
    }

    /// `lost` in the ending that `outcome` names.
    pub(super) const fn in_own(outcome: Outcome, lost: i128) -> Self {
        match outcome {
            Outcome::Yes => Self { yes: lost, no: 0 },
            Outcome::No => Self { yes: 0, no: lost },
        }
    }

    const fn in_other(outcome: Outcome, lost: i128) -> Self {
        match outcome {
            Outcome::Yes => Self { yes: 0, no: lost },
            Outcome::No => Self { yes: lost, no: 0 },
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { yes: self.yes + other.yes, no: self.no + other.no }
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        Self { yes: self.yes - other.yes, no: self.no - other.no }
    }

    /// Lost in the worse ending.
    #[must_use]
    pub fn worst(self) -> i128 {
        self.yes.max(self.no)
    }

    /// Lost in the worse ending of a market that is set against no other: a sure win counts as nothing lost.
    #[must_use]
    pub fn apart(self) -> i128 {
        self.worst().max(0)
    }
}

/// Markets whose worst cases belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventLosses {
    /// Lost if every market that excludes the others ends NO: "none of these", which can always happen, for an event may
    /// have outcomes that are not on our list.
    none: i128,
    /// Added to that by the worst market to end YES; nothing if none adds.
    worst_yes: i128,
    /// Markets that exclude nothing, each in its own worse ending.
    apart: i128,
}

impl EventLosses {
    /// Adds a market. `exclusive`: of those so marked at most one ends YES.
    pub fn add(&mut self, market: Losses, exclusive: bool) {
        if exclusive {
            self.none += market.no;
            self.worst_yes = self.worst_yes.max(market.yes - market.no);
        } else {
            self.apart += market.worst();
        }
    }

    /// Lost in the worst ending.
    #[must_use]
    pub const fn worst(self) -> i128 {
        self.none + self.worst_yes + self.apart
    }
}

/// A loss as dollars; what is won counts as nothing lost.
#[must_use]
pub fn dollars(lost: i128) -> Usdc {
    Usdc::from_micro(u64::try_from(lost.max(0)).unwrap_or(u64::MAX))
}

fn micro(usdc: Usdc) -> i128 {
    usdc.micro().into()
}

/// Shares at the dollar each pays.
fn shares(qty: Qty) -> i128 {
    qty.micro().into()
}
