//! What a dollar at work must bring, so that the wishes of all markets fit under the limit over all of them (`strategy.md` section 3).
//!
//! Worked out anew with each sample, and when markets, terms, caps, a balance or a book have come. In between it stands, whatever moves: a new price
//! touches every market. Where all wishes fit it is nothing, and changes nothing.

use super::Engine;
use super::decide::{OwnOrders, exact};
use super::horizon::Watched;
use crate::domain::{MarketIx, NewOrder, Side, Usdc};
use crate::quote::{MoneyPrice, Room, Scratch, money_price, quote_with};
use crate::risk::Limits;

/// The price, and whether it is to be worked out anew.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ration {
    pub(super) price: MoneyPrice,
    pub(super) due: bool,
    /// The dollars the last balance told.
    pub(super) told: Option<Usdc>,
    /// Who comes first is served first, as if there were no price.
    #[cfg(test)]
    off: bool,
}

impl Engine {
    /// Markets are served as they come, without a price for what they share: for comparisons.
    #[cfg(test)]
    pub(super) const fn set_first_come(&mut self, on: bool) {
        self.ration.off = on;
        self.ration.due = true;
    }

    /// What a dollar at work must bring a day now, nano-dollars; nothing where all wishes fit.
    #[must_use]
    pub const fn money_price(&self) -> MoneyPrice {
        self.ration.price
    }

    /// Works the price out if that is due; everything is decided anew when it has changed.
    pub(super) fn ration(&mut self, runs: bool) {
        // while nothing may rest nobody wishes anything: it stays due
        if !runs || self.paused || !std::mem::take(&mut self.ration.due) {
            return;
        }
        let Limits { total, free, .. } = self.limits();
        let left =
            Usdc::from_micro(u64::try_from(exact(total).saturating_sub(self.afoot.held)).unwrap_or(u64::MAX)).min(free);
        let mut scratch = self.scratch.take().unwrap_or_default();
        let mut own = std::mem::take(&mut self.own_orders);
        let price = money_price(left, |price| self.spent(price, &mut own, &mut scratch));
        #[cfg(test)]
        let price = if self.ration.off { 0 } else { price };
        (self.own_orders, self.scratch) = (own, Some(scratch));
        if std::mem::replace(&mut self.ration.price, price) != price {
            self.touch_all();
        }
    }

    /// What all markets would spend at a price.
    fn spent(&self, price: MoneyPrice, own: &mut OwnOrders, scratch: &mut Scratch) -> Usdc {
        let rows = (0u16..).map(MarketIx).take(self.markets.len());
        rows.fold(Usdc::ZERO, |sum, ix| sum.saturating_add(self.spent_in(ix, price, own, scratch)))
    }

    fn spent_in(&self, ix: MarketIx, price: MoneyPrice, own: &mut OwnOrders, scratch: &mut Scratch) -> Usdc {
        let state = &self.markets[ix.index()];
        let buys = |orders: &[NewOrder]| {
            let buys = orders.iter().filter(|order| order.side == Side::Buy);
            buys.fold(Usdc::ZERO, |sum, order| sum.saturating_add(order.notional()))
        };
        self.gather(ix, own);
        if state.book.doubt().is_some() {
            // in the middle of a timestamp nothing is decided: what rests stays
            return buys(&own.rest);
        }
        let room = Room { money: price, ..self.room(self.limits(), state.held_value) };
        let book = Watched::new(&state.book);
        let wanted = self
            .view(ix, &book, (true, own, self.holdings(ix), room))
            .filter(|_| state.minutes.left_until.is_none())
            .and_then(|view| quote_with(&view, scratch).ok());
        wanted.map_or(Usdc::ZERO, |quotes| buys(&quotes.orders))
    }

    /// The limits of the configuration and of what there is, within the executor's caps.
    pub(super) fn limits(&self) -> Limits {
        let (risk, free) = (&self.config.risk, self.inventory.usdc_free());
        Limits { market: risk.max_market, total: risk.max_total, free, order: None }.within(self.caps)
    }

    /// What may be at risk in a market where this is held.
    pub(super) fn room(&self, limits: Limits, held_here: Usdc) -> Room {
        Room {
            order: limits.order.unwrap_or(Usdc::MAX),
            market: limits.market,
            left: limits.market.saturating_sub(held_here),
            money: self.ration.price,
        }
    }
}
