//! Every call × every fault × every state, in virtual time (executor.md 2.3): the real desk against a venue that acts or does not,
//! in time or late, once or twice, and answers anything at all.
//!
//! What a transport error looks like to the desk is data here; that the shell sees it so is shown with real bytes in [`wire`].

mod table;
mod wire;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::executor::verdict;
use executor::desk::{DeskInput, Op, Setup};
use executor::outcome::{self, VenueReply};
use executor::reasons::Author;
use executor::rehearsal::{Acts, CallKind, Mishap, Rehearsal, Seen, order, policy, setup};
use executor::rows::{Became, LedgerRow};
use mm_core::domain::{ClientOrderId, MarketIx, Nanos, OrderId, Outcome, Price, Qty, Side};
use mm_core::protocol::ToExecutor;
use std::collections::{BTreeMap, BTreeSet};
use table::{
    BATCH, BATCH_FAULTS, CALLS, Call, Class, EXCEPTIONS, FAULTS, Fault, SENSELESS, SENSELESS_OF_BATCH, class_of,
    of_batch, senseless, stops_at,
};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "every-fault-of-every-call",
        milestone: 5,
        claim: "Whatever befalls a call, in whatever state: its answer proves what the table says and no more, no order leaves without a row \
                or twice or after a halt, none is lost, the caps hold at the venue, and cancel-all ends flat.",
        quick: true,
        min_cases: 200,
        run: |bench| matrix(bench, &CALLS, &[&FAULTS], SENSELESS, Shell::Ours),
        sabotage_claim: "404 and 5xx are taken for refusals, and only the promises are asked, not the class",
        sabotage: Some(|bench| matrix(bench, &CALLS, &[&FAULTS], SENSELESS, Shell::TrustsErrors)),
    },
    Proof {
        id: "every-fault-of-a-batch",
        milestone: 5,
        claim: "Whatever befalls a request with several orders, which may rest in part, and however its list of answers is wrong: each order \
                is taken for what the answer proves of it and no more, and the promises of the matrix hold.",
        quick: true,
        min_cases: 200,
        run: |bench| matrix(bench, &[BATCH], &[&FAULTS, &BATCH_FAULTS], SENSELESS_OF_BATCH, Shell::Ours),
        sabotage_claim: "a refusal of the whole request is taken for one of each order, and only the promises are asked, not the class",
        sabotage: Some(|bench| {
            matrix(bench, &[BATCH], &[&FAULTS, &BATCH_FAULTS], SENSELESS_OF_BATCH, Shell::BlamesEach)
        }),
    },
    wire::PROOF,
];

/// Where the desk stands when the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Idle,
    /// One order rests and of another nothing is known.
    Resting,
    Halting,
    Starting,
}

const STATES: [State; 4] = [State::Idle, State::Resting, State::Halting, State::Starting];

/// Why a call is not made in a state, though it is made; `None`: it is.
const fn not_made_in(kind: CallKind, state: State) -> Option<&'static str> {
    match (kind, state) {
        (CallKind::Heartbeat, State::Halting | State::Starting) => Some("a halted desk feeds no heartbeat"),
        (CallKind::Books, State::Halting | State::Starting) => Some("prices are read while an order is possible"),
        (CallKind::Scoring, State::Halting | State::Starting) => Some("nothing rests that could score"),
        (CallKind::Balance | CallKind::Refresh, State::Starting) => {
            Some("balances are asked for after a trade and with a core, which is not armed")
        }
        (CallKind::CancelMarket, State::Halting | State::Starting) => Some("everything is being cancelled already"),
        _ => None,
    }
}

/// How many calls in a row meet the fault.
const TIMES: u32 = 2;
/// The orders that a fault of placements strikes, with their markets and prices: the first alone, or all in one request.
const STRUCK: [(u64, u16, u16); 3] = [(10, 0, 40), (14, 1, 24), (15, 0, 28)];

/// What the shell makes of answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shell {
    Ours,
    TrustsErrors,
    BlamesEach,
}

