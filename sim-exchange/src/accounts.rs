//! Who owns what: balances, what open orders reserve, what matched trades still owe, and the collateral behind the tokens.
//!
//! Every movement is here and conserves: cash of all accounts + collateral + fees + reward pool = deposits − withdrawals + what
//! converted sets are owed, and for each open market YES outstanding = NO outstanding = collateral. A broken promise panics: the
//! world must stop rather than invent money. Balances move when a trade is mined; between match and then the amount is
//! *matched*: no longer free, not yet gone.

mod asset;
mod laws;
mod leg;
mod operations;

pub use asset::{Asset, Column};
pub use laws::Broken;
pub use leg::{Leg, MatchKind, Party, Settlement, split_cash};
pub use operations::{Events, Refused};

use asset::asset_of;
use leg::{given, got};

use crate::exchange::AccountIx;
use mm_core::domain::{Outcome, Qty, Usdc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hint::select_unpredictable;

/// Most wallets a venue opens; behind it the last one is refused.
pub const ACCOUNTS_MAX: usize = 100_000;

/// What the tokens of a resolved market pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// One dollar for this one, nothing for the other.
    Winner(Outcome),
    /// Half a dollar for each: the oracle could not tell.
    Half,
}

/// One wallet's amounts of one asset, in millionths; aligned, so that it lies in one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(align(32))]
struct Purse {
    /// Settled.
    balance: u64,
    /// Held by open orders.
    reserved: u64,
    /// Taken by matched trades that are not mined yet.
    matched: u64,
    /// Counted as matched by mistake: the venue's stuck counter (`market-lifecycle.md` section 3).
    stuck: u64,
}

/// All accounts of a venue. Purses lie flat: one row of `1 + 2 × markets` for each wallet, dollars first, then YES and NO of each
/// market, so an amount is one index away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    stride: usize,
    purses: Vec<Purse>,
    addresses: Vec<String>,
    by_address: BTreeMap<String, AccountIx>,
    /// The house's balances, one row of the same shape.
    house: Vec<u64>,
    deposits: u64,
    withdrawals: u64,
    fees: u64,
    /// What rewards are paid from.
    pool: u64,
    /// Collateral by market row.
    collateral: Vec<u64>,
    /// Who won, once that is known: by market row.
    answers: Vec<Option<Answer>>,
    events: Events,
}

const FITS: &str = "all amounts together stay far below 2^64 millionths: deposits are limited by the scenario";

impl Accounts {
    /// No wallets yet, in a venue of that many markets.
    #[must_use]
    pub fn new(markets: usize) -> Self {
        let stride = 1 + 2 * markets;
        Self {
            stride,
            purses: Vec::new(),
            addresses: Vec::new(),
            by_address: BTreeMap::new(),
            house: vec![0; stride],
            deposits: 0,
            withdrawals: 0,
            fees: 0,
            pool: 0,
            collateral: vec![0; markets],
            answers: vec![None; markets],
            events: Events::default(),
        }
    }

    /// The wallet's row, opened with `funds` on first sight. Letter case of the address does not matter.
    pub fn open(&mut self, address: &str, funds: Usdc) -> AccountIx {
        let key = address.to_ascii_lowercase();
        if let Some(ix) = self.by_address.get(&key) {
            return *ix;
        }
        let wallets = self.addresses.len();
        if wallets >= ACCOUNTS_MAX {
            // A loopback venue: the limit guards memory, and sharing the last wallet harms nobody's money.
            return AccountIx(u32::try_from(wallets - 1).expect("the limit is below 2^32"));
        }
        let ix = AccountIx(u32::try_from(wallets).expect("the limit is below 2^32"));
        self.purses.resize(self.purses.len() + self.stride, Purse::default());
        self.deposits = self.deposits.checked_add(funds.micro()).expect(FITS);
        self.addresses.push(address.to_owned());
        self.by_address.insert(key, ix);
        self.purse_mut(ix, Asset::Usdc).balance = funds.micro();
        ix
    }

