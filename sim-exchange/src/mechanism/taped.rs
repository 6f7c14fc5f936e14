//! The book that a recording drives: recorded sizes in YES terms and, waiting among them, the orders of accounts.
//!
//! Recorded size is anonymous: at each level an order knows only how much of it stands ahead. Speed is of no matter here, a
//! recording has a few hundred changes a second.

use super::{Maker, Match, Resting, crosses};
use crate::exchange::{AccountIx, OrderIx};
use mm_core::domain::{Price, Qty, Side};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A shrinking level and the print that caused it come apart by this much at most, in milliseconds of tape time
/// (in the bundled recording the print follows 2 to 80 ms later). A shrink that no print explains in this time was a
/// cancellation.
pub const PRINT_WAIT_MS: u64 = 250;

/// Anonymous size by price, both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
}

impl Levels {
    /// Sets a level's size; zero removes it.
    pub fn set(&mut self, side: Side, price: Price, qty: Qty) {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if qty.is_zero() {
            levels.remove(&price);
        } else {
            levels.insert(price, qty);
        }
    }

    /// A level's size.
    #[must_use]
    pub fn qty(&self, side: Side, price: Price) -> Qty {
        self.side(side).get(&price).copied().unwrap_or(Qty::ZERO)
    }

    /// One side by rising price.
    #[must_use]
    pub const fn side(&self, side: Side) -> &BTreeMap<Price, Qty> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    /// Highest bid or lowest ask.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Price> {
        best_key(self.side(side), side)
    }
}

fn best_key<T>(levels: &BTreeMap<Price, T>, side: Side) -> Option<Price> {
    match side {
        Side::Buy => levels.keys().next_back(),
        Side::Sell => levels.keys().next(),
    }
    .copied()
}

/// An account's order among recorded size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    order: OrderIx,
    account: AccountIx,
    remaining: Qty,
    /// Recorded size that stands ahead of it at its price.
    ahead: Qty,
    /// Arrival.
    seq: u64,
}

impl Waiting {
    const fn resting(&self) -> Resting {
        Resting { order: self.order, account: self.account, remaining: self.remaining }
    }
}

/// A level shrank to `size`; orders that arrived before have no more than that ahead once it is clear that no print did it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Clamp {
    at_ms: u64,
    size: Qty,
    before: u64,
}

/// What waits at one price.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Queue {
    orders: Vec<Waiting>,
    clamps: Vec<Clamp>,
}

/// The recorded book of one market.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TapeBook {
    /// Recorded or built-in size.
    pub recorded: Levels,
    bids: BTreeMap<Price, Queue>,
    asks: BTreeMap<Price, Queue>,
    arrivals: u64,
}

impl TapeBook {
    const fn queues(&self, side: Side) -> &BTreeMap<Price, Queue> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    const fn queues_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Queue> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Size of all accounts' orders at a price.
    #[must_use]
    pub fn ours(&self, side: Side, price: Price) -> Qty {
        let queue = self.queues(side).get(&price);
        queue.map_or(Qty::ZERO, |q| q.orders.iter().fold(Qty::ZERO, |sum, o| sum.saturating_add(o.remaining)))
    }

    /// The public size at a price.
    #[must_use]
    pub fn public(&self, side: Side, price: Price) -> Qty {
        self.recorded.qty(side, price).saturating_add(self.ours(side, price))
    }

    /// The public book of a side by rising price.
    #[must_use]
    pub fn levels(&self, side: Side) -> Vec<(Price, Qty)> {
        let mut all = self.recorded.side(side).clone();
        for price in self.queues(side).keys() {
            all.insert(*price, self.public(side, *price));
        }
        all.into_iter().collect()
    }

