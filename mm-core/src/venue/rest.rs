//! Bodies of the venue's REST calls (`clob-rest.md`), both ways.

use super::text;
use crate::domain::{ConditionId, OrderId, Price, Qty, TickSize, TokenId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The cursor of the first page: base64 of "0".
pub const FIRST_CURSOR: &str = "MA==";
/// The cursor behind the last page: base64 of "-1".
pub const LAST_CURSOR: &str = "LTE=";

/// Every error answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The venue's text.
    pub error: String,
    /// Only `post_only_mode` is documented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Seconds to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

/// Answer of `GET /version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionBody {
    /// 2 today.
    pub version: u32,
}

/// Answer of `POST /auth/api-key` and `GET /auth/derive-api-key`. Secret: no `Debug`, no `Clone`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    /// UUID.
    pub api_key: String,
    /// URL-safe base64 of the HMAC key.
    pub secret: String,
    /// Hex.
    pub passphrase: String,
}

/// Answer of `GET /auth/ban-status/closed-only`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedOnlyBody {
    /// The account may only close positions.
    pub closed_only: bool,
}

/// Answer of the geoblock endpoint (`clob-rest.md` section 12). Only an object with a boolean `blocked` counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeoblockBody {
    /// Orders from here are refused.
    pub blocked: bool,
    /// The caller's address as the venue sees it.
    #[serde(default)]
    pub ip: String,
    /// ISO 3166-1 alpha-2.
    #[serde(default)]
    pub country: String,
    /// Sub-national code, may be empty.
    #[serde(default)]
    pub region: String,
}

/// Answer to one order of `POST /order` or `POST /orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostOrderReply {
    /// Empty on success.
    #[serde(rename = "errorMsg", default)]
    pub error_msg: String,
    /// The order's hash; empty on failure.
    #[serde(rename = "orderID", default)]
    pub order_id: String,
    /// Decimal, human units; empty when nothing matched.
    #[serde(rename = "takingAmount", default)]
    pub taking_amount: String,
    /// Decimal, human units; empty when nothing matched.
    #[serde(rename = "makingAmount", default)]
    pub making_amount: String,
    /// `live`, `matched`, `delayed`, `unmatched` or empty.
    #[serde(default)]
    pub status: String,
    /// Accepted only together with an empty `errorMsg` and a non-empty `orderID`.
    #[serde(default)]
    pub success: bool,
    /// Trades, when matched.
    #[serde(rename = "tradeIDs", default, skip_serializing_if = "Vec::is_empty")]
    pub trade_ids: Vec<String>,
}

impl PostOrderReply {
    /// Whether the venue says it took the order.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.success && self.error_msg.is_empty() && !self.order_id.is_empty()
    }
}

/// Body of `DELETE /order`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrderBody {
    /// The order's hash.
    #[serde(rename = "orderID")]
    pub order_id: String,
}

/// Body of `DELETE /cancel-market-orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelMarketBody {
    /// Condition id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<String>,
    /// Token id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_id: Option<String>,
}

/// Answer of every cancel call: a hint, not evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelReply {
    /// Hashes the venue says it cancelled.
    #[serde(default)]
    pub canceled: Vec<String>,
    /// Hash to free-text reason.
    #[serde(default)]
    pub not_canceled: BTreeMap<String, String>,
}

/// A page of any CLOB list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Rows per page.
    #[serde(default)]
    pub limit: u64,
    /// Rows on this page.
    #[serde(default)]
    pub count: u64,
    /// [`LAST_CURSOR`] on the last page, or nothing: some lists end in `null`, some without it.
    #[serde(default, deserialize_with = "or_empty")]
    pub next_cursor: String,
    /// The rows.
    pub data: Vec<T>,
}

/// One order of `GET /data/orders` and `GET /data/order/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The order's hash.
    pub id: OrderId,
    /// `LIVE`, `MATCHED`, `CANCELED`, …; see [`plain_status`].
    pub status: String,
    /// API key.
    #[serde(default)]
    pub owner: String,
    /// Wallet.
    #[serde(default)]
    pub maker_address: String,
    /// Condition id.
    pub market: ConditionId,
    /// Token.
    pub asset_id: TokenId,
    /// `BUY` or `SELL`.
    pub side: String,
    /// Shares.
    #[serde(with = "text::qty")]
    pub original_size: Qty,
    /// Shares matched so far.
    #[serde(with = "text::qty")]
    pub size_matched: Qty,
    /// Limit price.
    #[serde(with = "text::price")]
    pub price: Price,
    /// Trades so far; may be `null`.
    #[serde(default)]
    pub associate_trades: Option<Vec<String>>,
    /// Outcome name.
    #[serde(default)]
    pub outcome: String,
    /// Seconds since 1970, a number.
    #[serde(default)]
    pub created_at: u64,
    /// Seconds, `"0"` for none.
    #[serde(default)]
    pub expiration: String,
    /// GTC, GTD, FOK, FAK.
    #[serde(default)]
    pub order_type: String,
}

