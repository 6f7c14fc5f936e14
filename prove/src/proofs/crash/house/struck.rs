//! Lives in which something befalls the executor while its orders rest.

use super::{House, START_MAX, WAIT_MAX};
use crate::proofs::crash::Sabotage;
use crate::proofs::crash::truth::{self, Truth};
use crate::stack::{Process, StackError};
use mm_core::protocol::ToExecutor;
use rustix::process::Signal;
use serde_json::json;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long an executor may take to end that must end.
pub(in crate::proofs::crash) const PATIENCE: Duration = Duration::from_secs(16);

/// Between two looks for an order that is on its way.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How a struck executor ended.
#[derive(Debug)]
pub(in crate::proofs::crash) enum Finish {
    /// By itself.
    Ended(ExitStatus),
    /// It went on until it was asked to end.
    Asked(ExitStatus),
    /// Not even then.
    Hangs,
}

/// What such a life came to.
pub(in crate::proofs::crash) struct Struck {
    /// At the venue before it was struck.
    pub(in crate::proofs::crash) before: Truth,
    /// And when it was over.
    pub(in crate::proofs::crash) after: Truth,
    pub(in crate::proofs::crash) end: Finish,
    /// Orders at the venue without a row.
    pub(in crate::proofs::crash) lost: u64,
    /// The latch's marker is down.
    pub(in crate::proofs::crash) marked: bool,
    pub(in crate::proofs::crash) last_words: String,
    /// Everything it said.
    pub(in crate::proofs::crash) log: String,
}

impl Struck {
    /// Orders the venue took after the executor was struck.
    pub(in crate::proofs::crash) fn taken(&self) -> u64 {
        self.after.orders() - self.before.orders()
    }
}

impl House {
    /// The executor on this house's ledger.
    pub(in crate::proofs::crash) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--config").arg(&self.config);
        if self.sabotage == Sabotage::LateRows {
            command.env("EXECUTOR_CRASH_LATE_ROWS", "1");
        }
        command
    }

    /// Where ledger, head and marker lie.
    pub(in crate::proofs::crash) fn state_dir(&self) -> PathBuf {
        self.dir.join("executor")
    }

    /// Orders rest, then `strike` does what it does; more orders and a cancel are asked for. An executor that goes on for `patience` is
    /// asked to end. Where orders land late, one is waited for.
    pub(in crate::proofs::crash) async fn struck(
        &mut self,
        command: Command,
        patience: Duration,
        strike: impl FnOnce(&Process) -> Result<(), StackError>,
    ) -> Result<Struck, StackError> {
        let (mut process, mut core) = self.opened(command).await?;
        let first = self.first_order(&mut core).await?;
        for n in 1..3 {
            let id = self.place(&core, 500, 10 + n).await?;
            core.until(WAIT_MAX, |core| core.is_answered(&[id])).await?;
        }
        let before = self.look().await?;
        if let Some(ms) = self.lands_late_ms {
            self.stack.switch_fault(&json!({"kind": "applied-late", "calls": "orders", "after_ms": ms})).await?;
        }
        strike(&process)?;
        // some of them may be what it breaks at
        for n in 0..40 {
            let Ok(id) = self.place(&core, 500, 10 + n % 9).await else { break };
            if self.one_by_one && core.until(WAIT_MAX, |core| core.is_answered(&[id])).await.is_err() {
                break;
            }
        }
        // one that is gone wants nothing any more
        core.say(ToExecutor::Cancel { id: first }).await.ok();
        let end = match process.ended(patience).await {
            Ok(status) => Finish::Ended(status),
            Err(_) => {
                process.signal(Signal::TERM).ok();
                process.ended(PATIENCE).await.map_or(Finish::Hangs, Finish::Asked)
            }
        };
        self.lives += 1;
        let mut after = self.look().await?;
        if self.lands_late_ms.is_some() {
            let begin = Instant::now();
            while after.orders() == before.orders() && begin.elapsed() < WAIT_MAX {
                tokio::time::sleep(LOOK_AGAIN).await;
                after = self.look().await?;
            }
            self.stack.end_faults().await?;
        }
        let lost = truth::compare(&after, &self.state_dir().join("ledger.sqlite"))?.lost;
        let marked = self.state_dir().join("HALTED").exists();
        let log = std::fs::read_to_string(&process.log)?;
        Ok(Struck { before, after, end, lost, marked, last_words: process.last_words(), log })
    }

    /// A life that is asked to end as soon as it is ready, if it ever is; how it ended, and its last words.
    pub(in crate::proofs::crash) async fn begins(
        &mut self,
        command: Command,
    ) -> Result<(ExitStatus, String), StackError> {
        let mut process = Process::spawn("executor", command, &self.dir)?;
        if process.first_line(START_MAX).await.is_ok() {
            process.signal(Signal::TERM).ok();
        }
        let status = process.ended(START_MAX).await?;
        self.lives += 1;
        Ok((status, process.last_words()))
    }

    /// A life in which orders rest, that is asked to end after `ends`; how it ended, and its last words.
    pub(in crate::proofs::crash) async fn finishes(
        &mut self,
        command: Command,
        ends: impl FnOnce() -> Result<(), StackError>,
    ) -> Result<(ExitStatus, String), StackError> {
        let (mut process, mut core) = self.opened(command).await?;
        self.first_order(&mut core).await?;
        ends()?;
        process.signal(Signal::TERM).ok();
        let status = process.ended(PATIENCE).await?;
        self.lives += 1;
        Ok((status, process.last_words()))
    }
}
