//! REST books the engine asked for: a few at a time, each token once.

use mm_core::domain::{Timestamp, Token, TokenId};
use mm_core::event::Input;
use mm_core::io::clock::Clock;
use mm_core::io::http;
use mm_core::io::metrics::Metrics;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// How many are asked for at once.
const PARALLEL: usize = 8;
/// How many may be under way or wait. What is asked for beyond that counts as failed; the engine asks again.
const PENDING_MAX: usize = 512;

/// What became of one request.
pub(super) struct Answer {
    token: Token,
    received: Timestamp,
    body: Result<String, String>,
}

pub(super) struct Fetcher {
    client: reqwest::Client,
    base: String,
    clock: Clock,
    slots: Arc<Semaphore>,
    pending: BTreeSet<Token>,
    answered: mpsc::Sender<Answer>,
    pub(super) answers: mpsc::Receiver<Answer>,
}

impl Fetcher {
    pub(super) fn new(client: reqwest::Client, base: &str, clock: Clock) -> Self {
        let (answered, answers) = mpsc::channel(PENDING_MAX);
        let slots = Arc::new(Semaphore::new(PARALLEL));
        Self { client, base: base.to_owned(), clock, slots, pending: BTreeSet::new(), answered, answers }
    }

    /// Asks for one book, unless it is being asked for already.
    pub(super) fn fetch(&mut self, token: Token, id: &TokenId, metrics: &Metrics) {
        if self.pending.contains(&token) {
            return;
        }
        if self.pending.len() >= PENDING_MAX {
            metrics.fetch_failed();
            return;
        }
        self.pending.insert(token);
        let url = format!("{}/book?token_id={id}", self.base);
        let (client, clock) = (self.client.clone(), self.clock.clone());
        let (slots, answered) = (Arc::clone(&self.slots), self.answered.clone());
        tokio::spawn(async move {
            let _slot = slots.acquire().await.expect("the semaphore is never closed");
            let body = match http::get_text(&client, &url, http::BODY_MAX).await {
                Ok((200, body)) => Ok(body),
                Ok((status, body)) => Err(format!("status {status}: {}", body.chars().take(200).collect::<String>())),
                Err(why) => Err(why.to_string()),
            };
            // The run may be over.
            let _ = answered.send(Answer { token, received: clock.now(), body }).await;
        });
    }

    /// What the engine should hear of an answer: nothing when there was no book in it.
    pub(super) fn input(&mut self, answer: Answer, metrics: &Metrics) -> Option<Input> {
        let Answer { token, received, body } = answer;
        self.pending.remove(&token);
        match body {
            Ok(text) => Some(Input::RestBook { token, received, text }),
            Err(why) => {
                metrics.fetch_failed();
                tracing::warn!(?token, why, "no REST book");
                None
            }
        }
    }
}
