//! The key holder against a venue and peers on loopback.

mod clob;
mod echo;
#[expect(clippy::disallowed_methods, reason = "it leaves a file where others could read it")]
mod kill;
mod killer;
mod session;
mod user_stream;
