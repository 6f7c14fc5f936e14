//! The executor without IO: [`Desk::turn`] takes what happened and says what to do.
//!
//! Starts shut and halted. Never posts without a durable row, never sends an order twice, never waits for anything. Every
//! input is absorbed before anything is decided, so a halt that arrived with a ready order keeps that order in.

mod arming;
mod balances;
mod checks;
mod earnings;
mod endings;
mod errands;
mod io;
mod latency;
mod operator;
mod orders;
mod readings;
mod reference;
mod session;
mod status;
mod sweep;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_evidence;
#[cfg(test)]
mod tests_gone;
#[cfg(test)]
mod tests_halts;
#[cfg(test)]
mod tests_reference;
#[cfg(test)]
mod tests_refresh;
#[cfg(test)]
mod tests_stream;
#[cfg(test)]
mod tests_sweep;
#[cfg(test)]
mod tests_tighten;
#[cfg(test)]
mod tests_truth;

pub use balances::Apart;
pub use io::{DeskInput, Effect, Op};
pub use status::{Check, LISTED_MAX, Listed, Status};

use crate::exposure::Exposure;
use crate::gate::{GateTimes, Health};
use crate::outcome::{Lost, VenueCall, VenueReply};
use crate::policy::Policy;
use crate::reasons::one_line;
use crate::recorded::Recorded;
use crate::rows::{Became, LedgerRow};
use crate::sign::Account;
use mm_core::domain::{Nanos, OrderId, Timestamp, TokenId};
use mm_core::protocol::{FromExecutor, Gate, Shut};
use std::collections::{BTreeMap, VecDeque};

/// A shell that has not answered this long after a call's own limit has lost it.
const REPLY_GRACE: Nanos = Nanos::from_secs(1);

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
    /// Finished orders that are remembered; `None`: as many as is wise where money is at stake. A world that lasts for days needs few.
    pub remembered: Option<usize>,
    /// Arm by itself after a clean start; the configuration accepts it only where no real order can leave.
    pub auto_arm: bool,
}

/// What a call under way was for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    Post(OrderId),
    Cancel(Vec<OrderId>),
    SweepCancel,
    MarketCancel,
    Reading,
    Trades,
    Look(OrderId),
    Beat,
    /// Tells another program that feeds the same chain; what comes of it is nothing to us.
    LastBeat,
    Balance(Option<TokenId>),
    RefreshBalance(Option<TokenId>),
    Geoblock,
    ClosedOnly,
    Clock,
    Scoring(Vec<OrderId>),
    Shares,
    Earned(u32),
    Books(Vec<TokenId>),
    Renew,
}

/// A call under way.
#[derive(Clone, Debug)]
struct Pending {
    purpose: Purpose,
    sent: Timestamp,
    due: Timestamp,
}

/// The state machine.
pub struct Desk {
    setup: Setup,
    exposure: Exposure,
    health: Health,
    at: Timestamp,
    /// The earliest timer that has not fired.
    wake: Timestamp,
    epoch_written: bool,
    next_call: u64,
    calls: BTreeMap<u64, Pending>,
    session: session::Session,
    /// Approved, row not yet durable.
    waiting: BTreeMap<OrderId, orders::Cleared>,
    /// Row durable, to be posted at the end of the turn.
    ready: Vec<(orders::Cleared, Recorded)>,
    errands: errands::Errands,
    checks: checks::Checks,
    balances: balances::Balances,
    earnings: earnings::Earnings,
    latency: latency::Latency,
    readings: readings::Readings,
    references: reference::References,
    sweep: Option<sweep::Sweep>,
    /// Confirmed flat, and nothing was posted since.
    flat: bool,
    /// A start was confirmed clean.
    booted: bool,
    auto_arm: bool,
    arming: arming::Arming,
    was_open: bool,
    pauses: VecDeque<Timestamp>,
    told: Option<Gate>,
}

