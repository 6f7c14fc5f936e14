//! The proof that a row is durable.

use mm_core::domain::OrderId;

/// A committed intent row: made only by the ledger, after COMMIT returned. Signing consumes it.
///
/// No `Clone` and no serde: one row, one signature, one POST.
#[derive(Debug)]
#[must_use]
pub struct Recorded {
    order: OrderId,
    salt: u64,
    at_ms: u64,
}

impl Recorded {
    /// For the ledger alone, after its commit (SQLite or memory).
    #[allow(dead_code, reason = "called by the ledger")]
    pub(crate) const fn committed(order: OrderId, salt: u64, at_ms: u64) -> Self {
        Self { order, salt, at_ms }
    }

    /// The order's hash.
    #[must_use]
    pub const fn order(&self) -> OrderId {
        self.order
    }

    /// The salt that is part of the hash, below 2^53.
    #[must_use]
    pub const fn salt(&self) -> u64 {
        self.salt
    }

    /// The order's timestamp in milliseconds since 1970, part of the hash.
    #[must_use]
    pub const fn at_ms(&self) -> u64 {
        self.at_ms
    }
}
