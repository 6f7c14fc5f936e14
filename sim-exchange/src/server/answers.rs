//! A thin layer around the CLOB's routes: distance, and what faults do to calls and their answers. A call that nothing happens
//! to passes through untouched.

use super::call::ApiError;
use super::front::{Shared, told};
use crate::faults::{Answer, Call, Run, Told};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use mm_core::domain::{Nanos, TokenId};
use mm_core::venue::market_ws::encode_rest_book;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Longest body looked at; longer ones pass and are refused behind us.
const BODY_MAX: usize = 256 * 1024;
/// Longest answer rewritten.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// How long the venue keeps a connection whose answer never comes: longer than any client waits.
const NOTHING_FOR: Duration = Duration::from_secs(600);

/// How long the first half of a torn answer is on its way.
const TORN_AFTER: Duration = Duration::from_millis(20);

const BLOCKED: &str = "Trading restricted in your region, please refer to available regions - \
https://docs.polymarket.com/developers/CLOB/geoblock";

#[derive(Clone)]
struct Layer {
    front: Shared,
    stopped: watch::Receiver<bool>,
}

/// Wraps the CLOB's routes.
pub(super) fn around(routes: Router, front: &Shared, stopped: &watch::Receiver<bool>) -> Router {
    let layer = Layer { front: Arc::clone(front), stopped: stopped.clone() };
    routes.layer(from_fn_with_state(layer, answer))
}

/// What a request is about; `None`: a socket, whose frames have faults of their own.
fn call_of(method: &Method, path: &str) -> Option<Call> {
    Some(match path {
        _ if path.starts_with("/ws/") => return None,
        "/order" | "/orders" if method == Method::POST => Call::Place,
        "/order" | "/orders" | "/cancel-all" | "/cancel-market-orders" if method == Method::DELETE => Call::Cancel,
        "/v1/heartbeats" | "/heartbeats" => Call::Heartbeat,
        "/balance-allowance"
        | "/balance-allowance/update"
        | "/order-scoring"
        | "/orders-scoring"
        | "/notifications" => Call::Read,
        _ if path.starts_with("/data/") || path.starts_with("/rewards/user") => Call::Read,
        _ => Call::Other,
    })
}

async fn answer(State(layer): State<Layer>, request: Request, next: Next) -> Response {
    let Some(call) = call_of(request.method(), request.uri().path()) else { return next.run(request).await };
    let Some(way) = layer.front.step(|venue, _| venue.mishaps.way(call)) else { return next.run(request).await };
    wait(way.there).await;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return ApiError::new(413, "Payload exceeds the limit").into_response();
    };
    if let Some(said) = refusal(&layer.front, call, &parts, &body) {
        wait(way.back).await;
        return said;
    }
    let again = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    let truth = match way.fate.run {
        Run::Once => Some(next.run(again()).await),
        Run::Twice => {
            let first = next.clone().run(again()).await;
            drop(first);
            Some(next.run(again()).await)
        }
        Run::Never => None,
        Run::Later(after) => {
            let (request, mut stopped) = (again(), layer.stopped.clone());
            // the client will have gone: nobody but the venue is left to do it
            tokio::spawn(async move {
                tokio::select! {
                    () = told(&mut stopped) => {}
                    () = tokio::time::sleep(Duration::from_nanos(after.nanos())) => drop(next.run(request).await),
                }
            });
            None
        }
    };
    let response = match way.fate.answer {
        Answer::Echo(status) => echo(status, &parts, &body),
        answer => told_instead(&layer, answer, truth).await,
    };
    wait(way.back).await;
    response
}

async fn wait(for_so_long: Nanos) {
    if for_so_long > Nanos::ZERO {
        tokio::time::sleep(Duration::from_nanos(for_so_long.nanos())).await;
    }
}

/// What the venue says before it looks at a call: forbidden, or a book that is not the book.
fn refusal(front: &Shared, call: Call, parts: &Parts, body: &Bytes) -> Option<Response> {
    front.step(|venue, _| {
        let faults = &venue.mishaps.faults;
        if faults.active().is_empty() {
            return None;
        }
        if call == Call::Place && faults.is_forbidden() {
            return Some(ApiError::new(403, BLOCKED).into_response());
        }
        let lying = |text: &str| Some(encode_rest_book(&venue.lying_book(&TokenId::parse(text).ok()?)?));
        match parts.uri.path() {
            "/book" => {
                let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok()?.0;
                let (_, token) = query.into_iter().find(|(key, _)| key == "token_id")?;
                Some(json_text(lying(&token)?))
            }
            "/books" => {
                let asked: Vec<Value> = serde_json::from_slice(body).ok()?;
                let books: Option<Vec<String>> = asked.iter().map(|row| lying(row["token_id"].as_str()?)).collect();
                Some(json_text(format!("[{}]", books?.join(","))))
            }
            _ => None,
        }
    })
}