    #[inline(always)]
    fn purse(&self, ix: AccountIx, asset: impl Into<Column>) -> &Purse {
        &self.purses[index(ix) * self.stride + asset.into().0]
    }

    #[inline(always)]
    fn purse_mut(&mut self, ix: AccountIx, asset: impl Into<Column>) -> &mut Purse {
        &mut self.purses[index(ix) * self.stride + asset.into().0]
    }

    /// The wallets, in order of opening.
    pub fn iter(&self) -> impl Iterator<Item = (AccountIx, &str)> {
        (0u32..).map(AccountIx).zip(self.addresses.iter().map(String::as_str))
    }

    /// A wallet's address as it was first given.
    #[must_use]
    pub fn address(&self, ix: AccountIx) -> &str {
        &self.addresses[index(ix)]
    }

    /// Whether the row exists.
    #[must_use]
    pub fn exists(&self, ix: AccountIx) -> bool {
        index(ix) < self.addresses.len()
    }

    /// Settled amount.
    #[must_use]
    pub fn balance(&self, ix: AccountIx, asset: impl Into<Column>) -> u64 {
        self.purse(ix, asset).balance
    }

    /// What open orders hold.
    #[must_use]
    pub fn reserved(&self, ix: AccountIx, asset: impl Into<Column>) -> u64 {
        self.purse(ix, asset).reserved
    }

    /// What open orders hold of each asset, where that is not nothing.
    pub fn reservations(&self, ix: AccountIx) -> impl Iterator<Item = (Asset, u64)> {
        let row = &self.purses[index(ix) * self.stride..][..self.stride];
        row.iter().enumerate().filter(|(_, p)| p.reserved > 0).map(|(column, p)| (asset_of(column), p.reserved))
    }

    /// What matched trades will take, and what the venue's counter believes they will.
    #[must_use]
    pub fn matched(&self, ix: AccountIx, asset: impl Into<Column>) -> u64 {
        let purse = self.purse(ix, asset);
        purse.matched.saturating_add(purse.stuck)
    }

    /// The counter of matched amounts stays too high by `amount` from now on; zero frees it.
    pub fn stick(&mut self, ix: AccountIx, asset: Asset, amount: u64) {
        self.purse_mut(ix, asset).stuck = amount;
    }

    /// What open orders hold beyond what the balance still covers.
    #[must_use]
    pub fn uncovered(&self, ix: AccountIx, asset: Asset) -> u64 {
        let purse = self.purse(ix, asset);
        purse.reserved.saturating_sub(purse.balance.saturating_sub(purse.matched))
    }

    /// What a new order may use.
    #[inline]
    #[must_use]
    pub fn free(&self, ix: AccountIx, asset: impl Into<Column>) -> u64 {
        self.purse(ix, asset).free()
    }

    /// An order begins to hold an amount. The caller has checked [`Self::free`].
    #[inline]
    pub fn reserve(&mut self, ix: AccountIx, asset: impl Into<Column>, amount: u64) {
        let purse = self.purse_mut(ix, asset);
        assert!(amount <= purse.free(), "an order reserves {amount}, more than is free: {purse:?}");
        add(&mut purse.reserved, amount);
    }

    /// An order stops holding an amount.
    #[inline]
    pub fn release(&mut self, ix: AccountIx, asset: impl Into<Column>, amount: u64) {
        sub(&mut self.purse_mut(ix, asset).reserved, amount);
    }

    /// A trade was matched: what it will take is no longer free. The caller has released the reservation first.
    #[inline(always)]
    pub fn promise(&mut self, market: usize, leg: &Leg) {
        if let Party::Account(ix) = leg.party {
            let (column, amount) = given(market, leg);
            let purse = self.purse_mut(ix, column);
            // a counter that is stuck too high does not stop what was reserved before
            let room = purse.balance.saturating_sub(purse.reserved).saturating_sub(purse.matched);
            assert!(amount <= room, "a match takes {amount}, more than is free: {purse:?}");
            add(&mut purse.matched, amount);
        }
    }

