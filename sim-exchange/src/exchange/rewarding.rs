//! The reward programme at work: who rests where when a sample is taken, and the money that moves when a day ends.

use super::{AccountIx, Exchange, Fact, OrderIx};
use crate::rewards::{
    Event, FeeDay, Maker, Move, PaymentKind, PoolView, Programme, Rebate, Resting, Sample, TermsChange,
};
use mm_core::domain::{MarketIx, OrderId, Price, Qty, Side, Timestamp};
use mm_core::rewards::{Fixed12, Ratio};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// Why the money is there.
const COVERED: &str = "a pool is filled with what it owes, and rebates stay below the fees collected";

/// The book of one market as a sample sees it.
struct Scene {
    orders: Vec<Resting>,
    /// Their rows, in the same order.
    ixs: Vec<OrderIx>,
    recorded: Vec<(Side, Price, Qty)>,
}

impl Exchange {
    /// What the programme does next, and when.
    pub(super) fn reward_due(&self) -> (Timestamp, Event) {
        let sample = self.sample_due().map(|at| (at, Event::Sample));
        sample.into_iter().fold(self.programme.next_due(), Ord::min)
    }

    /// Reward minutes are the tape's; without one, the venue's.
    fn sample_due(&self) -> Option<Timestamp> {
        let next_ms = self.programme.next_sample_ms();
        match &self.player {
            None => Some(Timestamp::from_ms(next_ms)),
            Some(p) if next_ms > p.end_ms => None,
            // at unbounded speed the sample waits until the tape is about to pass it
            Some(p) if p.speed_is_unbounded() && p.next_ms().is_some_and(|ms| ms < next_ms) => None,
            Some(p) => Some(p.due(next_ms)),
        }
    }

    pub(super) fn reward_event(&mut self, event: Event) {
        match event {
            Event::Close => self.close_day(),
            Event::Change(market) => {
                if let Some(change) = self.programme.take_change(market) {
                    self.apply_terms(market, &change);
                }
            }
            Event::Sample => self.sample(),
        }
    }

    /// A market that has left the programme since does not come back by a change of its terms.
    fn apply_terms(&mut self, market: MarketIx, change: &TermsChange) {
        self.markets[market.index()].change_terms(|terms| {
            let Some(terms) = terms else { return };
            terms.rate_per_day = change.rate_per_day.unwrap_or(terms.rate_per_day);
            terms.max_spread = change.max_spread.unwrap_or(terms.max_spread);
            terms.min_size = change.min_size.unwrap_or(terms.min_size);
            terms.min_age = change.min_age.unwrap_or(terms.min_age);
        });
    }

    /// One minute's sample over all open markets.
    fn sample(&mut self) {
        self.programme.begin_sample(&self.draws);
        for row in 0..self.markets.len() {
            let state = &self.markets[row];
            let Some(terms) = state.facts.rewards.clone().filter(|_| state.open) else { continue };
            let scene = self.scene(row);
            let market = MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"));
            self.programme.sample(market, self.now, &terms, &scene.orders, &scene.recorded);
        }
    }

    fn scene(&self, row: usize) -> Scene {
        let state = &self.markets[row];
        let mut scene = Scene { orders: Vec::new(), ixs: Vec::new(), recorded: state.book.recorded() };
        state.book.each_order(|side, price, order| {
            let age = self.now.since(self.orders.row(order.order).at);
            let maker = Maker::Account(order.account);
            scene.orders.push(Resting { maker, side, price, qty: order.remaining, age });
            scene.ixs.push(order.order);
        });
        scene
    }

    /// A UTC day has ended: pools and fees are paid out.
    fn close_day(&mut self) {
        let day = self.programme.today();
        let fees = self.fee_days(day);
        let till = self.accounts.fees();
        for step in self.programme.close(self.now, &fees, till) {
            match step {
                Move::Fund(amount) => self.accounts.fund_pool(amount),
                // what recorded makers earn leaves the venue as well
                Move::Refund(amount) | Move::Reward(Maker::Recorded, amount) => {
                    self.accounts.refund_pool(amount).expect(COVERED);
                }
                Move::Reward(Maker::Account(account), amount) => {
                    self.accounts.pay_reward(account, amount).expect(COVERED);
                    self.emit(Fact::Paid { account, kind: PaymentKind::Reward, amount });
                }
                Move::Rebate(Maker::Account(account), amount) => {
                    self.accounts.pay_rebate(account, amount).expect(COVERED);
                    self.emit(Fact::Paid { account, kind: PaymentKind::Rebate, amount });
                }
                Move::Rebate(Maker::Recorded, _) => {}
            }
        }
        self.forget_rebates(day);
    }

