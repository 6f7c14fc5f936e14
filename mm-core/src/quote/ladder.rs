//! Where the orders go: prices in YES terms on the tick, inside the band, never crossing.

use super::near::{Level, Near};
use super::{NoQuote, ORDERS_MAX, View};
use crate::domain::{MarketIx, NewOrder, Outcome, Price, Qty, RewardTerms, Side, TickSize, TimeInForce, Token, Usdc};
use crate::rewards::Midpoint;
use arrayvec::ArrayVec;

/// Which token and side stands for one side of the book in YES terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) outcome: Outcome,
    pub(super) side: Side,
}

impl Leg {
    /// A bid in YES terms.
    pub(super) const BUY_YES: Self = Self { outcome: Outcome::Yes, side: Side::Buy };
    /// An ask in YES terms.
    pub(super) const BUY_NO: Self = Self { outcome: Outcome::No, side: Side::Buy };
}

/// One wanted order, its price in YES terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) leg: Leg,
    pub(super) price: Price,
    pub(super) qty: Qty,
}

impl Target {
    pub(super) fn order(self, row: MarketIx) -> NewOrder {
        let price = match self.leg.outcome {
            Outcome::Yes => self.price,
            Outcome::No => self.price.complement(),
        };
        NewOrder {
            token: Token { market: row, outcome: self.leg.outcome },
            side: self.leg.side,
            price,
            qty: self.qty,
            post_only: true,
            tif: TimeInForce::Gtc,
        }
    }

    /// As a level of the book, in YES terms.
    pub(super) const fn level(self) -> Level {
        (self.price, self.qty)
    }

    /// Dollars it takes from the account.
    pub(super) fn cost(self, row: MarketIx) -> Usdc {
        if self.leg.side == Side::Buy { self.order(row).notional() } else { Usdc::ZERO }
    }
}

/// What is wanted on both sides; a side that is not quoted is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) bid: Option<Target>,
    pub(super) ask: Option<Target>,
}

impl Pair {
    pub(super) fn orders(self, row: MarketIx) -> impl Iterator<Item = NewOrder> {
        [self.bid, self.ask].into_iter().flatten().map(move |target| target.order(row))
    }

    /// The same ordered by (token, side, price).
    pub(super) fn sorted(self, row: MarketIx) -> ArrayVec<NewOrder, ORDERS_MAX> {
        let mut orders = ArrayVec::new();
        orders.extend(self.orders(row));
        if let [first, second] = orders.as_mut_slice()
            && *second < *first
        {
            std::mem::swap(first, second);
        }
        orders
    }

    /// As levels of the book, in YES terms: bid and ask.
    pub(super) fn levels(self) -> [Option<Level>; 2] {
        [self.bid, self.ask].map(|target| target.map(Target::level))
    }

    /// Gives up the side that buys an outcome.
    pub(super) fn drop_buy_of(&mut self, outcome: Outcome) {
        for side in [&mut self.bid, &mut self.ask] {
            *side = side.filter(|target| target.leg != Leg { outcome, side: Side::Buy });
        }
    }
}

/// Each round moves a price one way or drops a side, so rounds end by themselves; a pair that needs more than this is
/// not worth resting.
const ROUNDS_MAX: u32 = 64;

/// One distance on both sides of the fair value, rounded away from it to the tick.
///
/// # Errors
/// [`NoQuote::BeyondBand`] when nothing at that distance can score: nearer than was asked for is not ours to choose.
pub(super) fn fixed(
    fair: Midpoint,
    rewards: Option<&RewardTerms>,
    distance: Price,
    qty: Qty,
    tick: TickSize,
) -> Result<Pair, NoQuote> {
    if let Some(max_spread) = rewards.map(|terms| terms.max_spread).filter(|band| distance >= *band) {
        return Err(NoQuote::BeyondBand { distance, max_spread });
    }
    let (target, distance) = (i32::from(fair.halves()), 2 * i32::from(distance.ten_thousandths()));
    let bid = Target { leg: Leg::BUY_YES, price: floor_tick(target - distance, tick), qty };
    let ask = Target { leg: Leg::BUY_NO, price: ceil_tick(target + distance, tick), qty };
    Ok(Pair { bid: Some(bid), ask: Some(ask) })
}

/// Moves both sides by `lean` ticks and holds them inside what is allowed: short of the fair value and of the other side, and inside the
/// reward band. Returns the scoring midpoint beside them.
///
/// # Errors
/// [`NoQuote::NoRoom`] when a side that is needed finds no price.
pub(super) fn settle<B, I: Iterator<Item = Level>>(
    view: &View<'_, B>,
    near: &mut Near<'_, I>,
    rewards: Option<&RewardTerms>,
    reference: Midpoint,
    limits: &Limits,
    wanted: Pair,
    lean: i32,
) -> Result<(Pair, Midpoint), NoQuote> {
    let tick = view.market.tick;
    let nearer = i32::from(view.adjust.tighten_ticks);
    let bid = wanted.bid.zip(limits.max_bid).map(|(target, inner)| {
        let price = shifted(target.price, lean + nearer, tick).clamp(lowest(tick), inner);
        Target { price, ..target }
    });
    let ask = wanted.ask.zip(limits.min_ask).map(|(target, inner)| {
        let price = shifted(target.price, lean - nearer, tick).clamp(inner, highest(tick));
        Target { price, ..target }
    });
    let (pair, midpoint) = match rewards {
        None => (Pair { bid, ask }, reference),
        Some(terms) => into_band(view, near, terms, reference, limits, Pair { bid, ask }),
    };
    let lost = (wanted.bid.is_some() && pair.bid.is_none()) || (wanted.ask.is_some() && pair.ask.is_none());
    let one_is_enough = midpoint.allows_single_sided() && reference.allows_single_sided();
    if (pair.bid.is_none() && pair.ask.is_none()) || (lost && !one_is_enough) {
        return Err(no_room(view, rewards, midpoint));
    }
    if let (Some(bid), Some(ask)) = (pair.bid, pair.ask) {
        assert!(bid.price < ask.price, "our own quotes cross: {bid:?} and {ask:?}");
    } else if !one_is_enough {
        // one side was withdrawn before, and our own order moved the scoring midpoint out of the range
        return Err(no_room(view, rewards, midpoint));
    }
    Ok((pair, midpoint))
}

