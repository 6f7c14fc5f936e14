//! One order's life, total over every message in every state.
//!
//! Nothing here panics on a message: what makes no sense is an [`Impossible`], and the order then takes the state that
//! risks least (an order the venue may still hold counts as resting).

use super::{CancelWhy, PlaceWhy};
use crate::domain::{ClientOrderId, NewOrder, OrderId, Qty, Timestamp, TradeId};
use crate::protocol::{FromExecutor, Stage};
use std::collections::BTreeMap;

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Handed to the executor, no answer yet: counts as resting.
    PendingNew,
    /// Rests at the venue.
    Open(OrderId),
    /// A cancel is on its way: still rests. `None` while the venue's id is not known to us.
    PendingCancel(Option<OrderId>),
    /// Sent, outcome unproved: counts as resting and cannot be cancelled until the executor resolves it.
    Unknown,
    /// Rests no more. Fills may still follow.
    Done(Done),
}

/// Why an order rests no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Traded whole.
    Filled,
    /// Cancelled at our wish.
    Canceled,
    /// Our policy said no.
    Refused,
    /// The venue said no, or it provably never left.
    Rejected,
    /// Ended without our wish: expired, swept, or cancelled by another hand.
    Expired,
}

impl OrderState {
    /// The name screens and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingNew => "pending-new",
            Self::Open(_) => "open",
            Self::PendingCancel(_) => "pending-cancel",
            Self::Unknown => "unknown",
            Self::Done(Done::Filled) => "filled",
            Self::Done(Done::Canceled) => "canceled",
            Self::Done(Done::Refused) => "refused",
            Self::Done(Done::Rejected) => "rejected",
            Self::Done(Done::Expired) => "expired",
        }
    }

    /// Whether it may rest at the venue.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Done(_))
    }
}

/// A message that makes no sense for the order it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} makes no sense for order {id} in state {}", state.map_or("never placed", OrderState::name))]
pub struct Impossible {
    /// The order named.
    pub id: ClientOrderId,
    /// Its state before the message; `None` for an order we do not know.
    pub state: Option<OrderState>,
    /// The message.
    pub event: &'static str,
}

/// An answer about scoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoringAnswer {
    /// When it came.
    pub at: Timestamp,
    /// What the venue said; `None`: it said nothing, which is no yes.
    pub scoring: Option<bool>,
}

/// One order and everything heard about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// What was placed.
    pub order: NewOrder,
    /// Where it is.
    pub state: OrderState,
    /// Shares of trades that stand (not failed): what was bought or sold.
    pub filled: Qty,
    /// Shares of all trades: one that failed does not come back to the book.
    pub traded: Qty,
    /// The venue's last word on how much had matched when it ended.
    pub matched: Qty,
    /// When the state last changed.
    pub since: Timestamp,
    /// When it was placed.
    pub placed: Timestamp,
    /// Why it was placed.
    pub place_why: PlaceWhy,
    /// Why its running or last cancel began.
    pub cancel_why: Option<CancelWhy>,
    /// The last time a cancel was sent.
    pub cancel_sent: Option<Timestamp>,
    /// The last time a cancel was refused.
    pub cancel_failed: Option<Timestamp>,
    /// The last answer to the question whether it scores; `None`: never asked.
    pub scoring: Option<ScoringAnswer>,
    venue: Option<OrderId>,
    /// The venue was heard to take it, not only the executor to know it.
    accepted: bool,
    trades: BTreeMap<TradeId, (Qty, Stage)>,
}

impl Tracked {
    /// A new order, just handed out.
    #[must_use]
    pub const fn new(at: Timestamp, order: NewOrder, why: PlaceWhy) -> Self {
        Self {
            order,
            state: OrderState::PendingNew,
            filled: Qty::ZERO,
            traded: Qty::ZERO,
            matched: Qty::ZERO,
            since: at,
            placed: at,
            place_why: why,
            cancel_why: None,
            cancel_sent: None,
            cancel_failed: None,
            scoring: None,
            venue: None,
            accepted: false,
            trades: BTreeMap::new(),
        }
    }

