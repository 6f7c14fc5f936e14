//! A decision that stands is one that would be taken again: an engine that leaves them out does what a thorough one does.

use super::Engine;
use super::tests_support::{config_for, costs, market};
use crate::domain::{
    ClientOrderId, EventId, Market, MarketIx, Nanos, OrderId, Outcome, Price, Qty, Side, Timestamp, Token, TradeId,
    Usdc,
};
use crate::event::{Action, BookHash, Input, LinkIx, MarketEvent, Top, Turn};
use crate::protocol::{Caps, FromExecutor, Gate, Stage};
use crate::quote::{FairRule, Strategy as Quoting};
use crate::venue::book_hash::{HashInputs, book_hash};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MARKETS: u16 = 3;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A level of a market gets a size; `lie`: announced with a wrong top, or with a wrong hash.
    Level { market: u16, side: Side, away: u16, shares: u64, lie: Lie },
    /// A trade is told.
    Print { market: u16 },
    /// The executor answers the oldest open question.
    Answer,
    /// An order of ours is filled in part.
    Fill { nth: usize, shares: u64 },
    /// The venue says whether an order of ours scores, or does not say.
    Told { nth: usize, scoring: Option<bool> },
    /// The middle of a market moves.
    Move { market: u16, cents: i16 },
    /// Time passes.
    Wait { ms: u64 },
}

/// What is false about an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    Top,
    Hash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let shares = prop_oneof![Just(0u64), Just(3), Just(40), Just(500)];
    let level = (
        0..MARKETS,
        side,
        0u16..12,
        shares,
        prop_oneof![94 => Just(Lie::None), 3 => Just(Lie::Top), 3 => Just(Lie::Hash)],
    )
        .prop_map(|(market, side, away, shares, lie)| Step::Level { market, side, away, shares, lie });
    let step = prop_oneof![
        12 => level,
        1 => (0..MARKETS).prop_map(|market| Step::Print { market }),
        4 => Just(Step::Answer),
        1 => (0usize..6, 1u64..25).prop_map(|(nth, shares)| Step::Fill { nth, shares }),
        2 => (0usize..6, any::<Option<bool>>()).prop_map(|(nth, scoring)| Step::Told { nth, scoring }),
        1 => (0..MARKETS, -3i16..=3).prop_map(|(market, cents)| Step::Move { market, cents }),
        4 => prop_oneof![1u64..400, Just(2_500u64), Just(61_000)].prop_map(|ms| Step::Wait { ms }),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..4), 10..120).prop_map(|turns| turns.concat())
}

/// One venue with an executor in front, played to both engines.
struct Venue {
    at: Timestamp,
    seq: u64,
    books: Vec<[BTreeMap<u16, u64>; 2]>,
    mids: Vec<u16>,
    questions: Vec<Action>,
    resting: Vec<(ClientOrderId, u64)>,
    trades: u64,
    event: bool,
}

impl Venue {
    fn top(&self, market: u16) -> Top {
        let price = |n: Option<&u16>| n.copied().and_then(Price::from_ten_thousandths);
        let [bids, asks] = &self.books[usize::from(market)];
        Top { bid: price(bids.keys().next_back()), ask: price(asks.keys().next()) }
    }

