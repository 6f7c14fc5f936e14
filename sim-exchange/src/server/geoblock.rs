//! The venue's other hosts: geoblock, Gamma and Data API, each on its own port.

use super::call::{Answer, ApiError, Call, Reply, step};
use super::front::{Shared, Venue};
use super::markets::{COLLATERAL, decimal, max_spread_cents, number};
use super::prices::{midpoint, top_of};
use crate::exchange::MarketInfo;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use mm_core::domain::{Outcome, Timestamp};
use mm_core::venue::rest::GeoblockBody;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn geoblock(front: &Shared) -> Router {
    Router::new().route("/api/geoblock", get(blocked)).with_state(Arc::clone(front))
}

async fn blocked(State(front): State<Shared>) -> Answer {
    step(&front, |venue| {
        let country = if venue.blocked { "US" } else { "NO" };
        let (ip, country, region) = ("127.0.0.1".to_owned(), country.to_owned(), String::new());
        Ok(Reply::of(&GeoblockBody { blocked: venue.blocked, ip, country, region }))
    })
}

pub(super) fn gamma(front: &Shared) -> Router {
    Router::new()
        .route("/markets", get(gamma_markets))
        .route("/markets/keyset", get(gamma_keyset))
        .route("/markets/{id}", get(gamma_by_id))
        .route("/markets/slug/{slug}", get(gamma_by_slug))
        .with_state(Arc::clone(front))
}

/// Gamma's numbering: rows from 1.
fn rows(venue: &Venue, at: Timestamp) -> Vec<(MarketInfo, Value)> {
    let numbered = venue.exchange.markets().into_iter().enumerate();
    numbered.map(|(row, info)| (info.clone(), gamma_row(venue, at, row + 1, &info))).collect()
}

async fn gamma_markets(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| Ok(Reply::of(&filtered(venue, at, &call)?)))
}

async fn gamma_keyset(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| Ok(Reply::of(&json!({"markets": filtered(venue, at, &call)?, "next_cursor": Value::Null}))))
}

fn filtered(venue: &Venue, at: Timestamp, call: &Call) -> Result<Vec<Value>, ApiError> {
    let number = |name: &str, default: usize| match call.query(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| ApiError::new(422, "invalid query parameter")),
    };
    let (limit, offset) = (number("limit", 100)?.min(500), number("offset", 0)?);
    if call.query("closed") == Some("true") {
        return Ok(Vec::new());
    }
    let named = |name: &str, values: &[&str]| {
        call.query(name)
            .is_none_or(|asked| asked.split(',').any(|one| values.iter().any(|v| v.eq_ignore_ascii_case(one))))
    };
    let keep = |info: &MarketInfo| {
        let market = &info.market;
        named("condition_ids", &[market.condition.as_str()])
            && named("clob_token_ids", &[market.yes.as_str(), market.no.as_str()])
            && named("slug", &[info.slug.as_str()])
    };
    let kept = rows(venue, at).into_iter().filter(|(info, _)| keep(info)).map(|(_, row)| row);
    Ok(kept.skip(offset).take(limit).collect())
}

async fn gamma_by_id(State(front): State<Shared>, Path(id): Path<String>) -> Answer {
    one(&front, |_, row| row["id"] == id.as_str())
}

async fn gamma_by_slug(State(front): State<Shared>, Path(slug): Path<String>) -> Answer {
    one(&front, |info, _| info.slug == slug)
}

fn one(front: &Shared, is: impl Fn(&MarketInfo, &Value) -> bool) -> Answer {
    front.step(|venue, at| {
        let found = rows(venue, at).into_iter().find(|(info, row)| is(info, row));
        found.map(|(_, row)| Reply::of(&row)).ok_or_else(|| ApiError::new(404, "id not found"))
    })
}

