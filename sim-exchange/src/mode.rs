//! What the matching engine takes now: everything, only what cannot trade on arrival, only cancels, or nothing
//! (`clob-rest.md` section 14).
//!
//! One value, and pure: who asks brings the time. A restart is answered with 425 until it ends, then comes two minutes in which
//! only post-only orders and cancels pass, then the usual. Resting orders survive it; whether the venue's do is undocumented.

use mm_core::domain::{Nanos, Timestamp};

/// After every restart only post-only orders and cancels are taken for this long.
pub const POST_ONLY_AFTER_RESTART: Nanos = Nanos::from_secs(120);

/// A mode of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Orders and cancels are taken.
    #[default]
    Normal,
    /// Nothing is; at `until` the two minutes of post-only begin.
    Restarting {
        /// When it ends.
        until: Timestamp,
    },
    /// Only post-only orders and cancels are taken; at `until` it is over.
    PostOnly {
        /// When it ends.
        until: Timestamp,
    },
    /// Only cancels are taken, until it is switched.
    CancelOnly,
    /// Nothing is taken, until it is switched. Whether cancels work then is undocumented; here they do not.
    Disabled,
}

/// Why nothing was done: an answer of the engine's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Closed {
    /// HTTP status: 425 or 503.
    pub status: u16,
    /// The venue's words.
    pub text: &'static str,
    /// `post_only_mode`, the one documented code.
    pub code: Option<&'static str>,
    /// Seconds to wait, rounded up, where the engine knows.
    pub retry_after: Option<u64>,
}

impl Mode {
    /// Where a mode that was set earlier stands at `at`.
    #[must_use]
    pub const fn at(self, at: Timestamp) -> Self {
        match self {
            Self::Restarting { until } if until.nanos() <= at.nanos() => {
                Self::PostOnly { until: until.plus(POST_ONLY_AFTER_RESTART) }.at(at)
            }
            Self::PostOnly { until } if until.nanos() <= at.nanos() => Self::Normal,
            mode => mode,
        }
    }

    /// Whether an order may be looked at.
    ///
    /// # Errors
    /// [`Closed`] with what the client is told.
    pub const fn place(self, at: Timestamp, post_only: bool) -> Result<(), Closed> {
        match self.at(at) {
            Self::Normal => Ok(()),
            Self::PostOnly { .. } if post_only => Ok(()),
            Self::PostOnly { until } => Err(Closed {
                status: 503,
                text: "post-only mode: only post-only orders and cancels are allowed",
                code: Some("post_only_mode"),
                retry_after: Some(seconds_up(until.since(at))),
            }),
            Self::Restarting { until } => Err(restarting(at, until)),
            Self::CancelOnly => Err(Closed {
                status: 503,
                text: "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
                code: None,
                retry_after: None,
            }),
            Self::Disabled => Err(DISABLED),
        }
    }

    /// Whether a heartbeat may be looked at: always, except while the engine restarts.
    ///
    /// # Errors
    /// [`Closed`] with what the client is told.
    pub const fn beat(self, at: Timestamp) -> Result<(), Closed> {
        match self.at(at) {
            Self::Restarting { until } => Err(restarting(at, until)),
            _ => Ok(()),
        }
    }

    /// Whether a cancel may be looked at.
    ///
    /// # Errors
    /// [`Closed`] with what the client is told.
    pub const fn cancel(self, at: Timestamp) -> Result<(), Closed> {
        match self.at(at) {
            Self::Normal | Self::PostOnly { .. } | Self::CancelOnly => Ok(()),
            Self::Restarting { until } => Err(restarting(at, until)),
            Self::Disabled => Err(DISABLED),
        }
    }
}

const DISABLED: Closed = Closed {
    status: 503,
    text: "Trading is currently disabled. Check polymarket.com for updates",
    code: None,
    retry_after: None,
};

/// The body of a 425 is undocumented.
const fn restarting(at: Timestamp, until: Timestamp) -> Closed {
    Closed { status: 425, text: "Too Early", code: None, retry_after: Some(seconds_up(until.since(at))) }
}

const fn seconds_up(wait: Nanos) -> u64 {
    wait.nanos().div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::{Mode, POST_ONLY_AFTER_RESTART};
    use mm_core::domain::{Nanos, Timestamp};

    /// What a post-only order, another order and a cancel are answered, `seconds` after a mode was set.
    fn shown(mode: Mode, seconds: u64) -> String {
        let at = Timestamp::from_ms(0).plus(Nanos::from_secs(seconds));
        [mode.place(at, true), mode.place(at, false), mode.cancel(at)]
            .map(|answer| match answer {
                Ok(()) => "yes".to_owned(),
                Err(no) => format!("{}{}", no.status, no.retry_after.map_or(String::new(), |s| format!("/{s}s"))),
            })
            .join(" ")
    }

    #[test]
    fn a_restart_ends_in_two_minutes_of_post_only() {
        let until = Timestamp::from_ms(90_000);
        let mode = Mode::Restarting { until };
        assert_eq!(shown(mode, 0), "425/90s 425/90s 425/90s");
        assert_eq!(shown(mode, 89), "425/1s 425/1s 425/1s");
        assert_eq!(shown(mode, 90), "yes 503/120s yes");
        assert_eq!(shown(mode, 131), "yes 503/79s yes");
        assert_eq!(shown(mode, 210), "yes yes yes");
        assert_eq!(mode.at(until), Mode::PostOnly { until: until.plus(POST_ONLY_AFTER_RESTART) });
    }

    #[test]
    fn the_other_modes_last_until_they_are_switched() {
        assert_eq!(shown(Mode::Normal, 9), "yes yes yes");
        assert_eq!(shown(Mode::CancelOnly, 9_999), "503 503 yes");
        assert_eq!(shown(Mode::Disabled, 9_999), "503 503 503");
    }
}
