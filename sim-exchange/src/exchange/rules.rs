//! What happens by itself: settlement, expiry, the dead-man's switch, the recording, the reward sample.

use super::market::Changed;
use super::trades::{CANCELED, EXPIRED, MARKET_GONE, Taker};
use super::{AccountIx, Exchange, Filter, Notice};
use crate::accounts::Party;
use crate::draws::Draws;
use crate::mechanism::{Maker, Match};
use crate::tape::Op;
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{
    MarketIx, Nanos, NewOrder, OrderId, Outcome, Price, Qty, Side, TickSize, TimeInForce, Timestamp, Token,
};
use mm_core::rewards::{Fixed12, Own, score};
use mm_core::venue::market_ws::WireEvent;
use std::collections::BTreeMap;

/// Batches played by one call at unbounded speed: the caller must get a turn now and then.
const BATCHES_PER_TICK: usize = 512;

/// The dead-man's switches.
pub(super) struct Beats {
    armed: BTreeMap<AccountIx, Beat>,
    check: Nanos,
    next_check: Timestamp,
    issued: u64,
}

struct Beat {
    id: String,
    last: Timestamp,
}

impl Beats {
    pub(super) const fn new(check: Nanos, start: Timestamp) -> Self {
        Self { armed: BTreeMap::new(), check, next_check: start.plus(check), issued: 0 }
    }
}

/// What accounts earned by resting.
pub(super) struct Rewards {
    first_ms: u64,
    minute: u64,
    next_ms: u64,
    pub(super) by_account: BTreeMap<AccountIx, Earned>,
}

/// One account's score so far.
#[derive(Clone, Copy, Default)]
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

/// What is due, in the order in which things of one instant happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Settle,
    Expire,
    Sweep,
    Play,
    Maker(usize),
    Sample,
}

impl Exchange {
    /// Does everything due up to `at`. Time does not go back: an earlier `at` counts as the latest seen.
    pub fn tick(&mut self, at: Timestamp) {
        let at = at.max(self.now);
        let mut batches = 0;
        while let Some((due, what)) = self.next_due() {
            if due > at {
                break;
            }
            self.now = self.now.max(due);
            match what {
                Due::Settle => {
                    if let Some(((_, _, stage), ix)) = self.settlements.pop_first() {
                        self.settle(ix, stage);
                    }
                }
                Due::Expire => {
                    if let Some((_, id)) = self.expiries.pop_first() {
                        self.withdraw(id, EXPIRED);
                    }
                }
                Due::Sweep => self.sweep(),
                Due::Play => {
                    if self.player.as_ref().is_some_and(super::play::Player::speed_is_unbounded) {
                        batches += 1;
                        if batches > BATCHES_PER_TICK {
                            break;
                        }
                        self.now = at;
                    }
                    self.play();
                }
                Due::Maker(n) => self.step_maker(n),
                Due::Sample => self.sample(),
            }
        }
        self.now = at;
    }

