//! Whether orders score now: the answer of a sample that would be taken at this moment.

use super::super::call::{Answer, ApiError, Call, Caller, Reply, order_id};
use super::super::front::{Shared, Venue};
use super::super::orders::find;
use crate::exchange::AccountIx;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mm_core::domain::{OrderId, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Ids of one call; the venue documents none.
const BATCH_MAX: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/order-scoring", get(one)).route("/orders-scoring", get(many_by_query).post(many))
}

async fn one(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.reader(venue)?;
        let id = order_id(call.query("order_id").unwrap_or_default())?;
        Ok(Reply::of(&json!({"scoring": judge(venue, at, &caller, &[id])[0]})))
    })
}

async fn many(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.reader(venue)?;
        let ids: Vec<String> = call.json("Invalid payload")?;
        answer(venue, at, &caller, &ids)
    })
}

/// What clients sent before there was a body: ids in the query, with commas between them.
async fn many_by_query(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.reader(venue)?;
        let ids = call.query("order_ids").unwrap_or_default().split(',');
        let ids: Vec<String> = ids.filter(|id| !id.is_empty()).map(str::to_owned).collect();
        answer(venue, at, &caller, &ids)
    })
}

fn answer(venue: &mut Venue, at: Timestamp, caller: &Caller, texts: &[String]) -> Answer {
    if texts.len() > BATCH_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    let ids = texts.iter().map(|text| order_id(text)).collect::<Result<Vec<_>, _>>()?;
    let answers = judge(venue, at, caller, &ids);
    let told: Map<String, Value> = texts.iter().cloned().zip(answers.into_iter().map(Value::Bool)).collect();
    Ok(Reply::of(&told))
}

/// An order the key did not place does not score, whatever it is.
fn judge(venue: &mut Venue, at: Timestamp, caller: &Caller, ids: &[OrderId]) -> Vec<bool> {
    let mut by_wallet: BTreeMap<AccountIx, Vec<usize>> = BTreeMap::new();
    for (place, id) in ids.iter().enumerate() {
        if let Some(wallet) = find(venue, caller, id) {
            by_wallet.entry(wallet.account).or_default().push(place);
        }
    }
    let mut out = vec![false; ids.len()];
    for (account, places) in by_wallet {
        let wanted: Vec<OrderId> = places.iter().map(|place| ids[*place]).collect();
        for (place, scores) in places.into_iter().zip(venue.exchange.scoring(at, account, &wanted)) {
            out[place] = scores;
        }
    }
    out
}
