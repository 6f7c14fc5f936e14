//! What we want resting in one market now: a pure function of what is seen.
//!
//! Promises, for every answer with orders in it: prices on the tick and inside the venue's range; no order at or
//! through the other side of the book (ours left out), and none that meets another of ours; every order of a rewarded
//! market strictly inside the band around the scoring midpoint (the whole book with these orders in it) and at least
//! of the scoring size; never a buy beyond the inventory bound, never a sell of unconfirmed shares; outside 0.10 to
//! 0.90, where one side alone scores nothing, both sides or none. Two midpoints are kept apart: the *reference* one
//! leaves our own orders out and decides where to quote, or a maker chases itself; the *scoring* one has them in.
//!
//! Never remembers, never reads a clock, never asks for more than [`View`] holds.

mod ladder;
pub mod params;
mod promises;
mod skew;

pub use params::{ParamError, QuoteOverrides, QuoteParams, RawQuote, Strategy};
pub use promises::broken_promise;

use crate::domain::{
    Market, MarketIx, Nanos, NewOrder, Outcome, Price, Qty, RewardTerms, Side, TimeInForce, Timestamp, Token,
};
use crate::inventory::Holdings;
use crate::rewards::{Depth, Midpoint, best_level};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// Everything a quote may depend on.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, B> {
    /// Now.
    pub at: Timestamp,
    /// The market's row: what the orders' tokens are made of.
    pub row: MarketIx,
    /// Its facts.
    pub market: &'a Market,
    /// Its book as published, in YES terms.
    pub book: &'a B,
    /// The book may be quoted on: in sync and not suspect.
    pub book_trusted: bool,
    /// The feed behind the book has been silent for too long.
    pub stale: bool,
    /// What we hold.
    pub held: Holdings,
    /// Our orders that may be in the book, with what is left of each as its size.
    pub own: &'a [NewOrder],
    /// How to quote here.
    pub params: &'a QuoteParams,
    /// The executor lets orders leave.
    pub gate_open: bool,
    /// An operator paused quoting.
    pub paused: bool,
}

/// What should rest: at most one order a side, ordered by (token, side, price).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotes(pub Vec<NewOrder>);

/// Why nothing should rest. A decision, not a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum NoQuote {
    /// An operator paused quoting.
    #[error("paused by an operator")]
    Paused,
    /// The executor's gate is not open.
    #[error("the executor's gate is not open")]
    GateShut,
    /// Closed, not accepting orders, or resolved.
    #[error("the market does not accept orders")]
    NotReady,
    /// The book is not in sync, suspect, or crossed.
    #[error("the book is not trusted")]
    BookBroken,
    /// The feed is silent.
    #[error("the feed is stale")]
    Stale,
    /// Too close to the start or the end.
    #[error("{left_s} s from the market's start or end, limit is {limit_s} s")]
    EndsSoon {
        /// Seconds between now and it; 0 once the end has passed.
        left_s: u64,
        /// The configured distance.
        limit_s: u64,
    },
    /// No funded pool, and quotes are for pools only.
    #[error("no reward pool is funded")]
    NoRewards,
    /// One side has no level of the size that counts, our own orders left out.
    #[error("a side of the book has no level of {min_size} shares or more")]
    OneSided {
        /// The size that counts.
        min_size: Qty,
    },
    /// The book, our own orders left out, is wider than allowed.
    #[error("the book is {spread} wide, limit is {limit}")]
    TooWide {
        /// Its width.
        spread: Price,
        /// The limit.
        limit: Price,
    },
    /// The reference midpoint is outside the configured range.
    #[error("midpoint {midpoint} is outside {low}..={high}")]
    OutsideMidpoints {
        /// The reference midpoint.
        midpoint: Midpoint,
        /// Lowest allowed.
        low: Price,
        /// Highest allowed.
        high: Price,
    },
    /// The largest order allowed is smaller than the smallest that counts.
    #[error("largest order is {size} shares, {needed} are needed")]
    BelowMinimum {
        /// Largest allowed.
        size: Qty,
        /// Venue or reward minimum.
        needed: Qty,
    },
    /// Inventory bounds leave no side, or one where both are needed.
    #[error("{yes} YES and {no} NO are held, with {size} more the limit is {limit}")]
    HoldingsFull {
        /// Held of the first outcome.
        yes: Qty,
        /// Held of the second outcome.
        no: Qty,
        /// Size of one more order.
        size: Qty,
        /// Most of one outcome.
        limit: Qty,
    },
    /// No price on the tick is inside the reward band without crossing, on a side that is needed.
    #[error("no price on the tick {tick} is inside {max_spread} of midpoint {midpoint} without crossing")]
    NoRoom {
        /// The scoring midpoint.
        midpoint: Midpoint,
        /// The reward band.
        max_spread: Price,
        /// The tick, in dollars.
        tick: Price,
    },
}

