//! The Gamma host: market metadata for a catalogue. Markets that share an event are listed together; any other market is an
//! event of its own.

use super::call::{Answer, ApiError, Call, Reply};
use super::front::{Shared, Venue};
use super::markets::{decimal, max_spread_cents, number};
use super::prices::{midpoint, top_of};
use crate::exchange::MarketInfo;
use alloy_primitives::keccak256;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mm_core::domain::Outcome;
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of a page at most, and if the call does not say.
const LIMIT_MAX: usize = 500;
const LIMIT: usize = 100;

pub(super) fn routes(front: &Shared) -> Router {
    Router::new()
        .route("/markets", get(markets))
        .route("/markets/keyset", get(markets_keyset))
        .route("/markets/{id}", get(market_by_id))
        .route("/markets/slug/{slug}", get(market_by_slug))
        .route("/events", get(events))
        .route("/events/keyset", get(events_keyset))
        .route("/events/{id}", get(event_by_id))
        .route("/events/slug/{slug}", get(event_by_slug))
        .route("/status", get(async || Reply::of(&"OK")))
        .with_state(Arc::clone(front))
}

/// What a market is part of: its event's name, or its own.
pub(super) fn event_slug(info: &MarketInfo) -> String {
    info.market.event.as_ref().map_or_else(|| info.slug.clone(), ToString::to_string)
}

/// Gamma's number of an event: any fixed number, as text.
pub(super) fn event_id(info: &MarketInfo) -> String {
    let hash = keccak256(event_slug(info));
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).to_string()
}

/// A made-up 32-byte id that belongs to a name.
pub(super) fn made_up_id(what: &str, name: &str) -> String {
    keccak256(format!("{what}/{name}")).to_string()
}

/// One row of a listing, and what it is found by.
struct Row {
    id: String,
    slug: String,
    conditions: Vec<String>,
    tokens: Vec<String>,
    closed: bool,
    value: Value,
}

/// Gamma numbers markets from 1.
fn market_rows(venue: &Venue) -> Vec<Row> {
    let row = |(n, info): (usize, &MarketInfo)| Row {
        id: (n + 1).to_string(),
        slug: info.slug.clone(),
        conditions: vec![info.market.condition.to_string()],
        tokens: vec![info.market.yes.to_string(), info.market.no.to_string()],
        closed: is_closed(venue, info),
        value: market_row(venue, n + 1, info),
    };
    venue.exchange.markets().iter().enumerate().map(row).collect()
}

fn event_rows(venue: &Venue) -> Vec<Row> {
    let infos = venue.exchange.markets();
    let mut rows: Vec<Row> = Vec::new();
    for (info, market) in infos.iter().zip(market_rows(venue)) {
        let id = event_id(info);
        if let Some(row) = rows.iter_mut().find(|row| row.id == id) {
            row.conditions.extend(market.conditions);
            row.tokens.extend(market.tokens);
            row.closed &= market.closed;
            row.value["closed"] = json!(row.closed);
            if let Some(list) = row.value["markets"].as_array_mut() {
                list.push(market.value);
            }
            continue;
        }
        let slug = event_slug(info);
        let mut value = json!({
            "id": id,
            "ticker": slug,
            "slug": slug,
            "title": slug,
            "active": true,
            "closed": market.closed,
            "archived": false,
            "restricted": false,
            "enableOrderBook": true,
            "startDate": info.market.starts.map(|at| at.to_string()),
            "endDate": info.market.ends.map(|at| at.to_string()),
            "markets": [market.value],
        });
        if info.market.neg_risk {
            value["negRisk"] = json!(true);
            value["enableNegRisk"] = json!(true);
            value["negRiskMarketID"] = json!(made_up_id("neg-risk-market", &slug));
        }
        let (conditions, tokens, closed) = (market.conditions, market.tokens, market.closed);
        rows.push(Row { id, slug, conditions, tokens, closed, value });
    }
    rows
}

/// Trading is over for good.
fn is_closed(venue: &Venue, info: &MarketInfo) -> bool {
    venue.exchange.life(&info.market.condition).is_some_and(|life| life.is_closed())
}

