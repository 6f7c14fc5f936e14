//! Who listens to what. A listener has a bounded queue; one that does not keep up is disconnected, so that nobody ever sees a
//! stream with a hole in it.

use super::front::KeyAccounts;
use crate::exchange::Notice;
use axum::extract::ws::Utf8Bytes;
use mm_core::domain::{ConditionId, TokenId};
use mm_core::event::Top;
use mm_core::venue::market_ws::{self, WireEvent};
use mm_core::venue::user_ws::{self, UserEvent};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{mpsc, oneshot};

/// Frames a listener may be behind. Listeners share a frame's text, so a full queue costs each little; at ten times real time the
/// bundled recording fills it in ten seconds.
pub(super) const QUEUE_MAX: usize = 16_384;
/// Listeners of each channel.
pub(super) const LISTENERS_MAX: usize = 256;

/// The receiving end of a listener: its frames, and a signal that it is no longer served.
pub(super) struct Inbox {
    pub(super) id: u64,
    pub(super) frames: mpsc::Receiver<Utf8Bytes>,
    /// Resolves when the listener has been dropped from the hub.
    pub(super) dropped: oneshot::Receiver<()>,
}

/// The sending end.
struct Outbox {
    frames: mpsc::Sender<Utf8Bytes>,
    /// Dropping it is the signal.
    _alive: oneshot::Sender<()>,
}

struct MarketListener {
    out: Outbox,
    tokens: BTreeSet<TokenId>,
    /// Wants `best_bid_ask` and the lifecycle events.
    custom: bool,
}

struct UserListener {
    out: Outbox,
    api_key: String,
    /// `None`: every market of the account.
    markets: Option<BTreeSet<ConditionId>>,
}

/// All listeners.
#[derive(Default)]
pub(super) struct Hub {
    next: u64,
    market: BTreeMap<u64, MarketListener>,
    user: BTreeMap<u64, UserListener>,
    /// Last announced best prices, to see when they change.
    tops: BTreeMap<TokenId, Top>,
}

impl Hub {
    fn open(&mut self) -> (Inbox, Outbox) {
        let (send, frames) = mpsc::channel(QUEUE_MAX);
        let (alive, dropped) = oneshot::channel();
        self.next += 1;
        (Inbox { id: self.next, frames, dropped }, Outbox { frames: send, _alive: alive })
    }

    /// A new listener of the market channel; `None` when there are too many.
    pub(super) fn join_market(&mut self) -> Option<Inbox> {
        if self.market.len() >= LISTENERS_MAX {
            return None;
        }
        let (inbox, out) = self.open();
        self.market.insert(inbox.id, MarketListener { out, tokens: BTreeSet::new(), custom: false });
        Some(inbox)
    }

    /// A new listener of the user channel; `None` when there are too many.
    pub(super) fn join_user(&mut self, api_key: String, markets: Option<BTreeSet<ConditionId>>) -> Option<Inbox> {
        if self.user.len() >= LISTENERS_MAX {
            return None;
        }
        let (inbox, out) = self.open();
        self.user.insert(inbox.id, UserListener { out, api_key, markets });
        Some(inbox)
    }

    /// Forgets a listener of either channel.
    pub(super) fn leave(&mut self, id: u64) {
        self.market.remove(&id);
        self.user.remove(&id);
    }

    /// Ends the user channels of a revoked key.
    pub(super) fn leave_key(&mut self, api_key: &str) {
        self.user.retain(|_, listener| listener.api_key != api_key);
    }

    /// Adds tokens to a market listener and returns those that are new to it.
    pub(super) fn subscribe(&mut self, id: u64, tokens: Vec<TokenId>, custom: Option<bool>) -> Vec<TokenId> {
        let Some(listener) = self.market.get_mut(&id) else { return Vec::new() };
        listener.custom = custom.unwrap_or(listener.custom);
        tokens.into_iter().filter(|token| listener.tokens.insert(token.clone())).collect()
    }

    /// Takes tokens from a market listener.
    pub(super) fn unsubscribe(&mut self, id: u64, tokens: &[TokenId]) {
        if let Some(listener) = self.market.get_mut(&id) {
            for token in tokens {
                listener.tokens.remove(token);
            }
        }
    }

