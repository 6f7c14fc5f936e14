//! How many calls may go, as arithmetic on the turn's time: integers only.
//!
//! A bucket of calls refills evenly. Ordinary cancels may use all of it, placements leave a reserve for cancels.
//! A dangerous cancel always goes: it may put the bucket into debt, and nothing else goes until the debt is paid.

use crate::domain::{Nanos, Timestamp};

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// A bucket of calls. One call costs as many units as a second has nanoseconds, so that no fraction is ever lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    per_second: u64,
    capacity: i128,
    reserve: i128,
    level: i128,
    filled_at: Timestamp,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Goes past every floor.
    Dangerous,
    /// May use the whole bucket.
    Cancel,
    /// Leaves the reserve alone.
    Place,
}

impl Budget {
    /// A full bucket.
    #[must_use]
    pub fn new(calls_per_second: u32, burst: u32) -> Self {
        let capacity = i128::from(burst) * i128::from(SECOND);
        Self {
            per_second: u64::from(calls_per_second),
            capacity,
            reserve: capacity / 4,
            level: capacity,
            filled_at: Timestamp::EPOCH,
        }
    }

    /// Pours in what has accrued until `at`.
    pub fn refill(&mut self, at: Timestamp) {
        let gained = i128::from(at.since(self.filled_at).nanos()) * i128::from(self.per_second);
        self.level = (self.level + gained).min(self.capacity);
        self.filled_at = self.filled_at.max(at);
    }

    /// Takes one call if it may go now. Call [`Self::refill`] first.
    #[must_use]
    pub fn take(&mut self, call: Call) -> bool {
        let cost = i128::from(SECOND);
        let may = match call {
            Call::Dangerous => true,
            Call::Cancel => self.level >= cost,
            Call::Place => self.level >= cost + self.reserve,
        };
        if may {
            self.level -= cost;
        }
        may
    }

    /// When a call of this kind can go at the earliest, counted from the last refill.
    #[must_use]
    pub fn next(&self, call: Call) -> Timestamp {
        let floor = match call {
            Call::Dangerous => return self.filled_at,
            Call::Cancel => 0,
            Call::Place => self.reserve,
        };
        let missing = (i128::from(SECOND) + floor - self.level).max(0);
        let per_second = i128::from(self.per_second.max(1));
        let wait = u64::try_from((missing + per_second - 1) / per_second).unwrap_or(u64::MAX);
        self.filled_at.plus(Nanos::from_nanos(wait))
    }

    /// Calls in the bucket, whole ones; negative while in debt.
    #[must_use]
    pub fn level(&self) -> i128 {
        self.level.div_euclid(i128::from(SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_never_exceeds_rate_and_burst_and_cancels_outlive_placements() {
        let mut budget = Budget::new(5, 20);
        let start = Timestamp::from_ms(1_000_000);
        let (mut placed, mut canceled) = (0u64, 0u64);
        for step in 0..36_000u64 {
            budget.refill(start.plus(Nanos::from_ms(step * 100)));
            while budget.take(Call::Place) {
                placed += 1;
            }
            if step % 10 == 0 && budget.take(Call::Cancel) {
                canceled += 1;
            }
        }
        assert!(placed + canceled <= 20 + 5 * 3600, "{placed} + {canceled}");
        assert_eq!(canceled, 3600, "the reserve is for cancels");
    }

    #[test]
    fn debt_is_paid_before_anything_else_goes() {
        let mut budget = Budget::new(1, 4);
        let start = Timestamp::from_ms(1_000_000);
        budget.refill(start);
        for _ in 0..6 {
            assert!(budget.take(Call::Dangerous));
        }
        assert_eq!(budget.level(), -2);
        assert!(!budget.take(Call::Cancel));
        assert_eq!(budget.next(Call::Cancel), start.plus(Nanos::from_secs(3)));
        budget.refill(start.plus(Nanos::from_ms(2_999)));
        assert!(!budget.take(Call::Cancel));
        budget.refill(start.plus(Nanos::from_secs(3)));
        assert!(budget.take(Call::Cancel));
    }
}
