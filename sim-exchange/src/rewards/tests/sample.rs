use super::naive::{Frac, frac, whole};
use crate::draws::Draws;
use crate::exchange::AccountIx;
use crate::rewards::{Maker, Minutes, Resting, SHARE_ONE, Sample, Sampler, Terms};
use mm_core::domain::{Nanos, Price, Qty, Side};
use mm_core::rewards::{Fixed12, MidpointMode, Ratio};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn price(cents: u16) -> Price {
    Price::from_ten_thousandths(cents * 100).expect("below a dollar")
}

fn shares(n: u64) -> Qty {
    Qty::from_micro(n * 1_000_000)
}

fn terms(mode: MidpointMode) -> Terms {
    Terms {
        max_spread: price(3),
        min_size: shares(20),
        min_age: Nanos::from_ms(4_000),
        midpoint: mode,
        multiplier: Ratio::ONE,
        divisor: Ratio::whole(3),
    }
}

fn order(maker: u32, side: Side, cents: u16, size: u64, age_ms: u64) -> Resting {
    let maker = Maker::Account(AccountIx(maker));
    Resting { maker, side, price: price(cents), qty: shares(size), age: Nanos::from_ms(age_ms) }
}

/// The scoring rules read aloud: maps, fractions, no care for speed.
fn naive(terms: &Terms, orders: &[Resting], recorded: &[(Side, Price, Qty)]) -> Option<BTreeMap<Maker, Frac>> {
    let least = i128::from(terms.min_size.micro());
    let mut levels: BTreeMap<(Side, u16), Vec<i128>> = BTreeMap::new();
    let all = orders.iter().map(|o| (o.side, o.price, o.qty)).chain(recorded.iter().copied());
    for (side, price, qty) in all.filter(|(_, _, qty)| !qty.is_zero()) {
        levels.entry((side, price.ten_thousandths())).or_default().push(i128::from(qty.micro()));
    }
    let counts = |sizes: &Vec<i128>| match terms.midpoint {
        MidpointMode::Level => sizes.iter().sum::<i128>() >= least,
        MidpointMode::Order => sizes.iter().any(|size| *size >= least),
        MidpointMode::Raw => true,
    };
    let of = |side| levels.iter().filter(move |((s, _), sizes)| *s == side && counts(sizes)).map(|((_, p), _)| *p);
    let (bid, ask) = (of(Side::Buy).max()?, of(Side::Sell).min()?);
    let mid = frac(i128::from(bid) + i128::from(ask), 20_000);
    let v = frac(i128::from(terms.max_spread.ten_thousandths()), 10_000);
    let mut sides: BTreeMap<Maker, (Frac, Frac)> = BTreeMap::new();
    let aged = orders.iter().filter(|o| o.age >= terms.min_age).map(|o| (o.maker, o.side, o.price, o.qty));
    for (maker, side, price, qty) in aged.chain(recorded.iter().map(|(s, p, q)| (Maker::Recorded, *s, *p, *q))) {
        let s = (frac(i128::from(price.ten_thousandths()), 10_000) - mid).abs();
        if qty < terms.min_size || !s.less_than(v) {
            continue;
        }
        let score = (v - s) / v * ((v - s) / v) * frac(i128::from(qty.micro()), 1_000_000);
        let sums = sides.entry(maker).or_insert((whole(0), whole(0)));
        match side {
            Side::Buy => sums.0 = sums.0 + score,
            Side::Sell => sums.1 = sums.1 + score,
        }
    }
    let alone = !mid.less_than(frac(1, 10)) && !frac(9, 10).less_than(mid);
    let one_number = |(one, two): (Frac, Frac)| {
        let both = one.min(two);
        if alone { both.max(one.max(two) / whole(3)) } else { both }
    };
    Some(sides.into_iter().map(|(maker, sums)| (maker, one_number(sums))).filter(|(_, q)| !q.is_zero()).collect())
}

fn q_mins(sample: &Sample) -> BTreeMap<Maker, String> {
    let Some(unit) = sample.formula.and_then(|f| f.q_min_unit()) else { return BTreeMap::new() };
    let told = |q: u128| Fixed12::quotient(q, 1, unit).expect("fits").to_string();
    sample.makers.iter().filter(|m| m.q_min > 0).map(|m| (m.maker, told(m.q_min))).collect()
}

fn orders() -> impl Strategy<Value = Vec<Resting>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    // four makers around two midpoints: the middle of the band and its lower edge
    let size = prop_oneof![0u64..20, 20u64..60];
    let one = (0u32..4, side, 0u16..9, size, prop_oneof![Just(3_999u64), Just(4_000)], any::<bool>());
    let many = proptest::collection::vec(one, 0..24);
    (many, prop_oneof![Just(46u16), Just(6)]).prop_map(|(many, base)| {
        let place = |side: Side, at: u16, deep: bool| match side {
            Side::Buy => base + at / if deep { 1 } else { 2 },
            Side::Sell => base + 8 - at / if deep { 1 } else { 2 },
        };
        many.into_iter()
            .map(|(maker, side, at, size, age, deep)| order(maker, side, place(side, at, deep), size, age))
            .collect()
    })
}

