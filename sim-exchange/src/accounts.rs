//! Who owns what: balances, what open orders reserve, what matched trades still owe, and the collateral behind the tokens.
//!
//! Every movement is here and conserves: cash of all accounts + collateral + fees + reward pool = deposits − withdrawals + what
//! converted sets are owed, and for each open market YES outstanding = NO outstanding = collateral. A broken promise panics: the
//! world must stop rather than invent money. Balances move when a trade is mined; between match and then the amount is
//! *matched*: no longer free, not yet gone.

mod operations;

pub use operations::{Events, Refused};

use crate::exchange::AccountIx;
use mm_core::domain::{Outcome, Price, Qty, Side, Usdc, cost_floor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hint::select_unpredictable;

/// Most wallets a venue opens; behind it the last one is refused.
pub const ACCOUNTS_MAX: usize = 100_000;

/// One side of a trade. The recorded world is a party with bottomless pockets: it deposits what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Party {
    /// A wallet.
    Account(AccountIx),
    /// The recorded or built-in counterparties.
    House,
}

/// Something that can be owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Asset {
    /// Dollars.
    Usdc,
    /// Shares of one outcome of the market in this row.
    Share(usize, Outcome),
}

/// An asset as the place it has in every wallet's row: what matching works with, because finding it needs no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column(usize);

impl From<Asset> for Column {
    #[inline]
    fn from(asset: Asset) -> Self {
        Self(column(asset))
    }
}

impl Column {
    /// Shares of a market's outcome if `shares`, else dollars.
    #[inline]
    #[must_use]
    pub const fn of(shares: bool, market: usize, outcome: Outcome) -> Self {
        Self((1 + 2 * market + matches!(outcome, Outcome::No) as usize) * shares as usize)
    }

    /// Which asset that is.
    #[must_use]
    pub const fn asset(self) -> Asset {
        asset_of(self.0)
    }
}

/// What the tokens of a resolved market pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Answer {
    /// One dollar for this one, nothing for the other.
    Winner(Outcome),
    /// Half a dollar for each: the oracle could not tell.
    Half,
}

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

/// The dollars of a match at the maker's price: the maker's, rounded down to a millionth, and the taker's. Of the same token they are
/// the same; of the two tokens they are a dollar a share together, so nothing is lost.
#[inline]
#[must_use]
pub fn split_cash(maker_price: Price, qty: Qty, same_token: bool) -> (Usdc, Usdc) {
    let maker = cost_floor(maker_price, qty);
    let rest = qty.micro().checked_sub(maker.micro()).expect("a price is at most one dollar");
    (maker, if same_token { maker } else { Usdc::from_micro(rest) })
}

impl Settlement {
    /// Dollars that go in, from buyers and undone pairs, and that come out, to sellers, new pairs and the venue: equal in every
    /// trade.
    #[must_use]
    pub fn flows(&self) -> (Usdc, Usdc) {
        let pair = Usdc::from_micro(self.maker.qty.micro());
        let (mut paid, mut got) = match self.kind() {
            MatchKind::Direct => (Usdc::ZERO, Usdc::ZERO),
            MatchKind::Mint => (Usdc::ZERO, pair),
            MatchKind::Merge => (pair, Usdc::ZERO),
        };
        for leg in [&self.taker, &self.maker] {
            match leg.side {
                Side::Buy => paid = paid.saturating_add(leg.cash).saturating_add(leg.fee),
                Side::Sell => got = got.saturating_add(leg.cash.saturating_sub(leg.fee)),
            }
            got = got.saturating_add(leg.fee);
        }
        (paid, got)
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

/// What a leg gives away.
#[inline]
fn given(market: usize, leg: &Leg) -> (Column, u64) {
    let sells = leg.side == Side::Sell;
    let dollars = leg.cash.micro().checked_add(leg.fee.micro()).expect(FITS);
    (Column::of(sells, market, leg.outcome), select_unpredictable(sells, leg.qty.micro(), dollars))
}

/// What a leg receives.
#[inline]
fn got(market: usize, leg: &Leg) -> (Column, u64) {
    let buys = leg.side == Side::Buy;
    // a buyer pays its fee on top: only a seller's must be part of what it gets
    assert!(buys | (leg.fee <= leg.cash), "a seller's fee is part of what it receives");
    let dollars = leg.cash.saturating_sub(leg.fee).micro();
    (Column::of(buys, market, leg.outcome), select_unpredictable(buys, leg.qty.micro(), dollars))
}

/// Which asset stands in a column.
const fn asset_of(column: usize) -> Asset {
    match column {
        0 => Asset::Usdc,
        n if n % 2 == 1 => Asset::Share(n / 2, Outcome::Yes),
        n => Asset::Share(n / 2 - 1, Outcome::No),
    }
}

/// Where an asset stands in a wallet's row.
#[inline]
const fn column(asset: Asset) -> usize {
    match asset {
        Asset::Usdc => 0,
        Asset::Share(market, Outcome::Yes) => 1 + 2 * market,
        Asset::Share(market, Outcome::No) => 2 + 2 * market,
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
