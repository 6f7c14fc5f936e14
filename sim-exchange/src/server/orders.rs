//! Placing and cancelling: every check about identity and form, then the exchange's own.

use super::call::{Answer, ApiError, Call, Caller, Reply, order_id};
use super::front::{KeyAccount, Shared, Venue};
use super::markets::decimal;
use crate::auth::{AuthError, verify_order};
use crate::exchange::{Filter, PlaceRequest, Placed, Reject};
use axum::Router;
use axum::extract::State;
use axum::routing::{delete, post};
use mm_core::domain::{ConditionId, OrderId, Price, Qty, Side, TimeInForce, Timestamp, TokenId};
use mm_core::venue::order::{OrderVersion, PostOrder, SignedOrderBody};
use mm_core::venue::rest::{CancelMarketBody, CancelOrderBody, CancelReply, PostOrderReply};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Orders of one `POST /orders`.
const BATCH_MAX: usize = 15;
/// Ids of one `DELETE /orders`.
const CANCEL_MAX: usize = 1000;

const BAD_ORDER: &str = "Invalid order payload";
const BLOCKED: &str = "Trading restricted in your region, please refer to available regions - \
https://docs.polymarket.com/developers/CLOB/geoblock";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/order", post(place_one).delete(cancel_one))
        .route("/orders", post(place_many).delete(cancel_many))
        .route("/cancel-all", delete(cancel_all))
        .route("/cancel-market-orders", delete(cancel_market))
}

/// Where orders come from is judged before who sent them.
fn caller_from_allowed_region(venue: &Venue, call: &Call) -> Result<Caller, ApiError> {
    if venue.blocked {
        return Err(ApiError::new(403, BLOCKED));
    }
    call.l2(venue)
}

async fn place_one(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = caller_from_allowed_region(venue, &call)?;
        let order = call.json(BAD_ORDER)?;
        Ok(Reply::of(&place(venue, at, &caller, order)?.reply()))
    })
}

async fn place_many(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = caller_from_allowed_region(venue, &call)?;
        let orders: Vec<Value> = call.json(BAD_ORDER)?;
        if orders.len() > BATCH_MAX {
            let words = format!("Too many orders in payload: {}, max allowed: {BATCH_MAX}", orders.len());
            return Err(ApiError::bad(&words));
        }
        if orders.is_empty() {
            return Err(ApiError::bad(BAD_ORDER));
        }
        let mut replies = Vec::with_capacity(orders.len());
        for order in orders {
            let placed = serde_json::from_value(order)
                .map_err(|_| Reject::bad(BAD_ORDER))
                .and_then(|order| place(venue, at, &caller, order));
            replies.push(match placed {
                Ok(placed) => placed.reply(),
                Err(why) => PostOrderReply { error_msg: why.text, ..PostOrderReply::default() },
            });
        }
        Ok(Reply::of(&replies))
    })
}

/// Takes one order, or says why not. No order and no balance has changed when it says no.
fn place(venue: &mut Venue, at: Timestamp, caller: &Caller, post: PostOrder) -> Result<Placed, Reject> {
    let refuse = |why: AuthError| Reject { status: why.status(), text: why.to_string() };
    let order = &post.order;
    if OrderVersion::of(&order.token_id) != OrderVersion::V2 {
        return Err(refuse(AuthError::Payload));
    }
    let (info, _) = venue
        .market_of(&order.token_id)
        .ok_or_else(|| Reject::missing("No orderbook exists for the requested token id"))?;
    let entry = venue.keyring.get(&caller.api_key).ok_or_else(|| refuse(AuthError::L2))?;
    let neg_risk = info.market.neg_risk;
    let signer = verify_order(&post, entry, &venue.domain, neg_risk, &mut venue.deposit_wallets).map_err(refuse)?;

    let tif = time_in_force(&post)?;
    let side = Side::parse(&order.side).ok_or_else(|| Reject::bad(BAD_ORDER))?;
    let exact = matches!(tif, TimeInForce::Gtc | TimeInForce::Gtd(_));
    let (price, qty) = price_and_size(order, side, exact).map_err(|shown| {
        let (id, tick) = (signer.id, info.market.tick);
        Reject::bad(format!("order {id} is invalid. Price ({shown}) breaks minimum tick size rule: {tick}"))
    })?;
    let wallet = signer.wallet.to_checksum(None);
    let account = venue.exchange.open_account(at, &wallet);
    venue.accounts.add(&caller.api_key, &wallet, account);
    let request = PlaceRequest {
        id: signer.id,
        token: order.token_id.clone(),
        side,
        price,
        qty,
        tif,
        post_only: post.post_only,
        owner: caller.api_key.clone(),
    };
    venue.exchange.place(at, account, request)
}

fn time_in_force(post: &PostOrder) -> Result<TimeInForce, Reject> {
    let expiration = post.order.expiration;
    let tif = match (post.order_type.as_str(), expiration) {
        ("GTC", 0) => TimeInForce::Gtc,
        ("FOK", 0) => TimeInForce::Fok,
        ("FAK", 0) => TimeInForce::Fak,
        // A far end keeps its meaning: no clock reaches it.
        ("GTD", 1..) => TimeInForce::Gtd(Timestamp::from_ms(expiration.saturating_mul(1000).min(u64::MAX / 1_000_000))),
        ("GTC" | "FOK" | "FAK" | "GTD", _) => return Err(Reject::bad("invalid expiration")),
        _ => return Err(Reject::bad(BAD_ORDER)),
    };
    if post.post_only && matches!(tif, TimeInForce::Fok | TimeInForce::Fak) {
        return Err(Reject::bad(BAD_ORDER));
    }
    Ok(tif)
}

