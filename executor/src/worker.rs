//! Threads that keep the disk's pace, so that nobody else has to.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A thread that ends by itself once whatever it listens to is dropped, and can be waited for.
pub(crate) struct Worker {
    /// Nothing ever arrives: it is hung up when the work returns, or panics.
    ended: Receiver<()>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (end, ended) = channel::<()>();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _end: Sender<()> = end;
            work();
        })?;
        Ok(Self { ended })
    }

    /// Waits until it has ended, so long at most; `false`: it has not.
    #[must_use]
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        self.ended.recv_timeout(limit) != Err(RecvTimeoutError::Timeout)
    }
}
