//! What every host does with strangers: counts their requests, limits their bodies, and answers in JSON whatever they send.

use super::call::ApiError;
use super::door::Caller;
use super::front::Shared;
use crate::limits::window::{Group, Host};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use std::time::Duration;

/// Longest body: 1,000 order ids are 70 kB, 500 token ids 50 kB.
const BODY_MAX: usize = 256 * 1024;

/// Finishes a host's routes. `host` = its requests are counted, if the venue counts at all.
pub(super) fn finish(routes: Router, front: &Shared, host: Option<Host>) -> Router {
    let routes = routes
        .fallback(async || ApiError::new(404, "not found"))
        .method_not_allowed_fallback(async || ApiError::new(405, "method not allowed"))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(in_json));
    match host {
        Some(host) if front.limits().tier.is_some() => {
            routes.layer(from_fn_with_state(Counted { front: Arc::clone(front), host }, counted))
        }
        _ => routes,
    }
}

/// Refusals of the layers below us (a path that is no text, an upgrade that is none) in the venue's form.
async fn in_json(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if (status.is_client_error() || status.is_server_error()) && !is_json {
        let words = status.canonical_reason().unwrap_or("Bad Request");
        return ApiError::new(status.as_u16(), words).into_response();
    }
    response
}

#[derive(Clone)]
struct Counted {
    front: Shared,
    host: Host,
}

/// Delays a request that is over an address's limit, or refuses it: without the headers of the signer limiter, so that a
/// client can tell the two apart as at the venue.
async fn counted(
    State(Counted { front, host }): State<Counted>,
    ConnectInfo(from): ConnectInfo<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let groups = Group::of(host, request.method().as_str(), request.uri().path());
    match front.pass(from.0.ip(), &groups) {
        Ok(wait) => {
            if wait.nanos() > 0 {
                tokio::time::sleep(Duration::from_nanos(wait.nanos())).await;
            }
            next.run(request).await
        }
        Err(_) => ApiError::too_many(None).into_response(),
    }
}
