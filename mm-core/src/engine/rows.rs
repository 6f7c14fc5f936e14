//! A set of market rows: one bit a row, read in order.

use crate::domain::MarketIx;

const WORD: usize = 64;

/// Rows that are touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    words: Vec<u64>,
    /// No bit is set.
    empty: bool,
}

impl Rows {
    pub(super) const fn new() -> Self {
        Self { words: Vec::new(), empty: true }
    }

    pub(super) fn insert(&mut self, ix: MarketIx) {
        let word = ix.index() / WORD;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (ix.index() % WORD);
        self.empty = false;
    }

    pub(super) fn contains(&self, ix: MarketIx) -> bool {
        self.words.get(ix.index() / WORD).is_some_and(|word| word >> (ix.index() % WORD) & 1 == 1)
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.empty = true;
    }

    /// Appends the rows in their order, those from `first` on before those in front of it, and is empty then.
    pub(super) fn drain_from(&mut self, first: MarketIx, out: &mut Vec<MarketIx>) {
        if !self.empty {
            let begin = out.len();
            self.append(out);
            let before = out[begin..].partition_point(|ix| *ix < first);
            out[begin..].rotate_left(before);
            self.clear();
        }
    }

    /// Appends the rows in their order.
    pub(super) fn append(&self, out: &mut Vec<MarketIx>) {
        if self.empty {
            return;
        }
        for (n, word) in self.words.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                let row = n * WORD + left.trailing_zeros() as usize;
                out.push(MarketIx(u16::try_from(row).expect("a universe has at most 65535 rows")));
                left &= left - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn rows_equal_an_ordered_set(rows in prop::collection::vec(0u16..300, 0..40), first in 0u16..300) {
            let (mut set, mut naive) = (Rows::new(), BTreeSet::new());
            for row in rows {
                set.insert(MarketIx(row));
                naive.insert(MarketIx(row));
                prop_assert!(set.contains(MarketIx(row)));
                prop_assert_eq!(set.contains(MarketIx(first)), naive.contains(&MarketIx(first)));
            }
            let mut all = Vec::new();
            set.append(&mut all);
            prop_assert_eq!(&all, &naive.iter().copied().collect::<Vec<_>>());
            let from = naive.iter().filter(|ix| ix.0 >= first).chain(naive.iter().filter(|ix| ix.0 < first));
            let mut turned = Vec::new();
            set.drain_from(MarketIx(first), &mut turned);
            prop_assert_eq!(turned, from.copied().collect::<Vec<_>>());
            prop_assert_eq!(&set, &{ let mut empty = set.clone(); empty.clear(); empty });
        }
    }
}
