//! One moment in text: what an agent sees, and what it asks for.
//!
//! ```text
//! tick 0.01; min 5; fee 0.05; rewards 3.5c 20
//! book 0.48x500 0.47x300 / 0.52x400
//! signal 0.55
//! cash 100; free yes 50 no 0; net 50
//! order 3 buy yes 0.47x20/30
//! ```
//! Left out: tick 0.01, minimum 5, no fee, no rewards, empty book, no signal, 1,000 dollars, no shares, no orders.

use super::super::*;
use crate::draws::Draws;
use crate::latent::{Signals, logit};
use crate::scenario::Fee;
use mm_core::domain::{Nanos, RewardTerms, TickSize};
use std::fmt::Write as _;

pub(super) const MARKET: MarketIx = MarketIx(0);
pub(super) const START: Timestamp = Timestamp::from_ms(1_780_000_000_000);

/// A signal in plain sight.
#[derive(Clone, Copy, Default)]
pub(super) struct Ears {
    pub(super) p: Option<f64>,
    pub(super) outcome: Option<Outcome>,
}

impl Signals for Ears {
    fn log_odds(&self, _: MarketIx) -> Option<f64> {
        self.p.map(logit)
    }

    fn outcome(&self, _: MarketIx) -> Option<Outcome> {
        self.outcome
    }
}

pub(super) struct Scene {
    pub(super) board: Board,
    pub(super) ears: Ears,
    pub(super) own: Own,
}

impl Scene {
    pub(super) fn seen(&self) -> Seen<'_> {
        Seen { board: &self.board, signals: &self.ears, own: &self.own }
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut facts = MarketFacts { tick: TickSize::CENT, min_order: qty("5"), fee: None, rewards: None };
        let (mut levels, mut ears) = (Vec::new(), Ears::default());
        let (mut cash, mut free, mut orders, mut net) =
            (Usdc::from_micro(1_000_000_000), [Qty::ZERO; 2], Vec::new(), None);
        for clause in text.split([';', '\n']).map(str::trim).filter(|clause| !clause.is_empty()) {
            let words: Vec<&str> = clause.split_whitespace().collect();
            match words.as_slice() {
                ["tick", tick] => facts.tick = TickSize::parse(tick).expect("a tick"),
                ["min", min] => facts.min_order = qty(min),
                ["fee", rate] => {
                    let rate_micro = Usdc::parse(rate).expect("a rate").micro();
                    facts.fee = Some(Fee { rate_micro, exponent: 1, rebate_micro: 0 });
                }
                ["rewards", band, min] => {
                    let band = format!("0.0{}", band.trim_end_matches('c').replace('.', ""));
                    facts.rewards = Some(RewardTerms {
                        max_spread: price(&band),
                        min_size: qty(min),
                        min_age: Nanos::ZERO,
                        rate_per_day: Usdc::from_micro(50_000_000),
                    });
                }
                ["book", rest @ ..] => {
                    let mut side = Side::Buy;
                    for word in rest {
                        match word.split_once('x') {
                            Some((p, q)) => levels.push((side, price(p), qty(q))),
                            None => side = Side::Sell,
                        }
                    }
                }
                ["signal", p] => ears.p = Some(p.parse().expect("a probability")),
                ["outcome", which] => ears.outcome = Some(outcome(which)),
                ["cash", dollars] => cash = Usdc::parse(dollars).expect("dollars"),
                ["free", "yes", yes, "no", no] => free = [qty(yes), qty(no)],
                ["net", shares] => net = Some((*shares).to_owned()),
                ["order", number, side, which, rest] => orders.push((
                    OrderIx(number.parse().expect("a number")),
                    if *side == "buy" { Side::Buy } else { Side::Sell },
                    outcome(which),
                    (*rest).to_owned(),
                )),
                _ => panic!("unknown clause {clause:?}"),
            }
        }
        let mut board = Board::new(vec![facts], Nanos::ZERO);
        board.tell(START, Change::Trading { market: MARKET, open: true });
        for (side, price, qty) in levels {
            board.tell(START, Change::Level { market: MARKET, side, price, qty });
        }
        let mut own = Own::new(cash);
        for (order, side, outcome, rest) in orders {
            let (p, q) = rest.split_once('x').expect("price x size");
            let (left, placed) = q.split_once('/').unwrap_or((q, q));
            let (tag, price) = (1_000 + u64::from(order.0), price(p));
            let placed = qty(placed);
            own.sent(
                &Request::Place {
                    market: MARKET,
                    outcome,
                    side,
                    price,
                    qty: placed,
                    tif: TimeInForce::Gtc,
                    post_only: true,
                    tag,
                },
                &board,
            );
            own.apply(&News::Accepted { tag, order });
            let gone = placed.checked_sub(qty(left)).expect("left is a part");
            if !gone.is_zero() {
                own.apply(&News::Filled { order, market: MARKET, outcome, side, price, qty: gone, fee: Usdc::ZERO });
            }
        }
        if let Some(shares) = net {
            // what the orders above filled is part of it
            let want = i64::try_from(qty(shares.trim_start_matches('-')).micro()).expect("small");
            let want = if shares.starts_with('-') { -want } else { want };
            let lacks = want - own.net_yes();
            let (outcome, micro) = if lacks < 0 { (Outcome::No, -lacks) } else { (Outcome::Yes, lacks) };
            own.apply(&News::Filled {
                order: OrderIx(u32::MAX),
                market: MARKET,
                outcome,
                side: Side::Buy,
                price: price("0.5"),
                qty: Qty::from_micro(micro.unsigned_abs()),
                fee: Usdc::ZERO,
            });
        }
        own.refresh(cash, free[0], free[1]);
        Self { board, ears, own }
    }
}

