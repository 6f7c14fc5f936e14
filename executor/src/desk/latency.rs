//! How long placements wait for their answer. A venue that throttles delays instead of refusing (executor.md finding 4), and what it
//! delays may land when nobody wants it any more: so no more is put into its queue.

use mm_core::domain::{Nanos, Timestamp};
use std::collections::VecDeque;

/// Requests a judgement rests on (executor.md 3.15).
const CALLS: usize = 20;
/// So many times the shortest median that was seen is too long.
const TIMES: u64 = 5;
/// A median below this is never too long: a fast venue may become five times as slow and is still fast.
const LEAST: Nanos = Nanos::from_ms(500);

/// The last requests to place, and the shortest median of as many.
#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    last: VecDeque<Nanos>,
    best: Option<Nanos>,
    /// When the last request left: what left with it is the same request.
    sent: Option<Timestamp>,
}

impl Latency {
    /// Counts a request that left at `sent` and was answered, or given up, after `took`; whether it is time to stop. Orders that left
    /// together are one. After a stop it takes as many requests again until the next.
    pub(super) fn is_too_long(&mut self, sent: Timestamp, took: Nanos) -> bool {
        if self.sent.replace(sent) == Some(sent) {
            return false;
        }
        self.last.push_back(took);
        if self.last.len() > CALLS {
            self.last.pop_front();
        }
        if self.last.len() < CALLS {
            return false;
        }
        let mut sorted: Vec<Nanos> = self.last.iter().copied().collect();
        sorted.sort_unstable();
        let median = sorted[CALLS / 2];
        let best = self.best.map_or(median, |best| best.min(median));
        self.best = Some(best);
        let too_long = median > LEAST && median.nanos() > best.nanos().saturating_mul(TIMES);
        if too_long {
            self.last.clear();
        }
        too_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::{Rehearsal, order, setup, wide_policy};
    use mm_core::domain::{Outcome, Side};

    /// After how many requests, if ever, each of so many milliseconds.
    fn stops(latency: &mut Latency, calls: usize, ms: u64) -> Option<usize> {
        let sent = latency.sent.unwrap_or(Timestamp::EPOCH);
        (1..=calls).find(|n| latency.is_too_long(sent.plus(Nanos::from_secs(*n as u64)), Nanos::from_ms(ms)))
    }

    #[test]
    fn a_median_five_times_the_best_is_too_long_once_it_is_long_at_all() {
        let mut latency = Latency::default();
        assert_eq!(stops(&mut latency, 50, 100), None);
        assert_eq!(stops(&mut latency, 50, 500), None, "five times, and not more");
        assert_eq!(stops(&mut latency, 50, 501), Some(10), "when half of them are");
        assert_eq!(stops(&mut latency, 50, 501), Some(20), "and again after as many");
        let mut fast = Latency::default();
        assert_eq!(stops(&mut fast, 50, 1), None);
        assert_eq!(stops(&mut fast, 50, 400), None, "slow for it, and still fast");
        let mut slow = Latency::default();
        assert_eq!(stops(&mut slow, 500, 3000), None, "that is how it is");
    }

    #[test]
    fn orders_that_left_together_are_one_request() {
        let mut latency = Latency::default();
        assert_eq!(stops(&mut latency, 50, 100), None);
        let sent = Timestamp::from_ms(1_000_000);
        assert!((0..15).all(|_| !latency.is_too_long(sent, Nanos::from_ms(600))), "one slow request of fifteen orders");
        assert_eq!(stops(&mut latency, 50, 600), Some(9), "ten of twenty");
    }

    #[test]
    fn a_venue_that_throttles_is_left_alone_and_what_rests_is_cancelled() {
        let mut stage = Rehearsal::armed(setup(wide_policy(), false), 1);
        let place = |stage: &mut Rehearsal, n| {
            stage.place(n, order(0, Outcome::Yes, Side::Buy, 40, 10));
            stage.run_ms(700);
        };
        (1..=30).for_each(|n| place(&mut stage, n));
        let before = stage.venue.cancel_alls;
        stage.latency = Nanos::from_ms(600);
        (31..=45).for_each(|n| place(&mut stage, n));
        assert!(stage.alerts.iter().any(|alert| alert.contains("throttles")), "{:?}", stage.alerts);
        assert!(stage.venue.cancel_alls > before);
    }
}