    fn set(&mut self, market: u16, side: Side, price: u16, shares: u64) -> MarketEvent {
        let levels = &mut self.books[usize::from(market)][usize::from(side == Side::Sell)];
        if shares == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, shares);
        }
        MarketEvent::Delta {
            token: Token { market: MarketIx(market), outcome: Outcome::Yes },
            side,
            price: Price::from_ten_thousandths(price).expect("below a dollar"),
            qty: Qty::from_whole(shares).expect("small"),
            top: Some(self.top(market)),
            hash: Some(self.hash(market)),
            venue_ms: self.at.ms(),
        }
    }

    fn facts(&self, row: u16) -> Market {
        let event = self.event.then(|| EventId::parse("race").expect("visible"));
        Market { neg_risk: self.event, event, ..market(u64::from(row) + 1) }
    }

    fn hash(&self, row: u16) -> BookHash {
        let facts = self.facts(row);
        let level = |(p, n): (&u16, &u64)| {
            (Price::from_ten_thousandths(*p).expect("a price"), Qty::from_whole(*n).expect("small"))
        };
        let inputs = HashInputs {
            market: facts.condition.as_str(),
            token: facts.yes.as_str(),
            venue_ms: self.at.ms(),
            min_order: facts.min_order,
            tick: facts.tick,
            neg_risk: facts.neg_risk,
        };
        let [bids, asks] = &self.books[usize::from(row)];
        book_hash(&inputs, bids.iter().map(level), asks.iter().rev().map(level), "0.500")
    }

    fn snapshot(&self, market: u16) -> Input {
        let side = |levels: &BTreeMap<u16, u64>| -> Vec<(Price, Qty)> {
            let level = |(p, n): (&u16, &u64)| {
                (Price::from_ten_thousandths(*p).expect("a price"), Qty::from_whole(*n).expect("small"))
            };
            levels.iter().map(level).collect()
        };
        let [bids, asks] = &self.books[usize::from(market)];
        Input::Market(MarketEvent::Snapshot {
            token: Token { market: MarketIx(market), outcome: Outcome::Yes },
            bids: side(bids).into_iter().rev().collect(),
            asks: side(asks),
            tick: None,
            last_trade: Some("0.500".into()),
            hash: Some(self.hash(market)),
            venue_ms: self.at.ms(),
        })
    }

    fn inputs(&mut self, step: &Step) -> Vec<Input> {
        match *step {
            Step::Level { market, side, away, shares, lie } => {
                let mid = self.mids[usize::from(market)];
                let price = match side {
                    Side::Buy => mid - 100 * (1 + away),
                    Side::Sell => mid + 100 * (1 + away),
                };
                let mut event = self.set(market, side, price, shares);
                match (lie, &mut event) {
                    (Lie::Top, MarketEvent::Delta { top: Some(top), .. }) => {
                        top.bid = top.bid.and_then(|bid| bid.checked_sub(100));
                    }
                    (Lie::Hash, MarketEvent::Delta { hash, .. }) => *hash = Some(BookHash([7; 20])),
                    _ => {}
                }
                vec![Input::Market(event)]
            }
            Step::Print { market } => vec![Input::Market(MarketEvent::Trade {
                token: Token { market: MarketIx(market), outcome: Outcome::No },
                side: Side::Buy,
                price: Price::from_ten_thousandths(5_000).expect("half"),
                qty: Qty::from_whole(3).expect("small"),
                venue_ms: self.at.ms(),
            })],
            Step::Move { market, cents } => {
                let row = usize::from(market);
                let to = self.mids[row].checked_add_signed(cents * 100).filter(|mid| (2_500..=7_500).contains(mid));
                self.mids[row] = to.unwrap_or(5_000);
                let mid = self.mids[row];
                for (n, levels) in self.books[row].iter_mut().enumerate() {
                    levels.retain(|price, _| if n == 0 { *price < mid } else { *price > mid });
                }
                vec![self.snapshot(market)]
            }
            Step::Fill { nth, shares } => {
                if nth >= self.resting.len() {
                    return Vec::new();
                }
                let (id, left) = &mut self.resting[nth];
                let shares = shares.min(*left);
                *left -= shares;
                self.trades += 1;
                let fill = FromExecutor::Fill {
                    id: *id,
                    trade: TradeId::parse(&format!("t-{}", self.trades)).expect("an id"),
                    price: Price::from_ten_thousandths(4_000).expect("a price"),
                    qty: Qty::from_whole(shares).expect("small"),
                    stage: Stage::Confirmed,
                };
                self.resting.retain(|(_, left)| *left > 0);
                if shares == 0 { Vec::new() } else { vec![Input::Executor(fill)] }
            }
            Step::Told { nth, scoring } => {
                let told = |(id, _): &(ClientOrderId, u64)| Input::Executor(FromExecutor::Scoring { id: *id, scoring });
                self.resting.get(nth).map(told).into_iter().collect()
            }
            Step::Answer => match (!self.questions.is_empty()).then(|| self.questions.remove(0)) {
                Some(Action::Place { id, order }) => {
                    self.resting.push((id, order.qty.micro() / 1_000_000));
                    let mut hash = [0; 32];
                    hash[..8].copy_from_slice(&id.0.to_le_bytes());
                    vec![Input::Executor(FromExecutor::Accepted { id, order: OrderId::from_bytes(hash) })]
                }
                Some(Action::Cancel { id }) => {
                    self.resting.retain(|(other, _)| *other != id);
                    vec![Input::Executor(FromExecutor::Canceled { id, matched: Qty::ZERO })]
                }
                _ => Vec::new(),
            },
            Step::Wait { ms } => {
                self.at = self.at.plus(Nanos::from_ms(ms));
                Vec::new()
            }
        }
    }
}

