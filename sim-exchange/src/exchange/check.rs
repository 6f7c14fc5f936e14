//! What must hold between two calls.

use super::trading::holds;
use super::{AccountIx, Exchange};
use crate::accounts::Asset;
use std::collections::BTreeMap;

impl Exchange {
    /// Checks every promise that must hold between two calls: conservation, books, queues, and that each order's parts sum up.
    ///
    /// # Errors
    /// Which promise is broken, with the numbers.
    pub fn check(&self) -> Result<(), String> {
        self.accounts.check()?;
        self.programme.check()?;
        let mut reserved: BTreeMap<(AccountIx, Asset), u64> = BTreeMap::new();
        let mut resting = 0usize;
        for (row, market) in self.markets.iter().enumerate() {
            market.book.check().map_err(|why| format!("market {row}: {why}"))?;
            if market.open
                && let (Some(bid), Some(ask)) = (market.top().bid, market.top().ask)
                && bid >= ask
            {
                return Err(format!("market {row}: the public book is crossed, bid {bid}, ask {ask}"));
            }
            for (_, _, order) in market.book.orders() {
                let known = self.orders.row(order.order);
                if !known.rests() || known.left() != order.remaining {
                    let (ix, rests, left) = (order.order.0, order.remaining, known.left());
                    return Err(format!("order {ix}: {rests} rests, {left} is left"));
                }
                let (asset, amount) = holds(known.market, known.outcome, known.side, known.price, known.left());
                *reserved.entry((known.account, asset)).or_insert(0) += amount;
                resting += 1;
            }
        }
        let listed = self.orders.resting_total();
        if resting != listed {
            return Err(format!("{resting} orders rest, {listed} are listed"));
        }
        for ((account, asset), amount) in reserved {
            if self.accounts.reserved(account, asset) != amount {
                let is = self.accounts.reserved(account, asset);
                return Err(format!("account {}: {is} of {asset:?} reserved, open orders hold {amount}", account.0));
            }
        }
        Ok(())
    }
}
