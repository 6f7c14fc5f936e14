//! Why an order was not taken: numbers first, the venue's words where a wire asks for them.

use super::Reject;
use mm_core::domain::{OrderId, Price, Qty, Side, TickSize, Usdc};

/// Whether an address that may only reduce what it has may place an order: a sale is of shares that are held.
///
/// # Errors
/// The venue's words.
pub fn may_reduce(address: impl std::fmt::Display, side: Side) -> Result<(), Reject> {
    match side {
        Side::Sell => Ok(()),
        Side::Buy => Err(Reject::bad(format!("'{address}' address in closed only mode"))),
    }
}

/// Why an order was not taken. It left no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectWhy {
    /// No such market or token.
    UnknownToken,
    /// The market takes no orders now.
    NotReady,
    /// The same order was sent before.
    Duplicated,
    /// The venue cannot hold more unfinished orders.
    Full,
    /// Off the price grid.
    OffTick {
        /// Asked for.
        price: Price,
        /// The market's step.
        tick: TickSize,
    },
    /// Smaller than the market's minimum.
    TooSmall {
        /// Asked for.
        qty: Qty,
        /// The market's minimum.
        least: Qty,
    },
    /// Not in whole hundredths, beyond the largest size, or a combination of flags that does not exist.
    BadPayload,
    /// A market order's amounts are too fine.
    Precision {
        /// Which way.
        side: Side,
        /// Most decimals of the taker amount.
        decimals: u32,
    },
    /// A GTD order that would end too soon.
    BadExpiration,
    /// Post-only, and it would have matched.
    WouldCross,
    /// A buy that would match, for less than the smallest such amount.
    MarketableTooSmall {
        /// What it could have cost.
        notional: Usdc,
        /// The least allowed.
        least: Usdc,
    },
    /// FOK, and the book holds less.
    NotFillable,
    /// FAK, and the book holds nothing for it.
    NothingToMatch,
    /// The balance rule: size ≤ balance − open orders − matched trades, in millionths of the asset the order gives.
    Balance {
        /// Settled.
        balance: u64,
        /// Held by open orders.
        active: u64,
        /// Taken by matched trades.
        matched: u64,
        /// What the order needs, fees included.
        needs: u64,
    },
}

impl RejectWhy {
    /// The venue's status and text about the order of that id (`clob-rest.md` section 15).
    #[must_use]
    pub fn reject(self, id: &OrderId) -> Reject {
        match self {
            Self::UnknownToken => Reject::missing("No orderbook exists for the requested token id"),
            Self::NotReady => Reject::bad("the market is not yet ready to process new orders"),
            Self::Duplicated => Reject::bad(format!("order {id} is invalid. Duplicated.")),
            Self::Full => Reject { status: 500, text: "could not insert order".to_owned() },
            Self::OffTick { price, tick } => {
                Reject::bad(format!("order {id} is invalid. Price ({price}) breaks minimum tick size rule: {tick}"))
            }
            Self::TooSmall { qty, least } => {
                Reject::bad(format!("order {id} is invalid. Size ({qty}) lower than the minimum: {least}"))
            }
            Self::BadPayload => Reject::bad("Invalid order payload"),
            Self::Precision { side, decimals } => {
                let side = side.as_str().to_ascii_lowercase();
                Reject::bad(format!(
                    "invalid amounts, the market {side} orders maker amount supports a max accuracy of 2 decimals, taker amount a max of {decimals} decimals"
                ))
            }
            Self::BadExpiration => Reject::bad("invalid expiration"),
            Self::WouldCross => Reject::bad("invalid post-only order: order crosses book"),
            Self::MarketableTooSmall { notional, least } => {
                let cents = notional.micro() / 10_000;
                let (dollars, cents) = (cents / 100, cents % 100);
                Reject::bad(format!(
                    "invalid amount for a marketable BUY order (${dollars}.{cents:02}), min size: {least}"
                ))
            }
            Self::NotFillable => Reject::bad("order couldn't be fully filled. FOK orders are fully filled or killed."),
            Self::NothingToMatch => Reject::bad(
                "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
            ),
            Self::Balance { balance, active, matched, needs } => {
                let sums = if active == 0 && matched == 0 {
                    String::new()
                } else {
                    format!(", sum of active orders: {active}, sum of matched orders: {matched}")
                };
                Reject::bad(format!(
                    "not enough balance / allowance: the balance is not enough -> balance: {balance}{sums}, order amount (inc. fees): {needs}"
                ))
            }
        }
    }
}

/// Whether the two signed amounts of a FOK or FAK order, in millionths, are coarse enough: what the order gives has at most two
/// decimals, what it takes at most two more than the tick (`clob-rest.md` section 13).
///
/// # Errors
/// [`RejectWhy::Precision`].
pub fn market_precision(side: Side, maker_amount: u64, taker_amount: u64, tick: TickSize) -> Result<(), RejectWhy> {
    let decimals = taker_decimals(tick);
    let fine = !maker_amount.is_multiple_of(10_000) || !taker_amount.is_multiple_of(step(decimals));
    if fine { Err(RejectWhy::Precision { side, decimals }) } else { Ok(()) }
}

/// Whether an order may have this size: whole hundredths, and finer only for the shares that a market buy takes.
#[inline]
pub(super) fn fits(side: Side, qty: Qty, immediate: bool, tick: TickSize) -> Result<(), RejectWhy> {
    if qty.is_orderable() {
        return Ok(());
    }
    if !immediate || qty.is_zero() {
        return Err(RejectWhy::BadPayload);
    }
    let decimals = taker_decimals(tick);
    let fine = side == Side::Sell || !qty.micro().is_multiple_of(step(decimals));
    if fine { Err(RejectWhy::Precision { side, decimals }) } else { Ok(()) }
}

const fn taker_decimals(tick: TickSize) -> u32 {
    tick.price_decimals() + 2
}

/// Millionths in a unit of that many decimals, at most six.
const fn step(decimals: u32) -> u64 {
    10u64.pow(6u32.saturating_sub(decimals))
}
