//! Inventory leaning: how far both quotes move to shed what is held.

use super::QuoteParams;
use crate::domain::TickSize;
use crate::inventory::Holdings;
use crate::rewards::Midpoint;

/// Half ten-thousandths in a dollar.
const HALVES: f64 = 20_000.0;

/// By how many whole ticks both quotes move, in YES terms: down (negative) when long YES, up when long NO.
///
/// The reservation price of a holder to resolution with exponential utility, `logistic(logit p − γ·q)` (`strategy.md` section 4): it
/// stays between zero and one dollar, and moves less where prices do. `γ` is such that at 0.50 a hundred net shares move it by the
/// configured skew. Rounded to the nearest tick.
pub(super) fn ticks(held: &Holdings, params: &QuoteParams, reference: Midpoint, tick: TickSize) -> i32 {
    let net = i128::from(held.yes.matched.micro()) - i128::from(held.no.matched.micro());
    let skew = params.skew_per_100_shares.ten_thousandths();
    if net == 0 || skew == 0 {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "what is rounded to ticks needs no last millionth of a share")]
    let hundreds = net as f64 / 1e8;
    let p = (f64::from(reference.halves()) / HALVES).clamp(1e-4, 1.0 - 1e-4);
    // at p = 1/2 the logistic's slope is 1/4
    let x = libm::log(p / (1.0 - p)) - 4.0 * f64::from(skew) / 10_000.0 * hundreds;
    let reservation = 1.0 / (1.0 + libm::exp(-x));
    let moved = (reservation - p) * 10_000.0 / f64::from(tick.ten_thousandths());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a price moves by less than a dollar, ten thousand ticks at most"
    )]
    let ticks = libm::round(moved) as i32;
    ticks
}
