//! An agent's own account as it knows it.

use super::board::Board;
use super::{News, OrderIx, Request};
use mm_core::domain::{Outcome, Price, Qty, Side, TimeInForce, Usdc, cost_ceil};

/// An order it knows to be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// The venue's number.
    pub order: OrderIx,
    /// The agent's word for it.
    pub tag: u64,
    /// Which token.
    pub outcome: Outcome,
    /// Which way.
    pub side: Side,
    /// Price of that token.
    pub price: Price,
    /// Shares it was placed with.
    pub qty: Qty,
    /// Shares not yet filled.
    pub left: Qty,
}

impl OpenOrder {
    /// Side and price in YES terms.
    #[must_use]
    pub const fn in_yes_terms(&self) -> (Side, Price) {
        match self.outcome {
            Outcome::Yes => (self.side, self.price),
            Outcome::No => (self.side.other(), self.price.complement()),
        }
    }
}

/// A placement without an answer yet: what it would take is not spent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    order: OpenOrder,
    /// Dollars it may need.
    cash: Usdc,
    /// Shares it may need.
    shares: Qty,
}

/// Money, shares and orders of one agent in its market.
///
/// Free amounts are the venue's ([`Own::refresh`]); orders and position are what the agent has heard ([`Own::apply`]); what was
/// sent and not answered counts as spent ([`Own::sent`]). The world calls all three; agents only read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    cash: Usdc,
    free: [Qty; 2],
    position: [Qty; 2],
    orders: Vec<OpenOrder>,
    sent: Vec<Sent>,
}

impl Own {
    /// An account with this much to begin with.
    #[must_use]
    pub fn new(cash: Usdc) -> Self {
        Self { cash, ..Self::default() }
    }

    /// Dollars for new orders.
    #[must_use]
    pub fn cash(&self) -> Usdc {
        self.sent.iter().fold(self.cash, |left, sent| left.saturating_sub(sent.cash))
    }

    /// Shares of one outcome for new sells.
    #[must_use]
    pub fn free(&self, outcome: Outcome) -> Qty {
        let of_it = self.sent.iter().filter(|sent| sent.order.outcome == outcome);
        of_it.fold(self.free[row(outcome)], |left, sent| left.saturating_sub(sent.shares))
    }

    /// Shares of one outcome by the fills it has heard, settled or not.
    #[must_use]
    pub const fn position(&self, outcome: Outcome) -> Qty {
        self.position[row(outcome)]
    }

    /// YES minus NO, in millionths of a share; stops at the ends.
    #[must_use]
    pub fn net_yes(&self) -> i64 {
        let net = i128::from(self.position[0].micro()) - i128::from(self.position[1].micro());
        i64::try_from(net).unwrap_or(if net < 0 { i64::MIN } else { i64::MAX })
    }

    /// Pairs that could be merged now.
    #[must_use]
    pub fn pairs(&self) -> Qty {
        self.free(Outcome::Yes).min(self.free(Outcome::No))
    }

    /// Its open orders, oldest first.
    #[must_use]
    pub fn orders(&self) -> &[OpenOrder] {
        &self.orders
    }

    /// Whether a placement has not been answered yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Placements without an answer yet. Their order number means nothing.
    pub fn in_flight(&self) -> impl Iterator<Item = &OpenOrder> {
        self.sent.iter().map(|sent| &sent.order)
    }

    /// What the venue says is free: dollars, YES and NO shares that no order holds and no unsettled trade owes.
    pub fn refresh(&mut self, cash: Usdc, yes: Qty, no: Qty) {
        self.cash = cash;
        self.free = [yes, no];
    }

    /// The agent sent a request: what it may take is no longer there for the next one.
    pub fn sent(&mut self, request: &Request, board: &Board) {
        match *request {
            Request::Place { market, outcome, side, price, qty, tif, post_only, tag } => {
                let taker = !post_only || matches!(tif, TimeInForce::Fok | TimeInForce::Fak);
                let fee = match board.book(market) {
                    Some(book) if taker => book.facts().fee_at_most(qty),
                    _ => Usdc::ZERO,
                };
                let (cash, shares) = match side {
                    Side::Buy => (cost_ceil(price, qty).saturating_add(fee), Qty::ZERO),
                    Side::Sell => (Usdc::ZERO, qty),
                };
                let order = OpenOrder { order: OrderIx(u32::MAX), tag, outcome, side, price, qty, left: qty };
                self.sent.push(Sent { order, cash, shares });
            }
            // The answer to a conversion is at once in the free amounts; until the next refresh they must not be spent twice.
            Request::Split { qty, .. } => self.cash = self.cash.saturating_sub(Usdc::from_micro(qty.micro())),
            Request::Merge { qty, .. } => self.free = self.free.map(|free| free.saturating_sub(qty)),
            Request::Cancel { .. } | Request::CancelAll => {}
        }
    }

    /// Takes in what the agent hears. Unknown orders and tags change nothing but the position.
    pub fn apply(&mut self, news: &News) {
        match *news {
            News::Accepted { tag, order } => {
                if let Some(sent) = self.answered(tag) {
                    self.orders.push(OpenOrder { order, ..sent.order });
                }
            }
            News::Rejected { tag } => {
                self.answered(tag);
            }
            News::Filled { order, outcome, side, qty, .. } => {
                let held = &mut self.position[row(outcome)];
                *held = match side {
                    Side::Buy => held.saturating_add(qty),
                    Side::Sell => held.saturating_sub(qty),
                };
                if let Some(open) = self.orders.iter_mut().find(|open| open.order == order) {
                    open.left = open.left.saturating_sub(qty);
                }
            }
            News::Ended { order } => self.orders.retain(|open| open.order != order),
            News::Split { qty, .. } => self.position = self.position.map(|held| held.saturating_add(qty)),
            News::Merged { qty, .. } => self.position = self.position.map(|held| held.saturating_sub(qty)),
            News::Jump(_) => {}
        }
    }

    fn answered(&mut self, tag: u64) -> Option<Sent> {
        let at = self.sent.iter().position(|sent| sent.order.tag == tag)?;
        Some(self.sent.remove(at))
    }
}

const fn row(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Yes => 0,
        Outcome::No => 1,
    }
}
