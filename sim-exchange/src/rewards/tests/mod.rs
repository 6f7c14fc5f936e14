//! The library against models too plain to be wrong: naive fractions, and sums done by hand.

mod epoch;
mod naive;
mod programme;
mod rebate;
mod sample;
