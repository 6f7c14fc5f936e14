//! Which link carries which market, and what is heard on it.

use crate::domain::MarketIx;
use crate::event::LinkIx;

/// The link that carries both tokens of a market. Markets are dealt in the order of their rows, `tokens_per_link / 2`
/// to a link; beyond 256 links the last one carries the rest.
#[must_use]
pub fn link_of(market: MarketIx, tokens_per_link: u16) -> LinkIx {
    let per_link = (tokens_per_link / 2).max(1);
    LinkIx(u8::try_from(market.0 / per_link).unwrap_or(u8::MAX))
}
