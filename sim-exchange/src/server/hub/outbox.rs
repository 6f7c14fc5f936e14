//! One listener's way out: what faults and distance do to its frames, and how it ends.

use crate::draws::Draws;
use crate::faults::{Channel, Deliver, Faults, Frame, Line, Payload};
use crate::scenario::Latency;
use axum::extract::ws::Utf8Bytes;
use mm_core::domain::{Nanos, Timestamp};
use tokio::sync::{mpsc, oneshot};

/// Why a listener is no longer served. A dropped sender means that it did not keep up, or was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum End {
    /// TCP ends, without a word.
    Cut,
    /// A close frame with this code, behind what was sent.
    Close(u16),
}

/// Close code of a connection that the venue ends without a reason of the client's.
const RESTART: u16 = 1012;

/// How far away listeners are.
#[derive(Clone, Debug)]
pub(in crate::server) struct Road {
    latency: Latency,
    draws: Draws,
}

impl Road {
    pub(in crate::server) const fn new(latency: Latency, draws: Draws) -> Self {
        Self { latency, draws }
    }

    /// How long the `n`th message of a link takes.
    pub(in crate::server) fn takes(&self, base: Nanos, link: &str, n: u64) -> Nanos {
        let jitter = self.latency.jitter.nanos();
        if jitter == 0 {
            return base;
        }
        Nanos::from_nanos(base.nanos() + self.draws.below("latency", link, n, jitter.saturating_add(1)))
    }

    pub(in crate::server) const fn latency(&self) -> Latency {
        self.latency
    }
}

/// The sending end of a listener.
pub(super) struct Outbox {
    id: u64,
    channel: Channel,
    opened: Timestamp,
    frames: mpsc::Sender<Utf8Bytes>,
    end: oneshot::Sender<End>,
    line: Line<Utf8Bytes>,
    /// Names its latency draws.
    link: String,
    sent: u64,
    /// Half-open: neither read nor written any more.
    deaf: bool,
    /// Frames that still go out before it is closed.
    close_after: Option<u64>,
    closes_at: Option<Timestamp>,
}

/// It cannot be served any more.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Option<End>);

impl Outbox {
    pub(super) fn new(
        id: u64,
        channel: Channel,
        opened: Timestamp,
        frames: mpsc::Sender<Utf8Bytes>,
        end: oneshot::Sender<End>,
        most: usize,
    ) -> Self {
        Self {
            id,
            channel,
            opened,
            frames,
            end,
            line: Line::new(most),
            link: format!("feed/{id}"),
            sent: 0,
            deaf: false,
            close_after: None,
            closes_at: None,
        }
    }

    /// Sends a frame on its way, `later` than it should.
    pub(super) fn send(
        &mut self,
        at: Timestamp,
        (faults, road): (&mut Faults, &Road),
        frame: Utf8Bytes,
        what: Payload,
        later: Nanos,
    ) -> Result<(), Ended> {
        if self.deaf {
            return Ok(());
        }
        let mut fate = faults.feed(&Frame { channel: self.channel, link: self.id, opened: self.opened, what });
        if later > Nanos::ZERO && fate.deliver == Deliver::InOrder {
            fate.deliver = Deliver::Late(later);
        }
        let feed = road.latency().feed;
        let takes = road.takes(feed, &self.link, self.sent);
        self.sent += 1;
        if fate == crate::faults::Fate::PASS && takes == Nanos::ZERO && self.line.is_empty() {
            return self.deliver(frame);
        }
        self.line.push(at, takes, fate, frame).map_err(|_| Ended(None))?;
        self.release(at)
    }

    /// Everything that has arrived by now goes to the socket; a connection whose time is over ends.
    pub(super) fn release(&mut self, at: Timestamp) -> Result<(), Ended> {
        while let Some(frame) = self.line.pop(at) {
            self.deliver(frame)?;
        }
        match self.closes_at {
            Some(end) if end <= at => Err(Ended(Some(End::Close(RESTART)))),
            _ => Ok(()),
        }
    }

    fn deliver(&mut self, frame: Utf8Bytes) -> Result<(), Ended> {
        if self.frames.try_send(frame).is_err() {
            tracing::warn!(listener = self.id, "queue full, disconnecting");
            return Err(Ended(None));
        }
        match &mut self.close_after {
            Some(0 | 1) => Err(Ended(Some(End::Close(RESTART)))),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.line.next_deadline().into_iter().chain(self.closes_at).min()
    }

    pub(super) const fn channel(&self) -> Channel {
        self.channel
    }

    pub(super) const fn is_deaf(&self) -> bool {
        self.deaf
    }

    pub(super) const fn deafen(&mut self) {
        self.deaf = true;
    }

    pub(super) const fn close_after(&mut self, frames: u64) {
        self.close_after = Some(frames);
    }

    pub(super) const fn close_at(&mut self, at: Timestamp) {
        self.closes_at = Some(at);
    }

    pub(super) fn thaw(&mut self, at: Timestamp) {
        self.line.thaw(at);
    }

    /// Tells the socket how it ends; it may have ended already.
    pub(super) fn end(self, how: End) {
        let _ = self.end.send(how);
    }
}
