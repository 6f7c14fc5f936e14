//! Whole turns against expected actions, told in short lines.

use super::Engine;
use crate::config::{Config, RawConfig};
use crate::domain::{
    ConditionId, Market, MarketIx, Nanos, OrderId, Outcome, Price, Qty, RewardTerms, Side, TickSize, Timestamp, Token,
    TokenId, Usdc,
};
use crate::event::{Action, Alert, Command, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate, Shut};

pub(crate) fn config() -> Config {
    let raw: RawConfig = serde_json::from_value(serde_json::json!({
        "schema": 1,
        "feed": { "ws_url": "ws://127.0.0.1:1/ws/market", "rest_url": "http://127.0.0.1:1", "tokens_per_link": 200,
            "ping_every_ms": 10000, "pong_timeout_ms": 30000, "probe_after_ms": 5000, "dead_after_ms": 30000,
            "snapshot_wait_ms": 5000, "suspect_after_ms": 1000, "witness_every_ms": 60000,
            "reconnect_min_ms": 250, "reconnect_max_ms": 30000 },
        "executor": { "socket": "run/core.sock", "alive_every_ms": 500 },
        "journal": { "dir": "runs", "segment_mib": 1 },
        "metrics": { "listen": "" },
        "orders": { "min_edit_interval_ms": 2000, "do_nothing_cents": "1", "do_nothing_size_percent": 25,
            "calls_per_second": 20, "calls_burst": 40, "max_open_orders": 100 },
        "risk": { "max_market_usdc": "50", "max_total_usdc": "200", "cool_down_ms": 10000 },
        "quote": { "strategy": "fixed", "distance_cents": "1.5", "size_shares": "20", "max_size_shares": "100",
            "max_book_spread_cents": "6", "max_held_shares": "200", "skew_cents_per_100_shares": "1",
            "min_midpoint": "0.05", "max_midpoint": "0.95", "stop_before_end_s": 0, "require_rewards": true },
        "market": [{ "condition": format!("0x{:064x}", 1) }]
    }))
    .expect("the keys are known");
    Config::try_from(raw).expect("the values are allowed")
}

pub(crate) fn market(n: u64) -> Market {
    Market {
        condition: ConditionId::parse(&format!("0x{n:064x}")).expect("64 digits"),
        event: None,
        yes: TokenId::parse(&(1000 + 2 * n).to_string()).expect("digits"),
        no: TokenId::parse(&(1001 + 2 * n).to_string()).expect("digits"),
        tick: TickSize::CENT,
        min_order: Qty::from_micro(5_000_000),
        neg_risk: false,
        ready: true,
        rewards: Some(RewardTerms {
            max_spread: price("0.035"),
            min_size: Qty::from_micro(20_000_000),
            min_age: Nanos::ZERO,
            rate_per_day: Usdc::from_micro(50_000_000),
        }),
        starts: None,
        ends: None,
    }
}

fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

fn qty(whole: u64) -> Qty {
    Qty::from_whole(whole).expect("fits")
}

/// Drives an engine and remembers its clock.
struct Rig {
    engine: Engine,
    seq: u64,
    ms: u64,
}

impl Rig {
    fn new() -> Self {
        let mut rig = Self { engine: Engine::new(config(), Vec::new()), seq: 0, ms: 1_780_000_000_000 };
        rig.turn(vec![Input::Universe(vec![market(1)]), Input::Link { link: LinkIx(0), up: true }]);
        rig
    }

    /// Welcomed, gate open, book 0.48 / 0.52.
    fn quoting() -> Self {
        let mut rig = Self::new();
        let actions = rig.turn(vec![rig.welcome(true), rig.book("0.48", "0.52", 500)]);
        assert_eq!(rig.told(&actions), "place 1 BUY YES 0.48x22, place 2 BUY NO 0.48x22");
        rig
    }

    fn welcome(&self, open: bool) -> Input {
        let gate = if open { Gate::Open { until: Timestamp::MAX } } else { Gate::Shut(Shut::Halted) };
        let cap = Usdc::from_micro(1_000_000_000);
        Input::Executor(FromExecutor::Welcome {
            open: Vec::new(),
            gate,
            caps: Caps { order: cap, market: cap, total: cap },
        })
    }

    fn book(&self, bid: &str, ask: &str, size: u64) -> Input {
        Input::Market(MarketEvent::Snapshot {
            token: Token { market: MarketIx(0), outcome: Outcome::Yes },
            bids: vec![(price(bid), qty(size))],
            asks: vec![(price(ask), qty(size))],
            tick: None,
            last_trade: None,
            hash: None,
            venue_ms: self.ms,
        })
    }

