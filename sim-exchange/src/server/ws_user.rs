//! The user channel: what happens to one key's orders and trades. Its first frame carries a secret and is never logged.

use super::front::{Front, Shared};
use super::hub::Inbox;
use super::socket::{Refused, pump, refuse};
use crate::auth::Credentials;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use mm_core::domain::ConditionId;
use mm_core::venue::user_ws::Subscribe;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;

/// How long a connection may stay without credentials.
const AUTH_WAIT: Duration = Duration::from_secs(10);

/// Serves one connection: credentials first, then events. Wrong ones close it without a word, as the venue does.
pub(super) async fn serve(mut socket: WebSocket, front: Shared, stopped: watch::Receiver<bool>) {
    let first = tokio::time::timeout(AUTH_WAIT, first_frame(&mut socket)).await;
    let Ok(Some(first)) = first else { return };
    if front.step(|venue, _| venue.mishaps.faults.echoes()) {
        return echo(socket, &first).await;
    }
    match admit(&front, &first) {
        Some(inbox) => pump(socket, inbox, &front, stopped, receive).await,
        None => refuse(socket).await,
    }
}

/// Most bytes of a close frame's reason.
const REASON_MAX: usize = 123;

/// A gateway that repeats what it refuses, in a message and in the reason of the end.
async fn echo(mut socket: WebSocket, first: &str) {
    let text = serde_json::json!({"error": first}).to_string();
    // The client may have gone.
    let _ = socket.send(Message::text(text)).await;
    let from = first.find("passphrase").unwrap_or(0);
    let reason: String = first[from..].chars().take(REASON_MAX / 4).collect();
    let _ = socket.send(Message::Close(Some(CloseFrame { code: 1008, reason: reason.into() }))).await;
}

/// The first frame that is not a PING.
async fn first_frame(socket: &mut WebSocket) -> Option<String> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Text(text) if text.as_str() == "PING" => socket.send(Message::text("PONG")).await.ok()?,
            Message::Text(text) => return Some(text.as_str().to_owned()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
}

fn admit(front: &Front, frame: &str) -> Option<Inbox> {
    let Subscribe { auth, kind, markets } = serde_json::from_str(frame).ok()?;
    if kind != "user" {
        return None;
    }
    let given = Credentials { api_key: auth.api_key, secret: auth.secret, passphrase: auth.passphrase };
    let markets = if markets.is_empty() { None } else { Some(conditions(&markets)) };
    front.step(|venue, at| {
        let api_key = venue.keyring.check(&given).ok()?.api_key.clone();
        venue.hub.join_user(at, &venue.mishaps.faults, api_key, markets)
    })
}

/// A later frame.
#[derive(Deserialize)]
struct Change {
    operation: String,
    markets: Vec<String>,
}

fn receive(front: &Front, id: u64, text: &str) -> Result<(), Refused> {
    let change: Change = serde_json::from_str(text).map_err(|_| Refused)?;
    let add = match change.operation.as_str() {
        "subscribe" => true,
        "unsubscribe" => false,
        _ => return Err(Refused),
    };
    front.step(|venue, _| venue.hub.change_markets(id, conditions(&change.markets), add));
    Ok(())
}

/// Markets nobody lists match nothing; they are no error.
fn conditions(texts: &[String]) -> BTreeSet<ConditionId> {
    texts.iter().filter_map(|text| ConditionId::parse(text).ok()).collect()
}
