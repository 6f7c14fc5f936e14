//! Traders without information: they arrive, take a random size, and go.

use super::params::{self, BadAgent};
use super::taking::Taker;
use super::{Agent, PublicBook, Request, Seen};
use crate::draws::{Cursor, Draws, Stream, normal_quantile, real, whole};
use crate::latent::logistic;
use mm_core::domain::{MarketIx, Nanos, Price, Qty, Side, Timestamp, Usdc};

/// A stream of noise traders.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseParams {
    /// Where.
    pub market: MarketIx,
    /// What its account begins with.
    pub capital: Usdc,
    /// Mean arrivals an hour (of those who look; see [`Reach::Thinned`]).
    pub arrivals_per_h: f64,
    /// Probability that an arrival buys YES, 0 to 1: one half is a fair coin.
    pub buys: f64,
    /// How much.
    pub size: NoiseSize,
    /// How far.
    pub reach: Reach,
}

/// Law of an order's size. Cut to hundredths of a share and raised to the venue's minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseSize {
    /// Log-normal through these two quantiles.
    LogNormal {
        /// Half are larger.
        median: Qty,
        /// One in a hundred is larger.
        p99: Qty,
    },
    /// Whole shares, geometric with this mean, one share or more.
    Geometric {
        /// Mean.
        mean: Qty,
    },
    /// Always this much.
    Fixed(Qty),
}

/// How dear a noise trader will still trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// Everybody trades, through levels up to this far beyond the best.
    Through(Price),
    /// A trader takes what is at most an exponential distance from the middle: a quote at distance d cents meets the arrivals
    /// times `e^(−k·d)`, whatever else is in the book.
    Thinned {
        /// k, above 0.
        decay_per_cent: f64,
        /// Distance from what.
        around: Around,
    },
}

/// What distances are measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// The midpoint of the public book; nobody trades while a side is empty.
    Midpoint,
    /// The agent's own signal; nobody trades without one.
    Signal,
}

impl NoiseParams {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn check(&self) -> Result<(), BadAgent> {
        params::capital("capital", self.capital)?;
        params::rate("arrivals_per_h", self.arrivals_per_h)?;
        params::number("buys", self.buys, 0.0, 1.0, "0 to 1")?;
        match self.size {
            NoiseSize::LogNormal { median, p99 } => {
                params::orderable("size.median", median)?;
                params::ordered("size.p99", median, p99, "the median or more")?;
            }
            NoiseSize::Geometric { mean } => {
                params::ordered("size.mean", Qty::from_micro(1_000_000), mean, "one share or more")?;
            }
            NoiseSize::Fixed(qty) => params::orderable("size", qty)?,
        }
        match self.reach {
            Reach::Through(price) => params::distance("reach", price),
            Reach::Thinned { decay_per_cent, .. } => {
                params::number("decay_per_cent", decay_per_cent, 1e-6, 1e6, "a millionth to a million")
            }
        }
    }
}

/// A stream of noise traders with one account. Draw k of each of its streams belongs to arrival k.
#[derive(Clone, Debug)]
pub struct Noise {
    name: String,
    params: NoiseParams,
    mean_gap: Nanos,
    arrivals: Cursor,
    sides: Stream,
    sizes: Stream,
    distances: Stream,
    /// Of a log-normal size: median in millionths and the log's standard deviation.
    log_normal: [f64; 2],
    next: Option<Timestamp>,
    taker: Taker,
}

