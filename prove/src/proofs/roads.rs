//! M2: decoding. Two roads with one meaning, held equal by a search that any seed starts anew.

use super::books::{FIXTURE, Numbers, refuted};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::Universe;
use mm_core::io::recorded::Recorded;
use mm_core::venue::market_ws::{self, MarketFrame, Read, Road};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "two-roads-one-meaning",
    milestone: 2,
    claim: "Every recorded frame, and every frame made from recorded ones by cutting, doubling, joining and changing bytes \
            and numbers, is read or refused alike by the fast and the tolerant decoder, as the venue's events and as \
            events of our rows.",
    quick: true,
    min_cases: 1000,
    run: |bench| roads_agree(bench, false),
    sabotage_claim: "the fast decoder is shown a digit the tolerant one is not",
    sabotage: Some(|bench| roads_agree(bench, true)),
}];

fn roads_agree(bench: &mut Bench, show_another: bool) -> Verdict {
    let text = match std::fs::read_to_string(bench.root.join(FIXTURE)) {
        Ok(text) => text,
        Err(why) => return Verdict::NotRun(format!("{FIXTURE}: {why}")),
    };
    let frames: Vec<&str> = text.lines().collect();
    let universe = learnt(&frames);
    let mut evidence = Evidence::default();
    let mut fast = 0u64;
    for case in 0..bench.depth.pick(3_000, 30_000, 1_000_000) {
        let mut numbers = Numbers::new(bench.seed, case);
        let nth = usize::try_from(case).unwrap_or(usize::MAX);
        let tolerant = match frames.get(nth) {
            Some(frame) => (*frame).to_owned(),
            None => changed(&frames, &mut numbers),
        };
        let shown = if show_another { tolerant.replacen("\"0.5", "\"0.4", 1) } else { tolerant.clone() };
        evidence.cases += 1;
        match compare(&universe, &shown, &tolerant) {
            Some(Road::Fast) => fast += 1,
            Some(Road::Tolerant) => {}
            None => return refuted(evidence, "read differently", tolerant.chars().take(400).collect::<String>()),
        }
    }
    evidence.fact("frames on the fast road", fast);
    if fast == 0 { refuted(evidence, "fast road", "never taken") } else { Verdict::Proved(evidence) }
}

/// The markets of the frames.
fn learnt(frames: &[&str]) -> Universe {
    let mut recorded = Recorded::default();
    for frame in frames {
        if let Ok(MarketFrame::Events(events)) = market_ws::decode_tolerant(frame) {
            events.iter().for_each(|event| recorded.learn(event));
        }
    }
    recorded.universe().clone()
}

/// The road both readings of `shown` took, if they say what the tolerant decoder says of `tolerant`.
fn compare(universe: &Universe, shown: &str, tolerant: &str) -> Option<Road> {
    let slow = market_ws::decode_tolerant(tolerant);
    let (mut direct, mut expected) = (Vec::new(), Vec::new());
    let told = market_ws::read(universe, shown, &mut direct);
    if let Ok(MarketFrame::Events(events)) = &slow {
        for event in events {
            market_ws::to_market_events(universe, event, &mut expected);
        }
    }
    let (fast, road) = match market_ws::decode(shown) {
        Ok((frame, road)) => (Ok(frame), road),
        Err(why) => (Err(why), Road::Tolerant),
    };
    let told_alike = match (&told, &slow) {
        (Ok(Read::Events { road: other, .. }), Ok(MarketFrame::Events(_))) => *other == road,
        (Ok(Read::Text), Ok(MarketFrame::Text)) => true,
        (Err(why), Err(same)) => why == same,
        _ => false,
    };
    (fast == slow && told_alike && direct == expected).then_some(road)
}

/// A frame made from recorded ones.
fn changed(frames: &[&str], numbers: &mut Numbers) -> String {
    const BYTES: &[u8] = b"0123456789.\",:{}[] -eabfBUYSL\\";
    const VALUES: [&str; 12] = [
        "0",
        "1",
        "0.5",
        ".5",
        "1.0",
        "0.12345",
        "0.50000",
        "00.5",
        "12345678.123456",
        "999999999999.999999",
        "1e3",
        "",
    ];
    let mut below = |n: usize| usize::try_from(numbers.below(n.max(1) as u64)).unwrap_or(0);
    let mut text = frames[below(frames.len())].to_owned();
    if below(8) == 0 {
        // a list of two
        text = format!("[{},{}]", text.trim_matches(['[', ']']), frames[below(frames.len())].trim_matches(['[', ']']));
    }
    for _ in 0..=below(3) {
        // recorded frames and what is put into them are ASCII: every place is between two characters
        let at = below(text.len());
        let end = text.len().min(at + 1 + below(60));
        match below(6) {
            0 => text.truncate(at),
            1 => text.replace_range(at..end, ""),
            2 => {
                let again = text[at..end].to_owned();
                text.insert_str(at, &again);
            }
            3 => {
                let mut pieces: Vec<&str> = text.split('"').collect();
                let inside = below(pieces.len() / 2) * 2 + 1;
                if let Some(piece) = pieces.get_mut(inside) {
                    *piece = VALUES[below(VALUES.len())];
                }
                text = pieces.join("\"");
            }
            _ => {
                let byte = char::from(BYTES[below(BYTES.len())]);
                text.replace_range(at..text.len().min(at + 1), byte.encode_utf8(&mut [0; 4]));
            }
        }
    }
    text
}
