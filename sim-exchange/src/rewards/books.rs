//! What the programme tells: earnings, rebates, receipts, pools, and what must move.

use super::{Currency, Maker, PoolDay};
use mm_core::domain::{MarketIx, Timestamp, Usdc};
use mm_core::rewards::Fixed12;
use serde::{Deserialize, Serialize};

/// Dollars to be moved by the venue's accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The pools are filled from outside.
    Fund(Usdc),
    /// From the pools to a maker.
    Reward(Maker, Usdc),
    /// From the pools back to whoever filled them.
    Refund(Usdc),
    /// From the venue's fees to a maker.
    Rebate(Maker, Usdc),
}

/// What a maker earned of one pool in one day, whether it is paid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earning {
    /// Where.
    pub market: MarketIx,
    /// The market's pool, 0 being the native one.
    pub pool: usize,
    /// What it pays in.
    pub currency: Currency,
    /// Who.
    pub maker: Maker,
    /// Dollars.
    pub amount: Fixed12,
}

/// What a maker gets back of one market's fees of one day, whether it is paid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebate {
    /// Where.
    pub market: MarketIx,
    /// Who.
    pub maker: Maker,
    /// Dollars.
    pub amount: Fixed12,
}

/// Why a maker was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PaymentKind {
    /// Liquidity rewards.
    Reward,
    /// Its part of the takers' fees.
    Rebate,
}

impl PaymentKind {
    /// A word for a log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reward => "reward",
            Self::Rebate => "rebate",
        }
    }
}

/// A receipt: one maker, kind and currency of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub maker: Maker,
    /// Why.
    pub kind: PaymentKind,
    /// In what.
    pub currency: Currency,
    /// Rounded down to a millionth.
    pub amount: Usdc,
}

/// A closed day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBook {
    /// What each pool owed: market, pool, amounts.
    pub pools: Vec<(MarketIx, usize, PoolDay)>,
    /// Who earned what, by market, pool and maker.
    pub earnings: Vec<Earning>,
    /// Each maker's part of a market's day: `Q_final`.
    pub parts: Vec<(MarketIx, Maker, Fixed12)>,
    /// Who gets back what, by market and maker.
    pub rebates: Vec<Rebate>,
    /// What was paid.
    pub payments: Vec<Payment>,
}

/// A pool as the reward endpoints tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    /// Its place among the market's pools, 0 being the native one.
    pub pool: usize,
    /// What it pays in.
    pub currency: Currency,
    /// Dollars per UTC day.
    pub rate_per_day: Usdc,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` has no end.
    pub until: Option<Timestamp>,
    /// All it will pay, rounded down; zero without an end.
    pub total: Usdc,
    /// Who pays for it; `None` is the venue.
    pub sponsor: Option<String>,
}
