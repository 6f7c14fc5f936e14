//! Login (L1) and request (L2) headers of the venue's API (`signing.md` sections 1 and 2).
//!
//! Credentials are as secret as the key: no `Debug`, no `Display`, no serde, wiped on drop.

use crate::echo::Echo;
use crate::eip712::{Chain, auth_domain_separator, auth_struct_hash, typed_data_digest};
use crate::key::Key;
use alloy_primitives::{Address, B256, hex};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mm_core::venue::rest::ApiKeyBody;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

const POLY_ADDRESS: HeaderName = HeaderName::from_static("poly_address");
const POLY_API_KEY: HeaderName = HeaderName::from_static("poly_api_key");
const POLY_NONCE: HeaderName = HeaderName::from_static("poly_nonce");
const POLY_PASSPHRASE: HeaderName = HeaderName::from_static("poly_passphrase");
const POLY_SIGNATURE: HeaderName = HeaderName::from_static("poly_signature");
const POLY_TIMESTAMP: HeaderName = HeaderName::from_static("poly_timestamp");
/// Room for ours and for those of the body, without growing.
const HEADERS: usize = 8;

/// URL-safe base64; reads text with and without padding, writes it with.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The digest of an API login.
pub(crate) fn login_digest(chain: Chain, address: Address, timestamp: &str, nonce: u64) -> B256 {
    typed_data_digest(auth_domain_separator(chain), auth_struct_hash(address, timestamp, nonce))
}

/// L1 headers: proves at `unix_s` that we hold the key, to create or derive the credentials number `nonce`.
#[must_use]
pub fn login_headers(key: &Key, chain: Chain, unix_s: u64, nonce: u64) -> HeaderMap {
    let timestamp = unix_s.to_string();
    let signature = key.sign_digest(login_digest(chain, key.address(), &timestamp, nonce));
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(POLY_ADDRESS, value(&key.address().to_checksum(None)));
    headers.insert(POLY_SIGNATURE, value(&hex::encode_prefixed(signature)));
    headers.insert(POLY_TIMESTAMP, value(&timestamp));
    headers.insert(POLY_NONCE, value(&nonce.to_string()));
    headers
}

/// A header's value that no log shows.
fn value(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).expect("digits, or checked to be visible ASCII");
    value.set_sensitive(true);
    value
}

/// API credentials of one key.
///
/// ```compile_fail
/// fn show(secret: &executor::auth::Credentials) -> String { format!("{secret:?}") }
/// ```
/// ```compile_fail
/// fn twice(secret: &executor::auth::Credentials) -> executor::auth::Credentials { secret.clone() }
/// ```
pub struct Credentials {
    address: Address,
    api_key: Zeroizing<String>,
    secret: Zeroizing<Vec<u8>>,
    /// As the venue wrote it: the user channel wants the text.
    secret_text: Zeroizing<String>,
    passphrase: Zeroizing<String>,
    /// What every request carries as it is.
    constant: HeaderMap,
    echo: Echo,
}

/// The venue's answer to a login is not a set of credentials. Names the field, never its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credentials from the venue: {0}")]
pub struct BadCredentials(&'static str);

impl Credentials {
    /// Checks what the venue sent and takes it over.
    ///
    /// # Errors
    /// [`BadCredentials`] when a part is empty, too long, or could not travel in a header.
    pub fn new(address: Address, body: ApiKeyBody) -> Result<Self, BadCredentials> {
        let ApiKeyBody { api_key, secret, passphrase } = body;
        let (api_key, passphrase) = (Zeroizing::new(api_key), Zeroizing::new(passphrase));
        let secret_text = Zeroizing::new(secret);
        let is_plain = |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_plain(&api_key) {
            return Err(BadCredentials("apiKey is empty, too long or not plain text"));
        }
        if !is_plain(&passphrase) {
            return Err(BadCredentials("passphrase is empty, too long or not plain text"));
        }
        if !is_plain(&secret_text) {
            return Err(BadCredentials("secret is empty, too long or not plain text"));
        }
        let secret = decode_secret(&secret_text).ok_or(BadCredentials("secret is not base64"))?;
        let echo = Echo::of(&[&api_key, &secret_text, &passphrase]);
        let mut constant = HeaderMap::with_capacity(HEADERS);
        constant.insert(POLY_ADDRESS, value(&address.to_checksum(None)));
        constant.insert(POLY_API_KEY, value(&api_key));
        constant.insert(POLY_PASSPHRASE, value(&passphrase));
        Ok(Self { address, api_key, secret, secret_text, passphrase, constant, echo })
    }

    /// The key's UUID: `owner` of every posted order. Not enough to do anything with.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.api_key
    }

    /// As they came, to be kept in a file. The caller wipes what it writes.
    pub(crate) fn parts(&self) -> [&str; 3] {
        [&self.api_key, &self.secret_text, &self.passphrase]
    }

    /// Whose they are.
    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Blots them out of an answer that may echo them.
    pub(crate) fn scrub(&self, answer: &mut [u8]) {
        self.echo.scrub(answer);
    }

    /// L2 headers for one request. `path` is without query; `body` is the exact bytes sent.
    #[must_use]
    pub fn request_headers(&self, unix_s: u64, method: &str, path: &str, body: &[u8]) -> HeaderMap {
        let timestamp = unix_s.to_string();
        let signature = request_signature(&self.secret, &timestamp, method, path, body);
        let mut headers = self.constant.clone();
        headers.insert(POLY_SIGNATURE, value(&signature));
        headers.insert(POLY_TIMESTAMP, value(&timestamp));
        headers
    }

    /// The user-channel subscription for `markets` (empty: all of the account). The text carries the secret: send it and
    /// drop it.
    pub(crate) fn subscription(&self, markets: &[String]) -> Zeroizing<String> {
        use mm_core::venue::user_ws::{Subscribe, SubscribeAuth};
        let mut message = Subscribe {
            auth: SubscribeAuth {
                api_key: self.api_key.as_str().to_owned(),
                secret: self.secret_text.as_str().to_owned(),
                passphrase: self.passphrase.as_str().to_owned(),
            },
            kind: "user".to_owned(),
            markets: markets.to_vec(),
        };
        let text = serde_json::to_string(&message).expect("strings always serialize");
        message.auth.secret.zeroize();
        message.auth.passphrase.zeroize();
        Zeroizing::new(text)
    }
}

/// base64url(HMAC-SHA256(secret, timestamp ‖ METHOD ‖ path ‖ body)).
pub(crate) fn request_signature(secret: &[u8], timestamp: &str, method: &str, path: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    for part in [timestamp.as_bytes(), method.as_bytes(), path.as_bytes(), body] {
        mac.update(part);
    }
    URL_SAFE.encode(mac.finalize().into_bytes())
}

/// Reads a secret in either base64 alphabet, with or without padding; anything else is `None`.
pub(crate) fn decode_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let url_safe: Zeroizing<String> = Zeroizing::new(
        text.chars()
            .map(|c| match c {
                '+' => '-',
                '/' => '_',
                other => other,
            })
            .collect(),
    );
    URL_SAFE.decode(url_safe.as_bytes()).ok().map(Zeroizing::new)
}
