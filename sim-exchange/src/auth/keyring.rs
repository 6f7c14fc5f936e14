//! The venue's API keys: made from (seed, address, nonce), so a world's keys are the same in every run.

use super::AuthError;
use super::l2::same_secret;
use alloy_primitives::Address;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// API keys one address may hold; the venue's own limit is undocumented.
const KEYS_PER_ADDRESS: usize = 64;

/// What a client is given once: no `Debug`, so that it cannot slip into a log.
pub struct Credentials {
    /// UUID; the `owner` of orders.
    pub api_key: String,
    /// 44 characters of URL-safe base64.
    pub secret: String,
    /// 64 hex digits.
    pub passphrase: String,
}

/// One live API key.
pub struct Entry {
    /// UUID.
    pub api_key: String,
    /// The signing address it belongs to.
    pub address: Address,
    nonce: u64,
    secret: [u8; 32],
    passphrase: String,
}

impl Entry {
    pub(super) fn hmac_key(&self) -> &[u8] {
        &self.secret
    }

    pub(super) fn passphrase(&self) -> &str {
        &self.passphrase
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            api_key: self.api_key.clone(),
            secret: URL_SAFE.encode(self.secret),
            passphrase: self.passphrase.clone(),
        }
    }
}

/// All live API keys of the venue.
pub struct Keyring {
    seed: u64,
    keys: BTreeMap<String, Entry>,
}

impl Keyring {
    /// An empty ring whose keys will be derived from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, keys: BTreeMap::new() }
    }

    /// Makes the key of (address, nonce).
    ///
    /// # Errors
    /// [`AuthError::Create`] when it exists, or the address holds 64 keys already.
    pub fn create(&mut self, address: Address, nonce: u64) -> Result<Credentials, AuthError> {
        let held = self.keys.values().filter(|entry| entry.address == address).count();
        let entry = self.make(address, nonce);
        if held >= KEYS_PER_ADDRESS || self.keys.contains_key(&entry.api_key) {
            return Err(AuthError::Create);
        }
        let credentials = entry.credentials();
        self.keys.insert(entry.api_key.clone(), entry);
        Ok(credentials)
    }

    /// Gives the existing key of (address, nonce) again.
    ///
    /// # Errors
    /// [`AuthError::Derive`] when there is none.
    pub fn derive(&self, address: Address, nonce: u64) -> Result<Credentials, AuthError> {
        let found = self.keys.values().find(|entry| entry.address == address && entry.nonce == nonce);
        found.map(Entry::credentials).ok_or(AuthError::Derive)
    }

    /// The live key of this UUID, in any letter case.
    #[must_use]
    pub fn get(&self, api_key: &str) -> Option<&Entry> {
        self.keys.get(api_key.to_ascii_lowercase().as_str())
    }

    /// All three credentials at once, as the user channel's subscription carries them.
    ///
    /// # Errors
    /// [`AuthError::L2`] when they do not belong together.
    pub fn check(&self, given: &Credentials) -> Result<&Entry, AuthError> {
        let entry = self.get(&given.api_key).ok_or(AuthError::L2)?;
        let expected = entry.credentials();
        let secret = same_secret(given.secret.trim_end_matches('='), expected.secret.trim_end_matches('='));
        let passphrase = same_secret(&given.passphrase, &expected.passphrase);
        if secret && passphrase { Ok(entry) } else { Err(AuthError::L2) }
    }

    /// UUIDs of an address, in order.
    pub fn of_address(&self, address: Address) -> impl Iterator<Item = &str> {
        self.keys.values().filter(move |entry| entry.address == address).map(|entry| entry.api_key.as_str())
    }

    /// Revokes a key: from now on its calls are refused, and it may be created again.
    pub fn revoke(&mut self, api_key: &str) {
        self.keys.remove(api_key);
    }

    fn make(&self, address: Address, nonce: u64) -> Entry {
        let draw = |what: &str| -> [u8; 32] {
            Sha256::digest(format!("api-key-v1|{}|{address:#x}|{nonce}|{what}", self.seed)).into()
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let mut id = [0u8; 16];
        id.copy_from_slice(&draw("uuid")[..16]);
        id[6] = id[6] & 0x0f | 0x40; // version 4, as the venue's are
        id[8] = id[8] & 0x3f | 0x80; // variant 1
        let id = hex(&id);
        let api_key = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
        Entry { api_key, address, nonce, secret: draw("secret"), passphrase: hex(&draw("passphrase")) }
    }
}
