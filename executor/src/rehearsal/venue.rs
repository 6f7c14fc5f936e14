//! The venue: the truth that promises are judged by. It shares no arithmetic with the desk's exposure.

use super::fixtures::{condition, token_id};
use crate::outcome::{Answer, VenueCall, VenueReply};
use mm_core::domain::{Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, Timestamp, TokenId, Usdc};
use mm_core::venue::rest::LAST_CURSOR;
use serde_json::json;
use std::collections::BTreeMap;

/// How the venue treats a placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPost {
    /// Takes it and says so.
    #[default]
    Accept,
    /// Takes it; the answer is lost.
    TakeAndLose,
    /// Does not take it; the answer is lost.
    DropAndLose,
    /// Takes it this long after the caller gave up.
    TakeLate(Nanos),
    /// Says no with a documented reason.
    Reject,
    /// Takes it and names another order.
    OtherId,
    /// Does not take it and answers with this status and an empty body.
    Status(u16),
    /// Answers with this status and an empty body, and takes it this long afterwards.
    StatusThenTake(u16, Nanos),
    /// Takes it, fills it whole and answers with this status and an empty body.
    StatusAfterFill(u16),
    /// Nothing was sent.
    NotSent,
}

/// How the geoblock endpoint answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGeo {
    /// Not blocked.
    #[default]
    Clear,
    /// Blocked.
    Blocked,
    /// A page instead of JSON.
    Html,
    /// JSON without the field.
    NoField,
    /// This status and a page.
    Status(u16),
    /// Never answers.
    Silent,
}

/// An order at the venue.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    /// The order.
    pub order: NewOrder,
    /// Matched so far.
    pub matched: Qty,
    /// Still in the book.
    pub live: bool,
}

/// A trade with one of our orders.
#[derive(Clone, Debug)]
pub(super) struct Traded {
    pub(super) at: Timestamp,
    /// By the venue's clock.
    pub(super) matched: Timestamp,
    pub(super) order: OrderId,
    pub(super) price: Price,
    pub(super) qty: Qty,
}

/// The venue's state: the truth.
#[derive(Debug, Default)]
pub struct Venue {
    /// Every order it took.
    pub orders: BTreeMap<OrderId, Resting>,
    pub(super) trades: Vec<Traded>,
    /// Every order that reached it: when, and which.
    pub posts: Vec<(Timestamp, OrderId)>,
    /// Treatment of placements.
    pub on_post: OnPost,
    /// Treatment of geoblock questions.
    pub on_geo: OnGeo,
    /// This many cancel calls fail first.
    pub cancels_fail: u32,
    /// Look-ups by id know nothing.
    pub forgetful: bool,
    /// The stream tells nothing.
    pub mute: bool,
    /// The list of trades is empty, as it is for a while at the real venue.
    pub lists_no_trades: bool,
    /// Every page of trades names another one.
    pub endless_trades: bool,
    /// The list of trades tells them as settled; otherwise the stream alone does.
    pub lists_settled: bool,
    /// This many readings of trades fail first.
    pub trades_fail: u32,
    /// The price of trades, if it is not that of the order.
    pub trades_at: Option<Price>,
    /// Readings of trades that go back further than this fail.
    pub trades_reach: Option<Nanos>,
    /// A row that every page of trades has besides the others.
    pub strange_trade: Option<Box<str>>,
    /// From when on trades were asked for, call by call.
    pub trades_since: Vec<Timestamp>,
    /// A beat must name the one before it, whoever sends it, as at the real venue. Otherwise any will do.
    pub chains_beats: bool,
    pub(super) last_beat: Option<Box<str>>,
    /// Beats it accepted.
    pub beats: u64,
    /// Times anything was cancelled.
    pub cancel_alls: u32,
    /// What the balance endpoint says of every token, instead of the truth.
    pub balance_says: Option<Qty>,
    /// The balance endpoint tells what it knew of a token when that was last refreshed: nothing, if it never was.
    pub caches_balances: bool,
    /// What each token's last refresh found.
    pub refreshed: BTreeMap<TokenId, Qty>,
    /// Times anything was refreshed, dollars included.
    pub refreshes: u32,
    /// The status that every look-up and list tells.
    pub status_word: Option<&'static str>,
    /// Look-ups, lists and the stream's cancellations do not tell yet how much of an order matched.
    pub size_lags: bool,
    /// The stream's cancellations tell no size at all, and come after the answer to the cancel.
    pub sizeless: bool,
    /// The list of open orders is empty.
    pub lists_no_orders: bool,
    /// Cancels are answered and cancel nothing.
    pub refuses_cancels: bool,
    /// Answers to cancels name no order.
    pub names_no_canceled: bool,
    /// The venue's clock is this far behind ours.
    pub clock_behind: Nanos,
    /// What others bid and ask for the first token of every market, in cents; 0: nobody does. `None`: 49 and 51.
    pub others: Option<(u16, u16)>,
    /// Readings of books fail.
    pub books_fail: bool,
    /// Books still show what was cancelled.
    pub books_lag: bool,
    /// When books were asked for.
    pub books_asked: Vec<Timestamp>,
    /// The cash account.
    pub usdc: u64,
    /// The answer about our part of all markets, and the one about a day; without one the question is lost.
    pub shares: Option<serde_json::Value>,
    /// See [`Self::shares`].
    pub earned: Option<serde_json::Value>,
    /// Days that were asked for.
    pub days_asked: Vec<u32>,
}

