//! What a client says on the market channel (`clob-streams.md` section 2), both ways.

use crate::domain::TokenId;
use serde::{Deserialize, Serialize};

/// The text a client sends every few seconds; the venue answers [`PONG`].
pub const PING: &str = "PING";
/// The venue's answer to [`PING`]: proves the connection, not the data.
pub const PONG: &str = "PONG";

/// A client's frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The first frame of a connection: asks for a `book` of each token, then for its changes.
    Initial {
        /// Tokens; none subscribes to the lifecycle events alone.
        tokens: Vec<TokenId>,
        /// `best_bid_ask`, `new_market` and `market_resolved` too.
        custom: bool,
    },
    /// Adds tokens to an open connection; a new one gets its `book`.
    Subscribe {
        /// Tokens.
        tokens: Vec<TokenId>,
        /// As in [`ClientFrame::Initial`]; switches the whole connection.
        custom: bool,
    },
    /// Takes tokens away.
    Unsubscribe {
        /// Tokens.
        tokens: Vec<TokenId>,
    },
    /// [`PING`].
    Ping,
}

#[derive(Default, Serialize, Deserialize)]
struct Wire {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default)]
    assets_ids: Vec<TokenId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial_dump: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_feature_enabled: Option<bool>,
}

/// Why a client's frame makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum BadClientFrame {
    /// Neither `PING` nor an object with good token ids.
    #[error("client frame: {0}")]
    Json(#[from] serde_json::Error),
    /// An object that asks for nothing we know.
    #[error("client frame has no type \"market\" and no operation \"subscribe\" or \"unsubscribe\"")]
    Aimless,
}

impl ClientFrame {
    /// The frame as it is sent.
    #[must_use]
    pub fn encode(&self) -> String {
        let wire = match self {
            Self::Ping => return PING.to_owned(),
            Self::Initial { tokens, custom } => Wire {
                kind: Some("market".to_owned()),
                assets_ids: tokens.clone(),
                initial_dump: Some(true),
                custom_feature_enabled: Some(*custom),
                ..Wire::default()
            },
            Self::Subscribe { tokens, custom } => Wire {
                operation: Some("subscribe".to_owned()),
                assets_ids: tokens.clone(),
                custom_feature_enabled: Some(*custom),
                ..Wire::default()
            },
            Self::Unsubscribe { tokens } => {
                Wire { operation: Some("unsubscribe".to_owned()), assets_ids: tokens.clone(), ..Wire::default() }
            }
        };
        serde_json::to_string(&wire).expect("strings and flags always serialize")
    }

    /// Reads what a client sent. `operation` goes before `type`: one SDK sends both in every frame.
    ///
    /// # Errors
    /// [`BadClientFrame`].
    pub fn decode(text: &str) -> Result<Self, BadClientFrame> {
        if text == PING {
            return Ok(Self::Ping);
        }
        let wire: Wire = serde_json::from_str(text)?;
        let (tokens, custom) = (wire.assets_ids, wire.custom_feature_enabled.unwrap_or(false));
        match (wire.operation.as_deref(), wire.kind.as_deref()) {
            (Some("subscribe"), _) => Ok(Self::Subscribe { tokens, custom }),
            (Some("unsubscribe"), _) => Ok(Self::Unsubscribe { tokens }),
            (None, Some("market")) => Ok(Self::Initial { tokens, custom }),
            _ => Err(BadClientFrame::Aimless),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BadClientFrame, ClientFrame};
    use crate::domain::TokenId;

    #[test]
    fn frames_are_the_documented_ones_and_come_back() {
        let tokens = vec![TokenId::parse("12").expect("good"), TokenId::parse("34").expect("good")];
        let cases = [
            (ClientFrame::Ping, "PING"),
            (
                ClientFrame::Initial { tokens: tokens.clone(), custom: true },
                r#"{"type":"market","assets_ids":["12","34"],"initial_dump":true,"custom_feature_enabled":true}"#,
            ),
            (
                ClientFrame::Subscribe { tokens: tokens.clone(), custom: true },
                r#"{"operation":"subscribe","assets_ids":["12","34"],"custom_feature_enabled":true}"#,
            ),
            (ClientFrame::Unsubscribe { tokens }, r#"{"operation":"unsubscribe","assets_ids":["12","34"]}"#),
        ];
        for (frame, text) in cases {
            assert_eq!(frame.encode(), text);
            assert_eq!(ClientFrame::decode(text).expect("ours"), frame);
        }
    }

    #[test]
    fn an_aimless_or_torn_frame_is_refused() {
        assert!(matches!(ClientFrame::decode(r#"{"assets_ids":[]}"#), Err(BadClientFrame::Aimless)));
        assert!(matches!(
            ClientFrame::decode(r#"{"type":"market","assets_ids":["0x1"]}"#),
            Err(BadClientFrame::Json(_))
        ));
        assert!(matches!(ClientFrame::decode("ping"), Err(BadClientFrame::Json(_))));
    }
}
