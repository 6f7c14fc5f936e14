//! What the world is about: the probability nobody sees, and what each agent learns of it.
//!
//! Each market has a log-odds process `x = ln(p/(1 − p))` on a grid of steps, with jumps at moments of their own:
//!
//! * **Martingale** ([`Motion::Martingale`], the default for economics). `dx = σ²(p − ½)dt + σdW` is the log-odds of an observer
//!   who watches a noisy signal of the outcome. Its exact step is `x + s²(Θ − ½) + sZ` with `Θ ~ Bernoulli(p)`, `s² = σ²Δ`: the
//!   observer's posterior after one more observation. So `p` is a martingale to the last bit of the law, whatever the step.
//!   A jump goes up with probability `(p − p_dn)/(p_up − p_dn)`.
//! * **Reverting** ([`Motion::Reverting`], for stress). `dx = κ(θ − x)dt + σdW + J dN` in its exact step; jumps are applied at their
//!   own times and decay from there. Here prices can be predicted, and a report must say so.
//!
//! Linked markets share a part of their increments, jump together, or exclude each other. Exclusive outcomes move as the
//! weights of one observer of all of them, normalised at every moment: each probability is a martingale and they sum to 1.
//!
//! Between grid points a value is held. Draws are indexed by grid step and by jump, so that other jumps never shift the
//! diffusion. Resolution is drawn from `p` at its moment. Pure; agents get [`Signals`], never this module's state.

mod ears;
mod group;
mod jumps;
mod logit;
mod params;
mod receiver;
mod signals;
#[cfg(test)]
mod tests;

use crate::draws::Draws;
pub use ears::Ears;
use group::Group;
pub use logit::{logistic, logit};
use mm_core::domain::{MarketIx, Nanos, Outcome, Timestamp};
pub use params::{BadLatent, JumpSize, Jumps, LatentParams, Link, Motion, Process, Resolution, ResolutionKind};
pub use receiver::{BadReceiver, Receiver, ReceiverParams, Refresh, View};
pub use signals::{Blind, Jump, Signals};

/// A market's end, once it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Which market.
    pub market: MarketIx,
    /// Who won.
    pub winner: Outcome,
    /// When it was decided.
    pub at: Timestamp,
    /// When the oracle says so in public.
    pub announced: Timestamp,
}

/// Most grid points of the past that are kept for one market.
const PAST_MAX: u64 = 1_000_000;

/// The latent state of all markets. Belongs to the world; nobody trades on it.
#[derive(Clone, Debug)]
pub struct Latent {
    groups: Vec<Group>,
    /// Group and place in it, by market row.
    rows: Vec<Option<(usize, usize)>>,
    start: Timestamp,
    step: Nanos,
    /// How far back values are kept.
    keep: Nanos,
    /// Nothing changes before this moment.
    due: Timestamp,
    jumps: Vec<Jump>,
    resolved: Vec<Resolved>,
}

impl Latent {
    /// The state at the world's first moment.
    ///
    /// # Errors
    /// [`BadLatent`] names the market and what is impossible.
    pub fn new(params: &LatentParams, draws: &Draws, start: Timestamp) -> Result<Self, BadLatent> {
        params.check(start)?;
        let mut groups: Vec<Group> = Vec::new();
        let mut linked = vec![false; params.markets.len()];
        for (n, link) in params.links.iter().enumerate() {
            let mut members = Vec::with_capacity(link.members.len());
            for market in &link.members {
                if let Some(at) = params.markets.iter().position(|process| process.market == *market) {
                    linked[at] = true;
                    members.push(&params.markets[at]);
                }
            }
            groups.push(Group::new(&format!("link/{n}"), &members, Some(link), params.step, draws, start));
        }
        for (process, _) in params.markets.iter().zip(&linked).filter(|(_, linked)| !**linked) {
            groups.push(Group::new("", &[process], None, params.step, draws, start));
        }
        let mut rows = vec![None; params.markets.iter().map(|p| p.market.index() + 1).max().unwrap_or(0)];
        for (at, group) in groups.iter().enumerate() {
            for (place, market) in group.markets().enumerate() {
                rows[market.index()] = Some((at, place));
            }
        }
        let due = groups.iter().map(Group::due).min().unwrap_or(Timestamp::MAX);
        Ok(Self {
            groups,
            rows,
            start,
            step: params.step,
            keep: Nanos::ZERO,
            due,
            jumps: Vec::new(),
            resolved: Vec::new(),
        })
    }

    /// Makes the ears of one agent, and keeps the past as long as they need it. `name` is the agent's.
    ///
    /// # Errors
    /// [`BadReceiver`]; also for a market without a process.
    pub fn receiver(&mut self, name: &str, params: &ReceiverParams, draws: &Draws) -> Result<Receiver, BadReceiver> {
        if self.group(params.market).is_none() {
            return Err(BadReceiver::Market(params.market));
        }
        let receiver = Receiver::new(name, params, draws, self.start)?;
        let reach = params.reach();
        if reach.nanos() / self.step.nanos() > PAST_MAX {
            return Err(BadReceiver::Reach(reach));
        }
        self.keep = self.keep.max(reach);
        Ok(receiver)
    }

    /// The next jump or resolution, drawn ahead: when the world must look at [`Latent::news`] and [`Latent::resolved`].
    #[must_use]
    pub fn next_event(&self) -> Option<Timestamp> {
        self.groups.iter().map(Group::next_event).min().filter(|at| *at < Timestamp::MAX)
    }

    /// Does all that is due up to and including `at`. Cheap when nothing is.
    pub fn advance(&mut self, at: Timestamp) {
        if at < self.due {
            return;
        }
        let oldest = at.minus(self.keep);
        for group in &mut self.groups {
            group.advance(at, oldest, &mut self.jumps, &mut self.resolved);
        }
        self.due = self.groups.iter().map(Group::due).min().unwrap_or(Timestamp::MAX);
    }

    /// Takes the public jumps since the last call, in the order of their times; at one moment in the order of markets' groups.
    pub fn news(&mut self) -> impl Iterator<Item = Jump> {
        self.jumps.sort_by_key(|jump| jump.at);
        self.jumps.drain(..)
    }

    /// Takes the markets decided since the last call, in the order of their times.
    pub fn resolved(&mut self) -> impl Iterator<Item = Resolved> {
        self.resolved.sort_by_key(|resolved| resolved.at);
        self.resolved.drain(..)
    }

    /// Log-odds of YES now: for the world's books and reports, never for an agent. `None` for a market without a process.
    #[must_use]
    pub fn log_odds(&self, market: MarketIx) -> Option<f64> {
        let (group, place) = self.group(market)?;
        Some(group.log_odds(place))
    }

    /// Probability of YES now, likewise.
    #[must_use]
    pub fn probability(&self, market: MarketIx) -> Option<f64> {
        self.log_odds(market).map(logistic)
    }

    /// What an agent's ears hold at `at`. Advances to `at` first.
    pub fn view(&mut self, at: Timestamp, receiver: &mut Receiver) -> View {
        self.advance(at);
        let market = receiver.market();
        match self.group(market) {
            Some((group, place)) => receiver.view(at, |when| group.log_odds_at(place, when), group.foreseen(place)),
            None => receiver.view(at, |_| f64::NAN, None),
        }
    }

    /// Values held in memory, over all markets.
    #[must_use]
    pub fn held(&self) -> usize {
        self.groups.iter().map(Group::held).sum()
    }

    fn group(&self, market: MarketIx) -> Option<(&Group, usize)> {
        let (group, place) = (*self.rows.get(market.index())?)?;
        Some((&self.groups[group], place))
    }
}
