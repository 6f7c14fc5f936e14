//! L2: every call of an API key carries an HMAC over what is asked.

use super::keyring::{Entry, Right};
use super::{AuthError, Keyring, PolyHeaders, is_decimal, parse_address};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

/// Checks L2 headers over `METHOD path body` and returns the key that called. `path` is without the query string, `body` the exact
/// bytes received. Secrets are compared in constant time.
///
/// # Errors
/// [`AuthError::L2`] for anything wrong: the caller does not learn what.
pub fn verify_l2<'k>(
    keyring: &'k Keyring,
    headers: &PolyHeaders<'_>,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<&'k Entry, AuthError> {
    let read = || {
        let entry = keyring.get(headers.api_key?).filter(|entry| entry.right == Right::Trade)?;
        let timestamp = headers.timestamp.filter(|text| is_decimal(text))?;
        let address = headers.address.and_then(parse_address)?;
        let tag = URL_SAFE.decode(headers.signature?).ok()?;
        let message = [timestamp.as_bytes(), method.as_bytes(), path.as_bytes(), body];
        let signed = hmac_matches(entry.hmac_key(), &message, &tag);
        let known = same_secret(headers.passphrase?, entry.passphrase());
        (signed && known && address == entry.address).then_some(entry)
    };
    read().ok_or(AuthError::L2)
}

/// The read-only key a call names, if it may be used for this method. Such a key is its bare UUID beside the address it
/// reads for; how the venue wants it sent is undocumented (its clients create, list and delete these keys and never use one).
///
/// # Errors
/// [`AuthError::L2`] when there is no such key, it belongs to another address, or the method would change something.
pub fn verify_readonly<'k>(
    keyring: &'k Keyring,
    headers: &PolyHeaders<'_>,
    method: &str,
) -> Result<&'k Entry, AuthError> {
    let read = || {
        let entry = keyring.get(headers.readonly_api_key?).filter(|entry| entry.right == Right::Read)?;
        let address = headers.address.and_then(parse_address)?;
        (method == "GET" && address == entry.address).then_some(entry)
    };
    read().ok_or(AuthError::L2)
}

/// Whether `tag` is the HMAC of the parts, in constant time.
pub(super) fn hmac_matches(key: &[u8], message: &[&[u8]], tag: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    for part in message {
        mac.update(part);
    }
    mac.verify_slice(tag).is_ok()
}

/// Equality that takes as long for a near miss as for a far one: hashes are compared, not the texts.
pub(super) fn same_secret(given: &str, expected: &str) -> bool {
    Sha256::digest(given) == Sha256::digest(expected)
}
