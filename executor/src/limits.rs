//! Local token buckets below the venue's published limits (`clob-rest.md` section 16), on a clock that is fed.
//!
//! The order bucket and the cancel bucket of the signer are the venue's own two; ours stay inside them. Cancel-all has a share
//! of the cancel bucket that nothing else may use, so a flood of anything cannot starve it. What an address may call is counted
//! beside: [`Endpoint`].

mod places;
mod windows;

pub use places::{Places, SortedOut};
use windows::Windows;
pub use windows::{Endpoint, PUBLISHED_TOTAL, Toll, WINDOWS_S};

use crate::config::Buckets;
use crate::outcome::VenueCall;
use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos as GovernorNanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use mm_core::domain::{Nanos, Timestamp};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a call competes with. Smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Cancel everything. Never refused for lack of tokens of others.
    CancelAll,
    /// Cancel some.
    Cancel,
    /// The dead-man switch.
    Heartbeat,
    /// Whether we may trade at all: place, account, clock.
    Check,
    /// Lists of what rests and what traded: they settle many orders at once.
    Read,
    /// One order, one balance, what was earned, books: many of them may wait. Of the same bucket as [`Self::Read`], behind it.
    Look,
    /// New orders.
    Place,
}

impl Class {
    /// All classes, first served first.
    pub const ALL: [Self; 7] =
        [Self::CancelAll, Self::Cancel, Self::Heartbeat, Self::Check, Self::Read, Self::Look, Self::Place];

    /// What a call competes with, and what it costs.
    #[must_use]
    pub fn of(call: &VenueCall) -> (Self, u32) {
        match call {
            VenueCall::CancelAll => (Self::CancelAll, 1),
            VenueCall::Cancel(ids) => (Self::Cancel, u32::try_from(ids.len()).unwrap_or(u32::MAX)),
            VenueCall::CancelMarket(_) => (Self::Cancel, 1),
            // Without credentials nothing can be cancelled.
            VenueCall::Heartbeat { .. } | VenueCall::RenewCredentials => (Self::Heartbeat, 1),
            VenueCall::Geoblock | VenueCall::ClosedOnly | VenueCall::Time => (Self::Check, 1),
            VenueCall::OpenOrders { .. } | VenueCall::Trades { .. } => (Self::Read, 1),
            VenueCall::Order(_)
            | VenueCall::Balance(_)
            | VenueCall::RefreshBalance(_)
            | VenueCall::Scoring(_)
            | VenueCall::Shares
            | VenueCall::Books(_)
            | VenueCall::Earned(_) => (Self::Look, 1),
        }
    }

    /// The bucket a class takes from.
    const fn bucket(self) -> usize {
        match self {
            Self::Look => Self::Read as usize,
            own => own as usize,
        }
    }
}

/// Share of the order bucket we use, in percent: the rest absorbs what the venue counts differently.
const PLACE_PERCENT: u32 = 60;
/// Share of the cancel bucket kept for cancel-all alone, in percent.
const CANCEL_ALL_PERCENT: u32 = 20;
/// Authenticated reads while trading: about ten a second are tolerated (`clob-rest.md` section 8).
const READ: (u32, u32) = (8, 40);
/// One beat every few seconds, and an immediate second after a mismatch.
const HEARTBEAT: (u32, u32) = (2, 10);
/// Three checks, each once a minute at most, and again after a failure.
const CHECK: (u32, u32) = (2, 10);

/// A moment on the fed clock, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At(u64);

