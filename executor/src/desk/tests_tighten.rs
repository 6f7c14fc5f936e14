//! A tighter policy while the desk runs.

use super::Op;
use super::tests::{armed, hash, heard};
use crate::policy::{AllowedMarket, Policy};
use crate::rehearsal::{Rehearsal, one_event, order, policy, setup};
use mm_core::domain::Outcome::Yes;
use mm_core::domain::Qty;
use mm_core::domain::Side::Buy;

#[test]
fn a_tighter_policy_cancels_what_rests_in_markets_it_no_longer_lists() {
    let mut stage = armed();
    for market in [0, 1] {
        stage.place(u64::from(market) + 1, order(market, Yes, Buy, 40, 10));
    }
    stage.run_ms(500);
    assert_eq!(stage.resting(), 2);
    let tighten = |stage: &mut Rehearsal, markets| {
        stage.operate(Op::Tighten(Box::new(crate::rehearsal::policy_with(*policy(2).caps(), markets))));
        stage.run_ms(1500);
    };
    tighten(&mut stage, 1);
    assert_eq!((heard(&stage, 1), stage.resting()), (vec!["accepted".to_owned()], 1), "{:?}", heard(&stage, 2));
    tighten(&mut stage, 2);
    assert!(stage.answers.last().is_some_and(Result::is_err), "and it is not loosened again");
}

/// Two markets of one event, and shares of the first of them.
fn holding_one_of_an_event() -> (Rehearsal, Policy) {
    let both = one_event(&policy(2));
    let mut stage = Rehearsal::armed(setup(both.clone(), false), 2);
    stage.place(1, order(0, Yes, Buy, 40, 50));
    stage.run_ms(500);
    let id = hash(&stage, 1);
    stage.fill(id, Qty::from_whole(50).expect("small"));
    stage.run_ms(5_000);
    (stage, both)
}

#[test]
fn a_market_that_counts_in_its_event_stays_on_the_list_with_the_others_of_it() {
    let (mut stage, both) = holding_one_of_an_event();
    let tighten = |stage: &mut Rehearsal, markets: &[AllowedMarket]| {
        let policy = Policy::new(*both.caps(), markets.to_vec()).expect("distinct tokens");
        stage.operate(Op::Tighten(Box::new(policy)));
        stage.run_ms(10);
        stage.answers.last().cloned().expect("every question is answered")
    };
    let why = tighten(&mut stage, &both.markets()[1..]).expect_err("its shares count in the event");
    assert!(why[0].contains("market-0"), "{why:?}");
    assert!(tighten(&mut stage, &both.markets()[..1]).is_ok(), "nothing is held there");
    assert!(tighten(&mut stage, &[]).is_ok(), "the whole event");
}

#[test]
fn a_start_whose_list_tears_an_event_is_not_armed() {
    let (mut stage, both) = holding_one_of_an_event();
    let start_with = |stage: &mut Rehearsal, markets: &[AllowedMarket]| {
        let policy = Policy::new(*both.caps(), markets.to_vec()).expect("distinct tokens");
        stage.restart(setup(policy, true));
        stage.run_ms(120_000);
        stage.operate(Op::AskArm { code: "123456".into() });
        stage.run_ms(10);
        stage.answers.last().cloned().expect("every question is answered")
    };
    // Twice: the shorter list is the ledger's last word on the policy by then.
    for _ in 0..2 {
        let why = start_with(&mut stage, &both.markets()[1..]).expect_err("its shares count in the event");
        assert!(why.len() == 1 && why[0].contains("market-0"), "{why:?}");
    }
    let apart = start_with(&mut stage, &policy(2).markets()[1..]).expect("the other market is of another event");
    assert!(apart.contains("code 123456"), "{apart}");
    assert!(start_with(&mut stage, both.markets()).is_ok(), "as it was");
}
