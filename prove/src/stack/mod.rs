//! The four processes as a stranger would run them: sim-exchange, executor and mm-core as real binaries over loopback and
//! Unix sockets, started, watched and stopped from here. The demo and the process proofs use the same code.

mod config;
mod keys;
mod process;
mod venue;

pub(crate) use config::Ready;
pub(crate) use keys::{drawn, key_file};
pub(crate) use process::{Process, end_with_us};

use mm_core::engine::Snapshot;
use mm_core::io::http::Timeouts;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a process may take until it says that it is ready.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(50);
/// How long any question to a running process may take.
const ANSWER: Timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(5) };

/// Why the stack could not start, answer or stop.
#[derive(Debug)]
pub(crate) struct StackError(pub(crate) String);

impl std::fmt::Display for StackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<StackError> for String {
    fn from(why: StackError) -> Self {
        why.0
    }
}

impl From<std::io::Error> for StackError {
    fn from(why: std::io::Error) -> Self {
        Self(why.to_string())
    }
}

impl From<String> for StackError {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// What to start.
pub(crate) struct Options {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Folder with the built binaries.
    pub(crate) bin_dir: PathBuf,
    /// Where configurations, logs, ledger and journal go. Made if missing.
    pub(crate) dir: PathBuf,
    /// The world.
    pub(crate) scenario: PathBuf,
    /// Another tape than the scenario's.
    pub(crate) tape: Option<PathBuf>,
    /// Tape time for each second of wall clock; 0 = as fast as possible.
    pub(crate) speed: f64,
    /// At most so many markets.
    pub(crate) markets: Option<usize>,
    /// Orders really leave for the simulator (`post`), or stop before the POST (`withhold`).
    pub(crate) submit: &'static str,
    /// How often mm-core compares a book with the venue's, milliseconds of wall clock.
    pub(crate) witness_ms: u64,
    /// How long mm-core may be silent before the executor cancels.
    pub(crate) core_silent_ms: u64,
    /// How often the executor asks where it is.
    pub(crate) geoblock_every_ms: u64,
    /// Keys of the core's configuration to change: section, key, value.
    pub(crate) core_keys: Vec<(&'static str, &'static str, toml::Value)>,
    /// The same for the executor's.
    pub(crate) executor_keys: Vec<(&'static str, &'static str, toml::Value)>,
    /// The user the executor runs as, if it is not ours; `dir` must be one it can reach.
    pub(crate) executor_user: Option<u32>,
    /// What executor and core find in their environment besides ours.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Options {
    /// The usual stack: orders leave for the simulator, the scenario's own tape in real time, all markets.
    pub(crate) fn new(root: PathBuf, bin_dir: PathBuf, dir: PathBuf) -> Self {
        Self {
            scenario: root.join("config/sim/tape.toml"),
            root,
            bin_dir,
            dir,
            tape: None,
            speed: 1.0,
            markets: None,
            submit: "post",
            witness_ms: 1000,
            core_silent_ms: 2000,
            geoblock_every_ms: 60_000,
            core_keys: Vec::new(),
            executor_keys: Vec::new(),
            executor_user: None,
            environment: Vec::new(),
        }
    }

    /// A minute of the tape in milliseconds of wall clock, within what mm-core's configuration allows.
    fn reward_minute_ms(&self) -> u64 {
        let times = if self.speed > 0.0 { self.speed } else { 1000.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 100..=60000 before")]
        let ms = (60_000.0 / times).clamp(100.0, 60_000.0) as u64;
        ms
    }
}

/// The running processes.
pub(crate) struct Stack {
    options: Options,
    sockets: PathBuf,
    http: reqwest::Client,
    /// The venue.
    pub(crate) sim: Process,
    /// The key holder; `None` while it is not running.
    pub(crate) executor: Option<Process>,
    /// The data plane; `None` while it is not running.
    pub(crate) core: Option<Process>,
    /// What the venue said when it was ready.
    pub(crate) ready: Ready,
    /// Address of the executor's throw-away key.
    pub(crate) address: String,
    /// The core's run folder.
    pub(crate) run_dir: PathBuf,
    core_url: String,
}

/// The code in the answer to the first step of arming.
pub(crate) fn code_in(told: &str) -> Option<&str> {
    told.lines().find_map(|line| line.strip_prefix("code ")?.split(',').next())
}

impl Stack {
    /// Starts the venue, then the executor, then the core, each when the one before is ready.
    pub(crate) async fn start(options: Options) -> Result<Self, StackError> {
        Self::start_with(options, |_| Ok(())).await
    }

    /// The same; `between` is told the folder of the sockets when the executor runs and the core does not.
    pub(crate) async fn start_with(
        options: Options,
        between: impl FnOnce(&Path) -> Result<(), StackError>,
    ) -> Result<Self, StackError> {
        let mut stack = Self::venue(options).await?;
        stack.start_executor().await?;
        between(&stack.sockets)?;
        stack.start_core().await?;
        Ok(stack)
    }