impl NoQuote {
    /// A short stable name for metrics and screens.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::GateShut => "gate-shut",
            Self::NotReady => "not-ready",
            Self::BookBroken => "book-broken",
            Self::Stale => "stale",
            Self::EndsSoon { .. } => "ends-soon",
            Self::NoRewards => "no-rewards",
            Self::OneSided { .. } => "one-sided",
            Self::TooWide { .. } => "too-wide",
            Self::OutsideMidpoints { .. } => "outside-midpoints",
            Self::BelowMinimum { .. } => "below-minimum",
            Self::HoldingsFull { .. } => "holdings-full",
            Self::NoRoom { .. } => "no-room",
        }
    }
}

/// What we want resting now. Same view, same answer.
///
/// # Errors
/// [`NoQuote`] means "rest nothing here" and says why.
pub fn quote<B: Depth>(view: &View<'_, B>) -> Result<Quotes, NoQuote> {
    if view.paused {
        return Err(NoQuote::Paused);
    }
    if !view.gate_open {
        return Err(NoQuote::GateShut);
    }
    if !view.market.ready {
        return Err(NoQuote::NotReady);
    }
    if view.stale {
        return Err(NoQuote::Stale);
    }
    if !view.book_trusted {
        return Err(NoQuote::BookBroken);
    }
    far_from_start_and_end(view)?;
    let rewards = funded(view.market);
    if view.params.require_rewards && rewards.is_none() {
        return Err(NoQuote::NoRewards);
    }
    let reference = reference(view, rewards)?;
    let size = size(view, rewards)?;
    let (bid, ask) = legs(view, size, reference)?;
    let prices = match view.params.strategy {
        Strategy::Fixed => ladder::fixed(view, rewards, reference, size, bid.is_some(), ask.is_some())?,
    };
    let order = |leg: Option<Leg>, price: Option<Price>| Some(leg?.order(view.row, price?, size));
    let mut orders: Vec<NewOrder> = [order(bid, prices.bid), order(ask, prices.ask)].into_iter().flatten().collect();
    orders.sort_unstable();
    Ok(Quotes(orders))
}

/// The midpoint that decides where to quote: the public book without our own orders, levels below the scoring size left
/// out. `None` when a side has no such level.
#[must_use]
pub fn reference_midpoint<B: Depth>(view: &View<'_, B>) -> Option<Midpoint> {
    reference_levels(view, funded(view.market)).map(|(bid, ask)| Midpoint::between(bid, ask))
}

/// The reward terms, if money stands behind them.
fn funded(market: &Market) -> Option<&RewardTerms> {
    market.rewards.as_ref().filter(|terms| !terms.rate_per_day.is_zero())
}

fn reference_levels<B: Depth>(view: &View<'_, B>, rewards: Option<&RewardTerms>) -> Option<(Price, Price)> {
    let min_size = rewards.map_or(Qty::ZERO, |terms| terms.min_size);
    let level = |side| best_level(view.book, side, view.own, &[], min_size);
    Some((level(Side::Buy)?, level(Side::Sell)?))
}

fn far_from_start_and_end<B>(view: &View<'_, B>) -> Result<(), NoQuote> {
    let limit = view.params.stop_before_end;
    if limit == Nanos::ZERO {
        return Ok(());
    }
    let soon = |left: Nanos| NoQuote::EndsSoon { left_s: left.ms() / 1000, limit_s: limit.ms() / 1000 };
    if let Some(starts) = view.market.starts {
        // near on either side: a market is at its most dangerous around the start of what it is about
        let left = starts.since(view.at).max(view.at.since(starts));
        if left < limit {
            return Err(soon(left));
        }
    }
    match view.market.ends.map(|ends| ends.since(view.at)) {
        Some(left) if left < limit => Err(soon(left)),
        _ => Ok(()),
    }
}

