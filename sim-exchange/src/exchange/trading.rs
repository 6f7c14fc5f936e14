//! Placing: from an order that passed its checks to what it has become.

use super::admission::holds;
use super::fact::{Ended, Fact, OrderChange, OrderIx, TradeIx};
use super::matching::Arrival;
use super::orders::{Fresh, Paper, Status};
use super::refusal::RejectWhy;
use super::trades::Hand;
use super::{AccountIx, Exchange, PlaceRequest, Placed, PlacedStatus, Reject};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{Nanos, NewOrder, Price, Qty, Side, TimeInForce, Timestamp, Token, Usdc};

/// A GTD order ends this long before its posted expiration.
pub(super) const GTD_SAFETY: Nanos = Nanos::from_secs(60);

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
            self.wake_by(self.unshown(end));
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
}
