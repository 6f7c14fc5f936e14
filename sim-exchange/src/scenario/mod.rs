//! A world from a file: TOML, read strictly, checked together, then typed.
//!
//! Unknown keys are refused with their path, impossible worlds too. One file here for each table.

mod agents;
mod bot;
mod dealer;
mod fair;
mod faults;
mod limits;
mod market;
mod reader;
mod rewards;
mod rules;
mod tape;
#[cfg(test)]
mod tests;
mod venue;

pub use agents::{AgentKind, AgentSpec, DistanceSpec, ReachSpec, SignalSpec, SizeSpec};
pub use bot::BotSpec;
pub use dealer::{BeliefSpec, DealerSpec};
pub use fair::{Fair, LinkSpec, Resolve, Reverting};
pub use market::{Fee, MarketSpec, Terms};
pub use tape::TapeSpec;
pub use venue::{Latency, Remembered, SelfTrade, Venue};

use mm_core::domain::{Digest, Nanos, Timestamp};
use reader::Keys;
pub use rules::MarketRules;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a scenario was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("not TOML: {0}")]
    Toml(Box<toml::de::Error>),
    /// A key is unknown, missing or impossible.
    #[error("{key}: {why}")]
    Key {
        /// Its path.
        key: String,
        /// What is wrong, and what is allowed.
        why: String,
    },
    /// Any of the above, in a file.
    #[error("{path}: {source}")]
    In {
        /// Which file.
        path: PathBuf,
        /// What.
        source: Box<ScenarioError>,
    },
}

/// A checked world.
#[derive(Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Seed of every draw.
    pub seed: u64,
    /// How long `run` lasts; `serve` has no end.
    pub duration: Nanos,
    /// First moment of a run in virtual time.
    pub start_utc: Timestamp,
    /// Rules of the whole venue.
    pub venue: Venue,
    /// What markets start from that the file does not list (those of a recording).
    pub defaults: Terms,
    /// Listed markets, in order. With a tape: facts about recorded markets, matched by `condition`.
    pub markets: Vec<MarketSpec>,
    /// Markets whose fair values move together.
    pub links: Vec<LinkSpec>,
    /// The recording that drives the public book, if any.
    pub tape: Option<TapeSpec>,
    /// Rules of the venue's reward pools.
    pub rewards: crate::rewards::Rules,
    /// Who else trades.
    pub agents: Vec<AgentSpec>,
    /// What goes wrong in it.
    pub faults: crate::faults::Plan,
    /// Our own bot in this world, if any.
    pub bot: Option<BotSpec>,
}

/// What a world does not use stays out of its digest, as in [`Fair`].
impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, duration, start_utc, venue, defaults, markets, links, tape, rewards, agents, faults, bot } =
            self;
        let mut out = f.debug_struct("Scenario");
        out.field("seed", seed).field("duration", duration).field("start_utc", start_utc).field("venue", venue);
        out.field("defaults", defaults).field("markets", markets);
        if !links.is_empty() {
            out.field("links", links);
        }
        out.field("tape", tape).field("rewards", rewards).field("agents", agents);
        out.field("faults", faults).field("bot", bot).finish()
    }
}

