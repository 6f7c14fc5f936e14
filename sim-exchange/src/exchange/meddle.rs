//! What a fault does to the venue's own affairs. Each of these could happen at the real one; none breaks a promise of
//! [`Exchange::check`].

use super::fact::{Ended, OrderIx};
use super::market::{Changed, MarketState, Printed};
use super::{AccountIx, Exchange, Filter};
use crate::mechanism::{Maker, Match};
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Nanos, OrderId, Outcome, Price, Qty, RewardTerms, Side, Timestamp, Usdc};
use serde::{Deserialize, Serialize};

/// What a fault does to a market's reward terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermsFault {
    /// There is no pool.
    Gone,
    /// So many percent of what they would be; the spread stays below a dollar.
    Scaled {
        /// Percent of the minimum size.
        min_size: u64,
        /// Percent of the maximum spread.
        max_spread: u64,
    },
}

/// What a market would be if no fault held it, and what holds it: faults may begin and end in any order, and what changes by itself
/// meanwhile is not lost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Meddled {
    /// It is kept shut; whether it would be open.
    would_be_open: Option<bool>,
    /// In order of beginning; at most one for each active fault.
    terms: Vec<TermsFault>,
    /// Reward terms as they would be, while there is any of these.
    would_be_terms: Option<RewardTerms>,
}

impl TermsFault {
    fn of(self, terms: RewardTerms) -> Option<RewardTerms> {
        let Self::Scaled { min_size, max_spread } = self else { return None };
        let spread = u64::from(terms.max_spread.ten_thousandths()).saturating_mul(max_spread) / 100;
        let spread = u16::try_from(spread.clamp(1, 9_999)).expect("clamped");
        let size = u128::from(terms.min_size.micro()) * u128::from(min_size) / 100;
        Some(RewardTerms {
            min_size: Qty::from_micro(u64::try_from(size).unwrap_or(u64::MAX)),
            max_spread: Price::from_ten_thousandths(spread).expect("below a dollar"),
            ..terms
        })
    }
}

impl MarketState {
    /// The change is noted for later if the market is kept shut; whether it is.
    pub(super) const fn notes_open(&mut self, open: bool) -> bool {
        match &mut self.meddled.would_be_open {
            Some(would) => {
                *would = open;
                true
            }
            None => false,
        }
    }

    /// Changes its reward terms under whatever faults make of them.
    pub(super) fn change_terms(&mut self, change: impl FnOnce(&mut Option<RewardTerms>)) {
        if self.meddled.terms.is_empty() {
            change(&mut self.facts.rewards);
        } else {
            change(&mut self.meddled.would_be_terms);
            self.fold_terms();
        }
    }

    fn fold_terms(&mut self) {
        let first = self.meddled.would_be_terms.clone();
        self.facts.rewards = self.meddled.terms.iter().fold(first, |terms, fault| fault.of(terms?));
    }

    fn meddle_terms(&mut self, faults: Vec<TermsFault>) {
        if self.meddled.terms.is_empty() {
            self.meddled.would_be_terms = self.facts.rewards.clone();
        }
        self.meddled.terms = faults;
        self.fold_terms();
    }
}

impl Exchange {
    /// From now on every stamp is this many milliseconds off. What is due when does not change, but for the ends of orders: those are
    /// times of the clock that is shown.
    pub fn set_skew(&mut self, at: Timestamp, ms: i64) {
        self.tick(at);
        self.skew_ms = ms;
        self.wake_by(self.now);
        self.tick(at);
    }

    /// The moment at which the venue's clock shows this.
    pub(super) const fn unshown(&self, shown: Timestamp) -> Timestamp {
        let by = Nanos::from_ms(self.skew_ms.unsigned_abs());
        if self.skew_ms < 0 { shown.plus(by) } else { shown.minus(by) }
    }

    /// A moment as the venue's clock shows it.
    #[must_use]
    pub const fn shown(&self, at: Timestamp) -> Timestamp {
        let by = Nanos::from_ms(self.skew_ms.unsigned_abs());
        if self.skew_ms < 0 { at.minus(by) } else { at.plus(by) }
    }

    /// This moment as the venue's clock shows it, milliseconds.
    pub(super) const fn shown_ms(&self) -> u64 {
        self.shown(self.now).ms()
    }

