//! Which tick and how much on each side, for most reward less cost (`strategy.md` section 3).
//!
//! `J = R·Q/(K + Q) − m_bid·n_bid − m_ask·n_ask`, where `Q` is what the pair scores: the smaller of both sides' `w·n`. Given `Q`, each
//! side picks its cheapest way to score it, so the search is over `Q` alone. Where neither the least nor the largest size binds, the
//! closed form is exact: each side rests where `μ = m/w` is least and `Q* = √(R·K/(μ_bid + μ_ask)) − K`. Where a size binds, few pairs of
//! ticks are all tried, and of many those that are cheapest for what some tick scores at that size; the best score of a pair of ticks is
//! closed form again.
//!
//! Knows nothing of books: it is given ticks with weights and costs. Dollars, shares and days, in floats; whoever asks rounds.

use arrayvec::ArrayVec;

/// One tick an order may rest at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    /// Score of a share: `((v − s)/v)²`, above 0, at most 1.
    pub(super) weight: f64,
    /// Dollars a share and day; negative where the spread pays for everything.
    pub(super) cost: f64,
}

impl Spot {
    /// A tick of this weight and cost.
    #[must_use]
    #[inline]
    pub(super) const fn new(weight: f64, cost: f64) -> Self {
        Self { weight, cost }
    }

    /// Dollars a day for a unit of score.
    #[inline]
    fn per_score(self) -> f64 {
        self.cost / self.weight
    }

    /// What scoring adds to its cost: nothing where the order earns by itself, and is at its largest whatever is scored.
    #[inline]
    fn slope(self) -> f64 {
        greater(self.per_score(), 0.0)
    }

    /// What it scores at the least size it may have.
    #[inline]
    fn floor(self, sizes: Sizes) -> f64 {
        self.weight * if self.cost < 0.0 { sizes.max } else { sizes.min }
    }

    #[inline]
    fn ends(self, pool: Pool, sizes: Sizes) -> Ends {
        Ends { reward: pool.reward(sizes.max * self.weight), cost: self.least(sizes) }
    }

    /// The least it costs a day to rest here.
    #[inline]
    pub(super) fn least(self, sizes: Sizes) -> f64 {
        self.cost * if self.cost < 0.0 { sizes.max } else { sizes.min }
    }

    /// Fewest dollars a day to score `q` here; `q` is within reach of `sizes.max`.
    #[inline]
    fn cost_of(self, q: f64, sizes: Sizes) -> f64 {
        self.cost * self.shares(q, sizes)
    }

    /// The shares to score `q` with: no more than needed, unless each of them earns.
    #[inline]
    pub(super) fn shares(self, q: f64, sizes: Sizes) -> f64 {
        if self.cost < 0.0 { sizes.max } else { lesser(greater(q / self.weight, sizes.min), sizes.max) }
    }
}

/// Shares an order may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sizes {
    /// Above zero.
    pub(super) min: f64,
    /// At least `min`.
    pub(super) max: f64,
}

/// What is paid, and to whom else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pool {
    /// `R`: dollars a day.
    pub(super) rate: f64,
    /// `K`: what the others score.
    pub(super) rivals: f64,
}

impl Pool {
    /// Dollars a day for a score of `q`, above zero.
    #[inline]
    fn reward(self, q: f64) -> f64 {
        self.rate * q / (self.rivals + q)
    }

    /// The same pool in units of which one side alone scores a third.
    #[inline]
    fn of_one_side(self) -> Self {
        Self { rivals: self.rivals * 3.0, ..self }
    }

    /// The score at which one more unit of it pays `per_score`, a cost above zero.
    fn best_score(self, per_score: f64) -> f64 {
        (self.rate * self.rivals / per_score).sqrt() - self.rivals
    }

    /// [`Self::best_score`] held between two scores; a cost of nothing has no end.
    #[inline]
    fn best_score_within(self, per_score: f64, from: f64, to: f64) -> f64 {
        /// Nearer to an end than this the root decides.
        const CLEAR: f64 = 1e-9;
        if per_score <= 0.0 {
            return to;
        }
        // what the next unit brings at `q` is `R·K/(K + q)²`: where that is clearly above or below its cost, no root is needed
        let worth = self.rate * self.rivals;
        let pays_until = |q: f64| per_score * (self.rivals + q) * (self.rivals + q);
        if worth * (1.0 - CLEAR) > pays_until(to) {
            to
        } else if worth * (1.0 + CLEAR) < pays_until(from) {
            from
        } else {
            lesser(greater(self.best_score(per_score), from), to)
        }
    }
}

