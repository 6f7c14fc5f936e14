//! Named random draws: value `k` of a `(stream, entity)` pair depends on the seed and on nothing else.
//!
//! Key = SHA-256 of `lab-draw-v1|<seed>|<stream>|<entity>`; value k = the first eight bytes, little endian, of ChaCha8 block k
//! (64-bit block counter, stream id 0). There is no shared generator, so one agent acting more often never shifts another's
//! numbers. No library generator and no library distribution: their streams are only stable within limits.
//!
//! Every derived draw takes exactly one value, so indices stay aligned between arms of an experiment. Reals go through basic
//! IEEE operations, `sqrt` and the pinned `libm` only: the same bits on every platform and in every build.

mod chacha;
mod normal;
#[cfg(test)]
mod tests;

use chacha::{LANES, chacha8, chacha8_pairs};
use mm_core::domain::{Digest, Nanos};
pub use normal::normal_quantile;

/// All draws of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws {
    seed: u64,
}

impl Draws {
    /// The draws of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed they are of.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The draws of the pair. Hashes once: whoever draws often keeps the handle.
    #[must_use]
    pub fn stream(&self, stream: &str, entity: &str) -> Stream {
        let Digest(digest) = Digest::of(format!("lab-draw-v1|{}|{stream}|{entity}", self.seed).as_bytes());
        let mut key = [0u32; 8];
        for (word, bytes) in key.iter_mut().zip(digest.chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Stream { key }
    }

    /// Value `k` of the pair.
    #[must_use]
    pub fn value(&self, stream: &str, entity: &str, k: u64) -> u64 {
        self.stream(stream, entity).value(k)
    }

    /// A whole number below `n` by multiply-high; 0 when `n` is 0.
    #[must_use]
    pub fn below(&self, stream: &str, entity: &str, k: u64, n: u64) -> u64 {
        self.stream(stream, entity).below(k, n)
    }

    /// [`Stream::bytes32`] of the pair.
    #[must_use]
    pub fn bytes32(&self, stream: &str, entity: &str, k: u64) -> [u8; 32] {
        self.stream(stream, entity).bytes32(k)
    }

    /// [`Stream::uuid`] of the pair.
    #[must_use]
    pub fn uuid(&self, stream: &str, entity: &str, k: u64) -> String {
        self.stream(stream, entity).uuid(k)
    }
}

/// One `(stream, entity)` pair with its key ready: 32 bytes, copied freely. Draws are asked for by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 8],
}

impl Stream {
    /// Draw `k`.
    #[inline]
    #[must_use]
    pub fn draw(&self, k: u64) -> Draw {
        let words = chacha8(&self.key, k);
        Draw(u64::from(words[0]) | u64::from(words[1]) << 32)
    }

    /// 32 bytes of block `k`: a made-up hash.
    #[must_use]
    pub fn bytes32(&self, k: u64) -> [u8; 32] {
        let words = chacha8(&self.key, k);
        let mut out = [0u8; 32];
        for (chunk, word) in out.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        out
    }

    /// A version-4 UUID from block `k`.
    #[must_use]
    pub fn uuid(&self, k: u64) -> String {
        let mut b = self.bytes32(k);
        b[6] = b[6] & 0x0f | 0x40;
        b[8] = b[8] & 0x3f | 0x80;
        let hex = Digest(b).to_string();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
    }

    /// Value `k`: 64 even bits.
    #[must_use]
    pub fn value(&self, k: u64) -> u64 {
        self.draw(k).value()
    }

    /// [`Draw::below`] of draw `k`.
    #[must_use]
    pub fn below(&self, k: u64, n: u64) -> u64 {
        self.draw(k).below(n)
    }
}

/// One draw: 64 even bits, and what is derived from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw(u64);

impl Draw {
    /// The bits.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// A whole number below `n` by multiply-high; 0 when `n` is 0. Uneven by less than `n` in 2^64.
    #[must_use]
    pub fn below(self, n: u64) -> u64 {
        let product = u128::from(self.0) * u128::from(n);
        u64::try_from(product >> 64).expect("the high half of a 64 × 64 bit product has 64 bits")
    }

