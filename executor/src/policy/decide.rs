//! The decision. Pure; no rule can be skipped, and rule order does not matter.

use super::{Policy, Reference};
use crate::exposure::Exposure;
use crate::sign::OrderToken;
use mm_core::domain::{
    ClientOrderId, ConditionId, Nanos, NewOrder, Outcome, Side, TimeInForce, Timestamp, TokenId, Usdc,
};
use mm_core::protocol::{Gate, Refusal};

/// Least time between now and the posted end of a GTD order (`clob-rest.md` section 13).
const GTD_LEAST_AHEAD: Nanos = Nanos::from_secs(180);

/// How far ahead of our clock an intent's own time may be before it counts as wrong.
const CLOCK_SLACK_MS: u64 = 1000;

/// Of so many intents for each placement of a minute the others may never leave, which counts for nothing else: what bounds the rows
/// a core can make the ledger write.
pub const RECORDED_FOR_EACH: u32 = 10;

/// One order a core asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The core's number for it.
    pub id: ClientOrderId,
    /// When the core decided it.
    pub decided: Timestamp,
    /// The venue's token the core's number stands for; `None` when its table has no such row.
    pub token: Option<&'a TokenId>,
    /// The order.
    pub order: NewOrder,
    /// The executor's own price of the token's market.
    pub reference: Option<Reference>,
}

/// Leave to sign one order, once. Only [`decide`] makes it; no `Clone`, no serde, private fields.
#[derive(Debug)]
#[must_use]
pub struct Approved {
    order: NewOrder,
    token: OrderToken,
    market: ConditionId,
    outcome: Outcome,
    reserve: Usdc,
}

impl Approved {
    /// The order; its `token` is the core's number, [`Self::token`] the venue's.
    #[must_use]
    pub const fn order(&self) -> &NewOrder {
        &self.order
    }

    /// The venue's token, checked for signing.
    #[must_use]
    pub const fn token(&self) -> &OrderToken {
        &self.token
    }

    /// Its market.
    #[must_use]
    pub const fn market(&self) -> &ConditionId {
        &self.market
    }

    /// Which of the market's outcomes the allow-list says the token is.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Dollars a full fill takes.
    #[must_use]
    pub const fn reserve(&self) -> Usdc {
        self.reserve
    }
}

/// Judges one order against the policy, what is open, and the gate. Every rule runs.
///
/// # Errors
/// Every reason to refuse, in a fixed order.
pub fn decide(
    policy: &Policy,
    exposure: &Exposure,
    gate: Gate,
    at: Timestamp,
    ask: &Ask<'_>,
) -> Result<Approved, Vec<Refusal>> {
    let order = ask.order;
    let caps = policy.caps();
    let mut why = Vec::new();

    if !gate.is_open(at) {
        why.push(Refusal::Gate(gate));
    }
    // An intent from the future is as doubtful as an old one: its age is told as what it is off by.
    let age_ms = at.since(ask.decided).ms().max(ask.decided.since(at).ms().saturating_sub(CLOCK_SLACK_MS));
    if age_ms > caps.intent_max_age_ms {
        why.push(Refusal::Stale { age_ms });
    }
    let rests = match order.tif {
        TimeInForce::Gtc => true,
        TimeInForce::Gtd(end) => end >= at.plus(GTD_LEAST_AHEAD),
        TimeInForce::Fok | TimeInForce::Fak => false,
    };
    if !order.post_only || !rests {
        why.push(Refusal::NotPostOnly);
    }
    if order.price < caps.min_price || order.price > caps.max_price {
        why.push(Refusal::PriceBand { price: order.price, lo: caps.min_price, hi: caps.max_price });
    }
    if let Err(refusal) = Reference::judge(ask.reference, caps, at, &order) {
        why.push(refusal);
    }
    if !order.qty.is_orderable() {
        why.push(Refusal::OffGrid(format!("size {} is not in hundredths above zero", order.qty).into()));
    }
    if order.qty > caps.max_order_shares {
        why.push(Refusal::SizeCap { qty: order.qty, cap: caps.max_order_shares });
    }
    let notional = order.notional();
    if notional > caps.max_order_usdc {
        why.push(Refusal::OrderCap { cost: notional, cap: caps.max_order_usdc });
    }
    let reserve = match order.side {
        // No fee on top: makers pay none (`clob-rest.md` section 11), and what is not post-only is refused above.
        Side::Buy => notional,
        Side::Sell => Usdc::ZERO,
    };

    let allowed = ask.token.and_then(|token| policy.token(token));
    match allowed {
        // The core's own idea of which outcome the token is must be the allow-list's: the self-cross rule rests on it.
        Some((market, outcome, token)) if outcome == order.token.outcome => {
            if !order.price.is_orderable(market.tick) {
                why.push(Refusal::OffGrid(format!("price {} is off the tick {}", order.price, market.tick).into()));
            }
            if order.qty < market.min_order {
                why.push(Refusal::OffGrid(format!("size {} is below {}", order.qty, market.min_order).into()));
            }
            if order.side == Side::Buy {
                let would_be = exposure.market(&market.condition).worst_case().saturating_add(reserve);
                if would_be > caps.max_market_usdc {
                    why.push(Refusal::MarketCap { would_be, cap: caps.max_market_usdc });
                }
            } else {
                let free = exposure.free_shares(token.id());
                if order.qty > free {
                    why.push(Refusal::NotHeld { qty: order.qty, free });
                }
            }
            let fills = exposure.traded_last_minute(token.id(), at);
            if fills >= caps.max_token_fills_per_minute {
                why.push(Refusal::Throttled(format!("{fills} trades on the token within a minute").into()));
            }
            policy.check_worst(exposure, market, &order, &mut why);
            policy.check_open(exposure, market, token.id(), &order, &mut why);
            if let Some(ours) = exposure.crosses(&market.condition, &order) {
                why.push(Refusal::SelfCross(ours));
            }
        }
        _ => why.push(Refusal::TokenNotAllowed),
    }

    if order.side == Side::Buy {
        let would_be = exposure.total().worst_case().saturating_add(reserve);
        if would_be > caps.max_total_usdc {
            why.push(Refusal::TotalCap { would_be, cap: caps.max_total_usdc });
        }
    }
    let open = exposure.open_orders();
    if open >= caps.max_open_orders {
        why.push(Refusal::OpenOrders { open, cap: caps.max_open_orders });
    }
    let recorded_max = caps.max_orders_per_minute.saturating_mul(RECORDED_FOR_EACH);
    if exposure.placed_last_minute(at) >= caps.max_orders_per_minute
        || exposure.recorded_last_minute(at) >= recorded_max
    {
        why.push(Refusal::Rate);
    }
    let day = exposure.day();
    if order.side == Side::Buy {
        let open = exposure.total().open.saturating_add(reserve);
        let bought = day.bought.saturating_add(open);
        if day.outflow(open) > i128::from(caps.max_day_outflow_usdc.micro()) {
            why.push(Refusal::DayCap("net outflow".into()));
        }
        if bought > caps.max_day_bought_usdc {
            why.push(Refusal::DayCap("bought".into()));
        }
    }
    if day.placed.saturating_add(notional) > caps.max_day_placed_usdc {
        why.push(Refusal::DayCap("placed".into()));
    }

    match (allowed, why.is_empty()) {
        (Some((market, outcome, token)), true) => {
            Ok(Approved { order, token: token.clone(), market: market.condition.clone(), outcome, reserve })
        }
        _ => Err(why),
    }
}
