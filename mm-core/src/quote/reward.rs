//! `strategy = "reward"`: the ticks and sizes with the most reward less cost, at flat inventory.
//!
//! Inventory is left out on purpose: leaning and withdrawing come afterwards, by whole ticks and whole sides, so that holding more of
//! an outcome can never make us bid more for it.
//!
//! An order inside the public spread moves the midpoint that scores are measured from, and with it the score of everybody. So each
//! pair of inside ticks is a *stand* of its own, with its midpoint, its rivals' score and its weights; at or behind the public best the
//! midpoint stays, and all such ticks share one stand. What is best in a stand is [`super::placement`]'s to say.

use super::cost::PriceCost;
use super::ladder::{Leg, Limits, Pair, Target};
use super::near::{Level, Near};
use super::placement::{
    Pair as Rests, Pool, Sizes, Spot, alone_at_most, best_alone, best_pair_above, greater, is_hopeless, just_below,
    lesser, pair_at_most, pair_bound, sized_score,
};
use super::rivals::{Band, DOLLAR, Rivals, allows_single_sided, halves, shares};
use super::stands::{Line, Range, Stand, Tick};
use super::value::{dollars, to_signed_usdc};
use super::{CostModel, MoneyPrice, NoQuote, View};
use crate::domain::{Price, Qty, RewardTerms, Side};
use crate::rewards::Midpoint;

/// Memory of the search.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    ticks: [Vec<Tick>; 2],
    table: Table,
}

/// What is worked out for two lines.
#[derive(Clone, Debug, Default)]
struct Table {
    spots: [Vec<Spot>; 2],
    scenes: Vec<Scene>,
    /// One pool for each midpoint: on a fine tick many pairs of stands make the same.
    pools: Vec<(f64, Pool)>,
}

/// What is the same for all stands.
struct Ground<'a> {
    cost: &'a CostModel,
    /// Learned on top of it, dollars a share and day.
    extra: f64,
    /// What money must bring beside that.
    money: MoneyPrice,
    reference: Midpoint,
    band: Band,
    /// Costs depend on the distance from it.
    fair: Midpoint,
    rate: f64,
    rivals: &'a Rivals,
    sizes: Sizes,
}

/// A stand of each side, at the midpoint they make.
#[derive(Clone, Copy, Debug)]
struct Scene {
    /// Which of the stands of each side.
    stands: [usize; 2],
    /// Half ten-thousandths.
    midpoint: f64,
    pool: Pool,
    /// Nothing in a stand scores more than this, or costs less; the weight is nothing where nothing scores.
    ideals: [Spot; 2],
    /// No pair is worth more.
    pair: f64,
}

impl Scene {
    /// Whether both sides score.
    fn has_pair(&self) -> bool {
        self.ideals[0].weight > 0.0 && self.ideals[1].weight > 0.0
    }

    /// No order by itself is worth more, on either side.
    #[inline]
    fn alone(&self, sizes: Sizes) -> [f64; 2] {
        if allows_single_sided(self.midpoint) {
            self.ideals.map(|ideal| alone_at_most(ideal, self.pool, sizes))
        } else {
            [f64::NEG_INFINITY; 2]
        }
    }
}

/// A placement, and what it is worth.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// Dollars a day; less than anything where there is none.
    value: f64,
    /// Tick of each side.
    ticks: [u16; 2],
    /// Shares of each side; none where it has no order.
    shares: [f64; 2],
}

impl Found {
    const NOTHING: Self = Self { value: f64::NEG_INFINITY, ticks: [0; 2], shares: [0.0; 2] };

    /// Takes what is better; of equals the newer.
    fn prefer(&mut self, other: Self) {
        if other.value >= self.value {
            *self = other;
        }
    }

    /// Takes what is better; of equals the older.
    fn improve(&mut self, other: Self) {
        if other.value > self.value {
            *self = other;
        }
    }

    /// Its tick and shares of one side.
    fn side(&self, ix: usize) -> Option<(u16, f64)> {
        (self.shares[ix] > 0.0).then(|| (self.ticks[ix], self.shares[ix]))
    }
}

