//! Named random draws: value `k` of a `(stream, entity)` pair depends on the seed and on nothing else.
//!
//! Key = SHA-256 of `lab-draw-v1|<seed>|<stream>|<entity>`; value k = the first eight bytes, little endian, of ChaCha8 block k
//! (64-bit block counter, stream id 0). There is no shared generator, so one agent acting more often never shifts another's
//! numbers. No library generator: their streams are only stable within limits.

use sha2::{Digest as _, Sha256};

/// All draws of one seed.
#[derive(Clone, Debug)]
pub struct Draws {
    seed: u64,
}

impl Draws {
    /// The draws of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Value `k` of the pair.
    #[must_use]
    pub fn value(&self, stream: &str, entity: &str, k: u64) -> u64 {
        let words = chacha8(&self.key(stream, entity), k);
        u64::from(words[0]) | u64::from(words[1]) << 32
    }

    /// A whole number below `n` by multiply-high; 0 when `n` is 0.
    #[must_use]
    pub fn below(&self, stream: &str, entity: &str, k: u64, n: u64) -> u64 {
        let product = u128::from(self.value(stream, entity, k)) * u128::from(n);
        u64::try_from(product >> 64).expect("the high half of a 64 × 64 bit product has 64 bits")
    }

    /// 32 bytes of block `k`: a made-up hash.
    #[must_use]
    pub fn bytes32(&self, stream: &str, entity: &str, k: u64) -> [u8; 32] {
        let words = chacha8(&self.key(stream, entity), k);
        let mut out = [0u8; 32];
        for (chunk, word) in out.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// A version-4 UUID from block `k`.
    #[must_use]
    pub fn uuid(&self, stream: &str, entity: &str, k: u64) -> String {
        let mut b = self.bytes32(stream, entity, k);
        b[6] = b[6] & 0x0f | 0x40;
        b[8] = b[8] & 0x3f | 0x80;
        let hex: String = b[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn key(&self, stream: &str, entity: &str) -> [u8; 32] {
        Sha256::digest(format!("lab-draw-v1|{}|{stream}|{entity}", self.seed).as_bytes()).into()
    }
}

/// One ChaCha block with eight rounds: 256-bit key, 64-bit counter, stream id 0.
fn chacha8(key: &[u8; 32], counter: u64) -> [u32; 16] {
    let mut start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (word, bytes) in start[4..12].iter_mut().zip(key.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    let counter = counter.to_le_bytes();
    start[12] = u32::from_le_bytes([counter[0], counter[1], counter[2], counter[3]]);
    start[13] = u32::from_le_bytes([counter[4], counter[5], counter[6], counter[7]]);
    let mut s = start;
    for _ in 0..4 {
        for [a, b, c, d] in [
            [0, 4, 8, 12],
            [1, 5, 9, 13],
            [2, 6, 10, 14],
            [3, 7, 11, 15],
            [0, 5, 10, 15],
            [1, 6, 11, 12],
            [2, 7, 8, 13],
            [3, 4, 9, 14],
        ] {
            s[a] = s[a].wrapping_add(s[b]);
            s[d] = (s[d] ^ s[a]).rotate_left(16);
            s[c] = s[c].wrapping_add(s[d]);
            s[b] = (s[b] ^ s[c]).rotate_left(12);
            s[a] = s[a].wrapping_add(s[b]);
            s[d] = (s[d] ^ s[a]).rotate_left(8);
            s[c] = s[c].wrapping_add(s[d]);
            s[b] = (s[b] ^ s[c]).rotate_left(7);
        }
    }
    for (word, begin) in s.iter_mut().zip(start) {
        *word = word.wrapping_add(begin);
    }
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_the_published_one() {
        // all-zero key and counter, eight rounds: the first test case of the ChaCha vectors draft
        let bytes: Vec<u8> = chacha8(&[0; 32], 0).iter().flat_map(|w| w.to_le_bytes()).collect();
        let hex: String = bytes[..16].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "3e00ef2f895f40d67f5bb8e81f09a5a1");
    }

    #[test]
    fn a_draw_is_named_by_stream_entity_and_index_alone() {
        let draws = Draws::new(7);
        assert_eq!(draws.value("size", "a", 3), Draws::new(7).value("size", "a", 3));
        for other in [draws.value("size", "a", 4), draws.value("size", "b", 3), draws.value("side", "a", 3)] {
            assert_ne!(draws.value("size", "a", 3), other);
        }
        assert_ne!(draws.value("size", "a", 3), Draws::new(8).value("size", "a", 3));
        assert!((0..200).all(|k| draws.below("size", "a", k, 10) < 10));
        assert_eq!(draws.uuid("id", "a", 0).len(), 36);
    }
}
