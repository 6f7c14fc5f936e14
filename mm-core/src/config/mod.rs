//! From what a person wrote to what the engine may rely on: raw values are read strictly, checked together, then typed.
//!
//! The raw form knows every key of `config/mm-core.toml` and refuses all others; the typed form carries no unit in doubt
//! and a digest over itself. Parsing TOML is the shell's; nothing here reads a file.

mod feed;
mod legal;
mod raw;

pub use feed::{Feed, TOKENS_PER_LINK_MAX};
pub use raw::{RawConfig, RawExecutor, RawFeed, RawJournal, RawMarket, RawMetrics, RawOrders, RawRewards, RawRisk};

use crate::domain::{ConditionId, Digest, Nanos, Usdc};
use crate::engine::{ScoringRules, UNSCORED_MAX, WhenUnscored};
use crate::quote::{Adjust, ParamError, QuoteParams};
use serde::Serialize;
use std::fmt;

/// The only `schema` this build reads.
pub const SCHEMA: u32 = 1;

/// What is wrong with a configuration: the key, the value found and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// One value is outside what is allowed.
    #[error("{key} = {value}: {allowed}")]
    Value {
        /// Section and key.
        key: String,
        /// What was found.
        value: String,
        /// What would be accepted.
        allowed: String,
    },
    /// Two values contradict each other.
    #[error("{first} = {first_value} and {second} = {second_value}: {rule}")]
    Relation {
        /// Section and key.
        first: String,
        /// Its value.
        first_value: String,
        /// Section and key.
        second: String,
        /// Its value.
        second_value: String,
        /// What must hold between them.
        rule: &'static str,
    },
    /// A key that has no default is missing.
    #[error("{key} is missing: {allowed}")]
    Missing {
        /// Section and key.
        key: String,
        /// What would be accepted.
        allowed: String,
    },
}

impl ConfigError {
    fn value(key: impl Into<String>, value: impl fmt::Display, allowed: impl Into<String>) -> Self {
        Self::Value { key: key.into(), value: value.to_string(), allowed: allowed.into() }
    }
}

/// Checked configuration of the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Public feed.
    pub feed: Feed,
    /// The socket to the executor.
    pub executor: Executor,
    /// Where runs are kept.
    pub journal: Journal,
    /// The metrics page.
    pub metrics: Metrics,
    /// Order handling.
    pub orders: Orders,
    /// Core-side limits.
    pub risk: Risk,
    /// The reward ledger.
    pub rewards: Rewards,
    /// Which markets, with the quote parameters of each, in the order of the universe.
    pub markets: Vec<MarketConfig>,
}

/// The socket to the executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Executor {
    /// Path of the executor's core socket.
    pub socket: String,
    /// Between two leases.
    pub alive_every: Nanos,
}

/// Where runs are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Journal {
    /// One folder a run below this.
    pub dir: String,
    /// A new segment after this many bytes.
    pub segment_bytes: u64,
    /// A run whose journal would grow beyond this withdraws everything and stops.
    pub max_bytes: u64,
}

/// The metrics page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// Loopback address and port; `None` is off.
    pub listen: Option<std::net::SocketAddr>,
}

/// How orders are handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Least time between two edits of one market's orders.
    pub min_edit_interval: Nanos,
    /// A quote that moved less than this many ten-thousandths of a dollar …
    pub do_nothing_price: u16,
    /// … and changed less than this many percent in size stays.
    pub do_nothing_size_percent: u8,
    /// Placements and cancels together.
    pub calls_per_second: u32,
    /// How many may go at once.
    pub calls_burst: u32,
    /// Orders in any live state, all markets.
    pub max_open_orders: u32,
    /// How long an order is expected to rest until a move is forced, before a market has shown it.
    pub expected_rest: Nanos,
}

/// Core-side limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// Open notional plus holdings of one market.
    pub max_market: Usdc,
    /// The same over all markets.
    pub max_total: Usdc,
    /// Quiet time after a kill condition is gone.
    pub cool_down: Nanos,
    /// Half of what fills taught is forgotten after this.
    pub markout_half_life: Nanos,
}

/// The reward ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rewards {
    /// Scores are sampled at every whole multiple of this, counted from 1970.
    pub sample_every: Nanos,
    /// What is done about samples that do not score.
    pub rules: ScoringRules,
}

/// One market and how it is quoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarketConfig {
    /// The venue's condition id.
    pub condition: ConditionId,
    /// Quote parameters of this market: `[quote]` with the market's own keys over it.
    pub quote: QuoteParams,
}

impl Config {
    /// SHA-256 of the typed configuration in its one serialized form: comments, order of keys and spelling of numbers
    /// do not change it, values do.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_vec(self).expect("the typed configuration has no map with non-text keys");
        Digest::of(&text)
    }
}

