//! From state to actions: one quote, one plan for each touched market; then cancels of all, then placements of all.

use super::horizon::{Horizon, Quiet, Watched};
use super::worth::is_by_value;
use super::{Call, Engine, alert};
use crate::domain::{MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Timestamp, Usdc, cost_ceil};
use crate::event::{Action, Alert};
use crate::inventory::Holdings;
use crate::orders::{Band, CancelWhy, Edit, OrderState, Plan, Wish};
use crate::quote::{NoQuote, Quotes, Room, Scratch, Searched, View, Why, again, may_rest_alone, quote_from};
use crate::risk::{Standing, Stop, Thinned, thin};
use arrayvec::ArrayVec;

/// A placement that waits for another order to end is looked at again after this.
const FULL_WAIT: Nanos = Nanos::from_secs(1);

/// Whether quoting runs, our orders, what is held, and dollars that may be at risk.
pub(super) type Situation<'a> = (bool, &'a OwnOrders, Holdings, Room);

/// Our orders in one market.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnOrders {
    /// That may rest, with what is left of each.
    pub(super) rest: Vec<NewOrder>,
    /// What of the book they are, as far as it has told.
    pub(super) shown: Vec<NewOrder>,
}

/// Dollars at work, millionths: sums that are kept up instead of taken anew for every decision.
#[derive(Clone, Debug, Default)]
pub(super) struct Afoot {
    /// Of which version of the orders `open` and `open_in` are.
    version: Option<u64>,
    /// Resting buys of all markets, and of each.
    open: u128,
    open_in: Vec<u128>,
    /// Buys that other markets have planned in this turn and not placed yet.
    planned: u128,
    /// Value of holdings in all markets.
    pub(super) held: u128,
}

/// Which cancels a short budget serves first: an order that is only a tick off still earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    Dangerous,
    /// It scores nothing where it rests, or may not stay.
    Useless,
    /// Another price or size is wanted.
    Better,
}

impl Urgency {
    const ALL: [Self; 3] = [Self::Dangerous, Self::Useless, Self::Better];

    const fn of(edit: &Edit) -> Self {
        match edit.why {
            _ if edit.dangerous => Self::Dangerous,
            CancelWhy::Moved { .. } | CancelWhy::Resized { .. } => Self::Better,
            _ => Self::Useless,
        }
    }
}

pub(super) fn exact(amount: Usdc) -> u128 {
    u128::from(amount.micro())
}

impl Engine {
    pub(super) fn decide(&mut self, out: &mut Vec<Action>) {
        let at = self.at;
        self.budget.refill(at);
        let stop = self.stop().or(self.impossible_stop());
        let runs = self.brake.update(at, stop, self.config.risk.cool_down);
        if runs != self.ran {
            self.ran = runs;
            self.touch_all();
        }
        if !self.welcomed {
            // Nobody hears us, and nothing is known of what rests.
            self.stirred.clear();
            self.dirty.drain_from(MarketIx(0), &mut self.touched);
            for ix in self.touched.drain(..) {
                let state = &mut self.markets[ix.index()];
                (state.decision, state.quiet) = (Some(Err(NoQuote::GateShut)), None);
                state.flow.pause();
            }
            return;
        }
        self.flatten(runs, out);
        self.couple();
        self.value_holdings();
        self.ration(runs);
        let mut plans: Vec<(MarketIx, Plan)> = Vec::new();
        // Who was left out last time comes first.
        let dirty = std::mem::take(&mut self.dirty);
        let mut touched = std::mem::take(&mut self.touched);
        dirty.append(&mut touched);
        touched.drain(..).for_each(|ix| self.stirred.insert(ix));
        let first = self.first.unwrap_or(MarketIx(0));
        self.stirred.drain_from(first, &mut touched);
        for ix in touched.drain(..) {
            let mut known = None;
            if !dirty.contains(ix) && !self.thorough && self.still_fits(ix) {
                if self.markets[ix.index()].quiet.is_some_and(|quiet| !quiet.resized) {
                    self.left_out += 1;
                    continue;
                }
                match self.ask_again(ix, runs) {
                    Ok(()) => {
                        self.kept += 1;
                        continue;
                    }
                    Err(searched) => known = searched,
                }
            }
            if let Some(plan) = self.plan((ix, runs), known, out) {
                let buys = plan.places.iter().filter(|order| order.side == crate::domain::Side::Buy);
                self.afoot.planned += buys.map(|order| exact(order.notional())).sum::<u128>();
                plans.push((ix, plan));
            }
        }
        self.afoot.planned = 0;
        self.touched = touched;
        self.dirty = dirty;
        self.dirty.clear();
        self.carry_out(&plans, out);
    }

