//! Encrypted key files: version 3 of the Web3 Secret Storage Definition, as the common wallets write them.
//!
//! What the file says about work is bounded before any is done, so a hostile file costs neither memory nor hours. The MAC is compared in
//! constant time, before anything is decrypted.

use super::{Key, random};
use crate::secret_file::{self, Keeper, SecretFileError};
use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use alloy_primitives::{Address, B256, Keccak256, hex};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::path::Path;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Longest file that is read, in bytes.
const FILE_MAX: usize = 8192;
/// Most memory scrypt may take: `128 · n · r` bytes. Wallets use 256 MiB.
const MEMORY_MAX: u64 = 512 << 20;
/// Most work of scrypt, `n · r · p`: twice what wallets use, some seconds.
const WORK_MAX: u64 = 1 << 22;
/// Most rounds of PBKDF2: sixteen times what wallets use, some seconds.
const ROUNDS_MAX: u32 = 1 << 22;
/// What new files are made with.
const NEW: Kdf = Kdf::Scrypt { n: 1 << 18, r: 8, p: 1, dklen: 32, salt: String::new() };

/// Why a file gives no key. Never carries what is in it, nor the passphrase.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// It is not one to read secrets from.
    #[error("keystore {0}")]
    File(#[from] SecretFileError),
    /// Not the JSON of a version 3 file, or a part of the wrong length.
    #[error("{path}: no version 3 keystore: {why}")]
    Shape {
        /// The file.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// It asks for more work or memory than is reasonable.
    #[error("{path}: its {what} is out of bounds: nothing was computed")]
    Cost {
        /// The file.
        path: String,
        /// Which figure.
        what: &'static str,
    },
    /// The passphrase is wrong, or the file was changed.
    #[error("{0}: wrong passphrase, or the file was changed")]
    Passphrase(String),
    /// It opens, and holds the key of another address than it says.
    #[error("{path} says {said} and holds the key of {found}")]
    Address {
        /// The file.
        path: String,
        /// The address in the file.
        said: Address,
        /// The address of the key.
        found: Address,
    },
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(alias = "Crypto")]
    crypto: Crypto,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: Iv,
    ciphertext: String,
    #[serde(flatten)]
    kdf: Kdf,
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct Iv {
    iv: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
enum Kdf {
    Scrypt { n: u64, r: u32, p: u32, dklen: u32, salt: String },
    Pbkdf2 { c: u32, prf: String, dklen: u32, salt: String },
}

/// What is wrong, before it is known where.
#[derive(Debug, PartialEq, Eq)]
enum Bad {
    Shape(&'static str),
    Cost(&'static str),
    Passphrase,
}

/// Opens the keystore at `path`.
///
/// # Errors
/// [`KeystoreError`].
pub fn open(path: &Path, passphrase: &[u8]) -> Result<Key, KeystoreError> {
    let name = || path.display().to_string();
    let text = secret_file::read(path, Keeper::Us, FILE_MAX)?;
    let (key, said) = decrypt(&text, passphrase).map_err(|bad| match bad {
        Bad::Shape(why) => KeystoreError::Shape { path: name(), why },
        Bad::Cost(what) => KeystoreError::Cost { path: name(), what },
        Bad::Passphrase => KeystoreError::Passphrase(name()),
    })?;
    match said {
        Some(said) if said != key.address() => Err(KeystoreError::Address { path: name(), said, found: key.address() }),
        _ => Ok(key),
    }
}

/// The text of a new keystore with `key`.
///
/// # Errors
/// The system's, when it gives no random bytes.
pub fn seal(key: &Key, passphrase: &[u8]) -> std::io::Result<String> {
    seal_with(NEW, key, passphrase)
}

fn seal_with(mut kdf: Kdf, key: &Key, passphrase: &[u8]) -> std::io::Result<String> {
    let (mut new_salt, mut iv, mut id) = ([0; 32], [0; 16], [0; 16]);
    for bytes in [&mut new_salt[..], &mut iv, &mut id] {
        random(bytes)?;
    }
    let (Kdf::Scrypt { salt, .. } | Kdf::Pbkdf2 { salt, .. }) = &mut kdf;
    *salt = hex::encode(new_salt);
    let derived = kdf.derive(passphrase).expect("what we make is within our own bounds");
    let mut text = Zeroizing::new(key.page.0.secret_bytes());
    apply(&derived, &iv, text.as_mut());
    let mac = mac_of(&derived, text.as_ref());
    // a random UUID, version 4
    (id[6], id[8]) = ((id[6] & 0x0f) | 0x40, (id[8] & 0x3f) | 0x80);
    let id = hex::encode(id);
    let file = File {
        version: 3,
        id: [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"),
        address: Some(hex::encode(key.address())),
        crypto: Crypto {
            cipher: CIPHER.to_owned(),
            cipherparams: Iv { iv: hex::encode(iv) },
            ciphertext: hex::encode(&text[..]),
            kdf,
            mac: hex::encode(mac),
        },
    };
    Ok(serde_json::to_string(&file).expect("strings and integers always serialize"))
}

const CIPHER: &str = "aes-128-ctr";

/// The key, and the address the file names.
fn decrypt(text: &[u8], passphrase: &[u8]) -> Result<(Key, Option<Address>), Bad> {
    // serde's own words quote what they are about
    let file: File = serde_json::from_slice(text).map_err(|_| Bad::Shape("not its JSON"))?;
    let File { version, address, crypto, .. } = file;
    if version != 3 {
        return Err(Bad::Shape("another version"));
    }
    if crypto.cipher != CIPHER {
        return Err(Bad::Shape("a cipher that is not aes-128-ctr"));
    }
    let said = match address.as_deref() {
        None | Some("") => None,
        Some(text) => Some(Address::from(bytes::<20>(text).ok_or(Bad::Shape("address"))?)),
    };
    let iv = bytes::<16>(&crypto.cipherparams.iv).ok_or(Bad::Shape("iv"))?;
    let mac = bytes::<32>(&crypto.mac).ok_or(Bad::Shape("mac"))?;
    let mut secret = Zeroizing::new(bytes::<32>(&crypto.ciphertext).ok_or(Bad::Shape("ciphertext"))?);
    let derived = crypto.kdf.derive(passphrase)?;
    let ours = mac_of(&derived, secret.as_ref());
    if !bool::from(ours.as_slice().ct_eq(&mac)) {
        return Err(Bad::Passphrase);
    }
    apply(&derived, &iv, secret.as_mut());
    Key::from_bytes(&secret).map(|key| (key, said)).ok_or(Bad::Shape("what it holds is no key"))
}

impl Kdf {
    /// Checks what it would cost, then computes it.
    fn derive(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; 32]>, Bad> {
        let (Self::Scrypt { dklen, salt, .. } | Self::Pbkdf2 { dklen, salt, .. }) = self;
        if *dklen != 32 {
            return Err(Bad::Shape("dklen is not 32"));
        }
        let salt = hex::decode(salt).ok().filter(|salt| (8..=256).contains(&salt.len())).ok_or(Bad::Shape("salt"))?;
        let mut derived = Zeroizing::new([0; 32]);
        match self {
            Self::Scrypt { n, r, p, .. } => {
                let params = scrypt_params(*n, *r, *p)?;
                scrypt::scrypt(passphrase, &salt, &params, derived.as_mut())
                    .map_err(|_| Bad::Shape("dklen is not 32"))?;
            }
            Self::Pbkdf2 { c, prf, .. } => {
                if prf != "hmac-sha256" {
                    return Err(Bad::Shape("a prf that is not hmac-sha256"));
                }
                if !(1..=ROUNDS_MAX).contains(c) {
                    return Err(Bad::Cost("pbkdf2 c"));
                }
                pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, &salt, *c, derived.as_mut());
            }
        }
        Ok(derived)
    }
}

fn scrypt_params(n: u64, r: u32, p: u32) -> Result<scrypt::Params, Bad> {
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(Bad::Shape("scrypt n, r or p"));
    }
    let memory = n.checked_mul(u64::from(r)).and_then(|nr| nr.checked_mul(128));
    if memory.is_none_or(|bytes| bytes > MEMORY_MAX) {
        return Err(Bad::Cost("scrypt memory, 128·n·r"));
    }
    let work = n.checked_mul(u64::from(r)).and_then(|nr| nr.checked_mul(u64::from(p)));
    if work.is_none_or(|work| work > WORK_MAX) {
        return Err(Bad::Cost("scrypt work, n·r·p"));
    }
    let log_n = u8::try_from(n.trailing_zeros()).expect("below 64");
    scrypt::Params::new(log_n, r, p).map_err(|_| Bad::Shape("scrypt n, r or p"))
}

fn mac_of(derived: &[u8; 32], ciphertext: &[u8]) -> B256 {
    let mut mac = Keccak256::new();
    mac.update(&derived[16..]);
    mac.update(ciphertext);
    mac.finalize()
}

/// Encrypts or decrypts: the same in counter mode.
fn apply(derived: &[u8; 32], iv: &[u8; 16], text: &mut [u8]) {
    let mut key: Zeroizing<[u8; 16]> = Zeroizing::default();
    key.copy_from_slice(&derived[..16]);
    ctr::Ctr128BE::<aes::Aes128>::new((&*key).into(), iv.into()).apply_keystream(text);
}

/// Exactly `N` bytes in hex.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    hex::decode_to_slice(text, &mut out).ok().map(|()| out)
}

#[cfg(test)]
mod tests;
