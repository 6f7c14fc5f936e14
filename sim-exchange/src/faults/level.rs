//! States of the venue that hold while a fault is active, and the fate of trades.

use super::fault::{
    AccountFault, BookFault, Channel, EngineFault, Fault, LinkFault, MarketFault, PlaceFault, TradeFault, UserFault,
};
use super::{Active, Faults};
use crate::exchange::{Stale, TermsFault};
use crate::mode::Mode;
use mm_core::domain::{Nanos, Timestamp};

/// What a client is told of the end of a mode nobody knows the end of.
const OPEN_END: Nanos = Nanos::from_secs(120);

impl Faults {
    fn any(&self, is: impl Fn(&Fault) -> bool) -> bool {
        self.active.iter().any(|active| is(&active.fault))
    }

    /// The engine's mode while a fault sets it. Of several the fault that began last has the word.
    #[must_use]
    pub fn mode(&self, at: Timestamp) -> Option<Mode> {
        let post_only =
            |until: &Option<Timestamp>| Mode::PostOnly { until: until.unwrap_or_else(|| at.plus(OPEN_END)) };
        self.active.iter().rev().find_map(|Active { fault, since, until, .. }| match fault {
            Fault::Engine(EngineFault::Restart { down, .. }) if at < since.plus(*down) => {
                Some(Mode::Restarting { until: since.plus(*down) })
            }
            Fault::Engine(EngineFault::Restart { .. } | EngineFault::PostOnly) => Some(post_only(until)),
            Fault::Engine(EngineFault::CancelOnly) => Some(Mode::CancelOnly),
            Fault::Engine(EngineFault::Disabled) => Some(Mode::Disabled),
            _ => None,
        })
    }

    /// Whether the geoblock endpoint says blocked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.any(|fault| matches!(fault, Fault::Place(PlaceFault::Blocked)))
    }

    /// Whether orders get 403.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.any(|fault| matches!(fault, Fault::Place(_)))
    }

    /// Whether accounts may only reduce.
    #[must_use]
    pub fn is_closed_only(&self) -> bool {
        self.any(|fault| matches!(fault, Fault::Account(AccountFault::ClosedOnly)))
    }

    /// Whether counters of matched dollars are stuck.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.any(|fault| matches!(fault, Fault::Account(AccountFault::StuckBalance)))
    }

    /// Whether nothing arrives on the channel.
    #[must_use]
    pub fn is_frozen(&self, channel: Channel) -> bool {
        self.any(|fault| matches!(fault, Fault::Link(channels, LinkFault::Frozen) if channels.includes(channel)))
    }

    /// What is active and concerns the market in this row of so many.
    fn of_market(&self, row: u64, count: u64) -> impl Iterator<Item = MarketFault> {
        self.active.iter().filter_map(move |active| match active.fault {
            Fault::Market(which, what) if which % count.max(1) == row % count.max(1) => Some(what),
            _ => None,
        })
    }

    /// Whether a market takes no orders.
    #[must_use]
    pub fn is_closed(&self, row: u64, count: u64) -> bool {
        self.of_market(row, count).any(|what| what == MarketFault::Closed)
    }

    /// Whether an answer to a market's question is proposed.
    #[must_use]
    pub fn is_proposed(&self, row: u64, count: u64) -> bool {
        self.of_market(row, count).any(|what| what == MarketFault::AnswerProposed)
    }

    /// What becomes of a market's reward terms, in order of beginning.
    #[must_use]
    pub fn terms(&self, row: u64, count: u64) -> Vec<TermsFault> {
        let of = |what| match what {
            MarketFault::PoolGone => Some(TermsFault::Gone),
            MarketFault::RewardTerms { min_size, max_spread } => Some(TermsFault::Scaled { min_size, max_spread }),
            _ => None,
        };
        self.of_market(row, count).filter_map(of).collect()
    }

    /// Whose balances are as old as their last refresh (0: everybody's, n: those of the nth account), and how.
    pub fn stale_balances(&self) -> impl Iterator<Item = (u64, Stale)> {
        self.active.iter().filter_map(|active| match active.fault {
            Fault::Account(AccountFault::StaleBalance { account, how }) => Some((account, how)),
            _ => None,
        })
    }

    /// How REST books lie, if they do.
    #[must_use]
    pub fn books(&self) -> Option<BookFault> {
        self.active.iter().rev().find_map(|active| match active.fault {
            Fault::Book(what) => Some(what),
            _ => None,
        })
    }

    /// How long a connection of the channel lives, while a storm blows.
    #[must_use]
    pub fn storm(&self, channel: Channel) -> Option<Nanos> {
        self.active.iter().find_map(|active| match active.fault {
            Fault::Link(channels, LinkFault::Storm { lives }) if channels.includes(channel) => Some(lives),
            _ => None,
        })
    }

    /// How far the venue's clock is off, milliseconds; the sum of all that skew it.
    #[must_use]
    pub fn skew_ms(&self) -> i64 {
        self.active.iter().fold(0, |sum, active| match active.fault {
            Fault::Clock(skew) => sum.saturating_add(skew.ms()),
            _ => sum,
        })
    }

    /// What becomes of the trade that has just been matched; `None`: it settles as it should.
    pub fn trade_fate(&mut self) -> Option<TradeFault> {
        for n in 0..self.active.len() {
            if let Fault::Trade(percent, what) = self.active[n].fault
                && self.hits(n, percent, 0)
            {
                return Some(what);
            }
        }
        None
    }

    /// Whether the order about to be cancelled has been filled just before, so that its fills are told behind the cancel.
    pub fn fills_before_cancel(&mut self) -> bool {
        (0..self.active.len()).any(|n| match self.active[n].fault {
            Fault::User(percent, UserFault::FillsAfterCancel) => self.hits(n, percent, 0),
            _ => false,
        })
    }
}
