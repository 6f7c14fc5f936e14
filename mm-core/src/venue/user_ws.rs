//! Frames of the user channel (`clob-streams.md` sections 2.2 and 6), both ways.

use super::rest::MakerOrder;
use super::text;
use crate::domain::{ConditionId, OrderId, Price, Qty, TokenId};
use serde::{Deserialize, Serialize};

/// The subscription. Carries the API secret: no `Debug`, and it must never be logged.
#[derive(Serialize, Deserialize)]
pub struct Subscribe {
    /// Credentials.
    pub auth: SubscribeAuth,
    /// Always `user`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Condition ids; empty means every market of the account.
    #[serde(default)]
    pub markets: Vec<String>,
}

/// Credentials inside [`Subscribe`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeAuth {
    /// UUID.
    pub api_key: String,
    /// URL-safe base64.
    pub secret: String,
    /// Hex.
    pub passphrase: String,
}

/// One event of the user channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEvent {
    /// An order was placed, matched or ended.
    Order(OrderEvent),
    /// A trade, once per settlement status.
    Trade(TradeEvent),
    /// A type we do not know: kept, counted and survived.
    Unknown {
        /// Its `event_type`, or empty.
        event_type: String,
    },
}

/// `event_type: order`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    /// The order's hash.
    pub id: OrderId,
    /// `PLACEMENT`, `UPDATE` or `CANCELLATION`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Condition id.
    pub market: ConditionId,
    /// Token.
    pub asset_id: TokenId,
    /// `BUY` or `SELL`.
    pub side: String,
    /// Limit price.
    #[serde(with = "text::price")]
    pub price: Price,
    /// Shares.
    #[serde(with = "text::qty::option", default)]
    pub original_size: Option<Qty>,
    /// Shares matched, cumulative; `""` on killed FOK orders.
    #[serde(with = "text::qty::option", default)]
    pub size_matched: Option<Qty>,
    /// Outcome name.
    #[serde(default)]
    pub outcome: String,
    /// `LIVE`, `MATCHED`, `CANCELED`, `CANCELED_…`, `INVALID`: an open set.
    #[serde(default)]
    pub status: String,
    /// GTC, GTD, FAK, FOK.
    #[serde(default)]
    pub order_type: String,
    /// Seconds, `"0"` or absent.
    #[serde(default)]
    pub expiration: Option<String>,
    /// API key.
    #[serde(default)]
    pub owner: String,
    /// API key.
    #[serde(default)]
    pub order_owner: String,
    /// Wallet.
    #[serde(default)]
    pub maker_address: String,
    /// Trades so far.
    #[serde(default)]
    pub associate_trades: Option<Vec<String>>,
    /// Seconds, as a string.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Seconds or milliseconds, as a string.
    #[serde(default)]
    pub timestamp: Option<String>,
}

/// `event_type: trade`. The top level is the taker's; our fill is in `maker_orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeEvent {
    /// Trade id.
    pub id: String,
    /// Always `TRADE`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// `MATCHED`, `MINED`, `CONFIRMED`, `RETRYING`, `FAILED`.
    pub status: String,
    /// `MAKER` or `TAKER`.
    #[serde(default)]
    pub trader_side: String,
    /// Condition id.
    pub market: ConditionId,
    /// The taker's token.
    pub asset_id: TokenId,
    /// The taker's side.
    #[serde(default)]
    pub side: String,
    /// The taker's average price.
    #[serde(with = "text::matched_price")]
    pub price: Price,
    /// Shares.
    #[serde(with = "text::qty")]
    pub size: Qty,
    /// Outcome name.
    #[serde(default)]
    pub outcome: String,
    /// Legacy; not the fee.
    #[serde(default)]
    pub fee_rate_bps: String,
    /// The taker's order.
    #[serde(default)]
    pub taker_order_id: String,
    /// API key.
    #[serde(default)]
    pub owner: String,
    /// API key.
    #[serde(default)]
    pub trade_owner: String,
    /// Wallet.
    #[serde(default)]
    pub maker_address: String,
    /// Part of a split match.
    #[serde(default)]
    pub bucket_index: u64,
    /// Seconds, as a string; also spelled `matchtime`.
    #[serde(default, alias = "matchtime")]
    pub match_time: Option<String>,
    /// Seconds, as a string.
    #[serde(default)]
    pub last_update: Option<String>,
    /// Seconds or milliseconds, as a string.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// May be `null` or empty at MATCHED.
    #[serde(default)]
    pub transaction_hash: Option<String>,
    /// All makers of the trade, not only us.
    #[serde(default)]
    pub maker_orders: Vec<MakerOrder>,
}

/// What a text frame of the user channel holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserFrame {
    /// One event, or an array of them.
    Events(Vec<UserEvent>),
    /// `PONG` or other plain text.
    Text,
}

/// A frame that claims to be a known event and is not.
#[derive(Debug, thiserror::Error)]
#[error("user-channel frame: {0}")]
pub struct BadUserFrame(#[from] serde_json::Error);

/// Decodes one text frame: an object, an array of objects, or plain text.
///
/// # Errors
/// [`BadUserFrame`] when JSON is torn or a known event lacks what it must have. The caller must then distrust the stream.
pub fn decode(frame: &str) -> Result<UserFrame, BadUserFrame> {
    match frame.trim_start().as_bytes().first() {
        Some(b'[') => {
            let values: Vec<serde_json::Value> = serde_json::from_str(frame)?;
            Ok(UserFrame::Events(values.into_iter().map(decode_event).collect::<Result<_, _>>()?))
        }
        Some(b'{') => Ok(UserFrame::Events(vec![decode_event(serde_json::from_str(frame)?)?])),
        _ => Ok(UserFrame::Text),
    }
}

fn decode_event(value: serde_json::Value) -> Result<UserEvent, BadUserFrame> {
    // The 2024 recordings carry only `event_type`, which is the discriminator today too; `type` is another field.
    let event_type = value.get("event_type").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    match event_type.as_str() {
        "order" => Ok(UserEvent::Order(serde_json::from_value(value)?)),
        "trade" => Ok(UserEvent::Trade(serde_json::from_value(value)?)),
        _ => Ok(UserEvent::Unknown { event_type }),
    }
}

/// Encodes an event as the venue sends it: one object with its `event_type`. `None` for [`UserEvent::Unknown`].
#[must_use]
pub fn encode(event: &UserEvent) -> Option<String> {
    #[derive(Serialize)]
    struct Tagged<'a, T> {
        event_type: &'static str,
        #[serde(flatten)]
        event: &'a T,
    }
    let text = match event {
        UserEvent::Order(event) => serde_json::to_string(&Tagged { event_type: "order", event }),
        UserEvent::Trade(event) => serde_json::to_string(&Tagged { event_type: "trade", event }),
        UserEvent::Unknown { .. } => return None,
    };
    Some(text.expect("strings and integers always serialize"))
}
