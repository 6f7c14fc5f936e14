//! The scanner for the venue's usual shapes: `book`, `price_change` and `last_trade_price` with their keys in the usual
//! order, alone or in an array.
//!
//! It walks the text once and reads digits in place. It accepts only what [`super::decode_tolerant`] reads the same way;
//! anything else (another key order, a number for a string, an escape, an older form, a bad value) is `None`, never an
//! error: the tolerant road decides what it means.

use super::{BookMessage, LevelChange, MarketFrame, PriceChange, WireEvent, WireLevels};
use crate::domain::{ConditionId, Price, Qty, Side, TickSize, TokenId};
use crate::event::{BookHash, Top};

/// The frame, or `None` when it is not of a usual shape.
pub(super) fn decode(text: &str) -> Option<MarketFrame> {
    let mut scan = Scan { text, at: 0 };
    let mut events = Vec::new();
    scan.space();
    if scan.eat("[") {
        scan.space();
        if !scan.eat("]") {
            loop {
                events.push(event(&mut scan)?);
                scan.space();
                if scan.eat("]") {
                    break;
                }
                scan.comma()?;
            }
        }
    } else {
        events.push(event(&mut scan)?);
    }
    scan.space();
    (scan.at == text.len()).then_some(MarketFrame::Events(events))
}

fn event(scan: &mut Scan<'_>) -> Option<WireEvent> {
    scan.expect("{\"market\":")?;
    let market = ConditionId::parse(scan.string()?).ok()?;
    scan.comma()?;
    if scan.eat("\"price_changes\":[") {
        return price_change(scan, market).map(WireEvent::PriceChange);
    }
    scan.expect("\"asset_id\":")?;
    let token = TokenId::parse(scan.string()?).ok()?;
    scan.comma()?;
    if scan.eat("\"price\":") {
        last_trade_price(scan, market, token)
    } else if scan.eat("\"timestamp\":") {
        answered_book(scan, market, token).map(WireEvent::Book)
    } else if scan.eat("\"bids\":[") {
        streamed_book(scan, market, token).map(WireEvent::Book)
    } else {
        None
    }
}

fn price_change(scan: &mut Scan<'_>, market: ConditionId) -> Option<PriceChange> {
    let mut changes = Vec::new();
    if !scan.eat("]") {
        loop {
            changes.push(level_change(scan)?);
            if scan.eat("]") {
                break;
            }
            scan.comma()?;
        }
    }
    scan.key("\"timestamp\":")?;
    let venue_ms = scan.integer()?;
    scan.key("\"event_type\":\"price_change\"}")?;
    Some(PriceChange { market, changes, venue_ms })
}

fn level_change(scan: &mut Scan<'_>) -> Option<LevelChange> {
    scan.expect("{\"asset_id\":")?;
    let token = TokenId::parse(scan.string()?).ok()?;
    scan.key("\"price\":")?;
    let price = level_price(scan)?;
    scan.key("\"size\":")?;
    let qty = Qty::parse(scan.string()?).ok()?;
    scan.key("\"side\":")?;
    let side = side(scan)?;
    scan.key("\"hash\":")?;
    let hash = hash(scan)?;
    scan.key("\"best_bid\":")?;
    let bid = top_price(scan)?;
    scan.key("\"best_ask\":")?;
    let ask = top_price(scan)?;
    scan.expect("}")?;
    Some(LevelChange { token, price, qty, side, hash, top: Some(Top { bid, ask }) })
}

/// The answer to a subscription, behind its `timestamp` key.
fn answered_book(scan: &mut Scan<'_>, market: ConditionId, token: TokenId) -> Option<BookMessage> {
    let venue_ms = scan.integer()?;
    scan.key("\"hash\":")?;
    let hash = hash(scan)?;
    scan.key("\"bids\":[")?;
    let bids = levels(scan, |worse, better| worse < better)?;
    scan.key("\"asks\":[")?;
    let asks = levels(scan, |worse, better| worse > better)?;
    scan.key("\"tick_size\":")?;
    let tick = TickSize::parse(scan.string()?).ok()?;
    scan.key("\"event_type\":\"book\"")?;
    scan.key("\"last_trade_price\":")?;
    let last_trade = scan.string()?;
    if last_trade.len() > super::tolerant::LAST_TRADE_MAX
        || !last_trade.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    scan.expect("}")?;
    let (tick, last_trade) = (Some(tick), Some(last_trade.into()));
    Some(BookMessage { market, token, bids, asks, venue_ms, hash, tick, min_order: None, neg_risk: None, last_trade })
}

