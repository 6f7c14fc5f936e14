//! Order flow at the best levels that count (Cont, Kukanov and Stoikov 2014): `e = 1{P ≥ P'}·q − 1{P ≤ P'}·q'` of the bid, less the same
//! of the ask with its signs turned, summed from one clear picture of the book to the next, and faded.
//!
//! Whole numbers only. Time counts in eighths of the half-life since 1970, so that the sum falls in steps at known moments and not
//! whenever somebody looks; looking without news changes nothing. Taken when a market is decided: whatever changes a best level has it
//! decided, for decisions read that far.

use crate::domain::{Nanos, Price, Qty, TickSize, Timestamp};
use crate::quote::{Best, FlowRule};

/// Steps in a half-life.
const STEPS: u64 = 8;
/// What is left after so many of them, of 2³²: powers of `2^(−1/8)`.
const KEPT: [i128; 8] = [
    4_294_967_296,
    3_938_502_376,
    3_611_622_603,
    3_311_872_529,
    3_037_000_500,
    2_784_941_738,
    2_553_802_834,
    2_341_847_524,
];
/// The sum is held inside this: a thousand million shares.
const SUM_MAX: i128 = 1_000_000_000_000_000;

/// One market's.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// The book's epoch: what flowed before belongs to another book.
    epoch: u64,
    /// The best levels when they were last looked at.
    seen: Option<Best>,
    /// Millionths of a share as of `step`, buying counted positive.
    sum: i128,
    step: u64,
}

/// Nanoseconds of a step.
fn length(rule: &FlowRule) -> u64 {
    (rule.half_life.nanos() / STEPS).max(1)
}

/// What is left of a sum after so many steps, rounded towards nothing.
fn faded(sum: i128, steps: u64) -> i128 {
    // beyond that many halvings nothing is left of the largest sum
    let halvings = (steps / STEPS).min(64);
    sum * KEPT[usize::try_from(steps % STEPS).expect("below eight")] / (1 << (32 + halvings))
}

/// What came to the best level of a side, less what left it.
fn change((was, had): (Price, Qty), (is, has): (Price, Qty), is_bid: bool) -> i128 {
    let (stays, nearer) = (is == was, if is_bid { is > was } else { is < was });
    let counted = |counts: bool, qty: Qty| if counts { i128::from(qty.micro()) } else { 0 };
    counted(nearer || stays, has) - counted(!nearer, had)
}

impl Flow {
    /// Takes the best levels as they are now; `None` where they are not known.
    pub(super) fn look(&mut self, at: Timestamp, rule: &FlowRule, epoch: u64, best: Option<Best>) {
        if self.epoch != epoch {
            *self = Self { epoch, ..Self::default() };
        }
        if let (Some(was), Some(is)) = (self.seen, best)
            && was.min_size == is.min_size
        {
            let flow = change(was.bid, is.bid, true) - change(was.ask, is.ask, false);
            if flow != 0 {
                let step = at.nanos() / length(rule);
                self.sum = (faded(self.sum, step - self.step) + flow).clamp(-SUM_MAX, SUM_MAX);
                self.step = step;
            }
        }
        self.seen = best;
    }

    /// Nothing is looked at for a while.
    pub(super) const fn pause(&mut self) {
        self.seen = None;
    }

    /// What it says of the fair value, half ten-thousandths.
    pub(super) fn halves(&self, at: Timestamp, rule: &FlowRule, tick: TickSize) -> i16 {
        if self.sum == 0 {
            return 0;
        }
        rule.halves(faded(self.sum, at.nanos() / length(rule) - self.step), tick)
    }

    /// When it will say something else, if nothing flows until then.
    pub(super) fn turns(&self, at: Timestamp, rule: &FlowRule, tick: TickSize) -> Option<Timestamp> {
        let now = self.halves(at, rule, tick);
        if now == 0 {
            return None;
        }
        let next = at.nanos() / length(rule) + 1;
        let step = (next..).find(|step| rule.halves(faded(self.sum, step - self.step), tick) != now)?;
        Some(Timestamp::EPOCH.plus(Nanos::from_nanos(step.saturating_mul(length(rule)))))
    }

