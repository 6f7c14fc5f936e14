use super::*;
use mm_core::domain::ConditionId;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(1_000_000 + ms)
}

fn standard() -> Limits {
    Limits::new(Some(Buckets { orders: 40, orders_burst: 60, cancels: 80, cancels_burst: 120 }))
}

fn toll(class: Class) -> Toll {
    Toll { class, cost: 1, endpoint: Endpoint::Other }
}

/// How many of `n` single takes pass at one moment.
fn passed(limits: &Limits, at: Timestamp, class: Class, n: u32) -> u32 {
    (0..n).filter(|_| limits.take(at, class, 1).is_ok()).map(|_| 1).sum()
}

#[test]
fn places_stay_below_the_venues_bucket() {
    let limits = standard();
    assert_eq!(passed(&limits, at(0), Class::Place, 1000), 36, "60 % of a burst of 60");
    assert_eq!(passed(&limits, at(1000), Class::Place, 1000), 24, "60 % of 40 per second");
}

#[test]
fn a_flood_of_places_and_cancels_leaves_cancel_all_its_share() {
    let limits = standard();
    passed(&limits, at(0), Class::Place, 10_000);
    passed(&limits, at(0), Class::Cancel, 10_000);
    assert_eq!(limits.take(at(0), Class::CancelAll, 1), Ok(()));
}

#[test]
fn a_wait_that_is_kept_is_long_enough() {
    let limits = standard();
    passed(&limits, at(0), Class::Cancel, 1000);
    let wait = limits.take(at(0), Class::Cancel, 10).expect_err("empty");
    assert!(limits.take(at(0).plus(Nanos::from_nanos(wait.nanos() - 1)), Class::Cancel, 10).is_err());
    assert_eq!(limits.take(at(0).plus(wait), Class::Cancel, 10), Ok(()));
}

#[test]
fn a_cost_above_the_bucket_takes_all_of_it() {
    let limits = standard();
    assert_eq!(limits.take(at(0), Class::Cancel, 1000), Ok(()));
    assert!(limits.take(at(0), Class::Cancel, 1).is_err());
}

#[test]
fn waiting_calls_are_served_by_class_then_in_order() {
    let limits = standard();
    let mut waiting = Waiting::default();
    for (class, name) in [
        (Class::Look, "look"),
        (Class::Read, "read 1"),
        (Class::Check, "check"),
        (Class::Cancel, "cancel 1"),
        (Class::Read, "read 2"),
        (Class::CancelAll, "cancel all"),
        (Class::Heartbeat, "beat"),
    ] {
        waiting.push(toll(class), at(1000), name).expect("room");
    }
    let order: Vec<_> = std::iter::from_fn(|| waiting.pop(&limits, at(0)).ok()).collect();
    assert_eq!(order, ["cancel all", "cancel 1", "beat", "check", "read 1", "read 2", "look"].map(Next::Leaves));
    assert_eq!(waiting.pop(&limits, at(0)), Err(None));
}

#[test]
fn a_call_that_waited_for_too_long_does_not_leave() {
    let limits = standard();
    passed(&limits, at(0), Class::Read, 1000);
    let mut waiting = Waiting::default();
    waiting.push(toll(Class::Look), at(100), "look").expect("room");
    waiting.push(toll(Class::Read), at(1000), "read").expect("room");
    let wait = waiting.pop(&limits, at(0)).expect_err("the bucket is empty");
    assert!(wait.is_some_and(|wait| wait <= Nanos::from_ms(100)), "the overdue one is told in time: {wait:?}");
    assert_eq!(waiting.pop(&limits, at(100)), Ok(Next::Overdue("look")));
    assert_eq!(waiting.pop(&limits, at(200)), Ok(Next::Leaves("read")));
}

#[test]
fn looks_take_what_readings_leave() {
    let limits = standard();
    let mut waiting = Waiting::default();
    for n in 0..200 {
        waiting.push(toll(Class::Look), at(100_000), n).expect("room");
    }
    while waiting.pop(&limits, at(0)).is_ok() {}
    waiting.push(toll(Class::Read), at(100_000), 1000).expect("room");
    assert_eq!(waiting.pop(&limits, at(125)), Ok(Next::Leaves(1000)), "the first token goes to the list");
}

