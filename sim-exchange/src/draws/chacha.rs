//! The ChaCha block function with eight rounds.

/// One block: 256-bit key, 64-bit counter, stream id 0.
pub(super) fn chacha8(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let counter = counter.to_le_bytes();
    let [c0, c1, c2, c3, c4, c5, c6, c7] = counter;
    let k = key;
    let start = [
        0x6170_7865,
        0x3320_646e,
        0x7962_2d32,
        0x6b20_6574,
        k[0],
        k[1],
        k[2],
        k[3],
        k[4],
        k[5],
        k[6],
        k[7],
        u32::from_le_bytes([c0, c1, c2, c3]),
        u32::from_le_bytes([c4, c5, c6, c7]),
        0,
        0,
    ];
    let mut s = start;
    for _ in 0..4 {
        for [a, b, c, d] in COLUMNS_THEN_DIAGONALS {
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

const COLUMNS_THEN_DIAGONALS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];
