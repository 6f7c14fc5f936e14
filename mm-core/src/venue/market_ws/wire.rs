//! The fast road to wire events: the venue's ids as they are.

use super::fast::{Book, Change, Sink, Trade, scan};
use super::{BookMessage, LevelChange, PriceChange, WireEvent};
use crate::domain::{ConditionId, TokenId};
use crate::event::BookHash;

/// The events of a frame, or `None` when it is not of a usual shape.
pub(super) fn decode(text: &str) -> Option<Vec<WireEvent>> {
    let mut wire = Wire::default();
    scan(text, &mut wire)?;
    Some(wire.events)
}

#[derive(Default)]
struct Wire {
    events: Vec<WireEvent>,
    changes: Vec<LevelChange>,
}

impl<'a> Sink<'a> for Wire {
    type Market = ConditionId;
    type Token = TokenId;

    fn market(&mut self, text: &'a [u8]) -> Option<ConditionId> {
        ConditionId::parse(std::str::from_utf8(text).ok()?).ok()
    }

    fn token(&mut self, rest: &'a [u8]) -> Option<(TokenId, usize)> {
        let digits = TokenId::at(rest)?;
        Some((TokenId::parse(digits).ok()?, digits.len()))
    }

    fn change(&mut self, change: Change<'a, TokenId>) -> Option<()> {
        let Change { token, price, qty, side, hash, top } = change;
        let hash = match hash {
            None => None,
            Some(hex) => Some(BookHash::from_hex(hex)?),
        };
        self.changes.push(LevelChange { token, price, qty, side, hash, top: Some(top) });
        Some(())
    }

    fn changed(&mut self, market: ConditionId, venue_ms: u64) -> Option<()> {
        let changes = std::mem::take(&mut self.changes);
        self.events.push(WireEvent::PriceChange(PriceChange { market, changes, venue_ms }));
        Some(())
    }

    fn book(&mut self, market: ConditionId, token: TokenId, book: Book<'a>) -> Option<()> {
        let Book { bids, asks, hash, venue_ms, tick, last_trade } = book;
        let (min_order, neg_risk, last_trade) = (None, None, last_trade.map(Into::into));
        let message = BookMessage { market, token, bids, asks, venue_ms, hash, tick, min_order, neg_risk, last_trade };
        self.events.push(WireEvent::Book(message));
        Some(())
    }

    fn trade(&mut self, market: ConditionId, token: TokenId, trade: Trade) -> Option<()> {
        let Trade { price, qty, side, venue_ms } = trade;
        self.events.push(WireEvent::LastTradePrice { market, token, price, qty, side, venue_ms });
        Some(())
    }
}
