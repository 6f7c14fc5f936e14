use super::*;
use proptest::prelude::*;

fn id(n: u8) -> OrderId {
    OrderId::from_bytes([n; 32])
}

/// Status and body of an answer to a placement, and its class in one word.
fn check(status: u16, body: &str, class: &str) {
    let placed = placed(&VenueReply::Answer(Answer::new(status, body)), id(1));
    let got = match &placed {
        Placed::NotSent(_) => "not-sent",
        Placed::Accepted => "accepted",
        Placed::Rejected(_) => "rejected",
        Placed::RejectedUnconfirmed(_) => "unconfirmed",
        Placed::Unknown(_) => "unknown",
        Placed::IdMismatch(_) => "mismatch",
    };
    assert_eq!(got, class, "{status} {body} gave {placed:?}");
}

fn entry(id: &str, success: bool, error: &str) -> String {
    format!(
        r#"{{"errorMsg":"{error}","orderID":"{id}","takingAmount":"","makingAmount":"","status":"live","success":{success}}}"#
    )
}

#[test]
fn placements_by_the_table() {
    let ours = id(1).to_string();
    check(200, &entry(&ours, true, ""), "accepted");
    check(200, &entry(&ours.to_uppercase().replace("0X", "0x"), true, ""), "accepted");
    check(200, &entry(&id(2).to_string(), true, ""), "mismatch");
    check(200, &entry(&id(2).to_string(), false, "not enough balance / allowance"), "mismatch");
    check(200, &entry(&ours, true, "order couldn't be fully filled"), "unknown");
    check(200, &entry(&ours, false, ""), "unknown");
    check(200, &entry("", true, ""), "unknown");
    check(200, &entry("junk", true, ""), "unknown");
    check(200, &entry("", true, "invalid post-only order: order crosses book"), "rejected");
    check(200, &entry("", false, "not enough balance / allowance"), "rejected");
    check(200, &entry("", false, "order 0x01 is invalid. Duplicated."), "unknown");
    check(200, &entry("", false, "post-only mode: only post-only orders and cancels are allowed"), "unconfirmed");
    // what calls itself a success and is none: the words decide, whatever status stands beside them
    for status in ["", "delayed"] {
        let entry = |words: &str| entry("", true, words).replace("live", status);
        check(200, &entry("not enough balance / allowance"), "rejected");
        check(200, &entry("order 0x01 is invalid. Size (4) lower than the minimum: 5"), "rejected");
        check(200, &entry("post-only mode: only post-only orders and cancels are allowed"), "unconfirmed");
        check(200, &entry("something new"), "unconfirmed");
    }
    check(200, "", "unknown");
    check(200, "<html>", "unknown");
    check(400, r#"{"error":"not enough balance / allowance: the balance is not enough -> balance: 1"}"#, "rejected");
    check(400, r#"{"error":"order 0x01 is invalid. Duplicated."}"#, "unknown");
    check(400, r#"{"error":"something new"}"#, "unknown");
    check(409, r#"{"error":"conflict"}"#, "unknown");
    check(200, &entry("", false, "something new"), "unconfirmed");
    check(400, "bad", "unknown");
    check(401, r#"{"error":"Unauthorized/Invalid api key"}"#, "unconfirmed");
    check(403, "<html>denied</html>", "unconfirmed");
    check(403, r#"{"error":"Trading restricted in your region, please refer to available regions"}"#, "rejected");
    check(404, r#"{"error":"No orderbook exists for the requested token id"}"#, "rejected");
    check(425, "", "unconfirmed");
    check(429, r#"{"error":"Too Many Requests"}"#, "unknown");
    let limiter = Answer { limiter: true, ..Answer::new(429, "") };
    assert!(matches!(placed(&VenueReply::Answer(limiter), id(1)), Placed::RejectedUnconfirmed(_)));
    check(500, r#"{"error":"not enough balance / allowance"}"#, "unknown");
    check(502, "", "unknown");
    check(503, r#"{"error":"trading is disabled"}"#, "unconfirmed");
    assert!(matches!(placed(&VenueReply::NotSent("refused".into()), id(1)), Placed::NotSent(_)));
    assert!(matches!(placed(&VenueReply::Lost(Lost::Timeout), id(1)), Placed::Unknown(_)));
}

#[test]
fn geoblock_counts_only_an_object_with_a_boolean() {
    let geo = |status, body: &str| geoblock(&VenueReply::Answer(Answer::new(status, body)));
    assert_eq!(geo(200, r#"{"blocked":false,"ip":"203.0.113.42","country":"IE","region":""}"#), Geo::Clear);
    assert!(matches!(geo(200, r#"{"blocked":true}"#), Geo::Blocked(_)));
    for (status, body) in [
        (200, "false"),
        (200, "[false]"),
        (200, r#"[false,"","",""]"#),
        (200, r#"{"blocked":"false"}"#),
        (200, "{}"),
        (200, "<html>"),
        (500, r#"{"blocked":false}"#),
    ] {
        assert!(matches!(geo(status, body), Geo::Unknown(_)), "{status} {body}");
    }
    assert!(matches!(geoblock(&VenueReply::Lost(Lost::Timeout)), Geo::Unknown(_)));
}

#[test]
fn closed_only_counts_only_an_object_with_a_boolean() {
    let closed = |body: &str| closed_only(&VenueReply::Answer(Answer::new(200, body)));
    assert_eq!((closed(r#"{"closed_only":false}"#), closed(r#"{"closed_only":true}"#)), (Ok(false), Ok(true)));
    for body in ["[false]", "[]", "false", "{}", r#"{"closed_only":0}"#] {
        assert!(closed(body).is_err(), "{body}");
    }
}

#[test]
fn signs_of_the_venue() {
    let of = |status, body: &str| sign(&VenueReply::Answer(Answer::new(status, body)));
    let mode = r#"{"error":"post-only mode: only post-only orders and cancels are allowed","code":"post_only_mode"}"#;
    assert_eq!(of(503, mode), Some(Sign::PostOnly));
    assert_eq!(of(503, ""), Some(Sign::NoPlacing));
    assert_eq!(of(403, "<html>"), Some(Sign::Forbidden));
    assert_eq!(of(451, "<html>"), Some(Sign::Forbidden));
    assert_eq!(of(400, r#"{"error":"'0x01' address in closed only mode"}"#), Some(Sign::ClosedOnly));
    assert_eq!(of(200, "[]"), None);
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("not enough balance / allowance".to_owned()),
        Just("order is invalid. Duplicated.".to_owned()),
        "[a-z ]{0,30}",
    ]
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        texts().prop_map(|text| serde_json::json!({ "error": text }).to_string().into_bytes()),
        (texts(), 0u8..4, any::<bool>()).prop_map(|(text, named, success)| {
            let named = if named == 0 { String::new() } else { id(named).to_string() };
            serde_json::json!({ "errorMsg": text, "orderID": named, "success": success }).to_string().into_bytes()
        }),
    ]
}

proptest! {
    /// Whatever arrives, a class comes out, and the classes that release a reservation stand on parsed evidence.
    #[test]
    fn total_and_never_too_sure(status in prop_oneof![200u16..600, Just(200), Just(400)], body in bodies()) {
        let reply = VenueReply::Answer(Answer::new(status, body.clone()));
        let text = error_text(&body);
        match placed(&reply, id(1)) {
            Placed::Rejected(_) => {
                prop_assert!(text.as_deref().is_some_and(|t| judge(t) == Text::Documented), "{:?}", text);
                prop_assert!(status < 500);
            }
            Placed::Accepted => {
                let entry: PostOrderReply = serde_json::from_slice(&body).expect("parsed before");
                prop_assert_eq!(entry.order_id, id(1).to_string());
                prop_assert!((200..300).contains(&status));
            }
            Placed::IdMismatch(other) => {
                prop_assert!(other != id(1) && (200..300).contains(&status));
            }
            Placed::NotSent(_) => prop_assert!(false, "an answer proves that something was sent"),
            Placed::RejectedUnconfirmed(_) | Placed::Unknown(_) => {}
        }
        // The reads are total too.
        let _ = (sign(&reply), cancel(&reply), heartbeat(&reply), open_orders(&reply), trades(&reply), time(&reply));
        let _ = (order(&reply, id(1)), geoblock(&reply), closed_only(&reply), balance(&reply), scoring(&reply));
    }
}

#[test]
fn an_error_is_read_however_it_is_spelt() {
    for body in [r#"{"error":"no"}"#, r#"{"\u0065rror":"no"}"#, r#"{"errorMsg":"no","success":false}"#] {
        let reply = VenueReply::Answer(Answer::new(400, body));
        assert_eq!(time(&reply), Err("status 400: no".into()), "{body}");
    }
    let reply = VenueReply::Answer(Answer::new(400, r#"{"data":[]}"#));
    assert_eq!(time(&reply), Err("status 400".into()));
}
