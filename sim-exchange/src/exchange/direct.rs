//! What callers that share the venue's memory ask it: numbers instead of text.

use super::fact::{OrderIx, TradeIx};
use super::trades::TradeRow;
use super::{AccountIx, Exchange};
use crate::accounts::Asset;
use mm_core::domain::{MarketIx, OrderId, Outcome, Price, Qty, Timestamp, Usdc};
use mm_core::venue::user_ws::UserEvent;

/// What matters of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBrief {
    /// Its hash.
    pub id: OrderId,
    /// The venue's word for its state.
    pub status: &'static str,
    /// Shares matched so far.
    pub matched: Qty,
}

/// What matters of a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeBrief {
    /// Its id.
    pub id: String,
    /// The venue's word for its settlement.
    pub status: &'static str,
    /// The taker's order.
    pub taker: OrderId,
    /// The taker's average price.
    pub price: Price,
    /// Shares.
    pub qty: Qty,
    /// When it matched, by the venue's clock.
    pub matched: Timestamp,
    /// The makers' orders, each with its price and shares.
    pub makers: Vec<(OrderId, Price, Qty)>,
}

impl Exchange {
    /// The wallet's row, opened with `funds` on first sight.
    pub fn open_funded(&mut self, at: Timestamp, address: &str, funds: Usdc) -> AccountIx {
        self.tick(at);
        self.accounts.open(address, funds)
    }

    /// What the account may use for new orders: dollars, and shares of the market's two tokens.
    #[must_use]
    pub fn free(&self, account: AccountIx, market: MarketIx) -> (Usdc, Qty, Qty) {
        let free = |asset| self.accounts.free(account, asset);
        let shares = |outcome| Qty::from_micro(free(Asset::Share(market.index(), outcome)));
        (Usdc::from_micro(free(Asset::Usdc)), shares(Outcome::Yes), shares(Outcome::No))
    }

    /// Nothing is due by itself before this moment; something may be then. Unlike [`Self::next_deadline`] it costs nothing to ask.
    #[inline]
    #[must_use]
    pub const fn idle_until(&self) -> Timestamp {
        self.wake
    }

    /// Markets the venue lists.
    #[must_use]
    pub fn market_count(&self) -> usize {
        self.markets.len()
    }

    /// The account's orders that rest now, oldest first.
    #[must_use]
    pub fn resting_briefly(&self, account: AccountIx) -> Vec<OrderBrief> {
        self.orders.resting(account).map(|(ix, _)| self.order_brief(ix)).collect()
    }

    /// One order of the account in any state, while it is remembered.
    #[must_use]
    pub fn order_briefly(&self, account: AccountIx, id: &OrderId) -> Option<OrderBrief> {
        self.orders.find(id).filter(|ix| self.orders.row(*ix).account == account).map(|ix| self.order_brief(ix))
    }

    fn order_brief(&self, ix: OrderIx) -> OrderBrief {
        let row = self.orders.row(ix);
        OrderBrief { id: self.order_id(ix), status: row.status.word(), matched: row.matched }
    }

    /// The account's trades of the second of `since` and later, newest first.
    #[must_use]
    pub fn trades_since(&self, account: AccountIx, since: Timestamp) -> Vec<TradeBrief> {
        let recent = self.trades.newest().take_while(|(_, row)| row.at.secs() >= since.secs());
        let own = recent.filter(|(_, row)| self.trades.role(row, account).is_some());
        let brief = |(ix, row): (TradeIx, &TradeRow)| {
            let hand = |hand, stream| self.hand_id(row.market, hand, stream);
            TradeBrief {
                id: self.trade_id(ix),
                status: row.stage.word(),
                taker: hand(row.taker, "taker"),
                price: row.price,
                qty: row.qty,
                matched: self.shown(row.at),
                makers: self.trades.legs(row).map(|leg| (hand(leg.maker, "order"), leg.price, leg.qty)).collect(),
            }
        };
        own.map(brief).collect()
    }

    /// Accounts that took part in a trade, each once, in order of their rows; none once it is forgotten.
    #[must_use]
    pub fn parties(&self, trade: TradeIx) -> Vec<AccountIx> {
        self.trades.get(trade).map(|row| self.trades.accounts(row)).unwrap_or_default()
    }

    /// From now on the account's user channel is rendered for [`Self::heard`], whatever else is.
    pub const fn listen_to(&mut self, account: AccountIx) {
        self.listener = Some(account);
    }

    /// Whether the listener's user channel said anything since [`Self::heard`] was called.
    #[inline]
    #[must_use]
    pub const fn was_heard(&self) -> bool {
        !self.heard.is_empty()
    }

    /// What the listener's user channel said since the last call.
    pub fn heard(&mut self) -> std::vec::Drain<'_, UserEvent> {
        self.heard.drain(..)
    }
}
