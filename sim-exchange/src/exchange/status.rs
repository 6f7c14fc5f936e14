//! The venue at a glance, and what it says of its markets.

use super::{AccountStatus, Exchange, MarketInfo, MarketStatus, Status};
use crate::accounts::Asset;
use mm_core::domain::{ConditionId, Usdc};

impl Exchange {
    /// All markets in order of their rows; the order never changes.
    #[must_use]
    pub fn markets(&self) -> Vec<MarketInfo> {
        (0..self.markets.len()).map(|row| self.info(row)).collect()
    }

    /// The market of a condition id.
    #[must_use]
    pub fn market(&self, condition: &ConditionId) -> Option<MarketInfo> {
        self.universe.row(condition).map(|row| self.info(row.index()))
    }

    fn info(&self, row: usize) -> MarketInfo {
        let state = &self.markets[row];
        MarketInfo {
            market: state.facts.clone(),
            slug: state.slug.clone(),
            outcomes: state.outcomes.clone(),
            fee: state.fee_terms(),
            last_trade: state.last_print,
        }
    }

    /// The venue at a glance.
    #[must_use]
    pub fn status(&self) -> Status {
        let markets = self.markets.iter().map(|state| {
            let top = state.top();
            // the mean in half ten-thousandths is five decimals: 0.00005 dollars each
            let mid = top.bid.zip(top.ask).map(|(bid, ask)| {
                let halves = u64::from(bid.ten_thousandths()) + u64::from(ask.ten_thousandths());
                Usdc::from_micro(halves * 50).to_string()
            });
            MarketStatus {
                condition: state.facts.condition.clone(),
                slug: state.slug.clone(),
                open: state.open,
                bid: top.bid,
                ask: top.ask,
                mid,
            }
        });
        let accounts = self.accounts.iter().map(|(account, address)| {
            let (reward_minutes, rewards) = self.programme.tally_of(account);
            AccountStatus {
                account,
                address: address.to_owned(),
                open_orders: u64::from(self.orders.resting_count(account)),
                fills: self.orders.fills(account),
                usdc: Usdc::from_micro(self.accounts.balance(account, Asset::Usdc)),
                reward_minutes,
                rewards,
            }
        });
        let (tape_ms, start, end) =
            self.player.as_ref().map_or((0, 0, 0), |p| (p.tape_ms(self.now), p.start_ms, p.end_ms));
        Status {
            tape_ms,
            tape_start_ms: start,
            tape_end_ms: end,
            frames_sent: self.frames_sent,
            markets: markets.collect(),
            accounts: accounts.collect(),
        }
    }
}
