//! What happened lately that quotes must know of: how our fills turned out, and whether the price has just jumped.

use super::NoQuote;
use super::params::QuoteParams;
use crate::domain::{Nanos, Qty, Timestamp};
use serde::{Deserialize, Serialize};

/// Nothing happened: the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// What resting cost beyond the cost model, nano-dollars a share and day: never below zero, since losses that did not come yet
    /// prove nothing.
    pub extra_cost: u64,
    /// How recent fills turned out; `None` where there were too few.
    pub markout: Option<Markout>,
    /// The price moved too far too fast.
    pub jumped: Option<Jumped>,
    /// What order flow says of the price to come, half ten-thousandths; zero where that is not asked for.
    pub flow: i16,
}

/// The mean of recent fills a minute later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markout {
    /// How far the midpoint then stood on our side of the price paid, hundredths of a cent a share; negative is a loss.
    pub gain: i64,
    /// Shares it is the mean of, the recent ones weighing more.
    pub shares: Qty,
}

/// A move of the reference midpoint within the configured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jumped {
    /// Half ten-thousandths.
    pub halves: u16,
    /// Nothing is quoted before.
    pub until: Timestamp,
}

impl Recent {
    /// Whether this alone says that nothing should rest.
    pub(super) fn forbids(&self, at: Timestamp, params: &QuoteParams) -> Result<(), NoQuote> {
        if let Some(Jumped { halves, until }) = self.jumped
            && until > at
        {
            return Err(NoQuote::Jumped { moved_halves: halves, left_ms: until.since(at).ms() });
        }
        if let (Some(limit), Some(Markout { gain, shares })) = (params.toxic_markout, self.markout)
            && gain < -i64::from(limit.ten_thousandths())
        {
            return Err(NoQuote::Toxic { lost: gain.unsigned_abs(), shares, limit });
        }
        Ok(())
    }

    /// [`Recent::extra_cost`] in dollars.
    pub(super) fn extra_dollars(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "dollars a share and day: far below 2^52 nano-dollars")]
        let nano = self.extra_cost as f64;
        nano / 1e9
    }
}

/// What is left of old evidence after `step`, when half of it is left after `half_life`: parts in a thousand million.
pub(crate) fn kept_after(step: Nanos, half_life: Nanos) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "days in nanoseconds: below 2^52 for a month")]
    let [step, half] = [step.nanos(), half_life.nanos().max(1)].map(|n| n as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between zero and 10^9")]
    let kept = libm::round(libm::exp2(-step / half) * 1e9) as u64;
    kept
}
