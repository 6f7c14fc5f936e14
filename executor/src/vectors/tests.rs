//! A small part of the published vectors (`testdata/`); `prove vectors DIR` runs all of them.

use super::*;
use alloy_primitives::U256;
use mm_core::domain::Side;
use serde_json::{Value, json};

fn vectors(text: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(text).expect("JSON");
    document["vectors"].as_array().expect("a list").clone()
}

fn text<'a>(case: &'a Value, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {case}"))
}

fn number(case: &Value, pointer: &str) -> u64 {
    case.pointer(pointer)
        .and_then(|v| v.as_u64().or_else(|| v.as_str().and_then(|s| s.parse().ok())))
        .unwrap_or_else(|| panic!("{pointer} in {case}"))
}

fn fields(case: &Value) -> OrderFields {
    OrderFields {
        salt: number(case, "/order/salt"),
        maker: text(case, "/order/maker").parse().expect("an address"),
        signer: text(case, "/order/signer").parse().expect("an address"),
        token: U256::from_str_radix(text(case, "/order/tokenId"), 10).expect("a token"),
        maker_amount: number(case, "/order/makerAmount"),
        taker_amount: number(case, "/order/takerAmount"),
        side: Side::parse(text(case, "/order/side")).expect("a side"),
        signature_type: SignatureType::from_number(number(case, "/order/signatureType").try_into().expect("small"))
            .expect("a type"),
        timestamp_ms: number(case, "/order/timestamp"),
        metadata: text(case, "/order/metadata").parse().expect("a word"),
        builder: text(case, "/order/builder").parse().expect("a word"),
    }
}

fn signed(case: &Value, fields: &OrderFields) -> OrderVector {
    let exchange = match text(case, "/domain/version") {
        "3" => Exchange::V3,
        _ => Exchange::of(case["negRisk"].as_bool().expect("a boolean")),
    };
    let posting = Posting {
        expiration: number(case, "/expiration"),
        order_type: text(case, "/orderType"),
        post_only: case["postOnly"].as_bool().expect("a boolean"),
        owner: text(case, "/postBody/owner"),
    };
    let chain = Chain::from_id(number(case, "/chainId")).expect("a chain");
    let token = TokenId::parse(text(case, "/order/tokenId")).expect("a token");
    sign_order(text(case, "/privateKey"), chain, exchange, fields, token, &posting).expect("a key")
}

#[test]
fn orders_are_hashed_signed_and_posted_as_published() {
    let cases = vectors(include_str!("../../testdata/signing-orders.json"));
    assert!(cases.len() >= 20);
    for case in &cases {
        let came = signed(case, &fields(case));
        assert_eq!(came.order_id.to_string(), text(case, "/expected/orderID"), "{}", case["id"]);
        assert_eq!(came.signing_digest.to_string(), text(case, "/expected/signingDigest"), "{}", case["id"]);
        assert_eq!(came.signature, text(case, "/expected/signature"), "{}", case["id"]);
        if text(case, "/domain/version") == "2" {
            assert_eq!(json!(came.body), case["postBody"], "{}", case["id"]);
        }
    }
}

#[test]
fn every_signed_field_changes_the_hash() {
    let case = &vectors(include_str!("../../testdata/signing-orders.json"))[0];
    let whole = fields(case);
    let id = signed(case, &whole).order_id;
    let flip = Address::repeat_byte(1);
    let changed = [
        OrderFields { salt: whole.salt + 1, ..whole },
        OrderFields { maker: flip, ..whole },
        OrderFields { signer: flip, ..whole },
        OrderFields { token: whole.token + U256::from(1), ..whole },
        OrderFields { maker_amount: whole.maker_amount + 1, ..whole },
        OrderFields { taker_amount: whole.taker_amount + 1, ..whole },
        OrderFields { side: whole.side.other(), ..whole },
        OrderFields { signature_type: SignatureType::Safe, ..whole },
        OrderFields { timestamp_ms: whole.timestamp_ms + 1, ..whole },
        OrderFields { metadata: B256::repeat_byte(1), ..whole },
        OrderFields { builder: B256::repeat_byte(1), ..whole },
    ];
    for other in changed {
        assert_ne!(signed(case, &other).order_id, id, "{other:?}");
    }
}

#[test]
fn logins_are_signed_as_published() {
    for case in vectors(include_str!("../../testdata/clob-auth.json")) {
        let chain = Chain::from_id(number(&case, "/chainId")).expect("a chain");
        let came = login(text(&case, "/privateKey"), chain, number(&case, "/timestamp"), number(&case, "/nonce"))
            .expect("a key");
        assert_eq!(came.digest.to_string(), text(&case, "/expected/digest"));
        for (name, value) in came.headers {
            assert_eq!(value, text(&case, &format!("/expected/headers/{name}")));
        }
    }
}

#[test]
fn requests_are_signed_as_published() {
    for case in vectors(include_str!("../../testdata/hmac.json")) {
        let part = |name: &str| text(&case, name);
        let body = case["body"].as_str().unwrap_or_default();
        let came = request_signature(part("/secret"), part("/timestamp"), part("/method"), part("/path"), body);
        assert_eq!(came.expect("base64"), part("/expected/signature"), "{}", case["id"]);
    }
    assert_eq!(request_signature("not base64!", "1", "GET", "/", ""), None);
}

#[test]
fn wallets_follow_from_their_owner() {
    for case in vectors(include_str!("../../testdata/wallets.json")) {
        let owner = address(text(&case, "/privateKey")).expect("a key");
        assert_eq!(owner.to_string(), text(&case, "/owner"));
        assert_eq!(crate::wallets::proxy(owner).to_string(), text(&case, "/proxy"));
        assert_eq!(crate::wallets::safe(owner).to_string(), text(&case, "/safe"));
        assert_eq!(crate::wallets::deposit_beacon(owner).to_string(), text(&case, "/depositWalletBeacon"));
        assert_eq!(crate::wallets::deposit_uups(owner).to_string(), text(&case, "/depositWalletUups"));
    }
}
