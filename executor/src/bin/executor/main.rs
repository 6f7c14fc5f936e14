//! The key holder's binary. `init` makes a ledger, `keygen` and `import` a keystore, `run` trades, the rest ask or tell a running executor.

#![expect(clippy::disallowed_methods, reason = "the binary reads the clock and touches files")]

mod audit;
mod cancel_all;
mod client;
mod keys;
mod log;
mod run;
mod screen;
mod signals;

use clap::{Parser, Subcommand};
use executor::config::{Config, KeySource};
use executor::harden;
use executor::ledger::SqliteLedger;
use executor::state;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Holds the key, enforces the policy, talks to the venue.
#[derive(Parser)]
#[command(name = "executor", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make an empty ledger where the configuration says.
    Init(ConfigFile),
    /// Hold the key and serve the core until a signal comes.
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// The policy's digest as `check-config` printed it when it was looked at; another policy does not start. Needed where
        /// real orders leave.
        #[arg(long)]
        policy_digest: Option<String>,
        /// The ledger lacks rows that were written once (a backup, a lost disk), and you know it: go on with what is there. Today's
        /// caps count as spent.
        #[arg(long)]
        ledger_lost_rows: bool,
    },
    /// Check a configuration and print what would be used.
    CheckConfig(ConfigFile),
    /// One screen about the running executor.
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open the latch: tells why it is halted and gives a code, and opens it when the code is typed. Where nobody can type, it ends there.
    Arm {
        #[command(flatten)]
        config: ConfigFile,
        /// The code that was given within the last minute.
        #[arg(long, value_name = "CODE")]
        confirm: Option<String>,
    },
    /// Hand the running executor this file's policy and markets; taken only if nothing in it is looser.
    Tighten(ConfigFile),
    /// Believe balances that have stood below our trades for minutes (a merge, a redemption): their cost is freed.
    AcceptBalances(ConfigFile),
    /// Latch and cancel everything.
    Halt {
        #[command(flatten)]
        config: ConfigFile,
        /// Shown in `status` and recorded.
        #[arg(long, default_value = "by hand")]
        reason: String,
    },
    /// Cancel everything and wait until that is confirmed.
    CancelAll {
        #[command(flatten)]
        config: ConfigFile,
        /// Seconds to wait for the confirmation.
        #[arg(long, default_value_t = 60)]
        wait_s: u64,
    },
    /// Look at the ledger.
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    #[command(flatten)]
    Keys(keys::Keys),
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration, `executor.toml`.
    #[arg(long = "config", value_name = "FILE")]
    path: PathBuf,
}

/// What went wrong, in one line.
type Failure = String;

fn main() -> ExitCode {
    #[cfg(feature = "crash-points")]
    if let Some(said) = executor::crash::from_environment() {
        return said.and_then(|text| say(&text)).unwrap_or(ExitCode::FAILURE);
    }
    let result = match Cli::parse().command {
        Command::Keys(keys) => keys.run(),
        Command::Init(file) => load(&file.path).and_then(|config| init(&config)),
        Command::Audit { command } => return command.run(),
        Command::Run { config, policy_digest, ledger_lost_rows } => load_guarded(&config.path).and_then(|config| {
            config.expect_policy(policy_digest.as_deref()).map_err(|why| why.to_string())?;
            config.expect_core_apart(rustix::process::geteuid().as_raw()).map_err(|why| why.to_string())?;
            run::run(config, ledger_lost_rows)
        }),
        Command::Tighten(file) => text_of(&file.path).and_then(|text| {
            let config = Config::parse(&file.path.display().to_string(), &text).map_err(|why| why.to_string())?;
            client::tighten(&config, text)
        }),
        Command::CheckConfig(file) => load(&file.path).and_then(|config| check_config(&config)),
        Command::Status { config, json } => load(&config.path).and_then(|config| client::status(&config, json)),
        Command::Arm { config, confirm } => load(&config.path).and_then(|config| client::arm(&config, confirm)),
        Command::AcceptBalances(file) => load(&file.path).and_then(|config| client::accept_balances(&config)),
        Command::Halt { config, reason } => load(&config.path).and_then(|config| client::halt(&config, reason)),
        Command::CancelAll { config, wait_s } => {
            load(&config.path).and_then(|config| client::cancel_all(&config, wait_s))
        }
    };
    result.unwrap_or_else(|why| {
        let _ = writeln!(std::io::stderr(), "executor: {why}");
        ExitCode::FAILURE
    })
}

fn text_of(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
}

fn load(path: &Path) -> Result<Config, Failure> {
    let text = text_of(path)?;
    Config::parse(&path.display().to_string(), &text).map_err(|why| why.to_string())
}

/// Only what nobody else can have written is traded on.
fn load_guarded(path: &Path) -> Result<Config, Failure> {
    let text = harden::read_policy(path).map_err(|why| why.to_string())?;
    Config::parse(&path.display().to_string(), &text).map_err(|why| why.to_string())
}

fn init(config: &Config) -> Result<ExitCode, Failure> {
    let path = state::ledger_path(config);
    SqliteLedger::init(&path).map_err(|why| why.to_string())?;
    say(&format!("made {}", path.display()))
}

fn check_config(config: &Config) -> Result<ExitCode, Failure> {
    let key = match &config.account.key {
        KeySource::ThrowAway => "made on the spot and thrown away".to_owned(),
        KeySource::File(path) => format!("file {}", path.display()),
        KeySource::Keystore(path, Some(words)) => {
            format!("keystore {}, passphrase in {}", path.display(), words.display())
        }
        KeySource::Keystore(path, None) => format!("keystore {}, passphrase asked at the terminal", path.display()),
        KeySource::Credential(name) => format!("credential {name} of the service manager"),
    };
    let mut lines = vec![
        format!("profile        {:?}, submit {:?}, auto_arm {}", config.profile, config.submit, config.auto_arm),
        format!("venue          {} on {:?}", config.venue.rest, config.venue.chain),
        format!("ledger         {}", state::ledger_path(config).display()),
        format!("sockets        {}", config.socket_dir.display()),
        format!("key            {key}, signature type {:?}", config.account.signature_type),
        format!("limits         {}", config.tier.name),
        format!("policy digest  {}", config.policy.digest()),
        format!("config digest  {}", config.digest),
    ];
    let caps = config.policy.caps().each().into_iter();
    lines.extend(caps.map(|(name, cap)| format!("cap            {name} {cap}")));
    lines.extend(config.policy.markets().iter().map(|m| {
        format!("market         {} {} tick {} min {} neg-risk {}", m.slug, m.condition, m.tick, m.min_order, m.neg_risk)
    }));
    say(&lines.join("\n"))
}

/// Prints to stdout; a closed stdout is an error like any other.
fn say(text: &str) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|why| format!("stdout: {why}"))?;
    Ok(ExitCode::SUCCESS)
}
