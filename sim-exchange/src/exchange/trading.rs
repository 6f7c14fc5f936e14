//! Placing, and what a match does to orders, money and the public book.

use super::fact::{Ended, Fact, OrderChange, OrderIx, Stage, TradeIx};
use super::market::{Changed, Printed};
use super::orders::{Fresh, Paper, Status};
use super::refusal::{RejectWhy, fits};
use super::trades::{Hand, LegRow};
use super::{AccountIx, Exchange, PlaceRequest, Placed, PlacedStatus, Reject};
use crate::accounts::{Column, Leg, Party, split_cash};
use crate::mechanism::{Maker, Match};
use crate::scenario::SelfTrade;
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{
    MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token, Usdc, cost_ceil,
};
use std::hint::select_unpredictable;

/// Largest order, shares: keeps every product of size, price, rate and curve in 128 bits.
pub const SIZE_MAX: Qty = Qty::from_micro(1_000_000_000_000_000);
/// A GTD order ends this long before its posted expiration.
pub(super) const GTD_SAFETY: Nanos = Nanos::from_secs(60);
/// The posted expiration must be at least this far ahead.
const GTD_LEAST: Nanos = Nanos::from_secs(180);

/// What an accepted order became, without a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its row.
    pub order: OrderIx,
    /// What it became.
    pub status: PlacedStatus,
    /// Shares matched on arrival.
    pub matched: Qty,
    /// Dollars of those matches, fees not included.
    pub notional: Usdc,
    /// Number of the first trade made on arrival.
    pub first_trade: TradeIx,
    /// How many trades were made on arrival; their numbers follow one another.
    pub trades: u32,
}

/// What an order met on arrival.
struct Met {
    shares: Qty,
    /// Before fees.
    cash: Usdc,
    trades: u32,
}

impl Met {
    const NOBODY: Self = Self { shares: Qty::ZERO, cash: Usdc::ZERO, trades: 0 };
}

/// Whoever arrives and matches.
pub(super) struct Arrival {
    pub(super) hand: Hand,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    /// Fees it may still be charged: the fees of its matches, each rounded, never add up to more than was asked of its balance.
    fee_room: Usdc,
    /// Shares it has matched, and the dollars of that.
    matched: Qty,
    cash: Usdc,
    fees: Usdc,
}

impl Arrival {
    pub(super) const fn new(hand: Hand, outcome: Outcome, side: Side, fee_room: Usdc) -> Self {
        Self { hand, outcome, side, fee_room, matched: Qty::ZERO, cash: Usdc::ZERO, fees: Usdc::ZERO }
    }
}

impl Exchange {
    /// Takes an order, or says why not. A refused order leaves no trace.
    ///
    /// # Errors
    /// [`Reject`] with the venue's status and text.
    pub fn place(&mut self, at: Timestamp, account: AccountIx, request: PlaceRequest) -> Result<Placed, Reject> {
        self.tick(at);
        let PlaceRequest { id, token, side, price, qty, tif, post_only, owner } = request;
        let token = self.token(&token).ok_or_else(|| RejectWhy::UnknownToken.reject(&id))?;
        let order = NewOrder { token, side, price, qty, post_only, tif };
        let known = self.orders.find(&id).is_some();
        let crossing = self.admit(account, &order, known).map_err(|why| why.reject(&id))?;
        let paper = Paper { id: Some(id), owner, trades: Vec::new() };
        let accepted = self.accept(account, &order, crossing, Some(Box::new(paper)));
        let first = accepted.first_trade.0;
        Ok(Placed {
            id,
            status: accepted.status,
            side,
            matched: accepted.matched,
            notional: accepted.notional,
            trade_ids: (first..first + u64::from(accepted.trades)).map(|n| self.trade_id(TradeIx(n))).collect(),
        })
    }

    /// The same without hash, owner or text: for callers that share the exchange's memory. While rendering is on the order gets a
    /// made-up id.
    ///
    /// # Errors
    /// Why not. Nothing has changed then.
    pub fn submit(&mut self, at: Timestamp, account: AccountIx, order: &NewOrder) -> Result<Accepted, RejectWhy> {
        self.tick(at);
        let crossing = self.admit(account, order, false)?;
        let paper = self.rendering.then(|| Box::new(Paper { id: None, owner: String::new(), trades: Vec::new() }));
        Ok(self.accept(account, order, crossing, paper))
    }

    /// A market order without a price: FOK or FAK at the last tick.
    ///
    /// # Errors
    /// Why not. Nothing has changed then.
    pub fn submit_market(
        &mut self,
        at: Timestamp,
        account: AccountIx,
        (token, side, qty): (Token, Side, Qty),
        all_or_nothing: bool,
    ) -> Result<Accepted, RejectWhy> {
        let state = self.markets.get(token.market.index()).ok_or(RejectWhy::UnknownToken)?;
        let tick = Price::from_ten_thousandths(state.facts.tick.ten_thousandths()).expect("a tick is a price");
        let price = if side == Side::Buy { tick.complement() } else { tick };
        let tif = if all_or_nothing { TimeInForce::Fok } else { TimeInForce::Fak };
        self.submit(at, account, &NewOrder { token, side, price, qty, post_only: false, tif })
    }

