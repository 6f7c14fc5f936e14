//! One sample of one market: who scores how much, exactly.

use super::amount::share;
use crate::exchange::AccountIx;
use mm_core::domain::{Nanos, Price, Qty, RewardTerms, Side};
use mm_core::rewards::{Fixed12, Formula, Midpoint, MidpointMode, Ratio, Rule};
use serde::{Deserialize, Serialize};

/// Who is scored as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u32", from = "u32")]
pub enum Maker {
    /// A wallet.
    Account(AccountIx),
    /// All of a recorded or built-in book: its owners are unknown.
    Recorded,
}

impl From<Maker> for u32 {
    fn from(maker: Maker) -> Self {
        match maker {
            Maker::Account(ix) => ix.0,
            Maker::Recorded => Self::MAX,
        }
    }
}

impl From<u32> for Maker {
    fn from(n: u32) -> Self {
        if n == u32::MAX { Self::Recorded } else { Self::Account(AccountIx(n)) }
    }
}

/// An order in the book, in YES terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Whose.
    pub maker: Maker,
    /// Bid or ask of YES.
    pub side: Side,
    /// Price of YES.
    pub price: Price,
    /// What is left of it: a partial fill below the minimum size stops scoring.
    pub qty: Qty,
    /// Since it was accepted; a replaced order is a new one.
    pub age: Nanos,
}

/// What one market scores by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Farthest distance from the midpoint inside the band; exactly there scores nothing.
    pub max_spread: Price,
    /// Smallest order that scores, and smallest level that forms the midpoint.
    pub min_size: Qty,
    /// Age from which an order scores; a younger one still is part of the book.
    pub min_age: Nanos,
    /// What may form the midpoint.
    pub midpoint: MidpointMode,
    /// In-game multiplier; 1 at the venue, as far as anybody knows.
    pub multiplier: Ratio,
    /// What a single side is divided by, above zero; 3 at the venue.
    pub divisor: Ratio,
}

impl Terms {
    /// The venue's rules of today for a market's terms.
    #[must_use]
    pub const fn venue(terms: &RewardTerms, midpoint: MidpointMode) -> Self {
        Self {
            max_spread: terms.max_spread,
            min_size: terms.min_size,
            min_age: terms.min_age,
            midpoint,
            multiplier: Ratio::ONE,
            divisor: Ratio::whole(3),
        }
    }
}

/// One order, scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderPoints {
    /// Large and old enough, and not beyond the maximum spread.
    pub eligible: bool,
    /// In units of [`Formula::unit`]. More than nothing is what the venue calls scoring.
    pub points: u128,
}

/// One maker, scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MakerPoints {
    /// Who.
    pub maker: Maker,
    /// Bids of YES, in units of [`Formula::unit`].
    pub one: u128,
    /// Asks of YES, in the same units.
    pub two: u128,
    /// Both as one number, in units of [`Formula::q_min_unit`].
    pub q_min: u128,
}

/// What a sample found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Best bid and ask that may form the midpoint; `None` when a side has none, and then nobody scores.
    pub best: Option<(Price, Price)>,
    /// The formula at the midpoint between them.
    pub formula: Option<Formula>,
    /// One entry an order, in the order given.
    pub orders: Vec<OrderPoints>,
    /// Makers with any points, by rising [`Maker`].
    pub makers: Vec<MakerPoints>,
    /// Sum of their `q_min`.
    pub total: u128,
}

impl Sample {
    /// The scoring midpoint.
    #[must_use]
    pub fn midpoint(&self) -> Option<Midpoint> {
        self.formula.map(|formula| formula.midpoint)
    }

    /// Makers that score, each with its share in units of [`super::SHARE_ONE`], rounded down.
    pub fn shares(&self) -> impl Iterator<Item = (Maker, u128)> {
        self.makers.iter().filter(|m| m.q_min > 0).map(|m| (m.maker, share(m.q_min, self.total)))
    }

    /// A maker's share as it is told: twelve decimals, half to even; zero when it does not score.
    #[must_use]
    pub fn share_of(&self, maker: Maker) -> Fixed12 {
        let q_min = self.makers.iter().find(|m| m.maker == maker).map_or(0, |m| m.q_min);
        // the share of nobody is nothing; `max(1)` only keeps the division defined
        Fixed12::quotient(q_min, 1, self.total.max(1)).expect("a share is at most one")
    }

    /// The sum of all makers' scores: what the venue calls the competitiveness of a market.
    #[must_use]
    pub fn competitiveness(&self) -> Fixed12 {
        let unit = self.formula.as_ref().and_then(Formula::q_min_unit);
        unit.and_then(|unit| Fixed12::quotient(self.total, 1, unit)).unwrap_or_default()
    }
}

/// Total size and largest order of one level.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    total: u64,
    largest: u64,
}

/// Prices a level can have, its two ends included.
const PRICES: usize = 10_001;

/// Takes samples. Keeps its working memory, so that a sample allocates only its answer.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    /// Bids, then asks, by price.
    levels: Vec<Level>,
    /// Which of them are not empty.
    touched: Vec<usize>,
    /// Place of an account among the sample's makers, plus one.
    places: Vec<u32>,
    placed: Vec<usize>,
    recorded_place: Option<usize>,
}

