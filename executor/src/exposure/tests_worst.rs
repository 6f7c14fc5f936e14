use super::tests::{at, hash, shares};
use super::*;
use crate::rehearsal::{condition, token_id};
use mm_core::domain::{Outcome, TimeInForce, cost_ceil, cost_floor};
use mm_core::protocol::Gate;
use proptest::prelude::*;

/// An order and how far it came: what filled and is settled, what filled and is not, what is still open.
#[derive(Clone, Copy, Debug)]
struct Case {
    market: u16,
    outcome: Outcome,
    side: Side,
    price: u16,
    settled: u64,
    pending: u64,
    open: u64,
}

fn intent(n: u8, case: &Case) -> LedgerRow {
    let price = Price::from_ten_thousandths(case.price).expect("below one");
    let qty = Qty::from_micro(case.settled + case.pending + case.open);
    LedgerRow::Intent(Box::new(IntentRow {
        at: at(0),
        epoch: 1,
        run: 1,
        id: ClientOrderId(u64::from(n) + 1),
        payload: Digest([0; 32]),
        order: hash(n),
        salt: 1,
        at_ms: 0,
        market: condition(case.market),
        outcome: case.outcome,
        token: token_id(case.market, case.outcome),
        neg_risk: true,
        side: case.side,
        price,
        qty,
        tif: TimeInForce::Gtc,
        reserve: Usdc::ZERO,
        gate: Gate::Unchecked,
        policy: Digest([0; 32]),
        exposure: Digest([0; 32]),
        reference: None,
    }))
}

fn rows(n: u8, case: &Case) -> Vec<LedgerRow> {
    let price = Price::from_ten_thousandths(case.price).expect("below one");
    let fill = |name: &str, qty: u64, stage| LedgerRow::Fill {
        at: at(1),
        order: hash(n),
        trade: TradeId::parse(&format!("trade-{n}-{name}")).expect("a name"),
        price,
        qty: Qty::from_micro(qty),
        stage,
        matched: None,
    };
    let mut rows = vec![intent(n, case)];
    if case.settled > 0 {
        rows.push(fill("settled", case.settled, Stage::Matched));
        rows.push(fill("settled", case.settled, Stage::Confirmed));
    }
    if case.pending > 0 {
        rows.push(fill("pending", case.pending, Stage::Matched));
    }
    rows
}

/// Lost by `qty` of a case if its market ends with `yes`, by the plain words: paid, less what the shares pay.
fn lost(case: &Case, qty: u64, yes: bool) -> i128 {
    let (price, qty) = (Price::from_ten_thousandths(case.price).expect("below one"), Qty::from_micro(qty));
    let pays = if yes == (case.outcome == Outcome::Yes) { i128::from(qty.micro()) } else { 0 };
    match case.side {
        Side::Buy => i128::from(cost_ceil(price, qty).micro()) - pays,
        Side::Sell => pays - i128::from(cost_floor(price, qty).micro()),
    }
}

/// Every subset of what may fill, in every ending of an event whose markets exclude each other.
fn by_enumeration(cases: &[Case], markets: u16) -> i128 {
    let maybe: Vec<(&Case, u64)> =
        cases.iter().flat_map(|case| [(case, case.pending), (case, case.open)]).filter(|(_, qty)| *qty > 0).collect();
    let mut worst = i128::MIN;
    for winner in (0..markets).map(Some).chain([None]) {
        let ends = |case: &Case| winner == Some(case.market);
        let certain: i128 = cases.iter().map(|case| lost(case, case.settled, ends(case))).sum();
        for subset in 0..1u32 << maybe.len() {
            let chosen = maybe.iter().enumerate().filter(|(nth, _)| subset & (1 << nth) != 0);
            let more: i128 = chosen.map(|(_, (case, qty))| lost(case, *qty, ends(case))).sum();
            worst = worst.max(certain + more);
        }
    }
    worst
}

fn cases() -> impl Strategy<Value = Vec<Case>> {
    let qty = || prop_oneof![Just(0), 1u64..60_000_000];
    let case = (0u16..3, any::<bool>(), any::<bool>(), 1u16..10_000, qty(), qty(), qty()).prop_map(
        |(market, yes, buy, price, settled, pending, open)| Case {
            market,
            outcome: if yes { Outcome::Yes } else { Outcome::No },
            side: if buy { Side::Buy } else { Side::Sell },
            price,
            settled,
            pending,
            open,
        },
    );
    proptest::collection::vec(case, 1..6)
}

fn event(exposure: &Exposure, markets: u16) -> i128 {
    let mut event = EventLosses::default();
    for n in 0..markets {
        event.add(exposure.losses(&condition(n)), true);
    }
    event.worst()
}

