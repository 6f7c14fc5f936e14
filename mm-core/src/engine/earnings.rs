//! The third series of the minute ledger: what the venue says we earn, market by market as of now and in dollars by the day.
//!
//! Kept beside what the book lets expect and what the venue says of single orders, never mixed with them. What is not told is not known:
//! neither nothing nor a yes. It decides nothing; it only narrows what others may score ([`Interval::within`]).

use crate::domain::{Nanos, Share, Timestamp, Usdc};
use crate::rewards::{Fixed12, Interval};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Days remembered, the present one among them.
pub const DAYS_KEPT: usize = 8;
/// How the others share the book changes slowly, the book itself at once: between the ends of its interval the word is believed to a quarter
/// of the way, either way.
const DOUBT: u128 = WAY / 4;
/// From one end of an interval to the other.
const WAY: u128 = 1_000_000;
/// A share farther than a fifth beyond what the book allows differs (`rewards.md` section 9, rule 6).
const BEYOND_PERCENT: u128 = 20;
/// Millionths in units of [`Fixed12`].
const MILLIONTH: u128 = 1_000_000;

/// The venue's last word on our part of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    at: Timestamp,
    share: Option<Share>,
    /// Where between the ends of the book's interval the others' score then was, nearest and farthest; parts of [`WAY`].
    place: Option<[u32; 2]>,
}

impl Told {
    /// A word that came while our orders scored `mine` and the book let expect that much, if both could be told.
    pub(super) fn new(at: Timestamp, share: Option<Share>, scored: Option<(Fixed12, Interval)>) -> Self {
        let place = share.zip(scored).and_then(|(share, (mine, book))| place(rest(share, mine)?, &book));
        Self { at, share, place }
    }

    /// The share, if it was told after `since`.
    pub(super) fn share_since(&self, since: Timestamp) -> Option<Share> {
        self.share.filter(|_| self.at > since)
    }

    /// What the book lets expect, narrowed by the word if it came after `since` and did not contradict.
    pub(super) fn narrow(&self, book: Interval, since: Timestamp, mine: Fixed12, rate: Usdc) -> Interval {
        let [least, most] = [book.high.rest_q_min.units(), book.low.rest_q_min.units()];
        let at = |part: u32| Fixed12::from_units(least + (most - least) / WAY * u128::from(part));
        let place = self.place.filter(|_| self.at > since);
        let narrowed = place.and_then(|[near, far]| {
            let far = if u128::from(far) == WAY { book.low.rest_q_min } else { at(far) };
            book.within([at(near), far], mine, rate)
        });
        narrowed.unwrap_or(book)
    }

    pub(super) fn digest(&self) -> [u64; 4] {
        let [near, far] = self.place.map_or([u64::MAX; 2], |place| place.map(u64::from));
        [self.at.nanos(), self.share.map_or(u64::MAX, |share| u64::from(share.millionths())), near, far]
    }
}

/// What others score where `mine` is this share of all; `None` where one of the two is nothing, and says nothing of the other.
fn rest(share: Share, mine: Fixed12) -> Option<[Fixed12; 2]> {
    if share.millionths() == 0 || mine == Fixed12::ZERO {
        return None;
    }
    // halves of a millionth: the share was rounded to the nearest whole one
    let (all, told) = (2 * u128::from(Share::ALL.millionths()), 2 * u128::from(share.millionths()));
    let against = |part: u128| mine.units().saturating_mul(all - part.min(all)) / part;
    Some([against(told + 1), against(told - 1).saturating_add(1)].map(Fixed12::from_units))
}

/// Where between the ends of an interval others score, with the doubt about it; `None` beyond its ends, and where it has only one.
fn place([least, most]: [Fixed12; 2], book: &Interval) -> Option<[u32; 2]> {
    let (low, high) = (book.high.rest_q_min.units(), book.low.rest_q_min.units());
    if most.units() < low || least.units() > high || high - low < WAY {
        return None;
    }
    let part = |rest: Fixed12| (rest.units().clamp(low, high) - low) / ((high - low) / WAY);
    let ends = [part(least).saturating_sub(DOUBT), (part(most) + 1 + DOUBT)];
    Some(ends.map(|part| u32::try_from(part.min(WAY)).unwrap_or(u32::MAX)))
}

