//! The `[quote]` section: raw, overridden by a market's own keys, checked together, typed.

use super::cost::{CostKeys, CostModel};
use super::fair::FairRule;
use super::inventory_model::InventoryModel;
use crate::domain::{BadDecimal, Nanos, Price, Qty, parse_decimal};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Decimals of a length in cents, so that it is a whole number of ten-thousandths of a dollar.
const CENTS_DECIMALS: u32 = 2;

/// `[quote]` as written. Keys without a default must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawQuote {
    /// `fixed`, `reward` or `avellaneda-stoikov`.
    pub strategy: String,
    /// Distance of both quotes from the reference midpoint, cents.
    pub distance_cents: String,
    /// Size of each order, shares; raised to the reward minimum if that is larger.
    pub size_shares: String,
    /// Largest size of an order, shares.
    pub max_size_shares: String,
    /// A wider book is not quoted, cents.
    pub max_book_spread_cents: String,
    /// Most shares of one outcome, resting buys included.
    pub max_held_shares: String,
    /// How far both quotes move for each 100 net shares, cents.
    pub skew_cents_per_100_shares: String,
    /// Lowest reference midpoint that is quoted, dollars.
    pub min_midpoint: String,
    /// Highest reference midpoint that is quoted, dollars.
    pub max_midpoint: String,
    /// No quotes this close to the start or end, seconds; 0 ignores both.
    pub stop_before_end_s: u64,
    /// Quote only where a pool is funded.
    pub require_rewards: bool,
    /// How far above the reward minimum an order starts, so that a small fill does not stop it scoring, percent.
    #[serde(default = "ten")]
    pub min_size_headroom_percent: u64,
    /// From this many confirmed shares of one outcome on, they are sold instead of the other outcome bought, shares;
    /// empty = never.
    #[serde(default)]
    pub sell_from_shares: String,
    /// See [`super::CostKeys::fills_per_day`]; empty = not given.
    #[serde(default)]
    pub fills_per_day: String,
    /// See [`super::CostKeys::fill_decay_per_cent`]; empty = not given.
    #[serde(default)]
    pub fill_decay_per_cent: String,
    /// See [`super::CostKeys::markout_cents`]; empty = not given.
    #[serde(default)]
    pub markout_cents: String,
    /// See [`super::CostKeys::jumps_per_day`]; empty = not given.
    #[serde(default)]
    pub jumps_per_day: String,
    /// See [`super::CostKeys::jump_cents`]; empty = not given.
    #[serde(default)]
    pub jump_cents: String,
    /// See [`super::CostKeys::rebate_cents`]; empty = not given.
    #[serde(default)]
    pub rebate_cents: String,
    /// See [`super::CostKeys::resolutions_per_day`]; empty = not given.
    #[serde(default)]
    pub resolutions_per_day: String,
    /// See [`super::CostKeys::capital_percent_per_year`]; empty = not given.
    #[serde(default)]
    pub capital_percent_per_year: String,
    /// Risk aversion of `avellaneda-stoikov`, for one order and a unit of log-odds; empty = not given.
    #[serde(default)]
    pub risk_aversion: String,
    /// Volatility of the log-odds for the square root of an hour, `avellaneda-stoikov`; empty = not given.
    #[serde(default)]
    pub volatility_per_sqrt_h: String,
    /// No quotes while recent fills went against us by more than this within a minute, cents; empty = whatever they did.
    #[serde(default)]
    pub toxic_markout_cents: String,
    /// So many share-days of resting weigh as much as the cost model's own word, shares times days; empty = nothing is learned.
    #[serde(default)]
    pub learn_share_days: String,
    /// A reference midpoint that moves this far within `news_window_s` stops quotes, cents; empty = never.
    #[serde(default)]
    pub news_move_cents: String,
    /// See [`RawQuote::news_move_cents`], seconds.
    #[serde(default = "half_a_minute")]
    pub news_window_s: u64,
    /// For how long they stop, seconds.
    #[serde(default = "minute")]
    pub news_pause_s: u64,
    /// How far the fair value lies on the way from the reference midpoint to the micro-price, percent.
    #[serde(default)]
    pub micro_price_percent: u64,
    /// By how much a thousand shares of order flow move the fair value, cents; empty = not at all.
    #[serde(default)]
    pub flow_cents_per_1000_shares: String,
    /// Half of the flow is forgotten after this, seconds.
    #[serde(default = "ten")]
    pub flow_half_life_s: u64,
    /// The most that flow moves the fair value by, cents.
    #[serde(default = "one")]
    pub flow_max_cents: String,
}

