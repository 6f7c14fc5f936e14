//! Markets that are quoted, a venue that answers at once, and a feed without a network.

use mm_core::config::{Config, RawConfig};
use mm_core::domain::{
    ClientOrderId, ConditionId, Market, MarketIx, Nanos, OrderId, Outcome, Price, Qty, RewardTerms, Side, TickSize,
    Timestamp, Token, TokenId, Usdc,
};
use mm_core::engine::Engine;
use mm_core::event::{Action, Input, LinkIx, MarketEvent, Top, Turn};
use mm_core::io::ws;
use mm_core::protocol::{Caps, FromExecutor, Gate};
use mm_core::venue::market_ws::{BookMessage, LevelChange, PriceChange, WireEvent, encode};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

/// Long enough for every floor between two edits.
const STEP: Nanos = Nanos::from_secs(3);
/// Orders that rest this long are worth moving for a better price, whatever the place in the queue they give up.
const REST: Nanos = Nanos::from_secs(7200);

/// What changes in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// How much rests at the best bid.
    Size,
    /// A level at the edge of the band goes or comes: nothing of the last decision stands.
    Level,
    /// Something far below both.
    OutOfSight,
}

/// An engine with its world.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    markets: Vec<Market>,
    seq: u64,
    at: Timestamp,
}

fn price(cents: u16) -> Price {
    Price::from_ten_thousandths(100 * cents).expect("below a dollar")
}

fn shares(n: u64) -> Qty {
    Qty::from_whole(n).expect("few")
}

fn market(n: u16) -> Market {
    let token = |k: u16| TokenId::parse(&format!("{:05}{}", 10_000 + 2 * n + k, "7".repeat(72))).expect("77 digits");
    Market {
        condition: ConditionId::parse(&format!("0x{n:064x}")).expect("64 digits"),
        event: None,
        yes: token(0),
        no: token(1),
        tick: TickSize::CENT,
        min_order: shares(5),
        neg_risk: false,
        ready: true,
        rewards: Some(RewardTerms {
            max_spread: price(4),
            min_size: shares(20),
            min_age: Nanos::ZERO,
            rate_per_day: Usdc::from_whole(50).expect("few"),
        }),
        resolving: false,
        starts: None,
        ends: None,
    }
}

fn config(strategy: &str, markets: &[Market]) -> Option<Config> {
    let blocks: Vec<_> = markets.iter().map(|market| serde_json::json!({ "condition": market.condition })).collect();
    let raw: RawConfig = serde_json::from_value(serde_json::json!({
        "schema": 1,
        "feed": { "ws_url": "ws://127.0.0.1:1/ws/market", "rest_url": "http://127.0.0.1:1", "tokens_per_link": 200,
            "ping_every_ms": 10000, "pong_timeout_ms": 30000, "probe_after_ms": 5000, "dead_after_ms": 30000,
            "snapshot_wait_ms": 5000, "suspect_after_ms": 1000, "witness_every_ms": 3_600_000,
            "reconnect_min_ms": 250, "reconnect_max_ms": 30000 },
        "executor": { "socket": "run/core.sock", "alive_every_ms": 500 },
        "journal": { "dir": "runs", "segment_mib": 1 },
        "metrics": { "listen": "" },
        "orders": { "min_edit_interval_ms": 2000, "do_nothing_cents": "1", "do_nothing_size_percent": 25,
            "expected_rest_s": 7200, "calls_per_second": 1000, "calls_burst": 1000, "max_open_orders": 1000 },
        "risk": { "max_market_usdc": "500", "max_total_usdc": "50000", "cool_down_ms": 10000 },
        "rewards": { "sample_every_ms": 3_600_000 },
        "quote": { "strategy": strategy, "distance_cents": "1.5", "size_shares": "40", "max_size_shares": "100",
            "max_book_spread_cents": "10", "max_held_shares": "200", "skew_cents_per_100_shares": "1",
            "risk_aversion": "0.1", "volatility_per_sqrt_h": "0.1", "min_midpoint": "0.05", "max_midpoint": "0.95", "stop_before_end_s": 0, "require_rewards": true,
            "fills_per_day": "8", "fill_decay_per_cent": "0.7", "markout_cents": "1", "jumps_per_day": "4", "jump_cents": "2.5" },
        "market": blocks
    }))
    .ok()?;
    Config::try_from(raw).ok()
}

