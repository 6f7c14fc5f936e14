//! How quotes differ from the configured ones because the configured ones do not score.

use crate::domain::Qty;
use serde::{Deserialize, Serialize};

/// Nearer and larger than configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjust {
    /// Both quotes this many ticks nearer to the midpoint.
    pub tighten_ticks: u16,
    /// Each order this many percent larger, up to the configured maximum.
    pub raise_size_percent: u16,
}

impl Adjust {
    /// So many steps of this.
    #[must_use]
    pub fn times(self, steps: u8) -> Self {
        let times = |n: u16| n.saturating_mul(u16::from(steps));
        Self { tighten_ticks: times(self.tighten_ticks), raise_size_percent: times(self.raise_size_percent) }
    }

    /// A size made larger.
    pub(super) fn size(self, size: Qty) -> Qty {
        if self.raise_size_percent == 0 {
            return size;
        }
        let micro = u128::from(size.micro()) * u128::from(100 + u32::from(self.raise_size_percent)) / 100;
        u64::try_from(micro).map_or(Qty::MAX, Qty::from_micro)
    }
}
