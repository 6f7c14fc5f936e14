//! The ChaCha block function with eight rounds.

/// "expand 32-byte k".
const C0: u32 = 0x6170_7865;
const C1: u32 = 0x3320_646e;
const C2: u32 = 0x7962_2d32;
const C3: u32 = 0x6b20_6574;

/// One block: 256-bit key, 64-bit counter, stream id 0. Sixteen plain variables, so that the compiler keeps them in registers and
/// leaves out what a caller does not read.
#[inline]
pub(super) fn chacha8(key: &[u32; 8], counter: u64) -> [u32; 16] {
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let (low, high) = halves(counter);
    let start = [C0, C1, C2, C3, k0, k1, k2, k3, k4, k5, k6, k7, low, high, 0, 0];
    let mut out = double_round(double_round(double_round(double_round(start))));
    for (word, begin) in out.iter_mut().zip(start) {
        *word = word.wrapping_add(begin);
    }
    out
}

/// Low and high word.
#[inline(always)]
const fn halves(counter: u64) -> (u32, u32) {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = counter.to_le_bytes();
    (u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes([b4, b5, b6, b7]))
}

/// Columns, then diagonals.
#[inline(always)]
const fn double_round(state: [u32; 16]) -> [u32; 16] {
    let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = state;
    let (a0, b0, c0, d0) = quarter_round(a0, b0, c0, d0);
    let (a1, b1, c1, d1) = quarter_round(a1, b1, c1, d1);
    let (a2, b2, c2, d2) = quarter_round(a2, b2, c2, d2);
    let (a3, b3, c3, d3) = quarter_round(a3, b3, c3, d3);
    let (a0, b1, c2, d3) = quarter_round(a0, b1, c2, d3);
    let (a1, b2, c3, d0) = quarter_round(a1, b2, c3, d0);
    let (a2, b3, c0, d1) = quarter_round(a2, b3, c0, d1);
    let (a3, b0, c1, d2) = quarter_round(a3, b0, c1, d2);
    [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3]
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

/// Blocks computed at once.
pub(super) const LANES: usize = 4;

/// The first two words of the blocks `counter`, `counter + 1`, …: what four calls of [`chacha8`] give, in the time of one. The rounds
/// are one straight line and the blocks a loop around it, which is the form the compiler turns into vectors of one word of each block.
pub(super) fn chacha8_pairs(key: &[u32; 8], counter: u64) -> [u64; LANES] {
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let (mut low, mut high) = ([0u32; LANES], [0u32; LANES]);
    for (n, (low, high)) in (0u64..).zip(low.iter_mut().zip(&mut high)) {
        (*low, *high) = halves(counter.wrapping_add(n));
    }
    let (mut first, mut second) = ([0u32; LANES], [0u32; LANES]);
    for n in 0..LANES {
        let s = [C0, C1, C2, C3, k0, k1, k2, k3, k4, k5, k6, k7, low[n], high[n], 0, 0];
        let s = double_round(double_round(double_round(double_round(s))));
        (first[n], second[n]) = (s[0].wrapping_add(C0), s[1].wrapping_add(C1));
    }
    let mut out = [0; LANES];
    for (pair, (low, high)) in out.iter_mut().zip(first.iter().zip(&second)) {
        *pair = u64::from(*low) | u64::from(*high) << 32;
    }
    out
}
