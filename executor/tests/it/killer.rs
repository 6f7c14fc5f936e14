//! A panic's last act, tried with a process that really panics and dies: this test's own binary, started once more.

use executor::clob::{Clob, Endpoints, Login};
use executor::eip712::Chain;
use executor::key::Key;
use executor::killer::{Killer, cancel_on_panic};
use executor::sign::Account;
use executor::way_out::WayOut;
use mm_core::io::clock::Clock;
use mm_core::venue::order::SignatureType;
use serde_json::json;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Where the venue is, for the child.
const VENUE: &str = "PM_TEST_VENUE";

static KILLER: OnceLock<Killer> = OnceLock::new();

/// The child: panics when it is told where the venue is, and is nothing otherwise.
#[test]
fn the_child_panics() {
    let Some(venue) = std::env::var_os(VENUE).and_then(|url| url.into_string().ok()) else { return };
    let key = Arc::new(Key::throw_away().expect("random bytes"));
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).expect("an EOA");
    let login = Arc::new(Login::new(key, Chain::Polygon));
    let wait = Duration::from_millis(500);
    let endpoints = Endpoints { rest: venue.clone(), geoblock: venue };
    let clock = Clock::new();
    let clob = Clob::new(endpoints, Arc::clone(&login), account, clock.clone(), wait, wait).expect("a client");
    let killer = Killer::start(clob, login, WayOut::new(clock)).expect("a thread");
    assert!(KILLER.set(killer).is_ok());
    cancel_on_panic(&KILLER);
    // on the thread that decides, inside its runtime, like the shell's
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { panic!("0x{}", "ab".repeat(32)) });
}

async fn venue(cancels: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let credentials =
        json!({ "apiKey": "11111111-2222-3333-4444-555555555555", "secret": "BwcHBw==", "passphrase": "ab" });
    let login = ResponseTemplate::new(200).set_body_json(credentials);
    Mock::given(method("GET")).and(path("/auth/derive-api-key")).respond_with(login).mount(&server).await;
    // The first is refused: credentials die of age.
    let stale = Mock::given(method("DELETE")).and(path("/cancel-all")).respond_with(ResponseTemplate::new(401));
    stale.up_to_n_times(1).mount(&server).await;
    Mock::given(method("DELETE")).and(path("/cancel-all")).respond_with(cancels).mount(&server).await;
    server
}

/// How the child ended, its last words, and how many cancel-alls the venue saw.
async fn panicked(server: &MockServer) -> (Option<i32>, String, usize) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "killer::the_child_panics", "--nocapture"]).env(VENUE, server.uri());
    let child = tokio::task::spawn_blocking(move || command.output().expect("it starts")).await.expect("it ends");
    let seen = server.received_requests().await.expect("recording is on");
    let cancels = seen.iter().filter(|request| request.url.path() == "/cancel-all").count();
    (child.status.signal(), String::from_utf8_lossy(&child.stderr).into_owned(), cancels)
}

#[tokio::test]
async fn a_panic_cancels_everything_and_ends_the_process() {
    let server = venue(ResponseTemplate::new(200).set_body_string(r#"{"canceled":[]}"#)).await;
    let (signal, words, cancels) = panicked(&server).await;
    // refused, answered, and once more for what left just before
    assert_eq!((signal, cancels), (Some(6), 3), "{words}");
    assert!(words.contains("panic at ") && words.contains("cancel-all answered"), "{words}");
    assert!(!words.contains("abab"), "what a panic says is not told: {words}");
}

#[tokio::test]
async fn a_venue_that_refuses_does_not_keep_a_panicking_process_alive() {
    let server = venue(ResponseTemplate::new(500)).await;
    let (signal, words, cancels) = panicked(&server).await;
    assert_eq!(signal, Some(6), "{words}");
    assert!(cancels > 2 && words.contains("cancel-all NOT answered"), "{words}");
}