    /// Adds markets to, or takes them from, a user listener. One that heard everything and names markets hears only those.
    pub(super) fn change_markets(&mut self, id: u64, markets: BTreeSet<ConditionId>, add: bool) {
        if let Some(listener) = self.user.get_mut(&id) {
            let mut wanted = listener.markets.take().unwrap_or_default();
            if add {
                wanted.extend(markets);
            } else {
                wanted.retain(|market| !markets.contains(market));
            }
            listener.markets = Some(wanted);
        }
    }

    /// Queues a frame for one listener of either channel.
    pub(super) fn send(&mut self, id: u64, frame: impl Into<Utf8Bytes>) {
        let frame = frame.into();
        let market = self.market.get(&id).map(|listener| &listener.out);
        let out = market.or_else(|| self.user.get(&id).map(|listener| &listener.out));
        if let Some(out) = out
            && out.frames.try_send(frame).is_err()
        {
            tracing::warn!(listener = id, "queue full, disconnecting");
            self.leave(id);
        }
    }

    /// Hands a notice to everybody it concerns.
    pub(super) fn publish(&mut self, notice: &Notice, accounts: &KeyAccounts) {
        match notice {
            Notice::Market(event) => {
                self.publish_market(event);
                for top in self.changed_tops(event) {
                    self.publish_market(&top);
                }
            }
            Notice::User { account, event } => self.publish_user(event, &accounts.keys_of(*account)),
        }
    }

    fn publish_market(&mut self, event: &WireEvent) {
        let wants = |listener: &MarketListener| match event {
            WireEvent::Book(book) => listener.tokens.contains(&book.token),
            // Both outcomes' entries go out together, even to who subscribed only one: the venue does not take them apart.
            WireEvent::PriceChange(change) => change.changes.iter().any(|c| listener.tokens.contains(&c.token)),
            WireEvent::TickSizeChange { token, .. } | WireEvent::LastTradePrice { token, .. } => {
                listener.tokens.contains(token)
            }
            WireEvent::BestBidAsk { token, .. } => listener.custom && listener.tokens.contains(token),
            WireEvent::NewMarket { .. } | WireEvent::MarketResolved { .. } => listener.custom,
            WireEvent::Unknown { .. } => false,
        };
        let concerned: Vec<u64> = self.market.iter().filter(|(_, l)| wants(l)).map(|(id, _)| *id).collect();
        if concerned.is_empty() {
            return;
        }
        if let Some(frame) = market_ws::encode(event).map(Utf8Bytes::from) {
            for id in concerned {
                self.send(id, frame.clone());
            }
        }
    }

    /// `best_bid_ask` events for the tokens whose best prices `event` has changed.
    fn changed_tops(&mut self, event: &WireEvent) -> Vec<WireEvent> {
        let WireEvent::PriceChange(change) = event else { return Vec::new() };
        let mut last: BTreeMap<&TokenId, Top> = BTreeMap::new();
        for entry in &change.changes {
            if let Some(top) = entry.top {
                last.insert(&entry.token, top);
            }
        }
        let mut events = Vec::new();
        for (token, top) in last {
            if self.tops.get(token) != Some(&top) {
                self.tops.insert(token.clone(), top);
                let (market, token) = (change.market.clone(), token.clone());
                events.push(WireEvent::BestBidAsk { market, token, top, venue_ms: change.venue_ms });
            }
        }
        events
    }

    fn publish_user(&mut self, event: &UserEvent, keys: &BTreeSet<&str>) {
        let market = match event {
            UserEvent::Order(order) => &order.market,
            UserEvent::Trade(trade) => &trade.market,
            UserEvent::Unknown { .. } => return,
        };
        // Orders of another key of the same wallet are that key's affair.
        let owns = |api_key: &str| match event {
            UserEvent::Order(order) => order.owner == api_key,
            _ => true,
        };
        let wants = |listener: &UserListener| {
            let listens = listener.markets.as_ref().is_none_or(|markets| markets.contains(market));
            listens && keys.contains(listener.api_key.as_str()) && owns(&listener.api_key)
        };
        let concerned: Vec<u64> = self.user.iter().filter(|(_, l)| wants(l)).map(|(id, _)| *id).collect();
        if concerned.is_empty() {
            return;
        }
        if let Some(frame) = user_ws::encode(event).map(Utf8Bytes::from) {
            for id in concerned {
                self.send(id, frame.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
