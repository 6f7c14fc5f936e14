//! The typed data the venue verifies (`signing.md` sections 1, 3 and 4): hashes only, no key.
//!
//! Type hashes and domain separators are constants taken from the four official clients; a test derives each of them again
//! from its type string.

use alloy_primitives::{Address, B256, U256, address, b256, keccak256};
use mm_core::domain::{OrderId, Side};
use mm_core::venue::order::SignatureType;

/// The signed order struct, as the venue's contract spells it.
pub const ORDER_TYPE: &str = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,\
    uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)";
/// keccak256 of [`ORDER_TYPE`].
pub const ORDER_TYPE_HASH: B256 = b256!("bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");
/// The domain of orders.
pub const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
/// Name in the domain of orders.
pub const DOMAIN_NAME: &str = "Polymarket CTF Exchange";
/// What an ERC-1271 deposit wallet is asked to check; the order's own type string follows it.
pub const NESTED_TYPE: &str =
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)";
/// keccak256 of [`NESTED_TYPE`] followed by [`ORDER_TYPE`].
pub const NESTED_TYPE_HASH: B256 = b256!("6ba028565cb324c2aa02bb714b9816d0bddd557a2f33bb36cf13272a4256bd42");
/// The domain of the API login.
pub const AUTH_DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,uint256 chainId)";
/// The struct of the API login.
pub const AUTH_TYPE: &str = "ClobAuth(address address,string timestamp,uint256 nonce,string message)";
/// The sentence every API login signs.
pub const AUTH_MESSAGE: &str = "This message attests that I control the given wallet";

/// The chains the venue knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chain {
    /// 137, where the money is.
    Polygon,
    /// 80002, the test network.
    Amoy,
}

impl Chain {
    /// From the chain id; `None` for every other chain.
    #[must_use]
    pub const fn from_id(id: u64) -> Option<Self> {
        match id {
            137 => Some(Self::Polygon),
            80_002 => Some(Self::Amoy),
            _ => None,
        }
    }

    /// The chain id.
    #[must_use]
    pub const fn id(self) -> u64 {
        match self {
            Self::Polygon => 137,
            Self::Amoy => 80_002,
        }
    }
}

/// The contract that will settle an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exchange {
    /// Ordinary markets, domain version "2".
    Standard,
    /// Markets whose outcomes exclude each other, domain version "2".
    NegRisk,
    /// Protocol-V2 positions, domain version "3". For the vectors alone: the product refuses such tokens.
    V3,
}

impl Exchange {
    /// The exchange of an ordinary order.
    #[must_use]
    pub const fn of(neg_risk: bool) -> Self {
        if neg_risk { Self::NegRisk } else { Self::Standard }
    }

    /// Its address.
    #[must_use]
    pub const fn contract(self, chain: Chain) -> Address {
        match (self, chain) {
            (Self::Standard, _) => address!("E111180000d2663C0091e4f400237545B87B996B"),
            (Self::NegRisk, _) => address!("e2222d279d744050d28e00520010520000310F59"),
            (Self::V3, Chain::Polygon) => address!("e3333700cA9d93003F00f0F71f8515005F6c00Aa"),
            (Self::V3, Chain::Amoy) => address!("9fE6e61422AdB6F610d8597F9684b16912D50C3D"),
        }
    }

    /// The domain's version string.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Standard | Self::NegRisk => "2",
            Self::V3 => "3",
        }
    }

    /// The domain separator, precomputed for version "2".
    #[must_use]
    pub fn domain_separator(self, chain: Chain) -> B256 {
        match (self, chain) {
            (Self::Standard, Chain::Polygon) => {
                b256!("3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2")
            }
            (Self::NegRisk, Chain::Polygon) => {
                b256!("9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a")
            }
            (Self::Standard, Chain::Amoy) => b256!("a440cbd865bc0c6243d7a8df9a8bf48a8827b0a4abbb61c30e96d305423af148"),
            (Self::NegRisk, Chain::Amoy) => b256!("1468e39841f0a0e05d3762b235cb7acecabf8cd7b6d3a672965a5d415bf9378e"),
            (Self::V3, _) => self.derive_domain_separator(chain),
        }
    }

    /// The domain separator from its definition.
    pub(crate) fn derive_domain_separator(self, chain: Chain) -> B256 {
        Words::<5>::new()
            .hash(keccak256(DOMAIN_TYPE))
            .hash(keccak256(DOMAIN_NAME))
            .hash(keccak256(self.version()))
            .number(chain.id())
            .address(self.contract(chain))
            .keccak()
    }
}

