//! Closed forms a simulated market can be held against: each is what its model's own assumptions imply, no more.
//!
//! For benchmarks and reports, never on the way to an order. Prices and half-spreads are dollars per share unless a name says
//! otherwise; rates and times share one unit of the caller's choice. Through the pinned `libm`, so that a report is the same
//! everywhere. Arguments outside a model give NaN or infinity as the formula does; nothing panics.

#[cfg(test)]
mod tests;

use crate::draws::{normal_quantile, real, whole};

/// Glosten and Milgrom (1985): bid and ask at which a dealer breaks even when a share `mu` of arrivals knows the outcome and the
/// rest buys with probability `eta`. The value is 1 with probability `p`, else 0.
///
/// Each is also the dealer's new belief after that trade. At `p = eta = 1/2` the spread is `mu`.
#[must_use]
pub fn glosten_milgrom(p: f64, mu: f64, eta: f64) -> [f64; 2] {
    // probability of a buy if the value is 1, if it is 0
    let (b1, b0) = (mu + (1.0 - mu) * eta, (1.0 - mu) * eta);
    let ask = p * b1 / (p * b1 + (1.0 - p) * b0);
    let bid = p * (1.0 - b1) / (p * (1.0 - b1) + (1.0 - p) * (1.0 - b0));
    [bid, ask]
}

/// What a maker who always quotes `1/2 ± h` earns per arrival against the traders of [`glosten_milgrom`] at `p = eta = 1/2`:
/// `h` from each, less one half from each informed.
#[must_use]
pub fn fixed_quote_profit(h: f64, mu: f64) -> f64 {
    h - mu / 2.0
}

/// Kyle (1985), one auction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kyle {
    /// Price move per share of net order flow.
    pub lambda: f64,
    /// Shares the insider asks for per dollar of mispricing.
    pub beta: f64,
    /// What the insider expects to earn.
    pub insider: f64,
}

/// Kyle's equilibrium for a value with standard deviation `sigma_v` and noise flow with standard deviation `sigma_u`.
#[must_use]
pub fn kyle(sigma_v: f64, sigma_u: f64) -> Kyle {
    Kyle { lambda: sigma_v / (2.0 * sigma_u), beta: sigma_u / sigma_v, insider: sigma_u * sigma_v / 2.0 }
}

/// The principal branch of Lambert's W: the `w ≥ −1` with `w·e^w = x`; NaN below `−1/e`.
#[must_use]
pub fn lambert_w(x: f64) -> f64 {
    let floor = -libm::exp(-1.0);
    if x.is_nan() || x < floor {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return x;
    }
    // Near the branch point a square-root series, for large x the logarithm; Halley's step triples the digits each time.
    let mut w = if x < 0.0 {
        libm::sqrt((2.0 * (1.0 + x / -floor)).max(0.0)) - 1.0
    } else if x < 3.0 {
        libm::log1p(x) * 0.75
    } else {
        let l = libm::log(x);
        l - libm::log(l)
    };
    for _ in 0..8 {
        let e = libm::exp(w);
        let f = w * e - x;
        let step = f / (e * (w + 1.0) - (w + 2.0) * f / (2.0 * w + 2.0));
        if !step.is_finite() {
            break;
        }
        w -= step;
    }
    w
}

/// Half-spread at which makers who are picked off at every jump break even: the `h` with
/// `noise_rate · h = jump_rate · E[(|J| − h)⁺]` for exponential `|J|` with mean `mean_jump`, which is
/// `mean_jump · W(jump_rate/noise_rate)`.
#[must_use]
pub fn competitive_half_spread(noise_rate: f64, jump_rate: f64, mean_jump: f64) -> f64 {
    mean_jump * lambert_w(jump_rate / noise_rate)
}

/// `E[(|J| − h)⁺]` for exponential `|J|` with mean `mean_jump`: what a sniper takes per share from a quote at distance `h`.
#[must_use]
pub fn mean_excess(mean_jump: f64, h: f64) -> f64 {
    mean_jump * libm::exp(-h / mean_jump)
}

/// Avellaneda and Stoikov (2008): reservation price and full spread for inventory `q`, risk aversion `gamma`, volatility
/// `sigma`, fill decay `k` and time left `tau`.
#[must_use]
pub fn avellaneda_stoikov(mid: f64, q: f64, gamma: f64, sigma: f64, k: f64, tau: f64) -> [f64; 2] {
    let risk = gamma * sigma * sigma * tau;
    [mid - q * risk, risk + 2.0 / gamma * libm::log1p(gamma / k)]
}

/// Mean and variance at `t` of `dx = kappa(theta − x)dt + sigma dW + J dN`, N Poisson with rate `lambda`, J with
/// `[mean, sd] = jump`, from `x0`.
#[must_use]
pub fn reverting_moments(x0: f64, theta: f64, kappa: f64, sigma: f64, lambda: f64, jump: [f64; 2], t: f64) -> [f64; 2] {
    let [mj, sj] = jump;
    let left = libm::exp(-kappa * t);
    let mean = theta + (x0 - theta) * left + lambda * mj * (1.0 - left) / kappa;
    let variance = (sigma * sigma + lambda * (mj * mj + sj * sj)) * (1.0 - left * left) / (2.0 * kappa);
    [mean, variance]
}

