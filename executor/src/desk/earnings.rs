//! What the venue says we earn: our part of each market once a minute, the dollars of today and yesterday now and then. Nothing here
//! decides anything; what the venue does not say is told as unknown, or not at all.

use super::{Desk, Effect, Purpose};
use crate::outcome::{self, VenueCall, VenueReply};
use mm_core::domain::{ConditionId, MarketIx, Nanos, Outcome, Timestamp};
use mm_core::protocol::FromExecutor;

/// Between two questions for our part of all markets.
const SHARES_EVERY: Nanos = Nanos::from_secs(60);
/// Between two questions for the dollars of a day. Yesterday's are asked for too: the venue settles them after midnight.
const EARNED_EVERY: Nanos = Nanos::from_secs(300);

/// When to ask next.
#[derive(Clone, Debug, Default)]
pub(super) struct Earnings {
    shares_at: Timestamp,
    earned_at: Timestamp,
}

impl Desk {
    pub(super) fn step_earnings(&mut self, out: &mut Vec<Effect>) {
        if !self.session.is_up() {
            return;
        }
        if self.exposure.open_orders() > 0 && self.is_due(self.earnings.shares_at, |p| *p == Purpose::Shares) {
            self.earnings.shares_at = self.at.plus(SHARES_EVERY);
            self.call(Purpose::Shares, VenueCall::Shares, out);
        }
        if self.is_due(self.earnings.earned_at, |p| matches!(p, Purpose::Earned(_))) {
            self.earnings.earned_at = self.at.plus(EARNED_EVERY);
            let today = u32::try_from(self.at.day()).unwrap_or(u32::MAX);
            for day in [today, today.saturating_sub(1)] {
                self.call(Purpose::Earned(day), VenueCall::Earned(day), out);
            }
        }
    }

    pub(super) fn shares_replied(&self, reply: &VenueReply, out: &mut Vec<Effect>) {
        let told = outcome::shares(reply).unwrap_or_default();
        for (market, condition) in self.known_markets() {
            out.push(Effect::Tell(FromExecutor::Share { market, share: told.share(condition) }));
        }
    }

    pub(super) fn earned_replied(&self, day: u32, reply: &VenueReply, out: &mut Vec<Effect>) {
        if let (Ok(amount), true) = (outcome::earned(reply), self.session.is_up()) {
            out.push(Effect::Tell(FromExecutor::Earned { day, amount }));
        }
    }

    /// The core's markets that the policy knows; none while no core is connected.
    fn known_markets(&self) -> impl Iterator<Item = (MarketIx, &ConditionId)> {
        let firsts = self.session.tokens().filter(|(number, _)| number.outcome == Outcome::Yes);
        firsts.filter_map(|(number, token)| Some((number.market, &self.setup.policy.token(token)?.0.condition)))
    }
}
