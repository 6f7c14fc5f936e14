//! Against the published vectors, and against the same vectors with one thing wrong.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use mm_core::domain::OrderId;
use mm_core::venue::order::PostOrder;
use serde_json::Value;

fn vectors(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).expect("a vector file is JSON");
    file["vectors"].as_array().expect("a list of vectors").clone()
}

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().expect("a string")
}

fn address(text: &str) -> Address {
    parse_address(text).expect("an address")
}

/// The vector's order as posted, with `owner` made ours.
fn order_case(vector: &Value) -> (PostOrder, Keyring, String, Domain) {
    let mut keyring = Keyring::new(7);
    let owner = keyring.create(address(text(vector, "key")), 0).expect("a first key").api_key;
    let mut post: PostOrder = serde_json::from_value(vector["post"].clone()).expect("a posted body");
    post.owner.clone_from(&owner);
    (post, keyring, owner, Domain::new(vector["chain"].as_u64().expect("a chain id")))
}

fn verify(vector: &Value, spoil: impl FnOnce(&mut PostOrder)) -> Result<Signer, AuthError> {
    let (mut post, keyring, owner, domain) = order_case(vector);
    spoil(&mut post);
    let caller = keyring.get(&owner).expect("just made").poster();
    verify_order(&post, caller, &domain, vector["neg_risk"] == true, &mut DepositWallets::default())
}

fn order_vectors(version: &str) -> Vec<Value> {
    vectors(include_str!("../../testdata/orders.json")).into_iter().filter(|v| v["version"] == version).collect()
}

#[test]
fn every_published_order_is_accepted_under_its_own_id() {
    let mut kinds = std::collections::BTreeSet::new();
    for vector in order_vectors("2") {
        let signer = verify(&vector, |_| ()).unwrap_or_else(|why| panic!("{}: {why}", vector["id"]));
        assert_eq!(signer.id.to_string(), text(&vector, "order_id"), "{}", vector["id"]);
        assert_eq!(signer.key, address(text(&vector, "key")));
        kinds.insert(vector["post"]["order"]["signatureType"].as_u64());
    }
    assert_eq!(kinds.len(), 4, "all four signature types must be tried");
}

#[test]
fn orders_for_exchange_v3_are_refused() {
    let vectors = order_vectors("3");
    assert!(!vectors.is_empty());
    for vector in vectors {
        assert_eq!(verify(&vector, |_| ()), Err(AuthError::Signature), "{}", vector["id"]);
        // 2^248: a protocol-V2 position of the binary module
        let id = "452312848583266388373324160190187140051835877600158453279131187530910662656";
        let token = mm_core::domain::TokenId::parse(id).expect("a decimal");
        assert_eq!(verify(&vector, |post| post.order.token_id = token), Err(AuthError::Payload), "{}", vector["id"]);
    }
}

#[test]
fn one_changed_signed_field_is_refused() {
    for vector in order_vectors("2") {
        let changes: [fn(&mut PostOrder); 6] = [
            |post| post.order.salt += 1,
            |post| post.order.maker_amount += 1,
            |post| post.order.taker_amount += 1,
            |post| post.order.timestamp += 1,
            |post| post.order.side = if post.order.side == "BUY" { "SELL" } else { "BUY" }.to_owned(),
            |post| post.order.builder.replace_range(65..66, if post.order.builder.ends_with('1') { "2" } else { "1" }),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            assert_eq!(verify(&vector, change), Err(AuthError::Signature), "{} change {n}", vector["id"]);
        }
        let wrong_exchange = {
            let (post, keyring, owner, domain) = order_case(&vector);
            let caller = keyring.get(&owner).expect("just made").poster();
            verify_order(&post, caller, &domain, vector["neg_risk"] != true, &mut DepositWallets::default())
        };
        assert_eq!(wrong_exchange, Err(AuthError::Signature), "{} on the other exchange", vector["id"]);
    }
}

#[test]
fn every_byte_of_a_signature_counts() {
    let vectors = order_vectors("2");
    for kind in 0..4 {
        let vector = vectors.iter().find(|v| v["post"]["order"]["signatureType"] == kind).expect("one of each type");
        let length = text(&vector["post"]["order"], "signature").len();
        for at in 2..length {
            let refused = verify(vector, |post| {
                let digit = if post.order.signature.as_bytes()[at] == b'0' { "1" } else { "0" };
                post.order.signature.replace_range(at..=at, digit);
            });
            assert_eq!(refused, Err(AuthError::Signature), "type {kind}, digit {at}");
        }
    }
}

