//! Names of things: the venue's and ours. The long texts of the venue are shared, not copied: orders and rows name them by the thousand.

use super::order::Outcome;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Why an id was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// A token id is a decimal `uint256` without sign or leading zero.
    #[error("token id {0:?} is not a decimal of 1 to 78 digits")]
    Token(Box<str>),
    /// A condition id is `0x` and 62 or 64 hex digits.
    #[error("condition id {0:?} is not 0x and 62 or 64 hex digits")]
    Condition(Box<str>),
    /// An order id is `0x` and 64 hex digits.
    #[error("order id {0:?} is not 0x and 64 hex digits")]
    Order(Box<str>),
    /// A digest is 64 hex digits.
    #[error("digest {0:?} is not 64 hex digits")]
    Digest(Box<str>),
    /// Trade and event ids: 1 to 128 visible ASCII characters.
    #[error("id {0:?} is empty, too long or not visible ASCII")]
    Opaque(Box<str>),
}

/// Serde through `Display` and `parse`, so every place that reads an id checks it.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

/// An outcome token: the venue's decimal `uint256`, checked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Arc<str>);

impl TokenId {
    /// Checks the venue's decimal string.
    ///
    /// # Errors
    /// [`BadId::Token`].
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let digits = !text.is_empty() && text.len() <= Self::DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
        if digits && (text == "0" || !text.starts_with('0')) {
            Ok(Self(text.into()))
        } else {
            Err(BadId::Token(text.into()))
        }
    }

    /// Most digits of a `uint256`.
    pub(crate) const DIGITS_MAX: usize = 78;

    /// The digits at the beginning of `text` if they are a token id in front of a quote.
    pub(crate) fn at(text: &[u8]) -> Option<&str> {
        let len = text.iter().take(Self::DIGITS_MAX + 1).position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = text.split_at(len);
        let is_one = len > 0 && (len == 1 || digits[0] != b'0') && rest.first() == Some(&b'"');
        if is_one { std::str::from_utf8(digits).ok() } else { None }
    }

    /// The decimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(TokenId);

impl std::borrow::Borrow<str> for TokenId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A market's condition id: lower-case `0x` and 64 hex digits (62 for the venue's protocol-V2 markets).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConditionId(Arc<str>);

impl ConditionId {
    /// Checks and lower-cases the venue's hex string.
    ///
    /// # Errors
    /// [`BadId::Condition`].
    pub fn parse(text: &str) -> Result<Self, BadId> {
        if Self::is_one(text.as_bytes()) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(BadId::Condition(text.into()))
        }
    }

    /// Whether [`Self::parse`] would take it.
    pub(crate) fn is_one(text: &[u8]) -> bool {
        text.strip_prefix(b"0x")
            .is_some_and(|hex| matches!(hex.len(), 62 | 64) && hex.iter().all(u8::is_ascii_hexdigit))
    }

    /// The lower-case hex with its `0x`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(ConditionId);

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks length and characters; the meaning is the venue's.
            ///
            /// # Errors
            /// [`BadId::Opaque`].
            pub fn parse(text: &str) -> Result<Self, BadId> {
                if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
                    Ok(Self(text.into()))
                } else {
                    Err(BadId::Opaque(text.into()))
                }
            }

            /// The venue's string.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        serde_as_text!($name);
    };
}

opaque_id!(
    /// The venue's id of a trade (a UUID today).
    TradeId
);
opaque_id!(
    /// A group of markets whose outcomes exclude each other, or whose risk is counted together.
    EventId
);

/// Writes bytes as lower-case hex, at most 32 of them at once.
fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0u8; 64];
    for part in bytes.chunks(32) {
        for (pair, byte) in text.chunks_exact_mut(2).zip(part) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text[..2 * part.len()]).expect("hex digits are text"))?;
    }
    Ok(())
}

