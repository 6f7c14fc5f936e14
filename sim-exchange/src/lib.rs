//! The venue in a box: accounts, matching, recorded tapes and the public book they make together.
//!
//! What holds here:
//!
//! 1. **Time is data.** [`exchange::Exchange`] has no clock, socket, thread or hash-ordered map: the same calls at the same
//!    times give the same answers and the same notices, bit for bit.
//! 2. **Money is conserved.** Every movement goes through `accounts`, which asserts it.
//! 3. **The tape never reacts to us.** Recorded frames drive the public book; our orders wait in it (`tape`).
//! 4. **Every draw has a name** (`draws`): nothing one agent does shifts another's numbers.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod agents;
pub mod auth;
pub mod draws;
pub mod exchange;
pub mod faults;
pub mod kernel;
pub mod latent;
pub mod limits;
pub mod log;
pub mod mechanism;
pub mod mode;
pub mod rewards;
pub mod scenario;
pub mod server;
pub mod tape;
pub mod theory;
pub mod world;
