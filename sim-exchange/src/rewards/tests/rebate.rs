use crate::exchange::AccountIx;
use crate::rewards::{FillDay, Maker};
use crate::scenario::Fee;
use mm_core::domain::{Price, Qty};
use mm_core::rewards::{Ratio, fee_equivalent};
use proptest::prelude::*;

fn maker(n: u32) -> Maker {
    Maker::Account(AccountIx(n))
}

fn price(ten_thousandths: u16) -> Price {
    Price::from_ten_thousandths(ten_thousandths).expect("below a dollar")
}

proptest! {
    /// Where every taker is charged a maker gets the rebate share of its own fills; where some are not, its part of the rest.
    #[test]
    fn rebates_equal_fractions(
        fills in proptest::collection::vec((0u32..3, 1u64..100_000, 1u16..10_000, any::<bool>()), 1..12),
        exponent in 1u32..3,
        all_charged in any::<bool>(),
    ) {
        let fee = Fee { rate_micro: 50_000, exponent, rebate_micro: 150_000 };
        let rate = Ratio::new(50_000, 1_000_000).expect("not zero");
        let mut day = FillDay::default();
        let (mut charged, mut total, mut own) = (Ratio::ZERO, Ratio::ZERO, vec![Ratio::ZERO; 3]);
        for (who, hundredths, at, paid) in fills {
            let (qty, paid) = (Qty::from_micro(hundredths * 10_000), paid || all_charged);
            day.add(maker(who), qty, price(at), exponent, paid);
            let fee = fee_equivalent(qty, price(at), rate, exponent).expect("fits");
            total = total.checked_add(fee).expect("fits");
            own[who as usize] = own[who as usize].checked_add(fee).expect("fits");
            charged = if paid { charged.checked_add(fee).expect("fits") } else { charged };
        }
        let share = Ratio::new(150_000, 1_000_000).expect("not zero");
        prop_assert_eq!(day.total_fee_equivalent(fee), Some(total));
        prop_assert_eq!(Some(day.pool(fee)), charged.checked_mul(share).and_then(Ratio::fixed12));
        for (n, own) in (0u32..).zip(own) {
            prop_assert_eq!(day.fee_equivalent(maker(n), fee), Some(own));
            if all_charged {
                prop_assert_eq!(Some(day.rebate(maker(n), fee)), own.checked_mul(share).and_then(Ratio::fixed12));
            } else if let Some(exact) = charged.checked_div(total).and_then(|part| part.checked_mul(own)?.checked_mul(share)?.fixed12()) {
                prop_assert!(day.rebate(maker(n), fee).units().abs_diff(exact.units()) <= 1, "{exact}");
            }
        }
    }
}

#[test]
fn a_day_without_fills_gives_nothing() {
    let fee = Fee { rate_micro: 50_000, exponent: 1, rebate_micro: 150_000 };
    let day = FillDay::default();
    assert!(day.is_empty());
    assert_eq!(day.rebate(maker(0), fee).to_string(), "0.000000000000");
}