fn one() -> String {
    "1".to_owned()
}

const fn ten() -> u64 {
    10
}

const fn half_a_minute() -> u64 {
    30
}

const fn minute() -> u64 {
    60
}

/// A `[[market]]`'s own values for `[quote]` keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuoteOverrides {
    /// See [`RawQuote::strategy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// See [`RawQuote::distance_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_cents: Option<String>,
    /// See [`RawQuote::size_shares`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_shares: Option<String>,
    /// See [`RawQuote::max_size_shares`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size_shares: Option<String>,
    /// See [`RawQuote::max_book_spread_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_book_spread_cents: Option<String>,
    /// See [`RawQuote::max_held_shares`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_held_shares: Option<String>,
    /// See [`RawQuote::skew_cents_per_100_shares`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_cents_per_100_shares: Option<String>,
    /// See [`RawQuote::min_midpoint`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_midpoint: Option<String>,
    /// See [`RawQuote::max_midpoint`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_midpoint: Option<String>,
    /// See [`RawQuote::stop_before_end_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_before_end_s: Option<u64>,
    /// See [`RawQuote::require_rewards`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_rewards: Option<bool>,
    /// See [`RawQuote::min_size_headroom_percent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_size_headroom_percent: Option<u64>,
    /// See [`RawQuote::sell_from_shares`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sell_from_shares: Option<String>,
    /// See [`RawQuote::fills_per_day`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fills_per_day: Option<String>,
    /// See [`RawQuote::fill_decay_per_cent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_decay_per_cent: Option<String>,
    /// See [`RawQuote::markout_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markout_cents: Option<String>,
    /// See [`RawQuote::jumps_per_day`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jumps_per_day: Option<String>,
    /// See [`RawQuote::jump_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump_cents: Option<String>,
    /// See [`RawQuote::rebate_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebate_cents: Option<String>,
    /// See [`RawQuote::resolutions_per_day`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolutions_per_day: Option<String>,
    /// See [`RawQuote::capital_percent_per_year`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capital_percent_per_year: Option<String>,
    /// See [`RawQuote::risk_aversion`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_aversion: Option<String>,
    /// See [`RawQuote::volatility_per_sqrt_h`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volatility_per_sqrt_h: Option<String>,
    /// See [`RawQuote::toxic_markout_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toxic_markout_cents: Option<String>,
    /// See [`RawQuote::learn_share_days`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learn_share_days: Option<String>,
    /// See [`RawQuote::news_move_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news_move_cents: Option<String>,
    /// See [`RawQuote::news_window_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news_window_s: Option<u64>,
    /// See [`RawQuote::news_pause_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news_pause_s: Option<u64>,
    /// See [`RawQuote::micro_price_percent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_price_percent: Option<u64>,
    /// See [`RawQuote::flow_cents_per_1000_shares`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_cents_per_1000_shares: Option<String>,
    /// See [`RawQuote::flow_half_life_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_half_life_s: Option<u64>,
    /// See [`RawQuote::flow_max_cents`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_max_cents: Option<String>,
}

impl fmt::Display for Strategy {
    /// As the configuration spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "fixed",
            Self::Reward => "reward",
            Self::AvellanedaStoikov => "avellaneda-stoikov",
        })
    }
}

