//! What the venue says a maker earns (`rewards.md` section 3.2). Its numbers come as JSON numbers or as strings; what cannot be read is not
//! known, and never zero.

use crate::domain::{ConditionId, Share, Usdc, parse_decimal_down};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Answer of `GET /rewards/user/percentages`: by market, what part of its rewards is ours as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percentages(pub BTreeMap<String, Value>);

impl Percentages {
    /// Our part of one market's; `None` where it is not told.
    #[must_use]
    pub fn share(&self, condition: &ConditionId) -> Option<Share> {
        Share::parse_percent(&text_of(self.0.get(condition.as_str())?)?).ok()
    }
}

/// One row of `GET /rewards/user/total`: one currency of one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarnedRow {
    /// Currency.
    #[serde(default)]
    pub asset_address: String,
    /// In that currency.
    pub earnings: Value,
    /// Dollars for one of it.
    pub asset_rate: Value,
}

impl EarnedRow {
    /// Dollars, rounded down; `None` where a number cannot be read.
    #[must_use]
    pub fn dollars(&self) -> Option<Usdc> {
        let [amount, rate] =
            [&self.earnings, &self.asset_rate].map(|value| parse_decimal_down(&text_of(value)?, 9).ok());
        let micro = u128::from(amount?) * u128::from(rate?) / 1_000_000_000_000;
        u64::try_from(micro).ok().map(Usdc::from_micro)
    }
}

/// Dollars of all rows; `None` where one of them cannot be read.
#[must_use]
pub fn dollars(rows: &[EarnedRow]) -> Option<Usdc> {
    rows.iter().try_fold(Usdc::ZERO, |sum, row| sum.checked_add(row.dollars()?))
}

/// A number, or the text of one.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) if n.is_u64() => Some(n.to_string()),
        // the shortest text that names the same double, without an exponent
        Value::Number(n) => n.as_f64().map(|n| n.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let [a, b, c, d, e, other] = ["a", "b", "c", "d", "e", "f"].map(|digit| format!("0x{}", digit.repeat(64)));
        let body = format!(r#"{{"{a}":12.5,"{b}":"0.25","{c}":null,"{d}":-3,"{e}":1e-7}}"#);
        let told: Percentages = serde_json::from_str(&body).expect("one market alone fails nothing");
        let share = |id: &str| told.share(&ConditionId::parse(id).expect("an id")).map(|share| share.to_string());
        let shares = [&a, &b, &c, &d, &e, &other].map(|id| share(id));
        assert_eq!(shares.map(|share| share.unwrap_or_default()), ["12.5", "0.25", "", "", "0", ""]);
    }

    #[test]
    fn a_day_is_the_sum_of_its_currencies_or_unknown() {
        let sum = |rows: &str| {
            let rows: Vec<EarnedRow> = serde_json::from_str(rows).expect("rows");
            dollars(&rows).map(|sum| sum.to_string())
        };
        assert_eq!(sum("[]").as_deref(), Some("0"), "a day without rows earned nothing");
        let two = r#"[{"earnings":1.5,"asset_rate":1},{"earnings":"0.333333333333","asset_rate":"2"}]"#;
        assert_eq!(sum(two).as_deref(), Some("2.166666"));
        assert_eq!(sum(r#"[{"earnings":1.5,"asset_rate":1},{"earnings":null,"asset_rate":1}]"#), None);
        assert_eq!(sum(r#"[{"earnings":1e300,"asset_rate":1}]"#), None);
    }
}
