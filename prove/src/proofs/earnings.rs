//! M3: what strategies earn, side by side, in worlds where some of those who trade know more than the book.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use mm_core::domain::{Nanos, Usdc};
use sim_exchange::scenario::Scenario;
use sim_exchange::world::{self, Kind, Options, Summary, World};
use toml::{Table, Value};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "reward-earns-more",
        milestone: 3,
        claim: "Among informed traders and snipers the strategy `reward` nets more (rewards, spread and fees less losses) than `fixed` and \
                than `avellaneda-stoikov`, each with orders of 20 and of 100 shares, over paired seeds of four hours: the 95 % intervals \
                of all four differences lie above zero.",
        quick: false,
        min_cases: 40,
        run: |bench| compare(bench, ["reward", "20"]),
        sabotage_claim: "`fixed` put in the place of `reward`",
        sabotage: Some(|bench| compare(bench, ["fixed", "20"])),
    },
    Proof {
        id: "no-placement-pays-none-is-made",
        milestone: 3,
        claim: "In the same world `reward` never rests an order in the two markets where no placement pays, says so with the numbers, and \
                quotes the other four.",
        quick: false,
        min_cases: 200,
        run: |bench| stands_aside(bench, None),
        sabotage_claim: "those two pools a hundred times as large",
        sabotage: Some(|bench| stands_aside(bench, Some(100))),
    },
    Proof {
        id: "fills-teach-what-the-model-missed",
        milestone: 3,
        claim: "With a cost model that knows nothing of how often these markets jump, `reward` that learns from its own fills nets more than \
                `reward` that does not, over paired seeds of four hours: the 95 % interval of the difference lies above zero.",
        quick: false,
        min_cases: 16,
        run: |bench| verdict(|evidence| taught(bench, "20", evidence)),
        sabotage_claim: "nothing is learned on either side",
        sabotage: Some(|bench| verdict(|evidence| taught(bench, "", evidence))),
    },
];

/// Net of one run, and where it comes from, dollars.
#[derive(Clone, Copy, Debug)]
struct Earned {
    net: f64,
    rewards: f64,
    trading: f64,
    fees: f64,
}

fn earned(summary: &Summary) -> Earned {
    let dollars = |micro: i64| micro as f64 / 1e6;
    let row = summary.kinds.iter().find(|row| row.kind == Kind::Bot);
    row.map_or(Earned { net: 0.0, rewards: 0.0, trading: 0.0, fees: 0.0 }, |row| Earned {
        net: dollars(row.total()),
        rewards: row.rewards as f64 / 1e6,
        trading: dollars(row.from.iter().map(|(_, profit)| profit.micro).sum()),
        fees: row.counts.fees as f64 / 1e6,
    })
}

/// A world whose bot quotes by one strategy.
fn arm(world: &Scenario, [strategy, size]: [&str; 2]) -> Result<Scenario, String> {
    let mut world = world.clone();
    let bot = world.bot.as_mut().ok_or("the world has no bot")?;
    let quote = [("strategy", strategy), ("size_shares", size)];
    let quote = quote.map(|(key, value)| (key.to_owned(), Value::from(value))).into_iter().collect::<Table>();
    bot.quote_over(quote).map_err(|why| why.to_string())?;
    Ok(world)
}

fn runs(world: &Scenario, runs: u64) -> Result<Vec<Earned>, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let all = world::many(world, runs, threads, Options::default);
    all.into_iter().map(|run| run.map(|(summary, _)| earned(&summary)).map_err(|why| why.to_string())).collect()
}

/// Two-sided 95 % quantiles of Student's t for 7, 15, 31 and 63 degrees of freedom, else the nearest below.
fn student(degrees: usize) -> f64 {
    match degrees {
        63.. => 1.998,
        31.. => 2.040,
        15.. => 2.131,
        7.. => 2.365,
        _ => 12.706,
    }
}

fn load(bench: &Bench) -> Result<Scenario, String> {
    Scenario::load(&bench.root.join("config/sim/informed.toml")).map_err(|why| why.to_string())
}

fn compare(bench: &Bench, challenger: [&str; 2]) -> Verdict {
    verdict(|evidence| compared(bench, challenger, evidence))
}

fn stands_aside(bench: &Bench, pools_times: Option<u64>) -> Verdict {
    verdict(|evidence| stood_aside(bench, pools_times, evidence))
}

fn verdict(work: impl FnOnce(&mut Evidence) -> Result<bool, String>) -> Verdict {
    let mut evidence = Evidence::default();
    match work(&mut evidence) {
        Ok(true) => Verdict::Proved(evidence),
        Ok(false) => Verdict::Refuted(evidence),
        Err(why) => {
            evidence.fact("why", why);
            Verdict::Refuted(evidence)
        }
    }
}

