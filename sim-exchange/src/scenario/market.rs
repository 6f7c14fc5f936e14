//! `[defaults]` and `[[market]]`: the facts of each market.

use super::ScenarioError;
use super::fair::Fair;
use super::reader::Keys;
use super::rules::MarketRules;
use crate::rewards::Plan;
use mm_core::domain::{ConditionId, Qty, RewardTerms, TickSize, TokenId};

/// Facts of a market that may have a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Price step; `None` is `auto`: the coarsest of 0.01, 0.001, 0.0001 that divides every recorded price.
    pub tick: Option<TickSize>,
    /// Smallest order, shares.
    pub min_order: Qty,
    /// Signed for the neg-risk exchange.
    pub neg_risk: bool,
    /// Taker fee.
    pub fee: Option<Fee>,
    /// Reward terms; `None` = not in the programme.
    pub rewards: Option<RewardTerms>,
    /// How they change, and who pays beside the venue.
    pub reward_plan: Plan,
}

impl Terms {
    /// What a file that says nothing gets.
    pub(super) const BASE: Self = Self {
        tick: Some(TickSize::CENT),
        min_order: Qty::from_micro(5_000_000),
        neg_risk: false,
        fee: None,
        rewards: None,
        reward_plan: Plan { changes: Vec::new(), sponsored: Vec::new() },
    };
}

/// Taker fee: shares × rate × (p(1 − p))^exponent. Makers pay nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Rate in millionths.
    pub rate_micro: u64,
    /// 1 or 2.
    pub exponent: u32,
    /// Share of the fees that goes back to makers at the end of a UTC day, in millionths.
    pub rebate_micro: u64,
}

/// One listed market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketSpec {
    /// Its name; unique.
    pub slug: String,
    /// Its id: which recorded market this is about. Without a tape it may be left out and is then made from the slug.
    pub condition: Option<ConditionId>,
    /// Token ids of a market without a tape; made from the slug if left out.
    pub tokens: Option<[TokenId; 2]>,
    /// Names of the outcomes.
    pub outcomes: [String; 2],
    /// Its facts.
    pub terms: Terms,
    /// What a share of YES is really worth, and how that moves; only without a tape.
    pub fair: Option<Fair>,
    /// Whether the built-in book maker keeps the market's book; without it the book holds orders of accounts alone.
    pub built_in_book: bool,
    /// Delays, ticks that change, game start, answer, event.
    pub rules: MarketRules,
}

/// The keys a market may take from `[defaults]`.
pub(super) fn terms(keys: &mut Keys, base: &Terms) -> Result<Terms, ScenarioError> {
    let mut terms = base.clone();
    match keys.text("tick")?.as_deref() {
        None => {}
        Some("auto") => terms.tick = None,
        Some(text) => terms.tick = Some(TickSize::parse(text).map_err(|why| keys.bad("tick", why))?),
    }
    if let Some(qty) = keys.qty("min_order_shares")? {
        if !qty.is_orderable() {
            return Err(keys.bad("min_order_shares", "must be above zero and in whole hundredths"));
        }
        terms.min_order = qty;
    }
    terms.neg_risk = keys.flag("neg_risk")?.unwrap_or(terms.neg_risk);
    if let Some(mut fee) = keys.table("fee")? {
        let was = terms.fee.unwrap_or(Fee { rate_micro: 0, exponent: 1, rebate_micro: 0 });
        terms.fee = Some(Fee {
            rate_micro: fee.decimal("rate", 6, 1_000_000)?.unwrap_or(was.rate_micro),
            exponent: fee.number("exponent", 1, 2)?.map_or(was.exponent, |n| if n == 2 { 2 } else { 1 }),
            rebate_micro: fee.decimal("rebate_share", 6, 1_000_000)?.unwrap_or(was.rebate_micro),
        });
        fee.end()?;
    }
    if let Some(table) = keys.table("rewards")? {
        super::rewards::terms(table, &mut terms)?;
    }
    Ok(terms)
}

/// `alone`: nobody else makes a book.
pub(super) fn read(mut keys: Keys, defaults: &Terms, taped: bool, alone: bool) -> Result<MarketSpec, ScenarioError> {
    let slug = keys.text("slug")?.ok_or_else(|| keys.bad("slug", "missing"))?;
    if slug.is_empty() || slug.len() > 128 || !slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    {
        return Err(keys.bad("slug", format_args!("{slug:?}: 1 to 128 letters, digits, - and _")));
    }
    let condition = match keys.text("condition")? {
        None if taped => {
            return Err(keys.bad("condition", "missing: with a tape it says which recorded market this is"));
        }
        None => None,
        Some(text) => Some(ConditionId::parse(&text).map_err(|why| keys.bad("condition", why))?),
    };
    let mut token = |key| match keys.text(key) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => TokenId::parse(&text).map(Some).map_err(|why| keys.bad(key, why)),
        Err(why) => Err(why),
    };
    let tokens = match (token("yes")?, token("no")?) {
        (None, None) => None,
        (Some(_), Some(_)) if taped => return Err(keys.bad("yes", "the recording names the tokens")),
        (Some(yes), Some(no)) if yes != no => Some([yes, no]),
        _ => return Err(keys.bad("yes", "yes and no: two different token ids, or neither")),
    };
    let yes_name = keys.text("yes_name")?.unwrap_or_else(|| "Yes".to_owned());
    let no_name = keys.text("no_name")?.unwrap_or_else(|| "No".to_owned());
    let terms = terms(&mut keys, defaults)?;
    let fair = match keys.table("fair")? {
        None => None,
        Some(_) if taped => return Err(keys.bad("fair", "the tape makes the prices of this world")),
        Some(table) => Some(Fair::read(table)?),
    };
    if !taped && terms.tick.is_none() {
        return Err(keys.bad("tick", "auto needs a recording to look at"));
    }
    let rules = MarketRules::read(&mut keys)?;
    if rules.resolve.is_some() && fair.is_some_and(|fair| fair.resolve.is_some()) {
        return Err(keys.bad("resolve", "fair.resolve decides this market already"));
    }
    let built_in_book = keys.flag("built_in_book")?.unwrap_or(alone);
    if taped && built_in_book {
        return Err(keys.bad("built_in_book", "the tape keeps the books of this world"));
    }
    keys.end()?;
    Ok(MarketSpec { slug, condition, tokens, outcomes: [yes_name, no_name], terms, fair, built_in_book, rules })
}
