//! What our own orders score in a public book: the typed road for the engine.

use super::{Fixed12, Formula, Midpoint};
use crate::book::Book;
use crate::domain::{Nanos, NewOrder, Price, Qty, RewardTerms, Side, Usdc};
use serde::{Deserialize, Serialize};

/// Price levels of one market in YES terms: all that a score needs of a book.
pub trait Depth {
    /// One side's levels, best first, none of them empty.
    fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)>;
}

impl Depth for Book {
    fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        Self::levels(self, side)
    }
}

/// A book as two plain lists, best first: for tests, proofs and what-if questions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// Bids, highest first.
    pub bids: Vec<(Price, Qty)>,
    /// Asks, lowest first.
    pub asks: Vec<(Price, Qty)>,
}

impl Depth for Ladder {
    fn levels(&self, side: Side) -> impl Iterator<Item = (Price, Qty)> {
        match side {
            Side::Buy => self.bids.iter().copied(),
            Side::Sell => self.asks.iter().copied(),
        }
    }
}

/// One of our resting orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// The order, with what is left of it as its size.
    pub order: NewOrder,
    /// How long it has been resting.
    pub age: Nanos,
}

/// One of our orders, scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderScore {
    /// Its side in YES terms.
    pub side: Side,
    /// Distance from the scoring midpoint in cents; `None` without a midpoint.
    pub spread_cents: Option<Fixed12>,
    /// Large enough, old enough and not beyond the maximum spread.
    pub eligible: bool,
    /// Scores more than nothing: eligible and strictly inside the maximum spread.
    pub scoring: bool,
    /// What it scores.
    pub score: Fixed12,
}

/// What a set of our orders scores at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreBreakdown {
    /// The scoring midpoint: the whole book with our orders in it, levels below the minimum size left out. `None`
    /// when a side has no such level; then nobody scores.
    pub midpoint: Option<Midpoint>,
    /// Whether one side alone would score.
    pub single_sided_allowed: bool,
    /// One entry an order, in the order given.
    pub orders: Vec<OrderScore>,
    /// Our bids in YES terms.
    pub q_one: Fixed12,
    /// Our asks in YES terms.
    pub q_two: Fixed12,
    /// Both sides as one number.
    pub q_min: Fixed12,
    /// The same for the rest of the book, taken as one other maker.
    pub rest_q_min: Fixed12,
    /// `q_min` of the total, `0..=1`; zero when nobody scores.
    pub share: Fixed12,
    /// `rate_per_day ÷ 1440 × share`, dollars.
    pub minute_reward: Fixed12,
    /// The same against the least that the rest of the book may score.
    pub best: Outlook,
    /// The same against the most.
    pub worst: Outlook,
}

/// What the rest of a book may score, and what that leaves us.
///
/// A public book does not tell whose its orders are. With side totals `A ≥ B` inside the band, however many makers share them, the rest
/// scores `max((A + B)/4, A/3)` to `B + (A − B)/3` where one side alone scores, else `0` to `B`. One maker holding all of it, as in
/// [`ScoreBreakdown::share`], is between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The rest of the book, as one number.
    pub rest_q_min: Fixed12,
    /// Our part of the total, `0..=1`; zero when nobody scores.
    pub share: Fixed12,
    /// `rate_per_day ÷ 1440 × share`, dollars.
    pub minute_reward: Fixed12,
}

impl Outlook {
    /// Ours beside a known score of the others, in a pool of `rate` a day.
    #[must_use]
    pub fn against(rest: Fixed12, mine: Fixed12, rate: Usdc) -> Self {
        Self::new(mine.units(), rest.units(), Fixed12::ONE.units(), u128::from(rate.micro()))
    }

    /// Scores in units of `unit`.
    fn new(mine: u128, rest: u128, unit: u128, rate_micro: u128) -> Self {
        let total = mine.checked_add(rest).expect(FITS);
        Self {
            rest_q_min: Fixed12::quotient(rest, 1, unit).expect(FITS),
            // the share of nobody is nothing; `max(1)` only keeps the division defined
            share: Fixed12::quotient(mine, 1, total.max(1)).expect(FITS),
            // millionths of a dollar a day: the unit of the rate is divided out together with the minutes
            minute_reward: minute_reward(rate_micro, mine, total),
        }
    }
}

