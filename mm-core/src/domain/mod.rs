//! The words of the market maker: units, ids, orders, markets.
//!
//! A unit is an integer with a name. Nothing here is a float, nothing reads a clock, and every rounding says which way
//! it falls. Text forms are the venue's decimal strings; `Display` of a decimal never prints trailing zeros.

mod amount;
mod decimal;
mod ids;
mod index;
mod market;
mod order;
mod price;
mod share;
mod time;

pub use amount::{Qty, SignedUsdc, Usdc, cost_ceil, cost_floor};
pub use decimal::{BadDecimal, format_decimal, parse_decimal, parse_decimal_down};
pub(crate) use ids::read_hex;
pub use ids::{BadId, ClientOrderId, ConditionId, Digest, EventId, MarketIx, OrderId, Token, TokenId, TradeId};
pub use market::{Market, RewardTerms, Universe, UniverseError};
pub use order::{NewOrder, Outcome, Side, TimeInForce};
pub use price::{BadTick, Price, TickSize};
pub use share::Share;
pub use time::{Nanos, Timestamp};

#[cfg(test)]
mod tests;
