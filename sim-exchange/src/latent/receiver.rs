//! One agent's ears: what it learns of the latent state, how late and how blurred.

use super::signals::Signals;
use crate::draws::{Ahead, Cursor, Draws};
use mm_core::domain::{MarketIx, Nanos, Outcome, Timestamp};

/// An exponential draw is at most 36.8 means (`draws`), so a Poisson refresh is never older than this many.
const GAPS_MAX: u64 = 37;

/// What an agent's signal is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReceiverParams {
    /// Of which market.
    pub market: MarketIx,
    /// How old what it sees is: at most a day.
    pub delay: Nanos,
    /// Standard deviation of its error, in log-odds, 0 to 10; drawn afresh at each refresh.
    pub noise_sd: f64,
    /// When it looks again.
    pub refresh: Refresh,
    /// Whether it is told the outcome where that is settled ahead (a market that never moves).
    pub insider: bool,
}

/// When a signal is refreshed. Between two refreshes it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// At every look. Needs a signal without noise, which would otherwise depend on how often one looks.
    Always,
    /// At fixed times from the world's beginning, a millisecond or more apart.
    Every(Nanos),
    /// At its own Poisson times with this mean gap, a millisecond or more.
    Poisson(Nanos),
}

/// Why a signal is impossible.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadReceiver {
    /// No such market.
    #[error("signal of market {}, which has no process", .0.0)]
    Market(MarketIx),
    /// Outside its range.
    #[error("noise_sd must be 0 to 10, is {0}")]
    Noise(f64),
    /// Noise without refresh times.
    #[error("a noisy signal needs refresh times")]
    NoiseAlways,
    /// Too frequent.
    #[error("refresh times are {} ns apart, must be a millisecond or more, at most a day", .0.nanos())]
    Refresh(Nanos),
    /// Too late to be worth memory.
    #[error("delay is {} ms, at most a day", .0.ms())]
    Delay(Nanos),
    /// Delay and refresh gaps reach over too many grid points.
    #[error("delay and refresh gaps reach {} ms back, more than a million grid steps", .0.ms())]
    Reach(Nanos),
}

impl ReceiverParams {
    /// How far into the past it reaches.
    pub(super) fn reach(&self) -> Nanos {
        let held = match self.refresh {
            Refresh::Always => 0,
            Refresh::Every(gap) => gap.nanos(),
            Refresh::Poisson(mean) => mean.nanos().saturating_mul(GAPS_MAX),
        };
        Nanos::from_nanos(self.delay.nanos().saturating_add(held))
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`BadReceiver`].
    pub fn check(&self) -> Result<(), BadReceiver> {
        const DAY: Nanos = Nanos::from_secs(86_400);
        if self.delay > DAY {
            return Err(BadReceiver::Delay(self.delay));
        }
        if !(self.noise_sd >= 0.0 && self.noise_sd <= 10.0) {
            return Err(BadReceiver::Noise(self.noise_sd));
        }
        match self.refresh {
            Refresh::Always if self.noise_sd > 0.0 => Err(BadReceiver::NoiseAlways),
            Refresh::Every(gap) | Refresh::Poisson(gap) if gap < Nanos::from_ms(1) || gap > DAY => {
                Err(BadReceiver::Refresh(gap))
            }
            _ => Ok(()),
        }
    }
}

/// One agent's ears. Made by [`super::Latent::receiver`], asked through [`super::Latent::view`].
#[derive(Clone, Debug)]
pub struct Receiver {
    params: ReceiverParams,
    noise: Ahead,
    gaps: Cursor,
    start: Timestamp,
    /// The last refresh and its number, `None` before the first.
    held: Option<(u64, f64)>,
    /// The next refresh of a Poisson signal, and when the last one was.
    next: Timestamp,
    last: Timestamp,
}

impl Receiver {
    pub(super) fn new(
        name: &str,
        params: &ReceiverParams,
        draws: &Draws,
        start: Timestamp,
    ) -> Result<Self, BadReceiver> {
        params.check()?;
        Ok(Self {
            params: *params,
            noise: Ahead::new(draws.stream("signal", name)),
            gaps: Cursor::new(draws.stream("signal-times", name)),
            start,
            held: None,
            next: start,
            last: start,
        })
    }

    /// Of which market.
    #[must_use]
    pub const fn market(&self) -> MarketIx {
        self.params.market
    }

    /// Refreshes if a refresh is due by `at`, and shows what is held. `x` reads the past.
    pub(super) fn view(&mut self, at: Timestamp, x: impl Fn(Timestamp) -> f64, foreseen: Option<Outcome>) -> View {
        let (number, when) = match self.params.refresh {
            Refresh::Always => (0, at),
            Refresh::Every(gap) => {
                let number = at.since(self.start).nanos() / gap.nanos();
                (number, self.start.plus(Nanos::from_nanos(number * gap.nanos())))
            }
            Refresh::Poisson(mean) => {
                while self.next <= at {
                    self.last = self.next;
                    self.next = self.next.plus(self.gaps.take().gap(mean).max(Nanos::from_nanos(1)));
                }
                // the first refresh is at the beginning
                (self.gaps.index().saturating_sub(1), self.last)
            }
        };
        let log_odds = match self.held {
            Some((held, value)) if held == number && self.params.refresh != Refresh::Always => value,
            _ => {
                let sd = self.params.noise_sd;
                let error = if sd > 0.0 { sd * self.noise.draw(number).normal() } else { 0.0 };
                x(when.minus(self.params.delay)) + error
            }
        };
        self.held = Some((number, log_odds));
        View { market: self.params.market, log_odds, outcome: foreseen.filter(|_| self.params.insider) }
    }
}

/// What one agent's ears hold at one moment: a copy, with nothing behind it to reach for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    market: MarketIx,
    log_odds: f64,
    outcome: Option<Outcome>,
}

impl Signals for View {
    fn log_odds(&self, market: MarketIx) -> Option<f64> {
        (market == self.market && !self.log_odds.is_nan()).then_some(self.log_odds)
    }

    fn outcome(&self, market: MarketIx) -> Option<Outcome> {
        self.outcome.filter(|_| market == self.market)
    }
}
