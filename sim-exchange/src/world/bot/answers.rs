//! The venue's answers to the desk's calls: the bodies the wire would bring, without the wire. Of lists only what a desk reads is written:
//! the rest would be made and skipped a thousand times an hour.

use crate::exchange::{AccountIx, Exchange, Filter, OrderBrief, PlaceRequest, TradeBrief, may_reduce};
use crate::rewards::{Currency, Earning, Maker};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use executor::outcome::{Answer, ListedBook, ListedLevel, ListedOrder, ListedPart, ListedTrade, VenueCall, VenueReply};
use mm_core::domain::{MarketIx, OrderId, Price, Qty, Timestamp};
use mm_core::rewards::Fixed12;
use mm_core::venue::earnings::{EarnedRow, Percentages};
use mm_core::venue::rest::{
    BalanceAllowance, ClosedOnlyBody, ErrorBody, GeoblockBody, HeartbeatReply, LAST_CURSOR, Page,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Levels of a book that are written, the best of each side: enough for one of somebody else's to be among them.
const LEVELS: usize = 32;
/// Rows on a page.
const PAGE: usize = 100;

/// Who is calling.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) account: AccountIx,
    /// The API key: `owner` of every event about its orders.
    pub(super) owner: String,
}

/// What the hosts around the venue say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// The place is blocked.
    pub geoblocked: bool,
    /// The account may only close.
    pub closed_only: bool,
}

fn reply(status: u16, body: &impl Serialize) -> VenueReply {
    let body = serde_json::to_vec(body).expect("plain values serialize");
    VenueReply::Answer(Answer::new(status, body))
}

/// The venue's no.
fn refusal(status: u16, text: String) -> VenueReply {
    reply(status, &ErrorBody { error: text, code: None, retry_after_seconds: None })
}

/// An order arrives. What is allowed and what is not, and in which words, is the exchange's to say.
pub(super) fn place(
    exchange: &mut Exchange,
    at: Timestamp,
    caller: &Caller,
    switches: Switches,
    order: PlaceRequest,
) -> VenueReply {
    if switches.geoblocked {
        return refusal(403, "Trading restricted in your region, please refer to available regions".to_owned());
    }
    if switches.closed_only
        && let Err(no) = may_reduce(exchange.accounts().address(caller.account), order.side)
    {
        return refusal(no.status, no.text);
    }
    match exchange.place(at, caller.account, order) {
        Ok(placed) => reply(200, &placed.reply()),
        Err(no) => refusal(no.status, no.text),
    }
}