fn gamma_row(venue: &Venue, at: Timestamp, id: usize, info: &MarketInfo) -> Value {
    let market = &info.market;
    // Lists inside a row are JSON in a string; that is how Gamma sends them.
    let list = |texts: [&str; 2]| serde_json::to_string(&texts).expect("strings serialize");
    let price = |outcome| midpoint(venue, market.token_id(outcome)).unwrap_or_else(|| "0".to_owned());
    let (bid, ask) = top_of(venue, &market.yes);
    let (reward_size, reward_spread) = match &market.rewards {
        Some(terms) => (number(&terms.min_size.to_string()), number(&max_spread_cents(terms))),
        None => (json!(0), json!(0)),
    };
    let pools = market.rewards.as_ref().map(|terms| {
        let today = at.to_string();
        json!([{
            "id": id.to_string(),
            "conditionId": market.condition,
            "assetAddress": COLLATERAL,
            "rewardsAmount": 0,
            "rewardsDailyRate": number(&terms.rate_per_day.to_string()),
            "startDate": today.get(..10).unwrap_or_default(),
            "endDate": "2500-12-31",
        }])
    });
    let mut row = json!({
        "id": id.to_string(),
        "conditionId": market.condition,
        "questionID": "",
        "question": info.slug,
        "slug": info.slug,
        "clobTokenIds": list([market.yes.as_str(), market.no.as_str()]),
        "outcomes": list([&info.outcomes[0], &info.outcomes[1]]),
        "outcomePrices": list([&price(Outcome::Yes), &price(Outcome::No)]),
        "active": true,
        "closed": false,
        "archived": false,
        "acceptingOrders": market.ready,
        "enableOrderBook": true,
        "orderPriceMinTickSize": number(&market.tick.to_string()),
        "orderMinSize": number(&market.min_order.to_string()),
        "rewardsMinSize": reward_size,
        "rewardsMaxSpread": reward_spread,
        "clobRewards": pools.unwrap_or_else(|| json!([])),
        "feesEnabled": info.fee.is_some(),
        "bestBid": bid.map_or(Value::Null, |price| number(&price.to_string())),
        "bestAsk": ask.map_or(Value::Null, |price| number(&price.to_string())),
        "startDate": market.starts.map(|at| at.to_string()),
        "endDate": market.ends.map(|at| at.to_string()),
        "restricted": false,
        "version": "v1",
    });
    if market.neg_risk {
        row["negRisk"] = json!(true);
    }
    if let Some(fee) = &info.fee {
        row["feeSchedule"] = json!({"rate": number(&fee.r), "exponent": number(&fee.e), "takerOnly": fee.to});
    }
    row
}

pub(super) fn data(front: &Shared) -> Router {
    Router::new().route("/v2/positions", get(positions)).with_state(Arc::clone(front))
}

async fn positions(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let user = call.query("user").filter(|user| crate::auth::parse_address(user).is_some());
        let user = user.ok_or_else(|| ApiError::bad("Invalid user"))?;
        let accounts = venue.exchange.status().accounts;
        let account = accounts.iter().find(|row| row.address.eq_ignore_ascii_case(user)).map(|row| row.account);
        let mut rows = Vec::new();
        for info in venue.exchange.markets() {
            let market = &info.market;
            if call.query("condition_id").is_some_and(|asked| asked != market.condition.as_str()) {
                continue;
            }
            for (index, outcome) in [Outcome::Yes, Outcome::No].into_iter().enumerate() {
                let token = market.token_id(outcome);
                let held = account.map_or(0, |account| venue.exchange.balance(account, Some(token)));
                if held > 0 {
                    rows.push(json!({
                        "proxy_wallet": user,
                        "token_id": token,
                        "condition_id": market.condition,
                        "current_size": decimal(held, 6),
                        "current_price": midpoint(venue, token),
                        "status": "OPEN",
                        "redeemable": false,
                        "mergeable": false,
                        "negative_risk": market.neg_risk,
                        "archived": false,
                        "outcome": info.outcomes[index],
                        "outcome_index": index,
                        "opposite_token_id": market.token_id(outcome.other()),
                        "slug": info.slug,
                        "title": info.slug,
                    }));
                }
            }
        }
        Ok(Reply::of(&json!({"data": rows, "pagination": {"has_more": false, "next_cursor": Value::Null}})))
    })
}
