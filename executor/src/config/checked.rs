//! Raw values to typed ones, and the relations between them.

use super::raw::{Raw, RawAccount, RawGate, RawKey, RawMarket, RawPeers, RawPolicy, RawProfile, RawSubmit, RawVenue};
use super::{AccountConfig, Buckets, Config, ConfigError, Endpoints, KeySource, Peers, Profile, Submit, Tier, words};
use crate::eip712::Chain;
use crate::gate::GateTimes;
use crate::outcome::VenueCall;
use crate::policy::{AllowedMarket, BadPolicy, Policy, PolicyCaps};
use crate::sign::TokenError;
use alloy_primitives::Address;
use mm_core::domain::{ConditionId, Digest, EventId, Nanos, Price, Qty, TickSize, TokenId, Usdc};
use mm_core::venue::order::SignatureType;
use std::fmt::Display;
use std::path::PathBuf;

/// The only schema this program reads.
const SCHEMA: u32 = 1;

/// The venue (`clob-rest.md` section 1). Compiled in: a changed file cannot send orders elsewhere.
const LIVE: (&str, &str, &str, Chain) = (
    "https://clob.polymarket.com",
    "wss://ws-subscriptions-clob.polymarket.com/ws/user",
    "https://polymarket.com/api/geoblock",
    Chain::Polygon,
);

/// Name, orders a second and burst, cancels a second and burst (`clob-rest.md` section 16).
const TIERS: [(&str, [u32; 4]); 8] = [
    ("standard", [40, 60, 80, 120]),
    ("copper", [60, 90, 120, 180]),
    ("bronze", [80, 120, 160, 240]),
    ("silver", [200, 300, 400, 600]),
    ("gold", [400, 600, 800, 1200]),
    ("platinum", [450, 675, 900, 1350]),
    ("diamond", [525, 787, 1050, 1575]),
    ("elite", [600, 900, 1200, 1800]),
];

/// Where an error is.
struct At<'a> {
    file: &'a str,
}

impl At<'_> {
    fn err<T>(&self, key: &str, value: impl Display, allowed: impl Display) -> Result<T, ConfigError> {
        let (given, allowed) = (value.to_string(), allowed.to_string());
        let value = words::value(&given);
        // why a value is none may repeat it, quoted
        let quoted = format!("{given:?}");
        let allowed = match *value == *given {
            true => allowed,
            false => allowed.replace(&quoted, "it").replace(quoted.trim_matches('"'), "it"),
        };
        let allowed = if words::holds_key(&allowed) { words::value(&allowed) } else { allowed.into() };
        Err(ConfigError::Value { file: self.file.into(), key: key.into(), value, allowed })
    }

    fn parse<T, E: Display>(
        &self,
        key: &str,
        text: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        parse(text).or_else(|why| self.err(key, text, format_args!("{why}; allowed: {allowed}")))
    }

    fn within(&self, key: &str, value: u64, lo: u64, hi: u64) -> Result<u64, ConfigError> {
        if (lo..=hi).contains(&value) {
            Ok(value)
        } else {
            self.err(key, value, format_args!("must be within {lo}..={hi}"))
        }
    }

    fn below(&self, first: &str, a: u64, then: &str, b: u64) -> Result<(), ConfigError> {
        if a < b { Ok(()) } else { self.err(first, a, format_args!("must be below {then} = {b}")) }
    }
}

pub(super) fn check(file: &str, raw: Raw, digest: Digest) -> Result<Config, ConfigError> {
    let at = At { file };
    if raw.schema != SCHEMA {
        return at.err("schema", raw.schema, format_args!("this program reads schema {SCHEMA}"));
    }
    let profile = match raw.profile {
        RawProfile::Live => Profile::Live,
        RawProfile::Sim => Profile::Sim,
    };
    let submit = match raw.submit {
        RawSubmit::Post => Submit::Post,
        RawSubmit::Withhold => Submit::Withhold,
    };
    // Whether a real order could leave: what is convenient is allowed only where none can.
    let real = profile == Profile::Live && submit == Submit::Post;
    if raw.auto_arm && real {
        return at.err(
            "auto_arm",
            true,
            "true needs profile = \"sim\" or submit = \"withhold\": live is armed by hand",
        );
    }
    let dir = |key: &str, text: &str| {
        if text.is_empty() { at.err(key, text, "must name a directory") } else { Ok(PathBuf::from(text)) }
    };
    Ok(Config {
        profile,
        submit,
        auto_arm: raw.auto_arm,
        state_dir: dir("paths.state_dir", &raw.paths.state_dir)?,
        socket_dir: dir("paths.socket_dir", &raw.paths.socket_dir)?,
        venue: venue(&at, profile, raw.venue)?,
        account: account(&at, &raw.account, real)?,
        peers: peers(&at, raw.peers, real)?,
        times: times(&at, &raw.gate, real)?,
        tier: tier(&at, &raw.limits.tier, profile)?,
        policy: policy(&at, &raw.policy, raw.gate.intent_max_age_ms, &raw.market)?,
        digest,
    })
}

