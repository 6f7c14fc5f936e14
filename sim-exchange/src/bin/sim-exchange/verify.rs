//! `verify`: whether a log is what was written, and, with its scenario, whether the venue does the same again.

use sim_exchange::log;
use sim_exchange::scenario::Scenario;
use sim_exchange::tape;
use sim_exchange::world;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The log
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// The scenario it is of: does the venue's part again, into an empty venue
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seed of the run, if it was not the scenario's
    #[arg(long, value_name = "N", requires = "config")]
    seed: Option<u64>,
    /// Seconds of the run, if they were not the scenario's
    #[arg(long, value_name = "N", requires = "config")]
    duration_s: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let in_log = |why: &dyn std::fmt::Display| format!("{}: {why}", args.log.display());
    let verified = log::verify(open(&args.log)?).map_err(|why| in_log(&why))?;
    let mut text = format!("{} entries in order, last hash {}\n", verified.entries, verified.hash);
    if let Some(config) = &args.config {
        let mut scenario = Scenario::load(config).map_err(|why| why.to_string())?;
        scenario.seed = args.seed.unwrap_or(scenario.seed);
        if let Some(seconds) = args.duration_s {
            scenario.duration = mm_core::domain::Nanos::from_secs(seconds);
        }
        let grown = scenario.tape.as_ref().map(|tape| tape::file::read(&tape.file)).transpose();
        let grown = grown.map_err(|why| why.to_string())?;
        let replayed = world::replay(open(&args.log)?, &scenario, grown).map_err(|why| in_log(&why))?;
        text.push_str(&format!(
            "{} events done again with the same consequences, {} states compared\n",
            replayed.entries, replayed.states
        ));
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|why| format!("stdout: {why}"))
}

fn open(path: &Path) -> Result<BufReader<File>, String> {
    let file = File::open(path).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}
