//! The venue as a program: `serve` puts a scenario on loopback and says where on its first line, `run` lets it live through its
//! time at once, `verify` checks the log of a run.

mod run;
mod serve;
mod verify;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "sim-exchange", version, about = "The Polymarket CLOB on loopback")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a scenario on the wall clock until SIGINT or SIGTERM
    Serve(serve::Args),
    /// Let a scenario live through its virtual time and say what happened
    Run(run::Args),
    /// Check the log of a run, and do the venue's part of it again
    Verify(verify::Args),
}

fn main() -> ExitCode {
    // A panic in the exchange leaves a venue nobody should trade on.
    mm_core::io::logging::abort_on_panic();
    let done = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("sim-exchange: {why}");
            ExitCode::FAILURE
        }
    }
}
