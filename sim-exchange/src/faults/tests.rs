//! The schedule against what it promises: same seed, same faults; nobody moves another's draws.

use super::*;
use crate::mode::Mode;
use mm_core::domain::Timestamp;
use mm_core::venue::market_ws::{MarketFrame, WireEvent, decode};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_nanos(1_780_000_000_000_000_000);
const HOUR_NS: u64 = 3_600_000_000_000;

fn tokens() -> Vec<TokenId> {
    (1..=8).map(|n| TokenId::parse(&n.to_string()).expect("a token")).collect()
}

fn kind(name: &str) -> &'static Kind {
    Kind::named(name).expect("a kind")
}

fn often(name: &str, per_hour: u64) -> Spec {
    Spec::usual(kind(name), When::PerHour { millionths: per_hour * 1_000_000 })
}

fn world(seed: u64, rows: Vec<Spec>) -> Faults {
    Faults::new(&Plan { rows, swarm: None }, &Draws::new(seed), START, tokens())
}

/// Everything that happens in `hours`, looked at every `step`.
fn history(faults: &mut Faults, hours: u64, step_ms: u64) -> Vec<Change> {
    let mut out = Vec::new();
    let end = START.nanos() + hours * HOUR_NS;
    let mut at = START;
    while at.nanos() < end {
        at = at.plus(Nanos::from_ms(step_ms));
        out.extend(faults.due(at, 0));
    }
    out
}

fn of(name: &str, all: &[Change]) -> Vec<Change> {
    all.iter().filter(|change| change.name == name).cloned().collect()
}

