//! `[rewards]`: how pools accrue and are paid; and the `rewards` table of a market: its terms, their changes, its sponsors.

use super::reader::Keys;
use super::{ScenarioError, Terms};
use crate::rewards::{Accrual, Currency, Rules, Sponsorship, TermsChange};
use mm_core::domain::{Nanos, Price, RewardTerms, Usdc};
use mm_core::rewards::MidpointMode;

/// Most changes of one market's terms.
const CHANGES_MAX: usize = 10_000;
/// Most sponsors of one market.
const SPONSORED_MAX: usize = 64;
/// Largest pool, millionths of a dollar per day: far above any the venue has had, and a day of it leaves twelve decimals of
/// room in 128 bits.
const RATE_MAX: u64 = 1_000_000_000_000;
/// Longest time of a change or a sponsorship behind the world's start, seconds: as long as a run may last.
const TIME_MAX_S: u64 = 604_800;

/// The venue's rules.
pub(super) fn read(table: Option<Keys>) -> Result<Rules, ScenarioError> {
    let mut rules = Rules::default();
    let Some(mut keys) = table else { return Ok(rules) };
    match keys.text("accrual")?.as_deref() {
        None => {}
        Some("day") => rules.accrual = Accrual::Day,
        Some("minute") => rules.accrual = Accrual::Minute,
        Some(other) => return Err(keys.bad("accrual", format_args!("must be \"day\" or \"minute\", is {other:?}"))),
    }
    match keys.text("midpoint")?.as_deref() {
        None => {}
        Some("level") => rules.midpoint = MidpointMode::Level,
        Some("order") => rules.midpoint = MidpointMode::Order,
        Some("raw") => rules.midpoint = MidpointMode::Raw,
        Some(other) => {
            return Err(keys.bad("midpoint", format_args!("must be \"level\", \"order\" or \"raw\", is {other:?}")));
        }
    }
    rules.min_payout = keys.usdc("min_payout_usdc")?.unwrap_or(rules.min_payout);
    keys.end()?;
    Ok(rules)
}

/// A market's terms, starting from those it has by default. A list replaces the default's whole.
pub(super) fn terms(mut keys: Keys, terms: &mut Terms) -> Result<(), ScenarioError> {
    let was = terms.rewards.take();
    let was = was.as_ref();
    let max_spread = max_spread(&mut keys)?.or(was.map(|w| w.max_spread));
    let min_size = keys.qty("min_size_shares")?.or(was.map(|w| w.min_size));
    let min_age = keys.ms("min_age_ms")?.or(was.map(|w| w.min_age)).unwrap_or(Nanos::ZERO);
    let rate_per_day = rate(&mut keys)?.or(was.map(|w| w.rate_per_day));
    let missing = |key| keys.bad(key, "missing");
    terms.rewards = Some(RewardTerms {
        max_spread: max_spread.ok_or_else(|| missing("max_spread_cents"))?,
        min_size: min_size.ok_or_else(|| missing("min_size_shares"))?,
        min_age,
        rate_per_day: rate_per_day.ok_or_else(|| missing("rate_usdc_per_day"))?,
    });
    let changes = keys.tables("change")?;
    if changes.len() > CHANGES_MAX {
        return Err(keys.bad("change", format_args!("more than {CHANGES_MAX}")));
    }
    if !changes.is_empty() {
        terms.reward_plan.changes = changes.into_iter().map(change).collect::<Result<_, _>>()?;
    }
    if !terms.reward_plan.changes.is_sorted_by_key(|c| c.after) {
        return Err(keys.bad("change", "must be in order of at_s"));
    }
    let sponsored = keys.tables("sponsored")?;
    if sponsored.len() > SPONSORED_MAX {
        return Err(keys.bad("sponsored", format_args!("more than {SPONSORED_MAX}")));
    }
    if !sponsored.is_empty() {
        terms.reward_plan.sponsored = sponsored.into_iter().map(sponsorship).collect::<Result<_, _>>()?;
    }
    keys.end()
}

fn change(mut keys: Keys) -> Result<TermsChange, ScenarioError> {
    let after = keys.number("at_s", 0, TIME_MAX_S)?.ok_or_else(|| keys.bad("at_s", "missing"))?;
    let change = TermsChange {
        after: Nanos::from_secs(after),
        rate_per_day: rate(&mut keys)?,
        max_spread: max_spread(&mut keys)?,
        min_size: keys.qty("min_size_shares")?,
        min_age: keys.ms("min_age_ms")?,
    };
    if change == (TermsChange { after: change.after, ..TermsChange::default() }) {
        return Err(keys.bad("at_s", "nothing changes"));
    }
    keys.end()?;
    Ok(change)
}

fn sponsorship(mut keys: Keys) -> Result<Sponsorship, ScenarioError> {
    let sponsor = keys.text("sponsor")?.unwrap_or_else(|| "0x00000000000000000000000000000000000050a0".to_owned());
    if crate::auth::parse_address(&sponsor).is_none() {
        return Err(keys.bad("sponsor", format_args!("{sponsor:?} is not an address")));
    }
    let currency = match keys.text("currency")?.as_deref() {
        None | Some("pusd") => Currency::Pusd,
        Some("usdc.e") => Currency::UsdcE,
        Some(other) => return Err(keys.bad("currency", format_args!("must be \"pusd\" or \"usdc.e\", is {other:?}"))),
    };
    let from = Nanos::from_secs(keys.number("from_s", 0, TIME_MAX_S)?.unwrap_or(0));
    let lasts = keys.number("lasts_s", 60, TIME_MAX_S)?.ok_or_else(|| keys.bad("lasts_s", "missing"))?;
    let rate_per_day = rate(&mut keys)?.ok_or_else(|| keys.bad("rate_usdc_per_day", "missing"))?;
    keys.end()?;
    Ok(Sponsorship { sponsor, from, lasts: Nanos::from_secs(lasts), rate_per_day, currency })
}

fn rate(keys: &mut Keys) -> Result<Option<Usdc>, ScenarioError> {
    Ok(keys.decimal("rate_usdc_per_day", 6, RATE_MAX)?.map(Usdc::from_micro))
}

/// Cents with two decimals are ten-thousandths of a dollar.
fn max_spread(keys: &mut Keys) -> Result<Option<Price>, ScenarioError> {
    match keys.decimal("max_spread_cents", 2, 5_000)? {
        Some(0) => Err(keys.bad("max_spread_cents", "must be above zero")),
        Some(n) => Ok(u16::try_from(n).ok().and_then(Price::from_ten_thousandths)),
        None => Ok(None),
    }
}
