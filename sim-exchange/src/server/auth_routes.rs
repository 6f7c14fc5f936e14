//! API keys: made, given again, listed, revoked.

use super::call::{Answer, Call, Reply, step};
use super::front::{Shared, Venue};
use crate::auth::Credentials;
use alloy_primitives::Address;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mm_core::domain::Timestamp;
use mm_core::venue::rest::{ApiKeyBody, ClosedOnlyBody};
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/auth/api-key", post(create).delete(revoke))
        .route("/auth/derive-api-key", get(derive))
        .route("/auth/api-keys", get(list))
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
    venue.accounts.add(&credentials.api_key, &wallet, account);
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

async fn closed_only(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| call.l2(venue).map(|_| Reply::of(&ClosedOnlyBody { closed_only: false })))
}
