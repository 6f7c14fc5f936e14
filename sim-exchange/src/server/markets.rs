//! Health, clock and market metadata: everything a client reads before its first order.

use super::call::{Answer, ApiError, Call, Reply, condition_id, step};
use super::front::{Shared, Venue};
use super::gamma::{event_slug, made_up_id};
use super::lists::page;
use crate::exchange::MarketInfo;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use mm_core::domain::{ConditionId, Outcome, RewardTerms, format_decimal};
use mm_core::venue::rest::{ClobMarket, ClobRewards, ClobToken, VersionBody};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(ok))
        .route("/ok", get(ok))
        .route("/time", get(time))
        .route("/version", get(version))
        .route("/tick-size", get(tick_size))
        .route("/neg-risk", get(neg_risk))
        .route("/fee-rate", get(fee_rate))
        .route("/markets-by-token/{token}", get(market_by_token))
        .route("/clob-markets/{condition}", get(clob_market))
        .route("/markets", get(all_markets))
        .route("/markets/{condition}", get(one_market))
        .route("/markets/live-activity/{condition}", get(live_activity))
        .route("/sampling-markets", get(sampling_markets))
        .route("/simplified-markets", get(simplified_markets))
        .route("/sampling-simplified-markets", get(sampling_simplified_markets))
}

async fn ok() -> Reply {
    Reply::of(&"OK")
}

async fn time(State(front): State<Shared>) -> Reply {
    Reply::of(&front.step(|venue, at| venue.exchange.shown(at).secs()))
}

async fn version() -> Reply {
    Reply::of(&VersionBody { version: 2 })
}

/// The venue's words for a token nobody lists.
pub(super) fn no_orderbook() -> ApiError {
    ApiError::new(404, "No orderbook exists for the requested token id")
}

fn market_of_token(venue: &Venue, call: &Call) -> Result<(MarketInfo, Outcome), ApiError> {
    venue.market_of(&call.token()?).ok_or_else(no_orderbook)
}

async fn tick_size(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (info, _) = market_of_token(venue, &call)?;
        Ok(Reply::of(&json!({"minimum_tick_size": number(&info.market.tick.to_string())})))
    })
}

async fn neg_risk(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (info, _) = market_of_token(venue, &call)?;
        Ok(Reply::of(&json!({"neg_risk": info.market.neg_risk})))
    })
}

async fn fee_rate(State(front): State<Shared>, call: Call) -> Answer {
    // A V1 idea; today's fees are in `/clob-markets`.
    step(&front, |venue| market_of_token(venue, &call).map(|_| Reply::of(&json!({"base_fee": 0}))))
}

async fn market_by_token(State(front): State<Shared>, Path(token): Path<String>) -> Answer {
    step(&front, |venue| {
        let token = mm_core::domain::TokenId::parse(&token).map_err(|_| ApiError::bad("Invalid token id"))?;
        let (info, _) = venue.market_of(&token).ok_or_else(|| ApiError::new(404, "market not found"))?;
        Ok(Reply::of(&json!({
            "condition_id": info.market.condition,
            "primary_token_id": info.market.yes,
            "secondary_token_id": info.market.no,
        })))
    })
}

/// The market a path names.
pub(super) fn market_at(venue: &Venue, condition: &str) -> Result<MarketInfo, ApiError> {
    let condition: ConditionId = condition_id(condition)?;
    venue.exchange.market(&condition).ok_or_else(|| ApiError::new(404, "market not found"))
}

async fn clob_market(State(front): State<Shared>, Path(condition): Path<String>) -> Answer {
    step(&front, |venue| {
        let info = market_at(venue, &condition)?;
        let market = &info.market;
        let token =
            |outcome: Outcome, name: &String| ClobToken { t: market.token_id(outcome).clone(), o: name.clone() };
        let rules = venue.exchange.life(&market.condition).map(|life| life.rules.clone()).unwrap_or_default();
        let seconds = rules.seconds_delay.ms() / 1000;
        let game = market.starts.filter(|_| rules.game_start.is_some());
        let body = ClobMarket {
            c: market.condition.clone(),
            t: vec![token(Outcome::Yes, &info.outcomes[0]), token(Outcome::No, &info.outcomes[1])],
            mts: market.tick,
            mos: market.min_order,
            nr: market.neg_risk,
            ao: market.ready,
            sd: (seconds > 0).then_some(seconds),
            gst: game.map(|at| at.to_string()),
            cbos: game.map(|_| !rules.keep_book_on_start),
            fd: info.fee.clone(),
            r: market.rewards.as_ref().map(|terms| ClobRewards {
                mi: Some(terms.min_size.to_string()),
                ma: Some(max_spread_cents(terms)),
                e: true,
                smoa: terms.min_age.nanos() == 0,
                moas: Some(terms.min_age.ms() / 1000),
            }),
        };
        // what is false, zero or unknown is left out
        let mut body = serde_json::to_value(&body).expect("parameters serialize");
        if rules.taker_delay.nanos() > 0 {
            body["itode"] = json!(true);
        }
        Ok(Reply::of(&body))
    })
}