/// Samples of a UTC day (`rewards.md` 2.3).
const MINUTES_PER_DAY: u128 = 1440;

/// Scores our orders against the public book, everything else in it being one other maker.
///
/// `book` is the book as published. Ours may be in it already or not yet: at our prices the larger of the published
/// level and our own size counts, so a late frame neither hides nor doubles an order. Taking the rest as one maker is
/// the careful estimate: several one-sided makers would leave us a larger share (`rewards.md` 2.6).
#[must_use]
pub fn score(book: &impl Depth, own: &[Own], terms: &RewardTerms) -> ScoreBreakdown {
    let orders: Vec<NewOrder> = own.iter().map(|o| o.order).collect();
    let Some(midpoint) = book_midpoint(book, &orders, &orders, terms.min_size) else {
        return nothing(own);
    };
    let formula = Formula::venue(midpoint, terms.max_spread);
    let mut ours = Sides::default();
    let scored = own
        .iter()
        .map(|o| {
            let (side, price) = o.order.in_yes_terms();
            let eligible = o.order.qty >= terms.min_size && o.age >= terms.min_age && formula.reaches(price);
            let points = if eligible { ours.add(&formula, side, price, o.order.qty) } else { 0 };
            OrderScore {
                side,
                spread_cents: Some(spread_cents(midpoint, price)),
                eligible,
                scoring: points > 0,
                score: Fixed12::quotient(points, 1, unit(&formula)).expect(FITS),
            }
        })
        .collect();
    let mut rest = Sides::default();
    for side in [Side::Buy, Side::Sell] {
        for (price, qty) in rest_of(book, side, &orders).take_while(|(price, _)| may_reach(&formula, side, *price)) {
            // a level below the minimum cannot hold an order that reaches it
            if qty >= terms.min_size && formula.reaches(price) {
                rest.add(&formula, side, price, qty);
            }
        }
    }
    let q_unit = formula.q_min_unit().expect(FITS);
    let rate_micro = u128::from(terms.rate_per_day.micro());
    let (mine, theirs) = (ours.q_min(&formula), rest.q_min(&formula));
    let as_one = Outlook::new(mine, theirs, q_unit, rate_micro);
    let [best, worst] =
        rest.q_min_between(midpoint).map(|halves| Outlook::new(2 * mine, halves, 2 * q_unit, rate_micro));
    ScoreBreakdown {
        midpoint: Some(midpoint),
        single_sided_allowed: midpoint.allows_single_sided(),
        orders: scored,
        q_one: Fixed12::quotient(ours.one, 1, unit(&formula)).expect(FITS),
        q_two: Fixed12::quotient(ours.two, 1, unit(&formula)).expect(FITS),
        q_min: Fixed12::quotient(mine, 1, q_unit).expect(FITS),
        rest_q_min: as_one.rest_q_min,
        share: as_one.share,
        minute_reward: as_one.minute_reward,
        best,
        worst,
    }
}

/// `rate ÷ 1440 × mine ÷ total` in dollars.
fn minute_reward(rate_micro: u128, mine: u128, total: u128) -> Fixed12 {
    // Twelve decimals of a dollar are 10^6 a millionth, which `Fixed12` supplies with another 10^6 to spare.
    let den = total.max(1).checked_mul(MINUTES_PER_DAY).expect(FITS);
    let (whole, rest) = super::exact::mul_div(rate_micro * 1_000_000, mine, den).expect(FITS);
    let up = rest > den - rest || (rest == den - rest && whole % 2 == 1);
    Fixed12::from_units(whole + u128::from(up))
}

/// Why scores under the venue's rules fit: stated once, in the module's head.
const FITS: &str = "fewer than 2^18 orders of at most 2^64 millionths stay below 2^127";

fn unit(formula: &Formula) -> u128 {
    formula.unit().expect(FITS)
}

/// No midpoint: nobody scores.
fn nothing(own: &[Own]) -> ScoreBreakdown {
    let order = |o: &Own| OrderScore {
        side: o.order.in_yes_terms().0,
        spread_cents: None,
        eligible: false,
        scoring: false,
        score: Fixed12::ZERO,
    };
    ScoreBreakdown {
        midpoint: None,
        single_sided_allowed: false,
        orders: own.iter().map(order).collect(),
        q_one: Fixed12::ZERO,
        q_two: Fixed12::ZERO,
        q_min: Fixed12::ZERO,
        rest_q_min: Fixed12::ZERO,
        share: Fixed12::ZERO,
        minute_reward: Fixed12::ZERO,
        best: Outlook::default(),
        worst: Outlook::default(),
    }
}

