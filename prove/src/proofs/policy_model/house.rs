//! The executor's half of the model: the fold and the decision as they run in production, and the ways to break them.

use executor::exposure::Exposure;
use executor::policy::{AllowedMarket, Ask, Policy, PolicyCaps, Reference, decide};
use executor::rehearsal::{condition, token_id};
use executor::rows::{IntentRow, LedgerRow};
use mm_core::domain::{
    ClientOrderId, ConditionId, Digest, MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize,
    TimeInForce, Timestamp, Token, TokenId, Usdc, cost_ceil,
};
use mm_core::protocol::{Gate, Refusal, Shut};
use std::sync::Arc;

/// What may be asked for: outcome, side, cents, shares. Two tokens, two prices, two sizes.
pub(super) const MENU: [(Outcome, Side, u16, u64); 10] = [
    (Outcome::Yes, Side::Buy, 40, 1),
    (Outcome::Yes, Side::Buy, 40, 2),
    (Outcome::Yes, Side::Buy, 60, 1),
    (Outcome::Yes, Side::Buy, 60, 2),
    (Outcome::No, Side::Buy, 40, 1),
    (Outcome::No, Side::Buy, 40, 2),
    (Outcome::No, Side::Buy, 60, 1),
    (Outcome::No, Side::Buy, 60, 2),
    (Outcome::Yes, Side::Sell, 60, 1),
    (Outcome::No, Side::Sell, 40, 2),
];

/// One thing that is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// An order the venue acknowledges a cancel of counts as ended with what was seen to trade.
    ReleasesAtAck,
    /// An order whose answer was lost counts as never landed.
    ForgetsUnknown,
    /// An order the venue refused counts as one that never left.
    TakesANoForKeptIn,
    /// A day begins by our own clock.
    RollsByOwnClock,
    /// A restart finds no orders that were on their way.
    LosesInFlight,
    /// A sale counts as settled when it matches.
    SettlesAtMatch,
    /// Any policy is taken, tighter or not.
    TakesAnyPolicy,
    /// One refusal, by its name, is not heeded.
    Heeds(&'static str),
}

/// Refusals whose rule a limit or a promise of the model rests on.
pub(super) const RULES: [&str; 18] = [
    "Gate",
    "Stale",
    "NotPostOnly",
    "PriceBand",
    "OffGrid",
    "SizeCap",
    "OrderCap",
    "TokenNotAllowed",
    "OffReference",
    "NotHeld",
    "SelfCross",
    "MarketCap",
    "WorstCase",
    "Resting",
    "OpenOrders",
    "DayCap(\"bought\")",
    "DayCap(\"net outflow\")",
    "DayCap(\"placed\")",
];

/// Midnight of the model's first day.
const FIRST: Timestamp = Timestamp::from_ms(1_780_790_400_000);

pub(super) fn first_day() -> u64 {
    FIRST.day()
}

/// What a clock shows `days` days after the first, at noon.
pub(super) fn noon(days: i8) -> Timestamp {
    let noon = FIRST.plus(Nanos::from_secs(86_400 * 3 / 2));
    let off = Nanos::from_secs(86_400 * u64::from(days.unsigned_abs()));
    let noon = noon.minus(Nanos::from_secs(86_400));
    if days < 0 { noon.minus(off) } else { noon.plus(off) }
}

pub(super) fn token(outcome: Outcome) -> TokenId {
    token_id(0, outcome)
}

pub(super) fn market() -> ConditionId {
    condition(0)
}

fn cents(n: u16) -> Price {
    Price::from_ten_thousandths(n * 100).expect("below one")
}

pub(super) fn shares(n: u64) -> Qty {
    Qty::from_whole(n).expect("small")
}

pub(super) fn order((outcome, side, price, qty): (Outcome, Side, u16, u64)) -> NewOrder {
    NewOrder {
        token: Token { market: MarketIx(0), outcome },
        side,
        price: cents(price),
        qty: shares(qty),
        post_only: true,
        tif: TimeInForce::Gtc,
    }
}

