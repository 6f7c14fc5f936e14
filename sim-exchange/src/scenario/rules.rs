//! What a market does besides matching on arrival: delays, ticks that change, game start, its answer, its event.

use super::ScenarioError;
use super::reader::Keys;
use crate::accounts::Answer;
use mm_core::domain::{EventId, Nanos, Outcome, TickSize};

/// Longest hold of a marketable order.
const DELAY_MAX_S: u64 = 3_600;
/// Latest moment of a planned change, from the start of the world.
const PLAN_MAX_S: u64 = 604_800;

/// Rules of one market; the default is a market without any of this.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MarketRules {
    /// The neg-risk event it belongs to: exactly one of its markets resolves YES.
    pub event: Option<EventId>,
    /// Marketable orders are held this long (`sd` of the venue's parameters).
    pub seconds_delay: Nanos,
    /// The short hold of some markets (`itode`), usually 250 ms; the longer of the two counts.
    pub taker_delay: Nanos,
    /// When the game starts, from the start of the world.
    pub game_start: Option<Nanos>,
    /// Open orders stay when the game starts; the venue's default is to cancel them (`cbos`).
    pub keep_book_on_start: bool,
    /// The tick becomes 0.001 once the market trades above 0.96 or below 0.04.
    pub tick_rule: bool,
    /// Ticks that change, from the start of the world, in order.
    pub tick_changes: Vec<(Nanos, TickSize)>,
    /// When the market is resolved, and how, from the start of the world.
    pub resolve: Option<(Nanos, Answer)>,
}

impl MarketRules {
    /// How long a marketable order is held.
    #[must_use]
    pub fn hold(&self) -> Nanos {
        self.seconds_delay.max(self.taker_delay)
    }

    /// Reads the keys of a `[[market]]` that are about this.
    ///
    /// # Errors
    /// [`ScenarioError`] names the key.
    pub(super) fn read(keys: &mut Keys) -> Result<Self, ScenarioError> {
        let event = keys.text("event")?.map(|text| EventId::parse(&text).map_err(|why| keys.bad("event", why)));
        let mut rules = Self { event: event.transpose()?, ..Self::default() };
        if let Some(seconds) = keys.number("seconds_delay", 0, DELAY_MAX_S)? {
            rules.seconds_delay = Nanos::from_secs(seconds);
        }
        if let Some(delay) = keys.ms("taker_delay_ms")? {
            if delay > Nanos::from_secs(DELAY_MAX_S) {
                return Err(keys.bad("taker_delay_ms", "must be an hour or less"));
            }
            rules.taker_delay = delay;
        }
        rules.game_start = keys.number("game_start_s", 0, PLAN_MAX_S)?.map(Nanos::from_secs);
        rules.keep_book_on_start = !keys.flag("clear_book_on_start")?.unwrap_or(true);
        rules.tick_rule = keys.flag("tick_rule")?.unwrap_or(false);
        for mut change in keys.tables("tick_changes")? {
            let at = change.number("at_s", 0, PLAN_MAX_S)?.ok_or_else(|| change.bad("at_s", "missing"))?;
            let tick = change.text("tick")?.ok_or_else(|| change.bad("tick", "missing"))?;
            let tick = TickSize::parse(&tick).map_err(|why| change.bad("tick", why))?;
            let at = Nanos::from_secs(at);
            if rules.tick_changes.last().is_some_and(|(before, _)| *before >= at) {
                return Err(change.bad("at_s", "must be later than the change before"));
            }
            rules.tick_changes.push((at, tick));
            change.end()?;
        }
        if let Some(mut resolve) = keys.table("resolve")? {
            let at = resolve.number("at_s", 0, PLAN_MAX_S)?.ok_or_else(|| resolve.bad("at_s", "missing"))?;
            let answer = match resolve.text("winner")?.as_deref() {
                Some("yes") => Answer::Winner(Outcome::Yes),
                Some("no") => Answer::Winner(Outcome::No),
                Some("half") => Answer::Half,
                _ => return Err(resolve.bad("winner", "must be \"yes\", \"no\" or \"half\"")),
            };
            rules.resolve = Some((Nanos::from_secs(at), answer));
            resolve.end()?;
        }
        Ok(rules)
    }
}
