//! The Data API: what a wallet holds, what it paid, what it did. It lags the engine: a trade counts here once it is confirmed.

use super::call::{Answer, ApiError, Call, Reply, step};
use super::front::{Shared, Venue};
use super::gamma::made_up_id;
use super::markets::decimal;
use super::prices::midpoint;
use crate::exchange::AccountIx;
use crate::rewards::{Maker, PaymentKind};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mm_core::domain::{Outcome, Price, Qty, TokenId, cost_floor};
use mm_core::venue::user_ws::TradeEvent;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Trades kept for a wallet.
const DEEDS_MAX: usize = 5_000;
/// Rows of one page at most, and if the call does not say.
const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;

pub(super) fn routes(front: &Shared) -> Router {
    Router::new()
        .route("/v2/positions", get(positions))
        .route("/v2/trades", get(trades))
        .route("/v2/activity", get(activity))
        .route("/v2/approvals", get(approvals))
        .route("/v2/status", get(async || Reply::of(&json!({"status": "ok"}))))
        .with_state(Arc::clone(front))
}

/// One confirmed part of a trade.
#[derive(Clone, Debug)]
struct Deed {
    trade: String,
    token: TokenId,
    buys: bool,
    price: Price,
    qty: Qty,
    secs: u64,
    transaction: String,
}

/// What a wallet paid for one token, in millionths: average cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    shares: u64,
    paid: u64,
    bought: u64,
    realized: i64,
    first: u64,
    last: u64,
}

impl Cost {
    fn apply(&mut self, buys: bool, price: Price, qty: Qty, secs: u64) {
        let dollars = cost_floor(price, qty).micro();
        if self.first == 0 {
            self.first = secs;
        }
        self.last = secs;
        if buys {
            self.shares = self.shares.saturating_add(qty.micro());
            self.bought = self.bought.saturating_add(qty.micro());
            self.paid = self.paid.saturating_add(dollars);
            return;
        }
        let sold = qty.micro().min(self.shares);
        let part = u128::from(self.paid) * u128::from(sold);
        let cost = part.checked_div(u128::from(self.shares)).and_then(|cost| u64::try_from(cost).ok()).unwrap_or(0);
        self.shares -= sold;
        self.paid -= cost;
        let gain = i64::try_from(dollars).unwrap_or(i64::MAX) - i64::try_from(cost).unwrap_or(i64::MAX);
        self.realized = self.realized.saturating_add(gain);
    }

    /// Average price of what is held, millionths of a dollar.
    fn average(&self) -> u64 {
        let average = (u128::from(self.paid) * 1_000_000).checked_div(u128::from(self.shares));
        average.and_then(|average| u64::try_from(average).ok()).unwrap_or(0)
    }
}

/// What every wallet did.
#[derive(Default)]
pub(super) struct Portfolio {
    deeds: BTreeMap<AccountIx, VecDeque<Deed>>,
    costs: BTreeMap<(AccountIx, TokenId), Cost>,
}

impl Portfolio {
    pub(super) fn hear(&mut self, account: AccountIx, wallet: &str, trade: &TradeEvent) {
        if trade.status != "CONFIRMED" {
            return;
        }
        let own = |address: &str| address.eq_ignore_ascii_case(wallet);
        let taken = own(&trade.maker_address).then_some((&trade.asset_id, &trade.side, trade.price, trade.size));
        let made = trade.maker_orders.iter().filter(|part| own(&part.maker_address));
        let made = made.map(|part| (&part.asset_id, &part.side, part.price, part.matched_amount));
        let secs = trade.match_time.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        for (token, side, price, qty) in taken.into_iter().chain(made) {
            let buys = side == "BUY";
            self.costs.entry((account, token.clone())).or_default().apply(buys, price, qty, secs);
            let deeds = self.deeds.entry(account).or_default();
            if deeds.len() >= DEEDS_MAX {
                deeds.pop_front();
            }
            let transaction = trade.transaction_hash.clone().unwrap_or_default();
            let (trade, token) = (trade.id.clone(), token.clone());
            deeds.push_back(Deed { trade, token, buys, price, qty, secs, transaction });
        }
    }
}

/// The wallet a call is about. One nobody trades from is empty, not an error.
fn user<'c>(venue: &Venue, call: &'c Call) -> Result<(&'c str, Option<AccountIx>), ApiError> {
    let user = call.query("user").filter(|user| crate::auth::parse_address(user).is_some());
    let user = user.ok_or_else(|| ApiError::bad("Invalid user"))?;
    Ok((user, venue.accounts.find(user)))
}

