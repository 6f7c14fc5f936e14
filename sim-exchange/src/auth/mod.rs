//! The venue's side of every signature: who is calling (L1, L2) and who signed an order.
//!
//! Written apart from the executor's signer, from the published rules alone (`signing.md`), so that a mistake there cannot
//! be answered by the same mistake here; both are pinned to the same published vectors. Never signs, never reads a clock:
//! how old a timestamp may be is undocumented at the venue, so age is not judged here.

mod eip712;
mod keyring;
mod l1;
mod l2;
mod order;
mod wallets;

pub use eip712::{Domain, order_id};
pub use keyring::{Credentials, Entry, Keyring, Right};
pub use l1::verify_l1;
pub use l2::{verify_l2, verify_readonly};
pub use order::{Poster, Signer, prove_order, verify_order};
pub use wallets::{DepositWallets, proxy_wallet, safe_wallet};

use alloy_primitives::Address;

/// Why a caller or an order was turned away. The text of each is the venue's own (`clob-rest.md` section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// L1 headers missing, malformed, or not signed by the address they name. 401.
    #[error("Invalid L1 Request headers")]
    L1,
    /// L2 headers missing, malformed, of an unknown key, or with a wrong HMAC. 401.
    #[error("Unauthorized/Invalid api key")]
    L2,
    /// The key of this address and nonce exists already: derive it. 400.
    #[error("Could not create api key")]
    Create,
    /// There is no key of this address and nonce. 400.
    #[error("Could not derive api key!")]
    Derive,
    /// A field of the order is not what it must be. 400.
    #[error("Invalid order payload")]
    Payload,
    /// `owner` is not the calling API key. 400.
    #[error("the order owner has to be the owner of the API KEY")]
    Owner,
    /// `signer` is not the address of the calling API key. 400.
    #[error("the order signer address has to be the address of the API KEY")]
    Signer,
    /// The signature is not by the right key over the right bytes, or `maker` is no wallet of that key. 400.
    #[error("invalid signature")]
    Signature,
}

impl AuthError {
    /// The HTTP status the venue answers with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::L1 | Self::L2 => 401,
            _ => 400,
        }
    }
}

/// The `POLY_*` headers of a request, as far as they were there and are text. Names are matched in any letter case by whoever fills this.
#[derive(Clone, Copy, Default)]
pub struct PolyHeaders<'a> {
    /// `POLY_ADDRESS`: the signing key's address.
    pub address: Option<&'a str>,
    /// `POLY_SIGNATURE`: hex for L1, base64 for L2.
    pub signature: Option<&'a str>,
    /// `POLY_TIMESTAMP`: Unix seconds.
    pub timestamp: Option<&'a str>,
    /// `POLY_NONCE`: L1 only.
    pub nonce: Option<&'a str>,
    /// `POLY_API_KEY`: L2 only.
    pub api_key: Option<&'a str>,
    /// `POLY_PASSPHRASE`: L2 only.
    pub passphrase: Option<&'a str>,
    /// `POLY_READONLY_API_KEY`: instead of the five of L2.
    pub readonly_api_key: Option<&'a str>,
}

impl<'a> PolyHeaders<'a> {
    /// Fills itself from a look-up by lower-case header name.
    pub fn read(get: impl Fn(&'static str) -> Option<&'a str>) -> Self {
        Self {
            address: get("poly_address"),
            signature: get("poly_signature"),
            timestamp: get("poly_timestamp"),
            nonce: get("poly_nonce"),
            api_key: get("poly_api_key"),
            passphrase: get("poly_passphrase"),
            readonly_api_key: get("poly_readonly_api_key"),
        }
    }
}

/// An address: `0x` and 40 hex digits, any letter case (clients differ, `signing.md` section 1).
pub(crate) fn parse_address(text: &str) -> Option<Address> {
    parse_hex(text).and_then(|bytes| <[u8; 20]>::try_from(bytes).ok()).map(Address::from)
}

/// Bytes of `0x…` hex.
pub(crate) fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.as_bytes().chunks_exact(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

/// A decimal number of seconds without sign or space, as the headers carry it.
fn is_decimal(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
