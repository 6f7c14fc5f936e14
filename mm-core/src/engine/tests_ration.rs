//! Markets that share less money than they would like: with a price for it, against serving them as they come.

use super::Engine;
use super::decide::OwnOrders;
use super::horizon::Watched;
use super::tests_support::{config_for, market};
use crate::domain::{Market, MarketIx, NewOrder, OrderId, Outcome, Price, Qty, Side, Timestamp, Token, Usdc};
use crate::event::{Action, Command, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate, Shut};
use crate::quote::{CostKeys, CostModel, Room, Scratch, Strategy, value_of};
use std::fmt::Write as _;

/// An engine whose orders rest as soon as they are placed.
struct Rig {
    engine: Engine,
    markets: Vec<Market>,
    seq: u64,
    ms: u64,
}

/// Every distance costs something.
fn costs() -> CostModel {
    let keys = CostKeys {
        fills_per_day: "40",
        fill_decay_per_cent: "1.3",
        markout_cents: "3.5",
        jumps_per_day: "1",
        jump_cents: "1.5",
        rebate_cents: "",
        resolutions_per_day: "",
        capital_percent_per_year: "5",
    };
    CostModel::read(&keys).expect("good keys").expect("all that are needed")
}

impl Rig {
    /// One market for each pool of so many times thirty dollars a day, and a limit over all of them.
    fn new(rates: &[u64], total: &str, first_come: bool) -> Self {
        let mut rig = Self::gated(rates, total, first_come, Gate::Open { until: Timestamp::MAX });
        rig.live(150);
        rig
    }

    /// The same before any book has come.
    fn gated(rates: &[u64], total: &str, first_come: bool, gate: Gate) -> Self {
        let numbers: Vec<u64> = (1..=rates.len() as u64).collect();
        let mut config = config_for(&numbers, total);
        config.risk.max_market = Usdc::from_micro(100_000_000);
        for market in &mut config.markets {
            market.quote.strategy = Strategy::Reward;
            market.quote.cost = Some(costs());
            market.quote.max_held = Qty::from_micro(1_000_000_000);
            market.quote.max_size = Qty::from_micro(1_000_000_000);
        }
        let mut markets: Vec<Market> = numbers.into_iter().map(market).collect();
        for (market, rate) in markets.iter_mut().zip(rates) {
            market.rewards.as_mut().expect("funded").rate_per_day = Usdc::from_micro(rate * 30_000_000);
        }
        let mut rig = Self { engine: Engine::new(config, Vec::new()), markets, seq: 0, ms: 1_780_000_000_000 };
        rig.engine.set_first_come(first_come);
        let cap = Usdc::from_micro(10_000_000_000);
        let caps = Caps { order: cap, market: cap, total: cap };
        rig.turn(vec![
            Input::Universe(rig.markets.clone()),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome { open: Vec::new(), gate, caps }),
            Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
        ]);
        rig
    }

    fn books(&self) -> Vec<Input> {
        let level = |cents: u16| {
            (Price::from_ten_thousandths(100 * cents).expect("a price"), Qty::from_whole(900).expect("small"))
        };
        let book = |row| {
            Input::Market(MarketEvent::Snapshot {
                token: Token { market: MarketIx(row), outcome: Outcome::Yes },
                bids: vec![level(48), level(47), level(46)],
                asks: vec![level(52), level(53), level(54)],
                tick: None,
                last_trade: None,
                hash: None,
                venue_ms: self.ms,
            })
        };
        (0u16..).map(book).take(self.markets.len()).collect()
    }

    fn turn(&mut self, inputs: Vec<Input>) {
        self.seq += 1;
        let mut out = Vec::new();
        self.engine.turn(&Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs }, &mut out);
        let answers = out.into_iter().filter_map(|action| match action {
            Action::Place { id, .. } => {
                let mut bytes = [1; 32];
                bytes[..8].copy_from_slice(&id.0.to_be_bytes());
                let order = OrderId::from_bytes(bytes);
                Some(FromExecutor::Accepted { id, order })
            }
            Action::Cancel { id } => Some(FromExecutor::Canceled { id, matched: Qty::ZERO }),
            _ => None,
        });
        let answers: Vec<_> = answers.map(Input::Executor).collect();
        if !answers.is_empty() {
            self.turn(answers);
        }
    }

    /// Seconds pass; books are told all the while.
    fn live(&mut self, secs: u64) {
        for _ in 0..secs {
            self.ms += 1_000;
            let books = self.books();
            self.turn(books);
        }
    }

    fn rests(&self, row: u16) -> Vec<NewOrder> {
        self.engine.own(MarketIx(row)).collect()
    }

    fn spent(&self) -> Usdc {
        let orders = (0u16..).take(self.markets.len()).flat_map(|row| self.rests(row));
        orders.filter(|o| o.side == Side::Buy).fold(Usdc::ZERO, |sum, o| sum.saturating_add(o.notional()))
    }

    /// Reward less cost of what rests, dollars a day, millionths.
    fn worth(&self, row: u16) -> i64 {
        let ix = MarketIx(row);
        let book = Watched::new(&self.engine.markets[ix.index()].book);
        let (mut own, held) = (OwnOrders::default(), self.engine.holdings(ix));
        self.engine.gather(ix, &mut own);
        if own.rest.is_empty() {
            return 0;
        }
        let view = self.engine.view(ix, &book, (true, &own, held, Room::ALL)).expect("a quoted market");
        value_of(&view, &own.rest, &mut Scratch::default()).expect("it scores").net_per_day().micro()
    }

    fn worths(&self) -> i64 {
        (0u16..).take(self.markets.len()).map(|row| self.worth(row)).sum()
    }

    fn told(&self) -> String {
        let mut text = String::new();
        for row in (0u16..).take(self.markets.len()) {
            let shares = self.rests(row).iter().map(|order| order.qty.to_string()).collect::<Vec<_>>().join("+");
            let _ = write!(text, "{shares} ");
        }
        format!("{text}cost {}, price {}", self.spent(), self.engine.money_price())
    }
}

