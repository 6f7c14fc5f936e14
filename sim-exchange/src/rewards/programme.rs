//! The programme of a whole venue: what is due, what was found, what is paid.
//!
//! Holds no money: [`Programme::close`] says what must move, and the venue's accounts move it. The one exception is bridged
//! USDC, which nothing else at the venue knows.

use super::amount::{money_down, money_up};
use super::terms::TermsChange;
use super::{
    Accrual, Currency, Epoch, FeeDay, Maker, Minutes, Plan, PoolDay, Resting, Rules, Sample, Sampler, Sponsorship,
    Terms,
};
use crate::draws::Draws;
use crate::exchange::AccountIx;
use mm_core::domain::{MarketIx, Nanos, Price, Qty, RewardTerms, Side, Timestamp, Usdc};
use mm_core::rewards::Fixed12;
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

/// Dollars to be moved by the venue's accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The pools are filled from outside.
    Fund(Usdc),
    /// From the pools to a maker.
    Reward(Maker, Usdc),
    /// From the pools back to whoever filled them.
    Refund(Usdc),
    /// From the venue's fees to a maker.
    Rebate(Maker, Usdc),
}

/// What a maker earned of one pool in one day, whether it is paid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earning {
    /// Where.
    pub market: MarketIx,
    /// The market's pool, 0 being the native one.
    pub pool: usize,
    /// What it pays in.
    pub currency: Currency,
    /// Who.
    pub maker: Maker,
    /// Dollars.
    pub amount: Fixed12,
}

/// What a maker gets back of one market's fees of one day, whether it is paid or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebate {
    /// Where.
    pub market: MarketIx,
    /// Who.
    pub maker: Maker,
    /// Dollars.
    pub amount: Fixed12,
}

/// Why a maker was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PaymentKind {
    /// Liquidity rewards.
    Reward,
    /// Its part of the takers' fees.
    Rebate,
}

impl PaymentKind {
    /// A word for a log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reward => "reward",
            Self::Rebate => "rebate",
        }
    }
}

/// A receipt: one maker, kind and currency of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub maker: Maker,
    /// Why.
    pub kind: PaymentKind,
    /// In what.
    pub currency: Currency,
    /// Rounded down to a millionth.
    pub amount: Usdc,
}

/// A closed day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayBook {
    /// What each pool owed: market, pool, amounts.
    pub pools: Vec<(MarketIx, usize, PoolDay)>,
    /// Who earned what, by market, pool and maker.
    pub earnings: Vec<Earning>,
    /// Each maker's part of a market's day: `Q_final`.
    pub parts: Vec<(MarketIx, Maker, Fixed12)>,
    /// Who gets back what, by market and maker.
    pub rebates: Vec<Rebate>,
    /// What was paid.
    pub payments: Vec<Payment>,
}

