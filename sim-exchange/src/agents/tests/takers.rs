//! What takers choose, as text.

use super::super::*;
use super::scene::{MARKET, START, Scene, check, draws, price, print, qty};
use crate::latent::{Jump, logit};
use expect_test::expect;

fn noise(size: NoiseSize, reach: Reach) -> Noise {
    let capital = Usdc::from_micro(1_000_000_000);
    let params = NoiseParams { market: MARKET, capital, arrivals_per_h: 120.0, buys: 0.5, size, reach };
    Noise::new("noise/0", params, &draws()).expect("possible")
}

const BOOK: &str = "book 0.48x500 0.47x300 / 0.52x500 0.53x300";

#[test]
fn noise_takes_a_random_side_and_size_through_a_few_levels() {
    let agent = noise(NoiseSize::LogNormal { median: qty("20"), p99: qty("500") }, Reach::Through(price("0.01")));
    check(
        agent,
        6,
        BOOK,
        &expect![[r#"
        buy yes 0.53x26.11 fak
        buy no 0.53x330.23 fak
        buy yes 0.53x5 fak
        buy no 0.53x107.41 fak
        buy no 0.53x17.84 fak
        buy yes 0.53x13.32 fak
    "#]],
    );
}

#[test]
fn noise_sells_what_it_has_before_it_buys_the_other_token() {
    let agent = || noise(NoiseSize::Fixed(qty("40")), Reach::Through(price("0")));
    check(
        agent(),
        2,
        &format!("{BOOK}; free yes 100 no 100"),
        &expect![[r#"
        sell no 0.48x40 fak
        sell yes 0.48x40 fak
    "#]],
    );
    check(
        agent(),
        2,
        &format!("{BOOK}; free yes 10 no 10"),
        &expect![[r#"
        sell no 0.48x10 fak
        buy yes 0.52x30 fak
        sell yes 0.48x10 fak
        buy no 0.52x30 fak
    "#]],
    );
    check(
        agent(),
        2,
        &format!("{BOOK}; free yes 3 no 3"),
        &expect![[r#"
        buy yes 0.52x40 fak
        buy no 0.52x40 fak
    "#]],
    );
}

#[test]
fn thinned_noise_takes_only_what_is_near() {
    let thinned = |around| Reach::Thinned { decay_per_cent: 0.5, around };
    let geometric = NoiseSize::Geometric { mean: qty("12") };
    check(
        noise(geometric, thinned(Around::Midpoint)),
        6,
        BOOK,
        &expect![[r#"
        nothing
        nothing
        nothing
        buy no 0.52x26 fak
        nothing
        nothing
    "#]],
    );
    check(
        noise(geometric, thinned(Around::Signal)),
        6,
        &format!("{BOOK}; signal 0.57"),
        &expect![[r#"
        buy yes 0.57x10 fak
        nothing
        buy yes 0.57x5 fak
        nothing
        nothing
        buy yes 0.58x6 fak
    "#]],
    );
}

#[test]
fn a_quote_meets_the_arrivals_its_distance_leaves() {
    let reach = Reach::Thinned { decay_per_cent: 0.4, around: Around::Midpoint };
    let mut agent = noise(NoiseSize::Fixed(qty("10")), reach);
    let scene = Scene::parse("book 0.49x500 0.47x500 / 0.51x500 0.53x500");
    let (mut at, mut out, mut near, mut far) = (START, Vec::new(), 0.0, 0.0);
    let arrivals = 20_000;
    at = agent.wake(at, &scene.seen(), &mut out).expect("noise never ends");
    for _ in 0..arrivals {
        out.clear();
        at = agent.wake(at, &scene.seen(), &mut out).expect("noise never ends");
        if let [Request::Place { price: limit, .. }] = out.as_slice() {
            near += 1.0 / f64::from(arrivals);
            // of whichever token is bought, the second level stands at 0.53
            far += if *limit >= price("0.53") { 1.0 / f64::from(arrivals) } else { 0.0 };
        }
    }
    // four standard errors
    assert!((near - libm::exp(-0.4)).abs() < 0.014 && (far - libm::exp(-1.2)).abs() < 0.014, "{near} {far}");
}

#[test]
fn a_taker_turns_pairs_back_when_it_has_nothing_better_to_do() {
    let idle = || noise(NoiseSize::Fixed(qty("40")), Reach::Through(price("0.01")));
    check(
        idle(),
        1,
        "free yes 30 no 25",
        &expect![[r#"
        merge 25
    "#]],
    );
    check(
        idle(),
        1,
        "free yes 30 no 19.99",
        &expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn noise_does_nothing_where_it_cannot_trade() {
    let agent = || noise(NoiseSize::Fixed(qty("40")), Reach::Through(price("0.01")));
    check(
        agent(),
        2,
        "",
        &expect![[r#"
        nothing
        nothing
    "#]],
    );
    check(
        agent(),
        2,
        &format!("{BOOK}; cash 0.9"),
        &expect![[r#"
        nothing
        nothing
    "#]],
    );
    check(
        agent(),
        2,
        &format!("{BOOK}; cash 4"),
        &expect![[r#"
        buy yes 0.53x7.54 fak
        buy no 0.53x7.54 fak
    "#]],
    );
    check(
        agent(),
        2,
        "book / 0.01x5000; tick 0.01",
        &expect![[r#"
        buy yes 0.02x50 fak
        nothing
    "#]],
    );
}

fn informed(style: InformedStyle) -> Informed {
    let params = InformedParams { market: MARKET, capital: Usdc::from_micro(1_000_000_000), looks_per_h: 60.0, style };
    Informed::new("informed/0", params, &draws()).expect("possible")
}

fn estimate() -> Informed {
    informed(InformedStyle::Estimate(EdgeRule {
        threshold: price("0.005"),
        unit: price("0.01"),
        per_unit: qty("60"),
        min: qty("10"),
        max: qty("400"),
    }))
}

#[test]
fn the_informed_buy_what_is_cheap_and_sell_what_is_dear() {
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.50"),
        &expect![[r#"
        nothing
    "#]],
    );
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.53"),
        &expect![[r#"
        buy yes 0.52x30 fak
    "#]],
    );
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.56"),
        &expect![[r#"
        buy yes 0.53x210 fak
    "#]],
    );
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.70"),
        &expect![[r#"
        buy yes 0.53x400 fak
    "#]],
    );
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.40; free yes 30 no 0"),
        &expect![[r#"
        sell yes 0.47x30 fak
        buy no 0.53x370 fak
    "#]],
    );
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.70; cash 30"),
        &expect![[r#"
        buy yes 0.53x56.6 fak
    "#]],
    );
}

#[test]
fn a_fee_keeps_the_informed_away() {
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.545; fee 0.05"),
        &expect![[r#"
        buy yes 0.52x45 fak
    "#]],
    );
    check(
        estimate(),
        1,
        &format!("{BOOK}; signal 0.535; fee 0.05"),
        &expect![[r#"
        nothing
    "#]],
    );
    check(
        estimate(),
        1,
        BOOK,
        &expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn an_insider_takes_the_right_side_at_any_price() {
    let insider = || informed(InformedStyle::Outcome { size: qty("10") });
    check(
        insider(),
        1,
        &format!("{BOOK}; outcome yes"),
        &expect![[r#"
        buy yes 0.53x10 fak
    "#]],
    );
    check(
        insider(),
        1,
        &format!("{BOOK}; outcome no"),
        &expect![[r#"
        buy no 0.53x10 fak
    "#]],
    );
    check(
        insider(),
        1,
        &format!("{BOOK}; signal 0.9"),
        &expect![[r#"
        nothing
    "#]],
    );
}

fn snipe(scene: &str, before: f64, after: f64) -> String {
    let params =
        SniperParams { market: MARKET, capital: Usdc::from_micro(1), threshold: price("0.002"), max: qty("700") };
    let mut agent = Sniper::new("sniper/0", params).expect("possible");
    let (scene, mut out) = (Scene::parse(scene), Vec::new());
    assert_eq!(agent.wake(START, &scene.seen(), &mut out), None);
    let jump = Jump { market: MARKET, at: START, before: logit(before), after: logit(after) };
    agent.hear(START, &News::Jump(jump), &scene.seen(), &mut out);
    print(&out)
}

#[test]
fn a_sniper_takes_every_stale_quote_of_a_jump() {
    expect![[r#"
        buy yes 0.53x700 fak
    "#]]
    .assert_eq(&snipe(BOOK, 0.50, 0.60));
    expect![[r#"
        buy yes 0.52x500 fak
    "#]]
    .assert_eq(&snipe(BOOK, 0.50, 0.525));
    expect![[r#"
        buy no 0.52x500 fak
    "#]]
    .assert_eq(&snipe(BOOK, 0.50, 0.475));
    expect![[r#"
        nothing
    "#]]
    .assert_eq(&snipe(BOOK, 0.50, 0.521));
    // an old mispricing on the other side is not what it is after
    expect![[r#"
        nothing
    "#]]
    .assert_eq(&snipe(BOOK, 0.70, 0.60));
}

#[test]
fn parameters_out_of_range_are_named() {
    let noise = |change: &dyn Fn(&mut NoiseParams)| {
        let (size, reach) = (NoiseSize::Fixed(qty("5")), Reach::Through(price("0.01")));
        let capital = Usdc::from_micro(1);
        let mut params = NoiseParams { market: MARKET, capital, arrivals_per_h: 1.0, buys: 0.5, size, reach };
        change(&mut params);
        params.check().expect_err("impossible").to_string()
    };
    let rule = |change: &dyn Fn(&mut EdgeRule)| {
        let one = price("0.01");
        let mut rule = EdgeRule { threshold: one, unit: one, per_unit: qty("5"), min: qty("5"), max: qty("9") };
        change(&mut rule);
        rule.check().expect_err("impossible").to_string()
    };
    let told = [
        noise(&|p| p.capital = Usdc::ZERO),
        noise(&|p| p.arrivals_per_h = 0.0),
        noise(&|p| p.buys = f64::NAN),
        noise(&|p| p.size = NoiseSize::Fixed(Qty::from_micro(5))),
        noise(&|p| p.size = NoiseSize::LogNormal { median: qty("5"), p99: qty("4") }),
        noise(&|p| p.size = NoiseSize::Geometric { mean: qty("0.5") }),
        noise(&|p| p.reach = Reach::Thinned { decay_per_cent: 0.0, around: Around::Midpoint }),
        noise(&|p| p.reach = Reach::Through(Price::ONE)),
        rule(&|r| r.unit = Price::ZERO),
        rule(&|r| r.per_unit = Qty::ZERO),
        rule(&|r| r.max = qty("4")),
    ];
    expect![[r#"
        capital must be above 0, is 0
        arrivals_per_h must be above 0, at most 10,000,000, is 0
        buys must be 0 to 1, is NaN
        size must be above 0 and in whole hundredths of a share, is 0.000005
        size.p99 must be the median or more, is 4
        size.mean must be one share or more, is 0.5
        decay_per_cent must be a millionth to a million, is 0
        reach must be below a dollar, is 1
        unit must be above 0, below a dollar, is 0
        per_unit must be above 0 and in whole hundredths of a share, is 0
        max must be min or more, is 4"#]]
    .assert_eq(&told.join("\n"));
}
