//! Edits under the strategy that knows what they bring: small gains are left alone, large ones and dangers are not.

use super::tests_support::{book, config, config_for, costs, market};
use super::{Engine, Kept};
use crate::config::Config;
use crate::domain::{MarketIx, Nanos, OrderId, Outcome, Price, Qty, Side, TickSize, Timestamp, Token, Usdc};
use crate::event::{Action, Input, LinkIx, MarketEvent, Turn};
use crate::protocol::{Caps, FromExecutor, Gate};
use crate::quote::Strategy;

/// An engine in a market of a tenth of a cent, whose wanted orders rest for ten seconds.
struct Rig {
    engine: Engine,
    seq: u64,
    ms: u64,
}

fn rewarding() -> Config {
    let mut config = config();
    config.orders.do_nothing_price = 0;
    config.orders.do_nothing_size_percent = 0;
    for market in &mut config.markets {
        market.quote.strategy = Strategy::Reward;
        market.quote.cost = Some(costs());
        market.quote.skew_per_100_shares = Price::ZERO;
    }
    config
}

impl Rig {
    fn new(expected_rest: Nanos) -> Self {
        let mut config = rewarding();
        config.orders.expected_rest = expected_rest;
        let mut fine = market(1);
        fine.tick = TickSize::parse("0.001").expect("a tick");
        let mut rig = Self { engine: Engine::new(config, Vec::new()), seq: 0, ms: 1_780_000_000_000 };
        let cap = Usdc::from_micro(1_000_000_000);
        let book = rig.book(5_000);
        rig.turn(vec![
            Input::Universe(vec![fine]),
            Input::Link { link: LinkIx(0), up: true },
            Input::Executor(FromExecutor::Welcome {
                open: Vec::new(),
                gate: Gate::Open { until: Timestamp::MAX },
                caps: Caps { order: cap, market: cap, total: cap },
            }),
            Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
            book,
        ]);
        let ids: Vec<_> = rig.engine.orders().live().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), 2, "{:?}", rig.engine.snapshot().markets[0].why);
        let accepted = ids.into_iter().map(|id| {
            let order = OrderId::from_bytes([u8::try_from(id.0).expect("small"); 32]);
            Input::Executor(FromExecutor::Accepted { id, order })
        });
        let accepted = accepted.collect();
        rig.turn(accepted);
        rig.ms += 10_000;
        rig
    }

    /// A book four cents wide around a middle in ten-thousandths.
    fn book(&self, middle: u16) -> Input {
        let price = |n| Price::from_ten_thousandths(n).expect("a price");
        book(price(middle - 200), price(middle + 200), Qty::from_whole(500).expect("small"), self.ms)
    }

    /// A level of the book gets another size.
    fn level(&self, side: Side, price: Price, shares: u64) -> Input {
        Input::Market(MarketEvent::Delta {
            token: Token { market: MarketIx(0), outcome: Outcome::Yes },
            side,
            price,
            qty: Qty::from_whole(shares).expect("small"),
            top: None,
            hash: None,
            venue_ms: self.ms,
        })
    }

    fn turn(&mut self, inputs: Vec<Input>) -> Vec<Action> {
        self.seq += 1;
        let mut out = Vec::new();
        self.engine.turn(&Turn { seq: self.seq, at: Timestamp::from_ms(self.ms), inputs }, &mut out);
        out
    }

    /// The middle moves: how many cancels, and whether the rest was kept for its value.
    fn moved(&mut self, middle: u16) -> (usize, Option<Kept>) {
        let book = self.book(middle);
        let out = self.turn(vec![book]);
        let cancels = out.iter().filter(|action| matches!(action, Action::Cancel { .. })).count();
        (cancels, self.engine.kept(MarketIx(0)))
    }
}

