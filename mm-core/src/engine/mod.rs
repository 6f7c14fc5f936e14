//! One turn in, actions out: absorbs everything that has arrived, then decides once for each touched market.
//!
//! A function of (code, configuration, turns). Reads no clock, asks nobody, prints nothing; what it wants done or told
//! it returns.

mod absorb;
mod budget;
mod coupling;
mod decide;
mod earnings;
mod fills;
mod flow;
mod hashes;
mod horizon;
mod jumps;
mod lately;
mod links;
mod market;
mod markouts;
mod minutes;
mod picture;
mod places;
mod ration;
mod rest;
mod rows;
mod sample;
mod snapshot;
mod wakes;
mod watch;
mod worth;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_hashes;
#[cfg(test)]
mod tests_limits;
#[cfg(test)]
mod tests_minutes;
#[cfg(test)]
mod tests_ration;
#[cfg(test)]
mod tests_shown;
#[cfg(test)]
mod tests_stage;
#[cfg(test)]
mod tests_standing;
#[cfg(test)]
pub(crate) mod tests_support;
#[cfg(test)]
mod tests_watch;
#[cfg(test)]
mod tests_worth;

pub use budget::{Budget, Call};
pub use earnings::{DAYS_KEPT, Day};
pub use links::link_of;
pub use markouts::HORIZONS as MARKOUT_HORIZONS;
pub use minutes::{
    Counts, Gap, MINUTES_KEPT, Minute, ORDERS_LISTED, Rested, ScoringRules, UNSCORED_MAX, Verdict, WhenUnscored,
};
pub use snapshot::{MarketSnapshot, OrderSnapshot, ScoringSnapshot, Snapshot, Totals};
pub use worth::Kept;

use crate::config::Config;
use crate::domain::{ClientOrderId, Market, MarketIx, Nanos, Outcome, Timestamp, Token, Universe};
use crate::event::{Action, Alert, LinkIx, MarketEvent, Turn};
use crate::inventory::Inventory;
use crate::orders::{EditRules, OrderManager};
use crate::protocol::{Caps, Gate};
use crate::quote::{QuoteParams, Scratch};
use crate::risk::{Brake, Stop, Told};
use decide::{Afoot, OwnOrders};
use earnings::Days;
use hashes::Hashes;
use links::LinkState;
use market::MarketState;
use ration::Ration;
use rows::Rows;
use std::collections::BTreeMap;
use wakes::Wakes;
use watch::Watch;

/// The whole data plane's state.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    universe: Universe,
    markets: Vec<MarketState>,
    /// Quote parameters by row; `None` is followed and never quoted.
    params: Vec<Option<QuoteParams>>,
    links: BTreeMap<LinkIx, LinkState>,
    orders: OrderManager,
    inventory: Inventory,
    budget: Budget,
    brake: Brake,
    /// Of this order something was said that cannot be.
    impossible: Option<ClientOrderId>,
    told: Told,
    /// The executor has welcomed this connection.
    welcomed: bool,
    /// It has told on this connection what is held: before that nobody knows what another share would come on top of.
    balanced: bool,
    gate: Gate,
    caps: Option<Caps>,
    paused: bool,
    /// The one `CancelAll` of this stop was sent.
    flattened: bool,
    /// Whether quoting was allowed when the last turn ended.
    ran: bool,
    /// Markets to decide in this turn.
    dirty: Rows,
    /// Markets where something happened that the last decision did not look at.
    stirred: Rows,
    /// Used again by every turn.
    touched: Vec<MarketIx>,
    /// Of the frame that is being read; used again by every frame.
    events: Vec<MarketEvent>,
    /// Markets of one event are known, so that what is held of one moves another.
    coupled: bool,
    /// Our orders in the market that is being decided; used again by every decision.
    own_orders: OwnOrders,
    /// Memory of quotes, used again by every decision.
    scratch: Option<Box<Scratch>>,
    /// What stands in each market, as of a version of the orders.
    afoot: Afoot,
    /// What a dollar at work must bring.
    ration: Ration,
    /// Every touched market is decided, whether its last decision stands or not.
    thorough: bool,
    /// Decisions that stood and were not taken again.
    left_out: u64,
    /// Decisions of which only sizes had changed, and that were kept.
    kept: u64,
    /// Markets to decide again at a known moment.
    wakes: Wakes,
    /// Who was left out when the budget was last short, and is served first.
    first: Option<MarketIx>,
    watch: Watch,
    hashes: Hashes,
    /// Whole sampling intervals since 1970 at the last sample.
    sampled: Option<u64>,
    /// What was expected and earned by the day.
    days: Days,
    /// What is left of old evidence from one sample to the next, parts in a thousand million.
    evidence_kept: u64,
    seq: u64,
    at: Timestamp,
    totals: Totals,
}

