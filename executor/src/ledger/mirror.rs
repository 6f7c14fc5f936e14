//! Every row once more as a line of JSON in a file that only grows: what can be read, copied and verified while the executor runs.
//!
//! A thread of its own appends the lines after the rows are durable, so the file lags behind the ledger and never leads; nobody waits
//! for it. The ledger stays the truth: a mirror that cannot be written is behind and is tried again each second, what found no
//! room on the way to the thread is read from the ledger later, and the start finds out where the file ends. It cuts a last line that a
//! crash tore, writes what is missing, and leaves a file alone that is not the ledger's.

mod writer;

use super::{Chain, Head, Ledger as _, LedgerFailed, Link, SqliteLedger};
use crate::rows::LedgerRow;
use crate::worker::Worker;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use writer::Writer;

/// Rows that may be on their way to the thread; what finds no room is read from the ledger when there is some.
const QUEUE_MAX: usize = 4096;
/// Rows that are read from the ledger at a time.
const FILL_MAX: usize = 256;
/// A line is never longer: a policy of thousands of markets has less.
const LINE_MAX: u64 = 16 * 1024 * 1024;
/// How long the end waits for the last lines.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Why a file is not, or no longer, written as the mirror of a ledger.
#[derive(Debug, thiserror::Error)]
pub enum BadMirror {
    /// The system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, a device, a pipe.
    #[error("it is no file")]
    NoFile,
    /// Its last line is none of ours.
    #[error("its last line is none of a mirror")]
    NoLine,
    /// Another ledger's, or one of both was changed.
    #[error("its line of row {0} is not the ledger's row")]
    Differs(i64),
    /// It goes further than the ledger.
    #[error("it holds row {0}, and the ledger ends before: the ledger lacks rows")]
    Ahead(i64),
    /// It ends in the middle of a line, and that is not the beginning of the ledger's next row.
    #[error("behind row {0} stands something that is not the ledger's next row")]
    Torn(i64),
    /// Somebody wrote to it or cut it while we did.
    #[error("it has {there} bytes where {ours} were written: somebody else changed it")]
    Changed {
        /// Bytes that are there.
        there: u64,
        /// Bytes that we wrote.
        ours: u64,
    },
    /// The ledger's own rows could not be read.
    #[error("{0}")]
    Ledger(#[from] LedgerFailed),
}

/// How far the mirror goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirrored {
    /// Rows that are in it.
    pub rows: u64,
    /// Why it is not written now; `None` when all is well.
    pub trouble: Option<Box<str>>,
}

/// The mirror beside a ledger.
#[derive(Clone, Debug)]
pub struct MirrorFile(PathBuf);

impl MirrorFile {
    /// In the ledger's folder.
    #[must_use]
    pub fn beside(ledger: &Path) -> Self {
        Self(ledger.with_file_name("audit.jsonl"))
    }

    /// Some other.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads it along the chain and hands every row to `each`, oldest first, with how far the mirror goes with it. Bytes behind the last
    /// whole line are not judged but counted: a line that is just being written looks like that, and one that a crash tore.
    ///
    /// # Errors
    /// The outer when it cannot be read; the inner for the first line that does not follow, after those before it were handed over.
    pub fn read(&self, each: &mut dyn FnMut(Head, LedgerRow)) -> io::Result<Result<u64, LedgerFailed>> {
        let mut file = BufReader::new(OpenOptions::new().read(true).open(&self.0)?);
        let (mut row, mut unfinished, mut io) = (0, 0, None);
        let links = std::iter::from_fn(|| {
            row += 1;
            match next_line(&mut file) {
                Ok(Some(Ok(line))) => {
                    Some(Link::of_line(row, &line).map_err(|why| LedgerFailed(why.to_string().into())))
                }
                Ok(Some(Err(bytes))) => {
                    unfinished = bytes;
                    None
                }
                Ok(None) => None,
                Err(why) => {
                    io = Some(why);
                    None
                }
            }
        });
        let followed = Chain::follow_all(links, each);
        match io {
            Some(why) => Err(why),
            None => Ok(followed.map(|_| unfinished)),
        }
    }

