//! An agent and what the world keeps for it: its account, its connections, its ears, what it knows of itself.

use super::links::Link;
use super::tally::Kind;
use crate::agents::{Agent, Board, Change, MarketFacts, Own};
use crate::draws::{Draws, real};
use crate::exchange::{AccountIx, Fact, MarketInfo};
use crate::kernel::Party;
use crate::latent::{JumpSize, Jumps, Latent, LatentParams, Motion, Process, Receiver};
use crate::scenario::{Latency, Scenario};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Nanos};

/// Grid of the fair values.
const STEP: Nanos = Nanos::from_secs(1);

/// An agent that is to take part.
pub(super) struct Cast {
    pub(super) agent: Box<dyn Agent>,
    pub(super) kind: Kind,
    pub(super) market: MarketIx,
    pub(super) ears: Option<Receiver>,
}

/// One agent in the world.
pub(super) struct Seat {
    pub(super) agent: Box<dyn Agent>,
    pub(super) account: AccountIx,
    pub(super) party: Party,
    pub(super) market: MarketIx,
    pub(super) ears: Option<Receiver>,
    pub(super) own: Own,
    pub(super) orders: Link,
    pub(super) cancels: Link,
    pub(super) news: Link,
}

impl Seat {
    pub(super) fn new(cast: Cast, account: AccountIx, party: Party, draws: &Draws, latency: &Latency) -> Self {
        let Cast { agent, market, ears, .. } = cast;
        let name = agent.name().to_owned();
        let link = |way: &str, base| Link::new(draws, &format!("{name}/{way}"), base, latency.jitter);
        Self {
            agent,
            account,
            party,
            market,
            ears,
            own: Own::default(),
            orders: link("orders", latency.order),
            cancels: link("cancels", latency.cancel),
            news: link("news", latency.feed),
        }
    }
}

/// The made-up wallet of an agent: 20 bytes that no key belongs to.
pub(super) fn wallet(draws: &Draws, name: &str) -> String {
    let bytes = draws.bytes32("wallet", name, 0);
    let hex: String = bytes[..20].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{hex}")
}

/// Everybody the scenario names, in the order of the file, of markets and of numbers.
pub(super) fn cast(scenario: &Scenario, latent: &mut Latent, draws: &Draws) -> Vec<Cast> {
    let _ = (scenario, latent, draws);
    Vec::new()
}

/// The fair values of the scenario's markets. `markets` are the venue's rows, in its order.
pub(super) fn latent(scenario: &Scenario, markets: &[MarketInfo]) -> LatentParams {
    let processes = (0u16..).map(MarketIx).zip(markets).filter_map(|(market, info)| {
        let spec = scenario.markets.iter().find(|spec| spec.slug == info.slug)?;
        let fair = spec.fair?;
        let jumps = (fair.jumps_per_h_micro > 0).then(|| Jumps {
            per_h: millionths(fair.jumps_per_h_micro),
            size: JumpSize::Normal { mean: 0.0, sd: millionths(fair.jump_logit_sd_micro) },
            public: true,
        });
        Some(Process {
            market,
            name: spec.slug.clone(),
            start: real(u64::from(fair.start.ten_thousandths())) / 10_000.0,
            volatility_per_sqrt_h: millionths(fair.volatility_per_sqrt_h_micro),
            motion: Motion::Martingale,
            jumps,
            resolution: None,
        })
    });
    LatentParams { step: STEP, markets: processes.collect(), links: Vec::new() }
}

fn millionths(n: u64) -> f64 {
    real(n) / 1_000_000.0
}

/// The public board of the venue's markets.
pub(super) fn board(markets: &[MarketInfo], scenario: &Scenario) -> Board {
    let facts = markets.iter().map(|info| {
        let listed = scenario.markets.iter().find(|spec| spec.slug == info.slug);
        MarketFacts {
            tick: info.market.tick,
            min_order: info.market.min_order,
            fee: listed.map_or(&scenario.defaults, |spec| &spec.terms).fee,
            rewards: info.market.rewards.clone(),
        }
    });
    Board::new(facts.collect(), scenario.venue.latency.feed)
}

/// What of a fact goes on the public board.
#[inline]
pub(super) fn public(fact: &Fact) -> Option<Change> {
    match *fact {
        Fact::Level { market, side, price, qty, .. } => Some(Change::Level { market, side, price, qty }),
        Fact::Print { market, outcome, side, price, qty } => {
            let (side, price) = in_yes_terms(outcome, side, price);
            Some(Change::Print { market, side, price, qty })
        }
        Fact::Tick { market, new, .. } => Some(Change::Tick { market, tick: new }),
        Fact::Opened { market } => Some(Change::Trading { market, open: true }),
        Fact::Closed { market } | Fact::Resolved { market, .. } => Some(Change::Trading { market, open: false }),
        Fact::Whole { .. } | Fact::Order { .. } | Fact::Fill { .. } | Fact::Trade { .. } => None,
    }
}
