use super::*;
use proptest::prelude::*;

const YES: Token = Token { market: MarketIx(0), outcome: Outcome::Yes };

fn shares(n: u64) -> Qty {
    Qty::from_whole(n).expect("small")
}

fn half() -> Price {
    Price::parse("0.5").expect("a price")
}

fn report(trade: &TradeId, id: u64, side: Side, n: u64, stage: Stage) -> FillReport<'_> {
    FillReport { id: ClientOrderId(id), trade, token: YES, side, price: half(), qty: shares(n), stage }
}

fn trade(n: u64) -> TradeId {
    TradeId::parse(&format!("trade-{n}")).expect("visible")
}

/// `(trade, order, side, shares, stage)` in order; then matched, confirmed and dollars.
fn check(reports: &[(u64, u64, Side, u64, Stage)], expected: (u64, u64, u64)) {
    let mut inventory = Inventory::default();
    inventory.set_balance(
        Usdc::from_whole(1000).expect("small"),
        &[(YES, Held { matched: shares(50), confirmed: shares(50) })],
    );
    for (t, id, side, n, stage) in reports {
        inventory.apply(&report(&trade(*t), *id, *side, *n, *stage)).expect("no contradiction");
    }
    let held = inventory.held(YES);
    let dollars = inventory.usdc_free();
    assert_eq!((held.matched, held.confirmed), (shares(expected.0), shares(expected.1)), "{reports:?}");
    assert_eq!(dollars, Usdc::from_whole(expected.2).expect("small"), "{reports:?}");
}

#[test]
fn stages_move_holdings() {
    use Side::{Buy, Sell};
    use Stage::{Confirmed, Failed, Matched, Mined, Retrying};
    check(&[], (50, 50, 1000));
    check(&[(1, 1, Buy, 20, Matched)], (70, 50, 990));
    check(&[(1, 1, Buy, 20, Matched), (1, 1, Buy, 20, Matched)], (70, 50, 990));
    check(&[(1, 1, Buy, 20, Matched), (1, 1, Buy, 20, Mined), (1, 1, Buy, 20, Confirmed)], (70, 70, 990));
    check(&[(1, 1, Buy, 20, Confirmed), (1, 1, Buy, 20, Matched), (1, 1, Buy, 20, Retrying)], (70, 70, 990));
    check(&[(1, 1, Buy, 20, Matched), (1, 1, Buy, 20, Failed)], (50, 50, 1000));
    check(&[(1, 1, Buy, 20, Failed), (1, 1, Buy, 20, Matched)], (50, 50, 1000));
    // two of our orders in one trade count apart
    check(&[(1, 1, Buy, 20, Matched), (1, 2, Buy, 10, Matched)], (80, 50, 985));
    // sold shares are gone at once, the proceeds come when confirmed
    check(&[(1, 1, Sell, 20, Matched)], (30, 30, 1000));
    check(&[(1, 1, Sell, 20, Matched), (1, 1, Sell, 20, Confirmed)], (30, 30, 1010));
    check(&[(1, 1, Sell, 20, Matched), (1, 1, Sell, 20, Failed)], (50, 50, 1000));
}

#[test]
fn contradictions_change_nothing_and_are_told() {
    let mut inventory = Inventory::default();
    inventory.set_balance(Usdc::from_whole(100).expect("small"), &[]);
    let t = trade(1);
    inventory.apply(&report(&t, 1, Side::Buy, 20, Stage::Confirmed)).expect("first");
    let before = inventory.clone();
    assert!(matches!(
        inventory.apply(&report(&t, 1, Side::Buy, 20, Stage::Failed)),
        Err(Contradiction::BothFinal { .. })
    ));
    assert!(matches!(
        inventory.apply(&report(&t, 1, Side::Buy, 21, Stage::Confirmed)),
        Err(Contradiction::Terms { .. })
    ));
    assert_eq!(inventory, before);
}

#[test]
fn a_balance_replaces_and_later_stages_still_count() {
    let mut inventory = Inventory::default();
    let t = trade(1);
    inventory.apply(&report(&t, 1, Side::Buy, 20, Stage::Matched)).expect("first");
    inventory.set_balance(
        Usdc::from_whole(90).expect("small"),
        &[(YES, Held { matched: shares(20), confirmed: Qty::ZERO })],
    );
    inventory.apply(&report(&t, 1, Side::Buy, 20, Stage::Confirmed)).expect("later");
    assert_eq!(inventory.held(YES), Held { matched: shares(20), confirmed: shares(20) });
    assert_eq!(inventory.usdc_free(), Usdc::from_whole(90).expect("small"));
}

#[test]
fn what_a_balance_does_not_name_is_not_held() {
    let mut inventory = Inventory::default();
    let held = Held { matched: shares(20), confirmed: shares(20) };
    let other = Token { market: MarketIx(3), outcome: Outcome::No };
    inventory.set_balance(Usdc::ZERO, &[(YES, held), (other, held)]);
    let told = inventory.set_balance(Usdc::ZERO, &[(other, held)]);
    assert_eq!((inventory.held(YES), inventory.held(other)), (Held::default(), held));
    assert!(told.contains(&YES.market) && told.contains(&other.market), "{told:?}");
    assert!(!inventory.set_balance(Usdc::ZERO, &[]).contains(&YES.market), "nothing is new of it");
}