/// A status without the prefix some pages show (`ORDER_STATUS_LIVE`, `TRADE_STATUS_MINED`), in upper case.
#[must_use]
pub fn plain_status(status: &str) -> String {
    let upper = status.to_ascii_uppercase();
    let plain = upper.strip_prefix("ORDER_STATUS_").or_else(|| upper.strip_prefix("TRADE_STATUS_"));
    plain.map_or_else(|| upper.clone(), str::to_owned)
}

/// Our part, or another maker's, of a trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakerOrder {
    /// The maker order's hash.
    pub order_id: OrderId,
    /// API key.
    #[serde(default)]
    pub owner: String,
    /// Wallet.
    #[serde(default)]
    pub maker_address: String,
    /// Shares matched on this order.
    #[serde(with = "text::qty")]
    pub matched_amount: Qty,
    /// The maker's price.
    #[serde(with = "text::matched_price")]
    pub price: Price,
    /// Legacy; not the fee.
    #[serde(default)]
    pub fee_rate_bps: String,
    /// The maker's token.
    pub asset_id: TokenId,
    /// Outcome name.
    #[serde(default)]
    pub outcome: String,
    /// Position of the outcome; on the stream only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_index: Option<u8>,
    /// `BUY` or `SELL`; missing in old recordings.
    #[serde(default)]
    pub side: String,
}

/// One trade of `GET /data/trades`. The top level describes the *taker*; a maker's fill is inside `maker_orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Trade id.
    pub id: String,
    /// The taker's order.
    #[serde(default)]
    pub taker_order_id: String,
    /// Condition id.
    pub market: ConditionId,
    /// The taker's token.
    pub asset_id: TokenId,
    /// The taker's side.
    #[serde(default)]
    pub side: String,
    /// Shares.
    #[serde(with = "text::qty")]
    pub size: Qty,
    /// Legacy; not the fee.
    #[serde(default)]
    pub fee_rate_bps: String,
    /// The taker's average price.
    #[serde(with = "text::matched_price")]
    pub price: Price,
    /// `MATCHED`, `MINED`, `CONFIRMED`, `RETRYING`, `FAILED`; see [`plain_status`].
    pub status: String,
    /// Seconds, as a string.
    #[serde(default)]
    pub match_time: String,
    /// Seconds, as a string.
    #[serde(default)]
    pub last_update: String,
    /// Outcome name.
    #[serde(default)]
    pub outcome: String,
    /// Part of a match that was split over several transactions.
    #[serde(default)]
    pub bucket_index: u64,
    /// API key.
    #[serde(default)]
    pub owner: String,
    /// Wallet.
    #[serde(default)]
    pub maker_address: String,
    /// Empty until submitted.
    #[serde(default)]
    pub transaction_hash: Option<String>,
    /// `MAKER` or `TAKER`.
    #[serde(default)]
    pub trader_side: String,
    /// All makers of the trade.
    #[serde(default)]
    pub maker_orders: Vec<MakerOrder>,
}

/// Body of `POST /v1/heartbeats`: the previous id, or nothing on the first call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatBody {
    /// Empty or absent on the first call.
    #[serde(default)]
    pub heartbeat_id: Option<String>,
}

/// Answer of `POST /v1/heartbeats`; with status 400 the id is the one the venue expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// Id for the next call.
    pub heartbeat_id: String,
    /// `Invalid Heartbeat ID` on a mismatch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_msg: Option<String>,
}

/// Answer of `GET /balance-allowance`: base units as integer strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceAllowance {
    /// Millionths.
    #[serde(with = "text::integer")]
    pub balance: u64,
    /// Spender to allowance.
    #[serde(default)]
    pub allowances: BTreeMap<String, String>,
}

