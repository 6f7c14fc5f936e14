//! The user channel: order and trade events of the account, as far as the venue tells them.
//!
//! An accelerator, never the truth: every break is told as such, and REST settles what was missed. The subscription carries the
//! API secret, so neither it nor any error that could hold it is ever logged or passed on.

use crate::clob::Login;
use crate::desk::DeskInput;
use futures_util::{SinkExt as _, StreamExt as _};
use mm_core::domain::ConditionId;
use mm_core::io::{http::USER_AGENT, tls, ws};
use mm_core::venue::user_ws::{self, UserFrame};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

/// Largest message taken, in bytes. A trade with every maker of a deep sweep is far below.
const MESSAGE_MAX: usize = 1024 * 1024;
/// Time to connect and upgrade.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How often we ask whether the path is alive (`clob-streams.md` section 2.3).
const PING_EVERY: Duration = Duration::from_secs(10);
/// Without an answer for this long the path is dead.
const PONG_MAX: Duration = Duration::from_secs(30);
/// First and longest pause between attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// The WebSocket library tells `log` every frame at TRACE, the subscription with its secret among them: in this program that text does
/// not exist, whatever logger is set and whatever level is asked for.
const _: () = assert!(log::STATIC_MAX_LEVEL as usize <= log::LevelFilter::Info as usize, "frames can be logged");

/// What the stream needs to know.
pub struct UserStream {
    /// Address of the channel.
    pub url: String,
    /// Where the credentials are.
    pub login: Arc<Login>,
    /// Condition ids; empty means all of the account.
    pub markets: Vec<ConditionId>,
    /// Where events go.
    pub inbox: mpsc::Sender<DeskInput>,
    /// Breaks the connection and makes a new one.
    pub renew: Arc<Notify>,
}

/// Why a connection ended; told to people, so without any content of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    NoConnection,
    Closed,
    Silent,
    BadFrame,
    Renewed,
    /// The desk is gone: so are we.
    DeskGone,
}

impl UserStream {
    /// Runs until the desk is gone.
    pub async fn run(self) {
        let mut pauses = Pauses::default();
        loop {
            while self.login.current().is_none() {
                tokio::select! {
                    () = self.login.renewed() => {}
                    () = sleep(Duration::from_millis(100)) => {}
                }
            }
            let started = Instant::now();
            let mut up = false;
            let ended = self.connection(&mut up).await;
            if up && self.inbox.send(DeskInput::UserLink { up: false }).await.is_err() {
                return;
            }
            tracing::warn!(event = "user-stream-ended", why = ?ended, "user stream ended");
            if ended == Ended::DeskGone {
                return;
            }
            sleep(jittered(pauses.after(ended, started.elapsed()))).await;
        }
    }

    /// One connection from subscription to end. `up` says whether the desk was told that it stands.
    async fn connection(&self, up: &mut bool) -> Ended {
        let Some((credentials, _)) = self.login.current() else { return Ended::NoConnection };
        let Ok(mut request) = self.url.as_str().into_client_request() else { return Ended::NoConnection };
        request.headers_mut().insert("User-Agent", HeaderValue::from_static(USER_AGENT));
        let config = ws::limits(MESSAGE_MAX);
        let connector = Connector::Rustls(Arc::new(tls::client_config(&[])));
        let connect = connect_async_tls_with_config(request, Some(config), true, Some(connector));
        let Ok(Ok((mut socket, _))) = timeout(CONNECT_MAX, connect).await else { return Ended::NoConnection };

        let markets: Vec<String> = self.markets.iter().map(ToString::to_string).collect();
        let subscription = Utf8Bytes::from(credentials.subscription(&markets).as_str());
        if socket.send(Message::Text(subscription)).await.is_err() {
            return Ended::Closed;
        }
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_pong = Instant::now();
        loop {
            let message = tokio::select! {
                biased;
                () = self.renew.notified() => return Ended::Renewed,
                _ = ping.tick() => {
                    if last_pong.elapsed() > PONG_MAX {
                        return Ended::Silent;
                    }
                    // The first tick comes at once: its PONG is what says that the subscription went through.
                    if socket.send(Message::Text("PING".into())).await.is_err() {
                        return Ended::Closed;
                    }
                    continue;
                }
                message = socket.next() => message,
            };
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Binary(_))) => return Ended::BadFrame,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ended::Closed,
            };
            let events = match user_ws::decode(text.as_str()) {
                Ok(UserFrame::Events(events)) => events,
                Ok(UserFrame::Text) => {
                    if text.as_str().trim() == "PONG" {
                        last_pong = Instant::now();
                    }
                    Vec::new()
                }
                Err(_) => return Ended::BadFrame,
            };
            if !*up {
                *up = true;
                if self.inbox.send(DeskInput::UserLink { up: true }).await.is_err() {
                    return Ended::DeskGone;
                }
            }
            for event in events {
                if self.inbox.send(DeskInput::User(Box::new(event))).await.is_err() {
                    return Ended::DeskGone;
                }
            }
        }
    }
}

/// Pauses between attempts: twice as long each time, until a connection has lasted or a new one is wished for.
struct Pauses {
    next: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: PAUSE.0 }
    }
}

impl Pauses {
    fn after(&mut self, ended: Ended, lasted: Duration) -> Duration {
        if ended == Ended::Renewed || lasted > PONG_MAX {
            self.next = PAUSE.0;
        }
        let pause = self.next;
        self.next = (pause * 2).min(PAUSE.1);
        pause
    }
}

/// Between half and all of `pause`.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0u8; 1];
    // Without random bytes the pause is just not jittered.
    let part = crate::key::random(&mut byte).map_or(255, |()| u32::from(byte[0]));
    pause / 2 + pause / 2 * part / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_closed_connections_is_met_with_long_pauses() {
        let mut pauses = Pauses::default();
        let storm: Vec<Duration> = (0..1000).map(|_| pauses.after(Ended::Closed, Duration::from_millis(3))).collect();
        assert_eq!(storm[..4], [250, 500, 1000, 2000].map(Duration::from_millis));
        assert!(storm[7..].iter().all(|pause| *pause == PAUSE.1));
        assert!(storm.iter().sum::<Duration>() > Duration::from_secs(8 * 3600), "a thousand connections take hours");
        // One that said PONG in time is no part of it.
        assert_eq!(pauses.after(Ended::Closed, PONG_MAX + Duration::from_secs(1)), PAUSE.0);
        pauses.after(Ended::NoConnection, Duration::ZERO);
        assert_eq!(pauses.after(Ended::Renewed, Duration::ZERO), PAUSE.0);
        for _ in 0..100 {
            let pause = jittered(PAUSE.1);
            assert!(pause >= PAUSE.1 / 2 && pause <= PAUSE.1, "{pause:?}");
        }
    }
}
