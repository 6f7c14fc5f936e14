//! Amounts to price and size.

use super::{Price, Qty, Side, SignedOrderBody, price_and_size};
use mm_core::domain::TokenId;

/// `dollars` and `shares` in millionths.
fn order(side: Side, dollars: u64, shares: u64) -> SignedOrderBody {
    let (maker_amount, taker_amount) = if side == Side::Buy { (dollars, shares) } else { (shares, dollars) };
    SignedOrderBody {
        salt: 1,
        maker: String::new(),
        signer: String::new(),
        token_id: TokenId::parse("1").expect("a decimal"),
        maker_amount,
        taker_amount,
        side: side.as_str().to_owned(),
        expiration: 0,
        signature_type: 0,
        timestamp: 0,
        metadata: String::new(),
        builder: String::new(),
        signature: String::new(),
    }
}

fn check(dollars: u64, shares: u64, exact: bool, expected: &str) {
    for side in [Side::Buy, Side::Sell] {
        let got = match price_and_size(&order(side, dollars, shares), side, exact) {
            Ok((price, qty)) => format!("{price} x {qty}"),
            Err(shown) => format!("no: {shown}"),
        };
        assert_eq!(got, expected, "{side} {dollars} for {shares}, exact {exact}");
    }
}

#[test]
fn resting_orders_come_out_even() {
    check(275_046_750, 1_000_170_000, true, "0.275 x 1000.17");
    check(4_000_000, 10_000_000, true, "0.4 x 10");
    check(5_050_000, 10_000_000, true, "0.505 x 10");
    check(4_000_001, 10_000_000, true, "no: 0.4");
    check(10_000_000, 3_000_000, true, "no: 3.333333");
    check(1, 0, true, "no: NaN");
    check(u64::MAX, 1, true, "no: 18446744073709.551615");
    check(u64::MAX, u64::MAX, true, &format!("1 x {}", Qty::from_micro(u64::MAX)));
    check(0, 1, true, &format!("{} x 0.000001", Price::ZERO));
}

#[test]
fn market_orders_may_carry_their_rounding() {
    // 10 dollars at 0.53, shares rounded to four decimals
    check(10_000_000, 18_867_900, false, "0.53 x 18.8679");
    check(10_000_000, 18_867_900, true, "no: 0.53");
    check(10_000_000, 18_600_000, false, "no: 0.537634");
    check(100, 33_333, false, "0.003 x 0.033333");
}
