//! What we hold, from fills that arrive in any order, more than once, and sometimes do not last.
//!
//! A trade is counted once for each of our orders in it, however often its stages are told. Matched and confirmed are
//! kept apart: the first bounds risk, the second may be sold. A failed trade is taken back. Never trusts the order of
//! arrival; never goes below zero or above what fits in what it shows.

use crate::domain::{ClientOrderId, MarketIx, Outcome, Price, Qty, Side, Token, TradeId, Usdc, cost_ceil, cost_floor};
use crate::protocol::{Held, Stage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What one market's quoting may know of our account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Shares of the first outcome.
    pub yes: Held,
    /// Shares of the second outcome.
    pub no: Held,
    /// Free dollars of the whole account.
    pub usdc_free: Usdc,
}

impl Holdings {
    /// Shares of one outcome.
    #[must_use]
    pub const fn of(&self, outcome: Outcome) -> Held {
        match outcome {
            Outcome::Yes => self.yes,
            Outcome::No => self.no,
        }
    }
}

/// Settled fills that are remembered so that a late repeat is known. Beyond it the oldest settled one is forgotten; a
/// repeat of that would count again until the next balance.
pub const SETTLED_MAX: usize = 65_536;

/// What we know of one fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    /// Matched, mined or being tried again: counts against us, may not be sold.
    Pending,
    /// Settled.
    Confirmed,
    /// Taken back.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fill {
    token: Token,
    side: Side,
    price: Price,
    qty: Qty,
    phase: Phase,
}

/// A fill as the executor tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillReport<'a> {
    /// Our order.
    pub id: ClientOrderId,
    /// The venue's trade.
    pub trade: &'a TradeId,
    /// What was traded.
    pub token: Token,
    /// Our side.
    pub side: Side,
    /// Price of that token.
    pub price: Price,
    /// Shares of this trade on this order.
    pub qty: Qty,
    /// How far settlement is.
    pub stage: Stage,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillChange {
    /// The first news of this trade on this order; holdings changed.
    New,
    /// A later stage of a known fill; holdings may have changed.
    Advanced,
    /// A known fill is taken back.
    Reversed,
    /// Already known, or older than what is known.
    Nothing,
}

/// Two reports that cannot both be true. The first stands; the next balance settles it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// Another price or size than before.
    #[error("trade {trade} on order {id} was {was_qty} at {was_price} and is now {qty} at {price}")]
    Terms {
        /// The trade.
        trade: TradeId,
        /// Our order.
        id: ClientOrderId,
        /// Size first told.
        was_qty: Qty,
        /// Price first told.
        was_price: Price,
        /// Size told now.
        qty: Qty,
        /// Price told now.
        price: Price,
    },
    /// Both of the two final stages.
    #[error("trade {trade} on order {id} is both confirmed and failed")]
    BothFinal {
        /// The trade.
        trade: TradeId,
        /// Our order.
        id: ClientOrderId,
    },
}

/// Running sums of one token in millionths. Signed: a sell can be told before the balance it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Sums {
    matched: i128,
    confirmed: i128,
}

impl Sums {
    fn shown(self) -> Held {
        Held { matched: shown(self.matched), confirmed: shown(self.confirmed) }
    }
}

/// A sum as an amount: nothing below zero, the largest amount above what fits.
fn shown(sum: i128) -> Qty {
    Qty::from_micro(u64::try_from(sum.max(0)).unwrap_or(u64::MAX))
}

/// All our holdings, by token, with the fills they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Inventory {
    usdc: i128,
    tokens: BTreeMap<Token, Sums>,
    fills: BTreeMap<(TradeId, ClientOrderId), Fill>,
    /// Settled fills, oldest first.
    settled: VecDeque<(TradeId, ClientOrderId)>,
}

impl Inventory {
    /// Takes the venue's own picture: replaces the dollars and all tokens. It names every token that is held, so of one that it does not
    /// name nothing is: it was merged, redeemed, or sold while nobody listened. Fills told before it are in it, so only later stages of
    /// them still count. Returns the markets it says something of.
    pub fn set_balance(&mut self, usdc: Usdc, tokens: &[(Token, Held)]) -> BTreeSet<MarketIx> {
        self.usdc = i128::from(usdc.micro());
        let mut told: BTreeSet<MarketIx> =
            std::mem::take(&mut self.tokens).into_keys().map(|token| token.market).collect();
        for (token, held) in tokens {
            let sums =
                Sums { matched: i128::from(held.matched.micro()), confirmed: i128::from(held.confirmed.micro()) };
            self.tokens.insert(*token, sums);
            told.insert(token.market);
        }
        told
    }

