//! `[bot]`: our own engine and desk inside the world.

use super::ScenarioError;
use super::reader::Keys;
use mm_core::domain::{Nanos, Usdc};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The bot and how it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotSpec {
    /// The core's configuration with `core_over` written over it, without markets: those are the world's. TOML.
    pub mm_core: String,
    /// Quote keys of single markets, by slug. TOML.
    pub core_markets: String,
    /// The same of the executor's.
    pub executor: String,
    /// From the first thing that arrives to the turn: what arrives meanwhile is in it, as a shell drains what is readable.
    pub reaction: Nanos,
    /// From a row to its being durable.
    pub commit: Nanos,
    /// What its wallet holds; `None`: what every wallet gets.
    pub wallet_usdc: Option<Usdc>,
}

impl BotSpec {
    /// Writes quote keys over the core's: how an experiment's arms differ.
    ///
    /// # Errors
    /// Text that is no table.
    pub fn quote_over(&mut self, quote: Table) -> Result<(), toml::de::Error> {
        let mut table: Table = self.mm_core.parse()?;
        write_over(&mut table, Table::from_iter([("quote".to_owned(), Value::Table(quote))]));
        self.mm_core = table.to_string();
        Ok(())
    }
}

pub(super) fn read(mut keys: Keys, folder: &Path) -> Result<BotSpec, ScenarioError> {
    let mm_core = configuration(&mut keys, "mm_core", "core_over", folder)?;
    let core_markets = keys.whole_table("core_markets")?.unwrap_or_default().to_string();
    let executor = configuration(&mut keys, "executor", "executor_over", folder)?;
    let micros = |n: Option<u64>, or: u64| Nanos::from_nanos(n.unwrap_or(or) * 1_000);
    let reaction = micros(keys.number("reaction_us", 0, 1_000_000)?, 200);
    let commit = micros(keys.number("commit_us", 0, 1_000_000)?, 3_000);
    let wallet_usdc = keys.usdc("wallet_usdc")?;
    keys.end()?;
    Ok(BotSpec { mm_core, core_markets, executor, reaction, commit, wallet_usdc })
}

/// A configuration file and what this world writes over it.
fn configuration(
    keys: &mut Keys,
    key: &'static str,
    over: &'static str,
    folder: &Path,
) -> Result<String, ScenarioError> {
    let name = keys.text(key)?.ok_or_else(|| keys.bad(key, "missing"))?;
    let path: PathBuf = folder.join(name);
    let text =
        std::fs::read_to_string(&path).map_err(|why| keys.bad(key, format_args!("{}: {why}", path.display())))?;
    let mut table: Table = text.parse().map_err(|why| keys.bad(key, format_args!("{}: {why}", path.display())))?;
    if let Some(over) = keys.whole_table(over)? {
        write_over(&mut table, over);
    }
    table.remove("market");
    Ok(table.to_string())
}

/// Tables are merged, everything else is replaced.
fn write_over(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => write_over(below, above),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}
