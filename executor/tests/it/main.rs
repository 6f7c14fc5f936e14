//! The key holder against a venue and peers on loopback.

#[expect(clippy::disallowed_methods, reason = "it changes files and starts a process")]
mod audit;
mod clob;
mod connection;
mod echo;
#[expect(clippy::disallowed_methods, reason = "it leaves a file where others could read it")]
mod kill;
mod killer;
#[expect(clippy::disallowed_methods, reason = "it writes what another process sends")]
mod session;
mod user_stream;
