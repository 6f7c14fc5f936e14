//! What callers that share the venue's memory ask it: numbers instead of text.

use super::fact::TradeIx;
use super::{AccountIx, Exchange};
use crate::accounts::Asset;
use mm_core::domain::{MarketIx, OrderId, Outcome, Qty, Timestamp, Usdc};
use mm_core::venue::rest::Trade;
use mm_core::venue::user_ws::UserEvent;

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

    /// The account's trades of the second of `since` and later, newest first.
    #[must_use]
    pub fn trades_since(&self, account: AccountIx, since: Timestamp) -> Vec<Trade> {
        let recent = self.trades.newest().take_while(|(_, row)| row.at.secs() >= since.secs());
        recent.filter_map(|(ix, row)| Some(self.listed_trade(ix, row, self.trades.role(row, account)?))).collect()
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

    /// What the listener's user channel said since the last call.
    pub fn heard(&mut self) -> std::vec::Drain<'_, UserEvent> {
        self.heard.drain(..)
    }

    /// Whether an order of the account would count in a reward sample taken now: it rests, is old and large enough, and is strictly
    /// inside the band around the plain midpoint of its token.
    #[must_use]
    pub fn scores(&self, account: AccountIx, id: &OrderId) -> bool {
        let judge = || {
            let row = self.orders.row(self.orders.find(id)?);
            let state = &self.markets[row.market.index()];
            let terms = state.facts.rewards.as_ref()?;
            let top = state.top().in_yes_terms(row.outcome);
            let twice_mid = top.bid?.ten_thousandths() + top.ask?.ten_thousandths();
            let twice_distance = (2 * row.price.ten_thousandths()).abs_diff(twice_mid);
            let inside = twice_distance < 2 * terms.max_spread.ten_thousandths();
            let old_enough = self.now.since(row.at) >= terms.min_age;
            Some(row.account == account && row.rests() && inside && old_enough && row.left() >= terms.min_size)
        };
        judge().unwrap_or(false)
    }
}
