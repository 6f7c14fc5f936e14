//! The geoblock host. It answers for the caller's address; everybody here calls from the same machine.

use super::call::{Answer, Reply, step};
use super::front::Shared;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mm_core::venue::rest::GeoblockBody;
use std::sync::Arc;

pub(super) fn routes(front: &Shared) -> Router {
    Router::new().route("/api/geoblock", get(blocked)).with_state(Arc::clone(front))
}

async fn blocked(State(front): State<Shared>) -> Answer {
    step(&front, |venue| {
        let country = if venue.blocked { "US" } else { "NO" };
        let (ip, country, region) = ("127.0.0.1".to_owned(), country.to_owned(), String::new());
        Ok(Reply::of(&GeoblockBody { blocked: venue.blocked, ip, country, region }))
    })
}
