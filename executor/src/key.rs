//! The signing key: loaded once into a locked page of its own, used in place, wiped on drop.
//!
//! The type cannot be printed, compared, copied or serialized, and nothing outside this crate can make it sign: orders go
//! through [`crate::sign::sign`], the API login through [`crate::auth`]. Key bytes leave this
//! file only encrypted, through [`keystore`].

pub mod keystore;
pub mod source;

use crate::secret_file::{self, Keeper, SecretFileError};
use alloy_primitives::{Address, B256};
use region::LockGuard;
use secp256k1::constants::ONE;
use secp256k1::{Message, SECP256K1, SecretKey};
use std::path::Path;
use zeroize::Zeroizing;

/// The longest key file read, in bytes: 64 digits, a prefix and line ends.
const KEY_FILE_MAX: usize = 256;

/// One secp256k1 key. Boxed, so that moving the holder copies a pointer; kept from any swap disk where the system allows it;
/// overwritten on drop.
///
/// Signed by libsecp256k1 itself: `PrivateKeySigner` of alloy-signer-local stays with the slower k256 whatever its features, and its
/// own wrapper of libsecp256k1 leaves the scalar in memory.
///
/// ```compile_fail
/// fn show(key: &executor::key::Key) -> String { format!("{key:?}") }
/// ```
/// ```compile_fail
/// fn show(key: &executor::key::Key) -> String { key.to_string() }
/// ```
/// ```compile_fail
/// fn twice(key: &executor::key::Key) -> executor::key::Key { key.clone() }
/// ```
/// ```compile_fail
/// fn write(key: &executor::key::Key) -> String { serde_json::to_string(key).unwrap() }
/// ```
pub struct Key {
    // Dropped before the page it unlocks.
    lock: Result<LockGuard, Box<str>>,
    page: Box<Page>,
    address: Address,
}

/// A page with nothing else in it: who locks or unlocks another's memory does not touch it.
#[repr(align(4096))]
struct Page(SecretKey);

impl Drop for Key {
    fn drop(&mut self) {
        self.page.0.non_secure_erase();
    }
}

/// Why there is no key. Never carries what was read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file is not one to read a key from.
    #[error("key file {0}")]
    File(#[from] SecretFileError),
    /// Not 64 hex digits, or not a valid scalar.
    #[error("{0} does not hold a private key of 64 hex digits")]
    Malformed(String),
    /// The system gave no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(std::io::Error),
}

impl Key {
    /// Loads 64 hex digits (an `0x` and white space around them are fine) from a file that its keeper alone can have written.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(path: &Path, keeper: Keeper) -> Result<Self, KeyError> {
        let text = secret_file::read(path, keeper, KEY_FILE_MAX)?;
        let text = std::str::from_utf8(&text).ok();
        text.and_then(Self::from_hex).ok_or_else(|| KeyError::Malformed(path.display().to_string()))
    }

    /// A new key from the system's random source, for runs in which nothing is at stake.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn throw_away() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        loop {
            crate::key::random(bytes.as_mut()).map_err(KeyError::Random)?;
            // Fails once in 2^128 draws, when the number is zero or not below the curve's order.
            if let Some(key) = Self::from_bytes(&bytes) {
                return Ok(key);
            }
        }
    }

    /// The key's own address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Whether the system keeps it in memory, never on a swap disk; otherwise why not: most often `RLIMIT_MEMLOCK`.
    ///
    /// # Errors
    /// In the system's words.
    pub fn is_locked(&self) -> Result<(), &str> {
        self.lock.as_ref().map(|_| ()).map_err(|why| &**why)
    }

    /// 65 bytes r ‖ s ‖ v with low s and v = 27 or 28. Deterministic (RFC 6979).
    pub(crate) fn sign_digest(&self, digest: B256) -> [u8; 65] {
        let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.page.0);
        let (parity, compact) = signature.serialize_compact();
        let mut out = [0; 65];
        out[..64].copy_from_slice(&compact);
        let parity = u8::try_from(i32::from(parity)).ok().filter(|parity| *parity < 2);
        out[64] = 27 + parity.expect("an r at or above the curve's order comes once in 2^127 signatures");
        out
    }

    /// From hex text. Crate only: files come through [`Key::load`], public test keys through [`crate::vectors`].
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits).as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut page = Box::new(Page(SecretKey::from_byte_array(ONE).ok()?));
        // Locked while nothing is in it.
        let lock = region::lock(std::ptr::from_ref(&*page), size_of::<Page>()).map_err(|why| why.to_string().into());
        let mut secret = SecretKey::from_byte_array(*bytes).ok()?;
        page.0 = secret;
        secret.non_secure_erase();
        let public = page.0.public_key(SECP256K1).serialize_uncompressed();
        Some(Self { lock, page, address: Address::from_raw_public_key(&public[1..]) })
    }
}

/// Fills `out` from the system's random source.
///
/// # Errors
/// The system's.
pub(crate) fn random(out: &mut [u8]) -> std::io::Result<()> {
    let mut filled = 0;
    while filled < out.len() {
        filled += rustix::rand::getrandom(&mut out[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
