//! Placing, cancelling, and what a match does to orders, money and the public book.

use super::market::Changed;
use super::trades::{CANCELED, LIVE, MATCHED, MakerPart, OrderRow, Stage, Taker, TradeRow};
use super::{AccountIx, Exchange, Filter, Notice, PlaceRequest, Placed, PlacedStatus, Reject};
use crate::accounts::{Asset, Party, Settlement};
use crate::mechanism::book::crosses;
use crate::mechanism::{Maker, Match};
use crate::scenario::SelfTrade;
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{Nanos, OrderId, Outcome, Price, Qty, Side, TimeInForce, Usdc, cost_ceil};
use mm_core::venue::market_ws::WireEvent;
use mm_core::venue::rest::CancelReply;

/// Orders a venue remembers; behind it placing fails with the venue's own 500.
const ORDERS_MAX: usize = 500_000;
/// Largest order, shares: keeps every product of size, price, rate and curve in 128 bits.
const SIZE_MAX: Qty = Qty::from_micro(1_000_000_000_000_000);
/// A GTD order ends this long before its posted expiration.
const GTD_SAFETY: Nanos = Nanos::from_secs(60);
/// The posted expiration must be at least this far ahead.
const GTD_LEAST: Nanos = Nanos::from_secs(180);
/// Smallest marketable buy.
const MARKETABLE_LEAST: Usdc = Usdc::from_micro(1_000_000);

impl Exchange {
    /// Takes an order, or says why not. A refused order leaves no trace.
    ///
    /// # Errors
    /// [`Reject`] with the venue's status and text.
    pub fn place(
        &mut self,
        at: mm_core::domain::Timestamp,
        account: AccountIx,
        request: PlaceRequest,
    ) -> Result<Placed, Reject> {
        self.tick(at);
        let (market, outcome) = self.accepts(account, &request)?;
        let (side, price) = in_yes_terms(outcome, request.side, request.price);
        let crossing = self.markets[market].book.best(side.other()).is_some_and(|best| crosses(side, price, best));
        let immediate = matches!(request.tif, TimeInForce::Fok | TimeInForce::Fak);
        if request.post_only && crossing {
            return Err(Reject::bad("invalid post-only order: order crosses book"));
        }
        self.affords(account, market, outcome, &request, crossing)?;
        if crossing && request.side == Side::Buy && cost_ceil(request.price, request.qty) < MARKETABLE_LEAST {
            let cents = cost_ceil(request.price, request.qty).micro() / 10_000;
            return Err(Reject::bad(format!(
                "invalid amount for a marketable BUY order (${}.{:02}), min size: 1",
                cents / 100,
                cents % 100
            )));
        }
        if immediate {
            let except = (self.scenario.venue.self_trade == SelfTrade::CancelResting).then_some(account);
            let reachable = self.markets[market].book.reachable(side, price, except);
            if request.tif == TimeInForce::Fok && reachable < request.qty {
                return Err(Reject::bad("order couldn't be fully filled. FOK orders are fully filled or killed."));
            }
            if reachable.is_zero() {
                return Err(Reject::bad(
                    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
                ));
            }
        }
        Ok(self.accept(account, market, outcome, request, crossing))
    }

    /// Everything that can be said of an order without looking at money or the book.
    fn accepts(&self, account: AccountIx, request: &PlaceRequest) -> Result<(usize, Outcome), Reject> {
        let id = request.id;
        assert!(self.accounts.exists(account), "the front opened no account {}", account.0);
        let Some((market, outcome)) = self.token(&request.token) else {
            return Err(Reject::missing("No orderbook exists for the requested token id"));
        };
        let state = &self.markets[market];
        if !state.open {
            return Err(Reject::bad("the market is not yet ready to process new orders"));
        }
        if self.orders.contains_key(&id) {
            return Err(Reject::bad(format!("order {id} is invalid. Duplicated.")));
        }
        if self.orders.len() >= ORDERS_MAX {
            return Err(Reject { status: 500, text: "could not insert order".to_owned() });
        }
        let tick = state.facts.tick;
        if !request.price.is_orderable(tick) {
            let price = request.price;
            return Err(Reject::bad(format!(
                "order {id} is invalid. Price ({price}) breaks minimum tick size rule: {tick}"
            )));
        }
        if request.qty < state.facts.min_order {
            let (qty, least) = (request.qty, state.facts.min_order);
            return Err(Reject::bad(format!("order {id} is invalid. Size ({qty}) lower than the minimum: {least}")));
        }
        if !request.qty.is_orderable() || request.qty > SIZE_MAX {
            return Err(Reject::bad("Invalid order payload"));
        }
        match request.tif {
            TimeInForce::Gtd(end) if end < self.now.plus(GTD_LEAST) => Err(Reject::bad("invalid expiration")),
            TimeInForce::Fok | TimeInForce::Fak if request.post_only => Err(Reject::bad("Invalid order payload")),
            _ => Ok((market, outcome)),
        }
    }