/// Where real orders leave, the core and the operator are different users, each named: a core that is taken over must not be
/// able to arm. Nor may it be root, or our own user ([`Config::expect_core_apart`]), who read the key. Elsewhere an empty list means
/// our own user.
fn peers(at: &At<'_>, raw: RawPeers, real: bool) -> Result<Peers, ConfigError> {
    if real {
        for (key, uids) in [("peers.core_uids", &raw.core_uids), ("peers.operator_uids", &raw.operator_uids)] {
            if uids.is_empty() {
                return at.err(key, "[]", "must name a user with profile = \"live\" and submit = \"post\"");
            }
        }
        if let Some(both) = raw.core_uids.iter().find(|uid| raw.operator_uids.contains(uid)) {
            return at.err("peers.core_uids", both, "must not be in operator_uids: a core could arm itself");
        }
        if raw.core_uids.contains(&0) {
            return at.err("peers.core_uids", 0, "must not be root where real orders leave: a core could read the key");
        }
    }
    Ok(Peers { core: raw.core_uids, view: raw.view_uids, operator: raw.operator_uids })
}

fn venue(at: &At<'_>, profile: Profile, raw: Option<RawVenue>) -> Result<Endpoints, ConfigError> {
    match (profile, raw) {
        (Profile::Live, None) => {
            Ok(Endpoints { rest: LIVE.0.into(), user_ws: LIVE.1.into(), geoblock: LIVE.2.into(), chain: LIVE.3 })
        }
        (Profile::Live, Some(_)) => {
            at.err("venue", "[venue]", "not allowed with profile = \"live\": its addresses are compiled in")
        }
        (Profile::Sim, None) => at.err("venue", "", "profile = \"sim\" needs the table [venue]"),
        (Profile::Sim, Some(raw)) => {
            let Some(chain) = Chain::from_id(raw.chain_id) else {
                return at.err("venue.chain_id", raw.chain_id, "137 or 80002");
            };
            Ok(Endpoints {
                rest: loopback(at, "venue.rest_url", &raw.rest_url, "http")?,
                user_ws: loopback(at, "venue.user_ws_url", &raw.user_ws_url, "ws")?,
                geoblock: loopback(at, "venue.geoblock_url", &raw.geoblock_url, "http")?,
                chain,
            })
        }
    }
}

/// A plain-text URL whose host is a loopback address. Names are refused: they can be made to point anywhere.
fn loopback(at: &At<'_>, key: &str, url: &str, scheme: &str) -> Result<Box<str>, ConfigError> {
    let authority = url
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix("://"))
        .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let is_loopback = authority
        .and_then(|text| text.parse::<std::net::SocketAddr>().ok())
        .is_some_and(|address| address.ip().is_loopback() && address.port() != 0);
    if is_loopback {
        Ok(url.trim_end_matches('/').into())
    } else {
        at.err(key, url, format_args!("{scheme}://127.0.0.1:PORT or {scheme}://[::1]:PORT, with a path if any"))
    }
}

/// Whether a REST address is one a configuration can lead to.
pub(crate) fn is_venue(rest: &str) -> bool {
    rest == LIVE.0 || loopback(&At { file: "" }, "", rest, "http").is_ok()
}

