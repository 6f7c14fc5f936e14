//! The public books as everybody sees them: one feed latency late.

use crate::draws::{real, whole};
use crate::scenario::Fee;
use mm_core::domain::{MarketIx, Nanos, Price, Qty, RewardTerms, Side, TickSize, Timestamp, Usdc};
use mm_core::rewards::{Depth, Midpoint};
use std::collections::VecDeque;

/// What is published of a market beside its book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketFacts {
    /// Price step.
    pub tick: TickSize,
    /// Smallest order, shares.
    pub min_order: Qty,
    /// What takers pay; `None` = nothing.
    pub fee: Option<Fee>,
    /// Reward terms; `None` = nothing is paid.
    pub rewards: Option<RewardTerms>,
}

impl MarketFacts {
    /// What a taker pays for one share at `price`, in dollars: `rate · (p(1 − p))^exponent`. An estimate to decide with; the
    /// venue's exact charge is the venue's.
    #[must_use]
    pub fn fee_per_share(&self, price: Price) -> f64 {
        let Some(fee) = self.fee else { return 0.0 };
        let p = real(u64::from(price.ten_thousandths())) / 10_000.0;
        let curve = p * (1.0 - p);
        let curve = if fee.exponent == 2 { curve * curve } else { curve };
        real(fee.rate_micro) / 1_000_000.0 * curve
    }

    /// The most a taker order can be charged, rounded up: it may fill at any price.
    #[must_use]
    pub fn fee_at_most(&self, qty: Qty) -> Usdc {
        let half = Price::from_ten_thousandths(5_000).expect("half a dollar is a price");
        // 1 above the cut covers the venue's own rounding of a fee
        Usdc::from_micro(whole(self.fee_per_share(half) * real(qty.micro())).saturating_add(if self.fee.is_some() {
            10
        } else {
            0
        }))
    }
}

/// Something that became public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A level's size after the change, YES terms; zero = gone.
    Level {
        /// Which book.
        market: MarketIx,
        /// Side of the YES book.
        side: Side,
        /// YES price.
        price: Price,
        /// Shares resting there now.
        qty: Qty,
    },
    /// A trade, YES terms.
    Print {
        /// Where.
        market: MarketIx,
        /// The taker's side of YES.
        side: Side,
        /// YES price.
        price: Price,
        /// Shares.
        qty: Qty,
    },
    /// A new price step.
    Tick {
        /// Where.
        market: MarketIx,
        /// From now on.
        tick: TickSize,
    },
    /// The market takes orders, or no longer does. Closing does not clear the book: the venue tells each level that goes.
    Trading {
        /// Which.
        market: MarketIx,
        /// Whether it does.
        open: bool,
    },
}

/// One market as the public sees it, in YES terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicBook {
    facts: MarketFacts,
    open: bool,
    /// Bids rising, asks falling: the best is last, where a change is cheapest.
    bids: Vec<(Price, Qty)>,
    asks: Vec<(Price, Qty)>,
    last: Option<(Side, Price, Qty)>,
}

impl PublicBook {
    /// Beside the book.
    #[must_use]
    pub const fn facts(&self) -> &MarketFacts {
        &self.facts
    }

