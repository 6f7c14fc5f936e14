use super::exact::mul_div;
use super::*;
use crate::domain::{MarketIx, Nanos, NewOrder, Outcome, RewardTerms, Side, TimeInForce, Token, Usdc};
use proptest::prelude::*;
use serde_json::Value;

const VECTORS: &str = include_str!("../../testdata/rewards.json");

fn document() -> Value {
    serde_json::from_str(VECTORS).expect("the vector file is JSON")
}

fn list<'a>(document: &'a Value, key: &str) -> &'a Vec<Value> {
    document[key].as_array().expect("a list of cases")
}

/// The answer as the vectors write it: without the id.
fn answer(score: &CaseScore) -> Value {
    let mut value = serde_json::to_value(score).expect("plain data");
    value.as_object_mut().expect("an object").remove("id");
    value
}

/// How many vectors a rule gets wrong.
fn wrong_under(rule: Rule) -> usize {
    let document = document();
    let expects = list(&document, "cases").iter().map(|c| &c["expect"]);
    let cases = read_cases(VECTORS).expect("readable");
    assert_eq!(cases.len(), 64, "every case of the file is read");
    cases
        .iter()
        .zip(expects)
        .filter(|(case, expect)| answer(&case.score_under(rule).expect("fits")) != **expect)
        .count()
}

#[test]
fn vectors_hold() {
    let document = document();
    for (case, raw) in read_cases(VECTORS).expect("readable").iter().zip(list(&document, "cases")) {
        assert_eq!(answer(&case.score().expect("fits")), raw["expect"], "case {}", case.id());
    }
}

#[test]
fn vectors_refute_the_known_wrong_formulas() {
    assert_eq!(wrong_under(Rule::Published), 0);
    for rule in [Rule::SidesAveraged, Rule::SidesAdded, Rule::EdgeScores] {
        assert!(wrong_under(rule) > 0, "{rule:?} passes every vector");
    }
}

#[test]
fn keys_come_in_the_order_of_the_vectors() {
    let score = read_cases(VECTORS).expect("readable")[0].score().expect("fits");
    let text = serde_json::to_string(&score).expect("plain data");
    let keys = [
        "id",
        "best_qualifying_bid",
        "best_qualifying_ask",
        "adjusted_midpoint",
        "single_sided_allowed",
        "orders",
        "q_one",
        "q_two",
        "q_min",
        "others",
        "total_q_min",
        "share",
        "minute_reward",
    ];
    let mut from = 0;
    for key in keys {
        let at = text[from..].find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} is missing or early"));
        from += at;
    }
}

#[test]
fn epoch_vectors_hold() {
    let document = document();
    for raw in list(&document, "epoch_cases") {
        let score = EpochCase::read(raw).expect("readable").score().expect("fits");
        assert_eq!(serde_json::to_value(&score).expect("plain data"), raw["expect"], "case {}", raw["id"]);
    }
}

#[test]
fn rebate_vectors_hold() {
    let document = document();
    for raw in list(&document, "rebate_cases") {
        let score = RebateCase::read(raw).expect("readable").score().expect("fits");
        assert_eq!(serde_json::to_value(&score).expect("plain data"), raw["expect"], "case {}", raw["id"]);
    }
}

