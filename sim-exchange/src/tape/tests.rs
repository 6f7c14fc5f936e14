use super::*;
use std::fmt::Write as _;
use std::path::Path;

const YES: &str = "1111";
const NO: &str = "2222";
const MARKET: &str = "0x00000000000000000000000000000000000000000000000000000000000000aa";

/// A recording in short: `at side price size [bid/ask]` is a level of YES with the announced top, `at print SIDE price size` a
/// trade of YES, `at book bids asks` a whole book with `price*size` lists.
fn frames(script: &str) -> String {
    let mut out = String::new();
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words[0];
        let text = match words[1] {
            "print" => format!(
                r#"{{"event_type":"last_trade_price","market":"{MARKET}","asset_id":"{YES}","price":"{}","size":"{}","side":"{}","timestamp":"{at}"}}"#,
                words[3], words[4], words[2]
            ),
            "book" => {
                let side = |list: &str| {
                    let levels: Vec<String> = list
                        .split(',')
                        .filter_map(|l| l.split_once('*'))
                        .map(|(p, q)| format!(r#"{{"price":"{p}","size":"{q}"}}"#))
                        .collect();
                    levels.join(",")
                };
                format!(
                    r#"{{"event_type":"book","market":"{MARKET}","asset_id":"{YES}","timestamp":"{at}","hash":"","bids":[{}],"asks":[{}],"tick_size":"0.01","last_trade_price":"0.500"}}"#,
                    side(words[2]),
                    side(words[3])
                )
            }
            side => {
                let (bid, ask) = words[4].split_once('/').expect("bid/ask");
                let entry = |token: &str, side: &str, price: String, bid: String, ask: String| {
                    format!(
                        r#"{{"asset_id":"{token}","price":"{price}","size":"{}","side":"{side}","hash":"","best_bid":"{bid}","best_ask":"{ask}"}}"#,
                        words[3]
                    )
                };
                let flip = |p: &str| {
                    let p = mm_core::domain::Price::parse(p).expect("a price");
                    p.complement().to_string()
                };
                let other = if side == "BUY" { "SELL" } else { "BUY" };
                format!(
                    r#"{{"event_type":"price_change","market":"{MARKET}","price_changes":[{},{}],"timestamp":"{at}"}}"#,
                    entry(YES, side, words[2].to_owned(), bid.to_owned(), ask.to_owned()),
                    entry(NO, other, flip(words[2]), flip(ask), flip(bid))
                )
            }
        };
        writeln!(out, "{text}").expect("a string takes everything");
    }
    out
}

fn check(script: &str) -> Report {
    file::parse(Path::new("script"), &frames(script)).expect("the script grows").report
}

fn only(report: &Report) -> &MarketReport {
    &report.markets[0].1
}

const OPENING: &str = "
    1000 BUY 0.40 100 0.40/0.60
    1010 SELL 0.60 100 0.40/0.60
    3010 BUY 0.39 50 0.40/0.60
    3020 BUY 0.38 50 0.40/0.60
";

#[test]
fn a_market_opens_when_its_tops_have_agreed_for_two_seconds() {
    assert_eq!(only(&check(OPENING)).opened_ms, Some(3010));
    // disagreement in between begins the two seconds anew
    let late = check(
        "
        1000 BUY 0.40 100 0.40/0.60
        1010 SELL 0.60 100 0.40/0.60
        2000 BUY 0.39 50 0.41/0.60
        2100 BUY 0.41 50 0.41/0.60
        3010 BUY 0.38 50 0.41/0.60
        4100 BUY 0.37 50 0.41/0.60
    ",
    );
    assert_eq!(only(&late).opened_ms, Some(4100));
}

#[test]
fn a_whole_book_opens_at_once() {
    let report = check("1000 book 0.39*10,0.40*20 0.61*10,0.60*20\n 1500 BUY 0.38 5 0.40/0.60");
    assert_eq!(only(&report).opened_ms, Some(1000));
    assert_eq!((report.repairs(), report.closed()), (0, 0));
}

#[test]
fn a_level_beyond_the_announced_top_is_a_repair_and_an_unknown_top_closes() {
    let repaired = check(&format!("{OPENING}\n 4000 BUY 0.30 5 0.39/0.60"));
    assert_eq!((repaired.repairs(), repaired.closed()), (1, 0));
    assert!(repaired.violations().is_empty());
    let closed = check(&format!("{OPENING}\n 4000 BUY 0.30 5 0.45/0.60"));
    assert_eq!((closed.repairs(), closed.closed()), (0, 1));
    assert_eq!(closed.violations().len(), 1);
}

#[test]
fn a_book_crossed_inside_one_timestamp_is_judged_at_its_end() {
    let report = check(&format!(
        "{OPENING}\n 4000 BUY 0.61 5 0.61/0.65\n 4000 SELL 0.60 0 0.61/0.65\n 4000 SELL 0.65 9 0.61/0.65\n 4001 BUY 0.20 1 0.61/0.65"
    ));
    assert_eq!((report.repairs(), report.closed()), (0, 0));
}

#[test]
fn a_torn_or_foreign_line_is_named() {
    let torn = file::parse(Path::new("tape.jsonl"), "{\"event_type\":\"price_change\",\"market\":").expect_err("torn");
    assert!(torn.to_string().contains("tape.jsonl line 1"), "{torn}");
    let bad =
        file::parse(Path::new("tape.jsonl"), "[]\n{\"event_type\":\"price_change\",\"market\":7}\n").expect_err("bad");
    assert!(bad.to_string().contains("line 2"), "{bad}");
    let empty = file::parse(Path::new("tape.jsonl"), "[]\n").expect_err("empty");
    assert!(matches!(empty, TapeError::Empty(_)), "{empty}");
    let missing = file::read(Path::new("testdata/none.jsonl")).expect_err("missing");
    assert!(missing.to_string().contains("none.jsonl"), "{missing}");
}

/// The bundled recording under the rules: what every world built on it relies on.
#[test]
fn the_bundled_recording_opens_six_markets_within_21_s_with_three_repairs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tape/nhl-20260607.jsonl.zst");
    let grown = file::read(&path).expect("the bundled recording");
    let report = &grown.report;
    assert_eq!((report.opened(), report.repairs(), report.closed()), (6, 3, 0));
    assert_eq!(report.events, 103_666);
    let last = report.markets.iter().filter_map(|(_, m)| m.opened_ms).max().expect("six opened");
    assert!(last - report.start_ms <= 21_000, "the last opened after {} ms", last - report.start_ms);
    assert!(report.violations().is_empty());
    assert!(grown.batches.windows(2).all(|pair| pair[0].due_ms <= pair[1].due_ms), "due times fall");
}
