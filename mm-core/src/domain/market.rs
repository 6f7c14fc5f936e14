//! A market's facts, and the table that gives each a row.

use super::amount::{Qty, Usdc};
use super::ids::{ConditionId, EventId, MarketIx, Token, TokenId};
use super::index::TokenIndex;
use super::order::Outcome;
use super::price::{Price, TickSize};
use super::time::{Nanos, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Terms of a market's liquidity rewards (`rewards.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewardTerms {
    /// Farthest distance from the scoring midpoint that is inside the band; an order exactly there scores zero.
    pub max_spread: Price,
    /// Smallest order that scores, in shares.
    pub min_size: Qty,
    /// How long an order must have rested before it scores.
    pub min_age: Nanos,
    /// The pool, dollars per UTC day.
    pub rate_per_day: Usdc,
}

/// What we know of one market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// The venue's market id.
    pub condition: ConditionId,
    /// The event it belongs to, if its outcomes are linked with other markets'.
    pub event: Option<EventId>,
    /// First token.
    pub yes: TokenId,
    /// Second token.
    pub no: TokenId,
    /// Smallest price step.
    pub tick: TickSize,
    /// Smallest order in shares.
    pub min_order: Qty,
    /// Whether orders are signed for the neg-risk exchange.
    pub neg_risk: bool,
    /// Active, not closed and accepting orders: it may be quoted.
    pub ready: bool,
    /// An answer to its question is proposed, disputed or given. It may trade on, against those who know the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolving: bool,
    /// Reward terms; `None` when nothing is paid.
    pub rewards: Option<RewardTerms>,
    /// When the event starts, if known.
    pub starts: Option<Timestamp>,
    /// When the market ends, if known.
    pub ends: Option<Timestamp>,
}

impl Market {
    /// The venue's id of one outcome.
    #[must_use]
    pub const fn token_id(&self, outcome: Outcome) -> &TokenId {
        match outcome {
            Outcome::Yes => &self.yes,
            Outcome::No => &self.no,
        }
    }
}

/// Why a list of markets cannot become, or extend, a universe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UniverseError {
    /// One token in two places.
    #[error("token {0} belongs to more than one market")]
    DuplicateToken(TokenId),
    /// A row would change its market: rows never move in a run.
    #[error("row {row} holds condition {was} and cannot become {now}")]
    RowMoved {
        /// The row.
        row: u16,
        /// What stands there.
        was: ConditionId,
        /// What was offered.
        now: ConditionId,
    },
    /// A market was left out of an update: rows never vanish in a run.
    #[error("{given} markets were given, {known} are known")]
    RowsVanished {
        /// Rows offered.
        given: usize,
        /// Rows known.
        known: usize,
    },
    /// More rows than an index can number.
    #[error("more than 65535 markets")]
    TooMany,
}

/// The intern table: venue ids to rows. Grows at its end, never otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Universe {
    markets: Vec<Market>,
    by_token: BTreeMap<TokenId, Token>,
    index: TokenIndex,
    by_condition: BTreeMap<ConditionId, MarketIx>,
}

impl Universe {
    /// A table of `markets` in their order.
    ///
    /// # Errors
    /// [`UniverseError`] when ids clash or there are too many.
    pub fn new(markets: Vec<Market>) -> Result<Self, UniverseError> {
        let mut universe = Self::default();
        universe.update(markets)?;
        Ok(universe)
    }

    /// Takes a newer picture of the same rows, perhaps with new rows behind them. On error nothing changes.
    ///
    /// # Errors
    /// [`UniverseError`] when a known row is missing or names another market, or ids clash.
    pub fn update(&mut self, markets: Vec<Market>) -> Result<(), UniverseError> {
        if markets.len() < self.markets.len() {
            return Err(UniverseError::RowsVanished { given: markets.len(), known: self.markets.len() });
        }
        let mut by_token = BTreeMap::new();
        let mut by_condition = BTreeMap::new();
        for (row, market) in markets.iter().enumerate() {
            let ix = MarketIx(u16::try_from(row).map_err(|_| UniverseError::TooMany)?);
            if let Some(was) = self.markets.get(row)
                && was.condition != market.condition
            {
                return Err(UniverseError::RowMoved {
                    row: ix.0,
                    was: was.condition.clone(),
                    now: market.condition.clone(),
                });
            }
            for outcome in [Outcome::Yes, Outcome::No] {
                let id = market.token_id(outcome);
                if by_token.insert(id.clone(), Token { market: ix, outcome }).is_some() {
                    return Err(UniverseError::DuplicateToken(id.clone()));
                }
            }
            by_condition.insert(market.condition.clone(), ix);
        }
        self.markets = markets;
        self.index = TokenIndex::new(by_token.iter().map(|(id, token)| (id, *token)));
        self.by_token = by_token;
        self.by_condition = by_condition;
        Ok(())
    }

    /// The row and outcome of a venue token id.
    #[must_use]
    pub fn token(&self, id: &str) -> Option<Token> {
        // A TokenId is a checked str; look-ups by unchecked text must not allocate on the hot path.
        self.by_token.get(id).copied()
    }

    /// The token whose id `text` begins with, in front of a quote; and the length of the id. Finds ids of the usual length only:
    /// for others there is [`Self::token`].
    #[inline]
    pub(crate) fn token_at(&self, text: &[u8]) -> Option<(Token, usize)> {
        self.index.find(text)
    }

    /// The row of a condition id.
    #[must_use]
    pub fn row(&self, condition: &ConditionId) -> Option<MarketIx> {
        self.by_condition.get(condition).copied()
    }

    /// One row; `None` beyond the end.
    #[must_use]
    pub fn get(&self, ix: MarketIx) -> Option<&Market> {
        self.markets.get(ix.index())
    }

    /// The venue id of a token; `None` for an unknown row.
    #[must_use]
    pub fn token_id(&self, token: Token) -> Option<&TokenId> {
        self.get(token.market).map(|m| m.token_id(token.outcome))
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = (MarketIx, &Market)> {
        (0u16..).map(MarketIx).zip(&self.markets)
    }

    /// All rows as a slice, indexed by [`MarketIx::index`].
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.markets.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.markets.is_empty()
    }
}
