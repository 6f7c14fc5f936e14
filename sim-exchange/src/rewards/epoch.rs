//! One market's samples of one UTC day, and what its pools owe for them.

use super::amount::{SHARE_ONE, Sum, share};
use super::{Accrual, Maker, SAMPLES_PER_DAY};
use mm_core::domain::Usdc;
use mm_core::rewards::{Fixed12, Ratio};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most samples of an epoch: 1,440 on the clock, more where a tape plays faster. Further ones are not counted, so that sums
/// of shares stay in 128 bits.
const SAMPLES_MAX: u64 = 100_000;

/// Samples in a row under the same rates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    /// Millionths of a dollar per day, by pool.
    rates: Vec<u64>,
    samples: u64,
    /// Those in which anybody scored.
    scored: u64,
    /// Sum of each maker's shares.
    shares: BTreeMap<Maker, u128>,
}

/// The samples of one market and day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    stretches: Vec<Stretch>,
    samples: u64,
}

/// What one pool owes for one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolDay {
    /// What the pool must hold, rounded up.
    pub funded: Fixed12,
    /// What each maker earned, half to even, before the smallest payout is asked for. Makers that never scored are left out.
    pub earned: BTreeMap<Maker, Fixed12>,
    /// What nobody earned and the funder gets back, half to even.
    pub unscored: Fixed12,
}

impl Epoch {
    /// Adds a sample that `repeat` minutes in a row had in common: the rates in force, by pool, and each scoring maker's
    /// points, which add up to `total`. Nobody scored when it is zero.
    pub fn add(&mut self, rates: &[Usdc], repeat: u64, total: u128, points: impl Iterator<Item = (Maker, u128)>) {
        let repeat = repeat.min(SAMPLES_MAX.saturating_sub(self.samples));
        if repeat == 0 {
            return;
        }
        self.samples += repeat;
        let same = |s: &Stretch| s.rates.iter().copied().eq(rates.iter().map(|rate| rate.micro()));
        if !self.stretches.last().is_some_and(same) {
            let rates = rates.iter().map(|rate| rate.micro()).collect();
            self.stretches.push(Stretch { rates, samples: 0, scored: 0, shares: BTreeMap::new() });
        }
        let stretch = self.stretches.last_mut().expect("one was just made sure of");
        stretch.samples += repeat;
        if total == 0 {
            return;
        }
        stretch.scored += repeat;
        for (maker, points) in points.filter(|(_, points)| *points > 0) {
            *stretch.shares.entry(maker).or_insert(0) += share(points, total) * u128::from(repeat);
        }
    }

    /// Samples so far.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// Makers that scored, in order.
    #[must_use]
    pub fn makers(&self) -> Vec<Maker> {
        let mut makers: Vec<Maker> = self.stretches.iter().flat_map(|s| s.shares.keys().copied()).collect();
        makers.sort_unstable();
        makers.dedup();
        makers
    }

    /// `Q_epoch`: the sum of a maker's shares, twelve decimals, half to even.
    #[must_use]
    pub fn q_epoch(&self, maker: Maker) -> Fixed12 {
        Fixed12::quotient(self.shares_of(maker, |_| true), 1, SHARE_ONE).expect("a day of shares fits")
    }

    /// `Q_final`: a maker's part of all makers' sums; zero when nobody scored.
    #[must_use]
    pub fn q_final(&self, maker: Maker) -> Fixed12 {
        let all = self.all_shares(|_| true).max(1);
        Fixed12::quotient(self.shares_of(maker, |_| true), 1, all).expect("a part of all is at most one")
    }

    /// What a pool owes for the samples so far.
    #[must_use]
    pub fn pool(&self, pool: usize, accrual: Accrual) -> PoolDay {
        match accrual {
            Accrual::Minute => self.by_minute(pool),
            Accrual::Day => self.by_day(pool),
        }
    }

    /// What one maker has earned of a pool so far.
    #[must_use]
    pub fn earned(&self, pool: usize, accrual: Accrual, maker: Maker) -> Fixed12 {
        match accrual {
            Accrual::Minute => self.earned_by_minute(pool, maker),
            Accrual::Day => self.earned_by_day(pool, maker),
        }
    }

    /// A 1,440th of the rate for each sample.
    fn by_minute(&self, pool: usize) -> PoolDay {
        let (mut funded, mut unscored) = (per_minute(), per_minute());
        for stretch in &self.stretches {
            funded.add(stretch.rate(pool), u128::from(stretch.samples) * SHARE_ONE);
            unscored.add(stretch.rate(pool), u128::from(stretch.samples - stretch.scored) * SHARE_ONE);
        }
        let earned = self.makers().into_iter().map(|maker| (maker, self.earned_by_minute(pool, maker)));
        PoolDay { funded: funded.up(), earned: positive(earned), unscored: unscored.half_even() }
    }