async fn all_markets(State(front): State<Shared>, call: Call) -> Answer {
    list(&front, &call, |_, _| true, full_row)
}

async fn sampling_markets(State(front): State<Shared>, call: Call) -> Answer {
    list(&front, &call, in_programme, full_row)
}

async fn simplified_markets(State(front): State<Shared>, call: Call) -> Answer {
    list(&front, &call, |_, _| true, simplified_row)
}

async fn sampling_simplified_markets(State(front): State<Shared>, call: Call) -> Answer {
    list(&front, &call, in_programme, simplified_row)
}

async fn one_market(State(front): State<Shared>, Path(condition): Path<String>) -> Answer {
    step(&front, |venue| Ok(Reply::of(&full_row(venue, &market_at(venue, &condition)?))))
}

/// What happens in a market now: nothing is told here, the stream tells it.
async fn live_activity(State(front): State<Shared>, Path(condition): Path<String>) -> Answer {
    step(&front, |venue| market_at(venue, &condition).map(|_| Reply(String::from("[]"))))
}

/// Whether resting orders are paid for there now.
fn in_programme(venue: &Venue, info: &MarketInfo) -> bool {
    !super::rewards::rates(venue, info).is_null()
}

fn list(
    front: &Shared,
    call: &Call,
    keep: impl Fn(&Venue, &MarketInfo) -> bool,
    row: impl Fn(&Venue, &MarketInfo) -> Value,
) -> Answer {
    step(front, |venue| {
        let rows =
            venue.exchange.markets().iter().filter(|info| keep(venue, info)).map(|info| row(venue, info)).collect();
        Ok(Reply::of(&page(call, rows)?))
    })
}

fn simplified_row(venue: &Venue, info: &MarketInfo) -> Value {
    let market = &info.market;
    let rates = super::rewards::rates(venue, info);
    let (min_size, max_spread) = match &market.rewards {
        Some(terms) => (number(&terms.min_size.to_string()), number(&max_spread_cents(terms))),
        None => (json!(0), json!(0)),
    };
    let life = venue.exchange.life(&market.condition);
    let token = |outcome: Outcome, name: &String| {
        let id = market.token_id(outcome);
        // an answered market's tokens stand at what they pay
        let pays = life.and_then(|life| life.pays_cents(outcome));
        let price = pays.map(|cents| decimal(cents, 2)).or_else(|| super::prices::midpoint(venue, id));
        let price = price.map_or(json!(0), |price| number(&price));
        json!({"token_id": id, "outcome": name, "price": price, "winner": pays == Some(100)})
    };
    json!({
        "condition_id": market.condition,
        "tokens": [token(Outcome::Yes, &info.outcomes[0]), token(Outcome::No, &info.outcomes[1])],
        "rewards": {"rates": rates, "min_size": min_size, "max_spread": max_spread},
        "active": true,
        "closed": life.is_some_and(|life| life.is_closed()),
        "archived": false,
        "accepting_orders": market.ready,
    })
}

fn full_row(venue: &Venue, info: &MarketInfo) -> Value {
    let market = &info.market;
    let mut row = simplified_row(venue, info);
    // ids that do not apply are empty
    let neg_risk_id = |what, name: &str| if market.neg_risk { made_up_id(what, name) } else { String::new() };
    let more = json!({
        "enable_order_book": true,
        "accepting_order_timestamp": Value::Null,
        "minimum_order_size": number(&market.min_order.to_string()),
        "minimum_tick_size": number(&market.tick.to_string()),
        "question_id": made_up_id("question", &info.slug),
        "question": info.slug,
        "description": "",
        "market_slug": info.slug,
        "end_date_iso": market.ends.map(|at| at.to_string()),
        "game_start_time": market.starts.map(|at| at.to_string()),
        "seconds_delay": venue.exchange.life(&market.condition).map_or(0, |life| life.rules.seconds_delay.ms() / 1000),
        "fpmm": "",
        "maker_base_fee": 0,
        "taker_base_fee": 0,
        "notifications_enabled": false,
        "neg_risk": market.neg_risk,
        "neg_risk_market_id": neg_risk_id("neg-risk-market", &event_slug(info)),
        "neg_risk_request_id": neg_risk_id("neg-risk-request", &info.slug),
        "icon": "",
        "image": "",
        "is_50_50_outcome": venue.exchange.life(&market.condition).and_then(|life| life.pays_cents(Outcome::Yes)) == Some(50),
        "tags": [],
    });
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

/// A decimal text as a JSON number.
pub(super) fn number(text: &str) -> Value {
    Value::Number(text.parse().expect("our units print plain decimals"))
}

/// The reward band in cents, as the venue writes it.
pub(super) fn max_spread_cents(terms: &RewardTerms) -> String {
    decimal(u64::from(terms.max_spread.ten_thousandths()), 2)
}

/// `units` of `10^-scale` as the venue writes decimals.
pub(super) fn decimal(units: u64, scale: u32) -> String {
    struct Shown(u64, u32);
    impl std::fmt::Display for Shown {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            format_decimal(f, self.0, self.1)
        }
    }
    Shown(units, scale).to_string()
}
