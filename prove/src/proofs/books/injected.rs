//! Streams that are spoilt on their way, through the whole engine: what each does to the books, and that none is quoted on for long.

use super::feed::{Feed, Sent, WALL};
use super::refuted;
use crate::noise::MARKETS;
use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{Nanos, Outcome, Price, Qty, Side};
use mm_core::event::Input;
use mm_core::venue::market_ws::WireEvent;

/// A wrong book is given up this long after it has become wrong: a second to its next hash, the grace, and what they are gathered to.
const FOUND_MS: u64 = 5_000;
/// The same where the stream says nothing at all of a market: half of `dead_after`, an answer, and the witness's grace.
const SILENT_MS: u64 = 17_500;
/// Longest that an ordinary market is quiet, milliseconds.
const PAUSE_MS: u64 = 60;

/// What is done to the stream, in market 0 where it concerns one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Injection {
    /// A change of a best price never arrives.
    LostBest,
    /// A change of a level deep in the book, which nothing else touches, never arrives.
    LostDeep,
    /// Frames arrive twice, the second time at once or a little later.
    Doubled,
    /// Frames arrive behind later ones of their market.
    Reordered,
    /// Of every change only the YES entries arrive.
    YesOnly,
    /// Of a change only the NO entries arrive.
    NoOnly,
    /// The market's content ends; the others' goes on.
    Frozen,
    /// A frame ends in its middle.
    Torn,
    /// Frames about strangers, of strange types, and plain words.
    Foreign,
}

/// What must come of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// Books that became wrong are subscribed anew.
    Resync,
    /// Nothing: every book stays the venue's.
    Nothing,
}

const fn proof(
    id: &'static str,
    claim: &'static str,
    run: fn(&mut Bench) -> Verdict,
    sabotage_claim: &'static str,
    sabotage: fn(&mut Bench) -> Verdict,
) -> Proof {
    Proof { id, milestone: 2, claim, quick: true, min_cases: 10, run, sabotage_claim, sabotage: Some(sabotage) }
}

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    proof(
        "lost-best-price-ends-in-resync",
        "When a change of a best price is lost the book is the venue's again or given up within 5 s, whatever else arrives; it is \
         subscribed anew, and nothing is placed while it is not believed.",
        |bench| stands(bench, Injection::LostBest, false),
        "announced tops and hashes are withheld, and nobody asks REST",
        |bench| stands(bench, Injection::LostBest, true),
    ),
    proof(
        "lost-deep-level-ends-in-resync",
        "When a change deep in the book is lost, which leaves every announced top true, the venue's hash gives the book up within \
         5 s, and it is subscribed anew.",
        |bench| stands(bench, Injection::LostDeep, false),
        "hashes are withheld, and nobody asks REST",
        |bench| stands(bench, Injection::LostDeep, true),
    ),
    proof(
        "doubled-frames-change-nothing",
        "Frames that arrive twice leave every book the venue's at every moment and cost no resync.",
        |bench| stands(bench, Injection::Doubled, false),
        "the second time one size is another",
        |bench| stands(bench, Injection::Doubled, true),
    ),
    proof(
        "reordered-frames-end-in-true-books",
        "Frames that arrive behind later ones leave no book that is wrong and believed for longer than 5 s.",
        |bench| stands(bench, Injection::Reordered, false),
        "announced tops and hashes are withheld, and nobody asks REST",
        |bench| stands(bench, Injection::Reordered, true),
    ),
    proof(
        "yes-entries-alone-are-enough",
        "Of every change only the YES entries arrive: every book stays the venue's at every moment and no resync is needed.",
        |bench| stands(bench, Injection::YesOnly, false),
        "the YES entries are the ones that are missing",
        |bench| stands(bench, Injection::YesOnly, true),
    ),
    proof(
        "no-entries-alone-end-in-resync",
        "When only the NO entries of a change arrive the book is the venue's again or given up within 5 s, and subscribed anew.",
        |bench| stands(bench, Injection::NoOnly, false),
        "the NO entries are missing too, tops and hashes are withheld, and nobody asks REST",
        |bench| stands(bench, Injection::NoOnly, true),
    ),
    proof(
        "frozen-content-ends-in-resync",
        "When the stream tells nothing more of one market while it tells of others over the same socket, REST is asked; a book that \
         moved on is given up within 17.5 s and not quoted on before the stream speaks again.",
        |bench| stands(bench, Injection::Frozen, false),
        "silence of one market is no reason to ask",
        |bench| stands(bench, Injection::Frozen, true),
    ),
    proof(
        "torn-frames-end-in-resync",
        "A frame that ends in its middle is not taken in part: the books it may be about are given up at once and subscribed anew.",
        |bench| stands(bench, Injection::Torn, false),
        "the torn frame vanishes, tops and hashes are withheld, and nobody asks REST",
        |bench| stands(bench, Injection::Torn, true),
    ),
    proof(
        "foreign-frames-change-nothing",
        "Frames about strangers, of strange types and of plain words are counted, change no book and cost no resync.",
        |bench| stands(bench, Injection::Foreign, false),
        "the strangers have the ids of a market of ours",
        |bench| stands(bench, Injection::Foreign, true),
    ),
];

