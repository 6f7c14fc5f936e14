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

/// Blocks computed at once.
pub(super) const LANES: usize = 4;

/// One state word of every block.
type Lane = [u32; LANES];

/// The first two words of the blocks `counter`, `counter + 1`, …: what four calls of [`chacha8`] give, in the time of one and a half.
/// Plain arrays, word by word, so that the compiler puts the blocks side by side.
pub(super) fn chacha8_pairs(key: &[u32; 8], counter: u64) -> [u64; LANES] {
    let all = |word: u32| [word; LANES];
    let mut counters = [0u64; LANES];
    for (n, k) in (0u64..).zip(&mut counters) {
        *k = counter.wrapping_add(n);
    }
    let half = |shift: u32| counters.map(|k| u32::try_from(k >> shift & 0xffff_ffff).expect("32 bits"));
    let [a, b] = [all(0x6170_7865), all(0x3320_646e)];
    let mut s: [Lane; 16] = [
        a,
        b,
        all(0x7962_2d32),
        all(0x6b20_6574),
        all(key[0]),
        all(key[1]),
        all(key[2]),
        all(key[3]),
        all(key[4]),
        all(key[5]),
        all(key[6]),
        all(key[7]),
        half(0),
        half(32),
        all(0),
        all(0),
    ];
    for _ in 0..4 {
        lanes_round::<0, 4, 8, 12>(&mut s);
        lanes_round::<1, 5, 9, 13>(&mut s);
        lanes_round::<2, 6, 10, 14>(&mut s);
        lanes_round::<3, 7, 11, 15>(&mut s);
        lanes_round::<0, 5, 10, 15>(&mut s);
        lanes_round::<1, 6, 11, 12>(&mut s);
        lanes_round::<2, 7, 8, 13>(&mut s);
        lanes_round::<3, 4, 9, 14>(&mut s);
    }
    let mut out = [0; LANES];
    for (n, pair) in out.iter_mut().enumerate() {
        *pair = u64::from(s[0][n].wrapping_add(a[n])) | u64::from(s[1][n].wrapping_add(b[n])) << 32;
    }
    out
}

#[inline(always)]
fn lanes_round<const A: usize, const B: usize, const C: usize, const D: usize>(s: &mut [Lane; 16]) {
    let (mut a, mut b, mut c, mut d) = (s[A], s[B], s[C], s[D]);
    let add = |x: &mut Lane, y: &Lane| x.iter_mut().zip(y).for_each(|(x, y)| *x = x.wrapping_add(*y));
    add(&mut a, &b);
    turn::<16>(&mut d, &a);
    add(&mut c, &d);
    turn::<12>(&mut b, &c);
    add(&mut a, &b);
    turn::<8>(&mut d, &a);
    add(&mut c, &d);
    turn::<7>(&mut b, &c);
    (s[A], s[B], s[C], s[D]) = (a, b, c, d);
}

/// Exclusive or, then a rotation.
#[inline(always)]
fn turn<const BY: u32>(x: &mut Lane, y: &Lane) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x = (*x ^ *y).rotate_left(BY));
}
