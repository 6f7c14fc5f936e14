//! Where the orders go: prices in YES terms on the tick, inside the band, never crossing.

use super::{Leg, NoQuote, View, skew};
use crate::domain::{NewOrder, Outcome, Price, Qty, RewardTerms, Side, TickSize};
use crate::rewards::{Depth, Midpoint, best_level, book_midpoint};

/// Prices of both sides in YES terms; a side that is not quoted is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) bid: Option<Price>,
    pub(super) ask: Option<Price>,
}

/// Each round moves a price one way or drops a side, so rounds end by themselves; a pair that needs more than this is
/// not worth resting.
const ROUNDS_MAX: u32 = 64;

/// One distance on both sides of the reference midpoint, moved by the skew, rounded away from the midpoint, then held
/// inside what is allowed: short of the midpoint and of the other side, and inside the reward band.
pub(super) fn fixed<B: Depth>(
    view: &View<'_, B>,
    rewards: Option<&RewardTerms>,
    reference: Midpoint,
    size: Qty,
    with_bid: bool,
    with_ask: bool,
) -> Result<Pair, NoQuote> {
    let tick = view.market.tick;
    let limits = Limits::of(view, reference);
    let distance = 2 * i32::from(view.params.distance.ten_thousandths());
    let lean = skew::ticks(&view.held, view.params, tick);
    let target = i32::from(reference.halves());
    let bid = limits.max_bid.filter(|_| with_bid).map(|highest| {
        let wanted = shifted(floor_tick(target - distance, tick), lean, tick);
        wanted.clamp(lowest(tick), highest)
    });
    let ask = limits.min_ask.filter(|_| with_ask).map(|lowest| {
        let wanted = shifted(ceil_tick(target + distance, tick), lean, tick);
        wanted.clamp(lowest, highest(tick))
    });
    let pair = Pair { bid, ask };
    let no_room = |midpoint: Midpoint| NoQuote::NoRoom {
        midpoint,
        max_spread: rewards.map_or(Price::ONE, |terms| terms.max_spread),
        tick: lowest(tick),
    };
    let (pair, midpoint) = match rewards {
        None => (pair, reference),
        Some(terms) => into_band(view, terms, reference, size, &limits, pair),
    };
    let lost = (with_bid && pair.bid.is_none()) || (with_ask && pair.ask.is_none());
    let one_is_enough = midpoint.allows_single_sided() && reference.allows_single_sided();
    if (pair.bid.is_none() && pair.ask.is_none()) || (lost && !one_is_enough) {
        return Err(no_room(midpoint));
    }
    if let (Some(bid), Some(ask)) = (pair.bid, pair.ask) {
        assert!(bid < ask, "our own quotes cross: {bid} and {ask}");
    } else if !one_is_enough {
        // one side was withdrawn before, and our own order moved the scoring midpoint out of the range
        return Err(no_room(midpoint));
    }
    Ok(pair)
}

/// The innermost prices: strictly beyond the reference midpoint and short of the other side's best, ours left out.
struct Limits {
    max_bid: Option<Price>,
    min_ask: Option<Price>,
}

impl Limits {
    fn of<B: Depth>(view: &View<'_, B>, reference: Midpoint) -> Self {
        let tick = view.market.tick;
        let best = |side| best_level(view.book, side, view.own, &[], Qty::ZERO);
        // every size counts here: a post-only order is rejected by dust as well
        let below_ask = best(Side::Sell).map_or(Some(Price::ONE), |ask| ask.checked_sub(1));
        let above_bid = best(Side::Buy).map_or(Some(Price::ZERO), |bid| bid.checked_add(1));
        let inner = i32::from(reference.halves());
        let max_bid = below_ask.map(|p| p.to_tick_down(tick).min(floor_tick(inner - 1, tick)).min(highest(tick)));
        let min_ask = above_bid.map(|p| p.to_tick_up(tick).max(ceil_tick(inner + 1, tick)).max(lowest(tick)));
        Self { max_bid: max_bid.filter(|p| p.is_orderable(tick)), min_ask: min_ask.filter(|p| p.is_orderable(tick)) }
    }
}

/// Pulls each side in until it is strictly inside the band around the midpoint that these very orders make, and drops
/// the side for which that would mean crossing. Returns that midpoint.
///
/// Pulling one side in moves the midpoint at most half as far towards the other, so the loop settles.
fn into_band<B: Depth>(
    view: &View<'_, B>,
    terms: &RewardTerms,
    reference: Midpoint,
    size: Qty,
    limits: &Limits,
    mut pair: Pair,
) -> (Pair, Midpoint) {
    let tick = view.market.tick;
    let band = 2 * i32::from(terms.max_spread.ten_thousandths());
    let mut midpoint = reference;
    for _ in 0..ROUNDS_MAX {
        midpoint = scoring_midpoint(view, terms, size, pair).unwrap_or(reference);
        let at = i32::from(midpoint.halves());
        // strictly inside: an order exactly on the edge scores nothing
        let (low, high) = (ceil_tick(at - band + 1, tick), floor_tick(at + band - 1, tick));
        let next = Pair {
            bid: pair.bid.map(|p| p.max(low)).filter(|p| Some(*p) <= limits.max_bid),
            ask: pair.ask.map(|p| p.min(high)).filter(|p| limits.min_ask.is_some_and(|min| *p >= min)),
        };
        if next == pair {
            return (pair, midpoint);
        }
        pair = next;
    }
    (Pair { bid: None, ask: None }, midpoint)
}

/// The scoring midpoint with `pair` in the book in place of what rests now.
fn scoring_midpoint<B: Depth>(view: &View<'_, B>, terms: &RewardTerms, size: Qty, pair: Pair) -> Option<Midpoint> {
    // Side and price in YES terms are all that counts here: a YES buy and a YES sell stand for either way to quote.
    let stand_in = |side, price: Option<Price>| Some(Leg { outcome: Outcome::Yes, side }.order(view.row, price?, size));
    match (stand_in(Side::Buy, pair.bid), stand_in(Side::Sell, pair.ask)) {
        (Some(bid), Some(ask)) => book_midpoint(view.book, view.own, &[bid, ask], terms.min_size),
        (Some(one), None) | (None, Some(one)) => book_midpoint(view.book, view.own, &[one], terms.min_size),
        (None, None) => book_midpoint(view.book, view.own, &[] as &[NewOrder], terms.min_size),
    }
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
fn floor_tick(halves: i32, tick: TickSize) -> Price {
    price(halves.div_euclid(2)).to_tick_down(tick)
}

/// The lowest tick at or above a point in half ten-thousandths, held inside zero and one dollar.
fn ceil_tick(halves: i32, tick: TickSize) -> Price {
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
