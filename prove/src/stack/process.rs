//! One child process: its first line, its log, its end.

use super::StackError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Those that run. Each leads a process group of its own.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// From now on SIGINT and SIGTERM end the processes that run before they end us: no drop runs then, and no terminal reaches
/// groups that are not its own.
///
/// # Errors
/// When the thread that waits for signals does not start.
pub(crate) fn end_with_us() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut int, mut term) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait = move || {
        let number = runtime.block_on(async {
            tokio::select! {
                _ = int.recv() => Signal::INT,
                _ = term.recv() => Signal::TERM,
            }
        });
        // Held to the end: none is started any more.
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        for leader in running.iter() {
            // one that has just ended is no failure
            let _ = kill_process_group(*leader, Signal::KILL);
        }
        eprintln!("\nprove: ended by a signal, and with it {} processes that ran", running.len());
        std::process::exit(128 + number.as_raw())
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

/// A running child. Dropped without [`Self::terminate`], it is killed.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    leader: Option<Pid>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Its standard error.
    pub(crate) log: PathBuf,
}

impl Process {
    /// Starts a program in a process group of its own, so that Ctrl-C reaches only us and we stop it in order.
    pub(crate) fn spawn(name: &'static str, command: std::process::Command, dir: &Path) -> Result<Self, StackError> {
        let log = dir.join(format!("{name}.log"));
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| StackError(format!("{}: {e}", log.display())))?;
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).kill_on_drop(true).process_group(0);
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = command.spawn().map_err(|e| StackError(format!("{name} does not start: {e}")))?;
        let leader = pid(&child);
        running.extend(leader);
        drop(running);
        let stdout = child.stdout.take().ok_or_else(|| StackError(format!("{name}: no standard output")))?;
        Ok(Self { name, child, leader, lines: BufReader::new(stdout).lines(), log })
    }

    /// The process id, while it runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        pid(&self.child)
    }

    /// The first line it prints; if it ends or stays silent, its last words from the log.
    pub(crate) async fn first_line(&mut self, limit: Duration) -> Result<String, StackError> {
        match tokio::time::timeout(limit, self.lines.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => {
                let status = self.child.wait().await.map_or_else(|e| e.to_string(), |status| status.to_string());
                Err(StackError(format!("{} ended ({status}): {}", self.name, self.last_words())))
            }
            Ok(Err(why)) => Err(StackError(format!("{}: {why}", self.name))),
            Err(_) => Err(StackError(format!(
                "{} did not say it is ready within {} s: {}",
                self.name,
                limit.as_secs(),
                self.last_words()
            ))),
        }
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" / ")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), StackError> {
        let pid = self.pid().ok_or_else(|| StackError(format!("{} is not running", self.name)))?;
        rustix::process::kill_process(pid, signal).map_err(|e| StackError(format!("{}: {e}", self.name)))
    }

    /// SIGKILL, and waits for the end.
    pub(crate) async fn kill(mut self) -> Result<(), StackError> {
        self.child.kill().await.map_err(|e| StackError(format!("{}: {e}", self.name)))
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Result<ExitStatus, StackError> {
        match tokio::time::timeout(limit, self.child.wait()).await {
            Ok(status) => status.map_err(|e| StackError(format!("{}: {e}", self.name))),
            Err(_) => Err(StackError(format!("{} still runs after {} s", self.name, limit.as_secs()))),
        }
    }

    /// SIGTERM, and waits; past the limit SIGKILL and a complaint. A non-zero exit code is a complaint too.
    pub(crate) async fn terminate(mut self, limit: Duration) -> Result<(), StackError> {
        // It may have ended by itself: then the wait below tells how.
        self.signal(Signal::TERM).ok();
        match self.ended(limit).await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(StackError(format!("{} ended with {status}: {}", self.name, self.last_words()))),
            Err(why) => {
                self.child.kill().await.ok();
                Err(StackError(format!("{why}; it was killed")))
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|pid| Some(*pid) != self.leader);
    }
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{PidfdFlags, kill_process, pidfd_open};
    use std::io::{BufRead as _, Write as _};
    use std::os::unix::process::CommandExt as _;

    /// Where the child keeps its process's log.
    const DIR: &str = "PROVE_TEST_DIR";
    const LIMIT: Duration = Duration::from_secs(20);

    /// The child: it runs a process that would outlive it, says which, and waits to be ended.
    #[test]
    fn the_child_waits() {
        let Some(dir) = std::env::var_os(DIR) else { return };
        end_with_us().expect("a thread");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut command = std::process::Command::new("sleep");
            command.arg(LIMIT.as_secs().to_string());
            let mut process = Process::spawn("sleep", command, Path::new(&dir)).expect("it starts");
            // past what the test's harness keeps to itself
            writeln!(std::io::stdout(), "leader {}", process.pid().expect("it runs").as_raw_nonzero()).expect("a pipe");
            // whoever is ended by the signal does not come to this end
            process.ended(2 * LIMIT).await.expect("it sleeps no longer");
        });
    }

    /// How the child ended, and whether its process did.
    fn ended_by(number: Signal) -> (Option<i32>, bool) {
        let dir = tempfile::tempdir().expect("a folder");
        let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "stack::process::tests::the_child_waits", "--nocapture"]).env(DIR, dir.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().expect("it starts");
        let lines = std::io::BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let leader = lines
            .map_while(Result::ok)
            .find_map(|line| line.rsplit_once("leader ")?.1.parse().ok().and_then(Pid::from_raw))
            .expect("it says which");
        let process = pidfd_open(leader, PidfdFlags::empty()).expect("it runs");
        let us = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(us, number).expect("ours");
        let code = child.wait().expect("it ends").code();
        // readable once the process is over; the kernel was told before the child ended, and may still be at it
        let limit = Timespec { tv_sec: 5, tv_nsec: 0 };
        let over = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).expect("waited for");
        (code, over == 1)
    }

    #[test]
    fn a_signal_ends_what_runs_and_then_us() {
        for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
            assert_eq!(ended_by(number), (Some(code), true), "it was left behind");
        }
    }
}
