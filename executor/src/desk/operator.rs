//! What a person wants. Halting is always allowed; arming only when every precondition holds.

use super::{Desk, Effect, Op};
use crate::policy::Policy;
use crate::rows::{LedgerRow, RULES};
use mm_core::domain::{Nanos, OrderId};
use mm_core::protocol::Shut;

impl Desk {
    pub(super) fn operate(&mut self, ticket: u64, op: Op, out: &mut Vec<Effect>) {
        let result = match op {
            Op::AskArm { code } => self.ask_arm(code),
            Op::Arm { code } => self.confirm_arm(&code, out),
            Op::Halt { by, why } => {
                self.halt(&format!("{by}: {why}"), out);
                Ok("halted; cancelling everything".into())
            }
            Op::CancelAll => {
                if self.health.halted.is_none() {
                    self.health.pausing = Some(Shut::CheckFailed);
                }
                self.start_sweep(out);
                Ok("cancelling everything".into())
            }
            Op::Tighten(policy) => self.tighten(*policy, out),
            Op::AcceptBalances => self.accept_balances(out),
            Op::Drain => {
                self.health.draining = true;
                self.start_sweep(out);
                Ok("cancelling everything".into())
            }
        };
        out.push(Effect::Answer { ticket, result });
    }

    /// Takes a tighter policy; what rests in a market it no longer lists is cancelled.
    fn tighten(&mut self, policy: Policy, out: &mut Vec<Effect>) -> Result<Box<str>, Vec<Box<str>>> {
        let torn = self.exposure.torn_from(&policy);
        if !torn.is_empty() {
            return Err(torn);
        }
        self.setup
            .policy
            .tighten(policy)
            .map_err(|loosened| loosened.into_iter().map(|field| field.to_string().into()).collect::<Vec<_>>())?;
        let digest = self.setup.policy.digest();
        self.record(LedgerRow::Tightened { at: self.at, policy: digest }, out);
        self.record_policy(out);
        let live = self.exposure.live_orders().filter(|tracked| self.setup.policy.token(&tracked.row.token).is_none());
        let unlisted: Vec<OrderId> = live.map(|tracked| tracked.row.order).collect();
        for order in &unlisted {
            self.want_gone(*order);
        }
        Ok(format!("policy {digest}; {} orders in markets it no longer lists are being cancelled", unlisted.len())
            .into())
    }

    pub(super) fn record_policy(&mut self, out: &mut Vec<Effect>) {
        let text = self.setup.policy.text().into();
        self.record(LedgerRow::Policy { at: self.at, rules: RULES, text }, out);
    }

    /// How long an order that was given up may still land; `None`: no such order.
    #[must_use]
    pub fn may_land_for(&self) -> Option<Nanos> {
        let until = self.readings.watch_until;
        (self.at < until).then(|| until.since(self.at))
    }

    /// Whether it is confirmed that nothing rests.
    #[must_use]
    pub const fn is_flat(&self) -> bool {
        self.flat
    }

    /// What still stands between a halt and an armed desk.
    pub(super) fn arm_blockers(&self) -> Vec<Box<str>> {
        const MUST_HOLD: [Shut; 5] = [Shut::Geoblocked, Shut::CheckFailed, Shut::ClosedOnly, Shut::Ledger, Shut::Clock];
        let reasons = self.health.reasons(self.at, &self.setup.times);
        let mut blockers: Vec<Box<str>> =
            reasons.into_iter().filter(|reason| MUST_HOLD.contains(&reason.shut)).map(|reason| reason.why).collect();
        let open = self.exposure.open_orders();
        if !self.flat || open > 0 {
            blockers.push(format!("not confirmed flat: {open} orders rest, may rest or are unknown").into());
        }
        if let Some(left) = self.may_land_for() {
            let left = left.ms().div_ceil(1000);
            blockers.push(format!("an order that was given up may still land: wait {left} s").into());
        }
        blockers.extend(self.exposure.torn_from(&self.setup.policy));
        if self.health.draining {
            blockers.push("shutting down".into());
        }
        blockers
    }
}