#[test]
fn what_is_shown_stays_inside_its_range() {
    let mut inventory = Inventory::default();
    inventory.apply(&report(&trade(1), 1, Side::Sell, 20, Stage::Matched)).expect("first");
    assert_eq!(inventory.held(YES), Held::default());
    inventory.apply(&report(&trade(2), 1, Side::Buy, 20, Stage::Confirmed)).expect("first");
    assert_eq!(inventory.held(YES).matched, Qty::ZERO, "the debt below zero was kept");
    for n in 3..6 {
        let trade = trade(n);
        let huge = FillReport { qty: Qty::MAX, ..report(&trade, 1, Side::Buy, 0, Stage::Confirmed) };
        inventory.apply(&huge).expect("first");
    }
    assert_eq!(inventory.held(YES), Held { matched: Qty::MAX, confirmed: Qty::MAX });
    assert_eq!(inventory.usdc_free(), Usdc::ZERO);
}

#[test]
fn settled_fills_are_forgotten_at_the_limit() {
    let mut inventory = Inventory::default();
    let pending = trade(u64::MAX);
    inventory.apply(&report(&pending, 1, Side::Buy, 1, Stage::Matched)).expect("first");
    for n in 0..SETTLED_MAX as u64 + 10 {
        inventory.apply(&report(&trade(n), 1, Side::Buy, 1, Stage::Confirmed)).expect("first");
    }
    assert_eq!(inventory.fills_known(), SETTLED_MAX + 1, "the unsettled one is kept");
    assert_eq!(inventory.apply(&report(&pending, 1, Side::Buy, 1, Stage::Failed)), Ok(FillChange::Reversed));
}

/// How a fill ends, and the stages told on the way.
#[derive(Clone, Debug)]
struct Story {
    order: u64,
    side: Side,
    qty: u64,
    last: Stage,
}

fn story() -> impl Strategy<Value = Story> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let last = prop_oneof![Just(Stage::Matched), Just(Stage::Mined), Just(Stage::Confirmed), Just(Stage::Failed)];
    (0u64..3, side, 0u64..5_000_000, last).prop_map(|(order, side, qty, last)| Story { order, side, qty, last })
}

/// The stages that may be told of a fill that ended so, without its end.
const EARLIER: [Stage; 3] = [Stage::Matched, Stage::Mined, Stage::Retrying];

proptest! {
    /// Any order and any repetition of the stages end where a model ends that only knows how each fill ended.
    #[test]
    fn order_and_repeats_do_not_matter(
        stories in prop::collection::vec(story(), 1..12),
        noise in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3), 0..40),
        picks in prop::collection::vec(any::<u32>(), 64),
        start in 0u64..20_000_000,
    ) {
        let trades: Vec<TradeId> = (0..stories.len()).map(|n| trade(n as u64 / 2)).collect();
        // two stories may share a trade: then they are two of our orders
        let order_of = |n: usize| stories[n].order * 100 + n as u64;
        let mut told: Vec<(usize, Stage)> = stories.iter().enumerate().map(|(n, s)| (n, s.last)).collect();
        told.extend(noise.iter().map(|(ix, stage)| (ix.index(stories.len()), EARLIER[*stage])));
        told.extend(picks.iter().take(8).map(|p| told[*p as usize % told.len()]).collect::<Vec<_>>());
        for i in (1..told.len()).rev() {
            told.swap(i, picks[i % picks.len()] as usize % (i + 1));
        }

        let mut inventory = Inventory::default();
        let held = Held { matched: Qty::from_micro(start), confirmed: Qty::from_micro(start) };
        inventory.set_balance(Usdc::from_micro(start), &[(YES, held)]);
        for (n, stage) in &told {
            let fill = FillReport {
                qty: Qty::from_micro(stories[*n].qty),
                ..report(&trades[*n], order_of(*n), stories[*n].side, 0, *stage)
            };
            inventory.apply(&fill).expect("one end each");
        }

        let (mut matched, mut confirmed, mut dollars) = (i128::from(start), i128::from(start), i128::from(start));
        for s in stories.iter().filter(|s| s.last != Stage::Failed) {
            let (qty, settled) = (i128::from(s.qty), s.last == Stage::Confirmed);
            match s.side {
                Side::Buy => {
                    matched += qty;
                    confirmed += if settled { qty } else { 0 };
                    dollars -= i128::from(cost_ceil(half(), Qty::from_micro(s.qty)).micro());
                }
                Side::Sell => {
                    matched -= qty;
                    confirmed -= qty;
                    dollars += if settled { i128::from(cost_floor(half(), Qty::from_micro(s.qty)).micro()) } else { 0 };
                }
            }
        }
        let shown = |n: i128| u64::try_from(n.max(0)).expect("small");
        let held = inventory.held(YES);
        prop_assert_eq!((held.matched.micro(), held.confirmed.micro()), (shown(matched), shown(confirmed)));
        prop_assert_eq!(inventory.usdc_free().micro(), shown(dollars));
    }
}
