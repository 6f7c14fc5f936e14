//! Judges a ledger by what its rows say: the fold and the policy that decided run once more over them.
//!
//! One row after the other, in memory that does not grow with the ledger. Whether the rows are those that were written is the chain's
//! matter ([`crate::ledger::Chain`]), not asked here. What no row tells is not judged: the age of an intent, the road of a request.

mod rules;
#[cfg(test)]
mod tests;

use crate::exposure::Exposure;
use crate::policy::Policy;
use crate::rows::LedgerRow;
use mm_core::domain::{Digest, Timestamp};

/// Findings that are kept; the others are counted.
pub const FINDINGS_MAX: usize = 20;

/// A rule that the rows break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: {what}")]
pub struct Finding {
    /// The row that breaks it.
    pub row: u64,
    /// Which rule, and how.
    pub what: Box<str>,
}

/// What was read and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows read.
    pub rows: u64,
    /// Time of the first and of the last.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Starts of the executor.
    pub starts: u64,
    /// Times it was armed, those by itself included.
    pub arms: u64,
    /// Times it was halted.
    pub halts: u64,
    /// Orders approved.
    pub intents: u64,
    /// Of those, judged once more by the policy in force. The others lack its contents: an older program wrote none, or another
    /// version did.
    pub judged: u64,
    /// Orders refused, as far as they were written.
    pub refused: u64,
    /// Rows about what became of orders.
    pub outcomes: u64,
    /// Rows about trades.
    pub fills: u64,
    /// Rows after which more was at risk in all or in a market, or more orders were open, than a cap allows although no order was approved then (an order that landed after it was
    /// given up, say), and the first of them. No rule is broken by that.
    pub beyond: Option<(u64, u64)>,
    /// Starts with a clock behind the last row before.
    pub clock_back: u64,
    /// Broken rules, oldest first.
    pub findings: Vec<Finding>,
    /// Broken rules that found no room there.
    pub more: u64,
}

/// The replay.
#[derive(Debug, Default)]
pub struct Audit {
    exposure: Exposure,
    /// Digest of the policy in force; `None` before the first start.
    in_force: Option<Digest>,
    /// Its contents, where they were written by a program with our rules.
    policy: Option<Policy>,
    /// What was in force before it was tightened, until the new contents are told.
    before: Option<Policy>,
    armed: bool,
    last: Timestamp,
    report: Report,
}

impl Audit {
    /// Takes the next row.
    pub fn row(&mut self, row: &LedgerRow) {
        self.report.rows += 1;
        let at = row.at();
        self.report.span = Some((self.report.span.map_or(at, |(first, _)| first), at));
        self.check_time(row);
        self.check(row);
        self.exposure.apply(row);
        if matches!(row, LedgerRow::Epoch { .. }) {
            self.exposure.restart();
        }
        self.measure(row);
    }

    /// What came of it.
    #[must_use]
    pub fn end(self) -> Report {
        self.report
    }

    fn broken(&mut self, what: impl Into<Box<str>>) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(Finding { row: self.report.rows, what: what.into() });
        } else {
            self.report.more += 1;
        }
    }
}