    /// Every rule an order must pass, in the venue's order; whether it meets the other side of the book. Changes nothing.
    #[inline(always)]
    fn admit(&self, account: AccountIx, order: &NewOrder, known: bool) -> Result<bool, RejectWhy> {
        assert!(self.accounts.exists(account), "the front opened no account {}", account.0);
        let market = order.token.market.index();
        let Some(state) = self.markets.get(market) else { return Err(RejectWhy::UnknownToken) };
        if !state.open {
            return Err(RejectWhy::NotReady);
        }
        if known {
            return Err(RejectWhy::Duplicated);
        }
        if self.orders.is_full() {
            return Err(RejectWhy::Full);
        }
        if !order.price.is_orderable(state.facts.tick) {
            return Err(RejectWhy::OffTick { price: order.price, tick: state.facts.tick });
        }
        if order.qty < state.facts.min_order {
            return Err(RejectWhy::TooSmall { qty: order.qty, least: state.facts.min_order });
        }
        let immediate = matches!(order.tif, TimeInForce::Fok | TimeInForce::Fak);
        fits(order.side, order.qty, immediate, state.facts.tick)?;
        if order.qty > SIZE_MAX {
            return Err(RejectWhy::BadPayload);
        }
        match order.tif {
            TimeInForce::Gtd(end) if end < self.shown(self.now).plus(GTD_LEAST) => {
                return Err(RejectWhy::BadExpiration);
            }
            _ if immediate && order.post_only => return Err(RejectWhy::BadPayload),
            _ => {}
        }
        let (yes_side, yes_price) = in_yes_terms(order.token.outcome, order.side, order.price);
        let crossing = state.book.meets(yes_side, yes_price);
        if order.post_only && crossing {
            return Err(RejectWhy::WouldCross);
        }
        self.affords(account, order, crossing)?;
        if crossing && order.side == Side::Buy {
            let (notional, least) = (cost_ceil(order.price, order.qty), self.scenario.venue.marketable_min);
            if notional < least {
                return Err(RejectWhy::MarketableTooSmall { notional, least });
            }
        }
        match order.tif {
            TimeInForce::Fok if self.reachable(account, order, order.qty) < order.qty => Err(RejectWhy::NotFillable),
            TimeInForce::Fak if !crossing => Err(RejectWhy::NothingToMatch),
            _ => Ok(crossing),
        }
    }

    /// What others offer up to the order's limit; counting stops at `enough`.
    pub(super) fn reachable(&self, account: AccountIx, order: &NewOrder, enough: Qty) -> Qty {
        let (side, price) = in_yes_terms(order.token.outcome, order.side, order.price);
        self.markets[order.token.market.index()].book.reachable(side, price, self.never_meets(account), enough)
    }

    /// The account whose resting orders a taker of `account` does not match with, if there is such a rule.
    const fn never_meets(&self, account: AccountIx) -> Option<AccountIx> {
        match self.scenario.venue.self_trade {
            SelfTrade::Allow => None,
            SelfTrade::CancelResting => Some(account),
        }
    }

    /// The venue's balance rule: size ≤ balance − open orders − matched trades, for the asset the order gives.
    #[inline(always)]
    pub(super) fn affords(&self, account: AccountIx, order: &NewOrder, crossing: bool) -> Result<(), RejectWhy> {
        let (asset, mut needs) = holds(order.token.market, order.token.outcome, order.side, order.price, order.qty);
        let mut rounding = 0;
        if crossing && order.side == Side::Buy {
            let fee = self.markets[order.token.market.index()].fee_at_most(order.qty);
            needs = needs.saturating_add(fee.micro());
            rounding = self.rounding(order);
        }
        if needs.saturating_add(rounding) <= self.accounts.free(account, asset) {
            return Ok(());
        }
        Err(RejectWhy::Balance {
            balance: self.accounts.balance(account, asset),
            active: self.accounts.reserved(account, asset),
            matched: self.accounts.matched(account, asset),
            needs,
        })
    }

    /// What rounding may add to the dollars a buy takes: a millionth for each mint with a size that is not in whole hundredths.
    fn rounding(&self, order: &NewOrder) -> u64 {
        let state = &self.markets[order.token.market.index()];
        let fractional = state.fractional || !order.qty.is_orderable();
        if fractional { u64::try_from(state.book.waiting()).unwrap_or(u64::MAX) } else { 0 }
    }

    #[inline(always)]
    fn accept(&mut self, account: AccountIx, order: &NewOrder, crossing: bool, paper: Option<Box<Paper>>) -> Accepted {
        let NewOrder { token, side, price, qty, tif, .. } = *order;
        let fresh =
            Fresh { account, market: token.market, outcome: token.outcome, side, price, qty, tif, at: self.now };
        let ix = self.orders.insert(&fresh);
        if let Some(paper) = paper {
            self.orders.attach(ix, paper);
        }
        self.volume.submitted += u128::from(qty.micro());
        let held = crossing && self.markets[token.market.index()].rules.hold() > Nanos::ZERO;
        if held {
            self.orders.row_mut(ix).status = Status::Delayed;
        }
        self.emit(Fact::Order { account, order: ix, change: OrderChange::Placed, matched: Qty::ZERO, left: qty });
        if held {
            self.hold(ix);
            return Accepted { status: PlacedStatus::Delayed, ..self.nothing_yet(ix) };
        }
        self.enter(ix, account, order, crossing)
    }