#[test]
fn the_largest_cancel_call_leaves_before_it_is_overdue_even_from_an_empty_bucket() {
    let limits = standard();
    passed(&limits, at(0), Class::Cancel, 1000);
    let cost = u32::try_from(VenueCall::CANCEL_MAX).expect("small");
    let wait = limits.take(at(0), Class::Cancel, cost).expect_err("empty");
    assert!(wait < crate::rehearsal::times().cancel_timeout, "{wait:?}");
}

fn market(n: u16) -> ConditionId {
    crate::rehearsal::condition(n)
}

#[test]
fn a_place_is_refused_as_soon_as_the_bucket_is_empty() {
    let (limits, mut places) = (standard(), Places::default());
    let passed = (0..100).filter(|_| places.may(&limits, at(0), &market(0))).count();
    assert_eq!(passed, 36);
    let passed = (0..1000).filter(|ms| places.may(&limits, at(*ms), &market(0))).count();
    assert_eq!(passed, 23, "alone it gets every token of the second but the last");
    let unlimited = Limits::new(None);
    assert!((0..1000).all(|_| places.may(&unlimited, at(0), &market(0))));
}

#[test]
fn who_asks_ten_times_as_often_gets_no_more() {
    let (limits, mut places) = (standard(), Places::default());
    let mut passed = [0; 3];
    for ms in 0..20_000 {
        for (n, every) in [(0, 1), (1, 2), (2, 250)] {
            if ms % every == 0 && places.may(&limits, at(ms), &market(n)) {
                passed[usize::from(n)] += 1;
            }
        }
    }
    let [loud, less, quiet] = passed;
    assert!(quiet >= 75, "four a second, for twenty seconds: {quiet} pass");
    assert!(loud <= less + less / 5 + 36, "{loud} and {less}");
    assert!(loud + less + quiet >= 480, "no token is lost: {passed:?}");
}

#[test]
fn a_market_that_asks_no_more_holds_the_others_up_by_one_token() {
    let (limits, mut places) = (standard(), Places::default());
    while places.may(&limits, at(0), &market(0)) {}
    assert!(!places.may(&limits, at(1), &market(1)));
    let passed = (2..3002).filter(|ms| places.may(&limits, at(*ms), &market(0))).count();
    assert!((69..=72).contains(&passed), "of three seconds' 72 one was kept for nothing: {passed}");
}

#[test]
fn orders_of_one_turn_leave_market_by_market() {
    let orders = vec![(0, "a"), (0, "b"), (1, "c"), (0, "d"), (2, "e"), (1, "f")];
    let markets: Vec<ConditionId> = (0..3).map(market).collect();
    let (limits, mut places) = (Limits::new(None), Places::default());
    let sorted = places.sort_out(&limits, at(0), false, orders, |(n, _)| &markets[*n]);
    let order: String = sorted.batches.concat().into_iter().map(|(_, name)| name).collect();
    assert_eq!(order, "acebfd");
}

#[test]
fn orders_leave_by_as_many_as_a_request_may_hold_and_each_once() {
    let sorted_out = |tokens: usize, urgent, asked: usize| {
        let (limits, mut places) = (standard(), Places::default());
        passed(&limits, at(0), Class::Place, 36 - u32::try_from(tokens).expect("few"));
        let sorted =
            places.sort_out(&limits, at(0), urgent, (0..asked).map(|nth| (nth, market(0))).collect(), |(_, of)| of);
        let all: Vec<usize> = sorted
            .batches
            .iter()
            .flatten()
            .chain(sorted.kept_in.iter().map(|(order, _)| order))
            .map(|(nth, _)| *nth)
            .collect();
        assert_eq!(all, (0..asked).collect::<Vec<_>>());
        (sorted.batches.iter().map(Vec::len).collect::<Vec<_>>(), sorted.kept_in.len())
    };
    assert_eq!(sorted_out(36, false, 0), (vec![], 0));
    assert_eq!(sorted_out(36, false, 15), (vec![15], 0));
    assert_eq!(sorted_out(36, false, 16), (vec![15, 1], 0));
    assert_eq!(sorted_out(36, false, 36), (vec![15, 15, 6], 0));
    assert_eq!(sorted_out(4, false, 16), (vec![4], 12));
    assert_eq!(sorted_out(36, true, 16), (vec![], 16));
}

#[test]
fn cancels_and_beats_that_wait_are_urgent_and_readings_are_not() {
    for class in Class::ALL {
        let mut waiting = Waiting::default();
        waiting.push(toll(class), at(100), ()).expect("room");
        assert_eq!(waiting.is_urgent(), class <= Class::Heartbeat, "{class:?}");
    }
}
