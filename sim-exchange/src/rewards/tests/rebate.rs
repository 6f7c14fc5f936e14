use crate::exchange::AccountIx;
use crate::rewards::{FeeDay, Maker};
use mm_core::domain::{Price, Qty, Usdc};
use mm_core::rewards::{Fixed12, Ratio, fee_equivalent};
use proptest::prelude::*;

fn maker(n: u32) -> Maker {
    Maker::Account(AccountIx(n))
}

proptest! {
    /// Where every taker was charged in full a maker gets the rebate share of its own fills; else its part of what was charged.
    #[test]
    fn rebates_equal_fractions(
        fills in proptest::collection::vec((0u32..3, 1u64..100_000, 1u16..10_000), 1..12),
        exponent in 1u32..3,
        charged in prop_oneof![Just(None), (0u64..10_000_000).prop_map(Some)],
    ) {
        let (rate, share) = (Ratio::new(5, 100).expect("not zero"), Ratio::new(15, 100).expect("not zero"));
        let (mut total, mut own) = (Ratio::ZERO, vec![Ratio::ZERO; 3]);
        for (who, hundredths, at) in fills {
            let price = Price::from_ten_thousandths(at).expect("below a dollar");
            let fee = fee_equivalent(Qty::from_micro(hundredths * 10_000), price, rate, exponent).expect("fits");
            total = total.checked_add(fee).expect("fits");
            own[who as usize] = own[who as usize].checked_add(fee).expect("fits");
        }
        let pool = match charged {
            None => total.checked_mul(share).and_then(Ratio::fixed12).expect("fits"),
            Some(micro) => FeeDay::pool_of(Usdc::from_micro(micro), 150_000),
        };
        let parts: Vec<_> = (0u32..).map(maker).zip(own.iter().copied()).collect();
        let day = FeeDay::new(pool, parts).expect("somebody was filled");
        prop_assert_eq!(day.total_fee_equivalent(), total);
        let mut given = 0;
        for (who, own) in (0u32..).map(maker).zip(own) {
            let exact = Ratio::new(pool.units(), 1_000_000_000_000).and_then(|pool| pool.checked_mul(own.checked_div(total)?)?.fixed12());
            if let Some(exact) = exact {
                prop_assert_eq!(day.rebate(who), exact);
            }
            if charged.is_none() {
                let alone = own.checked_mul(share).and_then(Ratio::fixed12).expect("fits");
                // the pool itself was rounded to the twelfth decimal
                prop_assert!(day.rebate(who).units().abs_diff(alone.units()) <= 1);
            }
            given += day.rebate(who).units();
        }
        prop_assert!(given.abs_diff(pool.units()) <= 3, "{given} of {pool}");
    }
}

#[test]
fn a_day_without_fills_gives_nothing() {
    assert_eq!(FeeDay::new(Fixed12::ZERO, Vec::new()), None);
    assert_eq!(FeeDay::new(Fixed12::ZERO, vec![(maker(0), Ratio::ZERO)]), None);
}
