//! The minute ledger of one market: what each sample should have scored, beside what the venue said of the orders in it.
//!
//! Expectation, answer and share are three series that are never mixed; of the first two together a [`Verdict`] is found, and silence is
//! never a yes.
//! Remembers the last [`MINUTES_KEPT`] samples and counts all. Decides what is done about a market that does not score; never does it.

use super::earnings::is_beyond;
use crate::domain::{ClientOrderId, Nanos, RewardTerms, Share, Side, Timestamp};
use crate::quote::Adjust;
use crate::rewards::{Fixed12, Interval, Midpoint, ScoreBreakdown};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Samples remembered for each market: all are in the journal.
pub const MINUTES_KEPT: usize = 2;
/// Orders listed in one sample; all are judged.
pub const ORDERS_LISTED: usize = 4;
/// Most samples that can be asked for before something is done: twice as many are looked back at, one bit each.
pub const UNSCORED_MAX: u32 = 32;

/// Why a sample scored nothing, or less than it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// The book is not trusted: nothing can be said.
    FeedDoubt,
    /// No pool, or none with money in it.
    Unfunded,
    /// Nothing was wanted in this market.
    NotQuoting,
    /// Quotes were wanted, and none rested.
    NothingRests,
    /// A side of the book has no level that counts: nobody scores.
    NoMidpoint,
    /// What is left of an order is below the minimum.
    Size,
    /// An order is too young.
    Age,
    /// An order is not strictly inside the band.
    Band,
    /// One side alone, where that scores nothing.
    PriceExtreme,
    /// One side alone, where that scores a third.
    OneSided,
    /// The venue says that an order does not score which should.
    Disputed,
}

impl Gap {
    /// All, in the order of [`Counts::gaps`].
    pub const ALL: [Self; 11] = [
        Self::FeedDoubt,
        Self::Unfunded,
        Self::NotQuoting,
        Self::NothingRests,
        Self::NoMidpoint,
        Self::Size,
        Self::Age,
        Self::Band,
        Self::PriceExtreme,
        Self::OneSided,
        Self::Disputed,
    ];

    /// The name screens and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FeedDoubt => "feed-doubt",
            Self::Unfunded => "unfunded",
            Self::NotQuoting => "not-quoting",
            Self::NothingRests => "nothing-rests",
            Self::NoMidpoint => "no-midpoint",
            Self::Size => "size",
            Self::Age => "age",
            Self::Band => "band",
            Self::PriceExtreme => "price-extreme",
            Self::OneSided => "one-sided",
            Self::Disputed => "disputed",
        }
    }

    /// Whether nearer or larger orders could mend it.
    const fn is_mended_by_adjusting(self) -> bool {
        matches!(self, Self::Size | Self::Band | Self::Disputed)
    }
}

/// What one sample came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It should score, and the venue says of every order that should that it does.
    Scored,
    /// It should not score and the venue does not say otherwise, or the venue says it does not.
    Unscored,
    /// No trusted book, no answer of the venue, or the two contradict each other in our favour.
    Unknown,
    /// Nothing was to be scored.
    Idle,
}

impl Verdict {
    /// The name screens and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Unscored => "unscored",
            Self::Unknown => "unknown",
            Self::Idle => "idle",
        }
    }
}

