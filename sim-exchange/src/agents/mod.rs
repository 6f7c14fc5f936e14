//! Traders that make a world live: noise, informed, snipers, competing reward makers, and a dealer for scenarios with known answers.
//!
//! What holds here:
//!
//! 1. **An agent knows what it may know.** It acts on [`Seen`] alone: public books as old as the feed, its own delayed and noisy
//!    signal, its own account. No type gives it another's signal, the latent state, or the venue.
//! 2. **Its luck is its own.** An agent draws from streams named after itself and takes one value per decision, so that nothing
//!    another agent does shifts its numbers: the nth arrival is the same in every arm of an experiment.
//! 3. **What it sends the venue can take.** Prices on the tick, sizes in whole hundredths and not below the minimum, and never
//!    more dollars or shares than are free. A race may still make the venue refuse; the agent hears it and goes on.
//! 4. **A wake allocates nothing.** Streams are keyed when the agent is made; requests go into the caller's vector.
//!
//! One agent trades one market with one account. A trader of many markets is many agents.
//!
//! How a world drives one: `board.tell` for each public change and `board.advance` before anybody looks; `own.refresh` with the
//! venue's free amounts and `latent.view` of the agent's ears before each call; `own.sent` for each request it made, in order;
//! `own.apply` for each [`News`] when its latency is over, then [`Agent::hear`]. Every placement must be answered in the end, or the
//! side it was for stays empty.

mod board;
mod dealer;
mod informed;
mod maker;
mod noise;
mod own;
mod params;
mod quoting;
mod sniper;
mod taking;
#[cfg(test)]
mod tests;

pub use board::{Board, Change, MarketFacts, PublicBook};
pub use dealer::{Belief, Dealer, DealerParams, DealerRule};
pub use informed::{EdgeRule, Informed, InformedParams, InformedStyle};
pub use maker::{Distance, Maker, MakerParams};
pub use noise::{Around, Noise, NoiseParams, NoiseSize, Reach};
pub use own::{OpenOrder, Own};
pub use params::BadAgent;
pub use sniper::{Sniper, SniperParams};

use crate::latent::{Jump, Signals};
use mm_core::domain::{MarketIx, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Usdc};

pub use crate::exchange::OrderIx;

/// What an agent asks of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new order.
    Place {
        /// Where.
        market: MarketIx,
        /// Which token.
        outcome: Outcome,
        /// Which way.
        side: Side,
        /// Limit price of this token.
        price: Price,
        /// Shares.
        qty: Qty,
        /// How long it lives.
        tif: TimeInForce,
        /// Refuse rather than match on arrival.
        post_only: bool,
        /// The agent's own word for it, told back with the answer.
        tag: u64,
    },
    /// One order less.
    Cancel {
        /// Which.
        order: OrderIx,
    },
    /// All of the agent's orders.
    CancelAll,
    /// Dollars into as many pairs.
    Split {
        /// Where.
        market: MarketIx,
        /// Pairs, one dollar each.
        qty: Qty,
    },
    /// Pairs back into dollars.
    Merge {
        /// Where.
        market: MarketIx,
        /// Pairs.
        qty: Qty,
    },
}

/// What became of an agent's requests and orders, and what everybody is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// An order was accepted; its fills on arrival follow.
    Accepted {
        /// The agent's word for it.
        tag: u64,
        /// The venue's number.
        order: OrderIx,
    },
    /// A request to place was refused, or ended on arrival without a number.
    Rejected {
        /// The agent's word for it.
        tag: u64,
    },
    /// One of its orders traded.
    Filled {
        /// Which.
        order: OrderIx,
        /// Where.
        market: MarketIx,
        /// Which token the order is for.
        outcome: Outcome,
        /// Which way the order goes.
        side: Side,
        /// Price of that token.
        price: Price,
        /// Shares.
        qty: Qty,
        /// What the venue took on top (a buy) or out of it (a sell).
        fee: Usdc,
    },
    /// One of its orders is no more: filled whole, cancelled, expired or swept.
    Ended {
        /// Which.
        order: OrderIx,
    },
    /// Pairs were made.
    Split {
        /// Where.
        market: MarketIx,
        /// Pairs.
        qty: Qty,
    },
    /// Pairs were turned back.
    Merged {
        /// Where.
        market: MarketIx,
        /// Pairs.
        qty: Qty,
    },
    /// The fair price of a market it [`follows`](Agent::follows) jumped in public.
    Jump(Jump),
}

/// All that an agent can see.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Public books as they were one feed latency ago.
    pub board: &'a Board,
    /// This agent's own view of the latent state.
    pub signals: &'a dyn Signals,
    /// Its account.
    pub own: &'a Own,
}

/// A trader.
pub trait Agent: Send {
    /// The entity name of its draws, such as `noise/3`: unique in the world.
    fn name(&self) -> &str;

    /// Acts on what it can see; returns when it wants to be woken next, always after `at`. `None`: only news wakes it.
    ///
    /// The world wakes every agent once when it begins. A wake that comes early does nothing and returns the same time.
    fn wake(&mut self, at: Timestamp, seen: &Seen<'_>, out: &mut Vec<Request>) -> Option<Timestamp>;

    /// Hears, after its latency, what became of its requests and orders. `seen.own` has heard it already. The next wake stays
    /// where it was.
    fn hear(&mut self, at: Timestamp, news: &News, seen: &Seen<'_>, out: &mut Vec<Request>) {
        let _ = (at, news, seen, out);
    }

    /// The market whose public jumps it wants to hear as [`News::Jump`].
    fn follows(&self) -> Option<MarketIx> {
        None
    }

    /// The same agent in the same state, for a snapshot.
    fn fork(&self) -> Box<dyn Agent>;
}
