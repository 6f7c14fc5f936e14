//! Which event a market was listed under. What is held in a market taken off the list has still an event to count in.

use super::{Exposure, Losses};
use crate::policy::{AllowedMarket, Policy};
use mm_core::domain::{ConditionId, EventId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// The events of all markets that any policy of this ledger has listed, by its last word on each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Listed(BTreeMap<ConditionId, (Box<str>, EventId)>);

/// A policy's text as far as it is told here: another program's caps do not matter.
#[derive(Deserialize)]
struct Text(IgnoredAny, Vec<AllowedMarket>);

impl Listed {
    /// Learns from a policy's text. One of a program with other rules for a market teaches nothing.
    pub(super) fn learn(&mut self, text: &str) {
        let Ok(Text(_, markets)) = serde_json::from_str(text) else { return };
        for market in markets {
            match market.event {
                Some(event) => drop(self.0.insert(market.condition, (market.slug, event))),
                None => drop(self.0.remove(&market.condition)),
            }
        }
    }
}

impl Exposure {
    /// What a policy does not list although it counts in an event of which it lists another market, in words: taken for itself, it would
    /// free what the event's cap holds back.
    #[must_use]
    pub fn torn_from(&self, policy: &Policy) -> Vec<Box<str>> {
        let is_listed = |market: &ConditionId| policy.markets().iter().any(|listed| listed.condition == *market);
        let lists_other = |event: &EventId| policy.markets().iter().any(|listed| listed.event.as_ref() == Some(event));
        let off = self.listed.0.iter().filter(|(market, (_, event))| !is_listed(market) && lists_other(event));
        let counts = off.filter(|(market, _)| self.losses(market) != Losses::default());
        let told = |(_, (slug, event)): (&ConditionId, &(Box<str>, EventId))| {
            format!(
                "market {slug}: what is held or rests there counts in event {event}, of which other markets are on the list: list it with \
                 them until nothing of it is left, or none of them"
            )
            .into()
        };
        counts.map(told).collect()
    }
}
