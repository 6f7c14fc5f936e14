//! Quotes around a fair value that leaves the midpoint: by the sizes of the best levels, and by what flows to them.

use super::*;
use crate::domain::Token;
use expect_test::expect;

/// The rule with this part of the micro-price.
fn micro(percent: u64) -> FairRule {
    FairRule::read(percent, "", 10, "").expect("allowed")
}

#[test]
fn quotes_lean_the_way_the_book_does() {
    let cases: [(&str, &str, u64, i16); 9] = [
        ("even", "0.480x500 | 0.520x500", 100, 0),
        ("more is bid", "0.480x900 | 0.520x100", 100, 0),
        ("half the way", "0.480x900 | 0.520x100", 50, 0),
        ("more is asked", "0.480x100 | 0.520x900", 100, 0),
        ("not asked for", "0.480x900 | 0.520x100", 0, 0),
        ("too small to count", "0.490x19 0.480x500 | 0.520x500", 100, 0),
        ("flow", "0.480x500 | 0.520x500", 0, 100),
        ("both", "0.480x900 | 0.520x100", 100, 100),
        ("not beyond the best", "0.499x900 | 0.501x100", 100, 500),
    ];
    let mut told = String::new();
    for (name, book, percent, flow) in cases {
        let mut scene = Scene::new();
        scene.market.tick = TickSize::parse("0.001").expect("a tick");
        let (bids, asks) = book.split_once('|').expect("bids | asks");
        scene.book = Ladder { bids: levels(bids), asks: levels(asks) };
        scene.params.fair = micro(percent);
        scene.recent.flow = flow;
        let answer = quote(&scene.view());
        let Quotes { why, .. } = answer.clone().expect("quoted");
        assert_eq!(broken_promise(&scene.view(), answer.as_ref().expect("quoted")), None, "{name}");
        told += &format!("{name}: {}\n", show(&answer));
        told += &format!("    {}\n", why.to_string().split(", score").next().expect("a beginning"));
    }
    expect![[r#"
        even: BUY YES 0.485x22, BUY NO 0.485x22
            fixed: midpoint 0.5, lean 0 ticks
        more is bid: BUY YES 0.501x22, BUY NO 0.469x22
            fixed: midpoint 0.5, fair 0.516 (sizes +0.016, flow +0), lean 0 ticks
        half the way: BUY YES 0.493x22, BUY NO 0.477x22
            fixed: midpoint 0.5, fair 0.508 (sizes +0.008, flow +0), lean 0 ticks
        more is asked: BUY YES 0.469x22, BUY NO 0.501x22
            fixed: midpoint 0.5, fair 0.484 (sizes -0.016, flow +0), lean 0 ticks
        not asked for: BUY YES 0.485x22, BUY NO 0.485x22
            fixed: midpoint 0.5, lean 0 ticks
        too small to count: BUY YES 0.485x22, BUY NO 0.485x22
            fixed: midpoint 0.5, lean 0 ticks
        flow: BUY YES 0.49x22, BUY NO 0.48x22
            fixed: midpoint 0.5, fair 0.505 (sizes +0, flow +0.005), lean 0 ticks
        both: BUY YES 0.505x22, BUY NO 0.465x22
            fixed: midpoint 0.5, fair 0.52 (sizes +0.016, flow +0.005), lean 0 ticks
        not beyond the best: BUY YES 0.486x22, BUY NO 0.484x22
            fixed: midpoint 0.5, fair 0.501 (sizes +0.0008, flow +0.025), lean 0 ticks
    "#]]
    .assert_eq(&told);
}

#[test]
fn an_order_between_the_midpoint_and_the_fair_value_is_wanted_on_one_side_only() {
    // the midpoint is 0.5, the fair value 0.516: we bid above the one, and ask above the other
    let lean = |s: &mut Scene| {
        s.params.fair = micro(100);
        s.params.distance = price("0.005");
    };
    check("0.48x900 | 0.52x100", lean, "BUY YES 0.51x22, BUY NO 0.47x22");
}

#[test]
fn keys_are_checked() {
    let read = |percent, flow, half_life, most| FairRule::read(percent, flow, half_life, most).map_err(|why| why.key());
    assert_eq!(read(101, "", 10, "1"), Err("micro_price_percent"));
    assert_eq!(read(0, "0", 10, "1"), Err("flow_cents_per_1000_shares"));
    assert_eq!(read(0, "0.001", 10, "1"), Err("flow_cents_per_1000_shares"));
    assert_eq!(read(0, "1", 0, "1"), Err("flow_half_life_s"));
    assert_eq!(read(0, "1", 10, ""), Err("flow_max_cents"));
    assert_eq!(read(0, "", 0, ""), Ok(FairRule::default()), "what is off is not looked at");
    let flow = FairRule::read(0, "0.5", 10, "1").expect("allowed").flow.expect("given");
    let at = |shares: i128, tick: TickSize| flow.halves(1_000_000 * shares, tick);
    // half a cent is a hundred halves; half a tick of a cent is as much
    assert_eq!(
        [999, 1_000, 1_999, -1_000, 9_000, -9_000].map(|n| at(n, TickSize::CENT)),
        [0, 100, 100, -100, 200, -200]
    );
    let fine = TickSize::parse("0.001").expect("a tick");
    assert_eq!([99, 100, 1_150, -1_150].map(|n| at(n, fine)), [0, 10, 110, -110]);
}

/// The same seen from the other outcome.
fn mirrored(scene: &Scene) -> Scene {
    let mirror = |levels: &[(Price, Qty)]| levels.iter().map(|(price, qty)| (price.complement(), *qty)).collect();
    let other = |order: &NewOrder| {
        let Token { market, outcome } = order.token;
        NewOrder { token: Token { market, outcome: outcome.other() }, ..*order }
    };
    Scene {
        book: Ladder { bids: mirror(&scene.book.asks), asks: mirror(&scene.book.bids) },
        held: Holdings { yes: scene.held.no, no: scene.held.yes, ..scene.held },
        own: scene.own.iter().map(other).collect(),
        recent: Recent { flow: -scene.recent.flow, ..scene.recent },
        market: scene.market.clone(),
        params: scene.params.clone(),
        linked: Vec::new(),
        ..*scene
    }
}

prop_compose! {
    /// A scene in which no side comes before the other.
    fn leaning()(scene in scene()) -> Scene {
        let mut scene = Scene { linked: Vec::new(), room: Room::ALL, ..scene };
        scene.params.strategy = super::super::Strategy::Fixed;
        scene
    }
}

/// Where the bid and the ask of an answer with both stand, in YES terms.
fn both(answer: &Result<Quotes, NoQuote>) -> Option<[Price; 2]> {
    let Ok(Quotes { orders, .. }) = answer else { return None };
    let at = |side| orders.iter().map(NewOrder::in_yes_terms).find(|(s, _)| *s == side).map(|(_, price)| price);
    Some([at(Side::Buy)?, at(Side::Sell)?])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn a_mirrored_book_is_quoted_in_mirror_image(scene in leaning()) {
        let (one, other) = (quote(&scene.view()), quote(&mirrored(&scene).view()));
        let flipped = one.map(|quotes| {
            let mut orders = quotes.orders;
            orders.iter_mut().for_each(|order| order.token.outcome = order.token.outcome.other());
            orders.sort_unstable();
            let Fair { value, sizes, flow } = quotes.why.fair;
            (orders, Fair { value: Midpoint::of_halves(20_000 - value.halves()), sizes: -sizes, flow: -flow })
        });
        let other = other.map(|quotes| (quotes.orders, quotes.why.fair));
        match (flipped, other) {
            (Err(one), Err(other)) => prop_assert_eq!(one.name(), other.name()),
            (one, other) => prop_assert_eq!(one, other),
        }
    }

    #[test]
    fn more_at_the_best_bid_or_more_flow_to_it_lowers_no_quote(
        scene in leaning(),
        (more, flow) in (1u64..50, 0i16..200),
    ) {
        let min_size = funded(&scene.market).map_or(Qty::ZERO, |terms| terms.min_size);
        // a lean is whole ticks of its own: where it grows by one it may move a quote against the fair value's way
        let held = Holdings { no: scene.held.yes, ..scene.held };
        let mut after = Scene { own: Vec::new(), held, ..scene };
        let before = quote(&after.view());
        if let Some((_, qty)) = after.book.bids.iter_mut().find(|(_, qty)| *qty >= min_size && !qty.is_zero()) {
            *qty = Qty::from_micro(qty.micro() * more);
        }
        after.recent.flow += flow;
        let after = quote(&after.view());
        if let (Some(before), Some(after)) = (both(&before), both(&after)) {
            prop_assert!(before[0] <= after[0] && before[1] <= after[1], "{before:?} then {after:?}");
        }
    }
}