proptest! {
    #[test]
    fn samples_equal_naive_fractions(
        orders in orders(),
        recorded in proptest::collection::vec((any::<bool>(), 44u16..56, 0u64..100), 0..4),
        mode in prop_oneof![Just(MidpointMode::Level), Just(MidpointMode::Order), Just(MidpointMode::Raw)],
    ) {
        let mut seen = std::collections::BTreeSet::new();
        let recorded: Vec<_> = recorded.into_iter()
            .map(|(bid, at, size)| (if bid { Side::Buy } else { Side::Sell }, price(at), shares(size)))
            .filter(|(side, at, _)| seen.insert((*side, *at)))
            .collect();
        // a used sampler must answer like a new one
        let mut sampler = Sampler::default();
        let _ = sampler.sample(&terms(MidpointMode::Raw), &[order(9, Side::Buy, 50, 99, 9_000)], &[]);
        let sample = sampler.sample(&terms(mode), &orders, &recorded).expect("fits");
        let model = naive(&terms(mode), &orders, &recorded).unwrap_or_default();
        let expected: BTreeMap<_, _> = model.iter().map(|(maker, q)| (*maker, q.twelve())).collect();
        prop_assert_eq!(q_mins(&sample), expected);

        let total = model.values().fold(whole(0), |sum, q| sum + *q);
        for (maker, q) in &model {
            prop_assert_eq!(sample.share_of(*maker).to_string(), (*q / total).twelve());
        }
        let given: u128 = sample.shares().map(|(_, share)| share).sum();
        let makers = sample.shares().count() as u128;
        prop_assert!(makers == 0 || (given <= SHARE_ONE && SHARE_ONE - given < makers), "{given}");
    }
}

#[test]
fn makers_are_scored_alone_and_a_recorded_book_as_one() {
    let mut sampler = Sampler::default();
    let mine = [order(0, Side::Buy, 49, 100, 9_000), order(0, Side::Sell, 51, 100, 9_000)];
    let share = |sampler: &mut Sampler, orders: &[Resting], recorded: &[(Side, Price, Qty)]| {
        let sample = sampler.sample(&terms(MidpointMode::Level), orders, recorded).expect("fits");
        sample.share_of(Maker::Account(AccountIx(0))).to_string()
    };
    // the cases `aggregate-vs-makers` of the vectors: two one-sided makers leave me more than one two-sided
    let two = [mine[0], mine[1], order(1, Side::Buy, 49, 400, 9_000), order(2, Side::Sell, 51, 400, 9_000)];
    assert_eq!(share(&mut sampler, &two, &[]), "0.272727272727");
    let book = [(Side::Buy, price(49), shares(400)), (Side::Sell, price(51), shares(400))];
    assert_eq!(share(&mut sampler, &mine, &book), "0.200000000000");
    assert_eq!(share(&mut sampler, &two[..3], &[]), "0.428571428571", "one side counts a third: 100 of 100 + 400/3");
}

#[test]
fn what_may_form_the_midpoint_is_a_level_one_order_or_anything() {
    let mut sampler = Sampler::default();
    let orders = [
        order(0, Side::Buy, 48, 20, 9_000),
        order(1, Side::Buy, 49, 12, 9_000),
        order(2, Side::Buy, 49, 12, 9_000),
        order(1, Side::Buy, 50, 19, 9_000),
        order(0, Side::Sell, 52, 20, 9_000),
    ];
    let best = |mode| {
        let sample = sampler.sample(&terms(mode), &orders, &[]).expect("fits");
        sample.best.map(|(bid, _)| bid.to_string())
    };
    let told = [MidpointMode::Level, MidpointMode::Order, MidpointMode::Raw].map(best);
    assert_eq!(told, [Some("0.49".to_owned()), Some("0.48".to_owned()), Some("0.5".to_owned())]);
}

#[test]
fn a_young_order_forms_the_book_and_scores_from_its_age_on() {
    let mut sampler = Sampler::default();
    let mut at = |age_ms| {
        let orders = [order(0, Side::Buy, 49, 100, age_ms), order(0, Side::Sell, 51, 100, age_ms)];
        let sample = sampler.sample(&terms(MidpointMode::Level), &orders, &[]).expect("fits");
        (sample.midpoint().map(|mid| mid.to_string()), sample.orders[0].points > 0, sample.total > 0)
    };
    assert_eq!(at(3_999), (Some("0.5".to_owned()), false, false));
    assert_eq!(at(4_000), (Some("0.5".to_owned()), true, true));
}

#[test]
fn one_sample_a_utc_minute_at_moments_of_the_seed_alone() {
    let draws = Draws::new(7);
    let day_ms = 20_000 * 86_400_000;
    let mut minutes = Minutes::new(&draws, day_ms);
    let mut taken = Vec::new();
    while minutes.next_ms() < day_ms + 86_400_000 {
        taken.push(minutes.next_ms());
        minutes.advance(&draws);
    }
    assert_eq!(taken.len(), 1_440);
    assert!(taken.iter().zip(0u64..).all(|(at, n)| at / 60_000 == day_ms / 60_000 + n), "one in each minute");
    let early = taken.iter().filter(|at| *at % 60_000 < 30_000).count();
    assert!((600..840).contains(&early), "{early} of 1440 offsets are in the first half of their minute");

    // a later start sees the same moments, and a start behind the minute's sample waits for the next minute
    assert_eq!(Minutes::new(&draws, taken[9]).next_ms(), taken[9]);
    assert_eq!(Minutes::new(&draws, taken[9] + 1).next_ms(), taken[10]);
    assert_ne!(Minutes::new(&Draws::new(8), day_ms).next_ms(), taken[0], "another seed, other moments");
}

#[test]
fn numbers_beyond_128_bits_are_refused() {
    let wild = Terms { multiplier: Ratio::whole(u128::MAX), ..terms(MidpointMode::Level) };
    let orders = [order(0, Side::Buy, 49, 100, 9_000), order(0, Side::Sell, 51, 100, 9_000)];
    let mut sampler = Sampler::default();
    assert_eq!(sampler.sample(&wild, &orders, &[]), None);
    assert!(sampler.sample(&terms(MidpointMode::Level), &orders, &[]).is_some_and(|s| s.makers.len() == 1));
}