/// The policy in force from the start, and the one it is tightened to.
pub(super) fn policies() -> [Policy; 2] {
    let usdc = |cents: u64| Usdc::from_micro(cents * 10_000);
    let caps = PolicyCaps {
        max_order_shares: shares(2),
        max_order_usdc: usdc(82),
        max_market_usdc: usdc(105),
        max_total_usdc: usdc(1000),
        max_market_loss_usdc: usdc(150),
        max_event_loss_usdc: usdc(150),
        max_total_loss_usdc: usdc(150),
        max_token_orders: 2,
        max_market_orders: 2,
        max_event_orders: 2,
        max_token_resting_usdc: usdc(90),
        max_market_resting_usdc: usdc(210),
        max_event_resting_usdc: usdc(210),
        max_open_orders: 2,
        max_orders_per_minute: 3,
        max_token_fills_per_minute: 100,
        max_rejects_in_a_row: 100,
        max_day_bought_usdc: usdc(90),
        max_day_outflow_usdc: usdc(85),
        max_day_placed_usdc: usdc(220),
        min_price: cents(30),
        max_price: cents(70),
        reference_band: cents(12),
        reference_max_age_ms: 10_000,
        intent_max_age_ms: 2000,
    };
    let tighter =
        PolicyCaps { max_market_loss_usdc: usdc(90), max_day_outflow_usdc: usdc(70), max_open_orders: 1, ..caps };
    [caps, tighter].map(|caps| Policy::new(caps, vec![listed()]).expect("a policy"))
}

/// One that allows more than the first.
pub(super) fn looser() -> Policy {
    let [policy, _] = policies();
    let twice = |usdc: Usdc| usdc.saturating_add(usdc);
    let caps = PolicyCaps {
        max_market_usdc: twice(policy.caps().max_market_usdc),
        max_total_usdc: twice(policy.caps().max_total_usdc),
        max_market_loss_usdc: twice(policy.caps().max_market_loss_usdc),
        max_event_loss_usdc: twice(policy.caps().max_event_loss_usdc),
        max_total_loss_usdc: twice(policy.caps().max_total_loss_usdc),
        ..*policy.caps()
    };
    Policy::new(caps, vec![listed()]).expect("a policy")
}

fn listed() -> AllowedMarket {
    AllowedMarket {
        slug: "model".into(),
        condition: market(),
        event: None,
        yes: token(Outcome::Yes),
        no: token(Outcome::No),
        neg_risk: false,
        tick: TickSize::CENT,
        min_order: shares(1),
    }
}

/// Rows in their order, shared between states.
#[derive(Clone, Default)]
pub(super) struct Rows(Option<Arc<(LedgerRow, Rows)>>);

impl Rows {
    pub(super) fn push(&mut self, row: LedgerRow) {
        self.0 = Some(Arc::new((row, std::mem::take(self))));
    }

    pub(super) fn in_order(&self) -> Vec<&LedgerRow> {
        let mut rows = Vec::new();
        let mut next = self;
        while let Some(link) = &next.0 {
            rows.push(&link.0);
            next = &link.1;
        }
        rows.reverse();
        rows
    }
}

/// What a policy says of an order: its row, or why not.
pub(super) fn judge(
    policy: &Policy,
    exposure: &Exposure,
    gate: Gate,
    at: Timestamp,
    ask: &Ask<'_>,
    wrong: Option<Wrong>,
) -> Result<(), Vec<Refusal>> {
    match decide(policy, exposure, gate, at, ask) {
        Ok(approved) => {
            assert!(approved.order().post_only, "approved and not post-only");
            Ok(())
        }
        Err(mut why) => {
            if let Some(Wrong::Heeds(name)) = wrong {
                why.retain(|why| !format!("{why:?}").starts_with(name));
            }
            if why.is_empty() { Ok(()) } else { Err(why) }
        }
    }
}

