//! What is open and what it could cost in the worst case: a fold over the ledger's rows.
//!
//! Reservations are rounded against us and are released only by evidence that an order can no longer trade. Days are UTC
//! days and never go back. Nothing here reads a clock: `at` is an argument.

mod holding;
mod listed;
mod mark;
mod order;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_worst;
mod worst;

pub use order::{Phase, Tracked, is_settled};
pub use worst::{EventLosses, Losses, dollars};

use crate::reasons::Reasons;
use crate::rows::{Became, IntentRow, LedgerRow};
use holding::Holding;
use mark::{Mark, Market};
use mm_core::domain::{
    ClientOrderId, ConditionId, Digest, Nanos, NewOrder, OrderId, Price, Qty, Side, Timestamp, TokenId, TradeId, Usdc,
};
use mm_core::protocol::{Held, Stage};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Finished orders that are remembered, so that a late fill or a stale listing is recognised as ours. Beyond this the
/// oldest of which nothing is to come are forgotten: a list or an event of the stream that shows one of them takes it for foreign and
/// halts, and a trade on it would mean nothing.
pub const FINISHED_MAX: usize = 50_000;
/// As many of the oldest are looked at for one that can be forgotten; where none of them can, one more is remembered.
const FORGET_TRIES: usize = 16;

/// The window of the orders-per-minute cap.
const MINUTE: Nanos = Nanos::from_secs(60);

/// Dollars at risk in one market or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Standing {
    /// What open buys would take if they filled: resting, in flight, unknown, and matched without a trade seen yet.
    pub open: Usdc,
    /// Cost of what was bought and not sold.
    pub cost: Usdc,
}

impl Standing {
    /// Everything fills.
    #[must_use]
    pub const fn worst_case(self) -> Usdc {
        self.open.saturating_add(self.cost)
    }
}

/// Counters of a UTC day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Day {
    /// Days since 1970.
    pub day: u64,
    /// Cost of filled buys.
    pub bought: Usdc,
    /// Notional of all placements that may have left.
    pub placed: Usdc,
    /// Proceeds of sales that settled.
    pub sold: Usdc,
}

impl Day {
    /// Millionths of a dollar that have left if `more` is bought on top: what is held counts for nothing. Below zero they came.
    #[must_use]
    pub fn outflow(self, more: Usdc) -> i128 {
        i128::from(self.bought.micro()) + i128::from(more.micro()) - i128::from(self.sold.micro())
    }
}

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Exposure {
    epoch: u64,
    run: u64,
    /// Orders that have not ended: few, and looked at all the time.
    orders: BTreeMap<OrderId, Tracked>,
    /// Those that have: many, and hardly ever looked at.
    ended: BTreeMap<OrderId, Tracked>,
    intents: BTreeMap<(u64, ClientOrderId), OrderId>,
    live: BTreeMap<ConditionId, BTreeSet<OrderId>>,
    /// Orders of which a trade is still to be seen or to settle.
    unsettled: BTreeSet<OrderId>,
    open_count: u32,
    finished: VecDeque<OrderId>,
    /// Most of them; `None`: [`FINISHED_MAX`].
    finished_max: Option<usize>,
    markets: BTreeMap<ConditionId, Market>,
    /// Of all of them.
    mark: Mark,
    /// Markets the row that is being applied has changed: their marks are renewed at its end.
    changed: Vec<ConditionId>,
    total: Standing,
    /// What all of them lose, each in its own worse ending.
    apart: i128,
    holdings: BTreeMap<TokenId, Holding>,
    day: Day,
    /// Days begin by [`LedgerRow::Day`] alone.
    days_told: bool,
    /// Cost of buys that matched after this day's end by the venue's clock: the day that begins some seconds late has them too.
    bought_after: Usdc,
    /// The day the next [`LedgerRow::Day`] tells counts as spent.
    spent: bool,
    minute: VecDeque<Timestamp>,
    /// When intents were recorded, whether or not they left, in the last minute before the newest.
    recorded: VecDeque<Timestamp>,
    /// When trades on a token were learnt of, in the last minute before the newest.
    traded: BTreeMap<TokenId, VecDeque<Timestamp>>,
    /// Orders the venue refused since it last took one.
    rejected: u32,
    /// When the last row was written.
    last_at: Option<Timestamp>,
    /// Why it was halted since it was last armed.
    reasons: Reasons,
    listed: listed::Listed,
}

