//! What a maker earned: by market, in all, as a percentage of now; and its rebates.

use super::super::call::{Answer, ApiError, Call, Caller, Reply};
use super::super::front::{Shared, Venue};
use super::super::lists::{page, page_of};
use super::super::reads::{account_of, signature_type};
use super::listing::{Asked, Listed};
use super::pools::{described, terms_row};
use super::{bad_date, date, date_text, flag, percent, plain, pools_of, row_of};
use crate::auth::parse_address;
use crate::exchange::{AccountIx, MarketInfo};
use crate::rewards::{Currency, Earning, Maker};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mm_core::domain::{MarketIx, Timestamp, Usdc};
use mm_core::rewards::Fixed12;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/rewards/user", get(by_market))
        .route("/rewards/user/total", get(total))
        .route("/rewards/user/percentages", get(percentages))
        .route("/rewards/user/markets", get(markets))
        .route("/rebates/current", get(rebates))
}

/// A wallet a call is about.
struct Wallet {
    address: String,
    account: AccountIx,
}

impl Wallet {
    const fn maker(&self) -> Maker {
        Maker::Account(self.account)
    }
}

/// The wallets a call is about: the one it names, the one of its signature type, or all of the key's.
fn wallets(venue: &Venue, call: &Call, caller: &Caller) -> Result<Vec<Wallet>, ApiError> {
    let kind = signature_type(call)?;
    let named = call.query("maker_address");
    if named.is_some_and(|named| parse_address(named).is_none()) {
        return Err(ApiError::bad("Invalid maker_address"));
    }
    let of_kind = kind.map(|kind| account_of(venue, caller, kind));
    let all = venue.accounts.of(&caller.api_key).iter();
    let wanted = all.filter(|wallet| {
        named.is_none_or(|named| named.eq_ignore_ascii_case(&wallet.wallet))
            && of_kind.is_none_or(|account| account == Some(wallet.account))
    });
    Ok(wanted.map(|wallet| Wallet { address: wallet.wallet.clone(), account: wallet.account }).collect())
}

/// The day a call must name.
fn day(call: &Call) -> Result<u64, ApiError> {
    date(call)?.ok_or_else(bad_date)
}

/// A wallet's earnings of a day by market and currency: native, sponsored. Sponsored pools count only where they are asked for.
fn earned(venue: &Venue, day: u64, wallet: &Wallet) -> BTreeMap<(MarketIx, Currency), (Fixed12, Fixed12)> {
    let mut sums: BTreeMap<(MarketIx, Currency), (Fixed12, Fixed12)> = BTreeMap::new();
    for Earning { market, pool, currency, amount, .. } in venue.exchange.programme().earnings(day, wallet.maker()) {
        let (native, sponsored) = sums.entry((market, currency)).or_default();
        let sum = if pool == 0 { native } else { sponsored };
        *sum = sum.saturating_add(amount);
    }
    sums
}

async fn by_market(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, _| {
        let caller = call.reader(venue)?;
        let day = day(&call)?;
        let with_sponsored = flag(&call, "sponsored")?.unwrap_or(false);
        let infos = venue.exchange.markets();
        let mut rows = Vec::new();
        for wallet in wallets(venue, &call, &caller)? {
            for ((market, currency), (native, sponsored)) in earned(venue, day, &wallet) {
                let amount = if with_sponsored { native.saturating_add(sponsored) } else { native };
                if amount == Fixed12::ZERO {
                    continue;
                }
                rows.push(json!({
                    "date": date_text(day),
                    "condition_id": infos[market.index()].market.condition,
                    "asset_address": currency.address(),
                    "maker_address": wallet.address,
                    "earnings": plain(amount),
                    "asset_rate": 1,
                }));
            }
        }
        Ok(Reply::of(&page(&call, rows)?))
    })
}

async fn total(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, _| {
        let caller = call.reader(venue)?;
        let day = day(&call)?;
        let with_sponsored = flag(&call, "sponsored")?.unwrap_or(false);
        let mut rows = Vec::new();
        for wallet in wallets(venue, &call, &caller)? {
            let mut sums: BTreeMap<Currency, (Fixed12, Fixed12)> = BTreeMap::new();
            for ((_, currency), (native, sponsored)) in earned(venue, day, &wallet) {
                let sum = sums.entry(currency).or_default();
                *sum = (sum.0.saturating_add(native), sum.1.saturating_add(sponsored));
            }
            for (currency, (native, sponsored)) in sums {
                let mut row = json!({
                    "date": date_text(day),
                    "asset_address": currency.address(),
                    "maker_address": wallet.address,
                    "earnings": plain(if with_sponsored { native.saturating_add(sponsored) } else { native }),
                    "asset_rate": 1,
                });
                if with_sponsored {
                    row["native_earnings"] = plain(native);
                    row["sponsored_earnings"] = plain(sponsored);
                } else if native == Fixed12::ZERO {
                    continue;
                }
                rows.push(row);
            }
        }
        Ok(Reply::of(&rows))
    })
}

