//! Typed-data hashes of what clients sign: domains, ClobAuth, the V2 order and its wrapping for contract wallets.

use alloy_primitives::{Address, B256, U256, address, keccak256};
use mm_core::domain::{OrderId, Side};
use mm_core::venue::order::SignedOrderBody;

/// The order struct, as it is hashed and as it trails a contract-wallet signature.
pub(super) const ORDER_TYPE: &str = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,\
uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)";
const NESTED_TYPE: &str = "TypedDataSign(Order contents,string name,string version,uint256 chainId,\
address verifyingContract,bytes32 salt)";
const CLOB_AUTH_TYPE: &str = "ClobAuth(address address,string timestamp,uint256 nonce,string message)";
const CLOB_AUTH_MESSAGE: &str = "This message attests that I control the given wallet";

/// The standard exchange, both chains.
const EXCHANGE: Address = address!("E111180000d2663C0091e4f400237545B87B996B");
/// The neg-risk exchange, both chains.
const NEG_RISK_EXCHANGE: Address = address!("e2222d279d744050d28e00520010520000310F59");

/// The domain separators of one chain, hashed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    chain_id: U256,
    clob_auth: B256,
    standard: B256,
    neg_risk: B256,
}

impl Domain {
    /// The separators of `chain_id` (137 in production).
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        let chain_id = U256::from(chain_id);
        let clob_auth = words(&[
            keccak256("EIP712Domain(string name,string version,uint256 chainId)"),
            keccak256("ClobAuthDomain"),
            keccak256("1"),
            chain_id.into(),
        ]);
        let exchange = |contract: Address| {
            words(&[
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Polymarket CTF Exchange"),
                keccak256("2"),
                chain_id.into(),
                contract.into_word(),
            ])
        };
        Self { chain_id, clob_auth, standard: exchange(EXCHANGE), neg_risk: exchange(NEG_RISK_EXCHANGE) }
    }

    /// The separator orders of a market are signed under.
    #[must_use]
    pub const fn exchange(&self, neg_risk: bool) -> B256 {
        if neg_risk { self.neg_risk } else { self.standard }
    }

    /// Contracts that need an allowance, as `GET /balance-allowance` lists them.
    #[must_use]
    pub fn spenders() -> [String; 2] {
        [EXCHANGE.to_checksum(None), NEG_RISK_EXCHANGE.to_checksum(None)]
    }

    /// What is signed to prove that `address` is ours.
    pub(super) fn clob_auth(&self, address: Address, timestamp: &str, nonce: u64) -> B256 {
        let message = words(&[
            keccak256(CLOB_AUTH_TYPE),
            address.into_word(),
            keccak256(timestamp),
            U256::from(nonce).into(),
            keccak256(CLOB_AUTH_MESSAGE),
        ]);
        typed(self.clob_auth, message)
    }

    /// What the owner of a contract wallet signs: the order wrapped so that the wallet can check it (ERC-7739). The domain
    /// of the digest is the exchange's, the wallet's own is inside.
    pub(super) fn nested(&self, exchange: B256, wallet: Address, order: B256) -> B256 {
        let wrapped = words(&[
            keccak256(format!("{NESTED_TYPE}{ORDER_TYPE}")),
            order,
            keccak256("DepositWallet"),
            keccak256("1"),
            self.chain_id.into(),
            wallet.into_word(),
            B256::ZERO,
        ]);
        typed(exchange, wrapped)
    }
}

/// The fields of an order as numbers: what its text stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderWords {
    pub(super) maker: Address,
    pub(super) signer: Address,
    pub(super) struct_hash: B256,
}

/// Reads the text of an order and hashes its eleven fields. `None` when a field is not what its type allows.
pub(super) fn order_words(order: &SignedOrderBody) -> Option<OrderWords> {
    let maker = super::parse_address(&order.maker)?;
    let signer = super::parse_address(&order.signer)?;
    let word = |text: &str| super::parse_hex(text).and_then(|bytes| B256::try_from(bytes.as_slice()).ok());
    let side = match order.side.as_str() {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return None,
    };
    let struct_hash = words(&[
        keccak256(ORDER_TYPE),
        U256::from(order.salt).into(),
        maker.into_word(),
        signer.into_word(),
        U256::from_str_radix(order.token_id.as_str(), 10).ok()?.into(),
        U256::from(order.maker_amount).into(),
        U256::from(order.taker_amount).into(),
        U256::from(match side {
            Side::Buy => 0u8,
            Side::Sell => 1u8,
        })
        .into(),
        U256::from(order.signature_type).into(),
        U256::from(order.timestamp).into(),
        word(&order.metadata)?,
        word(&order.builder)?,
    ]);
    Some(OrderWords { maker, signer, struct_hash })
}

/// An order's id: its digest under the exchange's separator, whoever signed it. `None` for malformed fields.
#[must_use]
pub fn order_id(order: &SignedOrderBody, exchange: B256) -> Option<OrderId> {
    order_words(order).map(|words| OrderId::from_bytes(typed(exchange, words.struct_hash).0))
}

/// `keccak256(0x1901 ‖ separator ‖ struct hash)`.
pub(super) fn typed(separator: B256, struct_hash: B256) -> B256 {
    keccak256([b"\x19\x01".as_slice(), separator.as_slice(), struct_hash.as_slice()].concat())
}

/// Hash of 32-byte words, one after the other.
fn words(words: &[B256]) -> B256 {
    keccak256(words.concat())
}
