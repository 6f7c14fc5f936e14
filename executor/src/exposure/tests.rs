use super::*;
use mm_core::domain::{Outcome, TimeInForce, cost_ceil};
use mm_core::protocol::Gate;
use proptest::prelude::*;

const ORDERS: u8 = 6;

pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(1_780_795_800_000 + ms)
}

pub(super) fn hash(n: u8) -> OrderId {
    OrderId::from_bytes([n + 1; 32])
}

pub(super) fn shares(n: u64) -> Qty {
    Qty::from_whole(n).expect("small")
}

/// Orders 0 to 3 buy, the others sell; even ones in the first market.
fn intent(n: u8) -> LedgerRow {
    use crate::rehearsal::{condition, token_id};
    let market = u16::from(n % 2);
    let side = if n < 4 { Side::Buy } else { Side::Sell };
    let (price, qty) = (Price::from_ten_thousandths(3333 + u16::from(n)).expect("below one"), shares(20));
    LedgerRow::Intent(Box::new(IntentRow {
        at: at(0),
        epoch: 1,
        run: 1,
        id: ClientOrderId(u64::from(n) + 1),
        payload: Digest([0; 32]),
        order: hash(n),
        salt: 1,
        at_ms: 0,
        market: condition(market),
        outcome: Outcome::Yes,
        token: token_id(market, Outcome::Yes),
        neg_risk: false,
        side,
        price,
        qty,
        tif: TimeInForce::Gtc,
        reserve: if side == Side::Buy { cost_ceil(price, qty) } else { Usdc::ZERO },
        gate: Gate::Unchecked,
        policy: Digest([0; 32]),
        exposure: Digest([0; 32]),
        reference: None,
    }))
}

fn outcome(n: u8, became: Became) -> LedgerRow {
    LedgerRow::Outcome { at: at(1), order: hash(n), became }
}

/// A trade of an order, at the order's own price.
fn fill(n: u8, trade: u8, qty: u64, stage: Stage) -> LedgerRow {
    let price = Price::from_ten_thousandths(3333 + u16::from(n)).expect("below one");
    let trade = TradeId::parse(&format!("trade-{n}-{trade}")).expect("a name");
    LedgerRow::Fill { at: at(2), order: hash(n), trade, price, qty: shares(qty), stage, matched: None }
}

fn rows() -> impl Strategy<Value = LedgerRow> {
    let became = prop_oneof![
        Just(Became::Accepted),
        Just(Became::Unknown { why: "".into(), likely_rejected: false }),
        Just(Became::NeverLanded),
        Just(Became::NotSent { why: "".into() }),
        (0u64..=20).prop_map(|n| Became::Ended { matched: shares(n) }),
    ];
    let stage = prop_oneof![
        Just(Stage::Matched),
        Just(Stage::Mined),
        Just(Stage::Confirmed),
        Just(Stage::Failed),
        Just(Stage::Retrying)
    ];
    prop_oneof![
        (0..ORDERS, became).prop_map(|(n, became)| outcome(n, became)),
        (0..ORDERS, 0u8..3, 1u64..7, stage).prop_map(|(n, trade, qty, stage)| fill(n, trade, qty, stage)),
        (0u16..2, 0u64..50).prop_map(|(n, shares_told)| LedgerRow::Balance {
            at: at(3),
            token: crate::rehearsal::token_id(n, Outcome::Yes),
            shares: shares(shares_told),
        }),
        (0u64..200_000_000).prop_map(|ms| LedgerRow::Day { at: at(ms) }),
    ]
}

/// Open part and number of live orders by going through all of them, in all or in one market.
fn recount(exposure: &Exposure, market: Option<u16>) -> (Usdc, u32) {
    let orders = (0..ORDERS).filter(|n| market.is_none_or(|market| u16::from(n % 2) == market));
    orders.filter_map(|n| exposure.order(&hash(n))).fold((Usdc::ZERO, 0), |(open, live), tracked| {
        let traded: u64 = tracked.fills.values().map(|(_, qty, _)| qty.micro()).sum();
        let (most, is_live) = match tracked.phase {
            Phase::Ended { matched } => (matched.micro(), 0),
            _ => (tracked.row.qty.micro(), 1),
        };
        let left = Qty::from_micro(most.saturating_sub(traded));
        let cost = if tracked.row.side == Side::Buy { cost_ceil(tracked.row.price, left) } else { Usdc::ZERO };
        (open.saturating_add(cost), live + is_live)
    })
}

