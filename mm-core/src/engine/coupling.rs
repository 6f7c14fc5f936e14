//! Outcomes of which exactly one comes true: what is held of one, and its price, move the quotes of the others.
//!
//! Each market of a neg-risk event keeps what the others need of it. Before anything is decided, that of every touched market is looked
//! at again; where it changed and something of the event is held, all its markets are decided anew: a decision that stands knows its
//! own book and holdings only.

use super::Engine;
use crate::domain::{EventId, MarketIx};
use crate::quote::Linked;
use crate::rewards::book_midpoint;
use std::collections::BTreeMap;

/// What ties one market to the others of its event.
#[derive(Clone, Debug, Default)]
pub(super) struct Coupling {
    /// The other markets of the event, in their order; empty without one.
    siblings: Vec<MarketIx>,
    /// What the others need of this market; `None` while its book is not to be believed, or has no midpoint.
    outlook: Option<Linked>,
    /// The outlooks of the others. Empty where one of them is missing, and while nothing of the event is held.
    pub(super) linked: Vec<Linked>,
}

impl Coupling {
    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) const fn memory(&self) -> usize {
        self.siblings.capacity() * size_of::<MarketIx>() + self.linked.capacity() * size_of::<Linked>()
    }

    /// For the engine's digest.
    pub(super) fn digest(&self) -> impl Iterator<Item = u64> {
        let numbers = |linked: Linked| [u64::from(linked.midpoint.halves()), linked.yes.micro(), linked.no.micro()];
        let outlook = self.outlook.map_or([u64::MAX; 3], numbers);
        outlook.into_iter().chain(self.linked.iter().copied().flat_map(numbers))
    }
}

impl Engine {
    /// Which markets belong together: neg-risk markets of one event.
    pub(super) fn link_events(&mut self) {
        let mut events: BTreeMap<&EventId, Vec<MarketIx>> = BTreeMap::new();
        for (ix, market) in self.universe.iter().filter(|(_, market)| market.neg_risk) {
            if let Some(event) = &market.event {
                events.entry(event).or_default().push(ix);
            }
        }
        self.coupled = events.values().any(|rows| rows.len() > 1);
        let mut siblings = vec![Vec::new(); self.markets.len()];
        for rows in events.values() {
            for ix in rows {
                siblings[ix.index()] = rows.iter().copied().filter(|other| other != ix).collect();
            }
        }
        for (state, siblings) in self.markets.iter_mut().zip(siblings) {
            if state.coupling.siblings != siblings {
                state.coupling = Coupling { siblings, ..Coupling::default() };
            }
        }
    }

    /// Carries what has changed in touched markets to the others of their events.
    pub(super) fn couple(&mut self) {
        if !self.coupled {
            return;
        }
        let mut touched = std::mem::take(&mut self.touched);
        self.dirty.append(&mut touched);
        self.stirred.append(&mut touched);
        touched.retain(|ix| self.looks_different(*ix));
        for ix in touched.drain(..) {
            let others = std::mem::take(&mut self.markets[ix.index()].coupling.siblings);
            let held = others.iter().chain([&ix]).any(|ix| self.is_held(*ix));
            for other in &others {
                self.inform(*other, held);
            }
            self.markets[ix.index()].coupling.siblings = others;
            self.inform(ix, held);
        }
        self.touched = touched;
    }

    /// Looks at a market again; whether the others see something new.
    fn looks_different(&mut self, ix: MarketIx) -> bool {
        let state = &self.markets[ix.index()];
        // in the middle of a timestamp the last clear picture stays
        if state.coupling.siblings.is_empty() || (state.book.is_synced() && state.book.doubt().is_some()) {
            return false;
        }
        let min_size = state.facts.rewards.as_ref().map(|terms| terms.min_size).unwrap_or_default();
        let believed = state.book.is_synced() && !state.resolved;
        let shown: Vec<_> = state.places.in_book(ix).collect();
        let midpoint = believed.then(|| book_midpoint(&state.book, &shown, &[], min_size)).flatten();
        let held = self.holdings(ix);
        let outlook = midpoint.map(|midpoint| Linked { midpoint, yes: held.yes.matched, no: held.no.matched });
        std::mem::replace(&mut self.markets[ix.index()].coupling.outlook, outlook) != outlook
    }

    fn is_held(&self, ix: MarketIx) -> bool {
        self.markets[ix.index()].coupling.outlook.is_some_and(|outlook| outlook.yes != outlook.no)
    }

    /// Renews what a market knows of the others, and has it decided if that may matter.
    fn inform(&mut self, ix: MarketIx, held: bool) {
        let mut coupling = std::mem::take(&mut self.markets[ix.index()].coupling);
        if held || !coupling.linked.is_empty() {
            self.dirty.insert(ix);
        }
        coupling.linked.clear();
        if held {
            coupling
                .linked
                .extend(coupling.siblings.iter().filter_map(|other| self.markets[other.index()].coupling.outlook));
            if coupling.linked.len() < coupling.siblings.len() {
                coupling.linked.clear();
            }
        }
        self.markets[ix.index()].coupling = coupling;
    }
}
