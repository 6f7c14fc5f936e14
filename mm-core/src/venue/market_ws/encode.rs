//! Events to frames, in the venue's usual key order and style: the simulator speaks through here.
//!
//! The answer to a subscription is compact; later frames have a space behind each comma.

use super::{BookMessage, LevelChange, WireEvent};
use crate::domain::{Price, Qty, TokenId};
use crate::event::{BookHash, Top};
use std::fmt::{Display, Write as _};

/// What the venue puts behind a comma.
const COMPACT: &str = ",";
const SPACED: &str = ", ";

/// One event as a frame of its own; `None` for [`WireEvent::Unknown`], whose content was not kept.
#[must_use]
pub fn encode(event: &WireEvent) -> Option<String> {
    let comma = match event {
        WireEvent::Book(book) if book.tick.is_some() || book.last_trade.is_some() => COMPACT,
        _ => SPACED,
    };
    let mut out = String::new();
    write_event(&mut out, event, comma).then_some(out)
}

/// Events as one array, the shape of the answer to a subscription. Unknown ones are left out.
#[must_use]
pub fn encode_all(events: &[WireEvent]) -> String {
    let mut out = String::from("[");
    for event in events {
        let before = out.len();
        if before > 1 {
            out.push(',');
        }
        if !write_event(&mut out, event, COMPACT) {
            out.truncate(before);
        }
    }
    out.push(']');
    out
}

/// The body of REST `GET /book`: all ten keys, strings, bids lowest first, asks highest first. What the message does not
/// know is written as the venue's default: tick 0.01, minimum 5, no neg-risk, never traded.
#[must_use]
pub fn encode_rest_book(book: &BookMessage) -> String {
    let mut out = String::new();
    let mut object = Object::open(&mut out, COMPACT);
    object.text("market", &book.market);
    object.text("asset_id", &book.token);
    object.text("timestamp", &book.venue_ms);
    object.hash(book.hash);
    object.levels("bids", &book.bids);
    object.levels("asks", &book.asks);
    match book.min_order {
        Some(min_order) => object.text("min_order_size", &min_order),
        None => object.text("min_order_size", &"5"),
    }
    object.text("tick_size", &book.tick.unwrap_or(crate::domain::TickSize::CENT));
    object.raw("neg_risk", &book.neg_risk.unwrap_or(false));
    object.json("last_trade_price", book.last_trade.as_deref().unwrap_or(""));
    object.close();
    out
}

/// Appends one event; `false` when there is nothing to write.
fn write_event(out: &mut String, event: &WireEvent, comma: &'static str) -> bool {
    if matches!(event, WireEvent::Unknown { .. }) {
        return false;
    }
    let mut object = Object::open(out, comma);
    match event {
        WireEvent::Book(book) => write_book(&mut object, book),
        WireEvent::PriceChange(change) => {
            object.text("market", &change.market);
            object.list("price_changes", &change.changes, write_change);
            object.text("timestamp", &change.venue_ms);
            object.text("event_type", &"price_change");
        }
        WireEvent::TickSizeChange { market, token, old, new, venue_ms } => {
            object.text("event_type", &"tick_size_change");
            object.text("market", market);
            object.text("asset_id", token);
            if let Some(old) = old {
                object.text("old_tick_size", old);
            }
            object.text("new_tick_size", new);
            object.text("timestamp", venue_ms);
        }
        WireEvent::LastTradePrice { market, token, price, qty, side, venue_ms } => {
            object.text("market", market);
            object.text("asset_id", token);
            object.text("price", price);
            object.text("size", qty);
            object.text("fee_rate_bps", &"0");
            object.text("side", side);
            object.text("timestamp", venue_ms);
            object.text("event_type", &"last_trade_price");
        }
        WireEvent::BestBidAsk { market, token, top, venue_ms } => {
            object.text("market", market);
            object.text("asset_id", token);
            object.option("best_bid", top.bid);
            object.option("best_ask", top.ask);
            let spread = match (top.bid, top.ask) {
                (Some(bid), Some(ask)) => ask.checked_sub(bid.ten_thousandths()),
                _ => None,
            };
            object.option("spread", spread);
            object.text("timestamp", venue_ms);
            object.text("event_type", &"best_bid_ask");
        }
        WireEvent::NewMarket { condition, tokens, venue_ms } => {
            object.text("market", condition);
            object.text("condition_id", condition);
            object.ids("assets_ids", tokens);
            object.ids("clob_token_ids", tokens);
            object.text("timestamp", venue_ms);
            object.text("event_type", &"new_market");
        }
        WireEvent::MarketResolved { market, tokens, winner, venue_ms } => {
            object.text("market", market);
            object.ids("assets_ids", tokens);
            object.option("winning_asset_id", winner.as_ref());
            object.text("timestamp", venue_ms);
            object.text("event_type", &"market_resolved");
        }
        WireEvent::Unknown { .. } => {}
    }
    object.close();
    true
}