/// Answer of `GET /clob-markets/{condition_id}`: the one call worth making before quoting (`clob-rest.md` section 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClobMarket {
    /// Condition id.
    pub c: ConditionId,
    /// Tokens, the first is YES.
    pub t: Vec<ClobToken>,
    /// Minimum tick size; a JSON number.
    #[serde(deserialize_with = "text::tick::deserialize", serialize_with = "as_number")]
    pub mts: TickSize,
    /// Minimum order size in shares; a JSON number.
    #[serde(deserialize_with = "text::qty::deserialize", serialize_with = "as_number")]
    pub mos: Qty,
    /// Neg-risk; left out when false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nr: bool,
    /// Accepting orders.
    #[serde(default)]
    pub ao: bool,
    /// Seconds of delay for marketable orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<u64>,
    /// Game start, ISO text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gst: Option<String>,
    /// The book is cleared at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cbos: Option<bool>,
    /// Platform fee; absent = none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<FeeTerms>,
    /// Reward terms; `null` or partial when not in the programme.
    #[serde(default)]
    pub r: Option<ClobRewards>,
}

/// One token of a [`ClobMarket`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClobToken {
    /// Token id.
    pub t: TokenId,
    /// Outcome name.
    #[serde(default)]
    pub o: String,
}

/// Fee curve: shares × rate × (p(1 − p))^exponent, paid by takers. Numbers kept as their text: exact, and never floats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeTerms {
    /// Rate.
    #[serde(deserialize_with = "owned_number", serialize_with = "as_number")]
    pub r: String,
    /// Exponent.
    #[serde(deserialize_with = "owned_number", serialize_with = "as_number")]
    pub e: String,
    /// Only takers pay.
    #[serde(default)]
    pub to: bool,
}

/// Reward terms of a [`ClobMarket`]. The daily pool is not here: see [`RewardMarket`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClobRewards {
    /// Minimum size in shares.
    #[serde(default, with = "number_option")]
    pub mi: Option<String>,
    /// Maximum spread in cents.
    #[serde(default, with = "number_option")]
    pub ma: Option<String>,
    /// Enabled.
    #[serde(default)]
    pub e: bool,
    /// Skip the minimum order age.
    #[serde(default)]
    pub smoa: bool,
    /// Minimum order age in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moas: Option<u64>,
}

/// One row of `GET /rewards/markets/current` and `GET /rewards/markets/{condition_id}`: the fields that say what is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardMarket {
    /// Condition id.
    pub condition_id: ConditionId,
    /// Cents.
    #[serde(default, with = "number_option")]
    pub rewards_max_spread: Option<String>,
    /// Shares.
    #[serde(default, with = "number_option")]
    pub rewards_min_size: Option<String>,
    /// Pools.
    #[serde(default)]
    pub rewards_config: Vec<RewardConfig>,
}

/// One pool of a [`RewardMarket`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardConfig {
    /// Currency.
    #[serde(default)]
    pub asset_address: String,
    /// Dollars per day.
    #[serde(default, with = "number_option")]
    pub rate_per_day: Option<String>,
    /// First day: ISO text or milliseconds since 1970, as a number or as text.
    #[serde(default, deserialize_with = "number_option::deserialize")]
    pub start_date: Option<String>,
    /// Last day, in the same forms.
    #[serde(default, deserialize_with = "number_option::deserialize")]
    pub end_date: Option<String>,
}

/// Reads text, and `null` as none of it.
fn or_empty<'de, D: serde::Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Writes a decimal as a JSON number with the digits it prints.
fn as_number<T: std::fmt::Display, S: serde::Serializer>(v: &T, s: S) -> Result<S::Ok, S::Error> {
    let number: serde_json::Number = v.to_string().parse().map_err(serde::ser::Error::custom)?;
    number.serialize(s)
}

/// Reads a JSON number or string as its text.
fn owned_number<'de, D: serde::Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    text::string_or_number(d).map(std::borrow::Cow::into_owned)
}

/// A number that may be missing, kept as its text.
mod number_option {
    use super::{Deserialize, as_number, owned_number};

    pub(super) fn serialize<S: serde::Serializer>(v: &Option<String>, s: S) -> Result<S::Ok, S::Error> {
        match v {
            Some(v) => as_number(v, s),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
        #[derive(Deserialize)]
        struct Text(#[serde(deserialize_with = "owned_number")] String);
        Ok(Option::<Text>::deserialize(d)?.map(|Text(text)| text))
    }
}
