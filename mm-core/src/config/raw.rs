//! The keys of `config/mm-core.toml`, as they are written: strings for decimals, integers with the unit in the key.
//!
//! Every struct refuses unknown keys. Nothing here is trusted; `Config::try_from` checks it.

use crate::quote::{QuoteOverrides, RawQuote};
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// `[feed]`
    pub feed: RawFeed,
    /// `[executor]`
    pub executor: RawExecutor,
    /// `[journal]`
    pub journal: RawJournal,
    /// `[metrics]`
    pub metrics: RawMetrics,
    /// `[orders]`
    pub orders: RawOrders,
    /// `[risk]`
    pub risk: RawRisk,
    /// `[rewards]`
    #[serde(default)]
    pub rewards: RawRewards,
    /// `[quote]`
    pub quote: RawQuote,
    /// `[[market]]`
    #[serde(default)]
    pub market: Vec<RawMarket>,
}

/// `[feed]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFeed {
    /// Market channel.
    pub ws_url: String,
    /// Public REST.
    pub rest_url: String,
    /// Public REST of the markets' metadata; empty: not asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gamma_url: String,
    /// 2 to 500, even.
    pub tokens_per_link: u16,
    /// Text `PING`.
    pub ping_every_ms: u64,
    /// No `PONG`: reconnect.
    pub pong_timeout_ms: u64,
    /// Quiet link: ask REST.
    pub probe_after_ms: u64,
    /// Silent link and silent REST: books unsynced.
    pub dead_after_ms: u64,
    /// No first book: ask REST.
    pub snapshot_wait_ms: u64,
    /// Crossed or off the announced top: suspect.
    pub suspect_after_ms: u64,
    /// Comparison with the venue's hash.
    #[serde(default = "hash_every_ms")]
    pub hash_every_ms: u64,
    /// Another hash than the venue's: suspect.
    #[serde(default = "hash_grace_ms")]
    pub hash_grace_ms: u64,
    /// REST comparison.
    pub witness_every_ms: u64,
    /// Oldest comparison of a market where orders rest.
    #[serde(default = "witness_quoted_ms")]
    pub witness_quoted_ms: u64,
    /// Silent market: ask REST. Half of `dead_after_ms` if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_probe_ms: Option<u64>,
    /// Comparisons and probes.
    #[serde(default = "rest_calls_per_second")]
    pub rest_calls_per_second: u32,
    /// Tick, minimum size and reward terms.
    #[serde(default = "catalog_every_ms")]
    pub catalog_every_ms: u64,
    /// A connection is replaced after this; 0 is never.
    #[serde(default = "renew_every_ms")]
    pub renew_every_ms: u64,
    /// First wait.
    pub reconnect_min_ms: u64,
    /// Longest wait.
    pub reconnect_max_ms: u64,
}

/// SHA-1 of a book costs as much as ten frames or more.
const fn hash_every_ms() -> u64 {
    1_000
}

/// Changes that arrive late have come up to 2.2 s late.
const fn hash_grace_ms() -> u64 {
    2_500
}

/// `clob-streams.md` section 7 wants 60 to 120 s for quiet tokens.
const fn witness_quoted_ms() -> u64 {
    120_000
}

/// The venue takes 150 a second of one address.
const fn rest_calls_per_second() -> u32 {
    20
}

/// Feeds have frozen after 14 minutes at the earliest.
const fn renew_every_ms() -> u64 {
    600_000
}

/// Pools vanish inside a day: a minute is how long we may quote for one that is gone.
const fn catalog_every_ms() -> u64 {
    60_000
}

/// `[executor]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawExecutor {
    /// Socket path.
    pub socket: String,
    /// Lease.
    pub alive_every_ms: u64,
}

/// `[journal]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawJournal {
    /// Folder of runs.
    pub dir: String,
    /// Size of one segment.
    pub segment_mib: u64,
    /// Size of a run.
    #[serde(default = "max_gib")]
    pub max_gib: u64,
}

/// Days of a hundred busy markets.
const fn max_gib() -> u64 {
    256
}