#[test]
fn a_price_that_is_due_while_nothing_may_rest_is_worked_out_when_quoting_begins() {
    let mut rig = Rig::gated(&[10, 20, 40], "60", false, Gate::Shut(Shut::Halted));
    rig.live(3);
    assert_eq!(rig.engine.money_price(), 0, "nobody wishes anything");
    rig.turn(vec![Input::Executor(FromExecutor::Gate(Gate::Open { until: Timestamp::MAX }))]);
    let price = rig.engine.money_price();
    assert!(price > 0, "in the turn of the gate, not a minute later");
    // a pause over a sample wishes nothing either, and changes no price
    rig.turn(vec![Input::Operator(Command::Pause)]);
    rig.live(61);
    rig.turn(vec![Input::Operator(Command::Resume)]);
    assert_eq!(rig.engine.money_price(), price);
}

#[test]
fn where_all_wishes_fit_money_has_no_price_and_nothing_changes() {
    let [rationed, first] = [false, true].map(|first_come| Rig::new(&[10, 20, 40], "2000", first_come));
    assert_eq!(rationed.engine.money_price(), 0);
    assert_eq!(rationed.told(), first.told());
    assert_eq!(rationed.engine.snapshot().money_price, 0);
}

#[test]
fn where_money_is_short_a_price_for_it_brings_more_than_serving_who_comes_first() {
    let mut gains = Vec::new();
    for (rates, total) in [
        (&[10, 20, 40][..], "120"),
        (&[40, 20, 10], "120"),
        (&[30, 30, 30, 30], "150"),
        (&[15, 60, 15, 60], "250"),
        (&[20, 25, 30, 35, 40], "300"),
    ] {
        let [rationed, first] = [false, true].map(|first_come| Rig::new(rates, total, first_come));
        let limit = Usdc::parse(total).expect("dollars");
        assert!(rationed.engine.money_price() > 0, "{rates:?}: {}", rationed.told());
        for rig in [&rationed, &first] {
            assert!(rig.spent() <= limit && rig.spent() > Usdc::ZERO, "{rates:?}: {}", rig.told());
            let placed = rig.engine.snapshot().totals.placed;
            assert!(placed <= 2 * rates.len() as u64, "{rates:?}: {placed} placements, once for each: {}", rig.told());
        }
        let [ours, theirs] = [rationed.worths(), first.worths()];
        gains.push((ours, theirs));
        assert!(ours >= theirs, "{rates:?}: {ours} of {} against {theirs} of {}", rationed.told(), first.told());
    }
    let sum = |of: fn(&(i64, i64)) -> i64| gains.iter().map(of).sum::<i64>();
    let (ours, theirs) = (sum(|(ours, _)| *ours), sum(|(_, theirs)| *theirs));
    assert!(10 * ours > 11 * theirs, "more than a tenth in all: {gains:?}");
}

#[test]
fn a_price_ends_with_what_made_it() {
    let mut rig = Rig::new(&[10, 20, 40], "120", false);
    assert!(rig.engine.money_price() > 0);
    // two of the three pools dry up
    for market in &mut rig.markets[1..] {
        market.rewards = None;
    }
    let markets = rig.markets.clone();
    rig.turn(vec![Input::Universe(markets)]);
    assert_eq!(rig.engine.money_price(), 0, "in the turn that brings it");
}
