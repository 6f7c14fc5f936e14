//! The V2 order: its fields, and the amounts of a limit order (`signing.md` sections 3 and 6).

use super::text;
use crate::domain::{NewOrder, Price, Qty, Side, TickSize, TimeInForce, TokenId, Usdc, cost_floor};
use serde::{Deserialize, Serialize};

/// Which order struct is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderVersion {
    /// EIP-712 domain version "2": the conditional tokens the venue trades today.
    V2,
    /// Domain version "3" (Exchange V3): protocol-V2 positions. Recognised in order to be refused.
    V3,
}

impl OrderVersion {
    /// The version a token's orders must be signed with: bits 40 to 103 of the id are zero for a protocol-V2 position
    /// (`signing.md` section 5).
    #[must_use]
    pub fn of(token: &TokenId) -> Self {
        if middle_bits_are_zero(token.as_str()) { Self::V3 } else { Self::V2 }
    }
}

/// Whether bits 40..=103 of a decimal integer are zero.
fn middle_bits_are_zero(decimal: &str) -> bool {
    // 104 bits are enough: reduce the decimal modulo 2^104 digit by digit.
    const MODULUS: u128 = 1 << 104;
    let low = decimal.bytes().fold(0u128, |value, digit| (value * 10 + u128::from(digit - b'0')) % MODULUS);
    low >> 40 == 0
}

/// What each side gives, in millionths: the two integers an order is signed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// What the maker of the order gives: dollars for a buy, shares for a sell.
    pub maker: u64,
    /// What the maker of the order gets.
    pub taker: u64,
}

impl Amounts {
    /// The amounts of a limit order. `qty` is first cut down to hundredths, as every client does; for such a size price ×
    /// size is a whole number of millionths, so nothing else is rounded.
    #[must_use]
    pub fn of_limit(order: &NewOrder) -> Self {
        let shares = order.qty.to_order_size_down();
        let dollars: Usdc = cost_floor(order.price, shares);
        match order.side {
            Side::Buy => Self { maker: dollars.micro(), taker: shares.micro() },
            Side::Sell => Self { maker: shares.micro(), taker: dollars.micro() },
        }
    }

    /// The amounts of a market order (FOK, FAK) that takes at worst `price`: `amount` is dollars for a buy, shares for a sell, in
    /// millionths, and is first cut down to hundredths. The other side is rounded up to four decimals more than `tick` allows,
    /// then down to what it allows, as every client does. `None` at price zero or when a side does not fit 64 bits.
    #[must_use]
    pub fn of_market(side: Side, price: Price, tick: TickSize, amount: u64) -> Option<Self> {
        let maker = amount - amount % 10_000;
        let price = u128::from(price.ten_thousandths());
        let decimals = tick.price_decimals() + 2;
        // Millionths in units four decimals finer than the result: decimals is at least 3.
        let fine = u128::from(maker) * 10u128.pow(decimals - 2);
        let exact_up = match side {
            Side::Buy if price == 0 => return None,
            Side::Buy => (fine * 10_000).div_ceil(price),
            Side::Sell => (fine * price).div_ceil(10_000),
        };
        let taker = exact_up / 10_000 * 10u128.pow(6 - decimals);
        Some(Self { maker, taker: u64::try_from(taker).ok()? })
    }
}

/// Who signs, and for which wallet (`signing.md` section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureType {
    /// The key's own address holds the funds.
    Eoa,
    /// A proxy wallet of the key.
    Proxy,
    /// A Safe of the key.
    Safe,
    /// A deposit wallet: ERC-1271 with a nested digest.
    Poly1271,
}

impl SignatureType {
    /// The venue's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Eoa => 0,
            Self::Proxy => 1,
            Self::Safe => 2,
            Self::Poly1271 => 3,
        }
    }

    /// From the venue's number.
    #[must_use]
    pub const fn from_number(n: u8) -> Option<Self> {
        match n {
            0 => Some(Self::Eoa),
            1 => Some(Self::Proxy),
            2 => Some(Self::Safe),
            3 => Some(Self::Poly1271),
            _ => None,
        }
    }
}

/// The order object inside a `POST /order` body (`clob-rest.md` section 6). Addresses and 32-byte words are hex text here;
/// who needs their bytes parses them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedOrderBody {
    /// Uniqueness number, at most 2^53 − 1. A JSON number.
    pub salt: u64,
    /// Account that holds the funds.
    pub maker: String,
    /// Signing address; the wallet itself for ERC-1271.
    pub signer: String,
    /// The outcome token.
    pub token_id: TokenId,
    /// Millionths, as a string.
    #[serde(with = "text::integer")]
    pub maker_amount: u64,
    /// Millionths, as a string.
    #[serde(with = "text::integer")]
    pub taker_amount: u64,
    /// `BUY` or `SELL`.
    pub side: String,
    /// Unix seconds, `"0"` unless GTD. Posted, not signed.
    #[serde(with = "text::integer")]
    pub expiration: u64,
    /// 0 to 3.
    pub signature_type: u8,
    /// Milliseconds at creation, as a string.
    #[serde(with = "text::integer")]
    pub timestamp: u64,
    /// 32 bytes of hex.
    pub metadata: String,
    /// 32 bytes of hex.
    pub builder: String,
    /// Hex of the signature.
    pub signature: String,
}

/// Body of `POST /order`, and one element of `POST /orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostOrder {
    /// The signed order.
    pub order: SignedOrderBody,
    /// The calling API key.
    pub owner: String,
    /// GTC, GTD, FOK or FAK; the venue's default is GTC.
    #[serde(default = "gtc")]
    pub order_type: String,
    /// Refuse instead of matching on arrival.
    #[serde(default)]
    pub post_only: bool,
    /// Skip waiting for execution; we always send `false`.
    #[serde(default)]
    pub defer_exec: bool,
}

fn gtc() -> String {
    "GTC".to_owned()
}

/// The venue's word and posted expiration of a time in force. A GTD order ends 60 s before its expiration.
#[must_use]
pub fn order_type_and_expiration(tif: TimeInForce) -> (&'static str, u64) {
    match tif {
        TimeInForce::Gtc => ("GTC", 0),
        TimeInForce::Gtd(end) => ("GTD", end.secs()),
        TimeInForce::Fok => ("FOK", 0),
        TimeInForce::Fak => ("FAK", 0),
    }
}

/// Size in shares of an order given its side and amounts.
#[must_use]
pub const fn size_of(side: Side, amounts: Amounts) -> Qty {
    match side {
        Side::Buy => Qty::from_micro(amounts.taker),
        Side::Sell => Qty::from_micro(amounts.maker),
    }
}
