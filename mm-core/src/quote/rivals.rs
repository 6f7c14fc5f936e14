//! What all others score, as far as a public book can tell.

use super::near::{Level, Near};
use super::placement::greater;
use crate::domain::{Price, Qty, RewardTerms, Side};
use crate::rewards::Midpoint;

/// Half ten-thousandths in a dollar.
pub(super) const DOLLAR: f64 = 20_000.0;

/// A level in floats: half ten-thousandths and millionths of shares.
type Rival = (f64, f64);

/// What a score is measured with. Prices and midpoints are half ten-thousandths: whole numbers, exact as floats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Band {
    /// Maximum spread.
    halves: f64,
    /// One over its square.
    per_square: f64,
}

impl Band {
    pub(super) fn of(terms: &RewardTerms) -> Self {
        let halves = f64::from(2 * terms.max_spread.ten_thousandths());
        let wide = halves.max(1.0);
        Self { halves, per_square: 1.0 / (wide * wide) }
    }

    /// `(v − s)²`, zero at the edge and beyond.
    #[inline]
    fn square(self, midpoint: f64, price: f64) -> f64 {
        let inside = greater(self.halves - (midpoint - price).abs(), 0.0);
        inside * inside
    }

    /// `((v − s)/v)²`, zero at the edge and beyond.
    #[inline]
    pub(super) fn weight(self, midpoint: f64, price: f64) -> f64 {
        self.square(midpoint, price) * self.per_square
    }
}

/// A price in half ten-thousandths.
#[inline]
pub(super) fn halves(price: Price) -> f64 {
    f64::from(2 * price.ten_thousandths())
}

/// Whether one side alone scores at a midpoint.
#[inline]
pub(super) fn allows_single_sided(midpoint: f64) -> bool {
    (2_000.0..=18_000.0).contains(&midpoint)
}

/// The levels of a book without our own orders that may score near a midpoint, read once and weighed at several.
#[derive(Clone, Debug, Default)]
pub(super) struct Rivals {
    /// Bids and asks.
    levels: [Vec<Rival>; 2],
    band: Band,
    /// Midpoints at which they tell everything; none when nothing was read.
    known: Option<(f64, f64)>,
}

/// Millionths of shares as a float.
#[expect(clippy::cast_precision_loss, reason = "above 2^52 millionths a share more or less decides nothing")]
fn micro(qty: Qty) -> f64 {
    qty.micro() as f64
}

/// Shares as a float.
pub(super) fn shares(qty: Qty) -> f64 {
    micro(qty) / 1e6
}

impl Rivals {
    /// What was read belongs to another book, or to this one as it was.
    pub(super) const fn forget(&mut self) {
        self.known = None;
    }

    /// Reads what lies within the band around any midpoint at most `shift` half ten-thousandths from `around`.
    pub(super) fn read<I: Iterator<Item = Level>>(
        &mut self,
        near: &mut Near<'_, I>,
        terms: &RewardTerms,
        around: Midpoint,
        shift: u16,
    ) {
        let (at, shift) = (i32::from(around.halves()), i32::from(shift));
        self.band = Band::of(terms);
        self.known = Some((f64::from(at - shift), f64::from(at + shift)));
        let reach = 2 * i32::from(terms.max_spread.ten_thousandths()) + shift;
        let twice = |price: Price| 2 * i32::from(price.ten_thousandths());
        let keep = |levels: &mut Vec<Rival>, read: &[Level]| {
            levels.clear();
            // a level below the minimum cannot hold an order that reaches it
            let scoring = read.iter().filter(|(_, qty)| *qty >= terms.min_size);
            levels.extend(scoring.map(|(price, qty)| (halves(*price), micro(*qty))));
        };
        let [bids, asks] = &mut self.levels;
        keep(bids, near.until(Side::Buy, |(price, _)| twice(price) <= at - reach));
        keep(asks, near.until(Side::Sell, |(price, _)| twice(price) >= at + reach));
    }

    /// `K`, the most the others may score at a midpoint (`strategy.md` section 3): with side totals `A ≥ B` it is `B + (A − B)/3` where
    /// one side alone scores, else `B`. The midpoint is one of those that were read for.
    pub(super) fn most(&self, midpoint: f64) -> f64 {
        assert!(self.knows(midpoint), "nothing was read for {midpoint}");
        let mut sides = [0.0; 2];
        for (sum, levels) in sides.iter_mut().zip(&self.levels) {
            for (price, micro) in levels {
                *sum += self.band.square(midpoint, *price) * micro;
            }
        }
        let [one, two] = sides;
        let (less, more): (f64, f64) = if one < two { (one, two) } else { (two, one) };
        let most = if allows_single_sided(midpoint) { less + (more - less) / 3.0 } else { less };
        most * self.band.per_square / 1e6
    }

    fn knows(&self, midpoint: f64) -> bool {
        self.known.is_some_and(|(low, high)| low <= midpoint && midpoint <= high)
    }

    /// [`Self::most`] at any midpoint: what was not read for it is read now.
    pub(super) fn most_at<I: Iterator<Item = Level>>(
        &mut self,
        near: &mut Near<'_, I>,
        terms: &RewardTerms,
        midpoint: Midpoint,
    ) -> f64 {
        let at = f64::from(midpoint.halves());
        if !self.knows(at) {
            self.read(near, terms, midpoint, 0);
        }
        self.most(at)
    }
}

/// What orders of ours score at a midpoint: both sides as one number.
pub(super) fn our_score(orders: [&[Level]; 2], terms: &RewardTerms, midpoint: Midpoint) -> f64 {
    let (band, midpoint) = (Band::of(terms), f64::from(midpoint.halves()));
    let mut sides = [0.0; 2];
    for (sum, orders) in sides.iter_mut().zip(orders) {
        for (price, qty) in orders {
            if *qty >= terms.min_size {
                *sum += band.weight(midpoint, halves(*price)) * shares(*qty);
            }
        }
    }
    let [one, two] = sides;
    let (less, more): (f64, f64) = if one < two { (one, two) } else { (two, one) };
    if allows_single_sided(midpoint) { greater(less, more / 3.0) } else { less }
}
