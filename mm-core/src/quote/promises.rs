//! The promises of [`super::quote`], checked the plain way: the whole book is written out and every rule asked again.
//! Shares no step with the quoting itself, so that tests and proofs compare two roads.

use super::{Quotes, Strategy, View};
use crate::domain::{NewOrder, Price, Qty, RewardTerms, Side, TimeInForce};
use crate::rewards::Depth;
use std::collections::BTreeMap;

type Sizes = BTreeMap<(Side, Price), u64>;

/// The first promise an answer breaks, in words; `None` when all hold.
#[must_use]
pub fn broken_promise<B: Depth>(view: &View<'_, B>, quotes: &Quotes) -> Option<String> {
    let orders = &quotes.orders;
    if !orders.is_sorted() {
        return Some(format!("not in order: {orders:?}"));
    }
    let sides: Vec<Side> = orders.iter().map(|o| o.in_yes_terms().0).collect();
    if orders.is_empty() || orders.len() > 2 || (orders.len() == 2 && sides[0] == sides[1]) {
        return Some(format!("one or two orders on different sides were promised: {orders:?}"));
    }
    let rest = without_ours(view);
    orders
        .iter()
        .find_map(|order| bad_order(view, order).or_else(|| crossing(&rest, orders, order)))
        .or_else(|| not_scoring(view, &rest, orders))
        .or_else(|| through_the_fair_value(view, &rest, quotes))
}

/// The terms orders must meet: none where no pool is funded, or where the strategy is said not to care.
fn paid<'a, B>(view: &View<'a, B>) -> Option<&'a RewardTerms> {
    let cares = view.params.strategy != Strategy::AvellanedaStoikov;
    view.market.rewards.as_ref().filter(|terms| cares && !terms.rate_per_day.is_zero())
}

fn without_ours<B: Depth>(view: &View<'_, B>) -> Sizes {
    let mut sizes = Sizes::new();
    for side in [Side::Buy, Side::Sell] {
        for (price, qty) in view.book.levels(side) {
            *sizes.entry((side, price)).or_default() += qty.micro();
        }
    }
    for order in view.shown {
        if let Some(size) = sizes.get_mut(&order.in_yes_terms()) {
            *size = size.saturating_sub(order.qty.micro());
        }
    }
    sizes.retain(|_, size| *size > 0);
    sizes
}

/// Tick, range, size, inventory: what an order must be by itself.
fn bad_order<B>(view: &View<'_, B>, order: &NewOrder) -> Option<String> {
    let (market, params) = (view.market, view.params);
    let say = |what: &str| Some(format!("{what}: {order:?}"));
    if order.token.market != view.row || !order.post_only || order.tif != TimeInForce::Gtc {
        return say("not a post-only GTC order of this market");
    }
    let (p, tick) = (order.price.ten_thousandths(), market.tick.ten_thousandths());
    if !p.is_multiple_of(tick) || p < tick || p > 10_000 - tick {
        return say("price off the tick or out of range");
    }
    if !order.qty.micro().is_multiple_of(10_000) || order.qty > params.max_size || order.qty < market.min_order {
        return say("size not in whole hundredths, or outside venue minimum and configured maximum");
    }
    if paid(view).is_some_and(|terms| order.qty < terms.min_size) {
        return say("size below what scores");
    }
    let held = view.held.of(order.token.outcome);
    match order.side {
        Side::Buy if held.matched.micro().checked_add(order.qty.micro())? > params.max_held.micro() => {
            say("buys beyond the inventory bound")
        }
        Side::Sell if order.qty > held.confirmed => say("sells more than is confirmed"),
        _ => None,
    }
}

