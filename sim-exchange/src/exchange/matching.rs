//! What a match does to orders, money and the public book: one trade for each price met, one leg for each order that rested.

use super::Exchange;
use super::admission::holds;
use super::fact::{Ended, Fact, OrderChange, OrderIx, Stage, TradeIx};
use super::market::{Changed, Printed};
use super::orders::Status;
use super::trades::{Hand, LegRow};
use crate::accounts::{Leg, Party, split_cash};
use crate::mechanism::{Maker, Match};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, Usdc};

/// Whoever arrives and matches.
pub(super) struct Arrival {
    pub(super) hand: Hand,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    /// Fees it may still be charged: the fees of its matches, each rounded, never add up to more than was asked of its balance.
    fee_room: Usdc,
    /// Shares it has matched, and the dollars of that.
    pub(super) matched: Qty,
    pub(super) cash: Usdc,
    fees: Usdc,
}

impl Arrival {
    pub(super) const fn new(hand: Hand, outcome: Outcome, side: Side, fee_room: Usdc) -> Self {
        Self { hand, outcome, side, fee_room, matched: Qty::ZERO, cash: Usdc::ZERO, fees: Usdc::ZERO }
    }
}

impl Exchange {
    /// Ends the taker's own orders that stood in its way; the book has let go of them already.
    pub(super) fn drop_own(&mut self, matches: &mut Vec<Match>, side: Side, changed: &mut Vec<Changed>) {
        matches.retain(|m| {
            let Maker::Own { order } = m.maker else { return true };
            let outcome = self.orders.row(order).outcome;
            self.let_go(order, Ended::Canceled);
            changed.push((side, m.price, outcome));
            false
        });
    }

    /// Turns matches of one taker into trades: one for each price met. Adds the levels and prints to announce.
    pub(super) fn trade(
        &mut self,
        market: MarketIx,
        taker: &mut Arrival,
        matches: &[Match],
        changed: &mut Vec<Changed>,
        prints: &mut Vec<Printed>,
    ) {
        let mut from = 0;
        while from < matches.len() {
            let price = matches[from].price;
            let to = from + matches[from..].iter().take_while(|m| m.price == price).count();
            prints.push(self.trade_at(market, taker, price, &matches[from..to], changed));
            from = to;
        }
    }

    /// One trade: all matches at one YES price.
    pub(super) fn trade_at(
        &mut self,
        market: MarketIx,
        taker: &mut Arrival,
        price: Price,
        matches: &[Match],
        changed: &mut Vec<Changed>,
    ) -> Printed {
        self.trades.forget_old(&mut self.orders);
        let ix = self.trades.next();
        let (hand, outcome, side) = (taker.hand, taker.outcome, taker.side);
        let (matched, fees) = (taker.matched, taker.fees);
        let own_price = in_yes_terms(outcome, Side::Buy, price).1;
        let maker_yes_side = in_yes_terms(outcome, side, price).0.other();
        self.trades.push(hand, (market, outcome, side, own_price), self.now);
        for (n, m) in matches.iter().enumerate() {
            self.trade_leg(ix, n, taker, m, maker_yes_side);
        }
        changed.push((maker_yes_side, price, outcome));
        let (qty, fee) = (taker.matched.saturating_sub(matched), taker.fees.saturating_sub(fees));
        if let Hand::Account(account, order) = hand {
            self.orders.pin(order);
            self.emit(Fact::Fill {
                account,
                order,
                trade: ix,
                market,
                outcome,
                side,
                price: own_price,
                qty,
                fee,
                taker: true,
            });
        }
        self.emit(Fact::Trade { trade: ix, stage: Stage::Matched });
        for m in matches {
            if let Maker::Order { order, .. } = m.maker {
                self.tell_order(order, OrderChange::Updated);
            }
        }
        self.plan_settlement(ix);
        self.markets[market.index()].last_print = Some((outcome, own_price, side));
        (outcome, side, own_price, qty)
    }

