//! What bounds all orders together: free dollars, one order's cap, and holdings that a balance has only just told.

use super::Engine;
use super::decide::OwnOrders;
use super::horizon::Watched;
use super::tests_support::{config_for, market};
use crate::domain::{ClientOrderId, Market, MarketIx, NewOrder, OrderId, Outcome, Price, Qty, Side, Timestamp, Token};
use crate::domain::{TradeId, Usdc};
use crate::event::{Action, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate, Held, Stage};
use crate::quote::{NoQuote, Quotes, Scratch, broken_promise, quote_with};

fn dollars(whole: u64) -> Usdc {
    Usdc::from_micro(whole * 1_000_000)
}

fn shares(whole: u64) -> Qty {
    Qty::from_whole(whole).expect("small")
}

/// An engine of some markets, whose orders rest as soon as they are placed.
struct Rig {
    engine: Engine,
    seq: u64,
    ms: u64,
}

impl Rig {
    fn new(markets: Vec<Market>, total: &str) -> Self {
        let numbers: Vec<u64> = (1..=markets.len() as u64).collect();
        let mut config = config_for(&numbers, "200");
        config.risk.max_market = dollars(100);
        config.risk.max_total = Usdc::parse(total).expect("dollars");
        let mut rig = Self { engine: Engine::new(config, Vec::new()), seq: 0, ms: 1_780_000_000_000 };
        rig.turn(vec![Input::Universe(markets), Input::Link { link: LinkIx(0), up: true }]);
        rig
    }

    fn welcome(order: Usdc) -> Input {
        let gate = Gate::Open { until: Timestamp::MAX };
        let caps = Caps { order, market: dollars(1_000), total: dollars(1_000) };
        Input::Executor(FromExecutor::Welcome { open: Vec::new(), gate, caps })
    }

    fn balance(usdc: Usdc, tokens: &[(u16, u64)]) -> Input {
        let held = |(row, n): &(u16, u64)| {
            let token = Token { market: MarketIx(*row), outcome: Outcome::Yes };
            (token, Held { matched: shares(*n), confirmed: shares(*n) })
        };
        Input::Executor(FromExecutor::Balance { usdc, tokens: tokens.iter().map(held).collect() })
    }

    fn book(&self, row: u16, bid: &str, ask: &str) -> Input {
        let level = |text: &str| vec![(Price::parse(text).expect("a price"), shares(500))];
        Input::Market(MarketEvent::Snapshot {
            token: Token { market: MarketIx(row), outcome: Outcome::Yes },
            bids: level(bid),
            asks: level(ask),
            tick: None,
            last_trade: None,
            hash: None,
            venue_ms: self.ms,
        })
    }

    /// What one turn spends on placements. They are accepted, and what it cancels has ended, in the next.
    fn turn(&mut self, inputs: Vec<Input>) -> Usdc {
        self.seq += 1;
        let mut out = Vec::new();
        self.engine.turn(&Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs }, &mut out);
        let mut placed = Usdc::ZERO;
        let mut answers = Vec::new();
        for action in out {
            match action {
                Action::Place { id, order } => {
                    placed = placed.saturating_add(order.notional());
                    let order = OrderId::from_bytes([u8::try_from(id.0).expect("few"); 32]);
                    answers.push(Input::Executor(FromExecutor::Accepted { id, order }));
                }
                Action::Cancel { id } => {
                    answers.push(Input::Executor(FromExecutor::Canceled { id, matched: Qty::ZERO }));
                }
                _ => {}
            }
        }
        if !answers.is_empty() {
            self.turn(answers);
        }
        placed
    }

    fn rests(&self, row: u16) -> Vec<NewOrder> {
        self.engine.own(MarketIx(row)).collect()
    }

    fn spent(&self, row: u16) -> Usdc {
        let rests = self.rests(row);
        let buys = rests.iter().filter(|o| o.side == Side::Buy);
        buys.fold(Usdc::ZERO, |sum, o| sum.saturating_add(o.notional()))
    }

    /// The promise of a quote that what rests in a market breaks.
    fn broken(&self, row: u16) -> Option<String> {
        let ix = MarketIx(row);
        let book = Watched::new(&self.engine.markets[ix.index()].book);
        let room = self.engine.room(self.engine.limits(), Usdc::ZERO);
        let none = OwnOrders::default();
        let view = self.engine.view(ix, &book, (true, &none, self.engine.holdings(ix), room)).expect("a quoted market");
        let quotes = quote_with(&view, &mut Scratch::default()).expect("a quote");
        let orders = self.rests(row).into_iter().collect();
        broken_promise(&view, &Quotes { orders, ..quotes })
    }

    fn no_quote(&self, row: u16) -> Option<NoQuote> {
        self.engine.markets[usize::from(row)].decision.and_then(Result::err)
    }
}

/// A market whose scoring size is this.
fn of_size(min_size: u64) -> Market {
    let mut market = market(1);
    market.rewards.as_mut().expect("funded").min_size = shares(min_size);
    market
}

