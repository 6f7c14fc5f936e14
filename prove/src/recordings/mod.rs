//! `prove recordings DIR`: replays every recording of a folder against what it says about itself later.
//!
//! The reader is chosen by path (architecture, section 14). Nothing is sorted, nothing is repaired silently: a file that
//! cannot be read to its end, or a claim that does not hold, fails the whole run.

mod derived;
mod rest;
mod singles;
mod stream;

use mm_core::io::frames::{self, Frame};
use mm_core::venue::market_ws::{self, MarketFrame, Road, WireEvent};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Failures and notes shown for one file.
const SHOWN_MAX: usize = 8;

/// Why a folder was not looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folder cannot be walked.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to prove.
    #[error("{0}: no recording in this folder")]
    Empty(PathBuf),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Write(#[from] io::Error),
}

/// What all files came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Files replayed.
    pub(crate) files: u64,
    /// Files no reader exists for.
    pub(crate) skipped: u64,
    /// Files in which something did not hold.
    pub(crate) failed: u64,
}

/// What one file came to.
#[derive(Clone, Debug, Default)]
struct FileReport {
    frames: u64,
    events: BTreeMap<String, u64>,
    fast: u64,
    snapshots: u64,
    tops: u64,
    proven: u64,
    unproven: u64,
    contradicted: u64,
    mirrors: u64,
    repairs: u64,
    differences: u64,
    /// What must hold and does not.
    failures: Vec<String>,
    /// What is told and not judged.
    notes: Vec<String>,
}

impl FileReport {
    fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    /// A difference: judged where the snapshot was proven, only told elsewhere.
    fn differ(&mut self, judged: bool, why: String) {
        self.differences += 1;
        if judged {
            self.failures.push(why);
        } else {
            self.notes.push(format!("unproven: {why}"));
        }
    }

    fn count(&mut self, event: &WireEvent) {
        let name = match event {
            WireEvent::Book(_) => "book",
            WireEvent::PriceChange(_) => "price_change",
            WireEvent::TickSizeChange { .. } => "tick_size_change",
            WireEvent::LastTradePrice { .. } => "last_trade_price",
            WireEvent::BestBidAsk { .. } => "best_bid_ask",
            WireEvent::NewMarket { .. } => "new_market",
            WireEvent::MarketResolved { .. } => "market_resolved",
            WireEvent::Unknown { event_type } => {
                return *self.events.entry(format!("unknown {event_type:?}")).or_default() += 1;
            }
        };
        *self.events.entry(name.to_owned()).or_default() += 1;
    }

    fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        for (name, n) in &other.events {
            *self.events.entry(name.clone()).or_default() += n;
        }
        self.fast += other.fast;
        self.snapshots += other.snapshots;
        self.tops += other.tops;
        self.proven += other.proven;
        self.unproven += other.unproven;
        self.contradicted += other.contradicted;
        self.mirrors += other.mirrors;
        self.repairs += other.repairs;
        self.differences += other.differences;
    }

    fn line(&self) -> String {
        let events: Vec<String> = self.events.iter().map(|(name, n)| format!("{n} {name}")).collect();
        format!(
            "{} frames ({} on the fast road), events: {}; snapshots compared {}, tops compared {}, mirrors compared {}, \
             hashes proven {} unproven {} contradicted {}, repairs {}, differences {}",
            self.frames,
            self.fast,
            if events.is_empty() { "none".to_owned() } else { events.join(" ") },
            self.snapshots,
            self.tops,
            self.mirrors,
            self.proven,
            self.unproven,
            self.contradicted,
            self.repairs,
            self.differences
        )
    }
}