    /// One match of a trade: the money of both sides, and the maker's order.
    #[inline]
    fn trade_leg(&mut self, ix: TradeIx, n: usize, taker: &mut Arrival, m: &Match, maker_yes_side: Side) {
        let trade = self.trades.get(ix).expect("it was begun");
        let (market, own_price) = (trade.market, trade.price);
        let (outcome, side) = (taker.outcome, taker.side);
        let (maker, maker_outcome) = match m.maker {
            Maker::Order { order, .. } => {
                let row = self.orders.row(order);
                (Hand::Account(row.account, order), row.outcome)
            }
            Maker::Recorded | Maker::Own { .. } => {
                let k = ix.0.wrapping_mul(64).wrapping_add(u64::try_from(n).unwrap_or(0));
                (Hand::House(k), outcome)
            }
        };
        // recorded size is somebody selling, or buying, the taker's own token
        let (maker_side, maker_price) = in_yes_terms(maker_outcome, maker_yes_side, m.price);
        let fee = match taker.hand.party() {
            Party::Account(_) => self.markets[market.index()].fee(own_price, m.qty).min(taker.fee_room),
            Party::House => Usdc::ZERO,
        };
        let (maker_cash, taker_cash) = split_cash(maker_price, m.qty, maker_outcome == outcome);
        // a seller's fee comes out of what it gets and can never be more
        let fee = if side == Side::Sell { fee.min(taker_cash) } else { fee };
        taker.fee_room = taker.fee_room.saturating_sub(fee);
        taker.matched = taker.matched.saturating_add(m.qty);
        taker.cash = taker.cash.saturating_add(taker_cash);
        taker.fees = taker.fees.saturating_add(fee);
        self.rebates.note(self.now.day(), &self.markets[market.index()], market, maker, (maker_price, m.qty, fee));
        if let Hand::Account(account, order) = maker {
            self.fill(order, ix, m.qty);
            self.emit(Fact::Fill {
                account,
                order,
                trade: ix,
                market,
                outcome: maker_outcome,
                side: maker_side,
                price: maker_price,
                qty: m.qty,
                fee: Usdc::ZERO,
                taker: false,
            });
        }
        let (row, qty) = (market.index(), m.qty);
        let maker_leg = Leg {
            party: maker.party(),
            outcome: maker_outcome,
            side: maker_side,
            qty,
            cash: maker_cash,
            fee: Usdc::ZERO,
        };
        let taker_leg = Leg { party: taker.hand.party(), outcome, side, qty, cash: taker_cash, fee };
        self.accounts.promise(row, &maker_leg);
        self.accounts.promise(row, &taker_leg);
        let (outcome, side, price) = (maker_outcome, maker_side, maker_price);
        self.trades.push_leg(LegRow { maker, outcome, side, price, qty, maker_cash, taker_cash, fee });
    }

    /// A resting order was matched: its row, its reservation, its end if nothing is left. The book has let go of it already.
    #[inline]
    fn fill(&mut self, ix: OrderIx, trade: TradeIx, qty: Qty) {
        let row = self.orders.row_mut(ix);
        let (asset, before) = holds(row.market, row.outcome, row.side, row.price, row.left());
        row.matched = row.matched.checked_add(qty).expect("a fill is at most what is left");
        assert!(row.matched <= row.qty, "order {} was filled beyond its size", ix.0);
        self.markets[row.market.index()].fractional |= !qty.is_orderable();
        let (_, after) = holds(row.market, row.outcome, row.side, row.price, row.left());
        let (account, left) = (row.account, row.left());
        if left.is_zero() {
            self.forget_expiry(ix);
            self.orders.leave(ix, account, Status::Matched);
        }
        self.orders.pin(ix);
        self.orders.note_trade(ix, trade);
        self.orders.count_fill(account);
        self.volume.matched += u128::from(qty.micro());
        self.accounts.release(account, asset, before - after);
    }
}
