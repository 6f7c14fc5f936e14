//! What another user of the machine can try: run as a child process under that user's id, first against a twin that defends nothing.

use executor::operator::{Ask, Told};
use mm_core::io::uds;
use mm_core::protocol::{FromExecutor, PROTOCOL_VERSION, ToExecutor};
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::wait::waitpid;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, kill_process, pidfd_getfd, pidfd_open, prlimit,
    setpriority_process, test_kill_process,
};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{IoSliceMut, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is attacked, and from where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) pid: i32,
    /// Its state folder: a ledger and credentials.
    pub(super) state: PathBuf,
    /// The file its key lies in.
    pub(super) key: PathBuf,
    /// The folder of its sockets.
    pub(super) sockets: PathBuf,
    /// A folder of the attacker's own.
    pub(super) own: PathBuf,
    pub(super) what: What,
}

/// Which attempts are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// All.
    All,
    /// On its memory and what the kernel tells of it: also by another process of the same user.
    Memory,
    /// On its sockets.
    Sockets,
}

/// How an attempt ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tried {
    pub(super) name: String,
    /// It got what it wanted.
    pub(super) got: bool,
    pub(super) why: String,
}

type Outcome = Result<(), String>;
type Attempt = (&'static str, fn(&Target) -> Outcome);

/// Makes the attempts in order and prints each as a line of JSON.
pub(super) fn attack(target: &Target) -> Result<(), String> {
    let kinds: &[&[Attempt]] = match target.what {
        What::All => &[SOCKETS, MEMORY, PROCESS, FILES],
        What::Memory => &[MEMORY],
        What::Sockets => &[SOCKETS],
    };
    for (name, attempt) in kinds.iter().flat_map(|kind| kind.iter()) {
        let ended = attempt(target);
        let (got, why) = (ended.is_ok(), ended.err().unwrap_or_default());
        let tried = Tried { name: (*name).to_owned(), got, why };
        println!("{}", serde_json::to_string(&tried).map_err(text)?);
    }
    Ok(())
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}

/// Its memory, and what in `/proc` tells of it.
const MEMORY: &[Attempt] = &[
    ("read its environment", |t| reads(&proc(t, "environ"))),
    ("read its map of memory", |t| reads(&proc(t, "maps"))),
    ("read its map of memory with sizes", |t| reads(&proc(t, "smaps"))),
    ("read its auxiliary vector", |t| reads(&proc(t, "auxv"))),
    ("read its page map", |t| reads(&proc(t, "pagemap"))),
    ("read its input and output counts", |t| reads(&proc(t, "io"))),
    ("read its personality", |t| reads(&proc(t, "personality"))),
    ("read its system call", |t| reads(&proc(t, "syscall"))),
    ("read its memory", |t| reads_memory(t, "mem")),
    ("read its memory through a thread", |t| reads_memory(t, &format!("task/{}/mem", t.pid))),
    ("open its memory for writing", |t| opens_for_writing(&proc(t, "mem"))),
    ("write which parts of it a core file has", |t| writes(&proc(t, "coredump_filter"), "0x3f")),
    ("write that it is killed first", |t| writes(&proc(t, "oom_score_adj"), "900")),
    ("list its open files", |t| lists(&proc(t, "fd"))),
    ("open one of its open files", opens_a_descriptor),
    ("list its mapped files", |t| lists(&proc(t, "map_files"))),
    ("see which program it is", |t| points(&proc(t, "exe"))),
    ("see where it works", |t| points(&proc(t, "cwd"))),
    ("enter its root", |t| lists(&proc(t, "root/"))),
    ("see its name spaces", |t| points(&proc(t, "ns/mnt"))),
    ("attach as a debugger", attaches),
    ("seize as a debugger", seizes),
    ("read its memory in one call", reads_in_one_call),
    ("take one of its descriptors", takes_a_descriptor),
];

/// The process as a whole.
const PROCESS: &[Attempt] = &[
    ("ask whether it may be signalled", |t| test_kill_process(pid(t)?).map_err(text)),
    // That a process of one's session may be continued by all is no power over it: here it only undoes the attempt.
    ("stop it", |t| {
        let stopped = kill_process(pid(t)?, Signal::STOP).map_err(text);
        stopped.and_then(|()| kill_process(pid(t)?, Signal::CONT).map_err(text))
    }),
    ("allow it core files", |t| {
        let limit = Rlimit { current: None, maximum: None };
        let now = rustix::process::getrlimit(Resource::Core);
        // One may not raise what one does not have: any change at all is what is tried.
        prlimit(Some(pid(t)?), Resource::Core, if now.maximum.is_none() { limit } else { now }).map(drop).map_err(text)
    }),
    ("make it wait for others", |t| setpriority_process(Some(pid(t)?), 10).map_err(text)),
];

/// Files and folders; what destroys comes last.
const FILES: &[Attempt] = &[
    ("read the key", |t| reads(&t.key)),
    ("read the ledger", |t| reads(&t.state.join("ledger.sqlite"))),
    ("read the credentials", |t| reads(&t.state.join("kill-credentials"))),
    ("list the state folder", |t| lists(&t.state)),
    ("list the socket folder", |t| lists(&t.sockets)),
    ("link the ledger into a folder of one's own", |t| links(&t.state.join("ledger.sqlite"), &t.own.join("ledger"))),
    ("link the credentials into a folder of one's own", |t| {
        links(&t.state.join("kill-credentials"), &t.own.join("link"))
    }),
    ("open the ledger for writing", |t| opens_for_writing(&t.state.join("ledger.sqlite"))),
    ("open the credentials for writing", |t| opens_for_writing(&t.state.join("kill-credentials"))),
    ("make a file in the state folder", |t| File::create(t.state.join("new")).map(drop).map_err(text)),
    ("put a link into the state folder", |t| std::os::unix::fs::symlink(&t.own, t.state.join("into")).map_err(text)),
    ("open the state folder to all", |t| {
        std::fs::set_permissions(&t.state, Permissions::from_mode(0o777)).map_err(text)
    }),
    ("open the ledger to all", |t| {
        std::fs::set_permissions(t.state.join("ledger.sqlite"), Permissions::from_mode(0o666)).map_err(text)
    }),
    ("open a socket's lock", |t| opens_for_writing(&t.sockets.join("core.sock.lock"))),
    ("put another socket in a socket's place", |t| {
        let path = t.sockets.join("view.sock");
        std::fs::remove_file(&path).and_then(|()| UnixListener::bind(&path)).map(drop).map_err(text)
    }),
    ("put another ledger in the ledger's place", |t| {
        std::fs::write(t.own.join("other"), "").map_err(text)?;
        std::fs::rename(t.own.join("other"), t.state.join("ledger.sqlite")).map_err(text)
    }),
    ("remove the credentials", |t| std::fs::remove_file(t.state.join("kill-credentials")).map_err(text)),
    ("move the state folder away", |t| std::fs::rename(&t.state, t.own.join("state")).map_err(text)),
];

/// Words on the sockets; an answer counts only if it is no refusal.
const SOCKETS: &[Attempt] = &[
    ("be the core", |t| {
        let digest = mm_core::domain::Digest([0; 32]);
        let hello = ToExecutor::Hello { version: PROTOCOL_VERSION, run: 1, config: digest, tokens: Vec::new() };
        match ask(&t.sockets.join("core.sock"), &hello)? {
            FromExecutor::Goodbye { why } => Err(text(why)),
            _ => Ok(()),
        }
    }),
    ("ask for the status on view.sock", |t| asks(t, "view.sock", &Ask::Status)),
    ("halt on view.sock", |t| asks(t, "view.sock", &Ask::Halt { reason: "attack".to_owned() })),
    ("cancel everything on view.sock", |t| asks(t, "view.sock", &Ask::CancelAll)),
    ("ask for the status on op.sock", |t| asks(t, "op.sock", &Ask::Status)),
    ("ask for the code that arms on op.sock", |t| asks(t, "op.sock", &Ask::AskArm)),
    ("arm on op.sock", |t| asks(t, "op.sock", &Ask::Arm { code: "123456".to_owned() })),
    ("change the policy on op.sock", |t| asks(t, "op.sock", &Ask::Tighten { config: String::new() })),
    ("free a cap on op.sock", |t| asks(t, "op.sock", &Ask::AcceptBalances)),
];

fn asks(target: &Target, socket: &str, word: &Ask) -> Outcome {
    match ask(&target.sockets.join(socket), word)? {
        Told::Refused { why } => Err(why.join("; ")),
        Told::Done { .. } | Told::Status(_) => Ok(()),
    }
}

/// Says one thing and reads one answer.
fn ask<T: serde::de::DeserializeOwned>(path: &Path, message: &impl Serialize) -> Result<T, String> {
    let mut stream = UnixStream::connect(path).map_err(text)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(text)?;
    let mut bytes = Vec::new();
    uds::encode_message(message, &mut bytes).map_err(text)?;
    // Whoever is refused for who he is may be hung up on before he has spoken: what was answered counts.
    let _ = stream.write_all(&bytes);
    let mut head = [0; 4];
    stream.read_exact(&mut head).map_err(text)?;
    let size = u32::from_le_bytes(head).min(1 << 20);
    let mut body = vec![0; usize::try_from(size).map_err(text)?];
    stream.read_exact(&mut body).map_err(text)?;
    serde_json::from_slice(&body).map_err(text)
}

fn pid(target: &Target) -> Result<Pid, String> {
    Pid::from_raw(target.pid).ok_or_else(|| "no process".to_owned())
}

fn proc(target: &Target, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{name}", target.pid))
}

fn reads(path: &Path) -> Outcome {
    let mut bytes = [0; 64];
    match File::open(path).and_then(|mut file| file.read(&mut bytes)).map_err(text)? {
        0 => Err("nothing in it".to_owned()),
        _ => Ok(()),
    }
}

fn lists(path: &Path) -> Outcome {
    match std::fs::read_dir(path).map_err(text)?.next() {
        Some(first) => first.map(drop).map_err(text),
        None => Err("nothing in it".to_owned()),
    }
}

fn points(path: &Path) -> Outcome {
    std::fs::read_link(path).map(drop).map_err(text)
}

fn links(from: &Path, to: &Path) -> Outcome {
    std::fs::hard_link(from, to).map_err(text)
}

fn opens_for_writing(path: &Path) -> Outcome {
    OpenOptions::new().write(true).open(path).map(drop).map_err(text)
}

fn writes(path: &Path, what: &str) -> Outcome {
    OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(what.as_bytes())).map_err(text)
}

