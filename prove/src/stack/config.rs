//! Configurations of a stack on loopback, written out so that a person can read and reuse them.

use super::Options;
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

/// The ready line of `sim-exchange serve` (architecture, section 14).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ready {
    /// REST.
    pub(crate) clob: String,
    /// The sockets' base.
    pub(crate) ws: String,
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

/// The executor's configuration: a throw-away key, loopback addresses, and caps a demo can read.
pub(super) fn executor(options: &Options, sockets: &Path, ready: &Ready, minimums: &[String]) -> String {
    let Options { submit, .. } = options;
    let mut text = format!(
        r#"# Written for one run on the simulator. The key is made on the spot and worth nothing.
schema = 1
profile = "sim"
submit = "{submit}"
auto_arm = true

[paths]
state_dir = {state:?}
socket_dir = {sockets:?}

[peers]
core_uids = []
view_uids = []
operator_uids = []

[venue]
rest_url = "{clob}"
user_ws_url = "{ws}/user"
geoblock_url = "{geoblock}"
chain_id = {chain}

[account]
key = {{ source = "throw-away" }}
signature_type = 0
funder = ""

[gate]
core_silent_ms = {silent}
heartbeat_every_ms = 5000
heartbeat_max_age_ms = 8000
geoblock_every_ms = {geoblock_every}
geoblock_max_age_ms = 180000
user_probe_ms = 5000
user_dead_ms = 30000
clock_every_ms = 60000
clock_pause_ms = 3000
clock_halt_ms = 30000
intent_max_age_ms = 2000
zero_gap_ms = 200
request_timeout_ms = 5000
cancel_timeout_ms = 500
late_landing_ms = 120000

[limits]
tier = "off"

[policy]
max_order_shares = "200"
max_order_usdc = "100"
max_market_usdc = "500"
max_total_usdc = "2000"
max_open_orders = 100
max_orders_per_minute = 1200
max_day_bought_usdc = "5000"
max_day_placed_usdc = "1000000"
min_price = "0.01"
max_price = "0.99"
"#,
        state = options.dir.join("executor"),
        silent = options.core_silent_ms,
        geoblock_every = options.geoblock_every_ms,
        clob = ready.clob,
        ws = ready.ws,
        geoblock = ready.geoblock,
        chain = ready.chain_id,
    );
    for (market, minimum) in ready.markets.iter().zip(minimums) {
        write!(
            text,
            "\n[[market]]\nslug = {:?}\ncondition = {:?}\nevent = \"\"\nyes = {:?}\nno = {:?}\nneg_risk = {}\ntick = {:?}\nmin_order_shares = {minimum:?}\n",
            market.slug, market.condition, market.yes, market.no, market.neg_risk, market.tick
        )
        .expect("writing to a String cannot fail");
    }
    text
}

/// The core's configuration: the venue's markets, quoted at a fixed distance.
pub(super) fn mm_core(options: &Options, sockets: &Path, ready: &Ready) -> String {
    let mut text = format!(
        r#"# Written for one run on the simulator.
schema = 1

[feed]
ws_url = "{ws}/market"
rest_url = "{clob}"
tokens_per_link = 200
ping_every_ms = 10000
pong_timeout_ms = 30000
probe_after_ms = 5000
dead_after_ms = 30000
snapshot_wait_ms = 5000
suspect_after_ms = 1000
witness_every_ms = {witness}
reconnect_min_ms = 250
reconnect_max_ms = 30000

[executor]
socket = {socket:?}
alive_every_ms = 500

[journal]
dir = {runs:?}
segment_mib = 256

[metrics]
listen = "127.0.0.1:0"

[orders]
min_edit_interval_ms = 1000
do_nothing_cents = "1"
do_nothing_size_percent = 25
calls_per_second = 20
calls_burst = 40
max_open_orders = 100

[risk]
max_market_usdc = "300"
max_total_usdc = "1500"
cool_down_ms = 2000

[quote]
strategy = "fixed"
distance_cents = "1.5"
size_shares = "50"
max_size_shares = "200"
max_book_spread_cents = "6"
max_held_shares = "300"
skew_cents_per_100_shares = "1"
min_midpoint = "0.05"
max_midpoint = "0.95"
stop_before_end_s = 0
require_rewards = true
"#,
        ws = ready.ws,
        clob = ready.clob,
        witness = options.witness_ms,
        socket = sockets.join("core.sock"),
        runs = options.dir.join("core"),
    );
    for market in &ready.markets {
        writeln!(text, "\n[[market]]\ncondition = {:?}", market.condition).expect("writing to a String cannot fail");
    }
    text
}
