//! The scanner for the venue's usual shapes: `book`, `price_change` and `last_trade_price` with their keys in the usual
//! order, alone or in an array.
//!
//! It walks the text once, compares what stands between the values as a whole and reads digits in place. It accepts only
//! what [`super::decode_tolerant`] reads the same way; anything else (another key order, a number for a string, an escape,
//! an older form, a bad value) is `None`, never an error: the tolerant road decides what it means.

mod digits;
mod scan;

use super::WireLevels;
use crate::domain::{Price, Qty, Side, TickSize};
use crate::event::{BookHash, Top};
use scan::Scan;

/// What becomes of what is read, in the order it stands in the frame. `None` refuses the frame as not usual; what was told of
/// it before counts for nothing then.
pub(super) trait Sink<'a> {
    /// What a condition id becomes.
    type Market;
    /// What a token id becomes.
    type Token;

    /// 64 or 66 bytes that should be a condition id.
    fn market(&mut self, text: &'a [u8]) -> Option<Self::Market>;
    /// The token id at the beginning of `rest`, in front of a quote; and how long it is.
    fn token(&mut self, rest: &'a [u8]) -> Option<(Self::Token, usize)>;
    /// One level of a `price_change`.
    fn change(&mut self, change: Change<'a, Self::Token>) -> Option<()>;
    /// The end of a `price_change`.
    fn changed(&mut self, market: Self::Market, venue_ms: u64) -> Option<()>;
    /// A whole book.
    fn book(&mut self, market: Self::Market, token: Self::Token, book: Book<'a>) -> Option<()>;
    /// A match.
    fn trade(&mut self, market: Self::Market, token: Self::Token, trade: Trade) -> Option<()>;
}

/// One level with its new total size, and what is announced beside it.
pub(super) struct Change<'a, T> {
    pub(super) token: T,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) side: Side,
    /// Should be hex.
    pub(super) hash: Option<&'a [u8; 40]>,
    pub(super) top: Top,
}

/// Levels in the wire's order, worst first.
pub(super) struct Book<'a> {
    pub(super) bids: WireLevels,
    pub(super) asks: WireLevels,
    pub(super) hash: Option<BookHash>,
    pub(super) venue_ms: u64,
    pub(super) tick: Option<TickSize>,
    pub(super) last_trade: Option<&'a str>,
}

pub(super) struct Trade {
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) side: Side,
    pub(super) venue_ms: u64,
}

/// Tells a whole frame, or `None` when it is not of a usual shape.
pub(super) fn scan<'a, S: Sink<'a>>(text: &'a str, sink: &mut S) -> Option<()> {
    let mut scan = Scan::new(text);
    scan.space();
    if scan.eat(b"[") {
        scan.space();
        if !scan.eat(b"]") {
            loop {
                event(&mut scan, sink)?;
                scan.space();
                if scan.eat(b"]") {
                    break;
                }
                scan.comma()?;
            }
        }
    } else {
        event(&mut scan, sink)?;
    }
    scan.space();
    scan.is_at_end().then_some(())
}

fn event<'a, S: Sink<'a>>(scan: &mut Scan<'a>, sink: &mut S) -> Option<()> {
    scan.expect(b"{\"market\":\"")?;
    let market = sink.market(scan.condition()?)?;
    if scan.key(b",\"price_changes\":[").is_some() {
        return price_change(scan, sink, market);
    }
    scan.key(b",\"asset_id\":\"")?;
    let token = token(scan, sink)?;
    if scan.key(b",\"bids\":[").is_some() {
        let book = streamed_book(scan)?;
        sink.book(market, token, book)
    } else if scan.key(b",\"price\":\"").is_some() {
        let trade = last_trade_price(scan)?;
        sink.trade(market, token, trade)
    } else {
        scan.key(b",\"timestamp\":\"")?;
        let book = answered_book(scan)?;
        sink.book(market, token, book)
    }
}

#[inline]
fn token<'a, S: Sink<'a>>(scan: &mut Scan<'a>, sink: &mut S) -> Option<S::Token> {
    let (token, len) = sink.token(scan.rest())?;
    scan.step(len)?;
    scan.expect(b"\"")?;
    Some(token)
}

fn price_change<'a, S: Sink<'a>>(scan: &mut Scan<'a>, sink: &mut S, market: S::Market) -> Option<()> {
    if !scan.eat(b"]") {
        loop {
            let change = level_change(scan, sink)?;
            sink.change(change)?;
            if scan.eat(b"]") {
                break;
            }
            scan.comma()?;
        }
    }
    scan.key(b",\"timestamp\":\"")?;
    let venue_ms = scan.milliseconds()?;
    scan.key(b",\"event_type\":\"price_change\"}")?;
    sink.changed(market, venue_ms)
}

