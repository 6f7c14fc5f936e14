//! Whether orders may leave: every check with its age, combined. Unknown is shut.

use mm_core::domain::{Nanos, Timestamp};
use mm_core::protocol::{Gate, Shut};
use serde::{Deserialize, Serialize};

/// Times of the gate and of the desk's calls (architecture section 12, points 12 and 20; `[gate]` of the configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateTimes {
    /// No lease for this long: shut, cancel all.
    pub core_silent: Nanos,
    /// The core's oldest feed may be this old.
    pub feed_max_age: Nanos,
    /// Between two heartbeats.
    pub heartbeat_every: Nanos,
    /// Last accepted beat older than this: shut.
    pub heartbeat_max_age: Nanos,
    /// Between two geoblock checks.
    pub geoblock_every: Nanos,
    /// A clear answer older than this is unknown.
    pub geoblock_max_age: Nanos,
    /// Between two closed-only checks.
    pub closed_only_every: Nanos,
    /// An answer older than this is unknown.
    pub closed_only_max_age: Nanos,
    /// Between two readings of open orders and trades while orders rest.
    pub user_probe: Nanos,
    /// What REST knows and the stream has not told after this long: shut.
    pub user_tell: Nanos,
    /// Neither the user stream nor REST has answered for this long: shut.
    pub user_dead: Nanos,
    /// Between two comparisons with the venue's clock.
    pub clock_every: Nanos,
    /// A comparison older than this is unknown.
    pub clock_max_age: Nanos,
    /// Further apart than this: shut.
    pub clock_pause: Nanos,
    /// Further apart than this: halt.
    pub clock_halt: Nanos,
    /// Between the two readings that prove an account flat.
    pub zero_gap: Nanos,
    /// A failed reading is repeated after this.
    pub reading_retry: Nanos,
    /// Reads and placements time out after this.
    pub request_timeout: Nanos,
    /// Calls of the cancel pool time out after this.
    pub cancel_timeout: Nanos,
    /// An order unknown for this long and absent everywhere never landed.
    pub late_landing: Nanos,
    /// Pauses are counted over this long.
    pub pause_window: Nanos,
    /// More pauses than this within the window: halt.
    pub pauses_max: u32,
}

/// One reason why the gate is shut, or why it would be, with its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which check.
    pub shut: Shut,
    /// In words.
    pub why: Box<str>,
    /// Age of what the check rests on, in milliseconds; `None` when there was never an answer.
    pub age_ms: Option<u64>,
}

/// Everything the gate rests on. The desk writes it, [`Health::read`] judges it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The latch, with its reason.
    pub halted: Option<Box<str>>,
    /// The ledger could not be written.
    pub ledger_failed: bool,
    /// When the place was last found clear. A block clears it.
    pub geo_clear: Option<Timestamp>,
    /// The place is blocked, until a clear answer.
    pub geo_blocked: Option<Box<str>>,
    /// When the account was last found unrestricted.
    pub closed_only_clear: Option<Timestamp>,
    /// The account may only close positions.
    pub closed_only: bool,
    /// No placements before this moment: the venue restarts, is cancel-only or throttles.
    pub venue_shut_until: Option<Timestamp>,
    /// When the venue last accepted a heartbeat.
    pub beat: Option<Timestamp>,
    /// The last lease: when, and the age of the oldest feed then.
    pub lease: Option<(Timestamp, Nanos)>,
    /// The user stream is subscribed.
    pub user_up: bool,
    /// The user stream did not tell what REST knows.
    pub user_mute: bool,
    /// The last word of the user stream or of REST about our orders.
    pub user_word: Option<Timestamp>,
    /// Orders rest since.
    pub resting_since: Option<Timestamp>,
    /// The last comparison with the venue's clock: when, and how far apart.
    pub clock: Option<(Timestamp, Nanos)>,
    /// A pause that has not cancelled everything yet.
    pub pausing: Option<Shut>,
    /// Shutting down: nothing more is placed.
    pub draining: bool,
    /// Heartbeat, user stream and closed-only do not apply: no order leaves.
    pub withhold: bool,
}

impl Health {
    /// The gate at `at`.
    #[must_use]
    pub fn read(&self, at: Timestamp, times: &GateTimes) -> Gate {
        let mut first = None;
        // asked many times a turn: nobody reads the words
        self.judge(at, times, &mut |shut, _, _| first = first.or(Some(shut)));
        first.map_or_else(|| Gate::Open { until: self.until(times, true) }, Gate::Shut)
    }

    /// Whether nothing but the heartbeat is missing, or nothing at all.
    #[must_use]
    pub fn is_well(&self, at: Timestamp, times: &GateTimes) -> bool {
        let mut well = self.pausing.is_none();
        self.judge(at, times, &mut |shut, _, _| well &= shut == Shut::HeartbeatLost);
        well
    }

    /// Every reason to be shut, the most lasting first. Empty: open.
    #[must_use]
    pub fn reasons(&self, at: Timestamp, times: &GateTimes) -> Vec<Reason> {
        let mut reasons = Vec::new();
        self.judge(at, times, &mut |shut, why, since| {
            let why = why.to_string().into();
            reasons.push(Reason { shut, why, age_ms: since.map(|since| at.since(since).ms()) });
        });
        reasons
    }

