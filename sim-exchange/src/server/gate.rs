//! Who may place and cancel now: where from, who, how often, and what the engine takes.
//!
//! The order of these checks at the venue is undocumented except that the region comes before everything. Here: region (403),
//! API key (401), signer limiter (429), engine mode (425, 503); then the body is looked at.

use super::call::{ApiError, Call, Caller};
use super::front::Venue;
use crate::exchange::{Reject, may_reduce};
use crate::limits::Limits;
use crate::limits::bucket::{Kind, Signer, Stamp};
use crate::mode::Mode;
use alloy_primitives::Address;
use mm_core::domain::{Side, Timestamp};
use std::collections::BTreeMap;

const BLOCKED: &str = "Trading restricted in your region, please refer to available regions - \
https://docs.polymarket.com/developers/CLOB/geoblock";

/// How the venue stands to an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It may trade.
    #[default]
    Good,
    /// It may only sell what it has.
    ClosedOnly,
    /// It may not place anything.
    Banned,
}

/// The switches and counters of one venue.
pub(super) struct Gate {
    mode: Mode,
    limits: Limits,
    signers: BTreeMap<Address, Signer>,
    standings: BTreeMap<Address, Standing>,
    /// Every address may only sell what it has.
    closed_only: bool,
}

/// A request that may place or cancel.
pub(super) struct Entered {
    pub(super) caller: Caller,
    /// What the signer limiter says of it.
    pub(super) stamp: Option<Stamp>,
}

/// A request that may not; the limiter's word goes out all the same.
pub(super) struct Refused {
    pub(super) why: ApiError,
    pub(super) stamp: Option<Stamp>,
}

impl From<ApiError> for Refused {
    fn from(why: ApiError) -> Self {
        Self { why, stamp: None }
    }
}

impl Gate {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { mode: Mode::Normal, limits, signers: BTreeMap::new(), standings: BTreeMap::new(), closed_only: false }
    }

    /// What the engine was set to; [`Mode::at`] says where that stands.
    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// Switches the engine.
    pub(super) const fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// How the venue stands to an address.
    pub(super) fn standing(&self, address: Address) -> Standing {
        match self.standings.get(&address).copied().unwrap_or_default() {
            Standing::Good if self.closed_only => Standing::ClosedOnly,
            standing => standing,
        }
    }

    /// Whether everybody may only reduce.
    pub(super) const fn set_closed_only(&mut self, on: bool) {
        self.closed_only = on;
    }

    /// Changes that.
    pub(super) fn set_standing(&mut self, address: Address, standing: Standing) {
        self.standings.insert(address, standing);
    }

    /// Draws on the caller's bucket.
    fn pay(&mut self, at: Timestamp, address: Address, kind: Kind, cost: u32) -> Option<Stamp> {
        let tier = self.limits.tier?;
        let signer = self.signers.entry(address).or_insert_with(|| Signer::new(tier, at));
        Some(signer.pay(at, kind, cost, self.limits.warn_only))
    }

    /// Charges a cancel of many for what it has cancelled.
    pub(super) fn pay_afterwards(&mut self, at: Timestamp, address: Address, cancelled: usize) -> Option<Stamp> {
        let signer = self.signers.get_mut(&address)?;
        let cancelled = u32::try_from(cancelled).unwrap_or(u32::MAX);
        Some(signer.pay_afterwards(at, cancelled, self.limits.warn_only))
    }
}

/// Lets a request in that places `cost` orders.
pub(super) fn enter_to_place(venue: &mut Venue, at: Timestamp, call: &Call, cost: usize) -> Result<Entered, Refused> {
    if venue.blocked {
        return Err(ApiError::new(403, BLOCKED).into());
    }
    let entered = enter(venue, at, call, Kind::Order, cost)?;
    // what is not post-only is judged order by order
    venue.gate.mode.place(at, true).map_err(|why| Refused { why: why.into(), stamp: entered.stamp })?;
    Ok(entered)
}

/// Lets a request in that cancels `cost` orders, or one whose orders are counted afterwards. A blocked region may cancel.
pub(super) fn enter_to_cancel(venue: &mut Venue, at: Timestamp, call: &Call, cost: usize) -> Result<Entered, Refused> {
    let entered = enter(venue, at, call, Kind::Cancel, cost)?;
    venue.gate.mode.cancel(at).map_err(|why| Refused { why: why.into(), stamp: entered.stamp })?;
    Ok(entered)
}

fn enter(venue: &mut Venue, at: Timestamp, call: &Call, kind: Kind, cost: usize) -> Result<Entered, Refused> {
    let caller = call.l2(venue)?;
    let cost = u32::try_from(cost.max(1)).unwrap_or(u32::MAX);
    let stamp = venue.gate.pay(at, caller.address, kind, cost);
    match stamp.and_then(|stamp| stamp.retry_after) {
        Some(seconds) => Err(Refused { why: ApiError::too_many(Some(seconds)), stamp }),
        None => Ok(Entered { caller, stamp }),
    }
}

/// Whether the account itself may place this.
pub(super) fn may_place(standing: Standing, key: Address, side: Side) -> Result<(), Reject> {
    match standing {
        Standing::Good => Ok(()),
        Standing::ClosedOnly => may_reduce(key, side),
        Standing::Banned => Err(Reject::bad(format!("'{key}' address banned"))),
    }
}
