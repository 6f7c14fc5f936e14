//! Wanted quotes against live orders: the fewest actions, and never two orders where one is wanted.
//!
//! A slot is one wanted order of one (token, side). Every live order occupies at most one slot until its end is
//! confirmed; a placement goes only into a slot nobody occupies. Floors (minimum edit time, do-nothing zone) hold for
//! every edit except a dangerous order, which is cancelled at once.

use super::live::Numbered;
use super::state::{OrderState, Tracked};
use super::{CancelWhy, Edits, OrderManager, SLOTS, slot_ix};
use crate::domain::{ClientOrderId, MarketIx, Nanos, NewOrder, Outcome, Qty, Side, TickSize, Timestamp, Token};
use crate::quote::NoQuote;

/// A cancel that got no answer is sent again after this: cancelling twice is harmless.
const CANCEL_AGAIN: Nanos = Nanos::from_ms(5_000);
/// A refused cancel is tried again after this.
const CANCEL_FAILED_WAIT: Nanos = Nanos::from_ms(500);

/// The floors under every edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditRules {
    /// Least time between two edits of one market.
    pub min_edit_interval: Nanos,
    /// A move of less than this many ten-thousandths …
    pub do_nothing_price: u16,
    /// … with a size change of less than this many percent is no reason to edit.
    pub do_nothing_size_percent: u8,
    /// First wait after a refused or rejected placement; doubles up to 64 times.
    pub no_wait: Nanos,
}

/// Where an order scores, in YES terms and doubled ten-thousandths, so that a midpoint between two prices is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Prices must be strictly nearer to this …
    pub midpoint2x: u16,
    /// … than this.
    pub reach2x: u16,
    /// Smallest size that scores.
    pub min_size: Qty,
}

impl Band {
    fn reaches(self, order: &NewOrder) -> bool {
        let (_, price) = order.in_yes_terms();
        (2 * price.ten_thousandths()).abs_diff(self.midpoint2x) < self.reach2x
    }

    /// Why an order with this much left of it scores nothing, where the wanted one would.
    fn lost(self, order: &NewOrder, left: Qty, wanted: &NewOrder) -> Option<CancelWhy> {
        if !self.reaches(wanted) || wanted.qty < self.min_size {
            return None;
        }
        if !self.reaches(order) {
            let ((_, price), (_, to)) = (order.in_yes_terms(), wanted.in_yes_terms());
            let (midpoint2x, reach2x) = (self.midpoint2x, self.reach2x);
            return Some(CancelWhy::OutOfBand { price, midpoint2x, reach2x, to });
        }
        (left < self.min_size).then_some(CancelWhy::TooSmall { left, min: self.min_size, to: wanted.qty })
    }
}

/// What one market should look like.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Wanted resting orders; empty withdraws everything at once.
    pub want: &'a [NewOrder],
    /// Why nothing is wanted.
    pub refused: Option<NoQuote>,
    /// Orders that were wanted and have no room under this limit.
    pub cut: Option<(&'static str, &'a [NewOrder])>,
    /// Reservation price in YES terms, doubled: an order at or through it that is also more eager than the wanted one
    /// is dangerous.
    pub reservation2x: Option<u16>,
    /// The most that may still be bought of each outcome, YES first: an order with more left of it is dangerous.
    pub most: [Qty; 2],
    /// Where orders score, if anything is paid.
    pub band: Option<Band>,
    /// The market's tick now: an order off it cannot stay.
    pub tick: TickSize,
}

impl Wish<'_> {
    /// Why nothing is wanted in a slot.
    fn unwanted(&self, slot: (Token, Side)) -> CancelWhy {
        match (self.refused, self.cut) {
            (Some(why), _) => CancelWhy::NotQuoted(why),
            (None, Some((limit, orders))) if orders.iter().any(|o| (o.token, o.side) == slot) => CancelWhy::Cut(limit),
            (None, _) => CancelWhy::SideNotWanted,
        }
    }
}

/// One cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which order.
    pub id: ClientOrderId,
    /// Past every floor.
    pub dangerous: bool,
    /// Why, if it is the first cancel of this order.
    pub why: CancelWhy,
}

/// What one market needs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Orders to cancel.
    pub cancels: Vec<Edit>,
    /// Orders to place into free slots.
    pub places: Vec<NewOrder>,
    /// When to look again although nothing may have happened: a floor ends then.
    pub again: Option<Timestamp>,
}

impl Plan {
    fn look_again(&mut self, at: Timestamp) {
        self.again = Some(self.again.map_or(at, |known| known.min(at)));
    }
}