/// An answer waits for somebody to dispute it, in the market of this row.
fn is_proposed(venue: &Venue, row: usize) -> bool {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    venue.mishaps.faults.is_proposed(number(row), number(venue.exchange.markets().len()))
}

type Rows = fn(&Venue) -> Vec<Row>;

async fn markets(State(front): State<Shared>, call: Call) -> Answer {
    by_offset(&front, &call, market_rows)
}

async fn markets_keyset(State(front): State<Shared>, call: Call) -> Answer {
    by_cursor(&front, &call, market_rows, "markets")
}

async fn events(State(front): State<Shared>, call: Call) -> Answer {
    by_offset(&front, &call, event_rows)
}

async fn events_keyset(State(front): State<Shared>, call: Call) -> Answer {
    by_cursor(&front, &call, event_rows, "events")
}

fn number_of(call: &Call, name: &str, default: usize) -> Result<usize, ApiError> {
    match call.query(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| ApiError::new(422, "invalid query parameter")),
    }
}

fn by_offset(front: &Shared, call: &Call, rows: Rows) -> Answer {
    front.step(|venue, _| {
        let (limit, offset) = (number_of(call, "limit", LIMIT)?.min(LIMIT_MAX), number_of(call, "offset", 0)?);
        let kept = rows(venue).into_iter().filter(|row| wanted(call, row));
        Ok(Reply::of(&kept.skip(offset).take(limit).map(|row| row.value).collect::<Vec<_>>()))
    })
}

/// A page behind the row `after_cursor` names; the last page names none.
fn by_cursor(front: &Shared, call: &Call, rows: Rows, name: &str) -> Answer {
    front.step(|venue, _| {
        let limit = number_of(call, "limit", LIMIT)?.clamp(1, LIMIT_MAX);
        let from = match call.query("after_cursor") {
            None => 0,
            Some(cursor) => {
                let text = STANDARD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let from = text.and_then(|text| text.parse::<usize>().ok());
                from.ok_or_else(|| ApiError::new(422, "invalid query parameter"))?
            }
        };
        let kept: Vec<Row> = rows(venue).into_iter().filter(|row| wanted(call, row)).collect();
        let next = from.saturating_add(limit);
        let next_cursor = (next < kept.len()).then(|| STANDARD.encode(next.to_string()));
        let page: Vec<Value> = kept.into_iter().skip(from).take(limit).map(|row| row.value).collect();
        Ok(Reply::of(&json!({name: page, "next_cursor": next_cursor})))
    })
}

/// Closed markets are hidden unless asked for.
fn wanted(call: &Call, row: &Row) -> bool {
    // a filter may list its values, repeat itself, or both
    let named = |name: &str, values: &[String]| {
        let mut asked = call.queries(name).flat_map(|list| list.split(',')).peekable();
        asked.peek().is_none() || asked.any(|one| values.iter().any(|value| value.eq_ignore_ascii_case(one)))
    };
    row.closed == (call.query("closed") == Some("true"))
        && named("id", std::slice::from_ref(&row.id))
        && named("slug", std::slice::from_ref(&row.slug))
        && named("condition_ids", &row.conditions)
        && named("clob_token_ids", &row.tokens)
}

async fn market_by_id(State(front): State<Shared>, Path(id): Path<String>) -> Answer {
    one(&front, market_rows, |row| row.id == id)
}

async fn market_by_slug(State(front): State<Shared>, Path(slug): Path<String>) -> Answer {
    one(&front, market_rows, |row| row.slug == slug)
}

async fn event_by_id(State(front): State<Shared>, Path(id): Path<String>) -> Answer {
    one(&front, event_rows, |row| row.id == id)
}

async fn event_by_slug(State(front): State<Shared>, Path(slug): Path<String>) -> Answer {
    one(&front, event_rows, |row| row.slug == slug)
}

