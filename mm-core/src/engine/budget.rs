//! The call budget: actions per interval as arithmetic on `at`, in integers.
//!
//! A quarter of the bucket is kept for cancels of dangerous orders: such a cancel always goes, and may put the bucket into debt; nothing
//! else goes until the debt is paid. A cancel for the sake of a better order goes only if there is room for that order as well: a
//! budget that is short keeps orders where they are instead of taking them away.

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
    /// A cancel for the sake of a better order: goes only where that one can go too, and leaves room for those that are owed already.
    Edit {
        /// Placements that wait for room or for a cancel to be answered.
        owed: u32,
    },
    /// Leaves the reserve alone.
    Place,
    /// A question to REST, from a bucket of its own: may use all of it.
    Fetch,
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
        let may = self.needed(call).is_none_or(|needed| self.level >= needed);
        if may {
            self.level -= i128::from(SECOND);
        }
        may
    }

    /// Whether so many placements can go at once.
    #[must_use]
    pub fn fits(&self, placements: usize) -> bool {
        let calls = i128::try_from(placements).unwrap_or(i128::MAX / 2 / i128::from(SECOND));
        self.level >= calls * i128::from(SECOND) + self.reserve
    }

    /// The level at which a call may go; `None`: at any.
    fn needed(&self, call: Call) -> Option<i128> {
        let calls = match call {
            Call::Dangerous => return None,
            Call::Fetch => return Some(i128::from(SECOND)),
            Call::Edit { owed } => 2 + i128::from(owed),
            Call::Place => 1,
        };
        // more than a full bucket is never asked for
        Some((calls * i128::from(SECOND) + self.reserve).min(self.capacity))
    }

    /// When a call of this kind can go at the earliest, counted from the last refill.
    #[must_use]
    pub fn next(&self, call: Call) -> Timestamp {
        let Some(needed) = self.needed(call) else { return self.filled_at };
        let missing = (needed - self.level).max(0);
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
    fn an_hour_never_exceeds_rate_and_burst_and_no_edit_leaves_a_gap_open() {
        let mut budget = Budget::new(5, 20);
        let start = Timestamp::from_ms(1_000_000);
        let (mut calls, mut owed, mut waited) = (0u64, 0u32, 0u64);
        for step in 0..36_000u64 {
            budget.refill(start.plus(Nanos::from_ms(step * 100)));
            // more edits are wanted than can go; each is followed by its placement two steps later
            if step % 2 == 0 {
                for _ in 0..owed {
                    assert!(budget.take(Call::Place), "room was kept for it");
                    calls += 1;
                }
                owed = 0;
            }
            while budget.take(Call::Edit { owed }) {
                (calls, owed) = (calls + 1, owed + 1);
            }
            waited += u64::from(owed == 0);
        }
        assert!(calls <= 20 + 5 * 3600, "{calls}");
        assert!(calls >= 5 * 3590 && waited > 0, "{calls}, {waited}");
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
        assert!(!budget.take(Call::Place));
        assert_eq!(budget.next(Call::Place), start.plus(Nanos::from_secs(4)), "the debt, the reserve and itself");
        assert_eq!(budget.next(Call::Edit { owed: 0 }), start.plus(Nanos::from_secs(5)));
        assert_eq!(budget.next(Call::Edit { owed: 9 }), start.plus(Nanos::from_secs(6)), "a full bucket is enough");
        budget.refill(start.plus(Nanos::from_ms(3_999)));
        assert!(!budget.take(Call::Place));
        budget.refill(start.plus(Nanos::from_secs(4)));
        assert!(budget.take(Call::Place));
    }
}