#[test]
fn a_tenth_of_a_cent_is_not_worth_an_edit_and_a_cent_is() {
    let mut rig = Rig::new(Nanos::from_secs(120));
    let (cancels, kept) = rig.moved(5_010);
    assert_eq!(cancels, 0, "{:?}", rig.engine.snapshot().markets[0]);
    let kept = kept.expect("something better was wanted");
    assert!(kept.gain <= kept.cost, "{kept}");
    let (cancels, kept) = Rig::new(Nanos::from_secs(3_600)).moved(5_120);
    assert!(cancels > 0 && kept.is_none(), "{cancels} {kept:?}");
}

#[test]
fn the_same_move_is_made_where_orders_rest_for_long() {
    let mut rests = [2u64, 20, 200, 2_000, 20_000].map(|s| Rig::new(Nanos::from_secs(s)).moved(5_060).0 > 0);
    assert!(!rests[0] && rests[4], "{rests:?}");
    rests.sort_unstable();
    assert_eq!(rests, [2u64, 20, 200, 2_000, 20_000].map(|s| Rig::new(Nanos::from_secs(s)).moved(5_060).0 > 0));
}

/// Others have come behind our bid, and then the ask nearer; fills of a minute ago stand so many half ten-thousandths on our side.
fn crowded(gain: i32, expected_rest: Nanos) -> (usize, Option<Kept>) {
    let mut rig = Rig::new(expected_rest);
    let bid = rig.engine.orders().live().map(|(_, t)| t.order).find(|order| order.in_yes_terms().0 == Side::Buy);
    let bid = bid.expect("both sides rest");
    let paid = u16::try_from(10_000 - gain).expect("near the middle");
    let at = Timestamp::from_ms(rig.ms - 60_000);
    rig.engine.markets[0].markouts.fill(at, Side::Buy, paid, Qty::from_whole(1_000).expect("small"));
    let crowd = rig.level(Side::Buy, bid.price, 422);
    rig.turn(vec![crowd]);
    rig.ms += 10;
    let nearer = rig.level(Side::Sell, Price::from_ten_thousandths(5_140).expect("a price"), 500);
    let out = rig.turn(vec![nearer]);
    let cancels = out.iter().filter(|action| matches!(action, Action::Cancel { .. })).count();
    (cancels, rig.engine.kept(MarketIx(0)))
}

