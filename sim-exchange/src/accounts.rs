//! Who owns what: balances, what open orders reserve, what matched trades still owe, and the collateral behind the tokens.
//!
//! Every movement is here and conserves: cash of all accounts + collateral + fees = deposits, and for each market YES
//! outstanding = NO outstanding = collateral. A broken promise panics: the world must stop rather than invent money.
//! Balances move when a trade is mined; between match and then the amount is *matched*: no longer free, not yet gone.

use crate::exchange::AccountIx;
use mm_core::domain::{Outcome, Price, Qty, Side, Usdc, cost_floor};
use std::collections::BTreeMap;

/// Most wallets a venue opens; behind it the last one is refused.
pub const ACCOUNTS_MAX: usize = 100_000;

/// One side of a trade. The recorded world is a party with bottomless pockets: it deposits what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A wallet.
    Account(AccountIx),
    /// The recorded or built-in counterparties.
    House,
}

/// Something that can be owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asset {
    /// Dollars.
    Usdc,
    /// Shares of one outcome of the market in this row.
    Share(usize, Outcome),
}

/// One wallet's amounts, in millionths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Purse {
    balance: BTreeMap<Asset, u64>,
    reserved: BTreeMap<Asset, u64>,
    matched: BTreeMap<Asset, u64>,
}

/// How two orders met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchKind {
    /// A buy met a sell of the same token.
    Direct,
    /// Two buys of complementary tokens: a pair is made from their dollars.
    Mint,
    /// Two sells of complementary tokens: a pair is turned back into dollars.
    Merge,
}

/// One party's half of a match, as it will settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Who.
    pub party: Party,
    /// Which token.
    pub outcome: Outcome,
    /// Which way.
    pub side: Side,
    /// Shares.
    pub qty: Qty,
    /// Dollars paid or received, before the fee.
    pub cash: Usdc,
    /// Fee on top of what a buyer pays, or out of what a seller receives.
    pub fee: Usdc,
}

/// Two legs that settle together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Row of the market.
    pub market: usize,
    /// The order that arrived.
    pub taker: Leg,
    /// The order that rested.
    pub maker: Leg,
}

impl Settlement {
    /// The money of a match at the maker's price. The maker's dollars are rounded down to a millionth; what the taker pays or
    /// gets is the exact rest, so nothing is lost.
    #[must_use]
    pub fn new(
        market: usize,
        taker: (Party, Outcome, Side),
        maker: (Party, Outcome, Side),
        maker_price: Price,
        qty: Qty,
        fee: Usdc,
    ) -> Self {
        let maker_cash = cost_floor(maker_price, qty);
        let taker_cash = if taker.1 == maker.1 {
            maker_cash
        } else {
            Usdc::from_micro(qty.micro().checked_sub(maker_cash.micro()).expect("a price is at most one dollar"))
        };
        Self {
            market,
            taker: Leg { party: taker.0, outcome: taker.1, side: taker.2, qty, cash: taker_cash, fee },
            maker: Leg { party: maker.0, outcome: maker.1, side: maker.2, qty, cash: maker_cash, fee: Usdc::ZERO },
        }
    }

    /// How the two met.
    #[must_use]
    pub fn kind(&self) -> MatchKind {
        match (self.taker.side, self.maker.side) {
            (Side::Buy, Side::Buy) => MatchKind::Mint,
            (Side::Sell, Side::Sell) => MatchKind::Merge,
            _ => MatchKind::Direct,
        }
    }
}

/// All accounts of a venue.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    rows: Vec<Purse>,
    addresses: Vec<String>,
    by_address: BTreeMap<String, AccountIx>,
    house: BTreeMap<Asset, u64>,
    deposits: u64,
    fees: u64,
    /// Collateral by market row.
    collateral: BTreeMap<usize, u64>,
}

const FITS: &str = "all amounts together stay far below 2^64 millionths: deposits are limited by the scenario";

