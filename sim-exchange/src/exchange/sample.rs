//! The reward sample: once a minute at a random moment, what each account's resting orders score.

use super::{AccountIx, Exchange};
use crate::draws::Draws;
use mm_core::domain::{MarketIx, NewOrder, TimeInForce, Timestamp, Token};
use mm_core::rewards::{Fixed12, Own, score};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What accounts earned by resting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rewards {
    first_ms: u64,
    minute: u64,
    next_ms: u64,
    pub(super) by_account: BTreeMap<AccountIx, Earned>,
}

/// One account's score so far.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Earned {
    /// Samples in which it scored anywhere.
    pub(super) minutes: u64,
    /// Sum of minute rewards, millionths of a dollar, each rounded down.
    pub(super) micro: u64,
}

impl Rewards {
    pub(super) fn new(draws: &Draws, first_ms: u64) -> Self {
        let mut rewards = Self { first_ms, minute: 0, next_ms: 0, by_account: BTreeMap::new() };
        rewards.plan(draws);
        rewards
    }

    /// One sample a minute at a random offset inside it.
    fn plan(&mut self, draws: &Draws) {
        let offset = draws.below("rewards", "minute", self.minute, 60_000);
        self.next_ms = self.first_ms.saturating_add(self.minute.saturating_mul(60_000)).saturating_add(offset);
        self.minute += 1;
    }
}

impl Exchange {
    /// Reward minutes are the tape's; without one, the venue's.
    pub(super) fn sample_due(&self) -> Option<Timestamp> {
        match &self.player {
            None => Some(Timestamp::from_ms(self.rewards.next_ms)),
            Some(p) if self.rewards.next_ms > p.end_ms => None,
            // at unbounded speed the sample waits until the tape is about to pass it
            Some(p) if p.speed_is_unbounded() && p.next_ms().is_some_and(|ms| ms < self.rewards.next_ms) => None,
            Some(p) => Some(p.due(self.rewards.next_ms)),
        }
    }

    /// One reward sample over all markets.
    pub(super) fn sample(&mut self) {
        self.rewards.plan(&self.draws);
        let mut scored: BTreeMap<AccountIx, u64> = BTreeMap::new();
        for row in 0..self.markets.len() {
            if self.markets[row].open {
                self.markets[row].samples += 1;
                for (account, micro) in self.sample_market(row) {
                    *scored.entry(account).or_insert(0) += micro;
                }
            }
        }
        for (account, micro) in scored {
            let earned = self.rewards.by_account.entry(account).or_default();
            earned.minutes += 1;
            earned.micro = earned.micro.saturating_add(micro);
        }
    }

    /// What each account that scores in a market earns by this sample, in millionths of a dollar rounded down. Everything
    /// that is not the account's own, recorded or not, counts as one other maker.
    fn sample_market(&self, row: usize) -> Vec<(AccountIx, u64)> {
        let state = &self.markets[row];
        let Some(terms) = &state.facts.rewards else { return Vec::new() };
        let market = MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"));
        let mut own: BTreeMap<AccountIx, Vec<Own>> = BTreeMap::new();
        for (_, _, resting) in state.book.orders() {
            let order = self.orders.row(resting.order);
            let token = Token { market, outcome: order.outcome };
            let (side, price, qty) = (order.side, order.price, resting.remaining);
            let order_now = NewOrder { token, side, price, qty, post_only: true, tif: TimeInForce::Gtc };
            own.entry(resting.account).or_default().push(Own { order: order_now, age: self.now.since(order.at) });
        }
        let scores = own.into_iter().map(|(account, orders)| (account, score(&state.book, &orders, terms)));
        // twelve decimals of a dollar down to six
        let micro = |units: u128| u64::try_from(units / 1_000_000).unwrap_or(u64::MAX);
        scores
            .filter(|(_, s)| s.q_min > Fixed12::ZERO)
            .map(|(account, s)| (account, micro(s.minute_reward.units())))
            .collect()
    }
}