    /// The venue's balance rule: size ≤ balance − open orders − matched trades, for the asset the order gives.
    fn affords(
        &self,
        account: AccountIx,
        market: usize,
        outcome: Outcome,
        request: &PlaceRequest,
        crossing: bool,
    ) -> Result<(), Reject> {
        let (asset, mut needs) = holds(market, outcome, request.side, request.price, request.qty);
        if crossing && request.side == Side::Buy {
            // on the way to the limit the fee curve is highest at one half
            let half = Price::from_ten_thousandths(5_000).expect("half a dollar is a price");
            needs = needs.saturating_add(self.markets[market].fee(half, request.qty).micro());
        }
        if needs <= self.accounts.free(account, asset) {
            return Ok(());
        }
        let (balance, active, matched) = (
            self.accounts.balance(account, asset),
            self.accounts.reserved(account, asset),
            self.accounts.matched(account, asset),
        );
        let sums = if active == 0 && matched == 0 {
            String::new()
        } else {
            format!(", sum of active orders: {active}, sum of matched orders: {matched}")
        };
        Err(Reject::bad(format!(
            "not enough balance / allowance: the balance is not enough -> balance: {balance}{sums}, order amount (inc. fees): {needs}"
        )))
    }

    fn accept(
        &mut self,
        account: AccountIx,
        market: usize,
        outcome: Outcome,
        request: PlaceRequest,
        crossing: bool,
    ) -> Placed {
        let PlaceRequest { id, side, price, qty, tif, owner, .. } = request;
        let (yes_side, yes_price) = in_yes_terms(outcome, side, price);
        self.accepted += 1;
        let row = OrderRow {
            account,
            owner: owner.clone(),
            market,
            outcome,
            side,
            price,
            qty,
            matched: Qty::ZERO,
            tif,
            at: self.now,
            number: self.accepted,
            status: LIVE,
            trades: Vec::new(),
        };
        self.orders.insert(id, row);
        self.tell_order(id, "PLACEMENT");
        let mut placed = Placed {
            id,
            status: PlacedStatus::Live,
            side,
            matched: Qty::ZERO,
            notional: Usdc::ZERO,
            trade_ids: Vec::new(),
        };
        let mut changed: Vec<Changed> = Vec::new();
        if crossing {
            if self.scenario.venue.self_trade == SelfTrade::CancelResting {
                self.cancel_own_crossing(account, market, yes_side, yes_price);
            }
            let matches = self.markets[market].book.take(yes_side, yes_price, qty);
            let taker = Taker {
                party: Party::Account(account),
                outcome,
                side,
                order: id,
                owner,
                address: self.accounts.address(account).to_owned(),
            };
            let first_trade = self.trades.len();
            let prints = self.trade(market, &taker, &matches, &mut changed);
            for trade in &self.trades[first_trade..] {
                placed.trade_ids.push(trade.id.clone());
                placed.matched = placed.matched.saturating_add(trade.qty);
                for leg in &trade.legs {
                    placed.notional = placed.notional.saturating_add(leg.taker.cash);
                }
            }
            if !placed.matched.is_zero() {
                placed.status = PlacedStatus::Matched;
                self.note_taker(id, &placed);
            }
            self.publish(market, &changed, prints);
            changed.clear();
        }
        let left = qty.saturating_sub(placed.matched);
        if !left.is_zero() {
            if matches!(tif, TimeInForce::Fok | TimeInForce::Fak) {
                self.end_order(id, CANCELED, "CANCELLATION");
            } else {
                let (asset, amount) = holds(market, outcome, side, price, left);
                self.accounts.reserve(account, asset, amount);
                self.markets[market].book.rest(yes_side, yes_price, id, account, outcome, left);
                self.live.insert((account, self.accepted), id);
                if let TimeInForce::Gtd(end) = tif {
                    self.expiries.insert((end.minus(GTD_SAFETY), self.accepted), id);
                }
                changed.push((yes_side, yes_price, outcome));
                self.publish(market, &changed, Vec::new());
            }
        }
        placed
    }