/// Whether a share lies farther beyond an interval than the book's doubts explain.
pub(super) fn is_beyond(share: Share, book: &Interval) -> bool {
    let told = u128::from(share.millionths()) * MILLIONTH;
    let (low, high) = (book.low.share.units(), book.high.share.units());
    told < low / 100 * (100 - BEYOND_PERCENT) || told > high / 100 * (100 + BEYOND_PERCENT)
}

/// One UTC day: what its samples let expect, and what the venue says was earned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Counted since 1970.
    pub day: u32,
    /// Samples of this run that were taken on it.
    pub samples: u32,
    /// First series: dollars of all its samples and markets, the rest of each book taken as one maker.
    pub expected: Fixed12,
    /// The same against the most and the least that the others may score.
    pub expected_between: [Fixed12; 2],
    /// Third series: dollars by the venue's word, of all the day and not of this run alone; `None` until it is told.
    pub earned: Option<Usdc>,
}

/// The last days, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Days(VecDeque<Day>);

impl Days {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Day> {
        self.0.iter()
    }

    /// One sample of all markets has been taken at `at`: it is of the time before.
    pub(super) fn sample(&mut self, at: Timestamp, expected: Fixed12, [least, most]: [Fixed12; 2]) {
        let Some(row) = self.row(at, at.minus(Nanos::from_nanos(1)).day()) else { return };
        row.samples = row.samples.saturating_add(1);
        row.expected = row.expected.saturating_add(expected);
        let [low, high] = row.expected_between;
        row.expected_between = [low.saturating_add(least), high.saturating_add(most)];
    }

    /// The venue has told what was earned on a day. A day to come, or one long over, is not heard.
    pub(super) fn earned(&mut self, at: Timestamp, day: u32, amount: Usdc) {
        if let Some(row) = self.row(at, u64::from(day)) {
            row.earned = Some(amount);
        }
    }

    /// The row of a day, made if it is one of the last.
    fn row(&mut self, at: Timestamp, day: u64) -> Option<&mut Day> {
        let day = u32::try_from(day).ok().filter(|_| day <= at.day() && at.day() - day < DAYS_KEPT as u64)?;
        let place = self.0.partition_point(|row| row.day < day);
        if self.0.get(place).is_none_or(|row| row.day != day) {
            let (expected, expected_between) = (Fixed12::ZERO, [Fixed12::ZERO; 2]);
            self.0.insert(place, Day { day, samples: 0, expected, expected_between, earned: None });
        }
        let oldest = at.day().saturating_sub(DAYS_KEPT as u64 - 1);
        while self.0.front().is_some_and(|row| u64::from(row.day) < oldest) {
            self.0.pop_front();
        }
        self.0.iter_mut().find(|row| row.day == day)
    }

