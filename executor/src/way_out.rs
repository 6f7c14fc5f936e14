//! The last metre. An order that was signed and handed to the HTTP client has not left: its connection may take seconds to stand.
//! So every order carries a leave that is looked at once more when the connection takes its body, and that dies the moment the
//! gate falls shut. What did not leave is known not to have left: the body, with the signature in it, was never handed over.

use mm_core::domain::Timestamp;
use mm_core::io::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::watch;

/// Shut for good.
const CLOSED: u64 = u64::MAX;

/// The way out of the house: every shutting takes back the leaves that were given before. Clones are the same way.
#[derive(Clone, Debug)]
pub struct WayOut {
    /// Shuttings so far.
    shut: Arc<watch::Sender<u64>>,
    clock: Clock,
}

impl WayOut {
    /// An open way. Leaves are measured by `clock`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { shut: Arc::new(watch::Sender::new(0)), clock }
    }

    /// Leave for what shall go out once, before `until`.
    #[must_use]
    pub fn leave(&self, until: Timestamp) -> Leave {
        let shut = self.shut.subscribe();
        let given = *shut.borrow();
        Leave { shut, given, until, clock: self.clock.clone(), state: Arc::new(AtomicU8::new(KEPT)) }
    }

    /// Takes every leave back. What is asked for afterwards is given again.
    pub fn shut(&self) {
        self.shut.send_modify(|shut| *shut = shut.saturating_add(1));
    }

    /// Takes every leave back and gives none that is good any more.
    pub fn close(&self) {
        self.shut.send_replace(CLOSED);
    }
}

const KEPT: u8 = 0;
const LEFT: u8 = 1;
const WITHDRAWN: u8 = 2;

/// Leave for one message. It ends in one of two ways, and which one is never in doubt: left, or withdrawn.
#[derive(Clone, Debug)]
pub struct Leave {
    shut: watch::Receiver<u64>,
    given: u64,
    until: Timestamp,
    clock: Clock,
    state: Arc<AtomicU8>,
}

impl Leave {
    /// Asked by the connection when it takes the body: whether it may.
    pub(crate) fn go(&self) -> bool {
        let shut = *self.shut.borrow();
        let good = shut == self.given && shut != CLOSED && self.clock.now() < self.until;
        good && self.state.compare_exchange(KEPT, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether it was used.
    #[cfg(feature = "crash-points")]
    pub(crate) fn is_used(&self) -> bool {
        self.state.load(Ordering::Acquire) == LEFT
    }

    /// Keeps in what has not left; `false`: it has.
    pub(crate) fn withdraw(&self) -> bool {
        match self.state.compare_exchange(KEPT, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(state) => state == WITHDRAWN,
        }
    }

    /// Waits until the leave was taken back before it was used; for ever if it was used.
    pub(crate) async fn withdrawn(&mut self) {
        let given = self.given;
        // the way lives as long as the shell: without one nothing more leaves either
        let _ = self.shut.wait_for(|shut| *shut != given).await;
        if !self.withdraw() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_core::domain::Nanos;

    fn way() -> (WayOut, Timestamp) {
        let clock = Clock::new();
        let later = clock.now().plus(Nanos::from_secs(3600));
        (WayOut::new(clock), later)
    }

    #[test]
    fn a_leave_is_used_once_and_never_after_the_way_was_shut() {
        let (way, later) = way();
        let (first, second) = (way.leave(later), way.leave(later));
        assert!(first.go() && !first.go() && !first.withdraw());
        way.shut();
        assert!(!second.go() && second.withdraw() && second.withdraw());
        let third = way.leave(later);
        assert!(third.withdraw() && !third.go(), "withdrawn stays withdrawn");
        assert!(way.leave(later).go(), "an opened way gives leave again");
        way.close();
        way.shut();
        assert!(!way.leave(later).go(), "a closed one never does");
    }

    #[test]
    fn a_leave_ends_with_its_time() {
        let (way, later) = way();
        let past = later.minus(Nanos::from_secs(7200));
        assert!(!way.leave(past).go());
    }
}
