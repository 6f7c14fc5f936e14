//! A connection is replaced before it rots: feeds have been seen to freeze after a quarter of an hour without a word
//! (`clob-streams.md` section 9, number 2).
//!
//! The second connection is opened and greeted while the first goes on. It takes over with the first book it brings: whatever
//! happened before its subscription is in its books, of which later frames may bring some, and whatever happened since comes over it.
//! So nothing is missed, and whoever reads the inbox need not know.

use super::{DownWhy, Stream};
use crate::event::LinkIx;
use crate::venue::subscribe::PONG;
use futures_util::StreamExt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// Links begin their renewals this many parts of the interval apart, so that they never renew together.
const PARTS: u32 = 8;
/// After a renewal that failed.
const AGAIN: Duration = Duration::from_secs(60);

type Connecting = Pin<Box<dyn Future<Output = Result<Stream, DownWhy>> + Send>>;

/// Where the next connection is.
pub(super) enum Renewal {
    /// Not begun; `None` for never.
    Waits(Option<Instant>),
    /// On its way.
    Connects(Connecting),
    /// Greeted; no book has come over it yet, and it is given up at the deadline.
    Greeted(Box<Stream>, Instant),
}

/// What became of it.
pub(super) enum Step {
    /// It is time to connect.
    Due,
    /// Connected: greet it.
    Connected(Box<Stream>),
    /// It brought its first book: it takes over.
    TakesOver(Box<Stream>, String),
    /// It came to nothing; the old one goes on.
    Failed,
}

impl Renewal {
    /// The first of a connection that has just been opened.
    pub(super) fn first(link: LinkIx, every: Option<Duration>) -> Self {
        let part = u32::from(link.0) % PARTS;
        Self::Waits(every.map(|every| Instant::now() + every - every / (2 * PARTS) * part))
    }

    /// The next after one that took over.
    pub(super) fn next(every: Option<Duration>) -> Self {
        Self::Waits(every.map(|every| Instant::now() + every))
    }

    /// After one that came to nothing.
    pub(super) fn again(every: Option<Duration>) -> Self {
        Self::Waits(every.map(|every| Instant::now() + every.min(AGAIN)))
    }

    /// Waits for the next step. Nothing is lost when the future is dropped.
    pub(super) async fn step(&mut self) -> Step {
        match self {
            Self::Waits(None) => std::future::pending().await,
            Self::Waits(Some(due)) => {
                sleep_until(*due).await;
                Step::Due
            }
            Self::Connects(connecting) => match connecting.as_mut().await {
                Ok(stream) => Step::Connected(Box::new(stream)),
                Err(_) => Step::Failed,
            },
            Self::Greeted(stream, deadline) => {
                let book = tokio::select! {
                    biased;
                    book = first_book(stream) => book,
                    () = sleep_until(*deadline) => None,
                };
                match (book, std::mem::replace(self, Self::Waits(None))) {
                    (Some(text), Self::Greeted(stream, _)) => Step::TakesOver(stream, text),
                    _ => Step::Failed,
                }
            }
        }
    }
}

/// The first frame with a book in it. What comes before it is in it; `None` when the connection ends first.
async fn first_book(stream: &mut Stream) -> Option<String> {
    loop {
        match stream.next().await? {
            Ok(Message::Text(text)) if text.as_str() != PONG && text.contains(r#""bids""#) => {
                return Some(text.as_str().to_owned());
            }
            Ok(Message::Close(_) | Message::Binary(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
