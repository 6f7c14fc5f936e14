//! A queue of things to come, in the one total order of the simulator (`simulator.md` section 5).
//!
//! Key = (time, class, tie, sequence). Classes say what goes first at one instant. Two parties in one class at one nanosecond are
//! ordered by a draw that is named by the run, the time and the party: never by a name, and never by who was queued first. Only
//! what one party queued itself keeps its order. The draw is made when a tie is met, not for every event; the order is that of
//! drawing it always.
//!
//! Never reads a clock; the past is refused.

mod places;
#[cfg(test)]
mod tests;

use mm_core::domain::Timestamp;
use places::{Place, Places, SEQ_BITS};

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

/// The queue.
pub struct Kernel<E, T> {
    ties: T,
    same_instant: SameInstant,
    places: Places,
    events: Vec<Option<(Class, E)>>,
    free: Vec<u32>,
    /// Places of one instant and class, last first, each with its draw.
    tied: Vec<(u64, Place)>,
    /// They are of several parties and drawn for. A party alone keeps its order without a draw.
    drawn: bool,
    next_seq: u64,
    now: Timestamp,
}

impl<E, T: Ties> Kernel<E, T> {
    /// An empty queue at the beginning of time.
    #[must_use]
    pub fn new(ties: T, same_instant: SameInstant) -> Self {
        Self {
            ties,
            same_instant,
            places: Places::new(),
            events: Vec::new(),
            free: Vec::new(),
            tied: Vec::new(),
            drawn: false,
            next_seq: 0,
            now: Timestamp::EPOCH,
        }
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
        let place = Place { order, party, slot: self.keep(class, event) };
        match self.tied.last() {
            Some((_, head)) if head.instant() == place.instant() => {
                if !self.drawn && head.party != party {
                    self.draw_lots(at);
                }
                let draw = if self.drawn { self.ties.draw(at, party) } else { 0 };
                let there = self.tied.partition_point(|(d, p)| (*d, p.order) > (draw, order));
                self.tied.insert(there, (draw, place));
            }
            _ => self.places.push(place),
        }
    }

    fn keep(&mut self, class: Class, event: E) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.events[slot as usize] = Some((class, event));
                slot
            }
            None => {
                let slot = u32::try_from(self.events.len()).expect("fewer than 2^32 events wait");
                self.events.push(Some((class, event)));
                slot
            }
        }
    }

    /// Takes the first event.
    pub fn pop(&mut self) -> Option<(Key, E)> {
        self.line_up();
        let place = match self.tied.pop() {
            Some((_, place)) => place,
            None => self.places.pop()?,
        };
        let (class, event) = self.events[place.slot as usize].take().expect("a place has its event");
        self.free.push(place.slot);
        let key = place.key(class);
        self.now = key.at;
        Some((key, event))
    }

    /// When the first event is due, and as what.
    #[must_use]
    pub fn peek(&self) -> Option<(Timestamp, Class)> {
        let tied = self.tied.last().map(|(_, place)| place);
        let first = match (tied, self.places.first()) {
            (Some(tied), Some(free)) if free.instant() < tied.instant() => free,
            (Some(tied), _) => tied,
            (None, free) => free?,
        };
        let (class, _) = self.events[first.slot as usize].as_ref().expect("a place has its event");
        Some((first.at(), *class))
    }

    /// When the first event is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        self.peek().map(|(at, _)| at)
    }

    /// Events in the queue.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len() - self.free.len()
    }

    /// Whether nothing is to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sees to it that the next event is the last of `tied`, or the first of the others if `tied` is empty.
    fn line_up(&mut self) {
        if let (Some((_, tied)), Some(first)) = (self.tied.last(), self.places.first()) {
            // what happened since may have put something in front of the tie
            if first.instant() >= tied.instant() {
                return;
            }
            while let Some((_, place)) = self.tied.pop() {
                self.places.push(place);
            }
        }
        if !self.tied.is_empty() {
            return;
        }
        let Some(first) = self.places.first().copied() else { return };
        let instant = first.instant();
        if self.places.second().is_none_or(|second| second.instant() != instant) {
            return;
        }
        self.drawn = false;
        let mut alone = true;
        while self.places.first().is_some_and(|next| next.instant() == instant) {
            let Some(next) = self.places.pop() else { break };
            alone &= next.party == first.party;
            self.tied.push((0, next));
        }
        if alone {
            // they came in their order
            self.tied.reverse();
        } else {
            self.draw_lots(first.at());
        }
    }

    /// Makes the draws of all that are tied at `at`.
    fn draw_lots(&mut self, at: Timestamp) {
        self.drawn = true;
        for (draw, place) in &mut self.tied {
            *draw = self.ties.draw(at, place.party);
        }
        self.tied.sort_unstable_by(|(a, x), (b, y)| (b, y.order).cmp(&(a, x.order)));
    }
}
