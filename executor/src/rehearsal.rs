//! A venue too plain to be wrong, and a desk against it in virtual time: for tests and proofs only.
//!
//! The venue keeps the ground truth that promises are judged by; it shares no arithmetic with the desk's exposure. No
//! socket, clock or key: orders arrive with the hash they were recorded under.

use crate::desk::{Desk, DeskInput, Effect, Op, Setup};
use crate::eip712::Chain;
use crate::gate::GateTimes;
use crate::ledger::{Ledger as _, MemoryLedger};
use crate::outcome::{Answer, Lost, VenueCall, VenueReply};
use crate::policy::{AllowedMarket, Policy, PolicyCaps};
use crate::rows::LedgerRow;
use crate::sign::Account;
use alloy_primitives::Address;
use mm_core::domain::{
    ClientOrderId, ConditionId, Digest, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize,
    TimeInForce, Timestamp, Token, TokenId, Usdc,
};
use mm_core::protocol::{FromExecutor, Gate, PROTOCOL_VERSION, ToExecutor};
use mm_core::venue::order::SignatureType;
use mm_core::venue::user_ws::{self, UserFrame};
use serde_json::json;
use std::collections::BTreeMap;

/// 2026-06-07T01:30:00Z.
pub const START: Timestamp = Timestamp::from_ms(1_780_795_800_000);
/// One way to the venue and back.
const LATENCY: Nanos = Nanos::from_ms(40);
/// A commit.
const COMMIT: Nanos = Nanos::from_ms(3);
/// Most turns of one run; more is a loop.
const TURNS_MAX: u32 = 200_000;

/// How the venue treats a placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPost {
    /// Takes it and says so.
    #[default]
    Accept,
    /// Takes it; the answer is lost.
    TakeAndLose,
    /// Does not take it; the answer is lost.
    DropAndLose,
    /// Takes it this long after the caller gave up.
    TakeLate(Nanos),
    /// Says no with a documented reason.
    Reject,
    /// Takes it and names another order.
    OtherId,
    /// Answers with this status and an empty body.
    Status(u16),
    /// Nothing was sent.
    NotSent,
}

/// How the geoblock endpoint answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGeo {
    /// Not blocked.
    #[default]
    Clear,
    /// Blocked.
    Blocked,
    /// A page instead of JSON.
    Html,
    /// JSON without the field.
    NoField,
    /// Never answers.
    Silent,
}

/// An order at the venue.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    /// The order.
    pub order: NewOrder,
    /// Matched so far.
    pub matched: Qty,
    /// Still in the book.
    pub live: bool,
}

/// A trade with one of our orders.
#[derive(Clone, Debug)]
struct Traded {
    order: OrderId,
    price: Price,
    qty: Qty,
    confirmed: bool,
}

/// The venue's state: the truth.
#[derive(Debug, Default)]
pub struct Venue {
    /// Every order it took.
    pub orders: BTreeMap<OrderId, Resting>,
    trades: Vec<Traded>,
    /// Every order that reached it: when, and which.
    pub posts: Vec<(Timestamp, OrderId)>,
    /// Treatment of placements.
    pub on_post: OnPost,
    /// Treatment of geoblock questions.
    pub on_geo: OnGeo,
    /// This many cancel calls fail first.
    pub cancels_fail: u32,
    /// Look-ups by id know nothing.
    pub forgetful: bool,
    /// The stream tells nothing.
    pub mute: bool,
    /// Times anything was cancelled.
    pub cancel_alls: u32,
    /// The cash account.
    pub usdc: u64,
}

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
    /// The core sends its lease.
    pub alive: bool,
    /// Where rows go when the ledger lies.
    nowhere: MemoryLedger,
    inbox: BTreeMap<(Timestamp, u64), Event>,
    seq: u64,
}

enum Event {
    Input(Box<DeskInput>),
    Land(OrderId, NewOrder),
    Alive,
}

/// The condition of the nth market.
#[must_use]
pub fn condition(n: u16) -> ConditionId {
    ConditionId::parse(&format!("0x{n:064x}")).expect("64 hex digits")
}

/// A token of the nth market, with the size of a real one.
#[must_use]
pub fn token_id(n: u16, outcome: Outcome) -> TokenId {
    let last = u32::from(n) * 2 + u32::from(outcome == Outcome::No);
    TokenId::parse(&format!("7132104567925221259462638553270691275033272857194253228963{last:018}")).expect("digits")
}

