//! The served venue from outside: over real sockets, with a client of its own.

mod client;
mod fault_calls;
mod fault_feeds;
mod identity;
mod reading;
mod streams;
mod trading;
