//! L1: the caller proves with the signing key itself that an address is theirs.

use super::{AuthError, Domain, PolyHeaders, is_decimal, parse_address, parse_hex};
use alloy_primitives::{Address, B256, Signature};

/// Checks L1 headers and returns the address and the nonce of the API key it asks for. Address and nonce of the headers
/// are inside the signed message, so whoever signed it named both.
///
/// # Errors
/// [`AuthError::L1`] when a header is missing or malformed, or another key signed.
pub fn verify_l1(domain: &Domain, headers: &PolyHeaders<'_>) -> Result<(Address, u64), AuthError> {
    let read = || {
        let address = headers.address.and_then(parse_address)?;
        let timestamp = headers.timestamp.filter(|text| is_decimal(text))?;
        let nonce = headers.nonce.filter(|text| is_decimal(text))?.parse::<u64>().ok()?;
        let signature = headers.signature.and_then(parse_hex)?;
        let signer = recover(&signature, &domain.clob_auth(address, timestamp, nonce))?;
        (signer == address).then_some((address, nonce))
    };
    read().ok_or(AuthError::L1)
}

/// The address whose key signed `digest`: 65 bytes r‖s‖v with v 27 or 28 and a low s, the only form clients send and the
/// contracts accept.
pub(super) fn recover(signature: &[u8], digest: &B256) -> Option<Address> {
    if !matches!(signature, [.., 27 | 28]) {
        return None;
    }
    let signature = Signature::from_raw(signature).ok()?;
    if signature.normalize_s().is_some() {
        return None; // a high s: the same signature in its second, malleable form
    }
    signature.recover_address_from_prehash(digest).ok()
}
