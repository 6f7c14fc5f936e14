//! What happens to a frame on its way out, and to the events it is made of.

use super::fault::{Channel, Drift, Fault, FrameFault, LinkFault};
use super::{Active, Faults};
use mm_core::domain::{Nanos, Price, Qty, Side, Timestamp, TokenId};
use mm_core::venue::market_ws::{BookMessage, LevelChange, PriceChange, WireEvent};

/// One frame about to leave for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which channel.
    pub channel: Channel,
    /// Which connection: names its draws.
    pub link: u64,
    /// When that connection opened.
    pub opened: Timestamp,
    /// What it is.
    pub what: Payload,
}

/// What kinds of frames are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The answer to PING.
    Pong,
    /// The answer to a subscription.
    Answer,
    /// Anything else.
    Event,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How it travels.
    pub deliver: Deliver,
    /// How often it arrives.
    pub copies: u8,
}

/// How a frame travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deliver {
    /// In order.
    InOrder,
    /// Not at all.
    Never,
    /// So much later; others overtake it.
    Late(Nanos),
    /// Behind the next one.
    Behind,
    /// When the feed thaws.
    Held,
}

impl Fate {
    /// Nothing happens to it.
    pub const PASS: Self = Self { deliver: Deliver::InOrder, copies: 1 };
}

impl Faults {
    /// What happens to a frame now. Faults that begin later have no say over one that is on its way.
    pub fn feed(&mut self, frame: &Frame) -> Fate {
        let mut fate = Fate::PASS;
        for n in 0..self.active.len() {
            let Active { fault, since, .. } = &self.active[n];
            let (fault, since) = (*fault, *since);
            let deliver = match fault {
                Fault::Link(channels, what) if channels.includes(frame.channel) => match (what, frame.what) {
                    (LinkFault::Frozen, _) => Some(Deliver::Held),
                    (LinkFault::Zombie { tokens: 0, fresh_too }, Payload::Answer | Payload::Event)
                        if fresh_too || frame.opened <= since =>
                    {
                        Some(Deliver::Never)
                    }
                    (LinkFault::NoSnapshot, Payload::Answer) => Some(Deliver::Never),
                    _ => None,
                },
                Fault::Frames(channels, percent, what)
                    if channels.includes(frame.channel) && frame.what != Payload::Pong =>
                {
                    let deliver = match what {
                        FrameFault::Lost => Some(Deliver::Never),
                        FrameFault::Late { by } => Some(Deliver::Late(by)),
                        FrameFault::Reordered => Some(Deliver::Behind),
                        FrameFault::Duplicated if self.hits(n, percent, frame.link) => {
                            fate.copies = 2;
                            None
                        }
                        _ => None,
                    };
                    deliver.filter(|_| self.hits(n, percent, frame.link))
                }
                _ => None,
            };
            // what never arrives cannot be late, and a frozen line holds everything else
            if let Some(deliver) = deliver {
                fate.deliver = match (fate.deliver, deliver) {
                    (Deliver::Never, _) | (_, Deliver::Never) => Deliver::Never,
                    (Deliver::Held, _) | (_, Deliver::Held) => Deliver::Held,
                    (Deliver::InOrder, new) => new,
                    (old, _) => old,
                };
            }
        }
        fate
    }

    /// Whether a zombie feed is silent about the token.
    #[must_use]
    pub fn is_dead(&self, token: &TokenId) -> bool {
        self.active.iter().any(|active| active.dead.contains(token))
    }

    /// What is told instead of an event: entries of dead or forgotten tokens left out, a book crossed for a moment before it.
    /// `None`: the event itself.
    pub fn market_events(&mut self, event: &WireEvent) -> Option<Vec<WireEvent>> {
        if self.active.is_empty() {
            return None;
        }
        let change = match event {
            WireEvent::Book(BookMessage { token, .. })
            | WireEvent::BestBidAsk { token, .. }
            | WireEvent::LastTradePrice { token, .. }
            | WireEvent::TickSizeChange { token, .. } => return self.is_dead(token).then(Vec::new),
            WireEvent::PriceChange(change) => change,
            _ => return None,
        };
        let mut change = change.clone();
        let mut told = Vec::new();
        change.changes.retain(|entry| !self.is_dead(&entry.token));
        for n in 0..self.active.len() {
            let Fault::Frames(channels, percent, what) = self.active[n].fault else { continue };
            if !channels.includes(Channel::Market) {
                continue;
            }
            match what {
                FrameFault::SiblingOnly if self.hits(n, percent, 0) => {
                    let second = change.changes.last().map(|entry| entry.token.clone());
                    change.changes.retain(|entry| Some(&entry.token) == second.as_ref());
                }
                FrameFault::Crossed if self.hits(n, percent, 0) => told.extend(crossed(&change)),
                _ => {}
            }
        }
        if !change.changes.is_empty() {
            told.push(WireEvent::PriceChange(change));
        }
        Some(told)
    }

    /// Which drift the next frame of the channel is written in.
    pub fn drift(&mut self, channel: Channel) -> Vec<Drift> {
        let mut out = Vec::new();
        for n in 0..self.active.len() {
            if let Fault::Frames(channels, percent, FrameFault::Drift(drift)) = self.active[n].fault
                && channels.includes(channel)
                && self.hits(n, percent, 0)
            {
                out.push(drift);
            }
        }
        out
    }
}

/// Two messages of the same timestamp and post-state as `change`: a bid comes to stand at the best ask, and is gone again.
fn crossed(change: &PriceChange) -> Vec<WireEvent> {
    let mut entries: Vec<LevelChange> = Vec::new();
    for entry in &change.changes {
        let touch = match (entry.side, entry.top) {
            (Side::Buy, Some(top)) => top.ask,
            (Side::Sell, Some(top)) => top.bid,
            _ => None,
        };
        if let Some(price) = touch.filter(|price| *price != Price::ZERO && *price != Price::ONE) {
            entries.push(LevelChange { price, ..entry.clone() });
        }
    }
    if entries.is_empty() {
        return Vec::new();
    }
    let message = |qty: Qty| {
        let changes = entries.iter().map(|entry| LevelChange { qty, ..entry.clone() }).collect();
        WireEvent::PriceChange(PriceChange { market: change.market.clone(), changes, venue_ms: change.venue_ms })
    };
    vec![message(Qty::from_micro(25_000_000)), message(Qty::ZERO)]
}
