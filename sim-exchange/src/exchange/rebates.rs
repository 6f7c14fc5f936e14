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

/// Sums by UTC day, market and maker; the recorded world is the maker without an account. The running day lies flat, the days
/// before it are sorted away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rebates {
    day: u64,
    /// By market.
    today: Vec<Today>,
    #[serde(with = "super::snapshot::pairs")]
    past: BTreeMap<(u64, MarketIx), Today>,
}

/// One market's day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Today {
    /// By maker: 0 for the recorded world, then the accounts in order.
    weights: Vec<u128>,
    /// What takers paid.
    fees: Usdc,
}

impl Today {
    fn weight_mut(&mut self, maker: Option<AccountIx>) -> &mut u128 {
        let at = maker.map_or(0, |account| account.0 as usize + 1);
        if at >= self.weights.len() {
            self.weights.resize(at + 1, 0);
        }
        &mut self.weights[at]
    }
}

/// Shares (millionths) × (p(1 − p))^exponent (in 10^−8 each).
fn weight(exponent: u32, price: Price, qty: Qty) -> u128 {
    let p = u128::from(price.ten_thousandths());
    let curve = p * (10_000 - p);
    // an exponent is 1 or 2
    u128::from(qty.micro()) * if exponent == 1 { curve } else { curve.pow(exponent) }
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
        if day != self.day {
            self.turn(day);
        }
        if market.index() >= self.today.len() {
            self.today.resize(market.index() + 1, Today::default());
        }
        let (price, qty, paid) = leg;
        let today = &mut self.today[market.index()];
        *today.weight_mut(maker.account()) += weight(fee.exponent, price, qty);
        today.fees = today.fees.saturating_add(paid);
    }

    /// A new day begins.
    fn turn(&mut self, day: u64) {
        let before = self.day;
        for (row, today) in (0u16..).zip(std::mem::take(&mut self.today)) {
            if !today.weights.is_empty() {
                self.past.insert((before, MarketIx(row)), today);
            }
        }
        self.day = day;
        if let Some(old) = day.checked_sub(DAYS_MAX) {
            self.forget(old);
        }
    }

    fn of(&self, day: u64, market: MarketIx) -> Option<&Today> {
        if day == self.day { self.today.get(market.index()) } else { self.past.get(&(day, market)) }
    }

    /// A failed trade earns nobody anything, unless its day has been forgotten.
    pub(super) fn undo(&mut self, markets: &[MarketState], trades: &Trades, trade: &TradeRow) {
        let Some(fee) = markets[trade.market.index()].fee else { return };
        let day = trade.at.day();
        let found = if day == self.day {
            self.today.get_mut(trade.market.index())
        } else {
            self.past.get_mut(&(day, trade.market))
        };
        let Some(then) = found else { return };
        for leg in trades.legs(trade) {
            let sum = then.weight_mut(leg.maker.account());
            *sum = sum.saturating_sub(weight(fee.exponent, leg.price, leg.qty));
            then.fees = then.fees.saturating_sub(leg.fee);
        }
    }

    /// Drops every day up to this one.
    pub(super) fn forget(&mut self, day: u64) {
        self.past.retain(|(d, _), _| *d > day);
        if self.day <= day {
            self.today.clear();
        }
    }
}

impl super::Exchange {
    /// Fee equivalents of a UTC day by market and maker, in dollars, exactly; the recorded world is the maker without an account.
    /// A market without fees has none.
    pub fn fee_equivalents(&self, day: u64) -> impl Iterator<Item = (MarketIx, Option<AccountIx>, Ratio)> {
        (0u16..).zip(&self.markets).flat_map(move |(row, state)| {
            let market = MarketIx(row);
            let weights = self.rebates.of(day, market).map_or(&[][..], |today| &today.weights);
            let makers = std::iter::once(None).chain((0u32..).map(|n| Some(AccountIx(n))));
            let dollars = move |weight: u128| {
                let fee = state.fee?;
                let unit = 1_000_000_000_000 * 100_000_000u128.pow(fee.exponent);
                Ratio::new(weight, 1)?.checked_mul(Ratio::new(u128::from(fee.rate_micro), unit)?)
            };
            let rows = makers.zip(weights).filter(|(_, weight)| **weight > 0);
            rows.filter_map(move |(maker, weight)| Some((market, maker, dollars(*weight)?)))
        })
    }

    /// Fees that takers of a market were charged on a UTC day, failed trades not counted.
    #[must_use]
    pub fn fees_of(&self, day: u64, market: MarketIx) -> Usdc {
        self.rebates.of(day, market).map_or(Usdc::ZERO, |today| today.fees)
    }

    /// Drops the rebate base of every day up to this one: it has been paid.
    pub fn forget_rebates(&mut self, day: u64) {
        self.rebates.forget(day);
    }
}