    /// Starts the venue alone.
    pub(crate) async fn venue(options: Options) -> Result<Self, StackError> {
        let http = mm_core::io::http::client(ANSWER).map_err(|e| StackError(format!("HTTP client: {e}")))?;
        std::fs::create_dir_all(&options.dir).map_err(|e| StackError(format!("{}: {e}", options.dir.display())))?;
        let sockets = socket_dir()?;
        let mut sim = Process::spawn("sim-exchange", sim_command(&options), &options.dir)?;
        let ready: Ready = parse_ready("sim-exchange", &sim.first_line(READY_LIMIT).await?)?;
        Ok(Self {
            options,
            sockets,
            http,
            sim,
            executor: None,
            core: None,
            ready,
            address: String::new(),
            run_dir: PathBuf::new(),
            core_url: String::new(),
        })
    }

    /// Changes a key of the executor's configuration for its next start.
    pub(crate) fn set_executor(&mut self, section: &'static str, key: &'static str, value: impl Into<toml::Value>) {
        self.options.executor_keys.push((section, key, value.into()));
    }

    /// Where a core connects.
    pub(crate) fn core_socket(&self) -> PathBuf {
        self.sockets.join("core.sock")
    }

    /// Starts the executor, again if it was stopped: its ledger stays.
    pub(crate) async fn start_executor(&mut self) -> Result<(), StackError> {
        let minimums = self.minimum_orders().await?;
        let path = self.options.dir.join("executor.toml");
        let text = config::executor(&self.options, &self.sockets, &self.ready, &minimums)?;
        write(&path, &text)?;
        let mut command = match self.options.executor_user {
            None => Command::new(self.options.bin_dir.join("executor")),
            Some(uid) => self.executor_of(uid).map_err(|e| StackError(format!("an executor of user {uid}: {e}")))?,
        };
        command.arg("run").arg("--config").arg(&path).envs(self.options.environment.iter().cloned());
        let mut process = Process::spawn("executor", command, &self.options.dir)?;
        let ready: Value = parse_ready("executor", &process.first_line(READY_LIMIT).await?)?;
        ready["address"].as_str().unwrap_or_default().clone_into(&mut self.address);
        self.executor = Some(process);
        Ok(())
    }

    /// The executor as another user's program, with folders of its own.
    fn executor_of(&self, uid: u32) -> std::io::Result<Command> {
        let (program, state) = (self.options.dir.join("executor-program"), self.options.dir.join("executor"));
        std::fs::copy(self.options.bin_dir.join("executor"), &program)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        std::fs::create_dir_all(&state)?;
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700))?;
        for folder in [&state, &self.sockets] {
            std::os::unix::fs::chown(folder, Some(uid), Some(uid))?;
        }
        let mut command = Command::new(program);
        command.uid(uid).gid(uid);
        Ok(command)
    }

    /// Folder of the executor's sockets.
    pub(crate) fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The configuration of an executor beside this stack's own, at the same venue.
    pub(crate) async fn executor_config(&self, options: &Options, sockets: &Path) -> Result<String, StackError> {
        config::executor(options, sockets, &self.ready, &self.minimum_orders().await?)
    }

    /// Starts a core: a new run with a journal of its own.
    pub(crate) async fn start_core(&mut self) -> Result<(), StackError> {
        let path = self.options.dir.join("mm-core.toml");
        write(&path, &config::mm_core(&self.options, &self.sockets, &self.ready)?)?;
        let mut command = Command::new(self.options.bin_dir.join("mm-core"));
        command.arg("run").arg("--config").arg(&path).envs(self.options.environment.iter().cloned());
        let mut process = Process::spawn("mm-core", command, &self.options.dir)?;
        let ready: Value = parse_ready("mm-core", &process.first_line(READY_LIMIT).await?)?;
        self.run_dir = PathBuf::from(ready["dir"].as_str().unwrap_or_default());
        ready["metrics"].as_str().unwrap_or_default().clone_into(&mut self.core_url);
        self.core = Some(process);
        Ok(())
    }

    /// Smallest order of each market as the venue tells it: the ready line does not.
    async fn minimum_orders(&self) -> Result<Vec<String>, StackError> {
        let mut minimums = Vec::with_capacity(self.ready.markets.len());
        for market in &self.ready.markets {
            let body = self.get(&format!("{}/clob-markets/{}", self.ready.clob, market.condition)).await?;
            minimums.push(body["mos"].to_string());
        }
        Ok(minimums)
    }

    /// GETs a JSON body from one of our processes.
    pub(crate) async fn get(&self, url: &str) -> Result<Value, StackError> {
        serde_json::from_str(&self.get_text(url).await?).map_err(|e| StackError(format!("{url}: not JSON: {e}")))
    }

    /// GETs a body from one of our processes.
    pub(crate) async fn get_text(&self, url: &str) -> Result<String, StackError> {
        let failed = |why: reqwest::Error| StackError(format!("{url}: {why}"));
        let response = self.http.get(url).send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        if status.is_success() { Ok(text) } else { Err(StackError(format!("{url}: {status} {text}"))) }
    }

