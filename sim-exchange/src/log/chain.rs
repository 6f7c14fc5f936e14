//! A chain of hashes over byte strings: two chains are equal if and only if all their links are.

use mm_core::domain::Digest;
use sha2::{Digest as _, Sha256};

/// h₀ = SHA-256("genesis:" ‖ header), hᵢ = SHA-256(hᵢ₋₁ ‖ bytes of the i-th entry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    state: [u8; 32],
    count: u64,
}

impl Chain {
    /// The chain before its first entry. The header names what must be the same for two chains to be compared.
    #[must_use]
    pub fn new(header: &[u8]) -> Self {
        let hasher = Sha256::new_with_prefix(b"genesis:").chain_update(header);
        Self { state: hasher.finalize().into(), count: 0 }
    }

    /// A chain that goes on behind `count` entries.
    #[must_use]
    pub const fn resumed(state: Digest, count: u64) -> Self {
        Self { state: state.0, count }
    }

    /// Adds the next entry.
    pub fn absorb(&mut self, bytes: &[u8]) {
        self.state = Sha256::new_with_prefix(self.state).chain_update(bytes).finalize().into();
        self.count += 1;
    }

    /// Entries so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The hash so far.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        Digest(self.state)
    }
}
