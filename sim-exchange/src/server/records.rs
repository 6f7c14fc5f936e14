//! What the front remembers of what it was told: prices by minute, notes to keys, what wallets bought and sold, builders'
//! orders. Made from notices alone; every list has an end, behind which its oldest row is forgotten.

use super::front::KeyAccounts;
use super::notifications::{Note, Notes};
use super::portfolio::Portfolio;
use crate::exchange::{AccountIx, Notice};
use mm_core::domain::{ConditionId, OrderId, Price, Timestamp, TokenId};
use mm_core::venue::market_ws::WireEvent;
use mm_core::venue::user_ws::UserEvent;
use std::collections::{BTreeMap, VecDeque};

/// Minutes of prices kept for a token: a month of 31 days.
const MINUTES_MAX: usize = 31 * 1_440;
/// Builder codes, and orders of each.
const CODES_MAX: usize = 1_000;
const CODE_ORDERS_MAX: usize = 10_000;

/// One minute's last midpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// Start of the minute, Unix seconds.
    pub(super) secs: u64,
    /// Hundred-thousandths of a dollar.
    pub(super) mid: u32,
}

/// An order that carries a builder's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributed {
    pub(super) id: OrderId,
    pub(super) account: AccountIx,
}

/// Everything remembered.
#[derive(Default)]
pub(super) struct Records {
    prices: BTreeMap<TokenId, VecDeque<Point>>,
    volumes: BTreeMap<ConditionId, u64>,
    builders: BTreeMap<String, VecDeque<Attributed>>,
    pub(super) notes: Notes,
    pub(super) portfolio: Portfolio,
}

impl Records {
    /// Takes note of what happened.
    pub(super) fn hear(&mut self, at: Timestamp, notice: &Notice, keys: &KeyAccounts) {
        match notice {
            Notice::Market(WireEvent::PriceChange(change)) => {
                for entry in &change.changes {
                    if let Some((Some(bid), Some(ask))) = entry.top.map(|top| (top.bid, top.ask)) {
                        self.note_price(at, &entry.token, bid, ask);
                    }
                }
            }
            Notice::Market(WireEvent::LastTradePrice { market, price, qty, .. }) => {
                let dollars = mm_core::domain::cost_floor(*price, *qty).micro();
                let volume = self.volumes.entry(market.clone()).or_insert(0);
                *volume = volume.saturating_add(dollars);
            }
            Notice::Market(_) => {}
            // wallets nobody has a key for have nobody who could ask
            Notice::User { account, event } => {
                if let Some(wallet) = keys.wallet(*account) {
                    self.notes.hear(at, *account, event);
                    if let UserEvent::Trade(trade) = event.as_ref() {
                        self.portfolio.hear(*account, wallet, trade);
                    }
                }
            }
        }
    }

    fn note_price(&mut self, at: Timestamp, token: &TokenId, bid: Price, ask: Price) {
        let secs = at.secs() - at.secs() % 60;
        let mid = 5 * (u32::from(bid.ten_thousandths()) + u32::from(ask.ten_thousandths()));
        if !self.prices.contains_key(token) {
            self.prices.insert(token.clone(), VecDeque::new());
        }
        let Some(points) = self.prices.get_mut(token) else { return };
        match points.back_mut() {
            Some(last) if last.secs == secs => last.mid = mid,
            _ => {
                if points.len() >= MINUTES_MAX {
                    points.pop_front();
                }
                points.push_back(Point { secs, mid });
            }
        }
    }

    /// A token's minutes, oldest first; minutes in which nothing changed are missing.
    pub(super) fn prices(&self, token: &TokenId) -> impl Iterator<Item = Point> {
        self.prices.get(token).into_iter().flatten().copied()
    }

    /// Dollars traded in a market since the start, in millionths.
    pub(super) fn volume(&self, market: &ConditionId) -> u64 {
        self.volumes.get(market).copied().unwrap_or(0)
    }

    /// Counts an accepted order for the builder whose code it carries.
    pub(super) fn attribute(&mut self, id: OrderId, account: AccountIx, code: &str) {
        let code = code.to_ascii_lowercase();
        let known = self.builders.contains_key(&code);
        if code.bytes().skip(2).all(|digit| digit == b'0') || (!known && self.builders.len() >= CODES_MAX) {
            return;
        }
        let orders = self.builders.entry(code).or_default();
        if orders.len() >= CODE_ORDERS_MAX {
            orders.pop_front();
        }
        orders.push_back(Attributed { id, account });
    }

    /// Orders that carried a code, oldest first.
    pub(super) fn attributed(&self, code: &str) -> Vec<&Attributed> {
        self.builders.get(code).into_iter().flatten().collect()
    }

    /// Notes to one wallet, oldest first.
    pub(super) fn notes_of(&self, account: AccountIx) -> impl Iterator<Item = &Note> {
        self.notes.of(account)
    }
}