    /// What goes back of a day's fees, by market.
    fn fee_days(&self, day: u64) -> Vec<(MarketIx, FeeDay)> {
        let mut parts: BTreeMap<MarketIx, Vec<(Maker, Ratio)>> = BTreeMap::new();
        for (market, account, part) in self.fee_equivalents(day) {
            parts.entry(market).or_default().push((account.map_or(Maker::Recorded, Maker::Account), part));
        }
        let of = |(market, parts): (MarketIx, Vec<_>)| {
            let share = self.markets[market.index()].fee?.rebate_micro;
            Some((market, FeeDay::new(FeeDay::pool_of(self.fees_of(day, market), share), parts)?))
        };
        parts.into_iter().filter_map(of).collect()
    }

    /// What an account gets back of a UTC day's fees, by market, whether it is paid or not; of the open day, so far.
    #[must_use]
    pub fn rebates_of(&self, day: u64, account: AccountIx) -> Vec<Rebate> {
        let maker = Maker::Account(account);
        if day != self.programme.today() {
            return self.programme.rebates(day, maker);
        }
        let own = |(market, day): (MarketIx, FeeDay)| Rebate { market, maker, amount: day.rebate(maker) };
        self.fee_days(day).into_iter().map(own).filter(|rebate| rebate.amount > Fixed12::ZERO).collect()
    }

    /// The reward programme's books.
    #[must_use]
    pub const fn programme(&self) -> &Programme {
        &self.programme
    }

    /// The pools that pay on a market now; empty when none does.
    #[must_use]
    pub fn reward_pools(&self, market: MarketIx) -> Vec<PoolView> {
        let terms = self.markets.get(market.index()).and_then(|state| state.facts.rewards.as_ref());
        terms.map_or_else(Vec::new, |terms| self.programme.pools(market, terms, self.now))
    }

    /// What a sample of the market would find if it were taken now: the numbers behind every scoring answer. `None` outside
    /// the programme and while the market is not open.
    pub fn reward_sample(&mut self, at: Timestamp, market: MarketIx) -> Option<Sample> {
        self.tick(at);
        Some(self.look(market)?.1)
    }

    fn look(&mut self, market: MarketIx) -> Option<(Scene, Sample)> {
        let state = self.markets.get(market.index())?;
        let terms = state.facts.rewards.clone().filter(|_| state.open)?;
        let scene = self.scene(market.index());
        let sample = self.programme.look(&terms, &scene.orders, &scene.recorded);
        Some((scene, sample))
    }

    /// Whether each of the account's orders would score in a sample taken now: it rests in a market that pays, is old and large
    /// enough, and strictly inside the band. An order that is unknown, gone or somebody else's does not.
    pub fn scoring(&mut self, at: Timestamp, account: AccountIx, ids: &[OrderId]) -> Vec<bool> {
        let orders: Vec<Option<OrderIx>> = ids.iter().map(|id| self.orders.find(id)).collect();
        self.scoring_of(at, account, &orders)
    }

    /// The same for callers that share the exchange's memory.
    pub fn scoring_of(&mut self, at: Timestamp, account: AccountIx, orders: &[Option<OrderIx>]) -> Vec<bool> {
        self.tick(at);
        let mut found: BTreeMap<MarketIx, Vec<(usize, OrderIx)>> = BTreeMap::new();
        for (place, ix) in orders.iter().enumerate() {
            let Some((ix, row)) = ix.and_then(|ix| Some((ix, self.orders.get(ix)?))) else { continue };
            if row.account == account && row.rests() {
                found.entry(row.market).or_default().push((place, ix));
            }
        }
        let mut out = vec![false; orders.len()];
        for (market, wanted) in found {
            if self.reward_pools(market).is_empty() {
                continue;
            }
            let Some((scene, sample)) = self.look(market) else { continue };
            for (place, ix) in wanted {
                let at = scene.ixs.iter().position(|known| *known == ix);
                out[place] = at.is_some_and(|at| sample.orders[at].points > 0);
            }
        }
        out
    }
}
