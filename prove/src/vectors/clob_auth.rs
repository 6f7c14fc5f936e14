//! `clob-auth.json`: the API login (L1), byte for byte.

use super::{CaseResult, cases, expect_equal, field, number, text};
use executor::eip712::Chain;
use executor::vectors::login;
use serde_json::{Map, Value, json};

/// Runs every case of the file.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    cases(document, |case| {
        let chain = Chain::from_id(number(case, "/chainId")?).ok_or("unknown chain")?;
        let unix_s = text(case, "/timestamp")?.parse().map_err(|e| format!("timestamp: {e}"))?;
        let came = login(text(case, "/privateKey")?, chain, unix_s, number(case, "/nonce")?).ok_or("not a key")?;
        let headers: Map<String, Value> =
            came.headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let expected = |name: &str| field(case, &format!("/expected/{name}"));
        expect_equal("domainSeparator", expected("domainSeparator")?, &json!(came.domain_separator.to_string()))?;
        expect_equal("structHash", expected("structHash")?, &json!(came.struct_hash.to_string()))?;
        expect_equal("digest", expected("digest")?, &json!(came.digest.to_string()))?;
        expect_equal("signature", expected("signature")?, &headers["POLY_SIGNATURE"])?;
        expect_equal("headers", expected("headers")?, &Value::Object(headers))
    })
}
