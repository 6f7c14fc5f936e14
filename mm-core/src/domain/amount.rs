//! Shares and dollars in millionths, and the two roundings of their product.

use super::decimal::{BadDecimal, format_decimal, parse_decimal};
use super::price::Price;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Decimals of a share and of a dollar.
const DECIMALS: u32 = 6;

macro_rules! unsigned_amount {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);
            /// The largest amount.
            pub const MAX: Self = Self(u64::MAX);

            /// From millionths.
            #[must_use]
            pub const fn from_micro(n: u64) -> Self {
                Self(n)
            }

            /// In millionths.
            #[must_use]
            pub const fn micro(self) -> u64 {
                self.0
            }

            /// Whole units; `None` when that does not fit.
            #[must_use]
            pub const fn from_whole(n: u64) -> Option<Self> {
                match n.checked_mul(1_000_000) {
                    Some(micro) => Some(Self(micro)),
                    None => None,
                }
            }

            /// Parses a decimal string with at most six decimals.
            ///
            /// # Errors
            /// [`BadDecimal`] says what is wrong; nothing is rounded.
            pub fn parse(text: &str) -> Result<Self, BadDecimal> {
                parse_decimal(text, DECIMALS).map(Self)
            }

            /// Whether it is nothing.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Sum, `None` on overflow.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// Difference, `None` below zero.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }

            /// Sum that stops at [`Self::MAX`].
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Difference that stops at zero.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                format_decimal(f, self.0, DECIMALS)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

unsigned_amount!(
    /// A quantity of outcome shares in millionths of a share. Fills and on-chain balances have six decimals although
    /// orders are sized in hundredths.
    Qty
);
unsigned_amount!(
    /// Dollars (pUSD) in millionths.
    Usdc
);

/// A difference of dollars in millionths: profit and loss, net flow.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedUsdc(i64);

impl SignedUsdc {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From millionths.
    #[must_use]
    pub const fn from_micro(n: i64) -> Self {
        Self(n)
    }

    /// In millionths.
    #[must_use]
    pub const fn micro(self) -> i64 {
        self.0
    }

    /// `plus - minus`; `None` when the difference does not fit.
    #[must_use]
    pub fn difference(plus: Usdc, minus: Usdc) -> Option<Self> {
        let d = i128::from(plus.micro()) - i128::from(minus.micro());
        i64::try_from(d).ok().map(Self)
    }

    /// Sum, `None` on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for SignedUsdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        format_decimal(f, self.0.unsigned_abs(), DECIMALS)
    }
}

impl fmt::Debug for SignedUsdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Qty {
    /// The quantity cut down to whole hundredths of a share, the finest size an order may have.
    #[must_use]
    pub const fn to_order_size_down(self) -> Self {
        Self(self.0 - self.0 % 10_000)
    }

    /// Whether an order may have this size: above zero and in whole hundredths (`signing.md` section 6).
    #[must_use]
    pub const fn is_orderable(self) -> bool {
        self.0 != 0 && self.0.is_multiple_of(10_000)
    }
}

/// Dollars for `qty` at `price`, a fraction of a millionth dropped: what we are sure to receive.
///
/// The product of any price and any quantity fits, because a price is at most one dollar.
#[must_use]
#[inline]
pub fn cost_floor(price: Price, qty: Qty) -> Usdc {
    // nearly every product fits 64 bits, whose division by a constant is a multiplication
    if let Some(scaled) = u64::from(price.ten_thousandths()).checked_mul(qty.micro()) {
        return Usdc(scaled / 10_000);
    }
    let scaled = u128::from(price.ten_thousandths()) * u128::from(qty.micro());
    Usdc(u64::try_from(scaled / 10_000).expect("a price is at most one dollar, so the cost is at most the quantity"))
}

/// Dollars for `qty` at `price`, a fraction of a millionth counted whole: rounded against us so that a cap can never
/// be crept past.
#[must_use]
#[inline]
pub fn cost_ceil(price: Price, qty: Qty) -> Usdc {
    if let Some(scaled) = u64::from(price.ten_thousandths()).checked_mul(qty.micro()) {
        return Usdc(scaled.div_ceil(10_000));
    }
    let scaled = u128::from(price.ten_thousandths()) * u128::from(qty.micro());
    Usdc(
        u64::try_from(scaled.div_ceil(10_000))
            .expect("a price is at most one dollar, so the cost is at most the quantity"),
    )
}
