//! How an agent rests: one order a side, steered towards a target with as few edits as its rule allows.

use super::taking::affordable;
use super::{OpenOrder, OrderIx, PublicBook, Request, Seen};
use crate::draws::{real, whole};
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, TimeInForce, Usdc, cost_ceil};

/// What should rest on one side, in YES terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) price: Price,
    pub(super) qty: Qty,
}

/// When an order that rests may stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Keep {
    /// It may be less than this away from its target.
    pub(super) within: Price,
    /// At least this part of what it was placed with must be left, 0 to 1.
    pub(super) part: f64,
}

/// What the orders of one wake may still use.
struct Purse {
    cash: Usdc,
    free: [Qty; 2],
}

/// Rests post-only orders in one market.
#[derive(Clone, Debug)]
pub(super) struct Quoter {
    market: MarketIx,
    tag: u64,
    /// Cancelled and not yet heard of.
    leaving: Vec<OrderIx>,
}

impl Quoter {
    pub(super) const fn new(market: MarketIx) -> Self {
        Self { market, tag: 0, leaving: Vec::new() }
    }

    /// The market's public book while it takes orders.
    pub(super) fn book<'a>(&self, seen: &Seen<'a>) -> Option<&'a PublicBook> {
        seen.board.book(self.market).filter(|book| book.is_open())
    }

    /// An order is no more.
    pub(super) fn ended(&mut self, order: OrderIx) {
        self.leaving.retain(|leaving| *leaving != order);
    }

    /// Sends what brings both sides, bid first, to their targets; `None` = nothing may rest. Cancels come first. A side with a
    /// placement on its way waits for the answer; one whose old order holds the money it needs waits until that is gone.
    pub(super) fn steer(&mut self, seen: &Seen<'_>, targets: [Option<Target>; 2], keep: Keep, out: &mut Vec<Request>) {
        let mut wanted = targets;
        let mut cancelled = [false; 2];
        for open in seen.own.orders() {
            let (side, price) = open.in_yes_terms();
            let target = &mut wanted[row(side)];
            let stays = target.is_some_and(|target| fits(open, price, target, keep));
            if stays {
                *target = None;
            } else {
                cancelled[row(side)] = true;
                if !self.leaving.contains(&open.order) {
                    self.leaving.push(open.order);
                    out.push(Request::Cancel { order: open.order });
                }
            }
        }
        let Some(book) = self.book(seen) else { return };
        let mut purse = Purse { cash: seen.own.cash(), free: [Outcome::Yes, Outcome::No].map(|o| seen.own.free(o)) };
        for side in [Side::Buy, Side::Sell] {
            let waiting = seen.own.in_flight().any(|sent| sent.in_yes_terms().0 == side);
            if let Some(target) = wanted[row(side)].filter(|_| !waiting) {
                self.place(book, side, target, cancelled[row(side)], &mut purse, out);
            }
        }
    }

    /// Rests one order: out of inventory where there is enough, for dollars otherwise; less than wanted if that is all there is,
    /// unless `more` is coming back.
    fn place(
        &mut self,
        book: &PublicBook,
        side: Side,
        target: Target,
        more: bool,
        purse: &mut Purse,
        out: &mut Vec<Request>,
    ) {
        let facts = book.facts();
        if !target.price.is_orderable(facts.tick) {
            return;
        }
        let (bought, buy_at, held) = match side {
            Side::Buy => (Outcome::Yes, target.price, 1),
            Side::Sell => (Outcome::No, target.price.complement(), 0),
        };
        let (outcome, way, price, qty) = if purse.free[held] >= target.qty {
            purse.free[held] = purse.free[held].saturating_sub(target.qty);
            (bought.other(), Side::Sell, buy_at.complement(), target.qty)
        } else {
            let qty = target.qty.min(affordable(purse.cash, buy_at, facts, false));
            if more && qty < target.qty {
                return;
            }
            purse.cash = purse.cash.saturating_sub(cost_ceil(buy_at, qty));
            (bought, Side::Buy, buy_at, qty)
        };
        if qty < facts.min_order || !qty.is_orderable() {
            return;
        }
        let (market, tag) = (self.market, self.tag);
        self.tag += 1;
        let tif = TimeInForce::Gtc;
        out.push(Request::Place { market, outcome, side: way, price, qty, tif, post_only: true, tag });
    }
}

fn fits(open: &OpenOrder, price: Price, target: Target, keep: Keep) -> bool {
    let moved = price.distance(target.price);
    (moved == 0 || moved < keep.within.ten_thousandths())
        && real(open.left.micro()) >= keep.part * real(open.qty.micro())
}

pub(super) const fn row(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

/// The book without the agent's own orders: the best price of a side with at least `min_size` of others' shares.
pub(super) fn best_of_others(book: &PublicBook, side: Side, own: &[OpenOrder], min_size: Qty) -> Option<Price> {
    use mm_core::rewards::Depth as _;
    let others = |price: Price, qty: Qty| {
        let mine = own.iter().filter(|open| open.in_yes_terms() == (side, price));
        mine.fold(qty, |left, open| left.saturating_sub(open.left))
    };
    let enough = |(price, qty): &(Price, Qty)| {
        let left = others(*price, *qty);
        left >= min_size && !left.is_zero()
    };
    book.levels(side).find(enough).map(|(price, _)| price)
}

/// Cut down to the tick, at least a tick away from nothing and from a dollar; `up` for asks.
pub(super) fn on_tick(ten_thousandths: f64, book: &PublicBook, up: bool) -> Price {
    let tick = book.facts().tick;
    let n = whole(if up { libm::ceil(ten_thousandths) } else { ten_thousandths }).min(10_000);
    let price = u16::try_from(n).ok().and_then(Price::from_ten_thousandths).unwrap_or(Price::ONE);
    let price = if up { price.to_tick_up(tick) } else { price.to_tick_down(tick) };
    let step = tick.ten_thousandths();
    let n = price.ten_thousandths().clamp(step, 10_000 - step);
    Price::from_ten_thousandths(n).expect("a tick below a dollar is a price")
}