impl Noise {
    /// The agent `name` of a world with these draws.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn new(name: &str, params: NoiseParams, draws: &Draws) -> Result<Self, BadAgent> {
        params.check()?;
        let log_normal = match params.size {
            NoiseSize::LogNormal { median, p99 } => {
                let (median, p99) = (real(median.micro()), real(p99.micro()));
                [median, libm::log(p99 / median) / normal_quantile(0.99)]
            }
            _ => [0.0; 2],
        };
        Ok(Self {
            name: name.to_owned(),
            mean_gap: params::mean_gap(params.arrivals_per_h),
            arrivals: Cursor::new(draws.stream("arrivals", name)),
            sides: draws.stream("side", name),
            sizes: draws.stream("size", name),
            distances: draws.stream("distance", name),
            log_normal,
            next: None,
            taker: Taker::new(params.market),
            params,
        })
    }

    fn size(&self, k: u64) -> Qty {
        let qty = match self.params.size {
            NoiseSize::LogNormal { .. } => {
                Qty::from_micro(whole(self.sizes.draw(k).log_normal(self.log_normal[0], self.log_normal[1])))
            }
            NoiseSize::Geometric { mean } => {
                let shares = self.sizes.draw(k).geometric(1_000_000.0 / real(mean.micro()));
                Qty::from_whole(shares).unwrap_or(Qty::MAX)
            }
            NoiseSize::Fixed(qty) => qty,
        };
        qty.to_order_size_down()
    }

    /// The worst price arrival k still takes, in YES terms; `None` if it takes nothing that is shown.
    fn limit(&self, k: u64, side: Side, book: &PublicBook, seen: &Seen<'_>) -> Option<Price> {
        let (best, _) = book.best(side.other())?;
        let tick = book.facts().tick;
        let limit = match self.params.reach {
            Reach::Through(far) => {
                let far = far.ten_thousandths();
                match side {
                    Side::Buy => best.checked_add(far).unwrap_or(Price::ONE).to_tick_down(tick),
                    Side::Sell => best.checked_sub(far).unwrap_or(Price::ZERO).to_tick_up(tick),
                }
            }
            Reach::Thinned { decay_per_cent, around } => {
                let middle = match around {
                    Around::Midpoint => f64::from(book.midpoint()?.halves()) / 2.0,
                    Around::Signal => logistic(seen.signals.log_odds(self.params.market)?) * 10_000.0,
                };
                let far = self.distances.draw(k).exponential() / decay_per_cent * 100.0;
                match side {
                    Side::Buy => price_down(middle + far).to_tick_down(tick),
                    Side::Sell => price_up(middle - far).to_tick_up(tick),
                }
            }
        };
        let reached = match side {
            Side::Buy => limit >= best,
            Side::Sell => limit <= best,
        };
        reached.then(|| inside(limit, tick.ten_thousandths()))
    }
}

/// Ten-thousandths of a dollar cut down to a price.
fn price_down(x: f64) -> Price {
    u16::try_from(whole(x)).ok().and_then(Price::from_ten_thousandths).unwrap_or(Price::ONE)
}

/// Ten-thousandths of a dollar raised to a price.
fn price_up(x: f64) -> Price {
    price_down(libm::ceil(x))
}

/// At least a tick away from nothing and from a dollar.
fn inside(price: Price, tick: u16) -> Price {
    let n = price.ten_thousandths().clamp(tick, 10_000 - tick);
    Price::from_ten_thousandths(n).expect("a tick below a dollar is a price")
}

impl Agent for Noise {
    fn name(&self) -> &str {
        &self.name
    }

    fn wake(&mut self, at: Timestamp, seen: &Seen<'_>, out: &mut Vec<Request>) -> Option<Timestamp> {
        match self.next {
            Some(due) if at < due => return Some(due),
            Some(_) => {
                // gap k led to arrival k
                let k = self.arrivals.index() - 1;
                let side = if self.sides.draw(k).bernoulli(self.params.buys) { Side::Buy } else { Side::Sell };
                let limit = self.taker.book(seen).and_then(|book| self.limit(k, side, book, seen));
                match limit {
                    Some(limit) => {
                        let qty = self.size(k);
                        self.taker.take(seen, side, limit, qty, out);
                    }
                    None => self.taker.tidy(seen, out),
                }
            }
            None => {}
        }
        let mean = self.mean_gap;
        let next = at.plus(self.arrivals.take().gap(mean).max(Nanos::from_nanos(1)));
        self.next = Some(next);
        Some(next)
    }

    fn fork(&self) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}
