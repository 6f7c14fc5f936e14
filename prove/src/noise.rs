//! The whole engine in virtual time, opposite a scripted venue that answers late, twice, out of order, or not at all.
//!
//! The venue keeps its own truth about what rests; every claim is judged by that truth and by plain arithmetic, never by
//! what the engine believes.

use mm_core::config::{Config, RawConfig};
use mm_core::domain::{
    ClientOrderId, ConditionId, Market, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, RewardTerms, TickSize,
    Timestamp, Token, TokenId, TradeId, Usdc,
};
use mm_core::engine::Engine;
use mm_core::event::{Action, Input, LinkIx, Turn};
use mm_core::journal::Recorder;
use mm_core::protocol::{Caps, FromExecutor, Gate, Stage};
use mm_core::venue::market_ws::{BookMessage, WireEvent, encode};
use std::collections::BTreeMap;

/// Markets of a noisy hour.
pub(crate) const MARKETS: u16 = 3;
/// Where virtual time begins, milliseconds since 1970.
const START_MS: u64 = 1_780_000_000_000;

/// Numbers from a seed: SplitMix64, whose sequence is fixed by its definition.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }
}

/// Knobs of one world.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// The engine's floor between edits, milliseconds.
    pub(crate) min_edit_ms: u64,
    /// The engine's do-nothing zone, cents.
    pub(crate) do_nothing_cents: &'static str,
    /// The engine's calls per second.
    pub(crate) calls_per_second: u32,
    /// The engine's burst.
    pub(crate) burst: u32,
    /// The engine's limit on a silent link, milliseconds.
    pub(crate) dead_after_ms: u64,
    /// Tell the engine that an order is gone as soon as its cancel is asked for.
    pub(crate) venue_lies_about_cancels: bool,
    /// The venue answers cleanly and nobody trades: for scenes in which only one thing should happen.
    pub(crate) calm: bool,
    /// How often a book moves by a cent in one step, percent.
    pub(crate) moves_percent: u64,
    /// Between two samples of the reward ledger, milliseconds.
    pub(crate) sample_ms: u64,
    /// What the engine does about two unscored samples.
    pub(crate) when_unscored: &'static str,
}

/// What the proofs demand.
pub(crate) const STRICT: Rules = Rules {
    min_edit_ms: 2_000,
    do_nothing_cents: "1",
    calls_per_second: 2,
    burst: 8,
    dead_after_ms: 30_000,
    venue_lies_about_cancels: false,
    calm: false,
    moves_percent: 20,
    sample_ms: 60_000,
    when_unscored: "keep",
};

pub(crate) fn config(rules: Rules) -> Config {
    let markets: Vec<_> = (0..MARKETS).map(|n| serde_json::json!({ "condition": format!("0x{n:064x}") })).collect();
    let raw: RawConfig = serde_json::from_value(serde_json::json!({
        "schema": 1,
        "feed": { "ws_url": "ws://127.0.0.1:1/ws", "rest_url": "http://127.0.0.1:1", "tokens_per_link": 200,
            "ping_every_ms": 10_000, "pong_timeout_ms": 30_000, "probe_after_ms": 100.max(rules.dead_after_ms / 6),
            "dead_after_ms": rules.dead_after_ms, "snapshot_wait_ms": 5_000, "suspect_after_ms": 1_000,
            "witness_every_ms": 60_000, "reconnect_min_ms": 250, "reconnect_max_ms": 30_000 },
        "executor": { "socket": "run/core.sock", "alive_every_ms": 500 },
        "journal": { "dir": "runs", "segment_mib": 1 },
        "metrics": { "listen": "" },
        "orders": { "min_edit_interval_ms": rules.min_edit_ms, "do_nothing_cents": rules.do_nothing_cents,
            "do_nothing_size_percent": 25, "calls_per_second": rules.calls_per_second, "calls_burst": rules.burst,
            "max_open_orders": 100 },
        "risk": { "max_market_usdc": "100000", "max_total_usdc": "1000000", "cool_down_ms": 1_000 },
        "rewards": { "sample_every_ms": rules.sample_ms, "unscored_samples": 2, "when_unscored": rules.when_unscored, "tighten_ticks": 1,
            "raise_size_percent": 20, "adjust_steps": 2, "adjust_for_s": 1_200, "leave_for_s": 240 },
        "quote": { "strategy": "fixed", "distance_cents": "1.5", "size_shares": "30", "max_size_shares": "100",
            "max_book_spread_cents": "6", "max_held_shares": "1000000", "skew_cents_per_100_shares": "0",
            "min_midpoint": "0.05", "max_midpoint": "0.95", "stop_before_end_s": 0, "require_rewards": true },
        "market": markets,
    }))
    .expect("the keys are those of the configuration");
    Config::try_from(raw).expect("the values are allowed")
}