#[test]
fn a_place_in_front_is_kept_where_fills_earn_and_given_up_where_they_lose() {
    let rests = Nanos::from_secs(120);
    let told = [100, 0, -100].map(|gain| crowded(gain, rests).1.expect("a better place is wanted").to_string());
    expect_test::expect![[r#"
        kept: a move would bring 0.001089 USD in 120 s, -0.001035 of it by other places in queues, and cost 0.00455
        kept: a move would bring 0.002124 USD in 120 s and cost 0.00455
        kept: a move would bring 0.00316 USD in 120 s, 0.001035 of it by other places in queues, and cost 0.00455"#]]
    .assert_eq(&told.join("\n"));
    // what decides for a while
    let rests = Nanos::from_secs(200);
    assert_eq!([100, 0, -100].map(|gain| crowded(gain, rests).0 > 0), [false, false, true]);
}

#[test]
fn danger_asks_for_no_gain() {
    let mut rig = Rig::new(Nanos::from_secs(2));
    let bid = rig.engine.orders().live().map(|(_, t)| t.order.in_yes_terms()).find(|(side, _)| *side == Side::Buy);
    let (_, price) = bid.expect("both sides rest");
    // the midpoint falls to our bid
    let (cancels, _) = rig.moved(price.ten_thousandths());
    assert!(cancels > 0);
}

/// A whole book of one level a side.
fn between(row: u16, [bid, ask]: [u16; 2]) -> Input {
    let level = |p| vec![(Price::from_ten_thousandths(p).expect("a price"), Qty::from_whole(500).expect("small"))];
    Input::Market(MarketEvent::Snapshot {
        token: Token { market: MarketIx(row), outcome: Outcome::Yes },
        bids: level(bid),
        asks: level(ask),
        tick: None,
        last_trade: None,
        hash: None,
        venue_ms: 1,
    })
}

/// Three markets of these pools begin under a budget of one call a second.
fn short_of_calls(dollars: [u64; 3], burst: u32) -> (Engine, Vec<Input>) {
    let mut config = config_for(&[1, 2, 3], "200");
    (config.orders.calls_per_second, config.orders.calls_burst) = (1, burst);
    let mut markets: Vec<_> = (1..=3).map(market).collect();
    for (market, dollars) in markets.iter_mut().zip(dollars) {
        market.rewards.as_mut().expect("rewarded").rate_per_day = Usdc::from_whole(dollars).expect("small");
    }
    let cap = Usdc::from_micro(1_000_000_000);
    let mut inputs = vec![
        Input::Universe(markets),
        Input::Link { link: LinkIx(0), up: true },
        Input::Executor(FromExecutor::Welcome {
            open: Vec::new(),
            gate: Gate::Open { until: Timestamp::MAX },
            caps: Caps { order: cap, market: cap, total: cap },
        }),
        Input::Executor(FromExecutor::Balance { usdc: cap, tokens: Vec::new() }),
    ];
    inputs.extend((0..3).map(|row| between(row, [4_800, 5_200])));
    (Engine::new(config, Vec::new()), inputs)
}

#[test]
fn a_short_budget_mends_first_what_scores_nothing() {
    let (mut engine, mut inputs) = short_of_calls([50; 3], 9);
    let mut seq = 0;
    let mut turn = |engine: &mut Engine, ms: u64, inputs| {
        seq += 1;
        let mut out = Vec::new();
        engine.turn(&Turn { seq, at: Timestamp::from_ms(1_780_000_000_000 + ms), inputs }, &mut out);
        out
    };
    for step in 0..20 {
        let out = turn(&mut engine, step * 1_000, std::mem::take(&mut inputs));
        inputs.extend(out.iter().filter_map(|action| match action {
            Action::Place { id, .. } => {
                let order = OrderId::from_bytes([u8::try_from(id.0).expect("few"); 32]);
                Some(Input::Executor(FromExecutor::Accepted { id: *id, order }))
            }
            _ => None,
        }));
    }
    assert_eq!(engine.orders().live_count(), 6, "both sides rest everywhere");
    // bids at 0.48: a cent too far in the first two, out of reach of the reward in the last
    let moved = vec![between(0, [4_900, 5_300]), between(1, [4_900, 5_300]), between(2, [5_100, 5_300])];
    let out = turn(&mut engine, 20_000, moved);
    let canceled: Vec<_> = out
        .iter()
        .filter_map(|action| match action {
            Action::Cancel { id } => engine.orders().get(*id).map(|t| (t.order.token.market.0, t.cancel_why)),
            _ => None,
        })
        .collect();
    let told: Vec<_> = canceled.iter().map(|(row, why)| (*row, why.expect("it was cancelled").name())).collect();
    assert_eq!(told, [(2, "through-reservation"), (2, "out-of-band"), (0, "moved")], "of nine calls two are kept");
}

#[test]
fn a_short_budget_places_where_a_call_brings_most_and_leaves_nobody_out() {
    let (mut engine, mut inputs) = short_of_calls([20, 10, 500], 4);
    let mut rows = Vec::new();
    for seq in 1..=9u64 {
        let turn =
            Turn { seq, at: Timestamp::from_ms(1_780_000_000_000 + seq * 500), inputs: std::mem::take(&mut inputs) };
        let mut out = Vec::new();
        engine.turn(&turn, &mut out);
        rows.extend(out.iter().filter_map(|action| match action {
            Action::Place { order, .. } => Some(order.token.market.0),
            _ => None,
        }));
    }
    // three go at once; one more a second: first who was left out, then by value
    assert_eq!(rows[..3], [2, 2, 0], "{rows:?}");
    let mut all = rows.clone();
    all.sort_unstable();
    assert_eq!(all, [0, 0, 1, 1, 2, 2], "{rows:?}");
}
