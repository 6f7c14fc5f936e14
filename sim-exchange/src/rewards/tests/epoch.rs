use super::naive::{Frac, frac, whole};
use crate::exchange::AccountIx;
use crate::rewards::amount::{Sum, money_down, money_up, share};
use crate::rewards::{Accrual, Epoch, MICRO, Maker, PoolDay, SHARE_ONE};
use mm_core::domain::Usdc;
use mm_core::rewards::Fixed12;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn maker(n: u32) -> Maker {
    Maker::Account(AccountIx(n))
}

fn usdc(cents: u64) -> Usdc {
    Usdc::from_micro(cents * 10_000)
}

/// Samples in a row: rate in cents, how many, and each maker's score.
type Run = (u64, u64, Vec<u8>);

fn epoch_of(runs: &[Run]) -> Epoch {
    let mut epoch = Epoch::default();
    for (cents, repeat, scores) in runs {
        let total: u128 = scores.iter().map(|q| u128::from(*q)).sum();
        let points = (0u32..).zip(scores).map(|(n, q)| (maker(n), u128::from(*q)));
        epoch.add(&[usdc(*cents)], *repeat, total, points);
    }
    epoch
}

/// Both accruals read aloud: (by the day, by the minute, unscored money by the minute).
fn naive(runs: &[Run]) -> (BTreeMap<Maker, Frac>, BTreeMap<Maker, Frac>, Frac) {
    let (mut q, mut minute, mut unscored) = (BTreeMap::new(), BTreeMap::new(), whole(0));
    let (mut samples, mut rates, mut paying) = (0, whole(0), whole(0));
    for (cents, repeat, scores) in runs {
        let (rate, repeat) = (frac(i128::from(*cents), 100), i128::from(*repeat));
        let total: i128 = scores.iter().map(|q| i128::from(*q)).sum();
        (samples, rates) = (samples + repeat, rates + rate * whole(repeat));
        if total == 0 {
            unscored = unscored + rate * frac(repeat, 1_440);
        }
        for (n, score) in (0u32..).zip(scores).filter(|(_, score)| **score > 0) {
            let part = frac(i128::from(*score) * repeat, total);
            let sum = minute.entry(maker(n)).or_insert(whole(0));
            *sum = *sum + part * rate / whole(1_440);
            if !rate.is_zero() {
                let sum = q.entry(maker(n)).or_insert(whole(0));
                *sum = *sum + part;
                paying = paying + part;
            }
        }
    }
    let pool = rates / whole(samples.max(1));
    let day = q.into_iter().map(|(maker, part): (Maker, Frac)| (maker, part / paying * pool)).collect();
    minute.retain(|_, amount: &mut Frac| !amount.is_zero());
    (day, minute, unscored)
}

fn told(day: &PoolDay) -> BTreeMap<Maker, String> {
    day.earned.iter().map(|(maker, amount)| (*maker, amount.to_string())).collect()
}

fn expected(model: &BTreeMap<Maker, Frac>) -> BTreeMap<Maker, String> {
    model.iter().map(|(maker, amount)| (*maker, amount.twelve())).collect()
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let rate = prop_oneof![Just(0u64), Just(5_000), 1u64..100_000];
    proptest::collection::vec((rate, 1u64..400, proptest::collection::vec(0u8..4, 3)), 1..6)
}

proptest! {
    #[test]
    fn epochs_equal_naive_fractions(runs in runs()) {
        let epoch = epoch_of(&runs);
        let (day, minute, unscored) = naive(&runs);
        let (by_day, by_minute) = (epoch.pool(0, Accrual::Day), epoch.pool(0, Accrual::Minute));
        prop_assert_eq!(told(&by_day), expected(&day));
        prop_assert_eq!(told(&by_minute), expected(&minute));
        prop_assert_eq!(by_minute.unscored.to_string(), unscored.twelve());
        for who in epoch.makers() {
            prop_assert_eq!(epoch.earned(0, Accrual::Day, who), by_day.earned.get(&who).copied().unwrap_or_default());
            prop_assert_eq!(epoch.earned(0, Accrual::Minute, who), by_minute.earned.get(&who).copied().unwrap_or_default());
        }
        prop_assert!(epoch.check().is_ok());
    }

    /// Under both accruals a pool is what its makers earn and what nobody did, but for half a unit of the twelfth decimal each.
    #[test]
    fn a_pool_is_earned_or_unscored(runs in runs()) {
        let epoch = epoch_of(&runs);
        for accrual in [Accrual::Day, Accrual::Minute] {
            let pool = epoch.pool(0, accrual);
            let earned: u128 = pool.earned.values().map(|a| a.units()).sum();
            let given = earned + pool.unscored.units();
            let roundings = pool.earned.len() as u128 + 2;
            prop_assert!(given.abs_diff(pool.funded.units()) <= roundings, "{accrual:?}: {given} of {pool:?}");
        }
    }
}

#[test]
fn a_share_is_the_exact_quotient_rounded_down() {
    assert_eq!(share(1, 3), SHARE_ONE / 3);
    assert_eq!(share(2, 3), 2 * SHARE_ONE / 3);
    assert_eq!(share(7, 7), SHARE_ONE);
    // both roads of the division, on either side of where they part
    let (below, above) = ((1u128 << 81) - 1, (1u128 << 81) + 1);
    for total in [below, above] {
        let (s, q) = (share(total / 7, total), total / 7);
        let (whole, rest) = mm_core::rewards::mul_div(SHARE_ONE, q, total).expect("fits");
        assert!(rest < total);
        assert_eq!(s, whole);
    }
}

#[test]
fn sums_are_rounded_once_and_each_way_by_name() {
    let sum_of = |parts: &[u128], den| {
        let mut sum = Sum::new(den);
        parts.iter().for_each(|part| sum.add(*part, 1));
        (sum.half_even().units(), sum.up().units())
    };
    assert_eq!(sum_of(&[1, 1], 3), (1, 1));
    assert_eq!(sum_of(&[1], 3), (0, 1), "a pool holds what it owes");
    assert_eq!(sum_of(&[1, 1, 1], 3), (1, 1), "thirds add up");
    assert_eq!((sum_of(&[1], 2), sum_of(&[3], 2), sum_of(&[5], 2)), ((0, 1), (2, 2), (2, 3)), "halves go to the even");
    assert_eq!((money_down(Fixed12::from_units(1_999_999)), money_up(Fixed12::from_units(1_000_001))), (1, 2));
}

#[test]
fn a_day_of_thirds_reaches_the_cent() {
    // three equal makers of a pool of 3 dollars: each sample's thirds are rounded down, the day's dollar must not be
    let epoch = epoch_of(&[(300, 1_440, vec![1, 1, 1])]);
    for accrual in [Accrual::Day, Accrual::Minute] {
        let pool = epoch.pool(0, accrual);
        assert!(pool.earned.values().all(|a| a.units() == 1_000_000 * MICRO), "{accrual:?}: {pool:?}");
    }
}

#[test]
fn samples_behind_the_limit_are_not_counted() {
    let epoch = epoch_of(&[(300, 99_999, vec![1, 0, 0]), (300, 5, vec![1, 0, 0]), (300, 5, vec![1, 0, 0])]);
    assert_eq!(epoch.samples(), 100_000);
    assert_eq!(epoch.earned(0, Accrual::Day, maker(0)).to_string(), "3.000000000000");
}
