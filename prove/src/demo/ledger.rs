//! Holds the executor's ledger against the venue's list of accepted orders: each must have a row with its hash, written
//! before the venue took it.

use crate::stack::StackError;
use executor::ledger::{Ledger as _, SqliteLedger};
use executor::rows::LedgerRow;
use mm_core::domain::{OrderId, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

/// What the comparison came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Orders the venue accepted.
    pub(crate) accepted: usize,
    /// Without an intent row of that hash.
    pub(crate) missing: usize,
    /// Whose row is younger than the acceptance.
    pub(crate) late: usize,
}

/// Compares the venue's accepted orders with the ledger of a stopped executor.
///
/// # Errors
/// When the ledger cannot be opened or its chain is broken.
pub(crate) fn known_before_sent(ledger: &Path, accepted: &[(OrderId, Timestamp)]) -> Result<Known, StackError> {
    let mut ledger = SqliteLedger::open(ledger).map_err(|e| StackError(e.to_string()))?;
    let mut recorded: BTreeMap<OrderId, Timestamp> = BTreeMap::new();
    ledger
        .read(&mut |row| {
            if let LedgerRow::Intent(intent) = row {
                recorded.insert(intent.order, intent.at);
            }
        })
        .map_err(|e| StackError(e.to_string()))?;
    let mut known = Known { accepted: accepted.len(), ..Known::default() };
    for (order, at) in accepted {
        match recorded.get(order) {
            None => known.missing += 1,
            Some(written) if written > at => known.late += 1,
            Some(_) => {}
        }
    }
    Ok(known)
}
