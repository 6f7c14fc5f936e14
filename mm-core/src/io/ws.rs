//! A text-frame WebSocket client that reconnects for ever, says its greeting on every connection and reports what it reads
//! into an [`inbox`]. It never reads a frame's meaning, and never drops one: where it cannot keep a frame it closes the link.

mod inbox;
mod renewal;

pub use inbox::{Inbox, InboxSender, LinkEvent, WsEvent, inbox};

use super::backoff::Backoff;
use super::clock::Clock;
use super::{http, tls};
use crate::domain::TokenId;
use crate::event::LinkIx;
use crate::venue::subscribe::{ClientFrame, PING, PONG};
use futures_util::{SinkExt, StreamExt};
use renewal::{Renewal, Step};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

/// Largest message that is taken, in bytes. The first answer to a subscription holds the books of all tokens of a link; those
/// of 200 tokens with full books are a few megabytes.
pub const MESSAGE_MAX: usize = 16 * 1024 * 1024;
/// Most commands that may wait for a link.
const COMMANDS_MAX: usize = 1024;
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a frame of ours may take to leave.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to connect and how to keep the connection.
#[derive(Clone, Debug)]
pub struct WsConfig {
    /// `wss://…`, or `ws://` with a loopback address.
    pub url: String,
    /// Largest message that is taken, in bytes.
    pub message_max: usize,
    /// Between two text `PING`s.
    pub ping_every: Duration,
    /// No `PONG` for this long, or nothing but `PONG` for this long after a frame that is answered with data: reconnect.
    pub pong_timeout: Duration,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// A connection is replaced after this, without a gap; `None`: it is kept for as long as it lives.
    pub renew_every: Option<Duration>,
}

/// Why a link is down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownWhy {
    /// No connection was made.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The venue closed it.
    #[error("closed by the peer: {0}")]
    Peer(String),
    /// It broke.
    #[error("broken: {0}")]
    Broken(String),
    /// No answer to our pings.
    #[error("no PONG for {0} ms")]
    NoPong(u128),
    /// Pings are answered, a subscription is not: nobody is behind the connection.
    #[error("no answer to a subscription for {0} ms")]
    NoAnswer(u128),
    /// More arrived than could be kept.
    #[error("the inbox is full")]
    InboxFull,
    /// A frame that is not text, or is longer than allowed.
    #[error("unusable frame: {0}")]
    BadFrame(String),
    /// Nobody holds the link any more.
    #[error("closed by us")]
    Ours,
}

/// Why a link cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum BadUrl {
    /// Not a URL a WebSocket can use.
    #[error("{url}: {why}")]
    Malformed {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Plain text to another machine.
    #[error("{url}: ws:// is for loopback addresses only, use wss://")]
    Plain {
        /// What was given.
        url: String,
    },
}

/// What a link says. The client calls it; it decides nothing about the connection.
pub trait Subscriber: Send + 'static {
    /// A wish to change what is subscribed.
    type Command: Send + 'static;
    /// Frames to say first on every new connection.
    fn greeting(&mut self) -> Vec<String>;
    /// Notes a wish; returns the frames that tell it to an open connection. Without one they are not sent: the next
    /// greeting has the wish in it.
    fn apply(&mut self, command: Self::Command) -> Vec<String>;
    /// Whether the venue answers this frame with data, always.
    fn is_answered(&self, _frame: &str) -> bool {
        false
    }
}

/// A running link. Dropping it closes the connection.
#[derive(Debug)]
pub struct Link<C> {
    commands: mpsc::Sender<C>,
}

impl<C> Link<C> {
    /// Passes a wish on. `false` when too many wait already: then the link is stuck and its owner should distrust it.
    #[must_use]
    pub fn command(&self, command: C) -> bool {
        self.commands.try_send(command).is_ok()
    }
}

/// Starts a link on the current runtime. It tries for ever and ends when its [`Link`] or the inbox is dropped.
///
/// # Errors
/// [`BadUrl`].
pub fn start<S: Subscriber>(
    link: LinkIx,
    config: WsConfig,
    subscriber: S,
    inbox: InboxSender,
    clock: Clock,
) -> Result<Link<S::Command>, BadUrl> {
    let request = request(&config.url)?;
    let (sender, commands) = mpsc::channel(COMMANDS_MAX);
    let client = Client { link, request, config, subscriber, inbox, clock, commands };
    tokio::spawn(client.run());
    Ok(Link { commands: sender })
}

/// The upgrade request of a URL, with our user agent.
fn request(url: &str) -> Result<Request, BadUrl> {
    let malformed = |why: String| BadUrl::Malformed { url: url.to_owned(), why };
    let mut request = url.into_client_request().map_err(|why| malformed(why.to_string()))?;
    let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    match request.uri().scheme_str() {
        Some("wss") => {}
        Some("ws") if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) => {}
        Some("ws") => return Err(BadUrl::Plain { url: url.to_owned() }),
        _ => return Err(malformed("must start with wss:// or ws://".to_owned())),
    }
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(http::USER_AGENT));
    Ok(request)
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Client<S: Subscriber> {
    link: LinkIx,
    request: Request,
    config: WsConfig,
    subscriber: S,
    inbox: InboxSender,
    clock: Clock,
    commands: mpsc::Receiver<S::Command>,
}

