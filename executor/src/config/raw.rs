//! The file as it is written. Nothing is optional that has to do with money.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) schema: u32,
    pub(super) profile: RawProfile,
    pub(super) submit: RawSubmit,
    pub(super) auto_arm: bool,
    pub(super) paths: RawPaths,
    pub(super) peers: RawPeers,
    pub(super) venue: Option<RawVenue>,
    pub(super) account: RawAccount,
    pub(super) gate: RawGate,
    pub(super) limits: RawLimits,
    pub(super) policy: RawPolicy,
    #[serde(default)]
    pub(super) market: Vec<RawMarket>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawProfile {
    Live,
    Sim,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawSubmit {
    Post,
    Withhold,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPaths {
    pub(super) state_dir: String,
    pub(super) socket_dir: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPeers {
    pub(super) core_uids: Vec<u32>,
    pub(super) view_uids: Vec<u32>,
    pub(super) operator_uids: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVenue {
    pub(super) rest_url: String,
    pub(super) user_ws_url: String,
    pub(super) geoblock_url: String,
    pub(super) chain_id: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAccount {
    pub(super) key: RawKey,
    pub(super) signature_type: u8,
    pub(super) funder: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "source")]
pub(super) enum RawKey {
    File { path: String },
    // braces: an unlisted key beside a variant without fields would be ignored
    ThrowAway {},
    Credential { name: String },
    Keystore { path: String, passphrase_file: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGate {
    pub(super) core_silent_ms: u64,
    pub(super) feed_max_age_ms: u64,
    pub(super) heartbeat_every_ms: u64,
    pub(super) heartbeat_max_age_ms: u64,
    pub(super) geoblock_every_ms: u64,
    pub(super) geoblock_max_age_ms: u64,
    pub(super) closed_only_every_ms: u64,
    pub(super) closed_only_max_age_ms: u64,
    pub(super) user_probe_ms: u64,
    pub(super) user_tell_ms: u64,
    pub(super) user_dead_ms: u64,
    pub(super) clock_every_ms: u64,
    pub(super) clock_max_age_ms: u64,
    pub(super) clock_pause_ms: u64,
    pub(super) clock_halt_ms: u64,
    pub(super) intent_max_age_ms: u64,
    pub(super) zero_gap_ms: u64,
    pub(super) reading_retry_ms: u64,
    pub(super) request_timeout_ms: u64,
    pub(super) cancel_timeout_ms: u64,
    pub(super) late_landing_ms: u64,
    pub(super) pause_window_ms: u64,
    pub(super) pauses_max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) tier: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) max_order_shares: String,
    pub(super) max_order_usdc: String,
    pub(super) max_market_usdc: String,
    pub(super) max_total_usdc: String,
    pub(super) max_market_loss_usdc: String,
    pub(super) max_event_loss_usdc: String,
    pub(super) max_total_loss_usdc: String,
    pub(super) max_token_orders: u32,
    pub(super) max_market_orders: u32,
    pub(super) max_event_orders: u32,
    pub(super) max_token_resting_usdc: String,
    pub(super) max_market_resting_usdc: String,
    pub(super) max_event_resting_usdc: String,
    pub(super) max_open_orders: u32,
    pub(super) max_orders_per_minute: u32,
    pub(super) max_token_fills_per_minute: u32,
    pub(super) max_rejects_in_a_row: u32,
    pub(super) max_day_bought_usdc: String,
    pub(super) max_day_outflow_usdc: String,
    pub(super) max_day_placed_usdc: String,
    pub(super) min_price: String,
    pub(super) max_price: String,
    pub(super) reference_band: String,
    pub(super) reference_max_age_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMarket {
    pub(super) slug: String,
    pub(super) condition: String,
    pub(super) event: String,
    pub(super) yes: String,
    pub(super) no: String,
    pub(super) neg_risk: bool,
    pub(super) tick: String,
    pub(super) min_order_shares: String,
}
