//! What may be signed. Deny by default; every rule runs and every reason is told.
//!
//! [`decide`] is the only maker of [`Approved`]. A running policy can only get tighter.

mod caps;
mod decide;
mod places;
mod reference;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_worst;
mod usage;

pub use caps::{Loosened, PolicyCaps};
pub use decide::{Approved, Ask, RECORDED_FOR_EACH, decide};
pub use reference::Reference;
pub use usage::{Amount, CapUse};

use crate::exposure::{EventLosses, Exposure, Losses, dollars};
use crate::sign::{OrderToken, TokenError};
use mm_core::domain::{ConditionId, Digest, EventId, Outcome, Qty, TickSize, TokenId, Usdc};
use mm_core::protocol::Caps;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A market whose two tokens may be traded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedMarket {
    /// A name for people.
    pub slug: Box<str>,
    /// The venue's market id.
    pub condition: ConditionId,
    /// The event it belongs to; of the neg-risk markets of an event at most one ends YES.
    pub event: Option<EventId>,
    /// First token.
    pub yes: TokenId,
    /// Second token.
    pub no: TokenId,
    /// Orders are signed for the neg-risk exchange.
    pub neg_risk: bool,
    /// Grid of its prices.
    pub tick: TickSize,
    /// Smallest order.
    pub min_order: Qty,
}

/// The checked policy: caps and allow-list. Made by [`crate::config`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    caps: PolicyCaps,
    markets: Vec<AllowedMarket>,
    by_token: BTreeMap<TokenId, (usize, Outcome, OrderToken)>,
    /// The event of each market.
    by_condition: BTreeMap<ConditionId, usize>,
    /// The markets of each event; a market without one is an event of its own.
    events: Vec<Vec<usize>>,
    digest: Digest,
}

/// What is lost in the worst ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst {
    /// Of one market.
    pub market: Usdc,
    /// Of its event.
    pub event: Usdc,
    /// Of all events, each in its own worst ending.
    pub house: Usdc,
}

/// Why caps and an allow-list are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// One token in two places.
    #[error("token {0} is listed twice")]
    DuplicateToken(TokenId),
    /// One market in two places.
    #[error("condition {0} is listed twice")]
    DuplicateCondition(ConditionId),
    /// A token no order can be signed for.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The band is empty.
    #[error("min_price must be below max_price")]
    Band,
}

impl Policy {
    /// Checks that no token is listed twice and every token can be signed for.
    ///
    /// # Errors
    /// [`BadPolicy`] names the token or relation.
    pub fn new(caps: PolicyCaps, markets: Vec<AllowedMarket>) -> Result<Self, BadPolicy> {
        if caps.min_price >= caps.max_price {
            return Err(BadPolicy::Band);
        }
        let mut by_token = BTreeMap::new();
        let mut by_condition = BTreeMap::new();
        let mut events: Vec<Vec<usize>> = Vec::new();
        for (row, market) in markets.iter().enumerate() {
            let same = |rows: &Vec<usize>| market.event.is_some() && markets[rows[0]].event == market.event;
            let event = events.iter().position(same).unwrap_or(events.len());
            if event == events.len() {
                events.push(Vec::new());
            }
            events[event].push(row);
            if by_condition.insert(market.condition.clone(), event).is_some() {
                return Err(BadPolicy::DuplicateCondition(market.condition.clone()));
            }
            for (outcome, token) in [(Outcome::Yes, &market.yes), (Outcome::No, &market.no)] {
                let signable = OrderToken::new(token.clone(), market.neg_risk)?;
                if by_token.insert(token.clone(), (row, outcome, signable)).is_some() {
                    return Err(BadPolicy::DuplicateToken(token.clone()));
                }
            }
        }
        let digest = Digest::of(text(&caps, &markets).as_bytes());
        Ok(Self { caps, by_token, by_condition, events, digest, markets })
    }

    /// The policy of a text as [`Self::text`] tells it.
    ///
    /// # Errors
    /// In words, when another program wrote it: with other caps, or other rules for a market.
    pub fn of_text(text: &str) -> Result<Self, Box<str>> {
        let (caps, markets) = serde_json::from_str(text).map_err(|why| why.to_string())?;
        Ok(Self::new(caps, markets).map_err(|why| why.to_string())?)
    }

