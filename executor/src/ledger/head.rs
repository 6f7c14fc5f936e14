//! The last row's number and hash, kept outside the ledger: only so can rows that are missing at its end be noticed.
//!
//! The file beside the ledger may lag behind it, never lead: it is written after the rows are durable, by a thread of its own that
//! looks once in [`WRITE_EVERY`]. Who restores the whole folder restores the file too; the heads in the log and on the operator's
//! screen tell that.

use crate::durable;
use crate::worker::Worker;
use mm_core::domain::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The file lags this far behind at most while the disk keeps up.
pub const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How long the end waits for the last writing.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// How far a ledger goes. `ROWS:HASH` as text; no rows and a hash of zeros for an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Rows.
    pub rows: u64,
    /// Hash of the last.
    pub hash: Digest,
}

impl Default for Head {
    fn default() -> Self {
        Self { rows: 0, hash: Digest([0; 32]) }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rows, self.hash)
    }
}

/// Text that is no head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no head: ROWS:HASH is, as `executor status` and the log show it")]
pub struct BadHead(pub Box<str>);

impl FromStr for Head {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Self, BadHead> {
        let read = || {
            let (rows, hash) = text.trim().split_once(':')?;
            Some(Self { rows: rows.parse().ok()?, hash: Digest::parse(hash).ok()? })
        };
        read().ok_or_else(|| BadHead(text.chars().take(100).collect()))
    }
}

/// A head a ledger should hold, looked for while the ledger is read.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    head: Head,
    found: Option<Digest>,
}

/// A ledger does not hold a head it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadMissing {
    /// It is shorter.
    #[error("it ends at row {rows}, but row {} with hash {} was written once: the rows after row {rows} are missing", .head.rows, .head.hash)]
    Short {
        /// Rows it has.
        rows: u64,
        /// What it should hold.
        head: Head,
    },
    /// It holds another row there.
    #[error("row {} has hash {found}, but once it had hash {}: this is another ledger, or it was written anew", .head.rows, .head.hash)]
    Other {
        /// The hash that is there.
        found: Digest,
        /// What it should hold.
        head: Head,
    },
}

impl Sought {
    /// Begins the search.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self { head, found: (head.rows == 0).then(|| Head::default().hash) }
    }

    /// The ledger went this far.
    pub fn pass(&mut self, head: Head) {
        if head.rows == self.head.rows {
            self.found = Some(head.hash);
        }
    }

    /// Whether a ledger that ended at `end` held it.
    ///
    /// # Errors
    /// [`HeadMissing`].
    pub fn ended(&self, end: Head) -> Result<Head, HeadMissing> {
        match self.found {
            Some(hash) if hash == self.head.hash => Ok(self.head),
            Some(found) => Err(HeadMissing::Other { found, head: self.head }),
            None => Err(HeadMissing::Short { rows: end.rows, head: self.head }),
        }
    }
}

/// The head file beside a ledger.
#[derive(Clone, Debug)]
pub struct HeadFile(PathBuf);

impl HeadFile {
    /// In the ledger's folder.
    #[must_use]
    pub fn beside(ledger: &Path) -> Self {
        Self(ledger.with_file_name("head"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What it says; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is no head.
    pub fn read(&self) -> io::Result<Option<Head>> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => text.parse().map(Some).map_err(|why: BadHead| io::Error::other(why)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// When the disk does not; then what was there stands.
    pub fn write(&self, head: Head) -> io::Result<()> {
        durable::replace(&self.0, 0o600, format!("{head}\n").as_bytes())
    }
}

/// The head of what is durable, as the ledger's thread last told it.
#[derive(Clone, Debug, Default)]
pub struct Durable(Arc<Mutex<Head>>);

impl Durable {
    /// What is known to be on the disk.
    #[must_use]
    pub fn get(&self) -> Head {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, head: Head) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = head;
    }
}

/// The thread that keeps the file.
pub struct HeadKeeper {
    end: Sender<()>,
    thread: Worker,
}

impl HeadKeeper {
    /// Starts the thread. `failed` is called on it for each writing the disk did not take: then the file lags more.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        file: HeadFile,
        durable: Durable,
        mut failed: impl FnMut(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let (end, asked) = channel::<()>();
        let thread = Worker::start("head", move || {
            let mut written = None;
            loop {
                let last = asked.recv_timeout(WRITE_EVERY) == Err(RecvTimeoutError::Disconnected);
                let head = durable.get();
                if written != Some(head) {
                    match file.write(head) {
                        Ok(()) => written = Some(head),
                        Err(why) => failed(why),
                    }
                }
                if last {
                    return;
                }
            }
        })?;
        Ok(Self { end, thread })
    }

    /// Has the last head written, and waits a little for it; `false`: the disk did not answer.
    #[must_use]
    pub fn close(self) -> bool {
        drop(self.end);
        self.thread.ends_within(CLOSE_MAX)
    }
}
