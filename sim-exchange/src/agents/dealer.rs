//! The market maker of the textbooks: quotes at a stated distance from its belief, refilled at once. For scenarios with known
//! answers; it takes no notice of inventory, rewards or other makers.

use super::params::{self, BadAgent};
use super::quoting::{Keep, Quoter, Target, on_tick};
use super::{Agent, News, PublicBook, Request, Seen};
use crate::latent::logistic;
use crate::theory::{competitive_half_spread, glosten_milgrom};
use mm_core::domain::{MarketIx, Nanos, Outcome, Price, Qty, Side, Timestamp, Usdc};

/// A dealer.
#[derive(Clone, Debug, PartialEq)]
pub struct DealerParams {
    /// Where.
    pub market: MarketIx,
    /// What its account begins with.
    pub capital: Usdc,
    /// Time between looks; it also looks after each of its fills.
    pub look_every: Nanos,
    /// Shares a side.
    pub size: Qty,
    /// An order is replaced when less than this part of it is left, 0 to 1.
    pub refill_below: f64,
    /// Where it quotes.
    pub rule: DealerRule,
    /// What it believes.
    pub belief: Belief,
}

/// Where a dealer quotes. A distance goes to the nearest tick, so that in the mean it is what the rule says; the quotes of Glosten and
/// Milgrom go outward, never to a price at which a trade would lose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DealerRule {
    /// A fixed distance on both sides of the belief.
    Fixed {
        /// Dollars.
        half_spread: Price,
    },
    /// The competitive quotes of Glosten and Milgrom: each is what the belief would be after that trade.
    GlostenMilgrom {
        /// Share of informed arrivals, 0 to below 1.
        informed: f64,
        /// Probability that an uninformed arrival buys, above 0 and below 1.
        buys: f64,
    },
    /// The half-spread at which makers who are picked off at every jump break even.
    Competitive {
        /// Noise arrivals an hour.
        noise_per_h: f64,
        /// Jumps an hour.
        jumps_per_h: f64,
        /// Mean size of a jump, exponential; dollars.
        jump_mean: f64,
    },
}

/// What a dealer believes the probability to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Belief {
    /// Its signal.
    Signal,
    /// This, whatever happens.
    Stays(f64),
    /// This at first; after each trade what Glosten and Milgrom infer from it.
    Learns(f64),
}

impl DealerParams {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn check(&self) -> Result<(), BadAgent> {
        params::capital("capital", self.capital)?;
        params::time("look_every", self.look_every, Nanos::from_ms(1), "a millisecond to a day")?;
        params::orderable("size", self.size)?;
        params::number("refill_below", self.refill_below, 0.0, 1.0, "0 to 1")?;
        match self.rule {
            DealerRule::Fixed { half_spread } => params::distance("half_spread", half_spread)?,
            DealerRule::GlostenMilgrom { informed, buys } => {
                params::number("informed", informed, 0.0, 0.999, "0 to 0.999")?;
                params::number("buys", buys, 0.001, 0.999, "0.001 to 0.999")?;
            }
            DealerRule::Competitive { noise_per_h, jumps_per_h, jump_mean } => {
                params::rate("noise_per_h", noise_per_h)?;
                params::rate("jumps_per_h", jumps_per_h)?;
                params::number("jump_mean", jump_mean, 1e-4, 1.0, "0.0001 to 1")?;
            }
        }
        match self.belief {
            Belief::Signal => Ok(()),
            Belief::Stays(p) | Belief::Learns(p) => params::number("belief", p, 1e-4, 1.0 - 1e-4, "0.0001 to 0.9999"),
        }
    }
}

/// A dealer with its account. Draws nothing.
#[derive(Clone, Debug)]
pub struct Dealer {
    name: String,
    params: DealerParams,
    belief: Belief,
    next: Option<Timestamp>,
    quoter: Quoter,
}

