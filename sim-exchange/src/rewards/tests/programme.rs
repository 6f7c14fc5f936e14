use crate::draws::Draws;
use crate::exchange::AccountIx;
use crate::rewards::{
    Accrual, Currency, Event, FeeDay, Maker, Move, PaymentKind, Plan, Programme, Resting, Rules, Sponsorship,
    TermsChange,
};
use expect_test::{Expect, expect};
use mm_core::domain::{MarketIx, Nanos, Price, Qty, RewardTerms, Side, Timestamp, Usdc};
use mm_core::rewards::Ratio;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Midnight of a day far from any edge.
const DAY: u64 = 20_000;

fn at(hour: u64) -> Timestamp {
    Timestamp::EPOCH.plus(Nanos::from_secs(DAY * 86_400 + hour * 3_600))
}

fn usdc(text: &str) -> Usdc {
    Usdc::parse(text).expect("a decimal")
}

fn price(cents: u16) -> Price {
    Price::from_ten_thousandths(cents * 100).expect("below a dollar")
}

fn maker(n: u32) -> Maker {
    Maker::Account(AccountIx(n))
}

fn terms(rate: &str) -> RewardTerms {
    RewardTerms {
        max_spread: price(3),
        min_size: Qty::from_micro(20_000_000),
        min_age: Nanos::ZERO,
        rate_per_day: usdc(rate),
    }
}

/// A bid and an ask one cent from 0.50 each.
fn quotes(who: u32, size: u64) -> [Resting; 2] {
    let leg = |side, cents| Resting {
        maker: maker(who),
        side,
        price: price(cents),
        qty: Qty::from_micro(size * 1_000_000),
        age: Nanos::from_secs(60),
    };
    [leg(Side::Buy, 49), leg(Side::Sell, 51)]
}

/// Plays one market's day: each sample sees the terms of its time and whoever quotes in that hour.
struct Day {
    programme: Programme,
    terms: RewardTerms,
    draws: Draws,
    fees: Vec<(MarketIx, FeeDay)>,
    till: Usdc,
}

impl Day {
    fn new(rules: Rules, plan: Plan, rate: &str) -> Self {
        let draws = Draws::new(1);
        let programme = Programme::new(rules, vec![plan], &draws, at(0), at(0).ms());
        Self { programme, terms: terms(rate), draws, fees: Vec::new(), till: Usdc::ZERO }
    }

    /// Runs until midnight; `who` gives makers and sizes by hour. Says what moves.
    fn run(&mut self, who: impl Fn(u64) -> Vec<(u32, u64)>) -> Vec<Move> {
        loop {
            let sample = (Timestamp::from_ms(self.programme.next_sample_ms()), Event::Sample);
            match self.programme.next_due().min(sample) {
                (now, Event::Close) => return self.programme.close(now, &self.fees, self.till),
                (_, Event::Change(market)) => {
                    let change = self.programme.take_change(market).expect("it is due");
                    self.terms.rate_per_day = change.rate_per_day.unwrap_or(self.terms.rate_per_day);
                }
                (now, Event::Sample) => {
                    let hour = now.since(at(0)).ms() / 3_600_000 % 24;
                    let orders: Vec<_> = who(hour).into_iter().flat_map(|(who, size)| quotes(who, size)).collect();
                    self.programme.begin_sample(&self.draws);
                    self.programme.sample(MarketIx(0), now, &self.terms, &orders, &[]);
                }
            }
        }
    }
}

fn check(moves: &[Move], expected: Expect) {
    let mut text = String::new();
    for step in moves {
        let _ = match step {
            Move::Fund(amount) => writeln!(text, "fund {amount}"),
            Move::Reward(who, amount) => writeln!(text, "reward {} {amount}", name(*who)),
            Move::Refund(amount) => writeln!(text, "refund {amount}"),
            Move::Rebate(who, amount) => writeln!(text, "rebate {} {amount}", name(*who)),
        };
    }
    expected.assert_eq(&text);
}

fn name(who: Maker) -> String {
    match who {
        Maker::Account(AccountIx(n)) => format!("maker {n}"),
        Maker::Recorded => "the recorded book".to_owned(),
    }
}

fn rules(accrual: Accrual) -> Rules {
    Rules { accrual, ..Rules::default() }
}

/// Maker 0 all day, maker 1 three times as large in the second half, nobody in the first hour.
fn two_makers(hour: u64) -> Vec<(u32, u64)> {
    match hour {
        0 => vec![],
        1..12 => vec![(0, 100)],
        _ => vec![(0, 100), (1, 300)],
    }
}

