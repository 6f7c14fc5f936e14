//! The served venue from outside: over real sockets, with a client of its own.

mod broken;
mod client;
mod fault_accounts;
mod fault_calls;
mod fault_feeds;
mod fronts;
mod hosts;
mod identity;
mod ledger;
mod life;
mod limits;
mod reading;
mod rewards;
mod shapes;
mod streams;
mod trading;
