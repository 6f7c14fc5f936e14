//! What was recorded of the venue: every recording against what it says later, and the recorded market through the whole engine with
//! any one of its frames lost.

use super::{FIXTURE, refuted};
use crate::noise::{self, STRICT};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::recordings;
use mm_core::book::Book;
use mm_core::domain::{MarketIx, Nanos, Timestamp};
use mm_core::engine::Engine;
use mm_core::event::{Input, LinkIx, Turn};
use mm_core::io::recorded::{Recorded, Search};
use mm_core::venue::market_ws::{MarketFrame, WireEvent, decode};
use std::path::PathBuf;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "recordings-agree-with-themselves",
        milestone: 2,
        claim: "Every recording beside the repository, and the bundled one, replays without a difference from its later snapshots, \
                announced tops, hashes and mirrors that is not explained.",
        quick: true,
        min_cases: 95,
        run: |bench| recordings_agree(bench, false),
        sabotage_claim: "one recorded change is left out of the bundled recording",
        sabotage: Some(|bench| recordings_agree(bench, true)),
    },
    Proof {
        id: "recorded-gap-is-found-out",
        milestone: 2,
        claim: "Of the recorded market, run through the whole engine with any one of its changes but the last lost, no book but the \
                true one is believed five seconds later.",
        quick: true,
        min_cases: 50,
        run: |bench| gaps(bench, false),
        sabotage_claim: "the recorded hashes and tops are taken out",
        sabotage: Some(|bench| gaps(bench, true)),
    },
];

/// Where recordings lie beside a checkout.
const BESIDE: &str = "../shared/data";

