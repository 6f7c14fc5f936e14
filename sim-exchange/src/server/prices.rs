//! Books and prices, one token or many.

use super::call::{Answer, ApiError, Call, Reply, step};
use super::front::{Shared, Venue};
use super::markets::{decimal, no_orderbook};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mm_core::domain::{Price, Side, TokenId};
use mm_core::venue::market_ws::{BookMessage, encode_rest_book};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Tokens of one batch: the figure of the community, the venue documents none.
const BATCH_MAX: usize = 500;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/book", get(book))
        .route("/books", axum::routing::post(books))
        .route("/midpoint", get(one_midpoint))
        .route("/midpoints", axum::routing::post(midpoints))
        .route("/price", get(price))
        .route("/prices", axum::routing::post(prices))
        .route("/spread", get(one_spread))
        .route("/spreads", axum::routing::post(spreads))
        .route("/last-trade-price", get(last_trade_price))
        // One client sends this as GET with a body.
        .route("/last-trades-prices", get(last_trades_prices).post(last_trades_prices))
}

fn book_of(venue: &Venue, token: &TokenId) -> Result<BookMessage, ApiError> {
    venue.exchange.book(token).ok_or_else(no_orderbook)
}

/// Best price of one side of a token's book.
fn best(book: &BookMessage, side: Side) -> Option<Price> {
    match side {
        Side::Buy => book.bids.iter().map(|level| level.0).max(),
        Side::Sell => book.asks.iter().map(|level| level.0).min(),
    }
}

fn tops(book: &BookMessage) -> Option<(Price, Price)> {
    Some((best(book, Side::Buy)?, best(book, Side::Sell)?))
}

fn mid_text((bid, ask): (Price, Price)) -> String {
    // Half of a sum of ten-thousandths is a whole number of hundred-thousandths.
    let sum = u64::from(bid.ten_thousandths()) + u64::from(ask.ten_thousandths());
    decimal(sum * 5, 5)
}

fn spread_text((bid, ask): (Price, Price)) -> String {
    // A crossed book has no spread; only a recording that lies could bring one.
    ask.checked_sub(bid.ten_thousandths()).unwrap_or(Price::ZERO).to_string()
}

/// The token's midpoint, while both sides have orders.
pub(super) fn midpoint(venue: &Venue, token: &TokenId) -> Option<String> {
    venue.exchange.book(token).as_ref().and_then(tops).map(mid_text)
}

/// Best bid and ask of a token.
pub(super) fn top_of(venue: &Venue, token: &TokenId) -> (Option<Price>, Option<Price>) {
    let book = venue.exchange.book(token);
    let side = |side| book.as_ref().and_then(|book| best(book, side));
    (side(Side::Buy), side(Side::Sell))
}

/// The price and taker's side of the token's last trade; both empty before the first.
pub(super) fn last_trade(venue: &Venue, token: &TokenId, book: &BookMessage) -> (String, &'static str) {
    match book.last_trade.as_deref() {
        Some(price) if !price.is_empty() => {
            let side = venue.last_sides.get(token).map_or("", |side| side.as_str());
            (price.to_owned(), side)
        }
        _ => (String::new(), ""),
    }
}

async fn book(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| Ok(Reply(encode_rest_book(&book_of(venue, &call.token()?)?))))
}

async fn one_midpoint(State(front): State<Shared>, call: Call) -> Answer {
    one(&front, &call, |top| json!({"mid": mid_text(top)}))
}

async fn one_spread(State(front): State<Shared>, call: Call) -> Answer {
    one(&front, &call, |top| json!({"spread": spread_text(top)}))
}

fn one(front: &Shared, call: &Call, show: impl Fn((Price, Price)) -> Value) -> Answer {
    step(front, |venue| {
        let book = book_of(venue, &call.token()?)?;
        Ok(Reply::of(&show(tops(&book).ok_or_else(no_orderbook)?)))
    })
}

async fn price(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let book = book_of(venue, &call.token()?)?;
        let side = call.query("side").and_then(Side::parse).ok_or_else(|| ApiError::bad("Invalid side"))?;
        Ok(Reply::of(&json!({"price": best(&book, side).ok_or_else(no_orderbook)?.to_string()})))
    })
}

async fn last_trade_price(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let token = call.token()?;
        let (price, side) = last_trade(venue, &token, &book_of(venue, &token)?);
        Ok(Reply::of(&json!({"price": price, "side": side})))
    })
}

/// One entry of a batch.
#[derive(Deserialize)]
struct Asked {
    token_id: String,
    #[serde(default)]
    side: Option<String>,
}

/// The batch of a body: tokens in the order asked, with the side if one was given.
fn batch(call: &Call) -> Result<Vec<(TokenId, Option<Side>)>, ApiError> {
    let asked: Vec<Asked> = call.json("Invalid payload")?;
    if asked.len() > BATCH_MAX {
        return Err(ApiError::bad("Payload exceeds the limit"));
    }
    let read = |asked: Asked| {
        let token = TokenId::parse(&asked.token_id).map_err(|_| ApiError::bad("Invalid payload"))?;
        let side = match asked.side.as_deref() {
            None | Some("") => None,
            Some(side) => Some(Side::parse(side).ok_or_else(|| ApiError::bad("Invalid side"))?),
        };
        Ok((token, side))
    };
    asked.into_iter().map(read).collect()
}

async fn books(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        // Tokens without a book are left out, as a batch of the venue's does.
        let texts: Vec<String> = batch(&call)?
            .iter()
            .filter_map(|(token, _)| venue.exchange.book(token).as_ref().map(encode_rest_book))
            .collect();
        Ok(Reply(format!("[{}]", texts.join(","))))
    })
}

async fn midpoints(State(front): State<Shared>, call: Call) -> Answer {
    map(&front, &call, mid_text)
}

async fn spreads(State(front): State<Shared>, call: Call) -> Answer {
    map(&front, &call, spread_text)
}

fn map(front: &Shared, call: &Call, show: impl Fn((Price, Price)) -> String) -> Answer {
    step(front, |venue| {
        let mut out = Map::new();
        for (token, _) in batch(call)? {
            if let Some(top) = venue.exchange.book(&token).as_ref().and_then(tops) {
                out.insert(token.to_string(), Value::String(show(top)));
            }
        }
        Ok(Reply::of(&out))
    })
}

async fn prices(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let mut out = Map::new();
        for (token, side) in batch(&call)? {
            let side = side.ok_or_else(|| ApiError::bad("Invalid side"))?;
            if let Some(price) = venue.exchange.book(&token).as_ref().and_then(|book| best(book, side)) {
                let sides = out.entry(token.to_string()).or_insert_with(|| json!({}));
                sides[side.as_str()] = Value::String(price.to_string());
            }
        }
        Ok(Reply::of(&out))
    })
}

async fn last_trades_prices(State(front): State<Shared>, call: Call) -> Answer {
    step(&front, |venue| {
        let mut out = Vec::new();
        for (token, _) in batch(&call)? {
            if let Some(book) = venue.exchange.book(&token) {
                let (price, side) = last_trade(venue, &token, &book);
                out.push(json!({"token_id": token, "price": price, "side": side}));
            }
        }
        Ok(Reply::of(&out))
    })
}
