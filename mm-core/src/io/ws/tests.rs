use super::*;
use tokio::net::TcpListener;
use tokio::time::timeout as within;

const SOON: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3600);
const LINK: LinkIx = LinkIx(3);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn token(id: &str) -> TokenId {
    TokenId::parse(id).expect("good")
}

/// A venue that accepts one connection after the other and a link to it.
struct Stage {
    listener: TcpListener,
    link: Link<MarketCommand>,
    inbox: Inbox,
}

impl Stage {
    async fn new(events: usize, change: impl FnOnce(&mut WsConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut config = WsConfig {
            url: format!("ws://{}/ws/market", listener.local_addr().expect("bound")),
            message_max: 1024,
            ping_every: NEVER,
            pong_timeout: NEVER,
            backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(2), 7),
            renew_every: None,
        };
        change(&mut config);
        let (sender, inbox) = inbox(events, 1 << 20);
        let link =
            start(LINK, config, MarketTokens::new([token("1"), token("2")]), sender, Clock::new()).expect("a good url");
        Self { listener, link, inbox }
    }

    async fn accept(&self) -> WebSocketStream<TcpStream> {
        let (stream, _) = within(SOON, self.listener.accept()).await.expect("in time").expect("a connection");
        tokio_tungstenite::accept_async(stream).await.expect("an upgrade")
    }

    async fn event(&mut self) -> WsEvent {
        let event = within(SOON, self.inbox.recv()).await.expect("in time").expect("the link lives");
        assert_eq!(event.link, LINK);
        event.what
    }

    async fn down(&mut self) -> DownWhy {
        match self.event().await {
            WsEvent::Down { why } => why,
            other => panic!("expected Down, got {other:?}"),
        }
    }

    async fn up(&mut self) {
        assert!(matches!(self.event().await, WsEvent::Up));
    }
}

async fn heard(peer: &mut WebSocketStream<TcpStream>) -> String {
    match within(SOON, peer.next()).await.expect("in time") {
        Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
        other => panic!("expected text, got {other:?}"),
    }
}

async fn say(peer: &mut WebSocketStream<TcpStream>, text: &str) {
    peer.send(Message::text(text)).await.expect("sent");
}

#[test]
fn every_connection_is_greeted_with_what_is_subscribed_now() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |_| ()).await;
        let mut peer = stage.accept().await;
        stage.up().await;
        let initial = |ids: &[&str]| {
            ClientFrame::Initial { tokens: ids.iter().map(|id| token(id)).collect(), custom: true }.encode()
        };
        assert_eq!(heard(&mut peer).await, initial(&["1", "2"]));
        say(&mut peer, "[]").await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text == "[]"));

        assert!(stage.link.command(MarketCommand::Subscribe(vec![token("5")])));
        assert!(heard(&mut peer).await.contains(r#""operation":"subscribe","assets_ids":["5"]"#));
        assert!(stage.link.command(MarketCommand::Resync(token("2"))));
        assert!(heard(&mut peer).await.contains(r#""operation":"unsubscribe","assets_ids":["2"]"#));
        assert!(heard(&mut peer).await.contains(r#""operation":"subscribe","assets_ids":["2"]"#));
        assert!(stage.link.command(MarketCommand::Unsubscribe(vec![token("1")])));
        assert!(heard(&mut peer).await.contains(r#""operation":"unsubscribe","assets_ids":["1"]"#));

        drop(peer);
        assert!(matches!(stage.down().await, DownWhy::Broken(_) | DownWhy::Peer(_)));
        let mut peer = stage.accept().await;
        stage.up().await;
        assert_eq!(heard(&mut peer).await, initial(&["2", "5"]));
    });
}

#[test]
fn a_full_inbox_closes_the_link_and_says_so_after_what_was_kept() {
    runtime().block_on(async {
        let mut stage = Stage::new(4, |_| ()).await;
        let mut peer = stage.accept().await;
        heard(&mut peer).await;
        for n in 0..50 {
            say(&mut peer, &format!("frame {n}")).await;
        }
        // The client closes: the venue sees the end of its stream.
        while let Some(Ok(_)) = within(SOON, peer.next()).await.expect("in time") {}
        stage.up().await;
        for n in 0..3 {
            assert!(matches!(stage.event().await, WsEvent::Text(text) if text == format!("frame {n}")), "frame {n}");
        }
        assert_eq!(stage.down().await, DownWhy::InboxFull);
        stage.accept().await;
        stage.up().await;
    });
}

#[test]
fn the_inbox_is_bounded_in_bytes_too() {
    let (sender, mut inbox) = inbox(100, 10);
    let at = Clock::new().now();
    assert_eq!(sender.try_text(LINK, at, "12345678".to_owned()), Ok(()));
    assert!(sender.try_text(LINK, at, "123".to_owned()).is_err());
    assert_eq!(sender.try_text(LINK, at, "12".to_owned()), Ok(()));
    assert_eq!(inbox.len(), 2);
    assert!(inbox.try_recv().is_some());
    assert_eq!(sender.try_text(LINK, at, "12345678".to_owned()), Ok(()));
}

#[test]
fn pings_go_out_pongs_are_kept_back_and_their_absence_is_noticed() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |config| {
            config.ping_every = Duration::from_millis(10);
            config.pong_timeout = Duration::from_millis(200);
        })
        .await;
        let mut peer = stage.accept().await;
        stage.up().await;
        heard(&mut peer).await;
        say(&mut peer, "[]").await;
        assert!(matches!(stage.event().await, WsEvent::Text(_)));
        for _ in 0..30 {
            assert_eq!(heard(&mut peer).await, PING);
            say(&mut peer, PONG).await;
        }
        say(&mut peer, "NO NEW ASSETS").await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text == "NO NEW ASSETS"));
        // From here on the venue is mute.
        assert!(matches!(stage.down().await, DownWhy::NoPong(ms) if ms >= 200));
    });
}

