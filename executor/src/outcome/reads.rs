//! Replies to everything that is not a placement. `Err` always means: nothing was learnt, and says why.

use super::listed::{ListedBook, ListedOrder, ListedTrade};
use super::{VenueReply, error_text, short};
use mm_core::domain::{OrderId, Qty, Usdc};
use mm_core::venue::earnings::{EarnedRow, Percentages, dollars};
use mm_core::venue::rest::{BalanceAllowance, CancelReply, ClosedOnlyBody, GeoblockBody, HeartbeatReply, Page};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Letters of a hash, with its `0x`.
const HASH_LETTERS: usize = 66;

/// What a heartbeat's reply proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Accepted; the id for the next beat.
    Accepted(Box<str>),
    /// Refused without effect; the id the venue expects now.
    Expected(Box<str>),
    /// Perhaps accepted, perhaps not.
    Failed(Box<str>),
}

/// What a cancel call's reply says: a hint, not evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancels {
    /// Orders the venue says it cancelled.
    pub canceled: Vec<OrderId>,
    /// Orders it says it did not, and why.
    pub refused: BTreeMap<OrderId, Box<str>>,
}

/// What the geoblock endpoint's reply proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Geo {
    /// A JSON object with `blocked: false`.
    Clear,
    /// A JSON object with `blocked: true`; country and region for people.
    Blocked(Box<str>),
    /// Anything else.
    Unknown(Box<str>),
}

/// The body of a complete success, or why there is none.
fn body_of<T: DeserializeOwned>(reply: &VenueReply) -> Result<T, Box<str>> {
    match reply {
        VenueReply::NotSent(why) => Err(short(&format!("not sent: {why}"))),
        VenueReply::Lost(lost) => Err(lost.to_string().into()),
        VenueReply::Answer(answer) if answer.status == 200 => serde_json::from_slice(&answer.body)
            .map_err(|why| short(&format!("status 200 with a body that is not what was asked for: {why}"))),
        VenueReply::Answer(answer) => match error_text(&answer.body) {
            Some(text) => Err(short(&format!("status {}: {text}", answer.status))),
            None => Err(format!("status {}", answer.status).into()),
        },
    }
}

/// The same where only a JSON object counts: what serde derives takes an array for the fields in their order.
fn object_of<T: DeserializeOwned>(reply: &VenueReply) -> Result<T, Box<str>> {
    let object: serde_json::Map<String, serde_json::Value> = body_of(reply)?;
    serde_json::from_value(object.into())
        .map_err(|why| short(&format!("status 200 with an object that is not what was asked for: {why}")))
}

/// Any cancel call. `Ok` is the venue's hint, not evidence.
///
/// # Errors
/// Why nothing was learnt.
pub fn cancel(reply: &VenueReply) -> Result<Cancels, Box<str>> {
    let body: CancelReply = body_of(reply)?;
    let id = |text: &String| OrderId::parse(&text.to_ascii_lowercase()).ok();
    let canceled = body.canceled.iter().filter_map(id).collect();
    let refused = body.not_canceled.iter().filter_map(|(text, why)| Some((id(text)?, short(why)))).collect();
    Ok(Cancels { canceled, refused })
}

/// `POST /v1/heartbeats`.
#[must_use]
pub fn heartbeat(reply: &VenueReply) -> Beat {
    if let VenueReply::Answer(answer) = reply
        && answer.status == 400
        && let Ok(body) = serde_json::from_slice::<HeartbeatReply>(&answer.body)
    {
        return Beat::Expected(body.heartbeat_id.into());
    }
    match body_of::<HeartbeatReply>(reply) {
        Ok(body) if body.error_msg.is_none() => Beat::Accepted(body.heartbeat_id.into()),
        Ok(body) => Beat::Failed(short(&body.error_msg.unwrap_or_default())),
        Err(why) => Beat::Failed(why),
    }
}

/// One page of `GET /data/orders`.
///
/// # Errors
/// Why nothing was learnt.
pub fn open_orders(reply: &VenueReply) -> Result<Page<ListedOrder>, Box<str>> {
    body_of(reply)
}