impl Accounts {
    /// The wallet's row, opened with `funds` on first sight. Letter case of the address does not matter.
    pub fn open(&mut self, address: &str, funds: Usdc) -> AccountIx {
        let key = address.to_ascii_lowercase();
        if let Some(ix) = self.by_address.get(&key) {
            return *ix;
        }
        if self.rows.len() >= ACCOUNTS_MAX {
            // A loopback venue: the limit guards memory, and sharing the last wallet harms nobody's money.
            return AccountIx(u32::try_from(self.rows.len() - 1).expect("the limit is below 2^32"));
        }
        let ix = AccountIx(u32::try_from(self.rows.len()).expect("the limit is below 2^32"));
        let mut purse = Purse::default();
        purse.balance.insert(Asset::Usdc, funds.micro());
        self.deposits = self.deposits.checked_add(funds.micro()).expect(FITS);
        self.rows.push(purse);
        self.addresses.push(address.to_owned());
        self.by_address.insert(key, ix);
        ix
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
        index(ix) < self.rows.len()
    }

    /// Settled amount.
    #[must_use]
    pub fn balance(&self, ix: AccountIx, asset: Asset) -> u64 {
        get(&self.rows[index(ix)].balance, asset)
    }

    /// What open orders hold.
    #[must_use]
    pub fn reserved(&self, ix: AccountIx, asset: Asset) -> u64 {
        get(&self.rows[index(ix)].reserved, asset)
    }

    /// What matched trades will take.
    #[must_use]
    pub fn matched(&self, ix: AccountIx, asset: Asset) -> u64 {
        get(&self.rows[index(ix)].matched, asset)
    }

    /// What a new order may use.
    #[must_use]
    pub fn free(&self, ix: AccountIx, asset: Asset) -> u64 {
        (self.balance(ix, asset)).saturating_sub(self.reserved(ix, asset)).saturating_sub(self.matched(ix, asset))
    }

    /// An order begins to hold an amount. The caller has checked [`Self::free`].
    pub fn reserve(&mut self, ix: AccountIx, asset: Asset, amount: u64) {
        assert!(amount <= self.free(ix, asset), "an order reserves {amount} of {asset:?}, more than is free");
        add(&mut self.rows[index(ix)].reserved, asset, amount);
    }

    /// An order stops holding an amount.
    pub fn release(&mut self, ix: AccountIx, asset: Asset, amount: u64) {
        sub(&mut self.rows[index(ix)].reserved, asset, amount);
    }

    /// A trade was matched: what it will take is no longer free. The caller has released the reservation first.
    pub fn promise(&mut self, market: usize, leg: &Leg) {
        if let Party::Account(ix) = leg.party {
            let (asset, amount) = given(market, leg);
            assert!(amount <= self.free(ix, asset), "a match takes {amount} of {asset:?}, more than is free");
            add(&mut self.rows[index(ix)].matched, asset, amount);
        }
    }

    /// A trade was mined: both legs move, pairs are made or undone.
    pub fn settle(&mut self, trade: &Settlement) {
        let qty = trade.maker.qty.micro();
        for leg in [&trade.taker, &trade.maker] {
            let (asset, amount) = given(trade.market, leg);
            self.take(leg.party, asset, amount);
            if let Party::Account(ix) = leg.party {
                sub(&mut self.rows[index(ix)].matched, asset, amount);
            }
        }
        let collateral = self.collateral.entry(trade.market).or_insert(0);
        match trade.kind() {
            MatchKind::Direct => {}
            MatchKind::Mint => *collateral = collateral.checked_add(qty).expect(FITS),
            MatchKind::Merge => *collateral = collateral.checked_sub(qty).expect("merged tokens were minted"),
        }
        for leg in [&trade.taker, &trade.maker] {
            let (asset, amount) = match leg.side {
                Side::Buy => (Asset::Share(trade.market, leg.outcome), leg.qty.micro()),
                Side::Sell => {
                    (Asset::Usdc, leg.cash.micro().checked_sub(leg.fee.micro()).expect("a fee is part of it"))
                }
            };
            add(self.purse(leg.party), asset, amount);
            self.fees = self.fees.checked_add(leg.fee.micro()).expect(FITS);
        }
    }

