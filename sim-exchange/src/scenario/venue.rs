//! `[venue]`: rules of the whole venue, and how far away everybody is.

use super::ScenarioError;
use super::reader::Keys;
use crate::exchange::{ORDERS_KEPT, TRADES_KEPT};
use crate::kernel::SameInstant;
use mm_core::domain::{Nanos, Usdc};

/// Rules of the whole venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venue {
    /// How much clients may ask.
    pub limits: crate::limits::Limits,
    /// May an account's orders match each other?
    pub self_trade: SelfTrade,
    /// Silence after which the dead-man's switch fires.
    pub heartbeat_timeout: Nanos,
    /// How often that is checked.
    pub heartbeat_check: Nanos,
    /// What every new wallet gets.
    pub wallet_usdc: Usdc,
    /// From match to `MINED`.
    pub mined: Nanos,
    /// From match to `CONFIRMED`.
    pub confirmed: Nanos,
    /// Smallest buy that may match on arrival; the venue's is one dollar.
    pub marketable_min: Usdc,
    /// How far away everybody is.
    pub latency: Latency,
    /// Finished orders and settled trades it remembers: what is forgotten is unknown to every read.
    pub remembered: Remembered,
    /// What goes first of a cancel and an order of one nanosecond.
    pub same_instant: SameInstant,
}

/// How much of the past the venue knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Finished orders, besides those that trades still name.
    pub orders: usize,
    /// Trades after their last step.
    pub trades: usize,
}

/// One way between the venue and who trades there: whoever lives in the world, and a client over a socket on top of the way it
/// has anyhow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Venue to client: public feed, user stream, answers.
    pub feed: Nanos,
    /// Client to venue: orders and everything else that is asked.
    pub order: Nanos,
    /// Client to venue: cancels.
    pub cancel: Nanos,
    /// Added to each: drawn for each message, uniform from nothing to this.
    pub jitter: Nanos,
}

/// What happens when an account meets itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTrade {
    /// It trades with itself: no rule of the venue is documented (`clob-rest.md` section 13).
    Allow,
    /// Its resting order is cancelled and the taker goes on.
    CancelResting,
}

pub(super) fn read(mut keys: Keys) -> Result<Venue, ScenarioError> {
    let limits = super::limits::read(&mut keys)?;
    let self_trade = match keys.text("self_trade")?.as_deref() {
        None | Some("allow") => SelfTrade::Allow,
        Some("cancel-resting") => SelfTrade::CancelResting,
        Some(other) => {
            return Err(keys.bad("self_trade", format_args!("must be \"allow\" or \"cancel-resting\", is {other:?}")));
        }
    };
    let heartbeat_timeout = keys.ms("heartbeat_timeout_ms")?.unwrap_or(Nanos::from_secs(10));
    let heartbeat_check = keys.ms("heartbeat_check_ms")?.unwrap_or(Nanos::from_secs(5));
    if heartbeat_check == Nanos::ZERO || heartbeat_timeout == Nanos::ZERO {
        return Err(keys.bad("heartbeat_check_ms", "heartbeat times must be above zero"));
    }
    let wallet_usdc = keys.usdc("wallet_usdc")?.unwrap_or(Usdc::from_micro(10_000_000_000));
    let (mut mined, mut confirmed) = (Nanos::from_ms(2_000), Nanos::from_ms(15_000));
    if let Some(mut settle) = keys.table("settle")? {
        mined = settle.ms("mined_ms")?.unwrap_or(mined);
        confirmed = settle.ms("confirmed_ms")?.unwrap_or(confirmed);
        if mined > confirmed {
            return Err(settle.bad("mined_ms", "must not be above confirmed_ms"));
        }
        settle.end()?;
    }
    let latency = match keys.table("latency")? {
        None => Latency::default(),
        Some(table) => latency(table, Latency::default())?,
    };
    let remembered = match keys.table("remembered")? {
        None => Remembered { orders: ORDERS_KEPT, trades: TRADES_KEPT },
        Some(table) => remembered(table)?,
    };
    let same_instant = match keys.text("same_instant")?.as_deref() {
        None | Some("cancels-first") => SameInstant::CancelsFirst,
        Some("orders-first") => SameInstant::OrdersFirst,
        Some(other) => {
            return Err(
                keys.bad("same_instant", format_args!("must be \"cancels-first\" or \"orders-first\", is {other:?}"))
            );
        }
    };
    let marketable_min = keys.usdc("marketable_min_usdc")?.unwrap_or(Usdc::from_micro(1_000_000));
    keys.end()?;
    Ok(Venue {
        limits,
        self_trade,
        heartbeat_timeout,
        heartbeat_check,
        wallet_usdc,
        mined,
        confirmed,
        marketable_min,
        latency,
        remembered,
        same_instant,
    })
}

fn remembered(mut keys: Keys) -> Result<Remembered, ScenarioError> {
    // fewer, and a client might not find what it has just done
    const LEAST: u64 = 1_000;
    const MOST: u64 = 10_000_000;
    let mut count = |key, usual: usize| {
        let told = keys.number(key, LEAST, MOST)?;
        Ok::<usize, ScenarioError>(told.map_or(usual, |n| usize::try_from(n).unwrap_or(usize::MAX)))
    };
    let (orders, trades) = (count("orders", ORDERS_KEPT)?, count("trades", TRADES_KEPT)?);
    keys.end()?;
    Ok(Remembered { orders, trades })
}

/// A table of distances; what it leaves out is as in `base`.
pub(super) fn latency(mut keys: Keys, base: Latency) -> Result<Latency, ScenarioError> {
    let latency = Latency {
        feed: keys.ms("feed_ms")?.unwrap_or(base.feed),
        order: keys.ms("order_ms")?.unwrap_or(base.order),
        cancel: keys.ms("cancel_ms")?.unwrap_or(base.cancel),
        jitter: keys.ms("jitter_ms")?.unwrap_or(base.jitter),
    };
    keys.end()?;
    Ok(latency)
}
