//! The venue's language: the only place that knows its field names.
//!
//! Everything decodes *and* encodes, because the simulator speaks the other half. Decoding is tolerant where the venue
//! has been seen to vary (numbers for strings, empty strings, missing keys) and strict where a misreading would cost
//! money. Encoding writes the venue's usual shape.

pub mod book_hash;
pub mod earnings;
pub mod market_ws;
pub mod order;
pub mod rest;
pub mod subscribe;
pub mod text;
pub mod user_ws;
