//! The one reader of system time. What it returns never goes back, not even when the system's clock is set back: it then
//! stands still until the system has caught up.

use crate::domain::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Wall-clock time, UTC. Clones share their memory of the last reading, so readings are ordered across all of them.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    last: Arc<AtomicU64>,
}

impl Clock {
    /// A clock that has not been read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Now, and never before an earlier answer of this clock or of one of its clones.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.not_before(system_nanos())
    }

    fn not_before(&self, nanos: u64) -> Timestamp {
        Timestamp::from_nanos(self.last.fetch_max(nanos, Ordering::Relaxed).max(nanos))
    }
}

/// Nanoseconds since 1970. A system set before 1970 reads as 1970; one set after 2554 stands still there.
fn system_nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use crate::domain::Timestamp;

    #[test]
    fn a_clock_set_back_stands_still() {
        let clock = Clock::new();
        let readings: Vec<_> = [5, 7, 6, 0, 7, 8].map(|n| clock.not_before(n)).into();
        assert_eq!(readings, [5, 7, 7, 7, 7, 8].map(Timestamp::from_nanos));
    }

    #[test]
    fn clones_share_the_last_reading() {
        let clock = Clock::new();
        let other = clock.clone();
        assert_eq!(clock.not_before(9), Timestamp::from_nanos(9));
        assert_eq!(other.not_before(3), Timestamp::from_nanos(9));
    }
}
