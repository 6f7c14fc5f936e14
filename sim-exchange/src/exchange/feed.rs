//! Facts go out here, and become the venue's words where a wire listens.
//!
//! Rendering happens at the fact, not later: a frame shows the book, its hash and the order as they were then. While it is off no
//! string is built and no hash taken.

use super::fact::{Fact, OrderChange, OrderIx, TradeIx};
use super::market::{Changed, Printed};
use super::trades::{Hand, LegRow, TradeRow};
use super::{AccountIx, Exchange, Notice};
use mm_core::domain::{MarketIx, OrderId, Outcome, Qty, Timestamp};
use mm_core::venue::market_ws::WireEvent;
use mm_core::venue::order::order_type_and_expiration;
use mm_core::venue::rest::MakerOrder;
use mm_core::venue::user_ws::{OrderEvent, TradeEvent, UserEvent};

/// The made-up wallet of recorded counterparties.
const HOUSE_ADDRESS: &str = "0x000000000000000000000000000000000000dEaD";

impl Exchange {
    /// Everything that happened since the last call, in order, as the venue says it. Facts that nobody took by then are dropped:
    /// who wants both takes [`Self::facts`] first.
    pub fn drain(&mut self) -> Vec<Notice> {
        self.facts.clear();
        std::mem::take(&mut self.notices)
    }

