//! `kind = "dealer"` and `kind = "insider"`: the traders of the textbooks, for worlds with known answers.

use super::ScenarioError;
use super::agents::{AgentKind, SignalSpec, cents, needed, rate};
use super::reader::Keys;
use mm_core::domain::Price;

/// Where a dealer quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DealerSpec {
    /// That far from its belief on both sides.
    Fixed(Price),
    /// The competitive quotes of Glosten and Milgrom; shares of informed arrivals and of uninformed buyers, millionths.
    GlostenMilgrom {
        /// Share of informed arrivals.
        informed_micro: u64,
        /// Share of uninformed arrivals that buy.
        buys_micro: u64,
    },
    /// The competitive half-spread among snipers; rates an hour, millionths.
    Competitive {
        /// Noise arrivals.
        noise_per_h_micro: u64,
        /// Jumps.
        jumps_per_h_micro: u64,
        /// Mean size of a jump.
        jump_mean: Price,
    },
}

/// What a dealer believes a share of YES to be worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeliefSpec {
    /// Its signal.
    Signal,
    /// This, whatever happens.
    Stays(Price),
    /// This at first, then what each trade tells.
    Learns(Price),
}

const WHOLE: u64 = 1_000_000;

pub(super) fn dealer(keys: &mut Keys, signal: Option<&SignalSpec>) -> Result<AgentKind, ScenarioError> {
    let rules = [
        cents(keys, "half_spread_cents")?.map(DealerSpec::Fixed),
        keys.table("glosten_milgrom")?.map(glosten_milgrom).transpose()?,
        keys.table("competitive")?.map(competitive).transpose()?,
    ];
    let mut given = rules.into_iter().flatten();
    let (Some(rule), None) = (given.next(), given.next()) else {
        return Err(keys.bad("half_spread_cents", "one of half_spread_cents, glosten_milgrom and competitive"));
    };
    let belief = match (inner(keys, "belief")?, inner(keys, "learns_from")?) {
        (Some(p), None) => BeliefSpec::Stays(p),
        (None, Some(_)) if !matches!(rule, DealerSpec::GlostenMilgrom { .. }) => {
            return Err(keys.bad("learns_from", "only glosten_milgrom says what a trade tells"));
        }
        (None, Some(p)) => BeliefSpec::Learns(p),
        (None, None) if signal.is_some() => BeliefSpec::Signal,
        (None, None) => return Err(keys.bad("belief", "missing; or learns_from, or a signal")),
        (Some(_), Some(_)) => return Err(keys.bad("learns_from", "either belief or learns_from")),
    };
    Ok(AgentKind::Dealer {
        look_every: needed(keys, "look_every_ms", Keys::ms)?,
        size: needed(keys, "size_shares", Keys::qty)?,
        refill_below_micro: keys.decimal("refill_below", 6, WHOLE)?.unwrap_or(WHOLE),
        rule,
        belief,
    })
}

pub(super) fn insider(keys: &mut Keys, signal: Option<&SignalSpec>) -> Result<AgentKind, ScenarioError> {
    if signal.is_some() {
        return Err(keys.bad("signal", "it knows the outcome"));
    }
    Ok(AgentKind::Insider { rate_per_h_micro: rate(keys)?, size: needed(keys, "size_shares", Keys::qty)? })
}

fn glosten_milgrom(mut keys: Keys) -> Result<DealerSpec, ScenarioError> {
    let informed_micro = keys.decimal("informed", 6, 999_000)?.ok_or_else(|| keys.bad("informed", "missing"))?;
    let buys_micro = keys.decimal("buys", 6, 999_000)?.unwrap_or(WHOLE / 2);
    if buys_micro < 1_000 {
        return Err(keys.bad("buys", "must be 0.001..=0.999"));
    }
    keys.end()?;
    Ok(DealerSpec::GlostenMilgrom { informed_micro, buys_micro })
}

fn competitive(mut keys: Keys) -> Result<DealerSpec, ScenarioError> {
    /// Ten million an hour.
    const RATE_MAX: u64 = 10_000_000 * WHOLE;
    let mut above_zero = |key| match keys.decimal(key, 6, RATE_MAX)? {
        Some(n) if n > 0 => Ok(n),
        _ => Err(keys.bad(key, "must be given and above zero")),
    };
    let (noise_per_h_micro, jumps_per_h_micro) = (above_zero("noise_per_h")?, above_zero("jumps_per_h")?);
    let jump_mean = needed(&mut keys, "jump_mean_cents", cents)?;
    if jump_mean == Price::ZERO {
        return Err(keys.bad("jump_mean_cents", "must be above zero"));
    }
    keys.end()?;
    Ok(DealerSpec::Competitive { noise_per_h_micro, jumps_per_h_micro, jump_mean })
}

/// A probability a dealer can quote around.
fn inner(keys: &mut Keys, key: &'static str) -> Result<Option<Price>, ScenarioError> {
    match keys.price(key)? {
        Some(p) if p == Price::ZERO || p == Price::ONE => Err(keys.bad(key, "must be 0.0001..=0.9999")),
        other => Ok(other),
    }
}
