//! What we want resting in one market now: a pure function of what is seen.
//!
//! Promises, for every answer with orders in it: prices on the tick and inside the venue's range; no order at or
//! through the other side of the book (ours left out), and none that meets another of ours; every order of a rewarded
//! market strictly inside the band around the scoring midpoint (the whole book with these orders in it) and at least
//! of the scoring size; never a buy beyond the inventory bound, never a sell of unconfirmed shares; outside 0.10 to
//! 0.90, where one side alone scores nothing, both sides or none. Two midpoints are kept apart: the *reference* one
//! leaves our own orders out and decides where to quote, or a maker chases itself; the *scoring* one has them in. No
//! order is at or through the *fair* value, which is the reference midpoint unless sizes and flow are configured to move
//! it.
//!
//! Never remembers, never reads a clock, never asks for more than [`View`] holds.

mod adjust;
mod again;
mod bounds;
mod budget;
mod cost;
mod fair;
mod inventory_model;
mod ladder;
mod near;
pub mod params;
mod placement;
mod promises;
mod queue;
mod reason;
mod recent;
mod reward;
mod rivals;
mod skew;
mod stands;
mod value;

pub use adjust::Adjust;
pub(crate) use again::{Basis, Searched, again};
pub use budget::{MoneyPrice, money_price};
pub use cost::{CostKeys, CostModel};
pub use fair::{Best, Fair, FairRule, FlowRule};
pub use inventory_model::InventoryModel;
pub use params::{NewsRule, ParamError, QuoteOverrides, QuoteParams, RawQuote, Strategy};
pub use promises::broken_promise;
pub use queue::{Queue, place_gain};
pub use reason::{NoQuote, Why};
pub(crate) use recent::kept_after;
pub use recent::{Jumped, Markout, Recent};
pub use skew::Linked;
pub use value::Value;

use crate::domain::{Market, MarketIx, Nanos, NewOrder, Price, Qty, RewardTerms, Side, Timestamp, Usdc};
use crate::inventory::Holdings;
use crate::rewards::{Depth, Midpoint};
use arrayvec::ArrayVec;
use ladder::Limits;
use near::levels_of;
use near::{Level, Near};
use rivals::Rivals;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_scenarios;

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
    /// The other outcomes, where exactly one of several markets ends in YES; empty where none or not all are known.
    pub linked: &'a [Linked],
    /// Our orders that may be in the book, with what is left of each as its size.
    pub own: &'a [NewOrder],
    /// What of `book` is ours, as orders of that size: of an order that is not in it yet, nothing.
    pub shown: &'a [NewOrder],
    /// Dollars that may be at risk here.
    pub room: Room,
    /// How to quote here.
    pub params: &'a QuoteParams,
    /// How quotes differ from that because those do not score.
    pub adjust: Adjust,
    /// How recent fills turned out, and whether the price has just jumped.
    pub recent: Recent,
    /// The executor lets orders leave.
    pub gate_open: bool,
    /// An operator paused quoting.
    pub paused: bool,
}

/// Dollars that may be at risk in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// One order.
    pub order: Usdc,
    /// Resting buys and holdings together.
    pub market: Usdc,
    /// What of that is left for resting buys beside the holdings.
    pub left: Usdc,
    /// What a dollar of it must bring a day beyond its capital cost, because other markets want it too; nano-dollars.
    pub money: MoneyPrice,
}

impl Room {
    /// No limit.
    pub const ALL: Self = Self { order: Usdc::MAX, market: Usdc::MAX, left: Usdc::MAX, money: 0 };
}

/// Most orders of an answer: a bid and an ask.
pub const ORDERS_MAX: usize = 2;

/// What should rest: at most one order a side, ordered by (token, side, price), and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Quotes {
    /// One or two orders.
    pub orders: ArrayVec<NewOrder, ORDERS_MAX>,
    /// The numbers behind them.
    pub why: Why,
    /// What scores are measured from while our orders rest as they do; `None` where nothing is paid or a side has no level that counts.
    pub scoring_now: Option<Midpoint>,
    /// What they were found from.
    pub(crate) basis: Basis,
}

/// Memory that quotes use again. What is in it means nothing from one to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    near: near::Buffers,
    rivals: Rivals,
    search: reward::Search,
}