/// A policy over `markets` markets with round caps.
#[must_use]
pub fn policy(markets: u16) -> Policy {
    let usdc = |n| Usdc::from_whole(n).expect("small");
    let price = |n| Price::from_ten_thousandths(n).expect("below one");
    let caps = PolicyCaps {
        max_order_shares: Qty::from_whole(100).expect("small"),
        max_order_usdc: usdc(25),
        max_market_usdc: usdc(60),
        max_total_usdc: usdc(100),
        max_open_orders: 8,
        max_orders_per_minute: 40,
        max_day_bought_usdc: usdc(300),
        max_day_placed_usdc: usdc(20_000),
        min_price: price(200),
        max_price: price(9800),
        intent_max_age_ms: 2000,
    };
    policy_with(caps, markets)
}

/// A policy with these caps over `markets` markets.
#[must_use]
pub fn policy_with(caps: PolicyCaps, markets: u16) -> Policy {
    let market = |n| AllowedMarket {
        slug: format!("market-{n}").into(),
        condition: condition(n),
        event: None,
        yes: token_id(n, Outcome::Yes),
        no: token_id(n, Outcome::No),
        neg_risk: false,
        tick: TickSize::CENT,
        min_order: Qty::from_whole(5).expect("small"),
    };
    Policy::new(caps, (0..markets).map(market).collect()).expect("distinct tokens")
}

/// The times of the example configuration, with a shorter gap between readings.
#[must_use]
pub fn times() -> GateTimes {
    let ms = Nanos::from_ms;
    GateTimes {
        core_silent: ms(2000),
        feed_max_age: ms(60_000),
        heartbeat_every: ms(5000),
        heartbeat_max_age: ms(8000),
        geoblock_every: ms(60_000),
        geoblock_max_age: ms(180_000),
        closed_only_every: ms(3_600_000),
        closed_only_max_age: ms(10_800_000),
        user_probe: ms(5000),
        user_tell: ms(1000),
        user_dead: ms(30_000),
        clock_every: ms(60_000),
        clock_max_age: ms(180_000),
        clock_pause: ms(3000),
        clock_halt: ms(30_000),
        zero_gap: ms(200),
        reading_retry: ms(200),
        request_timeout: ms(5000),
        cancel_timeout: ms(500),
        late_landing: ms(120_000),
        pause_window: ms(600_000),
        pauses_max: 3,
    }
}

/// A set-up for an account nobody holds.
#[must_use]
pub fn setup(policy: Policy, withhold: bool) -> Setup {
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, Address::repeat_byte(0x11), None);
    Setup { account: account.expect("an EOA needs no wallet"), policy, times: times(), withhold, auto_arm: false }
}

