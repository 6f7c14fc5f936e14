//! `wallets.json`: addresses of the wallets that follow from a key.

use super::{CaseResult, cases, expect_equal, field, text};
use executor::{vectors, wallets};
use serde_json::{Value, json};

/// Runs every case of the file.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    cases(document, |case| {
        let owner = vectors::address(text(case, "/privateKey")?).ok_or("not a key")?;
        for (name, came) in [
            ("owner", owner),
            ("proxy", wallets::proxy(owner)),
            ("safe", wallets::safe(owner)),
            ("depositWalletBeacon", wallets::deposit_beacon(owner)),
            ("depositWalletUups", wallets::deposit_uups(owner)),
        ] {
            expect_equal(name, field(case, &format!("/{name}"))?, &json!(came.to_checksum(None)))?;
        }
        Ok(())
    })
}
