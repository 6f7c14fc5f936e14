//! Fractions as they are taught at school.

use std::ops::{Add, Div, Mul, Sub};

/// A fraction in lowest terms; tests keep numbers small enough for 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frac {
    num: i128,
    den: i128,
}

pub(super) fn frac(num: i128, den: i128) -> Frac {
    let (mut a, mut b) = (num.abs(), den.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let g = a.max(1) * den.signum();
    Frac { num: num / g, den: den / g }
}

pub(super) fn whole(n: i128) -> Frac {
    frac(n, 1)
}

impl Frac {
    pub(super) fn is_zero(self) -> bool {
        self.num == 0
    }

    pub(super) fn abs(self) -> Self {
        frac(self.num.abs(), self.den)
    }

    pub(super) fn less_than(self, other: Self) -> bool {
        self.num * other.den < other.num * self.den
    }

    pub(super) fn max(self, other: Self) -> Self {
        if self.less_than(other) { other } else { self }
    }

    pub(super) fn min(self, other: Self) -> Self {
        if self.less_than(other) { self } else { other }
    }

    /// Twelve decimals, half to even, by the digits.
    pub(super) fn twelve(self) -> String {
        let (mut units, mut rest) = (self.num / self.den, self.num % self.den);
        for _ in 0..12 {
            rest *= 10;
            units = units * 10 + rest / self.den;
            rest %= self.den;
        }
        if 2 * rest > self.den || (2 * rest == self.den && units % 2 == 1) {
            units += 1;
        }
        format!("{}.{:012}", units / 1_000_000_000_000, units % 1_000_000_000_000)
    }
}

impl Add for Frac {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        frac(self.num * other.den + other.num * self.den, self.den * other.den)
    }
}

impl Sub for Frac {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        frac(self.num * other.den - other.num * self.den, self.den * other.den)
    }
}

impl Mul for Frac {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        frac(self.num * other.num, self.den * other.den)
    }
}

impl Div for Frac {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        frac(self.num * other.den, self.den * other.num)
    }
}
