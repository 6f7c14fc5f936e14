//! What an agent may learn of the latent state.

use mm_core::domain::{MarketIx, Outcome, Timestamp};

/// One agent's view of the latent state: delayed, noisy, refreshed at its own times. There is no way from here to the state
/// itself or to another agent's view.
pub trait Signals {
    /// Log-odds of YES, `ln(p/(1 − p))`, as this agent sees it; `None` where it has no signal.
    fn log_odds(&self, market: MarketIx) -> Option<f64>;

    /// The outcome, for an insider; `None` for everybody else.
    fn outcome(&self, market: MarketIx) -> Option<Outcome> {
        let _ = market;
        None
    }
}

/// Sees nothing: for agents that need no signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blind;

impl Signals for Blind {
    fn log_odds(&self, _: MarketIx) -> Option<f64> {
        None
    }
}

/// A public jump of the fair price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jump {
    /// Which market.
    pub market: MarketIx,
    /// When.
    pub at: Timestamp,
    /// Log-odds just before.
    pub before: f64,
    /// Log-odds just after.
    pub after: f64,
}
