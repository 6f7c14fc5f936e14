//! A competing reward maker: two quotes inside the band, leaned against its inventory, moved no more than it must.

use super::params::{self, BadAgent};
use super::quoting::{Keep, Quoter, Target, best_of_others, on_tick};
use super::{Agent, News, PublicBook, Request, Seen};
use crate::draws::{Cursor, Draws, real, whole};
use crate::latent::logistic;
use mm_core::domain::{MarketIx, Nanos, Price, Qty, Side, Timestamp, Usdc};
use mm_core::rewards::Midpoint;

/// A reward maker.
#[derive(Clone, Debug, PartialEq)]
pub struct MakerParams {
    /// Where.
    pub market: MarketIx,
    /// What its account begins with.
    pub capital: Usdc,
    /// Mean time between looks; each gap is drawn evenly from half to one and a half of it, so that makers do not march in step.
    pub look_every: Nanos,
    /// Shares a side. Raised to a tenth above the reward minimum, so that a small partial fill keeps scoring.
    pub size: Qty,
    /// How far from its fair price.
    pub distance: Distance,
    /// How much of its fair price comes from its signal, 0 to 1; the rest is the midpoint of the others' quotes. Where one of the
    /// two is missing, the other counts alone; without both it quotes nothing.
    pub signal_share: f64,
    /// Both quotes move by this for each `size` of net position, against it.
    pub skew: Price,
    /// At this net position the side that would add to it is withdrawn; outside 0.10 to 0.90, where one side alone scores
    /// nothing, both.
    pub max_position: Qty,
    /// An order may stay while it is less than this from where it should be.
    pub tolerance: Price,
    /// An order may stay while at least this part of it is left, 0 to 1.
    pub refill_below: f64,
}

/// How far from its fair price a maker quotes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distance {
    /// A part of the market's reward band, 0 to below 1: always inside it. A market without rewards gets no quotes.
    OfBand(f64),
    /// Dollars, wherever the band ends.
    Fixed(Price),
}

impl MakerParams {
    /// Checks ranges.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn check(&self) -> Result<(), BadAgent> {
        params::capital("capital", self.capital)?;
        params::time("look_every", self.look_every, Nanos::from_ms(1), "a millisecond to a day")?;
        params::orderable("size", self.size)?;
        match self.distance {
            Distance::OfBand(part) => params::number("distance", part, 0.0, 0.999, "0 to 0.999 of the band")?,
            Distance::Fixed(far) => params::distance("distance", far)?,
        }
        params::number("signal_share", self.signal_share, 0.0, 1.0, "0 to 1")?;
        params::distance("skew", self.skew)?;
        params::distance("tolerance", self.tolerance)?;
        params::number("refill_below", self.refill_below, 0.0, 1.0, "0 to 1")
    }
}

/// A reward maker with its account.
#[derive(Clone, Debug)]
pub struct Maker {
    name: String,
    params: MakerParams,
    looks: Cursor,
    next: Option<Timestamp>,
    quoter: Quoter,
}

/// What all quotes of one look are made from.
struct Stance {
    /// Ten-thousandths of a dollar.
    fair: f64,
    /// Midpoint of the others, if both sides are there.
    midpoint: Option<Midpoint>,
    size: Qty,
}

impl Maker {
    /// The agent `name` of a world with these draws.
    ///
    /// # Errors
    /// [`BadAgent`] names the field.
    pub fn new(name: &str, params: MakerParams, draws: &Draws) -> Result<Self, BadAgent> {
        params.check()?;
        Ok(Self {
            name: name.to_owned(),
            looks: Cursor::new(draws.stream("arrivals", name)),
            next: None,
            quoter: Quoter::new(params.market),
            params,
        })
    }

    fn stance(&self, book: &PublicBook, seen: &Seen<'_>) -> Option<Stance> {
        let rewards = book.facts().rewards.as_ref();
        let min_size = rewards.map_or(Qty::ZERO, |terms| terms.min_size);
        let side = |side| best_of_others(book, side, seen.own.orders(), min_size);
        let midpoint = side(Side::Buy).zip(side(Side::Sell)).map(|(bid, ask)| Midpoint::between(bid, ask));
        let public = midpoint.map(|mid| f64::from(mid.halves()) / 2.0);
        let signal = seen.signals.log_odds(self.params.market).map(|x| logistic(x) * 10_000.0);
        let fair = match (signal, public) {
            (Some(signal), Some(public)) => public + self.params.signal_share * (signal - public),
            (one, other) => one.or(other)?,
        };
        let roomy = min_size.saturating_add(Qty::from_micro(min_size.micro() / 10)).to_order_size_down();
        Some(Stance { fair, midpoint, size: self.params.size.max(roomy) })
    }

