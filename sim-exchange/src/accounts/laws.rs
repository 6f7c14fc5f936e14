//! The laws of money: what must hold between any two events, whatever was traded.

use super::asset::{Asset, asset_of, column};
use super::{Accounts, Answer};
use crate::exchange::AccountIx;
use mm_core::domain::Outcome;

/// A law of money that does not hold, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Cash of all parties is not what was put in.
    #[error("cash, collateral, fees, pool and withdrawals are {have}, deposits and converted sets {should}")]
    Cash {
        /// What is there.
        have: u128,
        /// What should be.
        should: u128,
    },
    /// A market's tokens are not backed.
    #[error("market {market}: {yes} YES and {no} NO outstanding, collateral {collateral}")]
    Pairs {
        /// Its row.
        market: usize,
        /// YES tokens in all hands.
        yes: u128,
        /// NO tokens in all hands.
        no: u128,
        /// Dollars behind them.
        collateral: u64,
    },
    /// Orders and trades hold more than a wallet has.
    #[error("account {}: {held} of {asset:?} reserved and matched, balance {balance}", account.0)]
    Held {
        /// Whose.
        account: AccountIx,
        /// What.
        asset: Asset,
        /// By orders and matched trades.
        held: u128,
        /// Settled.
        balance: u64,
    },
}

impl Accounts {
    /// Checks conservation.
    ///
    /// # Errors
    /// Which law is broken, with both numbers.
    pub fn check(&self) -> Result<(), Broken> {
        let mut totals: Vec<u128> = self.house.iter().map(|amount| u128::from(*amount)).collect();
        for (wallet, row) in self.purses.chunks_exact(self.stride).enumerate() {
            for (column, purse) in row.iter().enumerate() {
                totals[column] += u128::from(purse.balance);
                let held = u128::from(purse.reserved) + u128::from(purse.matched);
                if held > u128::from(purse.balance) {
                    let account = AccountIx(u32::try_from(wallet).expect("the limit is below 2^32"));
                    return Err(Broken::Held { account, asset: asset_of(column), held, balance: purse.balance });
                }
            }
        }
        let collateral: u128 = self.collateral.iter().map(|c| u128::from(*c)).sum();
        let have =
            totals[0] + collateral + u128::from(self.fees) + u128::from(self.pool) + u128::from(self.withdrawals);
        let should = u128::from(self.deposits) + u128::from(self.events.debt());
        if have != should {
            return Err(Broken::Cash { have, should });
        }
        for (market, collateral) in self.collateral.iter().enumerate() {
            let of = |outcome| totals[column(Asset::Share(market, outcome))];
            // the answer has paid what was parked
            let parked = if self.answers[market].is_none() { self.events.parked(market) } else { 0 };
            let (yes, no) = (of(Outcome::Yes), of(Outcome::No) + u128::from(parked));
            let backs = match self.answers[market] {
                None => yes == no && yes == u128::from(*collateral),
                // losing tokens may be thrown away at any time: what pays is what must be there
                Some(Answer::Winner(Outcome::Yes)) => yes == u128::from(*collateral),
                Some(Answer::Winner(Outcome::No)) => no == u128::from(*collateral),
                Some(Answer::Half) => yes + no <= 2 * u128::from(*collateral),
            };
            if !backs {
                return Err(Broken::Pairs { market, yes, no, collateral: *collateral });
            }
        }
        Ok(())
    }
}
