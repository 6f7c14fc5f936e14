//! An agent and what the world keeps for it: its account, its connections, its ears, what it knows of itself.

use super::fair::{dollars, millionths};
use super::links::Link;
use super::tally::Kind;
use crate::agents::{
    Agent, Around, BadAgent, Belief, Board, Change, Dealer, DealerParams, DealerRule, Distance, EdgeRule, Informed,
    InformedParams, InformedStyle, Maker, MakerParams, MarketFacts, Noise, NoiseParams, NoiseSize, Own, Reach, Sniper,
    SniperParams,
};
use crate::draws::Draws;
use crate::exchange::{AccountIx, Fact, MarketInfo};
use crate::kernel::Party;
use crate::latent::{Latent, Receiver, ReceiverParams, Refresh};
use crate::scenario::{
    AgentKind, AgentSpec, BeliefSpec, DealerSpec, DistanceSpec, Latency, ReachSpec, Scenario, SignalSpec, SizeSpec,
};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Nanos, Usdc};

/// An agent that is to take part.
pub(super) struct Cast {
    pub(super) agent: Box<dyn Agent>,
    pub(super) kind: Kind,
    pub(super) market: MarketIx,
    pub(super) ears: Option<Receiver>,
    pub(super) capital: Usdc,
    latency: Latency,
}