    /// The core's own picture of itself.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, StackError> {
        let text = self.get_text(&format!("{}/snapshot", self.core_url)).await?;
        serde_json::from_str(&text).map_err(|e| StackError(format!("mm-core's snapshot: {e}")))
    }

    /// What `executor status` says.
    pub(crate) fn executor_status(&self) -> Result<Value, StackError> {
        let told = self.executor_command(&["status", "--json"], Duration::from_secs(10))?;
        serde_json::from_str(&told.text).map_err(|e| StackError(format!("executor status: {e}: {}", told.text)))
    }

    /// Whether the executor waits for a person.
    pub(crate) fn is_halted(&self) -> Result<bool, StackError> {
        Ok(!self.executor_status()?["desk"]["halted"].is_null())
    }

    /// Folder of configurations, logs, ledger and journal.
    pub(crate) fn dir(&self) -> &Path {
        &self.options.dir
    }

    /// Runs one executor command (`status`, `cancel-all`, …) against the running executor.
    pub(crate) fn executor_command(&self, words: &[&str], limit: Duration) -> Result<crate::shell::Output, StackError> {
        let mut command = Command::new(self.options.bin_dir.join("executor"));
        command.args(words).arg("--config").arg(self.options.dir.join("executor.toml"));
        Ok(crate::shell::run(&mut command, limit)?)
    }

    /// Arms a halted executor as a person does, who asks, reads the code and types it: again until it is not halted any more, for
    /// right after a halt it is refused. The inner error says why it always was.
    pub(crate) async fn arm(&self, limit: Duration) -> Result<Result<(), String>, StackError> {
        let (until, answer) = (Instant::now() + limit, Duration::from_secs(10));
        loop {
            // Asked without a terminal it ends 1, as nothing is armed yet: that a code was given is the answer.
            let mut told = self.executor_command(&["arm"], answer)?;
            if let Some(code) = code_in(&told.text).map(str::to_owned) {
                told = self.executor_command(&["arm", "--confirm", &code], answer)?;
            }
            if !self.is_halted()? {
                return Ok(Ok(()));
            }
            if Instant::now() > until {
                return Ok(Err(format!("cannot be armed: {}", told.text)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Runs `mm-core replay` on the core's run.
    pub(crate) fn replay(&self, run_dir: &Path) -> Result<crate::shell::Output, StackError> {
        let mut command = Command::new(self.options.bin_dir.join("mm-core"));
        command.arg("replay").arg(run_dir);
        Ok(crate::shell::run(&mut command, Duration::from_secs(600))?)
    }

    /// Stops the core, which withdraws its quotes, and then the executor, which leaves the account flat.
    pub(crate) async fn stop_core_and_executor(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        for process in [self.core.take(), self.executor.take()].into_iter().flatten() {
            if let Err(why) = process.terminate(Duration::from_secs(20)).await {
                complaints.push(why.0);
            }
        }
        complaints
    }

    /// Stops what still runs, the core first so that it withdraws its own quotes. Returns what did not end well.
    pub(crate) async fn stop(mut self) -> Vec<String> {
        let mut complaints = self.stop_core_and_executor().await;
        if let Err(why) = self.sim.terminate(Duration::from_secs(10)).await {
            complaints.push(why.0);
        }
        // The folder holds sockets only; a leftover is untidy, not wrong.
        std::fs::remove_dir_all(&self.sockets).ok();
        complaints
    }
}

fn sim_command(options: &Options) -> Command {
    let mut command = Command::new(options.bin_dir.join("sim-exchange"));
    command.arg("serve").arg("--config").arg(&options.scenario);
    command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.arg("--speed").arg(options.speed.to_string());
    if let Some(tape) = &options.tape {
        command.arg("--tape").arg(tape);
    }
    if let Some(markets) = options.markets {
        command.arg("--markets").arg(markets.to_string());
    }
    command
}

fn parse_ready<T: serde::de::DeserializeOwned>(who: &str, line: &str) -> Result<T, StackError> {
    serde_json::from_str(line).map_err(|e| StackError(format!("{who}: first line {line:?} is not its ready line: {e}")))
}

fn write(path: &Path, text: &str) -> Result<(), StackError> {
    std::fs::write(path, text)
        // The executor takes no policy that others may write, whatever the umask.
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)))
        .map_err(|e| StackError(format!("{}: {e}", path.display())))
}

/// A short path: a Unix socket's address holds 107 bytes, and a run folder may lie deep.
pub(crate) fn socket_dir() -> Result<PathBuf, StackError> {
    // The executor refuses a folder that others may enter.
    let ours_alone = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .prefix("pm-")
        .permissions(ours_alone)
        .tempdir()
        .map(tempfile::TempDir::keep)
        .map_err(|e| StackError(format!("socket folder: {e}")))
}