    /// Highest public bid or lowest public ask.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Price> {
        let ours = best_key(self.queues(side), side);
        match (self.recorded.best(side), ours) {
            (Some(a), Some(b)) => Some(if side == Side::Buy { a.max(b) } else { a.min(b) }),
            (a, b) => a.or(b),
        }
    }

    /// Every account's order, by side, price and arrival.
    pub fn orders(&self) -> impl Iterator<Item = (Side, Price, Resting)> {
        [Side::Buy, Side::Sell].into_iter().flat_map(|side| {
            self.queues(side)
                .iter()
                .flat_map(move |(price, queue)| queue.orders.iter().map(move |o| (side, *price, o.resting())))
        })
    }

    /// Puts an order at the end of its queue, behind all recorded size there.
    pub fn rest(&mut self, side: Side, price: Price, order: OrderIx, account: AccountIx, qty: Qty) {
        assert!(!qty.is_zero(), "an order without size cannot rest");
        self.arrivals += 1;
        let (seq, ahead) = (self.arrivals, self.recorded.qty(side, price));
        let queue = self.queues_mut(side).entry(price).or_default();
        queue.orders.push(Waiting { order, account, remaining: qty, ahead, seq });
    }

    /// Takes an order out; what it still had.
    pub fn remove(&mut self, side: Side, price: Price, order: OrderIx) -> Option<Qty> {
        let queues = self.queues_mut(side);
        let queue = queues.get_mut(&price)?;
        let at = queue.orders.iter().position(|o| o.order == order)?;
        let gone = queue.orders.remove(at);
        if queue.orders.is_empty() {
            queues.remove(&price);
        }
        Some(gone.remaining)
    }

    /// Makes a waiting order smaller in its place.
    ///
    /// # Panics
    /// If it does not wait there or nothing would be left.
    pub fn reduce(&mut self, side: Side, price: Price, order: OrderIx, by: Qty) {
        let queue = self.queues_mut(side).get_mut(&price);
        let found = queue.and_then(|queue| queue.orders.iter_mut().find(|o| o.order == order));
        let waiting = found.expect("a live order waits at its price");
        assert!(by < waiting.remaining, "an order of {} cannot lose {by}", waiting.remaining);
        waiting.remaining = waiting.remaining.saturating_sub(by);
    }

    /// A recorded level has a new size. Orders behind a shrinking level move up only when no print explains it.
    pub fn record(&mut self, side: Side, price: Price, qty: Qty, tape_ms: u64) {
        let was = self.recorded.qty(side, price);
        self.recorded.set(side, price, qty);
        let arrivals = self.arrivals;
        if qty < was
            && let Some(queue) = self.queues_mut(side).get_mut(&price)
        {
            queue.settle(tape_ms);
            queue.clamps.push(Clamp { at_ms: tape_ms, size: qty, before: arrivals });
        }
    }

    /// A recorded print: a taker hit the orders resting on `side` at `price`. It takes the queue first, then us, up to its
    /// size; our orders it went through are filled whole at their own price.
    pub fn print(&mut self, side: Side, price: Price, qty: Qty, tape_ms: u64) -> Vec<Match> {
        let mut out = self.fill_whole(side, |resting| match side {
            Side::Buy => resting > price,
            Side::Sell => resting < price,
        });
        if let Some(queue) = self.queues_mut(side).get_mut(&price) {
            queue.settle(tape_ms);
            queue.consume(price, qty, &mut out);
        }
        self.sweep(side, price);
        out
    }

    /// The recorded book has come to stand at or through our orders on `side`: those are filled whole at their own price.
    pub fn run_over(&mut self, side: Side) -> Vec<Match> {
        match self.recorded.best(side.other()) {
            Some(opposite) => self.fill_whole(side, |resting| crosses(side, resting, opposite)),
            None => Vec::new(),
        }
    }

    /// A taker of an account walks the other side up to its limit: best price first, at a price in order of the queue. Orders of
    /// `except` at a price it reaches leave the book unfilled ([`Maker::Own`]).
    pub fn take(&mut self, side: Side, limit: Price, mut qty: Qty, except: Option<AccountIx>, out: &mut Vec<Match>) {
        while !qty.is_zero() {
            let Some(price) = self.best(side.other()).filter(|best| crosses(side, limit, *best)) else { break };
            if let Some(account) = except {
                self.drop_own(side.other(), price, account, out);
            }
            let level = self.public(side.other(), price).min(qty);
            let recorded = self.recorded.qty(side.other(), price);
            let before = out.len();
            let mut from_recorded = level;
            if let Some(queue) = self.queues_mut(side.other()).get_mut(&price) {
                // whoever walks the level now meets it as it stands: every shrink so far counts
                queue.settle(u64::MAX);
                queue.consume(price, level, out);
                let ours = out[before..].iter().fold(Qty::ZERO, |sum: Qty, m| sum.saturating_add(m.qty));
                from_recorded = level.saturating_sub(ours);
            }
            if !from_recorded.is_zero() {
                self.recorded.set(side.other(), price, recorded.saturating_sub(from_recorded));
                out.push(Match { maker: Maker::Recorded, price, qty: from_recorded });
            }
            self.sweep(side.other(), price);
            qty = qty.saturating_sub(level);
        }
    }

    fn drop_own(&mut self, side: Side, price: Price, account: AccountIx, out: &mut Vec<Match>) {
        if let Some(queue) = self.queues_mut(side).get_mut(&price) {
            for own in queue.orders.extract_if(.., |o| o.account == account) {
                out.push(Match { maker: Maker::Own { order: own.order }, price, qty: Qty::ZERO });
            }
        }
        self.sweep(side, price);
    }

    /// Shares a taker could get up to its limit, and what they would cost in YES terms, without `except`'s own orders.
    #[must_use]
    pub fn reachable(&self, side: Side, limit: Price, except: Option<AccountIx>) -> Qty {
        let mut sum = Qty::ZERO;
        for (price, qty) in self.recorded.side(side.other()) {
            if crosses(side, limit, *price) {
                sum = sum.saturating_add(*qty);
            }
        }
        for (other, price, order) in self.orders() {
            if other == side.other() && crosses(side, limit, price) && Some(order.account) != except {
                sum = sum.saturating_add(order.remaining);
            }
        }
        sum
    }

    fn fill_whole(&mut self, side: Side, hit: impl Fn(Price) -> bool) -> Vec<Match> {
        let mut prices: Vec<Price> = self.queues(side).keys().copied().filter(|p| hit(*p)).collect();
        if side == Side::Buy {
            prices.reverse();
        }
        let mut out = Vec::new();
        for price in prices {
            for order in self.queues_mut(side).remove(&price).unwrap_or_default().orders {
                let maker = Maker::Order { order: order.order, left: Qty::ZERO };
                out.push(Match { maker, price, qty: order.remaining });
            }
        }
        out
    }

    /// Drops orders without size and an empty queue.
    fn sweep(&mut self, side: Side, price: Price) {
        let queues = self.queues_mut(side);
        if let Some(queue) = queues.get_mut(&price) {
            queue.orders.retain(|o| !o.remaining.is_zero());
            if queue.orders.is_empty() {
                queues.remove(&price);
            }
        }
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// Which promise is broken, and where.
    pub fn check(&self) -> Result<(), String> {
        for side in [Side::Buy, Side::Sell] {
            for (price, queue) in self.queues(side) {
                if queue.orders.is_empty() {
                    return Err(format!("{side} {price}: an empty queue"));
                }
                if queue.orders.iter().any(|o| o.remaining.is_zero()) {
                    return Err(format!("{side} {price}: an order without size rests"));
                }
                if !queue.orders.windows(2).all(|pair| pair[0].seq < pair[1].seq) {
                    return Err(format!("{side} {price}: the queue is not in order of arrival"));
                }
            }
        }
        let (bid, ask) = (best_key(&self.bids, Side::Buy), best_key(&self.asks, Side::Sell));
        if let (Some(bid), Some(ask)) = (bid, ask)
            && bid >= ask
        {
            return Err(format!("accounts' orders cross: bid {bid}, ask {ask}"));
        }
        Ok(())
    }
}

