//! A recording from a file: every line is decoded, so a torn file is refused before anything is played.

use super::grow::{Grower, Grown};
use mm_core::venue::market_ws::{self, MarketFrame};
use std::path::{Path, PathBuf};

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// It cannot be opened or unpacked.
    #[error("{path}: {why}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the file system, the unpacker or the frame reader said.
        why: String,
    },
    /// A frame is not what the market channel sends: torn, edited or another kind of file.
    #[error("{path} line {line}: {why}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// Nothing in it.
    #[error("{0}: no market-channel event in the recording")]
    Empty(PathBuf),
    /// No market can be played.
    #[error("{path}: {why}")]
    Markets {
        /// Which file.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
}

/// Grows the recording in a file; every compressed or plain form the frame reader knows.
///
/// # Errors
/// [`TapeError`] names the file and, for a bad frame, the line.
pub fn read(path: &Path) -> Result<Grown, TapeError> {
    let bytes =
        std::fs::read_to_string(path).map_err(|why| TapeError::Read { path: path.to_owned(), why: why.to_string() })?;
    parse(path, bytes.lines().map(str::to_owned))
}

/// Grows the frames of a text, one a line; `path` is what errors name.
///
/// # Errors
/// [`TapeError::Line`] for a frame that does not decode, [`TapeError::Empty`] when no event is found.
pub fn parse(path: &Path, lines: impl Iterator<Item = String>) -> Result<Grown, TapeError> {
    let mut grower = Grower::new();
    for (line, text) in (1u64..).zip(lines) {
        if text.trim().is_empty() {
            continue;
        }
        let frame = market_ws::decode_tolerant(&text).map_err(|why| TapeError::Line {
            path: path.to_owned(),
            line,
            why: why.to_string(),
        })?;
        if let MarketFrame::Events(events) = frame {
            for event in &events {
                grower.push(event);
            }
        }
    }
    let grown = grower.into_grown();
    if grown.report.events == 0 || grown.markets.is_empty() {
        return Err(TapeError::Empty(path.to_owned()));
    }
    Ok(grown)
}
