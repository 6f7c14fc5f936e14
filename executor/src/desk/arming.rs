//! Arming takes two steps: whoever wants it is told every reason of the halt and gets a code, and the code opens the latch, once and
//! within a minute. What was not known when the code was given ends it.

use super::{Desk, Effect};
use crate::reasons::{Reasons, marked, of_marker};
use crate::rows::LedgerRow;
use mm_core::domain::{Nanos, Timestamp};

/// How long a code is good.
const CODE_LIFE: Nanos = Nanos::from_secs(60);
/// What a desk is halted for that nothing halted.
const NOT_ARMED: &str = "started and not yet armed";

/// Why it is halted, and the code that was given.
#[derive(Debug, Default)]
pub(super) struct Arming {
    reasons: Reasons,
    code: Option<(Box<str>, Timestamp)>,
}

impl Arming {
    /// For a desk that starts halted: what the ledger tells, and what only the marker does.
    pub(super) fn starting(written: &Reasons, marker: Option<&str>) -> Self {
        let mut reasons = written.clone();
        for why in marker.map(of_marker).unwrap_or_default() {
            reasons.add(None, why);
        }
        if reasons.words().next().is_none() {
            reasons.add(None, NOT_ARMED);
        }
        Self { reasons, code: None }
    }

    /// The oldest reason that is kept.
    pub(super) fn first(&self) -> Option<Box<str>> {
        self.reasons.words().next().map(Into::into)
    }

    /// One more reason; whether it is new since the last arm. A code given before it was known is good no more.
    pub(super) fn halted(&mut self, at: Timestamp, why: &str) -> bool {
        self.code = None;
        self.reasons.add(Some(at), why)
    }

    /// What the latch's marker is to hold.
    pub(super) fn marked(&self) -> Box<str> {
        marked(self.reasons.words().filter(|why| *why != NOT_ARMED))
    }

    /// The reasons since it was last armed, oldest first, and how many more there were.
    pub(super) fn reasons(&self) -> Vec<Box<str>> {
        self.reasons.told()
    }
}

impl Desk {
    /// The first step.
    pub(super) fn ask_arm(&mut self, code: Box<str>) -> Result<Box<str>, Vec<Box<str>>> {
        self.may_arm()?;
        let reasons: Vec<String> = self.arming.reasons().iter().map(|why| format!("  {why}")).collect();
        let policy = &self.setup.policy;
        let text = format!(
            "halted:\n{}\nonce armed, orders leave under policy {}, with at most {} at risk\ncode {code}, good once and for {} s",
            reasons.join("\n"),
            policy.digest(),
            policy.caps().max_total_usdc,
            CODE_LIFE.ms() / 1000
        );
        self.arming.code = Some((code, self.at.plus(CODE_LIFE)));
        Ok(text.into())
    }

    /// The second step.
    pub(super) fn confirm_arm(&mut self, code: &str, out: &mut Vec<Effect>) -> Result<Box<str>, Vec<Box<str>>> {
        let given = self.arming.code.take();
        self.may_arm()?;
        match given {
            Some((given, until)) if *given == *code && self.at <= until => {
                self.arm(false, out);
                Ok("armed".into())
            }
            Some((given, _)) if *given == *code => Err(vec!["the code is too old: ask for another".into()]),
            _ => Err(vec![
                "this is not the code that was given last, or it was used, or there is a new reason to be halted: ask for another".into(),
            ]),
        }
    }

    /// The preconditions, which hold at both steps.
    fn may_arm(&self) -> Result<(), Vec<Box<str>>> {
        if self.health.halted.is_none() {
            return Err(vec!["it is not halted: there is nothing to arm".into()]);
        }
        let blockers = self.arm_blockers();
        if blockers.is_empty() { Ok(()) } else { Err(blockers) }
    }

    fn arm(&mut self, auto: bool, out: &mut Vec<Effect>) {
        self.record(LedgerRow::Arm { at: self.at, auto }, out);
        self.health.halted = None;
        self.arming = Arming::default();
        self.auto_arm = false;
        self.pauses.clear();
        out.push(Effect::Unlatch);
        out.push(Effect::Alert(if auto { "armed by itself after a clean start" } else { "armed" }.into()));
    }

    /// After a clean start, where the configuration allows it; never after a halt.
    pub(super) fn try_auto_arm(&mut self, out: &mut Vec<Effect>) {
        // Not yet: the next answer tries again.
        if self.auto_arm && self.booted && self.flat && self.may_arm().is_ok() {
            self.arm(true, out);
        }
    }
}
