//! How often an address may call: the venue counts the requests of each kind over ten seconds and over ten minutes, whoever's they are,
//! and delays what is too many (`clob-rest.md` section 16). A delayed cancel is as bad as a lost one, so ours stay below.
//!
//! Each window is a bucket of half its size that refills with the other half: never more than the whole in any window, and who uses
//! it up goes on slowly instead of standing still for minutes. Cancels share no window with anything else.

use super::Class;
use crate::outcome::VenueCall;
use mm_core::domain::{Nanos, Timestamp};
use std::cell::Cell;

/// What the venue counts apart. What it counts besides (readings, logins) our own buckets keep far below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `POST /order`.
    Order,
    /// `POST /orders`.
    Orders,
    /// `DELETE /order`.
    CancelOne,
    /// `DELETE /orders`.
    CancelMany,
    /// `DELETE /cancel-all`.
    CancelAll,
    /// `DELETE /cancel-market-orders`.
    CancelMarket,
    /// Anything else.
    Other,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Order,
        Self::Orders,
        Self::CancelOne,
        Self::CancelMany,
        Self::CancelAll,
        Self::CancelMarket,
        Self::Other,
    ];

    /// Where a call goes.
    #[must_use]
    pub fn of(call: &VenueCall) -> Self {
        match call {
            VenueCall::Cancel(ids) if ids.len() == 1 => Self::CancelOne,
            VenueCall::Cancel(_) => Self::CancelMany,
            VenueCall::CancelAll => Self::CancelAll,
            VenueCall::CancelMarket(_) => Self::CancelMarket,
            _ => Self::Other,
        }
    }

    /// Where a request with so many orders goes.
    #[must_use]
    pub const fn of_orders(orders: usize) -> Self {
        if orders == 1 { Self::Order } else { Self::Orders }
    }

    /// Whether it only takes orders away.
    #[must_use]
    pub const fn cancels(self) -> bool {
        matches!(self, Self::CancelOne | Self::CancelMany | Self::CancelAll | Self::CancelMarket)
    }

    /// Requests of an address within ten seconds and within ten minutes; 0: not counted.
    #[must_use]
    pub const fn published(self) -> [u32; 2] {
        match self {
            Self::Order | Self::CancelOne => [5_000, 120_000],
            Self::Orders => [2_000, 21_000],
            Self::CancelMany => [2_000, 15_000],
            Self::CancelAll => [250, 6_000],
            Self::CancelMarket => [1_500, 21_000],
            Self::Other => [0, 0],
        }
    }
}

/// All requests of an address within ten seconds.
pub const PUBLISHED_TOTAL: u32 = 9_000;
/// The two windows, in seconds.
pub const WINDOWS_S: [u64; 2] = [10, 600];

/// Our part of each window, in percent: the core and `executor-kill` call from the same address.
const OURS_PERCENT: u32 = 80;

/// What one request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toll {
    /// What it competes with.
    pub class: Class,
    /// Tokens of its class.
    pub cost: u32,
    /// Where it goes.
    pub endpoint: Endpoint,
}

impl Toll {
    /// Of a call.
    #[must_use]
    pub fn of(call: &VenueCall) -> Self {
        let (class, cost) = Class::of(call);
        Self { class, cost, endpoint: Endpoint::of(call) }
    }
}

/// A bucket that can be asked before it is taken from.
#[derive(Debug)]
struct Window {
    /// Nanoseconds that bring one request.
    each: u64,
    /// And the whole bucket.
    whole: u64,
    /// When it is full again.
    full_at: Cell<u64>,
}

impl Window {
    fn new(requests: u32, secs: u64) -> Self {
        let half = u64::from(requests / 2).max(1);
        let each = (secs * 1_000_000_000).div_ceil(half);
        Self { each, whole: each * half, full_at: Cell::new(0) }
    }

    /// When it is full again if a request leaves at `at`; or how long that has to wait.
    fn after(&self, at: u64) -> Result<u64, u64> {
        let full_at = self.full_at.get().max(at) + self.each;
        let longest = at + self.whole;
        if full_at <= longest { Ok(full_at) } else { Err(full_at - longest) }
    }
}

/// Our windows of the address we call from.
#[derive(Debug)]
pub(super) struct Windows {
    each: [Vec<Window>; Endpoint::ALL.len()],
    /// Of all requests: those that cancel, and the others.
    total: [Window; 2],
}

impl Windows {
    pub(super) fn new() -> Self {
        let ours = |requests: u32| requests / 100 * OURS_PERCENT;
        Self {
            each: Endpoint::ALL.map(|endpoint| {
                let windows = endpoint.published().into_iter().zip(WINDOWS_S);
                windows
                    .filter(|(requests, _)| *requests > 0)
                    .map(|(requests, secs)| Window::new(ours(requests), secs))
                    .collect()
            }),
            total: [(); 2].map(|()| Window::new(ours(PUBLISHED_TOTAL) / 2, WINDOWS_S[0])),
        }
    }

    fn of(&self, endpoint: Endpoint) -> impl Iterator<Item = &Window> {
        let total = &self.total[usize::from(!endpoint.cancels())];
        self.each[endpoint as usize].iter().chain(std::iter::once(total))
    }

    /// Whether a request may leave at `at`.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(super) fn ask(&self, at: Timestamp, endpoint: Endpoint) -> Result<(), Nanos> {
        let longest = self.of(endpoint).filter_map(|window| window.after(at.nanos()).err()).max();
        longest.map_or(Ok(()), |wait| Err(Nanos::from_nanos(wait)))
    }

    /// It leaves.
    pub(super) fn take(&self, at: Timestamp, endpoint: Endpoint) {
        for window in self.of(endpoint) {
            window.full_at.set(window.full_at.get().max(at.nanos()) + window.each);
        }
    }
}