/// Why an agent cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("agent {name}: {why}")]
pub struct BadCast {
    name: String,
    why: String,
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
    pub(super) fn new(cast: Cast, account: AccountIx, party: Party, draws: &Draws) -> Self {
        let Cast { agent, market, ears, capital, latency, .. } = cast;
        let name = agent.name().to_owned();
        let link = |way: &str, base| Link::new(draws, &format!("{name}/{way}"), base, latency.jitter);
        Self {
            agent,
            account,
            party,
            market,
            ears,
            own: Own::new(capital),
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
///
/// # Errors
/// [`BadCast`] names the agent.
pub(super) fn cast(
    scenario: &Scenario,
    markets: &[MarketInfo],
    latent: &mut Latent,
    draws: &Draws,
) -> Result<Vec<Cast>, BadCast> {
    let mut out = Vec::new();
    for spec in &scenario.agents {
        let wanted = |info: &&MarketInfo| spec.markets.as_ref().is_none_or(|slugs| slugs.contains(&info.slug));
        let rows = (0u16..).map(MarketIx).zip(markets);
        for (market, info) in rows.filter(|(_, info)| wanted(info)) {
            for n in 0..spec.count {
                let name = format!("{}/{}/{n}", spec.name, info.slug);
                let capital = spec.capital.unwrap_or(scenario.venue.wallet_usdc);
                let (kind, agent) = agent(&name, spec, market, capital, draws)
                    .map_err(|why| BadCast { name: name.clone(), why: why.to_string() })?;
                let ears = ears(spec, market).map(|params| latent.receiver(&name, &params, draws));
                let ears = ears.transpose().map_err(|why| BadCast { name, why: why.to_string() })?;
                let latency = spec.latency.unwrap_or(scenario.venue.latency);
                out.push(Cast { agent, kind, market, ears, capital, latency });
            }
        }
    }
    Ok(out)
}

/// What it hears of the fair value.
fn ears(spec: &AgentSpec, market: MarketIx) -> Option<ReceiverParams> {
    if matches!(spec.kind, AgentKind::Insider { .. }) {
        let (delay, noise_sd, refresh) = (Nanos::ZERO, 0.0, Refresh::Always);
        return Some(ReceiverParams { market, delay, noise_sd, refresh, insider: true });
    }
    let SignalSpec { delay, noise_sd_micro, refresh, poisson } = spec.signal?;
    let refresh = match (refresh, poisson) {
        (Nanos::ZERO, _) => Refresh::Always,
        (gap, false) => Refresh::Every(gap),
        (gap, true) => Refresh::Poisson(gap),
    };
    Some(ReceiverParams { market, delay, noise_sd: millionths(noise_sd_micro), refresh, insider: false })
}

fn agent(
    name: &str,
    spec: &AgentSpec,
    market: MarketIx,
    capital: Usdc,
    draws: &Draws,
) -> Result<(Kind, Box<dyn Agent>), BadAgent> {
    Ok(match spec.kind {
        AgentKind::Noise { rate_per_h_micro, buys_micro, size, reach } => {
            let size = match size {
                SizeSpec::LogNormal { median, p99 } => NoiseSize::LogNormal { median, p99 },
                SizeSpec::Geometric(mean) => NoiseSize::Geometric { mean },
                SizeSpec::Fixed(qty) => NoiseSize::Fixed(qty),
            };
            let around = if spec.signal.is_some() { Around::Signal } else { Around::Midpoint };
            let reach = match reach {
                ReachSpec::Through(price) => Reach::Through(price),
                ReachSpec::Thinned(decay) => Reach::Thinned { decay_per_cent: millionths(decay), around },
            };
            let (arrivals_per_h, buys) = (millionths(rate_per_h_micro), millionths(buys_micro));
            let params = NoiseParams { market, capital, arrivals_per_h, buys, size, reach };
            (Kind::Noise, Box::new(Noise::new(name, params, draws)?))
        }
        AgentKind::Informed { rate_per_h_micro, threshold, unit, per_unit, min, max } => {
            let style = InformedStyle::Estimate(EdgeRule { threshold, unit, per_unit, min, max });
            let params = InformedParams { market, capital, looks_per_h: millionths(rate_per_h_micro), style };
            (Kind::Informed, Box::new(Informed::new(name, params, draws)?))
        }
        AgentKind::Sniper { threshold, max } => {
            (Kind::Sniper, Box::new(Sniper::new(name, SniperParams { market, capital, threshold, max })?))
        }
        AgentKind::Maker {
            look_every,
            size,
            distance,
            signal_share_micro,
            skew,
            max_position,
            tolerance,
            refill_below_micro,
        } => {
            let distance = match distance {
                DistanceSpec::OfBand(part) => Distance::OfBand(millionths(part)),
                DistanceSpec::Fixed(price) => Distance::Fixed(price),
            };
            let params = MakerParams {
                market,
                capital,
                look_every,
                size,
                distance,
                signal_share: millionths(signal_share_micro),
                skew,
                max_position,
                tolerance,
                refill_below: millionths(refill_below_micro),
            };
            (Kind::Maker, Box::new(Maker::new(name, params, draws)?))
        }
        AgentKind::Insider { rate_per_h_micro, size } => {
            let style = InformedStyle::Outcome { size };
            let params = InformedParams { market, capital, looks_per_h: millionths(rate_per_h_micro), style };
            (Kind::Informed, Box::new(Informed::new(name, params, draws)?))
        }
        AgentKind::Dealer { look_every, size, refill_below_micro, rule, belief } => {
            let (rule, belief) = (dealer_rule(rule), dealer_belief(belief));
            let refill_below = millionths(refill_below_micro);
            let params = DealerParams { market, capital, look_every, size, refill_below, rule, belief };
            (Kind::Dealer, Box::new(Dealer::new(name, params)?))
        }
    })
}

fn dealer_rule(spec: DealerSpec) -> DealerRule {
    match spec {
        DealerSpec::Fixed(half_spread) => DealerRule::Fixed { half_spread },
        DealerSpec::GlostenMilgrom { informed_micro, buys_micro } => {
            DealerRule::GlostenMilgrom { informed: millionths(informed_micro), buys: millionths(buys_micro) }
        }
        DealerSpec::Competitive { noise_per_h_micro, jumps_per_h_micro, jump_mean } => DealerRule::Competitive {
            noise_per_h: millionths(noise_per_h_micro),
            jumps_per_h: millionths(jumps_per_h_micro),
            jump_mean: dollars(jump_mean),
        },
    }
}

fn dealer_belief(spec: BeliefSpec) -> Belief {
    match spec {
        BeliefSpec::Signal => Belief::Signal,
        BeliefSpec::Stays(p) => Belief::Stays(dollars(p)),
        BeliefSpec::Learns(p) => Belief::Learns(dollars(p)),
    }
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
        Fact::Whole { .. } | Fact::Order { .. } | Fact::Fill { .. } | Fact::Paid { .. } | Fact::Trade { .. } => None,
    }
}
