//! The served venue from outside: over real sockets, with a client of its own.

mod client;
mod identity;
mod reading;
mod rewards;
mod streams;
mod trading;