#[inline]
fn level_change<'a, S: Sink<'a>>(scan: &mut Scan<'a>, sink: &mut S) -> Option<Change<'a, S::Token>> {
    scan.expect(b"{\"asset_id\":\"")?;
    let token = token(scan, sink)?;
    scan.key(b",\"price\":\"")?;
    let price = scan.level_price()?;
    scan.key(b",\"size\":\"")?;
    let qty = scan.qty()?;
    scan.key(b",\"side\":\"")?;
    let side = scan.side()?;
    scan.key(b",\"hash\":\"")?;
    let hash = scan.hash()?;
    scan.key(b",\"best_bid\":\"")?;
    let bid = scan.top_price()?;
    scan.key(b",\"best_ask\":\"")?;
    let ask = scan.top_price()?;
    scan.expect(b"}")?;
    Some(Change { token, price, qty, side, hash, top: Top { bid, ask } })
}

/// The answer to a subscription, behind its `timestamp` key.
fn answered_book<'a>(scan: &mut Scan<'a>) -> Option<Book<'a>> {
    let venue_ms = scan.milliseconds()?;
    scan.key(b",\"hash\":\"")?;
    let hash = book_hash(scan)?;
    scan.key(b",\"bids\":[")?;
    let bids = levels(scan, |worse, better| worse < better)?;
    scan.key(b",\"asks\":[")?;
    let asks = levels(scan, |worse, better| worse > better)?;
    scan.key(b",\"tick_size\":\"")?;
    let tick = TickSize::parse(scan.string()?).ok()?;
    scan.key(b",\"event_type\":\"book\"")?;
    scan.key(b",\"last_trade_price\":\"")?;
    let last_trade = scan.string()?;
    if last_trade.len() > super::tolerant::LAST_TRADE_MAX
        || !last_trade.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    scan.expect(b"}")?;
    Some(Book { bids, asks, hash, venue_ms, tick: Some(tick), last_trade: Some(last_trade) })
}

/// A book in mid-stream, behind its `bids` key.
fn streamed_book<'a>(scan: &mut Scan<'a>) -> Option<Book<'a>> {
    let bids = levels(scan, |worse, better| worse < better)?;
    scan.key(b",\"asks\":[")?;
    let asks = levels(scan, |worse, better| worse > better)?;
    scan.key(b",\"hash\":\"")?;
    let hash = book_hash(scan)?;
    scan.key(b",\"timestamp\":\"")?;
    let venue_ms = scan.milliseconds()?;
    scan.key(b",\"event_type\":\"book\"}")?;
    Some(Book { bids, asks, hash, venue_ms, tick: None, last_trade: None })
}

fn book_hash(scan: &mut Scan<'_>) -> Option<Option<BookHash>> {
    match scan.hash()? {
        None => Some(None),
        Some(hex) => BookHash::from_hex(hex).map(Some),
    }
}

/// Levels in the wire's order, behind the opening bracket. Out of order, twice or empty: not a usual shape.
fn levels(scan: &mut Scan<'_>, in_order: impl Fn(Price, Price) -> bool) -> Option<WireLevels> {
    /// Most books have fewer on a side.
    const USUAL: usize = 64;
    if scan.eat(b"]") {
        return Some(WireLevels::new());
    }
    let mut out = WireLevels::with_capacity(USUAL);
    loop {
        scan.expect(b"{\"price\":\"")?;
        let price = scan.level_price()?;
        scan.key(b",\"size\":\"")?;
        let qty = scan.qty()?;
        scan.expect(b"}")?;
        if qty.is_zero() || out.last().is_some_and(|(worse, _)| !in_order(*worse, price)) {
            return None;
        }
        out.push((price, qty));
        if scan.eat(b"]") {
            return Some(out);
        }
        scan.comma()?;
    }
}

/// A match, behind its `price` key.
fn last_trade_price(scan: &mut Scan<'_>) -> Option<Trade> {
    let price = scan.price()?;
    scan.key(b",\"size\":\"")?;
    let qty = scan.qty()?;
    if scan.key(b",\"fee_rate_bps\":\"").is_some() {
        scan.string()?;
    }
    scan.key(b",\"side\":\"")?;
    let side = scan.side()?;
    scan.key(b",\"timestamp\":\"")?;
    let venue_ms = scan.milliseconds()?;
    scan.key(b",\"event_type\":\"last_trade_price\"")?;
    if !scan.eat(b"}") {
        scan.key(b",\"transaction_hash\":\"")?;
        scan.string()?;
        scan.expect(b"}")?;
    }
    Some(Trade { price, qty, side, venue_ms })
}
