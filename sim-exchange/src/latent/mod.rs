//! What the world is about: the probability nobody sees, and what each agent learns of it.

mod signals;

pub use signals::{Blind, Jump, Signals};