/// `[metrics]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMetrics {
    /// Loopback address and port; `""` is off.
    pub listen: String,
}

/// `[orders]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOrders {
    /// Floor between edits of one market.
    pub min_edit_interval_ms: u64,
    /// Do-nothing zone, price.
    pub do_nothing_cents: String,
    /// Do-nothing zone, size.
    pub do_nothing_size_percent: u8,
    /// Budget.
    pub calls_per_second: u32,
    /// Budget.
    pub calls_burst: u32,
    /// All markets.
    pub max_open_orders: u32,
    /// Between two forced moves.
    #[serde(default = "expected_rest_s")]
    pub expected_rest_s: u64,
}

/// A guess until a market's own orders have been edited.
const fn expected_rest_s() -> u64 {
    120
}

/// `[risk]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRisk {
    /// One market.
    pub max_market_usdc: String,
    /// All markets.
    pub max_total_usdc: String,
    /// After a kill condition.
    pub cool_down_ms: u64,
    /// Half of what fills taught is forgotten after this.
    #[serde(default = "markout_half_life_s")]
    pub markout_half_life_s: u64,
}

/// A morning's flow says little of the evening's.
const fn markout_half_life_s() -> u64 {
    7_200
}

/// `[rewards]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRewards {
    /// Between two samples of the reward ledger.
    pub sample_every_ms: u64,
    /// Unscored samples before something is done.
    pub unscored_samples: u32,
    /// `keep`, `adjust` or `leave`.
    pub when_unscored: String,
    /// One step of `adjust`.
    pub tighten_ticks: u16,
    /// One step of `adjust`.
    pub raise_size_percent: u16,
    /// Steps before a market is left.
    pub adjust_steps: u8,
    /// An adjustment ends.
    pub adjust_for_s: u64,
    /// An absence ends.
    pub leave_for_s: u64,
}

impl Default for RawRewards {
    /// The venue samples once a minute.
    fn default() -> Self {
        Self {
            sample_every_ms: 60_000,
            unscored_samples: 5,
            when_unscored: "adjust".to_owned(),
            tighten_ticks: 1,
            raise_size_percent: 10,
            adjust_steps: 2,
            adjust_for_s: 3_600,
            leave_for_s: 1_800,
        }
    }
}

/// Writes [`RawMarket`] from the list of quote keys: serde cannot both flatten and refuse unknown keys.
macro_rules! market_block {
    ($($key:ident: $type:ty,)*) => {
        /// `[[market]]`: its condition, and any `[quote]` key that differs here.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct RawMarket {
            /// The venue's condition id.
            pub condition: String,
            $(
                #[doc = concat!("See [`RawQuote::", stringify!($key), "`].")]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $key: Option<$type>,
            )*
        }

        impl RawMarket {
            /// This market's own values.
            #[must_use]
            pub fn overrides(&self) -> QuoteOverrides {
                QuoteOverrides { $($key: self.$key.clone(),)* }
            }
        }
    };
}

market_block! {
    strategy: String,
    distance_cents: String,
    size_shares: String,
    max_size_shares: String,
    max_book_spread_cents: String,
    max_held_shares: String,
    skew_cents_per_100_shares: String,
    min_midpoint: String,
    max_midpoint: String,
    stop_before_end_s: u64,
    require_rewards: bool,
    min_size_headroom_percent: u64,
    sell_from_shares: String,
    fills_per_day: String,
    fill_decay_per_cent: String,
    markout_cents: String,
    jumps_per_day: String,
    jump_cents: String,
    rebate_cents: String,
    resolutions_per_day: String,
    capital_percent_per_year: String,
    risk_aversion: String,
    volatility_per_sqrt_h: String,
    toxic_markout_cents: String,
    learn_share_days: String,
    news_move_cents: String,
    news_window_s: u64,
    news_pause_s: u64,
    micro_price_percent: u64,
    flow_cents_per_1000_shares: String,
    flow_half_life_s: u64,
    flow_max_cents: String,
}