impl Dealer {
    /// The agent `name`.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn new(name: &str, params: DealerParams) -> Result<Self, BadAgent> {
        params.check()?;
        Ok(Self {
            name: name.to_owned(),
            belief: params.belief,
            next: None,
            quoter: Quoter::new(params.market),
            params,
        })
    }

    /// Its bid and ask in dollars before they meet the tick, around the belief `p`.
    fn quotes(&self, p: f64) -> [f64; 2] {
        match self.params.rule {
            DealerRule::Fixed { half_spread } => {
                let h = f64::from(half_spread.ten_thousandths()) / 10_000.0;
                [p - h, p + h]
            }
            DealerRule::GlostenMilgrom { informed, buys } => glosten_milgrom(p, informed, buys),
            DealerRule::Competitive { noise_per_h, jumps_per_h, jump_mean } => {
                let h = competitive_half_spread(noise_per_h, jumps_per_h, jump_mean);
                [p - h, p + h]
            }
        }
    }

    fn targets(&self, book: &PublicBook, seen: &Seen<'_>) -> [Option<Target>; 2] {
        let p = match self.belief {
            Belief::Signal => seen.signals.log_odds(self.params.market).map(logistic),
            Belief::Stays(p) | Belief::Learns(p) => Some(p),
        };
        let tick = book.facts().tick.ten_thousandths();
        let Some([bid, ask]) = p.map(|p| self.quotes(p)) else { return [None, None] };
        // a quotient of doubles may miss the tick it means by a rounding error: a millionth of a ten-thousandth is none
        let inward = 1e-6
            + match self.params.rule {
                DealerRule::GlostenMilgrom { .. } => 0.0,
                DealerRule::Fixed { .. } | DealerRule::Competitive { .. } => f64::from(tick) / 2.0,
            };
        let bid = on_tick(bid * 10_000.0 + inward, book, false);
        let ask = on_tick(ask * 10_000.0 - inward, book, true);
        let target = |price| Some(Target { price, qty: self.params.size });
        if bid < ask { [target(bid), target(ask)] } else { [None, None] }
    }

    fn quote(&mut self, seen: &Seen<'_>, out: &mut Vec<Request>) {
        let Some(book) = self.quoter.book(seen) else { return };
        let targets = self.targets(book, seen);
        self.quoter.steer(seen, targets, Keep { within: Price::ZERO, part: self.params.refill_below }, out);
        let pairs = seen.own.pairs();
        if pairs >= self.params.size && !out.iter().any(|r| matches!(r, Request::Place { side: Side::Sell, .. })) {
            out.push(Request::Merge { market: self.params.market, qty: pairs });
        }
    }

    /// A fill says which way the arrival went.
    fn learn(&mut self, side: Side, outcome: Outcome) {
        let Belief::Learns(p) = self.belief else { return };
        let DealerRule::GlostenMilgrom { informed, buys } = self.params.rule else { return };
        let [bid, ask] = glosten_milgrom(p, informed, buys);
        let bought_from_us = (side == Side::Sell) == (outcome == Outcome::Yes);
        self.belief = Belief::Learns((if bought_from_us { ask } else { bid }).clamp(1e-4, 1.0 - 1e-4));
    }
}

impl Agent for Dealer {
    fn name(&self) -> &str {
        &self.name
    }

    fn wake(&mut self, at: Timestamp, seen: &Seen<'_>, out: &mut Vec<Request>) -> Option<Timestamp> {
        if let Some(due) = self.next.filter(|due| at < *due) {
            return Some(due);
        }
        self.quote(seen, out);
        let next = at.plus(self.params.look_every);
        self.next = Some(next);
        Some(next)
    }

    fn hear(&mut self, _: Timestamp, news: &News, seen: &Seen<'_>, out: &mut Vec<Request>) {
        match news {
            News::Filled { side, outcome, .. } => {
                self.learn(*side, *outcome);
                self.quote(seen, out);
            }
            News::Ended { order } => self.quoter.ended(*order),
            _ => {}
        }
    }

    fn fork(&self) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}
