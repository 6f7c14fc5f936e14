//! The band around the executor's own price: it bounds what a core that was taken over can give away in one order.

use super::PolicyCaps;
use mm_core::domain::{NewOrder, Price, Side, Timestamp};
use mm_core::protocol::Refusal;
use serde::{Deserialize, Serialize};

/// What others ask and bid in one market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Best bid plus best ask of the first token, in ten-thousandths: twice its midpoint, exactly.
    doubled: u16,
    /// When it was asked for.
    asked: Timestamp,
}

impl Reference {
    /// The midpoint of the first token's `bid` and `ask`; `None` unless they leave room between them.
    #[must_use]
    pub fn new(bid: Price, ask: Price, asked: Timestamp) -> Option<Self> {
        (bid < ask).then(|| Self { doubled: bid.ten_thousandths() + ask.ten_thousandths(), asked })
    }

    /// Whether an order gives away no more than the band. One that is better than the reference always passes.
    pub(super) fn judge(
        reference: Option<Self>,
        caps: &PolicyCaps,
        at: Timestamp,
        order: &NewOrder,
    ) -> Result<(), Refusal> {
        let none = |why: &str| Refusal::NoReference(why.into());
        let Some(reference) = reference else { return Err(none("no two-sided book of others was read")) };
        let age_ms = at.since(reference.asked).ms();
        if age_ms > caps.reference_max_age_ms {
            return Err(none(&format!("the last is {age_ms} ms old")));
        }
        let (doubled, band) = (i32::from(reference.doubled), 2 * i32::from(caps.reference_band.ten_thousandths()));
        let (side, price) = order.in_yes_terms();
        let doubled_limit = match side {
            Side::Buy => doubled + band,
            Side::Sell => doubled - band,
        };
        let doubled_price = 2 * i32::from(price.ten_thousandths());
        let (passes, limit) = match side {
            Side::Buy => (doubled_price <= doubled_limit, doubled_limit.div_euclid(2)),
            Side::Sell => (doubled_price >= doubled_limit, (doubled_limit + 1).div_euclid(2)),
        };
        if passes {
            return Ok(());
        }
        let limit = u16::try_from(limit.clamp(0, 10_000)).ok().and_then(Price::from_ten_thousandths).unwrap_or(price);
        let limit = if side == order.side { limit } else { limit.complement() };
        Err(Refusal::OffReference { price: order.price, limit })
    }
}
