//! What can be owned, and where it stands in every wallet's row.

use mm_core::domain::Outcome;
use serde::{Deserialize, Serialize};

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
pub struct Column(pub(super) usize);

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

/// Which asset stands in a column.
pub(super) const fn asset_of(column: usize) -> Asset {
    match column {
        0 => Asset::Usdc,
        n if n % 2 == 1 => Asset::Share(n / 2, Outcome::Yes),
        n => Asset::Share(n / 2 - 1, Outcome::No),
    }
}

/// Where an asset stands in a wallet's row.
#[inline]
pub(super) const fn column(asset: Asset) -> usize {
    match asset {
        Asset::Usdc => 0,
        Asset::Share(market, outcome) => Column::of(true, market, outcome).0,
    }
}
