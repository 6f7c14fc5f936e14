//! Token buckets of one signer.

use super::{Rate, Tier};
use mm_core::domain::{Nanos, Timestamp};

/// Parts of one token: with a rate in tokens a second, a nanosecond adds `rate` of these, so nothing is ever rounded.
const PARTS: i64 = 1_000_000_000;

/// Which bucket a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Placing.
    Order,
    /// Cancelling.
    Cancel,
}

/// One bucket. `level` never exceeds the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: Rate,
    level: i64,
    filled: Timestamp,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub const fn full(rate: Rate, at: Timestamp) -> Self {
        Self { rate, level: depth(rate), filled: at }
    }

    /// Adds what has come in since the last look. Time does not go back.
    fn fill(&mut self, at: Timestamp) {
        let elapsed = i64::try_from(at.since(self.filled).nanos()).unwrap_or(i64::MAX);
        let more = elapsed.saturating_mul(i64::from(self.rate.per_second));
        self.level = self.level.saturating_add(more).min(depth(self.rate));
        self.filled = self.filled.max(at);
    }

    /// Takes `cost` tokens, all or nothing.
    ///
    /// # Errors
    /// How long until they are there; for a cost above the depth, until the bucket is full, though that will not help.
    pub fn take(&mut self, at: Timestamp, cost: u32) -> Result<(), Nanos> {
        self.fill(at);
        let cost = i64::from(cost) * PARTS;
        if cost <= self.level {
            self.level -= cost;
            return Ok(());
        }
        let lacking = cost.min(depth(self.rate)).saturating_sub(self.level).max(0);
        let nanos = lacking.unsigned_abs().div_ceil(u64::from(self.rate.per_second.max(1)));
        Err(Nanos::from_nanos(nanos))
    }

    /// Takes what a request turned out to cost afterwards: below zero where that is allowed, down to zero where it is not.
    pub fn charge(&mut self, at: Timestamp, cost: u32, may_owe: bool) {
        self.fill(at);
        let left = self.level.saturating_sub(i64::from(cost) * PARTS);
        self.level = if may_owe { left } else { left.max(self.level.min(0)) };
    }

    /// Whole tokens left; below zero when some are owed.
    #[must_use]
    pub const fn remaining(&self) -> i64 {
        self.level.div_euclid(PARTS)
    }

    /// Most whole tokens it holds.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.rate.burst
    }

    /// When it will be full again if nothing is taken.
    #[must_use]
    pub fn full_at(&self) -> Timestamp {
        let lacking = depth(self.rate).saturating_sub(self.level).unsigned_abs();
        self.filled.plus(Nanos::from_nanos(lacking.div_ceil(u64::from(self.rate.per_second.max(1)))))
    }
}

const fn depth(rate: Rate) -> i64 {
    rate.burst as i64 * PARTS
}

/// Both buckets of one signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    tier: Tier,
    orders: Bucket,
    cancels: Bucket,
}

/// What the limiter says of a request: the numbers of its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// `Poly-RateLimit-Remaining`.
    pub remaining: i64,
    /// `Poly-RateLimit-Reset`, Unix seconds, rounded up.
    pub reset: u64,
    /// `Poly-RateLimit-Tier`.
    pub tier: Tier,
    /// `Poly-RateLimit-Warning: true`: it would have been refused if the limiter did more than warn.
    pub warned: bool,
    /// `Retry-After`, seconds rounded up: it was refused.
    pub retry_after: Option<u64>,
}

impl Signer {
    /// A signer who has not asked anything.
    #[must_use]
    pub const fn new(tier: Tier, at: Timestamp) -> Self {
        Self { tier, orders: Bucket::full(tier.orders(), at), cancels: Bucket::full(tier.cancels(), at) }
    }

    /// Pays for a request before it is done; `retry_after` of the answer says whether it may be.
    pub fn pay(&mut self, at: Timestamp, kind: Kind, cost: u32, warn_only: bool) -> Stamp {
        let paid = self.bucket(kind).take(at, cost);
        let mut stamp = self.stamp(kind);
        if let Err(wait) = paid {
            stamp.warned = warn_only;
            stamp.retry_after = (!warn_only).then(|| wait.nanos().div_ceil(1_000_000_000).max(1));
        }
        stamp
    }

    /// Pays for what a cancel of many has actually cancelled. A limiter that only warns keeps no debts.
    pub fn pay_afterwards(&mut self, at: Timestamp, cancelled: u32, warn_only: bool) -> Stamp {
        let may_owe = self.tier.may_owe_cancels() && !warn_only;
        self.cancels.charge(at, cancelled, may_owe);
        self.stamp(Kind::Cancel)
    }

    fn stamp(&mut self, kind: Kind) -> Stamp {
        let tier = self.tier;
        let bucket = self.bucket(kind);
        let reset = bucket.full_at().nanos().div_ceil(1_000_000_000);
        Stamp { remaining: bucket.remaining(), reset, tier, warned: false, retry_after: None }
    }

    /// Tokens in a bucket, and the most it holds.
    #[must_use]
    pub const fn level(&self, kind: Kind) -> (i64, u32) {
        let bucket = match kind {
            Kind::Order => &self.orders,
            Kind::Cancel => &self.cancels,
        };
        (bucket.remaining(), bucket.depth())
    }

    const fn bucket(&mut self, kind: Kind) -> &mut Bucket {
        match kind {
            Kind::Order => &mut self.orders,
            Kind::Cancel => &mut self.cancels,
        }
    }
}
