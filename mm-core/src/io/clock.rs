//! The one reader of system time. The system's clock is read once, at the start; from there on a clock counts that nobody can
//! set. So time never goes back, never stands still and never jumps, whatever happens to the system's clock meanwhile: a step of
//! it is a distance that can be asked for, and what is due in five seconds is due in five seconds.
//!
//! What counts is the time since boot *with* the time the machine slept: after a sleep everything is as old as it really is.

use crate::domain::{Nanos, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// What the system's clocks say at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The time of day, UTC, since 1970; anybody may set it.
    pub wall: Nanos,
    /// Since boot, sleep included; nobody can set it.
    pub running: Nanos,
    /// Since boot, sleep left out.
    pub awake: Nanos,
}

impl Reading {
    /// Now.
    #[must_use]
    pub fn of_system() -> Self {
        let [wall, running, awake] = [ClockId::Realtime, ClockId::Boottime, ClockId::Monotonic].map(nanos);
        Self { wall, running, awake }
    }

    /// Nanoseconds slept since boot.
    const fn asleep(&self) -> u64 {
        self.running.nanos().saturating_sub(self.awake.nanos())
    }
}

/// Nanoseconds a clock of the system has counted. Before its zero reads as zero.
fn nanos(clock: ClockId) -> Nanos {
    let time = clock_gettime(clock);
    let (secs, rest) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    Nanos::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(rest))
}

/// UTC as the system told it when the clock was made, counted on. Clones agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    start: Reading,
}

impl Clock {
    /// A clock that starts from the system's time of day.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a reading of the system's clock is no default")]
    pub fn new() -> Self {
        Self::since(Reading::of_system())
    }

    /// A clock that started at a reading.
    #[must_use]
    pub const fn since(start: Reading) -> Self {
        Self { start }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Reading { running: nanos(ClockId::Boottime), ..self.start })
    }

    /// The time at a reading. Its time of day is not looked at.
    #[must_use]
    pub const fn at(&self, reading: Reading) -> Timestamp {
        let run = reading.running.nanos().saturating_sub(self.start.running.nanos());
        Timestamp::from_nanos(self.start.wall.nanos().saturating_add(run))
    }

    /// How far the system's time of day is from ours at a reading, in either direction: how far it was set since the start.
    #[must_use]
    pub const fn set_by(&self, reading: Reading) -> Nanos {
        Nanos::from_nanos(self.at(reading).nanos().abs_diff(reading.wall.nanos()))
    }

    /// How long the machine slept between the start and a reading.
    #[must_use]
    pub const fn slept(&self, reading: Reading) -> Nanos {
        Nanos::from_nanos(reading.asleep().saturating_sub(self.start.asleep()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn reading(wall: u64, running: u64, awake: u64) -> Reading {
        let secs = Nanos::from_secs;
        Reading { wall: secs(wall), running: secs(running), awake: secs(awake) }
    }

    const fn secs(secs: u64) -> Timestamp {
        Timestamp::from_ms(secs * 1000)
    }

    #[test]
    fn a_clock_that_is_set_changes_nothing_and_shows() {
        let clock = Clock::since(reading(1_000_000, 500, 400));
        for wall in [1_000_010, 999_410, 1_000_610, 0] {
            let set = reading(wall, 510, 410);
            assert_eq!(clock.at(set), secs(1_000_010));
            assert_eq!(clock.set_by(set), Nanos::from_secs(wall.abs_diff(1_000_010)));
            assert_eq!(clock.slept(set), Nanos::ZERO);
        }
    }

    #[test]
    fn sleep_is_time_that_passed() {
        let clock = Clock::since(reading(1_000_000, 500, 400));
        let after = reading(1_000_060, 560, 402);
        assert_eq!(clock.at(after), secs(1_000_060));
        assert_eq!(clock.slept(after), Nanos::from_secs(58));
        assert_eq!(clock.set_by(after), Nanos::ZERO);
    }

    #[test]
    fn the_systems_clocks_are_read() {
        let clock = Clock::new();
        let (first, wall) = (clock.now(), Reading::of_system().wall);
        assert!(first.nanos() > 0 && first.nanos() <= wall.nanos() + 1_000_000_000);
        assert!(clock.clone().now() >= first, "clones agree and time does not go back");
    }
}