/// What we want resting now. Same view, same answer.
///
/// # Errors
/// [`NoQuote`] means "rest nothing here" and says why.
pub fn quote<B: Depth>(view: &View<'_, B>) -> Result<Quotes, NoQuote> {
    quote_with(view, &mut Scratch::default())
}

/// [`quote`] in memory that was used before.
///
/// # Errors
/// The same.
pub(crate) fn quote_with<B: Depth>(view: &View<'_, B>, scratch: &mut Scratch) -> Result<Quotes, NoQuote> {
    quote_from(view, None, scratch)
}

/// [`quote_with`] where a search of this very view was made before: it is not made again.
///
/// # Errors
/// The same.
pub(crate) fn quote_from<B: Depth>(
    view: &View<'_, B>,
    known: Option<Searched>,
    scratch: &mut Scratch,
) -> Result<Quotes, NoQuote> {
    if view.paused {
        return Err(NoQuote::Paused);
    }
    if !view.gate_open {
        return Err(NoQuote::GateShut);
    }
    if !view.market.ready {
        return Err(NoQuote::NotReady);
    }
    if view.market.resolving {
        return Err(NoQuote::Resolving);
    }
    if view.stale {
        return Err(NoQuote::Stale);
    }
    if !view.book_trusted {
        return Err(NoQuote::BookBroken);
    }
    far_from_start_and_end(view)?;
    if view.params.require_rewards && funded(view.market).is_none() {
        return Err(NoQuote::NoRewards);
    }
    let rewards = wanted_rewards(view);
    let Scratch { near, rivals, search } = scratch;
    rivals.forget();
    let mut near = near::read(view.book, [view.own, view.shown], near);
    let best = reference_levels(&mut near, rewards);
    let (reference, best) = reference(view, rewards, best)?;
    let fair = Fair::new(view.params.fair, best, view.recent.flow);
    view.recent.forbids(view.at, view.params)?;
    let [least, most] = sizes(view, rewards, reference, fair.value)?;
    let raised = order_size_up(view.adjust.size(least)).min(most);
    let limits = Limits::of(view.market.tick, &mut near, fair.value);
    let tick = view.market.tick;
    let QuoteParams { strategy, cost, inventory, .. } = view.params;
    let mut searched = None;
    // without a pool there is nothing for `reward` to weigh: it quotes as `fixed` does, where the configuration lets it quote at all
    let (wanted, lean) = match (strategy, rewards, cost, inventory) {
        (Strategy::AvellanedaStoikov, _, Some(cost), Some(model)) => (model.plan(view, cost, fair.value, least), 0),
        (Strategy::Reward, Some(terms), Some(cost), _) => {
            let within = reward::Within {
                reference,
                fair: fair.value,
                public: best.map(|(price, _)| price),
                limits,
                sizes: [raised, most],
            };
            let (found, lead) = match known.filter(|known| known.within == within) {
                Some(known) => (known.found, known.lead),
                None => reward::plan(view, (&mut near, rivals, search), terms, cost, &within)?
                    .ok_or_else(|| ladder::no_room(view, rewards, reference))?,
            };
            searched = Some(Searched { within, found, lead });
            (found, skew::ticks(view, fair.value))
        }
        _ => {
            let pair = ladder::fixed(fair.value, rewards, view.params.distance, raised, tick)?;
            (pair, skew::ticks(view, fair.value))
        }
    };
    let mut wanted = bounds::within_holdings(view, wanted, least, reference)?;
    let (mut pair, mut scoring) = ladder::settle(view, &mut near, rewards, reference, &limits, wanted, lean)?;
    if let Some(outcome) = bounds::within_room(view, &mut pair, least, reference)? {
        wanted.drop_buy_of(outcome);
        (pair, scoring) = ladder::settle(view, &mut near, rewards, reference, &limits, wanted, lean)?;
        // of one order there is none to drop: it shrinks, or the cap is reached
        bounds::within_room(view, &mut pair, least, reference)?;
    }
    let orders = pair.sorted(view.row);
    let scoring = match (funded(view.market), rewards) {
        (None, _) => None,
        // where they are not quoted for, `settle` knows of no scores
        (Some(terms), None) => {
            let levels = pair.levels();
            near.midpoint([levels[0].as_slice(), levels[1].as_slice()], terms.min_size)
        }
        (Some(_), Some(_)) => Some(scoring),
    };
    let basis = Basis { pair, scoring, searched };
    let value = basis.value(view, fair.value, &mut near, rivals, &orders);
    // caps and bounds may have left a part that does not pay; where quotes lean they shed inventory, which is worth something too
    if let (Strategy::Reward, 0, Some(terms), Some(value)) = (*strategy, lean, rewards, value)
        && value.net_per_day().micro() <= 0
    {
        let (value_per_day, rate_per_day) = (value.net_per_day(), terms.rate_per_day);
        return Err(NoQuote::Unprofitable { value_per_day, rate_per_day });
    }
    let why = Why { strategy: *strategy, reference, fair, lean_ticks: lean, value };
    let scoring_now = rewards.and_then(|terms| near.midpoint_now(terms.min_size));
    Ok(Quotes { orders, why, scoring_now, basis })
}

