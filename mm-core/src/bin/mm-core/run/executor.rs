//! The connection to the executor: made again whenever it breaks, `Hello` first. While it is down nothing is queued: an intent
//! that cannot be sent now must not be sent later.

use futures_util::FutureExt;
use mm_core::config::Config;
use mm_core::domain::{Market, MarketIx, Outcome, Token};
use mm_core::event::Input;
use mm_core::io::backoff::Backoff;
use mm_core::io::uds::{self, FrameError, FrameReader, FrameWriter};
use mm_core::protocol::{FromExecutor, PROTOCOL_VERSION, ToExecutor};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

/// How long the last cancel may take to leave.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What introduces a run.
pub(super) fn hello(run: u64, config: &Config, markets: &[Market]) -> ToExecutor {
    // Rows never move or vanish and the list of markets is fixed for a run, so the table of the first connection stays good.
    let tokens = (0u16..).map(MarketIx).zip(markets).flat_map(|(ix, market)| {
        [Outcome::Yes, Outcome::No].map(|outcome| (Token { market: ix, outcome }, market.token_id(outcome).clone()))
    });
    ToExecutor::Hello { version: PROTOCOL_VERSION, run, config: config.digest(), tokens: tokens.collect() }
}

pub(super) struct ExecutorLink {
    path: PathBuf,
    hello: ToExecutor,
    backoff: Backoff,
    connected: Option<(FrameReader<OwnedReadHalf>, FrameWriter<OwnedWriteHalf>)>,
    /// The connection just broke and the engine has not heard of it.
    lost: bool,
    next_try: Instant,
    /// The last attempt failed: said once, not at every attempt.
    complained: bool,
}

impl ExecutorLink {
    pub(super) fn new(path: &Path, hello: ToExecutor, backoff: Backoff) -> Self {
        Self {
            path: path.to_owned(),
            hello,
            backoff,
            connected: None,
            lost: false,
            next_try: Instant::now(),
            complained: false,
        }
    }

    pub(super) const fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// The next thing the engine should hear. `None`: something happened that it need not hear of. Nothing is lost when the
    /// future is dropped.
    pub(super) async fn event(&mut self) -> Option<Input> {
        if std::mem::take(&mut self.lost) {
            return Some(Input::ExecutorLost);
        }
        let Some((reader, writer)) = &mut self.connected else {
            sleep_until(self.next_try).await;
            self.connect().await;
            return None;
        };
        let heard = tokio::select! {
            biased;
            heard = reader.recv::<FromExecutor>() => heard.map(Some),
            flushed = writer.flush(), if writer.has_backlog() => flushed.map(|()| None),
        };
        match heard {
            Ok(None) => None,
            Ok(Some(message)) => {
                match &message {
                    FromExecutor::Welcome { open, gate, .. } => {
                        tracing::info!(open = open.len(), ?gate, "executor welcomes us");
                        self.backoff.reset();
                    }
                    FromExecutor::Goodbye { why } => tracing::error!(%why, "executor refuses us"),
                    _ => {}
                }
                Some(Input::Executor(message))
            }
            Err(why) => {
                self.lose(&why);
                self.lost = false;
                Some(Input::ExecutorLost)
            }
        }
    }

    /// As [`Self::event`], if something is there already.
    pub(super) fn try_event(&mut self) -> Option<Input> {
        if !self.lost && self.connected.is_none() {
            return None;
        }
        self.event().now_or_never().flatten()
    }

    /// Puts a message behind those that wait; without a connection it is gone.
    pub(super) fn queue(&mut self, message: &ToExecutor) {
        if let Some((_, writer)) = &mut self.connected
            && let Err(why) = writer.queue(message)
        {
            self.lose(&why);
        }
    }

    /// Writes what waits as far as the socket takes it now; [`Self::event`] writes the rest.
    pub(super) fn push(&mut self) {
        if let Some((_, writer)) = &mut self.connected
            && let Some(Err(why)) = writer.flush().now_or_never()
        {
            self.lose(&why);
        }
    }

    /// [`Self::queue`] and [`Self::push`].
    pub(super) fn say(&mut self, message: &ToExecutor) {
        self.queue(message);
        self.push();
    }

    /// Gives what waits a last chance to leave.
    pub(super) async fn last_words(&mut self) {
        if let Some((_, writer)) = &mut self.connected {
            // A failure changes nothing: the executor cancels when it hears nothing more.
            let _ = timeout(LAST_WORDS, writer.flush()).await;
        }
    }

    async fn connect(&mut self) {
        // Whatever happens below, even if this future is dropped: not again before the next wait is over.
        self.next_try = Instant::now() + self.backoff.next_wait();
        match UnixStream::connect(&self.path).await {
            Ok(stream) => {
                tracing::info!(socket = %self.path.display(), "executor connected");
                self.connected = Some(uds::split(stream));
                self.complained = false;
                let hello = self.hello.clone();
                self.say(&hello);
            }
            Err(why) if !self.complained => {
                tracing::warn!(socket = %self.path.display(), %why, "executor not reachable, trying again");
                self.complained = true;
            }
            Err(_) => {}
        }
    }

    fn lose(&mut self, why: &FrameError) {
        tracing::warn!(%why, "executor lost");
        self.connected = None;
        self.lost = true;
        self.next_try = Instant::now() + self.backoff.next_wait();
    }
}