/// An order: which of the given ticks, and how many shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rest {
    /// Index into the ticks given.
    pub(super) spot: usize,
    /// Shares.
    pub(super) shares: f64,
}

/// Both orders and what they are worth, dollars a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    /// In YES terms.
    pub(super) bid: Rest,
    /// In YES terms.
    pub(super) ask: Rest,
    /// `J`.
    pub(super) value: f64,
}

/// The best pair, if it is worth more than `floor`; else none, or one that is worth less. Ticks of a side come best weight first. The
/// value may be negative. `rest` is raised to what no pair of other ticks is worth more than.
#[must_use]
pub(super) fn best_pair_above(
    bids: &[Spot],
    asks: &[Spot],
    pool: Pool,
    sizes: Sizes,
    floor: f64,
    rest: &mut f64,
) -> Option<Pair> {
    let mut best = (0.0, floor);
    let mut chosen = None;
    let mut consider = |pair: (usize, usize), rest: &mut f64| {
        let (q, value) = sized_score(bids[pair.0], asks[pair.1], pool, sizes);
        if value > best.1 {
            if chosen.is_some() {
                *rest = greater(*rest, best.1);
            }
            best = (q, value);
            chosen = Some(pair);
        } else {
            *rest = greater(*rest, value);
        }
        best.1
    };
    if bids.len() * asks.len() <= ALL_PAIRS_MAX {
        let mut bar = just_below(floor);
        let mut ends = ArrayVec::<Ends, ALL_PAIRS_MAX>::new();
        ends.extend(asks.iter().map(|ask| ask.ends(pool, sizes)));
        for (n, bid) in bids.iter().enumerate() {
            let here = bid.ends(pool, sizes);
            for (m, there) in ends.iter().enumerate() {
                let at_most = here.pair(*there);
                if at_most >= bar {
                    bar = just_below(consider((n, m), rest));
                } else {
                    *rest = greater(*rest, at_most);
                }
            }
        }
        return chosen.map(|pair| Pair::sized(bids, asks, pair, best, sizes));
    }
    // what is left out below is not bounded
    *rest = f64::INFINITY;
    let pair = (cheapest(bids)?, cheapest(asks)?);
    let (bid, ask) = (bids[pair.0], asks[pair.1]);
    if bid.cost > 0.0 && ask.cost > 0.0 {
        let q = pool.best_score(bid.per_score() + ask.per_score());
        let fits = |spot: Spot| sizes.min * spot.weight <= q && q <= sizes.max * spot.weight;
        if fits(bid) && fits(ask) {
            return Some(Pair::sized(bids, asks, pair, sized_score(bid, ask, pool, sizes), sizes));
        }
    }
    consider(pair, rest);
    let mut last = pair;
    let mut another = |pair| {
        if pair != last {
            last = pair;
            consider(pair, rest);
        }
    };
    for size in [sizes.max, sizes.min] {
        binding(bids, asks, size, sizes, |bid, ask| another((bid, ask)));
        binding(asks, bids, size, sizes, |ask, bid| another((bid, ask)));
    }
    chosen.map(|pair| Pair::sized(bids, asks, pair, best, sizes))
}

/// What bounds the value of a tick beside another.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// The most it can be paid.
    reward: f64,
    /// The least it costs.
    cost: f64,
}

impl Ends {
    /// No pair of two is worth more.
    #[inline]
    fn pair(self, other: Self) -> f64 {
        lesser(self.reward, other.reward) - self.cost - other.cost
    }
}

/// Whether something that is worth at most `bound` needs no look. Rounding is left a wide margin.
#[inline]
pub(super) fn is_hopeless(bound: f64, known: f64) -> bool {
    bound < just_below(known)
}

/// Less than a value by more than rounding does.
#[inline]
pub(super) fn just_below(value: f64) -> f64 {
    value - 1e-9 * (1.0 + value.abs())
}

/// The smaller of two numbers: one instruction, where the library's also minds what is no number.
#[inline]
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger of two numbers, as [`lesser`].
#[inline]
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// So many pairs of ticks are simply all tried.
const ALL_PAIRS_MAX: usize = 36;