#[test]
fn every_kind_is_named_once_and_is_what_it_says() {
    let mut names: Vec<&str> = Kind::all().map(|kind| kind.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 55, "{count}");
    for kind in Kind::all() {
        assert!(kind.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", kind.name);
        assert!(u64::try_from(kind.knobs.len()).expect("few") + 2 <= SLOTS, "{}", kind.name);
        for knob in kind.knobs {
            let (lo, hi) = knob.usual;
            assert!(knob.least <= lo && lo <= hi && hi <= knob.most, "{} {}", kind.name, knob.key);
            let last = u64::try_from(knob.words.len()).expect("few");
            assert!(last == 0 || knob.most + 1 == last, "{} {}", kind.name, knob.key);
        }
        let (lo, hi) = kind.lasts_ms.unwrap_or((1, 1));
        assert!(1 <= lo && lo <= hi && hi <= LASTS_MAX_MS, "{}", kind.name);
        // each end of each knob makes a fault
        for pick in [|knob: &Knob| knob.least, |knob: &Knob| knob.most] {
            let _ = (kind.make)(&kind.knobs.iter().map(pick).collect::<Vec<_>>());
        }
    }
}

#[test]
fn different_kinds_make_different_faults() {
    let usual = |kind: &'static Kind| (kind.make)(&kind.knobs.iter().map(|knob| knob.usual.0).collect::<Vec<_>>());
    let all: Vec<&Kind> = Kind::all().collect();
    for (n, one) in all.iter().enumerate() {
        for other in &all[n + 1..] {
            assert_ne!(usual(one), usual(other), "{} and {}", one.name, other.name);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
    let rows = || vec![often("zombie-feed", 6), often("tick-change", 20), often("clock-skew", 2)];
    let one = history(&mut world(7, rows()), 5, 1_000);
    assert!(one.len() > 30, "{}", one.len());
    assert_eq!(one, history(&mut world(7, rows()), 5, 1_000));
    assert_ne!(one, history(&mut world(8, rows()), 5, 1_000));
}

#[test]
fn the_rate_is_the_rate() {
    // a moment comes as often as it should: mean 600, standard deviation 24.5
    let many = history(&mut world(3, vec![often("tick-change", 60)]), 10, 60_000);
    assert!((500..700).contains(&many.len()), "{}", many.len());
    assert!(history(&mut world(3, vec![often("tick-change", 0)]), 10, 60_000).is_empty());
}

#[test]
fn an_event_is_hit_exactly_and_once() {
    let mut row = Spec::usual(kind("zombie-feed"), When::AtEvent(1234));
    row.set("lasts_ms", &Setting::Number(30_000)).expect("in bounds");
    let mut faults = world(7, vec![row]);
    assert!(faults.due(START, 1233).is_empty());
    let begins = faults.due(START.plus(Nanos::from_ms(5)), 1234);
    assert_eq!(
        begins.iter().map(|c| (c.at, c.phase)).collect::<Vec<_>>(),
        [(START.plus(Nanos::from_ms(5)), Phase::Begins)]
    );
    assert_eq!(faults.next_deadline(), Some(START.plus(Nanos::from_ms(30_005))));
    assert!(faults.due(START.plus(Nanos::from_ms(30_004)), 9_999).is_empty());
    assert_eq!(faults.due(START.plus(Nanos::from_ms(30_005)), 9_999).len(), 1);
    assert!(faults.due(START.plus(Nanos::from_secs(9_000)), u64::MAX).is_empty(), "never again");
}

#[test]
fn switches_work_beside_the_plan_and_move_nothing_in_it() {
    let rows = || vec![often("zombie-feed", 6), often("lost-answer", 6)];
    let quiet = history(&mut world(7, rows()), 5, 1_000);
    let mut faults = world(7, rows());
    let mut meddled = Vec::new();
    let mut at = START;
    while at.nanos() < START.nanos() + 5 * HOUR_NS {
        at = at.plus(Nanos::from_secs(1));
        meddled.extend(faults.due(at, 0));
        if at.secs().is_multiple_of(97) {
            let mut spec = Spec::usual(kind("late-frames"), When::PerHour { millionths: 0 });
            spec.set("percent", &Setting::Number(50)).expect("in bounds");
            faults.switch_on(at, &spec, Some(Nanos::from_secs(5)));
            for link in 0..3 {
                let frame = Frame { channel: Channel::Market, link, opened: START, what: Payload::Event };
                let _ = faults.feed(&frame);
            }
        }
    }
    meddled.retain(|change| !change.name.starts_with("hand/"));
    assert_eq!(quiet, meddled);
    // off means off, whoever switched it on
    let spec = Spec::usual(kind("geoblock"), When::PerHour { millionths: 0 });
    faults.switch_on(at, &spec, None);
    faults.switch_on(at, &spec, None);
    assert_eq!(
        faults.active().iter().filter(|a| a.kind.name == "geoblock").count(),
        1,
        "the second replaces the first"
    );
    assert!(faults.is_blocked() && faults.is_forbidden());
    assert_eq!(faults.switch_off(at, Some(kind("geoblock"))), 1);
    assert!(!faults.is_blocked() && !faults.is_forbidden());
}

#[test]
fn a_restart_is_425_first_and_post_only_after() {
    let mut faults = world(7, Vec::new());
    let mut spec = Spec::usual(kind("engine-restart"), When::PerHour { millionths: 0 });
    spec.set("down_ms", &Setting::Number(20_000)).expect("in bounds");
    faults.switch_on(START, &spec, None);
    let after = |secs| START.plus(Nanos::from_secs(secs));
    assert_eq!(faults.mode(after(19)), Some(Mode::Restarting { until: after(20) }));
    assert_eq!(faults.mode(after(20)), Some(Mode::PostOnly { until: after(140) }));
    faults.due(after(140), 0);
    assert_eq!(faults.mode(after(140)), None);
}

#[test]
fn settings_outside_their_bounds_are_refused_with_what_is_allowed() {
    let mut spec = often("lost-answer", 1);
    for (key, setting, words) in [
        ("percent", Setting::Number(0), "1..=100"),
        ("percent", Setting::Between(9, 3), "the smaller value first"),
        ("calls", Setting::Word("nothing".to_owned()), "none of orders"),
        ("calls", Setting::Number(1), "must be one of orders"),
        ("colour", Setting::Number(1), "known here: lasts_ms, percent, calls"),
        ("lasts_ms", Setting::Number(0), "1..="),
    ] {
        let why = spec.set(key, &setting).expect_err("out of bounds");
        assert!(why.contains(words), "{key}: {why:?} does not say {words:?}");
    }
    let why = often("silent-drop", 1).set("lasts_ms", &Setting::Number(5)).expect_err("a moment");
    assert!(why.contains("over in a moment"), "{why}");
}

#[test]
fn a_zombie_is_silent_about_so_many_tokens_and_the_seed_says_which() {
    let dead = |seed, k| {
        let mut faults = world(seed, Vec::new());
        let mut spec = Spec::usual(kind("zombie-feed"), When::PerHour { millionths: 0 });
        spec.set("tokens", &Setting::Number(k)).expect("in bounds");
        faults.switch_on(START, &spec, None);
        tokens().into_iter().filter(|token| faults.is_dead(token)).collect::<Vec<_>>()
    };
    assert_eq!(dead(7, 3).len(), 3);
    assert_eq!(dead(7, 3), dead(7, 3));
    assert_eq!(dead(7, 99).len(), 8);
    assert!((0..20).any(|seed| dead(seed, 3) != dead(7, 3)));
}

#[test]
fn dead_tokens_are_dead_on_every_market_socket_and_nowhere_else() {
    let zombie = |settings: &[(&str, Setting)]| {
        let mut spec = often("zombie-feed", 1);
        for (key, setting) in settings {
            spec.set(key, setting).expect("in bounds");
        }
        spec.check()
    };
    let word = |word: &str| Setting::Word(word.to_owned());
    for (settings, words) in [
        (vec![("tokens", Setting::Number(1)), ("channel", word("user"))], "channel"),
        (vec![("channel", word("both")), ("tokens", Setting::Between(0, 3))], "channel"),
        (vec![("tokens", Setting::Number(2)), ("fresh", word("alive"))], "fresh"),
    ] {
        let why = zombie(&settings).expect_err("it would be ignored");
        assert!(why.contains(words) && why.contains("tokens"), "{settings:?}: {why:?}");
    }
    zombie(&[("tokens", Setting::Number(2))]).expect("market sockets, fresh ones too");
    zombie(&[("channel", word("user")), ("fresh", word("alive"))]).expect("all data of a channel");
}

#[test]
fn drift_keeps_what_a_tolerant_reader_needs() {
    let frame = r#"{"market":"0x1587ee233e3c926209cc5c4f888f34c96c9c7f7c1448d17989d3b7a79c1cdf32", "price_changes":[{"asset_id":"99", "price":"0.85", "size":"503.32", "side":"BUY", "hash":"52a1ab0b83926e8d34a1018feea85a50af0cea81", "best_bid":"0.85", "best_ask":"0.86"}, {"asset_id":"98", "price":"0.15", "size":"503.32", "side":"SELL", "hash":"4e761e84f74fbbd20f0787409962cfa66221ddc4", "best_bid":"0.14", "best_ask":"0.15"}], "timestamp":"1778204225252", "event_type":"price_change"}"#;
    let changes = |text: &str| match decode(text).expect("still a frame").0 {
        MarketFrame::Events(events) => events,
        other => panic!("{other:?}"),
    };
    let plain = changes(frame);
    let WireEvent::PriceChange(before) = &plain[0] else { panic!("not a change") };
    for drift in [Drift::UnknownFields, Drift::BareNumbers] {
        let [only] = &rewrite(drift, frame)[..] else { panic!("one frame") };
        assert_ne!(only, frame);
        assert_eq!(changes(only), plain, "{drift:?}: {only}");
    }
    let [empty] = &rewrite(Drift::EmptyStrings, frame)[..] else { panic!("one frame") };
    let WireEvent::PriceChange(after) = &changes(empty)[0] else { panic!("not a change") };
    assert!(after.changes.iter().all(|c| c.hash.is_none()), "{empty}");
    let old = rewrite(Drift::OldChanges, frame);
    assert_eq!(old.len(), 2, "one for each token: {old:?}");
    for (text, entry) in old.iter().zip(&before.changes) {
        assert!(text.contains("\"changes\"") && !text.contains("price_changes"), "{text}");
        let WireEvent::PriceChange(told) = &changes(text)[0] else { panic!("not a change") };
        assert_eq!((&told.changes[0].token, told.changes[0].qty), (&entry.token, entry.qty));
    }
    let strangers = rewrite(Drift::UnknownEvent, frame);
    assert_eq!((strangers.len(), strangers[1].as_str()), (2, frame));
}

#[test]
fn a_line_delays_overtakes_and_thaws() {
    let at = |ms| START.plus(Nanos::from_ms(ms));
    let fate = |deliver| Fate { deliver, copies: 1 };
    let mut line = Line::new(8);
    let ten = Nanos::from_ms(10);
    line.push(at(0), ten, Fate::PASS, "first").expect("room");
    line.push(at(1), Nanos::from_ms(2), Fate::PASS, "second, faster").expect("room");
    line.push(at(2), ten, fate(Deliver::Late(Nanos::from_ms(100))), "late").expect("room");
    line.push(at(3), ten, fate(Deliver::Behind), "overtaken").expect("room");
    line.push(at(4), ten, fate(Deliver::Never), "lost").expect("room");
    assert_eq!(line.pop(at(9)), None);
    assert_eq!([line.pop(at(10)), line.pop(at(10)), line.pop(at(13))], [Some("first"), Some("second, faster"), None]);
    line.push(at(14), ten, Fate { copies: 2, ..Fate::PASS }, "twice").expect("room");
    let mut got = Vec::new();
    while let Some(frame) = line.pop(at(30)) {
        got.push(frame);
    }
    assert_eq!(got, ["twice", "overtaken", "twice"]);
    assert_eq!((line.next_deadline(), line.pop(at(112))), (Some(at(112)), Some("late")));
    // nothing overtakes this one: it comes a second later all the same
    line.push(at(200), ten, fate(Deliver::Behind), "alone").expect("room");
    assert_eq!((line.pop(at(1209)), line.pop(at(1210))), (None, Some("alone")));
    for n in 0..8 {
        line.push(at(1300 + n), ten, fate(Deliver::Held), "held").expect("room");
    }
    assert_eq!(line.pop(at(9_000)), None);
    assert_eq!(line.push(at(1400), ten, Fate::PASS, "one too many"), Err(LineFull(8)));
    line.thaw(at(9_000));
    assert_eq!((0..9).filter_map(|_| line.pop(at(9_000))).count(), 8);
}

proptest! {
    /// One more row, anywhere in the plan, leaves every other row's times and parameters as they were.
    #[test]
    fn adding_a_fault_moves_nobody(seed in 0u64..1_000, place in 0usize..4, extra in 0usize..60) {
        let rows = || vec![often("frozen-feed", 8), often("tick-change", 20), often("ghost-fill", 6)];
        let names = ["frozen-feed", "tick-change", "ghost-fill"];
        let kinds: Vec<&'static Kind> = Kind::all().collect();
        let before = history(&mut world(seed, rows()), 2, 30_000);
        let mut more = rows();
        let mut row = Spec::usual(kinds[extra % kinds.len()], When::PerHour { millionths: 50_000_000 });
        row.name = "another".to_owned();
        more.insert(place.min(3), row);
        let after = history(&mut world(seed, more), 2, 30_000);
        for name in names {
            prop_assert_eq!(of(name, &before), of(name, &after));
        }
    }

    /// However often one looks, the same things happen at the same times; ends and begins alternate.
    #[test]
    fn how_often_one_looks_does_not_matter(seed in 0u64..1_000, step_ms in 1_000u64..300_000) {
        let rows = || vec![often("frozen-feed", 30), often("reconnect-storm", 10)];
        let fine = history(&mut world(seed, rows()), 1, 1_000);
        let coarse = history(&mut world(seed, rows()), 1, step_ms);
        let end = fine.last().map_or(START, |c| c.at).min(coarse.last().map_or(START, |c| c.at));
        let until = |all: &[Change]| all.iter().filter(|c| c.at <= end).cloned().collect::<Vec<_>>();
        prop_assert_eq!(until(&fine), until(&coarse));
        for name in ["frozen-feed", "reconnect-storm"] {
            let phases: Vec<Phase> = of(name, &fine).iter().map(|c| c.phase).collect();
            for (n, phase) in phases.iter().enumerate() {
                prop_assert_eq!(*phase, if n % 2 == 0 { Phase::Begins } else { Phase::Ends });
            }
        }
    }

    /// A swarm is a subset of the kinds, the same for the same seed; another plan row changes nothing in it.
    #[test]
    fn a_swarm_is_drawn_by_seed(seed in 0u64..1_000) {
        let swarm = |rows| {
            let plan = Plan { rows, swarm: Some(Swarm { percent: 50, per_hour_millionths: 6_000_000 }) };
            plan.rows(&Draws::new(seed)).into_iter().filter(|r| r.name.starts_with("swarm/")).collect::<Vec<_>>()
        };
        let one = swarm(Vec::new());
        prop_assert!(one.len() > 10 && one.len() < Kind::all().count());
        prop_assert_eq!(one, swarm(vec![often("zombie-feed", 3)]));
    }
}
