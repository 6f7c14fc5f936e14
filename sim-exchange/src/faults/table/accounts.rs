//! User stream, settlement, balances, markets, place, clock.

use super::{DAY_MS, PERCENT, ms, percent};
use crate::exchange::Stale;
use crate::faults::fault::{AccountFault, Fault, MarketFault, PlaceFault, Skew, TradeFault, UserFault};
use crate::faults::kind::{Kind, Knob};

const RACES: &str = "user stream races";
const GHOST: &str = "ghost fill";
const BALANCE: &str = "balance counter stuck; unrequested cancellation";
const MARKET: &str = "market changes in mid-session";
const PLACE: &str = "geoblock flips, 403 on order, closed-only account";
const CLOCK: &str = "clock skew";

const TELL_LATE: Knob = Knob::number("by_ms", (1, 60_000), (50, 3_000), "how late order events come");
const FAILS_AFTER: Knob = Knob::number("after_ms", (0, DAY_MS), (10_000, 50_000), "from match to FAILED");
const RETRIES_AFTER: Knob = Knob::number("after_ms", (0, DAY_MS), (1_000, 20_000), "from match to RETRYING");
const ORDERS: Knob = Knob::number("orders", (1, 10_000), (1, 3), "at most so many are cancelled");
const WHOSE: Knob = Knob::number("account", (0, 65_535), (0, 0), "0 = all that keys act for; 1 = the first of them");
const DOLLARS: Knob = Knob::words("collateral", &["live", "cached"], 0, "what is told of dollars");
const UPDATE: Knob = Knob::words("update", &["heeded", "ignored"], 0, "what a refresh does");
const WHICH: Knob = Knob::number("market", (0, 65_535), (0, 65_535), "its row, modulo the number of markets");
const WAY: Knob = Knob::words("to", &["finer", "coarser"], 0, "which way the tick goes");
const SIZE: Knob = Knob::number("min_size_percent", (1, 10_000), (50, 400), "of the minimum size before");
const SPREAD: Knob = Knob::number("max_spread_percent", (1, 10_000), (50, 200), "of the maximum spread before");
const SKEW: Knob = Knob::number("by_ms", (1, DAY_MS), (2_000, 7_200_000), "how far");
const SKEW_WAY: Knob = Knob::words("to", &["ahead", "behind"], 0, "of the right time");

const fn race(name: &'static str, says: &'static str, knobs: &'static [Knob], make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row: RACES, says, lasts_ms: Some((5_000, 120_000)), knobs, make }
}

const fn ghost(name: &'static str, says: &'static str, knobs: &'static [Knob], make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row: GHOST, says, lasts_ms: Some((5_000, 120_000)), knobs, make }
}

const fn market(
    name: &'static str,
    says: &'static str,
    lasts_ms: Option<(u64, u64)>,
    knobs: &'static [Knob],
    make: fn(&[u64]) -> Fault,
) -> Kind {
    Kind { name, row: MARKET, says, lasts_ms, knobs, make }
}

const fn lasting(name: &'static str, row: &'static str, says: &'static str, make: fn(&[u64]) -> Fault) -> Kind {
    Kind { name, row, says, lasts_ms: Some((5_000, 120_000)), knobs: &[], make }
}

