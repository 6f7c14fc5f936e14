//! The core's events: venue ids become rows, levels come best first. From wire events, and from a frame without them.

use super::fast::{Book, Change, Sink, Trade, scan};
use super::{BadFrame, MarketFrame, Road, WireEvent, decode_tolerant};
use crate::domain::{ConditionId, MarketIx, Outcome, Price, Qty, Side, Token, TokenId, Universe};
use crate::event::{BookHash, MarketEvent};

/// What [`read`] found besides the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// `PONG`, `NO NEW ASSETS` or other plain text.
    Text,
    /// Market data.
    Events {
        /// Which decoder read it.
        road: Road,
        /// Events of a type we do not know.
        unknown: u64,
        /// Tokens that are not in the universe.
        strangers: usize,
    },
}

/// Decodes one text frame and appends what it says about our markets. On the fast road a frame without whole books allocates
/// nothing once `out` has its size.
///
/// # Errors
/// [`BadFrame`], exactly when [`decode_tolerant`] refuses the text; `out` is unchanged then.
pub fn read(universe: &Universe, text: &str, out: &mut Vec<MarketEvent>) -> Result<Read, BadFrame> {
    let begin = out.len();
    let mut sink = Direct { universe, from: begin, strangers: 0, out };
    if scan(text, &mut sink).is_some() {
        return Ok(Read::Events { road: Road::Fast, unknown: 0, strangers: sink.strangers });
    }
    out.truncate(begin);
    let MarketFrame::Events(wire) = decode_tolerant(text)? else { return Ok(Read::Text) };
    let unknown = wire.iter().filter(|event| matches!(event, WireEvent::Unknown { .. })).count() as u64;
    let strangers = wire.iter().map(|event| to_market_events(universe, event, out)).sum();
    Ok(Read::Events { road: Road::Tolerant, unknown, strangers })
}

/// What a change is before it is known.
const NOTHING_CHANGED: MarketEvent = MarketEvent::Delta {
    token: Token { market: MarketIx(0), outcome: Outcome::Yes },
    side: Side::Buy,
    price: Price::ZERO,
    qty: Qty::ZERO,
    top: None,
    hash: None,
    venue_ms: 0,
};

/// Events straight from the text.
struct Direct<'u, 'o> {
    universe: &'u Universe,
    out: &'o mut Vec<MarketEvent>,
    /// Where the changes of this event begin.
    from: usize,
    strangers: usize,
}

impl Direct<'_, '_> {
    /// Whether it is a condition id: that of the row its token belongs to, or else of its form.
    fn is_condition(&self, text: &[u8], row: Option<MarketIx>) -> bool {
        let market = row.and_then(|row| self.universe.get(row));
        market.is_some_and(|market| market.condition.as_str().as_bytes() == text) || ConditionId::is_one(text)
    }
}

impl<'a> Sink<'a> for Direct<'_, '_> {
    /// Looked at when its tokens are known: comparing costs less than reading.
    type Market = &'a [u8];
    type Token = Option<Token>;

    #[inline]
    fn market(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        self.from = self.out.len();
        Some(text)
    }

    #[inline]
    fn token(&mut self, rest: &'a [u8]) -> Option<(Option<Token>, usize)> {
        if let Some((token, len)) = self.universe.token_at(rest) {
            return Some((Some(token), len));
        }
        let digits = TokenId::at(rest)?;
        let token = self.universe.token(digits);
        self.strangers += usize::from(token.is_none());
        Some((token, digits.len()))
    }

    #[inline]
    fn change(&mut self, change: Change<'a, Option<Token>>) -> Option<()> {
        let Change { token, price, qty, side, hash: hex, top } = change;
        let Some(token) = token else { return hex.is_none_or(|hex| BookHash::from_hex(hex).is_some()).then_some(()) };
        // Filled in where it stays: an event written in small pieces is slow to be moved as a whole.
        self.out.push(NOTHING_CHANGED);
        if let Some(MarketEvent::Delta { token: of, side: on, price: at, qty: total, top: best, hash, .. }) =
            self.out.last_mut()
        {
            (*of, *on, *at, *total, *best) = (token, side, price, qty, Some(top));
            if let Some(hex) = hex {
                *hash = Some(BookHash::from_hex(hex)?);
            }
        }
        Some(())
    }

