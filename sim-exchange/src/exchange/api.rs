//! The words the venue speaks to its front: requests, answers, notices. Plain data.

use mm_core::domain::{ConditionId, Market, OrderId, Outcome, Price, Qty, Side, TimeInForce, TokenId, Usdc};
use mm_core::venue::market_ws::WireEvent;
use mm_core::venue::rest::{FeeTerms, PostOrderReply};
use mm_core::venue::user_ws::UserEvent;
use serde::{Deserialize, Serialize};

/// One wallet: a row of the venue's account table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountIx(pub u32);

/// An order as it reaches matching: its signature has been checked by the front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRequest {
    /// The order's hash, computed by the front from the signed fields.
    pub id: OrderId,
    /// What is traded.
    pub token: TokenId,
    /// Which way.
    pub side: Side,
    /// Limit price of this token, from the order's amounts.
    pub price: Price,
    /// Size in shares.
    pub qty: Qty,
    /// How long it lives; a GTD carries its posted expiration, and ends 60 s before it.
    pub tif: TimeInForce,
    /// Refuse rather than match on arrival.
    pub post_only: bool,
    /// The calling API key: `owner` of every event about this order.
    pub owner: String,
}

/// What an accepted order became.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PlacedStatus {
    /// It rests.
    Live,
    /// It matched on arrival, at least in part.
    Matched,
    /// Its market holds it back: what becomes of it is told later.
    Delayed,
    /// It was held back, found nothing to match, and rests.
    Unmatched,
}

/// An accepted order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The order's hash.
    pub id: OrderId,
    /// What it became.
    pub status: PlacedStatus,
    /// Which way it went: says which of the two sums below is dollars.
    pub side: Side,
    /// Shares matched on arrival.
    pub matched: Qty,
    /// Dollars of those matches, fees not included.
    pub notional: Usdc,
    /// Trades made on arrival.
    pub trade_ids: Vec<String>,
}

impl Placed {
    /// The body of the venue's answer (`clob-rest.md` section 6): decimals in human units, empty when nothing matched.
    #[must_use]
    pub fn reply(&self) -> PostOrderReply {
        let (making, taking) = match (self.matched.is_zero(), self.side) {
            // a held order says so in numbers too
            (true, _) if self.status == PlacedStatus::Delayed => ("0".to_owned(), "0".to_owned()),
            (true, _) => (String::new(), String::new()),
            (false, Side::Buy) => (self.notional.to_string(), self.matched.to_string()),
            (false, Side::Sell) => (self.matched.to_string(), self.notional.to_string()),
        };
        PostOrderReply {
            error_msg: String::new(),
            order_id: self.id.to_string(),
            taking_amount: taking,
            making_amount: making,
            status: match self.status {
                PlacedStatus::Live => "live",
                PlacedStatus::Matched => "matched",
                PlacedStatus::Delayed => "delayed",
                PlacedStatus::Unmatched => "unmatched",
            }
            .to_owned(),
            success: true,
            trade_ids: self.trade_ids.clone(),
        }
    }
}

/// The venue's no: an HTTP status and the text of `{"error": …}` (`clob-rest.md` section 15).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {text}")]
pub struct Reject {
    /// HTTP status.
    pub status: u16,
    /// The venue's words.
    pub text: String,
}

impl Reject {
    /// A refusal with status 400.
    #[must_use]
    pub fn bad(text: impl Into<String>) -> Self {
        Self { status: 400, text: text.into() }
    }

    /// A refusal with status 404.
    #[must_use]
    pub fn missing(text: impl Into<String>) -> Self {
        Self { status: 404, text: text.into() }
    }
}

/// Something that happened, in order. The front turns it into frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// For everybody subscribed to the token or market it names. A [`WireEvent::Book`] here goes to its token's
    /// subscribers: the market has just opened, or the recording holds a whole book.
    Market(WireEvent),
    /// For one wallet's user channel, filtered by the market the event names.
    User {
        /// Whose.
        account: AccountIx,
        /// What.
        event: Box<UserEvent>,
    },
}

/// One market and what the recording or the scenario says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketInfo {
    /// Ids, tick, minimum size, reward terms. `ready` says whether the market is open now.
    pub market: Market,
    /// Name in addresses, from the scenario.
    pub slug: String,
    /// Names of the two outcomes.
    pub outcomes: [String; 2],
    /// Taker fee, `None` when there is none.
    pub fee: Option<FeeTerms>,
    /// Newest trade, recorded or between accounts: token, price of that token, the taker's side.
    pub last_trade: Option<(Outcome, Price, Side)>,
}

/// Which orders a listing is about; empty means all of the account's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this market.
    pub market: Option<ConditionId>,
    /// Only this token.
    pub token: Option<TokenId>,
}

/// The whole venue at a glance, for the live table and the admin page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Where the tape stands, milliseconds since 1970; 0 without a tape.
    pub tape_ms: u64,
    /// The tape's first moment.
    pub tape_start_ms: u64,
    /// The tape's last moment.
    pub tape_end_ms: u64,
    /// Market-channel events sent so far.
    pub frames_sent: u64,
    /// One row a market.
    pub markets: Vec<MarketStatus>,
    /// One row a wallet.
    pub accounts: Vec<AccountStatus>,
}

/// One market of [`Status`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketStatus {
    /// Market id.
    pub condition: ConditionId,
    /// Name.
    pub slug: String,
    /// Open to subscribers and orders.
    pub open: bool,
    /// Best bid of YES, public book.
    pub bid: Option<Price>,
    /// Best ask of YES, public book.
    pub ask: Option<Price>,
    /// Midpoint of YES in dollars, up to five decimals; `None` while a side is empty.
    pub mid: Option<String>,
}

/// One wallet of [`Status`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStatus {
    /// Its row.
    pub account: AccountIx,
    /// Its address, as it was given.
    pub address: String,
    /// Orders resting.
    pub open_orders: u64,
    /// Fills so far, one for each order and match.
    pub fills: u64,
    /// Settled dollars.
    pub usdc: Usdc,
    /// Reward samples in which it scored.
    pub reward_minutes: u64,
    /// Rewards in dollars: paid so far, and earned today; rounded down.
    pub rewards: Usdc,
}
