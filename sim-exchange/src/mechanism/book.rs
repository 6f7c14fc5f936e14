//! A price-time book of one market in YES terms, built for speed: no allocation, no search, no map.
//!
//! A NO buy at p is a YES ask at 1 − p, so direct matches, mints and merges are all one thing here: an order on one side meets
//! the best of the other. Levels are dense (`ladder`), each level's queue is a list through a slab of slots, so resting, taking
//! and cancelling by slot cost the same whatever the size of the book.

use super::ladder::{Ladder, NIL, NONE};
use super::{Maker, Match, Resting};
use crate::exchange::{AccountIx, OrderIx};
use mm_core::domain::{Price, Qty, Side, TickSize};
use serde::{Deserialize, Serialize};
use std::hint::select_unpredictable;

/// Where an order waits: what [`Book::remove`] needs to find it at once. Given again to a later order once this one has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot(pub(crate) u32);

/// One waiting order; 32 bytes and aligned, so that two fit a cache line and none lies in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(32))]
struct Node {
    qty: Qty,
    order: OrderIx,
    account: AccountIx,
    next: u32,
    prev: u32,
    rank: u32,
    side: Side,
}

/// What the slot holds that no order has.
const NOBODY: Node = Node {
    qty: Qty::ZERO,
    order: OrderIx(0),
    account: AccountIx(0),
    next: NIL,
    prev: NIL,
    rank: NONE,
    side: Side::Buy,
};

/// The book of one market.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Kept", try_from = "Kept")]
pub struct Book {
    step: u16,
    /// Bids and asks. Chosen by index, never by a branch: the sides of orders follow no pattern.
    ladders: [Ladder; 2],
    nodes: Vec<Node>,
    /// First free node; free nodes are chained by `next`.
    free: u32,
    live: u32,
}

impl Book {
    /// An empty book whose prices are whole ticks.
    #[must_use]
    pub fn new(tick: TickSize) -> Self {
        Self::on(tick.ten_thousandths())
    }

    fn on(step: u16) -> Self {
        let ladders = [Ladder::new(Side::Buy, step), Ladder::new(Side::Sell, step)];
        Self { step, ladders, nodes: vec![NOBODY], free: NIL, live: 0 }
    }

    /// Makes room for prices of another tick. Orders keep their prices and places: the grid only ever becomes finer.
    pub fn admit(&mut self, tick: TickSize) {
        let step = gcd(self.step, tick.ten_thousandths());
        if step == self.step {
            return;
        }
        let mut finer = Self::on(step);
        for side in [Side::Buy, Side::Sell] {
            let (from, to) = (&self.ladders[side as usize], &mut finer.ladders[side as usize]);
            for old in from.occupied() {
                let rank = to.rank(from.price(old));
                *to.level_mut(rank) = from.level(old);
                to.occupy(rank);
                let mut at = from.level(old).head;
                while at != NIL {
                    let node = &mut self.nodes[at as usize];
                    node.rank = rank;
                    at = node.next;
                }
            }
        }
        (self.step, self.ladders) = (step, finer.ladders);
    }

    #[inline]
    const fn ladder(&self, side: Side) -> &Ladder {
        &self.ladders[side as usize]
    }

