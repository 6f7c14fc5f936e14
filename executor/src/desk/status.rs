//! The desk's standing as plain data, for `executor status`.

use super::{Apart, Desk};
use crate::exposure::Phase;
use crate::gate::Reason;
use mm_core::domain::{Digest, Timestamp, TokenId, Usdc};
use mm_core::protocol::{Caps, Gate};
use serde::{Deserialize, Serialize};

/// Everything a person needs to judge the executor. No secret, no venue text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// As of.
    pub at: Timestamp,
    /// The gate.
    pub gate: Gate,
    /// Every reason to be shut, with ages.
    pub reasons: Vec<Reason>,
    /// Why it is halted.
    pub halted: Option<Box<str>>,
    /// What an arm would fail on.
    pub arm_blockers: Vec<Box<str>>,
    /// Everything is being cancelled since.
    pub cancelling_since: Option<Timestamp>,
    /// Confirmed by two readings, and nothing was posted since.
    pub flat: bool,
    /// A core is connected and greeted.
    pub core: bool,
    /// The core's last run.
    pub run: u64,
    /// Starts of this ledger.
    pub epoch: u64,
    /// Orders that rest, may rest or may yet land.
    pub open_orders: u32,
    /// Of those, unknown.
    pub unknown: u32,
    /// What open buys would take.
    pub open_usdc: Usdc,
    /// Cost of what was bought and not sold.
    pub bought_usdc: Usdc,
    /// Filled buys of the UTC day.
    pub day_bought_usdc: Usdc,
    /// Placements of the UTC day.
    pub day_placed_usdc: Usdc,
    /// Tokens of which the venue tells another balance than our trades.
    pub apart: Vec<(TokenId, Apart)>,
    /// Caps.
    pub caps: Caps,
    /// The policy in force.
    pub policy: Digest,
    /// Orders are kept in.
    pub withhold: bool,
}

impl Desk {
    /// As of the last turn.
    #[must_use]
    pub fn status(&self) -> Status {
        let unknown = self.exposure.live_orders().filter(|t| matches!(t.phase, Phase::Unknown { .. })).count();
        let day = self.exposure.day();
        Status {
            at: self.at,
            gate: self.gate(),
            reasons: self.health.reasons(self.at, &self.setup.times),
            halted: self.health.halted.clone(),
            arm_blockers: self.arm_blockers(),
            cancelling_since: self.sweep.as_ref().map(|sweep| sweep.since),
            flat: self.flat,
            core: self.session.is_up(),
            run: self.exposure.run(),
            epoch: self.exposure.epoch(),
            open_orders: self.exposure.open_orders(),
            unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            open_usdc: self.exposure.total().open,
            bought_usdc: self.exposure.total().cost,
            day_bought_usdc: day.bought,
            day_placed_usdc: day.placed,
            apart: self.balances_apart(),
            caps: self.setup.policy.told(),
            policy: self.setup.policy.digest(),
            withhold: self.setup.withhold,
        }
    }
}
