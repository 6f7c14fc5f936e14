//! The operator's own listener: the venue at a glance, and its switches. Off unless asked for.

use super::call::{Answer, Call, Reply, step};
use super::front::Shared;
use crate::exchange::{AccountStatus, MarketStatus};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn routes(front: &Shared) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/accepted", get(accepted))
        .route("/geoblock", post(geoblock))
        .with_state(Arc::clone(front))
}

async fn status(State(front): State<Shared>) -> Answer {
    step(&front, |venue| {
        let status = venue.exchange.status();
        Ok(Reply::of(&json!({
            "tape_ms": status.tape_ms,
            "tape_start_ms": status.tape_start_ms,
            "tape_end_ms": status.tape_end_ms,
            "frames_sent": status.frames_sent,
            "blocked": venue.blocked,
            "markets": status.markets.iter().map(market).collect::<Vec<_>>(),
            "accounts": status.accounts.iter().map(account).collect::<Vec<_>>(),
        })))
    })
}

/// Every order ever accepted: `[id, nanoseconds since 1970]`, oldest first. Lets a ledger be checked against the venue.
async fn accepted(State(front): State<Shared>) -> Answer {
    step(&front, |venue| Ok(Reply::of(&venue.exchange.accepted())))
}

fn market(row: &MarketStatus) -> Value {
    json!({
        "condition": row.condition,
        "slug": row.slug,
        "open": row.open,
        "bid": row.bid.map(|price| price.to_string()),
        "ask": row.ask.map(|price| price.to_string()),
        "mid": row.mid,
    })
}

fn account(row: &AccountStatus) -> Value {
    json!({
        "account": row.account.0,
        "address": row.address,
        "open_orders": row.open_orders,
        "fills": row.fills,
        "usdc": row.usdc.to_string(),
        "reward_minutes": row.reward_minutes,
        "rewards_usdc": row.rewards.to_string(),
    })
}

/// Body of `POST /geoblock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    blocked: bool,
}

async fn geoblock(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let Switch { blocked } = call.json("body must be {\"blocked\":true} or {\"blocked\":false}")?;
        venue.blocked = blocked;
        tracing::info!(blocked, "geoblock switched");
        Ok(Reply::of(&json!({"blocked": blocked})))
    })
}
