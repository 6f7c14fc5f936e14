//! Which link carries which market, and how long it has been silent.

use crate::domain::{MarketIx, Nanos, Timestamp};
use crate::event::LinkIx;

/// The link that carries both tokens of a market. Markets are dealt in the order of their rows, `tokens_per_link / 2`
/// to a link; beyond 256 links the last one carries the rest.
#[must_use]
pub fn link_of(market: MarketIx, tokens_per_link: u16) -> LinkIx {
    let per_link = (tokens_per_link / 2).max(1);
    LinkIx(u8::try_from(market.0 / per_link).unwrap_or(u8::MAX))
}

/// Markets asked for in one probe of a quiet link.
pub(super) const PROBE_MARKETS: usize = 4;

/// One link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkState {
    /// `None` until the shell has said anything about it.
    pub(super) up: Option<bool>,
    /// When market data last came, or the link came up.
    pub(super) heard: Option<Timestamp>,
    /// When REST last answered for one of its tokens.
    pub(super) answered: Option<Timestamp>,
    /// When it was last probed.
    pub(super) probed: Option<Timestamp>,
    /// Silent for so long that nothing of it is believed.
    pub(super) dead: bool,
    /// Where the next probe begins among its markets.
    pub(super) probe_from: usize,
}

impl LinkState {
    /// Neither down nor given up.
    pub(super) fn is_alive(&self) -> bool {
        self.up != Some(false) && self.heard.is_some() && !self.dead
    }

    /// When a probe is due, while the link is up.
    pub(super) fn probe_at(&self, probe_after: Nanos) -> Option<Timestamp> {
        if self.up == Some(false) {
            return None;
        }
        self.heard.max(self.probed).filter(|_| self.heard.is_some()).map(|t| t.plus(probe_after))
    }

    /// When it is to be given up, while it is up and is not yet.
    pub(super) fn dies_at(&self, dead_after: Nanos) -> Option<Timestamp> {
        if self.up == Some(false) || self.dead {
            return None;
        }
        self.heard.max(self.answered).filter(|_| self.heard.is_some()).map(|t| t.plus(dead_after))
    }
}