    /// Gives a wallet outcome tokens by splitting fresh dollars; the other outcome goes to the house. For worlds and tests
    /// that start with inventory.
    pub fn grant(&mut self, ix: AccountIx, market: usize, outcome: Outcome, qty: Qty) {
        self.deposits = self.deposits.checked_add(qty.micro()).expect(FITS);
        let collateral = self.collateral.entry(market).or_insert(0);
        *collateral = collateral.checked_add(qty.micro()).expect(FITS);
        add(self.purse(Party::Account(ix)), Asset::Share(market, outcome), qty.micro());
        add(&mut self.house, Asset::Share(market, outcome.other()), qty.micro());
    }

    /// Fees taken so far.
    #[must_use]
    pub const fn fees(&self) -> Usdc {
        Usdc::from_micro(self.fees)
    }

    /// Checks conservation.
    ///
    /// # Errors
    /// Which law is broken, with both numbers.
    pub fn check(&self) -> Result<(), String> {
        let mut totals: BTreeMap<Asset, u128> = BTreeMap::new();
        for purse in self.rows.iter().map(|row| &row.balance).chain([&self.house]) {
            for (asset, amount) in purse {
                *totals.entry(*asset).or_insert(0) += u128::from(*amount);
            }
        }
        let collateral: u128 = self.collateral.values().map(|c| u128::from(*c)).sum();
        let cash = totals.get(&Asset::Usdc).copied().unwrap_or(0) + collateral + u128::from(self.fees);
        if cash != u128::from(self.deposits) {
            return Err(format!("cash, collateral and fees are {cash}, deposits are {}", self.deposits));
        }
        for (market, collateral) in &self.collateral {
            for outcome in [Outcome::Yes, Outcome::No] {
                let shares = totals.get(&Asset::Share(*market, outcome)).copied().unwrap_or(0);
                if shares != u128::from(*collateral) {
                    return Err(format!("market {market}: {shares} {outcome} outstanding, collateral {collateral}"));
                }
            }
        }
        for (ix, row) in self.rows.iter().enumerate() {
            for (asset, matched) in &row.matched {
                let balance = get(&row.balance, *asset);
                if *matched + get(&row.reserved, *asset) > balance {
                    return Err(format!("account {ix}: {asset:?} reserved and matched beyond its balance {balance}"));
                }
            }
        }
        Ok(())
    }

    fn purse(&mut self, party: Party) -> &mut BTreeMap<Asset, u64> {
        match party {
            Party::Account(ix) => &mut self.rows[index(ix)].balance,
            Party::House => &mut self.house,
        }
    }

    /// Takes an amount; the house first deposits or splits what it lacks.
    fn take(&mut self, party: Party, asset: Asset, amount: u64) {
        if party == Party::House {
            let lacks = amount.saturating_sub(get(&self.house, asset));
            self.deposits = self.deposits.checked_add(lacks).expect(FITS);
            match asset {
                Asset::Usdc => add(&mut self.house, asset, lacks),
                Asset::Share(market, outcome) => {
                    let collateral = self.collateral.entry(market).or_insert(0);
                    *collateral = collateral.checked_add(lacks).expect(FITS);
                    add(&mut self.house, asset, lacks);
                    add(&mut self.house, Asset::Share(market, outcome.other()), lacks);
                }
            }
        }
        sub(self.purse(party), asset, amount);
    }
}

/// What a leg gives away.
fn given(market: usize, leg: &Leg) -> (Asset, u64) {
    match leg.side {
        Side::Buy => (Asset::Usdc, leg.cash.micro().checked_add(leg.fee.micro()).expect(FITS)),
        Side::Sell => (Asset::Share(market, leg.outcome), leg.qty.micro()),
    }
}

fn index(ix: AccountIx) -> usize {
    usize::try_from(ix.0).expect("32 bits fit an index")
}

fn get(purse: &BTreeMap<Asset, u64>, asset: Asset) -> u64 {
    purse.get(&asset).copied().unwrap_or(0)
}

fn add(purse: &mut BTreeMap<Asset, u64>, asset: Asset, amount: u64) {
    let slot = purse.entry(asset).or_insert(0);
    *slot = slot.checked_add(amount).expect(FITS);
}

fn sub(purse: &mut BTreeMap<Asset, u64>, asset: Asset, amount: u64) {
    let slot = purse.entry(asset).or_insert(0);
    *slot = slot.checked_sub(amount).unwrap_or_else(|| panic!("{amount} of {asset:?} taken from {slot}"));
}
