//! The venue's hash of a book (`clob-streams.md` section 5): SHA-1 of a compact JSON object with ten keys.
//!
//! The last trade price is the last key and the one whose text is often not known for certain, so everything before it is
//! hashed once ([`OpenHash`]) and each candidate only finishes it.

use crate::domain::{Price, Qty, TickSize};
use crate::event::BookHash;
use sha1::{Digest as _, Sha1};
use std::fmt::{self, Write as _};

/// What goes into the hash besides the levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashInputs<'a> {
    /// Condition id.
    pub market: &'a str,
    /// Token id.
    pub token: &'a str,
    /// The message's timestamp, milliseconds since 1970.
    pub venue_ms: u64,
    /// Smallest order in shares.
    pub min_order: Qty,
    /// The market's tick.
    pub tick: TickSize,
    /// Whether the market is neg-risk.
    pub neg_risk: bool,
}

/// A hash that only lacks the last trade price.
#[derive(Clone)]
pub struct OpenHash(Sha1);

impl fmt::Debug for OpenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenHash").finish_non_exhaustive()
    }
}

impl OpenHash {
    /// Hashes everything up to the last trade price. Bids lowest first, asks highest first, as on the wire.
    pub fn new(
        inputs: &HashInputs<'_>,
        bids: impl IntoIterator<Item = (Price, Qty)>,
        asks: impl IntoIterator<Item = (Price, Qty)>,
    ) -> Self {
        let HashInputs { market, token, venue_ms, min_order, tick, neg_risk } = inputs;
        let mut sink = Sink(Sha1::new());
        sink.put(format_args!(
            r#"{{"market":"{market}","asset_id":"{token}","timestamp":"{venue_ms}","hash":"","bids":["#
        ));
        sink.levels(bids);
        sink.put(format_args!(r#"],"asks":["#));
        sink.levels(asks);
        sink.put(format_args!(
            r#"],"min_order_size":"{min_order}","tick_size":"{tick}","neg_risk":{neg_risk},"last_trade_price":"#
        ));
        Self(sink.0)
    }

    /// The hash with this last trade price: the venue's own string, market-wide, `""` if it never traded.
    #[must_use]
    pub fn close(&self, last_trade: &str) -> BookHash {
        let mut sink = Sink(self.0.clone());
        sink.put(format_args!("{}}}", serde_json::Value::from(last_trade)));
        BookHash(sink.0.finalize().into())
    }
}

/// The whole hash at once.
#[must_use]
pub fn book_hash(
    inputs: &HashInputs<'_>,
    bids: impl IntoIterator<Item = (Price, Qty)>,
    asks: impl IntoIterator<Item = (Price, Qty)>,
    last_trade: &str,
) -> BookHash {
    OpenHash::new(inputs, bids, asks).close(last_trade)
}

/// A trade's price the way the venue usually writes it into the hash: three decimals, more only if it has more.
#[must_use]
pub fn last_trade_text(price: Price) -> String {
    let n = price.ten_thousandths();
    if n.is_multiple_of(10) {
        format!("{}.{:03}", n / 10_000, n % 10_000 / 10)
    } else {
        format!("{}.{:04}", n / 10_000, n % 10_000)
    }
}

/// Text into the hash, without a buffer in between.
struct Sink(Sha1);

impl Sink {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.write_fmt(text).expect("hashing cannot fail");
    }

    fn levels(&mut self, levels: impl IntoIterator<Item = (Price, Qty)>) {
        for (i, (price, qty)) in levels.into_iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            self.put(format_args!(r#"{comma}{{"price":"{price}","size":"{qty}"}}"#));
        }
    }
}

impl fmt::Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_book_that_never_traded() {
        let market = format!("0x{}", "ab".repeat(32));
        let inputs = HashInputs {
            market: &market,
            token: "123456789",
            venue_ms: 1_790_000_000_000,
            min_order: Qty::from_micro(5_000_000),
            tick: TickSize::CENT,
            neg_risk: false,
        };
        assert_eq!(book_hash(&inputs, [], [], "").to_string(), "19975c27a61436d6b1d45d9b49374ca27aadf3ec");
        let level = (Price::from_ten_thousandths(100).expect("a price"), Qty::from_micro(1));
        assert_ne!(book_hash(&inputs, [level], [], ""), book_hash(&inputs, [], [level], ""));
    }

    #[test]
    fn last_trade_as_the_venue_writes_it() {
        for (n, text) in [(8500, "0.850"), (4560, "0.456"), (10_000, "1.000"), (9995, "0.9995"), (30, "0.003")] {
            assert_eq!(last_trade_text(Price::from_ten_thousandths(n).expect("a price")), text);
        }
    }
}
