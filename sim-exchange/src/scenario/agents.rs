//! `[[agent]]`: who else trades.
//!
//! Numbers are kept as they were written, in millionths; the agents check their own ranges when the world is made. What does not fit
//! together is refused here, with the key's path.

use super::ScenarioError;
use super::dealer::{self, BeliefSpec, DealerSpec};
use super::reader::Keys;
use super::venue::Latency;
use mm_core::domain::{Nanos, Price, Qty, Usdc};

/// One `[[agent]]`: so many agents of a kind in each of its markets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSpec {
    /// First part of their names, which name their draws: unique among the blocks.
    pub name: String,
    /// Agents in each market.
    pub count: u32,
    /// Slugs; `None` = every market.
    pub markets: Option<Vec<String>>,
    /// What each has; `None`: what every wallet gets.
    pub capital: Option<Usdc>,
    /// How far away they are; `None`: as far as everybody.
    pub latency: Option<Latency>,
    /// What they know of the fair value; `None`: nothing.
    pub signal: Option<SignalSpec>,
    /// What they do.
    pub kind: AgentKind,
}

/// What an agent knows of the fair value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalSpec {
    /// How old it is.
    pub delay: Nanos,
    /// Standard deviation of its error in log-odds, millionths.
    pub noise_sd_micro: u64,
    /// Time between refreshes; zero: at every look.
    pub refresh: Nanos,
    /// Refreshed at Poisson times with that mean gap, rather than at fixed ones.
    pub poisson: bool,
}

/// A kind of agent and its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentKind {
    /// Trades without knowing anything.
    Noise {
        /// Arrivals an hour, millionths.
        rate_per_h_micro: u64,
        /// Share of arrivals that buy YES, millionths.
        buys_micro: u64,
        /// How much.
        size: SizeSpec,
        /// How far.
        reach: ReachSpec,
    },
    /// Trades on its signal.
    Informed {
        /// Looks an hour, millionths.
        rate_per_h_micro: u64,
        /// Edge after the fee that is not worth the trouble.
        threshold: Price,
        /// Step of edge.
        unit: Price,
        /// Shares for each step.
        per_unit: Qty,
        /// Smallest order.
        min: Qty,
        /// Largest order.
        max: Qty,
    },
    /// Takes stale quotes after public jumps.
    Sniper {
        /// Edge after the fee that is not worth the trouble.
        threshold: Price,
        /// Most shares at one jump.
        max: Qty,
    },
    /// Quotes for rewards.
    Maker {
        /// Mean time between looks.
        look_every: Nanos,
        /// Shares a side.
        size: Qty,
        /// Distance from its fair price: a part of the reward band in millionths, or a price.
        distance: DistanceSpec,
        /// Share of its fair price that comes from its signal, millionths.
        signal_share_micro: u64,
        /// Both quotes move by this for each `size` held.
        skew: Price,
        /// The side that would add to this position is withdrawn.
        max_position: Qty,
        /// An order less than this from where it should be stays.
        tolerance: Price,
        /// An order with at least this part left stays, millionths.
        refill_below_micro: u64,
    },
    /// Quotes as a textbook says.
    Dealer {
        /// Time between looks.
        look_every: Nanos,
        /// Shares a side.
        size: Qty,
        /// An order with at least this part left stays, millionths.
        refill_below_micro: u64,
        /// Where.
        rule: DealerSpec,
        /// Around what.
        belief: BeliefSpec,
    },
    /// Knows the outcome and takes the right side of whatever is offered.
    Insider {
        /// Looks an hour, millionths.
        rate_per_h_micro: u64,
        /// Shares a look.
        size: Qty,
    },
}

/// Law of a noise trader's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeSpec {
    /// Log-normal through two quantiles.
    LogNormal {
        /// Half are larger.
        median: Qty,
        /// One in a hundred is larger.
        p99: Qty,
    },
    /// Geometric with this mean.
    Geometric(Qty),
    /// Always this much.
    Fixed(Qty),
}

