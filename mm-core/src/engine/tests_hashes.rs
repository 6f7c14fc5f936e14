//! Books against the venue's hash: what proves, what disproves, and what does neither.

use super::tests_stage::{MARKETS, Stage};
use crate::domain::{MarketIx, Outcome, Price, Qty, Side, Timestamp, Token};
use crate::event::{Action, Alert, Input, LinkIx, MarketEvent};

#[test]
fn a_lost_change_deep_in_the_book_is_found_out() {
    let mut stage = Stage::new();
    stage.wait(2_000);
    assert_eq!(stage.counts(), [4, 0, 0], "the first book of each market; the other token's has the same levels");
    stage.level(0, Side::Buy, 30, 0);
    stage.ms += 10;
    let seen = stage.level(0, Side::Sell, 60, 20);
    stage.turn(seen);
    stage.wait(2_400);
    assert_eq!(stage.syncs(), "synced synced synced synced", "{:?}", stage.told);
    stage.told.clear();
    stage.wait(400);
    assert_eq!(stage.syncs(), "suspect synced synced synced");
    assert_eq!(stage.counts(), [4, 0, 1]);
    let token = Token { market: MarketIx(0), outcome: Outcome::Yes };
    assert!(stage.told.contains(&Action::Resync { link: LinkIx(0), token }), "{:?}", stage.told);
    // only a book that its hash proves is trusted again
    stage.ms += 10;
    let mut spoilt = stage.dump(0);
    let Some(Input::Market(MarketEvent::Snapshot { bids, .. })) = spoilt.first_mut() else { panic!("a snapshot") };
    bids.pop();
    stage.turn(vec![spoilt.remove(0)]);
    assert_eq!(stage.syncs(), "suspect synced synced synced");
    let true_book = stage.dump(0);
    stage.turn(true_book);
    assert_eq!(stage.syncs(), "synced synced synced synced");
}

#[test]
fn the_grace_counts_from_the_telling_and_a_late_check_does_not_prolong_it() {
    let mut stage = Stage::new();
    stage.wait(2_000);
    let seen = stage.level(0, Side::Sell, 60, 20);
    stage.turn(seen);
    stage.wait(150);
    let [proven, ..] = stage.counts();
    stage.level(0, Side::Buy, 30, 0);
    // told while the market has just been looked at: its turn comes a second later
    let seen = stage.level(0, Side::Sell, 60, 30);
    stage.turn(seen);
    stage.wait(2_300);
    let seen = stage.level(0, Side::Sell, 60, 40);
    stage.turn(seen);
    stage.wait(190);
    assert_eq!((stage.counts(), stage.syncs().contains("suspect")), ([proven, 0, 0], false));
    stage.wait(110);
    assert_eq!(stage.syncs(), "suspect synced synced synced");
}

#[test]
fn a_trade_that_is_told_late_is_no_loss() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    let [proven, ..] = stage.counts();
    stage.last_trade = "0.480".to_owned();
    let taken = stage.level(0, Side::Buy, 48, 400);
    stage.turn(taken);
    stage.wait(290);
    assert_eq!(stage.counts(), [proven, 0, 0]);
    stage.turn(vec![Input::Market(MarketEvent::Trade {
        token: Token { market: MarketIx(0), outcome: Outcome::No },
        side: Side::Buy,
        price: Price::parse("0.52").expect("a price"),
        qty: Qty::from_whole(100).expect("small"),
        venue_ms: stage.ms - 280,
    })]);
    assert_eq!(stage.counts(), [proven + 1, 0, 0], "the complement of the print");
    stage.wait(10_000);
    assert_eq!((stage.counts(), stage.syncs().contains("suspect")), ([proven + 1, 0, 0], false));
}

#[test]
fn a_change_that_comes_late_is_no_loss() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    let late = stage.level(0, Side::Buy, 47, 0);
    stage.ms += 10;
    let seen = stage.level(0, Side::Sell, 60, 20);
    stage.turn(seen);
    stage.wait(2_200);
    stage.turn(late);
    stage.wait(5_000);
    assert_eq!(stage.syncs(), "synced synced synced synced");
    assert_eq!(stage.counts()[2], 0);
}

