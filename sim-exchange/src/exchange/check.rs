//! What must hold between two calls (`simulator.md` section 6), one typed violation for each promise.

use super::admission::holds;
use super::fact::{OrderIx, TradeIx};
use super::orders::Status;
use super::{AccountIx, Exchange};
use crate::accounts::{Asset, Broken};
use mm_core::domain::{MarketIx, Price, Qty, Timestamp, Usdc};
use std::collections::BTreeMap;

/// A promise that does not hold. The world must stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {invariant} at {} ns: {wrong}", at.nanos())]
pub struct Violation {
    /// Its number in the list of invariants.
    pub invariant: u8,
    /// The venue's time.
    pub at: Timestamp,
    /// What is wrong, with the numbers.
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Money or tokens (1, 2), or what is held of them.
    #[error(transparent)]
    Money(#[from] Broken),
    /// A trade whose two sides do not cancel (3).
    #[error("trade {}: buyers pay {paid}, sellers, collateral and fees get {got}", trade.0)]
    Trade {
        /// Which.
        trade: TradeIx,
        /// Dollars given by buyers and by undone pairs.
        paid: Usdc,
        /// Dollars received by sellers, new pairs and the venue.
        got: Usdc,
    },
    /// A book that contradicts itself: links, sums, order of arrival, a crossed top (6).
    #[error("market {}: {why}", market.0)]
    Book {
        /// Where.
        market: MarketIx,
        /// What.
        why: String,
    },
    /// An order that the book and the table see differently (6).
    #[error("order {}: {rests} rests, {left} is left", order.0)]
    Order {
        /// Which.
        order: OrderIx,
        /// In the book.
        rests: Qty,
        /// In the table.
        left: Qty,
    },
    /// Orders of an account hold something else than is reserved (6).
    #[error("account {}: {reserved} of {asset:?} reserved, open orders hold {hold}", account.0)]
    Reserved {
        /// Whose.
        account: AccountIx,
        /// Of what.
        asset: Asset,
        /// As the purse has it.
        reserved: u64,
        /// As the orders add up.
        hold: u64,
    },
    /// Shares of a sample that are not one whole, or a pool that is short (5).
    #[error("rewards: {0}")]
    Rewards(String),
    /// Shares got lost: matched + given up + waiting is not what was asked for (7).
    #[error("{submitted} millionths of a share were asked for, {accounted} are accounted for")]
    Volume {
        /// Asked for.
        submitted: u128,
        /// Matched, given up, resting and held.
        accounted: u128,
    },
    /// A fill at a worse price than the order's limit (8).
    #[error("trade {}: order {} was filled at {price}, its limit is {limit}", trade.0, order.0)]
    Limit {
        /// Which trade.
        trade: TradeIx,
        /// Which order.
        order: OrderIx,
        /// The fill's price.
        price: Price,
        /// The order's.
        limit: Price,
    },
}

impl Exchange {
    /// Checks every promise of the venue's that must hold between two calls. Trades are looked at in the instant they are made.
    /// Costs what looking at every purse and every resting order once costs.
    ///
    /// # Errors
    /// The first promise that is broken, with the numbers.
    pub fn check(&self) -> Result<(), Violation> {
        let wrong = |invariant, wrong| Violation { invariant, at: self.now, wrong };
        self.accounts.check().map_err(|broken| {
            let invariant = if matches!(broken, Broken::Cash { .. }) { 1 } else { 2 };
            wrong(invariant, Wrong::Money(broken))
        })?;
        self.programme.check().map_err(|why| wrong(5, Wrong::Rewards(why)))?;
        self.check_trades().map_err(|(n, why)| wrong(n, why))?;
        let waiting = self.check_books().map_err(|why| wrong(6, why))?;
        let (submitted, volume) = (self.volume.submitted, self.volume);
        let accounted = volume.matched + volume.canceled + waiting;
        if submitted != accounted {
            return Err(wrong(7, Wrong::Volume { submitted, accounted }));
        }
        Ok(())
    }

    /// Trades of this instant: both sides cancel, and nobody is filled beyond a limit.
    fn check_trades(&self) -> Result<(), (u8, Wrong)> {
        for (ix, trade) in self.trades.newest().take_while(|(_, trade)| trade.at == self.now) {
            for leg in self.trades.legs(trade) {
                let money = trade.settlement(leg);
                let (paid, got) = money.flows();
                if paid != got {
                    return Err((3, Wrong::Trade { trade: ix, paid, got }));
                }
                for (hand, price) in [(leg.maker, leg.price), (trade.taker, trade.price)] {
                    let Some(order) = hand.order() else { continue };
                    let row = self.orders.row(order);
                    let worse = match row.side {
                        mm_core::domain::Side::Buy => price > row.price,
                        mm_core::domain::Side::Sell => price < row.price,
                    };
                    if worse {
                        return Err((8, Wrong::Limit { trade: ix, order, price, limit: row.price }));
                    }
                }
            }
        }
        Ok(())
    }

    /// Books against themselves, against the table of orders and against the purses. Shares that wait, in millionths.
    fn check_books(&self) -> Result<u128, Wrong> {
        let mut reserved: BTreeMap<(AccountIx, Asset), u64> = BTreeMap::new();
        let (mut resting, mut waiting) = (0usize, 0u128);
        for (row, state) in (0u16..).zip(&self.markets) {
            let market = MarketIx(row);
            let book = |why: String| Wrong::Book { market, why };
            state.book.check().map_err(book)?;
            let top = state.top();
            if let (true, Some(bid), Some(ask)) = (state.open, top.bid, top.ask)
                && bid >= ask
            {
                return Err(book(format!("the public book is crossed, bid {bid}, ask {ask}")));
            }
            let mut before = None;
            for (side, price, order) in state.book.orders() {
                let known = self.orders.row(order.order);
                if !known.rests() || known.left() != order.remaining || known.account != order.account {
                    let (rests, left) = (order.remaining, known.left());
                    return Err(Wrong::Order { order: order.order, rests, left });
                }
                if before.is_some_and(|(s, p, number)| {
                    (s, p) == (side, price) && number >= known.number && !self.was_held(order.order)
                }) {
                    return Err(book(format!("{side} {price}: the queue is not in order of arrival")));
                }
                before = Some((side, price, known.number));
                let (held, amount) = holds(known.market, known.outcome, known.side, known.price, known.left());
                *reserved.entry((known.account, held.asset())).or_insert(0) += amount;
                resting += 1;
                waiting += u128::from(order.remaining.micro());
            }
        }
        let listed = self.orders.resting_total();
        if resting != listed {
            return Err(Wrong::Book {
                market: MarketIx(0),
                why: format!("{resting} orders rest, {listed} are listed"),
            });
        }
        for account in self.accounts.iter().map(|(ix, _)| ix) {
            for (asset, is) in self.accounts.reservations(account) {
                let hold = reserved.remove(&(account, asset)).unwrap_or(0);
                if hold != is {
                    return Err(Wrong::Reserved { account, asset, reserved: is, hold });
                }
            }
        }
        if let Some(((account, asset), hold)) = reserved.pop_first() {
            return Err(Wrong::Reserved { account, asset, reserved: 0, hold });
        }
        let held = self.held.values().map(|ix| u128::from(self.orders.row(*ix).left().micro()));
        Ok(waiting + held.sum::<u128>())
    }

    /// A held order enters its queue later than it was accepted.
    fn was_held(&self, order: OrderIx) -> bool {
        let row = self.orders.row(order);
        row.status == Status::Unmatched || self.markets[row.market.index()].rules.hold() > mm_core::domain::Nanos::ZERO
    }
}
