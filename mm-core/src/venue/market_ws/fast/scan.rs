//! A place in a text, and the values that may stand there. Every value ends with its closing quote.

use super::digits;
use crate::domain::{Price, Qty, Side};

/// What has not been read yet.
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn step(&mut self, len: usize) -> Option<()> {
        self.rest = self.rest.get(len..)?;
        Some(())
    }

    /// Steps over `token` if it is next.
    #[inline]
    pub(super) fn eat<const N: usize>(&mut self, token: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((next, rest)) if next == token => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    pub(super) fn expect<const N: usize>(&mut self, token: &[u8; N]) -> Option<()> {
        self.eat(token).then_some(())
    }

    /// A comma and the white space the venue puts behind it.
    pub(super) fn comma(&mut self) -> Option<()> {
        self.expect(b",")?;
        self.space();
        Some(())
    }

    /// A comma and what must follow it, perhaps with white space between them. Nothing is read when it is not there.
    #[inline]
    pub(super) fn key<const N: usize>(&mut self, key: &[u8; N]) -> Option<()> {
        if self.eat(key) { Some(()) } else { self.spaced(key) }
    }

    #[cold]
    fn spaced(&mut self, key: &[u8]) -> Option<()> {
        let (comma, key) = key.split_at(1);
        let mut ahead = Scan { rest: self.rest.strip_prefix(comma)? };
        ahead.space();
        self.rest = ahead.rest.strip_prefix(key)?;
        Some(())
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some((b' ' | b'\t' | b'\r' | b'\n', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    /// What stands where a condition id is due: 66 bytes of the usual form, or 64.
    pub(super) fn condition(&mut self) -> Option<&'a [u8]> {
        let len = if self.rest.get(66) == Some(&b'"') { 66 } else { 64 };
        let (id, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        self.expect(b"\"")?;
        Some(id)
    }

    /// The inside of a string of printable ASCII without escapes.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        let len = self.rest.iter().position(|byte| !matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~'))?;
        let (inside, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.expect(b"\"")?;
        std::str::from_utf8(inside).ok()
    }

    #[inline]
    pub(super) fn price(&mut self) -> Option<Price> {
        let n = match self.usual_price() {
            Some(n) => n,
            None => self.decimal::<1, 4>()?,
        };
        u16::try_from(n).ok().and_then(Price::from_ten_thousandths)
    }

    /// `0.` and one to four digits: with the quote no more than one word.
    #[inline]
    fn usual_price(&mut self) -> Option<u64> {
        let word = digits::word(self.rest)?;
        let (count, values) = digits::leading(word >> 16);
        let is_usual = word & 0xffff == u64::from(u16::from_le_bytes(*b"0.")) && matches!(count, 1..=4);
        if !is_usual || word >> (16 + 8 * count) & 0xff != u64::from(b'"') {
            return None;
        }
        self.rest = &self.rest[3 + count as usize..];
        Some(digits::number(digits::first(values, count) << 32))
    }

    #[inline]
    pub(super) fn qty(&mut self) -> Option<Qty> {
        let micro = match self.usual_qty() {
            Some(micro) => micro,
            None => self.decimal::<12, 6>()?,
        };
        Some(Qty::from_micro(micro))
    }

    /// One to seven digits, then perhaps a point and one to six more: two words.
    #[inline]
    fn usual_qty(&mut self) -> Option<u64> {
        let (count, values) = digits::leading(digits::word(self.rest)?);
        let whole = digits::number(digits::last(values, count)) * 1_000_000;
        let (stop, rest) = self.rest.get(count as usize..)?.split_first()?;
        if count == 0 {
            return None;
        }
        if *stop == b'"' {
            self.rest = rest;
            return Some(whole);
        }
        let (decimals, values) = digits::leading(digits::word(rest)?);
        let (end, rest) = rest.get(decimals as usize..)?.split_first()?;
        if *stop != b'.' || *end != b'"' || !matches!(decimals, 1..=6) {
            return None;
        }
        self.rest = rest;
        Some(whole + digits::number(digits::first(values, decimals) << 16))
    }

    /// A decimal in units of `10^-SCALE`, with at most `WHOLE` digits in front of the point and `SCALE` behind it: others are
    /// rare, and need more care than this.
    #[cold]
    fn decimal<const WHOLE: usize, const SCALE: usize>(&mut self) -> Option<u64> {
        let (whole, len) = count_digits::<WHOLE>(self.rest, 0);
        let rest = &self.rest[len..];
        let Some(rest) = rest.strip_prefix(b".") else {
            self.rest = rest.strip_prefix(b"\"")?;
            return (len > 0).then_some(whole * POWERS[SCALE]);
        };
        let (value, decimals) = count_digits::<SCALE>(rest, whole);
        self.rest = rest[decimals..].strip_prefix(b"\"")?;
        (len + decimals > 0).then_some(value * POWERS[SCALE - decimals])
    }

    /// A price at which an order can rest.
    #[inline]
    pub(super) fn level_price(&mut self) -> Option<Price> {
        self.price().filter(|price| *price != Price::ZERO && *price != Price::ONE)
    }

    /// An announced price: `0`, `1` and nothing mean that the side is empty.
    #[inline]
    pub(super) fn top_price(&mut self) -> Option<Option<Price>> {
        if self.eat(b"\"") {
            return Some(None);
        }
        self.price().map(|price| Some(price).filter(|p| *p != Price::ZERO && *p != Price::ONE))
    }

    #[inline]
    pub(super) fn side(&mut self) -> Option<Side> {
        if self.eat(b"BUY\"") { Some(Side::Buy) } else { self.expect(b"SELL\"").map(|()| Side::Sell) }
    }

    /// The forty bytes where a hash is due; `None` inside for an empty string. Whether they are hex is for the reader to see.
    #[inline]
    pub(super) fn hash(&mut self) -> Option<Option<&'a [u8; 40]>> {
        if self.eat(b"\"") {
            return Some(None);
        }
        let (hex, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        self.expect(b"\"")?;
        Some(Some(hex))
    }

    /// Milliseconds in a string: digits alone, at most eighteen so that they cannot overflow.
    #[inline]
    pub(super) fn milliseconds(&mut self) -> Option<u64> {
        if let Some(ms) = self.usual_milliseconds() {
            return Some(ms);
        }
        let (value, len) = count_digits::<18>(self.rest, 0);
        self.rest = self.rest[len..].strip_prefix(b"\"")?;
        (len > 0).then_some(value)
    }

    /// The thirteen digits of these centuries.
    #[inline]
    fn usual_milliseconds(&mut self) -> Option<u64> {
        let (high, rest) = self.rest.split_first_chunk::<8>()?;
        let (high_count, high) = digits::leading(u64::from_le_bytes(*high));
        let (low_count, low) = digits::leading(digits::word(rest)?);
        let rest = rest[5..].strip_prefix(b"\"")?;
        if (high_count, low_count) != (8, 5) {
            return None;
        }
        self.rest = rest;
        Some(digits::number(high) * 100_000 + digits::number(digits::last(low, 5)))
    }
}

/// Powers of ten.
const POWERS: [u64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Appends the digits at the beginning of `text` to a number, at most `MAX` of them; and how many they were.
fn count_digits<const MAX: usize>(text: &[u8], mut value: u64) -> (u64, usize) {
    let mut len = 0;
    for byte in text.iter().take(MAX).take_while(|byte| byte.is_ascii_digit()) {
        value = value * 10 + u64::from(byte - b'0');
        len += 1;
    }
    (value, len)
}