#[test]
fn all_open_buys_together_fit_into_the_free_dollars() {
    // each wishes two orders of $10.56
    let mut rig = Rig::new(vec![market(1), market(2)], "200");
    let books = vec![rig.book(0, "0.48", "0.52"), rig.book(1, "0.48", "0.52")];
    rig.turn([vec![Rig::welcome(dollars(1_000)), Rig::balance(dollars(30), &[])], books].concat());
    let both = |rig: &Rig| rig.spent(0).saturating_add(rig.spent(1));
    assert!(both(&rig) <= dollars(30), "{} of 30 dollars", both(&rig));
    assert_eq!(rig.rests(0).len(), 2, "the first has room");
    // a fill moves dollars from what rests to what is spent: nothing else may take them
    let fill = FromExecutor::Fill {
        id: ClientOrderId(1),
        trade: TradeId::parse("t1").expect("visible"),
        price: Price::parse("0.48").expect("a price"),
        qty: shares(22),
        stage: Stage::Matched,
    };
    rig.ms += 10_000;
    let books = vec![rig.book(0, "0.48", "0.52"), rig.book(1, "0.48", "0.52")];
    rig.turn([vec![Input::Executor(fill)], books].concat());
    assert!(both(&rig) <= Usdc::parse("19.44").expect("dollars"), "{} of 19.44", both(&rig));
    // the balance has it too; then somebody brings money, and in quiet books it is used at once
    rig.ms += 10_000;
    rig.turn(vec![Rig::balance(Usdc::parse("19.44").expect("dollars"), &[(0, 22)])]);
    assert!(both(&rig) <= Usdc::parse("19.44").expect("dollars"), "{} of 19.44", both(&rig));
    rig.turn(vec![Rig::balance(dollars(200), &[(0, 22)])]);
    assert_eq!([rig.rests(0).len(), rig.rests(1).len()], [2, 2], "there is room for all");
}

#[test]
fn dollars_that_are_gone_take_orders_with_them() {
    let mut rig = Rig::new(vec![market(1)], "200");
    let book = rig.book(0, "0.48", "0.52");
    rig.turn(vec![Rig::welcome(dollars(1_000)), Rig::balance(dollars(100), &[]), book]);
    assert_eq!(rig.rests(0).len(), 2);
    // withdrawn by hand: the venue will cancel what is not paid for any more
    rig.ms += 10_000;
    rig.turn(vec![Rig::balance(dollars(5), &[])]);
    assert!(rig.spent(0) <= dollars(5), "{}", rig.spent(0));
}

#[test]
fn an_order_cap_that_the_dearer_outcome_does_not_fit_takes_both() {
    // 55 shares of YES at 0.91 cost $50
    let mut rig = Rig::new(vec![of_size(50)], "200");
    let book = rig.book(0, "0.92", "0.94");
    let placed = rig.turn(vec![Rig::welcome(dollars(25)), Rig::balance(dollars(1_000), &[]), book]);
    assert_eq!((placed, rig.rests(0)), (Usdc::ZERO, Vec::new()));
    assert!(matches!(rig.no_quote(0), Some(NoQuote::BelowMinimum { .. })), "{:?}", rig.no_quote(0));
    // in the middle both fit once they give up their head-room
    let book = rig.book(0, "0.48", "0.52");
    rig.turn(vec![book]);
    assert_eq!(rig.rests(0).len(), 2, "{:?}", rig.no_quote(0));
    assert!(rig.rests(0).iter().all(|order| order.notional() <= dollars(25) && order.qty >= shares(50)));
    assert_eq!(rig.broken(0), None);
}

#[test]
fn what_limits_leave_of_a_pair_rests_only_where_it_scores_alone() {
    // YES for $20.02 has room, NO for $1.10 beside it has none
    for (total, free) in [("20.5", dollars(1_000)), ("200", Usdc::parse("20.5").expect("dollars"))] {
        let mut rig = Rig::new(vec![market(1)], total);
        let book = rig.book(0, "0.92", "0.94");
        rig.turn(vec![Rig::welcome(dollars(1_000)), Rig::balance(free, &[]), book]);
        assert!(rig.no_quote(0).is_none(), "{:?}", rig.no_quote(0));
        assert_eq!(rig.rests(0), [], "total {total}, free {free}");
    }
    // where one side alone scores, one may rest
    for (total, free) in [("15", dollars(1_000)), ("200", dollars(15))] {
        let mut rig = Rig::new(vec![market(1)], total);
        let book = rig.book(0, "0.48", "0.52");
        rig.turn(vec![Rig::welcome(dollars(1_000)), Rig::balance(free, &[]), book]);
        assert_eq!(rig.rests(0).len(), 1, "total {total}, free {free}");
        assert_eq!(rig.broken(0), None);
    }
}

#[test]
fn holdings_that_a_balance_has_just_told_count_in_all_markets_at_once() {
    let mut rig = Rig::new(vec![market(1), market(2)], "50");
    let books = vec![rig.book(0, "0.48", "0.52"), rig.book(1, "0.48", "0.52")];
    rig.turn([vec![Rig::welcome(dollars(1_000))], books].concat());
    // 80 shares at 0.50
    let placed = rig.turn(vec![Rig::balance(dollars(1_000), &[(1, 80)])]);
    assert!(placed <= dollars(10), "{placed} beside holdings of $40 under a limit of 50");
}
