//! Settlement that goes wrong, balances that go away, and what rests then.

use super::arena::{arena, shares, told, two, wants};
use super::*;
use crate::accounts::{Asset, Refused};
use mm_core::domain::{MarketIx, Outcome, Usdc};

const YES_SHARES: Asset = Asset::Share(0, Outcome::Yes);

fn fate(steps: &[(u64, Stage)]) -> Fate {
    let steps: Vec<(Nanos, Stage)> = steps.iter().map(|(ms, stage)| (Nanos::from_ms(*ms), *stage)).collect();
    Fate::new(&steps).expect("a way through the ladder")
}

/// Everything two wallets have, free and not.
fn purses(exchange: &Exchange, both: [AccountIx; 2]) -> Vec<(u64, u64, u64)> {
    let assets = [Asset::Usdc, YES_SHARES, Asset::Share(0, Outcome::No)];
    let of = |account, asset| {
        let accounts = exchange.accounts();
        (accounts.balance(account, asset), accounts.free(account, asset), accounts.matched(account, asset))
    };
    both.into_iter().flat_map(|account| assets.map(|asset| of(account, asset))).collect()
}

#[test]
fn a_failed_trade_gives_everything_back_to_the_millionth() {
    let fee = "fee = { rate = \"0.05\", exponent = 1 }";
    for (maker, taker) in [
        ("yes sell 0.37 13.37", "yes buy 0.37 13.37"),
        ("yes buy 0.37 13.37", "no buy 0.63 13.37"),
        ("yes sell 0.37 13.37", "no sell 0.63 13.37"),
    ] {
        for steps in [
            &[(10_000, Stage::Failed)][..],
            &[(1_000, Stage::Retrying), (5_000, Stage::Failed)],
            &[(1_000, Stage::Mined), (5_000, Stage::Failed)],
            &[(1_000, Stage::Mined), (2_000, Stage::Retrying), (3_000, Stage::Mined), (5_000, Stage::Failed)],
        ] {
            let mut exchange = arena("", fee, &[""]);
            let (a, b) = two(&mut exchange);
            let before = purses(&exchange, [a, b]);
            exchange.submit(at(0), a, &wants(maker)).expect("rests");
            let taken = exchange.submit(at(0), b, &wants(taker)).expect("meets");
            assert_eq!(taken.trades, 1);
            assert_ne!(purses(&exchange, [a, b]), before);
            assert_eq!(exchange.fee_equivalents(at(0).day()).count(), 1);
            assert!(exchange.set_fate(taken.first_trade, &fate(steps)));
            while let Some(due) = exchange.next_deadline().filter(|due| *due <= at(20_000)) {
                exchange.tick(due);
                exchange.check().expect("every promise holds");
            }
            assert_eq!(purses(&exchange, [a, b]), before, "{maker} {taker} {steps:?}");
            assert_eq!(exchange.accounts().fees(), Usdc::ZERO);
            let base = exchange.fee_equivalents(at(0).day()).count();
            assert_eq!((base, exchange.fees_of(at(0).day(), MarketIx(0))), (0, Usdc::ZERO));
            assert!(!exchange.set_fate(taken.first_trade, &fate(&[(1, Stage::Failed)])), "its time has passed");
        }
    }
}

