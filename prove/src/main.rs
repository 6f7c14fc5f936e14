//! `prove`: the proof runner and the task door of the repository.
//!
//! Every claim about the product is a [`proof::Proof`]: a run that can refute it and a sabotage that must. The results go
//! to `artifacts/proofs/latest/`; the exit code is the verdict.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

mod clients;
mod demo;
mod elf;
mod noise;
mod promises;
mod proof;
mod proofs;
mod recordings;
mod registry;
mod report;
mod runner;
mod scan;
mod shell;
mod stack;
mod tidy;
mod vectors;

use clap::{Args, Parser, Subcommand};
use proof::Depth;
use std::path::PathBuf;
use std::process::ExitCode;

/// Tries the product's claims and runs its demo.
#[derive(Parser)]
#[command(name = "prove", version, about)]
struct Cli {
    /// A milestone (`m3`) or one proof by its id; all proofs if left out
    selection: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Clone)]
struct Options {
    /// Run the large counts
    #[arg(long, global = true)]
    full: bool,
    /// A proof that could not be tried is a failure
    #[arg(long, global = true)]
    strict: bool,
    /// Seed of everything random
    #[arg(long, global = true, default_value_t = 7)]
    seed: u64,
}

#[derive(Subcommand)]
enum Command {
    /// All proofs (what `prove` alone does)
    All,
    /// The gate of a few minutes
    Quick,
    /// The whole bot on recorded market data, with nothing installed
    Demo(demo::DemoArgs),
    /// Every claim and its sabotage
    List,
    /// The official clients against the simulated venue: installs each, then drives it
    Clients {
        /// Only these
        languages: Vec<clients::Language>,
    },
    /// Run every known vector file of a folder
    Vectors {
        /// Folder with the vector files
        dir: PathBuf,
    },
    /// What child processes of proofs do
    #[command(subcommand, hide = true)]
    Role(proofs::attacks::Role),
    /// Replay every recording of a folder against what it says about itself later
    Recordings {
        /// Folder with the recordings
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Role(role)) = &cli.command {
        return role.play();
    }
    match run(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("prove: {why}");
            ExitCode::from(2)
        }
    }
}

/// `Ok(false)` is a verdict, `Err` a command that could not be carried out.
fn run(cli: Cli) -> Result<bool, String> {
    // The demo has a drill of its own for Ctrl-C.
    if !matches!(cli.command, Some(Command::Demo(_))) {
        stack::end_with_us().map_err(|why| format!("signals cannot be waited for: {why}"))?;
    }
    let depth = if cli.options.full { Depth::Full } else { Depth::Default };
    let prove = |selection: &str, depth| {
        runner::prove(selection, depth, cli.options.seed, cli.options.strict).map_err(|e| e.to_string())
    };
    match cli.command {
        None => prove(cli.selection.as_deref().unwrap_or("all"), depth),
        Some(Command::All) => prove("all", depth),
        Some(Command::Quick) => prove("quick", Depth::Quick),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::List) => {
            runner::list();
            Ok(true)
        }
        Some(Command::Clients { languages }) => clients::run(&languages),
        Some(Command::Vectors { dir }) => {
            let totals = vectors::run(&dir, &mut std::io::stdout()).map_err(|e| e.to_string())?;
            Ok(totals.failed == 0)
        }
        Some(Command::Role(_)) => unreachable!("it was played"),
        Some(Command::Recordings { dir }) => {
            let summary = recordings::run(&dir, &mut std::io::stdout()).map_err(|e| e.to_string())?;
            Ok(summary.failed == 0)
        }
    }
}
