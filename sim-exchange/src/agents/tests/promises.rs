//! What no agent may ever ask for, over made-up moments.

use super::super::*;
use super::scene::{Ears, MARKET, START, draws, price, qty};
use crate::scenario::Fee;
use mm_core::domain::{Nanos, RewardTerms, TickSize, cost_ceil};
use proptest::prelude::*;

/// A made-up moment: anything a world could show, and much that it could not.
#[derive(Clone, Debug)]
struct Moment {
    tick: TickSize,
    min_order: u64,
    fee_micro: Option<u64>,
    band: Option<u16>,
    levels: Vec<(bool, u16, u64)>,
    p: Option<f64>,
    cash: u64,
    free: [u64; 2],
    bought: [u64; 2],
    orders: Vec<(bool, bool, u16, u64)>,
    rolls: u64,
}

fn moments() -> impl Strategy<Value = Moment> {
    let ticks = prop::sample::select(TickSize::ALL.to_vec());
    let shares = || 0u64..2_000_000_000;
    let terms = (ticks, 1u64..3_000, prop::option::of(0u64..100_000), prop::option::of(1u16..600));
    let book = prop::collection::vec((any::<bool>(), 1u16..9_999, 1u64..900_000_000), 0..12);
    let orders = prop::collection::vec((any::<bool>(), any::<bool>(), 1u16..9_999, 1u64..30_000), 0..5);
    let purse = (0u64..3_000_000_000, [shares(), shares()], [shares(), shares()]);
    (terms, book, prop::option::of(0.001f64..0.999), purse, orders, 0u64..1_000_000).prop_map(
        |((tick, min, fee_micro, band), levels, p, (cash, free, bought), orders, rolls)| Moment {
            tick,
            min_order: min * 10_000,
            fee_micro,
            band,
            levels,
            p,
            cash,
            free,
            bought,
            orders,
            rolls,
        },
    )
}

impl Moment {
    fn scene(&self) -> (Board, Ears, Own) {
        let facts = MarketFacts {
            tick: self.tick,
            min_order: Qty::from_micro(self.min_order),
            fee: self.fee_micro.map(|rate_micro| Fee { rate_micro, exponent: 1, rebate_micro: 0 }),
            rewards: self.band.and_then(Price::from_ten_thousandths).map(|max_spread| RewardTerms {
                max_spread,
                min_size: qty("20"),
                min_age: Nanos::ZERO,
                rate_per_day: Usdc::ZERO,
            }),
        };
        let mut board = Board::new(vec![facts], Nanos::ZERO);
        board.tell(START, Change::Trading { market: MARKET, open: true });
        for (buy, at, qty) in &self.levels {
            let side = if *buy { Side::Buy } else { Side::Sell };
            let price = Price::from_ten_thousandths(*at).expect("below a dollar").to_tick_down(self.tick);
            board.tell(START, Change::Level { market: MARKET, side, price, qty: Qty::from_micro(*qty) });
        }
        let mut own = Own::new(Usdc::ZERO);
        for (n, (buy, yes, at, hundredths)) in (0u32..).zip(&self.orders) {
            let side = if *buy { Side::Buy } else { Side::Sell };
            let outcome = if *yes { Outcome::Yes } else { Outcome::No };
            let price = Price::from_ten_thousandths(*at).expect("below a dollar").to_tick_up(self.tick);
            let (qty, tag) = (Qty::from_micro(*hundredths * 10_000), u64::MAX - u64::from(n));
            let (tif, post_only) = (TimeInForce::Gtc, true);
            own.sent(&Request::Place { market: MARKET, outcome, side, price, qty, tif, post_only, tag }, &board);
            // some are still on their way
            if n % 3 != 2 {
                own.apply(&News::Accepted { tag, order: OrderIx(n) });
            }
        }
        for (outcome, micro) in [Outcome::Yes, Outcome::No].into_iter().zip(self.bought) {
            let (order, side, qty) = (OrderIx(99), Side::Buy, Qty::from_micro(micro));
            let fee = Usdc::ZERO;
            own.apply(&News::Filled { order, market: MARKET, outcome, side, price: price("0.5"), qty, fee });
        }
        own.refresh(Usdc::from_micro(self.cash), Qty::from_micro(self.free[0]), Qty::from_micro(self.free[1]));
        let winner = if self.rolls.is_multiple_of(2) { Outcome::Yes } else { Outcome::No };
        (board, Ears { p: self.p, outcome: Some(winner) }, own)
    }
}