/// A call arrives.
pub(super) fn answer(
    exchange: &mut Exchange,
    at: Timestamp,
    caller: &Caller,
    switches: Switches,
    call: &VenueCall,
) -> VenueReply {
    let account = caller.account;
    match call {
        VenueCall::Cancel(ids) => reply(200, &exchange.cancel(at, account, ids)),
        VenueCall::CancelAll => reply(200, &exchange.cancel_all(at, account)),
        VenueCall::CancelMarket(condition) => {
            let filter = Filter { market: Some(condition.clone()), token: None };
            reply(200, &exchange.cancel_market(at, account, &filter))
        }
        VenueCall::OpenOrders { cursor } => {
            let rows = exchange.resting_briefly(account).into_iter().map(listed_order);
            page(cursor.as_deref(), rows.collect())
        }
        VenueCall::Order(id) => reply(200, &exchange.order_briefly(account, id).map(listed_order)),
        VenueCall::Trades { since, cursor } => {
            let rows = exchange.trades_since(account, *since).into_iter().map(listed_trade);
            page(cursor.as_deref(), rows.collect())
        }
        VenueCall::Heartbeat { id } => {
            match exchange.heartbeat(at, &caller.owner, Some(id).filter(|id| !id.is_empty()).map(|id| &**id)) {
                Ok(next) => reply(200, &HeartbeatReply { heartbeat_id: next, error_msg: None }),
                Err(expected) => {
                    let error_msg = Some("Invalid Heartbeat ID".to_owned());
                    reply(400, &HeartbeatReply { heartbeat_id: expected, error_msg })
                }
            }
        }
        VenueCall::Scoring(ids) => {
            let told = exchange.scoring(at, account, ids);
            let scoring: BTreeMap<OrderId, bool> = ids.iter().copied().zip(told).collect();
            reply(200, &scoring)
        }
        VenueCall::Shares => {
            let rows = (0u16..).map(MarketIx).take(exchange.markets().len());
            let mut shares = BTreeMap::new();
            for (row, info) in rows.zip(exchange.markets()) {
                let sample = if exchange.reward_pools(row).is_empty() { None } else { exchange.reward_sample(at, row) };
                let share = sample.map_or(Fixed12::ZERO, |sample| sample.share_of(Maker::Account(account)));
                if share > Fixed12::ZERO {
                    shares.insert(info.market.condition.to_string(), number(Fixed12::from_units(share.units() * 100)));
                }
            }
            reply(200, &Percentages(shares))
        }
        VenueCall::Earned(day) => {
            let earned = exchange.programme().earnings(u64::from(*day), Maker::Account(account));
            let mut sums: BTreeMap<Currency, Fixed12> = BTreeMap::new();
            for Earning { currency, amount, .. } in earned {
                let sum = sums.entry(currency).or_default();
                *sum = sum.saturating_add(amount);
            }
            let rows = sums.into_iter().map(|(currency, sum)| EarnedRow {
                asset_address: currency.address().to_owned(),
                earnings: number(sum),
                asset_rate: 1.into(),
            });
            reply(200, &rows.collect::<Vec<_>>())
        }
        VenueCall::Balance(token) => {
            let balance = exchange.told_balance(account, token.as_ref());
            reply(200, &BalanceAllowance { balance, allowances: BTreeMap::new() })
        }
        // no cache without the fault of that name, and no faults in virtual time
        VenueCall::RefreshBalance(_) => reply(200, &()),
        VenueCall::Books(tokens) => {
            let level = |&(price, size): &(Price, Qty)| ListedLevel { price, size };
            let best = |side: &[(Price, Qty)]| Some(side.iter().rev().take(LEVELS).map(level).collect());
            let books = tokens.iter().filter_map(|token| exchange.book(token));
            let listed =
                books.map(|book| ListedBook { bids: best(&book.bids), asks: best(&book.asks), asset_id: book.token });
            reply(200, &listed.collect::<Vec<_>>())
        }
        VenueCall::Geoblock => {
            let (country, blocked) = if switches.geoblocked { ("US", true) } else { ("IE", false) };
            let body = GeoblockBody {
                blocked,
                ip: "203.0.113.42".to_owned(),
                country: country.to_owned(),
                region: String::new(),
            };
            reply(200, &body)
        }
        VenueCall::ClosedOnly => reply(200, &ClosedOnlyBody { closed_only: switches.closed_only }),
        VenueCall::Time => reply(200, &at.secs()),
        VenueCall::RenewCredentials => VenueReply::Answer(Answer::new(200, "")),
    }
}

/// A decimal as the venue writes it: a number as close to it as a double is.
fn number(amount: Fixed12) -> serde_json::Value {
    amount.to_string().parse::<serde_json::Number>().map_or(serde_json::Value::Null, Into::into)
}

fn listed_order(order: OrderBrief) -> ListedOrder {
    ListedOrder { id: order.id, status: order.status.to_owned(), size_matched: order.matched }
}

fn listed_trade(trade: TradeBrief) -> ListedTrade {
    let part = |(order_id, price, matched_amount)| ListedPart { order_id, matched_amount, price };
    ListedTrade {
        id: trade.id,
        taker_order_id: trade.taker.to_string(),
        size: trade.qty,
        price: trade.price,
        status: trade.status.to_owned(),
        match_time: trade.matched.secs().to_string().into(),
        maker_orders: trade.makers.into_iter().map(part).collect(),
    }
}

/// The page of `rows` a cursor asks for: the base64 of an offset.
fn page<T: Serialize>(cursor: Option<&str>, rows: Vec<T>) -> VenueReply {
    let offset = match cursor {
        None => Some(0),
        Some(LAST_CURSOR) => Some(usize::MAX),
        Some(text) => STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()),
    };
    let Some(offset) = offset else { return refusal(400, "Invalid next_cursor".to_owned()) };
    let total = rows.len();
    let data: Vec<T> = rows.into_iter().skip(offset).take(PAGE).collect();
    let next = offset.saturating_add(data.len());
    let next_cursor =
        if next < total && !data.is_empty() { STANDARD.encode(next.to_string()) } else { LAST_CURSOR.to_owned() };
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    reply(200, &Page { limit: count(PAGE), count: count(data.len()), next_cursor, data })
}

#[cfg(test)]
mod tests;