/// Sums of points, bids and asks in YES terms.
#[derive(Clone, Copy, Default)]
struct Sides {
    one: u128,
    two: u128,
}

impl Sides {
    fn add(&mut self, formula: &Formula, side: Side, price: Price, qty: Qty) -> u128 {
        let points = formula.points(price, qty).expect(FITS);
        let sum = match side {
            Side::Buy => &mut self.one,
            Side::Sell => &mut self.two,
        };
        *sum = sum.checked_add(points).expect(FITS);
        points
    }

    fn q_min(self, formula: &Formula) -> u128 {
        formula.q_min(self.one, self.two).expect(FITS)
    }

    /// The least and the most these may score if they are several makers', under the venue's rules, in halves of the unit of
    /// [`Formula::q_min`]: twelfths of a point.
    ///
    /// A maker of `x` and `y` scores at least `(x + y)/4`, at least a third of either and at most `(max + 2·min)/3`; each sums up over
    /// makers, and the sum of the smaller sides is at most the smaller sum.
    fn q_min_between(self, midpoint: Midpoint) -> [u128; 2] {
        let (less, more) = (self.one.min(self.two), self.one.max(self.two));
        if midpoint.allows_single_sided() {
            [(3 * (less + more)).max(4 * more), 4 * more + 8 * less]
        } else {
            [0, 12 * less]
        }
    }
}

/// How far a price is from the midpoint, in cents.
#[must_use]
pub fn spread_cents(midpoint: Midpoint, price: Price) -> Fixed12 {
    Fixed12::from_units(u128::from(midpoint.distance_halves(price)) * 5_000_000_000)
}

/// False once a side's levels, best first, can only be farther away than the band reaches.
fn may_reach(formula: &Formula, side: Side, price: Price) -> bool {
    let beyond_midpoint = match side {
        Side::Buy => formula.midpoint.is_below(price),
        Side::Sell => formula.midpoint.is_above(price),
    };
    beyond_midpoint || formula.reaches(price)
}

/// The total size of `orders` at one level.
fn size_at(orders: &[NewOrder], side: Side, price: Price) -> Qty {
    orders.iter().filter(|o| o.in_yes_terms() == (side, price)).fold(Qty::ZERO, |sum, o| sum.saturating_add(o.qty))
}

/// One side of the book without `own`, best first, empty levels left out.
pub fn rest_of<'a>(book: &'a impl Depth, side: Side, own: &'a [NewOrder]) -> impl Iterator<Item = (Price, Qty)> {
    book.levels(side)
        .map(move |(price, qty)| (price, qty.saturating_sub(size_at(own, side, price))))
        .filter(|(_, qty)| !qty.is_zero())
}

/// The best price of one side at which at least `min_size` rests, after `minus` is taken out of the book and `plus` is
/// put in. A level of nothing never counts, whatever the minimum.
#[must_use]
pub fn best_level(
    book: &impl Depth,
    side: Side,
    minus: &[NewOrder],
    plus: &[NewOrder],
    min_size: Qty,
) -> Option<Price> {
    let enough = |qty: Qty| qty >= min_size && !qty.is_zero();
    let rests = rest_of(book, side, minus)
        .find(|(price, qty)| enough(qty.saturating_add(size_at(plus, side, *price))))
        .map(|(price, _)| price);
    let added = plus
        .iter()
        .map(NewOrder::in_yes_terms)
        .filter(|(s, price)| *s == side && enough(size_at(plus, side, *price)))
        .map(|(_, price)| price);
    match side {
        Side::Buy => added.chain(rests).max(),
        Side::Sell => added.chain(rests).min(),
    }
}

/// The midpoint of the best levels of at least `min_size`, after `minus` is taken out of the book and `plus` is put in.
/// `None` when a side has no such level.
#[must_use]
pub fn book_midpoint(book: &impl Depth, minus: &[NewOrder], plus: &[NewOrder], min_size: Qty) -> Option<Midpoint> {
    let bid = best_level(book, Side::Buy, minus, plus, min_size)?;
    let ask = best_level(book, Side::Sell, minus, plus, min_size)?;
    Some(Midpoint::between(bid, ask))
}
