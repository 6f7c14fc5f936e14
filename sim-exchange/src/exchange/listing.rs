//! What REST lists: orders, trades, books, balances.

use super::fact::{OrderIx, TradeIx};
use super::trades::{Hand, TradeRow};
use super::{AccountIx, Exchange, Filter};
use crate::accounts::Asset;
use crate::mechanism::Resting;
use mm_core::domain::{MarketIx, OrderId, Price, Qty, Side, Timestamp, TokenId};
use mm_core::venue::market_ws::BookMessage;
use mm_core::venue::order::order_type_and_expiration;
use mm_core::venue::rest::{OpenOrder, Trade};

impl Exchange {
    /// Orders that rest now, oldest first.
    #[must_use]
    pub fn open_orders(&self, account: AccountIx, filter: &Filter) -> Vec<OpenOrder> {
        self.resting(account, filter).into_iter().map(|ix| self.open_order(ix)).collect()
    }

    /// One order of the account in any state, while it is remembered.
    #[must_use]
    pub fn order(&self, account: AccountIx, id: &OrderId) -> Option<OpenOrder> {
        let ix = self.orders.find(id).filter(|ix| self.orders.row(*ix).account == account)?;
        Some(self.open_order(ix))
    }

    /// The account's remembered trades, newest first. `filter` is applied to the account's own side of the trade.
    #[must_use]
    pub fn trades(&self, account: AccountIx, filter: &Filter) -> Vec<Trade> {
        let mut out = Vec::new();
        for (ix, trade) in self.trades.newest() {
            let Some(role) = self.trades.role(trade, account) else { continue };
            let own = match trade.taker {
                Hand::Account(taker, _) if taker == account => Some(trade.outcome),
                _ => self.trades.legs(trade).find(|leg| leg.maker.is(account)).map(|leg| leg.outcome),
            };
            if own.is_some_and(|outcome| self.passes(filter, trade.market, outcome)) {
                out.push(self.listed_trade(ix, trade, role));
            }
        }
        out
    }

    /// Settled balance in millionths: dollars, or shares of `token`; 0 for an unknown token.
    #[must_use]
    pub fn balance(&self, account: AccountIx, token: Option<&TokenId>) -> u64 {
        match token {
            None => self.accounts.balance(account, Asset::Usdc),
            Some(token) => self
                .token(token)
                .map_or(0, |t| self.accounts.balance(account, Asset::Share(t.market.index(), t.outcome))),
        }
    }

    /// The public book of one token with all ten keys: `None` for an unknown token and while its market is not open.
    #[must_use]
    pub fn book(&self, token: &TokenId) -> Option<BookMessage> {
        let token = self.token(token)?;
        let state = &self.markets[token.market.index()];
        state.open.then(|| state.message(token.outcome))
    }

    /// What a new subscriber gets first: one `book` for each known token of an open market, without `min_order_size` and
    /// `neg_risk`, which the stream leaves out.
    #[must_use]
    pub fn snapshots(&self, tokens: &[TokenId]) -> Vec<BookMessage> {
        let known = tokens.iter().filter_map(|token| self.token(token));
        let open = known.map(|t| (&self.markets[t.market.index()], t.outcome)).filter(|(state, _)| state.open);
        open.map(|(state, outcome)| state.snapshot(outcome)).collect()
    }

    /// Every remembered order that came over the wire, with the moment it was accepted, in order of acceptance.
    #[must_use]
    pub fn accepted(&self) -> Vec<(OrderId, Timestamp)> {
        self.orders.papers().into_iter().map(|(_, id, at)| (id, at)).collect()
    }

    /// An order as REST lists it.
    fn open_order(&self, ix: OrderIx) -> OpenOrder {
        let row = self.orders.row(ix);
        let facts = &self.markets[row.market.index()].facts;
        let (order_type, expiration) = order_type_and_expiration(row.tif);
        OpenOrder {
            id: self.order_id(ix),
            status: row.status.word().to_owned(),
            owner: self.owner(ix),
            maker_address: self.accounts.address(row.account).to_owned(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(row.outcome).clone(),
            side: row.side.to_string(),
            original_size: row.qty,
            size_matched: row.matched,
            price: row.price,
            associate_trades: Some(self.trade_ids(ix)),
            outcome: self.outcome_name(row.market, row.outcome),
            created_at: self.shown(row.at).secs(),
            expiration: expiration.to_string(),
            order_type: order_type.to_owned(),
        }
    }

    /// A trade as REST lists it for one account.
    pub(super) fn listed_trade(&self, ix: TradeIx, trade: &TradeRow, role: &str) -> Trade {
        let facts = &self.markets[trade.market.index()].facts;
        let (order, owner, address) = self.hand(trade.market, trade.taker, "taker");
        Trade {
            id: self.trade_id(ix),
            taker_order_id: order.to_string(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(trade.outcome).clone(),
            side: trade.side.to_string(),
            size: trade.qty,
            fee_rate_bps: "0".to_owned(),
            price: trade.price,
            status: trade.stage.word().to_owned(),
            match_time: self.shown(trade.at).secs().to_string(),
            last_update: self.shown(trade.updated).secs().to_string(),
            outcome: self.outcome_name(trade.market, trade.outcome),
            bucket_index: 0,
            owner,
            maker_address: address,
            transaction_hash: Some(self.transaction(ix, trade).unwrap_or_default()),
            trader_side: role.to_owned(),
            maker_orders: self.maker_orders(trade, false),
        }
    }

    /// The best prices of a market, in YES terms.
    #[must_use]
    #[inline]
    pub fn top(&self, market: MarketIx) -> mm_core::event::Top {
        self.markets[market.index()].top()
    }

    /// One side's orders of accounts in YES terms, best price first, at a price in order of arrival.
    #[must_use]
    pub fn queue(&self, market: MarketIx, side: Side) -> Vec<(Price, Resting)> {
        let orders = self.markets[market.index()].book.orders().into_iter().filter(|(s, _, _)| *s == side);
        let mut rows: Vec<(Price, Resting)> = orders.map(|(_, price, resting)| (price, resting)).collect();
        if side == Side::Buy {
            // the sort is stable: queues keep their order
            rows.sort_by_key(|(price, _)| std::cmp::Reverse(*price));
        }
        rows
    }

    /// Public levels of a market in YES terms, best first.
    #[must_use]
    pub fn depth(&self, market: MarketIx, side: Side) -> Vec<(Price, Qty)> {
        self.markets[market.index()].book.depth(side)
    }
}