/// The answer a client gets in place of the true one.
async fn told_instead(layer: &Layer, answer: Answer, truth: Option<Response>) -> Response {
    match (answer, truth) {
        (Answer::True, Some(truth)) => truth,
        (Answer::Nothing, _) => {
            let mut stopped = layer.stopped.clone();
            let _ = tokio::time::timeout(NOTHING_FOR, told(&mut stopped)).await;
            ApiError::new(504, "Gateway Timeout").into_response()
        }
        (Answer::Status(status), _) => {
            let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
            ApiError::new(status, words.unwrap_or("Internal server error")).into_response()
        }
        (Answer::Html(status), _) => {
            const PAGE: &str =
                "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body></body></html>\n";
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, [(header::CONTENT_TYPE, "text/html; charset=UTF-8")], PAGE).into_response()
        }
        (Answer::SignerLimit { remaining }, _) => signer_limit(layer, remaining),
        (Answer::BareLimit, _) => ApiError::new(429, "Too Many Requests").into_response(),
        (Answer::OtherBeat, _) => {
            let id = layer.front.step(|venue, _| venue.mishaps.other_beat());
            let body = json!({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": id});
            ApiError::with_body(400, &body).into_response()
        }
        (Answer::Truncated, Some(truth)) => truncated(truth).await,
        (Answer::Malformed, Some(truth)) => with_text(truth, |text| format!("{}\u{1a}", half(text))).await,
        (Answer::EmptyId, Some(truth)) => with_ids(truth, |_| Some(String::new())).await,
        (Answer::SuccessWithError(status), Some(truth)) => {
            let status = if status == Told::Delayed { "delayed" } else { "" };
            with_rows(truth, |row| {
                if row["errorMsg"].as_str().is_some_and(|text| !text.is_empty()) {
                    (row["success"], row["status"]) = (json!(true), json!(status));
                }
            })
            .await
        }
        (Answer::OtherId, Some(truth)) => {
            let accepted = layer.front.step(|venue, _| venue.exchange.accepted());
            let another = |id: &str| {
                let other = accepted.iter().rev().map(|row| row.0.to_string()).find(|other| other != id);
                // the first order of a venue has no other: then it is one nobody has placed
                other.or_else(|| Some(format!("0x{}", "1".repeat(64))))
            };
            with_ids(truth, another).await
        }
        // nothing was done, and nothing else is to be said
        (Answer::Echo(_), _)
        | (
            Answer::True
            | Answer::Truncated
            | Answer::Malformed
            | Answer::EmptyId
            | Answer::OtherId
            | Answer::SuccessWithError(_),
            None,
        ) => ApiError::new(500, "Internal server error").into_response(),
    }
}

/// A gateway's page for people who look for their mistake: the request as it came.
fn echo(status: u16, parts: &Parts, body: &Bytes) -> Response {
    let mut text = format!("{} {}\n", parts.method, parts.uri);
    // The credentials first: whoever cuts the answer short keeps them.
    let (first, others): (Vec<_>, Vec<_>) =
        parts.headers.iter().partition(|(name, _)| name.as_str().starts_with("poly"));
    for (name, value) in first.into_iter().chain(others) {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text += &format!("\n{}", String::from_utf8_lossy(body));
    ApiError::with_body(status, &json!({"error": text})).into_response()
}

/// Cancels a second at the lowest tier: what a debt is repaid with.
const REPAID_PER_S: u64 = 80;

fn signer_limit(layer: &Layer, remaining: i64) -> Response {
    let wait = 1 + remaining.min(0).unsigned_abs() / REPAID_PER_S;
    let now = layer.front.step(|venue, at| venue.exchange.shown(at).secs());
    let mut response = ApiError::new(429, "Too Many Requests").into_response();
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("poly-ratelimit-remaining"), HeaderValue::from(remaining));
    headers.insert(HeaderName::from_static("poly-ratelimit-reset"), HeaderValue::from(now + wait));
    headers.insert(HeaderName::from_static("poly-ratelimit-tier"), HeaderValue::from_static("standard"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    response
}

fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The first half of a text.
fn half(text: &str) -> &str {
    text.get(..text.len() / 2).unwrap_or_default()
}

/// Announces the whole body, sends half of it, and ends the connection.
async fn truncated(truth: Response) -> Response {
    let (mut parts, body) = truth.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_MAX).await else { return parts.into_response() };
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let first = body.slice(..body.len() / 2);
    let pieces = futures_util::stream::unfold(Some(first), async |first| match first {
        Some(first) => Some((Ok(first), None)),
        None => {
            // what went before must be on the wire when the connection ends
            tokio::time::sleep(TORN_AFTER).await;
            Some((Err(std::io::Error::other("the venue lost the rest")), None))
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

/// The true answer with its text changed.
async fn with_text(truth: Response, change: impl FnOnce(&str) -> String) -> Response {
    let (mut parts, body) = truth.into_parts();
    let body = to_bytes(body, ANSWER_MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    let text = change(&String::from_utf8_lossy(&body));
    Response::from_parts(parts, Body::from(text))
}

/// The true answer with the ids of accepted orders changed, one answer or a batch.
async fn with_ids(truth: Response, change: impl Fn(&str) -> Option<String>) -> Response {
    with_rows(truth, |row| {
        let id = row.get("orderID").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
        if let Some(new) = id.and_then(|id| change(&id)) {
            row["orderID"] = json!(new);
        }
    })
    .await
}

/// The true answer with its rows changed, one answer or a batch.
async fn with_rows(truth: Response, change: impl Fn(&mut Value)) -> Response {
    with_text(truth, |text| {
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
        match &mut value {
            Value::Array(rows) => rows.iter_mut().for_each(change),
            one => change(one),
        }
        value.to_string()
    })
    .await
}
