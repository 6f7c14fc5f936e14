use super::*;
use crate::domain::{MarketIx, Token};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn price(text: &str) -> Price {
    Price::parse(text).expect("test price")
}

fn qty(text: &str) -> Qty {
    Qty::parse(text).expect("test quantity")
}

const fn token(outcome: Outcome) -> Token {
    Token { market: MarketIx(0), outcome }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn levels(text: &str) -> Vec<(Price, Qty)> {
    text.split_whitespace()
        .map(|level| level.split_once('x').expect("price x size"))
        .map(|(p, q)| (price(p), qty(q)))
        .collect()
}

/// One line of a script: `yes@5 book 0.48x5 / 0.52x7`, `no@6 buy 0.48x3 top 0.48/0.53`, `yes@6 top 0.48/-`,
/// `judge@900`, `lost`. The number is the venue's millisecond; it is also when we receive it, unless `+N` follows.
fn step(book: &mut Book, line: &str) -> Result<(), BookError> {
    let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (who, when) = head.split_once('@').unwrap_or((head, "0"));
    let (ms, late) = when.split_once('+').unwrap_or((when, "0"));
    let venue_ms: u64 = ms.parse().expect("milliseconds");
    let received = at(venue_ms + late.parse::<u64>().expect("milliseconds"));
    let token = token(if who == "no" { Outcome::No } else { Outcome::Yes });
    let top = |text: &str| {
        let (bid, ask) = text.split_once('/').expect("bid/ask");
        Top { bid: Price::parse(bid).ok(), ask: Price::parse(ask).ok() }
    };
    let event = match (who, rest.split_whitespace().next()) {
        ("judge", _) => return book.judge(received),
        ("lost", _) => {
            book.unsync();
            return Ok(());
        }
        (_, Some("book")) => {
            let (bids, asks) = rest[4..].split_once('/').expect("bids / asks");
            MarketEvent::Snapshot {
                token,
                bids: levels(bids),
                asks: levels(asks),
                tick: None,
                last_trade: None,
                hash: None,
                venue_ms,
            }
        }
        (_, Some("top")) => MarketEvent::Top { token, top: top(&rest[4..]), venue_ms },
        (_, Some("tick")) => MarketEvent::TickSize { token, tick: TickSize::parse(&rest[5..]).expect("test tick") },
        (_, Some(side)) => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let (p, q) = words[1].split_once('x').expect("price x size");
            MarketEvent::Delta {
                token,
                side: Side::parse(side).expect("side"),
                price: price(p),
                qty: qty(q),
                top: words.get(3).map(|text| top(text)),
                hash: None,
                venue_ms,
            }
        }
        (_, None) => panic!("cannot read {line:?}"),
    };
    book.apply(received, &event)
}

fn show(book: &Book) -> String {
    let side = |side| book.levels(side).map(|(p, q)| format!("{p}x{q}")).collect::<Vec<_>>().join(" ");
    format!("{} {} / {}", book.sync().as_str(), side(Side::Buy), side(Side::Sell))
}

/// Runs a script and compares the book it leaves. Steps may fail; what failed last is in the second part.
fn check(script: &str, expect: expect_test::Expect) {
    let mut book = Book::new(TickSize::CENT);
    let mut last = Ok(());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let result = step(&mut book, line);
        if result.is_err() {
            last = result;
        }
    }
    let why = last.err().map_or_else(String::new, |why| format!("\n{why}"));
    expect.assert_eq(&format!("{}{why}", show(&book)));
}

#[test]
fn snapshot_then_changes() {
    check(
        "yes@5 book 0.48x5 0.47x1 / 0.52x7
         yes@6 buy 0.49x3
         yes@7 sell 0.52x0
         yes@8 sell 0.53x2",
        expect_test::expect!["synced 0.49x3 0.48x5 0.47x1 / 0.53x2"],
    );
}

