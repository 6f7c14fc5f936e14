//! Where the public book comes from: a recording, or the built-in book maker of a world without one.

use crate::draws::Draws;
use crate::tape::{Batch, Grown, Op};
use mm_core::domain::{Nanos, Outcome, Price, Qty, Side, TickSize, Timestamp};

/// Plays a recording's batches at a multiple of their own time.
pub(super) struct Player {
    batches: Vec<Batch>,
    next: usize,
    /// Row of the venue for each recorded market; `None` = not played.
    pub(super) rows: Vec<Option<usize>>,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// Tape time of the last batch played.
    played_ms: u64,
    began: Timestamp,
    speed_milli: u64,
}

impl Player {
    pub(super) fn new(grown: Grown, rows: Vec<Option<usize>>, began: Timestamp, speed_milli: u64) -> Self {
        let (start_ms, end_ms) = (grown.report.start_ms, grown.report.end_ms);
        Self { batches: grown.batches, next: 0, rows, start_ms, end_ms, played_ms: start_ms, began, speed_milli }
    }

    /// When a moment of the tape happens; at speed 0 everything is due at once.
    pub(super) fn due(&self, tape_ms: u64) -> Timestamp {
        let nanos = u128::from(tape_ms.saturating_sub(self.start_ms)) * 1_000_000_000;
        match nanos.checked_div(u128::from(self.speed_milli)) {
            Some(nanos) => self.began.plus(Nanos::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))),
            None => self.began,
        }
    }

    /// The next batch's due time.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.batches.get(self.next).map(|batch| self.due(batch.due_ms))
    }

    /// Tape time of the next batch.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.batches.get(self.next).map(|batch| batch.due_ms)
    }

    /// Takes the next batch.
    pub(super) fn pop(&mut self) -> Option<Batch> {
        let batch = self.batches.get_mut(self.next)?;
        self.next += 1;
        self.played_ms = batch.due_ms;
        Some(std::mem::take(batch))
    }

    /// Where the tape stands.
    pub(super) fn tape_ms(&self, now: Timestamp) -> u64 {
        if self.speed_milli == 0 {
            return self.played_ms;
        }
        let nanos = u128::from(now.since(self.began).nanos()) * u128::from(self.speed_milli);
        let ms = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        self.start_ms.saturating_add(ms).min(self.end_ms)
    }

    /// How far it has played: the next batch, and the tape time of the last.
    pub(super) const fn position(&self) -> (usize, u64) {
        (self.next, self.played_ms)
    }

    /// Goes to a position of the same recording, at or behind this one.
    pub(super) const fn seek(&mut self, (next, played_ms): (usize, u64)) {
        self.next = next;
        self.played_ms = played_ms;
    }

    pub(super) const fn speed_is_unbounded(&self) -> bool {
        self.speed_milli == 0
    }
}

/// Levels a side of the built-in book.
const LEVELS: u16 = 20;

/// Keeps one quiet market's book: fixed prices, sizes that change now and then, a small trade now and then.
pub(super) struct BookMaker {
    name: String,
    fair: Price,
    tick: TickSize,
    steps: u64,
    next_at: Timestamp,
}

impl BookMaker {
    pub(super) fn new(name: &str, fair: Price, tick: TickSize, start: Timestamp) -> Self {
        Self { name: name.to_owned(), fair, tick, steps: 0, next_at: start }
    }

    pub(super) const fn next_due(&self) -> Timestamp {
        self.next_at
    }

    /// How far it has come: steps done, and when the next is due.
    pub(super) const fn position(&self) -> (u64, Timestamp) {
        (self.steps, self.next_at)
    }

    /// Goes to a position.
    pub(super) const fn seek(&mut self, (steps, next_at): (u64, Timestamp)) {
        self.steps = steps;
        self.next_at = next_at;
    }

    /// The `n`th price of a side, 0 = best: at least a cent apart, so that one cent of tick or less makes the same market.
    fn price(&self, side: Side, n: u16) -> Option<Price> {
        let gap = self.tick.ten_thousandths().max(100);
        let away = gap.checked_mul(n.checked_add(1)?)?;
        let price = match side {
            Side::Buy => self.fair.to_tick_down(self.tick).checked_sub(away),
            Side::Sell => self.fair.to_tick_up(self.tick).checked_add(away),
        };
        price.filter(|p| p.is_orderable(self.tick))
    }

    fn size(&self, draws: &Draws, k: u64) -> Qty {
        // 50 to 500 shares in whole ones
        Qty::from_micro((50 + draws.below("book-size", &self.name, k, 451)) * 1_000_000)
    }

    /// What happens now, and when to come again. The first step puts up the whole book and opens the market.
    pub(super) fn step(&mut self, draws: &Draws, size_now: impl Fn(Side, Price) -> Qty) -> Vec<Op> {
        let k = self.steps;
        self.steps += 1;
        let gap_ms = 400 + draws.below("book-gap", &self.name, k, 1_600);
        self.next_at = self.next_at.plus(Nanos::from_ms(gap_ms));
        if k == 0 {
            let mut ops = Vec::new();
            for side in [Side::Buy, Side::Sell] {
                for n in 0..LEVELS {
                    if let Some(price) = self.price(side, n) {
                        let offset = if side == Side::Buy { 0 } else { u64::from(LEVELS) };
                        ops.push(Op::Level { side, price, qty: self.size(draws, offset + u64::from(n)) });
                    }
                }
            }
            ops.push(Op::Open);
            return ops;
        }
        let side = if draws.below("book-side", &self.name, k, 2) == 0 { Side::Buy } else { Side::Sell };
        let n = u16::try_from(draws.below("book-level", &self.name, k, u64::from(LEVELS))).unwrap_or(0);
        let trades = draws.below("book-trade", &self.name, k, 20) == 0;
        match (trades, self.price(side, if trades { 0 } else { n })) {
            (true, Some(price)) => {
                // a small taker hits the best level, which shrinks by as much
                let qty = Qty::from_micro((1 + draws.below("book-trade-size", &self.name, k, 10)) * 1_000_000);
                let left = size_now(side, price).saturating_sub(qty).max(Qty::from_micro(10_000_000));
                let print = Op::Print { outcome: Outcome::Yes, side: side.other(), price, qty };
                vec![Op::Level { side, price, qty: left }, print]
            }
            (false, Some(price)) => vec![Op::Level { side, price, qty: self.size(draws, 1_000 + k) }],
            (_, None) => Vec::new(),
        }
    }
}