/// The page a call asks for.
fn page(call: &Call, rows: Vec<Value>) -> Answer {
    let bad = |what: &str| ApiError::bad(&format!("Invalid {what}"));
    let limit = match call.query("limit").map(str::parse::<usize>) {
        None => LIMIT,
        Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
        Some(_) => return Err(bad("limit")),
    };
    let from = match call.query("cursor") {
        None => 0,
        Some(cursor) => {
            let text = STANDARD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            text.and_then(|text| text.parse::<usize>().ok()).ok_or_else(|| bad("cursor"))?
        }
    };
    let total = rows.len();
    let data: Vec<Value> = rows.into_iter().skip(from).take(limit).collect();
    let next = from.saturating_add(data.len());
    let next_cursor = (next < total && !data.is_empty()).then(|| STANDARD.encode(next.to_string()));
    let has_more = next_cursor.is_some();
    Ok(Reply::of(&json!({"data": data, "pagination": {"has_more": has_more, "next_cursor": next_cursor}})))
}

async fn positions(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (user, account) = user(venue, &call)?;
        const STATUSES: [&str; 5] = ["OPEN", "REDEEMABLE", "REDEEMABLE_LOST", "MERGEABLE", "CLOSED"];
        let status = call.query("status");
        if status.is_some_and(|status| !STATUSES.contains(&status)) {
            return Err(ApiError::bad("Invalid status"));
        }
        let mut rows = Vec::new();
        for info in venue.exchange.markets() {
            let market = &info.market;
            if call.query("condition_id").is_some_and(|asked| asked != market.condition.as_str()) {
                continue;
            }
            let Some(account) = account else { continue };
            let held = [Outcome::Yes, Outcome::No].map(|o| venue.exchange.balance(account, Some(market.token_id(o))));
            let mergeable = held.iter().all(|shares| *shares > 0);
            for (index, outcome) in [Outcome::Yes, Outcome::No].into_iter().enumerate() {
                let token = market.token_id(outcome);
                let cost = venue.records.portfolio.costs.get(&(account, token.clone())).copied().unwrap_or_default();
                let pays = venue.exchange.life(&market.condition).and_then(|life| life.pays_cents(outcome));
                let is = match (held[index] > 0, pays) {
                    (true, None) => "OPEN",
                    (true, Some(0)) => "REDEEMABLE_LOST",
                    (true, Some(_)) => "REDEEMABLE",
                    (false, _) if cost.bought > 0 => "CLOSED",
                    (false, _) => continue,
                };
                let wanted = match status {
                    None => is != "CLOSED",
                    Some("MERGEABLE") => mergeable && is == "OPEN",
                    Some(status) => status == is,
                };
                if !wanted {
                    continue;
                }
                let mid = pays.map(|cents| decimal(cents, 2)).or_else(|| midpoint(venue, token));
                let value = worth(held[index], mid.as_deref());
                let paid = u64::try_from(u128::from(cost.average()) * u128::from(held[index]) / 1_000_000);
                let paid = paid.unwrap_or(u64::MAX);
                let unrealized = signed(value) - signed(paid);
                rows.push(json!({
                    "proxy_wallet": user,
                    "token_id": token,
                    "condition_id": market.condition,
                    "current_size": decimal(held[index], 6),
                    "avg_price": decimal(cost.average(), 6),
                    "entry_cost_usdc": decimal(paid, 6),
                    "entry_fees_usdc": "0",
                    "total_cost_usdc": decimal(paid, 6),
                    "current_price": mid,
                    "current_value": decimal(value, 6),
                    "total_size": decimal(cost.bought.max(held[index]), 6),
                    "realized_pnl": signed_decimal(cost.realized),
                    "unrealized_pnl": signed_decimal(unrealized),
                    "total_pnl": signed_decimal(cost.realized.saturating_add(unrealized)),
                    "status": is,
                    "redeemable": is.starts_with("REDEEMABLE"),
                    "mergeable": mergeable,
                    "negative_risk": market.neg_risk,
                    "archived": false,
                    "outcome": info.outcomes[index],
                    "outcome_index": index,
                    "opposite_token_id": market.token_id(outcome.other()),
                    "event_id": super::gamma::event_id(&info),
                    "slug": info.slug,
                    "title": info.slug,
                    "end_date": market.ends.map(|at| at.to_string()),
                    "last_event_at": if cost.last == 0 { Value::Null } else { json!(cost.last) },
                    "first_entry_at": if cost.first == 0 { Value::Null } else { json!(cost.first) },
                }));
            }
        }
        page(&call, rows)
    })
}

/// Shares at a price of five decimals, millionths of a dollar, rounded down; nothing without a price.
fn worth(shares: u64, mid: Option<&str>) -> u64 {
    let mid = mid.and_then(|text| mm_core::domain::parse_decimal(text, 6).ok()).unwrap_or(0);
    u64::try_from(u128::from(shares) * u128::from(mid) / 1_000_000).unwrap_or(u64::MAX)
}

