//! The same quotes, looked at again where nothing has changed but how much rests at levels that count before and after.
//!
//! Such a change moves no best level, no midpoint and no limit: only what the others score. So the search is asked again, and if it
//! answers as before, all that follows from its answer is as it was, but for what the quotes are expected to bring.

use super::near::{self, Level, Near};
use super::rivals::Rivals;
use super::{Midpoint, NewOrder, Scratch, Strategy, Value, View, Why, funded, wanted_rewards};
use super::{ladder, reward, value};
use crate::rewards::Depth;

/// What quotes were found from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The quotes themselves.
    pub(super) pair: ladder::Pair,
    /// Where they are measured from, with them in the book; `None` where they are not.
    pub(super) scoring: Option<Midpoint>,
    /// What was searched; `None` where nothing was.
    pub(super) searched: Option<Searched>,
}

/// A search, and what it found before holdings and caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searched {
    pub(super) within: reward::Within,
    pub(super) found: ladder::Pair,
}

impl Basis {
    /// What the quotes, as `orders`, are expected to bring.
    pub(super) fn value<B, I: Iterator<Item = Level>>(
        &self,
        view: &View<'_, B>,
        fair: Midpoint,
        near: &mut Near<'_, I>,
        rivals: &mut Rivals,
        orders: &[NewOrder],
    ) -> Option<Value> {
        let (terms, scoring) = (funded(view.market)?, self.scoring?);
        let costs = (view.params.cost.as_ref(), view.recent.extra_dollars());
        let levels = self.pair.levels();
        let levels = [levels[0].as_slice(), levels[1].as_slice()];
        let value = value::value((near, rivals), terms, costs, fair, scoring, levels);
        Some(value.paying(view.room.money, orders))
    }
}

/// Why the quotes of a `basis` are still wanted, where since they were only sizes in the book have changed, of levels with the scoring
/// size before and after, our own orders left out, and the fair value does not follow sizes.
///
/// # Errors
/// Perhaps others are wanted: what was found for them, if that is known.
pub fn again<B: Depth>(
    view: &View<'_, B>,
    why: &Why,
    basis: &Basis,
    scratch: &mut Scratch,
) -> Result<Why, Option<Searched>> {
    let Scratch { near, rivals, search } = scratch;
    rivals.forget();
    let mut near = near::read(view.book, view.own, near);
    if let Some(Searched { within, found }) = &basis.searched {
        let (Some(terms), Some(cost)) = (wanted_rewards(view), view.params.cost.as_ref()) else { return Err(None) };
        match reward::plan(view, (&mut near, rivals, search), terms, cost, within) {
            Ok(Some(now)) if now == *found => {}
            Ok(Some(found)) => return Err(Some(Searched { within: *within, found })),
            Ok(None) | Err(_) => return Err(None),
        }
    }
    let value = basis.value(view, why.fair.value, &mut near, rivals, &basis.pair.sorted(view.row));
    let pays =
        why.strategy != Strategy::Reward || why.lean_ticks != 0 || value.is_none_or(|v| v.net_per_day().micro() > 0);
    if pays { Ok(Why { value, ..*why }) } else { Err(basis.searched) }
}
