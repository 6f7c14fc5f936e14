//! What makers' fills would have cost in fees, by market and UTC day: the base of rebates. Who pays them is not here.

use super::AccountIx;
use super::market::MarketState;
use super::trades::{Hand, TradeRow, Trades};
use mm_core::domain::{MarketIx, Price, Qty, Usdc};
use mm_core::rewards::Ratio;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days that are remembered; behind it the oldest is forgotten, paid or not.
const DAYS_MAX: u64 = 8;

/// Sums by UTC day, market and maker; the recorded world is the maker without an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rebates {
    #[serde(with = "super::snapshot::pairs")]
    weights: BTreeMap<(u64, MarketIx, Option<AccountIx>), u128>,
    /// Fees that takers paid, by day and market.
    #[serde(with = "super::snapshot::pairs")]
    fees: BTreeMap<(u64, MarketIx), Usdc>,
}

/// Shares (millionths) × (p(1 − p))^exponent (in 10^−8 each).
fn weight(exponent: u32, price: Price, qty: Qty) -> u128 {
    let p = u128::from(price.ten_thousandths());
    u128::from(qty.micro()) * (p * (10_000 - p)).pow(exponent)
}

impl Rebates {
    /// One maker's part of a trade.
    #[inline]
    pub(super) fn note(
        &mut self,
        day: u64,
        state: &MarketState,
        market: MarketIx,
        maker: Hand,
        leg: (Price, Qty, Usdc),
    ) {
        let Some(fee) = state.fee else { return };
        let (price, qty, paid) = leg;
        let key = (day, market, maker.account());
        let new_day = self.weights.last_key_value().is_none_or(|((last, _, _), _)| *last < day);
        *self.weights.entry(key).or_insert(0) += weight(fee.exponent, price, qty);
        let fees = self.fees.entry((day, market)).or_insert(Usdc::ZERO);
        *fees = fees.saturating_add(paid);
        if new_day && let Some(old) = day.checked_sub(DAYS_MAX) {
            self.forget(old);
        }
    }

    /// A failed trade earns nobody anything, unless its day has been forgotten.
    pub(super) fn undo(&mut self, markets: &[MarketState], trades: &Trades, trade: &TradeRow) {
        let day = trade.at.day();
        let Some(fee) = markets[trade.market.index()].fee else { return };
        for leg in trades.legs(trade) {
            if let Some(sum) = self.weights.get_mut(&(day, trade.market, leg.maker.account())) {
                *sum = sum.saturating_sub(weight(fee.exponent, leg.price, leg.qty));
            }
            if let Some(sum) = self.fees.get_mut(&(day, trade.market)) {
                *sum = sum.saturating_sub(leg.fee);
            }
        }
    }

    /// Drops every day up to this one.
    pub(super) fn forget(&mut self, day: u64) {
        self.weights.retain(|(d, _, _), _| *d > day);
        self.fees.retain(|(d, _), _| *d > day);
    }
}

impl super::Exchange {
    /// Fee equivalents of a UTC day by market and maker, in dollars, exactly; the recorded world is the maker without an account.
    /// A market without fees has none.
    pub fn fee_equivalents(&self, day: u64) -> impl Iterator<Item = (MarketIx, Option<AccountIx>, Ratio)> {
        let from = (day, MarketIx(0), None);
        let rows = self.rebates.weights.range(from..).take_while(move |((d, _, _), _)| *d == day);
        rows.filter_map(|((_, market, maker), weight)| {
            let fee = self.markets[market.index()].fee?;
            let unit = Ratio::new(u128::from(fee.rate_micro), 1_000_000_000_000 * 100_000_000u128.pow(fee.exponent))?;
            Some((*market, *maker, Ratio::new(*weight, 1)?.checked_mul(unit)?))
        })
    }

    /// Fees that takers of a market were charged on a UTC day, failed trades not counted.
    #[must_use]
    pub fn fees_of(&self, day: u64, market: MarketIx) -> Usdc {
        self.rebates.fees.get(&(day, market)).copied().unwrap_or(Usdc::ZERO)
    }

    /// Drops the rebate base of every day up to this one: it has been paid.
    pub fn forget_rebates(&mut self, day: u64) {
        self.rebates.forget(day);
    }
}
