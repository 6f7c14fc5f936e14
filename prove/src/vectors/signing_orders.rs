//! `signing-orders.json`: hashes, signature, order id and posted body of version-2 orders, byte for byte.

use super::{CaseResult, cases, expect_equal, field, number, text};
use alloy_primitives::{Address, B256, U256};
use executor::eip712::{Chain, Exchange, OrderFields};
use executor::vectors::{Posting, sign_order};
use mm_core::domain::{Side, TokenId};
use mm_core::venue::order::SignatureType;
use serde_json::{Value, json};

/// Runs every case of the file.
pub(crate) fn run(document: &Value) -> Vec<CaseResult> {
    cases(document, check)
}

fn check(case: &Value) -> Result<(), String> {
    let chain = Chain::from_id(number(case, "/chainId")?).ok_or("unknown chain")?;
    let neg_risk = field(case, "/negRisk")?.as_bool().ok_or("negRisk is not a boolean")?;
    let version_3 = text(case, "/domain/version")? == "3";
    let exchange = if version_3 { Exchange::V3 } else { Exchange::of(neg_risk) };
    let decimal = |pointer: &str| text(case, pointer)?.parse::<u64>().map_err(|e| format!("{pointer}: {e}"));
    let address = |pointer: &str| text(case, pointer)?.parse::<Address>().map_err(|e| format!("{pointer}: {e}"));
    let word = |pointer: &str| text(case, pointer)?.parse::<B256>().map_err(|e| format!("{pointer}: {e}"));
    let token = text(case, "/order/tokenId")?;
    let fields = OrderFields {
        salt: decimal("/order/salt")?,
        maker: address("/order/maker")?,
        signer: address("/order/signer")?,
        token: U256::from_str_radix(token, 10).map_err(|e| format!("tokenId: {e}"))?,
        maker_amount: decimal("/order/makerAmount")?,
        taker_amount: decimal("/order/takerAmount")?,
        side: Side::parse(text(case, "/order/side")?).ok_or("side is neither BUY nor SELL")?,
        signature_type: u8::try_from(number(case, "/order/signatureType")?)
            .ok()
            .and_then(SignatureType::from_number)
            .ok_or("signatureType is not 0 to 3")?,
        timestamp_ms: decimal("/order/timestamp")?,
        metadata: word("/order/metadata")?,
        builder: word("/order/builder")?,
    };
    let posting = Posting {
        expiration: decimal("/expiration")?,
        order_type: text(case, "/orderType")?,
        post_only: field(case, "/postOnly")?.as_bool().ok_or("postOnly is not a boolean")?,
        owner: text(case, "/postBody/owner")?,
    };
    let token = TokenId::parse(token).map_err(|e| e.to_string())?;
    let came = sign_order(text(case, "/privateKey")?, chain, exchange, &fields, token, &posting).ok_or("not a key")?;

    let domain = field(case, "/domain")?;
    let our_domain = json!({
        "name": executor::eip712::DOMAIN_NAME,
        "version": exchange.version(),
        "chainId": chain.id(),
        "verifyingContract": exchange.contract(chain).to_checksum(None),
    });
    expect_equal("domain", domain, &our_domain)?;
    expect_equal("signingAddress", field(case, "/signingAddress")?, &json!(came.address.to_checksum(None)))?;
    let expected = |name: &str| field(case, &format!("/expected/{name}"));
    expect_equal("domainSeparator", expected("domainSeparator")?, &json!(came.domain_separator.to_string()))?;
    expect_equal("structHash", expected("structHash")?, &json!(came.struct_hash.to_string()))?;
    expect_equal("orderID", expected("orderID")?, &json!(came.order_id.to_string()))?;
    if let Some(nested) = case.pointer("/expected/typedDataSignStructHash") {
        expect_equal("typedDataSignStructHash", nested, &json!(came.nested_struct_hash.map(|hash| hash.to_string())))?;
    }
    expect_equal("signingDigest", expected("signingDigest")?, &json!(came.signing_digest.to_string()))?;
    expect_equal("signature", expected("signature")?, &json!(came.signature))?;
    // Version 3 is recognised in order to be refused: nothing is posted.
    if !version_3 {
        let body = serde_json::to_value(&came.body).map_err(|e| e.to_string())?;
        expect_equal("postBody", field(case, "/postBody")?, &body)?;
    }
    Ok(())
}