    fn nothing_yet(&self, order: OrderIx) -> Accepted {
        Accepted {
            order,
            status: PlacedStatus::Live,
            matched: Qty::ZERO,
            notional: Usdc::ZERO,
            first_trade: self.trades.next(),
            trades: 0,
        }
    }

    /// An accepted order meets the book: it matches what it can, and rests with what is left if it may.
    #[inline(always)]
    pub(super) fn enter(&mut self, ix: OrderIx, account: AccountIx, order: &NewOrder, crossing: bool) -> Accepted {
        let NewOrder { token, side, price, qty, tif, .. } = *order;
        let first_trade = self.trades.next();
        let met = if crossing { self.match_on_arrival(ix, order) } else { Met::NOBODY };
        // put together from its fields at the very end: an answer that is changed in memory and copied costs several nanoseconds
        let status = if met.shares.is_zero() { PlacedStatus::Live } else { PlacedStatus::Matched };
        let Met { shares: matched, cash: notional, trades } = met;
        let accepted = Accepted { order: ix, status, matched, notional, first_trade, trades };
        let left = qty.saturating_sub(matched);
        if left.is_zero() {
            return accepted;
        }
        if matches!(tif, TimeInForce::Fok | TimeInForce::Fak) {
            self.finish(ix, Ended::Canceled);
            return accepted;
        }
        let (yes_side, yes_price) = in_yes_terms(token.outcome, side, price);
        let (asset, amount) = holds(token.market, token.outcome, side, price, left);
        self.accounts.reserve(account, asset, amount);
        let (slot, level) = self.markets[token.market.index()].book.rest(yes_side, yes_price, ix, account, left);
        self.orders.list(ix, account, slot);
        if let TimeInForce::Gtd(end) = tif {
            let (end, number) = (end.minus(GTD_SAFETY), self.orders.row(ix).number);
            self.expiries.insert((end, number), ix);
            self.wake_by(end);
        }
        self.publish_level(token.market, (yes_side, yes_price, token.outcome), level);
        accepted
    }

    /// Walks the book for an order that meets it, and tells what came of it. On its own, so that an order which only rests does not
    /// pay for the room this takes.
    #[inline(never)]
    fn match_on_arrival(&mut self, ix: OrderIx, order: &NewOrder) -> Met {
        let first = self.trades.next();
        let market = order.token.market;
        let account = self.orders.row(ix).account;
        let except = self.never_meets(account);
        let (mut matches, mut changed) = (std::mem::take(&mut self.matches), std::mem::take(&mut self.changed));
        let mut prints = std::mem::take(&mut self.prints);
        let (yes_side, yes_price) = in_yes_terms(order.token.outcome, order.side, order.price);
        let state = &mut self.markets[market.index()];
        state.book.take(yes_side, yes_price, order.qty, except, &mut matches);
        let fee_room = match order.side {
            Side::Buy => state.fee_at_most(order.qty),
            // out of what it gets
            Side::Sell => Usdc::MAX,
        };
        if except.is_some() {
            self.drop_own(&mut matches, yes_side.other(), &mut changed);
        }
        let hand = Hand::Account(account, ix);
        let mut taker = Arrival::new(hand, order.token.outcome, order.side, fee_room);
        self.trade(market, &mut taker, &matches, &mut changed, &mut prints);
        let trades = u32::try_from(self.trades.next().0 - first.0).expect("one order meets fewer levels");
        for n in 0..u64::from(trades) {
            self.orders.note_trade(ix, TradeIx(first.0 + n));
        }
        if !taker.matched.is_zero() {
            self.volume.matched += u128::from(taker.matched.micro());
            let row = self.orders.row_mut(ix);
            row.matched = taker.matched;
            if row.left().is_zero() {
                self.orders.finish(ix, Status::Matched);
            }
            self.tell_order(ix, OrderChange::Updated);
        }
        self.publish(market, &changed, &prints);
        matches.clear();
        changed.clear();
        prints.clear();
        (self.matches, self.changed, self.prints) = (matches, changed, prints);
        self.refine_tick(market);
        Met { shares: taker.matched, cash: taker.cash, trades }
    }

    /// Ends the taker's own orders that stood in its way; the book has let go of them already.
    fn drop_own(&mut self, matches: &mut Vec<Match>, side: Side, changed: &mut Vec<Changed>) {
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

/// What an open order holds of which asset.
#[inline]
pub(super) fn holds(market: MarketIx, outcome: Outcome, side: Side, price: Price, left: Qty) -> (Column, u64) {
    let (sells, cost) = (side == Side::Sell, cost_ceil(price, left).micro());
    (Column::of(sells, market.index(), outcome), select_unpredictable(sells, left.micro(), cost))
}
