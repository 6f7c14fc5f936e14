//! A core that decides nothing: it places orders at a rate and cancels each a moment later.

use crate::stack::StackError;
use mm_core::domain::{ClientOrderId, Digest, MarketIx, Nanos, NewOrder, Outcome, Side, Timestamp, Token, TokenId};
use mm_core::io::clock::Clock;
use mm_core::io::uds::{self, FrameReader, FrameWriter};
use mm_core::protocol::{FromExecutor, Gate, PROTOCOL_VERSION, Shut, ToExecutor};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Between two rounds of intents, and between two signs of life.
const TICK: Duration = Duration::from_millis(5);
const ALIVE: Duration = Duration::from_millis(500);
/// How long an order rests before it is cancelled.
const RESTS: Duration = Duration::from_millis(100);

/// What was asked and what became of it.
#[derive(Clone, Debug, Default)]
pub(in crate::proofs) struct Counts {
    pub(in crate::proofs) placed: u64,
    pub(in crate::proofs) accepted: u64,
    pub(in crate::proofs) cancels: u64,
    pub(in crate::proofs) canceled: u64,
    /// Refused by the executor or not sent by it: what a shut gate does.
    pub(in crate::proofs) refused: u64,
    /// Anything else that an order should not meet, and the first of it.
    pub(in crate::proofs) odd: u64,
    pub(in crate::proofs) example: String,
}

pub(in crate::proofs) struct Driver {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
    clock: Clock,
    tokens: Vec<Token>,
    next: u64,
    alive: Instant,
    /// Orders that rest, with the moment they were accepted.
    resting: VecDeque<(ClientOrderId, Instant)>,
    /// When each order was asked for, by number from 1.
    pub(in crate::proofs) asked: Vec<Timestamp>,
    gate: Gate,
    pub(in crate::proofs) counts: Counts,
}

fn failed(why: impl std::fmt::Display) -> StackError {
    StackError(format!("the core's socket: {why}"))
}

impl Driver {
    /// Connects as the executor's core; `markets` are YES and NO tokens.
    pub(in crate::proofs) async fn connect(socket: &Path, markets: &[(String, String)]) -> Result<Self, StackError> {
        let stream = UnixStream::connect(socket).await.map_err(failed)?;
        let (reader, mut writer) = uds::split(stream);
        let mut tokens = Vec::new();
        for (n, (yes, no)) in (0..).zip(markets) {
            for (outcome, id) in [(Outcome::Yes, yes), (Outcome::No, no)] {
                tokens.push((Token { market: MarketIx(n), outcome }, TokenId::parse(id).map_err(failed)?));
            }
        }
        let numbers = tokens.iter().map(|(token, _)| *token).collect();
        let hello = ToExecutor::Hello { version: PROTOCOL_VERSION, run: 1, config: Digest([0; 32]), tokens };
        writer.send(&hello).await.map_err(failed)?;
        Ok(Self {
            reader,
            writer,
            clock: Clock::new(),
            tokens: numbers,
            next: 1,
            alive: Instant::now(),
            resting: VecDeque::new(),
            asked: Vec::new(),
            gate: Gate::Unchecked,
            counts: Counts::default(),
        })
    }

    /// Waits until orders may leave.
    pub(in crate::proofs) async fn opened(&mut self, limit: Duration) -> Result<(), StackError> {
        let until = Instant::now() + limit;
        while !self.is_open() {
            if Instant::now() >= until {
                return Err(StackError(format!("the gate stays {:?} for {} s", self.gate, limit.as_secs())));
            }
            self.tick(0, false).await?;
        }
        Ok(())
    }

    pub(in crate::proofs) const fn is_open(&self) -> bool {
        matches!(self.gate, Gate::Open { .. })
    }

    pub(in crate::proofs) const fn is_halted(&self) -> bool {
        matches!(self.gate, Gate::Shut(Shut::Halted))
    }

