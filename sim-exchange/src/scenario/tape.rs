//! `[tape]`: a recording that drives the public book.

use super::ScenarioError;
use super::reader::Keys;
use std::path::{Path, PathBuf};

/// A recording to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeSpec {
    /// Frame file.
    pub file: PathBuf,
    /// Thousandths of real time: 1000 = as recorded, 10,000 = ten times faster, 0 = as fast as possible.
    pub speed_milli: u64,
    /// Slugs or condition ids to play; `None` = all.
    pub markets: Option<Vec<String>>,
}

pub(super) fn read(mut keys: Keys, folder: &Path) -> Result<TapeSpec, ScenarioError> {
    let file = keys.text("file")?.ok_or_else(|| keys.bad("file", "missing"))?;
    let speed_milli = keys.decimal("speed", 3, 10_000_000)?.unwrap_or(1_000);
    let markets = keys.all_or_list("markets")?;
    keys.end()?;
    Ok(TapeSpec { file: folder.join(file), speed_milli, markets })
}
