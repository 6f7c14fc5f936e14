//! Recorded frames as the public book (architecture, tape rules).
//!
//! [`grow`] applies the rules to events, [`file`] reads them; what comes out is a [`Tape`]: plain changes with a due time.
//! The tape never reacts to us.

pub mod file;
pub mod grow;
#[cfg(test)]
mod tests;

pub use file::TapeError;
pub use grow::{Batch, Grower, Grown, GrownMarket, MarketReport, Op, Report};
