//! Wire events to the core's events: venue ids become rows, levels come best first.

use super::WireEvent;
use crate::domain::{Token, Universe};
use crate::event::MarketEvent;

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
