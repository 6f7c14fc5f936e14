//! Questions to the programme: days, earnings, parts, receipts, pools.

use super::super::amount::money_down;
use super::super::{Currency, DayBook, Earning, Epoch, Maker, Payment, PoolView, Rebate, Sponsorship};
use super::{DAY, Programme, market_ix, runs};
use crate::exchange::AccountIx;
use mm_core::domain::{MarketIx, RewardTerms, Timestamp, Usdc};
use mm_core::rewards::Fixed12;

impl Programme {
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
}

/// All a sponsored pool will pay, rounded down.
fn total(sponsorship: &Sponsorship) -> Usdc {
    let micro = u128::from(sponsorship.rate_per_day.micro()) * u128::from(sponsorship.lasts.nanos());
    Usdc::from_micro(u64::try_from(micro / u128::from(DAY.nanos())).unwrap_or(u64::MAX))
}
