//! `fair` of a `[[market]]`: what a share of YES is really worth, how that moves and how it ends; and `[[link]]`: which of them move
//! together (`simulator.md` section 4.1). Rates and deviations are kept in millionths, as they were written.

use super::ScenarioError;
use super::reader::Keys;
use mm_core::domain::{Nanos, Price};
use std::fmt;

/// What a share of YES is really worth: a probability whose log-odds wander and jump.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fair {
    /// At the start.
    pub start: Price,
    /// Standard deviation of the log-odds after an hour.
    pub volatility_per_sqrt_h_micro: u64,
    /// Public jumps an hour.
    pub jumps_per_h_micro: u64,
    /// Standard deviation of a jump in log-odds; not used where jumps are in dollars.
    pub jump_logit_sd_micro: u64,
    /// Mean size of a jump in dollars, exponential, up and down alike; zero: jumps are in log-odds.
    pub jump_mean: Price,
    /// Log-odds are pulled to a level: prices can then be predicted. `None`: the probability is a martingale.
    pub reverting: Option<Reverting>,
    /// Its end; `None`: it has none.
    pub resolve: Option<Resolve>,
}

/// A level log-odds are pulled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reverting {
    /// The probability there.
    pub to: Price,
    /// How strongly, per hour, millionths.
    pub per_h_micro: u64,
}

/// How a fair value ends: YES with the probability it has then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// When, from the start of the world.
    pub at: Nanos,
    /// By a last public jump to 0 or 1; otherwise in secret.
    pub final_jump: bool,
    /// From then until the oracle says so.
    pub announced_after: Nanos,
}

/// Markets whose fair values move together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Slugs, two or more.
    pub markets: Vec<String>,
    /// Share of each increment's variance that is common, millionths.
    pub correlation_micro: u64,
    /// Common jumps an hour, millionths.
    pub jumps_per_h_micro: u64,
    /// Standard deviation of a common jump in log-odds, millionths.
    pub jump_logit_sd_micro: u64,
    /// Mean size of a common jump in dollars; zero: in log-odds.
    pub jump_mean: Price,
    /// Exactly one of them wins.
    pub exclusive: bool,
}

/// What a world does not use stays out of its digest: a new key must not change the hashes of worlds that were there before it.
impl fmt::Debug for Fair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Fair");
        out.field("start", &self.start)
            .field("volatility_per_sqrt_h_micro", &self.volatility_per_sqrt_h_micro)
            .field("jumps_per_h_micro", &self.jumps_per_h_micro)
            .field("jump_logit_sd_micro", &self.jump_logit_sd_micro);
        if self.jump_mean > Price::ZERO {
            out.field("jump_mean", &self.jump_mean);
        }
        if let Some(reverting) = &self.reverting {
            out.field("reverting", reverting);
        }
        if let Some(resolve) = &self.resolve {
            out.field("resolve", resolve);
        }
        out.finish()
    }
}

impl Fair {
    /// Whether it never moves before its end: only then can anybody know the outcome ahead.
    #[must_use]
    pub fn is_still(&self) -> bool {
        let pulled = self.reverting.is_some_and(|reverting| reverting.per_h_micro > 0);
        self.volatility_per_sqrt_h_micro == 0 && self.jumps_per_h_micro == 0 && !pulled
    }

    pub(super) fn read(mut keys: Keys) -> Result<Self, ScenarioError> {
        let start = inner_price(&mut keys, "start")?;
        let volatility_per_sqrt_h_micro = keys.decimal("volatility_per_sqrt_h", 6, 20_000_000)?.unwrap_or(0);
        let (jumps_per_h_micro, jump_logit_sd_micro, jump_mean) = jumps(&mut keys)?;
        let reverting = match keys.table("reverting")? {
            None => None,
            Some(mut table) => {
                let to = inner_price(&mut table, "to")?;
                let per_h = table.decimal("per_h", 6, 10_000_000_000)?.ok_or_else(|| table.bad("per_h", "missing"))?;
                table.end()?;
                Some(Reverting { to, per_h_micro: per_h })
            }
        };
        let resolve = keys.table("resolve")?.map(resolve).transpose()?;
        keys.end()?;
        Ok(Self {
            start,
            volatility_per_sqrt_h_micro,
            jumps_per_h_micro,
            jump_logit_sd_micro,
            jump_mean,
            reverting,
            resolve,
        })
    }
}

fn inner_price(keys: &mut Keys, key: &'static str) -> Result<Price, ScenarioError> {
    let price = keys.price(key)?.ok_or_else(|| keys.bad(key, "missing"))?;
    if price.ten_thousandths() < 500 || price.ten_thousandths() > 9_500 {
        return Err(keys.bad(key, "must be 0.05..=0.95"));
    }
    Ok(price)
}

