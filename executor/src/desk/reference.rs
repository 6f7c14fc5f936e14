//! The executor's own slow price of each market (executor.md 3.1): the midpoint of the public book, our own orders left out. It only
//! bounds prices; nothing is quoted by it.
//!
//! A book in which only one side, or nobody but us, says a price says none: what was known of it is forgotten, and nothing is
//! placed there. The second token's book is the first one's mirrored, so one reading serves both.

use super::{Desk, Effect, Purpose};
use crate::outcome::{self, ListedBook, ListedLevel, VenueCall, VenueReply};
use crate::policy::Reference;
use mm_core::domain::{ConditionId, Nanos, OrderId, Price, Qty, Side, Timestamp, TokenId};
use std::collections::{BTreeMap, BTreeSet};

/// How old a book that is handed out as new may be.
const BOOK_AGE_MAX: Nanos = Nanos::from_secs(10);
/// Readings within the age at which one is too old.
const IN_AN_AGE: u64 = 4;

/// What is known, and what is still to be asked.
#[derive(Debug, Default)]
pub(super) struct References {
    next_round: Timestamp,
    /// First tokens that this round has still to ask for.
    to_ask: Vec<TokenId>,
    /// By first token.
    known: BTreeMap<TokenId, Reference>,
    /// When an order was last live. A book may be some seconds old, and hold what was cancelled or filled since: a core that places
    /// and cancels, or a partner who takes, must not move the price it is judged by.
    ours: BTreeMap<OrderId, Timestamp>,
}

impl References {
    /// A core told its tokens.
    pub(super) const fn at_once(&mut self) {
        self.next_round = Timestamp::EPOCH;
    }

    /// An order of ours may be in the book from now on.
    pub(super) fn placed(&mut self, order: OrderId, at: Timestamp) {
        self.ours.insert(order, at);
    }
}

/// Shares of ours at a price, in first-token terms.
type Ours = BTreeMap<(ConditionId, Side, Price), Qty>;

impl Desk {
    /// The price of a token's market.
    pub(super) fn reference(&self, token: &TokenId) -> Option<Reference> {
        let (market, _, _) = self.setup.policy.token(token)?;
        self.references.known.get(&market.yes).copied()
    }

    /// Asks for the books of the markets the core knows, while an order is possible or could be at the next word.
    pub(super) fn step_references(&mut self, out: &mut Vec<Effect>) {
        // Before the first cancel-all is confirmed too, if nothing is known to rest: the gate may open right after it.
        let possible = self.health.halted.is_none() || self.exposure.open_orders() == 0;
        if !self.session.is_up() || !possible || self.health.draining {
            self.references.to_ask.clear();
            return;
        }
        if self.references.to_ask.is_empty() && self.at < self.references.next_round {
            self.wake_at(self.references.next_round);
            return;
        }
        if self.calling(|purpose| matches!(purpose, Purpose::Books(_))) {
            return;
        }
        if self.references.to_ask.is_empty() {
            self.begin_round();
        }
        let left = self.references.to_ask.len();
        let tokens = self.references.to_ask.split_off(left.saturating_sub(VenueCall::BOOKS_MAX));
        if !tokens.is_empty() {
            self.call(Purpose::Books(tokens.clone()), VenueCall::Books(tokens), out);
        }
    }

    fn begin_round(&mut self) {
        let max_age = self.setup.policy.caps().reference_max_age_ms;
        self.references.next_round = self.at.plus(Nanos::from_ms(max_age / IN_AN_AGE));
        let listed = self.session.tokens().filter_map(|(_, token)| self.setup.policy.token(token));
        let firsts: BTreeSet<TokenId> = listed.map(|(market, _, _)| market.yes.clone()).collect();
        self.references.to_ask = firsts.into_iter().collect();
        let at = self.at;
        self.references.ours.retain(|_, live| at.since(*live) < BOOK_AGE_MAX);
        self.references.ours.extend(self.exposure.live_orders().map(|tracked| (tracked.row.order, at)));
    }

    /// A failure teaches nothing: what was known gets too old by itself.
    pub(super) fn books_replied(&mut self, sent: Timestamp, asked: &[TokenId], reply: &VenueReply) {
        let Ok(books) = outcome::books(reply) else { return };
        let ours = self.our_levels();
        for book in books.into_iter().filter(|book| asked.contains(&book.asset_id)) {
            let Some((market, _, _)) = self.setup.policy.token(&book.asset_id) else { continue };
            match midpoint(&book, &market.condition, &ours, sent) {
                Some(reference) => self.references.known.insert(book.asset_id, reference),
                None => self.references.known.remove(&book.asset_id),
            };
        }
    }

    fn our_levels(&self) -> Ours {
        let mut ours = Ours::new();
        if self.setup.withhold {
            // What never left is in no book.
            return ours;
        }
        for tracked in self.references.ours.keys().filter_map(|id| self.exposure.order(id)) {
            let (side, price) = tracked.in_yes_terms();
            let level = ours.entry((tracked.row.market.clone(), side, price)).or_default();
            // whole: what was filled meanwhile may still be in the book, and too little of others says no price rather than a false one
            *level = level.saturating_add(tracked.row.qty);
        }
        ours
    }
}

/// Of what others bid and ask.
fn midpoint(book: &ListedBook, market: &ConditionId, ours: &Ours, asked: Timestamp) -> Option<Reference> {
    let of_others = |side: Side, levels: &Option<Vec<ListedLevel>>| -> Vec<Price> {
        let levels = levels.iter().flatten();
        let theirs = levels
            .filter(|level| level.size > ours.get(&(market.clone(), side, level.price)).copied().unwrap_or_default());
        theirs.map(|level| level.price).collect()
    };
    let bid = of_others(Side::Buy, &book.bids).into_iter().max()?;
    let ask = of_others(Side::Sell, &book.asks).into_iter().min()?;
    Reference::new(bid, ask, asked)
}
