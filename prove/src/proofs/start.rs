//! M5: what the executor refuses to start on. Real processes, and no venue: all of it is refused before anybody is asked anything.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged, unless_broken};
use crate::stack;
use executor::ledger::{HeadFile, Ledger as _, SqliteLedger};
use executor::rows::LedgerRow;
use mm_core::domain::{Digest, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use toml::{Table, Value};

mod cases;
mod checks;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "unsafe-start-is-refused",
        milestone: 5,
        claim: "A proxy, a key in the environment, files and folders that others may write or read, a credential on a disk, a ledger that \
                lacks rows, an old SQLite, a wrong clock: each keeps the executor from starting or arming, and it says which it is.",
        quick: true,
        min_cases: 18,
        run: |bench| cases::refused(bench, true),
        sabotage_claim: "each danger is left out, one after the other: every single case goes red",
        sabotage: Some(|bench| cases::refused(bench, false)),
    },
    Proof {
        id: "each-danger-meets-one-check",
        milestone: 5,
        claim: "Of the checks of a start, asked one by one, exactly one refuses each danger of unsafe-start-is-refused: left out, it would let \
                that danger start.",
        quick: true,
        min_cases: 16,
        run: |bench| in_runtime(async { Ok::<_, String>(checks::each_alone(bench, true)) }),
        sabotage_claim: "the dangers are not made",
        sabotage: Some(|bench| in_runtime(async { Ok::<_, String>(checks::each_alone(bench, false)) })),
    },
    Proof {
        id: "one-key-one-executor",
        milestone: 5,
        claim: "While an executor runs, a second one with its key does not start, in its state folder or in another; when the first is \
                killed, it does.",
        quick: true,
        min_cases: 3,
        run: |bench| one_key(bench, true),
        sabotage_claim: "the second has another key",
        sabotage: Some(|bench| one_key(bench, false)),
    },
    Proof {
        id: "no-core-file",
        milestone: 5,
        claim: "An executor that was started with no limit on core files, and is ended by a signal that writes them, leaves none.",
        quick: true,
        min_cases: 6,
        run: |bench| unless_broken(cores(bench, true)),
        sabotage_claim: "the same signals end a program that does not defend itself",
        sabotage: Some(|bench| unless_broken(cores(bench, false))),
    },
];

/// How long a start or its refusal may take on a loaded machine.
const START_MAX: Duration = Duration::from_secs(60);

/// What became of a start.
enum Start {
    /// It runs.
    Ready(Running),
    /// It ended, with these words.
    Refused(String),
}

/// Killed when dropped: it has no venue it could be flat at.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An executor's folder, with nobody at the other end.
struct Lone {
    dir: tempfile::TempDir,
    table: Table,
    program: PathBuf,
    env: Vec<(&'static str, String)>,
    args: Vec<&'static str>,
}

impl Lone {
    fn new(bench: &Bench) -> Result<Self, String> {
        let text = |why: std::io::Error| why.to_string();
        // Where it lies on a disk, which a folder for temporary files need not.
        let dir = tempfile::Builder::new().prefix("lone-").tempdir_in(&bench.evidence).map_err(text)?;
        let example = std::fs::read_to_string(bench.root.join("config/executor.toml")).map_err(text)?;
        let mut table: Table = example.parse().map_err(|why: toml::de::Error| why.to_string())?;
        // A port nobody listens on.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(text)?.port();
        table.insert("profile".to_owned(), "sim".into());
        table.insert("submit".to_owned(), "post".into());
        let sockets = stack::socket_dir()?;
        let venue = [
            ("rest_url", Value::from(format!("http://127.0.0.1:{port}"))),
            ("user_ws_url", Value::from(format!("ws://127.0.0.1:{port}/ws/user"))),
            ("geoblock_url", Value::from(format!("http://127.0.0.1:{port}/api/geoblock"))),
            ("chain_id", Value::from(137)),
        ];
        table.insert(
            "venue".to_owned(),
            Value::Table(venue.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()),
        );
        let mut lone = Self { dir, table, program: bench.binary("executor"), env: Vec::new(), args: Vec::new() };
        lone.set("paths", "state_dir", lone.state().display().to_string());
        lone.set("paths", "socket_dir", sockets.display().to_string());
        lone.key("throw-away", &[]);
        Ok(lone)
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("executor.toml")
    }

    fn ledger(&self) -> PathBuf {
        self.state().join("ledger.sqlite")
    }

    fn set(&mut self, section: &str, key: &str, value: impl Into<Value>) {
        if let Some(Value::Table(section)) = self.table.get_mut(section) {
            section.insert(key.to_owned(), value.into());
        }
    }