#[test]
fn bad_cases_say_where_and_what() {
    let check = |text: &str, expected: &str| {
        let error = read_cases(text).expect_err("must be refused").to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    };
    let case = |order: &str, c: &str| {
        format!(
            r#"{{"id":"x","market":{{"rewards_min_size":"5","rewards_max_spread":"3","rate_per_day":"1","c":"{c}"}},"mine":[{order}]}}"#
        )
    };
    check("{", "not JSON");
    check("7", "neither a case");
    check(r#"{"schema":"rewards-vectors/9","cases":[]}"#, "schema is");
    check("[{}]", "case number 1: \"id\" is missing");
    check(r#"{"id":"x"}"#, "case x: missing field `market`");
    check(&case(r#"{"token":"YES","side":"BUY","price":"1.2","size":"1"}"#, "3"), "case x: mine[0].price is \"1.2\"");
    check(&case(r#"{"token":"YES","side":"BUY","price":"0.2","size":"-1"}"#, "3"), "mine[0].size is \"-1\"");
    check(&case(r#"{"token":"MAYBE","side":"BUY","price":"0.2","size":"1"}"#, "3"), "mine[0].token is \"MAYBE\"");
    check(&case("", "0"), "market.c is zero");
    let huge = r#"{"token":"YES","side":"BUY","price":"0.5","size":"18000000000000"}"#;
    let both = format!("{huge},{}", huge.replace("BUY", "SELL"));
    let cases = read_cases(&case(&format!("{both},{huge}"), "3")).expect("each size fits");
    let error = cases[0].score().expect_err("two such sizes at one price do not fit").to_string();
    assert!(error.contains("case x: a score does not fit"), "{error}");
}

/// A vector case in the engine's types.
fn typed_case(raw: &Value) -> (Ladder, Vec<Own>, RewardTerms) {
    let text = |v: &Value| v.as_str().expect("a string").to_owned();
    let level = |v: &Value| (Price::parse(&text(&v[0])).expect("price"), Qty::parse(&text(&v[1])).expect("size"));
    let side = |key: &str| raw["yes_book"][key].as_array().expect("levels").iter().map(level).collect::<Vec<_>>();
    let book = Ladder { bids: side("bids"), asks: side("asks") };
    let own: Vec<Own> = raw["mine"].as_array().expect("orders").iter().map(own).collect();
    let market = &raw["market"];
    let cents = crate::domain::parse_decimal(&text(&market["rewards_max_spread"]), 2).expect("cents");
    let terms = RewardTerms {
        max_spread: Price::from_ten_thousandths(u16::try_from(cents).expect("small")).expect("a price"),
        min_size: Qty::parse(&text(&market["rewards_min_size"])).expect("size"),
        min_age: Nanos::from_ms(market["min_order_age_ms"].as_u64().expect("ms")),
        rate_per_day: Usdc::parse(&text(&market["rate_per_day"])).expect("dollars"),
    };
    (book, own, terms)
}

fn own(raw: &Value) -> Own {
    let outcome = if raw["token"] == "YES" { Outcome::Yes } else { Outcome::No };
    Own {
        order: NewOrder {
            token: Token { market: MarketIx(0), outcome },
            side: Side::parse(raw["side"].as_str().expect("a side")).expect("a side"),
            price: Price::parse(raw["price"].as_str().expect("text")).expect("price"),
            qty: Qty::parse(raw["size"].as_str().expect("text")).expect("size"),
            post_only: true,
            tif: TimeInForce::Gtc,
        },
        age: raw["age_ms"].as_u64().map_or(Nanos::from_secs(86_400), Nanos::from_ms),
    }
}

#[test]
fn the_engines_road_agrees_with_the_vectors() {
    let mut compared = 0;
    for raw in list(&document(), "cases") {
        let market = &raw["market"];
        if raw["midpoint_mode"] != "level" || market["c"] != "3" || market["in_game_multiplier"] != "1" {
            continue;
        }
        let expect = &raw["expect"];
        let (book, own, terms) = typed_case(raw);
        let ours = score(&book, &own, &terms);
        let id = &raw["id"];
        let fixed = |v: Fixed12| Value::String(v.to_string());
        let midpoint = ours.midpoint.map(|m| fixed(m.fixed12()));
        assert_eq!(midpoint, expect["adjusted_midpoint"].as_str().map(Value::from), "{id}");
        assert_eq!(Value::Bool(ours.single_sided_allowed), expect["single_sided_allowed"], "{id}");
        assert_eq!(fixed(ours.q_one), expect["q_one"], "{id}");
        assert_eq!(fixed(ours.q_two), expect["q_two"], "{id}");
        assert_eq!(fixed(ours.q_min), expect["q_min"], "{id}");
        for (order, expect) in ours.orders.iter().zip(expect["orders"].as_array().expect("orders")) {
            assert_eq!(fixed(order.score), expect["score"], "{id}");
            assert_eq!(Value::Bool(order.eligible), expect["eligible"], "{id}");
            assert_eq!(Value::Bool(order.scoring), expect["scoring"], "{id}");
            assert_eq!(order.spread_cents.map(fixed), expect["spread_cents"].as_str().map(Value::from), "{id}");
        }
        // Several makers, or one level of several small orders, are more than a public book tells: the share is
        // compared where there is one other maker with one order a level.
        let one_maker = raw["others"].as_array().is_some_and(|others| others.len() <= 1);
        if one_maker && raw["id"].as_str().is_some_and(|id| !id.starts_with("rnd")) {
            assert_eq!(fixed(ours.share), expect["share"], "{id}");
            assert_eq!(fixed(ours.minute_reward), expect["minute_reward"], "{id}");
        }
        compared += 1;
    }
    assert!(compared >= 40, "only {compared} comparisons");
}

#[test]
fn a_late_frame_neither_hides_nor_doubles_an_order() {
    let (book, own, terms) = typed_case(&list(&document(), "cases")[3]);
    let late = Ladder::default();
    assert_eq!(score(&late, &own, &terms), score(&book, &own, &terms));
    assert_eq!(score(&late, &own, &terms).share, Fixed12::from_units(1_000_000_000_000));
}

#[test]
fn nothing_overflows_at_the_largest_book() {
    let most = Qty::from_micro(u64::MAX);
    let cents = |n: u16| Price::from_ten_thousandths(n).expect("a price");
    let book = Ladder {
        bids: (1..5_000).rev().map(|p| (cents(p), most)).collect(),
        asks: (5_001..10_000).map(|p| (cents(p), most)).collect(),
    };
    let order = |outcome| Own {
        order: NewOrder {
            token: Token { market: MarketIx(0), outcome },
            side: Side::Buy,
            price: cents(4_999),
            qty: most,
            post_only: true,
            tif: TimeInForce::Gtc,
        },
        age: Nanos::from_secs(10),
    };
    let terms =
        RewardTerms { max_spread: Price::ONE, min_size: Qty::ZERO, min_age: Nanos::ZERO, rate_per_day: Usdc::MAX };
    let ours: Vec<Own> = (0..1_000).flat_map(|_| [order(Outcome::Yes), order(Outcome::No)]).collect();
    let breakdown = score(&book, &ours, &terms);
    assert!(breakdown.share > Fixed12::ZERO && breakdown.share <= Fixed12::from_units(1_000_000_000_000));
    assert!(breakdown.minute_reward > Fixed12::ZERO);
}

#[test]
fn a_band_of_no_width_scores_nothing() {
    let (book, own, mut terms) = typed_case(&list(&document(), "cases")[2]);
    terms.max_spread = Price::ZERO;
    let ours = score(&book, &own, &terms);
    assert_eq!((ours.q_min, ours.share), (Fixed12::ZERO, Fixed12::ZERO));
}

#[test]
fn fixed12_prints_and_reads() {
    let third = Ratio::new(2, 3).expect("not zero").fixed12().expect("fits");
    assert_eq!(third.to_string(), "0.666666666667");
    assert_eq!(format!("{third:.2}"), "0.66");
    assert_eq!(format!("{third:.0}"), "0");
    let text = serde_json::to_string(&third).expect("plain");
    assert_eq!(serde_json::from_str::<Fixed12>(&text).expect("its own form"), third);
    assert!(serde_json::from_str::<Fixed12>("\"0.5\"").is_err());
    // half to even, both ways
    let half = |odd: u128| Ratio::new(2 * odd + 1, 2_000_000_000_000).expect("not zero").fixed12().expect("fits");
    assert_eq!(half(2), Fixed12::from_units(2));
    assert_eq!(half(3), Fixed12::from_units(4));
}

proptest! {
    #[test]
    fn mul_div_is_multiplication_and_division(a in any::<u64>(), b in any::<u64>(), d in 1u64..) {
        let product = u128::from(a) * u128::from(b);
        let d = u128::from(d);
        prop_assert_eq!(mul_div(a.into(), b.into(), d), Some((product / d, product % d)));
    }

    #[test]
    fn mul_div_undoes_itself(a in any::<u128>(), d in 1u128..=1 << 127) {
        // a · d ÷ d without a · d ever fitting
        prop_assert_eq!(mul_div(a, d, d), Some((a, 0)));
        let (whole, rest) = mul_div(a, d - 1, d).expect("at or below a");
        prop_assert!(rest < d && whole <= a);
    }

    #[test]
    fn ratios_compare_as_their_cross_products(a in 0u64.., b in 1u64.., c in 0u64.., d in 1u64..) {
        let left = Ratio::new(a.into(), b.into()).expect("not zero");
        let right = Ratio::new(c.into(), d.into()).expect("not zero");
        let cross = (u128::from(a) * u128::from(d)).cmp(&(u128::from(c) * u128::from(b)));
        prop_assert_eq!(left.cmp(&right), cross);
    }

    #[test]
    fn ratio_arithmetic_is_that_of_small_fractions(a in 0u32.., b in 1u32.., c in 1u32.., d in 1u32..) {
        let wide = |n: u32| u128::from(n);
        let (left, right) =
            (Ratio::new(wide(a), wide(b)).expect("not zero"), Ratio::new(wide(c), wide(d)).expect("not zero"));
        let (a, b, c, d) = (wide(a), wide(b), wide(c), wide(d));
        prop_assert_eq!(left.checked_add(right), Ratio::new(a * d + c * b, b * d));
        prop_assert_eq!(left.checked_mul(right), Ratio::new(a * c, b * d));
        prop_assert_eq!(left.checked_div(right), Ratio::new(a * d, b * c));
    }
}

/// Orders of one side: price in cents, size in hundredths of a share.
fn side_of(prices: std::ops::Range<u16>) -> impl Strategy<Value = Vec<(u16, u64)>> {
    prop::collection::vec((prices, 2_000u64..100_000), 0..4)
}

proptest! {
    #[test]
    fn makers_score_what_their_book_says_they_may(
        at in 4u16..96,
        makers in prop::collection::vec((side_of(0..5), side_of(0..5)), 1..6),
    ) {
        let price = |cents: u16| Price::from_ten_thousandths(100 * cents.min(99)).expect("below a dollar");
        let bid = |away: u16| price(at.saturating_sub(1 + away).max(1));
        let ask = |away: u16| price(at + 1 + away);
        let qty = |hundredths: u64| Qty::from_micro(10_000 * hundredths);
        let mut book = Ladder::default();
        for (levels, price, sizes) in [
            (&mut book.bids, &bid as &dyn Fn(u16) -> Price, makers.iter().flat_map(|(bids, _)| bids).collect::<Vec<_>>()),
            (&mut book.asks, &ask, makers.iter().flat_map(|(_, asks)| asks).collect()),
        ] {
            for away in 0..5 {
                let total: u64 = sizes.iter().filter(|(n, _)| price(*n) == price(away)).map(|(_, size)| size).sum();
                if total > 0 && levels.last().is_none_or(|(last, _)| *last != price(away)) {
                    levels.push((price(away), qty(total)));
                }
            }
        }
        let terms = RewardTerms {
            max_spread: Price::from_ten_thousandths(350).expect("a price"),
            min_size: qty(2_000),
            min_age: Nanos::ZERO,
            rate_per_day: Usdc::from_micro(50_000_000),
        };
        let scored = score(&book, &[], &terms);
        if let Some(midpoint) = scored.midpoint {
            let formula = Formula::venue(midpoint, terms.max_spread);
            let points = |orders: &[(u16, u64)], price: &dyn Fn(u16) -> Price| -> u128 {
                orders.iter().map(|(n, size)| formula.points(price(*n), qty(*size)).expect("small")).sum()
            };
            let of = |(bids, asks): &(Vec<_>, Vec<_>)| {
                formula.q_min(points(bids, &bid), points(asks, &ask)).expect("small")
            };
            let all = Fixed12::quotient(makers.iter().map(of).sum(), 1, formula.q_min_unit().expect("small"));
            let all = all.expect("small");
            let (least, most) = (scored.best.rest_q_min, scored.worst.rest_q_min);
            prop_assert!((least..=most).contains(&all), "{all} is not in {least}..={most}");
            prop_assert!((least..=most).contains(&scored.rest_q_min));
        }
    }
}

#[test]
fn what_others_may_score_has_both_its_ends() {
    let cents = |n: u16| Price::from_ten_thousandths(100 * n).expect("a price");
    let shares = |n: u64| Qty::from_micro(1_000_000 * n);
    let terms = RewardTerms {
        max_spread: cents(2),
        min_size: shares(20),
        min_age: Nanos::ZERO,
        rate_per_day: Usdc::from_micro(1_440_000_000),
    };
    // a cent away in a band of two: a quarter of each share
    let ends = |mid: u16, bids: u64, asks: u64| {
        let book = Ladder { bids: vec![(cents(mid - 1), shares(bids))], asks: vec![(cents(mid + 1), shares(asks))] };
        let own = Own {
            order: NewOrder {
                token: Token { market: MarketIx(0), outcome: Outcome::Yes },
                side: Side::Buy,
                price: cents(mid - 1),
                qty: shares(40),
                post_only: true,
                tif: TimeInForce::Gtc,
            },
            age: Nanos::ZERO,
        };
        let scored = score(&book, &[own], &terms);
        [scored.best, scored.worst]
            .map(|end| format!("{:.3} {:.4} {:.4}", end.rest_q_min, end.share, end.minute_reward))
    };
    // others: 80 + 40 quarters beside our 40, a third of which counts: 10/3 to 10/3 + best 25/3 ... worst 40/3
    assert_eq!(ends(50, 120, 40), ["7.500 0.3076 0.3076", "13.333 0.2000 0.2000"]);
    assert_eq!(ends(50, 240, 40), ["16.666 0.1666 0.1666", "23.333 0.1250 0.1250"]);
    // one side alone scores nothing here: neither we nor half of them
    assert_eq!(ends(5, 120, 40), ["0.000 0.0000 0.0000", "10.000 0.0000 0.0000"]);
}
