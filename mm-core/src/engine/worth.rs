//! Whether a better quote is worth the edit (`strategy.md` section 6): what it brings until the next forced move, against the samples
//! missed meanwhile and what may go wrong. A move gives up a place in a queue and takes the last one of another: that counts for it or
//! against it, as fills earn or lose (`quote::place_gain`).

use super::Engine;
use super::decide::Situation;
use super::horizon::{Horizon, Watched};
use crate::domain::{MarketIx, Nanos, NewOrder, Price, SignedUsdc, Usdc, cost_ceil};
use crate::orders::{Edit, OrderState, Plan};
use crate::quote::{Queue, Scratch, Strategy, Why, place_gain, value_of};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;
/// From a cancel to the answer to the placement that follows it: two calls of the venue.
const TWO_CALLS: Nanos = Nanos::from_ms(500);
/// Before anything was refused, one placement in so many counts as refused.
const REFUSED_AT_FIRST: i128 = 20;

/// What an edit would change.
#[derive(Clone, Copy, Debug)]
struct Stakes {
    /// Expected dollars a day of what is wanted.
    new_per_day: SignedUsdc,
    /// Expected dollars a day of what rests.
    old_per_day: SignedUsdc,
    /// What the places of the new orders bring a day beyond those of the old ones.
    places_per_day: SignedUsdc,
    /// The reward in what rests.
    reward_per_day: Usdc,
    /// How long orders here have rested before a move was forced.
    rest: Nanos,
    /// How long nothing scores in between.
    gap: Nanos,
    /// Placements made and refused here.
    placed: u32,
    refused: u32,
    /// What a placement that fails costs: a tick on all its shares.
    exposed: Usdc,
}

/// An edit that was not worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it would have brought until the next forced move.
    pub gain: SignedUsdc,
    /// How much of that by other places in queues.
    #[serde(default)]
    pub places: SignedUsdc,
    /// What it would have cost.
    pub cost: SignedUsdc,
    /// How long orders here rest.
    pub rest: Nanos,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.rest.ms() / 1000;
        write!(f, "kept: a move would bring {} USD in {secs} s", self.gain)?;
        if self.places != SignedUsdc::ZERO {
            write!(f, ", {} of it by other places in queues,", self.places)?;
        }
        write!(f, " and cost {}", self.cost)
    }
}

impl Stakes {
    /// `None` when the edit is worth it.
    fn kept(&self) -> Option<Kept> {
        let places = i128::from(self.places_per_day.micro()) * i128::from(self.rest.nanos());
        let better = i128::from(self.new_per_day.micro()) - i128::from(self.old_per_day.micro());
        let missed = i128::from(self.reward_per_day.micro()) * i128::from(self.gap.nanos());
        let failed = i128::from(self.exposed.micro()) * (i128::from(self.refused) + 1)
            / (i128::from(self.placed) + REFUSED_AT_FIRST);
        // both sides in millionths of a dollar times nanoseconds of a day
        let gain = better * i128::from(self.rest.nanos()) + places;
        let cost = missed + failed * DAY;
        let dollars = |n: i128| SignedUsdc::from_micro(i64::try_from(n / DAY).unwrap_or(i64::MAX));
        let kept = || Kept { gain: dollars(gain), places: dollars(places), cost: dollars(cost), rest: self.rest };
        (gain <= cost).then(kept)
    }
}

/// Whether an edit is only for the sake of what it brings.
pub(super) const fn is_by_value(edit: &Edit) -> bool {
    !edit.dangerous && edit.why.is_a_matter_of_value()
}

impl Engine {
    /// Why what rests is kept though something better is wanted, and how deep the book was read for that. Where a strategy
    /// looks for something else, and while quotes lean for what is held, the floors alone decide: this value knows no inventory.
    pub(super) fn weighed(
        &self,
        ix: MarketIx,
        why: &Why,
        want: &[NewOrder],
        plan: &Plan,
        situation: Situation<'_>,
        scratch: &mut Scratch,
    ) -> (Option<Kept>, Horizon) {
        let state = &self.markets[ix.index()];
        let book = Watched::new(&state.book);
        let tells = why.strategy == Strategy::Reward && why.lean_ticks == 0;
        let view = self.view(ix, &book, situation).filter(|_| tells);
        let old = view.and_then(|view| value_of(&view, &self.unedited(ix, want, plan), scratch));
        let (Some(new), Some(old)) = (why.value, old) else { return (None, book.horizon()) };
        let (rest, placed, refused) = self.orders.edit_history(ix);
        let floor = self.config.orders.min_edit_interval;
        let min_age = state.quoted.rewards.as_ref().map(|terms| terms.min_age).unwrap_or_default();
        let tick = state.book.tick().ten_thousandths();
        let tick = Price::from_ten_thousandths(tick).expect("a tick is at most ten cents");
        let stakes = Stakes {
            new_per_day: new.net_per_day(),
            old_per_day: old.net_per_day(),
            places_per_day: self.places_gain(ix, why, want, plan, (&book, situation)),
            reward_per_day: old.reward_per_day,
            rest: rest.unwrap_or(self.config.orders.expected_rest).max(floor),
            gap: Nanos::from_nanos(TWO_CALLS.nanos().saturating_add(min_age.nanos())),
            placed,
            refused,
            exposed: want.iter().fold(Usdc::ZERO, |sum, order| sum.saturating_add(cost_ceil(tick, order.qty))),
        };
        (stakes.kept(), book.horizon())
    }