    /// Stops while an order is live of which something impossible was said; if it has ended, or is none of ours, only the cool-down is
    /// left of it.
    fn impossible_stop(&mut self) -> Option<Stop> {
        let id = self.impossible?;
        if self.orders.is_live(id) {
            return Some(Stop::Impossible);
        }
        self.impossible = None;
        self.brake.trip(self.at, Stop::Impossible, self.config.risk.cool_down);
        None
    }

    /// Withdraws everything with one action when quoting stops, once.
    fn flatten(&mut self, runs: bool, out: &mut Vec<Action>) {
        if runs && !self.paused {
            self.flattened = false;
            return;
        }
        let rests = |state| matches!(state, OrderState::PendingNew | OrderState::Open(_) | OrderState::Unknown);
        if !self.flattened && self.orders.live().any(|(_, t)| rests(t.state)) {
            self.flattened = true;
            self.totals.cancel_all += 1;
            // Never held back: this is what the budget's debt is for.
            let _ = self.budget.take(Call::Dangerous);
            let cause = self.brake.cause().filter(|_| !runs);
            let why = cause.map_or(CancelWhy::NotQuoted(NoQuote::Paused), |stop| CancelWhy::Stopped(stop.name()));
            self.orders.cancel_all(self.at, None, why, out);
        }
    }

    /// Decides one market. `None` where nothing is to be done, and while its book is in the middle of a timestamp: what rests stays
    /// until that is clear. `known`: what was searched for it in this turn.
    pub(super) fn plan(
        &mut self,
        (ix, runs): (MarketIx, bool),
        known: Option<Searched>,
        out: &mut Vec<Action>,
    ) -> Option<Plan> {
        let at = self.at;
        let state = &mut self.markets[ix.index()];
        state.quiet = None;
        state.quoted.tick = state.book.tick();
        state.quoted.ready = state.facts.ready && !state.resolved;
        if runs && !self.paused && state.book.is_synced() && state.book.doubt().is_some() {
            if let Some(due) = state.book.next_judgement() {
                self.wake(ix, due.max(at.plus(Nanos::from_ms(1))));
            }
            return None;
        }
        let mut own = std::mem::take(&mut self.own_orders);
        self.gather(ix, &mut own);
        let mut scratch = self.scratch.take().unwrap_or_default();
        let plan = self.plan_for((ix, runs), known, &own, &mut scratch, out);
        (self.own_orders, self.scratch) = (own, Some(scratch));
        if let Some(again) = plan.again {
            self.wake(ix, again);
        }
        // A cancel without an answer is looked at again.
        if self.orders.live_in(ix).any(|(_, t)| matches!(t.state, OrderState::PendingCancel(_))) {
            self.wake(ix, at.plus(Nanos::from_secs(5)));
        }
        (!plan.cancels.is_empty() || !plan.places.is_empty()).then_some(plan)
    }

