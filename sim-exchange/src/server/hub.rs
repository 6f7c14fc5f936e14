//! Who listens to what. A listener has a bounded queue; one that does not keep up is disconnected, so that nobody ever sees a
//! stream with a hole in it, unless a fault makes one.

mod outbox;

pub(super) use outbox::{End, Road};

use outbox::Outbox;

use super::front::KeyAccounts;
use crate::exchange::Notice;
use crate::faults::{Channel, Channels, Faults, Payload, rewrite};
use axum::extract::ws::Utf8Bytes;
use mm_core::domain::{ConditionId, Nanos, Timestamp, TokenId};
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
    /// Resolves when the listener has been dropped from the hub: with how it ends, or with an error if it did not keep up.
    pub(super) dropped: oneshot::Receiver<End>,
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
pub(super) struct Hub {
    road: Road,
    next: u64,
    market: BTreeMap<u64, MarketListener>,
    user: BTreeMap<u64, UserListener>,
    /// Last announced best prices, to see when they change.
    tops: BTreeMap<TokenId, Top>,
}

impl Hub {
    pub(super) const fn new(road: Road) -> Self {
        Self { road, next: 0, market: BTreeMap::new(), user: BTreeMap::new(), tops: BTreeMap::new() }
    }

    fn open(&mut self, at: Timestamp, channel: Channel, faults: &Faults) -> (Inbox, Outbox) {
        let (send, frames) = mpsc::channel(QUEUE_MAX);
        let (end, dropped) = oneshot::channel();
        self.next += 1;
        let mut out = Outbox::new(self.next, channel, at, send, end, QUEUE_MAX);
        if let Some(lives) = faults.storm(channel) {
            out.close_at(at.plus(lives));
        }
        (Inbox { id: self.next, frames, dropped }, out)
    }

    /// A new listener of the market channel; `None` when there are too many.
    pub(super) fn join_market(&mut self, at: Timestamp, faults: &Faults) -> Option<Inbox> {
        if self.market.len() >= LISTENERS_MAX {
            return None;
        }
        let (inbox, out) = self.open(at, Channel::Market, faults);
        self.market.insert(inbox.id, MarketListener { out, tokens: BTreeSet::new(), custom: false });
        Some(inbox)
    }

