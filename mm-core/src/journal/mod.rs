//! The journal: every turn, what was done in it, and now and then a digest of everything since the last one.
//!
//! Strings in, strings out; files are the shell's. A journal proves itself: its turns, fed to the same code with the same
//! configuration, must give the same actions, and a [`Record::Check`] also covers every byte of the turns before it, so
//! that a changed line is found even where it changes no action.

mod explain;
mod manifest;
mod replay;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_explain;

pub use explain::Explainer;
pub use manifest::{Ended, Manifest, SCHEMA};
pub use replay::{ReplayReport, Replayer, replay};

use crate::domain::Digest;
use crate::engine::Engine;
use crate::event::{Action, Turn};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// A check follows every turn whose number is a multiple of this.
pub const CHECK_EVERY: u64 = 256;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Record {
    /// What went in.
    Turn(Turn),
    /// What came out of the turn before.
    Did {
        /// The turn.
        seq: u64,
        /// Its actions, in order.
        actions: Vec<Action>,
    },
    /// Digest of state and of every byte of the turns since the last check.
    Check {
        /// The last turn it covers.
        seq: u64,
        /// The digest.
        digest: Digest,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A line that is no record, with other lines behind it.
    #[error("line {line} is not a journal record: {why}")]
    BadLine {
        /// Counts from 1.
        line: u64,
        /// What the decoder says.
        why: String,
    },
    /// A record out of order.
    #[error("line {line}: {what} {found} where {expected} was due")]
    Order {
        /// Counts from 1.
        line: u64,
        /// Which record.
        what: &'static str,
        /// Its number.
        found: u64,
        /// The number that was due.
        expected: u64,
    },
    /// Time ran backwards between two turns.
    #[error("line {line}: turn {seq} is earlier than the turn before it")]
    TimeWentBack {
        /// Counts from 1.
        line: u64,
        /// The turn.
        seq: u64,
    },
}

/// One record as its line, newline included.
#[must_use]
pub fn encode(record: &Record) -> String {
    line_of(record, &mut Vec::new()).to_owned()
}

/// One line, with or without its newline.
///
/// # Errors
/// What the decoder says.
pub fn decode(line: &str) -> Result<Record, String> {
    serde_json::from_str(line.trim_end_matches(['\n', '\r'])).map_err(|why| why.to_string())
}

/// The bytes of the turns since the last check, hashed as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnBytes(sha2::Sha256);

impl TurnBytes {
    /// Adds one turn's line, without its newline.
    pub(crate) fn add(&mut self, line: &str) {
        self.0.update(line.as_bytes());
        self.0.update(b"\n");
    }

    /// The check's digest, and a fresh start.
    pub(crate) fn close(&mut self, state: Digest) -> Digest {
        let mut hash = std::mem::take(&mut self.0);
        hash.update(state.0);
        Digest(hash.finalize().into())
    }
}

/// Writes the journal of one run: hand it each turn and the actions of it, before or after they are carried out. It allocates
/// nothing once `out` has its size.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    bytes: TurnBytes,
    unchecked: u64,
    last: u64,
    /// The line in the making.
    line: Vec<u8>,
}

impl Recorder {
    /// A journal's beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the line of a turn.
    pub fn turn(&mut self, turn: &Turn, out: &mut String) {
        let line = line_of(&Line::Turn(turn), &mut self.line);
        self.bytes.add(line.trim_end());
        out.push_str(line);
        self.unchecked += 1;
        self.last = turn.seq;
    }

    /// Appends the turn's actions, and a check when one is due: `engine` must have taken the turn.
    pub fn did(&mut self, seq: u64, actions: &[Action], engine: &Engine, out: &mut String) {
        out.push_str(line_of(&Line::Did { seq, actions }, &mut self.line));
        if seq.is_multiple_of(CHECK_EVERY) {
            self.check(engine, out);
        }
    }

    /// Appends the closing check of a run that ends in order, so that its last turns are covered too.
    pub fn finish(&mut self, engine: &Engine, out: &mut String) {
        if self.unchecked > 0 {
            self.check(engine, out);
        }
    }

    fn check(&mut self, engine: &Engine, out: &mut String) {
        let digest = self.bytes.close(engine.digest());
        self.unchecked = 0;
        out.push_str(line_of(&Record::Check { seq: self.last, digest }, &mut self.line));
    }
}

/// Two of the [`Record`]s as they are written, without copying a turn or its actions.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Turn(&'a Turn),
    Did { seq: u64, actions: &'a [Action] },
}

/// Makes a record's line, newline included, in `line`, whose memory is used again.
fn line_of<'l, T: Serialize>(record: &T, line: &'l mut Vec<u8>) -> &'l str {
    /// A line is mostly shorter; a longer one gives its memory back.
    const KEPT: usize = 1 << 20;
    line.clear();
    line.shrink_to(KEPT);
    serde_json::to_writer(&mut *line, record).expect("a record has text keys only");
    line.push(b'\n');
    std::str::from_utf8(line).expect("JSON is text")
}