    fn turn(&mut self, inputs: Vec<Input>) -> Vec<Action> {
        self.seq += 1;
        let turn = Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs };
        let mut out = Vec::new();
        self.engine.turn(&turn, &mut out);
        out
    }

    fn after(&mut self, ms: u64, inputs: Vec<Input>) -> String {
        self.ms += ms;
        let actions = self.turn(inputs);
        self.told(&actions)
    }

    fn accept(n: u64) -> Input {
        let id = crate::domain::ClientOrderId(n);
        Input::Executor(FromExecutor::Accepted {
            id,
            order: OrderId::from_bytes([u8::try_from(n).expect("small"); 32]),
        })
    }

    fn canceled(n: u64) -> Input {
        Input::Executor(FromExecutor::Canceled { id: crate::domain::ClientOrderId(n), matched: Qty::ZERO })
    }

    fn told(&self, actions: &[Action]) -> String {
        let one = |action: &Action| match action {
            Action::Place { id, order } => {
                format!("place {id} {} {} {}x{}", order.side, order.token.outcome, order.price, order.qty)
            }
            Action::Cancel { id } => format!("cancel {id}"),
            Action::CancelAll { market: None } => "cancel-all".to_owned(),
            Action::CancelAll { market: Some(ix) } => format!("cancel-all {}", ix.0),
            Action::Resync { token, .. } => format!("resync {}", token.outcome),
            Action::FetchBook { token } => format!("fetch {}", token.outcome),
            Action::Alert(Alert::BookBroken(_)) => "alert broken".to_owned(),
            Action::Alert(alert) => format!("alert {alert:?}"),
        };
        actions.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn two_buys_around_the_midpoint_and_nothing_twice() {
    let mut rig = Rig::quoting();
    assert_eq!(rig.after(10, vec![]), "");
    assert_eq!(rig.after(10, vec![Rig::accept(1), Rig::accept(2)]), "");
    let snapshot = rig.engine.snapshot();
    assert_eq!(snapshot.totals.placed, 2);
    assert_eq!(snapshot.markets[0].midpoint.as_deref(), Some("0.5"));
    assert_eq!(snapshot.markets[0].no_quote, None);
}

#[test]
fn a_replacement_waits_for_the_edit_floor_and_for_the_cancel() {
    let mut rig = Rig::quoting();
    assert_eq!(rig.after(100, vec![Rig::accept(1), Rig::accept(2)]), "");
    // 1.5 s after the placements: too early for an edit.
    let moved = rig.book("0.50", "0.54", 500);
    assert_eq!(rig.after(1_400, vec![moved]), "");
    assert_eq!(rig.after(500, vec![]), "cancel 1, cancel 2");
    assert_eq!(rig.after(50, vec![]), "");
    assert_eq!(rig.after(50, vec![Rig::canceled(1)]), "place 3 BUY YES 0.5x22");
    assert_eq!(rig.after(50, vec![Rig::canceled(2)]), "place 4 BUY NO 0.46x22");
}

#[test]
fn a_suspect_book_withdraws_at_once_and_asks_for_a_new_one() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let yes = Token { market: MarketIx(0), outcome: Outcome::Yes };
    let crossing = MarketEvent::Delta {
        token: yes,
        side: Side::Buy,
        price: price("0.55"),
        qty: qty(10),
        top: None,
        hash: None,
        venue_ms: rig.ms + 5,
    };
    assert_eq!(rig.after(10, vec![Input::Market(crossing)]), "", "inside a timestamp this is normal");
    assert_eq!(rig.after(1_100, vec![]), "alert broken, resync YES, cancel 1, cancel 2");
    assert_eq!(rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]), "");
}

#[test]
fn a_shut_gate_cancels_all_once_and_cools_down() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    let shut = Input::Executor(FromExecutor::Gate(Gate::Shut(Shut::HeartbeatLost)));
    assert_eq!(rig.after(100, vec![shut.clone()]), "cancel-all");
    assert_eq!(rig.after(100, vec![shut, Rig::canceled(1), Rig::canceled(2)]), "");
    let open = Input::Executor(FromExecutor::Gate(Gate::Open { until: Timestamp::MAX }));
    let book = rig.book("0.48", "0.52", 500);
    assert_eq!(rig.after(3_000, vec![book, open]), "");
    assert_eq!(rig.engine.snapshot().halted_by.as_deref(), Some("cool-down"));
    assert_eq!(rig.after(4_000, vec![]), "fetch YES", "a quiet link is probed");
    assert_eq!(rig.after(6_000, vec![]), "fetch YES, place 3 BUY YES 0.48x22, place 4 BUY NO 0.48x22");
}

#[test]
fn a_lost_executor_gets_no_orders_until_it_welcomes() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    assert_eq!(rig.after(100, vec![Input::ExecutorLost]), "");
    let moved = rig.book("0.40", "0.44", 500);
    assert_eq!(rig.after(3_000, vec![moved]), "");
    let welcome = rig.welcome(true);
    assert_eq!(rig.after(100, vec![welcome]), "");
    assert_eq!(rig.engine.orders().live_count(), 0, "what the executor does not name has ended");
}

#[test]
fn a_pause_withdraws_and_a_resume_quotes_again() {
    let mut rig = Rig::quoting();
    rig.after(100, vec![Rig::accept(1), Rig::accept(2)]);
    assert_eq!(rig.after(100, vec![Input::Operator(Command::Pause)]), "cancel-all");
    rig.after(100, vec![Rig::canceled(1), Rig::canceled(2)]);
    assert_eq!(
        rig.after(2_000, vec![Input::Operator(Command::Resume)]),
        "place 3 BUY YES 0.48x22, place 4 BUY NO 0.48x22"
    );
}

#[test]
fn a_malformed_frame_unsyncs_the_book_it_names() {
    let mut rig = Rig::quoting();
    let text = r#"{"event_type":"price_change","market":"0x0000000000000000000000000000000000000000000000000000000000000001","price_changes":[{"asset_id":"1002","price":"x"}],"timestamp":"1"}"#;
    let frame = Input::MarketFrame { link: LinkIx(0), received: Timestamp::EPOCH, text: text.to_owned() };
    assert_eq!(rig.after(10, vec![frame]), "alert BadFrame(LinkIx(0)), alert broken, resync YES, cancel 1, cancel 2");
    assert_eq!(rig.engine.snapshot().markets[0].sync, "unsynced");
}

#[test]
fn no_snapshot_and_no_data_are_asked_about_and_given_up() {
    let mut rig = Rig::new();
    assert_eq!(rig.after(5_000, vec![]), "fetch YES, fetch YES");
    assert_eq!(rig.after(25_001, vec![]).contains("alert LinkStale"), true);
}