/// Jumps an hour, and their size: in log-odds or in dollars.
fn jumps(keys: &mut Keys) -> Result<(u64, u64, Price), ScenarioError> {
    let per_h = keys.decimal("jumps_per_h", 6, 3_600_000_000)?.unwrap_or(0);
    let logit_sd = keys.decimal("jump_logit_sd", 6, 10_000_000)?;
    let cents = keys.decimal("jump_mean_cents", 2, 5_000)?;
    let mean = cents.and_then(|n| u16::try_from(n).ok()).and_then(Price::from_ten_thousandths).unwrap_or(Price::ZERO);
    if logit_sd.is_some_and(|sd| sd > 0) && mean > Price::ZERO {
        return Err(keys.bad("jump_mean_cents", "either jump_logit_sd or jump_mean_cents"));
    }
    let logit_sd = logit_sd.unwrap_or(0);
    if per_h > 0 && logit_sd == 0 && mean == Price::ZERO {
        return Err(keys.bad("jump_logit_sd", "jumps without a size; or jump_mean_cents"));
    }
    Ok((per_h, logit_sd, mean))
}

fn resolve(mut keys: Keys) -> Result<Resolve, ScenarioError> {
    /// Longest run.
    const END_MAX_S: u64 = 604_800;
    let at = keys.number("at_s", 1, END_MAX_S)?.ok_or_else(|| keys.bad("at_s", "missing"))?;
    let final_jump = match keys.text("how")?.as_deref() {
        None | Some("secret") => false,
        Some("final-jump") => true,
        Some(other) => return Err(keys.bad("how", format_args!("must be \"secret\" or \"final-jump\", is {other:?}"))),
    };
    let after = keys.number("announced_after_s", 0, END_MAX_S)?.unwrap_or(0);
    keys.end()?;
    Ok(Resolve { at: Nanos::from_secs(at), final_jump, announced_after: Nanos::from_secs(after) })
}

/// Every `[[link]]`.
pub(super) fn links(keys: &mut Keys) -> Result<Vec<LinkSpec>, ScenarioError> {
    keys.tables("link")?.into_iter().map(link).collect()
}

fn link(mut keys: Keys) -> Result<LinkSpec, ScenarioError> {
    let markets = keys.all_or_list("markets")?.ok_or_else(|| keys.bad("markets", "missing; a list of slugs"))?;
    if markets.len() < 2 {
        return Err(keys.bad("markets", "two markets or more"));
    }
    let correlation_micro = keys.decimal("correlation", 6, 1_000_000)?.unwrap_or(0);
    let (jumps_per_h_micro, jump_logit_sd_micro, jump_mean) = jumps(&mut keys)?;
    let exclusive = keys.flag("exclusive")?.unwrap_or(false);
    if exclusive && (correlation_micro > 0 || jumps_per_h_micro > 0) {
        let why = "exclusive outcomes have no correlation and no common jumps: each one's move moves the others";
        return Err(keys.bad("exclusive", why));
    }
    if !exclusive && correlation_micro == 0 && jumps_per_h_micro == 0 {
        return Err(keys.bad("correlation", "nothing links them: correlation, jumps_per_h or exclusive"));
    }
    keys.end()?;
    Ok(LinkSpec { markets, correlation_micro, jumps_per_h_micro, jump_logit_sd_micro, jump_mean, exclusive })
}

/// What only shows with all markets seen: `fair` of a slug is `None` where there is no such market, and inside where it has no fair
/// value.
pub(super) fn check_links(
    links: &[LinkSpec],
    fair: impl Fn(&str) -> Option<Option<Fair>>,
) -> Result<(), ScenarioError> {
    let mut linked: Vec<&str> = Vec::new();
    for (n, link) in links.iter().enumerate() {
        let bad = |key: &str, why: String| Err(ScenarioError::Key { key: format!("link[{n}].{key}"), why });
        let mut fairs = Vec::new();
        for slug in &link.markets {
            if linked.contains(&slug.as_str()) {
                return bad("markets", format!("{slug:?} is linked twice"));
            }
            linked.push(slug);
            match fair(slug) {
                None => return bad("markets", format!("there is no market {slug:?}")),
                Some(None) => return bad("markets", format!("market {slug:?} has no fair value")),
                Some(Some(fair)) => fairs.push(fair),
            }
        }
        let differ = |f: fn(&Fair) -> bool| fairs.windows(2).any(|two| f(&two[0]) != f(&two[1]));
        if link.exclusive && differ(|fair| fair.reverting.is_some()) {
            return bad("exclusive", "exclusive outcomes are all martingales, or none".to_owned());
        }
        if link.exclusive && fairs.windows(2).any(|two| two[0].resolve != two[1].resolve) {
            return bad("exclusive", "exclusive outcomes are decided together: one fair.resolve for all".to_owned());
        }
    }
    Ok(())
}
