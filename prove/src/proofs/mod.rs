//! The proofs, one file for each area. Each exports a slice; [`crate::registry`] joins them by hand.

pub(crate) mod books;
pub(crate) mod clients;
pub(crate) mod earnings;
pub(crate) mod edits;
pub(crate) mod executor;
pub(crate) mod faults;
pub(crate) mod flood;
pub(crate) mod house;
pub(crate) mod keys;
pub(crate) mod last_metre;
pub(crate) mod orders;
pub(crate) mod placement;
pub(crate) mod policy;
pub(crate) mod process;
pub(crate) mod profiles;
pub(crate) mod quotes;
pub(crate) mod replay;
pub(crate) mod rewards;
pub(crate) mod roads;
pub(crate) mod scoring;
pub(crate) mod server;
pub(crate) mod theory;
pub(crate) mod time;
pub(crate) mod truth;
pub(crate) mod venue;
pub(crate) mod world;
