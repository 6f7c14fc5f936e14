//! Who signed an order, and whether the caller may place it.

use super::eip712::{ORDER_TYPE, order_words, typed};
use super::l1::recover;
use super::{AuthError, DepositWallets, Domain, proxy_wallet, safe_wallet};
use alloy_primitives::{Address, B256};
use mm_core::domain::OrderId;
use mm_core::venue::order::{OrderVersion, PostOrder, SignatureType};

/// Largest salt a JSON number carries exactly.
const SALT_MAX: u64 = (1 << 53) - 1;

/// What a verified order proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The order's digest, computed here.
    pub id: OrderId,
    /// The key that signed.
    pub key: Address,
    /// The wallet that pays.
    pub wallet: Address,
    /// How the wallet belongs to the key.
    pub kind: SignatureType,
}

/// The API key an order was posted with, as far as the order is about it.
#[derive(Clone, Copy, Debug)]
pub struct Poster<'a> {
    /// UUID of the calling key.
    pub api_key: &'a str,
    /// Its signing address.
    pub address: Address,
}

/// Checks everything of an order that is about identity: the fields' form, the owner, the signer, the signature and that
/// the wallet is the key's. Prices, sizes and balances are the exchange's business. A deposit wallet is taken for the key
/// if nobody has it.
///
/// # Errors
/// [`AuthError::Payload`], [`AuthError::Owner`], [`AuthError::Signer`] or [`AuthError::Signature`]; nothing is changed then.
pub fn verify_order(
    post: &PostOrder,
    caller: Poster<'_>,
    domain: &Domain,
    neg_risk: bool,
    deposit_wallets: &mut DepositWallets,
) -> Result<Signer, AuthError> {
    let signer = prove_order(post, caller, domain, neg_risk)?;
    if deposit_wallets.admits(&signer) { Ok(signer) } else { Err(AuthError::Signature) }
}

/// The part of [`verify_order`] that looks at nothing but its arguments: a hundred microseconds of curve arithmetic for which
/// the venue need not stand still. Whose a deposit wallet is remains to be asked with [`DepositWallets::admits`].
///
/// # Errors
/// Those of [`verify_order`].
pub fn prove_order(post: &PostOrder, caller: Poster<'_>, domain: &Domain, neg_risk: bool) -> Result<Signer, AuthError> {
    let order = &post.order;
    if order.salt > SALT_MAX || OrderVersion::of(&order.token_id) != OrderVersion::V2 {
        return Err(AuthError::Payload);
    }
    let kind = SignatureType::from_number(order.signature_type).ok_or(AuthError::Payload)?;
    let words = order_words(order).ok_or(AuthError::Payload)?;
    if !post.owner.eq_ignore_ascii_case(caller.api_key) {
        return Err(AuthError::Owner);
    }
    let expected_signer = if kind == SignatureType::Poly1271 { words.maker } else { caller.address };
    if words.signer != expected_signer {
        return Err(AuthError::Signer);
    }
    let exchange = domain.exchange(neg_risk);
    let digest = typed(exchange, words.struct_hash);
    let signature = super::parse_hex(&order.signature).ok_or(AuthError::Payload)?;
    let key = match kind {
        SignatureType::Poly1271 => recover_nested(&signature, domain, exchange, words.maker, words.struct_hash),
        _ => recover(&signature, &digest),
    };
    let key = key.filter(|key| *key == caller.address).ok_or(AuthError::Signature)?;
    let owns = match kind {
        SignatureType::Eoa => words.maker == key,
        SignatureType::Proxy => words.maker == proxy_wallet(key),
        SignatureType::Safe => words.maker == safe_wallet(key),
        SignatureType::Poly1271 => true,
    };
    if !owns {
        return Err(AuthError::Signature);
    }
    Ok(Signer { id: OrderId::from_bytes(digest.0), key, wallet: words.maker, kind })
}

/// The owner key behind a contract wallet's signature: 65 bytes over the nested digest, then what the wallet needs to
/// rebuild it, and nothing else.
fn recover_nested(signature: &[u8], domain: &Domain, exchange: B256, wallet: Address, order: B256) -> Option<Address> {
    let (inner, trailer) = signature.split_at_checked(65)?;
    let length = u16::try_from(ORDER_TYPE.len()).expect("the type string has 186 bytes").to_be_bytes();
    let expected = [exchange.as_slice(), order.as_slice(), ORDER_TYPE.as_bytes(), length.as_slice()].concat();
    (trailer == expected).then(|| recover(inner, &domain.nested(exchange, wallet, order)))?
}
