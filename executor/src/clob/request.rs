//! What is asked of the venue, as the bytes that leave: path, body, and the headers that prove who asks.
//!
//! A body is serialized once; the same bytes are signed and sent.

use super::wire;
use crate::auth::Credentials;
use crate::outcome::VenueCall;
use crate::sign::SignedOrder;
use mm_core::domain::{Nanos, Timestamp, TokenId};
use mm_core::venue::order::{PostOrder, SignatureType};
use mm_core::venue::rest::{CancelMarketBody, CancelOrderBody, FIRST_CURSOR, HeartbeatBody};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Serialize;
use std::borrow::Cow;

/// Room for the body of one order, without growing.
const ORDER_BYTES: usize = 1024;

/// A request before it is authenticated.
#[derive(Clone)]
pub struct Request {
    method: Method,
    /// Signed: no query.
    path: Cow<'static, str>,
    /// Not signed; with its `?`, or empty.
    query: String,
    body: Vec<u8>,
}

/// A request with everything in it: what is left to do is to send it.
pub struct Ready {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

impl Ready {
    /// A question anybody may ask.
    pub(crate) fn get(url: String) -> Self {
        Self { method: Method::GET, url, body: Vec::new(), headers: HeaderMap::new() }
    }

    /// Bytes of its body. The body itself is authority to trade and stays inside.
    #[must_use]
    pub const fn body_len(&self) -> usize {
        self.body.len()
    }
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<Cow<'static, str>>) -> Self {
        Self { method, path: path.into(), query: String::new(), body: Vec::new() }
    }

    pub(crate) fn query(mut self, query: String) -> Self {
        self.query = query;
        self
    }

    fn json(mut self, body: &impl Serialize) -> Self {
        self.body.reserve(ORDER_BYTES);
        serde_json::to_writer(&mut self.body, body).expect("strings and integers always serialize");
        self
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// `POST /order`, or `/orders` for several, for the API key of `credentials`.
    #[must_use]
    pub fn place(orders: Vec<SignedOrder>, credentials: &Credentials) -> Self {
        assert!((1..=VenueCall::PLACE_MAX).contains(&orders.len()), "{} orders in one request", orders.len());
        let owner = credentials.owner();
        let mut posts: Vec<PostOrder> = orders.into_iter().map(|order| order.into_post(owner)).collect();
        match (posts.pop(), posts.is_empty()) {
            (Some(only), true) => Self::new(Method::POST, "/order").json(&only),
            (last, _) => {
                posts.extend(last);
                Self::new(Method::POST, "/orders").json(&posts)
            }
        }
    }

    /// A call to the CLOB, for a wallet of this kind.
    #[must_use]
    pub fn of(call: &VenueCall, wallet: SignatureType) -> Self {
        let wallet = wallet.number();
        match call {
            VenueCall::Cancel(ids) if ids.len() == 1 => {
                Self::new(Method::DELETE, "/order").json(&CancelOrderBody { order_id: ids[0].to_string() })
            }
            VenueCall::Cancel(ids) => {
                assert!(ids.len() <= VenueCall::CANCEL_MAX, "{} ids in one cancel", ids.len());
                Self::new(Method::DELETE, "/orders").json(ids)
            }
            VenueCall::CancelAll => Self::new(Method::DELETE, "/cancel-all"),
            VenueCall::CancelMarket(condition) => Self::new(Method::DELETE, "/cancel-market-orders")
                .json(&CancelMarketBody { market: Some(condition.to_string()), asset_id: None }),
            VenueCall::OpenOrders { cursor } => Self::new(Method::GET, "/data/orders")
                .query(format!("?next_cursor={}", wire::percent(cursor.as_deref().unwrap_or(FIRST_CURSOR)))),
            VenueCall::Order(id) => Self::new(Method::GET, format!("/data/order/{id}")),
            VenueCall::Trades { since, cursor } => Self::new(Method::GET, "/data/trades").query(format!(
                "?after={}&next_cursor={}",
                since.secs(),
                wire::percent(cursor.as_deref().unwrap_or(FIRST_CURSOR))
            )),
            VenueCall::Heartbeat { id } => Self::new(Method::POST, "/v1/heartbeats")
                .json(&HeartbeatBody { heartbeat_id: Some(id.clone().into_string()) }),
            VenueCall::Scoring(ids) => Self::new(Method::POST, "/orders-scoring").json(ids),
            VenueCall::Shares => {
                Self::new(Method::GET, "/rewards/user/percentages").query(format!("?signature_type={wallet}"))
            }
            VenueCall::Earned(day) => Self::new(Method::GET, "/rewards/user/total")
                .query(format!("?date={}&signature_type={wallet}&sponsored=true", date(*day))),
            VenueCall::Balance(what) => {
                Self::new(Method::GET, "/balance-allowance").query(of_asset(what.as_ref(), wallet))
            }
            VenueCall::RefreshBalance(what) => {
                Self::new(Method::GET, "/balance-allowance/update").query(of_asset(what.as_ref(), wallet))
            }
            VenueCall::ClosedOnly => Self::new(Method::GET, "/auth/ban-status/closed-only"),
            VenueCall::Books(tokens) => {
                let asked: Vec<_> = tokens.iter().map(|token| serde_json::json!({ "token_id": token })).collect();
                Self::new(Method::POST, "/books").json(&asked)
            }
            VenueCall::Geoblock | VenueCall::Time | VenueCall::RenewCredentials => {
                unreachable!("asked elsewhere, or by hand")
            }
        }
    }

    /// Addressed to `rest`, with nothing that says who asks.
    pub(crate) fn unsigned(self, rest: &str) -> Ready {
        let Self { method, path, query, body } = self;
        Ready { method, url: [rest, &path, &query].concat(), body, headers: HeaderMap::new() }
    }

    /// Addressed to `rest`, dated `unix_s` and signed with `credentials`.
    #[must_use]
    pub fn ready(self, rest: &str, credentials: &Credentials, unix_s: u64) -> Ready {
        let Self { method, path, query, body } = self;
        let headers = credentials.request_headers(unix_s, method.as_str(), &path, &body);
        let url = [rest, &path, &query].concat();
        Ready { method, url, body, headers }
    }
}

/// The question for dollars or for one token's shares.
fn of_asset(token: Option<&TokenId>, wallet: u8) -> String {
    match token {
        None => format!("?asset_type=COLLATERAL&signature_type={wallet}"),
        Some(token) => format!("?asset_type=CONDITIONAL&token_id={token}&signature_type={wallet}"),
    }
}

/// A UTC day, counted since 1970, as `YYYY-MM-DD`.
fn date(day: u32) -> String {
    let mut text = Timestamp::EPOCH.plus(Nanos::from_secs(u64::from(day) * 86_400)).to_string();
    text.truncate("YYYY-MM-DD".len());
    text
}
