//! Reward terms, and whether an order scores now.

use super::call::{Answer, ApiError, Call, Caller, Reply, order_id};
use super::front::{Shared, Venue};
use super::lists::page;
use super::markets::{COLLATERAL, market_at, max_spread_cents, number};
use super::prices::top_of;
use super::reads::order_of;
use crate::exchange::MarketInfo;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use mm_core::domain::{OrderId, Timestamp};
use mm_core::venue::rest::plain_status;
use serde_json::{Map, Value, json};

/// Ids of one `POST /orders-scoring`; the venue documents none.
const BATCH_MAX: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/order-scoring", get(one_scoring))
        .route("/orders-scoring", post(many_scoring))
        .route("/rewards/markets/current", get(current))
        .route("/rewards/markets/{condition}", get(one_market))
}

async fn current(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let rows = venue.exchange.markets().iter().filter_map(|info| terms_row(info, at)).collect();
        Ok(Reply::of(&page(&call, rows)?))
    })
}

async fn one_market(State(front): State<Shared>, Path(condition): Path<String>, call: Call) -> Answer {
    front.step(|venue, at| {
        let info = market_at(venue, &condition)?;
        let row = terms_row(&info, at).map(|mut row| {
            row["question"] = json!(info.slug);
            row["market_slug"] = json!(info.slug);
            row["event_slug"] = json!(info.slug);
            row["image"] = json!("");
            row["market_competitiveness"] = json!(0);
            row["tokens"] = json!([
                {"token_id": info.market.yes, "outcome": info.outcomes[0]},
                {"token_id": info.market.no, "outcome": info.outcomes[1]},
            ]);
            row
        });
        Ok(Reply::of(&page(&call, row.into_iter().collect())?))
    })
}

/// What is paid on a market; `None` when nothing is.
fn terms_row(info: &MarketInfo, at: Timestamp) -> Option<Value> {
    let terms = info.market.rewards.as_ref()?;
    let rate = number(&terms.rate_per_day.to_string());
    let today = at.to_string();
    let today = today.get(..10).unwrap_or_default();
    Some(json!({
        "condition_id": info.market.condition,
        "rewards_max_spread": number(&max_spread_cents(terms)),
        "rewards_min_size": number(&terms.min_size.to_string()),
        "rewards_config": [{
            "id": 0,
            "asset_address": COLLATERAL,
            "start_date": today,
            "end_date": "2500-12-31",
            "rate_per_day": rate.clone(),
            "total_rewards": 0,
        }],
        "native_daily_rate": rate.clone(),
        "sponsored_daily_rate": 0,
        "sponsors_count": 0,
        "total_daily_rate": rate,
    }))
}

async fn one_scoring(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        let id = order_id(call.query("order_id").unwrap_or_default())?;
        Ok(Reply::of(&json!({"scoring": scores(venue, at, &caller, &id)})))
    })
}

async fn many_scoring(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        let ids: Vec<String> = call.json("Invalid payload")?;
        if ids.len() > BATCH_MAX {
            return Err(ApiError::bad("Payload exceeds the limit"));
        }
        let mut out = Map::new();
        for text in &ids {
            out.insert(text.clone(), Value::Bool(scores(venue, at, &caller, &order_id(text)?)));
        }
        Ok(Reply::of(&out))
    })
}

/// Whether an order would count in a sample taken now: it rests, is old and large enough, and is strictly inside the band
/// around the plain midpoint of its token.
fn scores(venue: &Venue, at: Timestamp, caller: &Caller, id: &OrderId) -> bool {
    let judge = || {
        let order = order_of(venue, caller, id).filter(|order| plain_status(&order.status) == "LIVE")?;
        let (info, _) = venue.market_of(&order.asset_id)?;
        let terms = info.market.rewards?;
        let (bid, ask) = top_of(venue, &order.asset_id);
        let twice_mid = bid?.ten_thousandths() + ask?.ten_thousandths();
        let twice_distance = (2 * order.price.ten_thousandths()).abs_diff(twice_mid);
        let old_enough = order.created_at.saturating_mul(1000) + terms.min_age.ms() <= at.ms();
        let inside = twice_distance < 2 * terms.max_spread.ten_thousandths();
        Some(inside && old_enough && order.original_size.micro() - order.size_matched.micro() >= terms.min_size.micro())
    };
    judge().unwrap_or(false)
}