    /// The plan for a market whose book is clear, with our orders that may be in it.
    fn plan_for(
        &mut self,
        (ix, runs): (MarketIx, bool),
        known: Option<Searched>,
        own: &OwnOrders,
        scratch: &mut Scratch,
        out: &mut Vec<Action>,
    ) -> Plan {
        let at = self.at;
        let held = self.holdings(ix);
        let standing = self.standing(ix, held);
        let limits = self.limits();
        let space = self.room(limits, standing.held_here);
        let watched = self.watch_best(ix, (runs, own, held, space), scratch);
        let (want, wish, horizon) = self.want((ix, runs), known, own, (held, space), scratch);
        let mut horizon = horizon.and(watched);
        let (decision, mut want, mut basis) = match want {
            Ok(Quotes { orders, why, basis, .. }) => (Ok(why), orders, Some(basis)),
            Err(why) => (Err(why), ArrayVec::new(), None),
        };
        self.markets[ix.index()].decision = Some(decision);
        let Thinned { mut kept, cut, room, buys } = thin(limits, standing, &mut want);
        if let ([left, _], 1) = (want.as_slice(), kept)
            && !self.may_rest_alone((ix, runs), left, own, (held, space), scratch)
        {
            kept = 0;
        }
        let (want, no_room) = want.split_at(kept);
        if self.told.news(ix, cut) {
            alert(Alert::LimitHit(format!("{} cap in market {}", cut.unwrap_or_default(), ix.0).into()), out);
        }
        let refused = decision.err();
        let cut_off = cut.map(|limit| (limit, no_room));
        let mut plan = self.orders.plan(at, ix, &Wish { want, refused, cut: cut_off, ..wish });
        self.markets[ix.index()].kept = None;
        let optional = plan.cancels.iter().any(is_by_value) && no_room.is_empty();
        if let (Ok(why), true) = (decision, optional) {
            let (kept, read) = self.weighed(ix, &why, want, &plan, (runs, own, held, space), scratch);
            horizon = horizon.and(read);
            if kept.is_some() {
                plan.cancels.retain(|edit| !is_by_value(edit));
                // sizes decide whether that holds
                basis = None;
            }
            self.markets[ix.index()].kept = kept;
        }
        let facts = &self.markets[ix.index()].facts;
        // a link may come alive by data of another market
        let silent = self.markets[ix.index()].decision == Some(Err(NoQuote::Stale));
        let timeless = self.params[ix.index()].as_ref().is_none_or(|params| params.stop_before_end == Nanos::ZERO)
            || (facts.starts.is_none() && facts.ends.is_none());
        if plan.cancels.is_empty() && plan.places.is_empty() && cut.is_none() && timeless && !silent {
            let follows_sizes = self.params[ix.index()].as_ref().is_none_or(|params| params.fair.follows_sizes());
            let basis = basis.filter(|_| !follows_sizes);
            self.markets[ix.index()].quiet =
                Some(Quiet { horizon, room, buys, basis, resized: false, gone: Qty::ZERO });
        }
        plan
    }

    /// Whether the last decision of a market still keeps the limits over all markets.
    fn still_fits(&mut self, ix: MarketIx) -> bool {
        let ([elsewhere, buys_elsewhere], free) = (self.elsewhere(ix), self.inventory.usdc_free());
        self.markets[ix.index()]
            .quiet
            .is_some_and(|quiet| elsewhere <= quiet.room && quiet.buys.saturating_add(buys_elsewhere) <= free)
    }

    /// Asks whether the quotes of a decision, of which only sizes in the book have changed, are still what is wanted; what they bring is
    /// noted anew then.
    fn ask_again(&mut self, ix: MarketIx, runs: bool) -> Result<(), Option<Searched>> {
        let state = &self.markets[ix.index()];
        let (Some(Quiet { basis: Some(basis), gone, .. }), Some(Ok(why))) = (&state.quiet, &state.decision) else {
            return Err(None);
        };
        let (mut own, mut scratch) = (std::mem::take(&mut self.own_orders), self.scratch.take().unwrap_or_default());
        self.gather(ix, &mut own);
        let room = self.room(self.limits(), state.held_value);
        let book = Watched::new(&state.book);
        let view = self.view(ix, &book, (runs, &own, self.holdings(ix), room));
        let again = view.map_or(Err(None), |view| again(&view, why, (basis, *gone), &mut scratch));
        (self.own_orders, self.scratch) = (own, Some(scratch));
        let state = &mut self.markets[ix.index()];
        let (why, basis) = again?;
        state.decision = Some(Ok(why));
        state.quiet = state.quiet.map(|quiet| Quiet { basis: Some(basis), resized: false, gone: Qty::ZERO, ..quiet });
        Ok(())
    }

    /// What should rest in a market, and what the order manager must know to judge what does.
    fn want(
        &self,
        (ix, runs): (MarketIx, bool),
        known: Option<Searched>,
        own: &OwnOrders,
        (held, room): (Holdings, Room),
        scratch: &mut Scratch,
    ) -> (Result<Quotes, NoQuote>, Wish<'static>, Horizon) {
        let state = &self.markets[ix.index()];
        let mut wish = Wish {
            want: &[],
            refused: None,
            cut: None,
            reservation2x: None,
            most: [Qty::MAX; 2],
            band: None,
            tick: state.book.tick(),
        };
        let book = Watched::new(&state.book);
        let Some(view) = self.view(ix, &book, (runs, own, held, room)) else {
            return (Err(NoQuote::NotReady), wish, book.horizon());
        };
        let quotes = quote_from(&view, known, scratch);
        wish.most = [held.yes, held.no].map(|held| view.params.max_held.saturating_sub(held.matched));
        if let Ok(Quotes { why, scoring_now, .. }) = &quotes {
            wish.reservation2x = Some(why.fair.value.halves());
            wish.band = scoring_now.zip(state.quoted.rewards.as_ref()).map(|(midpoint, terms)| Band {
                midpoint2x: midpoint.halves(),
                reach2x: 2 * terms.max_spread.ten_thousandths(),
                min_size: terms.min_size,
            });
        }
        let wanted = match state.minutes.left_until {
            Some(until) => quotes.and(Err(NoQuote::NotScoring { until })),
            None => quotes,
        };
        (wanted, wish, book.horizon())
    }