    #[inline]
    const fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        &mut self.ladders[side as usize]
    }

    /// Highest bid or lowest ask.
    #[inline(always)]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Price> {
        self.ladder(side).best_price()
    }

    /// All that waits at a price.
    #[inline]
    #[must_use]
    pub fn public(&self, side: Side, price: Price) -> Qty {
        let ladder = self.ladder(side);
        ladder.exact(price).map_or(Qty::ZERO, |rank| ladder.level(rank).qty)
    }

    /// Puts an order at the end of the queue at its price: where it waits, and what waits there now.
    ///
    /// # Panics
    /// If the price is off the grid or the size is zero: the caller has checked both.
    #[inline(always)]
    pub fn rest(&mut self, side: Side, price: Price, order: OrderIx, account: AccountIx, qty: Qty) -> (Slot, Qty) {
        assert!(!qty.is_zero(), "an order without size cannot rest");
        let rank = self
            .ladder(side)
            .exact(price)
            .expect("the caller has checked it: only a price that is not on the book's grid has no rank");
        let tail = self.ladder(side).level(rank).tail;
        let at = self.keep(Node { qty, order, account, next: NIL, prev: tail, rank, side });
        self.nodes[tail as usize].next = at;
        if tail == NIL {
            self.ladder_mut(side).occupy(rank);
        }
        let level = self.ladder_mut(side).level_mut(rank);
        level.head = select_unpredictable(tail == NIL, at, level.head);
        level.tail = at;
        level.qty = level.qty.saturating_add(qty);
        (Slot(at), level.qty)
    }

    #[inline]
    fn keep(&mut self, node: Node) -> u32 {
        self.live += 1;
        if self.free == NIL {
            let at = u32::try_from(self.nodes.len()).expect("orders are limited far below 2^32");
            self.nodes.push(node);
            return at;
        }
        let at = self.free;
        let slot = &mut self.nodes[at as usize];
        self.free = slot.next;
        *slot = node;
        at
    }

    /// Takes an order out: what it still had, and what is left at its price.
    #[inline(always)]
    pub fn remove(&mut self, slot: Slot) -> (Qty, Qty) {
        let node = self.nodes[slot.0 as usize];
        assert!(node.rank != NONE, "slot {} is free", slot.0);
        let level = self.ladder_mut(node.side).level_mut(node.rank);
        level.qty = level.qty.saturating_sub(node.qty);
        level.head = select_unpredictable(node.prev == NIL, node.next, level.head);
        level.tail = select_unpredictable(node.next == NIL, node.prev, level.tail);
        let (empty, left) = (level.is_empty(), level.qty);
        self.nodes[node.prev as usize].next = node.next;
        self.nodes[node.next as usize].prev = node.prev;
        if empty {
            self.ladder_mut(node.side).vacate(node.rank);
        }
        self.drop_node(slot.0);
        (node.qty, left)
    }

    #[inline]
    fn drop_node(&mut self, at: u32) {
        let free = self.free;
        let node = &mut self.nodes[at as usize];
        node.rank = NONE;
        node.next = free;
        self.free = at;
        self.live -= 1;
    }

    /// Side and price of a waiting order.
    #[inline]
    #[must_use]
    pub fn place_of(&self, slot: Slot) -> (Side, Price) {
        let node = &self.nodes[slot.0 as usize];
        (node.side, self.ladder(node.side).price(node.rank))
    }

    /// Makes a waiting order smaller in its place.
    ///
    /// # Panics
    /// If nothing would be left: that is a removal.
    pub fn reduce(&mut self, slot: Slot, by: Qty) {
        let node = &mut self.nodes[slot.0 as usize];
        assert!(node.rank != NONE && by < node.qty, "slot {} cannot lose {by}", slot.0);
        node.qty = node.qty.saturating_sub(by);
        let (side, rank) = (node.side, node.rank);
        let level = self.ladder_mut(side).level_mut(rank);
        level.qty = level.qty.saturating_sub(by);
    }

    /// A taker walks the other side up to its limit: best price first, at a price in order of arrival. Orders of `except` in its
    /// way leave the book unfilled ([`Maker::Own`]). What it met is added to `out`.
    #[inline]
    pub fn take(&mut self, side: Side, limit: Price, mut qty: Qty, except: Option<AccountIx>, out: &mut Vec<Match>) {
        let other = side.other();
        let last = self.ladder(other).rank(limit);
        while !qty.is_zero() {
            let rank = self.ladder(other).best();
            if rank == NONE || rank > last {
                return;
            }
            let Some(price) = self.ladder(other).best_price() else { return };
            let at = self.ladder(other).level(rank).head;
            let node = &mut self.nodes[at as usize];
            if except == Some(node.account) {
                out.push(Match { maker: Maker::Own { order: node.order }, price, qty: Qty::ZERO });
                self.remove(Slot(at));
                continue;
            }
            let fill = node.qty.min(qty);
            let left = node.qty.saturating_sub(fill);
            qty = qty.saturating_sub(fill);
            out.push(Match { maker: Maker::Order { order: node.order, left }, price, qty: fill });
            if left.is_zero() {
                self.remove(Slot(at));
            } else {
                node.qty = left;
                let level = self.ladder_mut(other).level_mut(rank);
                level.qty = level.qty.saturating_sub(fill);
            }
        }
    }

    /// Shares a taker could get up to its limit without `except`'s own orders; counting stops at `enough`.
    #[must_use]
    pub fn reachable(&self, side: Side, limit: Price, except: Option<AccountIx>, enough: Qty) -> Qty {
        let ladder = self.ladder(side.other());
        let last = ladder.rank(limit);
        let mut sum = Qty::ZERO;
        for rank in ladder.occupied().take_while(|rank| *rank <= last) {
            let level = ladder.level(rank);
            if except.is_none() {
                sum = sum.saturating_add(level.qty);
            } else {
                let others = self.queue(level.head).filter(|node| Some(node.account) != except);
                sum = others.fold(sum, |sum, node| sum.saturating_add(node.qty));
            }
            if sum >= enough {
                break;
            }
        }
        sum
    }

    fn queue(&self, head: u32) -> impl Iterator<Item = &Node> {
        let mut at = head;
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize).filter(|_| at != NIL)?;
            at = node.next;
            Some(node)
        })
    }

    /// One side's levels, best first.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        let ladder = self.ladder(side);
        ladder.occupied().map(move |rank| (ladder.price(rank), ladder.level(rank).qty))
    }

    /// One side's orders, best price first, at a price in order of arrival.
    pub fn queue_of(&self, side: Side) -> impl Iterator<Item = (Price, Resting)> {
        let ladder = self.ladder(side);
        ladder.occupied().flat_map(move |rank| {
            let price = ladder.price(rank);
            self.queue(ladder.level(rank).head)
                .map(move |node| (price, Resting { order: node.order, account: node.account, remaining: node.qty }))
        })
    }

    /// Where each order waits.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (Slot, OrderIx)> {
        let used = (0u32..).zip(&self.nodes).filter(|(_, node)| node.rank != NONE);
        used.map(|(at, node)| (Slot(at), node.order))
    }

    /// Orders that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live as usize
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Checks what must always hold: links, sums, bits, the remembered best, and that the sides do not cross.
    ///
    /// # Errors
    /// Which promise is broken, and where.
    pub fn check(&self) -> Result<(), String> {
        let mut live = 0u32;
        for side in [Side::Buy, Side::Sell] {
            let ladder = self.ladder(side);
            if ladder.best() != ladder.next(0) {
                return Err(format!("{side}: the best rank is {}, remembered {}", ladder.next(0), ladder.best()));
            }
            for rank in 0..=u32::from(10_000 / self.step) {
                let (level, price) = (ladder.level(rank), ladder.price(rank));
                if level.is_empty() != (ladder.next(rank) != rank) {
                    return Err(format!("{side} {price}: the bit does not tell whether orders wait"));
                }
                let (mut sum, mut prev) = (Qty::ZERO, NIL);
                let mut at = level.head;
                while at != NIL {
                    let node = self.nodes.get(at as usize).ok_or_else(|| format!("{side} {price}: slot {at}"))?;
                    if node.prev != prev || node.rank != rank || node.side != side || node.qty.is_zero() {
                        return Err(format!("{side} {price}: slot {at} is linked wrongly or holds nothing"));
                    }
                    sum = sum.checked_add(node.qty).ok_or("sizes overflow")?;
                    live += 1;
                    (prev, at) = (at, node.next);
                }
                if prev != level.tail || sum != level.qty {
                    return Err(format!("{side} {price}: size {} is not the sum of its orders {sum}", level.qty));
                }
            }
        }
        if live != self.live {
            return Err(format!("{live} orders wait, {} are counted", self.live));
        }
        match (self.best(Side::Buy), self.best(Side::Sell)) {
            (Some(bid), Some(ask)) if bid >= ask => Err(format!("orders cross: bid {bid}, ask {ask}")),
            _ => Ok(()),
        }
    }
}