    /// The venue's id, once known.
    #[must_use]
    pub const fn venue_id(&self) -> Option<OrderId> {
        self.venue
    }

    /// Shares known to have matched, whether their trades were told yet or not.
    #[must_use]
    pub fn matched_so_far(&self) -> Qty {
        self.traded.max(self.matched)
    }

    /// Shares that still rest if the order is live.
    #[must_use]
    pub fn remaining(&self) -> Qty {
        self.order.qty.saturating_sub(self.matched_so_far())
    }

    /// Shares that matched by the venue's word and whose trades are still to come. A trade that came and failed is none.
    #[must_use]
    pub fn owed(&self) -> Qty {
        self.matched.saturating_sub(self.traded)
    }

    /// Whether nothing is to come of its trades: all are final, and all that matched was told.
    #[must_use]
    pub(super) fn is_settled(&self) -> bool {
        let is_final = |(_, stage): &(Qty, Stage)| matches!(stage, Stage::Confirmed | Stage::Failed);
        self.owed().is_zero() && self.trades.values().all(is_final)
    }

    /// The executor lists it as resting after a reconnect: whatever we thought, it rests.
    pub(super) fn adopt(&mut self, at: Timestamp, venue: OrderId, matched: Qty) {
        self.matched = self.matched.max(matched);
        self.venue = Some(venue);
        self.enter(at, OrderState::Open(venue));
    }

    pub(super) fn enter(&mut self, at: Timestamp, state: OrderState) {
        if self.state != state {
            self.state = state;
            self.since = at;
        }
    }

    /// Takes one message about this order.
    ///
    /// # Errors
    /// [`Impossible`] when the message contradicts what was heard before; it has been counted where ignoring it could
    /// hide risk.
    pub(super) fn apply(&mut self, at: Timestamp, id: ClientOrderId, event: &FromExecutor) -> Result<(), Impossible> {
        let before = self.state;
        let impossible = |event| Err(Impossible { id, state: Some(before), event });
        match event {
            FromExecutor::Accepted { order, .. } => self.accepted(at, *order).or_else(|()| impossible("Accepted")),
            FromExecutor::Unknown { .. } => self.unknown(at).or_else(|()| impossible("Unknown")),
            FromExecutor::Refused { .. } => self.ended_unplaced(at, Done::Refused).or_else(|()| impossible("Refused")),
            FromExecutor::Rejected { .. } => {
                self.ended_unplaced(at, Done::Rejected).or_else(|()| impossible("Rejected"))
            }
            FromExecutor::Fill { trade, qty, stage, .. } => {
                self.fill(at, trade, *qty, *stage).or_else(|()| impossible("Fill"))
            }
            FromExecutor::Canceled { matched, .. } => self.canceled(at, *matched).or_else(|()| impossible("Canceled")),
            FromExecutor::CancelFailed { .. } => {
                self.cancel_failed(at);
                Ok(())
            }
            FromExecutor::Scoring { scoring, .. } => {
                self.scoring = Some(ScoringAnswer { at, scoring: *scoring });
                Ok(())
            }
            FromExecutor::Welcome { .. }
            | FromExecutor::Goodbye { .. }
            | FromExecutor::Gate(_)
            | FromExecutor::Balance { .. }
            | FromExecutor::Share { .. }
            | FromExecutor::Earned { .. } => Ok(()),
        }
    }