/// `GET /data/order/{id}`: `Ok(None)` when the venue does not know it, which alone proves nothing.
///
/// # Errors
/// Why nothing was learnt.
pub fn order(reply: &VenueReply, asked: OrderId) -> Result<Option<ListedOrder>, Box<str>> {
    if let VenueReply::Answer(answer) = reply
        && answer.status == 404
        && error_text(&answer.body).is_some()
    {
        return Ok(None);
    }
    match body_of::<Option<ListedOrder>>(reply)? {
        Some(order) if order.id != asked => Err("an answer about another order".into()),
        order => Ok(order),
    }
}

/// A row of a list that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Every hash in it.
    pub named: Vec<OrderId>,
    /// What is wrong with it.
    pub why: Box<str>,
}

impl Unreadable {
    fn new(row: &RawValue, why: &serde_json::Error) -> Self {
        let hashes = row.get().match_indices("0x").filter_map(|(at, _)| row.get().get(at..at + HASH_LETTERS));
        let named = hashes.filter_map(|text| OrderId::parse(&text.to_ascii_lowercase()).ok()).collect();
        Self { named, why: short(&why.to_string()) }
    }
}

/// One page of `GET /data/trades`: the rows that make sense, and those that do not. One that other people's orders are in must not hide
/// ours.
///
/// # Errors
/// Why nothing was learnt.
pub fn trades(reply: &VenueReply) -> Result<(Page<ListedTrade>, Vec<Unreadable>), Box<str>> {
    let Page { data, next_cursor, limit, count } = body_of::<Page<Box<RawValue>>>(reply)?;
    let (mut rows, mut unreadable) = (Vec::with_capacity(data.len()), Vec::new());
    for row in data {
        match serde_json::from_str(row.get()) {
            Ok(trade) => rows.push(trade),
            Err(why) => unreadable.push(Unreadable::new(&row, &why)),
        }
    }
    Ok((Page { data: rows, next_cursor, limit, count }, unreadable))
}

/// The geoblock endpoint: only a JSON object with a boolean `blocked` counts.
#[must_use]
pub fn geoblock(reply: &VenueReply) -> Geo {
    match object_of::<GeoblockBody>(reply) {
        Ok(body) if body.blocked => Geo::Blocked(short(&format!("{} {}", body.country, body.region))),
        Ok(_) => Geo::Clear,
        Err(why) => Geo::Unknown(why),
    }
}

/// `GET /auth/ban-status/closed-only`: only a JSON object with a boolean `closed_only` counts.
///
/// # Errors
/// Why nothing was learnt.
pub fn closed_only(reply: &VenueReply) -> Result<bool, Box<str>> {
    object_of::<ClosedOnlyBody>(reply).map(|body| body.closed_only)
}

/// `GET /time`: Unix seconds.
///
/// # Errors
/// Why nothing was learnt.
pub fn time(reply: &VenueReply) -> Result<u64, Box<str>> {
    body_of(reply)
}

/// `GET /balance-allowance` of dollars or of a token, in millionths either way.
///
/// # Errors
/// Why nothing was learnt.
pub fn balance(reply: &VenueReply) -> Result<(Usdc, Qty), Box<str>> {
    body_of::<BalanceAllowance>(reply).map(|body| (Usdc::from_micro(body.balance), Qty::from_micro(body.balance)))
}

/// `POST /orders-scoring`.
///
/// # Errors
/// Why nothing was learnt.
pub fn scoring(reply: &VenueReply) -> Result<BTreeMap<OrderId, bool>, Box<str>> {
    body_of(reply)
}

/// `GET /rewards/user/percentages`.
///
/// # Errors
/// Why nothing was learnt.
pub fn shares(reply: &VenueReply) -> Result<Percentages, Box<str>> {
    body_of(reply)
}

/// `GET /rewards/user/total`: dollars of all currencies.
///
/// # Errors
/// Why nothing was learnt.
pub fn earned(reply: &VenueReply) -> Result<Usdc, Box<str>> {
    let rows: Vec<EarnedRow> = body_of(reply)?;
    dollars(&rows).ok_or_else(|| "an amount that is none".into())
}

/// `POST /books`. A token without a book is left out.
///
/// # Errors
/// Why nothing was learnt.
pub fn books(reply: &VenueReply) -> Result<Vec<ListedBook>, Box<str>> {
    body_of(reply)
}
