//! The programme of a whole venue: what is due, what was found, what is paid.
//!
//! Holds no money: [`Programme::close`] says what must move, and the venue's accounts move it. The one exception is bridged
//! USDC, which nothing else at the venue knows.

mod payday;
mod views;

use super::{
    Currency, DayBook, Epoch, Maker, Minutes, Plan, Resting, Rules, Sample, Sampler, Sponsorship, Terms, TermsChange,
};
use crate::draws::Draws;
use crate::exchange::AccountIx;
use mm_core::domain::{MarketIx, Nanos, Price, Qty, RewardTerms, Side, Timestamp, Usdc};
use payday::Bridged;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Closed days whose books are kept for questions; older ones are forgotten.
const DAYS_KEPT: usize = 31;
/// A UTC day.
const DAY: Nanos = Nanos::from_secs(86_400);

/// What the programme does by itself, in the order in which things of one instant happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A UTC day has ended.
    Close,
    /// A market's terms change.
    Change(MarketIx),
    /// A sample is taken.
    Sample,
}

/// One market's part of the programme.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Track {
    native_since: Timestamp,
    sponsored: Vec<(Timestamp, Sponsorship)>,
    changes: VecDeque<(Timestamp, TermsChange)>,
    epoch: Epoch,
}

/// What one wallet did so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tally {
    /// Samples in which it scored anywhere.
    minutes: u64,
    /// Number of the last of them.
    last: u64,
    /// Rewards paid, millionths of a dollar in any currency.
    paid: u64,
}

/// The rewards of a venue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Programme {
    rules: Rules,
    tracks: Vec<Track>,
    minutes: Minutes,
    /// Samples taken so far.
    taken: u64,
    /// The open UTC day, counted since 1970.
    day: u64,
    days: BTreeMap<u64, DayBook>,
    tallies: Vec<Tally>,
    bridged: Bridged,
    #[serde(skip)]
    sampler: Sampler,
}

/// Why the venue's own scores fit 128 bits.
const FITS: &str = "the venue's own multiplier and divisor leave room for any book";

impl Programme {
    /// The programme of a world that starts at `start`, one plan a market. Samples follow `clock_ms`, which is `start` unless a
    /// tape is played.
    #[must_use]
    pub fn new(rules: Rules, markets: Vec<Plan>, draws: &Draws, start: Timestamp, clock_ms: u64) -> Self {
        let track = |plan: Plan| Track {
            native_since: start,
            sponsored: plan.sponsored.into_iter().map(|s| (start.plus(s.from), s)).collect(),
            changes: plan.changes.into_iter().map(|change| (start.plus(change.after), change)).collect(),
            epoch: Epoch::default(),
        };
        Self {
            rules,
            tracks: markets.into_iter().map(track).collect(),
            minutes: Minutes::new(draws, clock_ms),
            taken: 0,
            day: start.day(),
            days: BTreeMap::new(),
            tallies: Vec::new(),
            bridged: Bridged::default(),
            sampler: Sampler::default(),
        }
    }

    /// The rules it plays by.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What is due next apart from samples, which follow a clock of their own ([`Self::next_sample_ms`]).
    #[must_use]
    pub fn next_due(&self) -> (Timestamp, Event) {
        let close = (Timestamp::EPOCH.plus(Nanos::from_secs((self.day + 1) * 86_400)), Event::Close);
        let changes = self.tracks.iter().enumerate().filter_map(|(row, track)| {
            let (at, _) = track.changes.front()?;
            Some((*at, Event::Change(market_ix(row))))
        });
        changes.fold(close, Ord::min)
    }

    /// The moment of the next sample on the samples' own clock, milliseconds since 1970.
    #[must_use]
    pub const fn next_sample_ms(&self) -> u64 {
        self.minutes.next_ms()
    }

    /// The change of a market's terms that is due.
    pub fn take_change(&mut self, market: MarketIx) -> Option<TermsChange> {
        let track = &mut self.tracks[market.index()];
        let (at, change) = track.changes.pop_front()?;
        if change.rate_per_day.is_some() {
            track.native_since = at;
        }
        Some(change)
    }

    /// A minute's sample begins: the next one is planned, and each market that is sampled follows with [`Self::sample`].
    pub fn begin_sample(&mut self, draws: &Draws) {
        self.minutes.advance(draws);
        self.taken += 1;
    }

    /// Takes one market's sample.
    pub fn sample(
        &mut self,
        market: MarketIx,
        at: Timestamp,
        terms: &RewardTerms,
        orders: &[Resting],
        recorded: &[(Side, Price, Qty)],
    ) {
        let sample = self.look(terms, orders, recorded);
        let track = &mut self.tracks[market.index()];
        let sponsored =
            track.sponsored.iter().map(|(from, s)| if runs(*from, s, at) { s.rate_per_day } else { Usdc::ZERO });
        let rates: Vec<Usdc> = std::iter::once(terms.rate_per_day).chain(sponsored).collect();
        track.epoch.add(&rates, 1, sample.total, sample.makers.iter().map(|m| (m.maker, m.q_min)));
        let taken = self.taken;
        for maker in sample.makers.iter().filter(|maker| maker.q_min > 0) {
            if let Maker::Account(account) = maker.maker {
                let tally = self.tally(account);
                if tally.last != taken {
                    (tally.minutes, tally.last) = (tally.minutes + 1, taken);
                }
            }
        }
    }

    /// What a sample taken now would find, without taking it: what the scoring endpoints answer from.
    pub fn look(&mut self, terms: &RewardTerms, orders: &[Resting], recorded: &[(Side, Price, Qty)]) -> Sample {
        let terms = Terms::venue(terms, self.rules.midpoint);
        self.sampler.sample(&terms, orders, recorded).expect(FITS)
    }

    fn tally(&mut self, account: AccountIx) -> &mut Tally {
        let row = usize::try_from(account.0).expect("32 bits fit an index");
        if row >= self.tallies.len() {
            self.tallies.resize(row + 1, Tally::default());
        }
        &mut self.tallies[row]
    }

    /// Hands every number that decides what is owed to `see`, in a fixed order: for a hash of the venue's state.
    pub fn fold(&self, see: &mut impl FnMut(u64)) {
        see(self.minutes.next_ms());
        see(self.day);
        for track in &self.tracks {
            track.epoch.fold(see);
        }
        for (maker, held) in &self.bridged.held {
            see(u64::from(u32::from(*maker)));
            see(*held);
        }
    }

    /// Checks what must hold between two events: shares of one in every scored sample, no pool paid beyond what it was filled
    /// with, bridged USDC conserved.
    ///
    /// # Errors
    /// Which promise is broken, with the numbers.
    pub fn check(&self) -> Result<(), String> {
        for (row, track) in self.tracks.iter().enumerate() {
            track.epoch.check().map_err(|why| format!("market {row}: {why}"))?;
        }
        let held: u64 = self.bridged.held.values().sum();
        if self.bridged.pool + held != self.bridged.deposited {
            let Bridged { pool, deposited, .. } = self.bridged;
            return Err(format!("bridged USDC: {pool} in pools and {held} held, {deposited} deposited"));
        }
        Ok(())
    }
}

impl Track {
    fn currency(&self, pool: usize) -> Currency {
        pool.checked_sub(1).map_or(Currency::Pusd, |n| self.sponsored[n].1.currency)
    }
}

fn runs(from: Timestamp, sponsorship: &Sponsorship, at: Timestamp) -> bool {
    from <= at && at < from.plus(sponsorship.lasts)
}

fn market_ix(row: usize) -> MarketIx {
    MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"))
}
