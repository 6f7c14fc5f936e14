//! Our share as an interval: against the most and against the least that all others may score.
//!
//! The public book alone gives its widest form; what else is known of the others' score narrows it. Knowledge that contradicts the book
//! narrows nothing. The low end is a bound. The high end is one only while the others' orders are old enough to score: no book tells
//! their age.

use super::{Fixed12, Outlook, ScoreBreakdown};
use crate::domain::Usdc;
use serde::{Deserialize, Serialize};

/// What our orders may bring; `low.share <= high.share`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Against the most the others may score.
    pub low: Outlook,
    /// Against the least.
    pub high: Outlook,
}

impl Interval {
    /// As far as the book can tell.
    #[must_use]
    pub const fn of(score: &ScoreBreakdown) -> Self {
        Self { low: score.worst, high: score.best }
    }

    /// The part of it in which the others score `least` to `most`, for orders of ours that score `mine` in a pool of `rate` a day; `None`
    /// where the two have nothing in common.
    #[must_use]
    pub fn within(self, [least, most]: [Fixed12; 2], mine: Fixed12, rate: Usdc) -> Option<Self> {
        let [known_least, known_most] = [self.high.rest_q_min, self.low.rest_q_min];
        let (least, most) = (least.max(known_least), most.min(known_most));
        let against = |end: Outlook, rest: Fixed12| {
            // an end that stays is kept to the digit: its own rounding came later
            if rest == end.rest_q_min { end } else { Outlook::against(rest, mine, rate) }
        };
        (least <= most).then(|| Self { low: against(self.low, most), high: against(self.high, least) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(n: u64) -> Fixed12 {
        Fixed12::from_units(u128::from(n) * 1_000_000_000_000)
    }

    fn rate() -> Usdc {
        Usdc::from_micro(144_000_000)
    }

    fn interval(least: u64, most: u64, mine: u64) -> Interval {
        let against = |rest| Outlook::against(whole(rest), whole(mine), rate());
        Interval { low: against(most), high: against(least) }
    }

    #[test]
    fn a_hundred_against_three_hundred_is_a_quarter_of_a_dime() {
        let Outlook { share, minute_reward, .. } = interval(300, 300, 100).low;
        assert_eq!(share.to_string(), "0.250000000000");
        assert_eq!(minute_reward.to_string(), "0.025000000000", "144 dollars a day are ten cents a minute");
        assert_eq!(interval(0, 0, 0).low, Outlook::default(), "nobody's share is nothing");
    }

    proptest! {
        /// Against taking every whole number: what remains are the numbers both allow.
        #[test]
        fn narrows_to_what_both_allow(ends in (0u64..40, 0u64..40, 0u64..40, 0u64..40), mine in 0u64..60) {
            let (a, b, c, d) = ends;
            let (book, known) = ([a.min(b), a.max(b)], [c.min(d), c.max(d)]);
            let both: Vec<u64> = (0..40).filter(|k| [book, known].iter().all(|[lo, hi]| lo <= k && k <= hi)).collect();
            let narrowed = interval(book[0], book[1], mine).within(known.map(whole), whole(mine), rate());
            let expected = both.first().zip(both.last()).map(|(least, most)| interval(*least, *most, mine));
            prop_assert_eq!(narrowed, expected);
            if let Some(narrowed) = narrowed {
                prop_assert!(narrowed.low.share <= narrowed.high.share);
            }
        }
    }
}
