//! A venue too plain to be wrong, and a desk against it in virtual time: for tests and proofs only.
//!
//! The venue keeps the ground truth that promises are judged by; it shares no arithmetic with the desk's exposure. No
//! socket, clock or key: orders arrive with the hash they were recorded under.

mod fixtures;
mod mishap;
mod posts;
mod venue;

pub use fixtures::{
    START, condition, one_event, order, policy, policy_with, setup, standard_limits, times, token_id, wide_policy,
};
pub use mishap::{Acts, CallKind, Entries, Mishap, Seen};
pub use posts::Leaving;
pub use venue::{OnGeo, OnPost, Resting, Venue};

use crate::desk::{Desk, DeskInput, Effect, Op, Setup};
use crate::ledger::{Ledger as _, MemoryLedger};
use crate::limits::{Class, Limits, Next, Places, Toll, Waiting};
use crate::outcome::{VenueCall, VenueReply};
use crate::rows::LedgerRow;
use mm_core::domain::{ClientOrderId, Digest, MarketIx, Nanos, NewOrder, OrderId, Outcome, Qty, Timestamp, Token};
use mm_core::protocol::{FromExecutor, Gate, PROTOCOL_VERSION, ToExecutor};
use mm_core::venue::user_ws::{self, UserFrame};
use serde_json::json;
use std::collections::BTreeMap;
use venue::Traded;

/// One way to the venue and back.
const LATENCY: Nanos = Nanos::from_ms(40);
/// A commit.
const COMMIT: Nanos = Nanos::from_ms(3);
/// Most turns of one run; more is a loop.
const TURNS_MAX: u32 = 400_000;

/// A desk, its ledger, its venue and its core.
pub struct Rehearsal {
    /// The desk.
    pub desk: Desk,
    /// Now.
    pub at: Timestamp,
    /// Its ledger.
    pub ledger: MemoryLedger,
    /// Its venue.
    pub venue: Venue,
    /// What the core was told.
    pub told: Vec<FromExecutor>,
    /// What people were told.
    pub alerts: Vec<Box<str>>,
    /// Answers to operators.
    pub answers: Vec<Result<Box<str>, Vec<Box<str>>>>,
    /// Posts that had no row when they left.
    pub unrecorded: u32,
    /// The ledger says yes and keeps nothing: a sabotage.
    pub ledger_lies: bool,
    /// The shell sends a lost post once more: a sabotage.
    pub shell_resends: bool,
    /// The shell takes 404 and 5xx for a refusal: a sabotage.
    pub shell_trusts_errors: bool,
    /// The shell takes a refusal of many orders in one request for one of each of them: a sabotage.
    pub shell_blames_each: bool,
    /// The core sends its lease.
    pub alive: bool,
    /// What befalls calls.
    pub mishaps: Vec<Mishap>,
    /// What was told of calls that something befell.
    pub seen: Vec<(CallKind, VenueReply)>,
    /// Local token buckets; without a tier nothing waits.
    pub limits: Limits,
    waiting: Waiting<(u64, VenueCall)>,
    places: Places,
    posts: Vec<posts::Ready>,
    /// All calls and orders take from one bucket, and there is no line: a sabotage.
    pub one_bucket: bool,
    pump_at: Option<Timestamp>,
    /// One way to the venue and back.
    pub latency: Nanos,
    /// A commit takes this long.
    pub commit: Nanos,
    /// What the desk's clock shows at a moment; `None`: the moment.
    pub clock: Option<fn(Timestamp) -> Timestamp>,
    /// Where rows go when the ledger lies.
    nowhere: MemoryLedger,
    /// Turns of the desk so far.
    pub turns: u64,
    inbox: BTreeMap<(Timestamp, u64), Event>,
    seq: u64,
}

enum Event {
    Input(Box<DeskInput>),
    Land(OrderId, NewOrder),
    /// A call reaches the venue that nobody waits for any more.
    Reach(VenueCall),
    Alive,
}

fn not_sent(call: u64) -> DeskInput {
    DeskInput::Reply { call, reply: VenueReply::NotSent("it waited for our own rate limit for too long".into()) }
}

