//! The same promises without a disk, for simulated worlds: durable as long as the process lives.

use super::{DurableIntent, Head, Ledger, LedgerFailed, proofs};
use crate::rows::LedgerRow;
use mm_core::domain::OrderId;
use std::collections::BTreeSet;

/// Rows in memory. [`MemoryLedger::fail_after`] plays a dying disk.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    rows: Vec<LedgerRow>,
    orders: BTreeSet<OrderId>,
    appends_left: Option<u64>,
    /// Rows that are kept at least; `None`: all.
    keeps: Option<usize>,
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on at least the newest `rows` are kept and at most twice as many: for worlds that last for days. What is forgotten
    /// is not read back, and a repeated order is only noticed while its row is kept.
    #[must_use]
    pub const fn keeping(mut self, rows: usize) -> Self {
        self.keeps = Some(rows);
        self
    }

    fn forget_old(&mut self) {
        let Some(keeps) = self.keeps else { return };
        if self.rows.len() > keeps.saturating_mul(2) {
            for row in self.rows.drain(..self.rows.len() - keeps) {
                if let LedgerRow::Intent(intent) = row {
                    self.orders.remove(&intent.order);
                }
            }
        }
    }

    /// Every append after the next `n` fails.
    pub fn fail_after(&mut self, n: u64) {
        self.appends_left = Some(n);
    }

    /// All rows, oldest first.
    #[must_use]
    pub fn rows(&self) -> &[LedgerRow] {
        &self.rows
    }
}

impl Ledger for MemoryLedger {
    fn append(&mut self, rows: &[LedgerRow]) -> Result<Vec<DurableIntent>, LedgerFailed> {
        match &mut self.appends_left {
            Some(0) => return Err(LedgerFailed("planned failure".into())),
            Some(n) => *n -= 1,
            None => {}
        }
        for row in rows {
            if let LedgerRow::Intent(intent) = row
                && !self.orders.insert(intent.order)
            {
                self.appends_left = Some(0);
                return Err(LedgerFailed(format!("order {} is recorded twice", intent.order).into()));
            }
        }
        self.rows.extend_from_slice(rows);
        self.forget_old();
        Ok(proofs(rows))
    }

    fn read(&mut self, each: &mut dyn FnMut(LedgerRow)) -> Result<(), LedgerFailed> {
        self.rows.iter().cloned().for_each(each);
        Ok(())
    }

    /// It has no chain.
    fn head(&self) -> Head {
        Head::default()
    }
}