/// Two shapes: the answer to a subscription says tick and last trade, a book in mid-stream does not.
fn write_book(object: &mut Object<'_>, book: &BookMessage) {
    object.text("market", &book.market);
    object.text("asset_id", &book.token);
    let answers = book.tick.is_some() || book.last_trade.is_some();
    if answers {
        object.text("timestamp", &book.venue_ms);
        object.hash(book.hash);
    }
    object.levels("bids", &book.bids);
    object.levels("asks", &book.asks);
    if let Some(min_order) = book.min_order {
        object.text("min_order_size", &min_order);
    }
    if let Some(tick) = book.tick {
        object.text("tick_size", &tick);
    }
    if let Some(neg_risk) = book.neg_risk {
        object.raw("neg_risk", &neg_risk);
    }
    if !answers {
        object.hash(book.hash);
        object.text("timestamp", &book.venue_ms);
    }
    object.text("event_type", &"book");
    if let Some(last_trade) = &book.last_trade {
        object.json("last_trade_price", last_trade);
    }
}

fn write_change(object: &mut Object<'_>, change: &LevelChange) {
    object.text("asset_id", &change.token);
    object.text("price", &change.price);
    object.text("size", &change.qty);
    object.text("side", &change.side);
    object.hash(change.hash);
    if let Some(Top { bid, ask }) = change.top {
        object.text("best_bid", &bid.unwrap_or(Price::ZERO));
        object.text("best_ask", &ask.unwrap_or(Price::ONE));
    }
}

/// One JSON object being written. Keys and checked values need no escaping; free text goes through [`Object::json`].
struct Object<'o> {
    out: &'o mut String,
    comma: &'static str,
    first: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut String, comma: &'static str) -> Self {
        out.push('{');
        Self { out, comma, first: true }
    }

    fn close(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push_str(self.comma);
        }
        self.first = false;
        self.push(format_args!("\"{key}\":"));
    }

    fn push(&mut self, what: impl Display) {
        write!(self.out, "{what}").expect("writing to a String cannot fail");
    }

    /// A value that needs no escaping, in quotes.
    fn text(&mut self, key: &str, value: &dyn Display) {
        self.key(key);
        self.push(format_args!("\"{value}\""));
    }

    /// A value without quotes.
    fn raw(&mut self, key: &str, value: &dyn Display) {
        self.key(key);
        self.push(value);
    }

    /// Any text, escaped.
    fn json(&mut self, key: &str, value: &str) {
        self.key(key);
        self.push(serde_json::Value::from(value));
    }

    /// `""` when absent.
    fn option(&mut self, key: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.text(key, &value),
            None => self.text(key, &""),
        }
    }

    fn hash(&mut self, hash: Option<BookHash>) {
        self.option("hash", hash);
    }

    fn list<T>(&mut self, key: &str, items: &[T], item: impl Fn(&mut Object<'_>, &T)) {
        self.key(key);
        self.out.push('[');
        for (i, it) in items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(self.comma);
            }
            let mut object = Object::open(self.out, self.comma);
            item(&mut object, it);
            object.close();
        }
        self.out.push(']');
    }

    fn levels(&mut self, key: &str, levels: &[(Price, Qty)]) {
        self.list(key, levels, |object, (price, qty)| {
            object.text("price", price);
            object.text("size", qty);
        });
    }

    fn ids(&mut self, key: &str, ids: &[TokenId]) {
        self.key(key);
        self.out.push('[');
        for (i, id) in ids.iter().enumerate() {
            if i > 0 {
                self.out.push_str(self.comma);
            }
            self.push(format_args!("\"{id}\""));
        }
        self.out.push(']');
    }
}