fn one(front: &Shared, rows: Rows, is: impl Fn(&Row) -> bool) -> Answer {
    front.step(|venue, _| {
        let found = rows(venue).into_iter().find(|row| is(row));
        found.map(|row| Reply::of(&row.value)).ok_or_else(|| ApiError::new(404, "id not found"))
    })
}

fn market_row(venue: &Venue, id: usize, info: &MarketInfo) -> Value {
    let market = &info.market;
    // Lists inside a row are JSON in a string; that is how Gamma sends them.
    let list = |texts: [&str; 2]| serde_json::to_string(&texts).expect("strings serialize");
    let life = venue.exchange.life(&market.condition);
    let price = |outcome| {
        let pays = life.and_then(|life| life.pays_cents(outcome)).map(|cents| decimal(cents, 2));
        pays.or_else(|| midpoint(venue, market.token_id(outcome))).unwrap_or_else(|| "0".to_owned())
    };
    let (bid, ask) = top_of(venue, &market.yes);
    let dollars = |price: Option<mm_core::domain::Price>| price.map_or(Value::Null, |price| number(&price.to_string()));
    let spread = bid.zip(ask).and_then(|(bid, ask)| ask.checked_sub(bid.ten_thousandths()));
    let (reward_size, reward_spread) = match &market.rewards {
        Some(terms) => (number(&terms.min_size.to_string()), number(&max_spread_cents(terms))),
        None => (json!(0), json!(0)),
    };
    let mut row = json!({
        "id": id.to_string(),
        "conditionId": market.condition,
        "questionID": made_up_id("question", &info.slug),
        "question": info.slug,
        "slug": info.slug,
        "clobTokenIds": list([market.yes.as_str(), market.no.as_str()]),
        "outcomes": list([&info.outcomes[0], &info.outcomes[1]]),
        "outcomePrices": list([&price(Outcome::Yes), &price(Outcome::No)]),
        "active": true,
        "closed": is_closed(venue, info),
        "archived": false,
        "acceptingOrders": market.ready,
        "enableOrderBook": true,
        "orderPriceMinTickSize": number(&market.tick.to_string()),
        "orderMinSize": number(&market.min_order.to_string()),
        "rewardsMinSize": reward_size,
        "rewardsMaxSpread": reward_spread,
        "clobRewards": super::rewards::gamma_rows(venue, id, info),
        "feesEnabled": info.fee.is_some(),
        "bestBid": dollars(bid),
        "bestAsk": dollars(ask),
        "spread": dollars(spread),
        "lastTradePrice": info.last_trade.map_or(Value::Null, |(outcome, price, _)| {
            // of the first token, whichever was traded
            dollars(Some(if outcome == Outcome::Yes { price } else { price.complement() }))
        }),
        "volume24hr": number(&decimal(venue.records.volume(&market.condition), 6)),
        "secondsDelay": life.map_or(0, |life| life.rules.seconds_delay.ms() / 1000),
        "clearBookOnStart": life.is_some_and(|life| life.rules.game_start.is_some() && !life.rules.keep_book_on_start),
        "startDate": market.starts.map(|at| at.to_string()),
        "endDate": market.ends.map(|at| at.to_string()),
        "restricted": false,
        "version": "v1",
        "events": [{"id": event_id(info), "slug": event_slug(info), "title": event_slug(info)}],
    });
    if let Some(at) = market.starts.filter(|_| life.is_some_and(|life| life.rules.game_start.is_some())) {
        row["gameStartTime"] = json!(at.to_string());
    }
    if is_closed(venue, info) {
        row["umaResolutionStatus"] = json!("resolved");
    } else if is_proposed(venue, id - 1) {
        row["umaResolutionStatus"] = json!("proposed");
    }
    if market.neg_risk {
        row["negRisk"] = json!(true);
        row["negRiskMarketID"] = json!(made_up_id("neg-risk-market", &event_slug(info)));
        row["negRiskRequestID"] = json!(made_up_id("neg-risk-request", &info.slug));
    }
    if let Some(fee) = &info.fee {
        row["feeSchedule"] = json!({"rate": number(&fee.r), "exponent": number(&fee.e), "takerOnly": fee.to});
    }
    row
}