/// A post-only GTC order; price in cents, whole shares.
#[must_use]
pub fn order(market: u16, outcome: Outcome, side: Side, cents: u16, shares: u64) -> NewOrder {
    NewOrder {
        token: Token { market: MarketIx(market), outcome },
        side,
        price: Price::from_ten_thousandths(cents * 100).expect("below one"),
        qty: Qty::from_whole(shares).expect("small"),
        post_only: true,
        tif: TimeInForce::Gtc,
    }
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
            alive: true,
            nowhere: MemoryLedger::new(),
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
        new.operate(Op::Arm);
        new.run_ms(500);
        new
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
            let next = [event, self.desk.next_deadline()].into_iter().flatten().min().filter(|when| *when <= end);
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
                    Event::Alive if self.alive => {
                        inputs.push(DeskInput::Core(ToExecutor::Alive { oldest_feed: Nanos::ZERO }));
                        self.later(Nanos::from_ms(500), Event::Alive);
                    }
                    Event::Alive => {}
                }
            }
            let mut effects = Vec::new();
            self.desk.turn(self.at, inputs, &mut effects);
            for effect in effects {
                self.perform(effect);
            }
        }
        panic!("the desk does not come to rest");
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
        let price = resting.order.price;
        let nth = self.venue.trades.len();
        self.venue.trades.push(Traded { order: id, price, qty, confirmed: false });
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

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Record(row) => self.commit(row),
            Effect::Post { call, approved, row } => {
                let recorded =
                    |kept: &LedgerRow| matches!(kept, LedgerRow::Intent(intent) if intent.order == row.order());
                if !self.ledger.rows().iter().any(recorded) {
                    self.unrecorded += 1;
                }
                let (id, order) = (row.order(), *approved.order());
                self.post(call, id, order);
                if self.shell_resends && self.venue.on_post == OnPost::TakeAndLose {
                    self.venue.posts.push((self.at, id));
                }
            }
            Effect::Call { call, request } => {
                if let Some(reply) = self.venue.answer(&request, self.at) {
                    self.reply(call, reply);
                }
                if request.is_cancel() {
                    self.tell_cancels();
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

    fn commit(&mut self, row: LedgerRow) {
        let ledger = if self.ledger_lies { &mut self.nowhere } else { &mut self.ledger };
        match ledger.append(std::slice::from_ref(&row)) {
            Ok(durable) => {
                for intent in durable {
                    self.later(COMMIT, Event::Input(Box::new(DeskInput::Recorded(intent.id, intent.row))));
                }
            }
            Err(why) => self.input(DeskInput::LedgerFailed(why.0)),
        }
    }

    fn reply(&mut self, call: u64, reply: VenueReply) {
        self.later(LATENCY, Event::Input(Box::new(DeskInput::Reply { call, reply })));
    }

    fn post(&mut self, call: u64, id: OrderId, order: NewOrder) {
        let on_post = self.venue.on_post;
        if on_post != OnPost::NotSent {
            self.venue.posts.push((self.at, id));
        }
        let says = |named: OrderId| {
            let body = json!({ "errorMsg": "", "orderID": named.to_string(), "takingAmount": "", "makingAmount": "",
                               "status": "live", "success": true });
            VenueReply::Answer(Answer::new(200, body.to_string()))
        };
        let reply = match on_post {
            OnPost::Accept => {
                self.venue.take(id, order);
                says(id)
            }
            OnPost::TakeAndLose => {
                self.venue.take(id, order);
                VenueReply::Lost(Lost::Timeout)
            }
            OnPost::DropAndLose => VenueReply::Lost(Lost::Reset),
            OnPost::TakeLate(after) => {
                self.later(after, Event::Land(id, order));
                VenueReply::Lost(Lost::Timeout)
            }
            OnPost::Reject => {
                let body = json!({ "error": "not enough balance / allowance" });
                VenueReply::Answer(Answer::new(400, body.to_string()))
            }
            OnPost::OtherId => {
                self.venue.take(id, order);
                says(OrderId::from_bytes([0xee; 32]))
            }
            OnPost::Status(status) => VenueReply::Answer(Answer::new(status, "")),
            OnPost::NotSent => VenueReply::NotSent("connection refused".into()),
        };
        self.reply(call, reply);
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
                let mut body = Venue::order_json(id, &resting);
                body["event_type"] = json!("order");
                body["type"] = json!("CANCELLATION");
                body["created_at"] = json!("0");
                self.stream(&body.to_string(), Nanos::from_ms(20));
            }
        }
    }
}

impl Venue {
    fn take(&mut self, id: OrderId, order: NewOrder) {
        self.orders.entry(id).or_insert(Resting { order, matched: Qty::ZERO, live: true });
    }

    fn order_json(id: OrderId, resting: &Resting) -> serde_json::Value {
        let (token, order) = (resting.order.token, resting.order);
        let status = match (resting.live, resting.matched == order.qty) {
            (true, _) => "LIVE",
            (false, true) => "MATCHED",
            (false, false) => "CANCELED",
        };
        json!({ "id": id.to_string(), "status": status, "owner": "", "maker_address": "", "side": order.side.as_str(),
                "market": condition(token.market.0), "asset_id": token_id(token.market.0, token.outcome),
                "original_size": order.qty.to_string(), "size_matched": resting.matched.to_string(),
                "price": order.price.to_string(), "associate_trades": null, "outcome": "", "created_at": 0,
                "expiration": "0", "order_type": "GTC" })
    }

    fn trade_json(&self, nth: usize, status: &str) -> serde_json::Value {
        let trade = &self.trades[nth];
        let order = self.orders[&trade.order].order;
        let token = token_id(order.token.market.0, order.token.outcome);
        let market = condition(order.token.market.0);
        let taker = OrderId::from_bytes([0xdd; 32]).to_string();
        json!({ "id": format!("trade-{nth}"), "status": status, "market": market, "asset_id": token, "side": "SELL",
                "taker_order_id": taker, "price": trade.price.to_string(), "size": trade.qty.to_string(),
                "maker_orders": [{ "order_id": trade.order.to_string(), "matched_amount": trade.qty.to_string(),
                                   "price": trade.price.to_string(), "asset_id": token, "side": order.side.as_str() }] })
    }

    fn page(rows: &[serde_json::Value]) -> VenueReply {
        let body = json!({ "limit": 100, "count": rows.len(), "next_cursor": "LTE=", "data": rows });
        VenueReply::Answer(Answer::new(200, body.to_string()))
    }

