//! The key holder: policy, ledger, signing, cancel-all.
//!
//! What holds here:
//!
//! 1. **Only this crate touches the key and the API credentials**, and none of them can be printed, copied or serialized.
//! 2. **Policy before signature.** `Approved` has one maker, policy, and one taker, `sign`.
//! 3. **Record, then act.** The row with the order's hash is durable before the order is sent; a missing answer is
//!    `Unknown` and is settled by looking, never by sending again.
//! 4. **Cancels never pass through policy**, and they have their own connection and their own share of the rate limit.
//! 5. **Unknown is shut.** The gate starts shut, and anything not known to be well keeps it so.
//! 6. **The deciding part is pure.** [`desk`], [`policy`], [`exposure`], [`gate`] and [`outcome`] have no clock, IO,
//!    randomness or hash-ordered map; time is an argument.

pub mod audit;
pub mod auth;
pub mod clob;
pub mod config;
#[doc(hidden)]
pub mod crash;
pub mod desk;
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "files are what it is about")]
pub mod durable;
mod echo;
pub mod eip712;
pub mod exposure;
pub mod gate;
#[expect(clippy::disallowed_types, reason = "it looks at the policy's file")]
pub mod harden;
pub mod host;
#[expect(clippy::disallowed_methods, reason = "a new key comes from the system's random source")]
pub mod key;
pub mod key_lock;
#[expect(clippy::disallowed_methods, reason = "it works without the rest: with files and clocks")]
pub mod kill;
#[expect(clippy::disallowed_methods, reason = "it waits with a panicking thread")]
pub mod killer;
#[expect(clippy::disallowed_methods, reason = "the marker is a file")]
pub mod latch;
#[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the ledger is a file, and so is its mirror")]
pub mod ledger;
pub mod limits;
pub mod operator;
pub mod outcome;
#[cfg_attr(test, expect(clippy::disallowed_methods, reason = "its tests write files"))]
pub mod passphrase;
pub mod policy;
pub mod reasons;
pub mod recorded;
#[doc(hidden)]
pub mod rehearsal;
pub mod rows;
pub mod sandbox;
#[expect(clippy::disallowed_types, reason = "secrets lie in files")]
pub mod secret_file;
pub mod session;
pub mod sign;
#[expect(clippy::disallowed_methods, reason = "files are what it is about")]
pub mod state;
pub mod user_stream;
#[doc(hidden)]
pub mod vectors;
pub mod wallets;
pub mod way_out;
mod worker;
