//! Marketable orders that some markets hold back before they match (`sd`, `itode`): accepted, not cancellable, looked at again when
//! their time comes.
//!
//! A held order reserves nothing: the venue checks the balance at entry and again after the delay. A price that has gone by then
//! makes it rest (`unmatched`); FOK and FAK are killed instead.

use super::fact::{Ended, OrderChange, OrderIx};
use super::orders::Status;
use super::{AccountIx, Exchange, Placed, PlacedStatus};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{NewOrder, OrderId, Qty, TimeInForce, Token, Usdc};

impl Exchange {
    /// Holds an accepted order until its market's delay is over.
    pub(super) fn hold(&mut self, ix: OrderIx) {
        let row = self.orders.row(ix);
        let due = self.now.plus(self.markets[row.market.index()].rules.hold());
        let key = (due, row.number);
        self.held.insert(key, ix);
        self.wake_by(due);
    }

    /// The next held order is looked at again, against the book and the balance that are there now.
    pub(super) fn release(&mut self) {
        let Some((_, ix)) = self.held.pop_first() else { return };
        let row = self.orders.row_mut(ix);
        row.status = Status::Live;
        let (account, tif) = (row.account, row.tif);
        let token = Token { market: row.market, outcome: row.outcome };
        let order = NewOrder { token, side: row.side, price: row.price, qty: row.qty, post_only: false, tif };
        let (side, price) = in_yes_terms(row.outcome, row.side, row.price);
        if let TimeInForce::Gtd(end) = tif
            && end.minus(super::trading::GTD_SAFETY) <= self.shown(self.now)
        {
            self.finish(ix, Ended::Expired);
            return;
        }
        let crossing = self.markets[token.market.index()].book.meets(side, price);
        if self.affords(account, &order, crossing).is_err() {
            self.finish(ix, Ended::NotEnoughBalance);
            return;
        }
        let killed = match tif {
            TimeInForce::Fok if self.reachable(account, &order, order.qty) < order.qty => Some(Ended::NotFillable),
            TimeInForce::Fak if !crossing => Some(Ended::NothingToMatch),
            _ => None,
        };
        if let Some(why) = killed {
            self.finish(ix, why);
            return;
        }
        if !crossing {
            self.orders.row_mut(ix).status = Status::Unmatched;
            self.tell_order(ix, OrderChange::Updated);
        }
        self.enter(ix, account, &order, crossing);
    }

    /// What an accepted order of the account has become by now, for a caller that waits out the delay. `None` for an unknown order.
    /// Matches that it made while resting do not count: they are not part of the answer to placing it.
    #[must_use]
    pub fn placed(&self, account: AccountIx, id: &OrderId) -> Option<Placed> {
        let ix = self.orders.find(id).filter(|ix| self.orders.row(*ix).account == account)?;
        let row = self.orders.row(ix);
        let mut placed = Placed {
            id: *id,
            status: PlacedStatus::Live,
            side: row.side,
            matched: Qty::ZERO,
            notional: Usdc::ZERO,
            trade_ids: Vec::new(),
        };
        for trade in self.orders.paper(ix).into_iter().flat_map(|paper| &paper.trades) {
            let Some(known) = self.trades.get(*trade).filter(|t| t.taker.order() == Some(ix)) else { continue };
            placed.matched = placed.matched.saturating_add(known.qty);
            for leg in self.trades.legs(known) {
                placed.notional = placed.notional.saturating_add(leg.taker_cash);
            }
            placed.trade_ids.push(self.trade_id(*trade));
        }
        placed.status = match row.status {
            Status::Delayed => PlacedStatus::Delayed,
            _ if !placed.matched.is_zero() => PlacedStatus::Matched,
            Status::Unmatched => PlacedStatus::Unmatched,
            _ => PlacedStatus::Live,
        };
        Some(placed)
    }
}
