//! A match as it will settle: two legs, what each gives and gets, and how the dollars are divided.

use super::FITS;
use super::asset::Column;
use crate::exchange::AccountIx;
use mm_core::domain::{Outcome, Price, Qty, Side, Usdc, cost_floor};
use serde::{Deserialize, Serialize};
use std::hint::select_unpredictable;

/// One side of a trade. The recorded world is a party with bottomless pockets: it deposits what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Party {
    /// A wallet.
    Account(AccountIx),
    /// The recorded or built-in counterparties.
    House,
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

/// What a leg gives away.
#[inline]
pub(super) fn given(market: usize, leg: &Leg) -> (Column, u64) {
    let sells = leg.side == Side::Sell;
    let dollars = leg.cash.micro().checked_add(leg.fee.micro()).expect(FITS);
    (Column::of(sells, market, leg.outcome), select_unpredictable(sells, leg.qty.micro(), dollars))
}

/// What a leg receives.
#[inline]
pub(super) fn got(market: usize, leg: &Leg) -> (Column, u64) {
    let buys = leg.side == Side::Buy;
    // a buyer pays its fee on top: only a seller's must be part of what it gets
    assert!(buys | (leg.fee <= leg.cash), "a seller's fee is part of what it receives");
    let dollars = leg.cash.saturating_sub(leg.fee).micro();
    (Column::of(buys, market, leg.outcome), select_unpredictable(buys, leg.qty.micro(), dollars))
}
