//! Cancels everything when the executor cannot be asked to. Has the API credentials, never the key.

#![expect(clippy::disallowed_methods, reason = "the binary reads the clock")]

use clap::Parser;
use executor::harden;
use executor::kill::deposit::{self, DepositError};
use executor::kill::{End, KillError, kill};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Cancels every order of the account, reads twice that none rests, and watches for what may still land. Works while the executor hangs or
/// is gone.
///
/// Ends with 0: flat. 3: NOT flat. 5: NOT flat, the venue refuses the credentials. 6: no credentials to try with.
#[derive(Parser)]
#[command(name = "executor-kill", version)]
struct Cli {
    /// The executor's state folder (`paths.state_dir`): its credentials lie there.
    #[arg(value_name = "STATE_DIR")]
    state_dir: PathBuf,
    /// Seconds to keep trying.
    #[arg(long, default_value_t = 120)]
    wait_s: u64,
    /// Seconds to go on reading once it is flat, and to cancel what appears: the venue may hold an order for a while before it rests.
    /// 0: end at once.
    #[arg(long, default_value_t = LATE_S)]
    watch_s: u64,
}

/// How long after its request an order may land (`gate.late_landing_ms` of the example).
const LATE_S: u64 = 120;

/// As the executor's own, so that one hook can judge both.
const NOT_FLAT: u8 = 3;
/// The credentials are refused.
const REFUSED: u8 = 5;
/// There are none.
const NONE: u8 = 6;

fn main() -> ExitCode {
    let Cli { state_dir, wait_s, watch_s } = Cli::parse();
    if let Err(why) = harden::harden_process() {
        // What this can do with its credentials is cancel: it does that on any machine.
        say(&format!("warning: {why}"));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            say(&format!("NOT FLAT: no runtime: {why}"));
            return ExitCode::from(NOT_FLAT);
        }
    };
    let [wait, watch] = [wait_s, watch_s].map(|secs| Duration::from_secs(secs.min(SECS_MAX)));
    let (end, words) = match runtime.block_on(kill(&state_dir, wait, watch, say)) {
        Ok(End::Flat) => {
            (ExitCode::SUCCESS, format!("FLAT: nothing rests.{}{}", may_land(watch_s), who_may_place(&state_dir)))
        }
        Ok(End::NotFlat) => (ExitCode::from(NOT_FLAT), format!("NOT FLAT after {wait_s} s. {AGAIN}")),
        Ok(End::Refused) => (ExitCode::from(REFUSED), refused(&state_dir)),
        Err(KillError::Deposit(why)) => (ExitCode::from(NONE), none(&why)),
        Err(KillError::Client(why)) => (ExitCode::from(NOT_FLAT), format!("NOT FLAT: no HTTP client: {why}")),
    };
    say(&words);
    end
}

/// Longer than anybody waits, and short enough to be added to a time.
const SECS_MAX: u64 = 86_400;

/// What a watch that was shorter has not seen.
fn may_land(watch_s: u64) -> String {
    if watch_s >= LATE_S {
        return String::new();
    }
    format!(
        " An order sent just before may still land: unless the executor ended more than {LATE_S} s ago, run this again in {LATE_S} s."
    )
}

/// What there is to do besides.
const AGAIN: &str = "Run this again, and look at the venue's own page for the wallet: it can cancel too.";

fn refused(state_dir: &Path) -> String {
    let age = deposit::read(state_dir).ok().map(|found| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!(", derived {} min ago", now.as_secs().saturating_sub(found.derived.secs()) / 60)
    });
    format!(
        "NOT FLAT: the venue refuses the credentials (401{}). New ones take the key, which this program never has: \
         `executor run` derives them and cancels everything before it does anything else. {AGAIN}",
        age.unwrap_or_default()
    )
}

fn none(why: &DepositError) -> String {
    format!(
        "NOT TRIED: {why}. `executor run` writes the credentials at its first login and takes them away when it ends flat. \
         If orders may rest: start `executor run`, which cancels everything first, or cancel on the venue's own page for the wallet."
    )
}

/// Whether the process that has the key is still there: nothing here stops it.
fn who_may_place(state_dir: &Path) -> String {
    let pid = deposit::read(state_dir).ok().and_then(|found| rustix::process::Pid::from_raw(found.pid));
    match pid.filter(|pid| rustix::process::test_kill_process(*pid).is_ok()) {
        Some(pid) => format!(
            " The executor (process {0}) is still there and may place again: `executor halt`, or if it does not answer `kill -9 {0}`.",
            pid.as_raw_pid()
        ),
        None => " The executor that left these credentials is gone.".to_owned(),
    }
}

fn say(line: &str) {
    // With no terminal left to tell, the exit code still does.
    let _ = writeln!(std::io::stdout(), "{line}");
}
