//! From an approved, recorded order to a signed one.
//!
//! [`order_id`] needs no key: the id of an order is known before its row is written. [`sign`] is the only function of the
//! house that signs orders, and it takes what only policy and what only the ledger can make. Pure: no clock, no randomness.

use crate::eip712::{
    Chain, Exchange, ORDER_TYPE, OrderFields, nested_struct_hash, order_digest, order_struct_hash, typed_data_digest,
};
use crate::key::Key;
use crate::policy::Approved;
use crate::recorded::Recorded;
use alloy_primitives::{Address, B256, U256, hex};
use mm_core::domain::{NewOrder, OrderId, TokenId};
use mm_core::venue::order::{
    Amounts, OrderVersion, PostOrder, SignatureType, SignedOrderBody, order_type_and_expiration,
};

/// Largest salt: the venue reads it as a JSON number.
pub const SALT_MAX: u64 = (1 << 53) - 1;

/// Whose orders these are: everything in them that does not change from order to order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    chain: Chain,
    signature_type: SignatureType,
    key_address: Address,
    funder: Address,
    builder: B256,
}

/// Why an account makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// An EOA's funds are at its own address.
    #[error("signature type 0 means the key holds the funds itself: funder must be {key} or empty, not {funder}")]
    FunderOfEoa {
        /// The key's address.
        key: Address,
        /// What was configured.
        funder: Address,
    },
    /// The other types need a wallet.
    #[error("signature type {0} needs the wallet that holds the funds")]
    NoFunder(u8),
}

impl Account {
    /// An account; `funder` is `None` for a key that holds its own funds.
    ///
    /// # Errors
    /// [`AccountError`] when type and funder do not fit.
    pub fn new(
        chain: Chain,
        signature_type: SignatureType,
        key_address: Address,
        funder: Option<Address>,
    ) -> Result<Self, AccountError> {
        let funder = match (signature_type, funder) {
            (SignatureType::Eoa, Some(funder)) if funder != key_address => {
                return Err(AccountError::FunderOfEoa { key: key_address, funder });
            }
            (SignatureType::Eoa, _) => key_address,
            (_, Some(funder)) => funder,
            (other, None) => return Err(AccountError::NoFunder(other.number())),
        };
        Ok(Self { chain, signature_type, key_address, funder, builder: B256::ZERO })
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> Chain {
        self.chain
    }

    /// How signatures are checked.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The address of the signing key, which the API knows us by.
    #[must_use]
    pub const fn key_address(&self) -> Address {
        self.key_address
    }

    /// The account that holds the funds: `maker` of every order.
    #[must_use]
    pub const fn funder(&self) -> Address {
        self.funder
    }

    /// `signer` of every order: the key, or the wallet itself for ERC-1271.
    #[must_use]
    pub const fn signer(&self) -> Address {
        match self.signature_type {
            SignatureType::Poly1271 => self.funder,
            _ => self.key_address,
        }
    }
}

/// A token orders may be signed for, and the exchange that settles them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderToken {
    id: TokenId,
    word: U256,
    neg_risk: bool,
}

/// Why no order can be signed for a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Signed with domain version "3", which this program does not do: a version-2 signature would be invalid.
    #[error("token {0} is a protocol-V2 position (order version 3), which is not supported")]
    Version3(TokenId),
    /// Above 2^256 − 1.
    #[error("token {0} does not fit in 256 bits")]
    TooLarge(TokenId),
}

impl OrderToken {
    /// Checks a token once, when the allow-list is read.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn new(id: TokenId, neg_risk: bool) -> Result<Self, TokenError> {
        if OrderVersion::of(&id) == OrderVersion::V3 {
            return Err(TokenError::Version3(id));
        }
        match U256::from_str_radix(id.as_str(), 10) {
            Ok(word) => Ok(Self { id, word, neg_risk }),
            Err(_) => Err(TokenError::TooLarge(id)),
        }
    }

    /// The venue's id.
    #[must_use]
    pub const fn id(&self) -> &TokenId {
        &self.id
    }

    /// Whether the neg-risk exchange settles it.
    #[must_use]
    pub const fn neg_risk(&self) -> bool {
        self.neg_risk
    }
}

/// The signed fields of a limit order. `salt` must not exceed [`SALT_MAX`].
#[must_use]
pub fn order_fields(account: &Account, token: &OrderToken, order: &NewOrder, salt: u64, at_ms: u64) -> OrderFields {
    assert!(salt <= SALT_MAX, "salt {salt} does not survive a JSON number");
    let amounts = Amounts::of_limit(order);
    OrderFields {
        salt,
        maker: account.funder(),
        signer: account.signer(),
        token: token.word,
        maker_amount: amounts.maker,
        taker_amount: amounts.taker,
        side: order.side,
        signature_type: account.signature_type,
        timestamp_ms: at_ms,
        metadata: B256::ZERO,
        builder: account.builder,
    }
}