    fn judge(
        &self,
        at: Timestamp,
        times: &GateTimes,
        say: &mut dyn FnMut(Shut, std::fmt::Arguments<'_>, Option<Timestamp>),
    ) {
        if let Some(place) = &self.geo_blocked {
            say(Shut::Geoblocked, format_args!("the venue may not be traded from here ({place})"), None);
        }
        if let Some(why) = &self.halted {
            say(Shut::Halted, format_args!("{why}"), None);
        }
        if self.draining {
            say(Shut::Halted, format_args!("shutting down"), None);
        }
        if self.ledger_failed {
            say(Shut::Ledger, format_args!("the ledger cannot be written"), None);
        }
        if self.geo_blocked.is_none() && !fresh(self.geo_clear, at, times.geoblock_max_age) {
            say(Shut::CheckFailed, format_args!("the geoblock check has no fresh answer"), self.geo_clear);
        }
        match self.clock {
            None => say(Shut::CheckFailed, format_args!("the venue's clock was never read"), None),
            Some((read, _)) if !fresh(Some(read), at, times.clock_max_age) => {
                say(Shut::CheckFailed, format_args!("the venue's clock has no fresh reading"), Some(read));
            }
            Some((read, apart)) if apart > times.clock_pause => {
                say(Shut::Clock, format_args!("our clock is {} ms off the venue's", apart.ms()), Some(read));
            }
            Some(_) => {}
        }
        if !self.withhold {
            if self.closed_only {
                say(Shut::ClosedOnly, format_args!("the account may only close positions"), None);
            } else if !fresh(self.closed_only_clear, at, times.closed_only_max_age) {
                let why = format_args!("the closed-only check has no fresh answer");
                say(Shut::CheckFailed, why, self.closed_only_clear);
            }
            if !self.user_up {
                say(Shut::UserStream, format_args!("the user stream is down"), self.user_word);
            } else if self.user_mute {
                say(Shut::UserStream, format_args!("the user stream does not tell what REST knows"), self.user_word);
            } else if let Some(dead) = self.user_dead_at(times)
                && at >= dead
            {
                say(Shut::UserStream, format_args!("neither the user stream nor REST answers"), self.user_word);
            }
        }
        if self.venue_shut_until.is_some_and(|until| at < until) {
            say(Shut::Venue, format_args!("the venue takes no orders"), None);
        }
        match self.lease {
            None => say(Shut::CoreSilent, format_args!("no core is connected"), None),
            Some((last, _)) if !fresh(Some(last), at, times.core_silent) => {
                say(Shut::CoreSilent, format_args!("the core is silent"), Some(last));
            }
            Some((last, feed)) if feed > times.feed_max_age => {
                say(Shut::CoreSilent, format_args!("the core's feed is {} ms old", feed.ms()), Some(last));
            }
            Some(_) => {}
        }
        if let Some(shut) = self.pausing {
            say(shut, format_args!("cancelling everything after a pause"), None);
        }
        // Last, so that "the heartbeat is all that is missing" can be told from the first reason.
        if !self.withhold && !fresh(self.beat, at, times.heartbeat_max_age) {
            say(Shut::HeartbeatLost, format_args!("no heartbeat was accepted lately"), self.beat);
        }
    }

    /// The earliest moment a check expires. Without the lease for the core: it knows its own.
    #[must_use]
    pub fn until(&self, times: &GateTimes, with_lease: bool) -> Timestamp {
        let mut until = Timestamp::MAX;
        let mut least = |since: Option<Timestamp>, age: Nanos| {
            until = until.min(since.unwrap_or_default().plus(age));
        };
        least(self.geo_clear, times.geoblock_max_age);
        least(self.clock.map(|(read, _)| read), times.clock_max_age);
        if !self.withhold {
            least(self.closed_only_clear, times.closed_only_max_age);
            least(self.beat, times.heartbeat_max_age);
            if let Some(dead) = self.user_dead_at(times) {
                least(Some(dead), Nanos::ZERO);
            }
        }
        if with_lease {
            least(self.lease.map(|(last, _)| last), times.core_silent);
        }
        until
    }

    /// When the last word on resting orders is too old; `None` while nothing rests.
    fn user_dead_at(&self, times: &GateTimes) -> Option<Timestamp> {
        let since = self.resting_since?;
        Some(self.user_word.unwrap_or_default().max(since).plus(times.user_dead))
    }
}

/// Nanoseconds the venue's clock is ahead of ours, at the least: it read `secs`, whole seconds since 1970, between our sending and
/// our receiving. Zero when it may agree.
#[must_use]
pub fn venue_ahead(sent: Timestamp, received: Timestamp, secs: u64) -> i64 {
    let first = Timestamp::from_ms(secs.saturating_mul(1000));
    let last = Timestamp::from_ms(secs.saturating_add(1).saturating_mul(1000));
    let (ahead, behind) = (first.since(received).nanos(), sent.since(last).nanos());
    let signed = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
    if ahead > 0 { signed(ahead) } else { -signed(behind) }
}

fn fresh(since: Option<Timestamp>, at: Timestamp, age: Nanos) -> bool {
    since.is_some_and(|since| at < since.plus(age))
}
