//! What a recording, or the built-in book maker, does to a market.

use super::Exchange;
use super::fact::Fact;
use super::market::{Changed, Printed};
use super::matching::Arrival;
use super::trades::Hand;
use crate::mechanism::{Maker, Match, TapeBook};
use crate::tape::Op;
use crate::tape::grow::in_yes_terms;
use mm_core::domain::{MarketIx, Outcome, Side, Usdc};

impl Exchange {
    pub(super) fn play(&mut self) {
        let Some(player) = self.player.as_mut() else { return };
        let Some(batch) = player.pop() else { return };
        if let Some(Some(row)) = player.rows.get(batch.market).copied() {
            self.apply(row, batch.due_ms, &batch.ops);
        }
    }

    pub(super) fn step_maker(&mut self, n: usize) {
        let (row, maker) = &mut self.makers[n];
        let row = *row;
        let book = &mut self.markets[row].book;
        let book = book.taped().expect("a book maker keeps a recorded book");
        let ops = maker.step(&self.draws, |side, price| book.recorded.qty(side, price));
        let ms = self.now.ms();
        self.apply(row, ms, &ops);
    }

    fn taped(&mut self, row: usize) -> &mut TapeBook {
        self.markets[row].book.taped().expect("only recorded books are played")
    }

    /// Applies one batch of recorded changes to a market, fills what they reach, and tells the world.
    fn apply(&mut self, row: usize, tape_ms: u64, ops: &[Op]) {
        let market = market_ix(row);
        let (mut changed, mut prints): (Vec<Changed>, Vec<Printed>) = (Vec::new(), Vec::new());
        let (mut whole, mut opens, mut closes, mut tick) = (Vec::new(), false, false, None);
        for op in ops {
            match op {
                Op::Level { side, price, qty } => {
                    self.taped(row).record(*side, *price, *qty, tape_ms);
                    changed.push((*side, *price, Outcome::Yes));
                }
                Op::Print { outcome, side, price, qty } => {
                    self.print(row, tape_ms, (*outcome, *side, *price, *qty), &mut changed, &mut prints);
                }
                Op::Whole(outcome) => whole.push(*outcome),
                Op::Tick(new) => tick = Some(*new),
                Op::Open => opens = true,
                Op::Close => closes = true,
            }
        }
        if self.markets[row].open {
            self.run_over(row, &mut changed, &mut prints);
        }
        if let Some(new) = tick {
            self.change_tick(market, new);
        }
        if closes {
            self.close(market);
        }
        if whole.is_empty() {
            self.publish(market, &changed, &prints);
        } else {
            self.markets[row].changed_ms = self.shown_ms();
            if self.markets[row].open {
                whole.dedup();
                for outcome in whole {
                    self.emit(Fact::Whole { market, outcome });
                }
                self.publish(market, &[], &prints);
            }
        }
        if opens {
            self.open(market);
        }
    }

    /// A recorded trade: our orders it reaches are filled, then it is told as it was recorded.
    fn print(
        &mut self,
        row: usize,
        tape_ms: u64,
        (outcome, side, price, qty): Printed,
        changed: &mut Vec<Changed>,
        prints: &mut Vec<Printed>,
    ) {
        let (taker_side, yes_price) = in_yes_terms(outcome, side, price);
        if self.markets[row].open {
            let matches = self.taped(row).print(taker_side.other(), yes_price, qty, tape_ms);
            let mut taker = self.house_taker(outcome, side);
            let mut ours = Vec::new();
            self.trade(market_ix(row), &mut taker, &matches, changed, &mut ours);
            // a fill at the print's own price is part of it; one at our better price is a print of its own
            prints.extend(ours.into_iter().filter(|(_, _, at, _)| *at != price));
        }
        self.markets[row].last_print = Some((outcome, price, side));
        prints.push((outcome, side, price, qty));
    }

    /// The recorded book has come to stand at or through our orders: somebody took them.
    fn run_over(&mut self, row: usize, changed: &mut Vec<Changed>, prints: &mut Vec<Printed>) {
        for side in [Side::Buy, Side::Sell] {
            let matches: Vec<Match> = self.taped(row).run_over(side);
            for m in &matches {
                // the taker trades the token our order names, so that nothing is minted for it
                let Maker::Order { order, .. } = m.maker else { continue };
                let outcome = self.orders.row(order).outcome;
                let mut taker = self.house_taker(outcome, in_yes_terms(outcome, side, m.price).0.other());
                self.trade(market_ix(row), &mut taker, std::slice::from_ref(m), changed, prints);
            }
        }
    }

    pub(super) fn house_taker(&mut self, outcome: Outcome, side: Side) -> Arrival {
        self.house_orders += 1;
        Arrival::new(Hand::House(self.house_orders), outcome, side, Usdc::ZERO)
    }
}

fn market_ix(row: usize) -> MarketIx {
    MarketIx(u16::try_from(row).expect("the universe numbers its rows in 16 bits"))
}
