//! Shares of one token, and what they cost.

use super::{Exposure, Losses};
use crate::rows::IntentRow;
use mm_core::domain::{ConditionId, Outcome, Price, Qty, Side, TokenId, Usdc, cost_ceil, cost_floor};

/// Shares of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Holding {
    pub(super) market: Option<ConditionId>,
    /// Which of its outcomes, once an order of ours has told.
    pub(super) outcome: Option<Outcome>,
    /// Buys less sells, from the moment they match.
    pub(super) matched: Qty,
    /// Settled buys less sells from the moment they match.
    pub(super) confirmed: Qty,
    /// The venue's last word on the balance, where it is below `confirmed`: no more than this may be sold. It takes no cost
    /// away: the endpoint tells a cache, and the shares may be there.
    pub(super) told: Option<Qty>,
    /// Shares behind `cost`.
    pub(super) costed: Qty,
    /// What `costed` was bought for.
    pub(super) cost: Usdc,
    /// Shares open sells have reserved.
    pub(super) reserved: Qty,
    /// Settled buys less settled sells in millionths. Below zero: shares that came by a deposit or a split were sold, which costs
    /// what they would have paid.
    pub(super) net: i128,
    /// How much of `net` counts as absent by the venue's word.
    pub(super) denied: i128,
    /// Trades that are neither confirmed nor failed.
    pub(super) unsettled: u32,
}

impl Holding {
    /// Settled shares that both the trades and the venue's word allow to sell.
    pub(super) fn sellable(&self) -> Qty {
        self.told.map_or(self.confirmed, |told| told.min(self.confirmed))
    }

    /// The venue says this many shares are there.
    pub(super) fn bound(&mut self, shares: Qty) {
        self.told = (shares < self.confirmed).then_some(shares);
    }

    /// Shares were sold: they count as gone from the match on.
    pub(super) fn sold(&mut self, qty: Qty) {
        self.matched = self.matched.saturating_sub(qty);
        self.confirmed = self.confirmed.saturating_sub(qty);
        self.told = self.told.map(|told| told.saturating_sub(qty));
    }

    /// The sale did not happen.
    pub(super) fn unsold(&mut self, qty: Qty) {
        self.matched = self.matched.saturating_add(qty);
        self.confirmed = self.confirmed.saturating_add(qty);
        self.told = self.told.map(|told| told.saturating_add(qty));
    }

    /// Takes `qty` shares and their part of the cost away; what stays is rounded up, against us. Returns what left.
    pub(super) fn release(&mut self, qty: Qty) -> Usdc {
        let stays = self.costed.saturating_sub(qty);
        let left = if self.costed.is_zero() {
            Usdc::ZERO
        } else {
            let scaled = u128::from(self.cost.micro()) * u128::from(stays.micro());
            let micro = scaled.div_ceil(u128::from(self.costed.micro()));
            Usdc::from_micro(u64::try_from(micro).expect("a part of the cost is at most the cost"))
        };
        let released = self.cost.saturating_sub(left);
        (self.costed, self.cost) = (stays, left);
        released
    }
}

/// What a trade and a balance make of shares and cost.
impl Exposure {
    /// A match counts as spent money at once.
    pub(super) fn matched(&mut self, row: &IntentRow, price: Price, qty: Qty, of_day: u64) {
        let held = self.holdings.entry(row.token.clone()).or_default();
        held.unsettled += 1;
        match row.side {
            Side::Buy => {
                let cost = cost_ceil(price, qty);
                held.matched = held.matched.saturating_add(qty);
                held.costed = held.costed.saturating_add(qty);
                held.cost = held.cost.saturating_add(cost);
                self.day.bought = self.day.bought.saturating_add(cost);
                if of_day > self.day.day {
                    self.bought_after = self.bought_after.saturating_add(cost);
                }
                self.add_cost(&row.market, cost);
            }
            Side::Sell => held.sold(qty),
        }
    }

    pub(super) fn confirmed(&mut self, row: &IntentRow, price: Price, qty: Qty) {
        let held = self.holdings.entry(row.token.clone()).or_default();
        held.unsettled = held.unsettled.saturating_sub(1);
        match row.side {
            Side::Buy => {
                held.confirmed = held.confirmed.saturating_add(qty);
                held.net += i128::from(qty.micro());
            }
            Side::Sell => {
                held.net -= i128::from(qty.micro());
                let released = held.release(qty);
                self.take_cost(&row.market, released);
                self.day.sold = self.day.sold.saturating_add(cost_floor(price, qty));
            }
        }
    }

    /// The trade did not happen. The day's counter keeps it: a cap is never given back.
    pub(super) fn failed(&mut self, row: &IntentRow, price: Price, qty: Qty) {
        let held = self.holdings.entry(row.token.clone()).or_default();
        held.unsettled = held.unsettled.saturating_sub(1);
        match row.side {
            Side::Buy => {
                let cost = cost_ceil(price, qty).min(held.cost);
                held.matched = held.matched.saturating_sub(qty);
                held.costed = held.costed.saturating_sub(qty);
                held.cost = held.cost.saturating_sub(cost);
                self.take_cost(&row.market, cost);
            }
            Side::Sell => held.unsold(qty),
        }
    }

    pub(super) fn hold(&mut self, token: &TokenId, market: &ConditionId, confirmed: Qty) {
        let held = self.holdings.entry(token.clone()).or_default();
        held.market = Some(market.clone());
        (held.matched, held.confirmed, held.told) = (confirmed, confirmed, None);
        // Shares that left without a sale of ours take their cost along; shares that came have none.
        let gone = held.costed.saturating_sub(confirmed);
        let released = held.release(gone);
        held.net -= i128::from(gone.micro());
        let outcome = held.outcome;
        self.take_cost(market, released);
        if let Some(outcome) = outcome {
            let paid = -i128::from(released.micro());
            self.lose(market, Losses { yes: paid, no: paid }.plus(Losses::in_own(outcome, gone.micro().into())));
        }
        self.doubt_shares(token);
    }

    /// Shares of our own buying that the venue's word on the balance denies pay nothing.
    pub(super) fn doubt_shares(&mut self, token: &TokenId) {
        let Some(held) = self.holdings.get_mut(token) else { return };
        let (Some(market), Some(outcome)) = (held.market.clone(), held.outcome) else { return };
        let denied = i128::from(held.confirmed.saturating_sub(held.sellable()).micro()).min(held.net.max(0));
        let more = denied - std::mem::replace(&mut held.denied, denied);
        self.lose(&market, Losses::in_own(outcome, more));
    }
}
