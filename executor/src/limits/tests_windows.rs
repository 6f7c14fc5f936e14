//! What leaves by the windows of an address, against a plain log of when it did.

use super::*;
use crate::rehearsal::condition;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A signer whose own buckets hold nothing back.
fn boundless() -> Limits {
    let many = 1_000_000;
    Limits::new(Some(Buckets { orders: many, orders_burst: many, cancels: many, cancels_burst: many }))
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(1_000_000 + ms)
}

fn toll(endpoint: Endpoint) -> Toll {
    let class = match endpoint {
        Endpoint::CancelAll => Class::CancelAll,
        _ if endpoint.cancels() => Class::Cancel,
        // of the two that place and the rest, only the bucket of orders is boundless
        _ => Class::Place,
    };
    Toll { class, cost: 1, endpoint }
}

/// How many of `n` leave at one moment.
fn left(limits: &Limits, at: Timestamp, endpoint: Endpoint, n: u32) -> u32 {
    (0..n).filter(|_| limits.pay(at, toll(endpoint)).is_ok()).map(|_| 1).sum()
}

/// The most of these moments, in their order, within so long.
fn most_within(log: &[u64], long_ms: u64) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (n, ms) in log.iter().enumerate() {
        while log[first] + long_ms <= *ms {
            first += 1;
        }
        most = most.max(n + 1 - first);
    }
    most
}

proptest! {
    #[test]
    fn no_window_holds_more_than_our_part_and_cancels_wait_for_cancels_alone(
        steps in proptest::collection::vec((0_u64..3, 0_u64..30_000, 0..Endpoint::ALL.len(), 1_u32..3_000), 1..60),
    ) {
        let (limits, without_others) = (boundless(), boundless());
        let mut logs: BTreeMap<Endpoint, Vec<u64>> = BTreeMap::new();
        let mut now = 0;
        for (moves, ms, nth, n) in steps {
            // half of them come at once, or close by
            now += ms * moves / 2;
            let endpoint = Endpoint::ALL[nth];
            let passed = left(&limits, at(now), endpoint, n);
            if endpoint.cancels() {
                prop_assert_eq!(passed, left(&without_others, at(now), endpoint, n), "{:?} at {} ms", endpoint, now);
            }
            logs.entry(endpoint).or_default().extend((0..passed).map(|_| now));
        }
        for (endpoint, log) in &logs {
            for (published, secs) in endpoint.published().into_iter().zip(WINDOWS_S).filter(|(n, _)| *n > 0) {
                let most = most_within(log, secs * 1000);
                prop_assert!(most * 100 <= published as usize * 80, "{endpoint:?}: {most} within {secs} s");
            }
        }
        let mut all: Vec<u64> = logs.into_values().flatten().collect();
        all.sort_unstable();
        prop_assert!(most_within(&all, 10_000) * 100 <= PUBLISHED_TOTAL as usize * 80);
    }
}

#[test]
fn who_used_a_window_up_goes_on_slowly() {
    let limits = boundless();
    let mut passed = 0;
    for tenth in 0..12_000 {
        passed += left(&limits, at(tenth * 100), Endpoint::CancelMany, 1_000);
    }
    assert!((17_900..=18_000).contains(&passed), "6,000 at once and 10 a second for twenty minutes: {passed}");
    let last = (0..100).map(|tenth| left(&limits, at(1_200_000 + tenth * 100), Endpoint::CancelMany, 1_000));
    assert!(last.collect::<Vec<_>>().chunks(10).all(|second| second.iter().sum::<u32>() >= 9), "in every second some");
}

#[test]
fn a_wait_for_a_window_is_as_long_as_told() {
    let limits = boundless();
    left(&limits, at(0), Endpoint::CancelAll, 1_000);
    let wait = limits.pay(at(0), toll(Endpoint::CancelAll)).expect_err("used up");
    assert!(limits.pay(at(0).plus(Nanos::from_nanos(wait.nanos() - 1)), toll(Endpoint::CancelAll)).is_err());
    assert_eq!(limits.pay(at(0).plus(wait), toll(Endpoint::CancelAll)), Ok(()));
}

#[test]
fn a_call_that_may_not_leave_takes_nothing() {
    let limits = Limits::new(Some(Buckets { orders: 40, orders_burst: 60, cancels: 80, cancels_burst: 120 }));
    // the signer's bucket is empty: the window is not touched, however often it is tried
    while limits.take(at(0), Class::Cancel, 1).is_ok() {}
    assert_eq!(left(&limits, at(0), Endpoint::CancelMarket, 10_000), 0);
    let other = boundless();
    let whole = left(&other, at(0), Endpoint::CancelMarket, 10_000);
    assert_eq!(whole, 600, "80 % of 1,500, and half of that");
    let windows = limits.windows.as_ref().expect("there is a tier");
    let free = (0..10_000).filter(|_| {
        let free = windows.ask(at(0), Endpoint::CancelMarket).is_ok();
        windows.take(at(0), Endpoint::CancelMarket);
        free
    });
    assert_eq!(free.count(), 600);
}

#[test]
fn orders_an_address_has_no_room_for_stay() {
    let (limits, mut places) = (boundless(), Places::default());
    let mut turn = |ms, n: usize| {
        let orders = vec![condition(0); n];
        let sorted = places.sort_out(&limits, at(ms), false, orders, |market| market);
        (sorted.batches.len(), sorted.kept_in.len())
    };
    assert_eq!(turn(0, 15 * 800), (800, 0), "half of 80 % of 2,000 requests");
    assert_eq!(turn(0, 30), (0, 30));
    assert_eq!(turn(0, 1), (1, 0), "one alone goes elsewhere");
    assert_eq!(turn(1_000, 15 * 81), (80, 15));
}

/// What is counted for calls that only our own buckets limit: requests within ten seconds.
#[test]
fn our_own_buckets_keep_readings_and_logins_far_below_their_windows() {
    let within_ten_seconds = |(rate, burst): (u32, u32)| rate * 10 + burst;
    // lists and look-ups come from one bucket: the smallest window of any of them
    assert!(within_ten_seconds(READ) * 100 <= 200 * 80, "balances, 200");
    assert!(within_ten_seconds(HEARTBEAT) * 100 <= 100 * 80, "logins, 100");
}
