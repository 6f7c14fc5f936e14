//! Everything that waits, blocks or talks: the only module of the library that may name a runtime, a socket or a file.
//!
//! Each part turns the outside world into plain data (`Input`s, frames, bytes) and plain data into effects. None of them
//! decides anything about quotes, orders or risk.

pub mod backoff;
pub mod catalog;
pub mod clock;
pub mod frames;
pub mod http;
pub mod journal_file;
pub mod logging;
pub mod metrics;
pub mod recorded;
pub mod tls;
pub mod uds;
pub mod ws;
