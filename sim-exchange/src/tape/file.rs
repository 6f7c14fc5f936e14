//! A recording from a file: every frame is decoded before anything is played, so a torn file is refused as a whole.

use super::grow::{Grower, Grown};
use mm_core::io::frames::{self, Frame, FrameError};
use mm_core::venue::market_ws::{self, MarketFrame};
use std::path::{Path, PathBuf};

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// It is missing, cannot be unpacked, or is torn. Names the file and the line.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// A frame is not what the market channel sends: edited, or another kind of file.
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
}

/// Grows the recording in a file, in every form the frame reader knows.
///
/// # Errors
/// [`TapeError`] names the file and, for a bad frame, the line.
pub fn read(path: &Path) -> Result<Grown, TapeError> {
    grow(path, frames::read(path)?)
}

/// Grows the frames of a text; `path` is what errors name.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &Path, text: &str) -> Result<Grown, TapeError> {
    grow(path, frames::from_text(path, text.to_owned()))
}

fn grow(path: &Path, frames: impl Iterator<Item = Result<Frame, FrameError>>) -> Result<Grown, TapeError> {
    let mut grower = Grower::new();
    for frame in frames {
        let Frame { line, text } = frame?;
        let (frame, _) = market_ws::decode(&text).map_err(|why| TapeError::Line {
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
    if grown.markets.is_empty() {
        return Err(TapeError::Empty(path.to_owned()));
    }
    Ok(grown)
}