pub(super) const KINDS: &[Kind] = &[
    race("fills-after-cancel", "a cancelled order's fills are told behind its cancellation", &[PERCENT], |v| {
        Fault::User(percent(v[0]), UserFault::FillsAfterCancel)
    }),
    race("trade-before-order", "order events come behind the trades", &[PERCENT, TELL_LATE], |v| {
        Fault::User(percent(v[0]), UserFault::TradeBeforeOrder { by: ms(v[1]) })
    }),
    race("duplicate-trades", "each trade event twice", &[PERCENT], |v| {
        Fault::User(percent(v[0]), UserFault::DuplicateTrades)
    }),
    Kind {
        name: "several-orders",
        row: RACES,
        says: "one taker takes all orders of one side of a wallet in one trade",
        lasts_ms: None,
        knobs: &[],
        make: |_| Fault::User(percent(100), UserFault::SeveralOrders),
    },
    race("status-backwards", "an earlier status comes again", &[PERCENT], |v| {
        Fault::User(percent(v[0]), UserFault::StatusBackwards)
    }),
    ghost("ghost-fill", "MATCHED, then FAILED", &[PERCENT, FAILS_AFTER], |v| {
        Fault::Trade(percent(v[0]), TradeFault::Failed { after: ms(v[1]) })
    }),
    ghost("unconfirmed-fill", "MATCHED and never confirmed", &[PERCENT], |v| {
        Fault::Trade(percent(v[0]), TradeFault::Unconfirmed)
    }),
    ghost("retried-fill", "MATCHED, RETRYING, then MINED and CONFIRMED", &[PERCENT, RETRIES_AFTER], |v| {
        Fault::Trade(percent(v[0]), TradeFault::Retried { after: ms(v[1]) })
    }),
    lasting("stuck-balance", BALANCE, "orders are refused for a balance that is there", |_| {
        Fault::Account(AccountFault::StuckBalance)
    }),
    Kind {
        name: "stale-balance",
        row: BALANCE,
        says: "tokens cannot be sold, nor are they shown, beyond the last refresh of their balance",
        lasts_ms: Some((5_000, 120_000)),
        knobs: &[WHOSE, DOLLARS, UPDATE],
        make: |v| {
            let how = Stale { dollars_too: v[1] == 1, deaf: v[2] == 1 };
            Fault::Account(AccountFault::StaleBalance { account: v[0], how })
        },
    },
    Kind {
        name: "cancelled-for-balance",
        row: BALANCE,
        says: "resting orders are cancelled for a balance that is there",
        lasts_ms: None,
        knobs: &[ORDERS],
        make: |v| Fault::Account(AccountFault::CancelledForBalance { orders: v[0] }),
    },
    market("tick-change", "the tick goes one step finer or coarser", None, &[WHICH, WAY], |v| {
        Fault::Market(v[0], MarketFault::Tick { finer: v[1] == 0 })
    }),
    market("reward-terms", "other reward terms", Some((30_000, 600_000)), &[WHICH, SIZE, SPREAD], |v| {
        Fault::Market(v[0], MarketFault::RewardTerms { min_size: v[1], max_spread: v[2] })
    }),
    market("pool-gone", "the reward pool is gone", Some((30_000, 600_000)), &[WHICH], |v| {
        Fault::Market(v[0], MarketFault::PoolGone)
    }),
    market("market-closed", "the market takes no orders", Some((30_000, 600_000)), &[WHICH], |v| {
        Fault::Market(v[0], MarketFault::Closed)
    }),
    market("game-start", "every resting order of the market is cancelled", None, &[WHICH], |v| {
        Fault::Market(v[0], MarketFault::GameStart)
    }),
    market("silent-resolution", "resolved, and nobody is told", None, &[WHICH], |v| {
        Fault::Market(v[0], MarketFault::SilentResolution)
    }),
    market(
        "answer-proposed",
        "Gamma tells of a proposed answer; trading goes on",
        Some((30_000, 600_000)),
        &[WHICH],
        |v| Fault::Market(v[0], MarketFault::AnswerProposed),
    ),
    lasting("geoblock", PLACE, "blocked, and orders get 403", |_| Fault::Place(PlaceFault::Blocked)),
    lasting("forbidden-orders", PLACE, "orders get 403 while the endpoint says all is well", |_| {
        Fault::Place(PlaceFault::Forbidden)
    }),
    lasting("closed-only", PLACE, "only reducing orders", |_| Fault::Account(AccountFault::ClosedOnly)),
    Kind {
        name: "clock-skew",
        row: CLOCK,
        says: "every stamp, /time and the ends of GTD orders are off",
        lasts_ms: Some((30_000, 3_600_000)),
        knobs: &[SKEW, SKEW_WAY],
        make: |v| Fault::Clock(Skew { by: ms(v[0]), ahead: v[1] == 0 }),
    },
];
