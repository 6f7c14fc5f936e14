//! The telling of one order, word by word.

use super::{Explainer, Recorder};
use crate::domain::{ClientOrderId, MarketIx, OrderId, Outcome, Price, Qty, Timestamp, Token, TradeId, Usdc};
use crate::engine::Engine;
use crate::engine::tests_support::{config, market};
use crate::event::{Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate, Stage};

fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

fn shares(whole: u64) -> Qty {
    Qty::from_whole(whole).expect("small")
}

fn book(bid: &str, ask: &str) -> Input {
    let level = |p| vec![(price(p), shares(500))];
    Input::Market(MarketEvent::Snapshot {
        token: Token { market: MarketIx(0), outcome: Outcome::Yes },
        bids: level(bid),
        asks: level(ask),
        tick: None,
        last_trade: None,
        hash: None,
        venue_ms: 1,
    })
}

fn journal(turns: Vec<(u64, Vec<Input>)>) -> String {
    let (mut engine, mut recorder) = (Engine::new(config(), Vec::new()), Recorder::new());
    let (mut journal, mut ms) = (String::new(), 1_780_000_000_000);
    for (seq, (wait, inputs)) in (1..).zip(turns) {
        ms += wait;
        let turn = Turn { seq, at: Timestamp::from_ms(ms), inputs };
        let mut actions = Vec::new();
        recorder.turn(&turn, &mut journal);
        engine.turn(&turn, &mut actions);
        recorder.did(seq, &actions, &engine, &mut journal);
    }
    recorder.finish(&engine, &mut journal);
    journal
}

fn told(journal: &str, id: u64) -> (String, bool) {
    let mut explainer = Explainer::new(config(), Vec::new(), ClientOrderId(id));
    let mut out = String::new();
    for line in journal.lines() {
        if !explainer.line(line, &mut out).expect("well formed") {
            break;
        }
    }
    let whole = explainer.finish(&mut out);
    (out, whole)
}

fn run() -> String {
    let cap = Usdc::from_micro(1_000_000_000);
    let say = Input::Executor;
    let id = ClientOrderId;
    let accepted = |n: u8| say(FromExecutor::Accepted { id: id(u64::from(n)), order: OrderId::from_bytes([n; 32]) });
    journal(vec![
        (
            0,
            vec![
                Input::Universe(vec![market(1)]),
                Input::Link { link: LinkIx(0), up: true },
                say(FromExecutor::Welcome {
                    open: Vec::new(),
                    gate: Gate::Open { until: Timestamp::MAX },
                    caps: Caps { order: cap, market: cap, total: cap },
                }),
                say(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
                book("0.48", "0.52"),
            ],
        ),
        (120, vec![accepted(1), accepted(2)]),
        (
            400,
            vec![say(FromExecutor::Fill {
                id: id(1),
                trade: TradeId::parse("t-1").expect("visible"),
                price: price("0.48"),
                qty: shares(1),
                stage: Stage::Matched,
            })],
        ),
        (500, vec![say(FromExecutor::Scoring { id: id(1), scoring: Some(true) })]),
        (30_000, vec![book("0.48", "0.52")]),
        (100, vec![book("0.50", "0.54")]),
        (90, vec![say(FromExecutor::Canceled { id: id(1), matched: shares(1) })]),
    ])
}

#[test]
fn an_order_is_told_from_its_placement_to_what_follows_it() {
    let (text, whole) = told(&run(), 1);
    assert!(whole);
    let expected = include_str!("../../testdata/explain-order.txt");
    assert_eq!(text, expected, "told:\n{text}");
    let (text, _) = told(&run(), 3);
    for line in [
        "placed: wanted after order 1 (canceled)",
        "order 1 was 0.48 x 22, 1 of it filled",
        "order 1 was cancelled: moved by +2 ticks: 0.48 rests, 0.5 is wanted",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn an_order_that_is_not_there_and_a_run_that_differs_are_said() {
    assert_eq!(told(&run(), 99), ("order 99 is not in this run\n".to_owned(), false));
    let changed = run().replacen("\"price\":4800,\"qty\":22000000", "\"price\":4700,\"qty\":22000000", 1);
    let (text, whole) = told(&changed, 1);
    assert!(!whole && text.contains("the replay differs from the journal at turn 1"), "{text}");
}
