//! What the venue does to itself when a fault begins, ends or happens. What a fault does to single frames and calls is asked
//! where those pass: `hub` and `answers`.

use super::front::Venue;
use crate::draws::Draws;
use crate::exchange::Exchange;
use crate::faults::{BookFault, Call, CallFate, Change, Fault, Faults, LinkFault, Phase};
use crate::scenario::Latency;
use mm_core::domain::{Nanos, Price, Qty, Timestamp, TokenId};
use mm_core::event::BookHash;
use mm_core::venue::book_hash::{HashInputs, OpenHash};
use mm_core::venue::market_ws::BookMessage;
use std::collections::BTreeMap;

/// Faults of a served venue and what they need to remember.
pub(super) struct Mishaps {
    pub(super) faults: Faults,
    draws: Draws,
    latency: Latency,
    /// Notices told so far: what `at_event` counts.
    pub(super) events: u64,
    /// Calls that have come in: names their latency draws.
    calls: u64,
    /// REST books as they were when they got stuck.
    stale: BTreeMap<TokenId, BookMessage>,
}

/// How long a call is on its way, and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) there: Nanos,
    pub(super) back: Nanos,
    pub(super) fate: CallFate,
}

impl Mishaps {
    pub(super) fn new(exchange: &Exchange, draws: Draws, at: Timestamp) -> Self {
        let scenario = exchange.scenario();
        let markets = exchange.markets();
        let tokens = markets.iter().flat_map(|info| [info.market.yes.clone(), info.market.no.clone()]).collect();
        let faults = Faults::new(&scenario.faults, &draws, at, tokens);
        let latency = scenario.venue.latency;
        Self { faults, draws, latency, events: 0, calls: 0, stale: BTreeMap::new() }
    }

    /// What happens to a call that comes in now.
    pub(super) fn way(&mut self, call: Call) -> Way {
        let fate = self.faults.answer(call);
        let n = self.calls;
        self.calls += 1;
        let there = if call == Call::Cancel { self.latency.cancel } else { self.latency.order };
        let jitter = self.latency.jitter.nanos();
        let drawn = |link: &str| match jitter {
            0 => 0,
            jitter => self.draws.below("latency", link, n, jitter.saturating_add(1)),
        };
        let plus = |base: Nanos, more: u64| Nanos::from_nanos(base.nanos().saturating_add(more));
        Way {
            there: plus(there, drawn("call").saturating_add(fate.held.nanos())),
            back: plus(self.latency.feed, drawn("answer")),
            fate,
        }
    }

    /// A made-up id of the heartbeat chain.
    pub(super) fn other_beat(&self) -> String {
        self.draws.uuid("heartbeat", "elsewhere", self.calls)
    }
}

impl Venue {
    /// Does what the faults due by now do to the venue itself; whether there were any.
    pub(super) fn happen(&mut self, at: Timestamp) -> bool {
        let changes = self.mishaps.faults.due(at, self.mishaps.events);
        for change in &changes {
            tracing::info!(name = change.name, phase = ?change.phase, fault = ?change.fault, "fault");
            self.happen_one(at, change);
        }
        if !changes.is_empty() {
            self.blocked = self.mishaps.faults.is_blocked();
        }
        !changes.is_empty()
    }

    fn happen_one(&mut self, at: Timestamp, change: &Change) {
        match (change.fault, change.phase) {
            (Fault::Link(channels, LinkFault::Frozen), Phase::Ends) => self.hub.thaw(channels, at),
            (Fault::Link(channels, LinkFault::Cut), _) => self.hub.cut(channels),
            (Fault::Link(channels, LinkFault::HalfOpen), _) => self.hub.deafen(channels),
            (Fault::Link(channels, LinkFault::CloseMidBurst { after }), _) => self.hub.close_after(channels, after),
            (Fault::Link(channels, LinkFault::Storm { lives }), Phase::Begins) => {
                self.hub.close_at(channels, at.plus(lives));
            }
            (Fault::Book(BookFault::Stale), Phase::Begins) => {
                let tokens: Vec<TokenId> = self.tokens().cloned().collect();
                let books = tokens.into_iter().filter_map(|token| Some((token.clone(), self.exchange.book(&token)?)));
                self.mishaps.stale = books.collect();
            }
            _ => {}
        }
    }

    /// What REST says of a token's book while it lies; `None`: the truth.
    pub(super) fn lying_book(&self, token: &TokenId) -> Option<BookMessage> {
        match self.mishaps.faults.books()? {
            BookFault::Stale => self.mishaps.stale.get(token).cloned(),
            BookFault::Ghost => {
                let mut book = self.exchange.book(token)?;
                let level = |ten_thousandths| {
                    let price =
                        Price::from_ten_thousandths(ten_thousandths).expect("one cent and its complement are prices");
                    vec![(price, Qty::from_micro(100_000_000))]
                };
                (book.bids, book.asks) = (level(100), level(9_900));
                book.hash = hash(&book);
                Some(book)
            }
        }
    }
}

/// The venue's hash of a whole book.
fn hash(book: &BookMessage) -> Option<BookHash> {
    let inputs = HashInputs {
        market: book.market.as_str(),
        token: book.token.as_str(),
        venue_ms: book.venue_ms,
        min_order: book.min_order?,
        tick: book.tick?,
        neg_risk: book.neg_risk?,
    };
    let open = OpenHash::new(&inputs, book.bids.iter().copied(), book.asks.iter().copied());
    Some(open.close(book.last_trade.as_deref().unwrap_or_default()))
}