    /// Writes what a taker matched on arrival into its row.
    fn note_taker(&mut self, id: OrderId, placed: &Placed) {
        let row = self.orders.get_mut(&id).expect("the order was inserted on arrival");
        row.matched = placed.matched;
        row.trades.extend(placed.trade_ids.iter().cloned());
        if row.left().is_zero() {
            row.status = MATCHED;
        }
        self.tell_order(id, "UPDATE");
    }

    fn cancel_own_crossing(&mut self, account: AccountIx, market: usize, side: Side, limit: Price) {
        let own: Vec<OrderId> = (self.markets[market].book.orders())
            .filter(|(s, p, o)| *s == side.other() && crosses(side, limit, *p) && o.account == account)
            .map(|(_, _, o)| o.id)
            .collect();
        for id in own {
            self.withdraw(id, CANCELED);
        }
    }

    /// Turns matches of one taker into trades: one for each price and token met. Returns the prints to announce.
    pub(super) fn trade(
        &mut self,
        market: usize,
        taker: &Taker,
        matches: &[Match],
        changed: &mut Vec<Changed>,
    ) -> Vec<WireEvent> {
        let mut prints = Vec::new();
        let mut from = 0;
        while from < matches.len() {
            let price = matches[from].price;
            let to = from + matches[from..].iter().take_while(|m| m.price == price).count();
            prints.push(self.trade_at(market, taker, price, &matches[from..to], changed));
            from = to;
        }
        prints
    }

    /// One trade: all matches at one YES price.
    fn trade_at(
        &mut self,
        market: usize,
        taker: &Taker,
        price: Price,
        matches: &[Match],
        changed: &mut Vec<Changed>,
    ) -> WireEvent {
        let ix = self.trades.len();
        let number = u64::try_from(ix).expect("an index fits 64 bits");
        let id = self.draws.uuid("trade", "venue", number);
        let own_price = in_yes_terms(taker.outcome, Side::Buy, price).1;
        let maker_yes_side = in_yes_terms(taker.outcome, taker.side, price).0.other();
        let (mut makers, mut legs, mut qty) = (Vec::new(), Vec::new(), Qty::ZERO);
        let mut told = Vec::new();
        for (n, m) in matches.iter().enumerate() {
            let part = self.maker_part(market, taker, m, maker_yes_side, number, n);
            let fee = match taker.party {
                Party::Account(_) => self.markets[market].fee(own_price, m.qty),
                Party::House => Usdc::ZERO,
            };
            let mut leg = Settlement::new(
                market,
                (taker.party, taker.outcome, taker.side),
                (part.party, part.outcome, part.side),
                part.price,
                m.qty,
                Usdc::ZERO,
            );
            // a seller's fee comes out of what it gets and can never be more
            leg.taker.fee = if taker.side == Side::Sell { fee.min(leg.taker.cash) } else { fee };
            if let Maker::Order { id: order, .. } = m.maker {
                self.fill(order, &id, m.qty);
                told.push(order);
            }
            self.accounts.promise(market, &leg.maker);
            self.accounts.promise(market, &leg.taker);
            qty = qty.saturating_add(m.qty);
            makers.push(part);
            legs.push(leg);
        }
        changed.push((maker_yes_side, price, taker.outcome));
        let row = TradeRow {
            id,
            market,
            taker: taker.clone(),
            price: own_price,
            qty,
            makers,
            legs,
            at: self.now,
            updated: self.now,
            stage: Stage::Matched,
            transaction: None,
        };
        self.tell_trade(&row);
        self.trades.push(row);
        for order in told {
            self.tell_order(order, "UPDATE");
        }
        let rules = &self.scenario.venue;
        self.settlements.insert((self.now.plus(rules.mined), number, Stage::Mined), ix);
        self.settlements.insert((self.now.plus(rules.confirmed), number, Stage::Confirmed), ix);
        let state = &mut self.markets[market];
        state.note_print(taker.outcome, taker.side, own_price);
        WireEvent::LastTradePrice {
            market: state.facts.condition.clone(),
            token: state.facts.token_id(taker.outcome).clone(),
            price: own_price,
            qty,
            side: taker.side,
            venue_ms: self.now.ms(),
        }
    }