/// The levels that decide where to quote: the best of the public book without our own orders, those below the scoring size left out.
/// `None` when a side has no such level.
#[must_use]
pub fn reference_best<B: Depth>(view: &View<'_, B>, scratch: &mut Scratch) -> Option<Best> {
    let mut near = near::read(view.book, [view.own, view.shown], &mut scratch.near);
    let rewards = wanted_rewards(view);
    let min_size = scoring_size(rewards);
    let [bid, ask] = reference_levels(&mut near, rewards)?;
    Some(Best { min_size, bid, ask })
}

/// What these orders are expected to bring in place of those we have; `None` where no pool is funded or nothing can be measured.
#[must_use]
pub fn value_of<B: Depth>(view: &View<'_, B>, orders: &[NewOrder], scratch: &mut Scratch) -> Option<Value> {
    let terms = funded(view.market)?;
    scratch.rivals.forget();
    let mut near = near::read(view.book, [view.own, view.shown], &mut scratch.near);
    let best = reference_levels(&mut near, wanted_rewards(view))?;
    let fair = Fair::new(view.params.fair, best, view.recent.flow);
    let costs = (view.params.cost.as_ref(), view.recent.extra_dollars());
    let [bids, asks] = [Side::Buy, Side::Sell].map(|side| levels_of(orders, side).collect::<Vec<Level>>());
    let scoring = near.midpoint([&bids, &asks], terms.min_size)?;
    let value = value::value((&mut near, &mut scratch.rivals), terms, costs, fair.value, scoring, [&bids, &asks]);
    Some(value.paying(view.room.money, orders))
}

/// Whether one order of a pair may rest where a limit leaves no room for the other: where one side alone scores, by the reference and by
/// the scoring midpoint with this order alone, and strictly inside the band around that.
#[must_use]
pub(crate) fn may_rest_alone<B: Depth>(view: &View<'_, B>, order: &NewOrder, scratch: &mut Scratch) -> bool {
    let mut near = near::read(view.book, [view.own, view.shown], &mut scratch.near);
    let rewards = wanted_rewards(view);
    let Some([(bid, _), (ask, _)]) = reference_levels(&mut near, rewards) else { return false };
    if !Midpoint::between(bid, ask).allows_single_sided() {
        return false;
    }
    let Some(terms) = rewards else { return true };
    let orders = std::slice::from_ref(order);
    let [bids, asks] = [Side::Buy, Side::Sell].map(|side| levels_of(orders, side).collect::<ArrayVec<Level, 1>>());
    near.midpoint([&bids, &asks], terms.min_size).is_some_and(|scoring| {
        let (_, price) = order.in_yes_terms();
        let spread2x = (2 * price.ten_thousandths()).abs_diff(scoring.halves());
        scoring.allows_single_sided() && spread2x < 2 * terms.max_spread.ten_thousandths()
    })
}

/// The reward terms, if money stands behind them.
fn funded(market: &Market) -> Option<&RewardTerms> {
    market.rewards.as_ref().filter(|terms| !terms.rate_per_day.is_zero())
}