/// The tick with the least cost for a unit of score; the first of equals.
fn cheapest(spots: &[Spot]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (ix, spot) in spots.iter().enumerate() {
        // m/w compared crosswise: no division
        if best.is_none_or(|b| spot.cost * spots[b].weight < spots[b].cost * spot.weight) {
            best = Some(ix);
        }
    }
    best
}

/// Pairs that can be best where a size binds: for each tick of `here`, what it scores at `size`, and the cheapest ticks of both sides
/// that reach that score, by two readings of cheap: a unit of score (where sizes are free), and a share (where the least size binds).
fn binding(here: &[Spot], there: &[Spot], size: f64, sizes: Sizes, mut found: impl FnMut(usize, usize)) {
    let better = [|a: Spot, b: Spot| a.cost * b.weight < b.cost * a.weight, |a: Spot, b: Spot| a.cost < b.cost];
    let mut best_here = [0; 2];
    let mut best_there: [Option<usize>; 2] = [None; 2];
    let mut reached = 0;
    for (ix, spot) in here.iter().enumerate() {
        for (best, better) in best_here.iter_mut().zip(better) {
            if better(*spot, here[*best]) {
                *best = ix;
            }
        }
        let q = size * spot.weight;
        // weights fall: what reaches a larger score reaches a smaller one
        while reached < there.len() && there[reached].weight * sizes.max >= q {
            for (best, better) in best_there.iter_mut().zip(better) {
                if best.is_none_or(|b| better(there[reached], there[b])) {
                    *best = Some(reached);
                }
            }
            reached += 1;
        }
        for there in best_there.into_iter().flatten() {
            found(ix, there);
            for here in best_here {
                found(here, there);
            }
        }
    }
}

/// The score that is best for a pair of ticks, and what the pair is worth then.
#[inline]
pub(super) fn sized_score(bid: Spot, ask: Spot, pool: Pool, sizes: Sizes) -> (f64, f64) {
    // Costs are flat until the least size scores it, then rise by one slope, then by two; rewards rise ever less. So what is worth most
    // lies in the upper part if it lies above its foot, else in the lower one.
    let floors = [bid.floor(sizes), ask.floor(sizes)];
    let most = sizes.max * lesser(bid.weight, ask.weight);
    let (low, high) = if floors[0] <= floors[1] { (floors[0], floors[1]) } else { (floors[1], floors[0]) };
    let (low, high) = (lesser(low, most), lesser(high, most));
    let mut q = pool.best_score_within(bid.slope() + ask.slope(), high, most);
    if q <= high {
        let first = if floors[0] <= floors[1] { bid } else { ask };
        q = pool.best_score_within(first.slope(), low, high);
    }
    (q, pool.reward(q) - bid.cost_of(q, sizes) - ask.cost_of(q, sizes))
}

impl Pair {
    fn sized(bids: &[Spot], asks: &[Spot], (bid, ask): (usize, usize), (q, value): (f64, f64), sizes: Sizes) -> Self {
        Self {
            bid: Rest { spot: bid, shares: bids[bid].shares(q, sizes) },
            ask: Rest { spot: ask, shares: asks[ask].shares(q, sizes) },
            value,
        }
    }
}

/// [`pair_bound`] at a glance: the most it scores at the least it costs.
#[inline]
pub(super) fn pair_at_most(bid: Spot, ask: Spot, pool: Pool, sizes: Sizes) -> f64 {
    pool.reward(sizes.max * lesser(bid.weight, ask.weight)) - bid.least(sizes) - ask.least(sizes)
}

/// No pair is worth more whose ticks have at most these weights and at least these costs.
#[must_use]
#[inline]
pub(super) fn pair_bound(bid: Spot, ask: Spot, pool: Pool, sizes: Sizes) -> f64 {
    let most = sizes.max * lesser(bid.weight, ask.weight);
    if bid.cost >= 0.0 && ask.cost >= 0.0 {
        // the most it scores at the least it costs; or as much as pays, sizes being free
        let held = pool.reward(most) - (bid.cost + ask.cost) * sizes.min;
        return lesser(bound(bid.per_score() + ask.per_score(), most, pool), held);
    }
    let earned = |spot: Spot| if spot.cost < 0.0 { -spot.cost * sizes.max } else { 0.0 };
    bound(bid.slope() + ask.slope(), most, pool) + earned(bid) + earned(ask)
}