impl Engine {
    /// An engine that has seen no turn. Rows of `universe` without a `[[market]]` block are followed and never quoted.
    ///
    /// # Panics
    /// When `universe` names a token twice: the shell checks it with [`Universe::new`] first.
    #[must_use]
    pub fn new(config: Config, universe: Vec<Market>) -> Self {
        let orders = OrderManager::new(EditRules {
            min_edit_interval: config.orders.min_edit_interval,
            do_nothing_price: config.orders.do_nothing_price,
            do_nothing_size_percent: config.orders.do_nothing_size_percent,
            no_wait: config.orders.min_edit_interval.max(Nanos::from_secs(1)),
        });
        let evidence_kept = crate::quote::kept_after(config.rewards.sample_every, config.risk.markout_half_life);
        let mut engine = Self {
            budget: Budget::new(config.orders.calls_per_second, config.orders.calls_burst),
            watch: Watch::new(config.feed.rest_calls_per_second),
            config,
            universe: Universe::default(),
            markets: Vec::new(),
            params: Vec::new(),
            links: BTreeMap::new(),
            orders,
            inventory: Inventory::default(),
            brake: Brake::default(),
            impossible: None,
            told: Told::default(),
            welcomed: false,
            balanced: false,
            gate: Gate::Unchecked,
            caps: None,
            paused: false,
            flattened: false,
            ran: false,
            dirty: Rows::new(),
            stirred: Rows::new(),
            touched: Vec::new(),
            events: Vec::new(),
            coupled: false,
            own_orders: OwnOrders::default(),
            scratch: None,
            afoot: Afoot::default(),
            ration: Ration::default(),
            thorough: false,
            left_out: 0,
            kept: 0,
            wakes: Wakes::new(),
            first: None,
            hashes: Hashes::new(),
            sampled: None,
            days: Days::default(),
            evidence_kept,
            seq: 0,
            at: Timestamp::EPOCH,
            totals: Totals::default(),
        };
        engine.learn(universe, &mut Vec::new()).expect("the shell checked the universe");
        engine
    }

    /// Whether every touched market is decided anew, even where the last decision stands. It changes no action: for comparisons.
    pub const fn set_thorough(&mut self, on: bool) {
        self.thorough = on;
    }

    /// How many decisions stood and were not taken again.
    #[must_use]
    pub const fn decisions_left_out(&self) -> u64 {
        self.left_out
    }

    /// How many decisions were asked again for the sake of changed sizes alone, and kept.
    #[must_use]
    pub const fn decisions_kept(&self) -> u64 {
        self.kept
    }

    /// Absorbs every input, then decides once for each touched market. Appends to `out`.
    ///
    /// # Panics
    /// When `turn.at` is before the previous turn's: the shell's clock never goes back.
    pub fn turn(&mut self, turn: &Turn, out: &mut Vec<Action>) {
        assert!(turn.at >= self.at, "turn {} is earlier than the turn before it", turn.seq);
        (self.seq, self.at) = (turn.seq, turn.at);
        for input in &turn.inputs {
            self.absorb(input, out);
        }
        self.watch_links(out);
        self.look(out);
        self.judge_hashes(out);
        self.wakes.take_due(self.at, |ix| self.dirty.insert(ix));
        let mut touched = std::mem::take(&mut self.touched);
        self.dirty.append(&mut touched);
        for ix in touched.drain(..) {
            self.tend(ix, out);
        }
        self.touched = touched;
        self.sample(out);
        self.decide(out);
    }

    /// When to call again with an empty turn if nothing arrives.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let mut first = Timestamp::MAX;
        let mut at = |when: Option<Timestamp>| first = when.map_or(first, |when| first.min(when));
        at(self.wakes.first());
        at(self.hashes.first());
        if let Gate::Open { until } = self.gate
            && until > self.at
        {
            at(Some(until));
        }
        at(self.sampled.map(|n| Timestamp::EPOCH.plus(self.sample_length(n + 1))));
        at(self.watch.next());
        at(self.brake.resumes(self.at));
        for link in self.links.values() {
            at(link.probe_at(self.config.feed.probe_after));
            at(link.dies_at(self.config.feed.dead_after));
        }
        (first < Timestamp::MAX).then_some(first)
    }

    /// The configuration it runs under.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The rows it knows.
    #[must_use]
    pub const fn universe(&self) -> &Universe {
        &self.universe
    }

    /// Our orders.
    #[must_use]
    pub const fn orders(&self) -> &OrderManager {
        &self.orders
    }

    /// The book of one row; `None` beyond the end.
    #[must_use]
    pub fn book(&self, ix: MarketIx) -> Option<&crate::book::Book> {
        self.markets.get(ix.index()).map(|m| &m.book)
    }

    /// Age of the oldest feed that is quoted on, for the lease; zero while nothing is quoted.
    #[must_use]
    pub fn oldest_feed(&self, at: Timestamp) -> Nanos {
        let quoted = self.orders.live().map(|(_, t)| self.link_of(t.order.token.market));
        quoted.filter_map(|link| self.links.get(&link)?.heard).map(|heard| at.since(heard)).max().unwrap_or(Nanos::ZERO)
    }

    fn link_of(&self, market: MarketIx) -> LinkIx {
        link_of(market, self.config.feed.tokens_per_link)
    }

    fn link_mut(&mut self, link: LinkIx) -> &mut LinkState {
        self.links.entry(link).or_default()
    }

    /// Rows a link carries.
    fn rows_of(&self, link: LinkIx) -> Vec<MarketIx> {
        self.universe.iter().map(|(ix, _)| ix).filter(|ix| self.link_of(*ix) == link).collect()
    }

    fn wake(&mut self, ix: MarketIx, at: Timestamp) {
        self.wakes.plan(ix, at);
    }

    fn sample_length(&self, n: u64) -> Nanos {
        Nanos::from_nanos(self.config.rewards.sample_every.nanos().saturating_mul(n))
    }

    /// Why nothing may be quoted anywhere.
    fn stop(&self) -> Option<Stop> {
        if !self.welcomed {
            return Some(Stop::ExecutorLost);
        }
        if !self.gate.is_open(self.at) {
            return Some(Stop::GateShut);
        }
        if !self.balanced {
            return Some(Stop::NoBalance);
        }
        let none_alive = !self.links.is_empty() && self.links.values().all(|link| !link.is_alive());
        none_alive.then_some(Stop::FeedsStale)
    }
}

/// The token whose snapshots carry the whole market.
const fn yes(market: MarketIx) -> Token {
    Token { market, outcome: Outcome::Yes }
}

/// A short way to raise an alert.
fn alert(alert: Alert, out: &mut Vec<Action>) {
    out.push(Action::Alert(alert));
}
