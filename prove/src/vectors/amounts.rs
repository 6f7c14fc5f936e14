//! `amounts.json`: the two integers an order is signed over, from price, size, side and tick.

use super::{CaseResult, cases, expect_equal, field, text};
use mm_core::domain::{MarketIx, NewOrder, Outcome, Price, Qty, Side, TickSize, TimeInForce, Token};
use mm_core::venue::order::Amounts;
use serde_json::{Value, json};

/// Runs every case of the file.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    cases(document, |case| {
        let side = Side::parse(text(case, "/side")?).ok_or("side is neither BUY nor SELL")?;
        let price = Price::parse(text(case, "/price")?).map_err(|e| format!("price: {e}"))?;
        let tick = TickSize::parse(text(case, "/tick")?).map_err(|e| e.to_string())?;
        let micro = |name: &str| Qty::parse(text(case, name)?).map_err(|e| format!("{name}: {e}"));
        let amounts = match text(case, "/kind")? {
            "limit" => {
                if !price.is_orderable(tick) {
                    return Err(format!("price {price} is off the tick {tick}"));
                }
                let token = Token { market: MarketIx(0), outcome: Outcome::Yes };
                let qty = micro("/size")?;
                Amounts::of_limit(&NewOrder { token, side, price, qty, post_only: false, tif: TimeInForce::Gtc })
            }
            "market" => {
                Amounts::of_market(side, price, tick, micro("/amount")?.micro()).ok_or("does not fit 64 bits")?
            }
            other => return Err(format!("unknown kind {other:?}")),
        };
        let came = json!({ "makerAmount": amounts.maker.to_string(), "takerAmount": amounts.taker.to_string() });
        expect_equal("amounts", field(case, "/expected")?, &came)
    })
}
