//! `mm-core replay RUN`: feeds a run's turns to a fresh engine and says whether it does the same again. Needs nothing but the
//! run's folder: the configuration is in the manifest, the markets are in the first turn.

use crate::config_file;
use mm_core::config::{Config, ConfigError};
use mm_core::domain::Market;
use mm_core::event::{Action, Input};
use mm_core::io::journal_file::{self, JournalFileError};
use mm_core::journal::{JournalError, Record, ReplayReport, Replayer, decode};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a replay has no verdict, or a bad one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Files(#[from] JournalFileError),
    #[error("{path}: {source}")]
    Journal { path: PathBuf, source: JournalError },
    #[error("{path}: config_text: {why}")]
    Config { path: PathBuf, why: String },
    #[error("{path}: config_text: {source}")]
    Check { path: PathBuf, source: Box<ConfigError> },
    #[error("{path}: config_text has another digest than the manifest says")]
    OtherConfig { path: PathBuf },
    #[error("{path}: the first turn brings no markets")]
    NoUniverse { path: PathBuf },
    #[error("{path}: the run differs from its journal")]
    Differs { path: PathBuf },
    #[error("{path}: order {id} could not be told to its end")]
    NotTold { path: PathBuf, id: u64 },
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

impl Error {
    pub(crate) fn in_journal(folder: &Path, source: JournalError) -> Self {
        Self::Journal { path: folder.to_owned(), source }
    }
}

/// A run as it was recorded, ready to be fed to an engine.
pub(crate) struct Recorded {
    pub(crate) config: Config,
    pub(crate) markets: Vec<Market>,
    pub(crate) lines: Box<dyn Iterator<Item = Result<String, JournalFileError>>>,
}

impl Recorded {
    /// Reads manifest and first turn of the run in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = || folder.to_owned();
        let manifest = journal_file::read_manifest(folder)?;
        let raw = config_file::parse(&manifest.config_text)
            .map_err(|(line, why)| Error::Config { path: path(), why: format!("line {line}: {why}") })?;
        let config = Config::try_from(raw).map_err(|source| Error::Check { path: path(), source: Box::new(source) })?;
        if config.digest() != manifest.config_digest {
            return Err(Error::OtherConfig { path: path() });
        }
        let mut lines = journal_file::lines(folder)?;
        let first = lines.next().transpose()?;
        let markets = first.as_deref().and_then(first_universe).ok_or_else(|| Error::NoUniverse { path: path() })?;
        Ok(Self { config, markets, lines: Box::new(first.map(Ok).into_iter().chain(lines)) })
    }
}

/// Replays the run in `folder`, up to and including turn `until` if given, and prints the verdict.
pub(crate) fn replay(folder: &Path, until: Option<u64>, out: &mut dyn Write) -> Result<(), Error> {
    let path = || folder.to_owned();
    let Recorded { config, markets, lines } = Recorded::open(folder)?;
    let mut replayer = Replayer::new(config, markets, until);
    for line in lines {
        if !replayer.line(&line?).map_err(|source| Error::in_journal(folder, source))? {
            break;
        }
    }
    match replayer.finish() {
        ReplayReport::Identical { turns, digest, unchecked, torn } => {
            writeln!(out, "identical, {turns} turns, digest {digest}")?;
            if unchecked > 0 {
                writeln!(out, "the last {unchecked} turns are under no check: only their actions were compared")?;
            }
            if let Some(torn) = torn {
                writeln!(out, "a torn end was left out: {torn}")?;
            }
            Ok(())
        }
        ReplayReport::FirstDifference { seq, recorded, recomputed } => {
            writeln!(out, "turn {seq} differs")?;
            print_actions(out, "recorded", &recorded)?;
            print_actions(out, "recomputed", &recomputed)?;
            Err(Error::Differs { path: path() })
        }
        ReplayReport::CheckDiffers { seq, recorded, recomputed } => {
            writeln!(out, "check after turn {seq} differs: recorded {recorded}, recomputed {recomputed}")?;
            Err(Error::Differs { path: path() })
        }
    }
}

fn print_actions(out: &mut dyn Write, whose: &str, actions: &[Action]) -> io::Result<()> {
    writeln!(out, "{whose}: {} actions", actions.len())?;
    for action in actions {
        serde_json::to_writer(&mut *out, action)?;
        writeln!(out)?;
    }
    Ok(())
}

/// The markets of a journal's first line.
fn first_universe(line: &str) -> Option<Vec<Market>> {
    let Ok(Record::Turn(turn)) = decode(line) else { return None };
    turn.inputs.into_iter().find_map(|input| match input {
        Input::Universe(markets) => Some(markets),
        _ => None,
    })
}