#[test]
fn changes_before_a_snapshot_complete_an_older_one() {
    check(
        "yes@6 buy 0.49x3
         yes@7 buy 0.47x0
         yes@6 book 0.48x5 0.47x1 / 0.52x7",
        expect_test::expect![[r#"
            synced 0.49x3 0.48x5 / 0.52x7
            change arrived before any snapshot"#]],
    );
    // Between the snapshot and the first change seen something may be missing.
    check(
        "yes@6 buy 0.49x3
         yes@5 book 0.48x5 0.47x1 / 0.52x7",
        expect_test::expect![[r#"
            unsynced  / 
            snapshot of 5 ms is too old: changes of 6 ms and later would be missing"#]],
    );
}

#[test]
fn an_older_snapshot_never_winds_a_book_back() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@8 buy 0.49x3
         yes@7 book 0.48x6 / 0.52x7",
        expect_test::expect!["synced 0.49x3 0.48x6 / 0.52x7"],
    );
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@4 book 0.48x6 / 0.52x7",
        expect_test::expect![[r#"
            synced 0.48x5 / 0.52x7
            snapshot of 4 ms is too old: changes of 5 ms and later would be missing"#]],
    );
}

#[test]
fn changes_older_than_the_snapshot_are_in_it() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@9 buy 0.47x1
         yes@7 buy 0.46x1
         yes@4 buy 0.49x3",
        expect_test::expect!["synced 0.48x5 0.47x1 0.46x1 / 0.52x7"],
    );
}

#[test]
fn the_no_side_is_checked_not_kept() {
    // Either order inside a timestamp.
    check(
        "yes@5 book 0.48x5 / 0.52x7
         no@5 book 0.48x7 / 0.52x5
         no@6 sell 0.51x3
         yes@6 buy 0.49x3
         yes@7 sell 0.52x0
         no@7 buy 0.48x0
         judge@7000",
        expect_test::expect!["synced 0.49x3 0.48x5 / "],
    );
    // A NO level that no YES message explains.
    check(
        "yes@5 book 0.48x5 / 0.52x7
         no@6 sell 0.51x3
         judge@1005
         judge@1006",
        expect_test::expect![[r#"
            suspect 0.48x5 / 0.52x7
            the NO side is not the mirror of the YES side"#]],
    );
    // A later agreement on the level heals it.
    check(
        "yes@5 book 0.48x5 / 0.52x7
         no@6 sell 0.51x3
         yes@7 buy 0.49x4
         no@7 sell 0.51x4
         judge@9000",
        expect_test::expect!["synced 0.49x4 0.48x5 / 0.52x7"],
    );
}

#[test]
fn a_no_snapshot_must_be_reached() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         no@9 book 0.48x7 / 0.51x3 0.52x5
         yes@9 buy 0.49x3
         yes@9 buy 0.48x5
         judge@5000",
        expect_test::expect!["synced 0.49x3 0.48x5 / 0.52x7"],
    );
    check(
        "yes@5 book 0.48x5 / 0.52x7
         no@9 book 0.48x7 / 0.51x3 0.52x5
         judge@1009",
        expect_test::expect![[r#"
            suspect 0.48x5 / 0.52x7
            the NO side is not the mirror of the YES side"#]],
    );
    // Without a YES snapshot its mirror will do.
    check("no@9 book 0.48x7 / 0.51x3", expect_test::expect!["synced 0.49x3 / 0.52x7"]);
}

#[test]
fn crossed_inside_a_timestamp_is_normal() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0.53x3 top 0.53/0.54
         judge@6
         yes@6 sell 0.52x0 top 0.53/0.54
         yes@6 sell 0.54x2 top 0.53/0.54
         judge@7000",
        expect_test::expect!["synced 0.53x3 0.48x5 / 0.54x2"],
    );
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0.53x3
         judge@6
         judge@1005
         judge@1006",
        expect_test::expect![[r#"
            suspect 0.53x3 0.48x5 / 0.52x7
            best bid 0.53 is not below best ask 0.52"#]],
    );
}

#[test]
fn an_announced_top_must_come_true() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         no@6 sell 0.51x3 top 0.48/0.51
         yes@6 buy 0.49x3 top 0.49/0.52
         yes@7 top 0.49/0.52
         judge@7000",
        expect_test::expect!["synced 0.49x3 0.48x5 / 0.52x7"],
    );
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0.47x3 top 0.49/0.52
         yes@2000 buy 0.46x3 top 0.49/0.52
         judge@2000
         judge@2999
         judge@3000",
        expect_test::expect![[r#"
            suspect 0.48x5 0.47x3 0.46x3 / 0.52x7
            top is Top { bid: Some(0.48), ask: Some(0.52) }, announced was Top { bid: Some(0.49), ask: Some(0.52) }"#]],
    );
    // A doubt that went away in between starts anew.
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0.47x3 top 0.49/0.52
         judge@6
         yes@900 buy 0.49x3 top 0.49/0.52
         yes@901 buy 0.49x0 top 0.49/0.52
         judge@1100",
        expect_test::expect!["synced 0.48x5 0.47x3 / 0.52x7"],
    );
}

