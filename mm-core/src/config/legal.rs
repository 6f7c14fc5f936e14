//! Whether a configuration could quote at all: caps against the cheapest orders, the number of orders against markets, calls against
//! edits. Refuses only what no book and no terms of the venue could make legal, from holding nothing; what is wrong for the terms of one
//! market alone is said by its quote ([`crate::quote::NoQuote`]).

use super::{Config, ConfigError, MarketConfig, Orders};
use crate::domain::{Price, TickSize, Usdc, cost_ceil};
use crate::quote::{ORDERS_MAX, QuoteParams, Strategy};

/// A cancel and a placement.
const CALLS_PER_EDIT: u64 = 2;
/// Where one side alone may rest, ten-thousandths (`rewards.md` 2.4).
const SINGLE_SIDED: [u16; 2] = [1_000, 9_000];

/// Refuses what does not come out, with the sum.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    calls(&config.orders)?;
    let markets = config.markets.len();
    let needed = markets.saturating_mul(ORDERS_MAX);
    if usize::try_from(config.orders.max_open_orders).is_ok_and(|most| most < needed) {
        return Err(ConfigError::value(
            "orders.max_open_orders",
            config.orders.max_open_orders,
            format!("must be at least {needed}: {markets} markets of {ORDERS_MAX} orders each"),
        ));
    }
    config.markets.iter().enumerate().try_for_each(|(row, market)| caps(row, market, config.risk.max_market))
}

/// An interval that the budget of calls outlasts holds nothing back.
fn calls(orders: &Orders) -> Result<(), ConfigError> {
    let every_ms = orders.min_edit_interval.ms();
    if every_ms == 0 {
        return Ok(());
    }
    let needed = (1_000 * CALLS_PER_EDIT).div_ceil(every_ms);
    if u64::from(orders.calls_per_second) < needed {
        return Err(ConfigError::value(
            "orders.calls_per_second",
            orders.calls_per_second,
            format!(
                "must be at least {needed}: one edit is {CALLS_PER_EDIT} calls, and orders.min_edit_interval_ms lets a market have one every {every_ms} ms"
            ),
        ));
    }
    Ok(())
}

fn caps(row: usize, market: &MarketConfig, cap: Usdc) -> Result<(), ConfigError> {
    let size = market.quote.size;
    let (each, why) = cheapest(&market.quote);
    let cost = cost_ceil(each, size);
    if cost <= cap {
        return Ok(());
    }
    Err(ConfigError::value(
        format!("[quote] with [[market]] {}: size_shares", row + 1),
        format!("{:?}", size.to_string()),
        format!("must cost at most risk.max_market_usdc = {cap}: {size} x {each} = {cost}, {each} being {why}"),
    ))
}

/// The least a share costs of the cheapest set of orders that may rest, and where that comes from.
fn cheapest(quote: &QuoteParams) -> (Price, String) {
    if quote.strategy == Strategy::Reward {
        return (Price::ONE, "what a pair may cost a share".to_owned());
    }
    let [from, to] = SINGLE_SIDED;
    let (low, high) = (quote.min_midpoint.ten_thousandths(), quote.max_midpoint.ten_thousandths());
    // dust may hold an order back from its distance, by half a spread at the most
    let reach = quote.distance.ten_thousandths().max(quote.max_book_spread.ten_thousandths().div_ceil(2));
    let (low_alone, high_alone) = (low.max(from), high.min(to));
    if quote.strategy == Strategy::AvellanedaStoikov {
        return (price(1), "the finest tick".to_owned());
    }
    if low_alone <= high_alone {
        // a bid for YES is cheapest at the lowest midpoint, one for NO at the highest
        let middle = low_alone.min(10_000 - high_alone);
        return (
            price(lowest_bid(middle, reach, quote.max_book_spread)),
            format!("the lowest bid {} under a midpoint of {}", price(reach), price(middle)),
        );
    }
    let tick = TickSize::CENT.ten_thousandths();
    let each = 10_000u16.saturating_sub(2 * (reach + tick)).max(2);
    (price(each), format!("the least of a pair, each side {} and up to a tick of {} away", price(reach), price(tick)))
}

/// The lowest price that a bid may be rounded to, over all ticks on which a book may be as narrow as `spread`.
fn lowest_bid(midpoint: u16, reach: u16, spread: Price) -> u16 {
    let at = midpoint.saturating_sub(reach);
    let ticks =
        TickSize::ALL.into_iter().map(TickSize::ten_thousandths).filter(|tick| *tick <= spread.ten_thousandths());
    ticks.map(|tick| (at / tick * tick).max(tick)).min().unwrap_or(1)
}

