//! When each market wants to be decided again though nothing arrives.

use crate::domain::{MarketIx, Timestamp};

/// One moment for each market, the earliest at hand.
#[derive(Clone, Debug)]
pub(super) struct Wakes {
    /// By row; [`Timestamp::MAX`] for none.
    at: Vec<Timestamp>,
    first: Timestamp,
}

impl Wakes {
    pub(super) const fn new() -> Self {
        Self { at: Vec::new(), first: Timestamp::MAX }
    }

    /// Sees to it that a market is decided at `at` or before.
    pub(super) fn plan(&mut self, market: MarketIx, at: Timestamp) {
        if self.at.len() <= market.index() {
            self.at.resize(market.index() + 1, Timestamp::MAX);
        }
        let due = &mut self.at[market.index()];
        *due = (*due).min(at);
        self.first = self.first.min(at);
    }

    /// The earliest moment.
    pub(super) fn first(&self) -> Option<Timestamp> {
        (self.first < Timestamp::MAX).then_some(self.first)
    }

    /// Takes every market that is due at `at`, in their order.
    pub(super) fn take_due(&mut self, at: Timestamp, mut due: impl FnMut(MarketIx)) {
        if at < self.first {
            return;
        }
        self.first = Timestamp::MAX;
        for (ix, when) in (0u16..).map(MarketIx).zip(&mut self.at) {
            if *when <= at {
                *when = Timestamp::MAX;
                due(ix);
            }
            self.first = self.first.min(*when);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn equals_a_map(steps in prop::collection::vec((any::<bool>(), 0u16..5, 0u64..20), 0..60)) {
            let (mut wakes, mut map) = (Wakes::new(), BTreeMap::new());
            for (plans, market, secs) in steps {
                let at = Timestamp::from_ms(1000 * secs);
                if plans {
                    wakes.plan(MarketIx(market), at);
                    let due = map.entry(MarketIx(market)).or_insert(at);
                    *due = at.min(*due);
                } else {
                    let (mut due, mut expected) = (Vec::new(), Vec::new());
                    wakes.take_due(at, |ix| due.push(ix));
                    map.retain(|ix, when| {
                        if *when <= at {
                            expected.push(*ix);
                        }
                        *when > at
                    });
                    prop_assert_eq!(due, expected);
                }
                prop_assert_eq!(wakes.first(), map.values().min().copied());
            }
        }
    }
}
