use super::*;
use crate::exposure::Exposure;
use crate::rehearsal::{START, condition, order, policy_with, token_id, wide_policy};
use crate::rows::{Became, IntentRow, LedgerRow};
use mm_core::domain::{
    ClientOrderId, Nanos, NewOrder, OrderId, Price, Side, TickSize, Timestamp, Token, TradeId, cost_ceil,
};
use mm_core::protocol::{Gate, Refusal, Stage};

fn usdc(n: u64) -> Usdc {
    Usdc::from_whole(n).expect("small")
}

pub(super) fn wide() -> PolicyCaps {
    *wide_policy().caps()
}

/// What is open and held before an order is judged.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) exposure: Exposure,
    orders: u8,
}

impl Scene {
    pub(super) fn open(&mut self, order: NewOrder) -> OrderId {
        self.orders += 1;
        let id = OrderId::from_bytes([self.orders; 32]);
        let Token { market, outcome } = order.token;
        self.exposure.apply(&LedgerRow::Intent(Box::new(IntentRow {
            at: START,
            epoch: 1,
            run: 1,
            id: ClientOrderId(self.orders.into()),
            payload: Digest([0; 32]),
            order: id,
            salt: 1,
            at_ms: 0,
            market: condition(market.0),
            outcome,
            token: token_id(market.0, outcome),
            neg_risk: false,
            side: order.side,
            price: order.price,
            qty: order.qty,
            tif: order.tif,
            reserve: cost_ceil(order.price, order.qty),
            gate: Gate::Unchecked,
            policy: Digest([0; 32]),
            exposure: Digest([0; 32]),
            reference: None,
        })));
        id
    }

    pub(super) fn filled(&mut self, order: NewOrder) {
        let id = self.open(order);
        let trade = TradeId::parse(&format!("trade-{id}")).expect("a name");
        for stage in [Stage::Matched, Stage::Confirmed] {
            let (price, qty) = (order.price, order.qty);
            self.exposure.apply(&LedgerRow::Fill {
                at: START,
                order: id,
                trade: trade.clone(),
                price,
                qty,
                stage,
                matched: None,
            });
        }
        self.exposure.apply(&LedgerRow::Outcome { at: START, order: id, became: Became::Ended { matched: order.qty } });
    }

    fn judge(&self, policy: &Policy, order: NewOrder) -> Vec<Refusal> {
        let token = token_id(order.token.market.0, order.token.outcome);
        let reference = Reference::new(price(5000), price(5200), START.minus(Nanos::from_secs(5)));
        let ask = Ask { id: ClientOrderId(99), decided: START, token: Some(&token), order, reference };
        decide(policy, &self.exposure, Gate::Open { until: Timestamp::MAX }, START, &ask).err().unwrap_or_default()
    }
}

fn buy(market: u16, outcome: Outcome, cents: u16, shares: u64) -> NewOrder {
    order(market, outcome, Side::Buy, cents, shares)
}

/// One order of ten dollars rests on YES of the first market, and ten dollars of its NO are held.
fn scene() -> Scene {
    let mut scene = Scene::default();
    scene.open(buy(0, Outcome::Yes, 20, 50));
    scene.filled(buy(0, Outcome::No, 50, 20));
    scene
}

/// The policy with both markets in one event, as markets that exclude each other or not.
fn one_event(caps: PolicyCaps, neg_risk: bool) -> Policy {
    let mut markets = policy_with(caps, 2).markets().to_vec();
    for market in &mut markets {
        (market.event, market.neg_risk) = (EventId::parse("7").ok(), neg_risk);
    }
    Policy::new(caps, markets).expect("distinct tokens")
}

type Tighten = fn(&mut PolicyCaps);
type Names = fn(&Refusal) -> bool;

