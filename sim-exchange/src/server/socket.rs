//! What both WebSocket channels share: the upgrade, PING and PONG, the pump between a listener's queue and its socket.

use super::call::ApiError;
use super::front::{Front, Shared, told};
use super::hub::{End, Inbox};
use super::{ws_market, ws_user};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::SinkExt as _;
use std::sync::Arc;
use tokio::sync::watch;

/// Longest frame a client may send: 1,000 token ids are 80 kB.
const FRAME_MAX: usize = 256 * 1024;

/// Frames written before a flush.
const BATCH: usize = 256;

/// How long the last words to a client may take.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

/// Close code for a frame that means nothing here.
const POLICY: u16 = 1008;
/// Close code when the venue shuts down.
const AWAY: u16 = 1001;
/// Close code for a listener that does not keep up.
const SLOW: u16 = 1013;

#[derive(Clone)]
struct Channels {
    front: Shared,
    stopped: watch::Receiver<bool>,
}

pub(super) fn routes(front: &Shared, stopped: &watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/ws/market", get(market))
        .route("/ws/user", get(user))
        .with_state(Channels { front: Arc::clone(front), stopped: stopped.clone() })
}

async fn market(State(channels): State<Channels>, upgrade: WebSocketUpgrade) -> Response {
    let joined = channels.front.step(|venue, at| venue.hub.join_market(at, &venue.mishaps.faults));
    let Some(inbox) = joined else {
        return ApiError::new(503, "too many market connections").into_response();
    };
    let Channels { front, stopped } = channels;
    upgrade
        .max_message_size(FRAME_MAX)
        .max_frame_size(FRAME_MAX)
        .on_upgrade(async move |socket| pump(socket, inbox, &front, stopped, ws_market::receive).await)
}

async fn user(State(channels): State<Channels>, upgrade: WebSocketUpgrade) -> Response {
    let Channels { front, stopped } = channels;
    upgrade
        .max_message_size(FRAME_MAX)
        .max_frame_size(FRAME_MAX)
        .on_upgrade(async move |socket| ws_user::serve(socket, front, stopped).await)
}

/// A client frame that ends the connection.
pub(super) struct Refused;

/// Moves frames until either side ends it: the listener's queue to the socket, the client's frames to `receive`.
pub(super) async fn pump(
    mut socket: WebSocket,
    mut inbox: Inbox,
    front: &Front,
    mut stopped: watch::Receiver<bool>,
    receive: impl Fn(&Front, u64, &str) -> Result<(), Refused>,
) {
    let mut batch = Vec::new();
    let code = loop {
        tokio::select! {
            biased;
            () = told(&mut stopped) => break AWAY,
            end = &mut inbox.dropped => match end {
                Ok(End::Cut) => return,
                Ok(End::Close(code)) => {
                    batch.extend(std::iter::from_fn(|| inbox.frames.try_recv().ok()));
                    // the end of a burst may not get through: the connection ends either way
                    let last = send(&mut socket, &mut batch);
                    let _ = tokio::time::timeout(GOODBYE, last).await;
                    break code;
                }
                Err(_) => break SLOW,
            },
            waiting = inbox.frames.recv_many(&mut batch, BATCH) => if waiting == 0 {
                break SLOW;
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) if text.as_str() == "PING" => {
                    front.step(|venue, at| venue.hub.pong(at, &mut venue.mishaps.faults, inbox.id));
                    continue;
                }
                Some(Ok(Message::Text(_))) if front.step(|venue, _| venue.hub.is_deaf(inbox.id)) => continue,
                Some(Ok(Message::Text(text))) => match receive(front, inbox.id, &text) {
                    Ok(()) => continue,
                    Err(Refused) => break POLICY,
                },
                Some(Ok(Message::Binary(_))) => break POLICY,
                // Protocol pings are answered below us; a close or an error ends the stream.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    front.step(|venue, _| venue.hub.leave(inbox.id));
                    return;
                }
            },
        };
        // A client that does not read blocks this send; being dropped from the hub must still end it.
        tokio::select! {
            biased;
            sent = send(&mut socket, &mut batch) => if sent.is_err() {
                front.step(|venue, _| venue.hub.leave(inbox.id));
                return;
            },
            _ = &mut inbox.dropped => return,
            () = told(&mut stopped) => return,
        }
    };
    front.step(|venue, _| venue.hub.leave(inbox.id));
    close(socket, code).await;
}

/// Sends frames in order and flushes once: under load a write for each would cost more than making the frames.
async fn send(socket: &mut WebSocket, batch: &mut Vec<Utf8Bytes>) -> Result<(), axum::Error> {
    for frame in batch.drain(..) {
        socket.feed(Message::Text(frame)).await?;
    }
    socket.flush().await
}

/// Says goodbye, without waiting for a client that does not listen.
pub(super) async fn close(mut socket: WebSocket, code: u16) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static("") }));
    let _ = tokio::time::timeout(GOODBYE, socket.send(goodbye)).await;
}

/// The refusal of a first frame.
pub(super) async fn refuse(socket: WebSocket) {
    close(socket, POLICY).await;
}
