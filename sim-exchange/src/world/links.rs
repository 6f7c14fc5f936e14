//! How long a message takes, one way. Each link draws its own jitter and keeps its order: nothing overtakes what was sent before.

use crate::draws::{Cursor, Draws};
use mm_core::domain::{Nanos, Timestamp};

/// One direction of one party's connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    base: Nanos,
    jitter: Nanos,
    draws: Cursor,
    last: Timestamp,
}

impl Link {
    /// A link whose jitter is drawn from `latency/<name>`.
    pub(super) fn new(draws: &Draws, name: &str, base: Nanos, jitter: Nanos) -> Self {
        Self { base, jitter, draws: Cursor::new(draws.stream("latency", name)), last: Timestamp::EPOCH }
    }

    /// When what is sent at `at` arrives.
    pub(super) fn send(&mut self, at: Timestamp) -> Timestamp {
        let mut arrives = at.plus(self.base);
        if self.jitter > Nanos::ZERO {
            let jitter = self.draws.take().below(self.jitter.nanos().saturating_add(1));
            arrives = arrives.plus(Nanos::from_nanos(jitter));
        }
        self.last = self.last.max(arrives);
        self.last
    }

    /// The shortest it can take.
    pub(super) const fn least(&self) -> Nanos {
        self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_and_nothing_is_faster_than_its_link() {
        let ms = Nanos::from_ms;
        let mut link = Link::new(&Draws::new(7), "noise/0/out", ms(40), ms(10));
        let (mut last, mut different) = (Timestamp::EPOCH, std::collections::BTreeSet::new());
        for n in 0..200 {
            let at = Timestamp::from_ms(1_000 + n);
            let arrives = link.send(at);
            assert!(arrives >= last && arrives >= at.plus(ms(40)), "{arrives}");
            assert!(arrives <= at.plus(ms(50)), "nothing before it was later than that");
            different.insert(arrives.since(at));
            last = arrives;
        }
        assert!(different.len() > 50, "jitter is drawn for each message");
    }

    #[test]
    fn without_jitter_nothing_is_drawn() {
        let mut link = Link::new(&Draws::new(7), "x", Nanos::from_ms(1), Nanos::ZERO);
        assert_eq!(link.send(Timestamp::from_ms(5)), Timestamp::from_ms(6));
        assert_eq!(link.draws.index(), 0);
    }
}