fn stands(bench: &mut Bench, injection: Injection, sabotaged: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let (mut resyncs, mut fetches, mut worst_ms, mut proven, mut unproven, mut contradicted) = (0, 0, 0, 0, 0, 0);
    for case in 0..bench.depth.pick(15, 60, 600) {
        let seed = bench.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (case << 8 | injection as u64);
        let (allowed_ms, comes) = match injection {
            Injection::Doubled | Injection::YesOnly | Injection::Foreign => (0, Comes::Nothing),
            Injection::Frozen => (SILENT_MS, Comes::Resync),
            Injection::Torn => (0, Comes::Resync),
            Injection::LostBest | Injection::LostDeep | Injection::Reordered | Injection::NoOnly => {
                (FOUND_MS, Comes::Resync)
            }
        };
        let mut feed = Feed::new(seed, allowed_ms, |config| {
            if sabotaged {
                let hour = Nanos::from_secs(3_600);
                let feed = &mut config.feed;
                (feed.market_probe, feed.witness_quoted, feed.witness_every) = (hour, hour, hour);
                (feed.probe_after, feed.dead_after) = (hour, hour);
            }
        });
        if sabotaged {
            let silent =
                matches!(injection, Injection::LostBest | Injection::Reordered | Injection::NoOnly | Injection::Torn);
            (feed.told.no_tops, feed.told.no_hashes) = (silent, silent || injection == Injection::LostDeep);
        }
        if let Err(why) = play(&mut feed, injection, sabotaged) {
            return refuted(evidence, "a wrong book", format!("case {case}: {why}"));
        }
        let totals = feed.engine.snapshot().totals;
        if comes == Comes::Nothing && (feed.resyncs > 0 || totals.books_broken > 0) {
            return refuted(evidence, "needless resyncs", format!("case {case}: {}", feed.resyncs));
        }
        if injection == Injection::Foreign && totals.foreign_events == 0 {
            return refuted(evidence, "strangers not counted in case", case);
        }
        evidence.cases += 1;
        (resyncs, fetches, worst_ms) = (resyncs + feed.resyncs, fetches + feed.fetches, worst_ms.max(feed.worst_ms));
        (proven, unproven) = (proven + totals.hashes_proven, unproven + totals.hashes_unproven);
        contradicted += totals.hashes_contradicted;
    }
    evidence.fact("resyncs", resyncs);
    evidence.fact("longest that a wrong book was believed, ms", worst_ms);
    evidence.fact("REST books asked for", fetches);
    evidence.fact("hashes proven, unproven, contradicted", format!("{proven}, {unproven}, {contradicted}"));
    let needs_resync = !matches!(injection, Injection::Doubled | Injection::YesOnly | Injection::Foreign);
    if needs_resync && resyncs == 0 {
        return refuted(evidence, "resyncs", "none: nothing was found out");
    }
    Verdict::Proved(evidence)
}

/// A quiet beginning, the injection among ordinary events, and time to find it out.
fn play(feed: &mut Feed, injection: Injection, sabotaged: bool) -> Result<(), String> {
    feed.open()?;
    for _ in 0..60 {
        ordinary(feed)?;
    }
    inject(feed, injection, sabotaged)?;
    let after = if injection == Injection::Frozen { 2_500 } else { 300 };
    for n in 0..after {
        // the content comes back while there is still something to tell
        if n == after - 300 {
            feed.dead.clear();
        }
        ordinary(feed)?;
    }
    // everything is at rest for long enough that it must be right and quoted
    for row in 0..MARKETS {
        feed.ms += 1;
        for sent in feed.narrow(row) {
            let frame = feed.frame(sent.text());
            feed.turn(vec![frame])?;
        }
    }
    feed.wait(25_000)?;
    feed.is_whole()
}

/// Something happens in a market, and is told as it is.
fn ordinary(feed: &mut Feed) -> Result<(), String> {
    let (now, late) = event(feed)?;
    tell(feed, &now)?;
    if let Some(late) = late {
        let after = 20 + feed.draws.below(270);
        feed.wait(after)?;
        tell(feed, &late)?;
    }
    Ok(())
}