fn state_of(exposure: &Exposure, n: u8) -> (Phase, usize) {
    exposure.order(&hash(n)).map_or((Phase::InFlight, 0), |tracked| (tracked.phase, tracked.fills.len()))
}

proptest! {
    /// The running sums are what going through every order gives, and nothing but an end, a failed trade or a sale that
    /// settled ever lowers what is at risk.
    #[test]
    fn sums_hold_and_only_proof_lowers_them(steps in proptest::collection::vec(rows(), 1..60)) {
        let mut exposure = Exposure::default();
        for n in 0..ORDERS {
            exposure.apply(&intent(n));
        }
        let (mut left, first_day) = ([true; ORDERS as usize], exposure.day().day);
        for row in steps {
            let before = exposure.total().worst_case();
            let was: Vec<_> = (0..ORDERS).map(|n| state_of(&exposure, n)).collect();
            exposure.apply(&row);
            for (n, (was, left)) in (0..ORDERS).zip(was.into_iter().zip(&mut left)) {
                let may_be = matches!(was, (Phase::InFlight | Phase::Unknown { .. }, 0));
                let denied = matches!(&row, LedgerRow::Outcome { became: Became::NotSent { .. }, .. });
                if state_of(&exposure, n) != was {
                    *left = !(may_be && denied);
                }
            }
            let sent = left.iter().filter(|left| **left).count();
            prop_assert_eq!(exposure.placed_last_minute(at(4)) as usize, sent, "{:?}", row);
            if exposure.day().day == first_day {
                let each = (0..ORDERS).filter(|n| left[usize::from(*n)]).filter_map(|n| exposure.order(&hash(n)));
                let sum = each.fold(Usdc::ZERO, |sum, order| sum.saturating_add(order.notional()));
                prop_assert_eq!(exposure.day().placed, sum, "{:?}", row);
            }
            prop_assert_eq!((exposure.total().open, exposure.open_orders()), recount(&exposure, None));
            let mut cost = Usdc::ZERO;
            for n in 0..2 {
                let standing = exposure.market(&crate::rehearsal::condition(n));
                prop_assert_eq!(standing.open, recount(&exposure, Some(n)).0);
                cost = cost.saturating_add(standing.cost);
            }
            prop_assert_eq!(exposure.total().cost, cost);
            prop_assert_eq!(exposure.mark, mark::Mark::of_all(exposure.markets.iter()));
            let proof = match &row {
                LedgerRow::Outcome { became, .. } => became.is_terminal(),
                LedgerRow::Fill { order, stage, .. } => {
                    let sale = exposure.order(order).is_some_and(|t| t.row.side == Side::Sell);
                    *stage == Stage::Failed || (sale && *stage == Stage::Confirmed)
                }
                _ => false,
            };
            prop_assert!(proof || exposure.total().worst_case() >= before, "{:?}", row);
        }
    }
}

#[test]
fn a_balance_bounds_what_may_be_sold_and_moves_with_sales() {
    use crate::rehearsal::token_id;
    let token = token_id(0, Outcome::Yes);
    let mut exposure = Exposure::default();
    for row in [intent(0), outcome(0, Became::Accepted), fill(0, 0, 20, Stage::Confirmed)] {
        exposure.apply(&row);
    }
    let at = at(9);
    let says = |n| LedgerRow::Balance { at, token: token_id(0, Outcome::Yes), shares: shares(n) };
    exposure.apply(&says(12));
    assert_eq!(exposure.free_shares(&token), shares(12));
    for row in [intent(4), fill(4, 0, 5, Stage::Matched)] {
        exposure.apply(&row);
    }
    assert_eq!(exposure.settled(&token), (shares(15), Some(shares(7))));
    exposure.apply(&fill(4, 0, 5, Stage::Failed));
    assert_eq!(exposure.settled(&token), (shares(20), Some(shares(12))));
    exposure.apply(&says(30));
    assert_eq!(exposure.settled(&token), (shares(20), None), "more than we know of is not ours to sell yet");
}

const DAY_MS: u64 = 86_400_000;

