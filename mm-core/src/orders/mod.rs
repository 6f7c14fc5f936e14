//! Our orders: what we believe about each, and the fewest actions from what rests to what is wanted.
//!
//! Believes only what the executor says. Never replaces an order whose end is not confirmed, so exposure is never
//! doubled; never resends a placement; forgets ended orders only beyond [`DONE_KEPT`], and then only those of which nothing is to come.

mod live;
mod reconcile;
mod state;
mod why;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_why;

pub use reconcile::{Band, Edit, EditRules, Plan, Wish};
pub use state::{Done, Impossible, OrderState, ScoringAnswer, Tracked};
pub use why::{CancelWhy, PlaceWhy};

use crate::domain::{ClientOrderId, MarketIx, Nanos, NewOrder, OrderId, Outcome, Qty, Side, Timestamp};
use crate::event::Action;
use crate::protocol::{FromExecutor, Refusal};
use live::Live;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Ended orders remembered, so that late fills and repeated cancels still find their order. Beyond it the oldest go first, but for those
/// with a trade that is not final or still to be told …
pub const DONE_KEPT: usize = 4096;

/// … which go beyond this: of them the next balance tells.
pub const DONE_MAX: usize = 4 * DONE_KEPT;

/// Most orders of one market that are meant to rest: one for each outcome and side. What is found beyond that, as after a restart, is
/// cancelled.
pub const ORDERS_PER_MARKET_MAX: usize = 4;

/// Everything about one market's edits that outlives an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Edits {
    /// When the last edit began.
    last: Option<Timestamp>,
    /// Cancels of the running edit whose replacement was not placed yet: those placements finish the edit.
    unfinished: u32,
    /// The venue or the policy said no: nothing is placed before this.
    not_before: Option<Timestamp>,
    /// Consecutive noes.
    noes: u32,
    /// Placements made, and refused or rejected, since the run began.
    placed: u32,
    refused: u32,
    /// How long orders rested before they were edited, the last ones counting most.
    rest: Option<Nanos>,
    /// The last order that ended, by [`slot_ix`].
    ended: [Option<(ClientOrderId, Done)>; ORDERS_PER_MARKET_MAX],
}

/// What a market may have orders in, in the order in which they are planned.
const SLOTS: [(Outcome, Side); ORDERS_PER_MARKET_MAX] =
    [(Outcome::Yes, Side::Buy), (Outcome::Yes, Side::Sell), (Outcome::No, Side::Buy), (Outcome::No, Side::Sell)];

/// Which of the [`SLOTS`] an order is in.
fn slot_ix(order: &NewOrder) -> usize {
    match (order.token.outcome, order.side) {
        (Outcome::Yes, Side::Buy) => 0,
        (Outcome::Yes, Side::Sell) => 1,
        (Outcome::No, Side::Buy) => 2,
        (Outcome::No, Side::Sell) => 3,
    }
}

/// All orders of the run.
#[derive(Clone, Debug)]
pub struct OrderManager {
    rules: EditRules,
    live: Live,
    done: BTreeMap<ClientOrderId, Tracked>,
    done_order: VecDeque<ClientOrderId>,
    /// Ended orders of which matched shares are still to be told as trades.
    owing: BTreeSet<(MarketIx, ClientOrderId)>,
    /// Counts every change of an order.
    version: u64,
    edits: BTreeMap<MarketIx, Edits>,
    next: u64,
}

impl OrderManager {
    /// No orders yet.
    #[must_use]
    pub const fn new(rules: EditRules) -> Self {
        Self {
            rules,
            live: Live::new(),
            done: BTreeMap::new(),
            done_order: VecDeque::new(),
            owing: BTreeSet::new(),
            version: 0,
            edits: BTreeMap::new(),
            next: 1,
        }
    }

    /// Takes one message of the executor. Messages that name no order change nothing here, except `Welcome`.
    ///
    /// # Errors
    /// [`Impossible`] when the message contradicts what is known of the order it names.
    pub fn apply(&mut self, at: Timestamp, event: &FromExecutor) -> Result<(), Impossible> {
        let (id, name) = match event {
            FromExecutor::Welcome { open, .. } => {
                self.adopt(at, open);
                return Ok(());
            }
            FromExecutor::Goodbye { .. }
            | FromExecutor::Gate(_)
            | FromExecutor::Balance { .. }
            | FromExecutor::Share { .. }
            | FromExecutor::Earned { .. } => return Ok(()),
            FromExecutor::Refused { id, .. } => (*id, "Refused"),
            FromExecutor::Rejected { id, .. } => (*id, "Rejected"),
            FromExecutor::Accepted { id, .. } => (*id, "Accepted"),
            FromExecutor::Unknown { id } => (*id, "Unknown"),
            FromExecutor::Fill { id, .. } => (*id, "Fill"),
            FromExecutor::Canceled { id, .. } => (*id, "Canceled"),
            FromExecutor::CancelFailed { id, .. } => (*id, "CancelFailed"),
            FromExecutor::Scoring { id, .. } => (*id, "Scoring"),
        };
        let Some(tracked) = self.live.get_mut(id).or_else(|| self.done.get_mut(&id)) else {
            return Err(Impossible { id, state: None, event: name });
        };
        self.version += 1;
        let was_live = tracked.state.is_live();
        let result = tracked.apply(at, id, event);
        let (is_live, market, owes) = (tracked.state.is_live(), tracked.order.token.market, !tracked.owed().is_zero());
        self.note_answer(at, market, event);
        match (was_live, is_live) {
            (true, false) => self.retire(id),
            (false, true) => self.revive(id),
            (false, false) if owes => {
                self.owing.insert((market, id));
            }
            (false, false) => {
                self.owing.remove(&(market, id));
            }
            (true, true) => {}
        }
        result
    }