impl Scenario {
    /// Reads and checks a file; paths inside it are relative to its folder.
    ///
    /// # Errors
    /// [`ScenarioError`] names the file and the key.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder)
            .map_err(|source| ScenarioError::In { path: path.to_owned(), source: Box::new(source) })
    }

    /// Checks a scenario's text; `folder` is what paths inside it are relative to.
    ///
    /// # Errors
    /// [`ScenarioError`] names the key.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ScenarioError> {
        let table = text.parse::<toml::Table>().map_err(|e| ScenarioError::Toml(Box::new(e)))?;
        let mut keys = Keys::new("", table);
        match keys.number("schema", 1, u64::from(u16::MAX))? {
            Some(1) => {}
            Some(n) => return Err(keys.bad("schema", format_args!("must be 1, is {n}"))),
            None => return Err(keys.bad("schema", "missing; must be 1")),
        }
        let seed = keys.number("seed", 0, i64::MAX.unsigned_abs())?.unwrap_or(0);
        let duration = Nanos::from_secs(keys.number("duration_s", 1, 604_800)?.unwrap_or(600));
        let start_utc = match keys.text("start_utc")? {
            None => return Err(keys.bad("start_utc", "missing; a moment like 2026-06-07T01:30:00Z")),
            // in one spelling: a world's file is read by people and compared by them
            Some(text) => Timestamp::parse_iso(&text)
                .filter(|at| at.to_string().replace(".000Z", "Z") == text)
                .ok_or_else(|| keys.bad("start_utc", format_args!("{text:?} is not like 2026-06-07T01:30:00Z")))?,
        };
        let venue = venue::read(keys.table("venue")?.unwrap_or_else(|| Keys::new("venue", toml::Table::new())))?;
        let defaults = match keys.table("defaults")? {
            None => Terms::BASE,
            Some(mut table) => {
                let terms = market::terms(&mut table, &Terms::BASE)?;
                table.end()?;
                terms
            }
        };
        let rewards = rewards::read(keys.table("rewards")?)?;
        let tape = keys.table("tape")?.map(|table| tape::read(table, folder)).transpose()?;
        let agents = agents::read(&mut keys, &venue.latency)?;
        // agents make their markets themselves
        let alone = tape.is_none() && agents.is_empty();
        let mut markets = Vec::new();
        for table in keys.tables("market")? {
            markets.push(market::read(table, &defaults, tape.is_some(), alone)?);
        }
        let links = fair::links(&mut keys)?;
        let faults = faults::read(&mut keys)?;
        let bot = keys.table("bot")?.map(|table| bot::read(table, folder)).transpose()?;
        keys.end()?;
        let scenario =
            Self { seed, duration, start_utc, venue, defaults, markets, links, tape, rewards, agents, faults, bot };
        scenario.check()?;
        Ok(scenario)
    }

    /// SHA-256 of the checked world without its seed: comments and spelling do not change it, values do.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let unseeded = Self { seed: 0, ..self.clone() };
        Digest::of(format!("{unseeded:?}").as_bytes())
    }

    /// What only shows when all keys are seen together.
    fn check(&self) -> Result<(), ScenarioError> {
        let bad = |key: String, why: String| Err(ScenarioError::Key { key, why });
        if self.tape.is_none() && self.markets.is_empty() {
            return bad("market".to_owned(), "a world needs a [tape] or at least one [[market]]".to_owned());
        }
        for (n, market) in self.markets.iter().enumerate() {
            let before = &self.markets[..n];
            if before.iter().any(|other| other.slug == market.slug) {
                return bad(format!("market[{n}].slug"), format!("{:?} is there twice", market.slug));
            }
            if market.condition.is_some() && before.iter().any(|other| other.condition == market.condition) {
                return bad(format!("market[{n}].condition"), "is there twice".to_owned());
            }
        }
        fair::check_links(&self.links, |slug| {
            self.markets.iter().find(|market| market.slug == slug).map(|market| market.fair)
        })?;
        for (n, agent) in self.agents.iter().enumerate() {
            self.check_agent(n, agent)?;
        }
        Ok(())
    }

    fn check_agent(&self, n: usize, agent: &AgentSpec) -> Result<(), ScenarioError> {
        let bad = |key: &str, why: String| Err(ScenarioError::Key { key: format!("agent[{n}].{key}"), why });
        if self.tape.is_some() && agent.count > 0 {
            return bad("kind", "the tape makes the market of this world, and it does not react".to_owned());
        }
        for slug in agent.markets.iter().flatten() {
            if self.markets.iter().all(|market| market.slug != *slug) {
                return bad("markets", format!("there is no market {slug:?}"));
            }
        }
        let wanted = |market: &&MarketSpec| agent.markets.as_ref().is_none_or(|slugs| slugs.contains(&market.slug));
        let needs_fair = agent.signal.is_some() || matches!(agent.kind, AgentKind::Sniper { .. });
        if needs_fair && let Some(market) = self.markets.iter().filter(wanted).find(|market| market.fair.is_none()) {
            return bad("signal", format!("market {:?} has no fair value to know anything of", market.slug));
        }
        if matches!(agent.kind, AgentKind::Insider { .. }) {
            let linked = |slug: &String| self.links.iter().any(|link| link.markets.contains(slug));
            let knowable = |fair: fair::Fair| fair.is_still() && fair.resolve.is_some();
            let unknowable = |market: &&MarketSpec| !market.fair.is_some_and(knowable) || linked(&market.slug);
            if let Some(market) = self.markets.iter().filter(wanted).find(unknowable) {
                let why =
                    "nobody can know the outcome: it needs a fair value that never moves, unlinked, and fair.resolve";
                return bad("kind", format!("market {:?}: {why}", market.slug));
            }
        }
        if let AgentKind::Maker { distance: DistanceSpec::OfBand(_), .. } = agent.kind
            && let Some(market) = self.markets.iter().filter(wanted).find(|market| market.terms.rewards.is_none())
        {
            return bad("distance_of_band", format!("market {:?} has no reward band", market.slug));
        }
        Ok(())
    }
}