impl Queue {
    /// Applies the shrinks that no print explained in time.
    fn settle(&mut self, tape_ms: u64) {
        let orders = &mut self.orders;
        self.clamps.retain(|clamp| {
            let due = clamp.at_ms.saturating_add(PRINT_WAIT_MS) <= tape_ms;
            if due {
                for order in orders.iter_mut().filter(|o| o.seq <= clamp.before) {
                    order.ahead = order.ahead.min(clamp.size);
                }
            }
            !due
        });
    }

    /// A taker of `qty` arrives: recorded size ahead of each order goes first, then the order.
    fn consume(&mut self, price: Price, qty: Qty, out: &mut Vec<Match>) {
        let (mut left, mut passed) = (qty, Qty::ZERO);
        for order in &mut self.orders {
            let between = order.ahead.saturating_sub(passed).min(left);
            passed = passed.saturating_add(between);
            left = left.saturating_sub(between);
            if order.ahead > passed || left.is_zero() {
                left = Qty::ZERO;
                break;
            }
            let fill = order.remaining.min(left);
            order.remaining = order.remaining.saturating_sub(fill);
            left = left.saturating_sub(fill);
            out.push(Match { maker: Maker::Order { order: order.order, left: order.remaining }, price, qty: fill });
        }
        // what is left meets recorded size behind us all; it stands ahead of nobody
        passed = passed.saturating_add(left);
        for order in &mut self.orders {
            order.ahead = order.ahead.saturating_sub(passed);
        }
    }
}

#[cfg(test)]
mod tests;
