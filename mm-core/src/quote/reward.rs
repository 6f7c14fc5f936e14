//! `strategy = "reward"`: the ticks and sizes with the most reward less cost, at flat inventory.
//!
//! Inventory is left out on purpose: leaning and withdrawing come afterwards, by whole ticks and whole sides, so that holding more of
//! an outcome can never make us bid more for it.
//!
//! An order inside the public spread moves the midpoint that scores are measured from, and with it the score of everybody. So each
//! pair of inside ticks is a *stand* of its own, with its midpoint, its rivals' score and its weights; at or behind the public best the
//! midpoint stays, and all such ticks share one stand. What is best in a stand is [`super::placement`]'s to say.

use super::ladder::{Leg, Limits, Pair, Target};
use super::near::{Level, Near};
use super::placement::{Pool, Rest, Sizes, Spot, alone_bound, best_alone, best_pair, pair_bound};
use super::rivals::{Rival, Rivals, shares, weight};
use super::stands::{Line, Range, Stand, Tick};
use super::value::{dollars, to_signed_usdc};
use super::{CostModel, NoQuote, View};
use crate::domain::{Price, Qty, RewardTerms, Side};
use crate::rewards::Midpoint;

/// Memory of the search.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    ticks: [Vec<Tick>; 2],
    spots: [Vec<Spot>; 2],
}

/// What is the same for all stands.
struct Ground<'a> {
    cost: &'a CostModel,
    /// Learned on top of it, dollars a share and day.
    extra: f64,
    reference: Midpoint,
    /// Costs depend on the distance from it.
    fair: Midpoint,
    /// Reward band, half ten-thousandths.
    band: u16,
    rate: f64,
    rivals: Rivals<'a>,
    sizes: Sizes,
}

/// A placement: tick and shares of each side, and what it is worth, dollars a day.
#[derive(Clone, Copy, Debug)]
struct Found {
    sides: [Option<(u16, f64)>; 2],
    value: f64,
}

/// The best that was found so far; the first of equals.
#[derive(Default)]
struct Best(Option<Found>);

impl Best {
    fn value(&self) -> f64 {
        self.0.as_ref().map_or(f64::NEG_INFINITY, |found| found.value)
    }

    fn consider(&mut self, value: f64, sides: impl FnOnce() -> [Option<(u16, f64)>; 2]) {
        if self.0.is_none() || value > self.value() {
            self.0 = Some(Found { sides: sides(), value });
        }
    }

    /// Takes what was found in another stand; that of equals.
    fn prefer(&mut self, other: Self) {
        if other.0.is_some() && other.value() >= self.value() {
            *self = other;
        }
    }
}

/// Whether something that is worth at most `bound` needs no look. Rounding is left a wide margin.
fn is_hopeless(bound: f64, known: f64) -> bool {
    bound + 1e-9 * (1.0 + bound.abs()) < known
}

