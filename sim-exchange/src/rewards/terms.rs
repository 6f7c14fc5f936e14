//! What a reward programme is made of before anybody is scored. Read from a scenario by `scenario::rewards`.

use mm_core::domain::{Nanos, Price, Qty, Usdc};
use mm_core::rewards::MidpointMode;
use serde::{Deserialize, Serialize};

/// What happens to the money of a minute in which nobody scored.
///
/// The venue's equations divide by the samples that anybody scored, sponsored pools demonstrably pay by the minute, and for
/// native pools nobody has published a check (`rewards.md` section 6). A simulator that flatters its bot is worth nothing, so
/// the smaller number is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Accrual {
    /// The day's pool is split by the sums of shares: it goes to those who scored in other minutes. A market that was
    /// sampled for part of a day only pays the whole day's pool.
    Day,
    /// A 1,440th of the day's rate is split in each sample; a minute without a score goes back to whoever funds the pool.
    #[default]
    Minute,
}

/// What a pool pays in. All are dollars with six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Currency {
    /// The venue's collateral; native pools, rebates and most sponsored pools.
    #[default]
    Pusd,
    /// Bridged USDC: some sponsored pools. Cannot be traded with.
    UsdcE,
}

impl Currency {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Pusd, Self::UsdcE];

    /// Its token's address.
    #[must_use]
    pub const fn address(self) -> &'static str {
        match self {
            Self::Pusd => "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB",
            Self::UsdcE => "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174",
        }
    }
}

/// Rules of all pools of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How native pools accrue; sponsored ones always do by the minute.
    pub accrual: Accrual,
    /// What may form the scoring midpoint.
    pub midpoint: MidpointMode,
    /// Smallest amount that is paid to one maker in one currency for one day; less is lost.
    pub min_payout: Usdc,
}

impl Default for Rules {
    fn default() -> Self {
        Self { accrual: Accrual::default(), midpoint: MidpointMode::default(), min_payout: Usdc::from_micro(1_000_000) }
    }
}

impl Rules {
    /// Pool 0 is the venue's, the others are sponsored.
    pub(super) const fn accrual_of(&self, pool: usize) -> Accrual {
        if pool == 0 { self.accrual } else { Accrual::Minute }
    }
}

/// What is planned for one market's rewards beyond the terms it starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// By rising time.
    pub changes: Vec<TermsChange>,
    /// In the order of the file.
    pub sponsored: Vec<Sponsorship>,
}

/// Terms that change while the world runs; `None` keeps what was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsChange {
    /// After the world's start.
    pub after: Nanos,
    /// The native pool; zero is a pool that is gone (`rates: null`).
    pub rate_per_day: Option<Usdc>,
    /// The band.
    pub max_spread: Option<Price>,
    /// Smallest order that scores.
    pub min_size: Option<Qty>,
    /// Age from which an order scores.
    pub min_age: Option<Nanos>,
}

/// A pool somebody else pays for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sponsorship {
    /// Who, and who gets back what was not earned.
    pub sponsor: String,
    /// First moment, after the world's start.
    pub from: Nanos,
    /// How long.
    pub lasts: Nanos,
    /// Dollars per UTC day.
    pub rate_per_day: Usdc,
    /// What it pays in.
    pub currency: Currency,
}