    fn key(&mut self, source: &str, more: &[(&str, String)]) {
        let source = std::iter::once(("source".to_owned(), Value::from(source)));
        let more = more.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.clone())));
        self.set("account", "key", Table::from_iter(source.chain(more)));
    }

    /// A file with a key of its own.
    fn key_file(&mut self, mode: u32) -> Result<PathBuf, String> {
        let path = self.dir.path().join("key");
        stack::key_file(&path, mode)?;
        self.key("file", &[("path", path.display().to_string())]);
        Ok(path)
    }

    /// A ledger as it is after a start that wrote some rows, and its head beside it.
    fn with_ledger(&self) -> Result<PathBuf, String> {
        let path = self.ledger();
        let rows: Vec<LedgerRow> = (1..=20)
            .map(|n| LedgerRow::Epoch { at: Timestamp::from_ms(n), epoch: n, policy: Digest([7; 32]) })
            .collect();
        SqliteLedger::init(&path).map_err(|why| why.to_string())?;
        let mut ledger = SqliteLedger::open(&path).map_err(|why| why.to_string())?;
        ledger.append(&rows).map_err(|why| why.to_string())?;
        HeadFile::beside(&path).write(ledger.head()).map_err(|why| why.to_string())?;
        write(&self.state().join("epoch"), "20\n", 0o600)?;
        Ok(path)
    }

    fn write_config(&self) -> Result<(), String> {
        write(&self.config(), &self.table.to_string(), 0o600)
    }

    /// Starts it and waits for its ready line or its end.
    fn start(&self) -> Result<Start, String> {
        let mut command = Command::new(&self.program);
        self.start_as(command.arg("run").arg("--config").arg(self.config()).args(&self.args))
    }

    fn start_as(&self, command: &mut Command) -> Result<Start, String> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut child = Running(command.spawn().map_err(|why| why.to_string())?);
        let (Some(out), Some(mut err)) = (child.0.stdout.take(), child.0.stderr.take()) else {
            return Err("no pipes".to_owned());
        };
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // Its end, if it says nothing.
            let _ = BufReader::new(out).read_line(&mut line);
            let _ = tell.send(line);
        });
        match told.recv_timeout(START_MAX) {
            Ok(line) if line.starts_with('{') => {
                // Nobody reads on: it must not wait for us.
                std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::sink()));
                Ok(Start::Ready(child))
            }
            Ok(_) => {
                let mut words = String::new();
                let _ = err.read_to_string(&mut words);
                Ok(Start::Refused(words))
            }
            Err(_) => Err(format!("neither ready nor ended within {} s", START_MAX.as_secs())),
        }
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        if let Some(sockets) = self.table.get("paths").and_then(|paths| paths["socket_dir"].as_str()) {
            let _ = std::fs::remove_dir_all(sockets);
        }
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let _ = std::fs::remove_file(path);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|why| format!("{}: {why}", path.display()))
}

/// Signals that end a process with a core file and that the executor does not take for a wish.
const WITH_CORE: [Signal; 6] = [Signal::TRAP, Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE, Signal::SYS];

fn cores(bench: &Bench, hardened: bool) -> Result<Verdict, String> {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    for signal in WITH_CORE {
        let lone = Lone::new(bench)?;
        lone.write_config()?;
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]).current_dir(lone.dir.path());
        match hardened {
            true => command.arg(&lone.program).arg("run").arg("--config").arg(lone.config()),
            false => command.args(["sh", "-c", "echo '{' && exec sleep 600"]),
        };
        let mut running = match lone.start_as(&mut command)? {
            Start::Ready(running) => running,
            Start::Refused(why) => return Err(why),
        };
        let pid = Pid::from_child(&running.0);
        let until = Instant::now() + START_MAX;
        let status = loop {
            if let Some(status) = running.0.try_wait().map_err(|why| why.to_string())? {
                break status;
            }
            if Instant::now() > until {
                return Err(format!("{signal:?}: it does not end"));
            }
            // the first one of some only takes away the handler that tells of a stack that ran over
            kill_process(pid, signal).map_err(|why| why.to_string())?;
            std::thread::sleep(Duration::from_millis(20));
        };
        let files = std::fs::read_dir(lone.dir.path()).map_err(|why| why.to_string())?;
        let file = files.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("core"));
        if status.signal() != Some(signal.as_raw()) {
            failures.push(format!("{signal:?}: ended with {status}"));
        }
        if status.core_dumped() || file {
            failures.push(format!("{signal:?}: a core was written"));
        }
        evidence.cases += 1;
    }
    Ok(judged(evidence, &failures))
}

fn one_key(bench: &Bench, same: bool) -> Verdict {
    let run = || -> Result<Verdict, String> {
        let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
        let (mut first, mut second) = (Lone::new(bench)?, Lone::new(bench)?);
        let key = first.key_file(0o400)?;
        if same {
            second.key("file", &[("path", key.display().to_string())]);
        } else {
            second.key_file(0o400)?;
        }
        first.write_config()?;
        second.write_config()?;
        let running = match first.start()? {
            Start::Ready(running) => running,
            Start::Refused(why) => return Err(why),
        };
        match second.start()? {
            Start::Refused(why) if why.contains("another executor on this host holds the key") => {
                evidence.cases += 1;
                evidence.fact("same key, another state folder", "another executor on this host holds the key");
                // a start that came to nothing must not make the next one doubt the ledger and spend the day's caps
                if second.state().join("epoch").exists() {
                    failures.push("a refused start left its mark".to_owned());
                }
            }
            Start::Refused(why) => failures.push(format!("another state folder: {why}")),
            Start::Ready(_) => failures.push("another state folder: it runs".to_owned()),
        }
        match first.start()? {
            Start::Refused(why) if why.contains("in use by another process") => {
                evidence.cases += 1;
                evidence.fact("same state folder", "in use by another process");
            }
            Start::Refused(why) => failures.push(format!("same state folder: {why}")),
            Start::Ready(_) => failures.push("same state folder: it runs".to_owned()),
        }
        // A killed process holds nothing.
        drop(running);
        match second.start()? {
            Start::Ready(_) => evidence.cases += 1,
            Start::Refused(why) => failures.push(format!("after the first was killed: {why}")),
        }
        Ok(judged(evidence, &failures))
    };
    unless_broken(run())
}