impl RawQuote {
    /// These values with a market's own in their place.
    #[must_use]
    pub fn with(&self, own: &QuoteOverrides) -> Self {
        let text = |own: &Option<String>, base: &String| own.as_ref().unwrap_or(base).clone();
        Self {
            strategy: text(&own.strategy, &self.strategy),
            distance_cents: text(&own.distance_cents, &self.distance_cents),
            size_shares: text(&own.size_shares, &self.size_shares),
            max_size_shares: text(&own.max_size_shares, &self.max_size_shares),
            max_book_spread_cents: text(&own.max_book_spread_cents, &self.max_book_spread_cents),
            max_held_shares: text(&own.max_held_shares, &self.max_held_shares),
            skew_cents_per_100_shares: text(&own.skew_cents_per_100_shares, &self.skew_cents_per_100_shares),
            min_midpoint: text(&own.min_midpoint, &self.min_midpoint),
            max_midpoint: text(&own.max_midpoint, &self.max_midpoint),
            stop_before_end_s: own.stop_before_end_s.unwrap_or(self.stop_before_end_s),
            require_rewards: own.require_rewards.unwrap_or(self.require_rewards),
            min_size_headroom_percent: own.min_size_headroom_percent.unwrap_or(self.min_size_headroom_percent),
            sell_from_shares: text(&own.sell_from_shares, &self.sell_from_shares),
            fills_per_day: text(&own.fills_per_day, &self.fills_per_day),
            fill_decay_per_cent: text(&own.fill_decay_per_cent, &self.fill_decay_per_cent),
            markout_cents: text(&own.markout_cents, &self.markout_cents),
            jumps_per_day: text(&own.jumps_per_day, &self.jumps_per_day),
            jump_cents: text(&own.jump_cents, &self.jump_cents),
            rebate_cents: text(&own.rebate_cents, &self.rebate_cents),
            resolutions_per_day: text(&own.resolutions_per_day, &self.resolutions_per_day),
            capital_percent_per_year: text(&own.capital_percent_per_year, &self.capital_percent_per_year),
            risk_aversion: text(&own.risk_aversion, &self.risk_aversion),
            volatility_per_sqrt_h: text(&own.volatility_per_sqrt_h, &self.volatility_per_sqrt_h),
            toxic_markout_cents: text(&own.toxic_markout_cents, &self.toxic_markout_cents),
            learn_share_days: text(&own.learn_share_days, &self.learn_share_days),
            news_move_cents: text(&own.news_move_cents, &self.news_move_cents),
            news_window_s: own.news_window_s.unwrap_or(self.news_window_s),
            news_pause_s: own.news_pause_s.unwrap_or(self.news_pause_s),
            micro_price_percent: own.micro_price_percent.unwrap_or(self.micro_price_percent),
            flow_cents_per_1000_shares: text(&own.flow_cents_per_1000_shares, &self.flow_cents_per_1000_shares),
            flow_half_life_s: own.flow_half_life_s.unwrap_or(self.flow_half_life_s),
            flow_max_cents: text(&own.flow_max_cents, &self.flow_max_cents),
        }
    }

    /// The keys of the cost model.
    fn cost_keys(&self) -> CostKeys<'_> {
        CostKeys {
            fills_per_day: &self.fills_per_day,
            fill_decay_per_cent: &self.fill_decay_per_cent,
            markout_cents: &self.markout_cents,
            jumps_per_day: &self.jumps_per_day,
            jump_cents: &self.jump_cents,
            rebate_cents: &self.rebate_cents,
            resolutions_per_day: &self.resolutions_per_day,
            capital_percent_per_year: &self.capital_percent_per_year,
        }
    }
}

/// Why a `[quote]` section was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// One value is not what its key allows.
    #[error("{key} = {value:?}: must be {allowed}")]
    Value {
        /// The key.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Two values do not go together.
    #[error("{low_key} = {low:?} must not be above {high_key} = {high:?}")]
    Order {
        /// The key that must be lower.
        low_key: &'static str,
        /// Its value.
        low: String,
        /// The key that must be higher.
        high_key: &'static str,
        /// Its value.
        high: String,
    },
}

impl ParamError {
    /// The key to look at first.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Value { key, .. } => key,
            Self::Order { low_key, .. } => low_key,
        }
    }
}

/// How quotes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Two BUYs, YES and NO, at one distance from the reference midpoint.
    Fixed,
    /// Where and as much as reward less cost is most.
    Reward,
    /// For the spread alone, by inventory: the baseline without rewards.
    #[serde(rename = "avellaneda-stoikov")]
    AvellanedaStoikov,
}

/// What counts as news: a reference midpoint that moves so far so fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NewsRule {
    /// This far.
    pub distance: Price,
    /// Within this time.
    pub window: Nanos,
    /// Nothing is quoted for so long then.
    pub pause: Nanos,
}