impl Venue {
    pub(super) fn take(&mut self, id: OrderId, order: NewOrder) {
        self.orders.entry(id).or_insert(Resting { order, matched: Qty::ZERO, live: true });
    }

    pub(super) fn order_json(&self, id: OrderId, resting: &Resting) -> serde_json::Value {
        let (token, order) = (resting.order.token, resting.order);
        let told = if self.size_lags { Qty::ZERO } else { resting.matched };
        let status = match (resting.live, resting.matched == order.qty) {
            (true, _) => "LIVE",
            (false, true) => "MATCHED",
            (false, false) => "CANCELED",
        };
        let status = self.status_word.unwrap_or(status);
        json!({ "id": id.to_string(), "status": status, "owner": "", "maker_address": "", "side": order.side.as_str(),
                "market": condition(token.market.0), "asset_id": token_id(token.market.0, token.outcome),
                "original_size": order.qty.to_string(), "size_matched": told.to_string(),
                "price": order.price.to_string(), "associate_trades": null, "outcome": "", "created_at": 0,
                "expiration": "0", "order_type": "GTC" })
    }

    pub(super) fn trade_json(&self, nth: usize, status: &str) -> serde_json::Value {
        let trade = &self.trades[nth];
        let order = self.orders[&trade.order].order;
        let token = token_id(order.token.market.0, order.token.outcome);
        let market = condition(order.token.market.0);
        let taker = OrderId::from_bytes([0xdd; 32]).to_string();
        json!({ "id": format!("trade-{nth}"), "status": status, "market": market, "asset_id": token, "side": "SELL",
                "taker_order_id": taker, "price": trade.price.to_string(), "size": trade.qty.to_string(),
                "match_time": trade.matched.secs().to_string(),
                "maker_orders": [{ "order_id": trade.order.to_string(), "matched_amount": trade.qty.to_string(),
                                   "price": trade.price.to_string(), "asset_id": token, "side": order.side.as_str() }] })
    }

    /// Every trade: its name, its day by the venue's clock, and what a buyer paid.
    pub fn paid(&self) -> impl Iterator<Item = (String, u64, Usdc)> {
        self.trades.iter().enumerate().map(|(nth, trade)| {
            let cost = mm_core::domain::cost_ceil(trade.price, trade.qty);
            (format!("trade-{nth}"), trade.matched.day(), cost)
        })
    }

    fn page(rows: &[serde_json::Value], next: &str) -> VenueReply {
        let body = json!({ "limit": 100, "count": rows.len(), "next_cursor": next, "data": rows });
        VenueReply::Answer(Answer::new(200, body.to_string()))
    }