pub(crate) fn market(n: u16) -> Market {
    let token = |k: u32| TokenId::parse(&(10_000 + 2 * u32::from(n) + k).to_string()).expect("digits");
    Market {
        condition: ConditionId::parse(&format!("0x{n:064x}")).expect("64 digits"),
        event: None,
        yes: token(0),
        no: token(1),
        tick: TickSize::CENT,
        min_order: Qty::from_micro(5_000_000),
        neg_risk: false,
        ready: true,
        rewards: Some(RewardTerms {
            max_spread: Price::from_ten_thousandths(350).expect("below a dollar"),
            min_size: Qty::from_micro(20_000_000),
            min_age: Nanos::ZERO,
            rate_per_day: Usdc::from_micro(50_000_000),
        }),
        resolving: false,
        starts: None,
        ends: None,
    }
}

/// An order as the venue sees it.
#[derive(Clone, Copy)]
pub(crate) struct AtVenue {
    pub(crate) order: NewOrder,
    pub(crate) matched: Qty,
    /// It may rest: sent, and not ended.
    pub(crate) rests: bool,
}

/// What a turn did, with what the venue and the books looked like before it.
pub(crate) struct Step<'a> {
    pub(crate) at_ms: u64,
    pub(crate) actions: &'a [Action],
    pub(crate) before: &'a BTreeMap<ClientOrderId, AtVenue>,
    pub(crate) world: &'a World,
}

/// Engine and venue.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) orders: BTreeMap<ClientOrderId, AtVenue>,
    pub(crate) journal: String,
    pub(crate) turns: u64,
    pub(crate) config: Config,
    rules: Rules,
    recorder: Recorder,
    draws: Draws,
    /// Time and books have luck of their own: two worlds of one seed see the same ones, whatever is done in them.
    weather: Draws,
    ms: u64,
    /// Best bid of each market, in cents; the ask is three cents above.
    bids: Vec<u16>,
    queue: BTreeMap<(u64, u64), FromExecutor>,
    queued: u64,
    trades: u64,
}

