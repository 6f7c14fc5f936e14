//! Every trade the venue remembers: one row a trade, its matches in a row of their own each, the oldest forgotten first.

use super::AccountIx;
use super::fact::{OrderIx, Stage, TradeIx};
use super::orders::Orders;
use crate::accounts::{Leg, Party, Settlement};
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, Timestamp, Usdc};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Trades that are remembered after their last step unless the caller wants another number; behind it the oldest is forgotten.
pub const TRADES_KEPT: usize = 65_536;

/// One party's order in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Hand {
    /// An account's.
    Account(AccountIx, OrderIx),
    /// A made-up one of the recorded world, by its number.
    House(u64),
}

impl Hand {
    pub(super) const fn party(self) -> Party {
        match self {
            Self::Account(account, _) => Party::Account(account),
            Self::House(_) => Party::House,
        }
    }

    /// Whose, unless it is the recorded world's.
    pub(super) const fn account(self) -> Option<AccountIx> {
        match self {
            Self::Account(account, _) => Some(account),
            Self::House(_) => None,
        }
    }

    pub(super) const fn order(self) -> Option<OrderIx> {
        match self {
            Self::Account(_, order) => Some(order),
            Self::House(_) => None,
        }
    }

    pub(super) fn is(self, account: AccountIx) -> bool {
        self.party() == Party::Account(account)
    }
}

/// One match at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TradeRow {
    pub(super) market: MarketIx,
    pub(super) taker: Hand,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    pub(super) stage: Stage,
    /// Of the taker's token.
    pub(super) price: Price,
    pub(super) qty: Qty,
    first_leg: u64,
    legs: u32,
    /// Transactions so far; the number of the newest names its hash.
    pub(super) sent: u32,
    /// How often its fate was chosen anew; steps of an older plan are void.
    pub(super) plan: u32,
    /// Steps of its plan that are still to come.
    pub(super) pending: u8,
    pub(super) at: Timestamp,
    pub(super) updated: Timestamp,
}

/// One order that rested, and the money of its match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LegRow {
    pub(super) maker: Hand,
    pub(super) outcome: Outcome,
    pub(super) side: Side,
    /// Of its own token.
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) maker_cash: Usdc,
    pub(super) taker_cash: Usdc,
    pub(super) fee: Usdc,
}

impl TradeRow {
    /// The two legs as they settle.
    #[inline]
    pub(super) fn settlement(&self, leg: &LegRow) -> Settlement {
        Settlement {
            market: self.market.index(),
            taker: Leg {
                party: self.taker.party(),
                outcome: self.outcome,
                side: self.side,
                qty: leg.qty,
                cash: leg.taker_cash,
                fee: leg.fee,
            },
            maker: Leg {
                party: leg.maker.party(),
                outcome: leg.outcome,
                side: leg.side,
                qty: leg.qty,
                cash: leg.maker_cash,
                fee: Usdc::ZERO,
            },
        }
    }
}

/// The table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trades {
    rows: VecDeque<TradeRow>,
    legs: VecDeque<LegRow>,
    first: u64,
    first_leg: u64,
    kept: usize,
}

impl Trades {
    pub(super) const fn new() -> Self {
        Self { rows: VecDeque::new(), legs: VecDeque::new(), first: 0, first_leg: 0, kept: TRADES_KEPT }
    }

    /// How many trades are remembered after their last step from now on.
    pub(super) fn keep(&mut self, kept: usize, orders: &mut Orders) {
        self.kept = kept;
        self.forget_old(orders);
    }

    /// The number the next trade will have.
    #[inline]
    pub(super) fn next(&self) -> TradeIx {
        TradeIx(self.first + count(self.rows.len()))
    }

    /// Begins a trade; its matches follow by [`Self::push_leg`].
    #[inline]
    pub(super) fn push(
        &mut self,
        taker: Hand,
        (market, outcome, side, price): (MarketIx, Outcome, Side, Price),
        at: Timestamp,
    ) {
        let first_leg = self.first_leg + count(self.legs.len());
        self.rows.push_back(TradeRow {
            market,
            taker,
            outcome,
            side,
            stage: Stage::Matched,
            price,
            qty: Qty::ZERO,
            first_leg,
            legs: 0,
            sent: 0,
            plan: 0,
            pending: 2,
            at,
            updated: at,
        });
    }

    /// Adds a match to the newest trade.
    #[inline]
    pub(super) fn push_leg(&mut self, leg: LegRow) {
        let row = self.rows.back_mut().expect("a trade was begun");
        row.qty = row.qty.saturating_add(leg.qty);
        row.legs += 1;
        self.legs.push_back(leg);
    }

    /// A remembered trade.
    #[inline]
    pub(super) fn get(&self, ix: TradeIx) -> Option<&TradeRow> {
        self.rows.get(usize::try_from(ix.0.checked_sub(self.first)?).ok()?)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, ix: TradeIx) -> Option<&mut TradeRow> {
        self.rows.get_mut(usize::try_from(ix.0.checked_sub(self.first)?).ok()?)
    }

    /// The matches of a trade, in order.
    #[inline]
    pub(super) fn legs(&self, trade: &TradeRow) -> impl Iterator<Item = &LegRow> {
        let from = usize::try_from(trade.first_leg - self.first_leg).expect("a trade is forgotten with its legs");
        // one by one: a range of a ring is two slices, which is much work for the one match most trades have
        (from..from + trade.legs as usize).filter_map(|at| self.legs.get(at))
    }

    /// Remembered trades, newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (TradeIx, &TradeRow)> {
        let last = self.next().0;
        self.rows.iter().rev().zip(1u64..).map(move |(row, back)| (TradeIx(last - back), row))
    }

    /// Forgets the oldest settled trades beyond the limit, and lets go of the orders they name.
    #[inline]
    pub(super) fn forget_old(&mut self, orders: &mut Orders) {
        while self.rows.len() > self.kept && self.rows.front().is_some_and(|row| row.pending == 0) {
            let Some(row) = self.rows.pop_front() else { return };
            self.first += 1;
            if let Some(order) = row.taker.order() {
                orders.unpin(order);
            }
            for _ in 0..row.legs {
                if let Some(order) = self.legs.pop_front().and_then(|leg| leg.maker.order()) {
                    orders.unpin(order);
                }
            }
            self.first_leg += u64::from(row.legs);
        }
    }

    /// Trades remembered.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether and how the account took part; as taker if both.
    pub(super) fn role(&self, trade: &TradeRow, account: AccountIx) -> Option<&'static str> {
        if trade.taker.is(account) {
            Some("TAKER")
        } else {
            self.legs(trade).any(|leg| leg.maker.is(account)).then_some("MAKER")
        }
    }

    /// Accounts in it, each once, in order of their rows.
    pub(super) fn accounts(&self, trade: &TradeRow) -> Vec<AccountIx> {
        let hands = self.legs(trade).map(|leg| leg.maker).chain([trade.taker]);
        let mut out: Vec<AccountIx> = hands.filter_map(Hand::account).collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).expect("a length fits 64 bits")
}
