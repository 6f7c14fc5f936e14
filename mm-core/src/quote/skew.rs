//! Inventory leaning: how far both quotes move to shed what is held.

use super::QuoteParams;
use crate::domain::{Qty, TickSize};
use crate::inventory::Holdings;

/// Millionths in the hundred shares the skew is given for.
const HUNDRED_SHARES: i128 = 100_000_000;

/// By how many whole ticks both quotes move, in YES terms: down (negative) when long YES, up when long NO.
///
/// Rounded towards zero: less than a tick's worth of inventory moves nothing.
pub(super) fn ticks(held: &Holdings, params: &QuoteParams, tick: TickSize) -> i32 {
    let micro = |q: Qty| i128::from(q.micro());
    let net = micro(held.yes.matched) - micro(held.no.matched);
    let per_tick = HUNDRED_SHARES * i128::from(tick.ten_thousandths());
    let ticks = -(net * i128::from(params.skew_per_100_shares.ten_thousandths()) / per_tick);
    // No market has more ticks than a dollar has ten-thousandths.
    i32::try_from(ticks.clamp(-10_000, 10_000)).expect("clamped to ten thousand either way")
}
