//! Why an order was placed or cancelled, with the numbers of that moment.
//!
//! Plain values, set where the decision falls and read by people: a replay of the same turns sets the same ones. Nothing decides by
//! them.

use super::state::{Done, OrderState};
use crate::domain::{ClientOrderId, Price, Qty, TickSize};
use crate::quote::NoQuote;
use std::fmt;

/// Why an order was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceWhy {
    /// It is wanted, and no order of this run had been there before.
    New,
    /// It is wanted, and the last order of its token and side has ended.
    After {
        /// The order before it.
        id: ClientOrderId,
        /// How that one ended.
        done: Done,
    },
    /// Not placed by this engine: the executor named it when it was connected to.
    Adopted,
}

impl PlaceWhy {
    /// The order it takes the place of.
    #[must_use]
    pub const fn follows(&self) -> Option<ClientOrderId> {
        match self {
            Self::After { id, .. } => Some(*id),
            Self::New | Self::Adopted => None,
        }
    }
}

impl fmt::Display for PlaceWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("wanted, and none of ours was there before"),
            Self::After { id, done } => write!(f, "wanted after order {id} ({})", OrderState::Done(*done).name()),
            Self::Adopted => f.write_str("named by the executor as resting"),
        }
    }
}

/// Why an order is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelWhy {
    /// Nothing is wanted in its market.
    NotQuoted(NoQuote),
    /// Nothing is quoted anywhere.
    Stopped(&'static str),
    /// It is wanted, and a limit of the core leaves no room for it.
    Cut(&'static str),
    /// Its market is quoted, but not on its token and side.
    SideNotWanted,
    /// Another order of ours is what is wanted there.
    Surplus,
    /// At or through the reservation price, and the wanted one would not be. Prices in YES terms.
    Through {
        /// Where it rests.
        price: Price,
        /// The reservation price, doubled, in ten-thousandths.
        reservation2x: u16,
        /// What is wanted.
        to: Price,
    },
    /// What is left of it would take holdings beyond their bound.
    TooMuch {
        /// Left of it.
        left: Qty,
        /// The most that may still be bought.
        most: Qty,
    },
    /// Another time in force or another post-only flag is wanted.
    OtherKind,
    /// The tick has changed under it.
    OffTick {
        /// Where it rests.
        price: Price,
        /// The tick now.
        tick: TickSize,
    },
    /// It scores nothing where it rests, and the wanted one would. Prices in YES terms.
    OutOfBand {
        /// Where it rests.
        price: Price,
        /// The scoring midpoint, doubled, in ten-thousandths.
        midpoint2x: u16,
        /// The band, doubled, in ten-thousandths: nearer than this scores.
        reach2x: u16,
        /// What is wanted.
        to: Price,
    },
    /// What is left of it is too small to score, and the wanted one would not be.
    TooSmall {
        /// Left of it.
        left: Qty,
        /// The smallest that scores.
        min: Qty,
        /// What is wanted.
        to: Qty,
    },
    /// Another price is wanted.
    Moved {
        /// Where it rests.
        from: Price,
        /// What is wanted.
        to: Price,
        /// Ticks between the two, up counted positive.
        ticks: i32,
    },
    /// Another size is wanted.
    Resized {
        /// What is left of it.
        from: Qty,
        /// What is wanted.
        to: Qty,
    },
}

impl CancelWhy {
    /// Whether it is only for the sake of a better order: what that one brings may be weighed against the edit.
    #[must_use]
    pub const fn is_a_matter_of_value(&self) -> bool {
        matches!(self, Self::OutOfBand { .. } | Self::TooSmall { .. } | Self::Moved { .. } | Self::Resized { .. })
    }

    /// A short stable name for metrics and screens.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotQuoted(_) => "not-quoted",
            Self::Stopped(_) => "stopped",
            Self::Cut(_) => "limit-cut",
            Self::SideNotWanted => "side-not-wanted",
            Self::Surplus => "surplus",
            Self::Through { .. } => "through-reservation",
            Self::TooMuch { .. } => "too-much-held",
            Self::OtherKind => "other-kind",
            Self::OffTick { .. } => "off-tick",
            Self::OutOfBand { .. } => "out-of-band",
            Self::TooSmall { .. } => "too-small",
            Self::Moved { .. } => "moved",
            Self::Resized { .. } => "resized",
        }
    }
}

/// Doubled ten-thousandths as dollars.
struct Doubled(u16);

impl fmt::Display for Doubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::domain::format_decimal(f, u64::from(self.0) * 5, 5)
    }
}

impl fmt::Display for CancelWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotQuoted(why) => write!(f, "nothing is wanted here: {why}"),
            Self::Stopped(why) => write!(f, "nothing is quoted anywhere: {why}"),
            Self::Cut(limit) => write!(f, "no room under the {limit} cap"),
            Self::SideNotWanted => f.write_str("nothing is wanted on this side"),
            Self::Surplus => f.write_str("a second order where one is wanted"),
            Self::Through { price, reservation2x, to } => {
                let at = Doubled(*reservation2x);
                write!(f, "{price} is at or through the reservation price {at}, {to} is wanted (YES terms)")
            }
            Self::TooMuch { left, most } => write!(f, "{left} shares are left of it, {most} may still be bought"),
            Self::OtherKind => f.write_str("another kind of order is wanted"),
            Self::OffTick { price, tick } => write!(f, "{price} is not on the tick {tick}"),
            Self::OutOfBand { price, midpoint2x, reach2x, to } => {
                let (middle, reach) = (Doubled(*midpoint2x), Doubled(*reach2x));
                write!(f, "{price} scores nothing: not within {reach} of {middle}, {to} is wanted (YES terms)")
            }
            Self::TooSmall { left, min, to } => {
                write!(f, "{left} shares are left, {min} score, {to} are wanted")
            }
            Self::Moved { from, to, ticks } => write!(f, "moved by {ticks:+} ticks: {from} rests, {to} is wanted"),
            Self::Resized { from, to } => write!(f, "resized: {from} shares rest, {to} are wanted"),
        }
    }
}
