//! The deterministic data plane: books, quotes, orders, journal.
//!
//! What holds here:
//!
//! 1. **Time is data.** No clock, IO, randomness, thread, logger or hash-ordered map outside [`io`].
//! 2. **One turn in, actions out.** [`engine::Engine::turn`] absorbs everything that has arrived, then decides once for each
//!    touched market. The same turns give the same actions, bit for bit.
//! 3. **Integers for money.** Prices, sizes and dollars are scaled integers; a rounding is named at its site.
//! 4. **A doubtful book is not quoted on.**
//! 5. **No secret.** Nothing here can reach a key or a credential.
#![forbid(unsafe_code)]

pub mod book;
pub mod config;
pub mod domain;
pub mod engine;
pub mod event;
pub mod inventory;
#[cfg(feature = "io")]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one module that may wait, block, read the clock and touch files"
)]
pub mod io;
pub mod journal;
pub mod orders;
pub mod protocol;
pub mod quote;
pub mod rewards;
pub mod risk;
pub mod venue;