    /// Everything that tells one state from another, as numbers for a hash.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u128> + '_ {
        self.0.iter().flat_map(|row| {
            let sums = std::iter::once(row.expected).chain(row.expected_between).map(Fixed12::units);
            let earned = row.earned.map_or(u128::MAX, |amount| u128::from(amount.micro()));
            [u128::from(row.day), u128::from(row.samples), earned].into_iter().chain(sums)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewards::Outlook;
    use proptest::prelude::*;

    const DAY: Nanos = Nanos::from_secs(86_400);

    fn units(n: u128) -> Fixed12 {
        Fixed12::from_units(n)
    }

    fn share(millionths: u32) -> Share {
        Share::from_millionths(millionths).expect("a part")
    }

    proptest! {
        /// What is told narrows to an interval that holds the truth it was told of, whichever it is; and the interval stays one.
        #[test]
        fn what_is_told_keeps_the_truth(mine in 1u64..1_000_000, others in 0u64..1_000_000, doubt in (1u64..8, 1u64..8)) {
            let one = Fixed12::ONE.units();
            let [mine, truth] = [mine, others].map(|n| units(u128::from(n) * one / 100));
            let rate = Usdc::from_micro(50_000_000);
            let against = |rest| Outlook::against(rest, mine, rate);
            let ends = [units(truth.units() / u128::from(doubt.0)), units(truth.units() * u128::from(doubt.1))];
            let book = Interval { low: against(ends[1]), high: against(ends[0]) };
            let part = against(truth).share.units();
            let told = share(u32::try_from((part + MILLIONTH / 2) / MILLIONTH).expect("a part"));
            let (before, at) = (Timestamp::from_ms(1), Timestamp::from_ms(2));
            let word = Told::new(at, Some(told), Some((mine, book)));
            let narrow = word.narrow(book, before, mine, rate);
            prop_assert!(narrow.low.share.units() <= part && part <= narrow.high.share.units(), "{narrow:?} without {part}");
            prop_assert!(book.low.share <= narrow.low.share && narrow.high.share <= book.high.share);
            prop_assert!(!is_beyond(told, &book));
            prop_assert_eq!(word.narrow(book, at, mine, rate), book, "a word of the time before says nothing");
            prop_assert_eq!(Told::new(at, None, Some((mine, book))).narrow(book, before, mine, rate), book);
            prop_assert_eq!(Told::new(at, Some(told), None).narrow(book, before, mine, rate), book);
        }
    }

    #[test]
    fn a_word_that_contradicts_the_book_narrows_nothing_and_is_noticed() {
        let mine = units(100 * Fixed12::ONE.units());
        let rate = Usdc::from_micro(1_440_000_000);
        let against = |n: u128| Outlook::against(units(n * Fixed12::ONE.units()), mine, rate);
        // a half to a third
        let book = Interval { low: against(200), high: against(100) };
        let narrow = |millionths| {
            let word = Told::new(Timestamp::from_ms(2), Some(share(millionths)), Some((mine, book)));
            let Interval { low, high } = word.narrow(book, Timestamp::from_ms(1), mine, rate);
            format!("{:.4} {:.4} {}", low.share, high.share, is_beyond(share(millionths), &book))
        };
        assert_eq!(narrow(400_000), "0.3636 0.4444 false");
        assert_eq!(narrow(330_000), "0.3333 0.5000 false");
        assert_eq!(narrow(250_000), "0.3333 0.5000 true");
        assert_eq!(narrow(610_000), "0.3333 0.5000 true");
        assert_eq!(narrow(0), "0.3333 0.5000 true", "a share of nothing is told, and says nothing of the others");
    }

    #[test]
    fn days_are_kept_apart_and_what_is_not_told_is_not_zero() {
        let mut days = Days::default();
        let midnight = Timestamp::EPOCH.plus(Nanos::from_secs(20_000 * 86_400));
        let cents = |n: u128| units(n * Fixed12::ONE.units() / 100);
        days.sample(midnight, cents(3), [cents(1), cents(5)]);
        days.sample(midnight.plus(Nanos::from_secs(60)), cents(3), [cents(1), cents(5)]);
        days.sample(midnight.plus(Nanos::from_secs(120)), cents(3), [cents(1), cents(5)]);
        days.earned(midnight, 19_999, Usdc::from_micro(7));
        days.earned(midnight, 20_001, Usdc::from_micro(8));
        days.earned(midnight, 19_992, Usdc::from_micro(9));
        let told = |days: &Days| {
            let row = |row: &Day| format!("{} {} {:.2} {:?}", row.day, row.samples, row.expected, row.earned);
            days.iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(told(&days), ["19999 1 0.03 Some(0.000007)", "20000 2 0.06 None"]);
        for n in 1..=20 {
            days.sample(midnight.plus(Nanos::from_nanos(DAY.nanos() * n + 1)), cents(3), [cents(1), cents(5)]);
        }
        assert_eq!(days.iter().count(), DAYS_KEPT);
        assert_eq!(days.iter().last().map(|row| row.day), Some(20_020));
    }
}