impl Exposure {
    /// What `rows`, in their order, add up to for a process that starts on them.
    pub fn recover<'a>(rows: impl IntoIterator<Item = &'a LedgerRow>) -> Self {
        let mut exposure = Self::default();
        for row in rows {
            exposure.apply(row);
        }
        exposure.restart();
        exposure
    }

    /// A process ended here and another goes on. Every order that had not ended is unknown: whether its POST left or its cancel
    /// landed cannot be told from here.
    pub fn restart(&mut self) {
        for tracked in self.orders.values_mut().filter(|tracked| tracked.is_live()) {
            tracked.phase = Phase::Unknown { likely_rejected: false };
        }
    }

    /// Remembers at most this many finished orders from now on, instead of [`FINISHED_MAX`].
    pub const fn remember(&mut self, orders: usize) {
        self.finished_max = Some(orders);
    }

    /// Adds one row.
    pub fn apply(&mut self, row: &LedgerRow) {
        self.last_at = Some(row.at());
        self.fold(row);
        while let Some(market) = self.changed.pop() {
            if let Some(held) = self.markets.get_mut(&market) {
                self.mark.renew(&market, held);
            }
        }
    }

    fn fold(&mut self, row: &LedgerRow) {
        match row {
            LedgerRow::Epoch { epoch, .. } => self.epoch = *epoch,
            LedgerRow::Run { run, .. } => self.run = *run,
            LedgerRow::Intent(row) => self.intend(row),
            LedgerRow::Outcome { order, became, .. } => {
                match became {
                    Became::Rejected { .. } => self.rejected = self.rejected.saturating_add(1),
                    Became::Accepted => self.rejected = 0,
                    _ => {}
                }
                self.resolve(order, became);
            }
            LedgerRow::Fill { at, order, trade, price, qty, stage, matched } => {
                let of_day = matched.unwrap_or(*at).day();
                self.fill((*at, of_day), order, trade, (*price, *qty), *stage);
            }
            LedgerRow::Holding { token, market, confirmed, .. } => self.hold(token, market, *confirmed),
            LedgerRow::Balance { token, shares, .. } => {
                self.holdings.entry(token.clone()).or_default().bound(*shares);
                self.doubt_shares(token);
            }
            LedgerRow::Day { at } => {
                // The day of a doubted ledger is known now.
                let spent = std::mem::take(&mut self.spent);
                if self.begin_day(*at) && spent {
                    self.spend();
                }
                self.days_told = true;
            }
            LedgerRow::DaySpent { at } => {
                self.roll(*at);
                self.spend();
                self.spent = true;
            }
            LedgerRow::Halt { at, why } => drop(self.reasons.add(Some(*at), why)),
            LedgerRow::Arm { .. } => (self.reasons, self.rejected) = (Reasons::default(), 0),
            LedgerRow::Policy { text, .. } => self.listed.learn(text),
            LedgerRow::Refused(_) | LedgerRow::Tightened { .. } => {}
        }
    }

    /// The start of this ledger the rows have reached; 0 for none.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The core's last run; 0 for none.
    #[must_use]
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// Why it was halted first, if it was not armed since.
    #[must_use]
    pub fn halted(&self) -> Option<&str> {
        self.reasons.words().next()
    }

    /// Every reason to be halted since it was last armed.
    #[must_use]
    pub const fn reasons(&self) -> &Reasons {
        &self.reasons
    }

    /// Dollars at risk in one market.
    #[must_use]
    pub fn market(&self, market: &ConditionId) -> Standing {
        self.markets.get(market).map_or(Standing::default(), |held| held.standing)
    }

    /// Dollars at risk in all markets.
    #[must_use]
    pub const fn total(&self) -> Standing {
        self.total
    }

    /// What each ending of a market loses if whatever is open there fills as it hurts most.
    #[must_use]
    pub fn losses(&self, market: &ConditionId) -> Losses {
        self.markets.get(market).map_or(Losses::default(), |held| held.losses)
    }

    /// What all markets that were ever traded lose, each in its own worse ending and none paying for another.
    #[must_use]
    pub const fn losses_apart(&self) -> i128 {
        self.apart
    }

    /// Orders that rest, may rest or may yet land.
    #[must_use]
    pub const fn open_orders(&self) -> u32 {
        self.open_count
    }

    /// The counters of the last day that has begun.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.day
    }

    /// Whether the next day to be told counts as spent.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.spent
    }

    /// Whether a [`LedgerRow::Day`] of this moment would be news.
    #[must_use]
    pub const fn is_new_day(&self, at: Timestamp) -> bool {
        at.day() > self.day.day || !self.days_told || self.spent
    }

    /// Placements in the 60 seconds before `at`, but for those that provably never left.
    #[must_use]
    pub fn placed_last_minute(&self, at: Timestamp) -> u32 {
        in_the_minute_before(at, &self.minute)
    }

    /// Intents recorded in the 60 seconds before `at`, also those that never left.
    #[must_use]
    pub fn recorded_last_minute(&self, at: Timestamp) -> u32 {
        in_the_minute_before(at, &self.recorded)
    }

    /// Our trades on a token in the 60 seconds before `at`, by when they were learnt of.
    #[must_use]
    pub fn traded_last_minute(&self, token: &TokenId, at: Timestamp) -> u32 {
        let from = at.minus(MINUTE);
        let stamps = self.traded.get(token).into_iter().flatten();
        u32::try_from(stamps.filter(|stamp| **stamp > from).count()).unwrap_or(u32::MAX)
    }

    /// Orders the venue refused in a row, since an arm at most.
    #[must_use]
    pub const fn rejected_in_a_row(&self) -> u32 {
        self.rejected
    }

    /// Settled shares of a token that no open sell has reserved.
    #[must_use]
    pub fn free_shares(&self, token: &TokenId) -> Qty {
        self.holdings.get(token).map_or(Qty::ZERO, |held| held.sellable().saturating_sub(held.reserved))
    }

    /// The market of a token that was ever bought or told of.
    #[must_use]
    pub fn market_of(&self, token: &TokenId) -> Option<&ConditionId> {
        self.holdings.get(token)?.market.as_ref()
    }

    /// Tokens whose cost counts.
    pub fn costed_tokens(&self) -> impl Iterator<Item = &TokenId> {
        self.holdings.iter().filter(|(_, held)| !held.cost.is_zero()).map(|(token, _)| token)
    }

    /// Shares of a token; as confirmed counts only what the venue's last word on the balance allows.
    #[must_use]
    pub fn held(&self, token: &TokenId) -> Held {
        self.holdings
            .get(token)
            .map_or(Held::default(), |held| Held { matched: held.matched, confirmed: held.sellable() })
    }

    /// Settled shares of a token by its trades, and the venue's word where that is lower.
    #[must_use]
    pub fn settled(&self, token: &TokenId) -> (Qty, Option<Qty>) {
        self.holdings.get(token).map_or((Qty::ZERO, None), |held| (held.confirmed, held.told))
    }

    /// Whether nothing is under way on a token, so that a reading of its balance can be compared with the fold.
    #[must_use]
    pub fn is_settled(&self, token: &TokenId) -> bool {
        self.holdings.get(token).is_none_or(|held| held.unsettled == 0 && held.reserved.is_zero())
            && !self.live_orders().any(|tracked| tracked.row.token == *token)
    }

    /// Our own live order that `order` would meet, as its price in the token of `order`: same token or the complement.
    #[must_use]
    pub fn crosses(&self, market: &ConditionId, order: &NewOrder) -> Option<Price> {
        let (side, price) = order.in_yes_terms();
        self.live.get(market)?.iter().filter_map(|id| self.orders.get(id)).find_map(|ours| {
            let (own_side, own_price) = ours.in_yes_terms();
            let meets = match side {
                Side::Buy => own_side == Side::Sell && price >= own_price,
                Side::Sell => own_side == Side::Buy && price <= own_price,
            };
            let same_token = ours.row.outcome == order.token.outcome;
            meets.then(|| if same_token { ours.row.price } else { ours.row.price.complement() })
        })
    }

    /// An order of ours, ended or not.
    #[must_use]
    pub fn order(&self, id: &OrderId) -> Option<&Tracked> {
        self.orders.get(id).or_else(|| self.ended.get(id))
    }

    /// The order a core's number stands for.
    #[must_use]
    pub fn intent(&self, run: u64, id: ClientOrderId) -> Option<&Tracked> {
        self.intents.get(&(run, id)).and_then(|order| self.order(order))
    }

    /// Orders that have not ended, by market and hash.
    pub fn live_orders(&self) -> impl Iterator<Item = &Tracked> {
        self.live.values().flatten().filter_map(|id| self.orders.get(id))
    }

    /// When the last row was written; `None`: there is none.
    #[must_use]
    pub const fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// When the last order was made that was given up and never seen since.
    #[must_use]
    pub fn last_given_up(&self) -> Option<Timestamp> {
        self.ended.values().filter(|tracked| tracked.given_up).map(|tracked| tracked.row.at).max()
    }

    /// Orders of one market that have not ended.
    pub fn live_in(&self, market: &ConditionId) -> impl Iterator<Item = &Tracked> {
        self.live.get(market).into_iter().flatten().filter_map(|id| self.orders.get(id))
    }

    /// Orders with a trade that is not settled, and ended ones with a matched part no trade was seen for.
    pub fn unsettled_orders(&self) -> impl Iterator<Item = &Tracked> {
        self.unsettled.iter().filter_map(|id| self.order(id))
    }

    /// SHA-256 over what a decision rests on: dollars at risk in all, the day's counters, counts of open orders, of the last
    /// minute's placements and of its intents, as 64 bits, little endian; then what is at risk in each market, as [`mark`] sums it. A
    /// change here raises [`crate::rows::RULES`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        let mut number = |n: u64| hash.update(n.to_le_bytes());
        number(self.total.open.micro());
        number(self.total.cost.micro());
        number(self.day.day);
        number(self.day.bought.micro());
        number(self.day.placed.micro());
        number(self.day.sold.micro());
        number(self.open_count.into());
        number(u64::try_from(self.minute.len()).unwrap_or(u64::MAX));
        number(u64::try_from(self.recorded.len()).unwrap_or(u64::MAX));
        self.mark.numbers().into_iter().for_each(number);
        Digest(hash.finalize().into())
    }

    fn intend(&mut self, row: &IntentRow) {
        self.roll(row.at);
        let from = row.at.minus(MINUTE);
        for stamps in [&mut self.minute, &mut self.recorded] {
            while stamps.front().is_some_and(|stamp| *stamp <= from) {
                stamps.pop_front();
            }
        }
        self.recorded.push_back(row.at.max(self.recorded.back().copied().unwrap_or_default()));
        let mut tracked = Tracked {
            row: row.clone(),
            phase: Phase::InFlight,
            fills: BTreeMap::new(),
            given_up: false,
            counted: None,
        };
        self.count_placed(&mut tracked);
        let held = self.holdings.entry(row.token.clone()).or_default();
        (held.market, held.outcome) = (Some(row.market.clone()), Some(row.outcome));
        self.doubt_shares(&row.token);
        self.intents.insert((row.run, row.id), row.order);
        self.count(&tracked);
        self.orders.insert(row.order, tracked);
    }

    /// It is a placement of this minute and of this day, unless it is one already.
    fn count_placed(&mut self, tracked: &mut Tracked) {
        if tracked.counted.is_none() {
            tracked.counted = Some(self.day.day);
            self.day.placed = self.day.placed.saturating_add(tracked.notional());
            self.minute.push_back(tracked.row.at.max(self.minute.back().copied().unwrap_or_default()));
        }
    }

    /// It never left: it is none. A day that counts as spent stays so.
    fn uncount_placed(&mut self, tracked: &mut Tracked) {
        if tracked.counted.take() == Some(self.day.day) && self.day.placed < Usdc::MAX {
            self.day.placed = self.day.placed.saturating_sub(tracked.notional());
        }
        // Where a clock was set back it stands later, and stays.
        if let Ok(place) = self.minute.binary_search(&tracked.row.at) {
            self.minute.remove(place);
        }
    }

    fn resolve(&mut self, id: &OrderId, became: &Became) {
        let Some(phase) = self.order(id).and_then(|tracked| tracked.after(became)) else { return };
        let Some(mut tracked) = self.take(id) else { return };
        self.discount(&tracked);
        if tracked.never_left(became) {
            self.uncount_placed(&mut tracked);
        } else {
            // one that was said never to have left, and did
            self.count_placed(&mut tracked);
        }
        let was_live = tracked.is_live();
        tracked.phase = phase;
        tracked.given_up = *became == Became::NeverLanded;
        self.count(&tracked);
        if was_live && !tracked.is_live() {
            self.finished.push_back(*id);
        }
        self.put(tracked);
        while self.finished.len() > self.finished_max.unwrap_or(FINISHED_MAX) && self.forget_oldest() {}
    }

    fn take(&mut self, id: &OrderId) -> Option<Tracked> {
        self.orders.remove(id).or_else(|| self.ended.remove(id))
    }

    fn put(&mut self, tracked: Tracked) {
        let orders = if tracked.is_live() { &mut self.orders } else { &mut self.ended };
        orders.insert(tracked.row.order, tracked);
    }

    /// Whether one could be forgotten. One with a trade that is still to be seen, or to settle or fail, is not: it counts, and what
    /// becomes of it must be known as ours.
    fn forget_oldest(&mut self) -> bool {
        for _ in 0..FORGET_TRIES {
            let Some(id) = self.finished.pop_front() else { return false };
            if self.unsettled.contains(&id) {
                self.finished.push_back(id);
                continue;
            }
            // An order can be revived by evidence that it rests after all; then it is not finished.
            if let Some(tracked) = self.ended.remove(&id) {
                self.discount(&tracked);
                self.intents.remove(&(tracked.row.run, tracked.row.id));
            }
            return true;
        }
        false
    }

    fn fill(
        &mut self,
        (at, of_day): (Timestamp, u64),
        id: &OrderId,
        trade: &TradeId,
        (price, qty): (Price, Qty),
        stage: Stage,
    ) {
        let Some(mut tracked) = self.take(id) else { return };
        let known = tracked.fills.get(trade).copied();
        if order::progresses(known.map(|(_, _, stage)| stage), stage) {
            self.roll(at);
            self.discount(&tracked);
            self.count_placed(&mut tracked);
            // The first telling of a trade fixes its size: a later one only moves its stage.
            let (price, qty) = known.map_or((order::counted(&tracked.row, price), qty), |(price, qty, _)| (price, qty));
            tracked.fills.insert(trade.clone(), (price, qty, stage));
            self.count(&tracked);
            let row = &tracked.row;
            let (certain, open) = order::losses(row, price, qty);
            if known.is_none() {
                self.matched(row, price, qty, of_day);
                self.lose(&row.market, open);
                let stamps = self.traded.entry(row.token.clone()).or_default();
                while stamps.front().is_some_and(|stamp| *stamp <= at.minus(MINUTE)) {
                    stamps.pop_front();
                }
                stamps.push_back(at);
            }
            match stage {
                Stage::Confirmed => {
                    self.confirmed(row, price, qty);
                    self.lose(&row.market, certain.minus(open));
                }
                Stage::Failed => {
                    self.failed(row, price, qty);
                    self.lose(&row.market, Losses::default().minus(open));
                }
                Stage::Matched | Stage::Mined | Stage::Retrying => {}
            }
            self.doubt_shares(&row.token);
        }
        self.put(tracked);
    }

    fn lose(&mut self, market: &ConditionId, more: Losses) {
        if more != Losses::default() {
            let held = self.change(market);
            let before = held.losses;
            held.losses = before.plus(more);
            let by = held.losses.apart() - before.apart();
            self.apart += by;
        }
    }

    fn change(&mut self, market: &ConditionId) -> &mut Market {
        if !self.changed.contains(market) {
            self.changed.push(market.clone());
        }
        self.markets.entry(market.clone()).or_default()
    }

    fn add_cost(&mut self, market: &ConditionId, cost: Usdc) {
        let standing = &mut self.change(market).standing;
        standing.cost = standing.cost.saturating_add(cost);
        self.total.cost = self.total.cost.saturating_add(cost);
    }

    fn take_cost(&mut self, market: &ConditionId, cost: Usdc) {
        let standing = &mut self.change(market).standing;
        standing.cost = standing.cost.saturating_sub(cost);
        self.total.cost = self.total.cost.saturating_sub(cost);
    }

    /// Adds an order's open part to the totals.
    fn count(&mut self, tracked: &Tracked) {
        let (cost, shares) = (tracked.open_cost(), tracked.open_shares());
        let standing = &mut self.change(&tracked.row.market).standing;
        standing.open = standing.open.saturating_add(cost);
        self.total.open = self.total.open.saturating_add(cost);
        self.lose(&tracked.row.market, tracked.open_losses());
        let held = self.holdings.entry(tracked.row.token.clone()).or_default();
        held.reserved = held.reserved.saturating_add(shares);
        if tracked.is_unsettled() {
            self.unsettled.insert(tracked.row.order);
        }
        if tracked.is_live() && self.live.entry(tracked.row.market.clone()).or_default().insert(tracked.row.order) {
            self.open_count += 1;
        }
    }

    /// Takes an order's open part off the totals.
    fn discount(&mut self, tracked: &Tracked) {
        let (cost, shares) = (tracked.open_cost(), tracked.open_shares());
        let standing = &mut self.change(&tracked.row.market).standing;
        standing.open = standing.open.saturating_sub(cost);
        self.total.open = self.total.open.saturating_sub(cost);
        self.lose(&tracked.row.market, Losses::default().minus(tracked.open_losses()));
        let held = self.holdings.entry(tracked.row.token.clone()).or_default();
        held.reserved = held.reserved.saturating_sub(shares);
        self.unsettled.remove(&tracked.row.order);
        if self.live.get_mut(&tracked.row.market).is_some_and(|ids| ids.remove(&tracked.row.order)) {
            self.open_count -= 1;
        }
    }

    /// A ledger without a [`LedgerRow::Day`] yet goes by the time of its rows.
    fn roll(&mut self, at: Timestamp) {
        if !self.days_told && self.begin_day(at) && self.spent {
            self.spend();
        }
    }

    /// Days never go back.
    fn begin_day(&mut self, at: Timestamp) -> bool {
        let later = at.day() > self.day.day;
        if later {
            self.day = Day { day: at.day(), bought: std::mem::take(&mut self.bought_after), ..Day::default() };
        }
        later
    }

    const fn spend(&mut self) {
        (self.day.bought, self.day.placed, self.day.sold) = (Usdc::MAX, Usdc::MAX, Usdc::ZERO);
    }
}

/// How many of these moments, in their order, lie in the 60 seconds before `at`.
fn in_the_minute_before(at: Timestamp, stamps: &VecDeque<Timestamp>) -> u32 {
    let from = at.minus(MINUTE);
    let older = stamps.partition_point(|stamp| *stamp <= from);
    u32::try_from(stamps.len() - older).unwrap_or(u32::MAX)
}