    /// A no of the venue or the policy waits longer each time, so that a rule we do not know costs few calls. One that is of the moment
    /// alone waits the least there is, and counts for nothing after it: a start would otherwise keep markets away for a minute.
    fn note_answer(&mut self, at: Timestamp, market: MarketIx, event: &FromExecutor) {
        let edits = self.edits.entry(market).or_default();
        match event {
            FromExecutor::Refused { why, .. } if why.iter().all(Refusal::is_of_the_moment) => {
                let soon = at.plus(self.rules.no_wait);
                edits.not_before = Some(edits.not_before.map_or(soon, |at| at.max(soon)));
            }
            FromExecutor::Refused { .. } | FromExecutor::Rejected { .. } => {
                let step = self.rules.no_wait.nanos().saturating_mul(1 << edits.noes.min(6));
                edits.noes = edits.noes.saturating_add(1);
                edits.refused = edits.refused.saturating_add(1);
                edits.not_before = Some(at.plus(Nanos::from_nanos(step)));
            }
            FromExecutor::Accepted { .. } => {
                edits.noes = 0;
                edits.not_before = None;
            }
            FromExecutor::CancelFailed { .. } => edits.unfinished = edits.unfinished.saturating_sub(1),
            _ => {}
        }
    }

    fn retire(&mut self, id: ClientOrderId) {
        if let Some(tracked) = self.live.remove(id) {
            let market = tracked.order.token.market;
            if let OrderState::Done(done) = tracked.state {
                self.edits.entry(market).or_default().ended[slot_ix(&tracked.order)] = Some((id, done));
            }
            if !tracked.owed().is_zero() {
                self.owing.insert((market, id));
            }
            self.done.insert(id, tracked);
            self.done_order.push_back(id);
            self.forget();
        }
    }

    /// Forgets ended orders that are too many. The newest [`DONE_KEPT`] stay in any case.
    fn forget(&mut self) {
        while self.done_order.len() > DONE_KEPT {
            let old = self.done_order.len() - DONE_KEPT;
            let is_over = |id: &ClientOrderId| self.done.get(id).is_none_or(Tracked::is_settled);
            let over = self.done_order.iter().take(old).position(is_over);
            let Some(place) = over.or((self.done_order.len() > DONE_MAX).then_some(0)) else { return };
            if let Some(id) = self.done_order.remove(place)
                && let Some(forgotten) = self.done.remove(&id)
            {
                self.owing.remove(&(forgotten.order.token.market, id));
            }
        }
    }

    fn revive(&mut self, id: ClientOrderId) {
        if let Some(tracked) = self.done.remove(&id) {
            self.owing.remove(&(tracked.order.token.market, id));
            self.done_order.retain(|other| *other != id);
            self.live.insert(id, tracked);
        }
    }

    /// What the executor calls live is live; what it does not name has ended, or never reached it. How much of that had matched while
    /// nobody listened is not told here: the balance that follows has all holdings, bought and sold, down to those that became nothing.
    fn adopt(&mut self, at: Timestamp, open: &[(ClientOrderId, OrderId, NewOrder, Qty)]) {
        self.version += 1;
        let named = |id: &ClientOrderId| open.iter().any(|(other, ..)| other == id);
        let gone: Vec<ClientOrderId> = self.live.ids().filter(|id| !named(id)).collect();
        for id in gone {
            if let Some(tracked) = self.live.get_mut(id) {
                tracked.enter(at, OrderState::Done(Done::Expired));
            }
            self.retire(id);
        }
        for (id, venue, order, matched) in open {
            self.revive(*id);
            if self.live.get(*id).is_none() {
                self.live.insert(*id, Tracked::new(at, *order, PlaceWhy::Adopted));
            }
            if let Some(tracked) = self.live.get_mut(*id) {
                tracked.adopt(at, *venue, *matched);
            }
            self.next = self.next.max(id.0.saturating_add(1));
        }
    }

    /// The executor is gone: nothing is known of anything live.
    pub fn lose(&mut self, at: Timestamp) {
        self.version += 1;
        for tracked in self.live.iter_mut() {
            tracked.enter(at, OrderState::Unknown);
        }
    }

    /// One order, live or remembered.
    #[must_use]
    pub fn get(&self, id: ClientOrderId) -> Option<&Tracked> {
        self.live.get(id).or_else(|| self.done.get(&id))
    }