async fn percentages(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.reader(venue)?;
        let wallets = wallets(venue, &call, &caller)?;
        let mut out = Map::new();
        for info in venue.exchange.markets() {
            if pools_of(venue, &info).is_empty() {
                continue;
            }
            let share = share_now(venue, at, &info, &wallets);
            if share > Fixed12::ZERO {
                out.insert(info.market.condition.to_string(), percent(share));
            }
        }
        Ok(Reply::of(&out))
    })
}

/// The wallets' part of a sample taken now.
fn share_now(venue: &mut Venue, at: Timestamp, info: &MarketInfo, wallets: &[Wallet]) -> Fixed12 {
    let sample = row_of(venue, info).and_then(|row| venue.exchange.reward_sample(at, row));
    let Some(sample) = sample else { return Fixed12::ZERO };
    wallets.iter().fold(Fixed12::ZERO, |sum, wallet| sum.saturating_add(sample.share_of(wallet.maker())))
}

/// Every market that pays now or paid one of the wallets on the day: of today the percentage is that of now, of another day the
/// wallets' part of its scores.
async fn markets(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.reader(venue)?;
        let asked = Asked::read(&call)?;
        let alone = flag(&call, "no_competition")?.unwrap_or(false);
        let wallets = wallets(venue, &call, &caller)?;
        let today = venue.exchange.programme().today();
        let day = date(&call)?.unwrap_or(today);
        let mut rows: Vec<(Listed, Value)> = Vec::new();
        for (number, info) in venue.exchange.markets().into_iter().enumerate() {
            let Some(market) = row_of(venue, &info) else { continue };
            let pools = pools_of(venue, &info);
            let mut sums: BTreeMap<Currency, Fixed12> = BTreeMap::new();
            for wallet in &wallets {
                let own = earned(venue, day, wallet).into_iter().filter(|((row, _), _)| *row == market);
                for ((_, currency), (native, sponsored)) in own {
                    let sum = sums.entry(currency).or_default();
                    *sum = sum.saturating_add(native).saturating_add(sponsored);
                }
            }
            if pools.is_empty() && sums.is_empty() {
                continue;
            }
            let share = if day == today {
                share_now(venue, at, &info, &wallets)
            } else {
                let programme = venue.exchange.programme();
                wallets.iter().fold(Fixed12::ZERO, |sum, w| sum.saturating_add(programme.part(day, market, w.maker())))
            };
            let mut listed = Listed::of(venue, at, number + 1, &info, &pools);
            listed.earnings = sums.values().fold(0, |sum, amount| sum + amount.units());
            listed.percentage = share.units();
            if !asked.wants(&listed) || (alone && listed.has_others(share)) {
                continue;
            }
            let terms = terms_row(&info, &pools).unwrap_or_else(|| bare_row(&info));
            let mut row = described(venue, at, &info, terms);
            let earnings = sums.iter().map(|(currency, amount)| {
                json!({"asset_address": currency.address(), "earnings": plain(*amount), "asset_rate": 1})
            });
            row["earnings"] = Value::Array(earnings.collect());
            row["earning_percentage"] = percent(share);
            row["maker_address"] = json!(wallets.first().map_or("", |wallet| wallet.address.as_str()));
            rows.push((listed, row));
        }
        asked.sort(&mut rows);
        let count = rows.len();
        let page = page_of(&call, rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), asked.page_size)?;
        let mut page = serde_json::to_value(page).map_err(|_| ApiError::new(500, "Internal server error"))?;
        page["total_count"] = json!(count);
        Ok(Reply::of(&page))
    })
}

/// A market that pays nothing any more.
fn bare_row(info: &MarketInfo) -> Value {
    json!({"condition_id": info.market.condition, "rewards_config": []})
}

async fn rebates(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, _| {
        let day = day(&call)?;
        let named = call.query("maker_address").filter(|named| parse_address(named).is_some());
        let named = named.ok_or_else(|| ApiError::bad("Invalid maker_address"))?;
        let Some(account) = venue.accounts.find(named) else { return Ok(Reply::of(&Vec::<Value>::new())) };
        let infos = venue.exchange.markets();
        let rows = venue.exchange.rebates_of(day, account).into_iter().map(|rebate| {
            // money, rounded down as it is paid
            let micro = u64::try_from(rebate.amount.units() / crate::rewards::MICRO).unwrap_or(u64::MAX);
            json!({
                "date": date_text(day),
                "condition_id": infos[rebate.market.index()].market.condition,
                "asset_address": Currency::Pusd.address(),
                "maker_address": named,
                "rebated_fees_usdc": Usdc::from_micro(micro).to_string(),
            })
        });
        Ok(Reply::of(&rows.collect::<Vec<_>>()))
    })
}
