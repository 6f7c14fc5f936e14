//! What is being done about each live order, and which of it has a time.

use crate::exposure::Tracked;
use mm_core::domain::{Nanos, OrderId, Qty, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// First and longest wait between two look-ups of an order.
pub(super) const LOOK_WAITS: (Nanos, Nanos) = (Nanos::from_ms(1000), Nanos::from_ms(8000));
/// First and longest wait between two cancels of an order.
pub(super) const CANCEL_WAITS: (Nanos, Nanos) = (Nanos::from_ms(200), Nanos::from_ms(2000));

/// What is being done about a live order.
#[derive(Clone, Debug, Default)]
pub(super) struct Errand {
    /// When its POST left, or may have.
    pub(super) posted: Timestamp,
    /// Since when nothing proves what became of it.
    pub(super) doubted: Timestamp,
    /// It shall go.
    pub(super) cancel: bool,
    pub(super) cancel_at: Option<Timestamp>,
    cancel_wait: Nanos,
    /// When the venue's answer to a cancel named it.
    pub(super) acked: Option<Timestamp>,
    /// The stream said it ended: with this much matched, and when.
    pub(super) stream_end: Option<(Qty, Timestamp)>,
    /// It is gone by a look-up's word or by a list's, with this much matched; what trades read from then on tell counts.
    pub(super) gone: Option<(Qty, Timestamp)>,
    /// Since when look-ups know nothing of it, and no list has shown it.
    pub(super) missed: Option<Timestamp>,
    /// A status that nobody knows was told.
    pub(super) is_odd: bool,
    pub(super) look_at: Option<Timestamp>,
    look_wait: Nanos,
}

impl Errand {
    /// For an order that left at this time.
    pub(super) fn posted(at: Timestamp) -> Self {
        Self { posted: at, ..Self::default() }
    }

    /// For an order a restart found without an end.
    fn left_over(tracked: &Tracked) -> Self {
        Self { cancel: true, look_at: Some(Timestamp::EPOCH), ..Self::posted(tracked.row.at) }
    }

    /// It was seen to rest by what began at `since`: what was said of its end before that is taken back, and a cancel made again.
    pub(super) fn rested(&mut self, since: Timestamp, at: Timestamp) {
        let was = self.acked.is_some() || self.gone.is_some();
        self.missed = None;
        self.acked = self.acked.filter(|acked| *acked > since);
        self.gone = self.gone.filter(|(_, gone)| *gone > since);
        self.stream_end = self.stream_end.filter(|(_, told)| *told > since);
        if was && self.cancel && self.acked.is_none() && self.gone.is_none() {
            self.cancel_at = Some(self.cancel_at.unwrap_or(at));
        }
    }

    /// When a look-up that follows one made now is due.
    pub(super) fn next_look(&mut self, at: Timestamp) -> Timestamp {
        at.plus(doubled(&mut self.look_wait, LOOK_WAITS))
    }

    /// Has a cancel made again after a while.
    pub(super) fn cancel_again(&mut self, at: Timestamp) {
        self.cancel_at = Some(at.plus(doubled(&mut self.cancel_wait, CANCEL_WAITS)));
    }

    /// Whether the answer to a cancel or the stream said before `started` that it ended.
    pub(super) fn ended_before(&self, started: Timestamp) -> bool {
        let told = self.stream_end.map(|(_, told)| told);
        self.acked.into_iter().chain(told).any(|said| started >= said)
    }

    const fn has_a_time(&self) -> bool {
        self.cancel_at.is_some() || self.look_at.is_some()
    }
}

/// The next wait of a doubling series.
fn doubled(wait: &mut Nanos, (first, longest): (Nanos, Nanos)) -> Nanos {
    *wait = if *wait == Nanos::ZERO { first } else { Nanos::from_nanos(wait.nanos() * 2).min(longest) };
    *wait
}

/// All errands, by hash. Most orders just rest: a turn looks at those with a time alone.
#[derive(Default)]
pub(super) struct Errands {
    all: BTreeMap<OrderId, Errand>,
    /// Those with a time: no more and no less.
    timed: BTreeSet<OrderId>,
}

impl Errands {
    /// For the orders a restart found without an end.
    pub(super) fn left_over<'a>(live: impl Iterator<Item = &'a Tracked>) -> Self {
        let mut errands = Self::default();
        for tracked in live {
            errands.insert(tracked.row.order, Errand::left_over(tracked));
        }
        errands
    }

    pub(super) fn get(&self, order: &OrderId) -> Option<&Errand> {
        self.all.get(order)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&OrderId, &Errand)> {
        self.all.iter()
    }

    /// Those with a time, by hash.
    pub(super) fn timed(&self) -> impl Iterator<Item = (&OrderId, &Errand)> {
        self.timed.iter().filter_map(|order| self.all.get_key_value(order))
    }

    /// Puts this one in the place of what there was.
    pub(super) fn insert(&mut self, order: OrderId, errand: Errand) {
        self.sort_in(order, errand.has_a_time());
        self.all.insert(order, errand);
    }

    /// Changes an errand; `None` where there is none.
    pub(super) fn change<T>(&mut self, order: &OrderId, change: impl FnOnce(&mut Errand) -> T) -> Option<T> {
        let errand = self.all.get_mut(order)?;
        let (before, out) = (errand.has_a_time(), change(errand));
        let after = errand.has_a_time();
        if before != after {
            self.sort_in(*order, after);
        }
        Some(out)
    }

    /// Changes an errand; where there is none, one for an order posted at this time.
    pub(super) fn change_or_post(&mut self, order: OrderId, posted: Timestamp, change: impl FnOnce(&mut Errand)) {
        self.all.entry(order).or_insert(Errand::posted(posted));
        self.change(&order, change);
    }

    pub(super) fn remove(&mut self, order: &OrderId) -> Option<Errand> {
        self.timed.remove(order);
        self.all.remove(order)
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.timed.clear();
    }

    fn sort_in(&mut self, order: OrderId, timed: bool) {
        if timed {
            self.timed.insert(order);
        } else {
            self.timed.remove(&order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is done, those with a time are the ones a walk over all would find.
        #[test]
        fn those_with_a_time_are_known(steps in prop::collection::vec((0..4u8, 0..6u8, any::<[bool; 2]>()), 1..60)) {
            let mut errands = Errands::default();
            for (what, order, [cancel, look]) in steps {
                let order = OrderId::from_bytes([order; 32]);
                let at = |wanted: bool| wanted.then_some(Timestamp::EPOCH);
                let set = |errand: &mut Errand| (errand.cancel_at, errand.look_at) = (at(cancel), at(look));
                match what {
                    0 => errands.change_or_post(order, Timestamp::EPOCH, set),
                    1 => drop(errands.change(&order, set)),
                    2 => drop(errands.remove(&order)),
                    _ => {
                        let mut errand = Errand::posted(Timestamp::EPOCH);
                        set(&mut errand);
                        errands.insert(order, errand);
                    }
                }
                let timed: Vec<_> = errands.timed().map(|(order, _)| *order).collect();
                let walked: Vec<_> =
                    errands.iter().filter(|(_, errand)| errand.has_a_time()).map(|(order, _)| *order).collect();
                prop_assert_eq!(timed, walked);
            }
        }
    }
}
