//! Whether orders may leave: every check with its age, combined. Unknown is shut.

use mm_core::domain::Nanos;

/// Times of the gate and of the desk's calls (architecture section 12, points 12 and 20; `[gate]` of the configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateTimes {
    /// No lease for this long: shut, cancel all.
    pub core_silent: Nanos,
    /// The core's oldest feed may be this old.
    pub feed_max_age: Nanos,
    /// Between two heartbeats.
    pub heartbeat_every: Nanos,
    /// Last accepted beat older than this: shut.
    pub heartbeat_max_age: Nanos,
    /// Between two geoblock checks.
    pub geoblock_every: Nanos,
    /// A clear answer older than this is unknown.
    pub geoblock_max_age: Nanos,
    /// Between two closed-only checks.
    pub closed_only_every: Nanos,
    /// An answer older than this is unknown.
    pub closed_only_max_age: Nanos,
    /// Between two readings of open orders and trades while orders rest.
    pub user_probe: Nanos,
    /// What REST knows and the stream has not told after this long: shut.
    pub user_tell: Nanos,
    /// Neither the user stream nor REST has answered for this long: shut.
    pub user_dead: Nanos,
    /// Between two comparisons with the venue's clock.
    pub clock_every: Nanos,
    /// A comparison older than this is unknown.
    pub clock_max_age: Nanos,
    /// Further apart than this: shut.
    pub clock_pause: Nanos,
    /// Further apart than this: halt.
    pub clock_halt: Nanos,
    /// Between the two readings that prove an account flat.
    pub zero_gap: Nanos,
    /// A failed reading is repeated after this.
    pub reading_retry: Nanos,
    /// Reads and placements time out after this.
    pub request_timeout: Nanos,
    /// Calls of the cancel pool time out after this.
    pub cancel_timeout: Nanos,
    /// An order unknown for this long and absent everywhere never landed.
    pub late_landing: Nanos,
    /// Pauses are counted over this long.
    pub pause_window: Nanos,
    /// More pauses than this within the window: halt.
    pub pauses_max: u32,
}
