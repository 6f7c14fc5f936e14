//! When samples are taken: once in each UTC minute, at an offset drawn for that minute.

use crate::draws::Draws;
use serde::{Deserialize, Serialize};

/// Milliseconds in a minute.
const MINUTE_MS: u64 = 60_000;

/// The next sample. Its offset depends on the seed and the minute alone: worlds that start at different times, or act
/// differently, are sampled at the same moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minutes {
    minute: u64,
    next_ms: u64,
}

impl Minutes {
    /// From `start_ms` on. A start behind its own minute's sample begins with the next minute.
    #[must_use]
    pub fn new(draws: &Draws, start_ms: u64) -> Self {
        let mut minutes = Self::at(draws, start_ms / MINUTE_MS);
        if minutes.next_ms < start_ms {
            minutes.advance(draws);
        }
        minutes
    }

    /// The moment of the next sample, milliseconds since 1970.
    #[must_use]
    pub const fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// The next sample was taken.
    pub fn advance(&mut self, draws: &Draws) {
        *self = Self::at(draws, self.minute + 1);
    }

    fn at(draws: &Draws, minute: u64) -> Self {
        let offset = draws.below("rewards", "minute", minute, MINUTE_MS);
        Self { minute, next_ms: minute.saturating_mul(MINUTE_MS).saturating_add(offset) }
    }
}