#[test]
fn a_day_by_the_minute() {
    let mut day = Day::new(rules(Accrual::Minute), Plan::default(), "48");
    // 2 dollars an hour: one hour back, 11 hours to maker 0 alone, 12 hours split one to three
    check(
        &day.run(two_makers),
        expect![[r#"
        fund 48
        reward maker 0 28
        reward maker 1 18
        refund 2
    "#]],
    );
    assert_eq!(day.programme.payments(maker(1)).count(), 1);
    assert_eq!(day.programme.tally_of(AccountIx(0)), (23 * 60, usdc("28")));
}

#[test]
fn a_day_normalised() {
    let mut day = Day::new(rules(Accrual::Day), Plan::default(), "48");
    // Q: 11 + 3 of 23 hours, 9 of 23 hours; nothing goes back
    check(
        &day.run(two_makers),
        expect![[r#"
        fund 48
        reward maker 0 29.217391
        reward maker 1 18.782608
    "#]],
    );
}

#[test]
fn an_empty_day_goes_back_whole() {
    for accrual in [Accrual::Day, Accrual::Minute] {
        let mut day = Day::new(rules(accrual), Plan::default(), "48");
        check(
            &day.run(|_| vec![]),
            expect![[r#"
            fund 48
            refund 48
        "#]],
        );
    }
}

#[test]
fn less_than_a_dollar_is_not_paid_and_stays_in_the_pool() {
    let mut day = Day::new(rules(Accrual::Minute), Plan::default(), "9");
    check(
        &day.run(|_| vec![(0, 100), (1, 900)]),
        expect![[r#"
        fund 9
        reward maker 1 8.1
    "#]],
    );
    let earned = day.programme.earnings(DAY, maker(0));
    assert_eq!(earned[0].amount.to_string(), "0.900000000000", "earned, told, and not paid");
    let mut exact = Day::new(rules(Accrual::Minute), Plan::default(), "10");
    check(
        &exact.run(|_| vec![(0, 100), (1, 900)]),
        expect![[r#"
        fund 10
        reward maker 0 1
        reward maker 1 9
    "#]],
    );
}

#[test]
fn rates_change_and_pools_vanish_within_the_day() {
    let change = |hour: u64, rate: &str| TermsChange {
        after: Nanos::from_secs(hour * 3_600),
        rate_per_day: Some(usdc(rate)),
        ..TermsChange::default()
    };
    let plan = Plan { changes: vec![change(6, "96"), change(12, "0")], sponsored: vec![] };
    let mut day = Day::new(rules(Accrual::Minute), plan.clone(), "48");
    // 6 hours at 2, 6 hours at 4, then nothing
    check(
        &day.run(|_| vec![(0, 100)]),
        expect![[r#"
        fund 36
        reward maker 0 36
    "#]],
    );
    assert!(day.programme.pools(MarketIx(0), &day.terms, at(13)).is_empty(), "gone");

    let mut day = Day::new(rules(Accrual::Day), plan, "48");
    // the pool is the mean of the rates; the first hour's share goes to those who scored later
    check(
        &day.run(|hour| if hour == 0 { vec![] } else { vec![(0, 100)] }),
        expect![[r#"
        fund 36
        reward maker 0 36
    "#]],
    );
}

#[test]
fn sponsors_pay_by_the_minute_and_get_back_the_rest() {
    let sponsorship = |currency| Sponsorship {
        sponsor: "0x00000000000000000000000000000000000000b0".to_owned(),
        from: Nanos::from_secs(6 * 3_600),
        lasts: Nanos::from_secs(12 * 3_600),
        rate_per_day: usdc("24"),
        currency,
    };
    let plan = Plan { changes: vec![], sponsored: vec![sponsorship(Currency::Pusd), sponsorship(Currency::UsdcE)] };
    let mut day = Day::new(rules(Accrual::Day), plan, "24");
    let pools = day.programme.pools(MarketIx(0), &day.terms, at(6));
    let told: Vec<_> = pools.iter().map(|p| (p.rate_per_day.to_string(), p.total.to_string(), p.currency)).collect();
    let expected = [("24", "0", Currency::Pusd), ("24", "12", Currency::Pusd), ("24", "12", Currency::UsdcE)];
    assert_eq!(told, expected.map(|(rate, total, currency)| (rate.to_owned(), total.to_owned(), currency)));
    assert_eq!(day.programme.pools(MarketIx(0), &day.terms, at(18)).len(), 1, "both have ended");

    // native: day-normalised, whole; sponsored: from 6 to 18 h at a dollar an hour, scored until 12 h only
    check(
        &day.run(|hour| if hour < 12 { vec![(0, 100)] } else { vec![] }),
        expect![[r#"
        fund 36
        reward maker 0 30
        refund 6
    "#]],
    );
    assert_eq!(day.programme.bridged(maker(0)), usdc("6"), "the other currency is booked apart");
    assert_eq!(day.programme.check(), Ok(()));
}

#[test]
fn the_smallest_payout_is_per_currency() {
    let sponsorship = Sponsorship {
        sponsor: String::new(),
        from: Nanos::ZERO,
        lasts: Nanos::from_secs(86_400),
        rate_per_day: usdc("0.6"),
        currency: Currency::UsdcE,
    };
    let one = |currency| Plan { changes: vec![], sponsored: vec![Sponsorship { currency, ..sponsorship.clone() }] };
    let mut apart = Day::new(rules(Accrual::Minute), one(Currency::UsdcE), "0.6");
    check(
        &apart.run(|_| vec![(0, 100)]),
        expect![[r#"
        fund 0.6
    "#]],
    );
    let mut together = Day::new(rules(Accrual::Minute), one(Currency::Pusd), "0.6");
    check(
        &together.run(|_| vec![(0, 100)]),
        expect![[r#"
        fund 1.2
        reward maker 0 1.2
    "#]],
    );
}

#[test]
fn rebates_are_paid_from_a_dollar_on_and_out_of_what_was_collected() {
    let part = |who, dollars| (maker(who), Ratio::whole(dollars));
    // a fifth of 10 dollars, split 6 to 4 to 20; the recorded book has no wallet
    let parts = vec![part(0, 6), part(1, 4), (Maker::Recorded, Ratio::whole(20))];
    let fees = FeeDay::new(FeeDay::pool_of(usdc("30"), 200_000), parts).expect("somebody was filled");
    let play = |till: &str| {
        let mut day = Day::new(rules(Accrual::Minute), Plan::default(), "0");
        (day.fees, day.till) = (vec![(MarketIx(0), fees.clone())], usdc(till));
        let moves = day.run(|_| vec![]);
        (day, moves)
    };
    let (day, moves) = play("30");
    check(
        &moves,
        expect![[r#"
            rebate maker 0 1.2
        "#]],
    );
    let told = |who| day.programme.rebates(DAY, who).first().map(|r| r.amount.to_string());
    assert_eq!(told(maker(1)), Some("0.800000000000".to_owned()), "told although it is not paid");
    assert_eq!(told(Maker::Recorded), Some("4.000000000000".to_owned()));
    let kinds: Vec<_> = day.programme.payments(maker(0)).map(|p| (p.kind, p.at)).collect();
    assert_eq!(kinds, [(PaymentKind::Rebate, at(24))]);
    // the fees of the last seconds are still on their way
    let (day, moves) = play("1.199999");
    check(&moves, expect![""]);
    assert_eq!(day.programme.payments(maker(0)).count(), 0);
}

#[test]
fn days_are_forgotten_after_a_month() {
    let mut day = Day::new(rules(Accrual::Minute), Plan::default(), "0");
    for n in 1..40 {
        day.programme.close(Timestamp::EPOCH.plus(Nanos::from_secs((DAY + n) * 86_400)), &[], Usdc::ZERO);
    }
    let kept: Vec<u64> = day.programme.days().map(|(day, _)| day).collect();
    assert_eq!((kept.len(), kept.first(), kept.last()), (31, Some(&(DAY + 8)), Some(&(DAY + 38))));
    assert_eq!(day.programme.today(), DAY + 39);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever happens: a pool pays at most what was put into it, and without a smallest payout all but dust.
    #[test]
    fn pools_never_run_short(
        rate in 0u64..200_000_000,
        later in 0u64..200_000_000,
        hours in proptest::collection::vec(proptest::collection::vec((0u32..5, 20u64..1_000), 0..5), 24),
        by_day in any::<bool>(),
    ) {
        let accrual = if by_day { Accrual::Day } else { Accrual::Minute };
        let rules = Rules { accrual, min_payout: Usdc::ZERO, ..Rules::default() };
        let change = TermsChange { after: Nanos::from_secs(30_000), rate_per_day: Some(Usdc::from_micro(later)), ..TermsChange::default() };
        let plan = Plan { changes: vec![change], sponsored: vec![] };
        let mut day = Day::new(rules, plan, &Usdc::from_micro(rate).to_string());
        let moves = day.run(|hour| hours[usize::try_from(hour).expect("below 24")].clone());
        let (mut filled, mut left, mut paid) = (0u64, 0u64, 0u64);
        for step in moves {
            match step {
                Move::Fund(amount) => (filled, left) = (filled + amount.micro(), left + amount.micro()),
                Move::Reward(_, amount) | Move::Refund(amount) => {
                    prop_assert!(amount.micro() <= left, "{} of {left}", amount.micro());
                    (left, paid) = (left - amount.micro(), paid + 1);
                }
                Move::Rebate(..) => prop_assert!(false, "nothing was traded"),
            }
        }
        prop_assert!(left <= paid + 1, "{left} of {filled} stay after {paid} roundings");
    }
}
