//! Jumps: their times, drawn ahead, and their sizes.

use super::logit::{logistic, logit};
use super::params::{JumpSize, Jumps};
use crate::draws::{Cursor, Draws, Stream, real, whole};
use mm_core::domain::{Nanos, Timestamp};

/// A jump in dollars leaves the probability at least this far from 0 and 1.
const EDGE: f64 = 1e-6;

/// A Poisson process of jumps, its next moment known.
#[derive(Clone, Debug)]
pub(super) struct JumpTimes {
    jumps: Jumps,
    mean_gap: Nanos,
    gaps: Cursor,
    sizes: Stream,
    directions: Stream,
    next: Timestamp,
}

/// One jump's draws: the same for all members of a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct JumpDraw {
    size: JumpSize,
    /// Standard normal, or exponential with mean 1.
    amount: f64,
    /// Uniform: decides up or down.
    direction: f64,
    pub(super) public: bool,
}

impl JumpTimes {
    pub(super) fn new(name: &str, jumps: Jumps, draws: &Draws, start: Timestamp) -> Self {
        let mut times = Self {
            jumps,
            mean_gap: Nanos::from_nanos(whole(HOUR_NS / jumps.per_h)),
            gaps: Cursor::new(draws.stream("news", name)),
            sizes: draws.stream("news-size", name),
            directions: draws.stream("news-direction", name),
            next: start,
        };
        times.draw_next();
        times
    }

    pub(super) const fn next(&self) -> Timestamp {
        self.next
    }

    /// Takes the jump that is next, and draws the moment of the one behind it.
    pub(super) fn take(&mut self) -> JumpDraw {
        // the gap cursor is one ahead: gap k led to jump k
        let k = self.gaps.index() - 1;
        let amount = match self.jumps.size {
            JumpSize::Normal { .. } => self.sizes.draw(k).normal(),
            JumpSize::ExponentialDollars { .. } => self.sizes.draw(k).exponential(),
        };
        let direction = self.directions.draw(k).uniform();
        self.draw_next();
        JumpDraw { size: self.jumps.size, amount, direction, public: self.jumps.public }
    }

    fn draw_next(&mut self) {
        let mean = self.mean_gap;
        // two jumps of one process are never at one moment
        let gap = self.gaps.take().gap(mean).max(Nanos::from_nanos(1));
        self.next = self.next.plus(gap);
    }
}

const HOUR_NS: f64 = 3.6e12;

/// Hours.
pub(super) fn hours(d: Nanos) -> f64 {
    real(d.nanos()) / HOUR_NS
}

impl JumpDraw {
    /// What it adds to log-odds `x` of a martingale: up with the probability that keeps the mean of p.
    pub(super) fn fair(&self, x: f64) -> f64 {
        let (up, down) = match self.size {
            JumpSize::Normal { mean, sd } => {
                let far = (mean + sd * self.amount).abs();
                (x + far, x - far)
            }
            JumpSize::ExponentialDollars { mean } => (dollars(x, mean * self.amount), dollars(x, -mean * self.amount)),
        };
        let (p, p_up, p_down) = (logistic(x), logistic(up), logistic(down));
        // no room on either side: stays
        if p_up <= p_down {
            return 0.0;
        }
        let w = (p - p_down) / (p_up - p_down);
        (if self.direction < w { up } else { down }) - x
    }

    /// What it adds to log-odds `x` that are pulled back: as drawn.
    pub(super) fn plain(&self, x: f64) -> f64 {
        match self.size {
            JumpSize::Normal { mean, sd } => mean + sd * self.amount,
            JumpSize::ExponentialDollars { mean } => {
                let far = mean * self.amount;
                dollars(x, if self.direction < 0.5 { far } else { -far }) - x
            }
        }
    }
}

/// Log-odds after the probability moved by `by`, held inside the edges; a value already beyond an edge moves only inward.
fn dollars(x: f64, by: f64) -> f64 {
    let p = logistic(x);
    let moved = (p + by).clamp(EDGE.min(p), (1.0 - EDGE).max(p));
    logit(moved)
}