impl Sampler {
    /// Scores every maker of a market. `recorded` is anonymous size by level, always old enough, one maker altogether; a
    /// recorded level below the minimum size cannot hold an order that reaches it.
    ///
    /// `None` when a number does not fit 128 bits, which sizes, multipliers and divisors of a vector file may bring about and
    /// the venue's own terms cannot (`mm_core::rewards`).
    pub fn sample(&mut self, terms: &Terms, orders: &[Resting], recorded: &[(Side, Price, Qty)]) -> Option<Sample> {
        let Some(best) = self.best(terms, orders, recorded) else {
            return Some(Sample { orders: vec![OrderPoints::default(); orders.len()], ..Sample::default() });
        };
        let formula = Formula {
            midpoint: Midpoint::between(best.0, best.1),
            max_spread: terms.max_spread,
            multiplier: terms.multiplier,
            divisor: terms.divisor,
            rule: Rule::Published,
        };
        self.forget_places();
        let mut makers: Vec<MakerPoints> = Vec::new();
        let mut scored = Vec::with_capacity(orders.len());
        for order in orders {
            let eligible = order.qty >= terms.min_size && order.age >= terms.min_age && formula.reaches(order.price);
            let points = if eligible { formula.points(order.price, order.qty)? } else { 0 };
            if points > 0 {
                self.add(&mut makers, order.maker, order.side, points)?;
            }
            scored.push(OrderPoints { eligible, points });
        }
        for (side, price, qty) in recorded {
            if *qty >= terms.min_size && formula.reaches(*price) {
                let points = formula.points(*price, *qty)?;
                if points > 0 {
                    self.add(&mut makers, Maker::Recorded, *side, points)?;
                }
            }
        }
        let mut total = 0u128;
        for maker in &mut makers {
            maker.q_min = formula.q_min(maker.one, maker.two)?;
            total = total.checked_add(maker.q_min)?;
        }
        makers.sort_unstable_by_key(|m| m.maker);
        Some(Sample { best: Some(best), formula: Some(formula), orders: scored, makers, total })
    }

    /// The best bid and the best ask that may form the midpoint.
    fn best(&mut self, terms: &Terms, orders: &[Resting], recorded: &[(Side, Price, Qty)]) -> Option<(Price, Price)> {
        self.levels.resize(2 * PRICES, Level::default());
        for at in self.touched.drain(..) {
            self.levels[at] = Level::default();
        }
        let sizes = orders.iter().map(|o| (o.side, o.price, o.qty)).chain(recorded.iter().copied());
        for (side, price, qty) in sizes.filter(|(_, _, qty)| !qty.is_zero()) {
            let at = usize::from(side == Side::Sell) * PRICES + usize::from(price.ten_thousandths());
            let level = &mut self.levels[at];
            if level.total == 0 {
                self.touched.push(at);
            }
            // a total is only compared with the minimum: stopping at the largest number changes no answer
            level.total = level.total.saturating_add(qty.micro());
            level.largest = level.largest.max(qty.micro());
        }
        let least = terms.min_size.micro();
        let (mut bid, mut ask) = (None, None);
        for at in &self.touched {
            let level = self.levels[*at];
            let counts = match terms.midpoint {
                MidpointMode::Level => level.total >= least,
                MidpointMode::Order => level.largest >= least,
                MidpointMode::Raw => true,
            };
            if !counts {
                continue;
            }
            if *at < PRICES {
                bid = bid.max(Some(*at));
            } else {
                ask = Some(ask.map_or(*at, |best: usize| best.min(*at)));
            }
        }
        Some((price_at(bid?), price_at(ask? - PRICES)))
    }

    fn add(&mut self, makers: &mut Vec<MakerPoints>, maker: Maker, side: Side, points: u128) -> Option<()> {
        let place = self.place(makers, maker);
        let sum = match side {
            Side::Buy => &mut makers[place].one,
            Side::Sell => &mut makers[place].two,
        };
        *sum = sum.checked_add(points)?;
        Some(())
    }

    fn place(&mut self, makers: &mut Vec<MakerPoints>, maker: Maker) -> usize {
        let known = match maker {
            Maker::Recorded => self.recorded_place,
            Maker::Account(ix) => {
                let row = row(ix);
                if row >= self.places.len() {
                    self.places.resize(row + 1, 0);
                }
                usize::try_from(self.places[row]).expect("32 bits fit an index").checked_sub(1)
            }
        };
        known.unwrap_or_else(|| {
            let place = makers.len();
            makers.push(MakerPoints { maker, one: 0, two: 0, q_min: 0 });
            match maker {
                Maker::Recorded => self.recorded_place = Some(place),
                Maker::Account(ix) => {
                    self.places[row(ix)] = u32::try_from(place + 1).expect("accounts are numbered in 32 bits");
                    self.placed.push(row(ix));
                }
            }
            place
        })
    }

    fn forget_places(&mut self) {
        self.recorded_place = None;
        for row in self.placed.drain(..) {
            self.places[row] = 0;
        }
    }
}

fn row(ix: AccountIx) -> usize {
    usize::try_from(ix.0).expect("32 bits fit an index")
}

fn price_at(ten_thousandths: usize) -> Price {
    let n = u16::try_from(ten_thousandths).ok();
    n.and_then(Price::from_ten_thousandths).expect("levels are indexed by price")
}