/// Checks one whole number against a closed range.
fn in_range<T: PartialOrd + fmt::Display + Copy>(key: &str, value: T, lo: T, hi: T) -> Result<T, ConfigError> {
    if value >= lo && value <= hi {
        Ok(value)
    } else {
        Err(ConfigError::value(key, value, format!("must be {lo} to {hi}")))
    }
}

/// Milliseconds within a closed range.
fn ms(key: &str, value: u64, lo: u64, hi: u64) -> Result<Nanos, ConfigError> {
    in_range(key, value, lo, hi).map(Nanos::from_ms)
}

/// Demands `first < second`.
fn less(first: (&str, u64), second: (&str, u64), rule: &'static str) -> Result<(), ConfigError> {
    if first.1 < second.1 {
        return Ok(());
    }
    Err(ConfigError::Relation {
        first: first.0.to_owned(),
        first_value: first.1.to_string(),
        second: second.0.to_owned(),
        second_value: second.1.to_string(),
        rule,
    })
}

/// An address that starts with one of two schemes and holds nothing odd.
fn url(key: &str, value: &str, schemes: [&str; 2]) -> Result<String, ConfigError> {
    let rest = schemes.iter().find_map(|s| value.strip_prefix(s));
    match rest {
        Some(rest) if !rest.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(value.trim_end_matches('/').to_owned())
        }
        _ => Err(ConfigError::value(
            key,
            format!("{value:?}"),
            format!("must start with {} or {}", schemes[0], schemes[1]),
        )),
    }
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Self, ConfigError> {
        if raw.schema != SCHEMA {
            return Err(ConfigError::value("schema", raw.schema, format!("must be {SCHEMA}")));
        }
        let config = Self {
            feed: feed::check(&raw.feed, raw.market.len())?,
            executor: Executor {
                socket: not_empty("executor.socket", &raw.executor.socket)?,
                // The executor counts the core as silent after 2 s: three leases must fit.
                alive_every: ms("executor.alive_every_ms", raw.executor.alive_every_ms, 10, 666)?,
            },
            journal: Journal {
                dir: not_empty("journal.dir", &raw.journal.dir)?,
                segment_bytes: in_range("journal.segment_mib", raw.journal.segment_mib, 1, 4096)? << 20,
                max_bytes: in_range("journal.max_gib", raw.journal.max_gib, 1, 65_536)? << 30,
            },
            metrics: Metrics { listen: listen(&raw.metrics.listen)? },
            orders: orders(&raw.orders)?,
            risk: risk(&raw.risk)?,
            rewards: rewards(&raw.rewards)?,
            markets: markets(&raw)?,
        };
        less(
            ("journal.segment_mib", raw.journal.segment_mib),
            ("journal.max_gib", (raw.journal.max_gib << 10) + 1),
            "a segment, in MiB, cannot be larger than the journal",
        )?;
        legal::check(&config)?;
        Ok(config)
    }
}

fn not_empty(key: &str, value: &str) -> Result<String, ConfigError> {
    if value.is_empty() {
        return Err(ConfigError::value(key, "\"\"", "must be a path"));
    }
    Ok(value.to_owned())
}

fn listen(raw: &str) -> Result<Option<std::net::SocketAddr>, ConfigError> {
    if raw.is_empty() {
        return Ok(None);
    }
    match raw.parse::<std::net::SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        _ => Err(ConfigError::value(
            "metrics.listen",
            format!("{raw:?}"),
            "must be a loopback address with a port, like 127.0.0.1:9464, or empty for off",
        )),
    }
}

fn orders(raw: &RawOrders) -> Result<Orders, ConfigError> {
    let key = "orders.do_nothing_cents";
    let allowed = "must be a decimal string of cents, \"0\" to \"10\", with at most two decimals";
    let hundredths = crate::domain::parse_decimal(&raw.do_nothing_cents, 2)
        .ok()
        .and_then(|n| u16::try_from(n).ok())
        .filter(|n| *n <= 1000)
        .ok_or_else(|| ConfigError::value(key, format!("{:?}", raw.do_nothing_cents), allowed))?;
    less(
        ("orders.calls_per_second", u64::from(raw.calls_per_second)),
        ("orders.calls_burst", u64::from(raw.calls_burst).saturating_add(1)),
        "a burst must hold at least one second's calls",
    )?;
    Ok(Orders {
        min_edit_interval: ms("orders.min_edit_interval_ms", raw.min_edit_interval_ms, 0, 600_000)?,
        do_nothing_price: hundredths,
        do_nothing_size_percent: in_range("orders.do_nothing_size_percent", raw.do_nothing_size_percent, 0, 100)?,
        calls_per_second: in_range("orders.calls_per_second", raw.calls_per_second, 1, 1000)?,
        calls_burst: in_range("orders.calls_burst", raw.calls_burst, 4, 10_000)?,
        max_open_orders: in_range("orders.max_open_orders", raw.max_open_orders, 1, 1000)?,
        expected_rest: in_range("orders.expected_rest_s", raw.expected_rest_s, 1, 86_400).map(Nanos::from_secs)?,
    })
}

