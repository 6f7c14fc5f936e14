//! What an order must pass before the venue takes it, in the venue's order, and what it holds once it waits. Changes nothing.

use super::refusal::{RejectWhy, fits};
use super::{AccountIx, Exchange};
use crate::accounts::Column;
use crate::scenario::SelfTrade;
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Side, TimeInForce, cost_ceil};
use std::hint::select_unpredictable;

/// Largest order, shares: keeps every product of size, price, rate and curve in 128 bits.
pub const SIZE_MAX: Qty = Qty::from_micro(1_000_000_000_000_000);
/// The posted expiration must be at least this far ahead.
const GTD_LEAST: Nanos = Nanos::from_secs(180);

impl Exchange {
    /// Every rule an order must pass, in the venue's order; whether it meets the other side of the book. Changes nothing.
    #[inline(always)]
    pub(super) fn admit(&self, account: AccountIx, order: &NewOrder, known: bool) -> Result<bool, RejectWhy> {
        assert!(self.accounts.exists(account), "the front opened no account {}", account.0);
        let market = order.token.market.index();
        let Some(state) = self.markets.get(market) else { return Err(RejectWhy::UnknownToken) };
        if !state.open {
            return Err(RejectWhy::NotReady);
        }
        if known {
            return Err(RejectWhy::Duplicated);
        }
        if self.orders.is_full() {
            return Err(RejectWhy::Full);
        }
        if !order.price.is_orderable(state.facts.tick) {
            return Err(RejectWhy::OffTick { price: order.price, tick: state.facts.tick });
        }
        if order.qty < state.facts.min_order {
            return Err(RejectWhy::TooSmall { qty: order.qty, least: state.facts.min_order });
        }
        let immediate = matches!(order.tif, TimeInForce::Fok | TimeInForce::Fak);
        fits(order.side, order.qty, immediate, state.facts.tick)?;
        if order.qty > SIZE_MAX {
            return Err(RejectWhy::BadPayload);
        }
        match order.tif {
            TimeInForce::Gtd(end) if end < self.shown(self.now).plus(GTD_LEAST) => {
                return Err(RejectWhy::BadExpiration);
            }
            _ if immediate && order.post_only => return Err(RejectWhy::BadPayload),
            _ => {}
        }
        let (yes_side, yes_price) = in_yes_terms(order.token.outcome, order.side, order.price);
        let crossing = state.book.meets(yes_side, yes_price);
        if order.post_only && crossing {
            return Err(RejectWhy::WouldCross);
        }
        self.affords(account, order, crossing)?;
        if crossing && order.side == Side::Buy {
            let (notional, least) = (cost_ceil(order.price, order.qty), self.scenario.venue.marketable_min);
            if notional < least {
                return Err(RejectWhy::MarketableTooSmall { notional, least });
            }
        }
        match order.tif {
            TimeInForce::Fok if self.reachable(account, order, order.qty) < order.qty => Err(RejectWhy::NotFillable),
            TimeInForce::Fak if !crossing => Err(RejectWhy::NothingToMatch),
            _ => Ok(crossing),
        }
    }

    /// What others offer up to the order's limit; counting stops at `enough`.
    pub(super) fn reachable(&self, account: AccountIx, order: &NewOrder, enough: Qty) -> Qty {
        let (side, price) = in_yes_terms(order.token.outcome, order.side, order.price);
        self.markets[order.token.market.index()].book.reachable(side, price, self.never_meets(account), enough)
    }

    /// The account whose resting orders a taker of `account` does not match with, if there is such a rule.
    pub(super) const fn never_meets(&self, account: AccountIx) -> Option<AccountIx> {
        match self.scenario.venue.self_trade {
            SelfTrade::Allow => None,
            SelfTrade::CancelResting => Some(account),
        }
    }

    /// The venue's balance rule: size ≤ balance − open orders − matched trades, for the asset the order gives.
    #[inline(always)]
    pub(super) fn affords(&self, account: AccountIx, order: &NewOrder, crossing: bool) -> Result<(), RejectWhy> {
        let (asset, mut needs) = holds(order.token.market, order.token.outcome, order.side, order.price, order.qty);
        let mut rounding = 0;
        if crossing && order.side == Side::Buy {
            let fee = self.markets[order.token.market.index()].fee_at_most(order.qty);
            needs = needs.saturating_add(fee.micro());
            rounding = self.rounding(order);
        }
        let free = self.accounts.free(account, asset);
        let believed = self.believed(account, asset);
        let (active, matched) = (self.accounts.reserved(account, asset), self.accounts.matched(account, asset));
        // a cache that still shows what has gone lets nothing be promised that is not there
        let free = believed.map_or(free, |cached| free.min(cached.saturating_sub(active).saturating_sub(matched)));
        if needs.saturating_add(rounding) <= free {
            return Ok(());
        }
        let balance = believed.unwrap_or_else(|| self.accounts.balance(account, asset));
        Err(RejectWhy::Balance { balance, active, matched, needs })
    }

    /// What rounding may add to the dollars a buy takes: a millionth for each mint with a size that is not in whole hundredths.
    fn rounding(&self, order: &NewOrder) -> u64 {
        let state = &self.markets[order.token.market.index()];
        let fractional = state.fractional || !order.qty.is_orderable();
        if fractional { u64::try_from(state.book.waiting()).unwrap_or(u64::MAX) } else { 0 }
    }
}

/// What an open order holds of which asset.
#[inline]
pub(super) fn holds(market: MarketIx, outcome: Outcome, side: Side, price: Price, left: Qty) -> (Column, u64) {
    let (sells, cost) = (side == Side::Sell, cost_ceil(price, left).micro());
    (Column::of(sells, market.index(), outcome), select_unpredictable(sells, left.micro(), cost))
}
