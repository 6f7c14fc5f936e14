//! Periodic checks: geoblock, closed-only, clock, heartbeat, scoring; and what any reply says of the venue.

use super::{Desk, Effect, Purpose};
use crate::exposure::Phase;
use crate::gate::venue_ahead;
use crate::outcome::{self, Beat, Geo, Sign, VenueCall, VenueReply};
use crate::rows::LedgerRow;
use mm_core::domain::{Nanos, OrderId, Timestamp};
use mm_core::protocol::FromExecutor;

/// A check that failed is tried again after this, or after its period if that is shorter.
pub(super) const RETRY: Nanos = Nanos::from_secs(5);
/// A lost beat is sent again after this.
const BEAT_RETRY: Nanos = Nanos::from_secs(1);
/// Refused heartbeats in a row that mean somebody else feeds the chain.
const BEATS_REFUSED_MAX: u32 = 3;
/// The venue forgets a chain after this long without a beat.
const CHAIN_LIFE: Nanos = Nanos::from_secs(10);
/// How long a 425, and a 503 without a hint, shut the gate.
const RESTART_WAIT: Nanos = Nanos::from_secs(5);
const DISABLED_WAIT: Nanos = Nanos::from_secs(30);
/// Longest wait a venue's hint is believed.
const HINT_MAX_S: u64 = 300;
/// Between two questions whether orders score, and most orders in one.
const SCORING_EVERY: Nanos = Nanos::from_secs(60);
const SCORING_MAX: usize = 500;

/// When each check is due, and what it remembers.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    geoblock_at: Timestamp,
    /// When the venue last said 403.
    forbidden_at: Timestamp,
    closed_only_at: Timestamp,
    clock_at: Timestamp,
    scoring_at: Timestamp,
    renew_at: Timestamp,
    beat_at: Timestamp,
    beat_id: Box<str>,
    /// The last beat's answer was lost: the chain's id is uncertain.
    beat_lost: bool,
    beats_refused: u32,
}

impl Desk {
    pub(super) fn step_checks(&mut self, out: &mut Vec<Effect>) {
        self.due(self.checks.geoblock_at, &Purpose::Geoblock, VenueCall::Geoblock, out);
        self.due(self.checks.clock_at, &Purpose::Clock, VenueCall::Time, out);
        self.step_references(out);
        if self.setup.withhold {
            return;
        }
        self.due(self.checks.closed_only_at, &Purpose::ClosedOnly, VenueCall::ClosedOnly, out);
        self.step_balances(out);
        self.step_scoring(out);
        self.step_earnings(out);
    }

    /// Makes a check's call when it is due and none is under way.
    fn due(&mut self, when: Timestamp, purpose: &Purpose, request: VenueCall, out: &mut Vec<Effect>) {
        if self.is_due(when, |under_way| under_way == purpose) {
            self.call(purpose.clone(), request, out);
        }
    }

    /// What a reply says besides the answer. Any 403 has the place checked again before anything else leaves.
    pub(super) fn heed_sign(&mut self, purpose: &Purpose, reply: &VenueReply, out: &mut Vec<Effect>) {
        let hint = match reply {
            VenueReply::Answer(answer) => answer.retry_after_s.map(|s| Nanos::from_secs(s.min(HINT_MAX_S))),
            _ => None,
        };
        let placing = matches!(purpose, Purpose::Post(_));
        match outcome::sign(reply) {
            Some(Sign::Forbidden | Sign::Region) => {
                self.health.geo_clear = None;
                self.checks.forbidden_at = self.at;
                // A check that was itself refused is made again in its own time.
                if *purpose != Purpose::Geoblock {
                    self.checks.geoblock_at = self.at;
                }
                if placing && outcome::sign(reply) == Some(Sign::Region) {
                    self.halt("the venue refused an order for our region", out);
                }
            }
            Some(Sign::Restarting) if placing => self.shut_venue(hint.unwrap_or(RESTART_WAIT)),
            Some(Sign::NoPlacing) if placing => self.shut_venue(hint.unwrap_or(DISABLED_WAIT)),
            Some(Sign::ClosedOnly) if placing => {
                self.health.closed_only = true;
                self.checks.closed_only_at = self.at;
            }
            Some(Sign::Unauthorized) if *purpose != Purpose::Renew && self.at >= self.checks.renew_at => {
                self.checks.renew_at = self.at.plus(RETRY);
                self.call(Purpose::Renew, VenueCall::RenewCredentials, out);
            }
            _ => {}
        }
    }

