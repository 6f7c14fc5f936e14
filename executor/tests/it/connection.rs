//! What a connection that dies takes with it: the request that was on it, and nothing after that.

use executor::clob::{Clob, Endpoints, Login};
use executor::eip712::Chain;
use executor::key::Key;
use executor::outcome::{Answer, Lost, VenueCall, VenueReply};
use executor::sign::Account;
use mm_core::io::clock::Clock;
use mm_core::venue::order::SignatureType;
use rustls::server::Acceptor;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Made up: a secret is base64.
const LOGIN: &str = r#"{"apiKey":"11111111-2222-3333-4444-555555555555","secret":"BwcHBw==","passphrase":"word"}"#;
/// Time a cancel has.
const CANCEL: Duration = Duration::from_millis(300);

/// A venue, and one who asks it.
async fn pair(scheme: &str) -> (TcpListener, Clob) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let rest = format!("{scheme}://{}", listener.local_addr().expect("an address"));
    let key = Arc::new(Key::throw_away().expect("random bytes"));
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).expect("an EOA");
    let endpoints = Endpoints { geoblock: rest.clone(), rest };
    let login = Arc::new(Login::new(key, Chain::Polygon));
    let clob = Clob::new(endpoints, login, account, Clock::new(), CANCEL, CANCEL).expect("a client");
    (listener, clob)
}

/// Reads a request without a body; its first line, empty at the end of the connection.
async fn request(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => seen.push(byte),
            Err(_) => return String::new(),
        }
    }
    let text = String::from_utf8(seen).expect("a request is text");
    text.lines().next().unwrap_or_default().to_owned()
}

async fn answer(stream: &mut TcpStream, body: &str) {
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.expect("answered");
}

#[tokio::test]
async fn a_cancel_after_one_that_was_not_answered_takes_a_new_connection() {
    let (listener, clob) = pair("http").await;
    let venue = async {
        let (mut first, _) = listener.accept().await.expect("a connection");
        let mut on_first = vec![request(&mut first).await];
        answer(&mut first, LOGIN).await;
        on_first.push(request(&mut first).await);
        answer(&mut first, "{}").await;
        // from here on it is silent, and open
        on_first.push(request(&mut first).await);
        let (mut second, _) = listener.accept().await.expect("a new connection");
        let on_second = request(&mut second).await;
        answer(&mut second, "{}").await;
        // and that is the end of the first: the client gave it up
        on_first.push(request(&mut first).await);
        (on_first, on_second)
    };
    let cancels = async {
        let mut replies = Vec::new();
        for _ in 0..3 {
            replies.push(clob.call(&VenueCall::CancelAll).await);
        }
        replies
    };
    let both = async { tokio::join!(venue, cancels) };
    let ((on_first, on_second), replies) =
        tokio::time::timeout(20 * CANCEL, both).await.expect("the third cancel reaches the venue");
    let done = || VenueReply::Answer(Answer::new(200, "{}"));
    assert_eq!(replies, [done(), VenueReply::Lost(Lost::Timeout), done()]);
    let cancel = "DELETE /cancel-all HTTP/1.1";
    assert_eq!(on_first, ["GET /auth/derive-api-key HTTP/1.1", cancel, cancel, ""]);
    assert_eq!(on_second, cancel);
}

/// The test above is over plain text, where nothing but HTTP/1.1 is spoken. The venue is asked for it.
#[tokio::test]
async fn the_venue_is_offered_http_1_1_alone() {
    let (listener, clob) = pair("https").await;
    let venue = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut acceptor = Acceptor::default();
        loop {
            let mut bytes = [0; 4096];
            let length = stream.read(&mut bytes).await.expect("the first words of TLS");
            acceptor.read_tls(&mut &bytes[..length]).expect("taken");
            match acceptor.accept() {
                Ok(Some(hello)) => {
                    break hello.client_hello().alpn().map(|names| names.map(<[u8]>::to_vec).collect::<Vec<_>>());
                }
                Ok(None) => assert!(length > 0, "the end, before it said what it speaks"),
                Err((why, _)) => panic!("no TLS: {why}"),
            }
        }
    };
    let (offered, reply) = tokio::join!(venue, clob.call(&VenueCall::CancelAll));
    assert!(!matches!(reply, VenueReply::Answer(_)), "{reply:?}");
    assert_eq!(offered, Some(vec![b"http/1.1".to_vec()]));
}
