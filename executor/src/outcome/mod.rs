//! What a venue reply proves. Total: every reply has a class, and whatever is not proven is unknown.
//!
//! An order counts as rejected only on a parsed reason the venue documents, and as accepted only when the venue names the
//! hash we computed.

mod batch;
mod listed;
mod reads;
mod reply;
#[cfg(test)]
mod tests;
mod texts;

pub use batch::split_batch;
pub use listed::{ListedBook, ListedLevel, ListedOrder, ListedPart, ListedTrade};
pub use reads::{
    Beat, Cancels, Geo, Unreadable, balance, books, cancel, closed_only, earned, geoblock, heartbeat, open_orders,
    order, scoring, shares, time, trades,
};
pub use reply::{Answer, Lost, VenueCall, VenueReply};

use memchr::memmem::Finder;
use mm_core::domain::OrderId;
use mm_core::venue::rest::{ErrorBody, PostOrderReply};
use std::sync::LazyLock;
use texts::{Text, judge};

/// What a placement's reply proves (executor.md section 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Not one byte left.
    NotSent(Box<str>),
    /// The venue names our hash and no error.
    Accepted,
    /// The venue says no with a reason it documents.
    Rejected(Box<str>),
    /// It very likely did not take it: hold until a look-up, the list of open orders and that of trades know nothing of it.
    RejectedUnconfirmed(Box<str>),
    /// Anything else: it may rest.
    Unknown(Box<str>),
    /// A success that names another order.
    IdMismatch(OrderId),
}

/// Whether a documented no is for want of what the order gives: dollars, or the shares it sells.
#[must_use]
pub fn is_for_want_of_balance(why: &str) -> bool {
    why.contains(texts::POOR)
}

/// What a reply says about the venue itself, besides the question asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// 425: the engine restarts.
    Restarting,
    /// 503 cancel-only or disabled: no placement, cancels may work.
    NoPlacing,
    /// 503 post-only mode: our orders are allowed, the mode says so itself.
    PostOnly,
    /// 429.
    Throttled,
    /// 401: credentials.
    Unauthorized,
    /// 403, or 451: the place must be checked again at once.
    Forbidden,
    /// The same with the venue's own words about our region.
    Region,
    /// 400 with the venue's words: only closing is allowed, or the address is banned.
    ClosedOnly,
}

/// The sign of any reply.
#[must_use]
pub fn sign(reply: &VenueReply) -> Option<Sign> {
    let VenueReply::Answer(answer) = reply else { return None };
    let text = error_text(&answer.body).unwrap_or_default();
    match answer.status {
        425 => Some(Sign::Restarting),
        429 => Some(Sign::Throttled),
        401 => Some(Sign::Unauthorized),
        403 | 451 if texts::is_region(&text) => Some(Sign::Region),
        403 | 451 => Some(Sign::Forbidden),
        503 if texts::is_post_only_mode(&text) => Some(Sign::PostOnly),
        503 => Some(Sign::NoPlacing),
        200 | 400 if texts::is_closed_only(&text) => Some(Sign::ClosedOnly),
        200 if texts::is_post_only_mode(&text) => Some(Sign::PostOnly),
        200 if texts::is_no_placing(&text) => Some(Sign::NoPlacing),
        _ => None,
    }
}

/// What a reply to `POST /order`, or one entry of [`split_batch`], proves about the order whose hash is `ours`.
#[must_use]
pub fn placed(reply: &VenueReply, ours: OrderId) -> Placed {
    let answer = match reply {
        VenueReply::NotSent(why) => return Placed::NotSent(short(why)),
        VenueReply::Lost(lost) => return Placed::Unknown(lost.to_string().into()),
        VenueReply::Answer(answer) => answer,
    };
    let unknown = || Placed::Unknown(format!("status {} with an answer that proves nothing", answer.status).into());
    match answer.status {
        200..=299 => match serde_json::from_slice::<PostOrderReply>(&answer.body) {
            Ok(entry) => entry_proves(&entry, ours),
            Err(_) => unknown(),
        },
        // Without the signer's limiter's headers anything between us and the venue may have said it, after the effect too.
        429 if !answer.limiter => Placed::Unknown(status_text(answer)),
        // No effect, by the venue's own rules, yet a proxy may answer in its place: it is looked for before it is let go.
        401 | 425 | 429 | 503 => Placed::RejectedUnconfirmed(status_text(answer)),
        403 => match error_text(&answer.body) {
            Some(text) if texts::is_region(&text) => Placed::Rejected(short(&text)),
            _ => Placed::RejectedUnconfirmed(status_text(answer)),
        },
        // A text that was never seen is no documented no.
        400..=499 => match error_text(&answer.body).map(|text| by_text(&text)) {
            Some(Placed::RejectedUnconfirmed(why)) => Placed::Unknown(why),
            // Whose reason it is cannot be told: whoever did not cause it may have been taken.
            Some(Placed::Rejected(why)) if answer.for_many => Placed::RejectedUnconfirmed(why),
            Some(placed) => placed,
            None => unknown(),
        },
        _ => unknown(),
    }
}

fn entry_proves(entry: &PostOrderReply, ours: OrderId) -> Placed {
    let named = OrderId::parse(&entry.order_id.to_ascii_lowercase()).ok();
    match named {
        Some(id) if id != ours => Placed::IdMismatch(id),
        Some(_) if entry.success && entry.error_msg.is_empty() => Placed::Accepted,
        Some(_) => Placed::Unknown(short(&format!("names our order and says {:?}", entry.error_msg))),
        None if !entry.order_id.is_empty() => Placed::Unknown("names an order by something that is no hash".into()),
        None if entry.error_msg.is_empty() => Placed::Unknown("neither an order nor an error".into()),
        None => by_text(&entry.error_msg),
    }
}

fn by_text(text: &str) -> Placed {
    match judge(text) {
        Text::Documented => Placed::Rejected(short(text)),
        Text::Ambiguous => Placed::Unknown(short(text)),
        Text::Unfamiliar => Placed::RejectedUnconfirmed(short(text)),
    }
}

/// The venue's error text, from an error body or from an order entry.
fn error_text(body: &[u8]) -> Option<String> {
    // Both keys hold this word, unless it is spelt with escapes: without either, a long list need not be read for it.
    static WORDS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [Finder::new("error"), Finder::new("\\u")]);
    if WORDS.iter().all(|word| word.find(body).is_none()) {
        return None;
    }
    let text = serde_json::from_slice::<ErrorBody>(body).map(|body| body.error).ok();
    text.or_else(|| serde_json::from_slice::<PostOrderReply>(body).map(|entry| entry.error_msg).ok())
        .filter(|text| !text.is_empty())
}

fn status_text(answer: &Answer) -> Box<str> {
    match error_text(&answer.body) {
        Some(text) => short(&format!("status {}: {text}", answer.status)),
        None => format!("status {}", answer.status).into(),
    }
}

/// The venue's words for people: visible ASCII, at most 160 characters.
#[must_use]
pub fn short(text: &str) -> Box<str> {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    text.chars().take(160).map(plain).collect::<String>().into()
}
