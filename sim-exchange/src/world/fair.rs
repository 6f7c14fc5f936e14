//! What the scenario says of fair values, as the latent state takes it.

use crate::draws::real;
use crate::exchange::MarketInfo;
use crate::latent::{JumpSize, Jumps, LatentParams, Link, Motion, Process, Resolution, ResolutionKind, logit};
use crate::scenario::{Fair, LinkSpec, Scenario};
use mm_core::domain::{MarketIx, Nanos, Price, Timestamp};

/// Grid of the fair values.
const STEP: Nanos = Nanos::from_secs(1);

/// The fair values of the scenario's markets. `markets` are the venue's rows, in its order.
pub(super) fn latent(scenario: &Scenario, markets: &[MarketInfo], start: Timestamp) -> LatentParams {
    let rows = || (0u16..).map(MarketIx).zip(markets);
    let processes = rows().filter_map(|(market, info)| {
        let spec = scenario.markets.iter().find(|spec| spec.slug == info.slug)?;
        Some(process(market, &spec.slug, spec.fair.as_ref()?, start))
    });
    let row = |slug: &String| rows().find(|(_, info)| info.slug == *slug).map(|(market, _)| market);
    let link = |spec: &LinkSpec| Link {
        members: spec.markets.iter().filter_map(row).collect(),
        correlation: millionths(spec.correlation_micro),
        common: jumps(spec.jumps_per_h_micro, spec.jump_logit_sd_micro, spec.jump_mean),
        exclusive: spec.exclusive,
    };
    LatentParams { step: STEP, markets: processes.collect(), links: scenario.links.iter().map(link).collect() }
}

fn process(market: MarketIx, name: &str, fair: &Fair, start: Timestamp) -> Process {
    let motion = fair.reverting.map_or(Motion::Martingale, |reverting| Motion::Reverting {
        to: logit(dollars(reverting.to)),
        per_h: millionths(reverting.per_h_micro),
    });
    let resolution = fair.resolve.map(|resolve| Resolution {
        at: start.plus(resolve.at),
        kind: if resolve.final_jump { ResolutionKind::FinalJump } else { ResolutionKind::Secret },
        announced_after: resolve.announced_after,
    });
    Process {
        market,
        name: name.to_owned(),
        start: dollars(fair.start),
        volatility_per_sqrt_h: millionths(fair.volatility_per_sqrt_h_micro),
        motion,
        jumps: jumps(fair.jumps_per_h_micro, fair.jump_logit_sd_micro, fair.jump_mean),
        resolution,
    }
}

/// Public jumps: in dollars where a mean in dollars is given, else in log-odds.
fn jumps(per_h_micro: u64, logit_sd_micro: u64, mean: Price) -> Option<Jumps> {
    let size = if mean > Price::ZERO {
        JumpSize::ExponentialDollars { mean: dollars(mean) }
    } else {
        JumpSize::Normal { mean: 0.0, sd: millionths(logit_sd_micro) }
    };
    (per_h_micro > 0).then(|| Jumps { per_h: millionths(per_h_micro), size, public: true })
}

/// Dollars as a real.
pub(super) fn dollars(price: Price) -> f64 {
    real(u64::from(price.ten_thousandths())) / 10_000.0
}

pub(super) fn millionths(n: u64) -> f64 {
    real(n) / 1_000_000.0
}