/// An ask for what is on the menu, as good as can be.
pub(super) fn ask(token: &TokenId, order: NewOrder, at: Timestamp) -> Ask<'_> {
    Ask {
        id: ClientOrderId(1),
        decided: at,
        token: Some(token),
        order,
        reference: Reference::new(cents(49), cents(51), at),
    }
}

/// Asks of which every single one must be refused, whatever is open: each breaks one rule and no other.
pub(super) fn bad_asks(at: Timestamp) -> Vec<(&'static str, Gate, Option<TokenId>, NewOrder, Timestamp)> {
    let open = Gate::Open { until: Timestamp::MAX };
    let good = order((Outcome::Yes, Side::Buy, 40, 1));
    let yes = Some(token(Outcome::Yes));
    let odd = |n: u16| Price::from_ten_thousandths(n).expect("below one");
    vec![
        ("Gate", Gate::Unchecked, yes.clone(), good, at),
        ("Gate", Gate::Shut(Shut::Halted), yes.clone(), good, at),
        ("Gate", Gate::Open { until: at }, yes.clone(), good, at),
        ("Stale", open, yes.clone(), good, at.minus(Nanos::from_ms(2001))),
        ("Stale", open, yes.clone(), good, at.plus(Nanos::from_ms(3001))),
        ("NotPostOnly", open, yes.clone(), NewOrder { post_only: false, ..good }, at),
        ("NotPostOnly", open, yes.clone(), NewOrder { tif: TimeInForce::Fok, ..good }, at),
        ("NotPostOnly", open, yes.clone(), NewOrder { tif: TimeInForce::Gtd(at), ..good }, at),
        ("PriceBand", open, yes.clone(), NewOrder { price: cents(29), ..good }, at),
        ("OffReference", open, yes.clone(), NewOrder { price: cents(63), ..good }, at),
        ("OffGrid", open, yes.clone(), NewOrder { price: odd(4001), ..good }, at),
        ("OffGrid", open, yes.clone(), NewOrder { qty: Qty::from_micro(1_000_001), ..good }, at),
        ("OffGrid", open, yes.clone(), NewOrder { qty: Qty::ZERO, ..good }, at),
        ("SizeCap", open, yes.clone(), NewOrder { qty: Qty::from_micro(2_010_000), price: cents(30), ..good }, at),
        ("OrderCap", open, yes.clone(), NewOrder { qty: shares(2), price: cents(42), ..good }, at),
        ("SizeCap", open, yes.clone(), NewOrder { qty: Qty::from_micro(u64::MAX - 1_615), ..good }, at),
        ("TokenNotAllowed", open, None, good, at),
        ("TokenNotAllowed", open, Some(token_id(1, Outcome::Yes)), good, at),
        ("TokenNotAllowed", open, Some(token(Outcome::No)), good, at),
    ]
}

/// The row of an approved order, as the desk makes it; what only tells of its circumstances is left out, so that states that differ in
/// nothing else are one.
pub(super) fn intent(item: usize, nth: u8, at: Timestamp) -> LedgerRow {
    let order = order(MENU[item]);
    LedgerRow::Intent(Box::new(IntentRow {
        at,
        epoch: 1,
        run: 1,
        id: ClientOrderId(number(item, nth).into()),
        payload: Digest([0; 32]),
        order: hash(item, nth),
        salt: 1,
        at_ms: at.ms(),
        market: market(),
        outcome: order.token.outcome,
        token: token(order.token.outcome),
        neg_risk: false,
        side: order.side,
        price: order.price,
        qty: order.qty,
        tif: order.tif,
        reserve: if order.side == Side::Buy { cost_ceil(order.price, order.qty) } else { Usdc::ZERO },
        gate: Gate::Unchecked,
        policy: Digest([0; 32]),
        exposure: Digest([0; 32]),
        reference: None,
    }))
}

fn number(item: usize, nth: u8) -> u8 {
    u8::try_from(item * 4).unwrap_or(0) + nth + 1
}

/// Orders that differ in nothing but when they were placed have the same names whichever came first.
pub(super) fn hash(item: usize, nth: u8) -> OrderId {
    OrderId::from_bytes([number(item, nth); 32])
}