/// No order by itself is worth more whose tick has at most this weight and at least this cost: where it is paid most and costs least.
#[inline]
pub(super) fn alone_at_most(spot: Spot, pool: Pool, sizes: Sizes) -> f64 {
    let most = sizes.max * spot.weight;
    let reward = if most > 0.0 { pool.of_one_side().reward(most) } else { 0.0 };
    reward - spot.least(sizes)
}

/// The most that scores up to `most` are worth at a cost of `slope` each, least sizes left out.
fn bound(slope: f64, most: f64, pool: Pool) -> f64 {
    let q = pool.best_score_within(slope, 0.0, most);
    // a score of next to nothing among no rivals takes the whole pool
    if q > 0.0 {
        pool.reward(q) - slope * q
    } else if pool.rivals > 0.0 {
        0.0
    } else {
        pool.rate
    }
}

/// The best order on one side alone, where that scores a third of what it would beside an equal one; with its value.
#[must_use]
pub(super) fn best_alone(spots: &[Spot], pool: Pool, sizes: Sizes) -> Option<(Rest, f64)> {
    let third = pool.of_one_side();
    let mut best: Option<(Rest, f64)> = None;
    for (ix, spot) in spots.iter().enumerate() {
        let q = if spot.cost > 0.0 { third.best_score(spot.per_score()) } else { f64::INFINITY };
        let shares = lesser(greater(q / spot.weight, sizes.min), sizes.max);
        let value = third.reward(shares * spot.weight) - spot.cost * shares;
        if best.is_none_or(|(_, known)| value > known) {
            best = Some((Rest { spot: ix, shares }, value));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The best of all ticks and of sizes in equal steps, the published rule for two sides asked plainly.
    fn brute(bids: &[Spot], asks: &[Spot], pool: Pool, sizes: Sizes, steps: u32) -> f64 {
        let shares = |n: u32| sizes.min + (sizes.max - sizes.min) * f64::from(n) / f64::from(steps);
        let mut best = f64::NEG_INFINITY;
        for bid in bids {
            for ask in asks {
                for (a, b) in (0..=steps).flat_map(|a| (0..=steps).map(move |b| (shares(a), shares(b)))) {
                    let q = (bid.weight * a).min(ask.weight * b);
                    best = best.max(pool.reward(q) - bid.cost * a - ask.cost * b);
                }
            }
        }
        best
    }

    fn spots(costs: &[(f64, f64)]) -> Vec<Spot> {
        let mut spots: Vec<Spot> = costs.iter().map(|&(weight, cost)| Spot::new(weight, cost)).collect();
        spots.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        spots
    }

    /// The most weight and the least cost of a side, wherever they are.
    fn ideal(spots: &[Spot]) -> Spot {
        Spot::new(spots[0].weight, spots.iter().map(|spot| spot.cost).fold(f64::INFINITY, f64::min))
    }

    #[test]
    fn the_check_value_of_the_design_comes_out() {
        // both sides with half the cost each, on a grid of a third of a hundredth of a cent: R 50, K 800, v 0.03, m = 0.02·e^(−120 s)
        let at = |n: u32| {
            let s = f64::from(n) / 30_000.0;
            let w = (0.03 - s) / 0.03;
            Spot::new(w * w, 0.02 * libm::exp(-120.0 * s) / 2.0)
        };
        let side: Vec<Spot> = (0..900).map(at).collect();
        let pool = Pool { rate: 50.0, rivals: 800.0 };
        let best = best_pair_above(&side, &side, pool, Sizes { min: 1.0, max: 1e6 }, f64::NEG_INFINITY, &mut 0.0)
            .expect("ticks");
        assert_eq!(best.bid, best.ask);
        assert!(best.bid.spot == 400, "s* 0.013333: {best:?}");
        assert!((best.bid.shares - 3073.0).abs() < 0.5, "n* 3073: {best:?}");
        assert!((best.value - 14.7141).abs() < 0.000_05, "J* 14.7141: {best:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn no_pair_and_size_is_better(
            bids in prop::collection::vec((0.02f64..1.0, -0.002f64..0.05), 1..9),
            asks in prop::collection::vec((0.02f64..1.0, -0.002f64..0.05), 1..9),
            rate in 0.5f64..200.0,
            rivals in prop_oneof![Just(0.0), 1.0f64..5_000.0],
            min in 5.0f64..100.0,
            room in prop_oneof![Just(0.0), 1.0f64..20.0],
        ) {
            let (bids, asks) = (spots(&bids), spots(&asks));
            let (pool, sizes) = (Pool { rate, rivals }, Sizes { min, max: min * (1.0 + room) });
            let mut rest = f64::NEG_INFINITY;
            let best = best_pair_above(&bids, &asks, pool, sizes, f64::NEG_INFINITY, &mut rest).expect("ticks on both sides");
            let truth = brute(&bids, &asks, pool, sizes, 40);
            for (n, m) in (0..bids.len()).flat_map(|n| (0..asks.len()).map(move |m| (n, m))) {
                let other = brute(&bids[n..=n], &asks[m..=m], pool, sizes, 40);
                let chosen = (n, m) == (best.bid.spot, best.ask.spot);
                prop_assert!(chosen || other <= rest + 1e-9 * (1.0 + other.abs()), "{n} and {m} bring {other}, more than {rest}");
            }
            prop_assert!(best.value >= truth - 1e-3 * truth.abs() - 1e-9, "{best:?} against {truth}");
            let [bid, ask] = [&bids, &asks].map(|side| ideal(side));
            let bound = pair_bound(bid, ask, pool, sizes);
            prop_assert!(bound >= best.value - 1e-9 * (1.0 + bound.abs()), "bound {bound} of {best:?}");
            for (rest, spots) in [(best.bid, &bids), (best.ask, &asks)] {
                prop_assert!(rest.spot < spots.len());
                prop_assert!(rest.shares >= sizes.min && rest.shares <= sizes.max);
            }
            let q = (bids[best.bid.spot].weight * best.bid.shares).min(asks[best.ask.spot].weight * best.ask.shares);
            let told = pool.reward(q) - bids[best.bid.spot].cost * best.bid.shares - asks[best.ask.spot].cost * best.ask.shares;
            prop_assert!((told - best.value).abs() <= 1e-9 * (1.0 + told.abs()), "says {} and is worth {told}", best.value);
        }

        #[test]
        fn an_end_without_a_root_is_where_the_root_leads(
            (rate, rivals) in (0.5f64..200.0, prop_oneof![Just(0.0), 1.0f64..5_000.0]),
            per_score in prop_oneof![0.000_01f64..0.05, Just(1.0)],
            (from, more) in (0.0f64..500.0, 0.0f64..500.0),
            near in -2i32..=2,
        ) {
            let pool = Pool { rate, rivals };
            let root = pool.best_score(per_score);
            // also with an end next to the root
            let close = (root * (1.0 + 1e-10 * f64::from(near))).max(0.0);
            for (from, to) in [(from, from + more), (close, close + more), ((close - more).max(0.0).min(close), close)] {
                prop_assert!((pool.best_score_within(per_score, from, to) - root.clamp(from, to)).abs() <= 0.0);
            }
        }

        #[test]
        fn no_single_order_is_better(
            side in prop::collection::vec((0.02f64..1.0, -0.002f64..0.05), 1..6),
            rate in 0.5f64..200.0,
            rivals in prop_oneof![Just(0.0), 1.0f64..5_000.0],
            min in 5.0f64..100.0,
            room in prop_oneof![Just(0.0), 1.0f64..20.0],
        ) {
            let side = spots(&side);
            let (pool, sizes) = (Pool { rate, rivals }, Sizes { min, max: min * (1.0 + room) });
            let (_, value) = best_alone(&side, pool, sizes).expect("ticks");
            let bound = alone_at_most(ideal(&side), pool, sizes);
            prop_assert!(bound >= value - 1e-9 * (1.0 + bound.abs()), "bound {bound} of {value}");
            for spot in &side {
                for n in 0..=400 {
                    let shares = sizes.min + (sizes.max - sizes.min) * f64::from(n) / 400.0;
                    let q = spot.weight * shares / 3.0;
                    let other = pool.reward(q) - spot.cost * shares;
                    prop_assert!(value >= other - 1e-9 * (1.0 + other.abs()), "{value} against {other}");
                }
            }
        }
    }
}
