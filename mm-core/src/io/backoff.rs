//! How long to wait before trying again: doubling waits with jitter, as data. The seed comes from the caller, so that a
//! thousand clients do not return in step and a test knows every wait.

use std::time::Duration;

/// Waits that double from `min` to `max`, each drawn from its upper half.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    draws: u64,
    attempt: u32,
}

impl Backoff {
    /// Waits between `min` and `max`; `seed` chooses the jitter.
    #[must_use]
    pub fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max: max.max(min), draws: seed, attempt: 0 }
    }

    /// The next wait: between half of `min × 2^n` and all of it, never above `max`.
    pub fn next_wait(&mut self) -> Duration {
        let full = self.min.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX)).min(self.max);
        self.attempt = self.attempt.saturating_add(1).min(31);
        self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let half = full / 2;
        let span = u64::try_from((full - half).as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(mixed(self.draws) % span.saturating_add(1))
    }

    /// The connection has proved itself: the next wait is a first one again.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// A bijection of 64 bits without visible pattern (the finaliser of SplitMix64).
const fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    const MIN: Duration = Duration::from_millis(250);
    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn waits_double_inside_their_upper_half_and_stop_at_the_cap() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(MIN, MAX, seed);
            for n in 0..40u32 {
                let full = MIN.saturating_mul(2u32.saturating_pow(n)).min(MAX);
                let wait = backoff.next_wait();
                assert!(wait >= full / 2 && wait <= full, "wait {n} of seed {seed} is {wait:?}, not near {full:?}");
            }
            backoff.reset();
            assert!(backoff.next_wait() <= MIN);
        }
    }

    #[test]
    fn the_seed_decides_the_jitter() {
        let waits = |seed| {
            let mut backoff = Backoff::new(MIN, MAX, seed);
            [(); 6].map(|()| backoff.next_wait())
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }

    #[test]
    fn a_zero_wait_stays_zero() {
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO, 3).next_wait(), Duration::ZERO);
    }
}