/// One resting order in a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rested {
    /// Our number.
    pub id: ClientOrderId,
    /// Its side in YES terms.
    pub side: Side,
    /// Since it was placed.
    pub age: Nanos,
    /// It should score, by the book.
    pub expected: bool,
    /// It is large enough, and old enough.
    pub large: bool,
    /// See [`Self::large`].
    pub old: bool,
    /// What the venue said of it since the sample before; `None`: nothing, or an error.
    pub told: Option<bool>,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minute {
    /// When it was taken.
    pub at: Timestamp,
    /// The scoring midpoint.
    pub midpoint: Option<Midpoint>,
    /// Our bids in YES terms.
    pub q_one: Fixed12,
    /// Our asks in YES terms.
    pub q_two: Fixed12,
    /// Both as one number.
    pub q_min: Fixed12,
    /// Our share of the total, the rest of the book taken as one maker.
    pub share: Fixed12,
    /// Dollars that this share of one minute's pool is.
    pub reward: Fixed12,
    /// Share and reward against the most and the least that the rest of the book may score; `None` where that cannot be told.
    pub range: Option<Interval>,
    /// The same, narrowed by what the venue last said of our part.
    pub narrowed: Option<Interval>,
    /// The first orders that rested.
    pub orders: [Option<Rested>; ORDERS_LISTED],
    /// First series: whether it should score by the book; `None` where that cannot be told.
    pub expected: Option<bool>,
    /// Second series: what the venue said of the orders that should score, or of all if none should: a no if one got a no, a yes if
    /// each got a yes.
    pub told: Option<bool>,
    /// Third series: our part of the market's rewards, as the venue said since the sample before; `None`: nothing, or an error.
    pub earning: Option<Share>,
    /// It lies farther beyond what the book allows than doubts explain; `None` where one of the two is not known.
    pub beyond: Option<bool>,
    /// Why it scores nothing, or less than it could.
    pub gap: Option<Gap>,
    /// Both series together.
    pub verdict: Verdict,
}

/// What a market is like when a sample is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) at: Timestamp,
    /// A pool with money in it.
    pub(super) funded: bool,
    /// The book is in sync and nothing in it is doubted.
    pub(super) trusted: bool,
    /// The last decision wanted quotes.
    pub(super) quoting: bool,
    pub(super) score: Option<&'a ScoreBreakdown>,
    /// What the score may bring, narrowed by the venue's word.
    pub(super) narrowed: Option<Interval>,
    /// What the venue said of our part.
    pub(super) earning: Option<Share>,
    /// One for each order of the score.
    pub(super) rested: &'a [Rested],
}

impl Minute {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let score = scene.score.filter(|_| scene.funded && scene.trusted);
        let q = |pick: fn(&ScoreBreakdown) -> Fixed12| score.map_or(Fixed12::ZERO, pick);
        let mut orders = [None; ORDERS_LISTED];
        orders.iter_mut().zip(scene.rested).for_each(|(slot, rested)| *slot = Some(*rested));
        let mut minute = Self {
            at: scene.at,
            midpoint: score.and_then(|s| s.midpoint),
            q_one: q(|s| s.q_one),
            q_two: q(|s| s.q_two),
            q_min: q(|s| s.q_min),
            share: q(|s| s.share),
            reward: q(|s| s.minute_reward),
            range: score.map(Interval::of),
            narrowed: score.and(scene.narrowed),
            orders,
            expected: None,
            told: told(scene.rested),
            earning: scene.earning,
            beyond: scene.earning.zip(score).map(|(share, score)| is_beyond(share, &Interval::of(score))),
            gap: None,
            verdict: Verdict::Unknown,
        };
        minute.expected = score.map(|_| minute.q_min != Fixed12::ZERO);
        minute.gap = minute.gap(scene);
        minute.verdict = match (minute.expected, minute.told) {
            _ if !scene.funded || !scene.quoting => Verdict::Idle,
            (None, _) | (Some(false), Some(true)) | (Some(true), None) => Verdict::Unknown,
            (Some(true), Some(true)) => Verdict::Scored,
            (Some(_), Some(false)) | (Some(false), None) => Verdict::Unscored,
        };
        minute
    }

    fn gap(&self, scene: &Scene<'_>) -> Option<Gap> {
        if !scene.funded {
            return Some(Gap::Unfunded);
        }
        if !scene.quoting {
            return Some(Gap::NotQuoting);
        }
        if !scene.trusted || scene.score.is_none() {
            return Some(Gap::FeedDoubt);
        }
        if scene.rested.is_empty() {
            return Some(Gap::NothingRests);
        }
        if self.midpoint.is_none() {
            return Some(Gap::NoMidpoint);
        }
        let scores = |side| scene.rested.iter().any(|o| o.side == side && o.expected);
        let silent = [Side::Buy, Side::Sell].into_iter().filter(|side| !scores(*side));
        // an order that is there and does not score explains more than a side that is empty
        let lame = silent.clone().find_map(|side| {
            let order = scene.rested.iter().find(|o| o.side == side)?;
            Some(match (order.large, order.old) {
                (false, _) => Gap::Size,
                (true, false) => Gap::Age,
                (true, true) => Gap::Band,
            })
        });
        let alone = match self.expected {
            Some(true) => Gap::OneSided,
            _ => Gap::PriceExtreme,
        };
        let disputed = (self.expected == Some(true) && self.told == Some(false)).then_some(Gap::Disputed);
        disputed.or(lame).or_else(|| silent.clone().next().map(|_| alone))
    }
}