fn event(feed: &mut Feed) -> Result<(Sent, Option<Sent>), String> {
    let pause = 5 + feed.draws.below(PAUSE_MS);
    feed.wait(pause)?;
    let row = u16::try_from(feed.draws.below(u64::from(MARKETS))).expect("few");
    Ok(feed.happens(row))
}

/// A frame arrives, unless its market's content is dead.
fn tell(feed: &mut Feed, sent: &Sent) -> Result<(), String> {
    if feed.dead.contains(&sent.market) {
        return Ok(());
    }
    let frame = feed.frame(sent.text());
    feed.turn(vec![frame])
}

fn inject(feed: &mut Feed, injection: Injection, sabotaged: bool) -> Result<(), String> {
    let wall = Price::from_ten_thousandths((50 - WALL) * 100).expect("below a dollar");
    let size = Qty::from_micro(7_000_000);
    feed.wait(10)?;
    match injection {
        Injection::LostBest => {
            // best prices change often: a lost change soon contradicts the next one
            for _ in 0..40 {
                let (lost, late) = event(feed)?;
                if lost.market != 0 {
                    tell(feed, &lost)?;
                }
                if let Some(late) = late {
                    tell(feed, &late)?;
                }
            }
        }
        Injection::LostDeep => drop(feed.set(0, Side::Buy, wall, size)),
        Injection::Doubled => {
            for n in 0..60 {
                let (sent, late) = event(feed)?;
                tell(feed, &sent)?;
                if n % 2 == 0 {
                    let pause = 1 + feed.draws.below(4);
                    feed.wait(pause)?;
                }
                let again = if sabotaged { other_size(&sent) } else { sent };
                tell(feed, &again)?;
                if let Some(late) = late {
                    tell(feed, &late)?;
                    tell(feed, &late)?;
                }
            }
        }
        Injection::Reordered => {
            let mut held: Option<Sent> = None;
            for n in 0..60 {
                let (sent, late) = event(feed)?;
                if sent.market == 0 && n % 3 == 0 && held.is_none() {
                    held = Some(sent);
                } else {
                    tell(feed, &sent)?;
                    if sent.market == 0
                        && let Some(held) = held.take()
                    {
                        tell(feed, &held)?;
                    }
                }
                if let Some(late) = late {
                    tell(feed, &late)?;
                }
            }
            if let Some(held) = held {
                tell(feed, &held)?;
            }
        }
        Injection::YesOnly | Injection::NoOnly => {
            let arrives = match (injection, sabotaged) {
                (Injection::YesOnly, false) => Some(Outcome::Yes),
                (Injection::NoOnly, true) => None,
                _ => Some(Outcome::No),
            };
            for _ in 0..60 {
                let (sent, late) = event(feed)?;
                let facts = feed.facts(sent.market).clone();
                if let Some(sent) = arrives.and_then(|outcome| sent.only(&facts, outcome)) {
                    tell(feed, &sent)?;
                }
                if let Some(late) = late {
                    tell(feed, &late)?;
                }
            }
        }
        Injection::Frozen => {
            feed.dead.insert(0);
        }
        Injection::Torn => {
            let sent = feed.set(0, Side::Buy, wall, size);
            let text = sent.text();
            let cut = 1 + usize::try_from(feed.draws.below(text.len() as u64 - 2)).expect("short");
            if !sabotaged {
                let frame = feed.frame(text[..cut].to_owned());
                feed.turn(vec![frame])?;
            }
        }
        Injection::Foreign => {
            let sent = feed.set(0, Side::Buy, wall, Qty::from_micro(5_000_000_000));
            let own = feed.facts(0).clone();
            // the market's own words with other names; under sabotage with another size and our names
            let other = other_size(&sent).text();
            let stranger = |id: &str| format!("9{id}");
            let text = if sabotaged {
                other
            } else {
                other
                    .replace(own.yes.as_str(), &stranger(own.yes.as_str()))
                    .replace(own.no.as_str(), &stranger(own.no.as_str()))
            };
            let words = [
                text,
                "NO NEW ASSETS".to_owned(),
                r#"{"event_type":"weather","market":"0x1","asset_id":"2"}"#.to_owned(),
                "[]".to_owned(),
            ];
            let frames: Vec<Input> = words.into_iter().map(|text| feed.frame(text)).collect();
            tell(feed, &sent)?;
            feed.turn(frames)?;
            feed.wait(1)?;
        }
    }
    Ok(())
}

/// The same change with sizes that were never there.
fn other_size(sent: &Sent) -> Sent {
    let mut sent = sent.clone();
    if let WireEvent::PriceChange(change) = &mut sent.event {
        for level in &mut change.changes {
            level.qty = Qty::from_micro(level.qty.micro() + 123_000_000);
        }
    }
    sent
}
