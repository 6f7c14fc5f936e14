//! The ChaCha block function with eight rounds.

/// One block: 256-bit key, 64-bit counter, stream id 0. Sixteen plain variables, so that the compiler keeps them in registers and
/// leaves out what a caller does not read.
#[inline]
pub(super) fn chacha8(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let [b0, b1, b2, b3, b4, b5, b6, b7] = counter.to_le_bytes();
    let (low, high) = (u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes([b4, b5, b6, b7]));
    let start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, k0, k1, k2, k3, k4, k5, k6, k7, low, high, 0, 0];
    let [mut a0, mut a1, mut a2, mut a3, mut b0, mut b1, mut b2, mut b3] =
        [start[0], start[1], start[2], start[3], start[4], start[5], start[6], start[7]];
    let [mut c0, mut c1, mut c2, mut c3, mut d0, mut d1, mut d2, mut d3] =
        [start[8], start[9], start[10], start[11], start[12], start[13], start[14], start[15]];
    for _ in 0..4 {
        // columns
        (a0, b0, c0, d0) = quarter_round(a0, b0, c0, d0);
        (a1, b1, c1, d1) = quarter_round(a1, b1, c1, d1);
        (a2, b2, c2, d2) = quarter_round(a2, b2, c2, d2);
        (a3, b3, c3, d3) = quarter_round(a3, b3, c3, d3);
        // diagonals
        (a0, b1, c2, d3) = quarter_round(a0, b1, c2, d3);
        (a1, b2, c3, d0) = quarter_round(a1, b2, c3, d0);
        (a2, b3, c0, d1) = quarter_round(a2, b3, c0, d1);
        (a3, b0, c1, d2) = quarter_round(a3, b0, c1, d2);
    }
    let mut out = [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3];
    for (word, begin) in out.iter_mut().zip(start) {
        *word = word.wrapping_add(begin);
    }
    out
}

#[inline(always)]
const fn quarter_round(mut a: u32, mut b: u32, mut c: u32, mut d: u32) -> (u32, u32, u32, u32) {
    a = a.wrapping_add(b);
    d = (d ^ a).rotate_left(16);
    c = c.wrapping_add(d);
    b = (b ^ c).rotate_left(12);
    a = a.wrapping_add(b);
    d = (d ^ a).rotate_left(8);
    c = c.wrapping_add(d);
    b = (b ^ c).rotate_left(7);
    (a, b, c, d)
}
