//! One turn in, actions out: absorbs everything that has arrived, then decides once for each touched market.
//!
//! A function of (code, configuration, turns). Reads no clock, asks nobody, prints nothing; what it wants done or told
//! it returns.

mod budget;
mod links;
mod snapshot;

pub use budget::{Budget, Call};
pub use links::link_of;
pub use snapshot::{MarketSnapshot, OrderSnapshot, Snapshot, Totals};

use crate::config::Config;
use crate::domain::{Digest, Market, Timestamp, Universe};
use crate::event::{Action, Input, Turn};
use crate::orders::{EditRules, OrderManager};
use crate::protocol::{Caps, Gate};

/// The whole data plane's state.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    universe: Universe,
    #[allow(dead_code, reason = "decisions land next")]
    orders: OrderManager,
    gate: Gate,
    #[allow(dead_code, reason = "decisions land next")]
    caps: Option<Caps>,
    paused: bool,
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
            no_wait: config.orders.min_edit_interval,
        });
        Self {
            config,
            universe: Universe::new(universe).expect("the shell checked the universe"),
            orders,
            gate: Gate::Unchecked,
            caps: None,
            paused: false,
            seq: 0,
            at: Timestamp::EPOCH,
            totals: Totals::default(),
        }
    }

    /// Absorbs every input, then decides once for each touched market. Appends to `out`.
    ///
    /// # Panics
    /// When `turn.at` is before the previous turn's: the shell's clock never goes back.
    pub fn turn(&mut self, turn: &Turn, _out: &mut Vec<Action>) {
        assert!(turn.at >= self.at, "turn {} is earlier than the turn before it", turn.seq);
        (self.seq, self.at) = (turn.seq, turn.at);
        for input in &turn.inputs {
            if let Input::Universe(markets) = input {
                let _ = self.universe.update(markets.clone());
            }
        }
    }

    /// When to call again with an empty turn if nothing arrives.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Hash of all state, for checkpoints.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.seq.to_le_bytes())
    }

    /// A picture for people and metrics.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            seq: self.seq,
            at: self.at,
            gate: self.gate,
            paused: self.paused,
            halted_by: None,
            markets: Vec::new(),
            totals: self.totals.clone(),
        }
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

    /// Age of the oldest feed that is quoted on, for the lease; zero while nothing is quoted.
    #[must_use]
    pub fn oldest_feed(&self, _at: Timestamp) -> crate::domain::Nanos {
        crate::domain::Nanos::ZERO
    }
}
