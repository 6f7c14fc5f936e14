//! What is paid on which market: `/rewards/markets/…`, and the rates inside the venue's other market rows.

use super::super::call::{Answer, Call, Reply};
use super::super::front::{Shared, Venue};
use super::super::lists::page_of;
use super::super::markets::{market_at, max_spread_cents, number};
use super::listing::{self, Listed};
use super::{OPEN_END, date_text, flag, plain, pools_of, tokens};
use crate::exchange::MarketInfo;
use crate::rewards::{Currency, PoolView};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use mm_core::domain::{Timestamp, Usdc};
use serde_json::{Value, json};

/// Rows of a page of pools.
const PAGE: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/rewards/markets/current", get(current))
        .route("/rewards/markets/multi", get(multi))
        .route("/rewards/markets/{condition}", get(one))
}

/// `sponsored=true` lists markets with a sponsor, `sponsored=false` counts the venue's own pools alone; without it all pools of
/// all markets are told.
fn kept(pools: Vec<PoolView>, sponsored: Option<bool>) -> Vec<PoolView> {
    match sponsored {
        Some(true) if pools.iter().all(|pool| pool.sponsor.is_none()) => Vec::new(),
        Some(false) => pools.into_iter().filter(|pool| pool.sponsor.is_none()).collect(),
        _ => pools,
    }
}

async fn current(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, _| {
        let sponsored = flag(&call, "sponsored")?;
        let rows = venue.exchange.markets().into_iter().filter_map(|info| {
            let pools = kept(pools_of(venue, &info), sponsored);
            terms_row(&info, &pools)
        });
        Ok(Reply::of(&page_of(&call, rows.collect(), PAGE)?))
    })
}

async fn one(State(front): State<Shared>, Path(condition): Path<String>, call: Call) -> Answer {
    front.step(|venue, at| {
        let info = market_at(venue, &condition)?;
        let pools = kept(pools_of(venue, &info), flag(&call, "sponsored")?);
        let row = terms_row(&info, &pools).map(|row| described(venue, at, &info, row));
        Ok(Reply::of(&page_of(&call, row.into_iter().collect(), PAGE)?))
    })
}

async fn multi(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let asked = listing::Asked::read(&call)?;
        let mut rows: Vec<(Listed, Value)> = Vec::new();
        for (number, info) in venue.exchange.markets().into_iter().enumerate() {
            let pools = pools_of(venue, &info);
            let Some(row) = terms_row(&info, &pools) else { continue };
            let listed = Listed::of(venue, at, number + 1, &info, &pools);
            if asked.wants(&listed) {
                let row = described(venue, at, &info, row);
                rows.push((listed.clone(), listing::shown(&listed, row)));
            }
        }
        asked.sort(&mut rows);
        Ok(Reply::of(&page_of(&call, rows.into_iter().map(|(_, row)| row).collect(), asked.page_size)?))
    })
}

/// What is paid on a market; `None` when nothing is.
pub(super) fn terms_row(info: &MarketInfo, pools: &[PoolView]) -> Option<Value> {
    let terms = info.market.rewards.as_ref()?;
    if pools.is_empty() {
        return None;
    }
    let rate = |wanted: fn(&&PoolView) -> bool| {
        let sum = pools.iter().filter(wanted).fold(Usdc::ZERO, |sum, pool| sum.saturating_add(pool.rate_per_day));
        number(&sum.to_string())
    };
    let mut sponsors: Vec<&str> = pools.iter().filter_map(|pool| pool.sponsor.as_deref()).collect();
    sponsors.sort_unstable();
    sponsors.dedup();
    Some(json!({
        "condition_id": info.market.condition,
        "rewards_max_spread": number(&max_spread_cents(terms)),
        "rewards_min_size": number(&terms.min_size.to_string()),
        "rewards_config": pools.iter().map(config).collect::<Vec<_>>(),
        "native_daily_rate": rate(|pool| pool.sponsor.is_none()),
        "sponsored_daily_rate": rate(|pool| pool.sponsor.is_some()),
        "sponsors_count": sponsors.len(),
        // the sum of both: adding the three counts money twice
        "total_daily_rate": rate(|_| true),
    }))
}

fn config(pool: &PoolView) -> Value {
    json!({
        "id": pool.pool,
        "asset_address": pool.currency.address(),
        "start_date": date_text(pool.from.day()),
        "end_date": end_date(pool),
        "rate_per_day": number(&pool.rate_per_day.to_string()),
        "total_rewards": number(&pool.total.to_string()),
        "total_days": days(pool),
    })
}

/// Days from the first to the last date that is told: the official Rust client reads no row without them.
fn days(pool: &PoolView) -> u64 {
    let last = pool.until.or_else(|| Timestamp::parse_iso(OPEN_END)).unwrap_or(pool.from);
    last.day().saturating_sub(pool.from.day())
}

fn end_date(pool: &PoolView) -> String {
    pool.until.map_or_else(|| OPEN_END.to_owned(), |until| date_text(until.day()))
}

/// A row with the market's words, tokens and competition.
pub(super) fn described(venue: &mut Venue, at: Timestamp, info: &MarketInfo, mut row: Value) -> Value {
    row["question"] = json!(info.slug);
    row["market_slug"] = json!(info.slug);
    row["event_slug"] = json!(super::super::gamma::event_slug(info));
    row["image"] = json!("");
    row["market_competitiveness"] = plain(competitiveness(venue, at, info));
    row["tokens"] = tokens(venue, info);
    row
}

/// The sum of all makers' scores in a sample taken now.
pub(super) fn competitiveness(venue: &mut Venue, at: Timestamp, info: &MarketInfo) -> mm_core::rewards::Fixed12 {
    let sample = super::row_of(venue, info).and_then(|row| venue.exchange.reward_sample(at, row));
    sample.map_or(mm_core::rewards::Fixed12::ZERO, |sample| sample.competitiveness())
}

/// `rewards.rates` of a CLOB market row: one entry a currency; `null` when there are parameters and no money.
pub(in crate::server) fn rates(venue: &Venue, info: &MarketInfo) -> Value {
    let pools = pools_of(venue, info);
    let of = |currency: Currency| {
        let own = pools.iter().filter(|pool| pool.currency == currency);
        let sum = own.fold(Usdc::ZERO, |sum, pool| sum.saturating_add(pool.rate_per_day));
        (!sum.is_zero())
            .then(|| json!({"asset_address": currency.address(), "rewards_daily_rate": number(&sum.to_string())}))
    };
    let rows: Vec<Value> = Currency::ALL.into_iter().filter_map(of).collect();
    if rows.is_empty() { Value::Null } else { Value::Array(rows) }
}

/// `clobRewards` of a Gamma market: one entry a pool.
pub(in crate::server) fn gamma_rows(venue: &Venue, market_id: usize, info: &MarketInfo) -> Value {
    let row = |pool: &PoolView| {
        json!({
            "id": if pool.pool == 0 { market_id.to_string() } else { format!("{market_id}{:03}", pool.pool) },
            "conditionId": info.market.condition,
            "assetAddress": pool.currency.address(),
            "rewardsAmount": number(&pool.total.to_string()),
            "rewardsDailyRate": number(&pool.rate_per_day.to_string()),
            "startDate": date_text(pool.from.day()),
            "endDate": end_date(pool),
        })
    };
    Value::Array(pools_of(venue, info).iter().map(row).collect())
}
