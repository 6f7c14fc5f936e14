//! `run`: a world in virtual time, from its first moment to its last. Progress goes to stderr, the summary to stdout; the last line
//! is the hash of the run.

use mm_core::domain::{Digest, Nanos};
use sim_exchange::scenario::Scenario;
use sim_exchange::world::{self, Depth, KindRow, Options, Summary, World};
use std::fmt::Write as _;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The scenario
    #[arg(value_name = "FILE")]
    config: PathBuf,
    /// Seed instead of the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Seconds of virtual time instead of the scenario's
    #[arg(long, value_name = "N")]
    duration_s: Option<u64>,
    /// Write the event log there
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Look at every invariant after every event, not every 10,000
    #[arg(long)]
    check: bool,
    /// That many runs, each from a seed of its own made from --seed; one line each
    #[arg(long, value_name = "N", conflicts_with = "log")]
    runs: Option<u64>,
    /// Threads for --runs; they change nothing but the time it takes
    #[arg(long, value_name = "N", default_value_t = 1, requires = "runs")]
    threads: usize,
}

/// Steps of a run between which progress is shown.
const STEPS: u64 = 1000;
/// Newest alerts of the bot that are shown.
const ALERTS_SHOWN: usize = 8;
/// Between two drawings of the bar.
const DRAW_EVERY: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let mut scenario = Scenario::load(&args.config).map_err(|why| why.to_string())?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(seconds) = args.duration_s {
        scenario.duration = Nanos::from_secs(seconds);
    }
    let depth = if args.check { Depth::Every } else { Depth::Sampled };
    let out = match args.runs {
        Some(runs) => many(&scenario, runs, args.threads, depth)?,
        None => one(&scenario, depth, args.log.as_deref(), &args.config)?,
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()).map_err(|why| format!("stdout: {why}"))
}

fn one(scenario: &Scenario, depth: Depth, log: Option<&Path>, config: &Path) -> Result<String, String> {
    let log = match log {
        None => None,
        Some(path) => {
            let file = std::fs::File::create(path).map_err(|why| format!("{}: {why}", path.display()))?;
            Some(Box::new(BufWriter::with_capacity(1 << 20, file)) as Box<dyn std::io::Write + Send>)
        }
    };
    let began = Instant::now();
    let start = scenario.start_utc;
    let mut world =
        World::new(scenario, start, Options { depth, log, rendered: false }).map_err(|why| why.to_string())?;
    let mut progress = Progress::new();
    for step in 1..=STEPS {
        let nanos = u128::from(scenario.duration.nanos()) * u128::from(step) / u128::from(STEPS);
        let until = start.plus(Nanos::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        world.advance(until).map_err(|why| why.to_string())?;
        progress.show(step, || {
            let summary = world.crowd();
            format!("{until}  {} events  {} trades", summary.events(), summary.tally().trades())
        });
    }
    let hash = world.finish().map_err(|why| why.to_string())?;
    progress.end();
    Ok(text(config, scenario, &world.summary(), &hash, began.elapsed()))
}

fn many(scenario: &Scenario, runs: u64, threads: usize, depth: Depth) -> Result<String, String> {
    let options = || Options { depth, ..Options::default() };
    let mut out = String::new();
    let mut all = Vec::new();
    for (n, done) in world::many(scenario, runs, threads, options).into_iter().enumerate() {
        let seed = world::run_seed(scenario.seed, u64::try_from(n).unwrap_or(u64::MAX));
        let (summary, hash) = done.map_err(|why| format!("run {n}, seed {seed}: {why}"))?;
        let _ = writeln!(out, "run {n}  seed {seed}  {} events  {} trades  {hash}", summary.events, summary.trades);
        all.extend_from_slice(&hash.0);
    }
    let _ = writeln!(out, "hash {}", Digest::of(&all));
    Ok(out)
}

/// A bar on a terminal, a line every tenth in a pipe.
struct Progress {
    terminal: bool,
    drawn: Option<Instant>,
    tenth: u64,
}

impl Progress {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), drawn: None, tenth: 0 }
    }

    fn show(&mut self, step: u64, what: impl Fn() -> String) {
        const WIDTH: u64 = 40;
        if self.terminal {
            if step < STEPS && self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAW_EVERY) {
                return;
            }
            self.drawn = Some(Instant::now());
            let full = usize::try_from(step * WIDTH / STEPS).unwrap_or(0);
            let empty = usize::try_from(WIDTH).unwrap_or(0).saturating_sub(full);
            eprint!("\r[{}{}] {:>3} %  {}\x1b[K", "█".repeat(full), "░".repeat(empty), step * 100 / STEPS, what());
        } else if step * 10 / STEPS > self.tenth {
            self.tenth = step * 10 / STEPS;
            eprintln!("{:>3} %  {}", self.tenth * 10, what());
        }
    }

    fn end(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}