fn reference<B: Depth>(view: &View<'_, B>, rewards: Option<&RewardTerms>) -> Result<Midpoint, NoQuote> {
    let Some((bid, ask)) = reference_levels(view, rewards) else {
        return Err(NoQuote::OneSided { min_size: rewards.map_or(Qty::ZERO, |terms| terms.min_size) });
    };
    if bid >= ask {
        return Err(NoQuote::BookBroken);
    }
    let spread = Price::from_ten_thousandths(bid.distance(ask)).expect("two prices are at most a dollar apart");
    if spread > view.params.max_book_spread {
        return Err(NoQuote::TooWide { spread, limit: view.params.max_book_spread });
    }
    let midpoint = Midpoint::between(bid, ask);
    let (low, high) = (view.params.min_midpoint, view.params.max_midpoint);
    if midpoint.is_below(low) || midpoint.is_above(high) {
        return Err(NoQuote::OutsideMidpoints { midpoint, low, high });
    }
    Ok(midpoint)
}

/// The size of each order: what is configured, raised to what scores with head-room and to the venue's minimum, cut to
/// the configured maximum and to whole hundredths.
fn size<B>(view: &View<'_, B>, rewards: Option<&RewardTerms>) -> Result<Qty, NoQuote> {
    let params = view.params;
    let scoring = rewards.map_or(Qty::ZERO, |terms| terms.min_size);
    let needed = scoring.max(view.market.min_order);
    let headroom = u128::from(scoring.micro()) * u128::from(100 + params.min_size_headroom_percent);
    let roomy = u64::try_from(headroom.div_ceil(100)).map_or(Qty::MAX, Qty::from_micro);
    let wanted = params.size.max(order_size_up(roomy)).max(order_size_up(needed));
    let size = wanted.min(params.max_size).to_order_size_down();
    if size < needed || size.is_zero() {
        return Err(NoQuote::BelowMinimum { size: params.max_size, needed });
    }
    Ok(size)
}

/// The next whole hundredth of a share at or above `qty`; the largest one at the end of the range.
fn order_size_up(qty: Qty) -> Qty {
    let down = qty.to_order_size_down();
    if down == qty { qty } else { down.saturating_add(Qty::from_micro(10_000)).to_order_size_down() }
}

/// Which token and side stands for one side of the book in YES terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leg {
    outcome: Outcome,
    side: Side,
}

impl Leg {
    fn order(self, row: MarketIx, yes_price: Price, qty: Qty) -> NewOrder {
        let price = match self.outcome {
            Outcome::Yes => yes_price,
            Outcome::No => yes_price.complement(),
        };
        NewOrder {
            token: Token { market: row, outcome: self.outcome },
            side: self.side,
            price,
            qty,
            post_only: true,
            tif: TimeInForce::Gtc,
        }
    }
}

/// How each side may be quoted under the inventory bounds: by selling confirmed shares of `sold` where many are held,
/// else by buying `bought` within its bound, else not at all.
fn legs<B>(view: &View<'_, B>, size: Qty, reference: Midpoint) -> Result<(Option<Leg>, Option<Leg>), NoQuote> {
    let (held, params) = (view.held, view.params);
    let leg = |bought: Outcome| {
        let sold = bought.other();
        let to_sell = held.of(sold).confirmed;
        if params.sell_from.is_some_and(|from| to_sell >= from && to_sell >= size) {
            return Some(Leg { outcome: sold, side: Side::Sell });
        }
        let after = held.of(bought).matched.checked_add(size)?;
        (after <= params.max_held).then_some(Leg { outcome: bought, side: Side::Buy })
    };
    let (bid, ask) = (leg(Outcome::Yes), leg(Outcome::No));
    let enough = match (bid, ask) {
        (Some(_), Some(_)) => true,
        (None, None) => false,
        _ => reference.allows_single_sided(),
    };
    if enough {
        Ok((bid, ask))
    } else {
        Err(NoQuote::HoldingsFull { yes: held.yes.matched, no: held.no.matched, size, limit: params.max_held })
    }
}
