//! The epoch's file beside the ledger.
//!
//! It tells a restored ledger from the one that was
//! last used: then today's caps count as spent.

use executor::config::Config;
use executor::crash_point;
use executor::latch::sync_folder;
use executor::rows::LedgerRow;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The ledger's file.
pub(crate) fn ledger_path(config: &Config) -> PathBuf {
    config.state_dir.join("ledger.sqlite")
}

fn epoch_path(config: &Config) -> PathBuf {
    config.state_dir.join("epoch")
}

/// The epoch that starts now, and whether the ledger can vouch for today: not if it is older than its epoch file.
pub(crate) fn next_epoch(config: &Config, rows: &[LedgerRow]) -> io::Result<(u64, bool)> {
    let in_ledger = rows
        .iter()
        .rev()
        .find_map(|row| match row {
            LedgerRow::Epoch { epoch, .. } => Some(*epoch),
            _ => None,
        })
        .unwrap_or(0);
    let in_file = match std::fs::read_to_string(epoch_path(config)) {
        Ok(text) => text.trim().parse::<u64>().ok(),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(why) => return Err(why),
    };
    // A fresh ledger without a file is a first start; anything else without one has lost it.
    let vouched = match in_file {
        Some(in_file) => in_ledger >= in_file,
        None => in_ledger == 0,
    };
    Ok((in_ledger.max(in_file.unwrap_or(0)) + 1, vouched))
}

/// Notes the epoch that starts.
pub(crate) fn note_epoch(config: &Config, epoch: u64) -> io::Result<()> {
    crash_point!("epoch-file.before");
    write_durably(&epoch_path(config), &epoch.to_string())?;
    crash_point!("epoch-file.after");
    Ok(())
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    crash_point!("epoch-file.written");
    std::fs::rename(&temporary, path)?;
    crash_point!("epoch-file.renamed");
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}
