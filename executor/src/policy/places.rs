//! The rules that look at where an order would stand: on its token, in its market, in its event.

use super::{AllowedMarket, Policy};
use crate::exposure::{Exposure, Losses, Tracked};
use mm_core::domain::{NewOrder, TokenId, Usdc, cost_ceil};
use mm_core::protocol::Refusal;

/// How many orders are open in a place, and their price × open size.
#[derive(Clone, Copy, Default)]
pub(super) struct Open {
    pub(super) orders: u32,
    pub(super) resting: Usdc,
}

impl Open {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { orders: self.orders + other.orders, resting: self.resting.saturating_add(other.resting) }
    }

    pub(super) fn of<'a>(orders: impl Iterator<Item = &'a Tracked>) -> Self {
        orders.fold(Self::default(), |sum, tracked| sum.plus(Self::of_one(tracked)))
    }

    fn of_one(tracked: &Tracked) -> Self {
        Self { orders: 1, resting: cost_ceil(tracked.row.price, tracked.open_qty()) }
    }
}

impl Policy {
    /// Open orders and resting notional of the order's token, market and event.
    pub(super) fn check_open(
        &self,
        exposure: &Exposure,
        market: &AllowedMarket,
        token: &TokenId,
        order: &NewOrder,
        why: &mut Vec<Refusal>,
    ) {
        let caps = &self.caps;
        let [mut on_token, mut in_market] = [Open::default(); 2];
        for tracked in exposure.live_in(&market.condition) {
            let one = Open::of_one(tracked);
            in_market = in_market.plus(one);
            if tracked.row.token == *token {
                on_token = on_token.plus(one);
            }
        }
        let others = self.same_event(&market.condition).filter(|other| other.condition != market.condition);
        let in_event = others.fold(in_market, |sum, other| sum.plus(Open::of(exposure.live_in(&other.condition))));
        for (of, open, most, cap) in [
            ("token", on_token, caps.max_token_orders, caps.max_token_resting_usdc),
            ("market", in_market, caps.max_market_orders, caps.max_market_resting_usdc),
            ("event", in_event, caps.max_event_orders, caps.max_event_resting_usdc),
        ] {
            if open.orders >= most {
                why.push(Refusal::OpenOn { of: of.into(), open: open.orders, cap: most });
            }
            let would_be = open.resting.saturating_add(order.notional());
            if would_be > cap {
                why.push(Refusal::Resting { of: of.into(), would_be, cap });
            }
        }
    }

    /// The worst case with this order open. An order that makes it no worse is never refused for it: what is held can be sold.
    pub(super) fn check_worst(
        &self,
        exposure: &Exposure,
        market: &AllowedMarket,
        order: &NewOrder,
        why: &mut Vec<Refusal>,
    ) {
        let more = Losses::of_open(order.token.outcome, order.side, order.price, order.qty);
        let after = self.worst(exposure, &market.condition, more);
        let caps = &self.caps;
        let capped = [
            ("market", after.market, caps.max_market_loss_usdc),
            ("event", after.event, caps.max_event_loss_usdc),
            ("house", after.house, caps.max_total_loss_usdc),
        ];
        if capped.iter().all(|(_, would_be, cap)| would_be <= cap) {
            return;
        }
        let before = self.worst(exposure, &market.condition, Losses::default());
        for ((of, would_be, cap), before) in capped.into_iter().zip([before.market, before.event, before.house]) {
            if would_be > cap && would_be > before {
                why.push(Refusal::WorstCase { of: of.into(), would_be, cap });
            }
        }
    }
}
