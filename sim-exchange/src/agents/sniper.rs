//! Traders who live on public jumps: they take quotes that have not moved yet.

use super::informed::EdgeRule;
use super::params::{self, BadAgent};
use super::taking::Taker;
use super::{Agent, News, Request, Seen};
use crate::latent::{Jump, logistic};
use mm_core::domain::{MarketIx, Price, Qty, Side, Timestamp, Usdc};

/// A sniper. How fast it is belongs to its link in the world: all hear a jump at the same nanosecond, and each request takes its
/// own latency draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SniperParams {
    /// Where.
    pub market: MarketIx,
    /// What its account begins with.
    pub capital: Usdc,
    /// Edge after the fee that is not worth the trouble, dollars per share.
    pub threshold: Price,
    /// Most shares it takes at one jump.
    pub max: Qty,
}

impl SniperParams {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn check(&self) -> Result<(), BadAgent> {
        params::capital("capital", self.capital)?;
        params::distance("threshold", self.threshold)?;
        params::orderable("max", self.max)
    }
}

/// A sniper with its account. Draws nothing.
#[derive(Clone, Debug)]
pub struct Sniper {
    name: String,
    rule: EdgeRule,
    taker: Taker,
}

impl Sniper {
    /// The agent `name`.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn new(name: &str, params: SniperParams) -> Result<Self, BadAgent> {
        params.check()?;
        let cent = Price::from_ten_thousandths(100).expect("a cent is a price");
        // as much as is there: the largest order from the smallest edge on
        let rule = EdgeRule {
            threshold: params.threshold,
            unit: cent,
            per_unit: params.max,
            min: params.max,
            max: params.max,
        };
        Ok(Self { name: name.to_owned(), rule, taker: Taker::new(params.market) })
    }

    fn snipe(&mut self, jump: &Jump, seen: &Seen<'_>, out: &mut Vec<Request>) {
        let Some(book) = self.taker.book(seen) else { return };
        // stale quotes stand on the side the price has jumped over
        let side = if jump.after > jump.before { Side::Buy } else { Side::Sell };
        if let Some((limit, qty)) = self.rule.order(logistic(jump.after), side, book) {
            self.taker.take(seen, side, limit, qty, out);
        }
    }
}

impl Agent for Sniper {
    fn name(&self) -> &str {
        &self.name
    }

    /// Nothing to do by itself.
    fn wake(&mut self, _: Timestamp, _: &Seen<'_>, _: &mut Vec<Request>) -> Option<Timestamp> {
        None
    }

    fn hear(&mut self, _: Timestamp, news: &News, seen: &Seen<'_>, out: &mut Vec<Request>) {
        match news {
            News::Jump(jump) if jump.market == self.taker.market() => self.snipe(jump, seen, out),
            // nothing under way: time for the small change
            News::Ended { .. } if !seen.own.is_waiting() => self.taker.tidy(seen, out),
            _ => {}
        }
    }

    fn follows(&self) -> Option<MarketIx> {
        Some(self.taker.market())
    }

    fn fork(&self) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}