    /// A request to place was answered, or given up: its time says whether the venue throttles.
    pub(super) fn heed_latency(&mut self, sent: Timestamp, reply: &VenueReply, out: &mut Vec<Effect>) {
        if !matches!(reply, VenueReply::NotSent(_)) && self.latency.is_too_long(sent, self.at.since(sent)) {
            out.push(Effect::Alert("the venue takes much longer for orders than before: it throttles".into()));
            self.shut_venue(RESTART_WAIT);
        }
    }

    fn shut_venue(&mut self, wait: Nanos) {
        let until = self.at.plus(wait);
        self.health.venue_shut_until = self.health.venue_shut_until.max(Some(until));
    }

    pub(super) fn geoblock_replied(&mut self, sent: Timestamp, reply: &VenueReply, out: &mut Vec<Effect>) {
        match outcome::geoblock(reply) {
            // It was asked for before a 403, and answers for nothing that came after.
            Geo::Clear if sent < self.checks.forbidden_at => self.checks.geoblock_at = self.at,
            Geo::Clear => {
                self.health.geo_blocked = None;
                self.health.geo_clear = Some(sent);
                self.checks.geoblock_at = self.at.plus(self.setup.times.geoblock_every);
                self.try_auto_arm(out);
            }
            Geo::Blocked(place) => {
                self.health.geo_clear = None;
                self.health.geo_blocked = Some(place);
                self.checks.geoblock_at = self.at.plus(self.setup.times.geoblock_every);
                self.halt("the venue may not be traded from here", out);
            }
            // An old clear answer stays good until it is too old; nothing new is learnt from a failure that is no refusal.
            Geo::Unknown(why) => {
                out.push(Effect::Alert(format!("geoblock check: {why}").into()));
                self.checks.geoblock_at = self.at.plus(self.setup.times.geoblock_every.min(RETRY));
            }
        }
    }

    pub(super) fn closed_only_replied(&mut self, sent: Timestamp, reply: &VenueReply, out: &mut Vec<Effect>) {
        let (wait, closed) = match outcome::closed_only(reply) {
            Ok(closed) => (self.setup.times.closed_only_every, Some(closed)),
            Err(_) => (self.setup.times.closed_only_every.min(RETRY), None),
        };
        self.checks.closed_only_at = self.at.plus(wait);
        if let Some(closed) = closed {
            self.health.closed_only = closed;
            self.health.closed_only_clear = (!closed).then_some(sent);
            self.try_auto_arm(out);
        }
    }

    pub(super) fn clock_replied(&mut self, sent: Timestamp, reply: &VenueReply, out: &mut Vec<Effect>) {
        let Ok(secs) = outcome::time(reply) else {
            self.checks.clock_at = self.at.plus(self.setup.times.clock_every.min(RETRY));
            return;
        };
        self.checks.clock_at = self.at.plus(self.setup.times.clock_every);
        let apart = Nanos::from_nanos(venue_ahead(sent, self.at, secs).unsigned_abs());
        self.health.clock = Some((self.at, apart));
        if apart > self.setup.times.clock_halt {
            self.halt(&format!("our clock is {} ms off the venue's", apart.ms()), out);
        }
        self.step_day(out);
        self.try_auto_arm(out);
    }