    /// Caps and markets as JSON: what [`Self::digest`] is the digest of.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.caps, &self.markets)
    }

    /// The caps.
    #[must_use]
    pub const fn caps(&self) -> &PolicyCaps {
        &self.caps
    }

    /// The allow-list.
    #[must_use]
    pub fn markets(&self) -> &[AllowedMarket] {
        &self.markets
    }

    /// The allow-list's entry for a token; `None` denies.
    #[must_use]
    pub fn token(&self, token: &TokenId) -> Option<(&AllowedMarket, Outcome, &OrderToken)> {
        let (row, outcome, signable) = self.by_token.get(token)?;
        Some((&self.markets[*row], *outcome, signable))
    }

    /// The listed markets that belong to a market's event, itself included.
    pub fn same_event(&self, market: &ConditionId) -> impl Iterator<Item = &AllowedMarket> {
        let rows = self.by_condition.get(market).map_or(&[][..], |event| &self.events[*event][..]);
        rows.iter().map(|row| &self.markets[*row])
    }

    /// The worst case of a market, its event and the house if `more` came on top in that market.
    #[must_use]
    pub fn worst(&self, exposure: &Exposure, market: &ConditionId, more: Losses) -> Worst {
        let held = exposure.losses(market);
        let own = held.plus(more);
        let losses = |other: &ConditionId| if other == market { own } else { exposure.losses(other) };
        let event =
            self.by_condition.get(market).map_or(own.worst(), |event| self.of_event(&self.events[*event], losses).0);
        let house = self.of_house(exposure.losses_apart() - held.apart() + own.apart(), losses);
        Worst { market: dollars(own.worst()), event: dollars(event), house: dollars(house) }
    }

    /// The worst case of each listed market as it stands, by row.
    fn worst_of_each(&self, exposure: &Exposure) -> Vec<Worst> {
        let losses = |market: &ConditionId| exposure.losses(market);
        let house = dollars(self.of_house(exposure.losses_apart(), losses));
        let mut each = vec![Worst::default(); self.markets.len()];
        for rows in &self.events {
            let event = dollars(self.of_event(rows, losses).0);
            for row in rows {
                each[*row] = Worst { market: dollars(losses(&self.markets[*row].condition).worst()), event, house };
            }
        }
        each
    }

    /// Lost in the worst ending of an event, whose neg-risk markets exclude each other; and by its markets if each is taken apart.
    fn of_event(&self, rows: &[usize], losses: impl Fn(&ConditionId) -> Losses) -> (i128, i128) {
        let (mut sum, mut apart) = (EventLosses::default(), 0);
        for market in rows.iter().map(|row| &self.markets[*row]) {
            let losses = losses(&market.condition);
            sum.add(losses, market.neg_risk);
            apart += losses.apart();
        }
        (sum.worst(), apart)
    }

    /// Lost by the house, where `apart` is what all markets lose that were ever traded, each apart: of the events that have several
    /// markets, what each loses as one takes the place of that. What one event has won pays for no risk in another.
    fn of_house(&self, apart: i128, losses: impl Fn(&ConditionId) -> Losses) -> i128 {
        let several = self.events.iter().filter(|rows| rows.len() > 1);
        several.fold(apart, |house, rows| {
            let (event, apart) = self.of_event(rows, &losses);
            house - apart + event.max(0)
        })
    }

    /// SHA-256 over every cap and market.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What the core is told so that it can stay inside.
    #[must_use]
    pub const fn told(&self) -> Caps {
        Caps { order: self.caps.max_order_usdc, market: self.caps.max_market_usdc, total: self.caps.max_total_usdc }
    }

    /// Takes `new` if it is at least as tight in every field and on every market.
    ///
    /// # Errors
    /// Every field that would be loosened; then nothing changes.
    pub fn tighten(&mut self, new: Self) -> Result<(), Vec<Loosened>> {
        let mut loosened = self.caps.loosened_by(&new.caps);
        for market in &new.markets {
            let held = self.markets.iter().find(|m| m.condition == market.condition);
            // A coarser grid and a larger minimum allow fewer orders; everything else must be the same.
            let fits = held.is_some_and(|m| {
                let same = AllowedMarket { tick: m.tick, min_order: m.min_order, ..market.clone() } == *m;
                let coarser = market.tick.ten_thousandths().is_multiple_of(m.tick.ten_thousandths());
                same && coarser && market.min_order >= m.min_order
            });
            if !fits {
                loosened.push(Loosened(format!("market {}", market.condition).into()));
            }
        }
        if loosened.is_empty() {
            *self = new;
            Ok(())
        } else {
            Err(loosened)
        }
    }
}

fn text(caps: &PolicyCaps, markets: &[AllowedMarket]) -> String {
    serde_json::to_string(&(caps, markets)).expect("integers and checked strings always serialize")
}
