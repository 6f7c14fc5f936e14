//! What the strategies that choose for themselves rest in one book, case by case.

use super::tests::{BOOK, Scene, costs, hold, levels, rewarded, shares, show};
use super::*;
use crate::rewards::Ladder;
use expect_test::expect;

type Case<'a> = (&'a str, &'a dyn Fn(&mut Scene));

/// One line for each case: its name and what rests, or why nothing does.
fn told(cases: &[Case<'_>]) -> String {
    let mut out = String::new();
    for (name, change) in cases {
        let mut scene = Scene::new();
        let (bids, asks) = BOOK.split_once('|').expect("bids | asks");
        scene.book = Ladder { bids: levels(bids), asks: levels(asks) };
        change(&mut scene);
        let answer = quote(&scene.view());
        if let Ok(quotes) = &answer {
            assert_eq!(broken_promise(&scene.view(), quotes), None, "{name}");
        }
        out += &format!("{name}: {}\n", show(&answer));
        if let Ok(Quotes { why, .. }) = answer {
            out += &format!("    {why}\n");
        }
    }
    out
}

fn pool(scene: &mut Scene, usdc: u64) {
    rewarded(scene, "1000");
    scene.terms().rate_per_day = Usdc::from_whole(usdc).expect("small");
}

fn capped(scene: &mut Scene, order: Option<u64>, left: Option<u64>) {
    pool(scene, 50);
    let usdc = |n: Option<u64>| n.map_or(Usdc::MAX, |n| Usdc::from_whole(n).expect("small"));
    scene.room = Room { order: usdc(order), left: usdc(left), ..Room::ALL };
}

fn textbook(scene: &mut Scene, yes: &str) {
    scene.params.strategy = Strategy::AvellanedaStoikov;
    scene.params.cost = costs("30", "0.7", "0", "1", "1");
    scene.params.inventory = InventoryModel::read("0.1", "0.2").expect("decimals");
    hold(scene, yes, "0");
}

#[test]
fn reward_places_by_what_it_pays() {
    let told = told(&[
        ("a pool of 50", &|s| pool(s, 50)),
        ("a pool of 500", &|s| pool(s, 500)),
        ("a pool of 5", &|s| pool(s, 5)),
        ("a pool of 1", &|s| pool(s, 1)),
        ("small jumps, many", &|s| {
            pool(s, 500);
            s.params.cost = costs("0", "0", "0", "40", "0.8");
        }),
        ("a spread that pays by itself", &|s| {
            pool(s, 50);
            s.params.max_size = shares("150");
            s.params.cost = costs("60", "0.7", "0", "1", "1");
        }),
        ("fills that taught a dollar a share and day", &|s| {
            pool(s, 500);
            s.recent.extra_cost = 1_000_000_000;
        }),
    ]);
    expect![[r#"
        a pool of 50: BUY YES 0.49x77.96, BUY NO 0.49x77.96
            reward: midpoint 0.5, lean 0 ticks, score 39.77551 beside at most 93.877551 around 0.5; a day: reward 14.880134, cost 10.45163, net 4.428504
        a pool of 500: BUY YES 0.49x644.39, BUY NO 0.49x644.39
            reward: midpoint 0.5, lean 0 ticks, score 328.770408 beside at most 93.877551 around 0.5; a day: reward 388.941199, cost 86.389507, net 302.551692
        a pool of 5: unprofitable: the best placement is worth -0.654669 USD a day, of a pool of 5
        a pool of 1: unprofitable: the best placement is worth -0.661036 USD a day, of a pool of 1
        small jumps, many: BUY YES 0.49x1000, BUY NO 0.48x1000
            reward: midpoint 0.5, lean 0 ticks, score 326.530612 beside at most 84.353741 around 0.505; a day: reward 397.350993, cost 58.974367, net 338.376626
        a spread that pays by itself: BUY YES 0.49x150, BUY NO 0.49x150
            reward: midpoint 0.5, lean 0 ticks, score 76.530612 beside at most 93.877551 around 0.5; a day: reward 22.45509, cost -88.833536, net 111.288626
        fills that taught a dollar a share and day: BUY YES 0.49x23.63, BUY NO 0.49x23.63
            reward: midpoint 0.5, lean 0 ticks, score 12.056122 beside at most 93.877551 around 0.5; a day: reward 56.904108, cost 50.427933, net 6.476175
    "#]].assert_eq(&told);
}

#[test]
fn reward_keeps_inside_caps_and_leans_with_inventory() {
    let told = told(&[
        ("30 an order", &|s| capped(s, Some(30), None)),
        ("40 left", &|s| capped(s, None, Some(40))),
        ("15 left", &|s| capped(s, None, Some(15))),
        ("5 left", &|s| capped(s, None, Some(5))),
        ("15 left, YES held", &|s| {
            capped(s, None, Some(15));
            hold(s, "60", "0");
        }),
        ("100 YES held", &|s| {
            pool(s, 50);
            hold(s, "100", "0");
        }),
        ("100 NO held", &|s| {
            pool(s, 50);
            hold(s, "0", "100");
        }),
    ]);
    expect![[r#"
        30 an order: BUY YES 0.49x60, BUY NO 0.49x60
            reward: midpoint 0.5, lean 0 ticks, score 30.612245 beside at most 93.877551 around 0.5; a day: reward 12.295082, cost 8.043841, net 4.251241
        40 left: BUY YES 0.49x40.81, BUY NO 0.49x40.81
            reward: midpoint 0.5, lean 0 ticks, score 20.821429 beside at most 93.877551 around 0.5; a day: reward 9.076554, cost 5.471152, net 3.605402
        15 left: unprofitable: the best placement is worth -0.152047 USD a day, of a pool of 50
        5 left: cap-reached: 5 USD are left for this market, 38.2004 are needed
        15 left, YES held: BUY NO 0.49x30.61
            reward: midpoint 0.5, lean -1 ticks, score 3.331701 beside at most 84.353741 around 0.495; a day: reward 1.899803, cost 2.05185, net -0.152047
        100 YES held: BUY YES 0.48x77.96, BUY NO 0.49x77.96
            reward: midpoint 0.5, lean -1 ticks, score 25.456327 beside at most 84.353741 around 0.495; a day: reward 11.591071, cost 8.728784, net 2.862287
        100 NO held: BUY YES 0.49x77.96, BUY NO 0.48x77.96
            reward: midpoint 0.5, lean 1 ticks, score 25.456327 beside at most 84.353741 around 0.505; a day: reward 11.591071, cost 8.728784, net 2.862287
    "#]].assert_eq(&told);
}

#[test]
fn without_a_thought_of_rewards_inventory_decides() {
    let told = told(&[
        ("nothing held", &|s| textbook(s, "0")),
        ("60 YES held", &|s| textbook(s, "60")),
        ("150 YES held", &|s| textbook(s, "150")),
        ("60 YES of the one other outcome held", &|s| {
            textbook(s, "0");
            let midpoint = Midpoint::of_halves(10_000);
            s.linked = vec![Linked { midpoint, yes: shares("60"), no: Qty::ZERO }];
        }),
        ("60 YES of both held", &|s| {
            textbook(s, "60");
            let midpoint = Midpoint::of_halves(10_000);
            s.linked = vec![Linked { midpoint, yes: shares("60"), no: Qty::ZERO }];
        }),
        ("restless", &|s| {
            textbook(s, "60");
            s.params.inventory = InventoryModel::read("0.1", "1").expect("decimals");
        }),
    ]);
    expect![[r#"
        nothing held: BUY YES 0.48x20, BUY NO 0.48x20
            avellaneda-stoikov: midpoint 0.5, lean 0 ticks, score 3.673469 beside at most 93.877551 around 0.5; a day: reward 1.882845, cost -5.89126, net 7.774105
        60 YES held: BUY YES 0.47x20, BUY NO 0.49x20
            avellaneda-stoikov: midpoint 0.5, lean 0 ticks, score 2.176871 beside at most 84.353741 around 0.495; a day: reward 1.257862, cost -5.141961, net 6.399823
        150 YES held: BUY YES 0.45x20, BUY NO 0.49x20
            avellaneda-stoikov: midpoint 0.5, lean 0 ticks, score 2.176871 beside at most 84.353741 around 0.495; a day: reward 1.257862, cost -3.847972, net 5.105834
        60 YES of the one other outcome held: BUY YES 0.49x20, BUY NO 0.47x20
            avellaneda-stoikov: midpoint 0.5, lean 0 ticks, score 2.176871 beside at most 84.353741 around 0.505; a day: reward 1.257862, cost -5.141961, net 6.399823
        60 YES of both held: BUY YES 0.48x20, BUY NO 0.48x20
            avellaneda-stoikov: midpoint 0.5, lean 0 ticks, score 3.673469 beside at most 93.877551 around 0.5; a day: reward 1.882845, cost -5.89126, net 7.774105
        restless: BUY YES 0.41x20, BUY NO 0.49x20
            avellaneda-stoikov: midpoint 0.5, lean 0 ticks, score 2.176871 beside at most 84.353741 around 0.495; a day: reward 1.257862, cost -3.041872, net 4.299734
    "#]].assert_eq(&told);
}
