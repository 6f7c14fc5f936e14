//! The caps, each with the direction that is tighter declared beside it.

use super::usage::Amount;
use mm_core::domain::{Price, Qty, Usdc};
use serde::{Deserialize, Serialize};

/// A field a new policy would loosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} would be loosened")]
pub struct Loosened(pub Box<str>);

/// A field without a direction does not compile, so none can be forgotten when a policy is tightened.
macro_rules! caps {
    ($($(#[$doc:meta])* $name:ident: $type:ty, tighter = $tighter:tt;)*) => {
        /// Every cap is mandatory: there is no default for money.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct PolicyCaps {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl PolicyCaps {
            /// Every cap by the name of its key.
            #[must_use]
            pub fn each(&self) -> Vec<(&'static str, Amount)> {
                vec![$((stringify!($name), self.$name.into())),*]
            }

            /// The fields of `new` that allow more than these do.
            #[must_use]
            pub fn loosened_by(&self, new: &Self) -> Vec<Loosened> {
                let mut loosened = Vec::new();
                $(if caps!(@loosens $tighter, self.$name, new.$name) {
                    loosened.push(Loosened(stringify!($name).into()));
                })*
                loosened
            }
        }
    };
    (@loosens lower, $old:expr, $new:expr) => { $new > $old };
    (@loosens higher, $old:expr, $new:expr) => { $new < $old };
}

caps! {
    /// Shares of one order.
    max_order_shares: Qty, tighter = lower;
    /// Price × size of one order, either side.
    max_order_usdc: Usdc, tighter = lower;
    /// Open buys plus cost of what was bought, one market.
    max_market_usdc: Usdc, tighter = lower;
    /// The same over all markets.
    max_total_usdc: Usdc, tighter = lower;
    /// Lost in the worst ending of one market (strategy.md section 7). The sums above are stricter by design: they set nothing a
    /// market may pay against what was paid, and so hold even where the allow-list has an event or a token wrong. This one
    /// also counts what sales at a loss have lost, for as long as the ledger lives: no day and no word takes that back, and what one
    /// event has won pays for no other.
    max_market_loss_usdc: Usdc, tighter = lower;
    /// The same of one event: the markets that name it, or one market that names none.
    max_event_loss_usdc: Usdc, tighter = lower;
    /// The same of all events.
    max_total_loss_usdc: Usdc, tighter = lower;
    /// Orders on one token that rest, are in flight or unknown.
    max_token_orders: u32, tighter = lower;
    /// The same of one market.
    max_market_orders: u32, tighter = lower;
    /// The same of one event.
    max_event_orders: u32, tighter = lower;
    /// Price × open size of the orders on one token, both sides.
    max_token_resting_usdc: Usdc, tighter = lower;
    /// The same of one market.
    max_market_resting_usdc: Usdc, tighter = lower;
    /// The same of one event.
    max_event_resting_usdc: Usdc, tighter = lower;
    /// Orders that rest, are in flight or unknown.
    max_open_orders: u32, tighter = lower;
    /// Orders in any 60 seconds.
    max_orders_per_minute: u32, tighter = lower;
    /// Trades of ours on one token in any 60 seconds: from then on nothing is placed on it. Who is filled again and again is being
    /// picked off.
    max_token_fills_per_minute: u32, tighter = lower;
    /// Orders the venue refuses in a row: then the executor halts.
    max_rejects_in_a_row: u32, tighter = lower;
    /// Filled buys of a UTC day plus everything that could still be bought.
    max_day_bought_usdc: Usdc, tighter = lower;
    /// The same less the proceeds of sales that settled that day: what is held counts for nothing, so a day loses no more than this.
    max_day_outflow_usdc: Usdc, tighter = lower;
    /// Price × size of all placements of a UTC day, both sides.
    max_day_placed_usdc: Usdc, tighter = lower;
    /// Lowest price.
    min_price: Price, tighter = higher;
    /// Highest price.
    max_price: Price, tighter = lower;
    /// How far above the executor's own reference price may be bought, and below it sold.
    reference_band: Price, tighter = lower;
    /// Oldest reference price in milliseconds. It is read four times as often.
    reference_max_age_ms: u64, tighter = lower;
    /// Oldest intent in milliseconds.
    intent_max_age_ms: u64, tighter = lower;
}