/// The venue's answers about the orders that should score, or about all if none should.
fn told(rested: &[Rested]) -> Option<bool> {
    let any = rested.iter().any(|o| o.expected);
    let mut asked = rested.iter().filter(|o| o.expected || !any).map(|o| o.told).peekable();
    asked.peek()?;
    asked
        .try_fold(true, |all, told| match told {
            // a no needs no company
            Some(false) => Err(Some(false)),
            Some(true) => Ok(all),
            None => Ok(false),
        })
        .map_or_else(|no| no, |all| all.then_some(true))
}

/// What to do about samples that do not score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenUnscored {
    /// Nothing.
    Keep,
    /// Nearer and larger quotes step by step; when all steps are taken, or would mend nothing, as `Leave`.
    Adjust,
    /// Nothing is quoted for a while.
    Leave,
}

/// The rules of [`Minutes::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ScoringRules {
    /// So many unscored samples, of twice as many, without a scored one since: something is done. At most [`UNSCORED_MAX`].
    pub unscored: u32,
    /// What is done.
    pub when_unscored: WhenUnscored,
    /// One step of an adjustment.
    pub step: Adjust,
    /// Steps before the market is left.
    pub steps: u8,
    /// An adjustment ends after this long without another step.
    pub adjust_for: Nanos,
    /// A market that is left stays so this long.
    pub leave_for: Nanos,
}

/// What a sample changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// One more step of the adjustment.
    Adjusted,
    /// Nothing is quoted for a while.
    Left,
}

/// Everything counted since the run began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Samples by verdict.
    pub scored: u64,
    /// See [`Verdict::Unscored`].
    pub unscored: u64,
    /// See [`Verdict::Unknown`].
    pub unknown: u64,
    /// See [`Verdict::Idle`].
    pub idle: u64,
    /// Samples by gap, in the order of [`Gap::ALL`].
    pub gaps: [u64; Gap::ALL.len()],
    /// Samples in which the venue said yes.
    pub told_yes: u64,
    /// Samples in which it said no.
    pub told_no: u64,
    /// Samples in which it said what our part is.
    #[serde(default)]
    pub shares_told: u64,
    /// Of these, in how many that lay beyond what the book allows.
    #[serde(default)]
    pub shares_beyond: u64,
    /// Steps of adjustments.
    pub adjusted: u64,
    /// Times the market was left.
    pub left: u64,
    /// Changes of the reward terms.
    pub terms_changed: u64,
}

/// The ledger of one market.
#[derive(Clone, Debug, Default)]
pub(super) struct Minutes {
    kept: VecDeque<Minute>,
    pub(super) counts: Counts,
    /// One bit a sample, the newest lowest: it was unscored. Emptied by a scored one and whenever something is done.
    recent: u64,
    steps: u8,
    adjusted_until: Option<Timestamp>,
    pub(super) left_until: Option<Timestamp>,
}

