//! `sonic-rs` into a borrowed, flat struct, then a dense array of sizes: what one would write by hand for speed, with the same
//! checks: the whole frame is validated before anything is applied, hashes are read, NO entries are compared with the YES
//! book, announced tops at the end of their timestamp. And once more with our own book behind the same parser.

use crate::stream::Stream;
use crate::{Books, Peer};
use mm_core::book::Book;
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, TickSize, Timestamp, Token};
use mm_core::event::{BookHash, MarketEvent, Top};
use serde::Deserialize;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

#[derive(Deserialize)]
struct Event<'a> {
    event_type: &'a str,
    market: &'a str,
    #[serde(default)]
    asset_id: Option<&'a str>,
    timestamp: &'a str,
    #[serde(borrow, default)]
    price_changes: Vec<Change<'a>>,
    #[serde(borrow, default)]
    bids: Vec<Level<'a>>,
    #[serde(borrow, default)]
    asks: Vec<Level<'a>>,
    #[serde(default)]
    hash: Option<&'a str>,
    #[serde(default)]
    price: Option<&'a str>,
    #[serde(default)]
    size: Option<&'a str>,
    #[serde(default)]
    side: Option<&'a str>,
    #[serde(default)]
    tick_size: Option<&'a str>,
    #[serde(default)]
    last_trade_price: Option<&'a str>,
}

#[derive(Deserialize)]
struct Change<'a> {
    asset_id: &'a str,
    price: &'a str,
    size: &'a str,
    side: &'a str,
    hash: &'a str,
    best_bid: &'a str,
    best_ask: &'a str,
}

#[derive(Deserialize)]
struct Level<'a> {
    price: &'a str,
    size: &'a str,
}

/// The first digits are hash enough.
#[derive(Default)]
struct First(u64);

impl Hasher for First {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

/// Tokens by a fold of their first sixteen digits, then compared in full.
struct Tokens(HashMap<u64, (Token, String), BuildHasherDefault<First>>);

impl Tokens {
    fn new(stream: &Stream) -> Self {
        let token = |(n, id): (usize, &mm_core::domain::TokenId)| {
            let outcome = if n % 2 == 0 { Outcome::Yes } else { Outcome::No };
            let token = Token { market: MarketIx((n / 2) as u16), outcome };
            (fold(id.as_str()), (token, id.as_str().to_owned()))
        };
        Self(stream.tokens().enumerate().map(token).collect())
    }

