//! Places in order. What is near lies in buckets of a few milliseconds, which are sorted when their time comes; what is far lies in a heap.

use super::{Class, Key, Party};
use mm_core::domain::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Where an event stands and where it is kept. Time, rank of the class and sequence are one number: what is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) order: u128,
    pub(super) party: Party,
    pub(super) slot: u32,
}

/// Bits of the sequence in [`Place::order`]; the rank stands above them, the time above that.
pub(super) const SEQ_BITS: u32 = 60;

impl Place {
    /// Time and rank alone.
    pub(super) const fn instant(&self) -> u128 {
        self.order >> SEQ_BITS
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_nanos(u64::try_from(self.order >> 64).expect("the upper half of 128 bits"))
    }

    pub(super) fn key(&self, class: Class) -> Key {
        let seq = u64::try_from(self.order & ((1 << SEQ_BITS) - 1)).expect("60 bits");
        Key { at: self.at(), class, party: self.party, seq }
    }
}

/// A bucket is 2^23 ns wide, 8.4 ms: less than a message is on its way, so that most land in a bucket to come.
const BUCKET_BITS: u32 = 23;
/// Buckets ahead: 8.6 s, longer than most clocks of agents.
const BUCKETS: usize = 1024;
const WORD: usize = 64;

/// Places in their order.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Those of the current bucket and before, last first. Empty only when there is none at all.
    now: Vec<Place>,
    /// The current bucket, counted since 1970.
    bucket: u64,
    /// The buckets after it, by their number modulo [`BUCKETS`], in any order.
    near: Vec<Vec<Place>>,
    /// One bit for each bucket that is not empty.
    filled: [u64; BUCKETS / WORD],
    /// Those beyond.
    far: BinaryHeap<Reverse<Place>>,
}

fn bucket_of(place: &Place) -> u64 {
    place.at().nanos() >> BUCKET_BITS
}

fn index_of(bucket: u64) -> usize {
    let count = u64::try_from(BUCKETS).unwrap_or(u64::MAX);
    usize::try_from(bucket % count).unwrap_or(0)
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            now: Vec::new(),
            bucket: 0,
            near: vec![Vec::new(); BUCKETS],
            filled: [0; BUCKETS / WORD],
            far: BinaryHeap::new(),
        }
    }

    pub(super) fn first(&self) -> Option<&Place> {
        self.now.last()
    }

    /// The one after the first, if it may be of the same moment.
    pub(super) fn second(&self) -> Option<&Place> {
        self.now.len().checked_sub(2).map(|n| &self.now[n])
    }

    pub(super) fn push(&mut self, place: Place) {
        let bucket = bucket_of(&place);
        if self.now.is_empty() {
            self.bucket = bucket;
            self.now.push(place);
        } else if bucket <= self.bucket {
            let there = self.now.partition_point(|other| other.order > place.order);
            self.now.insert(there, place);
        } else if bucket - self.bucket < BUCKETS as u64 {
            let n = index_of(bucket);
            self.near[n].push(place);
            self.filled[n / WORD] |= 1 << (n % WORD);
        } else {
            self.far.push(Reverse(place));
        }
    }

    pub(super) fn pop(&mut self) -> Option<Place> {
        let place = self.now.pop()?;
        if self.now.is_empty() {
            self.turn();
        }
        Some(place)
    }

    /// Makes the next bucket that holds anything the current one.
    fn turn(&mut self) {
        let near = self.next_filled();
        let far = self.far.peek().map(|Reverse(place)| bucket_of(place));
        let Some(bucket) = near.into_iter().chain(far).min() else { return };
        self.bucket = bucket;
        if near == Some(bucket) {
            let n = index_of(bucket);
            std::mem::swap(&mut self.now, &mut self.near[n]);
            self.filled[n / WORD] &= !(1 << (n % WORD));
        }
        while self.far.peek().is_some_and(|Reverse(place)| bucket_of(place) == bucket) {
            self.now.extend(self.far.pop().map(|Reverse(place)| place));
        }
        self.now.sort_unstable_by_key(|place| Reverse(place.order));
    }

    /// The first bucket after the current one with anything in it.
    fn next_filled(&self) -> Option<u64> {
        let from = index_of(self.bucket + 1);
        let words = BUCKETS / WORD;
        // the word `from` lies in comes twice: first its upper bits, in the end its lower ones
        for step in 0..=words {
            let word = (from / WORD + step) % words;
            let mut bits = self.filled[word];
            if step == 0 {
                bits &= u64::MAX << (from % WORD);
            } else if step == words {
                bits &= !(u64::MAX << (from % WORD));
            }
            if bits != 0 {
                let n = word * WORD + bits.trailing_zeros() as usize;
                let ahead = (n + BUCKETS - from) % BUCKETS;
                return Some(self.bucket + 1 + ahead as u64);
            }
        }
        None
    }
}