    fn open(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        OpenOptions::new().read(true).append(true).create(true).mode(0o640).custom_flags(flags).open(&self.0)
    }
}

/// A line, or the number of bytes of one that has no end.
fn next_line(file: &mut impl io::BufRead) -> io::Result<Option<Result<Vec<u8>, u64>>> {
    let mut line = Vec::new();
    let read = file.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? as u64;
    Ok(match line.pop() {
        None => None,
        Some(b'\n') => Some(Ok(line)),
        // the rest of it is no beginning of a line either
        Some(_) if read == LINE_MAX => Some(Ok(line)),
        Some(_) => Some(Err(read)),
    })
}

/// The thread that appends.
pub struct Mirror {
    state: Arc<Mutex<Mirrored>>,
    end: Sender<()>,
    thread: Worker,
}

impl Mirror {
    /// Looks where the file ends and starts the thread; what is missing is written by it, a little at a time while nothing waits for the
    /// ledger. `failed` is called on it, or here, each time the mirror begins to fail: the ledger goes on without.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        file: &MirrorFile,
        ledger: &mut SqliteLedger,
        mut failed: impl FnMut(&BadMirror) + Send + 'static,
    ) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(Mirrored::default()));
        let (end, asked) = channel();
        let writer = match Writer::resume(file, ledger) {
            Ok(writer) => {
                let (links, queue) = sync_channel(QUEUE_MAX);
                set(&state, |state| state.rows = writer.rows.unsigned_abs());
                ledger.tap(Tap { links: Some(links), next: writer.rows + 1, state: Arc::clone(&state) });
                Some((writer, queue))
            }
            Err(why) => {
                failed(&why);
                set(&state, |state| state.trouble = Some(why.to_string().into()));
                None
            }
        };
        let told = Arc::clone(&state);
        let thread = Worker::start("mirror", move || {
            if let Some((mut writer, queue)) = writer {
                writer.run(&queue, &asked, &told, failed);
            }
        })?;
        Ok(Self { state, end, thread })
    }

    /// How far it goes.
    #[must_use]
    pub fn state(&self) -> Mirrored {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits a little until everything is written, once the ledger has ended; `false`: the disk did not answer.
    #[must_use]
    pub fn close(self) -> bool {
        drop(self.end);
        self.thread.ends_within(CLOSE_MAX)
    }
}

fn set(state: &Mutex<Mirrored>, change: impl FnOnce(&mut Mirrored)) {
    change(&mut state.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Where a ledger puts its rows once they are durable. Nothing here waits.
pub(super) struct Tap {
    /// `None` once nobody takes them any more.
    links: Option<SyncSender<Link>>,
    /// The row that goes there next.
    next: i64,
    state: Arc<Mutex<Mirrored>>,
}

impl Tap {
    /// Rows became durable, the first of them right behind those before it.
    pub(super) fn committed(&mut self, links: Vec<Link>) {
        if links.first().is_some_and(|link| link.seq == self.next) {
            self.send(links);
        }
    }

    /// Reads what found no room before; whether there is more of it.
    pub(super) fn fill(&mut self, ledger: &SqliteLedger) -> bool {
        let head = ledger.head().rows.cast_signed();
        if self.links.is_none() || self.next > head {
            return false;
        }
        match ledger.links(self.next, FILL_MAX) {
            Ok(links) => {
                self.send(links);
                self.links.is_some() && self.next <= head
            }
            // The ledger's own business is not touched by it: tried again.
            Err(why) => {
                set(&self.state, |state| state.trouble = Some(why.to_string().into()));
                true
            }
        }
    }

    /// Sends what finds room.
    fn send(&mut self, links: Vec<Link>) {
        for link in links {
            let Some(queue) = &self.links else { return };
            match queue.try_send(link) {
                Ok(()) => self.next += 1,
                Err(TrySendError::Full(_)) => return,
                Err(TrySendError::Disconnected(_)) => self.links = None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
