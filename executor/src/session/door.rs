//! Who is let in, judged before a place is taken: who is refused uses up no place, and who is let in not those of others.

use super::Allowed;
use mm_core::io::uds;
use mm_core::protocol::SessionError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

/// Connections of one socket at a time, whoever they are.
pub const CONNECTIONS_MAX: usize = 8;
/// Connections of one user to one socket at a time.
pub const CONNECTIONS_OF_ONE_MAX: usize = 4;
/// Places that only operators may take: whoever may look must not be able to keep them from halting.
pub const KEPT_FOR_OPERATORS: usize = 2;
/// Lines about refused connections in one second; the others are counted.
const REFUSED_LINES_MAX: u32 = 8;

/// Why a connection is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Peer(SessionError),
    #[error(
        "no place is free here: a user has at most {CONNECTIONS_OF_ONE_MAX} connections, all have {CONNECTIONS_MAX}"
    )]
    Full,
}

/// A connection that was let in.
pub(super) struct Guest {
    pub(super) stream: UnixStream,
    pub(super) uid: u32,
    /// Given back at its end.
    pub(super) place: Place,
    /// Named as one, on a socket that is not only theirs.
    pub(super) is_operator: bool,
}

/// A socket with its places.
pub(super) struct Door {
    server: uds::Server,
    allowed: Allowed,
    places: Places,
}

impl Door {
    pub(super) fn new(server: uds::Server, allowed: Allowed) -> Self {
        Self { server, allowed, places: Places::default() }
    }

    /// The next connection, judged; `None` when there was none for want of file descriptors.
    pub(super) async fn next(&self) -> Option<Result<Guest, (UnixStream, Refused)>> {
        let Ok(stream) = self.server.accept().await else {
            // Out of descriptors: waiting is all that helps.
            sleep(Duration::from_millis(50)).await;
            return None;
        };
        Some(match self.judge(&stream) {
            Ok((uid, place)) => Ok(Guest { stream, uid, place, is_operator: self.allowed.is_operator(uid) }),
            Err(why) => Err((stream, why)),
        })
    }

    fn judge(&self, stream: &UnixStream) -> Result<(u32, Place), Refused> {
        let uid = self.allowed.check(stream).map_err(Refused::Peer)?;
        let most =
            if self.allowed.has_kept_places(uid) { CONNECTIONS_MAX } else { CONNECTIONS_MAX - KEPT_FOR_OPERATORS };
        Ok((uid, self.places.take(uid, most).ok_or(Refused::Full)?))
    }
}

/// Who has how many places.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<BTreeMap<u32, usize>>>);

impl Places {
    /// A place for this user while fewer than `most` are taken; `None`: not now.
    fn take(&self, uid: u32, most: usize) -> Option<Place> {
        let mut taken = self.lock();
        let of_one = taken.get(&uid).copied().unwrap_or(0);
        if of_one >= CONNECTIONS_OF_ONE_MAX || taken.values().sum::<usize>() >= most {
            return None;
        }
        taken.insert(uid, of_one + 1);
        drop(taken);
        Some(Place { uid, places: self.clone() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of [`CONNECTIONS_MAX`] places; given back on drop.
pub(super) struct Place {
    uid: u32,
    places: Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        match taken.get_mut(&self.uid) {
            Some(more) if *more > 1 => *more -= 1,
            _ => drop(taken.remove(&self.uid)),
        }
    }
}

/// Says why and hangs up, without waiting: a new connection has room for a few words.
pub(super) fn turn_away<T: Serialize>(stream: UnixStream, message: &T) {
    let mut words = Vec::new();
    if uds::encode_message(message, &mut words).is_ok()
        && let Ok(mut stream) = stream.into_std()
    {
        // Who has left already is told nothing.
        let _ = stream.write(&words);
    }
}

/// Lines about refused connections: whoever connects a thousand times a second must not fill the log.
#[derive(Clone, Default)]
pub(super) struct RefusedLines(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    second: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl RefusedLines {
    pub(super) fn write(&self, why: &dyn std::fmt::Display) {
        match self.room(Instant::now()) {
            Some(0) => tracing::warn!(event = "core-refused", why = %why, "connection refused"),
            Some(more) => {
                tracing::warn!(event = "core-refused", why = %why, "connection refused, as were {more} more since the last line");
            }
            None => {}
        }
    }

    /// How many were left out before this one; `None` when this one is left out too.
    fn room(&self, now: Instant) -> Option<u64> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.second.is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1)) {
            (written.second, written.lines) = (Some(now), 0);
        }
        if written.lines == REFUSED_LINES_MAX {
            written.left_out += 1;
            return None;
        }
        written.lines += 1;
        Some(std::mem::take(&mut written.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Peers;

    #[test]
    fn viewers_keep_places_free_for_operators_and_nobody_has_all() {
        let allowed = Allowed::viewers(&Peers { core: vec![], view: vec![1, 2, 3], operator: vec![0, 9] });
        let places = Places::default();
        let most =
            |uid| if allowed.has_kept_places(uid) { CONNECTIONS_MAX } else { CONNECTIONS_MAX - KEPT_FOR_OPERATORS };
        let take = |uid: u32| (0..9).map_while(|_| places.take(uid, most(uid))).collect::<Vec<_>>();
        let (first, second, third) = (take(1), take(2), take(3));
        assert_eq!([first.len(), second.len(), third.len()], [4, 2, 0]);
        let operator = take(0);
        assert_eq!(operator.len(), 2, "whatever viewers do");
        drop(first);
        assert_eq!(take(9).len(), 4);
        assert_eq!(take(0).len(), 2, "it has two already");
        drop((second, operator));
        assert!(places.lock().is_empty(), "every place was given back");
    }

    #[test]
    fn a_thousand_refusals_a_second_are_eight_lines_and_a_count() {
        let (lines, now) = (RefusedLines::default(), Instant::now());
        let told = (0..1000).filter_map(|_| lines.room(now)).collect::<Vec<_>>();
        assert_eq!(told, [0; 8]);
        assert_eq!(lines.room(now + Duration::from_secs(1)), Some(992));
        assert_eq!(lines.room(now + Duration::from_secs(1)), Some(0));
    }
}
