//! The executor without IO: [`Desk::turn`] takes what happened and says what to do.
//!
//! Starts shut and halted. Never posts without a durable row, never sends an order twice, never waits for anything.

mod io;

pub use io::{DeskInput, Effect, Op};

use crate::exposure::Exposure;
use crate::gate::GateTimes;
use crate::policy::Policy;
use crate::rows::LedgerRow;
use crate::sign::Account;
use mm_core::domain::Timestamp;

/// What a desk is set up with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Whose orders.
    pub account: Account,
    /// Caps and allow-list.
    pub policy: Policy,
    /// Times.
    pub times: GateTimes,
    /// `submit = "withhold"`: everything but the POST and every authenticated call.
    pub withhold: bool,
    /// Arm by itself after a clean start; the configuration accepts it only where no real order can leave.
    pub auto_arm: bool,
}

/// The state machine.
pub struct Desk {
    setup: Setup,
    exposure: Exposure,
    at: Timestamp,
}

impl Desk {
    /// A desk that remembers what `rows` tell. `latched` is the marker file's text, if there is one.
    #[must_use]
    pub fn recover<'a>(setup: Setup, rows: impl IntoIterator<Item = &'a LedgerRow>, latched: Option<Box<str>>) -> Self {
        let _ = latched;
        Self { setup, exposure: Exposure::recover(rows), at: Timestamp::EPOCH }
    }

    /// Takes what happened up to `at`, says what to do. `at` never goes back: an earlier one counts as the last.
    pub fn turn(&mut self, at: Timestamp, inputs: Vec<DeskInput>, out: &mut Vec<Effect>) {
        self.at = self.at.max(at);
        let _ = (inputs, out);
    }

    /// When to call again if nothing arrives. An empty turn is how a timer fires.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.setup.policy
    }

    /// What is open.
    #[must_use]
    pub const fn exposure(&self) -> &Exposure {
        &self.exposure
    }
}