/// How dear a noise trader will still trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReachSpec {
    /// Through levels up to this far beyond the best.
    Through(Price),
    /// At most an exponential distance from the middle; k per cent in millionths.
    Thinned(u64),
}

/// How far from its fair price a maker quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DistanceSpec {
    /// A part of the reward band, millionths.
    OfBand(u64),
    /// Dollars.
    Fixed(Price),
}

const WHOLE: u64 = 1_000_000;
/// Ten million an hour, in millionths.
const RATE_MAX: u64 = 10_000_000 * WHOLE;

pub(super) fn read(keys: &mut Keys, latency: &Latency) -> Result<Vec<AgentSpec>, ScenarioError> {
    let mut specs: Vec<AgentSpec> = Vec::new();
    for table in keys.tables("agent")? {
        let at = table.at("name");
        let spec = agent(table, latency)?;
        if specs.iter().any(|other| other.name == spec.name) {
            let why = format!("{:?} is there twice: give the block a name of its own", spec.name);
            return Err(ScenarioError::Key { key: at, why });
        }
        specs.push(spec);
    }
    Ok(specs)
}

fn agent(mut keys: Keys, latency: &Latency) -> Result<AgentSpec, ScenarioError> {
    let kind_name = keys.text("kind")?.ok_or_else(|| keys.bad("kind", "missing"))?;
    let name = keys.text("name")?.unwrap_or_else(|| kind_name.clone());
    if name.is_empty() || name == "bot" || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(keys.bad("name", format_args!("{name:?}: letters, digits and -, and not \"bot\"")));
    }
    let count = keys.number("count", 0, 10_000)?.unwrap_or(1);
    let count = u32::try_from(count).expect("at most ten thousand");
    let markets = keys.all_or_list("markets")?;
    let capital = keys.usdc("capital_usdc")?;
    if capital == Some(Usdc::ZERO) {
        return Err(keys.bad("capital_usdc", "must be above zero"));
    }
    let latency = match keys.table("latency")? {
        None => None,
        Some(table) => Some(super::venue::latency(table, *latency)?),
    };
    let signal = keys.table("signal")?.map(signal).transpose()?;
    let kind = match kind_name.as_str() {
        "noise" => noise(&mut keys)?,
        "informed" => informed(&mut keys, signal.as_ref())?,
        "sniper" => AgentKind::Sniper {
            threshold: cents(&mut keys, "threshold_cents")?.unwrap_or(Price::ZERO),
            max: needed(&mut keys, "max_shares", Keys::qty)?,
        },
        "maker" => maker(&mut keys)?,
        "dealer" => dealer::dealer(&mut keys, signal.as_ref())?,
        "insider" => dealer::insider(&mut keys, signal.as_ref())?,
        other => {
            let why = format_args!("{other:?} is none of noise, informed, insider, sniper, maker, dealer");
            return Err(keys.bad("kind", why));
        }
    };
    keys.end()?;
    Ok(AgentSpec { name, count, markets, capital, latency, signal, kind })
}

fn signal(mut keys: Keys) -> Result<SignalSpec, ScenarioError> {
    let delay = keys.ms("delay_ms")?.unwrap_or_default();
    let noise_sd_micro = keys.decimal("noise_sd", 6, 10 * WHOLE)?.unwrap_or(0);
    let refresh = keys.ms("refresh_ms")?.unwrap_or_default();
    let poisson = keys.flag("poisson")?.unwrap_or(false);
    if refresh == Nanos::ZERO && (noise_sd_micro > 0 || poisson) {
        return Err(keys.bad("refresh_ms", "a noisy or Poisson signal needs refresh times"));
    }
    keys.end()?;
    Ok(SignalSpec { delay, noise_sd_micro, refresh, poisson })
}