/// The order's hash, which is the venue's id for it. Needs no key, so it is known before the row is written.
#[must_use]
pub fn order_id(account: &Account, token: &OrderToken, order: &NewOrder, salt: u64, at_ms: u64) -> OrderId {
    let fields = order_fields(account, token, order, salt, at_ms);
    OrderHashes::of(account.chain, Exchange::of(token.neg_risk), &fields).id()
}

/// What an order is signed over, hashed once.
#[derive(Clone, Copy)]
pub(crate) struct OrderHashes {
    domain: B256,
    contents: B256,
    digest: OrderId,
}

impl OrderHashes {
    pub(crate) fn of(chain: Chain, exchange: Exchange, fields: &OrderFields) -> Self {
        let (domain, contents) = (exchange.domain_separator(chain), order_struct_hash(fields));
        Self { domain, contents, digest: order_digest(domain, contents) }
    }

    /// The venue's id for the order.
    pub(crate) const fn id(&self) -> OrderId {
        self.digest
    }
}

/// The signature bytes of an order: 65 for types 0 to 2, 317 for a deposit wallet.
pub(crate) fn signature(key: &Key, chain: Chain, fields: &OrderFields, hashes: &OrderHashes) -> Vec<u8> {
    let OrderHashes { domain, contents, digest } = hashes;
    match fields.signature_type {
        SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => {
            key.sign_digest(B256::from(*digest.bytes())).to_vec()
        }
        SignatureType::Poly1271 => {
            let nested = nested_struct_hash(chain, fields.maker, *contents);
            let mut out = key.sign_digest(typed_data_digest(*domain, nested)).to_vec();
            out.extend_from_slice(domain.as_slice());
            out.extend_from_slice(contents.as_slice());
            out.extend_from_slice(ORDER_TYPE.as_bytes());
            let length = u16::try_from(ORDER_TYPE.len()).expect("186 bytes");
            out.extend_from_slice(&length.to_be_bytes());
            out
        }
    }
}

/// Fields and signature as the venue's JSON wants them.
pub(crate) fn order_body(fields: &OrderFields, token: TokenId, expiration: u64, signature: &[u8]) -> SignedOrderBody {
    let maker = fields.maker.to_checksum(None);
    // A checksum is a hash: for most wallets one is enough.
    let signer = if fields.signer == fields.maker { maker.clone() } else { fields.signer.to_checksum(None) };
    SignedOrderBody {
        salt: fields.salt,
        maker,
        signer,
        token_id: token,
        maker_amount: fields.maker_amount,
        taker_amount: fields.taker_amount,
        side: fields.side.as_str().to_owned(),
        expiration,
        signature_type: fields.signature_type.number(),
        timestamp: fields.timestamp_ms,
        metadata: fields.metadata.to_string(),
        builder: fields.builder.to_string(),
        signature: hex::encode_prefixed(signature),
    }
}

/// One signed order, ready to be posted once. No `Debug`: a signature is authority to trade.
#[must_use]
pub struct SignedOrder {
    id: OrderId,
    body: SignedOrderBody,
    order_type: &'static str,
    post_only: bool,
}

impl SignedOrder {
    /// The venue's id for it.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        self.id
    }

    /// The body to post, for the API key `owner`.
    pub(crate) fn into_post(self, owner: &str) -> PostOrder {
        PostOrder {
            order: self.body,
            owner: owner.to_owned(),
            order_type: self.order_type.to_owned(),
            post_only: self.post_only,
            defer_exec: false,
        }
    }
}

/// Signs one order: the only function of the house that does. Consumes policy's leave and the ledger's proof.
///
/// Panics when the row belongs to another order than the leave: then something of ours is badly wrong, and nothing must leave.
pub fn sign(key: &Key, account: &Account, approved: Approved, row: Recorded) -> SignedOrder {
    let token = approved.token();
    let fields = order_fields(account, token, approved.order(), row.salt(), row.at_ms());
    let hashes = OrderHashes::of(account.chain, Exchange::of(token.neg_risk), &fields);
    let id = hashes.id();
    assert_eq!(id, row.order(), "the ledger's row is about another order");
    assert_eq!(key.address(), account.key_address(), "the key is not the account's");
    let (order_type, expiration) = order_type_and_expiration(approved.order().tif);
    let signature = signature(key, account.chain, &fields, &hashes);
    SignedOrder {
        id,
        body: order_body(&fields, token.id.clone(), expiration, &signature),
        order_type,
        post_only: approved.order().post_only,
    }
}
