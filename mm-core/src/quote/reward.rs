//! `strategy = "reward"`: the ticks and sizes with the most reward less cost, at flat inventory.
//!
//! Inventory is left out on purpose: leaning and withdrawing come afterwards, by whole ticks and whole sides, so that holding more of
//! an outcome can never make us bid more for it.
//!
//! An order inside the public spread moves the midpoint that scores are measured from, and with it the score of everybody. So each
//! pair of inside ticks is a *stand* of its own, with its midpoint, its rivals' score and its weights; at or behind the public best the
//! midpoint stays, and all such ticks share one stand. What is best in a stand is [`super::placement`]'s to say.

use super::ladder::{Leg, Limits, Pair, Target};
use super::placement::{Pool, Rest, Sizes, Spot, best_alone, best_pair};
use super::rivals::{Rivals, shares, weight};
use super::value::{dollars, to_signed_usdc};
use super::{CostModel, NoQuote, View};
use crate::domain::{Price, Qty, RewardTerms, Side};
use crate::rewards::{Depth, Midpoint};

/// Most ticks of a side that are weighed at once. Where there are more, every second, third … is, and then what lies around the best.
const BEHIND_MAX: u16 = 64;
/// Most ticks inside the public spread, a side, that are weighed at once: each makes stands of its own.
const INSIDE_MAX: u16 = 16;

/// Ticks of one side, counted from the innermost allowed one outward.
#[derive(Clone, Copy, Debug)]
struct Range {
    side: Side,
    /// Ten-thousandths.
    inner: u16,
    tick: u16,
    /// How many are nearer to the midpoint than the public best.
    inside: u16,
    /// How many there are up to where nothing can score.
    count: u16,
}

impl Range {
    /// `inner` `None`: the side has no tick.
    fn new(side: Side, inner: Option<Price>, public: Price, reference: Midpoint, reach: u16, tick: u16) -> Self {
        let Some(inner) = inner else { return Self { side, inner: 0, tick, inside: 0, count: 0 } };
        let (from, best) = (inner.ten_thousandths(), public.ten_thousandths());
        let (outward, room) = match side {
            Side::Buy => (from.saturating_sub(best), from),
            Side::Sell => (best.saturating_sub(from), 10_000 - from),
        };
        let away = reference.halves().abs_diff(2 * from);
        let scoring = reach.saturating_sub(away).div_ceil(2).div_ceil(tick);
        // neither zero nor a dollar is a price
        let count = scoring.min((room / tick).saturating_sub(u16::from(room.is_multiple_of(tick))) + 1);
        Self { side, inner: from, tick, inside: outward.div_ceil(tick).min(count), count }
    }

    fn price(self, n: u16) -> Price {
        let away = n * self.tick;
        let price = match self.side {
            Side::Buy => self.inner - away,
            Side::Sell => self.inner + away,
        };
        Price::from_ten_thousandths(price).expect("counted inside zero and one dollar")
    }

    /// One in how many ticks is weighed at first, inside and behind.
    const fn strides(self) -> [u16; 2] {
        [self.inside.div_ceil(INSIDE_MAX), (self.count - self.inside).div_ceil(BEHIND_MAX)]
    }

    fn coarse(self) -> Ticks {
        let [inside, behind] = self.strides();
        // the last one too: where the distance pays, it pays most there
        let every = |from: u16, to: u16, stride: u16| {
            (from..to).filter(|n| (n - from).is_multiple_of(stride.max(1)) || n + 1 == to).collect()
        };
        Ticks { range: self, inside: every(0, self.inside, inside), behind: every(self.inside, self.count, behind) }
    }

    /// What was left out around tick `n`.
    fn around(self, n: Option<u16>) -> Ticks {
        let Some(n) = n else { return Ticks { range: self, inside: Vec::new(), behind: Vec::new() } };
        let [inside, behind] = self.strides();
        let stride = inside.max(behind);
        let near = n.saturating_sub(stride)..n.saturating_add(stride).min(self.count);
        let (inside, behind) = near.partition(|n| *n < self.inside);
        Ticks { range: self, inside, behind }
    }
}

/// Ticks to weigh, innermost first.
#[derive(Clone, Debug)]
struct Ticks {
    range: Range,
    inside: Vec<u16>,
    behind: Vec<u16>,
}

impl Ticks {
    /// What one stand lets this side choose from, and the best level it leaves in the book.
    fn stands(&self, public: Price) -> impl Iterator<Item = (Price, &[u16])> {
        let inside = self.inside.iter().map(|n| (self.range.price(*n), std::slice::from_ref(n)));
        inside.chain((!self.behind.is_empty()).then_some((public, &*self.behind)))
    }
}

/// What is the same for all stands.
struct Ground<'a> {
    cost: &'a CostModel,
    /// Learned on top of it, dollars a share and day.
    extra: f64,
    reference: Midpoint,
    /// Best public levels that count, ours left out.
    public: [Price; 2],
    /// Reward band, half ten-thousandths.
    band: u16,
    rate: f64,
    rivals: Rivals,
    sizes: Sizes,
}