    /// Whether an order of this number was placed in this run, or found resting: one that is not known any more is forgotten.
    #[must_use]
    pub const fn was_placed(&self, id: ClientOrderId) -> bool {
        id.0 > 0 && id.0 < self.next
    }

    /// Whether an order may rest.
    #[must_use]
    pub fn is_live(&self, id: ClientOrderId) -> bool {
        self.live.get(id).is_some()
    }

    /// Live orders in the order of their numbers.
    pub fn live(&self) -> impl Iterator<Item = (ClientOrderId, &Tracked)> {
        self.live.iter()
    }

    /// Live orders of one market.
    pub fn live_in(&self, market: MarketIx) -> impl Iterator<Item = (ClientOrderId, &Tracked)> {
        self.live.row(market).iter().map(|(id, tracked)| (*id, tracked))
    }

    /// Ended orders of one market of which matched shares are still to be told as trades.
    pub fn owing_in(&self, market: MarketIx) -> impl Iterator<Item = (ClientOrderId, &Tracked)> {
        let all = (market, ClientOrderId(0))..=(market, ClientOrderId(u64::MAX));
        self.owing.range(all).filter_map(|(_, id)| Some((*id, self.done.get(id)?)))
    }

    /// Counts every change of an order: equal counts, equal orders.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Ended orders still remembered.
    pub fn done(&self) -> impl Iterator<Item = (ClientOrderId, &Tracked)> {
        self.done.iter().map(|(id, tracked)| (*id, tracked))
    }

    /// Number of live orders.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live.len()
    }

    /// Cancels for the sake of better orders that were not placed yet.
    #[must_use]
    pub fn unfinished(&self) -> u32 {
        self.edits.values().fold(0, |sum, edits| sum.saturating_add(edits.unfinished))
    }

    /// How editing has gone in a market: how long orders rested until they were edited, if any was; placements made and refused.
    #[must_use]
    pub fn edit_history(&self, market: MarketIx) -> (Option<Nanos>, u32, u32) {
        self.edits.get(&market).map_or((None, 0, 0), |edits| (edits.rest, edits.placed, edits.refused))
    }

    /// Places one order.
    pub fn place(&mut self, at: Timestamp, order: NewOrder, out: &mut Vec<Action>) -> ClientOrderId {
        let id = ClientOrderId(self.next);
        self.next += 1;
        self.version += 1;
        let edits = self.edits.entry(order.token.market).or_default();
        if edits.unfinished > 0 {
            edits.unfinished -= 1;
        } else {
            edits.last = Some(at);
        }
        edits.placed = edits.placed.saturating_add(1);
        let why = edits.ended[slot_ix(&order)].map_or(PlaceWhy::New, |(id, done)| PlaceWhy::After { id, done });
        self.live.insert(id, Tracked::new(at, order, why));
        out.push(Action::Place { id, order });
        id
    }

    /// Cancels one live order. `Unknown` and ended orders are left alone.
    pub fn cancel(&mut self, at: Timestamp, edit: Edit, out: &mut Vec<Action>) {
        self.version += 1;
        let Some(tracked) = self.live.get_mut(edit.id) else { return };
        let venue = match tracked.state {
            OrderState::PendingNew | OrderState::Open(_) | OrderState::PendingCancel(_) => tracked.venue_id(),
            OrderState::Unknown | OrderState::Done(_) => return,
        };
        let again = matches!(tracked.state, OrderState::PendingCancel(_));
        tracked.state = OrderState::PendingCancel(venue);
        tracked.since = at;
        tracked.cancel_sent = Some(at);
        if !again {
            tracked.cancel_why = Some(edit.why);
            let edits = self.edits.entry(tracked.order.token.market).or_default();
            edits.last = Some(at);
            let rested = at.since(tracked.placed).nanos();
            let mean = edits.rest.map_or(rested, |mean| mean.nanos() / 4 * 3 + rested / 4);
            edits.rest = Some(Nanos::from_nanos(mean));
            edits.unfinished = if edit.dangerous { 0 } else { edits.unfinished.saturating_add(1) };
        }
        out.push(Action::Cancel { id: edit.id });
    }

    /// Cancels everything in one market or in all with a single action.
    pub fn cancel_all(&mut self, at: Timestamp, market: Option<MarketIx>, why: CancelWhy, out: &mut Vec<Action>) {
        self.version += 1;
        for tracked in self.live.iter_mut() {
            let here = market.is_none_or(|m| m == tracked.order.token.market);
            if here && !matches!(tracked.state, OrderState::Unknown | OrderState::Done(_)) {
                if !matches!(tracked.state, OrderState::PendingCancel(_)) {
                    tracked.cancel_why = Some(why);
                }
                tracked.state = OrderState::PendingCancel(tracked.venue_id());
                tracked.since = at;
                tracked.cancel_sent = Some(at);
            }
        }
        for (ix, edits) in &mut self.edits {
            if market.is_none_or(|m| m == *ix) {
                edits.last = Some(at);
                edits.unfinished = 0;
            }
        }
        out.push(Action::CancelAll { market });
    }
}
