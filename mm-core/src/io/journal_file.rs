//! The files of a run: `manifest.json` and `turns-0000.ndjson`, `turns-0001.ndjson` …
//!
//! Each turn is one write at its end; another thread brings it to the disk at most once a second, because the journal explains
//! and the executor's ledger protects. A failed write or sync is told by the next append: the run must stop then.

use crate::domain::{Nanos, Timestamp};
use crate::journal::{Ended, Manifest};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Most often the journal is brought to the disk.
const SYNC_EVERY: Nanos = Nanos::from_secs(1);
/// Longest line that is read, in bytes: several times the largest turn.
const LINE_MAX: u64 = 1 << 30;
const MANIFEST: &str = "manifest.json";

/// What went wrong with the files of a run.
#[derive(Debug, thiserror::Error)]
pub enum JournalFileError {
    /// The system said no; a full disk is one of the reasons.
    #[error("journal {path}: cannot {what}: {source}")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The manifest cannot be used.
    #[error("journal {path}: {why}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A segment is missing between two others, or there is none.
    #[error("journal {path}: segment {name} is missing")]
    Gap {
        /// The run's folder.
        path: PathBuf,
        /// The missing file.
        name: String,
    },
    /// The run may not write any more.
    #[error("journal {path}: full: {written} bytes and {len} more are above journal.max_gib = {max} bytes")]
    Full {
        /// The segment.
        path: PathBuf,
        /// Bytes of the run so far.
        written: u64,
        /// Bytes that were to be added.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A line without end.
    #[error("journal {path}: a line is longer than {LINE_MAX} bytes")]
    LongLine {
        /// The file.
        path: PathBuf,
    },
}

fn failed<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(io::Error) -> JournalFileError + 'a {
    move |source| JournalFileError::Io { path: path.to_owned(), what, source }
}

fn segment_name(index: u32) -> String {
    format!("turns-{index:04}.ndjson")
}

/// How large a run may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A new segment after this many bytes.
    pub segment_bytes: u64,
    /// Nothing is taken that would make the segments together larger than this.
    pub max_bytes: u64,
}

/// The journal of the run that is going on.
#[derive(Debug)]
pub struct JournalFile {
    folder: PathBuf,
    manifest: Manifest,
    limits: Limits,
    segment: Arc<File>,
    path: PathBuf,
    index: u32,
    /// Bytes of this segment, and of all.
    written: u64,
    total: u64,
    unsynced: bool,
    synced_at: Timestamp,
    syncer: Syncer,
    /// Locked for as long as we live: the next start must not take a living run for a crashed one.
    _lock: File,
}

impl JournalFile {
    /// Makes the folder of a run that starts at `at`, below `runs`. `manifest` is taken as given but for its run number, its
    /// parent and how it ended. Runs found `running` whose process is gone are marked `crashed`; the newest is the parent.
    ///
    /// # Errors
    /// [`JournalFileError`].
    pub fn begin(runs: &Path, at: Timestamp, limits: Limits, mut manifest: Manifest) -> Result<Self, JournalFileError> {
        std::fs::create_dir_all(runs).map_err(failed(runs, "make the folder of runs"))?;
        manifest.parent = mark_crashed(runs)?;
        manifest.ended = Ended::Running;
        // Two starts in one millisecond must not share a folder.
        let mut run = at.ms();
        let folder = loop {
            let folder = runs.join(run.to_string());
            match std::fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => run += 1,
                Err(why) => return Err(failed(&folder, "make the run's folder")(why)),
            }
        };
        manifest.run = run;
        let lock = File::open(&folder).map_err(failed(&folder, "open the run's folder"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|why| failed(&folder, "lock the run's folder")(why.into()))?;
        write_manifest(&folder, &manifest)?;
        let (path, segment) = new_segment(&folder, 0)?;
        Ok(Self {
            folder,
            manifest,
            limits,
            segment,
            path,
            index: 0,
            written: 0,
            total: 0,
            unsynced: false,
            synced_at: at,
            syncer: Syncer::start(),
            _lock: lock,
        })
    }

    /// The run's number.
    #[must_use]
    pub const fn run(&self) -> u64 {
        self.manifest.run
    }

