//! The whole venue as data, and back: what a scenario and its recording do not tell.

use super::cached::Cached;
use super::clock::Beats;
use super::life::Planned;
use super::meddle::Meddled;
use super::orders::Orders;
use super::rebates::Rebates;
use super::settle::Ladder;
use super::trades::Trades;
use super::{Exchange, NewError, OrderIx, Violation, Volume};
use crate::accounts::Accounts;
use crate::mechanism::Mechanism;
use crate::rewards::Programme;
use crate::scenario::Scenario;
use crate::tape::Grown;
use mm_core::domain::{Digest, Market, Outcome, Price, Side, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Everything a venue has become. Facts and notices that nobody has taken yet are not part of it: drain first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    seed: u64,
    start: Timestamp,
    now: Timestamp,
    markets: Vec<MarketKept>,
    accounts: Accounts,
    cached: Cached,
    orders: Orders,
    #[serde(with = "pairs")]
    expiries: BTreeMap<(Timestamp, u64), OrderIx>,
    trades: Trades,
    ladder: Ladder,
    #[serde(with = "pairs")]
    held: BTreeMap<(Timestamp, u64), OrderIx>,
    #[serde(with = "pairs")]
    agenda: BTreeMap<(Timestamp, u64), Planned>,
    planned: u64,
    rebates: Rebates,
    volume: Volume,
    beats: Beats,
    programme: Programme,
    tape: Option<(usize, u64)>,
    makers: Vec<(u64, Timestamp)>,
    house_orders: u64,
    rendering: bool,
    frames_sent: u64,
    skew_ms: i64,
}

/// One market of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct MarketKept {
    facts: Market,
    book: Mechanism,
    fractional: bool,
    open: bool,
    changed_ms: u64,
    earlier_trade: String,
    last_print: Option<(Outcome, Price, Side)>,
    meddled: Meddled,
}

/// Why a venue cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The scenario does not make a world.
    #[error(transparent)]
    New(#[from] NewError),
    /// The snapshot is of another world.
    #[error("the snapshot is of another world: {what} {of} in it, {here} here")]
    Other {
        /// What differs.
        what: &'static str,
        /// In the snapshot.
        of: u64,
        /// Here.
        here: u64,
    },
    /// It contradicts itself.
    #[error("the snapshot is damaged: {0}")]
    Damaged(Box<Violation>),
    /// An order of a book is not in the table.
    #[error("the snapshot is damaged: order {} rests and is not in the table", .0.0)]
    Stray(OrderIx),
}