#[test]
fn a_signature_in_its_malleable_form_is_refused() {
    let vector = &order_vectors("2")[0];
    let refused = verify(vector, |post| {
        let mut bytes = parse_hex(&post.order.signature).expect("hex");
        let order: alloy_primitives::U256 =
            "115792089237316195423570985008687907852837564279074904382605163141518161494337"
                .parse()
                .expect("the order of the curve");
        let s = alloy_primitives::U256::from_be_slice(&bytes[32..64]);
        bytes[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
        bytes[64] = 55 - bytes[64];
        post.order.signature = format!("0x{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
    });
    assert_eq!(refused, Err(AuthError::Signature));
}

#[test]
fn orders_of_others_are_refused_with_the_venues_words() {
    let vector = &order_vectors("2")[0];
    assert_eq!(
        verify(vector, |post| post.owner = "11111111-2222-3333-4444-555555555555".into()),
        Err(AuthError::Owner)
    );
    let other = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
    assert_eq!(verify(vector, |post| post.order.signer = other.into()), Err(AuthError::Signer));
    assert_eq!(verify(vector, |post| post.order.maker = other.into()), Err(AuthError::Signature));
    assert_eq!(verify(vector, |post| post.order.maker = "0x12".into()), Err(AuthError::Payload));
    assert_eq!(verify(vector, |post| post.order.signature_type = 4), Err(AuthError::Payload));
    assert_eq!(verify(vector, |post| post.order.salt = 1 << 53), Err(AuthError::Payload));
    assert_eq!(verify(vector, |post| post.order.metadata = "0x".into()), Err(AuthError::Payload));
}

#[test]
fn a_deposit_wallet_has_one_owner() {
    let mut wallets = DepositWallets::default();
    let [wallet, first, second] = [1u8, 2, 3].map(Address::repeat_byte);
    assert!(wallets.claim(wallet, first));
    assert!(!wallets.claim(wallet, second));
    assert!(wallets.claim(wallet, first));
}

#[test]
fn wallets_are_derived_as_the_factories_do() {
    let key = address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_eq!(proxy_wallet(key), address("0x365f0CA36Ae1f641E02fE3B7743673da42A13A70"));
    assert_eq!(safe_wallet(key), address("0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47"));
}

#[test]
fn domain_separators_are_the_published_ones() {
    let hex = |neg_risk| Domain::new(137).exchange(neg_risk).to_string();
    assert_eq!(hex(false), "0x3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2");
    assert_eq!(hex(true), "0x9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a");
}

#[test]
fn l1_headers_prove_an_address_and_nothing_else() {
    for vector in vectors(include_str!("../../testdata/l1.json")) {
        let domain = Domain::new(vector["chain"].as_u64().expect("a chain id"));
        let get = |name: &str| vector["headers"][name.to_ascii_uppercase()].as_str();
        let headers = PolyHeaders::read(get);
        let (key, nonce) = verify_l1(&domain, &headers).unwrap_or_else(|why| panic!("{}: {why}", vector["id"]));
        assert_eq!(
            (key, nonce.to_string().as_str()),
            (address(get("poly_address").expect("there")), get("poly_nonce").expect("there"))
        );

        let lower = get("poly_address").expect("there").to_ascii_lowercase();
        assert!(verify_l1(&domain, &PolyHeaders { address: Some(&lower), ..headers }).is_ok());
        let spoilt = [
            PolyHeaders { nonce: Some("77"), ..headers },
            PolyHeaders { nonce: Some("-1"), ..headers },
            PolyHeaders { timestamp: Some("1700000001"), ..headers },
            PolyHeaders { address: Some("0x70997970C51812dc3A010C7d01b50e0d17dc79C9"), ..headers },
            PolyHeaders { signature: None, ..headers },
        ];
        for (n, headers) in spoilt.iter().enumerate() {
            assert_eq!(verify_l1(&domain, headers), Err(AuthError::L1), "{} spoilt {n}", vector["id"]);
        }
        assert!(verify_l1(&Domain::new(1), &headers).is_err(), "another chain");
    }
}

#[test]
fn the_hmac_equals_the_published_ones_and_covers_every_part() {
    for vector in vectors(include_str!("../../testdata/l2.json")) {
        let key = URL_SAFE.decode(text(&vector, "secret")).expect("base64");
        let tag = URL_SAFE.decode(text(&vector, "signature")).expect("base64");
        let body = vector["body"].as_str().unwrap_or_default();
        let parts = [text(&vector, "timestamp"), text(&vector, "method"), text(&vector, "path"), body];
        assert!(l2::hmac_matches(&key, &parts.map(str::as_bytes), &tag), "{}", vector["id"]);
        for n in 0..4 {
            let mut spoilt = parts.map(str::to_owned);
            spoilt[n].push('x');
            assert!(
                !l2::hmac_matches(&key, &[0, 1, 2, 3].map(|i| spoilt[i].as_bytes()), &tag),
                "{} part {n}",
                vector["id"]
            );
        }
    }
}

#[test]
fn keys_come_from_seed_address_and_nonce() {
    let address = Address::repeat_byte(9);
    let mut ring = Keyring::new(7);
    assert_eq!(ring.derive(address, 0).err(), Some(AuthError::Derive));
    let made = ring.create(address, 0).expect("free");
    assert_eq!((made.secret.len(), made.passphrase.len(), made.api_key.len()), (44, 64, 36));
    assert_eq!(ring.create(address, 0).err(), Some(AuthError::Create));
    let derived = ring.derive(address, 0).expect("made above");
    assert_eq!(
        (&derived.api_key, &derived.secret, &derived.passphrase),
        (&made.api_key, &made.secret, &made.passphrase)
    );
    let second = ring.create(address, 1).expect("another nonce");
    assert_ne!((&second.api_key, &second.secret), (&made.api_key, &made.secret));
    assert_ne!(Keyring::new(8).create(address, 0).expect("free").api_key, made.api_key);
    assert_eq!(ring.of_address(address).count(), 2);

    assert!(ring.check(&made).is_ok());
    let mixed = Credentials { secret: second.secret, ..made };
    assert!(ring.check(&mixed).is_err());
    ring.revoke(&mixed.api_key);
    assert!(ring.get(&mixed.api_key).is_none());
}

#[test]
fn ids_of_malformed_orders_do_not_exist() {
    let (mut post, ..) = order_case(&order_vectors("2")[0]);
    let exchange = Domain::new(137).exchange(false);
    assert!(order_id(&post.order, exchange).is_some_and(|id| id != OrderId::from_bytes([0; 32])));
    post.order.side = "buy".into();
    assert_eq!(order_id(&post.order, exchange), None);
}

#[test]
fn lesser_keys_live_no_longer_than_their_maker() {
    let mut ring = Keyring::new(7);
    let address = Address::repeat_byte(9);
    let maker = ring.create(address, 0).expect("free").api_key;
    let first = ring.create_lesser(&maker, Right::Read).expect("free");
    let second = ring.create_lesser(&maker, Right::Read).expect("free");
    assert_ne!(first.api_key, second.api_key);
    assert!(ring.check(&second).is_err(), "no stream for a key that only reads");
    ring.revoke(&first.api_key);
    let third = ring.create_lesser(&maker, Right::Read).expect("free").api_key;
    assert_ne!(third, first.api_key, "a revoked UUID does not come back");
    assert_eq!(ring.owned(address, Right::Read).count(), 2);
    assert_eq!(ring.of_address(address).collect::<Vec<_>>(), [maker.as_str()]);
    ring.revoke(&maker);
    assert!([&maker, &second.api_key, &third].into_iter().all(|key| ring.get(key).is_none()));
}

#[test]
fn an_address_holds_so_many_keys_and_no_more() {
    let mut ring = Keyring::new(7);
    let address = Address::repeat_byte(9);
    for nonce in 0..64 {
        ring.create(address, nonce).expect("free");
    }
    assert_eq!(ring.create(address, 64).err(), Some(AuthError::Create));
    assert!(ring.create(Address::repeat_byte(8), 0).is_ok());
}
