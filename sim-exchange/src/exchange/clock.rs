//! What happens by itself, and when: the agenda, settlement, expiry, held orders, the dead-man's switch, the recording, the reward sample.

use super::fact::Ended;
use super::{AccountIx, Exchange, Filter};
use mm_core::domain::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Batches played by one call at unbounded speed: the caller must get a turn now and then.
const BATCHES_PER_TICK: usize = 512;

/// The dead-man's switches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Beats {
    armed: BTreeMap<AccountIx, Beat>,
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

/// What is due, in the order in which things of one instant happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Plan,
    Settle,
    Expire,
    Sweep,
    Release,
    Play,
    Maker(usize),
    Sample,
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

    fn catch_up(&mut self, at: Timestamp) {
        let mut batches = 0;
        while let Some((due, what)) = self.next_due() {
            if due > at {
                break;
            }
            self.now = self.now.max(due);
            match what {
                Due::Plan => self.keep_agenda(),
                Due::Settle => self.settle_next(),
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
                Due::Sample => self.sample(),
            }
        }
        self.now = at;
        self.wake = self.next_due().map_or(Timestamp::MAX, |(due, _)| due);
    }

    /// When something is due next; the time already reached when work is waiting.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.next_due().map(|(due, _)| due.max(self.now))
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let plan = self.agenda.first_key_value().map(|((at, _), _)| (*at, Due::Plan));
        let settle = self.settlements.peek().map(|Reverse((at, ..))| (*at, Due::Settle));
        let release = self.held.first_key_value().map(|((at, _), _)| (*at, Due::Release));
        let expire = self.expiries.first_key_value().map(|((at, _), _)| (*at, Due::Expire));
        let sweep = (!self.beats.armed.is_empty()).then_some((self.beats.next_check, Due::Sweep));
        let play = self.player.as_ref().and_then(|p| p.next_due()).map(|at| (at, Due::Play));
        let makers = self.makers.iter().enumerate().map(|(n, (_, maker))| (maker.next_due(), Due::Maker(n)));
        let sample = self.sample_due().map(|at| (at, Due::Sample));
        [plan, settle, expire, sweep, release, play, sample].into_iter().flatten().chain(makers).min()
    }

    /// One beat of the dead-man's switch: the id for the next call.
    ///
    /// # Errors
    /// The id that was expected; empty when the chain must start anew. Such a call refreshes nothing.
    pub fn heartbeat(&mut self, at: Timestamp, account: AccountIx, id: Option<&str>) -> Result<String, String> {
        self.tick(at);
        let expected = self.beats.armed.get(&account).map_or("", |beat| beat.id.as_str());
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
        self.beats.armed.insert(account, Beat { id: next.clone(), last: self.now });
        self.wake_by(self.beats.next_check);
        Ok(next)
    }

    /// Cancels everything of accounts whose last beat is too old; their chains begin anew.
    fn sweep(&mut self) {
        self.beats.next_check = self.beats.next_check.plus(self.beats.check);
        let (now, timeout) = (self.now, self.scenario.venue.heartbeat_timeout);
        let silent: Vec<AccountIx> =
            self.beats.armed.iter().filter(|(_, b)| now.since(b.last) >= timeout).map(|(ix, _)| *ix).collect();
        for account in silent {
            self.beats.armed.remove(&account);
            for ix in self.resting(account, &Filter::default()) {
                self.withdraw(ix, Ended::Canceled);
            }
        }
    }
}
