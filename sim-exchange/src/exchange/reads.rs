//! What the wire front reads beside the public calls. Nothing here changes anything.

use super::Exchange;
use crate::scenario::Scenario;

impl Exchange {
    /// The world this venue was made from.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }
}