/// How a history is played.
#[derive(Clone, Copy, Debug)]
struct Play {
    strategy: Quoting,
    /// All markets are outcomes of one event, and quotes lean much.
    event: bool,
    /// Sizes and flow move the fair value.
    fair: bool,
}

const FIXED: Play = Play { strategy: Quoting::Fixed, event: false, fair: false };

fn play(steps: &[Step], how: Play) -> Result<(usize, Engine), TestCaseError> {
    let Play { strategy, event, fair } = how;
    let config = || {
        // with room for all nothing couples the markets but their event
        let mut config = config_for(&[1, 2, 3], if event { "1000" } else { "70" });
        config.rewards.sample_every = Nanos::from_secs(1);
        config.rewards.rules.unscored = 2;
        config.rewards.rules.leave_for = Nanos::from_secs(4);
        for market in &mut config.markets {
            market.quote.strategy = strategy;
            market.quote.cost = Some(costs());
            if fair {
                market.quote.fair = FairRule::read(60, "3", 1, "2").expect("allowed");
            }
            if event {
                market.quote.skew_per_100_shares = Price::from_ten_thousandths(2_500).expect("a quarter");
            }
        }
        config
    };
    let mut engines = [Engine::new(config(), Vec::new()), Engine::new(config(), Vec::new())];
    engines[1].set_thorough(true);
    let mut venue = Venue {
        at: Timestamp::from_ms(1_780_000_000_000),
        seq: 0,
        books: vec![Default::default(); usize::from(MARKETS)],
        mids: vec![5_000; usize::from(MARKETS)],
        questions: Vec::new(),
        resting: Vec::new(),
        trades: 0,
        event,
    };
    let cap = Usdc::from_micro(1_000_000_000);
    let mut inputs = vec![
        Input::Universe((0..MARKETS).map(|row| venue.facts(row)).collect()),
        Input::Link { link: LinkIx(0), up: true },
        Input::Executor(FromExecutor::Welcome {
            open: Vec::new(),
            gate: Gate::Open { until: Timestamp::MAX },
            caps: Caps { order: cap, market: cap, total: cap },
        }),
        Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
    ];
    for market in 0..MARKETS {
        for side in [Side::Buy, Side::Sell] {
            for away in [200u16, 300, 800] {
                let price = if side == Side::Buy { 5_000 - away } else { 5_000 + away };
                venue.set(market, side, price, 300);
            }
        }
        inputs.push(venue.snapshot(market));
    }
    let mut actions_seen = 0;
    let mut pending = inputs;
    for (n, step) in steps.iter().enumerate() {
        pending.extend(venue.inputs(step));
        // one to three things a turn
        if n % 3 == 1 && !matches!(step, Step::Wait { .. }) {
            continue;
        }
        venue.seq += 1;
        let turn = Turn { seq: venue.seq, at: venue.at, inputs: std::mem::take(&mut pending) };
        let [mut quick, mut thorough] = [Vec::new(), Vec::new()];
        engines[0].turn(&turn, &mut quick);
        engines[1].turn(&turn, &mut thorough);
        prop_assert_eq!(&quick, &thorough, "turn {} of {:?}", venue.seq, step);
        prop_assert_eq!(engines[0].digest(), engines[1].digest());
        prop_assert_eq!(engines[0].next_deadline(), engines[1].next_deadline());
        for ix in (0..MARKETS).map(MarketIx) {
            let mut again = engines[0].clone();
            if engines[0].markets[ix.index()].quiet.is_some() {
                again.plan((ix, again.ran), None, &mut Vec::new());
                let [was, is] = [&engines[0], &again].map(|engine| engine.markets[ix.index()].decision);
                prop_assert_eq!(was, is, "{:?} after turn {}, {:?}", ix, venue.seq, step);
            }
        }
        actions_seen += quick.len();
        for action in quick {
            match action {
                Action::CancelAll { .. } => {
                    for (id, _) in std::mem::take(&mut venue.resting) {
                        pending.push(Input::Executor(FromExecutor::Canceled { id, matched: Qty::ZERO }));
                    }
                }
                Action::FetchBook { token } | Action::Resync { token, .. } => {
                    pending.push(venue.snapshot(token.market.0));
                }
                other => venue.questions.push(other),
            }
        }
    }
    let [engine, _] = engines;
    Ok((actions_seen, engine))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn what_stands_would_be_decided_again(steps in steps()) {
        let (fixed, reward) = (FIXED, Play { strategy: Quoting::Reward, ..FIXED });
        let spread = Play { strategy: Quoting::AvellanedaStoikov, ..FIXED };
        for how in [fixed, reward, spread, Play { event: true, ..fixed }, Play { fair: true, ..fixed }, Play { fair: true, ..reward }] {
            play(&steps, how)?;
        }
    }
}

