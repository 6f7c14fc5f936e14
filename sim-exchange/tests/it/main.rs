//! The served venue from outside: over real sockets, with a client of its own.

mod broken;
mod client;
mod fronts;
mod hosts;
mod identity;
mod ledger;
mod limits;
mod reading;
mod shapes;
mod streams;
mod trading;
