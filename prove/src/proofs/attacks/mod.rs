//! M5: other users of the machine, and other processes of the same user, against a running executor.

mod attempts;
mod twin;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::stack::{Options, Process, Stack, StackError, key_file};
use attempts::{Target, Tried, What};
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "other-users-get-nothing",
    milestone: 5,
    claim: "Processes of other users read no byte of the executor's memory, files or environment, change, stop and trace nothing, and are \
            refused on every socket, also with folder and sockets open to everyone; processes of its own user read no memory. Each attempt \
            succeeds against a stand-in that defends nothing.",
    quick: false,
    min_cases: 30,
    run: |bench| other_users(bench, false),
    sabotage_claim: "the stand-in itself is what must hold",
    sabotage: Some(|bench| other_users(bench, true)),
}];

/// The user the executor runs as here.
const EXECUTOR: u32 = 64_001;
/// Users that own nothing of it.
const OTHERS: [u32; 3] = [65_534, 64_002, 64_003];
/// Attempts that must have power, of each user.
const ATTEMPTS_MIN: usize = 30;
/// The same of another process of the executor's user, which tries its memory alone.
const OWN_MIN: usize = 12;
/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What the child processes of this proof do; commands of ours that no help shows.
#[derive(clap::Subcommand)]
pub(crate) enum Role {
    /// Attack, as whoever runs this.
    Attack {
        /// The target as JSON.
        target: String,
    },
    /// Carry the venue into this network.
    Bridge {
        /// Where a socket leads to each.
        folder: PathBuf,
        /// The venue's ports.
        ports: Vec<u16>,
    },
    /// Defend nothing.
    StandIn {
        /// Where.
        folder: PathBuf,
    },
}

impl Role {
    pub(crate) fn play(&self) -> ExitCode {
        let played = match self {
            Self::Attack { target } => {
                serde_json::from_str(target).map_err(|why| why.to_string()).and_then(|target| attempts::attack(&target))
            }
            Self::Bridge { folder, ports } => crate::proofs::hosts::bridge(folder, ports),
            Self::StandIn { folder } => twin::stand_in(folder),
        };
        match played {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }
}

fn other_users(bench: &mut Bench, unguarded: bool) -> Verdict {
    if !rustix::process::geteuid().is_root() {
        return Verdict::NotRun("needs root, to start processes of other users".to_owned());
    }
    in_runtime(async {
        let mut evidence = Evidence::default();
        let wrong = siege(bench, unguarded, &mut evidence).await?;
        Ok::<_, StackError>(judged(evidence, &wrong))
    })
}

/// What all of it happens on: folders that other users can reach.
struct Field {
    folder: tempfile::TempDir,
    program: PathBuf,
    made: u32,
}

impl Field {
    fn new() -> Result<Self, StackError> {
        let folder = tempfile::Builder::new().permissions(mode(0o755)).tempdir()?;
        let program = folder.path().join("prove");
        std::fs::copy(std::env::current_exe()?, &program)?;
        std::fs::set_permissions(&program, mode(0o755))?;
        Ok(Self { folder, program, made: 0 })
    }

    /// A folder that a user owns.
    fn owned(&mut self, uid: u32) -> Result<PathBuf, StackError> {
        self.made += 1;
        let path = self.folder.path().join(self.made.to_string());
        std::fs::create_dir(&path)?;
        chown(&path, Some(uid), Some(uid))?;
        Ok(path)
    }

    /// Attacks as a user.
    fn attack(&mut self, uid: u32, target: &Target) -> Result<Vec<Tried>, StackError> {
        let target = Target { own: self.owned(uid)?, ..target.clone() };
        let target = serde_json::to_string(&target).map_err(|why| StackError(why.to_string()))?;
        let mut command = Command::new(&self.program);
        command.args(["role", "attack", &target]).current_dir("/").uid(uid).gid(uid);
        let output = crate::shell::run(&mut command, LIMIT)?;
        let lines: Result<Vec<Tried>, _> = output.text.lines().map(serde_json::from_str).collect();
        match lines {
            Ok(tried) if output.ok && !tried.is_empty() => Ok(tried),
            _ => Err(StackError(format!("the attack of user {uid} did not go through: {}", output.text))),
        }
    }

    /// A stand-in of the same user as its attackers.
    async fn stand_in(&mut self, uid: u32) -> Result<(Process, Target), StackError> {
        let folder = self.owned(uid)?;
        let mut command = Command::new(&self.program);
        command.args(["role", "stand-in"]).arg(&folder).current_dir("/").uid(uid).gid(uid);
        let mut process = Process::spawn("stand-in", command, self.folder.path())?;
        process.first_line(LIMIT).await?;
        let (state, sockets) = (folder.join("state"), folder.join("run"));
        let key = state.join("key");
        let target = Target { pid: pid(&process)?, state, key, sockets, own: PathBuf::new(), what: What::All };
        Ok((process, target))
    }

