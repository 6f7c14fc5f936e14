//! The user channel: subscribed with the credentials, decoded, and every break told.

use executor::clob::{Clob, Endpoints, Login};
use executor::desk::DeskInput;
use executor::eip712::Chain;
use executor::key::Key;
use executor::outcome::VenueCall;
use executor::sign::Account;
use executor::user_stream::UserStream;
use futures_util::{SinkExt as _, StreamExt as _};
use mm_core::io::clock::Clock;
use mm_core::venue::order::SignatureType;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A login with credentials derived from a venue on loopback.
async fn login() -> Arc<Login> {
    let server = MockServer::start().await;
    let body = json!({ "apiKey": "an-api-key", "secret": "c2VjcmV0", "passphrase": "a-passphrase" });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&server).await;
    let key = Arc::new(Key::throw_away().expect("random bytes"));
    let account = Account::new(Chain::Polygon, SignatureType::Eoa, key.address(), None).expect("an EOA");
    let login = Arc::new(Login::new(key, Chain::Polygon));
    let endpoints = Endpoints { rest: server.uri(), geoblock: server.uri() };
    let wait = Duration::from_secs(5);
    let clob = Clob::new(endpoints, Arc::clone(&login), account, Clock::new(), wait, wait).expect("a client");
    clob.call(&VenueCall::RenewCredentials).await;
    login
}

#[tokio::test]
async fn subscribes_reports_events_and_comes_back_after_a_break() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let (inbox, mut inputs) = mpsc::channel(16);
    let stream = UserStream {
        url: format!("ws://{}/ws/user", listener.local_addr().expect("an address")),
        login: login().await,
        markets: Vec::new(),
        inbox,
        renew: Arc::new(Notify::new()),
    };
    let renew = Arc::clone(&stream.renew);
    tokio::spawn(stream.run());

    // What breaks each connection: a frame that is no event, a close, a wish for a new one, nothing.
    for breaker in ["frame", "close", "renew", "fragments", "none"] {
        let (socket, _) = listener.accept().await.expect("a connection");
        let mut socket = tokio_tungstenite::accept_async(socket).await.expect("upgraded");
        let first = socket.next().await.expect("a frame").expect("whole").into_text().expect("text");
        let first: Value = serde_json::from_str(&first).expect("JSON");
        assert_eq!(
            first["auth"],
            json!({ "apiKey": "an-api-key", "secret": "c2VjcmV0", "passphrase": "a-passphrase" })
        );
        assert_eq!(first["type"], "user");
        assert_eq!(socket.next().await.expect("a frame").expect("whole"), Message::Text("PING".into()));
        socket.send(Message::Text("PONG".into())).await.expect("sent");
        assert!(matches!(inputs.recv().await, Some(DeskInput::UserLink { up: true })));
        socket.send(Message::Text(r#"[{"event_type":"news"}]"#.into())).await.expect("sent");
        assert!(matches!(inputs.recv().await, Some(DeskInput::User(_))));
        match breaker {
            "frame" => socket.send(Message::Text(r#"{"event_type":"trade"}"#.into())).await.expect("sent"),
            "close" => socket.close(None).await.expect("closed"),
            "renew" => renew.notify_one(),
            // Put together they are one event.
            "fragments" => {
                let text = br#"{"event_type":"some news"}"#;
                for (nth, byte) in text.iter().enumerate() {
                    let (opcode, last) = (if nth == 0 { Data::Text } else { Data::Continue }, nth + 1 == text.len());
                    let frame = Frame::message(vec![*byte], OpCode::Data(opcode), last);
                    socket.send(Message::Frame(frame)).await.expect("sent");
                }
                assert!(matches!(inputs.recv().await, Some(DeskInput::User(_))));
                socket.close(None).await.expect("closed");
            }
            _ => break,
        }
        assert!(matches!(inputs.recv().await, Some(DeskInput::UserLink { up: false })), "{breaker}");
    }
}

/// Each of these ends the connection and brings nothing to the desk but that it ended.
#[tokio::test]
async fn frames_the_venue_never_sends_end_the_connection_unheard() {
    let huge = format!(r#"[{{"event_type":"{}"}}]"#, "x".repeat(64 << 20));
    let frames = [
        ("binary", Message::Binary(r#"[{"event_type":"news"}]"#.into())),
        ("giant", Message::Text(huge.into())),
        ("torn", Message::Text(r#"[{"event_type":"news"}"#.into())),
        ("a number that is none", Message::Text(r#"{"event_type":"trade","price":"NaN"}"#.into())),
        ("not text", Message::Frame(Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true))),
    ];
    let login = login().await;
    for (what, frame) in frames {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let (inbox, mut inputs) = mpsc::channel(16);
        let url = format!("ws://{}/ws/user", listener.local_addr().expect("an address"));
        let renew = Arc::new(Notify::new());
        let stream = UserStream { url, login: Arc::clone(&login), markets: Vec::new(), inbox, renew };
        let running = tokio::spawn(stream.run());
        let (socket, _) = listener.accept().await.expect("a connection");
        let mut socket = tokio_tungstenite::accept_async(socket).await.expect("upgraded");
        socket.next().await.expect("a frame").expect("the subscription");
        socket.next().await.expect("a frame").expect("PING");
        socket.send(Message::Text("PONG".into())).await.expect("sent");
        assert!(matches!(inputs.recv().await, Some(DeskInput::UserLink { up: true })), "{what}");
        // A giant is hung up on before it is through.
        let _ = socket.send(frame).await;
        assert!(matches!(inputs.recv().await, Some(DeskInput::UserLink { up: false })), "{what}");
        running.abort();
    }
}
