//! The ledger on a thread of its own: a sync may take milliseconds, and the desk must not wait for it.
//!
//! Rows that arrive while a commit runs go into the next one together (group commit). Order is kept. A full queue counts as a
//! failed ledger: a disk that stalls for thousands of rows is not one to trade on.

use super::{Durable, DurableIntent, Ledger, LedgerFailed};
use crate::rows::LedgerRow;
use crate::worker::Worker;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::Duration;

/// Rows that may wait: what two thousand intents a second make in more than two seconds, by when they are too old to be posted.
pub const QUEUE_MAX: usize = 8192;
/// Most rows of one commit.
pub const GROUP_ROWS_MAX: usize = 256;

/// How long it rests between two pieces of tidying while no row comes.
const TIDY_EVERY: Duration = Duration::from_millis(20);
/// How long the end waits for the last commit.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What became of rows.
pub type LedgerResult = Result<DurableIntent, LedgerFailed>;

/// Hands rows to the thread. Dropping it ends the thread when everything that waits is written.
pub struct LedgerHandle {
    rows: SyncSender<LedgerRow>,
    thread: Worker,
    durable: Durable,
}

impl LedgerHandle {
    /// Puts a row behind those that wait.
    ///
    /// # Errors
    /// [`LedgerFailed`] when the queue is full or the thread has ended.
    pub fn record(&self, row: LedgerRow) -> Result<(), LedgerFailed> {
        self.rows.try_send(row).map_err(|why| match why {
            TrySendError::Full(_) => LedgerFailed(format!("{QUEUE_MAX} rows wait for the disk").into()),
            TrySendError::Disconnected(_) => LedgerFailed("the ledger has ended".into()),
        })
    }

    /// How far the ledger goes on the disk, kept up to date by the thread.
    #[must_use]
    pub fn durable(&self) -> Durable {
        self.durable.clone()
    }

    /// Waits a little until everything that was recorded is written or has failed; `false`: the disk did not answer.
    #[must_use]
    pub fn close(self) -> bool {
        drop(self.rows);
        self.thread.ends_within(CLOSE_MAX)
    }
}

/// Starts the thread. `report` is called on it, once for each durable intent and once for a failure, after which the thread ends.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    ledger: impl Ledger + 'static,
    report: impl FnMut(LedgerResult) + Send + 'static,
) -> std::io::Result<LedgerHandle> {
    let (rows, queue) = sync_channel(QUEUE_MAX);
    let durable = Durable::default();
    durable.set(ledger.head());
    let told = durable.clone();
    let thread = Worker::start("ledger", move || run(ledger, &queue, &told, report))?;
    Ok(LedgerHandle { rows, thread, durable })
}

fn run(mut ledger: impl Ledger, queue: &Receiver<LedgerRow>, durable: &Durable, mut report: impl FnMut(LedgerResult)) {
    let mut group = Vec::with_capacity(GROUP_ROWS_MAX);
    loop {
        match queue.try_recv() {
            Ok(row) => group.push(row),
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                let next = match ledger.tidy() {
                    Ok(false) => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    Ok(true) => queue.recv_timeout(TIDY_EVERY),
                    Err(why) => {
                        report(Err(why));
                        return;
                    }
                };
                match next {
                    Ok(row) => group.push(row),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        }
        while group.len() < GROUP_ROWS_MAX {
            let Ok(row) = queue.try_recv() else { break };
            group.push(row);
        }
        match ledger.append(&group) {
            Ok(intents) => {
                durable.set(ledger.head());
                intents.into_iter().for_each(|intent| report(Ok(intent)));
            }
            Err(why) => {
                report(Err(why));
                return;
            }
        }
        group.clear();
    }
    if let Err(why) = ledger.close() {
        report(Err(why));
    }
}
