//! Exact non-negative fractions in 128-bit integers, and the one rounding there is: to twelve decimals for output.
//!
//! Every step is checked: a result that would not fit is `None`, never a wrapped or rounded number.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::fmt;

/// Decimals of [`Fixed12`].
const DECIMALS: usize = 12;
/// One in [`Fixed12`].
const ONE: u128 = 1_000_000_000_000;

/// `a × b ÷ d` as a whole number and a remainder below `d`, without the product ever being formed.
///
/// `None` when `d` is zero or above 2^127, or the whole number does not fit.
#[must_use]
pub fn mul_div(a: u128, b: u128, d: u128) -> Option<(u128, u128)> {
    if d == 0 || d > 1 << 127 {
        return None;
    }
    let (wholes, b) = (a.checked_mul(b / d)?, b % d);
    // Long multiplication by the bits of `a`, highest first, reduced after each step: `rest` stays below `d`, so that
    // neither its double nor its sum with `b` can leave 128 bits; `part` stays at or below `a`.
    let (mut part, mut rest) = (0u128, 0u128);
    for bit in (0..128 - a.leading_zeros()).rev() {
        part *= 2;
        rest *= 2;
        if rest >= d {
            rest -= d;
            part += 1;
        }
        if a >> bit & 1 == 1 {
            // `rest + b >= d`, written so that it cannot overflow when `d` is 2^127
            if rest >= d - b {
                rest -= d - b;
                part += 1;
            } else {
                rest += b;
            }
        }
    }
    Some((wholes.checked_add(part)?, rest))
}

/// Greatest common divisor.
const fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A non-negative fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    num: u128,
    den: u128,
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// One.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num ÷ den` in lowest terms; `None` when `den` is zero.
    #[must_use]
    pub const fn new(num: u128, den: u128) -> Option<Self> {
        if den == 0 {
            return None;
        }
        let g = gcd(num, den);
        Some(Self { num: num / g, den: den / g })
    }

    /// A whole number.
    #[must_use]
    pub const fn whole(n: u128) -> Self {
        Self { num: n, den: 1 }
    }

    /// Numerator in lowest terms.
    #[must_use]
    pub const fn num(self) -> u128 {
        self.num
    }

    /// Denominator in lowest terms, never zero.
    #[must_use]
    pub const fn den(self) -> u128 {
        self.den
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.num == 0
    }

    /// Sum, `None` when it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let g = gcd(self.den, other.den);
        let (left, right) = (other.den / g, self.den / g);
        let num = self.num.checked_mul(left)?.checked_add(other.num.checked_mul(right)?)?;
        Self::new(num, self.den.checked_mul(left)?)
    }

    /// Product, `None` when it does not fit.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        // Crosswise first, so that only a result that is itself too large fails.
        let (a, b) = (gcd(self.num, other.den), gcd(other.num, self.den));
        let num = (self.num / a).checked_mul(other.num / b)?;
        let den = (self.den / b).checked_mul(other.den / a)?;
        Some(Self { num, den })
    }

    /// Quotient, `None` for a zero divisor or when it does not fit.
    #[must_use]
    pub fn checked_div(self, other: Self) -> Option<Self> {
        if other.num == 0 {
            return None;
        }
        self.checked_mul(Self { num: other.den, den: other.num })
    }

    /// Rounded half to even to `decimals` (at most 12) and widened to twelve; `None` when it does not fit.
    #[must_use]
    pub fn fixed12(self) -> Option<Fixed12> {
        Fixed12::quotient(self.num, 1, self.den)
    }

    /// Rounded half up to five decimals, in units of 0.00001: how the venue charges fees (`rewards.md` 7.1).
    #[must_use]
    pub fn half_up_5(self) -> Option<u128> {
        let (whole, rest) = mul_div(100_000, self.num, self.den)?;
        whole.checked_add(u128::from(rest >= self.den - rest))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    /// By continued fractions: no product is formed, so any two ratios compare.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (*self, *other);
        let mut turned = false;
        loop {
            let order = (a.num / a.den).cmp(&(b.num / b.den));
            let (x, y) = (a.num % a.den, b.num % b.den);
            let order = match order {
                Ordering::Equal if x != 0 && y != 0 => {
                    (a, b) = (Self { num: a.den, den: x }, Self { num: b.den, den: y });
                    turned = !turned;
                    continue;
                }
                Ordering::Equal => x.cmp(&0).cmp(&y.cmp(&0)),
                unequal => unequal,
            };
            return if turned { order.reverse() } else { order };
        }
    }
}

/// A non-negative number rounded half to even to twelve decimals. For output and for sums of outputs, never fed back
/// into a score.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed12(u128);

impl Fixed12 {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One.
    pub const ONE: Self = Self(ONE);

    /// `scale × num ÷ den`; `None` when `den` is zero or a number does not fit.
    #[must_use]
    pub fn quotient(num: u128, scale: u128, den: u128) -> Option<Self> {
        let (whole, rest) = mul_div(ONE.checked_mul(scale)?, num, den)?;
        let up = match rest.cmp(&(den - rest)) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => whole % 2 == 1,
        };
        whole.checked_add(u128::from(up)).map(Self)
    }

    /// From units of 10^-12.
    #[must_use]
    pub const fn from_units(n: u128) -> Self {
        Self(n)
    }

    /// In units of 10^-12.
    #[must_use]
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Sum that stops at the largest number.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Fixed12 {
    /// Always twelve decimals unless a precision is given, which cuts (never rounds up) to fewer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:012}", self.0 / ONE, self.0 % ONE);
        match f.precision() {
            None => f.write_str(&text),
            Some(0) => f.write_str(&text[..text.len() - DECIMALS - 1]),
            Some(n) => f.write_str(&text[..text.len() - DECIMALS.saturating_sub(n)]),
        }
    }
}

impl fmt::Debug for Fixed12 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fixed12 {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fixed12 {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let parsed = text.split_once('.').filter(|(whole, decimals)| {
            decimals.len() == DECIMALS && (whole.bytes().chain(decimals.bytes())).all(|b| b.is_ascii_digit())
        });
        parsed
            .and_then(|(whole, decimals)| {
                whole.parse::<u128>().ok()?.checked_mul(ONE)?.checked_add(decimals.parse::<u128>().ok()?)
            })
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("{text:?} is not a number with exactly twelve decimals")))
    }
}
