//! Markets, caps and times that rehearsals share.

use crate::config::Buckets;
use crate::desk::Setup;
use crate::eip712::Chain;
use crate::gate::GateTimes;
use crate::limits::Limits;
use crate::policy::{AllowedMarket, Policy, PolicyCaps};
use crate::sign::Account;
use alloy_primitives::Address;
use mm_core::domain::{
    ConditionId, EventId, MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Side, TickSize, TimeInForce, Timestamp,
    Token, TokenId, Usdc,
};
use mm_core::venue::order::SignatureType;

/// 2026-06-07T01:30:00Z.
pub const START: Timestamp = Timestamp::from_ms(1_780_795_800_000);

/// The condition of the nth market.
#[must_use]
pub fn condition(n: u16) -> ConditionId {
    ConditionId::parse(&format!("0x{n:064x}")).expect("64 hex digits")
}

/// A token of the nth market, with the size of a real one.
#[must_use]
pub fn token_id(n: u16, outcome: Outcome) -> TokenId {
    let last = u32::from(n) * 2 + u32::from(outcome == Outcome::No);
    TokenId::parse(&format!("7132104567925221259462638553270691275033272857194253228963{last:018}")).expect("digits")
}

/// A policy over `markets` markets with round caps.
#[must_use]
pub fn policy(markets: u16) -> Policy {
    let usdc = |n| Usdc::from_whole(n).expect("small");
    let price = |n| Price::from_ten_thousandths(n).expect("below one");
    let caps = PolicyCaps {
        max_order_shares: Qty::from_whole(100).expect("small"),
        max_order_usdc: usdc(25),
        max_market_usdc: usdc(60),
        max_total_usdc: usdc(100),
        max_market_loss_usdc: usdc(60),
        max_event_loss_usdc: usdc(60),
        max_total_loss_usdc: usdc(100),
        max_token_orders: 8,
        max_market_orders: 8,
        max_event_orders: 8,
        max_token_resting_usdc: usdc(60),
        max_market_resting_usdc: usdc(100),
        max_event_resting_usdc: usdc(100),
        max_open_orders: 8,
        max_orders_per_minute: 40,
        max_token_fills_per_minute: 200,
        max_rejects_in_a_row: 20,
        max_day_bought_usdc: usdc(300),
        max_day_outflow_usdc: usdc(300),
        max_day_placed_usdc: usdc(20_000),
        min_price: price(200),
        max_price: price(9800),
        reference_band: price(9999),
        reference_max_age_ms: 10_000,
        intent_max_age_ms: 2000,
    };
    policy_with(caps, markets)
}

/// A policy with these caps over `markets` markets.
#[must_use]
pub fn policy_with(caps: PolicyCaps, markets: u16) -> Policy {
    let market = |n| AllowedMarket {
        slug: format!("market-{n}").into(),
        condition: condition(n),
        event: None,
        yes: token_id(n, Outcome::Yes),
        no: token_id(n, Outcome::No),
        neg_risk: false,
        tick: TickSize::CENT,
        min_order: Qty::from_whole(5).expect("small"),
    };
    Policy::new(caps, (0..markets).map(market).collect()).expect("distinct tokens")
}

/// The same markets as one event in which at most one ends YES.
#[must_use]
pub fn one_event(policy: &Policy) -> Policy {
    let mut markets = policy.markets().to_vec();
    for market in &mut markets {
        (market.event, market.neg_risk) = (Some(EventId::parse("1").expect("a number")), true);
    }
    Policy::new(*policy.caps(), markets).expect("distinct tokens")
}

/// Caps that keep nothing from a house of a thousand orders.
#[must_use]
pub fn wide_policy() -> Policy {
    let usdc = |n| Usdc::from_whole(n).expect("small");
    let caps = PolicyCaps {
        max_market_usdc: usdc(1_000_000),
        max_total_usdc: usdc(1_000_000),
        max_market_loss_usdc: usdc(1_000_000),
        max_event_loss_usdc: usdc(1_000_000),
        max_total_loss_usdc: usdc(1_000_000),
        max_token_orders: 5000,
        max_market_orders: 5000,
        max_event_orders: 5000,
        max_token_resting_usdc: usdc(1_000_000),
        max_market_resting_usdc: usdc(1_000_000),
        max_event_resting_usdc: usdc(1_000_000),
        max_day_bought_usdc: usdc(1_000_000),
        max_day_outflow_usdc: usdc(1_000_000),
        max_day_placed_usdc: usdc(1_000_000),
        max_open_orders: 5000,
        max_orders_per_minute: 5000,
        ..*policy(1).caps()
    };
    policy_with(caps, 2)
}

/// The buckets of the lowest tier (`clob-rest.md` section 16).
#[must_use]
pub fn standard_limits() -> Limits {
    Limits::new(Some(Buckets { orders: 40, orders_burst: 60, cancels: 80, cancels_burst: 120 }))
}

/// The times of the example configuration, with a shorter gap between readings.
#[must_use]
pub fn times() -> GateTimes {
    let ms = Nanos::from_ms;
    GateTimes {
        core_silent: ms(2000),
        feed_max_age: ms(60_000),
        heartbeat_every: ms(5000),
        heartbeat_max_age: ms(8000),
        geoblock_every: ms(60_000),
        geoblock_max_age: ms(180_000),
        closed_only_every: ms(3_600_000),
        closed_only_max_age: ms(10_800_000),
        user_probe: ms(5000),
        user_tell: ms(1000),
        user_dead: ms(30_000),
        clock_every: ms(60_000),
        clock_max_age: ms(180_000),
        clock_pause: ms(3000),
        clock_halt: ms(30_000),
        zero_gap: ms(200),
        reading_retry: ms(200),
        request_timeout: ms(5000),
        cancel_timeout: ms(500),
        late_landing: ms(120_000),
        pause_window: ms(600_000),
        pauses_max: 3,
    }
}

/// A set-up for an account nobody holds.
#[must_use]
pub fn setup(policy: Policy, withhold: bool) -> Setup {
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, Address::repeat_byte(0x11), None);
    Setup {
        account: account.expect("an EOA needs no wallet"),
        policy,
        times: times(),
        withhold,
        remembered: None,
        auto_arm: false,
    }
}

/// A post-only GTC order; price in cents, whole shares.
#[must_use]
pub fn order(market: u16, outcome: Outcome, side: Side, cents: u16, shares: u64) -> NewOrder {
    NewOrder {
        token: Token { market: MarketIx(market), outcome },
        side,
        price: Price::from_ten_thousandths(cents * 100).expect("below one"),
        qty: Qty::from_whole(shares).expect("small"),
        post_only: true,
        tif: TimeInForce::Gtc,
    }
}
