//! What the digest of the exposure tells of its markets: a sum that a change of one market changes, not a walk over all.
//!
//! A market's mark is the SHA-256 of its name, a zero byte, dollars open and at cost as 64 bits, losses if it ends YES and NO as 128,
//! little endian; read as four 64-bit numbers, also little endian. Marks are added number by number, without carry. The sum is to
//! tell states apart that a replay reaches, not to withstand who chooses the states: the ledger's own chain does that.

use super::{Losses, Standing};
use mm_core::domain::ConditionId;
use sha2::{Digest as _, Sha256};

/// What one market has at risk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Market {
    pub(super) standing: Standing,
    pub(super) losses: Losses,
    /// What it has added to the sum.
    mark: Mark,
}

/// One mark, or a sum of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Mark([u64; 4]);

impl Mark {
    /// Of a market as it stands.
    fn of(name: &ConditionId, market: &Market) -> Self {
        let mut hash = Sha256::new();
        hash.update(name.as_str());
        hash.update([0]);
        hash.update(market.standing.open.micro().to_le_bytes());
        hash.update(market.standing.cost.micro().to_le_bytes());
        hash.update(market.losses.yes.to_le_bytes());
        hash.update(market.losses.no.to_le_bytes());
        let bytes: [u8; 32] = hash.finalize().into();
        let (numbers, _) = bytes.as_chunks::<8>();
        let mut mark = Self::default();
        mark.0.iter_mut().zip(numbers).for_each(|(own, number)| *own = u64::from_le_bytes(*number));
        mark
    }

    /// Takes the market's last mark out of this sum and adds its mark of now.
    pub(super) fn renew(&mut self, name: &ConditionId, market: &mut Market) {
        let now = Self::of(name, market);
        let was = std::mem::replace(&mut market.mark, now);
        for ((sum, now), was) in self.0.iter_mut().zip(now.0).zip(was.0) {
            *sum = sum.wrapping_sub(was).wrapping_add(now);
        }
    }

    /// Its numbers.
    pub(super) const fn numbers(self) -> [u64; 4] {
        self.0
    }

    /// The sum from scratch.
    #[cfg(test)]
    pub(super) fn of_all<'a>(markets: impl Iterator<Item = (&'a ConditionId, &'a Market)>) -> Self {
        markets.fold(Self::default(), |mut sum, (name, market)| {
            let mark = Self::of(name, market);
            sum.0.iter_mut().zip(mark.0).for_each(|(sum, mark)| *sum = sum.wrapping_add(mark));
            sum
        })
    }
}
