//! The venue's error texts (`clob-rest.md` section 15). Matched on what is fixed in them: figures and ids vary.

/// What a text proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// A documented reason for not taking this order.
    Documented,
    /// The order may rest in spite of it.
    Ambiguous,
    /// Never seen.
    Unfamiliar,
}

/// The refusal of an order that gives what is not there.
pub(super) const POOR: &str = "not enough balance / allowance";

/// Documented refusals, in lower case.
const DOCUMENTED: [&str; 27] = [
    "invalid order payload",
    "the order owner has to be the owner of the api key",
    "the order signer address has to be the address of the api key",
    "address banned",
    "address in closed only mode",
    "breaks minimum tick size rule",
    "lower than the minimum",
    "crosses the book",
    "order crosses book",
    POOR,
    "invalid amounts",
    "invalid amount for a marketable",
    "invalid expiration",
    "invalid nonce",
    "order canceled in the ctf exchange contract",
    "fok orders are fully filled or killed",
    "no orders found to match with fak order",
    "the market is not yet ready to process new orders",
    "too many orders in payload",
    "invalid orderid",
    "invalid order params payload",
    "no orderbook exists for the requested token id",
    "market not found",
    "order_version_mismatch",
    "invalid signature",
    "trading restricted in your region",
    "invalid post-only order",
];

/// Texts behind which an order may rest: the system's own trouble, a duplicate, a delay.
const AMBIGUOUS: [&str; 9] = [
    "duplicated",
    "could not insert order",
    "internal server error",
    "there are no matching orders",
    "rounding issues",
    "discrepancy greater than allowed",
    "delayed",
    "context canceled",
    "timeout",
];

pub(super) fn judge(text: &str) -> Text {
    let lower = text.to_ascii_lowercase();
    if AMBIGUOUS.iter().any(|part| lower.contains(part)) {
        Text::Ambiguous
    } else if DOCUMENTED.iter().any(|part| lower.contains(part)) {
        Text::Documented
    } else {
        Text::Unfamiliar
    }
}

pub(super) fn is_region(text: &str) -> bool {
    text.to_ascii_lowercase().contains("restricted in your region")
}

pub(super) fn is_post_only_mode(text: &str) -> bool {
    text.to_ascii_lowercase().contains("post-only mode")
}

pub(super) fn is_no_placing(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("cancel-only") || lower.contains("trading is disabled") || lower.contains("currently disabled")
}

pub(super) fn is_closed_only(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("address in closed only mode") || lower.contains("address banned")
}
