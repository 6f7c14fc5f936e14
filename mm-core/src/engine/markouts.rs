//! How our fills turn out: the midpoint 1, 10, 60 and 300 seconds after each, against the price paid; and what resting cost beyond what
//! the cost model said (`strategy.md` sections 3 and 4: toxicity comes from our own fills, not from the sides the feed claims).
//!
//! Whole numbers only, old evidence fading by halves. Bounded: the newest [`PENDING_MAX`] fills of a market are followed, what is older
//! and still open is given up and counted.

use crate::domain::{Nanos, Qty, Side, Timestamp};
use crate::quote::Markout;
use std::collections::VecDeque;

/// When a fill is looked at again.
pub const HORIZONS: [Nanos; 4] =
    [Nanos::from_secs(1), Nanos::from_secs(10), Nanos::from_secs(60), Nanos::from_secs(300)];
/// The horizon that decisions rest on.
const DECIDING: usize = 2;
/// Fills of one market that are followed at a time.
const PENDING_MAX: usize = 16;
/// A thousand million.
const WHOLE: i128 = 1_000_000_000;
const MS_PER_DAY: u128 = 86_400_000;

#[derive(Clone, Copy, Debug)]
struct Pending {
    at: Timestamp,
    side: Side,
    /// Price in YES terms, half ten-thousandths.
    paid: u16,
    qty: Qty,
    /// Horizons done.
    done: u8,
}

/// Sums of one horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    /// Millionths of a share times half ten-thousandths of a dollar.
    gain: i128,
    /// Millionths of a share.
    shares: u128,
}

/// One market's.
#[derive(Clone, Debug, Default)]
pub(super) struct Markouts {
    pending: VecDeque<Pending>,
    sums: [Sum; 4],
    /// Resting so far, millionths of a share times milliseconds.
    rested: u128,
    /// What the cost model said that costs, nano-dollars.
    predicted: i128,
    /// Fills given up before their last horizon.
    pub(super) given_up: u64,
}

