//! A queue of things to come, in the one total order of the simulator (`simulator.md` section 5).
//!
//! Key = (time, class, tie, sequence). Classes say what goes first at one instant. Two parties in one class at one nanosecond are
//! ordered by a draw that is named by the run, the time and the party: never by a name, and never by who was queued first. Only
//! what one party queued itself keeps its order. The draw is made when a tie is met, not for every event; the order is that of
//! drawing it always.
//!
//! Never reads a clock; the past is refused.

#[cfg(test)]
mod tests;

use mm_core::domain::Timestamp;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What goes first at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Faults and switches.
    Control,
    /// The venue's own clock: samples, sweeps, expiries.
    Clock,
    /// A market is decided.
    Resolution,
    /// Steps of the settlement ladder.
    Settlement,
    /// An auction closes.
    Clear,
    /// A cancel reaches the venue.
    Cancel,
    /// An order, or any other request, reaches the venue.
    Order,
    /// Somebody wakes up by its own clock.
    Timer,
    /// News reach somebody.
    Observation,
}

impl Class {
    /// In their order while cancels go before orders.
    pub const ALL: [Self; 9] = [
        Self::Control,
        Self::Clock,
        Self::Resolution,
        Self::Settlement,
        Self::Clear,
        Self::Cancel,
        Self::Order,
        Self::Timer,
        Self::Observation,
    ];

    /// Its name in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Clock => "clock",
            Self::Resolution => "resolution",
            Self::Settlement => "settlement",
            Self::Clear => "clear",
            Self::Cancel => "cancel",
            Self::Order => "order",
            Self::Timer => "timer",
            Self::Observation => "observation",
        }
    }
}

/// Which of a cancel and an order of one nanosecond the venue looks at first. The real venue's rule is not known: a parity key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameInstant {
    /// Cancels: favours makers.
    #[default]
    CancelsFirst,
    /// Orders: favours takers.
    OrdersFirst,
}

impl SameInstant {
    const fn rank(self, class: Class) -> u8 {
        match (self, class) {
            (Self::OrdersFirst, Class::Cancel) => Class::Order as u8,
            (Self::OrdersFirst, Class::Order) => Class::Cancel as u8,
            _ => class as u8,
        }
    }
}

/// A party to ties: a row of whatever table the [`Ties`] look it up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(pub u32);

/// Draws that order parties in one class at one nanosecond.
pub trait Ties {
    /// The draw of `party` at `at`: always the same, and of nobody else.
    fn draw(&self, at: Timestamp, party: Party) -> u64;
}

/// Where an event stands in the total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// When.
    pub at: Timestamp,
    /// As what.
    pub class: Class,
    /// Whose.
    pub party: Party,
    /// Counts all events ever queued.
    pub seq: u64,
}

/// An event in the heap. Time, rank of the class and sequence are one number: what the heap compares.
struct Queued<E> {
    order: u128,
    class: Class,
    party: Party,
    event: E,
}

/// Bits of the sequence in [`Queued::order`]; the rank stands above them, the time above that.
const SEQ_BITS: u32 = 60;

impl<E> Queued<E> {
    /// Time and rank alone.
    const fn instant(&self) -> u128 {
        self.order >> SEQ_BITS
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_nanos(u64::try_from(self.order >> 64).expect("the upper half of 128 bits"))
    }

    fn key(&self) -> Key {
        let seq = u64::try_from(self.order & ((1 << SEQ_BITS) - 1)).expect("60 bits");
        Key { at: self.at(), class: self.class, party: self.party, seq }
    }
}

impl<E> PartialEq for Queued<E> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<E> Eq for Queued<E> {}

impl<E> PartialOrd for Queued<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Queued<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

/// The queue.
pub struct Kernel<E, T> {
    ties: T,
    same_instant: SameInstant,
    heap: BinaryHeap<Reverse<Queued<E>>>,
    /// Events of one instant and class between several parties, last first, each with its draw.
    tied: Vec<(u64, Queued<E>)>,
    next_seq: u64,
    now: Timestamp,
}

impl<E, T: Ties> Kernel<E, T> {
    /// An empty queue at the beginning of time.
    #[must_use]
    pub fn new(ties: T, same_instant: SameInstant) -> Self {
        Self { ties, same_instant, heap: BinaryHeap::new(), tied: Vec::new(), next_seq: 0, now: Timestamp::EPOCH }
    }

    /// Queues an event.
    ///
    /// # Panics
    /// When `at` lies before the last event taken: nothing may change what has happened.
    pub fn push(&mut self, at: Timestamp, class: Class, party: Party, event: E) {
        assert!(at >= self.now, "an event for {at} is queued at {}", self.now);
        let rank = u128::from(self.same_instant.rank(class));
        let seq = self.next_seq;
        assert!(seq >> SEQ_BITS == 0, "2^60 events in one run");
        self.next_seq += 1;
        let order = u128::from(at.nanos()) << 64 | rank << SEQ_BITS | u128::from(seq);
        let queued = Queued { order, class, party, event };
        match self.tied.last() {
            Some((_, head)) if head.instant() == queued.instant() => {
                let draw = self.ties.draw(at, party);
                let place = self.tied.partition_point(|(d, q)| (*d, q.order) > (draw, order));
                self.tied.insert(place, (draw, queued));
            }
            _ => self.heap.push(Reverse(queued)),
        }
    }

    /// Takes the first event.
    pub fn pop(&mut self) -> Option<(Key, E)> {
        self.line_up();
        let queued = match self.tied.pop() {
            Some((_, queued)) => queued,
            None => self.heap.pop()?.0,
        };
        let key = queued.key();
        self.now = key.at;
        Some((key, queued.event))
    }

    /// When the first event is due, and as what.
    #[must_use]
    pub fn peek(&self) -> Option<(Timestamp, Class)> {
        let tied = self.tied.last().map(|(_, queued)| queued);
        let heaped = self.heap.peek().map(|Reverse(queued)| queued);
        let first = match (tied, heaped) {
            (Some(tied), Some(heaped)) if heaped.instant() < tied.instant() => heaped,
            (Some(tied), _) => tied,
            (None, heaped) => heaped?,
        };
        Some((first.at(), first.class))
    }

    /// When the first event is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.peek().map(|(at, _)| at)
    }

    /// Events in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len() + self.tied.len()
    }

    /// Whether nothing is to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sees to it that the next event is the last of `tied`, or the heap's first if `tied` is empty.
    fn line_up(&mut self) {
        if let (Some((_, tied)), Some(Reverse(first))) = (self.tied.last(), self.heap.peek()) {
            // what happened since may have put something in front of the tie
            if first.instant() >= tied.instant() {
                return;
            }
            self.heap.extend(self.tied.drain(..).map(|(_, queued)| Reverse(queued)));
        }
        if !self.tied.is_empty() {
            return;
        }
        let Some(Reverse(first)) = self.heap.pop() else { return };
        let instant = first.instant();
        let is_tie = |next: &Reverse<Queued<E>>| next.0.instant() == instant;
        if !self.heap.peek().is_some_and(is_tie) {
            self.heap.push(Reverse(first));
            return;
        }
        let at = first.key().at;
        self.tied.push((self.ties.draw(at, first.party), first));
        while self.heap.peek().is_some_and(is_tie) {
            let Some(Reverse(next)) = self.heap.pop() else { break };
            self.tied.push((self.ties.draw(at, next.party), next));
        }
        self.tied.sort_unstable_by(|(a, x), (b, y)| (b, y.order).cmp(&(a, x.order)));
    }
}
