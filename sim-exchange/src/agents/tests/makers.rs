//! Where makers rest, as text.

use super::super::*;
use super::scene::{MARKET, START, Scene, check, draws, price, print, qty};
use expect_test::expect;
use mm_core::domain::Nanos;

fn maker_params() -> MakerParams {
    MakerParams {
        market: MARKET,
        capital: Usdc::from_micro(1_000_000_000),
        look_every: Nanos::from_secs(5),
        size: qty("100"),
        distance: Distance::OfBand(0.4),
        signal_share: 1.0,
        skew: price("0.005"),
        max_position: qty("300"),
        tolerance: price("0.01"),
        refill_below: 0.5,
    }
}

/// What a maker asks for at its first look.
#[track_caller]
fn quotes(change: impl FnOnce(&mut MakerParams), scene: &str, expect: &expect_test::Expect) {
    let mut params = maker_params();
    change(&mut params);
    let mut agent = Maker::new("maker/0", params, &draws()).expect("possible");
    let (scene, mut out) = (Scene::parse(scene), Vec::new());
    agent.wake(START, &scene.seen(), &mut out);
    expect.assert_eq(&print(&out));
}

const REWARDED: &str = "rewards 3.5c 50; signal 0.5; book 0.45x500 / 0.55x500";

#[test]
fn a_maker_quotes_both_sides_inside_the_band() {
    quotes(
        |_| {},
        REWARDED,
        &expect![[r#"
        buy yes 0.48x100 post-only
        buy no 0.48x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        &format!("{REWARDED}; tick 0.001; signal 0.5004"),
        &expect![[r#"
        buy yes 0.486x100 post-only
        buy no 0.485x100 post-only
    "#]],
    );
    quotes(
        |m| m.distance = Distance::Fixed(price("0.03")),
        REWARDED,
        &expect![[r#"
        buy yes 0.47x100 post-only
        buy no 0.47x100 post-only
    "#]],
    );
    quotes(
        |m| m.size = qty("20"),
        REWARDED,
        &expect![[r#"
        buy yes 0.48x55 post-only
        buy no 0.48x55 post-only
    "#]],
    );
    quotes(
        |_| {},
        "signal 0.5",
        &expect![[r#"
        nothing
    "#]],
    );
    quotes(
        |_| {},
        "rewards 3.5c 50",
        &expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn a_maker_follows_its_signal_the_others_or_a_part_of_both() {
    let book = "rewards 3.5c 50; book 0.48x500 / 0.54x500";
    quotes(
        |m| m.signal_share = 0.0,
        &format!("{book}; signal 0.6"),
        &expect![[r#"
        buy yes 0.49x100 post-only
        buy no 0.47x100 post-only
    "#]],
    );
    quotes(
        |m| m.signal_share = 0.5,
        &format!("{book}; signal 0.53"),
        &expect![[r#"
        buy yes 0.5x100 post-only
        buy no 0.46x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        book,
        &expect![[r#"
        buy yes 0.49x100 post-only
        buy no 0.47x100 post-only
    "#]],
    );
    // its own quotes are nobody's opinion
    quotes(
        |m| m.signal_share = 0.0,
        "rewards 3.5c 50; book 0.50x100 0.48x500 / 0.54x500; order 1 buy yes 0.50x100",
        &expect![[r#"
            cancel 1
            buy yes 0.49x100 post-only
            buy no 0.47x100 post-only
        "#]],
    );
}

#[test]
fn a_maker_leans_against_its_position_and_stops_at_its_limit() {
    quotes(
        |_| {},
        &format!("{REWARDED}; net 200; tick 0.001"),
        &expect![[r#"
        buy yes 0.476x100 post-only
        buy no 0.496x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        &format!("{REWARDED}; net -200; tick 0.001"),
        &expect![[r#"
        buy yes 0.496x100 post-only
        buy no 0.476x100 post-only
    "#]],
    );
    // a lean ends where an order would stop scoring
    quotes(
        |m| m.skew = price("0.05"),
        &format!("{REWARDED}; net 200; tick 0.001"),
        &expect![[r#"
        buy yes 0.466x100 post-only
        buy no 0.507x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        &format!("{REWARDED}; net 300; free yes 300 no 0"),
        &expect![[r#"
        sell yes 0.5x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        "rewards 3.5c 50; signal 0.05; book 0.02x500 / 0.09x500; net 300",
        &expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn a_maker_leaves_an_order_alone_while_it_may() {
    let at = |orders: &str| format!("{REWARDED}; {orders}");
    quotes(
        |_| {},
        &at("order 1 buy yes 0.48x100; order 2 buy no 0.48x100"),
        &expect![[r#"
        nothing
    "#]],
    );
    quotes(
        |_| {},
        &at("order 1 buy yes 0.48x60/100; order 2 buy no 0.48x40/100"),
        &expect![[r#"
        cancel 2
        buy no 0.48x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        &at("order 1 buy yes 0.47x100; order 2 sell yes 0.52x100"),
        &expect![[r#"
        cancel 1
        buy yes 0.48x100 post-only
    "#]],
    );
    quotes(
        |m| m.tolerance = price("0.02"),
        &at("order 1 buy yes 0.47x100; order 2 sell yes 0.52x100"),
        &expect![[r#"
            nothing
        "#]],
    );
    // two orders on one side: one too many
    quotes(
        |_| {},
        &at("order 1 buy yes 0.48x100; order 2 sell no 0.52x100; order 3 buy no 0.48x100"),
        &expect![[r#"
            cancel 2
        "#]],
    );
    // the money is still in the old order
    quotes(
        |_| {},
        &at("order 1 buy yes 0.44x100; order 2 buy no 0.48x100; cash 10"),
        &expect![[r#"
        cancel 1
    "#]],
    );
    // blind: nothing may rest
    quotes(
        |_| {},
        "rewards 3.5c 50; order 1 buy yes 0.48x100",
        &expect![[r#"
        cancel 1
    "#]],
    );
}

#[test]
fn a_maker_stays_post_only_and_turns_pairs_back() {
    quotes(
        |_| {},
        "rewards 3.5c 50; signal 0.5; book 0.45x500 0.52x10 / 0.55x500",
        &expect![[r#"
        buy yes 0.48x100 post-only
        buy no 0.47x100 post-only
    "#]],
    );
    quotes(
        |_| {},
        &format!("{REWARDED}; order 1 buy yes 0.48x100; order 2 buy no 0.48x100; free yes 120 no 130"),
        &expect![[r#"
            merge 120
        "#]],
    );
}

fn dealer_params(rule: DealerRule, belief: Belief) -> DealerParams {
    DealerParams {
        market: MARKET,
        capital: Usdc::from_micro(1_000_000_000),
        look_every: Nanos::from_secs(1),
        size: qty("100"),
        refill_below: 1.0,
        rule,
        belief,
    }
}

fn dealer(rule: DealerRule, belief: Belief) -> Dealer {
    Dealer::new("dealer/0", dealer_params(rule, belief)).expect("possible")
}

#[test]
fn a_dealer_quotes_what_theory_says() {
    let gm = DealerRule::GlostenMilgrom { informed: 0.15, buys: 0.5 };
    check(
        dealer(gm, Belief::Stays(0.5)),
        1,
        "tick 0.001",
        &expect![[r#"
        buy yes 0.425x100 post-only
        buy no 0.425x100 post-only
    "#]],
    );
    check(
        dealer(gm, Belief::Stays(0.3)),
        1,
        "tick 0.0001",
        &expect![[r#"
        buy yes 0.2405x100 post-only
        buy no 0.6329x100 post-only
    "#]],
    );
    let fixed = DealerRule::Fixed { half_spread: price("0.034") };
    check(
        dealer(fixed, Belief::Signal),
        1,
        "tick 0.001; signal 0.5554",
        &expect![[r#"
        buy yes 0.521x100 post-only
        buy no 0.411x100 post-only
    "#]],
    );
}

#[test]
fn a_dealer_learns_from_each_trade() {
    let mut agent = dealer(DealerRule::GlostenMilgrom { informed: 0.15, buys: 0.5 }, Belief::Learns(0.5));
    let scene = Scene::parse("tick 0.0001");
    let mut told = String::new();
    let fill = |outcome, side| News::Filled {
        order: OrderIx(1),
        market: MARKET,
        outcome,
        side,
        price: price("0.5"),
        qty: qty("1"),
        fee: Usdc::ZERO,
    };
    // somebody bought YES from it, again (from the other token), then sold
    for (outcome, side) in [(Outcome::Yes, Side::Sell), (Outcome::No, Side::Buy), (Outcome::Yes, Side::Buy)] {
        let mut out = Vec::new();
        agent.hear(START, &fill(outcome, side), &scene.seen(), &mut out);
        told += &print(&out);
    }
    expect![[r#"
        buy yes 0.5x100 post-only
        buy no 0.3533x100 post-only
        buy yes 0.575x100 post-only
        buy no 0.2876x100 post-only
        buy yes 0.5x100 post-only
        buy no 0.3533x100 post-only
    "#]]
    .assert_eq(&told);
}

#[test]
fn parameters_out_of_range_are_named() {
    let maker = |change: &dyn Fn(&mut MakerParams)| {
        let mut params = maker_params();
        change(&mut params);
        params.check().expect_err("impossible").to_string()
    };
    let dealer = |change: &dyn Fn(&mut DealerParams)| {
        let mut params = dealer_params(DealerRule::Fixed { half_spread: price("0.01") }, Belief::Signal);
        change(&mut params);
        params.check().expect_err("impossible").to_string()
    };
    let told = [
        maker(&|p| p.distance = Distance::OfBand(1.0)),
        maker(&|p| p.look_every = Nanos::ZERO),
        maker(&|p| p.signal_share = 1.1),
        maker(&|p| p.refill_below = f64::NAN),
        dealer(&|p| p.belief = Belief::Stays(1.0)),
        dealer(&|p| p.rule = DealerRule::GlostenMilgrom { informed: 1.0, buys: 0.5 }),
        dealer(&|p| p.rule = DealerRule::Fixed { half_spread: Price::ONE }),
        dealer(&|p| p.size = Qty::ZERO),
    ];
    expect![[r#"
        distance must be 0 to 0.999 of the band, is 1
        look_every must be a millisecond to a day, is 0 ns
        signal_share must be 0 to 1, is 1.1
        refill_below must be 0 to 1, is NaN
        belief must be 0.0001 to 0.9999, is 1
        informed must be 0 to 0.999, is 1
        half_spread must be below a dollar, is 1
        size must be above 0 and in whole hundredths of a share, is 0"#]]
    .assert_eq(&told.join("\n"));
}
