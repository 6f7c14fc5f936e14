//! One connection's way out: latency, lateness, overtaking, freezing. Pure; holds whatever a frame is to its user.

use super::feed::{Deliver, Fate};
use mm_core::domain::{Nanos, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Longest a frame waits for the one that should overtake it.
const BEHIND_MOST: Nanos = Nanos::from_ms(1_000);

/// Frames on their way to one connection, in order of arrival.
#[derive(Debug)]
pub struct Line<T> {
    travelling: BTreeMap<(Timestamp, u64), T>,
    /// Waiting to be overtaken by one frame, at the latest until the moment.
    behind: Option<(Timestamp, T)>,
    frozen: VecDeque<T>,
    /// When the newest frame in order arrives: none arrives before it.
    last: Timestamp,
    sent: u64,
    most: usize,
}

/// The line holds as much as it may: whoever owns it must give it up rather than lose a frame in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} frames are on their way")]
pub struct LineFull(pub usize);

impl<T: Clone> Line<T> {
    /// An empty line that holds at most `most` frames.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            travelling: BTreeMap::new(),
            behind: None,
            frozen: VecDeque::new(),
            last: Timestamp::from_nanos(0),
            sent: 0,
            most,
        }
    }

    /// Puts a frame on the line at `at`; it takes `latency`, and what its fate adds.
    ///
    /// # Errors
    /// [`LineFull`]; the frame is not on it.
    pub fn push(&mut self, at: Timestamp, latency: Nanos, fate: Fate, frame: T) -> Result<(), LineFull> {
        for _ in 0..fate.copies {
            if self.len() >= self.most {
                return Err(LineFull(self.most));
            }
            match fate.deliver {
                Deliver::Never => {}
                Deliver::Held => self.frozen.push_back(frame.clone()),
                Deliver::Late(by) => self.travel(at.plus(latency).plus(by), frame.clone()),
                // one is overtaken at a time: of frames that should all be, every second one goes first
                Deliver::Behind if self.behind.is_none() => {
                    let due = at.plus(latency).plus(BEHIND_MOST);
                    self.behind = Some((due, frame.clone()));
                }
                Deliver::InOrder | Deliver::Behind => {
                    let due = at.plus(latency).max(self.last);
                    self.last = due;
                    self.travel(due, frame.clone());
                    if let Some((_, overtaken)) = self.behind.take() {
                        self.travel(due, overtaken);
                    }
                }
            }
        }
        Ok(())
    }

    fn travel(&mut self, due: Timestamp, frame: T) {
        self.sent += 1;
        self.travelling.insert((due, self.sent), frame);
    }

    /// The feed moves again: what was held arrives now, in order, before anything newer.
    pub fn thaw(&mut self, at: Timestamp) {
        self.last = self.last.max(at);
        while let Some(frame) = self.frozen.pop_front() {
            self.travel(self.last, frame);
        }
    }

    /// The next frame that has arrived by `at`.
    pub fn pop(&mut self, at: Timestamp) -> Option<T> {
        if let Some((due, frame)) = self.behind.take_if(|(due, _)| *due <= at) {
            self.travel(due, frame);
        }
        let first = self.travelling.first_entry().filter(|entry| entry.key().0 <= at)?;
        Some(first.remove())
    }

    /// When the next frame arrives.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let travelling = self.travelling.first_key_value().map(|((due, _), _)| *due);
        travelling.into_iter().chain(self.behind.as_ref().map(|(due, _)| *due)).min()
    }

    /// Frames on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.travelling.len() + usize::from(self.behind.is_some()) + self.frozen.len()
    }

    /// Nothing on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