impl Markouts {
    /// A new fill of ours; `side` and `paid` in YES terms.
    pub(super) fn fill(&mut self, at: Timestamp, side: Side, paid: u16, qty: Qty) {
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
            self.given_up += 1;
        }
        self.pending.push_back(Pending { at, side, paid, qty, done: 0 });
    }

    /// A fill that is taken back: as if it had not been, if it is still followed.
    pub(super) fn undo(&mut self, side: Side, paid: u16, qty: Qty) {
        if let Some(n) = self.pending.iter().position(|p| (p.side, p.paid, p.qty) == (side, paid, qty)) {
            self.pending.remove(n);
        }
    }

    /// Looks at every fill whose next horizon has come. Without a midpoint that look is left out.
    pub(super) fn judge(&mut self, at: Timestamp, midpoint2x: Option<u16>) {
        for pending in &mut self.pending {
            while let Some(horizon) = HORIZONS.get(usize::from(pending.done)).filter(|h| at.since(pending.at) >= **h) {
                // a look that comes late by more than its own time is none
                let timely = at.since(pending.at) < Nanos::from_nanos(horizon.nanos().saturating_mul(2));
                if let Some(now) = midpoint2x.filter(|_| timely) {
                    let moved = i128::from(now) - i128::from(pending.paid);
                    let gain = if pending.side == Side::Buy { moved } else { -moved };
                    let sum = &mut self.sums[usize::from(pending.done)];
                    sum.gain += gain * i128::from(pending.qty.micro());
                    sum.shares += u128::from(pending.qty.micro());
                }
                pending.done += 1;
            }
        }
        self.pending.retain(|pending| usize::from(pending.done) < HORIZONS.len());
    }

    /// When [`Self::judge`] has something to do.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.pending.iter().filter_map(|p| Some(p.at.plus(*HORIZONS.get(usize::from(p.done))?))).min()
    }

    /// An order rested for `time`, which the model says costs `nano_per_day` nano-dollars a share and day.
    pub(super) fn rest(&mut self, qty: Qty, time: Nanos, nano_per_day: i64) {
        let rested = u128::from(qty.micro()) * u128::from(time.ms());
        self.rested += rested;
        let days = i128::try_from(rested).unwrap_or(i128::MAX);
        self.predicted +=
            days.saturating_mul(i128::from(nano_per_day)) / 1_000_000 / i128::try_from(MS_PER_DAY).unwrap_or(1);
    }

    /// Lets all evidence fade to `kept` parts in a thousand million.
    pub(super) fn fade(&mut self, kept: u64) {
        let signed = |n: i128| n * i128::from(kept) / WHOLE;
        let unsigned = |n: u128| n * u128::from(kept) / WHOLE.unsigned_abs();
        for sum in &mut self.sums {
            *sum = Sum { gain: signed(sum.gain), shares: unsigned(sum.shares) };
        }
        self.rested = unsigned(self.rested);
        self.predicted = signed(self.predicted);
    }

    /// The mean at one of the [`HORIZONS`], if at least `least` shares stand behind it.
    pub(super) fn mean(&self, horizon: usize, least: Qty) -> Option<Markout> {
        let Sum { gain, shares } = self.sums[horizon];
        let of = i128::try_from(shares).ok().filter(|n| *n > 0 && shares >= u128::from(least.micro()))?;
        // half ten-thousandths are half hundredths of a cent
        let gain = i64::try_from(gain / 2 / of).unwrap_or_default();
        Some(Markout { gain, shares: Qty::from_micro(u64::try_from(shares).unwrap_or(u64::MAX)) })
    }

    /// The mean that decisions rest on.
    pub(super) fn deciding(&self, least: Qty) -> Option<Markout> {
        self.mean(DECIDING, least)
    }

    /// Loss beyond the model's, nano-dollars a share and day, with `prior` micro-share-days of the model's word beside the evidence.
    pub(super) fn extra_cost(&self, prior: u64) -> u64 {
        // half ten-thousandths of a dollar times millionths of a share: 20 of them are a nano-dollar
        let lost = self.sums[DECIDING].gain.saturating_neg();
        // every decision asks: the usual answer costs no division
        if lost <= self.predicted.saturating_mul(20) {
            return 0;
        }
        let beyond = (lost / 20).saturating_sub(self.predicted).max(0);
        let days = (self.rested / MS_PER_DAY).saturating_add(u128::from(prior)).max(1);
        let a_share_and_day = beyond.unsigned_abs().saturating_mul(1_000_000) / days;
        u64::try_from(a_share_and_day).unwrap_or(u64::MAX)
    }

    /// Everything that tells one state from another, as numbers for a hash.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i128> + '_ {
        let pending = self.pending.iter().flat_map(|p| {
            [i128::from(p.at.nanos()), i128::from(p.paid), i128::from(p.qty.micro()), i128::from(p.done)]
        });
        let sums = self.sums.iter().flat_map(|s| [s.gain, i128::try_from(s.shares).unwrap_or(i128::MAX)]);
        let rested = i128::try_from(self.rested).unwrap_or(i128::MAX);
        pending.chain(sums).chain([rested, self.predicted, i128::from(self.given_up)])
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.pending.capacity() * std::mem::size_of::<Pending>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(n: u64) -> Qty {
        Qty::from_whole(n).expect("small")
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + ms)
    }

    #[test]
    fn a_fill_is_looked_at_four_times_and_then_forgotten() {
        let mut m = Markouts::default();
        m.fill(at(0), Side::Buy, 10_000, shares(10));
        m.fill(at(0), Side::Sell, 10_200, shares(30));
        assert_eq!(m.due(), Some(at(1_000)));
        m.judge(at(999), Some(0));
        assert_eq!(m.mean(0, Qty::ZERO), None);
        // the midpoint fell by a cent: the bid lost one, the ask gained two
        m.judge(at(1_000), Some(9_800));
        assert_eq!(m.mean(0, Qty::ZERO), Some(Markout { gain: (-100 * 10 + 200 * 30) / 40, shares: shares(40) }));
        assert_eq!(m.mean(0, shares(41)), None, "too few shares are no evidence");
        m.judge(at(10_000), None);
        assert_eq!(m.mean(1, Qty::ZERO), None, "without a midpoint there is no look");
        m.judge(at(60_000), Some(9_800));
        m.judge(at(600_001), Some(0));
        assert_eq!(m.mean(3, Qty::ZERO), None, "a look that is late by more than its own time is none");
        assert_eq!(m.due(), None);
    }

    #[test]
    fn losses_beyond_the_model_make_resting_dearer_and_fade() {
        let mut m = Markouts::default();
        // 100 shares for a day, said to cost 0.02 dollars each: 2 dollars
        m.rest(shares(100), Nanos::from_secs(86_400), 20_000_000);
        assert_eq!(m.extra_cost(0), 0, "losses that did not come prove nothing");
        m.fill(at(0), Side::Buy, 10_000, shares(100));
        m.judge(at(60_000), Some(8_800));
        // 6 dollars lost: 4 beyond the model over 100 share-days, and over 400 with the model's own word
        assert_eq!(m.extra_cost(0), 40_000_000);
        assert_eq!(m.extra_cost(300_000_000), 10_000_000);
        m.fade(500_000_000);
        assert_eq!(m.extra_cost(0), 40_000_000, "losses and time fade together");
        assert_eq!(m.extra_cost(300_000_000), 2_000_000_000 / 350, "and then weigh less beside the model");
    }

    #[test]
    fn fills_beyond_the_bound_are_counted_and_one_taken_back_leaves_nothing() {
        let mut m = Markouts::default();
        for n in 0..20 {
            m.fill(at(n), Side::Buy, 10_000, shares(1));
        }
        assert_eq!((m.given_up, m.due()), (4, Some(at(1_004))));
        let mut one = Markouts::default();
        one.fill(at(0), Side::Buy, 10_000, shares(5));
        one.undo(Side::Buy, 10_000, shares(5));
        one.judge(at(1_000), Some(0));
        assert_eq!(one.mean(0, Qty::ZERO), None);
    }
}
