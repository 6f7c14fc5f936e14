//! The last changes as they arrived, so that a snapshot older than some of them can be completed instead of winding the
//! book back.

use crate::domain::{Price, Qty, Side};
use std::collections::VecDeque;

/// Changes kept. A snapshot that is older than more changes than this is refused.
pub(super) const RECENT_MAX: usize = 256;

/// One change in YES terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) venue_ms: u64,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) qty: Qty,
}

/// A bounded list in order of arrival, and from when on it is complete.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    changes: VecDeque<Change>,
    /// A snapshot of this time or later misses nothing that is not in the list. Meaningless while the list is empty.
    complete_from: u64,
}

impl Recent {
    /// Forgets everything: what comes next follows a gap.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.complete_from = 0;
    }

    /// A snapshot of `venue_ms` was taken: older changes are in it.
    pub(super) fn restart(&mut self, venue_ms: u64) {
        self.changes.retain(|change| change.venue_ms >= venue_ms);
        self.complete_from = venue_ms;
    }

    /// Keeps a change. `fresh` says that nothing is known of the time before it.
    pub(super) fn push(&mut self, change: Change, fresh: bool) {
        if self.changes.is_empty() && fresh {
            self.complete_from = change.venue_ms;
        }
        if self.changes.len() == RECENT_MAX
            && let Some(lost) = self.changes.pop_front()
        {
            self.complete_from = self.complete_from.max(lost.venue_ms.saturating_add(1));
        }
        if self.changes.capacity() == 0 {
            // once, not little by little in the middle of a burst
            self.changes.reserve_exact(RECENT_MAX);
        }
        self.changes.push_back(change);
    }

    /// Whether a snapshot of `venue_ms` and the changes kept make up a whole book; if not, from when on they would.
    pub(super) fn completes(&self, venue_ms: u64) -> Result<(), u64> {
        if self.changes.is_empty() || venue_ms >= self.complete_from { Ok(()) } else { Err(self.complete_from) }
    }

    /// Changes a snapshot of `venue_ms` may lack, in order of arrival.
    pub(super) fn since(&self, venue_ms: u64) -> impl Iterator<Item = Change> {
        self.changes.iter().copied().filter(move |change| change.venue_ms >= venue_ms)
    }

    pub(super) fn heap(&self) -> usize {
        self.changes.capacity() * size_of::<Change>()
    }
}