/// The eleven signed fields of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderFields {
    /// Uniqueness number, at most 2^53 − 1.
    pub salt: u64,
    /// Account that holds the funds.
    pub maker: Address,
    /// The signing address; the wallet itself for ERC-1271.
    pub signer: Address,
    /// The outcome token.
    pub token: U256,
    /// Millionths given.
    pub maker_amount: u64,
    /// Millionths received.
    pub taker_amount: u64,
    /// Which way.
    pub side: Side,
    /// How the signature is checked.
    pub signature_type: SignatureType,
    /// Milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Reserved by the venue.
    pub metadata: B256,
    /// Builder code, zero for none.
    pub builder: B256,
}

/// hashStruct(Order).
#[must_use]
pub fn order_struct_hash(order: &OrderFields) -> B256 {
    let side = match order.side {
        Side::Buy => 0,
        Side::Sell => 1,
    };
    Words::<12>::new()
        .hash(ORDER_TYPE_HASH)
        .number(order.salt)
        .address(order.maker)
        .address(order.signer)
        .hash(B256::from(order.token))
        .number(order.maker_amount)
        .number(order.taker_amount)
        .number(side)
        .number(order.signature_type.number().into())
        .number(order.timestamp_ms)
        .hash(order.metadata)
        .hash(order.builder)
        .keccak()
}

/// The order's digest under its exchange, which is the venue's order id for every signature type.
#[must_use]
pub fn order_digest(domain: B256, struct_hash: B256) -> OrderId {
    OrderId::from_bytes(typed_data_digest(domain, struct_hash).0)
}

/// hashStruct(TypedDataSign): the order as a deposit wallet sees it (ERC-7739).
#[must_use]
pub fn nested_struct_hash(chain: Chain, wallet: Address, contents: B256) -> B256 {
    Words::<7>::new()
        .hash(NESTED_TYPE_HASH)
        .hash(contents)
        .hash(keccak256("DepositWallet"))
        .hash(keccak256("1"))
        .number(chain.id())
        .address(wallet)
        .hash(B256::ZERO)
        .keccak()
}

/// The domain separator of the API login.
#[must_use]
pub fn auth_domain_separator(chain: Chain) -> B256 {
    Words::<4>::new()
        .hash(keccak256(AUTH_DOMAIN_TYPE))
        .hash(keccak256("ClobAuthDomain"))
        .hash(keccak256("1"))
        .number(chain.id())
        .keccak()
}

/// hashStruct(ClobAuth).
#[must_use]
pub fn auth_struct_hash(address: Address, timestamp: &str, nonce: u64) -> B256 {
    Words::<5>::new()
        .hash(keccak256(AUTH_TYPE))
        .address(address)
        .hash(keccak256(timestamp))
        .number(nonce)
        .hash(keccak256(AUTH_MESSAGE))
        .keccak()
}

/// keccak256(0x1901 ‖ domain ‖ struct hash): what a key signs.
#[must_use]
pub fn typed_data_digest(domain: B256, struct_hash: B256) -> B256 {
    let mut bytes = [0u8; 66];
    bytes[..2].copy_from_slice(&[0x19, 0x01]);
    bytes[2..34].copy_from_slice(domain.as_slice());
    bytes[34..].copy_from_slice(struct_hash.as_slice());
    keccak256(bytes)
}

/// `N` 32-byte words in the making: ABI encoding of static values.
struct Words<const N: usize> {
    words: [[u8; 32]; N],
    used: usize,
}

impl<const N: usize> Words<N> {
    const fn new() -> Self {
        Self { words: [[0; 32]; N], used: 0 }
    }

    fn hash(mut self, word: B256) -> Self {
        self.words[self.used] = word.0;
        self.used += 1;
        self
    }

    fn number(self, n: u64) -> Self {
        self.hash(B256::from(U256::from(n)))
    }

    fn address(self, a: Address) -> Self {
        self.hash(a.into_word())
    }

    fn keccak(self) -> B256 {
        assert_eq!(self.used, N, "a struct of {N} words was given {}", self.used);
        keccak256(self.words.as_flattened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_equal_their_definitions() {
        assert_eq!(ORDER_TYPE_HASH, keccak256(ORDER_TYPE));
        assert_eq!(NESTED_TYPE_HASH, keccak256(format!("{NESTED_TYPE}{ORDER_TYPE}")));
        assert_eq!(ORDER_TYPE.len(), 186);
        for chain in [Chain::Polygon, Chain::Amoy] {
            for exchange in [Exchange::Standard, Exchange::NegRisk, Exchange::V3] {
                assert_eq!(exchange.domain_separator(chain), exchange.derive_domain_separator(chain), "{exchange:?}");
            }
        }
    }
}