/// At or through the other side of the book, or of ours.
fn crossing(rest: &Sizes, ours: &[NewOrder], order: &NewOrder) -> Option<String> {
    let (side, price) = order.in_yes_terms();
    let theirs = rest.keys().copied().chain(ours.iter().map(NewOrder::in_yes_terms));
    let meets = |(other, level): &(Side, Price)| match (side, other) {
        (Side::Buy, Side::Sell) => price >= *level,
        (Side::Sell, Side::Buy) => price <= *level,
        _ => false,
    };
    theirs.into_iter().find(meets).map(|(_, level)| format!("meets {level} of the other side: {order:?}"))
}

/// At or through the fair value, or another one told than sizes and flow make.
fn through_the_fair_value<B>(view: &View<'_, B>, rest: &Sizes, quotes: &Quotes) -> Option<String> {
    let min_size = paid(view).map_or(Qty::ZERO, |terms| terms.min_size).micro();
    let of = |side: Side| rest.iter().filter(move |((s, _), size)| *s == side && **size >= min_size);
    let level = |((_, price), size): (&(Side, Price), &u64)| (i128::from(price.ten_thousandths()), i128::from(*size));
    let ((bid, bought), (ask, sold)) = (of(Side::Buy).next_back().map(level)?, of(Side::Sell).next().map(level)?);
    // each price weighed with the size of the other, over both sizes; twice that is in half ten-thousandths
    let (all, midpoint) = (bought + sold, bid + ask);
    let beyond = 2 * (ask * bought + bid * sold) - midpoint * all;
    let sizes = beyond * i128::from(view.params.fair.micro_percent) / (100 * all);
    let fair = midpoint + (sizes + i128::from(view.recent.flow)).clamp(bid - ask, ask - bid);
    if fair != i128::from(quotes.why.fair.value.halves()) {
        return Some(format!("the fair value is {fair} half ten-thousandths, told is {:?}", quotes.why.fair));
    }
    let through = |order: &&NewOrder| match order.in_yes_terms() {
        (Side::Buy, price) => 2 * i128::from(price.ten_thousandths()) >= fair,
        (Side::Sell, price) => 2 * i128::from(price.ten_thousandths()) <= fair,
    };
    quotes.orders.iter().find(through).map(|order| format!("at or through the fair value of {fair}: {order:?}"))
}

/// Not strictly inside the reward band around the midpoint these orders make, or one side where both are needed.
fn not_scoring<B>(view: &View<'_, B>, rest: &Sizes, orders: &[NewOrder]) -> Option<String> {
    let funded = paid(view);
    let min_size = funded.map_or(Qty::ZERO, |terms| terms.min_size).micro();
    let doubled = |sizes: &Sizes| {
        let of = |side: Side| {
            sizes.iter().filter(move |((s, _), size)| *s == side && **size >= min_size).map(|((_, price), _)| *price)
        };
        let (bid, ask) = (of(Side::Buy).max()?, of(Side::Sell).min()?);
        Some(i64::from(bid.ten_thousandths()) + i64::from(ask.ten_thousandths()))
    };
    let mut whole = rest.clone();
    for order in orders {
        *whole.entry(order.in_yes_terms()).or_default() += order.qty.micro();
    }
    let (Some(reference), Some(scoring)) = (doubled(rest), doubled(&whole)) else {
        return Some("quoted without a midpoint".to_owned());
    };
    for order in orders {
        let price = i64::from(order.in_yes_terms().1.ten_thousandths());
        let spread = (2 * price - scoring).abs();
        if let Some(terms) = funded
            && spread >= 2 * i64::from(terms.max_spread.ten_thousandths())
        {
            let (edge, max) = (spread / 2, terms.max_spread);
            return Some(format!("{edge} ten-thousandths from the scoring midpoint, band is {max}: {order:?}"));
        }
    }
    let alone_scores = |doubled: i64| (2_000..=18_000).contains(&doubled);
    // where nothing is paid, our own order cannot move a score out of its range
    if orders.len() == 1 && !(alone_scores(reference) && (funded.is_none() || alone_scores(scoring))) {
        return Some(format!("one side alone at a midpoint where it scores nothing: {orders:?}"));
    }
    None
}