/// The terms that quotes must meet; `None` where nothing is paid, or the strategy quotes without a thought of it.
fn wanted_rewards<'a, B>(view: &View<'a, B>) -> Option<&'a RewardTerms> {
    funded(view.market).filter(|_| view.params.strategy != Strategy::AvellanedaStoikov)
}

/// The best bid and ask that decide where to quote: levels below the scoring size are left out. `None` when a side has no such level.
fn reference_levels<I: Iterator<Item = Level>>(
    near: &mut Near<'_, I>,
    rewards: Option<&RewardTerms>,
) -> Option<[Level; 2]> {
    let min_size = scoring_size(rewards);
    Some([near.best_level(Side::Buy, min_size)?, near.best_level(Side::Sell, min_size)?])
}

/// The smallest size that counts.
fn scoring_size(rewards: Option<&RewardTerms>) -> Qty {
    rewards.map_or(Qty::ZERO, |terms| terms.min_size)
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

fn reference<B>(
    view: &View<'_, B>,
    rewards: Option<&RewardTerms>,
    best: Option<[Level; 2]>,
) -> Result<(Midpoint, [Level; 2]), NoQuote> {
    let Some(best) = best else {
        return Err(NoQuote::OneSided { min_size: scoring_size(rewards) });
    };
    let [bid, ask] = best.map(|(price, _)| price);
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
    Ok((midpoint, best))
}

/// The least and the most shares of an order: what is configured, raised to what scores with head-room and to the venue's minimum; up
/// to the configured maximum, to what the cap on one order pays for of the dearer outcome (else the cheaper one would be left alone)
/// and, where the strategy chooses, to what the market's cap pays for. Whole hundredths.
fn sizes<B>(
    view: &View<'_, B>,
    rewards: Option<&RewardTerms>,
    reference: Midpoint,
    fair: Midpoint,
) -> Result<[Qty; 2], NoQuote> {
    let params = view.params;
    let scoring = scoring_size(rewards);
    let needed = scoring.max(view.market.min_order);
    let percent = 100 + params.min_size_headroom_percent;
    let roomy = match scoring.micro().checked_mul(percent) {
        Some(headroom) => Qty::from_micro(headroom.div_ceil(100)),
        None => {
            let headroom = u128::from(scoring.micro()) * u128::from(percent);
            u64::try_from(headroom.div_ceil(100)).map_or(Qty::MAX, Qty::from_micro)
        }
    };
    let wanted = params.size.max(order_size_up(roomy)).max(order_size_up(needed));
    if params.strategy != Strategy::Reward {
        // no price is at or through the fair value
        let most = params.max_size.min(of_order(view.room.order, fair)).to_order_size_down();
        let least = wanted.min(most);
        if least < needed || least.is_zero() {
            return Err(NoQuote::BelowMinimum { size: most, needed });
        }
        return Ok([least, most]);
    }
    let least = wanted.min(params.max_size).to_order_size_down();
    if least < needed || least.is_zero() {
        return Err(NoQuote::BelowMinimum { size: params.max_size, needed });
    }
    // a pair costs at most a dollar a share
    let of_order = of_order(view.room.order, reference);
    let of_market = Qty::from_micro(view.room.market.micro());
    let most = params.max_size.min(of_order).min(of_market).to_order_size_down();
    if most < least {
        return Err(NoQuote::BelowMinimum { size: most, needed: least });
    }
    Ok([least, most])
}

/// Shares of the dearer outcome that so many dollars pay for, where one costs at most its part of `midpoint`.
fn of_order(dollars: Usdc, midpoint: Midpoint) -> Qty {
    let dearer = u64::from(midpoint.halves().max(20_000 - midpoint.halves()));
    match dollars.micro().checked_mul(20_000) {
        Some(halves) => Qty::from_micro(halves / dearer),
        None => {
            let halves = u128::from(dollars.micro()) * 20_000;
            u64::try_from(halves / u128::from(dearer)).map_or(Qty::MAX, Qty::from_micro)
        }
    }
}

/// The next whole hundredth of a share at or above `qty`; the largest one at the end of the range.
fn order_size_up(qty: Qty) -> Qty {
    let down = qty.to_order_size_down();
    if down == qty { qty } else { down.saturating_add(Qty::from_micro(10_000)).to_order_size_down() }
}