proptest! {
    /// Strategy.md section 7, against every subset of fills in every ending.
    #[test]
    fn it_is_the_worst_of_every_subset_of_fills(cases in cases()) {
        let mut exposure = Exposure::default();
        for (n, case) in (0..).zip(&cases) {
            for row in rows(n, case) {
                exposure.apply(&row);
            }
        }
        prop_assert_eq!(event(&exposure, 3), by_enumeration(&cases, 3));
    }

    /// A fill, its settlement and the end of an order only ever take possibilities away: nothing but an order makes it worse,
    /// and rounding, a millionth for each part an order fills in.
    #[test]
    fn only_an_order_makes_it_worse(cases in cases()) {
        let mut exposure = Exposure::default();
        for (n, case) in (0..).zip(&cases) {
            for row in rows(n, case).into_iter().chain([LedgerRow::Outcome {
                at: at(2), order: hash(n), became: Became::Ended { matched: Qty::from_micro(case.settled + case.pending) },
            }]) {
                let before = event(&exposure, 3);
                exposure.apply(&row);
                prop_assert!(matches!(row, LedgerRow::Intent(_)) || event(&exposure, 3) <= before + 1);
            }
        }
    }
}

fn bought(outcome: Outcome, price: u16, whole: u64) -> Case {
    Case { market: 0, outcome, side: Side::Buy, price, settled: whole * 1_000_000, pending: 0, open: 0 }
}

fn after(cases: &[Case]) -> Exposure {
    let mut exposure = Exposure::default();
    for (n, case) in (0..).zip(cases) {
        rows(n, case).iter().for_each(|row| exposure.apply(row));
    }
    exposure
}

#[test]
fn a_full_set_loses_only_what_it_cost_above_a_dollar() {
    let exposure = after(&[bought(Outcome::Yes, 5000, 100), bought(Outcome::No, 5200, 100)]);
    assert_eq!(exposure.losses(&condition(0)), Losses { yes: 2_000_000, no: 2_000_000 });
}

#[test]
fn what_a_sale_lost_stays_lost() {
    let sold = Case { side: Side::Sell, ..bought(Outcome::Yes, 4000, 100) };
    let exposure = after(&[bought(Outcome::Yes, 5000, 100), sold]);
    assert_eq!(exposure.losses(&condition(0)), Losses { yes: 10_000_000, no: 10_000_000 });
    assert_eq!(exposure.market(&condition(0)).worst_case(), Usdc::ZERO, "which the plain sum forgets");
}

#[test]
fn a_better_price_in_the_venues_word_earns_no_room() {
    let mut exposure = Exposure::default();
    let case = Case { settled: 0, open: 100_000_000, ..bought(Outcome::Yes, 5000, 0) };
    exposure.apply(&intent(0, &case));
    for stage in [Stage::Matched, Stage::Confirmed] {
        let trade = TradeId::parse("cheap").expect("a name");
        let price = Price::from_ten_thousandths(1).expect("below one");
        exposure.apply(&LedgerRow::Fill {
            at: at(1),
            order: hash(0),
            trade,
            price,
            qty: shares(100),
            stage,
            matched: None,
        });
        assert_eq!(exposure.losses(&condition(0)).worst(), 50_000_000);
    }
}

#[test]
fn shares_the_venue_denies_pay_nothing_until_it_tells_them_again() {
    let mut exposure = after(&[bought(Outcome::Yes, 5000, 100)]);
    let token = token_id(0, Outcome::Yes);
    let held = exposure.losses(&condition(0));
    let says = |n| LedgerRow::Balance { at: at(9), token: token.clone(), shares: shares(n) };
    exposure.apply(&says(40));
    assert_eq!(exposure.losses(&condition(0)).yes, held.yes + 60_000_000);
    exposure.apply(&says(100));
    assert_eq!(exposure.losses(&condition(0)), held);
    exposure.apply(&says(0));
    let (market, token) = (condition(0), token.clone());
    exposure.apply(&LedgerRow::Holding { at: at(9), token, market, confirmed: Qty::ZERO });
    assert_eq!(exposure.losses(&condition(0)), Losses::default(), "a person says they were merged");
}

#[test]
fn shares_that_came_from_outside_are_no_gain_and_selling_them_is_a_risk() {
    let (market, token) = (condition(0), token_id(0, Outcome::Yes));
    let mut exposure = Exposure::default();
    exposure.apply(&LedgerRow::Holding { at: at(0), token, market, confirmed: shares(100) });
    assert_eq!(exposure.losses(&condition(0)), Losses::default());
    let sale = Case { side: Side::Sell, ..bought(Outcome::Yes, 6000, 100) };
    rows(0, &sale).iter().for_each(|row| exposure.apply(row));
    assert_eq!(exposure.losses(&condition(0)), Losses { yes: 40_000_000, no: -60_000_000 });
}

#[test]
fn markets_that_exclude_each_other_do_not_all_lose_and_others_may() {
    let no_in = |market| Case { market, ..bought(Outcome::No, 8000, 100) };
    let exposure = after(&[no_in(0), no_in(1)]);
    // One ends YES: its NO shares are lost, the other's pay.
    assert_eq!(event(&exposure, 2), 60_000_000);
    let mut apart = EventLosses::default();
    (0..2).for_each(|n| apart.add(exposure.losses(&condition(n)), false));
    assert_eq!(apart.worst(), 160_000_000);
}