/// A book in mid-stream, behind its `bids` key.
fn streamed_book(scan: &mut Scan<'_>, market: ConditionId, token: TokenId) -> Option<BookMessage> {
    let bids = levels(scan, |worse, better| worse < better)?;
    scan.key("\"asks\":[")?;
    let asks = levels(scan, |worse, better| worse > better)?;
    scan.key("\"hash\":")?;
    let hash = hash(scan)?;
    scan.key("\"timestamp\":")?;
    let venue_ms = scan.integer()?;
    scan.key("\"event_type\":\"book\"}")?;
    let (tick, min_order, neg_risk, last_trade) = (None, None, None, None);
    Some(BookMessage { market, token, bids, asks, venue_ms, hash, tick, min_order, neg_risk, last_trade })
}

/// Levels in the wire's order, behind the opening bracket. Out of order, twice or empty: not a usual shape.
fn levels(scan: &mut Scan<'_>, in_order: impl Fn(Price, Price) -> bool) -> Option<WireLevels> {
    let mut out = WireLevels::new();
    if scan.eat("]") {
        return Some(out);
    }
    loop {
        scan.expect("{\"price\":")?;
        let price = level_price(scan)?;
        scan.key("\"size\":")?;
        let qty = Qty::parse(scan.string()?).ok()?;
        scan.expect("}")?;
        if qty.is_zero() || out.last().is_some_and(|(worse, _)| !in_order(*worse, price)) {
            return None;
        }
        out.push((price, qty));
        if scan.eat("]") {
            return Some(out);
        }
        scan.comma()?;
    }
}

fn last_trade_price(scan: &mut Scan<'_>, market: ConditionId, token: TokenId) -> Option<WireEvent> {
    let price = Price::parse(scan.string()?).ok()?;
    scan.key("\"size\":")?;
    let qty = Qty::parse(scan.string()?).ok()?;
    scan.comma()?;
    if scan.eat("\"fee_rate_bps\":") {
        scan.string()?;
        scan.comma()?;
    }
    scan.expect("\"side\":")?;
    let side = side(scan)?;
    scan.key("\"timestamp\":")?;
    let venue_ms = scan.integer()?;
    scan.key("\"event_type\":\"last_trade_price\"")?;
    if !scan.eat("}") {
        scan.key("\"transaction_hash\":")?;
        scan.string()?;
        scan.expect("}")?;
    }
    Some(WireEvent::LastTradePrice { market, token, price, qty, side, venue_ms })
}

fn level_price(scan: &mut Scan<'_>) -> Option<Price> {
    Price::parse(scan.string()?).ok().filter(|price| *price != Price::ZERO && *price != Price::ONE)
}

/// An announced price: `0`, `1` and nothing mean that the side is empty.
fn top_price(scan: &mut Scan<'_>) -> Option<Option<Price>> {
    match scan.string()? {
        "" => Some(None),
        text => Price::parse(text).ok().map(|price| Some(price).filter(|p| *p != Price::ZERO && *p != Price::ONE)),
    }
}

fn side(scan: &mut Scan<'_>) -> Option<Side> {
    match scan.string()? {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

fn hash(scan: &mut Scan<'_>) -> Option<Option<BookHash>> {
    match scan.string()? {
        "" => Some(None),
        text => BookHash::parse(text).map(Some),
    }
}

/// A place in the text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// Steps over `token` if it is next.
    fn eat(&mut self, token: &str) -> bool {
        let there = self.text.as_bytes()[self.at..].starts_with(token.as_bytes());
        if there {
            self.at += token.len();
        }
        there
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.eat(token).then_some(())
    }

    /// A comma and the white space the venue puts behind it.
    fn comma(&mut self) -> Option<()> {
        self.expect(",")?;
        self.space();
        Some(())
    }

    /// A comma, then a key that must be next.
    fn key(&mut self, key: &str) -> Option<()> {
        self.comma()?;
        self.expect(key)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// The inside of a string of printable ASCII without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.expect("\"")?;
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().position(|byte| !matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~'))?;
        if rest[len] != b'"' {
            return None;
        }
        let inside = self.text.get(self.at..self.at + len)?;
        self.at += len + 1;
        Some(inside)
    }

    /// A whole number in a string: digits alone, at most nineteen so that it cannot overflow.
    fn integer(&mut self) -> Option<u64> {
        let digits = self.string()?;
        if !(1..=19).contains(&digits.len()) {
            return None;
        }
        digits.bytes().try_fold(0u64, |n, byte| byte.is_ascii_digit().then(|| n * 10 + u64::from(byte - b'0')))
    }
}
