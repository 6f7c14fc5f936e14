//! Holds mm-core's books against the venue's own `/book` answers.
//!
//! The answers are collected while the stack runs. Afterwards the frames that mm-core itself journaled are put through
//! mm-core's decoder and [`Book`], and at the answer's own millisecond the two must be equal, level by level.

use mm_core::book::Book;
use mm_core::domain::{Outcome, Price, Qty, Side, Universe};
use mm_core::event::{Input, MarketEvent, Turn};
use mm_core::venue::market_ws::{self, BookMessage, MarketFrame};
use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;

/// What the comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Answers equal to mm-core's book at their millisecond.
    pub(crate) equal: u64,
    /// Answers that differed from every state mm-core had in their millisecond.
    pub(crate) differ: u64,
    /// Answers whose millisecond mm-core's journal does not hold (it was not subscribed then).
    pub(crate) unseen: u64,
    /// The first answer that was not seen, in words.
    pub(crate) first_unseen: Option<String>,
    /// The first difference, in words.
    pub(crate) first_difference: Option<String>,
}

type Levels = Vec<(Price, Qty)>;

/// One answer in YES terms, best first.
struct Expected {
    token: String,
    venue_ms: u64,
    bids: Levels,
    asks: Levels,
    met: Option<Result<(), String>>,
}

/// Compares the answers with what mm-core's journal in `run_dir` builds.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn compare(run_dir: &Path, answers: &[BookMessage]) -> Result<Comparison, String> {
    let mut walk = Walk::default();
    let mut segments: Vec<_> = std::fs::read_dir(run_dir)
        .map_err(|e| format!("{}: {e}", run_dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "ndjson"))
        .collect();
    segments.sort();
    for path in segments {
        let file = std::fs::File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for line in std::io::BufReader::new(file).lines() {
            let line = line.map_err(|e| format!("{}: {e}", path.display()))?;
            walk.line(&line, answers);
        }
    }
    Ok(walk.finish(answers.len()))
}

/// Enough of a token id to find it again.
fn short(token: &str) -> String {
    format!("token {}…", token.chars().take(8).collect::<String>())
}

#[derive(Default)]
struct Walk {
    universe: Universe,
    books: Vec<Book>,
    /// Time of the newest print of each market, milliseconds since 1970.
    printed_ms: Vec<u64>,
    /// By market row and millisecond. Filled once the universe is known.
    expected: BTreeMap<(usize, u64), Vec<Expected>>,
}

#[derive(serde::Deserialize)]
struct Line {
    turn: Option<Turn>,
}

impl Walk {
    fn line(&mut self, line: &str, answers: &[BookMessage]) {
        // Check lines and a torn last line hold no turn.
        let Ok(Line { turn: Some(turn) }) = serde_json::from_str::<Line>(line) else { return };
        for input in &turn.inputs {
            match input {
                Input::Universe(markets) => {
                    let first = self.universe.is_empty();
                    self.universe.update(markets.clone()).expect("mm-core took the same universe");
                    let known = self.books.len();
                    self.books.extend(self.universe.markets().iter().skip(known).map(|market| Book::new(market.tick)));
                    self.printed_ms.resize(self.books.len(), 0);
                    if first {
                        self.expect(answers);
                    }
                }
                Input::MarketFrame { text, .. } => {
                    if let Ok((MarketFrame::Events(events), _)) = market_ws::decode(text) {
                        let mut typed = Vec::new();
                        for event in &events {
                            market_ws::to_market_events(&self.universe, event, &mut typed);
                        }
                        for event in &typed {
                            self.apply(turn.at, event);
                        }
                    }
                }
                Input::Market(event) => self.apply(turn.at, event),
                _ => {}
            }
        }
    }

    fn expect(&mut self, answers: &[BookMessage]) {
        for answer in answers {
            let Some(token) = self.universe.token(answer.token.as_str()) else { continue };
            let mirror = |levels: &Levels| levels.iter().map(|(p, q)| (p.complement(), *q)).collect::<Levels>();
            let (mut bids, mut asks) = match token.outcome {
                Outcome::Yes => (answer.bids.clone(), answer.asks.clone()),
                Outcome::No => (mirror(&answer.asks), mirror(&answer.bids)),
            };
            bids.sort_by(|a, b| b.cmp(a));
            asks.sort();
            let expected =
                Expected { token: answer.token.to_string(), venue_ms: answer.venue_ms, bids, asks, met: None };
            self.expected.entry((token.market.index(), answer.venue_ms)).or_default().push(expected);
        }
    }

    fn apply(&mut self, at: mm_core::domain::Timestamp, event: &MarketEvent) {
        let row = event.market().index();
        let Some(book) = self.books.get_mut(row) else { return };
        // A refused event leaves the book suspect, which the comparison then shows as a difference.
        book.apply(at, event).ok();
        // A print moves the time of the venue's book without moving a level.
        if let MarketEvent::Trade { venue_ms, .. } = event {
            self.printed_ms[row] = self.printed_ms[row].max(*venue_ms);
        }
        let venue_ms = book.venue_ms().max(self.printed_ms[row]);
        let Some(waiting) = self.expected.get_mut(&(row, venue_ms)) else { return };
        for expected in waiting {
            if matches!(expected.met, Some(Ok(()))) {
                continue;
            }
            let bids: Levels = book.levels(Side::Buy).collect();
            let asks: Levels = book.levels(Side::Sell).collect();
            expected.met = Some(if bids == expected.bids && asks == expected.asks {
                Ok(())
            } else {
                Err(format!(
                    "{} at {} ms: venue {} bids {} asks, mm-core {} bids {} asks",
                    short(&expected.token),
                    expected.venue_ms,
                    expected.bids.len(),
                    expected.asks.len(),
                    bids.len(),
                    asks.len()
                ))
            });
        }
    }

    fn finish(self, answers: usize) -> Comparison {
        let mut comparison = Comparison::default();
        for expected in self.expected.into_values().flatten() {
            match expected.met {
                Some(Ok(())) => comparison.equal += 1,
                Some(Err(why)) => {
                    comparison.differ += 1;
                    comparison.first_difference.get_or_insert(why);
                }
                None => {
                    comparison.first_unseen.get_or_insert(format!(
                        "{} at {} ms",
                        short(&expected.token),
                        expected.venue_ms
                    ));
                }
            }
        }
        comparison.unseen = answers as u64 - comparison.equal - comparison.differ;
        comparison
    }
}