#[test]
fn a_quiet_market_below_the_horizon_is_left_out() {
    // deep levels change; nothing is edited
    let deep = |away| Step::Level { market: 0, side: Side::Buy, away, shares: 500, lie: Lie::None };
    let mut steps = vec![Step::Wait { ms: 100 }];
    for n in 0..40u16 {
        steps.push(if n < 12 { Step::Answer } else { deep(9 + n % 3) });
    }
    let (actions, engine) = play(&steps, FIXED).expect("both engines agree");
    let left_out = engine.decisions_left_out();
    assert!(actions >= 6, "both sides of three markets: {actions}");
    assert!(left_out > 10, "{left_out} decisions were left out");
}

#[test]
fn of_a_level_that_counts_before_and_after_only_the_size_is_looked_at() {
    let level = |shares| Step::Level { market: 0, side: Side::Buy, away: 1, shares, lie: Lie::None };
    let mut steps = vec![Step::Wait { ms: 100 }];
    steps.extend((0..12).map(|_| Step::Answer));
    steps.extend((0..40).map(|n| level(if n % 2 == 0 { 500 } else { 400 })));
    for (strategy, fair, kept) in [
        (Quoting::Fixed, false, 11..=40),
        // the best size follows what the others score, unless it is the largest
        (Quoting::Reward, false, 1..=40),
        (Quoting::AvellanedaStoikov, false, 11..=40),
        (Quoting::Fixed, true, 0..=0),
    ] {
        let (_, engine) = play(&steps, Play { strategy, fair, ..FIXED }).expect("both engines agree");
        assert!(kept.contains(&engine.decisions_kept()), "{strategy:?}: {}", engine.decisions_kept());
    }
}

#[test]
fn a_fill_in_one_outcome_of_an_event_moves_the_quotes_of_the_others() {
    let steps = |event| {
        let mut steps = vec![Step::Wait { ms: 100 }];
        steps.extend((0..12).map(|_| Step::Answer));
        steps.push(Step::Fill { nth: 0, shares: 22 });
        steps.push(Step::Wait { ms: 1 });
        let how = Play { event, ..FIXED };
        let (_, engine) = play(&steps, how).expect("both engines agree");
        let lean = |state: &super::market::MarketState| {
            state.decision.and_then(Result::ok).map(|why| why.lean_ticks).expect("quoted")
        };
        engine.markets.iter().map(lean).collect::<Vec<_>>()
    };
    assert_eq!(steps(false), [0, 0, 0]);
    // three outcomes at 0.50 are a third each
    assert_eq!(steps(true), [-5, 2, 2]);
}