/// `[quote]`, checked and typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuoteParams {
    /// How quotes are found.
    pub strategy: Strategy,
    /// Distance from the reference midpoint.
    pub distance: Price,
    /// Size of each order before minimums.
    pub size: Qty,
    /// Largest size of an order.
    pub max_size: Qty,
    /// A wider book is not quoted.
    pub max_book_spread: Price,
    /// Most shares of one outcome, resting buys included.
    pub max_held: Qty,
    /// How far both quotes move for each 100 net shares, before rounding to whole ticks.
    pub skew_per_100_shares: Price,
    /// Lowest reference midpoint that is quoted.
    pub min_midpoint: Price,
    /// Highest reference midpoint that is quoted.
    pub max_midpoint: Price,
    /// No quotes this close to the start or end; zero ignores both.
    pub stop_before_end: Nanos,
    /// Quote only where a pool is funded.
    pub require_rewards: bool,
    /// How far above the reward minimum an order starts, percent, 0 to 1000.
    pub min_size_headroom_percent: u64,
    /// From this many confirmed shares on, they are sold instead of the other outcome bought.
    pub sell_from: Option<Qty>,
    /// What resting costs; `None` when the keys are not given, which only [`Strategy::Fixed`] allows.
    pub cost: Option<CostModel>,
    /// What holding costs, for [`Strategy::AvellanedaStoikov`].
    pub inventory: Option<InventoryModel>,
    /// No quotes while recent fills lost more than this a share within a minute.
    pub toxic_markout: Option<Price>,
    /// Millionths of a share times days that weigh as much as the model's word; `None`: nothing is learned.
    pub learn: Option<u64>,
    /// A move of the reference midpoint that stops quotes.
    pub news: Option<NewsRule>,
    /// What quotes are placed around.
    pub fair: FairRule,
}

/// A length in cents between `low` and `high` ten-thousandths.
fn cents(key: &'static str, text: &str, low: u64, high: u64, allowed: &'static str) -> Result<Price, ParamError> {
    parse_decimal(text, CENTS_DECIMALS)
        .ok()
        .filter(|n| (low..=high).contains(n))
        .and_then(|n| u16::try_from(n).ok())
        .and_then(Price::from_ten_thousandths)
        .ok_or_else(|| ParamError::Value { key, value: text.to_owned(), allowed })
}

/// An order size: whole hundredths of a share above zero.
fn size(key: &'static str, text: &str) -> Result<Qty, ParamError> {
    const ALLOWED: &str = "a number of shares above 0 with at most 2 decimals, like \"20\"";
    let err = |_: BadDecimal| ParamError::Value { key, value: text.to_owned(), allowed: ALLOWED };
    let qty = Qty::parse(text).map_err(err)?;
    if qty.is_orderable() { Ok(qty) } else { Err(ParamError::Value { key, value: text.to_owned(), allowed: ALLOWED }) }
}

fn price(key: &'static str, text: &str) -> Result<Price, ParamError> {
    Price::parse(text).map_err(|_| ParamError::Value {
        key,
        value: text.to_owned(),
        allowed: "a price between 0 and 1 dollar with at most 4 decimals, like \"0.05\"",
    })
}

/// An empty value is none.
fn optional<T>(text: &str, read: impl FnOnce(&str) -> Result<T, ParamError>) -> Result<Option<T>, ParamError> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

fn ordered<T: PartialOrd>(low: (&'static str, &str, T), high: (&'static str, &str, T)) -> Result<(), ParamError> {
    if low.2 <= high.2 {
        return Ok(());
    }
    Err(ParamError::Order { low_key: low.0, low: low.1.to_owned(), high_key: high.0, high: high.1.to_owned() })
}

impl TryFrom<&RawQuote> for QuoteParams {
    type Error = ParamError;