fn recordings_agree(bench: &mut Bench, leave_one_out: bool) -> Verdict {
    let bundled = bench.root.join(FIXTURE);
    let mut folders: Vec<PathBuf> = Vec::new();
    if leave_one_out {
        let folder = bench.evidence.join("ws-market");
        let copied = std::fs::read_to_string(&bundled).and_then(|text| {
            let lines: Vec<&str> = text.lines().enumerate().filter(|(n, _)| *n != 5).map(|(_, line)| line).collect();
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join("one-left-out.jsonl"), lines.join("\n") + "\n")
        });
        if let Err(why) = copied {
            return Verdict::NotRun(format!("{FIXTURE}: {why}"));
        }
        folders.push(bench.evidence.clone());
    } else {
        folders.push(bundled.parent().map(PathBuf::from).unwrap_or_default());
        folders.extend(Some(bench.root.join(BESIDE)).filter(|folder| folder.is_dir()));
    }
    let mut evidence = Evidence::default();
    let mut text = Vec::new();
    let mut failed = 0;
    for folder in &folders {
        match recordings::run(folder, &mut text) {
            Ok(summary) => failed += summary.failed,
            Err(why) => return Verdict::NotRun(why.to_string()),
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    for line in text.lines().filter(|line| !line.starts_with(' ')) {
        let Some((name, told)) = line.split_once(": ").filter(|(_, told)| !told.starts_with("skipped")) else {
            continue;
        };
        let frames = told.split_once(" frames").and_then(|(n, _)| n.rsplit(' ').next()?.parse::<u64>().ok());
        if name != "total" {
            evidence.cases += frames.unwrap_or(0);
        }
        evidence.fact(name, told);
    }
    let file = bench.evidence.join("recordings.txt");
    if let Err(why) = std::fs::write(&file, &text) {
        return Verdict::NotRun(format!("{}: {why}", file.display()));
    }
    evidence.files.push(file);
    if failed == 0 {
        return Verdict::Proved(evidence);
    }
    let why = text
        .lines()
        .find(|line| line.trim_start().starts_with("FAILED"))
        .unwrap_or("see recordings.txt")
        .trim()
        .to_owned();
    evidence.facts.insert(0, ("does not hold".to_owned(), why));
    Verdict::Refuted(evidence)
}

/// What the engine came to.
struct Ended {
    book: Option<Book>,
    proven: u64,
    unproven: u64,
    contradicted: u64,
}

/// Runs the frames with their own times through an engine that knows the market, and waits five seconds.
fn run(recorded: &Recorded, frames: &[&str]) -> Ended {
    let mut engine = Engine::new(noise::config(STRICT), Vec::new());
    let mut at = Timestamp::EPOCH;
    let mut seq = 0;
    let mut turn = |engine: &mut Engine, at: Timestamp, inputs: Vec<Input>| {
        seq += 1;
        engine.turn(&Turn { seq, at, inputs }, &mut Vec::new());
    };
    let markets = recorded.universe().markets().iter().cloned().map(|mut market| {
        market.ready = true;
        market
    });
    turn(&mut engine, at, vec![Input::Universe(markets.collect()), Input::Link { link: LinkIx(0), up: true }]);
    for text in frames {
        let venue_ms = match decode(text) {
            Ok((MarketFrame::Events(events), _)) => events.iter().map(moment).max().unwrap_or(0),
            _ => 0,
        };
        at = at.max(Timestamp::from_ms(venue_ms));
        let frame = Input::MarketFrame { link: LinkIx(0), received: at, text: (*text).to_owned() };
        turn(&mut engine, at, vec![frame]);
    }
    let end = at.plus(Nanos::from_secs(5));
    while let Some(due) = engine.next_deadline().filter(|due| *due < end) {
        at = at.max(due);
        turn(&mut engine, at, Vec::new());
    }
    turn(&mut engine, end, Vec::new());
    let totals = engine.snapshot().totals;
    Ended {
        book: engine.book(MarketIx(0)).cloned(),
        proven: totals.hashes_proven,
        unproven: totals.hashes_unproven,
        contradicted: totals.hashes_contradicted,
    }
}

fn moment(event: &WireEvent) -> u64 {
    match event {
        WireEvent::Book(book) => book.venue_ms,
        WireEvent::PriceChange(change) => change.venue_ms,
        WireEvent::BestBidAsk { venue_ms, .. } | WireEvent::LastTradePrice { venue_ms, .. } => *venue_ms,
        _ => 0,
    }
}

fn gaps(bench: &mut Bench, muted: bool) -> Verdict {
    let text = match std::fs::read_to_string(bench.root.join(FIXTURE)) {
        Ok(text) => text,
        Err(why) => return Verdict::NotRun(format!("{FIXTURE}: {why}")),
    };
    let mut recorded = Recorded::default();
    for line in text.lines() {
        let Ok((MarketFrame::Events(events), _)) = decode(line) else { continue };
        for event in &events {
            recorded.learn(event);
            if let WireEvent::Book(book) = event {
                let _ = recorded.prove_book(book, Search::Told);
            }
        }
    }
    let told = |line: &str| if muted { mute(line) } else { Some(line.to_owned()) };
    let lines: Vec<String> = text.lines().filter_map(told).collect();
    let frames: Vec<&str> = lines.iter().map(String::as_str).collect();
    let whole = run(&recorded, &frames);
    let mut evidence = Evidence::default();
    evidence.fact(
        "whole: hashes proven, unproven, contradicted",
        format!("{}, {}, {}", whole.proven, whole.unproven, whole.contradicted),
    );
    let Some(truth) = whole.book.filter(Book::is_synced) else {
        return refuted(evidence, "the whole recording", "its book is not believed at the end");
    };
    let (mut healed, mut found) = (0u64, 0u64);
    let mut changes: Vec<usize> = (0..frames.len()).filter(|n| frames[*n].contains("price_change")).collect();
    // nothing that follows tells of the last: that is for REST
    changes.pop();
    for lost in changes {
        let kept: Vec<&str> = frames.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, text)| *text).collect();
        let ended = run(&recorded, &kept);
        let Some(book) = ended.book else { return refuted(evidence, "no book without line", lost + 1) };
        evidence.cases += 1;
        if book.level_digest() == truth.level_digest() {
            healed += 1;
        } else if book.is_synced() {
            return refuted(evidence, "believed though a change was lost", format!("line {}", lost + 1));
        } else {
            found += 1;
        }
    }
    evidence.fact("lost changes that gave the book up", found);
    evidence.fact("lost changes that later ones made good", healed);
    if found == 0 { refuted(evidence, "found out", "none") } else { Verdict::Proved(evidence) }
}

/// A frame without what it announces of the state it leads to; `None` where that is all it says.
fn mute(line: &str) -> Option<String> {
    let muted = line.replace(r#""hash":"#, r#""h":"#).replace(r#""best_bid":"#, r#""b":"#);
    (!line.contains(r#""best_bid_ask""#)).then(|| muted.replace(r#""best_ask":"#, r#""a":"#))
}
