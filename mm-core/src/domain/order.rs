//! What an order is before anybody signs it.

use super::amount::{Qty, Usdc, cost_ceil};
use super::ids::Token;
use super::price::Price;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// Pays dollars, receives shares; rests on the bid.
    Buy,
    /// Gives shares, receives dollars; rests on the ask.
    Sell,
}

impl Side {
    /// The opposite side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The venue's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    /// Reads the venue's word, in any letter case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("BUY") {
            Some(Self::Buy)
        } else if text.eq_ignore_ascii_case("SELL") {
            Some(Self::Sell)
        } else {
            None
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One of a market's two outcomes. The first token the venue lists is YES, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The first token.
    Yes,
    /// The second token: its book is the mirror of the first.
    No,
}

impl Outcome {
    /// The other outcome.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "YES",
            Self::No => "NO",
        })
    }
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Until cancelled.
    Gtc,
    /// Until this moment; the venue ends it 60 s before the posted expiration (`clob-rest.md` section 13).
    Gtd(Timestamp),
    /// All at once or not at all. For simulated takers: the core never sends it.
    Fok,
    /// What is there now, the rest cancelled. For simulated takers: the core never sends it.
    Fak,
}

/// An order as we want it to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// What is traded.
    pub token: Token,
    /// Which way.
    pub side: Side,
    /// Limit price of this token, dollars per share.
    pub price: Price,
    /// Size in shares.
    pub qty: Qty,
    /// Refused by the venue rather than matched on arrival.
    pub post_only: bool,
    /// How long it lives.
    pub tif: TimeInForce,
}

impl NewOrder {
    /// The most dollars a full fill can take out of the account: price × size for a buy, nothing for a sell.
    #[must_use]
    pub fn notional(&self) -> Usdc {
        cost_ceil(self.price, self.qty)
    }

    /// Side and price in YES terms: a NO buy at `p` is a YES ask at `1 − p`.
    #[must_use]
    pub const fn in_yes_terms(&self) -> (Side, Price) {
        match self.token.outcome {
            Outcome::Yes => (self.side, self.price),
            Outcome::No => (self.side.other(), self.price.complement()),
        }
    }
}