/// How a file is read.
enum Reader {
    Stream,
    MarketSingles,
    UserSingles,
    Derived,
    Rest,
    Skip(&'static str),
}

/// Replays all recordings under `dir` and writes one line for each file, then the totals.
///
/// # Errors
/// [`Error`] when nothing could be looked at. Claims that do not hold are counted in [`Summary::failed`].
pub(crate) fn run(dir: &Path, out: &mut dyn Write) -> Result<Summary, Error> {
    let mut paths = Vec::new();
    walk(dir, &mut paths)?;
    paths.sort();
    let mut summary = Summary::default();
    let mut totals = FileReport::default();
    for path in &paths {
        let name = path.strip_prefix(dir).unwrap_or(path).display();
        let report = match choose(path) {
            Reader::Skip(why) => {
                summary.skipped += 1;
                writeln!(out, "{name}: skipped: {why}")?;
                continue;
            }
            Reader::Stream => stream::read(path),
            Reader::MarketSingles => singles::market(path),
            Reader::UserSingles => singles::user(path),
            Reader::Derived => derived::read(path),
            Reader::Rest => rest::read(path),
        };
        summary.files += 1;
        totals.add(&report);
        writeln!(out, "{name}: {}", report.line())?;
        show(out, "note", &report.notes)?;
        show(out, "FAILED", &report.failures)?;
        summary.failed += u64::from(!report.failures.is_empty());
    }
    if summary.files == 0 {
        return Err(Error::Empty(dir.to_owned()));
    }
    writeln!(
        out,
        "total: {} files ({} failed), {} skipped; {}",
        summary.files,
        summary.failed,
        summary.skipped,
        totals.line()
    )?;
    Ok(summary)
}

/// Replays one stream of frames: hashes proven, and what does not hold.
pub(crate) fn replay(path: &Path) -> (u64, Vec<String>) {
    let report = stream::read(path);
    (report.proven, report.failures)
}

fn show(out: &mut dyn Write, word: &str, lines: &[String]) -> io::Result<()> {
    for line in lines.iter().take(SHOWN_MAX) {
        writeln!(out, "  {word}: {line}")?;
    }
    if lines.len() > SHOWN_MAX {
        writeln!(out, "  {word}: … and {} more", lines.len() - SHOWN_MAX)?;
    }
    Ok(())
}

fn walk(dir: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::Folder { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // `file_type` does not follow links, so a loop of folders cannot be walked for ever.
        if entry.file_type().map_err(failed)?.is_dir() {
            walk(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

fn choose(path: &Path) -> Reader {
    let part = |path: Option<&Path>| {
        path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default().to_owned()
    };
    let (folder, name) = (part(path.parent()), part(Some(path)));
    let plain = name.strip_suffix(".zst").or_else(|| name.strip_suffix(".gz")).unwrap_or(&name);
    let kind = plain.rsplit_once('.').map_or("", |(_, kind)| kind);
    match (folder.as_str(), kind) {
        ("ws-market", "jsonl") if !plain.contains("grouped") => Reader::Stream,
        ("ws-market", "jsonl" | "json") => Reader::MarketSingles,
        ("ws-user", "jsonl" | "json") => Reader::UserSingles,
        ("ws-market-derived", "jsonl") if plain.ends_with("-frames.jsonl") => Reader::Derived,
        ("rest-book", "jsonl" | "json") => match rest::has_books(path) {
            true => Reader::Rest,
            false => Reader::Skip("no bids in it"),
        },
        (_, "csv") => Reader::Skip("no reader for CSV"),
        ("ws-market-derived", _) => Reader::Skip("no frames in it"),
        ("gamma", _) => Reader::Skip("no reader for Gamma answers"),
        ("rewards", _) => Reader::Skip("no reader for reward listings"),
        ("trades", _) => Reader::Skip("no reader for trade listings"),
        _ => Reader::Skip("no reader for this path"),
    }
}

/// Every frame of a file; a file that cannot be read to its end fails the report.
fn each_frame(path: &Path, report: &mut FileReport, mut take: impl FnMut(&Frame, &mut FileReport)) {
    let frames = match frames::read(path) {
        Ok(frames) => frames,
        Err(why) => return report.fail(why.to_string()),
    };
    for frame in frames {
        match frame {
            Ok(frame) => {
                report.frames += 1;
                take(&frame, report);
            }
            Err(why) => report.fail(why.to_string()),
        }
    }
}

/// Decodes a market frame and holds the codec to its word: both roads alike, and what is encoded comes back the same.
fn decode(frame: &Frame, report: &mut FileReport) -> Vec<WireEvent> {
    let line = frame.line;
    let tolerant = market_ws::decode_tolerant(&frame.text);
    match market_ws::decode(&frame.text) {
        Ok((fast, road)) => {
            report.fast += u64::from(road == Road::Fast);
            if tolerant.as_ref() != Ok(&fast) {
                report.fail(format!("line {line}: the two roads read it differently"));
            }
        }
        Err(why) => report.fail(format!("line {line}: {why}")),
    }
    let Ok(MarketFrame::Events(events)) = tolerant else { return Vec::new() };
    for event in &events {
        report.count(event);
        let Some(text) = market_ws::encode(event) else { continue };
        if market_ws::decode(&text).map(|(frame, _)| frame) != Ok(MarketFrame::Events(vec![event.clone()])) {
            report.fail(format!("line {line}: what is encoded does not decode to the same event"));
        }
    }
    events
}

#[cfg(test)]
mod tests;
