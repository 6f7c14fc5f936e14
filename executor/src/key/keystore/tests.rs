use super::*;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

/// The published vectors.
fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../testdata/keystore.json")).expect("JSON")
}

/// Cheap to compute.
fn cheap() -> Kdf {
    Kdf::Scrypt { n: 2, r: 8, p: 1, dklen: 32, salt: String::new() }
}

fn key() -> Key {
    Key::throw_away().expect("random bytes")
}

fn opened(file: &Value, passphrase: &str) -> Result<Address, Bad> {
    decrypt(file.to_string().as_bytes(), passphrase.as_bytes()).map(|(key, _)| key.address())
}

#[test]
fn the_published_files_open_with_their_passphrase_and_no_other() {
    let vectors = vectors();
    let secret = Key::from_hex(vectors["secret"].as_str().expect("text")).expect("a key");
    for file in vectors["files"].as_array().expect("a list") {
        assert_eq!(opened(file, "testpassword"), Ok(secret.address()));
        assert_eq!(opened(file, "testpassworD"), Err(Bad::Passphrase));
        for part in ["mac", "ciphertext"] {
            let mut changed = file.clone();
            let text = changed["crypto"][part].as_str().expect("text");
            let first = if text.starts_with('0') { '1' } else { '0' };
            changed["crypto"][part] = format!("{first}{}", &text[1..]).into();
            assert_eq!(opened(&changed, "testpassword"), Err(Bad::Passphrase), "{part}");
        }
    }
}

#[test]
fn a_hostile_file_costs_nothing() {
    let cases = [
        ("scrypt", json!({ "n": 1u64 << 40, "r": 8, "p": 1 }), Bad::Cost("scrypt memory, 128·n·r")),
        ("scrypt", json!({ "n": 1u64 << 63, "r": u32::MAX, "p": u32::MAX }), Bad::Cost("scrypt memory, 128·n·r")),
        ("scrypt", json!({ "n": 2, "r": u32::MAX, "p": 1 }), Bad::Cost("scrypt memory, 128·n·r")),
        ("scrypt", json!({ "n": 1 << 18, "r": 8, "p": 3 }), Bad::Cost("scrypt work, n·r·p")),
        ("scrypt", json!({ "n": 2, "r": 1, "p": u32::MAX }), Bad::Cost("scrypt work, n·r·p")),
        ("scrypt", json!({ "n": 0, "r": 8, "p": 1 }), Bad::Shape("scrypt n, r or p")),
        ("scrypt", json!({ "n": 1000, "r": 8, "p": 1 }), Bad::Shape("scrypt n, r or p")),
        ("scrypt", json!({ "n": 1024, "r": 0, "p": 1 }), Bad::Shape("scrypt n, r or p")),
        ("pbkdf2", json!({ "c": u32::MAX, "prf": "hmac-sha256" }), Bad::Cost("pbkdf2 c")),
        ("pbkdf2", json!({ "c": 0, "prf": "hmac-sha256" }), Bad::Cost("pbkdf2 c")),
        ("pbkdf2", json!({ "c": 1, "prf": "hmac-md5" }), Bad::Shape("a prf that is not hmac-sha256")),
        ("argon2", json!({ "c": 1 }), Bad::Shape("not its JSON")),
    ];
    for (kdf, mut params, expected) in cases {
        let mut file = vectors()["files"][0].clone();
        params["dklen"] = 32.into();
        params["salt"] = "00".repeat(32).into();
        file["crypto"]["kdf"] = kdf.into();
        file["crypto"]["kdfparams"] = params.clone();
        // with the work done, this test would not end
        assert_eq!(opened(&file, "testpassword"), Err(expected), "{params}");
    }
}

#[test]
fn what_is_no_such_file_is_named_and_not_repeated() {
    let changed = |pointer: &str, value: Value| {
        let mut file = vectors()["files"][1].clone();
        *file.pointer_mut(pointer).expect("it is there") = value;
        opened(&file, "testpassword")
    };
    for (pointer, value, why) in [
        ("/version", json!(4), "another version"),
        ("/version", json!("three"), "not its JSON"),
        ("/crypto/cipher", json!("aes-128-cbc"), "a cipher that is not aes-128-ctr"),
        ("/crypto/cipherparams/iv", json!("00"), "iv"),
        ("/crypto/mac", json!("zz"), "mac"),
        ("/crypto/ciphertext", json!("00".repeat(31)), "ciphertext"),
        ("/crypto/kdfparams/dklen", json!(64), "dklen is not 32"),
        ("/crypto/kdfparams/salt", json!(""), "salt"),
    ] {
        assert_eq!(changed(pointer, value), Err(Bad::Shape(why)), "{pointer}");
    }
}

#[test]
fn what_is_sealed_opens_again_and_only_as_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key.json");
    let written = |text: &str, mode: u32| {
        // left by the case before
        std::fs::remove_file(&path).ok();
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
    };
    let (first, second) = (key(), key());
    let text = seal_with(cheap(), &first, b"correct horse").expect("random bytes");
    written(&text, 0o400);
    assert_eq!(open(&path, b"correct horse").map(|key| key.address()).expect("it opens"), first.address());
    let why = open(&path, b"battery staple").err().expect("refused").to_string();
    assert!(why.contains("wrong passphrase") && !why.contains("staple"), "{why}");
    let other = text.replace(&hex::encode(first.address()), &hex::encode(second.address()));
    written(&other, 0o400);
    assert!(matches!(open(&path, b"correct horse"), Err(KeystoreError::Address { .. })));
    written(&text, 0o644);
    assert!(matches!(open(&path, b"correct horse"), Err(KeystoreError::File(SecretFileError::Mode { .. }))));
    assert_ne!(text, seal_with(cheap(), &first, b"correct horse").expect("random bytes"), "salt and iv are new");
    assert!(matches!(NEW, Kdf::Scrypt { n, r, p, .. } if scrypt_params(n, r, p).is_ok()));
}