    #[inline]
    fn changed(&mut self, market: &'a [u8], at_ms: u64) -> Option<()> {
        let row = self.out.get(self.from).map(MarketEvent::market);
        for event in &mut self.out[self.from..] {
            if let MarketEvent::Delta { venue_ms, .. } = event {
                *venue_ms = at_ms;
            }
        }
        self.is_condition(market, row).then_some(())
    }

    fn book(&mut self, market: &'a [u8], token: Option<Token>, book: Book<'a>) -> Option<()> {
        let Book { mut bids, mut asks, hash, venue_ms, tick, last_trade } = book;
        if let Some(token) = token {
            bids.reverse();
            asks.reverse();
            let last_trade = last_trade.map(Into::into);
            self.out.push(MarketEvent::Snapshot { token, bids, asks, tick, last_trade, hash, venue_ms });
        }
        self.is_condition(market, token.map(|token| token.market)).then_some(())
    }

    fn trade(&mut self, market: &'a [u8], token: Option<Token>, trade: Trade) -> Option<()> {
        let Trade { price, qty, side, venue_ms } = trade;
        if let Some(token) = token {
            self.out.push(MarketEvent::Trade { token, side, price, qty, venue_ms });
        }
        self.is_condition(market, token.map(|token| token.market)).then_some(())
    }
}

/// Appends what `event` says about our markets. Returns how many tokens of it are not in the universe: the venue sends
/// both tokens of a market even to those who asked for one, so a stranger is counted and never an error.
pub fn to_market_events(universe: &Universe, event: &WireEvent, out: &mut Vec<MarketEvent>) -> usize {
    let known = |id: &crate::domain::TokenId| universe.token(id.as_str());
    let one = |token: Option<Token>, out: &mut Vec<MarketEvent>, make: &dyn Fn(Token) -> MarketEvent| match token {
        Some(token) => {
            out.push(make(token));
            0
        }
        None => 1,
    };
    match event {
        WireEvent::Book(book) => one(known(&book.token), out, &|token| MarketEvent::Snapshot {
            token,
            bids: book.bids.iter().rev().copied().collect(),
            asks: book.asks.iter().rev().copied().collect(),
            tick: book.tick,
            last_trade: book.last_trade.clone(),
            hash: book.hash,
            venue_ms: book.venue_ms,
        }),
        WireEvent::PriceChange(change) => change
            .changes
            .iter()
            .map(|level| {
                one(known(&level.token), out, &|token| MarketEvent::Delta {
                    token,
                    side: level.side,
                    price: level.price,
                    qty: level.qty,
                    top: level.top,
                    hash: level.hash,
                    venue_ms: change.venue_ms,
                })
            })
            .sum(),
        WireEvent::TickSizeChange { token, new, .. } => {
            one(known(token), out, &|token| MarketEvent::TickSize { token, tick: *new })
        }
        WireEvent::LastTradePrice { token, price, qty, side, venue_ms, .. } => one(known(token), out, &|token| {
            MarketEvent::Trade { token, side: *side, price: *price, qty: *qty, venue_ms: *venue_ms }
        }),
        WireEvent::BestBidAsk { token, top, venue_ms, .. } => {
            one(known(token), out, &|token| MarketEvent::Top { token, top: *top, venue_ms: *venue_ms })
        }
        WireEvent::MarketResolved { market, tokens, .. } => {
            let row = universe.row(market).or_else(|| tokens.iter().find_map(known).map(|token| token.market));
            match row {
                Some(market) => {
                    out.push(MarketEvent::Resolved { market });
                    0
                }
                None => 1,
            }
        }
        WireEvent::NewMarket { .. } | WireEvent::Unknown { .. } => 0,
    }
}
