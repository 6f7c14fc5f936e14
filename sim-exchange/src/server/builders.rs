//! Builder codes: whose order flow an order is counted for. A code is known from the first accepted order that carries it; all
//! fees here are zero.

use super::call::{Answer, ApiError, Call, Reply, step};
use super::front::{Shared, Venue};
use super::lists::page;
use super::records::Attributed;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use mm_core::domain::{OrderId, Outcome, Side, cost_floor};
use mm_core::venue::rest::Trade;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/fees/builder-fees/{code}", get(fees)).route("/builder/trades", get(trades))
}

/// 32 bytes of hex, not all zero, in lower case.
fn code(text: &str) -> Result<String, ApiError> {
    let code = OrderId::parse(text).map_err(|_| ApiError::bad("Invalid builder code"))?;
    if *code.bytes() == [0; 32] { Err(ApiError::bad("Invalid builder code")) } else { Ok(code.to_string()) }
}

async fn fees(State(front): State<Shared>, Path(text): Path<String>) -> Answer {
    step(&front, |venue| {
        if venue.records.attributed(&code(&text)?).is_empty() {
            return Err(ApiError::new(404, "builder not found"));
        }
        Ok(Reply::of(&json!({"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0})))
    })
}

async fn trades(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let code = code(call.query("builder_code").unwrap_or_default())?;
        let filter = super::reads::filter(&call)?;
        let in_time = super::reads::in_time(&call)?;
        let mut rows = Vec::new();
        for order in venue.records.attributed(&code) {
            let trades = venue.exchange.trades(order.account, &filter);
            let wanted =
                trades.iter().filter(|trade| in_time(trade) && call.query("id").is_none_or(|id| id == trade.id));
            rows.extend(wanted.filter_map(|trade| row(venue, &code, order, trade)));
        }
        Ok(Reply::of(&page(&call, rows)?))
    })
}

/// The order's part of a trade; `None` when it has none.
fn row(venue: &Venue, code: &str, order: &Attributed, trade: &Trade) -> Option<Value> {
    let id = order.id.to_string();
    let (kind, token, side, size, price, owner, wallet) = if trade.taker_order_id == id {
        let t = trade;
        ("TAKER", &t.asset_id, t.side.as_str(), t.size, t.price, &t.owner, &t.maker_address)
    } else {
        let part = trade.maker_orders.iter().find(|part| part.order_id == order.id)?;
        let (side, size) = (part.side.as_str(), part.matched_amount);
        ("MAKER", &part.asset_id, side, size, part.price, &part.owner, &part.maker_address)
    };
    let (info, outcome) = venue.market_of(token)?;
    let index = usize::from(outcome == Outcome::No);
    let hash = trade.transaction_hash.as_deref().filter(|hash| !hash.is_empty());
    Some(json!({
        "id": trade.id,
        "tradeType": kind,
        "takerOrderHash": trade.taker_order_id,
        "builder": wallet,
        "builderCode": code,
        "market": trade.market,
        "assetId": token,
        "side": Side::parse(side)?.as_str(),
        "size": size.to_string(),
        "sizeUsdc": cost_floor(price, size).to_string(),
        "price": price.to_string(),
        "status": trade.status,
        "outcome": info.outcomes[index],
        "outcomeIndex": index,
        "owner": owner,
        "maker": wallet,
        "transactionHash": hash.unwrap_or(super::notifications::NO_HASH),
        "matchTime": trade.match_time,
        "bucketIndex": trade.bucket_index,
        "fee": "0",
        "feeUsdc": "0",
        "builderFee": "0",
        "err_msg": Value::Null,
        "createdAt": Value::Null,
        "updatedAt": Value::Null,
    }))
}
