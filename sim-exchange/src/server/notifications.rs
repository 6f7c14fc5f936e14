//! `/notifications`: what happened to a wallet's orders without its doing.

use super::call::{Answer, ApiError, Call, Caller, Reply, step};
use super::front::{Shared, Venue};
use super::markets::number;
use super::reads::{account_of, signature_type};
use crate::exchange::AccountIx;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mm_core::domain::{OrderId, Outcome, Price, Qty, Timestamp, TokenId};
use mm_core::venue::user_ws::{OrderEvent, TradeEvent, UserEvent};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Notes kept for a wallet.
const NOTES_MAX: usize = 500;

/// Resting orders whose size is kept; fills of one more leave no note.
const ORDERS_MAX: usize = 500_000;

/// A transaction that is not known yet.
pub(super) const NO_HASH: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/notifications", get(list).delete(drop_some))
}

/// What a note is about, by the venue's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An order ended unfilled.
    Cancelled = 1,
    /// An order was filled, at least in part.
    Filled = 2,
}

/// One note.
#[derive(Clone, Debug)]
pub(super) struct Note {
    id: u64,
    at: Timestamp,
    kind: Kind,
    owner: String,
    order: OrderId,
    token: TokenId,
    side: String,
    price: Price,
    original: Qty,
    matched: Qty,
    order_type: String,
    trade: String,
    transaction: Option<String>,
}

/// The notes of every wallet.
#[derive(Default)]
pub(super) struct Notes {
    next: u64,
    by_account: BTreeMap<AccountIx, VecDeque<Note>>,
    /// Size and type of orders that rest, for the notes of their fills.
    orders: BTreeMap<OrderId, (Qty, String)>,
}

impl Notes {
    pub(super) fn hear(&mut self, at: Timestamp, account: AccountIx, event: &UserEvent) {
        match event {
            UserEvent::Order(order) => self.hear_order(at, account, order),
            UserEvent::Trade(trade) if trade.status == "MATCHED" => self.hear_trade(at, account, trade),
            UserEvent::Trade(_) | UserEvent::Unknown { .. } => {}
        }
    }

    fn hear_order(&mut self, at: Timestamp, account: AccountIx, order: &OrderEvent) {
        let original = order.original_size.unwrap_or(Qty::ZERO);
        let matched = order.size_matched.unwrap_or(Qty::ZERO);
        if order.kind == "PLACEMENT" && self.orders.len() < ORDERS_MAX {
            self.orders.insert(order.id, (original, order.order_type.clone()));
        } else if order.kind == "CANCELLATION" || matched >= original {
            self.orders.remove(&order.id);
        }
        if order.kind == "CANCELLATION" {
            self.push(account, |id| Note {
                id,
                at,
                kind: Kind::Cancelled,
                owner: order.owner.clone(),
                order: order.id,
                token: order.asset_id.clone(),
                side: order.side.clone(),
                price: order.price,
                original,
                matched,
                order_type: order.order_type.clone(),
                trade: String::new(),
                transaction: None,
            });
        }
    }

    fn hear_trade(&mut self, at: Timestamp, account: AccountIx, trade: &TradeEvent) {
        let taker = (trade.trader_side == "TAKER").then(|| OrderId::parse(&trade.taker_order_id).ok()).flatten();
        let taken = taker.map(|id| (id, &trade.asset_id, &trade.side, trade.price, trade.size, &trade.owner));
        let made = (trade.maker_orders.iter())
            .map(|p| (p.order_id, &p.asset_id, &p.side, p.price, p.matched_amount, &p.owner));
        let mine: Vec<_> = taken.into_iter().chain(made).collect();
        for (order, token, side, price, matched, owner) in mine {
            // orders we never heard of are another wallet's
            let Some((original, order_type)) = self.orders.get(&order).cloned() else { continue };
            self.push(account, |id| Note {
                id,
                at,
                kind: Kind::Filled,
                owner: owner.clone(),
                order,
                token: token.clone(),
                side: side.clone(),
                price,
                original,
                matched,
                order_type,
                trade: trade.id.clone(),
                transaction: trade.transaction_hash.clone(),
            });
        }
    }

    fn push(&mut self, account: AccountIx, note: impl FnOnce(u64) -> Note) {
        self.next += 1;
        let notes = self.by_account.entry(account).or_default();
        if notes.len() >= NOTES_MAX {
            notes.pop_front();
        }
        notes.push_back(note(self.next));
    }

    pub(super) fn of(&self, account: AccountIx) -> impl Iterator<Item = &Note> {
        self.by_account.get(&account).into_iter().flatten()
    }

    fn remove(&mut self, account: AccountIx, ids: &BTreeSet<u64>) {
        if let Some(notes) = self.by_account.get_mut(&account) {
            notes.retain(|note| !ids.contains(&note.id));
        }
    }
}

/// Wallets a call is about: the one of its signature type, or all of the key's.
fn wallets(venue: &Venue, call: &Call, caller: &Caller) -> Result<Vec<AccountIx>, ApiError> {
    Ok(match signature_type(call)? {
        Some(kind) => account_of(venue, caller, kind).into_iter().collect(),
        None => venue.accounts.of(&caller.api_key).iter().map(|wallet| wallet.account).collect(),
    })
}

async fn list(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.reader(venue)?;
        let wallets = wallets(venue, &call, &caller)?;
        let notes = wallets.into_iter().flat_map(|account| venue.records.notes_of(account));
        // another key of the same wallet has notes of its own
        let own = notes.filter(|note| note.owner == caller.api_key);
        Ok(Reply::of(&own.filter_map(|note| shown(venue, note)).collect::<Vec<_>>()))
    })
}

async fn drop_some(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let caller = call.l2(venue)?;
        let ids = call.query("ids").unwrap_or_default().split(',').filter(|text| !text.is_empty());
        let ids: Result<BTreeSet<u64>, _> = ids.map(str::parse).collect();
        let ids = ids.map_err(|_| ApiError::bad("Invalid notification ids"))?;
        for account in wallets(venue, &call, &caller)? {
            venue.records.notes.remove(account, &ids);
        }
        Ok(Reply::of(&"OK"))
    })
}

fn shown(venue: &Venue, note: &Note) -> Option<Value> {
    let (info, outcome) = venue.market_of(&note.token)?;
    let index = usize::from(outcome == Outcome::No);
    let left = note.original.saturating_sub(note.matched);
    Some(json!({
        "id": note.id,
        "timestamp": note.at.secs(),
        "type": note.kind as u8,
        "owner": note.owner,
        "payload": {
            "asset_id": note.token,
            "condition_id": info.market.condition,
            "market": info.market.condition,
            "market_slug": info.slug,
            "eventSlug": info.slug,
            "seriesSlug": "",
            "question": info.slug,
            "icon": "",
            "image": "",
            "order_id": note.order,
            "owner": note.owner,
            "side": note.side,
            "price": number(&note.price.to_string()),
            "original_size": number(&note.original.to_string()),
            "matched_size": number(&note.matched.to_string()),
            "remaining_size": number(&left.to_string()),
            "outcome": info.outcomes[index],
            "outcome_index": index,
            "trade_id": note.trade,
            "transaction_hash": note.transaction.as_deref().filter(|hash| !hash.is_empty()).unwrap_or(NO_HASH),
            "type": note.order_type,
        },
    }))
}