/// A placement: tick and shares of each side, and what it is worth, dollars a day.
#[derive(Clone, Copy, Debug)]
struct Found {
    sides: [Option<(u16, f64)>; 2],
    value: f64,
}

impl Ground<'_> {
    /// The spots of ticks that score; `n`s beside them.
    fn spots(&self, range: Range, ticks: &[u16], midpoint: Midpoint) -> (Vec<Spot>, Vec<u16>) {
        let spot = |n: &u16| {
            let price = range.price(*n);
            let halves = 2 * price.ten_thousandths();
            let weight = weight(midpoint.halves(), halves, self.band);
            let paid = if range.side == Side::Buy { price } else { price.complement() };
            let distance = self.reference.halves().abs_diff(halves);
            let cost = self.cost.at_distance(distance) + self.cost.at_price(self.reference, paid) + self.extra;
            (weight > 0.0).then_some((Spot { weight, cost }, *n))
        };
        ticks.iter().filter_map(spot).unzip()
    }

    fn best(&self, [bids, asks]: [&Ticks; 2]) -> Option<Found> {
        let mut best: Option<Found> = None;
        let mut consider = |found: Found| {
            if best.is_none_or(|known| found.value > known.value) {
                best = Some(found);
            }
        };
        let [bid_public, ask_public] = self.public;
        let alone_at = |midpoint: Midpoint| midpoint.allows_single_sided() && self.reference.allows_single_sided();
        for (bid, bid_ticks) in bids.stands(bid_public) {
            for (ask, ask_ticks) in asks.stands(ask_public) {
                let midpoint = Midpoint::between(bid, ask);
                let pool = Pool { rate: self.rate, rivals: self.rivals.most(midpoint) };
                let (bid_spots, bid_ns) = self.spots(bids.range, bid_ticks, midpoint);
                let (ask_spots, ask_ns) = self.spots(asks.range, ask_ticks, midpoint);
                if let Some(pair) = best_pair(&bid_spots, &ask_spots, pool, self.sizes) {
                    let at = |rest: Rest, ns: &[u16]| Some((ns[rest.spot], rest.shares));
                    consider(Found { sides: [at(pair.bid, &bid_ns), at(pair.ask, &ask_ns)], value: pair.value });
                }
                if midpoint.allows_single_sided() {
                    let sides = [(&bid_spots, &bid_ns), (&ask_spots, &ask_ns)];
                    self.leaning(sides, pool).into_iter().flatten().for_each(&mut consider);
                }
            }
        }
        for (side, ticks) in [bids, asks].into_iter().enumerate() {
            for (level, ns) in ticks.stands(self.public[side]) {
                let midpoint = Midpoint::between(level, self.public[1 - side]);
                if !alone_at(midpoint) {
                    continue;
                }
                let pool = Pool { rate: self.rate, rivals: self.rivals.most(midpoint) };
                let (spots, ns) = self.spots(ticks.range, ns, midpoint);
                if let Some((rest, value)) = best_alone(&spots, pool, self.sizes) {
                    let mut sides = [None; 2];
                    sides[side] = Some((ns[rest.spot], rest.shares));
                    consider(Found { sides, value });
                }
            }
        }
        best
    }
}

impl Ground<'_> {
    /// One side does the scoring, at a third; the other is there for what it earns by itself or for the midpoint it makes.
    fn leaning(&self, sides: [(&Vec<Spot>, &Vec<u16>); 2], pool: Pool) -> [Option<Found>; 2] {
        [0, 1].map(|small| {
            let ((small_spots, small_ns), (spots, ns)) = (sides[small], sides[1 - small]);
            let (rest, value) = best_alone(spots, pool, self.sizes)?;
            let (at, spot) = small_spots.iter().enumerate().min_by(|(_, a), (_, b)| a.cost.total_cmp(&b.cost))?;
            let shares = if spot.cost < 0.0 { self.sizes.max } else { self.sizes.min };
            let mut sides = [Some((ns[rest.spot], rest.shares)); 2];
            sides[small] = Some((small_ns[at], shares));
            Some(Found { sides, value: value - spot.cost * shares })
        })
    }
}

/// The best placement between `limits`, with orders of `least` to `most` shares.
///
/// # Errors
/// [`NoQuote::Unprofitable`] when the best of them costs at least what it earns; `None` inside is [`NoQuote::NoRoom`]'s case and left to
/// the caller: nothing would score.
pub(super) fn plan<B: Depth>(
    view: &View<'_, B>,
    terms: &RewardTerms,
    cost: &CostModel,
    reference: Midpoint,
    public: [Price; 2],
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
        public,
        band,
        rate: dollars(terms.rate_per_day),
        rivals: Rivals::read(view, terms, reference, shift),
        sizes: Sizes { min: shares(least), max: shares(most) },
    };
    let [bids, asks] = ranges.map(Range::coarse);
    let Some(mut best) = ground.best([&bids, &asks]) else { return Ok(None) };
    if ranges.iter().flat_map(|range| range.strides()).any(|stride| stride > 1) {
        let [bids, asks] = [0, 1].map(|ix| ranges[ix].around(best.sides[ix].map(|(n, _)| n)));
        if let Some(fine) = ground.best([&bids, &asks]).filter(|fine| fine.value > best.value) {
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