    /// The answer to a call; `None`: never.
    fn answer(&mut self, call: &VenueCall, at: Timestamp) -> Option<VenueReply> {
        let ok = |body: serde_json::Value| Some(VenueReply::Answer(Answer::new(200, body.to_string())));
        if call.is_cancel() && self.cancels_fail > 0 {
            self.cancels_fail -= 1;
            return Some(VenueReply::Answer(Answer::new(500, r#"{"error":"Internal server error"}"#)));
        }
        match call {
            VenueCall::Cancel(ids) => ok(self.cancel_where(|id, _| ids.contains(id))),
            VenueCall::CancelAll => {
                self.cancel_alls += 1;
                ok(self.cancel_where(|_, _| true))
            }
            VenueCall::CancelMarket(market) => {
                ok(self.cancel_where(|_, resting| condition(resting.order.token.market.0) == *market))
            }
            VenueCall::OpenOrders { .. } => {
                let live = self.orders.iter().filter(|(_, resting)| resting.live);
                Some(Self::page(&live.map(|(id, resting)| Self::order_json(*id, resting)).collect::<Vec<_>>()))
            }
            VenueCall::Order(id) => match self.orders.get(id).filter(|_| !self.forgetful) {
                Some(resting) => ok(Self::order_json(*id, resting)),
                None => ok(serde_json::Value::Null),
            },
            VenueCall::Trades { .. } => {
                let rows = (0..self.trades.len())
                    .map(|nth| self.trade_json(nth, if self.trades[nth].confirmed { "CONFIRMED" } else { "MATCHED" }));
                Some(Self::page(&rows.collect::<Vec<_>>()))
            }
            VenueCall::Heartbeat { .. } => ok(json!({ "heartbeat_id": format!("beat-{}", at.ms()) })),
            VenueCall::Scoring(ids) => {
                ok(json!(ids.iter().map(|id| (id.to_string(), true)).collect::<BTreeMap<_, _>>()))
            }
            VenueCall::Balance(None) => ok(json!({ "balance": self.usdc.to_string() })),
            VenueCall::Balance(Some(token)) => ok(json!({ "balance": self.held(token).micro().to_string() })),
            VenueCall::Geoblock => match self.on_geo {
                OnGeo::Clear => ok(json!({ "blocked": false, "ip": "203.0.113.42", "country": "IE", "region": "" })),
                OnGeo::Blocked => ok(json!({ "blocked": true, "ip": "203.0.113.42", "country": "US", "region": "NY" })),
                OnGeo::Html => Some(VenueReply::Answer(Answer::new(200, "<html>welcome</html>"))),
                OnGeo::NoField => ok(json!({ "ip": "203.0.113.42" })),
                OnGeo::Silent => None,
            },
            VenueCall::ClosedOnly => ok(json!({ "closed_only": false })),
            VenueCall::Time => ok(json!(at.secs())),
            VenueCall::RenewCredentials => Some(VenueReply::Answer(Answer::new(200, ""))),
        }
    }

    fn cancel_where(&mut self, chosen: impl Fn(&OrderId, &Resting) -> bool) -> serde_json::Value {
        let mut canceled = Vec::new();
        for (id, resting) in &mut self.orders {
            if resting.live && chosen(id, resting) {
                resting.live = false;
                canceled.push(id.to_string());
            }
        }
        json!({ "canceled": canceled, "not_canceled": {} })
    }

    /// Shares of a token: what was bought less what was sold.
    fn held(&self, token: &TokenId) -> Qty {
        self.trades.iter().fold(Qty::ZERO, |held, trade| {
            let order = self.orders[&trade.order].order;
            if token_id(order.token.market.0, order.token.outcome) != *token {
                return held;
            }
            match order.side {
                Side::Buy => held.saturating_add(trade.qty),
                Side::Sell => held.saturating_sub(trade.qty),
            }
        })
    }

    /// The worst case in millionths of a dollar, of one market or of all: everything that rests fills. Only buys: the
    /// scenarios that ask for it never sell. Computed from the venue's own state, in its own plain way.
    #[must_use]
    pub fn worst_case(&self, market: Option<u16>) -> u128 {
        self.orders.values().filter(|r| market.is_none_or(|n| r.order.token.market.0 == n)).fold(0, |sum, resting| {
            let shares = if resting.live { resting.order.qty } else { resting.matched };
            sum + u128::from(resting.order.price.ten_thousandths()) * u128::from(shares.micro()) / 10_000
        })
    }
}