    /// Whether it takes orders, as far as is known.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Best price of a side and the size there.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<(Price, Qty)> {
        self.side(side).last().copied()
    }

    /// Midpoint of the best prices; `None` while a side is empty.
    #[must_use]
    pub fn midpoint(&self) -> Option<Midpoint> {
        Some(Midpoint::between(self.best(Side::Buy)?.0, self.best(Side::Sell)?.0))
    }

    /// The newest print: taker's side, price, size.
    #[must_use]
    pub const fn last(&self) -> Option<(Side, Price, Qty)> {
        self.last
    }

    /// Shares resting on `side` at `limit` or better: what an order with that limit could take.
    #[must_use]
    pub fn depth(&self, side: Side, limit: Price) -> Qty {
        let reachable = self.levels(side).take_while(|(price, _)| match side {
            Side::Buy => *price >= limit,
            Side::Sell => *price <= limit,
        });
        reachable.fold(Qty::ZERO, |sum, (_, qty)| sum.saturating_add(qty))
    }

    fn side(&self, side: Side) -> &Vec<(Price, Qty)> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn set(&mut self, side: Side, price: Price, qty: Qty) {
        let (levels, place) = match side {
            Side::Buy => {
                let place = place(&self.bids, |p| p < price);
                (&mut self.bids, place)
            }
            Side::Sell => {
                let place = place(&self.asks, |p| p > price);
                (&mut self.asks, place)
            }
        };
        match (levels.get_mut(place).filter(|level| level.0 == price), qty.is_zero()) {
            (Some(_), true) => {
                levels.remove(place);
            }
            (Some(level), false) => level.1 = qty,
            (None, true) => {}
            (None, false) => levels.insert(place, (price, qty)),
        }
    }
}

/// The first index whose price is not `worse`. Most changes are near the best price, at the end: looks there first.
fn place(levels: &[(Price, Qty)], worse: impl Fn(Price) -> bool) -> usize {
    const NEAR: usize = 8;
    let near = levels.len().saturating_sub(NEAR);
    if near == 0 || worse(levels[near - 1].0) {
        let worse_at_end = levels[near..].iter().rev().take_while(|level| !worse(level.0)).count();
        return levels.len() - worse_at_end;
    }
    levels[..near].partition_point(|level| worse(level.0))
}

impl Depth for PublicBook {
    fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        self.side(side).iter().rev().copied()
    }
}

/// All public books, one feed latency behind what it is told.
///
/// Holds the changes of one latency and no more: each is taken in when its time has come, at the latest by the next one told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    latency: Nanos,
    books: Vec<PublicBook>,
    /// Changes on their way, with the moment each arrives.
    coming: VecDeque<(Timestamp, Change)>,
}

impl Board {
    /// Empty, closed books of these markets.
    #[must_use]
    pub fn new(markets: Vec<MarketFacts>, latency: Nanos) -> Self {
        let book = |facts| PublicBook { facts, open: false, bids: Vec::new(), asks: Vec::new(), last: None };
        Self { latency, books: markets.into_iter().map(book).collect(), coming: VecDeque::new() }
    }

    /// Something became public at `at`: it can be seen one latency later. Times never fall.
    pub fn tell(&mut self, at: Timestamp, change: Change) {
        self.advance(at);
        let arrives = at.plus(self.latency);
        debug_assert!(self.coming.back().is_none_or(|(last, _)| *last <= arrives), "told out of order");
        if self.latency == Nanos::ZERO {
            self.take(change);
        } else {
            self.coming.push_back((arrives, change));
        }
    }

    /// Takes in what has arrived by `at`. To be called before anybody looks.
    pub fn advance(&mut self, at: Timestamp) {
        while let Some((arrives, change)) = self.coming.front().copied()
            && arrives <= at
        {
            self.coming.pop_front();
            self.take(change);
        }
    }

    /// One market; `None` beyond the last.
    #[must_use]
    pub fn book(&self, market: MarketIx) -> Option<&PublicBook> {
        self.books.get(market.index())
    }

    fn take(&mut self, change: Change) {
        let (Change::Level { market, .. }
        | Change::Print { market, .. }
        | Change::Tick { market, .. }
        | Change::Trading { market, .. }) = change;
        let Some(book) = self.books.get_mut(market.index()) else { return };
        match change {
            Change::Level { side, price, qty, .. } => book.set(side, price, qty),
            Change::Print { side, price, qty, .. } => book.last = Some((side, price, qty)),
            Change::Tick { tick, .. } => book.facts.tick = tick,
            Change::Trading { open, .. } => book.open = open,
        }
    }
}
