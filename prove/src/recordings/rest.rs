//! REST books: each decodes, its hash is reproduced where its inputs are there, and two tokens of one market and timestamp
//! are mirrors.

use super::{FileReport, each_frame};
use mm_core::book::{Book, LevelDigest};
use mm_core::domain::Outcome;
use mm_core::io::frames;
use mm_core::venue::book_hash::{HashInputs, book_hash};
use mm_core::venue::market_ws::{self, BookMessage};
use std::collections::BTreeMap;
use std::path::Path;

/// Whether the first value of a file is a book.
pub(super) fn has_books(path: &Path) -> bool {
    match frames::read(path).map(|mut frames| frames.next()) {
        Ok(Some(Ok(frame))) => frame.text.contains("\"bids\""),
        Ok(None) => false,
        // What cannot be read is for the reader to report.
        Ok(Some(Err(_))) | Err(_) => true,
    }
}

pub(super) fn read(path: &Path) -> FileReport {
    let mut report = FileReport::default();
    // By market and timestamp: the first book, and whether its hash proved it.
    let mut seen: BTreeMap<(String, u64), (BookMessage, bool)> = BTreeMap::new();
    each_frame(path, &mut report, |frame, report| {
        let line = frame.line;
        if !frame.text.contains("\"asset_id\"") {
            match market_ws::decode_rest_levels(&frame.text) {
                Ok(_) => *report.events.entry("levels".to_owned()).or_default() += 1,
                Err(why) => report.fail(format!("line {line}: {why}")),
            }
            return;
        }
        let book = match market_ws::decode_rest_book(&frame.text) {
            Ok(book) => book,
            Err(why) => return report.fail(format!("line {line}: {why}")),
        };
        *report.events.entry("book".to_owned()).or_default() += 1;
        if market_ws::decode_rest_book(&market_ws::encode_rest_book(&book)).as_ref() != Ok(&book) {
            report.fail(format!("line {line}: what is encoded does not decode to the same book"));
        }
        let proven = hash(line, &book, report);
        let key = (book.market.to_string(), book.venue_ms);
        match seen.get(&key) {
            Some((first, first_proven)) if first.token != book.token => {
                report.mirrors += 1;
                if digest(Outcome::Yes, first) != digest(Outcome::No, &book) {
                    // A millisecond may hold several states. Two different books, each proven by its own hash, are two
                    // states; anything else is a broken mirror.
                    let two_states = *first_proven && proven;
                    let why = format!("line {line}: not the mirror of the other token at {}", book.venue_ms);
                    if two_states {
                        report.differences += 1;
                        report.notes.push(format!("{why}: two states of one millisecond, both proven by their hashes"));
                    } else {
                        report.differ(true, why);
                    }
                }
            }
            Some(_) => {}
            None => {
                seen.insert(key, (book, proven));
            }
        }
    });
    report
}

fn digest(outcome: Outcome, book: &BookMessage) -> LevelDigest {
    Book::digest_of(outcome, &book.bids, &book.asks)
}

/// Whether the book's hash proves it.
fn hash(line: u64, book: &BookMessage, report: &mut FileReport) -> bool {
    let (Some(hash), Some(min_order), Some(tick), Some(neg_risk), Some(last_trade)) =
        (book.hash, book.min_order, book.tick, book.neg_risk, book.last_trade.as_deref())
    else {
        report.unproven += 1;
        return false;
    };
    let inputs = HashInputs {
        market: book.market.as_str(),
        token: book.token.as_str(),
        venue_ms: book.venue_ms,
        min_order,
        tick,
        neg_risk,
    };
    let proven = book_hash(&inputs, book.bids.iter().copied(), book.asks.iter().copied(), last_trade) == hash;
    if proven {
        report.proven += 1;
    } else {
        report.contradicted += 1;
        report.fail(format!("line {line}: hash {hash} is not that of the book"));
    }
    proven
}
