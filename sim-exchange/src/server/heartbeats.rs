//! The dead-man's switch of an API key (`clob-rest.md` section 9).

use super::call::{Answer, ApiError, Call, Caller, Reply};
use super::front::{KeyAccount, Shared, Venue};
use crate::exchange::AccountIx;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mm_core::domain::Timestamp;
use mm_core::venue::rest::{HeartbeatBody, HeartbeatReply};
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/v1/heartbeats", post(heartbeat)).route("/heartbeats", post(legacy))
}

/// Who beats, and the account of the key's own address.
fn beater(venue: &Venue, at: Timestamp, call: &Call) -> Result<(Caller, AccountIx), ApiError> {
    let caller = call.l2(venue)?;
    venue.gate.mode().beat(at)?;
    let own = venue.accounts.of(&caller.api_key).first().map(|wallet| wallet.account);
    let own = own.ok_or_else(|| ApiError::new(500, "Internal server error"))?;
    Ok((caller, own))
}

async fn heartbeat(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let (caller, own) = beater(venue, at, &call)?;
        let body: HeartbeatBody =
            if call.body.is_empty() { HeartbeatBody { heartbeat_id: None } } else { call.json("Invalid payload")? };
        let given = body.heartbeat_id.as_deref().filter(|id| !id.is_empty());
        match venue.exchange.heartbeat(at, own, given) {
            Ok(next) => {
                beat_along(venue, at, &caller, own);
                Ok(Reply::of(&HeartbeatReply { heartbeat_id: next, error_msg: None }))
            }
            Err(expected) => {
                let error_msg = Some("Invalid Heartbeat ID".to_owned());
                Err(ApiError::with_body(400, &HeartbeatReply { heartbeat_id: expected, error_msg }))
            }
        }
    })
}

/// The older call: no id, so it is always the expected one. A chain that runs beside it learns the new id by its next 400.
async fn legacy(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let (caller, own) = beater(venue, at, &call)?;
        if let Err(expected) = venue.exchange.heartbeat(at, own, None) {
            let again = venue.exchange.heartbeat(at, own, Some(&expected));
            again.map_err(|_| ApiError::new(500, "Internal server error"))?;
        }
        beat_along(venue, at, &caller, own);
        Ok(Reply::of(&json!({"status": "ok"})))
    })
}

/// The switch belongs to the key: a beat of the key's own address counts for every wallet the key trades from.
fn beat_along(venue: &mut Venue, at: Timestamp, caller: &Caller, own: AccountIx) {
    let Venue { accounts, exchange, .. } = venue;
    for KeyAccount { account, beat, .. } in accounts.of_mut(&caller.api_key) {
        if *account != own {
            let next = exchange.heartbeat(at, *account, beat.as_deref());
            // After a sweep the chain starts anew; the exchange says with which id.
            *beat = next
                .or_else(|expected| {
                    exchange.heartbeat(at, *account, Some(expected.as_str()).filter(|id| !id.is_empty()))
                })
                .ok();
        }
    }
}