    /// A trade was matched and will never be mined: what it would have taken is free again.
    pub fn unpromise(&mut self, trade: &Settlement) {
        for leg in [&trade.taker, &trade.maker] {
            if let Party::Account(ix) = leg.party {
                let (asset, amount) = given(trade.market, leg);
                sub(&mut self.purse_mut(ix, asset).matched, amount);
            }
        }
    }

    /// A trade was mined: both legs move, pairs are made or undone.
    #[inline]
    pub fn settle(&mut self, trade: &Settlement) {
        let qty = trade.maker.qty.micro();
        for leg in [&trade.taker, &trade.maker] {
            let (asset, amount) = given(trade.market, leg);
            self.take(leg.party, asset, amount);
            if let Party::Account(ix) = leg.party {
                sub(&mut self.purse_mut(ix, asset).matched, amount);
            }
        }
        // added and taken without a branch: the kinds of matches follow no pattern
        let of_kind = |kind| select_unpredictable(trade.kind() == kind, qty, 0);
        let (minted, merged) = (of_kind(MatchKind::Mint), of_kind(MatchKind::Merge));
        let collateral = &mut self.collateral[trade.market];
        let grown = collateral.checked_add(minted).expect(FITS);
        *collateral = grown.checked_sub(merged).expect("merged tokens were minted");
        for leg in [&trade.taker, &trade.maker] {
            let (asset, amount) = got(trade.market, leg);
            add(self.till(leg.party, asset), amount);
            self.fees = self.fees.checked_add(leg.fee.micro()).expect(FITS);
        }
    }

    /// Gives a wallet outcome tokens by splitting fresh dollars; the other outcome goes to the house. For worlds and tests
    /// that start with inventory.
    pub fn grant(&mut self, ix: AccountIx, market: usize, outcome: Outcome, qty: Qty) {
        self.deposits = self.deposits.checked_add(qty.micro()).expect(FITS);
        let collateral = &mut self.collateral[market];
        *collateral = collateral.checked_add(qty.micro()).expect(FITS);
        add(self.till(Party::Account(ix), Asset::Share(market, outcome)), qty.micro());
        add(self.till(Party::House, Asset::Share(market, outcome.other())), qty.micro());
    }

    /// Fees taken so far.
    #[must_use]
    pub const fn fees(&self) -> Usdc {
        Usdc::from_micro(self.fees)
    }

    #[inline]
    fn till(&mut self, party: Party, asset: impl Into<Column>) -> &mut u64 {
        match party {
            Party::Account(ix) => &mut self.purse_mut(ix, asset).balance,
            Party::House => &mut self.house[asset.into().0],
        }
    }

    /// Takes an amount; the house first deposits or splits what it lacks.
    #[inline]
    fn take(&mut self, party: Party, from: Column, amount: u64) {
        if party == Party::House {
            let lacks = amount.saturating_sub(self.house[from.0]);
            self.deposits = self.deposits.checked_add(lacks).expect(FITS);
            add(self.till(party, from), lacks);
            if let Asset::Share(market, outcome) = from.asset() {
                add(&mut self.collateral[market], lacks);
                add(self.till(party, Asset::Share(market, outcome.other())), lacks);
            }
        }
        sub(self.till(party, from), amount);
    }
}

impl Purse {
    #[inline]
    const fn free(&self) -> u64 {
        self.balance.saturating_sub(self.reserved).saturating_sub(self.matched).saturating_sub(self.stuck)
    }
}

#[inline]
const fn index(ix: AccountIx) -> usize {
    ix.0 as usize
}

#[inline]
fn add(slot: &mut u64, amount: u64) {
    *slot = slot.checked_add(amount).expect(FITS);
}

#[inline]
fn sub(slot: &mut u64, amount: u64) {
    *slot = slot.checked_sub(amount).expect("an amount is taken only where it was put");
}
