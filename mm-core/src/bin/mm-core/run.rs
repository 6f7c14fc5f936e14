//! `mm-core run`: wakes when something arrived or a deadline is due, reads the clock once, forms a turn from everything that
//! is there, and does what the engine says. One thread: socket read, turn and the write of intents follow each other.

mod books;
mod executor;
mod identity;

use crate::config_file::Loaded;
use books::Fetcher;
use executor::ExecutorLink;
use mm_core::config::{Config, Journal};
use mm_core::domain::{Market, Nanos, Timestamp, Universe};
use mm_core::engine::{Engine, link_of};
use mm_core::event::{Action, Command, Input, LinkIx, Turn};
use mm_core::io::backoff::Backoff;
use mm_core::io::catalog::{Catalog, CatalogError, refresh};
use mm_core::io::clock::Clock;
use mm_core::io::http::{self, HttpError, Timeouts};
use mm_core::io::journal_file::{JournalFile, JournalFileError, Limits};
use mm_core::io::metrics::{self, Looker, Metrics};
use mm_core::io::ws::{self, Inbox, Link, LinkEvent, MarketCommand, MarketTokens, WsConfig, WsEvent};
use mm_core::journal::Recorder;
use mm_core::protocol::ToExecutor;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// Most inputs one turn takes. What is left waits for the next turn, which follows at once.
const TURN_INPUTS_MAX: usize = 4096;
/// Frames that may wait for a turn, and their bytes. Beyond either the link is closed.
const INBOX_EVENTS_MAX: usize = 16_384;
const INBOX_BYTES_MAX: usize = 128 << 20;
/// Bytes of journal lines whose memory is kept from turn to turn; a rare burst gives back what is beyond.
const LINES_KEPT: usize = 1 << 20;
/// How long orders may take to disappear after a signal before we leave anyway: then the executor hears silence and cancels.
const FAREWELL: Duration = Duration::from_secs(5);
/// Public REST calls.
const REST: Timeouts = Timeouts { connect: Duration::from_secs(3), total: Duration::from_secs(5) };