fn matrix(bench: &mut Bench, calls: &[Call], faults: &[&[Fault]], senseless_must_be: u64, shell: Shell) -> Verdict {
    // one call with each of its faults is not much
    let stride = usize::try_from(bench.depth.pick(if calls.len() == 1 { 1 } else { 13 }, 1, 1)).unwrap_or(1);
    let mut evidence = Evidence::default();
    let (mut senseless_cells, mut idle_cells, mut at) = (0u64, 0u64, 0usize);
    let mut why_not: BTreeMap<&str, u64> = BTreeMap::new();
    let mut classes: BTreeMap<Class, u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for call in calls {
        for fault in faults.iter().copied().flatten() {
            for state in STATES {
                let (kind, none) = match (call.kind, senseless(call, fault)) {
                    (Ok(kind), None) => (kind, not_made_in(kind, state)),
                    (_, why) => (CallKind::Post, why),
                };
                if let Some(why) = none {
                    senseless_cells += 1;
                    *why_not.entry(why).or_default() += 1;
                    continue;
                }
                at += 1;
                if at % stride != 0 {
                    continue;
                }
                let cell = Cell::run(kind, fault, state, shell);
                idle_cells += u64::from(cell.classes.is_empty());
                for class in cell.classes {
                    *classes.entry(class).or_default() += 1;
                }
                wrong.extend(
                    cell.wrong.iter().map(|what| format!("{} × {} × {state:?}: {what}", call.name, fault.name)),
                );
                evidence.cases += 1;
            }
        }
    }
    for what in wrong.iter().take(if shell == Shell::Ours { 12 } else { 2 }) {
        evidence.fact("wrong", what);
    }
    evidence.fact("wrong in all", wrong.len());
    let faults: usize = faults.iter().map(|faults| faults.len()).sum();
    evidence.fact("cells", calls.len() * faults * STATES.len());
    evidence.fact("tried", evidence.cases);
    for (class, orders) in classes {
        evidence.fact(&format!("{class:?}"), orders);
    }
    evidence.fact("of which nothing is read", idle_cells);
    evidence.fact("senseless", senseless_cells);
    for (why, cells) in why_not {
        evidence.fact(&format!("senseless: {why}"), cells);
    }
    verdict(evidence, wrong.is_empty() && senseless_cells == senseless_must_be)
}

/// One cell, from an armed desk to a flat one.
struct Cell {
    stage: Rehearsal,
    /// What the answer proves, of each order if it is a placement; nothing where nothing is read.
    classes: Vec<Class>,
    wrong: BTreeSet<String>,
}

fn house() -> Setup {
    let mut setup = setup(policy(2), false);
    let every = Nanos::from_ms(20_000);
    (setup.times.geoblock_every, setup.times.clock_every, setup.times.closed_only_every) = (every, every, every);
    setup
}

impl Cell {
    fn run(kind: CallKind, fault: &Fault, state: State, shell: Shell) -> Self {
        let mut stage = Rehearsal::armed(house(), 2);
        stage.shell_trusts_errors = shell == Shell::TrustsErrors;
        stage.shell_blames_each = shell == Shell::BlamesEach;
        (stage.venue.shares, stage.venue.earned) = (Some(serde_json::json!({})), Some(serde_json::json!([])));
        let mut cell = Self { stage, classes: Vec::new(), wrong: BTreeSet::new() };
        cell.set(state);
        cell.strike(kind, fault, state);
        // what is asked for again meanwhile must not leave again, and what is new may
        cell.pass(4_000);
        cell.place_struck(kind);
        cell.place(20, 31);
        cell.pass(66_000);
        cell.judge_answer(kind, fault, state, shell);
        cell.stage.mishaps.clear();
        // one that waits for its row when the halt comes
        cell.place(29, 22);
        cell.stage.operate(Op::Halt { by: Author::Operator(0), why: "the cell ends".into() });
        cell.pass(2_000);
        for id in 30..33 {
            cell.place(id, 20);
            cell.pass(1_000);
        }
        // past the late-landing horizon
        cell.pass(135_000);
        cell.judge_end();
        cell
    }

    fn place(&mut self, id: u64, cents: u16) {
        self.stage.place(id, order(0, Outcome::Yes, Side::Buy, cents, 10));
    }