    /// The run's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the lines of one turn. A turn is never split over two segments.
    ///
    /// # Errors
    /// [`JournalFileError::Full`] at the limit: none of these lines is written. [`JournalFileError::Io`] when these lines or earlier
    /// ones did not get to the disk: the last line may be torn then. Nothing may be appended after either.
    pub fn append(&mut self, lines: &str, at: Timestamp) -> Result<(), JournalFileError> {
        self.syncer.check(&self.path)?;
        let len = lines.len() as u64;
        if self.total.saturating_add(len) > self.limits.max_bytes {
            let (path, max) = (self.path.clone(), self.limits.max_bytes);
            return Err(JournalFileError::Full { path, written: self.total, len, max });
        }
        if self.written > 0 && self.written.saturating_add(len) > self.limits.segment_bytes {
            self.syncer.sync_surely(&self.segment);
            (self.path, self.segment) = new_segment(&self.folder, self.index + 1)?;
            self.index += 1;
            self.written = 0;
        }
        (&*self.segment).write_all(lines.as_bytes()).map_err(failed(&self.path, "write"))?;
        self.written += len;
        self.total += len;
        self.unsynced = true;
        self.sync_if_due(at);
        Ok(())
    }

    /// Asks for a sync when the last one is a second old and something was written since.
    pub fn sync_if_due(&mut self, at: Timestamp) {
        if self.unsynced && at.since(self.synced_at) >= SYNC_EVERY && self.syncer.sync_if_idle(&self.segment) {
            self.synced_at = at;
            self.unsynced = false;
        }
    }

    /// Ends the run in order: everything is on the disk, then the manifest says `ended`.
    ///
    /// # Errors
    /// [`JournalFileError::Io`] when that is not so; the manifest still says `running` then.
    pub fn finish(mut self) -> Result<(), JournalFileError> {
        self.syncer.stop();
        self.syncer.check(&self.path)?;
        self.segment.sync_data().map_err(failed(&self.path, "sync"))?;
        self.manifest.ended = Ended::Ended;
        write_manifest(&self.folder, &self.manifest)
    }
}

fn new_segment(folder: &Path, index: u32) -> Result<(PathBuf, Arc<File>), JournalFileError> {
    let path = folder.join(segment_name(index));
    let file = OpenOptions::new().append(true).create_new(true).open(&path).map_err(failed(&path, "make it"))?;
    Ok((path, Arc::new(file)))
}

/// Replaces the manifest in one step: a reader sees the old one or the new one.
fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), JournalFileError> {
    let path = folder.join(MANIFEST);
    let next = folder.join("manifest.json.next");
    let mut file = File::create(&next).map_err(failed(&next, "make it"))?;
    file.write_all(manifest.encode().as_bytes()).map_err(failed(&next, "write"))?;
    file.sync_all().map_err(failed(&next, "sync"))?;
    std::fs::rename(&next, &path).map_err(failed(&path, "replace it"))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder, "sync"))
}

/// Marks runs that say `running` and are not: their process holds no lock on their folder. Returns the newest of them.
fn mark_crashed(runs: &Path) -> Result<Option<u64>, JournalFileError> {
    let mut newest = None;
    for entry in std::fs::read_dir(runs).map_err(failed(runs, "list the folder of runs"))? {
        let folder = entry.map_err(failed(runs, "list the folder of runs"))?.path();
        // Other things may lie here; a run has a manifest that reads.
        let Ok(mut manifest) = read_manifest(&folder) else { continue };
        let Ok(lock) = File::open(&folder) else { continue };
        if manifest.ended != Ended::Running || flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        manifest.ended = Ended::Crashed;
        write_manifest(&folder, &manifest)?;
        newest = newest.max(Some(manifest.run));
    }
    Ok(newest)
}