impl Stage {
    /// Markets of 0.48 to 0.52 with what is quoted in them at rest; `None` for a strategy that does not exist.
    pub(crate) fn new(strategy: &str, markets: u16) -> Option<Self> {
        let markets: Vec<Market> = (0..markets).map(market).collect();
        let config = config(strategy, &markets)?;
        let mut stage = Self {
            engine: Engine::new(config, markets.clone()),
            markets,
            seq: 0,
            at: Timestamp::from_ms(1_780_000_000_000),
        };
        let caps = Usdc::from_whole(100_000).expect("few");
        let mut inputs = vec![
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome {
                open: Vec::new(),
                gate: Gate::Open { until: Timestamp::MAX },
                caps: Caps { order: caps, market: caps, total: caps },
            }),
            Input::Executor(FromExecutor::Balance { usdc: caps, tokens: Vec::new() }),
        ];
        for market in &stage.markets {
            inputs.push(stage.frame(&opening(market)));
        }
        let (seq, at) = stage.next_turn();
        let mut actions = Vec::new();
        stage.engine.turn(&Turn { seq, at, inputs }, &mut actions);
        stage.settle(&actions);
        assert!(stage.engine.orders().live_count() >= stage.markets.len(), "every market is quoted");
        Some(stage)
    }

    fn frame(&self, event: &WireEvent) -> Input {
        let text = encode(event).expect("it can be said");
        Input::MarketFrame { link: LinkIx(0), received: self.at, text }
    }

    /// Number and time of the next turn.
    pub(crate) fn next_turn(&mut self) -> (u64, Timestamp) {
        self.seq += 1;
        self.at = self.at.plus(STEP);
        (self.seq, self.at)
    }

    /// Time passes until a better place is worth a move, and what is due now and then is done.
    pub(crate) fn rest(&mut self, nth: usize) {
        self.at = self.at.plus(REST);
        let turn = self.small_change(Change::OutOfSight, nth);
        let mut actions = Vec::new();
        self.engine.turn(&turn, &mut actions);
        self.settle(&actions);
    }

    pub(crate) fn market_of(&self, id: ClientOrderId) -> Option<MarketIx> {
        self.engine.orders().get(id).map(|tracked| tracked.order.token.market)
    }

    /// The venue takes everything, until the engine wants nothing more.
    pub(crate) fn settle(&mut self, actions: &[Action]) {
        let mut actions = actions.to_vec();
        for _ in 0..8 {
            let answer = |action: &Action| match *action {
                Action::Place { id, .. } => {
                    let mut bytes = [0; 32];
                    bytes[..8].copy_from_slice(&id.0.to_le_bytes());
                    Some(FromExecutor::Accepted { id, order: OrderId::from_bytes(bytes) })
                }
                Action::Cancel { id } => Some(FromExecutor::Canceled { id, matched: Qty::ZERO }),
                _ => None,
            };
            let inputs: Vec<Input> = actions.iter().filter_map(answer).map(Input::Executor).collect();
            let (seq, at) = self.next_turn();
            actions.clear();
            let done = inputs.is_empty();
            self.engine.turn(&Turn { seq, at, inputs }, &mut actions);
            // books are fetched now and then, and nobody answers that here
            actions.retain(|action| !matches!(action, Action::FetchBook { .. }));
            if done && actions.is_empty() {
                return;
            }
        }
        panic!("the engine finds no rest: {actions:?}");
    }

    /// A change that moves no order of ours.
    pub(crate) fn small_change(&mut self, change: Change, nth: usize) -> Turn {
        let even = nth.is_multiple_of(2);
        let (cents, qty) = match change {
            Change::Size => (48, 900 + u64::from(even)),
            Change::Level => (46, if even { 0 } else { 900 }),
            Change::OutOfSight => (30, 900 + u64::from(even)),
        };
        let (seq, at) = {
            self.seq += 1;
            self.at = self.at.plus(Nanos::from_ms(1));
            (self.seq, self.at)
        };
        let change = MarketEvent::Delta {
            token: Token { market: MarketIx(0), outcome: Outcome::Yes },
            side: Side::Buy,
            price: price(cents),
            qty: shares(qty),
            top: self.engine.book(MarketIx(0)).map(mm_core::book::Book::top),
            hash: None,
            venue_ms: at.ms(),
        };
        Turn { seq, at, inputs: vec![Input::Market(change)] }
    }

    /// A frame that moves a market's best bid from 0.48 to 0.51 (even) or back (odd).
    pub(crate) fn shift(&self, row: u16, nth: usize) -> String {
        let market = &self.markets[usize::from(row)];
        let (qty, bid) = if nth.is_multiple_of(2) { (shares(500), 51) } else { (Qty::ZERO, 48) };
        let top = Top { bid: Some(price(bid)), ask: Some(price(52)) };
        let hash = mm_core::event::BookHash::parse(&"5a".repeat(20));
        let of = |token: &TokenId, side, price, top| LevelChange { token: token.clone(), price, qty, side, hash, top };
        let changes = vec![
            of(&market.yes, Side::Buy, price(51), Some(top)),
            of(&market.no, Side::Sell, price(49), Some(top.mirrored())),
        ];
        let venue_ms = self.at.ms() + nth as u64;
        encode(&WireEvent::PriceChange(PriceChange { market: market.condition.clone(), changes, venue_ms }))
            .expect("it can be said")
    }
}

/// Bids from 0.30 to 0.48 and asks from 0.52 to 0.70.
fn opening(market: &Market) -> WireEvent {
    let level = |cents| (price(cents), shares(900));
    WireEvent::Book(BookMessage {
        market: market.condition.clone(),
        token: market.yes.clone(),
        bids: (30..=48).map(level).collect(),
        asks: (52..=70).rev().map(level).collect(),
        venue_ms: 1_780_000_000_000,
        hash: None,
        tick: Some(market.tick),
        min_order: None,
        neg_risk: None,
        last_trade: Some("0.500".into()),
    })
}

/// The client's end of a WebSocket whose reads return what was put there.
pub(crate) struct Feed(WebSocket<Memory>);

struct Memory(VecDeque<u8>);

impl Read for Memory {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self(WebSocket::from_raw_socket(Memory(VecDeque::new()), Role::Client, Some(ws::limits(1 << 20))))
    }

    /// A text frame of the server.
    pub(crate) fn arrives(&mut self, text: &str) {
        let waiting = &mut self.0.get_mut().0;
        let len = u16::try_from(text.len()).expect("a short frame");
        waiting.extend([0x81, 126]);
        waiting.extend(len.to_be_bytes());
        waiting.extend(text.as_bytes());
    }

    /// The next frame as an input, as the shell makes it.
    pub(crate) fn read(&mut self, received: Timestamp) -> Input {
        let text = self.0.read().expect("a frame waits").into_text().expect("it is text").as_str().to_owned();
        Input::MarketFrame { link: LinkIx(0), received, text }
    }
}
