//! The programs' own configuration files, with the world's markets put where a person would list them.

use crate::exchange::MarketInfo;
use crate::scenario::BotSpec;
use alloy_primitives::Address;
use executor::config::Config as ExecutorConfig;
use executor::desk::Setup;
use executor::sign::Account;
use mm_core::config::{Config as CoreConfig, RawConfig};
use mm_core::venue::order::SignatureType;
use toml::{Table, Value};

/// Why a bot cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("[bot] {file}: {why}")]
pub struct BadBot {
    file: &'static str,
    why: String,
}

fn bad(file: &'static str, why: impl std::fmt::Display) -> BadBot {
    BadBot { file, why: why.to_string() }
}

/// The core's configuration, quoting every market of the world.
pub(super) fn core(spec: &BotSpec, markets: &[MarketInfo]) -> Result<CoreConfig, BadBot> {
    let mut table: Table = spec.mm_core.parse().map_err(|why| bad("mm_core", why))?;
    let mut own: Table = spec.core_markets.parse().map_err(|why| bad("core_markets", why))?;
    let mut rows = Vec::new();
    for info in markets {
        let mut row = match own.remove(&info.slug) {
            None => Table::new(),
            Some(Value::Table(keys)) => keys,
            Some(_) => return Err(bad("core_markets", format_args!("{:?} is no table", info.slug))),
        };
        row.insert("condition".to_owned(), Value::from(info.market.condition.to_string()));
        rows.push(Value::Table(row));
    }
    if let Some(slug) = own.keys().next() {
        return Err(bad("core_markets", format_args!("no market is called {slug:?}")));
    }
    table.insert("market".to_owned(), Value::Array(rows));
    let raw: RawConfig = Value::Table(table).try_into().map_err(|why| bad("mm_core", why))?;
    CoreConfig::try_from(raw).map_err(|why| bad("mm_core", why))
}

/// Finished orders the desk remembers: an hour of a busy bot's, so that a world may last for days in the same memory.
const ORDERS_REMEMBERED: usize = 5_000;

/// The desk's set-up. Policy, times and signature type are the file's; where the venue is, where the key is and whether orders leave
/// are not: here is no socket and no key, and nothing but orders into this world.
pub(super) fn desk(spec: &BotSpec, markets: &[MarketInfo], address: &str) -> Result<Setup, BadBot> {
    let address: Address = address.parse().map_err(|why| bad("executor", why))?;
    let mut table: Table = spec.executor.parse().map_err(|why| bad("executor", why))?;
    let text = |value: String| Value::String(value);
    let rows = markets.iter().map(|info| {
        let market = &info.market;
        let event = market.event.as_ref().map(ToString::to_string).unwrap_or_default();
        Value::Table(Table::from_iter([
            ("slug".to_owned(), text(info.slug.clone())),
            ("condition".to_owned(), text(market.condition.to_string())),
            ("event".to_owned(), text(event)),
            ("yes".to_owned(), text(market.yes.to_string())),
            ("no".to_owned(), text(market.no.to_string())),
            ("neg_risk".to_owned(), Value::Boolean(market.neg_risk)),
            ("tick".to_owned(), text(market.tick.to_string())),
            ("min_order_shares".to_owned(), text(market.min_order.to_string())),
        ]))
    });
    table.insert("market".to_owned(), Value::Array(rows.collect()));
    let config = ExecutorConfig::parse("executor", &table.to_string()).map_err(|why| bad("executor", why))?;
    // Type 0 and the key's own wallet: other kinds differ in their signatures alone, and nothing is signed here.
    let account =
        Account::new(config.venue.chain, SignatureType::Eoa, address, None).map_err(|why| bad("executor", why))?;
    let (policy, times) = (config.policy, config.times);
    Ok(Setup { account, policy, times, withhold: false, remembered: Some(ORDERS_REMEMBERED), auto_arm: true })
}