/// Where something that can be read and written lies; a guess for one whose map cannot be read.
fn address(target: &Target) -> u64 {
    let map = std::fs::read_to_string(proc(target, "maps")).unwrap_or_default();
    let writable = map.lines().find(|line| line.contains(" rw"));
    let start = writable.and_then(|line| u64::from_str_radix(line.split('-').next()?, 16).ok());
    start.unwrap_or(0x0040_0000)
}

fn reads_memory(target: &Target, name: &str) -> Outcome {
    let mut file = File::open(proc(target, name)).map_err(text)?;
    file.seek(SeekFrom::Start(address(target))).map_err(text)?;
    file.read_exact(&mut [0; 64]).map_err(text)
}

fn reads_in_one_call(target: &Target) -> Outcome {
    let base = usize::try_from(address(target)).map_err(text)?;
    let mut bytes = [0; 64];
    let remote = [RemoteIoVec { base, len: 64 }];
    process_vm_readv(nix::unistd::Pid::from_raw(target.pid), &mut [IoSliceMut::new(&mut bytes)], &remote)
        .map(drop)
        .map_err(text)
}

fn opens_a_descriptor(target: &Target) -> Outcome {
    let mut last = "no file among them".to_owned();
    for entry in std::fs::read_dir(proc(target, "fd")).map_err(text)? {
        match File::open(entry.map_err(text)?.path()) {
            Ok(_) => return Ok(()),
            Err(why) => last = text(why),
        }
    }
    Err(last)
}

fn takes_a_descriptor(target: &Target) -> Outcome {
    let process = pidfd_open(pid(target)?, PidfdFlags::empty()).map_err(text)?;
    pidfd_getfd(process, 0, PidfdGetfdFlags::empty()).map(drop).map_err(text)
}

fn attaches(target: &Target) -> Outcome {
    let pid = nix::unistd::Pid::from_raw(target.pid);
    ptrace::attach(pid).map_err(text)?;
    waitpid(pid, None).map_err(text)?;
    ptrace::detach(pid, None).map_err(text)
}

fn seizes(target: &Target) -> Outcome {
    let pid = nix::unistd::Pid::from_raw(target.pid);
    ptrace::seize(pid, ptrace::Options::empty()).map_err(text)?;
    ptrace::interrupt(pid).map_err(text)?;
    waitpid(pid, None).map_err(text)?;
    ptrace::detach(pid, None).map_err(text)
}