    /// What places in queues the edits for the sake of value would bring a day beyond those they give up.
    fn places_gain(
        &self,
        ix: MarketIx,
        why: &Why,
        want: &[NewOrder],
        plan: &Plan,
        (book, (_, own, ..)): (&Watched<'_>, Situation<'_>),
    ) -> SignedUsdc {
        let cost = self.params[ix.index()].as_ref().and_then(|params| params.cost.as_ref());
        let (Some(cost), state, markout) = (cost, &self.markets[ix.index()], self.recent(ix).markout) else {
            return SignedUsdc::ZERO;
        };
        // what we have at a price goes, or stays where it is: it is in nobody's way but its own
        let others = |order: &NewOrder| {
            let at = order.in_yes_terms();
            let ours = own.shown.iter().filter(|own| own.in_yes_terms() == at);
            ours.fold(book.size_at(at.0, at.1), |left, own| left.saturating_sub(own.qty))
        };
        let gain = |edit: &Edit| {
            let tracked = self.orders.get(edit.id)?;
            let from = NewOrder { qty: tracked.remaining(), ..tracked.order };
            let to = want.iter().find(|order| (order.token, order.side) == (from.token, from.side))?;
            let there = others(&from);
            let queue = Queue { others: there, ahead: state.places.ahead(edit.id, there) };
            let gain = place_gain(cost, markout, why.fair.value, [(&from, queue), (to, Queue::back(others(to)))]);
            Some(gain.micro())
        };
        SignedUsdc::from_micro(plan.cancels.iter().filter(|edit| is_by_value(edit)).filter_map(gain).sum())
    }

    /// What would rest without the edits that are only worth what they bring: what stays, and what is wanted where nothing stays.
    fn unedited(&self, ix: MarketIx, want: &[NewOrder], plan: &Plan) -> Vec<NewOrder> {
        let goes = |id| plan.cancels.iter().any(|edit| edit.id == id && !is_by_value(edit));
        let mut rests: Vec<NewOrder> = self
            .orders
            .live_in(ix)
            .filter(|(id, tracked)| !goes(*id) && !matches!(tracked.state, OrderState::PendingCancel(_)))
            .map(|(_, tracked)| NewOrder { qty: tracked.remaining(), ..tracked.order })
            .collect();
        let stays = rests.len();
        for wanted in want {
            let slot = |order: &NewOrder| (order.token, order.side);
            if rests[..stays].iter().all(|order| slot(order) != slot(wanted)) {
                rests.push(*wanted);
            }
        }
        rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAKES: Stakes = Stakes {
        new_per_day: SignedUsdc::from_micro(12_000_000),
        old_per_day: SignedUsdc::from_micro(10_000_000),
        places_per_day: SignedUsdc::ZERO,
        reward_per_day: Usdc::from_micro(20_000_000),
        rest: Nanos::from_secs(60),
        gap: Nanos::from_secs(4),
        placed: 0,
        refused: 0,
        exposed: Usdc::ZERO,
    };

    fn check(change: impl FnOnce(&mut Stakes), expected: &str) {
        let mut stakes = STAKES;
        change(&mut stakes);
        assert_eq!(stakes.kept().map_or_else(|| "moved".to_owned(), |kept| kept.to_string()), expected);
    }

    #[test]
    fn an_edit_pays_for_what_it_misses_and_risks() {
        // two dollars a day for a minute are 0.001388, four seconds of twenty are 0.000925
        check(|_| (), "moved");
        check(|s| s.rest = Nanos::from_secs(40), "kept: a move would bring 0.000925 USD in 40 s and cost 0.000925");
        check(|s| s.rest = Nanos::from_secs(41), "moved");
        check(|s| s.gap = Nanos::from_secs(7), "kept: a move would bring 0.001388 USD in 60 s and cost 0.00162");
        // a tick of thirty shares, one time in twenty
        check(
            |s| s.exposed = Usdc::from_micro(300_000),
            "kept: a move would bring 0.001388 USD in 60 s and cost 0.015925",
        );
        check(|s| (s.exposed, s.placed) = (Usdc::from_micro(300_000), 980), "moved");
        check(
            |s| (s.exposed, s.placed, s.refused) = (Usdc::from_micro(300_000), 980, 1),
            "kept: a move would bring 0.001388 USD in 60 s and cost 0.001525",
        );
        // a place worth 72 cents a day is given up, or left to others gladly
        check(
            |s| s.places_per_day = SignedUsdc::from_micro(-720_000),
            "kept: a move would bring 0.000888 USD in 60 s, -0.0005 of it by other places in queues, and cost 0.000925",
        );
        check(|s| (s.gap, s.places_per_day) = (Nanos::from_secs(7), SignedUsdc::from_micro(720_000)), "moved");
        check(
            |s| s.new_per_day = SignedUsdc::from_micro(9_000_000),
            "kept: a move would bring -0.000694 USD in 60 s and cost 0.000925",
        );
    }
}
