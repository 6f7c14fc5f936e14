//! One number for the venue's whole state.

use super::Exchange;
use crate::mechanism::Mechanism;
use mm_core::domain::{Digest, Side};
use sha2::{Digest as _, Sha256};

impl Exchange {
    /// SHA-256 over everything that decides what the venue does next: money, markets, resting orders in the order of their queues,
    /// trades that have not settled. What is only remembered to be listed is not in it.
    #[must_use]
    pub fn state_digest(&self) -> Digest {
        let mut words = Words { buffer: [0; 512], len: 0, hasher: Sha256::new() };
        words.add(self.now.nanos());
        self.accounts.visit(&mut |amount| words.add(amount));
        for market in &self.markets {
            let tick = u64::from(market.facts.tick.ten_thousandths());
            words.add(tick << 8 | u64::from(market.open));
            for side in [Side::Buy, Side::Sell] {
                match &market.book {
                    Mechanism::Continuous(book) => {
                        for (price, order) in book.queue_of(side) {
                            words.add(u64::from(price.ten_thousandths()) << 32 | u64::from(order.order.0));
                            words.add(u64::from(order.account.0));
                            words.add(order.remaining.micro());
                        }
                    }
                    Mechanism::Recorded(_) => {
                        for (price, qty) in market.book.depth(side) {
                            words.add(u64::from(price.ten_thousandths()));
                            words.add(qty.micro());
                        }
                    }
                }
                words.add(u64::MAX);
            }
            if matches!(market.book, Mechanism::Recorded(_)) {
                for (_, price, order) in market.book.orders() {
                    words.add(u64::from(price.ten_thousandths()) << 32 | u64::from(order.order.0));
                    words.add(order.remaining.micro());
                }
            }
        }
        for (ix, trade) in self.trades.unsettled() {
            words.add(ix.0 << 8 | trade.stage as u64);
            words.add(trade.qty.micro());
        }
        Digest(words.finish())
    }
}

/// Numbers on their way into a hash, a block at a time.
struct Words {
    buffer: [u8; 512],
    len: usize,
    hasher: Sha256,
}

impl Words {
    fn add(&mut self, word: u64) {
        self.buffer[self.len..self.len + 8].copy_from_slice(&word.to_le_bytes());
        self.len += 8;
        if self.len == self.buffer.len() {
            self.hasher.update(self.buffer);
            self.len = 0;
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.buffer[..self.len]);
        self.hasher.finalize().into()
    }
}