impl Desk {
    /// A desk that remembers what `rows` tell. `latched` is the marker file's text, if there is one.
    #[must_use]
    pub fn recover<'a>(setup: Setup, rows: impl IntoIterator<Item = &'a LedgerRow>, latched: Option<Box<str>>) -> Self {
        Self::resume(setup, Exposure::recover(rows), latched)
    }

    /// The same for rows that were folded already, [`Exposure::restart`] included.
    #[must_use]
    pub fn resume(setup: Setup, mut exposure: Exposure, latched: Option<Box<str>>) -> Self {
        if let Some(orders) = setup.remembered {
            exposure.remember(orders);
        }
        let auto_arm = setup.auto_arm && latched.is_none() && exposure.halted().is_none();
        let arming = arming::Arming::starting(exposure.reasons(), latched.as_deref());
        let health = Health { halted: arming.first(), withhold: setup.withhold, ..Health::default() };
        let mut readings = readings::Readings::default();
        if let Some(made) = exposure.last_given_up() {
            readings.watch_until = made.plus(setup.times.late_landing);
        }
        if let Some(last) = exposure.last_at() {
            readings.left_off(last);
        }
        Self {
            errands: errands::Errands::left_over(exposure.live_orders()),
            session: session::Session::default(),
            setup,
            exposure,
            health,
            at: Timestamp::EPOCH,
            wake: Timestamp::EPOCH,
            epoch_written: false,
            next_call: 1,
            calls: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ready: Vec::new(),
            checks: checks::Checks::default(),
            balances: balances::Balances::default(),
            earnings: earnings::Earnings::default(),
            latency: latency::Latency::default(),
            readings,
            references: reference::References::default(),
            sweep: None,
            flat: false,
            booted: false,
            auto_arm,
            arming,
            was_open: false,
            pauses: VecDeque::new(),
            told: None,
        }
    }

    /// Takes what happened up to `at`, says what to do. `at` never goes back: an earlier one counts as the last.
    pub fn turn(&mut self, at: Timestamp, inputs: Vec<DeskInput>, out: &mut Vec<Effect>) {
        self.at = self.at.max(at);
        self.wake = Timestamp::MAX;
        if !self.epoch_written {
            self.epoch_written = true;
            let epoch = self.exposure.epoch() + 1;
            self.record(LedgerRow::Epoch { at: self.at, epoch, policy: self.setup.policy.digest() }, out);
            self.record_policy(out);
            self.start_sweep(out);
        }
        self.step_day(out);
        for input in inputs {
            self.absorb(input, out);
        }
        self.expire_calls(out);
        self.step_checks(out);
        self.watch(out);
        self.step_sweep(out);
        self.step_orders(out);
        self.step_readings(out);
        self.post_ready(out);
        self.step_heartbeat(out);
        self.tell_gate(out);
    }

    /// When to call again if nothing arrives. An empty turn is how a timer fires.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        (self.wake < Timestamp::MAX).then_some(self.wake)
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

    /// The gate as of the last turn.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.health.read(self.at, &self.setup.times)
    }

    fn absorb(&mut self, input: DeskInput, out: &mut Vec<Effect>) {
        match input {
            DeskInput::CoreUp { uid } => self.core_up(uid, out),
            DeskInput::CoreLost => self.core_lost(out),
            DeskInput::Core(message) => self.core_says(message, out),
            DeskInput::Recorded(_, row) => self.recorded(row),
            DeskInput::LedgerFailed(why) => self.ledger_failed(&why, out),
            DeskInput::Reply { call, reply } => {
                if let Some(pending) = self.calls.remove(&call) {
                    self.replied(pending, &reply, out);
                }
            }
            DeskInput::KeptIn { call, why } => {
                if let Some(Pending { purpose: Purpose::Post(order), .. }) = self.calls.remove(&call) {
                    self.kept_in(order, why, out);
                }
            }
            DeskInput::User(event) => self.user_says(*event, out),
            DeskInput::UserLink { up } => self.user_link(up),
            DeskInput::Slept(long) => self.slept(long, out),
            DeskInput::ClockSet(by) => self.halt(&format!("the machine's clock was set by {} s", by.ms() / 1000), out),
            DeskInput::Operator { ticket, op } => self.operate(ticket, op, out),
        }
    }

    fn replied(&mut self, pending: Pending, reply: &VenueReply, out: &mut Vec<Effect>) {
        self.heed_sign(&pending.purpose, reply, out);
        match pending.purpose {
            Purpose::Post(order) => {
                self.heed_latency(pending.sent, reply, out);
                self.post_replied(order, reply, out);
            }
            Purpose::Cancel(ids) => self.cancel_replied(&ids, reply),
            Purpose::SweepCancel => self.sweep_cancel_replied(reply),
            Purpose::MarketCancel | Purpose::Renew | Purpose::LastBeat => {}
            Purpose::Reading => self.page_replied(reply, out),
            Purpose::Trades => self.trades_replied(reply, out),
            Purpose::Look(order) => self.look_replied(order, reply, out),
            Purpose::Beat => self.beat_replied(pending.sent, reply, out),
            Purpose::Balance(token) => self.balance_replied(token, reply, out),
            Purpose::RefreshBalance(token) => self.balance_refreshed(token, out),
            Purpose::Geoblock => self.geoblock_replied(pending.sent, reply, out),
            Purpose::ClosedOnly => self.closed_only_replied(pending.sent, reply, out),
            Purpose::Clock => self.clock_replied(pending.sent, reply, out),
            Purpose::Scoring(ids) => self.scoring_replied(&ids, reply, out),
            Purpose::Shares => self.shares_replied(reply, out),
            Purpose::Earned(day) => self.earned_replied(day, reply, out),
            Purpose::Books(asked) => self.books_replied(pending.sent, &asked, reply),
        }
    }

    /// Starts a call. Its reply, or its loss, comes back under the number.
    fn call(&mut self, purpose: Purpose, request: VenueCall, out: &mut Vec<Effect>) {
        let limit =
            if request.is_cancel() { self.setup.times.cancel_timeout } else { self.setup.times.request_timeout };
        let call = self.pend(purpose, limit);
        out.push(Effect::Call { call, request, leave_by: self.at.plus(limit) });
    }

    fn pend(&mut self, purpose: Purpose, limit: Nanos) -> u64 {
        let call = self.next_call;
        self.next_call += 1;
        let due = self.at.plus(limit).plus(REPLY_GRACE);
        self.calls.insert(call, Pending { purpose, sent: self.at, due });
        call
    }

    /// Whether a question may be asked now: it is time, and none of its kind is under way. Before its time, the desk wakes then.
    fn is_due(&mut self, when: Timestamp, is: impl Fn(&Purpose) -> bool) -> bool {
        if self.at < when {
            self.wake_at(when);
            return false;
        }
        !self.calling(is)
    }

    /// Whether a call of this kind is under way.
    fn calling(&self, is: impl Fn(&Purpose) -> bool) -> bool {
        self.calls.values().any(|pending| is(&pending.purpose))
    }

    fn expire_calls(&mut self, out: &mut Vec<Effect>) {
        let overdue: Vec<u64> =
            self.calls.iter().filter(|(_, pending)| self.at >= pending.due).map(|(call, _)| *call).collect();
        for call in overdue {
            if let Some(pending) = self.calls.remove(&call) {
                self.replied(pending, &VenueReply::Lost(Lost::Timeout), out);
            }
        }
    }

    fn wake_at(&mut self, at: Timestamp) {
        self.wake = self.wake.min(at.max(self.at.plus(Nanos::from_nanos(1))));
    }

    /// Applies a row and has it written. Without a ledger it is only applied: what is true stays true.
    fn record(&mut self, row: LedgerRow, out: &mut Vec<Effect>) {
        self.exposure.apply(&row);
        if !self.health.ledger_failed {
            out.push(Effect::Record(row));
        }
    }

    /// Shuts for good, until armed. Cancels everything.
    fn halt(&mut self, why: &str, out: &mut Vec<Effect>) {
        let why = one_line(why);
        let fresh = self.exposure.halted().is_none() || self.health.halted.is_none();
        let has_room = self.exposure.reasons().has_room_for(&why);
        // what is found with each reading is told once
        let is_new = self.arming.halted(self.at, &why);
        if fresh || (is_new && has_room) {
            self.record(LedgerRow::Halt { at: self.at, why: why.as_str().into() }, out);
            // What the ledger holds the marker need not, but for the first.
            if fresh || self.health.ledger_failed {
                out.push(Effect::Latch { why: self.arming.marked() });
            }
        }
        if fresh {
            self.health.halted = Some(why.as_str().into());
        }
        if is_new {
            out.push(Effect::Alert(format!("halted: {why}").into()));
        }
        self.auto_arm = false;
        self.start_sweep(out);
    }

    fn ledger_failed(&mut self, why: &str, out: &mut Vec<Effect>) {
        self.health.ledger_failed = true;
        // No row, no signature: what waits for its row never leaves.
        for order in std::mem::take(&mut self.waiting).into_keys() {
            let became = Became::NotSent { why: "the ledger failed".into() };
            self.record(LedgerRow::Outcome { at: self.at, order, became }, out);
            self.tell(&order, |id| FromExecutor::Rejected { id, why: "the ledger failed".into() }, out);
        }
        self.halt(&format!("ledger: {why}"), out);
    }

    /// The moment the gate falls shut, everything that rests goes; too many times in a while, and a person must look.
    fn watch(&mut self, out: &mut Vec<Effect>) {
        let gate = self.gate();
        if self.was_open && !gate.is_open(self.at) {
            self.was_open = false;
            let shut = match gate {
                Gate::Shut(shut) => shut,
                Gate::Unchecked | Gate::Open { .. } => Shut::CheckFailed,
            };
            self.pause(shut, out);
        }
    }

    /// The venue may have cancelled meanwhile, or filled: what was believed before a sleep is not traded on.
    fn slept(&mut self, long: Nanos, out: &mut Vec<Effect>) {
        out.push(Effect::Alert(format!("the machine slept for {} ms", long.ms()).into()));
        self.pause(Shut::Clock, out);
    }

    /// Cancels everything; the gate opens by itself when nothing rests and nothing else shuts it. A cancel-all that is under way
    /// already, or a latch, is no pause.
    fn pause(&mut self, shut: Shut, out: &mut Vec<Effect>) {
        if self.health.halted.is_some() || self.health.pausing.is_some() || self.health.draining {
            return;
        }
        let from = self.at.minus(self.setup.times.pause_window);
        while self.pauses.front().is_some_and(|pause| *pause < from) {
            self.pauses.pop_front();
        }
        self.pauses.push_back(self.at);
        out.push(Effect::Alert(format!("paused: {shut:?}").into()));
        let count = u32::try_from(self.pauses.len()).unwrap_or(u32::MAX);
        if count > self.setup.times.pauses_max {
            self.halt(&format!("paused {count} times in a while, last for {shut:?}"), out);
        } else {
            self.health.pausing = Some(shut);
            self.start_sweep(out);
        }
    }

    fn tell_gate(&mut self, out: &mut Vec<Effect>) {
        let gate = self.gate();
        if let Some(due) = self.calls.values().map(|pending| pending.due).min() {
            self.wake_at(due);
        }
        // Only `watch` may forget that the gate was open: what shuts it late in a turn is acted on in the next.
        if gate.is_open(self.at) {
            self.was_open = true;
        } else if self.was_open {
            self.wake_at(self.at);
        }
        if let Gate::Open { until } = gate {
            self.wake_at(until);
        }
        if let Some(until) = self.health.venue_shut_until {
            if self.at < until {
                self.wake_at(until);
            } else {
                self.health.venue_shut_until = None;
            }
        }
        // The core knows its own lease: telling it that expiry twice a second would be noise.
        let told = match gate {
            Gate::Open { .. } => Gate::Open { until: self.health.until(&self.setup.times, false) },
            shut => shut,
        };
        if self.session.is_up() && self.told != Some(told) {
            self.told = Some(told);
            out.push(Effect::Tell(FromExecutor::Gate(told)));
        }
    }
}
