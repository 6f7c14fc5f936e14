//! Shares of one token, and what they cost.

use mm_core::domain::{ConditionId, Outcome, Qty, Usdc};

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