    fn find(&self, id: &str) -> Option<Token> {
        self.0.get(&fold(id)).filter(|(_, known)| known == id).map(|(token, _)| *token)
    }
}

fn fold(id: &str) -> u64 {
    let word = |from: usize| {
        id.as_bytes().get(from..from + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_le_bytes)
    };
    (word(0) ^ word(8).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A validated change in YES terms.
struct Entry {
    token: Token,
    side: Side,
    price: Price,
    qty: Qty,
    hash: Option<BookHash>,
    top: Top,
}

fn entry(tokens: &Tokens, change: &Change<'_>) -> Option<Entry> {
    let token = tokens.find(change.asset_id)?;
    let top = Top { bid: top(change.best_bid)?, ask: top(change.best_ask)? };
    let hash = if change.hash.is_empty() { None } else { Some(BookHash::parse(change.hash)?) };
    let (price, qty) = level(change.price, change.size)?;
    Some(Entry { token, side: side(change.side)?, price, qty, hash, top })
}

fn side(text: &str) -> Option<Side> {
    match text {
        "BUY" => Some(Side::Buy),
        "SELL" => Some(Side::Sell),
        _ => None,
    }
}

fn top(text: &str) -> Option<Option<Price>> {
    match text {
        "" => Some(None),
        text => Price::parse(text).ok().map(|price| Some(price).filter(|p| *p != Price::ZERO && *p != Price::ONE)),
    }
}

fn level(price: &str, size: &str) -> Option<(Price, Qty)> {
    let price = Price::parse(price).ok().filter(|price| *price != Price::ZERO && *price != Price::ONE)?;
    Some((price, Qty::parse(size).ok()?))
}

fn levels(levels: &[Level<'_>]) -> Option<Vec<(Price, Qty)>> {
    levels.iter().map(|l| level(l.price, l.size)).collect()
}

fn is_condition(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// One market: sizes in millionths by price in steps of the tick.
struct Dense {
    step: u16,
    sizes: [Vec<u64>; 2],
    best: [Option<usize>; 2],
    announced: Option<Top>,
    batch_ms: u64,
}

impl Dense {
    fn new(tick: TickSize) -> Self {
        let step = tick.ten_thousandths();
        let side = || vec![0; usize::from(10_000 / step) + 1];
        Self { step, sizes: [side(), side()], best: [None; 2], announced: None, batch_ms: 0 }
    }

    fn set(&mut self, side: Side, price: Price, qty: Qty) {
        let (n, at) = (side as usize, usize::from(price.ten_thousandths() / self.step));
        self.sizes[n][at] = qty.micro();
        let best = self.best[n];
        if !qty.is_zero() {
            if best.is_none_or(|best| if side == Side::Buy { at > best } else { at < best }) {
                self.best[n] = Some(at);
            }
        } else if best == Some(at) {
            let sizes = &self.sizes[n];
            self.best[n] = if side == Side::Buy {
                (0..at).rev().find(|at| sizes[*at] != 0)
            } else {
                (at + 1..sizes.len()).find(|at| sizes[*at] != 0)
            };
        }
    }

    fn get(&self, side: Side, price: Price) -> u64 {
        self.sizes[side as usize][usize::from(price.ten_thousandths() / self.step)]
    }

    fn top(&self) -> Top {
        let price = |at: usize| Price::from_ten_thousandths(at as u16 * self.step);
        Top { bid: self.best[0].and_then(price), ask: self.best[1].and_then(price) }
    }
}

fn in_yes_terms(outcome: Outcome, side: Side, price: Price) -> (Side, Price) {
    match outcome {
        Outcome::Yes => (side, price),
        Outcome::No => (side.other(), price.complement()),
    }
}

pub struct Sonic {
    tokens: Tokens,
    books: Vec<Dense>,
    entries: Vec<Entry>,
    hashes: Vec<Option<BookHash>>,
    mismatches: usize,
}

impl Sonic {
    fn begin(&mut self, row: usize, at_ms: u64) {
        let book = &mut self.books[row];
        if book.batch_ms != at_ms {
            self.mismatches += usize::from(book.announced.is_some_and(|announced| announced != book.top()));
            book.batch_ms = at_ms;
        }
    }

    fn take(&mut self, text: &str) -> Option<()> {
        let event: Event<'_> = sonic_rs::from_str(text).ok()?;
        let at_ms: u64 = event.timestamp.parse().ok()?;
        if !is_condition(event.market) {
            return None;
        }
        match event.event_type {
            "price_change" => {
                self.entries.clear();
                for change in &event.price_changes {
                    self.entries.push(entry(&self.tokens, change)?);
                }
                for n in 0..self.entries.len() {
                    let Entry { token, side, price, qty, hash, top } = self.entries[n];
                    let row = token.market.index();
                    self.begin(row, at_ms);
                    self.hashes[2 * row + token.outcome as usize] = hash;
                    let (side, price) = in_yes_terms(token.outcome, side, price);
                    let book = &mut self.books[row];
                    book.announced = Some(top.in_yes_terms(token.outcome));
                    if token.outcome == Outcome::Yes {
                        book.set(side, price, qty);
                    } else {
                        self.mismatches += usize::from(book.get(side, price) != qty.micro());
                    }
                }
            }
            "book" => {
                let token = self.tokens.find(event.asset_id?)?;
                let (bids, asks) = (levels(&event.bids)?, levels(&event.asks)?);
                let row = token.market.index();
                self.begin(row, at_ms);
                self.hashes[2 * row + token.outcome as usize] = event.hash.and_then(BookHash::parse);
                let book = &mut self.books[row];
                if token.outcome == Outcome::No {
                    let differs = [(Side::Buy, &bids), (Side::Sell, &asks)].into_iter().any(|(side, levels)| {
                        levels.iter().any(|(price, qty)| {
                            let (side, price) = in_yes_terms(Outcome::No, side, *price);
                            book.get(side, price) != qty.micro()
                        })
                    });
                    self.mismatches += usize::from(differs);
                    return Some(());
                }
                for side in &mut book.sizes {
                    side.fill(0);
                }
                (book.best, book.announced) = ([None; 2], None);
                for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
                    for (price, qty) in levels {
                        book.set(side, price, qty);
                    }
                }
            }
            "last_trade_price" => {
                level(event.price?, event.size?)?;
                side(event.side?)?;
            }
            _ => return None,
        }
        Some(())
    }
}

impl Peer for Sonic {
    const NAME: &'static str = "sonic-rs borrowed, dense array";

    fn new(stream: &Stream) -> Self {
        Self {
            tokens: Tokens::new(stream),
            books: stream.markets.iter().map(|market| Dense::new(market.tick)).collect(),
            entries: Vec::new(),
            hashes: vec![None; 2 * stream.markets.len()],
            mismatches: 0,
        }
    }

    fn frame(&mut self, _: usize, _: u64, text: &str) {
        self.take(text).expect("a sound frame");
    }

    fn end(&self, _: &Stream) -> (Books, String) {
        let of = |book: &Dense, outcome| {
            let mut all = std::collections::BTreeMap::new();
            for side in [Side::Buy, Side::Sell] {
                for (at, size) in book.sizes[side as usize].iter().enumerate().filter(|(_, size)| **size != 0) {
                    let price = Price::from_ten_thousandths(at as u16 * book.step).expect("a price");
                    let (side, price) = in_yes_terms(outcome, side, price);
                    all.insert((side == Side::Sell, price.ten_thousandths()), *size);
                }
            }
            all
        };
        let books = self.books.iter().flat_map(|book| [of(book, Outcome::Yes), of(book, Outcome::No)]).collect();
        (books, format!("; {} mismatches", self.mismatches))
    }
}

/// The same parser in front of our own book.
pub struct SonicBook {
    tokens: Tokens,
    books: Vec<Book>,
    events: Vec<MarketEvent>,
}

impl SonicBook {
    fn take(&mut self, text: &str) -> Option<()> {
        let event: Event<'_> = sonic_rs::from_str(text).ok()?;
        let venue_ms: u64 = event.timestamp.parse().ok()?;
        if !is_condition(event.market) {
            return None;
        }
        self.events.clear();
        match event.event_type {
            "price_change" => {
                for change in &event.price_changes {
                    let Entry { token, side, price, qty, hash, top } = entry(&self.tokens, change)?;
                    self.events.push(MarketEvent::Delta { token, side, price, qty, top: Some(top), hash, venue_ms });
                }
            }
            "book" => {
                let (mut bids, mut asks) = (levels(&event.bids)?, levels(&event.asks)?);
                bids.reverse();
                asks.reverse();
                self.events.push(MarketEvent::Snapshot {
                    token: self.tokens.find(event.asset_id?)?,
                    bids,
                    asks,
                    tick: event.tick_size.and_then(|text| TickSize::parse(text).ok()),
                    last_trade: event.last_trade_price.map(Into::into),
                    hash: event.hash.and_then(BookHash::parse),
                    venue_ms,
                });
            }
            "last_trade_price" => {
                let (price, qty) = level(event.price?, event.size?)?;
                let (token, side) = (self.tokens.find(event.asset_id?)?, side(event.side?)?);
                self.events.push(MarketEvent::Trade { token, side, price, qty, venue_ms });
            }
            _ => return None,
        }
        let at = Timestamp::from_ms(venue_ms);
        for (n, event) in self.events.iter().enumerate() {
            let book = &mut self.books[event.market().index()];
            let _ = book.apply(at, event);
            if self.events.get(n + 1).is_none_or(|next| next.market() != event.market()) {
                let _ = book.judge(at);
            }
        }
        Some(())
    }
}

impl Peer for SonicBook {
    const NAME: &'static str = "sonic-rs borrowed, our book";

    fn new(stream: &Stream) -> Self {
        let books = stream.markets.iter().map(|market| Book::new(market.tick)).collect();
        Self { tokens: Tokens::new(stream), books, events: Vec::new() }
    }

    fn frame(&mut self, _: usize, _: u64, text: &str) {
        self.take(text).expect("a sound frame");
    }

    fn end(&self, _: &Stream) -> (Books, String) {
        (crate::ours::levels(&self.books.iter().collect::<Vec<_>>()), String::new())
    }
}