    fn try_from(raw: &RawQuote) -> Result<Self, ParamError> {
        let strategy = match raw.strategy.as_str() {
            "fixed" => Strategy::Fixed,
            "reward" => Strategy::Reward,
            "avellaneda-stoikov" => Strategy::AvellanedaStoikov,
            other => {
                let allowed = "\"fixed\", \"reward\" or \"avellaneda-stoikov\"";
                return Err(ParamError::Value { key: "strategy", value: other.to_owned(), allowed });
            }
        };
        let cost = CostModel::read(&raw.cost_keys())?;
        if strategy != Strategy::Fixed && cost.is_none() {
            let allowed = "given, with the other keys of the cost model, for any strategy but \"fixed\"";
            return Err(ParamError::Value { key: "fills_per_day", value: String::new(), allowed });
        }
        let inventory = InventoryModel::read(&raw.risk_aversion, &raw.volatility_per_sqrt_h)?;
        if strategy == Strategy::AvellanedaStoikov && inventory.is_none() {
            let allowed = "given, with volatility_per_sqrt_h, for strategy \"avellaneda-stoikov\"";
            return Err(ParamError::Value { key: "risk_aversion", value: String::new(), allowed });
        }
        if raw.min_size_headroom_percent > 1000 {
            return Err(ParamError::Value {
                key: "min_size_headroom_percent",
                value: raw.min_size_headroom_percent.to_string(),
                allowed: "0 to 1000",
            });
        }
        const HALF: &str = "cents from 0.01 to 50 with at most 2 decimals, like \"1.5\"";
        const UP_TO_WHOLE: &str = "cents from 0.01 to 100 with at most 2 decimals, like \"6\"";
        const FROM_ZERO: &str = "cents from 0 to 50 with at most 2 decimals, like \"1\"";
        let params = Self {
            strategy,
            distance: cents("distance_cents", &raw.distance_cents, 1, 5_000, HALF)?,
            size: size("size_shares", &raw.size_shares)?,
            max_size: size("max_size_shares", &raw.max_size_shares)?,
            max_book_spread: cents("max_book_spread_cents", &raw.max_book_spread_cents, 1, 10_000, UP_TO_WHOLE)?,
            max_held: size("max_held_shares", &raw.max_held_shares)?,
            skew_per_100_shares: cents(
                "skew_cents_per_100_shares",
                &raw.skew_cents_per_100_shares,
                0,
                5_000,
                FROM_ZERO,
            )?,
            min_midpoint: price("min_midpoint", &raw.min_midpoint)?,
            max_midpoint: price("max_midpoint", &raw.max_midpoint)?,
            stop_before_end: Nanos::from_secs(raw.stop_before_end_s),
            require_rewards: raw.require_rewards,
            min_size_headroom_percent: raw.min_size_headroom_percent,
            sell_from: optional(&raw.sell_from_shares, |text| size("sell_from_shares", text))?,
            cost,
            inventory,
            toxic_markout: optional(&raw.toxic_markout_cents, |text| {
                cents("toxic_markout_cents", text, 0, 5_000, FROM_ZERO)
            })?,
            learn: optional(&raw.learn_share_days, |text| Ok(size("learn_share_days", text)?.micro()))?,
            news: optional(&raw.news_move_cents, |text| {
                let seconds = |key, n: u64| match n {
                    1..=86_400 => Ok(Nanos::from_secs(n)),
                    _ => Err(ParamError::Value { key, value: n.to_string(), allowed: "1 to 86400" }),
                };
                Ok(NewsRule {
                    distance: cents("news_move_cents", text, 1, 5_000, HALF)?,
                    window: seconds("news_window_s", raw.news_window_s)?,
                    pause: seconds("news_pause_s", raw.news_pause_s)?,
                })
            })?,
            fair: FairRule::read(
                raw.micro_price_percent,
                &raw.flow_cents_per_1000_shares,
                raw.flow_half_life_s,
                &raw.flow_max_cents,
            )?,
        };
        ordered(
            ("size_shares", &raw.size_shares, params.size),
            ("max_size_shares", &raw.max_size_shares, params.max_size),
        )?;
        ordered(
            ("size_shares", &raw.size_shares, params.size),
            ("max_held_shares", &raw.max_held_shares, params.max_held),
        )?;
        ordered(
            ("min_midpoint", &raw.min_midpoint, params.min_midpoint),
            ("max_midpoint", &raw.max_midpoint, params.max_midpoint),
        )?;
        if params.min_midpoint.complement().ten_thousandths() <= 1 {
            let allowed = "below 0.9999: on the finest tick no ask fits above it";
            return Err(ParamError::Value { key: "min_midpoint", value: raw.min_midpoint.clone(), allowed });
        }
        if params.max_midpoint.ten_thousandths() <= 1 {
            let allowed = "above 0.0001: on the finest tick no bid fits below it";
            return Err(ParamError::Value { key: "max_midpoint", value: raw.max_midpoint.clone(), allowed });
        }
        Ok(params)
    }
}
