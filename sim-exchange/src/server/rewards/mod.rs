//! The reward programme on the wire: what is paid, who earned what, whether an order scores now. Every number comes from the
//! programme that takes the samples and pays (`rewards.md` section 3.2, `clob-rest.md` section 11).

mod listing;
mod pools;
mod scoring;
mod user;

use super::call::{ApiError, Call};
use super::front::{Shared, Venue};
use super::markets::number;
use crate::exchange::MarketInfo;
use crate::rewards::PoolView;
use axum::Router;
use mm_core::domain::{MarketIx, Nanos, Timestamp};
use mm_core::rewards::Fixed12;
use serde_json::{Value, json};

pub(super) use pools::{gamma_rows, rates};

pub(super) fn routes() -> Router<Shared> {
    Router::new().merge(scoring::routes()).merge(pools::routes()).merge(user::routes())
}

/// What a pool without an end shows as its end.
const OPEN_END: &str = "2500-12-31";

/// The market's row at the venue.
fn row_of(venue: &Venue, info: &MarketInfo) -> Option<MarketIx> {
    venue.exchange.token(&info.market.yes).map(|token| token.market)
}

/// The pools that pay on a market now.
fn pools_of(venue: &Venue, info: &MarketInfo) -> Vec<PoolView> {
    row_of(venue, info).map_or_else(Vec::new, |row| venue.exchange.reward_pools(row))
}

/// A number of up to twelve decimals as the venue writes it: without trailing zeros.
fn plain(amount: Fixed12) -> Value {
    let text = amount.to_string();
    number(text.trim_end_matches('0').trim_end_matches('.'))
}

/// A share as a percentage.
fn percent(share: Fixed12) -> Value {
    plain(Fixed12::from_units(share.units() * 100))
}

/// A UTC day, counted since 1970, as `YYYY-MM-DD`.
fn date_text(day: u64) -> String {
    let text = Timestamp::EPOCH.plus(Nanos::from_secs(day.saturating_mul(86_400))).to_string();
    text.get(..10).unwrap_or_default().to_owned()
}

/// The `date` of a call; `None` when it has none.
fn date(call: &Call) -> Result<Option<u64>, ApiError> {
    let Some(text) = call.query("date") else { return Ok(None) };
    let shape = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let day = Timestamp::parse_iso(text).filter(|_| shape).map(Timestamp::day);
    day.map(Some).ok_or_else(bad_date)
}

fn bad_date() -> ApiError {
    ApiError::bad("Invalid date (format: YYYY-MM-DD)")
}

/// A parameter that is `true` or `false`.
fn flag(call: &Call, name: &str) -> Result<Option<bool>, ApiError> {
    match call.query(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(ApiError::bad(&format!("Invalid {name}"))),
    }
}

/// The outcome tokens of a market, each with its midpoint.
fn tokens(venue: &Venue, info: &MarketInfo) -> Value {
    let one = |token: &mm_core::domain::TokenId, outcome: &String| {
        let price = super::prices::midpoint(venue, token).map_or(json!(0), |mid| number(&mid));
        json!({"token_id": token, "outcome": outcome, "price": price})
    };
    json!([one(&info.market.yes, &info.outcomes[0]), one(&info.market.no, &info.outcomes[1])])
}
