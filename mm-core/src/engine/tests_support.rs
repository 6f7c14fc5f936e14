//! One market and one configuration for tests of the engine and of the journal.

use crate::config::{Config, RawConfig};
use crate::domain::{
    ConditionId, Market, MarketIx, Nanos, Outcome, Price, Qty, RewardTerms, TickSize, Token, TokenId, Usdc,
};
use crate::event::{Input, MarketEvent};
use crate::quote::{CostKeys, CostModel};

pub(crate) fn config() -> Config {
    config_for(&[1], "200")
}

/// The same for these markets, with another limit over all of them.
pub(crate) fn config_for(markets: &[u64], max_total_usdc: &str) -> Config {
    let raw: RawConfig = serde_json::from_value(written(markets, max_total_usdc)).expect("the keys are known");
    Config::try_from(raw).expect("the values are allowed")
}

/// The same as it is written.
pub(crate) fn written(markets: &[u64], max_total_usdc: &str) -> serde_json::Value {
    let blocks: Vec<serde_json::Value> =
        markets.iter().map(|n| serde_json::json!({ "condition": format!("0x{n:064x}") })).collect();
    serde_json::json!({
        "schema": 1,
        "feed": { "ws_url": "ws://127.0.0.1:1/ws/market", "rest_url": "http://127.0.0.1:1", "tokens_per_link": 200,
            "ping_every_ms": 10000, "pong_timeout_ms": 30000, "probe_after_ms": 5000, "dead_after_ms": 30000,
            "snapshot_wait_ms": 5000, "suspect_after_ms": 1000, "witness_every_ms": 60000,
            "reconnect_min_ms": 250, "reconnect_max_ms": 30000 },
        "executor": { "socket": "run/core.sock", "alive_every_ms": 500 },
        "journal": { "dir": "runs", "segment_mib": 1 },
        "metrics": { "listen": "" },
        "orders": { "min_edit_interval_ms": 2000, "do_nothing_cents": "1", "do_nothing_size_percent": 25,
            "calls_per_second": 20, "calls_burst": 40, "max_open_orders": 100 },
        "risk": { "max_market_usdc": "50", "max_total_usdc": max_total_usdc, "cool_down_ms": 10000 },
        "quote": { "strategy": "fixed", "distance_cents": "1.5", "size_shares": "20", "max_size_shares": "100",
            "max_book_spread_cents": "6", "max_held_shares": "200", "skew_cents_per_100_shares": "1",
            "min_midpoint": "0.05", "max_midpoint": "0.95", "stop_before_end_s": 0, "require_rewards": true },
        "market": blocks
    })
}

/// The whole book of the first market: one level a side.
pub(crate) fn book(bid: Price, ask: Price, qty: Qty, venue_ms: u64) -> Input {
    Input::Market(MarketEvent::Snapshot {
        token: Token { market: MarketIx(0), outcome: Outcome::Yes },
        bids: vec![(bid, qty)],
        asks: vec![(ask, qty)],
        tick: None,
        last_trade: None,
        hash: None,
        venue_ms,
    })
}

/// A cost model in which resting a few cents away pays.
pub(crate) fn costs() -> CostModel {
    let keys = CostKeys {
        fills_per_day: "40",
        fill_decay_per_cent: "1.3",
        markout_cents: "3",
        jumps_per_day: "0",
        jump_cents: "0",
        rebate_cents: "",
        resolutions_per_day: "",
        capital_percent_per_year: "",
    };
    CostModel::read(&keys).expect("good keys").expect("all that are needed")
}

pub(crate) fn market(n: u64) -> Market {
    Market {
        condition: ConditionId::parse(&format!("0x{n:064x}")).expect("64 digits"),
        event: None,
        yes: TokenId::parse(&(1000 + 2 * n).to_string()).expect("digits"),
        no: TokenId::parse(&(1001 + 2 * n).to_string()).expect("digits"),
        tick: TickSize::CENT,
        min_order: Qty::from_micro(5_000_000),
        neg_risk: false,
        ready: true,
        rewards: Some(RewardTerms {
            max_spread: Price::parse("0.035").expect("a price"),
            min_size: Qty::from_micro(20_000_000),
            min_age: Nanos::ZERO,
            rate_per_day: Usdc::from_micro(50_000_000),
        }),
        resolving: false,
        starts: None,
        ends: None,
    }
}
