//! `mm-core`: the data plane. Reads the public feed, computes quotes, tells the executor. Knows no secret and has no mode:
//! what stands behind its addresses decides whether a run is live, shadow or simulated.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the binary reads and writes files")]

mod config_file;
mod explain;
mod ledger;
mod replay;
mod run;
mod score;
mod tops;

use clap::{Parser, Subcommand};
use mm_core::io::clock::Clock;
use mm_core::io::logging;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Something is wrong with what was asked for: usage or configuration.
const BAD_USAGE: u8 = 2;

#[derive(Parser)]
#[command(name = "mm-core", version, about = "The data plane of the Proofmaker market maker")]
struct Cli {
    /// What to log on stderr: a level, or a list like `info,mm_core=debug`
    #[arg(long, global = true, default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Quote: follow the feed and tell the executor what to place and cancel
    Run {
        /// Configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Feed a run's journal to a fresh engine: says "identical" or names the first difference
    Replay {
        /// The run's folder
        #[arg(value_name = "RUN")]
        run: PathBuf,
        /// Stop after this turn
        #[arg(long, value_name = "SEQ")]
        until: Option<u64>,
    },
    /// Why an order of a run was placed, moved and cancelled, with the numbers of those turns
    Explain {
        /// The run's folder
        #[arg(value_name = "RUN")]
        run: PathBuf,
        /// Our number for the order
        #[arg(long, value_name = "ID")]
        order: u64,
    },
    /// The minute ledger of a run: one JSON line for each sample of each market, then one for each day
    Ledger {
        /// The run's folder
        #[arg(value_name = "RUN")]
        run: PathBuf,
    },
    /// Books from recorded frames: one JSON line for each token a frame touched
    Tops {
        /// Recorded frames (.json, .jsonl, .gz, .zst), `-` for stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Reward scores of given cases: one JSON line each
    Score {
        /// One case, an array of them, or a file with `cases`; `-` for stdin
        #[arg(value_name = "FILE")]
        file: String,
    },
    /// Print the configuration as it would be used, with its digest
    CheckConfig {
        /// Configuration file
        #[arg(value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    logging::abort_on_panic();
    let cli = Cli::parse();
    let clock = Clock::new();
    if let Err(why) = logging::start(&cli.log, clock.clone()) {
        return fail(BAD_USAGE, &why);
    }
    match cli.command {
        Command::Run { config } => match config_file::load(&config) {
            Ok(loaded) => verdict(run::run(loaded, clock)),
            Err(why) => fail(BAD_USAGE, &why),
        },
        Command::Replay { run, until } => print(|out| replay::replay(&run, until, out)),
        Command::Explain { run, order } => print(|out| explain::explain(&run, order, out)),
        Command::Ledger { run } => print(|out| ledger::ledger(&run, out)),
        Command::Tops { file } => print(|out| tops::tops(&file, out)),
        Command::Score { file } => print(|out| score::score(&file, out)),
        Command::CheckConfig { config } => match config_file::load(&config) {
            Ok(loaded) => print(|out| loaded.print(out)),
            Err(why) => fail(BAD_USAGE, &why),
        },
    }
}

/// Runs a command that prints; what it printed comes out even when it failed half-way.
fn print<E: std::fmt::Display>(command: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> ExitCode {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let result = command(&mut out);
    match (result, out.flush()) {
        (Ok(()), Err(why)) => fail(1, &why),
        (result, _) => verdict(result),
    }
}

/// 0 when it went well, 1 and one line when it did not.
fn verdict<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(1, &why),
    }
}

fn fail(code: u8, why: &dyn std::fmt::Display) -> ExitCode {
    // Nothing is left to be done when stderr is gone.
    let _ = writeln!(std::io::stderr(), "mm-core: {why}");
    ExitCode::from(code)
}