impl Rehearsal {
    /// A desk just started on an empty ledger.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self::restarted(setup, MemoryLedger::new(), Venue { usdc: 1_000_000_000, ..Venue::default() }, START)
    }

    /// A desk started on what an earlier one left behind.
    #[must_use]
    pub fn restarted(setup: Setup, ledger: MemoryLedger, venue: Venue, at: Timestamp) -> Self {
        let desk = Desk::recover(setup, ledger.rows(), None);
        let mut new = Self {
            desk,
            at,
            ledger,
            venue,
            told: Vec::new(),
            alerts: Vec::new(),
            answers: Vec::new(),
            unrecorded: 0,
            ledger_lies: false,
            shell_resends: false,
            shell_trusts_errors: false,
            shell_blames_each: false,
            alive: true,
            mishaps: Vec::new(),
            seen: Vec::new(),
            limits: Limits::new(None),
            waiting: Waiting::default(),
            places: Places::default(),
            posts: Vec::new(),
            one_bucket: false,
            pump_at: None,
            latency: LATENCY,
            commit: COMMIT,
            clock: None,
            nowhere: MemoryLedger::new(),
            turns: 0,
            inbox: BTreeMap::new(),
            seq: 0,
        };
        new.input(DeskInput::UserLink { up: true });
        new
    }

    /// Connects a core with this run, knowing `markets` markets.
    pub fn connect(&mut self, run: u64, markets: u16) {
        let tokens = (0..markets).flat_map(|n| {
            [Outcome::Yes, Outcome::No].map(|outcome| (Token { market: MarketIx(n), outcome }, token_id(n, outcome)))
        });
        let hello =
            ToExecutor::Hello { version: PROTOCOL_VERSION, run, config: Digest([0; 32]), tokens: tokens.collect() };
        self.input(DeskInput::CoreUp { uid: 0 });
        self.input(DeskInput::Core(hello));
        self.later(Nanos::from_ms(500), Event::Alive);
    }

    /// A desk that is confirmed flat, armed and beating, with a core connected.
    #[must_use]
    pub fn armed(setup: Setup, markets: u16) -> Self {
        let mut new = Self::new(setup);
        new.connect(1, markets);
        new.run_ms(2000);
        new.arm();
        new.run_ms(500);
        new
    }

    /// An operator arms, in both steps.
    pub fn arm(&mut self) {
        self.operate(Op::AskArm { code: "123456".into() });
        self.operate(Op::Arm { code: "123456".into() });
    }

    /// An operator's wish.
    pub fn operate(&mut self, op: Op) {
        self.input(DeskInput::Operator { ticket: 1, op });
    }

    /// The core asks for an order now.
    pub fn place(&mut self, id: u64, order: NewOrder) {
        self.input(DeskInput::Core(ToExecutor::Place { id: ClientOrderId(id), at: self.at, order }));
    }

    /// The core wants an order gone.
    pub fn cancel(&mut self, id: u64) {
        self.input(DeskInput::Core(ToExecutor::Cancel { id: ClientOrderId(id) }));
    }

    /// Something happens now.
    pub fn input(&mut self, input: DeskInput) {
        self.later(Nanos::ZERO, Event::Input(Box::new(input)));
    }

    /// Whether the gate is open now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.desk.gate().is_open(self.at)
    }

    /// The gate, without its expiry.
    #[must_use]
    pub fn gate(&self) -> Gate {
        match self.desk.gate() {
            Gate::Open { .. } => Gate::Open { until: Timestamp::MAX },
            shut => shut,
        }
    }

    /// Orders that rest at the venue.
    #[must_use]
    pub fn resting(&self) -> usize {
        self.venue.orders.values().filter(|resting| resting.live).count()
    }

    /// Lets `ms` milliseconds pass.
    pub fn run_ms(&mut self, ms: u64) {
        let end = self.at.plus(Nanos::from_ms(ms));
        for _ in 0..TURNS_MAX {
            let event = self.inbox.keys().next().map(|(when, _)| *when);
            let next = [event, self.deadline(), self.pump_at].into_iter().flatten().min().filter(|when| *when <= end);
            let Some(when) = next else {
                self.at = end;
                return;
            };
            self.at = self.at.max(when);
            let mut inputs = Vec::new();
            while let Some(entry) = self.inbox.first_entry()
                && entry.key().0 <= self.at
            {
                match entry.remove() {
                    Event::Input(input) => inputs.push(*input),
                    Event::Land(id, order) => self.venue.take(id, order),
                    Event::Reach(request) => {
                        self.venue.answer(&request, self.at);
                        self.tell_cancels();
                    }
                    Event::Alive if self.alive => {
                        inputs.push(DeskInput::Core(ToExecutor::Alive { oldest_feed: Nanos::ZERO }));
                        self.later(Nanos::from_ms(500), Event::Alive);
                    }
                    Event::Alive => {}
                }
            }
            self.turns += 1;
            let mut effects = Vec::new();
            self.desk.turn(self.shown(), inputs, &mut effects);
            for effect in effects {
                self.perform(effect);
            }
            self.pump();
            self.send_posts();
        }
        panic!("the desk does not come to rest");
    }

    /// What the desk's clock shows now.
    fn shown(&self) -> Timestamp {
        self.clock.map_or(self.at, |clock| clock(self.at))
    }

    /// When the desk's timer fires: it waits as long as its clock says is left, and by a clock that stands still for ever again.
    fn deadline(&self) -> Option<Timestamp> {
        let deadline = self.desk.next_deadline()?;
        match self.clock {
            None => Some(deadline),
            Some(_) => Some(self.at.plus(deadline.since(self.shown()).max(Nanos::from_ms(1)))),
        }
    }

    /// Fills `shares` of an order that rests: the venue matches, the stream tells, later it confirms.
    pub fn fill(&mut self, id: OrderId, shares: Qty) {
        let Some(resting) = self.venue.orders.get_mut(&id) else { return };
        let qty = shares.min(resting.order.qty.saturating_sub(resting.matched));
        if !resting.live || qty.is_zero() {
            return;
        }
        resting.matched = resting.matched.saturating_add(qty);
        resting.live = resting.matched < resting.order.qty;
        let price = self.venue.trades_at.unwrap_or(resting.order.price);
        let nth = self.venue.trades.len();
        let matched = self.at.minus(self.venue.clock_behind);
        self.venue.trades.push(Traded { at: self.at, matched, order: id, price, qty });
        self.tell_trade(nth, "MATCHED", Nanos::from_ms(20));
        self.tell_trade(nth, "CONFIRMED", Nanos::from_ms(3000));
    }

    fn tell_trade(&mut self, nth: usize, status: &str, after: Nanos) {
        if !self.venue.mute {
            let mut body = self.venue.trade_json(nth, status);
            body["event_type"] = json!("trade");
            self.stream(&body.to_string(), after);
        }
    }

    fn stream(&mut self, frame: &str, after: Nanos) {
        let Ok(UserFrame::Events(events)) = user_ws::decode(frame) else { panic!("our own frame: {frame}") };
        for event in events {
            self.later(after, Event::Input(Box::new(DeskInput::User(Box::new(event)))));
        }
    }

    fn later(&mut self, after: Nanos, event: Event) {
        self.seq += 1;
        self.inbox.insert((self.at.plus(after), self.seq), event);
    }

    /// Does what the desk wants done.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Record(row) => self.commit(row),
            Effect::Post { call, approved, row, .. } => {
                let recorded =
                    |kept: &LedgerRow| matches!(kept, LedgerRow::Intent(intent) if intent.order == row.order());
                if !self.ledger.rows().iter().any(recorded) {
                    self.unrecorded += 1;
                }
                self.posts.push(((call, row.order(), *approved.order()), approved.market().clone()));
            }
            Effect::Call { call, request, leave_by } => {
                let mut toll = Toll::of(&request);
                if self.one_bucket {
                    toll.class = Class::Place;
                }
                self.pump_at = Some(self.at);
                if let Err((call, _)) = self.waiting.push(toll, leave_by, (call, request)) {
                    self.input(not_sent(call));
                }
            }
            Effect::Tell(message) => self.told.push(message),
            Effect::Alert(text) => self.alerts.push(text),
            Effect::Answer { result, .. } => self.answers.push(result),
            Effect::RenewUserLink => {
                self.input(DeskInput::UserLink { up: false });
                self.later(LATENCY, Event::Input(Box::new(DeskInput::UserLink { up: true })));
            }
            Effect::SignOnly { .. } | Effect::Hangup | Effect::Latch { .. } | Effect::Unlatch => {}
        }
    }

    /// Makes every waiting call that has tokens, as the shell does.
    fn pump(&mut self) {
        self.pump_at = None;
        loop {
            match self.waiting.pop(&self.limits, self.at) {
                Ok(Next::Leaves((call, request))) => {
                    if self.befalls_call(call, &request) {
                        continue;
                    }
                    if let Some(reply) = self.venue.answer(&request, self.at) {
                        self.reply(call, reply);
                    }
                    if request.is_cancel() {
                        self.tell_cancels();
                    }
                }
                Ok(Next::Overdue((call, _))) => self.input(not_sent(call)),
                Err(wait) => {
                    self.pump_at = wait.map(|wait| self.at.plus(wait));
                    return;
                }
            }
        }
    }

    fn commit(&mut self, row: LedgerRow) {
        let ledger = if self.ledger_lies { &mut self.nowhere } else { &mut self.ledger };
        match ledger.append(std::slice::from_ref(&row)) {
            Ok(durable) => {
                for intent in durable {
                    self.later(self.commit, Event::Input(Box::new(DeskInput::Recorded(intent.id, intent.row))));
                }
            }
            Err(why) => self.input(DeskInput::LedgerFailed(why.0)),
        }
    }

    fn reply(&mut self, call: u64, reply: VenueReply) {
        self.later(self.latency, Event::Input(Box::new(DeskInput::Reply { call, reply })));
    }

    /// The stream tells of every order a cancel ended.
    fn tell_cancels(&mut self) {
        let ended: Vec<(OrderId, Resting)> = self
            .venue
            .orders
            .iter()
            .filter(|(_, r)| !r.live && r.matched < r.order.qty)
            .map(|(id, r)| (*id, *r))
            .collect();
        for (id, resting) in ended {
            let live = self.desk.exposure().order(&id).is_some_and(crate::exposure::Tracked::is_live);
            if live && !self.venue.mute {
                let mut body = self.venue.order_json(id, &resting);
                if self.venue.sizeless
                    && let Some(fields) = body.as_object_mut()
                {
                    fields.remove("size_matched");
                }
                body["event_type"] = json!("order");
                body["type"] = json!("CANCELLATION");
                body["created_at"] = json!("0");
                let after = if self.venue.sizeless { Nanos::from_ms(60) } else { Nanos::from_ms(20) };
                self.stream(&body.to_string(), after);
            }
        }
    }
}
