//! A sum of level hashes: equal for equal books however they were reached, kept up with one addition a change.
//!
//! It tells books apart that differ by accident; it is no defence against somebody who wants a collision.

use crate::domain::{Price, Qty, Side};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Digest of a set of levels in YES terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LevelDigest(u128);

impl LevelDigest {
    /// Big-endian bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Half of it, for where many are kept.
    #[must_use]
    pub const fn short(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Adds what another set of levels sums to.
    pub(super) const fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    pub(super) const fn remove(&mut self, other: Self) {
        self.0 = self.0.wrapping_sub(other.0);
    }
}

impl fmt::Display for LevelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What the part of a level in the sum is made of before its size is known.
#[derive(Clone, Copy)]
pub(super) struct PlaceDigest {
    of_qty: u64,
    of_both: u64,
}

impl PlaceDigest {
    #[inline]
    pub(super) fn of(side: Side, price: Price) -> Self {
        let key = u64::from(price.ten_thousandths()) << 1 | u64::from(side == Side::Sell);
        Self { of_qty: mix(key), of_both: mix(!key) }
    }

    /// One level's part of the sum.
    #[inline]
    pub(super) fn with(self, qty: Qty) -> LevelDigest {
        let high = mix(qty.micro().wrapping_add(self.of_qty));
        let low = mix(high ^ self.of_both);
        LevelDigest(u128::from(high) << 64 | u128::from(low))
    }
}

/// A bijection of 64 bits in which every input bit reaches every output bit (the finaliser of SplitMix64).
#[inline]
const fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
