//! A gateway that answers with the headers it was sent: nothing of them is in what the executor makes of the answer.

use executor::clob::{Clob, Endpoints, Login};
use executor::eip712::Chain;
use executor::key::Key;
use executor::outcome::{self, VenueCall, VenueReply};
use executor::sign::Account;
use mm_core::domain::OrderId;
use mm_core::io::clock::Clock;
use mm_core::venue::order::SignatureType;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const API_KEY: &str = "c0ffee00-1111-2222-3333-444444444444";
const PASSPHRASE: &str = "canary0123456789canary0123456789";

#[tokio::test]
async fn what_a_venue_echoes_reaches_nobody() {
    let server = MockServer::start().await;
    let credentials = json!({ "apiKey": API_KEY, "secret": "BwcHBw==", "passphrase": PASSPHRASE });
    let login = ResponseTemplate::new(200).set_body_json(credentials);
    Mock::given(method("GET")).and(path("/auth/derive-api-key")).respond_with(login).mount(&server).await;
    let key = Arc::new(Key::throw_away().expect("random bytes"));
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).expect("an EOA");
    let endpoints = Endpoints { rest: server.uri(), geoblock: server.uri() };
    let (login, wait) = (Arc::new(Login::new(key, Chain::Polygon)), Duration::from_secs(5));
    let clob = Clob::new(endpoints, login, account, Clock::new(), wait, wait).expect("a client");

    let said = Arc::new(Mutex::new(Vec::<String>::new()));
    // an error, a success of another shape that serde quotes, and a page of HTML
    let shapes = [(400, "{\"error\":\"@\"}"), (200, "\"@\""), (200, "{\"balance\":\"@\"}"), (502, "<html>@</html>")];
    for (status, shape) in shapes {
        for case in [str::to_owned, str::to_uppercase] {
            let said = Arc::clone(&said);
            let echo = move |request: &Request| {
                let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
                let echoed = case(&format!("{} {}", header("poly_passphrase"), header("poly_api_key")));
                said.lock().expect("one thread").push(echoed.clone());
                ResponseTemplate::new(status).set_body_string(shape.replace('@', &echoed))
            };
            let mock = Mock::given(path("/balance-allowance")).respond_with(echo).mount_as_scoped(&server).await;
            let reply = clob.call(&VenueCall::Balance(None)).await;
            drop(mock);
            let VenueReply::Answer(answer) = &reply else { panic!("{reply:?}") };
            let told = format!(
                "{} {:?} {:?}",
                String::from_utf8_lossy(&answer.body),
                outcome::balance(&reply),
                outcome::placed(&reply, OrderId::from_bytes([1; 32]))
            );
            let told = told.to_lowercase();
            for secret in [API_KEY, PASSPHRASE] {
                for part in secret.as_bytes().windows(12) {
                    let part = std::str::from_utf8(part).expect("ASCII");
                    assert!(!told.contains(part), "{status} {shape}: {told}");
                }
            }
            assert!(told.contains("****"), "it was there: {told}");
        }
    }
    // the venue did say it all
    let said = said.lock().expect("one thread");
    assert_eq!(said.iter().filter(|text| text.to_lowercase() == format!("{PASSPHRASE} {API_KEY}")).count(), 8);
}
