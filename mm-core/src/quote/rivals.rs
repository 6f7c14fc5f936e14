//! What all others score, as far as a public book can tell.

use super::near::{Level, Near};
use crate::domain::{NewOrder, Price, Qty, RewardTerms, Side};
use crate::rewards::Midpoint;

/// A level in floats: half ten-thousandths and shares.
pub(super) type Rival = (u16, f64);

/// The levels of a book without our own orders that may score near a midpoint, read once and weighed at several.
pub(super) struct Rivals<'s> {
    /// Bids and asks.
    levels: &'s [Vec<Rival>; 2],
    /// Reward band, half ten-thousandths.
    band: u16,
}

/// Shares as a float.
#[expect(clippy::cast_precision_loss, reason = "above 2^52 millionths a share more or less decides nothing")]
pub(super) fn shares(qty: Qty) -> f64 {
    qty.micro() as f64 / 1e6
}

impl<'s> Rivals<'s> {
    /// Reads what lies within the band around any midpoint at most `shift` half ten-thousandths from `around`.
    pub(super) fn read<I: Iterator<Item = Level>>(
        near: &mut Near<'_, I>,
        terms: &RewardTerms,
        around: Midpoint,
        shift: u16,
        levels: &'s mut [Vec<Rival>; 2],
    ) -> Self {
        let band = 2 * terms.max_spread.ten_thousandths();
        let reach = band.saturating_add(shift);
        for (side, levels) in [Side::Buy, Side::Sell].into_iter().zip(&mut *levels) {
            let near_by = |price: Price| match side {
                Side::Buy => around.halves().saturating_sub(2 * price.ten_thousandths()) < reach,
                Side::Sell => (2 * price.ten_thousandths()).saturating_sub(around.halves()) < reach,
            };
            levels.clear();
            for (price, qty) in near.levels(side).take_while(|(price, _)| near_by(*price)) {
                // a level below the minimum cannot hold an order that reaches it
                if qty >= terms.min_size {
                    levels.push((2 * price.ten_thousandths(), shares(qty)));
                }
            }
        }
        Self { levels, band }
    }

    /// `K`, the most the others may score at a midpoint (`strategy.md` section 3): with side totals `A ≥ B` it is `B + (A − B)/3` where
    /// one side alone scores, else `B`.
    pub(super) fn most(&self, midpoint: Midpoint) -> f64 {
        let [one, two] = [0, 1].map(|side| {
            self.levels[side].iter().map(|(price, qty)| weight(midpoint.halves(), *price, self.band) * qty).sum::<f64>()
        });
        let (less, more): (f64, f64) = if one < two { (one, two) } else { (two, one) };
        if midpoint.allows_single_sided() { less + (more - less) / 3.0 } else { less }
    }
}

/// `((v − s)/v)²`, zero at the edge and beyond; everything in half ten-thousandths.
pub(super) fn weight(midpoint: u16, price: u16, band: u16) -> f64 {
    let inside = band.saturating_sub(midpoint.abs_diff(price));
    let part = f64::from(inside) / f64::from(band.max(1));
    part * part
}

/// What orders of ours score at a midpoint: both sides as one number.
pub(super) fn our_score(orders: &[NewOrder], terms: &RewardTerms, midpoint: Midpoint) -> f64 {
    let band = 2 * terms.max_spread.ten_thousandths();
    let mut sides = [0.0, 0.0];
    for order in orders.iter().filter(|order| order.qty >= terms.min_size) {
        let (side, price) = order.in_yes_terms();
        let score = weight(midpoint.halves(), 2 * price.ten_thousandths(), band) * shares(order.qty);
        sides[usize::from(side == Side::Sell)] += score;
    }
    let [one, two] = sides;
    let (less, more): (f64, f64) = if one < two { (one, two) } else { (two, one) };
    if midpoint.allows_single_sided() { less.max(more / 3.0) } else { less }
}