fn account(at: &At<'_>, raw: &RawAccount, real: bool) -> Result<AccountConfig, ConfigError> {
    const SAFE: &str = "only with profile = \"sim\" or submit = \"withhold\"; otherwise a keystore or a credential";
    let key = match &raw.key {
        RawKey::File { .. } if real => return at.err("account.key.source", "file", SAFE),
        RawKey::ThrowAway {} if real => return at.err("account.key.source", "throw-away", SAFE),
        RawKey::File { path } if path.is_empty() => return at.err("account.key.path", path, "must name a file"),
        RawKey::File { path } => KeySource::File(PathBuf::from(path)),
        RawKey::ThrowAway {} => KeySource::ThrowAway,
        RawKey::Keystore { path, .. } if path.is_empty() => {
            return at.err("account.key.path", path, "must name a keystore");
        }
        RawKey::Keystore { path, passphrase_file } => {
            let passphrase_file = (!passphrase_file.is_empty()).then(|| PathBuf::from(passphrase_file));
            KeySource::Keystore(PathBuf::from(path), passphrase_file)
        }
        RawKey::Credential { name } => {
            let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !plain || name.starts_with('.') {
                return at.err("account.key.name", name, "letters, digits, '-', '_', '.'; not starting with '.'");
            }
            KeySource::Credential(name.as_str().into())
        }
    };
    let Some(signature_type) = SignatureType::from_number(raw.signature_type) else {
        return at.err("account.signature_type", raw.signature_type, "0 EOA, 1 proxy, 2 Safe, 3 deposit wallet");
    };
    let funder = if raw.funder.is_empty() {
        if signature_type != SignatureType::Eoa {
            return at.err("account.funder", "", "only signature_type = 0 may leave the wallet out");
        }
        None
    } else {
        Some(at.parse("account.funder", &raw.funder, "0x and 40 hex digits", str::parse::<Address>)?)
    };
    Ok(AccountConfig { key, signature_type, funder })
}

fn tier(at: &At<'_>, name: &str, profile: Profile) -> Result<Tier, ConfigError> {
    if name == "off" {
        return match profile {
            Profile::Sim => Ok(Tier { name: "off", buckets: None }),
            Profile::Live => at.err("limits.tier", name, "\"off\" needs profile = \"sim\""),
        };
    }
    match TIERS.iter().find(|(known, _)| *known == name) {
        Some((name, [orders, orders_burst, cancels, cancels_burst])) => Ok(Tier {
            name,
            buckets: Some(Buckets {
                orders: *orders,
                orders_burst: *orders_burst,
                cancels: *cancels,
                cancels_burst: *cancels_burst,
            }),
        }),
        None => {
            let names: Vec<&str> = TIERS.iter().map(|(known, _)| *known).collect();
            at.err("limits.tier", name, format_args!("one of {}, off", names.join(", ")))
        }
    }
}

fn times(at: &At<'_>, raw: &RawGate, real: bool) -> Result<GateTimes, ConfigError> {
    const DAY: u64 = 86_400_000;
    // An order given up too soon rests unseen beside the one that takes its place. How late the venue lets one land nobody has
    // published; the time a request has (30 s at most) is part of it.
    let late_landing_least = if real { 60_000 } else { 1_000 };
    let ms = |key: &str, value: u64, lo: u64, hi: u64| at.within(key, value, lo, hi).map(Nanos::from_ms);
    at.below("gate.heartbeat_every_ms", raw.heartbeat_every_ms, "gate.heartbeat_max_age_ms", raw.heartbeat_max_age_ms)?;
    at.below("gate.geoblock_every_ms", raw.geoblock_every_ms, "gate.geoblock_max_age_ms", raw.geoblock_max_age_ms)?;
    at.below(
        "gate.closed_only_every_ms",
        raw.closed_only_every_ms,
        "gate.closed_only_max_age_ms",
        raw.closed_only_max_age_ms,
    )?;
    at.below("gate.user_probe_ms", raw.user_probe_ms, "gate.user_dead_ms", raw.user_dead_ms)?;
    at.below("gate.clock_every_ms", raw.clock_every_ms, "gate.clock_max_age_ms", raw.clock_max_age_ms)?;
    at.below("gate.clock_pause_ms", raw.clock_pause_ms, "gate.clock_halt_ms", raw.clock_halt_ms)?;
    Ok(GateTimes {
        core_silent: ms("gate.core_silent_ms", raw.core_silent_ms, 100, 10_000)?,
        feed_max_age: ms("gate.feed_max_age_ms", raw.feed_max_age_ms, 1_000, 600_000)?,
        // The venue cancels everything 10 s after the last accepted beat: the gate must be shut before that.
        heartbeat_every: ms("gate.heartbeat_every_ms", raw.heartbeat_every_ms, 100, 9_000)?,
        heartbeat_max_age: ms("gate.heartbeat_max_age_ms", raw.heartbeat_max_age_ms, 200, 9_500)?,
        geoblock_every: ms("gate.geoblock_every_ms", raw.geoblock_every_ms, 1_000, 180_000)?,
        geoblock_max_age: ms("gate.geoblock_max_age_ms", raw.geoblock_max_age_ms, 1_000, 180_000)?,
        closed_only_every: ms("gate.closed_only_every_ms", raw.closed_only_every_ms, 1_000, DAY)?,
        closed_only_max_age: ms("gate.closed_only_max_age_ms", raw.closed_only_max_age_ms, 1_000, DAY)?,
        user_probe: ms("gate.user_probe_ms", raw.user_probe_ms, 200, 60_000)?,
        user_tell: ms("gate.user_tell_ms", raw.user_tell_ms, 100, 60_000)?,
        user_dead: ms("gate.user_dead_ms", raw.user_dead_ms, 1_000, 120_000)?,
        clock_every: ms("gate.clock_every_ms", raw.clock_every_ms, 1_000, 600_000)?,
        clock_max_age: ms("gate.clock_max_age_ms", raw.clock_max_age_ms, 1_000, 1_800_000)?,
        clock_pause: ms("gate.clock_pause_ms", raw.clock_pause_ms, 1_000, 30_000)?,
        clock_halt: ms("gate.clock_halt_ms", raw.clock_halt_ms, 2_000, 600_000)?,
        zero_gap: ms("gate.zero_gap_ms", raw.zero_gap_ms, 1, 60_000)?,
        reading_retry: ms("gate.reading_retry_ms", raw.reading_retry_ms, 1, 10_000)?,
        request_timeout: ms("gate.request_timeout_ms", raw.request_timeout_ms, 100, 30_000)?,
        cancel_timeout: ms("gate.cancel_timeout_ms", raw.cancel_timeout_ms, 50, 10_000)?,
        late_landing: ms("gate.late_landing_ms", raw.late_landing_ms, late_landing_least, 3_600_000)?,
        pause_window: ms("gate.pause_window_ms", raw.pause_window_ms, 1_000, DAY)?,
        pauses_max: raw.pauses_max,
    })
}