    /// Who rested, as the trade tells it. Recorded size is somebody selling, or buying, the taker's own token.
    fn maker_part(&self, market: usize, taker: &Taker, m: &Match, yes_side: Side, trade: u64, n: usize) -> MakerPart {
        match m.maker {
            Maker::Order { id, account, outcome, .. } => {
                let (side, price) = in_yes_terms(outcome, yes_side, m.price);
                let owner = self.orders.get(&id).map(|row| row.owner.clone()).unwrap_or_default();
                let address = self.accounts.address(account).to_owned();
                MakerPart {
                    party: Party::Account(account),
                    order: id,
                    owner,
                    address,
                    outcome,
                    side,
                    price,
                    qty: m.qty,
                }
            }
            Maker::Recorded => {
                let (side, price) = in_yes_terms(taker.outcome, yes_side, m.price);
                let k = trade.wrapping_mul(64).wrapping_add(u64::try_from(n).unwrap_or(0));
                let name = format!("recorded/{market}");
                MakerPart {
                    party: Party::House,
                    order: OrderId::from_bytes(self.draws.bytes32("order", &name, k)),
                    owner: self.house_owner.clone(),
                    address: HOUSE_ADDRESS.to_owned(),
                    outcome: taker.outcome,
                    side,
                    price,
                    qty: m.qty,
                }
            }
        }
    }

    /// A resting order was matched: its row, its reservation, its end if nothing is left. The book has let go of it already.
    fn fill(&mut self, id: OrderId, trade: &str, qty: Qty) {
        let row = self.orders.get_mut(&id).expect("only accepted orders rest");
        let (asset, before) = holds(row.market, row.outcome, row.side, row.price, row.left());
        row.matched = row.matched.checked_add(qty).expect("a fill is at most what is left");
        assert!(row.matched <= row.qty, "order {id} was filled beyond its size");
        row.trades.push(trade.to_owned());
        let (_, after) = holds(row.market, row.outcome, row.side, row.price, row.left());
        let (account, number) = (row.account, row.number);
        if row.left().is_zero() {
            row.status = MATCHED;
            self.live.remove(&(account, number));
            self.forget_expiry(id);
        }
        self.accounts.release(account, asset, before - after);
        self.fills.entry(account).and_modify(|n| *n += 1).or_insert(1);
    }

    /// Takes a resting order out of the book and tells its owner; publishing is the caller's.
    fn take_out(&mut self, id: OrderId, status: &'static str) -> Option<(usize, Changed)> {
        let row = self.orders.get(&id).filter(|row| row.is_live())?;
        let (account, number, market, outcome) = (row.account, row.number, row.market, row.outcome);
        let (side, price) = in_yes_terms(outcome, row.side, row.price);
        let (asset, amount) = holds(market, outcome, row.side, row.price, row.left());
        self.markets[market].book.remove(side, price, &id).expect("a live order rests in its book");
        self.accounts.release(account, asset, amount);
        self.live.remove(&(account, number));
        self.forget_expiry(id);
        self.end_order(id, status, "CANCELLATION");
        Some((market, (side, price, outcome)))
    }