impl OrderManager {
    /// Fewest actions from what rests in `market` to what is wanted. Changes nothing.
    #[must_use]
    pub fn plan(&self, at: Timestamp, market: MarketIx, wish: &Wish<'_>) -> Plan {
        let mut plan = Plan::default();
        let none = Edits::default();
        let edits = self.edits.get(&market).unwrap_or(&none);
        assert!(
            wish.want.iter().all(|o| o.token.market == market),
            "an order of another market is wanted in {market:?}: {:?}",
            wish.want
        );
        let live = self.live.row(market);
        let mut named = [false; SLOTS.len()];
        wish.want.iter().chain(live.iter().map(|(_, t)| &t.order)).for_each(|order| named[slot_ix(order)] = true);
        for ((outcome, side), _) in SLOTS.into_iter().zip(named).filter(|(_, named)| *named) {
            self.plan_slot(at, (Token { market, outcome }, side), live, wish, edits, &mut plan);
        }
        plan
    }

    fn plan_slot(
        &self,
        at: Timestamp,
        slot: (Token, Side),
        live: &[Numbered],
        wish: &Wish<'_>,
        edits: &Edits,
        plan: &mut Plan,
    ) {
        let same = |o: &NewOrder| (o.token, o.side) == slot;
        let mut want = wish.want.iter().filter(|o| same(o));
        let mut rests = live.iter().filter(|(_, t)| same(&t.order)).map(|(id, tracked)| (*id, tracked));
        // the everyday cases have nothing to pair
        match (want.next(), rests.next(), want.next().is_some() || rests.next().is_some()) {
            (None, None, _) => return,
            (Some(wanted), Some((id, tracked)), false) => {
                return self.keep_or_replace(at, (wanted, id, tracked), wish, edits, plan);
            }
            (None, Some((id, tracked)), false) => return self.withdraw(at, id, tracked, wish.unwanted(slot), plan),
            (Some(wanted), None, false) => return self.fill(at, wanted, edits, plan),
            _ => {}
        }
        let want: Vec<&NewOrder> = wish.want.iter().filter(|o| same(o)).collect();
        let live: Vec<Live<'_>> =
            live.iter().filter(|(_, t)| same(&t.order)).map(|(id, tracked)| (*id, tracked)).collect();
        let may_stay = |wanted: &NewOrder, tracked: &Tracked| {
            matches!(tracked.state, OrderState::PendingNew | OrderState::Open(_))
                && danger(tracked, wanted, wish).is_none()
                && self.misfit(tracked, wanted, wish).is_none()
        };
        let (pairs, surplus, free) = pair(&want, &live, may_stay);
        let why = if want.is_empty() { wish.unwanted(slot) } else { CancelWhy::Surplus };
        for (id, tracked) in surplus {
            self.withdraw(at, id, tracked, why, plan);
        }
        for (wanted, id, tracked) in pairs {
            self.keep_or_replace(at, (wanted, id, tracked), wish, edits, plan);
        }
        for wanted in free {
            self.fill(at, wanted, edits, plan);
        }
    }

    /// Places into a slot nobody occupies, as soon as the floors allow.
    fn fill(&self, at: Timestamp, wanted: &NewOrder, edits: &Edits, plan: &mut Plan) {
        let floor = edits.last.map(|t| t.plus(self.rules.min_edit_interval)).filter(|_| edits.unfinished == 0);
        match floor.max(edits.not_before).filter(|t| at < *t) {
            Some(later) => plan.look_again(later),
            None => plan.places.push(*wanted),
        }
    }

    fn keep_or_replace(
        &self,
        at: Timestamp,
        (wanted, id, tracked): (&NewOrder, ClientOrderId, &Tracked),
        wish: &Wish<'_>,
        edits: &Edits,
        plan: &mut Plan,
    ) {
        match tracked.state {
            OrderState::PendingCancel(_) => return self.withdraw(at, id, tracked, CancelWhy::Surplus, plan),
            OrderState::Unknown | OrderState::Done(_) => return,
            OrderState::PendingNew | OrderState::Open(_) => {}
        }
        if let Some(why) = danger(tracked, wanted, wish) {
            return self.withdraw(at, id, tracked, why, plan);
        }
        let is_settled = matches!(tracked.state, OrderState::Open(_));
        let Some(why) = self.misfit(tracked, wanted, wish).filter(|_| is_settled) else { return };
        let floor = edits.last.map(|t| t.plus(self.rules.min_edit_interval));
        let failed = tracked.cancel_failed.map(|t| t.plus(CANCEL_FAILED_WAIT));
        match floor.max(failed).filter(|t| at < *t) {
            Some(later) => plan.look_again(later),
            None => plan.cancels.push(Edit { id, dangerous: false, why }),
        }
    }

