//! The dead-man's switch of an API key (`clob-rest.md` section 9).

use super::call::{Answer, ApiError, Call, Caller, Reply};
use super::front::{Shared, Venue};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mm_core::domain::Timestamp;
use mm_core::venue::rest::{HeartbeatBody, HeartbeatReply};
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/v1/heartbeats", post(heartbeat)).route("/heartbeats", post(legacy))
}

/// Who beats.
fn beater(venue: &Venue, at: Timestamp, call: &Call) -> Result<Caller, ApiError> {
    let caller = call.l2(venue)?;
    venue.gate.mode().beat(at)?;
    Ok(caller)
}

async fn heartbeat(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let key = beater(venue, at, &call)?.api_key;
        let body: HeartbeatBody =
            if call.body.is_empty() { HeartbeatBody { heartbeat_id: None } } else { call.json("Invalid payload")? };
        let given = body.heartbeat_id.as_deref().filter(|id| !id.is_empty());
        match venue.exchange.heartbeat(at, &key, given) {
            Ok(next) => Ok(Reply::of(&HeartbeatReply { heartbeat_id: next, error_msg: None })),
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
        let key = beater(venue, at, &call)?.api_key;
        if let Err(expected) = venue.exchange.heartbeat(at, &key, None) {
            let again = venue.exchange.heartbeat(at, &key, Some(&expected));
            again.map_err(|_| ApiError::new(500, "Internal server error"))?;
        }
        Ok(Reply::of(&json!({"status": "ok"})))
    })
}
