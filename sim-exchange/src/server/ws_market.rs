//! The market channel: books and their changes for subscribed tokens.

use super::front::Front;
use super::socket::Refused;
use crate::faults::{Channel, Payload, rewrite};
use mm_core::domain::TokenId;
use mm_core::venue::market_ws::{WireEvent, encode_all};
use serde::Deserialize;

/// Any frame of a client: the first one carries `type`, later ones `operation`, one official client sends both.
#[derive(Deserialize)]
struct ClientFrame {
    assets_ids: Vec<String>,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default = "yes")]
    initial_dump: bool,
    #[serde(default)]
    custom_feature_enabled: Option<bool>,
}

const fn yes() -> bool {
    true
}

/// Takes one frame of a client. A subscription is answered with one array of books, in the order the tokens were named; tokens
/// nobody lists have none, and an array of none is the venue's answer to a frame that names only such.
pub(super) fn receive(front: &Front, id: u64, text: &str) -> Result<(), Refused> {
    let frame: ClientFrame = serde_json::from_str(text).map_err(|_| Refused)?;
    let subscribe = match (frame.operation.as_deref(), frame.kind.as_deref()) {
        (Some("subscribe"), None | Some("market")) | (None, Some("market")) => true,
        (Some("unsubscribe"), _) => false,
        _ => return Err(Refused),
    };
    let tokens: Vec<TokenId> = frame.assets_ids.iter().filter_map(|text| TokenId::parse(text).ok()).collect();
    front.step(|venue, at| {
        if !subscribe {
            venue.hub.unsubscribe(id, &tokens);
            return;
        }
        let asked_nothing = tokens.is_empty() && frame.assets_ids.is_empty();
        let (known, unknown): (Vec<TokenId>, Vec<TokenId>) = tokens.into_iter().partition(|token| venue.knows(token));
        let asked_known = !known.is_empty();
        let new = venue.hub.subscribe(id, known, frame.custom_feature_enabled);
        // Repeating a subscription gets no second dump; it only sets the flag.
        let repeated = asked_known && new.is_empty() && unknown.is_empty();
        if frame.initial_dump && !asked_nothing && !repeated {
            let faults = &mut venue.mishaps.faults;
            let books = venue.exchange.snapshots(&new).into_iter().map(WireEvent::Book);
            let books: Vec<WireEvent> = books
                .flat_map(|book| match faults.market_events(&book) {
                    None => vec![book],
                    Some(told) => told,
                })
                .collect();
            let mut frames = vec![encode_all(&books)];
            for drift in faults.drift(Channel::Market) {
                frames = frames.iter().flat_map(|frame| rewrite(drift, frame)).collect();
            }
            for frame in frames {
                venue.hub.send(at, faults, id, frame, Payload::Answer);
            }
        }
    });
    Ok(())
}