#[test]
fn a_mute_connection_is_noticed_when_its_time_is_over_and_not_with_the_next_ping() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |config| {
            config.ping_every = Duration::from_millis(1_500);
            config.pong_timeout = Duration::from_millis(1_600);
        })
        .await;
        let _mute = stage.accept().await;
        stage.up().await;
        let why = stage.down().await;
        assert!(matches!(why, DownWhy::NoPong(ms) if (1_600..2_900).contains(&ms)), "{why:?}");
    });
}

#[test]
fn a_frame_that_is_not_text_or_too_long_ends_the_link() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |_| ()).await;
        let mut peer = stage.accept().await;
        stage.up().await;
        peer.send(Message::binary(vec![1, 2, 3])).await.expect("sent");
        assert!(matches!(stage.down().await, DownWhy::BadFrame(_)));

        let mut peer = stage.accept().await;
        stage.up().await;
        say(&mut peer, &"x".repeat(1025)).await;
        assert!(matches!(stage.down().await, DownWhy::BadFrame(_)));
    });
}

#[test]
fn a_refused_connection_is_reported_and_tried_again() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |_| ()).await;
        let (stream, _) = stage.listener.accept().await.expect("a connection");
        drop(stream);
        assert!(matches!(stage.down().await, DownWhy::Connect(_)));
        stage.accept().await;
        stage.up().await;
    });
}

#[test]
fn dropping_the_link_ends_it() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |_| ()).await;
        let mut peer = stage.accept().await;
        stage.up().await;
        heard(&mut peer).await;
        let Stage { link, mut inbox, .. } = stage;
        drop(link);
        let event = within(SOON, inbox.recv()).await.expect("in time").expect("one last word");
        assert!(matches!(event.what, WsEvent::Down { why: DownWhy::Ours }));
        assert!(within(SOON, inbox.recv()).await.expect("in time").is_none());
    });
}

#[test]
fn plain_text_never_leaves_this_machine() {
    let check = |url: &str| request(url).map(|_| ()).map_err(|why| why.to_string());
    for good in ["wss://example.com/ws", "ws://127.0.0.1:1/ws", "ws://[::1]:1/ws", "ws://localhost:1/ws"] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for bad in ["ws://example.com/ws", "ws://10.0.0.1/ws", "ws://127.0.0.1.example.com/ws", "http://127.0.0.1/", "x"] {
        assert!(check(bad).is_err(), "{bad}");
    }
}