fn compared(bench: &Bench, challenger: [&str; 2], evidence: &mut Evidence) -> Result<bool, String> {
    const OTHERS: [[&str; 2]; 4] =
        [["fixed", "20"], ["fixed", "100"], ["avellaneda-stoikov", "20"], ["avellaneda-stoikov", "100"]];
    let world = load(bench)?;
    let seeds = bench.depth.pick(8, 8, 64);
    let mut nets = Vec::new();
    for which in [challenger].into_iter().chain(OTHERS) {
        let earned = runs(&arm(&world, which)?, seeds)?;
        evidence.cases += seeds;
        let n = earned.len() as f64;
        let mean = |of: fn(&Earned) -> f64| earned.iter().map(of).sum::<f64>() / n;
        evidence.fact(
            &named(which),
            format_args!(
                "nets {:.2} USD in four hours in the mean of {seeds} seeds: rewards {:.2}, trading {:.2}, fees {:.2}",
                mean(|e| e.net),
                mean(|e| e.rewards),
                mean(|e| e.trading),
                mean(|e| e.fees)
            ),
        );
        nets.push(earned);
    }
    let mut holds = true;
    for (other, which) in nets[1..].iter().zip(OTHERS) {
        let name = format!("{} less {}", named(challenger), named(which));
        holds &= gains(&name, &nets[0], other, evidence);
    }
    Ok(holds)
}

/// Whether one nets more than the other, seed by seed: the 95 % interval of the mean difference lies above zero.
fn gains(name: &str, one: &[Earned], other: &[Earned], evidence: &mut Evidence) -> bool {
    let gains: Vec<f64> = one.iter().zip(other).map(|(a, b)| a.net - b.net).collect();
    let n = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / n;
    let error = (gains.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0) / n).sqrt();
    let reach = student(gains.len() - 1) * error;
    let (low, high) = (mean - reach, mean + reach);
    evidence.fact(name, format_args!("{mean:.2} USD in four hours, 95 % interval {low:.2} to {high:.2}"));
    low > 0.0
}

/// The world with a cost model that is the same for all markets and mild.
fn taught(bench: &Bench, learn: &str, evidence: &mut Evidence) -> Result<bool, String> {
    let seeds = bench.depth.pick(8, 8, 64);
    let arm = |learn: &str| {
        let mut world = arm(&load(bench)?, ["reward", "20"])?;
        let bot = world.bot.as_mut().ok_or("the world has no bot")?;
        bot.core_markets = String::new();
        let mild = [("jumps_per_day", "4"), ("jump_cents", "2.5"), ("learn_share_days", learn)];
        let mild = mild.map(|(key, value)| (key.to_owned(), Value::from(value)));
        bot.quote_over(Table::from_iter(mild)).map_err(|why| why.to_string())?;
        runs(&world, seeds)
    };
    let (wise, ignorant) = (arm(learn)?, arm("")?);
    evidence.cases += 2 * seeds;
    for (name, earned) in [("learns", &wise), ("does not", &ignorant)] {
        let mean = earned.iter().map(|e| e.net).sum::<f64>() / earned.len() as f64;
        evidence.fact(name, format_args!("nets {mean:.2} USD in four hours in the mean of {seeds} seeds"));
    }
    Ok(gains("difference", &wise, &ignorant, evidence))
}

fn named([strategy, size]: [&str; 2]) -> String {
    if strategy == "reward" { strategy.to_owned() } else { format!("{strategy} of {size}") }
}

/// Markets of the world where nothing pays.
const BARREN: [&str; 2] = ["news", "crumbs"];

/// Looks at the bot every minute.
fn stood_aside(bench: &Bench, pools_times: Option<u64>, evidence: &mut Evidence) -> Result<bool, String> {
    let mut scenario = arm(&load(bench)?, ["reward", "20"])?;
    for market in scenario.markets.iter_mut().filter(|market| BARREN.contains(&market.slug.as_str())) {
        if let (Some(times), Some(terms)) = (pools_times, &mut market.terms.rewards) {
            terms.rate_per_day = Usdc::from_micro(terms.rate_per_day.micro() * times);
        }
    }
    scenario.seed = bench.seed;
    let slugs: Vec<String> = scenario.markets.iter().map(|market| market.slug.clone()).collect();
    let start = scenario.start_utc;
    let mut world = World::new(&scenario, start, Options::default()).map_err(|why| why.to_string())?;
    let mut quoted = vec![0u64; slugs.len()];
    let mut refused = vec![0u64; slugs.len()];
    let mut words = vec![String::new(); slugs.len()];
    let minutes = scenario.duration.ms() / 60_000;
    for minute in 1..=minutes {
        world.advance(start.plus(Nanos::from_secs(60 * minute))).map_err(|why| why.to_string())?;
        let bot = world.crowd().bot().ok_or("the world has no bot")?;
        for (row, market) in bot.engine().snapshot().markets.iter().enumerate() {
            evidence.cases += 1;
            quoted[row] += u64::from(!market.orders.is_empty());
            if market.no_quote.as_deref() == Some("unprofitable") {
                refused[row] += 1;
                words[row] = market.why.clone().unwrap_or_default();
            }
        }
    }
    let mut holds = true;
    for (row, slug) in slugs.iter().enumerate() {
        let (quoted, refused) = (quoted[row], refused[row]);
        let said = if words[row].is_empty() { String::new() } else { format!(": {}", words[row]) };
        evidence.fact(slug, format_args!("quoted in {quoted} of {minutes} minutes, unprofitable in {refused}{said}"));
        holds &=
            if BARREN.contains(&slug.as_str()) { quoted == 0 && refused > minutes / 2 } else { quoted > minutes / 2 };
    }
    Ok(holds)
}