fn noise(keys: &mut Keys) -> Result<AgentKind, ScenarioError> {
    let rate_per_h_micro = rate(keys)?;
    let buys_micro = keys.decimal("buys", 6, WHOLE)?.unwrap_or(WHOLE / 2);
    let mut table = keys.table("size_shares")?.ok_or_else(|| keys.bad("size_shares", "missing"))?;
    let (median, p99) = (table.qty("median")?, table.qty("p99")?);
    let (mean, fixed) = (table.qty("mean")?, table.qty("fixed")?);
    let size = match (median, p99, mean, fixed) {
        (Some(median), Some(p99), None, None) => SizeSpec::LogNormal { median, p99 },
        (None, None, Some(mean), None) => SizeSpec::Geometric(mean),
        (None, None, None, Some(fixed)) => SizeSpec::Fixed(fixed),
        _ => return Err(keys.bad("size_shares", "either median and p99, or mean, or fixed")),
    };
    table.end()?;
    let reach = match (cents(keys, "reach_cents")?, keys.decimal("decay_per_cent", 6, 1_000 * WHOLE)?) {
        (Some(through), None) => ReachSpec::Through(through),
        (None, Some(decay)) if decay > 0 => ReachSpec::Thinned(decay),
        _ => return Err(keys.bad("reach_cents", "either reach_cents or a decay_per_cent above zero")),
    };
    Ok(AgentKind::Noise { rate_per_h_micro, buys_micro, size, reach })
}

fn informed(keys: &mut Keys, signal: Option<&SignalSpec>) -> Result<AgentKind, ScenarioError> {
    if signal.is_none() {
        return Err(keys.bad("signal", "missing: without one it knows nothing"));
    }
    Ok(AgentKind::Informed {
        rate_per_h_micro: rate(keys)?,
        threshold: cents(keys, "threshold_cents")?.unwrap_or(Price::ZERO),
        unit: needed(keys, "unit_cents", cents)?,
        per_unit: needed(keys, "shares_per_unit", Keys::qty)?,
        min: needed(keys, "min_shares", Keys::qty)?,
        max: needed(keys, "max_shares", Keys::qty)?,
    })
}

fn maker(keys: &mut Keys) -> Result<AgentKind, ScenarioError> {
    let look_every = needed(keys, "look_every_ms", Keys::ms)?;
    let distance = match (cents(keys, "distance_cents")?, keys.decimal("distance_of_band", 6, WHOLE)?) {
        (Some(far), None) => DistanceSpec::Fixed(far),
        (None, Some(part)) => DistanceSpec::OfBand(part),
        _ => return Err(keys.bad("distance_cents", "either distance_cents or distance_of_band")),
    };
    Ok(AgentKind::Maker {
        look_every,
        size: needed(keys, "size_shares", Keys::qty)?,
        distance,
        signal_share_micro: keys.decimal("signal_share", 6, WHOLE)?.unwrap_or(0),
        skew: cents(keys, "skew_cents")?.unwrap_or(Price::ZERO),
        max_position: needed(keys, "max_position_shares", Keys::qty)?,
        tolerance: cents(keys, "tolerance_cents")?.unwrap_or(Price::ZERO),
        refill_below_micro: keys.decimal("refill_below", 6, WHOLE)?.unwrap_or(WHOLE / 2),
    })
}

pub(super) fn rate(keys: &mut Keys) -> Result<u64, ScenarioError> {
    match keys.decimal("rate_per_h", 6, RATE_MAX)? {
        Some(rate) if rate > 0 => Ok(rate),
        Some(_) => Err(keys.bad("rate_per_h", "must be above zero; count = 0 keeps the block without its agents")),
        None => Err(keys.bad("rate_per_h", "missing")),
    }
}

/// A distance in cents with two decimals: ten-thousandths of a dollar.
pub(super) fn cents(keys: &mut Keys, key: &'static str) -> Result<Option<Price>, ScenarioError> {
    let n = keys.decimal(key, 2, 9_999)?;
    Ok(n.and_then(|n| u16::try_from(n).ok()).and_then(Price::from_ten_thousandths))
}

pub(super) fn needed<T>(
    keys: &mut Keys,
    key: &'static str,
    read: impl Fn(&mut Keys, &'static str) -> Result<Option<T>, ScenarioError>,
) -> Result<T, ScenarioError> {
    read(keys, key)?.ok_or_else(|| keys.bad(key, "missing"))
}