impl std::ops::Add<GovernorNanos> for At {
    type Output = Self;
    fn add(self, other: GovernorNanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Reference for At {
    fn duration_since(&self, earlier: Self) -> GovernorNanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: GovernorNanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

/// Stands still until it is told the time.
#[derive(Clone, Debug, Default)]
struct FedClock(Arc<AtomicU64>);

impl Clock for FedClock {
    type Instant = At;
    fn now(&self) -> At {
        At(self.0.load(Ordering::Relaxed))
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, FedClock, NoOpMiddleware<At>>;

/// The buckets of one signer and the windows of its address. Without a tier nothing is limited (only the simulator allows that).
pub struct Limits {
    clock: FedClock,
    buckets: Option<[Bucket; 7]>,
    bursts: [u32; 7],
    windows: Option<Windows>,
}

impl Limits {
    /// Full buckets and nothing counted; `None` limits nothing.
    #[must_use]
    pub fn new(tier: Option<Buckets>) -> Self {
        let clock = FedClock::default();
        let Some(tier) = tier else { return Self { clock, buckets: None, bursts: [u32::MAX; 7], windows: None } };
        let percent = |n: u32, percent: u32| n * percent / 100;
        let rates = Class::ALL.map(|class| match class {
            Class::CancelAll => {
                (percent(tier.cancels, CANCEL_ALL_PERCENT), percent(tier.cancels_burst, CANCEL_ALL_PERCENT))
            }
            Class::Cancel => {
                (percent(tier.cancels, 100 - CANCEL_ALL_PERCENT), percent(tier.cancels_burst, 100 - CANCEL_ALL_PERCENT))
            }
            Class::Heartbeat => HEARTBEAT,
            Class::Check => CHECK,
            Class::Read | Class::Look => READ,
            Class::Place => (percent(tier.orders, PLACE_PERCENT), percent(tier.orders_burst, PLACE_PERCENT)),
        });
        let bucket = |(rate, burst): (u32, u32)| {
            let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst));
            RateLimiter::direct_with_clock(quota, clock.clone())
        };
        let bursts = rates.map(|(_, burst)| burst);
        Self { buckets: Some(rates.map(bucket)), bursts, windows: Some(Windows::new()), clock }
    }

    /// Lets a call leave at `at`, which takes its tokens and counts in its windows; or nothing of it.
    ///
    /// # Errors
    /// How long to wait.
    pub fn pay(&self, at: Timestamp, toll: Toll) -> Result<(), Nanos> {
        if let Some(windows) = &self.windows {
            windows.ask(at, toll.endpoint)?;
        }
        self.take(at, toll.class, toll.cost)?;
        self.count(at, toll.endpoint);
        Ok(())
    }

    /// Whether a request with so many orders, which have their tokens, may leave at `at` by the windows of its address; then it counts.
    fn lets_post(&self, at: Timestamp, orders: usize) -> bool {
        let endpoint = Endpoint::of_orders(orders);
        let may = self.windows.as_ref().is_none_or(|windows| windows.ask(at, endpoint).is_ok());
        if may {
            self.count(at, endpoint);
        }
        may
    }

    fn count(&self, at: Timestamp, endpoint: Endpoint) {
        if let Some(windows) = &self.windows {
            windows.take(at, endpoint);
        }
    }

    /// Takes `cost` tokens at `at`.
    ///
    /// # Errors
    /// How long to wait until there will be enough. A cost above the whole bucket takes a full bucket.
    pub fn take(&self, at: Timestamp, class: Class, cost: u32) -> Result<(), Nanos> {
        self.clock.0.fetch_max(at.nanos(), Ordering::Relaxed);
        let Some(buckets) = &self.buckets else { return Ok(()) };
        let ix = class.bucket();
        let cost = NonZeroU32::new(cost.clamp(1, self.bursts[ix])).unwrap_or(NonZeroU32::MIN);
        match buckets[ix].check_n(cost) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err(Nanos::from_nanos(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX).max(1)))
            }
            Err(_) => unreachable!("the cost was cut down to the burst"),
        }
    }
}

/// Calls waiting for tokens: first by class, then in their order.
pub struct Waiting<T> {
    queues: [std::collections::VecDeque<Queued<T>>; 7],
}

struct Queued<T> {
    toll: Toll,
    leave_by: Timestamp,
    call: T,
}

/// A call that waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Its class had tokens, and its address room.
    Leaves(T),
    /// It waited for too long: whoever wanted it has given it up, or will before an answer can come.
    Overdue(T),
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { queues: Default::default() }
    }
}

impl<T> Waiting<T> {
    /// Most calls of one class that may wait; a desk that asks for more is answered at once that nothing was sent.
    pub const MAX: usize = 256;

    /// Puts a call behind those of its class. It leaves before `leave_by` or not at all.
    ///
    /// # Errors
    /// The call, when [`Self::MAX`] wait already.
    pub fn push(&mut self, toll: Toll, leave_by: Timestamp, call: T) -> Result<(), T> {
        let queue = &mut self.queues[toll.class as usize];
        if queue.len() >= Self::MAX {
            return Err(call);
        }
        queue.push_back(Queued { toll, leave_by, call });
        Ok(())
    }

    /// Whether something waits that matters more than a new order: a cancel, or what keeps the dead-man switch from acting.
    /// Readings do not: their bucket is no order's, and some wait all the time.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        Class::ALL[..=Class::Heartbeat as usize].iter().any(|class| !self.queues[*class as usize].is_empty())
    }

    /// The next call that may leave now, or that waited for too long; otherwise how long until one has, if any waits.
    ///
    /// # Errors
    /// How long to wait.
    pub fn pop(&mut self, limits: &Limits, at: Timestamp) -> Result<Next<T>, Option<Nanos>> {
        let mut wait: Option<Nanos> = None;
        for class in Class::ALL {
            let queue = &mut self.queues[class as usize];
            let Some(front) = queue.front() else { continue };
            let overdue = at >= front.leave_by;
            match if overdue { Ok(()) } else { limits.pay(at, front.toll) } {
                Ok(()) => {
                    let call = queue.pop_front().expect("there is a front").call;
                    return Ok(if overdue { Next::Overdue(call) } else { Next::Leaves(call) });
                }
                Err(longer) => {
                    let longer = longer.min(front.leave_by.since(at));
                    wait = Some(wait.map_or(longer, |known| known.min(longer)));
                }
            }
        }
        Err(wait)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_windows;
