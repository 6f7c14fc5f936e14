//! Shares and amounts as whole numbers, and their few roundings.

use mm_core::rewards::{Fixed12, mul_div};

/// A whole share of one sample: shares count 10^-27.
///
/// Fine enough that the roundings of a day of them vanish in twelve decimals of the largest pool, coarse enough that a day of
/// them stays below 2^127.
pub const SHARE_ONE: u128 = 1_000_000_000_000_000_000_000_000_000;

/// Units of [`Fixed12`] in a millionth of a dollar, the smallest amount of money.
pub const MICRO: u128 = 1_000_000;

/// `q ÷ total` in units of [`SHARE_ONE`], rounded down: what is lost stays in the pool. `q` is at most `total`, which is not
/// zero.
pub(super) fn share(q: u128, total: u128) -> u128 {
    const HIGH: u128 = 100_000_000_000_000;
    const LOW: u128 = 10_000_000_000_000;
    debug_assert!(HIGH * LOW == SHARE_ONE && q <= total);
    if total < 1 << 81 {
        // two digits of long division: a remainder below 2^81 times a digit below 2^47 still fits
        let (high, rest) = (q * HIGH / total, q * HIGH % total);
        high * LOW + rest * LOW / total
    } else {
        mul_div(SHARE_ONE, q, total).expect("a total of points stays below 2^127 and a share below one").0
    }
}

/// A sum of fractions of one denominator, rounded once when it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    whole: u128,
    rest: u128,
    den: u128,
}

impl Sum {
    /// Nothing; `den` is above zero and at most 2^127.
    pub(super) const fn new(den: u128) -> Self {
        Self { whole: 0, rest: 0, den }
    }

    /// Adds `a × b ÷ den`.
    pub(super) fn add(&mut self, a: u128, b: u128) {
        let (whole, rest) = mul_div(a, b, self.den).expect("amounts of one day stay below 2^127 units");
        self.whole += whole;
        self.rest += rest;
        if self.rest >= self.den {
            self.rest -= self.den;
            self.whole += 1;
        }
    }

    /// In units of [`Fixed12`], half to even: how amounts are told.
    pub(super) fn half_even(self) -> Fixed12 {
        let up = self.rest > self.den - self.rest || (self.rest == self.den - self.rest && self.whole % 2 == 1);
        Fixed12::from_units(self.whole + u128::from(up))
    }

    /// In units of [`Fixed12`], up: what a pool must hold.
    pub(super) fn up(self) -> Fixed12 {
        Fixed12::from_units(self.whole + u128::from(self.rest > 0))
    }
}

/// An amount as money, rounded down: how it reaches a maker or a sponsor.
pub(super) fn money_down(amount: Fixed12) -> u64 {
    u64::try_from(amount.units() / MICRO).expect("amounts of one day stay below 2^64 millionths")
}

/// An amount as money, rounded up: how a pool is filled.
pub(super) fn money_up(amount: Fixed12) -> u64 {
    u64::try_from(amount.units().div_ceil(MICRO)).expect("amounts of one day stay below 2^64 millionths")
}
