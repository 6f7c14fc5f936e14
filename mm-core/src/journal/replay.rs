//! Feeds a journal's turns to a fresh engine and compares, line by line.

use super::{JournalError, Record, TurnBytes, decode};
use crate::config::Config;
use crate::domain::{Digest, Market, Timestamp};
use crate::engine::Engine;
use crate::event::{Action, Turn};

/// What a replay found. The first difference ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayReport {
    /// Every action and every check agreed.
    Identical {
        /// Turns replayed.
        turns: u64,
        /// Digest of the engine after the last.
        digest: Digest,
        /// Turns after the last check: their actions were compared, their bytes are under no check.
        unchecked: u64,
        /// The torn last line that was dropped, if there was one.
        torn: Option<String>,
    },
    /// A turn gave other actions.
    FirstDifference {
        /// The turn.
        seq: u64,
        /// What the journal says was done.
        recorded: Vec<Action>,
        /// What this code does.
        recomputed: Vec<Action>,
    },
    /// Actions agreed, but state or turn bytes before this check do not.
    CheckDiffers {
        /// The last turn the check covers.
        seq: u64,
        /// What the journal holds.
        recorded: Digest,
        /// What this code computes.
        recomputed: Digest,
    },
}

/// A replay in progress: hand it the lines in order, then ask for the report.
pub struct Replayer {
    engine: Engine,
    until: Option<u64>,
    bytes: TurnBytes,
    unchecked: u64,
    line: u64,
    seq: u64,
    at: Timestamp,
    /// The newest turn.
    turn: Option<Turn>,
    awaiting: Option<Vec<Action>>,
    bad: Option<JournalError>,
    ended: Option<ReplayReport>,
}

impl Replayer {
    /// A replay from the first turn, up to and including turn `until` if given.
    #[must_use]
    pub fn new(config: Config, universe: Vec<Market>, until: Option<u64>) -> Self {
        Self {
            engine: Engine::new(config, universe),
            until,
            bytes: TurnBytes::default(),
            unchecked: 0,
            line: 0,
            seq: 0,
            at: Timestamp::EPOCH,
            awaiting: None,
            turn: None,
            bad: None,
            ended: None,
        }
    }

    /// The engine as it stands: what a look at an incident wants to see.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the last turn did, until its record has come.
    pub(super) fn actions(&self) -> &[Action] {
        self.awaiting.as_deref().unwrap_or_default()
    }

    /// The turn that the last line was, if it was one; once.
    pub(super) const fn take_turn(&mut self) -> Option<Turn> {
        self.turn.take()
    }

    /// Takes the next line. `Ok(false)` says that no further line matters.
    ///
    /// # Errors
    /// [`JournalError`] when the journal itself is broken; a line that does not decode is an error only when another
    /// follows.
    pub fn line(&mut self, text: &str) -> Result<bool, JournalError> {
        if self.ended.is_some() {
            return Ok(false);
        }
        if let Some(bad) = self.bad.take() {
            return Err(bad);
        }
        let text = text.trim_end_matches(['\n', '\r']);
        self.line += 1;
        match decode(text) {
            Ok(Record::Turn(turn)) => {
                if self.until.is_some_and(|until| turn.seq > until) {
                    self.until = Some(self.seq);
                    return Ok(false);
                }
                self.in_order("turn", turn.seq, self.seq + 1, self.awaiting.is_none())?;
                if turn.at < self.at {
                    return Err(JournalError::TimeWentBack { line: self.line, seq: turn.seq });
                }
                self.bytes.add(text);
                self.unchecked += 1;
                (self.seq, self.at) = (turn.seq, turn.at);
                let mut actions = Vec::new();
                self.engine.turn(&turn, &mut actions);
                self.awaiting = Some(actions);
                self.turn = Some(turn);
            }
            Ok(Record::Did { seq, actions: recorded }) => {
                self.in_order("did", seq, self.seq, self.awaiting.is_some())?;
                let recomputed = self.awaiting.take().unwrap_or_default();
                if recorded != recomputed {
                    self.ended = Some(ReplayReport::FirstDifference { seq, recorded, recomputed });
                }
            }
            Ok(Record::Check { seq, digest: recorded }) => {
                self.in_order("check", seq, self.seq, self.awaiting.is_none())?;
                let recomputed = self.bytes.close(self.engine.digest());
                self.unchecked = 0;
                if recorded != recomputed {
                    self.ended = Some(ReplayReport::CheckDiffers { seq, recorded, recomputed });
                }
            }
            Err(why) => self.bad = Some(JournalError::BadLine { line: self.line, why }),
        }
        Ok(self.ended.is_none())
    }

    fn in_order(&self, what: &'static str, found: u64, expected: u64, due: bool) -> Result<(), JournalError> {
        if found == expected && due {
            Ok(())
        } else {
            Err(JournalError::Order { line: self.line, what, found, expected })
        }
    }

    /// The verdict over all lines given.
    #[must_use]
    pub fn finish(self) -> ReplayReport {
        let torn = self.bad.map(|bad| bad.to_string());
        let missing = self.awaiting.map(|_| format!("turn {} has no record of what it did", self.seq));
        self.ended.unwrap_or_else(|| ReplayReport::Identical {
            turns: self.seq,
            digest: self.engine.digest(),
            unchecked: self.unchecked,
            torn: torn.or(missing),
        })
    }
}

/// Replays the whole journal, or up to and including turn `until`.
///
/// # Errors
/// [`JournalError`] when the journal itself is broken before any difference was found.
pub fn replay<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    config: Config,
    universe: Vec<Market>,
    until: Option<u64>,
) -> Result<ReplayReport, JournalError> {
    let mut replayer = Replayer::new(config, universe, until);
    for line in lines {
        if !replayer.line(line)? {
            break;
        }
    }
    Ok(replayer.finish())
}