#[test]
fn only_a_snapshot_mends_a_suspect_book() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0.53x3
         judge@6
         judge@1006
         yes@1007 buy 0.53x0",
        expect_test::expect![[r#"
            suspect 0.48x5 / 0.52x7
            best bid 0.53 is not below best ask 0.52"#]],
    );
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0.53x3
         judge@6
         judge@1006
         yes@1007 buy 0.53x0
         yes@1008 book 0.40x1 / 0.60x1",
        expect_test::expect![[r#"
            synced 0.4x1 / 0.6x1
            best bid 0.53 is not below best ask 0.52"#]],
    );
}

#[test]
fn a_tick_change_needs_a_new_snapshot_and_keeps_every_price() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 tick 0.001
         yes@7 buy 0.481x1",
        expect_test::expect![[r#"
            unsynced 0.48x5 / 0.52x7
            change arrived before any snapshot"#]],
    );
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 tick 0.001
         yes@7 book 0.481x1 0.48x5 / 0.5195x7
         no@6 tick 0.001
         yes@8 sell 0.999x3",
        expect_test::expect!["synced 0.481x1 0.48x5 / 0.5195x7 0.999x3"],
    );
}

#[test]
fn a_level_outside_the_book_breaks_it() {
    check(
        "yes@5 book 0.48x5 / 0.52x7
         yes@6 buy 0x5",
        expect_test::expect![[r#"
            suspect 0.48x5 / 0.52x7
            a level at 0 is outside the book"#]],
    );
}

#[test]
fn questions_about_depth_and_the_other_outcome() {
    let mut book = Book::new(TickSize::CENT);
    step(&mut book, "yes@5 book 0.48x5 0.47x1 / 0.52x7 0.55x2").expect("snapshot");
    assert_eq!(book.midpoint2x(), Some(10_000));
    assert_eq!(book.depth(Side::Sell, price("0.55")), qty("9"));
    assert_eq!(book.depth(Side::Buy, price("0.48")), qty("5"));
    assert_eq!(book.size_at(Side::Buy, price("0.47")), qty("1"));
    assert_eq!(book.size_at(Side::Buy, price("0.475")), Qty::ZERO);
    assert_eq!(book.best_of(Outcome::No, Side::Buy), Some((price("0.48"), qty("7"))));
    let no_asks: Vec<_> = book.levels_of(Outcome::No, Side::Sell).collect();
    assert_eq!(no_asks, levels("0.52x5 0.53x1"));
    assert_eq!(
        Book::digest_of(Outcome::No, &levels("0.45x2 0.48x7"), &levels("0.52x5 0.53x1 0.6x0")),
        book.level_digest()
    );
}

#[test]
fn a_book_on_a_fine_tick_stays_small() {
    let mut book = Book::new(TickSize::parse("0.001").expect("tick"));
    step(&mut book, "yes@5 book 0.481x5 / 0.52x7").expect("snapshot");
    for ms in 0..2000 {
        step(&mut book, &format!("yes@{} buy 0.{:03}x{}", ms + 6, ms % 400 + 1, ms)).expect("change");
    }
    assert!(book.memory() <= 32 * 1024, "{} bytes", book.memory());
}

/// One generated change: minutes of a message, in YES terms.
#[test]
fn a_side_takes_a_level_at_every_price_and_at_no_other() {
    let all: Vec<_> =
        (1..10_000).rev().filter_map(Price::from_ten_thousandths).map(|price| (price, qty("5"))).collect();
    let whole = |bids: Vec<(Price, Qty)>| MarketEvent::Snapshot {
        token: token(Outcome::Yes),
        bids,
        asks: Vec::new(),
        tick: TickSize::parse("0.0001").ok(),
        last_trade: None,
        hash: None,
        venue_ms: 5,
    };
    let mut book = Book::new(TickSize::CENT);
    book.apply(at(5), &whole(all.clone())).expect("prices below a dollar");
    assert_eq!(book.level_count(Side::Buy), LEVELS_MAX);
    assert_eq!(book.levels(Side::Buy).collect::<Vec<_>>(), all);
    for beyond in [Price::ONE, Price::ZERO] {
        let mut more = all.clone();
        more.push((beyond, qty("5")));
        let mut book = book.clone();
        assert_eq!(book.apply(at(6), &whole(more)), Err(BookError::OutsideBook { price: beyond }));
        assert_eq!(book.level_count(Side::Buy), LEVELS_MAX, "nothing of it was taken");
    }
}

#[derive(Clone, Debug)]
struct Op {
    /// Added to the running venue time, which starts two behind the snapshot's; negative is out of order.
    dt: i64,
    side: Side,
    n: u16,
    qty: u64,
    /// Which of the two tokens speaks first; 2: YES only.
    first: u8,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = (-2i64..4, any::<bool>(), 1u16..10_000, prop_oneof![Just(0u64), 1u64..50_000_000], 0u8..3, 0usize..3)
        .prop_map(|(dt, buy, n, qty, first, grid)| {
            let step = [100, 10, 1][grid];
            let n = (n / step * step).clamp(step, 10_000 - step);
            // Few distinct levels, so that removals hit something.
            let n = if n % 3 == 0 { 5000 - u16::from(buy) * 100 } else { n };
            Op { dt, side: if buy { Side::Buy } else { Side::Sell }, n, qty, first }
        });
    prop::collection::vec(op, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn book_equals_last_write_wins(ops in ops()) {
        let mut book = Book::new(TickSize::CENT);
        let mut model: BTreeMap<(Side, Price), Qty> = BTreeMap::new();
        let start = 1_000u64;
        step(&mut book, "yes@1000 book 0.48x5 / 0.52x7").expect("snapshot");
        model.insert((Side::Buy, price("0.48")), qty("5"));
        model.insert((Side::Sell, price("0.52")), qty("7"));
        let mut venue_ms = start - 2;
        for op in &ops {
            venue_ms = venue_ms.saturating_add_signed(op.dt);
            let p = Price::from_ten_thousandths(op.n).expect("a price");
            let q = Qty::from_micro(op.qty);
            let event = |outcome| {
                let (side, price) = in_yes_terms(outcome, op.side, p);
                MarketEvent::Delta { token: token(outcome), side, price, qty: q, top: None, hash: None, venue_ms }
            };
            let order: &[Outcome] = match op.first {
                0 => &[Outcome::Yes, Outcome::No],
                1 => &[Outcome::No, Outcome::Yes],
                _ => &[Outcome::Yes],
            };
            for outcome in order {
                book.apply(at(venue_ms), &event(*outcome)).expect("a change of a synced book");
            }
            if venue_ms >= start {
                if q.is_zero() { model.remove(&(op.side, p)); } else { model.insert((op.side, p), q); }
            }
        }
        let mut bids: Vec<_> = model.iter().filter(|((s, _), _)| *s == Side::Buy).map(|((_, p), q)| (*p, *q)).collect();
        bids.reverse();
        let asks: Vec<_> = model.iter().filter(|((s, _), _)| *s == Side::Sell).map(|((_, p), q)| (*p, *q)).collect();
        prop_assert_eq!(book.levels(Side::Buy).collect::<Vec<_>>(), bids.clone());
        prop_assert_eq!(book.levels(Side::Sell).collect::<Vec<_>>(), asks.clone());
        prop_assert_eq!(book.best(Side::Buy), bids.first().copied());
        prop_assert_eq!(book.best(Side::Sell), asks.first().copied());
        prop_assert_eq!(book.level_count(Side::Buy) + book.level_count(Side::Sell), model.len());
        prop_assert_eq!(book.level_digest(), Book::digest_of(Outcome::Yes, &bids, &asks));
        prop_assert!(book.unmatched.is_empty());
    }
}
