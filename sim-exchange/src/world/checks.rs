//! What must always hold (`simulator.md` section 6), looked at while a world runs.

use super::tally::{Kind, Tally};
use super::trail::{STATE_EVERY, Trail};
use crate::exchange::{Exchange, Fact, OrderChange, OrderIx};
use crate::scenario::Scenario;
use mm_core::domain::{Price, Qty, Timestamp};
use std::collections::BTreeMap;

/// How closely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// After every event: for tests and proofs.
    Every,
    /// Every 10,000 events.
    #[default]
    Sampled,
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant violated at {at}, event {event}: {what} (scenario {scenario}, seed {seed})")]
pub struct Violation {
    /// What is wrong, with the numbers.
    pub what: String,
    /// The event after which it was seen.
    pub event: u64,
    /// When.
    pub at: Timestamp,
    /// Digest of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
}

/// An order as its facts tell it.
#[derive(Clone, Copy, Debug)]
struct Known {
    matched: Qty,
    size: Qty,
}

/// The watcher.
#[derive(Debug)]
pub(super) struct Checks {
    depth: Depth,
    scenario: String,
    seed: u64,
    looked: u64,
    orders: BTreeMap<OrderIx, Known>,
    /// Shares of accepted orders, and where they went; millionths.
    submitted: u128,
    filled: u128,
    ended: u128,
    wrong: Option<String>,
}

impl Checks {
    pub(super) fn new(depth: Depth, scenario: &Scenario) -> Self {
        Self {
            depth,
            scenario: scenario.digest().to_string(),
            seed: scenario.seed,
            looked: 0,
            orders: BTreeMap::new(),
            submitted: 0,
            filled: 0,
            ended: 0,
            wrong: None,
        }
    }

    /// Times everything was looked at.
    pub(super) const fn looked(&self) -> u64 {
        self.looked
    }

    /// Follows one fact. Only a close watch follows single orders.
    #[inline]
    pub(super) fn hear(&mut self, fact: &Fact) {
        if self.depth == Depth::Every {
            self.follow(fact);
        }
    }

    /// Filled + ended + resting = submitted, order by order (invariant 7).
    fn follow(&mut self, fact: &Fact) {
        match *fact {
            Fact::Order { order, change: OrderChange::Placed, matched, left, .. } => {
                let size = matched.saturating_add(left);
                self.orders.insert(order, Known { matched: Qty::ZERO, size });
                self.submitted += u128::from(size.micro());
            }
            Fact::Order { order, change, matched, left, .. } => {
                let Some(known) = self.orders.get(&order).copied() else {
                    return self.complain(format!("order {} changes before it is placed", order.0));
                };
                if known.matched != matched || known.size != matched.saturating_add(left) {
                    self.complain(format!(
                        "order {} of {}: {} filled, told {matched} matched and {left} left",
                        order.0, known.size, known.matched
                    ));
                }
                if let OrderChange::Ended(_) = change {
                    self.ended += u128::from(left.micro());
                }
                if matches!(change, OrderChange::Ended(_)) || left.is_zero() {
                    self.orders.remove(&order);
                }
            }
            Fact::Fill { order, qty, .. } => {
                self.filled += u128::from(qty.micro());
                match self.orders.get_mut(&order) {
                    Some(known) => known.matched = known.matched.saturating_add(qty),
                    None => self.complain(format!("order {} is filled and does not rest", order.0)),
                }
            }
            _ => {}
        }
    }

    fn complain(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    /// After an event.
    #[inline]
    pub(super) fn after(
        &mut self,
        exchange: &Exchange,
        tally: &Tally,
        trail: &Trail,
        at: Timestamp,
    ) -> Result<(), Violation> {
        if self.depth == Depth::Sampled && !trail.events().is_multiple_of(STATE_EVERY) {
            return Ok(());
        }
        self.whole(exchange, tally, trail, at)
    }

    /// Everything, now.
    pub(super) fn whole(
        &mut self,
        exchange: &Exchange,
        tally: &Tally,
        trail: &Trail,
        at: Timestamp,
    ) -> Result<(), Violation> {
        self.looked += 1;
        let found = self.wrong.take().map_or(Ok(()), Err);
        let venue = |()| exchange.check().map_err(|why| why.to_string());
        let found = found.and_then(venue).and_then(|()| self.sums()).and_then(|()| balanced(exchange, tally));
        found.map_err(|what| self.violation(trail, at, what))
    }

    /// Something that must never be.
    pub(super) fn violation(&self, trail: &Trail, at: Timestamp, what: String) -> Violation {
        Violation { what, event: trail.events(), at, scenario: self.scenario.clone(), seed: self.seed }
    }

    fn sums(&self) -> Result<(), String> {
        if self.depth == Depth::Sampled {
            return Ok(());
        }
        let left = |known: &Known| u128::from(known.size.saturating_sub(known.matched).micro());
        let resting: u128 = self.orders.values().map(left).sum();
        if self.filled + self.ended + resting == self.submitted {
            return Ok(());
        }
        let (filled, ended, submitted) = (self.filled, self.ended, self.submitted);
        Err(format!("filled {filled} + ended {ended} + resting {resting} is not submitted {submitted}"))
    }
}

/// What one kind gained from another, the other lost to it: all profits sum to nothing (invariants 3 and 4).
fn balanced(exchange: &Exchange, tally: &Tally) -> Result<(), String> {
    let half = Price::from_ten_thousandths(5_000).expect("half a dollar is a price");
    for (n, of) in Kind::ALL.into_iter().enumerate() {
        for with in Kind::ALL.into_iter().skip(n) {
            let (gained, lost) = (tally.profit(of, with, &|_| half).micro, tally.profit(with, of, &|_| half).micro);
            // a fraction of a millionth is rounded down on both sides of each market
            let slack = i64::try_from(2 * exchange.market_count()).unwrap_or(i64::MAX);
            if (gained + lost).abs() > slack {
                return Err(format!("{} gained {gained} from {}, who lost {lost}", of.name(), with.name()));
            }
        }
    }
    Ok(())
}
