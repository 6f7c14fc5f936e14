//! What lies in the state folder beside the ledger and tells whether it is the one that was last used: the number of the last start,
//! and the ledger's head.

use crate::config::{Config, Profile};
use crate::crash_point;
use crate::durable;
use crate::exposure::Exposure;
use crate::ledger::{Head, HeadFile, Ledger as _, LedgerError, Sought, SqliteLedger};
use crate::rows::LedgerRow;
use mm_core::domain::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// The ledger's file.
#[must_use]
pub fn ledger_path(config: &Config) -> PathBuf {
    config.state_dir.join("ledger.sqlite")
}

fn epoch_path(config: &Config) -> PathBuf {
    config.state_dir.join("epoch")
}

/// The ledger, ready for a start.
pub struct Opened {
    /// Read to its end.
    pub ledger: SqliteLedger,
    /// What its rows add up to.
    pub exposure: Exposure,
    /// The start that begins now.
    pub epoch: u64,
}

/// Opens and reads the ledger. One that lacks rows is refused unless `lost_rows` says that a person knows it: then today's caps count
/// as spent.
///
/// # Errors
/// Why it is not started with, in words for a person.
pub fn open(config: &Config, lost_rows: bool, now: Timestamp) -> Result<Opened, String> {
    let path = ledger_path(config);
    let head = head_beside(&path)?;
    let (mut ledger, mut exposure, doubt) = match read(&path, head) {
        Err(LedgerError::Missing(_)) if config.profile == Profile::Sim => {
            SqliteLedger::init(&path).and_then(|()| read(&path, head))
        }
        other => other,
    }
    .map_err(|why| why.to_string())?;
    match (&doubt, lost_rows) {
        (Some(doubt), false) => {
            return Err(format!(
                "ledger {}: {doubt}. What it lacks may be orders, fills and spent caps: nothing is traded on it. Look at it with \
                 `executor audit verify`, bring back the right file, or start once with --ledger-lost-rows: today's caps then count as \
                 spent",
                path.display()
            ));
        }
        (None, true) => {
            return Err(format!("ledger {} lacks nothing: start without --ledger-lost-rows", path.display()));
        }
        _ => {}
    }
    let (epoch, as_used) = next_epoch(config, exposure.epoch()).map_err(|why| format!("epoch file: {why}"))?;
    if doubt.is_some() || !as_used {
        // The desk counts on from here, so no epoch that may have been used is used again.
        let before = LedgerRow::Epoch { at: now, epoch: epoch - 1, policy: config.policy.digest() };
        let rows = [before, LedgerRow::DaySpent { at: now }];
        let rows = if exposure.epoch() < epoch - 1 { &rows[..] } else { &rows[1..] };
        ledger.append(rows).map_err(|why| why.to_string())?;
        rows.iter().for_each(|row| exposure.apply(row));
    }
    exposure.restart();
    Ok(Opened { ledger, exposure, epoch })
}

/// Notes that start `epoch` goes on from `head`: from now on a ledger without its row is doubted. To be called when nothing else can
/// keep the start from happening (a wrong passphrase must not spend a day's caps), and before the desk's own row: a crash in between
/// makes the next start doubt the ledger, never trust it wrongly.
///
/// # Errors
/// When the disk does not take it.
pub fn note(config: &Config, epoch: u64, head: Head) -> Result<(), String> {
    crash_point!("epoch-file.before");
    durable::replace(&epoch_path(config), 0o600, format!("{epoch}\n").as_bytes())
        .map_err(|why| format!("epoch file: {why}"))?;
    crash_point!("epoch-file.after");
    let file = HeadFile::beside(&ledger_path(config));
    file.write(head).map_err(|why| format!("{}: {why}", file.path().display()))
}

/// What a start would make of a ledger and the head beside it: what its rows add up to, and why it is not the one that was last used.
///
/// # Errors
/// Why it cannot be read.
pub fn look(path: &Path) -> Result<(Exposure, Option<String>), String> {
    let head = head_beside(path)?;
    read(path, head).map(|(_, exposure, doubt)| (exposure, doubt)).map_err(|why| why.to_string())
}

fn head_beside(path: &Path) -> Result<Option<Head>, String> {
    let file = HeadFile::beside(path);
    file.read().map_err(|why| format!("{}: {why}", file.path().display()))
}

/// The ledger, what its rows add up to, and why it is not the one that was last used.
fn read(path: &Path, head: Option<Head>) -> Result<(SqliteLedger, Exposure, Option<String>), LedgerError> {
    let (mut exposure, mut sought) = (Exposure::default(), head.map(Sought::new));
    let ledger = SqliteLedger::open_each(path, &mut |head, row| {
        if let Some(sought) = &mut sought {
            sought.pass(head);
        }
        exposure.apply(&row);
    })?;
    let end = ledger.head();
    let doubt = match sought {
        Some(sought) => sought.ended(end).err().map(|why| why.to_string()),
        // The file is made with the first row's start.
        None => (end.rows > 0).then(|| "its head file is missing".to_owned()),
    };
    Ok((ledger, exposure, doubt))
}

/// The epoch that starts now, and whether the last one in the ledger is the last that was used.
fn next_epoch(config: &Config, in_ledger: u64) -> io::Result<(u64, bool)> {
    let in_file = match std::fs::read_to_string(epoch_path(config)) {
        Ok(text) => text.trim().parse::<u64>().ok(),
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(why) => return Err(why),
    };
    // A fresh ledger without a file is a first start; anything else without one has lost it.
    let as_used = match in_file {
        Some(in_file) => in_ledger >= in_file,
        None => in_ledger == 0,
    };
    Ok((in_ledger.max(in_file.unwrap_or(0)) + 1, as_used))
}
