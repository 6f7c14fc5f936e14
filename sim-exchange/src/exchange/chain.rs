//! The hash of everything a venue told, in order: two runs are the same run if and only if it is equal.

use super::Notice;
use mm_core::domain::Digest;
use mm_core::venue::{market_ws, user_ws};
use sha2::{Digest as _, Sha256};

/// h₀ = SHA-256("genesis:" + header), hᵢ = SHA-256(hᵢ₋₁ + bytes of the i-th notice).
#[derive(Clone, Debug)]
pub struct Chain {
    state: [u8; 32],
    count: u64,
}

impl Chain {
    /// The chain of a run; the header names what must be the same for two runs to be compared.
    #[must_use]
    pub fn new(header: &str) -> Self {
        Self { state: Sha256::digest(format!("genesis:{header}").as_bytes()).into(), count: 0 }
    }

    /// Adds the next notice, by its frame.
    pub fn absorb(&mut self, notice: &Notice) {
        let text = match notice {
            Notice::Market(event) => market_ws::encode(event).unwrap_or_default(),
            Notice::User { account, event } => {
                format!("{} {}", account.0, user_ws::encode(event).unwrap_or_default())
            }
        };
        let mut hasher = Sha256::new();
        hasher.update(self.state);
        hasher.update(text.as_bytes());
        self.state = hasher.finalize().into();
        self.count += 1;
    }

    /// Notices so far.
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
