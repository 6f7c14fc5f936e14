//! REST as the second source: it mends books that are out of sync and bears witness about those that are not.

use super::Engine;
use super::absorb::AHEAD_MAX_MS;
use crate::book::Book;
use crate::domain::Token;
use crate::event::Action;
use crate::venue::market_ws::{BookMessage, WireEvent, decode_rest_book, to_market_events};

impl Engine {
    /// A REST book mends a book that is out of sync, or bears witness about one that is not. One that is not of the token asked for,
    /// or contradicts its own hash, does neither.
    pub(super) fn rest_book(&mut self, token: Token, text: &str, out: &mut Vec<Action>) {
        let body = decode_rest_book(text).ok().filter(|body| self.universe.token_id(token) == Some(&body.token));
        let Some(body) = body else {
            self.totals.bad_rest += 1;
            return;
        };
        if body.venue_ms > self.at.ms().saturating_add(AHEAD_MAX_MS) {
            self.totals.bad_rest += 1;
            return;
        }
        let Some(proven) = self.vouch_rest(token, &body, out) else { return };
        let (at, link, ix) = (self.at, self.link_of(token.market), token.market);
        self.link_mut(link).answered = Some(at);
        let down = self.links.get(&link).is_some_and(|l| l.up == Some(false));
        let Some(state) = self.markets.get_mut(ix.index()) else { return };
        state.sources.answer(at);
        self.dirty.insert(ix);
        if state.book.is_synced() {
            if let Some(text) = body.last_trade.as_deref().filter(|_| proven && state.book.last_trade().is_none()) {
                state.book.set_last_trade(text);
            }
            state.witness.take(at, body.venue_ms, Book::digest_of(token.outcome, &body.bids, &body.asks));
        } else if !down && state.sources.has_heard_since(state.waiting_since) {
            // Where nothing follows, a book would be old before it is used: without a link, or behind one that says nothing of it.
            self.mend(body, proven, out);
        }
    }

    fn mend(&mut self, body: BookMessage, proven: bool, out: &mut Vec<Action>) {
        let (min_order, neg_risk) = (body.min_order, body.neg_risk);
        let mut events = Vec::new();
        to_market_events(&self.universe, &WireEvent::Book(body), &mut events);
        for event in &events {
            let ix = event.market();
            self.take_event(event, out);
            let Some(state) = self.markets.get_mut(ix.index()) else { continue };
            state.remember();
            let facts = (Some(state.facts.min_order), Some(state.facts.neg_risk));
            if proven && facts == (min_order, neg_risk) {
                self.anchor(ix);
            }
        }
    }
}
