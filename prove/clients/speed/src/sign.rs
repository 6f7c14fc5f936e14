//! From an order's fields to its signed body: ours beside the official SDK's `Client::sign`, in one process on the same orders.
//!
//! Both sign with the key of the vectors. The SDK's signature must recover to that key's address from the hash we computed, which is
//! the venue's id of the order, and be ours byte for byte. The SDK is asked with everything it would fetch already in its caches.

use crate::{ROUNDS, cpu, median};
use executor::eip712::{Chain, Exchange, OrderFields};
use executor::vectors::{Posting, Spelled};
use futures_util::FutureExt as _;
use mm_core::domain::{Side, TokenId};
use mm_core::venue::order::SignatureType;
use polymarket_client_sdk_v2::POLYGON;
use polymarket_client_sdk_v2::auth::state::Authenticated;
use polymarket_client_sdk_v2::auth::{Credentials, LocalSigner, Normal, Signer, Uuid};
use polymarket_client_sdk_v2::clob::types::{
    OrderPayload, OrderPayloadV2, OrderSignature, OrderType, OrderV2, SignableOrder, SignedOrder,
};
use polymarket_client_sdk_v2::clob::{Client, Config};
use polymarket_client_sdk_v2::types::{B256, U256};
use std::str::FromStr as _;

/// The public key of the vectors: nobody's.
const KEY: &str = "0x0000000000000000000000000000000000000000000000000000000000000007";
const OWNER: &str = "00000000-0000-0000-0000-000000000000";
const TOKEN: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
const ORDERS: u64 = 2_000;
/// The promise: how many times the SDK's rate.
const LEAST: f64 = 1.8;

/// Whether both sign the same and the promise holds.
pub fn compare() -> bool {
    let ours = Spelled::from_hex(KEY).expect("the vectors' key");
    let theirs = Sdk::new();
    println!("signing: {ORDERS} orders, one key; from the order's fields to a body that can be sent");
    let posting = Posting { expiration: 0, order_type: "GTC", post_only: true, owner: OWNER };
    let token = TokenId::parse(TOKEN).expect("digits");
    let fields: Vec<OrderFields> = (1..=ORDERS).map(|n| theirs.fields(n)).collect();
    let mut same = true;
    let mut times: [Vec<f64>; 2] = Default::default();
    for round in 1..=ROUNDS {
        let begin = cpu();
        let mine: Vec<_> = fields
            .iter()
            .map(|fields| {
                let (id, body) = ours.sign(Chain::Polygon, Exchange::Standard, fields, token.clone(), &posting);
                let text = serde_json::to_vec(&body).expect("a body");
                (id, body, text.len())
            })
            .collect();
        let took_ours = cpu() - begin;
        let orders: Vec<SignableOrder> = fields.iter().map(signable).collect();
        let begin = cpu();
        let signed: Vec<(SignedOrder, usize)> = orders
            .into_iter()
            .map(|order| {
                let signed = theirs.sign(order);
                let text = serde_json::to_vec(&signed).expect("a body");
                (signed, text.len())
            })
            .collect();
        let took_theirs = cpu() - begin;
        for ((id, body, _), (signed, _)) in mine.iter().zip(&signed) {
            let OrderSignature::Ecdsa(signature) = &signed.signature else { return false };
            let hash = B256::from(*id.bytes());
            same &= signature.recover_address_from_prehash(&hash).is_ok_and(|from| from == theirs.signer.address());
            same &= signed.signature.to_string() == body.order.signature;
        }
        let micros = |took: std::time::Duration| took.as_secs_f64() * 1e6 / ORDERS as f64;
        let (ours, theirs) = (micros(took_ours), micros(took_theirs));
        println!("  round {round}: {ours:>6.1} {theirs:>6.1} µs an order");
        times[0].push(ours);
        times[1].push(theirs);
    }
    let [ours, theirs] = times.map(|mut rounds| median(&mut rounds));
    let ratio = theirs / ours;
    println!("  medians: ours {ours:.1} µs, official SDK {theirs:.1} µs; hashes and signatures equal: {same}");
    println!("  {ratio:.1} times the SDK's rate (promise {LEAST})");
    same && ratio >= LEAST
}

struct Sdk<S> {
    client: Client<Authenticated<Normal>>,
    signer: S,
}

impl Sdk<()> {
    fn new() -> Sdk<impl Signer> {
        let signer = LocalSigner::from_str(KEY).expect("the vectors' key").with_chain_id(Some(POLYGON));
        // nothing is asked of it
        let client = Client::new("http://127.0.0.1:9", Config::default()).expect("a client");
        let credentials = Credentials::new(Uuid::nil(), "BwcHBwcHBwc=".to_owned(), "ab".to_owned());
        let client = client.authentication_builder(&signer).credentials(credentials).authenticate().now_or_never();
        let client = client.expect("the venue is asked nothing").expect("credentials are given");
        client.set_neg_risk(U256::from_str(TOKEN).expect("digits"), false);
        Sdk { client, signer }
    }
}

impl<S: Signer> Sdk<S> {
    fn sign(&self, order: SignableOrder) -> SignedOrder {
        let signed = self.client.sign(&self.signer, order).now_or_never().expect("all it would ask for is in its caches");
        signed.expect("a key of its own")
    }

    /// The nth order.
    fn fields(&self, n: u64) -> OrderFields {
        let own: [u8; 20] = self.signer.address().into();
        OrderFields {
            salt: 1_000_000 + n,
            maker: own.into(),
            signer: own.into(),
            token: TOKEN.parse().expect("digits"),
            maker_amount: 4_000_000 + n % 50 * 10_000,
            taker_amount: 10_000_000,
            side: Side::Buy,
            signature_type: SignatureType::Eoa,
            timestamp_ms: 1_795_219_200_000 + n,
            metadata: Default::default(),
            builder: Default::default(),
        }
    }
}

fn signable(fields: &OrderFields) -> SignableOrder {
    let mut order = OrderV2::default();
    order.salt = U256::from(fields.salt);
    order.maker = fields.maker.into_array().into();
    order.signer = fields.signer.into_array().into();
    order.tokenId = U256::from_str(TOKEN).expect("digits");
    order.makerAmount = U256::from(fields.maker_amount);
    order.takerAmount = U256::from(fields.taker_amount);
    order.side = 0;
    order.signatureType = 0;
    order.timestamp = U256::from(fields.timestamp_ms);
    let mut payload = OrderPayloadV2::default();
    payload.order = order;
    SignableOrder::builder().payload(OrderPayload::V2(payload)).order_type(OrderType::GTC).post_only(true).build()
}