fn policy(at: &At<'_>, raw: &RawPolicy, max_age: u64, markets: &[RawMarket]) -> Result<Policy, ConfigError> {
    const DOLLARS: &str = "dollars above zero with at most six decimals, as a string";
    const PRICE: &str = "a price strictly between 0 and 1 with at most four decimals, as a string";
    let usdc = |key: &str, text: &str| {
        let value = at.parse(key, text, DOLLARS, Usdc::parse)?;
        if value.is_zero() { at.err(key, text, DOLLARS) } else { Ok(value) }
    };
    let price = |key: &str, text: &str| {
        let value = at.parse(key, text, PRICE, Price::parse)?;
        if value == Price::ZERO || value == Price::ONE { at.err(key, text, PRICE) } else { Ok(value) }
    };
    let count = |key: &str, value: u32| {
        if value == 0 { at.err(key, value, "a count above zero") } else { Ok(value) }
    };
    let caps = PolicyCaps {
        max_order_shares: at.parse(
            "policy.max_order_shares",
            &raw.max_order_shares,
            "shares, as a string",
            Qty::parse,
        )?,
        max_order_usdc: usdc("policy.max_order_usdc", &raw.max_order_usdc)?,
        max_market_usdc: usdc("policy.max_market_usdc", &raw.max_market_usdc)?,
        max_total_usdc: usdc("policy.max_total_usdc", &raw.max_total_usdc)?,
        max_market_loss_usdc: usdc("policy.max_market_loss_usdc", &raw.max_market_loss_usdc)?,
        max_event_loss_usdc: usdc("policy.max_event_loss_usdc", &raw.max_event_loss_usdc)?,
        max_total_loss_usdc: usdc("policy.max_total_loss_usdc", &raw.max_total_loss_usdc)?,
        max_token_orders: count("policy.max_token_orders", raw.max_token_orders)?,
        max_market_orders: count("policy.max_market_orders", raw.max_market_orders)?,
        max_event_orders: count("policy.max_event_orders", raw.max_event_orders)?,
        max_token_resting_usdc: usdc("policy.max_token_resting_usdc", &raw.max_token_resting_usdc)?,
        max_market_resting_usdc: usdc("policy.max_market_resting_usdc", &raw.max_market_resting_usdc)?,
        max_event_resting_usdc: usdc("policy.max_event_resting_usdc", &raw.max_event_resting_usdc)?,
        max_open_orders: count("policy.max_open_orders", raw.max_open_orders)?,
        max_orders_per_minute: count("policy.max_orders_per_minute", raw.max_orders_per_minute)?,
        max_token_fills_per_minute: count("policy.max_token_fills_per_minute", raw.max_token_fills_per_minute)?,
        max_rejects_in_a_row: count("policy.max_rejects_in_a_row", raw.max_rejects_in_a_row)?,
        max_day_bought_usdc: usdc("policy.max_day_bought_usdc", &raw.max_day_bought_usdc)?,
        max_day_outflow_usdc: usdc("policy.max_day_outflow_usdc", &raw.max_day_outflow_usdc)?,
        max_day_placed_usdc: usdc("policy.max_day_placed_usdc", &raw.max_day_placed_usdc)?,
        min_price: price("policy.min_price", &raw.min_price)?,
        max_price: price("policy.max_price", &raw.max_price)?,
        reference_band: price("policy.reference_band", &raw.reference_band)?,
        reference_max_age_ms: at.within("policy.reference_max_age_ms", raw.reference_max_age_ms, 2000, 120_000)?,
        intent_max_age_ms: at.within("gate.intent_max_age_ms", max_age, 100, 10_000)?,
    };
    // ten books a call, four rounds in an age: with more, prices grow too old and look-ups wait behind them
    let least_ms = 1000 * (markets.len() as u64).div_ceil(VenueCall::BOOKS_MAX as u64);
    if caps.reference_max_age_ms < least_ms {
        let wanted = format!("{least_ms} at least, with {} markets", markets.len());
        return at.err("policy.reference_max_age_ms", caps.reference_max_age_ms, &wanted);
    }
    for (small, a, large, b) in [
        ("policy.max_order_usdc", caps.max_order_usdc, "policy.max_market_usdc", caps.max_market_usdc),
        ("policy.max_market_usdc", caps.max_market_usdc, "policy.max_total_usdc", caps.max_total_usdc),
        (
            "policy.max_market_loss_usdc",
            caps.max_market_loss_usdc,
            "policy.max_event_loss_usdc",
            caps.max_event_loss_usdc,
        ),
        (
            "policy.max_event_loss_usdc",
            caps.max_event_loss_usdc,
            "policy.max_total_loss_usdc",
            caps.max_total_loss_usdc,
        ),
        (
            "policy.max_day_outflow_usdc",
            caps.max_day_outflow_usdc,
            "policy.max_day_bought_usdc",
            caps.max_day_bought_usdc,
        ),
    ] {
        if a > b {
            return at.err(small, a, format_args!("must not be above {large} = {b}"));
        }
    }
    let markets = markets.iter().enumerate().map(|(row, raw)| market(at, row, raw)).collect::<Result<_, _>>()?;
    Policy::new(caps, markets).or_else(|why| match &why {
        BadPolicy::Band => at.err("policy.min_price", &raw.min_price, format_args!("{why} = {}", raw.max_price)),
        BadPolicy::DuplicateToken(token) => at.err("market", token, &why),
        BadPolicy::Token(TokenError::Version3(token) | TokenError::TooLarge(token)) => at.err("market", token, &why),
        BadPolicy::DuplicateCondition(condition) => at.err("market.condition", condition, &why),
    })
}

fn market(at: &At<'_>, row: usize, raw: &RawMarket) -> Result<AllowedMarket, ConfigError> {
    let key = |name: &str| format!("market[{row}].{name}");
    let digits = "the venue's decimal token id";
    let min_order = at.parse(&key("min_order_shares"), &raw.min_order_shares, "shares, as a string", Qty::parse)?;
    Ok(AllowedMarket {
        slug: raw.slug.as_str().into(),
        condition: at.parse(&key("condition"), &raw.condition, "the venue's condition id", ConditionId::parse)?,
        event: if raw.event.is_empty() {
            None
        } else {
            Some(at.parse(&key("event"), &raw.event, "an event id or \"\"", EventId::parse)?)
        },
        yes: at.parse(&key("yes"), &raw.yes, digits, TokenId::parse)?,
        no: at.parse(&key("no"), &raw.no, digits, TokenId::parse)?,
        neg_risk: raw.neg_risk,
        tick: at.parse(&key("tick"), &raw.tick, "one of the six tick sizes", TickSize::parse)?,
        min_order,
    })
}
