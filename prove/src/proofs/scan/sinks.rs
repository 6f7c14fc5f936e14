//! Everything that leaves the processes, or that others can look into, as bytes.

use crate::stack::{Process, StackError};
use executor::operator::Ask;
use mm_core::io::uds;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Bytes under the name of where they were found.
pub(super) struct Sink {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Most bytes of one process's memory that are read.
const MEMORY_MAX: usize = 1 << 30;

pub(super) fn failed(what: &str) -> impl Fn(std::io::Error) -> StackError {
    move |why| StackError(format!("{what}: {why}"))
}

/// A file.
pub(super) fn file(name: &str, path: &Path) -> Result<Sink, StackError> {
    let bytes = std::fs::read(path).map_err(failed(&path.display().to_string()))?;
    Ok(Sink { name: name.to_owned(), bytes })
}

/// A folder with all below it, each file's name before its content; without those that are excepted.
pub(super) fn folder(name: &str, path: &Path, except: &[&Path]) -> Result<Sink, StackError> {
    let mut bytes = Vec::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        bytes.extend(format!("\n{}\n", path.display()).bytes());
        let kind = std::fs::symlink_metadata(&path).map_err(failed(&path.display().to_string()))?.file_type();
        if kind.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(failed(&path.display().to_string()))? {
                waiting.push(entry.map_err(failed("an entry"))?.path());
            }
        } else if kind.is_file() && !except.contains(&path.as_path()) {
            // What is gone meanwhile was read under its other name, or was nothing.
            bytes.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    Ok(Sink { name: name.to_owned(), bytes })
}

/// What every process of the machine shows of its command line and environment.
pub(super) fn processes() -> Result<Sink, StackError> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir("/proc").map_err(failed("/proc"))? {
        let path = entry.map_err(failed("/proc"))?.path();
        for name in ["cmdline", "environ"] {
            // Processes come and go.
            bytes.extend(std::fs::read(path.join(name)).unwrap_or_default());
        }
    }
    Ok(Sink { name: "command lines and environments".to_owned(), bytes })
}

/// The writable memory of a process.
pub(super) fn memory(name: &str, process: &Process) -> Result<Sink, StackError> {
    let pid = process.pid().ok_or_else(|| StackError(format!("{name} is not running")))?.as_raw_pid();
    let map = std::fs::read_to_string(format!("/proc/{pid}/maps")).map_err(failed("its map"))?;
    let mut file = File::open(format!("/proc/{pid}/mem")).map_err(failed("its memory"))?;
    let mut bytes = Vec::new();
    for line in map.lines().filter(|line| line.contains(" rw")) {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let Some((start, end)) = range else { continue };
        let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)) else { continue };
        let mut part = vec![0; usize::try_from(end - start).unwrap_or(0).min(MEMORY_MAX - bytes.len())];
        // A region that is gone meanwhile, or that nobody may read, holds nothing for us.
        if file.seek(SeekFrom::Start(start)).is_ok() && file.read_exact(&mut part).is_ok() {
            bytes.append(&mut part);
        }
    }
    Ok(Sink { name: name.to_owned(), bytes })
}

/// Every file that git knows, as it stands.
pub(super) fn work_tree(root: &Path) -> Result<Sink, StackError> {
    let mut command = std::process::Command::new("git");
    command.current_dir(root).args(["ls-files", "-z"]);
    let listed = crate::shell::run(&mut command, Duration::from_secs(60))?;
    let mut bytes = Vec::new();
    for name in listed.text.split('\0').filter(|name| !name.is_empty()) {
        bytes.extend(std::fs::read(root.join(name)).unwrap_or_default());
    }
    Ok(Sink { name: "git work tree".to_owned(), bytes })
}

/// The bytes of answers to words on a question socket.
pub(super) fn transcript(socket: &Path) -> Result<Vec<u8>, StackError> {
    let name = socket.display().to_string();
    let wrong = failed(&name);
    let mut all = Vec::new();
    for word in [Ask::Status, Ask::AcceptBalances, Ask::Tighten { config: "[policy]".to_owned() }, Ask::Status] {
        let mut stream = UnixStream::connect(socket).map_err(&wrong)?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(&wrong)?;
        let mut bytes = Vec::new();
        uds::encode_message(&word, &mut bytes).map_err(|why| StackError(why.to_string()))?;
        stream.write_all(&bytes).map_err(&wrong)?;
        stream.shutdown(std::net::Shutdown::Write).map_err(&wrong)?;
        stream.read_to_end(&mut all).map_err(&wrong)?;
    }
    Ok(all)
}

/// Stands between core and executor, and keeps what both say. On a thread of its own: they must hear each other while a command runs.
pub(super) struct Relay {
    heard: Arc<Mutex<Vec<u8>>>,
    /// Dropped with the relay, which ends it.
    _end: tokio::sync::oneshot::Sender<()>,
}

impl Relay {
    /// Serves `path`; whoever connects is connected on to `beyond`.
    pub(super) fn start(path: &Path, beyond: PathBuf) -> Result<Self, StackError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _within = runtime.enter();
            tokio::net::UnixListener::bind(path).map_err(failed("the relay"))?
        };
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        let (end, ended) = tokio::sync::oneshot::channel();
        let relay = async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = tokio::net::UnixStream::connect(&beyond).await else { continue };
                let (near, far) = (near.into_split(), far.into_split());
                tokio::spawn(pass(near.0, far.1, Arc::clone(&keep)));
                tokio::spawn(pass(far.0, near.1, Arc::clone(&keep)));
            }
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = relay => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { heard, _end: end })
    }

    pub(super) fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn pass(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(n) = from.read(&mut bytes).await {
        heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..n]);
        if n == 0 || to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}
