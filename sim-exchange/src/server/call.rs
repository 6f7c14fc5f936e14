//! One request and one answer: what every handler reads and writes.

use super::front::{Front, Shared, Venue};
use crate::auth::{AuthError, PolyHeaders, verify_l1, verify_l2};
use crate::exchange::Reject;
use alloy_primitives::Address;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mm_core::domain::{ConditionId, OrderId, TokenId};
use mm_core::venue::rest::ErrorBody;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Longest body: 1,000 order ids are 70 kB, 500 token ids 50 kB.
const BODY_MAX: usize = 256 * 1024;

/// A request as the venue sees it: the exact bytes are kept, because the caller's HMAC covers them.
pub(super) struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pub(super) body: Bytes,
    query: BTreeMap<String, String>,
}

impl FromRequest<Shared> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, ApiError> {
        let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
        let query = axum::extract::Query::try_from_uri(&uri).map_err(|_| ApiError::bad("Invalid query string"))?.0;
        let body = Bytes::from_request(request, front)
            .await
            .map_err(|why| ApiError::new(why.into_response().status().as_u16(), "Payload exceeds the limit"))?;
        Ok(Self { method, uri, headers, body, query })
    }
}

/// The API key behind a call.
pub(super) struct Caller {
    pub(super) api_key: String,
    pub(super) address: Address,
}

impl Call {
    /// A query parameter; an empty one counts as absent.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The `token_id` parameter.
    pub(super) fn token(&self) -> Result<TokenId, ApiError> {
        let text = self.query("token_id").unwrap_or_default();
        TokenId::parse(text).map_err(|_| ApiError::bad("Invalid token id"))
    }

    /// The body as JSON, or the venue's words for this route.
    pub(super) fn json<T: DeserializeOwned>(&self, words: &str) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|_| ApiError::bad(words))
    }

    fn poly_headers(&self) -> PolyHeaders<'_> {
        PolyHeaders::read(|name| self.headers.get(name).and_then(|value| value.to_str().ok()))
    }

    /// Who calls, by the signing key.
    pub(super) fn l1(&self, venue: &Venue) -> Result<(Address, u64), ApiError> {
        Ok(verify_l1(&venue.domain, &self.poly_headers())?)
    }

    /// Who calls, by API key.
    pub(super) fn l2(&self, venue: &Venue) -> Result<Caller, ApiError> {
        let (method, path) = (self.method.as_str(), self.uri.path());
        let entry = verify_l2(&venue.keyring, &self.poly_headers(), method, path, &self.body)?;
        Ok(Caller { api_key: entry.api_key.clone(), address: entry.address })
    }
}

/// The venue's no.
#[derive(Debug)]
pub(super) struct ApiError {
    status: u16,
    body: String,
}

impl ApiError {
    pub(super) fn new(status: u16, words: &str) -> Self {
        let body = ErrorBody { error: words.to_owned(), ..ErrorBody::default() };
        Self { status, body: to_json(&body) }
    }

    pub(super) fn bad(words: &str) -> Self {
        Self::new(400, words)
    }

    /// The answers whose body is no `{"error": …}`.
    pub(super) fn with_body(status: u16, body: &impl Serialize) -> Self {
        Self { status, body: to_json(body) }
    }
}

impl From<AuthError> for ApiError {
    fn from(why: AuthError) -> Self {
        Self::new(why.status(), &why.to_string())
    }
}

impl From<Reject> for ApiError {
    fn from(why: Reject) -> Self {
        Self::new(why.status, &why.text)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Reply(self.body)).into_response()
    }
}

/// A JSON text.
pub(super) struct Reply(pub(super) String);

impl Reply {
    pub(super) fn of(value: &impl Serialize) -> Self {
        Self(to_json(value))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

/// What a handler returns.
pub(super) type Answer = Result<Reply, ApiError>;

fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("answers hold only strings, numbers, lists and objects with string keys")
}

/// An order id of a path or body.
pub(super) fn order_id(text: &str) -> Result<OrderId, ApiError> {
    OrderId::parse(text).map_err(|_| ApiError::bad("Invalid orderID"))
}

/// A condition id of a path or query.
pub(super) fn condition_id(text: &str) -> Result<ConditionId, ApiError> {
    ConditionId::parse(text).map_err(|_| ApiError::bad("Invalid market"))
}

/// What every host does with strangers: limits their bodies and answers in JSON.
pub(super) fn finish(routes: Router) -> Router {
    routes
        .fallback(async || ApiError::new(404, "not found"))
        .method_not_allowed_fallback(async || ApiError::new(405, "method not allowed"))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// Runs a handler's work as one step of the venue.
pub(super) fn step(front: &Front, work: impl FnOnce(&mut Venue) -> Answer) -> Answer {
    front.step(|venue, _| work(venue))
}
