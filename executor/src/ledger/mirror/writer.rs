//! The thread's side of a mirror: where the file ends, and what is put behind it.

use super::{BadMirror, LINE_MAX, LedgerFailed, Link, MirrorFile, Mirrored, SqliteLedger, set};
use crate::crash_point;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Bytes that are written at a time, about.
const WRITE_MAX: usize = 256 * 1024;
/// How long a failed writing rests.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// What a power cut may take, at most, while the disk keeps up.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The file and what of it is sound.
pub(super) struct Writer {
    file: File,
    /// Bytes of whole lines.
    whole: u64,
    /// Rows that were in them at the start.
    pub(super) rows: i64,
    /// There may be a piece of the next line behind them, by our own hand.
    torn: bool,
}

impl Writer {
    /// The file, if it is what the ledger begins with. Only its last line is looked at: `audit verify --mirror` looks at all.
    pub(super) fn resume(file: &MirrorFile, ledger: &SqliteLedger) -> Result<Self, BadMirror> {
        let file = file.open()?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(BadMirror::NoFile);
        }
        let (last, piece) = last_line(&file, about.len())?;
        let whole = about.len() - piece.len() as u64;
        let row_of = |seq: i64| {
            let link = ledger.links(seq, 1)?.pop().filter(|link| link.seq == seq);
            link.map(|link| link.line()).transpose()
        };
        let mut rows = 0;
        if let Some(last) = last {
            rows = Link::of_line(0, &last).map_err(|_| BadMirror::NoLine)?.seq;
            match row_of(rows)? {
                Some(ours) if ours.as_bytes() == last => {}
                Some(_) => return Err(BadMirror::Differs(rows)),
                None => return Err(BadMirror::Ahead(rows)),
            }
        }
        let torn = !piece.is_empty();
        if torn && !row_of(rows + 1)?.is_some_and(|ours| ours.as_bytes().starts_with(&piece)) {
            return Err(BadMirror::Torn(rows));
        }
        Ok(Self { file, whole, rows, torn })
    }

    pub(super) fn run(
        &mut self,
        queue: &Receiver<Link>,
        asked: &Receiver<()>,
        state: &Mutex<Mirrored>,
        mut failed: impl FnMut(&BadMirror),
    ) {
        let mut lines = Lines { bytes: Vec::new(), rows: self.rows };
        let (mut unsynced, mut failing) = (None::<Instant>, false);
        loop {
            let written = match self.fetch(queue, &mut lines, &mut unsynced) {
                Ok(false) => return,
                Ok(true) => self.put(&lines.bytes),
                Err(why) => Err(why.into()),
            };
            match written {
                Ok(()) => {
                    set(state, |state| *state = Mirrored { rows: lines.rows.unsigned_abs(), trouble: None });
                    lines.bytes.clear();
                    unsynced.get_or_insert_with(Instant::now);
                    failing = false;
                }
                Err(why) => {
                    set(state, |state| state.trouble = Some(why.to_string().into()));
                    if !std::mem::replace(&mut failing, true) {
                        failed(&why);
                    }
                    let ends = asked.recv_timeout(RETRY_EVERY) == Err(RecvTimeoutError::Disconnected);
                    if ends || !matches!(why, BadMirror::Io(_)) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for rows, unless some wait to be written again; syncs the file when it is time. `false`: there will be none any more.
    fn fetch(
        &self,
        queue: &Receiver<Link>,
        lines: &mut Lines,
        unsynced: &mut Option<Instant>,
    ) -> Result<bool, LedgerFailed> {
        while lines.bytes.is_empty() {
            let next = match unsynced.map(|since| SYNC_EVERY.saturating_sub(since.elapsed())) {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(Duration::ZERO) => Err(RecvTimeoutError::Timeout),
                Some(wait) => queue.recv_timeout(wait),
            };
            match next {
                Ok(link) => lines.push(&link)?,
                Err(why) => {
                    // One that fails shows in what the next start finds.
                    let _ = self.file.sync_data();
                    *unsynced = None;
                    if why == RecvTimeoutError::Disconnected {
                        return Ok(false);
                    }
                }
            }
        }
        while lines.bytes.len() < WRITE_MAX
            && let Ok(link) = queue.try_recv()
        {
            lines.push(&link)?;
        }
        Ok(true)
    }

    /// Appends whole lines. What a failure leaves of them is cut before the next writing.
    fn put(&mut self, lines: &[u8]) -> Result<(), BadMirror> {
        let there = self.file.metadata()?.len();
        if there != self.whole {
            if !self.torn || there < self.whole {
                return Err(BadMirror::Changed { there, ours: self.whole });
            }
            self.file.set_len(self.whole)?;
        }
        self.torn = true;
        crash_point!("mirror.before");
        // two pieces where a proof kills us between them
        let (first, rest) = lines.split_at(if cfg!(feature = "crash-points") { lines.len() / 2 } else { lines.len() });
        self.file.write_all(first)?;
        crash_point!("mirror.half");
        self.file.write_all(rest)?;
        crash_point!("mirror.after");
        self.torn = false;
        self.whole += lines.len() as u64;
        Ok(())
    }
}

/// Whole lines that wait to be written.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// The last row among them, or before them.
    rows: i64,
}

impl Lines {
    fn push(&mut self, link: &Link) -> Result<(), LedgerFailed> {
        self.bytes.extend_from_slice(link.line()?.as_bytes());
        self.bytes.push(b'\n');
        self.rows = link.seq;
        Ok(())
    }
}

/// The last whole line of a file of that length, and the bytes behind it.
fn last_line(file: &File, len: u64) -> Result<(Option<Vec<u8>>, Vec<u8>), BadMirror> {
    let mut size = 64 * 1024;
    loop {
        let from = len.saturating_sub(size);
        let mut end = vec![0; usize::try_from(len - from).map_err(io::Error::other)?];
        file.read_exact_at(&mut end, from)?;
        let breaks = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
        let last = breaks(&end);
        match (last, last.and_then(|last| breaks(&end[..last]))) {
            (Some(last), before) if before.is_some() || from == 0 => {
                let piece = end.split_off(last + 1);
                end.truncate(last);
                return Ok((Some(end.split_off(before.map_or(0, |before| before + 1))), piece));
            }
            (None, _) if from == 0 => return Ok((None, end)),
            _ if size >= LINE_MAX => return Err(BadMirror::NoLine),
            _ => size *= 4,
        }
    }
}
