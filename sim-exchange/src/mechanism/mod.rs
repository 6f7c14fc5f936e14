//! Matching mechanisms. Today one: the continuous price-time book.

pub mod book;

pub use book::{Levels, Maker, Match, OrderBook, Resting};