impl Ground<'_> {
    fn line<'s>(
        &self,
        range: Range,
        ns: impl Iterator<Item = u16>,
        public: Price,
        ticks: &'s mut Vec<Tick>,
    ) -> Line<'s> {
        ticks.clear();
        let price_cost = self.cost.around(self.fair);
        let mut line = Line { ticks: &[], inside: 0, behind_cost: f64::INFINITY, public };
        for n in ns {
            let price = range.price(n);
            let paid = if range.side == Side::Buy { price } else { price.complement() };
            let distance = self.fair.distance_halves(price);
            let cost = self.cost.at_distance(distance) + price_cost.at_price(paid) + self.extra;
            if n < range.inside {
                line.inside += 1;
            } else {
                line.behind_cost = line.behind_cost.min(cost);
            }
            ticks.push(Tick { n, price, cost });
        }
        Line { ticks, ..line }
    }

    fn spot(&self, tick: &Tick, midpoint: Midpoint) -> Spot {
        Spot::new(weight(midpoint.halves(), 2 * tick.price.ten_thousandths(), self.band), tick.cost)
    }

    /// The ticks that score, as spots: the farther out, the less, so those that score come first.
    fn spots(&self, stand: &Stand<'_>, midpoint: Midpoint, spots: &mut Vec<Spot>) {
        spots.clear();
        spots.extend(stand.ticks.iter().map(|tick| self.spot(tick, midpoint)).take_while(|spot| spot.weight > 0.0));
    }

    /// Nothing in a stand scores more than this, or costs less; `None` where nothing scores.
    fn ideal(&self, stand: &Stand<'_>, midpoint: Midpoint) -> Option<Spot> {
        let first = self.spot(&stand.ticks[0], midpoint);
        (first.weight > 0.0).then(|| Spot::new(first.weight, stand.least_cost))
    }

    fn best(&self, [bids, asks]: [&Line<'_>; 2], spots: &mut [Vec<Spot>; 2]) -> Option<Found> {
        let mut best = Best::default();
        // one side alone, the other's best level being the public one
        let mut alone = [Best::default(), Best::default()];
        // Most is found behind the public best, and then most of the rest needs no look; of equals the innermost is wanted.
        for bid in bids.stands().rev() {
            for ask in asks.stands().rev() {
                let midpoint = Midpoint::between(bid.level, ask.level);
                let pool = Pool { rate: self.rate, rivals: self.rivals.most(midpoint) };
                let ideals = [&bid, &ask].map(|stand| self.ideal(stand, midpoint));
                if let [Some(a), Some(b)] = ideals {
                    let found = self.both([&bid, &ask], [a, b], midpoint, pool, best.value(), spots);
                    best.prefer(found);
                }
                for (side, (stand, other)) in [(&bid, &ask), (&ask, &bid)].into_iter().enumerate() {
                    if let Some(ideal) = ideals[side].filter(|_| other.is_public) {
                        let floor = best.value().max(alone[side].value());
                        alone[side].prefer(self.alone((side, stand), ideal, midpoint, pool, floor, spots));
                    }
                }
            }
        }
        for (side, (line, other)) in [(bids, asks), (asks, bids)].into_iter().enumerate() {
            if other.inside == other.ticks.len() {
                for stand in line.stands().rev() {
                    let midpoint = Midpoint::between(stand.level, other.public);
                    let pool = Pool { rate: self.rate, rivals: self.rivals.most(midpoint) };
                    if let Some(ideal) = self.ideal(&stand, midpoint) {
                        let floor = best.value().max(alone[side].value());
                        alone[side].prefer(self.alone((side, &stand), ideal, midpoint, pool, floor, spots));
                    }
                }
            }
        }
        for found in alone.into_iter().filter_map(|alone| alone.0) {
            best.consider(found.value, || found.sides);
        }
        best.0
    }

    /// The best with orders on both sides; nothing worth less than `floor` is wanted.
    fn both(
        &self,
        stands: [&Stand<'_>; 2],
        [bid, ask]: [Spot; 2],
        midpoint: Midpoint,
        pool: Pool,
        floor: f64,
        spots: &mut [Vec<Spot>; 2],
    ) -> Best {
        let mut best = Best::default();
        let pairs = !is_hopeless(pair_bound(bid, ask, pool, self.sizes), floor);
        let leans = midpoint.allows_single_sided()
            && [(bid, ask), (ask, bid)].into_iter().any(|(small, other)| {
                let beside = if small.cost < 0.0 { -small.cost * self.sizes.max } else { 0.0 };
                !is_hopeless(alone_bound(other, pool, self.sizes) + beside, floor)
            });
        if !pairs && !leans {
            return best;
        }
        for (stand, spots) in stands.into_iter().zip(&mut *spots) {
            self.spots(stand, midpoint, spots);
        }
        if pairs && let Some(pair) = best_pair(&spots[0], &spots[1], pool, self.sizes) {
            let at = |rest: Rest, stand: &Stand<'_>| Some((stand.ticks[rest.spot].n, rest.shares));
            best.consider(pair.value, || [at(pair.bid, stands[0]), at(pair.ask, stands[1])]);
        }
        if leans {
            self.leaning(stands, spots, pool, &mut best);
        }
        best
    }

    /// One side does the scoring, at a third; the other is there for what it earns by itself or for the midpoint it makes.
    fn leaning(&self, stands: [&Stand<'_>; 2], spots: &[Vec<Spot>; 2], pool: Pool, best: &mut Best) {
        for small in [0, 1] {
            let other = 1 - small;
            let cheapest = spots[small].iter().enumerate().min_by(|(_, a), (_, b)| a.cost.total_cmp(&b.cost));
            if let (Some((rest, value)), Some((at, spot))) = (best_alone(&spots[other], pool, self.sizes), cheapest) {
                let shares = if spot.cost < 0.0 { self.sizes.max } else { self.sizes.min };
                best.consider(value - spot.cost * shares, || {
                    let mut sides = [Some((stands[other].ticks[rest.spot].n, rest.shares)); 2];
                    sides[small] = Some((stands[small].ticks[at].n, shares));
                    sides
                });
            }
        }
    }

    /// The best with an order on one side only; nothing worth less than `floor` is wanted.
    fn alone(
        &self,
        (side, stand): (usize, &Stand<'_>),
        ideal: Spot,
        midpoint: Midpoint,
        pool: Pool,
        floor: f64,
        spots: &mut [Vec<Spot>; 2],
    ) -> Best {
        let mut best = Best::default();
        let scores = midpoint.allows_single_sided() && self.reference.allows_single_sided();
        if !scores || is_hopeless(alone_bound(ideal, pool, self.sizes), floor) {
            return best;
        }
        self.spots(stand, midpoint, &mut spots[side]);
        if let Some((rest, value)) = best_alone(&spots[side], pool, self.sizes) {
            best.consider(value, || {
                let mut sides = [None; 2];
                sides[side] = Some((stand.ticks[rest.spot].n, rest.shares));
                sides
            });
        }
        best
    }
}

/// The best placement between `limits`, with orders of `least` to `most` shares.
///
/// # Errors
/// [`NoQuote::Unprofitable`] when the best of them costs at least what it earns; `None` inside is [`NoQuote::NoRoom`]'s case and left to
/// the caller: nothing would score.
pub(super) fn plan<B, I: Iterator<Item = Level>>(
    view: &View<'_, B>,
    (near, rivals, search): (&mut Near<'_, I>, &mut [Vec<Rival>; 2], &mut Search),
    terms: &RewardTerms,
    cost: &CostModel,
    (reference, fair, public): (Midpoint, Midpoint, [Price; 2]),
    limits: &Limits,
    [least, most]: [Qty; 2],
) -> Result<Option<Pair>, NoQuote> {
    let tick = view.market.tick.ten_thousandths();
    let band = 2 * terms.max_spread.ten_thousandths();
    // an order that is inside by x moves the midpoint by x/2
    let inner = [limits.max_bid, limits.min_ask];
    let shift = inner.into_iter().zip(public).filter_map(|(to, from)| Some(to?.distance(from))).max().unwrap_or(0);
    let reach = band.saturating_add(shift);
    let range = |side: Side, ix: usize| Range::new(side, inner[ix], public[ix], reference, reach, tick);
    let ranges = [range(Side::Buy, 0), range(Side::Sell, 1)];
    let ground = Ground {
        cost,
        extra: view.recent.extra_dollars(),
        reference,
        fair,
        band,
        rate: dollars(terms.rate_per_day),
        rivals: Rivals::read(near, terms, reference, shift, rivals),
        sizes: Sizes { min: shares(least), max: shares(most) },
    };
    let Search { ticks: [bids, asks], spots } = search;
    let lines = [
        ground.line(ranges[0], ranges[0].coarse(), public[0], bids),
        ground.line(ranges[1], ranges[1].coarse(), public[1], asks),
    ];
    let Some(mut best) = ground.best([&lines[0], &lines[1]], spots) else { return Ok(None) };
    if ranges.iter().flat_map(|range| range.strides()).any(|stride| stride > 1) {
        let ns = best.sides.map(|side| side.map(|(n, _)| n));
        let lines = [
            ground.line(ranges[0], ranges[0].around(ns[0]), public[0], bids),
            ground.line(ranges[1], ranges[1].around(ns[1]), public[1], asks),
        ];
        if let Some(fine) = ground.best([&lines[0], &lines[1]], spots).filter(|fine| fine.value > best.value) {
            best = fine;
        }
    }
    if best.value <= 0.0 {
        return Err(NoQuote::Unprofitable {
            value_per_day: to_signed_usdc(best.value),
            rate_per_day: terms.rate_per_day,
        });
    }
    let [bid, ask] = [0, 1].map(|ix| {
        best.sides[ix].map(|(n, size)| {
            let leg = if ix == 0 { Leg::BUY_YES } else { Leg::BUY_NO };
            Target { leg, price: ranges[ix].price(n), qty: whole(size, least, most) }
        })
    });
    Ok(Some(Pair { bid, ask }))
}

/// Shares to whole hundredths, never outside what is allowed.
fn whole(size: f64, least: Qty, most: Qty) -> Qty {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two sizes that fit; `as` saturates"
    )]
    let micro = libm::floor(size * 1e6) as u64;
    Qty::from_micro(micro).to_order_size_down().clamp(least, most)
}
