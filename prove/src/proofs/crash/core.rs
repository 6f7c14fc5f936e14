//! A core that knows just enough to be one: it keeps its lease, asks for orders and remembers what it was told.

use crate::stack::StackError;
use executor::operator::{Ask, Told};
use mm_core::domain::{ClientOrderId, Digest, Nanos, OrderId, Token, TokenId};
use mm_core::io::uds;
use mm_core::protocol::{FromExecutor, Gate, PROTOCOL_VERSION, ToExecutor};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout_at};

/// The lease is renewed this often.
const LEASE: Duration = Duration::from_millis(300);

/// The connection ended, as it does when its other end is killed.
pub(super) struct Gone;

impl<E: std::error::Error> From<E> for Gone {
    fn from(_: E) -> Self {
        Self
    }
}

/// The connected core.
pub(super) struct Core {
    to: mpsc::Sender<ToExecutor>,
    from: mpsc::Receiver<FromExecutor>,
    gate: Gate,
    /// What each order became, as last told; and its hash.
    pub(super) became: BTreeMap<ClientOrderId, Became>,
    pub(super) fills: u64,
}

/// The last word on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    Rests(OrderId),
    Unknown,
    Over,
}

impl Core {
    pub(super) async fn connect(sockets: &Path, run: u64, tokens: &[(Token, TokenId)]) -> Result<Self, Gone> {
        let (mut reader, mut writer) = uds::split(UnixStream::connect(sockets.join("core.sock")).await?);
        let (tokens, config) = (tokens.to_vec(), Digest([0; 32]));
        writer.send(&ToExecutor::Hello { version: PROTOCOL_VERSION, run, config, tokens }).await?;
        let (to, mut wishes) = mpsc::channel(64);
        let (tell, from) = mpsc::channel(1024);
        tokio::spawn(async move {
            let mut lease = interval(LEASE);
            loop {
                let message = tokio::select! {
                    wish = wishes.recv() => match wish {
                        Some(wish) => wish,
                        None => return,
                    },
                    _ = lease.tick() => ToExecutor::Alive { oldest_feed: Nanos::ZERO },
                };
                if writer.send(&message).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok(message) = reader.recv::<FromExecutor>().await {
                if tell.send(message).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { to, from, gate: Gate::Unchecked, became: BTreeMap::new(), fills: 0 })
    }

    pub(super) async fn say(&self, wish: ToExecutor) -> Result<(), Gone> {
        Ok(self.to.send(wish).await?)
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.gate, Gate::Open { .. })
    }

    /// Whether something was said of every one of these.
    pub(super) fn is_answered(&self, ids: &[ClientOrderId]) -> bool {
        ids.iter().all(|id| self.became.contains_key(id))
    }

    /// Listens until `done`, or for so long; says whether it was done.
    pub(super) async fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Result<bool, Gone> {
        let end = Instant::now() + limit;
        while !done(self) {
            match timeout_at(end, self.from.recv()).await {
                Ok(Some(message)) => self.hear(message),
                Ok(None) => return Err(Gone),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn hear(&mut self, message: FromExecutor) {
        match message {
            FromExecutor::Welcome { gate, open, .. } => {
                self.gate = gate;
                self.became.extend(open.into_iter().map(|(id, order, ..)| (id, Became::Rests(order))));
            }
            FromExecutor::Gate(gate) => self.gate = gate,
            FromExecutor::Accepted { id, order } => drop(self.became.insert(id, Became::Rests(order))),
            FromExecutor::Unknown { id } => drop(self.became.insert(id, Became::Unknown)),
            FromExecutor::Refused { id, .. }
            | FromExecutor::Rejected { id, .. }
            | FromExecutor::Canceled { id, .. } => drop(self.became.insert(id, Became::Over)),
            FromExecutor::Fill { .. } => self.fills += 1,
            _ => {}
        }
    }
}

/// Asks one question of a running executor.
pub(super) async fn ask(sockets: &Path, socket: &str, ask: &Ask) -> Result<Told, Gone> {
    let (mut reader, mut writer) = uds::split(UnixStream::connect(sockets.join(socket)).await?);
    writer.send(ask).await?;
    Ok(reader.recv().await?)
}

impl From<Gone> for StackError {
    fn from(_: Gone) -> Self {
        Self("the executor is gone".to_owned())
    }
}