    fn forget_expiry(&mut self, id: OrderId) {
        if let Some(row) = self.orders.get(&id)
            && let TimeInForce::Gtd(end) = row.tif
        {
            self.expiries.remove(&(end.minus(GTD_SAFETY), row.number));
        }
    }

    fn end_order(&mut self, id: OrderId, status: &'static str, kind: &str) {
        if let Some(row) = self.orders.get_mut(&id) {
            row.status = status;
        }
        self.tell_order(id, kind);
    }

    /// Ends a resting order for a reason of the venue's.
    pub(super) fn withdraw(&mut self, id: OrderId, status: &'static str) -> bool {
        match self.take_out(id, status) {
            Some((market, changed)) => {
                self.publish(market, &[changed], Vec::new());
                true
            }
            None => false,
        }
    }

    /// Sends the changed levels and prints of a market, unless it is not open.
    pub(super) fn publish(&mut self, market: usize, changed: &[Changed], prints: Vec<WireEvent>) {
        if changed.is_empty() && prints.is_empty() {
            return;
        }
        self.markets[market].changed_ms = self.now.ms();
        if self.markets[market].open {
            let changes = self.markets[market].changes(changed);
            for event in changes.into_iter().chain(prints) {
                self.frames_sent += 1;
                self.notices.push(Notice::Market(event));
            }
        }
    }

    /// Cancels the listed orders of the account.
    pub fn cancel(&mut self, at: mm_core::domain::Timestamp, account: AccountIx, ids: &[OrderId]) -> CancelReply {
        self.tick(at);
        let mut reply = CancelReply::default();
        for id in ids {
            let reason = match self.orders.get(id) {
                Some(row) if row.account != account => "Order not found or already canceled",
                Some(row) if row.is_live() => {
                    self.withdraw(*id, CANCELED);
                    reply.canceled.push(id.to_string());
                    continue;
                }
                Some(_) if reply.canceled.contains(&id.to_string()) => continue,
                Some(row) if row.status == MATCHED => "Order already matched",
                _ => "Order not found or already canceled",
            };
            reply.not_canceled.insert(id.to_string(), reason.to_owned());
        }
        reply
    }

    /// Cancels the account's orders of a market, a token, or both given; an empty filter cancels nothing.
    pub fn cancel_market(
        &mut self,
        at: mm_core::domain::Timestamp,
        account: AccountIx,
        filter: &Filter,
    ) -> CancelReply {
        self.tick(at);
        if *filter == Filter::default() {
            return CancelReply::default();
        }
        let ids = self.live_ids(account, filter);
        self.cancel(at, account, &ids)
    }

    /// Cancels every order of the account.
    pub fn cancel_all(&mut self, at: mm_core::domain::Timestamp, account: AccountIx) -> CancelReply {
        self.tick(at);
        let ids = self.live_ids(account, &Filter::default());
        self.cancel(at, account, &ids)
    }

    /// Resting orders, oldest first.
    pub(super) fn live_ids(&self, account: AccountIx, filter: &Filter) -> Vec<OrderId> {
        let all = self.live.range((account, 0)..=(account, u64::MAX)).map(|(_, id)| *id);
        all.filter(|id| self.orders.get(id).is_some_and(|row| self.passes(filter, row.market, row.outcome))).collect()
    }

    pub(super) fn passes(&self, filter: &Filter, market: usize, outcome: Outcome) -> bool {
        let facts = &self.markets[market].facts;
        filter.market.as_ref().is_none_or(|wanted| *wanted == facts.condition)
            && filter.token.as_ref().is_none_or(|wanted| wanted == facts.token_id(outcome))
    }
}

/// What an open order holds of which asset.
pub(super) fn holds(market: usize, outcome: Outcome, side: Side, price: Price, left: Qty) -> (Asset, u64) {
    match side {
        Side::Buy => (Asset::Usdc, cost_ceil(price, left).micro()),
        Side::Sell => (Asset::Share(market, outcome), left.micro()),
    }
}

/// The made-up wallet of recorded counterparties.
pub(super) const HOUSE_ADDRESS: &str = "0x000000000000000000000000000000000000dEaD";
