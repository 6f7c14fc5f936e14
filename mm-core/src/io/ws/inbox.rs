//! The one bounded queue all links of a process report into. Limited in events and in bytes; a link that meets either limit
//! is closed by its client, because a book that misses a change is worse than no book.

use super::DownWhy;
use crate::domain::Timestamp;
use crate::event::LinkIx;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// What a link has to tell.
#[derive(Debug)]
pub enum WsEvent {
    /// Connected; the subscription is on its way.
    Up,
    /// A text frame, as received.
    Text(String),
    /// Not connected any more, or not this time either. Frames may have been lost.
    Down {
        /// Why.
        why: DownWhy,
    },
}

/// A [`WsEvent`] with its link and the moment it was read.
#[derive(Debug)]
pub struct LinkEvent {
    /// Which link.
    pub link: LinkIx,
    /// When it was read from the socket.
    pub at: Timestamp,
    /// What happened.
    pub what: WsEvent,
}

/// The sending end; one clone for each link.
#[derive(Clone, Debug)]
pub struct InboxSender {
    events: mpsc::Sender<LinkEvent>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// The receiving end.
#[derive(Debug)]
pub struct Inbox {
    events: mpsc::Receiver<LinkEvent>,
    bytes: Arc<AtomicUsize>,
}

/// A queue of at most `events` events and about `bytes` bytes of frames.
#[must_use]
pub fn inbox(events: usize, bytes: usize) -> (InboxSender, Inbox) {
    let (sender, receiver) = mpsc::channel(events);
    let used = Arc::new(AtomicUsize::new(0));
    (
        InboxSender { events: sender, bytes: Arc::clone(&used), bytes_max: bytes },
        Inbox { events: receiver, bytes: used },
    )
}

/// The queue is full, or nobody reads it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl InboxSender {
    /// Queues a frame if there is room for it.
    pub(super) fn try_text(&self, link: LinkIx, at: Timestamp, text: String) -> Result<(), Full> {
        let len = text.len();
        if self.bytes.fetch_add(len, Ordering::Relaxed).saturating_add(len) > self.bytes_max {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            return Err(Full);
        }
        self.events.try_send(LinkEvent { link, at, what: WsEvent::Text(text) }).map_err(|_| {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            Full
        })
    }

    /// Queues what must not be lost, waiting for room. `false` when nobody reads any more.
    pub(super) async fn send(&self, link: LinkIx, at: Timestamp, what: WsEvent) -> bool {
        self.events.send(LinkEvent { link, at, what }).await.is_ok()
    }
}

impl Inbox {
    /// The next event; `None` when all links are gone. Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<LinkEvent> {
        let event = self.events.recv().await?;
        self.forget(&event);
        Some(event)
    }

    /// The next event if one waits.
    pub fn try_recv(&mut self) -> Option<LinkEvent> {
        let event = self.events.try_recv().ok()?;
        self.forget(&event);
        Some(event)
    }

    /// Events that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn forget(&self, event: &LinkEvent) {
        if let WsEvent::Text(text) = &event.what {
            self.bytes.fetch_sub(text.len(), Ordering::Relaxed);
        }
    }
}
