//! Placing and cancelling: every check about identity and form, then the exchange's own.
//!
//! An order takes three steps. The gate says who calls; the signature is checked while the venue goes on; then the exchange
//! takes the order or says why not. A wallet is known from the first order it validly signed, refused or not; nothing else
//! of a refused order remains.

use super::call::{Answer, ApiError, Call, Caller, Reply, order_id, stamped};
use super::front::{Front, KeyAccount, Shared, Venue};
use super::gate::{Entered, enter_to_cancel, enter_to_place, may_place};
use super::held::{Taken, wait_out};
use super::markets::decimal;
use crate::auth::{AuthError, Poster, Signer, prove_order};
use crate::exchange::{Filter, PlaceRequest, Reject};
use crate::limits::bucket::Stamp;
use crate::mode::Closed;
use crate::scenario::MarketRules;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{delete, post};
use mm_core::domain::{ConditionId, OrderId, Price, Qty, Side, TickSize, TimeInForce, Timestamp, TokenId};
use mm_core::venue::order::{OrderVersion, PostOrder, SignedOrderBody};
use mm_core::venue::rest::{CancelMarketBody, CancelOrderBody, CancelReply, PostOrderReply};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Orders of one `POST /orders`.
const BATCH_MAX: usize = 15;
/// Ids of one `DELETE /orders`.
const CANCEL_MAX: usize = 1000;

const BAD_ORDER: &str = "Invalid order payload";
const NO_BOOK: &str = "No orderbook exists for the requested token id";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/order", post(place_one).delete(cancel_one))
        .route("/orders", post(place_many).delete(cancel_many))
        .route("/cancel-all", delete(cancel_all))
        .route("/cancel-market-orders", delete(cancel_market))
}

async fn place_one(State(front): State<Shared>, call: Call) -> Response {
    let Entered { caller, stamp } = match front.step(|venue, at| enter_to_place(venue, at, &call, 1)) {
        Ok(entered) => entered,
        Err(refused) => return stamped(refused.stamp, Err(refused.why)),
    };
    stamped(stamp, place_alone(&front, &call, &caller).await)
}

async fn place_alone(front: &Front, call: &Call, caller: &Caller) -> Answer {
    let post: PostOrder = call.json(BAD_ORDER)?;
    front.step(|venue, at| Ok::<_, ApiError>(venue.gate.mode().place(at, post.post_only)?))?;
    let order = examine(front, caller, post)?;
    let taken = front.step(|venue, at| place(venue, at, caller, order))?;
    Ok(Reply::of(&wait_out(front, taken).await?.reply()))
}

async fn place_many(State(front): State<Shared>, call: Call) -> Response {
    let orders = call.json::<Vec<Value>>(BAD_ORDER);
    let cost = orders.as_ref().map_or(1, Vec::len);
    let Entered { caller, stamp } = match front.step(|venue, at| enter_to_place(venue, at, &call, cost)) {
        Ok(entered) => entered,
        Err(refused) => return stamped(refused.stamp, Err(refused.why)),
    };
    let answer = match orders {
        Ok(orders) => place_batch(&front, &caller, orders).await,
        Err(why) => Err(why),
    };
    stamped(stamp, answer)
}

async fn place_batch(front: &Front, caller: &Caller, orders: Vec<Value>) -> Answer {
    if orders.len() > BATCH_MAX {
        let words = format!("Too many orders in payload: {}, max allowed: {BATCH_MAX}", orders.len());
        return Err(ApiError::bad(&words));
    }
    if orders.is_empty() {
        return Err(ApiError::bad(BAD_ORDER));
    }
    let read = |order| serde_json::from_value(order).map_err(|_| Reject::bad(BAD_ORDER));
    let examined: Vec<Result<Examined, Reject>> =
        orders.into_iter().map(|order| read(order).and_then(|post| examine(front, caller, post))).collect();
    let taken = front.step(|venue, at| {
        let mode = venue.gate.mode();
        let one = |order: Result<Examined, Reject>| {
            let order = order.map_err(refused)?;
            // in a batch the engine's mode is the entry's affair, and the whole answers 200
            mode.place(at, order.post_only).map_err(out_of_mode)?;
            place(venue, at, caller, order).map_err(refused)
        };
        examined.into_iter().map(one).collect::<Vec<_>>()
    });
    let mut replies = Vec::with_capacity(taken.len());
    for one in taken {
        let placed = match one {
            // holds of one batch run side by side: the later ones are over when the first has been waited for
            Ok(taken) => wait_out(front, taken).await.map_err(refused),
            Err(why) => Err(why),
        };
        replies.push(match placed {
            Ok(placed) => placed.reply(),
            Err(NotTaken { text, success }) => PostOrderReply { success, error_msg: text, ..PostOrderReply::default() },
        });
    }
    Ok(Reply::of(&replies))
}