impl<S: Subscriber> Client<S> {
    async fn run(mut self) {
        loop {
            let why = match connect(self.request.clone(), self.config.message_max).await {
                Ok(stream) => {
                    if !self.report(WsEvent::Up).await {
                        return;
                    }
                    self.session(stream).await
                }
                Err(why) => why,
            };
            let ours = why == DownWhy::Ours;
            // Waits for room if there is none: whoever reads the inbox must learn that frames are missing.
            if !self.report(WsEvent::Down { why }).await || ours || !self.pause().await {
                return;
            }
        }
    }

    async fn report(&mut self, what: WsEvent) -> bool {
        self.inbox.send(self.link, self.clock.now(), what).await
    }

    /// One connection, from its greeting to its end.
    async fn session(&mut self, mut stream: Stream) -> DownWhy {
        let why = match self.converse(&mut stream).await {
            Ok(never) => match never {},
            Err(why) => why,
        };
        // Politeness only: the connection is of no use any more, whether the peer hears of it or not.
        let _ = timeout(Duration::from_millis(100), stream.close(None)).await;
        why
    }

    async fn converse(&mut self, stream: &mut Stream) -> Result<std::convert::Infallible, DownWhy> {
        // since when an answer is owed, while nothing but PONG has come
        let mut owed: Option<Instant> = None;
        for frame in self.subscriber.greeting() {
            self.note(&frame, &mut owed);
            send(stream, frame).await?;
        }
        let mut ping = interval_at(Instant::now() + self.config.ping_every, self.config.ping_every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_pong = Instant::now();
        // a PING has no answer yet: the connection is mute when the time is over, not first when the next one is due
        let mut pinged = false;
        let mute = sleep_until(last_pong + self.config.pong_timeout);
        tokio::pin!(mute);
        let mut renewal = Renewal::first(self.link, self.config.renew_every);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => {
                    let command = command.ok_or(DownWhy::Ours)?;
                    for frame in self.subscriber.apply(command) {
                        self.note(&frame, &mut owed);
                        send(stream, frame).await?;
                    }
                    // its greeting may not have the wish in it
                    if matches!(renewal, Renewal::Greeted(..)) {
                        renewal = Renewal::again(self.config.renew_every);
                    }
                }
                _ = ping.tick() => {
                    let silent = last_pong.elapsed();
                    if silent >= self.config.pong_timeout {
                        return Err(DownWhy::NoPong(silent.as_millis()));
                    }
                    if let Some(waited) = owed.map(|since| since.elapsed()).filter(|t| *t >= self.config.pong_timeout) {
                        return Err(DownWhy::NoAnswer(waited.as_millis()));
                    }
                    send(stream, PING.to_owned()).await?;
                    pinged = true;
                }
                step = renewal.step() => if let Some(text) = self.renew(&mut renewal, step, stream).await {
                    (last_pong, owed, pinged) = (Instant::now(), None, false);
                    mute.as_mut().reset(last_pong + self.config.pong_timeout);
                    self.inbox.try_text(self.link, self.clock.now(), text).map_err(|_| DownWhy::InboxFull)?;
                },
                message = stream.next() => match message {
                    Some(Ok(Message::Text(text))) if text.as_str() == PONG => {
                        (last_pong, pinged) = (Instant::now(), false);
                        mute.as_mut().reset(last_pong + self.config.pong_timeout);
                        self.config.backoff.reset();
                    }
                    Some(Ok(Message::Text(text))) => {
                        // A connection that brings data has proved itself.
                        self.config.backoff.reset();
                        owed = None;
                        let text = text.as_str().to_owned();
                        self.inbox.try_text(self.link, self.clock.now(), text).map_err(|_| DownWhy::InboxFull)?;
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        return Err(DownWhy::BadFrame(format!("{} bytes that are not text", bytes.len())));
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(DownWhy::Peer(frame.map_or_else(String::new, |frame| frame.to_string())));
                    }
                    // The library answers protocol pings by itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Err(why)) => return Err(down(why)),
                    None => return Err(DownWhy::Peer("end of stream".to_owned())),
                },
                // Last: an answer that is there already comes first.
                () = &mut mute, if pinged => return Err(DownWhy::NoPong(last_pong.elapsed().as_millis())),
            }
        }
    }

    /// Goes on with a renewal; the first frame of the new connection when `stream` is that now.
    async fn renew(&mut self, renewal: &mut Renewal, step: Step, stream: &mut Stream) -> Option<String> {
        match step {
            Step::Due => {
                *renewal = Renewal::Connects(Box::pin(connect(self.request.clone(), self.config.message_max)));
            }
            Step::Connected(fresh) => {
                *renewal = Renewal::Greeted(fresh, Instant::now() + self.config.pong_timeout);
                for frame in self.subscriber.greeting() {
                    let Renewal::Greeted(fresh, _) = renewal else { break };
                    if send(fresh, frame).await.is_err() {
                        *renewal = Renewal::again(self.config.renew_every);
                    }
                }
            }
            Step::TakesOver(fresh, text) => {
                let mut old = std::mem::replace(stream, *fresh);
                // politeness only, and nobody waits for it
                tokio::spawn(async move { timeout(Duration::from_millis(100), old.close(None)).await });
                *renewal = Renewal::next(self.config.renew_every);
                return Some(text);
            }
            Step::Failed => *renewal = Renewal::again(self.config.renew_every),
        }
        None
    }

    /// Notes whether an answer will be owed for a frame. A second one does not put off the first.
    fn note(&self, frame: &str, owed: &mut Option<Instant>) {
        if self.subscriber.is_answered(frame) {
            owed.get_or_insert_with(Instant::now);
        }
    }

    /// Waits before the next attempt, noting wishes meanwhile. `false` when nobody holds the link any more.
    async fn pause(&mut self) -> bool {
        let wait = tokio::time::sleep(self.config.backoff.next_wait());
        tokio::pin!(wait);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => drop(self.subscriber.apply(command)),
                    None => return false,
                },
                () = &mut wait => return true,
            }
        }
    }
}

