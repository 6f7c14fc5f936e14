//! Ticks of one side, and the stands they make.

use crate::domain::{Price, Side};
use crate::rewards::Midpoint;

/// Most ticks of a side that are weighed at once. Where there are more, every second, third … is, and then what lies around the best.
const BEHIND_MAX: u16 = 64;
/// Most ticks inside the public spread, a side, that are weighed at once: each makes stands of its own.
const INSIDE_MAX: u16 = 16;

/// Ticks of one side, counted from the innermost allowed one outward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) side: Side,
    /// Ten-thousandths.
    pub(super) inner: u16,
    pub(super) tick: u16,
    /// How many are nearer to the midpoint than the public best.
    pub(super) inside: u16,
    /// How many there are up to where nothing can score.
    pub(super) count: u16,
}

impl Range {
    /// `inner` `None`: the side has no tick.
    pub(super) fn new(
        side: Side,
        inner: Option<Price>,
        public: Price,
        reference: Midpoint,
        reach: u16,
        tick: u16,
    ) -> Self {
        let Some(inner) = inner else { return Self { side, inner: 0, tick, inside: 0, count: 0 } };
        let (from, best) = (inner.ten_thousandths(), public.ten_thousandths());
        let (outward, room) = match side {
            Side::Buy => (from.saturating_sub(best), from),
            Side::Sell => (best.saturating_sub(from), 10_000 - from),
        };
        // on the near side of it less is out of reach; beyond it, where the fair value is farther still, more is left to go
        let (middle, at) = (reference.halves(), 2 * from);
        let (away, beyond) = match side {
            Side::Buy => (middle.saturating_sub(at), at.saturating_sub(middle)),
            Side::Sell => (at.saturating_sub(middle), middle.saturating_sub(at)),
        };
        let scoring = reach.saturating_add(beyond).saturating_sub(away).div_ceil(2).div_ceil(tick);
        // neither zero nor a dollar is a price
        let count = scoring.min((room / tick).saturating_sub(u16::from(room.is_multiple_of(tick))) + 1);
        Self { side, inner: from, tick, inside: outward.div_ceil(tick).min(count), count }
    }

    pub(super) fn price(self, n: u16) -> Price {
        let away = n * self.tick;
        let price = match self.side {
            Side::Buy => self.inner - away,
            Side::Sell => self.inner + away,
        };
        Price::from_ten_thousandths(price).expect("counted inside zero and one dollar")
    }

    /// The same in half ten-thousandths.
    #[inline]
    pub(super) fn halves(self, n: u16) -> u16 {
        2 * if self.side == Side::Buy { self.inner - n * self.tick } else { self.inner + n * self.tick }
    }

    /// One in how many ticks is weighed at first, inside and behind.
    pub(super) const fn strides(self) -> [u16; 2] {
        [self.inside.div_ceil(INSIDE_MAX), (self.count - self.inside).div_ceil(BEHIND_MAX)]
    }

    /// Whether every tick is weighed at once.
    pub(super) fn is_fine(self) -> bool {
        self.strides().into_iter().all(|stride| stride <= 1)
    }

    /// The ticks to weigh first, innermost first.
    pub(super) fn coarse(self) -> impl Iterator<Item = u16> {
        let [inside, behind] = self.strides();
        let every = |from: u16, to: u16, stride: u16| {
            let stride = stride.max(1);
            // the last one too: where the distance pays, it pays most there
            let last = (from < to && !(to - 1 - from).is_multiple_of(stride)).then(|| to - 1);
            (from..to).step_by(stride.into()).chain(last)
        };
        every(0, self.inside, inside).chain(every(self.inside, self.count, behind))
    }

    /// What was left out around tick `n`.
    pub(super) fn around(self, n: Option<u16>) -> impl Iterator<Item = u16> {
        let [inside, behind] = self.strides();
        let stride = inside.max(behind);
        n.map_or(0..0, |n| n.saturating_sub(stride)..n.saturating_add(stride).min(self.count))
    }
}

/// One tick that is weighed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    /// Its number in the range.
    pub(super) n: u16,
    /// Half ten-thousandths.
    pub(super) halves: f64,
    /// Dollars a share and day.
    pub(super) cost: f64,
}

/// The ticks of one side that are weighed, innermost first.
pub(super) struct Line<'s> {
    pub(super) ticks: &'s [Tick],
    /// How many of them are inside the public spread.
    pub(super) inside: usize,
    /// The least cost behind it.
    pub(super) behind_cost: f64,
    /// The public best, half ten-thousandths.
    pub(super) public: f64,
}

/// What one side may choose from while the midpoint stays where it is.
pub(super) struct Stand<'s> {
    /// Best level it leaves in the book, half ten-thousandths.
    pub(super) level: f64,
    /// Never empty; all score less than the first.
    pub(super) ticks: &'s [Tick],
    pub(super) least_cost: f64,
}

impl<'s> Line<'s> {
    /// How many stands there are.
    pub(super) const fn stands(&self) -> usize {
        self.inside + if self.has_public() { 1 } else { 0 }
    }

    /// Whether a tick is at the public best or behind it.
    pub(super) const fn has_public(&self) -> bool {
        self.inside < self.ticks.len()
    }

    /// Whether that one is the public one.
    pub(super) const fn is_public(&self, n: usize) -> bool {
        n == self.inside
    }

    /// One of the stands, innermost first; the public one comes last.
    #[inline]
    pub(super) fn stand(&self, n: usize) -> Stand<'s> {
        if self.is_public(n) {
            let ticks = &self.ticks[n..];
            return Stand { level: self.public, ticks, least_cost: self.behind_cost };
        }
        let ticks = &self.ticks[n..=n];
        Stand { level: ticks[0].halves, ticks, least_cost: ticks[0].cost }
    }
}
