//! Cancel everything, until two complete readings say that nothing rests (executor.md section 3.12).
//!
//! `canceled: […]` in an answer is a hint. Never ends on hope: while an order is unresolved the desk says "cancelling".

use super::{Desk, Effect, Purpose};
use crate::exposure::Phase;
use crate::outcome::{self, VenueCall, VenueReply};
use crate::rows::Became;
use mm_core::domain::{Nanos, OrderId, Qty, Timestamp};

/// First and longest wait between two cancel-alls.
const WAITS: (Nanos, Nanos) = (Nanos::from_ms(200), Nanos::from_ms(2000));

/// A cancel-all under way.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub(super) since: Timestamp,
    /// Since when it was last wanted: only readings begun since then count.
    wanted: Timestamp,
    cancel_at: Timestamp,
    wait: Nanos,
    /// Cancel-alls answered since then, whatever they said.
    answered: u32,
    pub(super) read_at: Timestamp,
    first_zero: Option<Timestamp>,
    zero_twice: bool,
}

impl Desk {
    /// Closes the way out and begins, or begins again if one is under way.
    pub(super) fn start_sweep(&mut self, out: &mut Vec<Effect>) {
        self.flat = false;
        // What has left may rest: it is unknown from this moment on.
        let posting = self.calls.values().filter_map(|pending| match pending.purpose {
            Purpose::Post(order) => Some(order),
            _ => None,
        });
        for order in posting.collect::<Vec<_>>() {
            if self.exposure.order(&order).is_some_and(|tracked| tracked.phase == Phase::InFlight) {
                self.doubt(order, "everything is being cancelled".into(), false, out);
            }
        }
        let live: Vec<OrderId> = self.errands.iter().map(|(order, _)| *order).collect();
        for order in live {
            self.want_gone(order);
        }
        let at = self.at;
        match &mut self.sweep {
            Some(sweep) => {
                // As from the beginning: a list asked for before may be older than what rests now, and a cancel-all leaves since.
                (sweep.wanted, sweep.answered) = (at, 0);
                sweep.cancel_at = sweep.cancel_at.min(at);
                (sweep.first_zero, sweep.zero_twice) = (None, false);
            }
            None => {
                self.sweep = Some(Sweep {
                    since: at,
                    wanted: at,
                    cancel_at: at,
                    wait: WAITS.0,
                    answered: 0,
                    read_at: at,
                    first_zero: None,
                    zero_twice: false,
                });
            }
        }
    }

    pub(super) fn step_sweep(&mut self, out: &mut Vec<Effect>) {
        let at = self.at;
        if self.sweep.is_none() {
            return;
        }
        if self.setup.withhold {
            let live: Vec<OrderId> = self.exposure.live_orders().map(|tracked| tracked.row.order).collect();
            for order in live {
                if !self.is_on_its_way(&order) {
                    self.end(order, Became::Ended { matched: Qty::ZERO }, out);
                }
            }
            if self.exposure.open_orders() == 0 {
                self.swept(out);
            }
            return;
        }
        let calling = self.calling(|purpose| *purpose == Purpose::SweepCancel);
        let Some(sweep) = &mut self.sweep else { return };
        if sweep.first_zero.is_none() && !calling {
            if at >= sweep.cancel_at {
                sweep.cancel_at = at.plus(sweep.wait);
                sweep.wait = Nanos::from_nanos(sweep.wait.nanos() * 2).min(WAITS.1);
                self.call(Purpose::SweepCancel, VenueCall::CancelAll, out);
            } else {
                let next = sweep.cancel_at;
                self.wake_at(next);
            }
        }
        let Some(sweep) = &self.sweep else { return };
        // Reading before the first answer would only find what is being cancelled.
        if sweep.answered > 0 && !sweep.zero_twice {
            let when = sweep.read_at;
            if at >= when {
                self.start_reading(out);
            } else {
                self.wake_at(when);
            }
        }
        let posting = self.calling(|purpose| matches!(purpose, Purpose::Post(_)));
        let zero_twice = self.sweep.as_ref().is_some_and(|sweep| sweep.zero_twice);
        // A start knows what it holds once the trades of what ended before it were read.
        let knows = self.booted || self.health.draining || !self.readings.is_behind;
        if zero_twice && !posting && knows && self.exposure.open_orders() == 0 {
            self.swept(out);
        }
    }

    /// Recorded or about to be: it ends by itself at the closed gate.
    pub(super) fn is_on_its_way(&self, order: &OrderId) -> bool {
        self.waiting.contains_key(order) || self.ready.iter().any(|(_, row)| row.order() == *order)
    }

    pub(super) fn sweep_cancel_replied(&mut self, reply: &VenueReply) {
        let at = self.at;
        if let Ok(answer) = outcome::cancel(reply) {
            self.cancel_replied(&answer.canceled, reply);
        }
        if let Some(sweep) = &mut self.sweep {
            sweep.answered += 1;
            sweep.read_at = if sweep.answered == 1 { at } else { sweep.read_at };
        }
    }

    /// A complete reading of open orders while sweeping.
    pub(super) fn sweep_read(&mut self, started: Timestamp, resting: usize) {
        let (at, gap) = (self.at, self.setup.times.zero_gap);
        let Some(sweep) = &mut self.sweep else { return };
        if started < sweep.wanted {
            return;
        }
        if resting > 0 {
            (sweep.first_zero, sweep.zero_twice) = (None, false);
            // What came too late for the last cancel-all, or was lost with it, does not wait for the next one's turn.
            sweep.cancel_at = sweep.cancel_at.min(at);
            sweep.read_at = at.plus(WAITS.0);
        } else if let Some(first) = sweep.first_zero {
            sweep.zero_twice = started >= first.plus(gap);
            sweep.read_at = first.plus(gap).max(at);
        } else {
            sweep.first_zero = Some(at);
            sweep.read_at = at.plus(gap);
        }
    }

    /// A reading that failed is repeated soon and resets nothing.
    pub(super) fn sweep_read_failed(&mut self) {
        let again = self.at.plus(self.setup.times.reading_retry);
        if let Some(sweep) = &mut self.sweep {
            sweep.read_at = again;
        }
    }

    /// Something rests after all.
    pub(super) fn seen_resting(&mut self) {
        let at = self.at;
        if let Some(sweep) = &mut self.sweep {
            (sweep.first_zero, sweep.zero_twice) = (None, false);
            sweep.read_at = sweep.read_at.max(at);
        }
    }

    fn swept(&mut self, out: &mut Vec<Effect>) {
        self.sweep = None;
        self.flat = true;
        self.booted = true;
        self.health.pausing = None;
        self.errands.clear();
        if self.session.welcome_due {
            self.welcome(out);
        }
        self.try_auto_arm(out);
    }
}