/// Reads exactly `N` bytes of hex in any letter case, eight digits at a time.
#[inline]
pub(crate) fn read_hex<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    const { assert!(N.is_multiple_of(4), "whole words of digits") };
    if hex.len() != 2 * N {
        return None;
    }
    let mut out = [0u8; N];
    let mut wrong = 0;
    for (bytes, digits) in out.as_chunks_mut::<4>().0.iter_mut().zip(hex.as_chunks::<8>().0) {
        let (value, bad) = hex_word(u64::from_le_bytes(*digits));
        *bytes = value.to_le_bytes();
        wrong |= bad;
    }
    (wrong == 0).then_some(out)
}

/// Four bytes out of eight hex digits, the first in the lowest byte; the second is not zero when one is none.
const fn hex_word(text: u64) -> (u32, u64) {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let letters = text >> 6 & ONES;
    let low = text & (0x0f * ONES);
    // digits are 0x30 to 0x39, letters 0x41 to 0x46 or 0x61 to 0x66: first the upper halves, without the bit of the letter case;
    // then that a letter is not the one before `a`; then that no digit is above nine and no letter above fifteen
    let upper = text & (0xf0 * ONES) & !(letters << 5);
    let halves = upper ^ (0x30 * ONES + letters * 0x10);
    let before_a = ((low | (0x10 * ONES)) - letters) ^ (0x10 * ONES);
    let values = low + letters * 9;
    let too_large = values + (letters ^ ONES) * 6;
    let wrong = halves | ((before_a | too_large) & (0x10 * ONES));
    let pairs = (values << 4 | values >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is a copy that is cut off")]
    let bytes = (fours | fours >> 16) as u32;
    (bytes, wrong)
}

/// An order's EIP-712 digest, which *is* the venue's order id and is known before the order is sent
/// (`signing.md` section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderId([u8; 32]);

impl Ord for OrderId {
    /// As its bytes, eight at a time: it is the key of every map of orders.
    fn cmp(&self, other: &Self) -> Ordering {
        self.words().cmp(&other.words())
    }
}

impl PartialOrd for OrderId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl OrderId {
    /// From the digest's bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn words(&self) -> [u64; 4] {
        let (words, _) = self.0.as_chunks();
        [0, 1, 2, 3].map(|nth| u64::from_be_bytes(words[nth]))
    }

    /// Checks `0x` and 64 hex digits.
    ///
    /// # Errors
    /// [`BadId::Order`].
    pub fn parse(text: &str) -> Result<Self, BadId> {
        text.strip_prefix("0x")
            .and_then(|hex| read_hex(hex.as_bytes()))
            .map(Self)
            .ok_or_else(|| BadId::Order(text.into()))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        write_hex(f, &self.0)
    }
}
serde_as_text!(OrderId);

/// A SHA-256 of something: configuration, state, policy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Checks 64 hex digits.
    ///
    /// # Errors
    /// [`BadId::Digest`].
    pub fn parse(text: &str) -> Result<Self, BadId> {
        read_hex(text.as_bytes()).map(Self).ok_or_else(|| BadId::Digest(text.into()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}
serde_as_text!(Digest);

/// Our own order number, unique within a run. `(run, ClientOrderId)` is the intent id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientOrderId(pub u64);

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A row in the [`super::Universe`]. Rows never move or vanish in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarketIx(pub u16);

impl MarketIx {
    /// As an index into per-market vectors.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One outcome token by its row and side: what the hot paths carry instead of a 78-digit string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The market's row.
    pub market: MarketIx,
    /// Which of its two outcomes.
    pub outcome: Outcome,
}

impl Token {
    /// The market's other token.
    #[must_use]
    pub const fn other(self) -> Self {
        Self { market: self.market, outcome: self.outcome.other() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Ids that differ in any one place, or two, stand in the order of their bytes.
        #[test]
        fn order_ids_stand_as_their_bytes(mut bytes: [u8; 32], places in prop::collection::vec((0..32usize, any::<u8>()), 0..3)) {
            let one = OrderId::from_bytes(bytes);
            for (place, byte) in places {
                bytes[place] = byte;
            }
            let other = OrderId::from_bytes(bytes);
            prop_assert_eq!(one.cmp(&other), one.bytes().cmp(other.bytes()));
        }
    }
}
