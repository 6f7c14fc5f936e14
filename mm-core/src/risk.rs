//! The core's own limits, each tighter than the executor's, and the conditions under which nothing may be quoted.
//!
//! Thins what is wanted; never adds to it and never places or cancels by itself.

use crate::domain::{MarketIx, Nanos, NewOrder, Side, Timestamp, Usdc};
use crate::protocol::Caps;

/// Dollars that may be at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One market: resting buys and holdings.
    pub market: Usdc,
    /// All markets together.
    pub total: Usdc,
    /// Free dollars: the venue keeps price × what is left of every open buy, and refuses what is beyond that.
    pub free: Usdc,
    /// One order; known once the executor has told its caps.
    pub order: Option<Usdc>,
}

impl Limits {
    /// The tighter of ours and the executor's.
    #[must_use]
    pub fn within(self, caps: Option<Caps>) -> Self {
        match caps {
            None => self,
            Some(caps) => Self {
                market: self.market.min(caps.market),
                total: self.total.min(caps.total),
                free: self.free,
                order: Some(self.order.map_or(caps.order, |own| own.min(caps.order))),
            },
        }
    }
}

/// What already stands against the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Value of what this market holds.
    pub held_here: Usdc,
    /// Resting buys and holdings of all other markets.
    pub elsewhere: Usdc,
    /// The buys alone.
    pub buys_elsewhere: Usdc,
}

/// What [`thin`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thinned {
    /// How many were kept: they come first.
    pub kept: usize,
    /// Which limit cut something off.
    pub cut: Option<&'static str>,
    /// As long as no more than this stands elsewhere, what was kept would be kept …
    pub room: Usdc,
    /// … and as long as free dollars pay for these buys beside those elsewhere.
    pub buys: Usdc,
}

/// Keeps of `want`, in its order, what fits, and moves the rest behind it.
pub fn thin(limits: Limits, standing: Standing, want: &mut [NewOrder]) -> Thinned {
    let (mut here, mut buys) = (standing.held_here, Usdc::ZERO);
    let (mut kept, mut cut) = (0, None);
    for n in 0..want.len() {
        let order = want[n];
        let cost = if order.side == Side::Sell { Usdc::ZERO } else { order.notional() };
        let (would_be, bought) = (here.saturating_add(cost), buys.saturating_add(cost));
        let over = if order.side == Side::Sell {
            None
        } else if limits.order.is_some_and(|cap| cost > cap) {
            Some("order")
        } else if would_be > limits.market {
            Some("market")
        } else if would_be.saturating_add(standing.elsewhere) > limits.total {
            Some("total")
        } else if bought.saturating_add(standing.buys_elsewhere) > limits.free {
            Some("free dollars")
        } else {
            None
        };
        if over.is_none() {
            (here, buys) = (would_be, bought);
            want[kept..=n].rotate_right(1);
            kept += 1;
        }
        cut = cut.or(over);
    }
    Thinned { kept, cut, room: limits.total.saturating_sub(here), buys }
}

/// Why nothing is quoted anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not connected to the executor, or not welcomed yet.
    ExecutorLost,
    /// The executor's gate is not open.
    GateShut,
    /// The executor has not told yet in this session what is held.
    NoBalance,
    /// The executor said something of an order that cannot be.
    Impossible,
    /// Every market link is down or silent.
    FeedsStale,
}

impl Stop {
    /// The name screens use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExecutorLost => "executor-lost",
            Self::GateShut => "gate-shut",
            Self::NoBalance => "no-balance",
            Self::Impossible => "impossible-order",
            Self::FeedsStale => "feeds-stale",
        }
    }
}

/// Remembers a stop until it is gone and the cool-down has passed. The first start needs no cool-down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brake {
    stop: Option<Stop>,
    has_run: bool,
    resume_at: Option<Timestamp>,
    /// What the cool-down is for.
    cause: Option<Stop>,
}

impl Brake {
    /// Takes the condition as it is now; returns whether quoting may go on.
    pub fn update(&mut self, at: Timestamp, stop: Option<Stop>, cool_down: Nanos) -> bool {
        if self.stop.is_some() && stop.is_none() && self.has_run {
            self.resume_at = Some(at.plus(cool_down));
        }
        self.stop = stop;
        self.cause = stop.or(self.cause);
        let runs = self.runs(at);
        self.has_run |= runs;
        runs
    }

    /// Stops for something that is over already: only the cool-down is left.
    pub fn trip(&mut self, at: Timestamp, stop: Stop, cool_down: Nanos) {
        self.resume_at = self.resume_at.max(Some(at.plus(cool_down)));
        self.cause = Some(stop);
    }

    /// Whether quoting may go on.
    #[must_use]
    pub fn runs(&self, at: Timestamp) -> bool {
        self.stop.is_none() && self.resume_at.is_none_or(|t| at >= t)
    }

    /// When the cool-down ends, while one runs.
    #[must_use]
    pub fn resumes(&self, at: Timestamp) -> Option<Timestamp> {
        self.resume_at.filter(|t| self.stop.is_none() && *t > at)
    }

    /// What last stopped quoting.
    #[must_use]
    pub const fn cause(&self) -> Option<Stop> {
        self.cause
    }

    /// Why nothing is quoted: the stop, or what the cool-down is for.
    #[must_use]
    pub fn reason(&self, at: Timestamp) -> Option<String> {
        match self.stop {
            Some(stop) => Some(stop.name().to_owned()),
            None if self.runs(at) => None,
            None => Some(format!("cool-down after {}", self.cause.map_or("a stop", Stop::name))),
        }
    }
}

/// Which markets already told of a limit, so that each limit is told once until it is no longer hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told(std::collections::BTreeSet<(MarketIx, &'static str)>);

impl Told {
    /// Whether this is news. `None` clears the market.
    pub fn news(&mut self, market: MarketIx, limit: Option<&'static str>) -> bool {
        match limit {
            Some(limit) => self.0.insert((market, limit)),
            None => {
                self.0.retain(|(other, _)| *other != market);
                false
            }
        }
    }
}