    /// The core wants the orders that a fault of this call strikes.
    fn place_struck(&mut self, kind: CallKind) {
        let orders = if kind == CallKind::PostMany { &STRUCK[..] } else { &STRUCK[..1] };
        for (id, market, cents) in orders {
            self.stage.place(*id, order(*market, Outcome::Yes, Side::Buy, *cents, 10));
        }
    }

    fn set(&mut self, state: State) {
        self.place(11, 30);
        self.stage.place(12, order(1, Outcome::Yes, Side::Buy, 25, 10));
        self.pass(300);
        if let Some(hash) = self.hash(ClientOrderId(11)) {
            self.stage.fill(hash, Qty::from_whole(2).unwrap_or(Qty::ZERO));
        }
        if state != State::Idle {
            // nothing is known of it for as long as it may land late
            self.befall(CallKind::Post, Acts::Not, Seen::Lost(outcome::Lost::Timeout), 1);
            self.place(13, 35);
            self.pass(300);
        }
    }

    fn befall(&mut self, call: CallKind, acts: Acts, seen: Seen, times: u32) {
        self.stage.mishaps.push(Mishap { call, acts, seen, times });
    }

    /// The fault is there and the desk is led into it.
    fn strike(&mut self, kind: CallKind, fault: &Fault, state: State) {
        self.stage.seen.clear();
        let times = if matches!(kind, CallKind::Post | CallKind::PostMany) { 1 } else { TIMES };
        self.befall(kind, fault.acts, fault.seen, times);
        if kind == CallKind::Login {
            let denied = Seen::Says(401, r#"{"error":"Unauthorized/Invalid api key"}"#);
            for call in [CallKind::OpenOrders, CallKind::Heartbeat] {
                self.befall(call, Acts::Not, denied, 1);
            }
        }
        if matches!(kind, CallKind::Post | CallKind::PostMany) {
            self.place_struck(kind);
            self.pass(20);
        }
        match state {
            State::Idle | State::Resting => self.lead(kind),
            State::Halting => {
                if kind == CallKind::CancelMany || kind == CallKind::CancelOne {
                    self.lead(kind);
                }
                self.stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
            }
            State::Starting => {
                self.stage.restart(house());
                self.stage.connect(2, 2);
            }
        }
    }

    fn lead(&mut self, kind: CallKind) {
        match kind {
            CallKind::CancelOne => self.stage.cancel(11),
            CallKind::CancelMany => {
                self.stage.cancel(11);
                self.stage.cancel(12);
            }
            CallKind::CancelAll => self.stage.operate(Op::CancelAll),
            CallKind::CancelMarket => {
                let all = ToExecutor::CancelAll { market: Some(MarketIx(0)) };
                self.stage.input(DeskInput::Core(all));
            }
            CallKind::Order => {
                // without the stream's word a look-up must tell
                self.stage.venue.mute = true;
                self.stage.cancel(11);
            }
            _ => {}
        }
    }

    /// Time passes, and every promise is looked after.
    fn pass(&mut self, ms: u64) {
        let step = if ms < 1_000 { ms.max(1) } else { 500 };
        for _ in 0..ms.div_ceil(step) {
            self.stage.run_ms(step);
            self.look();
        }
    }

    fn look(&mut self) {
        let stage = &self.stage;
        let caps = stage.desk.policy().caps();
        let total = stage.venue.worst_case(None);
        let markets = (0..2).all(|n| stage.venue.worst_case(Some(n)) <= u128::from(caps.max_market_usdc.micro()));
        if !markets || total > u128::from(caps.max_total_usdc.micro()) {
            self.wrong.insert("P-04: a cap is passed".to_owned());
        }
        if u128::from(stage.desk.exposure().total().worst_case().micro()) < total {
            self.wrong.insert("P-04: less is counted than is at risk".to_owned());
        }
        if stage.unrecorded > 0 {
            self.wrong.insert("P-01: an order left without its row".to_owned());
        }
        let left = stage.venue.posts.len();
        let different: BTreeSet<OrderId> = stage.venue.posts.iter().map(|(_, hash)| *hash).collect();
        let prices: BTreeSet<Price> = stage.venue.orders.values().map(|resting| resting.order.price).collect();
        if different.len() < left || prices.len() < stage.venue.orders.len() {
            self.wrong.insert("P-02: an order left twice".to_owned());
        }
        // halted by a person or by its start, and not armed since
        let since_armed = stage.ledger.rows().iter().rev().take_while(|row| !matches!(row, LedgerRow::Arm { .. }));
        let halts = since_armed.filter(|row| matches!(row, LedgerRow::Halt { .. } | LedgerRow::Epoch { .. }));
        if let Some(halt) = halts.last()
            && stage.venue.posts.iter().any(|(at, _)| *at > halt.at())
        {
            self.wrong.insert("P-05: an order left after the halt".to_owned());
        }
    }

    fn hash(&self, id: ClientOrderId) -> Option<OrderId> {
        self.stage.ledger.rows().iter().find_map(|row| match row {
            LedgerRow::Intent(intent) if intent.id == id => Some(intent.order),
            _ => None,
        })
    }

    /// The answer proves what the table says, and the desk took it for that.
    fn judge_answer(&mut self, kind: CallKind, fault: &Fault, state: State, shell: Shell) {
        let struck = match kind {
            CallKind::Post => 1,
            CallKind::PostMany => STRUCK.len(),
            _ => 0,
        };
        let told = self.stage.seen.iter().filter(|(call, _)| *call == kind).map(|(_, reply)| reply.clone());
        let replies: Vec<VenueReply> = told.take(struck.max(1)).collect();
        if replies.len() < struck.max(1) {
            self.wrong.insert("the call was not made".to_owned());
            return;
        }
        let excepted = EXCEPTIONS.iter().any(|(name, calls)| *name == fault.name && calls.contains(&kind));
        let expected = match (kind, excepted) {
            (CallKind::Post, _) => vec![fault.post],
            (CallKind::PostMany, _) => of_batch(fault).to_vec(),
            (_, true) => vec![Class::Learnt],
            (_, false) => vec![fault.other],
        };
        for (nth, (reply, expected)) in replies.iter().zip(expected).enumerate() {
            let asked = if struck > 0 { STRUCK[nth].0 } else { 11 };
            let ours = self.hash(ClientOrderId(asked)).unwrap_or(OrderId::from_bytes([0; 32]));
            let Some(class) = class_of(kind, reply, ours) else { return };
            self.classes.push(class);
            if shell != Shell::Ours {
                continue;
            }
            if class != expected {
                self.wrong.insert(format!("order {asked}: class {class:?}, expected {expected:?}"));
            }
            if struck > 0 && matches!(state, State::Idle | State::Resting) {
                let in_doubt = expected == Class::IdMismatch || stops_at(fault).is_some_and(|first| nth > first);
                let (taken_for, shown) = (self.taken_for(ours), if in_doubt { Class::Unknown } else { expected });
                if taken_for != shown {
                    self.wrong.insert(format!("order {asked} is recorded as {taken_for:?}, expected {shown:?}"));
                }
            }
        }
    }

    /// What the desk took the answer to an order for.
    fn taken_for(&self, ours: OrderId) -> Class {
        let first = self.stage.ledger.rows().iter().find_map(|row| match row {
            LedgerRow::Outcome { order, became, .. } if *order == ours => Some(became),
            _ => None,
        });
        match first {
            Some(Became::NotSent { .. }) => Class::NotSent,
            Some(Became::Accepted) => Class::Accepted,
            Some(Became::Rejected { .. }) => Class::Rejected,
            Some(Became::Unknown { likely_rejected: true, .. }) => Class::RejectedUnconfirmed,
            _ => Class::Unknown,
        }
    }

    fn judge_end(&mut self) {
        let stage = &self.stage;
        let status = stage.desk.status();
        if !status.flat || stage.resting() > 0 || status.unknown > 0 {
            self.wrong.insert(format!(
                "P-06: flat {}, {} rest, {} unknown",
                status.flat,
                stage.resting(),
                status.unknown
            ));
        }
        let rows = stage.ledger.rows();
        for (hash, resting) in &stage.venue.orders {
            let known = rows.iter().any(|row| matches!(row, LedgerRow::Intent(intent) if intent.order == *hash));
            let traded = stage.desk.exposure().order(hash).map(executor::exposure::Tracked::traded);
            if !known || traded != Some(resting.matched) {
                self.wrong.insert(format!("P-03: {} matched, {traded:?} known", resting.matched));
            }
        }
    }
}
