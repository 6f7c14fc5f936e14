//! How much of each cap is used, for people. A cap nobody has told here how to count is still listed, with its value.

use super::places::Open;
use super::{Policy, Worst};
use crate::exposure::Exposure;
use mm_core::domain::{Price, Qty, Timestamp, TokenId, Usdc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The value of a cap, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// Dollars.
    Usdc(Usdc),
    /// Shares.
    Qty(Qty),
    /// A price.
    Price(Price),
    /// A count, or milliseconds.
    Number(u64),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // a day that the ledger cannot vouch for
            Self::Usdc(Usdc::MAX) => f.write_str("all"),
            Self::Usdc(usdc) => write!(f, "{usdc}"),
            Self::Qty(qty) => write!(f, "{qty}"),
            Self::Price(price) => write!(f, "{price}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Amount {
    /// What `used` leaves of it; nothing when more is used. `None` for unlike amounts.
    #[must_use]
    pub const fn less(self, used: Self) -> Option<Self> {
        match (self, used) {
            (Self::Usdc(cap), Self::Usdc(used)) => Some(Self::Usdc(cap.saturating_sub(used))),
            (Self::Qty(cap), Self::Qty(used)) => Some(Self::Qty(cap.saturating_sub(used))),
            (Self::Number(cap), Self::Number(used)) => Some(Self::Number(cap.saturating_sub(used))),
            _ => None,
        }
    }
}

macro_rules! amounts {
    ($($type:ty => $variant:ident),*) => {
        $(impl From<$type> for Amount {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}
amounts!(Usdc => Usdc, Qty => Qty, Price => Price, u32 => Number, u64 => Number);

/// A cap and what is used of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapUse {
    /// Its key in the configuration.
    pub name: Box<str>,
    /// Its value.
    pub cap: Amount,
    /// What is used; of a cap on each token, market or event what the fullest of them uses. `None` for a cap on single orders.
    pub used: Option<Amount>,
    /// Which one that is, by the market's name.
    pub fullest: Option<Box<str>>,
}

/// What a listed market and its event use, by row.
#[derive(Clone, Copy, Default)]
struct Row {
    worst: Worst,
    fuller_token: Open,
    market: Open,
    event: Open,
}

impl Policy {
    /// Every cap, in the order of the configuration. Goes through markets and orders once, however many of either there are.
    #[must_use]
    pub fn usage(&self, exposure: &Exposure, at: Timestamp) -> Vec<CapUse> {
        let rows = self.rows(exposure);
        let caps = self.caps.each().into_iter();
        caps.map(|(name, cap)| {
            let used = self.used(name, &rows, exposure, at);
            let (used, fullest) = used.map_or((None, None), |(used, fullest)| (Some(used), fullest));
            CapUse { name: name.into(), cap, used, fullest }
        })
        .collect()
    }

    fn rows(&self, exposure: &Exposure) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .worst_of_each(exposure)
            .into_iter()
            .zip(&self.markets)
            .map(|(worst, market)| {
                let live = || exposure.live_in(&market.condition);
                let [yes, no] =
                    [&market.yes, &market.no].map(|token| Open::of(live().filter(|order| order.row.token == *token)));
                // The two need not be the same token's.
                let fuller_token = Open { orders: yes.orders.max(no.orders), resting: yes.resting.max(no.resting) };
                Row { worst, fuller_token, market: Open::of(live()), event: Open::default() }
            })
            .collect();
        for event in &self.events {
            let sum = event.iter().fold(Open::default(), |sum, row| sum.plus(rows[*row].market));
            event.iter().for_each(|row| rows[*row].event = sum);
        }
        rows
    }

    fn used(&self, name: &str, rows: &[Row], exposure: &Exposure, at: Timestamp) -> Option<(Amount, Option<Box<str>>)> {
        let house = |amount: Amount| Some((amount, None));
        let day = exposure.day();
        match name {
            "max_market_usdc" => self.fullest(|row| exposure.market(&self.markets[row].condition).worst_case()),
            "max_total_usdc" => house(exposure.total().worst_case().into()),
            "max_market_loss_usdc" => self.fullest(|row| rows[row].worst.market),
            "max_event_loss_usdc" => self.fullest(|row| rows[row].worst.event),
            "max_total_loss_usdc" => house(rows.first().map_or(Usdc::ZERO, |row| row.worst.house).into()),
            "max_token_orders" => self.fullest(|row| rows[row].fuller_token.orders),
            "max_market_orders" => self.fullest(|row| rows[row].market.orders),
            "max_event_orders" => self.fullest(|row| rows[row].event.orders),
            "max_token_resting_usdc" => self.fullest(|row| rows[row].fuller_token.resting),
            "max_market_resting_usdc" => self.fullest(|row| rows[row].market.resting),
            "max_event_resting_usdc" => self.fullest(|row| rows[row].event.resting),
            "max_open_orders" => house(exposure.open_orders().into()),
            "max_orders_per_minute" => house(exposure.placed_last_minute(at).into()),
            "max_token_fills_per_minute" => self.fullest(|row| {
                let [yes, no] = self.tokens(row).map(|token| exposure.traded_last_minute(token, at));
                yes.max(no)
            }),
            "max_rejects_in_a_row" => house(exposure.rejected_in_a_row().into()),
            "max_day_bought_usdc" => house(day.bought.saturating_add(exposure.total().open).into()),
            "max_day_outflow_usdc" => {
                let out = day.outflow(exposure.total().open).max(0);
                house(Usdc::from_micro(u64::try_from(out).unwrap_or(u64::MAX)).into())
            }
            "max_day_placed_usdc" => house(day.placed.into()),
            _ => None,
        }
    }

    /// The most that any market uses, and which; the first of equals, none for nothing.
    fn fullest<T: Copy + Default + Ord + Into<Amount>>(
        &self,
        used: impl Fn(usize) -> T,
    ) -> Option<(Amount, Option<Box<str>>)> {
        let (mut most, mut fullest) = (T::default(), None);
        for row in 0..self.markets.len() {
            let used = used(row);
            if used > most {
                (most, fullest) = (used, Some(self.markets[row].slug.clone()));
            }
        }
        Some((most.into(), fullest))
    }

    fn tokens(&self, row: usize) -> [&TokenId; 2] {
        [&self.markets[row].yes, &self.markets[row].no]
    }
}