fn price(ten_thousandths: u16) -> Price {
    Price::from_ten_thousandths(ten_thousandths).expect("below a dollar: a difference of prices, or a tick")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RawConfig;
    use crate::engine::tests_support::written;
    use serde_json::{Value, json};

    /// What a usual configuration with these keys in place of its own is refused for; `None` if it is taken.
    fn refusal(markets: u64, keys: &[(&str, &str, Value)]) -> Option<String> {
        let mut config = written(&Vec::from_iter(0..markets), "200");
        let model = ["fills_per_day", "fill_decay_per_cent", "markout_cents", "jumps_per_day", "jump_cents"];
        for key in model.into_iter().chain(["risk_aversion", "volatility_per_sqrt_h"]) {
            config["quote"][key] = json!("1");
        }
        for (section, key, value) in keys {
            config[section][key] = value.clone();
        }
        let raw: RawConfig = serde_json::from_value(config).expect("known keys");
        Config::try_from(raw).err().map(|why| why.to_string())
    }

    #[test]
    fn markets_with_the_same_costs_share_one_table() {
        let mut config = written(&[1, 2, 3], "200");
        for key in ["fills_per_day", "fill_decay_per_cent", "markout_cents", "jumps_per_day", "jump_cents"] {
            config["quote"][key] = json!("1");
        }
        config["market"][1]["jumps_per_day"] = json!("2");
        let raw: RawConfig = serde_json::from_value(config).expect("known keys");
        let config = Config::try_from(raw).expect("good values");
        let [one, other, same] = [0, 1, 2].map(|n: usize| config.markets[n].quote.cost.as_ref().expect("given"));
        assert!(same.is_shared_with(one) && !other.is_shared_with(one));
        assert_ne!(one, other);
    }

    #[test]
    fn a_cap_below_the_cheapest_order_is_refused() {
        let with = |cap: &str, quote: &[(&'static str, &str)]| {
            let mut keys = vec![("risk", "max_market_usdc", json!(cap))];
            keys.extend(quote.iter().map(|(key, value)| ("quote", *key, json!(value))));
            refusal(1, &keys)
        };
        let middle = &[("min_midpoint", "0.4"), ("max_midpoint", "0.5")];
        assert_eq!(with("7.4", middle), None);
        assert_eq!(
            with("7.39", middle).as_deref(),
            Some(
                "[quote] with [[market]] 1: size_shares = \"20\": must cost at most risk.max_market_usdc = 7.39: \
                 20 x 0.37 = 7.4, 0.37 being the lowest bid 0.03 under a midpoint of 0.4"
            )
        );
        // NO is the cheaper one here
        let high = &[("min_midpoint", "0.7"), ("max_midpoint", "0.85"), ("max_book_spread_cents", "2")];
        assert_eq!(with("2.6", high), None);
        assert_eq!(
            with("2.5", high).as_deref(),
            Some(
                "[quote] with [[market]] 1: size_shares = \"20\": must cost at most risk.max_market_usdc = 2.5: \
                 20 x 0.13 = 2.6, 0.13 being the lowest bid 0.015 under a midpoint of 0.15"
            )
        );
        // outside 0.10 to 0.90 both sides or none
        let pair = &[("min_midpoint", "0.02"), ("max_midpoint", "0.09")];
        assert_eq!(with("18.4", pair), None);
        assert_eq!(
            with("18.3", pair).as_deref(),
            Some(
                "[quote] with [[market]] 1: size_shares = \"20\": must cost at most risk.max_market_usdc = 18.3: \
                 20 x 0.92 = 18.4, 0.92 being the least of a pair, each side 0.03 and up to a tick of 0.01 away"
            )
        );
        let reward = &[("strategy", "reward")];
        assert_eq!(with("20", reward), None);
        assert_eq!(
            with("19.99", reward).as_deref(),
            Some(
                "[quote] with [[market]] 1: size_shares = \"20\": must cost at most risk.max_market_usdc = 19.99: \
                 20 x 1 = 20, 1 being what a pair may cost a share"
            )
        );
        let spread = &[("strategy", "avellaneda-stoikov")];
        assert_eq!(with("0.002", spread), None);
        assert_eq!(
            with("0.0019", spread).as_deref(),
            Some(
                "[quote] with [[market]] 1: size_shares = \"20\": must cost at most risk.max_market_usdc = 0.0019: \
                 20 x 0.0001 = 0.002, 0.0001 being the finest tick"
            )
        );
    }

    #[test]
    fn fewer_orders_than_two_a_market_are_refused() {
        assert_eq!(refusal(50, &[]), None);
        assert_eq!(
            refusal(51, &[]).as_deref(),
            Some("orders.max_open_orders = 100: must be at least 102: 51 markets of 2 orders each")
        );
    }

    #[test]
    fn calls_that_do_not_reach_for_one_edit_an_interval_are_refused() {
        let with = |calls: u32, every_ms: u64| {
            let keys = [("calls_per_second", json!(calls)), ("min_edit_interval_ms", json!(every_ms))];
            refusal(1, &keys.map(|(key, value)| ("orders", key, value)))
        };
        assert_eq!(with(1, 2_000), None);
        assert_eq!(with(1, 0), None, "no interval, nothing to keep up with");
        assert_eq!(
            with(1, 1_999).as_deref(),
            Some(
                "orders.calls_per_second = 1: must be at least 2: one edit is 2 calls, and orders.min_edit_interval_ms lets a \
                 market have one every 1999 ms"
            )
        );
    }

    #[test]
    fn sizes_and_midpoints_that_leave_nothing_are_refused() {
        let with = |key, value: &str| refusal(1, &[("quote", key, json!(value))]);
        let section = "[quote] with [[market]] 1: ";
        assert_eq!(
            with("max_held_shares", "19.99"),
            Some(format!(
                "{section}size_shares = 20 and max_held_shares = 19.99: the first must not be above the second"
            ))
        );
        assert_eq!(
            with("max_size_shares", "19"),
            Some(format!("{section}size_shares = 20 and max_size_shares = 19: the first must not be above the second"))
        );
        let high = [("quote", "min_midpoint", json!("0.9999")), ("quote", "max_midpoint", json!("1"))];
        assert_eq!(
            refusal(1, &high),
            Some(format!(
                "{section}min_midpoint = \"0.9999\": must be below 0.9999: on the finest tick no ask fits above it"
            ))
        );
        let low = [("quote", "min_midpoint", json!("0")), ("quote", "max_midpoint", json!("0.0001"))];
        assert_eq!(
            refusal(1, &low),
            Some(format!(
                "{section}max_midpoint = \"0.0001\": must be above 0.0001: on the finest tick no bid fits below it"
            ))
        );
    }
}