    /// When something is due next; the time already reached when work is waiting.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.next_due().map(|(due, _)| due.max(self.now))
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let settle = self.settlements.first_key_value().map(|((at, _, _), _)| (*at, Due::Settle));
        let expire = self.expiries.first_key_value().map(|((at, _), _)| (*at, Due::Expire));
        let sweep = (!self.beats.armed.is_empty()).then_some((self.beats.next_check, Due::Sweep));
        let play = self.player.as_ref().and_then(|p| p.next_due()).map(|at| (at, Due::Play));
        let makers = self.makers.iter().enumerate().map(|(n, (_, maker))| (maker.next_due(), Due::Maker(n)));
        let sample = self.sample_due().map(|at| (at, Due::Sample));
        [settle, expire, sweep, play, sample].into_iter().flatten().chain(makers).min()
    }

    /// Reward minutes are the tape's; without one, the venue's.
    fn sample_due(&self) -> Option<Timestamp> {
        match &self.player {
            None => Some(Timestamp::from_ms(self.rewards.next_ms)),
            Some(p) if self.rewards.next_ms > p.end_ms => None,
            // at unbounded speed the sample waits until the tape is about to pass it
            Some(p) if p.speed_is_unbounded() && p.next_ms().is_some_and(|ms| ms < self.rewards.next_ms) => None,
            Some(p) => Some(p.due(self.rewards.next_ms)),
        }
    }

    /// One beat of the dead-man's switch: the id for the next call.
    ///
    /// # Errors
    /// The id that was expected; empty when the chain must start anew. Such a call refreshes nothing.
    pub fn heartbeat(&mut self, at: Timestamp, account: AccountIx, id: Option<&str>) -> Result<String, String> {
        self.tick(at);
        let expected = self.beats.armed.get(&account).map_or("", |beat| beat.id.as_str());
        if id.unwrap_or("") != expected {
            return Err(expected.to_owned());
        }
        if self.beats.armed.is_empty() {
            while self.beats.next_check <= self.now {
                self.beats.next_check = self.beats.next_check.plus(self.beats.check);
            }
        }
        let next = self.draws.uuid("heartbeat", "venue", self.beats.issued);
        self.beats.issued += 1;
        self.beats.armed.insert(account, Beat { id: next.clone(), last: self.now });
        Ok(next)
    }

    /// Cancels everything of accounts whose last beat is too old; their chains begin anew.
    fn sweep(&mut self) {
        self.beats.next_check = self.beats.next_check.plus(self.beats.check);
        let (now, timeout) = (self.now, self.scenario.venue.heartbeat_timeout);
        let silent: Vec<AccountIx> =
            self.beats.armed.iter().filter(|(_, b)| now.since(b.last) >= timeout).map(|(ix, _)| *ix).collect();
        for account in silent {
            self.beats.armed.remove(&account);
            for id in self.live_ids(account, &Filter::default()) {
                self.withdraw(id, CANCELED);
            }
        }
    }

    fn play(&mut self) {
        let Some(player) = self.player.as_mut() else { return };
        let Some(batch) = player.pop() else { return };
        if let Some(Some(row)) = player.rows.get(batch.market).copied() {
            self.apply(row, batch.due_ms, &batch.ops);
        }
    }

    fn step_maker(&mut self, n: usize) {
        let (row, maker) = &mut self.makers[n];
        let row = *row;
        let book = &self.markets[row].book;
        let ops = maker.step(&self.draws, |side, price| book.recorded.qty(side, price));
        let ms = self.now.ms();
        self.apply(row, ms, &ops);
    }

    /// Applies one batch of recorded changes to a market, fills what they reach, and tells the world.
    fn apply(&mut self, row: usize, tape_ms: u64, ops: &[Op]) {
        let (mut changed, mut prints): (Vec<Changed>, Vec<WireEvent>) = (Vec::new(), Vec::new());
        let (mut whole, mut opens, mut closes, mut tick) = (Vec::new(), false, false, None);
        for op in ops {
            match op {
                Op::Level { side, price, qty } => {
                    self.markets[row].book.record(*side, *price, *qty, tape_ms);
                    changed.push((*side, *price, Outcome::Yes));
                }
                Op::Print { outcome, side, price, qty } => {
                    self.print(row, tape_ms, (*outcome, *side, *price, *qty), &mut changed, &mut prints);
                }
                Op::Whole(outcome) => whole.push(*outcome),
                Op::Tick(new) => tick = Some(*new),
                Op::Open => opens = true,
                Op::Close => closes = true,
            }
        }
        if self.markets[row].open {
            self.run_over(row, &mut changed, &mut prints);
        }
        if let Some(new) = tick {
            self.change_tick(row, new);
        }
        if closes {
            self.close(row);
        }
        if whole.is_empty() {
            self.publish(row, &changed, prints);
        } else {
            self.markets[row].changed_ms = self.now.ms();
            if self.markets[row].open {
                whole.dedup();
                for outcome in whole {
                    self.frames_sent += 1;
                    self.notices.push(Notice::Market(WireEvent::Book(self.markets[row].snapshot(outcome))));
                }
                self.publish(row, &[], prints);
            }
        }
        if opens {
            self.open(row);
        }
    }

    fn open(&mut self, row: usize) {
        let state = &mut self.markets[row];
        state.open = true;
        state.facts.ready = true;
        state.changed_ms = self.now.ms();
        for outcome in [Outcome::Yes, Outcome::No] {
            self.frames_sent += 1;
            self.notices.push(Notice::Market(WireEvent::Book(self.markets[row].snapshot(outcome))));
        }
    }

    fn close(&mut self, row: usize) {
        let ids: Vec<OrderId> = self.markets[row].book.orders().map(|(_, _, o)| o.id).collect();
        for id in ids {
            self.withdraw(id, MARKET_GONE);
        }
        let state = &mut self.markets[row];
        state.open = false;
        state.facts.ready = false;
    }

    fn change_tick(&mut self, row: usize, new: TickSize) {
        let state = &mut self.markets[row];
        let old = std::mem::replace(&mut state.facts.tick, new);
        if old != new && state.open {
            for outcome in [Outcome::Yes, Outcome::No] {
                self.frames_sent += 1;
                self.notices.push(Notice::Market(WireEvent::TickSizeChange {
                    market: self.markets[row].facts.condition.clone(),
                    token: self.markets[row].facts.token_id(outcome).clone(),
                    old: Some(old),
                    new,
                    venue_ms: self.now.ms(),
                }));
            }
        }
    }

    /// A recorded trade: our orders it reaches are filled, then it is told as it was recorded.
    fn print(
        &mut self,
        row: usize,
        tape_ms: u64,
        (outcome, side, price, qty): (Outcome, Side, Price, Qty),
        changed: &mut Vec<Changed>,
        prints: &mut Vec<WireEvent>,
    ) {
        let (taker_side, yes_price) = in_yes_terms(outcome, side, price);
        if self.markets[row].open {
            let matches = self.markets[row].book.print(taker_side.other(), yes_price, qty, tape_ms);
            let taker = self.house_taker(row, outcome, side);
            let ours = self.trade(row, &taker, &matches, changed);
            // a fill at the print's own price is part of it; one at our better price is a print of its own
            prints.extend(
                ours.into_iter()
                    .filter(|event| !matches!(event, WireEvent::LastTradePrice { price: at, .. } if *at == price)),
            );
        }
        let state = &mut self.markets[row];
        state.note_print(outcome, side, price);
        prints.push(WireEvent::LastTradePrice {
            market: state.facts.condition.clone(),
            token: state.facts.token_id(outcome).clone(),
            price,
            qty,
            side,
            venue_ms: self.now.ms(),
        });
    }

    /// The recorded book has come to stand at or through our orders: somebody took them.
    fn run_over(&mut self, row: usize, changed: &mut Vec<Changed>, prints: &mut Vec<WireEvent>) {
        for side in [Side::Buy, Side::Sell] {
            let matches = self.markets[row].book.run_over(side);
            for m in &matches {
                // the taker trades the token our order names, so that nothing is minted for it
                let Maker::Order { outcome, .. } = m.maker else { continue };
                let taker = self.house_taker(row, outcome, in_yes_terms(outcome, side, m.price).0.other());
                let one: [Match; 1] = [*m];
                prints.extend(self.trade(row, &taker, &one, changed));
            }
        }
    }

    fn house_taker(&mut self, row: usize, outcome: Outcome, side: Side) -> Taker {
        self.house_orders += 1;
        let order = OrderId::from_bytes(self.draws.bytes32("taker", &format!("recorded/{row}"), self.house_orders));
        let (owner, address) = (self.house_owner.clone(), super::trading::HOUSE_ADDRESS.to_owned());
        Taker { party: Party::House, outcome, side, order, owner, address }
    }

    /// One reward sample over all markets.
    fn sample(&mut self) {
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
            let Some(order) = self.orders.get(&resting.id) else { continue };
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
