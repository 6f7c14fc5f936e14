//! What a wallet does besides trading, and the orders that its balance no longer covers.

use super::fact::{Ended, OrderIx};
use super::{AccountIx, Exchange};
use crate::accounts::{Accounts, Asset, Refused};
use mm_core::domain::{MarketIx, Qty, Side, Timestamp, Usdc};

impl Exchange {
    /// One dollar becomes one YES and one NO, at once.
    ///
    /// # Errors
    /// The wallet has less, or the market is resolved.
    pub fn split(&mut self, at: Timestamp, account: AccountIx, market: MarketIx, qty: Qty) -> Result<(), Refused> {
        self.operate(at, account, |accounts| accounts.split(account, market.index(), qty))
    }

    /// One YES and one NO become a dollar, at once.
    ///
    /// # Errors
    /// The wallet has less, or the market is resolved.
    pub fn merge(&mut self, at: Timestamp, account: AccountIx, market: MarketIx, qty: Qty) -> Result<(), Refused> {
        self.operate(at, account, |accounts| accounts.merge(account, market.index(), qty))
    }

    /// Burns the wallet's tokens of a resolved market and pays what they are worth.
    ///
    /// # Errors
    /// The market is not resolved.
    pub fn redeem(&mut self, at: Timestamp, account: AccountIx, market: MarketIx) -> Result<Usdc, Refused> {
        self.operate(at, account, |accounts| accounts.redeem(account, market.index()))
    }

    /// NO of each of `markets` becomes `markets − 1` dollars and YES of every other market of their neg-risk event.
    ///
    /// # Errors
    /// The markets are not distinct, open and of one event, or the wallet has less.
    pub fn convert(
        &mut self,
        at: Timestamp,
        account: AccountIx,
        markets: &[MarketIx],
        qty: Qty,
    ) -> Result<(), Refused> {
        let rows: Vec<usize> = markets.iter().map(|market| market.index()).collect();
        self.operate(at, account, |accounts| accounts.convert(account, &rows, qty))
    }

    /// Dollars come in from outside.
    pub fn deposit(&mut self, at: Timestamp, account: AccountIx, amount: Usdc) {
        self.tick(at);
        self.accounts.deposit(account, amount);
    }

    /// Dollars leave the wallet.
    ///
    /// # Errors
    /// The wallet has less.
    pub fn withdraw_usdc(&mut self, at: Timestamp, account: AccountIx, amount: Usdc) -> Result<(), Refused> {
        self.operate(at, account, |accounts| accounts.withdraw(account, amount))
    }

    /// The venue's counter of matched amounts stays too high by `amount` of an asset from now on; zero frees it.
    pub fn stick(&mut self, at: Timestamp, account: AccountIx, asset: Asset, amount: u64) {
        self.tick(at);
        self.accounts.stick(account, asset, amount);
    }

    /// The wallets' money, for whoever pays rewards and rebates: [`Accounts::fund_pool`], [`Accounts::pay_reward`],
    /// [`Accounts::pay_rebate`].
    pub const fn till(&mut self) -> &mut Accounts {
        &mut self.accounts
    }

    /// The wallets' money, to look at.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn operate<T>(
        &mut self,
        at: Timestamp,
        account: AccountIx,
        operation: impl FnOnce(&mut Accounts) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        self.tick(at);
        let done = operation(&mut self.accounts)?;
        self.cover(account);
        Ok(done)
    }

    /// Cancels resting orders of the account, newest first, until what is left is covered by its balances.
    pub(super) fn cover(&mut self, account: AccountIx) {
        let resting: Vec<(OrderIx, Asset)> = (self.orders.resting(account))
            .map(|(ix, row)| match row.side {
                Side::Buy => (ix, Asset::Usdc),
                Side::Sell => (ix, Asset::Share(row.market.index(), row.outcome)),
            })
            .collect();
        for (ix, asset) in resting.into_iter().rev() {
            if self.accounts.uncovered(account, asset) > 0 {
                self.withdraw(ix, Ended::NotEnoughBalance);
            }
        }
    }
}
