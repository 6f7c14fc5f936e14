//! What a set of our orders is expected to bring a day: its part of the pool, less what resting it costs.

use super::cost::dollars_of;
use super::near::{Level, Near};
use super::rivals::{DOLLAR, Rivals, halves, our_score, shares};
use super::{CostModel, MoneyPrice};
use crate::domain::{NewOrder, Price, RewardTerms, Side, SignedUsdc, Usdc};
use crate::rewards::Midpoint;
use serde::Serialize;

/// Expected dollars a day of orders as they rest, against the most the others may score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    /// The midpoint scores are measured from, with these orders in the book.
    pub scoring: Midpoint,
    /// What the orders score (`Q_min`), millionths.
    pub score: u64,
    /// The most all others may score, millionths.
    pub rivals: u64,
    /// Our part of the pool.
    pub reward_per_day: Usdc,
    /// Fills that go against us, jumps, resolution, capital; negative where the spread pays for all of it. Zero without a cost model.
    pub cost_per_day: SignedUsdc,
    /// What the dollars in it must bring because other markets want them; zero where all wishes fit.
    pub money_per_day: Usdc,
}

impl Value {
    /// The same where what these orders tie up has a price: buys tie up what they may cost, sells nothing.
    pub(super) fn paying(self, price: MoneyPrice, orders: &[NewOrder]) -> Self {
        if price == 0 {
            return self;
        }
        let tied_up: f64 =
            orders.iter().filter(|order| order.side == Side::Buy).map(|order| dollars(order.notional())).sum();
        Self { money_per_day: Usdc::from_micro(micro(tied_up * dollars_of(price))), ..self }
    }

    /// Reward less cost, and less what the money must bring.
    #[must_use]
    pub fn net_per_day(&self) -> SignedUsdc {
        let [reward, money] =
            [self.reward_per_day, self.money_per_day].map(|dollars| i64::try_from(dollars.micro()).unwrap_or(i64::MAX));
        SignedUsdc::from_micro(reward.saturating_sub(self.cost_per_day.micro()).saturating_sub(money))
    }
}

/// Dollars as a float.
#[expect(clippy::cast_precision_loss, reason = "a pool is far below 2^52 millionths")]
pub(super) fn dollars(amount: Usdc) -> f64 {
    amount.micro() as f64 / 1e6
}

/// A float as whole millionths, not below zero; what does not fit is the largest there is.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and sends what is no number to zero"
)]
pub(super) fn micro(x: f64) -> u64 {
    libm::round(x * 1e6) as u64
}

/// A float of dollars as whole millionths, held inside what fits.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
pub(super) fn to_signed_usdc(x: f64) -> SignedUsdc {
    SignedUsdc::from_micro(libm::round(x * 1e6) as i64)
}

/// The value of bids and asks in place of what we have in the book, with the midpoint they make, at a cost that is the model's, by their
/// distance from the fair value, and what was learned beside it.
pub(super) fn value<I: Iterator<Item = Level>>(
    (near, rivals): (&mut Near<'_, I>, &mut Rivals),
    terms: &RewardTerms,
    (cost, learned): (Option<&CostModel>, f64),
    fair: Midpoint,
    scoring: Midpoint,
    [bids, asks]: [&[Level]; 2],
) -> Value {
    let rivals = rivals.most_at(near, terms, scoring);
    let score = our_score([bids, asks], terms, scoring);
    let reward = if score > 0.0 { dollars(terms.rate_per_day) * score / (score + rivals) } else { 0.0 };
    let mut costs = 0.0;
    if let Some(cost) = cost {
        let around = cost.around(fair);
        let mut add = |(price, qty): Level, paid: Price| {
            let distance = cost.at_distance(fair.distance_halves(price));
            costs += (distance + around.at_price(halves(paid) / DOLLAR) + learned) * shares(qty);
        };
        bids.iter().for_each(|bid| add(*bid, bid.0));
        asks.iter().for_each(|ask| add(*ask, ask.0.complement()));
    }
    Value {
        scoring,
        score: micro(score),
        rivals: micro(rivals),
        reward_per_day: Usdc::from_micro(micro(reward)),
        cost_per_day: to_signed_usdc(costs),
        money_per_day: Usdc::ZERO,
    }
}