/// Answers pings and nothing else until the peer closes; how many pings came.
async fn pong_only(peer: &mut WebSocketStream<TcpStream>) -> usize {
    let mut pings = 0;
    while let Some(Ok(message)) = within(SOON, peer.next()).await.expect("in time") {
        if message.to_text().is_ok_and(|text| text == PING) && peer.send(Message::text(PONG)).await.is_ok() {
            pings += 1;
        }
    }
    pings
}

#[test]
fn a_connection_that_answers_pings_but_no_subscription_is_given_up() {
    runtime().block_on(async {
        let change = |config: &mut WsConfig| {
            config.ping_every = Duration::from_millis(20);
            config.pong_timeout = Duration::from_millis(200);
        };
        let mut stage = Stage::new(16, change).await;
        let mut peer = stage.accept().await;
        stage.up().await;
        assert!(pong_only(&mut peer).await > 3, "its pings were answered all the while");
        assert!(matches!(stage.down().await, DownWhy::NoAnswer(ms) if ms >= 200));

        // an empty list is an answer; then a second subscription owes another one
        let mut peer = stage.accept().await;
        stage.up().await;
        heard(&mut peer).await;
        say(&mut peer, "[]").await;
        assert!(matches!(stage.event().await, WsEvent::Text(_)));
        for _ in 0..15 {
            assert_eq!(heard(&mut peer).await, PING);
            say(&mut peer, PONG).await;
        }
        assert!(stage.link.command(MarketCommand::Unsubscribe(vec![token("1")])));
        assert!(heard(&mut peer).await.contains("unsubscribe"));
        for _ in 0..15 {
            assert_eq!(heard(&mut peer).await, PING, "the end of a subscription owes nothing");
            say(&mut peer, PONG).await;
        }
        assert!(stage.link.command(MarketCommand::Resync(token("2"))));
        pong_only(&mut peer).await;
        assert!(matches!(stage.down().await, DownWhy::NoAnswer(_)));
    });
}

#[test]
fn a_connection_is_replaced_with_the_first_book_of_the_next_and_nobody_notices() {
    runtime().block_on(async {
        let mut stage = Stage::new(16, |config| config.renew_every = Some(Duration::from_millis(50))).await;
        let mut old = stage.accept().await;
        stage.up().await;
        let greeting = heard(&mut old).await;
        say(&mut old, "before").await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text == "before"));
        let mut fresh = stage.accept().await;
        assert_eq!(heard(&mut fresh).await, greeting);
        // the old one goes on until the new one has a book; what comes over the new one before that is in the book
        say(&mut fresh, "[]").await;
        say(&mut old, "meanwhile").await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text == "meanwhile"));
        say(&mut fresh, r#"[{"event_type":"book","bids":[]}]"#).await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text.contains("bids")));
        assert!(matches!(
            within(SOON, old.next()).await.expect("in time"),
            Some(Ok(Message::Close(_))) | Some(Err(_)) | None
        ));
        say(&mut fresh, "after").await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text == "after"));
        // wishes go to the new one
        assert!(stage.link.command(MarketCommand::Unsubscribe(vec![token("1")])));
        assert!(heard(&mut fresh).await.contains("unsubscribe"));
    });
}

#[test]
fn a_next_connection_that_brings_nothing_leaves_the_old_one_alone() {
    runtime().block_on(async {
        let change = |config: &mut WsConfig| {
            config.renew_every = Some(Duration::from_millis(50));
            config.pong_timeout = Duration::from_millis(100);
        };
        let mut stage = Stage::new(16, change).await;
        let mut old = stage.accept().await;
        stage.up().await;
        heard(&mut old).await;
        let mut dead = stage.accept().await;
        heard(&mut dead).await;
        // it is given up, and another one tried
        let mut next = stage.accept().await;
        heard(&mut next).await;
        drop(next);
        say(&mut old, "still here").await;
        assert!(matches!(stage.event().await, WsEvent::Text(text) if text == "still here"));
    });
}