#[test]
fn a_move_of_an_outcome_that_is_not_held_keeps_what_is_held_of_another_in_mind() {
    let mut steps = vec![Step::Wait { ms: 100 }];
    steps.extend((0..12).map(|_| Step::Answer));
    steps.push(Step::Fill { nth: 0, shares: 22 });
    steps.push(Step::Wait { ms: 1 });
    let nearer = Step::Level { market: 1, side: Side::Buy, away: 0, shares: 300, lie: Lie::None };
    steps.extend([nearer, Step::Wait { ms: 1 }, Step::Wait { ms: 1 }]);
    let (_, engine) = play(&steps, Play { event: true, ..FIXED }).expect("both engines agree");
    let midpoints = |state: &super::market::MarketState| {
        state.coupling.linked.iter().map(|other| other.midpoint.halves()).collect::<Vec<_>>()
    };
    let seen: Vec<_> = engine.markets.iter().map(midpoints).collect();
    assert_eq!(seen, [vec![10_100, 10_000], vec![10_000, 10_000], vec![10_000, 10_100]]);
}

#[test]
fn an_outcome_whose_book_is_lost_leaves_each_market_to_itself() {
    let mut steps = vec![Step::Wait { ms: 100 }];
    steps.extend((0..12).map(|_| Step::Answer));
    steps.push(Step::Fill { nth: 0, shares: 22 });
    steps.push(Step::Wait { ms: 1 });
    let (_, mut engine) = play(&steps, Play { event: true, ..FIXED }).expect("both engines agree");
    assert!(engine.markets.iter().all(|state| state.coupling.linked.len() == 2));
    engine.lose_book(MarketIx(2), &mut Vec::new());
    engine.turn(&Turn { seq: 99, at: Timestamp::from_ms(1_780_000_000_200), inputs: Vec::new() }, &mut Vec::new());
    let leans: Vec<_> = engine.markets.iter().map(|state| state.decision.and_then(Result::ok)).collect();
    assert_eq!(leans.iter().map(|why| why.map(|why| why.lean_ticks)).collect::<Vec<_>>(), [Some(-5), Some(0), None]);
}

#[test]
fn what_flows_to_the_bid_raises_the_quotes_until_it_is_forgotten() {
    let quoted = |steps: Vec<Step>| {
        let (_, engine) = play(&steps, Play { fair: true, ..FIXED }).expect("both engines agree");
        let why = engine.markets[0].decision.and_then(Result::ok).expect("quoted");
        (why.fair.sizes, why.fair.flow, why.reference.halves(), engine.next_deadline().expect("something is due"))
    };
    let mut steps = vec![Step::Wait { ms: 100 }];
    steps.extend((0..12).map(|_| Step::Answer));
    // then ours are taken to be in the book, whatever it shows
    steps.push(Step::Wait { ms: 1_000 });
    assert_eq!(quoted(steps.clone()).1, 0);
    // two cents from the middle 500 instead of 300 are bid: 200 shares, a cent and a half a thousand of them a tick
    steps.push(Step::Level { market: 0, side: Side::Buy, away: 1, shares: 500, lie: Lie::None });
    steps.push(Step::Wait { ms: 1 });
    let (sizes, flow, reference, due) = quoted(steps.clone());
    // ours of 22 were taken off both: 478 and 278
    assert_eq!((sizes, flow, reference), (63, 100, 10_000));
    assert!(due <= Timestamp::from_ms(1_780_000_001_101 + 1_000), "woken when it fades: {due}");
    steps.push(Step::Wait { ms: 2_000 });
    let (sizes, flow, ..) = quoted(steps);
    assert_eq!((sizes, flow), (63, 0));
}
