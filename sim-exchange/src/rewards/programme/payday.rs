//! The end of a day: who is owed what, what is paid, what goes back.

use super::super::amount::{money_down, money_up};
use super::super::{Currency, DayBook, Earning, FeeDay, MICRO, Maker, Move, Payment, PaymentKind, Rebate};
use super::{DAYS_KEPT, Programme, market_ix};
use mm_core::domain::{MarketIx, Timestamp, Usdc};
use mm_core::rewards::Fixed12;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bridged USDC: filled by sponsors, held by makers, traded by nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bridged {
    pub(super) deposited: u64,
    pub(super) pool: u64,
    pub(super) held: BTreeMap<Maker, u64>,
}

impl Programme {
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
        let least = Fixed12::from_units(u128::from(self.rules.min_payout.micro()) * MICRO);
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

    /// Bridged USDC a maker holds.
    #[must_use]
    pub fn bridged(&self, maker: Maker) -> Usdc {
        Usdc::from_micro(self.bridged.held.get(&maker).copied().unwrap_or(0))
    }
}
