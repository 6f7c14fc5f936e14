//! Recorded frames as the public book (architecture, tape rules).

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// Nothing in it.
    #[error("{0}: no market-channel event in the recording")]
    Empty(std::path::PathBuf),
}
