//! What the machine does to our time: it sleeps, and somebody sets its clock (executor.md section 3.16).

use crate::desk::DeskInput;
use mm_core::domain::Nanos;
use mm_core::io::clock::{Clock, Reading};

/// A sleep longer than this is told.
const SLEPT_MIN: Nanos = Nanos::from_secs(1);
/// A time of day further from ours than this is told: whoever sets a clock by hours does not keep it.
const SET_MIN: Nanos = Nanos::from_secs(3600);

/// What was told already.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostWatch {
    slept: Nanos,
    set: bool,
}

impl HostWatch {
    /// What the desk must be told at a reading, once for each sleep and for each time the clock is set far away.
    pub fn look(&mut self, clock: &Clock, reading: Reading) -> Vec<DeskInput> {
        let mut told = Vec::new();
        let (slept, before) = (clock.slept(reading), self.slept);
        if slept.nanos() > before.nanos() + SLEPT_MIN.nanos() {
            self.slept = slept;
            told.push(DeskInput::Slept(Nanos::from_nanos(slept.nanos() - before.nanos())));
        }
        let by = clock.set_by(reading);
        if by > SET_MIN && !self.set {
            told.push(DeskInput::ClockSet(by));
        }
        self.set = by > SET_MIN;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sleep_and_each_set_is_told_once() {
        let secs = Nanos::from_secs;
        let reading = |wall, running, awake| Reading { wall: secs(wall), running: secs(running), awake: secs(awake) };
        let clock = Clock::since(reading(10_000, 100, 90));
        let mut watch = HostWatch::default();
        let mut told = |wall, running, awake| -> Vec<String> {
            watch.look(&clock, reading(wall, running, awake)).iter().map(|input| format!("{input:?}")).collect()
        };
        assert!(told(10_010, 110, 100).is_empty());
        // a second is within what the three readings may be apart; minutes of the time of day show against the venue's
        assert!(told(10_600, 112, 101).is_empty());
        assert_eq!(told(10_060, 160, 111), ["Slept(Nanos(39000000000))"]);
        assert!(told(10_061, 161, 112).is_empty());
        assert_eq!(told(6_000, 162, 113), ["ClockSet(Nanos(4062000000000))"]);
        assert!(told(6_001, 163, 114).is_empty());
        assert!(told(10_064, 164, 115).is_empty());
        assert_eq!(told(20_000, 165, 116).len(), 1);
    }
}
