//! The signing code held against published vectors.
//!
//! Safe to expose: every function here signs with a key that its *caller* spells out as hex text, so it can do nothing the
//! caller could not do without it. A loaded [`crate::key::Key`] cannot be passed in, and no key bytes come out. The exchange
//! is free to choose here, version "3" included, which [`crate::sign::OrderToken`] refuses for real orders.

use crate::auth;
use crate::eip712::{
    Chain, Exchange, OrderFields, auth_domain_separator, auth_struct_hash, nested_struct_hash, order_digest,
    order_struct_hash, typed_data_digest,
};
use crate::key::Key;
use crate::sign::{self, OrderHashes};
use alloy_primitives::{Address, B256};
use mm_core::domain::{OrderId, TokenId};
use mm_core::venue::order::{PostOrder, SignatureType};

/// Everything that is computed on the way to a signed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderVector {
    /// Domain of the exchange.
    pub domain_separator: B256,
    /// hashStruct(Order).
    pub struct_hash: B256,
    /// The venue's id.
    pub order_id: OrderId,
    /// What the key signed.
    pub signing_digest: B256,
    /// hashStruct(TypedDataSign), for deposit wallets.
    pub nested_struct_hash: Option<B256>,
    /// Hex.
    pub signature: String,
    /// The key's address.
    pub address: Address,
    /// What would be posted.
    pub body: PostOrder,
}

/// How an order would be posted; none of it is signed.
#[derive(Clone, Debug)]
pub struct Posting<'a> {
    /// Seconds, 0 unless GTD.
    pub expiration: u64,
    /// GTC, GTD, FOK or FAK.
    pub order_type: &'a str,
    /// Refuse instead of matching on arrival.
    pub post_only: bool,
    /// API key.
    pub owner: &'a str,
}

/// A key its caller spelled out, for many signatures.
pub struct Spelled(Key);

impl Spelled {
    /// `None` when the text is no key.
    #[must_use]
    pub fn from_hex(key_hex: &str) -> Option<Self> {
        Key::from_hex(key_hex).map(Self)
    }

    /// The road of [`sign::sign`] from fields to id and body.
    #[must_use]
    pub fn sign(
        &self,
        chain: Chain,
        exchange: Exchange,
        fields: &OrderFields,
        token: TokenId,
        posting: &Posting<'_>,
    ) -> (OrderId, PostOrder) {
        let hashes = OrderHashes::of(chain, exchange, fields);
        let signature = sign::signature(&self.0, chain, fields, &hashes);
        let body = PostOrder {
            order: sign::order_body(fields, token, posting.expiration, &signature),
            owner: posting.owner.to_owned(),
            order_type: posting.order_type.to_owned(),
            post_only: posting.post_only,
            defer_exec: false,
        };
        (hashes.id(), body)
    }
}

/// Hashes and signs `fields` with the key in `key_hex`; `None` when that is no key.
#[must_use]
pub fn sign_order(
    key_hex: &str,
    chain: Chain,
    exchange: Exchange,
    fields: &OrderFields,
    token: TokenId,
    posting: &Posting<'_>,
) -> Option<OrderVector> {
    let key = Key::from_hex(key_hex)?;
    let address = key.address();
    let domain_separator = exchange.domain_separator(chain);
    let struct_hash = order_struct_hash(fields);
    let nested = (fields.signature_type == SignatureType::Poly1271)
        .then(|| nested_struct_hash(chain, fields.maker, struct_hash));
    let (_, body) = Spelled(key).sign(chain, exchange, fields, token, posting);
    Some(OrderVector {
        domain_separator,
        struct_hash,
        order_id: order_digest(domain_separator, struct_hash),
        signing_digest: typed_data_digest(domain_separator, nested.unwrap_or(struct_hash)),
        nested_struct_hash: nested,
        signature: body.order.signature.clone(),
        address,
        body,
    })
}

/// Everything that is computed on the way to an API login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginVector {
    /// Domain of the login.
    pub domain_separator: B256,
    /// hashStruct(ClobAuth).
    pub struct_hash: B256,
    /// What the key signed.
    pub digest: B256,
    /// L1 headers, name and value.
    pub headers: Vec<(String, String)>,
}

/// A login with the key in `key_hex`; `None` when that is no key.
#[must_use]
pub fn login(key_hex: &str, chain: Chain, unix_s: u64, nonce: u64) -> Option<LoginVector> {
    let key = Key::from_hex(key_hex)?;
    let timestamp = unix_s.to_string();
    Some(LoginVector {
        domain_separator: auth_domain_separator(chain),
        struct_hash: auth_struct_hash(key.address(), &timestamp, nonce),
        digest: auth::login_digest(chain, key.address(), &timestamp, nonce),
        headers: auth::login_headers(&key, chain, unix_s, nonce)
            .iter()
            .map(|(name, value)| (name.as_str().to_uppercase(), value.to_str().unwrap_or_default().to_owned()))
            .collect(),
    })
}

/// The L2 signature with the base64 secret given; `None` when that is not base64.
#[must_use]
pub fn request_signature(secret: &str, timestamp: &str, method: &str, path: &str, body: &str) -> Option<String> {
    let secret = auth::decode_secret(secret)?;
    Some(auth::request_signature(&secret, timestamp, method, path, body.as_bytes()))
}

/// The address of the key in `key_hex`; `None` when that is no key.
#[must_use]
pub fn address(key_hex: &str) -> Option<Address> {
    Key::from_hex(key_hex).map(|key| key.address())
}

#[cfg(test)]
mod tests;
