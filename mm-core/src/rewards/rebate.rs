//! Taker fees and the makers' part of them, exact (`rewards.md` section 7).

use super::{Fixed12, Ratio};
use crate::domain::{Price, Qty, parse_decimal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Decimals of a fee rate and a rebate rate.
const RATE_DECIMALS: u32 = 6;
/// Largest exponent of the fee curve that is computed; the venue uses 1 and its schemas show 2.
const EXPONENT_MAX: u32 = 8;
/// Whose fills are mine in a case.
const ME: &str = "me";

/// The fills of one market and day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebateCase {
    fee_rate: Ratio,
    exponent: u32,
    rebate_rate: Ratio,
    fills: Vec<(bool, Qty, Price)>,
}

/// A fee in units of 0.00001 dollar, printed with five decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee5(pub u128);

impl fmt::Display for Fee5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}", self.0 / 100_000, self.0 % 100_000)
    }
}

impl Serialize for Fee5 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What the taker of one fill is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FillFee {
    /// Before rounding.
    pub fee_exact: Fixed12,
    /// As charged: five decimals, half up; what rounds to nothing is free.
    pub fee_5dp_half_up: Fee5,
}

/// A day's fees and my part of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RebateScore {
    /// One entry a fill.
    pub fills: Vec<FillFee>,
    /// Sum of the exact fees.
    pub total_fee_equivalent: Fixed12,
    /// Sum of those on my fills.
    pub my_fee_equivalent: Fixed12,
    /// The makers' part of the total.
    pub rebate_pool: Fixed12,
    /// My part of the pool.
    pub my_rebate: Fixed12,
}

#[derive(Deserialize)]
struct RawRebate {
    fee_rate: String,
    exponent: String,
    rebate_rate: String,
    fills: Vec<RawFill>,
}

#[derive(Deserialize)]
struct RawFill {
    maker: String,
    shares: String,
    price: String,
}

fn rate(path: &str, text: &str) -> Result<Ratio, String> {
    let units = parse_decimal(text, RATE_DECIMALS).map_err(|why| format!("{path} is {text:?}: {why}"))?;
    Ok(Ratio::new(u128::from(units), 10u128.pow(RATE_DECIMALS)).expect("a power of ten is not zero"))
}

/// `shares × rate × (p(1 − p))^exponent` in dollars; `None` when it does not fit.
#[must_use]
pub fn fee_equivalent(qty: Qty, price: Price, rate: Ratio, exponent: u32) -> Option<Ratio> {
    let p = u128::from(price.ten_thousandths());
    let curve = Ratio::new(p * (10_000 - p), 100_000_000)?;
    let base = Ratio::new(u128::from(qty.micro()), 1_000_000)?.checked_mul(rate)?;
    (0..exponent).try_fold(base, |fee, _| fee.checked_mul(curve))
}

impl RebateCase {
    /// Reads one of the vectors' `rebate_cases`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(value: &Value) -> Result<Self, String> {
        let raw = RawRebate::deserialize(value).map_err(|e| e.to_string())?;
        let exponent = raw.exponent.parse().ok().filter(|e| *e <= EXPONENT_MAX);
        let exponent = exponent
            .ok_or_else(|| format!("exponent is {:?}: not a whole number up to {EXPONENT_MAX}", raw.exponent))?;
        let mut fills = Vec::with_capacity(raw.fills.len());
        for (i, fill) in raw.fills.iter().enumerate() {
            let shares = &fill.shares;
            let qty = Qty::parse(shares).map_err(|why| format!("fills[{i}].shares is {shares:?}: {why}"))?;
            let price =
                Price::parse(&fill.price).map_err(|why| format!("fills[{i}].price is {:?}: {why}", fill.price))?;
            fills.push((fill.maker == ME, qty, price));
        }
        Ok(Self {
            fee_rate: rate("fee_rate", &raw.fee_rate)?,
            exponent,
            rebate_rate: rate("rebate_rate", &raw.rebate_rate)?,
            fills,
        })
    }

    /// The day's fees and my rebate. `None` when a number does not fit 128 bits.
    #[must_use]
    pub fn score(&self) -> Option<RebateScore> {
        let (mut total, mut mine) = (Ratio::ZERO, Ratio::ZERO);
        let mut fills = Vec::with_capacity(self.fills.len());
        for (is_mine, qty, price) in &self.fills {
            let fee = fee_equivalent(*qty, *price, self.fee_rate, self.exponent)?;
            total = total.checked_add(fee)?;
            if *is_mine {
                mine = mine.checked_add(fee)?;
            }
            fills.push(FillFee { fee_exact: fee.fixed12()?, fee_5dp_half_up: Fee5(fee.half_up_5()?) });
        }
        let pool = total.checked_mul(self.rebate_rate)?;
        let my_rebate = if total.is_zero() { Ratio::ZERO } else { pool.checked_mul(mine)?.checked_div(total)? };
        Some(RebateScore {
            fills,
            total_fee_equivalent: total.fixed12()?,
            my_fee_equivalent: mine.fixed12()?,
            rebate_pool: pool.fixed12()?,
            my_rebate: my_rebate.fixed12()?,
        })
    }
}