/// The whole summary; the hash is its last line.
fn text(config: &Path, scenario: &Scenario, summary: &Summary, hash: &Digest, took: Duration) -> String {
    let mut out = String::new();
    let seconds = scenario.duration.nanos() / 1_000_000_000;
    let hours = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ =
        writeln!(out, "{}  seed {}  {hours} of virtual time, until {}", config.display(), scenario.seed, summary.at);
    let micros = took.as_micros().max(1);
    let rate = u128::from(summary.events) * 1_000_000 / micros;
    let _ = writeln!(
        out,
        "{} events and {} facts in {}.{:02} s: {rate} events/s, {} times real time",
        summary.events,
        summary.facts,
        took.as_secs(),
        took.subsec_millis() / 10,
        u128::from(seconds) * 1_000_000 / micros
    );
    let _ = writeln!(out, "invariants looked at {} times, none violated", summary.looked);
    let _ = writeln!(out, "{} trades, {} shares\n", summary.trades, shares(summary.volume));
    let _ = writeln!(
        out,
        "{:<9} {:>9} {:>9} {:>7} {:>8} {:>8} {:>12} {:>10} {:>10} {:>12}",
        "kind", "orders", "cancelled", "churn", "fills", "as maker", "trading", "fees", "rewards", "total"
    );
    for row in &summary.kinds {
        let trading: i64 = row.from.iter().map(|(_, profit)| profit.micro).sum();
        let _ = writeln!(
            out,
            "{:<9} {:>9} {:>9} {:>7} {:>8} {:>8} {:>12} {:>10} {:>10} {:>12}",
            row.kind.name(),
            row.counts.placed,
            row.counts.ended,
            churn(row),
            row.counts.fills,
            row.counts.maker_fills,
            dollars(trading),
            dollars(-i64::try_from(row.counts.fees).unwrap_or(i64::MAX)),
            dollars(i64::try_from(row.rewards).unwrap_or(i64::MAX)),
            dollars(row.total()),
        );
    }
    let _ = writeln!(out, "\nprofit of … from …, shares at their fair value, fees and rewards left out");
    for row in &summary.kinds {
        for (with, profit) in &row.from {
            let (of, with) = (row.kind.name(), with.name());
            let (fills, amount, money) = (profit.fills, shares(profit.shares), dollars(profit.micro));
            let _ = writeln!(out, "  {of:<9} {with:<9} {money:>12}  {fills:>8} fills  {amount:>12} shares");
        }
    }
    for market in scenario.markets.iter().filter(|market| market.fair.is_some_and(|fair| fair.reverting.is_some())) {
        let slug = &market.slug;
        let _ =
            writeln!(out, "\n{slug}: its fair value is pulled back, so prices can be predicted and profits say little");
    }
    if let Some(bot) = &summary.bot {
        let _ = writeln!(
            out,
            "\nbot: {} turns, {} orders sent, {} cancel calls, {} alerts",
            bot.turns, bot.posts, bot.cancels, bot.alerts
        );
    }
    for alert in summary.alerts.iter().rev().take(ALERTS_SHOWN).rev() {
        let _ = writeln!(out, "  {alert}");
    }
    if let Some((entries, last)) = &summary.log {
        let _ = writeln!(out, "log: {entries} entries, last hash {last}");
    }
    let _ = writeln!(out, "hash {hash}");
    out
}

/// Orders placed for each fill as maker.
fn churn(row: &KindRow) -> String {
    match row.counts.maker_fills {
        0 => "-".to_owned(),
        fills => format!("{}.{}", row.counts.placed / fills, row.counts.placed * 10 / fills % 10),
    }
}

fn shares(micro: u64) -> String {
    format!("{}.{:02}", micro / 1_000_000, micro / 10_000 % 100)
}

fn dollars(micro: i64) -> String {
    let cents = micro.unsigned_abs() / 10_000;
    format!("{}{}.{:02}", if micro < 0 && cents > 0 { "-" } else { "" }, cents / 100, cents % 100)
}