    /// Which attempts have power: what a user gets of a stand-in of its own.
    async fn powers(&mut self, uid: u32, what: What) -> Result<BTreeMap<String, Tried>, StackError> {
        let (twin, target) = self.stand_in(uid).await?;
        let tried = self.attack(uid, &Target { what, ..target })?;
        twin.kill().await?;
        Ok(tried.into_iter().map(|tried| (tried.name.clone(), tried)).collect())
    }
}

fn mode(mode: u32) -> std::fs::Permissions {
    std::fs::Permissions::from_mode(mode)
}

fn pid(process: &Process) -> Result<i32, StackError> {
    process.pid().map(rustix::process::Pid::as_raw_pid).ok_or_else(|| StackError("it is not running".to_owned()))
}

/// Everything that is tried; what should not have been possible.
async fn siege(bench: &Bench, unguarded: bool, evidence: &mut Evidence) -> Result<Vec<String>, StackError> {
    let mut field = Field::new()?;
    let mut wrong = Vec::new();
    if unguarded {
        let (twin, target) = field.stand_in(OTHERS[0]).await?;
        for tried in field.attack(OTHERS[0], &target)? {
            evidence.cases += 1;
            if tried.got {
                wrong.push(format!("user {} could {}", OTHERS[0], tried.name));
            }
        }
        twin.kill().await?;
        return Ok(wrong);
    }
    let folder = field.owned(0)?;
    std::fs::set_permissions(&folder, mode(0o755))?;
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), folder);
    options.markets = Some(2);
    options.executor_user = Some(EXECUTOR);
    let key = options.dir.join("key");
    key_file(&key, 0o400)?;
    chown(&key, Some(EXECUTOR), Some(EXECUTOR))?;
    let source = [("source", "file".into()), ("path", toml::Value::String(key.display().to_string()))];
    let source: toml::Table = source.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    options.executor_keys.push(("account", "key", source.into()));
    let root = || toml::Value::Array(vec![toml::Value::Integer(0)]);
    for list in ["core_uids", "view_uids", "operator_uids"] {
        options.executor_keys.push(("peers", list, root()));
    }
    let stack = Stack::start(options).await?;
    let outcome = besiege(&mut field, &stack, evidence, &mut wrong).await;
    if outcome.is_ok() && stack.executor_status().is_err() {
        wrong.push("the executor does not answer any more".to_owned());
    }
    wrong.extend(stack.stop().await);
    outcome.map(|()| wrong)
}

async fn besiege(
    field: &mut Field,
    stack: &Stack,
    evidence: &mut Evidence,
    wrong: &mut Vec<String>,
) -> Result<(), StackError> {
    let state = stack.dir().join("executor");
    let credentials = state.join("kill-credentials");
    let until = Instant::now() + LIMIT;
    while !credentials.exists() {
        if Instant::now() > until {
            return Err(StackError("the executor did not log in".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let executor = stack.executor.as_ref().ok_or_else(|| StackError("the executor is not running".to_owned()))?;
    let target = Target {
        pid: pid(executor)?,
        key: stack.dir().join("key"),
        state,
        sockets: stack.sockets().to_owned(),
        own: PathBuf::new(),
        what: What::All,
    };
    let mut powerless = BTreeMap::new();
    for uid in OTHERS {
        let powers = field.powers(uid, What::All).await?;
        let tried = field.attack(uid, &target)?;
        let judged = judge(&format!("user {uid}"), &tried, &powers, &mut powerless, wrong);
        evidence.fact(&format!("attempts of user {uid}"), judged);
        if judged < ATTEMPTS_MIN {
            wrong.push(format!("only {judged} attempts of user {uid} have power"));
        }
        evidence.cases += judged as u64;
    }
    let powers = field.powers(EXECUTOR, What::Memory).await?;
    let tried = field.attack(EXECUTOR, &Target { what: What::Memory, ..target.clone() })?;
    let judged = judge("another process of its user", &tried, &powers, &mut powerless, wrong);
    evidence.fact("attempts of another process of its user", judged);
    if judged < OWN_MIN {
        wrong.push(format!("only {judged} attempts of another process of its user have power"));
    }
    if !powers.get("read its memory").is_some_and(|power| power.got) {
        wrong.push("a process of its user could read no memory anyway".to_owned());
    }
    evidence.cases += judged as u64;

    // Only the list of users is left in the way.
    let sockets = ["core.sock", "view.sock", "op.sock"].map(|name| target.sockets.join(name));
    for (path, bits) in
        std::iter::once((target.sockets.as_path(), 0o777)).chain(sockets.iter().map(|path| (path.as_path(), 0o666)))
    {
        std::fs::set_permissions(path, mode(bits))?;
    }
    for uid in OTHERS {
        let powers = field.powers(uid, What::Sockets).await?;
        let tried = field.attack(uid, &Target { what: What::Sockets, ..target.clone() })?;
        let judged = judge(&format!("user {uid} at open sockets"), &tried, &powers, &mut powerless, wrong);
        for tried in tried.iter().filter(|tried| !tried.why.contains(&format!("peer uid {uid} may not connect"))) {
            wrong.push(format!("user {uid} at open sockets: {}: not refused for who it is: {}", tried.name, tried.why));
        }
        evidence.fact(&format!("words of user {uid} at open sockets"), judged);
        evidence.cases += judged as u64;
    }
    for (name, why) in powerless {
        evidence.fact("without power here, not counted", format!("{name}: {why}"));
    }
    Ok(())
}

/// Counts the attempts that have power; what one of them got is wrong.
fn judge(
    who: &str,
    tried: &[Tried],
    powers: &BTreeMap<String, Tried>,
    powerless: &mut BTreeMap<String, String>,
    wrong: &mut Vec<String>,
) -> usize {
    let mut judged = 0;
    for tried in tried {
        match powers.get(&tried.name) {
            Some(power) if power.got => judged += 1,
            power => {
                powerless.insert(tried.name.clone(), power.map(|power| power.why.clone()).unwrap_or_default());
            }
        }
        if tried.got {
            wrong.push(format!("{who} could {}", tried.name));
        }
    }
    judged
}