/// Largest error of a market order's amounts: they are rounded to three decimals of a share at the coarsest tick.
const ROUNDING_MICRO_SHARES: u128 = 1000;

/// Price and size in shares of an order's two amounts. The price of a resting order must come out even; that of a market
/// order is the nearest one its rounding can have come from. The error is the price as text.
fn price_and_size(order: &SignedOrderBody, side: Side, exact: bool) -> Result<(Price, Qty), String> {
    let (dollars, shares) = match side {
        Side::Buy => (order.maker_amount, order.taker_amount),
        Side::Sell => (order.taker_amount, order.maker_amount),
    };
    let (dollars, shares) = (u128::from(dollars), u128::from(shares));
    if shares == 0 {
        return Err("NaN".to_owned());
    }
    let shown = || decimal(u64::try_from(dollars * 1_000_000 / shares).unwrap_or(u64::MAX), 6);
    let nearest = (dollars * 20_000 + shares) / (2 * shares);
    let price = u16::try_from(nearest).ok().and_then(Price::from_ten_thousandths).ok_or_else(shown)?;
    let off = (nearest * shares).abs_diff(dollars * 10_000);
    let tolerance = if exact { 0 } else { nearest * ROUNDING_MICRO_SHARES };
    if off > tolerance {
        return Err(shown());
    }
    let shares = u64::try_from(shares).map_err(|_| shown())?;
    Ok((price, Qty::from_micro(shares)))
}

async fn cancel_one(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        let body: CancelOrderBody = call.json(BAD_ORDER)?;
        Ok(Reply::of(&cancel(venue, at, &caller, &[order_id(&body.order_id)?])))
    })
}

async fn cancel_many(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        let ids: Vec<String> = call.json(BAD_ORDER)?;
        if ids.len() > CANCEL_MAX {
            return Err(ApiError::bad(&format!("Too many orders in payload, max allowed: {CANCEL_MAX}")));
        }
        let ids = ids.iter().map(|text| order_id(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Reply::of(&cancel(venue, at, &caller, &ids)))
    })
}

async fn cancel_all(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        Ok(Reply::of(&cancel_matching(venue, at, &caller, &Filter::default())))
    })
}

async fn cancel_market(State(front): State<Shared>, call: Call) -> Answer {
    front.step(|venue, at| {
        let caller = call.l2(venue)?;
        let bad = || ApiError::bad("invalid order params payload");
        let body: CancelMarketBody = call.json("invalid order params payload")?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let market = given(body.market).map(|text| ConditionId::parse(&text)).transpose().map_err(|_| bad())?;
        let token = given(body.asset_id).map(|text| TokenId::parse(&text)).transpose().map_err(|_| bad())?;
        if market.is_none() && token.is_none() {
            return Err(bad());
        }
        Ok(Reply::of(&cancel_matching(venue, at, &caller, &Filter { market, token })))
    })
}

/// Cancels the key's own orders that match: another key of the same wallet keeps its orders.
fn cancel_matching(venue: &mut Venue, at: Timestamp, caller: &Caller, filter: &Filter) -> CancelReply {
    let mut out = CancelReply::default();
    for KeyAccount { account, .. } in venue.accounts.of(&caller.api_key).to_vec() {
        let open = venue.exchange.open_orders(account, filter);
        let ids: Vec<OrderId> = open.iter().filter(|o| o.owner == caller.api_key).map(|o| o.id).collect();
        merge(&mut out, venue.exchange.cancel(at, account, &ids));
    }
    out
}

/// Cancels listed orders, each once. What is not the key's own does not exist for it.
fn cancel(venue: &mut Venue, at: Timestamp, caller: &Caller, ids: &[OrderId]) -> CancelReply {
    let mut out = CancelReply::default();
    let mut by_account: BTreeMap<_, Vec<OrderId>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for id in ids.iter().filter(|id| seen.insert(**id)) {
        match find(venue, caller, id) {
            Some(wallet) => by_account.entry(wallet.account).or_default().push(*id),
            None => {
                out.not_canceled.insert(id.to_string(), "Order not found or already canceled".to_owned());
            }
        }
    }
    for (account, ids) in by_account {
        merge(&mut out, venue.exchange.cancel(at, account, &ids));
    }
    out
}

/// The wallet an order of the key is on.
pub(super) fn find<'v>(venue: &'v Venue, caller: &Caller, id: &OrderId) -> Option<&'v KeyAccount> {
    let own = |wallet: &&KeyAccount| {
        venue.exchange.order(wallet.account, id).is_some_and(|order| order.owner == caller.api_key)
    };
    venue.accounts.of(&caller.api_key).iter().find(own)
}

fn merge(all: &mut CancelReply, some: CancelReply) {
    all.canceled.extend(some.canceled);
    all.not_canceled.extend(some.not_canceled);
}

#[cfg(test)]
mod tests;