pub(super) fn qty(text: &str) -> Qty {
    Qty::parse(text).expect("shares")
}

pub(super) fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

fn outcome(text: &str) -> Outcome {
    if text == "yes" { Outcome::Yes } else { Outcome::No }
}

pub(super) fn print(requests: &[Request]) -> String {
    let mut text = String::new();
    for request in requests {
        let _ = match request {
            Request::Place { outcome, side, price, qty, tif, post_only, .. } => {
                let rests = if *post_only { " post-only".to_owned() } else { format!(" {tif:?}") };
                let words = format!("{side} {outcome} {price}x{qty}{rests}");
                writeln!(text, "{}", words.to_lowercase())
            }
            Request::Cancel { order } => writeln!(text, "cancel {}", order.0),
            Request::CancelAll => writeln!(text, "cancel all"),
            Request::Split { qty, .. } => writeln!(text, "split {qty}"),
            Request::Merge { qty, .. } => writeln!(text, "merge {qty}"),
        };
    }
    if text.is_empty() { "nothing\n".to_owned() } else { text }
}

/// What the agent asks for in its first `acts` wakes that act, each in the same scene.
#[track_caller]
pub(super) fn check(mut agent: impl Agent, acts: usize, scene: &str, expect: &expect_test::Expect) {
    let scene = Scene::parse(scene);
    let (mut at, mut out, mut told) = (START, Vec::new(), String::new());
    // the first wake of a trader that arrives only draws the first arrival
    let first = agent.wake(at, &scene.seen(), &mut out);
    let mut acted = usize::from(!out.is_empty());
    if !out.is_empty() {
        told += &print(&out);
    }
    let mut due = first;
    while acted < acts {
        at = due.expect("it wants to act");
        out.clear();
        due = agent.wake(at, &scene.seen(), &mut out);
        told += &print(&out);
        acted += 1;
    }
    expect.assert_eq(&told);
}

/// The draws all goldens are made with.
pub(super) fn draws() -> Draws {
    Draws::new(7)
}