    fn earned_by_minute(&self, pool: usize, maker: Maker) -> Fixed12 {
        let mut sum = per_minute();
        for stretch in &self.stretches {
            sum.add(stretch.rate(pool), stretch.shares.get(&maker).copied().unwrap_or(0));
        }
        sum.half_even()
    }

    /// The day's pool, split by the sums of shares.
    fn by_day(&self, pool: usize) -> PoolDay {
        let (num, den) = self.day_pool(pool);
        let mut funded = Sum::new(den);
        funded.add(num, 1);
        let earned = self.makers().into_iter().map(|maker| (maker, self.earned_by_day(pool, maker)));
        let earned = positive(earned);
        let unscored = if earned.is_empty() { funded.half_even() } else { Fixed12::ZERO };
        PoolDay { funded: funded.up(), earned, unscored }
    }

    fn earned_by_day(&self, pool: usize, maker: Maker) -> Fixed12 {
        let paying = |stretch: &Stretch| stretch.rate(pool) > 0;
        let all = self.all_shares(paying);
        let (num, den) = self.day_pool(pool);
        // at most 10^5 samples, each with at most one whole share: below 2^127
        let mut sum = Sum::new(den * all.max(1));
        sum.add(num, self.shares_of(maker, paying));
        sum.half_even()
    }

    /// The day's pool in units of [`Fixed12`] as a fraction: the mean of the rates over the day's samples, so that a rate that
    /// never changes is paid whole.
    fn day_pool(&self, pool: usize) -> (u128, u128) {
        let sum: u128 = self.stretches.iter().map(|s| s.rate(pool) * u128::from(s.samples)).sum();
        let mean = Ratio::new(sum, u128::from(self.samples.max(1))).expect("not divided by zero");
        (mean.num(), mean.den())
    }

    fn shares_of(&self, maker: Maker, counts: impl Fn(&Stretch) -> bool) -> u128 {
        self.stretches.iter().filter(|s| counts(s)).filter_map(|s| s.shares.get(&maker)).sum()
    }

    fn all_shares(&self, counts: impl Fn(&Stretch) -> bool) -> u128 {
        self.stretches.iter().filter(|s| counts(s)).flat_map(|s| s.shares.values()).sum()
    }

    /// Hands every number that decides what is owed to `see`, in a fixed order.
    pub(super) fn fold(&self, see: &mut impl FnMut(u64)) {
        for stretch in &self.stretches {
            stretch.rates.iter().for_each(|rate| see(*rate));
            see(stretch.samples);
            see(stretch.scored);
            for (maker, share) in &stretch.shares {
                see(u64::from(u32::from(*maker)));
                see_wide(*share, see);
            }
        }
    }

    /// Checks that each scored sample gave away one whole, up to the stated rounding.
    ///
    /// # Errors
    /// What is broken, with the numbers.
    pub fn check(&self) -> Result<(), String> {
        for (n, stretch) in self.stretches.iter().enumerate() {
            let given: u128 = stretch.shares.values().sum();
            let whole = u128::from(stretch.scored) * SHARE_ONE;
            // each maker's share of each sample is rounded down by less than one unit
            let lost_max = u128::from(stretch.scored) * stretch.shares.len() as u128;
            if given > whole || whole - given > lost_max {
                return Err(format!("stretch {n}: {} samples gave away {given} of {whole}", stretch.scored));
            }
        }
        Ok(())
    }
}

/// A wide number in two halves, the lower first.
fn see_wide(n: u128, see: &mut impl FnMut(u64)) {
    let mask = u128::from(u64::MAX);
    for half in [n & mask, n >> 64] {
        see(u64::try_from(half).expect("half of 128 bits"));
    }
}

impl Stretch {
    /// In units of [`Fixed12`] per day.
    fn rate(&self, pool: usize) -> u128 {
        u128::from(self.rates.get(pool).copied().unwrap_or(0)) * super::MICRO
    }
}

/// Sums of `rate × shares`: divided by a day of minutes and by the unit of a share.
const fn per_minute() -> Sum {
    Sum::new(SAMPLES_PER_DAY as u128 * SHARE_ONE)
}

fn positive(earned: impl Iterator<Item = (Maker, Fixed12)>) -> BTreeMap<Maker, Fixed12> {
    earned.filter(|(_, amount)| *amount > Fixed12::ZERO).collect()
}