    fn accepted(&mut self, at: Timestamp, order: OrderId) -> Result<(), ()> {
        if self.venue.is_some_and(|known| known != order) {
            return Err(());
        }
        self.venue = Some(order);
        self.accepted = true;
        match self.state {
            OrderState::PendingNew | OrderState::Unknown => {
                self.enter(at, OrderState::Open(order));
                Ok(())
            }
            OrderState::PendingCancel(_) => {
                self.enter(at, OrderState::PendingCancel(Some(order)));
                Ok(())
            }
            OrderState::Open(_) => Ok(()),
            // The answer to the POST may come after the stream has told the whole life.
            OrderState::Done(Done::Filled | Done::Canceled | Done::Expired) if self.remaining().is_zero() => Ok(()),
            // The executor says it of an order that has ended only when it was seen to rest after it was given up.
            OrderState::Done(_) => {
                self.enter(at, OrderState::Open(order));
                Err(())
            }
        }
    }

    fn unknown(&mut self, at: Timestamp) -> Result<(), ()> {
        match self.state {
            OrderState::PendingNew | OrderState::Open(_) | OrderState::PendingCancel(_) | OrderState::Unknown => {
                self.enter(at, OrderState::Unknown);
                Ok(())
            }
            OrderState::Done(Done::Filled | Done::Canceled | Done::Expired) => Ok(()),
            OrderState::Done(Done::Refused | Done::Rejected) => {
                self.enter(at, OrderState::Unknown);
                Err(())
            }
        }
    }

    /// `Refused` and `Rejected`: it never rested.
    fn ended_unplaced(&mut self, at: Timestamp, done: Done) -> Result<(), ()> {
        match self.state {
            OrderState::PendingNew | OrderState::Open(_) | OrderState::PendingCancel(_) | OrderState::Unknown
                if !self.accepted =>
            {
                self.enter(at, OrderState::Done(done));
                if self.trades.is_empty() { Ok(()) } else { Err(()) }
            }
            OrderState::Done(was) if was == done => Ok(()),
            _ => Err(()),
        }
    }

    fn fill(&mut self, at: Timestamp, trade: &TradeId, qty: Qty, stage: Stage) -> Result<(), ()> {
        match self.trades.get_mut(trade) {
            None => {
                self.trades.insert(trade.clone(), (qty, stage));
                self.traded = self.traded.saturating_add(qty);
                if stage != Stage::Failed {
                    self.filled = self.filled.saturating_add(qty);
                }
            }
            // Stages repeat and come late; only a failure changes what we hold, and it is final.
            Some((_, Stage::Failed)) => {}
            Some((_, Stage::Confirmed)) => return if stage == Stage::Failed { Err(()) } else { Ok(()) },
            Some((counted, was)) => {
                if stage == Stage::Failed {
                    self.filled = self.filled.saturating_sub(*counted);
                }
                *was = stage;
            }
        }
        let over = self.traded > self.order.qty;
        let never_rested = matches!(self.state, OrderState::Done(Done::Refused | Done::Rejected));
        // The executor ends an order by the same sum, and says no more then.
        if self.state.is_live() && self.traded >= self.order.qty {
            self.enter(at, OrderState::Done(Done::Filled));
        }
        if over || never_rested { Err(()) } else { Ok(()) }
    }

    fn canceled(&mut self, at: Timestamp, matched: Qty) -> Result<(), ()> {
        self.matched = self.matched.max(matched);
        match self.state {
            OrderState::Done(Done::Refused | Done::Rejected) => {
                if matched.is_zero() {
                    Ok(())
                } else {
                    Err(())
                }
            }
            OrderState::Done(_) => Ok(()),
            _ => {
                let done = if self.cancel_sent.is_some() { Done::Canceled } else { Done::Expired };
                self.enter(at, OrderState::Done(done));
                if matched > self.order.qty { Err(()) } else { Ok(()) }
            }
        }
    }

    fn cancel_failed(&mut self, at: Timestamp) {
        self.cancel_failed = Some(at);
        match self.state {
            OrderState::PendingCancel(Some(order)) => self.enter(at, OrderState::Open(order)),
            OrderState::PendingCancel(None) => self.enter(at, OrderState::PendingNew),
            OrderState::PendingNew | OrderState::Open(_) | OrderState::Unknown | OrderState::Done(_) => {}
        }
    }
}
