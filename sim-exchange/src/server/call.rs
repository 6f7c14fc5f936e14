//! One request and one answer: what every handler reads and writes.

use super::front::{Front, Shared, Venue};
use crate::auth::{AuthError, PolyHeaders, verify_l1, verify_l2, verify_readonly};
use crate::exchange::Reject;
use crate::limits::bucket::Stamp;
use crate::mode::Closed;
use alloy_primitives::Address;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use mm_core::domain::{ConditionId, OrderId, TokenId};
use mm_core::venue::rest::ErrorBody;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a request's body may be on its way, once its head is there; behind it the answer is 408.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// A request as the venue sees it: the exact bytes are kept, because the caller's HMAC covers them.
pub(super) struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pub(super) body: Bytes,
    query: Vec<(String, String)>,
}

impl FromRequest<Shared> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, front: &Shared) -> Result<Self, ApiError> {
        let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
        let query = axum::extract::Query::try_from_uri(&uri).map_err(|_| ApiError::bad("Invalid query string"))?.0;
        let body = tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, front))
            .await
            .map_err(|_| ApiError::new(408, "Request Timeout"))?
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
        self.queries(key).next()
    }

    /// All values of a query parameter that may be repeated.
    pub(super) fn queries(&self, key: &str) -> impl Iterator<Item = &str> {
        let values = self.query.iter().filter(move |(name, _)| name == key).map(|(_, text)| text.as_str());
        values.filter(|text| !text.is_empty())
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

    /// Who reads: an API key, or a read-only one, which sees what its maker sees.
    pub(super) fn reader(&self, venue: &Venue) -> Result<Caller, ApiError> {
        let headers = self.poly_headers();
        if headers.readonly_api_key.is_none() {
            return self.l2(venue);
        }
        let entry = verify_readonly(&venue.keyring, &headers, self.method.as_str())?;
        Ok(Caller { api_key: entry.made_by.clone(), address: entry.address })
    }
}

/// The venue's no.
#[derive(Debug)]
pub(super) struct ApiError {
    status: u16,
    body: String,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: u16, words: &str) -> Self {
        let body = ErrorBody { error: words.to_owned(), ..ErrorBody::default() };
        Self { status, body: to_json(&body), retry_after: None }
    }

    /// Over a limit.
    pub(super) fn too_many(retry_after: Option<u64>) -> Self {
        Self { retry_after, ..Self::new(429, "Too Many Requests") }
    }

    pub(super) fn bad(words: &str) -> Self {
        Self::new(400, words)
    }

    /// The answers whose body is no `{"error": …}`.
    pub(super) fn with_body(status: u16, body: &impl Serialize) -> Self {
        Self { status, body: to_json(body), retry_after: None }
    }
}

impl From<Closed> for ApiError {
    fn from(why: Closed) -> Self {
        // 425 has no documented body; the seconds to wait are in a header there
        let named = why.retry_after.filter(|_| why.code.is_some());
        let body =
            ErrorBody { error: why.text.to_owned(), code: why.code.map(str::to_owned), retry_after_seconds: named };
        Self { retry_after: why.retry_after, ..Self::with_body(why.status, &body) }
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
        let mut response = (status, Reply(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
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

/// An answer with what the signer limiter says of the request, if there is one.
pub(super) fn stamped(stamp: Option<Stamp>, answer: Answer) -> Response {
    let mut response = answer.into_response();
    if let Some(stamp) = stamp {
        let headers = response.headers_mut();
        headers.insert(HeaderName::from_static("poly-ratelimit-remaining"), HeaderValue::from(stamp.remaining));
        headers.insert(HeaderName::from_static("poly-ratelimit-reset"), HeaderValue::from(stamp.reset));
        headers.insert(HeaderName::from_static("poly-ratelimit-tier"), HeaderValue::from_static(stamp.tier.name()));
        if stamp.warned {
            headers.insert(HeaderName::from_static("poly-ratelimit-warning"), HeaderValue::from_static("true"));
        }
    }
    response
}

/// Runs a handler's work as one step of the venue.
pub(super) fn step(front: &Front, work: impl FnOnce(&mut Venue) -> Answer) -> Answer {
    front.step(|venue, _| work(venue))
}
