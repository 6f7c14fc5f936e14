//! The markets of a scenario: recorded ones with the facts the recording lacks, and invented ones.

use super::market::MarketState;
use super::meddle::Meddled;
use crate::accounts::Events;
use crate::draws::Draws;
use crate::mechanism::{Book, Mechanism, TapeBook};
use crate::rewards::Programme;
use crate::scenario::{MarketRules, MarketSpec, Scenario, ScenarioError, TapeSpec, Terms};
use crate::tape::{Grown, GrownMarket};
use mm_core::domain::{ConditionId, EventId, Market, OrderId, TickSize, Timestamp, TokenId};

/// The reward programme of these markets; its samples follow `clock_ms`.
pub(super) fn programme(
    scenario: &Scenario,
    markets: &[MarketState],
    draws: &Draws,
    start: Timestamp,
    clock_ms: u64,
) -> Programme {
    let plans = markets.iter().map(|state| state.reward_plan.clone()).collect();
    Programme::new(scenario.rewards, plans, draws, start, clock_ms)
}

pub(super) fn bad(key: &str, why: impl std::fmt::Display) -> ScenarioError {
    ScenarioError::Key { key: key.to_owned(), why: why.to_string() }
}

/// The recorded markets that are played, with the facts the recording lacks. Returns the venue's row of each recorded one.
pub(super) fn taped_markets(
    scenario: &Scenario,
    tape: &TapeSpec,
    grown: &Grown,
    out: &mut Vec<MarketState>,
) -> Result<Vec<Option<usize>>, ScenarioError> {
    let mut rows = Vec::new();
    for spec in &scenario.markets {
        if !grown.markets.iter().any(|m| Some(&m.condition) == spec.condition.as_ref()) {
            return Err(bad("market.condition", format_args!("{:?} is not in the recording", spec.slug)));
        }
    }
    let listed =
        |market: &GrownMarket| scenario.markets.iter().find(|s| s.condition.as_ref() == Some(&market.condition));
    for (n, market) in grown.markets.iter().enumerate() {
        let slug = listed(market).map_or_else(|| format!("tape-{}", n + 1), |spec| spec.slug.clone());
        let wanted =
            tape.markets.as_ref().is_none_or(|w| w.iter().any(|w| *w == slug || *w == market.condition.as_str()));
        let [yes, no] = market.tokens.as_slice() else {
            rows.push(None);
            continue;
        };
        if !wanted {
            rows.push(None);
            continue;
        }
        let terms = listed(market).map_or(&scenario.defaults, |spec| &spec.terms);
        let outcomes = listed(market).map_or_else(|| ["Yes".to_owned(), "No".to_owned()], |s| s.outcomes.clone());
        let ids = (market.condition.clone(), yes.clone(), no.clone());
        let tick = terms.tick.unwrap_or(market.tick.unwrap_or(market.auto_tick));
        let book = Mechanism::Recorded(Box::default());
        let mut state = new_market(ids, slug, outcomes, terms, tick, book);
        state.earlier_trade = market.first_last_trade.as_deref().unwrap_or_default().to_owned();
        if let Some(spec) = listed(market) {
            state.rules = spec.rules.clone();
            state.facts.event = spec.rules.event.clone();
        }
        rows.push(Some(out.len()));
        out.push(state);
    }
    if let Some(wanted) = &tape.markets {
        let known = |w: &String| out.iter().any(|m| m.slug == *w || m.facts.condition.as_str() == w);
        if let Some(missing) = wanted.iter().find(|w| !known(w)) {
            return Err(bad("tape.markets", format_args!("{missing:?} is not in the recording")));
        }
    }
    if out.is_empty() {
        return Err(bad("tape.file", "no market of the recording shows both of its tokens"));
    }
    Ok(rows)
}

/// A market without a recording: ids it does not name are made from its slug.
pub(super) fn invented_market(draws: &Draws, spec: &MarketSpec) -> Result<MarketState, ScenarioError> {
    let decimal = |k: u64| {
        // 38 digits of a made-up number, far from the shape of a protocol-V2 position (whose middle bits are zero)
        let high = draws.value("token", &spec.slug, 2 * k) | 1 << 63;
        let low = draws.value("token", &spec.slug, 2 * k + 1);
        (u128::from(high) << 64 | u128::from(low)).to_string()
    };
    let tokens = match &spec.tokens {
        Some([yes, no]) => (yes.clone(), no.clone()),
        None => (
            TokenId::parse(&decimal(0)).expect("38 digits without a leading zero are a token id"),
            TokenId::parse(&decimal(1)).expect("38 digits without a leading zero are a token id"),
        ),
    };
    let condition = match &spec.condition {
        Some(condition) => condition.clone(),
        None => {
            let hash = OrderId::from_bytes(draws.bytes32("condition", &spec.slug, 0)).to_string();
            ConditionId::parse(&hash).expect("a made-up hash has the shape of a condition id")
        }
    };
    let tick = spec.terms.tick.ok_or_else(|| bad("market.tick", "auto needs a recording to look at"))?;
    let ids = (condition, tokens.0, tokens.1);
    let book = if spec.built_in_book {
        Mechanism::Recorded(Box::<TapeBook>::default())
    } else {
        Mechanism::Continuous(Box::new(Book::new(tick)))
    };
    let mut state = new_market(ids, spec.slug.clone(), spec.outcomes.clone(), &spec.terms, tick, book);
    state.rules = spec.rules.clone();
    state.facts.event = spec.rules.event.clone();
    Ok(state)
}

fn new_market(
    (condition, yes, no): (ConditionId, TokenId, TokenId),
    slug: String,
    outcomes: [String; 2],
    terms: &Terms,
    tick: TickSize,
    book: Mechanism,
) -> MarketState {
    MarketState {
        facts: Market {
            condition,
            event: None,
            yes,
            no,
            tick,
            min_order: terms.min_order,
            neg_risk: terms.neg_risk,
            ready: false,
            rewards: terms.rewards.clone(),
            resolving: false,
            starts: None,
            ends: None,
        },
        slug,
        outcomes,
        fee: terms.fee,
        rules: MarketRules::default(),
        fractional: false,
        book,
        open: false,
        changed_ms: 0,
        earlier_trade: String::new(),
        last_print: None,
        reward_plan: terms.reward_plan.clone(),
        meddled: Meddled::default(),
    }
}

/// The markets of each event that has more than one, in order of the event's first market.
pub(super) fn events(markets: &[MarketState]) -> Events {
    let mut groups: Vec<(&EventId, Vec<usize>)> = Vec::new();
    for (row, market) in markets.iter().enumerate() {
        let Some(event) = &market.facts.event else { continue };
        match groups.iter_mut().find(|(known, _)| *known == event) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((event, vec![row])),
        }
    }
    let groups = groups.into_iter().map(|(_, rows)| rows).filter(|rows| rows.len() > 1);
    Events::new(groups.collect(), markets.len())
}