/// No price on the tick will do.
pub(super) fn no_room<B>(view: &View<'_, B>, rewards: Option<&RewardTerms>, midpoint: Midpoint) -> NoQuote {
    let max_spread = rewards.map_or(Price::ONE, |terms| terms.max_spread);
    NoQuote::NoRoom { midpoint, max_spread, tick: lowest(view.market.tick) }
}

/// The innermost prices: strictly beyond the fair value and short of the other side's best, ours left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) max_bid: Option<Price>,
    pub(super) min_ask: Option<Price>,
}

impl Limits {
    pub(super) fn of<I: Iterator<Item = Level>>(tick: TickSize, near: &mut Near<'_, I>, fair: Midpoint) -> Self {
        // every size counts here: a post-only order is rejected by dust as well
        let below_ask = near.first(Side::Sell).map_or(Some(Price::ONE), |ask| ask.checked_sub(1));
        let above_bid = near.first(Side::Buy).map_or(Some(Price::ZERO), |bid| bid.checked_add(1));
        let inner = i32::from(fair.halves());
        let max_bid = below_ask.map(|p| p.to_tick_down(tick).min(floor_tick(inner - 1, tick)).min(highest(tick)));
        let min_ask = above_bid.map(|p| p.to_tick_up(tick).max(ceil_tick(inner + 1, tick)).max(lowest(tick)));
        Self { max_bid: max_bid.filter(|p| p.is_orderable(tick)), min_ask: min_ask.filter(|p| p.is_orderable(tick)) }
    }
}

/// Pulls each side in until it is strictly inside the band around the midpoint that these very orders make, and drops
/// the side for which that would mean crossing. Returns that midpoint.
///
/// Pulling one side in moves the midpoint at most half as far towards the other, so the loop settles. A side is dropped only when both
/// are as far in as they may be: what the other still gives way by brings the midpoint nearer.
fn into_band<B, I: Iterator<Item = Level>>(
    view: &View<'_, B>,
    near: &mut Near<'_, I>,
    terms: &RewardTerms,
    reference: Midpoint,
    limits: &Limits,
    mut pair: Pair,
) -> (Pair, Midpoint) {
    let tick = view.market.tick;
    let band = 2 * i32::from(terms.max_spread.ten_thousandths());
    for _ in 0..ROUNDS_MAX {
        let [bid, ask] = pair.levels();
        let midpoint = near.midpoint([bid.as_slice(), ask.as_slice()], terms.min_size).unwrap_or(reference);
        let at = i32::from(midpoint.halves());
        // strictly inside: an order exactly on the edge scores nothing
        let (low, high) = (ceil_tick(at - band + 1, tick), floor_tick(at + band - 1, tick));
        let pulled = |target: Target, to: Price| Target { price: to, ..target };
        let bid = pair.bid.zip(limits.max_bid).map(|(t, inner)| pulled(t, t.price.max(low).min(inner)));
        let ask = pair.ask.zip(limits.min_ask).map(|(t, inner)| pulled(t, t.price.min(high).max(inner)));
        let next = Pair { bid, ask };
        if next != pair {
            pair = next;
            continue;
        }
        let kept = Pair { bid: bid.filter(|t| t.price >= low), ask: ask.filter(|t| t.price <= high) };
        if kept == pair {
            return (pair, midpoint);
        }
        pair = kept;
    }
    (Pair { bid: None, ask: None }, reference)
}

/// The lowest price an order may carry.
fn lowest(tick: TickSize) -> Price {
    Price::ZERO.checked_add(tick.ten_thousandths()).expect("a tick is at most ten cents")
}

/// The highest price an order may carry.
fn highest(tick: TickSize) -> Price {
    lowest(tick).complement()
}

/// The highest tick at or below a point in half ten-thousandths, held inside zero and one dollar.
pub(super) fn floor_tick(halves: i32, tick: TickSize) -> Price {
    price(halves.div_euclid(2)).to_tick_down(tick)
}

/// The lowest tick at or above a point in half ten-thousandths, held inside zero and one dollar.
pub(super) fn ceil_tick(halves: i32, tick: TickSize) -> Price {
    price((halves + 1).div_euclid(2)).to_tick_up(tick)
}

/// A price moved by whole ticks, held inside zero and one dollar.
fn shifted(from: Price, ticks: i32, tick: TickSize) -> Price {
    price(i32::from(from.ten_thousandths()) + ticks * i32::from(tick.ten_thousandths()))
}

/// Ten-thousandths as a price, held inside zero and one dollar.
fn price(ten_thousandths: i32) -> Price {
    u16::try_from(ten_thousandths.clamp(0, 10_000))
        .ok()
        .and_then(Price::from_ten_thousandths)
        .expect("clamped to zero and one dollar")
}
