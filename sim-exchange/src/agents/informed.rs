//! Traders with a signal: they take what is mispriced by what they know.

use super::params::{self, BadAgent};
use super::taking::{Taker, reach};
use super::{Agent, MarketFacts, PublicBook, Request, Seen};
use crate::draws::{Cursor, Draws, real, whole};
use crate::latent::logistic;
use mm_core::domain::{MarketIx, Nanos, Outcome, Price, Qty, Side, Timestamp, Usdc};

/// An informed trader.
#[derive(Clone, Debug, PartialEq)]
pub struct InformedParams {
    /// Where.
    pub market: MarketIx,
    /// What its account begins with.
    pub capital: Usdc,
    /// Mean looks an hour; each look may trade once.
    pub looks_per_h: f64,
    /// What it knows, and how much it then trades.
    pub style: InformedStyle,
}

/// What an informed trader knows.
#[derive(Clone, Debug, PartialEq)]
pub enum InformedStyle {
    /// An estimate of the probability, from its signal.
    Estimate(EdgeRule),
    /// The outcome: the informed trader of Glosten and Milgrom, who takes this much of whatever is offered on the right side.
    Outcome {
        /// Shares a trade.
        size: Qty,
    },
}

/// When an estimate is worth trading on, and how much: `clamp(floor(per_unit · edge/unit), min, max)` shares, at most what rests
/// inside the edge and what can be paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeRule {
    /// Edge after the fee that is not worth the trouble, dollars per share.
    pub threshold: Price,
    /// Step of edge, above 0.
    pub unit: Price,
    /// Shares for each step of edge.
    pub per_unit: Qty,
    /// Smallest order.
    pub min: Qty,
    /// Largest order.
    pub max: Qty,
}

impl EdgeRule {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn check(&self) -> Result<(), BadAgent> {
        params::distance("threshold", self.threshold)?;
        params::number("unit", f64::from(self.unit.ten_thousandths()), 1.0, 9_999.0, "above 0, below a dollar")?;
        params::orderable("per_unit", self.per_unit)?;
        params::orderable("min", self.min)?;
        params::ordered("max", self.min, self.max, "min or more")
    }

    /// What buying (or selling) one share at `price` gains after fee and threshold, if it is worth `p` dollars.
    pub(super) fn edge(&self, p: f64, side: Side, price: Price, facts: &MarketFacts) -> f64 {
        let at = f64::from(price.ten_thousandths()) / 10_000.0;
        let gain = match side {
            Side::Buy => p - at,
            Side::Sell => at - p,
        };
        gain - facts.fee_per_share(price) - f64::from(self.threshold.ten_thousandths()) / 10_000.0
    }

    /// The order worth sending on one side: its limit and its size.
    pub(super) fn order(&self, p: f64, side: Side, book: &PublicBook) -> Option<(Price, Qty)> {
        let facts = book.facts();
        let (best, _) = book.best(side.other())?;
        let (limit, depth) = reach(book, side.other(), |price| self.edge(p, side, price, facts) > 0.0)?;
        let units = self.edge(p, side, best, facts) / (f64::from(self.unit.ten_thousandths()) / 10_000.0);
        let shares = whole(units * real(self.per_unit.micro()) / 1_000_000.0);
        let qty = Qty::from_whole(shares).unwrap_or(Qty::MAX).clamp(self.min, self.max);
        Some((limit, qty.min(depth)))
    }
}

impl InformedParams {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn check(&self) -> Result<(), BadAgent> {
        params::capital("capital", self.capital)?;
        params::rate("looks_per_h", self.looks_per_h)?;
        match &self.style {
            InformedStyle::Estimate(rule) => rule.check(),
            InformedStyle::Outcome { size } => params::orderable("size", *size),
        }
    }
}

/// An informed trader with its account.
#[derive(Clone, Debug)]
pub struct Informed {
    name: String,
    params: InformedParams,
    mean_gap: Nanos,
    arrivals: Cursor,
    next: Option<Timestamp>,
    taker: Taker,
}

impl Informed {
    /// The agent `name` of a world with these draws.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn new(name: &str, params: InformedParams, draws: &Draws) -> Result<Self, BadAgent> {
        params.check()?;
        Ok(Self {
            name: name.to_owned(),
            mean_gap: params::mean_gap(params.looks_per_h),
            arrivals: Cursor::new(draws.stream("arrivals", name)),
            next: None,
            taker: Taker::new(params.market),
            params,
        })
    }

    /// What it would do now, in YES terms.
    fn decide(&self, book: &PublicBook, seen: &Seen<'_>) -> Option<(Side, Price, Qty)> {
        let market = self.params.market;
        match &self.params.style {
            InformedStyle::Estimate(rule) => {
                let p = logistic(seen.signals.log_odds(market)?);
                let order = |side| rule.order(p, side, book).map(|(limit, qty)| (side, limit, qty));
                order(Side::Buy).or_else(|| order(Side::Sell))
            }
            InformedStyle::Outcome { size } => {
                let side = match seen.signals.outcome(market)? {
                    Outcome::Yes => Side::Buy,
                    Outcome::No => Side::Sell,
                };
                let (limit, _) = reach(book, side.other(), |_| true)?;
                Some((side, limit, *size))
            }
        }
    }
}

impl Agent for Informed {
    fn name(&self) -> &str {
        &self.name
    }

    fn wake(&mut self, at: Timestamp, seen: &Seen<'_>, out: &mut Vec<Request>) -> Option<Timestamp> {
        match self.next {
            Some(due) if at < due => return Some(due),
            // what is on its way may have taken the mispricing already
            Some(_) if !seen.own.is_waiting() => match self.taker.book(seen).and_then(|book| self.decide(book, seen)) {
                Some((side, limit, qty)) => self.taker.take(seen, side, limit, qty, out),
                None => self.taker.tidy(seen, out),
            },
            _ => {}
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
