//! Prices and tick sizes in ten-thousandths of a dollar.

use super::decimal::{BadDecimal, format_decimal, parse_decimal};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A price in ten-thousandths of a dollar, `0..=10_000`.
///
/// Ten-thousandths, not ticks: a `tick_size_change` in mid-run would silently change the meaning of stored ticks, and
/// all six tick sizes of the venue are whole multiples.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Price(u16);

impl Price {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One dollar, the pay-off of a winning share.
    pub const ONE: Self = Self(10_000);
    /// Decimals a price string may carry.
    pub const DECIMALS: u32 = 4;

    /// A price of `n` ten-thousandths; `None` above one dollar.
    #[must_use]
    pub const fn from_ten_thousandths(n: u16) -> Option<Self> {
        if n <= 10_000 { Some(Self(n)) } else { None }
    }

    /// The price in ten-thousandths of a dollar.
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// The same claim seen from the other outcome: `1 − p`.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(10_000 - self.0)
    }

    /// Parses the venue's decimal string.
    ///
    /// # Errors
    /// [`BadDecimal`] when it is not a decimal in `0..=1` with at most four decimals.
    pub fn parse(text: &str) -> Result<Self, BadDecimal> {
        let n = parse_decimal(text, Self::DECIMALS)?;
        u16::try_from(n).ok().and_then(Self::from_ten_thousandths).ok_or(BadDecimal::TooLarge)
    }

    /// The largest multiple of `tick` not above this price.
    #[must_use]
    pub const fn to_tick_down(self, tick: TickSize) -> Self {
        Self(self.0 - self.0 % tick.0)
    }

    /// The smallest multiple of `tick` not below this price. One dollar is a multiple of every tick, so the result
    /// never leaves the range.
    #[must_use]
    pub const fn to_tick_up(self, tick: TickSize) -> Self {
        let over = self.0 % tick.0;
        if over == 0 { self } else { Self(self.0 - over + tick.0) }
    }

    /// Whether the price is a multiple of `tick`.
    #[must_use]
    pub const fn is_on(self, tick: TickSize) -> bool {
        self.0.is_multiple_of(tick.0)
    }

    /// Whether an order may carry this price: on the grid and `tick <= price <= 1 - tick`.
    #[must_use]
    pub const fn is_orderable(self, tick: TickSize) -> bool {
        self.is_on(tick) && self.0 >= tick.0 && self.0 <= 10_000 - tick.0
    }

    /// `self + n` ten-thousandths, `None` beyond one dollar.
    #[must_use]
    pub fn checked_add(self, n: u16) -> Option<Self> {
        self.0.checked_add(n).and_then(Self::from_ten_thousandths)
    }

    /// `self - n` ten-thousandths, `None` below zero.
    #[must_use]
    pub fn checked_sub(self, n: u16) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    /// Distance between two prices in ten-thousandths.
    #[must_use]
    pub const fn distance(self, other: Self) -> u16 {
        self.0.abs_diff(other.0)
    }
}

impl TryFrom<u16> for Price {
    type Error = String;
    fn try_from(n: u16) -> Result<Self, String> {
        Self::from_ten_thousandths(n).ok_or_else(|| format!("price {n} is above 10000 ten-thousandths"))
    }
}

impl From<Price> for u16 {
    fn from(p: Price) -> Self {
        p.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format_decimal(f, u64::from(self.0), Self::DECIMALS)
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not one of the venue's six tick sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick size {0:?} is none of 0.1, 0.01, 0.005, 0.0025, 0.001, 0.0001")]
pub struct BadTick(pub Box<str>);

/// The smallest price step of a market, in ten-thousandths: one of 1000, 100, 50, 25, 10, 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct TickSize(u16);

impl TickSize {
    /// All tick sizes the venue knows, coarsest first (`clob-rest.md` section 3).
    pub const ALL: [Self; 6] = [Self(1000), Self(100), Self(50), Self(25), Self(10), Self(1)];
    /// One cent, the venue's usual tick.
    pub const CENT: Self = Self(100);

    /// The tick in ten-thousandths of a dollar.
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// Number of decimals of a price on this tick (`signing.md` section 6).
    #[must_use]
    pub const fn price_decimals(self) -> u32 {
        match self.0 {
            1000 => 1,
            100 => 2,
            50 | 10 => 3,
            _ => 4,
        }
    }

    /// Parses the venue's decimal string (or the text of its JSON number).
    ///
    /// # Errors
    /// [`BadTick`] for anything outside the closed set.
    pub fn parse(text: &str) -> Result<Self, BadTick> {
        parse_decimal(text, Price::DECIMALS)
            .ok()
            .and_then(|n| u16::try_from(n).ok())
            .and_then(|n| Self::try_from(n).ok())
            .ok_or_else(|| BadTick(text.into()))
    }
}

impl TryFrom<u16> for TickSize {
    type Error = BadTick;
    fn try_from(n: u16) -> Result<Self, BadTick> {
        let tick = Self(n);
        if Self::ALL.contains(&tick) { Ok(tick) } else { Err(BadTick(n.to_string().into())) }
    }
}

impl From<TickSize> for u16 {
    fn from(t: TickSize) -> Self {
        t.0
    }
}

impl fmt::Display for TickSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format_decimal(f, u64::from(self.0), Price::DECIMALS)
    }
}

impl fmt::Debug for TickSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
