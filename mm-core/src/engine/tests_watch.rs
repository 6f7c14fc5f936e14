//! Content that is dead behind a living socket: asked about in time, and never believed for longer than was promised.

use super::tests_stage::{MARKETS, Stage};
use crate::domain::{MarketIx, Outcome, Side};
use crate::event::Alert;
use std::collections::BTreeMap;

#[test]
fn a_market_that_is_silent_on_a_living_link_is_asked_about_and_given_up_without_an_answer() {
    let mut stage = Stage::new();
    let asked = stage.live(29, &[1, 2, 3], false);
    let of_silent: Vec<u64> = asked.iter().filter(|(_, token)| token.market == MarketIx(0)).map(|(s, _)| *s).collect();
    assert_eq!(of_silent, [14, 19, 24], "after half of the time, then every snapshot_wait");
    assert_eq!(asked.len(), of_silent.len(), "the others speak");
    assert_eq!(stage.syncs(), "synced synced synced synced");
    stage.live(2, &[1, 2, 3], false);
    assert_eq!(stage.syncs(), "unsynced synced synced synced");
    let snapshot = stage.engine.snapshot();
    assert_eq!(snapshot.markets[0].no_quote.as_deref(), Some("book-broken"));
    assert!(snapshot.markets[1].no_quote.is_none());
}

#[test]
fn an_answer_keeps_a_silent_market_and_another_book_ends_it() {
    let mut stage = Stage::new();
    let asked = stage.live(120, &[1, 2, 3], true);
    let of_silent: Vec<_> = asked.iter().filter(|(_, token)| token.market == MarketIx(0)).collect();
    assert!((6..=8).contains(&of_silent.len()), "one in 15 s and the rotation's: {of_silent:?}");
    let no = of_silent.iter().filter(|(_, token)| token.outcome == Outcome::No).count();
    assert!((3..=4).contains(&no), "either token in turn");
    assert_eq!(stage.syncs(), "synced synced synced synced");
    assert!(stage.engine.snapshot().markets[0].witness_equal >= 6);
    // the venue's book moves on, the stream does not say so
    stage.level(0, Side::Buy, 47, 1);
    let mut seconds = 0;
    while stage.syncs() == "synced synced synced synced" && seconds < 60 {
        stage.live(1, &[1, 2, 3], true);
        seconds += 1;
    }
    assert!(seconds <= 17, "silence, an answer and a second of grace: {seconds} s");
    assert_eq!(stage.engine.snapshot().markets[0].witness_differs, 1);
}

#[test]
fn a_market_that_nothing_follows_is_asked_about_no_more_often_than_a_snapshot_may_take() {
    let mut stage = Stage::new();
    stage.live(31, &[1, 2, 3], false);
    assert_eq!(stage.syncs(), "unsynced synced synced synced");
    // REST answers again and again, the stream stays silent
    let asked = stage.live(60, &[1, 2, 3], true);
    let of_silent = asked.iter().filter(|(_, token)| token.market == MarketIx(0)).count();
    assert!((11..=13).contains(&of_silent), "every five seconds: {asked:?}");
    assert_eq!(stage.syncs(), "unsynced synced synced synced");
    stage.live(6, &[0, 1, 2, 3], true);
    assert_eq!(stage.syncs(), "synced synced synced synced", "changes flow: a REST book and what follows it");
}

#[test]
fn a_quoted_market_that_speaks_is_compared_in_time_and_calls_stay_few() {
    let mut stage = Stage::new();
    let all: Vec<u16> = (0..MARKETS).collect();
    let mut asked: BTreeMap<MarketIx, u64> = BTreeMap::new();
    let mut oldest = 0;
    for _ in 0..600 {
        for (_, token) in stage.live(1, &all, true) {
            *asked.entry(token.market).or_default() += 1;
        }
        let ages = stage.engine.snapshot().markets.into_iter().filter_map(|market| market.unwitnessed_ms);
        oldest = oldest.max(ages.max().unwrap_or(0));
    }
    assert!(stage.engine.snapshot().totals.placed >= 8, "all four are quoted");
    assert!((90_000..=120_000).contains(&oldest), "{oldest} ms without a comparison");
    // ten minutes: each once in 90 s, or by the rotation once in four minutes
    let calls: u64 = asked.values().sum();
    assert!((24..=40).contains(&calls), "{asked:?}");
    assert!(!stage.alerts().iter().any(|alert| matches!(alert, Alert::WitnessDiffers(_))));
}
