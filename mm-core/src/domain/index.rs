//! Finds a token by the text of its id where it stands, without cutting it out or hashing all of it.

use super::ids::{Token, TokenId};

/// Ids shorter than this are not indexed: a `uint256` drawn at random has 75 digits and more.
const HEAD: usize = 64;
/// Behind the head at most this much is left of an id; shorter rests are compared together with digits of the head.
const TAIL: usize = 16;

/// Token ids by a fold of their first sixteen digits; what the fold finds is compared in full. Open addressing, at most a quarter
/// full. Look-ups alone: nothing ever iterates over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenIndex {
    entries: Vec<Entry>,
    /// Number of an entry plus one; zero where none is.
    slots: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    head: [u8; HEAD],
    tail: [u8; TAIL],
    len: usize,
    token: Token,
}

impl TokenIndex {
    pub(super) fn new<'a>(tokens: impl Iterator<Item = (&'a TokenId, Token)>) -> Self {
        let entry = |(id, token): (&TokenId, Token)| {
            let id = id.as_str().as_bytes();
            let (head, tail) = (id.first_chunk::<HEAD>()?, id.last_chunk::<TAIL>()?);
            Some(Entry { head: *head, tail: *tail, len: id.len(), token })
        };
        let entries: Vec<Entry> = tokens.filter_map(entry).collect();
        let mut slots = vec![0; (4 * entries.len()).next_power_of_two()];
        for (n, entry) in (1..).zip(&entries) {
            let mut at = slot(&entry.head, slots.len());
            while slots[at] != 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = n;
        }
        Self { entries, slots }
    }

    /// The token whose id `text` begins with, in front of a quote; and the length of the id.
    #[inline]
    pub(super) fn find(&self, text: &[u8]) -> Option<(Token, usize)> {
        let head = text.first_chunk::<HEAD>()?;
        let mut at = slot(head, self.slots.len());
        loop {
            let number = usize::try_from(*self.slots.get(at)?).ok()?.checked_sub(1)?;
            let entry = &self.entries[number];
            if same(&entry.head, head)
                && text.get(entry.len) == Some(&b'"')
                && text.get(entry.len - TAIL..)?.first_chunk().is_some_and(|tail| same(&entry.tail, tail))
            {
                return Some((entry.token, entry.len));
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// Equality word by word: for lengths like these a call costs more.
#[inline]
fn same<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    let words = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
    words.fold(0, |differs, (a, b)| differs | (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b))) == 0
}

/// Where to look first among `slots`, a power of two.
#[inline]
fn slot(head: &[u8; HEAD], slots: usize) -> usize {
    let [first, second, ..] = head.as_chunks::<8>().0 else { return 0 };
    let fold =
        (u64::from_le_bytes(*first) ^ u64::from_le_bytes(*second).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // the upper bits are the mixed ones
    usize::try_from(fold >> 32).unwrap_or(0) & slots.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MarketIx, Outcome};
    use proptest::prelude::*;

    proptest! {
        /// Ids that share their first digits, or all but the last, are told apart; short ones are left to others.
        #[test]
        fn finds_what_a_list_finds(
            ids in prop::collection::btree_set("[1-3][01]{0,2}(7{70}|7{13}|7{60})[0-2]{0,3}", 0..40),
            asked in "[1-3][01]{0,2}(7{70}|7{13}|7{60})[0-2]{0,3}[\"7x]{0,1}",
        ) {
            let ids: Vec<TokenId> = ids.iter().map(|id| TokenId::parse(id).expect("digits")).collect();
            let token = |n: usize| Token { market: MarketIx(u16::try_from(n).expect("few")), outcome: Outcome::Yes };
            let index = TokenIndex::new(ids.iter().enumerate().map(|(n, id)| (id, token(n))));
            for text in ids.iter().map(|id| format!("{id}\",")).chain([asked]) {
                let known = ids.iter().position(|id| id.as_str().len() >= HEAD && text.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('"')));
                let expected = known.map(|n| (token(n), ids[n].as_str().len()));
                prop_assert_eq!(index.find(text.as_bytes()), expected, "{}", text);
            }
        }
    }
}
