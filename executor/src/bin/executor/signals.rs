//! What a signal wishes. Every signal that would end the process and can be caught is.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What to do about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Cancel everything, then end.
    Drain,
    /// Latch, and stay.
    Halt,
}

/// The signals that are waited for.
pub(crate) struct Signals {
    drain: [Signal; 4],
    halt: [Signal; 2],
}

impl Signals {
    /// Takes the signals over from the system.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            // a terminal that is closed hangs up
            drain: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
                signal(SignalKind::quit())?,
            ],
            halt: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Wish {
        let [interrupt, terminate, hangup, quit] = &mut self.drain;
        let [first, second] = &mut self.halt;
        tokio::select! {
            _ = interrupt.recv() => Wish::Drain,
            _ = terminate.recv() => Wish::Drain,
            _ = hangup.recv() => Wish::Drain,
            _ = quit.recv() => Wish::Drain,
            _ = first.recv() => Wish::Halt,
            _ = second.recv() => Wish::Halt,
        }
    }
}