impl<'a> Ground<'a> {
    fn of<B>(
        view: &View<'_, B>,
        rivals: &'a Rivals,
        terms: &RewardTerms,
        cost: &'a CostModel,
        &Within { reference, fair, sizes: [least, most], .. }: &Within,
    ) -> Self {
        Self {
            cost,
            extra: view.recent.extra_dollars(),
            money: view.room.money,
            reference,
            fair,
            band: Band::of(terms),
            rate: dollars(terms.rate_per_day),
            rivals,
            sizes: Sizes { min: shares(least), max: shares(most) },
        }
    }
}

impl Ground<'_> {
    fn line<'s>(
        &self,
        range: Range,
        ns: impl Iterator<Item = u16>,
        public: Price,
        ticks: &'s mut Vec<Tick>,
    ) -> Line<'s> {
        let around = self.around();
        let mut line = Line { ticks: &[], inside: 0, behind_cost: f64::INFINITY, public: halves(public) };
        ticks.clear();
        ticks.extend(ns.map(|n| {
            let at = range.halves(n);
            let cost = self.cost_at(around, range.side, at);
            if n < range.inside {
                line.inside += 1;
            } else {
                line.behind_cost = lesser(line.behind_cost, cost);
            }
            Tick { n, halves: f64::from(at), cost }
        }));
        Line { ticks, ..line }
    }

    /// The ticks that score, as spots: the farther out, the less, so those that score come first.
    fn spots(&self, stand: &Stand<'_>, midpoint: f64, spots: &mut Vec<Spot>) {
        spots.clear();
        for tick in stand.ticks {
            let weight = self.band.weight(midpoint, tick.halves);
            if weight <= 0.0 {
                break;
            }
            spots.push(Spot::new(weight, tick.cost));
        }
    }

    fn ideal(&self, stand: &Stand<'_>, midpoint: f64) -> Spot {
        Spot::new(self.band.weight(midpoint, stand.ticks[0].halves), stand.least_cost)
    }

    /// The pool at a midpoint, asked for once.
    #[inline]
    fn pool(&self, midpoint: f64, known: &mut Vec<(f64, Pool)>) -> Pool {
        if let Some((_, pool)) = known.iter().rfind(|(at, _)| at.to_bits() == midpoint.to_bits()) {
            return *pool;
        }
        let pool = Pool { rate: self.rate, rivals: self.rivals.most(midpoint) };
        known.push((midpoint, pool));
        pool
    }

    /// The stands of two lines at the midpoint they make.
    #[inline]
    fn scene(&self, [bids, asks]: [&Stand<'_>; 2], stands: [usize; 2], pools: &mut Vec<(f64, Pool)>) -> Scene {
        let midpoint = (bids.level + asks.level) / 2.0;
        let pool = self.pool(midpoint, pools);
        let ideals = [self.ideal(bids, midpoint), self.ideal(asks, midpoint)];
        let mut scene = Scene { stands, midpoint, pool, ideals, pair: f64::NEG_INFINITY };
        if scene.has_pair() {
            scene.pair = pair_at_most(ideals[0], ideals[1], pool, self.sizes);
        }
        scene
    }

    /// No pair of a scene is worth more: looked at more closely where one of this value is known.
    #[inline]
    fn pair_bound(&self, scene: &Scene, known: f64) -> f64 {
        if is_hopeless(scene.pair, known) {
            return scene.pair;
        }
        lesser(scene.pair, pair_bound(scene.ideals[0], scene.ideals[1], scene.pool, self.sizes))
    }

    /// Dollars a day for a share on one side, at a price in half ten-thousandths.
    #[inline]
    fn cost_at(&self, around: PriceCost, side: Side, at: u16) -> f64 {
        let distance = self.cost.at_distance(self.fair.halves().abs_diff(at));
        let at = f64::from(at);
        let paid = if side == Side::Buy { at } else { DOLLAR - at };
        distance + around.at_price(paid / DOLLAR) + self.extra
    }

    /// What does not depend on the distance from the fair price.
    fn around(&self) -> PriceCost {
        self.cost.around(self.fair).with_money_at(self.money)
    }

    /// The best placement of two lines, of equals the innermost, and its lead.
    fn best(&self, lines: [&Line<'_>; 2], Table { spots, scenes, pools }: &mut Table) -> Option<(Found, Lead)> {
        scenes.clear();
        pools.clear();
        let mut promising = (f64::NEG_INFINITY, 0);
        for bid in (0..lines[0].stands()).rev() {
            let bids = lines[0].stand(bid);
            for ask in (0..lines[1].stands()).rev() {
                let scene = self.scene([&bids, &lines[1].stand(ask)], [bid, ask], pools);
                if scene.pair > promising.0 {
                    promising = (scene.pair, scenes.len());
                }
                scenes.push(scene);
            }
        }
        // What promises most is looked at first: then most of the rest needs no look.
        let first = promising.1;
        let mut rest = f64::NEG_INFINITY;
        let known = match scenes.get(first) {
            Some(scene) => self.pair(lines, scene, f64::NEG_INFINITY, spots, &mut rest),
            None => Found::NOTHING,
        };
        let mut best = Found::NOTHING;
        // one side alone, the other's best level being the public one
        let mut alone = [Found::NOTHING; 2];
        let singles = self.reference.allows_single_sided();
        for (n, scene) in scenes.iter().enumerate() {
            let floor = greater(best.value, known.value);
            let mut here = Found::NOTHING;
            if n == first {
                here = known;
            } else {
                let at_most = self.pair_bound(scene, floor);
                if is_hopeless(at_most, floor) {
                    rest = greater(rest, at_most);
                } else {
                    here = self.pair(lines, scene, floor, spots, &mut rest);
                }
            }
            let at_most = scene.alone(self.sizes);
            for side in [1, 0] {
                let other = scene.ideals[1 - side];
                let floor = greater(here.value, floor);
                let at_most = at_most[side] - other.least(self.sizes);
                if other.weight > 0.0 && !is_hopeless(at_most, floor) {
                    here.improve(self.leaning(lines, scene, side, spots));
                    rest = f64::INFINITY;
                }
                rest = greater(rest, at_most);
            }
            rest = greater(rest, lesser(best.value, here.value));
            best.prefer(here);
            let floor = greater(best.value, known.value);
            for side in [0, 1] {
                let is_alone = singles && lines[1 - side].is_public(scene.stands[1 - side]);
                if is_alone {
                    if !is_hopeless(at_most[side], greater(floor, alone[side].value)) {
                        alone[side].prefer(self.alone(lines[side], scene, side, spots));
                        rest = f64::INFINITY;
                    }
                    rest = greater(rest, at_most[side]);
                }
            }
        }
        for side in [0, 1] {
            // no tick of the other side is at the public best or behind it
            let other = lines[1 - side];
            if singles && !other.has_public() {
                for n in (0..lines[side].stands()).rev() {
                    let stand = lines[side].stand(n);
                    let midpoint = (stand.level + other.public) / 2.0;
                    let ideal = self.ideal(&stand, midpoint);
                    let pool = self.pool(midpoint, pools);
                    let (stands, ideals) = ([n; 2], [ideal; 2]);
                    let scene = Scene { stands, midpoint, pool, ideals, pair: f64::NEG_INFINITY };
                    if allows_single_sided(midpoint) {
                        alone[side].prefer(self.alone(lines[side], &scene, side, spots));
                        rest = f64::INFINITY;
                    }
                }
            }
        }
        alone.into_iter().for_each(|alone| best.improve(alone));
        let rivals = pools.iter().fold(f64::INFINITY, |least, (_, pool)| lesser(pool.rivals, least));
        (best.value > f64::NEG_INFINITY).then_some((best, Lead { rest, rivals }))
    }

    /// The best pair that scores on both sides; nothing worth less than `floor` is wanted, what is worth as much is. No other pair of the
    /// scene is worth more than what `rest` is raised to.
    fn pair(
        &self,
        lines: [&Line<'_>; 2],
        scene: &Scene,
        floor: f64,
        spots: &mut [Vec<Spot>; 2],
        rest: &mut f64,
    ) -> Found {
        let [bid, ask] = scene.ideals;
        if !scene.has_pair() {
            return Found::NOTHING;
        }
        let (bids, asks) = (lines[0].stand(scene.stands[0]), lines[1].stand(scene.stands[1]));
        if let ([bid_tick], [ask_tick]) = (bids.ticks, asks.ticks) {
            // nothing to choose from
            let (q, value) = sized_score(bid, ask, scene.pool, self.sizes);
            let shares = [bid.shares(q, self.sizes), ask.shares(q, self.sizes)];
            return Found { value, ticks: [bid_tick.n, ask_tick.n], shares };
        }
        self.spots(&bids, scene.midpoint, &mut spots[0]);
        self.spots(&asks, scene.midpoint, &mut spots[1]);
        match best_pair_above(&spots[0], &spots[1], scene.pool, self.sizes, just_below(floor), rest) {
            Some(Rests { bid, ask, value }) => {
                let ticks = [bids.ticks[bid.spot].n, asks.ticks[ask.spot].n];
                Found { value, ticks, shares: [bid.shares, ask.shares] }
            }
            None => Found::NOTHING,
        }
    }

    /// One side does the scoring, at a third; the other is there for what it earns by itself or for the midpoint it makes.
    fn leaning(&self, lines: [&Line<'_>; 2], scene: &Scene, side: usize, spots: &mut [Vec<Spot>; 2]) -> Found {
        let other = 1 - side;
        let stands = [lines[0].stand(scene.stands[0]), lines[1].stand(scene.stands[1])];
        self.spots(&stands[0], scene.midpoint, &mut spots[0]);
        self.spots(&stands[1], scene.midpoint, &mut spots[1]);
        let cheapest = spots[other].iter().enumerate().min_by(|(_, a), (_, b)| a.cost.total_cmp(&b.cost));
        let (Some((rest, value)), Some((at, spot))) = (best_alone(&spots[side], scene.pool, self.sizes), cheapest)
        else {
            return Found::NOTHING;
        };
        let beside = if spot.cost < 0.0 { self.sizes.max } else { self.sizes.min };
        let mut found = Found { value: value - spot.cost * beside, ..Found::NOTHING };
        (found.ticks[side], found.shares[side]) = (stands[side].ticks[rest.spot].n, rest.shares);
        (found.ticks[other], found.shares[other]) = (stands[other].ticks[at].n, beside);
        found
    }

    /// The best with an order on one side only.
    fn alone(&self, line: &Line<'_>, scene: &Scene, side: usize, spots: &mut [Vec<Spot>; 2]) -> Found {
        let stand = line.stand(scene.stands[side]);
        self.spots(&stand, scene.midpoint, &mut spots[side]);
        let mut found = Found::NOTHING;
        if let Some((rest, value)) = best_alone(&spots[side], scene.pool, self.sizes) {
            found.value = value;
            (found.ticks[side], found.shares[side]) = (stand.ticks[rest.spot].n, rest.shares);
        }
        found
    }
}

/// What a placement is searched within; sizes in the book come beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) reference: Midpoint,
    pub(super) fair: Midpoint,
    /// The best bid and ask that count.
    pub(super) public: [Price; 2],
    pub(super) limits: Limits,
    /// The least and the most shares of an order.
    pub(super) sizes: [Qty; 2],
}

/// How far a placement is ahead of those with other ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lead {
    /// None of them is worth more.
    rest: f64,
    /// At no midpoint of theirs do the others score less.
    rivals: f64,
}

impl Lead {
    /// Nothing is known.
    const NONE: Self = Self { rest: f64::INFINITY, rivals: 0.0 };

    /// The same where the others may score less by `gone`; `None` where that may be too much to tell.
    ///
    /// A score of `q` is paid `R·q/(K + q)`, which falls by at most `R/4K` with each unit of `K`; and by as much where one side scores alone,
    /// a third beside `K`. No level adds more to `K` than its shares.
    fn where_left(self, rate: f64, gone: f64) -> Option<Self> {
        let rivals = self.rivals - gone;
        (rivals > 0.0).then(|| Self { rest: self.rest + rate * gone / (4.0 * rivals), rivals })
    }
}

/// The best placement there, and its lead.
///
/// # Errors
/// [`NoQuote::Unprofitable`] when the best of them costs at least what it earns; `None` inside is [`NoQuote::NoRoom`]'s case and left to
/// the caller: nothing would score.
pub(super) fn plan<B, I: Iterator<Item = Level>>(
    view: &View<'_, B>,
    (near, rivals, search): (&mut Near<'_, I>, &mut Rivals, &mut Search),
    terms: &RewardTerms,
    cost: &CostModel,
    within: &Within,
) -> Result<Option<(Pair, Lead)>, NoQuote> {
    let &Within { reference, public, limits, sizes: [least, most], .. } = within;
    let tick = view.market.tick.ten_thousandths();
    // an order that is inside by x moves the midpoint by x/2
    let inner = [limits.max_bid, limits.min_ask];
    let shift = inner.into_iter().zip(public).filter_map(|(to, from)| Some(to?.distance(from))).max().unwrap_or(0);
    let reach = (2 * terms.max_spread.ten_thousandths()).saturating_add(shift);
    let range = |side: Side, ix: usize| Range::new(side, inner[ix], public[ix], reference, reach, tick);
    let ranges = [range(Side::Buy, 0), range(Side::Sell, 1)];
    rivals.read(near, terms, reference, shift);
    let ground = Ground::of(view, rivals, terms, cost, within);
    let Search { ticks: [bids, asks], table } = search;
    let fine = ranges.iter().all(|range| range.is_fine());
    let found = if fine {
        let all = |ix: usize, ticks| ground.line(ranges[ix], 0..ranges[ix].count, public[ix], ticks);
        ground.best([&all(0, bids), &all(1, asks)], table)
    } else {
        let coarse = |ix: usize, ticks| ground.line(ranges[ix], ranges[ix].coarse(), public[ix], ticks);
        ground.best([&coarse(0, bids), &coarse(1, asks)], table)
    };
    let Some((mut best, mut lead)) = found else { return Ok(None) };
    if !fine {
        lead = Lead::NONE;
        let ns = [0, 1].map(|ix| best.side(ix).map(|(n, _)| n));
        let around = |ix: usize, ticks| ground.line(ranges[ix], ranges[ix].around(ns[ix]), public[ix], ticks);
        let finer = ground.best([&around(0, bids), &around(1, asks)], table);
        if let Some((finer, _)) = finer.filter(|(finer, _)| finer.value > best.value) {
            best = finer;
        }
    }
    if best.value <= 0.0 {
        return Err(NoQuote::Unprofitable {
            value_per_day: to_signed_usdc(best.value),
            rate_per_day: terms.rate_per_day,
        });
    }
    let [bid, ask] = [0, 1].map(|ix| {
        best.side(ix).map(|(n, size)| {
            let leg = if ix == 0 { Leg::BUY_YES } else { Leg::BUY_NO };
            Target { leg, price: ranges[ix].price(n), qty: whole(size, least, most) }
        })
    });
    Ok(Some((Pair { bid, ask }, lead)))
}

/// What [`plan`] finds where it found `found` with this lead before and nothing has changed since but sizes in the book, of which no more
/// than `gone` have left; `None` where it must be asked.
pub(super) fn still_best<B, I: Iterator<Item = Level>>(
    view: &View<'_, B>,
    (near, rivals): (&mut Near<'_, I>, &mut Rivals),
    terms: &RewardTerms,
    cost: &CostModel,
    within: &Within,
    (found, lead, gone): (Pair, Lead, Qty),
) -> Option<(Pair, Lead)> {
    let &Within { public, sizes: [least, most], .. } = within;
    let (bid, ask) = (found.bid?, found.ask?);
    let rate = dollars(terms.rate_per_day);
    let lead = lead.where_left(rate, shares(gone))?;
    // at or behind the public best the midpoint stays
    let midpoint = Midpoint::between(bid.price.max(public[0]), ask.price.min(public[1]));
    let pool = Pool { rate, rivals: rivals.most_at(near, terms, midpoint) };
    let ground = Ground::of(view, rivals, terms, cost, within);
    let around = ground.around();
    let spot = |side: Side, price: Price| {
        let weight = ground.band.weight(f64::from(midpoint.halves()), halves(price));
        Spot::new(weight, ground.cost_at(around, side, 2 * price.ten_thousandths()))
    };
    let (at_bid, at_ask) = (spot(Side::Buy, bid.price), spot(Side::Sell, ask.price));
    let (q, value) = sized_score(at_bid, at_ask, pool, ground.sizes);
    let resized = |target: Target, spot: Spot| {
        let qty = whole(spot.shares(q, ground.sizes), least, most);
        Some(Target { qty, ..target })
    };
    let leads = value > 0.0 && just_below(value) > lead.rest;
    leads.then(|| (Pair { bid: resized(bid, at_bid), ask: resized(ask, at_ask) }, lead))
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