/// Why a run could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("{0}")]
    Catalog(#[from] CatalogError),
    #[error("catalogue: {0}")]
    Universe(#[from] mm_core::domain::UniverseError),
    #[error("{0}")]
    Journal(#[from] JournalFileError),
    #[error("feed.ws_url: {0}")]
    Url(#[from] ws::BadUrl),
    #[error("metrics.listen = {address}: {source}")]
    Metrics { address: SocketAddr, source: std::io::Error },
    #[error("{what}: {source}")]
    System { what: &'static str, source: std::io::Error },
}

fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> RunError {
    move |source| RunError::System { what, source }
}

/// Runs until a signal says otherwise.
pub(crate) fn run(loaded: Loaded, clock: Clock) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("cannot start the runtime"))?;
    let result = runtime.block_on(async { Shell::start(loaded, clock).await?.serve().await });
    // Blocking look-ups of names must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

const fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(nanos.nanos())
}

/// Lets `next` add until it has nothing more or the turn is full. What is left stays where it is.
fn fill(inputs: &mut Vec<Input>, mut next: impl FnMut(&mut Vec<Input>) -> Option<()>) {
    while inputs.len() < TURN_INPUTS_MAX && next(inputs).is_some() {}
}

/// Everything a run holds. The engine decides; the shell only carries.
struct Shell {
    clock: Clock,
    engine: Engine,
    /// Of this turn; the memory is used again by every turn, like that of its lines.
    actions: Vec<Action>,
    recorder: Recorder,
    lines: String,
    journal: JournalFile,
    seq: u64,
    inbox: Inbox,
    links: Vec<LinkState>,
    executor: ExecutorLink,
    fetcher: Fetcher,
    catalog: mpsc::Receiver<Vec<Market>>,
    metrics: Metrics,
    lookers: Option<mpsc::Receiver<Looker>>,
    alive: Interval,
    signals: [Signal; 2],
    /// Set by the first signal: when we leave at the latest.
    leave_by: Option<Instant>,
}

/// One connection of the market channel.
struct LinkState {
    link: Link<MarketCommand>,
    up: bool,
    last_frame: Option<Timestamp>,
}

/// Why the loop woke without anything for a turn.
enum Woke {
    Turn,
    Nothing,
    Leave,
}

impl Shell {
    async fn start(loaded: Loaded, clock: Clock) -> Result<Self, RunError> {
        // First of all: from here on a signal ends the run in order.
        let signals = [SignalKind::interrupt(), SignalKind::terminate()]
            .map(|kind| signal(kind).map_err(system("cannot listen for signals")));
        let [interrupt, terminate] = signals;
        let signals = [interrupt?, terminate?];

        let Loaded { config, text } = loaded;
        let listener = match config.metrics.listen {
            None => None,
            Some(address) => {
                let bound = tokio::net::TcpListener::bind(address).await;
                Some(bound.map_err(|source| RunError::Metrics { address, source })?)
            }
        };
        let client = http::client(REST)?;
        let conditions = config.markets.iter().map(|market| market.condition.clone()).collect();
        let catalog = Catalog::new(client.clone(), &config.feed.rest_url, conditions);
        let catalog = match &config.feed.gamma_url {
            Some(gamma) => catalog.with_gamma(gamma),
            None => catalog,
        };
        let markets = catalog.fetch().await?;
        Universe::new(markets.clone())?;

        let at = clock.now();
        let manifest = identity::manifest(&config, text, &markets);
        let Journal { dir, segment_bytes, max_bytes } = &config.journal;
        let limits = Limits { segment_bytes: *segment_bytes, max_bytes: *max_bytes };
        let journal = JournalFile::begin(Path::new(dir), at, limits, manifest)?;
        let run = journal.run();
        let metrics = Metrics::new();
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let lookers = listener.map(|listener| metrics::serve(listener, metrics.clone()));
        let hello = executor::hello(run, &config, &markets);
        let backoff = |seed| {
            Backoff::new(duration(config.feed.reconnect_min), duration(config.feed.reconnect_max), run ^ (seed << 32))
        };

        let (sender, inbox) = ws::inbox(INBOX_EVENTS_MAX, INBOX_BYTES_MAX);
        let mut links = Vec::new();
        for (link, tokens) in deal(&config, &markets) {
            let ws_config = WsConfig {
                url: config.feed.ws_url.clone(),
                message_max: ws::MESSAGE_MAX,
                ping_every: duration(config.feed.ping_every),
                pong_timeout: duration(config.feed.pong_timeout),
                backoff: backoff(u64::from(link.0)),
                renew_every: config.feed.renew_every.map(duration),
            };
            let link = ws::start(link, ws_config, tokens, sender.clone(), clock.clone())?;
            links.push(LinkState { link, up: false, last_frame: None });
        }

        let mut alive = interval(duration(config.executor.alive_every));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let executor_backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2), run);
        let ready = serde_json::json!({
            "run": run,
            "dir": journal.folder(),
            "metrics": address.map(|address| format!("http://{address}")),
        });
        let mut shell = Self {
            fetcher: Fetcher::new(client, &config.feed.rest_url, clock.clone()),
            catalog: refresh(catalog, markets.clone(), duration(config.feed.catalog_every)),
            executor: ExecutorLink::new(Path::new(&config.executor.socket), hello, executor_backoff),
            engine: Engine::new(config, markets.clone()),
            actions: Vec::new(),
            recorder: Recorder::new(),
            lines: String::new(),
            journal,
            seq: 0,
            inbox,
            links,
            metrics,
            lookers,
            alive,
            signals,
            leave_by: None,
            clock,
        };
        // The first turn makes the journal complete by itself: a replay needs the configuration and these lines.
        shell.turn(vec![Input::Universe(markets)])?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{ready}").and_then(|()| stdout.flush()).map_err(system("cannot write to stdout"))?;
        Ok(shell)
    }

    async fn serve(mut self) -> Result<(), RunError> {
        let mut inputs = Vec::new();
        loop {
            match self.wake(&mut inputs).await {
                Woke::Leave => return self.end(),
                Woke::Nothing => continue,
                Woke::Turn => {}
            }
            // Lets the links read everything that is readable: a burst of a thousand frames is one turn.
            tokio::task::yield_now().await;
            self.drain(&mut inputs);
            match self.turn(inputs) {
                Ok(used) => inputs = used,
                Err(why) => {
                    // The journal takes nothing more: what rests must go, then we go.
                    tracing::error!(%why, "the run stops");
                    self.executor.say(&ToExecutor::CancelAll { market: None });
                    self.executor.last_words().await;
                    return Err(why);
                }
            }
            if self.leave_by.is_some() && (!self.executor.is_connected() || !self.has_orders()) {
                self.executor.last_words().await;
                return self.end();
            }
        }
    }

    /// Waits until there is something to do. Everything awaited here loses nothing when another branch wins.
    async fn wake(&mut self, inputs: &mut Vec<Input>) -> Woke {
        let deadline = self.deadline();
        let leave_by = self.leave_by;
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            biased;
            _ = async { tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} } } => {
                if self.leave_by.is_some() {
                    return Woke::Leave;
                }
                tracing::info!("signal: withdrawing all quotes");
                self.leave_by = Some(Instant::now() + FAREWELL);
                inputs.push(Input::Operator(Command::Pause));
                Woke::Turn
            }
            () = sleep_until(leave_by.unwrap_or_else(Instant::now)), if leave_by.is_some() => {
                tracing::error!("orders may still rest: the executor cancels them when it hears nothing more of us");
                Woke::Leave
            }
            _ = self.alive.tick() => {
                let oldest_feed = self.engine.oldest_feed(self.clock.now());
                self.executor.say(&ToExecutor::Alive { oldest_feed });
                self.journal.sync_if_due(self.clock.now());
                Woke::Nothing
            }
            input = self.executor.event() => match input {
                Some(input) => {
                    inputs.push(input);
                    Woke::Turn
                }
                None => Woke::Nothing,
            },
            Some(event) = self.inbox.recv() => {
                self.absorb(event, inputs);
                Woke::Turn
            }
            Some(answer) = self.fetcher.answers.recv() => {
                inputs.extend(self.fetcher.input(answer, &self.metrics));
                if inputs.is_empty() { Woke::Nothing } else { Woke::Turn }
            }
            Some(markets) = self.catalog.recv() => {
                inputs.push(Input::Universe(markets));
                Woke::Turn
            }
            Some(looker) = next_looker(&mut self.lookers) => {
                self.show(looker);
                Woke::Nothing
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Woke::Turn,
        }
    }

    /// The engine's deadline on the runtime's clock. At least a millisecond away: a deadline that is due was just served, and
    /// an engine that asks for the past must not spin.
    fn deadline(&self) -> Option<Instant> {
        let due = self.engine.next_deadline()?;
        let wait = duration(due.since(self.clock.now())).max(Duration::from_millis(1));
        Some(Instant::now() + wait)
    }

    /// Adds what else is there, without waiting.
    fn drain(&mut self, inputs: &mut Vec<Input>) {
        fill(inputs, |inputs| self.executor.try_event().map(|input| inputs.push(input)));
        fill(inputs, |inputs| self.inbox.try_recv().map(|event| self.absorb(event, inputs)));
        fill(inputs, |inputs| {
            self.fetcher.answers.try_recv().ok().map(|answer| inputs.extend(self.fetcher.input(answer, &self.metrics)))
        });
    }

    fn absorb(&mut self, event: LinkEvent, inputs: &mut Vec<Input>) {
        let LinkEvent { link, at, what } = event;
        let Some(state) = self.links.get_mut(usize::from(link.0)) else { return };
        match what {
            WsEvent::Text(text) => {
                state.last_frame = Some(at);
                inputs.push(Input::MarketFrame { link, received: at, text });
            }
            WsEvent::Up => {
                tracing::info!(link = link.0, "link up");
                state.up = true;
                inputs.push(Input::Link { link, up: true });
            }
            WsEvent::Down { why } => {
                tracing::warn!(link = link.0, %why, "link down");
                // Failed attempts follow each other: the engine hears of the first.
                if std::mem::take(&mut state.up) {
                    inputs.push(Input::Link { link, up: false });
                }
            }
        }
    }

    /// One turn: engine, intents, journal. What the engine wants leaves first, because a word to the disk costs more than the
    /// decision; the lines are written before anything else can arrive, and a journal that takes nothing more stops the run. The clock
    /// is read once for the turn's data; the second reading is for the metrics only. Gives the list of inputs back, empty.
    fn turn(&mut self, inputs: Vec<Input>) -> Result<Vec<Input>, RunError> {
        self.seq += 1;
        let turn = Turn { seq: self.seq, at: self.clock.now(), inputs };
        self.actions.clear();
        self.engine.turn(&turn, &mut self.actions);
        self.dispatch(&turn);
        self.lines.clear();
        self.lines.shrink_to(LINES_KEPT);
        self.recorder.turn(&turn, &mut self.lines);
        self.recorder.did(turn.seq, &self.actions, &self.engine, &mut self.lines);
        self.journal.append(&self.lines, turn.at)?;
        for input in &turn.inputs {
            self.metrics.input(input);
        }
        self.metrics.turn(self.clock.now().since(turn.at), turn.inputs.len(), self.inbox.len());
        let Turn { mut inputs, .. } = turn;
        inputs.clear();
        Ok(inputs)
    }

    /// Does what the engine says. Intents leave in its order before all else: cancels come first because the engine puts them
    /// first, and what asks the network or tells people can wait for them.
    fn dispatch(&mut self, turn: &Turn) {
        for action in &self.actions {
            match *action {
                Action::Place { id, order } => self.executor.queue(&ToExecutor::Place { id, at: turn.at, order }),
                Action::Cancel { id } => self.executor.queue(&ToExecutor::Cancel { id }),
                Action::CancelAll { market } => self.executor.queue(&ToExecutor::CancelAll { market }),
                Action::Resync { .. } | Action::FetchBook { .. } | Action::Alert(_) => {}
            }
        }
        self.executor.push();
        for action in &self.actions {
            match action {
                Action::Place { .. } | Action::Cancel { .. } | Action::CancelAll { .. } => {}
                Action::Resync { link, token } => {
                    let id = self.engine.universe().token_id(*token).cloned();
                    let state = self.links.get(usize::from(link.0));
                    let told = id.zip(state).is_some_and(|(id, state)| state.link.command(MarketCommand::Resync(id)));
                    if !told {
                        tracing::warn!(seq = turn.seq, link = link.0, ?token, "cannot resubscribe");
                    }
                }
                Action::FetchBook { token } => {
                    if let Some(id) = self.engine.universe().token_id(*token) {
                        self.fetcher.fetch(*token, id, &self.metrics);
                    }
                }
                Action::Alert(alert) => {
                    self.metrics.alert(alert);
                    tracing::warn!(seq = turn.seq, ?alert, "alert");
                }
            }
        }
    }

    fn show(&self, looker: Looker) {
        let snapshot = self.engine.snapshot();
        let now = self.clock.now();
        let ages = (0u8..).zip(&self.links).filter_map(|(ix, state)| Some((LinkIx(ix), now.since(state.last_frame?))));
        self.metrics.show(&snapshot, ages);
        // Whoever asked may have gone.
        let _ = looker.send(snapshot);
    }

    fn has_orders(&self) -> bool {
        self.engine.snapshot().markets.iter().any(|market| !market.orders.is_empty())
    }

    fn end(mut self) -> Result<(), RunError> {
        let mut lines = String::new();
        self.recorder.finish(&self.engine, &mut lines);
        if !lines.is_empty() {
            self.journal.append(&lines, self.clock.now())?;
        }
        self.journal.finish()?;
        tracing::info!(turns = self.seq, "ended");
        Ok(())
    }
}