    /// The answer to a call; `None`: never.
    pub(super) fn answer(&mut self, call: &VenueCall, at: Timestamp) -> Option<VenueReply> {
        let ok = |body: serde_json::Value| Some(VenueReply::Answer(Answer::new(200, body.to_string())));
        if call.is_cancel() && self.cancels_fail > 0 {
            self.cancels_fail -= 1;
            return Some(VenueReply::Answer(Answer::new(500, r#"{"error":"Internal server error"}"#)));
        }
        match call {
            VenueCall::Cancel(ids) => ok(self.cancel_where(|id, _| ids.contains(id))),
            VenueCall::CancelAll => {
                self.cancel_alls += 1;
                ok(self.cancel_where(|_, _| true))
            }
            VenueCall::CancelMarket(market) => {
                ok(self.cancel_where(|_, resting| condition(resting.order.token.market.0) == *market))
            }
            VenueCall::OpenOrders { .. } => {
                let live = self.orders.iter().filter(|(_, resting)| resting.live && !self.lists_no_orders);
                Some(Self::page(
                    &live.map(|(id, resting)| self.order_json(*id, resting)).collect::<Vec<_>>(),
                    LAST_CURSOR,
                ))
            }
            VenueCall::Order(id) => match self.orders.get(id).filter(|_| !self.forgetful) {
                Some(resting) => ok(self.order_json(*id, resting)),
                None => ok(serde_json::Value::Null),
            },
            VenueCall::Trades { since, .. } => {
                self.trades_since.push(*since);
                let too_far = self.trades_reach.is_some_and(|reach| *since < at.minus(reach));
                if self.trades_fail > 0 || too_far {
                    self.trades_fail = self.trades_fail.saturating_sub(1);
                    return Some(VenueReply::Answer(Answer::new(500, r#"{"error":"Internal server error"}"#)));
                }
                let rows = (0..self.trades.len())
                    .filter(|nth| !self.lists_no_trades && self.trades[*nth].at.secs() >= since.secs())
                    .map(|nth| self.trade_json(nth, if self.lists_settled { "CONFIRMED" } else { "MATCHED" }));
                let strange = self.strange_trade.iter().map(|row| serde_json::from_str(row).expect("a row of a test"));
                let rows: Vec<_> = rows.chain(strange).collect();
                let nth = self.trades_since.len().to_string();
                Some(Self::page(&rows, if self.endless_trades { &nth } else { LAST_CURSOR }))
            }
            VenueCall::Heartbeat { id } => {
                if let Some(expected) = self.last_beat.as_ref().filter(|last| self.chains_beats && **last != *id) {
                    let body = json!({ "heartbeat_id": expected, "error_msg": "Invalid Heartbeat ID" });
                    return Some(VenueReply::Answer(Answer::new(400, body.to_string())));
                }
                self.beats += 1;
                let next = format!("beat-{}-{}", at.ms(), self.beats);
                self.last_beat = Some(next.clone().into());
                ok(json!({ "heartbeat_id": next }))
            }
            VenueCall::Scoring(ids) => {
                ok(json!(ids.iter().map(|id| (id.to_string(), true)).collect::<BTreeMap<_, _>>()))
            }
            VenueCall::Shares => ok(self.shares.clone()?),
            VenueCall::Earned(day) => {
                self.days_asked.push(*day);
                ok(self.earned.clone()?)
            }
            VenueCall::Balance(None) => ok(json!({ "balance": self.usdc.to_string() })),
            VenueCall::Balance(Some(token)) => {
                let held = || match self.caches_balances {
                    true => self.refreshed.get(token).copied().unwrap_or_default(),
                    false => self.held(token),
                };
                let shares = self.balance_says.unwrap_or_else(held);
                ok(json!({ "balance": shares.micro().to_string() }))
            }
            VenueCall::RefreshBalance(token) => {
                self.refreshes += 1;
                if let Some(token) = token {
                    self.refreshed.insert(token.clone(), self.held(token));
                }
                ok(serde_json::Value::Null)
            }
            VenueCall::Geoblock => match self.on_geo {
                OnGeo::Clear => ok(json!({ "blocked": false, "ip": "203.0.113.42", "country": "IE", "region": "" })),
                OnGeo::Blocked => ok(json!({ "blocked": true, "ip": "203.0.113.42", "country": "US", "region": "NY" })),
                OnGeo::Html => Some(VenueReply::Answer(Answer::new(200, "<html>welcome</html>"))),
                OnGeo::NoField => ok(json!({ "ip": "203.0.113.42" })),
                OnGeo::Status(status) => Some(VenueReply::Answer(Answer::new(status, "<html>no</html>"))),
                OnGeo::Silent => None,
            },
            VenueCall::Books(tokens) => {
                self.books_asked.push(at);
                if self.books_fail {
                    return Some(VenueReply::Answer(Answer::new(500, r#"{"error":"Internal server error"}"#)));
                }
                ok(tokens.iter().map(|token| self.book_json(token)).collect())
            }
            VenueCall::ClosedOnly => ok(json!({ "closed_only": false })),
            VenueCall::Time => ok(json!(at.minus(self.clock_behind).secs())),
            VenueCall::RenewCredentials => Some(VenueReply::Answer(Answer::new(200, ""))),
        }
    }

    /// The book of a market's first token: a thousand shares of others on each side, and whatever of ours rests.
    fn book_json(&self, token: &TokenId) -> serde_json::Value {
        let (bid, ask) = self.others.unwrap_or((49, 51));
        let mut sides = [Vec::new(), Vec::new()];
        for (nth, cents) in [bid, ask].into_iter().enumerate().filter(|(_, cents)| *cents > 0) {
            sides[nth].push(json!({ "price": format!("0.{cents:02}"), "size": "1000" }));
        }
        for resting in self.orders.values().filter(|resting| resting.live || self.books_lag) {
            let order = &resting.order;
            if token_id(order.token.market.0, Outcome::Yes) == *token {
                let (side, price) = order.in_yes_terms();
                let gone = if self.books_lag { Qty::ZERO } else { resting.matched };
                let size = order.qty.saturating_sub(gone);
                sides[usize::from(side == Side::Sell)]
                    .push(json!({ "price": price.to_string(), "size": size.to_string() }));
            }
        }
        json!({ "asset_id": token, "bids": sides[0], "asks": sides[1] })
    }

    fn cancel_where(&mut self, chosen: impl Fn(&OrderId, &Resting) -> bool) -> serde_json::Value {
        let mut canceled = Vec::new();
        for (id, resting) in &mut self.orders {
            if resting.live && !self.refuses_cancels && chosen(id, resting) {
                resting.live = false;
                canceled.push(id.to_string());
            }
        }
        if self.names_no_canceled {
            canceled.clear();
        }
        json!({ "canceled": canceled, "not_canceled": {} })
    }

    /// Shares of a token: what was bought less what was sold.
    fn held(&self, token: &TokenId) -> Qty {
        self.trades.iter().fold(Qty::ZERO, |held, trade| {
            let order = self.orders[&trade.order].order;
            if token_id(order.token.market.0, order.token.outcome) != *token {
                return held;
            }
            match order.side {
                Side::Buy => held.saturating_add(trade.qty),
                Side::Sell => held.saturating_sub(trade.qty),
            }
        })
    }

    /// The worst case in millionths of a dollar, of one market or of all: everything that rests fills. Only buys: the
    /// scenarios that ask for it never sell. Computed from the venue's own state, in its own plain way.
    #[must_use]
    pub fn worst_case(&self, market: Option<u16>) -> u128 {
        self.orders.values().filter(|r| market.is_none_or(|n| r.order.token.market.0 == n)).fold(0, |sum, resting| {
            let shares = if resting.live { resting.order.qty } else { resting.matched };
            sum + u128::from(resting.order.price.ten_thousandths()) * u128::from(shares.micro()) / 10_000
        })
    }

    /// What is lost in millionths of a dollar in the worst ending, whatever rests filling as it hurts most, where of all markets at
    /// most one ends YES. From the venue's own state, ending by ending and order by order.
    #[must_use]
    pub fn worst_loss(&self, markets: u16) -> i128 {
        let endings = (0..markets).map(Some).chain([None]);
        let lost_in = |winner: Option<u16>| -> i128 {
            let parts = self.orders.values().map(|resting| {
                let order = &resting.order;
                let pays = (order.token.outcome == Outcome::Yes) == (winner == Some(order.token.market.0));
                let each = i128::from(order.price.ten_thousandths()) - if pays { 10_000 } else { 0 };
                let each = if order.side == Side::Buy { each } else { -each };
                let open = if resting.live { order.qty.saturating_sub(resting.matched) } else { Qty::ZERO };
                each * i128::from(resting.matched.micro()) + each.max(0) * i128::from(open.micro())
            });
            parts.sum::<i128>() / 10_000
        };
        endings.map(lost_in).max().unwrap_or_default()
    }
}