    /// Counts one report.
    ///
    /// # Errors
    /// [`Contradiction`] when it cannot be true together with what was told before; nothing changes then.
    pub fn apply(&mut self, report: &FillReport<'_>) -> Result<FillChange, Contradiction> {
        let phase = match report.stage {
            Stage::Matched | Stage::Mined | Stage::Retrying => Phase::Pending,
            Stage::Confirmed => Phase::Confirmed,
            Stage::Failed => Phase::Failed,
        };
        let key = (report.trade.clone(), report.id);
        let Some(known) = self.fills.get(&key).copied() else {
            let fill = Fill { token: report.token, side: report.side, price: report.price, qty: report.qty, phase };
            self.count(&fill, phase, 1);
            self.fills.insert(key.clone(), fill);
            if phase != Phase::Pending {
                self.settle(key);
            }
            return Ok(FillChange::New);
        };
        if (known.token, known.side, known.price, known.qty) != (report.token, report.side, report.price, report.qty) {
            return Err(Contradiction::Terms {
                trade: key.0,
                id: key.1,
                was_qty: known.qty,
                was_price: known.price,
                qty: report.qty,
                price: report.price,
            });
        }
        match (known.phase, phase) {
            // a late lower stage, or a repeat
            (_, Phase::Pending) | (Phase::Confirmed, Phase::Confirmed) | (Phase::Failed, Phase::Failed) => {
                Ok(FillChange::Nothing)
            }
            (Phase::Pending, _) => {
                self.count(&known, Phase::Pending, -1);
                self.count(&known, phase, 1);
                self.fills.insert(key.clone(), Fill { phase, ..known });
                self.settle(key);
                Ok(if phase == Phase::Failed { FillChange::Reversed } else { FillChange::Advanced })
            }
            (Phase::Confirmed, Phase::Failed) | (Phase::Failed, Phase::Confirmed) => {
                Err(Contradiction::BothFinal { trade: key.0, id: key.1 })
            }
        }
    }

    /// What one market's quoting may know.
    #[must_use]
    pub fn holdings(&self, market: MarketIx) -> Holdings {
        Holdings {
            yes: self.held(Token { market, outcome: Outcome::Yes }),
            no: self.held(Token { market, outcome: Outcome::No }),
            usdc_free: self.usdc_free(),
        }
    }

    /// Shares of one token.
    #[must_use]
    pub fn held(&self, token: Token) -> Held {
        self.tokens.get(&token).copied().unwrap_or_default().shown()
    }

    /// Free dollars: the last balance less what fills have cost since, plus confirmed proceeds.
    #[must_use]
    pub fn usdc_free(&self) -> Usdc {
        Usdc::from_micro(shown(self.usdc).micro())
    }

    /// Fills that are known, settled ones included.
    #[must_use]
    pub fn fills_known(&self) -> usize {
        self.fills.len()
    }

    /// Adds (`sign` 1) or takes back (−1) what a fill in one phase means.
    ///
    /// A buy's shares count as matched at once and may be sold when confirmed; its cost is gone at once. A sell's
    /// shares are gone at once from both; its proceeds come when confirmed. What failed never was.
    fn count(&mut self, fill: &Fill, phase: Phase, sign: i128) {
        let qty = sign * i128::from(fill.qty.micro());
        let confirmed = phase == Phase::Confirmed;
        if phase == Phase::Failed {
            return;
        }
        let sums = self.tokens.entry(fill.token).or_default();
        match fill.side {
            Side::Buy => {
                sums.matched += qty;
                if confirmed {
                    sums.confirmed += qty;
                }
                self.usdc -= sign * i128::from(cost_ceil(fill.price, fill.qty).micro());
            }
            Side::Sell => {
                sums.matched -= qty;
                sums.confirmed -= qty;
                if confirmed {
                    self.usdc += sign * i128::from(cost_floor(fill.price, fill.qty).micro());
                }
            }
        }
    }

    fn settle(&mut self, key: (TradeId, ClientOrderId)) {
        self.settled.push_back(key);
        if self.settled.len() > SETTLED_MAX
            && let Some(oldest) = self.settled.pop_front()
        {
            self.fills.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
