//! The reward programme at work: who rests where when a sample is taken, and the money that moves when a day ends.

use super::{AccountIx, Exchange, Fact, OrderIx};
use crate::accounts::Party;
use crate::rewards::{Event, Maker, Move, PaymentKind, PoolView, Programme, Resting, Sample, TermsChange};
use mm_core::domain::{MarketIx, OrderId, Price, Qty, Side, Timestamp, Usdc};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// The book of one market as a sample sees it.
struct Scene {
    orders: Vec<Resting>,
    /// Their rows, in the same order.
    ixs: Vec<OrderIx>,
    recorded: Vec<(Side, Price, Qty)>,
}

const fn maker_of(party: Party) -> Maker {
    match party {
        Party::Account(ix) => Maker::Account(ix),
        Party::House => Maker::Recorded,
    }
}

const fn party_of(maker: Maker) -> Party {
    match maker {
        Maker::Account(ix) => Party::Account(ix),
        Maker::Recorded => Party::House,
    }
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

    /// Changes a market's reward terms; `false` for a market that is not in the programme or does not exist.
    pub fn change_rewards(&mut self, at: Timestamp, market: MarketIx, change: &TermsChange) -> bool {
        self.tick(at);
        self.apply_terms(market, change)
    }

    fn apply_terms(&mut self, market: MarketIx, change: &TermsChange) -> bool {
        let state = self.markets.get_mut(market.index());
        let Some(terms) = state.and_then(|state| state.facts.rewards.as_mut()) else { return false };
        terms.rate_per_day = change.rate_per_day.unwrap_or(terms.rate_per_day);
        terms.max_spread = change.max_spread.unwrap_or(terms.max_spread);
        terms.min_size = change.min_size.unwrap_or(terms.min_size);
        terms.min_age = change.min_age.unwrap_or(terms.min_age);
        true
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

    /// A trade was mined: its makers' fills count for rebates.
    pub(super) fn note_rebates(&mut self, ix: super::TradeIx) {
        let Some(trade) = self.trades.get(ix) else { return };
        for leg in self.trades.legs(trade) {
            let maker = maker_of(leg.maker.party());
            self.programme.note_fill(trade.market, maker, leg.qty, leg.price, !leg.fee.is_zero());
        }
    }

    /// A UTC day has ended: pools and fees are paid out.
    fn close_day(&mut self) {
        for step in self.programme.close(self.now) {
            match step {
                Move::Fund(amount) => self.accounts.fund_pool(amount),
                Move::Refund(amount) => self.accounts.refund_from_pool(amount),
                Move::Reward(maker, amount) => {
                    self.accounts.credit_from_pool(party_of(maker), amount);
                    self.tell_payment(maker, PaymentKind::Reward, amount);
                }
                Move::Rebate(maker, amount) => {
                    self.accounts.credit_from_fees(party_of(maker), amount);
                    self.tell_payment(maker, PaymentKind::Rebate, amount);
                }
            }
        }
    }

    fn tell_payment(&mut self, maker: Maker, kind: PaymentKind, amount: Usdc) {
        if let Maker::Account(account) = maker {
            self.emit(Fact::Paid { account, kind, amount });
        }
    }

    /// The reward programme's books.
    #[must_use]
    pub const fn programme(&self) -> &Programme {
        &self.programme
    }

    /// What the reward pools hold after their last payout: roundings, and amounts below the smallest payout.
    #[must_use]
    pub const fn reward_pool_balance(&self) -> Usdc {
        self.accounts.pool()
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
