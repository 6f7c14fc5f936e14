//! What holdings and caps leave of wanted quotes: which way each side is quoted, how much of it, or whether at all.

use super::ladder::{Leg, Pair, Target};
use super::{NoQuote, View};
use crate::domain::{Outcome, Qty, Side, Usdc};
use crate::rewards::Midpoint;

/// How each wanted side may be quoted under the inventory bounds: by selling confirmed shares of the other outcome where many are
/// held, else by buying within its bound, else not at all. Orders shrink down to `least` before a side is withdrawn.
pub(super) fn within_holdings<B>(
    view: &View<'_, B>,
    wanted: Pair,
    least: Qty,
    reference: Midpoint,
) -> Result<Pair, NoQuote> {
    let (held, params) = (view.held, view.params);
    let side = |bought: Outcome, target: Option<Target>| {
        let target = target?;
        let sold = bought.other();
        let to_sell = held.of(sold).confirmed;
        let (leg, bound) = if params.sell_from.is_some_and(|from| to_sell >= from && to_sell >= least) {
            (Leg { outcome: sold, side: Side::Sell }, to_sell)
        } else {
            (target.leg, params.max_held.checked_sub(held.of(bought).matched)?)
        };
        let qty = target.qty.min(bound.to_order_size_down());
        (qty >= least).then_some(Target { leg, qty, ..target })
    };
    let pair = Pair { bid: side(Outcome::Yes, wanted.bid), ask: side(Outcome::No, wanted.ask) };
    let enough = match (pair.bid, pair.ask) {
        (Some(_), Some(_)) => true,
        (None, None) => false,
        _ => reference.allows_single_sided(),
    };
    if enough {
        return Ok(pair);
    }
    let (yes, no) = (held.yes.matched, held.no.matched);
    Err(NoQuote::HoldingsFull { yes, no, size: least, limit: params.max_held })
}

/// Shrinks buys that cost more than is left for this market, down to `least`. Where that is not enough, names the outcome whose buy
/// must go: the one beside a sell, which costs nothing and sheds what is held; of two buys the one that is held more.
///
/// # Errors
/// [`NoQuote::CapReached`] when no buy can go without the other order going too.
pub(super) fn within_room<B>(
    view: &View<'_, B>,
    pair: &mut Pair,
    least: Qty,
    reference: Midpoint,
) -> Result<Option<Outcome>, NoQuote> {
    let left = view.room.left;
    let costs = [pair.bid, pair.ask].map(|target| target.map_or(Usdc::ZERO, |target| target.cost(view.row)));
    let needed = costs[0].saturating_add(costs[1]);
    if needed <= left {
        return Ok(None);
    }
    let shrunk = |target: Target| {
        let part = u128::from(target.qty.micro()) * u128::from(left.micro()) / u128::from(needed.micro());
        let qty = Qty::from_micro(u64::try_from(part).unwrap_or(u64::MAX)).to_order_size_down();
        // what is sold costs nothing
        Target { qty: if target.leg.side == Side::Buy { qty } else { target.qty }, ..target }
    };
    let smaller = Pair { bid: pair.bid.map(shrunk), ask: pair.ask.map(shrunk) };
    if [smaller.bid, smaller.ask].into_iter().flatten().all(|target| target.qty >= least) {
        *pair = smaller;
        return Ok(None);
    }
    if let (Some(bid), Some(ask), true) = (pair.bid, pair.ask, reference.allows_single_sided()) {
        let (yes, no) = (view.held.yes.matched, view.held.no.matched);
        return Ok(Some(match (bid.leg.side, ask.leg.side) {
            (Side::Buy, Side::Sell) => bid.leg.outcome,
            (Side::Sell, _) => ask.leg.outcome,
            (Side::Buy, Side::Buy) if yes > no => Outcome::Yes,
            (Side::Buy, Side::Buy) => Outcome::No,
        }));
    }
    Err(NoQuote::CapReached { left, needed })
}