/// How a client reads a WebSocket: messages of at most so many bytes, 16 KiB at a time. The buffer is filled with zeros before each
/// read, also before one that finds nothing, and no TLS record brings more at once.
#[must_use]
pub fn limits(message_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(message_max))
        .max_frame_size(Some(message_max))
}

async fn connect(request: Request, message_max: usize) -> Result<Stream, DownWhy> {
    let limits = limits(message_max);
    let connector = match request.uri().scheme_str() {
        Some("wss") => Connector::Rustls(Arc::new(tls::client_config(&[]))),
        _ => Connector::Plain,
    };
    let connecting = tokio_tungstenite::connect_async_tls_with_config(request, Some(limits), true, Some(connector));
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((stream, _))) => Ok(stream),
        Ok(Err(why)) => Err(DownWhy::Connect(why.to_string())),
        Err(_) => Err(DownWhy::Connect(format!("no answer in {} ms", CONNECT_TIMEOUT.as_millis()))),
    }
}

async fn send(stream: &mut Stream, text: String) -> Result<(), DownWhy> {
    match timeout(SEND_TIMEOUT, stream.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => Err(down(why)),
        Err(_) => Err(DownWhy::Broken(format!("the peer took nothing for {} ms", SEND_TIMEOUT.as_millis()))),
    }
}

fn down(why: Error) -> DownWhy {
    match why {
        Error::Capacity(why) => DownWhy::BadFrame(why.to_string()),
        Error::Utf8(why) => DownWhy::BadFrame(why),
        Error::ConnectionClosed | Error::AlreadyClosed => DownWhy::Peer(why.to_string()),
        why => DownWhy::Broken(why.to_string()),
    }
}

/// What a link of the market channel subscribes: a set of tokens, at most as many as one connection may carry.
#[derive(Debug)]
pub struct MarketTokens {
    tokens: BTreeSet<TokenId>,
}

/// A wish of a market link's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarketCommand {
    /// Subscribe these too.
    Subscribe(Vec<TokenId>),
    /// Do not subscribe these any more.
    Unsubscribe(Vec<TokenId>),
    /// Unsubscribe and subscribe: the venue sends the whole book again.
    Resync(TokenId),
}

impl MarketTokens {
    /// Subscribes `tokens` from the first connection on.
    #[must_use]
    pub fn new(tokens: impl IntoIterator<Item = TokenId>) -> Self {
        Self { tokens: tokens.into_iter().collect() }
    }
}

impl Subscriber for MarketTokens {
    type Command = MarketCommand;

    fn greeting(&mut self) -> Vec<String> {
        vec![ClientFrame::Initial { tokens: self.tokens.iter().cloned().collect(), custom: true }.encode()]
    }

    fn apply(&mut self, command: MarketCommand) -> Vec<String> {
        let frames = match command {
            MarketCommand::Subscribe(tokens) => {
                self.tokens.extend(tokens.iter().cloned());
                vec![ClientFrame::Subscribe { tokens, custom: true }]
            }
            MarketCommand::Unsubscribe(tokens) => {
                for token in &tokens {
                    self.tokens.remove(token);
                }
                vec![ClientFrame::Unsubscribe { tokens }]
            }
            MarketCommand::Resync(token) => {
                self.tokens.insert(token.clone());
                let tokens = vec![token];
                vec![
                    ClientFrame::Unsubscribe { tokens: tokens.clone() },
                    ClientFrame::Subscribe { tokens, custom: true },
                ]
            }
        };
        frames.iter().map(ClientFrame::encode).collect()
    }

    /// A subscription is answered with books, or with an empty list where there are none; its end is not.
    fn is_answered(&self, frame: &str) -> bool {
        !frame.contains(r#""operation":"unsubscribe""#)
    }
}

#[cfg(test)]
mod tests;
