//! `executor-kill` as a process against a venue that lies, lags and refuses.

use serde_json::json;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Leaves credentials for `server`, as the executor would.
fn deposit(folder: &Path, server: &MockServer) {
    use std::io::Write as _;
    let text = json!({
        "schema": 1, "rest": server.uri(), "address": "0x0000000000000000000000000000000000000001", "derived_ms": 1, "pid": i32::MAX,
        "api_key": "canary-key", "secret": "Y2FuYXJ5", "passphrase": "canary-phrase",
    });
    let path = folder.join("kill-credentials");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).expect("a file");
    file.write_all(text.to_string().as_bytes()).expect("written");
}

/// Exit code, what it said, and the paths it asked for, in order.
async fn killed(server: &MockServer, wait_s: u64) -> (Option<i32>, String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    deposit(folder.path(), server);
    killed_in(server, folder.path(), wait_s).await
}

/// The same with what lies in `folder`.
async fn killed_in(server: &MockServer, folder: &Path, wait_s: u64) -> (Option<i32>, String, Vec<String>) {
    told(server, folder, &["--wait-s", &wait_s.to_string(), "--watch-s", "0"]).await
}

/// The same with these arguments.
async fn told(server: &MockServer, folder: &Path, arguments: &[&str]) -> (Option<i32>, String, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_executor-kill"));
    command.arg(folder).args(arguments);
    let child = tokio::task::spawn_blocking(move || command.output().expect("it starts")).await.expect("it ends");
    let seen = server.received_requests().await.expect("recording is on");
    let seen = seen.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect();
    let words = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(!words.contains("canary") && !words.contains("Y2FuYXJ5"), "{words}");
    (child.status.code(), words, seen)
}

async fn on(server: &MockServer, verb: &str, at: &str, times: u64, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).up_to_n_times(times).mount(server).await;
}

fn ok(body: &serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn page(ids: &[&str], next: &str) -> ResponseTemplate {
    let rows: Vec<_> = ids.iter().map(|id| json!({ "id": id, "status": "LIVE" })).collect();
    ok(&json!({ "data": rows, "next_cursor": next }))
}

#[tokio::test]
async fn a_cancel_all_that_was_taken_proves_nothing_until_two_readings_are_empty() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    // an order on the second page, then a reading that breaks off, then none
    on(&server, "GET", "/data/orders", 1, page(&[], "Mg==")).await;
    let second = Mock::given(method("GET")).and(path("/data/orders")).and(query_param("next_cursor", "Mg=="));
    second.respond_with(page(&["0x11"], "LTE=")).up_to_n_times(1).mount(&server).await;
    Mock::given(method("DELETE"))
        .and(path("/orders"))
        .and(body_json(json!(["0x11"])))
        .respond_with(ok(&json!({})))
        .expect(1)
        .mount(&server)
        .await;
    on(&server, "GET", "/data/orders", 1, ResponseTemplate::new(200).set_body_string(r#"{"data":[]"#)).await;
    on(&server, "GET", "/data/orders", u64::MAX, page(&[], "LTE=")).await;
    let (code, words, seen) = killed(&server, 20).await;
    assert_eq!(code, Some(0), "{words}");
    let (all, list) = ("DELETE /cancel-all", "GET /data/orders");
    assert_eq!(seen, [all, list, list, "DELETE /orders", all, list, all, list, list], "{words}");
    assert!(
        words.contains("1 orders rest")
            && words.contains("could NOT be read")
            && words.contains("FLAT: nothing rests.")
    );
}

#[tokio::test]
async fn no_order_to_be_seen_is_not_flat_while_the_venue_takes_no_cancel_all() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ResponseTemplate::new(503).set_body_string("canary-key")).await;
    on(&server, "GET", "/data/orders", u64::MAX, page(&[], "LTE=")).await;
    let (code, words, seen) = killed(&server, 2).await;
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("status 503") && words.contains("NOT FLAT after 2 s"), "{words}");
    assert!(seen.iter().filter(|asked| *asked == "DELETE /cancel-all").count() > 2, "it goes on trying");
}

#[tokio::test]
async fn a_cancel_all_is_sent_again_while_nothing_can_be_read() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    on(&server, "GET", "/data/orders", u64::MAX, ResponseTemplate::new(503)).await;
    let (code, words, seen) = killed(&server, 2).await;
    assert_eq!(code, Some(3), "{words}");
    assert!(seen.iter().filter(|asked| *asked == "DELETE /cancel-all").count() > 2, "{seen:?}");
}

#[tokio::test]
async fn a_long_list_of_slow_pages_is_not_read_past_the_limit() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    let pages = AtomicU64::new(1000);
    let slow = move |_: &wiremock::Request| {
        let next = format!("p{}", pages.fetch_add(1, Ordering::Relaxed));
        page(&[], &next).set_delay(Duration::from_millis(300))
    };
    Mock::given(method("GET")).and(path("/data/orders")).respond_with(slow).mount(&server).await;
    let began = Instant::now();
    let (code, words, _) = killed(&server, 2).await;
    assert_eq!(code, Some(3), "{words}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_list_that_goes_round_is_noticed_at_its_first_page_again() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    for (at, next) in [("MA==", "AA"), ("AA", "BB"), ("BB", "AA")] {
        let asked = Mock::given(method("GET")).and(path("/data/orders")).and(query_param("next_cursor", at));
        asked.respond_with(page(&[], next)).mount(&server).await;
    }
    let (code, words, seen) = killed(&server, 1).await;
    assert_eq!(code, Some(3), "{words}");
    let pages = seen.iter().filter(|asked| *asked == "GET /data/orders").count();
    let rounds = seen.iter().filter(|asked| *asked == "DELETE /cancel-all").count();
    assert!(pages <= 3 * rounds && rounds > 1, "{pages} pages, {rounds} rounds");
}

