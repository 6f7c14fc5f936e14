//! The desk's standing as plain data, for `executor status`.

use super::{Apart, Desk};
use crate::exposure::{Phase, Tracked};
use crate::gate::Reason;
use crate::policy::CapUse;
use mm_core::domain::{Digest, OrderId, Outcome, Price, Qty, Side, Timestamp, TokenId};
use mm_core::protocol::Gate;
use serde::{Deserialize, Serialize};

/// Orders that are listed; of more, those that are unknown first and then the oldest are.
pub const LISTED_MAX: usize = 20;

/// Everything a person needs to judge the executor. No secret, no venue text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// As of.
    pub at: Timestamp,
    /// The gate.
    pub gate: Gate,
    /// Every reason to be shut, with ages.
    pub reasons: Vec<Reason>,
    /// What the gate rests on, and how old each part is.
    pub checks: Vec<Check>,
    /// Why it is halted.
    pub halted: Option<Box<str>>,
    /// Every reason to be halted since it was last armed, oldest first.
    pub halts: Vec<Box<str>>,
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
    /// The first [`LISTED_MAX`] of them.
    pub orders: Vec<Listed>,
    /// Tokens of which the venue tells another balance than our trades.
    pub apart: Vec<(TokenId, Apart)>,
    /// Every cap, and what is used of it.
    pub usage: Vec<CapUse>,
    /// The policy in force.
    pub policy: Digest,
    /// Orders are kept in.
    pub withhold: bool,
}

/// One thing the gate rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub what: Box<str>,
    /// How long ago, in milliseconds; `None`: never, or there is no good answer.
    pub age_ms: Option<u64>,
}

/// An order that rests, may rest or may yet land.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its hash, the venue's id for it.
    pub order: OrderId,
    /// The market's name; its id where the policy no longer lists it.
    pub market: Box<str>,
    /// Which outcome's token.
    pub outcome: Outcome,
    /// Which way.
    pub side: Side,
    /// Limit price.
    pub price: Price,
    /// Shares.
    pub qty: Qty,
    /// Of them traded.
    pub traded: Qty,
    /// Nothing proves whether it rests.
    pub unknown: bool,
    /// Since it was recorded, in milliseconds.
    pub age_ms: u64,
}

impl Desk {
    fn checks(&self) -> Vec<Check> {
        let health = &self.health;
        let check = |what: &str, at: Option<Timestamp>| Check {
            what: what.into(),
            age_ms: at.map(|at| self.at.since(at).ms()),
        };
        vec![
            check("place", health.geo_clear),
            check("account", health.closed_only_clear),
            check("clock", health.clock.map(|(read, _)| read)),
            check("heartbeat", health.beat),
            check("user stream", health.user_word),
            check("core", health.lease.map(|(last, _)| last)),
        ]
    }

    fn listed(&self) -> Vec<Listed> {
        let mut live: Vec<&Tracked> = self.exposure.live_orders().collect();
        live.sort_by_key(|tracked| (!is_unknown(tracked), tracked.row.at, tracked.row.order));
        let line = |tracked: &Tracked| {
            let row = &tracked.row;
            let market = self.setup.policy.token(&row.token).map(|(market, _, _)| market.slug.clone());
            Listed {
                order: row.order,
                market: market.unwrap_or_else(|| row.market.as_str().into()),
                outcome: row.outcome,
                side: row.side,
                price: row.price,
                qty: row.qty,
                traded: tracked.traded(),
                unknown: is_unknown(tracked),
                age_ms: self.at.since(row.at).ms(),
            }
        };
        live.into_iter().take(LISTED_MAX).map(line).collect()
    }

    /// As of the last turn.
    #[must_use]
    pub fn status(&self) -> Status {
        let unknown = self.exposure.live_orders().filter(|tracked| is_unknown(tracked)).count();
        Status {
            at: self.at,
            gate: self.gate(),
            reasons: self.health.reasons(self.at, &self.setup.times),
            checks: self.checks(),
            halted: self.health.halted.clone(),
            halts: self.arming.reasons(),
            arm_blockers: self.arm_blockers(),
            cancelling_since: self.sweep.as_ref().map(|sweep| sweep.since),
            flat: self.flat,
            core: self.session.is_up(),
            run: self.exposure.run(),
            epoch: self.exposure.epoch(),
            open_orders: self.exposure.open_orders(),
            unknown: u32::try_from(unknown).unwrap_or(u32::MAX),
            orders: self.listed(),
            apart: self.balances_apart(),
            usage: self.setup.policy.usage(&self.exposure, self.at),
            policy: self.setup.policy.digest(),
            withhold: self.setup.withhold,
        }
    }
}

const fn is_unknown(tracked: &Tracked) -> bool {
    matches!(tracked.phase, Phase::Unknown { .. })
}
