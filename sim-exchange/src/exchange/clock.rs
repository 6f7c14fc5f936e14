//! What happens by itself, and when: the agenda, settlement, expiry, held orders, the dead-man's switch, the recording, the
//! rewards.

use super::fact::{Ended, OrderIx};
use super::{Exchange, Filter};
use mm_core::domain::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Batches played by one call at unbounded speed: the caller must get a turn now and then.
const BATCHES_PER_TICK: usize = 512;

/// The dead-man's switches: each belongs to an API key, not to a wallet (`clob-rest.md` section 9).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Beats {
    /// By API key.
    armed: BTreeMap<String, Beat>,
    check: Nanos,
    next_check: Timestamp,
    issued: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Beat {
    id: String,
    last: Timestamp,
}

impl Beats {
    pub(super) const fn new(check: Nanos, start: Timestamp) -> Self {
        Self { armed: BTreeMap::new(), check, next_check: start.plus(check), issued: 0 }
    }
}

/// What is due besides settlement, in the order in which things of one instant happen. Settlement comes behind the agenda and
/// before all others.
#[derive(Clone, Copy)]
enum Due {
    Plan,
    Expire,
    Sweep,
    Release,
    Play,
    Maker(usize),
    Rewards(crate::rewards::Event),
}

impl Exchange {
    /// Does everything due up to `at`. Time does not go back: an earlier `at` counts as the latest seen.
    #[inline]
    pub fn tick(&mut self, at: Timestamp) {
        if at < self.wake {
            self.now = self.now.max(at);
        } else {
            self.catch_up(at.max(self.now));
        }
    }

    #[inline(never)]
    fn catch_up(&mut self, at: Timestamp) {
        let mut batches = 0;
        loop {
            // steps of settlement are by far the most frequent: where nothing else can be due, nothing else is looked at
            if at < self.wake_other {
                self.wake = self.wake_other.min(self.settle_all(at));
                self.now = at;
                return;
            }
            let other = self.next_other();
            if self.settle_by(other.map_or(at, |other| at.min(last_step_before(other)))) {
                continue;
            }
            let Some((due, what)) = other.filter(|(due, _)| *due <= at) else {
                self.wake_other = other.map_or(Timestamp::MAX, |(due, _)| due);
                break;
            };
            self.now = self.now.max(due);
            match what {
                Due::Plan => self.keep_agenda(),
                Due::Release => self.release(),
                Due::Expire => {
                    if let Some((_, ix)) = self.expiries.pop_first() {
                        self.withdraw(ix, Ended::Expired);
                    }
                }
                Due::Sweep => self.sweep(),
                Due::Play => {
                    if self.player.as_ref().is_some_and(super::play::Player::speed_is_unbounded) {
                        batches += 1;
                        if batches > BATCHES_PER_TICK {
                            break;
                        }
                        self.now = at;
                    }
                    self.play();
                }
                Due::Maker(n) => self.step_maker(n),
                Due::Rewards(event) => self.reward_event(event),
            }
        }
        self.now = at;
        self.wake = self.wake_other.min(self.ladder.next_due());
    }

    /// Does every step of settlement that is due by then; when the next is due.
    #[inline]
    fn settle_all(&mut self, until: Timestamp) -> Timestamp {
        loop {
            let due = self.ladder.next_due();
            if due > until || due == Timestamp::MAX {
                return due;
            }
            self.now = self.now.max(due);
            self.settle_next();
        }
    }

    /// Does one step of settlement, if one is due by then.
    #[inline]
    fn settle_by(&mut self, until: Timestamp) -> bool {
        let due = self.ladder.next_due();
        let is_due = due <= until && due < Timestamp::MAX;
        if is_due {
            self.now = self.now.max(due);
            self.settle_next();
        }
        is_due
    }

    /// When something is due next; the time already reached when work is waiting.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let due = self.next_other().map_or(Timestamp::MAX, |(due, _)| due).min(self.ladder.next_due());
        (due < Timestamp::MAX).then(|| due.max(self.now))
    }

    /// The earliest of what is due besides settlement; of one instant the first kind, and of book makers the first of them.
    fn next_other(&self) -> Option<(Timestamp, Due)> {
        let mut first: Option<(Timestamp, Due)> = None;
        let mut consider = |at: Option<Timestamp>, due: Due| {
            if let Some(at) = at
                && first.is_none_or(|(earliest, _)| at < earliest)
            {
                first = Some((at, due));
            }
        };
        // in the order of `Due`: a later kind must be strictly earlier to go first
        consider(self.agenda.first_key_value().map(|((at, _), _)| *at), Due::Plan);
        consider(self.expiries.first_key_value().map(|((at, _), _)| self.unshown(*at)), Due::Expire);
        consider((!self.beats.armed.is_empty()).then_some(self.beats.next_check), Due::Sweep);
        consider(self.held.first_key_value().map(|((at, _), _)| *at), Due::Release);
        consider(self.player.as_ref().and_then(|player| player.next_due()), Due::Play);
        for (n, (_, maker)) in self.makers.iter().enumerate() {
            consider(Some(maker.next_due()), Due::Maker(n));
        }
        let (at, event) = self.reward_due();
        consider(Some(at), Due::Rewards(event));
        first
    }

    /// One beat of an API key's dead-man's switch: the id for the next call.
    ///
    /// # Errors
    /// The id that was expected; empty when the chain must start anew. Such a call refreshes nothing.
    pub fn heartbeat(&mut self, at: Timestamp, key: &str, id: Option<&str>) -> Result<String, String> {
        self.tick(at);
        let expected = self.beats.armed.get(key).map_or("", |beat| beat.id.as_str());
        if id.unwrap_or("") != expected {
            return Err(expected.to_owned());
        }
        if self.beats.armed.is_empty() {
            while self.beats.next_check <= self.now {
                self.beats.next_check = self.beats.next_check.plus(self.beats.check);
            }
        }
        let next = self.draws.uuid("heartbeat", "venue", self.beats.issued);
        self.beats.issued += 1;
        self.beats.armed.insert(key.to_owned(), Beat { id: next.clone(), last: self.now });
        self.wake_by(self.beats.next_check);
        Ok(next)
    }

    /// Cancels every order of keys whose last beat is too old, whichever wallets they are on; their chains begin anew.
    fn sweep(&mut self) {
        self.beats.next_check = self.beats.next_check.plus(self.beats.check);
        let (now, timeout) = (self.now, self.scenario.venue.heartbeat_timeout);
        let is_silent = |beat: &Beat| now.since(beat.last) >= timeout;
        let silent: Vec<String> =
            self.beats.armed.iter().filter(|(_, beat)| is_silent(beat)).map(|(key, _)| key.clone()).collect();
        for key in silent {
            self.beats.armed.remove(&key);
            let accounts = self.accounts.iter().map(|(account, _)| account);
            let all = accounts.flat_map(|account| self.resting(account, &Filter::default()));
            let own: Vec<OrderIx> = all.filter(|ix| self.owner(*ix) == key).collect();
            for ix in own {
                self.withdraw(ix, Ended::Canceled);
            }
        }
    }
}

/// The latest time at which a step of settlement goes before something else that is due.
const fn last_step_before((at, what): (Timestamp, Due)) -> Timestamp {
    match what {
        Due::Plan => at.minus(Nanos::from_nanos(1)),
        _ => at,
    }
}