    /// A multiple of 2^-53 in `[0, 1)`.
    #[must_use]
    pub const fn uniform(self) -> f64 {
        real(self.0 >> 11) * TWO_TO_MINUS_53
    }

    /// An odd multiple of 2^-53 in `(0, 1)`: neither end is ever drawn, and `1 − u` is exact. With 53 random bits the largest
    /// value would round to 1 and its normal quantile would be infinite.
    #[must_use]
    pub const fn open_uniform(self) -> f64 {
        (real(self.0 >> 12) + 0.5) * TWO_TO_MINUS_52
    }

    /// True with probability `p`: never at 0 or below, always at 1 or above, never for NaN.
    #[must_use]
    pub fn bernoulli(self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Exponential with mean 1, by inverse transform: `−ln(1 − u)`, at most 36.8.
    #[must_use]
    pub fn exponential(self) -> f64 {
        -libm::log(1.0 - self.open_uniform())
    }

    /// The gap between two arrivals of a Poisson process with one arrival per `mean`, cut to whole nanoseconds; stops at the
    /// largest length.
    #[must_use]
    pub fn gap(self, mean: Nanos) -> Nanos {
        Nanos::from_nanos(whole(self.exponential() * real(mean.nanos())))
    }

    /// Standard normal by inverse transform ([`normal_quantile`]): within ±8.21, the quantile of 2^-53.
    #[must_use]
    pub fn normal(self) -> f64 {
        normal_quantile(self.open_uniform())
    }

    /// Log-normal: `median · e^(sigma·Z)`.
    #[must_use]
    pub fn log_normal(self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Trials up to and including the first success, each with probability `p`: 1, 2, …, mean `1/p`. 1 when `p` is 1 or above;
    /// the largest number when `p` is 0, below, or NaN.
    #[must_use]
    pub fn geometric(self, p: f64) -> u64 {
        if p >= 1.0 {
            return 1;
        }
        if p > 0.0 { whole(self.exponential() / -libm::log1p(-p)).saturating_add(1) } else { u64::MAX }
    }
}

/// A [`Stream`] that is read at rising indices: four values are made at once and kept, which costs less than half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    stream: Stream,
    /// Index of the first kept value; `values` are those from there on.
    from: u64,
    values: [u64; LANES],
}

impl Ahead {
    /// The values from 0 on.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { stream, from: 0, values: chacha8_pairs(&stream.key, 0) }
    }

    /// Draw `k`: what the stream gives.
    pub fn draw(&mut self, k: u64) -> Draw {
        let lanes = u64::try_from(LANES).unwrap_or(1);
        if k.wrapping_sub(self.from) >= lanes {
            self.from = k - k % lanes;
            self.values = chacha8_pairs(&self.stream.key, self.from);
        }
        Draw(self.values[usize::try_from(k - self.from).unwrap_or(0)])
    }
}

/// A [`Stream`] read in order: the draw after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    ahead: Ahead,
    next: u64,
}

impl Cursor {
    /// Begins at value 0.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self { ahead: Ahead::new(stream), next: 0 }
    }

    /// Index of the next draw: how many were taken.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.next
    }

    /// Takes the next draw.
    pub fn take(&mut self) -> Draw {
        let k = self.next;
        self.next += 1;
        self.ahead.draw(k)
    }
}

const TWO_TO_MINUS_52: f64 = f64::EPSILON;
const TWO_TO_MINUS_53: f64 = f64::EPSILON / 2.0;

/// A whole number as a real; exact up to 2^53, above that to the nearest.
pub(crate) const fn real(n: u64) -> f64 {
    n as f64
}

/// A real cut down to a whole number: 0 for what is negative or not a number, the largest for what is too large.
#[allow(clippy::cast_possible_truncation, reason = "the cut is what is asked for, and the cast saturates")]
pub(crate) const fn whole(x: f64) -> u64 {
    x as u64
}
