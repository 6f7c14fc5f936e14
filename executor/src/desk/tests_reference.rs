//! The executor's own price, and what it keeps from leaving.

use super::Op;
use crate::policy::{Policy, PolicyCaps};
use crate::reasons::Author;
use crate::rehearsal::{Rehearsal, order, policy, policy_with, setup};
use mm_core::domain::{ClientOrderId, Outcome, Price, Side};
use mm_core::protocol::{FromExecutor, Refusal};

fn cents(n: u16) -> Price {
    Price::from_ten_thousandths(n * 100).expect("below one")
}

/// Ten cents around the price.
fn banded(markets: u16) -> Policy {
    policy_with(PolicyCaps { reference_band: cents(10), ..*policy(1).caps() }, markets)
}

fn stage() -> Rehearsal {
    Rehearsal::armed(setup(banded(1), false), 1)
}

/// What the core hears of an order within a few milliseconds; empty when it was accepted.
fn refused(stage: &mut Rehearsal, id: u64, outcome: Outcome, side: Side, at: u16) -> Vec<Refusal> {
    stage.place(id, order(0, outcome, side, at, 5));
    stage.run_ms(200);
    let about = |told: &FromExecutor| match told {
        FromExecutor::Refused { id: refused, why } if *refused == ClientOrderId(id) => Some(why.clone()),
        FromExecutor::Accepted { id: accepted, .. } if *accepted == ClientOrderId(id) => Some(Vec::new()),
        _ => None,
    };
    stage.told.iter().find_map(about).expect("an answer")
}

fn off(price: u16, limit: u16) -> Vec<Refusal> {
    vec![Refusal::OffReference { price: cents(price), limit: cents(limit) }]
}

#[test]
fn nothing_is_given_away_beyond_the_band_and_any_bargain_passes() {
    let mut stage = stage();
    stage.venue.others = Some((28, 32));
    stage.run_ms(3000);
    assert_eq!(refused(&mut stage, 1, Outcome::Yes, Side::Buy, 41), off(41, 40));
    assert_eq!(refused(&mut stage, 2, Outcome::No, Side::Buy, 81), off(81, 80), "the second token's price mirrors");
    assert_eq!(refused(&mut stage, 3, Outcome::Yes, Side::Buy, 40), []);
    assert_eq!(refused(&mut stage, 4, Outcome::Yes, Side::Buy, 5), []);
    assert_eq!(refused(&mut stage, 5, Outcome::No, Side::Buy, 5), []);
    let sale = refused(&mut stage, 6, Outcome::Yes, Side::Sell, 19);
    assert!(sale.contains(&off(19, 20)[0]), "{sale:?}");
    let dear = refused(&mut stage, 7, Outcome::No, Side::Sell, 90);
    assert!(dear.iter().all(|why| matches!(why, Refusal::NotHeld { .. })), "{dear:?}");
}

#[test]
fn our_own_orders_move_no_price() {
    let mut stage = stage();
    stage.venue.others = Some((30, 70));
    stage.run_ms(3000);
    assert_eq!(refused(&mut stage, 1, Outcome::Yes, Side::Buy, 60), []);
    stage.run_ms(5000);
    assert_eq!(refused(&mut stage, 2, Outcome::Yes, Side::Buy, 61), off(61, 60), "it rests");
    stage.venue.books_lag = true;
    stage.cancel(1);
    stage.run_ms(2400);
    assert_eq!(refused(&mut stage, 3, Outcome::Yes, Side::Buy, 61), off(61, 60), "cancelled, and the book is old");
}

#[test]
fn an_order_that_came_and_went_between_two_readings_moves_no_price() {
    let mut stage = stage();
    stage.venue.others = Some((30, 70));
    stage.venue.books_lag = true;
    stage.run_ms(3000);
    let round = stage.venue.books_asked.len();
    while stage.venue.books_asked.len() == round {
        stage.run_ms(10);
    }
    assert_eq!(refused(&mut stage, 1, Outcome::Yes, Side::Buy, 60), []);
    stage.cancel(1);
    stage.run_ms(2600);
    assert!(stage.venue.books_asked.len() > round + 1);
    assert_eq!(refused(&mut stage, 2, Outcome::Yes, Side::Buy, 61), off(61, 60));
}

#[test]
fn an_order_that_filled_meanwhile_is_still_ours_in_an_old_book() {
    let mut stage = stage();
    stage.venue.others = Some((30, 70));
    stage.venue.books_lag = true;
    stage.run_ms(3000);
    assert_eq!(refused(&mut stage, 1, Outcome::Yes, Side::Buy, 60), []);
    let (hash, qty) = stage.venue.orders.iter().map(|(id, resting)| (*id, resting.order.qty)).next().expect("it rests");
    stage.fill(hash, qty);
    stage.run_ms(2600);
    assert_eq!(refused(&mut stage, 2, Outcome::Yes, Side::Buy, 61), off(61, 60));
}

#[test]
fn a_book_in_which_nobody_else_says_a_price_says_none() {
    let mut stage = stage();
    assert_eq!(refused(&mut stage, 1, Outcome::Yes, Side::Buy, 50), []);
    for (nth, others) in [(2u64, (49, 0)), (4, (0, 51)), (6, (0, 0)), (8, (51, 51))] {
        stage.venue.others = Some(others);
        stage.run_ms(3000);
        let why = refused(&mut stage, nth, Outcome::Yes, Side::Buy, 45);
        assert!(matches!(why[..], [Refusal::NoReference(_)]), "{others:?}: {why:?}");
        stage.venue.others = None;
        stage.run_ms(3000);
        assert_eq!(refused(&mut stage, nth + 1, Outcome::Yes, Side::Buy, 45), [], "after {others:?}");
    }
}

#[test]
fn an_old_price_is_none() {
    let mut stage = stage();
    stage.venue.books_fail = true;
    stage.run_ms(7000);
    assert_eq!(refused(&mut stage, 1, Outcome::Yes, Side::Buy, 50), [], "failures within its age change nothing");
    stage.run_ms(3000);
    let why = refused(&mut stage, 2, Outcome::Yes, Side::Buy, 50);
    assert!(matches!(why[..], [Refusal::NoReference(_)]), "{why:?}");
    stage.venue.books_fail = false;
    stage.run_ms(3000);
    assert_eq!(refused(&mut stage, 3, Outcome::Yes, Side::Buy, 50), []);
}

#[test]
fn books_are_read_only_while_an_order_is_possible() {
    let mut stage = Rehearsal::new(setup(banded(25), false));
    stage.run_ms(10_000);
    assert_eq!(stage.venue.books_asked.len(), 0, "no core is there");
    stage.connect(1, 25);
    stage.run_ms(200);
    assert_eq!(stage.venue.books_asked.len(), 3, "ten books in a call");
    stage.run_ms(10_000);
    assert_eq!(stage.venue.books_asked.len(), 15, "four rounds in the time in which a price gets too old");
    stage.venue.refuses_cancels = true;
    stage.arm();
    stage.run_ms(500);
    stage.place(1, order(0, Outcome::Yes, Side::Buy, 50, 5));
    stage.run_ms(200);
    stage.operate(Op::Halt { by: Author::Operator(0), why: "a test".into() });
    stage.run_ms(100);
    let before = stage.venue.books_asked.len();
    stage.run_ms(20_000);
    assert_eq!(stage.venue.books_asked.len(), before, "halted, and something rests");
}
