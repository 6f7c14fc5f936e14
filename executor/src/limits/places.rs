//! Who of those that want to place may: the bucket of orders, shared fairly between markets.
//!
//! A place never waits: what was decided now may be wrong in a second, or forbidden. It is refused and decided anew. So a market
//! whose order found the bucket empty is put into a line, and the tokens that come are kept for the line, one each in its order:
//! who asks ten times as often gets no more than who asks once in a while.

use super::{Class, Limits};
use crate::outcome::VenueCall;
use mm_core::domain::{ConditionId, Nanos, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How long a place in the line, and a token that was kept, are good: longer than a core takes to decide anew. A market that asks no
/// more costs the others one token.
const KEPT_FOR: Nanos = Nanos::from_secs(2);

/// The line of markets that were refused, and the tokens kept for those that were its first. Both hold a market once at most.
#[derive(Debug, Default)]
pub struct Places {
    line: VecDeque<(ConditionId, Timestamp)>,
    kept: BTreeMap<ConditionId, Timestamp>,
}

impl Places {
    /// Whether an order of `market` may leave now; if not, the market stands in line.
    pub fn may(&mut self, limits: &Limits, at: Timestamp, market: &ConditionId) -> bool {
        self.kept.retain(|_, since| at < since.plus(KEPT_FOR));
        while let Some((_, since)) = self.line.front() {
            if at < since.plus(KEPT_FOR) && limits.take(at, Class::Place, 1).is_err() {
                break;
            }
            let Some((first, since)) = self.line.pop_front() else { break };
            if at < since.plus(KEPT_FOR) {
                self.kept.insert(first, at);
            }
        }
        let kept = self.kept.remove(market).is_some();
        if !kept && self.line.is_empty() && limits.take(at, Class::Place, 1).is_ok() {
            return true;
        }
        // who had to stand in line is in it again for its next order
        if self.line.iter().all(|(other, _)| other != market) {
            self.line.push_back((market.clone(), at));
        }
        kept
    }
}

/// The orders of one turn, sorted out.
#[derive(Debug)]
pub struct SortedOut<T> {
    /// What leaves together: each a request of at most [`VenueCall::PLACE_MAX`] orders, and none is empty.
    pub batches: Vec<Vec<T>>,
    /// What does not leave, and why.
    pub kept_in: Vec<(T, &'static str)>,
}

impl Places {
    /// What of the orders that became ready in one turn may leave, and in which requests. While something `urgent` waits for tokens
    /// of its own nothing may.
    pub fn sort_out<T>(
        &mut self,
        limits: &Limits,
        at: Timestamp,
        urgent: bool,
        orders: Vec<T>,
        market: impl Fn(&T) -> &ConditionId,
    ) -> SortedOut<T> {
        let mut sorted = SortedOut { batches: Vec::<Vec<T>>::new(), kept_in: Vec::new() };
        for order in in_turn(orders, &market) {
            if urgent {
                sorted.kept_in.push((order, "what matters more waits for our own rate limit"));
            } else if !self.may(limits, at, market(&order)) {
                sorted.kept_in.push((order, "our own rate limit for orders is used up"));
            } else if let Some(batch) = sorted.batches.last_mut().filter(|batch| batch.len() < VenueCall::PLACE_MAX) {
                batch.push(order);
            } else {
                sorted.batches.push(vec![order]);
            }
        }
        // Tokens of orders that the address has no room for are lost: they are many when that happens.
        let (leave, stay) =
            std::mem::take(&mut sorted.batches).into_iter().partition(|of| limits.lets_post(at, of.len()));
        sorted.batches = leave;
        let full = "our share of what this address may place is used up";
        sorted.kept_in.extend(stay.into_iter().flatten().map(|order| (order, full)));
        sorted
    }
}

/// Orders of one turn in the order they leave: the first of each market, then the second of each, and so on.
fn in_turn<T>(orders: Vec<T>, market: impl Fn(&T) -> &ConditionId) -> Vec<T> {
    let mut seen: BTreeMap<ConditionId, usize> = BTreeMap::new();
    let mut orders: Vec<(usize, T)> = orders
        .into_iter()
        .map(|order| {
            let nth = seen.entry(market(&order).clone()).or_default();
            *nth += 1;
            (*nth, order)
        })
        .collect();
    orders.sort_by_key(|(nth, _)| *nth);
    orders.into_iter().map(|(_, order)| order).collect()
}