/// An entry of a batch that was not taken.
struct NotTaken {
    text: String,
    /// What the entry says of itself beside the text.
    success: bool,
}

fn refused(why: Reject) -> NotTaken {
    NotTaken { text: why.text, success: false }
}

/// What the post-only mode does not take, the venue calls a success all the same (`market-lifecycle.md` section 9).
fn out_of_mode(why: Closed) -> NotTaken {
    NotTaken { text: why.text.to_owned(), success: why.code.is_some() }
}

/// An order whose form and signature have been checked.
struct Examined {
    signer: Signer,
    token: TokenId,
    side: Side,
    /// What the maker gives and gets, in millionths.
    amounts: (u64, u64),
    /// As text where the amounts are not those of any price.
    price_and_size: Result<(Price, Qty), String>,
    tif: TimeInForce,
    post_only: bool,
    builder: String,
}

/// Checks what needs no look at the venue: form, owner, signer, signature.
fn examine(front: &Front, caller: &Caller, post: PostOrder) -> Result<Examined, Reject> {
    let refuse = |why: AuthError| Reject { status: why.status(), text: why.to_string() };
    if OrderVersion::of(&post.order.token_id) != OrderVersion::V2 {
        return Err(refuse(AuthError::Payload));
    }
    let neg_risk = front.neg_risk(&post.order.token_id).ok_or_else(|| Reject::missing(NO_BOOK))?;
    let poster = Poster { api_key: &caller.api_key, address: caller.address };
    let signer = prove_order(&post, poster, &front.domain, neg_risk).map_err(refuse)?;
    let tif = time_in_force(&post)?;
    let side = Side::parse(&post.order.side).ok_or_else(|| Reject::bad(BAD_ORDER))?;
    let exact = matches!(tif, TimeInForce::Gtc | TimeInForce::Gtd(_));
    let price_and_size = price_and_size(&post.order, side, exact);
    let amounts = (post.order.maker_amount, post.order.taker_amount);
    let PostOrder { order: SignedOrderBody { token_id: token, builder, .. }, post_only, .. } = post;
    Ok(Examined { signer, token, side, amounts, price_and_size, tif, post_only, builder })
}

/// Takes an examined order, or says why not. No order and no balance has changed when it says no.
fn place(venue: &mut Venue, at: Timestamp, caller: &Caller, order: Examined) -> Result<Taken, Reject> {
    let Examined { signer, token, side, amounts, price_and_size, tif, post_only, builder } = order;
    let (info, _) = venue.market_of(&token).ok_or_else(|| Reject::missing(NO_BOOK))?;
    may_place(venue.gate.standing(signer.key), signer.key, side)?;
    if matches!(tif, TimeInForce::Fok | TimeInForce::Fak) {
        fine_enough(side, amounts, info.market.tick)?;
    }
    let (price, qty) = price_and_size.map_err(|shown| {
        let (id, tick) = (signer.id, info.market.tick);
        Reject::bad(format!("order {id} is invalid. Price ({shown}) breaks minimum tick size rule: {tick}"))
    })?;
    if !venue.deposit_wallets.admits(&signer) {
        return Err(Reject::bad(AuthError::Signature.to_string()));
    }
    let wallet = signer.wallet.to_checksum(None);
    let account = venue.exchange.open_account(at, &wallet);
    venue.act_for(at, &caller.api_key, &wallet, account);
    let owner = caller.api_key.clone();
    let request = PlaceRequest { id: signer.id, token, side, price, qty, tif, post_only, owner };
    let placed = venue.exchange.place(at, account, request)?;
    venue.records.attribute(signer.id, account, &builder);
    let rules = venue.exchange.life(&info.market.condition).map(|life| life.rules);
    let hold = rules.filter(|rules| rules.seconds_delay.nanos() == 0).map(MarketRules::hold);
    Ok(Taken { placed, account, hold })
}