/// Dollars above zero.
fn dollars(key: &str, value: &str) -> Result<Usdc, ConfigError> {
    match Usdc::parse(value) {
        Ok(amount) if !amount.is_zero() => Ok(amount),
        _ => Err(ConfigError::value(key, format!("{value:?}"), "must be a decimal string of dollars above zero")),
    }
}

fn risk(raw: &RawRisk) -> Result<Risk, ConfigError> {
    let max_market = dollars("risk.max_market_usdc", &raw.max_market_usdc)?;
    let max_total = dollars("risk.max_total_usdc", &raw.max_total_usdc)?;
    if max_market > max_total {
        return Err(ConfigError::Relation {
            first: "risk.max_market_usdc".to_owned(),
            first_value: max_market.to_string(),
            second: "risk.max_total_usdc".to_owned(),
            second_value: max_total.to_string(),
            rule: "one market cannot hold more than all together",
        });
    }
    let half_life = in_range("risk.markout_half_life_s", raw.markout_half_life_s, 60, 2_592_000)?;
    Ok(Risk {
        max_market,
        max_total,
        cool_down: ms("risk.cool_down_ms", raw.cool_down_ms, 0, 3_600_000)?,
        markout_half_life: Nanos::from_secs(half_life),
    })
}

fn rewards(raw: &RawRewards) -> Result<Rewards, ConfigError> {
    let when_unscored = match raw.when_unscored.as_str() {
        "keep" => WhenUnscored::Keep,
        "adjust" => WhenUnscored::Adjust,
        "leave" => WhenUnscored::Leave,
        other => {
            let key = "rewards.when_unscored";
            return Err(ConfigError::value(key, format!("{other:?}"), "must be \"keep\", \"adjust\" or \"leave\""));
        }
    };
    let seconds = |key, value| in_range(key, value, 1, 604_800).map(Nanos::from_secs);
    Ok(Rewards {
        sample_every: ms("rewards.sample_every_ms", raw.sample_every_ms, 100, 3_600_000)?,
        rules: ScoringRules {
            unscored: in_range("rewards.unscored_samples", raw.unscored_samples, 1, UNSCORED_MAX)?,
            when_unscored,
            step: Adjust {
                tighten_ticks: in_range("rewards.tighten_ticks", raw.tighten_ticks, 0, 1_000)?,
                raise_size_percent: in_range("rewards.raise_size_percent", raw.raise_size_percent, 0, 1_000)?,
            },
            steps: in_range("rewards.adjust_steps", raw.adjust_steps, 0, 20)?,
            adjust_for: seconds("rewards.adjust_for_s", raw.adjust_for_s)?,
            leave_for: seconds("rewards.leave_for_s", raw.leave_for_s)?,
        },
    })
}

fn markets(raw: &RawConfig) -> Result<Vec<MarketConfig>, ConfigError> {
    if raw.market.is_empty() {
        return Err(ConfigError::Missing { key: "[[market]]".to_owned(), allowed: "at least one block".to_owned() });
    }
    let mut out: Vec<MarketConfig> = Vec::with_capacity(raw.market.len());
    for (row, market) in raw.market.iter().enumerate() {
        let key = format!("market[{row}].condition");
        let condition = ConditionId::parse(&market.condition)
            .map_err(|why| ConfigError::value(key.clone(), format!("{:?}", market.condition), why.to_string()))?;
        if out.iter().any(|m| m.condition == condition) {
            return Err(ConfigError::value(key, condition, "must be given once only"));
        }
        let mut quote =
            QuoteParams::try_from(&raw.quote.with(&market.overrides())).map_err(|why| in_market(row, why))?;
        // markets with the same keys share one table: it is as large as half of a market's book
        if let Some(cost) = &mut quote.cost {
            out.iter().filter_map(|known| known.quote.cost.as_ref()).for_each(|known| cost.share(known));
        }
        out.push(MarketConfig { condition, quote });
    }
    Ok(out)
}

/// Names the block whose quote keys, taken together with `[quote]`, do not hold.
fn in_market(row: usize, why: ParamError) -> ConfigError {
    let section = format!("[quote] with [[market]] {}", row + 1);
    match why {
        ParamError::Value { key, value, allowed } => {
            ConfigError::value(format!("{section}: {key}"), format!("{value:?}"), format!("must be {allowed}"))
        }
        ParamError::Order { low_key, low, high_key, high } => ConfigError::Relation {
            first: format!("{section}: {low_key}"),
            first_value: low,
            second: high_key.to_owned(),
            second_value: high,
            rule: "the first must not be above the second",
        },
    }
}
