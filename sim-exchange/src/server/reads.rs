//! What an account may ask about itself.

use super::call::{Answer, ApiError, Call, Caller, Reply, condition_id, order_id, step};
use super::front::{Shared, Venue};
use super::lists::page;
use super::orders::find;
use crate::auth::{Domain, proxy_wallet, safe_wallet};
use crate::exchange::{AccountIx, Filter};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use mm_core::domain::TokenId;
use mm_core::venue::order::SignatureType;
use mm_core::venue::rest::{BalanceAllowance, OpenOrder, Trade};

/// What a wallet that has approved everything shows: 2^256 − 1.
const UNLIMITED: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/data/order/{id}", get(one_order))
        .route("/data/orders", get(orders))
        .route("/data/trades", get(trades))
        .route("/data/pre-migration-orders", get(pre_migration_orders))
        .route("/balance-allowance", get(balance))
        .route("/balance-allowance/update", get(update_balance))
}

async fn one_order(State(front): State<Shared>, Path(id): Path<String>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.reader(venue)?;
        // An unknown order is `null`: that is what the venue's clients are written for.
        Ok(Reply::of(&order_of(venue, &caller, &order_id(&id)?)))
    })
}

/// An order of the key, in any state.
pub(super) fn order_of(venue: &Venue, caller: &Caller, id: &mm_core::domain::OrderId) -> Option<OpenOrder> {
    find(venue, caller, id).and_then(|wallet| venue.exchange.order(wallet.account, id))
}

/// The `market` and `asset_id` of a listing.
pub(super) fn filter(call: &Call) -> Result<Filter, ApiError> {
    let market = call.query("market").map(condition_id).transpose()?;
    let token = call.query("asset_id").map(TokenId::parse).transpose();
    Ok(Filter { market, token: token.map_err(|_| ApiError::bad("Invalid token id"))? })
}

async fn orders(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.reader(venue)?;
        let filter = filter(&call)?;
        let rows: Vec<OpenOrder> = match call.query("id") {
            Some(id) => order_of(venue, &caller, &order_id(id)?).into_iter().collect(),
            None => {
                let wallets = venue.accounts.of(&caller.api_key).iter();
                let all = wallets.flat_map(|wallet| venue.exchange.open_orders(wallet.account, &filter));
                all.filter(|order| order.owner == caller.api_key).collect()
            }
        };
        Ok(Reply::of(&page(&call, rows)?))
    })
}

/// Orders of the exchange before this one: nobody has any left.
async fn pre_migration_orders(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        call.reader(venue)?;
        Ok(Reply::of(&page::<OpenOrder>(&call, Vec::new())?))
    })
}

/// The `before` and `after` of a listing of trades, Unix seconds.
pub(super) fn in_time(call: &Call) -> Result<impl Fn(&Trade) -> bool + use<>, ApiError> {
    let bound = |name| match call.query(name).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(seconds)) => Ok(Some(seconds)),
        Some(Err(_)) => Err(ApiError::bad("Invalid trade params payload")),
    };
    let (before, after) = (bound("before")?, bound("after")?);
    Ok(move |trade: &Trade| {
        let at = trade.match_time.parse::<u64>().unwrap_or_default();
        before.is_none_or(|before| at <= before) && after.is_none_or(|after| at >= after)
    })
}

async fn trades(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.reader(venue)?;
        let filter = filter(&call)?;
        let in_time = in_time(&call)?;
        let asked_id = call.query("id");
        let wallet_named = call.query("maker_address").or_else(|| call.query("maker"));
        let wallets = venue.accounts.of(&caller.api_key).iter();
        let wanted = wallets.filter(|w| wallet_named.is_none_or(|named| named.eq_ignore_ascii_case(&w.wallet)));
        let all = wanted.flat_map(|wallet| venue.exchange.trades(wallet.account, &filter));
        // the top level of a trade is its taker's
        let taker = call.query("taker");
        let taken_by = |trade: &Trade| taker.is_none_or(|taker| taker.eq_ignore_ascii_case(&trade.maker_address));
        let wanted = |trade: &Trade| in_time(trade) && taken_by(trade) && asked_id.is_none_or(|id| id == trade.id);
        let rows = all.filter(wanted).collect();
        Ok(Reply::of(&page(&call, rows)?))
    })
}

async fn balance(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.reader(venue)?;
        let (token, kind) = balance_of_what(&call)?;
        let balance =
            account_of(venue, &caller, kind).map_or(0, |account| venue.exchange.told_balance(account, token.as_ref()));
        let allowances = Domain::spenders().into_iter().map(|spender| (spender, UNLIMITED.to_owned())).collect();
        Ok(Reply::of(&BalanceAllowance { balance, allowances }))
    })
}

async fn update_balance(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        let (token, kind) = balance_of_what(&call)?;
        if let Some(account) = account_of(venue, &caller, kind) {
            venue.exchange.refresh_balance(at, account, token.as_ref());
        }
        // `null`, as the venue answers
        Ok(Reply::of(&()))
    })
}

fn balance_of_what(call: &Call) -> Result<(Option<TokenId>, SignatureType), ApiError> {
    let token = match call.query("asset_type") {
        Some("COLLATERAL") => None,
        // V2 = positions of the other protocol: well-formed, and nobody holds any here
        Some("CONDITIONAL" | "CONDITIONAL-V2") => Some(call.token()?),
        _ => return Err(ApiError::bad("Invalid asset type")),
    };
    Ok((token, signature_type(call)?.unwrap_or(SignatureType::Eoa)))
}

/// The `signature_type` of a query, if it is there.
pub(super) fn signature_type(call: &Call) -> Result<Option<SignatureType>, ApiError> {
    let Some(text) = call.query("signature_type") else { return Ok(None) };
    let kind = text.parse().ok().and_then(SignatureType::from_number);
    kind.map(Some).ok_or_else(|| ApiError::bad("Invalid signature_type"))
}

/// The key's wallet of a kind; `None` until it has traded.
pub(super) fn account_of(venue: &Venue, caller: &Caller, kind: SignatureType) -> Option<AccountIx> {
    let wallets = venue.accounts.of(&caller.api_key);
    let [own, proxy, safe] = [caller.address, proxy_wallet(caller.address), safe_wallet(caller.address)]
        .map(|address| address.to_checksum(None));
    let is = |address: &str| wallets.iter().find(|wallet| wallet.wallet == address);
    let found = match kind {
        SignatureType::Eoa => is(&own),
        SignatureType::Proxy => is(&proxy),
        SignatureType::Safe => is(&safe),
        SignatureType::Poly1271 => wallets.iter().find(|wallet| ![&own, &proxy, &safe].contains(&&wallet.wallet)),
    };
    found.map(|wallet| wallet.account)
}