#[test]
fn what_provably_never_left_counts_for_nothing() {
    let mut exposure = Exposure::default();
    let kept_in = |n| outcome(n, Became::NotSent { why: "no token".into() });
    let counts = |exposure: &Exposure| (exposure.day().placed, exposure.placed_last_minute(at(5)));
    exposure.apply(&LedgerRow::Day { at: at(0) });
    exposure.apply(&intent(0));
    let one = counts(&exposure);
    for row in [intent(1), kept_in(1)] {
        exposure.apply(&row);
    }
    assert_eq!((counts(&exposure), one.1), (one, 1));
    // What rests has left, whoever says otherwise; and so has what is found to rest after all.
    for row in [outcome(0, Became::Accepted), kept_in(0)] {
        exposure.apply(&row);
    }
    assert_eq!(counts(&exposure), one);
    exposure.apply(&outcome(1, Became::Accepted));
    assert_eq!(exposure.placed_last_minute(at(5)), 2);
    exposure.apply(&kept_in(1));
    assert_eq!(exposure.placed_last_minute(at(5)), 2, "and only once is it taken back");
    // One of yesterday is none of today's, and a day that counts as spent stays so.
    for row in [intent(2), LedgerRow::Day { at: at(DAY_MS) }, intent(3)] {
        exposure.apply(&row);
    }
    let today = exposure.day();
    exposure.apply(&kept_in(2));
    assert_eq!(exposure.day(), today);
    for row in [LedgerRow::DaySpent { at: at(DAY_MS) }, kept_in(3)] {
        exposure.apply(&row);
    }
    assert_eq!(exposure.day().placed, Usdc::MAX);
}

#[test]
fn a_day_begins_by_its_own_row_once_and_never_goes_back() {
    let mut exposure = Exposure::default();
    exposure.apply(&LedgerRow::Day { at: at(0) });
    for row in [intent(0), fill(0, 0, 5, Stage::Matched)] {
        exposure.apply(&row);
    }
    let today = exposure.day();
    assert!(!today.bought.is_zero() && !today.placed.is_zero());
    // A row of ours that is stamped a day ahead: our clock alone says so.
    let LedgerRow::Fill { order, price, .. } = fill(0, 0, 1, Stage::Matched) else { unreachable!("a fill") };
    let trade = TradeId::parse("late").expect("a name");
    let ahead = LedgerRow::Fill {
        at: at(DAY_MS),
        order,
        trade,
        price,
        qty: shares(1),
        stage: Stage::Matched,
        matched: Some(at(1)),
    };
    exposure.apply(&ahead);
    assert_eq!(exposure.day().day, today.day);
    assert!(exposure.day().bought > today.bought, "it is charged all the same");
    exposure.apply(&LedgerRow::Day { at: at(DAY_MS) });
    assert_eq!(exposure.day(), Day { day: today.day + 1, ..Day::default() });
    exposure.apply(&fill(0, 7, 1, Stage::Matched));
    let tomorrow = exposure.day();
    exposure.apply(&LedgerRow::Day { at: at(0) });
    assert_eq!(exposure.day(), tomorrow);
}

#[test]
fn what_matched_after_midnight_counts_for_the_day_that_begins_late() {
    let mut exposure = Exposure::default();
    exposure.apply(&LedgerRow::Day { at: at(0) });
    exposure.apply(&intent(0));
    let told = |trade: u8, learnt, matched, stage| match fill(0, trade, 2, stage) {
        LedgerRow::Fill { order, trade, price, qty, .. } => {
            LedgerRow::Fill { at: at(learnt), order, trade, price, qty, stage, matched }
        }
        row => row,
    };
    // The first is of the old day, the others of the new one by the venue's clock or, where it says nothing, by ours.
    let venue = |ms| Some(at(ms));
    for (n, learnt, matched) in [(0, 10, venue(5)), (1, 10, venue(DAY_MS + 1)), (2, DAY_MS + 2, None)] {
        for stage in [Stage::Matched, Stage::Confirmed] {
            exposure.apply(&told(n, learnt, matched, stage));
        }
    }
    let cost = cost_ceil(Price::from_ten_thousandths(3333).expect("below one"), shares(2));
    let both = cost.saturating_add(cost);
    assert_eq!(exposure.day().bought, both.saturating_add(cost), "the day that has not ended is charged all of it");
    exposure.apply(&LedgerRow::Day { at: at(DAY_MS) });
    assert_eq!(exposure.day(), Day { day: at(DAY_MS).day(), bought: both, ..Day::default() });
    exposure.apply(&LedgerRow::Day { at: at(2 * DAY_MS) });
    assert_eq!(exposure.day().bought, Usdc::ZERO, "once");
}