    /// A new listener of the user channel; `None` when there are too many.
    pub(super) fn join_user(
        &mut self,
        at: Timestamp,
        faults: &Faults,
        api_key: String,
        markets: Option<BTreeSet<ConditionId>>,
    ) -> Option<Inbox> {
        if self.user.len() >= LISTENERS_MAX {
            return None;
        }
        let (inbox, out) = self.open(at, Channel::User, faults);
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

    fn out(&mut self, id: u64) -> Option<&mut Outbox> {
        match self.market.get_mut(&id) {
            Some(listener) => Some(&mut listener.out),
            None => self.user.get_mut(&id).map(|listener| &mut listener.out),
        }
    }

    fn outs(&mut self) -> impl Iterator<Item = (u64, &mut Outbox)> {
        let market = self.market.iter_mut().map(|(id, listener)| (*id, &mut listener.out));
        market.chain(self.user.iter_mut().map(|(id, listener)| (*id, &mut listener.out)))
    }

    /// Ends a listener and tells its socket how.
    fn end(&mut self, id: u64, how: Option<End>) {
        let market = self.market.remove(&id).map(|listener| listener.out);
        let out = market.or_else(|| self.user.remove(&id).map(|listener| listener.out));
        if let (Some(out), Some(how)) = (out, how) {
            out.end(how);
        }
    }

    /// Sends a frame to one listener of either channel.
    pub(super) fn send(
        &mut self,
        at: Timestamp,
        faults: &mut Faults,
        id: u64,
        frame: impl Into<Utf8Bytes>,
        what: Payload,
    ) {
        self.send_later(at, faults, id, frame.into(), what, Nanos::ZERO);
    }

    fn send_later(
        &mut self,
        at: Timestamp,
        faults: &mut Faults,
        id: u64,
        frame: Utf8Bytes,
        what: Payload,
        later: Nanos,
    ) {
        let road = self.road.clone();
        if let Some(out) = self.out(id)
            && let Err(ended) = out.send(at, (faults, &road), frame, what, later)
        {
            self.end(id, ended.0);
        }
    }

    /// Answers a PING.
    pub(super) fn pong(&mut self, at: Timestamp, faults: &mut Faults, id: u64) {
        self.send(at, faults, id, Utf8Bytes::from_static("PONG"), Payload::Pong);
    }

    /// Whether the venue no longer reads what this listener says.
    pub(super) fn is_deaf(&mut self, id: u64) -> bool {
        self.out(id).is_some_and(|out| out.is_deaf())
    }

    /// Hands out everything that has arrived by now.
    pub(super) fn release(&mut self, at: Timestamp) {
        let ended: Vec<(u64, Option<End>)> =
            self.outs().filter_map(|(id, out)| out.release(at).err().map(|ended| (id, ended.0))).collect();
        for (id, how) in ended {
            self.end(id, how);
        }
    }

    /// When something arrives next.
    pub(super) fn next_deadline(&mut self) -> Option<Timestamp> {
        self.outs().filter_map(|(_, out)| out.next_deadline()).min()
    }

    /// Does something to every listener of the channels.
    fn each(&mut self, channels: Channels, what: impl Fn(&mut Outbox)) {
        self.outs().filter(|(_, out)| channels.includes(out.channel())).for_each(|(_, out)| what(out));
    }

    /// Cuts every connection without a word.
    pub(super) fn cut(&mut self, channels: Channels) {
        let all: Vec<u64> = self.outs().filter(|(_, out)| channels.includes(out.channel())).map(|(id, _)| id).collect();
        for id in all {
            self.end(id, Some(End::Cut));
        }
    }

    /// Neither reads nor writes those that are open now any more.
    pub(super) fn deafen(&mut self, channels: Channels) {
        self.each(channels, Outbox::deafen);
    }

    /// Closes each connection after so many more frames.
    pub(super) fn close_after(&mut self, channels: Channels, frames: u64) {
        self.each(channels, |out| out.close_after(frames));
    }

    /// Closes each open connection at a moment.
    pub(super) fn close_at(&mut self, channels: Channels, at: Timestamp) {
        self.each(channels, |out| out.close_at(at));
    }

    /// What was held back by a frozen feed arrives.
    pub(super) fn thaw(&mut self, channels: Channels, at: Timestamp) {
        self.each(channels, |out| out.thaw(at));
    }

    /// Hands a notice to everybody it concerns.
    pub(super) fn publish(&mut self, at: Timestamp, notice: &Notice, accounts: &KeyAccounts, faults: &mut Faults) {
        match notice {
            Notice::Market(event) => {
                self.publish_market(at, event, faults);
                for top in self.changed_tops(event) {
                    self.publish_market(at, &top, faults);
                }
            }
            Notice::User { account, event } => {
                let keys = accounts.keys_of(*account);
                match faults.user_events(event) {
                    None => self.publish_user(at, event, &keys, faults, Nanos::ZERO),
                    Some(told) => {
                        for (later, event) in told {
                            self.publish_user(at, &event, &keys, faults, later);
                        }
                    }
                }
            }
        }
    }

    fn publish_market(&mut self, at: Timestamp, event: &WireEvent, faults: &mut Faults) {
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
        match faults.market_events(event) {
            None => self.spread(at, &concerned, market_ws::encode(event), Channel::Market, faults, Nanos::ZERO),
            Some(told) => {
                for event in told {
                    self.spread(at, &concerned, market_ws::encode(&event), Channel::Market, faults, Nanos::ZERO);
                }
            }
        }
    }

    /// One text to many, in the format of the day.
    fn spread(
        &mut self,
        at: Timestamp,
        to: &[u64],
        frame: Option<String>,
        channel: Channel,
        faults: &mut Faults,
        later: Nanos,
    ) {
        let mut frames: Vec<String> = frame.into_iter().collect();
        for drift in faults.drift(channel) {
            frames = frames.iter().flat_map(|frame| rewrite(drift, frame)).collect();
        }
        for frame in frames.into_iter().map(Utf8Bytes::from) {
            for id in to {
                self.send_later(at, faults, *id, frame.clone(), Payload::Event, later);
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

    fn publish_user(
        &mut self,
        at: Timestamp,
        event: &UserEvent,
        keys: &BTreeSet<&str>,
        faults: &mut Faults,
        later: Nanos,
    ) {
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
        if !concerned.is_empty() {
            self.spread(at, &concerned, user_ws::encode(event), Channel::User, faults, later);
        }
    }
}

#[cfg(test)]
mod tests;