    /// Both quotes in YES terms, bid first.
    fn targets(&self, book: &PublicBook, stance: &Stance, seen: &Seen<'_>) -> [Option<Target>; 2] {
        let facts = book.facts();
        let (far, band) = match (self.params.distance, &facts.rewards) {
            (Distance::OfBand(_), None) => return [None, None],
            (Distance::OfBand(part), Some(terms)) => {
                let band = f64::from(terms.max_spread.ten_thousandths());
                (part * band, Some(band))
            }
            (Distance::Fixed(far), _) => (f64::from(far.ten_thousandths()), None),
        };
        let net = seen.own.net_yes();
        let lots = real(net.unsigned_abs()) / real(stance.size.micro());
        let lean = f64::from(self.params.skew.ten_thousandths()) * lots * if net < 0 { -1.0 } else { 1.0 };
        // a lean beyond the band would stop scoring: the position limit is there for the rest
        let lean = band.map_or(lean, |band| lean.clamp(-(band - far).max(0.0), (band - far).max(0.0)));
        let tick = f64::from(facts.tick.ten_thousandths());
        // the middle of the band as it is measured: the others' midpoint, or our own if there is none
        let middle = stance.midpoint.map_or(stance.fair, |mid| f64::from(mid.halves()) / 2.0);
        let mut bid = on_tick(stance.fair - far - lean, book, false);
        let mut ask = on_tick(stance.fair + far - lean, book, true);
        if let Some(band) = band {
            // strictly inside: exactly at the edge an order scores nothing
            if f64::from(bid.ten_thousandths()) <= middle - band {
                bid = on_tick(middle - band + tick, book, false);
            }
            if f64::from(ask.ten_thousandths()) >= middle + band {
                ask = on_tick(middle + band - tick, book, true);
            }
        }
        let step = facts.tick.ten_thousandths();
        // post-only: a tick short of what the others show
        let best = |side| best_of_others(book, side, seen.own.orders(), Qty::ZERO);
        if let Some(best) = best(Side::Sell) {
            bid = bid.min(best.checked_sub(step).unwrap_or(Price::ZERO));
        }
        if let Some(best) = best(Side::Buy) {
            ask = ask.max(best.checked_add(step).unwrap_or(Price::ONE));
        }
        let full = net.unsigned_abs() >= self.params.max_position.micro();
        let one_side_scores = Midpoint::allows_single_sided(stance.midpoint.unwrap_or_else(|| near(stance.fair)));
        let shown = |grows: bool| !full || (one_side_scores && !grows);
        let quote = |price: Price, grows: bool| {
            (shown(grows) && price.is_orderable(facts.tick)).then_some(Target { price, qty: stance.size })
        };
        match [quote(bid, net >= 0), quote(ask, net <= 0)] {
            [Some(bid), Some(ask)] if bid.price >= ask.price => [None, None],
            [Some(_), None] | [None, Some(_)] if !one_side_scores => [None, None],
            both => both,
        }
    }

    fn quote(&mut self, seen: &Seen<'_>, out: &mut Vec<Request>) {
        let Some(book) = self.quoter.book(seen) else { return };
        let stance = self.stance(book, seen);
        let (targets, size) = match &stance {
            Some(stance) => (self.targets(book, stance, seen), stance.size),
            // blind: nothing may rest
            None => ([None, None], self.params.size),
        };
        let keep = Keep { within: self.params.tolerance, part: self.params.refill_below };
        self.quoter.steer(seen, targets, keep, out);
        let pairs = seen.own.pairs();
        // pairs bind a dollar each; what is resting as a sell is not free and not counted
        if pairs >= size && !out.iter().any(|r| matches!(r, Request::Place { side: Side::Sell, .. })) {
            out.push(Request::Merge { market: self.params.market, qty: pairs });
        }
    }
}

/// A price in ten-thousandths as a midpoint.
fn near(fair: f64) -> Midpoint {
    let n = u16::try_from(whole(fair).min(10_000)).unwrap_or(10_000);
    let price = Price::from_ten_thousandths(n).unwrap_or(Price::ONE);
    Midpoint::between(price, price)
}

impl Agent for Maker {
    fn name(&self) -> &str {
        &self.name
    }

    fn wake(&mut self, at: Timestamp, seen: &Seen<'_>, out: &mut Vec<Request>) -> Option<Timestamp> {
        if let Some(due) = self.next.filter(|due| at < *due) {
            return Some(due);
        }
        self.quote(seen, out);
        let mean = real(self.params.look_every.nanos());
        let gap = whole(mean * (0.5 + self.looks.take().uniform())).max(1);
        let next = at.plus(Nanos::from_nanos(gap));
        self.next = Some(next);
        Some(next)
    }

    fn hear(&mut self, _: Timestamp, news: &News, _: &Seen<'_>, _: &mut Vec<Request>) {
        if let News::Ended { order } = news {
            self.quoter.ended(*order);
        }
    }

    fn fork(&self) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}