/// Every kind of agent, with middling parameters.
fn everybody(name: &str) -> Vec<Box<dyn Agent>> {
    let capital = Usdc::from_micro(1_000_000_000);
    let draws = draws();
    let noise = |size, reach| {
        let params = NoiseParams { market: MARKET, capital, arrivals_per_h: 60.0, buys: 0.4, size, reach };
        Box::new(Noise::new(name, params, &draws).expect("possible")) as Box<dyn Agent>
    };
    let log_normal = NoiseSize::LogNormal { median: qty("20"), p99: qty("900") };
    let thinned = Reach::Thinned { decay_per_cent: 0.3, around: Around::Signal };
    let rule = EdgeRule {
        threshold: price("0.002"),
        unit: price("0.01"),
        per_unit: qty("50"),
        min: qty("1"),
        max: qty("800"),
    };
    let informed = |style| {
        let params = InformedParams { market: MARKET, capital, looks_per_h: 60.0, style };
        Box::new(Informed::new(name, params, &draws).expect("possible")) as Box<dyn Agent>
    };
    let maker = MakerParams {
        market: MARKET,
        capital,
        look_every: Nanos::from_secs(1),
        size: qty("100"),
        distance: Distance::OfBand(0.5),
        signal_share: 0.5,
        skew: price("0.01"),
        max_position: qty("500"),
        tolerance: price("0.01"),
        refill_below: 0.5,
    };
    let wide = MakerParams { distance: Distance::Fixed(price("0.05")), size: qty("7"), ..maker.clone() };
    let dealer = DealerParams {
        market: MARKET,
        capital,
        look_every: Nanos::from_secs(1),
        size: qty("300"),
        refill_below: 1.0,
        rule: DealerRule::GlostenMilgrom { informed: 0.2, buys: 0.5 },
        belief: Belief::Learns(0.3),
    };
    vec![
        noise(log_normal, Reach::Through(price("0.03"))),
        noise(NoiseSize::Geometric { mean: qty("15") }, thinned),
        informed(InformedStyle::Estimate(rule)),
        informed(InformedStyle::Outcome { size: qty("33") }),
        Box::new(
            Sniper::new(name, SniperParams { market: MARKET, capital, threshold: price("0"), max: qty("500") })
                .expect("possible"),
        ),
        Box::new(Maker::new(name, maker, &draws).expect("possible")),
        Box::new(Maker::new(name, wide, &draws).expect("possible")),
        Box::new(Dealer::new(name, dealer).expect("possible")),
    ]
}

/// The promises of one wake.
fn promises(out: &[Request], board: &Board, own: &Own) -> Result<(), TestCaseError> {
    let facts = board.book(MARKET).expect("there is one").facts();
    let (mut cash, mut shares) = (own.cash(), [Outcome::Yes, Outcome::No].map(|o| own.free(o)));
    let row = |outcome| usize::from(outcome == Outcome::No);
    let mut cancelled = Vec::new();
    for request in out {
        match *request {
            Request::Place { outcome, side, price, qty, tif, post_only, .. } => {
                prop_assert!(price.is_orderable(facts.tick), "{price} on {}", facts.tick);
                prop_assert!(qty.is_orderable() && qty >= facts.min_order, "{qty} with minimum {}", facts.min_order);
                prop_assert!(post_only != matches!(tif, TimeInForce::Fak | TimeInForce::Fok));
                let fee = if post_only { Usdc::ZERO } else { facts.fee_at_most(qty) };
                match side {
                    Side::Buy => {
                        let cost = cost_ceil(price, qty).saturating_add(fee);
                        prop_assert!(cost <= cash, "{cost} of {cash}");
                        prop_assert!(
                            post_only || cost_ceil(price, qty) >= Usdc::from_micro(1_000_000),
                            "a dollar or more"
                        );
                        cash = cash.saturating_sub(cost);
                    }
                    Side::Sell => {
                        prop_assert!(qty <= shares[row(outcome)], "{qty} of {}", shares[row(outcome)]);
                        shares[row(outcome)] = shares[row(outcome)].saturating_sub(qty);
                    }
                }
            }
            Request::Merge { qty, .. } => {
                prop_assert!(!qty.is_zero() && qty <= shares[0] && qty <= shares[1]);
                shares = shares.map(|held| held.saturating_sub(qty));
            }
            Request::Cancel { order } => {
                prop_assert!(own.orders().iter().any(|open| open.order == order) && !cancelled.contains(&order));
                cancelled.push(order);
            }
            Request::CancelAll | Request::Split { .. } => prop_assert!(false, "nobody asks for {request:?}"),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nobody_asks_for_what_it_may_not(moment in moments()) {
        let (board, ears, own) = moment.scene();
        let seen = Seen { board: &board, signals: &ears, own: &own };
        for mut agent in everybody(&format!("x/{}", moment.rolls)) {
            let (mut at, mut out) = (START, Vec::new());
            for n in 0..4 {
                out.clear();
                if let Some(market) = agent.follows() {
                    let [before, after] = if n % 2 == 0 { [0.0, 1.5] } else { [0.0, -1.5] };
                    agent.hear(at, &News::Jump(crate::latent::Jump { market, at, before, after }), &seen, &mut out);
                    promises(&out, &board, &own)?;
                    continue;
                }
                let due = agent.wake(at, &seen, &mut out);
                promises(&out, &board, &own)?;
                let due = due.expect("they all come back");
                prop_assert!(due > at);
                // a wake that comes early does nothing
                out.clear();
                let early = Timestamp::from_nanos(at.nanos() + (due.nanos() - at.nanos()) / 2);
                prop_assert_eq!(agent.wake(early, &seen, &mut out), Some(due));
                prop_assert!(out.is_empty());
                at = due;
            }
        }
    }
}
