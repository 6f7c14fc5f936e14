//! The venue's API keys: made from (seed, address, nonce), so a world's keys are the same in every run.

use super::l2::same_secret;
use super::{AuthError, Poster};
use alloy_primitives::Address;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// API keys of one kind an address may hold; the venue's own limit is undocumented.
const KEYS_PER_ADDRESS: usize = 64;
/// API keys of all addresses together; one more cannot be created.
const KEYS_MAX: usize = 100_000;

/// What a client is given once: no `Debug`, so that it cannot slip into a log.
pub struct Credentials {
    /// UUID; the `owner` of orders.
    pub api_key: String,
    /// 44 characters of URL-safe base64.
    pub secret: String,
    /// 64 hex digits.
    pub passphrase: String,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Made with the signing key: everything.
    Trade,
    /// Made by a trading key, and handed out as its bare UUID: reads what its maker may read.
    Read,
    /// Made by a trading key to have orders counted for a builder: signs nothing here.
    Build,
}

impl Right {
    const fn word(self) -> &'static str {
        match self {
            Self::Trade => "api-key-v1",
            Self::Read => "readonly-key-v1",
            Self::Build => "builder-key-v1",
        }
    }
}

/// One live API key.
pub struct Entry {
    /// UUID.
    pub api_key: String,
    /// The signing address it belongs to.
    pub address: Address,
    /// What it is for.
    pub right: Right,
    /// The trading key that made it, or itself.
    pub made_by: String,
    nonce: u64,
    secret: [u8; 32],
    passphrase: String,
}

impl Entry {
    /// What an order must agree with.
    #[must_use]
    pub fn poster(&self) -> Poster<'_> {
        Poster { api_key: &self.api_key, address: self.address }
    }

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
    /// UUIDs by owner, kind and the number each was made from.
    by_owner: BTreeMap<(Address, Right, u64), String>,
}

impl Keyring {
    /// An empty ring whose keys will be derived from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, keys: BTreeMap::new(), by_owner: BTreeMap::new() }
    }

    /// Makes the trading key of (address, nonce).
    ///
    /// # Errors
    /// [`AuthError::Create`] when it exists, the address holds 64 keys already, or the venue 100,000.
    pub fn create(&mut self, address: Address, nonce: u64) -> Result<Credentials, AuthError> {
        let entry = self.make(address, Right::Trade, nonce, None);
        self.insert(entry)
    }

    /// Makes one more key of another kind for a trading key.
    ///
    /// # Errors
    /// [`AuthError::Create`] at the limits of [`Self::create`].
    pub fn create_lesser(&mut self, maker: &str, right: Right) -> Result<Credentials, AuthError> {
        let maker = self.keys.get(maker).ok_or(AuthError::Create)?;
        let (address, made_by) = (maker.address, maker.api_key.clone());
        // numbers are not used twice while a later key lives: a revoked UUID does not come back as another's
        let last = self.owned(address, right).last().map(|entry| entry.nonce);
        let nonce = last.map_or(0, |last| last.saturating_add(1));
        let entry = self.make(address, right, nonce, Some(made_by));
        self.insert(entry)
    }

    fn insert(&mut self, entry: Entry) -> Result<Credentials, AuthError> {
        let held = self.owned(entry.address, entry.right).count();
        if held >= KEYS_PER_ADDRESS || self.keys.len() >= KEYS_MAX || self.keys.contains_key(&entry.api_key) {
            return Err(AuthError::Create);
        }
        let credentials = entry.credentials();
        self.by_owner.insert((entry.address, entry.right, entry.nonce), entry.api_key.clone());
        self.keys.insert(entry.api_key.clone(), entry);
        Ok(credentials)
    }

    /// Gives the existing trading key of (address, nonce) again.
    ///
    /// # Errors
    /// [`AuthError::Derive`] when there is none.
    pub fn derive(&self, address: Address, nonce: u64) -> Result<Credentials, AuthError> {
        let found = self.by_owner.get(&(address, Right::Trade, nonce)).and_then(|api_key| self.keys.get(api_key));
        found.map(Entry::credentials).ok_or(AuthError::Derive)
    }

    /// The live key of this UUID, in any letter case.
    #[must_use]
    pub fn get(&self, api_key: &str) -> Option<&Entry> {
        self.keys.get(api_key.to_ascii_lowercase().as_str())
    }

    /// All three credentials of a trading key at once, as the user channel's subscription carries them.
    ///
    /// # Errors
    /// [`AuthError::L2`] when they do not belong together.
    pub fn check(&self, given: &Credentials) -> Result<&Entry, AuthError> {
        let entry = self.get(&given.api_key).filter(|entry| entry.right == Right::Trade).ok_or(AuthError::L2)?;
        let expected = entry.credentials();
        let secret = same_secret(given.secret.trim_end_matches('='), expected.secret.trim_end_matches('='));
        let passphrase = same_secret(&given.passphrase, &expected.passphrase);
        if secret && passphrase { Ok(entry) } else { Err(AuthError::L2) }
    }

    /// An address's keys of one kind, in the order of their numbers.
    pub fn owned(&self, address: Address, right: Right) -> impl Iterator<Item = &Entry> {
        let range = self.by_owner.range((address, right, 0)..=(address, right, u64::MAX));
        range.filter_map(|(_, api_key)| self.keys.get(api_key))
    }

    /// UUIDs of an address's trading keys.
    pub fn of_address(&self, address: Address) -> impl Iterator<Item = &str> {
        self.owned(address, Right::Trade).map(|entry| entry.api_key.as_str())
    }

    /// Revokes a key: from now on its calls are refused, and it may be created again. Keys it has made go with it.
    pub fn revoke(&mut self, api_key: &str) {
        let gone = |entry: &Entry| entry.api_key == api_key || entry.made_by == api_key;
        self.by_owner.retain(|_, id| self.keys.get(id).is_some_and(|entry| !gone(entry)));
        self.keys.retain(|_, entry| !gone(entry));
    }

    fn make(&self, address: Address, right: Right, nonce: u64, made_by: Option<String>) -> Entry {
        let draw = |what: &str| -> [u8; 32] {
            Sha256::digest(format!("{}|{}|{address:#x}|{nonce}|{what}", right.word(), self.seed)).into()
        };
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let mut id = [0u8; 16];
        id.copy_from_slice(&draw("uuid")[..16]);
        id[6] = id[6] & 0x0f | 0x40; // version 4, as the venue's are
        id[8] = id[8] & 0x3f | 0x80; // variant 1
        let id = hex(&id);
        let api_key = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
        let made_by = made_by.unwrap_or_else(|| api_key.clone());
        Entry { api_key, address, right, made_by, nonce, secret: draw("secret"), passphrase: hex(&draw("passphrase")) }
    }
}
