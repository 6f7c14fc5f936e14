//! Why it is halted, for whoever arms: as many reasons as fit, those that the executor found out before those that people gave.

use mm_core::domain::Timestamp;

/// Reasons that are kept, by their words. Beyond that what people said goes first: whoever may halt must not be able to hide what the
/// executor found out; then the middle, since the cause is among the first and the state among the last. As many of either kind are
/// written in one halt.
pub const REASONS_MAX: usize = 8;
/// What begins a reason that a person gave: as an [`Author`] is written, and as all of them were once.
const BY_HAND: [&str; 4] = ["operator (uid ", "view (uid ", "signal ", "operator: "];
/// Parts reasons in the latch's marker; none of them holds one.
const PARTED_BY: char = '\t';

fn is_by_hand(why: &str) -> bool {
    BY_HAND.iter().any(|begins| why.starts_with(begins))
}

/// Who wants a halt. It begins the reason, whatever the reason says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// A user who may arm.
    Operator(u32),
    /// A user who may look.
    Viewer(u32),
    /// Whoever sent this signal; the system does not tell who.
    Signal(&'static str),
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator(uid) => write!(f, "operator (uid {uid})"),
            Self::Viewer(uid) => write!(f, "view (uid {uid})"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

/// The reasons of one halt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reasons {
    /// In words, and when it came; one that only the marker tells has no time.
    kept: Vec<(Box<str>, Option<Timestamp>)>,
    by_hand: usize,
    found: usize,
}

impl Reasons {
    /// One more; whether it is new.
    pub(crate) fn add(&mut self, at: Option<Timestamp>, why: &str) -> bool {
        if self.knows(why) {
            return false;
        }
        *if is_by_hand(why) { &mut self.by_hand } else { &mut self.found } += 1;
        if self.kept.len() == REASONS_MAX {
            let by_hand = self.kept.iter().position(|(why, _)| is_by_hand(why));
            self.kept.remove(by_hand.unwrap_or(REASONS_MAX / 2));
        }
        self.kept.push((why.into(), at));
        true
    }

    fn knows(&self, why: &str) -> bool {
        self.kept.iter().any(|(known, _)| **known == *why)
    }

    /// Whether one more of its kind may be written.
    pub(crate) fn has_room_for(&self, why: &str) -> bool {
        let of_its_kind = if is_by_hand(why) { self.by_hand } else { self.found };
        of_its_kind < REASONS_MAX && !self.knows(why)
    }

    /// The words of those that are kept, oldest first.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|(why, _)| &**why)
    }

    /// With the time of each, and how many more there were.
    pub(crate) fn told(&self) -> Vec<Box<str>> {
        let more = self.by_hand + self.found - self.kept.len();
        let more = (more > 0).then(|| format!("and {more} more").into());
        let told = self.kept.iter().map(|(why, at)| match at {
            Some(at) => format!("{why} ({at})").into(),
            None => why.clone(),
        });
        told.chain(more).collect()
    }
}

/// A reason as it is kept: one line, without what parts reasons in the marker.
pub(crate) fn one_line(why: &str) -> String {
    why.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// What the marker is to hold.
pub(crate) fn marked<'a>(reasons: impl Iterator<Item = &'a str>) -> Box<str> {
    reasons.collect::<Vec<_>>().join(&PARTED_BY.to_string()).into()
}

/// What a marker holds; it is a reason by itself when it tells none.
pub(crate) fn of_marker(text: &str) -> Vec<&str> {
    let told: Vec<&str> = text.split(PARTED_BY).map(str::trim).filter(|why| !why.is_empty()).collect();
    if told.is_empty() { vec!["the latch's marker is there and tells no reason"] } else { told }
}