#[test]
fn a_doubted_ledger_spends_the_day_the_venue_tells_and_no_other() {
    let spent = |exposure: &Exposure| exposure.day().bought == Usdc::MAX && exposure.day().placed == Usdc::MAX;
    for behind in [true, false] {
        let mut exposure = Exposure::default();
        exposure.apply(&LedgerRow::Day { at: at(0) });
        exposure.apply(&LedgerRow::DaySpent { at: at(0) });
        assert!(spent(&exposure));
        // Our clock may have been a day behind when we started, or right.
        let today = if behind { DAY_MS } else { 0 };
        exposure.apply(&LedgerRow::Day { at: at(today) });
        assert!(spent(&exposure), "{behind}");
        exposure.apply(&LedgerRow::Day { at: at(today + DAY_MS) });
        assert!(!spent(&exposure), "{behind}");
    }
}

#[test]
fn a_ledger_from_before_days_were_told_counts_as_it_did() {
    let mut exposure = Exposure::default();
    exposure.apply(&intent(0));
    let day = exposure.day();
    assert_eq!(day.day, at(0).day());
    exposure.apply(&LedgerRow::Fill {
        at: at(DAY_MS),
        order: hash(0),
        trade: TradeId::parse("old").expect("a name"),
        price: Price::from_ten_thousandths(3333).expect("below one"),
        qty: shares(1),
        stage: Stage::Matched,
        matched: None,
    });
    assert_eq!(exposure.day().day, day.day + 1);
    exposure.apply(&LedgerRow::Day { at: at(DAY_MS) });
    assert!(!exposure.day().bought.is_zero(), "the first telling of the day that runs keeps what was counted");
}

#[test]
fn a_sale_brings_money_in_once_it_settled_and_at_our_own_price_at_most() {
    let mut exposure = Exposure::default();
    exposure.apply(&LedgerRow::Day { at: at(0) });
    let LedgerRow::Intent(bought) = intent(0) else { unreachable!("an intent") };
    let sale = IntentRow { order: hash(1), id: ClientOrderId(99), side: Side::Sell, ..*bought.clone() };
    exposure.apply(&LedgerRow::Intent(bought));
    exposure.apply(&LedgerRow::Intent(Box::new(sale)));
    let out = |exposure: &Exposure| exposure.day().outflow(Usdc::ZERO);
    let trade = |n: u8, price: u16, stage| LedgerRow::Fill {
        at: at(0),
        order: hash(n),
        trade: TradeId::parse("one").expect("a name"),
        price: Price::from_ten_thousandths(price).expect("below one"),
        qty: shares(3),
        stage,
        matched: None,
    };
    // A better price in the venue's word earns no room on either side.
    exposure.apply(&trade(0, 100, Stage::Matched));
    assert_eq!(out(&exposure), 999_900);
    exposure.apply(&trade(1, 9000, Stage::Matched));
    assert_eq!(out(&exposure), 999_900, "it may yet fail");
    exposure.apply(&trade(1, 9000, Stage::Confirmed));
    assert_eq!(out(&exposure), 0);
    exposure.apply(&LedgerRow::Day { at: at(DAY_MS) });
    assert_eq!(out(&exposure), 0);
}

#[test]
fn what_is_still_to_settle_is_not_forgotten() {
    let mut exposure = Exposure::default();
    exposure.remember(1);
    for n in 0..3 {
        exposure.apply(&intent(n));
        exposure.apply(&outcome(n, Became::Accepted));
    }
    exposure.apply(&fill(0, 0, 20, Stage::Matched));
    for n in 0..3 {
        let matched = shares(if n == 0 { 20 } else { 0 });
        exposure.apply(&outcome(n, Became::Ended { matched }));
    }
    assert!(exposure.order(&hash(1)).is_none(), "the oldest of which nothing is to come");
    assert!(exposure.order(&hash(0)).is_some(), "one more is remembered");
    exposure.apply(&fill(0, 0, 20, Stage::Confirmed));
    let token = crate::rehearsal::token_id(0, Outcome::Yes);
    assert_eq!(exposure.settled(&token).0, shares(20));
    assert!(exposure.is_settled(&token));
    exposure.apply(&intent(3));
    exposure.apply(&outcome(3, Became::Rejected { why: "".into() }));
    assert!(exposure.order(&hash(0)).is_none(), "nothing is to come of it any more");
}