/// Drift of log-odds that keeps the probability `p` a martingale under volatility `sigma`.
#[must_use]
pub fn martingale_drift(p: f64, sigma: f64) -> f64 {
    sigma * sigma * (p - 0.5)
}

/// The smallest and largest count of a central interval with probability at least `confidence`, for a Poisson count with this
/// mean: on each side at most half of the rest lies outside.
#[must_use]
pub fn poisson_interval(mean: f64, confidence: f64) -> [u64; 2] {
    let outside = (1.0 - confidence) / 2.0;
    let mut ends = [None; 2];
    // ten standard deviations hold everything a double can tell
    let last = whole(mean + 10.0 * libm::sqrt(mean) + 20.0);
    let mut sum = 0.0;
    for k in 0..=last {
        sum += poisson_mass(mean, k);
        for (end, limit) in ends.iter_mut().zip([outside, 1.0 - outside]) {
            if end.is_none() && sum >= limit {
                *end = Some(k);
            }
        }
    }
    ends.map(|end| end.unwrap_or(last))
}

/// Probability that a Poisson count with this mean lies in `low..=high`.
#[must_use]
pub fn poisson_probability(mean: f64, low: u64, high: u64) -> f64 {
    (low..=high).map(|k| poisson_mass(mean, k)).sum()
}

fn poisson_mass(mean: f64, k: u64) -> f64 {
    libm::exp(real(k) * libm::log(mean) - mean - libm::lgamma(real(k) + 1.0))
}

/// Mean mark-up of the best of `n` dealers who each add a uniform amount up to `top`.
#[must_use]
pub fn best_of_dealers(n: u32, top: f64) -> f64 {
    top / (f64::from(n) + 1.0)
}

/// The most a logarithmic market scoring rule (Hanson 2003) with liquidity `b` and `outcomes` outcomes can lose.
#[must_use]
pub fn lmsr_loss(b: f64, outcomes: u32) -> f64 {
    b * libm::log(f64::from(outcomes))
}

/// What being faster by `edge` is worth where orders are matched in batches `interval` apart, as a part of its worth in
/// continuous time: only news within `edge` of a batch's end can be used.
#[must_use]
pub fn batch_speed_value(edge: f64, interval: f64) -> f64 {
    (edge / interval).min(1.0)
}

/// Pairs needed to find a mean difference of `effect` standard deviations of the difference with this power, two-sided at
/// `alpha`: the normal approximation with its correction for the estimated deviation, `(z_α + z_β)²/d² + z_α²/2`, rounded up.
#[must_use]
pub fn paired_runs(effect: f64, power: f64, alpha: f64) -> u64 {
    let (z_alpha, z_beta) = (normal_quantile(1.0 - alpha / 2.0), normal_quantile(power));
    let z = z_alpha + z_beta;
    whole(libm::ceil(z * z / (effect * effect) + z_alpha * z_alpha / 2.0))
}

/// A maker who always rests `size` shares on both sides at one distance from a fair price that jumps, in a market with a
/// reward pool. Symmetric jumps make inventory mean-free, so its mean income is exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakEven {
    /// Noise arrivals a day at distance zero.
    pub arrivals_per_day: f64,
    /// How fast they thin out: `e^(−k·h)`, per cent of distance.
    pub decay_per_cent: f64,
    /// Shares of a noise trade.
    pub trade_shares: f64,
    /// Jumps a day.
    pub jumps_per_day: f64,
    /// Mean size of a jump in cents, exponential.
    pub jump_cents: f64,
    /// Probability that a jump finds the quote still there.
    pub pick_off: f64,
    /// Shares resting on each side.
    pub size: f64,
    /// Reward pool, dollars a day.
    pub pool: f64,
    /// Reward band in cents.
    pub band_cents: f64,
    /// Score of all others.
    pub others_score: f64,
}

impl BreakEven {
    /// The case of `simulator.md` section 7 whose answers are known.
    pub const KNOWN: Self = Self {
        arrivals_per_day: 80.0,
        decay_per_cent: 0.7,
        trade_shares: 50.0,
        jumps_per_day: 8.0,
        jump_cents: 2.5,
        pick_off: 0.6,
        size: 250.0,
        pool: 50.0,
        band_cents: 3.5,
        others_score: 800.0,
    };

    /// Spread captured from noise, dollars a day, at `h` cents from the fair price.
    #[must_use]
    pub fn spread(&self, h: f64) -> f64 {
        self.arrivals_per_day * libm::exp(-self.decay_per_cent * h) * self.trade_shares * h / 100.0
    }

    /// Lost to those who see a jump first, dollars a day.
    #[must_use]
    pub fn picked_off(&self, h: f64) -> f64 {
        self.jumps_per_day * self.pick_off * self.size * mean_excess(self.jump_cents, h) / 100.0
    }

    /// Rewards, dollars a day.
    #[must_use]
    pub fn rewards(&self, h: f64) -> f64 {
        let inside = ((self.band_cents - h) / self.band_cents).max(0.0);
        let score = inside * inside * self.size;
        self.pool * score / (score + self.others_score)
    }

    /// All together.
    #[must_use]
    pub fn net(&self, h: f64) -> f64 {
        self.spread(h) - self.picked_off(h) + self.rewards(h)
    }
}
