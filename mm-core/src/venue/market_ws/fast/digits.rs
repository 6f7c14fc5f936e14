//! Eight bytes at a time: decimal and hex digits in one machine word, the first of them in its lowest byte.

/// The next eight bytes, if there are so many.
#[inline]
pub(super) fn word(text: &[u8]) -> Option<u64> {
    text.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// `byte` in every byte.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// How many digits a word begins with, and the word with the values of digits in their place.
#[inline]
pub(super) const fn leading(word: u64) -> (u32, u64) {
    let values = word ^ all(b'0');
    // a byte above nine sets its highest bit; what it carries reaches only bytes behind it
    let others = (values.wrapping_add(all(0x80 - 10)) | values) & all(0x80);
    (others.trailing_zeros() / 8, values)
}

/// The first `count` values as they are, zeros behind them.
#[inline]
pub(super) const fn first(values: u64, count: u32) -> u64 {
    match u64::MAX.checked_shl(8 * count) {
        Some(rest) => values & !rest,
        None => values,
    }
}

/// The first `count` values moved to the end, zeros in front of them.
#[inline]
pub(super) const fn last(values: u64, count: u32) -> u64 {
    match values.checked_shl(64 - 8 * count) {
        Some(moved) => moved,
        None => 0,
    }
}

/// The number eight digit values make.
#[inline]
pub(super) const fn number(values: u64) -> u64 {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    const FOURS: u64 = 0x0000_ffff_0000_ffff;
    let pairs = (values & PAIRS).wrapping_mul(10).wrapping_add(values >> 8 & PAIRS);
    let fours = (pairs & FOURS).wrapping_mul(100).wrapping_add(pairs >> 16 & FOURS);
    (fours & 0xffff_ffff).wrapping_mul(10_000).wrapping_add(fours >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_parsing(text in prop::array::uniform8(prop_oneof![b'0'..=b'9', any::<u8>()])) {
            let (count, values) = leading(word(&text).expect("eight bytes"));
            let digits: String = text.iter().take_while(|b| b.is_ascii_digit()).map(|b| char::from(*b)).collect();
            prop_assert_eq!(usize::try_from(count), Ok(digits.len()));
            let parsed = |text: &str| format!("0{text}").parse::<u64>().expect("digits");
            prop_assert_eq!(number(last(values, count)), parsed(&digits));
            prop_assert_eq!(number(first(values, count)), parsed(&format!("{digits:0<8}")));
        }
    }
}
