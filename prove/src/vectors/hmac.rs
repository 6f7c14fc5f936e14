//! `hmac.json`: the signature of authenticated requests (L2).

use super::{CaseResult, cases, expect_equal, field, text};
use executor::vectors::request_signature;
use serde_json::{Value, json};

/// Runs every case of the file. `body: null` means that nothing is appended.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    cases(document, |case| {
        let body = match field(case, "/body")? {
            Value::Null => "",
            body => body.as_str().ok_or("body is neither null nor text")?,
        };
        let (secret, timestamp) = (text(case, "/secret")?, text(case, "/timestamp")?);
        let came = request_signature(secret, timestamp, text(case, "/method")?, text(case, "/path")?, body);
        expect_equal("signature", field(case, "/expected/signature")?, &json!(came.ok_or("the secret is not base64")?))
    })
}
