//! API keys: made, given again, listed, revoked. A trading key may make lesser keys: to read, and to be counted as a builder.

use super::call::{Answer, ApiError, Call, Reply, step};
use super::front::{Shared, Venue};
use super::gate::Standing;
use crate::auth::{AuthError, Credentials, Right};
use alloy_primitives::Address;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mm_core::domain::Timestamp;
use mm_core::venue::rest::{ApiKeyBody, ClosedOnlyBody};
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/auth/api-key", post(create).delete(revoke))
        .route("/auth/derive-api-key", get(derive))
        .route("/auth/api-keys", get(list))
        .route("/auth/readonly-api-key", post(create_readonly).get(list_readonly).delete(revoke_readonly))
        .route("/auth/readonly-api-keys", get(list_readonly))
        .route("/auth/builder-api-key", post(create_builder).get(list_builder).delete(revoke_builder))
        .route("/auth/ban-status/closed-only", get(closed_only))
}

async fn create(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let (address, nonce) = call.l1(venue)?;
        let credentials = venue.keyring.create(address, nonce)?;
        open(venue, at, &credentials, address);
        Ok(body(credentials))
    })
}

async fn derive(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (address, nonce) = call.l1(venue)?;
        Ok(body(venue.keyring.derive(address, nonce)?))
    })
}

/// The key's own address is an account from the start: it may be beaten and asked for its balance before it trades.
fn open(venue: &mut Venue, at: Timestamp, credentials: &Credentials, address: Address) {
    let wallet = address.to_checksum(None);
    let account = venue.exchange.open_account(at, &wallet);
    venue.act_for(at, &credentials.api_key, &wallet, account);
}

fn body(credentials: Credentials) -> Reply {
    let Credentials { api_key, secret, passphrase } = credentials;
    Reply::of(&ApiKeyBody { api_key, secret, passphrase })
}

async fn list(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        Ok(Reply::of(&json!({"apiKeys": venue.keyring.of_address(caller.address).collect::<Vec<_>>()})))
    })
}

async fn revoke(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        venue.keyring.revoke(&caller.api_key);
        venue.hub.leave_key(&caller.api_key);
        Ok(Reply::of(&"OK"))
    })
}

async fn create_readonly(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let made = venue.keyring.create_lesser(&caller.api_key, Right::Read)?;
        Ok(Reply::of(&json!({"apiKey": made.api_key})))
    })
}

async fn list_readonly(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let keys = venue.keyring.owned(caller.address, Right::Read).map(|entry| entry.api_key.as_str());
        Ok(Reply::of(&json!({"readonlyApiKeys": keys.collect::<Vec<_>>()})))
    })
}

/// Body of `DELETE /auth/readonly-api-key`.
#[derive(Deserialize)]
struct Named {
    key: String,
}

async fn revoke_readonly(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let Named { key } = call.json("Invalid payload")?;
        let mut own = venue.keyring.owned(caller.address, Right::Read);
        if !own.any(|entry| entry.api_key.eq_ignore_ascii_case(&key)) {
            return Err(ApiError::new(404, "API key not found"));
        }
        drop(own);
        venue.keyring.revoke(&key.to_ascii_lowercase());
        Ok(Reply::of(&"OK"))
    })
}

async fn create_builder(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let Credentials { api_key, secret, passphrase } = venue.keyring.create_lesser(&caller.api_key, Right::Build)?;
        Ok(Reply::of(&json!({"key": api_key, "secret": secret, "passphrase": passphrase})))
    })
}

async fn list_builder(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let keys = venue.keyring.owned(caller.address, Right::Build);
        Ok(Reply::of(&keys.map(|entry| json!({"key": entry.api_key})).collect::<Vec<_>>()))
    })
}

/// The call names no key: it ends the newest, the one its caller was given last.
async fn revoke_builder(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let last = venue.keyring.owned(caller.address, Right::Build).last().map(|entry| entry.api_key.clone());
        venue.keyring.revoke(&last.ok_or(AuthError::L2)?);
        Ok(Reply::of(&"OK"))
    })
}

async fn closed_only(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.reader(venue)?;
        let closed_only = venue.gate.standing(caller.address) != Standing::Good;
        Ok(Reply::of(&ClosedOnlyBody { closed_only }))
    })
}