#[tokio::test]
async fn an_order_that_lands_after_two_empty_lists_is_cancelled() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    on(&server, "GET", "/data/orders", 2, page(&[], "LTE=")).await;
    on(&server, "GET", "/data/orders", 1, page(&["0x22"], "LTE=")).await;
    on(&server, "GET", "/data/orders", u64::MAX, page(&[], "LTE=")).await;
    Mock::given(method("DELETE"))
        .and(path("/orders"))
        .and(body_json(json!(["0x22"])))
        .respond_with(ok(&json!({})))
        .expect(1)
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().expect("a folder");
    deposit(folder.path(), &server);
    let (began, watch) = (Instant::now(), ["--wait-s", "20", "--watch-s", "4"]);
    let (code, words, seen) = told(&server, folder.path(), &watch).await;
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("may still land") && words.contains("FLAT: nothing rests."), "{words}");
    assert!(began.elapsed() > Duration::from_secs(4), "{:?}", began.elapsed());
    let all: Vec<usize> = (0..seen.len()).filter(|n| seen[*n] == "DELETE /cancel-all").collect();
    let named = seen.iter().position(|asked| asked == "DELETE /orders").expect("it was cancelled by name");
    assert!(all.len() >= 2 && all[1] > named, "{seen:?}");
}

#[tokio::test]
async fn without_a_watch_it_says_what_may_still_land() {
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    on(&server, "GET", "/data/orders", u64::MAX, page(&[], "LTE=")).await;
    let (code, words, seen) = killed(&server, 10).await;
    assert_eq!((code, seen.len()), (Some(0), 3), "{words}");
    assert!(words.contains("may still land") && words.contains("run this again in 120 s"), "{words}");
}

#[tokio::test]
async fn credentials_that_are_refused_are_named_as_the_reason() {
    let server = MockServer::start().await;
    let (code, words, _) = {
        Mock::given(path("/time")).respond_with(ok(&json!(1_900_000_000))).mount(&server).await;
        Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(401)).mount(&server).await;
        killed(&server, 1).await
    };
    assert_eq!(code, Some(5), "{words}");
    assert!(words.contains("derived") && words.contains("take the key, which this program never has"), "{words}");
}

#[tokio::test]
async fn a_request_refused_for_its_date_is_dated_by_the_venue() {
    let server = MockServer::start().await;
    Mock::given(path("/time")).respond_with(ok(&json!(1_900_000_000))).mount(&server).await;
    // only what is dated within ten seconds of the venue's clock passes
    let dated = |request: &wiremock::Request| {
        let date = request.headers.get("poly_timestamp").and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        date.is_some_and(|date| (1_900_000_000..1_900_000_010).contains(&date))
    };
    Mock::given(method("DELETE")).and(path("/cancel-all")).and(dated).respond_with(ok(&json!({}))).mount(&server).await;
    Mock::given(method("GET"))
        .and(path("/data/orders"))
        .and(dated)
        .respond_with(page(&[], "LTE="))
        .mount(&server)
        .await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9)
        .mount(&server)
        .await;
    let (code, words, _) = killed(&server, 10).await;
    assert_eq!(code, Some(0), "{words}");
}

#[tokio::test]
async fn root_cancels_with_what_the_executors_own_user_left() {
    if !rustix::process::geteuid().is_root() {
        return; // nobody else can give a file away
    }
    let server = MockServer::start().await;
    on(&server, "DELETE", "/cancel-all", u64::MAX, ok(&json!({ "canceled": [] }))).await;
    on(&server, "GET", "/data/orders", u64::MAX, page(&[], "LTE=")).await;
    let folder = tempfile::tempdir().expect("a folder");
    deposit(folder.path(), &server);
    for path in [folder.path().to_owned(), folder.path().join("kill-credentials")] {
        std::os::unix::fs::chown(path, Some(998), Some(998)).expect("given away");
    }
    let (code, words, _) = killed_in(&server, folder.path(), 10).await;
    assert_eq!(code, Some(0), "{words}");
}

#[tokio::test]
async fn without_credentials_it_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = || Command::new(env!("CARGO_BIN_EXE_executor-kill")).arg(folder.path()).output().expect("it starts");
    let (code, words) = (run().status.code(), String::from_utf8_lossy(&run().stdout).into_owned());
    assert_eq!(code, Some(6), "{words}");
    assert!(words.contains("NOT TRIED") && words.contains("executor run"), "{words}");
    std::fs::write(folder.path().join("kill-credentials"), "{}").expect("written");
    let wide = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("kill-credentials"), wide).expect("mode set");
    assert!(String::from_utf8_lossy(&run().stdout).contains("mode 0644"));
}