    /// Places `rate` orders a second for `long` and cancels each once it has rested.
    pub(in crate::proofs) async fn run(&mut self, rate: u64, long: Duration) -> Result<(), StackError> {
        let (begin, first) = (Instant::now(), self.counts.placed);
        while begin.elapsed() < long {
            self.tick(due(rate, begin.elapsed(), self.counts.placed - first), true).await?;
        }
        Ok(())
    }

    /// Waits until every order has met its end.
    pub(in crate::proofs) async fn finished(&mut self, limit: Duration) -> Result<(), StackError> {
        let until = Instant::now() + limit;
        while self.counts.canceled + self.counts.refused < self.counts.placed {
            if Instant::now() >= until {
                return Err(StackError(format!("{:?} after {} s", self.counts, limit.as_secs())));
            }
            self.tick(0, true).await?;
        }
        Ok(())
    }

    /// Sends what is due, then listens for a moment.
    pub(in crate::proofs) async fn tick(&mut self, places: u64, cancels: bool) -> Result<(), StackError> {
        if self.alive.elapsed() >= ALIVE {
            self.alive = Instant::now();
            self.writer.queue(&ToExecutor::Alive { oldest_feed: Nanos::ZERO }).map_err(failed)?;
        }
        for _ in 0..places {
            let at = self.clock.now();
            let (id, order) = (ClientOrderId(self.next), self.order());
            self.writer.queue(&ToExecutor::Place { id, at, order }).map_err(failed)?;
            self.asked.push(at);
            self.next += 1;
            self.counts.placed += 1;
        }
        while cancels && let Some((id, since)) = self.resting.front().copied() {
            if since.elapsed() < RESTS {
                break;
            }
            self.resting.pop_front();
            self.writer.queue(&ToExecutor::Cancel { id }).map_err(failed)?;
            self.counts.cancels += 1;
        }
        self.writer.flush().await.map_err(failed)?;
        let pause = tokio::time::sleep(TICK);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = &mut pause => return Ok(()),
                message = self.reader.recv() => self.hear(message.map_err(failed)?)?,
            }
        }
    }

    /// Says something at once.
    pub(in crate::proofs) async fn say(&mut self, message: &ToExecutor) -> Result<(), StackError> {
        self.writer.send(message).await.map_err(failed)
    }

    /// A small bid far below everything, in each token in turn.
    fn order(&self) -> NewOrder {
        let nth = usize::try_from(self.next).unwrap_or(usize::MAX);
        let token = self.tokens[nth % self.tokens.len()];
        executor::rehearsal::order(token.market.0, token.outcome, Side::Buy, 10, 5)
    }

    fn hear(&mut self, message: FromExecutor) -> Result<(), StackError> {
        let counts = &mut self.counts;
        match message {
            FromExecutor::Welcome { gate, .. } | FromExecutor::Gate(gate) => self.gate = gate,
            FromExecutor::Accepted { id, .. } => {
                counts.accepted += 1;
                self.resting.push_back((id, Instant::now()));
            }
            FromExecutor::Canceled { id, .. } => {
                counts.canceled += 1;
                self.resting.retain(|(other, _)| *other != id);
            }
            FromExecutor::Refused { .. } | FromExecutor::Rejected { .. } => {
                counts.refused += 1;
                if counts.example.is_empty() {
                    counts.example = format!("{message:?}");
                }
            }
            FromExecutor::Goodbye { why } => return Err(StackError(format!("the executor hangs up: {why}"))),
            FromExecutor::Unknown { .. } | FromExecutor::Fill { .. } | FromExecutor::CancelFailed { .. } => {
                counts.odd += 1;
                if counts.odd == 1 {
                    counts.example = format!("{message:?}");
                }
            }
            FromExecutor::Balance { .. }
            | FromExecutor::Scoring { .. }
            | FromExecutor::Share { .. }
            | FromExecutor::Earned { .. } => {}
        }
        Ok(())
    }
}

/// How many more of `rate` a second are due.
fn due(rate: u64, elapsed: Duration, done: u64) -> u64 {
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    (rate.saturating_mul(ms) / 1000).saturating_sub(done)
}