async fn next_looker(lookers: &mut Option<mpsc::Receiver<Looker>>) -> Option<Looker> {
    match lookers {
        Some(lookers) => lookers.recv().await,
        None => None,
    }
}

/// Which tokens each link carries: both of a market on the same one.
fn deal(config: &Config, markets: &[Market]) -> Vec<(LinkIx, MarketTokens)> {
    let universe = Universe::new(markets.to_vec()).expect("checked before");
    let mut links: Vec<(LinkIx, Vec<_>)> = Vec::new();
    for (ix, market) in universe.iter() {
        let link = link_of(ix, config.feed.tokens_per_link);
        let tokens = [market.yes.clone(), market.no.clone()];
        match links.last_mut() {
            Some((last, all)) if *last == link => all.extend(tokens),
            _ => links.push((link, tokens.into())),
        }
    }
    links.into_iter().map(|(link, tokens)| (link, MarketTokens::new(tokens))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Command, Input, TURN_INPUTS_MAX, fill};

    #[test]
    fn a_full_turn_leaves_the_rest_where_it_is() {
        let mut waiting = TURN_INPUTS_MAX + 3;
        let mut turn = |inputs: &mut Vec<Input>| {
            fill(inputs, |inputs| {
                waiting = waiting.checked_sub(1)?;
                inputs.push(Input::Operator(Command::Pause));
                Some(())
            });
            inputs.len()
        };
        let mut inputs = vec![Input::ExecutorLost];
        assert_eq!(turn(&mut inputs), TURN_INPUTS_MAX);
        assert_eq!(turn(&mut inputs), TURN_INPUTS_MAX, "a full turn takes nothing more");
        inputs.clear();
        assert_eq!(turn(&mut inputs), 4);
    }
}
