//! Every kind there is, in the order of the table of faults.

mod accounts;
mod calls;
mod feeds;

use super::fault::{Calls, Channels, Percent};
use super::kind::{Kind, Knob};
use mm_core::domain::Nanos;

/// All rows.
pub(super) const ALL: [&[Kind]; 3] = [feeds::KINDS, calls::KINDS, accounts::KINDS];

const PERCENT: Knob = Knob::number("percent", (1, 100), (100, 100), "how many of a hundred are hit");
const SOME: Knob = Knob::number("percent", (1, 100), (1, 20), "how many of a hundred are hit");
const CHANNEL: Knob = Knob::words("channel", &["market", "user", "both"], 0, "which sockets");

const fn on(usual: u64) -> Knob {
    Knob::words("calls", &["orders", "cancels", "trading", "reads", "heartbeats", "all"], usual, "which calls")
}

/// A day is the longest time anything may take.
const DAY_MS: u64 = 86_400_000;

fn channels(value: u64) -> Channels {
    match value {
        0 => Channels::Market,
        1 => Channels::User,
        _ => Channels::Both,
    }
}

fn calls(value: u64) -> Calls {
    match value {
        0 => Calls::Orders,
        1 => Calls::Cancels,
        2 => Calls::Trading,
        3 => Calls::Reads,
        4 => Calls::Heartbeats,
        _ => Calls::All,
    }
}

fn percent(value: u64) -> Percent {
    Percent(u8::try_from(value.min(100)).unwrap_or(100))
}

fn ms(value: u64) -> Nanos {
    Nanos::from_ms(value.min(DAY_MS))
}
