//! The key holder against a venue and peers on loopback.

mod clob;
mod echo;
mod kill;
mod killer;
mod session;
mod user_stream;
