//! Watches for news: a reference midpoint that moves too far too fast stops quoting for a while.

use crate::domain::{Nanos, Timestamp};
use crate::quote::Jumped;
use std::collections::VecDeque;

/// Midpoints remembered in a window; of more, the oldest goes. A window holds few that differ: this is for a book that flickers.
const SEEN_MAX: usize = 16;

/// How far, within which time, and for how long nothing is quoted then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Half ten-thousandths.
    pub(super) halves: u16,
    pub(super) window: Nanos,
    pub(super) pause: Nanos,
}

/// One market's recent midpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Jumps {
    seen: VecDeque<(Timestamp, u16)>,
    pub(super) jumped: Option<Jumped>,
}

impl Jumps {
    /// Takes the midpoint of a decision. A jump within the window starts the pause, or starts it anew.
    pub(super) fn look(&mut self, at: Timestamp, halves: u16, rule: Rule) {
        while self.seen.front().is_some_and(|(when, _)| at.since(*when) > rule.window) {
            // the last one before the window says where it began
            if self.seen.get(1).is_none_or(|(next, _)| at.since(*next) < rule.window) {
                break;
            }
            self.seen.pop_front();
        }
        let far = self.seen.iter().map(|(_, seen)| seen.abs_diff(halves)).max().unwrap_or(0);
        if far >= rule.halves {
            self.jumped = Some(Jumped { halves: far, until: at.plus(rule.pause) });
            // one jump is one: the next is measured from here
            self.seen.clear();
        }
        if self.seen.back().is_none_or(|(_, last)| *last != halves) {
            if self.seen.len() == SEEN_MAX {
                self.seen.pop_front();
            }
            self.seen.push_back((at, halves));
        }
        self.jumped = self.jumped.filter(|jumped| jumped.until > at);
    }

    /// Everything that tells one state from another, as numbers for a hash.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i128> + '_ {
        let seen = self.seen.iter().flat_map(|(at, halves)| [i128::from(at.nanos()), i128::from(*halves)]);
        seen.chain(self.jumped.iter().map(|jumped| i128::from(jumped.until.nanos())))
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.seen.capacity() * std::mem::size_of::<(Timestamp, u16)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_move_in_the_window_stops_and_a_slow_one_does_not() {
        let rule = Rule { halves: 400, window: Nanos::from_secs(10), pause: Nanos::from_secs(60) };
        let at = |s: u64| Timestamp::from_ms(1_000 * s);
        let mut slow = Jumps::default();
        for n in 0..10u16 {
            slow.look(at(u64::from(n) * 6), 10_000 + n * 190, rule);
            assert_eq!(slow.jumped, None, "two steps in ten seconds are 380");
        }
        let mut fast = Jumps::default();
        fast.look(at(0), 10_000, rule);
        fast.look(at(5), 9_700, rule);
        assert_eq!(fast.jumped, None);
        fast.look(at(9), 10_100, rule);
        assert_eq!(fast.jumped, Some(Jumped { halves: 400, until: at(69) }));
        fast.look(at(20), 10_200, rule);
        assert!(fast.jumped.is_some(), "it lasts");
        fast.look(at(70), 10_200, rule);
        assert_eq!(fast.jumped, None, "and ends");
        // three steps, none of them far, that are far together
        let mut steps = Jumps::default();
        for (n, halves) in [10_000, 10_150, 10_300].into_iter().enumerate() {
            steps.look(at(n as u64), halves, rule);
            assert_eq!(steps.jumped, None);
        }
        steps.look(at(3), 10_400, rule);
        assert_eq!(steps.jumped, Some(Jumped { halves: 400, until: at(63) }));
        // a midpoint that stood still for long and then leaps
        let mut still = Jumps::default();
        still.look(at(0), 10_000, rule);
        still.look(at(100), 10_400, rule);
        assert!(still.jumped.is_some());
    }
}