/// A book as data: its grid and its queues, best price first. Which slots they use is nobody's business.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    step: u16,
    bids: Vec<(Price, OrderIx, AccountIx, Qty)>,
    asks: Vec<(Price, OrderIx, AccountIx, Qty)>,
}

impl From<Book> for Kept {
    fn from(book: Book) -> Self {
        let side = |side| book.queue_of(side).map(|(p, o)| (p, o.order, o.account, o.remaining)).collect();
        Self { step: book.step, bids: side(Side::Buy), asks: side(Side::Sell) }
    }
}

impl TryFrom<Kept> for Book {
    type Error = String;

    fn try_from(kept: Kept) -> Result<Self, String> {
        if kept.step == 0 || 10_000 % kept.step != 0 {
            return Err(format!("a grid of {} ten-thousandths does not divide a dollar", kept.step));
        }
        let mut book = Self::on(kept.step);
        for (side, orders) in [(Side::Buy, kept.bids), (Side::Sell, kept.asks)] {
            for (price, order, account, qty) in orders {
                if book.ladder(side).exact(price).is_none() || qty.is_zero() {
                    return Err(format!("order {} cannot rest at {price} with {qty}", order.0));
                }
                book.rest(side, price, order, account, qty);
            }
        }
        Ok(book)
    }
}

const fn gcd(a: u16, b: u16) -> u16 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
