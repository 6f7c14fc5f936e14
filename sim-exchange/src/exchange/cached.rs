//! The venue's balance cache: what it believes a wallet has of an asset until it is told to look again (`clob-rest.md` section 10).
//! It believes the truth, unless a fault keeps it from looking by itself.

use super::snapshot::pairs;
use super::{AccountIx, Exchange};
use crate::accounts::{Asset, Column};
use mm_core::domain::{Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// That balances of a wallet are no longer looked up by themselves: those of outcome tokens are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Nor are dollars.
    pub dollars_too: bool,
    /// Nor are any when a refresh asks for it.
    pub deaf: bool,
}

/// What was found when a wallet's balances were last asked to be refreshed, and whose are believed to be that. At most one number for
/// each wallet and asset.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cached {
    #[serde(with = "pairs")]
    found: BTreeMap<(AccountIx, Asset), u64>,
    stale: BTreeMap<AccountIx, Stale>,
}

impl Exchange {
    /// The cache looks up one balance of the wallet: dollars, or shares of `token`. Nothing for a token nobody lists, or if it is deaf.
    pub fn refresh_balance(&mut self, at: Timestamp, account: AccountIx, token: Option<&TokenId>) {
        self.tick(at);
        let deaf = self.cached.stale.get(&account).is_some_and(|stale| stale.deaf);
        if let Some(asset) = self.asset(token).filter(|_| !deaf) {
            self.cached.found.insert((account, asset), self.accounts.balance(account, asset));
        }
    }

    /// From now on these wallets' balances, and no others, are what their last refresh found; nothing before the first.
    pub fn set_stale(&mut self, at: Timestamp, stale: BTreeMap<AccountIx, Stale>) {
        self.tick(at);
        self.cached.stale = stale;
    }

    /// The balance the venue tells and reckons with, in millionths: dollars, or shares of `token`; 0 for an unknown token.
    #[must_use]
    pub fn told_balance(&self, account: AccountIx, token: Option<&TokenId>) -> u64 {
        let told = |asset: Asset| {
            self.believed(account, asset.into()).unwrap_or_else(|| self.accounts.balance(account, asset))
        };
        self.asset(token).map_or(0, told)
    }

    fn asset(&self, token: Option<&TokenId>) -> Option<Asset> {
        match token {
            None => Some(Asset::Usdc),
            Some(token) => self.token(token).map(|t| Asset::Share(t.market.index(), t.outcome)),
        }
    }

    /// What the venue believes the wallet has; `None`: what it has.
    #[inline(always)]
    pub(super) fn believed(&self, account: AccountIx, column: Column) -> Option<u64> {
        if self.cached.stale.is_empty() { None } else { self.believed_of(account, column.asset()) }
    }

    #[inline(never)]
    fn believed_of(&self, account: AccountIx, asset: Asset) -> Option<u64> {
        let stale = self.cached.stale.get(&account)?;
        let looks = asset == Asset::Usdc && !stale.dollars_too;
        (!looks).then(|| self.cached.found.get(&(account, asset)).copied().unwrap_or_default())
    }
}
