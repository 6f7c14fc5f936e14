//! `book_hash.json`: the venue's book hash, on recorded books and changes.

use super::CaseResult;
use mm_core::domain::{Price, Qty, TickSize};
use mm_core::venue::book_hash::{HashInputs, book_hash};
use serde_json::Value;

/// Runs every case of the file.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    let cases = document["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
    cases
        .iter()
        .map(|case| CaseResult { id: case["id"].as_str().unwrap_or("?").to_owned(), outcome: check(case) })
        .collect()
}

fn check(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    let text = |key: &str| input[key].as_str().ok_or_else(|| format!("{key} is not a string"));
    let inputs = HashInputs {
        market: text("market")?,
        token: text("asset_id")?,
        venue_ms: text("timestamp")?.parse().map_err(|why| format!("timestamp: {why}"))?,
        min_order: Qty::parse(text("min_order_size")?).map_err(|why| format!("min_order_size: {why}"))?,
        tick: TickSize::parse(text("tick_size")?).map_err(|why| why.to_string())?,
        neg_risk: input["neg_risk"].as_bool().ok_or("neg_risk is not a boolean")?,
    };
    let came = book_hash(&inputs, levels(&input["bids"])?, levels(&input["asks"])?, text("last_trade_price")?);
    let expected = case["sha1"].as_str().ok_or("sha1 is not a string")?;
    if came.to_string() == expected { Ok(()) } else { Err(format!("expected {expected}, came {came}")) }
}

fn levels(value: &Value) -> Result<Vec<(Price, Qty)>, String> {
    let level = |level: &Value| {
        let price = Price::parse(level["price"].as_str()?).ok()?;
        Some((price, Qty::parse(level["size"].as_str()?).ok()?))
    };
    value
        .as_array()
        .and_then(|levels| levels.iter().map(level).collect())
        .ok_or_else(|| format!("not a list of levels: {value}"))
}
