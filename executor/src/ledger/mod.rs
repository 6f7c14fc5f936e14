//! What was decided, before it was done: append-only rows, durable when [`Ledger::append`] returns.
//!
//! The only maker of [`Recorded`]. Any error is final: a ledger that failed once refuses everything after it, a failed sync is
//! never tried again, and the desk halts. Reading back gives the rows in order, from the first.

mod chain;
mod head;
mod memory;
mod mirror;
mod sqlite;
mod thread;

pub use chain::{Broken, Chain, Link};
pub use head::{BadHead, Durable, Head, HeadFile, HeadKeeper, HeadMissing, Sought, WRITE_EVERY};
pub use memory::MemoryLedger;
pub use mirror::{BadMirror, Mirror, MirrorFile, Mirrored};
pub use sqlite::{LedgerError, SCHEMA_VERSION, SqliteLedger, is_safe_library};
pub use thread::{GROUP_ROWS_MAX, LedgerHandle, LedgerResult, QUEUE_MAX, start};

use crate::recorded::Recorded;
use crate::rows::LedgerRow;
use mm_core::domain::ClientOrderId;

/// Rows could not be made durable. Final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ledger: {0}")]
pub struct LedgerFailed(pub Box<str>);

/// An intent whose row is durable.
#[derive(Debug)]
pub struct DurableIntent {
    /// The core's number for it.
    pub id: ClientOrderId,
    /// Leave to sign it.
    pub row: Recorded,
}

/// Append-only storage of rows.
pub trait Ledger: Send {
    /// Appends `rows` in one transaction and returns when all of them are durable, with a proof for each intent among them, in
    /// their order.
    ///
    /// # Errors
    /// [`LedgerFailed`]; none of the rows counts as written, and every later call fails too.
    fn append(&mut self, rows: &[LedgerRow]) -> Result<Vec<DurableIntent>, LedgerFailed>;

    /// Hands every row to `each`, oldest first.
    ///
    /// # Errors
    /// [`LedgerFailed`] when a row cannot be read, is not what was written, or is missing.
    fn read(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed>;

    /// How far it goes.
    fn head(&self) -> Head;

    /// Work that is better done when nothing waits; whether more of it is left. Does nothing by default.
    ///
    /// # Errors
    /// [`LedgerFailed`].
    fn tidy(&mut self) -> Result<bool, LedgerFailed> {
        Ok(false)
    }

    /// The end: nothing is appended any more. Does nothing by default.
    ///
    /// # Errors
    /// [`LedgerFailed`]: what was appended may not be where it shall stay.
    fn close(&mut self) -> Result<(), LedgerFailed> {
        Ok(())
    }
}

/// Proofs for the intents among rows that were just made durable.
pub(crate) fn proofs(rows: &[LedgerRow]) -> Vec<DurableIntent> {
    rows.iter()
        .filter_map(|row| match row {
            LedgerRow::Intent(intent) => {
                Some(DurableIntent { id: intent.id, row: Recorded::committed(intent.order, intent.salt, intent.at_ms) })
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
