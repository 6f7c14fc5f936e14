//! What a venue reply proves. Total: every reply has a class, and whatever is not proven is unknown.

mod reply;

pub use reply::{Answer, Lost, VenueCall, VenueReply};