    /// For the engine's digest.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i128> {
        let level = |(price, qty): (Price, Qty)| [i128::from(price.ten_thousandths()), i128::from(qty.micro())];
        let seen = self.seen.map(|best| {
            let [bid, ask] = [best.bid, best.ask].map(level);
            [i128::from(best.min_size.micro()), bid[0], bid[1], ask[0], ask[1]]
        });
        seen.into_iter().flatten().chain([i128::from(self.epoch), self.sum, i128::from(self.step)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::FairRule;
    use proptest::prelude::*;

    fn rule() -> FlowRule {
        FairRule::read(0, "1", 10, "2").expect("allowed").flow.expect("given")
    }

    fn best((bid, bids): (u16, u64), (ask, asks): (u16, u64)) -> Best {
        let level = |cents: u16, shares| {
            (Price::from_ten_thousandths(100 * cents).expect("a price"), Qty::from_whole(shares).expect("small"))
        };
        Best { min_size: Qty::ZERO, bid: level(bid, bids), ask: level(ask, asks) }
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(1_780_000_000_000 + ms)
    }

    /// Shares of flow from one picture to the next.
    fn between(was: Best, is: Best) -> i128 {
        let mut flow = Flow::default();
        flow.look(at(0), &rule(), 1, Some(was));
        flow.look(at(0), &rule(), 1, Some(is));
        flow.sum / 1_000_000
    }

    #[test]
    fn what_comes_to_the_bid_and_leaves_the_ask_counts_as_buying() {
        let was = best((48, 300), (52, 200));
        assert_eq!(between(was, was), 0);
        assert_eq!(between(was, best((48, 350), (52, 200))), 50, "more is bid");
        assert_eq!(between(was, best((48, 300), (52, 120))), 80, "less is asked");
        assert_eq!(between(was, best((49, 70), (52, 200))), 70, "a better bid: all of it came");
        assert_eq!(
            between(was, best((47, 900), (52, 200))),
            -300,
            "the bid is gone, what was behind it had been there"
        );
        assert_eq!(between(was, best((48, 300), (51, 70))), -70);
        assert_eq!(between(was, best((48, 300), (53, 900))), 200);
    }

    #[test]
    fn across_a_gap_nothing_flows_and_under_other_terms_nothing_is_compared() {
        let (was, is) = (best((48, 300), (52, 200)), best((48, 900), (52, 200)));
        let mut flow = Flow::default();
        flow.look(at(0), &rule(), 1, Some(was));
        flow.look(at(1), &rule(), 1, Some(is));
        assert_eq!(flow.sum, 600_000_000);
        flow.look(at(2), &rule(), 1, Some(Best { min_size: Qty::from_micro(1), ..was }));
        assert_eq!(flow.sum, 600_000_000);
        flow.look(at(3), &rule(), 1, None);
        flow.look(at(4), &rule(), 1, Some(is));
        assert_eq!(flow.sum, 600_000_000);
        let mut lost = flow.clone();
        flow.look(at(5), &rule(), 2, Some(was));
        assert_eq!(flow.sum, 0, "another epoch, another book");
        // a book that is lost is looked at before the next one has come
        lost.look(at(5), &rule(), 2, None);
        lost.look(at(6), &rule(), 2, Some(was));
        assert_eq!(lost.sum, 0, "what flowed to a book that is gone");
    }

    proptest! {
        #[test]
        fn it_fades_as_a_power_of_two_does(steps in prop::collection::vec((0u64..20_000, 1u64..5_000, any::<bool>()), 1..30)) {
            let (mut flow, mut other) = (Flow::default(), Flow::default());
            let (mut ms, mut known, mut size) = (0u64, 0f64, 100_000u64);
            flow.look(at(0), &rule(), 1, Some(best((48, size), (52, 1))));
            other.look(at(0), &rule(), 1, Some(best((48, 1), (52, size))));
            let grid = |ms: u64| (1_780_000_000_000 + ms) / 1_250;
            for (wait, shares, buys) in steps {
                known *= (-((grid(ms + wait) - grid(ms)) as f64) / 8.0).exp2();
                ms += wait;
                size = if buys { size + shares } else { size - shares.min(size - 1) };
                let (came, now) = (best((48, size), (52, 1)), at(ms));
                let before = flow.seen.map(|best| best.bid.1.micro()).expect("seen");
                known += came.bid.1.micro() as f64 - before as f64;
                flow.look(now, &rule(), 1, Some(came));
                other.look(now, &rule(), 1, Some(best((48, 1), (52, size))));
                prop_assert!((flow.sum as f64 - known).abs() <= 100.0 + known.abs() * 1e-6, "{} is not {known}", flow.sum);
                prop_assert_eq!(flow.sum, -other.sum, "the mirror image");
                // nobody who looks again leaves a trace
                let numbers: Vec<_> = flow.numbers().collect();
                flow.look(at(ms + wait), &rule(), 1, Some(came));
                prop_assert_eq!(&numbers, &flow.numbers().collect::<Vec<_>>());
                // what it says lasts until the moment it tells, and no longer
                let tick = TickSize::CENT;
                let says = |at: Timestamp| flow.halves(at, &rule(), tick);
                match flow.turns(now, &rule(), tick) {
                    None => prop_assert_eq!(says(now), 0),
                    Some(turns) => {
                        prop_assert!(turns > now);
                        let last = Timestamp::EPOCH.plus(Nanos::from_nanos(turns.nanos() - 1));
                        prop_assert_eq!(says(last), says(now));
                        prop_assert!(says(turns).abs() < says(now).abs());
                    }
                }
            }
        }
    }
}