/// A market order gives whole hundredths, and gets two decimals more than the tick has.
fn fine_enough(side: Side, (gives, gets): (u64, u64), tick: TickSize) -> Result<(), Reject> {
    let decimals = tick.price_decimals() + 2;
    let step = 10u64.pow(6u32.saturating_sub(decimals));
    if gives.is_multiple_of(10_000) && gets.is_multiple_of(step) {
        return Ok(());
    }
    let word = if side == Side::Buy { "buy" } else { "sell" };
    Err(Reject::bad(format!(
        "invalid amounts, the market {word} orders maker amount supports a max accuracy of 2 decimals, \
         taker amount a max of {decimals} decimals"
    )))
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

async fn cancel_one(State(front): State<Shared>, call: Call) -> Response {
    let body = call.json(BAD_ORDER).and_then(|body: CancelOrderBody| Ok(vec![order_id(&body.order_id)?]));
    cancel_listed(&front, &call, 1, body)
}

async fn cancel_many(State(front): State<Shared>, call: Call) -> Response {
    let texts = call.json::<Vec<String>>(BAD_ORDER);
    let cost = texts.as_ref().map_or(1, Vec::len);
    let ids = texts.and_then(|texts| {
        if texts.len() > CANCEL_MAX {
            return Err(ApiError::bad(&format!("Too many orders in payload, max allowed: {CANCEL_MAX}")));
        }
        texts.iter().map(|text| order_id(text)).collect()
    });
    cancel_listed(&front, &call, cost, ids)
}

fn cancel_listed(front: &Front, call: &Call, cost: usize, ids: Result<Vec<OrderId>, ApiError>) -> Response {
    front.step(|venue, at| match enter_to_cancel(venue, at, call, cost) {
        Ok(Entered { caller, stamp }) => stamped(stamp, ids.map(|ids| Reply::of(&cancel(venue, at, &caller, &ids)))),
        Err(refused) => stamped(refused.stamp, Err(refused.why)),
    })
}

async fn cancel_all(State(front): State<Shared>, call: Call) -> Response {
    cancel_group(&front, &call, Ok(Filter::default()))
}

async fn cancel_market(State(front): State<Shared>, call: Call) -> Response {
    let read = || {
        let bad = || ApiError::bad("invalid order params payload");
        let body: CancelMarketBody = call.json("invalid order params payload")?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let market = given(body.market).map(|text| ConditionId::parse(&text)).transpose().map_err(|_| bad())?;
        let token = given(body.asset_id).map(|text| TokenId::parse(&text)).transpose().map_err(|_| bad())?;
        if market.is_none() && token.is_none() {
            return Err(bad());
        }
        Ok(Filter { market, token })
    };
    cancel_group(&front, &call, read())
}

/// Cancels many at once: paid for with one before, and one for each that was cancelled.
fn cancel_group(front: &Front, call: &Call, filter: Result<Filter, ApiError>) -> Response {
    front.step(|venue, at| match enter_to_cancel(venue, at, call, 1) {
        Ok(Entered { caller, stamp }) => match filter {
            Ok(filter) => {
                let reply = cancel_matching(venue, at, &caller, &filter);
                let after = venue.gate.pay_afterwards(at, caller.address, reply.canceled.len());
                let warned = stamp.is_some_and(|stamp| stamp.warned);
                stamped(after.map(|after| Stamp { warned, ..after }), Ok(Reply::of(&reply)))
            }
            Err(why) => stamped(stamp, Err(why)),
        },
        Err(refused) => stamped(refused.stamp, Err(refused.why)),
    })
}

/// Cancels the key's own orders that match: another key of the same wallet keeps its orders.
fn cancel_matching(venue: &mut Venue, at: Timestamp, caller: &Caller, filter: &Filter) -> CancelReply {
    let mut out = CancelReply::default();
    for KeyAccount { account, .. } in venue.accounts.of(&caller.api_key).to_vec() {
        let open = venue.exchange.open_orders(account, filter);
        let ids: Vec<OrderId> = open.iter().filter(|o| o.owner == caller.api_key).map(|o| o.id).collect();
        venue.fill_before_cancel(at, account, &ids);
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
        venue.fill_before_cancel(at, account, &ids);
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