#[test]
fn a_trade_can_be_sent_again_and_each_sending_has_its_own_hash() {
    let mut exchange = arena("", "", &[""]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests");
    let taken = exchange.submit(at(0), b, &wants("yes buy 0.50 10")).expect("meets");
    let steps = [(1_000, Stage::Mined), (2_000, Stage::Retrying), (4_000, Stage::Mined), (9_000, Stage::Confirmed)];
    assert!(exchange.set_fate(taken.first_trade, &fate(&steps)));
    exchange.drain();
    let mut seen = Vec::new();
    for ms in [1_000, 2_000, 4_000, 9_000, 60_000] {
        exchange.tick(at(ms));
        exchange.check().expect("every promise holds");
        let trades = exchange.trades(b, &Filter::default());
        seen.push((trades[0].status.clone(), trades[0].transaction_hash.clone().expect("listed")));
        let yes = exchange.accounts().balance(b, YES_SHARES) / 1_000_000;
        assert_eq!(yes, if ms == 2_000 { 100 } else { 110 }, "after {ms} ms");
    }
    let words: Vec<&str> = seen.iter().map(|(word, _)| word.as_str()).collect();
    assert_eq!(words, ["MINED", "RETRYING", "MINED", "CONFIRMED", "CONFIRMED"]);
    assert_ne!(seen[0].1, seen[2].1, "the second transaction is another one");
}

#[test]
fn a_trade_whose_tokens_have_moved_on_stands() {
    let mut exchange = arena("", "", &[""]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests");
    let taken = exchange.submit(at(0), b, &wants("yes buy 0.50 10")).expect("meets");
    let steps = [(1_000, Stage::Mined), (5_000, Stage::Failed)];
    assert!(exchange.set_fate(taken.first_trade, &fate(&steps)));
    exchange.tick(at(1_000));
    // 110 YES and 100 NO: merging 100 leaves ten; splitting them off by a sale takes those too
    exchange.merge(at(1_000), b, MarketIx(0), shares(100)).expect("it has them");
    exchange.submit(at(1_000), a, &wants("yes buy 0.50 10")).expect("rests");
    exchange.submit(at(1_000), b, &wants("yes sell 0.50 10")).expect("meets");
    exchange.tick(at(20_000));
    exchange.check().expect("every promise holds");
    assert_eq!(exchange.trades(b, &Filter::default())[1].status, "MINED");
}

#[test]
fn fates_that_are_no_way_through_the_ladder_are_refused() {
    let ms = Nanos::from_ms;
    for (steps, why) in [
        (vec![(ms(1), Stage::Confirmed)], BadFate::Order { before: Stage::Matched, after: Stage::Confirmed }),
        (
            vec![(ms(1), Stage::Failed), (ms(2), Stage::Mined)],
            BadFate::Order { before: Stage::Failed, after: Stage::Mined },
        ),
        (vec![(ms(2), Stage::Mined), (ms(1), Stage::Confirmed)], BadFate::Time(1)),
        (vec![(ms(1), Stage::Mined); FATE_MAX + 1], BadFate::TooLong),
    ] {
        assert_eq!(Fate::new(&steps), Err(why));
    }
    assert!(Fate::new(&[]).is_ok(), "a trade may stay matched for ever");
}

#[test]
fn orders_that_the_balance_no_longer_covers_are_cancelled_newest_first() {
    let mut exchange = arena("", "", &["", ""]);
    let (a, _) = two(&mut exchange);
    // 800 dollars left: 300 + 300 + 100 held
    for order in ["yes buy 0.50 600", "1:no buy 0.50 600", "yes sell 0.90 100", "yes buy 0.40 250"] {
        exchange.submit(at(0), a, &wants(order)).expect("affordable");
    }
    told(&mut exchange);
    exchange.split(at(1), a, MarketIx(1), shares(150)).expect("the chain knows no orders");
    expect![[r#"
        a0 order 4 Ended(NotEnoughBalance) matched 0 left 250
        level BUY 0.4 x 0
    "#]]
    .assert_eq(&told(&mut exchange));
    exchange.merge(at(2), a, MarketIx(0), shares(1)).expect("it has 100");
    expect![[r#"
        a0 order 3 Ended(NotEnoughBalance) matched 0 left 100
        level SELL 0.9 x 0
    "#]]
    .assert_eq(&told(&mut exchange));
    exchange.withdraw_usdc(at(3), a, Usdc::from_micro(651_000_000)).expect("it is there");
    expect![[r#"
        a0 order 2 Ended(NotEnoughBalance) matched 0 left 600
        level SELL 0.5 x 0
        a0 order 1 Ended(NotEnoughBalance) matched 0 left 600
        level BUY 0.5 x 0
    "#]]
    .assert_eq(&told(&mut exchange));
    let beyond = exchange.withdraw_usdc(at(3), a, Usdc::from_micro(651_000_000));
    assert!(matches!(beyond, Err(Refused::NotEnough { .. })));
}

#[test]
fn a_stuck_counter_takes_room_from_new_orders_only() {
    let mut exchange = arena("", "", &[""]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes buy 0.50 600")).expect("affordable");
    exchange.stick(at(0), a, Asset::Usdc, 900_000_000);
    let no = exchange.submit(at(0), a, &wants("yes buy 0.40 10")).expect_err("the counter says so");
    assert!(matches!(no, RejectWhy::Balance { matched: 900_000_000, .. }), "{no:?}");
    let met = exchange.submit(at(0), b, &wants("yes sell 0.50 50")).expect("what rests still matches");
    assert_eq!(met.matched, shares(50));
    exchange.stick(at(0), a, Asset::Usdc, 0);
    exchange.submit(at(0), a, &wants("yes buy 0.40 10")).expect("freed");
    exchange.check().expect("every promise holds");
}

#[test]
fn rebates_have_their_base_by_market_maker_and_day() {
    let fee = "fee = { rate = \"0.05\", exponent = 1, rebate_share = \"0.25\" }";
    let mut exchange = arena("", fee, &["", "fee = { rate = \"0\", exponent = 2 }"]);
    let (a, b) = two(&mut exchange);
    exchange.submit(at(0), a, &wants("yes sell 0.50 10")).expect("rests");
    exchange.submit(at(0), b, &wants("no buy 0.40 10")).expect("rests");
    let third = exchange.open_account(at(0), "0xCC");
    exchange.submit(at(0), third, &wants("yes buy 0.60 20")).expect("meets the offer, then mints");
    let day = at(0).day();
    let base: Vec<_> = exchange
        .fee_equivalents(day)
        .map(|(m, who, fee)| (m.0, who, fee.fixed12().expect("fits").to_string()))
        .collect();
    assert_eq!(base, [(0, Some(a), "0.125000000000".to_owned()), (0, Some(b), "0.120000000000".to_owned())]);
    assert_eq!(exchange.fees_of(day, MarketIx(0)).micro(), 245_000);
    exchange.tick(at(86_400_000));
    assert_eq!(exchange.accounts().fees().micro(), 245_000);
    assert_eq!(exchange.till().pay_rebate(a, Usdc::from_micro(31_250)), Ok(()));
    assert!(exchange.till().pay_rebate(b, Usdc::from_micro(245_000)).is_err(), "more than is left");
    exchange.check().expect("every promise holds");
    exchange.forget_rebates(day);
    assert_eq!(exchange.fee_equivalents(day).count(), 0);
}

#[test]
fn a_trade_with_one_wallet_in_several_matches_is_undone_whole_or_not_at_all() {
    let mut exchange = arena("", "", &[""]);
    let (a, b) = two(&mut exchange);
    for _ in 0..2 {
        exchange.submit(at(0), a, &wants("yes buy 0.50 10")).expect("rests");
    }
    let taken = exchange.submit(at(0), b, &wants("yes sell 0.50 20")).expect("meets both");
    assert_eq!(taken.trades, 1, "one price, one trade");
    assert!(exchange.set_fate(taken.first_trade, &fate(&[(1_000, Stage::Mined), (5_000, Stage::Failed)])));
    exchange.tick(at(1_000));
    // of the twenty a has bought and its hundred, fifteen are left: enough for one match, not for both
    exchange.submit(at(1_000), b, &wants("yes buy 0.60 105")).expect("rests");
    exchange.submit(at(1_000), a, &wants("yes sell 0.60 105")).expect("meets");
    let before = purses(&exchange, [a, b]);
    exchange.tick(at(2_999));
    exchange.tick(at(5_000));
    exchange.check().expect("every promise holds");
    assert_eq!(exchange.trades(a, &Filter::default())[1].status, "MINED", "it stands");
    assert_ne!(before, purses(&exchange, [a, b]), "the second trade was mined in between");
    let yes = exchange.accounts().balance(a, YES_SHARES);
    assert_eq!(yes, 15_000_000);
}
