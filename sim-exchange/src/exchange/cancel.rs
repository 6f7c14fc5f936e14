//! Orders that leave: by their owner's wish, or for a reason of the venue's.

use super::admission::holds;
use super::fact::{Ended, Fact, OrderChange, OrderIx};
use super::orders::Status;
use super::trading::GTD_SAFETY;
use super::{AccountIx, Exchange, Filter};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, OrderId, Outcome, Qty, TimeInForce, Timestamp};
use mm_core::venue::rest::CancelReply;

impl Exchange {
    /// Cancels one resting order of the account; `false` if it does not rest or is somebody else's.
    pub fn withdraw_order(&mut self, at: Timestamp, account: AccountIx, order: OrderIx) -> bool {
        self.tick(at);
        let own = self.orders.get(order).is_some_and(|row| row.account == account);
        own && self.withdraw_here(order, Ended::Canceled)
    }

    /// Cancels the listed orders of the account.
    pub fn cancel(&mut self, at: Timestamp, account: AccountIx, ids: &[OrderId]) -> CancelReply {
        self.tick(at);
        let mut reply = CancelReply::default();
        for id in ids {
            let found = self.orders.find(id).filter(|ix| self.orders.row(*ix).account == account);
            let reason = match found {
                Some(ix) if self.withdraw(ix, Ended::Canceled) => {
                    reply.canceled.push(id.to_string());
                    continue;
                }
                Some(_) if reply.canceled.contains(&id.to_string()) => continue,
                Some(ix) => match self.orders.row(ix).status {
                    Status::Matched => "Order already matched",
                    Status::Delayed => "order match delayed due to market conditions",
                    _ => "Order not found or already canceled",
                },
                None => "Order not found or already canceled",
            };
            reply.not_canceled.insert(id.to_string(), reason.to_owned());
        }
        reply
    }

    /// Makes a resting order of the account smaller; it keeps its place. `false` if it does not rest, is somebody else's, or would
    /// have nothing left or a size that orders cannot have. The engine's own: no wire offers it.
    pub fn reduce(&mut self, at: Timestamp, account: AccountIx, order: OrderIx, by: Qty) -> bool {
        self.tick(at);
        let found = self.orders.get(order).filter(|row| row.account == account && row.rests());
        let Some(row) = found.filter(|row| by.is_orderable() && by < row.left()).cloned() else { return false };
        let (side, price) = in_yes_terms(row.outcome, row.side, row.price);
        self.markets[row.market.index()].book.reduce(side, price, order, row.slot, by);
        let (asset, before) = holds(row.market, row.outcome, row.side, row.price, row.left());
        let (_, after) = holds(row.market, row.outcome, row.side, row.price, row.left().saturating_sub(by));
        self.accounts.release(account, asset, before - after);
        self.orders.row_mut(order).qty = row.qty.saturating_sub(by);
        self.volume.canceled += u128::from(by.micro());
        self.tell_order(order, OrderChange::Updated);
        let level = self.markets[row.market.index()].book.public(side, price);
        self.publish_level(row.market, (side, price, row.outcome), level);
        true
    }

    /// Cancels the account's orders of a market, a token, or both given; an empty filter cancels nothing.
    pub fn cancel_market(&mut self, at: Timestamp, account: AccountIx, filter: &Filter) -> CancelReply {
        self.tick(at);
        if *filter == Filter::default() {
            return CancelReply::default();
        }
        self.cancel_resting(account, filter)
    }

    /// Cancels every order of the account.
    pub fn cancel_all(&mut self, at: Timestamp, account: AccountIx) -> CancelReply {
        self.tick(at);
        self.cancel_resting(account, &Filter::default())
    }

    fn cancel_resting(&mut self, account: AccountIx, filter: &Filter) -> CancelReply {
        let mut reply = CancelReply::default();
        for ix in self.resting(account, filter) {
            if self.withdraw(ix, Ended::Canceled) {
                reply.canceled.push(self.order_id(ix).to_string());
            }
        }
        reply
    }

    /// Resting orders, oldest first.
    pub(super) fn resting(&self, account: AccountIx, filter: &Filter) -> Vec<OrderIx> {
        let all = self.orders.resting(account);
        all.filter(|(_, row)| self.passes(filter, row.market, row.outcome)).map(|(ix, _)| ix).collect()
    }

    pub(super) fn passes(&self, filter: &Filter, market: MarketIx, outcome: Outcome) -> bool {
        let facts = &self.markets[market.index()].facts;
        filter.market.as_ref().is_none_or(|wanted| *wanted == facts.condition)
            && filter.token.as_ref().is_none_or(|wanted| wanted == facts.token_id(outcome))
    }

    /// Ends a resting order and announces its level.
    pub(super) fn withdraw(&mut self, ix: OrderIx, why: Ended) -> bool {
        self.withdraw_here(ix, why)
    }

    /// The same in its caller's own code: cancels are half of all that traders ask for.
    #[inline(always)]
    fn withdraw_here(&mut self, ix: OrderIx, why: Ended) -> bool {
        let Some(row) = self.orders.get(ix).filter(|row| row.rests()) else { return false };
        let (market, outcome, slot) = (row.market, row.outcome, row.slot);
        let (side, price) = in_yes_terms(outcome, row.side, row.price);
        let level = self.markets[market.index()].book.remove(side, price, ix, slot);
        self.let_go(ix, why);
        self.publish_level(market, (side, price, outcome), level);
        true
    }

    /// An order that has left its book ends and holds nothing any more; its owner is told.
    #[inline(always)]
    pub(super) fn let_go(&mut self, ix: OrderIx, why: Ended) {
        let row = self.orders.row(ix);
        let (account, matched, left) = (row.account, row.matched, row.left());
        let (asset, amount) = holds(row.market, row.outcome, row.side, row.price, left);
        self.accounts.release(account, asset, amount);
        if matches!(row.tif, TimeInForce::Gtd(_)) {
            self.forget_expiry(ix);
        }
        self.orders.leave(ix, account, Status::Ended(why));
        self.volume.canceled += u128::from(left.micro());
        self.emit(Fact::Order { account, order: ix, change: OrderChange::Ended(why), matched, left });
    }

    pub(super) fn forget_expiry(&mut self, ix: OrderIx) {
        let row = self.orders.row(ix);
        if let TimeInForce::Gtd(end) = row.tif {
            self.expiries.remove(&(end.minus(GTD_SAFETY), row.number));
        }
    }

    /// Writes down the end of an order that does not rest, and tells its owner.
    pub(super) fn finish(&mut self, ix: OrderIx, why: Ended) {
        self.volume.canceled += u128::from(self.orders.row(ix).left().micro());
        self.orders.finish(ix, Status::Ended(why));
        self.tell_order(ix, OrderChange::Ended(why));
    }

    #[inline]
    pub(super) fn tell_order(&mut self, order: OrderIx, change: OrderChange) {
        let row = self.orders.row(order);
        let fact = Fact::Order { account: row.account, order, change, matched: row.matched, left: row.left() };
        self.emit(fact);
    }
}