impl Exchange {
    /// The venue's state. Continuing it and continuing what is restored from it is the same.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let markets = self.markets.iter().map(|state| MarketKept {
            facts: state.facts.clone(),
            book: state.book.clone(),
            fractional: state.fractional,
            open: state.open,
            changed_ms: state.changed_ms,
            earlier_trade: state.earlier_trade.clone(),
            last_print: state.last_print,
            meddled: state.meddled.clone(),
        });
        Snapshot {
            seed: self.scenario.seed,
            start: self.start,
            now: self.now,
            markets: markets.collect(),
            accounts: self.accounts.clone(),
            cached: self.cached.clone(),
            orders: self.orders.clone(),
            expiries: self.expiries.clone(),
            trades: self.trades.clone(),
            ladder: self.ladder.clone(),
            held: self.held.clone(),
            agenda: self.agenda.clone(),
            planned: self.planned,
            rebates: self.rebates.clone(),
            volume: self.volume,
            beats: self.beats.clone(),
            programme: self.programme.clone(),
            tape: self.player.as_ref().map(super::play::Player::position),
            makers: self.makers.iter().map(|(_, maker)| maker.position()).collect(),
            house_orders: self.house_orders,
            rendering: self.rendering,
            frames_sent: self.frames_sent,
            skew_ms: self.skew_ms,
        }
    }

    /// The venue of a scenario as it was. The recording, if there is one, is read again by the caller.
    ///
    /// # Errors
    /// [`RestoreError`] when the snapshot is of another world or contradicts itself.
    pub fn restore(scenario: &Scenario, grown: Option<Grown>, kept: Snapshot) -> Result<Self, RestoreError> {
        let mut exchange = Self::with_tape(scenario, grown, kept.start)?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        for (what, of, here) in [
            ("seed", kept.seed, scenario.seed),
            ("markets", count(kept.markets.len()), count(exchange.markets.len())),
            ("book makers", count(kept.makers.len()), count(exchange.makers.len())),
            ("recordings", u64::from(kept.tape.is_some()), u64::from(exchange.player.is_some())),
        ] {
            if of != here {
                return Err(RestoreError::Other { what, of, here });
            }
        }
        exchange.facts.clear();
        exchange.notices.clear();
        exchange.orders = kept.orders;
        for (state, market) in exchange.markets.iter_mut().zip(kept.markets) {
            state.facts = market.facts;
            state.book = market.book;
            state.fractional = market.fractional;
            state.open = market.open;
            state.changed_ms = market.changed_ms;
            state.earlier_trade = market.earlier_trade;
            state.last_print = market.last_print;
            state.meddled = market.meddled;
            if let Mechanism::Continuous(book) = &state.book {
                for (slot, order) in book.slots() {
                    if exchange.orders.get(order).is_none() {
                        return Err(RestoreError::Stray(order));
                    }
                    exchange.orders.row_mut(order).slot = slot;
                }
            }
        }
        exchange.accounts = kept.accounts;
        exchange.cached = kept.cached;
        exchange.expiries = kept.expiries;
        exchange.trades = kept.trades;
        exchange.ladder = kept.ladder;
        exchange.held = kept.held;
        exchange.agenda = kept.agenda;
        exchange.planned = kept.planned;
        exchange.rebates = kept.rebates;
        exchange.volume = kept.volume;
        exchange.beats = kept.beats;
        exchange.programme = kept.programme;
        if let (Some(player), Some(position)) = (exchange.player.as_mut(), kept.tape) {
            player.seek(position);
        }
        for ((_, maker), position) in exchange.makers.iter_mut().zip(kept.makers) {
            maker.seek(position);
        }
        exchange.house_orders = kept.house_orders;
        exchange.rendering = kept.rendering;
        exchange.frames_sent = kept.frames_sent;
        exchange.skew_ms = kept.skew_ms;
        exchange.now = kept.now;
        // the next call looks at everything that is due
        exchange.wake = Timestamp::EPOCH;
        exchange.wake_other = Timestamp::EPOCH;
        exchange.check().map_err(|why| RestoreError::Damaged(Box::new(why)))?;
        Ok(exchange)
    }

    /// A hash of the state that decides the future: money, resting orders in their queues, counters. For comparing runs; cheaper
    /// than a snapshot.
    #[must_use]
    pub fn state_hash(&self) -> Digest {
        self.state_hash_at(self.now)
    }

    /// The same with a world's own clock: the venue's stands where it was last asked for anything, which is no part of a run.
    #[must_use]
    pub fn state_hash_at(&self, at: Timestamp) -> Digest {
        let mut hasher = Sha256::new();
        let mut out = |n: u64| hasher.update(n.to_le_bytes());
        out(at.nanos());
        for (market, state) in (0u64..).zip(&self.markets) {
            out(market);
            out(u64::from(state.open) + 2 * u64::from(state.facts.tick.ten_thousandths()));
            let print = state.last_print.map_or(0, |(_, price, _)| 1 + u64::from(price.ten_thousandths()));
            out(print);
            for (side, price, order) in state.book.orders() {
                out(u64::from(side == Side::Buy) << 32 | u64::from(price.ten_thousandths()));
                out(u64::from(order.order.0) << 32 | u64::from(order.account.0));
                out(order.remaining.micro());
            }
        }
        self.accounts.fold(&mut out);
        self.programme.fold(&mut out);
        for n in [self.trades.next().0, self.planned, self.house_orders] {
            out(n);
        }
        for n in [self.volume.submitted, self.volume.matched, self.volume.canceled] {
            out(u64::try_from(n >> 64).unwrap_or(u64::MAX));
            out(u64::try_from(n & u128::from(u64::MAX)).unwrap_or(u64::MAX));
        }
        let pending = [self.ladder.len(), self.held.len(), self.expiries.len(), self.agenda.len()];
        pending.into_iter().for_each(|n| out(u64::try_from(n).unwrap_or(u64::MAX)));
        Digest(hasher.finalize().into())
    }
}

/// Maps whose keys are not text, as lists of pairs.
pub(super) mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(in crate::exchange) fn serialize<K, V, S>(map: &BTreeMap<K, V>, to: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        to.collect_seq(map)
    }

    pub(in crate::exchange) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