/// Each cap set just below what the order needs, and the refusal that names it. The order: 40 NO of the first market at 50 c.
const CAPS: [(&str, Tighten, Names); 25] = [
    (
        "max_order_shares",
        |c| c.max_order_shares = Qty::from_micro(39_999_999),
        |r| matches!(r, Refusal::SizeCap { .. }),
    ),
    ("max_order_usdc", |c| c.max_order_usdc = just_below(20), |r| matches!(r, Refusal::OrderCap { .. })),
    ("max_market_usdc", |c| c.max_market_usdc = just_below(40), |r| matches!(r, Refusal::MarketCap { .. })),
    ("max_total_usdc", |c| c.max_total_usdc = just_below(40), |r| matches!(r, Refusal::TotalCap { .. })),
    // It ends YES: 10 paid for NO and 20 for this order. Ends NO: 20 − 10 of NO pay for the 10 at risk on YES.
    ("max_market_loss_usdc", |c| c.max_market_loss_usdc = just_below(30), |r| worst_of(r, "market")),
    ("max_event_loss_usdc", |c| c.max_event_loss_usdc = just_below(30), |r| worst_of(r, "event")),
    ("max_total_loss_usdc", |c| c.max_total_loss_usdc = just_below(30), |r| worst_of(r, "house")),
    ("max_token_orders", |c| c.max_token_orders = 0, |r| open_on(r, "token")),
    ("max_market_orders", |c| c.max_market_orders = 1, |r| open_on(r, "market")),
    ("max_event_orders", |c| c.max_event_orders = 1, |r| open_on(r, "event")),
    ("max_token_resting_usdc", |c| c.max_token_resting_usdc = just_below(20), |r| resting_on(r, "token")),
    ("max_market_resting_usdc", |c| c.max_market_resting_usdc = just_below(30), |r| resting_on(r, "market")),
    ("max_event_resting_usdc", |c| c.max_event_resting_usdc = just_below(30), |r| resting_on(r, "event")),
    ("max_open_orders", |c| c.max_open_orders = 1, |r| matches!(r, Refusal::OpenOrders { .. })),
    ("max_orders_per_minute", |c| c.max_orders_per_minute = 2, |r| *r == Refusal::Rate),
    ("max_token_fills_per_minute", |c| c.max_token_fills_per_minute = 1, |r| matches!(r, Refusal::Throttled(_))),
    ("max_day_bought_usdc", |c| c.max_day_bought_usdc = just_below(40), |r| *r == Refusal::DayCap("bought".into())),
    (
        "max_day_outflow_usdc",
        |c| c.max_day_outflow_usdc = just_below(40),
        |r| *r == Refusal::DayCap("net outflow".into()),
    ),
    ("max_day_placed_usdc", |c| c.max_day_placed_usdc = just_below(40), |r| *r == Refusal::DayCap("placed".into())),
    ("min_price", |c| c.min_price = price(5001), |r| matches!(r, Refusal::PriceBand { .. })),
    ("max_price", |c| c.max_price = price(4999), |r| matches!(r, Refusal::PriceBand { .. })),
    // A cent above the midpoint of NO.
    ("reference_band", |c| c.reference_band = price(99), |r| matches!(r, Refusal::OffReference { .. })),
    ("reference_max_age_ms", |c| c.reference_max_age_ms = 4999, |r| matches!(r, Refusal::NoReference(_))),
    ("a grid", |_| (), |r| matches!(r, Refusal::OffGrid(_))),
    ("a minimum", |_| (), |r| matches!(r, Refusal::OffGrid(_))),
];

const fn just_below(whole: u64) -> Usdc {
    Usdc::from_micro(whole * 1_000_000 - 1)
}

fn price(n: u16) -> Price {
    Price::from_ten_thousandths(n).expect("below one")
}

fn worst_of(why: &Refusal, place: &str) -> bool {
    matches!(why, Refusal::WorstCase { of, .. } if &**of == place)
}

fn open_on(why: &Refusal, place: &str) -> bool {
    matches!(why, Refusal::OpenOn { of, .. } if &**of == place)
}

fn resting_on(why: &Refusal, place: &str) -> bool {
    matches!(why, Refusal::Resting { of, .. } if &**of == place)
}

fn wanted() -> NewOrder {
    buy(0, Outcome::No, 50, 40)
}

/// `caps` with what an order needs of the market's own grid.
fn grid(name: &str, caps: PolicyCaps) -> Policy {
    let mut markets = policy_with(caps, 2).markets().to_vec();
    match name {
        "a grid" => markets[0].tick = TickSize::parse("0.1").expect("a tick"),
        "a minimum" => markets[0].min_order = Qty::from_whole(41).expect("small"),
        _ => {}
    }
    Policy::new(caps, markets).expect("distinct tokens")
}

#[test]
fn of_every_cap_that_can_be_used_up_the_use_is_shown() {
    let usage = wide_policy().usage(&Exposure::default(), START);
    let single = usage.iter().filter(|cap| cap.used.is_none()).map(|cap| &*cap.name);
    assert_eq!(
        single.collect::<Vec<_>>(),
        [
            "max_order_shares",
            "max_order_usdc",
            "min_price",
            "max_price",
            "reference_band",
            "reference_max_age_ms",
            "intent_max_age_ms"
        ],
        "a new cap is counted in policy/usage.rs, or is one on single orders"
    );
}

#[test]
fn each_cap_refuses_by_itself_and_says_so() {
    let scene = scene();
    assert_eq!(scene.judge(&policy_with(wide(), 2), wanted()), [], "the wide caps let it through");
    for (name, tighten, names) in CAPS {
        let mut caps = wide();
        tighten(&mut caps);
        let wanted = if name == "a grid" { buy(0, Outcome::No, 55, 36) } else { wanted() };
        let why = scene.judge(&grid(name, caps), wanted);
        assert!(why.len() == 1 && names(&why[0]), "{name}: {why:?}");
    }
}

#[test]
fn every_reason_is_told_at_once() {
    let mut caps = wide();
    CAPS.iter().for_each(|(name, tighten, _)| {
        // One end of the band, what an old reference would say and the market's own grid aside.
        if !["max_price", "reference_band", "a grid", "a minimum"].contains(name) {
            tighten(&mut caps);
        }
    });
    let why = scene().judge(&policy_with(caps, 2), wanted());
    assert_eq!(why.len(), CAPS.len() - 4, "{why:?}");
}

