//! Configurations of a stack on loopback: the commented examples of `config/`, changed where a stack must differ.

use super::{Options, StackError};
use serde::Deserialize;
use std::path::Path;
use toml::{Table, Value};

/// The ready line of `sim-exchange serve` (architecture, section 14).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    /// REST.
    pub(crate) clob: String,
    /// The sockets' base.
    pub(crate) ws: String,
    /// The market list.
    pub(crate) gamma: String,
    /// The Data API.
    pub(crate) data: String,
    /// The geoblock endpoint.
    pub(crate) geoblock: String,
    /// The admin port, when asked for.
    pub(crate) admin: Option<String>,
    /// Chain id of the orders.
    pub(crate) chain_id: u64,
    /// All markets.
    pub(crate) markets: Vec<ReadyMarket>,
}

/// One market of the ready line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ReadyMarket {
    /// First token.
    pub(crate) yes: String,
    /// Second token.
    pub(crate) no: String,
    /// Condition id.
    pub(crate) condition: String,
    /// Name.
    pub(crate) slug: String,
    /// Tick.
    pub(crate) tick: String,
    /// Signed for the neg-risk exchange.
    pub(crate) neg_risk: bool,
}

/// Sets `section.key` in a configuration.
fn set(table: &mut Table, section: &str, key: &str, value: impl Into<Value>) {
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = section {
        section.insert(key.to_owned(), value.into());
    }
}

/// One of the commented examples in `config/`: what it says holds unless a stack must differ.
fn example(root: &Path, name: &str) -> Result<Table, StackError> {
    let path = root.join("config").join(name);
    let text = std::fs::read_to_string(&path).map_err(|e| StackError(format!("{}: {e}", path.display())))?;
    text.parse().map_err(|e| StackError(format!("{}: {e}", path.display())))
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn whole(n: u64) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

/// The executor's configuration: the example with a throw-away key, loopback addresses, and caps a demo can fill.
pub(super) fn executor(
    options: &Options,
    sockets: &Path,
    ready: &Ready,
    minimums: &[String],
) -> Result<String, StackError> {
    let mut table = example(&options.root, "executor.toml")?;
    table.insert("profile".to_owned(), "sim".into());
    table.insert("submit".to_owned(), options.submit.into());
    table.insert("auto_arm".to_owned(), true.into());
    set(&mut table, "paths", "state_dir", text_of(&options.dir.join("executor")));
    set(&mut table, "paths", "socket_dir", text_of(sockets));
    set(&mut table, "venue", "rest_url", ready.clob.clone());
    set(&mut table, "venue", "user_ws_url", format!("{}/user", ready.ws));
    set(&mut table, "venue", "geoblock_url", ready.geoblock.clone());
    set(&mut table, "venue", "chain_id", whole(ready.chain_id));
    let key = Table::from_iter([("source".to_owned(), Value::from("throw-away"))]);
    set(&mut table, "account", "key", key);
    set(&mut table, "gate", "core_silent_ms", whole(options.core_silent_ms));
    set(&mut table, "gate", "geoblock_every_ms", whole(options.geoblock_every_ms));
    set(&mut table, "gate", "zero_gap_ms", whole(200));
    set(&mut table, "limits", "tier", "off");
    for (key, value) in [
        ("max_order_shares", "200"),
        ("max_order_usdc", "200"),
        ("max_market_usdc", "1000"),
        ("max_total_usdc", "4000"),
        ("max_market_loss_usdc", "1000"),
        ("max_event_loss_usdc", "1000"),
        ("max_total_loss_usdc", "4000"),
        ("max_token_resting_usdc", "1000"),
        ("max_market_resting_usdc", "2000"),
        ("max_event_resting_usdc", "2000"),
        ("max_day_bought_usdc", "5000"),
        ("max_day_outflow_usdc", "5000"),
        ("max_day_placed_usdc", "1000000"),
        ("min_price", "0.01"),
        ("max_price", "0.99"),
    ] {
        set(&mut table, "policy", key, value);
    }
    for key in ["max_token_orders", "max_market_orders", "max_event_orders", "max_open_orders"] {
        set(&mut table, "policy", key, whole(100));
    }
    set(&mut table, "policy", "max_orders_per_minute", whole(1200));
    set(&mut table, "policy", "max_token_fills_per_minute", whole(1000));
    set(&mut table, "policy", "max_rejects_in_a_row", whole(100));
    let markets = ready.markets.iter().zip(minimums).map(|(market, minimum)| {
        Value::Table(Table::from_iter([
            ("slug".to_owned(), market.slug.clone().into()),
            ("condition".to_owned(), market.condition.clone().into()),
            ("event".to_owned(), "".into()),
            ("yes".to_owned(), market.yes.clone().into()),
            ("no".to_owned(), market.no.clone().into()),
            ("neg_risk".to_owned(), market.neg_risk.into()),
            ("tick".to_owned(), market.tick.clone().into()),
            ("min_order_shares".to_owned(), minimum.clone().into()),
        ]))
    });
    table.insert("market".to_owned(), Value::Array(markets.collect()));
    for (section, key, value) in &options.executor_keys {
        set(&mut table, section, key, value.clone());
    }
    Ok(table.to_string())
}

/// The core's configuration: the example with the venue's markets and addresses.
pub(super) fn mm_core(options: &Options, sockets: &Path, ready: &Ready) -> Result<String, StackError> {
    let mut table = example(&options.root, "mm-core.toml")?;
    set(&mut table, "feed", "ws_url", format!("{}/market", ready.ws));
    set(&mut table, "feed", "rest_url", ready.clob.clone());
    set(&mut table, "feed", "gamma_url", ready.gamma.clone());
    set(&mut table, "feed", "witness_every_ms", whole(options.witness_ms));
    // A market opens some seconds into the tape: its facts change from "not yet" to "accepting orders".
    set(&mut table, "feed", "catalog_every_ms", whole(1000));
    set(&mut table, "executor", "socket", text_of(&sockets.join("core.sock")));
    set(&mut table, "journal", "dir", text_of(&options.dir.join("core")));
    set(&mut table, "metrics", "listen", "127.0.0.1:0");
    set(&mut table, "orders", "min_edit_interval_ms", whole(1000));
    set(&mut table, "risk", "max_market_usdc", "900");
    set(&mut table, "risk", "max_total_usdc", "3600");
    set(&mut table, "risk", "cool_down_ms", whole(2000));
    // reward minutes run with the tape
    set(&mut table, "rewards", "sample_every_ms", whole(options.reward_minute_ms()));
    if options.reward_minute_ms() < 60_000 {
        // edit times keep the wall clock: most orders are too young for such minutes, and markets would be left for that
        set(&mut table, "rewards", "when_unscored", "keep");
    }
    set(&mut table, "quote", "size_shares", "50");
    set(&mut table, "quote", "max_size_shares", "200");
    set(&mut table, "quote", "max_held_shares", "300");
    set(&mut table, "quote", "stop_before_end_s", whole(0));
    let markets = ready.markets.iter().map(|market| {
        Value::Table(Table::from_iter([("condition".to_owned(), Value::from(market.condition.clone()))]))
    });
    table.insert("market".to_owned(), Value::Array(markets.collect()));
    for (section, key, value) in &options.core_keys {
        set(&mut table, section, key, value.clone());
    }
    Ok(table.to_string())
}