/// Brings files to the disk on its own thread.
#[derive(Debug)]
struct Syncer {
    files: Option<SyncSender<Arc<File>>>,
    failure: Arc<Mutex<Option<io::Error>>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    fn start() -> Self {
        let (files, todo) = sync_channel::<Arc<File>>(1);
        let failure = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&failure);
        let thread = std::thread::spawn(move || {
            for file in todo {
                if let Err(why) = file.sync_data() {
                    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                }
            }
        });
        Self { files: Some(files), failure, thread: Some(thread) }
    }

    /// `false` when the thread is still busy with earlier ones.
    fn sync_if_idle(&self, file: &Arc<File>) -> bool {
        let Some(files) = &self.files else { return false };
        !matches!(files.try_send(Arc::clone(file)), Err(TrySendError::Full(_)))
    }

    /// Waits for its turn: a segment that is left behind is not touched again.
    fn sync_surely(&self, file: &Arc<File>) {
        if let Some(files) = &self.files {
            // The thread ends only after this sender is dropped.
            let _ = files.send(Arc::clone(file));
        }
    }

    fn check(&self, path: &Path) -> Result<(), JournalFileError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(source) => Err(failed(path, "sync")(source)),
            None => Ok(()),
        }
    }

    /// Finishes what was asked for.
    fn stop(&mut self) {
        self.files = None;
        if let Some(thread) = self.thread.take() {
            // A panic there aborted the process already.
            let _ = thread.join();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The manifest of a run.
///
/// # Errors
/// [`JournalFileError`] naming the file.
pub fn read_manifest(folder: &Path) -> Result<Manifest, JournalFileError> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read_to_string(&path).map_err(failed(&path, "read"))?;
    Manifest::decode(&text).map_err(|why| JournalFileError::Manifest { path, why })
}

/// All lines of a run's segments, in order, without their newlines. Bytes that are not UTF-8 (a torn last line, a damaged
/// one) are replaced, so that whoever decodes the line can say what is wrong with it.
///
/// # Errors
/// [`JournalFileError::Gap`] when a segment is missing, or [`JournalFileError::Io`].
pub fn lines(folder: &Path) -> Result<Lines, JournalFileError> {
    let mut indices = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder, "list"))? {
        let name = entry.map_err(failed(folder, "list"))?.file_name();
        let name = name.to_string_lossy();
        if let Some(index) = name.strip_prefix("turns-").and_then(|rest| rest.strip_suffix(".ndjson"))
            && let Ok(index) = index.parse::<u32>()
        {
            indices.push(index);
        }
    }
    indices.sort_unstable();
    let count = u32::try_from(indices.len()).unwrap_or(u32::MAX);
    match (0..count.max(1)).find(|index| indices.binary_search(index).is_err()) {
        Some(missing) => Err(JournalFileError::Gap { path: folder.to_owned(), name: segment_name(missing) }),
        None => Ok(Lines { folder: folder.to_owned(), next: 0, count, open: None, failed: false }),
    }
}

/// See [`lines`]. Ends after the first error.
#[derive(Debug)]
pub struct Lines {
    folder: PathBuf,
    next: u32,
    count: u32,
    open: Option<(PathBuf, BufReader<File>)>,
    failed: bool,
}

impl Lines {
    fn read(&mut self) -> Result<Option<String>, JournalFileError> {
        loop {
            if self.open.is_none() {
                if self.next == self.count {
                    return Ok(None);
                }
                let path = self.folder.join(segment_name(self.next));
                let file = File::open(&path).map_err(failed(&path, "open"))?;
                self.next += 1;
                self.open = Some((path, BufReader::with_capacity(1 << 16, file)));
            }
            let (path, reader) = self.open.as_mut().expect("opened above");
            let mut line = Vec::new();
            reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line).map_err(failed(path, "read"))?;
            match line.last() {
                None => self.open = None,
                Some(b'\n') => {
                    line.pop();
                    return Ok(Some(into_text(line)));
                }
                Some(_) if line.len() as u64 == LINE_MAX => {
                    return Err(JournalFileError::LongLine { path: path.clone() });
                }
                Some(_) => return Ok(Some(into_text(line))),
            }
        }
    }
}

fn into_text(line: Vec<u8>) -> String {
    String::from_utf8(line).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

impl Iterator for Lines {
    type Item = Result<String, JournalFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let line = self.read();
        self.failed = line.is_err();
        line.transpose()
    }
}

#[cfg(test)]
mod tests;
