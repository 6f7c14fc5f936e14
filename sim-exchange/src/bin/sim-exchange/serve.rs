//! `serve`: scenario and flags to a running venue. Prints one line on stdout, the ready line, and nothing else there.

use mm_core::domain::parse_decimal;
use mm_core::io::clock::Clock;
use sim_exchange::scenario::{Scenario, TapeSpec};
use sim_exchange::server::{self, Listen};
use sim_exchange::tape::{self, Grown};
use sim_exchange::world::World;
use std::fmt::Display;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tokio::signal::unix::{SignalKind, signal};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenario
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Loopback address of the CLOB; port 0 takes free ports, another one also the three ports behind it
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Loopback address of `/status` and the switches; off if left out
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// Recording to play instead of the scenario's
    #[arg(long, value_name = "FILE")]
    tape: Option<PathBuf>,
    /// Times real time at which a recording plays; 0 = as fast as possible
    #[arg(long, value_name = "X")]
    speed: Option<Speed>,
    /// How many markets, or which slugs or condition ids
    #[arg(long, value_name = "N|SLUG,...")]
    markets: Option<Wanted>,
    /// Seed instead of the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Thousandths of real time.
#[derive(Clone, Copy)]
struct Speed(u64);

impl FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse_decimal(text, 3).map(Self).map_err(|why| format!("a speed is a decimal like 10 or 0.5: {why}"))
    }
}

#[derive(Clone)]
enum Wanted {
    First(usize),
    Named(Vec<String>),
}

impl FromStr for Wanted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match text.parse() {
            Ok(0) => Err("at least one market".to_owned()),
            Ok(n) => Ok(Self::First(n)),
            Err(_) if names.iter().any(String::is_empty) => Err("an empty name".to_owned()),
            Err(_) => Ok(Self::Named(names)),
        }
    }
}

/// One line for a person.
type Line = String;

fn line(why: impl Display) -> Line {
    why.to_string()
}

pub(crate) fn run(args: &Args) -> Result<(), Line> {
    mm_core::io::logging::start("info", Clock::new()).map_err(line)?;
    let mut scenario = Scenario::load(&args.config).map_err(line)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let grown = choose(&mut scenario, args)?;
    let world = World::served(&scenario, grown, Clock::new().now()).map_err(line)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(line)?;
    runtime.block_on(serve(world, scenario.seed, Listen { clob: args.listen, admin: args.admin }))
}

async fn serve(world: World, seed: u64, listen: Listen) -> Result<(), Line> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(line)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(line)?;
    let running = server::start(world, seed, listen).await.map_err(line)?;
    let ready = serde_json::to_string(&running.ready).expect("addresses and ids serialize");
    let mut out = std::io::stdout();
    writeln!(out, "{ready}").and_then(|()| out.flush()).map_err(|why| format!("stdout: {why}"))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.stop().await;
    Ok(())
}

/// Applies the flags to the scenario and reads its recording, if it plays one.
fn choose(scenario: &mut Scenario, args: &Args) -> Result<Option<Grown>, Line> {
    if let Some(file) = &args.tape {
        let speed_milli = scenario.tape.as_ref().map_or(1000, |tape| tape.speed_milli);
        scenario.tape = Some(TapeSpec { file: file.clone(), speed_milli, markets: None });
    }
    let Some(spec) = &mut scenario.tape else {
        choose_listed(scenario, args.markets.as_ref(), &args.config)?;
        return Ok(None);
    };
    spec.speed_milli = args.speed.map_or(spec.speed_milli, |speed| speed.0);
    let grown = tape::file::read(&spec.file).map_err(line)?;
    if args.tape.is_some() {
        // Facts about markets of the scenario's own recording say nothing about another one.
        let recorded = |spec: &sim_exchange::scenario::MarketSpec| {
            grown.markets.iter().any(|market| Some(&market.condition) == spec.condition.as_ref())
        };
        scenario.markets.retain(recorded);
    }
    match &args.markets {
        None => {}
        Some(Wanted::Named(names)) => spec.markets = Some(names.clone()),
        Some(Wanted::First(n)) => {
            let playable = grown.markets.iter().filter(|market| market.tokens.len() == 2);
            spec.markets = Some(playable.take(*n).map(|market| market.condition.to_string()).collect());
        }
    }
    Ok(Some(grown))
}

fn choose_listed(scenario: &mut Scenario, wanted: Option<&Wanted>, config: &Path) -> Result<(), Line> {
    match wanted {
        None => {}
        Some(Wanted::First(n)) => scenario.markets.truncate(*n),
        Some(Wanted::Named(names)) => {
            if let Some(missing) = names.iter().find(|name| scenario.markets.iter().all(|m| m.slug != **name)) {
                return Err(format!("--markets: {} has no market {missing:?}", config.display()));
            }
            scenario.markets.retain(|market| names.contains(&market.slug));
        }
    }
    Ok(())
}