    /// Whether what the limits leave of a pair is worth resting.
    fn may_rest_alone(
        &self,
        (ix, runs): (MarketIx, bool),
        left: &NewOrder,
        own: &OwnOrders,
        (held, room): (Holdings, Room),
        scratch: &mut Scratch,
    ) -> bool {
        let book = Watched::new(&self.markets[ix.index()].book);
        let view = self.view(ix, &book, (runs, own, held, room));
        view.is_some_and(|view| may_rest_alone(&view, left, scratch))
    }

    /// What a quote may depend on; `None` for a market that is never quoted.
    pub(super) fn view<'a>(
        &'a self,
        ix: MarketIx,
        book: &'a Watched<'a>,
        (runs, own, held, room): Situation<'a>,
    ) -> Option<View<'a, Watched<'a>>> {
        let state = &self.markets[ix.index()];
        Some(View {
            at: self.at,
            row: ix,
            market: &state.quoted,
            book,
            book_trusted: state.book.is_synced(),
            stale: self.links.get(&self.link_of(ix)).is_some_and(|link| !link.is_alive()),
            held,
            linked: &state.coupling.linked,
            own: &own.rest,
            shown: &own.shown,
            room,
            params: self.params[ix.index()].as_ref()?,
            adjust: state.minutes.adjust(&self.config.rewards.rules),
            recent: self.recent(ix),
            gate_open: runs,
            paused: self.paused,
        })
    }

    /// Our orders that may be in the book, with what is left of each.
    pub(super) fn own(&self, ix: MarketIx) -> impl Iterator<Item = NewOrder> {
        let left = self.orders.live_in(ix).map(|(_, t)| NewOrder { qty: t.remaining(), ..t.order });
        left.filter(|order| !order.qty.is_zero())
    }

    /// The same, and what of the book is ours.
    pub(super) fn gather(&self, ix: MarketIx, own: &mut OwnOrders) {
        own.rest.clear();
        own.rest.extend(self.own(ix));
        own.shown.clear();
        own.shown.extend(self.markets[ix.index()].places.in_book(ix));
    }

    /// What is held, with shares whose trades are still to be told counted as held: that bounds risk.
    pub(super) fn holdings(&self, ix: MarketIx) -> Holdings {
        let mut held = self.inventory.holdings(ix);
        let owing = self.orders.live_in(ix).chain(self.orders.owing_in(ix));
        for (_, tracked) in owing.filter(|(_, t)| t.order.side == crate::domain::Side::Buy && !t.owed().is_zero()) {
            let of = match tracked.order.token.outcome {
                Outcome::Yes => &mut held.yes,
                Outcome::No => &mut held.no,
            };
            of.matched = of.matched.saturating_add(tracked.owed());
        }
        held
    }

    /// Values what is held in all markets to decide before the first of them is: it counts against every other one.
    fn value_holdings(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        self.dirty.append(&mut touched);
        // one alone is valued when it is decided
        if touched.len() > 1 || self.ration.due {
            for ix in &touched {
                self.value(*ix, self.holdings(*ix));
            }
        }
        touched.clear();
        self.touched = touched;
    }

    /// What stands against the limits besides this market's own wish.
    fn standing(&mut self, ix: MarketIx, held: Holdings) -> Standing {
        let held_here = self.value(ix, held);
        let [elsewhere, buys_elsewhere] = self.elsewhere(ix);
        Standing { held_here, elsewhere, buys_elsewhere }
    }

    /// What is held in a market at the book's midpoint, noted as what counts against all others.
    fn value(&mut self, ix: MarketIx, held: Holdings) -> Usdc {
        let halves = self.markets[ix.index()].book.midpoint2x();
        let price = halves.and_then(|h| u16::try_from(h.div_ceil(2)).ok()).and_then(Price::from_ten_thousandths);
        let value = |qty: Qty, price: Option<Price>| cost_ceil(price.unwrap_or(Price::ONE), qty);
        let held_here = value(held.yes.matched, price)
            .saturating_add(value(held.no.matched, price.and_then(|p| p.complement().checked_add(1)).or(price)));
        self.afoot.held = self.afoot.held - exact(self.markets[ix.index()].held_value) + exact(held_here);
        self.markets[ix.index()].held_value = held_here;
        held_here
    }

    /// Resting buys and holdings of all other markets, and what they have planned in this turn; and of that the buys alone.
    fn elsewhere(&mut self, ix: MarketIx) -> [Usdc; 2] {
        let known = self.afoot.version == Some(self.orders.version()) && self.afoot.open_in.len() == self.markets.len();
        if !known {
            self.afoot.version = Some(self.orders.version());
            self.afoot.open = 0;
            self.afoot.open_in.clear();
            self.afoot.open_in.resize(self.markets.len(), 0);
            for (_, tracked) in self.orders.live().filter(|(_, t)| t.order.side == crate::domain::Side::Buy) {
                let cost = exact(cost_ceil(tracked.order.price, tracked.remaining()));
                self.afoot.open += cost;
                if let Some(open) = self.afoot.open_in.get_mut(tracked.order.token.market.index()) {
                    *open += cost;
                }
            }
        }
        let buys = self.afoot.open + self.afoot.planned - self.afoot.open_in[ix.index()];
        let held = self.afoot.held - exact(self.markets[ix.index()].held_value);
        [buys + held, buys].map(|sum| Usdc::from_micro(u64::try_from(sum).unwrap_or(u64::MAX)))
    }

    /// Cancels of all markets by [`Urgency`], then placements, as far as the budget reaches. What does not fit is decided again when it
    /// can go.
    fn carry_out(&mut self, plans: &[(MarketIx, Plan)], out: &mut Vec<Action>) {
        let at = self.at;
        let mut short: Option<MarketIx> = None;
        if plans.is_empty() {
            return;
        }
        let owed = plans.iter().map(|(_, plan)| plan.places.len()).sum::<usize>();
        let mut owed = u32::try_from(owed).unwrap_or(u32::MAX).saturating_add(self.orders.unfinished());
        for urgency in Urgency::ALL {
            for (ix, plan) in plans {
                for edit in plan.cancels.iter().filter(|edit| Urgency::of(edit) == urgency) {
                    let call = if edit.dangerous { Call::Dangerous } else { Call::Edit { owed } };
                    if self.budget.take(call) {
                        self.totals.canceled += 1;
                        self.orders.cancel(at, *edit, out);
                        owed += u32::from(!edit.dangerous);
                    } else {
                        self.put_off(*ix, self.budget.next(call), &mut short);
                    }
                }
            }
        }
        for (ix, plan) in self.by_value(plans) {
            for order in &plan.places {
                let room = self.orders.live_count() < self.config.orders.max_open_orders as usize;
                if !room {
                    if self.told.news(*ix, Some("open orders")) {
                        alert(Alert::LimitHit("max_open_orders".into()), out);
                    }
                    self.put_off(*ix, at.plus(FULL_WAIT), &mut short);
                } else if self.budget.take(Call::Place) {
                    self.totals.placed += 1;
                    let id = self.orders.place(at, *order, out);
                    let state = &mut self.markets[ix.index()];
                    state.places.join(id, order, &state.book);
                } else {
                    self.put_off(*ix, self.budget.next(Call::Place), &mut short);
                }
            }
        }
        if let Some(ix) = short {
            self.first = Some(ix);
        }
    }

    /// Plans in the order in which they place. While there is room for all, theirs; when it is short, first the market that was left out
    /// last, then those whose quotes bring most for a call.
    fn by_value<'a>(&self, plans: &'a [(MarketIx, Plan)]) -> Vec<&'a (MarketIx, Plan)> {
        let mut sorted: Vec<&(MarketIx, Plan)> = plans.iter().filter(|(_, plan)| !plan.places.is_empty()).collect();
        let calls = sorted.iter().map(|(_, plan)| plan.places.len()).sum();
        if !self.budget.fits(calls) {
            sorted.sort_by_key(|(ix, plan)| {
                let value = match self.markets[ix.index()].decision {
                    Some(Ok(Why { value: Some(value), .. })) => value.net_per_day().micro(),
                    _ => 0,
                };
                let calls = i64::try_from(plan.places.len()).unwrap_or(i64::MAX);
                (Some(*ix) != self.first, std::cmp::Reverse(value / calls))
            });
        }
        sorted
    }

    fn put_off(&mut self, ix: MarketIx, until: Timestamp, short: &mut Option<MarketIx>) {
        self.wake(ix, until.max(self.at.plus(Nanos::from_nanos(1))));
        short.get_or_insert(ix);
    }
}
