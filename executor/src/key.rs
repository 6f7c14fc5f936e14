//! The signing key: loaded once, used in place, wiped on drop.
//!
//! The type cannot be printed, compared, copied or serialized, and nothing outside this crate can make it sign: orders go
//! through [`crate::sign::sign`], the API login through [`crate::auth`]. Key bytes never leave this file.

use alloy_primitives::{Address, B256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use rustix::fs::{FileType, Mode, OFlags};
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// The longest key file read, in bytes: 64 digits, a prefix and line ends.
const KEY_FILE_MAX: u64 = 256;

/// One secp256k1 key. Boxed, so that moving the holder copies a pointer; the signer inside overwrites its scalar on drop.
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
    signer: Box<PrivateKeySigner>,
}

/// Why there is no key. Never carries what was read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not there, is a link, or may not be read.
    #[error("key file {path}: {why}")]
    Open {
        /// The file.
        path: String,
        /// The system's reason.
        why: std::io::Error,
    },
    /// A folder, socket or device.
    #[error("key file {path} is not a regular file")]
    NotAFile {
        /// The file.
        path: String,
    },
    /// Others could read or write it.
    #[error("key file {path} has mode {mode:04o}; 0400 or 0600 is required")]
    Mode {
        /// The file.
        path: String,
        /// Permission bits found.
        mode: u32,
    },
    /// Somebody else's.
    #[error("key file {path} belongs to uid {owner}, we are uid {ours}")]
    Owner {
        /// The file.
        path: String,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// Not 64 hex digits, or not a valid scalar.
    #[error("{0} does not hold a private key of 64 hex digits")]
    Malformed(String),
    /// The system gave no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(std::io::Error),
}

impl Key {
    /// Loads 64 hex digits (an `0x` and white space around them are fine) from a file that is ours alone.
    ///
    /// # Errors
    /// [`KeyError`]; the file is checked after it is opened, so it cannot be swapped in between.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let name = || path.display().to_string();
        let open = |why: std::io::Error| KeyError::Open { path: name(), why };
        // NONBLOCK: opening a pipe must not wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| open(e.into()))?;
        let stat = rustix::fs::fstat(&fd).map_err(|e| open(e.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(KeyError::NotAFile { path: name() });
        }
        let ours = rustix::process::geteuid().as_raw();
        if stat.st_uid != ours {
            return Err(KeyError::Owner { path: name(), owner: stat.st_uid, ours });
        }
        let mode = stat.st_mode & 0o7777;
        if mode != 0o400 && mode != 0o600 {
            return Err(KeyError::Mode { path: name(), mode });
        }
        // One allocation of the final size: growing would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(KEY_FILE_MAX).expect("fits")));
        std::fs::File::from(fd).take(KEY_FILE_MAX).read_to_end(&mut text).map_err(open)?;
        let text = std::str::from_utf8(&text).map_err(|_| KeyError::Malformed(name()))?;
        Self::from_hex(text).ok_or_else(|| KeyError::Malformed(name()))
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
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// 65 bytes r ‖ s ‖ v with low s and v = 27 or 28. Deterministic (RFC 6979).
    pub(crate) fn sign_digest(&self, digest: B256) -> [u8; 65] {
        self.signer.sign_hash_sync(&digest).expect("signing 32 bytes with a valid key cannot fail").as_bytes()
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
        PrivateKeySigner::from_slice(bytes).ok().map(|signer| Self { signer: Box::new(signer) })
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