#[test]
fn what_is_held_can_be_sold_when_every_loss_cap_is_used_up() {
    let mut scene = Scene::default();
    scene.filled(buy(0, Outcome::Yes, 60, 100));
    let mut caps = wide();
    (caps.max_market_loss_usdc, caps.max_event_loss_usdc, caps.max_total_loss_usdc) = (usdc(1), usdc(1), usdc(1));
    (caps.max_market_usdc, caps.max_total_usdc) = (usdc(1), usdc(1));
    let policy = policy_with(caps, 2);
    assert_eq!(scene.judge(&policy, order(0, Outcome::Yes, Side::Sell, 55, 40)), []);
    let more = scene.judge(&policy, buy(0, Outcome::Yes, 10, 10));
    assert!(more.iter().any(|why| worst_of(why, "market")), "{more:?}");
}

#[test]
fn a_sale_that_breaks_a_full_set_is_a_risk_like_any_other() {
    let mut scene = Scene::default();
    scene.filled(buy(0, Outcome::Yes, 40, 100));
    scene.filled(buy(0, Outcome::No, 60, 100));
    let sale = order(0, Outcome::Yes, Side::Sell, 45, 40);
    let caps = PolicyCaps { max_market_loss_usdc: just_below(22), ..wide() };
    let why = scene.judge(&policy_with(caps, 2), sale);
    assert!(why.len() == 1 && worst_of(&why[0], "market"), "{why:?}");
    let caps = PolicyCaps { max_market_loss_usdc: usdc(22), ..wide() };
    assert_eq!(scene.judge(&policy_with(caps, 2), sale), []);
}

#[test]
fn an_event_counts_its_markets_together_and_as_exclusive_only_where_they_are() {
    let mut scene = Scene::default();
    scene.open(buy(1, Outcome::No, 80, 25));
    let wanted = buy(0, Outcome::No, 80, 30);
    // At most one of them ends YES: 20 dollars are lost, or these 24. If both may, both are.
    for (neg_risk, lost) in [(true, 24), (false, 44)] {
        let caps = PolicyCaps { max_event_loss_usdc: just_below(lost), ..wide() };
        let why = scene.judge(&one_event(caps, neg_risk), wanted);
        assert!(why.len() == 1 && worst_of(&why[0], "event"), "{neg_risk}: {why:?}");
        let caps = PolicyCaps { max_event_loss_usdc: usdc(lost), ..wide() };
        assert_eq!(scene.judge(&one_event(caps, neg_risk), wanted), []);
    }
    let caps = PolicyCaps { max_event_orders: 1, max_event_resting_usdc: just_below(44), ..wide() };
    assert_eq!(scene.judge(&one_event(caps, true), wanted).len(), 2);
    assert_eq!(scene.judge(&policy_with(caps, 2), wanted), [], "markets without an event stand alone");
}

#[test]
fn what_one_event_won_pays_for_no_risk_in_another() {
    let mut scene = Scene::default();
    scene.filled(buy(0, Outcome::Yes, 20, 100));
    scene.filled(order(0, Outcome::Yes, Side::Sell, 60, 100));
    let caps = PolicyCaps { max_total_loss_usdc: just_below(20), ..wide() };
    let why = scene.judge(&policy_with(caps, 2), buy(1, Outcome::Yes, 50, 40));
    assert!(why.len() == 1 && worst_of(&why[0], "house"), "{why:?}");
}

#[test]
fn a_market_off_the_list_still_counts_in_the_house() {
    let mut scene = Scene::default();
    scene.open(buy(1, Outcome::Yes, 50, 40));
    let caps = PolicyCaps { max_total_loss_usdc: just_below(40), ..wide() };
    let why = scene.judge(&policy_with(caps, 1), buy(0, Outcome::Yes, 50, 40));
    assert!(why.len() == 1 && worst_of(&why[0], "house"), "{why:?}");
}

#[test]
fn a_policy_only_ever_gets_tighter() {
    for (name, tighten, _) in CAPS.into_iter().take(23) {
        let mut tighter = wide();
        tighten(&mut tighter);
        let mut policy = policy_with(wide(), 2);
        assert_eq!(policy.tighten(policy_with(tighter, 2)), Ok(()), "{name}");
        let held = policy.clone();
        let loosened = policy.tighten(policy_with(wide(), 2)).expect_err(name);
        assert_eq!(loosened, [Loosened(name.into())]);
        assert_eq!(policy, held, "nothing changes then");
    }
    let mut policy = policy_with(wide(), 1);
    assert!(policy.tighten(policy_with(wide(), 2)).is_err(), "a market more");
    let mut event = one_event(wide(), true);
    assert!(event.tighten(one_event(wide(), false)).is_err(), "another idea of what excludes what");
}