    /// Everything that happened since the last call, in order, in numbers.
    pub fn facts(&mut self) -> std::vec::Drain<'_, Fact> {
        self.facts.drain(..)
    }

    /// The same, appended to `out`; an empty one is exchanged for the venue's own.
    pub fn take_facts(&mut self, out: &mut Vec<Fact>) {
        if out.is_empty() {
            std::mem::swap(&mut self.facts, out);
        } else {
            out.append(&mut self.facts);
        }
    }

    /// The same to look at; [`Self::clear_facts`] when that is done.
    #[must_use]
    pub fn pending_facts(&self) -> &[Fact] {
        &self.facts
    }

    /// Everything told so far has been looked at.
    pub fn clear_facts(&mut self) {
        self.facts.clear();
    }

    /// Whether facts are also rendered for [`Self::drain`]; on at first. A world without a wire switches it off.
    pub fn set_rendering(&mut self, on: bool) {
        self.rendering = on;
    }

    /// Notes a fact about an account, a trade or a market's state.
    #[inline(always)]
    pub(super) fn emit(&mut self, fact: Fact) {
        self.facts.push(fact);
        let heard = match fact {
            Fact::Order { account, .. } => self.listener == Some(account),
            Fact::Trade { .. } => self.listener.is_some(),
            _ => false,
        };
        if self.rendering || heard {
            self.render_newest();
        }
    }

    /// On its own and out of the way: where nobody listens, a fact costs its own few bytes and nothing else.
    #[cold]
    fn render_newest(&mut self) {
        let Some(fact) = self.facts.last().copied() else { return };
        if self.rendering {
            self.render(fact);
        }
        if let Some(listener) = self.listener {
            self.render_for(listener, fact);
        }
    }

    /// One level of the public book has changed to this size.
    #[inline(always)]
    pub(super) fn publish_level(&mut self, market: MarketIx, changed: Changed, qty: Qty) {
        if self.rendering {
            return self.render_level(market, changed);
        }
        let shown_ms = self.shown_ms();
        let state = &mut self.markets[market.index()];
        state.changed_ms = shown_ms;
        if state.open {
            let (side, price, first) = changed;
            self.facts.push(Fact::Level { market, side, price, qty, first });
        }
    }

    #[cold]
    fn render_level(&mut self, market: MarketIx, changed: Changed) {
        self.publish(market, &[changed], &[]);
    }

    /// Tells the changed levels and prints of a market, unless it is not open.
    #[inline]
    pub(super) fn publish(&mut self, market: MarketIx, changed: &[Changed], prints: &[Printed]) {
        if changed.is_empty() && prints.is_empty() {
            return;
        }
        let shown_ms = self.shown_ms();
        let state = &mut self.markets[market.index()];
        state.changed_ms = shown_ms;
        if !state.open {
            return;
        }
        for (n, (side, price, first)) in changed.iter().copied().enumerate() {
            if changed[..n].iter().all(|(s, p, _)| (*s, *p) != (side, price)) {
                let qty = state.book.public(side, price);
                self.facts.push(Fact::Level { market, side, price, qty, first });
            }
        }
        for (outcome, side, price, qty) in prints.iter().copied() {
            self.facts.push(Fact::Print { market, outcome, side, price, qty });
        }
        if self.rendering {
            let changes = self.markets[market.index()].changes(changed);
            self.frames(changes);
            for (outcome, side, price, qty) in prints.iter().copied() {
                let facts = &self.markets[market.index()].facts;
                let (condition, token) = (facts.condition.clone(), facts.token_id(outcome).clone());
                let venue_ms = self.shown_ms();
                self.frames([WireEvent::LastTradePrice { market: condition, token, price, qty, side, venue_ms }]);
            }
        }
    }

    fn frames(&mut self, events: impl IntoIterator<Item = WireEvent>) {
        for event in events {
            self.frames_sent += 1;
            self.notices.push(Notice::Market(event));
        }
    }

    /// The venue's words for one fact. Levels and prints are told together by [`Self::publish`], a fill by its trade.
    fn render(&mut self, fact: Fact) {
        match fact {
            Fact::Level { .. } | Fact::Print { .. } | Fact::Fill { .. } => {}
            Fact::Opened { .. } | Fact::Closed { .. } => {}
            Fact::Whole { market, outcome } => {
                let book = self.markets[market.index()].snapshot(outcome);
                self.frames([WireEvent::Book(book)]);
            }
            Fact::Tick { market, old, new } => {
                for outcome in [Outcome::Yes, Outcome::No] {
                    let facts = &self.markets[market.index()].facts;
                    let (condition, token) = (facts.condition.clone(), facts.token_id(outcome).clone());
                    let (old, venue_ms) = (Some(old), self.shown_ms());
                    self.frames([WireEvent::TickSizeChange { market: condition, token, old, new, venue_ms }]);
                }
            }
            // the venue has no frame for a payment: it shows in balances and activity
            Fact::Paid { .. } => {}
            Fact::Resolved { market, winner } => {
                let facts = &self.markets[market.index()].facts;
                let tokens = vec![facts.yes.clone(), facts.no.clone()];
                let winner = winner.map(|outcome| facts.token_id(outcome).clone());
                let (condition, venue_ms) = (facts.condition.clone(), self.shown_ms());
                self.frames([WireEvent::MarketResolved { market: condition, tokens, winner, venue_ms }]);
            }
            Fact::Order { account, order, change, .. } => {
                let event = Box::new(UserEvent::Order(self.order_event(order, change)));
                self.notices.push(Notice::User { account, event });
            }
            Fact::Trade { trade, .. } => self.render_trade(trade),
        }
    }

    fn order_event(&self, order: OrderIx, change: OrderChange) -> OrderEvent {
        let row = self.orders.row(order);
        let facts = &self.markets[row.market.index()].facts;
        let (order_type, expiration) = order_type_and_expiration(row.tif);
        let kind = match change {
            OrderChange::Placed => "PLACEMENT",
            OrderChange::Updated => "UPDATE",
            OrderChange::Ended(_) => "CANCELLATION",
        };
        let owner = self.owner(order);
        let trades = self.trade_ids(order);
        OrderEvent {
            id: self.order_id(order),
            kind: kind.to_owned(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(row.outcome).clone(),
            side: row.side.to_string(),
            price: row.price,
            original_size: Some(row.qty),
            size_matched: Some(row.matched),
            outcome: self.outcome_name(row.market, row.outcome),
            status: row.status.word().to_owned(),
            order_type: order_type.to_owned(),
            expiration: Some(expiration.to_string()),
            owner: owner.clone(),
            order_owner: owner,
            maker_address: self.accounts.address(row.account).to_owned(),
            associate_trades: if trades.is_empty() { None } else { Some(trades) },
            created_at: Some(self.shown(row.at).secs().to_string()),
            timestamp: Some(self.shown_ms().to_string()),
        }
    }

    /// What the listener's user channel says of a fact.
    fn render_for(&mut self, listener: AccountIx, fact: Fact) {
        match fact {
            Fact::Order { account, order, change, .. } if account == listener => {
                self.heard.push(UserEvent::Order(self.order_event(order, change)));
            }
            Fact::Trade { trade, .. } => {
                let Some(row) = self.trades.get(trade).copied() else { return };
                if let Some(role) = self.trades.role(&row, listener) {
                    let event = TradeEvent { trader_side: role.to_owned(), ..self.trade_event(trade, &row) };
                    self.heard.push(UserEvent::Trade(event));
                }
            }
            _ => {}
        }
    }

    /// Tells every account in the trade where it stands.
    fn render_trade(&mut self, ix: TradeIx) {
        let Some(trade) = self.trades.get(ix).copied() else { return };
        let event = self.trade_event(ix, &trade);
        for account in self.trades.accounts(&trade) {
            let trader_side = self.trades.role(&trade, account).unwrap_or_default().to_owned();
            let event = Box::new(UserEvent::Trade(TradeEvent { trader_side, ..event.clone() }));
            self.notices.push(Notice::User { account, event });
        }
    }

    /// Where a trade stands, without the part a listener has in it.
    fn trade_event(&self, ix: TradeIx, trade: &TradeRow) -> TradeEvent {
        let facts = &self.markets[trade.market.index()].facts;
        let (order, owner, address) = self.hand(trade.market, trade.taker, "taker");
        TradeEvent {
            id: self.trade_id(ix),
            kind: "TRADE".to_owned(),
            status: trade.stage.word().to_owned(),
            trader_side: String::new(),
            market: facts.condition.clone(),
            asset_id: facts.token_id(trade.outcome).clone(),
            side: trade.side.to_string(),
            price: trade.price,
            size: trade.qty,
            outcome: self.outcome_name(trade.market, trade.outcome),
            fee_rate_bps: "0".to_owned(),
            taker_order_id: order.to_string(),
            owner: owner.clone(),
            trade_owner: owner,
            maker_address: address,
            bucket_index: 0,
            match_time: Some(self.shown(trade.at).secs().to_string()),
            last_update: Some(self.shown(trade.updated).secs().to_string()),
            timestamp: Some(self.shown(trade.updated).ms().to_string()),
            transaction_hash: self.transaction(ix, trade),
            maker_orders: self.maker_orders(trade, true),
        }
    }

    pub(super) fn outcome_name(&self, market: MarketIx, outcome: Outcome) -> String {
        self.markets[market.index()].outcomes[usize::from(outcome_index(outcome))].clone()
    }

    pub(super) fn maker_orders(&self, trade: &TradeRow, stream: bool) -> Vec<MakerOrder> {
        let facts = &self.markets[trade.market.index()].facts;
        let one = |leg: &LegRow| {
            let (order_id, owner, maker_address) = self.hand(trade.market, leg.maker, "order");
            MakerOrder {
                order_id,
                owner,
                maker_address,
                matched_amount: leg.qty,
                price: leg.price,
                fee_rate_bps: "0".to_owned(),
                asset_id: facts.token_id(leg.outcome).clone(),
                outcome: self.outcome_name(trade.market, leg.outcome),
                outcome_index: stream.then_some(outcome_index(leg.outcome)),
                side: leg.side.to_string(),
            }
        };
        self.trades.legs(trade).map(one).collect()
    }

    /// Id, API key and wallet of one party's order; made up for the recorded world.
    pub(super) fn hand(&self, market: MarketIx, hand: Hand, stream: &str) -> (OrderId, String, String) {
        let id = self.hand_id(market, hand, stream);
        match hand {
            Hand::Account(account, order) => (id, self.owner(order), self.accounts.address(account).to_owned()),
            Hand::House(_) => (id, self.house_owner.clone(), HOUSE_ADDRESS.to_owned()),
        }
    }

    pub(super) fn hand_id(&self, market: MarketIx, hand: Hand, stream: &str) -> OrderId {
        match hand {
            Hand::Account(_, order) => self.order_id(order),
            Hand::House(k) => {
                let name = format!("recorded/{}", market.index());
                OrderId::from_bytes(self.draws.bytes32(stream, &name, k))
            }
        }
    }

    /// An order's hash; one that came without gets one from its number.
    pub(super) fn order_id(&self, order: OrderIx) -> OrderId {
        let known = self.orders.paper(order).and_then(|paper| paper.id);
        known.unwrap_or_else(|| OrderId::from_bytes(self.made_up.order.bytes32(self.orders.row(order).number)))
    }

    /// The API key an order came with; one that came without shows its wallet's.
    pub(super) fn owner(&self, order: OrderIx) -> String {
        match self.orders.paper(order) {
            Some(paper) if paper.id.is_some() => paper.owner.clone(),
            _ => self.made_up.owner.uuid(u64::from(self.orders.row(order).account.0)),
        }
    }

    pub(super) fn trade_id(&self, trade: TradeIx) -> String {
        self.made_up.trade.uuid(trade.0)
    }

    pub(super) fn trade_ids(&self, order: OrderIx) -> Vec<String> {
        let trades = self.orders.paper(order).into_iter().flat_map(|paper| &paper.trades);
        trades.map(|trade| self.trade_id(*trade)).collect()
    }

    /// The hash of the newest transaction that carries the trade, if one was sent.
    pub(super) fn transaction(&self, ix: TradeIx, trade: &TradeRow) -> Option<String> {
        let hash = match trade.sent.checked_sub(1)? {
            0 => self.made_up.transaction.bytes32(ix.0),
            again => self.draws.bytes32("transaction", &format!("venue/{again}"), ix.0),
        };
        Some(OrderId::from_bytes(hash).to_string())
    }

    /// Something will be due at that time.
    #[inline]
    pub(super) fn wake_by(&mut self, at: Timestamp) {
        self.wake = self.wake.min(at);
        self.wake_other = self.wake_other.min(at);
    }
}

/// The venue's number of an outcome.
const fn outcome_index(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Yes => 0,
        Outcome::No => 1,
    }
}
