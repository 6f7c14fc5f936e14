//! The last thing a panicking executor does: a thread of its own, with connections and a login of its own, cancels everything,
//! and once more a moment later.
//!
//! It shares no lock with the rest, so it works whatever the panicking thread held. What it cannot do within its limit is left to
//! the venue's heartbeat, which nobody feeds any more.

use crate::clob::{Clob, Login};
use crate::outcome::{Answer, VenueCall, VenueReply};
use crate::way_out::WayOut;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

/// Time a cancel-all may take before the process ends without it.
const LIMIT: Duration = Duration::from_secs(3);
/// How long last words may take.
const SAY_MAX: Duration = Duration::from_secs(1);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(100);
/// From one that was answered to a last one: an order that left just before the panic may reach the venue after the first.
const ONCE_MORE: Duration = Duration::from_millis(500);

/// Stands by.
pub struct Killer {
    wanted: SyncSender<SyncSender<bool>>,
    thread: ThreadId,
    /// Its login: it is given what the rest uses, and makes its own if that is refused.
    login: Arc<Login>,
    way: WayOut,
}

/// From now on a panic of any thread cancels everything and aborts: a half-dead key holder helps nobody. `killer` is asked for at that
/// moment; there is none before the process can trade.
pub fn cancel_on_panic(killer: &'static OnceLock<Killer>) {
    std::panic::set_hook(Box::new(move |info| {
        let done = killer.get().map(Killer::cancel_all);
        // Where, never what: a payload could hold anything.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let end = match done {
            None => "",
            Some(true) => "executor: cancel-all answered\n",
            Some(false) => "executor: cancel-all NOT answered\n",
        };
        say(format!("executor: panic at {place}\n{end}"));
        std::process::abort();
    }));
}

/// Writes to stderr, which may be a terminal that is stopped: nothing waits long for it.
fn say(words: String) {
    let (done, said) = sync_channel::<()>(0);
    let writer = std::thread::Builder::new().spawn(move || {
        let _ = std::io::stderr().write_all(words.as_bytes());
        drop(done);
    });
    if writer.is_ok() {
        let _ = said.recv_timeout(SAY_MAX);
    }
}

impl Killer {
    /// Starts the thread. `clob` is of its own and logs in with `login`; nothing more leaves through `way` once it is called.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(clob: Clob, login: Arc<Login>, way: WayOut) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (wanted, calls) = sync_channel(1);
        let thread = std::thread::Builder::new().name("killer".to_owned()).spawn(move || {
            runtime.block_on(async { stand_by(&clob, &calls).await });
        })?;
        Ok(Self { wanted, thread: thread.thread().id(), login, way })
    }

    /// Hands over the credentials that are in use.
    pub fn learn(&self, from: &Login) {
        self.login.follow(from);
    }

    /// Lets nothing more out and cancels everything; whether the venue said yes within the limit.
    #[must_use]
    pub fn cancel_all(&self) -> bool {
        self.way.close();
        if std::thread::current().id() == self.thread {
            return false;
        }
        let (done, answer) = sync_channel(1);
        if self.wanted.try_send(done).is_err() {
            // Two other threads are here already: the first of them ends the process.
            std::thread::sleep(LIMIT);
        }
        answer.recv_timeout(LIMIT).unwrap_or(false)
    }
}

async fn stand_by(clob: &Clob, calls: &Receiver<SyncSender<bool>>) {
    while let Ok(done) = calls.recv() {
        let until = Instant::now() + LIMIT;
        let mut cancelled = cancel_until_answered(clob, until).await;
        if cancelled {
            tokio::time::sleep(ONCE_MORE).await;
            cancelled = cancel_until_answered(clob, until).await;
        }
        // Whoever asked may have stopped waiting.
        let _ = done.try_send(cancelled);
    }
}

/// Asks for a cancel-all until the venue says yes; whether it did in time.
async fn cancel_until_answered(clob: &Clob, until: Instant) -> bool {
    while Instant::now() < until {
        let reply = clob.call(&VenueCall::CancelAll).await;
        if matches!(reply, VenueReply::Answer(Answer { status: 200, .. })) {
            return true;
        }
        tokio::time::sleep(AGAIN).await;
    }
    false
}
