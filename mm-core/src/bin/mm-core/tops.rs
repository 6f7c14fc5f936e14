//! `mm-core tops FILE`: the best prices after each recorded frame as JSON lines, for comparing with any other program.
//!
//! Pairs are learnt from the frames: the first token of a market is YES. The venue's timestamps stand for the clock.

use mm_core::book::Book;
use mm_core::domain::{Price, Qty, Side, TickSize, Timestamp, Token, TokenId};
use mm_core::event::MarketEvent;
use mm_core::io::frames::{self, FrameError};
use mm_core::io::recorded::{Recorded, Search};
use mm_core::venue::market_ws::{self, BadFrame, MarketFrame, WireEvent};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why the recording was not shown to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file.
    #[error(transparent)]
    Frames(#[from] FrameError),
    /// One of its frames.
    #[error("{path} line {line}: {why}")]
    Frame {
        /// The file.
        path: PathBuf,
        /// Where the frame begins.
        line: u64,
        /// What is wrong with it.
        why: BadFrame,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Write(#[from] io::Error),
}

/// One token after one frame.
#[derive(Serialize)]
struct Line<'a> {
    frame: u64,
    market: &'a str,
    token: &'a str,
    bid: Option<String>,
    bid_size: Option<String>,
    ask: Option<String>,
    ask_size: Option<String>,
    sync: &'static str,
    /// Its last snapshot has a hash that could not be reproduced.
    unproven: bool,
}

/// Shows the recording at `path` (`-`: standard input).
///
/// # Errors
/// [`Error`] names file and line. Lines before it have been written.
pub(crate) fn tops(path: &Path, out: &mut dyn Write) -> Result<(), Error> {
    let mut tops = Tops::default();
    for (number, frame) in (1u64..).zip(frames::read(path)?) {
        let frame = frame?;
        let (decoded, _) = market_ws::decode(&frame.text).map_err(|why| Error::Frame {
            path: path.to_owned(),
            line: frame.line,
            why,
        })?;
        if let MarketFrame::Events(events) = decoded {
            tops.frame(number, &events, out)?;
        }
    }
    out.flush()?;
    Ok(())
}

#[derive(Default)]
struct Tops {
    recorded: Recorded,
    /// By row.
    books: Vec<Book>,
    /// By row and outcome.
    unproven: Vec<[bool; 2]>,
    /// The venue's clock; never goes back.
    at: Timestamp,
}

impl Tops {
    fn frame(&mut self, number: u64, events: &[WireEvent], out: &mut dyn Write) -> io::Result<()> {
        let mut touched: Vec<Token> = Vec::new();
        let mut typed = Vec::new();
        for event in events {
            self.recorded.learn(event);
            let new = self.recorded.universe().len();
            self.books.resize_with(new, || Book::new(TickSize::CENT));
            self.unproven.resize(new, [false; 2]);
            if let WireEvent::Book(book) = event
                && let Some(token) = self.recorded.universe().token(book.token.as_str())
            {
                let proven = self.recorded.prove_book(book, Search::Every);
                self.unproven[token.market.index()][token.outcome as usize] = proven == Some(false);
            }
            typed.clear();
            market_ws::to_market_events(self.recorded.universe(), event, &mut typed);
            for event in &typed {
                self.apply(event);
                if let MarketEvent::Snapshot { token, .. }
                | MarketEvent::Delta { token, .. }
                | MarketEvent::TickSize { token, .. } = event
                    && !touched.contains(token)
                {
                    touched.push(*token);
                }
            }
        }
        for token in &touched {
            // What a frame breaks shows in its own line; the reason is the book's to keep.
            let _told_by_sync = self.books[token.market.index()].judge(self.at);
        }
        for token in touched {
            self.line(number, token, out)?;
        }
        Ok(())
    }

    fn apply(&mut self, event: &MarketEvent) {
        if let MarketEvent::Snapshot { venue_ms, .. }
        | MarketEvent::Delta { venue_ms, .. }
        | MarketEvent::Top { venue_ms, .. }
        | MarketEvent::Trade { venue_ms, .. } = event
        {
            self.at = self.at.max(Timestamp::from_ms(*venue_ms));
        }
        // A refused event leaves the book as it was or marks it; either shows in the line's `sync`.
        let _told_by_sync = self.books[event.market().index()].apply(self.at, event);
    }

    fn line(&self, frame: u64, token: Token, out: &mut dyn Write) -> io::Result<()> {
        let book = &self.books[token.market.index()];
        let market = self.recorded.universe().get(token.market);
        let text = |level: Option<(Price, Qty)>| match level {
            Some((price, qty)) => (Some(price.to_string()), Some(qty.to_string())),
            None => (None, None),
        };
        let (bid, bid_size) = text(book.best_of(token.outcome, Side::Buy));
        let (ask, ask_size) = text(book.best_of(token.outcome, Side::Sell));
        let line = Line {
            frame,
            market: market.map_or("", |market| market.condition.as_str()),
            token: market.map_or("", |market| TokenId::as_str(market.token_id(token.outcome))),
            bid,
            bid_size,
            ask,
            ask_size,
            sync: book.sync().as_str(),
            unproven: self.unproven[token.market.index()][token.outcome as usize],
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_with_a_pair_of_tokens() {
        let market = format!("0x{}", "1".repeat(64));
        let frames = [
            "[{\"market\":\"M\",\"asset_id\":\"7\",\"timestamp\":\"5\",\"hash\":\"\",\"bids\":[{\"price\":\"0.4\",\"size\":\"2\"}],\
             \"asks\":[],\"tick_size\":\"0.01\",\"event_type\":\"book\",\"last_trade_price\":\"\"}]",
            "PONG",
            "{\"market\":\"M\",\"price_changes\":[{\"asset_id\":\"8\",\"price\":\"0.55\",\"size\":\"3.5\",\"side\":\"BUY\"},\
             {\"asset_id\":\"7\",\"price\":\"0.45\",\"size\":\"3.5\",\"side\":\"SELL\"}],\"timestamp\":\"6\",\
             \"event_type\":\"price_change\"}",
        ];
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("frames.jsonl");
        std::fs::write(&path, frames.join("\n").replace("\"M\"", &format!("\"{market}\""))).expect("a file");
        let mut out = Vec::new();
        tops(&path, &mut out).expect("a good recording");
        let text = String::from_utf8(out).expect("JSON lines").replace(&market, "M");
        expect_test::expect![[r#"
            {"frame":1,"market":"M","token":"7","bid":"0.4","bid_size":"2","ask":null,"ask_size":null,"sync":"synced","unproven":false}
            {"frame":3,"market":"M","token":"8","bid":"0.55","bid_size":"3.5","ask":"0.6","ask_size":"2","sync":"synced","unproven":false}
            {"frame":3,"market":"M","token":"7","bid":"0.4","bid_size":"2","ask":"0.45","ask_size":"3.5","sync":"synced","unproven":false}
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_bad_frame_names_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("frames.jsonl");
        std::fs::write(&path, "[]\n{\"event_type\":\"book\"}\n").expect("a file");
        let why = tops(&path, &mut Vec::new()).expect_err("no book").to_string();
        assert!(why.contains("frames.jsonl line 2: malformed book"), "{why}");
    }
}