/// A pool as the reward endpoints tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    /// Its place among the market's pools, 0 being the native one.
    pub pool: usize,
    /// What it pays in.
    pub currency: Currency,
    /// Dollars per UTC day.
    pub rate_per_day: Usdc,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` has no end.
    pub until: Option<Timestamp>,
    /// All it will pay, rounded down; zero without an end.
    pub total: Usdc,
    /// Who pays for it; `None` is the venue.
    pub sponsor: Option<String>,
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

/// Bridged USDC: filled by sponsors, held by makers, traded by nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Bridged {
    deposited: u64,
    pool: u64,
    held: BTreeMap<Maker, u64>,
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

    /// Ends the open day at `at`, the first moment of the next: books it and says what must move, in order. `fees` are the day's
    /// fees by market; `till` is what the venue has collected: a rebate it does not cover, because the fees are still on their
    /// way, is told and not paid.
    pub fn close(&mut self, at: Timestamp, fees: &[(MarketIx, FeeDay)], till: Usdc) -> Vec<Move> {
        let mut book = DayBook::default();
        let mut funded: BTreeMap<Currency, u64> = BTreeMap::new();
        let mut refunds: Vec<(Currency, Usdc)> = Vec::new();
        let mut owed: BTreeMap<(Currency, Maker), Fixed12> = BTreeMap::new();
        for row in 0..self.tracks.len() {
            let market = market_ix(row);
            let track = &mut self.tracks[row];
            let epoch = std::mem::take(&mut track.epoch);
            let track = &self.tracks[row];
            for pool in 0..=track.sponsored.len() {
                let (currency, accrual) = (track.currency(pool), self.rules.accrual_of(pool));
                let day = epoch.pool(pool, accrual);
                if day.funded == Fixed12::ZERO {
                    continue;
                }
                // a pool is filled up to the next millionth, its funder gets back down to one: it never runs short
                *funded.entry(currency).or_insert(0) += money_up(day.funded);
                refunds.push((currency, Usdc::from_micro(money_down(day.unscored))));
                for (maker, amount) in &day.earned {
                    book.earnings.push(Earning { market, pool, currency, maker: *maker, amount: *amount });
                    let sum = owed.entry((currency, *maker)).or_insert(Fixed12::ZERO);
                    *sum = sum.saturating_add(*amount);
                }
                book.pools.push((market, pool, day));
            }
            book.parts.extend(epoch.makers().into_iter().map(|maker| (market, maker, epoch.q_final(maker))));
        }
        for (market, day) in fees {
            let rebate = |(maker, amount)| Rebate { market: *market, maker, amount };
            book.rebates.extend(day.rebates().map(rebate).filter(|r| r.amount > Fixed12::ZERO));
        }
        let mut moves = Vec::new();
        for (currency, amount) in funded {
            self.book(currency, Move::Fund(Usdc::from_micro(amount)), &mut moves);
        }
        for ((currency, maker), amount) in owed {
            if let Some(amount) = self.payable(amount) {
                book.payments.push(Payment { at, maker, kind: PaymentKind::Reward, currency, amount });
                if let Maker::Account(account) = maker {
                    self.tally(account).paid += amount.micro();
                }
                self.book(currency, Move::Reward(maker, amount), &mut moves);
            }
        }
        for (currency, amount) in refunds.into_iter().filter(|(_, amount)| !amount.is_zero()) {
            self.book(currency, Move::Refund(amount), &mut moves);
        }
        let mut back: BTreeMap<Maker, Fixed12> = BTreeMap::new();
        // the recorded world has no wallet to pay
        for rebate in book.rebates.iter().filter(|rebate| rebate.maker != Maker::Recorded) {
            let sum = back.entry(rebate.maker).or_insert(Fixed12::ZERO);
            *sum = sum.saturating_add(rebate.amount);
        }
        let mut till = till;
        for (maker, amount) in back {
            let covered = self.payable(amount).and_then(|amount| Some((amount, till.checked_sub(amount)?)));
            if let Some((amount, rest)) = covered {
                till = rest;
                book.payments.push(Payment { at, maker, kind: PaymentKind::Rebate, currency: Currency::Pusd, amount });
                self.book(Currency::Pusd, Move::Rebate(maker, amount), &mut moves);
            }
        }
        self.days.insert(self.day, book);
        while self.days.len() > DAYS_KEPT {
            self.days.pop_first();
        }
        self.day = at.day().max(self.day + 1);
        moves
    }

    /// An amount as money, rounded down, if it reaches the smallest payout.
    fn payable(&self, amount: Fixed12) -> Option<Usdc> {
        let least = Fixed12::from_units(u128::from(self.rules.min_payout.micro()) * super::MICRO);
        let money = money_down(amount);
        (amount >= least && money > 0).then(|| Usdc::from_micro(money))
    }

    /// Collateral is moved by the venue, bridged USDC here.
    fn book(&mut self, currency: Currency, step: Move, moves: &mut Vec<Move>) {
        if currency == Currency::Pusd {
            moves.push(step);
            return;
        }
        let less = |pool: u64, amount: Usdc| {
            pool.checked_sub(amount.micro()).expect("a pool owes no more than it was filled with")
        };
        let bridged = &mut self.bridged;
        match step {
            Move::Fund(amount) => {
                bridged.deposited += amount.micro();
                bridged.pool += amount.micro();
            }
            Move::Refund(amount) => {
                bridged.deposited -= amount.micro();
                bridged.pool = less(bridged.pool, amount);
            }
            Move::Reward(maker, amount) | Move::Rebate(maker, amount) => {
                bridged.pool = less(bridged.pool, amount);
                *bridged.held.entry(maker).or_insert(0) += amount.micro();
            }
        }
    }

    fn tally(&mut self, account: AccountIx) -> &mut Tally {
        let row = usize::try_from(account.0).expect("32 bits fit an index");
        if row >= self.tallies.len() {
            self.tallies.resize(row + 1, Tally::default());
        }
        &mut self.tallies[row]
    }

    /// The open UTC day, counted since 1970.
    #[must_use]
    pub const fn today(&self) -> u64 {
        self.day
    }

    /// A closed day, as long as it is kept.
    #[must_use]
    pub fn day(&self, day: u64) -> Option<&DayBook> {
        self.days.get(&day)
    }

    /// Closed days that are kept, oldest first.
    pub fn days(&self) -> impl Iterator<Item = (u64, &DayBook)> {
        self.days.iter().map(|(day, book)| (*day, book))
    }

    /// What a maker earned on a day, by market and pool; of the open day, so far.
    #[must_use]
    pub fn earnings(&self, day: u64, maker: Maker) -> Vec<Earning> {
        if day != self.day {
            let rows = self.days.get(&day).map_or(&[][..], |book| &book.earnings);
            return rows.iter().filter(|row| row.maker == maker).copied().collect();
        }
        let mut out = Vec::new();
        for (row, track) in self.tracks.iter().enumerate() {
            for pool in 0..=track.sponsored.len() {
                let amount = track.epoch.earned(pool, self.rules.accrual_of(pool), maker);
                if amount > Fixed12::ZERO {
                    out.push(Earning { market: market_ix(row), pool, currency: track.currency(pool), maker, amount });
                }
            }
        }
        out
    }

    /// A market's samples of the open day; `None` for a market that does not exist.
    #[must_use]
    pub fn epoch(&self, market: MarketIx) -> Option<&Epoch> {
        self.tracks.get(market.index()).map(|track| &track.epoch)
    }

    /// A maker's part of a market's scores of a day; of the open day, so far.
    #[must_use]
    pub fn part(&self, day: u64, market: MarketIx, maker: Maker) -> Fixed12 {
        if day == self.day {
            self.tracks.get(market.index()).map_or(Fixed12::ZERO, |track| track.epoch.q_final(maker))
        } else {
            let parts = self.days.get(&day).map_or(&[][..], |book| &book.parts);
            let found = parts.iter().find(|(m, who, _)| (*m, *who) == (market, maker));
            found.map_or(Fixed12::ZERO, |(_, _, part)| *part)
        }
    }

    /// What a maker gets back of a closed day's fees, by market.
    #[must_use]
    pub fn rebates(&self, day: u64, maker: Maker) -> Vec<Rebate> {
        let rows = self.days.get(&day).map_or(&[][..], |book| &book.rebates);
        rows.iter().filter(|row| row.maker == maker).copied().collect()
    }

    /// Receipts of a maker, oldest first.
    pub fn payments(&self, maker: Maker) -> impl Iterator<Item = &Payment> {
        self.days.values().flat_map(|book| &book.payments).filter(move |payment| payment.maker == maker)
    }

    /// Samples in which the wallet scored anywhere, and its rewards: paid so far, and earned today.
    #[must_use]
    pub fn tally_of(&self, account: AccountIx) -> (u64, Usdc) {
        let row = usize::try_from(account.0).expect("32 bits fit an index");
        let tally = self.tallies.get(row).copied().unwrap_or_default();
        let today = self.earnings(self.day, Maker::Account(account));
        let today = today.iter().fold(Fixed12::ZERO, |sum, row| sum.saturating_add(row.amount));
        (tally.minutes, Usdc::from_micro(tally.paid.saturating_add(money_down(today))))
    }

    /// The pools of a market that pay at `at`, the native one first.
    #[must_use]
    pub fn pools(&self, market: MarketIx, terms: &RewardTerms, at: Timestamp) -> Vec<PoolView> {
        let Some(track) = self.tracks.get(market.index()) else { return Vec::new() };
        let native = (!terms.rate_per_day.is_zero()).then_some(PoolView {
            pool: 0,
            currency: Currency::Pusd,
            rate_per_day: terms.rate_per_day,
            from: track.native_since,
            until: None,
            total: Usdc::ZERO,
            sponsor: None,
        });
        let sponsored = track.sponsored.iter().enumerate().filter(|(_, (from, s))| runs(*from, s, at));
        let sponsored = sponsored.map(|(n, (from, s))| PoolView {
            pool: n + 1,
            currency: s.currency,
            rate_per_day: s.rate_per_day,
            from: *from,
            until: Some(from.plus(s.lasts)),
            total: total(s),
            sponsor: Some(s.sponsor.clone()),
        });
        native.into_iter().chain(sponsored).collect()
    }

    /// Bridged USDC a maker holds.
    #[must_use]
    pub fn bridged(&self, maker: Maker) -> Usdc {
        Usdc::from_micro(self.bridged.held.get(&maker).copied().unwrap_or(0))
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

impl Rules {
    /// Pool 0 is the venue's, the others are sponsored.
    const fn accrual_of(&self, pool: usize) -> Accrual {
        if pool == 0 { self.accrual } else { Accrual::Minute }
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

/// All a sponsored pool will pay, rounded down.
fn total(sponsorship: &Sponsorship) -> Usdc {
    let micro = u128::from(sponsorship.rate_per_day.micro()) * u128::from(sponsorship.lasts.nanos());
    Usdc::from_micro(u64::try_from(micro / u128::from(DAY.nanos())).unwrap_or(u64::MAX))
}

fn market_ix(row: usize) -> MarketIx {
    MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"))
}