impl Minutes {
    /// The samples at hand, oldest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Minute> {
        self.kept.iter()
    }

    /// Bytes on the heap when it is full.
    #[cfg(test)]
    pub(super) const fn memory() -> usize {
        MINUTES_KEPT * size_of::<Minute>()
    }

    pub(super) fn last(&self) -> Option<&Minute> {
        self.kept.back()
    }

    /// How quotes differ from the configured ones.
    pub(super) fn adjust(&self, rules: &ScoringRules) -> Adjust {
        rules.step.times(self.steps)
    }

    /// Unscored samples that count now.
    pub(super) const fn unscored(&self) -> u32 {
        self.recent.count_ones()
    }

    /// When the last answers may have come to count for the next sample: after the sample before it.
    pub(super) fn since(&self) -> Timestamp {
        self.last().map_or(Timestamp::EPOCH, |minute| minute.at)
    }

    /// New terms: what was learnt under the old ones is void.
    pub(super) fn note_terms(&mut self, old: Option<&RewardTerms>, new: Option<&RewardTerms>) {
        if old != new {
            self.counts.terms_changed += 1;
            (self.recent, self.steps, self.adjusted_until, self.left_until) = (0, 0, None, None);
        }
    }

    /// Takes one sample. Adjustments and absences end here, and begin here.
    pub(super) fn take(&mut self, minute: Minute, rules: &ScoringRules) -> Option<Change> {
        let at = minute.at;
        if self.left_until.is_some_and(|until| at >= until) {
            self.left_until = None;
        }
        if self.adjusted_until.is_some_and(|until| at >= until) {
            (self.steps, self.adjusted_until) = (0, None);
        }
        self.count(&minute);
        if self.kept.len() == MINUTES_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(minute);
        if minute.verdict == Verdict::Scored {
            self.recent = 0;
            return None;
        }
        self.recent = self.recent << 1 | u64::from(minute.verdict == Verdict::Unscored);
        let window = 2 * rules.unscored.clamp(1, UNSCORED_MAX);
        self.recent &= u64::MAX >> (u64::BITS - window);
        if self.recent.count_ones() < rules.unscored || rules.when_unscored == WhenUnscored::Keep {
            return None;
        }
        self.recent = 0;
        let mends = minute.gap.is_some_and(Gap::is_mended_by_adjusting);
        if rules.when_unscored == WhenUnscored::Adjust && mends && self.steps < rules.steps {
            self.steps += 1;
            self.adjusted_until = Some(at.plus(rules.adjust_for));
            self.counts.adjusted += 1;
            return Some(Change::Adjusted);
        }
        (self.steps, self.adjusted_until) = (0, None);
        self.left_until = Some(at.plus(rules.leave_for));
        self.counts.left += 1;
        Some(Change::Left)
    }

    fn count(&mut self, minute: &Minute) {
        let counts = &mut self.counts;
        *match minute.verdict {
            Verdict::Scored => &mut counts.scored,
            Verdict::Unscored => &mut counts.unscored,
            Verdict::Unknown => &mut counts.unknown,
            Verdict::Idle => &mut counts.idle,
        } += 1;
        match minute.told {
            Some(true) => counts.told_yes += 1,
            Some(false) => counts.told_no += 1,
            None => {}
        }
        counts.shares_told += u64::from(minute.earning.is_some());
        counts.shares_beyond += u64::from(minute.beyond == Some(true));
        if let Some(gap) = minute.gap {
            counts.gaps[gap as usize] += 1;
        }
    }

    /// Everything later samples depend on, as numbers.
    pub(super) fn digest(&self) -> [u64; 11] {
        let nanos = |at: Option<Timestamp>| at.map_or(0, Timestamp::nanos);
        let counts = &self.counts;
        [
            self.recent,
            u64::from(self.steps),
            nanos(self.adjusted_until),
            nanos(self.left_until),
            nanos(self.last().map(|minute| minute.at)),
            counts.scored,
            counts.unscored,
            counts.unknown,
            counts.terms_changed,
            counts.shares_told,
            counts.shares_beyond,
        ]
    }
}