    /// Somebody who is no account takes so much of each of these resting orders, in one trade and whatever stands before them.
    /// Those that do not rest, come twice, or are on another side, token or market than the first that does, are left alone; `false` if
    /// there is none.
    pub fn strike(&mut self, at: Timestamp, orders: &[(OrderId, Qty)]) -> bool {
        self.tick(at);
        let mut what: Option<(MarketIx, Outcome, Side)> = None;
        let mut matches: Vec<Match> = Vec::new();
        for (n, (id, qty)) in orders.iter().enumerate() {
            if orders[..n].iter().any(|(before, _)| before == id) {
                continue;
            }
            let Some(ix) = self.orders.find(id).filter(|ix| self.orders.row(*ix).rests()) else { continue };
            let row = self.orders.row(ix);
            let (here, outcome, side) = (row.market, row.outcome, row.side);
            let qty = (*qty).min(row.left());
            if qty.is_zero() || *what.get_or_insert((here, outcome, side)) != (here, outcome, side) {
                continue;
            }
            matches.push(self.take_out(ix, qty));
        }
        let (Some((market, outcome, side)), Some(first)) = (what, matches.first().map(|m| m.price)) else {
            return false;
        };
        let mut taker = self.house_taker(outcome, side.other());
        let yes_side = in_yes_terms(outcome, side, first).0;
        let mut changed: Vec<Changed> = matches.iter().map(|m| (yes_side, m.price, outcome)).collect();
        let print: Printed = self.trade_at(market, &mut taker, first, &matches, &mut changed);
        self.publish(market, &changed, &[print]);
        true
    }

    /// The book lets go of so much of an order.
    fn take_out(&mut self, ix: OrderIx, qty: Qty) -> Match {
        let row = self.orders.row(ix);
        let (left, slot) = (row.left().saturating_sub(qty), row.slot);
        let (side, price): (Side, Price) = in_yes_terms(row.outcome, row.side, row.price);
        let book = &mut self.markets[row.market.index()].book;
        if left.is_zero() {
            book.remove(side, price, ix, slot);
        } else {
            book.reduce(side, price, ix, slot, qty);
        }
        Match { maker: Maker::Order { order: ix, left }, price, qty }
    }

    /// Cancels up to so many of the account's oldest resting orders for a balance that is there.
    pub fn cancel_for_balance(&mut self, at: Timestamp, account: AccountIx, most: usize) {
        self.tick(at);
        for ix in self.resting(account, &Filter::default()).into_iter().take(most) {
            self.withdraw(ix, Ended::NotEnoughBalance);
        }
    }

    /// The market takes none and cancels what rests; or takes orders again, if it would have taken any by itself. What opens or closes it
    /// meanwhile, its recording or its answer, counts when it is let go.
    pub fn set_accepting(&mut self, at: Timestamp, market: MarketIx, accepting: bool) {
        self.tick(at);
        let state = &self.markets[market.index()];
        match (accepting, state.meddled.would_be_open) {
            (false, None) => {
                let was = state.open;
                if was {
                    self.close(market);
                }
                self.markets[market.index()].meddled.would_be_open = Some(was);
            }
            (true, Some(would)) => {
                self.markets[market.index()].meddled.would_be_open = None;
                if would {
                    self.open(market);
                }
            }
            _ => {}
        }
    }

    /// The game starts: every resting order of the market is cancelled.
    pub fn clear_book(&mut self, at: Timestamp, market: MarketIx) {
        self.tick(at);
        self.clear(market, Ended::Canceled);
    }

    /// Reward terms of a market; `None`: no pool.
    pub fn set_reward_terms(&mut self, at: Timestamp, market: MarketIx, terms: Option<RewardTerms>) {
        self.tick(at);
        self.markets[market.index()].change_terms(|known| *known = terms);
    }

    /// From now on these faults, and no others, change the market's reward terms, one after the other.
    pub fn meddle_terms(&mut self, at: Timestamp, market: MarketIx, faults: Vec<TermsFault>) {
        self.tick(at);
        self.markets[market.index()].meddle_terms(faults);
    }

    /// The account's counter of matched dollars is stuck so high that nothing new can be afforded; or is right again.
    pub fn stick_dollars(&mut self, at: Timestamp, account: AccountIx, stuck: bool) {
        self.tick(at);
        let amount = if stuck { self.balance(account, None) } else { Usdc::ZERO.micro() };
        self.stick(at, account, crate::accounts::Asset::Usdc, amount);
    }

    /// Trades made so far: the next one has this number.
    #[must_use]
    pub fn trades_made(&self) -> u64 {
        self.trades.next().0
    }
}