#[test]
fn a_batch_is_judged_when_it_is_over_and_once_a_second() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    let [proven, ..] = stage.counts();
    // two messages of one state, the second after the first was looked at
    let first = stage.level(0, Side::Buy, 47, 0);
    let whole = stage.level(0, Side::Buy, 40, 0);
    let hash_of = |input: &Input| match input {
        Input::Market(MarketEvent::Delta { hash, .. }) => *hash,
        _ => None,
    };
    let mut first = first;
    for (input, other) in first.iter_mut().zip(&whole) {
        if let Input::Market(MarketEvent::Delta { hash, .. }) = input {
            *hash = hash_of(other);
        }
    }
    stage.turn(first);
    stage.wait(300);
    stage.turn(whole);
    stage.wait(3_000);
    assert_eq!(stage.counts(), [proven + 1, 0, 0]);
    // a hundred states in a second
    for n in 1..=100 {
        stage.ms += 10;
        let change = stage.level(1, Side::Sell, 60, n);
        stage.turn(change);
    }
    let [now, ..] = stage.counts();
    assert!((2..=3).contains(&(now - proven)), "{} checks in a second", now - proven - 1);
}

#[test]
fn another_algorithm_ends_the_checks_and_mends_nothing_by_itself() {
    let mut stage = Stage::new();
    stage.wait(3_000);
    stage.changed_rule = true;
    for row in 0..MARKETS {
        stage.ms += 10;
        let change = stage.level(row, Side::Buy, 47, 20);
        stage.turn(change);
    }
    stage.wait(3_000);
    assert_eq!(stage.syncs(), "suspect suspect suspect suspect", "changes alone do not tell a loss from another rule");
    for row in 0..2 {
        let books = stage.dump(row);
        stage.turn(books);
    }
    assert_eq!(stage.syncs(), "suspect suspect suspect suspect");
    assert!(!stage.alerts().contains(&&Alert::HashChecks { on: false }));
    let books = stage.dump(2);
    stage.turn(books);
    assert!(stage.alerts().contains(&&Alert::HashChecks { on: false }), "{:?}", stage.alerts());
    assert!(stage.engine.snapshot().hash_checks_off);
    assert_eq!(stage.syncs(), "suspect suspect synced suspect");
    let books = stage.dump(0);
    stage.turn(books);
    let contradicted = stage.counts()[2];
    let change = stage.level(0, Side::Buy, 47, 30);
    stage.turn(change);
    stage.wait(5_000);
    assert_eq!((stage.counts()[2], stage.syncs().as_str()), (contradicted, "synced suspect synced suspect"));
    // the known one is back
    stage.changed_rule = false;
    for row in [1, 3, 0] {
        let rest = stage.rest(row, false);
        stage.turn(vec![rest]);
    }
    assert!(!stage.engine.snapshot().hash_checks_off);
}

#[test]
fn a_rest_book_that_contradicts_itself_neither_mends_nor_bears_witness() {
    let mut stage = Stage::unfed();
    let good = stage.rest(0, false);
    stage.turn(vec![good]);
    assert_eq!(stage.syncs(), "unsynced unsynced unsynced unsynced", "the stream says nothing of it");
    stage.ms += 1;
    let change = stage.level(0, Side::Buy, 47, 20);
    stage.turn(change);
    let spoilt = stage.rest(0, true);
    stage.turn(vec![spoilt.clone()]);
    assert_eq!(stage.syncs(), "unsynced unsynced unsynced unsynced");
    let good = stage.rest(0, false);
    stage.turn(vec![good]);
    assert_eq!(stage.syncs(), "synced unsynced unsynced unsynced");
    stage.ms += 1;
    let spoilt = stage.rest(0, true);
    stage.turn(vec![spoilt]);
    stage.wait(2_000);
    let snapshot = stage.engine.snapshot();
    assert_eq!((snapshot.markets[0].witness_differs, snapshot.markets[0].sync.as_str()), (0, "synced"));
    assert_eq!(stage.counts(), [2, 0, 2]);
    let foreign = Input::RestBook {
        token: Token { market: MarketIx(1), outcome: Outcome::Yes },
        received: Timestamp::EPOCH,
        text: "{}".to_owned(),
    };
    stage.turn(vec![foreign]);
    assert_eq!(stage.engine.snapshot().totals.bad_rest, 1);
}