    /// Why an order may not stay: outside the do-nothing zone, off the grid, or not scoring where the wanted one would.
    fn misfit(&self, tracked: &Tracked, wanted: &NewOrder, wish: &Wish<'_>) -> Option<CancelWhy> {
        let (have, left) = (&tracked.order, tracked.remaining());
        if have.tif != wanted.tif || have.post_only != wanted.post_only {
            return Some(CancelWhy::OtherKind);
        }
        if !have.price.is_on(wish.tick) {
            return Some(CancelWhy::OffTick { price: have.price, tick: wish.tick });
        }
        if let Some(why) = wish.band.and_then(|band| band.lost(have, left, wanted)) {
            return Some(why);
        }
        let same_price = have.price == wanted.price;
        if !same_price && have.price.distance(wanted.price) >= self.rules.do_nothing_price {
            let units = i32::from(wanted.price.ten_thousandths()) - i32::from(have.price.ten_thousandths());
            let ticks = units / i32::from(wish.tick.ten_thousandths());
            return Some(CancelWhy::Moved { from: have.price, to: wanted.price, ticks });
        }
        if left == wanted.qty {
            return None;
        }
        let size_gap = u128::from(left.micro().abs_diff(wanted.qty.micro())) * 100;
        let size_zone = u128::from(wanted.qty.micro()) * u128::from(self.rules.do_nothing_size_percent);
        (size_gap >= size_zone).then_some(CancelWhy::Resized { from: left, to: wanted.qty })
    }

    /// Cancels now, unless that is already under way or impossible.
    fn withdraw(&self, at: Timestamp, id: ClientOrderId, tracked: &Tracked, why: CancelWhy, plan: &mut Plan) {
        let wait = match tracked.state {
            OrderState::PendingNew | OrderState::Open(_) => tracked.cancel_failed.map(|t| t.plus(CANCEL_FAILED_WAIT)),
            OrderState::PendingCancel(_) => tracked.cancel_sent.map(|t| t.plus(CANCEL_AGAIN)),
            OrderState::Unknown | OrderState::Done(_) => return,
        };
        match wait.filter(|t| at < *t) {
            Some(later) => plan.look_again(later),
            None => plan.cancels.push(Edit { id, dangerous: true, why }),
        }
    }
}

/// Why an order must go at once: it buys more than may be held, or it stands at or through the reservation price and would not if it
/// were what is wanted.
fn danger(tracked: &Tracked, wanted: &NewOrder, wish: &Wish<'_>) -> Option<CancelWhy> {
    let (order, left) = (&tracked.order, tracked.remaining());
    let most = wish.most[usize::from(order.token.outcome == Outcome::No)];
    if order.side == Side::Buy && left > most {
        return Some(CancelWhy::TooMuch { left, most });
    }
    let reservation2x = wish.reservation2x?;
    let ((side, price), (_, to)) = (order.in_yes_terms(), wanted.in_yes_terms());
    let price2x = 2 * price.ten_thousandths();
    let through = match side {
        Side::Buy => price2x >= reservation2x && price > to,
        Side::Sell => price2x <= reservation2x && price < to,
    };
    through.then_some(CancelWhy::Through { price, reservation2x, to })
}

type Live<'a> = (ClientOrderId, &'a Tracked);
type Pairs<'a> = (Vec<(&'a NewOrder, ClientOrderId, &'a Tracked)>, Vec<Live<'a>>, Vec<&'a NewOrder>);

/// Gives live orders to wanted ones: as many as can be to one they may stay for, the rest in order of price. Left over: live orders
/// nobody wants, and wanted orders with a free slot.
fn pair<'a>(want: &[&'a NewOrder], live: &[Live<'a>], fits: impl Fn(&NewOrder, &Tracked) -> bool) -> Pairs<'a> {
    let mut want: Vec<&NewOrder> = want.to_vec();
    want.sort_by_key(|o| o.price);
    let mut live: Vec<Live<'_>> = live.to_vec();
    // among equals the oldest stays: it stands first in its queue
    live.sort_by_key(|(id, t)| (t.order.price, *id));
    let mut taken: Vec<Option<usize>> = vec![None; live.len()];
    for n in 0..want.len() {
        let mut seen = vec![false; live.len()];
        seat(n, &|n, ix| fits(want[n], live[ix].1), &mut taken, &mut seen);
    }
    let mut pairs: Vec<(&NewOrder, ClientOrderId, &Tracked)> = Vec::new();
    let mut kept = vec![false; want.len()];
    let mut left = Vec::new();
    for ((id, tracked), taken) in live.into_iter().zip(taken) {
        match taken {
            Some(n) => {
                kept[n] = true;
                pairs.push((want[n], id, tracked));
            }
            None => left.push((id, tracked)),
        }
    }
    let mut open: Vec<&NewOrder> = want.into_iter().zip(kept).filter(|(_, kept)| !kept).map(|(w, _)| w).collect();
    let common = open.len().min(left.len());
    let free = open.split_off(common);
    let surplus = left.split_off(common);
    pairs.extend(open.into_iter().zip(left).map(|(w, (id, t))| (w, id, t)));
    (pairs, surplus, free)
}

/// Finds wanted order `n` a live one, moving others if they can be moved: one augmenting path of a matching.
fn seat(n: usize, fits: &dyn Fn(usize, usize) -> bool, taken: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for ix in 0..taken.len() {
        if seen[ix] || !fits(n, ix) {
            continue;
        }
        seen[ix] = true;
        if taken[ix].is_none_or(|other| seat(other, fits, taken, seen)) {
            taken[ix] = Some(n);
            return true;
        }
    }
    false
}
