//! Ours: the checked road from text to book, and a whole turn of the engine around it.

use crate::stream::Stream;
use crate::{Books, Peer};
use mm_core::book::Book;
use mm_core::config::{Config, RawConfig};
use mm_core::domain::{Outcome, Side, Timestamp, Universe};
use mm_core::engine::Engine;
use mm_core::event::{Action, Input, LinkIx, MarketEvent, Turn};
use mm_core::venue::market_ws::{self, Read, Road};

/// Decoding, validation of the whole frame, mirror and announced-top checks, the books. The book hash is read and kept, not computed.
pub struct Checked {
    universe: Universe,
    books: Vec<Book>,
    events: Vec<MarketEvent>,
    doubts: usize,
}

impl Peer for Checked {
    const NAME: &'static str = "ours, checked";

    fn new(stream: &Stream) -> Self {
        let books = stream.markets.iter().map(|market| Book::new(market.tick)).collect();
        Self { universe: stream.universe(), books, events: Vec::new(), doubts: 0 }
    }

    fn frame(&mut self, _: usize, at_ms: u64, text: &str) {
        let at = Timestamp::from_ms(at_ms);
        self.events.clear();
        let read = market_ws::read(&self.universe, text, &mut self.events);
        assert!(matches!(read, Ok(Read::Events { road: Road::Fast, strangers: 0, .. })), "{read:?}: {text}");
        for (n, event) in self.events.iter().enumerate() {
            let book = &mut self.books[event.market().index()];
            self.doubts += usize::from(book.apply(at, event).is_err());
            // a frame's entries are judged together, as the engine does at the end of a turn
            if self.events.get(n + 1).is_none_or(|next| next.market() != event.market()) {
                self.doubts += usize::from(book.judge(at).is_err());
            }
        }
    }

    fn end(&self, _: &Stream) -> (Books, String) {
        let synced = self.books.iter().filter(|book| book.is_synced()).count();
        let remarks = format!("; {synced} of {} books in sync, {} errors", self.books.len(), self.doubts);
        (levels(&self.books.iter().collect::<Vec<_>>()), remarks)
    }
}

/// A turn for each frame: that and the witness's memory, the books that are touched, deadlines. Nothing is quoted.
pub struct Whole {
    engine: Engine,
    turns: Vec<Turn>,
    actions: Vec<Action>,
}

impl Peer for Whole {
    const NAME: &'static str = "ours, a turn for each frame";

    fn new(stream: &Stream) -> Self {
        let raw: RawConfig = serde_json::from_str(CONFIG).expect("the keys are known");
        let config = Config::try_from(raw).expect("the values are allowed");
        let turn = |(seq, frame): (u64, &crate::stream::Frame)| {
            let received = Timestamp::from_ms(frame.at_ms);
            let input = Input::MarketFrame { link: LinkIx(0), received, text: frame.text.clone() };
            Turn { seq, at: received, inputs: vec![input] }
        };
        Self {
            engine: Engine::new(config, stream.markets.clone()),
            turns: (1u64..).zip(&stream.frames).map(turn).collect(),
            actions: Vec::new(),
        }
    }

    fn frame(&mut self, nth: usize, _: u64, _: &str) {
        self.actions.clear();
        self.engine.turn(&self.turns[nth], &mut self.actions);
    }

    fn end(&self, stream: &Stream) -> (Books, String) {
        let universe = stream.universe();
        let books: Vec<&Book> = universe.iter().filter_map(|(ix, _)| self.engine.book(ix)).collect();
        (levels(&books), String::new())
    }
}

pub fn levels(books: &[&Book]) -> Books {
    let of = |book: &Book, outcome| {
        let side = |side| {
            book.levels_of(outcome, side).map(move |(p, q)| ((side == Side::Sell, p.ten_thousandths()), q.micro()))
        };
        side(Side::Buy).chain(side(Side::Sell)).collect()
    };
    books.iter().flat_map(|book| [of(book, Outcome::Yes), of(book, Outcome::No)]).collect()
}

const CONFIG: &str = r#"{
    "schema": 1,
    "feed": { "ws_url": "ws://127.0.0.1:1/ws/market", "rest_url": "http://127.0.0.1:1", "tokens_per_link": 400,
        "ping_every_ms": 10000, "pong_timeout_ms": 30000, "probe_after_ms": 5000, "dead_after_ms": 30000,
        "snapshot_wait_ms": 5000, "suspect_after_ms": 1000, "witness_every_ms": 60000,
        "reconnect_min_ms": 250, "reconnect_max_ms": 30000 },
    "executor": { "socket": "run/core.sock", "alive_every_ms": 500 },
    "journal": { "dir": "runs", "segment_mib": 1 },
    "metrics": { "listen": "" },
    "orders": { "min_edit_interval_ms": 2000, "do_nothing_cents": "1", "do_nothing_size_percent": 25,
        "calls_per_second": 20, "calls_burst": 40, "max_open_orders": 100 },
    "risk": { "max_market_usdc": "50", "max_total_usdc": "200", "cool_down_ms": 10000 },
    "quote": { "strategy": "fixed", "distance_cents": "1.5", "size_shares": "20", "max_size_shares": "100",
        "max_book_spread_cents": "6", "max_held_shares": "200", "skew_cents_per_100_shares": "1",
        "min_midpoint": "0.05", "max_midpoint": "0.95", "stop_before_end_s": 0, "require_rewards": true },
    "market": [{ "condition": "0x0000000000000000000000000000000000000000000000000000000000000001" }]
}"#;