fn signed(micro: u64) -> i64 {
    i64::try_from(micro).unwrap_or(i64::MAX)
}

fn signed_decimal(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(micro.unsigned_abs(), 6))
}

async fn trades(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (user, account) = user(venue, &call)?;
        page(&call, deeds(venue, &call, user, account))
    })
}

/// Trades and what the venue paid, newest first; `type` names the kinds wanted, with commas between them.
async fn activity(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (user, account) = user(venue, &call)?;
        let mut rows = payments(venue, user, account);
        for mut row in deeds(venue, &call, user, account) {
            row["type"] = json!("TRADE");
            rows.push(row);
        }
        if let Some(asked) = call.query("type") {
            let wanted = |row: &Value| asked.split(',').any(|kind| row["type"] == kind.to_ascii_uppercase().as_str());
            rows.retain(wanted);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row["timestamp"].as_u64()));
        page(&call, rows)
    })
}

/// Receipts of rewards and rebates, newest first. They belong to a day, not to a market.
fn payments(venue: &Venue, user: &str, account: Option<AccountIx>) -> Vec<Value> {
    let Some(account) = account else { return Vec::new() };
    let receipts = venue.exchange.programme().payments(Maker::Account(account));
    let mut rows: Vec<Value> = receipts
        .map(|receipt| {
            let kind = match receipt.kind {
                PaymentKind::Reward => "REWARD",
                PaymentKind::Rebate => "MAKER_REBATE",
            };
            let name = format!("{user}/{kind}/{}/{}", receipt.currency.address(), receipt.at.nanos());
            json!({
                "id": made_up_id("receipt", &name),
                "proxy_wallet": user,
                "type": kind,
                "asset_address": receipt.currency.address(),
                "size": receipt.amount.to_string(),
                "usdc_size": receipt.amount.to_string(),
                "timestamp": receipt.at.secs(),
                "transaction_hash": made_up_id("transaction", &name),
            })
        })
        .collect();
    rows.reverse();
    rows
}

/// A wallet's confirmed trades, newest first.
fn deeds(venue: &Venue, call: &Call, user: &str, account: Option<AccountIx>) -> Vec<Value> {
    let all = account.and_then(|account| venue.records.portfolio.deeds.get(&account));
    let row = |deed: &Deed| {
        let (info, outcome) = venue.market_of(&deed.token)?;
        if call.query("condition_id").is_some_and(|asked| asked != info.market.condition.as_str()) {
            return None;
        }
        let index = usize::from(outcome == Outcome::No);
        Some(json!({
            "id": deed.trade,
            "proxy_wallet": user,
            "side": if deed.buys { "BUY" } else { "SELL" },
            "token_id": deed.token,
            "condition_id": info.market.condition,
            "size": deed.qty.to_string(),
            "usdc_size": cost_floor(deed.price, deed.qty).to_string(),
            "price": deed.price.to_string(),
            "timestamp": deed.secs,
            "slug": info.slug,
            "title": info.slug,
            "outcome": info.outcomes[index],
            "outcome_index": index,
            "transaction_hash": deed.transaction,
        }))
    };
    all.into_iter().flatten().rev().filter_map(row).collect()
}

/// Every wallet here has approved every exchange.
async fn approvals(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let (user, _) = user(venue, &call)?;
        let spenders = crate::auth::Domain::spenders();
        let row = |spender: &String| json!({"proxy_wallet": user, "spender": spender, "approved": true});
        page(&call, spenders.iter().map(row).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::{Cost, signed_decimal, worth};
    use mm_core::domain::{Price, Qty};

    #[test]
    fn cost_is_averaged_and_gains_are_realized_in_proportion() {
        let price = |text| Price::parse(text).expect("a price");
        let shares = |text| Qty::parse(text).expect("a size");
        let mut cost = Cost::default();
        cost.apply(true, price("0.4"), shares("10"), 5);
        cost.apply(true, price("0.6"), shares("10"), 6);
        assert_eq!((cost.average(), cost.paid), (500_000, 10_000_000));
        cost.apply(false, price("0.7"), shares("5"), 7);
        assert_eq!((cost.average(), cost.shares, cost.realized), (500_000, 15_000_000, 1_000_000));
        cost.apply(false, price("0.1"), shares("20"), 8);
        assert_eq!(
            (cost.shares, cost.paid, cost.first, cost.last),
            (0, 0, 5, 8),
            "what was split is sold without cost"
        );
        assert_eq!(signed_decimal(-1_500_000), "-1.5");
        assert_eq!(worth(3_000_000, Some("0.505")), 1_515_000);
    }
}
