//! What all agents' parameters share: ranges, and the words for what is wrong.

use mm_core::domain::{Nanos, Price, Qty, Usdc};

/// A parameter outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{key} must be {range}, is {is}")]
pub struct BadAgent {
    /// The parameter's field.
    pub key: &'static str,
    /// What is allowed.
    pub range: &'static str,
    /// What was given.
    pub is: String,
}

impl BadAgent {
    fn new(key: &'static str, range: &'static str, is: impl std::fmt::Display) -> Self {
        Self { key, range, is: is.to_string() }
    }
}

/// An event rate: above 0, at most ten million an hour.
pub(super) fn rate(key: &'static str, per_h: f64) -> Result<(), BadAgent> {
    number(key, per_h, f64::MIN_POSITIVE, 1e7, "above 0, at most 10,000,000")
}

/// A real between two ends; never NaN.
pub(super) fn number(key: &'static str, is: f64, low: f64, high: f64, range: &'static str) -> Result<(), BadAgent> {
    if is >= low && is <= high { Ok(()) } else { Err(BadAgent::new(key, range, is)) }
}

/// A size an order may have.
pub(super) fn orderable(key: &'static str, qty: Qty) -> Result<(), BadAgent> {
    if qty.is_orderable() { Ok(()) } else { Err(BadAgent::new(key, "above 0 and in whole hundredths of a share", qty)) }
}

/// Two sizes in order.
pub(super) fn ordered(key: &'static str, low: Qty, high: Qty, range: &'static str) -> Result<(), BadAgent> {
    if low <= high { Ok(()) } else { Err(BadAgent::new(key, range, high)) }
}

/// A price distance below a dollar.
pub(super) fn distance(key: &'static str, price: Price) -> Result<(), BadAgent> {
    if price < Price::ONE { Ok(()) } else { Err(BadAgent::new(key, "below a dollar", price)) }
}

/// Money to trade with.
pub(super) fn capital(key: &'static str, usdc: Usdc) -> Result<(), BadAgent> {
    if usdc.is_zero() { Err(BadAgent::new(key, "above 0", usdc)) } else { Ok(()) }
}

/// A length of time between two ends.
pub(super) fn time(key: &'static str, is: Nanos, low: Nanos, range: &'static str) -> Result<(), BadAgent> {
    if is >= low && is <= Nanos::from_secs(86_400) {
        Ok(())
    } else {
        Err(BadAgent::new(key, range, format_args!("{} ns", is.nanos())))
    }
}

/// The mean gap of a rate that [`rate`] has passed, in whole nanoseconds, 1 or more.
pub(super) fn mean_gap(per_h: f64) -> Nanos {
    Nanos::from_nanos(crate::draws::whole(3.6e12 / per_h).max(1))
}