impl World {
    /// A welcomed engine with three synced books.
    pub(crate) fn new(seed: u64, rules: Rules) -> Self {
        let config = config(rules);
        let mut world = Self {
            engine: Engine::new(config.clone(), Vec::new()),
            orders: BTreeMap::new(),
            journal: String::new(),
            turns: 0,
            config,
            rules,
            recorder: Recorder::new(),
            draws: Draws(seed),
            weather: Draws(!seed),
            ms: START_MS,
            bids: (0..MARKETS).map(|n| 30 + 15 * n).collect(),
            queue: BTreeMap::new(),
            queued: 0,
            trades: 0,
        };
        let cap = Usdc::from_micro(1_000_000_000_000);
        let mut inputs = vec![
            Input::Universe((0..MARKETS).map(market).collect()),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome {
                open: Vec::new(),
                gate: Gate::Open { until: Timestamp::MAX },
                caps: Caps { order: cap, market: cap, total: cap },
            }),
            Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
        ];
        inputs.extend((0..MARKETS).map(|ix| world.book(ix)));
        world.turn(inputs, &mut |_| Ok(())).expect("nothing is judged yet");
        world
    }

    /// Milliseconds since 1970.
    pub(crate) const fn now(&self) -> u64 {
        self.ms
    }

    /// The whole book of a market as a frame.
    pub(crate) fn book(&self, ix: u16) -> Input {
        let market = market(ix);
        let level = |cents: u16| {
            (Price::from_ten_thousandths(cents * 100).expect("below a dollar"), Qty::from_micro(500_000_000))
        };
        let bid = self.bids[usize::from(ix)];
        let text = encode(&WireEvent::Book(BookMessage {
            market: market.condition,
            token: market.yes,
            bids: vec![level(bid - 1), level(bid)],
            asks: vec![level(bid + 4), level(bid + 3)],
            venue_ms: self.ms,
            hash: None,
            tick: None,
            min_order: None,
            neg_risk: None,
            last_trade: None,
        }))
        .expect("a known event");
        Input::MarketFrame { link: LinkIx(0), received: Timestamp::from_ms(self.ms), text }
    }

    /// Moves a market's book by whole cents, as far as it may go; tell the engine by [`Self::book`].
    pub(crate) fn shift(&mut self, ix: u16, cents: i16) {
        let bid = &mut self.bids[usize::from(ix)];
        *bid = bid.saturating_add_signed(cents).clamp(12, 85);
    }

    /// Twice the midpoint of a market in ten-thousandths.
    pub(crate) fn midpoint2x(&self, ix: MarketIx) -> u16 {
        (2 * self.bids[ix.index()] + 3) * 100
    }

    /// What a market maker with a ruler wants on one token: 1.5 cents from the midpoint, down to the tick.
    pub(crate) fn ruler(&self, token: Token) -> Price {
        let yes = self.midpoint2x(token.market);
        let own = if token.outcome == Outcome::Yes { yes } else { 20_000 - yes };
        Price::from_ten_thousandths((own / 2 - 150) / 100 * 100).expect("below a dollar")
    }

    /// One turn: journal, engine, judge, venue.
    pub(crate) fn turn(
        &mut self,
        inputs: Vec<Input>,
        judge: &mut dyn FnMut(&Step<'_>) -> Result<(), String>,
    ) -> Result<Vec<Action>, String> {
        self.turns += 1;
        let turn = Turn { seq: self.turns, at: Timestamp::from_ms(self.ms), inputs };
        let mut actions = Vec::new();
        self.recorder.turn(&turn, &mut self.journal);
        self.engine.turn(&turn, &mut actions);
        self.recorder.did(turn.seq, &actions, &self.engine, &mut self.journal);
        let before = self.orders.clone();
        for action in &actions {
            self.venue(action);
        }
        judge(&Step { at_ms: self.ms, actions: &actions, before: &before, world: self })?;
        Ok(actions)
    }

    /// Ends the journal in order.
    pub(crate) fn close(&mut self) {
        self.recorder.finish(&self.engine, &mut self.journal);
    }

    fn later(&mut self, max_ms: u64, message: FromExecutor) -> u64 {
        let due = self.ms + 1 + self.draws.below(max_ms);
        self.queued += 1;
        self.queue.insert((due, self.queued), message);
        due
    }

    fn venue(&mut self, action: &Action) {
        match action {
            Action::Place { id, order } => {
                let noisy = !self.rules.calm;
                let refused = noisy && self.draws.percent(3);
                self.orders.insert(*id, AtVenue { order: *order, matched: Qty::ZERO, rests: !refused });
                if refused {
                    self.later(150, FromExecutor::Rejected { id: *id, why: "invalid post-only order".into() });
                    return;
                }
                let number = id.0.to_be_bytes();
                let mut bytes = [0u8; 32];
                bytes[24..].copy_from_slice(&number);
                let accepted = FromExecutor::Accepted { id: *id, order: OrderId::from_bytes(bytes) };
                if noisy && self.draws.percent(5) {
                    self.later(150, FromExecutor::Unknown { id: *id });
                    let due = self.ms + 200 + self.draws.below(3_000);
                    self.queued += 1;
                    self.queue.insert((due, self.queued), accepted);
                } else {
                    self.later(150, accepted);
                }
            }
            Action::Cancel { id } => self.cancel(*id),
            Action::CancelAll { .. } => {
                let ids: Vec<_> = self.orders.keys().copied().collect();
                for id in ids {
                    self.cancel(id);
                }
            }
            Action::Resync { .. } | Action::FetchBook { .. } | Action::Alert(_) => {}
        }
    }

    fn cancel(&mut self, id: ClientOrderId) {
        let Some(known) = self.orders.get(&id).copied().filter(|o| o.rests) else { return };
        let done = FromExecutor::Canceled { id, matched: known.matched };
        if self.rules.venue_lies_about_cancels {
            self.later(20, done);
            return;
        }
        if !self.rules.calm && self.draws.percent(5) {
            self.later(150, FromExecutor::CancelFailed { id, why: "try again".into() });
        } else if self.rules.calm || !self.draws.percent(2) {
            // The venue ends it when the answer leaves, and sometimes says so twice.
            self.later(200, done.clone());
            if self.draws.percent(10) {
                self.later(1_000, done);
            }
        }
    }

    /// Moves time on, trades a little, moves the books a little, and hands the engine everything that is due.
    pub(crate) fn step(&mut self, judge: &mut dyn FnMut(&Step<'_>) -> Result<(), String>) -> Result<(), String> {
        let ms = 20 + self.weather.below(400);
        self.advance(ms, judge)
    }

    /// The same for a given stretch of time.
    pub(crate) fn advance(
        &mut self,
        ms: u64,
        judge: &mut dyn FnMut(&Step<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.ms += ms;
        let mut inputs = Vec::new();
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.ms) {
            let message = entry.remove();
            if let FromExecutor::Canceled { id, .. } = &message
                && !self.rules.venue_lies_about_cancels
                && let Some(order) = self.orders.get_mut(id)
            {
                order.rests = false;
            }
            let message = self.truthful(message);
            inputs.push(Input::Executor(message));
        }
        if !self.rules.calm {
            self.trade(&mut inputs);
            for ix in 0..MARKETS {
                if self.weather.percent(self.rules.moves_percent) {
                    let bid = &mut self.bids[usize::from(ix)];
                    *bid = if self.weather.percent(50) { (*bid + 1).min(85) } else { (*bid - 1).max(12) };
                    inputs.push(self.book(ix));
                }
            }
        }
        self.turn(inputs, judge).map(drop)
    }

    /// A cancel's answer carries how much has matched by the time it is given.
    fn truthful(&self, message: FromExecutor) -> FromExecutor {
        match message {
            FromExecutor::Canceled { id, .. } => {
                FromExecutor::Canceled { id, matched: self.orders.get(&id).map(|o| o.matched).unwrap_or_default() }
            }
            other => other,
        }
    }

    /// Now and then somebody takes part of a resting order; the fill may overtake the acceptance.
    fn trade(&mut self, inputs: &mut Vec<Input>) {
        if !self.draws.percent(3) {
            return;
        }
        let resting: Vec<ClientOrderId> = self.orders.iter().filter(|(_, o)| o.rests).map(|(id, _)| *id).collect();
        if resting.is_empty() {
            return;
        }
        let pick = usize::try_from(self.draws.below(resting.len() as u64)).expect("an index");
        let (id, part) = (resting[pick], self.draws.below(3));
        let order = self.orders.get_mut(&id).expect("picked among the keys");
        let left = order.order.qty.saturating_sub(order.matched);
        let qty = if part == 0 { left } else { Qty::from_micro(left.micro() / 3).to_order_size_down() };
        if qty.is_zero() {
            return;
        }
        order.matched = order.matched.saturating_add(qty);
        order.rests = order.matched < order.order.qty;
        self.trades += 1;
        let trade = TradeId::parse(&format!("trade-{}", self.trades)).expect("visible characters");
        let price = order.order.price;
        let fill = |stage| FromExecutor::Fill { id, trade: trade.clone(), price, qty, stage };
        inputs.push(Input::Executor(fill(Stage::Matched)));
        self.later(3_000, fill(Stage::Confirmed));
    }

    /// Lets the venue come to rest: no more noise, every answer given.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.rules.calm = true;
        for n in 0..400 {
            if n % 10 == 0 {
                let inputs = (0..MARKETS).map(|ix| self.book(ix)).collect();
                self.ms += 10;
                self.turn(inputs, &mut |_| Ok(()))?;
            }
            self.step(&mut |_| Ok(()))?;
        }
        Ok(())
    }
}