    /// Begins a UTC day, and with it fresh caps, only when the venue's clock says so too: never early by what they may be apart.
    pub(super) fn step_day(&mut self, out: &mut Vec<Effect>) {
        let times = &self.setup.times;
        let agreed = self
            .health
            .clock
            .is_some_and(|(read, apart)| self.at < read.plus(times.clock_max_age) && apart <= times.clock_pause);
        let begun = self.at.minus(times.clock_pause);
        if agreed && self.exposure.is_new_day(begun) {
            self.record(LedgerRow::Day { at: begun }, out);
        }
    }

    /// Feeds the venue's dead-man switch, from the deciding loop itself, and only while all else is well.
    pub(super) fn step_heartbeat(&mut self, out: &mut Vec<Effect>) {
        let well = self.health.is_well(self.at, &self.setup.times);
        if self.setup.withhold || !well || self.health.draining {
            return;
        }
        if self.is_due(self.checks.beat_at, |purpose| *purpose == Purpose::Beat) {
            self.checks.beat_at = self.at.plus(self.setup.times.heartbeat_every);
            let id = self.checks.beat_id.clone();
            self.call(Purpose::Beat, VenueCall::Heartbeat { id }, out);
        }
    }

    pub(super) fn beat_replied(&mut self, sent: Timestamp, reply: &VenueReply, out: &mut Vec<Effect>) {
        match outcome::heartbeat(reply) {
            Beat::Accepted(next) => {
                self.health.beat = Some(sent);
                self.checks.beat_id = next;
                (self.checks.beat_lost, self.checks.beats_refused) = (false, 0);
            }
            Beat::Expected(expected) => {
                // A lost answer or a chain that ran out looks like this. An unbroken one does not: then another feeds it.
                let unbroken =
                    self.health.beat.is_some_and(|beat| self.at < beat.plus(CHAIN_LIFE)) && !self.checks.beat_lost;
                self.checks.beats_refused += 1;
                self.checks.beat_id = expected;
                self.checks.beat_at = self.at;
                if unbroken || self.checks.beats_refused >= BEATS_REFUSED_MAX {
                    self.checks.beats_refused = 0;
                    self.health.beat = None;
                    self.halt("another program feeds this account's heartbeat", out);
                    // The other does not know of us yet: one beat in its chain, and its next one is refused as ours was.
                    let id = self.checks.beat_id.clone();
                    self.call(Purpose::LastBeat, VenueCall::Heartbeat { id }, out);
                }
            }
            Beat::Failed(why) => {
                out.push(Effect::Alert(format!("heartbeat: {why}").into()));
                self.checks.beat_lost = true;
                self.checks.beat_at = self.at.plus(BEAT_RETRY);
            }
        }
    }

    fn step_scoring(&mut self, out: &mut Vec<Effect>) {
        if !self.session.is_up() || self.exposure.open_orders() == 0 {
            return;
        }
        if self.at < self.checks.scoring_at {
            self.wake_at(self.checks.scoring_at);
            return;
        }
        self.checks.scoring_at = self.at.plus(SCORING_EVERY);
        let resting = self.exposure.live_orders().filter(|tracked| tracked.phase == Phase::Open);
        let ids: Vec<OrderId> = resting.map(|tracked| tracked.row.order).take(SCORING_MAX).collect();
        if !ids.is_empty() {
            self.call(Purpose::Scoring(ids.clone()), VenueCall::Scoring(ids), out);
        }
    }

    pub(super) fn scoring_replied(&mut self, ids: &[OrderId], reply: &VenueReply, out: &mut Vec<Effect>) {
        let answer = outcome::scoring(reply).unwrap_or_default();
        let run = self.exposure.run();
        for order in ids {
            let Some(tracked) = self.exposure.order(order).filter(|tracked| tracked.row.run == run) else { continue };
            let scoring = answer.get(order).copied();
            out.push(Effect::Tell(FromExecutor::Scoring { id: tracked.row.id, scoring }));
        }
    }
}
