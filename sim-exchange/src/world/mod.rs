//! A venue and everybody who lives in it, moved by one queue.
//!
//! What holds here:
//!
//! 1. **Nobody touches the venue but through its latency.** A request arrives later than it was sent, news reach a party later than
//!    they happened, and no party sees anything of another (`crowd`).
//! 2. **One order of events** (`kernel`): the same world and seed give the same run, to the last bit, in every build.
//! 3. **The venue's own clock comes first.** What is due at the venue at an instant is done before anything that arrives then.
//! 4. **What must always hold is looked at while it runs** (`checks`): a violation stops the run and names invariant, event, scenario
//!    and seed.

mod bot;
mod bot_seat;
mod checks;
mod crowd;
mod entry;
mod fair;
mod links;
mod replay;
mod runs;
mod seats;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod trail;

pub use bot::{BadBot, Bot, BotTotals, Switches};
pub use checks::{Depth, Violation};
pub use crowd::{Control, Crowd, Options};
pub use replay::{ReplayError, Replayed, replay, replay_tail};
pub use runs::{RunError, many, one, run_seed};
pub use seats::BadCast;
pub use summary::{KindRow, Summary};
pub use tally::{Counts, Kind, Profit, Tally};

use crate::exchange::{Exchange, NewError, Notice};
use crate::latent::BadLatent;
use crate::scenario::Scenario;
use crate::tape::Grown;
use mm_core::domain::{Digest, Nanos, Timestamp};

/// What agents have lived through before a served world meets its first client.
const WARM_UP: Nanos = Nanos::from_secs(30);

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Its venue.
    #[error(transparent)]
    Venue(#[from] NewError),
    /// Its bot.
    #[error(transparent)]
    Bot(#[from] BadBot),
    /// Its agents.
    #[error(transparent)]
    Cast(#[from] BadCast),
    /// Its fair values.
    #[error(transparent)]
    Latent(#[from] BadLatent),
    /// Something that must never be, before anybody was served.
    #[error(transparent)]
    Violation(Box<Violation>),
    /// It plans faults, and nobody makes them happen in virtual time.
    #[error(
        "the scenario plans faults ({0}), and they happen only where it is served: take them out, or use `sim-exchange serve`"
    )]
    Faults(String),
    /// Its log.
    #[error("log: {0}")]
    Log(#[from] std::io::Error),
}

/// A venue and its crowd.
pub struct World {
    exchange: Exchange,
    crowd: Crowd,
}

/// A venue where nobody lives.
impl From<Exchange> for World {
    fn from(mut exchange: Exchange) -> Self {
        let crowd = Crowd::nobody(&mut exchange);
        Self { exchange, crowd }
    }
}

impl World {
    /// The world at its first moment, in virtual time. One that plans faults is refused: only a server makes them happen.
    ///
    /// # Errors
    /// [`WorldError`] says what is wrong with the scenario.
    pub fn new(scenario: &Scenario, start: Timestamp, options: Options) -> Result<Self, WorldError> {
        if !scenario.faults.is_empty() {
            return Err(WorldError::Faults(scenario.faults.kinds().join(", ")));
        }
        let exchange = Exchange::new(scenario, start)?;
        Self::around(exchange, scenario, start, options)
    }

    /// The world as a wire serves it from `now` on: rendered, and already alive, so that the first client meets a book. Agents have
    /// had their first half minute; a recording begins now.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn served(scenario: &Scenario, grown: Option<Grown>, now: Timestamp) -> Result<Self, WorldError> {
        let start = if scenario.agents.is_empty() { now } else { now.minus(WARM_UP) };
        let exchange = Exchange::with_tape(scenario, grown, start)?;
        let mut world = Self::around(exchange, scenario, start, Options { rendered: true, ..Options::default() })?;
        world.advance(now).map_err(|violation| WorldError::Violation(Box::new(violation)))?;
        // nobody listened yet
        drop(world.exchange.drain());
        Ok(world)
    }

    /// A crowd around a venue that was made already.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn around(
        mut exchange: Exchange,
        scenario: &Scenario,
        start: Timestamp,
        options: Options,
    ) -> Result<Self, WorldError> {
        let crowd = Crowd::new(&mut exchange, scenario, start, options)?;
        Ok(Self { exchange, crowd })
    }

    /// Does everything that is due up to `until`.
    ///
    /// # Errors
    /// The first [`Violation`]; the world must not be moved further.
    pub fn advance(&mut self, until: Timestamp) -> Result<(), Violation> {
        self.crowd.advance(&mut self.exchange, until)
    }

    /// When something is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.crowd.next_deadline(&self.exchange)
    }

    /// The venue.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Calls the venue as somebody outside: what follows from the call is heard by everybody inside.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn call<T>(&mut self, work: impl FnOnce(&mut Exchange) -> T) -> Result<T, Violation> {
        let out = work(&mut self.exchange);
        self.crowd.heed(&mut self.exchange)?;
        Ok(out)
    }

    /// What a wire would have sent since the last call, if the world is rendered.
    pub fn drain(&mut self) -> Vec<Notice> {
        self.exchange.drain()
    }

    /// Everybody inside.
    #[must_use]
    pub const fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// The same, to be changed.
    pub const fn crowd_mut(&mut self) -> &mut Crowd {
        &mut self.crowd
    }

    /// The parts, for a server that keeps the venue behind its own lock.
    #[must_use]
    pub fn into_parts(self) -> (Exchange, Crowd) {
        (self.exchange, self.crowd)
    }

    /// What happened so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.crowd.summary(&self.exchange)
    }

    /// Ends the run: everything is looked at once more, the log is complete.
    ///
    /// # Errors
    /// The last [`Violation`].
    pub fn finish(&mut self) -> Result<Digest, Violation> {
        self.crowd.finish(&mut self.exchange)
    }
}
